//! Four validators in one process on the runtime and the network of production: real TCP, real files, real time.

#![allow(clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

#[path = "support/record.rs"]
mod record;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use commonware_cryptography::ed25519::PrivateKey;
use commonware_cryptography::{ChaCha20Poly1305, Signer as _};
use commonware_p2p::authenticated::lookup::{self, Network};
use commonware_p2p::{Address as PeerAddress, AddressableManager as _};
use commonware_runtime::tokio::{self, Context};
use commonware_runtime::{Clock as _, Quota, Runner as _, Supervisor as _};
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::ordered::{Map, Set};
use commonware_utils::{NZU32, NZUsize};
use record::{Observer, Record};
use vm_chain::account::DEV_NAMES;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::node::{Mempool, PoolLimits};
use vm_chain::replica::{Replica, ReplicaOptions, SealedBlock};
use vm_chain::{Chain, Ed25519, Place, SecretKey};
use vm_core::{Address, Hash, Params, Payload, Transaction};
use vm_node::{Channels, Handles, Key, Options, Scheme, Start, Timeouts, payload_bytes_max};

const NAMESPACE: &[u8] = b"vm-node loopback";

struct Node {
    handles: Handles,
    mempool: Arc<Mempool>,
    record: Arc<Record>,
}

fn spec() -> Spec {
    let named = |name: &&str| ((*name).to_owned(), Address::named(name));
    let names: Vec<(String, Address)> = DEV_NAMES.iter().map(named).collect();
    let accounts = names.iter().map(|(_, address)| (*address, 1_000_000)).collect();
    Spec { params: Params::default(), time: 0, accounts, names }
}

fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

async fn start(
    context: &Context,
    signer: PrivateKey,
    peers: Map<Key, PeerAddress>,
    address: SocketAddr,
    folder: &Path,
) -> Node {
    let validators: Set<Key> = peers.keys().clone();
    let place = Place::Folder(folder.join(address.port().to_string()));
    let chain = Chain::create(&place, spec(), ChainOptions::default()).unwrap();
    let genesis = SealedBlock::genesis(chain.head().clone());
    let authority = Arc::new(Ed25519::with_dev_accounts());
    let replica =
        Arc::new(Replica::new(Arc::new(RwLock::new(chain)), authority, ReplicaOptions::default()).unwrap());
    let wait = Duration::from_secs(1);
    let mempool = Arc::new(Mempool::new(replica.clone(), PoolLimits::default(), wait, Box::new(|_| ())));
    let record = Arc::<Record>::default();
    let params = spec().params.hash();

    let bounds = replica.bounds();
    let sake = Sake {
        signer: signer.clone(),
        synchrony_bound: Duration::from_secs(5),
        max_handshake_age: Duration::from_secs(10),
        version: sake::Version::V1,
    };
    let config = lookup::Config::local(
        Cups::<_, ChaCha20Poly1305>::new(sake, cups::Version::V1),
        NAMESPACE,
        address,
        NZUsize!(8),
        u32::try_from(payload_bytes_max(4, &bounds)).unwrap(),
        NZUsize!(1_024),
    );
    let (mut network, mut oracle) = Network::new(context.child("network"), config);
    oracle.track(0, peers);
    let mut register = |channel| network.register(channel, Quota::per_second(NZU32!(256)));
    let channels = Channels {
        votes: register(0),
        certificates: register(1),
        resolver: register(2),
        backfill: register(3),
        broadcast: register(4),
    };
    network.start();

    let options = Options {
        key: signer.public_key(),
        scheme: Scheme::signer(NAMESPACE, validators, signer).unwrap(),
        application: replica,
        genesis,
        start: Start::Genesis,
        bounds,
        pool: mempool.clone(),
        observers: vec![Arc::new(Observer { record: record.clone(), mempool: mempool.clone(), params })],
        partition: format!("validator-{}", address.port()),
        peers: oracle.clone(),
        blocker: oracle,
        timeouts: Timeouts::default(),
    };
    let handles = vm_node::start(context.child("validator"), options, channels).await.unwrap();
    Node { handles, mempool, record }
}

#[test]
fn validators_agree_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let config = tokio::Config::new().with_storage_directory(path.join("engine"));
    tokio::Runner::new(config).start(|context| async move {
        let signers: Vec<PrivateKey> = (10..14).map(PrivateKey::from_seed).collect();
        let addresses = free_addresses(signers.len());
        let keys = signers.iter().map(|signer| signer.public_key());
        let peers = Map::from_iter_dedup(keys.zip(addresses.iter().map(|address| (*address).into())));
        let mut nodes = Vec::new();
        for (index, (signer, address)) in signers.into_iter().zip(addresses).enumerate() {
            let context = context.child("node").with_attribute("index", index);
            nodes.push(start(&context, signer, peers.clone(), address, &path).await);
        }

        let mut submitted: Vec<Hash> = Vec::new();
        let began = Instant::now();
        for nonce in 0..20 {
            let payload = Payload::Transfer { to: Address::named("bob"), amount: 1 };
            let sender = Address::named("alice");
            let transaction = Transaction { sender, nonce, gas_limit: 100_000, gas_price: 0, payload };
            let signed = SecretKey::dev("alice").sign(transaction, &spec().id().unwrap());
            for node in &nodes {
                submitted.push(node.mempool.heard(signed.clone()).unwrap());
            }
            context.sleep(Duration::from_millis(50)).await;
        }
        let final_everywhere = || {
            let everywhere = |hash: &Hash| nodes.iter().all(|node| node.record.count(hash) == 1);
            submitted.iter().all(everywhere)
        };
        let lowest = || nodes.iter().filter_map(|node| node.record.height()).min();
        while !final_everywhere() || lowest() < Some(5) {
            assert!(nodes.iter().all(|node| node.handles.failure.get().is_none()));
            assert!(began.elapsed() < Duration::from_secs(60), "not final after a minute");
            context.sleep(Duration::from_millis(20)).await;
        }
        let blocks: Vec<_> = nodes.iter().map(|node| node.record.blocks()).collect();
        let common = blocks.iter().map(Vec::len).min().unwrap();
        assert!(blocks.iter().all(|others| others[..common] == blocks[0][..common]));
        let (first, last) = (nodes[0].record.first(), nodes[0].record.height());
        println!("{common} blocks, {first:?} to {last:?}, in {:?}", began.elapsed());
        for node in nodes {
            node.handles.task.abort();
        }
    });
}
