//! What contracts see of the world and of each other, and what a failing frame leaves behind.
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

use common::script::{Arg, INPUT, RESULTS, SCRATCH, Script, results};
use common::*;
use parity_scale_codec::{Decode, Encode};
use vm_core::abi::HostFunction as F;
use vm_core::interface::{Flags, Type};
use vm_core::{Address, ErrorCode, ErrorKind, Event, Payload, Status};
use vm_host::{Executed, FrameKind, TraceLevel};
use vm_state::StateReader;

/// A route through contracts: each relay calls the first stop with the rest.
type Route = [Address; 6];
const STOPS: usize = 6;
const ROUTE_BYTES: u64 = 32 * 6;
/// Fields of a relay's event: sender, origin, contract; then height, time, value, own balance.
const SEEN_BYTES: u64 = 96;

fn route(stops: &[Address]) -> Vec<u8> {
    let mut route: Route = [Address::ZERO; STOPS];
    route[..stops.len()].copy_from_slice(stops);
    route.encode()
}

/// Logs what it sees, then passes `amount` on along the route, then logs what it sees again. `trap` ends it badly.
fn relay(flags: Flags, amount: u64, trap: bool, tag: &str) -> Vec<u8> {
    let stops = u32::try_from(STOPS).unwrap();
    let mut script = Script::new().flags(flags).param("route", Type::Array(stops, Box::new(Type::Address)));
    let (run, event, _) = (script.bytes(b"run"), script.bytes(b"Seen"), script.bytes(tag.as_bytes()));
    let look = |script: &mut Script| {
        script.call(F::sender, &[SCRATCH]);
        script.call(F::origin, &[SCRATCH + 32]);
        script.call(F::contract_address, &[SCRATCH + 64]);
        let first = script.call(F::block_height, &[]);
        script.call(F::block_time, &[]);
        script.call(F::value, &[]);
        script.call(F::balance, &[SCRATCH + 64]);
        if !flags.has(Flags::VIEW) {
            script.call(F::log, &[event, 4, SCRATCH, SEEN_BYTES]);
            script.call(F::log, &[event, 4, RESULTS + 8 * first as u64, 32]);
        }
    };
    look(&mut script);
    script.call(F::call, &[INPUT, run, 3, INPUT + 32, ROUTE_BYTES, amount, 0]);
    look(&mut script);
    if trap { script.trap().build() } else { script.build() }
}

/// The index of a relay's call among its results.
const CALLED: usize = 9;

fn open() -> Flags {
    Flags::REENTRANT.with(Flags::PAYABLE)
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    sender: Address,
    origin: Address,
    contract: Address,
    height: u64,
    time: i64,
    value: u64,
    balance: u64,
}

fn seen(events: &[Event]) -> Vec<Seen> {
    assert_eq!(events.len() % 2, 0);
    let pairs = events.chunks(2);
    pairs
        .map(|pair| {
            let [sender, origin, contract] = <[Address; 3]>::decode(&mut &*pair[0].data).unwrap();
            let (height, time, value, balance) = Decode::decode(&mut &*pair[1].data).unwrap();
            assert_eq!((pair[0].contract, pair[1].contract), (contract, contract), "R6");
            Seen { sender, origin, contract, height, time, value, balance }
        })
        .collect()
}

fn travel(chain: &mut Chain, stops: &[Address], value: u64) -> Executed {
    let payload =
        Payload::Call { contract: stops[0], function: "run".into(), args: route(&stops[1..]), value };
    chain.run(alice(), 100_000_000, payload)
}

#[test]
fn r6_r11_a_b_c_b_sees_the_right_sender_origin_and_contract_at_every_level() {
    let mut chain = Chain::new();
    let [a, b, c] = ["a", "b", "c"].map(|tag| chain.deploy(&relay(open(), 0, false, tag)));
    let executed = travel(&mut chain, &[a, b, c, b], 0);
    assert_eq!(executed.receipt.status, Status::Success);
    let seen: Vec<[Address; 3]> =
        seen(&executed.receipt.events).iter().map(|seen| [seen.sender, seen.origin, seen.contract]).collect();
    let down = [[alice(), alice(), a], [a, alice(), b], [b, alice(), c], [c, alice(), b]];
    // Each sees the same again after its callee came back.
    let expected: Vec<_> = down.iter().chain(down.iter().rev()).copied().collect();
    assert_eq!(seen, expected);
    // The recorded chain says the same (R47).
    let mut frame = root(&executed);
    for (depth, [sender, _, contract]) in down.iter().enumerate() {
        assert_eq!((frame.caller, frame.contract), (*sender, *contract));
        assert_eq!((frame.kind, usize::try_from(frame.depth).unwrap()), (FrameKind::Call, depth));
        frame = callees(frame)[0];
    }
    assert_eq!(frame.status, Status::Failed(ErrorCode::ContractNotFound), "the end of the route");
}

#[test]
fn r43_a_b_c_b_is_refused_at_its_end_where_b_is_not_reentrant() {
    let mut chain = Chain::new();
    let [a, b, c] = ["a", "b", "c"].map(|tag| chain.deploy(&relay(Flags::PAYABLE, 0, false, tag)));
    let executed = travel(&mut chain, &[a, b, c, b], 0);
    assert_eq!(executed.receipt.status, Status::Success);
    let third = callees(callees(root(&executed))[0])[0];
    assert_eq!(third.contract, c);
    assert_eq!(callees(third)[0].status, Status::Failed(ErrorCode::Reentrancy));
    assert_eq!(results(&third.output)[CALLED], guest(ErrorCode::Reentrancy));
    assert_eq!(seen(&executed.receipt.events).len(), 6);
    // Once B has ended, it may be entered again: it is in the chain no more.
    let mut twice =
        Script::new().param("b", Type::Address).param("rest", Type::Array(6, Box::new(Type::Address)));
    let run = twice.bytes(b"run");
    for _ in 0..2 {
        twice.call(F::call, &[INPUT, run, 3, INPUT + 32, ROUTE_BYTES, 0, 0]);
    }
    let twice = chain.deploy(&twice.build());
    let receipt = chain.call_value(twice, "run", [b.encode(), route(&[])].concat(), 0);
    let out = results(&receipt.output);
    assert!(out[0] > 0 && out[0] == out[1], "{out:?}");
}

#[test]
fn r10_height_and_time_are_the_blocks_in_every_frame() {
    let mut chain = Chain::new();
    let [a, b] = ["a", "b"].map(|tag| chain.deploy(&relay(open(), 0, false, tag)));
    for _ in 0..2 {
        let payload = |stops: &[Address]| Payload::Call {
            contract: a,
            function: "run".into(),
            args: route(stops),
            value: 0,
        };
        let txs = vec![
            chain.tx(alice(), 10_000_000, payload(&[b, a, b])),
            chain.tx(bob(), 10_000_000, payload(&[])),
        ];
        let mut block = chain.block(txs);
        block.context.time += 12_345;
        let outcome = chain.commit(&block);
        let all: Vec<Seen> =
            outcome.transactions.iter().flat_map(|executed| seen(&executed.receipt.events)).collect();
        assert_eq!(all.len(), 10);
        for seen in all {
            assert_eq!((seen.height, seen.time), (block.context.height, block.context.time));
        }
    }
}

#[test]
fn r12_the_balance_of_an_unknown_account_is_0_and_of_a_known_one_what_it_has_now() {
    let mut chain = Chain::new();
    let mut script = Script::new().flags(Flags::PAYABLE).param("me", Type::Address);
    let stranger = script.bytes(&Address::named("stranger").0);
    let known = script.bytes(&bob().0);
    let unknown = script.call(F::balance, &[stranger]);
    let bobs = script.call(F::balance, &[known]);
    let own = script.call(F::balance, &[INPUT]);
    script.call(F::transfer, &[stranger, 30]);
    let after = [stranger, INPUT].map(|address| script.call(F::balance, &[address]));
    let contract = chain.deploy(&script.build());
    let out = results(&chain.call_value(contract, "run", contract.encode(), 100).output);
    assert_eq!((out[unknown], out[bobs], out[own]), (0, i64::try_from(START).unwrap(), 100));
    assert_eq!(after.map(|index| out[index]), [30, 70]);
}

#[test]
fn r14_value_travels_with_nested_calls() {
    let mut chain = Chain::new();
    let a = chain.deploy(&relay(open(), 30, false, "a"));
    let b = chain.deploy(&relay(open(), 20, false, "b"));
    let c = chain.deploy(&relay(open(), 10, false, "c"));
    let executed = travel(&mut chain, &[a, b, c], 100);
    let seen = seen(&executed.receipt.events);
    let values: Vec<_> = seen.iter().map(|seen| (seen.contract, seen.value, seen.balance)).collect();
    // What each was sent, and what it has: before it passes some on, and after. C's own call fails and is returned.
    let expected = [(a, 100, 100), (b, 30, 30), (c, 20, 20), (c, 20, 20), (b, 30, 10), (a, 100, 70)];
    assert_eq!(values, expected);
    assert_eq!([a, b, c].map(|contract| chain.balance(&contract)), [70, 10, 20]);
}

#[test]
fn r14_r20_r41_a_failure_at_any_depth_returns_value_and_drops_events_from_there_on() {
    for failing in 0..4usize {
        let mut chain = Chain::new();
        let stops: Vec<Address> = (0..4usize)
            .map(|depth| {
                let amount = 40 - 10 * u64::try_from(depth).unwrap();
                chain.deploy(&relay(open(), amount, depth == failing, &format!("{depth}")))
            })
            .collect();
        let before = chain.balance(&alice());
        let executed = travel(&mut chain, &stops, 50);
        let receipt = &executed.receipt;
        // What each has in the end: what it was sent less what it sent on; nothing from the failing one on.
        let mut expected = [0u64; 4];
        let sent = [50, 40, 30, 20];
        for depth in 0..failing {
            expected[depth] = if depth + 1 < failing { sent[depth] - sent[depth + 1] } else { sent[depth] };
        }
        let balances: Vec<u64> = stops.iter().map(|stop| chain.balance(stop)).collect();
        assert_eq!(balances, expected, "depth {failing} fails");
        let events: Vec<Address> = seen(&receipt.events).iter().map(|seen| seen.contract).collect();
        let kept = &stops[..failing];
        let order: Vec<Address> = kept.iter().chain(kept.iter().rev()).copied().collect();
        assert_eq!(events, order, "depth {failing} fails");
        if failing == 0 {
            assert_eq!(failed(receipt), Some(ErrorCode::Unreachable));
            assert_eq!(chain.balance(&alice()), before - receipt.gas_used);
        } else {
            assert_eq!(receipt.status, Status::Success);
            let mut frame = root(&executed);
            for _ in 1..failing {
                frame = callees(frame)[0];
            }
            assert_eq!(results(&frame.output)[CALLED], guest(ErrorCode::Unreachable));
        }
    }
}

#[test]
fn r14_value_to_a_function_that_is_not_payable_stays() {
    let mut chain = Chain::new();
    let giver = chain.deploy(&relay(open(), 15, false, "giver"));
    let shut = chain.deploy(&relay(Flags::REENTRANT, 0, false, "shut"));
    let ajar = chain.deploy(&relay(open(), 0, false, "ajar"));
    let called = |executed: &Executed| results(&executed.receipt.output)[CALLED];
    assert_eq!(called(&travel(&mut chain, &[giver, shut], 50)), guest(ErrorCode::NotPayable));
    assert_eq!((chain.balance(&giver), chain.balance(&shut)), (50, 0));
    assert!(called(&travel(&mut chain, &[giver, ajar], 0)) > 0);
    assert_eq!((chain.balance(&giver), chain.balance(&ajar)), (35, 15));
    assert_eq!(called(&travel(&mut chain, &[giver, bob()], 0)), guest(ErrorCode::ContractNotFound));
    assert_eq!((chain.balance(&giver), chain.balance(&bob())), (35, START));
    // More than there is.
    let poor = chain.deploy(&relay(open(), 15, false, "poor"));
    assert_eq!(called(&travel(&mut chain, &[poor, ajar], 14)), guest(ErrorCode::InsufficientBalance));
    assert_eq!((chain.balance(&poor), chain.balance(&ajar)), (14, 15));
}

#[test]
fn r14_value_to_oneself_is_seen_and_changes_nothing() {
    let mut chain = Chain::new();
    let own = chain.deploy(&relay(open(), 5, false, "own"));
    let executed = travel(&mut chain, &[own, own], 8);
    let values: Vec<_> =
        seen(&executed.receipt.events).iter().map(|seen| (seen.value, seen.balance)).collect();
    assert_eq!(values, [(8, 8), (5, 8), (5, 8), (8, 8)]);
    assert_eq!(chain.balance(&own), 8);
}

#[test]
fn r44_the_view_flag_sticks_however_deep_the_writer_is() {
    let mut chain = Chain::new();
    let view = chain.deploy(&relay(Flags::VIEW.with(Flags::REENTRANT), 0, false, "view"));
    let second = chain.deploy(&relay(Flags::VIEW.with(Flags::REENTRANT), 0, false, "second"));
    // Not a view by itself: it logs.
    let writer = chain.deploy(&relay(open(), 0, false, "writer"));
    for stops in [vec![view, writer], vec![view, second, writer], vec![writer, view, second, writer]] {
        let executed = travel(&mut chain, &stops, 0);
        assert_eq!(executed.receipt.status, Status::Success);
        let mut frame = root(&executed);
        for _ in 1..stops.len() {
            frame = callees(frame)[0];
        }
        assert_eq!(frame.status, Status::Failed(ErrorCode::ViewViolation), "{stops:?}");
        let outer = usize::from(stops[0] == writer);
        assert_eq!(seen(&executed.receipt.events).len(), 2 * outer);
    }
    // The writer around a view may write again once the view is done.
    let executed = travel(&mut chain, &[writer, view], 0);
    assert_eq!(seen(&executed.receipt.events).len(), 2);
}

/// A counter in a global and one in memory; returns both after adding one to each.
const FORGETFUL: &str = r#"(module
    (import "vm" "ret" (func $ret (param i32 i32)))
    (import "vm" "object_create" (func $create (param i32) (result i32)))
    (import "vm" "returned" (func $returned (param i32 i32) (result i32)))
    (memory (export "memory") 1 2)
    (data (i32.const 0) "\05")
    (global $count (mut i32) (i32.const 7))
    (func (export "run")
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (i32.store (i32.const 4) (global.get $count))
        (i32.store (i32.const 8) (i32.load (i32.const 20000)))
        (i32.store (i32.const 12) (memory.size))
        (i32.store (i32.const 16) (call $create (i32.const 0)))
        (i32.store (i32.const 20) (call $returned (i32.const 100) (i32.const 0)))
        (drop (memory.grow (i32.const 1)))
        (i32.store (i32.const 20000) (i32.const -1))
        (call $ret (i32.const 0) (i32.const 24)))
)"#;

#[test]
fn r2_nothing_in_an_instance_outlives_its_frame() {
    let mut chain = Chain::new();
    let forgetful = chain.deploy(&plain_module(FORGETFUL, &["run"]));
    // Memory, global, what the last call stored, pages, first handle, and what is left to be returned.
    let fresh: Vec<u8> = [6u32, 8, 0, 1, 0, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
    for _ in 0..2 {
        assert_eq!(chain.call(forgetful, "run", ()).output, fresh);
    }
    let mut twice = Script::new().param("to", Type::Address);
    let (run, event) = (twice.bytes(b"run"), twice.bytes(b"Out"));
    for _ in 0..3 {
        twice.call(F::call, &[INPUT, run, 3, 0, 0, 0, 0]);
        twice.call(F::returned, &[SCRATCH, 100]);
        twice.call(F::log, &[event, 3, SCRATCH, 24]);
    }
    let twice = chain.deploy(&twice.build());
    let receipt = chain.call(twice, "run", forgetful);
    assert_eq!(receipt.events.len(), 3);
    assert!(receipt.events.iter().all(|event| event.data == fresh));
}

/// Calls `run` of the given contract as often as it is told, and traps unless each call succeeds.
const MANY: &str = r#"(module
    (import "vm" "input" (func $input (param i32 i32) (result i32)))
    (import "vm" "call" (func $call (param i32 i32 i32 i32 i32 i64 i64) (result i32)))
    (memory (export "memory") 1 1)
    (data (i32.const 0) "run")
    (func (export "run") (local $n i32)
        (drop (call $input (i32.const 64) (i32.const 36)))
        (local.set $n (i32.load (i32.const 96)))
        (loop $l
            (if (i32.lt_s (call $call (i32.const 64) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0)
                (i64.const 0) (i64.const 0)) (i32.const 0)) (then unreachable))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
)"#;

#[test]
fn r42_1000_calls_one_after_the_other_in_one_transaction() {
    let mut chain = Chain::new();
    chain.trace = TraceLevel::Off;
    let mut callee = Script::new();
    let object = callee.call(F::object_create, &[0]);
    callee.set(object, "n", &[1]);
    let callee = chain.deploy(&callee.build());
    let params = [("to", Type::Address), ("count", Type::U32)];
    let many = chain.deploy(&module(MANY, vec![function("run", Flags::default(), &params)]));
    let args = |count: u32| (callee, count).encode();
    let mut used = |count: u32| {
        let executed = chain.run(alice(), 100_000_000, run_payload(many, args(count)));
        assert_eq!(executed.receipt.status, Status::Success);
        assert_eq!(executed.resources.frames, u64::from(count) + 1);
        assert_eq!(executed.resources.depth_max, 1);
        assert!(executed.resources.pages_peak < 64, "frames give their pages back");
        executed.receipt.gas_used
    };
    let (two, three, thousand) = (used(2), used(3), used(1_000));
    // Every call costs the same, but for the rounding.
    assert!(thousand.abs_diff(two + 998 * (three - two)) <= 1_000);
    assert_eq!(entries_from(&*chain.view(), vm_core::KeySpace::Object).len(), 1_005);
}

#[test]
fn r40_r1_the_trace_stands_beside_the_receipt_and_only_the_receipt_counts() {
    let headers: Vec<_> = [TraceLevel::Off, TraceLevel::Calls, TraceLevel::Full]
        .into_iter()
        .map(|level| {
            let mut chain = Chain::new();
            let [a, b] = ["a", "b"].map(|tag| chain.deploy(&relay(open(), 0, false, tag)));
            chain.trace = level;
            let executed = travel(&mut chain, &[a, b], 3);
            assert_eq!(executed.trace.is_some(), level > TraceLevel::Off);
            assert!(executed.resources.fuel > 0 && executed.resources.frames == 3);
            if level == TraceLevel::Calls {
                assert!(operations(root(&executed)).is_empty(), "a relay changes nothing by itself");
                assert_eq!(callees(root(&executed)).len(), 1);
            }
            (executed.receipt.encode(), executed.resources, chain.view().header().clone())
        })
        .collect();
    assert!(headers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn r4_r47_a_contract_can_neither_read_nor_hide_its_trace() {
    // The same contract traps, reverts or spends all it has: the frame is recorded with what it did all the same.
    let mut chain = Chain::new();
    let mut script = Script::new();
    let object = script.call(F::object_create, &[0]);
    script.set(object, "f", b"v");
    let event = script.bytes(b"Event");
    script.call(F::log, &[event, 5, 0, 1]);
    let bad = chain.deploy(&script.trap().build());
    let a = chain.deploy(&{
        let mut script = Script::new().param("to", Type::Address);
        let run = script.bytes(b"run");
        script.call(F::call, &[INPUT, run, 3, 0, 0, 0, 0]);
        script.build()
    });
    let executed = chain.run(alice(), 10_000_000, run_payload(a, bad.encode()));
    assert!(executed.receipt.events.is_empty());
    let frame = callees(root(&executed))[0];
    assert_eq!((frame.status, frame.contract), (Status::Failed(ErrorCode::Unreachable), bad));
    assert_eq!(operations(frame).len(), 5, "input, create, set, log, ret");
    assert!(
        frame.steps.iter().any(|step| matches!(step, vm_host::Step::Event(event) if event.name == "Event"))
    );
}

/// Whether a function returns its failure or halts, by a way to make it fail.
enum Fails {
    Returns(ErrorCode),
    Halts(ErrorCode),
    /// It has no failure but a bad pointer, if that.
    Never,
}

#[test]
fn r21_which_functions_return_their_failures_and_which_halt() {
    use Fails::{Halts, Never, Returns};
    let bad = 65_520u64;
    // For each function: a failure that its table's result kind allows, and how it shows.
    let table: Vec<(F, Vec<u64>, Fails)> = F::ALL
        .iter()
        .flat_map(|&function| match function {
            F::block_height | F::block_time | F::value => vec![(function, vec![], Never)],
            F::contract_address | F::sender | F::origin => {
                vec![(function, vec![bad], Halts(ErrorCode::PointerOutOfBounds))]
            }
            F::balance => vec![(function, vec![bad], Halts(ErrorCode::PointerOutOfBounds))],
            F::transfer => vec![
                (function, vec![0, 1], Returns(ErrorCode::InsufficientBalance)),
                (function, vec![bad, 1], Halts(ErrorCode::PointerOutOfBounds)),
            ],
            F::object_create => vec![(function, vec![2], Halts(ErrorCode::BadPolicy))],
            F::object_get | F::object_get_by_owner => vec![
                (function, vec![0], Returns(ErrorCode::ObjectNotFound)),
                (function, vec![bad], Halts(ErrorCode::PointerOutOfBounds)),
            ],
            F::objects_of => vec![(function, vec![0, 0, bad, 9], Halts(ErrorCode::PointerOutOfBounds))],
            F::object_delete => vec![(function, vec![0], Halts(ErrorCode::ObjectNotFound))],
            F::object_id | F::object_owner | F::object_contract => {
                vec![(function, vec![9, 0], Halts(ErrorCode::BadHandle))]
            }
            F::object_set_owner => vec![(function, vec![9, 0], Halts(ErrorCode::BadHandle))],
            F::field_get => vec![
                (function, vec![0, 0, 0, 0, 0], Returns(ErrorCode::FieldNameSize)),
                (function, vec![9, 0, 1, 0, 0], Halts(ErrorCode::BadHandle)),
            ],
            F::field_set => vec![
                (function, vec![0, 0, 65, 0, 0], Returns(ErrorCode::FieldNameSize)),
                (function, vec![0, 0, 1, 0, 16_385], Returns(ErrorCode::ValueSize)),
                (function, vec![9, 0, 1, 0, 0], Halts(ErrorCode::BadHandle)),
            ],
            F::field_remove => vec![
                (function, vec![0, 0, 0], Returns(ErrorCode::FieldNameSize)),
                (function, vec![9, 0, 1], Halts(ErrorCode::BadHandle)),
            ],
            F::call => vec![
                (function, vec![0, 0, 0, 0, 0, 0, 0], Returns(ErrorCode::ContractNotFound)),
                (function, vec![0, 0, 65, 0, 0, 0, 0], Halts(ErrorCode::ArgumentSize)),
                (function, vec![0, 0, 0, 0, 0, 0, 1 << 40], Halts(ErrorCode::CallGas)),
            ],
            F::deploy => vec![
                (function, vec![0, 0, 0, 0, 0, 0, 64], Returns(ErrorCode::CodeNotFound)),
                (function, vec![0, 0, 0, 0, 0, 1 << 40, 64], Halts(ErrorCode::CallGas)),
            ],
            F::returned | F::input => vec![(function, vec![bad, 0], Never)],
            F::log => vec![(function, vec![0, 0, 0, 0], Halts(ErrorCode::EventLimit))],
            F::ret => vec![(function, vec![bad, 64], Halts(ErrorCode::PointerOutOfBounds))],
            F::revert => vec![(function, vec![bad, 64], Halts(ErrorCode::PointerOutOfBounds))],
            F::blake3 => vec![(function, vec![bad, 64, 0], Halts(ErrorCode::PointerOutOfBounds))],
        })
        .collect();
    for (function, args, fails) in table {
        let mut chain = Chain::new();
        let mut script = Script::new();
        script.bytes(&[0; 1]);
        let index = script.call(function, &args);
        let contract = chain.deploy(&script.build());
        let receipt = chain.call(contract, "run", ());
        let name = function.name();
        match fails {
            Never => assert_eq!(receipt.status, Status::Success, "{name} {args:?}"),
            Returns(code) => {
                assert_eq!(code.kind(), ErrorKind::Returned);
                assert_eq!(receipt.status, Status::Success, "{name} {args:?}");
                assert_eq!(results(&receipt.output)[index], guest(code), "{name} {args:?}");
            }
            Halts(code) => {
                assert_eq!(failed(&receipt), Some(code), "{name} {args:?}");
                assert_eq!(receipt.gas_used, 100_000_000, "a halt bills all");
            }
        }
    }
}

#[test]
fn r20_events_keep_the_order_of_logging_across_frames() {
    let mut chain = Chain::new();
    let logger = |name: &str, trap: bool| {
        let mut script = Script::new();
        let event = script.bytes(name.as_bytes());
        script.call(F::log, &[event, name.len() as u64, 0, 0]);
        if trap { script.trap() } else { script }
    };
    let good = chain.deploy(&logger("good", false).build());
    let bad = chain.deploy(&logger("bad", true).build());
    let mut script = Script::new().param("good", Type::Address).param("bad", Type::Address);
    let (run, event) = (script.bytes(b"run"), script.bytes(b"own"));
    for target in [INPUT, INPUT + 32, INPUT] {
        script.call(F::log, &[event, 3, 0, 0]);
        script.call(F::call, &[target, run, 3, 0, 0, 0, 100_000]);
    }
    script.call(F::log, &[event, 3, 0, 0]);
    let contract = chain.deploy(&script.build());
    let receipt = chain.call(contract, "run", (good, bad));
    let names: Vec<&str> = receipt.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["own", "good", "own", "own", "good", "own"]);
    assert_eq!(receipt.events[1].contract, good);
}

#[test]
fn r33_r6_permission_looks_at_the_calling_contract_not_at_the_origin() {
    // An object that alice owns in `keeper`: alice may change it herself, but not through another contract.
    let mut chain = Chain::new();
    let mut keeper = Script::new();
    let owner = keeper.bytes(&alice().0);
    let made = keeper.call(F::object_create, &[1]);
    keeper.op(F::object_set_owner, &[Arg::Out(made), owner.into()]);
    let object = keeper.call(F::object_get_by_owner, &[owner]);
    let set = keeper.set(object, "f", b"v");
    let keeper = chain.deploy(&keeper.build());
    let out = results(&chain.call(keeper, "run", ()).output);
    assert_eq!(out[set], 0);
    let mut proxy = Script::new().param("keeper", Type::Address);
    let (run, event) = (proxy.bytes(b"run"), proxy.bytes(b"Out"));
    proxy.call(F::call, &[INPUT, run, 3, 0, 0, 0, 0]);
    proxy.call(F::returned, &[SCRATCH, 200]);
    proxy.call(F::log, &[event, 3, SCRATCH, 64]);
    let proxy = chain.deploy(&proxy.build());
    let receipt = chain.call(proxy, "run", keeper);
    assert_eq!(receipt.status, Status::Success);
    assert_eq!(results(&receipt.events[0].data)[set], guest(ErrorCode::Permission));
    assert_eq!(StateReader::new(&*chain.view()).objects_of(&keeper, &alice(), None, 9).unwrap().len(), 2);
}
