//! A profiled run is the plain run, and its marks account for every unit of fuel. The seam detector (`common/ways.rs`)
//! says so of every block of every test; these are the runs where wrappers could show.
#![cfg(feature = "profile")]
#![allow(
    clippy::unwrap_used,
    clippy::default_numeric_fallback,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::ledger::{Ledger, Ledgers};
use common::*;
use vm_core::{Address, ErrorCode, Payload, Status};
use vm_host::{BlockOutcome, Options, Vm};

/// A call of `run` with and without marks, uncommitted: both outcomes are compared, and the marks are returned.
fn profiled(chain: &mut Chain, contract: Address, gas_limit: u64) -> (BlockOutcome, Ledger) {
    let tx = chain.tx(alice(), gas_limit, run_payload(contract, vec![]));
    chain.nonces.insert(alice(), tx.nonce);
    let block = chain.block(vec![tx]);
    let plain = chain.execute(&block).unwrap();
    let mut vm = Vm::new(chain.vm.params().clone());
    let ledgers = Arc::new(Ledgers::default());
    vm.profile(ledgers.clone());
    let marked = vm.execute_block(&chain.view(), &block, Options::default()).unwrap();
    assert_eq!(marked.commit.header, plain.commit.header);
    assert_eq!(marked.commit.receipts, plain.commit.receipts);
    assert_eq!(marked.transactions[0].resources, plain.transactions[0].resources);
    ledgers.check(&plain);
    let ledger = ledgers.of(0);
    (plain, ledger)
}

fn status(outcome: &BlockOutcome) -> Status {
    outcome.transactions[0].receipt.status
}

/// Calls of many shapes: direct, through a table, with parameters and results, with host calls in between.
const SHAPES: &str = r#"(module
    (import "vm" "block_height" (func $height (result i64)))
    (import "vm" "log" (func $log (param i32 i32 i32 i32)))
    (type $step (func (param i64 i32) (result i64 i32)))
    (memory (export "memory") 1 2)
    (table 3 funcref)
    (elem (i32.const 1) $twice $log_it)
    (global $count (mut i32) (i32.const 0))
    (func $twice (type $step) (i64.add (local.get 0) (local.get 0)) (i32.sub (local.get 1) (i32.const 1)))
    (func $log_it (call $log (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 3)))
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0)) (else
            (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "run") (local i64 i32)
        (call_indirect (type $step) (call $height) (i32.const 7) (i32.const 1))
        (local.set 1) (local.set 0)
        (global.set $count (call $fib (local.get 1)))
        (call_indirect (i32.const 2))
        (memory.fill (i32.const 0) (i32.const 97) (i32.const 5000))
        (call $log_it)))"#;

#[test]
fn functions_of_every_shape_are_marked_and_take_what_they_took() {
    let mut chain = Chain::new();
    let contract = chain.deploy(&plain_module(SHAPES, &["run"]));
    let (outcome, ledger) = profiled(&mut chain, contract, 1_000_000);
    assert_eq!(status(&outcome), Status::Success);
    // run, twice, fib(6) with its 24 calls, and log_it through the table and directly.
    assert_eq!(ledger.entered, 1 + 1 + 25 + 2);
    assert_eq!(ledger.functions.keys().copied().collect::<Vec<_>>(), [2, 3, 4, 5], "imports come first");
}

/// Small functions with up to three parameters, so that a gas has room for one call of them or not. `$last` is one
/// block of five units, which is what a wrapper takes; `padding` moves it over all places within a gas.
fn small_functions(last: &str, padding: usize) -> Vec<u8> {
    let padding = "(drop (i32.const 0))".repeat(padding);
    let wat = format!(
        r#"(module (import "vm" "block_height" (func $height (result i64)))
        (memory (export "memory") 1 2)
        (func $a (param i32 i32 i32)) (func $b (param i32) (call $c)) (func $c)
        (func $d (result i64) (call $c) (call $height))
        (func $last {last})
        (func (export "run") (local $i i32) (local.set $i (i32.const 5))
            (loop $again
                (call $a (i32.const 1) (i32.const 2) (i32.const 3)) (call $b (i32.const 4))
                (drop (memory.grow (i32.const 0))) (drop (call $d)) (call $c)
                (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (call $last) {padding}))"#
    );
    plain_module(&wat, &["run"])
}

#[test]
fn wherever_the_gas_ends_a_run_with_marks_ends_there_too() {
    let mut chain = Chain::new();
    let failed = Status::Failed;
    let constants = |count| "(drop (i32.const 0))".repeat(count);
    for (last, good) in [
        (constants(4), Status::Success),
        (format!("(drop (call $height)) {}", constants(3)), Status::Success),
        (format!("{} (unreachable)", constants(4)), failed(ErrorCode::Unreachable)),
        (format!("{} (call $c)", constants(3)), Status::Success),
    ] {
        for padding in 0..8 {
            let whole = chain.deploy(&small_functions(&constants(4), padding));
            let used = profiled(&mut chain, whole, 1_000_000).0.transactions[0].receipt.gas_used;
            let contract = chain.deploy(&small_functions(&last, padding));
            let mut ends = [0; 2];
            for gas_limit in used - 80..used + 30 {
                let (outcome, _) = profiled(&mut chain, contract, gas_limit);
                let out_of_gas = status(&outcome) == failed(ErrorCode::OutOfGas);
                assert!(out_of_gas || status(&outcome) == good, "{gas_limit}: {:?}", status(&outcome));
                ends[usize::from(out_of_gas)] += 1;
            }
            assert!(ends[0] > 0 && ends[1] > 70, "{ends:?}");
        }
    }
}

#[test]
fn functions_nest_as_deep_as_without_marks() {
    let mut chain = Chain::with_limits(|limits| limits.wasm_depth = 50);
    let depth = |levels: u32| {
        format!(
            r#"(module (import "vm" "block_height" (func $height (result i64))) (memory (export "memory") 1 1)
            (func $down (param i32) (result i64)
                (if (result i64) (local.get 0)
                    (then (call $down (i32.sub (local.get 0) (i32.const 1)))) (else (call $height))))
            (func (export "run") (drop (call $down (i32.const {levels})))))"#
        )
    };
    // `run` is the first level, and `$down` of 0 the last.
    for (levels, expected) in [(48, Status::Success), (49, Status::Failed(ErrorCode::StackOverflow))] {
        let contract = chain.deploy(&plain_module(&depth(levels), &["run"]));
        let (outcome, ledger) = profiled(&mut chain, contract, 1_000_000);
        assert_eq!(status(&outcome), expected, "{levels}");
        assert_eq!(ledger.nested_max, 50);
    }
}

#[test]
fn a_module_without_imports_and_one_without_functions_run_with_marks() {
    let mut chain = Chain::new();
    let wat =
        r#"(module (memory (export "memory") 1 1) (func $f (unreachable)) (func (export "run") (call $f)))"#;
    let contract = chain.deploy(&plain_module(wat, &["run"]));
    let (outcome, ledger) = profiled(&mut chain, contract, 1_000_000);
    assert_eq!(status(&outcome), Status::Failed(ErrorCode::Unreachable));
    assert_eq!(ledger.functions.keys().copied().collect::<Vec<_>>(), [0, 1]);
    assert!(ledger.forfeited > 0, "a halt bills the whole grant");
    let bare = chain.deploy(&plain_module(r#"(module (memory (export "memory") 1 1))"#, &[]));
    let (outcome, ledger) = profiled(&mut chain, bare, 1_000_000);
    assert_eq!(status(&outcome), Status::Failed(ErrorCode::FunctionNotFound));
    assert_eq!((ledger.entered, ledger.host), (0, 0));
}

#[test]
fn an_instance_that_cannot_start_and_a_profiler_that_does_not_listen_change_nothing() {
    #[derive(Debug)]
    struct Deaf;
    impl vm_host::Profiler for Deaf {
        fn observer(&self, _: u32) -> Option<Box<dyn vm_host::Observer>> {
            None
        }
    }
    let mut chain = Chain::new();
    let wat = r#"(module (memory (export "memory") 1 1) (table 1 funcref) (elem (i32.const 1) $f)
        (func $f (export "run")))"#;
    let contract = chain.deploy(&plain_module(wat, &["run"]));
    let (outcome, ledger) = profiled(&mut chain, contract, 1_000_000);
    assert_eq!(status(&outcome), Status::Failed(ErrorCode::InvalidModule));
    assert_eq!(ledger.entered, 0);
    chain.vm.profile(Arc::new(Deaf));
    let executed = chain.run(alice(), 1_000_000, Payload::Transfer { to: bob(), amount: 1 });
    assert_eq!((executed.receipt.status, executed.trace), (Status::Success, None));
}
