//! The contract under test: its native code, its module, or both.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use parity_scale_codec::DecodeAll;
use vm_core::abi::{INTERFACE_SECTION, MEMORY_EXPORT};
use vm_core::interface::Interface;
use vm_core::{Hash, Params};
use vm_host::validate_module;
use wasm_encoder::{
    CodeSection, CustomSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection,
    MemoryType, Module, TypeSection,
};

use super::native::Entries;

/// Names the folder of built modules, where that is not the crate's own `target/vm`: `vm test` sets it.
const MODULES: &str = "VM_TEST_MODULES";

/// How contracts run in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As native code, where there is some.
    Native,
    /// As the modules that `vm build` made.
    Wasm,
}

impl Mode {
    /// What the environment variable `VM_TEST` says: `native`, which is meant without it too, or `wasm`.
    ///
    /// # Panics
    ///
    /// If it says anything else.
    #[must_use]
    pub fn chosen() -> Self {
        match std::env::var("VM_TEST").as_deref() {
            Err(_) | Ok("native") => Self::Native,
            Ok("wasm") => Self::Wasm,
            Ok(other) => panic!("VM_TEST={other}: it is `native` or `wasm`"),
        }
    }
}

/// A contract that can be deployed.
#[derive(Clone, Debug)]
pub struct Code {
    pub(crate) interface: Interface,
    /// What is stored on the chain.
    pub(crate) module: Vec<u8>,
    pub(crate) entries: Option<Entries>,
    /// Whether the module only stands in for the native code: it has the interface, and no code.
    pub(crate) is_stub: bool,
    /// Where `vm build` puts the module.
    built: PathBuf,
}

/// The code of the contract in this module: `code!(token)`, `code!(crate::token)`, or of a contract crate that is a
/// dependency, `code!(token::token)`.
#[macro_export]
macro_rules! code {
    ($($module:ident)::+) => {
        $crate::testing::Code::native(
            &$($module)::+::contract_sdk_generated::INTERFACE_BYTES,
            $($module)::+::contract_sdk_generated::ENTRIES,
            env!("CARGO_MANIFEST_DIR"),
            env!("CARGO_PKG_NAME"),
        )
    };
}

impl Code {
    /// What [`code!`](macro@crate::code) makes: the interface's bytes, the exports, and the folder and name of the crate.
    /// `target/vm` below the folder (or the folder that `VM_TEST_MODULES` names) holds the module if it was built, named
    /// after the crate, or else after the contract.
    ///
    /// # Panics
    ///
    /// If the bytes are no interface.
    #[must_use]
    pub fn native(interface: &[u8], entries: Entries, folder: &str, package: &str) -> Self {
        let decoded = Interface::decode_all(&mut &*interface).expect("`#[contract]` writes an interface");
        let modules = std::env::var_os(MODULES).filter(|modules| !modules.is_empty());
        let modules = modules.map_or_else(|| Path::new(folder).join("target/vm"), PathBuf::from);
        let names = [package.replace('-', "_"), decoded.name.clone()];
        let [built, of_contract] = names.map(|name| modules.join(format!("{name}.wasm")));
        // A module of another interface was built from an earlier source: its code would not be this one's.
        let fitting = |path: &PathBuf| {
            std::fs::read(path).ok().filter(|module| {
                validate_module(module, &Params::default()).is_ok_and(|info| info.interface == decoded)
            })
        };
        let module = fitting(&built).or_else(|| fitting(&of_contract));
        let is_stub = module.is_none();
        let module = module.unwrap_or_else(|| stub(&decoded, interface));
        Self { interface: decoded, module, entries: Some(entries), is_stub, built }
    }

    /// A contract that there is only as a module.
    ///
    /// # Panics
    ///
    /// If nodes would refuse it.
    #[must_use]
    pub fn wasm(module: impl Into<Vec<u8>>) -> Self {
        let module = module.into();
        let info = validate_module(&module, &Params::default());
        let interface = info.unwrap_or_else(|error| panic!("the module is refused: {error}")).interface;
        Self { interface, module, entries: None, is_stub: false, built: PathBuf::new() }
    }

    /// The contract's native code with this module on the chain: prices, and what other contracts call, are the
    /// module's.
    ///
    /// # Panics
    ///
    /// If nodes would refuse the module, or its interface is another one.
    #[must_use]
    pub fn with_module(self, module: impl Into<Vec<u8>>) -> Self {
        let other = Self::wasm(module);
        assert_eq!(other.interface, self.interface, "the module is of another source: build it again");
        Self { module: other.module, is_stub: false, ..self }
    }

    /// Names the code on the chain: for deployments by contracts.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of_code(&self.module)
    }

    /// The contract's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.interface.name
    }

    /// What the contract offers.
    #[must_use]
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Panics where a module is needed and there is none.
    pub(crate) fn require_module(&self, why: &str) {
        assert!(
            !self.is_stub,
            "{why}: there is no module of `{}` for this source at {}: run `vm build` first",
            self.name(),
            self.built.display()
        );
    }
}

/// A module with this interface whose exports do nothing: what a chain stores of native code that was not built.
fn stub(interface: &Interface, bytes: &[u8]) -> Vec<u8> {
    let (mut types, mut functions, mut code) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    let mut exports = ExportSection::new();
    exports.export(MEMORY_EXPORT, ExportKind::Memory, 0);
    for (index, function) in (0u32..).zip(&interface.functions) {
        functions.function(0);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
        exports.export(&function.name, ExportKind::Func, index);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: Some(16),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let section = CustomSection { name: INTERFACE_SECTION.into(), data: bytes.into() };
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.section(&section);
    module.finish()
}

impl core::fmt::Display for Mode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
        })
    }
}

/// For messages.
pub(crate) fn names(interface: &Interface) -> String {
    interface.functions.iter().map(|function| function.name.to_string()).collect::<Vec<_>>().join(", ")
}
