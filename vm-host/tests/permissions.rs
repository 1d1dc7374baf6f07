//! The permission table (R16 to R18, R21, R30, R33, R44), written down by hand, against the VM: every combination of
//! policy, sender, owner, running contract, view and operation, for handles got in every way, with ownership that
//! changed earlier in the transaction or not.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::puppet::{Arg, Plan, SCRATCH, puppet};
use common::*;
use vm_core::abi::HostFunction as F;
use vm_core::{Address, ErrorCode, Key, ObjectId, ObjectMeta, Payload, Policy, Status};
use vm_host::{BlockOutcome, Change, FrameTrace, Options, TraceLevel};
use vm_state::{StateReader, View};

/// The contract that runs: the object's own, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    Own,
    Other,
}

/// Who calls the frame that tries the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// Alice, who sends the transaction.
    Account,
    /// Another contract, which alice calls.
    Contract,
    /// The object's contract.
    Itself,
}

/// Who owns the object when the operation is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Sender,
    /// The object's contract.
    Contract,
    /// Alice, who is not the sender but began the transaction.
    Origin,
    /// The running contract, which is not the object's.
    Running,
    Stranger,
}

/// Whether that owner got it in this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Before,
    /// In this frame.
    Here,
    /// In a frame that ended.
    Earlier,
    /// It had been given away in a frame that failed.
    Undone,
}

/// How the frame got its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handle {
    Id,
    /// By the owner index, as `object_get_by_owner` gives it.
    Owner,
    /// The same, as `objects_of` gives it.
    List,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Get,
    ReadOwner,
    ReadContract,
    ReadId,
    Set,
    Remove,
    Give,
    /// To its present owner, which changes nothing but wants the same permission.
    GiveToOwner,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    /// The contract gets the code.
    Error(ErrorCode),
    /// The frame ends with it.
    Halt(ErrorCode),
}

use ErrorCode::{BadHandle, ObjectNotFound, Permission, ViewViolation};
use Verdict::{Done, Error, Halt};

/// A row: which combinations it is about (`None`: any), and what they come to.
struct Row {
    running: Running,
    policy: Option<Policy>,
    owner: Option<Owner>,
    view: bool,
    read: Verdict,
    field: Verdict,
    give: Verdict,
    delete: Verdict,
}

const ANY: Row = Row {
    running: Running::Own,
    policy: None,
    owner: None,
    view: false,
    read: Done,
    field: Done,
    give: Done,
    delete: Done,
};

/// R33: only the object's own contract touches it; with policy `Owner` only for its owner, or if the contract owns it.
/// R21: fields answer with the error, `set_owner` and `delete` halt. R44: a view changes nothing, whoever asks. R16: to
/// other contracts an object is not there, so that they have no handle of it.
const TABLE: [Row; 8] = [
    Row { policy: Some(Policy::Contract), ..ANY },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Sender), ..ANY },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Contract), ..ANY },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Origin), ..FORBIDDEN },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Stranger), ..FORBIDDEN },
    Row {
        view: true,
        field: Halt(ViewViolation),
        give: Halt(ViewViolation),
        delete: Halt(ViewViolation),
        ..ANY
    },
    Row {
        running: Running::Other,
        read: Halt(BadHandle),
        field: Halt(BadHandle),
        give: Halt(BadHandle),
        delete: Halt(ObjectNotFound),
        ..ANY
    },
    Row {
        running: Running::Other,
        view: true,
        read: Halt(BadHandle),
        field: Halt(ViewViolation),
        give: Halt(ViewViolation),
        delete: Halt(ViewViolation),
        ..ANY
    },
];

const FORBIDDEN: Row =
    Row { field: Error(Permission), give: Halt(Permission), delete: Halt(Permission), ..ANY };

#[derive(Clone, Copy, Debug)]
struct Case {
    running: Running,
    policy: Policy,
    sender: Sender,
    owner: Owner,
    given: Given,
    handle: Handle,
    /// The frame had the handle before it gave the object to its owner.
    stale: bool,
    view: bool,
    op: Op,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut all = vec![];
        let ops = [
            Op::Get,
            Op::ReadOwner,
            Op::ReadContract,
            Op::ReadId,
            Op::Set,
            Op::Remove,
            Op::Give,
            Op::GiveToOwner,
            Op::Delete,
        ];
        for running in [Running::Own, Running::Other] {
            for policy in [Policy::Contract, Policy::Owner] {
                for sender in [Sender::Account, Sender::Contract, Sender::Itself] {
                    for owner in
                        [Owner::Sender, Owner::Contract, Owner::Origin, Owner::Running, Owner::Stranger]
                    {
                        for given in [Given::Before, Given::Here, Given::Earlier, Given::Undone] {
                            for handle in [Handle::Id, Handle::Owner, Handle::List] {
                                for (stale, view) in [(false, false), (false, true), (true, false)] {
                                    let case = |op| Self {
                                        running,
                                        policy,
                                        sender,
                                        owner,
                                        given,
                                        handle,
                                        stale,
                                        view,
                                        op,
                                    };
                                    all.extend(ops.map(case).into_iter().filter(Self::exists));
                                }
                            }
                        }
                    }
                }
            }
        }
        all
    }

    /// Whether the parts can come together, and are not another case by other names.
    fn exists(&self) -> bool {
        let changed = matches!(self.given, Given::Here | Given::Earlier);
        let owner = match (self.owner, self.sender) {
            (Owner::Origin, Sender::Account) | (Owner::Sender, Sender::Itself) => false,
            // Only the sender could give the contract what is not the contract's.
            (Owner::Contract, Sender::Itself) => !changed,
            _ => true,
        };
        let frames = match self.given {
            Given::Before => true,
            Given::Here => !self.view,
            Given::Earlier | Given::Undone => self.sender != Sender::Account,
        };
        let running = match self.running {
            Running::Own => self.owner != Owner::Running,
            // It gets no handle, and nothing has been changed.
            Running::Other => {
                self.sender == Sender::Account && self.given == Given::Before && self.handle == Handle::Id
            }
        };
        owner && frames && running && (!self.stale || self.given == Given::Here)
    }

    fn row(&self) -> usize {
        let fits = |row: &Row| {
            row.running == self.running
                && row.view == self.view
                && row.policy.is_none_or(|policy| policy == self.policy)
                && row.owner.is_none_or(|owner| owner == self.owner)
        };
        // The view's rows stand for every policy and owner, so no other row does.
        let rows: Vec<usize> = (0..TABLE.len()).filter(|row| fits(&TABLE[*row])).collect();
        assert_eq!(rows.len(), 1, "{self:?} stands in {} rows", rows.len());
        rows[0]
    }

    fn verdict(&self) -> Verdict {
        let row = &TABLE[self.row()];
        match self.op {
            Op::Get | Op::ReadOwner | Op::ReadContract | Op::ReadId => row.read,
            Op::Set | Op::Remove => row.field,
            Op::Give | Op::GiveToOwner => row.give,
            Op::Delete => row.delete,
        }
    }
}

/// A contract with one object, whose only field is `f`.
struct Vault {
    contract: Address,
    object: ObjectId,
    policy: Policy,
    owner: Address,
}

struct Stage {
    chain: Chain,
    view: Arc<dyn View>,
    relay: Address,
    vaults: Vec<Vault>,
}

fn carol() -> Address {
    Address::named("carol")
}

impl Stage {
    fn new() -> Self {
        let mut chain = Chain::new();
        let code = puppet();
        let relay = chain.deploy(&code);
        let mut vaults = vec![];
        for policy in [Policy::Contract, Policy::Owner] {
            for owner in [Some(alice()), Some(bob()), Some(relay), None] {
                let contract = chain.deploy(&code);
                let owner = owner.unwrap_or(contract);
                let mut plan = Plan::default();
                let number = if policy == Policy::Owner { 1 } else { 0 };
                let object = Arg::Out(plan.op(F::object_create, &[number.into()]));
                set(&mut plan, object, 1);
                let to = plan.bytes(&owner.0);
                plan.op(F::object_set_owner, &[object, to]);
                assert!(chain.call_value(contract, "run", plan.encode(), 0).status.is_success());
                let found = StateReader::new(&*chain.view()).objects_of(&contract, &owner, None, 9).unwrap();
                assert_eq!(found.len(), 1);
                vaults.push(Vault { contract, object: found[0].0, policy, owner });
            }
        }
        let view = chain.view();
        Self { chain, view, relay, vaults }
    }

    fn address(&self, case: &Case, contract: Address) -> Address {
        match (case.owner, case.sender) {
            (Owner::Sender, Sender::Account) | (Owner::Origin, _) => alice(),
            (Owner::Sender, Sender::Contract) | (Owner::Running, _) => self.relay,
            (Owner::Sender, Sender::Itself) | (Owner::Contract, _) => contract,
            (Owner::Stranger, _) => bob(),
        }
    }

    /// The vault whose object has the owner that the case begins with.
    fn vault(&self, case: &Case) -> &Vault {
        let begins_with = |vault: &Vault| match case.given {
            Given::Before | Given::Undone => self.address(case, vault.contract),
            Given::Here | Given::Earlier if case.owner == Owner::Contract => {
                self.address(&Case { owner: Owner::Sender, ..*case }, vault.contract)
            }
            Given::Here | Given::Earlier => vault.contract,
        };
        let fits = |vault: &&Vault| vault.policy == case.policy && vault.owner == begins_with(vault);
        self.vaults.iter().find(fits).unwrap()
    }

    fn run(&mut self, contract: Address, function: &str, args: Vec<u8>) -> BlockOutcome {
        let payload = Payload::Call { contract, function: function.into(), args, value: 0 };
        let tx = self.chain.tx(alice(), 1_000_000, payload);
        *self.chain.nonces.get_mut(&alice()).unwrap() -= 1;
        let block = self.chain.block(vec![tx]);
        self.chain.vm.execute_block(&self.view, &block, Options { trace: TraceLevel::Calls }).unwrap()
    }

    fn check(&mut self, case: &Case) {
        let vault = self.vault(case);
        let (contract, object, began) = (vault.contract, vault.object, vault.owner);
        let owner = self.address(case, contract);
        let (plan, slot) = trial(case, object, began, owner);
        let function = if case.view { "look" } else { "run" };
        let outcome = match (case.running, case.sender) {
            (Running::Own, Sender::Account) => self.run(contract, function, plan.encode()),
            (Running::Other, _) => self.run(self.relay, function, plan.encode()),
            (Running::Own, Sender::Contract | Sender::Itself) => {
                let caller = if case.sender == Sender::Itself { contract } else { self.relay };
                let around = around(case, contract, object, owner, function, plan.encode());
                self.run(caller, "run", around.encode())
            }
        };
        let root = root(&outcome.transactions[0]);
        let frame = match (case.running, case.sender) {
            (Running::Other, _) | (_, Sender::Account) => root,
            (_, Sender::Contract | Sender::Itself) => {
                assert_eq!(root.status, Status::Success, "{case:?}");
                callees(root)[callees(root).len() - 1]
            }
        };
        assert_verdict(case, frame, slot, owner);
        let field = Some(vec![1]);
        // What a frame that ended did stays; what this one did goes with it, if it halts.
        let stays = if case.given == Given::Earlier { owner } else { began };
        let expected = match (case.verdict(), case.op) {
            (Halt(_), _) => Some((stays, field)),
            (Done, Op::Set) => Some((owner, Some(vec![2]))),
            (Done, Op::Remove) => Some((owner, None)),
            (Done, Op::Give) => Some((carol(), field)),
            (Done, Op::Delete) => None,
            (Done | Error(_), _) => Some((owner, field)),
        };
        assert_eq!(self.after(&outcome, object, contract), expected, "{case:?}");
    }

    /// The object's owner and field after the block, if it is there.
    fn after(
        &self,
        outcome: &BlockOutcome,
        object: ObjectId,
        contract: Address,
    ) -> Option<(Address, Option<Vec<u8>>)> {
        let get = |key: Key| {
            let changed = outcome.commit.changes.iter().find(|(changed, _)| *changed == key);
            let stored = || self.view.get(&key).unwrap();
            changed.map_or_else(stored, |(_, value)| value.clone()).map(|value| value.to_vec())
        };
        let field = get(Key::field(&object, b"f"));
        let Some(meta) = get(Key::object(&object)) else {
            assert_eq!(field, None, "fields go with their object");
            return None;
        };
        let meta = ObjectMeta::from_entry(&meta).unwrap();
        assert_eq!(meta.contract, contract, "an object never leaves its contract");
        assert!(get(Key::owned(&contract, &meta.owner, meta.stamp)).is_some(), "the index has it");
        Some((meta.owner, field))
    }
}

fn set(plan: &mut Plan, object: Arg, value: u8) -> usize {
    let (name, value) = (plan.bytes(b"f"), plan.bytes(&[value]));
    plan.op(F::field_set, &[object, name, 1.into(), value, 1.into()])
}

fn give(plan: &mut Plan, object: Arg, to: Address) -> usize {
    let to = plan.bytes(&to.0);
    plan.op(F::object_set_owner, &[object, to])
}

fn by_id(plan: &mut Plan, object: ObjectId) -> Arg {
    let id = plan.bytes(&object.0);
    Arg::Out(plan.op(F::object_get, &[id]))
}

/// Gets a handle of the object, which `owner` owns: the frame's handle with this number.
fn take(plan: &mut Plan, handle: Handle, object: ObjectId, owner: Address, number: u64) -> Arg {
    match handle {
        Handle::Id => by_id(plan, object),
        Handle::Owner => {
            let owner = plan.bytes(&owner.0);
            Arg::Out(plan.op(F::object_get_by_owner, &[owner]))
        }
        Handle::List => {
            let (owner, cursor) = (plan.bytes(&owner.0), plan.bytes(&[0; 16]));
            plan.op(F::objects_of, &[owner, cursor, SCRATCH.into(), 1.into()]);
            Arg::Num(number)
        }
    }
}

/// The plan of the frame that tries the operation, and the operation's slot.
fn trial(case: &Case, object: ObjectId, began: Address, owner: Address) -> (Plan, usize) {
    let mut plan = Plan::default();
    let held = case.stale.then(|| take(&mut plan, case.handle, object, began, 0));
    if case.given == Given::Here {
        // By a handle of its own, so that the one that was held learns nothing of it.
        let other = by_id(&mut plan, object);
        give(&mut plan, other, owner);
    }
    let number = if case.given == Given::Here { 1 } else { 0 };
    let handle = held.unwrap_or_else(|| take(&mut plan, case.handle, object, owner, number));
    let slot = attempt(&mut plan, case.op, handle, object, owner);
    (plan, slot)
}

/// Adds the operation and the frame's end; the operation's slot.
fn attempt(plan: &mut Plan, op: Op, handle: Arg, object: ObjectId, owner: Address) -> usize {
    let out: Arg = (SCRATCH + 64).into();
    let name = plan.bytes(b"f");
    let slot = match op {
        Op::Get => plan.op(F::field_get, &[handle, name, 1.into(), out, 8.into()]),
        Op::ReadOwner => plan.op(F::object_owner, &[handle, out]),
        Op::ReadContract => plan.op(F::object_contract, &[handle, out]),
        Op::ReadId => plan.op(F::object_id, &[handle, out]),
        Op::Set => set(plan, handle, 2),
        Op::Remove => plan.op(F::field_remove, &[handle, name, 1.into()]),
        Op::Give => give(plan, handle, carol()),
        Op::GiveToOwner => give(plan, handle, owner),
        Op::Delete => {
            let id = plan.bytes(&object.0);
            plan.op(F::object_delete, &[id])
        }
    };
    if matches!(op, Op::ReadOwner | Op::ReadContract | Op::ReadId) {
        plan.op(F::ret, &[out, 32.into()]);
    } else {
        plan.end_with_slots(F::ret);
    }
    slot
}

/// The plan of the frame around: it gives the object away first, where the case says so.
fn around(
    case: &Case,
    contract: Address,
    object: ObjectId,
    owner: Address,
    function: &str,
    trial: Vec<u8>,
) -> Plan {
    let mut around = Plan::default();
    let inside = case.sender == Sender::Itself;
    match case.given {
        Given::Before | Given::Here => (),
        Given::Earlier if inside => {
            let handle = by_id(&mut around, object);
            give(&mut around, handle, owner);
        }
        Given::Earlier | Given::Undone => {
            let mut change = Plan::default();
            let handle = by_id(&mut change, object);
            give(&mut change, handle, if case.given == Given::Undone { carol() } else { owner });
            if case.given == Given::Undone {
                change.end_with_slots(F::revert);
            }
            call(&mut around, contract, "run", &change.encode());
        }
    }
    call(&mut around, contract, function, &trial);
    around
}

fn call(plan: &mut Plan, contract: Address, function: &str, args: &[u8]) {
    let (to, name, at) = (plan.bytes(&contract.0), plan.bytes(function.as_bytes()), plan.bytes(args));
    let (name_len, args_len) = (function.len().try_into().unwrap(), args.len().try_into().unwrap());
    let lens = [Arg::Num(name_len), Arg::Num(args_len)];
    plan.op(F::call, &[to, name, lens[0], at, lens[1], 0.into(), 200_000.into()]);
}

fn assert_verdict(case: &Case, frame: &FrameTrace, slot: usize, owner: Address) {
    let at_slot = || i64::from_le_bytes(frame.output[8 * slot..8 * slot + 8].try_into().unwrap());
    match (case.verdict(), case.op) {
        (Halt(code), _) => assert_eq!(frame.status, Status::Failed(code), "{case:?}"),
        (Done, Op::ReadOwner) => assert_eq!(frame.output, owner.0, "{case:?}"),
        (Done, Op::ReadContract) => assert_eq!(frame.output, frame.contract.0, "{case:?}"),
        (Done, Op::ReadId) => {
            assert_eq!((frame.status, frame.output.len()), (Status::Success, 32), "{case:?}")
        }
        (Done, op) => {
            assert_eq!(frame.status, Status::Success, "{case:?}");
            assert_eq!(at_slot(), i64::from(op == Op::Get), "{case:?}");
        }
        (Error(code), _) => {
            assert_eq!(frame.status, Status::Success, "{case:?}");
            assert_eq!(at_slot(), guest(code), "{case:?}");
        }
    }
    // R47: a refused permission is told, and nothing else is told as one.
    let refused = operations(frame).iter().any(|op| matches!(op.change, Some(Change::Refused { .. })));
    assert_eq!(refused, matches!(case.verdict(), Error(Permission) | Halt(Permission)), "{case:?}");
}

#[test]
fn r16_r18_r21_r30_r33_r44_every_combination_is_decided_as_the_table_says() {
    let mut stage = Stage::new();
    let mut by_row = [0u32; TABLE.len()];
    let cases = Case::all();
    for case in &cases {
        stage.check(case);
        by_row[case.row()] += 1;
    }
    println!("{} combinations, by row: {by_row:?}", cases.len());
    assert!(by_row.iter().all(|count| *count >= 9), "each row is met with every operation: {by_row:?}");
}

#[test]
fn r17_r33_the_index_of_another_contract_shows_nothing() {
    let mut stage = Stage::new();
    for at in 0..stage.vaults.len() {
        let owner = stage.vaults[at].owner;
        let mut plan = Plan::default();
        let (who, cursor) = (plan.bytes(&owner.0), plan.bytes(&[0; 16]));
        let first = plan.op(F::object_get_by_owner, &[who]);
        let listed = plan.op(F::objects_of, &[who, cursor, SCRATCH.into(), 9.into()]);
        plan.end_with_slots(F::ret);
        let outcome = stage.run(stage.relay, "run", plan.encode());
        let output = &outcome.transactions[0].receipt.output;
        let slots: Vec<i64> =
            output.chunks(8).map(|slot| i64::from_le_bytes(slot.try_into().unwrap())).collect();
        assert_eq!((slots[first], slots[listed]), (guest(ObjectNotFound), 0), "{owner}");
    }
}

#[test]
fn r15_a_policy_that_is_none_halts_and_makes_nothing() {
    let mut stage = Stage::new();
    for (policy, expected) in [
        (0, Status::Success),
        (1, Status::Success),
        (2, Status::Failed(ErrorCode::BadPolicy)),
        (u64::from(u32::MAX), Status::Failed(ErrorCode::BadPolicy)),
    ] {
        let mut plan = Plan::default();
        plan.op(F::object_create, &[policy.into()]);
        let outcome = stage.run(stage.relay, "run", plan.encode());
        let receipt = &outcome.transactions[0].receipt;
        assert_eq!(receipt.status, expected, "policy {policy}");
        let made = ObjectId::derive(&stage.relay, &outcome.transactions[0].hash, 0);
        let meta = outcome.commit.changes.iter().find(|(key, _)| *key == Key::object(&made));
        assert_eq!(meta.is_some(), expected == Status::Success, "policy {policy}");
    }
}
