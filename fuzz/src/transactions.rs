//! Target `transactions`: arbitrary blocks on the fixture contracts. Beside what [`Chain`](crate::Chain) checks of every
//! block: balances, objects, events and refunds are what the traces tell, and an engine with marks at every function
//! accounts for every unit of fuel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arbitrary::Unstructured;
use vm_core::{Account, Block, Key, KeySpace, Params};
use vm_host::{BlockOutcome, Observer, Options, Profiler, Vm};
use vm_state::View;

use crate::chain::{Run, entries};
use crate::frames;
use crate::ledger::Ledgers;
use crate::world::{self, World};

/// Executes the blocks that `data` describes; panics where an invariant breaks.
pub fn transactions(data: &[u8]) {
    let (mut world, mut u) = (World::new(), Unstructured::new(data));
    for _ in 0..3 {
        let Ok(runs) = world.block(&mut u) else { return };
        execute(&mut world, &runs);
    }
}

fn execute(world: &mut World, runs: &[Run]) {
    let before = world.chain.view();
    let Ok((block, outcome)) = world.chain.try_block(runs) else {
        let after = world.chain.view();
        assert_eq!(after.header(), before.header(), "a block that is refused changes nothing");
        return;
    };
    world.look();
    traces_tell_all(&*before, &*world.chain.view(), &block, &outcome);
    account(&before, &block, &outcome);
    let gas: u64 = outcome.transactions.iter().map(|executed| executed.receipt.gas_used).sum();
    assert_eq!(outcome.commit.header.gas_used, gas);
}

/// Between the states, balances moved and objects came and went as the traces say.
fn traces_tell_all(before: &dyn View, after: &dyn View, block: &Block, outcome: &BlockOutcome) {
    let mut moved: BTreeMap<Key, i128> = BTreeMap::new();
    let (mut created, mut deleted) = (0, 0);
    let params = Params::default();
    for (tx, executed) in block.transactions.iter().zip(&outcome.transactions) {
        let checked = frames::check(tx, executed, block.context.proposer, params.gas());
        let Some(effects) = checked else { return };
        created += effects.created;
        deleted += effects.deleted;
        for (who, amount) in effects.moved {
            *moved.entry(Key::account(&who)).or_default() += amount;
        }
    }
    let count = |view| u64::try_from(entries(view, KeySpace::Object).len()).unwrap();
    assert_eq!(count(after) + deleted, count(before) + created, "objects come and go by operations");
    let balances = |view: &dyn View| -> BTreeMap<Key, i128> {
        let balance = |value: &[u8]| i128::from(Account::from_entry(value).unwrap().balance);
        entries(view, KeySpace::Account).iter().map(|(key, value)| (*key, balance(value))).collect()
    };
    let (old, new) = (balances(before), balances(after));
    let at = |balances: &BTreeMap<Key, i128>, key| balances.get(key).copied().unwrap_or_default();
    for key in old.keys().chain(new.keys()).chain(moved.keys()) {
        assert_eq!(at(&new, key) - at(&old, key), at(&moved, key), "a balance moves by a frame or a fee");
    }
}

/// Hands each block's marks to the ledgers that are in place then: the engine behind it keeps its modules.
#[derive(Debug, Default)]
struct Relay(Mutex<Arc<Ledgers>>);

impl Profiler for Relay {
    fn observer(&self, transaction: u32) -> Option<Box<dyn Observer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observer(transaction)
    }
}

/// Executes the block once more, with marks: the same outcome, and every unit of fuel accounted for.
fn account(before: &Arc<dyn View>, block: &Block, outcome: &BlockOutcome) {
    static MARKED: OnceLock<Mutex<(Vm, Arc<Relay>)>> = OnceLock::new();
    let marked = MARKED.get_or_init(|| {
        let (mut vm, relay) = (Vm::new(Params::default()), Arc::new(Relay::default()));
        vm.profile(relay.clone());
        Mutex::new((vm, relay))
    });
    let marked = marked.lock().unwrap_or_else(PoisonError::into_inner);
    let ledgers = Arc::new(Ledgers::default());
    *marked.1.0.lock().unwrap_or_else(PoisonError::into_inner) = ledgers.clone();
    let again = marked.0.execute_block(before, block, Options::default()).unwrap();
    assert_eq!(again.commit.header, outcome.commit.header, "marks change no byte");
    assert_eq!(again.commit.receipts, outcome.commit.receipts, "marks change no receipt");
    ledgers.check(outcome);
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    world::seeds(7)
}
