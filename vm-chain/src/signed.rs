//! Transactions with what entitles them, and the hook that checks it (R102).
//!
//! The VM executes a [`Transaction`] and believes its sender. Whoever embeds it decides what proves a sender: an
//! [`Authority`] is asked before a transaction enters a pool or a block. [`Ed25519`] is the one of the local chain.

use std::collections::BTreeMap;
use std::fmt::Debug;

use parity_scale_codec::{Decode, Encode};
use vm_core::codec::{CodecError, decode_exact};
use vm_core::{Address, Hash, Transaction};

use crate::account::{DEV_NAMES, PublicKey, SecretKey};

/// The chain that a signature is for. Two chains with the same rules have the same transaction hashes; what tells them
/// apart is how they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainId {
    /// The hash of its rules.
    pub params: Hash,
    /// The hash of its first block.
    pub genesis: Hash,
}

/// What a signature is over, in front of the genesis' and the transaction's hash: no other protocol's message looks
/// like it.
const SIGNING_CONTEXT: &[u8] = b"vm-chain 2026 transaction\0";

/// The longest authorization that any authority is asked about: what is longer, no block holds.
pub const AUTHORIZATION_BYTES_MAX: usize = 1_024;

pub(crate) fn message(transaction: &Hash, chain: &ChainId) -> Vec<u8> {
    [SIGNING_CONTEXT, chain.genesis.as_bytes(), transaction.as_bytes()].concat()
}

/// A transaction as it travels and as blocks keep it: SCALE of the transaction, then of the authorization.
///
/// The transaction's hash does not cover the authorization: one transaction has one hash, however it is signed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    /// What is to be done.
    pub transaction: Transaction,
    /// What entitles its sender; the chain's [`Authority`] says what it must be.
    pub authorization: Vec<u8>,
}

impl Signed {
    /// Decodes one signed transaction whose transaction has at most `transaction_bytes` bytes.
    ///
    /// # Errors
    ///
    /// [`CodecError`] if the bytes are too many or not one canonical encoding.
    pub fn from_bytes(bytes: &[u8], transaction_bytes: u32) -> Result<Self, CodecError> {
        let transaction = usize::try_from(transaction_bytes).unwrap_or(usize::MAX);
        // Four bytes at most tell the authorization's length.
        let limit = transaction.saturating_add(AUTHORIZATION_BYTES_MAX).saturating_add(4);
        let signed: Self = decode_exact(bytes, limit)?;
        match signed.authorization.len() {
            found if found > AUTHORIZATION_BYTES_MAX => {
                Err(CodecError::TooLong { found, limit: AUTHORIZATION_BYTES_MAX })
            }
            _ => Ok(signed),
        }
    }
}

/// Why a transaction is not its sender's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The authorization is not of the form that the chain takes.
    #[error("the authorization has {found} bytes; a public key and its signature have {expected}")]
    Form {
        /// The length found.
        found: usize,
        /// The length of a key and a signature.
        expected: usize,
    },
    /// The authorization is longer than any may be.
    #[error("the authorization has {found} bytes; no authorization has more than {limit}")]
    TooLong {
        /// The length found.
        found: usize,
        /// [`AUTHORIZATION_BYTES_MAX`].
        limit: usize,
    },
    /// The key does not speak for the sender.
    #[error("the key {key} speaks for {speaks_for}, not for the sender {sender}")]
    OtherSender {
        /// The key.
        key: PublicKey,
        /// Its address.
        speaks_for: Address,
        /// The transaction's sender.
        sender: Address,
    },
    /// The signature is not of this transaction on this chain.
    #[error(
        "the signature is not the key {key}'s of transaction {transaction}; it may be for another chain or another nonce"
    )]
    Signature {
        /// The key.
        key: PublicKey,
        /// The transaction's hash on this chain.
        transaction: Hash,
    },
}

/// Says whether a transaction is its sender's. The embedder's hook: pools and proposers ask it, the VM never does.
pub trait Authority: Debug + Send + Sync {
    /// Confirms that `signed` is its sender's, on this chain.
    ///
    /// # Errors
    ///
    /// [`Refused`] if it is not.
    fn confirm(&self, signed: &Signed, chain: &ChainId) -> Result<(), Refused>;
}

/// An authorization is a public key and its signature; the sender is the key's address, or a named account with that key.
#[derive(Clone, Debug, Default)]
pub struct Ed25519 {
    named: BTreeMap<Address, PublicKey>,
}

/// The bytes of a public key and a signature.
const AUTHORIZATION_BYTES: usize = 96;

impl Ed25519 {
    /// Takes keys for their own addresses only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the well-known keys of the local chain's named accounts as well.
    #[must_use]
    pub fn with_dev_accounts() -> Self {
        let entry = |name: &&str| (Address::named(name), SecretKey::dev(name).public());
        Self { named: DEV_NAMES.iter().map(entry).collect() }
    }
}

impl Authority for Ed25519 {
    fn confirm(&self, signed: &Signed, chain: &ChainId) -> Result<(), Refused> {
        let form = || Refused::Form { found: signed.authorization.len(), expected: AUTHORIZATION_BYTES };
        let (key, signature) = signed.authorization.split_first_chunk::<32>().ok_or_else(form)?;
        let signature: &[u8; 64] = signature.try_into().map_err(|_| form())?;
        let key = PublicKey(*key);
        let sender = signed.transaction.sender;
        if key.address() != sender && self.named.get(&sender) != Some(&key) {
            return Err(Refused::OtherSender { key, speaks_for: key.address(), sender });
        }
        let transaction = signed.transaction.hash(&chain.params);
        if key.verifies(&message(&transaction, chain), signature) {
            Ok(())
        } else {
            Err(Refused::Signature { key, transaction })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_core::Payload;

    fn transfer(sender: Address) -> Transaction {
        let payload = Payload::Transfer { to: Address::named("bob"), amount: 1 };
        Transaction { sender, nonce: 3, gas_limit: 10_000, gas_price: 0, payload }
    }

    const CHAIN: ChainId = ChainId { params: Hash([7; 32]), genesis: Hash([1; 32]) };

    #[test]
    fn r102_a_key_speaks_for_its_address_and_a_dev_key_for_its_name() {
        let key = SecretKey::from_seed([9; 32]);
        let own = key.sign(transfer(key.public().address()), &CHAIN);
        assert_eq!(Ed25519::new().confirm(&own, &CHAIN), Ok(()));

        let alice = SecretKey::dev("alice").sign(transfer(Address::named("alice")), &CHAIN);
        assert_eq!(Ed25519::with_dev_accounts().confirm(&alice, &CHAIN), Ok(()));
        assert!(matches!(Ed25519::new().confirm(&alice, &CHAIN), Err(Refused::OtherSender { .. })));
    }

    #[test]
    fn r102_no_signature_no_entry() {
        let authority = Ed25519::with_dev_accounts();
        let key = SecretKey::dev("alice");
        let signed = key.sign(transfer(Address::named("alice")), &CHAIN);

        for length in [0, 31, 32, 95, 97] {
            let mut other = signed.clone();
            other.authorization.resize(length, 0);
            let expected = Err(Refused::Form { found: length, expected: 96 });
            assert_eq!(authority.confirm(&other, &CHAIN), expected);
        }
        for byte in 0..96 {
            let mut other = signed.clone();
            other.authorization[byte] ^= 1;
            assert!(authority.confirm(&other, &CHAIN).is_err(), "byte {byte}");
        }
        let mut other = signed.clone();
        other.transaction.nonce += 1;
        assert!(matches!(authority.confirm(&other, &CHAIN), Err(Refused::Signature { .. })));
        let bob = SecretKey::dev("bob").sign(transfer(Address::named("alice")), &CHAIN);
        assert!(matches!(authority.confirm(&bob, &CHAIN), Err(Refused::OtherSender { .. })));
        // Neither on a chain with other rules, nor on one with the same that began otherwise.
        let other_rules = ChainId { params: Hash([8; 32]), ..CHAIN };
        let other_genesis = ChainId { genesis: Hash([2; 32]), ..CHAIN };
        for elsewhere in [other_rules, other_genesis] {
            assert!(matches!(authority.confirm(&signed, &elsewhere), Err(Refused::Signature { .. })));
        }
    }

    #[test]
    fn r122_only_one_encoding_of_bounded_length_is_read() {
        let signed = SecretKey::dev("alice").sign(transfer(Address::named("alice")), &CHAIN);
        let bytes = signed.encode();
        assert_eq!(Signed::from_bytes(&bytes, 1_000), Ok(signed.clone()));
        for end in 0..bytes.len() {
            assert!(Signed::from_bytes(&bytes[..end], 1_000).is_err(), "{end} bytes");
        }
        assert!(matches!(Signed::from_bytes(&[0; 3_000], 1_000), Err(CodecError::TooLong { .. })));
        let long = Signed { authorization: vec![0; 1_025], ..signed };
        let read = Signed::from_bytes(&long.encode(), 10_000);
        assert_eq!(read, Err(CodecError::TooLong { found: 1_025, limit: 1_024 }));
    }
}
