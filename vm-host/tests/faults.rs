//! R101: a store that fails is a node failure, wherever it fails: never an outcome, never a panic. And R5: threads
//! and caches change no byte.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::town::Town;
use parity_scale_codec::Encode;
use vm_core::{Block, ErrorCode, Header, Key, Params, Status};
use vm_host::{BlockError, BlockOutcome, Invalid, Options, TraceLevel, Vm};
use vm_state::{LeafRow, NodeFailure, ReadError, Region, Trie, Value, View};

/// A view whose read number `fails_at`, counted from 0, fails; all others go through, those after it too, so that
/// whoever ignores a failure gets away with it, and is found out.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn View>,
    reads: AtomicU64,
    fails_at: u64,
    error: ReadError,
}

impl Faulty {
    fn new(inner: Arc<dyn View>, fails_at: u64, error: ReadError) -> Arc<Self> {
        Arc::new(Self { inner, reads: AtomicU64::new(0), fails_at, error })
    }

    fn count(&self) -> Result<(), ReadError> {
        let at = self.reads.fetch_add(1, Ordering::Relaxed);
        if at == self.fails_at { Err(self.error.clone()) } else { Ok(()) }
    }
}

impl View for Faulty {
    fn header(&self) -> &Header {
        self.inner.header()
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        self.count()?;
        self.inner.get(key)
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        self.count()?;
        self.inner.next(prefix, from)
    }

    fn trie(&self) -> &Trie {
        self.inner.trie()
    }
    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        self.inner.leaves(region)
    }
    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
        self.inner.before(key)
    }
}

fn disk() -> NodeFailure {
    NodeFailure::Storage { action: "read", cause: "the disk is on fire".into() }
}

/// Everything of an outcome that a store, a peer or a person could see.
fn bytes(outcome: &BlockOutcome) -> (Vec<u8>, String) {
    let commit = &outcome.commit;
    let encoded = (commit.header.encode(), commit.receipts.encode(), commit.trie.root().encode()).encode();
    (encoded, format!("{:?} {:?}", commit.changes, outcome.transactions))
}

#[test]
fn r101_the_block_of_these_tests_is_varied() {
    let mut town = Town::new();
    let block = town.block();
    let outcome = town.chain.commit(&block);
    let status: Vec<Status> = outcome.transactions.iter().map(|executed| executed.receipt.status).collect();
    let failures = |code| status.iter().filter(|status| **status == Status::Failed(code)).count();
    assert!(status.iter().filter(|status| status.is_success()).count() >= 8, "{status:?}");
    for code in [
        ErrorCode::InsufficientBalance,
        ErrorCode::OutOfGas,
        ErrorCode::FunctionNotFound,
        ErrorCode::ContractNotFound,
        ErrorCode::EventLimit,
        ErrorCode::InvalidModule,
        ErrorCode::AddressTaken,
        ErrorCode::CodeNotFound,
        ErrorCode::Unreachable,
        ErrorCode::InitCalled,
    ] {
        assert!(failures(code) > 0, "no {code:?} in {status:?}");
    }
    let frames = outcome.transactions.iter().map(|executed| executed.resources.frames).max();
    assert!(frames >= Some(5), "{frames:?}");
}

/// Executes the block with a fault at every read in turn; `expected` is what the fault becomes.
fn sweep(error: &ReadError, expected: &BlockError, trace: TraceLevel, fresh_vm: bool) -> u64 {
    let mut town = Town::new();
    // A first block, so that the second finds objects.
    let first = town.block();
    town.chain.commit(&first);
    let block = {
        let nonces = town.chain.nonces.clone();
        let block = town.block();
        town.chain.nonces = nonces;
        block
    };
    let options = Options { trace };
    let view = town.chain.view();
    let good = town.chain.vm.execute_block(&view, &block, options).unwrap();
    let counting = Faulty::new(view.clone(), u64::MAX, error.clone());
    let as_view: Arc<dyn View> = counting.clone();
    let counted = town.chain.vm.execute_block(&as_view, &block, options).unwrap();
    assert_eq!(bytes(&counted), bytes(&good));
    let reads = counting.reads.load(Ordering::Relaxed);
    for at in 0..=reads {
        let faulty: Arc<dyn View> = Faulty::new(view.clone(), at, error.clone());
        let own = fresh_vm.then(|| Vm::new(Params::default()));
        let result = own.as_ref().unwrap_or(&town.chain.vm).execute_block(&faulty, &block, options);
        match result {
            Ok(outcome) => {
                assert_eq!(at, reads, "the fault at read {at} was swallowed");
                assert_eq!(bytes(&outcome), bytes(&good));
            }
            Err(error) => {
                assert!(at < reads, "a fault past the last read");
                assert_eq!(&error, expected, "at read {at}");
            }
        }
    }
    reads
}

#[test]
fn r101_a_fault_at_any_read_is_a_node_failure() {
    let expected = BlockError::Failure(disk());
    let reads = sweep(&disk().into(), &expected, TraceLevel::Full, false);
    assert!(reads > 60, "only {reads} reads");
    // What is cached of modules, and whether anyone watches, changes neither the reads nor the failure.
    assert_eq!(sweep(&disk().into(), &expected, TraceLevel::Off, true), reads);
}

#[test]
fn r101_an_incomplete_witness_at_any_read_refuses_the_block() {
    let expected = BlockError::Invalid(Invalid::WitnessIncomplete);
    sweep(&ReadError::WitnessIncomplete, &expected, TraceLevel::Off, false);
}

#[test]
fn r101_a_damaged_entry_is_a_node_failure() {
    /// Gives damaged bytes for one entry.
    #[derive(Debug)]
    struct Damaged(Arc<dyn View>, Key);
    impl View for Damaged {
        fn header(&self) -> &Header {
            self.0.header()
        }
        fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
            let value = self.0.get(key)?;
            Ok(if *key == self.1 { value.map(|_| Value::from_slice(&[0xff; 5])) } else { value })
        }
        fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
            let found = self.0.next(prefix, from)?;
            Ok(found.map(
                |(key, value)| {
                    if key == self.1 { (key, Value::from_slice(&[0xff; 5])) } else { (key, value) }
                },
            ))
        }
        fn trie(&self) -> &Trie {
            self.0.trie()
        }
        fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
            self.0.leaves(region)
        }
        fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
            self.0.before(key)
        }
    }
    let mut town = Town::new();
    let first = town.block();
    town.chain.commit(&first);
    let block = town.block();
    let view = town.chain.view();
    let good = town.chain.execute(&block).unwrap();
    let mut damaged = 0;
    let mut touched: Vec<Key> =
        good.transactions.iter().flat_map(|executed| executed.footprint.touched.clone()).collect();
    touched.sort_unstable();
    touched.dedup();
    for key in touched {
        let is_field = key.as_bytes().first() == Some(&b'f');
        if view.get(&key).unwrap().is_none() || is_field {
            // Any bytes are a field's value.
            continue;
        }
        let broken: Arc<dyn View> = Arc::new(Damaged(view.clone(), key));
        // A cold cache: a module's bytes are looked at where they are translated.
        let result = Vm::new(Params::default()).execute_block(&broken, &block, Options::default());
        assert!(matches!(result, Err(BlockError::Failure(_))), "{key:?}: {:?}", result.map(|_| ()));
        damaged += 1;
    }
    assert!(damaged > 8, "{damaged}");
}

#[test]
fn r5_r100_eight_engines_on_eight_threads_and_a_shared_one_equal_a_serial_run() {
    let mut town = Town::new();
    let mut blocks: Vec<(Arc<dyn View>, Block)> = vec![];
    for _ in 0..4 {
        let block = town.block();
        blocks.push((town.chain.view(), block.clone()));
        town.chain.commit(&block);
    }
    let run = |vm: &Vm, trace: TraceLevel, first: usize| {
        let mut results: Vec<(Vec<u8>, String)> = vec![(vec![], String::new()); blocks.len()];
        for step in 0..2 * blocks.len() {
            let at = (first + step) % blocks.len();
            let (view, block) = &blocks[at];
            results[at] = bytes(&vm.execute_block(view, block, Options { trace }).unwrap());
        }
        results
    };
    let serial = run(&Vm::new(Params::default()), TraceLevel::Full, 0);
    let shared = Vm::new(Params::default());
    let (shared, run) = (&shared, &run);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .flat_map(|index| {
                [
                    scope.spawn(move || run(shared, TraceLevel::Full, index)),
                    scope.spawn(move || run(&Vm::new(Params::default()), TraceLevel::Full, index)),
                ]
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), serial);
        }
    });
    // Without a trace the chain's part is the same.
    let quiet = run(shared, TraceLevel::Off, 1);
    for (quiet, full) in quiet.iter().zip(&serial) {
        assert_eq!(quiet.0, full.0);
    }
}
