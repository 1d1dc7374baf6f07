//! The permission table (R16 to R18, R21, R30, R33, R44), written down by hand, against the VM: every combination of
//! policy, sender, owner, running contract, view and operation, for handles got in every way (by id, by owner, from a list,
//! from making the object), with ownership that changed earlier in the transaction or not.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

#[path = "../common/mod.rs"]
mod common;
mod table;
mod trial;

use std::sync::Arc;

use common::puppet::{Plan, SCRATCH, puppet};
use common::*;
use table::{
    Case, Done, Error, Given, Halt, Handle, ObjectNotFound, Op, Owner, Permission, Running, Sender, TABLE,
};
use trial::{around, create, trial};
use vm_core::abi::HostFunction as F;
use vm_core::{Address, ErrorCode, Key, ObjectId, ObjectMeta, Payload, Policy, Status};
use vm_host::{BlockOutcome, Change, FrameTrace, Options, TraceLevel};
use vm_state::{StateReader, View};

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
                let object = create(&mut plan, policy);
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
        let is_own = case.handle == Handle::Created;
        let made = || ObjectId::derive(&contract, &outcome.transactions[0].hash, 0);
        let object = if is_own { made() } else { object };
        let field = Some(vec![1]);
        // What a frame that ended did stays; what this one did goes with it, if it halts.
        let stays = if case.given == Given::Earlier { owner } else { began };
        let expected = match (case.verdict(), case.op) {
            (Halt(_), _) => Some((stays, field)).filter(|_| !is_own),
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
