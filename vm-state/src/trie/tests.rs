//! The trie against a naive model, written from the definition alone.

// For a thread with a small stack, also where the crate itself is built without.
extern crate std;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use parity_scale_codec::Encode;
use proptest::collection::{btree_map, vec as vec_of};
use proptest::prelude::*;
use proptest::sample::select;
use vm_core::commitment::{index_root, inner_hash, transactions_root};
use vm_core::{Address, Block, BlockContext, Domain, Mint, hash, value_hash};

use super::*;
use crate::{ChangeSet, NodeFailure};

type Entries = BTreeMap<Key, Value>;

/// The definition, word by word.
fn model_root(entries: &[(&[u8], Hash)]) -> Hash {
    let bits =
        |key: &[u8]| key.iter().flat_map(|b| (0..8u8).rev().map(move |i| b >> i & 1)).collect::<Vec<_>>();
    match entries {
        [] => Hash::ZERO,
        [(key, value_hash)] => hash(Domain::Leaf, &[key, value_hash.as_ref()].concat()),
        many => {
            let keys: Vec<_> = many.iter().map(|(key, _)| bits(key)).collect();
            let at =
                (0..648u16).find(|&i| keys.iter().any(|key| key[usize::from(i)] != keys[0][usize::from(i)]));
            let at = at.expect("the keys differ");
            let side = |one: u8| {
                let of_side = many.iter().zip(&keys).filter(|(_, key)| key[usize::from(at)] == one);
                model_root(&of_side.map(|(entry, _)| *entry).collect::<Vec<_>>())
            };
            let mut key = [0; 32];
            key[..10].copy_from_slice(b"vm/1/inner");
            key[30..].copy_from_slice(&at.to_be_bytes());
            let data = [side(0).0, side(1).0].concat();
            assert_eq!(data.len(), 64);
            Hash(*blake3::keyed_hash(&key, &data).as_bytes())
        }
    }
}

fn model(entries: &Entries) -> Hash {
    let hashed = |(key, value): (&'_ Key, &Value)| (key.as_bytes().to_vec(), value_hash(value));
    let hashed: Vec<_> = entries.iter().map(hashed).collect();
    model_root(&hashed.iter().map(|(key, hash)| (key.as_slice(), *hash)).collect::<Vec<_>>())
}

fn built(entries: &Entries) -> Trie {
    let mut builder = TrieBuilder::new();
    for (key, value) in entries {
        builder.push(key, value).unwrap();
    }
    builder.finish()
}

fn applied(entries: &Entries, changes: &ChangeSet) -> Entries {
    let mut entries = entries.clone();
    for (key, value) in changes {
        match value {
            Some(value) => entries.insert(*key, value.clone()),
            None => entries.remove(key),
        };
    }
    entries
}

fn of(bytes: impl AsRef<[u8]>) -> Key {
    Key::prefix(bytes.as_ref()).unwrap()
}

/// A short value.
fn val(bytes: impl AsRef<[u8]>) -> Value {
    Value::from_slice(bytes.as_ref())
}

/// Keys of a length that their first byte fixes, with few different bytes: long shared prefixes, short combs.
fn key() -> impl Strategy<Value = Key> {
    let byte = select(vec![0u8, 0, 0, 1, 2, 0x7f, 0x80, 0xff]);
    (select(vec![(0u8, 1usize), (1, 2), (2, 3), (3, 9), (4, 33), (0x80, 81)]), vec_of(byte, 80)).prop_map(
        |((tag, len), mut rest)| {
            rest.insert(0, tag);
            rest.truncate(len);
            of(rest)
        },
    )
}

/// Few different ones, some too long to stand in a node.
fn value() -> impl Strategy<Value = Value> {
    select(vec![0usize, 1, 2, 48, 49, 200]).prop_map(|len| val(vec![7; len]))
}

fn entries(count: Range<usize>) -> impl Strategy<Value = Entries> {
    btree_map(key(), value(), count)
}

/// Some entries, and changes of which about half meet one of them.
fn entries_and_changes() -> impl Strategy<Value = (Entries, ChangeSet)> {
    (
        entries(0..24),
        btree_map(key(), proptest::option::of(value()), 0..12),
        vec_of((any::<prop::sample::Index>(), proptest::option::of(value())), 0..12),
    )
        .prop_map(|(entries, mut changes, hits)| {
            let keys: Vec<_> = entries.keys().collect();
            for (index, value) in hits.into_iter().filter(|_| !keys.is_empty()) {
                changes.insert(**index.get(&keys), value);
            }
            (entries, changes.into_iter().collect())
        })
}

/// A witness of `keys`: what is on their descents, the rest opaque.
fn pruned(trie: &Trie, keys: &[&Key]) -> Trie {
    fn go(link: &Link, keys: &[&Key]) -> Link {
        match &link.node {
            _ if keys.is_empty() => Link::opaque(link.hash),
            Node::Leaf(_) | Node::Opaque | Node::Rows(_) => link.clone(),
            Node::Inner(inner) => {
                let (ones, zeros): (Vec<_>, Vec<_>) =
                    keys.iter().partition(|key| bit_at(key.as_bytes(), inner.bit));
                Link::join(inner.bit, go(&inner.left, &zeros), go(&inner.right, &ones), 0)
            }
        }
    }
    Trie { root: trie.root.as_ref().map(|root| go(root, keys)), bucket: 0, partial: true }
}

/// Keys of 81 bytes of which the i-th has bit i set only: a path of 648 nodes.
fn comb() -> Entries {
    let key = |bit: u16| {
        let mut key = [0u8; 81];
        key[usize::from(bit / 8)] = 0x80 >> (bit % 8);
        of(key)
    };
    (0..648).map(|bit| (key(bit), val([1; 32]))).chain([(of([0; 81]), val([2; 32]))]).collect()
}

/// Every node that is held, opaque ones included.
fn nodes(trie: &Trie) -> usize {
    let mut seen: Vec<&Link> = Vec::new();
    let mut rest: Vec<&Link> = trie.root.iter().collect();
    while let Some(link) = rest.pop() {
        seen.push(link);
        if let Node::Inner(inner) = &link.node {
            rest.extend([&inner.left, &inner.right]);
        }
    }
    seen.len()
}

proptest! {
    #[test]
    fn r81_built_root_is_the_models(entries in entries(0..40)) {
        let trie = built(&entries);
        prop_assert_eq!(trie.root(), model(&entries));
        prop_assert_eq!(trie.is_empty(), entries.is_empty());
    }

    #[test]
    fn r81_updated_root_is_the_models((entries, changes) in entries_and_changes()) {
        let trie = built(&entries);
        let expected = applied(&entries, &changes);
        let updated = trie.update(None, &changes).unwrap();
        prop_assert_eq!(updated.root(), model(&expected));
        prop_assert_eq!(trie.root(), model(&entries), "the old trie stays");
        for key in entries.keys().chain(expected.keys()).chain(changes.iter().map(|(key, _)| key)) {
            prop_assert_eq!(updated.get(key), Ok(expected.get(key)));
            prop_assert_eq!(updated.value_hash(key), Ok(expected.get(key).map(|value| value_hash(value))));
            prop_assert_eq!(trie.get(key), Ok(entries.get(key)));
        }
    }

    #[test]
    fn r81_order_and_batching_of_changes_do_not_matter(
        (entries, changes) in entries_and_changes(),
        cut in any::<prop::sample::Index>(),
    ) {
        let trie = built(&entries);
        let batch = trie.update(None, &changes).unwrap();
        prop_assert_eq!(&batch, &built(&applied(&entries, &changes)));
        let cut = cut.index(changes.len().max(1));
        let (first, second) = changes.split_at(cut.min(changes.len()));
        let halves = trie.update(None, second).unwrap().update(None, first).unwrap();
        prop_assert_eq!(&halves, &batch);
        let mut turned = changes.clone();
        turned.rotate_left(cut.min(changes.len()));
        let one = |trie: Trie, change: &(Key, Option<Value>)| {
            trie.update(None, core::slice::from_ref(change)).unwrap()
        };
        prop_assert_eq!(&turned.iter().fold(trie, one), &batch);
    }

    #[test]
    fn r81_building_is_updating_the_empty_trie(entries in entries(0..40)) {
        let puts: ChangeSet = entries.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
        let trie = Trie::default().update(None, &puts).unwrap();
        prop_assert_eq!(&trie, &built(&entries));
        let deletes: ChangeSet = entries.keys().map(|key| (*key, None)).collect();
        prop_assert!(trie.update(None, &deletes).unwrap().is_empty());
    }

    #[test]
    fn r80_a_walk_is_the_models(
        entries in entries(0..30),
        (prefix, cut) in (key(), 0..81usize),
        absent in vec_of(key(), 0..6),
    ) {
        let trie = built(&entries);
        // From present keys, from absent ones, and as a walk goes on.
        let mut starts: Vec<Key> = entries.keys().copied().chain(absent).chain([Key::EMPTY, prefix]).collect();
        starts.extend(entries.keys().filter_map(Key::successor));
        for cut in [0, 1, cut.min(prefix.as_bytes().len())] {
            let prefix = of(&prefix.as_bytes()[..cut]);
            for from in starts.iter().chain([&prefix]) {
                let expected = entries.range(*from..);
                let mut expected = expected.filter(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()));
                prop_assert_eq!(trie.next(&prefix, from), Ok(expected.next()));
            }
        }
    }

    #[test]
    fn r90_a_batch_on_a_witness_of_its_keys_gives_the_full_root((entries, changes) in entries_and_changes()) {
        let trie = built(&entries);
        let keys: Vec<_> = changes.iter().map(|(key, _)| key).collect();
        let witness = pruned(&trie, &keys);
        prop_assert_eq!(witness.root(), trie.root());
        for key in keys {
            prop_assert_eq!(witness.get(key), trie.get(key));
        }
        let updated = witness.update(None, &changes).unwrap();
        prop_assert_eq!(updated.root(), trie.update(None, &changes).unwrap().root());
    }

    #[test]
    fn r91_a_witness_that_lacks_a_node_says_so_and_is_never_wrong(
        (entries, changes) in entries_and_changes(),
        kept in vec_of(key(), 0..6),
    ) {
        let trie = built(&entries);
        let witness = pruned(&trie, &kept.iter().collect::<Vec<_>>());
        for key in entries.keys().chain(changes.iter().map(|(key, _)| key)) {
            let found = witness.get(key);
            prop_assert!(found == trie.get(key) || found == Err(ReadError::WitnessIncomplete));
            let found = witness.next(&of(&key.as_bytes()[..1]), key);
            let expected = trie.next(&of(&key.as_bytes()[..1]), key);
            prop_assert!(found == expected || found == Err(ReadError::WitnessIncomplete));
        }
        match witness.update(None, &changes) {
            Ok(updated) => prop_assert_eq!(updated.root(), trie.update(None, &changes).unwrap().root()),
            Err(error) => prop_assert_eq!(error, ReadError::WitnessIncomplete),
        }
    }

    #[test]
    fn r122_arbitrary_keys_are_taken_as_the_model_does_or_refused(
        old in btree_map(vec_of(select(vec![0u8, 1, 0x80]), 0..4), value(), 0..12),
        new in btree_map(vec_of(select(vec![0u8, 1, 0x80]), 0..4), proptest::option::of(value()), 0..12),
    ) {
        let old: Entries = old.into_iter().map(|(key, value)| (of(key), value)).collect();
        let mut builder = TrieBuilder::new();
        if old.iter().any(|(key, value)| builder.push(key, value).is_err()) {
            let prefix =
                |a: &Key| old.keys().any(|b| b != a && b.as_bytes().starts_with(a.as_bytes()));
            prop_assert!(old.keys().any(|key| key.as_bytes().is_empty() || prefix(key)));
            return Ok(());
        }
        let trie = builder.finish();
        let new: ChangeSet = new.into_iter().map(|(key, value)| (of(key), value)).collect();
        match trie.update(None, &new) {
            Ok(updated) => prop_assert_eq!(updated.root(), model(&applied(&old, &new))),
            Err(error) => {
                prop_assert!(matches!(error, ReadError::Failure(NodeFailure::Invariant(_))));
                // Deletes are no reason but for the empty key.
                let puts = new.iter().any(|(_, value)| value.is_some());
                prop_assert!(puts || new.iter().any(|(key, _)| key.as_bytes().is_empty()));
            }
        }
    }

    #[test]
    fn r91_what_is_decoded_has_fewer_nodes_than_the_bytes_had((entries, changes) in entries_and_changes()) {
        let mut entries = entries;
        entries.retain(|key, _| key.as_bytes().len() == 81);
        // The densest there are: entries without a byte of value, each key one byte from its neighbour.
        entries.extend((0..=255u8).map(|last| {
            let mut key = [0x80; 81];
            key[80] = last;
            (of(key), Value::new())
        }));
        let keys: Vec<_> = changes.iter().map(|(key, _)| key).collect();
        for trie in [built(&entries), pruned(&built(&entries), &keys)] {
            let bytes = encode(&trie).unwrap();
            let decoded = decode(&bytes, KeyShape::Bytes(81)).unwrap();
            prop_assert_eq!(nodes(&decoded), nodes(&trie));
            prop_assert!(nodes(&decoded) < bytes.len());
            prop_assert_eq!(encode(&decoded).unwrap(), bytes);
        }
    }
}

/// What the codec's header says of memory, on a target with pointers of 64 bits or less.
#[test]
fn r122_a_decoded_trie_takes_less_than_100_bytes_for_each_of_its_own() {
    #[expect(clippy::disallowed_methods, reason = "a bound on memory is about sizes in memory")]
    const fn size<T>() -> usize {
        // What an Arc counts with.
        size_of::<T>() + 16
    }
    // A fork's tag, and an entry with one byte of a key and none of a value.
    assert!(size::<Inner>() + size::<Leaf>() < 4 * 100);
    // Of a leaf without its value, and of a hash, there are 34 bytes.
    assert!(size::<Inner>() + size::<Leaf>() < 35 * 100);
}

#[test]
fn r81_empty_and_single_tries_have_the_defined_roots() {
    let value = val([7; 32]);
    let (a, b) = (of("a"), of("b"));
    assert_eq!(Trie::default().root(), Hash::ZERO);
    assert_eq!(Trie::default().get(&a), Ok(None));
    assert_eq!(Trie::default().next(&Key::EMPTY, &Key::EMPTY), Ok(None));
    let one = Trie::default().update(None, &[(a, Some(value.clone()))]).unwrap();
    assert_eq!(one.root(), hash(Domain::Leaf, &[b"a".as_slice(), &value_hash(&value).0].concat()));
    assert_eq!(one.get(&a), Ok(Some(&value)));
    assert_eq!(one.get(&b), Ok(None));
    assert_eq!(one.get(&Key::EMPTY), Ok(None));
    assert_eq!(one.update(None, &[(a, None)]).unwrap(), Trie::default());
    assert_eq!(one.update(None, &[(b, None)]).unwrap(), one);
}

#[test]
fn r81_root_of_three_entries_is_pinned() {
    let keys: [&[u8]; 3] = [&[0x00], &[0x80, 0x00], &[0x80, 0x01]];
    let trie = built(&keys.into_iter().map(|key| (of(key), val(key))).collect());
    assert_eq!(trie.root().to_string(), "0xc2b125221c177f45edb1fc4e8e8224676a6df39c7aed3358f9283448e4cc8d82");
}

/// Runs `work` where there is room for the hashes' and the test's own frames, not for 648 frames of anything.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a thread's stack is what can be bounded"
)]
fn with_little_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(48 << 10).spawn(work).unwrap();
    thread.join().unwrap();
}

#[test]
fn r81_a_path_of_648_nodes_works_and_needs_little_stack() {
    let entries = comb();
    let expected = model_of_comb(&entries);
    with_little_stack(move || {
        let trie = built(&entries);
        assert_eq!(trie.root(), expected);
        let halves = entries.keys().step_by(2);
        let deletes: ChangeSet = halves.map(|key| (*key, None)).collect();
        let rest = trie.update(None, &deletes).unwrap();
        let copy = trie.clone();
        drop(trie);
        assert_eq!(rest, built(&applied(&entries, &deletes)));
        let all: ChangeSet = entries.keys().map(|key| (*key, None)).collect();
        assert!(rest.update(None, &all).unwrap().is_empty());
        let (last, value) = entries.last_key_value().unwrap();
        assert_eq!(copy.get(last), Ok(Some(value)));
        for key in entries.keys() {
            assert_eq!(copy.next(&Key::EMPTY, key), Ok(entries.get_key_value(key)));
        }
    });
}

#[test]
fn r91_a_proof_of_648_nodes_needs_little_stack() {
    let entries = comb();
    with_little_stack(move || {
        let trie = built(&entries);
        // The leaf at the bottom, and a neighbour that is shown without its value.
        let mut keys = entries.keys();
        let shown = [(*keys.next().unwrap(), true), (*keys.next().unwrap(), false)];
        let part = restrict(&trie, None, &shown).unwrap();
        assert_eq!(nodes(&part), 2 * 648 + 1);
        let bytes = encode(&part).unwrap();
        let decoded = decode(&bytes, KeyShape::Bytes(81)).unwrap();
        assert_eq!(decoded, trie);
        assert_eq!(decoded.shown(), shown);
        // Refused after everything but the last byte was read: what was read is dropped as well.
        assert_eq!(
            decode(&bytes[..bytes.len() - 1], KeyShape::Bytes(81)).err(),
            Some(DecodeError::Truncated)
        );
        let more = [bytes, vec![0]].concat();
        assert!(matches!(decode(&more, KeyShape::Bytes(81)), Err(DecodeError::Trailing { .. })));
    });
}

#[test]
fn what_is_never_finished_is_dropped_with_little_stack() {
    let entries = comb();
    with_little_stack(move || {
        // From the right, so that nothing waits and everything below is one subtrie.
        let mut out = build::Assembler::new(0);
        for ((key, value), bit) in entries.iter().zip(core::iter::once(0).chain((0..648).rev())) {
            out.differ_at(bit);
            out.push(Link::entry(key, value));
        }
        drop(out);
        let mut builder = TrieBuilder::new();
        for (key, value) in &entries {
            builder.push(key, value).unwrap();
        }
        drop(builder);
        let link = built(&entries).root.clone();
        drop(link);
    });
}

/// The comb's root without the model's recursion: from the bottom, one fork per bit.
fn model_of_comb(entries: &Entries) -> Hash {
    let mut sorted = entries.iter();
    let leaf = |(key, value): (&Key, &Value)| {
        hash(Domain::Leaf, &[key.as_bytes(), value_hash(value).as_ref()].concat())
    };
    let first = leaf(sorted.next().unwrap());
    (0..648u16).rev().zip(sorted).fold(first, |left, (bit, entry)| inner_hash(bit, &left, &leaf(entry)))
}

/// Entries of these keys, all with the same value.
fn of_keys(keys: &[&[u8]]) -> Trie {
    built(&keys.iter().map(|key| (of(key), val("v"))).collect())
}

fn put(key: &[u8], value: &str) -> (Key, Option<Value>) {
    (of(key), Some(val(value)))
}

fn delete(key: &[u8]) -> (Key, Option<Value>) {
    (of(key), None)
}

#[test]
fn an_updated_trie_shares_what_it_did_not_touch() {
    let trie = of_keys(&[&[0x00], &[0x01], &[0x80], &[0x81]]);
    let updated = trie.update(None, &[put(&[0x00], "other")]).unwrap();
    let root = |trie: &Trie| match trie.root.as_ref().map(|link| link.node.clone()) {
        Some(Node::Inner(inner)) => inner,
        _ => panic!("the root is a fork"),
    };
    let right = |trie: &Trie| match &root(trie).right.node {
        Node::Inner(inner) => Arc::clone(inner),
        Node::Leaf(_) | Node::Rows(_) | Node::Opaque => panic!("there are two on the right"),
    };
    assert!(Arc::ptr_eq(&right(&trie), &right(&updated)));
    let same = trie.update(None, &[delete(&[0x02]), delete(&[0x82])]).unwrap();
    assert!(Arc::ptr_eq(&root(&same), &root(&trie)));
}

#[test]
fn r91_deleting_beside_an_opaque_sibling_needs_no_look_at_it() {
    let trie = of_keys(&[&[0x00], &[0x80], &[0xc0]]);
    let witness = pruned(&trie, &[&of([0x00])]);
    let deleted = witness.update(None, &[delete(&[0x00])]).unwrap();
    assert_eq!(deleted.root(), trie.update(None, &[delete(&[0x00])]).unwrap().root());
    assert_eq!(deleted.get(&of([0x00])), Err(ReadError::WitnessIncomplete));
    // Deleting first and putting then would walk into the sibling; in a batch the put comes first.
    assert_eq!(deleted.update(None, &[put(&[0x01], "v")]), Err(ReadError::WitnessIncomplete));
    let batch = [delete(&[0x00]), put(&[0x01], "v")];
    let updated = witness.update(None, &batch).unwrap();
    assert_eq!(updated.root(), trie.update(None, &batch).unwrap().root());
    assert_eq!(witness.update(None, &[delete(&[0x80])]), Err(ReadError::WitnessIncomplete));
    assert_eq!(witness.get(&of([0x80])), Err(ReadError::WitnessIncomplete));
}

#[test]
fn a_leaf_without_its_value_is_known_by_its_hash_only() {
    let mut builder = TrieBuilder::new();
    builder.push_hashed(&of("a"), value_hash(b"v")).unwrap();
    let trie = builder.finish();
    assert_eq!(trie, of_keys(&[b"a"]));
    assert_eq!(trie.value_hash(&of("a")), Ok(Some(value_hash(b"v"))));
    assert_eq!(trie.get(&of("a")), Err(ReadError::WitnessIncomplete));
    assert_eq!(trie.next(&Key::EMPTY, &Key::EMPTY), Err(ReadError::WitnessIncomplete));
    assert_eq!(trie.get(&of("b")), Ok(None));
    assert_eq!(trie.next(&of("b"), &Key::EMPTY), Ok(None));
    let updated = trie.update(None, &[put(b"a", "w")]).unwrap();
    assert_eq!(updated.get(&of("a")), Ok(Some(&val("w"))));
}

#[test]
fn keys_that_make_no_trie_are_named() {
    let build = |keys: &[&[u8]]| {
        let mut builder = TrieBuilder::new();
        keys.iter().find_map(|key| builder.push(&of(key), &val("v")).err())
    };
    assert_eq!(build(&[b"a", b"b"]), None);
    assert_eq!(build(&[b"b", b"a"]), Some(TrieError::NotAscending));
    assert_eq!(build(&[b"a", b"a"]), Some(TrieError::NotAscending));
    assert_eq!(build(&[b"a", b"ab"]), Some(TrieError::Prefix));
    assert_eq!(build(&[b"a", b"b", b"bc"]), Some(TrieError::Prefix));
    assert_eq!(build(&[b""]), Some(TrieError::EmptyKey));
    assert_eq!(build(&[&[1; 81]]), None);
}

#[test]
fn changes_that_make_no_trie_are_a_failure_of_the_node() {
    let trie = of_keys(&[b"bb"]);
    let refused = |changes: &[(Key, Option<Value>)]| {
        matches!(trie.update(None, changes), Err(ReadError::Failure(NodeFailure::Invariant(_))))
    };
    assert!(refused(&[put(b"a", "v"), delete(b"a")]), "a key named twice");
    assert!(refused(&[put(b"c", "v"), put(b"a", "v")]), "keys that descend");
    assert!(refused(&[put(b"b", "v")]), "a prefix of an entry");
    assert!(refused(&[put(b"bbb", "v")]), "a continuation of an entry");
    assert!(refused(&[put(b"a", "v"), put(b"ab", "v")]), "a prefix within the batch");
    assert!(refused(&[put(b"", "v")]), "an empty key");
    assert_eq!(trie.update(None, &[delete(b"b"), delete(b"bbb")]), Ok(trie.clone()), "both are absent");
}

#[test]
fn a_failed_push_leaves_the_builder_as_it_was() {
    let mut builder = TrieBuilder::new();
    builder.push(&of("b"), &val("v")).unwrap();
    for bad in ["a", "b", "ba", ""] {
        builder.push(&of(bad), &val("v")).unwrap_err();
    }
    builder.push(&of("c"), &val("v")).unwrap();
    assert_eq!(builder.finish(), of_keys(&[b"b", b"c"]));
}

#[test]
fn a_trie_over_rows_is_not_read_without_them() {
    let mut builder = TrieBuilder::over_rows(2);
    builder.push_row(&of("a"), vm_core::commitment::leaf_hash(b"a", &value_hash(b"v"))).unwrap();
    let trie = builder.finish();
    assert_eq!(trie, of_keys(&[b"a"]));
    let refused = Err(ReadError::from(ROWS));
    assert_eq!(trie.get(&of("a")).map(drop), refused);
    assert_eq!(trie.next(&Key::EMPTY, &Key::EMPTY).map(drop), refused);
    assert_eq!(trie.update(None, &[put(b"b", "v")]).map(drop), refused);
    assert_eq!(encode(&trie).map(drop), refused);
    assert_eq!(of_keys(&[b"a"]).buckets().map(drop), refused);
}

#[test]
fn r103_index_root_is_the_trie_over_big_endian_indices() {
    assert_eq!(index_root([]), Hash::ZERO);
    let entries: Entries =
        (0..300u16).map(|i| (of(u32::from(i).to_be_bytes()), val(i.to_be_bytes()))).collect();
    let hashes: Vec<_> = entries.values().map(|value| value_hash(value)).collect();
    assert_eq!(index_root(hashes.iter().copied()), model(&entries));
    assert_eq!(
        index_root(hashes.into_iter().take(3)).to_string(),
        "0x4be88b43f57cbbf6755f3c75024000b6011fe640ee11ab4dd4b792caf569aaa7"
    );
}

#[test]
fn r103_transactions_root_tells_mints_from_transactions() {
    let mints: Vec<_> = (0..3u8).map(|i| Mint { to: Address([i; 32]), amount: 1 }).collect();
    let transaction = vm_core::Transaction {
        sender: Address::ZERO,
        nonce: 0,
        gas_limit: 0,
        gas_price: 0,
        payload: vm_core::Payload::Transfer { to: Address::ZERO, amount: 0 },
    };
    let context = BlockContext { height: 1, time: 2, proposer: Address::ZERO };
    let mut block = Block { context, mints, transactions: vec![transaction; 2] };
    let hashes = [Hash([8; 32]), Hash([9; 32])];
    let entries: [(&[u8], Hash); 5] = [
        (&[0, 0, 0, 0, 0], value_hash(&block.mints[0].encode())),
        (&[0, 0, 0, 0, 1], value_hash(&block.mints[1].encode())),
        (&[0, 0, 0, 0, 2], value_hash(&block.mints[2].encode())),
        (&[1, 0, 0, 0, 0], hashes[0]),
        (&[1, 0, 0, 0, 1], hashes[1]),
    ];
    assert_eq!(transactions_root(&block, &hashes), model_root(&entries));
    block.mints.clear();
    block.transactions.clear();
    assert_eq!(transactions_root(&block, &[]), Hash::ZERO);
    let mismatch = std::panic::catch_unwind(|| transactions_root(&block, &hashes));
    assert!(mismatch.is_err());
}

#[test]
fn r80_a_search_finds_what_differs_from_its_start_right_after_the_prefix() {
    let (prefix, from, found) = (of([0x80]), of([0x80, 0x01]), of([0x80, 0x80]));
    for keys in [&[&[0x80, 0x80][..]][..], &[&[0x00], &[0x80, 0x80], &[0x80, 0xff]]] {
        assert_eq!(of_keys(keys).next(&prefix, &from), Ok(Some((&found, &val("v")))));
    }
    // One bit earlier, it is under another prefix.
    assert_eq!(of_keys(&[&[0x81, 0x80]]).next(&prefix, &from), Ok(None));
}

#[test]
fn tries_of_other_entries_are_not_equal() {
    let trie = of_keys(&[b"a", b"b"]);
    assert_eq!(trie, of_keys(&[b"a", b"b"]));
    assert_ne!(trie, of_keys(&[b"a"]));
    assert_ne!(trie, trie.update(None, &[put(b"a", "w")]).unwrap());
    assert_ne!(trie, Trie::default());
}

#[test]
fn a_trie_prints_its_root_only() {
    let _: Box<dyn Send> = Box::new(Trie::default());
    assert_eq!(alloc::format!("{:?}", Trie::default()), alloc::format!("Trie({:?})", Hash::ZERO));
    assert_eq!(alloc::format!("{:?}", TrieBuilder::over_rows(7)), "TrieBuilder { bucket: 7, .. }");
}

#[test]
fn a_part_of_a_trie_stays_one_whatever_becomes_of_it() {
    let trie = of_keys(&[b"a", b"b"]);
    assert!(!trie.is_partial() && !trie.update(None, &[put(b"c", "v")]).unwrap().is_partial());
    let part = restrict(&trie, None, &[(of("a"), true), (of("b"), true)]).unwrap();
    let decoded = decode(&encode(&part).unwrap(), KeyShape::Bytes(1)).unwrap();
    for part in [part, decoded] {
        assert!(part.is_partial() && part.update(None, &[delete(b"a")]).unwrap().is_partial());
    }
}
