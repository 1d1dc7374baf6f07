//! A module with a wrapper around each of its functions.
//!
//! A function's body moves behind all others. At its index stands a wrapper of the same type, so that exports, tables
//! and calls need no change but their index, which moves up by the two marks that the module imports on top:
//!
//! ```text
//! enter(index); body(parameters...); exit()
//! ```
//!
//! Bodies keep every operator, so they burn what they burnt. Sections are copied as bytes wherever they name no
//! function. Custom sections are left out: the engine ignores them.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "sections that name no function are copied, whatever they are"
)]

use alloc::vec::Vec;
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, Encode as _, EntityType, ExportKind, ExportSection,
    Function, Module, RawSection, SectionId,
};
use wasmparser::{
    BinaryReader, ElementItems, ElementKind, ElementSectionReader, ExportSectionReader, ExternalKind,
    FunctionBody, Operator, Parser, Payload,
};

/// Where the marks are imported from: no contract's import can have that name.
pub(super) const MODULE: &str = "profile";
pub(super) const ENTER: &str = "enter";
pub(super) const EXIT: &str = "exit";
const MARKS: u32 = 2;

/// A module with wrappers.
pub(super) struct Instrumented {
    pub(super) code: Vec<u8>,
    /// How many functions the original imports: the index of its first own one.
    pub(super) imports: u32,
    /// What the wrapper of each own function takes.
    pub(super) fuel: Vec<u64>,
}

/// What wasmi charges for a wrapper when it begins: one for the block, one for each operator but `end`, which are the
/// function's index, three calls and the parameters.
fn wrapper_fuel(params: u32) -> u64 {
    u64::from(params).saturating_add(5)
}

/// What the one pass over a module finds.
#[derive(Default)]
struct Found<'m> {
    /// Sections in order, as they are or changed.
    sections: Vec<(u8, Vec<u8>)>,
    /// Parameters by type.
    types: Vec<u32>,
    imports: u32,
    /// Types of the module's own functions.
    functions: Vec<u32>,
    bodies: Vec<FunctionBody<'m>>,
}

/// `code` with wrappers; none if it is no module that our validator takes.
pub(super) fn instrument(code: &[u8]) -> Option<Instrumented> {
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(code) {
        match payload.ok()? {
            Payload::TypeSection(section) => {
                for ty in section.clone().into_iter_err_on_gc_types() {
                    found.types.push(u32::try_from(ty.ok()?.params().len()).ok()?);
                }
                found.push(SectionId::Type, code.get(section.range())?.to_vec());
            }
            Payload::ImportSection(section) => {
                found.imports = section.count();
                found.push(SectionId::Import, code.get(section.range())?.to_vec());
            }
            Payload::FunctionSection(section) => {
                found.functions = section.clone().into_iter().collect::<Result<_, _>>().ok()?;
                found.push(SectionId::Function, code.get(section.range())?.to_vec());
            }
            Payload::ExportSection(section) => {
                let exports = exports(section, found.imports)?;
                found.push(SectionId::Export, exports);
            }
            Payload::ElementSection(section) => {
                let elements = elements(section, found.imports)?;
                found.push(SectionId::Element, elements);
            }
            Payload::CodeSectionStart { .. } => found.push(SectionId::Code, Vec::new()),
            Payload::CodeSectionEntry(body) => found.bodies.push(body),
            Payload::CustomSection(_) => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    found.sections.push((id, code.get(range)?.to_vec()));
                }
            }
        }
    }
    found.finish(code)
}

impl Found<'_> {
    fn push(&mut self, id: SectionId, content: Vec<u8>) {
        self.sections.push((id.into(), content));
    }

    fn finish(self, code: &[u8]) -> Option<Instrumented> {
        let Self { sections, types, imports, functions, bodies } = self;
        let params: Vec<u32> = functions
            .iter()
            .map(|ty| types.get(usize::try_from(*ty).ok()?).copied())
            .collect::<Option<_>>()?;
        let fuel: Vec<u64> = params.iter().map(|params| wrapper_fuel(*params)).collect();
        if functions.is_empty() {
            return Some(Instrumented { code: code.to_vec(), imports, fuel });
        }
        let first_type = u32::try_from(types.len()).ok()?;
        let imported = sections.iter().any(|(id, _)| *id == u8::from(SectionId::Import));
        let mut module = Module::new();
        for (id, content) in &sections {
            let content = if *id == u8::from(SectionId::Type) {
                appended(content, MARKS, &mark_types())?
            } else if *id == u8::from(SectionId::Import) {
                appended(content, MARKS, &mark_imports(first_type))?
            } else if *id == u8::from(SectionId::Function) {
                appended(content, u32::try_from(functions.len()).ok()?, &own_types(&functions))?
            } else if *id == u8::from(SectionId::Code) {
                wrapped(&params, &bodies, imports, code)?
            } else {
                content.clone()
            };
            module.section(&RawSection { id: *id, data: &content });
            if *id == u8::from(SectionId::Type) && !imported {
                let marks = appended(&[0], MARKS, &mark_imports(first_type))?;
                module.section(&RawSection { id: SectionId::Import.into(), data: &marks });
            }
        }
        Some(Instrumented { code: module.finish(), imports, fuel })
    }
}

/// A section that is a list, with `count` more items behind, which `more` encodes.
fn appended(content: &[u8], count: u32, more: &[u8]) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(content, 0);
    let old = reader.read_var_u32().ok()?;
    let mut section = Vec::new();
    old.checked_add(count)?.encode(&mut section);
    section.extend_from_slice(content.get(reader.current_position()..)?);
    section.extend_from_slice(more);
    Some(section)
}

/// `(i32) -> ()` for the one mark, `() -> ()` for the other.
fn mark_types() -> Vec<u8> {
    alloc::vec![0x60, 1, 0x7f, 0, 0x60, 0, 0]
}

fn mark_imports(first_type: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, ty) in [(ENTER, first_type), (EXIT, first_type.saturating_add(1))] {
        MODULE.encode(&mut bytes);
        name.encode(&mut bytes);
        EntityType::Function(ty).encode(&mut bytes);
    }
    bytes
}

fn own_types(functions: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    functions.iter().for_each(|ty| ty.encode(&mut bytes));
    bytes
}

/// Where a function of the original stands now: the marks are imported behind the other imports.
fn moved(function: u32, imports: u32) -> Option<u32> {
    if function < imports { Some(function) } else { function.checked_add(MARKS) }
}

/// The content of a section that wasm-encoder made, without its length.
fn content(section: &impl wasm_encoder::Encode) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    let mut reader = BinaryReader::new(&bytes, 0);
    reader.read_var_u32().ok()?;
    Some(bytes.get(reader.current_position()..)?.to_vec())
}

fn exports(section: ExportSectionReader<'_>, imports: u32) -> Option<Vec<u8>> {
    let mut exports = ExportSection::new();
    for export in section {
        let export = export.ok()?;
        match export.kind {
            ExternalKind::Func => {
                exports.export(export.name, ExportKind::Func, moved(export.index, imports)?)
            }
            ExternalKind::Memory => exports.export(export.name, ExportKind::Memory, export.index),
            ExternalKind::Table | ExternalKind::Global | ExternalKind::Tag => return None,
        };
    }
    content(&exports)
}

/// Elements as functions; expressions need reference types, which contracts have not.
fn elements(section: ElementSectionReader<'_>, imports: u32) -> Option<Vec<u8>> {
    let mut elements = ElementSection::new();
    for element in section {
        let element = element.ok()?;
        let ElementItems::Functions(functions) = element.items else { return None };
        let functions: Vec<u32> =
            functions.into_iter().map(|function| moved(function.ok()?, imports)).collect::<Option<_>>()?;
        let functions = Elements::Functions(functions.into());
        match element.kind {
            ElementKind::Active { table_index, offset_expr } => {
                let mut reader = offset_expr.get_binary_reader();
                let bytes = reader.read_bytes(reader.bytes_remaining()).ok()?;
                // The encoder puts the end behind.
                let (_, operators) = bytes.split_last()?;
                let offset = ConstExpr::raw(operators.iter().copied());
                elements.active(table_index, &offset, functions)
            }
            ElementKind::Passive => elements.passive(functions),
            ElementKind::Declared => elements.declared(functions),
        };
    }
    content(&elements)
}

/// The wrappers, then the bodies.
fn wrapped(params: &[u32], bodies: &[FunctionBody<'_>], imports: u32, code: &[u8]) -> Option<Vec<u8>> {
    let count = u32::try_from(bodies.len()).ok()?;
    let (enter, exit) = (imports, imports.checked_add(1)?);
    let mut section = CodeSection::new();
    for (params, index) in params.iter().zip(0u32..) {
        let function = imports.checked_add(index)?;
        let mut wrapper = Function::new([]);
        let mut sink = wrapper.instructions();
        sink.i32_const(function.cast_signed()).call(enter);
        for param in 0..*params {
            sink.local_get(param);
        }
        sink.call(moved(function, imports)?.checked_add(count)?).call(exit).end();
        section.function(&wrapper);
    }
    for body in bodies {
        section.raw(&redirected(body, imports, code)?);
    }
    content(&section)
}

/// A body with the new indices of the functions that it calls.
fn redirected(body: &FunctionBody<'_>, imports: u32, code: &[u8]) -> Option<Vec<u8>> {
    const CALL: u8 = 0x10;
    let mut bytes = Vec::new();
    let mut copied = body.range().start;
    let mut reader = body.get_operators_reader().ok()?;
    while !reader.eof() {
        let at = reader.original_position();
        if let Operator::Call { function_index } = reader.read().ok()? {
            bytes.extend_from_slice(code.get(copied..at)?);
            bytes.push(CALL);
            moved(function_index, imports)?.encode(&mut bytes);
            copied = reader.original_position();
        }
    }
    bytes.extend_from_slice(code.get(copied..body.range().end)?);
    Some(bytes)
}
