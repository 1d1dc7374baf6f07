//! What makes searches under a prefix cheap however many entries a block has deleted (DESIGN 10, rule 10).
//!
//! Two facts are kept. Which entries that the journal holds are alive, in key order: so that its own deleted ones are
//! never stepped over. And ranges of keys in which the view has no entry that is still alive: so that a deleted entry
//! of the view is stepped over once, until something revives it.
//!
//! Each step of a search that finds a deleted entry was paid for by the deletion. Only the spaces that are searched
//! during execution are kept: fields and owner index.

use alloc::collections::{BTreeMap, BTreeSet};
use vm_core::{Key, KeySpace};

#[derive(Debug, Default)]
pub(super) struct SearchIndex {
    alive: BTreeSet<Key>,
    /// Disjoint ranges, start to exclusive end, that do not touch each other.
    dead: BTreeMap<Key, Key>,
}

impl SearchIndex {
    /// An entry that the journal holds, or begins to hold, is alive now, or is not.
    pub(super) fn set(&mut self, key: &Key, alive: bool) {
        if !matches!(key.space(), Some(KeySpace::Field | KeySpace::Owned)) {
            return;
        }
        if !alive {
            self.alive.remove(key);
        } else if self.alive.insert(*key) {
            self.revive(key);
        }
    }

    /// The first entry that the journal holds alive, not below `from`, under `prefix`.
    pub(super) fn first_alive(&self, prefix: &Key, from: &Key) -> Option<Key> {
        let first = self.alive.range(*from..).next()?;
        first.as_bytes().starts_with(prefix.as_bytes()).then_some(*first)
    }

    /// Whether the journal holds `key` alive.
    pub(super) fn is_alive(&self, key: &Key) -> bool {
        self.alive.contains(key)
    }

    /// The first key not below `from` at which the view may have an entry that is alive.
    pub(super) fn skip(&self, from: Key) -> Key {
        match self.dead.range(..=from).next_back() {
            Some((_, end)) if *end > from => *end,
            _ => from,
        }
    }

    /// The view has no entry that is alive from `start` to before `end`.
    pub(super) fn add_dead(&mut self, mut start: Key, mut end: Key) {
        if let Some((&before, &until)) = self.dead.range(..=start).next_back()
            && until >= start
        {
            self.dead.remove(&before);
            (start, end) = (before, end.max(until));
        }
        while let Some((&next, &until)) = self.dead.range(start..).next()
            && next <= end
        {
            self.dead.remove(&next);
            end = end.max(until);
        }
        self.dead.insert(start, end);
    }

    /// `key` is alive again: the range around it falls in two.
    fn revive(&mut self, key: &Key) {
        let Some((&start, &end)) = self.dead.range(..=*key).next_back() else { return };
        if end <= *key {
            return;
        }
        self.dead.remove(&start);
        if start < *key {
            self.dead.insert(start, *key);
        }
        if let Some(next) = key.successor()
            && next < end
        {
            self.dead.insert(next, end);
        }
    }
}
