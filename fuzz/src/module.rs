//! Modules by hand: imports of the VM, functions without parameters, one memory, one data segment.

use parity_scale_codec::Encode;
use vm_core::abi::{HostFunction, IMPORT_MODULE, INTERFACE_SECTION, MEMORY_EXPORT, WasmType};
use vm_core::interface::Interface;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// A module under construction. Import what is needed before the first export.
#[derive(Clone, Debug, Default)]
pub struct Wasm {
    imports: Vec<HostFunction>,
    exports: Vec<(String, Function)>,
    data: Vec<(u32, Vec<u8>)>,
}

impl Wasm {
    /// Imports a host function.
    pub fn import(&mut self, function: HostFunction) {
        self.imports.push(function);
    }

    /// The index of an imported function.
    ///
    /// # Panics
    ///
    /// If it is not imported.
    #[must_use]
    pub fn index(&self, function: HostFunction) -> u32 {
        let at = self.imports.iter().position(|import| *import == function).unwrap();
        u32::try_from(at).unwrap()
    }

    /// Adds an exported function without parameters and results.
    pub fn export(&mut self, name: &str, body: Function) {
        self.exports.push((name.into(), body));
    }

    /// Puts bytes at an address of the memory.
    pub fn data(&mut self, at: u32, bytes: Vec<u8>) {
        self.data.push((at, bytes));
    }

    /// The module, with a memory of so many pages at first and at most.
    #[must_use]
    pub fn build(&self, pages: (u64, u64)) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        for (index, function) in (1u32..).zip(&self.imports) {
            let info = function.info();
            let value = |ty: WasmType| if ty == WasmType::I32 { ValType::I32 } else { ValType::I64 };
            types.ty().function(info.params.iter().map(|param| value(param.2)), info.result.map(value));
            imports.import(IMPORT_MODULE, info.name, EntityType::Function(index));
        }
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut exports = ExportSection::new();
        exports.export(MEMORY_EXPORT, ExportKind::Memory, 0);
        let imported = u32::try_from(self.imports.len()).unwrap();
        for (index, (name, body)) in (imported..).zip(&self.exports) {
            functions.function(0);
            code.function(body);
            exports.export(name, ExportKind::Func, index);
        }
        let mut memories = MemorySection::new();
        let (minimum, maximum) = (pages.0, Some(pages.1));
        memories.memory(MemoryType {
            minimum,
            maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut data = DataSection::new();
        for (at, bytes) in &self.data {
            data.active(0, &ConstExpr::i32_const(i32::try_from(*at).unwrap()), bytes.iter().copied());
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports);
        module.section(&code).section(&data);
        module.finish()
    }
}

/// `wasm` with the interface section appended.
#[must_use]
pub fn with_interface(mut wasm: Vec<u8>, interface: &Interface) -> Vec<u8> {
    use wasm_encoder::{Encode as _, Section as _};
    let data = interface.encode();
    let section =
        wasm_encoder::CustomSection { name: INTERFACE_SECTION.into(), data: data.as_slice().into() };
    wasm.push(section.id());
    section.encode(&mut wasm);
    wasm
}
