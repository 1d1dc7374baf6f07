//! What the running block has written over its parent's view, with checkpoints for frames and transactions.
//!
//! Invariants:
//! - a rollback restores every entry written since its checkpoint, and nothing else: reads, touch marks and write
//!   marks stay (DESIGN 10, rules 12 and 20);
//! - every entry read or written is recorded in the transaction's [`Footprint`], before anybody can pay or fail
//!   because of its value;
//! - the change set holds each entry whose value differs from the parent's once, in key order.
//!
//! Deliberately not here: what entries mean, and who may change them.

mod search;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::Key;

use self::search::{SearchIndex, is_searched};
use crate::{ChangeSet, NodeFailure, ProofRequest, ReadError, Value, View};

/// An entry that the block has read or written.
#[derive(Clone, Debug)]
struct Slot {
    key: Key,
    /// The parent's value.
    base: Option<Value>,
    /// The value now, if it was ever written: so that an entry that is only read is kept once.
    written: Option<Option<Value>>,
    /// The transaction that last touched it; 0 for none.
    touched_in: u32,
    /// The transaction that last wrote it; 0 for none.
    written_in: u32,
}

impl Slot {
    /// The value now.
    fn value(&self) -> Option<&Value> {
        self.written.as_ref().unwrap_or(&self.base).as_ref()
    }
}

/// The slots that were asked for last: nearly all questions come in runs about few entries, and a glance at these is
/// several times cheaper than a walk down the map of places.
#[derive(Debug, Default)]
struct Recent {
    places: [Option<usize>; 4],
    /// The one to be replaced next.
    oldest: usize,
}

impl Recent {
    fn find(&self, key: &Key, slots: &[Slot]) -> Option<usize> {
        let here = |place: &usize| slots.get(*place).is_some_and(|slot| slot.key == *key);
        self.places.iter().flatten().copied().find(here)
    }

    fn note(&mut self, place: usize) {
        if self.places.contains(&Some(place)) {
            return;
        }
        if let Some(oldest) = self.places.get_mut(self.oldest) {
            *oldest = Some(place);
        }
        self.oldest = self.oldest.saturating_add(1).checked_rem(self.places.len()).unwrap_or_default();
    }
}

/// A lookup of the first entry under a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RangeRead {
    /// The prefix.
    pub prefix: Key,
    /// Where the search began.
    pub from: Key,
    /// What it found.
    pub found: Option<Key>,
}

/// Which entries a transaction depends on and which it wrote, reverted frames included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Entries looked up or written, ascending.
    pub touched: Vec<Key>,
    /// Searches under a prefix, each once, ascending.
    pub ranges: Vec<RangeRead>,
    /// Entries written, ascending.
    pub written: Vec<Key>,
}

/// A point to which the journal can return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkpoint(usize);

/// The writes of a block over its parent's view.
#[derive(Debug)]
pub struct Journal {
    view: Arc<dyn View>,
    /// In the order in which the block came to them.
    slots: Vec<Slot>,
    /// Where in [`Self::slots`] an entry stands.
    places: BTreeMap<Key, usize>,
    recent: Recent,
    /// Slots written by the running transaction with what [`Slot::written`] was before, oldest first.
    undo: Vec<(usize, Option<Option<Value>>)>,
    /// The running transaction, counted from 1.
    transaction: u32,
    footprint: Footprint,
    search: SearchIndex,
    /// Prefix and start of every search that the view was asked for by the block.
    view_searches: BTreeSet<(Key, Key)>,
    /// Bytes of values that searches of the view have found, and that a witness has to show, though an entry that the
    /// journal holds came first.
    passed_over: usize,
}

impl Journal {
    /// An empty journal over `view`.
    #[must_use]
    pub fn new(view: Arc<dyn View>) -> Self {
        Self {
            view,
            slots: Vec::new(),
            places: BTreeMap::new(),
            recent: Recent::default(),
            undo: Vec::new(),
            transaction: 1,
            footprint: Footprint::default(),
            search: SearchIndex::default(),
            view_searches: BTreeSet::new(),
            passed_over: 0,
        }
    }

    /// The parent's state.
    #[must_use]
    pub fn view(&self) -> &Arc<dyn View> {
        &self.view
    }

    /// Ends the running transaction: its writes can no longer be undone, and touch and write marks start afresh.
    ///
    /// Returns what it touched.
    pub fn end_transaction(&mut self) -> Footprint {
        self.undo.clear();
        self.transaction = self.transaction.saturating_add(1);
        let mut footprint = core::mem::take(&mut self.footprint);
        footprint.touched.sort_unstable();
        footprint.written.sort_unstable();
        footprint.ranges.sort_unstable();
        footprint.ranges.dedup();
        footprint
    }

    /// Where `key`'s entry stands, if the journal holds it.
    fn place(&self, key: &Key) -> Option<usize> {
        self.recent.find(key, &self.slots).or_else(|| self.places.get(key).copied())
    }

    fn slot(&self, key: &Key) -> Option<&Slot> {
        self.slots.get(self.place(key)?)
    }

    /// Whether the running transaction has touched the entry `key`.
    #[must_use]
    pub fn is_touched(&self, key: &Key) -> bool {
        self.slot(key).is_some_and(|slot| slot.touched_in == self.transaction)
    }

    /// Whether the running transaction has written `key`.
    #[must_use]
    pub fn is_written(&self, key: &Key) -> bool {
        self.slot(key).is_some_and(|slot| slot.written_in == self.transaction)
    }

    /// The value of `key` now, `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view.
    pub fn get(&mut self, key: &Key) -> Result<Option<&Value>, ReadError> {
        let (slot, _) = self.touch(key)?;
        Ok(slot.value())
    }

    /// Holds an entry that the view has as `base`, and says where.
    fn hold(&mut self, key: &Key, base: Option<Value>) -> usize {
        self.search.set(key, base.is_some());
        let place = self.slots.len();
        self.slots.push(Slot { key: *key, base, written: None, touched_in: 0, written_in: 0 });
        self.places.insert(*key, place);
        place
    }

    /// The entry's slot and where it stands.
    fn touch(&mut self, key: &Key) -> Result<(&mut Slot, usize), ReadError> {
        let place = match self.place(key) {
            Some(place) => place,
            None => {
                let base = self.view.get(key)?;
                self.hold(key, base)
            }
        };
        self.recent.note(place);
        let slot = self.slots.get_mut(place);
        let slot = slot.ok_or(NodeFailure::Invariant("a journal slot stands where it is said to"))?;
        if slot.touched_in != self.transaction {
            slot.touched_in = self.transaction;
            self.footprint.touched.push(*key);
        }
        Ok((slot, place))
    }

    /// Sets `key` to `value`, or removes it for `None`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view: the value before is read first, for the undo log.
    pub fn set(&mut self, key: &Key, value: Option<Value>) -> Result<(), ReadError> {
        let transaction = self.transaction;
        let (slot, place) = self.touch(key)?;
        let first_write = slot.written_in != transaction;
        slot.written_in = transaction;
        let (was_alive, alive) = (slot.value().is_some(), value.is_some());
        let before = slot.written.replace(value);
        if was_alive != alive {
            self.search.set(key, alive);
        }
        if first_write {
            self.footprint.written.push(*key);
        }
        self.undo.push((place, before));
        Ok(())
    }

    /// The first entry not below `from` under `prefix`, as it stands now.
    ///
    /// `prefix` begins keys of fields or of the owner index: the spaces that execution searches. Under any other what the
    /// journal itself has written would not be found.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view; [`NodeFailure::Invariant`] for a prefix of another space, or an empty one.
    pub fn next(&mut self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        if !is_searched(prefix) {
            return Err(NodeFailure::Invariant("execution searches fields and the owner index alone").into());
        }
        let found = self.search(prefix, from)?;
        self.footprint.ranges.push(RangeRead { prefix: *prefix, from: *from, found });
        let Some(key) = found else { return Ok(None) };
        let value = self.get(&key)?.map(|value| Value::from_slice(value));
        let value = value.ok_or(NodeFailure::Invariant("what a search finds is alive"))?;
        Ok(Some((key, value)))
    }

    /// How many bytes of values searches have brought into the witness since this was last asked, beside those of the
    /// entries that they gave.
    pub fn take_passed_over(&mut self) -> usize {
        core::mem::take(&mut self.passed_over)
    }

    /// The first key alive: what the journal holds decides, and the view is asked where it holds nothing.
    fn search(&mut self, prefix: &Key, from: &Key) -> Result<Option<Key>, ReadError> {
        // Keys below the prefix are none of its own.
        let from = prefix.max(from);
        let held = self.search.first_alive(prefix, from);
        let mut from = self.search.skip(*from);
        loop {
            self.view_searches.insert((*prefix, from));
            let Some((stored, value)) = self.view.next(prefix, &from)? else { break };
            if held.is_some_and(|held| held <= stored) {
                self.passed_over = self.passed_over.saturating_add(value.len());
                break;
            }
            if self.place(&stored).is_none() {
                // The caller looks at it next, and the view has just read it.
                self.hold(&stored, Some(value));
                return Ok(Some(stored));
            }
            if self.search.is_alive(&stored) {
                return Ok(Some(stored));
            }
            let Some(next) = stored.successor() else { break };
            self.search.add_dead(from, next);
            from = self.search.skip(next);
        }
        Ok(held)
    }

    /// A point to return to.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.undo.len())
    }

    /// Undoes every write since `to`.
    pub fn rollback(&mut self, to: Checkpoint) {
        while self.undo.len() > to.0 {
            let Some((place, before)) = self.undo.pop() else { return };
            if let Some(slot) = self.slots.get_mut(place) {
                slot.written = before;
                self.search.set(&slot.key, slot.value().is_some());
            }
        }
    }

    /// What a witness of the block must show: every entry and search that the view was asked for, reverted frames
    /// and refused transactions included.
    #[must_use]
    pub fn request(&self) -> ProofRequest {
        let mut request = ProofRequest::new();
        for key in self.places.keys() {
            request.key(*key);
        }
        for (prefix, from) in &self.view_searches {
            request.search(*prefix, *from);
        }
        request
    }

    /// What the block leaves different from its parent.
    #[must_use]
    pub fn changes(&self) -> ChangeSet {
        let slots = self.places.values().filter_map(|&place| self.slots.get(place));
        let changed = slots.filter_map(|slot| Some((slot, slot.written.as_ref()?)));
        let changed = changed.filter(|(slot, written)| **written != slot.base);
        changed.map(|(slot, written)| (slot.key, written.as_deref().map(Value::from_slice))).collect()
    }
}

#[cfg(test)]
mod tests;
