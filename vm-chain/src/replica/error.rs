//! Why a replica gives no block, no verdict, no commit.
//!
//! Three kinds that must not mix: a [`Rejection`] is the same on every replica and for ever; what is unknown may be known
//! later; a [`NodeError`] is this machine's.

use vm_core::Hash;
use vm_host::{BlockError, Invalid, InvalidTransaction};
use vm_state::{NodeFailure, ReadError, SnapshotError};

use crate::chain::ChainError;
use crate::signed::Refused;
use crate::snapshot::SnapshotFault;

/// This node can't go on: disk, memory, a bug. Says nothing about any block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node failed: {0}")]
pub struct NodeError(pub String);

impl From<NodeFailure> for NodeError {
    fn from(failure: NodeFailure) -> Self {
        Self(failure.to_string())
    }
}

impl From<ReadError> for NodeError {
    fn from(error: ReadError) -> Self {
        Self(error.to_string())
    }
}

impl From<ChainError> for NodeError {
    fn from(error: ChainError) -> Self {
        Self(error.to_string())
    }
}

/// Why a transaction can stand in no block, or not in this one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not its sender's.
    #[error(transparent)]
    Unauthorized(#[from] Refused),
    /// The VM refuses it.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// Alone in a block it exceeds a limit of blocks.
    #[error("alone it makes a block of {found} {what}, more than the limit of {limit}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much.
        found: u64,
        /// The limit.
        limit: u64,
    },
}

/// Why a block is refused. Every replica refuses it, now and later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A field of its header is not what execution gives.
    #[error("the header's {field} is {claimed}; execution gives {found}")]
    Claim {
        /// Which field.
        field: &'static str,
        /// What the header says.
        claimed: String,
        /// What the execution came to.
        found: String,
    },
    /// A transaction is not its sender's.
    #[error("transaction {index}: {reason}")]
    Unauthorized {
        /// Its index in the block.
        index: u32,
        /// Why.
        reason: Refused,
    },
    /// Another block is final at its height.
    #[error("another block is final at height {height}")]
    Superseded {
        /// The height.
        height: u64,
    },
    /// The VM refuses the block.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Why no block was built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The parent is neither the tip nor an outcome above it.
    #[error("the outcome of the block {0} is not here; it must be executed first")]
    UnknownParent(Hash),
    /// Even an empty block is refused on this parent.
    #[error("no block can be built: {0}")]
    Refused(Invalid),
    /// The node can't go on.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Why a block has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// It is refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The parent is neither the tip nor an outcome above it.
    #[error("the outcome of the block {0} is not here; it must be executed first")]
    UnknownParent(Hash),
    /// The node can't go on.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl From<BlockError> for ExecuteError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Invalid(invalid) => Self::Rejected(invalid.into()),
            BlockError::Failure(failure) => Self::Node(failure.into()),
        }
    }
}

/// Why a final block can't be committed. Whoever sees one stops: the engine's record and this replica's don't agree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FinalityError {
    /// Another block is final at this height.
    #[error("block {height} is final as {committed}; the engine brings {brought}")]
    Conflict {
        /// The height.
        height: u64,
        /// What is final here.
        committed: Hash,
        /// What the engine says is final.
        brought: Hash,
    },
    /// It is not the block after the tip.
    #[error("block {height} does not follow the tip, block {tip}: {why}")]
    Gap {
        /// The block's height.
        height: u64,
        /// The tip's.
        tip: u64,
        /// What does not fit.
        why: &'static str,
    },
    /// It was made final and this replica refuses it: one of the two is wrong, and to go on would split the chain.
    #[error("block {height} is final, and this replica refuses it: {reason}")]
    Diverged {
        /// The height.
        height: u64,
        /// Why.
        reason: Rejection,
    },
    /// The node can't go on.
    #[error(transparent)]
    Node(#[from] NodeError),
}

/// Why no chain was made of a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The manifest is of another block than the trusted one.
    #[error("the manifest is of the block {found}, not of {expected}")]
    OtherBlock {
        /// The trusted digest.
        expected: Hash,
        /// The manifest's.
        found: Hash,
    },
    /// The manifest is of a chain that began otherwise than the trusted one.
    #[error("the manifest is of the chain with genesis {found}, not of {expected}")]
    OtherChain {
        /// The trusted chain's first block.
        expected: Hash,
        /// The manifest's.
        found: Hash,
    },
    /// A chunk could not be had.
    #[error("no chunk: {0}")]
    Source(String),
    /// A chunk is not what the block commits to, or can't be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The rules are not the block's.
    #[error(transparent)]
    Rules(#[from] SnapshotFault),
    /// The chain can't be made.
    #[error(transparent)]
    Chain(#[from] ChainError),
}
