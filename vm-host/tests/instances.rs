//! R2: a call begins in an instance as the module describes it, whatever ran in it before.
//!
//! The engine uses an instance again where nothing can tell (`vm-host/src/module/instance.rs`). These modules look: each
//! call compares everything that an instance holds with what the module says, traps where it differs, and then spoils
//! all of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::default_numeric_fallback,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use common::*;
use vm_core::{ErrorCode, Payload, Status};

/// Traps unless memory, globals and segments are as declared; then changes all of it.
///
/// 64 bytes at 100 and 8 at the end of the first page come from the module, all else is zero.
const SUSPICIOUS: &str = r#"(module
    (memory (export "memory") 2 4)
    (data (i32.const 100) "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
    (data (i32.const 65528) "\01\02\03\04\05\06\07\08")
    (data $passive "PASSIVE!")
    (global $a (mut i32) (i32.const 7)) (global $fixed i64 (i64.const 9)) (global $b (mut i64) (i64.const -8))
    (global $c (mut i32) (i32.const 0))
    (type $t (func)) (table 2 funcref) (elem (i32.const 0) $nothing $nothing) (func $nothing)
    (func $expect (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
    (func $fresh (local $at i32) (local $sum i64)
        (call $expect (i32.eq (global.get $a) (i32.const 7)))
        (call $expect (i64.eq (global.get $b) (i64.const -8)))
        (call $expect (i32.eqz (global.get $c)))
        (call $expect (i32.eq (memory.size) (i32.const 2)))
        (call_indirect (type $t) (i32.const 1))
        (loop $l
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) (i64.load (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $at) (i32.const 131072))))
        (call $expect (i64.eq (local.get $sum) (i64.const SUM))))
    (func $spoil
        (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 131072))
        (memory.init $passive (i32.const 3) (i32.const 0) (i32.const 8))
        (global.set $a (i32.const -1)) (global.set $b (i64.const 1)) (global.set $c (i32.const 1)))
    (func (export "run") (call $fresh) (call $spoil))
    (func (export "trap") (call $fresh) (call $spoil) unreachable)
    (func (export "grow") (call $fresh) (call $spoil)
        (call $expect (i32.eq (memory.grow (i32.const 1)) (i32.const 2)))
        (memory.fill (i32.const 131072) (i32.const 0x5a) (i32.const 65536)))
    (func (export "fill") (call $fresh) (call $spoil)
        (loop $l (br $l))))"#;

/// What the loop in `$fresh` comes to on the memory that the module declares.
fn sum() -> i64 {
    let mut memory = vec![0u8; 131_072];
    memory[100..164].copy_from_slice(&b"0123456789abcdef".repeat(4));
    memory[65_528..65_536].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let words = memory.chunks_exact(8).map(|word| i64::from_le_bytes(word.try_into().unwrap()));
    words.fold(0, |sum: i64, word| sum.wrapping_mul(31).wrapping_add(word))
}

fn suspicious() -> Vec<u8> {
    plain_module(&SUSPICIOUS.replace("SUM", &sum().to_string()), &["run", "trap", "grow", "fill"])
}

#[test]
fn r2_nothing_of_a_call_is_left_for_the_next_however_it_ended() {
    let mut chain = Chain::new();
    let contract = chain.deploy(&suspicious());
    let expected = [
        ("run", Status::Success),
        ("trap", Status::Failed(ErrorCode::Unreachable)),
        ("grow", Status::Success),
        ("fill", Status::Failed(ErrorCode::OutOfGas)),
    ];
    // Each after each, so that every end is followed by every other; `Chain` runs each block in fresh engines as well.
    for (first, status) in expected {
        for (second, after) in expected {
            for (function, status) in [(first, status), (second, after)] {
                let payload = Payload::Call { contract, function: function.into(), args: vec![], value: 0 };
                let receipt = chain.run(alice(), 2_000_000, payload).receipt;
                assert_eq!(receipt.status, status, "{first}, then {second}");
            }
        }
    }
    // Within one block, and in two contracts of one code.
    let other = chain.deploy(&suspicious());
    let calls = (0..20).map(|index| {
        let to = if index % 3 == 0 { other } else { contract };
        chain.tx(alice(), 5_000_000, run_payload(to, vec![]))
    });
    let calls = calls.collect();
    let block = chain.block(calls);
    let outcome = chain.commit(&block);
    assert!(outcome.transactions.iter().all(|executed| executed.receipt.status == Status::Success));
}

#[test]
fn r2_frames_that_are_alive_at_once_have_instances_of_their_own() {
    // Calls itself with one less, and looks at its memory before and after.
    let wat = r#"(module
        (import "vm" "input" (func $input (param i32 i32) (result i32)))
        (import "vm" "contract_address" (func $self (param i32)))
        (import "vm" "call" (func $call (param i32 i32 i32 i32 i32 i64 i64) (result i32)))
        (memory (export "memory") 1 1) (data (i32.const 0) "reentrant_run")
        (func (export "reentrant_run") (local $left i32)
            (if (i32.load (i32.const 100)) (then unreachable))
            (drop (call $input (i32.const 100) (i32.const 4)))
            (local.set $left (i32.load (i32.const 100)))
            (if (i32.eqz (local.get $left)) (then return))
            (call $self (i32.const 200))
            (i32.store (i32.const 104) (i32.sub (local.get $left) (i32.const 1)))
            (if (call $call (i32.const 200) (i32.const 0) (i32.const 13) (i32.const 104) (i32.const 4) (i64.const 0) (i64.const 0))
                (then unreachable))
            (if (i32.ne (i32.load (i32.const 100)) (local.get $left)) (then unreachable))))"#;
    let flags = vm_core::interface::Flags::REENTRANT;
    let run = function("reentrant_run", flags, &[("left", vm_core::interface::Type::U32)]);
    let mut chain = Chain::new();
    let contract = chain.deploy(&module(wat, vec![run]));
    for depth in [0u32, 1, 5, 20, 5, 1, 0] {
        assert_eq!(chain.call(contract, "reentrant_run", depth).status, Status::Success, "{depth}");
    }
}

#[test]
fn r2_a_dropped_data_segment_is_there_again() {
    let wat = r#"(module (memory (export "memory") 1 1) (data $d "once")
        (func (export "run")
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4))
            (data.drop $d)))"#;
    let mut chain = Chain::new();
    let contract = chain.deploy(&plain_module(wat, &["run"]));
    for _ in 0..3 {
        assert_eq!(chain.call(contract, "run", ()).status, Status::Success);
    }
}
