//! A node in this process on the chain of the fixture contracts, and the way back to that chain.
//!
//! The chain is one for all inputs. What an input changes is taken back: the blocks of the beginning that it rolled back are
//! committed again, and the producer, with its pool and its clock, is another one.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use http::{Request, Response};
use vm_chain::account::DEV_NAMES;
use vm_chain::api::Local;
use vm_chain::chain::{Body, ChainOptions, Spec};
use vm_chain::node::{Intake as _, Metrics, Mode, Producer, ProducerOptions};
use vm_chain::rpc::server::{Embedded, Relay, Served, ServerOptions};
use vm_chain::sequencer::{Sequencer as _, SharedChain};
use vm_chain::signed::Authority as _;
use vm_chain::{Chain, ChainId, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, BlockContext, Hash, Header, Payload, Transaction};
use vm_host::Options;
use vm_state::StateReader;

use crate::chain::{START, alice, bob};
use crate::world::World;

/// The states that the chain keeps: fewer than it has blocks, and more than an input makes.
const STATES: u32 = 128;
/// The blocks that an input mines at most. With what it sends they leave a state that the beginning has too.
pub(super) const MINED_MAX: u64 = 40;
/// The limits of the server, which inputs and answers reach.
pub(super) const REQUEST_BYTES: usize = 256 << 10;
pub(super) const RESPONSE_BYTES: usize = 384 << 10;
pub(super) const BATCH: usize = 8;

/// The head's time, in the year 2100: a simulated block has the head's time then, and not the machine's, which would make
/// equal requests differ.
const TIME: i64 = 4_102_444_800_000;

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blocks {
    /// For each transaction, while whoever sent it waits.
    AtOnce,
    /// Only where they are asked for: transactions wait in the pool.
    OnRequest,
}

/// What the chain shows of itself without being asked by JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    head: Header,
    oldest: u64,
    pending: u32,
}

#[derive(Debug)]
struct Running {
    producer: Arc<Producer>,
    server: Embedded,
    blocks: Blocks,
}

/// The node.
#[derive(Debug)]
pub(super) struct Devnet {
    chain: SharedChain,
    pub(super) id: ChainId,
    authority: Arc<Ed25519>,
    /// The chain's blocks from height 1 on, with their hashes.
    blocks: Vec<(Hash, Body)>,
    tip: Tip,
    running: Option<Running>,
    /// Whether the chain may be another than at the beginning.
    dirty: bool,
}

fn spec() -> Spec {
    let names = DEV_NAMES.iter().map(|name| ((*name).to_owned(), Address::named(name))).collect();
    Spec { params: Default::default(), time: 0, accounts: vec![(alice(), START), (bob(), START)], names }
}

/// `transaction`, signed by its sender.
pub(super) fn sign(transaction: Transaction, id: &ChainId) -> Signed {
    let name = if transaction.sender == alice() { "alice" } else { "bob" };
    SecretKey::dev(name).sign(transaction, id)
}

impl Devnet {
    /// The chain with the world's blocks, and one long after them.
    pub(super) fn new(world: &World) -> Self {
        let mut chain = Chain::create(&Place::Memory, spec(), ChainOptions { states: Some(STATES) }).unwrap();
        let id = chain.id();
        let signed =
            |transactions: &[Transaction]| transactions.iter().map(|it| sign(it.clone(), &id)).collect();
        let body = |context: &BlockContext, transactions: &[Transaction]| Body {
            context: context.clone(),
            mints: vec![],
            transactions: signed(transactions),
        };
        let mut bodies: Vec<Body> =
            world.blocks.iter().map(|block| body(&block.context, &block.transactions)).collect();
        let nonce = StateReader::new(&*world.chain.view()).account(&alice()).unwrap().nonce;
        let payload = Payload::Transfer { to: Address::named("carol"), amount: 1 };
        let last = Transaction { sender: alice(), nonce, gas_limit: 100_000, gas_price: 1, payload };
        let height = world.chain.view().header().height + 1;
        let context = BlockContext { height, time: TIME, proposer: Address::named("proposer") };
        bodies.push(body(&context, &[last]));
        let blocks = bodies.into_iter().map(|body| (commit(&mut chain, &body), body)).collect();
        let tip = Tip { head: chain.head().clone(), oldest: chain.oldest_state(), pending: 0 };
        assert!(tip.oldest > 0, "some states are no longer kept");
        Self {
            chain: Arc::new(RwLock::new(chain)),
            id,
            authority: Arc::new(Ed25519::with_dev_accounts()),
            blocks,
            tip,
            running: None,
            dirty: false,
        }
    }

    pub(super) fn chain(&self) -> RwLockReadGuard<'_, Chain> {
        self.chain.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs as the next input wants it, on the chain of the beginning.
    pub(super) fn begin(&mut self, blocks: Blocks) {
        if self.dirty {
            // An input before panicked.
            self.restore();
        }
        if self.running.as_ref().is_none_or(|running| running.blocks != blocks) {
            self.stop();
            self.running = Some(self.start(blocks));
        }
    }

    fn start(&self, blocks: Blocks) -> Running {
        let (mode, wait) = match blocks {
            Blocks::AtOnce => (Mode::Instant, Duration::from_millis(100)),
            Blocks::OnRequest => (Mode::Every(Duration::from_secs(86_400)), Duration::from_millis(1)),
        };
        let metrics = Arc::new(Metrics::default());
        let relay = Arc::new(Relay::new(metrics.clone()));
        let options = ProducerOptions { mode, wait, ..ProducerOptions::default() };
        let authority = self.authority.clone();
        let producer = Producer::start(self.chain.clone(), authority, options, vec![relay.clone()]).unwrap();
        let api = Local::new(self.chain.clone(), producer.clone());
        // Nothing in the fixtures takes so long: a query that does is a finding.
        let api = api.with_query_time_max(Duration::from_secs(30));
        let served = Served { api, intake: producer.clone(), metrics, relay };
        let options = ServerOptions {
            request_bytes: u32::try_from(REQUEST_BYTES).unwrap(),
            response_bytes: u32::try_from(RESPONSE_BYTES).unwrap(),
            batch: u32::try_from(BATCH).unwrap(),
            ..ServerOptions::default()
        };
        Running { producer, server: Embedded::start(served, options).unwrap(), blocks }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(super) fn ask(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.running().server.answer(request)
    }

    /// From now on the chain may change.
    pub(super) fn will_change(&mut self) {
        self.dirty = true;
    }

    /// Holds that nothing has changed since the beginning.
    pub(super) fn assert_unchanged(&self) {
        let chain = self.chain();
        let (head, oldest) = (chain.head().clone(), chain.oldest_state());
        let tip = Tip { head, oldest, pending: self.running().producer.pending() };
        assert_eq!(tip, self.tip, "who reads changes nothing");
    }

    /// Ends an input: whatever is in the chain then was signed by its sender, and is one of `sent` if given.
    pub(super) fn end(&mut self, sent: Option<&dyn Fn(&Signed) -> bool>) {
        let failure = self.running().producer.failure();
        assert_eq!(failure, None, "no request makes a node fail");
        if !self.dirty {
            return;
        }
        self.stop();
        self.check(sent);
        self.restore();
    }

    /// Finishes the block that is being made; what waits is forgotten.
    fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.producer.stop();
        }
    }

    fn check(&self, sent: Option<&dyn Fn(&Signed) -> bool>) {
        let chain = self.chain();
        for height in self.common()..chain.head().height {
            let body = chain.body(height + 1).unwrap().unwrap();
            let receipts = chain.receipts(height + 1).unwrap().unwrap();
            assert_eq!(body.transactions.len(), receipts.len(), "a receipt for each transaction");
            for signed in &body.transactions {
                self.authority.confirm(signed, &self.id).unwrap();
                assert!(sent.is_none_or(|sent| sent(signed)), "nobody sent {signed:?}");
            }
        }
        let view = chain.view().unwrap();
        assert_eq!(StateReader::new(view.as_ref()).system().unwrap().supply, 2 * START, "value is conserved");
    }

    /// The height up to which the chain is that of the beginning.
    fn common(&self) -> u64 {
        let chain = self.chain();
        let mut height = chain.head().height.min(self.tip.head.height);
        let same = |height: u64| {
            let index = usize::try_from(height).unwrap() - 1;
            chain.header_at(height).unwrap().unwrap().hash() == self.blocks[index].0
        };
        while !same(height) {
            height -= 1;
        }
        height
    }

    fn restore(&mut self) {
        self.stop();
        let height = self.common();
        let mut chain = self.chain.write().unwrap_or_else(PoisonError::into_inner);
        chain.rollback(height).unwrap();
        for (hash, body) in &self.blocks[usize::try_from(height).unwrap()..] {
            assert_eq!(commit(&mut chain, body), *hash, "the same blocks make the same chain");
        }
        // What the input's blocks pushed out does not come back.
        self.tip.oldest = chain.oldest_state();
        drop(chain);
        self.dirty = false;
    }
}

/// Makes a block of `body`; gives its hash.
fn commit(chain: &mut Chain, body: &Body) -> Hash {
    let outcome = chain.execute(&body.block(), Options::default()).unwrap();
    chain.commit(body, &outcome).unwrap();
    chain.head().hash()
}
