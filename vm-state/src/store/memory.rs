//! The store without a disk: for tests, scenarios, the local chain, and as the model that others are compared with.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::{Header, Key, Receipt};

use super::{CommitError, Store, check};
use crate::{BlockCommit, Genesis, NodeFailure, ReadError, Trie, Value, View};

type Entries = BTreeMap<Key, Value>;

/// A chain in memory. Nothing is durable.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    head: Arc<MemoryView>,
    headers: BTreeMap<u64, Header>,
    receipts: BTreeMap<u64, Vec<Receipt>>,
}

/// The state after a block. Stores and views share it until one changes.
#[derive(Clone, Debug)]
struct MemoryView {
    header: Header,
    entries: Entries,
    trie: Trie,
}

impl MemoryStore {
    /// The chain that begins with `genesis`.
    #[must_use]
    pub fn new(genesis: &Genesis) -> Self {
        let header = genesis.header().clone();
        let mut head =
            MemoryView { header: header.clone(), entries: Entries::new(), trie: genesis.trie().clone() };
        head.apply(genesis.changes());
        Self {
            head: Arc::new(head),
            headers: BTreeMap::from([(0, header)]),
            receipts: BTreeMap::from([(0, Vec::new())]),
        }
    }
}

impl Store for MemoryStore {
    fn header(&self) -> &Header {
        &self.head.header
    }

    fn view(&self) -> Result<Arc<dyn View>, NodeFailure> {
        let head: Arc<MemoryView> = Arc::clone(&self.head);
        Ok(head)
    }

    fn commit(&mut self, block: &BlockCommit) -> Result<(), CommitError> {
        check(&self.head.header, block)?;
        // Copies the entries only while a view of the parent is held.
        let head = Arc::make_mut(&mut self.head);
        head.apply(&block.changes);
        head.header = block.header.clone();
        head.trie = block.trie.clone();
        self.headers.insert(block.header.height, block.header.clone());
        self.receipts.insert(block.header.height, block.receipts.clone());
        Ok(())
    }

    fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, NodeFailure> {
        Ok(self.receipts.get(&height).cloned())
    }

    fn header_at(&self, height: u64) -> Result<Option<Header>, NodeFailure> {
        Ok(self.headers.get(&height).cloned())
    }
}

impl MemoryView {
    fn apply(&mut self, changes: &[(Key, Option<Value>)]) {
        for (key, value) in changes {
            match value {
                Some(value) => self.entries.insert(*key, value.clone()),
                None => self.entries.remove(key),
            };
        }
    }
}

impl View for MemoryView {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        // Not cloned(): a SmallVec clones element by element.
        Ok(self.entries.get(key).map(|value| Value::from_slice(value)))
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        // Keys with the prefix are one contiguous range that begins at the prefix itself.
        let first = self.entries.range(*prefix.max(from)..).next();
        let found = first.filter(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()));
        Ok(found.map(|(key, value)| (*key, Value::from_slice(value))))
    }

    fn trie(&self) -> &Trie {
        &self.trie
    }
}
