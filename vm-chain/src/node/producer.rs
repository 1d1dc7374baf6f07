//! Makes blocks of what waits, in a thread of its own.
//!
//! Invariants:
//! - a signature is confirmed before anything else is looked at (R102);
//! - a transaction is acknowledged when its block and its state are durable, not before;
//! - only this thread changes the chain, so a block is executed on the state that it is committed to;
//! - a failure of the node (disk, a bug) ends the thread: whoever waits is told, every later request is refused with it,
//!   and nothing is acknowledged any more.
//!
//! While a block is executed and written, others come in: they make the next block together, and share its commit.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vm_core::{Address, Hash, Header, Status};
use vm_host::{BlockError, Invalid, Options, Vm};
use vm_state::{RollbackError, StateReader, View};

use super::intake::Intake;
use super::pool::{Candidate, Pool, PoolLimits, Reply};
use crate::api::ApiError;
use crate::chain::{Body, ChainError, Position};
use crate::sequencer::{BlockLimits, Sequencer, SharedChain, next_context, now};
use crate::signed::{Authority, ChainId, Signed};

/// How often a block is tried again without the transactions that can't stand in it; then only what stood so far goes in.
const ATTEMPTS: u32 = 8;
/// How often transactions that wait too long are looked for.
const EXPIRY_PERIOD: Duration = Duration::from_secs(30);

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As soon as a transaction can go into one; never an empty one.
    Instant,
    /// At this distance, also when nothing waits: a chain with a clock, as people know them from elsewhere.
    Every(Duration),
}

/// How a producer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerOptions {
    /// When blocks are made.
    pub mode: Mode,
    /// Who is credited the fees.
    pub proposer: Address,
    /// How much waits at most.
    pub pool: PoolLimits,
    /// How long [`Sequencer::send`] waits for a transaction's block.
    pub wait: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Instant,
            proposer: Address::ZERO,
            pool: PoolLimits::default(),
            wait: Duration::from_secs(30),
        }
    }
}

/// A block that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockMade {
    /// Its header.
    pub header: Header,
    /// The hashes of its transactions.
    pub transactions: Vec<Hash>,
    /// Transactions that succeeded.
    pub succeeded: u32,
    /// Transactions that a contract reverted.
    pub reverted: u32,
    /// Transactions that failed otherwise.
    pub failed: u32,
    /// Transactions that could stand in no block and were dropped since the block before it.
    pub dropped: u32,
    /// How long its execution took, where that was measured: replicas execute a block before it is final.
    pub execution: Option<Duration>,
    /// How long making it durable took, where that was measured.
    pub commit: Option<Duration>,
}

impl BlockMade {
    /// The block with this header, whose transactions ended so; nothing was dropped or measured.
    #[must_use]
    pub fn new(header: Header, transactions: Vec<Hash>, ends: impl IntoIterator<Item = Status>) -> Self {
        let mut made = Self {
            header,
            transactions,
            succeeded: 0,
            reverted: 0,
            failed: 0,
            dropped: 0,
            execution: None,
            commit: None,
        };
        for status in ends {
            let count = match status {
                Status::Success => &mut made.succeeded,
                Status::Reverted => &mut made.reverted,
                Status::Failed(_) => &mut made.failed,
            };
            *count = count.saturating_add(1);
        }
        made
    }
}

/// Told of what happens, in the producer's thread. Must not block.
pub trait Observer: Debug + Send + Sync {
    /// A block is durable.
    fn block_made(&self, block: &BlockMade);
    /// The block at `height` is the head again.
    fn rolled_back(&self, height: u64);
    /// The node can't go on.
    fn failed(&self, why: &str);
}

#[derive(Debug)]
enum Command {
    Mine(u32),
    Rollback(u64),
}

type CommandReply = SyncSender<Result<(), ApiError>>;

#[derive(Debug)]
struct State {
    pool: Pool,
    /// The state after the head: what comes in is compared with the state that the pool stands on.
    view: Arc<dyn View>,
    commands: VecDeque<(Command, CommandReply)>,
    /// By how many milliseconds the chain's clock is ahead of the machine's.
    ahead: i64,
    /// Transactions that were dropped since the last block.
    dropped: u32,
    failed: Option<String>,
    stopping: bool,
}

impl State {
    /// Forgets a transaction that no block will hold.
    fn drop_one(&mut self, hash: &Hash, why: ApiError) {
        self.pool.drop_one(hash, why);
        self.dropped = self.dropped.saturating_add(1);
    }
}

#[derive(Debug)]
struct Shared {
    chain: SharedChain,
    id: ChainId,
    vm: Arc<Vm>,
    authority: Arc<dyn Authority>,
    options: ProducerOptions,
    observers: Vec<Arc<dyn Observer>>,
    state: Mutex<State>,
    wake: Condvar,
}

/// Why no block was made.
#[derive(Debug)]
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Makes blocks of what waits.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Producer {
    /// Begins to make blocks on `chain`, which nobody else may write.
    ///
    /// # Errors
    ///
    /// [`ApiError::Node`] if the head can't be read or the machine gives no thread.
    pub fn start(
        chain: SharedChain,
        authority: Arc<dyn Authority>,
        options: ProducerOptions,
        observers: Vec<Arc<dyn Observer>>,
    ) -> Result<Arc<Self>, ApiError> {
        let (id, vm, view, time) = {
            let chain = chain.read().unwrap_or_else(PoisonError::into_inner);
            (chain.id(), chain.vm().clone(), chain.view()?, chain.head().time)
        };
        let state = State {
            pool: Pool::new(options.pool),
            view,
            commands: VecDeque::new(),
            // A clock that was moved forward goes on from where the head is.
            ahead: time.saturating_sub(now()).max(0),
            dropped: 0,
            failed: None,
            stopping: false,
        };
        let wake = Condvar::new();
        let shared =
            Arc::new(Shared { chain, id, vm, authority, options, observers, state: Mutex::new(state), wake });
        let of_thread = shared.clone();
        let thread = std::thread::Builder::new()
            .name("producer".to_owned())
            .spawn(move || of_thread.run())
            .map_err(|error| ApiError::Node(format!("no thread for the producer: {error}")))?;
        Ok(Arc::new(Self { shared, thread: Mutex::new(Some(thread)) }))
    }

    /// Finishes the block that is being made, tells whoever waits, and ends. May be called more than once.
    pub fn stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.wake.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It catches its own panics.
            drop(thread.join());
        }
    }

    fn command(&self, command: Command) -> Result<(), ApiError> {
        let (reply, done) = sync_channel(1);
        self.shared.open()?.commands.push_back((command, reply));
        self.shared.wake.notify_all();
        done.recv().unwrap_or_else(|_| Err(ApiError::Node("the producer ended".to_owned())))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Intake for Producer {
    fn enqueue(&self, signed: Signed, reply: Option<Reply>) -> Result<Hash, ApiError> {
        let shared = &self.shared;
        let hash = signed.transaction.hash(&shared.vm.params_hash());
        shared.authority.confirm(&signed, &shared.id).map_err(ApiError::Unauthorized)?;
        shared.vm.check_envelope(&signed.transaction).map_err(ApiError::Invalid)?;
        let mut state = shared.open()?;
        let account = StateReader::new(state.view.as_ref()).account(&signed.transaction.sender)?;
        state.pool.insert(signed, hash, &account, reply)?;
        shared.wake.notify_all();
        Ok(hash)
    }

    fn wait(&self) -> Duration {
        self.shared.options.wait
    }

    fn failure(&self) -> Option<String> {
        self.shared.lock().failed.clone()
    }

    fn is_alive(&self) -> bool {
        let state = self.shared.lock();
        state.failed.is_none() && !state.stopping
    }

    fn pending_bytes(&self) -> usize {
        self.shared.lock().pool.bytes()
    }
}

impl Sequencer for Producer {
    fn send(&self, signed: Signed) -> Result<Position, ApiError> {
        let (sender, told) = sync_channel(1);
        let reply: Reply = Box::new(move |result| drop(sender.try_send(result)));
        let hash = self.enqueue(signed, Some(reply))?;
        match told.recv_timeout(self.wait()) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(ApiError::Pending { hash, seconds: self.wait().as_secs() }),
            Err(RecvTimeoutError::Disconnected) => Err(ApiError::Node("the producer ended".to_owned())),
        }
    }

    fn submit(&self, signed: Signed) -> Result<Hash, ApiError> {
        self.enqueue(signed, None)
    }

    fn pending(&self) -> u32 {
        u32::try_from(self.shared.lock().pool.len()).unwrap_or(u32::MAX)
    }

    fn waiting(&self, hash: &Hash) -> Option<Signed> {
        self.shared.lock().pool.get(hash).cloned()
    }

    fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.shared.lock().pool.next_nonce(sender)
    }

    fn mine(&self, count: u32) -> Result<(), ApiError> {
        self.command(Command::Mine(count))
    }

    fn rollback(&self, height: u64) -> Result<(), ApiError> {
        self.command(Command::Rollback(height))
    }

    fn advance_time(&self, milliseconds: u64) -> Result<i64, ApiError> {
        let mut state = self.shared.open()?;
        let ahead = i64::try_from(milliseconds).ok().and_then(|by| state.ahead.checked_add(by));
        let time = ahead.and_then(|ahead| Some((ahead, now().checked_add(ahead)?)));
        let (ahead, time) =
            time.ok_or_else(|| ApiError::Request("the time would pass the year 292 million".to_owned()))?;
        state.ahead = ahead;
        Ok(time.max(state.view.header().time))
    }
}

/// Whether a block is made that nothing goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Empty {
    Made,
    LeftOut,
}

/// What the thread does next.
enum Step {
    Stop,
    Command(Command, CommandReply),
    Block,
    Expire,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, for a request; refused once the node has failed or stops.
    fn open(&self) -> Result<MutexGuard<'_, State>, ApiError> {
        let state = self.lock();
        match &state.failed {
            Some(why) => Err(ApiError::Node(why.clone())),
            None if state.stopping => Err(ApiError::Busy("it is stopping".to_owned())),
            None => Ok(state),
        }
    }

    fn run(&self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.work()))
            .unwrap_or_else(|_| Err(Failure("the producer panicked; this is a bug".to_owned())));
        let mut state = self.lock();
        let why = match ended {
            Ok(()) => ApiError::Busy("it stopped before the transaction was in a block".to_owned()),
            Err(Failure(why)) => {
                state.failed = Some(why.clone());
                ApiError::Node(why)
            }
        };
        state.pool.clear(&why);
        for (_, reply) in state.commands.drain(..) {
            drop(reply.try_send(Err(why.clone())));
        }
        drop(state);
        if let ApiError::Node(why) = why {
            for observer in &self.observers {
                observer.failed(&why);
            }
        }
    }

    fn work(&self) -> Result<(), Failure> {
        let mut due = Instant::now();
        let mut expired = due;
        loop {
            if let Mode::Every(period) = self.options.mode {
                // Blocks that the machine was too slow for are left out.
                due = due.checked_add(period).unwrap_or(due).max(Instant::now());
            }
            loop {
                match self.next_step(due, expired) {
                    Step::Stop => return Ok(()),
                    Step::Command(command, reply) => self.command(&command, &reply)?,
                    Step::Expire => {
                        expired = Instant::now();
                        self.lock().pool.expire(expired);
                    }
                    Step::Block => {
                        self.block(match self.options.mode {
                            Mode::Instant => Empty::LeftOut,
                            Mode::Every(_) => Empty::Made,
                        })?;
                        break;
                    }
                }
            }
        }
    }

    /// Waits for something to do.
    fn next_step(&self, due: Instant, expired: Instant) -> Step {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return Step::Stop;
            }
            if let Some((command, reply)) = state.commands.pop_front() {
                return Step::Command(command, reply);
            }
            let now = Instant::now();
            let expiry = EXPIRY_PERIOD.saturating_sub(now.saturating_duration_since(expired));
            if expiry.is_zero() {
                return Step::Expire;
            }
            let wait = match self.options.mode {
                Mode::Instant if state.pool.is_ready() => return Step::Block,
                Mode::Instant => expiry,
                Mode::Every(_) => match due.saturating_duration_since(now) {
                    Duration::ZERO => return Step::Block,
                    left => left.min(expiry),
                },
            };
            state = self.wake.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn command(&self, command: &Command, reply: &CommandReply) -> Result<(), Failure> {
        let done = match command {
            Command::Mine(count) => self.mine(*count),
            Command::Rollback(height) => self.rollback(*height),
        };
        let (answer, go_on) = match done {
            Ok(answer) => (answer, Ok(())),
            Err(Failure(why)) => (Err(ApiError::Node(why.clone())), Err(Failure(why))),
        };
        drop(reply.try_send(answer));
        go_on
    }

    fn mine(&self, count: u32) -> Result<Result<(), ApiError>, Failure> {
        for made in 0..count {
            // A stop waits for one block, not for all of them.
            if self.lock().stopping {
                return Ok(Err(ApiError::Busy(format!("it stopped after {made} of {count} blocks"))));
            }
            self.block(Empty::Made)?;
        }
        Ok(Ok(()))
    }

    fn rollback(&self, height: u64) -> Result<Result<(), ApiError>, Failure> {
        let done = self.chain.write().unwrap_or_else(PoisonError::into_inner).rollback(height);
        match done {
            Err(ChainError::Rollback(error @ RollbackError::NotRetained { .. })) => {
                return Ok(Err(ApiError::Request(error.to_string())));
            }
            done => done?,
        }
        let view = self.chain.read().unwrap_or_else(PoisonError::into_inner).view()?;
        let mut state = self.lock();
        state.view = view;
        state.pool.clear(&ApiError::Pool(format!("the chain was rolled back to block {height}")));
        drop(state);
        for observer in &self.observers {
            observer.rolled_back(height);
        }
        Ok(Ok(()))
    }

    /// Makes a block of what waits, and commits it.
    fn block(&self, empty: Empty) -> Result<(), Failure> {
        let (mut candidates, time) = {
            let mut state = self.lock();
            (state.pool.take(&BlockLimits::new(self.vm.params().limits())), now().saturating_add(state.ahead))
        };
        let begun = Instant::now();
        let mut attempts = 0_u32;
        let (body, outcome) = loop {
            let chain = self.chain.read().unwrap_or_else(PoisonError::into_inner);
            let body = Body {
                context: next_context(&chain, time, self.options.proposer),
                mints: Vec::new(),
                transactions: candidates.iter().map(|candidate| candidate.signed.clone()).collect(),
            };
            match chain.execute(&body.block(), Options::default()) {
                Ok(outcome) => break (body, outcome),
                Err(BlockError::Failure(failure)) => return Err(failure.into()),
                Err(BlockError::Invalid(invalid)) => {
                    drop(chain);
                    attempts = attempts.saturating_add(1);
                    self.without(&mut candidates, invalid, attempts)?;
                    if candidates.is_empty() && empty == Empty::LeftOut {
                        return Ok(());
                    }
                }
            }
        };
        let execution = Some(begun.elapsed());
        let begun = Instant::now();
        self.chain.write().unwrap_or_else(PoisonError::into_inner).commit(&body, &outcome)?;
        let commit = Some(begun.elapsed());
        let view = self.chain.read().unwrap_or_else(PoisonError::into_inner).view()?;
        let hashes: Vec<Hash> = candidates.iter().map(|candidate| candidate.hash).collect();
        let dropped = std::mem::take(&mut self.lock().dropped);
        let statuses = outcome.transactions.iter().map(|executed| executed.receipt.status);
        let made = BlockMade {
            dropped,
            execution,
            commit,
            ..BlockMade::new(outcome.commit.header.clone(), hashes, statuses)
        };
        // Before whoever waits is told: who has an answer finds it counted.
        for observer in &self.observers {
            observer.block_made(&made);
        }
        let mut state = self.lock();
        state.view = view;
        state.pool.committed(body.context.height, &made.transactions);
        Ok(())
    }

    /// Takes out of `candidates` what makes their block `invalid`; counts what will be in no block.
    fn without(
        &self,
        candidates: &mut Vec<Candidate>,
        invalid: Invalid,
        attempts: u32,
    ) -> Result<(), Failure> {
        match invalid {
            Invalid::Transaction { index, reason } => {
                let index = usize::try_from(index).unwrap_or(usize::MAX);
                if index >= candidates.len() {
                    return Err(Failure(format!(
                        "a block of {} has no transaction {index}",
                        candidates.len()
                    )));
                }
                let gone = candidates.remove(index);
                let mut state = self.lock();
                state.drop_one(&gone.hash, ApiError::Invalid(reason));
                // What stood before it stands; what comes after has waited for it, or is looked at in the next block.
                let sender = gone.signed.transaction.sender;
                let stays = |at: usize, candidate: &Candidate| {
                    at < index || (attempts < ATTEMPTS && candidate.signed.transaction.sender != sender)
                };
                state.pool.give_back(&keep(candidates, stays));
                Ok(())
            }
            Invalid::TooMuch { what, found, limit } if candidates.len() <= 1 => {
                let Some(gone) = candidates.pop() else {
                    return Err(Failure(format!("an empty block has {found} {what}, more than {limit}")));
                };
                let why = format!("alone it makes a block of {found} {what}, more than the limit of {limit}");
                self.lock().drop_one(&gone.hash, ApiError::Pool(why));
                Ok(())
            }
            Invalid::TooMuch { .. } => {
                // The first half has room; a prefix leaves no sender with a gap.
                let half = candidates.len() / 2;
                self.lock().pool.give_back(&keep(candidates, |at, _| at < half));
                Ok(())
            }
            invalid => Err(invalid.into()),
        }
    }
}

/// Keeps the candidates for which `stays` says so, by their index; gives the hashes of the others.
fn keep(candidates: &mut Vec<Candidate>, stays: impl Fn(usize, &Candidate) -> bool) -> Vec<Hash> {
    let mut given_back = Vec::new();
    let mut at = 0_usize;
    candidates.retain(|candidate| {
        let stay = stays(at, candidate);
        at = at.saturating_add(1);
        if !stay {
            given_back.push(candidate.hash);
        }
        stay
    });
    given_back
}
