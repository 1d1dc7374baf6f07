use super::*;
use crate::{LeafRow, MemoryStore, NodeFailure, Region, Store};
use alloc::vec;
use parity_scale_codec::Encode;
use proptest::prelude::*;
use vm_core::{Address, Header, KeySpace, ObjectId, Params, Stamp};

/// A view over a map, so that the parent's entries can be chosen freely.
#[derive(Debug)]
struct MapView {
    header: Header,
    entries: BTreeMap<Key, Value>,
    trie: crate::Trie,
}

impl View for MapView {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        Ok(self.entries.get(key).cloned())
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        let mut rest = self.entries.range(*from..);
        let first = rest.next().filter(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()));
        Ok(first.map(|(key, value)| (*key, value.clone())))
    }

    fn trie(&self) -> &crate::Trie {
        &self.trie
    }

    fn leaves(&self, _region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        Err(NodeFailure::Invariant("a journal reads no buckets").into())
    }

    fn before(&self, _key: &Key) -> Result<Option<Key>, ReadError> {
        Err(NodeFailure::Invariant("a journal reads no buckets").into())
    }
}

fn over(entries: BTreeMap<Key, Value>) -> Journal {
    let genesis = crate::Genesis::new(&Params::default(), 0, &[]).unwrap();
    let header = MemoryStore::new(&genesis).view().unwrap().header().clone();
    Journal::new(Arc::new(MapView { header, entries, trie: crate::Trie::default() }))
}

fn owned(index: u32) -> Key {
    Key::owned(&Address([1; 32]), &Address([2; 32]), Stamp { height: 1, transaction: 0, index })
}

fn prefix() -> Key {
    Key::owned_prefix(&Address([1; 32]), &Address([2; 32]))
}

fn value(byte: u8) -> Value {
    Value::from_slice(&[byte])
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Option<u8>),
    Get(u8),
    First,
    From(u8),
    Checkpoint,
    Rollback,
    EndTransaction,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..12, proptest::option::of(any::<u8>())).prop_map(|(key, value)| Step::Set(key, value)),
        1 => (0u8..12).prop_map(Step::Get),
        3 => Just(Step::First),
        2 => (0u8..12).prop_map(Step::From),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Rollback),
        1 => Just(Step::EndTransaction),
    ]
}

proptest! {
    /// The journal against a plain map that is copied at every checkpoint.
    #[test]
    fn journal_equals_the_naive_model(
        base in proptest::collection::btree_map(0u8..12, any::<u8>(), 0..8),
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let base: BTreeMap<Key, Value> = base.into_iter().map(|(k, v)| (owned(k.into()), value(v))).collect();
        let mut model = base.clone();
        let mut journal = over(base.clone());
        let mut saved = vec![];
        for step in steps {
            match step {
                Step::Set(key, new) => {
                    let key = owned(key.into());
                    journal.set(&key, new.map(value)).unwrap();
                    match new {
                        Some(new) => model.insert(key, value(new)),
                        None => model.remove(&key),
                    };
                }
                Step::Get(key) => {
                    let key = owned(key.into());
                    prop_assert_eq!(journal.get(&key).unwrap(), model.get(&key));
                }
                Step::First => {
                    let expected = model.iter().next().map(|(k, v)| (*k, v.clone()));
                    prop_assert_eq!(journal.next(&prefix(), &prefix()).unwrap(), expected);
                }
                Step::From(key) => {
                    let from = owned(key.into());
                    let expected = model.range(from..).next().map(|(k, v)| (*k, v.clone()));
                    prop_assert_eq!(journal.next(&prefix(), &from).unwrap(), expected);
                }
                Step::Checkpoint => saved.push((journal.checkpoint(), model.clone())),
                Step::Rollback => {
                    if let Some((checkpoint, before)) = saved.pop() {
                        journal.rollback(checkpoint);
                        model = before;
                    }
                }
                Step::EndTransaction => {
                    saved.clear();
                    journal.end_transaction();
                }
            }
        }
        let mut expected: ChangeSet = vec![];
        for key in base.keys().chain(model.keys()).copied().collect::<BTreeSet<_>>() {
            if base.get(&key) != model.get(&key) {
                expected.push((key, model.get(&key).cloned()));
            }
        }
        prop_assert_eq!(journal.changes(), expected);
    }
}

#[test]
fn marks_and_footprint_survive_a_rollback_and_end_with_the_transaction() {
    let mut journal = over(BTreeMap::new());
    let start = journal.checkpoint();
    let (read, written) = (owned(1), owned(2));
    journal.get(&read).unwrap();
    journal.set(&written, Some(value(1))).unwrap();
    journal.next(&prefix(), &prefix()).unwrap();
    journal.rollback(start);
    assert!(journal.is_touched(&read) && journal.is_touched(&written));
    assert!(journal.is_written(&written) && !journal.is_written(&read));
    let footprint = journal.end_transaction();
    assert_eq!(footprint.touched, [read, written]);
    assert_eq!(footprint.written, [written]);
    let range = RangeRead { prefix: prefix(), from: prefix(), found: Some(written) };
    assert_eq!(footprint.ranges, [range]);
    assert!(!journal.is_touched(&read) && !journal.is_written(&written));
    assert!(journal.changes().is_empty());
}

#[test]
fn a_value_written_back_is_no_change() {
    let base = BTreeMap::from([(owned(1), value(1))]);
    let mut journal = over(base);
    journal.set(&owned(1), Some(value(2))).unwrap();
    journal.set(&owned(1), Some(value(1))).unwrap();
    assert!(journal.changes().is_empty());
}

#[test]
fn a_repeated_id_or_stamp_is_a_node_failure() {
    let mut journal = over(BTreeMap::new());
    let meta = vm_core::ObjectMeta {
        contract: Address([1; 32]),
        owner: Address([2; 32]),
        policy: vm_core::Policy::Contract,
        stamp: Stamp { height: 1, transaction: 0, index: 0 },
    };
    journal.create_object(&ObjectId([1; 32]), meta).unwrap();
    let again = journal.create_object(&ObjectId([1; 32]), meta);
    assert_eq!(again, Err(NodeFailure::Invariant("an object id never repeats").into()));
    let same_stamp = journal.create_object(&ObjectId([2; 32]), meta);
    assert_eq!(same_stamp, Err(NodeFailure::Invariant("an acquisition stamp never repeats").into()));
}

#[test]
fn a_damaged_entry_is_a_node_failure_not_an_absence() {
    let address = Address([9; 32]);
    let base = BTreeMap::from([(Key::account(&address), Value::from_vec(7u8.encode()))]);
    let mut journal = over(base);
    assert!(matches!(journal.account(&address), Err(ReadError::Failure(NodeFailure::Damaged(_)))));
}

/// DESIGN 10, rule 10: what was deleted is stepped over once, not at every search.
#[test]
fn searches_pass_deleted_entries_once() {
    use core::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug)]
    struct Counting(MapView, AtomicU32);

    impl View for Counting {
        fn header(&self) -> &Header {
            self.0.header()
        }
        fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
            self.0.get(key)
        }
        fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.next(prefix, from)
        }
        fn trie(&self) -> &crate::Trie {
            self.0.trie()
        }
        fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
            self.0.leaves(region)
        }
        fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
            self.0.before(key)
        }
    }

    let entries: BTreeMap<Key, Value> = (0u32..1_000).map(|index| (owned(index), value(1))).collect();
    let header = crate::Genesis::new(&Params::default(), 0, &[]).unwrap().header().clone();
    let view =
        Arc::new(Counting(MapView { header, entries, trie: crate::Trie::default() }, AtomicU32::new(0)));
    let mut journal = Journal::new(view.clone());
    for index in 1u32..999 {
        journal.set(&owned(index), None).unwrap();
    }
    let last = Some((owned(999), value(1)));
    let asked = |journal: &mut Journal, from: u32| {
        let before = view.1.load(Ordering::Relaxed);
        assert_eq!(journal.next(&prefix(), &owned(from)).unwrap(), last);
        view.1.load(Ordering::Relaxed).saturating_sub(before)
    };
    assert_eq!(asked(&mut journal, 1), 999);
    for from in [1, 2, 500, 998] {
        assert_eq!(asked(&mut journal, from), 1, "from {from}");
    }
    // An entry that is deleted and revived costs its own step, not everybody's.
    let checkpoint = journal.checkpoint();
    journal.set(&owned(999), None).unwrap();
    assert_eq!(journal.next(&prefix(), &owned(1)).unwrap(), None);
    journal.rollback(checkpoint);
    assert_eq!(asked(&mut journal, 1), 1);
    // The same for entries that the block itself made: none is asked of the view.
    for index in 2_000u32..3_000 {
        journal.set(&owned(index), Some(value(2))).unwrap();
        journal.set(&owned(index), None).unwrap();
    }
    assert_eq!(asked(&mut journal, 1), 1);
}

/// A witness has to show what the view found, also where an entry that the journal holds comes first.
#[test]
fn what_a_search_of_the_view_brings_is_told_though_another_entry_wins() {
    let base = BTreeMap::from([(owned(5), Value::from_slice(&[1; 40]))]);
    let mut journal = over(base);
    assert_eq!(journal.next(&prefix(), &prefix()).unwrap().map(|(key, _)| key), Some(owned(5)));
    assert_eq!(journal.take_passed_over(), 0, "what is given is declared by whoever asked");
    journal.set(&owned(2), Some(value(2))).unwrap();
    assert_eq!(journal.next(&prefix(), &prefix()).unwrap().map(|(key, _)| key), Some(owned(2)));
    assert_eq!(journal.take_passed_over(), 40);
    assert_eq!(journal.take_passed_over(), 0);
}

/// Elsewhere the journal's own writes would be missed: nobody gets half an answer.
#[test]
fn only_spaces_that_are_kept_for_it_can_be_searched() {
    let mut journal = over(BTreeMap::new());
    let object = vm_core::ObjectId([7; 32]);
    journal.set(&Key::field(&object, b"name"), Some(value(1))).unwrap();
    let fields = Key::fields_prefix(&object);
    assert!(journal.next(&fields, &fields).unwrap().is_some());
    journal.set(&Key::object(&object), Some(value(1))).unwrap();
    let searched = |space| [KeySpace::Field, KeySpace::Owned].contains(&space);
    for space in KeySpace::ALL.into_iter().filter(|space| !searched(*space)) {
        let prefix = Key::space_prefix(space);
        let refused = journal.next(&prefix, &prefix).unwrap_err();
        assert!(matches!(refused, ReadError::Failure(NodeFailure::Invariant(_))), "{space:?}: {refused}");
    }
    assert!(journal.next(&Key::EMPTY, &fields).is_err());
    let footprint = journal.end_transaction();
    assert_eq!(footprint.ranges.len(), 1, "a search that is refused leaves no trace");
}
