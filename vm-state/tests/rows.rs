//! Tries over rows, and overlays: whatever is held and however it came to be, they answer as a plain map does.
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

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use naive::{
    BUCKETS, Entries, Rows, all_deleted, applied, bit, blocks, entries, key, next, of, on_top, over_rows,
    root, val, whole, whole_view,
};
use proptest::prelude::*;
use vm_core::Key;
use vm_state::{
    Bucket, BucketsError, ChangeSet, LeafRow, NodeFailure, ReadError, Region, Trie, View, next_trie,
};

/// Everything that can be asked of `view` is as `entries` have it, near `keys` as well.
fn answers_as(view: &dyn View, entries: &Entries, keys: &[Key]) {
    assert_eq!(view.trie().root(), root(entries));
    let mut asked: Vec<Key> = keys.to_vec();
    asked.extend(entries.keys());
    asked.extend(keys.iter().filter_map(Key::successor));
    asked.extend([Key::EMPTY, of([0xff; 81])]);
    for key in &asked {
        assert_eq!(view.get(key), Ok(entries.get(key).cloned()), "{key:?}");
        let bytes = key.as_bytes();
        for cut in [0, 1, 2, bytes.len() / 2, bytes.len()] {
            let prefix = of(&bytes[..cut.min(bytes.len())]);
            for from in [&prefix, key] {
                let expected = next(entries, &prefix, from).map(|(key, value)| (*key, value.clone()));
                assert_eq!(view.next(&prefix, from), Ok(expected), "{prefix:?} from {from:?}");
            }
        }
        if view.trie().bucket() > 0 {
            assert_eq!(
                view.before(key),
                Ok(entries.range(..*key).next_back().map(|(key, _)| *key)),
                "{key:?}"
            );
        }
    }
}

/// The rows that an overlay gives are those of a state built from scratch: bucket by bucket.
fn has_the_rows_of(view: &dyn View, entries: &Entries) {
    let fresh = Rows::strict(view.trie().bucket(), entries);
    for key in entries.keys().step_by(entries.len() / 20 + 1) {
        // The smallest region around the key that has at most a bucket of entries.
        let bits = (0..=648).find(|bits| fresh.leaves(&Region::new(key, *bits)).is_ok()).unwrap();
        let region = Region::new(key, bits);
        assert_eq!(view.leaves(&region), fresh.leaves(&region));
    }
}

/// Counts what is asked of the view below.
#[derive(Debug)]
struct Counting(Rows, AtomicU64);

impl View for Counting {
    fn header(&self) -> &vm_core::Header {
        self.0.header()
    }
    fn get(&self, key: &Key) -> Result<Option<vm_state::Value>, vm_state::ReadError> {
        self.0.get(key)
    }
    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, vm_state::Value)>, vm_state::ReadError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.next(prefix, from)
    }
    fn trie(&self) -> &Trie {
        self.0.trie()
    }
    fn leaves(&self, region: &Region) -> Result<Vec<vm_state::LeafRow>, vm_state::ReadError> {
        let rows = self.0.leaves(region)?;
        self.1.fetch_add(1 + rows.len() as u64, Ordering::Relaxed);
        Ok(rows)
    }
    fn before(&self, key: &Key) -> Result<Option<Key>, vm_state::ReadError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.before(key)
    }
}

/// What a chain does that is opened again, or forks: the rows hold what a later block wrote, and it is written anew on
/// the state before.
#[test]
fn creating_again_what_was_deleted_below_costs_a_few_steps_each() {
    let object = |byte: u8| vm_core::ObjectId([byte; 32]);
    let fields = |byte: u8, count: u32| {
        let key = move |index: u32| Key::field(&object(byte), &index.to_be_bytes());
        (0..count).map(move |index| (key(index), val([1; 8])))
    };
    let steps = |count: u32| {
        // A neighbour with more than a bucket of entries, so that the descents of the others end in its bucket.
        let before: Entries = fields(1, 40).collect();
        let rows: Entries = before.iter().map(|(k, v)| (*k, v.clone())).chain(fields(3, count)).collect();
        let below = Arc::new(Counting(Rows::new(16, &rows), AtomicU64::new(0)));
        let deleted: ChangeSet = fields(3, count).map(|(key, _)| (key, None)).collect();
        let mut deleted = deleted;
        deleted.sort();
        let view: Arc<dyn View> = below.clone();
        let earlier = on_top(&view, &deleted);
        below.1.store(0, Ordering::Relaxed);
        let mut again: ChangeSet = fields(3, count).map(|(key, value)| (key, Some(value))).collect();
        again.sort();
        let trie = next_trie(&*earlier, &again).unwrap();
        assert_eq!(trie.root(), root(&rows));
        below.1.load(Ordering::Relaxed)
    };
    let (few, many) = (steps(200), steps(2_000));
    assert!(many < 12 * few && many < 10 * 2_000, "{few} steps for 200, {many} for 2,000");
}

proptest! {
    #[test]
    fn r81_a_trie_over_rows_is_after_every_block_as_built_from_scratch((entries, blocks) in blocks(1..6)) {
        for bucket in BUCKETS {
            let mut entries = entries.clone();
            let mut rows = Rows::strict(bucket, &entries);
            for changes in blocks.iter().chain([&all_deleted(&entries)]) {
                let trie = next_trie(&rows, changes).unwrap();
                entries = applied(&entries, changes);
                prop_assert_eq!(trie.root(), root(&entries));
                let fresh = over_rows(bucket, &entries);
                prop_assert_eq!(trie.buckets(), fresh.buckets());
                prop_assert_eq!(trie.bucket(), bucket);
                rows = Rows::strict(bucket, &entries);
            }
        }
    }

    #[test]
    fn r81_over_rows_a_batch_is_its_changes_one_by_one((entries, blocks) in blocks(1..2)) {
        let changes = &blocks[0];
        for bucket in BUCKETS {
            let batch = next_trie(&Rows::strict(bucket, &entries), changes).unwrap();
            let mut view: Arc<dyn View> = Arc::new(Rows::new(bucket, &entries));
            // Backwards: the order of blocks does not show either.
            for change in changes.iter().rev() {
                view = on_top(&view, &vec![change.clone()]);
            }
            prop_assert_eq!(view.trie().buckets(), batch.buckets());
            prop_assert_eq!(view.trie(), &batch);
        }
    }

    #[test]
    fn r81_buckets_are_the_trie(entries in entries(0..60)) {
        for bucket in BUCKETS {
            let trie = over_rows(bucket, &entries);
            let buckets = trie.buckets().unwrap();
            prop_assert_eq!(buckets.iter().map(|bucket| bucket.count as usize).sum::<usize>(), entries.len());
            prop_assert!(buckets.iter().all(|one| (1..=bucket).contains(&one.count)));
            let again = Trie::from_buckets(bucket, buckets.iter().copied()).unwrap();
            prop_assert_eq!(&again, &trie);
            prop_assert_eq!(again.buckets().unwrap(), buckets);
            prop_assert_eq!(&again, &whole(&entries));
        }
    }

    #[test]
    fn r100_stacked_overlays_are_the_map((entries, blocks) in blocks(1..5), more in proptest::collection::vec(key(), 0..6)) {
        let bases = BUCKETS.map(|bucket| -> Arc<dyn View> { Arc::new(Rows::new(bucket, &entries)) });
        let whole: Arc<dyn View> = Arc::new(whole_view(&entries));
        for base in bases.into_iter().chain([whole]) {
            let (mut view, mut model) = (base, entries.clone());
            for changes in blocks.iter().chain([&all_deleted(&entries)]) {
                view = on_top(&view, changes);
                model = applied(&model, changes);
                let mut asked = more.clone();
                asked.extend(changes.iter().map(|(key, _)| *key));
                answers_as(&*view, &model, &asked);
                if view.trie().bucket() > 0 {
                    has_the_rows_of(&*view, &model);
                }
            }
        }
    }

    #[test]
    fn a_region_is_what_shares_its_first_bits(key in key(), other in key(), bits in 0u16..=648) {
        let shares = (0..usize::from(bits)).all(|index| bit(key.as_bytes(), index) == bit(other.as_bytes(), index));
        // Prefix-free keys: of one that ends before the region's last bit, only itself could begin so.
        prop_assume!(usize::from(bits) <= 8 * other.as_bytes().len());
        let region = Region::new(&key, bits);
        prop_assert_eq!(region.contains(&other), shares);
        prop_assert!(!shares || *region.start() <= other);
        prop_assert!(!shares || region.end().is_none_or(|end| other < *end));
        if usize::from(bits) < 8 * other.as_bytes().len() {
            let one = bit(other.as_bytes(), usize::from(bits));
            prop_assert_eq!(region.side(one).contains(&other), shares);
            prop_assert!(!region.side(!one).contains(&other));
        }
    }
}

/// `n` objects' keys that differ in their last bytes.
fn many(n: u16) -> Entries {
    let key = |index: u16| {
        let mut bytes = [7; 33];
        bytes[0] = b'o';
        bytes[31..].copy_from_slice(&index.to_be_bytes());
        of(bytes)
    };
    (0..n).map(|index| (key(index), val(index.to_be_bytes()))).collect()
}

#[test]
fn r100_overlays_of_many_deletions_are_the_map() {
    let entries = many(300);
    for bucket in [1, 3, 32] {
        let mut view: Arc<dyn View> = Arc::new(Rows::new(bucket, &entries));
        let mut model = entries.clone();
        let third = |skip: usize| -> ChangeSet {
            entries.keys().skip(skip).step_by(3).map(|key| (*key, None)).collect()
        };
        let again: ChangeSet =
            entries.iter().skip(100).take(5).map(|(key, _)| (*key, Some(val("again")))).collect();
        for changes in [third(0), third(1), third(2), again, all_deleted(&entries)] {
            view = on_top(&view, &changes);
            model = applied(&model, &changes);
            assert_eq!(view.trie().buckets(), over_rows(bucket, &model).buckets());
            let asked: Vec<Key> = entries.keys().step_by(37).copied().collect();
            answers_as(&*view, &model, &asked);
            has_the_rows_of(&*view, &model);
        }
        assert!(view.trie().is_empty());
    }
}

#[test]
fn r81_a_bucket_splits_and_joins_at_its_size() {
    for bucket in BUCKETS {
        let entries = many(u16::try_from(bucket).unwrap() + 1);
        let full = applied(&entries, &vec![(*entries.keys().next().unwrap(), None)]);
        assert_eq!(over_rows(bucket, &full).buckets().unwrap().len(), 1);
        let (key, value) = entries.first_key_value().unwrap();
        let split = next_trie(&Rows::strict(bucket, &full), &vec![(*key, Some(value.clone()))]).unwrap();
        assert!(split.buckets().unwrap().len() > 1);
        assert_eq!(split.buckets(), over_rows(bucket, &entries).buckets());
        let joined = next_trie(&Rows::strict(bucket, &entries), &vec![(*key, None)]).unwrap();
        assert_eq!(joined.buckets(), over_rows(bucket, &full).buckets());
    }
}

#[test]
fn deleting_what_is_absent_leaves_rows_as_they_are() {
    let entries = many(9);
    for bucket in BUCKETS {
        let rows = Rows::strict(bucket, &entries);
        let prefix = of(&entries.keys().next().unwrap().as_bytes()[..20]);
        let absent: ChangeSet =
            [of("o"), prefix, of([b'o'; 33]), of([b'z'; 33])].map(|key| (key, None)).into();
        assert_eq!(next_trie(&rows, &absent).unwrap().buckets(), rows.trie().buckets());
    }
}

/// A state whose buckets are read with a mistake.
#[derive(Debug)]
struct Damaged(Rows, fn(&mut Vec<LeafRow>));

impl View for Damaged {
    fn header(&self) -> &vm_core::Header {
        self.0.header()
    }
    fn get(&self, key: &Key) -> Result<Option<vm_state::Value>, ReadError> {
        self.0.get(key)
    }
    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, vm_state::Value)>, ReadError> {
        self.0.next(prefix, from)
    }
    fn trie(&self) -> &Trie {
        self.0.trie()
    }
    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        let mut rows = self.0.leaves(region)?;
        self.1(&mut rows);
        Ok(rows)
    }
    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
        self.0.before(key)
    }
}

#[test]
fn rows_that_are_not_those_of_their_bucket_make_no_root() {
    let entries = many(9);
    let mistakes: [fn(&mut Vec<LeafRow>); 4] = [
        |rows| rows[0].leaf.0[31] ^= 1,
        |rows| rows.truncate(1),
        |rows| rows.swap(0, 1),
        |rows| {
            rows.insert(0, rows[0]);
        },
    ];
    let keys: Vec<Key> = entries.keys().copied().collect();
    let changes = [(keys[0], Some(val("new"))), (keys[0], None), (keys[1], None)];
    for bucket in [2, 3, 4, 32] {
        for mistake in mistakes {
            let view = Damaged(Rows::strict(bucket, &entries), mistake);
            for change in &changes {
                let made = next_trie(&view, &vec![change.clone()]);
                let Err(ReadError::Failure(NodeFailure::Invariant(text))) = made else { panic!("{made:?}") };
                assert!(text.contains("is the store damaged?"), "{text}");
            }
        }
    }
}

#[test]
fn buckets_of_wrong_sizes_are_named() {
    let bucket = |count| Bucket { bit: 0, count, hash: vm_core::Hash([1; 32]) };
    for found in [0, 4] {
        assert_eq!(Trie::from_buckets(3, [bucket(found)]), Err(BucketsError { found, max: 3 }));
    }
    Trie::from_buckets(3, [bucket(3)]).unwrap();
}
