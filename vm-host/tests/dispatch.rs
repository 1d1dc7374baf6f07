//! Loops of every operator that wasmi's tail-call dispatch is known not to turn into jumps, on a small native stack.
//!
//! A node that interprets contracts must not die of one: see "Portable dispatch" in ARCHITECTURE.md.
#![allow(
    clippy::unwrap_used,
    clippy::default_numeric_fallback,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod common;

use common::*;
use vm_core::{Payload, Status};

#[test]
fn dispatch_never_grows_the_native_stack() {
    let bodies = [
        "(drop (memory.grow (i32.const 1000)))",
        "(drop (memory.grow (i32.const -1)))",
        "(drop (memory.grow (i32.const 0)))",
        "(drop (block (result i32) (br_table 0 0 0 (i32.const 7) (local.get $i))))",
        "(block (result i32 i64) (br_table 0 0 0 (i32.const 7) (i64.const 8) (local.get $i))) drop drop",
        "(call $f)",
        "(call_indirect (type $t) (i32.const 0))",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 9))",
        "(memory.copy (i32.const 0) (i32.const 1) (i32.const 9))",
        "(drop (call $height))",
    ];
    let run = move || {
        let mut chain = Chain::new();
        for body in bodies {
            let wat = format!(
                r#"(module (import "vm" "block_height" (func $height (result i64)))
                    (type $t (func)) (table 1 funcref) (elem (i32.const 0) $f) (func $f)
                    (memory (export "memory") 1 2) (func (export "run") (local $i i32)
                    (local.set $i (i32.const 100000))
                    (loop $l {body} (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                        (br_if $l (local.get $i)))))"#
            );
            let contract = chain.deploy(&plain_module(&wat, &["run"]));
            let payload = Payload::Call { contract, function: "run".into(), args: vec![], value: 0 };
            assert_eq!(chain.run(alice(), 20_000_000, payload).receipt.status, Status::Success, "{body}");
        }
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap();
}
