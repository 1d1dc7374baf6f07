//! A state as a map, its root word by word from the definition, and views of it that keep nothing but rows; here, what
//! proptest makes of them. The fuzz targets use the other files of this folder.

#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

pub(crate) mod definition;
pub(crate) mod part;
pub(crate) mod state;

use proptest::collection::{btree_map, vec as vec_of};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use vm_core::{Key, KeySpace};
use vm_state::{ChangeSet, Value};

pub(crate) use definition::{bit, keyed, root_of};
pub(crate) use state::*;

/// The bucket sizes under test.
pub(crate) const BUCKETS: [u32; 5] = [1, 2, 3, 4, 32];

pub(crate) fn of(bytes: impl AsRef<[u8]>) -> Key {
    Key::prefix(bytes.as_ref()).unwrap()
}

pub(crate) fn val(bytes: impl AsRef<[u8]>) -> Value {
    Value::from_slice(bytes.as_ref())
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
