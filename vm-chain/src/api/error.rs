//! Why a call of the interface failed, with the numbers that JSON-RPC carries.

use vm_core::Hash;
use vm_host::{BlockError, InvalidTransaction, QueryError};
use vm_state::{NodeFailure, ReadError};

use crate::chain::ChainError;
use crate::replica::{NodeError, Unfit};
use crate::signed::Refused;

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's: another request would be answered.
    Caller,
    /// What was asked for is not there.
    Missing,
    /// The transaction can't stand.
    Transaction,
    /// The node has no room or no time now; the same request may be answered later.
    Busy,
    /// The node's: disk, memory, a bug.
    Node,
}

/// Why a call of the interface failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The request makes no sense.
    #[error("{0}")]
    Request(String),
    /// There is no such thing.
    #[error("there is no {what} {which} at height {height}")]
    Missing {
        /// What was asked for.
        what: &'static str,
        /// Its name.
        which: String,
        /// Where it was looked for.
        height: u64,
    },
    /// The state or the block is further back than the node keeps.
    #[error("{what} at height {height} is no longer kept; the oldest is {oldest}, the head {head}")]
    NotKept {
        /// What was asked for.
        what: &'static str,
        /// The height.
        height: u64,
        /// The oldest that is kept.
        oldest: u64,
        /// The head's height.
        head: u64,
    },
    /// The transaction is not its sender's.
    #[error("the transaction is refused: {0}")]
    Unauthorized(Refused),
    /// The transaction can't stand on the head's state.
    #[error("the transaction is refused: {0}")]
    Invalid(InvalidTransaction),
    /// The pool takes no such transaction.
    #[error("the pool refuses the transaction: {0}")]
    Pool(String),
    /// The transaction is in the pool and not yet in a block.
    #[error(
        "transaction {hash} is in the pool and was in no block after {seconds} s; ask for its receipt later"
    )]
    Pending {
        /// Its hash.
        hash: Hash,
        /// How long the node waited.
        seconds: u64,
    },
    /// The node has no room for the request.
    #[error("the node is busy: {0}; try again later")]
    Busy(String),
    /// This chain does not offer the method.
    #[error("{0}")]
    Unsupported(String),
    /// The node can't go on.
    #[error("the node failed: {0}")]
    Node(String),
    /// What a node at the other end says that fits none of these, and what goes wrong on the way.
    #[error("{0}")]
    Remote(String),
}

impl ApiError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Request(_) | Self::Unsupported(_) => Fault::Caller,
            Self::Missing { .. } | Self::NotKept { .. } => Fault::Missing,
            Self::Unauthorized(_) | Self::Invalid(_) | Self::Pool(_) => Fault::Transaction,
            Self::Pending { .. } | Self::Busy(_) => Fault::Busy,
            Self::Node(_) | Self::Remote(_) => Fault::Node,
        }
    }

    /// The number that JSON-RPC carries; `docs/rpc.md` lists them.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Request(_) => -32_602,
            Self::Missing { .. } => -32_020,
            Self::NotKept { .. } => -32_021,
            Self::Unauthorized(_) => -32_030,
            Self::Invalid(_) => -32_031,
            Self::Pool(_) => -32_032,
            Self::Pending { .. } => -32_033,
            Self::Busy(_) => -32_040,
            Self::Unsupported(_) => -32_041,
            Self::Node(_) | Self::Remote(_) => -32_603,
        }
    }
}

impl From<Unfit> for ApiError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Unauthorized(refused) => Self::Unauthorized(refused),
            Unfit::Invalid(invalid) => Self::Invalid(invalid),
            Unfit::TooMuch { .. } => Self::Pool(unfit.to_string()),
        }
    }
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        Self::Node(error.0)
    }
}

impl From<ChainError> for ApiError {
    fn from(error: ChainError) -> Self {
        Self::Node(error.to_string())
    }
}

impl From<NodeFailure> for ApiError {
    fn from(error: NodeFailure) -> Self {
        Self::Node(error.to_string())
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::Node(error.to_string())
    }
}

impl From<BlockError> for ApiError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Invalid(vm_host::Invalid::Transaction { reason, .. }) => Self::Invalid(reason),
            BlockError::Invalid(invalid) => Self::Request(invalid.to_string()),
            BlockError::Failure(failure) => failure.into(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::DeadlinePassed => Self::Busy("the query took longer than the node allows".to_owned()),
            error => Self::Node(error.to_string()),
        }
    }
}
