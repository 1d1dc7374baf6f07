//! A module's imports, exports, memory and interface, as far as its bytes can be read.
//!
//! Nothing is judged here: a module that no node takes is the one that its author wants to look into.

use serde::Serialize;
use vm_core::abi::INTERFACE_SECTION;
use wasmparser::{BinaryReaderError, ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};

use crate::interface::Interface;

/// How a module that is no component begins.
const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// What a module takes from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// From which module.
    pub module: String,
    /// Its name there.
    pub name: String,
    /// `function`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
    /// A function's, as `(i32, i32) -> i32`.
    pub signature: Option<String>,
}

/// What a module gives to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// `function`, `table`, `memory`, `global` or `tag`.
    pub kind: &'static str,
}

/// What a memory declares, in pages of 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// At the start.
    pub pages: u64,
    /// What it may grow to; nothing where that is left open, which nodes refuse.
    pub pages_max: Option<u64>,
}

#[derive(Default)]
pub(super) struct Outline<'a> {
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    pub(super) memory: Option<Memory>,
    interfaces: Vec<&'a [u8]>,
    types: Vec<FuncType>,
}

impl<'a> Outline<'a> {
    /// Reads sections until one cannot be read.
    pub(super) fn read(code: &'a [u8]) -> Self {
        let mut outline = Self::default();
        // A component holds modules of its own, and their sections are not its.
        if !code.starts_with(HEADER) {
            return outline;
        }
        for payload in Parser::new(0).parse_all(code) {
            if payload.and_then(|payload| outline.section(payload)).is_err() {
                break;
            }
        }
        outline
    }

    fn section(&mut self, payload: Payload<'a>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section {
                    let import = import?;
                    self.imports.push(Import {
                        module: import.module.to_owned(),
                        name: import.name.to_owned(),
                        kind: imported(import.ty),
                        signature: self.signature(import.ty),
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let memory = memory?;
                    let found = Memory { pages: memory.initial, pages_max: memory.maximum };
                    self.memory.get_or_insert(found);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push(Export { name: export.name.to_owned(), kind: kind(export.kind) });
                }
            }
            Payload::CustomSection(section) if section.name() == INTERFACE_SECTION => {
                self.interfaces.push(section.data());
            }
            _ => {}
        }
        Ok(())
    }

    fn signature(&self, ty: TypeRef) -> Option<String> {
        let TypeRef::Func(index) = ty else { return None };
        let ty = self.types.get(usize::try_from(index).ok()?)?;
        let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Some(match ty.results() {
            [] => format!("({})", list(ty.params())),
            [result] => format!("({}) -> {result}", list(ty.params())),
            results => format!("({}) -> ({})", list(ty.params()), list(results)),
        })
    }

    /// The interface, where there is exactly one that keeps the rules.
    pub(super) fn interface(&self, bytes_max: u32) -> Option<Interface> {
        let [data] = self.interfaces.as_slice() else { return None };
        let decoded = vm_core::interface::Interface::decode_checked(data, bytes_max).ok()?;
        Some(Interface::from(&decoded))
    }
}

fn imported(ty: TypeRef) -> &'static str {
    match ty {
        TypeRef::Func(_) => "function",
        TypeRef::Table(_) => "table",
        TypeRef::Memory(_) => "memory",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    }
}

fn kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}
