//! The commitment to the state: a binary Merkle trie with path compression over ordered keys (R81).
//!
//! Definition (`docs/format.md` has the bytes):
//! - the root of no entries is [`Hash::ZERO`];
//! - a leaf is `hash(Domain::Leaf, key || value hash)`;
//! - an inner node stands at the first bit in which the keys below it differ, counted from the most significant bit
//!   of byte 0; its hash is blake3 over `left || right` (64 bytes, one block), keyed by that bit index.
//!
//! Invariants:
//! - the root is a pure function of the set of (key, value hash), whatever way led there;
//! - keys are prefix-free and have 1 to [`KEY_BYTES_MAX`] bytes, so that bit indices strictly increase downwards and no
//!   path has more than 648 inner nodes;
//! - an operation on key `k` touches exactly the nodes on `k`'s descent (at each inner node the side of `k`'s bit,
//!   zero past its end) in the trie as it was *before* the batch. Full and light nodes therefore touch the same;
//! - touching an opaque node is [`ReadError::WitnessIncomplete`], never absence;
//! - tries are immutable, and an updated one shares all untouched nodes with the old one;
//! - nothing here recurses natively, dropping included: paths of 648 nodes fit a light node's stack.
//!
//! Deliberately not here: values (only their hashes), proofs, the witness codec, paging out of memory.

mod build;
mod node;
mod roots;
#[cfg(test)]
mod tests;
mod update;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use vm_core::{Hash, Key};

pub use build::{TrieBuilder, TrieError};
use node::{Node, bit_at};
pub use roots::{index_root, transactions_root};

use crate::ReadError;

/// The longest key taken.
const KEY_BYTES_MAX: usize = Key::LEN_MAX;
const _: () = assert!(KEY_BYTES_MAX * 8 == 648, "the bound on a path's length in this file's header");

/// A set of (key, value hash) under one root. Cloning copies a pointer.
#[derive(Clone, Default)]
pub struct Trie {
    root: Option<Arc<Node>>,
}

impl Trie {
    /// The commitment to the set; [`Hash::ZERO`] for the empty one.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root.as_ref().map_or(Hash::ZERO, |node| node.hash())
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The trie of `entries`, which must come in ascending order of their keys. Linear in their number.
    ///
    /// # Errors
    ///
    /// [`TrieError`] for keys that are too long, empty, out of order, double, or a prefix of another.
    pub fn from_sorted<K: AsRef<[u8]>>(entries: impl Iterator<Item = (K, Hash)>) -> Result<Self, TrieError> {
        let mut builder = TrieBuilder::default();
        for (key, value_hash) in entries {
            builder.push(key.as_ref(), value_hash)?;
        }
        Ok(builder.finish())
    }

    /// The value hash of `key`, `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// [`ReadError::WitnessIncomplete`] if an opaque node hides the answer.
    pub fn get(&self, key: &[u8]) -> Result<Option<Hash>, ReadError> {
        let Some((found, value_hash)) = self.descend(key)? else { return Ok(None) };
        Ok((found == key).then_some(value_hash))
    }

    /// The one leaf that `key` may equal: the first bit in which the two differ is where `key` leaves the trie.
    fn descend(&self, key: &[u8]) -> Result<Option<(&[u8], Hash)>, ReadError> {
        let Some(mut node) = self.root.as_ref() else { return Ok(None) };
        loop {
            match &**node {
                Node::Inner { bit, left, right, .. } => node = if bit_at(key, *bit) { right } else { left },
                Node::Leaf { key, value_hash, .. } => return Ok(Some((key, *value_hash))),
                Node::Opaque(_) => return Err(ReadError::WitnessIncomplete),
            }
        }
    }
}

/// Equal roots are equal sets, up to collisions of blake3.
impl PartialEq for Trie {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for Trie {}

/// The root only: a whole state is nothing to print.
impl fmt::Debug for Trie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trie").field(&self.root()).finish()
    }
}

/// Frees the nodes that no other trie shares, with an explicit stack: the derived drop recurses once per level.
impl Drop for Trie {
    fn drop(&mut self) {
        let mut rest = Vec::new();
        let mut next = self.root.take();
        while let Some(node) = next {
            if let Some(Node::Inner { left, right, .. }) = Arc::into_inner(node) {
                rest.push(right);
                rest.push(left);
            }
            next = rest.pop();
        }
    }
}
