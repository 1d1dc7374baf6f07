//! Where a node's transactions come in: what the JSON-RPC server needs of whoever makes the blocks.

use std::time::Duration;

use vm_core::Hash;

use super::pool::Reply;
use crate::api::ApiError;
use crate::sequencer::Sequencer;
use crate::signed::Signed;

/// Takes transactions, tells what became of them, and says how it is.
pub trait Intake: Sequencer {
    /// Takes a transaction into the pool; `reply` is told once it is durable in a block, or why it never will be.
    ///
    /// # Errors
    ///
    /// [`ApiError`] if it is refused; `reply` is dropped then.
    fn enqueue(&self, signed: Signed, reply: Option<Reply>) -> Result<Hash, ApiError>;
    /// How long whoever sends a transaction waits for its block.
    fn wait(&self) -> Duration;
    /// Why the node can't go on; none while it can.
    fn failure(&self) -> Option<String>;
    /// Whether blocks can be made.
    fn is_alive(&self) -> bool;
    /// How many bytes of transactions wait.
    fn pending_bytes(&self) -> usize;
}
