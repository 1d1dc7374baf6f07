//! What a sender asks the chain to do, and the hash that names it (R103).
//!
//! A signature is not part of it: the chain checks one before the VM sees the transaction (R102).

#![allow(clippy::as_conversions, reason = "the codec's derive casts the variants' indices, which are given")]

use alloc::string::String;
use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};

use crate::codec::{CodecError, decode_exact};
use crate::{Address, Domain, Hash, HashBuilder};

/// The code of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CodeSource {
    /// The module itself; stored once per hash (R64).
    #[codec(index = 0)]
    Bytes(Vec<u8>),
    /// A module that the chain has already.
    #[codec(index = 1)]
    Stored(Hash),
}

impl CodeSource {
    /// The hash of the code.
    #[must_use]
    pub fn hash(&self) -> Hash {
        match self {
            Self::Bytes(code) => Hash::of_code(code),
            Self::Stored(hash) => *hash,
        }
    }
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Payload {
    /// Moves balance; runs no code (DESIGN 10, rule 5).
    #[codec(index = 0)]
    Transfer {
        /// Who receives.
        to: Address,
        /// How much.
        amount: u64,
    },
    /// Calls a function of a contract.
    #[codec(index = 1)]
    Call {
        /// The contract.
        contract: Address,
        /// The function's name.
        function: String,
        /// SCALE of the arguments, one after the other.
        args: Vec<u8>,
        /// Balance that moves to the contract before it runs.
        value: u64,
    },
    /// Creates a contract at [`Address::of_contract`] and runs its initialiser.
    #[codec(index = 2)]
    Deploy {
        /// The module.
        code: CodeSource,
        /// Tells apart contracts of one deployer and code.
        salt: Hash,
        /// SCALE of the initialiser's arguments.
        args: Vec<u8>,
        /// Balance that moves to the contract before the initialiser runs.
        value: u64,
    },
    /// Stores a module for later deployments, by factories say (R22).
    #[codec(index = 3)]
    Upload {
        /// The module.
        code: Vec<u8>,
    },
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Transaction {
    /// Who sends it and pays.
    pub sender: Address,
    /// The sender's count of transactions before this one.
    pub nonce: u64,
    /// The most gas it may use.
    pub gas_limit: u64,
    /// Balance per gas.
    pub gas_price: u64,
    /// What it does.
    pub payload: Payload,
}

impl Transaction {
    /// The hash that names it on the chain with these parameters (DESIGN 10, rule 1).
    #[must_use]
    pub fn hash(&self, params: &Hash) -> Hash {
        self.using_encoded(|bytes| HashBuilder::new(Domain::Transaction).with(params).with(bytes).finish())
    }

    /// Decodes one transaction of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`CodecError`] if the bytes are too many or not one canonical transaction.
    pub fn from_bytes(bytes: &[u8], limit: usize) -> Result<Self, CodecError> {
        decode_exact(bytes, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Transaction {
        Transaction {
            sender: Address([1; 32]),
            nonce: 2,
            gas_limit: 3,
            gas_price: 4,
            payload: Payload::Call {
                contract: Address([5; 32]),
                function: "f".into(),
                args: alloc::vec![6],
                value: 7,
            },
        }
    }

    #[test]
    fn r103_every_byte_of_the_encoding_is_in_the_hash() {
        let tx = sample();
        let params = Hash([9; 32]);
        let bytes = tx.encode();
        assert_eq!(Transaction::from_bytes(&bytes, 1_000), Ok(tx.clone()));
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            if let Ok(other) = Transaction::from_bytes(&other, 1_000) {
                assert_ne!(other.hash(&params), tx.hash(&params), "byte {index}");
            }
        }
        assert_ne!(tx.hash(&params), tx.hash(&Hash([8; 32])));
    }

    #[test]
    fn truncated_and_trailing_bytes_are_refused() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert!(Transaction::from_bytes(&bytes[..end], 1_000).is_err());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(Transaction::from_bytes(&longer, 1_000), Err(CodecError::Trailing { count: 1 }));
        assert!(matches!(Transaction::from_bytes(&bytes, 10), Err(CodecError::TooLong { .. })));
    }
}
