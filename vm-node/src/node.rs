//! A whole node: its chain, its pool, the engine on a real network, and the door for everyone else.
//!
//! ```text
//! main thread      signals; starts and stops the others
//! "consensus"      the engine's runtime: network, consensus, blocks, gossip
//! "rpc"            the JSON-RPC server's runtime
//! ```
//!
//! Invariants:
//! - what is acknowledged over RPC is final and durable here;
//! - a node that failed votes on nothing more, says so over RPC and in `/health`, and ends when it is told to;
//! - a stop lets the engine write what it holds; a kill loses nothing that was final.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use commonware_consensus::types::Height;
use commonware_cryptography::ChaCha20Poly1305;
use commonware_p2p::AddressableManager as _;
use commonware_p2p::authenticated::lookup;
use commonware_p2p::{Address as PeerAddress, AddressableTrackedPeers};
use commonware_runtime::{Metrics as _, Quota, Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::ordered::Map;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::sync::{mpsc, oneshot};
use vm_chain::api::Local;
use vm_chain::chain::{BLOCKS_FILE, ChainOptions};
use vm_chain::node::{BlockMade, Mempool, Metrics, Observer as _, PoolLimits};
use vm_chain::replica::{
    Application, Bounds, Certificates, Committed, NodeError, Replica, ReplicaOptions, SealedBlock,
};
use vm_chain::rpc::server::{Relay, Served, Server, ServerError, ServerOptions};
use vm_chain::sequencer::SharedChain;
use vm_chain::{Chain, ChainError, Ed25519, Place};
use vm_core::{Hash, Receipt};

use crate::config::Config;
use crate::join::LostVotes;
use crate::network::{FileError, Network, Peer, read};
use crate::{
    Channels, Failure, Finalized, Key, Marshal, Options, Start, StartError, certificate_bytes, gossip,
    verify_certificate,
};

/// The form of certificates that `vm_finality` gives.
pub const ENGINE: &str = "simplex-ed25519/1";
/// How long whoever sends a transaction waits for its block.
const SEND_TIME: Duration = Duration::from_secs(30);
/// How long a query may run.
const QUERY_TIME: Duration = Duration::from_secs(5);
/// How long the engine may take to start: it reads its files.
const START_TIME: Duration = Duration::from_secs(120);
/// How long the engine may take to stop.
const STOP_TIME: Duration = Duration::from_secs(10);
/// How often what still waits is announced again, and what waits too long is forgotten.
const REMINDER_PERIOD: Duration = Duration::from_secs(5);
/// Clocks of peers may differ so much.
const CLOCKS: Duration = Duration::from_secs(5);
/// A greeting of a peer is taken so long after it was made.
const GREETING_AGE: Duration = Duration::from_secs(10);

/// Channels of the network, by what they carry.
mod channel {
    pub(super) const VOTES: u64 = 0;
    pub(super) const CERTIFICATES: u64 = 1;
    pub(super) const RESOLVER: u64 = 2;
    pub(super) const BACKFILL: u64 = 3;
    pub(super) const BROADCAST: u64 = 4;
    pub(super) const TRANSACTIONS: u64 = 5;
}

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The chain can't be opened or made.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Other nodes can't reach it.
    #[error("cannot listen on {address} for other nodes: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The node has blocks and no record of what it voted for.
    #[error("the store has {tip} blocks, and no votes in {}: to vote again may be to vote twice", at.display())]
    LostVotes {
        /// Where they should be.
        at: PathBuf,
        /// The height of its chain.
        tip: u64,
    },
    /// The node joined at a block, and the block's certificate is gone.
    #[error("the chain begins above genesis, and {} is not there", .0.display())]
    NoFloor(PathBuf),
    /// The node was to join, and did not.
    #[error("{} is there and the chain is not: to join was begun and not finished", .0.display())]
    Unfinished(PathBuf),
    /// The store holds another chain than the network's.
    #[error("{at} holds the chain with genesis {found}; the network's is {expected}")]
    OtherChain {
        /// The folder.
        at: String,
        /// Its genesis.
        found: Hash,
        /// The network's.
        expected: Hash,
    },
    /// The chain can't be gone on with as a replica.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] StartError),
    /// The engine did not come up.
    #[error("the engine did not start: {0}")]
    Lost(String),
    /// There is no door.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Certificates as the engine's store has them.
struct Stored(Marshal);

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stored")
    }
}

impl Certificates for Stored {
    fn engine(&self) -> &'static str {
        ENGINE
    }

    fn certificate(&self, height: u64) -> Result<Option<Vec<u8>>, NodeError> {
        let found = futures::executor::block_on(self.0.get_finalization(Height::new(height)));
        Ok(found.as_ref().map(certificate_bytes))
    }
}

/// Tells pool, metrics and subscribers of final blocks.
#[derive(Debug)]
struct Shown {
    chain: SharedChain,
    params: Hash,
    relay: Arc<Relay>,
    mempool: Arc<Mempool>,
}

impl Finalized for Shown {
    fn finalized(&self, block: &SealedBlock, committed: Committed) {
        if committed == Committed::Already {
            return;
        }
        let hashes: Vec<Hash> =
            block.transactions.iter().map(|signed| signed.transaction.hash(&self.params)).collect();
        let receipts =
            self.chain.read().unwrap_or_else(PoisonError::into_inner).receipts(block.header.height);
        // Without receipts the block is counted without its transactions: the chain's failure is told elsewhere.
        let receipts: Vec<Receipt> = receipts.ok().flatten().unwrap_or_default();
        let ends = receipts.iter().map(|receipt| receipt.status);
        // Before whoever waits is told: who has an answer finds it counted.
        self.relay.block_made(&BlockMade::new(block.header.clone(), hashes.clone(), ends));
        self.mempool.finalized(block, &hashes);
    }
}

/// What the engine's thread says once it runs.
struct Ready {
    marshal: Marshal,
    failure: Failure,
    metrics: Box<dyn Fn() -> String + Send + Sync>,
}

/// A running node.
#[derive(Debug)]
pub struct Running {
    server: Server,
    mempool: Arc<Mempool>,
    replica: Arc<Replica>,
    failure: Failure,
    stop: Option<oneshot::Sender<()>>,
    engine: Mutex<Option<JoinHandle<()>>>,
}

fn open_chain(config: &Config) -> Result<Chain, RunError> {
    let folder = config.chain();
    let options = ChainOptions { states: config.states };
    let chain = if folder.join(BLOCKS_FILE).is_file() {
        Chain::open(&folder, options)?
    } else if config.floor().exists() {
        // Begun at genesis it would be another node than the certificate is for.
        return Err(RunError::Unfinished(config.floor()));
    } else {
        Chain::create(&Place::Folder(folder.clone()), config.network.spec.clone(), options)?
    };
    let (found, expected) = (chain.id().genesis, config.network.id.genesis);
    if found != expected {
        return Err(RunError::OtherChain { at: folder.display().to_string(), found, expected });
    }
    Ok(chain)
}

/// A validator whose chain has gone on must have its votes. Only one that joined at its very head has none yet.
fn check_votes(config: &Config, chain: &Chain) -> Result<(), RunError> {
    let at = config.engine();
    let tip = chain.head().height;
    let has_votes = std::fs::read_dir(&at).is_ok_and(|mut files| files.next().is_some());
    // What it joined with has no block in the log.
    let has_just_joined = config.floor().is_file() && chain.oldest_block()?.is_none();
    match tip == 0 || has_votes || has_just_joined || !config.is_validator() {
        true => Ok(()),
        false => Err(RunError::LostVotes { at, tip }),
    }
}

/// The certificate of the block that the node joined at, if it joined.
fn floor(config: &Config, chain: &Chain) -> Result<Start, RunError> {
    let at = config.floor();
    if !at.is_file() {
        let has_first = chain.head().height == 0 || chain.seal(1)?.is_some();
        return if has_first { Ok(Start::Genesis) } else { Err(RunError::NoFloor(at)) };
    }
    let mut random = UnwrapErr(SysRng);
    let (finalization, _) = verify_certificate(&read(&at)?, &config.network.verifier(), &mut random)
        .map_err(|cause| FileError::content(&at, cause))?;
    Ok(Start::Floor(finalization))
}

impl Running {
    /// Starts the node of `config`. Not to be called within an asynchronous runtime.
    ///
    /// # Errors
    ///
    /// [`RunError`].
    pub fn start(config: &Config, lost_votes: LostVotes) -> Result<Self, RunError> {
        let chain = open_chain(config)?;
        let start = floor(config, &chain)?;
        if lost_votes == LostVotes::Refused {
            check_votes(config, &chain)?;
        }
        let chain = Arc::new(RwLock::new(chain));
        let address = config.listen;
        // The engine would notice only when it is up.
        drop(TcpListener::bind(address).map_err(|cause| RunError::Listen { address, cause })?);
        let authority =
            Arc::new(if config.network.dev_accounts { Ed25519::with_dev_accounts() } else { Ed25519::new() });
        let replica = Arc::new(Replica::new(chain.clone(), authority, ReplicaOptions::default())?);
        let (announce, announced) = mpsc::channel::<Hash>(gossip::QUEUE);
        // A full queue is a node that is flooded: it proposes the transaction itself.
        let announce = Box::new(move |hash: &Hash| {
            let _queued = announce.try_send(*hash);
        });
        let mempool = Arc::new(Mempool::new(replica.clone(), PoolLimits::default(), SEND_TIME, announce));

        let metrics = Arc::new(Metrics::default());
        let head = replica.tip().header;
        metrics.head(head.height, head.time);
        let relay = Arc::new(Relay::new(metrics.clone()));
        let shown = Shown {
            chain: chain.clone(),
            params: replica.id().params,
            relay: relay.clone(),
            mempool: mempool.clone(),
        };
        let engine = Engine {
            config: config.clone(),
            start,
            replica: replica.clone(),
            mempool: mempool.clone(),
            observers: vec![Arc::new(shown)],
            announced,
        };
        let (Ready { marshal, failure, metrics: of_engine }, stop, thread) = engine.spawn()?;
        metrics.show_others(of_engine);
        let api = Local::new(chain, mempool.clone())
            .with_query_time_max(QUERY_TIME)
            .with_certificates(Arc::new(Stored(marshal)));
        let served = Served { api, intake: mempool.clone(), metrics, relay };
        let mut running = Started { stop: Some(stop), thread: Some(thread) };
        let server = Server::start(config.rpc, served, ServerOptions::default())?;
        let (stop, thread) = (running.stop.take(), running.thread.take());
        Ok(Self { server, mempool, replica, failure, stop, engine: Mutex::new(thread) })
    }

    /// Where its JSON-RPC is.
    #[must_use]
    pub fn rpc(&self) -> SocketAddr {
        self.server.address()
    }

    /// Its chain.
    #[must_use]
    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    /// Why it can't go on; none while it can.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        if let Some(fatal) = self.failure.get() {
            self.mempool.fail(&fatal.to_string());
            return Some(fatal.to_string());
        }
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if engine.as_ref().is_some_and(JoinHandle::is_finished) {
            let panicked = engine.take().is_some_and(|thread| thread.join().is_err());
            let why = if panicked { "the engine panicked" } else { "the engine ended" };
            self.mempool.fail(why);
        }
        drop(engine);
        vm_chain::node::Intake::failure(self.mempool.as_ref())
    }

    /// Takes no more requests, lets the engine write what it holds, and closes the stores.
    pub fn stop(mut self) {
        self.server.close();
        self.mempool.stop();
        let thread = self.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
        end(self.stop.take(), thread);
        self.server.stop();
    }
}

fn end(stop: Option<oneshot::Sender<()>>, thread: Option<JoinHandle<()>>) {
    // An engine that has ended hears nothing.
    let _told = stop.map(|stop| stop.send(()));
    if let Some(thread) = thread {
        drop(thread.join());
    }
}

/// An engine that runs; dropped, it is stopped.
struct Started {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Started {
    fn drop(&mut self) {
        end(self.stop.take(), self.thread.take());
    }
}

/// What the engine's thread is made of.
struct Engine {
    config: Config,
    start: Start,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    observers: Vec<Arc<dyn Finalized>>,
    announced: mpsc::Receiver<Hash>,
}

type Spawned = (Ready, oneshot::Sender<()>, JoinHandle<()>);

impl Engine {
    /// Runs in a thread of its own, and waits until it is up.
    fn spawn(self) -> Result<Spawned, RunError> {
        let (tell, told) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let folder = self.config.engine();
        let thread = std::thread::Builder::new()
            .name("consensus".to_owned())
            .spawn(move || {
                let config = runtime::Config::new().with_worker_threads(2).with_storage_directory(folder);
                runtime::Runner::new(config).start(|context| async move {
                    match self.assemble(&context).await {
                        Ok((ready, handle)) => {
                            let failure = ready.failure.clone();
                            drop(tell.send(Ok(ready)));
                            tokio::select! {
                                _ = stopped => {}
                                _ = failure.wait() => {}
                                _ = handle => {}
                            }
                        }
                        Err(error) => drop(tell.send(Err(error))),
                    }
                    drop(context.child("stop").stop(0, Some(STOP_TIME)).await);
                });
            })
            .map_err(|error| RunError::Lost(format!("the machine gives no thread: {error}")))?;
        match told.recv_timeout(START_TIME) {
            Ok(Ok(ready)) => Ok((ready, stop, thread)),
            Ok(Err(error)) => {
                drop(thread.join());
                Err(error.into())
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(RunError::Lost(format!("it did not come up in {} s", START_TIME.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                drop(thread.join());
                Err(RunError::Lost("it panicked; see what it said".to_owned()))
            }
        }
    }

    async fn assemble(
        self,
        context: &runtime::Context,
    ) -> Result<(Ready, commonware_runtime::Handle<()>), StartError> {
        let Self { config, start, replica, mempool, observers, announced } = self;
        let bounds = replica.bounds();
        let (mut network, mut oracle) = lookup::Network::new(context.child("network"), p2p(&config, &bounds));
        let tracked = oracle.track(0, tracked(&config.network));
        tracing::debug!(?tracked, "peers are known");
        let mut register = |channel, per_second| network.register(channel, Quota::per_second(per_second));
        let votes = commonware_utils::NZU32!(512);
        let blocks = commonware_utils::NZU32!(64);
        let channels = Channels {
            votes: register(channel::VOTES, votes),
            certificates: register(channel::CERTIFICATES, votes),
            resolver: register(channel::RESOLVER, votes),
            backfill: register(channel::BACKFILL, blocks),
            broadcast: register(channel::BROADCAST, blocks),
        };
        let (sender, receiver) = register(channel::TRANSACTIONS, gossip::MESSAGES_PER_SECOND);
        drop(network.start());

        let genesis = SealedBlock::genesis(config.network.genesis.clone());
        let application: Arc<dyn Application> = replica;
        let options = Options {
            key: config.public(),
            scheme: config.network.scheme(config.key.clone()),
            application,
            genesis,
            start,
            bounds,
            pool: mempool.clone(),
            observers,
            partition: "node".to_owned(),
            peers: oracle.clone(),
            blocker: oracle.clone(),
            timeouts: config.network.timeouts,
        };
        let handles = crate::start(context.child("engine"), options, channels).await?;
        let own = mempool.clone();
        let announce = context.child("announce");
        drop(announce.spawn(move |context| gossip::send(context, sender, own, announced)));
        let heard = mempool.clone();
        let hear = context.child("hear");
        drop(hear.spawn(move |context| gossip::receive(context, receiver, oracle, heard, bounds)));
        drop(context.child("remind").spawn(move |context| remind(context, mempool)));
        let of_engine = context.child("metrics");
        let metrics = Box::new(move || of_engine.encode());
        let crate::Handles { marshal, failure, task } = handles;
        Ok((Ready { marshal, failure, metrics }, task))
    }
}

async fn remind(context: runtime::Context, mempool: Arc<Mempool>) {
    use commonware_runtime::Clock as _;
    loop {
        context.sleep(REMINDER_PERIOD).await;
        mempool.remind();
    }
}

fn tracked(network: &Network) -> AddressableTrackedPeers<Key> {
    let map = |peers: &[Peer]| {
        let entries = peers.iter().map(|peer| (peer.key.clone(), PeerAddress::Symmetric(peer.address)));
        Map::from_iter_dedup(entries)
    };
    AddressableTrackedPeers::new(map(&network.validators), map(&network.followers))
}

fn p2p(config: &Config, bounds: &Bounds) -> lookup::Config<Handshake> {
    let network = &config.network;
    let sake = Sake {
        signer: config.key.clone(),
        synchrony_bound: CLOCKS,
        max_handshake_age: GREETING_AGE,
        version: sake::Version::V1,
    };
    let handshake = Cups::<_, ChaCha20Poly1305>::new(sake, cups::Version::V1);
    let count = std::num::NonZeroUsize::new(network.peers().count()).unwrap_or(std::num::NonZeroUsize::MIN);
    let participants = u32::try_from(network.validators.len()).unwrap_or(u32::MAX);
    let longest = crate::payload_bytes_max(participants, bounds).max(gossip::message_bytes_max(bounds));
    let longest = u32::try_from(longest).unwrap_or(u32::MAX);
    let mailbox = commonware_utils::NZUsize!(1_024);
    let namespace = [network.namespace(), b"/p2p".to_vec()].concat();
    let make = if network.private { lookup::Config::local } else { lookup::Config::recommended };
    make(handshake, &namespace, config.listen, count, longest, mailbox)
}

type Handshake = commonware_stream::SakeCups<commonware_cryptography::ed25519::PrivateKey, ChaCha20Poly1305>;
