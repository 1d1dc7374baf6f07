//! Who makes blocks: both modes, what is told to whom, time, rollback, and an end of each kind.

#![allow(clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

mod support;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use support::{deploy_token, pay, spec};
use vm_chain::api::Local;
use vm_chain::chain::{ChainOptions, Position};
use vm_chain::node::pool::Reply;
use vm_chain::node::{BlockMade, Intake as _, Mode, Observer, PoolLimits, Producer, ProducerOptions};
use vm_chain::sequencer::{Sequencer, SharedChain, now};
use vm_chain::{Api, ApiError, Chain, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, Hash, Params, Payload, Transaction};
use vm_host::InvalidTransaction;

#[derive(Debug, Default)]
struct Heard {
    blocks: Mutex<Vec<BlockMade>>,
    rollbacks: Mutex<Vec<u64>>,
    failures: Mutex<Vec<String>>,
    /// How long it holds each block up.
    slow: Duration,
}

impl Observer for Heard {
    fn block_made(&self, block: &BlockMade) {
        assert!(block.header.height < 1_000, "a failure that a test asks for");
        std::thread::sleep(self.slow);
        self.blocks.lock().unwrap().push(block.clone());
    }

    fn rolled_back(&self, height: u64) {
        self.rollbacks.lock().unwrap().push(height);
    }

    fn failed(&self, why: &str) {
        self.failures.lock().unwrap().push(why.to_owned());
    }
}

struct Made {
    chain: SharedChain,
    producer: Arc<Producer>,
    heard: Arc<Heard>,
}

fn made_on(chain: Chain, options: ProducerOptions) -> Made {
    observed(chain, options, Heard::default())
}

fn observed(chain: Chain, options: ProducerOptions, heard: Heard) -> Made {
    let chain: SharedChain = Arc::new(RwLock::new(chain));
    let heard = Arc::new(heard);
    let authority = Arc::new(Ed25519::with_dev_accounts());
    let producer = Producer::start(chain.clone(), authority, options, vec![heard.clone()]).unwrap();
    Made { chain, producer, heard }
}

fn made(options: ProducerOptions) -> Made {
    made_on(Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap(), options)
}

/// Nothing is made unless it is asked for.
fn by_hand() -> ProducerOptions {
    ProducerOptions { mode: Mode::Every(Duration::from_secs(3_600)), ..ProducerOptions::default() }
}

fn signed_with(name: &str, nonce: u64, change: impl FnOnce(&mut Transaction)) -> Signed {
    let mut transaction = Transaction {
        sender: Address::named(name),
        nonce,
        gas_limit: 1_000_000,
        gas_price: 0,
        payload: pay("bob", 1),
    };
    change(&mut transaction);
    SecretKey::dev(name).sign(transaction, &spec().id().unwrap())
}

fn signed(name: &str, nonce: u64) -> Signed {
    signed_with(name, nonce, |_| ())
}

type Told = Receiver<Result<Position, ApiError>>;

impl Made {
    fn enqueue(&self, signed: Signed) -> Told {
        let (sender, told) = channel();
        let reply: Reply = Box::new(move |result| drop(sender.send(result)));
        self.producer.enqueue(signed, Some(reply)).unwrap();
        told
    }

    fn height(&self) -> u64 {
        self.chain.read().unwrap().head().height
    }

    fn blocks(&self) -> Vec<BlockMade> {
        self.heard.blocks.lock().unwrap().clone()
    }
}

fn told(told: &Told) -> Result<Position, ApiError> {
    told.recv_timeout(Duration::from_secs(10)).unwrap()
}

#[test]
fn an_instant_block_comes_with_a_transaction_and_not_without() {
    let made = made(ProducerOptions::default());
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(made.height(), 0);
    assert_eq!(made.producer.send(signed("alice", 0)), Ok(Position { height: 1, index: 0 }));
    let [block] = <[_; 1]>::try_from(made.blocks()).unwrap();
    assert_eq!((block.header.height, block.succeeded, block.failed), (1, 1, 0));
    assert!(made.chain.read().unwrap().body(1).unwrap().is_some(), "what is acknowledged is in the log");
    assert_eq!(made.producer.pending(), 0);
}

#[test]
fn what_comes_in_while_a_block_is_made_shares_the_next() {
    let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
    let heard = Heard { slow: Duration::from_millis(100), ..Heard::default() };
    let made = observed(chain, ProducerOptions::default(), heard);
    let waits: Vec<Told> = (0..200).map(|nonce| made.enqueue(signed("alice", nonce))).collect();
    let mut last = Position { height: 0, index: 0 };
    for wait in &waits {
        let position = told(wait).unwrap();
        assert!((position.height, position.index) > (last.height, last.index), "in nonce order");
        last = position;
    }
    assert!(last.height < 100, "200 transactions took {} blocks", last.height);
}

#[test]
fn with_a_block_time_blocks_come_by_the_clock_also_empty_ones() {
    let period = Duration::from_millis(100);
    let made = made(ProducerOptions { mode: Mode::Every(period), ..ProducerOptions::default() });
    let begun = Instant::now();
    let position = made.producer.send(signed("alice", 0)).unwrap();
    assert_eq!((position.height, begun.elapsed() >= Duration::from_millis(50)), (1, true));
    while made.height() < 4 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(begun.elapsed() >= 3 * period, "four blocks after {:?}", begun.elapsed());
    assert!(made.blocks().iter().skip(1).all(|block| block.transactions.is_empty()));
}

#[test]
fn a_transaction_that_another_made_impossible_is_dropped_and_the_rest_stands() {
    let made = made(by_hand());
    // Each could pay alone; after the first, the second can't.
    let all_gone = |transaction: &mut Transaction| {
        transaction.payload = Payload::Transfer { to: Address::named("bob"), amount: 900_000_000 };
    };
    let first = made.enqueue(signed_with("alice", 0, all_gone));
    let second = made.enqueue(signed_with("alice", 1, |transaction| transaction.gas_price = 500));
    let third = made.enqueue(signed("alice", 2));
    let other = made.enqueue(signed("carol", 0));
    made.producer.mine(1).unwrap();
    assert_eq!(told(&first), Ok(Position { height: 1, index: 0 }));
    assert!(matches!(told(&second), Err(ApiError::Invalid(InvalidTransaction::Fee { .. }))));
    assert_eq!(told(&other), Ok(Position { height: 1, index: 1 }));
    assert!(third.try_recv().is_err(), "it waits for another with nonce 1");
    let [block] = <[_; 1]>::try_from(made.blocks()).unwrap();
    assert_eq!((block.transactions.len(), block.dropped), (2, 1));
    let again = made.enqueue(signed("alice", 1));
    made.producer.mine(1).unwrap();
    assert_eq!(told(&again), Ok(Position { height: 2, index: 0 }));
    assert_eq!(told(&third), Ok(Position { height: 2, index: 1 }));
}

#[test]
fn no_instant_block_is_made_of_impossible_transactions_alone() {
    let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
    let heard = Heard { slow: Duration::from_millis(300), ..Heard::default() };
    let made = observed(chain, ProducerOptions::default(), heard);
    let first = made.enqueue(signed_with("alice", 0, |transaction| {
        transaction.payload = Payload::Transfer { to: Address::named("bob"), amount: 900_000_000 };
    }));
    while made.height() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    // The first is in its block, but nobody was told: what comes now is compared with the state before it.
    let second = made.enqueue(signed_with("alice", 1, |transaction| transaction.gas_price = 500));
    assert_eq!(told(&first), Ok(Position { height: 1, index: 0 }));
    assert!(matches!(told(&second), Err(ApiError::Invalid(InvalidTransaction::Fee { .. }))));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(made.height(), 1, "nothing was left for a block");
    assert_eq!(made.producer.send(signed("carol", 0)), Ok(Position { height: 2, index: 0 }));
    let dropped: Vec<u32> = made.blocks().iter().map(|block| block.dropped).collect();
    assert_eq!(dropped, [0, 1], "counted with the block after");
}

#[test]
fn a_block_full_of_impossible_transactions_is_given_up_after_some_tries() {
    let made = made(by_hand());
    // Twelve senders, each with a first that leaves too little for its second.
    let names: Vec<&str> = vm_chain::account::DEV_NAMES.into_iter().filter(|name| *name != "bob").collect();
    let mut seconds = Vec::new();
    for name in &names {
        drop(made.enqueue(signed_with(name, 0, |transaction| {
            transaction.payload = Payload::Transfer { to: Address::named("bob"), amount: 999_000_000 };
        })));
        seconds.push(made.enqueue(signed_with(name, 1, |transaction| transaction.gas_price = 500)));
    }
    made.producer.mine(3).unwrap();
    for second in &seconds {
        assert!(matches!(told(second), Err(ApiError::Invalid(InvalidTransaction::Fee { .. }))));
    }
    let sent: usize = made.blocks().iter().map(|block| block.transactions.len()).sum();
    assert_eq!((sent, made.producer.pending()), (names.len(), 0));
}

#[test]
fn a_block_takes_no_more_than_its_gas_and_the_rest_the_next() {
    let made = made(by_hand());
    let most = Params::default().limits().transaction_gas;
    let per_block = Params::default().limits().block_gas / most;
    let count = per_block + 1;
    let waits: Vec<Told> = (0..count)
        .map(|nonce| made.enqueue(signed_with("alice", nonce, |transaction| transaction.gas_limit = most)))
        .collect();
    made.producer.mine(2).unwrap();
    let heights: Vec<u64> = waits.iter().map(|wait| told(wait).unwrap().height).collect();
    assert_eq!(heights.iter().filter(|height| **height == 1).count(), usize::try_from(per_block).unwrap());
    assert_eq!(heights.last(), Some(&2));
}

#[test]
fn time_moves_forward_for_later_blocks_and_stays_so_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let hour = 3_600_000;
    let made = made_on(
        Chain::create(&Place::Folder(path.clone()), spec(), ChainOptions::default()).unwrap(),
        ProducerOptions::default(),
    );
    let time = made.producer.advance_time(hour).unwrap();
    assert!(time >= now() + 3_599_000);
    made.producer.mine(1).unwrap();
    assert!(made.chain.read().unwrap().head().time >= time);
    assert!(matches!(made.producer.advance_time(u64::MAX), Err(ApiError::Request(_))));
    made.producer.stop();
    drop(made);

    let again = made_on(Chain::open(&path, ChainOptions::default()).unwrap(), ProducerOptions::default());
    std::thread::sleep(Duration::from_millis(20));
    again.producer.mine(1).unwrap();
    let second = again.chain.read().unwrap().head().time;
    assert!(second > time, "the clock goes on from where it was: {second} after {time}");
}

#[test]
fn a_rollback_empties_the_pool_and_tells_who_waits() {
    let made = made(by_hand());
    made.producer.submit(signed("alice", 0)).unwrap();
    made.producer.mine(3).unwrap();
    let waits = made.enqueue(signed("alice", 1));
    made.producer.rollback(0).unwrap();
    assert!(matches!(told(&waits), Err(ApiError::Pool(why)) if why.contains("rolled back to block 0")));
    assert_eq!((made.height(), made.producer.pending()), (0, 0));
    assert_eq!(made.heard.rollbacks.lock().unwrap().as_slice(), [0]);
    assert!(matches!(made.producer.rollback(9), Err(ApiError::Request(_))), "there is no block 9");
    // The nonce is free again.
    let again = made.enqueue(signed("alice", 0));
    made.producer.mine(1).unwrap();
    assert_eq!(told(&again), Ok(Position { height: 1, index: 0 }));
}

#[test]
fn who_waits_too_long_is_told_that_it_is_pending() {
    let made = made(ProducerOptions { wait: Duration::from_millis(50), ..by_hand() });
    let signed = signed("alice", 0);
    let hash = signed.transaction.hash(&Params::default().hash());
    assert_eq!(made.producer.send(signed), Err(ApiError::Pending { hash, seconds: 0 }));
    assert!(made.producer.waiting(&hash).is_some());
    let api = Local::new(made.chain.clone(), made.producer.clone());
    assert_eq!(api.transaction(hash).unwrap().height, None);
    assert_eq!(api.account(Address::named("alice"), Default::default()).unwrap().next_nonce, 1);
    made.producer.mine(1).unwrap();
    assert_eq!(api.receipt(hash).unwrap().height, 1);
}

#[test]
fn a_stop_answers_who_waits_and_refuses_what_comes() {
    let made = made(by_hand());
    let waits = made.enqueue(signed("alice", 0));
    made.producer.stop();
    assert!(matches!(told(&waits), Err(ApiError::Busy(why)) if why.contains("stopped before")));
    assert!(matches!(made.producer.submit(signed("alice", 1)), Err(ApiError::Busy(_))));
    assert!(matches!(made.producer.mine(1), Err(ApiError::Busy(_))));
    assert!(!made.producer.is_alive());
    assert_eq!(made.producer.failure(), None);
    made.producer.stop();
}

#[test]
fn a_stop_waits_for_one_block_and_not_for_all_that_are_to_be_mined() {
    let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
    let made = observed(chain, by_hand(), Heard { slow: Duration::from_millis(50), ..Heard::default() });
    std::thread::scope(|scope| {
        let mined = scope.spawn(|| made.producer.mine(900));
        while made.height() < 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
        made.producer.stop();
        let mined = mined.join().unwrap();
        assert!(matches!(&mined, Err(ApiError::Busy(why)) if why.contains("of 900 blocks")), "{mined:?}");
    });
    assert!(made.height() < 100, "{} blocks", made.height());
}

#[test]
fn a_failure_ends_the_producer_and_every_later_request_says_so() {
    let made = made(by_hand());
    // The observer fails at block 1,000.
    made.producer.mine(999).unwrap();
    let waits = made.enqueue(signed_with("alice", 1, |_| ()));
    let mined = made.producer.mine(1);
    assert!(matches!(&mined, Err(ApiError::Node(_))), "{mined:?}");
    assert!(matches!(told(&waits), Err(ApiError::Node(_))));
    assert!(
        matches!(made.producer.send(signed("bob", 0)), Err(ApiError::Node(why)) if why.contains("panicked"))
    );
    assert!(matches!(made.producer.advance_time(1), Err(ApiError::Node(_))));
    assert_eq!(made.heard.failures.lock().unwrap().len(), 1);
    assert!(made.producer.failure().is_some() && !made.producer.is_alive());
}

#[test]
fn many_senders_at_once_each_get_their_own_answer() {
    let options = ProducerOptions { pool: PoolLimits::default(), ..ProducerOptions::default() };
    let made = made(options);
    std::thread::scope(|scope| {
        for name in vm_chain::account::DEV_NAMES {
            let made = &made;
            scope.spawn(move || {
                for nonce in 0..20 {
                    made.producer.send(signed(name, nonce)).unwrap();
                }
            });
        }
    });
    let chain = made.chain.read().unwrap();
    let mut count = 0;
    for height in 1..=chain.head().height {
        count += chain.body(height).unwrap().unwrap().transactions.len();
    }
    assert_eq!(count, 200);
}

/// Sends another transaction of the same sender with the same nonce just before, as often as `times` says.
#[derive(Debug)]
struct Outrun {
    producer: Arc<Producer>,
    times: Mutex<u32>,
}

impl Sequencer for Outrun {
    fn send(&self, signed: Signed) -> Result<Position, ApiError> {
        let mut times = self.times.lock().unwrap();
        if *times > 0 {
            *times -= 1;
            self.producer.send(other_of_alice(signed.transaction.nonce))?;
        }
        self.producer.send(signed)
    }

    fn submit(&self, signed: Signed) -> Result<Hash, ApiError> {
        self.producer.submit(signed)
    }

    fn pending(&self) -> u32 {
        self.producer.pending()
    }

    fn waiting(&self, hash: &Hash) -> Option<Signed> {
        self.producer.waiting(hash)
    }

    fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.producer.next_nonce(sender)
    }

    fn mine(&self, count: u32) -> Result<(), ApiError> {
        self.producer.mine(count)
    }

    fn rollback(&self, height: u64) -> Result<(), ApiError> {
        self.producer.rollback(height)
    }

    fn advance_time(&self, milliseconds: u64) -> Result<i64, ApiError> {
        self.producer.advance_time(milliseconds)
    }
}

/// What outruns a call of alice's.
fn other_of_alice(nonce: u64) -> Signed {
    signed("alice", nonce)
}

#[test]
fn a_named_call_whose_nonce_another_took_is_sent_with_the_next() {
    let made = made(ProducerOptions::default());
    let deploy = signed_with("alice", 0, |transaction| {
        transaction.gas_limit = 10_000_000;
        transaction.payload = deploy_token();
    });
    let hash = deploy.transaction.hash(&Params::default().hash());
    made.producer.send(deploy).unwrap();
    let outrun = Arc::new(Outrun { producer: made.producer.clone(), times: Mutex::new(0) });
    let api = Local::new(made.chain.clone(), outrun.clone());
    let token = api.receipt(hash).unwrap().outcome.deployed.unwrap();
    let call = || {
        let call = serde_json::json!({
            "from": "alice",
            "contract": token,
            "function": "transfer",
            "args": { "to": "@carol", "amount": 2 },
            "send": true,
        });
        api.call_named(serde_json::from_value(call).unwrap())
    };
    *outrun.times.lock().unwrap() = 2;
    let sent = call().unwrap().transaction.unwrap();
    assert_eq!(api.receipt(sent.0).unwrap().height, 4, "after two that outran it");
    // One that is outrun again and again is told so.
    *outrun.times.lock().unwrap() = u32::MAX;
    let error = call().unwrap_err();
    assert!(matches!(error, ApiError::Invalid(InvalidTransaction::Nonce { .. })), "{error}");
}
