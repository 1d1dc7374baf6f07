//! Proofs over sequences: one receipt of a block, one event of a receipt (R92).

use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};
use vm_core::commitment::index_key;
use vm_core::{Event, Hash, Key, Receipt, ReceiptBody};

use super::{ProofError, decode_proof};
use crate::trie::{KeyShape, encode, restrict};
use crate::{ReadError, Trie, TrieBuilder};

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
        check(receipts_root, self.index, &self.body.hash(), &self.path)?;
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
        check(&body.events_root, self.index, &self.event.hash(), &self.path)?;
        Ok(&self.event)
    }
}

fn key(index: u32) -> Option<Key> {
    Key::prefix(&index_key(u64::from(index)))
}

/// The part of the trie over `hashes` that shows the one at `index`.
fn path(hashes: impl Iterator<Item = Hash>, index: u32) -> Option<Vec<u8>> {
    let shown = || -> Option<Result<Vec<u8>, ReadError>> {
        let mut builder = TrieBuilder::new();
        for (hash, index) in hashes.zip(0u32..) {
            builder.push_hashed(&key(index)?, hash).ok()?;
        }
        let trie: Trie = builder.finish();
        Some(restrict(&trie, None, &[(key(index)?, false)]).and_then(|part| encode(&part)))
    };
    shown()?.ok()
}

/// Checks that `path` shows `hash` at `index` under `root`, and nothing else.
fn check(root: &Hash, index: u32, hash: &Hash, path: &[u8]) -> Result<(), ProofError> {
    let trie = decode_proof(root, KeyShape::Bytes(4), path)?;
    let key = key(index).ok_or(ProofError::Incomplete)?;
    match trie.shown().as_slice() {
        [(shown, false)] if *shown == key => {}
        [] => return Err(ProofError::Incomplete),
        shown if shown.iter().any(|(shown, _)| *shown == key) => return Err(ProofError::Superfluous),
        _ => return Err(ProofError::Incomplete),
    }
    if trie.value_hash(&key) != Ok(Some(*hash)) {
        return Err(ProofError::OtherContent);
    }
    Ok(())
}
