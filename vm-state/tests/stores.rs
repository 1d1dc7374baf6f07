//! One suite for every back end (R84): the same blocks give the same results, errors and roots as a plain map does.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, reason = "clippy takes helpers of integration tests for no tests")]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::collection::{btree_map, vec as vec_of};
use proptest::prelude::*;
use proptest::sample::select;
use vm_core::{
    Address, Event, Hash, Header, Key, ObjectId, Params, Receipt, Stamp, Status, VM_VERSION, value_hash,
};
use vm_state::{
    BlockCommit, ChangeSet, CommitError, Genesis, MemoryStore, NodeFailure, RedbStore, Store, Trie, Value,
    View,
};

type Model = BTreeMap<Key, Value>;

/// Keys of every space, several of them under one prefix.
fn pool() -> Vec<Key> {
    let byte = |b: u8| [b; 32];
    let mut keys = vec![Key::system()];
    for b in [0, 1, 0x80, 0xff] {
        let (address, object) = (Address(byte(b)), ObjectId(byte(b)));
        keys.extend([
            Key::account(&address),
            Key::contract(&address),
            Key::code(&Hash(byte(b))),
            Key::object(&object),
        ]);
        keys.extend([b"a".as_slice(), b"b"].map(|name| Key::field(&object, name)));
        for (height, index) in [(1, 0), (1, 1), (256, 0)] {
            keys.push(Key::owned(&address, &Address(byte(1)), Stamp { height, transaction: 0, index }));
        }
    }
    keys.sort();
    keys
}

/// Every key as a prefix of itself, and the prefixes that execution walks; some have no entries.
fn prefixes() -> Vec<Key> {
    let mut prefixes = pool();
    for b in [0, 1, 2, 0x80, 0xff] {
        prefixes.push(Key::fields_prefix(&ObjectId([b; 32])));
        for owner in [1, 2] {
            prefixes.push(Key::owned_prefix(&Address([b; 32]), &Address([owner; 32])));
        }
    }
    prefixes
}

fn genesis() -> Genesis {
    let balances = [(Address([1; 32]), 5), (Address([0; 32]), 7), (Address([9; 32]), 0)];
    Genesis::new(&Params::default(), 1_000, &balances).unwrap()
}

/// A block on `view` that changes this.
fn block(view: &dyn View, changes: ChangeSet, receipts: Vec<Receipt>) -> BlockCommit {
    let hashes: Vec<_> =
        changes.iter().map(|(key, value)| (*key, value.as_ref().map(|value| value_hash(value)))).collect();
    let trie = view.trie().update(&hashes).unwrap();
    let parent = view.header();
    let header = Header {
        parent: parent.hash(),
        height: parent.height + 1,
        time: parent.time + 1,
        proposer: Address([3; 32]),
        vm_version: VM_VERSION,
        params: parent.params,
        transactions_root: Hash([4; 32]),
        state_root: trie.root(),
        receipts_root: vm_state::index_root(receipts.iter().map(Receipt::hash)),
        gas_used: receipts.iter().map(|receipt| receipt.gas_used).sum(),
    };
    BlockCommit { header, changes, trie, receipts }
}

fn receipt(gas_used: u64) -> Receipt {
    let event = Event { contract: Address([5; 32]), name: "e".into(), data: vec![1; 3] };
    Receipt { status: Status::Success, output: vec![2], gas_used, gas_refunded: 1, events: vec![event] }
}

/// The root straight from the entries.
fn root_of(model: &Model) -> Hash {
    Trie::from_sorted(model.iter().map(|(key, value)| (key, value_hash(value)))).unwrap().root()
}

/// Asserts that `view` shows exactly `model`: root, every key, every walk from every boundary.
fn assert_shows(view: &dyn View, model: &Model) {
    assert_eq!(view.trie().root(), root_of(model));
    assert_eq!(view.header().state_root, view.trie().root());
    for key in pool() {
        assert_eq!(view.get(&key).unwrap().as_ref(), model.get(&key), "{key:?}");
        assert_eq!(view.trie().get(key.as_bytes()).unwrap(), model.get(&key).map(|value| value_hash(value)));
    }
    let prefixes = prefixes();
    for prefix in &prefixes {
        for from in &prefixes {
            let below = |key: &Key| key.as_bytes().starts_with(prefix.as_bytes()) && key >= from;
            let expected = model.iter().find(|(key, _)| below(key)).map(|(key, value)| (*key, value.clone()));
            assert_eq!(view.next(prefix, from).unwrap(), expected, "prefix {prefix:?} from {from:?}");
        }
    }
}

/// The back ends side by side, with the model.
struct Stores {
    memory: MemoryStore,
    redb: Option<RedbStore>,
    model: Model,
    blocks: Vec<BlockCommit>,
    directory: tempfile::TempDir,
}

impl Stores {
    fn new() -> Self {
        let genesis = genesis();
        let directory = tempfile::tempdir().unwrap();
        let model = genesis.changes().iter().map(|(key, value)| (*key, value.clone().unwrap())).collect();
        let memory = MemoryStore::new(&genesis);
        let redb = RedbStore::create(directory.path().join("state"), &genesis).unwrap();
        let stores = Self { memory, redb: Some(redb), model, blocks: Vec::new(), directory };
        stores.assert_agree();
        stores
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn each(&mut self) -> [&mut dyn Store; 2] {
        [&mut self.memory, self.redb.as_mut().unwrap()]
    }

    fn reopen(&mut self) {
        let params = self.memory.header().params;
        drop(self.redb.take());
        self.redb = Some(RedbStore::open(self.path(), &params).unwrap());
    }

    fn commit(&mut self, changes: ChangeSet, receipts: Vec<Receipt>) {
        for (key, value) in &changes {
            match value {
                Some(value) => self.model.insert(*key, value.clone()),
                None => self.model.remove(key),
            };
        }
        let made = block(&*self.memory.view().unwrap(), changes.clone(), receipts.clone());
        let same = block(&*self.redb.as_ref().unwrap().view().unwrap(), changes, receipts);
        assert_eq!(made.header, same.header);
        for store in self.each() {
            store.commit(&made).unwrap();
        }
        self.blocks.push(made);
    }

    /// Asserts that both refuse `block` alike and are as before.
    fn assert_refused(&mut self, block: &BlockCommit, expected: &CommitError) {
        for store in self.each() {
            assert_eq!(store.commit(block).as_ref(), Err(expected));
        }
        self.assert_agree();
    }

    fn assert_agree(&self) {
        let height = u64::try_from(self.blocks.len()).unwrap();
        let stores: [&dyn Store; 2] = [&self.memory, self.redb.as_ref().unwrap()];
        for store in stores {
            assert_shows(&*store.view().unwrap(), &self.model);
            assert_eq!(store.view().unwrap().header(), store.header());
            assert_eq!(store.header_at(0).unwrap().as_ref(), Some(genesis().header()));
            assert_eq!(store.receipts(0).unwrap(), Some(Vec::new()));
            for (at, block) in (1..).zip(&self.blocks) {
                assert_eq!(store.header_at(at).unwrap().as_ref(), Some(&block.header));
                assert_eq!(store.receipts(at).unwrap().as_ref(), Some(&block.receipts));
            }
            for past in [height + 1, u64::MAX] {
                assert_eq!(store.header_at(past).unwrap(), None);
                assert_eq!(store.receipts(past).unwrap(), None);
            }
        }
        assert_eq!(self.memory.header(), self.redb.as_ref().unwrap().header());
    }
}

/// One block's changes: keys of the pool, values of many lengths.
fn changes() -> impl Strategy<Value = ChangeSet> {
    let value = proptest::option::of((any::<u8>(), prop_oneof![0..4usize, 40..60usize, 3_000..10_000usize]));
    btree_map(select(pool()), value, 0..14).prop_map(|picked| {
        let made = |(byte, len)| Value::from_elem(byte, len);
        picked.into_iter().map(|(key, value)| (key, value.map(made))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn r84_memory_and_redb_agree(
        blocks in vec_of((changes(), vec_of(0..1_000u64, 0..3), any::<bool>()), 1..7),
    ) {
        let mut stores = Stores::new();
        for (changes, gas, reopens) in blocks {
            stores.commit(changes, gas.into_iter().map(receipt).collect());
            if reopens {
                stores.reopen();
            }
            stores.assert_agree();
        }
    }

    #[test]
    fn r83_views_stay_as_they_were_while_blocks_commit(blocks in vec_of(changes(), 1..7)) {
        let mut stores = Stores::new();
        let mut held: Vec<(Arc<dyn View>, Model, Header)> = Vec::new();
        for changes in blocks {
            let (model, header) = (stores.model.clone(), stores.memory.header().clone());
            for store in stores.each() {
                held.push((store.view().unwrap(), model.clone(), header.clone()));
            }
            stores.commit(changes, Vec::new());
        }
        for (view, model, header) in &held {
            assert_shows(&**view, model);
            assert_eq!(view.header(), header);
        }
        drop(stores);
        for (view, model, _) in &held {
            assert_shows(&**view, model);
        }
    }
}

#[test]
fn r84_blocks_that_do_not_fit_are_refused_alike_and_change_nothing() {
    let mut stores = Stores::new();
    let put = |key: Key| (key, Some(Value::from_slice(b"value")));
    let first = block(&*stores.memory.view().unwrap(), vec![put(Key::contract(&Address::ZERO))], vec![]);
    stores.commit(first.changes.clone(), Vec::new());
    let head = stores.memory.header().clone();
    let view = stores.memory.view().unwrap();

    let twice = CommitError::NotOnHead { expected: head.hash(), found: head.parent };
    stores.assert_refused(&first, &twice);

    let good = block(&*view, vec![put(Key::contract(&Address([1; 32])))], vec![receipt(1)]);
    let mut gap = good.clone();
    for height in [head.height, head.height + 2, u64::MAX] {
        gap.header.height = height;
        stores.assert_refused(&gap, &CommitError::HeightGap { expected: head.height + 1, found: height });
    }
    let mut wrong_root = good.clone();
    wrong_root.header.state_root = Hash([1; 32]);
    let expected = CommitError::RootMismatch { expected: Hash([1; 32]), found: good.trie.root() };
    stores.assert_refused(&wrong_root, &expected);

    let (a, b) = (put(Key::contract(&Address([2; 32]))), put(Key::contract(&Address([3; 32]))));
    for changes in [vec![b.clone(), a.clone()], vec![a.clone(), a.clone()]] {
        let bad = BlockCommit { changes, ..good.clone() };
        let failure = NodeFailure::Invariant("a change set names each key once, ascending");
        stores.assert_refused(&bad, &failure.into());
    }
    let part = BlockCommit { changes: vec![put(Key::fields_prefix(&ObjectId::ZERO))], ..good.clone() };
    stores.assert_refused(&part, &NodeFailure::Invariant("a change set names whole keys").into());

    // A refusal is no failed write: the good block still fits.
    drop(view);
    stores.commit(good.changes.clone(), good.receipts.clone());
    stores.assert_agree();
    stores.reopen();
    stores.assert_agree();
}

#[test]
fn r100_of_several_candidates_on_one_parent_one_is_committed() {
    let mut stores = Stores::new();
    let view = stores.redb.as_ref().unwrap().view().unwrap();
    let put = |byte: u8| vec![(Key::contract(&Address::ZERO), Some(Value::from_elem(byte, 3)))];
    let other = block(&*view, put(1), Vec::new());
    stores.commit(put(2), vec![receipt(1)]);
    let (expected, found) = (stores.memory.header().hash(), other.header.parent);
    stores.assert_refused(&other, &CommitError::NotOnHead { expected, found });
}

#[test]
fn r84_a_state_can_be_emptied_and_filled_again() {
    let mut stores = Stores::new();
    let before = stores.model.clone();
    stores.commit(before.keys().map(|key| (*key, None)).collect(), Vec::new());
    assert_eq!(stores.memory.header().state_root, Hash::ZERO);
    stores.assert_agree();
    stores.reopen();
    stores.commit(before.into_iter().map(|(key, value)| (key, Some(value))).collect(), Vec::new());
    stores.assert_agree();
    assert_eq!(stores.memory.header().state_root, genesis().header().state_root);
}
