//! R81, R91, R92: proofs of entries, against a naive reading of docs/format.md section 7.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod naive;

use std::collections::BTreeSet;
use std::sync::Arc;

use naive::part::{Asked, Pairs, Shown, entry_key_len, needed, pairs, part, read};
use naive::{
    BUCKETS, Entries, Rows, applied, changes, entries, header, key, next, of, on_top, root, val, whole,
    whole_view,
};
use proptest::collection::vec as vec_of;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use vm_core::{Address, Hash, Key, ObjectId, value_hash};
use vm_state::{
    ChangeSet, DecodeError, Footprint, Journal, NodeFailure, ProofError, ProofRequest, RangeRead, ReadError,
    Trie, View, Witness, prove, verify, verify_walk,
};

/// What is asked, both ways: as the product takes it and as the naive model does.
#[derive(Clone, Debug, Default)]
struct Query {
    keys: Vec<Key>,
    searches: Vec<(Key, Key)>,
}

impl Query {
    fn request(&self) -> ProofRequest {
        let mut request = ProofRequest::new();
        for key in &self.keys {
            request.key(*key);
        }
        for (prefix, from) in &self.searches {
            request.search(*prefix, *from);
        }
        request
    }

    fn asked(&self) -> Asked {
        let bytes = |key: &Key| key.as_bytes().to_vec();
        Asked {
            keys: self.keys.iter().map(bytes).collect(),
            searches: self.searches.iter().map(|(prefix, from)| (bytes(prefix), bytes(from))).collect(),
        }
    }

    /// The bytes by the definition.
    fn proof(&self, entries: &Entries) -> Vec<u8> {
        let pairs = naive_pairs(entries);
        part(&pairs, &needed(&pairs, &self.asked())).write()
    }
}

fn naive_pairs(entries: &Entries) -> Pairs {
    pairs(entries.iter().map(|(key, value)| (key.as_bytes(), value.as_slice())))
}

/// Keys, present and absent, and searches with all kinds of prefixes and starts, a few of them no entry keys.
fn query(entries: &Entries) -> impl Strategy<Value = Query> + use<> {
    let present: Vec<Key> = entries.keys().copied().chain([Key::system()]).collect();
    let some = prop_oneof![select(present.clone()), key(), select(present)].boxed();
    let cut = (some.clone(), any::<Index>()).prop_map(|(key, cut)| {
        let bytes = key.as_bytes();
        of(&bytes[..cut.index(bytes.len() + 1)])
    });
    let odd = select(vec![Key::EMPTY, of("w"), of([0]), of([0xff; 81]), of("abc")]);
    let from = prop_oneof![4 => some.clone(), 2 => cut.clone(), 1 => odd.clone()];
    let asked = prop_oneof![8 => some, 1 => odd];
    (vec_of(asked, 0..8), vec_of((cut, from), 0..6)).prop_map(|(keys, searches)| Query { keys, searches })
}

fn entries_and_query() -> impl Strategy<Value = (Entries, Query)> {
    entries(0..30).prop_flat_map(|entries| (Just(entries.clone()), query(&entries)))
}

fn entries_query_and_changes() -> impl Strategy<Value = (Entries, Query, ChangeSet)> {
    entries_and_query().prop_flat_map(|(entries, query)| {
        let keys = entries.keys().copied().collect();
        (Just(entries), Just(query), changes(keys))
    })
}

/// Every view that the same entries can have: whole, over rows of each bucket size, and made by a block on top.
fn views(entries: &Entries, before: &Entries) -> Vec<Arc<dyn View>> {
    let mut block: ChangeSet =
        before.keys().filter(|key| !entries.contains_key(*key)).map(|key| (*key, None)).collect();
    block.extend(entries.iter().map(|(key, value)| (*key, Some(value.clone()))));
    block.sort_by_key(|(key, _)| *key);
    let mut views: Vec<Arc<dyn View>> = vec![Arc::new(whole_view(entries))];
    let below: Arc<dyn View> = Arc::new(whole_view(before));
    views.push(on_top(&below, &block));
    for bucket in BUCKETS {
        views.push(Arc::new(Rows::strict(bucket, entries)));
        let below: Arc<dyn View> = Arc::new(Rows::new(bucket, before));
        views.push(on_top(&below, &block));
    }
    views
}

fn small() -> Entries {
    let mut entries = Entries::new();
    for name in ["alice", "bob", "carol"] {
        entries.insert(Key::account(&Address::named(name)), val([name.len() as u8; 16]));
    }
    entries.insert(Key::system(), val([9; 60]));
    for name in ["x", "y"] {
        entries.insert(Key::field(&ObjectId([7; 32]), name.as_bytes()), val(name));
    }
    entries
}

/// A key, an absent one, and a search: a proof with nodes of every kind.
fn of_small() -> (Entries, Query, Vec<u8>) {
    let entries = small();
    let keys = vec![Key::account(&Address::named("bob")), Key::account(&Address::named("dave"))];
    let prefix = Key::fields_prefix(&ObjectId([7; 32]));
    let query = Query { keys, searches: vec![(prefix, prefix)] };
    let proof = prove(&whole_view(&entries), &query.request()).unwrap();
    (entries, query, proof)
}

proptest! {
    #[test]
    fn r81_every_view_of_a_state_gives_the_one_proof_and_it_shows_what_was_asked(
        (entries, query, back) in entries_query_and_changes(),
    ) {
        let request = query.request();
        let expected = query.proof(&entries);
        for view in views(&entries, &applied(&entries, &back)) {
            prop_assert_eq!(&prove(&*view, &request).unwrap(), &expected);
        }
        let shown = verify(&root(&entries), &request, &expected).unwrap();
        for key in &query.keys {
            prop_assert_eq!(shown.get(key), Ok(entries.get(key)));
        }
        for (prefix, from) in &query.searches {
            prop_assert_eq!(shown.next(prefix, from), Ok(next(&entries, prefix, from)));
        }
        // And who has the page only finds the same in it.
        let page = read(&expected, entry_key_len).unwrap();
        prop_assert_eq!(Hash(page.root()), root(&entries));
        for key in &query.keys {
            let leaf = page.leaf(key.as_bytes()).filter(|(leaf, _)| *leaf == key.as_bytes());
            let value = entries.get(key).map(|value| Shown::Value(value.to_vec()));
            prop_assert_eq!(leaf, value.as_ref().map(|value| (key.as_bytes(), value)));
        }
        for (prefix, from) in &query.searches {
            let found = next(&entries, prefix, from).map(|(key, value)| (key, Shown::Value(value.to_vec())));
            let found = found.as_ref().map(|(key, value)| (key.as_bytes(), value));
            prop_assert_eq!(page.search(prefix.as_bytes(), from.as_bytes()), Some(found));
        }
    }

    #[test]
    fn r91_what_a_proof_does_not_show_is_incomplete_and_never_wrong(
        (entries, query) in entries_and_query(),
        others in vec_of(key(), 0..10),
    ) {
        let shown = verify(&root(&entries), &query.request(), &query.proof(&entries)).unwrap();
        for key in entries.keys().chain(&others) {
            let (got, expected) = (shown.get(key), Ok(entries.get(key)));
            prop_assert!(got == expected || got == Err(ReadError::WitnessIncomplete), "{key:?}: {got:?}");
            let got = shown.value_hash(key);
            let expected = Ok(entries.get(key).map(|value| value_hash(value)));
            prop_assert!(got == expected || got == Err(ReadError::WitnessIncomplete), "{key:?}: {got:?}");
            for prefix in [Key::EMPTY, of(&key.as_bytes()[..1])] {
                let got = shown.next(&prefix, key);
                let expected = Ok(next(&entries, &prefix, key));
                prop_assert!(got == expected || got == Err(ReadError::WitnessIncomplete), "{key:?}: {got:?}");
            }
        }
    }

    #[test]
    fn r91_a_proof_of_one_request_serves_another_only_if_that_has_the_same(
        (entries, query) in entries_and_query(),
        drop_keys in any::<bool>(),
        cut in any::<Index>(),
    ) {
        let mut less = query.clone();
        if drop_keys {
            less.keys.truncate(cut.index(less.keys.len() + 1));
        } else {
            less.searches.truncate(cut.index(less.searches.len() + 1));
        }
        let (root, more, less) = (root(&entries), query, less);
        let (long, short) = (more.proof(&entries), less.proof(&entries));
        let pairs = naive_pairs(&entries);
        if needed(&pairs, &more.asked()) == needed(&pairs, &less.asked()) {
            prop_assert_eq!(&long, &short);
            verify(&root, &less.request(), &long).unwrap();
        } else {
            prop_assert_eq!(verify(&root, &less.request(), &long), Err(ProofError::Superfluous));
            prop_assert_eq!(verify(&root, &more.request(), &short), Err(ProofError::Incomplete));
        }
    }

    #[test]
    fn r81_a_walk_is_proven_as_a_whole(
        entries in entries(0..30),
        (prefix, from) in (key(), key()),
        cut in any::<Index>(),
        limit in 0u32..12,
        other in 0u32..12,
    ) {
        let prefix = of(&prefix.as_bytes()[..cut.index(4).min(prefix.as_bytes().len())]);
        let root = root(&entries);
        for from in [prefix, from] {
            let expected: Vec<_> = entries
                .range(from..)
                .filter(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()))
                .map(|(key, value)| (*key, value.clone()))
                .take(limit as usize)
                .collect();
            let mut proofs = BTreeSet::new();
            for view in views(&entries, &Entries::new()) {
                let mut request = ProofRequest::new();
                prop_assert_eq!(request.walk(&*view, prefix, from, limit).unwrap(), expected.clone());
                proofs.insert(prove(&*view, &request).unwrap());
            }
            prop_assert_eq!(proofs.len(), 1);
            let proof = proofs.first().unwrap();
            prop_assert_eq!(verify_walk(&root, prefix, from, limit, proof), Ok(expected.clone()));
            // With another limit: the same if both reach the end by the same entries, or refused.
            match verify_walk(&root, prefix, from, other, proof) {
                Ok(found) => prop_assert_eq!(found, expected),
                Err(ProofError::Incomplete) => prop_assert!(other > limit),
                Err(error) => {
                    prop_assert_eq!(error, ProofError::Superfluous);
                    prop_assert!(other < limit);
                }
            }
        }
    }

    #[test]
    fn r90_the_next_root_follows_from_a_proof_of_what_changes(
        (entries, query, changes) in entries_query_and_changes(),
        empty in any::<bool>(),
    ) {
        let mut query = query;
        let mut changes = changes;
        if empty {
            changes = naive::all_deleted(&entries);
        }
        query.keys.extend(changes.iter().map(|(key, _)| *key));
        let shown = verify(&root(&entries), &query.request(), &query.proof(&entries)).unwrap();
        let updated = shown.update(None, &changes).unwrap();
        let expected = applied(&entries, &changes);
        prop_assert_eq!(updated.root(), root(&expected));
        for (key, _) in &changes {
            let got = updated.get(key);
            // Deleted and then asked again, a key's descent may end where nothing is shown.
            let incomplete = got == Err(ReadError::WitnessIncomplete) && !expected.contains_key(key);
            prop_assert!(got == Ok(expected.get(key)) || incomplete, "{key:?}: {got:?}");
        }
    }

    #[test]
    fn r91_a_change_that_was_not_asked_for_is_incomplete_or_right(
        (entries, query, changes) in entries_query_and_changes(),
    ) {
        let shown = verify(&root(&entries), &query.request(), &query.proof(&entries)).unwrap();
        match shown.update(None, &changes) {
            Ok(updated) => prop_assert_eq!(updated.root(), root(&applied(&entries, &changes))),
            Err(error) => prop_assert_eq!(error, ReadError::WitnessIncomplete),
        }
    }

    #[test]
    fn r91_no_other_bytes_prove_anything(
        (entries, query) in entries_and_query(),
        places in vec_of((any::<Index>(), any::<u8>()), 60),
    ) {
        let (root, request, proof) = (root(&entries), query.request(), query.proof(&entries));
        for (place, byte) in places {
            let at = place.index(proof.len());
            let mut flipped = proof.clone();
            flipped[at] ^= 1 << (byte % 8);
            let mut other = proof.clone();
            other[at] = other[at].wrapping_add(byte.max(1));
            let mut longer = proof.clone();
            longer.insert(at, byte);
            let mut shorter = proof.clone();
            shorter.remove(at);
            let appended = [proof.as_slice(), &[byte]].concat();
            for bytes in [flipped, other, longer, shorter, appended] {
                // Dropping one of two equal neighbours is dropping the other: only other bytes count.
                if bytes != proof {
                    prop_assert!(verify(&root, &request, &bytes).is_err(), "{at} {byte}");
                }
            }
            prop_assert_eq!(
                verify(&root, &request, &proof[..at]).err(),
                Some(ProofError::Malformed(DecodeError::Truncated))
            );
        }
    }

    #[test]
    fn r122_the_decoder_takes_what_the_page_says_and_nothing_else(
        (entries, query) in entries_and_query(),
        edits in vec_of((any::<Index>(), 0..4u8, hostile_bytes()), 0..4),
        other in entries_and_query(),
        splice in proptest::option::of((any::<Index>(), any::<Index>())),
    ) {
        let mut bytes = query.proof(&entries);
        for (place, kind, new) in edits {
            let at = place.index(bytes.len() + 1);
            let cut = match kind {
                0 => 0,
                1 => new.len(),
                2 => 1,
                _ => 33,
            };
            let until = bytes.len().min(at + cut);
            bytes.splice(at..until, new);
        }
        if let Some((here, there)) = splice {
            let other = other.1.proof(&other.0);
            bytes.truncate(here.index(bytes.len() + 1));
            bytes.extend(&other[there.index(other.len())..]);
        }
        agrees_with_the_page(&bytes);
    }

    #[test]
    fn r122_garbage_is_refused_by_name(tokens in vec_of(hostile_bytes(), 0..40), bytes in vec_of(any::<u8>(), 0..200)) {
        agrees_with_the_page(&tokens.concat());
        agrees_with_the_page(&bytes);
    }
}

/// Bytes that mean something in many places: tags, first bytes of keys, lengths, hashes.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        select(vec![0u8, 1, 2, 3, 4, 5, 11, 12, 254, 255]).prop_map(|tag| vec![tag]),
        select(b"ackfosw\0\xff".to_vec()).prop_map(|tag| vec![tag]),
        select(vec![vec![255, 0, 250], vec![255, 0, 251], vec![255, 2, 0x87], vec![255, 2, 0x88]]),
        select(vec![
            vec![1, 0],
            vec![2, 0, 0, 0],
            vec![3, 0, 0, 0, 0x40],
            vec![3, 255, 255, 255, 255],
            vec![7]
        ]),
        // Whole nodes: a hash, the system entry with and without its value.
        any::<u8>().prop_map(|byte| [[1].as_slice(), &[byte; 32]].concat()),
        any::<u8>().prop_map(|byte| [b"\x02s".as_slice(), &[byte; 32]].concat()),
        Just(b"\x03s\x04v".to_vec()),
        any::<u8>().prop_map(|byte| [b"\x03o".as_slice(), &[byte; 32], b"\0"].concat()),
        (0..255u8).prop_map(|byte| vec![byte]),
    ]
}

/// The product reads `bytes` exactly if the page's rules do, and to the same root.
fn agrees_with_the_page(bytes: &[u8]) {
    let nothing = ProofRequest::new();
    let page = read(bytes, entry_key_len);
    let expected = page.as_ref().map_or(Hash::ZERO, |part| Hash(part.root()));
    match (page, verify(&expected, &nothing, bytes)) {
        (None, Err(ProofError::Malformed(_))) => {}
        (Some(part), Ok(_) | Err(ProofError::Superfluous)) => {
            // One part, one encoding.
            assert_eq!(part.write(), bytes);
            // Any fixed root could be the one that the garbage names: a lone hash is its own root.
            let other = Hash(expected.0.map(|byte| !byte));
            assert_eq!(
                verify(&other, &nothing, bytes),
                Err(ProofError::RootMismatch { expected: other, found: expected })
            );
        }
        (page, found) => panic!("{bytes:02x?}: the page says {page:?}, the decoder {found:?}"),
    }
}

#[test]
fn r122_a_lone_hash_is_the_root_that_it_names() {
    for byte in [0, 0xee, 0xff] {
        agrees_with_the_page(&[[1].as_slice(), &[byte; 32]].concat());
    }
}

#[test]
fn r91_every_flipped_bit_and_every_cut_of_a_proof_is_refused() {
    let (entries, query, proof) = of_small();
    let (root, request) = (root(&entries), query.request());
    verify(&root, &request, &proof).unwrap();
    for at in 0..proof.len() {
        for bit in 0..8 {
            let mut bytes = proof.clone();
            bytes[at] ^= 1 << bit;
            verify(&root, &request, &bytes).unwrap_err();
            agrees_with_the_page(&bytes);
        }
        let cut = verify(&root, &request, &proof[..at]);
        assert_eq!(cut, Err(ProofError::Malformed(DecodeError::Truncated)), "{at}");
        for byte in 0..=255 {
            let mut bytes = proof.clone();
            bytes.insert(at, byte);
            if bytes != proof {
                verify(&root, &request, &bytes).unwrap_err();
            }
        }
        let mut bytes = proof.clone();
        bytes.remove(at);
        verify(&root, &request, &bytes).unwrap_err();
    }
    for byte in 0..=255 {
        let bytes = [proof.as_slice(), &[byte]].concat();
        let at = proof.len() as u32;
        assert_eq!(verify(&root, &request, &bytes), Err(DecodeError::Trailing { at }.into()));
    }
}

#[test]
fn r81_each_key_and_each_pair_of_a_state_is_provable() {
    let entries = small();
    let absent = ["dave", "erin"].map(|name| Key::account(&Address::named(name)));
    let keys: Vec<Key> = entries.keys().copied().chain(absent).collect();
    for a in &keys {
        for b in &keys {
            let query = Query { keys: vec![*a, *b], searches: vec![] };
            let proof = prove(&whole_view(&entries), &query.request()).unwrap();
            let shown = verify(&root(&entries), &query.request(), &proof).unwrap();
            assert_eq!((shown.get(a), shown.get(b)), (Ok(entries.get(a)), Ok(entries.get(b))));
        }
    }
}

#[test]
fn r81_the_empty_state_proves_every_absence_in_one_byte() {
    let query = Query { keys: vec![Key::system()], searches: vec![(Key::EMPTY, Key::EMPTY)] };
    for request in [query.request(), ProofRequest::new()] {
        for view in views(&Entries::new(), &small()) {
            assert_eq!(prove(&*view, &request).unwrap(), [0]);
        }
        let shown = verify(&Hash::ZERO, &request, &[0]).unwrap();
        assert!(shown.is_empty());
        // The other way to write a root of zeros.
        let hidden = [[1].as_slice(), &[0; 32]].concat();
        assert_eq!(verify(&Hash::ZERO, &request, &hidden), Err(DecodeError::NoSubtrie { at: 0 }.into()));
    }
    let first: ChangeSet = vec![(Key::system(), Some(val("v")))];
    let shown = verify(&Hash::ZERO, &query.request(), &[0]).unwrap();
    assert_eq!(shown.update(None, &first).unwrap().root(), root(&applied(&Entries::new(), &first)));
}

#[test]
fn r81_a_request_for_nothing_shows_the_root_only() {
    let entries = small();
    let proof = prove(&whole_view(&entries), &ProofRequest::new()).unwrap();
    assert_eq!(proof, [[1].as_slice(), &root(&entries).0].concat());
    let shown = verify(&root(&entries), &ProofRequest::new(), &proof).unwrap();
    assert_eq!(shown.get(&Key::system()), Err(ReadError::WitnessIncomplete));
    assert_eq!(shown.next(&Key::EMPTY, &Key::EMPTY), Err(ReadError::WitnessIncomplete));
    assert_eq!(shown.update(None, &[(Key::system(), None)]), Err(ReadError::WitnessIncomplete));
    // Asked for anything, the same bytes are not enough.
    let mut request = ProofRequest::new();
    request.key(Key::system());
    assert_eq!(verify(&root(&entries), &request, &proof), Err(ProofError::Incomplete));
    // A search that can't find anything needs nothing.
    let mut request = ProofRequest::new();
    request.search(of("a"), of("b"));
    assert_eq!(verify(&root(&entries), &request, &proof), Ok(whole(&entries)));
}

#[test]
fn r91_another_states_proof_and_another_root_are_named() {
    let (entries, query, proof) = of_small();
    let changed = applied(&entries, &vec![(Key::system(), Some(val("other")))]);
    let (expected, found) = (root(&changed), root(&entries));
    assert_eq!(
        verify(&expected, &query.request(), &proof),
        Err(ProofError::RootMismatch { expected, found })
    );
    assert_eq!(
        verify_walk(&expected, Key::EMPTY, Key::EMPTY, 1, &proof),
        Err(ProofError::RootMismatch { expected, found })
    );
    assert!(matches!(
        Witness::open(&header(expected, Hash::ZERO, 0), &proof),
        Err(ProofError::RootMismatch { .. })
    ));
}

#[test]
fn r91_a_value_where_its_hash_serves_is_superfluous_and_a_hash_for_a_value_incomplete() {
    let entries = small();
    let (bob, dave) = (Key::account(&Address::named("bob")), Key::account(&Address::named("dave")));
    let pairs = naive_pairs(&entries);
    let query = Query { keys: vec![dave], searches: vec![] };
    let mut shown = needed(&pairs, &query.asked());
    let verified = |bytes: Vec<u8>| verify(&root(&entries), &query.request(), &bytes).err();
    assert_eq!(verified(part(&pairs, &shown).write()), None);
    let neighbour = shown.first_key_value().unwrap().0.clone();
    shown.insert(neighbour, true);
    assert_eq!(verified(part(&pairs, &shown).write()), Some(ProofError::Superfluous));
    shown.insert(Key::system().as_bytes().to_vec(), false);
    assert_eq!(verified(part(&pairs, &shown).write()), Some(ProofError::Superfluous));
    // Nothing at all, and everything but what was asked.
    assert_eq!(verified([[1].as_slice(), &root(&entries).0].concat()), Some(ProofError::Incomplete));
    let query = Query { keys: vec![bob], searches: vec![] };
    let verified = |bytes: Vec<u8>| verify(&root(&entries), &query.request(), &bytes).err();
    let hash_only = [(bob.as_bytes().to_vec(), false)].into();
    assert_eq!(verified(part(&pairs, &hash_only).write()), Some(ProofError::Incomplete));
    let others = pairs.keys().filter(|key| *key != bob.as_bytes()).map(|key| (key.clone(), true)).collect();
    assert_eq!(verified(part(&pairs, &others).write()), Some(ProofError::Incomplete));
}

#[test]
fn r81_a_footprint_asks_for_its_keys_and_searches() {
    let entries = small();
    let view: Arc<dyn View> = Arc::new(whole_view(&entries));
    let mut journal = Journal::new(Arc::clone(&view));
    let (bob, dave) = (Key::account(&Address::named("bob")), Key::account(&Address::named("dave")));
    let prefix = Key::fields_prefix(&ObjectId([7; 32]));
    journal.get(&bob).unwrap();
    journal.set(&dave, Some(val("new"))).unwrap();
    let found = journal.next(&prefix, &prefix).unwrap().unwrap().0;
    let footprint = journal.end_transaction();
    let range = RangeRead { prefix, from: prefix, found: Some(found) };
    assert_eq!(
        footprint,
        Footprint {
            touched: {
                let mut all = vec![bob, dave, found];
                all.sort();
                all
            },
            ranges: [range].into(),
            written: vec![dave],
        }
    );
    let mut request = ProofRequest::new();
    request.footprint(&footprint);
    let query = Query { keys: vec![bob, dave, found], searches: vec![(prefix, prefix)] };
    assert_eq!(request, query.request());
    assert_eq!(prove(&*view, &request).unwrap(), query.proof(&entries));
}

#[test]
fn r91_a_witness_is_compared_with_what_was_touched() {
    let (entries, query, proof) = of_small();
    let parent = header(root(&entries), Hash::ZERO, 0);
    let witness = Witness::open(&parent, &proof).unwrap();
    assert_eq!(witness.check_exact(&query.request()), Ok(()));
    let view = witness.view(&parent);
    assert_eq!(view.header(), &parent);
    for key in &query.keys {
        assert_eq!(view.get(key), Ok(entries.get(key).cloned()));
    }
    assert_eq!(view.get(&Key::system()), Err(ReadError::WitnessIncomplete));
    let mut request = query.request();
    request.key(Key::system());
    assert_eq!(witness.check_exact(&request), Err(ProofError::Incomplete));
    assert_eq!(witness.check_exact(&ProofRequest::new()), Err(ProofError::Superfluous));
    assert_eq!(Witness::open(&parent, &[]).err(), Some(DecodeError::Truncated.into()));
    // What a witness shows is proven from it again, and nothing else is.
    assert_eq!(prove(&view, &query.request()), Ok(proof));
    assert_eq!(prove(&view, &request), Err(ReadError::WitnessIncomplete));
}

#[test]
fn a_state_that_lost_a_row_proves_nothing() {
    // The trie of all entries over the rows of all but one.
    #[derive(Debug)]
    struct Damaged(Rows, Rows);
    impl View for Damaged {
        fn header(&self) -> &vm_core::Header {
            self.0.header()
        }
        fn get(&self, key: &Key) -> Result<Option<vm_state::Value>, ReadError> {
            self.1.get(key)
        }
        fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, vm_state::Value)>, ReadError> {
            self.1.next(prefix, from)
        }
        fn trie(&self) -> &Trie {
            self.0.trie()
        }
        fn leaves(&self, region: &vm_state::Region) -> Result<Vec<vm_state::LeafRow>, ReadError> {
            self.0.leaves(region)
        }
        fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
            self.1.before(key)
        }
    }
    let entries = small();
    let lost = applied(&entries, &vec![(Key::system(), None)]);
    let view = Damaged(Rows::new(2, &entries), Rows::new(2, &lost));
    let mut request = ProofRequest::new();
    request.key(Key::system());
    assert!(matches!(prove(&view, &request), Err(ReadError::Failure(NodeFailure::Invariant(_)))));
}

/// What the decoder says of bytes that are wrong in one way each.
fn refused(bytes: &[&[u8]]) -> DecodeError {
    let bytes = bytes.concat();
    assert_eq!(read(&bytes, entry_key_len), None, "{bytes:02x?}");
    match verify(&Hash([1; 32]), &ProofRequest::new(), &bytes) {
        Err(ProofError::Malformed(error)) => error,
        other => panic!("{bytes:02x?}: {other:?}"),
    }
}

/// A leaf's tag and key without its value.
fn leaf(key: &[u8]) -> Vec<u8> {
    [&[2], key, &[5; 32]].concat()
}

const HIDDEN: [u8; 33] = [1; 33];

#[test]
fn r91_missing_bytes_and_bytes_left_over_are_named() {
    assert_eq!(refused(&[]), DecodeError::Truncated);
    assert_eq!(refused(&[&HIDDEN[..32]]), DecodeError::Truncated);
    assert_eq!(refused(&[&[2]]), DecodeError::Truncated);
    assert_eq!(refused(&[&[2], b"s"]), DecodeError::Truncated);
    assert_eq!(refused(&[&[3], b"s"]), DecodeError::Truncated);
    assert_eq!(refused(&[&[2], b"o", &[0; 31]]), DecodeError::Truncated);
    assert_eq!(refused(&[&[255, 0]]), DecodeError::Truncated);
    assert_eq!(refused(&[&[4], &HIDDEN]), DecodeError::Truncated);
    assert_eq!(refused(&[&[4; 648]]), DecodeError::Truncated);
    assert_eq!(refused(&[&[0, 0]]), DecodeError::Trailing { at: 1 });
    assert_eq!(refused(&[&HIDDEN, &[0]]), DecodeError::Trailing { at: 33 });
    assert_eq!(refused(&[&leaf(b"s"), &leaf(b"s")]), DecodeError::Trailing { at: 34 });
}

#[test]
fn r91_subtries_without_entries_are_named() {
    assert_eq!(refused(&[&[1], &[0; 32]]), DecodeError::NoSubtrie { at: 0 });
    assert_eq!(refused(&[&[7, 0], &leaf(b"s")]), DecodeError::NoSubtrie { at: 1 });
    assert_eq!(refused(&[&[4], &leaf(b"s"), &[0]]), DecodeError::NoSubtrie { at: 35 });
    assert_eq!(refused(&[&[5, 1], &[0; 32], &leaf(b"s")]), DecodeError::NoSubtrie { at: 1 });
}

#[test]
fn r91_forks_that_cannot_be_are_named() {
    // The long form of a distance that has a short one.
    assert_eq!(refused(&[&[255, 0, 250]]), DecodeError::Fork { at: 0 });
    assert_eq!(refused(&[&[255, 0, 0], &HIDDEN, &leaf(b"s")]), DecodeError::Fork { at: 0 });
    // At bit 648, at once and step by step.
    assert_eq!(refused(&[&[255, 2, 0x88]]), DecodeError::Fork { at: 0 });
    assert_eq!(refused(&[&[255, 255, 255]]), DecodeError::Fork { at: 0 });
    assert_eq!(refused(&[&[4; 649]]), DecodeError::Fork { at: 648 });
    assert_eq!(refused(&[&[254, 254, 254]]), DecodeError::Fork { at: 2 });
    assert_eq!(refused(&[&[4, 255, 255, 255]]), DecodeError::Fork { at: 1 });
    // Both sides hidden: the fork's own hash says as much.
    assert_eq!(refused(&[&[4], &HIDDEN, &HIDDEN]), DecodeError::Hollow { at: 67 });
    assert_eq!(refused(&[&[4, 4], &HIDDEN, &HIDDEN, &leaf(b"s")]), DecodeError::Hollow { at: 68 });
    assert_eq!(refused(&[&[4], &HIDDEN, &[4], &HIDDEN, &HIDDEN]), DecodeError::Hollow { at: 101 });
}

#[test]
fn r91_keys_that_cannot_be_are_named() {
    assert_eq!(refused(&[&[2], b"b", &[0; 64]]), DecodeError::Key { at: 1 });
    assert_eq!(refused(&[&[3, 0]]), DecodeError::Key { at: 1 });
    // Forks at bits that a key of 1 byte and one of 33 bytes have not.
    assert_eq!(refused(&[&[12], &leaf(b"s"), &HIDDEN]), DecodeError::Key { at: 2 });
    let object = [b"o".as_slice(), &[0; 32]].concat();
    assert_eq!(refused(&[&[255, 1, 8], &leaf(&object), &HIDDEN]), DecodeError::Key { at: 4 });
    // The lowest of several forks is one that only longer keys have.
    assert_eq!(refused(&[&[4, 255, 1, 7, 4], &leaf(&object)]), DecodeError::Key { at: 6 });
    let field = [b"f".as_slice(), &[0; 64]].concat();
    // 's' and 'w' differ at bit 5; below it, a fork at bit 8 needs more of 's' than there is.
    assert_eq!(refused(&[&[9], &leaf(b"s"), &[6], &leaf(b"s"), &HIDDEN]), DecodeError::Key { at: 37 });
    // The longest path that a field's key has.
    let far = [&[255u8, 2, 7][..], &leaf(&field), &HIDDEN].concat();
    assert!(read(&far, entry_key_len).is_some());
    assert_eq!(refused(&[&[255, 2, 8], &leaf(&field), &HIDDEN]), DecodeError::Key { at: 4 });
}

#[test]
fn r91_keys_in_another_place_are_named() {
    let object = |byte: u8| [b"o".as_slice(), &[byte; 32]].concat();
    // A 1 on the left, a 0 on the right: 's' is 0111 0011.
    assert_eq!(refused(&[&[5], &leaf(b"s"), &HIDDEN]), DecodeError::Misplaced { at: 2 });
    assert_eq!(refused(&[&[4], &HIDDEN, &leaf(b"s")]), DecodeError::Misplaced { at: 35 });
    // Two leaves at bit 8 that differ before it, or later.
    let own = |byte: u8| [&[2], [byte; 32].as_slice(), &[5; 32]].concat();
    let first = [&[12u8], leaf(&object(0)).as_slice()].concat();
    assert!(read(&[first.as_slice(), &own(0x80)].concat(), entry_key_len).is_some());
    assert_eq!(refused(&[&first, &own(0)]), DecodeError::Misplaced { at: 68 });
    // At bit 9 both have a 0 in bit 8, which is shared; here the right one has not.
    let first = [&[13u8], leaf(&object(0)).as_slice()].concat();
    assert!(read(&[first.as_slice(), &own(0x40)].concat(), entry_key_len).is_some());
    assert_eq!(refused(&[&first, &own(0xc0)]), DecodeError::Misplaced { at: 68 });
    // Leaves that a fork between does not separate: on the right of bit 8 and left of bit 9, but first 0x80, then 0xc0
    // below a fork at bit 10.
    let fork = [&[12u8], HIDDEN.as_slice(), &[5], &leaf(&object(0x80))].concat();
    assert_eq!(refused(&[&fork, &own(0xc0)]), DecodeError::Misplaced { at: 102 });
    // In descending order.
    let first = [&[12u8], leaf(&object(0x80)).as_slice()].concat();
    assert_eq!(refused(&[&first, &own(0)]), DecodeError::Misplaced { at: 2 });
    // Twice the same.
    assert_eq!(refused(&[&[4], &leaf(b"s"), &leaf(b"s")]), DecodeError::Misplaced { at: 36 });
}

#[test]
fn r91_lengths_of_values_have_one_form_and_no_memory_before_the_bytes() {
    let entry = |len: &[u8]| refused(&[b"\x03s", len]);
    // 0, 63 and 16,383 in the next longer form.
    assert_eq!(entry(&[1, 0]), DecodeError::ValueLength { at: 2 });
    assert_eq!(entry(&[0xfd, 0]), DecodeError::ValueLength { at: 2 });
    assert_eq!(entry(&[0xfe, 0xff, 0, 0]), DecodeError::ValueLength { at: 2 });
    assert_eq!(entry(&[3, 0xff, 0xff, 0xff, 0x3f]), DecodeError::ValueLength { at: 2 });
    // More than 2^32.
    assert_eq!(entry(&[7, 0, 0, 0, 0, 1]), DecodeError::ValueLength { at: 2 });
    assert_eq!(entry(&[0xff; 80]), DecodeError::ValueLength { at: 2 });
    // Lengths that end too early.
    for (form, len) in [(1u8, 2), (2, 4), (3, 5)] {
        for cut in 1..len {
            assert_eq!(entry(&vec![form; cut]), DecodeError::Truncated);
        }
    }
    // 4 GiB, and not a byte of it.
    assert_eq!(entry(&[3, 0xff, 0xff, 0xff, 0xff]), DecodeError::Truncated);
    assert_eq!(entry(&[3, 0xff, 0xff, 0xff, 0xff, 0]), DecodeError::Truncated);
    for len in [0usize, 63, 64, 16_383, 16_384] {
        let entries: Entries = [(Key::system(), val(vec![1; len]))].into();
        let query = Query { keys: vec![Key::system()], searches: vec![] };
        let proof = prove(&whole_view(&entries), &query.request()).unwrap();
        assert_eq!(proof, query.proof(&entries));
        let shown = verify(&root(&entries), &query.request(), &proof).unwrap();
        assert_eq!(shown.get(&Key::system()), Ok(Some(&val(vec![1; len]))));
    }
}

#[test]
fn r81_a_forks_distance_has_the_long_form_from_251_on() {
    for (at, tag) in [(249, &[253][..]), (250, &[254]), (251, &[255, 0, 251]), (252, &[255, 0, 252])] {
        let mut right = [b'w'; 81];
        right[at / 8] ^= 0x80 >> (at % 8);
        let entries: Entries = [of([b'w'; 81]), of(right)].map(|key| (key, val([1]))).into();
        let query = Query { keys: entries.keys().copied().collect(), searches: vec![] };
        let proof = prove(&whole_view(&entries), &query.request()).unwrap();
        assert_eq!(proof, query.proof(&entries));
        assert!(proof.starts_with(tag), "{at}: {proof:02x?}");
        assert_eq!(verify(&root(&entries), &query.request(), &proof), Ok(whole(&entries)));
    }
}

#[test]
fn r122_the_deepest_path_is_proven() {
    // Keys of 81 bytes with one bit set each: 640 forks below one another.
    let comb = |bit: usize| {
        let mut key = [0u8; 81];
        key[0] = b'w';
        if bit < 648 {
            key[bit / 8] |= 0x80 >> (bit % 8);
        }
        of(key)
    };
    let entries: Entries = (8..=648).map(|bit| (comb(bit), val([1]))).collect();
    let mut request = ProofRequest::new();
    request.key(comb(648));
    let whole = whole_view(&entries);
    let proof = prove(&whole, &request).unwrap();
    let shown = verify(&whole.header().state_root, &request, &proof).unwrap();
    assert_eq!(shown.get(&comb(648)), Ok(Some(&val([1]))));
    for bucket in BUCKETS {
        assert_eq!(prove(&Rows::strict(bucket, &entries), &request).unwrap(), proof);
    }
    assert_eq!(proof.len(), 640 * (1 + 33) + 1 + 81 + 2);
}

#[test]
fn r91_errors_say_what_to_look_at() {
    let texts = [
        (ProofError::Malformed(DecodeError::Key { at: 7 }), "not a proof: a key that can't be, at byte 7"),
        (ProofError::Superfluous, "the proof shows more than was asked"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
}
