//! A state as a map, its root from the definition, and a view of it that keeps nothing but rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use vm_core::{Address, Hash, Header, Key, VM_VERSION, value_hash};
use vm_state::{
    BlockCommit, ChangeSet, LeafRow, NodeFailure, Overlay, ReadError, Region, Trie, TrieBuilder, TrieView,
    Value, View,
};

use super::definition::{keyed, root_of};

pub(crate) type Entries = BTreeMap<Key, Value>;

pub(crate) fn root(entries: &Entries) -> Hash {
    let hashed: Vec<_> = entries.iter().map(|(key, value)| (key.as_bytes(), value_hash(value).0)).collect();
    Hash(root_of(&hashed))
}

pub(crate) fn applied(entries: &Entries, changes: &ChangeSet) -> Entries {
    let mut entries = entries.clone();
    for (key, value) in changes {
        match value {
            Some(value) => entries.insert(*key, value.clone()),
            None => entries.remove(key),
        };
    }
    entries
}

pub(crate) fn next<'e>(entries: &'e Entries, prefix: &Key, from: &Key) -> Option<(&'e Key, &'e Value)> {
    entries.range(*from..).find(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()))
}

pub(crate) fn header(state_root: Hash, parent: Hash, height: u64) -> Header {
    Header {
        parent,
        height,
        time: 0,
        proposer: Address::ZERO,
        vm_version: VM_VERSION,
        params: Hash::ZERO,
        transactions_root: Hash::ZERO,
        state_root,
        receipts_root: Hash::ZERO,
        gas_used: 0,
    }
}

/// A trie that holds every entry.
pub(crate) fn whole(entries: &Entries) -> Trie {
    let mut builder = TrieBuilder::new();
    for (key, value) in entries {
        builder.push(key, value).unwrap();
    }
    builder.finish()
}

/// The view of a trie that holds every entry.
pub(crate) fn whole_view(entries: &Entries) -> TrieView {
    let trie = whole(entries);
    TrieView::new(header(trie.root(), Hash::ZERO, 0), trie).unwrap()
}

/// A trie that leaves its entries to rows.
pub(crate) fn over_rows(bucket: u32, entries: &Entries) -> Trie {
    let mut builder = TrieBuilder::over_rows(bucket);
    for (key, value) in entries {
        builder.push_row(key, leaf(key, value)).unwrap();
    }
    builder.finish()
}

fn leaf(key: &Key, value: &Value) -> Hash {
    Hash(keyed("vm/1/leaf", 0, &[key.as_bytes(), &value_hash(value).0].concat()))
}

/// A state in rows, under a trie over them.
#[derive(Debug)]
pub(crate) struct Rows {
    header: Header,
    trie: Trie,
    entries: Entries,
    rows_max: usize,
}

impl Rows {
    pub(crate) fn new(bucket: u32, entries: &Entries) -> Self {
        let trie = over_rows(bucket, entries);
        let header = header(trie.root(), Hash::ZERO, 0);
        Self { header, trie, entries: entries.clone(), rows_max: usize::MAX }
    }

    /// Fails where more rows than a bucket has are asked for. Below an overlay, which asks for deleted ones too, that
    /// is no fault.
    pub(crate) fn strict(bucket: u32, entries: &Entries) -> Self {
        Self { rows_max: bucket as usize, ..Self::new(bucket, entries) }
    }
}

impl View for Rows {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        Ok(self.entries.get(key).cloned())
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        Ok(next(&self.entries, prefix, from).map(|(key, value)| (*key, value.clone())))
    }

    fn trie(&self) -> &Trie {
        &self.trie
    }

    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        let inside = self.entries.range(*region.start()..).take_while(|(key, _)| region.contains(key));
        let rows: Vec<_> = inside.map(|(key, value)| LeafRow { key: *key, leaf: leaf(key, value) }).collect();
        if rows.len() > self.rows_max {
            return Err(NodeFailure::Invariant("a bucket's rows are no more than its size").into());
        }
        Ok(rows)
    }

    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
        Ok(self.entries.range(..*key).next_back().map(|(key, _)| *key))
    }
}

/// `changes` on top of `view`, with the trie that they make of its own.
pub(crate) fn on_top(view: &Arc<dyn View>, changes: &ChangeSet) -> Arc<dyn View> {
    let trie = vm_state::next_trie(&**view, changes).unwrap();
    let parent = view.header();
    let header = header(trie.root(), parent.hash(), parent.height + 1);
    let block = BlockCommit { header, changes: changes.clone(), trie, receipts: Vec::new() };
    Arc::new(Overlay::new(Arc::clone(view), &block).unwrap())
}

/// The deletion of everything.
pub(crate) fn all_deleted(entries: &Entries) -> ChangeSet {
    entries.keys().map(|key| (*key, None)).collect()
}
