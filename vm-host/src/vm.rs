//! The engine as an embedder holds it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::{Address, Block, BlockContext, Hash, Mint, Params, Transaction};
use vm_state::{Journal, NodeFailure, View};

use crate::block::{BlockOutcome, Engine, Executed, execute_block};
use crate::build::{Built, build_block};
use crate::error::{BlockError, InvalidTransaction, QueryError, RehearsalError};
use crate::module::{CacheLimits, ModuleCache};
use crate::session::{Deadline, Running, Session};
use crate::trace::TraceLevel;
use crate::transaction::{self, check_envelope};

/// How a block is executed; nothing here can change a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How much of each transaction's run is kept.
    pub trace: TraceLevel,
}

/// A call for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Whom the contract sees as sender and origin.
    pub caller: Address,
    /// The contract.
    pub contract: Address,
    /// The function's name.
    pub function: String,
    /// SCALE of the arguments, one after the other.
    pub args: Vec<u8>,
    /// The most gas that it may use.
    pub gas_limit: u64,
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
        Self::with_cache(params, CacheLimits::default())
    }

    /// An engine that keeps no more than `limits` say between calls: for a device, or a node of many chains.
    #[must_use]
    pub fn with_cache(params: Params, limits: CacheLimits) -> Self {
        let params_hash = params.hash();
        Self { params: Arc::new(params), params_hash, cache: ModuleCache::new(limits) }
    }

    /// Has `contract` run where the code with `code_hash` would as the outermost frame: for tests of that contract with a
    /// debugger at hand. Everything but the gas for executed code stays as it is (R111).
    #[cfg(feature = "testing")]
    pub fn run_natively(&mut self, code_hash: Hash, contract: Arc<dyn crate::NativeContract>) {
        self.cache.run_natively(code_hash, contract);
    }

    /// Has every function of every module tell `profiler` when it begins and ends. No outcome changes by it, but there
    /// are no traces.
    #[cfg(feature = "profile")]
    pub fn profile(&mut self, profiler: Arc<dyn crate::Profiler>) {
        self.cache.profile(profiler);
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

    /// Checks what does not depend on the state: lengths, gas limit, intrinsic gas. For pools, before they keep
    /// `transaction`; a block that holds one that fails is refused.
    ///
    /// # Errors
    ///
    /// [`InvalidTransaction`] that says why no block can hold it.
    pub fn check_envelope(&self, transaction: &Transaction) -> Result<(), InvalidTransaction> {
        check_envelope(transaction, self.params.limits(), self.params.gas()).map(drop)
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
        let outcome = self.run_block(view, block, options, None)?;
        Ok(outcome.ok_or(NodeFailure::Invariant("a block that is executed knows no deadline"))?)
    }

    /// As [`Self::execute_block`], for whoever wants to see what a block does and commits nothing, until `passed` says that
    /// the caller's deadline has passed (R46).
    ///
    /// It is asked at every host call and after every transaction; what code burns between two host calls is bounded by the
    /// transaction's gas limit alone. A deadline decides whether there is an outcome, never which.
    ///
    /// # Errors
    ///
    /// [`RehearsalError::Block`] as [`Self::execute_block`], [`RehearsalError::DeadlinePassed`] if `passed` said so.
    pub fn rehearse_block(
        &self,
        view: &Arc<dyn View>,
        block: &Block,
        options: Options,
        passed: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<BlockOutcome, RehearsalError> {
        let outcome = self.run_block(view, block, options, Some(Deadline(passed)))?;
        outcome.ok_or(RehearsalError::DeadlinePassed)
    }

    fn run_block(
        &self,
        view: &Arc<dyn View>,
        block: &Block,
        options: Options,
        deadline: Option<Deadline>,
    ) -> Result<Option<BlockOutcome>, BlockError> {
        execute_block(self.engine(), view, block, options.trace, deadline)
    }

    fn engine(&self) -> Engine<'_> {
        Engine { params: &self.params, params_hash: self.params_hash, cache: &self.cache }
    }

    /// Puts a block together: executes `candidates` in their order on the state of its parent, leaves out what can't stand,
    /// and stops where the block is full. What comes of it is what [`Self::execute_block`] gives for the same transactions.
    ///
    /// # Errors
    ///
    /// [`BlockError::Invalid`] if even an empty block is refused: its context, or its mints; [`BlockError::Failure`] if
    /// this node could not go on.
    pub fn build_block(
        &self,
        view: &Arc<dyn View>,
        context: &BlockContext,
        mints: &[Mint],
        candidates: &[Transaction],
    ) -> Result<Built, BlockError> {
        build_block(self.engine(), view, context, mints, candidates)
    }

    /// Calls a function on the state of a block for its answer, as if from within a view: nothing can be written, and
    /// no account pays. Block height and time are the state's.
    ///
    /// # Errors
    ///
    /// [`QueryError::Read`] if the state could not be read. A failed call is an answer: see the receipt's status.
    pub fn query(
        &self,
        view: &Arc<dyn View>,
        query: &Query,
        options: Options,
    ) -> Result<Executed, QueryError> {
        self.run_query(view, query, options, None)
    }

    /// As [`Self::query`], until `passed` says that the caller's deadline has passed (R46).
    ///
    /// It is asked at every host call; what code burns between two of them is bounded by the query's gas limit alone.
    /// Blocks that are executed know no deadline: none can reach a consensus result.
    ///
    /// # Errors
    ///
    /// [`QueryError::Read`] if the state could not be read, [`QueryError::DeadlinePassed`] if `passed` said so.
    pub fn query_until(
        &self,
        view: &Arc<dyn View>,
        query: &Query,
        options: Options,
        passed: Arc<dyn Fn() -> bool + Send + Sync>,
    ) -> Result<Executed, QueryError> {
        self.run_query(view, query, options, Some(Deadline(passed)))
    }

    fn run_query(
        &self,
        view: &Arc<dyn View>,
        query: &Query,
        options: Options,
        deadline: Option<Deadline>,
    ) -> Result<Executed, QueryError> {
        let header = view.header();
        if header.params != self.params_hash {
            return Err(QueryError::Params { expected: self.params_hash, found: header.params });
        }
        let block = BlockContext { height: header.height, time: header.time, proposer: header.proposer };
        let (journal, running) = (Journal::new(view.clone()), Running::new(query.caller, Hash::ZERO, 0));
        let session = Session::new(&self.params, block, journal, running, deadline);
        transaction::query(&self.cache, session, query, options.trace)
    }
}
