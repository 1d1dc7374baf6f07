//! The hashes of the trie, and roots over sequences (R81, `docs/format.md` section 5).
//!
//! Everything that a root commits to is committed to by one kind of trie: the state's entries under their keys,
//! receipts, events, mints and transactions under their indices. What a root is stands here once; vm-state keeps
//! tries, updates and proves them.
//!
//! Invariant: a leaf's hash covers its whole key, an inner node's its bit index, so that no two tries share a root.

use alloc::vec::Vec;
use parity_scale_codec::Encode;

use crate::{Block, Domain, Hash, HashBuilder, value_hash};

/// The hash of a leaf: the key, then the hash that stands for its value.
#[must_use]
pub fn leaf_hash(key: &[u8], value_hash: &Hash) -> Hash {
    HashBuilder::new(Domain::Leaf).with(key).with(value_hash).finish()
}

/// The hash of an inner node over the hashes of its sides.
///
/// The bit index is in the blake3 key, so that the preimage stays one block of 64 bytes.
#[must_use]
pub fn inner_hash(bit: u16, left: &Hash, right: &Hash) -> Hash {
    const KEY: [u8; 32] = *b"vm/1/inner\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let mut key = KEY;
    key.split_at_mut(30).1.copy_from_slice(&bit.to_be_bytes());
    let mut data = [0; 64];
    let (first, second) = data.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    Hash(*blake3::keyed_hash(&key, &data).as_bytes())
}

/// Bit `index` of `key`, from the most significant bit of byte 0; 0 past the end.
#[must_use]
pub fn bit_at(key: &[u8], index: u16) -> bool {
    let byte = key.get(usize::from(index.wrapping_shr(3))).copied().unwrap_or(0);
    let mask = 0x80u8.wrapping_shr(u32::from(index & 7));
    byte & mask != 0
}

/// The first bit in which the keys differ; `None` if one is a prefix of the other, or they are equal.
#[must_use]
pub fn first_difference(a: &[u8], b: &[u8]) -> Option<u16> {
    let (index, difference) =
        a.iter().zip(b).map(|(a, b)| a ^ b).enumerate().find(|&(_, difference)| difference != 0)?;
    let bit = u16::try_from(difference.leading_zeros()).ok()?;
    u16::try_from(index).ok()?.checked_mul(8)?.checked_add(bit)
}

/// The key of a sequence's element: its index, big endian.
///
/// # Panics
///
/// Past 2^32 elements, which no block's limits allow.
#[must_use]
pub fn index_key(index: u64) -> [u8; 4] {
    let index = u32::try_from(index);
    assert!(index.is_ok(), "a block's limits keep its indices within u32");
    index.unwrap_or(u32::MAX).to_be_bytes()
}

/// The key of a block's mint in its transactions root: 0, then the index.
#[must_use]
pub fn mint_key(index: u64) -> [u8; 5] {
    prefixed(0, index)
}

/// The key of a block's transaction in its transactions root: 1, then the index.
#[must_use]
pub fn transaction_key(index: u64) -> [u8; 5] {
    prefixed(1, index)
}

fn prefixed(kind: u8, index: u64) -> [u8; 5] {
    let [a, b, c, d] = index_key(index);
    [kind, a, b, c, d]
}

/// The root over keys that arrive ascending: hashes only, no nodes, since nobody will look into this trie.
///
/// Left of the newest leaf stand the finished subtrees that still wait for their right sibling, outermost first.
#[derive(Debug, Default)]
struct RootBuilder<const LEN: usize> {
    waiting: Vec<(u16, Hash)>,
    last: Option<([u8; LEN], Hash)>,
}

impl<const LEN: usize> RootBuilder<LEN> {
    fn push(&mut self, key: [u8; LEN], hash: Hash) {
        if let Some((before, newest)) = self.last {
            let bit = first_difference(&before, &key);
            assert!(bit.is_some(), "indices ascend");
            let bit = bit.unwrap_or_default();
            let left = self.close(newest, Some(bit));
            self.waiting.push((bit, left));
        }
        self.last = Some((key, leaf_hash(&key, &hash)));
    }

    /// Joins `right` with every waiting subtree that splits at a bit below `bit`.
    fn close(&mut self, mut right: Hash, bit: Option<u16>) -> Hash {
        while let Some((split, left)) = self.waiting.pop_if(|(split, _)| bit.is_none_or(|bit| *split > bit)) {
            right = inner_hash(split, &left, &right);
        }
        right
    }

    fn finish(mut self) -> Hash {
        match self.last {
            Some((_, newest)) => self.close(newest, None),
            None => Hash::ZERO,
        }
    }
}

/// The root over `hashes` under their indices as keys: `u32`, big endian. [`Hash::ZERO`] for none.
///
/// Receipts, and a receipt's events, are committed to in this way.
///
/// # Panics
///
/// If there are more than 2^32 hashes, which no block's limits allow.
#[must_use]
pub fn index_root(hashes: impl IntoIterator<Item = Hash>) -> Hash {
    let mut builder = RootBuilder::default();
    for (index, hash) in (0u64..).zip(hashes) {
        builder.push(index_key(index), hash);
    }
    builder.finish()
}

/// The root over a block's mints and transactions. [`Hash::ZERO`] for a block without either.
///
/// Keys have 5 bytes: 0 and the index (`u32`, big endian) of a mint, whose value is its SCALE encoding; 1 and the index
/// of a transaction, whose hash stands where others have the hash of their value.
///
/// # Panics
///
/// If `transaction_hashes` has another length than the block's transactions: the caller has just made it from them.
#[must_use]
pub fn transactions_root(block: &Block, transaction_hashes: &[Hash]) -> Hash {
    assert!(block.transactions.len() == transaction_hashes.len(), "each transaction has one hash");
    let mints = (0u64..).zip(&block.mints).map(|(index, mint)| (mint_key(index), value_hash(&mint.encode())));
    let transactions = (0u64..).zip(transaction_hashes).map(|(index, hash)| (transaction_key(index), *hash));
    let mut builder = RootBuilder::default();
    for (key, hash) in mints.chain(transactions) {
        builder.push(key, hash);
    }
    builder.finish()
}
