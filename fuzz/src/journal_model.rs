//! A journal against a map that is copied at every checkpoint, and once more on what a witness of it shows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use vm_core::{Key, KeySpace};
use vm_state::{ChangeSet, Checkpoint, Journal, RangeRead, Value, View, Witness, prove};

use crate::entries;
use crate::naive::state::{Entries, next};

/// What a block does to its journal.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Get(Key),
    Set(Key, Option<Value>),
    Next(Key, Key),
    Checkpoint,
    /// To one of the open checkpoints, by number; none is open at a transaction's begin.
    Rollback(u8),
    EndTransaction,
}

/// Up to 24 operations on `keys`.
pub(crate) fn operations(u: &mut Unstructured<'_>, keys: &[Key]) -> Result<Vec<Operation>> {
    let count = u.int_in_range(0..=24u8)?;
    (0..count)
        .map(|_| {
            Ok(match u.int_in_range(0..=11u8)? {
                0..=3 => Operation::Set(*u.choose(keys)?, Some(entries::value(u)?)),
                4..=5 => Operation::Set(*u.choose(keys)?, None),
                6 => Operation::Get(*u.choose(keys)?),
                7..=8 => {
                    let (prefix, from) = (entries::prefix(u, keys)?, entries::prefix(u, keys)?);
                    // The journal keeps track of the spaces that execution searches.
                    match prefix.space() {
                        Some(KeySpace::Field | KeySpace::Owned) => Operation::Next(prefix, from),
                        _ => Operation::Get(*u.choose(keys)?),
                    }
                }
                9 => Operation::Checkpoint,
                10 => Operation::Rollback(u.arbitrary()?),
                _ => Operation::EndTransaction,
            })
        })
        .collect()
}

/// What a transaction touched, as the model saw it.
#[derive(Default)]
struct Touched {
    keys: BTreeSet<Key>,
    written: BTreeSet<Key>,
    ranges: BTreeSet<RangeRead>,
}

/// Runs `operations` on a journal over `view`, whose entries are `before`, and once more over a witness of what it asked
/// for; gives the changes.
pub(crate) fn run(view: &Arc<dyn View>, operations: &[Operation], before: &Entries) -> ChangeSet {
    let journal = play(view, operations, before);
    let request = journal.request();
    let proof = prove(&**view, &request).unwrap();
    let witness = Witness::open(view.header(), &proof).unwrap();
    assert_eq!(witness.check_exact(&request), Ok(()), "what a journal asks for is what its witness shows");
    let light: Arc<dyn View> = Arc::new(witness.view(view.header()));
    let again = play(&light, operations, before);
    assert_eq!(again.request(), request, "over a witness the same is asked");
    assert_eq!(again.changes(), journal.changes(), "over a witness the same is written");
    journal.changes()
}

fn play(view: &Arc<dyn View>, operations: &[Operation], before: &Entries) -> Journal {
    let mut journal = Journal::new(Arc::clone(view));
    let mut model = before.clone();
    let mut open: Vec<(Checkpoint, Entries)> = vec![];
    let mut touched = Touched::default();
    for operation in operations {
        match operation {
            Operation::Get(key) => {
                assert_eq!(journal.get(key).unwrap(), model.get(key), "{key:?}");
                touched.keys.insert(*key);
            }
            Operation::Set(key, value) => {
                journal.set(key, value.clone()).unwrap();
                match value {
                    Some(value) => model.insert(*key, value.clone()),
                    None => model.remove(key),
                };
                touched.keys.insert(*key);
                touched.written.insert(*key);
            }
            Operation::Next(prefix, from) => {
                let found = next(&model, prefix, from).map(|(key, value)| (*key, value.clone()));
                assert_eq!(journal.next(prefix, from).unwrap(), found, "under {prefix:?} from {from:?}");
                let found = found.map(|(key, _)| key);
                touched.keys.extend(found);
                touched.ranges.insert(RangeRead { prefix: *prefix, from: *from, found });
            }
            Operation::Checkpoint => open.push((journal.checkpoint(), model.clone())),
            Operation::Rollback(which) => {
                if !open.is_empty() {
                    open.truncate(usize::from(*which) % open.len() + 1);
                    let (checkpoint, then) = open.pop().unwrap();
                    journal.rollback(checkpoint);
                    model = then;
                }
            }
            Operation::EndTransaction => {
                end(&mut journal, std::mem::take(&mut touched));
                open.clear();
            }
        }
        for key in &touched.keys {
            assert!(journal.is_touched(key), "a rollback leaves touch marks: {key:?}");
            assert_eq!(journal.is_written(key), touched.written.contains(key), "{key:?}");
        }
    }
    end(&mut journal, touched);
    let mut expected: Vec<(Key, Option<Value>)> = vec![];
    for key in before.keys().chain(model.keys()).collect::<BTreeSet<_>>() {
        if before.get(key) != model.get(key) {
            expected.push((*key, model.get(key).cloned()));
        }
    }
    assert_eq!(journal.changes(), expected, "changes are the difference");
    journal
}

fn end(journal: &mut Journal, touched: Touched) {
    let footprint = journal.end_transaction();
    assert_eq!(footprint.touched, touched.keys.into_iter().collect::<Vec<_>>());
    assert_eq!(footprint.written, touched.written.into_iter().collect::<Vec<_>>());
    assert_eq!(footprint.ranges, touched.ranges.into_iter().collect::<Vec<_>>());
}
