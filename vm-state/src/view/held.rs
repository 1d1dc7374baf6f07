//! The state that a trie holds itself: of a store in memory, or what a witness shows.

use alloc::vec::Vec;
use vm_core::{Header, Key};

use super::{LeafRow, Region, Value, View};
use crate::{NodeFailure, ReadError, Trie};

/// A state whose entries stand in its trie. What the trie does not show is
/// [`ReadError::WitnessIncomplete`], never absent.
#[derive(Clone, Debug)]
pub struct TrieView {
    header: Header,
    trie: Trie,
}

/// What a trie that holds its entries is never asked.
const NO_ROWS: NodeFailure = NodeFailure::Invariant("a trie that holds its entries has no rows");

impl TrieView {
    /// The state after the block with `header`; `None` unless `trie` has the root that the header names.
    #[must_use]
    pub fn new(header: Header, trie: Trie) -> Option<Self> {
        (trie.root() == header.state_root).then(|| Self::of(header, trie))
    }

    /// The state of a header that was just made for `trie`.
    pub(crate) fn of(header: Header, trie: Trie) -> Self {
        Self { header, trie }
    }
}

impl View for TrieView {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        // Not cloned(): a SmallVec clones element by element.
        Ok(self.trie.get(key)?.map(|value| Value::from_slice(value)))
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        Ok(self.trie.next(prefix, from)?.map(|(key, value)| (*key, Value::from_slice(value))))
    }

    fn trie(&self) -> &Trie {
        &self.trie
    }

    fn leaves(&self, _region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        Err(NO_ROWS.into())
    }

    fn before(&self, _key: &Key) -> Result<Option<Key>, ReadError> {
        Err(NO_ROWS.into())
    }
}
