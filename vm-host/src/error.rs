//! Why a block is refused, and the signals that end a frame from inside a host function.

use core::fmt;
use vm_core::{ErrorCode, Hash};
use vm_state::{NodeFailure, ReadError};

/// Why a transaction cannot stand in a block. Not a receipt: nothing of it is recorded (R101).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// Its encoding is longer than the limit.
    #[error("{found} bytes, more than the limit of {limit}")]
    TooLong {
        /// The length found.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// A part of it is longer than its limit.
    #[error("{found} {what}, more than the limit of {limit}")]
    Part {
        /// Which part.
        what: &'static str,
        /// The length found.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// Its nonce is not the sender's.
    #[error("nonce {found}, the sender's is {expected}")]
    Nonce {
        /// The sender's nonce.
        expected: u64,
        /// The transaction's.
        found: u64,
    },
    /// The nonce `u64::MAX`, which could never be followed.
    #[error("the nonce {} can't be used", u64::MAX)]
    NonceExhausted,
    /// Its gas limit is over the limit of a transaction.
    #[error("gas limit {found}, more than the limit of {limit}")]
    GasLimit {
        /// The transaction's.
        found: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// Its gas limit is under what any such transaction costs.
    #[error("gas limit {found}, but its bytes alone cost {intrinsic}")]
    IntrinsicGas {
        /// The transaction's.
        found: u64,
        /// The least it costs.
        intrinsic: u64,
    },
    /// The sender cannot pay for the whole gas limit.
    #[error("the fee may reach {fee}, the sender has {balance}")]
    Fee {
        /// Gas limit times gas price.
        fee: u128,
        /// What the sender has.
        balance: u64,
    },
}

/// Why a block is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Its height is not the parent's plus one.
    #[error("block height {found}, expected {expected}")]
    Height {
        /// One more than the parent's.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// Its time is before the parent's.
    #[error("block time {found} is before the parent's, {parent}")]
    Time {
        /// The parent's time.
        parent: i64,
        /// The block's.
        found: i64,
    },
    /// The state belongs to a chain with other rules.
    #[error("the state has parameters {found}, this engine {expected}")]
    Params {
        /// The engine's.
        expected: Hash,
        /// The state's.
        found: Hash,
    },
    /// The state belongs to another version of the rules.
    #[error("the state has VM version {found}, this engine {expected}")]
    VmVersion {
        /// The engine's.
        expected: u32,
        /// The state's.
        found: u32,
    },
    /// More of something than a block may have.
    #[error("{found} {what} in the block, more than the limit of {limit}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// A mint that lifts the sum of all balances past `u64::MAX`, or one of nothing.
    #[error("mint {index} is of nothing, or lifts the supply past u64::MAX")]
    Mint {
        /// Its index in the block.
        index: u32,
    },
    /// A transaction that cannot stand in the block.
    #[error("transaction {index}: {reason}")]
    Transaction {
        /// Its index in the block.
        index: u32,
        /// Why.
        #[source]
        reason: InvalidTransaction,
    },
    /// The witness lacks what the block reads.
    #[error("the witness is incomplete")]
    WitnessIncomplete,
}

/// Why [`Vm::execute_block`](crate::Vm::execute_block) gave no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The block is refused. Other nodes refuse it too.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// This node failed and must stop. Says nothing about the block.
    #[error(transparent)]
    Failure(#[from] NodeFailure),
}

impl From<ReadError> for BlockError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failure(failure) => Self::Failure(failure),
            ReadError::WitnessIncomplete => Self::Invalid(Invalid::WitnessIncomplete),
        }
    }
}

/// Why [`Vm::rehearse_block`](crate::Vm::rehearse_block) gave no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// The block itself has none.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The embedder's deadline passed first.
    #[error("the rehearsal's deadline has passed")]
    DeadlinePassed,
}

/// Why [`Vm::query`](crate::Vm::query) gave no answer. A failed call is an answer: see its receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The state could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The state belongs to a chain with other rules than the engine.
    #[error("the state has parameters {found}, this engine {expected}")]
    Params {
        /// The engine's.
        expected: Hash,
        /// The state's.
        found: Hash,
    },
    /// The embedder's deadline passed first.
    #[error("the query's deadline has passed")]
    DeadlinePassed,
}

/// What stops a host function short of its result.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A code: returned to the contract by functions with a `Code` result, a halt from all others (R21).
    Code(ErrorCode),
    /// The frame ends at once.
    Halt(ErrorCode),
    /// The frame ends at its own wish; its revert bytes are in the frame's output.
    Revert,
    /// The frame waits for a call that stands in its `pending`.
    Suspend,
    /// The state could not be read.
    Read(ReadError),
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<NodeFailure> for Fault {
    fn from(failure: NodeFailure) -> Self {
        Self::Read(failure.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) | Self::Halt(code) => code.fmt(f),
            Self::Revert => f.write_str("reverted"),
            Self::Suspend => f.write_str("waiting for a call"),
            Self::Read(error) => error.fmt(f),
        }
    }
}

impl wasmi::errors::HostError for Fault {}

/// What a host function comes to.
pub(crate) type Answer<T> = Result<T, Fault>;
