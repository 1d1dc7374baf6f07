//! Proof that a block is final, for who runs no engine.
//!
//! ```text
//! certificate   round ‖ the parent's view ‖ digest of the block ‖ who signed ‖ one ed25519 signature each
//! ```
//!
//! Whoever knows the validators' keys and the namespace of their votes makes a [`Scheme`] that can only verify, and
//! needs nothing else. From a certificate's digest to a header, [`linked`](vm_chain::replica::linked) leads.
//!
//! Invariant: more than two thirds of the validators signed, or it is refused.

use commonware_codec::{Decode as _, Encode as _};
use commonware_cryptography::certificate::Verifier as _;
use commonware_parallel::Sequential;
use rand_core::CryptoRng;
use vm_core::Hash;

use crate::{Finalization, Scheme, hash_of};

/// Why bytes prove nothing.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// They are no certificate of so many validators.
    #[error("the bytes are no certificate: {0}")]
    Malformed(#[from] commonware_codec::Error),
    /// A signature is not a validator's, or there are too few.
    #[error("the certificate is not signed by more than two thirds of the validators")]
    Signatures,
}

/// The bytes of a certificate.
#[must_use]
pub fn certificate_bytes(finalization: &Finalization) -> Vec<u8> {
    finalization.encode().to_vec()
}

/// The longest certificate of so many validators.
#[must_use]
pub fn certificate_bytes_max(participants: u32) -> usize {
    Finalization::max_encode_size(participants)
}

/// Reads a certificate of the validators of `scheme`, and says of which block it is. `rng` must be unpredictable to who
/// sends the bytes: signatures are verified together, with random weights.
///
/// # Errors
///
/// [`CertificateError`] if it is none, or not of these validators.
pub fn verify_certificate(
    bytes: &[u8],
    scheme: &Scheme,
    rng: &mut impl CryptoRng,
) -> Result<(Finalization, Hash), CertificateError> {
    let finalization = Finalization::decode_cfg(bytes.to_vec(), &scheme.certificate_codec_config())?;
    if !finalization.verify(rng, scheme, &Sequential) {
        return Err(CertificateError::Signatures);
    }
    let digest = hash_of(&finalization.proposal.payload);
    Ok((finalization, digest))
}

#[cfg(test)]
mod tests;
