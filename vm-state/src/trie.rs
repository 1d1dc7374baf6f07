//! The commitment to the state: a binary Merkle trie with path compression over ordered keys (R81).
//!
//! Definition (`docs/format.md` has the bytes, [`vm_core::commitment`] the hashes):
//! - the root of no entries is [`Hash::ZERO`];
//! - a leaf's hash is over its key and the hash of its value;
//! - an inner node stands at the first bit in which the keys below it differ, counted from the most significant bit
//!   of byte 0; its hash is over those of its two sides, keyed by that bit index.
//!
//! One type serves every node. A store in memory holds all of it, values included. A store on disk holds the nodes
//! above buckets of neighbouring entries and leaves those to its rows, which a [`View`] reads back
//! ([`View::leaves`]). A light node holds what a witness shows, and the rest is opaque.
//!
//! Invariants:
//! - the root is a pure function of the set of (key, value), whatever way led there and whatever is held;
//! - keys are prefix-free and have 1 to [`Key::LEN_MAX`] bytes, so that bit indices strictly increase downwards and no
//!   path has more than 648 inner nodes;
//! - an operation on key `k` touches exactly the nodes on `k`'s descent (at each inner node the side of `k`'s bit,
//!   zero past its end) in the trie as it was *before* the batch. Full and light nodes therefore touch the same;
//! - touching an opaque node is [`ReadError::WitnessIncomplete`], never absence;
//! - a subtrie of entries in rows is a [`Node::Rows`] exactly when it has at most `bucket` of them: what is held is a
//!   function of the set as well;
//! - tries are immutable, and an updated one shares all untouched nodes with the old one;
//! - nothing here recurses natively, dropping included: paths of 648 nodes fit a light node's stack.
//!
//! Deliberately not here: where rows are, and what is worth proving.

mod buckets;
mod build;
mod codec;
mod node;
mod restrict;
#[cfg(test)]
mod tests;
mod update;
mod walk;

use core::fmt;
use vm_core::commitment::bit_at;
use vm_core::{Hash, Key};

#[cfg(doc)]
use crate::View;
pub use buckets::{Bucket, BucketsError};
pub use build::{TrieBuilder, TrieError};
pub use codec::DecodeError;
pub(crate) use codec::{KeyShape, decode, encode};
use node::{Inner, Leaf, Link, Node};
pub(crate) use restrict::{descent_leaf, restrict};
pub(crate) use walk::search_start;

use crate::{NodeFailure, ReadError, Value};

const _: () = assert!(Key::LEN_MAX * 8 == 648, "the bound on a path's length in this file's header");

/// A set of entries under one root. Cloning copies a pointer.
#[derive(Clone, Default)]
pub struct Trie {
    root: Option<Link>,
    /// How many neighbouring entries at most are left to rows together; 0 if there are no rows.
    bucket: u32,
    /// Whether this is what a proof or witness shows of a trie: no store can keep that.
    partial: bool,
}

/// Where a descent ends.
enum Found<'t> {
    /// There is no entry at all.
    Empty,
    /// The one leaf that the key may equal.
    Leaf(&'t Leaf),
    /// Entries in rows, of a subtrie with this hash. If the key is among them, they agree with it in this many first
    /// bits.
    Rows(u16, Hash),
}

/// What a trie that was to be whole has instead.
const ROWS: NodeFailure = NodeFailure::Invariant("a trie over rows is read through its store's view");

impl Trie {
    /// The commitment to the set; [`Hash::ZERO`] for the empty one.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.root.as_ref().map_or(Hash::ZERO, |link| link.hash)
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// How many neighbouring entries at most are left to a store's rows together; 0 for a trie without rows.
    #[must_use]
    pub fn bucket(&self) -> u32 {
        self.bucket
    }

    /// Whether this is a part of a trie, as a proof or a witness shows it, or was made from one.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// The value of `key`, `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// [`ReadError::WitnessIncomplete`] if an opaque node hides the answer, or the leaf is shown without its value;
    /// [`NodeFailure::Invariant`] if the entry stands in rows.
    pub fn get(&self, key: &Key) -> Result<Option<&Value>, ReadError> {
        let Some(leaf) = self.find(key)? else { return Ok(None) };
        leaf.value.as_ref().map(Some).ok_or(ReadError::WitnessIncomplete)
    }

    /// The hash that stands for the value of `key`, `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// As [`Self::get`], but the value need not be there.
    pub fn value_hash(&self, key: &Key) -> Result<Option<Hash>, ReadError> {
        Ok(self.find(key)?.map(|leaf| leaf.value_hash))
    }

    fn find(&self, key: &Key) -> Result<Option<&Leaf>, ReadError> {
        match self.descend(key)? {
            Found::Leaf(leaf) => Ok((leaf.key == *key).then_some(leaf)),
            Found::Empty => Ok(None),
            Found::Rows(..) => Err(ROWS.into()),
        }
    }

    fn descend(&self, key: &Key) -> Result<Found<'_>, ReadError> {
        let Some(mut link) = self.root.as_ref() else { return Ok(Found::Empty) };
        let mut bits = 0u16;
        loop {
            match &link.node {
                Node::Inner(inner) => {
                    bits = inner.bit.saturating_add(1);
                    link = inner.side(bit_at(key.as_bytes(), inner.bit));
                }
                Node::Leaf(leaf) => return Ok(Found::Leaf(leaf)),
                Node::Rows(_) => return Ok(Found::Rows(bits, link.hash)),
                Node::Opaque => return Err(ReadError::WitnessIncomplete),
            }
        }
    }
}

impl Inner {
    fn side(&self, one: bool) -> &Link {
        if one { &self.right } else { &self.left }
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
