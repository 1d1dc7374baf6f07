//! A replica's pool: who is told what, and when.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is their failure")]

mod support;

use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use support::{pay, spec};
use vm_chain::chain::ChainOptions;
use vm_chain::node::{Intake as _, Mempool, PoolLimits};
use vm_chain::replica::{Application, Committed, Replica, ReplicaOptions, SealedBlock};
use vm_chain::{ApiError, Chain, Ed25519, Place, Position, SecretKey, Sequencer as _, Signed};
use vm_core::{Address, Hash, Transaction};

struct Node {
    replica: Arc<Replica>,
    mempool: Arc<Mempool>,
    announced: Arc<Mutex<Vec<Hash>>>,
}

fn node() -> Node {
    let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
    let chain = Arc::new(RwLock::new(chain));
    let authority = Arc::new(Ed25519::with_dev_accounts());
    let replica = Arc::new(Replica::new(chain, authority, ReplicaOptions::default()).unwrap());
    let announced = Arc::new(Mutex::new(Vec::new()));
    let heard = announced.clone();
    let announce = Box::new(move |hash: &Hash| heard.lock().unwrap().push(*hash));
    let wait = Duration::from_millis(200);
    let mempool = Arc::new(Mempool::new(replica.clone(), PoolLimits::default(), wait, announce));
    Node { replica, mempool, announced }
}

fn signed(name: &str, nonce: u64, gas_price: u64) -> Signed {
    let sender = Address::named(name);
    let transaction = Transaction { sender, nonce, gas_limit: 100_000, gas_price, payload: pay("bob", 1) };
    SecretKey::dev(name).sign(transaction, &spec().id().unwrap())
}

fn hash(signed: &Signed) -> Hash {
    signed.transaction.hash(&spec().params.hash())
}

impl Node {
    /// Builds on the tip of what waits here.
    fn propose(&self) -> SealedBlock {
        self.replica.build(&self.replica.tip().digest, 1, Address::ZERO, self.mempool.as_ref()).unwrap()
    }

    /// `block` is final.
    fn finalize(&self, block: &SealedBlock) {
        assert_eq!(self.replica.commit(block), Ok(Committed::New));
        let hashes: Vec<Hash> = block.transactions.iter().map(hash).collect();
        self.mempool.finalized(block, &hashes);
    }
}

#[test]
fn who_sends_is_told_when_the_block_is_final_and_not_when_it_is_proposed() {
    let node = node();
    let mempool = node.mempool.clone();
    // Longer than the wait: still only proposed.
    assert_eq!(
        mempool.send(signed("alice", 0, 0)),
        Err(ApiError::Pending { hash: hash(&signed("alice", 0, 0)), seconds: 0 })
    );
    let block = node.propose();
    assert_eq!(block.transactions, [signed("alice", 0, 0)]);
    assert_eq!((mempool.pending(), mempool.next_nonce(&Address::named("alice"))), (1, Some(1)));
    assert!(mempool.waiting(&hash(&signed("alice", 0, 0))).is_some());
    assert!(mempool.pending_bytes() > 100);

    // Told at finality, and at nothing before it.
    let (tell, told) = std::sync::mpsc::channel();
    mempool.enqueue(signed("alice", 0, 0), Some(Box::new(move |result| drop(tell.send(result))))).unwrap();
    assert_eq!(node.propose(), block);
    assert_eq!(node.replica.execute(&block), Ok(()));
    assert!(told.try_recv().is_err());
    node.finalize(&block);
    assert_eq!(told.try_recv(), Ok(Ok(Position { height: 1, index: 0 })));
    assert_eq!(node.mempool.pending(), 0);
}

#[test]
fn what_came_by_rpc_is_announced_once_and_what_a_peer_sent_never() {
    let node = node();
    let before = vm_chain::replica::Candidates::arrivals(node.mempool.as_ref());
    node.mempool.submit(signed("alice", 0, 0)).unwrap();
    node.mempool.submit(signed("alice", 0, 0)).unwrap();
    node.mempool.heard(signed("carol", 0, 0)).unwrap();
    node.mempool.heard(signed("carol", 0, 0)).unwrap();
    assert_eq!(*node.announced.lock().unwrap(), [hash(&signed("alice", 0, 0))]);
    // Once more while it waits: a message may have been lost. A peer's is the peer's to repeat, until someone sends it here.
    node.mempool.remind();
    assert_eq!(node.announced.lock().unwrap().len(), 2);
    node.mempool.submit(signed("carol", 0, 0)).unwrap();
    assert_eq!(node.announced.lock().unwrap().last(), Some(&hash(&signed("carol", 0, 0))));
    assert_eq!(node.announced.lock().unwrap().len(), 3);
    assert_eq!(vm_chain::replica::Candidates::arrivals(node.mempool.as_ref()), before + 2);
    assert_eq!(node.propose().transactions.len(), 2);
}

#[test]
fn what_still_waits_is_announced_again_in_parts_and_only_if_a_block_could_hold_it() {
    let node = node();
    let long = |nonce| {
        let payload = vm_core::Payload::Upload { code: vec![0; 100_000] };
        let transaction =
            Transaction { gas_limit: 100_000_000, payload, ..signed("alice", nonce, 0).transaction };
        SecretKey::dev("alice").sign(transaction, &spec().id().unwrap())
    };
    let all: Vec<Signed> = (0..5).map(long).collect();
    for signed in &all {
        node.mempool.submit(signed.clone()).unwrap();
    }
    // What waits for another one helps nobody.
    node.mempool.submit(signed("bob", 7, 0)).unwrap();
    node.announced.lock().unwrap().clear();
    let mut heard = std::collections::BTreeSet::new();
    for _ in 0..3 {
        node.mempool.remind();
        let round = std::mem::take(&mut *node.announced.lock().unwrap());
        assert!(round.len() <= 2, "{} of 100 KB each", round.len());
        heard.extend(round);
    }
    assert_eq!(heard, all.iter().map(hash).collect());
}

#[test]
fn r102_a_signature_is_confirmed_before_anything_waits() {
    let node = node();
    let mut foreign = signed("alice", 0, 0);
    foreign.authorization[9] ^= 1;
    assert!(matches!(node.mempool.submit(foreign.clone()), Err(ApiError::Unauthorized(_))));
    assert!(matches!(node.mempool.heard(foreign), Err(ApiError::Unauthorized(_))));
    assert!(matches!(node.mempool.submit(signed("alice", 100_000, 0)), Err(ApiError::Pool(_))));
    assert_eq!(node.mempool.pending(), 0);
    assert!(node.announced.lock().unwrap().is_empty());
}

#[test]
fn what_a_final_block_of_another_proposer_makes_impossible_is_dropped() {
    let (here, there) = (node(), node());
    here.mempool.submit(signed("alice", 0, 0)).unwrap();
    here.mempool.submit(signed("alice", 1, 0)).unwrap();
    there.mempool.submit(signed("alice", 0, 7)).unwrap();
    here.finalize(&there.propose());
    assert_eq!(here.mempool.pending(), 1);
    assert_eq!(here.propose().transactions, [signed("alice", 1, 0)]);
    // And it does not come back.
    assert!(matches!(here.mempool.submit(signed("alice", 0, 0)), Err(ApiError::Invalid(_))));
}

#[test]
fn what_only_a_block_that_is_not_final_makes_impossible_goes_on_waiting() {
    let node = node();
    let poor = |gas_price| {
        let transaction = Transaction { gas_price, ..signed("alice", 1, 0).transaction };
        SecretKey::dev("alice").sign(transaction, &spec().id().unwrap())
    };
    // All of alice's money goes in a block that is proposed; what she sends next can't pay for its gas there.
    let all = Transaction { payload: pay("bob", 1_000_000_000), ..signed("alice", 0, 0).transaction };
    node.mempool.submit(SecretKey::dev("alice").sign(all, &spec().id().unwrap())).unwrap();
    node.mempool.submit(poor(10)).unwrap();
    let lost = node.propose();
    assert_eq!((lost.transactions.len(), node.mempool.pending()), (1, 2));
    // It is final: now no block ever can.
    node.finalize(&lost);
    assert_eq!(node.mempool.pending(), 1);
    assert_eq!(node.propose().transactions, []);
    assert_eq!(node.mempool.pending(), 0);
}

#[test]
fn a_node_that_failed_or_stops_tells_whoever_waits_and_takes_nothing_in() {
    for stop in [false, true] {
        let node = node();
        let mempool = node.mempool.clone();
        let sender = std::thread::spawn(move || mempool.send(signed("alice", 0, 0)));
        while node.mempool.pending() == 0 {
            std::thread::yield_now();
        }
        assert!(node.mempool.is_alive());
        if stop {
            node.mempool.stop();
        } else {
            node.mempool.fail("the disk is full");
            node.mempool.fail("and more");
            assert_eq!(node.mempool.failure().as_deref(), Some("the disk is full"));
        }
        assert!(!node.mempool.is_alive());
        let told = sender.join().unwrap().unwrap_err();
        let refused = node.mempool.submit(signed("bob", 0, 0)).unwrap_err();
        match (stop, &told, &refused) {
            (true, ApiError::Busy(_), ApiError::Busy(_)) | (false, ApiError::Node(_), ApiError::Node(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_replica_makes_no_block_at_will_and_goes_back_to_none() {
    let mempool = node().mempool;
    assert!(matches!(mempool.mine(1), Err(ApiError::Unsupported(_))));
    assert!(matches!(mempool.rollback(0), Err(ApiError::Unsupported(_))));
    assert!(matches!(mempool.advance_time(1), Err(ApiError::Unsupported(_))));
}
