//! What makes searches under a prefix cheap however many entries a block has deleted (DESIGN 10, rule 10).
//!
//! Two facts are kept. Which entries that the journal holds are alive, in key order: so that its own deleted ones are
//! never stepped over. And ranges of keys in which the view has no entry that is still alive: so that a deleted entry
//! of the view is stepped over once, until something revives it.
//!
//! Each step of a search that finds a deleted entry was paid for by the deletion. Only the spaces that are searched
//! during execution are kept: fields and owner index.

use alloc::collections::BTreeSet;
use vm_core::{Key, KeySpace};

use crate::dead::DeadRanges;

#[derive(Debug, Default)]
pub(super) struct SearchIndex {
    alive: BTreeSet<Key>,
    dead: DeadRanges,
}

/// Whether keys that begin as `key` does are kept, and so can be searched.
pub(super) fn is_searched(key: &Key) -> bool {
    matches!(key.space(), Some(KeySpace::Field | KeySpace::Owned))
}

impl SearchIndex {
    /// An entry that the journal holds, or begins to hold, is alive now, or is not.
    pub(super) fn set(&mut self, key: &Key, alive: bool) {
        if !is_searched(key) {
            return;
        }
        if !alive {
            self.alive.remove(key);
        } else if self.alive.insert(*key) {
            self.dead.revive(key);
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
        self.dead.skip(from)
    }

    /// The view has no entry that is alive from `start` to before `end`.
    pub(super) fn add_dead(&mut self, start: Key, end: Key) {
        self.dead.add(start, end);
    }
}
