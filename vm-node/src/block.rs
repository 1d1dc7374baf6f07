//! A block as the engine sees it: what it sends, stores and votes on.
//!
//! ```text
//! on the wire   length u32, big-endian ‖ SCALE of the sealed block
//! ```
//!
//! Invariants:
//! - a block has one encoding, and what is decoded encodes to the same bytes;
//! - no length is believed before it is compared with [`Bounds`];
//! - the digest is computed once, when the block is made or read.

use std::fmt;
use std::sync::Arc;

use bytes::{Buf as _, BufMut};
use commonware_codec::{Buf, EncodeSize, Error, Read, ReadExt as _, Write};
use commonware_consensus::types::Height;
use commonware_consensus::{Block as ConsensusBlock, BoundedBlock, Heightable};
use commonware_cryptography::Digestible;
use parity_scale_codec::{Encode as _, Output};
use vm_chain::replica::{Bounds, SealedBlock};
use vm_core::Hash;

use crate::Digest;

/// The bytes of the length in front.
const LENGTH_BYTES: usize = 4;

/// The engine's digest of a block of this hash.
#[must_use]
pub fn digest_of(hash: &Hash) -> Digest {
    commonware_cryptography::blake3::Digest(hash.0)
}

/// The hash that an engine's digest stands for.
#[must_use]
pub fn hash_of(digest: &Digest) -> Hash {
    Hash(digest.0)
}

struct Contents {
    sealed: SealedBlock,
    digest: Hash,
    bytes: usize,
}

/// A sealed block with its digest. Copies share it.
#[derive(Clone)]
pub struct Block(Arc<Contents>);

impl Block {
    /// Computes the digest of `sealed`.
    #[must_use]
    pub fn new(sealed: SealedBlock) -> Self {
        let digest = sealed.digest();
        let bytes = sealed.encoded_size();
        Self(Arc::new(Contents { sealed, digest, bytes }))
    }

    /// The block.
    #[must_use]
    pub fn sealed(&self) -> &SealedBlock {
        &self.0.sealed
    }

    /// Its digest, as the chain writes it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.0.digest
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({}, {})", self.0.sealed.header.height, self.0.digest)
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Eq for Block {}

/// SCALE writes into the engine's buffer.
struct Into<'a, B>(&'a mut B);

impl<B: BufMut> Output for Into<'_, B> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.put_slice(bytes);
    }
}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        // A block is made within the chain's limits or read within its bounds: its length fits.
        buf.put_u32(u32::try_from(self.0.bytes).unwrap_or(u32::MAX));
        self.0.sealed.encode_to(&mut Into(buf));
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        self.0.bytes.saturating_add(LENGTH_BYTES)
    }
}

impl Read for Block {
    type Cfg = Bounds;

    fn read_cfg(buf: &mut impl Buf, bounds: &Bounds) -> Result<Self, Error> {
        let length = usize::try_from(u32::read(buf)?).unwrap_or(usize::MAX);
        if length > bounds.bytes {
            return Err(Error::InvalidLength(length));
        }
        if buf.remaining() < length {
            return Err(Error::EndOfBuffer);
        }
        let bytes = buf.copy_to_bytes(length);
        let sealed = SealedBlock::from_bytes(&bytes, bounds)
            .map_err(|error| Error::Wrapped("sealed block", Box::new(error)))?;
        Ok(Self::new(sealed))
    }
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        digest_of(&self.0.digest)
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.0.sealed.header.height)
    }
}

impl ConsensusBlock for Block {
    fn parent(&self) -> Digest {
        digest_of(&self.0.sealed.parent)
    }
}

impl BoundedBlock for Block {
    fn max_encode_size(bounds: &Bounds) -> usize {
        bounds.bytes.saturating_add(LENGTH_BYTES)
    }
}

#[cfg(test)]
mod tests;
