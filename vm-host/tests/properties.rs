//! Random sequences of host operations over contracts that call each other and fail, against what must hold of any of
//! them: value is neither made nor lost, nothing is cheaper than free, and a failure leaves nothing.
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

use std::collections::BTreeMap;

use common::effects::Effects;
use common::script::{Arg, SCRATCH, Script};
use common::*;
use parity_scale_codec::Encode;
use proptest::prelude::*;
use vm_core::abi::HostFunction as F;
use vm_core::interface::{Flags, Type};
use vm_core::{Address, ErrorCode, ErrorKind, GasSchedule, Key, KeySpace, Payload, Status, Transaction};
use vm_host::{BlockOutcome, Change, Executed, FrameTrace, Options, TraceLevel, Vm};

/// Where a script keeps its own address.
const OWN: u64 = SCRATCH + 4_000;
/// Where it keeps an object's id.
const ID: u64 = SCRATCH + 4_100;

/// Something a contract does. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Op {
    Create(u64),
    Set(usize, u8, usize),
    Get(usize, u8),
    Remove(usize, u8),
    Give(usize, usize),
    Delete(usize),
    DeleteOldest(usize),
    Find(usize),
    List(usize, u64),
    Transfer(usize, u64),
    Balance(usize),
    Log(u64),
    Digest(u64),
    Call(usize, u64, u64),
}

/// How a contract's function ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Return,
    Revert,
    Trap,
}

fn op() -> impl Strategy<Value = Op> {
    let (object, who, field) = (0..8usize, 0..4usize, 0..4u8);
    prop_oneof![
        4 => (0..2u64).prop_map(Op::Create),
        4 => (object.clone(), field.clone(), 0..60usize).prop_map(|(o, f, len)| Op::Set(o, f, len)),
        2 => (object.clone(), field.clone()).prop_map(|(o, f)| Op::Get(o, f)),
        2 => (object.clone(), field).prop_map(|(o, f)| Op::Remove(o, f)),
        2 => (object.clone(), who.clone()).prop_map(|(o, w)| Op::Give(o, w)),
        2 => object.prop_map(Op::Delete),
        1 => who.clone().prop_map(Op::DeleteOldest),
        1 => who.clone().prop_map(Op::Find),
        1 => (who.clone(), 0..4u64).prop_map(|(w, cap)| Op::List(w, cap)),
        3 => (who.clone(), 0..40u64).prop_map(|(w, amount)| Op::Transfer(w, amount)),
        1 => who.prop_map(Op::Balance),
        2 => (0..50u64).prop_map(Op::Log),
        1 => (0..200u64).prop_map(Op::Digest),
        5 => (0..3usize, 0..30u64, prop_oneof![Just(0), 2_000..60_000u64])
            .prop_map(|(to, amount, gas)| Op::Call(to, amount, gas)),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![5 => Just(End::Return), 1 => Just(End::Revert), 1 => Just(End::Trap)]
}

type Plan = Vec<(Vec<Op>, End)>;

fn plan() -> impl Strategy<Value = Plan> {
    proptest::collection::vec((proptest::collection::vec(op(), 0..14), end()), 3)
}

/// A contract that does `ops`; `below` are those it can call.
fn contract(ops: &[Op], end: End, below: &[Address]) -> Vec<u8> {
    let mut script = Script::new().flags(Flags::PAYABLE.with(Flags::REENTRANT));
    let (run, event, cursor) = (script.bytes(b"run"), script.bytes(b"Event"), script.bytes(&[0; 16]));
    let people: Vec<u64> = [alice(), bob(), Address::named("carol")]
        .iter()
        .map(|who| script.bytes(&who.0))
        .chain([OWN])
        .collect();
    let below: Vec<u64> = below.iter().map(|address| script.bytes(&address.0)).collect();
    script.call(F::contract_address, &[OWN]);
    let mut objects: Vec<usize> = vec![];
    for op in ops {
        let chosen = |index: usize| objects.get(index % objects.len().max(1)).map(|object| Arg::Out(*object));
        match *op {
            Op::Create(policy) => objects.push(script.call(F::object_create, &[policy])),
            Op::Set(object, field, len) => {
                if let Some(Arg::Out(object)) = chosen(object) {
                    script.set(object, &format!("field {field}"), &vec![field; len]);
                }
            }
            Op::Get(object, field) => {
                if let Some(Arg::Out(object)) = chosen(object) {
                    script.get(object, &format!("field {field}"));
                }
            }
            Op::Remove(object, field) => {
                if let Some(object) = chosen(object) {
                    let name = script.bytes(format!("field {field}").as_bytes());
                    script.op(F::field_remove, &[object, name.into(), 7.into()]);
                }
            }
            Op::Give(object, who) => {
                // The last object made, which is most likely still there: on a deleted one this halts.
                if let Some(object) =
                    objects.last().filter(|_| object < 7).copied().map(Arg::Out).or(chosen(object))
                {
                    script.op(F::object_set_owner, &[object, people[who].into()]);
                }
            }
            Op::Delete(index) => {
                if !objects.is_empty() {
                    let object = objects.remove(index % objects.len());
                    script.op(F::object_id, &[Arg::Out(object), ID.into()]);
                    script.call(F::object_delete, &[ID]);
                }
            }
            Op::DeleteOldest(who) => {
                let object = script.call(F::object_get_by_owner, &[people[who]]);
                script.op(F::object_id, &[Arg::Out(object), ID.into()]);
                script.call(F::object_delete, &[ID]);
            }
            Op::Find(who) => {
                script.call(F::object_get_by_owner, &[people[who]]);
            }
            Op::List(who, cap) => {
                script.call(F::objects_of, &[people[who], cursor, SCRATCH, cap]);
            }
            Op::Transfer(who, amount) => {
                script.call(F::transfer, &[people[who], amount]);
            }
            Op::Balance(who) => {
                script.call(F::balance, &[people[who]]);
            }
            Op::Log(len) => {
                script.call(F::log, &[event, 5, 0, len]);
            }
            Op::Digest(len) => {
                script.call(F::blake3, &[0, len, SCRATCH]);
            }
            Op::Call(to, amount, gas) => {
                if let Some(to) = below.get(to % below.len().max(1)) {
                    script.call(F::call, &[*to, run, 3, 0, 0, amount, gas]);
                }
            }
        }
    }
    match end {
        End::Return => script.build(),
        End::Revert => {
            script.call(F::revert, &[0, 20]);
            script.build()
        }
        End::Trap => script.trap().build(),
    }
}

/// Deploys a plan's contracts: each can call those before it.
fn deploy(chain: &mut Chain, plan: &Plan) -> Vec<Address> {
    let mut addresses = vec![];
    for (ops, end) in plan {
        let code = contract(ops, *end, &addresses);
        addresses.push(chain.deploy(&code));
    }
    addresses
}

/// Checks gas within and across frames; whether any halted.
fn check_frame(frame: &FrameTrace) -> bool {
    // A refused frame never ran: it is billed what its checks cost.
    let mut halted = match frame.status {
        Status::Failed(code) => code.kind() == ErrorKind::Halt || !operations(frame).is_empty(),
        Status::Success | Status::Reverted => false,
    };
    assert!(frame.gas_used <= frame.gas_granted);
    let mut parts = 0;
    for callee in callees(frame) {
        halted |= check_frame(callee);
        // Each is rounded up, and the frame is, once.
        parts += callee.gas_used - callee.gas_used.min(1);
        assert_eq!(callee.depth, frame.depth + 1);
        assert_eq!(callee.caller, frame.contract);
    }
    for operation in operations(frame) {
        // A frame whose last fuel went exactly before has none to give.
        let spent = operation.fuel_before == 0 && operation.failed == Some(ErrorCode::OutOfGas);
        assert!(operation.gas_used() > 0 || spent, "{operation:?} is free");
        if operation.function == F::call {
            parts += GasSchedule::default().call.min(operation.gas_used());
        } else {
            // Host prices are whole gas, unless the frame's last fuel went.
            parts += (operation.fuel_before - operation.fuel_after) / 8;
        }
        if matches!(operation.change, Some(Change::Deleted { .. })) {
            assert!(operation.gas_used() > GasSchedule::default().refund_delete, "R53: {operation:?}");
        }
    }
    assert!(parts <= frame.gas_used, "{parts} in parts, {} in all", frame.gas_used);
    halted
}

/// Checks one transaction by itself; returns what it did.
fn check_executed(tx: &Transaction, executed: &Executed) -> Effects {
    let gas = GasSchedule::default();
    let (receipt, root) = (&executed.receipt, root(executed));
    let intrinsic = gas.tx_base + gas.tx_byte * tx.encoded_size() as u64;
    let burned = receipt.gas_used + receipt.gas_refunded;
    assert!(burned <= tx.gas_limit && burned >= intrinsic);
    assert!(receipt.gas_used >= intrinsic - intrinsic / gas.refund_quotient);
    assert_eq!(root.gas_granted, tx.gas_limit - intrinsic);
    assert_eq!(burned, intrinsic + root.gas_used);
    assert_eq!((root.status, &root.output), (receipt.status, &receipt.output));
    let halted = check_frame(root);
    let fuel = executed.resources.billed_fuel().div_ceil(8);
    assert!(fuel <= burned);
    if !halted {
        assert_eq!(fuel, burned, "all gas is code's or the host's");
    }
    let mut effects = Effects::default();
    effects.add(root);
    assert_eq!(receipt.events, effects.events, "those of the frames that stand");
    let refund = effects.deleted * gas.refund_delete;
    assert_eq!(receipt.gas_refunded, refund.min(burned / gas.refund_quotient));
    if !receipt.status.is_success() {
        assert!(receipt.events.is_empty() && receipt.gas_refunded == 0);
    }
    if matches!(receipt.status, Status::Failed(_)) {
        assert!(receipt.output.is_empty());
    }
    let fee = receipt.gas_used * tx.gas_price;
    effects.pay(tx.sender, proposer(), fee);
    effects
}

fn bytes(outcome: &BlockOutcome) -> (Vec<u8>, String) {
    let commit = &outcome.commit;
    ((&commit.header, &commit.receipts).encode(), format!("{:?}", commit.changes))
}

type Sent = (usize, u64, u64, bool);

/// Which contract, value, gas limit, and whether alice sends it.
fn sent() -> impl Strategy<Value = Sent> {
    let limit = prop_oneof![2 => Just(3_000_000u64), 1 => 5_000..90_000u64];
    (0..3usize, 0..100u64, limit, any::<bool>())
}

fn check_plan(plan: &Plan, blocks: &[Vec<Sent>]) {
    let mut chain = Chain::new();
    let contracts = deploy(&mut chain, plan);
    let carol = Address::named("carol");
    let mut known = contracts.clone();
    known.extend([alice(), bob(), carol, proposer()]);
    for sent in blocks {
        let txs: Vec<Transaction> = sent
            .iter()
            .map(|&(to, value, limit, by_alice)| {
                let payload =
                    Payload::Call { contract: contracts[to], function: "run".into(), args: vec![], value };
                chain.tx(if by_alice { alice() } else { bob() }, limit, payload)
            })
            .collect();
        let block = chain.block(txs);
        let before: BTreeMap<Address, u64> = known.iter().map(|who| (*who, chain.balance(who))).collect();
        let count = |chain: &Chain| entries_from(&*chain.view(), KeySpace::Object).len() as i64;
        let objects = count(&chain);
        // The same whoever executes it, watched or not.
        let reference = bytes(&chain.execute(&block).unwrap());
        for trace in [TraceLevel::Off, TraceLevel::Calls, TraceLevel::Full] {
            let fresh = Vm::new(chain.vm.params().clone());
            let outcome = fresh.execute_block(&chain.view(), &block, Options { trace }).unwrap();
            assert_eq!(bytes(&outcome), reference);
        }
        let outcome = chain.commit(&block);
        let mut moved: BTreeMap<Address, i128> = BTreeMap::new();
        let (mut made, mut any_success) = (0, false);
        for (tx, executed) in block.transactions.iter().zip(&outcome.transactions) {
            let effects = check_executed(tx, executed);
            made += effects.created as i64 - effects.deleted as i64;
            any_success |= executed.receipt.status.is_success();
            for (who, amount) in effects.moved {
                *moved.entry(who).or_default() += amount;
            }
        }
        assert_eq!(count(&chain), objects + made);
        for who in &known {
            let expected = i128::from(before[who]) + moved.get(who).copied().unwrap_or_default();
            assert_eq!(i128::from(chain.balance(who)), expected, "{who}");
        }
        if !any_success {
            let allowed = [alice(), bob(), proposer()].map(|who| Key::account(&who));
            for (key, _) in &outcome.commit.changes {
                assert!(allowed.contains(key) || *key == Key::system(), "{key:?} changed");
            }
        }
        assert_eq!(
            outcome.commit.header.gas_used,
            outcome.transactions.iter().map(|executed| executed.receipt.gas_used).sum::<u64>()
        );
    }
}

#[test]
fn the_plans_of_these_tests_are_varied() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    fn walk(frame: &FrameTrace, seen: &mut BTreeMap<String, u32>) {
        let name = format!("{}{:?}", if frame.depth > 0 { "nested " } else { "" }, frame.status);
        *seen.entry(name).or_default() += 1;
        callees(frame).into_iter().for_each(|callee| walk(callee, seen));
    }
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeMap::new();
    for _ in 0..48 {
        let plan = plan().new_tree(&mut runner).unwrap().current();
        let mut chain = Chain::new();
        for contract in deploy(&mut chain, &plan) {
            let payload = Payload::Call { contract, function: "run".into(), args: vec![], value: 60 };
            walk(root(&chain.run(alice(), 3_000_000, payload)), &mut seen);
        }
    }
    for name in ["Success", "Reverted", "nested Success", "nested Reverted", "nested Failed(Unreachable)"] {
        assert!(seen.get(name).is_some_and(|count| *count >= 5), "{name}: {seen:?}");
    }
    assert!(seen.contains_key("nested Failed(OutOfGas)"), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r14_r41_r53_r84_whatever_contracts_do_value_gas_and_index_add_up(
        plan in plan(),
        blocks in proptest::collection::vec(proptest::collection::vec(sent(), 1..4), 1..5),
    ) {
        check_plan(&plan, &blocks);
    }
}

/// Makes and deletes objects of its own: as many as the argument says; `lose` and `crash` delete and then fail;
/// `attempt` calls `reentrant_lose`, whatever becomes of it.
const STOCK: &str = r#"(module
    (import "vm" "input" (func $input (param i32 i32) (result i32)))
    (import "vm" "contract_address" (func $me (param i32)))
    (import "vm" "object_create" (func $create (param i32) (result i32)))
    (import "vm" "object_get_by_owner" (func $first (param i32) (result i32)))
    (import "vm" "object_id" (func $id (param i32 i32)))
    (import "vm" "object_delete" (func $delete (param i32)))
    (import "vm" "call" (func $call (param i32 i32 i32 i32 i32 i64 i64) (result i32)))
    (import "vm" "revert" (func $revert (param i32 i32)))
    (memory (export "memory") 1 1)
    (data (i32.const 900) "reentrant_lose")
    (global $n (mut i32) (i32.const 0))
    (func $count (drop (call $input (i32.const 0) (i32.const 4))) (global.set $n (i32.load (i32.const 0))))
    (func $step (result i32) (global.set $n (i32.sub (global.get $n) (i32.const 1))) (global.get $n))
    (func $clear (call $count) (call $me (i32.const 64))
        (loop $l
            (call $id (call $first (i32.const 64)) (i32.const 128)) (call $delete (i32.const 128))
            (br_if $l (call $step))))
    (func (export "make") (call $count)
        (loop $l (drop (call $create (i32.const 0))) (br_if $l (call $step))))
    (func (export "clear") (call $clear))
    (func (export "round") (call $count) (call $me (i32.const 64))
        (loop $l (call $id (call $create (i32.const 0)) (i32.const 128)) (call $delete (i32.const 128))
            (br_if $l (call $step))))
    (func (export "reentrant_lose") (call $clear) (call $revert (i32.const 0) (i32.const 0)))
    (func (export "crash") (call $clear) unreachable)
    (func (export "attempt") (call $count) (call $me (i32.const 64))
        (drop (call $call (i32.const 64) (i32.const 900) (i32.const 14) (i32.const 0) (i32.const 4)
            (i64.const 0) (i64.const 0))))
)"#;

struct Stock {
    chain: Chain,
    contract: Address,
}

impl Stock {
    fn new(objects: u32) -> Self {
        let mut chain = Chain::new();
        let flags =
            |name: &str| if name.starts_with("reentrant") { Flags::REENTRANT } else { Flags::default() };
        let names = ["make", "clear", "round", "reentrant_lose", "crash", "attempt"];
        let functions = names.map(|name| function(name, flags(name), &[("count", Type::U32)]));
        let contract = chain.deploy(&module(STOCK, functions.into()));
        let mut stock = Self { chain, contract };
        if objects > 0 {
            assert!(stock.call("make", objects).receipt.status.is_success());
        }
        stock
    }

    fn call(&mut self, function: &str, count: u32) -> Executed {
        let (contract, function) = (self.contract, function.into());
        let payload = Payload::Call { contract, function, args: count.encode(), value: 0 };
        self.chain.run(alice(), 50_000_000, payload)
    }

    fn left(&self) -> usize {
        entries_from(&*self.chain.view(), KeySpace::Object).len()
    }
}

#[test]
fn r53_deleting_what_earlier_transactions_made_always_costs_something_more() {
    let mut last = 0;
    for count in 1..=20u32 {
        let mut stock = Stock::new(20);
        let receipt = stock.call("clear", count).receipt;
        let burned = receipt.gas_used + receipt.gas_refunded;
        assert_eq!(receipt.gas_refunded, (800 * u64::from(count)).min(burned / 5));
        assert!(receipt.gas_used > last, "{count}: {} after {last}", receipt.gas_used);
        last = receipt.gas_used;
        assert_eq!(stock.left(), 20 - usize::try_from(count).unwrap());
    }
}

#[test]
fn r53_rounds_of_create_and_delete_always_cost_something_more() {
    let mut last = 0;
    for count in [1u32, 2, 3, 10, 50, 200] {
        let mut stock = Stock::new(0);
        let receipt = stock.call("round", count).receipt;
        assert!(receipt.status.is_success());
        assert!(receipt.gas_used > last + 1_000 && receipt.gas_refunded * 4 <= receipt.gas_used);
        last = receipt.gas_used;
        assert_eq!(stock.left(), 0);
    }
    // Making in one transaction and deleting in the next costs more than it gives, sender and proposer together.
    let mut stock = Stock::new(0);
    let before = stock.chain.balance(&alice());
    let mut spent = 0;
    for _ in 0..5 {
        for name in ["make", "clear"] {
            spent += stock.call(name, 10).receipt.gas_used;
        }
    }
    assert_eq!(stock.chain.balance(&alice()), before - spent);
    assert!(spent > 10 * 5 * 3_000);
}

#[test]
fn r41_r53_a_frame_that_fails_refunds_nothing() {
    let mut stock = Stock::new(20);
    let kept = stock.call("attempt", 10);
    assert!(kept.receipt.status.is_success());
    assert_eq!((kept.receipt.gas_refunded, stock.left()), (0, 20));
    for name in ["reentrant_lose", "crash"] {
        let receipt = stock.call(name, 10).receipt;
        assert!(!receipt.status.is_success());
        assert_eq!((receipt.gas_refunded, stock.left()), (0, 20));
    }
    assert_eq!(stock.call("clear", 20).receipt.gas_refunded, 16_000);
}
