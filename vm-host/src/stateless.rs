//! Light nodes: a block re-executed from its parent's header and a witness (R90, R91).
//!
//! The same execution as a full node's, on a view of what the witness shows. Nothing is believed: the witness must hash
//! to the parent's state root, and must show exactly what the block touches.
//!
//! Invariants:
//! - the outcome, header included, is byte for byte the full node's, or there is none;
//! - memory is bounded by the parameters: a witness longer than a valid block can need is refused unread.
//!
//! Deliberately not here: which parent header to trust, and comparing the outcome with a header that somebody claims.

use alloc::sync::Arc;
use vm_core::{Block, Header, Limits};
use vm_state::{ProofError, View, Witness};

use crate::block::BlockOutcome;
use crate::error::{BlockError, Invalid};
use crate::session::WITNESS_ENTRY_BYTES;
use crate::vm::{Options, Vm};

/// Why a light node has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatelessError {
    /// The witness is longer than any that a valid block needs.
    #[error("the witness has {found} bytes, no block of this chain needs more than {limit}")]
    TooLong {
        /// Its length.
        found: u64,
        /// The longest.
        limit: u64,
    },
    /// The witness is not one of this block on this parent.
    #[error("the witness is refused: {0}")]
    Witness(#[from] ProofError),
    /// The block is refused, or this node failed.
    #[error(transparent)]
    Block(BlockError),
}

impl From<BlockError> for StatelessError {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Invalid(Invalid::WitnessIncomplete) => Self::Witness(ProofError::Incomplete),
            error @ (BlockError::Invalid(_) | BlockError::Failure(_)) => Self::Block(error),
        }
    }
}

/// The longest witness that a valid block needs: what its transactions declare, and what the block itself touches.
#[must_use]
pub fn witness_bytes_max(limits: &Limits) -> u64 {
    // The system entry, the proposer, and the mints, of which there are at most as many as transactions.
    let own = u64::from(limits.block_transactions).saturating_add(2).saturating_mul(WITNESS_ENTRY_BYTES);
    u64::from(limits.block_witness_bytes).saturating_add(own)
}

impl Vm {
    /// Executes `block` on the state after the block with the trusted header `parent`, of which `witness` shows what
    /// is needed.
    ///
    /// The outcome is the full node's: compare its header, or the header's hash, with the one that is claimed.
    ///
    /// # Errors
    ///
    /// [`StatelessError`].
    pub fn execute_stateless(
        &self,
        parent: &Header,
        block: &Block,
        witness: &[u8],
        options: Options,
    ) -> Result<BlockOutcome, StatelessError> {
        let found = u64::try_from(witness.len()).unwrap_or(u64::MAX);
        let limit = witness_bytes_max(self.params().limits());
        if found > limit {
            return Err(StatelessError::TooLong { found, limit });
        }
        let witness = Witness::open(parent, witness)?;
        let view: Arc<dyn View> = Arc::new(witness.view(parent));
        let outcome = self.execute_block(&view, block, options)?;
        witness.check_exact(&outcome.touched)?;
        Ok(outcome)
    }
}
