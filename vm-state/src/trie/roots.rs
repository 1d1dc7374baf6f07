//! Roots over sequences: the same trie, over the elements' indices (DESIGN 10, rule 21).

use parity_scale_codec::Encode;
use vm_core::{Block, Hash, value_hash};

use super::TrieBuilder;

/// The root over `hashes` under their indices as keys: `u32`, big endian. [`Hash::ZERO`] for none.
///
/// Receipts are committed to in this way.
///
/// # Panics
///
/// If there are more than 2^32 hashes, which no block's limits allow.
#[must_use]
pub fn index_root(hashes: impl IntoIterator<Item = Hash>) -> Hash {
    let mut builder = TrieBuilder::default();
    for (index, hash) in (0u64..).zip(hashes) {
        push(&mut builder, &index_bytes(index), hash);
    }
    builder.finish().root()
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
    let mut builder = TrieBuilder::default();
    for (kind, index, hash) in mints.chain(transactions) {
        let [a, b, c, d] = index_bytes(index);
        push(&mut builder, &[kind, a, b, c, d], hash);
    }
    builder.finish().root()
}

fn index_bytes(index: u64) -> [u8; 4] {
    let index = u32::try_from(index);
    assert!(index.is_ok(), "a block's limits keep its indices within u32");
    index.unwrap_or(u32::MAX).to_be_bytes()
}

fn push(builder: &mut TrieBuilder, key: &[u8], hash: Hash) {
    let pushed = builder.push(key, hash);
    assert!(pushed.is_ok(), "indices ascend and have one length");
}
