//! Proofs over sequences: one transaction or receipt of a block, one event of a receipt (R92).

use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};
use vm_core::commitment::{index_key, mint_key, transaction_key};
use vm_core::{Event, Hash, Key, Mint, Receipt, ReceiptBody, value_hash};

use super::{ProofError, decode_proof};
use crate::trie::{KeyShape, encode, restrict};
use crate::{Trie, TrieBuilder};

/// Shows that a transaction stands at an index, to somebody who knows the block's transactions root and the
/// transaction's hash. A receipt does not name its transaction: this does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TransactionProof {
    /// The transaction's index in the block.
    pub index: u32,
    /// The part of the trie over mints and transactions that shows it.
    pub path: Vec<u8>,
}

/// Shows a receipt, without its events, to somebody who knows the block's receipts root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReceiptProof {
    /// The transaction's index in the block.
    pub index: u32,
    /// The receipt.
    pub body: ReceiptBody,
    /// The part of the receipts' trie that shows it.
    pub path: Vec<u8>,
}

/// Shows an event to somebody who knows the block's receipts root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EventProof {
    /// The receipt that it is in.
    pub receipt: ReceiptProof,
    /// Its index there.
    pub index: u32,
    /// The event.
    pub event: Event,
    /// The part of the events' trie that shows it.
    pub path: Vec<u8>,
}

impl TransactionProof {
    /// The proof of the transaction at `index` of a block with these mints, and transactions with these hashes; `None`
    /// past their end.
    #[must_use]
    pub fn new(mints: &[Mint], transactions: &[Hash], index: u32) -> Option<Self> {
        let mints = mints
            .iter()
            .zip(0u64..)
            .map(|(mint, index)| Some((Key::prefix(&mint_key(index))?, value_hash(&mint.encode()))));
        let transactions = transactions
            .iter()
            .zip(0u64..)
            .map(|(hash, index)| Some((Key::prefix(&transaction_key(index))?, *hash)));
        let path = path_to(mints.chain(transactions), &Self::key(index)?)?;
        Some(Self { index, path })
    }

    fn key(index: u32) -> Option<Key> {
        Key::prefix(&transaction_key(u64::from(index)))
    }

    /// Checks, against the transactions root of a header that is trusted, that the transaction `hash` is at the index.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn verify(&self, transactions_root: &Hash, hash: &Hash) -> Result<(), ProofError> {
        let key = Self::key(self.index).ok_or(ProofError::Incomplete)?;
        check(transactions_root, KeyShape::Bytes(5), &key, hash, &self.path)
    }
}

impl ReceiptProof {
    /// The proof of the receipt at `index` of a block with these; `None` past their end.
    #[must_use]
    pub fn new(receipts: &[Receipt], index: u32) -> Option<Self> {
        let body = receipts.get(usize::try_from(index).ok()?)?.body();
        let path = path(receipts.iter().map(Receipt::hash), index)?;
        Some(Self { index, body, path })
    }

    /// Checks it against the receipts root of a header that is trusted.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn verify(&self, receipts_root: &Hash) -> Result<&ReceiptBody, ProofError> {
        check_index(receipts_root, self.index, &self.body.hash(), &self.path)?;
        Ok(&self.body)
    }
}

impl EventProof {
    /// The proof of event `event` of the receipt at `index` of a block with these; `None` past their end.
    #[must_use]
    pub fn new(receipts: &[Receipt], index: u32, event: u32) -> Option<Self> {
        let receipt = ReceiptProof::new(receipts, index)?;
        let events = &receipts.get(usize::try_from(index).ok()?)?.events;
        let shown = events.get(usize::try_from(event).ok()?)?.clone();
        let path = path(events.iter().map(Event::hash), event)?;
        Some(Self { receipt, index: event, event: shown, path })
    }

    /// Checks it against the receipts root of a header that is trusted.
    ///
    /// # Errors
    ///
    /// [`ProofError`].
    pub fn verify(&self, receipts_root: &Hash) -> Result<&Event, ProofError> {
        let body = self.receipt.verify(receipts_root)?;
        check_index(&body.events_root, self.index, &self.event.hash(), &self.path)?;
        Ok(&self.event)
    }
}

fn key(index: u32) -> Option<Key> {
    Key::prefix(&index_key(u64::from(index)))
}

/// The part of the trie over `hashes` that shows the one at `index`.
fn path(hashes: impl Iterator<Item = Hash>, index: u32) -> Option<Vec<u8>> {
    path_to(hashes.zip(0u32..).map(|(hash, index)| Some((key(index)?, hash))), &key(index)?)
}

/// The part of the trie over ascending keys and their hashes that shows `key`; `None` if it is not there.
fn path_to(hashes: impl Iterator<Item = Option<(Key, Hash)>>, key: &Key) -> Option<Vec<u8>> {
    let mut builder = TrieBuilder::new();
    for entry in hashes {
        let (key, hash) = entry?;
        builder.push_hashed(&key, hash).ok()?;
    }
    let trie: Trie = builder.finish();
    trie.value_hash(key).ok()??;
    restrict(&trie, None, &[(*key, false)]).and_then(|part| encode(&part)).ok()
}

fn check_index(root: &Hash, index: u32, hash: &Hash, path: &[u8]) -> Result<(), ProofError> {
    check(root, KeyShape::Bytes(4), &key(index).ok_or(ProofError::Incomplete)?, hash, path)
}

/// Checks that `path` shows `hash` under `key` in the trie with `root`, and nothing else.
fn check(root: &Hash, shape: KeyShape, key: &Key, hash: &Hash, path: &[u8]) -> Result<(), ProofError> {
    let trie = decode_proof(root, shape, path)?;
    match trie.shown().as_slice() {
        [(shown, false)] if shown == key => {}
        shown if shown.iter().any(|(shown, _)| shown == key) => return Err(ProofError::Superfluous),
        _ => return Err(ProofError::Incomplete),
    }
    if trie.value_hash(key) != Ok(Some(*hash)) {
        return Err(ProofError::OtherContent);
    }
    Ok(())
}
