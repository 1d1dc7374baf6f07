//! Building a trie from left to right.
//!
//! An ordered sequence of subtries and the first bit in which neighbours differ determine the trie: the smallest such
//! bit is the root, and so on on either side of it. One pass with a stack finds it, since what lies left of the
//! current item is final as soon as a smaller bit follows.

use alloc::vec::Vec;
use vm_core::commitment::first_difference;
use vm_core::{Hash, Key};

use super::Trie;
use super::node::Link;
use crate::Value;

/// Why keys make no trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// A key without a byte.
    #[error("a trie key has 1 to 81 bytes, found none")]
    EmptyKey,
    /// The key is not above the one before it.
    #[error("trie keys must ascend, each once")]
    NotAscending,
    /// The key continues the one before it.
    #[error("a trie key must not be the prefix of another")]
    Prefix,
}

/// The bit between no two neighbours yet: larger than any.
const NO_BIT: u16 = u16::MAX;

/// Assembles subtries, given in key order with the bits between them.
pub(super) struct Assembler {
    /// Left sides that wait for their right ones, by ascending bit.
    pending: Vec<(u16, Link)>,
    /// The last item given, with everything merged into it that could be.
    current: Option<Link>,
    /// The smallest bit named since the last item.
    bit: u16,
    /// See [`Trie`].
    bucket: u32,
}

impl Assembler {
    pub(super) fn new(bucket: u32) -> Self {
        Self { pending: Vec::new(), current: None, bit: NO_BIT, bucket }
    }

    /// States that what was given before and what comes next differ at `bit` first. Of several statements between two
    /// items the smallest counts: that is how the bits of items left out (deleted ones) combine.
    pub(super) fn differ_at(&mut self, bit: u16) {
        self.bit = self.bit.min(bit);
    }

    /// Gives the next item.
    pub(super) fn push(&mut self, link: Link) {
        let bit = core::mem::replace(&mut self.bit, NO_BIT);
        if let Some(left) = self.complete(Some(bit)) {
            self.pending.push((bit, left));
        }
        self.current = Some(link);
    }

    /// Takes what is complete when the next fork is at `bit`, or when there is none.
    fn complete(&mut self, bit: Option<u16>) -> Option<Link> {
        let mut link = self.current.take()?;
        let is_below = |(pending, _): &mut (u16, _)| bit.is_none_or(|bit| *pending > bit);
        while let Some((pending, left)) = self.pending.pop_if(is_below) {
            link = Link::join(pending, left, link, self.bucket);
        }
        Some(link)
    }

    pub(super) fn finish(mut self) -> Option<Link> {
        self.complete(None)
    }
}

/// Assembles leaves in key order: the bits between them come from their keys.
pub(super) struct LeafAssembler {
    assembler: Assembler,
    last: Option<Key>,
}

impl LeafAssembler {
    pub(super) fn new(bucket: u32) -> Self {
        Self { assembler: Assembler::new(bucket), last: None }
    }

    /// Adds the leaf of `key`, or what stands for it.
    pub(super) fn push(&mut self, key: &Key, link: Link) -> Result<(), TrieError> {
        if key.as_bytes().is_empty() {
            return Err(TrieError::EmptyKey);
        }
        if let Some(last) = &self.last {
            if key <= last {
                return Err(TrieError::NotAscending);
            }
            // A prefix sorts directly before what continues it, so neighbours are all there is to compare.
            let bit = first_difference(last.as_bytes(), key.as_bytes()).ok_or(TrieError::Prefix)?;
            self.assembler.differ_at(bit);
        }
        self.assembler.push(link);
        self.last = Some(*key);
        Ok(())
    }

    pub(super) fn finish(self) -> Option<Link> {
        self.assembler.finish()
    }
}

/// Builds a trie from entries in ascending order, for sources that can fail between two of them. Linear in their
/// number.
pub struct TrieBuilder {
    leaves: LeafAssembler,
    bucket: u32,
}

impl TrieBuilder {
    /// A builder of a trie that holds every entry.
    #[must_use]
    pub fn new() -> Self {
        Self::over_rows(0)
    }

    /// A builder of a trie over rows: subtries of up to `bucket` entries are left to the rows of a store.
    #[must_use]
    pub fn over_rows(bucket: u32) -> Self {
        Self { leaves: LeafAssembler::new(bucket), bucket }
    }

    /// Adds an entry, to be held with its value.
    ///
    /// # Errors
    ///
    /// [`TrieError`] for a key that is empty or not above all before, or that one of them is a prefix of. The entry
    /// is not added.
    pub fn push(&mut self, key: &Key, value: &Value) -> Result<(), TrieError> {
        self.leaves.push(key, Link::entry(key, value))
    }

    /// Adds an entry of which only the hash of its value is known.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn push_hashed(&mut self, key: &Key, value_hash: Hash) -> Result<(), TrieError> {
        self.leaves.push(key, Link::leaf(key, value_hash, None))
    }

    /// Adds an entry that stands in a store's rows, where its leaf has this hash.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub fn push_row(&mut self, key: &Key, leaf: Hash) -> Result<(), TrieError> {
        self.leaves.push(key, Link::row(leaf))
    }

    /// The trie of all entries added.
    #[must_use]
    pub fn finish(self) -> Trie {
        Trie { root: self.leaves.finish(), bucket: self.bucket, partial: false }
    }
}

impl Default for TrieBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for TrieBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TrieBuilder").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}
