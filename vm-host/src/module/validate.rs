//! What a module may contain (R60 to R62): our own pass, stricter than any limit of the engine, so that the engine
//! never decides.
//!
//! One linear pass over the bytes with the same wasmparser that wasmi uses: every section is measured against its
//! limit before anything is allocated for it, and every operator is type-checked and looked at. Work and memory are
//! linear in the module's length, which is limited.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named here is the validator's to judge by its features"
)]

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use vm_core::abi::{HostFunction, IMPORT_MODULE, INTERFACE_SECTION, MEMORY_EXPORT, WasmType};
use vm_core::interface::{Interface, InterfaceError};
use vm_core::{Limits, Params};
use wasmparser::{
    ExternalKind, FuncType, FuncValidatorAllocations, Operator, Parser, Payload, TableInit, TypeRef, ValType,
    ValidPayload, Validator, WasmFeatures,
};

/// Why a module is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// No bytes at all.
    #[error("the module is empty")]
    Empty,
    /// Bytes that don't begin as a wasm module does: another file type, or wasm in text form.
    #[error("not a wasm module: it must begin with the bytes 00 61 73 6d 01 00 00 00")]
    NotWasm,
    /// More bytes than a module may have.
    #[error("{found} bytes, more than the limit of {limit}")]
    TooLong {
        /// The length found.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// Cut short, malformed, ill-typed, or with a feature that is off.
    #[error("at byte {offset}: {message}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What wasmparser says; for people only.
        message: String,
    },
    /// More of something than the limit.
    #[error("{found} {what}, more than the limit of {limit}")]
    Limit {
        /// Of what, and where.
        what: String,
        /// How much.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// An import that the VM does not offer.
    #[error("import {module}.{name} is not offered: contracts import functions from `vm` only (docs/abi.md)")]
    ForeignImport {
        /// The module imported from.
        module: String,
        /// The import's name.
        name: String,
    },
    /// A host function imported with another signature.
    #[error("import vm.{name} has signature {found}, the VM's is {expected}")]
    ImportSignature {
        /// The import's name.
        name: String,
        /// The signature found.
        found: String,
        /// The VM's.
        expected: String,
    },
    /// A start function, which would run outside every call.
    #[error("a start function is not allowed")]
    StartFunction,
    /// No memory, more than one, or an imported one.
    #[error("a module must define exactly one memory, found {found}")]
    MemoryCount {
        /// How many.
        found: u64,
    },
    /// A memory without a declared maximum.
    #[error("the memory declares no maximum (link with --max-memory)")]
    MemoryWithoutMaximum,
    /// An operator that contracts may not use.
    #[error("function {function}: operator {operator} is not allowed")]
    Operator {
        /// The function's index.
        function: u32,
        /// The operator.
        operator: String,
    },
    /// An export that is neither the memory nor a function of the interface.
    #[error("export {0:?} is neither the memory nor a function of the interface")]
    UnknownExport(String),
    /// A function of the interface without an export.
    #[error("the interface has a function {0:?} that the module does not export")]
    MissingExport(String),
    /// An exported function that takes or returns wasm values.
    #[error("export {0:?} must take no wasm parameters and return no results")]
    ExportSignature(String),
    /// An imported function exported again.
    #[error("export {0:?} is an imported function")]
    ReExport(String),
    /// No memory export.
    #[error("the memory is not exported as `memory`")]
    NoMemoryExport,
    /// No interface section, or more than one.
    #[error("a module must have exactly one custom section `vm.interface`, found {found}")]
    InterfaceCount {
        /// How many.
        found: u64,
    },
    /// A bad interface section.
    #[error("the interface section: {0}")]
    Interface(#[from] InterfaceError),
}

/// What validation learns of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleInfo {
    /// The interface that it carries.
    pub interface: Interface,
    /// Pages of memory at the start.
    pub pages: u32,
    /// Pages that the memory may grow to: the declared maximum, or the chain's limit where that is smaller.
    pub pages_max: u32,
    /// Imports, exports, functions, globals, table elements, data and element segments: what starting an instance costs.
    pub items: u32,
    /// Bytes that data segments copy into the memory at the start.
    pub data_bytes: u32,
    /// Bytes of the module.
    pub code_bytes: u32,
    /// The mutable globals, by index.
    pub mutable_globals: Vec<u32>,
    /// Whether an operator drops a data segment, after which no later call could initialise memory from it.
    pub drops_data: bool,
    /// Pages (64 KiB) that a frame's wasm stack can take at the deepest: the widest function, nested to the limit.
    pub stack_pages: u32,
}

/// Checks `code` as deployment does.
///
/// # Errors
///
/// [`ModuleError`], naming the section, function or import.
pub fn validate_module(code: &[u8], params: &Params) -> Result<ModuleInfo, ModuleError> {
    let limits = params.limits();
    let found = u64::try_from(code.len()).unwrap_or(u64::MAX);
    if found > limits.code_bytes.into() {
        return Err(ModuleError::TooLong { found, limit: limits.code_bytes });
    }
    if code.is_empty() {
        return Err(ModuleError::Empty);
    }
    if !code.starts_with(b"\0asm\x01\0\0\0") {
        return Err(ModuleError::NotWasm);
    }
    Pass::new(limits, params.features().bulk_memory).run(code)
}

fn features(bulk_memory: bool) -> WasmFeatures {
    // GC_TYPES lets wasmparser represent `funcref` at all; no GC proposal is on.
    let mut features = WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::GC_TYPES;
    features.set(WasmFeatures::BULK_MEMORY, bulk_memory);
    features
}

fn malformed(error: &wasmparser::BinaryReaderError) -> ModuleError {
    let offset = u64::try_from(error.offset()).unwrap_or(u64::MAX);
    ModuleError::Malformed { offset, message: error.message().to_string() }
}

impl From<wasmparser::BinaryReaderError> for ModuleError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        malformed(&error)
    }
}

fn at_most(what: impl Into<String>, found: impl Into<u64>, limit: u32) -> Result<(), ModuleError> {
    let (found, limit) = (found.into(), u64::from(limit));
    if found > limit { Err(ModuleError::Limit { what: what.into(), found, limit }) } else { Ok(()) }
}

/// As [`at_most`], about something in a function; the text is made only where it is needed.
fn at_most_in(what: &str, function: u32, found: impl Into<u64>, limit: u32) -> Result<(), ModuleError> {
    let found = found.into();
    if found <= limit.into() {
        return Ok(());
    }
    at_most(format!("{what} in function {function}"), found, limit)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The state of the one pass.
struct Pass<'l> {
    limits: &'l Limits,
    features: WasmFeatures,
    types: Vec<FuncType>,
    imports: Vec<HostFunction>,
    functions: Vec<u32>,
    exports: BTreeMap<String, u32>,
    memory_exported: bool,
    memories: u64,
    pages: u32,
    pages_max: u32,
    locals: u64,
    /// Parameters, locals and operands of the widest function.
    slots: u64,
    items: u64,
    data_bytes: u64,
    mutable_globals: Vec<u32>,
    drops_data: bool,
    interfaces: u64,
    interface: Option<Interface>,
}

impl<'l> Pass<'l> {
    fn new(limits: &'l Limits, bulk_memory: bool) -> Self {
        Self {
            limits,
            features: features(bulk_memory),
            types: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            exports: BTreeMap::new(),
            memory_exported: false,
            memories: 0,
            pages: 0,
            pages_max: 0,
            locals: 0,
            slots: 0,
            items: 0,
            data_bytes: 0,
            mutable_globals: Vec::new(),
            drops_data: false,
            interfaces: 0,
            interface: None,
        }
    }

    fn run(mut self, code: &[u8]) -> Result<ModuleInfo, ModuleError> {
        let mut validator = Validator::new_with_features(self.features);
        let mut allocations = FuncValidatorAllocations::default();
        // The parser reads immediates by its features: with more of them than the engine's it would take a long zero
        // for a table's or memory's index, or a 64-bit offset, and the engine would refuse the stored module.
        let mut parser = Parser::new(0);
        parser.set_features(self.features);
        for payload in parser.parse_all(code) {
            let payload = payload?;
            // Before the validator: it allocates for what a section claims.
            self.measure(&payload)?;
            if let ValidPayload::Func(to_validate, body) = validator.payload(&payload)? {
                let index = to_validate.index;
                at_most_in("bytes", index, length(body.as_bytes()), self.limits.function_bytes)?;
                self.locals(&body, index)?;
                let mut checker = to_validate.into_validator(allocations);
                self.body(&mut checker, &body, index)?;
                allocations = checker.into_allocations();
            }
        }
        self.finish(length(code))
    }

    /// Looks at a section before the validator does.
    fn measure(&mut self, payload: &Payload<'_>) -> Result<(), ModuleError> {
        let limits = self.limits;
        match payload {
            Payload::TypeSection(section) => {
                at_most("types", section.count(), limits.types)?;
                for ty in section.clone().into_iter_err_on_gc_types() {
                    self.function_type(ty?)?;
                }
            }
            Payload::ImportSection(section) => {
                let offered = u32::try_from(HostFunction::ALL.len()).unwrap_or(u32::MAX);
                at_most("imports", section.count(), offered.saturating_mul(2))?;
                self.items = self.items.saturating_add(section.count().into());
                for import in section.clone() {
                    self.import(import?)?;
                }
            }
            Payload::FunctionSection(section) => {
                at_most("functions", section.count(), limits.functions)?;
                self.items = self.items.saturating_add(section.count().into());
                for type_index in section.clone() {
                    self.functions.push(type_index?);
                }
            }
            Payload::TableSection(section) => {
                at_most("tables", section.count(), 1)?;
                for table in section.clone() {
                    let table = table?;
                    at_most("table elements", table.ty.initial, limits.table_elements)?;
                    if !matches!(table.init, TableInit::RefNull) {
                        let operator = "table initialiser".into();
                        return Err(ModuleError::Operator { function: 0, operator });
                    }
                    self.items = self.items.saturating_add(table.ty.initial);
                }
            }
            Payload::MemorySection(section) => {
                self.memories = self.memories.saturating_add(section.count().into());
                if self.memories > 1 {
                    return Err(ModuleError::MemoryCount { found: self.memories });
                }
                for memory in section.clone() {
                    self.memory(memory?)?;
                }
            }
            Payload::GlobalSection(section) => {
                at_most("globals", section.count(), limits.globals)?;
                self.items = self.items.saturating_add(section.count().into());
                for (global, index) in section.clone().into_iter().zip(0u32..) {
                    if global?.ty.mutable {
                        self.mutable_globals.push(index);
                    }
                }
            }
            Payload::ExportSection(section) => {
                at_most("exports", section.count(), limits.exports)?;
                self.items = self.items.saturating_add(section.count().into());
                for export in section.clone() {
                    self.export(export?)?;
                }
            }
            Payload::StartSection { .. } => return Err(ModuleError::StartFunction),
            Payload::ElementSection(section) => {
                at_most("element segments", section.count(), limits.element_segments)?;
                self.elements(section.clone())?;
            }
            Payload::DataSection(section) => {
                at_most("data segments", section.count(), limits.data_segments)?;
                self.items = self.items.saturating_add(section.count().into());
                for data in section.clone() {
                    self.data_bytes = self.data_bytes.saturating_add(length(data?.data));
                }
            }
            Payload::DataCountSection { count, .. } => {
                at_most("data segments", *count, limits.data_segments)?
            }
            Payload::CodeSectionStart { count, .. } => at_most("functions", *count, limits.functions)?,
            Payload::CustomSection(section) if section.name() == INTERFACE_SECTION => {
                self.interfaces = self.interfaces.saturating_add(1);
                if self.interface.is_none() {
                    self.interface = Some(Interface::decode_checked(section.data(), limits.interface_bytes)?);
                }
            }
            // Everything else is the validator's to judge; what its features leave off, it refuses.
            _ => (),
        }
        Ok(())
    }

    fn function_type(&mut self, ty: FuncType) -> Result<(), ModuleError> {
        let index = self.types.len();
        let count = |types: &[ValType]| u64::try_from(types.len()).unwrap_or(u64::MAX);
        at_most(format!("parameters in type {index}"), count(ty.params()), self.limits.function_params)?;
        at_most(format!("results in type {index}"), count(ty.results()), self.limits.function_results)?;
        self.types.push(ty);
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) -> Result<(), ModuleError> {
        let foreign = || {
            let shown = |text: &str| text.chars().take(64).collect();
            ModuleError::ForeignImport { module: shown(import.module), name: shown(import.name) }
        };
        let offered = HostFunction::from_name(import.name).filter(|_| import.module == IMPORT_MODULE);
        let (Some(function), TypeRef::Func(type_index)) = (offered, import.ty) else { return Err(foreign()) };
        let ty =
            usize::try_from(type_index).ok().and_then(|index| self.types.get(index)).ok_or_else(foreign)?;
        let info = function.info();
        let value = |ty: WasmType| match ty {
            WasmType::I32 => ValType::I32,
            WasmType::I64 => ValType::I64,
        };
        let params: Vec<ValType> = info.params.iter().map(|&(_, _, ty)| value(ty)).collect();
        let results: Vec<ValType> = info.result.into_iter().map(value).collect();
        if ty.params() != params || ty.results() != results {
            let shown = |params: &[ValType], results: &[ValType]| format!("{params:?} -> {results:?}");
            return Err(ModuleError::ImportSignature {
                name: info.name.into(),
                found: shown(ty.params(), ty.results()),
                expected: shown(&params, &results),
            });
        }
        self.imports.push(function);
        Ok(())
    }

    fn memory(&mut self, memory: wasmparser::MemoryType) -> Result<(), ModuleError> {
        let maximum = memory.maximum.ok_or(ModuleError::MemoryWithoutMaximum)?;
        at_most("pages of initial memory", memory.initial, self.limits.memory_pages)?;
        // More than 65,536 pages is the validator's to refuse; a large maximum is cut to the chain's limit.
        self.pages = u32::try_from(memory.initial).unwrap_or(u32::MAX);
        self.pages_max = u32::try_from(maximum).unwrap_or(u32::MAX).min(self.limits.memory_pages);
        Ok(())
    }

    fn export(&mut self, export: wasmparser::Export<'_>) -> Result<(), ModuleError> {
        let limit = self.limits.export_name_bytes;
        at_most("bytes in an export's name", length(export.name.as_bytes()), limit)?;
        match export.kind {
            ExternalKind::Memory if export.name == MEMORY_EXPORT => self.memory_exported = true,
            ExternalKind::Func => {
                self.exports.insert(export.name.into(), export.index);
            }
            ExternalKind::Memory | ExternalKind::Table | ExternalKind::Global | ExternalKind::Tag => {
                return Err(ModuleError::UnknownExport(export.name.into()));
            }
        }
        Ok(())
    }

    fn elements(&mut self, section: wasmparser::ElementSectionReader<'_>) -> Result<(), ModuleError> {
        self.items = self.items.saturating_add(section.count().into());
        let mut sum = 0u64;
        for element in section {
            let count = match element?.items {
                wasmparser::ElementItems::Functions(functions) => functions.count(),
                wasmparser::ElementItems::Expressions(_, expressions) => expressions.count(),
            };
            sum = sum.saturating_add(count.into());
            at_most("elements in element segments", sum, self.limits.table_elements)?;
        }
        self.items = self.items.saturating_add(sum);
        Ok(())
    }

    fn locals(&mut self, body: &wasmparser::FunctionBody<'_>, function: u32) -> Result<(), ModuleError> {
        let mut sum = 0u64;
        for group in body.get_locals_reader()? {
            let (count, _) = group?;
            sum = sum.saturating_add(count.into());
            at_most_in("locals", function, sum, self.limits.function_locals)?;
        }
        self.locals = self.locals.saturating_add(sum);
        at_most("locals in all functions", self.locals, self.limits.module_locals)
    }

    fn body(
        &mut self,
        checker: &mut wasmparser::FuncValidator<wasmparser::ValidatorResources>,
        body: &wasmparser::FunctionBody<'_>,
        function: u32,
    ) -> Result<(), ModuleError> {
        let (operand_depth, block_depth) = (self.limits.operand_depth, self.limits.block_depth);
        let mut reader = body.get_binary_reader();
        checker.read_locals(&mut reader)?;
        let mut operands_max = 0;
        while !reader.eof() {
            let offset = reader.original_position();
            let operator = reader.read_operator()?;
            self.operator(&operator, function)?;
            checker.op(offset, &operator)?;
            let (operands, blocks) = (checker.operand_stack_height(), checker.control_stack_height());
            at_most_in("operands at a time", function, operands, operand_depth)?;
            at_most_in("nested blocks", function, blocks, block_depth)?;
            operands_max = operands.max(operands_max);
        }
        let slots = u64::from(checker.len_locals()).saturating_add(operands_max.into());
        self.slots = self.slots.max(slots);
        checker.finish(reader.original_position())?;
        Ok(())
    }

    /// Operators that the features can't switch off alone.
    fn operator(&mut self, operator: &Operator<'_>, function: u32) -> Result<(), ModuleError> {
        match operator {
            Operator::BrTable { targets } => {
                at_most_in("targets of a br_table", function, targets.len(), self.limits.br_table_targets)
            }
            // Resuming or growing tables re-executes code in the engine; contracts have no use for them.
            Operator::TableInit { .. }
            | Operator::TableCopy { .. }
            | Operator::TableFill { .. }
            | Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableSize { .. }
            | Operator::ElemDrop { .. } => {
                let name = format!("{operator:?}");
                let name = name.split([' ', '{']).next().unwrap_or_default();
                Err(ModuleError::Operator { function, operator: name.into() })
            }
            Operator::DataDrop { .. } => {
                self.drops_data = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What [`ModuleInfo::stack_pages`] says, in whole pages, one at least. The engine keeps some slots of its own.
    fn stack_pages(&self) -> u64 {
        const SLOT_BYTES: u64 = 8;
        const ENGINE_SLOTS: u64 = 16;
        const PAGE_BYTES: u64 = 65_536;
        let slots = self.slots.saturating_add(ENGINE_SLOTS);
        slots.saturating_mul(SLOT_BYTES).saturating_mul(self.limits.wasm_depth.into()).div_ceil(PAGE_BYTES)
    }

    fn finish(self, code_bytes: u64) -> Result<ModuleInfo, ModuleError> {
        let stack_pages = self.stack_pages();
        if self.memories != 1 {
            return Err(ModuleError::MemoryCount { found: self.memories });
        }
        if !self.memory_exported {
            return Err(ModuleError::NoMemoryExport);
        }
        let interface = match self.interface {
            Some(interface) if self.interfaces == 1 => interface,
            _ => return Err(ModuleError::InterfaceCount { found: self.interfaces }),
        };
        for (name, &index) in &self.exports {
            if interface.function(name).is_none() {
                return Err(ModuleError::UnknownExport(name.clone()));
            }
            let imports = u32::try_from(self.imports.len()).unwrap_or(u32::MAX);
            let defined = index.checked_sub(imports).ok_or_else(|| ModuleError::ReExport(name.clone()))?;
            let ty = usize::try_from(defined).ok().and_then(|at| self.functions.get(at));
            let ty = ty.and_then(|&at| usize::try_from(at).ok()).and_then(|at| self.types.get(at));
            if !ty.is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty()) {
                return Err(ModuleError::ExportSignature(name.clone()));
            }
        }
        for function in &interface.functions {
            if !self.exports.contains_key(&function.name) {
                return Err(ModuleError::MissingExport(function.name.clone()));
            }
        }
        let narrow = |wide: u64| u32::try_from(wide).unwrap_or(u32::MAX);
        Ok(ModuleInfo {
            interface,
            pages: self.pages,
            pages_max: self.pages_max,
            items: narrow(self.items),
            data_bytes: narrow(self.data_bytes),
            mutable_globals: self.mutable_globals,
            drops_data: self.drops_data,
            code_bytes: narrow(code_bytes),
            stack_pages: narrow(stack_pages),
        })
    }
}
