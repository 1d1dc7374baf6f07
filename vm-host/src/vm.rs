//! The engine as an embedder holds it.

use alloc::sync::Arc;
use vm_core::{Block, Hash, Params};
use vm_state::View;

use crate::block::{BlockOutcome, execute_block};
use crate::error::BlockError;
use crate::module::ModuleCache;
use crate::trace::TraceLevel;

/// Bytes of code whose translations stay cached.
const CACHE_CODE_BYTES: u64 = 64 << 20;

/// How a block is executed; nothing here can change a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How much of each transaction's run is kept.
    pub trace: TraceLevel,
}

/// An engine for one chain's rules. Shared by reference; any number of blocks execute on it at a time.
#[derive(Debug)]
pub struct Vm {
    params: Arc<Params>,
    params_hash: Hash,
    cache: ModuleCache,
}

impl Vm {
    /// An engine for the chain with these parameters.
    #[must_use]
    pub fn new(params: Params) -> Self {
        let params_hash = params.hash();
        Self { params: Arc::new(params), params_hash, cache: ModuleCache::new(CACHE_CODE_BYTES) }
    }

    /// The chain's rules.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The hash of the chain's rules, part of every transaction's hash.
    #[must_use]
    pub fn params_hash(&self) -> Hash {
        self.params_hash
    }

    /// Executes `block` on the state of its parent, and commits nothing.
    ///
    /// # Errors
    ///
    /// [`BlockError::Invalid`] if the block is refused, on every node alike; [`BlockError::Failure`] if this node
    /// could not go on, which says nothing about the block.
    pub fn execute_block(
        &self,
        view: &Arc<dyn View>,
        block: &Block,
        options: Options,
    ) -> Result<BlockOutcome, BlockError> {
        execute_block(&self.params, self.params_hash, &self.cache, view, block, options.trace)
    }
}
