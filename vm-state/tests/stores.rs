//! One suite for every back end (R84): the same blocks give the same results, errors and roots as a plain map does.
#![cfg(feature = "redb")]
#![allow(clippy::unwrap_used, reason = "clippy takes helpers of integration tests for no tests")]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]
#![allow(clippy::as_conversions, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::collection::{btree_map, vec as vec_of};
use proptest::prelude::*;
use proptest::sample::select;
use vm_core::commitment::index_root;
use vm_core::{Address, Event, Hash, Header, Key, ObjectId, Params, Receipt, Stamp, Status, VM_VERSION};
use vm_state::{
    BlockCommit, ChangeSet, CommitError, Genesis, MemoryStore, NodeFailure, ProofRequest, RedbStore,
    Retention, RollbackError, Store, StoreOptions, TrieBuilder, Value, View, next_trie, prove, verify,
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
    let trie = next_trie(view, &changes).unwrap();
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
        receipts_root: index_root(receipts.iter().map(Receipt::hash)),
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
    let mut builder = TrieBuilder::new();
    for (key, value) in model {
        builder.push(key, value).unwrap();
    }
    builder.finish().root()
}

/// Asserts that `view` shows exactly `model`: root, every key, every walk from every boundary, a proof of everything.
fn assert_shows(view: &dyn View, model: &Model) {
    assert_eq!(view.trie().root(), root_of(model));
    assert_eq!(view.header().state_root, view.trie().root());
    let mut request = ProofRequest::new();
    for key in pool() {
        assert_eq!(view.get(&key).unwrap().as_ref(), model.get(&key), "{key:?}");
        request.key(key);
    }
    let prefixes = prefixes();
    for prefix in &prefixes {
        for from in &prefixes {
            let below = |key: &Key| key.as_bytes().starts_with(prefix.as_bytes()) && key >= from;
            let expected = model.iter().find(|(key, _)| below(key)).map(|(key, value)| (*key, value.clone()));
            assert_eq!(view.next(prefix, from).unwrap(), expected, "prefix {prefix:?} from {from:?}");
        }
    }
    let shown = verify(&view.trie().root(), &request, &prove(view, &request).unwrap()).unwrap();
    for key in pool() {
        assert_eq!(shown.get(&key).unwrap(), model.get(&key), "{key:?}");
    }
}

/// A block that was committed, and the state after it.
struct Made {
    header: Header,
    receipts: Vec<Receipt>,
    model: Model,
}

/// How many states below the head both stores keep.
const STATES: u32 = 3;

fn options() -> StoreOptions {
    StoreOptions { retention: Retention { states: STATES }, ..StoreOptions::default() }
}

/// The back ends side by side, with the model.
struct Stores {
    memory: MemoryStore,
    redb: Option<RedbStore>,
    /// By height, what there is of the chain; the last is the head.
    chain: Vec<Made>,
    /// The lowest height whose state, and the one whose header and receipts, must still be there.
    oldest: usize,
    kept: usize,
    directory: tempfile::TempDir,
}

impl Stores {
    fn new() -> Self {
        let genesis = genesis();
        let directory = tempfile::tempdir().unwrap();
        let model = genesis.changes().iter().map(|(key, value)| (*key, value.clone().unwrap())).collect();
        let memory = MemoryStore::with(&genesis, options().retention);
        let redb = RedbStore::create_with(directory.path().join("state"), &genesis, options()).unwrap();
        let chain = vec![Made { header: genesis.header().clone(), receipts: Vec::new(), model }];
        let stores = Self { memory, redb: Some(redb), chain, oldest: 0, kept: 0, directory };
        stores.assert_agree();
        stores
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn each(&mut self) -> [&mut dyn Store; 2] {
        [&mut self.memory, self.redb.as_mut().unwrap()]
    }

    fn head(&self) -> &Made {
        self.chain.last().unwrap()
    }

    fn height(&self) -> usize {
        self.chain.len() - 1
    }

    fn reopen(&mut self) {
        let params = self.memory.header().params;
        drop(self.redb.take());
        self.redb = Some(RedbStore::open_with(self.path(), &params, options()).unwrap());
    }

    fn commit(&mut self, changes: ChangeSet, receipts: Vec<Receipt>) {
        let mut model = self.head().model.clone();
        for (key, value) in &changes {
            match value {
                Some(value) => model.insert(*key, value.clone()),
                None => model.remove(key),
            };
        }
        let mut headers = Vec::new();
        for store in self.each() {
            let made = block(&*store.view().unwrap(), changes.clone(), receipts.clone());
            store.commit(&made).unwrap();
            headers.push(made.header);
        }
        assert_eq!(headers[0], headers[1]);
        self.chain.push(Made { header: headers.swap_remove(0), receipts, model });
        self.oldest = self.oldest.max(self.height().saturating_sub(STATES as usize));
    }

    fn rollback(&mut self, height: usize) {
        let expected = if (self.oldest..=self.height()).contains(&height) {
            Ok(())
        } else {
            let of = |height: usize| u64::try_from(height).unwrap();
            let (oldest, head, found) = (of(self.oldest), of(self.height()), of(height));
            Err(RollbackError::NotRetained { oldest, head, found })
        };
        for store in self.each() {
            assert_eq!(store.rollback(u64::try_from(height).unwrap()), expected);
        }
        if expected.is_ok() {
            self.chain.truncate(height + 1);
        }
    }

    fn prune(&mut self, below: usize) {
        for store in self.each() {
            store.prune(u64::try_from(below).unwrap()).unwrap();
        }
        let below = below.min(self.height());
        (self.oldest, self.kept) = (self.oldest.max(below), self.kept.max(below));
    }

    /// Asserts that both refuse what `spoil` makes of a block on their view, alike, and are as before.
    fn assert_refused(&mut self, expected: &CommitError, spoil: impl Fn(&dyn View) -> BlockCommit) {
        for store in self.each() {
            let block = spoil(&*store.view().unwrap());
            assert_eq!(store.commit(&block).as_ref(), Err(expected));
        }
        self.assert_agree();
    }

    fn assert_agree(&self) {
        let stores: [&dyn Store; 2] = [&self.memory, self.redb.as_ref().unwrap()];
        for store in stores {
            assert_eq!(store.header(), &self.head().header);
            assert_eq!(store.view().unwrap().header(), store.header());
            assert_eq!(usize::try_from(store.oldest()).unwrap(), self.oldest);
            for (height, made) in self.chain.iter().enumerate() {
                let at = u64::try_from(height).unwrap();
                let view = store.view_at(at).unwrap();
                assert_eq!(view.is_some(), height >= self.oldest, "height {height}");
                if let Some(view) = view {
                    assert_eq!(view.header(), &made.header);
                    assert_shows(&*view, &made.model);
                }
                let kept = height >= self.kept;
                assert_eq!(store.header_at(at).unwrap().as_ref(), kept.then_some(&made.header));
                assert_eq!(store.receipts(at).unwrap().as_ref(), kept.then_some(&made.receipts));
            }
            for past in [u64::try_from(self.chain.len()).unwrap(), u64::MAX] {
                assert_eq!(store.header_at(past).unwrap(), None);
                assert_eq!(store.receipts(past).unwrap(), None);
                assert!(store.view_at(past).unwrap().is_none());
            }
        }
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

/// What is done to both stores.
#[derive(Clone, Debug)]
enum Step {
    Commit(ChangeSet, Vec<u64>),
    /// Back by so many blocks, which may be more than are kept.
    Rollback(usize),
    /// All but so many of the last blocks.
    Prune(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (changes(), vec_of(0..1_000u64, 0..3)).prop_map(|(changes, gas)| Step::Commit(changes, gas)),
        2 => (0..6usize).prop_map(Step::Rollback),
        1 => (0..6usize).prop_map(Step::Prune),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn r84_r83_memory_and_redb_agree(steps in vec_of(step(), 1..14)) {
        let mut stores = Stores::new();
        for step in steps {
            match step {
                Step::Commit(changes, gas) => stores.commit(changes, gas.into_iter().map(receipt).collect()),
                Step::Rollback(back) => {
                    // Also to heights that are not there: above the head.
                    let height = stores.height().checked_sub(back).unwrap_or(stores.height() + back);
                    stores.rollback(height);
                }
                Step::Prune(last) => stores.prune((stores.height() + 1).saturating_sub(last)),
                Step::Reopen => stores.reopen(),
            }
            stores.assert_agree();
        }
        stores.reopen();
        stores.assert_agree();
    }

    #[test]
    fn r83_views_stay_as_they_were_while_blocks_commit_and_are_undone(
        blocks in vec_of((changes(), 0..3usize), 1..7),
    ) {
        let mut stores = Stores::new();
        let mut held: Vec<(Arc<dyn View>, Model, Header)> = Vec::new();
        for (changes, back) in blocks {
            let (model, header) = (stores.head().model.clone(), stores.head().header.clone());
            for store in stores.each() {
                let at_head = store.view_at(header.height).unwrap().unwrap();
                held.push((at_head, model.clone(), header.clone()));
                if let Some(oldest) = store.view_at(store.oldest()).unwrap() {
                    let made = &oldest.header().clone();
                    held.push((oldest, Model::new(), made.clone()));
                }
            }
            let oldest = stores.chain[stores.oldest].model.clone();
            for (_, model, _) in held.iter_mut().filter(|(_, model, _)| model.is_empty()) {
                model.clone_from(&oldest);
            }
            stores.commit(changes, Vec::new());
            let height = stores.height() - back.min(stores.height() - stores.oldest);
            stores.rollback(height);
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
    let genesis_header = stores.memory.header().clone();
    stores.commit(vec![put(Key::contract(&Address::ZERO))], Vec::new());
    let head = stores.memory.header().clone();

    let good = |view: &dyn View| block(view, vec![put(Key::contract(&Address([1; 32])))], vec![receipt(1)]);
    let (expected, found) = (head.hash(), genesis_header.hash());
    stores.assert_refused(&CommitError::NotOnHead { expected, found }, |view| {
        let good = good(view);
        BlockCommit { header: Header { parent: found, ..good.header.clone() }, ..good }
    });
    for height in [head.height, head.height + 2, u64::MAX] {
        let gap = CommitError::HeightGap { expected: head.height + 1, found: height };
        stores.assert_refused(&gap, |view| {
            let good = good(view);
            BlockCommit { header: Header { height, ..good.header.clone() }, ..good }
        });
    }
    let found = good(&*stores.memory.view().unwrap()).trie.root();
    let mismatch = CommitError::RootMismatch { expected: Hash([1; 32]), found };
    stores.assert_refused(&mismatch, |view| {
        let good = good(view);
        BlockCommit { header: Header { state_root: Hash([1; 32]), ..good.header.clone() }, ..good }
    });

    let (a, b) = (put(Key::contract(&Address([2; 32]))), put(Key::contract(&Address([3; 32]))));
    for changes in [vec![b.clone(), a.clone()], vec![a.clone(), a.clone()]] {
        let failure = NodeFailure::Invariant("a change set names each key once, ascending");
        stores.assert_refused(&failure.into(), |view| BlockCommit { changes: changes.clone(), ..good(view) });
    }
    let part = NodeFailure::Invariant("a change set names whole keys");
    stores.assert_refused(&part.into(), |view| BlockCommit {
        changes: vec![put(Key::fields_prefix(&ObjectId::ZERO))],
        ..good(view)
    });

    let (head_params, other) = (head.params, Hash([5; 32]));
    stores.assert_refused(&CommitError::OtherParams { expected: head_params, found: other }, |view| {
        let good = good(view);
        BlockCommit { header: Header { params: other, ..good.header.clone() }, ..good }
    });
    let expected = index_root([receipt(1).hash()]);
    let found = index_root([receipt(2).hash()]);
    stores.assert_refused(&CommitError::ReceiptsMismatch { expected, found }, |view| BlockCommit {
        receipts: vec![receipt(2)],
        ..good(view)
    });

    // What a light node has executed can't be kept: the rest of the state is hidden from it.
    let view = stores.memory.view().unwrap();
    let whole = good(&*view);
    let mut request = ProofRequest::new();
    request.key(whole.changes[0].0);
    let part = verify(&head.state_root, &request, &prove(&*view, &request).unwrap()).unwrap();
    let trie = part.update(None, &whole.changes).unwrap();
    assert!(trie.is_partial() && trie.root() == whole.header.state_root);
    let refused = stores.memory.commit(&BlockCommit { trie, ..whole });
    assert_eq!(refused, Err(CommitError::OtherStore));

    // A trie that the other back end made can't be kept: nothing would read its rows.
    let views = [stores.redb.as_ref().unwrap().view().unwrap(), stores.memory.view().unwrap()];
    for (store, other) in stores.each().into_iter().zip(views) {
        assert_eq!(store.commit(&good(&*other)), Err(CommitError::OtherStore));
    }
    stores.assert_agree();

    // A refusal is no failed write: the good block still fits.
    stores.commit(vec![put(Key::contract(&Address([1; 32])))], vec![receipt(1)]);
    stores.assert_agree();
    stores.reopen();
    stores.assert_agree();
}

#[test]
fn r100_of_several_candidates_on_one_parent_one_is_committed() {
    let mut stores = Stores::new();
    let put = |byte: u8| vec![(Key::contract(&Address::ZERO), Some(Value::from_elem(byte, 3)))];
    let others: Vec<_> =
        stores.each().into_iter().map(|store| block(&*store.view().unwrap(), put(1), Vec::new())).collect();
    stores.commit(put(2), vec![receipt(1)]);
    let expected = stores.memory.header().hash();
    for (store, other) in stores.each().into_iter().zip(others) {
        let found = other.header.parent;
        assert_eq!(store.commit(&other), Err(CommitError::NotOnHead { expected, found }));
    }
    stores.assert_agree();
}

#[test]
fn r84_a_state_can_be_emptied_and_filled_again() {
    let mut stores = Stores::new();
    let before = stores.head().model.clone();
    stores.commit(before.keys().map(|key| (*key, None)).collect(), Vec::new());
    assert_eq!(stores.memory.header().state_root, Hash::ZERO);
    stores.assert_agree();
    stores.reopen();
    stores.commit(before.into_iter().map(|(key, value)| (key, Some(value))).collect(), Vec::new());
    stores.assert_agree();
    assert_eq!(stores.memory.header().state_root, genesis().header().state_root);
    // And back again, over both.
    stores.rollback(1);
    stores.assert_agree();
    stores.rollback(0);
    stores.assert_agree();
}

#[test]
fn r83_what_was_pruned_is_gone_and_the_head_is_whole() {
    let mut stores = Stores::new();
    let put = |byte: u8| vec![(Key::contract(&Address([byte; 32])), Some(Value::from_elem(byte, 100)))];
    for byte in 1..=5 {
        stores.commit(put(byte), vec![receipt(1)]);
    }
    stores.prune(4);
    stores.assert_agree();
    stores.reopen();
    stores.assert_agree();
    stores.rollback(3);
    stores.rollback(4);
    stores.assert_agree();
    stores.prune(usize::MAX >> 1);
    stores.assert_agree();
    stores.reopen();
    stores.commit(put(9), Vec::new());
    stores.assert_agree();
}
