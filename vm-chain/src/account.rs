//! Keys and the addresses they speak for.
//!
//! An account is an ed25519 key; its address is a digest of the public half. The local chain has named accounts beside:
//! `@alice` is [`Address::named`], as in scenarios and tests, and everyone knows her secret.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use vm_core::{Address, Transaction};
use zeroize::Zeroize as _;

use crate::signed::{ChainId, Signed, message};

/// The accounts of a local chain, by name. Their secrets are public: never use them where money is.
pub const DEV_NAMES: [&str; 10] =
    ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];

const ADDRESS_CONTEXT: &str = "vm-chain 2026 address of an ed25519 key";
const DEV_CONTEXT: &str = "vm-chain 2026 secret of a named account, known to everyone";

/// The public half of a key: 32 bytes, in text `0x` and 64 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The address that the key speaks for.
    #[must_use]
    pub fn address(&self) -> Address {
        Address(*blake3::Hasher::new_derive_key(ADDRESS_CONTEXT).update(&self.0).finalize().as_bytes())
    }

    /// Whether `signature` is this key's, of `message`. Keys and signatures with two encodings are refused.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

/// The secret half of a key. Wiped from memory when dropped, and never shown by `{:?}`.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

/// Why a text is no secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret key is 64 hex digits (32 bytes), with or without 0x in front")]
pub struct ParseSecretError;

impl SecretKey {
    /// The key with this seed.
    #[must_use]
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        Self(key)
    }

    /// The key of the local chain's account `name`. Everyone can make it.
    #[must_use]
    pub fn dev(name: &str) -> Self {
        let seed = blake3::Hasher::new_derive_key(DEV_CONTEXT).update(name.as_bytes()).finalize();
        Self::from_seed(*seed.as_bytes())
    }

    /// The seed, for its owner's file.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// `transaction` with this key's signature for `chain`.
    #[must_use]
    pub fn sign(&self, transaction: Transaction, chain: &ChainId) -> Signed {
        let signature = self.0.sign(&message(&transaction.hash(&chain.params), chain));
        let mut authorization = self.public().0.to_vec();
        authorization.extend_from_slice(&signature.to_bytes());
        Signed { transaction, authorization }
    }
}

impl FromStr for SecretKey {
    type Err = ParseSecretError;

    fn from_str(text: &str) -> Result<Self, ParseSecretError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut seed = [0; 32];
        hex::decode_to_slice(digits, &mut seed).map_err(|_| ParseSecretError)?;
        Ok(Self::from_seed(seed))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_keys_and_addresses_never_change() {
        // Written down once: a change of either would take people's local accounts away.
        let alice = SecretKey::dev("alice").public();
        assert_eq!(alice.to_string(), "0x28e6b908ccea71018fc8e6515d7245599c17fd7ae793148e171cd8b2d37ba229");
        assert_eq!(
            alice.address().to_string(),
            "0xd61f8e9d5ad03a3370f80983bdea276c35a07bfd5219ec33ae93d2fbf093e94a"
        );
    }

    #[test]
    fn a_secret_is_read_from_hex_and_not_shown() {
        let key = SecretKey::dev("bob");
        let text = format!("0x{}", hex::encode(key.seed()));
        assert_eq!(text.parse::<SecretKey>().unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains(&hex::encode(key.seed())));
        for bad in ["", "0x12", "zz", &text[..65]] {
            assert_eq!(bad.parse::<SecretKey>().unwrap_err(), ParseSecretError, "{bad}");
        }
    }
}
