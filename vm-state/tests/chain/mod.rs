//! A chain that its steps tell: blocks, rollbacks and prunings that give the same on every store, and what a store
//! shows of it. Who knows the steps knows what must be found after a crash: the memory store goes along as the model.
//!
//! Invariants:
//! - a step depends on its own description and on the store's state, on nothing else;
//! - objects are written through `Journal` alone, so that their index has a meaning that can be checked.
//!
//! The tests inside the crate use this file too.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use vm_core::commitment::index_root;
use vm_core::{
    Address, Event, Hash, Header, Key, KeySpace, ObjectId, ObjectMeta, OwnedObject, Params, Policy, Receipt,
    Stamp, Status, System, VM_VERSION, value_hash,
};
use vm_state::{
    BlockCommit, CommitError, Genesis, Journal, NodeFailure, Retention, RollbackError, StateReader, Store,
    StoreOptions, TrieBuilder, Value, View, next_trie,
};

/// How many states below the head the stores keep: few, so that undo rows are forgotten as well.
const STATES: u32 = 3;
const CONTRACT: Address = Address([0xc0; 32]);
const OWNERS: [Address; 3] = [Address([1; 32]), Address([2; 32]), Address([3; 32])];

/// The options of every store of the chain.
pub(crate) fn options() -> StoreOptions {
    StoreOptions { retention: Retention { states: STATES }, ..StoreOptions::default() }
}

pub(crate) fn genesis() -> Genesis {
    Genesis::new(&Params::default(), 1_000, &[(OWNERS[0], 5)]).unwrap()
}

pub(crate) fn params() -> Hash {
    Params::default().hash()
}

/// Numbers that follow from a seed.
pub(crate) struct Dice(blake3::OutputReader);

impl Dice {
    pub(crate) fn of(seed: &[u64]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for number in seed {
            hasher.update(&number.to_le_bytes());
        }
        Self(hasher.finalize_xof())
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        usize::try_from(u32::from_le_bytes(bytes)).unwrap() % end
    }

    /// Fewer than `end` bytes.
    fn bytes(&mut self, end: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.below(end)];
        self.0.fill(&mut bytes);
        bytes
    }

    fn hash(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill(&mut bytes);
        bytes
    }
}

/// What is done to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A block that creates so many objects, and changes, moves or deletes what each owner has owned longest.
    Block { seed: u64, objects: usize },
    /// Back by so many blocks, as far as states are retained.
    Rollback { blocks: u64 },
    /// Forgets all but so many of the last blocks.
    Prune { keep: u64 },
}

impl Step {
    /// The step with this number of an endless chain.
    pub(crate) fn of_chain(seed: u64, number: u64) -> Self {
        let mut dice = Dice::of(&[seed, number]);
        match dice.below(12) {
            0 => Self::Rollback { blocks: 1 + u64::try_from(dice.below(3)).unwrap() },
            1 => Self::Prune { keep: u64::try_from(dice.below(6)).unwrap() },
            2 => Self::Block { seed: seed ^ number, objects: 12 },
            _ => Self::Block { seed: seed ^ number, objects: dice.below(3) },
        }
    }

    /// Takes the step, which fits every store.
    ///
    /// # Errors
    ///
    /// The store's failure.
    pub(crate) fn take(self, store: &mut dyn Store) -> Result<(), NodeFailure> {
        let head = store.header().height;
        match self {
            Self::Block { seed, objects } => match store.commit(&block(&store.view()?, seed, objects)) {
                Err(CommitError::Failure(failure)) => return Err(failure),
                committed => committed.unwrap(),
            },
            Self::Rollback { blocks } => {
                match store.rollback(head.saturating_sub(blocks).max(store.oldest())) {
                    Err(RollbackError::Failure(failure)) => return Err(failure),
                    undone => undone.unwrap(),
                }
            }
            Self::Prune { keep } => store.prune((head + 1).saturating_sub(keep))?,
        }
        Ok(())
    }
}

fn block(view: &Arc<dyn View>, seed: u64, objects: usize) -> BlockCommit {
    let parent = view.header();
    let height = parent.height + 1;
    let mut dice = Dice::of(&[seed, height]);
    let mut journal = Journal::new(Arc::clone(view));
    let mut index = 0;
    let mut stamp = || {
        index += 1;
        Stamp { height, transaction: 0, index }
    };
    for owner in &OWNERS {
        let Some((_, owned)) = journal.first_object_of(&CONTRACT, owner).unwrap() else { continue };
        let meta = journal.object(&owned.object).unwrap().unwrap();
        let field = |name: &[u8]| Key::field(&owned.object, name);
        match dice.below(3) {
            0 => {
                journal.set(&field(b"short"), None).unwrap();
                journal.set(&field(b"long"), None).unwrap();
                journal.delete_object(&owned.object, &meta).unwrap();
            }
            1 => journal.set_owner(&owned.object, meta, OWNERS[dice.below(3)], stamp()).unwrap(),
            // A value that grows or shrinks moves between the tables.
            _ => journal.set(&field(b"long"), Some(Value::from_vec(dice.bytes(200)))).unwrap(),
        }
    }
    for _ in 0..objects {
        let (object, owner, stamp) = (ObjectId(dice.hash()), OWNERS[dice.below(3)], stamp());
        let meta = ObjectMeta { contract: CONTRACT, owner, policy: Policy::Contract, stamp };
        journal.create_object(&object, meta).unwrap();
        journal.set(&Key::field(&object, b"short"), Some(Value::from_vec(dice.bytes(64)))).unwrap();
        let long = if dice.below(4) == 0 { 9_000 } else { 300 };
        journal.set(&Key::field(&object, b"long"), Some(Value::from_vec(dice.bytes(long)))).unwrap();
    }
    let system = System {
        height,
        time: parent.time + 1,
        vm_version: VM_VERSION,
        params: parent.params,
        supply: StateReader::new(&**view).system().unwrap().supply,
    };
    journal.set_system(system).unwrap();
    let receipts: Vec<_> = (0..dice.below(3)).map(|_| receipt(&mut dice)).collect();
    let changes = journal.changes();
    let trie = next_trie(&**view, &changes).unwrap();
    let header = Header {
        parent: parent.hash(),
        height,
        time: system.time,
        proposer: OWNERS[0],
        vm_version: VM_VERSION,
        params: parent.params,
        transactions_root: Hash(dice.hash()),
        state_root: trie.root(),
        receipts_root: index_root(receipts.iter().map(Receipt::hash)),
        gas_used: receipts.iter().map(|receipt| receipt.gas_used).sum(),
    };
    BlockCommit { header, changes, trie, receipts }
}

fn receipt(dice: &mut Dice) -> Receipt {
    let event = Event { contract: CONTRACT, name: "e".into(), data: dice.bytes(400) };
    let gas_used = u64::try_from(dice.below(1_000)).unwrap();
    Receipt {
        status: Status::Success,
        output: dice.bytes(100),
        gas_used,
        gas_refunded: 0,
        events: vec![event],
    }
}

/// All that a store shows: two stores that show the same hold the same chain.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) header: Header,
    oldest: u64,
    /// Header and receipts of every height, to one past the head.
    blocks: Vec<(Option<Header>, Option<Vec<Receipt>>)>,
    /// The header and all entries of every retained height.
    states: BTreeMap<u64, (Header, Vec<(Key, Value)>)>,
}

impl Shown {
    pub(crate) fn by(store: &dyn Store) -> Self {
        let header = store.header().clone();
        let heights = 0..=header.height + 1;
        let blocks = heights.clone().map(|at| (store.header_at(at).unwrap(), store.receipts(at).unwrap()));
        let states = heights.clone().filter_map(|at| {
            let view = store.view_at(at).unwrap()?;
            assert_eq!(view.trie().root(), view.header().state_root);
            Some((at, (view.header().clone(), entries(&*view))))
        });
        Self { oldest: store.oldest(), blocks: blocks.collect(), states: states.collect(), header }
    }

    /// Asserts of every state that its entries have the header's root, and that its owner index is its metadata.
    pub(crate) fn assert_sound(&self) {
        assert_eq!(self.states.get(&self.header.height).map(|(header, _)| header), Some(&self.header));
        for (header, entries) in self.states.values() {
            let mut builder = TrieBuilder::new();
            let (mut indexed, mut owned) = (BTreeSet::new(), BTreeSet::new());
            for (key, value) in entries {
                builder.push(key, value).unwrap();
                if key.space() == Some(KeySpace::Object) {
                    let meta = ObjectMeta::from_entry(value).unwrap();
                    owned.insert((Key::owned(&meta.contract, &meta.owner, meta.stamp), *key));
                } else if key.space() == Some(KeySpace::Owned) {
                    indexed.insert((*key, Key::object(&OwnedObject::from_entry(value).unwrap().object)));
                }
            }
            assert_eq!(builder.finish().root(), header.state_root);
            assert_eq!(indexed, owned, "the owner index is the metadata");
        }
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept: Vec<_> =
            self.blocks.iter().map(|(header, receipts)| (header.is_some(), receipts)).collect();
        let states = self.states.iter().map(|(height, (header, entries))| {
            let bytes: Vec<u8> =
                entries.iter().flat_map(|(key, value)| [key.as_bytes(), value].concat()).collect();
            std::format!(
                "{height}: {} entries of hash {}, root {}",
                entries.len(),
                value_hash(&bytes),
                header.state_root
            )
        });
        f.debug_struct("Shown")
            .field("height", &self.header.height)
            .field("head", &self.header.hash())
            .field("oldest", &self.oldest)
            .field("blocks", &value_hash(std::format!("{kept:?}").as_bytes()))
            .field("states", &states.collect::<Vec<_>>())
            .finish()
    }
}

fn entries(view: &dyn View) -> Vec<(Key, Value)> {
    let mut entries = Vec::new();
    let mut from = Some(Key::EMPTY);
    while let Some((key, value)) = from.and_then(|from| view.next(&Key::EMPTY, &from).unwrap()) {
        from = key.successor();
        entries.push((key, value));
    }
    entries
}
