//! Calls between contracts, through hand-written wasm: what the SDK would never generate included.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod common;

use common::*;
use vm_core::interface::{Flags, Type};
use vm_core::{Address, CodeSource, ErrorCode, Hash, Payload, Status};
use vm_host::Step;

/// Reads its first 32 input bytes as an address and calls `target` there; returns what came back.
const FORWARDER: &str = r#"(module
    (import "vm" "input" (func $input (param i32 i32) (result i32)))
    (import "vm" "call" (func $call (param i32 i32 i32 i32 i32 i64 i64) (result i32)))
    (import "vm" "returned" (func $returned (param i32 i32) (result i32)))
    (import "vm" "ret" (func $ret (param i32 i32)))
    (import "vm" "sender" (func $sender (param i32)))
    (import "vm" "origin" (func $origin (param i32)))
    (import "vm" "contract_address" (func $me (param i32)))
    (memory (export "memory") 1 2)
    (data (i32.const 0) "target")
    (func (export "forward")
        (drop (call $input (i32.const 64) (i32.const 32)))
        (i32.store (i32.const 128) (call $call (i32.const 64) (i32.const 0) (i32.const 6)
            (i32.const 0) (i32.const 0) (i64.const 0) (i64.const 0)))
        (i32.store (i32.const 132) (call $returned (i32.const 136) (i32.const 200)))
        (call $ret (i32.const 128) (i32.add (i32.const 8) (i32.load (i32.const 132)))))
    (func (export "target")
        (call $sender (i32.const 256))
        (call $origin (i32.const 288))
        (call $me (i32.const 320))
        (call $ret (i32.const 256) (i32.const 96)))
)"#;

fn forwarder() -> Vec<u8> {
    module(
        FORWARDER,
        vec![
            function("forward", Flags::default(), &[("to", Type::Address)]),
            function("target", Flags::default(), &[]),
        ],
    )
}

fn result(output: &[u8]) -> i32 {
    i32::from_le_bytes(*output.first_chunk::<4>().unwrap())
}

#[test]
fn r11_r6_a_callee_sees_its_caller_the_origin_and_itself() {
    let mut chain = Chain::new();
    let (a, b) = (chain.deploy(&forwarder()), chain.deploy(&forwarder()));
    let receipt = chain.call(a, "forward", b);
    assert_eq!(receipt.status, Status::Success);
    assert_eq!(result(&receipt.output), 96);
    let seen: Vec<Address> =
        receipt.output[8..].chunks(32).map(|chunk| Address(chunk.try_into().unwrap())).collect();
    assert_eq!(seen, [a, alice(), b]);
}

#[test]
fn r43_reentrancy_is_refused_unless_the_function_is_reentrant() {
    let mut chain = Chain::new();
    let a = chain.deploy(&forwarder());
    let receipt = chain.call(a, "forward", a);
    assert_eq!(result(&receipt.output), ErrorCode::Reentrancy.to_guest());
    let reentrant = module(
        FORWARDER,
        vec![
            function("forward", Flags::default(), &[("to", Type::Address)]),
            function("target", Flags::REENTRANT, &[]),
        ],
    );
    let b = chain.deploy(&reentrant);
    assert_eq!(result(&chain.call(b, "forward", b).output), 96);
}

#[test]
fn a_call_to_nothing_is_an_error_to_the_caller_and_to_the_sender() {
    let mut chain = Chain::new();
    let a = chain.deploy(&forwarder());
    assert_eq!(result(&chain.call(a, "forward", bob()).output), ErrorCode::ContractNotFound.to_guest());
    assert_eq!(failed(&chain.call(bob(), "forward", bob())), Some(ErrorCode::ContractNotFound));
    assert_eq!(failed(&chain.call(a, "nothing", ())), Some(ErrorCode::FunctionNotFound));
    assert_eq!(failed(&chain.call(a, "target", 7u8)), Some(ErrorCode::BadArguments));
    assert_eq!(failed(&chain.call(a, "forward", ())), Some(ErrorCode::BadArguments));
}

/// Calls itself with one less until 0, through the host.
const NESTED: &str = r#"(module
    (import "vm" "input" (func $input (param i32 i32) (result i32)))
    (import "vm" "call" (func $call (param i32 i32 i32 i32 i32 i64 i64) (result i32)))
    (import "vm" "contract_address" (func $me (param i32)))
    (memory (export "memory") 1 1)
    (data (i32.const 0) "down")
    (func (export "down")
        (drop (call $input (i32.const 64) (i32.const 4)))
        (if (i32.load (i32.const 64)) (then
            (i32.store (i32.const 64) (i32.sub (i32.load (i32.const 64)) (i32.const 1)))
            (call $me (i32.const 128))
            (if (i32.lt_s (call $call (i32.const 128) (i32.const 0) (i32.const 4)
                    (i32.const 64) (i32.const 4) (i64.const 0) (i64.const 0)) (i32.const 0))
                (then unreachable)))))
)"#;

#[test]
fn r42_depth_64_runs_on_a_native_stack_of_256_kib_and_65_halts_the_caller() {
    let run = || {
        let mut chain = Chain::new();
        let code = module(NESTED, vec![function("down", Flags::REENTRANT, &[("left", Type::U32)])]);
        let contract = chain.deploy(&code);
        assert_eq!(chain.call(contract, "down", 64u32).status, Status::Success);
        let executed = chain.run(
            alice(),
            100_000_000,
            Payload::Call { contract, function: "down".into(), args: 65u32.to_le_bytes().to_vec(), value: 0 },
        );
        assert_eq!(executed.resources.depth_max, 64);
        // The frame at depth 64 is halted; the one above it sees an error and traps, and so on to the top.
        assert_eq!(failed(&executed.receipt), Some(ErrorCode::Unreachable));
        let mut frame = &executed.trace.as_ref().unwrap().root;
        while let Some(Step::Frame(inner)) = frame.steps.iter().find(|step| matches!(step, Step::Frame(_))) {
            frame = inner;
        }
        assert_eq!(frame.status, Status::Failed(ErrorCode::CallDepth));
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap();
}

/// Deploys from stored code, with a salt and no arguments.
const FACTORY: &str = r#"(module
    (import "vm" "input" (func $input (param i32 i32) (result i32)))
    (import "vm" "deploy" (func $deploy (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
    (import "vm" "ret" (func $ret (param i32 i32)))
    (memory (export "memory") 1 1)
    (func (export "make")
        (drop (call $input (i32.const 0) (i32.const 64)))
        (i32.store (i32.const 96) (call $deploy (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 0) (i32.const 100)))
        (call $ret (i32.const 96) (i32.const 36)))
)"#;

#[test]
fn r22_r64_a_contract_deploys_from_stored_code_at_an_address_only_it_can_take() {
    let mut chain = Chain::new();
    let code = module(
        FACTORY,
        vec![function("make", Flags::default(), &[("code", Type::Hash), ("salt", Type::Hash)])],
    );
    let factory = chain.deploy(&code);
    let child = plain_module(r#"(module (memory (export "memory") 1 1) (func (export "nop")))"#, &["nop"]);
    let (hash, salt) = (Hash::of_code(&child), Hash([5; 32]));
    let receipt = chain.call(factory, "make", (hash, salt));
    assert_eq!(result(&receipt.output), ErrorCode::CodeNotFound.to_guest());
    let uploaded = chain.run(alice(), 500_000_000, Payload::Upload { code: child.clone() });
    assert_eq!(uploaded.receipt.status, Status::Success);
    let receipt = chain.call(factory, "make", (hash, salt));
    assert_eq!(result(&receipt.output), 0);
    let address = Address::of_contract(&factory, &salt, &hash);
    assert_eq!(receipt.output[4..], address.0);
    assert_eq!(chain.call(address, "nop", ()).status, Status::Success);
    let again = chain.call(factory, "make", (hash, salt));
    assert_eq!(result(&again.output), ErrorCode::AddressTaken.to_guest());
    // The same code and salt from an account give another address.
    let payload = Payload::Deploy { code: CodeSource::Stored(hash), salt, args: vec![], value: 0 };
    let own = chain.run(alice(), 100_000_000, payload);
    assert_eq!(own.receipt.status, Status::Success);
    assert_eq!(chain.call(Address::of_contract(&alice(), &salt, &hash), "nop", ()).status, Status::Success);
}
