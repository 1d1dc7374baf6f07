//! The pool of a replica: transactions wait here until some replica's block with them is final.
//!
//! Beside a [`Producer`](super::Producer)'s pool, nothing is taken out to build a block: what this replica proposes may
//! never be final, and what others propose may be. Only finality decides.
//!
//! ```text
//! RPC, peers -> enqueue -> pool -> select (a proposal) ... final block -> finalized -> whoever waits is told
//!                  `-> announce (to peers, only of what came by RPC; again while it waits)
//! ```
//!
//! Invariants:
//! - a signature is confirmed before anything else is looked at (R102);
//! - a transaction is acknowledged when its block is final and durable here, not before;
//! - once the node has failed or stops, whoever waits is told, and nothing is taken in.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use parity_scale_codec::Encode;
use vm_core::{Address, Hash};
use vm_host::InvalidTransaction;
use vm_state::StateReader;

use super::intake::Intake;
use super::pool::{Pool, PoolLimits, Reply};
use crate::api::ApiError;
use crate::chain::Position;
use crate::replica::{Application, Candidates, NodeError, SealedBlock, Unfit};
use crate::sequencer::{BlockLimits, Sequencer};
use crate::signed::Signed;

/// Told of each transaction that came in by RPC, when it comes in and again while it waits; [`Mempool::waiting`] has it.
/// Must not block.
pub type Announce = Box<dyn Fn(&Hash) + Send + Sync>;

/// How many bytes are announced again at a time.
const REMINDED_BYTES: usize = 256 << 10;

#[derive(Debug)]
struct State {
    pool: Pool,
    /// What waits and came by RPC.
    own: BTreeSet<Hash>,
    /// The last of them that was announced again.
    reminded: Hash,
    failed: Option<String>,
    stopping: bool,
}

/// See the module.
pub struct Mempool {
    application: Arc<dyn Application>,
    announce: Announce,
    wait: Duration,
    state: Mutex<State>,
    /// See [`Candidates::arrivals`].
    arrivals: AtomicU64,
}

impl fmt::Debug for Mempool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mempool({} wait)", self.lock().pool.len())
    }
}

impl Mempool {
    /// An empty pool before `application`; `announce` hears of what came by RPC, whose senders wait `wait` at most.
    #[must_use]
    pub fn new(
        application: Arc<dyn Application>,
        limits: PoolLimits,
        wait: Duration,
        announce: Announce,
    ) -> Self {
        let state = State {
            pool: Pool::new(limits),
            own: BTreeSet::new(),
            reminded: Hash::ZERO,
            failed: None,
            stopping: false,
        };
        Self { application, announce, wait, state: Mutex::new(state), arrivals: AtomicU64::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, ApiError> {
        let state = self.lock();
        match &state.failed {
            Some(why) => Err(ApiError::Node(why.clone())),
            None if state.stopping => Err(ApiError::Busy("it is stopping".to_owned())),
            None => Ok(state),
        }
    }

    /// Takes in what a peer sent. It is not announced again: every replica hears from the one that took it by RPC.
    ///
    /// # Errors
    ///
    /// [`ApiError`] if it is refused.
    pub fn heard(&self, signed: Signed) -> Result<Hash, ApiError> {
        self.insert(signed, None).map(|(hash, _)| hash)
    }

    /// Takes in a transaction; also whether it is new.
    fn insert(&self, signed: Signed, reply: Option<Reply>) -> Result<(Hash, bool), ApiError> {
        // Before the work of checking: what floods a node that stops costs it nothing.
        drop(self.open()?);
        let hash = self.application.check(&signed)?;
        let mut state = self.open()?;
        // Under the lock: a block that becomes final now is told to the pool after this, and takes the transaction out.
        let view = self.application.view()?;
        let account = StateReader::new(view.as_ref()).account(&signed.transaction.sender);
        let account = account.map_err(NodeError::from)?;
        let new = state.pool.get(&hash).is_none();
        state.pool.insert(signed, hash, &account, reply)?;
        drop(state);
        if new {
            self.arrivals.fetch_add(1, Ordering::Release);
        }
        Ok((hash, new))
    }

    /// `block` is final and durable: its transactions are told so, and what they replace is dropped.
    pub fn finalized(&self, block: &SealedBlock, hashes: &[Hash]) {
        let mut state = self.lock();
        state.pool.committed(block.header.height, hashes);
        for (signed, hash) in block.transactions.iter().zip(hashes) {
            state.pool.outdated(&signed.transaction.sender, signed.transaction.nonce, hash);
        }
    }

    /// Forgets what has waited too long, and announces again some of what came by RPC, could go into a block and still
    /// waits: a message may be lost, and a peer may have been away. To be called now and then.
    pub fn remind(&self) {
        let waiting: Vec<Hash> = {
            let mut state = self.lock();
            state.pool.expire(Instant::now());
            let State { pool, own, reminded, .. } = &mut *state;
            own.retain(|hash| pool.get(hash).is_some());
            let (before, after) =
                (own.range(..=*reminded), own.range((Bound::Excluded(*reminded), Bound::Unbounded)));
            let mut bytes = 0_usize;
            let mut waiting = Vec::new();
            for hash in after.chain(before).filter(|hash| pool.is_reached(hash)) {
                bytes = bytes.saturating_add(pool.get(hash).map_or(0, Encode::encoded_size));
                if bytes > REMINDED_BYTES && !waiting.is_empty() {
                    break;
                }
                waiting.push(*hash);
            }
            *reminded = waiting.last().copied().unwrap_or(*reminded);
            waiting
        };
        waiting.iter().for_each(|hash| (self.announce)(hash));
    }

    /// The node can't go on, for this reason.
    pub fn fail(&self, why: &str) {
        let mut state = self.lock();
        if state.failed.is_none() {
            state.failed = Some(why.to_owned());
            state.pool.clear(&ApiError::Node(why.to_owned()));
        }
    }

    /// Takes nothing in any more, and tells whoever waits.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        let why = "it stopped before the transaction was final; it may still become so on other replicas";
        state.pool.clear(&ApiError::Busy(why.to_owned()));
    }

    fn local_only() -> ApiError {
        ApiError::Unsupported(
            "a replicated chain makes its blocks by consensus, and goes back to none".to_owned(),
        )
    }
}

impl Candidates for Mempool {
    fn select(
        &self,
        limits: &BlockLimits,
        nonce: &mut dyn FnMut(&Address) -> Result<u64, NodeError>,
    ) -> Result<Vec<Signed>, NodeError> {
        self.lock().pool.select(limits, nonce)
    }

    /// Forgets the transaction if no block can ever hold it. What a block that is not final makes impossible may be
    /// possible again when that one loses.
    fn refuse(&self, hash: &Hash, why: Unfit) {
        let mut state = self.lock();
        let Some(transaction) = state.pool.get(hash).map(|signed| signed.transaction.clone()) else { return };
        if let Unfit::Invalid(reason) = &why {
            let account = self
                .application
                .view()
                .ok()
                .and_then(|view| StateReader::new(view.as_ref()).account(&transaction.sender).ok());
            // An account that can't be read judges nothing.
            let Some(account) = account else { return };
            let is_past = transaction.nonce < account.nonce;
            let fee = u128::from(transaction.gas_limit).saturating_mul(transaction.gas_price.into());
            let is_poor = fee > account.balance.into();
            let of_state =
                matches!(reason, InvalidTransaction::Nonce { .. } | InvalidTransaction::Fee { .. });
            if of_state && !is_past && !is_poor {
                return;
            }
        }
        state.pool.drop_one(hash, why.into());
    }

    fn arrivals(&self) -> u64 {
        self.arrivals.load(Ordering::Acquire)
    }
}

impl Intake for Mempool {
    fn enqueue(&self, signed: Signed, reply: Option<Reply>) -> Result<Hash, ApiError> {
        let (hash, new) = self.insert(signed, reply)?;
        let first = self.lock().own.insert(hash);
        if new || first {
            (self.announce)(&hash);
        }
        Ok(hash)
    }

    fn wait(&self) -> Duration {
        self.wait
    }

    fn failure(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    fn is_alive(&self) -> bool {
        let state = self.lock();
        state.failed.is_none() && !state.stopping
    }

    fn pending_bytes(&self) -> usize {
        self.lock().pool.bytes()
    }
}

impl Sequencer for Mempool {
    fn send(&self, signed: Signed) -> Result<Position, ApiError> {
        let (sender, told) = sync_channel(1);
        let reply: Reply = Box::new(move |result| drop(sender.try_send(result)));
        let hash = self.enqueue(signed, Some(reply))?;
        match told.recv_timeout(self.wait) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(ApiError::Pending { hash, seconds: self.wait.as_secs() }),
            Err(RecvTimeoutError::Disconnected) => Err(ApiError::Node("the pool forgot it".to_owned())),
        }
    }

    fn submit(&self, signed: Signed) -> Result<Hash, ApiError> {
        self.enqueue(signed, None)
    }

    fn pending(&self) -> u32 {
        u32::try_from(self.lock().pool.len()).unwrap_or(u32::MAX)
    }

    fn waiting(&self, hash: &Hash) -> Option<Signed> {
        self.lock().pool.get(hash).cloned()
    }

    fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.lock().pool.next_nonce(sender)
    }

    fn mine(&self, _: u32) -> Result<(), ApiError> {
        Err(Self::local_only())
    }

    fn rollback(&self, _: u64) -> Result<(), ApiError> {
        Err(Self::local_only())
    }

    fn advance_time(&self, _: u64) -> Result<i64, ApiError> {
        Err(ApiError::Unsupported("a replicated chain's time is its validators'".to_owned()))
    }
}
