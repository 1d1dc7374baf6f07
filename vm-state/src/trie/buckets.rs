//! The part of a trie over rows that is held, as a list: so that a store can write it down and read it again.
//!
//! The buckets in key order and the first bit in which each differs from the one before determine the nodes above
//! them. Whether a list is the right one shows in the root only.

use alloc::vec::Vec;
use vm_core::Hash;

use super::build::Assembler;
use super::node::{Link, Node};
use super::{ROWS, Trie};
use crate::ReadError;

/// Neighbouring entries in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The first bit in which its keys differ from the keys of the bucket before it; 0 for the first.
    pub bit: u16,
    /// How many entries it has, at least 1.
    pub count: u32,
    /// The hash of the subtrie that they are.
    pub hash: Hash,
}

/// A bucket that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bucket of {found} entries, where 1 to {max} are together")]
pub struct BucketsError {
    /// How many it has.
    pub found: u32,
    /// How many it may have.
    pub max: u32,
}

impl Trie {
    /// The buckets in key order.
    ///
    /// # Errors
    ///
    /// [`NodeFailure::Invariant`](crate::NodeFailure::Invariant) if this trie is not one over rows.
    pub fn buckets(&self) -> Result<Vec<Bucket>, ReadError> {
        self.each_bucket().collect()
    }

    /// The buckets in key order, one after the other: all of them take much memory.
    ///
    /// # Errors
    ///
    /// In their place, as [`Self::buckets`].
    pub(crate) fn each_bucket(&self) -> impl Iterator<Item = Result<Bucket, ReadError>> {
        let mut steps: Vec<(&Link, u16)> = self.root.iter().map(|root| (root, 0)).collect();
        core::iter::from_fn(move || {
            loop {
                let (link, bit) = steps.pop()?;
                match &link.node {
                    Node::Inner(inner) => {
                        steps.push((&inner.right, inner.bit));
                        steps.push((&inner.left, bit));
                    }
                    Node::Rows(count) => return Some(Ok(Bucket { bit, count: *count, hash: link.hash })),
                    Node::Leaf(_) | Node::Opaque => return Some(Err(ROWS.into())),
                }
            }
        })
    }

    /// The trie over these buckets of at most `bucket` entries each.
    ///
    /// # Errors
    ///
    /// [`BucketsError`] for a bucket that is empty or too large.
    pub fn from_buckets(
        bucket: u32,
        buckets: impl IntoIterator<Item = Bucket>,
    ) -> Result<Self, BucketsError> {
        let mut out = Assembler::new(bucket);
        for Bucket { bit, count, hash } in buckets {
            if count == 0 || count > bucket {
                return Err(BucketsError { found: count, max: bucket });
            }
            out.differ_at(bit);
            out.push(Link { hash, node: Node::Rows(count) });
        }
        Ok(Self { root: out.finish(), bucket, partial: false })
    }
}
