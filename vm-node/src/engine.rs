//! The parts of a node, put together over any network and any runtime.
//!
//! ```text
//! votes, certificates, resolver ─ simplex ── automaton ─┐
//! broadcast ─ buffer ─┐                                 ├─ execution ─ chain
//! backfill ─ resolver ┴─ marshal ── finality ───────────┘
//! ```
//!
//! [`start`] owns every task: when its task ends, however it ends, all of them end, and nothing votes any more.
//!
//! One epoch lasts for ever: the validators of a chain are those that it began with.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use commonware_broadcast::buffered;
use commonware_consensus::marshal::core::Actor;
use commonware_consensus::marshal::resolver::p2p as backfill;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex::config::{Floor, ForwardPolicy, SkipBudget, SkipPolicy};
use commonware_consensus::simplex::elector::RoundRobin;
use commonware_consensus::types::{Epoch, FixedEpocher, ViewDelta};
use commonware_consensus::{Epochable as _, Viewable as _, marshal, simplex};
use commonware_cryptography::certificate::{ConstantProvider, Verifier as _};
use commonware_cryptography::{Digested, Digestible as _, Sha256};
use commonware_macros::select;
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage};
use commonware_storage::archive::{self, prunable};
use commonware_storage::translator::EightCap;
use commonware_utils::channel::oneshot;
use commonware_utils::{NZU16, NZU64, NZUsize, NonZeroDuration};
use rand_core::CryptoRng;
use tracing::debug;
use vm_chain::replica::{Application, Bounds, SealedBlock};

use crate::automaton::{Automaton, Pool};
use crate::block::Block;
use crate::execution::Execution;
use crate::failure::{Failure, Fatal};
use crate::finality::{self, Finalized};
use crate::timeouts::{InvalidTimeouts, Timeouts};
use crate::{Digest, Finalization, Key, Marshal, Scheme};

/// Messages that wait for a part of the engine.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);
/// Views behind the last final one of which votes, and blocks that did not become final, are kept for others.
const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);
/// Blocks handed to the chain that it did not commit yet.
const PENDING_MAX: NonZeroUsize = NZUsize!(16);
/// Missing final blocks that are fetched at the same time.
const REPAIR_MAX: NonZeroUsize = NZUsize!(32);
/// Blocks of one sender that are kept until they are asked for.
const BROADCAST_KEPT: usize = 16;
const REPLAY_BUFFER: NonZeroUsize = NZUsize!(1 << 20);
const KEY_BUFFER: NonZeroUsize = NZUsize!(1 << 16);
const VALUE_BUFFER: NonZeroUsize = NZUsize!(1 << 20);
/// With its checksum, a page fills a block of the disk.
const PAGE_BYTES: std::num::NonZeroU16 = NZU16!(4_084);
const PAGES: NonZeroUsize = NZUsize!(1_024);
const SECTION: std::num::NonZeroU64 = NZU64!(4_096);
/// Longer than any chain: its last block would end the epoch.
const EPOCH: std::num::NonZeroU64 = NZU64!(1 << 62);

/// Where a node begins that has no files yet. A node with files goes on from them.
#[derive(Clone, Debug)]
pub enum Start {
    /// At the first block.
    Genesis,
    /// At a final block, whose state the chain was restored with.
    Floor(Finalization),
}

/// What a node is made of.
pub struct Options<P, B> {
    /// Its key, by which peers know it.
    pub key: Key,
    /// The validators, and how this node signs; a scheme that can only verify makes a node that follows.
    pub scheme: Scheme,
    /// The chain.
    pub application: Arc<dyn Application>,
    /// The chain's first block.
    pub genesis: SealedBlock,
    /// Where the node begins.
    pub start: Start,
    /// How large blocks are that others send.
    pub bounds: Bounds,
    /// Where proposals take transactions from.
    pub pool: Pool,
    /// Who is told of final blocks.
    pub observers: Vec<Arc<dyn Finalized>>,
    /// What the names of the node's files begin with.
    pub partition: String,
    /// The peers that are there.
    pub peers: P,
    /// Keeps off peers that send what no honest node sends.
    pub blocker: B,
    /// How long it waits for what.
    pub timeouts: Timeouts,
}

impl<P, B> fmt::Debug for Options<P, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("key", &self.key)
            .field("start", &self.start)
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// A node's connections, one per purpose. Every message is at most [`payload_bytes_max`] long.
#[derive(Debug)]
pub struct Channels<S, R> {
    /// Votes of single validators.
    pub votes: (S, R),
    /// Votes of a quorum, put together.
    pub certificates: (S, R),
    /// Requests for certificates, and answers.
    pub resolver: (S, R),
    /// Requests for blocks with their certificates, and answers.
    pub backfill: (S, R),
    /// Blocks as they are proposed.
    pub broadcast: (S, R),
}

/// A running node.
pub struct Handles {
    /// Final blocks and the proofs of their finality.
    pub marshal: Marshal,
    /// Why it stopped, if it did.
    pub failure: Failure,
    /// Ends when the node ends. To abort it ends the node as a power failure would.
    pub task: Handle<()>,
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles").field("failure", &self.failure).finish_non_exhaustive()
    }
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Two waits contradict each other.
    #[error(transparent)]
    Timeouts(#[from] InvalidTimeouts),
    /// The block to begin at is not final.
    #[error("the certificate of the block to begin at is not these validators'")]
    Floor,
    /// Files of the engine can't be read.
    #[error("the engine's files can't be opened: {0}")]
    Archive(#[from] archive::Error),
    /// The runtime ended it.
    #[error("the engine ended while it started")]
    Ended,
}

/// The longest message between nodes of a chain with `participants` validators.
#[must_use]
pub fn payload_bytes_max(participants: u32, bounds: &Bounds) -> usize {
    let blocks = marshal::max_payload_size::<Standard<Block>, Scheme>(participants, bounds);
    blocks.max(simplex::max_payload_size::<Scheme, Digest>(participants))
}

/// Starts a node.
///
/// # Errors
///
/// [`StartError`] before anything was sent or voted for.
pub async fn start<E, S, R, P, B>(
    context: E,
    options: Options<P, B>,
    channels: Channels<S, R>,
) -> Result<Handles, StartError>
where
    E: Clock + CryptoRng + Metrics + Spawner + Storage,
    S: Sender<PublicKey = Key>,
    R: Receiver<PublicKey = Key>,
    P: Provider<PublicKey = Key>,
    B: Blocker<PublicKey = Key>,
{
    options.timeouts.check()?;
    let failure = Failure::default();
    let (started, ready) = oneshot::channel();
    let reported = failure.clone();
    let task = context.child("node").spawn(move |context| async move {
        match assemble(&context, options, channels, &reported).await {
            Ok((marshal, parts)) => {
                if started.send(Ok(marshal)).is_ok() {
                    watch(&context, parts, &reported).await;
                }
            }
            Err(error) => drop(started.send(Err(error))),
        }
    });
    let marshal = ready.await.map_err(|_| StartError::Ended)??;
    Ok(Handles { marshal, failure, task })
}

/// The tasks without which a node is none.
struct Parts {
    buffer: Handle<()>,
    marshal: Handle<()>,
    consensus: Handle<()>,
}

/// Waits for the first thing that ends the node.
async fn watch<E: Spawner>(context: &E, parts: Parts, failure: &Failure) {
    let mut stopped = context.stopped();
    let Parts { buffer, marshal, consensus } = parts;
    let ended = select! {
        _ = &mut stopped => {
            debug!("the runtime stops");
            return;
        },
        _ = failure.wait() => return,
        _ = buffer => "broadcast",
        _ = marshal => "marshal",
        _ = consensus => "consensus",
    };
    // All parts end by themselves when the runtime stops; which of us hears first is chance.
    let stopping = select! {
        _ = &mut stopped => true,
        _ = std::future::ready(()) => false,
    };
    if !stopping {
        failure.report(Fatal::Ended(ended));
    }
}

async fn assemble<E, S, R, P, B>(
    context: &E,
    options: Options<P, B>,
    channels: Channels<S, R>,
    failure: &Failure,
) -> Result<(Marshal, Parts), StartError>
where
    E: Clock + CryptoRng + Metrics + Spawner + Storage,
    S: Sender<PublicKey = Key>,
    R: Receiver<PublicKey = Key>,
    P: Provider<PublicKey = Key>,
    B: Blocker<PublicKey = Key>,
{
    let Options {
        key,
        scheme,
        application,
        genesis,
        start,
        bounds,
        pool,
        observers,
        partition,
        peers,
        blocker,
        timeouts,
    } = options;
    let genesis = Block::new(genesis);
    let (marshal_start, floor) = match start {
        Start::Genesis => {
            let digest = genesis.digest();
            let anchor = Digested::precomputed(genesis, digest);
            (marshal::Start::Genesis(anchor), Floor::Genesis(digest))
        }
        Start::Floor(finalization) => {
            // The engine takes it for granted.
            let ours = finalization.epoch() == Epoch::zero() && !finalization.view().is_zero();
            if !ours || !finalization.verify(&mut context.child("floor"), &scheme, &Sequential) {
                return Err(StartError::Floor);
            }
            (marshal::Start::Floor(finalization.clone()), Floor::Finalized(finalization))
        }
    };
    let cache = CacheRef::new(PAGE_BYTES, PAGES);
    let fetch_timeout =
        NonZeroDuration::new(timeouts.fetch).ok_or(InvalidTimeouts { long: "fetch", short: "zero" })?;

    let (buffer_engine, buffer) = buffered::Engine::new(
        context.child("broadcast"),
        buffered::Config {
            public_key: key.clone(),
            mailbox_size: MAILBOX,
            deque_size: BROADCAST_KEPT,
            priority: false,
            codec_config: bounds,
            peer_provider: peers.clone(),
            strategy: Sequential,
        },
    );
    let buffer_task = buffer_engine.start(channels.broadcast);

    let resolver = backfill::init(
        context.child("backfill"),
        backfill::Config {
            public_key: key,
            peer_provider: peers,
            blocker: blocker.clone(),
            mailbox_size: MAILBOX,
            fetch_timeout,
            fetch_retry_delay: timeouts.fetch_retry,
            priority_requests: false,
            priority_responses: false,
        },
        channels.backfill,
    );

    let certificates = Scheme::certificate_codec_config(&scheme);
    let finalizations =
        archive(context.child("finalizations"), &partition, "finalizations", &cache, certificates).await?;
    let blocks = archive(context.child("blocks"), &partition, "blocks", &cache, bounds).await?;
    let (actor, mailbox, _) = Actor::<_, Standard<Block>, _, _, _, _, _>::init(
        context.child("marshal"),
        finalizations,
        blocks,
        marshal::Config {
            provider: ConstantProvider::<Scheme, Epoch>::new(scheme.clone()),
            epocher: FixedEpocher::new(EPOCH),
            start: marshal_start,
            partition_prefix: format!("{partition}-marshal"),
            mailbox_size: MAILBOX,
            view_retention: VIEW_RETENTION,
            prunable_items_per_section: SECTION,
            page_cache: cache.clone(),
            replay_buffer: REPLAY_BUFFER,
            key_write_buffer: KEY_BUFFER,
            value_write_buffer: VALUE_BUFFER,
            block_codec_config: bounds,
            max_repair: REPAIR_MAX,
            max_pending_acks: PENDING_MAX,
            strategy: Sequential,
        },
    )
    .await;

    let execution = Execution::new(context.child("execution"), application, failure.clone());
    let finality = finality::start(context.child("finality"), execution.clone(), observers);
    let marshal_task = actor.start(finality, buffer, resolver);

    let automaton = Automaton::new(
        context.child("automaton"),
        execution,
        mailbox.clone(),
        pool,
        timeouts,
        failure.clone(),
    );
    let consensus = simplex::Engine::new(
        context.child("consensus"),
        simplex::Config {
            scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker,
            automaton: automaton.clone(),
            relay: automaton.clone(),
            reporter: automaton,
            track_historical_votes: false,
            strategy: Sequential,
            partition: format!("{partition}-consensus"),
            mailbox_size: MAILBOX,
            epoch: Epoch::zero(),
            floor,
            replay_buffer: REPLAY_BUFFER,
            write_buffer: KEY_BUFFER,
            page_cache: cache,
            leader_timeout: timeouts.leader,
            certification_timeout: timeouts.certification,
            timeout_retry: timeouts.retry,
            view_retention: VIEW_RETENTION,
            skip: match timeouts.inactive {
                Some(timeout) => SkipPolicy::Enabled { timeout, budget: SkipBudget::Participants },
                None => SkipPolicy::Disabled,
            },
            fetch_timeout,
            fetch_retry_delay: timeouts.fetch_retry,
            forward: ForwardPolicy::SilentVoters,
        },
    );
    let consensus = consensus.start(channels.votes, channels.certificates, channels.resolver);
    Ok((mailbox, Parts { buffer: buffer_task, marshal: marshal_task, consensus }))
}

/// Files by height and digest, from which the oldest can be dropped.
async fn archive<E, V>(
    context: E,
    partition: &str,
    name: &str,
    cache: &CacheRef,
    codec: V::Cfg,
) -> Result<prunable::Archive<EightCap, E, Digest, V>, archive::Error>
where
    E: Clock + Metrics + Spawner + Storage,
    V: commonware_codec::Codec + Send + Sync,
{
    prunable::Archive::init(
        context,
        prunable::Config {
            translator: EightCap,
            metadata_partition: format!("{partition}-{name}-metadata"),
            key_partition: format!("{partition}-{name}-keys"),
            key_page_cache: cache.clone(),
            value_partition: format!("{partition}-{name}-values"),
            compression: None,
            codec_config: codec,
            items_per_section: SECTION,
            key_write_buffer: KEY_BUFFER,
            value_write_buffer: VALUE_BUFFER,
            replay_buffer: REPLAY_BUFFER,
        },
    )
    .await
}
