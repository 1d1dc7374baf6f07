//! Limits of a whole transaction or block: entries, witness bytes, code, arguments; and that work is paid each time.
//! Every test here began as a finding of an audit.
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

use common::script::{Arg, SCRATCH, Script, results};
use common::*;
use parity_scale_codec::Encode;
use vm_core::abi::HostFunction as F;
use vm_core::{Address, ErrorCode, GasSchedule, Params, Payload, Status, Transaction};
use vm_host::{BlockError, Invalid, InvalidTransaction, Options, Query, QueryError, Vm};

/// A script that searches for an owner's object `count` times.
fn searches(count: usize) -> Vec<u8> {
    let mut script = Script::new();
    (0..count).for_each(|_| {
        script.call(F::object_get_by_owner, &[SCRATCH]);
    });
    script.build()
}

#[test]
fn r42_r122_a_transaction_touches_no_more_entries_than_its_limit() {
    let mut chain = Chain::with_limits(|limits| limits.transaction_entries = 64);
    // The contract and its code are two entries; a search counts as two.
    let fits = chain.deploy(&searches(31));
    assert_eq!(chain.call(fits, "run", ()).status, Status::Success);
    let over = chain.deploy(&searches(32));
    assert_eq!(failed(&chain.call(over, "run", ())), Some(ErrorCode::EntryLimit));
    let mut writes = Script::new();
    let object = writes.call(F::object_create, &[0]);
    for index in 0..64 {
        writes.set(object, &format!("f{index}"), &[1]);
    }
    let over = chain.deploy(&writes.build());
    assert_eq!(failed(&chain.call(over, "run", ())), Some(ErrorCode::EntryLimit));
}

#[test]
fn r42_a_transaction_and_a_block_declare_no_more_witness_bytes_than_their_limits() {
    let mut chain = Chain::with_limits(|limits| limits.transaction_witness_bytes = 1_048_576);
    let code = searches(300);
    let contract = chain.deploy(&code);
    // 600 entries of 2,432 bytes.
    assert_eq!(failed(&chain.call(contract, "run", ())), Some(ErrorCode::EntryLimit));
    let mut chain = Chain::with_limits(|limits| limits.block_witness_bytes = 1_048_576);
    let contract = chain.deploy(&searches(100));
    let call = || Payload::Call { contract, function: "run".into(), args: vec![], value: 0 };
    let txs: Vec<Transaction> = (0..3).map(|_| chain.tx(alice(), 1_000_000, call())).collect();
    assert!(chain.execute(&chain.block(txs[..2].to_vec())).is_ok());
    let refused = chain.execute(&chain.block(txs));
    assert!(matches!(refused, Err(BlockError::Invalid(Invalid::TooMuch { what: "witness bytes", .. }))));
}

#[test]
fn r42_r122_every_entry_declares_its_constant_and_the_limit_is_exact_to_the_byte() {
    let code = searches(300);
    // The contract and its code, the code's bytes, and two entries for each search.
    let declared = 602 * 2_432 + u32::try_from(code.len()).unwrap();
    for (limit, expected) in [(declared, None), (declared - 1, Some(ErrorCode::EntryLimit))] {
        let mut chain = Chain::with_limits(|limits| limits.transaction_witness_bytes = limit);
        let contract = chain.deploy(&code);
        let executed = chain.run(alice(), 1_000_000, run_payload(contract, vec![]));
        assert_eq!(failed(&executed.receipt), expected, "limit {limit}");
        assert_eq!(executed.resources.witness_bytes, declared.into());
    }
}

#[test]
fn r42_r122_a_blocks_receipts_have_a_limit_together() {
    let mut chain = Chain::with_limits(|limits| limits.block_receipt_bytes = 65_536);
    let mut script = Script::new();
    let name = script.bytes(b"Event");
    for _ in 0..4 {
        script.call(F::log, &[name, 5, 0, 10_000]);
    }
    let contract = chain.deploy(&script.build());
    let call = || Payload::Call { contract, function: "run".into(), args: vec![], value: 0 };
    let txs: Vec<Transaction> = (0..2).map(|_| chain.tx(alice(), 1_000_000, call())).collect();
    assert!(chain.execute(&chain.block(txs[..1].to_vec())).is_ok());
    let refused = chain.execute(&chain.block(txs));
    assert!(matches!(refused, Err(BlockError::Invalid(Invalid::TooMuch { what: "bytes of receipts", .. }))));
}

#[test]
fn r42_r54_a_transaction_loads_no_more_code_than_its_limit_and_each_module_once() {
    // Three callees of 140 kB each; to the byte, the caller and two of them fit.
    let callee = |index: u8| {
        let mut code = Script::new().build();
        let room = 140_000u32;
        let len = [0x80 | (room & 0x7f) as u8, 0x80 | ((room >> 7) & 0x7f) as u8, (room >> 14) as u8];
        code.push(0);
        code.extend(len);
        code.extend([1, b'x']);
        code.extend(vec![index; usize::try_from(room).unwrap() - 2]);
        code
    };
    let caller = |callees: &[Address]| {
        let mut script = Script::new();
        let name = script.bytes(b"run");
        for index in [0, 1, 0, 1, 2, 0] {
            let at = script.bytes(&callees[index].0);
            script.call(F::call, &[at, name, 3, 0, 0, 0, 0]);
        }
        script.build()
    };
    let fit = u32::try_from(caller(&[alice(); 3]).len() + 2 * callee(1).len()).unwrap();
    let refused = i64::from(ErrorCode::CodeLimit.to_guest());
    for (limit, expected) in
        [(fit, [0, 0, 0, 0, refused, 0]), (fit - 1, [0, refused, 0, refused, refused, 0])]
    {
        let mut chain = Chain::with_limits(|limits| limits.transaction_code_bytes = limit);
        let callees: Vec<Address> = (1..=3).map(|index| chain.deploy(&callee(index))).collect();
        let contract = chain.deploy(&caller(&callees));
        let receipt = chain.call(contract, "run", ());
        assert_eq!(results(&receipt.output), expected);
    }
}

#[test]
fn r42_arguments_and_function_names_of_a_transaction_have_the_limits_of_a_call() {
    let chain = Chain::new();
    let call = |function: String, args: Vec<u8>| {
        let payload = Payload::Call { contract: bob(), function, args, value: 0 };
        let tx = Transaction { sender: alice(), nonce: 0, gas_limit: 10_000_000, gas_price: 1, payload };
        chain.execute(&chain.block(vec![tx]))
    };
    assert!(call("f".repeat(64), vec![0; 65_536]).is_ok());
    for (refused, expected) in [
        (call("f".repeat(65), vec![]), "bytes in the function's name"),
        (call("f".into(), vec![0; 65_537]), "bytes of arguments"),
    ] {
        match refused {
            Err(BlockError::Invalid(Invalid::Transaction {
                reason: InvalidTransaction::Part { what, .. },
                ..
            })) => assert_eq!(what, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn r50_every_search_is_paid_for_not_only_the_first() {
    let mut chain = Chain::new();
    let gas = |chain: &mut Chain, count: usize| {
        let code = searches(count);
        let contract = chain.deploy(&code);
        let len = u64::try_from(code.len()).unwrap();
        chain.call(contract, "run", ()).gas_used - len * GasSchedule::default().module_load_byte
    };
    let (ten, twenty) = (gas(&mut chain, 10), gas(&mut chain, 20));
    assert!(twenty - ten >= 10 * (GasSchedule::default().touch + 50), "{}", twenty - ten);
}

#[test]
fn r17_r50_every_item_of_a_listing_and_every_search_for_one_has_its_price() {
    let gas = GasSchedule::default();
    let mut chain = Chain::new();
    for cap in 0..=5u64 {
        let mut script = Script::new();
        let cursor = script.bytes(&[0; 16]);
        script.call(F::contract_address, &[SCRATCH]);
        for _ in 0..3 {
            script.call(F::object_create, &[0]);
        }
        let listed = script.call(F::objects_of, &[SCRATCH, cursor, SCRATCH + 32, cap]);
        let contract = chain.deploy(&script.build());
        let executed = chain.run(alice(), 1_000_000, run_payload(contract, vec![]));
        let count = u64::try_from(results(&executed.receipt.output)[listed]).unwrap();
        assert_eq!(count, cap.min(3));
        // The base price is the first item's; a page that is not full has searched once more.
        let searches = if count < cap { count + 1 } else { count };
        let expected = gas.object_get * count.max(1) + gas.touch * searches;
        assert_eq!(gas_of(&executed, listed), expected, "a page of {cap}");
    }
}

#[test]
fn r54_the_bytes_of_an_old_value_are_paid_for_by_whoever_touches_it_first() {
    // The script makes two objects for bob, then works on the one that bob has owned longest and deletes it: in the first
    // transaction a new one, in the second one of the first, whose field has not been touched yet.
    let gas = |len: usize, change: &dyn Fn(&mut Script, usize)| {
        let mut chain = Chain::new();
        let mut script = Script::new();
        let owner = script.bytes(&bob().0);
        let value = script.bytes(&[7; 1_000]);
        let name = script.bytes(b"f");
        for _ in 0..2 {
            let made = script.call(F::object_create, &[0]);
            script.op(F::object_set_owner, &[Arg::Out(made), owner.into()]);
            let len = u64::try_from(len).unwrap();
            script.op(F::field_set, &[Arg::Out(made), name.into(), 1.into(), value.into(), len.into()]);
        }
        let oldest = script.call(F::object_get_by_owner, &[owner]);
        change(&mut script, oldest);
        let contract = chain.deploy(&script.build());
        let first = chain.call(contract, "run", ());
        assert_eq!(first.status, Status::Success);
        // Writing the new object's value is priced the same in both transactions.
        let second = chain.call(contract, "run", ());
        assert_eq!(second.status, Status::Success);
        second.gas_used + second.gas_refunded - first.gas_used - first.gas_refunded
    };
    let delete = |script: &mut Script, object: usize| {
        script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
        script.call(F::object_delete, &[SCRATCH]);
    };
    let remove = |script: &mut Script, object: usize| {
        let name = script.bytes(b"f");
        script.op(F::field_remove, &[Arg::Out(object), name.into(), 1.into()]);
        delete(script, object);
    };
    let overwrite = |script: &mut Script, object: usize| {
        script.set(object, "f", &[]);
        delete(script, object);
    };
    let read = |script: &mut Script, object: usize| {
        script.get(object, "f");
        delete(script, object);
    };
    // In the second transaction another object's field is touched: its bytes are paid, at 1 gas each.
    for change in [&read as &dyn Fn(&mut Script, usize), &overwrite, &remove] {
        let (short, long) = (gas(10, change), gas(1_000, change));
        assert!(long >= short + 990, "{short} {long}");
    }
}

#[test]
fn r101_a_query_on_another_chains_state_is_refused() {
    let chain = Chain::new();
    let other = Vm::new(Params::default_for("another"));
    let query =
        Query { caller: bob(), contract: bob(), function: "f".into(), args: ().encode(), gas_limit: 1 };
    let answer = other.query(&chain.view(), &query, Options::default());
    assert!(matches!(answer, Err(QueryError::Params { .. })));
}
