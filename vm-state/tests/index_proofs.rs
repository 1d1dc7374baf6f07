//! R92: proofs of one receipt of a block and of one event of a receipt.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod naive;

use std::collections::BTreeMap;

use naive::part::{Pairs, Part, Shown, part, read};
use naive::{keyed, root_of};
use parity_scale_codec::{Decode, Encode};
use proptest::collection::vec as vec_of;
use proptest::prelude::*;
use proptest::sample::Index;
use vm_core::commitment::transactions_root;
use vm_core::{
    Address, Block, BlockContext, ErrorCode, Event, Hash, Mint, Payload, Receipt, Status, Transaction,
};
use vm_state::{DecodeError, EventProof, ProofError, ReceiptProof, TransactionProof};

fn event() -> impl Strategy<Value = Event> {
    (any::<u8>(), "[a-z]{0,8}", vec_of(any::<u8>(), 0..40)).prop_map(|(contract, name, data)| Event {
        contract: Address([contract; 32]),
        name,
        data,
    })
}

fn receipt() -> impl Strategy<Value = Receipt> {
    let status = prop_oneof![
        Just(Status::Success),
        Just(Status::Reverted),
        prop::sample::select(ErrorCode::ALL).prop_map(Status::Failed)
    ];
    (status, vec_of(any::<u8>(), 0..20), 0..9u64, 0..3u64, vec_of(event(), 0..5)).prop_map(
        |(status, output, gas_used, gas_refunded, events)| Receipt {
            status,
            output,
            gas_used,
            gas_refunded,
            events,
        },
    )
}

/// By docs/format.md section 4: hashes under their indices.
fn indexed(hashes: &[[u8; 32]]) -> Pairs {
    (0u32..).zip(hashes).map(|(index, hash)| (index.to_be_bytes().to_vec(), (*hash, Vec::new()))).collect()
}

fn index_root(hashes: &[[u8; 32]]) -> [u8; 32] {
    let pairs = indexed(hashes);
    root_of(&pairs.iter().map(|(key, (hash, _))| (key.as_slice(), *hash)).collect::<Vec<_>>())
}

fn event_hashes(receipt: &Receipt) -> Vec<[u8; 32]> {
    receipt.events.iter().map(|event| keyed("vm/1/event", 0, &event.encode())).collect()
}

fn receipt_hash(receipt: &Receipt) -> [u8; 32] {
    let mut body = receipt.status.encode();
    body.extend(receipt.output.encode());
    body.extend(receipt.gas_used.to_le_bytes());
    body.extend(receipt.gas_refunded.to_le_bytes());
    body.extend(index_root(&event_hashes(receipt)));
    keyed("vm/1/receipt", 0, &body)
}

fn receipts_root(receipts: &[Receipt]) -> Hash {
    Hash(index_root(&receipts.iter().map(receipt_hash).collect::<Vec<_>>()))
}

/// The path that shows the leaf of `index` without a value.
fn path(hashes: &[[u8; 32]], index: u32) -> Vec<u8> {
    let shown = [(index.to_be_bytes().to_vec(), false)].into();
    part(&indexed(hashes), &shown).write()
}

fn index_key_len(_: u8) -> Option<usize> {
    Some(4)
}

/// What the bytes of a proof verify as; `None` where they are no proof.
fn verified_event(bytes: &[u8], root: &Hash) -> Option<Result<Event, ProofError>> {
    let proof: EventProof = vm_core::codec::decode_exact(bytes, usize::MAX).ok()?;
    Some(proof.verify(root).cloned())
}

proptest! {
    #[test]
    fn r92_every_receipt_and_every_event_is_proven_as_the_page_says(receipts in vec_of(receipt(), 0..9)) {
        let root = receipts_root(&receipts);
        let hashes: Vec<_> = receipts.iter().map(receipt_hash).collect();
        let count = receipts.len() as u32;
        for (index, receipt) in (0u32..).zip(&receipts) {
            prop_assert_eq!(receipt.hash().0, receipt_hash(receipt));
            let proof = ReceiptProof::new(&receipts, index).unwrap();
            prop_assert_eq!(&proof.path, &path(&hashes, index));
            prop_assert_eq!(proof.index, index);
            prop_assert_eq!(&proof.body, &receipt.body());
            prop_assert_eq!(proof.verify(&root), Ok(&receipt.body()));
            let again = ReceiptProof::decode(&mut proof.encode().as_slice()).unwrap();
            prop_assert_eq!(&again, &proof);
            let events = receipt.events.len() as u32;
            for (event, expected) in (0u32..).zip(&receipt.events) {
                let shown = EventProof::new(&receipts, index, event).unwrap();
                prop_assert_eq!(&shown.receipt, &proof);
                prop_assert_eq!(&shown.path, &path(&event_hashes(receipt), event));
                prop_assert_eq!(shown.verify(&root), Ok(expected));
                prop_assert_eq!(verified_event(&shown.encode(), &root), Some(Ok(expected.clone())));
            }
            for past in [events, events + 1, u32::MAX] {
                prop_assert_eq!(EventProof::new(&receipts, index, past), None);
            }
        }
        for past in [count, count + 1, u32::MAX] {
            prop_assert_eq!(ReceiptProof::new(&receipts, past), None);
            prop_assert_eq!(EventProof::new(&receipts, past, 0), None);
        }
    }

    #[test]
    fn r92_no_changed_byte_proves_anything(
        receipts in vec_of(receipt(), 1..6),
        place in any::<Index>(),
        edits in vec_of((any::<Index>(), 1..=255u8), 40),
    ) {
        let root = receipts_root(&receipts);
        let with_events: Vec<u32> =
            (0u32..).zip(&receipts).filter(|(_, receipt)| !receipt.events.is_empty()).map(|(index, _)| index).collect();
        prop_assume!(!with_events.is_empty());
        let index = *place.get(&with_events);
        let proof = EventProof::new(&receipts, index, 0).unwrap();
        let event = receipts[index as usize].events[0].clone();
        let bytes = proof.encode();
        prop_assert_eq!(verified_event(&bytes, &root), Some(Ok(event)));
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] ^= byte;
            let mut longer = bytes.clone();
            longer.insert(at, byte);
            let mut shorter = bytes.clone();
            shorter.remove(at);
            for changed in [changed, longer, shorter, bytes[..at].to_vec()] {
                let found = verified_event(&changed, &root);
                prop_assert!(changed == bytes || !matches!(found, Some(Ok(_))), "{at} {byte}");
            }
        }
    }

    #[test]
    fn r122_garbage_for_a_path_is_refused_by_name(path in vec_of(any::<u8>(), 0..120), edit in any::<Index>(), byte: u8) {
        let receipts = block();
        let root = receipts_root(&receipts);
        let proof = ReceiptProof::new(&receipts, 1).unwrap();
        let mut edited = proof.path.clone();
        let at = edit.index(edited.len());
        edited[at] = byte;
        for path in [path, edited] {
            let same = path == proof.path;
            let readable = read(&path, index_key_len).is_some();
            match (ReceiptProof { path, ..proof.clone() }).verify(&root) {
                Ok(_) => prop_assert!(same),
                Err(ProofError::Malformed(_)) => prop_assert!(!readable),
                Err(error) => {
                    prop_assert!(readable && !same);
                    let mismatch = matches!(error, ProofError::RootMismatch { .. });
                    prop_assert!(mismatch);
                }
            }
        }
    }
}

fn block() -> Vec<Receipt> {
    let event = |name: &str| Event { contract: Address([3; 32]), name: name.into(), data: vec![1, 2] };
    let receipt = |index: u8, events: Vec<Event>| Receipt {
        status: Status::Success,
        output: vec![index],
        gas_used: 1000 + u64::from(index),
        gas_refunded: 7,
        events,
    };
    vec![
        receipt(0, vec![]),
        receipt(1, vec![event("Sent"), event("Received"), event("Sent")]),
        receipt(2, vec![event("Sent")]),
        receipt(3, vec![]),
        receipt(4, vec![event("Sent"), event("Received")]),
    ]
}

#[test]
fn r92_every_spoiled_field_of_a_receipt_is_refused() {
    let receipts = block();
    let root = receipts_root(&receipts);
    let proof = ReceiptProof::new(&receipts, 1).unwrap();
    type Spoil = fn(&mut ReceiptProof);
    let other_content: [Spoil; 5] = [
        |proof| proof.body.status = Status::Reverted,
        |proof| proof.body.output.push(0),
        |proof| proof.body.gas_used += 1,
        |proof| proof.body.gas_refunded += 1,
        |proof| proof.body.events_root = Hash::ZERO,
    ];
    for spoil in other_content {
        let mut spoiled = proof.clone();
        spoil(&mut spoiled);
        assert_eq!(spoiled.verify(&root), Err(ProofError::OtherContent));
    }
    // The path shows the leaf of index 1 only.
    for index in [0, 2, 5, 1 << 24, u32::MAX] {
        assert_eq!(ReceiptProof { index, ..proof.clone() }.verify(&root), Err(ProofError::Incomplete));
    }
    let exchanged = ReceiptProof { body: receipts[2].body(), ..proof.clone() };
    assert_eq!(exchanged.verify(&root), Err(ProofError::OtherContent));
    let other = ReceiptProof::new(&receipts, 2).unwrap().path;
    assert_eq!(ReceiptProof { path: other, ..proof.clone() }.verify(&root), Err(ProofError::Incomplete));
    assert_eq!(
        ReceiptProof { path: vec![], ..proof.clone() }.verify(&root),
        Err(DecodeError::Truncated.into())
    );
    for expected in [Hash::ZERO, receipts_root(&receipts[..4])] {
        let mismatch = ProofError::RootMismatch { expected, found: root };
        assert_eq!(proof.verify(&expected), Err(mismatch));
    }
}

#[test]
fn r92_a_path_shows_its_leaf_without_a_value_and_nothing_else() {
    let receipts = block();
    let root = receipts_root(&receipts);
    let hashes: Vec<_> = receipts.iter().map(receipt_hash).collect();
    let proof = ReceiptProof::new(&receipts, 1).unwrap();
    let of = |shown: &[u32]| {
        let shown: BTreeMap<_, _> = shown.iter().map(|index| (index.to_be_bytes().to_vec(), false)).collect();
        let path = part(&indexed(&hashes), &shown).write();
        ReceiptProof { path, ..proof.clone() }.verify(&root).map(drop)
    };
    assert_eq!(of(&[1]), Ok(()));
    assert_eq!(of(&[0, 1]), Err(ProofError::Superfluous));
    assert_eq!(of(&[0, 1, 2, 3, 4]), Err(ProofError::Superfluous));
    assert_eq!(of(&[0]), Err(ProofError::Incomplete));
    assert_eq!(of(&[0, 2]), Err(ProofError::Incomplete));
    assert_eq!(of(&[]), Err(ProofError::Incomplete));
    // A value whose hash would be the receipt's is in no reach, but any value is one too many.
    let value = b"value".to_vec();
    let hash = keyed("vm/1/value", 0, &value);
    let leaf = Part::Leaf(1u32.to_be_bytes().to_vec(), Shown::Value(value));
    let proof = ReceiptProof { path: leaf.write(), ..proof };
    assert_eq!(proof.verify(&Hash(leaf.root())), Err(ProofError::Superfluous));
    let leaf = Part::Leaf(1u32.to_be_bytes().to_vec(), Shown::Hash(hash));
    let proof = ReceiptProof { path: leaf.write(), ..proof };
    assert_eq!(proof.verify(&Hash(leaf.root())), Err(ProofError::OtherContent));
    let proof = ReceiptProof { path: vec![0], ..proof };
    assert_eq!(proof.verify(&Hash::ZERO), Err(ProofError::Incomplete));
}

#[test]
fn r92_every_spoiled_field_of_an_event_is_refused() {
    let receipts = block();
    let root = receipts_root(&receipts);
    let proof = EventProof::new(&receipts, 1, 2).unwrap();
    type Spoil = fn(&mut EventProof);
    let other_content: [Spoil; 4] = [
        |proof| proof.event.contract = Address([4; 32]),
        |proof| proof.event.name.push('x'),
        |proof| proof.event.data.clear(),
        |proof| proof.receipt.body.gas_used = 0,
    ];
    for spoil in other_content {
        let mut spoiled = proof.clone();
        spoil(&mut spoiled);
        assert_eq!(spoiled.verify(&root), Err(ProofError::OtherContent));
    }
    // Event 0 has the same content, and is another.
    assert_eq!(receipts[1].events[0], receipts[1].events[2]);
    for index in [0, 1, 3, u32::MAX] {
        assert_eq!(EventProof { index, ..proof.clone() }.verify(&root), Err(ProofError::Incomplete));
    }
    // The same event of another receipt: its path is in another trie.
    let receipt = ReceiptProof::new(&receipts, 2).unwrap();
    let (expected, found) = (receipt.body.events_root, proof.receipt.body.events_root);
    assert_eq!(
        EventProof { receipt, ..proof.clone() }.verify(&root),
        Err(ProofError::RootMismatch { expected, found })
    );
    assert_eq!(
        EventProof { path: vec![7], ..proof.clone() }.verify(&root),
        Err(DecodeError::Truncated.into())
    );
    // A receipt's path does for no event, nor an event's for a receipt.
    let exchanged = EventProof { path: proof.receipt.path.clone(), ..proof.clone() };
    assert_eq!(exchanged.verify(&root), Err(ProofError::RootMismatch { expected: found, found: root }));
    let mut exchanged = proof.clone();
    exchanged.receipt.path = proof.path;
    assert_eq!(exchanged.verify(&root), Err(ProofError::RootMismatch { expected: root, found }));
}

#[test]
fn r92_a_receipt_without_events_proves_none() {
    let receipts = block();
    let root = receipts_root(&receipts);
    assert_eq!(receipts[0].body().events_root, Hash::ZERO);
    assert_eq!(EventProof::new(&receipts, 0, 0), None);
    let receipt = ReceiptProof::new(&receipts, 0).unwrap();
    let event = receipts[1].events[0].clone();
    let forged = |path: Vec<u8>| {
        EventProof { receipt: receipt.clone(), index: 0, event: event.clone(), path }.verify(&root).map(drop)
    };
    assert_eq!(forged(vec![0]), Err(ProofError::Incomplete));
    assert_eq!(forged([[1].as_slice(), &[0; 32]].concat()), Err(DecodeError::NoSubtrie { at: 0 }.into()));
    let path = EventProof::new(&receipts, 1, 0).unwrap().path;
    let found = receipts[1].body().events_root;
    assert_eq!(forged(path), Err(ProofError::RootMismatch { expected: Hash::ZERO, found }));
}

#[test]
fn r92_receipts_past_a_byte_of_index_are_proven() {
    let mut receipts = vec![block().remove(0); 300];
    receipts[256] = block().remove(1);
    let root = receipts_root(&receipts);
    for index in [0, 1, 255, 256, 299] {
        let proof = ReceiptProof::new(&receipts, index).unwrap();
        assert_eq!(proof.verify(&root), Ok(&receipts[index as usize].body()));
        // Nearly all receipts are the same: the index tells them apart.
        for other in [2, 254, 257] {
            assert_eq!(
                ReceiptProof { index: other, ..proof.clone() }.verify(&root),
                Err(ProofError::Incomplete)
            );
        }
    }
}

/// A block with so many mints and transactions, and hashes that stand for these.
fn carried(mints: u64, transactions: u8) -> (Block, Vec<Hash>) {
    let transaction = |nonce: u64| Transaction {
        sender: Address([1; 32]),
        nonce,
        gas_limit: 0,
        gas_price: 0,
        payload: Payload::Transfer { to: Address([2; 32]), amount: 3 },
    };
    let block = Block {
        context: BlockContext { height: 1, time: 0, proposer: Address::ZERO },
        mints: (0..mints).map(|amount| Mint { to: Address([9; 32]), amount }).collect(),
        transactions: (0..u64::from(transactions)).map(transaction).collect(),
    };
    (block, (0..transactions).map(|byte| Hash([byte + 1; 32])).collect())
}

#[test]
fn r92_every_transaction_of_a_block_is_shown_at_its_index_and_nowhere_else() {
    for mints in 0..4 {
        for count in 0..6 {
            let (block, hashes) = carried(mints, count);
            let root = transactions_root(&block, &hashes);
            for (index, hash) in (0u32..).zip(&hashes) {
                let proof = TransactionProof::new(&block.mints, &hashes, index).unwrap();
                assert_eq!(proof.verify(&root, hash), Ok(()));
                assert_eq!(proof.verify(&root, &Hash([99; 32])), Err(ProofError::OtherContent));
                let elsewhere = TransactionProof { index: index + 1, ..proof.clone() };
                assert_eq!(elsewhere.verify(&root, hash), Err(ProofError::Incomplete));
                let other = Hash([7; 32]);
                let mismatch = ProofError::RootMismatch { expected: other, found: root };
                assert_eq!(proof.verify(&other, hash), Err(mismatch));
            }
            for past in [u32::from(count), u32::MAX] {
                assert_eq!(TransactionProof::new(&block.mints, &hashes, past), None);
            }
        }
    }
}

#[test]
fn r92_no_changed_byte_shows_a_transaction() {
    let (block, hashes) = carried(2, 5);
    let root = transactions_root(&block, &hashes);
    let bytes = TransactionProof::new(&block.mints, &hashes, 3).unwrap().encode();
    let holds = |bytes: &[u8]| {
        let read = vm_core::codec::decode_exact::<TransactionProof>(bytes, usize::MAX);
        read.is_ok_and(|proof| proof.verify(&root, &hashes[3]).is_ok())
    };
    assert!(holds(&bytes));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(!holds(&changed), "byte {at} bit {bit}");
        }
        assert!(!holds(&bytes[..at]), "cut at {at}");
    }
}

#[test]
fn r92_a_mints_path_shows_no_transaction() {
    let (block, hashes) = carried(1, 0);
    let root = transactions_root(&block, &hashes);
    let hash = vm_core::value_hash(&block.mints[0].encode());
    let leaf = Part::Leaf(vec![0; 5], Shown::Hash(hash.0));
    assert_eq!(Hash(leaf.root()), root);
    let proof = TransactionProof { index: 0, path: leaf.write() };
    assert_eq!(proof.verify(&root, &hash), Err(ProofError::Incomplete));
}
