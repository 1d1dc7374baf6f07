//! An [`ApiError`] in JSON: the `data` of a JSON-RPC error, from which the client makes the same error again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vm_core::{Address, Hash};
use vm_host::InvalidTransaction;

use crate::ApiError;
use crate::account::PublicKey;
use crate::api::text::{HexBytes, Text};
use crate::signed::Refused;

/// An [`ApiError`] in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ErrorData {
    /// The request makes no sense.
    Request {
        /// Why.
        message: String,
    },
    /// There is no such thing.
    Missing {
        /// What was asked for.
        what: String,
        /// Its name.
        which: String,
        /// Where it was looked for.
        height: u64,
    },
    /// The node does not keep so much.
    NotKept {
        /// What was asked for.
        what: String,
        /// Where.
        height: u64,
        /// The oldest that is kept.
        oldest: u64,
        /// The head's height.
        head: u64,
    },
    /// The transaction is not its sender's.
    Unauthorized {
        /// Why.
        refused: RefusedData,
    },
    /// The transaction can't stand on the head's state.
    Invalid {
        /// Why.
        invalid: InvalidData,
    },
    /// The pool takes no such transaction.
    Pool {
        /// Why.
        message: String,
    },
    /// The transaction waits in the pool.
    Pending {
        /// Its hash.
        hash: Text<Hash>,
        /// How long the node waited.
        seconds: u64,
    },
    /// The node has no room now.
    Busy {
        /// Of what.
        message: String,
    },
    /// This chain does not offer the method.
    Unsupported {
        /// Why.
        message: String,
    },
    /// The node can't go on.
    Node {
        /// Why.
        message: String,
    },
    /// The node has it from another one.
    Remote {
        /// What that one says.
        message: String,
    },
}

/// [`Refused`] in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RefusedData {
    /// The authorization has another length than a key and a signature.
    Form {
        /// The length found.
        found: u64,
        /// The length expected.
        expected: u64,
    },
    /// The authorization is longer than any may be.
    TooLong {
        /// The length found.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The key does not speak for the sender.
    OtherSender {
        /// The key.
        key: HexBytes,
        /// Its address.
        speaks_for: Text<Address>,
        /// The transaction's sender.
        sender: Text<Address>,
    },
    /// The signature is not of this transaction on this chain.
    Signature {
        /// The key.
        key: HexBytes,
        /// The transaction's hash on this chain.
        transaction: Text<Hash>,
    },
}

/// [`InvalidTransaction`] in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InvalidData {
    /// Its encoding is longer than the limit.
    TooLong {
        /// The length found.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// A part of it is longer than its limit.
    Part {
        /// Which part.
        what: String,
        /// The length found.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// Its nonce is not the sender's.
    Nonce {
        /// The sender's.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// Its nonce could never be followed.
    NonceExhausted,
    /// Its gas limit is over the limit of a transaction.
    GasLimit {
        /// The transaction's.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// Its gas limit is under what its bytes cost.
    IntrinsicGas {
        /// The transaction's.
        found: u64,
        /// The least it costs.
        intrinsic: u64,
    },
    /// The sender cannot pay for the whole gas limit.
    Fee {
        /// Gas limit times gas price, in decimal.
        fee: String,
        /// What the sender has.
        balance: Text<u64>,
    },
}

impl From<&Refused> for RefusedData {
    fn from(refused: &Refused) -> Self {
        let count = |length: &usize| u64::try_from(*length).unwrap_or(u64::MAX);
        let bytes = |key: &PublicKey| HexBytes(key.0.to_vec());
        match refused {
            Refused::Form { found, expected } => {
                Self::Form { found: count(found), expected: count(expected) }
            }
            Refused::TooLong { found, limit } => Self::TooLong { found: count(found), limit: count(limit) },
            Refused::OtherSender { key, speaks_for, sender } => Self::OtherSender {
                key: bytes(key),
                speaks_for: (*speaks_for).into(),
                sender: (*sender).into(),
            },
            Refused::Signature { key, transaction } => {
                Self::Signature { key: bytes(key), transaction: (*transaction).into() }
            }
        }
    }
}

impl RefusedData {
    fn refused(self) -> Option<Refused> {
        let count = |length| usize::try_from(length).ok();
        let key = |bytes: HexBytes| Some(PublicKey(bytes.0.try_into().ok()?));
        Some(match self {
            Self::Form { found, expected } => {
                Refused::Form { found: count(found)?, expected: count(expected)? }
            }
            Self::TooLong { found, limit } => Refused::TooLong { found: count(found)?, limit: count(limit)? },
            Self::OtherSender { key: bytes, speaks_for, sender } => {
                Refused::OtherSender { key: key(bytes)?, speaks_for: speaks_for.0, sender: sender.0 }
            }
            Self::Signature { key: bytes, transaction } => {
                Refused::Signature { key: key(bytes)?, transaction: transaction.0 }
            }
        })
    }
}

impl From<&InvalidTransaction> for InvalidData {
    fn from(invalid: &InvalidTransaction) -> Self {
        use InvalidTransaction as From;
        match invalid {
            From::TooLong { found, limit } => Self::TooLong { found: *found, limit: *limit },
            From::Part { what, found, limit } => {
                Self::Part { what: (*what).to_owned(), found: *found, limit: *limit }
            }
            From::Nonce { expected, found } => Self::Nonce { expected: *expected, found: *found },
            From::NonceExhausted => Self::NonceExhausted,
            From::GasLimit { found, limit } => Self::GasLimit { found: *found, limit: *limit },
            From::IntrinsicGas { found, intrinsic } => {
                Self::IntrinsicGas { found: *found, intrinsic: *intrinsic }
            }
            From::Fee { fee, balance } => Self::Fee { fee: fee.to_string(), balance: (*balance).into() },
        }
    }
}

impl InvalidData {
    fn invalid(self) -> Option<InvalidTransaction> {
        use InvalidTransaction as To;
        Some(match self {
            Self::TooLong { found, limit } => To::TooLong { found, limit },
            Self::Part { what, found, limit } => To::Part { what: known(&what)?, found, limit },
            Self::Nonce { expected, found } => To::Nonce { expected, found },
            Self::NonceExhausted => To::NonceExhausted,
            Self::GasLimit { found, limit } => To::GasLimit { found, limit },
            Self::IntrinsicGas { found, intrinsic } => To::IntrinsicGas { found, intrinsic },
            Self::Fee { fee, balance } => To::Fee { fee: fee.parse().ok()?, balance: balance.0 },
        })
    }
}

/// What errors are about, as this program writes it. Errors about anything else cross as their message.
const KNOWN: [&str; 11] = [
    "block",
    "transaction",
    "contract",
    "code",
    "object",
    "event",
    "the header",
    "the state",
    "the block",
    "bytes of arguments",
    "bytes in the function's name",
];

fn known(what: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| *known == what)
}

impl From<&ApiError> for ErrorData {
    fn from(error: &ApiError) -> Self {
        match error {
            ApiError::Request(message) => Self::Request { message: message.clone() },
            ApiError::Missing { what, which, height } => {
                Self::Missing { what: (*what).to_owned(), which: which.clone(), height: *height }
            }
            ApiError::NotKept { what, height, oldest, head } => {
                Self::NotKept { what: (*what).to_owned(), height: *height, oldest: *oldest, head: *head }
            }
            ApiError::Unauthorized(refused) => Self::Unauthorized { refused: refused.into() },
            ApiError::Invalid(invalid) => Self::Invalid { invalid: invalid.into() },
            ApiError::Pool(message) => Self::Pool { message: message.clone() },
            ApiError::Pending { hash, seconds } => Self::Pending { hash: (*hash).into(), seconds: *seconds },
            ApiError::Busy(message) => Self::Busy { message: message.clone() },
            ApiError::Unsupported(message) => Self::Unsupported { message: message.clone() },
            ApiError::Node(message) => Self::Node { message: message.clone() },
            ApiError::Remote(message) => Self::Remote { message: message.clone() },
        }
    }
}

impl ErrorData {
    /// The error that it was made of; none if this program does not know the like.
    #[must_use]
    pub fn error(self) -> Option<ApiError> {
        Some(match self {
            Self::Request { message } => ApiError::Request(message),
            Self::Missing { what, which, height } => ApiError::Missing { what: known(&what)?, which, height },
            Self::NotKept { what, height, oldest, head } => {
                ApiError::NotKept { what: known(&what)?, height, oldest, head }
            }
            Self::Unauthorized { refused } => ApiError::Unauthorized(refused.refused()?),
            Self::Invalid { invalid } => ApiError::Invalid(invalid.invalid()?),
            Self::Pool { message } => ApiError::Pool(message),
            Self::Pending { hash, seconds } => ApiError::Pending { hash: hash.0, seconds },
            Self::Busy { message } => ApiError::Busy(message),
            Self::Unsupported { message } => ApiError::Unsupported(message),
            Self::Node { message } => ApiError::Node(message),
            Self::Remote { message } => ApiError::Remote(message),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_crosses_whole() {
        let key = PublicKey([7; 32]);
        let (hash, address) = (Hash([8; 32]), Address([9; 32]));
        let mut errors = vec![
            ApiError::Request("a".to_owned()),
            ApiError::Pool("b".to_owned()),
            ApiError::Pending { hash, seconds: 3 },
            ApiError::Busy("c".to_owned()),
            ApiError::Unsupported("d".to_owned()),
            ApiError::Node("e".to_owned()),
            ApiError::Remote("f".to_owned()),
        ];
        for what in ["block", "transaction", "contract", "code", "object", "event"] {
            errors.push(ApiError::Missing { what, which: "1".to_owned(), height: 2 });
        }
        for what in ["the header", "the state", "the block"] {
            errors.push(ApiError::NotKept { what, height: 1, oldest: 2, head: 3 });
        }
        errors.extend(
            [
                Refused::Form { found: 1, expected: 96 },
                Refused::TooLong { found: 1_025, limit: 1_024 },
                Refused::OtherSender { key, speaks_for: address, sender: Address::ZERO },
                Refused::Signature { key, transaction: hash },
            ]
            .map(ApiError::Unauthorized),
        );
        errors.extend(
            [
                InvalidTransaction::TooLong { found: 1, limit: 2 },
                InvalidTransaction::Part { what: "bytes of arguments", found: 1, limit: 2 },
                InvalidTransaction::Part { what: "bytes in the function's name", found: 1, limit: 2 },
                InvalidTransaction::Nonce { expected: 1, found: 2 },
                InvalidTransaction::NonceExhausted,
                InvalidTransaction::GasLimit { found: 1, limit: 2 },
                InvalidTransaction::IntrinsicGas { found: 1, intrinsic: 2 },
                InvalidTransaction::Fee { fee: u128::MAX, balance: 2 },
            ]
            .map(ApiError::Invalid),
        );
        for error in errors {
            let json = serde_json::to_string(&ErrorData::from(&error)).unwrap();
            let read: ErrorData = serde_json::from_str(&json).unwrap();
            assert_eq!(read.error(), Some(error), "{json}");
        }
    }

    #[test]
    fn an_error_about_something_unknown_is_left_to_its_message() {
        let data = ErrorData::Missing { what: "moon".to_owned(), which: "1".to_owned(), height: 2 };
        assert_eq!(data.error(), None);
    }
}
