//! Every small tree of calls, on the real VM and on a model of it that copies the whole state at each frame's entry and
//! puts the copy back when the frame fails (R14, R19 to R21, R41, R43, R44, R53, R101).
//!
//! A tree is a frame's actions, some of which call further frames of one of two contracts. Trees are counted by their
//! actions, those of all frames together; each test takes all trees of an alphabet up to a size, and says how many.
//! Compared are: every entry of the state, the events, how each frame ended and with which bytes, the refund, the fuel
//! of every host operation by its price, and the frames' gas against the receipt's.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

#[path = "../common/mod.rs"]
mod common;
mod model;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::puppet::puppet;
use common::*;
use vm_core::{Address, Key, KeySpace, Payload};
use vm_host::{Executed, FrameTrace, Options, TraceLevel};
use vm_state::{StateReader, Value, View};

use model::{Came, Code, Model, State};
use tree::{Act, Alphabet, Call, End, Entry, Grant, To, Tree};

/// Enough for every tree here, a 64th of it too; a frame that spins burns it in milliseconds.
const LIMIT: u64 = 300_000;
const CONTRACTS: usize = 2;

/// Two contracts of the same code with an object and a balance of 1 each.
struct Stage {
    chain: Chain,
    view: Arc<dyn View>,
    contracts: [Address; CONTRACTS],
    code: Code,
    entries: BTreeMap<Key, Value>,
    state: State,
    /// What trees came to, by kind: so that a test can say that it saw them.
    seen: BTreeSet<String>,
    trees: u32,
}

/// All entries that calls may change.
fn entries(view: &dyn View) -> BTreeMap<Key, Value> {
    let spaces = [KeySpace::Account, KeySpace::Object, KeySpace::Field, KeySpace::Owned];
    spaces.into_iter().flat_map(|space| entries_from(view, space)).collect()
}

impl Stage {
    fn new() -> Self {
        let mut chain = Chain::new();
        let code = puppet();
        let contracts = [(); CONTRACTS].map(|()| chain.deploy(&code));
        for contract in contracts {
            let setup = Tree { acts: vec![Act::Create, Act::Write], end: End::Return };
            let args = tree::encode(&setup, contracts, 0, Grant::Rest);
            assert!(chain.call_value(contract, "run", args, 1).status.is_success());
        }
        let view = chain.view();
        let entries = entries(&*view);
        let reader = StateReader::new(&*view);
        let mut state = State::default();
        for who in [alice(), bob(), proposer(), contracts[0], contracts[1]] {
            state.accounts.insert(who, reader.account(&who).unwrap());
        }
        for contract in contracts {
            for (id, _) in reader.objects_of(&contract, &contract, None, 9).unwrap() {
                let meta = reader.object(&id).unwrap().unwrap();
                let field = view.get(&Key::field(&id, b"f")).unwrap().map(|value| value[0]);
                state.objects.insert(id, (meta, field));
            }
        }
        assert_eq!(state.entries(), entries, "the model holds all of the state");
        let code = Code::new(&code);
        Self { chain, view, contracts, code, entries, state, seen: BTreeSet::new(), trees: 0 }
    }

    /// Runs `tree` as a transaction to the first contract, on the VM and in the model, and compares.
    fn check(&mut self, tree: &Tree, entry: Entry, value: u64, grant: Grant) {
        let args = tree::encode(tree, self.contracts, 0, grant);
        let payload =
            Payload::Call { contract: self.contracts[0], function: entry.name().into(), args, value };
        let tx = self.chain.tx(alice(), LIMIT, payload);
        *self.chain.nonces.get_mut(&alice()).unwrap() -= 1;
        let hash = tx.hash(&self.chain.vm.params().hash());
        let block = self.chain.block(vec![tx.clone()]);
        let outcome = self.chain.vm.execute_block(&self.view, &block, Options { trace: TraceLevel::Calls });
        let outcome = outcome.unwrap();
        let executed = &outcome.transactions[0];

        let mut model = Model::new(self.state.clone(), self.contracts, self.code, hash, block.context.height);
        model.begin(&tx);
        let came = model.transaction(tree, entry, value, grant);
        let told = || format!("{entry:?} with {value}, {grant:?}: {tree:#?}");
        self.compare(executed, &model, &came, &told);
        model.settle(&executed.receipt);
        let mut found = self.entries.clone();
        for (key, value) in &outcome.commit.changes {
            match value {
                Some(value) => found.insert(*key, value.clone()),
                None => found.remove(key),
            };
        }
        found.remove(&Key::system());
        assert_eq!(found, model.state.entries(), "{}", told());
        self.trees += 1;
    }

    fn compare(&mut self, executed: &Executed, model: &Model, came: &Came, told: &dyn Fn() -> String) {
        let (receipt, resources) = (&executed.receipt, &executed.resources);
        let root = root(executed);
        let mut halted = false;
        self.same_frames(root, came, &mut halted, told);
        assert_eq!((receipt.status, &receipt.output), (root.status, &root.output), "{}", told());
        assert_eq!(receipt.events, model.state.events, "{}", told());

        // Gas: what host operations took by their prices, and all of it together the receipt's.
        let host = [resources.host.table, resources.host.entries, resources.host.bytes];
        let priced = [model.table, model.entries, model.bytes].map(|gas| gas * 8);
        assert_eq!(host, priced, "table, entries, bytes: {}", told());
        assert_eq!(resources.setup_fuel, model.setup * 8, "{}", told());
        let burned = receipt.gas_used + receipt.gas_refunded;
        let host: u64 = host.iter().sum();
        assert_eq!(resources.host.total(), host, "{}", told());
        let rest = [resources.setup_fuel, resources.intrinsic_fuel, resources.forfeited_fuel];
        let parts = resources.fuel + host + rest.iter().sum::<u64>();
        assert_eq!((resources.billed_fuel(), parts.div_ceil(8)), (parts, burned), "{}", told());
        assert_eq!(resources.intrinsic_fuel / 8 + root.gas_used, burned, "{}", told());
        assert!(halted || resources.forfeited_fuel == 0, "{}", told());
        let refund = if receipt.status.is_success() { model.state.refund } else { 0 };
        assert_eq!(receipt.gas_refunded, refund.min(burned / 5), "{}", told());
        if refund > 0 {
            self.seen.insert("a refund".into());
        }
    }

    /// Compares how frames ended, from the outermost inwards, and their gas with that of their callees.
    fn same_frames(&mut self, frame: &FrameTrace, came: &Came, halted: &mut bool, told: &dyn Fn() -> String) {
        assert_eq!(
            (frame.caller, frame.contract, frame.value, frame.status, &frame.output),
            (came.caller, came.contract, came.value, came.status, &came.output),
            "{}",
            told()
        );
        let callees = callees(frame);
        assert_eq!(callees.len(), came.callees.len(), "{}", told());
        let mut below = 0;
        for (callee, came) in callees.into_iter().zip(&came.callees) {
            assert_eq!(callee.depth, frame.depth + 1);
            self.same_frames(callee, came, halted, told);
            // Rounded up, each and the whole.
            below += callee.gas_used.saturating_sub(1);
        }
        assert!(below <= frame.gas_used && frame.gas_used <= frame.gas_granted, "{}", told());
        if came.halted {
            assert_eq!(frame.gas_used, frame.gas_granted, "a halt bills the whole grant: {}", told());
            *halted = true;
        } else {
            assert!(frame.gas_used < frame.gas_granted, "{}", told());
        }
        let place = if frame.depth > 0 { "nested" } else { "outermost" };
        self.seen.insert(format!("{place} {:?}", frame.status));
    }

    fn saw(&self, expected: &[&str]) {
        for kind in expected {
            assert!(self.seen.contains(*kind), "{kind} never came up: {:?}", self.seen);
        }
    }
}

#[test]
fn r14_r41_r43_r44_every_tree_of_one_action_over_all_calls_and_ends_is_the_models() {
    let mut stage = Stage::new();
    let alphabet = Alphabet { acts: Act::SIMPLE.into(), calls: Call::all(), ends: End::ALL.into() };
    for tree in alphabet.frames(0).into_iter().chain(alphabet.frames(1)) {
        for (entry, value) in
            [(Entry::Run, 0), (Entry::Run, 2), (Entry::Once, 1), (Entry::Look, 0), (Entry::Look, 1)]
        {
            stage.check(&tree, entry, value, Grant::Rest);
        }
        stage.check(&tree, Entry::Run, 1, Grant::Asked);
    }
    println!("{} trees: {:?}", stage.trees, stage.seen);
    stage.saw(&[
        "a refund",
        "outermost Success",
        "outermost Reverted",
        "outermost Failed(Unreachable)",
        "outermost Failed(OutOfGas)",
        "outermost Failed(ViewViolation)",
        "outermost Failed(NotPayable)",
        "nested Success",
        "nested Reverted",
        "nested Failed(Unreachable)",
        "nested Failed(OutOfGas)",
        "nested Failed(Reentrancy)",
        "nested Failed(NotPayable)",
    ]);
}

#[test]
fn r14_r41_r53_every_tree_of_two_actions_is_the_models() {
    let mut stage = Stage::new();
    let calls = Call::all().into_iter().filter(Call::is_plain).collect();
    let alphabet = Alphabet { acts: Act::SIMPLE.into(), calls, ends: End::ALL.into() };
    for acts in alphabet.lists(2) {
        stage.check(&Tree { acts, end: End::Return }, Entry::Run, 1, Grant::Asked);
    }
    println!("{} trees: {:?}", stage.trees, stage.seen);
    stage.saw(&[
        "a refund",
        "nested Success",
        "nested Reverted",
        "nested Failed(Unreachable)",
        "nested Failed(OutOfGas)",
        "nested Failed(Reentrancy)",
        "nested Failed(ViewViolation)",
    ]);
}

#[test]
fn r41_r53_every_tree_of_up_to_four_actions_over_few_kinds_is_the_models() {
    let mut stage = Stage::new();
    let calls = Call::all().into_iter().filter(|call| {
        call.entry == Entry::Run && !call.propagates && call.value == u64::from(call.to == To::Other)
    });
    let alphabet = Alphabet {
        acts: vec![Act::Write, Act::Delete],
        calls: calls.collect(),
        ends: vec![End::Return, End::Revert],
    };
    for size in 0..=4 {
        for acts in alphabet.lists(size) {
            stage.check(&Tree { acts, end: End::Return }, Entry::Run, 1, Grant::Rest);
        }
    }
    println!("{} trees: {:?}", stage.trees, stage.seen);
    stage.saw(&["nested Success", "nested Reverted", "nested Failed(InsufficientBalance)", "a refund"]);
}
