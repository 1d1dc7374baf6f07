//! Validators on a simulated network, and what is asked of them at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use commonware_consensus::types::Height;
use commonware_cryptography::Signer as _;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_p2p::simulated::{self, Link, Network, Oracle, Receiver, Sender};
use commonware_runtime::{Clock as _, Quota, Spawner as _, Storage as _, Supervisor as _, deterministic};
use commonware_utils::ordered::Set;
use commonware_utils::{NZU32, NZUsize, probability};
use parity_scale_codec::Encode as _;
use tempfile::TempDir;
use vm_chain::account::DEV_NAMES;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::node::{Mempool, PoolLimits};
use vm_chain::replica::{Application, Bounds, Replica, ReplicaOptions, SealedBlock, Trusted};
use vm_chain::{Chain, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, CodeSource, Features, GasSchedule, Hash, Limits, Params, Payload, Transaction};
use vm_node::{
    Channels, Fatal, Handles, Key, Options, Scheme, Start, StartError, Timeouts, certificate_bytes,
    certificate_bytes_max, payload_bytes_max, verify_certificate,
};
use vm_state::StateReader;

use super::Outcome;
use super::byzantine::{Failing, Fault, Misbehaving, Proposals};
use super::record::{Final, Observer, Record};

type Context = deterministic::Context;

/// What votes are for: another chain's are not taken.
const NAMESPACE: &[u8] = b"vm-node tests";
pub(crate) const VALIDATORS: usize = 4;
const BALANCE: u64 = 1_000_000_000;
const LINK: Link = Link {
    latency: Duration::from_millis(25),
    jitter: Duration::from_millis(5),
    success_rate: probability!(0.98),
};

fn module(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm"));
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap()
}

/// Blocks are small, so that one can be too large.
fn spec() -> Spec {
    let limits = Limits { block_bytes: 524_288, block_transactions: 64, ..Limits::default() };
    let params = Params::new("simulated", limits, Features::default(), GasSchedule::default()).unwrap();
    let names: Vec<(String, Address)> =
        DEV_NAMES.iter().map(|name| ((*name).to_owned(), Address::named(name))).collect();
    let accounts = names.iter().map(|(_, address)| (*address, BALANCE)).collect();
    Spec { params, time: 0, accounts, names }
}

/// One that runs.
struct Node {
    handles: Handles,
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
}

pub(crate) struct Cluster {
    context: Context,
    oracle: Oracle<Key, Context>,
    signers: Vec<PrivateKey>,
    validators: Set<Key>,
    spec: Spec,
    nodes: BTreeMap<usize, Node>,
    pub(crate) kept: Kept,
    token: Address,
    /// Whether peers may have reason to keep each other off.
    byzantine: bool,
    /// The audit before the runtime stopped: the simulated network drops its links in the order of a hash map, so that what
    /// follows differs from run to run.
    audit: Option<String>,
}

/// What outlives a power failure of all machines, and what the test remembers.
pub(crate) struct Kept {
    pub(crate) records: Vec<Arc<Record>>,
    /// The files of those that keep their chains in files.
    folders: BTreeMap<usize, TempDir>,
    nonces: BTreeMap<&'static str, u64>,
    /// Who runs must have these.
    submitted: Vec<(Hash, Signed)>,
    /// These are final, before some of those that run began.
    earlier: Vec<Hash>,
    began: SystemTime,
}

impl Cluster {
    /// Nobody runs yet; all are linked. `followers` are peers that are no validators.
    pub(crate) async fn new(context: Context, followers: usize) -> Self {
        let kept = Kept {
            records: (0..VALIDATORS + followers).map(|_| Arc::default()).collect(),
            folders: BTreeMap::new(),
            nonces: BTreeMap::new(),
            submitted: Vec::new(),
            earlier: Vec::new(),
            began: context.current(),
        };
        Self::again(context, kept).await
    }

    /// The same with what another cluster left. Nobody runs yet.
    pub(crate) async fn again(context: Context, kept: Kept) -> Self {
        let signers: Vec<PrivateKey> =
            (0_u64..).take(kept.records.len()).map(PrivateKey::from_seed).collect();
        let keys: Vec<Key> = signers.iter().map(|signer| signer.public_key()).collect();
        let validators = Set::from_iter_dedup(keys[..VALIDATORS].iter().cloned());
        let spec = spec();
        let bounds = Bounds::new(spec.params.limits());
        let max = payload_bytes_max(4, &bounds);
        let (network, oracle) = Network::new_with_split_peers(
            context.child("network"),
            simulated::Config {
                // A byzantine validator may send what no honest one takes.
                max_size: u32::try_from(4 * max).unwrap(),
                max_peers_per_set: NZUsize!(16),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
            keys[..VALIDATORS].iter().cloned(),
            keys[VALIDATORS..].iter().cloned(),
        )
        .await;
        network.start();
        let token =
            Address::of_contract(&Address::named("alice"), &Hash::ZERO, &Hash::of_code(&module("token")));
        let mut cluster = Self {
            context,
            oracle,
            signers,
            validators,
            spec,
            nodes: BTreeMap::new(),
            kept,
            token,
            byzantine: false,
            audit: None,
        };
        let all: Vec<usize> = (0..keys.len()).collect();
        cluster.link(&all, &all).await;
        cluster
    }

    fn key(&self, index: usize) -> Key {
        self.signers[index].public_key()
    }

    pub(crate) async fn link(&mut self, from: &[usize], to: &[usize]) {
        for (a, b) in pairs(from, to) {
            self.oracle.add_link(self.key(a), self.key(b), LINK).await.unwrap();
        }
    }

    pub(crate) async fn unlink(&mut self, from: &[usize], to: &[usize]) {
        for (a, b) in pairs(from, to) {
            self.oracle.remove_link(self.key(a), self.key(b)).await.unwrap();
        }
    }

    /// Its chain is in files from now on, and outlives it.
    pub(crate) fn on_disk(&mut self, index: usize) {
        self.kept.folders.insert(index, tempfile::tempdir().unwrap());
    }

    fn chain(&self, index: usize) -> Chain {
        let options = ChainOptions::default();
        let Some(folder) = self.kept.folders.get(&index) else {
            return Chain::create(&Place::Memory, self.spec.clone(), options).unwrap();
        };
        let folder = folder.path().join("chain");
        match folder.exists() {
            true => Chain::open(&folder, options).unwrap(),
            false => Chain::create(&Place::Folder(folder), self.spec.clone(), options).unwrap(),
        }
    }

    fn genesis(&self) -> SealedBlock {
        let chain = Chain::create(&Place::Memory, self.spec.clone(), ChainOptions::default()).unwrap();
        SealedBlock::genesis(chain.head().clone())
    }

    async fn channels(&self, index: usize) -> Channels<Sender<Key, Context>, Receiver<Key>> {
        let control = self.oracle.control(self.key(index));
        let quota = Quota::per_second(NZU32!(1_024));
        let register = async |channel| control.register(channel, quota).await.unwrap();
        Channels {
            votes: register(0).await,
            certificates: register(1).await,
            resolver: register(2).await,
            backfill: register(3).await,
            broadcast: register(4).await,
        }
    }

    pub(crate) async fn start(&mut self, index: usize) {
        self.start_with(index, Start::Genesis, |replica, bounds| (replica, bounds)).await;
    }

    /// Starts one that proposes what it should not. What it proposes is in the list.
    pub(crate) async fn start_byzantine(&mut self, index: usize, fault: Fault) -> Arc<Mutex<Vec<Hash>>> {
        let proposed = Arc::<Mutex<Vec<Hash>>>::default();
        let (list, chain) = (proposed.clone(), self.spec.id().unwrap());
        self.byzantine = true;
        self.start_with(index, Start::Genesis, move |inner, bounds| {
            let bytes = bounds.bytes + 10_000;
            // Its own store takes what it sends.
            let wide = Bounds { bytes: 4 * bytes, transactions: 100_000, ..bounds };
            let proposals = Some(Proposals { fault, chain, bytes, proposed: list });
            (Arc::new(Misbehaving { inner, proposals, failing: None }), wide)
        })
        .await;
        proposed
    }

    /// Starts one whose machine will fail.
    pub(crate) async fn start_failing(&mut self, index: usize, failing: Failing) {
        self.start_with(index, Start::Genesis, move |inner, bounds| {
            (Arc::new(Misbehaving { inner, proposals: None, failing: Some(failing) }), bounds)
        })
        .await;
    }

    /// Waits until one has stopped by itself, and says why.
    pub(crate) async fn stopped(&mut self, index: usize) -> Fatal {
        let Node { handles, .. } = self.nodes.remove(&index).unwrap();
        let fatal = handles.failure.wait().await;
        handles.task.await.unwrap();
        fatal
    }

    /// The last certificate that a validator has, and the height of its block.
    async fn latest_certificate(&self, index: usize) -> (u64, Vec<u8>) {
        for height in (0..=self.height(index)).rev() {
            if let Some(bytes) = self.certificate(index, height).await {
                return (height, bytes);
            }
        }
        panic!("validator {index} has no certificate");
    }

    /// Tries to start one at a block that nobody voted for, with the votes for another.
    pub(crate) async fn join_falsely(&mut self, index: usize, from: usize) -> StartError {
        let (_, bytes) = self.latest_certificate(from).await;
        let (mut finalization, _) =
            verify_certificate(&bytes, &self.verifier(), &mut self.context.child("rng")).unwrap();
        finalization.proposal.payload = vm_node::digest_of(&Hash([1; 32]));
        let wrap = |replica, bounds| (replica, bounds);
        self.try_start(index, Start::Floor(finalization), Timeouts::default(), wrap).await.unwrap_err()
    }

    /// Makes the chain of one that never ran of a snapshot of another's state at its last block with a certificate, trusts
    /// nothing but that certificate, and starts it from there. Gives the height.
    pub(crate) async fn join(&mut self, index: usize, from: usize) -> u64 {
        let (height, bytes) = self.latest_certificate(from).await;
        let (finalization, digest) =
            verify_certificate(&bytes, &self.verifier(), &mut self.context.child("rng")).unwrap();

        self.on_disk(index);
        let folder = self.kept.folders[&index].path();
        let source = &self.nodes[&from].replica;
        let manifest = source.manifest(height).unwrap().unwrap();
        let (work, store) = (folder.join("work"), folder.join("chain"));
        let chunks = |after: Option<&vm_core::Key>| {
            let after = after.map(|key| key.as_bytes().to_vec());
            Ok(source.chunk(height, after.as_deref(), 512).unwrap().unwrap())
        };
        let trusted = Trusted { chain: self.spec.id().unwrap(), digest };
        drop(Replica::restore(&trusted, &manifest, chunks, &work, &store, ChainOptions::default()).unwrap());
        let start = Start::Floor(finalization);
        self.start_with(index, start, |replica, bounds| (replica, bounds)).await;
        height
    }

    async fn start_with(
        &mut self,
        index: usize,
        start: Start,
        wrap: impl FnOnce(Arc<dyn Application>, Bounds) -> (Arc<dyn Application>, Bounds),
    ) {
        self.try_start(index, start, Timeouts::default(), wrap).await.unwrap();
    }

    /// Starts one with other waits.
    pub(crate) async fn start_waiting(&mut self, index: usize, timeouts: Timeouts) -> Result<(), StartError> {
        self.try_start(index, Start::Genesis, timeouts, |replica, bounds| (replica, bounds)).await
    }

    async fn try_start(
        &mut self,
        index: usize,
        start: Start,
        timeouts: Timeouts,
        wrap: impl FnOnce(Arc<dyn Application>, Bounds) -> (Arc<dyn Application>, Bounds),
    ) -> Result<(), StartError> {
        let chain = Arc::new(RwLock::new(self.chain(index)));
        let authority = Arc::new(Ed25519::with_dev_accounts());
        let replica = Arc::new(Replica::new(chain, authority, ReplicaOptions::default()).unwrap());
        let limits = PoolLimits::default();
        let mempool =
            Arc::new(Mempool::new(replica.clone(), limits, Duration::from_secs(1), Box::new(|_| ())));
        let (application, bounds) = wrap(replica.clone(), replica.bounds());
        let record = self.kept.records[index].clone();
        let observer =
            Arc::new(Observer { record, mempool: mempool.clone(), params: self.spec.params.hash() });
        let key = self.key(index);
        let signer = self.signers[index].clone();
        let scheme =
            Scheme::signer(NAMESPACE, self.validators.clone(), signer).unwrap_or_else(|| self.verifier());
        let options = Options {
            key: key.clone(),
            scheme,
            application,
            genesis: self.genesis(),
            start,
            bounds,
            pool: mempool.clone(),
            observers: vec![observer],
            partition: format!("validator-{index}"),
            peers: self.oracle.manager(),
            blocker: self.oracle.control(key),
            timeouts,
        };
        let context = self.context.child("validator").with_attribute("index", index);
        let channels = self.channels(index).await;
        let handles = vm_node::start(context, options, channels).await?;
        self.nodes.insert(index, Node { handles, replica, mempool });
        Ok(())
    }

    pub(crate) fn verifier(&self) -> Scheme {
        Scheme::verifier(NAMESPACE, self.validators.clone())
    }

    pub(crate) async fn start_all(&mut self, indices: impl IntoIterator<Item = usize>) {
        for index in indices {
            self.start(index).await;
        }
    }

    /// Stops the runtime, and waits until all nodes have ended by themselves.
    pub(crate) async fn stop(&mut self) {
        self.audit = Some(self.context.auditor().state());
        self.context.child("stop").stop(0, Some(Duration::from_secs(5))).await.unwrap();
        for (index, node) in std::mem::take(&mut self.nodes) {
            node.handles.task.await.unwrap();
            assert_eq!(node.handles.failure.get(), None, "validator {index}");
        }
    }

    /// Puts a file that is none of the engine's among those of one that does not run.
    pub(crate) async fn spoil(&self, index: usize) {
        let partition = format!("validator-{index}-blocks-keys");
        drop(self.context.open(&partition, b"no file of the engine's").await.unwrap());
    }

    /// Ends all as a power failure would, with the runtime.
    pub(crate) fn end(self) -> Kept {
        self.kept
    }

    /// Ends one as a power failure would. Its files stay.
    pub(crate) async fn crash(&mut self, index: usize) {
        let node = self.nodes.remove(&index).unwrap();
        node.handles.task.abort();
        let _ = node.handles.task.await;
    }

    pub(crate) async fn sleep(&self, milliseconds: u64) {
        self.context.sleep(Duration::from_millis(milliseconds)).await;
    }

    fn sign(&mut self, name: &'static str, payload: Payload) -> Signed {
        let nonce = self.kept.nonces.entry(name).or_default();
        let sender = Address::named(name);
        let transaction = Transaction { sender, nonce: *nonce, gas_limit: 10_000_000, gas_price: 0, payload };
        *nonce += 1;
        SecretKey::dev(name).sign(transaction, &self.spec.id().unwrap())
    }

    /// Gives a transaction to all that run.
    fn submit(&mut self, name: &'static str, payload: Payload) {
        let signed = self.sign(name, payload);
        self.kept.submitted.push((signed.transaction.hash(&self.spec.params.hash()), signed.clone()));
        for node in self.nodes.values() {
            node.mempool.heard(signed.clone()).unwrap();
        }
    }

    /// Gives each that runs again what is not final to it.
    pub(crate) fn resubmit(&mut self) {
        for (index, node) in &self.nodes {
            for (hash, signed) in &self.kept.submitted {
                if self.kept.records[*index].count(hash) == 0 {
                    node.mempool.heard(signed.clone()).unwrap();
                }
            }
        }
    }

    /// Who joins now will not see the blocks of what was submitted until now.
    pub(crate) fn forget_submitted(&mut self) {
        self.kept.earlier.extend(self.kept.submitted.drain(..).map(|(hash, _)| hash));
    }

    /// A token of alice's; later calls transfer it.
    pub(crate) fn submit_token(&mut self) {
        let code = CodeSource::Bytes(module("token"));
        let args = ("Gold", 1_000_u64).encode();
        self.submit("alice", Payload::Deploy { code, salt: Hash::ZERO, args, value: 0 });
    }

    /// Everyone pays the next, and alice gives bob a token.
    pub(crate) fn submit_batch(&mut self) {
        for (payer, payee) in DEV_NAMES.iter().zip(DEV_NAMES.iter().cycle().skip(1)) {
            self.submit(payer, Payload::Transfer { to: Address::named(payee), amount: 7 });
        }
        let args = (Address::named("bob"), 1_u64).encode();
        let function = "transfer".to_owned();
        self.submit("alice", Payload::Call { contract: self.token, function, args, value: 0 });
    }

    /// Some traffic: a token, and `batches` of transactions, one each 100 ms.
    pub(crate) async fn traffic(&mut self, batches: usize) {
        if self.kept.nonces.is_empty() {
            self.submit_token();
        }
        for _ in 0..batches {
            self.submit_batch();
            self.sleep(100).await;
        }
    }

    pub(crate) fn height(&self, index: usize) -> u64 {
        self.kept.records[index].height().unwrap_or_default()
    }

    /// The least of those that run.
    pub(crate) fn lowest(&self) -> u64 {
        self.nodes.keys().map(|index| self.height(*index)).min().unwrap()
    }

    fn healthy(&self) {
        for (index, node) in &self.nodes {
            assert_eq!(node.handles.failure.get(), None, "validator {index}");
        }
    }

    /// Waits until all that run have `height` and every transaction that was submitted.
    pub(crate) async fn reach(&mut self, height: u64, seconds: u64) {
        for _ in 0..seconds * 20 {
            self.healthy();
            let done = |index: &usize| {
                self.kept.submitted.iter().all(|(hash, _)| self.kept.records[*index].count(hash) == 1)
            };
            if self.lowest() >= height && self.nodes.keys().all(done) {
                return;
            }
            self.sleep(50).await;
        }
        let heights: Vec<u64> = (0..self.kept.records.len()).map(|index| self.height(index)).collect();
        let missing = |index: &usize| {
            self.kept.submitted.iter().filter(|(hash, _)| self.kept.records[*index].count(hash) != 1).count()
        };
        let missing: Vec<usize> = self.nodes.keys().map(missing).collect();
        panic!("no block {height} after {seconds} s: heights {heights:?}, transactions missing {missing:?}");
    }

    /// The certificate that a validator has of its own for the block at `height`; there is none if only a later block's
    /// makes it final.
    pub(crate) async fn certificate(&self, index: usize, height: u64) -> Option<Vec<u8>> {
        let finalization = self.nodes[&index].handles.marshal.get_finalization(Height::new(height)).await;
        finalization.map(|finalization| certificate_bytes(&finalization))
    }

    /// Who knows the validators' keys needs nothing else to know what is final.
    async fn check_certificates(&self, blocks: &[Final]) {
        let scheme = self.verifier();
        for (index, node) in &self.nodes {
            let tip = node.replica.tip().header.height;
            let mut found = 0;
            for block in blocks.iter().take_while(|block| block.height <= tip) {
                let Some(bytes) = self.certificate(*index, block.height).await else { continue };
                assert!(bytes.len() <= certificate_bytes_max(4));
                let (_, digest) =
                    verify_certificate(&bytes, &scheme, &mut self.context.child("rng")).unwrap();
                assert_eq!(digest, block.digest);
                found += 1;
            }
            assert!(found > 0, "validator {index} has no certificate");
        }
    }

    /// Ends the run: compares all records, and the states of those that run.
    pub(crate) async fn finish(self) -> Outcome {
        self.healthy();
        let mut chain: BTreeMap<u64, Final> = BTreeMap::new();
        for block in self.kept.records.iter().flat_map(|record| record.blocks()) {
            let first = chain.entry(block.height).or_insert_with(|| block.clone());
            assert_eq!(*first, block, "all have the same block at each height");
        }
        let longest: Vec<Final> = chain.into_values().collect();
        for (height, block) in (0..).zip(&longest) {
            assert_eq!(block.height, height, "no height is left out");
        }
        // A network that has stopped answers nothing.
        if !self.byzantine && !self.nodes.is_empty() {
            assert_eq!(self.oracle.blocked().await.unwrap(), [], "honest nodes keep nobody off");
        }
        let mut seen = BTreeSet::new();
        for hash in longest.iter().flat_map(|block| &block.transactions) {
            assert!(seen.insert(*hash), "{hash} is final twice");
        }
        for hash in self.kept.submitted.iter().map(|(hash, _)| hash).chain(&self.kept.earlier) {
            assert!(seen.contains(hash), "{hash} is not final");
        }
        let supply = BALANCE * u64::try_from(DEV_NAMES.len()).unwrap();
        for (index, node) in &self.nodes {
            let tip = node.replica.tip();
            let there = usize::try_from(tip.header.height).unwrap();
            assert_eq!(tip.digest, longest[there].digest, "validator {index}");
            let view = node.replica.view().unwrap();
            assert_eq!(*view.header(), tip.header);
            let reader = StateReader::new(view.as_ref());
            assert_eq!(reader.system().unwrap().supply, supply);
            let balance = |name: &&str| reader.account(&Address::named(name)).unwrap().balance;
            assert_eq!(DEV_NAMES.iter().map(balance).sum::<u64>(), supply, "validator {index}");
        }
        self.check_certificates(&longest).await;
        let simulated = self.context.current().duration_since(self.kept.began).unwrap();
        let audit = self.audit.unwrap_or_else(|| self.context.auditor().state());
        Outcome { blocks: longest, audit, log: String::new(), simulated }
    }
}

fn pairs(from: &[usize], to: &[usize]) -> Vec<(usize, usize)> {
    let both = |a: &usize| to.iter().map(|b| (*a, *b)).collect::<Vec<_>>();
    from.iter().flat_map(both).filter(|(a, b)| a != b).collect()
}
