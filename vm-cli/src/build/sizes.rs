//! Where a module's bytes are: by section, and by function with the names that the compiler gave.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use super::error::BuildError;

/// The magic number and the version.
const HEADER_BYTES: usize = 8;

/// The sizes of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// All of it.
    pub total: usize,
    /// In the module's order.
    pub sections: Vec<Part>,
    /// The largest first.
    pub functions: Vec<Part>,
}

/// A part of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its name; a function without one is `#INDEX`.
    pub name: String,
    /// Its bytes, its own length in front included.
    pub bytes: usize,
}

/// Measures `code`; names come from `named`, a module with the same functions.
///
/// # Errors
///
/// [`BuildError::Output`]: not a module.
pub fn measure(code: &[u8], named: Option<&[u8]>) -> Result<Sizes, BuildError> {
    let names = named.map(function_names).transpose()?.unwrap_or_default();
    let mut sizes = Sizes { total: code.len(), sections: Vec::new(), functions: Vec::new() };
    let mut index = 0u32;
    let mut end = HEADER_BYTES;
    for (name, range) in section_ranges(code)? {
        sizes.sections.push(Part { name, bytes: range.end.saturating_sub(end) });
        end = range.end;
    }
    for payload in Parser::new(0).parse_all(code) {
        match payload.map_err(broken)? {
            Payload::ImportSection(section) => index = index.saturating_add(imported(section)?),
            Payload::CodeSectionEntry(body) => {
                let name = names.get(&index).cloned().unwrap_or_else(|| format!("#{index}"));
                let length = body.range().len();
                sizes.functions.push(Part { name, bytes: length.saturating_add(leb_bytes(length)) });
                index = index.saturating_add(1);
            }
            _ => {}
        }
    }
    sizes.functions.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    Ok(sizes)
}

/// Name and content of each section, in order.
///
/// # Errors
///
/// [`BuildError::Output`]: not a module.
pub fn section_ranges(code: &[u8]) -> Result<Vec<(String, Range<usize>)>, BuildError> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(code) {
        let payload = payload.map_err(broken)?;
        if let Some((_, range)) = payload.as_section() {
            sections.push((section_name(&payload), range));
        }
    }
    Ok(sections)
}

fn broken(error: wasmparser::BinaryReaderError) -> BuildError {
    BuildError::Output(error.to_string())
}

fn imported(section: wasmparser::ImportSectionReader<'_>) -> Result<u32, BuildError> {
    let mut count = 0u32;
    for import in section {
        if let TypeRef::Func(_) = import.map_err(broken)?.ty {
            count = count.saturating_add(1);
        }
    }
    Ok(count)
}

/// How many bytes a length takes in front of what it counts.
fn leb_bytes(length: usize) -> usize {
    let bits = usize::BITS.saturating_sub(length.leading_zeros()).max(1);
    usize::try_from(bits.div_ceil(7)).unwrap_or(usize::MAX)
}

fn section_name(payload: &Payload<'_>) -> String {
    match payload {
        Payload::TypeSection(_) => "type",
        Payload::ImportSection(_) => "import",
        Payload::FunctionSection(_) => "function",
        Payload::TableSection(_) => "table",
        Payload::MemorySection(_) => "memory",
        Payload::GlobalSection(_) => "global",
        Payload::ExportSection(_) => "export",
        Payload::StartSection { .. } => "start",
        Payload::ElementSection(_) => "element",
        Payload::DataCountSection { .. } => "data count",
        Payload::CodeSectionStart { .. } => "code",
        Payload::DataSection(_) => "data",
        Payload::CustomSection(section) => section.name(),
        _ => "other",
    }
    .to_owned()
}

/// The names of the functions by index, the compiler's hashes left out.
///
/// # Errors
///
/// [`BuildError::Output`]: not a module.
pub fn function_names(module: &[u8]) -> Result<BTreeMap<u32, String>, BuildError> {
    let mut names = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload.map_err(broken)? else { continue };
        let KnownCustom::Name(subsections) = section.as_known() else { continue };
        for subsection in subsections {
            let Name::Function(functions) = subsection.map_err(broken)? else { continue };
            for naming in functions {
                let naming = naming.map_err(broken)?;
                names.insert(naming.index, readable(naming.name));
            }
        }
    }
    Ok(names)
}

/// `core::fmt::write`, whatever the compiler made of it and whichever hash it put behind.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_module_add_up_and_functions_are_named() {
        let module = wat::parse_str(
            r#"(module
              (import "vm" "block_height" (func $height (result i64)))
              (memory (export "memory") 1 1)
              (func $small)
              (func $_ZN3big5large17h0123456789abcdefE (export "work")
                (drop (i64.add (call $height) (i64.const 7)))))"#,
        )
        .unwrap();
        let sizes = measure(&module, Some(&module)).unwrap();
        let sections: usize = sizes.sections.iter().map(|part| part.bytes).sum();
        assert_eq!(sections + 8, sizes.total);
        assert_eq!(sizes.total, module.len());
        let names: Vec<_> = sizes.functions.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["big::large", "small"]);
        let code = sizes.sections.iter().find(|part| part.name == "code").unwrap();
        let functions: usize = sizes.functions.iter().map(|part| part.bytes).sum();
        // The section's id, its length and its count take a byte each.
        assert_eq!(functions + 3, code.bytes);
        let nameless = measure(&module, None).unwrap();
        assert_eq!(nameless.functions[0].name, "#2");
    }
}
