//! A block as replicas exchange it, and the digest that a consensus engine votes on.
//!
//! ```text
//! digest = blake3(parent's digest ‖ hash of the header ‖ hash of the transactions with their authorizations)
//! ```
//!
//! A header's hash does not cover authorizations: one transaction has one hash, however it is signed. Were it what
//! validators vote on, a block with the signatures spoiled would have the same name, and whoever received that one first
//! would refuse what the others accept. So the digest covers every byte.
//!
//! Invariants:
//! - two blocks with one digest are one block, byte for byte;
//! - every length is bounded before it is believed ([`Bounds`]).

use parity_scale_codec::{Decode, Encode};
use vm_core::codec::{CodecError, decode_exact};
use vm_core::{BlockContext, Hash, Header, Limits};

use crate::signed::{AUTHORIZATION_BYTES_MAX, Signed};

const DIGEST_CONTEXT: &str = "vm-chain 2026 digest of a sealed block";
const CONTENTS_CONTEXT: &str = "vm-chain 2026 contents of a sealed block";

/// Bytes of a block beside its transactions: header, parent's digest, lengths.
pub(super) const FRAME_BYTES: usize = 512;
/// What an authorization adds to its transaction: a key, a signature, their length.
const AUTHORIZATION_BYTES: usize = 100;

/// How large a block may be that comes from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// All its bytes.
    pub bytes: usize,
    /// Its transactions.
    pub transactions: usize,
    /// The bytes of one transaction, without its authorization.
    pub transaction_bytes: usize,
}

impl Bounds {
    /// What the chain's limits allow, with an authorization of a key and a signature for each transaction. Longer ones
    /// leave less room for transactions.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let length = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let transactions = length(limits.block_transactions);
        let authorizations = transactions.saturating_mul(AUTHORIZATION_BYTES);
        let bytes = FRAME_BYTES.saturating_add(length(limits.block_bytes)).saturating_add(authorizations);
        Self { bytes, transactions, transaction_bytes: length(limits.transaction_bytes) }
    }
}

/// A block with the header that its proposer claims for it.
///
/// It carries no mints: what a chain issues follows from the block's context, by the same rule on every replica
/// ([`Issuance`](super::Issuance)).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SealedBlock {
    /// The digest of the block before; zero for genesis.
    pub parent: Hash,
    /// The claim: what the block makes of its parent's state.
    pub header: Header,
    /// In order, with what entitles their senders.
    pub transactions: Vec<Signed>,
}

impl SealedBlock {
    /// The block that a chain with this first header begins with.
    #[must_use]
    pub fn genesis(header: Header) -> Self {
        Self { parent: Hash::ZERO, header, transactions: Vec::new() }
    }

    /// Height, time and proposer.
    #[must_use]
    pub fn context(&self) -> BlockContext {
        let Header { height, time, proposer, .. } = self.header;
        BlockContext { height, time, proposer }
    }

    /// What names the block beside its header.
    #[must_use]
    pub fn seal(&self) -> Seal {
        let mut hasher = blake3::Hasher::new_derive_key(CONTENTS_CONTEXT);
        self.transactions.encode_to(&mut hasher);
        Seal { parent: self.parent, contents: Hash(*hasher.finalize().as_bytes()) }
    }

    /// Its name among replicas.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.seal().digest(&self.header)
    }

    /// Decodes one block within `bounds`.
    ///
    /// # Errors
    ///
    /// [`CodecError`] for bytes that are too many or not one canonical encoding.
    pub fn from_bytes(bytes: &[u8], bounds: &Bounds) -> Result<Self, CodecError> {
        let block: Self = decode_exact(bytes, bounds.bytes)?;
        let too_long = |found: usize, limit: usize| match found > limit {
            true => Err(CodecError::TooLong { found, limit }),
            false => Ok(()),
        };
        too_long(block.transactions.len(), bounds.transactions)?;
        for signed in &block.transactions {
            too_long(signed.transaction.encoded_size(), bounds.transaction_bytes)?;
            too_long(signed.authorization.len(), AUTHORIZATION_BYTES_MAX)?;
        }
        Ok(block)
    }
}

/// What a light client needs beside a header to compare it with a certificate's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seal {
    /// The digest of the block before.
    pub parent: Hash,
    /// The hash of the transactions with their authorizations.
    pub contents: Hash,
}

impl Seal {
    /// The digest of the block with this header.
    #[must_use]
    pub fn digest(&self, header: &Header) -> Hash {
        let mut hasher = blake3::Hasher::new_derive_key(DIGEST_CONTEXT);
        hasher.update(self.parent.as_bytes());
        hasher.update(header.hash().as_bytes());
        hasher.update(self.contents.as_bytes());
        Hash(*hasher.finalize().as_bytes())
    }
}

/// The fields in which two headers differ, by name, with both values as text.
#[must_use]
pub fn different_fields(claimed: &Header, found: &Header) -> Vec<(&'static str, String, String)> {
    type Read = fn(&Header) -> String;
    let fields: [(&'static str, Read); 10] = [
        ("parent", |header| header.parent.to_string()),
        ("height", |header| header.height.to_string()),
        ("time", |header| header.time.to_string()),
        ("proposer", |header| header.proposer.to_string()),
        ("vm_version", |header| header.vm_version.to_string()),
        ("params", |header| header.params.to_string()),
        ("transactions_root", |header| header.transactions_root.to_string()),
        ("state_root", |header| header.state_root.to_string()),
        ("receipts_root", |header| header.receipts_root.to_string()),
        ("gas_used", |header| header.gas_used.to_string()),
    ];
    let both = fields.into_iter().map(|(field, read)| (field, read(claimed), read(found)));
    both.filter(|(_, claimed, found)| claimed != found).collect()
}

#[cfg(test)]
mod tests;
