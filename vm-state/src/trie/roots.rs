//! Roots over sequences: the same trie, over the elements' indices (DESIGN 10, rule 21).

use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::{Block, Hash, value_hash};

use super::node::{first_difference, inner_hash, leaf_hash};

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
/// Receipts are committed to in this way.
///
/// # Panics
///
/// If there are more than 2^32 hashes, which no block's limits allow.
#[must_use]
pub fn index_root(hashes: impl IntoIterator<Item = Hash>) -> Hash {
    let mut builder = RootBuilder::default();
    for (index, hash) in (0u64..).zip(hashes) {
        builder.push(index_bytes(index), hash);
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
    let mints = (0u64..).zip(&block.mints).map(|(index, mint)| (0, index, value_hash(&mint.encode())));
    let transactions = (0u64..).zip(transaction_hashes).map(|(index, hash)| (1, index, *hash));
    let mut builder = RootBuilder::default();
    for (kind, index, hash) in mints.chain(transactions) {
        let [a, b, c, d] = index_bytes(index);
        builder.push([kind, a, b, c, d], hash);
    }
    builder.finish()
}

fn index_bytes(index: u64) -> [u8; 4] {
    let index = u32::try_from(index);
    assert!(index.is_ok(), "a block's limits keep its indices within u32");
    index.unwrap_or(u32::MAX).to_be_bytes()
}
