//! Who puts transactions into blocks.
//!
//! [`Direct`] is for a store that no node serves: each transaction gets a block of its own, at once. A node has a pool and
//! a producer instead. Both check a signature before anything else (R102).

use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use vm_core::{Address, BlockContext, Hash, Limits};
use vm_host::Options;

use crate::api::ApiError;
use crate::chain::{Body, Chain, Position};
use crate::signed::{Authority, Signed};

/// A chain that several threads use.
pub type SharedChain = Arc<RwLock<Chain>>;

/// How much goes into a block at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Transactions.
    pub transactions: usize,
    /// Bytes of the transactions.
    pub bytes: u64,
    /// Sum of their gas limits.
    pub gas: u64,
}

impl BlockLimits {
    /// What the chain's limits allow.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            transactions: usize::try_from(limits.block_transactions).unwrap_or(usize::MAX),
            bytes: limits.block_bytes.into(),
            gas: limits.block_gas,
        }
    }
}

/// Puts transactions into blocks.
#[allow(clippy::missing_errors_doc, reason = "ApiError's variants say it, as for Api")]
pub trait Sequencer: Debug + Send + Sync {
    /// Takes a transaction and returns where it stands, once that is durable.
    fn send(&self, signed: Signed) -> Result<Position, ApiError>;
    /// Takes a transaction into the pool; gives its hash.
    fn submit(&self, signed: Signed) -> Result<Hash, ApiError>;
    /// How many transactions wait.
    fn pending(&self) -> u32;
    /// A transaction that waits.
    fn waiting(&self, hash: &Hash) -> Option<Signed>;
    /// The nonce after those of `sender` that wait; none if none waits.
    fn next_nonce(&self, sender: &Address) -> Option<u64>;
    /// Makes so many blocks now, of what waits.
    fn mine(&self, count: u32) -> Result<(), ApiError>;
    /// Makes the block at `height` the head again; what waits is forgotten.
    fn rollback(&self, height: u64) -> Result<(), ApiError>;
    /// Moves the chain's clock forward; gives the time that the next block has at least.
    fn advance_time(&self, milliseconds: u64) -> Result<i64, ApiError>;
}

/// Milliseconds since the Unix epoch; 0 before it.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The context of the block after the head, at `time` or at the head's time if that is later.
#[must_use]
pub fn next_context(chain: &Chain, time: i64, proposer: Address) -> BlockContext {
    let head = chain.head();
    BlockContext { height: head.height.saturating_add(1), time: head.time.max(time), proposer }
}

/// A block of its own for each transaction.
#[derive(Debug)]
pub struct Direct {
    chain: SharedChain,
    authority: Arc<dyn Authority>,
}

impl Direct {
    /// For a chain that nobody else writes.
    #[must_use]
    pub fn new(chain: SharedChain, authority: Arc<dyn Authority>) -> Self {
        Self { chain, authority }
    }

    fn block(&self, time: i64, transactions: Vec<Signed>) -> Result<Position, ApiError> {
        let mut chain = self.chain.write().unwrap_or_else(PoisonError::into_inner);
        let context = next_context(&chain, time, Address::ZERO);
        let body = Body { context, mints: Vec::new(), transactions };
        let outcome = chain.execute(&body.block(), Options::default())?;
        chain.commit(&body, &outcome)?;
        Ok(Position { height: body.context.height, index: 0 })
    }
}

impl Sequencer for Direct {
    fn send(&self, signed: Signed) -> Result<Position, ApiError> {
        let id = self.chain.read().unwrap_or_else(PoisonError::into_inner).id();
        self.authority.confirm(&signed, &id).map_err(ApiError::Unauthorized)?;
        self.block(now(), vec![signed])
    }

    fn submit(&self, signed: Signed) -> Result<Hash, ApiError> {
        let hash = self.chain.read().unwrap_or_else(PoisonError::into_inner).hash(&signed);
        self.send(signed).map(|_| hash)
    }

    fn pending(&self) -> u32 {
        0
    }

    fn waiting(&self, _: &Hash) -> Option<Signed> {
        None
    }

    fn next_nonce(&self, _: &Address) -> Option<u64> {
        None
    }

    fn mine(&self, count: u32) -> Result<(), ApiError> {
        (0..count).try_for_each(|_| self.block(now(), Vec::new()).map(drop))
    }

    fn rollback(&self, height: u64) -> Result<(), ApiError> {
        let mut chain = self.chain.write().unwrap_or_else(PoisonError::into_inner);
        Ok(chain.rollback(height)?)
    }

    /// Nothing remembers a clock between two commands, so the time is put into an empty block.
    fn advance_time(&self, milliseconds: u64) -> Result<i64, ApiError> {
        let head = self.chain.read().unwrap_or_else(PoisonError::into_inner).head().time;
        let time = i64::try_from(milliseconds).ok().and_then(|by| head.max(now()).checked_add(by));
        let time =
            time.ok_or_else(|| ApiError::Request("the time would pass the year 292 million".to_owned()))?;
        self.block(time, Vec::new())?;
        Ok(time)
    }
}
