//! Failures of the node, which stop it. Never recorded, never shown to a contract (R101).

use alloc::string::String;
use vm_core::DecodeEntryError;

/// The node cannot go on: disk, memory, or a bug of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeFailure {
    /// The store could not read or write.
    #[error("the store failed to {action}: {cause}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// What the store said; for people only.
        cause: String,
    },
    /// Stored bytes that this VM never writes.
    #[error("the store holds a damaged entry: {0}")]
    Damaged(#[from] DecodeEntryError),
    /// The host has no memory left.
    #[error("out of memory while {0}")]
    Memory(&'static str),
    /// What cannot be unless we are wrong; the text names the invariant.
    #[error("invariant broken: {0}")]
    Invariant(&'static str),
}

/// Why an entry could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The node failed.
    #[error(transparent)]
    Failure(#[from] NodeFailure),
    /// The witness lacks a node that the read needs. Not the same as an absent entry, ever.
    #[error("the witness is incomplete")]
    WitnessIncomplete,
}

impl From<DecodeEntryError> for ReadError {
    fn from(error: DecodeEntryError) -> Self {
        Self::Failure(error.into())
    }
}
