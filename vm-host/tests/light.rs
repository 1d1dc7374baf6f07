//! R90, R91: light nodes. That their outcome is the full node's is checked for every block of every test
//! (`common/ways.rs`); here is what they refuse.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use common::town::Town;
use common::{Chain, alice, bob};
use parity_scale_codec::Encode;
use vm_core::{Address, Block, Header, Key, KeySpace, Mint, Params, Payload};
use vm_host::{BlockError, BlockOutcome, Invalid, Options, StatelessError, Vm, witness_bytes_max};
use vm_state::{DecodeError, ProofError, ProofRequest, prove};

/// An account that no block touches but the first.
fn stranger(index: u32) -> Address {
    Address::named(&format!("stranger {index}"))
}

/// A block that does a bit of everything, what is executed on, its witness and its outcome.
struct Case {
    town: Town,
    parent: Header,
    block: Block,
    outcome: BlockOutcome,
    witness: Vec<u8>,
}

impl Case {
    fn new() -> Self {
        let mut town = Town::new();
        let mut first = town.block();
        let mint = |index: u32| Mint { to: stranger(index), amount: 1 };
        first.mints.extend((0..40).map(mint));
        town.chain.commit(&first);
        let block = town.block();
        let outcome = town.chain.execute(&block).unwrap();
        let view = town.chain.view();
        let witness = outcome.witness(&*view).unwrap();
        Self { town, parent: view.header().clone(), block, outcome, witness }
    }

    fn run(&self, witness: &[u8]) -> Result<BlockOutcome, StatelessError> {
        let light = Vm::new(self.town.chain.vm.params().clone());
        light.execute_stateless(&self.parent, &self.block, witness, Options::default())
    }

    fn refused(&self, witness: &[u8]) -> ProofError {
        match self.run(witness) {
            Err(StatelessError::Witness(error)) => error,
            other => panic!("{:?}", other.map(|outcome| outcome.commit.header)),
        }
    }

    /// The witness of what the block touches, with more or less.
    fn altered(&self, alter: impl FnOnce(&mut ProofRequest)) -> Vec<u8> {
        let mut request = self.outcome.touched.clone();
        alter(&mut request);
        prove(&*self.town.chain.view(), &request).unwrap()
    }
}

#[test]
fn r91_every_changed_byte_is_refused() {
    let case = Case::new();
    assert_eq!(case.run(&case.witness).unwrap().commit.header, case.outcome.commit.header);
    // The long run of a module's bytes is sampled.
    for at in (0..case.witness.len()).filter(|at| *at < 600 || at % 17 == 0) {
        for bit in [0x01, 0x80] {
            let mut spoiled = case.witness.clone();
            spoiled[at] ^= bit;
            let error = case.refused(&spoiled);
            let named = matches!(error, ProofError::Malformed(_) | ProofError::RootMismatch { .. });
            assert!(named, "byte {at}: {error}");
        }
    }
}

#[test]
fn r91_cut_off_prolonged_and_shortened_witnesses_are_refused() {
    let case = Case::new();
    let witness = &case.witness;
    for end in (0..witness.len()).filter(|end| *end < 300 || end % 31 == 0) {
        let error = case.refused(&witness[..end]);
        assert_eq!(error, ProofError::Malformed(DecodeError::Truncated), "{end} bytes");
    }
    let at = u32::try_from(witness.len()).unwrap();
    let error = case.refused(&[witness.as_slice(), &[0]].concat());
    assert_eq!(error, ProofError::Malformed(DecodeError::Trailing { at }));
    for at in (0..witness.len()).step_by(23) {
        let mut dropped = witness.clone();
        dropped.remove(at);
        case.refused(&dropped);
        let mut doubled = witness.clone();
        doubled.insert(at, witness[at]);
        case.refused(&doubled);
    }
}

#[test]
fn r91_a_witness_of_more_than_the_block_touches_is_superfluous() {
    let case = Case::new();
    let keys = (0..8).map(|index| Key::account(&stranger(index))).chain([Key::account(&stranger(99))]);
    let mut refused = 0;
    for key in keys {
        let witness = case.altered(|request| {
            request.key(key);
        });
        // An absence may show already.
        if witness != case.witness {
            assert_eq!(case.refused(&witness), ProofError::Superfluous);
            refused += 1;
        }
    }
    assert!(refused >= 8);
    let searched = case.altered(|request| {
        request.search(Key::space_prefix(KeySpace::Account), Key::account(&stranger(5)));
    });
    assert_eq!(case.refused(&searched), ProofError::Superfluous);
    let other = case.town.chain.block(vec![]);
    let light = Vm::new(Params::default());
    let found = light.execute_stateless(&case.parent, &other, &case.witness, Options::default());
    assert_eq!(
        found.map(|_| ()),
        Err(StatelessError::Witness(ProofError::Superfluous)),
        "another block's witness"
    );
}

#[test]
fn r91_a_witness_without_any_one_entry_that_the_block_touches_is_refused() {
    let mut case = Case::new();
    // Of a block with few entries each one can be left out.
    let transfer = Payload::Transfer { to: bob(), amount: 5 };
    let tx = case.town.chain.tx(alice(), 100_000, transfer);
    // The block above was not committed: the nonce is still the one before it.
    let nonce = case.block.transactions.iter().find(|tx| tx.sender == alice()).unwrap().nonce;
    case.block = case.town.chain.block(vec![vm_core::Transaction { nonce, ..tx }]);
    case.outcome = case.town.chain.execute(&case.block).unwrap();
    let view = case.town.chain.view();
    let touched = [
        Key::system(),
        Key::account(&alice()),
        Key::account(&bob()),
        Key::account(&case.block.context.proposer),
    ];
    let all = |but: Option<Key>| {
        let mut request = ProofRequest::new();
        for key in touched.into_iter().filter(|key| Some(*key) != but) {
            request.key(key);
        }
        request
    };
    assert_eq!(case.outcome.touched, all(None));
    for missing in touched {
        let witness = prove(&*view, &all(Some(missing))).unwrap();
        assert_eq!(case.refused(&witness), ProofError::Incomplete, "{missing:?}");
    }
    assert_eq!(case.refused(&prove(&*view, &ProofRequest::new()).unwrap()), ProofError::Incomplete);
    case.run(&prove(&*view, &all(None)).unwrap()).unwrap();
}

#[test]
fn r91_the_witness_of_another_state_is_refused_with_both_roots() {
    let mut case = Case::new();
    let block = case.block.clone();
    case.town.chain.commit(&block);
    let next = case.town.chain.block(vec![]);
    let outcome = case.town.chain.execute(&next).unwrap();
    let later = outcome.witness(&*case.town.chain.view()).unwrap();
    let found = case.town.chain.view().header().state_root;
    let expected = case.parent.state_root;
    assert_eq!(case.refused(&later), ProofError::RootMismatch { expected, found });
}

#[test]
fn r91_a_witness_longer_than_any_valid_blocks_is_refused_unread() {
    let case = Case::new();
    let limit = witness_bytes_max(Params::default().limits());
    let found = limit + 1;
    let long = vec![0xff; usize::try_from(found).unwrap()];
    assert_eq!(case.run(&long).map(|_| ()), Err(StatelessError::TooLong { found, limit }));
    // One byte less is read, and is no witness.
    assert!(matches!(case.refused(&long[1..]), ProofError::Malformed(_)));
}

#[test]
fn r91_a_block_that_full_nodes_refuse_is_refused_alike() {
    let mut case = Case::new();
    case.block.context.height += 1;
    let expected = Invalid::Height { expected: case.parent.height + 1, found: case.parent.height + 2 };
    assert_eq!(
        case.run(&case.witness).map(|_| ()),
        Err(StatelessError::Block(BlockError::Invalid(expected)))
    );
}

#[test]
fn r90_a_witness_is_a_function_of_state_and_block() {
    let (one, other) = (Case::new(), Case::new());
    assert_eq!(one.witness, other.witness);
    assert_eq!(one.block.encode(), other.block.encode());
    // A chain of light nodes: each trusts the header that it computed itself.
    let mut chain = Chain::new();
    let light = Vm::new(Params::default());
    let mut trusted = chain.view().header().clone();
    for amount in 1..20 {
        let tx = chain.tx(alice(), 100_000, Payload::Transfer { to: Address::named("r"), amount });
        let block = chain.block(vec![tx]);
        let parent = chain.view();
        let outcome = chain.commit(&block);
        let witness = outcome.witness(&*parent).unwrap();
        let verified = light.execute_stateless(&trusted, &block, &witness, Options::default()).unwrap();
        trusted = verified.commit.header;
        assert_eq!(trusted, *chain.view().header());
    }
}
