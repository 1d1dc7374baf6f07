//! Building a trie from left to right.
//!
//! An ordered sequence of subtries and the first bit in which neighbours differ determine the trie: the smallest such
//! bit is the root, and so on on either side of it. One pass with a stack finds it, since what lies left of the
//! current item is final as soon as a smaller bit follows.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::Hash;

use super::node::{Node, first_difference};
use super::{KEY_BYTES_MAX, Trie};

/// Why keys make no trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// No byte, or more than the longest entry key has.
    #[error("a trie key has 1 to 81 bytes, found {found}")]
    KeyLength {
        /// The length found.
        found: usize,
    },
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
#[derive(Debug)]
pub(super) struct Assembler {
    /// Left sides that wait for their right ones, by ascending bit.
    pending: Vec<(u16, Arc<Node>)>,
    /// The last item given, with everything merged into it that could be.
    current: Option<Arc<Node>>,
    /// The smallest bit named since the last item.
    bit: u16,
}

impl Assembler {
    pub(super) fn new() -> Self {
        Self { pending: Vec::new(), current: None, bit: NO_BIT }
    }

    /// States that what was given before and what comes next differ at `bit` first. Of several statements between two
    /// items the smallest counts: that is how the bits of items left out (deleted ones) combine.
    pub(super) fn differ_at(&mut self, bit: u16) {
        self.bit = self.bit.min(bit);
    }

    /// Gives the next item.
    pub(super) fn push(&mut self, node: Arc<Node>) {
        let bit = core::mem::replace(&mut self.bit, NO_BIT);
        if let Some(left) = self.complete(Some(bit)) {
            self.pending.push((bit, left));
        }
        self.current = Some(node);
    }

    /// Takes what is complete when the next fork is at `bit`, or when there is none.
    fn complete(&mut self, bit: Option<u16>) -> Option<Arc<Node>> {
        let mut node = self.current.take()?;
        let is_below = |(pending, _): &mut (u16, _)| bit.is_none_or(|bit| *pending > bit);
        while let Some((pending, left)) = self.pending.pop_if(is_below) {
            node = Node::inner(pending, left, node);
        }
        Some(node)
    }

    pub(super) fn finish(mut self) -> Trie {
        Trie { root: self.complete(None) }
    }
}

/// Builds a trie from entries in ascending order, for sources that can fail between two of them.
#[derive(Debug)]
pub struct TrieBuilder {
    assembler: Assembler,
    last: Option<Box<[u8]>>,
}

impl Default for TrieBuilder {
    fn default() -> Self {
        Self { assembler: Assembler::new(), last: None }
    }
}

impl TrieBuilder {
    /// Adds the next entry.
    ///
    /// # Errors
    ///
    /// [`TrieError`] for a key that is too long, empty, or not above all before, or that one of them is a prefix of.
    /// The entry is not added.
    pub fn push(&mut self, key: &[u8], value_hash: Hash) -> Result<(), TrieError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(TrieError::KeyLength { found: key.len() });
        }
        if let Some(last) = &self.last {
            if key <= &**last {
                return Err(TrieError::NotAscending);
            }
            // A prefix sorts directly before what continues it, so neighbours are all there is to compare.
            let bit = first_difference(last, key).ok_or(TrieError::Prefix)?;
            self.assembler.differ_at(bit);
        }
        self.assembler.push(Node::leaf(key, value_hash));
        self.last = Some(key.into());
        Ok(())
    }

    /// The trie of all entries added.
    #[must_use]
    pub fn finish(self) -> Trie {
        self.assembler.finish()
    }
}
