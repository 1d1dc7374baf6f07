//! The block of a height: a function of the seed, the height and the parent's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::{Result as Choice, Unstructured};
use vm_core::{Address, Block, BlockContext, Mint, Transaction};
use vm_host::{BlockError, BlockOutcome, Options, TraceLevel, Vm};
use vm_state::{ChangeSet, StateReader, View};

use super::churn::Churn;
use super::stop::Stop;
use crate::campaign::Inputs;
use crate::chain::{Run, alice, bob};
use crate::generator::Generator;

/// What the longest block's choices take.
const CHOICE_BYTES: usize = 16 << 10;
/// Transactions of a crowded block, and how many blocks there are to one.
const CROWD: u8 = 40;
const BLOCKS_A_CROWD: u8 = 32;

/// Makes the blocks of a soak.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    seed: u64,
    /// So many live objects are aimed at.
    aim: usize,
    generator: Generator,
}

/// A block and what came of it on the state it was made for.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) block: Block,
    pub(super) outcome: BlockOutcome,
}

impl Blocks {
    /// Those of the seed `seed`, on the state `view`.
    pub(super) fn new(seed: u64, aim: usize, view: &dyn View) -> Self {
        let mut generator = Generator::of_fixtures();
        generator.look(view);
        Self { seed, aim, generator }
    }

    /// The same on another state.
    pub(super) fn at(&self, view: &dyn View) -> Self {
        let mut other = self.clone();
        other.generator.look(view);
        other
    }

    /// Goes on to the state after `changes`.
    pub(super) fn learn(&mut self, changes: &ChangeSet) {
        self.generator.learn(changes);
    }

    /// How many objects there are.
    pub(super) fn object_count(&self) -> usize {
        self.generator.objects().len()
    }

    /// The block after `view`, the state that this was made for or has gone on to, executed by `vm`.
    ///
    /// A block that is refused as a whole loses its last transaction until it is not.
    pub(super) fn execute(&self, vm: &Vm, view: &Arc<dyn View>, trace: TraceLevel) -> Result<Executed, Stop> {
        let height = view.header().height + 1;
        let mut block = self.block(vm, &**view)?;
        loop {
            match vm.execute_block(view, &block, Options { trace }) {
                Ok(outcome) => return Ok(Executed { block, outcome }),
                Err(BlockError::Invalid(_)) if block.transactions.pop().is_some() => (),
                Err(error) => return Err(Stop::failed(height, "execute a block")(error)),
            }
        }
    }

    fn block(&self, vm: &Vm, view: &dyn View) -> Result<Block, Stop> {
        let height = view.header().height + 1;
        let bytes = choices(self.seed, height);
        let mut u = Unstructured::new(&bytes);
        // The choices run out into their first alternatives; they do not fail.
        let runs = self.runs(&mut u).unwrap();
        let mut nonces: BTreeMap<Address, u64> = BTreeMap::new();
        for sender in [alice(), bob()] {
            let account = StateReader::new(view).account(&sender);
            let account = account.map_err(Stop::failed(height, "read an account"))?;
            nonces.insert(sender, account.nonce);
        }
        let mut transactions = vec![];
        for Run { sender, gas_limit, payload } in runs {
            let nonce = nonces.entry(sender).or_default();
            let transaction = Transaction { sender, nonce: *nonce, gas_limit, gas_price: 1, payload };
            // One that no block may hold is left out.
            if vm.check_envelope(&transaction).is_ok() {
                *nonce += 1;
                transactions.push(transaction);
            }
        }
        let time = i64::try_from(height).unwrap() * 1_000;
        let context = BlockContext { height, time, proposer: Address::named("proposer") };
        let mints =
            if u.ratio(1, 16).unwrap() { vec![Mint { to: alice(), amount: 1_000_000 }] } else { vec![] };
        Ok(Block { context, mints, transactions })
    }

    fn runs(&self, u: &mut Unstructured<'_>) -> Choice<Vec<Run>> {
        let churn = Churn::of(&self.generator, self.aim).unwrap();
        let (arbitrary, made) = match u.int_in_range(1..=BLOCKS_A_CROWD)? {
            1 => (0, CROWD),
            _ if churn.is_sparse() => (1, CROWD),
            2 => (0, 0),
            _ => (u.int_in_range(0..=3)?, u.int_in_range(1..=6)?),
        };
        let mut runs = vec![];
        for _ in 0..arbitrary {
            runs.push(self.generator.run(u)?);
        }
        runs.retain(|run| !churn.is_too_much(run));
        for _ in 0..made {
            runs.push(churn.run(u)?);
        }
        Ok(runs)
    }
}

/// The bytes that all choices of a block are made from.
fn choices(seed: u64, height: u64) -> Vec<u8> {
    let mixed = blake3::hash(&[seed.to_le_bytes(), height.to_le_bytes()].concat());
    let mut inputs = Inputs::new(u64::from_le_bytes(*mixed.as_bytes().first_chunk().unwrap()));
    (0..CHOICE_BYTES / 8).flat_map(|_| inputs.number().to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::Not;

    use vm_core::Params;
    use vm_state::{MemoryStore, Store};

    use super::*;
    use crate::world::World;

    /// A chain of its own on the world's state, by way of a snapshot.
    fn store() -> MemoryStore {
        let directory = tempfile::tempdir().unwrap();
        let view = World::new().chain.view();
        super::super::restore::in_memory(&*view, &directory.path().join("first"), Default::default()).unwrap()
    }

    #[test]
    fn blocks_are_a_function_of_seed_and_state_however_that_was_learned() {
        let (mut store, vm) = (store(), Vm::new(Params::default()));
        let mut blocks = Blocks::new(1, 100, &*store.view().unwrap());
        for _ in 0..12 {
            let view = store.view().unwrap();
            let made = blocks.execute(&vm, &view, TraceLevel::Off).unwrap();
            let again = Blocks::new(1, 100, &*view).execute(&vm, &view, TraceLevel::Off).unwrap();
            assert_eq!(again.block, made.block);
            let other = Blocks::new(2, 100, &*view).execute(&vm, &view, TraceLevel::Off).unwrap();
            assert_ne!(other.block, made.block);
            store.commit(&made.outcome.commit).unwrap();
            blocks.learn(&made.outcome.commit.changes);
        }
    }

    #[test]
    fn most_transactions_succeed_and_objects_come_and_go_around_the_aim() {
        let (mut store, vm) = (store(), Vm::new(Params::default()));
        let mut blocks = Blocks::new(3, 200, &*store.view().unwrap());
        let (mut transactions, mut succeeded, mut counts) = (0, 0, vec![]);
        for _ in 0..160 {
            let view = store.view().unwrap();
            let Executed { block, outcome } = blocks.execute(&vm, &view, TraceLevel::Off).unwrap();
            transactions += block.transactions.len();
            succeeded += outcome.commit.receipts.iter().filter(|receipt| receipt.status.is_success()).count();
            store.commit(&outcome.commit).unwrap();
            blocks.learn(&outcome.commit.changes);
            counts.push(blocks.object_count());
        }
        assert!(succeeded * 10 > transactions * 7, "{succeeded} of {transactions}");
        let late = &counts[100..];
        assert!(late.iter().all(|count| (100..400).contains(count)), "{counts:?}");
        assert!(late.is_sorted_by(|a, b| a <= b).not(), "some were deleted: {counts:?}");
    }
}
