//! Ranges of keys in which a state has no entry that is still alive.
//!
//! Who looks for the first entry under a prefix steps over those that were deleted since; remembering what was stepped
//! over makes that cost once, and it was paid for by the deletion.

use alloc::collections::BTreeMap;
use vm_core::Key;

/// Disjoint ranges, start to exclusive end, that do not touch each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadRanges(BTreeMap<Key, Key>);

impl DeadRanges {
    /// The first key not below `from` that is in no range.
    pub(crate) fn skip(&self, from: Key) -> Key {
        match self.0.range(..=from).next_back() {
            Some((_, end)) if *end > from => *end,
            _ => from,
        }
    }

    /// The largest key not above `until` with no range right below it.
    pub(crate) fn skip_back(&self, until: Key) -> Key {
        match self.0.range(..until).next_back() {
            Some((start, end)) if *end >= until => *start,
            _ => until,
        }
    }

    /// Nothing is alive from `start` to before `end`.
    pub(crate) fn add(&mut self, mut start: Key, mut end: Key) {
        if let Some((&before, &until)) = self.0.range(..=start).next_back()
            && until >= start
        {
            self.0.remove(&before);
            (start, end) = (before, end.max(until));
        }
        while let Some((&next, &until)) = self.0.range(start..).next()
            && next <= end
        {
            self.0.remove(&next);
            end = end.max(until);
        }
        self.0.insert(start, end);
    }

    /// `key` is alive again: the range around it falls in two.
    pub(crate) fn revive(&mut self, key: &Key) {
        let Some((&start, &end)) = self.0.range(..=*key).next_back() else { return };
        if end <= *key {
            return;
        }
        self.0.remove(&start);
        if start < *key {
            self.0.insert(start, *key);
        }
        if let Some(next) = key.successor()
            && next < end
        {
            self.0.insert(next, end);
        }
    }
}
