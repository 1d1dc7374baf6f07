//! What to do about a module that is refused.
//!
//! The names are those of [`ModuleError`] and [`InterfaceError`]: programs may rely on them.

use serde::Serialize;
use vm_core::interface::InterfaceError;
use vm_host::ModuleError;

/// Why nodes refuse something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The error's name, for programs: `ForeignImport`, `Interface.BadName`.
    pub name: String,
    /// What is wrong, and where.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

impl From<&ModuleError> for Refusal {
    fn from(error: &ModuleError) -> Self {
        Self { name: name(error), message: error.to_string(), help: help(error) }
    }
}

/// The error's name.
fn name(error: &ModuleError) -> String {
    match error {
        ModuleError::Interface(inner) => format!("Interface.{}", variant(inner)),
        other => variant(other),
    }
}

/// The name of an enum's variant: what its `Debug` begins with.
fn variant(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

/// What to do about a refusal.
#[must_use]
pub const fn help(error: &ModuleError) -> &'static str {
    match error {
        ModuleError::Empty | ModuleError::NotWasm => {
            "give the NAME.wasm that `vm build` writes: a core module, neither a component nor wasm as text"
        }
        ModuleError::TooLong { .. } => {
            "make it smaller: `vm build` shows which functions are large, and takes names and debug sections out"
        }
        ModuleError::Malformed { .. } => {
            "build it for the MVP with sign-ext and bulk-memory, as `vm build` does; if it was built so, the file is damaged"
        }
        ModuleError::Limit { .. } => {
            "docs/limits.md lists what a module may have; split the contract or simplify it"
        }
        ModuleError::ForeignImport { .. } => {
            "take out what needs an operating system or JavaScript (wasi, wasm-bindgen, env); docs/abi.md lists what is offered"
        }
        ModuleError::ImportSignature { .. } => "declare it as docs/abi.md does, or use contract-sdk's",
        ModuleError::StartFunction => {
            "do what it does in the function marked #[init], or link with --no-entry"
        }
        ModuleError::MemoryCount { .. } => {
            "define one memory in the module; do not import it (no --import-memory)"
        }
        ModuleError::MemoryWithoutMaximum => "link with --max-memory=BYTES, a multiple of 65536",
        ModuleError::Operator { .. } => "contracts have no tables that change: build without reference-types",
        ModuleError::UnknownExport(_) => {
            "export nothing else: a build by `vm build` drops linkers' exports, and functions need #[init], #[call] or #[view]"
        }
        ModuleError::MissingExport(_) => {
            "export each function of the interface under its name, or take it out of there"
        }
        ModuleError::ExportSignature(_) => {
            "read arguments with vm.input and return with vm.ret (docs/abi.md)"
        }
        ModuleError::ReExport(_) => "wrap the host function in one of your own",
        ModuleError::NoMemoryExport => "export the memory as \"memory\" (linkers do by default)",
        ModuleError::InterfaceCount { .. } => {
            "build it with `vm build`: #[contract] makes the section; other languages add it themselves (docs/interface.md)"
        }
        ModuleError::Interface(error) => interface_help(error),
    }
}

const fn interface_help(error: &InterfaceError) -> &'static str {
    match error {
        InterfaceError::TooLong { .. } => {
            "shorten the functions' docs or lists of types: docs/limits.md, interface_bytes"
        }
        InterfaceError::Malformed => "encode it as docs/format.md says; `vm build` does",
        InterfaceError::BadName(_) => "use letters, digits and _, at most 64 bytes",
        InterfaceError::Duplicate(_) => "rename one of the two",
        InterfaceError::TooDeep(_) => "flatten it: types nest at most 16 deep",
        InterfaceError::ZeroSize(_) => "leave the list out: its elements hold nothing",
        InterfaceError::ArrayTooLarge(_) => {
            "use a list (vec) in place of the array: arrays hold at most 65536 elements together"
        }
        InterfaceError::BadKey(_) => {
            "keys of maps and members of sets are plain types: numbers, strings, bytes, ids"
        }
        InterfaceError::BadEnum(_) => "give it 1 to 256 variants",
        InterfaceError::BadFlags(_) => "a view is neither payable nor the initialiser (docs/interface.md)",
        InterfaceError::TwoInits => "mark one function only with #[init]",
    }
}
