//! What a validator votes for.
//!
//! ```text
//! propose   the parent's outcome, executing what is missing below it; then a block on it
//! verify    linkage, proposer, time; then the block's own execution, compared with its header
//! certify   that the block is stored here, before the vote that could make it final
//! ```
//!
//! Invariants:
//! - "no" is said only to what can never become valid. What may become valid later is waited for: a time ahead of our
//!   clock, a parent that is not here yet. The engine ends the wait when it gives the view up;
//! - a failure of this node is neither yes nor no: it is reported, and the answer stays open;
//! - a node that is behind takes final blocks first, and executes no others far above its tip.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use commonware_actor::Feedback;
use commonware_consensus::marshal::Identifier;
use commonware_consensus::marshal::core::{CommitmentFallback, DigestFallback};
use commonware_consensus::simplex::Plan;
use commonware_consensus::simplex::types::{Activity, Context};
use commonware_consensus::types::{Height, Round};
use commonware_consensus::{
    Automaton as ConsensusAutomaton, Block as _, CertifiableAutomaton, Epochable as _, Heightable as _,
    Relay, Reporter,
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_macros::select;
use commonware_p2p::Recipients;
use commonware_runtime::{Clock, Spawner};
use commonware_utils::channel::fallible::OneshotExt as _;
use commonware_utils::channel::oneshot;
use tracing::{debug, warn};
use vm_chain::replica::{BuildError, Candidates, ExecuteError, NodeError, Rejection};
use vm_core::Address;

use crate::block::Block;
use crate::execution::Execution;
use crate::failure::{Failure, Fatal};
use crate::gates::{Gates, Staged, durable};
use crate::timeouts::Timeouts;
use crate::{Digest, Key, Marshal, Scheme};

/// How many blocks above the tip are executed before they are final, if others above it are final already. Consensus is a
/// few blocks ahead of finality; a node that is further behind gets the final blocks in order, and need not keep all of them
/// in memory. Where nothing is final for long, there is no other way than to execute them all.
const AHEAD_MAX: u64 = 64;

/// Where proposals take transactions from.
pub type Pool = Arc<dyn Candidates + Send + Sync>;

/// Why a proposal is refused. All honest validators refuse it in this view.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it names the parent again")]
    Repeated,
    #[error("its parent is not the one that the leader names")]
    Parent,
    #[error("its height is {found}, its parent's {parent}")]
    Height { found: u64, parent: u64 },
    #[error("its proposer is {found}, the leader {leader}")]
    Proposer { found: Address, leader: Address },
    #[error("the block {height} below it is refused: {reason}")]
    Ancestor { height: u64, reason: Rejection },
    #[error(transparent)]
    Rejected(#[from] Rejection),
}

pub(crate) struct Automaton<E> {
    context: Arc<E>,
    execution: Execution<E>,
    marshal: Marshal,
    pool: Pool,
    gates: Gates,
    timeouts: Timeouts,
    failure: Failure,
}

impl<E> Clone for Automaton<E> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            execution: self.execution.clone(),
            marshal: self.marshal.clone(),
            pool: self.pool.clone(),
            gates: self.gates.clone(),
            timeouts: self.timeouts,
            failure: self.failure.clone(),
        }
    }
}

impl<E: Spawner + Clock> Automaton<E> {
    pub(crate) fn new(
        context: E,
        execution: Execution<E>,
        marshal: Marshal,
        pool: Pool,
        timeouts: Timeouts,
        failure: Failure,
    ) -> Self {
        let gates = Gates::default();
        Self { context: Arc::new(context), execution, marshal, pool, gates, timeouts, failure }
    }

    /// Milliseconds since 1970 on the runtime's clock.
    fn now(&self) -> i64 {
        let since = self.context.current().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// A block that is here or that peers have. Waits as long as there is hope.
    async fn fetch(&self, digest: Digest, fallback: CommitmentFallback) -> Block {
        match self.marshal.subscribe_by_commitment(digest, fallback).await {
            Ok(block) => block.inner().clone(),
            // Finality has gone past it, or the node is being shut down: nobody waits for this answer.
            Err(_) => std::future::pending().await,
        }
    }

    async fn parent(&self, context: &Context<Digest, Key>) -> Block {
        let (view, digest) = context.parent;
        let round = Round::new(context.epoch(), view);
        self.fetch(digest, CommitmentFallback::FetchByRound { round }).await
    }

    /// Makes sure that `block` can be built and executed on: executes it, and what is missing below it.
    async fn reach(&self, block: &Block) -> Result<(), Refusal> {
        loop {
            let mut missing = Vec::new();
            let mut lowest = block.clone();
            loop {
                // The tip is asked for first: a block that becomes the tip between the two questions is known then.
                let tip = self.execution.application().tip().header.height;
                if self.execution.application().knows(&lowest.hash()) {
                    break;
                }
                let height = lowest.height().get();
                if height <= tip {
                    // Beside the final chain, or behind its tip. The engine will give the view up.
                    debug!(?block, tip, "a proposal does not descend from the tip");
                    return std::future::pending().await;
                }
                if height.saturating_sub(tip) > AHEAD_MAX && self.is_behind(tip).await {
                    missing.clear();
                    lowest = block.clone();
                    self.context.sleep(self.timeouts.fetch_retry).await;
                    continue;
                }
                let below = Height::new(height.saturating_sub(1));
                let parent = lowest.parent();
                missing.push(lowest);
                lowest = self.fetch(parent, CommitmentFallback::FetchByCommitment { height: below }).await;
                if lowest.height() != below {
                    return Err(Refusal::Height { found: height, parent: lowest.height().get() });
                }
            }
            let mut reached = true;
            for block in missing.into_iter().rev() {
                let height = block.height().get();
                match self.execute(&block).await {
                    Ok(known) => reached = known,
                    Err(reason) => return Err(Refusal::Ancestor { height, reason }),
                }
                if !reached {
                    break;
                }
            }
            if reached {
                return Ok(());
            }
        }
    }

    /// Whether blocks above `tip` are final that the chain did not get yet.
    async fn is_behind(&self, tip: u64) -> bool {
        let latest = self.marshal.get_info(Identifier::Latest).await;
        latest.is_some_and(|(height, _)| height.get() > tip)
    }

    /// Executes `block` if its parent is known.
    async fn execute(&self, block: &Block) -> Result<bool, Rejection> {
        let taken = block.clone();
        match self.execution.run(move |application| application.execute(taken.sealed()).map(drop)).await {
            Ok(()) => Ok(true),
            Err(ExecuteError::UnknownParent(_)) => Ok(false),
            Err(ExecuteError::Rejected(reason)) => Err(reason),
            Err(ExecuteError::Node(error)) => self.fail(error).await,
        }
    }

    async fn fail<T>(&self, error: NodeError) -> T {
        self.execution.fail(Fatal::Node(error.to_string())).await
    }

    async fn build_on(&self, parent: &Block, context: &Context<Digest, Key>) -> Option<Block> {
        let proposer = address(&context.leader);
        loop {
            if let Err(refusal) = self.reach(parent).await {
                warn!(round = %context.round, %refusal, "no block can be built on the parent");
                return None;
            }
            let (hash, time, pool) = (parent.hash(), self.now(), self.pool.clone());
            let built = self
                .execution
                .run(move |application| application.build(&hash, time, proposer, &*pool).map(Block::new));
            match built.await {
                Ok(block) => return Some(block),
                // Finality went past it between the two calls.
                Err(BuildError::UnknownParent(_)) => {}
                Err(BuildError::Refused(reason)) => {
                    warn!(round = %context.round, %reason, "not even an empty block can be built");
                    return None;
                }
                Err(BuildError::Node(error)) => return self.fail(error).await,
            }
        }
    }

    /// A block on the parent that the leader is given; an empty one only after transactions had a moment to arrive.
    async fn build(&self, context: &Context<Digest, Key>) -> Option<Block> {
        let parent = self.parent(context).await;
        let began = self.context.current();
        let patient = || {
            let waited = self.context.current().duration_since(began).unwrap_or_default();
            waited < self.timeouts.idle
        };
        loop {
            let arrivals = self.pool.arrivals();
            let block = self.build_on(&parent, context).await?;
            if !block.sealed().transactions.is_empty() {
                return Some(block);
            }
            while self.pool.arrivals() == arrivals {
                if !patient() {
                    return Some(block);
                }
                self.context.sleep(self.timeouts.poll).await;
            }
            if !patient() {
                return Some(block);
            }
        }
    }

    /// Says whether `block` is what this view may make final.
    async fn judge(&self, context: &Context<Digest, Key>, block: &Block) -> Result<(), Refusal> {
        if block.parent() != context.parent.1 {
            return Err(Refusal::Parent);
        }
        let header = &block.sealed().header;
        let leader = address(&context.leader);
        if header.proposer != leader {
            return Err(Refusal::Proposer { found: header.proposer, leader });
        }
        let parent = self.parent(context).await;
        let below = parent.height().get();
        if below.checked_add(1) != Some(header.height) {
            return Err(Refusal::Height { found: header.height, parent: below });
        }
        self.wait_for(header.time).await;
        loop {
            self.reach(&parent).await?;
            if self.execute(block).await? {
                return Ok(());
            }
        }
    }

    /// Waits until `time` is no further ahead of our clock than clocks may differ.
    async fn wait_for(&self, time: i64) {
        let drift = i64::try_from(self.timeouts.clock_drift.as_millis()).unwrap_or(i64::MAX);
        loop {
            let ahead = time.saturating_sub(self.now()).saturating_sub(drift);
            let Ok(ahead @ 1..) = u64::try_from(ahead) else { return };
            // In steps: a time may be further away than clocks reach.
            self.context.sleep(Duration::from_millis(ahead).min(Duration::from_secs(1))).await;
        }
    }
}

/// The account that a node's key speaks for.
fn address(key: &Key) -> Address {
    let bytes: &[u8] = key.as_ref();
    // The key's type has 32 bytes.
    vm_chain::PublicKey(bytes.try_into().unwrap_or_default()).address()
}

fn digested(block: Block) -> Digested<Block> {
    let digest = block.digest();
    Digested::precomputed(block, digest)
}

impl<E: Spawner + Clock> ConsensusAutomaton for Automaton<E> {
    type Context = Context<Digest, Key>;
    type Digest = Digest;

    async fn propose(&mut self, context: Self::Context) -> oneshot::Receiver<Digest> {
        let (mut answer, receiver) = oneshot::channel();
        let this = self.clone();
        self.context.child("propose").spawn(move |_| async move {
            let built = select! {
                _ = answer.closed() => None,
                block = this.build(&context) => block,
            };
            let Some(block) = built else { return };
            let digest = block.digest();
            let (open, storing) = this.gates.stage(context.round, digest, block);
            answer.send_lossy(digest);
            if durable(storing, &this.failure).await {
                open.send_lossy(());
            }
        });
        receiver
    }

    async fn verify(&mut self, context: Self::Context, digest: Digest) -> oneshot::Receiver<bool> {
        let (mut answer, receiver) = oneshot::channel();
        if digest == context.parent.1 {
            // Engines repeat the last block of an epoch. This chain has one epoch.
            warn!(round = %context.round, %digest, refusal = %Refusal::Repeated, "proposal refused");
            answer.send_lossy(false);
            return receiver;
        }
        let open = self.gates.insert(context.round, digest);
        let candidate = self.marshal.subscribe_by_digest(digest, DigestFallback::Wait);
        let this = self.clone();
        self.context.child("verify").spawn(move |_| async move {
            let found = select! {
                _ = answer.closed() => None,
                block = candidate => block.ok(),
            };
            let Some(block) = found else { return };
            let inner = block.inner().clone();
            // Storing is no verdict: others may need the block even if this node comes too late to judge it.
            let store = async {
                if this.marshal.verified(context.round, block).await {
                    open.send_lossy(());
                }
            };
            let vote = async {
                let verdict = select! {
                    _ = answer.closed() => None,
                    verdict = this.judge(&context, &inner) => Some(verdict),
                };
                match verdict {
                    Some(Ok(())) => drop(answer.send_lossy(true)),
                    Some(Err(refusal)) => {
                        warn!(round = %context.round, block = ?inner, %refusal, "proposal refused");
                        answer.send_lossy(false);
                    }
                    None => {}
                }
            };
            futures::join!(store, vote);
        });
        receiver
    }
}

impl<E: Spawner + Clock> CertifiableAutomaton for Automaton<E> {
    async fn certify(&mut self, round: Round, digest: Digest) -> oneshot::Receiver<bool> {
        let (mut answer, receiver) = oneshot::channel();
        let (gate, staged) = self.gates.claim(round, digest);
        if let Some(Staged { block, stored }) = staged {
            self.marshal.verified_deferred(round, digested(block), stored);
        }
        if gate.is_some() {
            // Verification waits for the broadcast only, which may never come: now others have the block.
            self.marshal.hint_notarized(round, digest);
        }
        let marshal = self.marshal.clone();
        self.context.child("certify").spawn(move |_| async move {
            let certified = async {
                if let Some(gate) = gate
                    && gate.await.is_ok()
                {
                    return true;
                }
                // After a restart, or if the gate was dropped: from peers, if it is not here.
                let fallback = DigestFallback::FetchByRound { round };
                match marshal.subscribe_by_digest(digest, fallback).await {
                    Ok(block) => marshal.certified(round, block).await,
                    Err(_) => false,
                }
            };
            let certified = select! {
                _ = answer.closed() => false,
                certified = certified => certified,
            };
            // Else no answer: nothing was found against the block.
            if certified {
                answer.send_lossy(true);
            }
        });
        receiver
    }
}

impl<E: Spawner + Clock> Relay for Automaton<E> {
    type Digest = Digest;
    type PublicKey = Key;
    type Plan = Plan<Key>;

    fn broadcast(&mut self, digest: Digest, plan: Plan<Key>) -> Feedback {
        match plan {
            // Only asked for blocks prepared before their parent is certified; this automaton prepares none.
            Plan::Prepare { .. } => Feedback::Ok,
            Plan::Propose { round } => match self.gates.take(round, digest) {
                Some(Staged { block, stored }) => {
                    self.marshal.proposed(round, digested(block), Recipients::All, stored)
                }
                // Decided already.
                None => Feedback::Ok,
            },
            Plan::Forward { round, recipients } => self.marshal.forward(round, digest, recipients),
        }
    }
}

impl<E: Spawner + Clock> Reporter for Automaton<E> {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        if let Activity::Finalization(finalization) = &activity {
            self.gates.prune(finalization.round());
        }
        self.marshal.report(activity)
    }
}
