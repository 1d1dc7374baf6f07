//! What a module may be (R42, R60 to R62): every refusal, every limit at its edge and one past it, and that whatever
//! our validator takes, the engine takes too: a deployed module that it refused would stop the node.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod common;

use common::*;
use parity_scale_codec::{Compact, Encode};
use vm_core::abi::{HostFunction, INTERFACE_SECTION, WasmType};
use vm_core::interface::{Flags, Function, Interface, InterfaceError, Type};
use vm_core::{ErrorCode, GasSchedule, Limits, Params, Payload, Receipt, Status};
use vm_host::{ModuleError, validate_module};

/// wasm sections, by their numbers in the binary format.
const MEMORY: u8 = 5;
const CUSTOM: u8 = 0;

fn repeat(part: &str, count: usize) -> String {
    part.repeat(count)
}

/// Wat with a memory, an empty function `run`, and `extra`.
fn wat(extra: &str) -> String {
    format!(r#"(module (memory (export "memory") 1 2) (func (export "run")) {extra})"#)
}

/// The same without any function, for modules whose `run` matters.
fn bare(extra: &str) -> String {
    format!(r#"(module (memory (export "memory") 1 2) {extra})"#)
}

fn code(wat: &str) -> Vec<u8> {
    plain_module(wat, &["run"])
}

fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A section with its number and length.
fn section(id: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    bytes.extend(leb(body.len() as u64));
    bytes.extend_from_slice(body);
    bytes
}

fn custom(name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = leb(name.len() as u64);
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(data);
    section(CUSTOM, &body)
}

/// A whole module from bytes: `run` has the code `body` (locals and operators, without the length), and `sections`
/// stand between the function and the export section.
fn raw(sections: &[u8], body: &[u8]) -> Vec<u8> {
    let mut code = b"\0asm\x01\0\0\0".to_vec();
    code.extend(section(1, &[2, 0x60, 0, 0, 0x60, 0, 1, 0x7f]));
    code.extend(section(3, &[1, 0]));
    code.extend_from_slice(sections);
    let mut exports = vec![2, 6];
    exports.extend_from_slice(b"memory\x02\x00\x03run\x00\x00");
    code.extend(section(7, &exports));
    let mut functions = vec![1];
    functions.extend(leb(body.len() as u64));
    functions.extend_from_slice(body);
    code.extend(section(10, &functions));
    let functions = vec![function("run", Flags::default(), &[])];
    with_interface(code, &Interface { name: "raw".into(), functions, ..Interface::default() })
}

fn raw_memory() -> Vec<u8> {
    section(MEMORY, &[1, 1, 1, 2])
}

/// Deploys `code` and calls `run` on a chain with `params`. The deployment fails the test where the engine refuses
/// what our validator took: that is a node failure.
fn runs_with(params: &Params, code: &[u8]) -> Receipt {
    validate_module(code, params).unwrap_or_else(|error| panic!("refused: {error}"));
    let mut chain = Chain::with_params(params.clone());
    let contract = chain.deploy(code);
    chain.call(contract, "run", ())
}

fn accepted_with(params: &Params, code: &[u8]) {
    let receipt = runs_with(params, code);
    assert_eq!(receipt.status, Status::Success);
}

fn accepted(code: &[u8]) {
    accepted_with(&Params::default(), code);
}

/// The reason why `code` is refused, which a deployment gives too, as a recorded failure that leaves nothing behind.
fn refused_with(params: &Params, code: &[u8]) -> ModuleError {
    let error = validate_module(code, params).unwrap_err();
    if code.len() < 400_000 {
        let mut chain = Chain::with_params(params.clone());
        let (executed, address) = chain.try_deploy(code);
        assert_eq!(failed(&executed.receipt), Some(ErrorCode::InvalidModule));
        assert!(format!("{:?}", executed.trace).contains(&format!("{:?}", error.to_string())));
        let receipt = chain.call(address, "run", ());
        assert_eq!(failed(&receipt), Some(ErrorCode::ContractNotFound), "R63: nothing is left behind");
    }
    error
}

fn refused(code: &[u8]) -> ModuleError {
    refused_with(&Params::default(), code)
}

fn limit(what: &str, found: u64, limit: u64) -> ModuleError {
    ModuleError::Limit { what: what.into(), found, limit }
}

/// Refused by wasmparser for a reason that mentions `text`.
fn malformed(code: &[u8], text: &str) {
    match refused(code) {
        ModuleError::Malformed { message, .. } => {
            assert!(message.contains(text), "expected {text:?} in {message:?}");
        }
        other => panic!("expected {text:?}, got {other:?}"),
    }
}

fn with_limits(change: impl FnOnce(&mut Limits)) -> Params {
    let mut limits = Limits::default();
    change(&mut limits);
    Params::new("test", limits, Params::default().features(), GasSchedule::default()).unwrap()
}

/// The widest rules that a chain may have.
fn widest() -> Params {
    with_limits(|limits| {
        limits.code_bytes = 4_194_304;
        limits.transaction_bytes = 8_388_608;
        limits.functions = 65_536;
        limits.types = 4_096;
        limits.function_params = 64;
        limits.function_results = 16;
        limits.function_locals = 1_000;
        limits.module_locals = 100_000;
        limits.function_bytes = 1_048_576;
        limits.block_depth = 1_024;
        limits.operand_depth = 4_096;
        limits.br_table_targets = 65_536;
        limits.globals = 1_024;
        limits.table_elements = 65_536;
        limits.element_segments = 1_024;
        limits.data_segments = 1_024;
        limits.exports = 4_096;
        limits.interface_bytes = 262_144;
    })
}

// What is not a module at all.

#[test]
fn r63_nodes_take_wasm_bytes_only() {
    assert_eq!(refused(&[]), ModuleError::Empty);
    assert_eq!(refused(wat("").as_bytes()), ModuleError::NotWasm, "text");
    assert_eq!(refused(b"\0asm"), ModuleError::NotWasm);
    assert_eq!(refused(b"\0asm\x02\0\0\0"), ModuleError::NotWasm, "another version");
    assert_eq!(refused(b"\0asm\x0d\0\x01\0"), ModuleError::NotWasm, "a component");
    assert_eq!(refused(b"\x7fELF\x02\x01\x01\0"), ModuleError::NotWasm);
    assert_eq!(refused(b"\0asm\x01\0\0\0"), ModuleError::MemoryCount { found: 0 }, "no sections");
}

#[test]
fn r60_every_prefix_of_a_module_is_refused() {
    let whole = code(&wat(
        r#"(table 2 2 funcref) (elem (i32.const 0) 0) (global (mut i32) (i32.const 5)) (data (i32.const 8) "text")
        (func (param i32) (result i32) (local i64) local.get 0 if (result i32) i32.const 1 else i32.const 2 end)"#,
    ));
    accepted(&whole);
    let params = Params::default();
    for len in 0..whole.len() {
        assert!(validate_module(&whole[..len], &params).is_err(), "the first {len} bytes pass");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(validate_module(&longer, &params).is_err(), "surplus bytes pass");
    let mut twice = whole.clone();
    twice.extend_from_slice(&whole);
    assert!(validate_module(&twice, &params).is_err(), "two modules pass");
}

#[test]
fn r60_what_passes_with_a_byte_changed_still_deploys() {
    let whole = code(&wat(
        r#"(table 2 2 funcref) (elem (i32.const 0) 0) (global (mut i32) (i32.const 5)) (data (i32.const 8) "text")
        (func (param i32) (result i32) (local i64) local.get 0 if (result i32) i32.const 1 else i32.const 2 end)
        (func i32.const 0 i32.load offset=4 drop i32.const 0 call_indirect memory.size drop)"#,
    ));
    let params = Params::default();
    let mut passed = 0;
    for at in 0..whole.len() {
        for value in [
            0,
            1,
            2,
            3,
            0x0b,
            0x40,
            0x60,
            0x70,
            0x7e,
            0x7f,
            0x80,
            0x81,
            0xff,
            whole[at] ^ 1,
            whole[at] ^ 0x80,
        ] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if validate_module(&bytes, &params).is_ok() {
                passed += 1;
                Chain::with_params(params.clone()).try_deploy(&bytes);
            }
        }
    }
    assert!(passed > 200, "{passed}");
}

#[test]
fn r60_bytes_at_random_are_refused() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let params = Params::default();
    for _ in 0..2_000 {
        let len = next() % 300;
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend((0..len).map(|_| next() as u8));
        assert!(validate_module(&bytes, &params).is_err());
        assert!(validate_module(&bytes[8..], &params).is_err());
    }
}

#[test]
fn r60_names_and_custom_sections_of_any_content_are_ignored() {
    let plain = code(&wat(""));
    let bare_receipt = runs_with(&Params::default(), &plain);
    for extra in [
        custom("name", b"\xff\xff\xff\xff\xff"),
        custom("name", &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        custom("", b""),
        custom("producers", &[0xff; 100]),
        custom("vm.interfaces", b"not ours"),
        custom("\u{1f980}", &vec![7; 100_000]),
        custom(&repeat("n", 50_000), b""),
        repeat("x", 200).bytes().flat_map(|byte| custom("c", &[byte])).collect(),
    ] {
        let mut bytes = plain.clone();
        bytes.extend_from_slice(&extra);
        let receipt = runs_with(&Params::default(), &bytes);
        assert_eq!(receipt.output, bare_receipt.output);
        assert!(receipt.gas_used >= bare_receipt.gas_used, "its bytes are paid for");
        // In front of every other section as well.
        let mut bytes = plain[..8].to_vec();
        bytes.extend_from_slice(&extra);
        bytes.extend_from_slice(&plain[8..]);
        accepted(&bytes);
    }
    let mut bytes = plain;
    bytes.extend(section(CUSTOM, &[2, 0xff, 0xff]));
    malformed(&bytes, "UTF-8");
}

// Imports, start, memory.

#[test]
fn r60_only_vm_functions_are_imported() {
    let foreign = |import: &str| {
        let text = format!(r#"(module {import} (memory (export "memory") 1 2) (func (export "run")))"#);
        match refused(&code(&text)) {
            ModuleError::ForeignImport { module, name } => format!("{module}.{name}"),
            other => panic!("{import}: {other:?}"),
        }
    };
    assert_eq!(
        foreign(
            r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#
        ),
        "wasi_snapshot_preview1.fd_write"
    );
    assert_eq!(foreign(r#"(import "env" "sender" (func (param i32)))"#), "env.sender");
    assert_eq!(foreign(r#"(import "vm" "exit" (func))"#), "vm.exit");
    assert_eq!(foreign(r#"(import "vm" "" (func))"#), "vm.");
    assert_eq!(foreign(r#"(import "vm" "value" (global i64))"#), "vm.value");
    assert_eq!(foreign(r#"(import "vm" "table" (table 1 funcref))"#), "vm.table");
    assert_eq!(foreign(r#"(import "vm" "sender" (table 1 funcref))"#), "vm.sender");
    assert_eq!(foreign(r#"(import "vm" "tag" (tag))"#), "vm.tag");
    let long = repeat("m", 5_000);
    assert_eq!(
        foreign(&format!(r#"(import "{long}" "{long}" (func))"#)).len(),
        129,
        "names are cut for people"
    );
    let memory =
        r#"(module (import "vm" "memory" (memory 1 2)) (export "memory" (memory 0)) (func (export "run")))"#;
    assert!(matches!(refused(&code(memory)), ModuleError::ForeignImport { name, .. } if name == "memory"));
}

#[test]
fn r60_every_vm_function_is_offered_with_its_own_signature_and_no_other() {
    let show = |types: &[WasmType]| -> String {
        types.iter().map(|ty| if *ty == WasmType::I32 { " i32" } else { " i64" }).collect()
    };
    let text = |name: &str, params: &[WasmType], results: &[WasmType]| {
        let (params, results) = (show(params), show(results));
        format!(
            r#"(module (import "vm" "{name}" (func (param{params}) (result{results})))
            (memory (export "memory") 1 2) (func (export "run")))"#
        )
    };
    for function in HostFunction::ALL {
        let info = function.info();
        let params: Vec<WasmType> = info.params.iter().map(|param| param.2).collect();
        let results: Vec<WasmType> = info.result.into_iter().collect();
        accepted(&code(&text(info.name, &params, &results)));
        let flip = |ty: WasmType| if ty == WasmType::I32 { WasmType::I64 } else { WasmType::I32 };
        let mut wrong = vec![
            ([&params[..], &[WasmType::I32]].concat(), results.clone()),
            (params.clone(), [&results[..], &[WasmType::I32]].concat()),
            (params.clone(), results.iter().map(|ty| flip(*ty)).chain([WasmType::I32]).collect()),
        ];
        for at in 0..params.len() {
            let mut other = params.clone();
            other[at] = flip(other[at]);
            wrong.push((other, results.clone()));
        }
        if let Some(result) = info.result {
            wrong.push((params.clone(), vec![flip(result)]));
            wrong.push((params.clone(), vec![]));
        }
        for (params, results) in wrong {
            let error = refused(&code(&text(info.name, &params, &results)));
            assert!(
                matches!(&error, ModuleError::ImportSignature { name, .. } if name == info.name),
                "{}: {error:?}",
                info.name
            );
        }
    }
}

#[test]
fn r60_imports_are_limited_to_twice_the_table() {
    let text = |count: usize| {
        let import = r#"(import "vm" "value" (func (result i64)))"#;
        code(&format!(
            r#"(module {} (memory (export "memory") 1 2) (func (export "run") call 0 drop))"#,
            repeat(import, count)
        ))
    };
    let most = 2 * HostFunction::ALL.len();
    accepted(&text(most));
    assert_eq!(refused(&text(most + 1)), limit("imports", most as u64 + 1, most as u64));
}

#[test]
fn r60_there_is_no_start_function() {
    assert_eq!(refused(&code(&wat("(start 0)"))), ModuleError::StartFunction);
}

#[test]
fn r60_there_is_exactly_one_memory_with_a_maximum_exported_by_its_name() {
    let text = |memory: &str| code(&format!(r#"(module {memory} (func (export "run")))"#));
    assert_eq!(refused(&text("")), ModuleError::MemoryCount { found: 0 });
    assert_eq!(
        refused(&text(r#"(memory (export "memory") 1 2) (memory 1 2)"#)),
        ModuleError::MemoryCount { found: 2 }
    );
    assert_eq!(refused(&text(r#"(memory (export "memory") 1)"#)), ModuleError::MemoryWithoutMaximum);
    assert_eq!(refused(&text("(memory 1 2)")), ModuleError::NoMemoryExport);
    assert_eq!(
        refused(&text(r#"(memory (export "memory") (export "mem") 1 2)"#)),
        ModuleError::UnknownExport("mem".into())
    );
    let named_memory = r#"(module (memory 1 2) (func (export "run")) (func (export "memory")))"#;
    assert_eq!(refused(&plain_module(named_memory, &["run", "memory"])), ModuleError::NoMemoryExport);
    malformed(&text(r#"(memory (export "memory") 2 1)"#), "minimum");
    malformed(&raw(&section(MEMORY, &[1, 1, 1, 0x81, 0x80, 4]), &[0, 0x0b]), "memory size");
    accepted(&text(r#"(memory (export "memory") 0 0)"#));
}

// Features.

#[test]
fn r61_floats_are_refused_wherever_they_stand() {
    for extra in [
        "(func (param f32))",
        "(func (result f64) unreachable)",
        "(func (local f32))",
        "(func f64.const 1 drop)",
        "(func i32.const 0 f32.load drop)",
        "(func i32.const 0 f32.convert_i32_s drop)",
        "(func unreachable f32.add drop)",
        "(func i32.const 0 i32.trunc_sat_f32_s drop)",
        "(func i32.const 1 f32.reinterpret_i32 drop)",
        "(func (block (result f32) unreachable) drop)",
        "(func unreachable select (result f32) drop)",
        "(global f32 (f32.const 1))",
        "(type (func (param f64)))",
    ] {
        let error = refused(&code(&wat(extra)));
        assert!(matches!(&error, ModuleError::Malformed { .. }), "{extra}: {error:?}");
    }
}

#[test]
fn r61_features_that_are_off_are_refused() {
    for (extra, text) in [
        ("(func v128.const i32x4 0 0 0 0 drop)", "SIMD"),
        ("(func (param v128))", "SIMD"),
        ("(func unreachable i8x16.relaxed_swizzle drop)", "SIMD"),
        ("(func i32.const 0 i32.atomic.load drop)", "threads"),
        ("(func atomic.fence)", "threads"),
        ("(func return_call 0)", "tail calls"),
        ("(table 1 1 funcref) (func i32.const 0 return_call_indirect)", "tail calls"),
        ("(tag)", "exception"),
        ("(tag) (func throw 1)", "exception"),
        ("(func (try_table))", "exception"),
        ("(func (param externref))", "reference types"),
        ("(func (local funcref))", "reference types"),
        ("(global funcref (ref.null func))", "reference types"),
        ("(func ref.null func drop)", "reference types"),
        ("(elem declare func 0) (func ref.func 0 drop)", "reference types"),
        ("(func i32.const 1 i32.const 2 i32.const 3 select (result i32) drop)", "reference types"),
        ("(table 1 1 externref)", "reference types"),
        ("(global i32 (i32.add (i32.const 1) (i32.const 2)))", "constant expression"),
        ("(global i32 (i32.const 1)) (global i32 (global.get 0))", "constant expression"),
        ("(func i64.const 0 i64.const 0 i64.mul_wide_s drop drop)", "wide arithmetic"),
        ("(type (struct))", ""),
        ("(type (array i32))", ""),
        ("(rec (type (func)) (type (func)))", ""),
        ("(type (sub (func)))", ""),
    ] {
        match refused(&code(&wat(extra))) {
            ModuleError::Malformed { message, .. } => {
                assert!(message.contains(text), "{extra}: {message:?} without {text:?}");
            }
            other => panic!("{extra}: {other:?}"),
        }
    }
    for (memory, text) in [
        (r#"(memory (export "memory") i64 1 2)"#, "memory64"),
        (r#"(memory (export "memory") 1 2 shared)"#, "threads"),
        (r#"(memory (export "memory") 1 2 (pagesize 1))"#, "custom page sizes"),
    ] {
        malformed(&code(&format!(r#"(module {memory} (func (export "run")))"#)), text);
    }
}

#[test]
fn r61_the_features_that_are_on_work() {
    accepted(&code(&bare(
        r#"(global (mut i32) (i32.const 3)) (table 1 1 funcref) (elem (i32.const 0) $two) (data $d "text")
        (type $pair (func (result i32 i64)))
        (func $two (result i32 i64) i32.const 200 i32.extend8_s i64.const 1)
        (func (export "run") (local i32)
            i32.const 0 call_indirect (type $pair) drop local.set 0
            local.get 0 i32.const -56 i32.ne if unreachable end
            i32.const 8 i32.const 0 i32.const 4 memory.init $d data.drop $d
            i32.const 16 i32.const 8 i32.const 4 memory.copy
            i32.const 16 i32.load i32.const 0x74786574 i32.ne if unreachable end
            i32.const 16 i32.const 0 i32.const 4 memory.fill
            i32.const 7 global.set 0)"#,
    )));
}

#[test]
fn r61_bulk_memory_is_a_switch() {
    let mut off = Params::default().features();
    off.bulk_memory = false;
    let params = Params::new("test", Limits::default(), off, GasSchedule::default()).unwrap();
    accepted_with(
        &params,
        &code(&wat(r#"(data (i32.const 0) "x") (table 1 1 funcref) (elem (i32.const 0) 0)"#)),
    );
    for extra in [
        "(func i32.const 0 i32.const 0 i32.const 0 memory.copy)",
        "(func i32.const 0 i32.const 0 i32.const 0 memory.fill)",
        r#"(data "x") (func i32.const 0 i32.const 0 i32.const 0 memory.init 0)"#,
        r#"(data "x") (func data.drop 0)"#,
        "(table 1 1 funcref) (elem func 0)",
    ] {
        let error = refused_with(&params, &code(&wat(extra)));
        assert!(matches!(error, ModuleError::Malformed { .. }), "{extra}: {error:?}");
        accepted(&code(&wat(extra)));
    }
    // A passive data segment alone is dead weight, which the engine takes too.
    accepted_with(&params, &code(&wat(r#"(data "x")"#)));
}

#[test]
fn r61_table_operators_are_refused_and_name_the_function() {
    for (operator, name) in [
        ("i32.const 0 i32.const 0 i32.const 0 table.copy", "TableCopy"),
        ("i32.const 0 i32.const 0 i32.const 0 table.init 0", "TableInit"),
        ("elem.drop 0", "ElemDrop"),
        ("table.size drop", "TableSize"),
        ("i32.const 0 table.get drop", "TableGet"),
        ("i32.const 0 ref.null func table.set", "TableSet"),
        ("ref.null func i32.const 0 table.grow drop", "TableGrow"),
        ("i32.const 0 ref.null func i32.const 0 table.fill", "TableFill"),
    ] {
        let text = wat(&format!("(table 1 1 funcref) (elem func 0) (func {operator})"));
        match refused(&code(&text)) {
            ModuleError::Operator { function: 1, operator } => assert_eq!(operator, name),
            // `ref.null` in front of it is refused first.
            ModuleError::Malformed { message, .. } => {
                assert!(message.contains("reference types"), "{message}")
            }
            other => panic!("{operator}: {other:?}"),
        }
    }
    let initialised =
        raw(&[section(4, &[1, 0x40, 0, 0x70, 1, 1, 1, 0xd2, 0, 0x0b]), raw_memory()].concat(), &[0, 0x0b]);
    let error = refused(&initialised);
    assert_eq!(error, ModuleError::Operator { function: 0, operator: "table initialiser".into() });
}

/// The engine reads immediates by its features; so must we, or a stored module would stop every node. The second
/// spelling of zero is legal only with reference types (table index) or several memories (memory index).
#[test]
fn r61_immediates_in_a_long_form_are_refused() {
    let table = [section(4, &[1, 0x70, 1, 1, 1]), raw_memory()].concat();
    let memory = raw_memory();
    let call_indirect = |index: &[u8]| [&[0, 0x41, 0, 0x11, 0][..], index, &[0x0b]].concat();
    assert_eq!(
        failed(&runs_with(&Params::default(), &raw(&table, &call_indirect(&[0])))),
        Some(ErrorCode::IndirectCallToNull)
    );
    malformed(&raw(&table, &call_indirect(&[0x80, 0])), "zero byte");
    let size = |index: &[u8]| [&[0, 0x3f][..], index, &[0x1a, 0x0b]].concat();
    accepted(&raw(&memory, &size(&[0])));
    malformed(&raw(&memory, &size(&[0x80, 0])), "zero byte");
    let grow = |index: &[u8]| [&[0, 0x41, 0, 0x40][..], index, &[0x1a, 0x0b]].concat();
    accepted(&raw(&memory, &grow(&[0])));
    malformed(&raw(&memory, &grow(&[0x80, 0])), "zero byte");
    // An offset of more than 32 bits, and a memory index inside the alignment.
    let load = |immediates: &[u8]| [&[0, 0x41, 0, 0x28][..], immediates, &[0x1a, 0x0b]].concat();
    accepted(&raw(&memory, &load(&[2, 0x80, 0x80, 0x80, 0x80, 0])));
    malformed(&raw(&memory, &load(&[2, 0x80, 0x80, 0x80, 0x80, 0x80, 0])), "");
    malformed(&raw(&memory, &load(&[0x42, 0, 0])), "");
}

// Exports and interface.

#[test]
fn r62_exports_and_interface_are_the_same_functions() {
    let plain = bare(r#"(func (export "run"))"#);
    assert_eq!(refused(&plain_module(&plain, &[])), ModuleError::UnknownExport("run".into()));
    assert_eq!(refused(&plain_module(&plain, &["run", "other"])), ModuleError::MissingExport("other".into()));
    assert_eq!(
        refused(&code(&wat(r#"(global (export "g") i32 (i32.const 0))"#))),
        ModuleError::UnknownExport("g".into())
    );
    assert_eq!(
        refused(&code(&wat(r#"(table (export "t") 1 1 funcref)"#))),
        ModuleError::UnknownExport("t".into())
    );
    assert_eq!(
        refused(&plain_module(&bare(r#"(func) (global (export "run") i32 (i32.const 0))"#), &["run"])),
        ModuleError::UnknownExport("run".into())
    );
    for signature in ["(param i32)", "(result i32)", "(param i32) (result i32)", "(param i64 i64)"] {
        let text = bare(&format!(r#"(func (export "run") {signature} unreachable)"#));
        assert_eq!(refused(&code(&text)), ModuleError::ExportSignature("run".into()));
    }
    let one_function_under_two_names = bare(r#"(func (export "run") (export "again"))"#);
    let bytes = plain_module(&one_function_under_two_names, &["run", "again"]);
    accepted(&bytes);
}

#[test]
fn r60_imports_are_not_exported_again() {
    let text = r#"(module (import "vm" "ret" (func (param i32 i32))) (import "vm" "value" (func (result i64)))
        (memory (export "memory") 1 2) (func) (export "run" (func 1)))"#;
    assert_eq!(refused(&code(text)), ModuleError::ReExport("run".into()));
}

#[test]
fn r62_there_is_one_interface_and_it_is_canonical() {
    let wasm = wat::parse_str(wat("")).unwrap();
    assert_eq!(refused(&wasm), ModuleError::InterfaceCount { found: 0 });
    let functions = vec![function("run", Flags::default(), &[])];
    let interface = Interface { name: "test".into(), functions, ..Interface::default() };
    let twice = with_interface(with_interface(wasm.clone(), &interface), &interface);
    assert_eq!(refused(&twice), ModuleError::InterfaceCount { found: 2 });
    let bad = [wasm.clone(), custom(INTERFACE_SECTION, b"")].concat();
    assert_eq!(refused(&bad), ModuleError::Interface(InterfaceError::Malformed));
    let with = |change: fn(&mut Interface)| {
        let mut other = interface.clone();
        change(&mut other);
        refused(&with_interface(wasm.clone(), &other))
    };
    assert_eq!(
        with(|interface| interface.name = "two words".into()),
        ModuleError::Interface(InterfaceError::BadName("two words".into()))
    );
    assert_eq!(
        with(|interface| interface.functions[0].flags = Flags::VIEW.with(Flags::PAYABLE)),
        ModuleError::Interface(InterfaceError::BadFlags("run".into()))
    );
    let first = [wasm[..8].to_vec(), with_interface(vec![], &interface), wasm[8..].to_vec()].concat();
    accepted(&first);
}

// Limits.

/// `edge` is a module with that many of something; `most` pass and one more is refused as `what`.
fn edge(what: &str, most: u32, edge: impl Fn(usize) -> Vec<u8>) {
    accepted(&edge(most as usize));
    assert_eq!(refused(&edge(most as usize + 1)), limit(what, u64::from(most) + 1, most.into()));
}

#[test]
fn r42_code_bytes_are_limited() {
    let plain = code(&wat(""));
    let padded = |len: usize| {
        // Name, its length, and three bytes for the section's length.
        let mut bytes = [plain.clone(), custom("pad", &vec![0; len - plain.len() - 8])].concat();
        assert_eq!(bytes.len(), len, "the padding is exact");
        bytes.shrink_to_fit();
        bytes
    };
    accepted(&padded(262_144));
    assert_eq!(refused(&padded(262_145)), ModuleError::TooLong { found: 262_145, limit: 262_144 });
}

#[test]
fn r42_functions_are_limited() {
    edge("functions", 2_048, |count| code(&wat(&repeat("(func)", count - 1))));
    // A count without the functions allocates nothing.
    let claimed = [&b"\0asm\x01\0\0\0"[..], &section(3, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat();
    assert_eq!(refused(&claimed), limit("functions", u32::MAX.into(), 2_048));
    let claimed = [&b"\0asm\x01\0\0\0"[..], &section(10, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat();
    assert_eq!(refused(&claimed), limit("functions", u32::MAX.into(), 2_048));
}

#[test]
fn r42_types_are_limited() {
    // wat gives `run` the first of them.
    edge("types", 512, |count| code(&wat(&repeat("(type (func))", count))));
    let claimed = [&b"\0asm\x01\0\0\0"[..], &section(1, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat();
    assert_eq!(refused(&claimed), limit("types", u32::MAX.into(), 512));
}

#[test]
fn r42_parameters_and_results_are_limited() {
    edge("parameters in type 1", 16, |count| {
        code(&wat(&format!("(func (param {}) local.get 15 drop)", repeat("i64 ", count))))
    });
    edge("results in type 1", 4, |count| {
        code(&wat(&format!("(func (result {}) {})", repeat("i64 ", count), repeat("i64.const 1 ", count))))
    });
    // Of blocks too: their types stand in the same section.
    edge("results in type 1", 4, |count| {
        let body = format!("(block (result {}) {})", repeat("i32 ", count), repeat("i32.const 1 ", count));
        code(&wat(&format!("(func {body} {})", repeat("drop ", count))))
    });
}

#[test]
fn r42_one_huge_signature_shared_by_all_functions_is_fine() {
    let shared = format!("(type $t (func (param {}) (result i64)))", repeat("i64 ", 16));
    let functions = repeat("(func (type $t) local.get 15)", 2_047);
    accepted(&code(&wat(&format!("{shared}{functions}"))));
}

#[test]
fn r42_locals_are_limited() {
    edge("locals in function 1", 100, |count| {
        code(&wat(&format!("(func (local {}))", repeat("i64 ", count))))
    });
    let two_groups = |first: u8, second: u8| raw(&raw_memory(), &[2, first, 0x7f, second, 0x7e, 0x0b]);
    accepted(&two_groups(60, 40));
    assert_eq!(refused(&two_groups(60, 41)), limit("locals in function 0", 101, 100));
    let claimed = raw(&raw_memory(), &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b]);
    assert_eq!(refused(&claimed), limit("locals in function 0", u32::MAX.into(), 100));
    let many_groups = raw(&raw_memory(), &[&[100][..], &[1, 0x7f].repeat(100), &[0x0b]].concat());
    accepted(&many_groups);
    let hundred = format!("(func (local {}))", repeat("i32 ", 100));
    accepted(&code(&wat(&repeat(&hundred, 100))));
    assert_eq!(
        refused(&code(&wat(&format!("{}(func (local i32))", repeat(&hundred, 100))))),
        limit("locals in all functions", 10_001, 10_000)
    );
}

#[test]
fn r42_function_bytes_are_limited() {
    // The count of local groups and `end` are two bytes of the body.
    edge("bytes in function 0", 65_536, |count| {
        raw(&raw_memory(), &[&[0][..], &vec![0x01; count - 2], &[0x0b]].concat())
    });
}

#[test]
fn r42_block_depth_is_limited() {
    // The body is a block of its own.
    for open in ["block ", "loop ", "i32.const 1 if "] {
        edge("nested blocks in function 1", 128, |count| {
            code(&wat(&format!("(func {}{})", repeat(open, count - 1), repeat("end ", count - 1))))
        });
    }
    let bomb = raw(&raw_memory(), &[&[0][..], &[0x02, 0x40].repeat(30_000)].concat());
    assert_eq!(refused(&bomb), limit("nested blocks in function 0", 129, 128));
}

#[test]
fn r42_operand_depth_is_limited() {
    edge("operands at a time in function 1", 1_024, |count| {
        code(&wat(&format!("(func {}{})", repeat("i32.const 7 ", count), repeat("drop ", count))))
    });
    // Operands that the engine can't fold away.
    edge("operands at a time in function 0", 1_024, |count| {
        let push = "i32.const 0 i32.load ";
        let first = format!("{}i32.load ", "i32.const 0 ");
        let add = repeat("i32.add ", count - 1);
        code(&bare(&format!(r#"(func (export "run") {first}{}{add} drop)"#, repeat(push, count - 1))))
    });
    let bomb = raw(&raw_memory(), &[&[0][..], &[0x41, 0].repeat(30_000)].concat());
    assert_eq!(refused(&bomb), limit("operands at a time in function 0", 1_025, 1_024));
}

#[test]
fn r42_br_table_targets_are_limited() {
    edge("targets of a br_table in function 1", 1_024, |count| {
        code(&wat(&format!("(func i32.const 5 br_table {}0)", repeat("0 ", count))))
    });
    let claimed = raw(&raw_memory(), &[0, 0x41, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b]);
    assert!(matches!(refused(&claimed), ModuleError::Malformed { .. }));
}

#[test]
fn r42_a_br_table_bomb_translates_in_bounded_space() {
    // Sixty tables of 1,024 targets, each of which carries the most results, out of the deepest nesting.
    let results = "(result i64 i64 i64 i64)";
    let block = format!("block {results} ");
    let push = repeat("i32.const 0 i64.load ", 4);
    let table = format!("{push} i32.const 9 br_table {} 0 ", repeat("0 120 ", 512));
    let body = format!("{}{}{}", repeat(&block, 120), repeat(&table, 10), repeat("end ", 120));
    let text = wat(&format!("(func {results} {body})"));
    accepted(&code(&text));
}

#[test]
fn r42_globals_are_limited() {
    edge("globals", 64, |count| code(&wat(&repeat("(global i64 (i64.const 1))", count))));
    let claimed = [&b"\0asm\x01\0\0\0"[..], &section(6, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat();
    assert_eq!(refused(&claimed), limit("globals", u32::MAX.into(), 64));
}

#[test]
fn r42_tables_and_their_elements_are_limited() {
    edge("tables", 1, |count| code(&wat(&repeat("(table 1 1 funcref)", count))));
    edge("table elements", 1_024, |count| code(&wat(&format!("(table {count} funcref)"))));
    edge("elements in element segments", 1_024, |count| {
        code(&wat(&format!("(table 1024 1024 funcref) (elem (i32.const 0) {})", repeat("0 ", count))))
    });
    // In passive segments, which no operator can reach, as well.
    edge("elements in element segments", 1_024, |count| {
        code(&wat(&format!("(elem func {}) (elem func {})", repeat("0 ", 24), repeat("0 ", count - 24))))
    });
    edge("element segments", 64, |count| {
        code(&wat(&format!("(table 1 1 funcref) {}", repeat("(elem (i32.const 0) 0)", count))))
    });
    let huge_maximum = format!("(table 1 {} funcref)", u32::MAX);
    accepted(&code(&wat(&huge_maximum)));
}

#[test]
fn r42_data_segments_are_limited() {
    edge("data segments", 128, |count| code(&wat(&repeat(r#"(data (i32.const 9) "x")"#, count))));
    edge("data segments", 128, |count| {
        let drops: String = (0..count).map(|index| format!("data.drop {index} ")).collect();
        code(&bare(&format!(r#"{} (func (export "run") {drops})"#, repeat(r#"(data "x")"#, count))))
    });
    let claimed = [&b"\0asm\x01\0\0\0"[..], &section(12, &[0xff, 0xff, 0xff, 0xff, 0x0f])].concat();
    assert_eq!(refused(&claimed), limit("data segments", u32::MAX.into(), 128));
}

#[test]
fn r42_exports_are_limited() {
    edge("exports", 256, |count| {
        let names: Vec<String> =
            (1..count).map(|index| if index == 1 { "run".into() } else { format!("f{index}") }).collect();
        let functions: String = names.iter().map(|name| format!(r#"(func (export "{name}"))"#)).collect();
        plain_module(&bare(&functions), &names.iter().map(String::as_str).collect::<Vec<_>>())
    });
}

#[test]
fn r42_export_names_are_limited() {
    let named = |len: usize| {
        let name = repeat("n", len);
        plain_module(&wat(&format!(r#"(func (export "{name}"))"#)), &["run", &name])
    };
    accepted(&named(64));
    assert_eq!(refused(&named(65)), limit("bytes in an export's name", 65, 64));
}

#[test]
fn r42_interface_bytes_are_limited() {
    let wasm = wat::parse_str(wat("")).unwrap();
    let sized = |len: usize| {
        let mut run: Function = function("run", Flags::default(), &[]);
        let made = |run: &Function| Interface {
            name: "test".into(),
            functions: vec![run.clone()],
            ..Interface::default()
        };
        let bare = parity_scale_codec::Encode::encoded_size(&made(&run));
        // A length of this size takes four bytes instead of one.
        run.docs = repeat("d", len - bare - 3);
        let interface = made(&run);
        assert_eq!(parity_scale_codec::Encode::encoded_size(&interface), len);
        with_interface(wasm.clone(), &interface)
    };
    accepted(&sized(32_768));
    assert_eq!(
        refused(&sized(32_769)),
        ModuleError::Interface(InterfaceError::TooLong { found: 32_769, limit: 32_768 })
    );
}

#[test]
fn r42_memory_pages_are_limited() {
    let text = |memory: &str, body: &str| {
        code(&format!(r#"(module (memory (export "memory") {memory}) (func (export "run") {body}))"#))
    };
    accepted(&text("32 32", ""));
    assert_eq!(refused(&text("33 33", "")), limit("pages of initial memory", 33, 32));
    // A larger maximum is cut to the chain's limit, where growth ends.
    let grows_to_the_limit = "i32.const 31 memory.grow i32.const 1 i32.ne if unreachable end
        i32.const 1 memory.grow i32.const -1 i32.ne if unreachable end";
    accepted(&text("1 65536", grows_to_the_limit));
    let grows_to_its_maximum = "i32.const 2 memory.grow i32.const -1 i32.ne if unreachable end
        i32.const 1 memory.grow i32.const 1 i32.ne if unreachable end";
    accepted(&text("1 2", grows_to_its_maximum));
}

#[test]
fn r42_everything_at_its_limit_at_once_passes_the_engine() {
    for (params, scale) in [(Params::default(), 1), (widest(), 8)] {
        let limits = params.limits();
        let (locals, operands) = (limits.function_locals as usize, limits.operand_depth as usize);
        let (params_max, results) = (limits.function_params as usize, limits.function_results as usize);
        let push = repeat("i32.const 0 i64.load ", operands - 8);
        let big = format!(
            "(func (param {}) (result {}) (local {}) {push}{} {})",
            repeat("i64 ", params_max),
            repeat("i64 ", results),
            repeat("i64 ", locals),
            repeat("drop ", operands - 8),
            repeat("i32.const 0 i64.load ", results),
        );
        let blocks = limits.block_depth as usize - 1;
        let deep = format!("(func {}{})", repeat("block ", blocks), repeat("end ", blocks));
        let targets = limits.br_table_targets as usize;
        let table = format!("(func i32.const 5 br_table {}0)", repeat("0 ", targets));
        let rest = format!(
            "(table {0} {0} funcref) (elem (i32.const 0) {1}) {2} {3}",
            limits.table_elements,
            repeat("0 ", limits.table_elements as usize),
            repeat("(global (mut i64) (i64.const 1))", limits.globals as usize),
            repeat(r#"(data (i32.const 0) "x")"#, limits.data_segments as usize),
        );
        let text = wat(&format!("{}{deep}{table}{rest}", repeat(&big, scale)));
        accepted_with(&params, &code(&text));
    }
}

#[test]
fn r42_the_widest_rules_deploy_the_longest_function() {
    let params = widest();
    let most = params.limits().function_bytes as usize;
    // Five bytes a piece, none of which the engine can leave out.
    let store = [0x41, 0, 0x41, 0, 0x36, 2, 0];
    let body = [&[0][..], &store.repeat((most - 2) / store.len()), &[0x0b]].concat();
    accepted_with(&params, &raw(&raw_memory(), &body));
}

// Instances.

#[test]
fn r63_segments_out_of_bounds_fail_where_an_instance_starts() {
    for (extra, error) in [
        (r#"(data (i32.const 65536) "x")"#, ErrorCode::MemoryOutOfBounds),
        (r#"(data (i32.const -1) "xx")"#, ErrorCode::MemoryOutOfBounds),
        (r#"(data (i32.const 65535) "xx")"#, ErrorCode::MemoryOutOfBounds),
        ("(table 1 1 funcref) (elem (i32.const 1) 0)", ErrorCode::InvalidModule),
        ("(table 1 1 funcref) (elem (i32.const -1) 0 0)", ErrorCode::InvalidModule),
        ("(table 0 0 funcref) (elem (i32.const 0) 0)", ErrorCode::InvalidModule),
        // Elements come first.
        (r#"(data (i32.const -1) "x") (table 0 0 funcref) (elem (i32.const 0) 0)"#, ErrorCode::InvalidModule),
    ] {
        // Without an initialiser nothing starts at deployment: each call fails, always in the same way.
        let mut chain = Chain::new();
        let contract = chain.deploy(&code(&wat(extra)));
        let receipts = [chain.call(contract, "run", ()), chain.call(contract, "run", ())];
        assert_eq!(receipts.map(|receipt| failed(&receipt)), [Some(error); 2], "{extra}");
        // With one, the deployment fails and leaves nothing.
        let text = format!(r#"(module (memory (export "memory") 1 2) (func (export "init_it")) {extra})"#);
        let (executed, address) = chain.try_deploy(&plain_module(&text, &["init_it"]));
        assert_eq!(failed(&executed.receipt), Some(error), "{extra}");
        assert_eq!(failed(&chain.call(address, "init_it", ())), Some(ErrorCode::ContractNotFound));
    }
    accepted(&code(&wat(r#"(data (i32.const 65536) "") (data (i32.const 65535) "x")"#)));
    accepted(&code(&wat("(table 1 1 funcref) (elem (i32.const 1)) (elem (i32.const 0) 0)")));
}

/// How `run` fails, which calls `f` with `depth` and `zeros` more arguments; `f` calls itself until its first is 0.
fn recursion(params: &Params, f: &str, zeros: usize, depth: u32) -> Option<ErrorCode> {
    let zeros = repeat("i64.const 0 ", zeros);
    let text = bare(&format!(r#"(func $f {f}) (func (export "run") i64.const {depth} {zeros} call $f)"#));
    failed(&runs_with(params, &code(&text)))
}

#[test]
fn r42_the_depth_limit_binds_before_the_stacks_bytes() {
    let deep = |depth: u32, operands: u32| {
        with_limits(|limits| {
            limits.wasm_depth = depth;
            limits.operand_depth = operands;
        })
    };
    for params in [Params::default(), deep(32, 1_024), deep(1_024, 4_096), deep(4_096, 64)] {
        let limits = params.limits();
        let more = limits.function_params as usize - 1;
        let counter = "local.get 0 i64.eqz if return end";
        let less = "local.get 0 i64.const 1 i64.sub";
        let lean = format!("(param i64) {counter} {less} call $f");
        // Each frame has all parameters, all locals, and all operands that fit beside the call's own.
        let operands = limits.operand_depth as usize - more - 2;
        let fat = format!(
            "(param i64) (param {}) (local {}) {counter} {} {less} {} call $f {}",
            repeat("i64 ", more),
            repeat("i64 ", limits.function_locals as usize),
            repeat("i32.const 0 i64.load ", operands),
            repeat("local.get 1 ", more),
            repeat("drop ", operands),
        );
        // `run` and the first `f` are two frames.
        let most = limits.wasm_depth - 2;
        for (name, shape, zeros) in [("lean", &lean, 0), ("fat", &fat, more)] {
            assert_eq!(recursion(&params, shape, zeros, most), None, "{name} at {most}");
            assert_eq!(
                recursion(&params, shape, zeros, most + 1),
                Some(ErrorCode::StackOverflow),
                "{name} past {most}"
            );
        }
    }
}

#[test]
fn r42_endless_recursion_is_a_named_failure() {
    let text = bare(
        r#"(type $v (func)) (table 1 1 funcref) (elem (i32.const 0) $g)
        (func $f i32.const 0 call_indirect (type $v)) (func $g call $f) (func (export "run") call $f)"#,
    );
    assert_eq!(failed(&runs_with(&Params::default(), &code(&text))), Some(ErrorCode::StackOverflow));
}

#[test]
fn r64_a_refused_upload_stores_nothing() {
    let mut chain = Chain::new();
    let bad = code(&wat("(start 0)"));
    let executed = chain.run(alice(), 50_000_000, Payload::Upload { code: bad.clone() });
    assert_eq!(failed(&executed.receipt), Some(ErrorCode::InvalidModule));
    let key = vm_core::Key::code(&vm_core::Hash::of_code(&bad));
    assert!(chain.view().get(&key).unwrap().is_none());
}

/// Found by the fuzz target `stateless`. `Chain::run` compares what was declared with the witness's length.
#[test]
fn r91_code_that_is_uploaded_again_is_declared_to_the_witness() {
    let mut chain = Chain::new();
    let long = code(&wat(&format!(r#"(data (i32.const 0) "{}")"#, "x".repeat(20_000))));
    let upload = || Payload::Upload { code: long.clone() };
    for again in [false, true] {
        let executed = chain.run(alice(), 50_000_000, upload());
        assert_eq!(executed.receipt.status, Status::Success);
        assert_eq!(executed.resources.witness_bytes > 20_000, again, "{:?}", executed.resources);
    }
}

/// DESIGN 10, rule 18: arguments are checked by a walk that is charged per step, also where they are refused. Values of
/// no size cost steps but no bytes: this interface makes 32,000 steps of each byte.
#[test]
fn r40_arguments_pay_for_every_step_of_their_check() {
    let mut members = vec![Type::U8];
    members.extend(std::iter::repeat_n(Type::unit(), 16_000));
    let list = Type::Vec(Box::new(Type::Tuple(members)));
    let run = function("run", Flags::default(), &[("list", list)]);
    let mut chain = Chain::new();
    let contract = chain.deploy(&module(&wat(""), vec![run.clone()]));
    let whole = vec![7u8; 100];
    let steps = vm_core::interface::check(&run.params, &whole.encode()).unwrap();
    assert!(steps > 3_000_000);
    // One element is missing at the end.
    let mut short = Compact(101u32).encode();
    short.extend_from_slice(&whole);
    for args in [whole.encode(), short] {
        let payload = Payload::Call { contract, function: "run".into(), args, value: 0 };
        let receipt = chain.run(alice(), 1_000_000, payload).receipt;
        assert_eq!(failed(&receipt), Some(ErrorCode::OutOfGas), "{} gas for {steps} steps", receipt.gas_used);
    }
}
