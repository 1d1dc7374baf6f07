//! What is done to a module's bytes after the linker: custom sections and linker's exports left out.
//!
//! A module that a node takes exports its memory and its functions and carries one custom section, the interface
//! (R60, R62). Everything else that linkers and optimisers add says nothing to a node and costs gas to store.

use wasm_encoder::{CustomSection, ExportKind, ExportSection, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload};

use super::error::BuildError;
use vm_core::abi::INTERFACE_SECTION;

/// Which custom sections stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Customs {
    /// The interface, at its place: what an optimiser is given.
    Interface,
    /// The interface, last: a finished module.
    InterfaceLast,
}

/// The linked module without names, producers and features, exports as they are.
///
/// # Errors
///
/// [`BuildError::Output`]: not a module.
pub fn without_names(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    rewrite(module, Customs::Interface)
}

/// The finished module: memory and functions exported, the interface as its last section and only custom one.
///
/// # Errors
///
/// [`BuildError::Output`]: not a module, or one without exactly one interface.
pub fn finished(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    rewrite(module, Customs::InterfaceLast)
}

fn rewrite(bytes: &[u8], customs: Customs) -> Result<Vec<u8>, BuildError> {
    let broken = |error: wasmparser::BinaryReaderError| BuildError::Output(error.to_string());
    let mut module = Module::new();
    let mut interfaces = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(broken)?;
        match &payload {
            Payload::CustomSection(section) => {
                if section.name() == INTERFACE_SECTION {
                    interfaces.push(section.data());
                    if customs == Customs::Interface {
                        module.section(&custom(section.data()));
                    }
                }
            }
            Payload::ExportSection(section) if customs == Customs::InterfaceLast => {
                let mut exports = ExportSection::new();
                for export in section.clone() {
                    let export = export.map_err(broken)?;
                    let kind = match export.kind {
                        ExternalKind::Func => ExportKind::Func,
                        ExternalKind::Memory => ExportKind::Memory,
                        _ => continue,
                    };
                    exports.export(export.name, kind, export.index);
                }
                module.section(&exports);
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = bytes.get(range).unwrap_or_default();
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    match (interfaces.as_slice(), customs) {
        ([data], Customs::InterfaceLast) => {
            module.section(&custom(data));
        }
        (_, Customs::Interface) => {}
        (found, Customs::InterfaceLast) => {
            let reason = format!("{} sections {INTERFACE_SECTION:?} in place of one", found.len());
            return Err(BuildError::Output(reason));
        }
    }
    Ok(module.finish())
}

fn custom(data: &[u8]) -> CustomSection<'_> {
    CustomSection { name: INTERFACE_SECTION.into(), data: data.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(customs: &[(&str, &[u8])]) -> Vec<u8> {
        let wat = r#"(module
          (memory (export "memory") 1 1)
          (global (export "__heap_base") i32 (i32.const 1024))
          (func $work (export "work")))"#;
        let mut bytes = wat::parse_str(wat).unwrap();
        for (name, data) in customs {
            wasm_encoder::Section::append_to(
                &CustomSection { name: (*name).into(), data: (*data).into() },
                &mut bytes,
            );
        }
        bytes
    }

    fn sections(bytes: &[u8]) -> Vec<String> {
        let payloads = Parser::new(0).parse_all(bytes).map(Result::unwrap);
        payloads
            .filter_map(|payload| match &payload {
                Payload::CustomSection(section) => Some(section.name().to_owned()),
                other => other.as_section().map(|(id, _)| id.to_string()),
            })
            .collect()
    }

    #[test]
    fn r60_the_interface_is_the_last_section_and_the_only_custom_one() {
        let module = linked(&[("producers", b"x"), (INTERFACE_SECTION, b"i"), ("target_features", b"y")]);
        assert!(sections(&module).contains(&"name".to_owned()));
        let finished = finished(&module).unwrap();
        assert_eq!(sections(&finished), ["1", "3", "5", "6", "7", "10", INTERFACE_SECTION]);
    }

    #[test]
    fn r62_exports_but_memory_and_functions_are_dropped() {
        let finished = finished(&linked(&[(INTERFACE_SECTION, b"i")])).unwrap();
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&finished) {
            if let Payload::ExportSection(section) = payload.unwrap() {
                names.extend(section.into_iter().map(|export| export.unwrap().name.to_owned()));
            }
        }
        assert_eq!(names, ["memory", "work"]);
    }

    #[test]
    fn finishing_twice_changes_nothing() {
        let once = finished(&linked(&[(INTERFACE_SECTION, b"i")])).unwrap();
        assert_eq!(finished(&once).unwrap(), once);
        assert_eq!(without_names(&once).unwrap(), once);
    }

    #[test]
    fn no_interface_two_of_them_and_no_module_are_refused() {
        for (module, part) in [
            (linked(&[]), "0 sections"),
            (linked(&[(INTERFACE_SECTION, b"i"), (INTERFACE_SECTION, b"j")]), "2 sections"),
            (b"\0asm\x01\0\0\0\x0a\x05".to_vec(), "unexpected end"),
        ] {
            let error = finished(&module).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
