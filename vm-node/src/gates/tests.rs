use super::*;

use commonware_consensus::types::{Epoch, View};
use futures::FutureExt as _;
use vm_chain::replica::SealedBlock;
use vm_core::{Address, Hash, Header};

fn round(view: u64) -> Round {
    Round::new(Epoch::zero(), View::new(view))
}

fn digest(byte: u8) -> Digest {
    crate::digest_of(&Hash([byte; 32]))
}

fn block() -> Block {
    let zero = Hash::ZERO;
    Block::new(SealedBlock::genesis(Header {
        parent: zero,
        height: 0,
        time: 0,
        proposer: Address([0; 32]),
        vm_version: 1,
        params: zero,
        transactions_root: zero,
        state_root: zero,
        receipts_root: zero,
        gas_used: 0,
    }))
}

#[test]
fn a_block_of_our_own_is_taken_once() {
    let gates = Gates::default();
    let (_open, _storing) = gates.stage(round(1), digest(1), block());
    assert!(gates.take(round(1), digest(2)).is_none());
    assert!(gates.take(round(2), digest(1)).is_none());
    assert!(gates.take(round(1), digest(1)).is_some());
    assert!(gates.take(round(1), digest(1)).is_none());
    let (gate, staged) = gates.claim(round(1), digest(1));
    assert!(gate.is_some() && staged.is_none());
    assert!(gates.claim(round(1), digest(1)).0.is_none());
}

#[test]
fn a_block_that_was_never_sent_is_claimed_with_its_gate() {
    let gates = Gates::default();
    let (open, _storing) = gates.stage(round(1), digest(1), block());
    let (gate, staged) = gates.claim(round(1), digest(1));
    assert!(staged.is_some());
    open.send(()).unwrap();
    assert_eq!(gate.unwrap().now_or_never(), Some(Ok(())));
}

#[test]
fn what_finality_has_passed_never_opens() {
    let gates = Gates::default();
    let failure = Failure::default();
    let _first = gates.insert(round(1), digest(1));
    let second = gates.insert(round(2), digest(2));
    let (_open, storing) = gates.stage(round(1), digest(3), block());
    gates.prune(round(1));
    assert!(gates.claim(round(1), digest(1)).0.is_none());
    // Who waits for a pruned block's storing hears that it does not come, and nothing has failed.
    assert_eq!(durable(storing, &failure).now_or_never(), Some(false));
    assert_eq!(failure.get(), None);
    let (gate, _) = gates.claim(round(2), digest(2));
    drop(second);
    assert!(gate.unwrap().now_or_never().unwrap().is_err());
}

#[test]
fn a_block_that_cannot_be_stored_stops_the_node() {
    let failure = Failure::default();
    let (stored, storing) = oneshot::channel();
    assert!(stored.send(Handle::ready(Err(Error::WriteFailed))).is_ok());
    assert_eq!(durable(storing, &failure).now_or_never(), Some(false));
    assert!(matches!(failure.get(), Some(Fatal::Node(_))));

    let failure = Failure::default();
    let (stored, storing) = oneshot::channel();
    assert!(stored.send(Handle::ready(Err(Error::Closed))).is_ok());
    assert_eq!(durable(storing, &failure).now_or_never(), Some(false));
    assert_eq!(failure.get(), None);
}
