//! The life of a transaction: validity, fees, value, gas, failure without trace.
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

use common::script::{Arg, INPUT, SCRATCH, Script, results};
use common::*;
use parity_scale_codec::Encode;
use vm_core::abi::HostFunction as F;
use vm_core::interface::{Flags, Type};
use vm_core::{
    Address, CodeSource, ErrorCode, GasSchedule, Hash, Mint, Params, Payload, Status, Transaction,
};
use vm_host::{BlockError, Invalid, InvalidTransaction, TraceLevel};
use vm_state::StateReader;

fn transfer(to: Address, amount: u64) -> Payload {
    Payload::Transfer { to, amount }
}

fn invalid(chain: &Chain, tx: Transaction) -> InvalidTransaction {
    let block = chain.block(vec![tx]);
    match chain.execute(&block) {
        Err(BlockError::Invalid(Invalid::Transaction { index: 0, reason })) => reason,
        other => panic!("expected an invalid transaction, got {other:?}"),
    }
}

#[test]
fn r101_an_invalid_transaction_refuses_the_block_and_names_why() {
    let chain = Chain::new();
    let tx = Transaction {
        sender: alice(),
        nonce: 0,
        gas_limit: 100_000,
        gas_price: 1,
        payload: transfer(bob(), 1),
    };
    let with = |change: fn(&mut Transaction)| {
        let mut other = tx.clone();
        change(&mut other);
        invalid(&chain, other)
    };
    assert_eq!(with(|tx| tx.nonce = 1), InvalidTransaction::Nonce { expected: 0, found: 1 });
    assert_eq!(with(|tx| tx.nonce = u64::MAX), InvalidTransaction::NonceExhausted);
    assert!(matches!(with(|tx| tx.gas_limit = 0), InvalidTransaction::IntrinsicGas { found: 0, .. }));
    assert!(matches!(with(|tx| tx.gas_limit = 600_000_000), InvalidTransaction::GasLimit { .. }));
    assert!(matches!(with(|tx| tx.gas_price = u64::MAX), InvalidTransaction::Fee { .. }));
    let long = |tx: &mut Transaction| tx.payload = Payload::Upload { code: vec![0; 600_000] };
    assert!(matches!(with(long), InvalidTransaction::TooLong { .. }));
    assert!(matches!(
        with(|tx| tx.sender = Address::named("nobody")),
        InvalidTransaction::Fee { balance: 0, .. }
    ));
}

#[test]
fn r101_a_block_out_of_place_is_refused() {
    let mut chain = Chain::new();
    chain.run(alice(), 100_000, transfer(bob(), 1));
    let mut block = chain.block(vec![]);
    block.context.height = 5;
    assert_eq!(chain.execute(&block).unwrap_err(), Invalid::Height { expected: 2, found: 5 }.into());
    let mut block = chain.block(vec![]);
    block.context.time = 999;
    assert_eq!(chain.execute(&block).unwrap_err(), Invalid::Time { parent: 1_000, found: 999 }.into());
    let mut block = chain.block(vec![]);
    block.mints = vec![Mint { to: bob(), amount: u64::MAX }];
    assert_eq!(chain.execute(&block).unwrap_err(), Invalid::Mint { index: 0 }.into());
    let other = vm_host::Vm::new(Params::default_for("another"));
    let refused = other.execute_block(&chain.view(), &chain.block(vec![]), vm_host::Options::default());
    assert!(matches!(refused, Err(BlockError::Invalid(Invalid::Params { .. }))));
    let gas = 500_000_000;
    let txs = (0..3).map(|nonce| Transaction {
        sender: alice(),
        nonce: nonce + 1,
        gas_limit: gas,
        gas_price: 0,
        payload: transfer(bob(), 1),
    });
    let refused = chain.execute(&chain.block(txs.collect()));
    assert!(matches!(refused, Err(BlockError::Invalid(Invalid::TooMuch { what: "gas limits", .. }))));
}

#[test]
fn r14_a_block_changes_the_sum_of_balances_only_by_its_mints() {
    let mut chain = Chain::new();
    let tx = chain.tx(alice(), 100_000, transfer(bob(), 500));
    let mut block = chain.block(vec![tx]);
    block.mints = vec![Mint { to: Address::named("carol"), amount: 77 }];
    let outcome = chain.commit(&block);
    let used = outcome.transactions[0].receipt.gas_used;
    assert_eq!(chain.balance(&Address::named("carol")), 77);
    assert_eq!(chain.balance(&bob()), START + 500);
    assert_eq!(chain.balance(&alice()), START - 500 - used);
    assert_eq!(chain.balance(&proposer()), used, "fees are credited once, at the end");
}

#[test]
fn r13_a_transfer_checks_balance_and_overflow_and_moves_nothing_when_it_fails() {
    let mut chain = Chain::new();
    let poor = chain.run(alice(), 100_000, transfer(bob(), START * 2)).receipt;
    assert_eq!(failed(&poor), Some(ErrorCode::InsufficientBalance));
    assert_eq!(chain.balance(&bob()), START);
    let before = chain.balance(&alice());
    let own = chain.run(alice(), 100_000, transfer(alice(), 5)).receipt;
    assert_eq!(own.status, Status::Success);
    assert_eq!(chain.balance(&alice()), before - own.gas_used);
    // From a contract.
    let mut script = Script::new().flags(Flags::PAYABLE).param("to", Type::Address);
    let sent = script.call(F::transfer, &[INPUT, 30]);
    let short = script.call(F::transfer, &[INPUT, 71]);
    let nothing = script.call(F::transfer, &[INPUT, 0]);
    let left = script.call(F::balance, &[INPUT]);
    let value = script.call(F::value, &[]);
    let contract = chain.deploy(&script.build());
    let carol = Address::named("carol");
    let receipt = chain.call_value(contract, "run", carol.encode(), 100);
    let out = results(&receipt.output);
    assert_eq!(out[sent], 0);
    assert_eq!(out[short], i64::from(ErrorCode::InsufficientBalance.to_guest()));
    assert_eq!((out[nothing], out[left], out[value]), (0, 30, 100));
    assert_eq!((chain.balance(&contract), chain.balance(&carol)), (70, 30));
}

#[test]
fn a_contract_without_an_initialiser_takes_neither_arguments_nor_value() {
    let mut chain = Chain::new();
    let bytes = Script::new().build();
    for (args, value, end) in [
        (vec![], 0, None),
        (vec![], 5, Some(ErrorCode::NotPayable)),
        (vec![1], 0, Some(ErrorCode::BadArguments)),
    ] {
        let salt = Hash([u8::try_from(value).unwrap() + u8::try_from(args.len()).unwrap(); 32]);
        let address = Address::of_contract(&alice(), &salt, &Hash::of_code(&bytes));
        let payload = Payload::Deploy { code: CodeSource::Bytes(bytes.clone()), salt, args, value };
        let receipt = chain.run(alice(), 500_000_000, payload).receipt;
        assert_eq!(failed(&receipt), end);
        assert_eq!(chain.balance(&address), 0);
        let there = failed(&chain.call(address, "run", ())) != Some(ErrorCode::ContractNotFound);
        assert_eq!(there, end.is_none());
    }
}

#[test]
fn r14_value_moves_before_the_callee_runs_and_back_when_it_fails() {
    let mut chain = Chain::new();
    let plain = chain.deploy(&Script::new().build());
    let refused = chain.call_value(plain, "run", vec![], 5);
    assert_eq!(failed(&refused), Some(ErrorCode::NotPayable));
    let trap = chain.deploy(&Script::new().flags(Flags::PAYABLE).trap().build());
    let before = chain.balance(&alice());
    let receipt = chain.call_value(trap, "run", vec![], 5);
    assert_eq!(failed(&receipt), Some(ErrorCode::Unreachable));
    assert_eq!(receipt.gas_used, 100_000_000, "R41: a halt bills the whole limit");
    assert_eq!(chain.balance(&alice()), before - receipt.gas_used);
    assert_eq!(chain.balance(&trap), 0);
}

/// A script that does a bit of everything.
fn busy() -> Script {
    let mut script = Script::new().flags(Flags::PAYABLE);
    let to = script.bytes(&bob().0);
    let object = script.call(F::object_create, &[0]);
    script.set(object, "balance", &7u64.encode());
    script.get(object, "balance");
    script.op(F::object_set_owner, &[Arg::Out(object), to.into()]);
    script.call(F::transfer, &[to, 10]);
    let name = script.bytes(b"Event");
    script.call(F::log, &[name, 5, 0, 16]);
    let second = script.call(F::object_create, &[0]);
    script.set(second, "x", &[1]);
    script.op(F::object_id, &[Arg::Out(second), SCRATCH.into()]);
    script.call(F::object_delete, &[SCRATCH]);
    script.call(F::object_get_by_owner, &[to]);
    script.call(F::blake3, &[0, 32, SCRATCH]);
    script
}

#[test]
fn r41_r50_every_gas_limit_short_of_enough_leaves_only_fee_and_nonce() {
    let mut chain = Chain::new();
    chain.trace = TraceLevel::Off;
    let contract = chain.deploy(&busy().build());
    let call = || Payload::Call { contract, function: "run".into(), args: vec![], value: 50 };
    let enough = {
        let tx = chain.tx(alice(), 1_000_000, call());
        *chain.nonces.get_mut(&alice()).unwrap() -= 1;
        let outcome = chain.execute(&chain.block(vec![tx])).unwrap();
        let receipt = &outcome.transactions[0].receipt;
        assert_eq!(receipt.status, Status::Success);
        receipt.gas_used + receipt.gas_refunded
    };
    let view = chain.view();
    let before: Vec<_> = [vm_core::KeySpace::Field, vm_core::KeySpace::Object, vm_core::KeySpace::Owned]
        .map(|space| entries_from(&*view, space))
        .into();
    let (mut limit, mut short) = (2_000u64, 0u32);
    while limit < enough {
        let tx = chain.tx(alice(), limit, call());
        *chain.nonces.get_mut(&alice()).unwrap() -= 1;
        match chain.execute(&chain.block(vec![tx.clone()])) {
            Err(BlockError::Invalid(Invalid::Transaction {
                reason: InvalidTransaction::IntrinsicGas { .. },
                ..
            })) => (),
            Err(other) => panic!("{other}"),
            Ok(outcome) => {
                let receipt = &outcome.transactions[0].receipt;
                assert_eq!(failed(receipt), Some(ErrorCode::OutOfGas), "limit {limit}");
                assert_eq!(receipt.gas_used, limit);
                assert!(receipt.events.is_empty() && receipt.output.is_empty());
                // Only alice's account, the proposer's and the system entry differ.
                assert_eq!(outcome.commit.changes.len(), 3, "limit {limit}");
                short += 1;
            }
        }
        limit += 37;
    }
    assert!(short > 200, "the sweep reaches every operation: {short}");
    let exact = chain.run(alice(), enough, call());
    assert_eq!(exact.receipt.status, Status::Success);
    let after = entries_from(&*chain.view(), vm_core::KeySpace::Object);
    assert_eq!(after.len(), before[1].len() + 1);
}

#[test]
fn r53_refunds_are_capped_and_never_make_a_cost_negative() {
    let mut chain = Chain::new();
    let mut script = Script::new();
    for _ in 0..10 {
        let object = script.call(F::object_create, &[0]);
        script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
        script.call(F::object_delete, &[SCRATCH]);
    }
    let contract = chain.deploy(&script.build());
    let receipt = chain.call(contract, "run", ());
    assert_eq!(receipt.status, Status::Success);
    let burned = receipt.gas_used + receipt.gas_refunded;
    assert_eq!(receipt.gas_refunded, 8_000.min(burned / 5));
    assert!(receipt.gas_used > burned / 2, "ten rounds cost far more than they give back");
    // A failed transaction gets nothing back.
    let mut failing = script.clone();
    failing = failing.trap();
    let contract = chain.deploy(&failing.build());
    assert_eq!(chain.call(contract, "run", ()).gas_refunded, 0);
}

#[test]
fn r44_a_view_cannot_write_log_transfer_or_take_value() {
    let mut chain = Chain::new();
    let writes: [(F, &[u64]); 6] = [
        (F::object_create, &[0]),
        (F::object_delete, &[0]),
        (F::field_set, &[0, 0, 1, 0, 1]),
        (F::field_remove, &[0, 0, 1]),
        (F::transfer, &[0, 0]),
        (F::log, &[0, 1, 0, 0]),
    ];
    for (function, args) in writes {
        let mut script = Script::new().flags(Flags::VIEW);
        script.call(function, args);
        let contract = chain.deploy(&script.build());
        assert_eq!(
            failed(&chain.call(contract, "run", ())),
            Some(ErrorCode::ViewViolation),
            "{}",
            function.name()
        );
    }
    // Sticky: a view that calls a writer.
    let mut writer = Script::new();
    writer.call(F::object_create, &[0]);
    let writer = chain.deploy(&writer.build());
    let mut view = Script::new().flags(Flags::VIEW).param("to", Type::Address);
    let name = view.bytes(b"run");
    let called = view.call(F::call, &[INPUT, name, 3, 0, 0, 0, 0]);
    let contract = chain.deploy(&view.build());
    let receipt = chain.call(contract, "run", writer);
    assert_eq!(results(&receipt.output)[called], i64::from(ErrorCode::ViewViolation.to_guest()));
    let mut sender = Script::new().flags(Flags::VIEW).param("to", Type::Address);
    let name = sender.bytes(b"run");
    sender.call(F::call, &[INPUT, name, 3, 0, 0, 1, 0]);
    let contract = chain.deploy(&sender.build());
    assert_eq!(failed(&chain.call(contract, "run", writer)), Some(ErrorCode::ViewViolation));
}

#[test]
fn r52_a_callees_exhaustion_is_an_error_and_asking_for_too_much_halts_the_caller() {
    let mut chain = Chain::new();
    let spin = plain_module(
        r#"(module (memory (export "memory") 1 1) (func (export "run") (loop $l (br $l))))"#,
        &["run"],
    );
    let spin = chain.deploy(&spin);
    let build = |gas: u64| {
        let mut script = Script::new().param("to", Type::Address);
        let name = script.bytes(b"run");
        script.call(F::call, &[INPUT, name, 3, 0, 0, 0, gas]);
        script.build()
    };
    let some = chain.deploy(&build(50_000));
    let receipt = chain.call(some, "run", spin);
    assert_eq!(receipt.status, Status::Success);
    assert_eq!(results(&receipt.output), [i64::from(ErrorCode::OutOfGas.to_guest())]);
    assert!(receipt.gas_used > 60_000 && receipt.gas_used < 100_000, "{}", receipt.gas_used);
    let most = chain.deploy(&build(0));
    let payload = Payload::Call { contract: most, function: "run".into(), args: spin.encode(), value: 0 };
    let receipt = chain.run(alice(), 1_000_000, payload).receipt;
    assert_eq!(receipt.status, Status::Success, "1/64 is kept back");
    let more = chain.deploy(&build(1_000_000_000));
    assert_eq!(failed(&chain.call(more, "run", spin)), Some(ErrorCode::CallGas));
}

#[test]
fn r45_an_initialiser_runs_once_at_deployment_and_cannot_be_called_later() {
    let mut chain = Chain::new();
    let body = r#"(module
        (import "vm" "log" (func $log (param i32 i32 i32 i32)))
        (memory (export "memory") 1 1)
        (data (i32.const 0) "Made")
        (func (export "init_it") (call $log (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0))))"#;
    let code = plain_module(body, &["init_it"]);
    let (executed, contract) = chain.try_deploy(&code);
    assert_eq!(executed.receipt.status, Status::Success);
    assert_eq!(executed.receipt.events.len(), 1);
    assert_eq!(failed(&chain.call(contract, "init_it", ())), Some(ErrorCode::InitCalled));
}

#[test]
fn r63_a_failed_deployment_leaves_nothing_and_the_address_stays_free() {
    let mut chain = Chain::new();
    let trapping = plain_module(
        r#"(module (memory (export "memory") 1 1) (func (export "init_it") unreachable))"#,
        &["init_it"],
    );
    let (executed, contract) = chain.try_deploy(&trapping);
    assert_eq!(failed(&executed.receipt), Some(ErrorCode::Unreachable));
    let view = chain.view();
    let reader = StateReader::new(&*view);
    assert_eq!(reader.contract(&contract).unwrap(), None);
    assert_eq!(reader.code(&Hash::of_code(&trapping)).unwrap(), None);
}

#[test]
fn r5_r47_traces_and_cache_change_no_byte() {
    let code = busy().build();
    let run = |level: TraceLevel, cold: bool| {
        let mut chain = Chain::new();
        chain.trace = level;
        let contract = chain.deploy(&code);
        if cold {
            chain.vm = vm_host::Vm::new(Params::default());
        }
        let payload = Payload::Call { contract, function: "run".into(), args: vec![], value: 50 };
        let executed = chain.run(alice(), 1_000_000, payload);
        (executed.receipt, executed.resources, chain.view().header().clone())
    };
    let base = run(TraceLevel::Off, false);
    for level in [TraceLevel::Off, TraceLevel::Calls, TraceLevel::Full] {
        for cold in [false, true] {
            assert_eq!(run(level, cold), base);
        }
    }
}

#[test]
fn r51_prices_follow_the_schedule_to_the_unit() {
    // Two schedules that differ in one price: the receipts differ by exactly that, times the bytes.
    let run = |gas: GasSchedule| {
        let base = Params::default();
        let params = Params::new("test", base.limits().clone(), base.features(), gas).unwrap();
        let mut chain = Chain::with_params(params);
        let mut script = Script::new();
        let object = script.call(F::object_create, &[0]);
        script.set(object, "name", &[7; 100]);
        let contract = chain.deploy(&script.build());
        chain.call(contract, "run", ()).gas_used
    };
    let base = run(GasSchedule::default());
    let dearer = run(GasSchedule { field_set_byte: 101, ..GasSchedule::default() });
    assert_eq!(dearer - base, 104, "name and value");
    let dearer = run(GasSchedule { object_create: 57, ..GasSchedule::default() });
    assert_eq!(dearer - base, 7);
}

#[test]
fn r100_a_query_answers_from_a_view_and_can_write_nothing() {
    let mut chain = Chain::new();
    let mut reader = Script::new();
    let height = reader.call(F::block_height, &[]);
    let time = reader.call(F::block_time, &[]);
    let contract = chain.deploy(&reader.build());
    let query = |contract, function: &str| vm_host::Query {
        caller: bob(),
        contract,
        function: function.into(),
        args: vec![],
        gas_limit: 1_000_000,
    };
    let options = vm_host::Options::default();
    let before = chain.view();
    let answer = chain.vm.query(&before, &query(contract, "run"), options).unwrap();
    assert_eq!(answer.receipt.status, Status::Success);
    assert_eq!(results(&answer.receipt.output)[height], 1);
    assert_eq!(results(&answer.receipt.output)[time], 1_000, "R10: the block's own");
    assert_eq!(chain.view().header(), before.header());
    let missing = chain.vm.query(&before, &query(contract, "nothing"), options).unwrap();
    assert_eq!(failed(&missing.receipt), Some(ErrorCode::FunctionNotFound));
    let writer = chain.deploy(&busy().build());
    let refused = chain.vm.query(&chain.view(), &query(writer, "run"), options).unwrap();
    assert_eq!(failed(&refused.receipt), Some(ErrorCode::ViewViolation));
}

#[test]
fn r46_a_deadline_stops_a_query_and_blocks_know_none() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let mut chain = Chain::new();
    // Calls the host for ever.
    let body = r#"(module (import "vm" "block_height" (func $height (result i64)))
        (memory (export "memory") 1 1)
        (func (export "view_run") (loop $l (drop (call $height)) (br $l))))"#;
    let contract = chain.deploy(&plain_module(body, &["view_run"]));
    let query = vm_host::Query {
        caller: bob(),
        contract,
        function: "view_run".into(),
        args: vec![],
        gas_limit: 100_000_000,
    };
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let passed = Arc::new(move || count.fetch_add(1, Ordering::Relaxed) >= 1_000);
    let answer = chain.vm.query_until(&chain.view(), &query, vm_host::Options::default(), passed);
    assert_eq!(answer, Err(vm_host::QueryError::DeadlinePassed));
    assert_eq!(asked.load(Ordering::Relaxed), 1_001);
    // In time, the answer is the same as without a deadline.
    let query = vm_host::Query { gas_limit: 100_000, ..query };
    let options = vm_host::Options::default();
    let in_time = chain.vm.query_until(&chain.view(), &query, options, Arc::new(|| false));
    assert_eq!(in_time, chain.vm.query(&chain.view(), &query, options));
}

#[test]
fn r46_a_deadline_stops_a_rehearsal_and_changes_no_outcome() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use vm_host::{Options, RehearsalError};
    let mut chain = Chain::new();
    let body = r#"(module (import "vm" "block_height" (func $height (result i64)))
        (memory (export "memory") 1 1)
        (func (export "run") (loop $l (drop (call $height)) (br $l))))"#;
    let contract = chain.deploy(&plain_module(body, &["run"]));
    let forever = chain.tx(alice(), 10_000_000, run_payload(contract, vec![]));
    let paid: Vec<Transaction> = (0..5).map(|_| chain.tx(bob(), 50_000, transfer(alice(), 1))).collect();
    let (calling, paying) = (chain.block(vec![forever]), chain.block(paid));
    let after = |allowed: u32| {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        (asked, Arc::new(move || count.fetch_add(1, Ordering::Relaxed) >= allowed))
    };
    // In the middle of a transaction, and between those that ask the host for nothing.
    for (block, allowed, asks) in [(&calling, 1_000, 1_002), (&paying, 3, 4)] {
        let (asked, passed) = after(allowed);
        let stopped = chain.vm.rehearse_block(&chain.view(), block, Options::default(), passed);
        assert_eq!(stopped.unwrap_err(), RehearsalError::DeadlinePassed);
        // Where a call was stopped, once more after its transaction.
        assert_eq!(asked.load(Ordering::Relaxed), asks);
    }
    for block in [&calling, &paying] {
        let (_, passed) = after(u32::MAX);
        let seen = chain.vm.rehearse_block(&chain.view(), block, Options::default(), passed).unwrap();
        let executed = chain.vm.execute_block(&chain.view(), block, Options::default()).unwrap();
        assert_eq!(seen.commit.header, executed.commit.header);
        assert_eq!(seen.transactions, executed.transactions);
        assert_eq!(seen.touched, executed.touched);
    }
    let gap = chain.tx(bob(), 50_000, transfer(alice(), 1));
    let refused = chain.block(vec![gap]);
    let refused = chain.vm.rehearse_block(&chain.view(), &refused, Options::default(), Arc::new(|| false));
    assert!(matches!(refused, Err(RehearsalError::Block(vm_host::BlockError::Invalid(_)))), "{refused:?}");
}

#[test]
fn r54_deployment_and_loading_are_charged_by_size_cold_or_warm() {
    // Two modules that differ in a custom section alone: what it costs to carry bytes.
    let bare = Script::new().build();
    let mut padded = bare.clone();
    let room = 1_000u16;
    padded.extend([0, 0x80 | (room & 0x7f) as u8, (room >> 7) as u8, 1, b'x']);
    padded.extend(vec![7; usize::from(room) - 2]);
    let bytes = u64::from(room) + 3;
    let mut chain = Chain::new();
    let mut deploy = |code: &[u8]| {
        let (executed, contract) = chain.try_deploy(code);
        assert_eq!(executed.receipt.status, Status::Success);
        let calls = [0; 3].map(|_| {
            let receipt = chain.call(contract, "run", ());
            receipt.gas_used + receipt.gas_refunded
        });
        (executed.receipt.gas_used, calls)
    };
    let (small, big) = (deploy(&bare), deploy(&padded));
    let gas = GasSchedule::default();
    // In the envelope, stored and validated, and loaded for the deployment itself. The compact length is 2 bytes in both.
    assert_eq!(big.0 - small.0, bytes * (gas.tx_byte + gas.code_byte + gas.module_load_byte));
    assert_eq!(big.1[0] - small.1[0], bytes * gas.module_load_byte);
    assert!(small.1.iter().all(|gas| *gas == small.1[0]) && big.1.iter().all(|gas| *gas == big.1[0]));
}
