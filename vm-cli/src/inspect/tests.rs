use vm_core::abi::INTERFACE_SECTION;
use vm_core::interface::InterfaceError;
use wasm_encoder::{CustomSection, Section as _};

use super::*;
use crate::colours::Colours;

const GOOD: &str = r#"{"name": "c", "functions": [{"name": "look", "kind": "view", "returns": "bool"}]}"#;

/// A module of `wat` with the interface of [`GOOD`].
fn module_of(wat: &str) -> Vec<u8> {
    use parity_scale_codec::Encode as _;
    let interface: Interface = GOOD.parse().unwrap();
    let data = vm_core::interface::Interface::from(&interface).encode();
    let mut code = wat::parse_str(wat).unwrap();
    CustomSection { name: INTERFACE_SECTION.into(), data: data.into() }.append_to(&mut code);
    code
}

fn look(code: &[u8]) -> Report {
    inspect("it", code, &Params::default()).unwrap()
}

fn shown(report: &Report) -> String {
    let mut shown = String::new();
    text::write(&mut shown, report, Colours::Off).unwrap();
    shown
}

#[test]
fn r62_a_module_that_nodes_refuse_is_named_with_what_to_do_and_still_shown() {
    let report = look(&module_of(
        r#"(module (import "env" "abort" (func (param i32 i64) (result i32)))
           (memory (export "memory") 1 2) (func (export "look")))"#,
    ));
    let refusal = report.validation.error.as_ref().unwrap();
    assert_eq!((report.ok, refusal.name.as_str()), (false, "ForeignImport"));
    assert!(refusal.message.contains("env.abort") && refusal.help.contains("docs/abi.md"));
    let text = shown(&report);
    for part in [
        "it: module that nodes refuse",
        "env.abort(i32, i64) -> i32",
        "memory     1 to 2 pages of 64 KiB",
        "function  look",
        "view  look() -> bool",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(report.validation.start, None);
}

#[test]
fn a_damaged_module_is_shown_up_to_the_damage() {
    let code = module_of(r#"(module (memory (export "memory") 3 4) (func (export "look") (nop)))"#);
    let sections = sizes::section_ranges(&code).unwrap();
    let (_, range) = sections.iter().find(|(name, _)| name == "code").unwrap();
    let report = look(&code[..range.end - 1]);
    let module = report.module.unwrap();
    assert_eq!(report.validation.error.unwrap().name, "Malformed");
    assert_eq!(module.memory, Some(Memory { pages: 3, pages_max: Some(4) }));
    assert_eq!((module.sizes, report.interface), (None, None));
}

#[test]
fn every_cut_and_every_flipped_byte_gives_a_report() {
    let code = module_of(r#"(module (memory (export "memory") 1 1) (func (export "look") (nop)))"#);
    assert!(look(&code).ok);
    for at in 4..code.len() {
        assert!(!look(&code[..at]).ok, "cut at {at}");
        let mut flipped = code.clone();
        flipped[at] ^= 0xff;
        let report = look(&flipped);
        assert_eq!(report.ok, report.validation.error.is_none());
        assert!(!shown(&report).is_empty());
    }
}

#[test]
fn a_component_is_refused_and_its_inner_modules_are_not_taken_for_it() {
    let report = look(b"\0asm\x0d\0\x01\0");
    assert_eq!(report.validation.error.as_ref().unwrap().name, "NotWasm");
    assert!(report.module.unwrap().imports.is_empty());
}

#[test]
fn control_characters_of_a_module_do_not_reach_the_terminal() {
    let report = look(&module_of(
        r#"(module (import "e\1b[2Jnv" "a\07" (func)) (memory (export "memory") 1 2) (func (export "lo\1bok")))"#,
    ));
    let text = shown(&report);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(text.contains("e[2Jnv.a"), "{text}");
}

#[test]
fn an_interface_that_breaks_a_rule_is_shown_with_the_rule() {
    assert!(look(GOOD.as_bytes()).ok);
    let report = look(GOOD.replace("\"look\"", "\"no name\"").as_bytes());
    let refusal = report.validation.error.unwrap();
    assert_eq!((report.ok, refusal.name.as_str()), (false, "Interface.BadName"));
    assert_eq!(report.interface.unwrap().functions[0].name, "no name");
}

#[test]
fn what_is_neither_is_no_report() {
    let refused = |bytes: &[u8]| inspect("it", bytes, &Params::default()).unwrap_err();
    assert!(matches!(refused(b""), InspectError::Unknown(_)));
    assert!(matches!(refused(b"\x7fELF"), InspectError::Unknown(_)));
    assert!(matches!(refused(b" (module)"), InspectError::Text(_)));
    assert!(matches!(refused(b";; a\n(module)"), InspectError::Text(_)));
    assert!(matches!(refused(b"{ \"code_hash\": 1 }"), InspectError::Json { .. }));
}

#[test]
fn names_are_those_of_the_errors() {
    let named = |error: ModuleError| Refusal::from(&error).name;
    assert_eq!(named(ModuleError::StartFunction), "StartFunction");
    assert_eq!(named(ModuleError::TooLong { found: 2, limit: 1 }), "TooLong");
    assert_eq!(named(ModuleError::ReExport("x".to_owned())), "ReExport");
    assert_eq!(named(InterfaceError::BadKey("x".to_owned()).into()), "Interface.BadKey");
}
