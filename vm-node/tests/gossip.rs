//! Transactions between nodes on a simulated network: what reaches whom, and who is blocked for what.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use commonware_cryptography::Signer as _;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_p2p::simulated::{Config, Link, Network, Oracle, Sender as Channel};
use commonware_p2p::{Recipients, Sender as _};
use commonware_runtime::{
    Clock as _, Quota, Runner as _, Spawner as _, Supervisor as _, deterministic, deterministic::Context,
};
use commonware_utils::{NZU32, NZUsize, probability};
use parity_scale_codec::Encode as _;
use tokio::sync::mpsc;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::node::{Mempool, PoolLimits};
use vm_chain::replica::{Bounds, Replica, ReplicaOptions};
use vm_chain::sequencer::Sequencer as _;
use vm_chain::{Chain, ChainId, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, Hash, Params, Payload, Transaction};
use vm_node::{Key, gossip};

const TRANSACTIONS: u64 = 5;
const LINK: Link =
    Link { latency: Duration::from_millis(25), jitter: Duration::ZERO, success_rate: probability!(1.0) };

fn spec() -> Spec {
    let accounts = vec![(Address::named("alice"), 1_000), (Address::named("bob"), 1_000)];
    Spec { params: Params::default_for("gossip"), time: 0, accounts, names: Vec::new() }
}

fn signed(chain: &ChainId, sender: &str, nonce: u64) -> Signed {
    let payload = Payload::Transfer { to: Address::named("judy"), amount: 1 };
    let transaction =
        Transaction { sender: Address::named(sender), nonce, gas_limit: 100_000, gas_price: 0, payload };
    SecretKey::dev(sender).sign(transaction, chain)
}

/// A pool before a chain of its own; what came by RPC goes to the returned queue.
fn pool() -> (Arc<Mempool>, mpsc::Receiver<Hash>, Bounds, ChainId) {
    let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
    let id = chain.id();
    let authority = Arc::new(Ed25519::with_dev_accounts());
    let replica = Replica::new(Arc::new(RwLock::new(chain)), authority, ReplicaOptions::default()).unwrap();
    let bounds = replica.bounds();
    let (announce, announced) = mpsc::channel(gossip::QUEUE);
    let announce = Box::new(move |hash: &Hash| announce.try_send(*hash).unwrap());
    let wait = Duration::from_secs(1);
    (Arc::new(Mempool::new(Arc::new(replica), PoolLimits::default(), wait, announce)), announced, bounds, id)
}

/// Nodes that are all linked; the last one's sender is kept for whoever wants to send what no node does.
struct Peers {
    context: Context,
    oracle: Oracle<Key, Context>,
    keys: Vec<Key>,
    pools: BTreeMap<usize, Arc<Mempool>>,
    chain: ChainId,
    bounds: Bounds,
    last: Channel<Key, Context>,
}

impl Peers {
    async fn start(context: Context, count: u64) -> Self {
        let keys: Vec<Key> = (0..count).map(|seed| PrivateKey::from_seed(seed).public_key()).collect();
        let bounds = Bounds::new(spec().params.limits());
        let config = Config {
            max_size: u32::try_from(gossip::message_bytes_max(&bounds)).unwrap(),
            max_peers_per_set: NZUsize!(16),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(1),
        };
        let nobody = std::iter::empty();
        let (network, oracle) =
            Network::new_with_split_peers(context.child("network"), config, keys.iter().cloned(), nobody)
                .await;
        network.start();
        for from in &keys {
            for to in keys.iter().filter(|to| *to != from) {
                oracle.add_link(from.clone(), to.clone(), LINK).await.unwrap();
            }
        }
        let (mut pools, mut chain, mut last) = (BTreeMap::new(), None, None);
        for (index, key) in keys.iter().enumerate() {
            let (mempool, announced, bounds, id) = pool();
            let control = oracle.control(key.clone());
            let quota = Quota::per_second(NZU32!(1_024));
            let (sender, receiver) = control.register(TRANSACTIONS, quota).await.unwrap();
            let (context, heard) = (context.child("node").with_attribute("index", index), mempool.clone());
            last = Some(sender.clone());
            let own = mempool.clone();
            drop(context.child("send").spawn(move |context| gossip::send(context, sender, own, announced)));
            let hear = context.child("hear");
            drop(hear.spawn(move |context| gossip::receive(context, receiver, control, heard, bounds)));
            pools.insert(index, mempool);
            chain = Some(id);
        }
        let (chain, last) = (chain.unwrap(), last.unwrap());
        Self { context, oracle, keys, pools, chain, bounds, last }
    }

    async fn pause(&self) {
        self.context.sleep(Duration::from_secs(1)).await;
    }

    fn waits_at(&self, hash: &Hash) -> Vec<usize> {
        let has = |index: &usize| self.pools[index].waiting(hash).is_some();
        self.pools.keys().copied().filter(has).collect()
    }

    fn hash(&self, signed: &Signed) -> Hash {
        signed.transaction.hash(&self.chain.params)
    }

    /// The last node sends these bytes to all others.
    fn send(&mut self, bytes: Vec<u8>) {
        self.last.send(Recipients::All, bytes, false);
    }

    /// Who has blocked the last node.
    async fn blocked_by(&self) -> Vec<usize> {
        let last = self.keys.last().unwrap();
        let blocked = self.oracle.blocked().await.unwrap();
        let by = |key: &Key| blocked.iter().any(|(by, of)| by == key && of == last);
        self.keys.iter().enumerate().filter(|(_, key)| by(key)).map(|(index, _)| index).collect()
    }
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Context) -> F) {
    deterministic::Runner::timed(Duration::from_secs(60)).start(test);
}

#[test]
fn what_one_node_takes_by_rpc_waits_at_every_node() {
    run(|context| async move {
        let peers = Peers::start(context, 4).await;
        let of_alice: Vec<Signed> = (0..3).map(|nonce| signed(&peers.chain, "alice", nonce)).collect();
        for signed in &of_alice {
            peers.pools[&1].submit(signed.clone()).unwrap();
        }
        let of_bob = signed(&peers.chain, "bob", 0);
        peers.pools[&3].submit(of_bob.clone()).unwrap();
        peers.pause().await;
        for signed in of_alice.iter().chain([&of_bob]) {
            assert_eq!(peers.waits_at(&peers.hash(signed)), [0, 1, 2, 3]);
        }
        assert!(peers.oracle.blocked().await.unwrap().is_empty());
    });
}

#[test]
fn what_is_heard_of_a_peer_goes_no_further_and_what_was_missed_comes_again() {
    run(|context| async move {
        let peers = Peers::start(context, 3).await;
        let link = |from: usize, to: usize| (peers.keys[from].clone(), peers.keys[to].clone());
        let (zero, two) = link(0, 2);
        peers.oracle.remove_link(zero.clone(), two.clone()).await.unwrap();
        let signed = signed(&peers.chain, "alice", 0);
        let hash = peers.pools[&0].submit(signed).unwrap();
        peers.pause().await;
        // The second node has heard of it, is linked with the third, and does not pass it on.
        assert_eq!(peers.waits_at(&hash), [0, 1]);
        peers.pools[&1].remind();
        peers.pause().await;
        assert_eq!(peers.waits_at(&hash), [0, 1]);

        peers.oracle.add_link(zero, two, LINK).await.unwrap();
        peers.pools[&0].remind();
        peers.pause().await;
        assert_eq!(peers.waits_at(&hash), [0, 1, 2]);
    });
}

/// Messages that no honest node sends.
fn hostile(chain: &ChainId, bounds: &Bounds) -> [Vec<u8>; 7] {
    let good = vec![signed(chain, "alice", 0)].encode();
    let long = Signed { authorization: vec![0; 1_025], ..signed(chain, "alice", 0) };
    let mut large = signed(chain, "alice", 0);
    let args = vec![0; bounds.transaction_bytes];
    large.transaction.payload =
        Payload::Call { contract: Address::named("judy"), function: String::new(), args, value: 0 };
    let mut forged = signed(chain, "alice", 0);
    forged.authorization[95] ^= 1;
    let of_another = ChainId { genesis: Hash::ZERO, ..*chain };
    [
        // Every node confirms a signature before it passes a transaction on.
        vec![forged, signed(chain, "bob", 0)].encode(),
        vec![signed(&of_another, "alice", 0)].encode(),
        [good.as_slice(), &[0]].concat(),
        good[1..].to_vec(),
        // A count of 2^30.
        vec![0xfe, 0xff, 0xff, 0xff],
        vec![long].encode(),
        vec![large].encode(),
    ]
}

#[test]
fn who_sends_what_no_honest_node_sends_is_blocked_by_who_hears_it() {
    for case in 0..7 {
        run(|context| async move {
            let mut peers = Peers::start(context, 3).await;
            let bytes = hostile(&peers.chain, &peers.bounds)[case].clone();
            peers.send(bytes);
            peers.pause().await;
            assert_eq!(peers.blocked_by().await, [0, 1], "case {case}");
            assert_eq!(peers.pools[&0].pending() + peers.pools[&1].pending(), 0, "case {case}");
        });
    }
}

#[test]
fn who_sends_a_transaction_that_is_refused_is_heard_on() {
    run(|context| async move {
        let mut peers = Peers::start(context, 3).await;
        // Of another last block's state, it may be good there.
        let early = signed(&peers.chain, "alice", 100_000);
        let good = signed(&peers.chain, "bob", 0);
        // What is good among them is taken.
        peers.send(vec![early.clone(), good.clone(), good.clone()].encode());
        peers.send(Vec::<Signed>::new().encode());
        peers.pause().await;
        assert!(peers.blocked_by().await.is_empty());
        assert_eq!(peers.waits_at(&peers.hash(&good)), [0, 1]);
        assert!(peers.waits_at(&peers.hash(&early)).is_empty());
    });
}
