//! Target `transactions`: arbitrary blocks on the fixture contracts. Beside what [`Chain`](crate::Chain) checks of every
//! block: balances, objects, events and refunds are what the traces tell, and an engine with marks at every function
//! accounts for every unit of fuel. Of a transaction whose trace was cut, what it did is taken from the states before and
//! after it instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arbitrary::Unstructured;
use vm_core::{Account, Block, Key, KeySpace, Params};
use vm_host::{BlockOutcome, Observer, Options, Profiler, Vm};
use vm_state::{ChangeSet, View};

use crate::chain::{Draft, entries};
use crate::frames;
use crate::ledger::Ledgers;
use crate::world::{self, World};

/// Executes the blocks that `data` describes; panics where an invariant breaks.
pub fn transactions(data: &[u8]) {
    let (mut world, mut u) = (World::new(), Unstructured::new(data));
    for _ in 0..3 {
        let Ok(draft) = world.draft(&mut u) else { return };
        execute(&mut world, &draft);
    }
}

fn execute(world: &mut World, draft: &Draft) {
    let before = world.chain.view();
    let Ok((block, outcome)) = world.chain.try_draft(draft) else {
        let after = world.chain.view();
        assert_eq!(after.header(), before.header(), "a block that is refused changes nothing");
        return;
    };
    world.look();
    traces_tell_all(&before, &*world.chain.view(), &block, &outcome);
    account(&before, &block, &outcome);
    let gas: u64 = outcome.transactions.iter().map(|executed| executed.receipt.gas_used).sum();
    assert_eq!(outcome.commit.header.gas_used, gas);
}

/// What a transaction did to balances, by their keys, and to the number of objects.
#[derive(Debug, Default, PartialEq, Eq)]
struct Moves {
    balances: BTreeMap<Key, i128>,
    objects: i128,
}

impl Moves {
    fn add(&mut self, key: Key, amount: i128) {
        *self.balances.entry(key).or_default() += amount;
    }

    fn told(effects: frames::Effects) -> Self {
        let mut moves =
            Self { objects: i128::from(effects.created) - i128::from(effects.deleted), ..Self::default() };
        for (who, amount) in effects.moved {
            moves.add(Key::account(&who), amount);
        }
        moves
    }

    /// What the transaction at `index` did, by the states that the block has without and with it as its last.
    fn seen(before: &Arc<dyn View>, block: &Block, index: usize) -> Self {
        let mut moves = Self::default();
        for (count, sign) in [(index, -1), (index + 1, 1)] {
            for (key, value) in changes(before, block, count).iter() {
                let old = before.get(key).unwrap();
                if key.space() == Some(KeySpace::Account) {
                    let balance = |value: Option<&[u8]>| value.map_or(0, balance);
                    moves.add(*key, sign * (balance(value.as_deref()) - balance(old.as_deref())));
                } else if key.space() == Some(KeySpace::Object) {
                    moves.objects += sign * (i128::from(value.is_some()) - i128::from(old.is_some()));
                }
            }
        }
        moves
    }
}

/// What the block with only its first `count` transactions changes.
fn changes(before: &Arc<dyn View>, block: &Block, count: usize) -> ChangeSet {
    static SHORTER: OnceLock<Vm> = OnceLock::new();
    let vm = SHORTER.get_or_init(|| Vm::new(Params::default()));
    let block = Block { transactions: block.transactions[..count].to_vec(), ..block.clone() };
    vm.execute_block(before, &block, Options::default()).unwrap().commit.changes
}

fn balance(account: &[u8]) -> i128 {
    i128::from(Account::from_entry(account).unwrap().balance)
}

/// Between the states, balances moved and objects came and went as the traces and the mints say.
fn traces_tell_all(before: &Arc<dyn View>, after: &dyn View, block: &Block, outcome: &BlockOutcome) {
    let mut all = Moves::default();
    for mint in &block.mints {
        all.add(Key::account(&mint.to), mint.amount.into());
    }
    let params = Params::default();
    for (index, (tx, executed)) in block.transactions.iter().zip(&outcome.transactions).enumerate() {
        let told = frames::check(tx, executed, block.context.proposer, params.gas());
        let moves = told.map_or_else(|| Moves::seen(before, block, index), Moves::told);
        all.objects += moves.objects;
        for (key, amount) in moves.balances {
            all.add(key, amount);
        }
    }
    let count = |view| i128::try_from(entries(view, KeySpace::Object).len()).unwrap();
    assert_eq!(count(after), count(&**before) + all.objects, "objects come and go by operations");
    let balances = |view: &dyn View| -> BTreeMap<Key, i128> {
        entries(view, KeySpace::Account).iter().map(|(key, value)| (*key, balance(value))).collect()
    };
    let (old, new) = (balances(&**before), balances(after));
    let at = |balances: &BTreeMap<Key, i128>, key| balances.get(key).copied().unwrap_or_default();
    for key in old.keys().chain(new.keys()).chain(all.balances.keys()) {
        let moved = at(&all.balances, key);
        assert_eq!(at(&new, key) - at(&old, key), moved, "a balance moves by a frame, a fee or a mint");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::Inputs;

    /// What stands in for a trace that was cut is what a whole one tells.
    #[test]
    fn the_states_around_a_transaction_show_what_its_trace_tells() {
        let (mut inputs, mut checked, mut moved) = (Inputs::new(17), 0, 0);
        for _ in 0..12 {
            let (mut world, bytes) = (World::new(), inputs.bytes(400));
            let draft = world.draft(&mut Unstructured::new(&bytes)).unwrap();
            let before = world.chain.view();
            let Ok((block, outcome)) = world.chain.try_draft(&draft) else { continue };
            for (index, (tx, executed)) in block.transactions.iter().zip(&outcome.transactions).enumerate() {
                let gas = Params::default();
                let told = frames::check(tx, executed, block.context.proposer, gas.gas());
                let (mut told, mut seen) = (Moves::told(told.unwrap()), Moves::seen(&before, &block, index));
                // What moves there and back is no difference of states.
                told.balances.retain(|_, amount| *amount != 0);
                seen.balances.retain(|_, amount| *amount != 0);
                assert_eq!(seen, told);
                checked += 1;
                moved += u32::from(told.objects != 0) + u32::from(!told.balances.is_empty());
            }
        }
        assert!(checked > 12 && moved > 12, "{checked} transactions, {moved} with an effect");
    }
}
