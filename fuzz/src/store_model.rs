//! Target `store_model`: a chain of blocks, each written through a journal with checkpoints, on the memory store and on
//! redb, against a map: same reads, roots, receipts and refusals, through rollbacks, prunings and reopenings.

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use vm_core::commitment::index_root;
use vm_core::{Address, Event, Hash, Header, Key, Params, Receipt, Status, VM_VERSION};
use vm_state::{
    BlockCommit, ChangeSet, Check, CommitError, Genesis, MemoryStore, RedbStore, Retention, RollbackError,
    Store, StoreOptions, Value, View, next_trie,
};

use crate::campaign::Inputs;
use crate::entries;
use crate::journal_model::{self, Operation};
use crate::naive::state::{Entries, applied, next, root};

/// How many states below the head both stores keep: few, so that some are forgotten.
const STATES: u32 = 3;

/// What is wrong with a block that stores must refuse.
#[derive(Clone, Copy, Debug, Arbitrary)]
enum Fault {
    Parent,
    Height,
    StateRoot,
    Params,
    Receipts,
    OtherStore,
}

#[derive(Debug)]
enum Step {
    Block { operations: Vec<Operation>, receipts: u8 },
    Refused { fault: Fault, changes: ChangeSet },
    Rollback { back: u8 },
    Prune { keep: u8 },
    Reopen { full: bool },
}

#[derive(Debug)]
struct Plan {
    keys: Vec<Key>,
    steps: Vec<Step>,
}

impl Plan {
    fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let keys = entries::keys(u, 16)?;
        let count = u.int_in_range(1..=12u8)?;
        let steps = (0..count).map(|_| Step::generate(u, &keys)).collect::<Result<_>>()?;
        Ok(Self { keys, steps })
    }
}

impl Step {
    fn generate(u: &mut Unstructured<'_>, keys: &[Key]) -> Result<Self> {
        Ok(match u.int_in_range(0..=9u8)? {
            0 => Self::Rollback { back: u.int_in_range(0..=5)? },
            1 => Self::Prune { keep: u.int_in_range(0..=5)? },
            2 => Self::Reopen { full: u.arbitrary()? },
            3 => Self::Refused { fault: u.arbitrary()?, changes: entries::changes(u, keys)? },
            _ => {
                let operations = journal_model::operations(u, keys)?;
                Self::Block { operations, receipts: u.int_in_range(0..=2)? }
            }
        })
    }
}

/// A file in memory that outlives the store on it.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<InMemoryBackend>);

impl Memory {
    fn new() -> Self {
        Self(Arc::new(InMemoryBackend::new()))
    }
}

impl StorageBackend for Memory {
    fn len(&self) -> std::result::Result<u64, std::io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::result::Result<(), std::io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::result::Result<(), std::io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> std::result::Result<(), std::io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::result::Result<(), std::io::Error> {
        self.0.write(offset, data)
    }
}

/// A block that was committed, and the state after it.
struct Made {
    header: Header,
    receipts: Vec<Receipt>,
    entries: Entries,
}

/// The stores side by side, and what they must show.
struct Stores {
    keys: Vec<Key>,
    memory: MemoryStore,
    redb: Option<RedbStore>,
    file: Memory,
    /// By height.
    chain: Vec<Made>,
    /// The lowest height whose state, and the one whose header and receipts, are still there.
    oldest: usize,
    kept: usize,
}

/// Runs the plan that `data` describes; panics where a store is not the model.
pub fn store_model(data: &[u8]) {
    let Ok(plan) = Plan::generate(&mut Unstructured::new(data)) else { return };
    let mut stores = Stores::new(plan.keys);
    for step in plan.steps {
        match step {
            Step::Block { operations, receipts } => stores.block(&operations, receipts),
            Step::Refused { fault, changes } => stores.refused(fault, &changes),
            Step::Rollback { back } => stores.rollback(back),
            Step::Prune { keep } => stores.prune(keep),
            Step::Reopen { full } => stores.reopen(full),
        }
        stores.check();
    }
}

fn options(check: Check) -> StoreOptions {
    StoreOptions { retention: Retention { states: STATES }, cache_bytes: 1 << 20, check }
}

fn height(height: usize) -> u64 {
    u64::try_from(height).unwrap()
}

/// The block on `view` that changes this.
fn block(view: &dyn View, changes: ChangeSet, receipts: Vec<Receipt>) -> BlockCommit {
    let trie = next_trie(view, &changes).unwrap();
    let parent = view.header();
    let header = Header {
        parent: parent.hash(),
        height: parent.height + 1,
        time: parent.time,
        proposer: Address::ZERO,
        vm_version: VM_VERSION,
        params: parent.params,
        transactions_root: Hash::ZERO,
        state_root: trie.root(),
        receipts_root: index_root(receipts.iter().map(Receipt::hash)),
        gas_used: 0,
    };
    BlockCommit { header, changes, trie, receipts }
}

fn receipt(gas_used: u64) -> Receipt {
    let event = Event { contract: Address::ZERO, name: "e".into(), data: vec![1; 3] };
    Receipt { status: Status::Success, output: vec![2], gas_used, gas_refunded: 1, events: vec![event] }
}

impl Stores {
    fn new(keys: Vec<Key>) -> Self {
        let balances = [(Address::named("alice"), 5), (Address::named("bob"), 7)];
        let genesis = Genesis::new(&Params::default(), 0, &balances).unwrap();
        let entries: BTreeMap<Key, Value> =
            genesis.changes().iter().map(|(key, value)| (*key, value.clone().unwrap())).collect();
        let options = options(Check::Quick);
        let (memory, file) = (MemoryStore::with(&genesis, options.retention), Memory::new());
        let redb = RedbStore::create_on(file.clone(), &genesis, options).unwrap();
        let chain = vec![Made { header: genesis.header().clone(), receipts: vec![], entries }];
        Self { keys, memory, redb: Some(redb), file, chain, oldest: 0, kept: 0 }
    }

    fn each(&mut self) -> [&mut dyn Store; 2] {
        [&mut self.memory, self.redb.as_mut().unwrap()]
    }

    fn head(&self) -> usize {
        self.chain.len() - 1
    }

    fn block(&mut self, operations: &[Operation], receipts: u8) {
        let before = self.chain[self.head()].entries.clone();
        let receipts: Vec<Receipt> = (0..receipts).map(|index| receipt(index.into())).collect();
        let mut made = vec![];
        for store in self.each() {
            let view = store.view().unwrap();
            let changes = journal_model::run(&view, operations, &before);
            let block = block(&*view, changes, receipts.clone());
            store.commit(&block).unwrap();
            made.push(block);
        }
        assert_eq!(made[0].header, made[1].header);
        assert_eq!(made[0].changes, made[1].changes);
        let block = made.swap_remove(0);
        let entries = applied(&before, &block.changes);
        self.chain.push(Made { header: block.header, receipts, entries });
        self.oldest = self.oldest.max(self.head().saturating_sub(usize::try_from(STATES).unwrap()));
    }

    /// Both refuse the block alike, and are as before: [`Self::check`] is next.
    fn refused(&mut self, fault: Fault, changes: &ChangeSet) {
        let views = [self.redb.as_ref().unwrap().view().unwrap(), self.memory.view().unwrap()];
        let mut refusals = vec![];
        for (store, other) in self.each().into_iter().zip(views) {
            let view = store.view().unwrap();
            let view = if matches!(fault, Fault::OtherStore) { other } else { view };
            let mut block = block(&*view, changes.clone(), vec![receipt(1)]);
            match fault {
                Fault::Parent => block.header.parent.0[0] ^= 1,
                Fault::Height => block.header.height += 1,
                Fault::StateRoot => block.header.state_root.0[31] ^= 1,
                Fault::Params => block.header.params.0[7] ^= 1,
                Fault::Receipts => block.receipts.clear(),
                Fault::OtherStore => (),
            }
            let refusal = store.commit(&block).unwrap_err();
            let right = matches!(
                (fault, &refusal),
                (Fault::Parent, CommitError::NotOnHead { .. })
                    | (Fault::Height, CommitError::HeightGap { .. })
                    | (Fault::StateRoot, CommitError::RootMismatch { .. })
                    | (Fault::Params, CommitError::OtherParams { .. })
                    | (Fault::Receipts, CommitError::ReceiptsMismatch { .. })
                    | (Fault::OtherStore, CommitError::OtherStore)
            );
            assert!(right, "{fault:?}: {refusal}");
            refusals.push(refusal);
        }
        assert_eq!(refusals[0], refusals[1]);
    }

    fn rollback(&mut self, back: u8) {
        let (oldest, head) = (height(self.oldest), height(self.head()));
        // One block past the head too.
        let found = (head + 1).saturating_sub(back.into());
        let retained = (oldest..=head).contains(&found);
        let expected =
            if retained { Ok(()) } else { Err(RollbackError::NotRetained { oldest, head, found }) };
        for store in self.each() {
            assert_eq!(store.rollback(found), expected);
        }
        if retained {
            self.chain.truncate(usize::try_from(found).unwrap() + 1);
        }
    }

    fn prune(&mut self, keep: u8) {
        let below = (self.head() + 1).saturating_sub(keep.into());
        for store in self.each() {
            store.prune(height(below)).unwrap();
        }
        let below = below.min(self.head());
        (self.oldest, self.kept) = (self.oldest.max(below), self.kept.max(below));
    }

    fn reopen(&mut self, full: bool) {
        drop(self.redb.take());
        let params = self.memory.header().params;
        let check = if full { Check::Full } else { Check::Quick };
        let opened = RedbStore::open_on(self.file.clone(), &params, options(check));
        self.redb = Some(opened.unwrap_or_else(|error| panic!("a store that was dropped opens: {error}")));
    }

    fn check(&mut self) {
        let (oldest, kept) = (self.oldest, self.kept);
        let (keys, chain) = (self.keys.clone(), std::mem::take(&mut self.chain));
        for store in self.each() {
            assert_eq!(Some(store.header()), chain.last().map(|made| &made.header));
            assert_eq!(store.oldest(), height(oldest));
            for (at, made) in chain.iter().enumerate() {
                let view = store.view_at(height(at)).unwrap();
                assert_eq!(view.is_some(), at >= oldest, "the state of height {at}");
                if let Some(view) = view {
                    shows(&*view, made, &keys);
                }
                let made = (at >= kept).then_some(made);
                assert_eq!(store.header_at(height(at)).unwrap().as_ref(), made.map(|made| &made.header));
                assert_eq!(store.receipts(height(at)).unwrap().as_ref(), made.map(|made| &made.receipts));
            }
            assert_eq!(store.header_at(height(chain.len())).unwrap(), None);
            assert!(store.view_at(height(chain.len())).unwrap().is_none());
        }
        self.chain = chain;
    }
}

/// `view` is the state after `made`: its root, its keys, and a walk over all of it.
fn shows(view: &dyn View, made: &Made, keys: &[Key]) {
    assert_eq!(view.header(), &made.header);
    assert_eq!(view.trie().root(), made.header.state_root);
    assert_eq!(root(&made.entries), made.header.state_root, "the root is the definition's");
    for key in keys {
        assert_eq!(view.get(key).unwrap().as_ref(), made.entries.get(key), "{key:?}");
        let prefix = Key::prefix(&key.as_bytes()[..1]).unwrap();
        let found = view.next(&prefix, key).unwrap();
        let own = next(&made.entries, &prefix, key).map(|(key, value)| (*key, value.clone()));
        assert_eq!(found, own, "from {key:?}");
    }
    let mut from = Some(Key::EMPTY);
    let mut walked = Entries::new();
    while let Some((key, value)) = from.and_then(|from| view.next(&Key::EMPTY, &from).unwrap()) {
        from = key.successor();
        walked.insert(key, value);
    }
    assert_eq!(walked, made.entries);
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(5);
    (0..16).map(|index| (format!("seed-{index:02}"), inputs.bytes(600))).collect()
}
