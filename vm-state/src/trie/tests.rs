//! The trie against a naive model, written from the definition alone.

// For a thread with a small stack, also where the crate itself is built without.
extern crate std;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use parity_scale_codec::Encode;
use proptest::collection::{btree_map, vec as vec_of};
use proptest::prelude::*;
use proptest::sample::select;
use vm_core::{Address, Block, BlockContext, Domain, Mint, hash, value_hash};

use super::*;
use crate::NodeFailure;

type Entries = BTreeMap<Vec<u8>, Hash>;
type Changes = Vec<(Vec<u8>, Option<Hash>)>;

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
    model_root(&entries.iter().map(|(key, value_hash)| (key.as_slice(), *value_hash)).collect::<Vec<_>>())
}

fn built(entries: &Entries) -> Trie {
    Trie::from_sorted(entries.iter().map(|(key, value_hash)| (key, *value_hash))).unwrap()
}

fn applied(entries: &Entries, changes: &Changes) -> Entries {
    let mut entries = entries.clone();
    for (key, value_hash) in changes {
        match value_hash {
            Some(value_hash) => entries.insert(key.clone(), *value_hash),
            None => entries.remove(key),
        };
    }
    entries
}

/// Keys of a length that their first byte fixes, with few different bytes: long shared prefixes, short combs.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let byte = select(vec![0u8, 0, 0, 1, 2, 0x7f, 0x80, 0xff]);
    (select(vec![(0u8, 1usize), (1, 2), (2, 3), (3, 9), (4, 33), (0x80, 81)]), vec_of(byte, 80)).prop_map(
        |((tag, len), mut rest)| {
            rest.insert(0, tag);
            rest.truncate(len);
            rest
        },
    )
}

fn value() -> impl Strategy<Value = Hash> {
    (0..4u8).prop_map(|byte| Hash([byte; 32]))
}

fn entries(count: Range<usize>) -> impl Strategy<Value = Entries> {
    btree_map(key(), value(), count)
}

fn changes(count: Range<usize>) -> impl Strategy<Value = Changes> {
    btree_map(key(), proptest::option::of(value()), count).prop_map(|map| map.into_iter().collect())
}

/// Some entries, and changes of which about half meet one of them.
fn entries_and_changes() -> impl Strategy<Value = (Entries, Changes)> {
    (
        entries(0..24),
        changes(0..12),
        vec_of((any::<prop::sample::Index>(), proptest::option::of(value())), 0..12),
    )
        .prop_map(|(entries, changes, hits)| {
            let mut all: BTreeMap<_, _> = changes.into_iter().collect();
            let keys: Vec<_> = entries.keys().collect();
            for (index, value_hash) in hits.into_iter().filter(|_| !keys.is_empty()) {
                all.insert((*index.get(&keys)).clone(), value_hash);
            }
            (entries, all.into_iter().collect())
        })
}

/// A witness of `keys`: what is on their descents, the rest opaque.
fn pruned(trie: &Trie, keys: &[&[u8]]) -> Trie {
    fn go(node: &Arc<Node>, keys: &[&[u8]]) -> Arc<Node> {
        match &**node {
            _ if keys.is_empty() => Arc::new(Node::Opaque(node.hash())),
            Node::Leaf { .. } | Node::Opaque(_) => Arc::clone(node),
            Node::Inner { bit, left, right, .. } => {
                let (ones, zeros): (Vec<_>, Vec<_>) = keys.iter().partition(|key| bit_at(key, *bit));
                Node::inner(*bit, go(left, &zeros), go(right, &ones))
            }
        }
    }
    Trie { root: trie.root.as_ref().map(|node| go(node, keys)) }
}

/// Keys of 81 bytes of which the i-th has bit i set only: a path of 648 nodes.
fn comb() -> Entries {
    let key = |bit: u16| {
        let mut key = vec![0u8; 81];
        key[usize::from(bit / 8)] = 0x80 >> (bit % 8);
        key
    };
    (0..648).map(|bit| (key(bit), Hash([1; 32]))).chain([(vec![0; 81], Hash([2; 32]))]).collect()
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
        let updated = trie.update(&changes).unwrap();
        prop_assert_eq!(updated.root(), model(&expected));
        prop_assert_eq!(trie.root(), model(&entries), "the old trie stays");
        for key in entries.keys().chain(expected.keys()).chain(changes.iter().map(|(key, _)| key)) {
            prop_assert_eq!(updated.get(key), Ok(expected.get(key).copied()));
            prop_assert_eq!(trie.get(key), Ok(entries.get(key).copied()));
        }
    }

    #[test]
    fn r81_order_and_batching_of_changes_do_not_matter(
        (entries, changes) in entries_and_changes(),
        seed in any::<prop::sample::Index>(),
    ) {
        let trie = built(&entries);
        let batch = trie.update(&changes).unwrap();
        let mut turned = changes.clone();
        turned.rotate_left(seed.index(changes.len().max(1)));
        prop_assert_eq!(&trie.update(&turned).unwrap(), &batch);
        let single = turned.iter().fold(trie, |trie, change| trie.update(core::slice::from_ref(change)).unwrap());
        prop_assert_eq!(&single, &batch);
    }

    #[test]
    fn r81_building_is_updating_the_empty_trie(entries in entries(0..40)) {
        let puts: Changes = entries.iter().map(|(key, value_hash)| (key.clone(), Some(*value_hash))).collect();
        let trie = Trie::default().update(&puts).unwrap();
        prop_assert_eq!(&trie, &built(&entries));
        let deletes: Changes = entries.keys().map(|key| (key.clone(), None)).collect();
        prop_assert!(trie.update(&deletes).unwrap().is_empty());
    }

    #[test]
    fn r90_a_batch_on_a_witness_of_its_keys_gives_the_full_root((entries, changes) in entries_and_changes()) {
        let trie = built(&entries);
        let keys: Vec<_> = changes.iter().map(|(key, _)| key.as_slice()).collect();
        let witness = pruned(&trie, &keys);
        prop_assert_eq!(witness.root(), trie.root());
        for key in keys {
            prop_assert_eq!(witness.get(key), trie.get(key));
        }
        prop_assert_eq!(witness.update(&changes).unwrap().root(), trie.update(&changes).unwrap().root());
    }

    #[test]
    fn r91_a_witness_that_lacks_a_node_says_so_and_is_never_wrong(
        (entries, changes) in entries_and_changes(),
        kept in vec_of(key(), 0..6),
    ) {
        let trie = built(&entries);
        let witness = pruned(&trie, &kept.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for key in entries.keys().chain(changes.iter().map(|(key, _)| key)) {
            let found = witness.get(key);
            prop_assert!(found == trie.get(key) || found == Err(ReadError::WitnessIncomplete));
        }
        match witness.update(&changes) {
            Ok(updated) => prop_assert_eq!(updated.root(), trie.update(&changes).unwrap().root()),
            Err(error) => prop_assert_eq!(error, ReadError::WitnessIncomplete),
        }
    }

    #[test]
    fn r122_arbitrary_keys_are_taken_as_the_model_does_or_refused(
        old in vec_of((vec_of(select(vec![0u8, 1, 0x80]), 0..4), value()), 0..12),
        new in vec_of((vec_of(select(vec![0u8, 1, 0x80]), 0..4), proptest::option::of(value())), 0..12),
    ) {
        let sorted: Entries = old.into_iter().collect();
        let Ok(trie) = Trie::from_sorted(sorted.iter().map(|(key, value)| (key, *value))) else {
            let prefix = |a: &Vec<u8>| sorted.keys().any(|b| b != a && b.starts_with(a));
            prop_assert!(sorted.keys().any(|key| key.is_empty() || prefix(key)));
            return Ok(());
        };
        let names: BTreeSet<_> = new.iter().map(|(key, _)| key).collect();
        match trie.update(&new) {
            Ok(updated) => {
                prop_assert_eq!(names.len(), new.len());
                prop_assert_eq!(updated.root(), model(&applied(&sorted, &new)));
            }
            Err(error) => prop_assert!(matches!(error, ReadError::Failure(NodeFailure::Invariant(_)))),
        }
    }
}

#[test]
fn r81_empty_and_single_tries_have_the_defined_roots() {
    let value = Hash([7; 32]);
    assert_eq!(Trie::default().root(), Hash::ZERO);
    assert_eq!(Trie::default().get(b"a"), Ok(None));
    let one = Trie::default().update(&[(b"a", Some(value))]).unwrap();
    assert_eq!(one.root(), hash(Domain::Leaf, &[b"a".as_slice(), &value.0].concat()));
    assert_eq!(one.get(b"a"), Ok(Some(value)));
    assert_eq!(one.get(b"b"), Ok(None));
    assert_eq!(one.get(b""), Ok(None));
    assert_eq!(one.update(&[(b"a", None)]).unwrap(), Trie::default());
    assert_eq!(one.update(&[(b"b", None)]).unwrap(), one);
}

#[test]
fn r81_root_of_three_entries_is_pinned() {
    let keys: [&[u8]; 3] = [&[0x00], &[0x80, 0x00], &[0x80, 0x01]];
    let trie = Trie::from_sorted(keys.into_iter().map(|key| (key, value_hash(key)))).unwrap();
    assert_eq!(trie.root().to_string(), "0xc2b125221c177f45edb1fc4e8e8224676a6df39c7aed3358f9283448e4cc8d82");
}

#[test]
fn r81_a_path_of_648_nodes_works_and_needs_little_stack() {
    let entries = comb();
    let expected = model_of_comb(&entries);
    let work = move || {
        let trie = built(&entries);
        assert_eq!(trie.root(), expected);
        let halves = entries.keys().step_by(2);
        let deletes: Changes = halves.map(|key| (key.clone(), None)).collect();
        let rest = trie.update(&deletes).unwrap();
        drop(trie);
        assert_eq!(rest, built(&applied(&entries, &deletes)));
        let all: Changes = entries.keys().map(|key| (key.clone(), None)).collect();
        assert!(rest.update(&all).unwrap().is_empty());
    };
    // Room for the hashes' and the test's own frames, not for 648 frames of anything.
    let thread = std::thread::Builder::new().stack_size(48 << 10).spawn(work).unwrap();
    thread.join().unwrap();
}

/// The comb's root without the model's recursion: from the bottom, one fork per bit.
fn model_of_comb(entries: &Entries) -> Hash {
    let mut sorted = entries.iter();
    let leaf =
        |(key, value): (&Vec<u8>, &Hash)| hash(Domain::Leaf, &[key.as_slice(), value.as_ref()].concat());
    let first = leaf(sorted.next().unwrap());
    (0..648u16).rev().zip(sorted).fold(first, |left, (bit, entry)| node::inner_hash(bit, &left, &leaf(entry)))
}

#[test]
fn an_updated_trie_shares_what_it_did_not_touch() {
    let keys: [&[u8]; 4] = [&[0x00], &[0x01], &[0x80], &[0x81]];
    let trie = Trie::from_sorted(keys.into_iter().map(|key| (key, Hash::ZERO))).unwrap();
    let updated = trie.update(&[([0x00], Some(Hash([1; 32])))]).unwrap();
    let right = |trie: &Trie| match trie.root.as_deref() {
        Some(Node::Inner { right, .. }) => Arc::clone(right),
        _ => panic!("the root is a fork"),
    };
    assert!(Arc::ptr_eq(&right(&trie), &right(&updated)));
    let same = trie.update(&[([0x00], Some(Hash::ZERO)), ([0x02], None)]).unwrap();
    assert!(Arc::ptr_eq(same.root.as_ref().unwrap(), trie.root.as_ref().unwrap()));
}

#[test]
fn r91_deleting_beside_an_opaque_sibling_needs_no_look_at_it() {
    let keys: [&[u8]; 3] = [&[0x00], &[0x80], &[0xc0]];
    let trie = Trie::from_sorted(keys.into_iter().map(|key| (key, Hash::ZERO))).unwrap();
    let witness = pruned(&trie, &[&[0x00]]);
    let deleted = witness.update(&[([0x00], None)]).unwrap();
    assert_eq!(deleted.root(), trie.update(&[([0x00], None)]).unwrap().root());
    assert_eq!(deleted.get(&[0x00]), Err(ReadError::WitnessIncomplete));
    // Deleting first and putting then would walk into the sibling; in a batch the put comes first.
    let put = [([0x01], Some(Hash::ZERO))];
    assert_eq!(deleted.update(&put), Err(ReadError::WitnessIncomplete));
    let batch = [([0x00], None), put[0]];
    assert_eq!(witness.update(&batch).unwrap().root(), trie.update(&batch).unwrap().root());
    assert_eq!(witness.update(&[([0x80], None)]), Err(ReadError::WitnessIncomplete));
    assert_eq!(witness.get(&[0x80]), Err(ReadError::WitnessIncomplete));
}

#[test]
fn keys_that_make_no_trie_are_named() {
    let build = |keys: &[&[u8]]| Trie::from_sorted(keys.iter().map(|key| (key, Hash::ZERO))).err();
    assert_eq!(build(&[b"a", b"b"]), None);
    assert_eq!(build(&[b"b", b"a"]), Some(TrieError::NotAscending));
    assert_eq!(build(&[b"a", b"a"]), Some(TrieError::NotAscending));
    assert_eq!(build(&[b"a", b"ab"]), Some(TrieError::Prefix));
    assert_eq!(build(&[b"a", b"b", b"bc"]), Some(TrieError::Prefix));
    assert_eq!(build(&[b""]), Some(TrieError::KeyLength { found: 0 }));
    assert_eq!(build(&[&[1; 82]]), Some(TrieError::KeyLength { found: 82 }));
    assert_eq!(build(&[&[1; 81]]), None);
}

#[test]
fn changes_that_make_no_trie_are_a_failure_of_the_node() {
    let trie = Trie::from_sorted([(b"bb", Hash::ZERO)].into_iter()).unwrap();
    let refused = |changes: &[(&[u8], Option<Hash>)]| {
        matches!(trie.update(changes), Err(ReadError::Failure(NodeFailure::Invariant(_))))
    };
    let put = Some(Hash::ZERO);
    assert!(refused(&[(b"a", put), (b"a", None)]), "a key named twice");
    assert!(refused(&[(b"b", put)]), "a prefix of an entry");
    assert!(refused(&[(b"bbb", put)]), "a continuation of an entry");
    assert!(refused(&[(b"a", put), (b"ab", put)]), "a prefix within the batch");
    assert!(refused(&[(b"", put)]), "an empty key");
    assert!(refused(&[(&[1; 82], put)]), "a long key");
    assert_eq!(trie.update(&[(b"b".as_slice(), None), (b"bbb", None)]), Ok(trie.clone()));
}

#[test]
fn a_failed_push_leaves_the_builder_as_it_was() {
    let mut builder = TrieBuilder::default();
    builder.push(b"b", Hash::ZERO).unwrap();
    for bad in [b"a".as_slice(), b"b", b"ba", b""] {
        builder.push(bad, Hash::ZERO).unwrap_err();
    }
    builder.push(b"c", Hash::ZERO).unwrap();
    let expected = Trie::from_sorted([(b"b", Hash::ZERO), (b"c", Hash::ZERO)].into_iter()).unwrap();
    assert_eq!(builder.finish(), expected);
}

#[test]
fn r103_index_root_is_the_trie_over_big_endian_indices() {
    assert_eq!(index_root([]), Hash::ZERO);
    let hashes: Vec<_> = (0..300u16).map(|i| value_hash(&i.to_be_bytes())).collect();
    let entries: Entries =
        (0u32..).zip(&hashes).map(|(index, hash)| (index.to_be_bytes().to_vec(), *hash)).collect();
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
    let entries: Entries = [
        (vec![0, 0, 0, 0, 0], value_hash(&block.mints[0].encode())),
        (vec![0, 0, 0, 0, 1], value_hash(&block.mints[1].encode())),
        (vec![0, 0, 0, 0, 2], value_hash(&block.mints[2].encode())),
        (vec![1, 0, 0, 0, 0], hashes[0]),
        (vec![1, 0, 0, 0, 1], hashes[1]),
    ]
    .into();
    assert_eq!(transactions_root(&block, &hashes), model(&entries));
    block.mints.clear();
    block.transactions.clear();
    assert_eq!(transactions_root(&block, &[]), Hash::ZERO);
    let mismatch = std::panic::catch_unwind(|| transactions_root(&block, &hashes));
    assert!(mismatch.is_err());
}

#[test]
fn a_trie_prints_its_root_only() {
    let _: Box<dyn Send> = Box::new(Trie::default());
    assert_eq!(alloc::format!("{:?}", Trie::default()), alloc::format!("Trie({:?})", Hash::ZERO));
}
