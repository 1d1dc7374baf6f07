//! A state as a map, its root word by word from the definition, and views of it that keep nothing but rows.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod part;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec as vec_of};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use vm_core::{Address, Hash, Header, Key, KeySpace, VM_VERSION, value_hash};
use vm_state::{
    BlockCommit, ChangeSet, LeafRow, NodeFailure, Overlay, ReadError, Region, Trie, TrieBuilder, TrieView,
    Value, View,
};

pub(crate) type Entries = BTreeMap<Key, Value>;

/// The bucket sizes under test.
pub(crate) const BUCKETS: [u32; 5] = [1, 2, 3, 4, 32];

pub(crate) fn of(bytes: impl AsRef<[u8]>) -> Key {
    Key::prefix(bytes.as_ref()).unwrap()
}

pub(crate) fn val(bytes: impl AsRef<[u8]>) -> Value {
    Value::from_slice(bytes.as_ref())
}

/// blake3 under a name padded with zeros to 32 bytes; the last two bytes may hold a bit index.
pub(crate) fn keyed(name: &str, bit: u16, data: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    if bit > 0 {
        key[30..].copy_from_slice(&bit.to_be_bytes());
    }
    *blake3::keyed_hash(&key, data).as_bytes()
}

/// Bit `index`, counted from the most significant of byte 0; zero past the end.
pub(crate) fn bit(key: &[u8], index: usize) -> bool {
    key.get(index / 8).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
}

/// The definition, word by word, over keys and hashes of values.
pub(crate) fn root_of(pairs: &[(&[u8], [u8; 32])]) -> [u8; 32] {
    match pairs {
        [] => [0; 32],
        [(key, value_hash)] => keyed("vm/1/leaf", 0, &[key, value_hash.as_slice()].concat()),
        many => {
            let differs =
                |index: &usize| many.iter().any(|(key, _)| bit(key, *index) != bit(many[0].0, *index));
            let at = (0..648).find(differs).unwrap();
            let (right, left): (Vec<_>, Vec<_>) = many.iter().partition(|(key, _)| bit(key, at));
            keyed("vm/1/inner", at as u16, &[root_of(&left), root_of(&right)].concat())
        }
    }
}

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

/// Entry keys of every space that often share long prefixes: few different bytes, most of them in few places.
pub(crate) fn key() -> impl Strategy<Value = Key> {
    let byte = select(vec![0u8, 0, 0, 0, 1, 0x7f, 0x80, 0xff]);
    let noise = vec_of((0..80usize, byte), 0..4);
    (select(KeySpace::ALL.to_vec()), select(vec![0u8, 0x80, 0xff]), noise).prop_map(|(space, base, noise)| {
        let mut bytes = [base; 81];
        for (index, byte) in noise {
            bytes[index + 1] = byte;
        }
        bytes[0] = space.tag();
        Key::from_bytes(&bytes[..space.key_len()]).unwrap()
    })
}

/// Short ones, none, ones that just fit a node and ones that do not.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    (select(vec![0usize, 0, 1, 2, 48, 49, 63, 64, 300]), any::<u8>())
        .prop_map(|(len, byte)| val(vec![byte; len]))
}

pub(crate) fn entries(count: core::ops::Range<usize>) -> impl Strategy<Value = Entries> {
    btree_map(key(), value(), count)
}

/// Changes of which about half meet one of `keys`, and of those most delete.
pub(crate) fn changes(keys: Vec<Key>) -> impl Strategy<Value = ChangeSet> {
    let hits = vec_of((any::<Index>(), prop_oneof![Just(None), Just(None), value().prop_map(Some)]), 0..12);
    (btree_map(key(), proptest::option::of(value()), 0..10), hits).prop_map(move |(mut changes, hits)| {
        for (index, value) in hits.into_iter().filter(|_| !keys.is_empty()) {
            changes.insert(*index.get(&keys), value);
        }
        changes.into_iter().collect()
    })
}

/// Entries, and several blocks of changes to them.
pub(crate) fn blocks(count: core::ops::Range<usize>) -> impl Strategy<Value = (Entries, Vec<ChangeSet>)> {
    entries(0..40).prop_flat_map(move |entries| {
        let keys: Vec<_> = entries.keys().copied().collect();
        (Just(entries), vec_of(changes(keys), count.clone()))
    })
}

/// The deletion of everything.
pub(crate) fn all_deleted(entries: &Entries) -> ChangeSet {
    entries.keys().map(|key| (*key, None)).collect()
}
