use super::*;

use commonware_codec::{Decode as _, Encode as _};
use vm_chain::{SecretKey, Signed};
use vm_core::{Address, Header, Payload, Transaction};

const BOUNDS: Bounds = Bounds { bytes: 4_096, transactions: 3, transaction_bytes: 200 };

fn header(height: u64) -> Header {
    Header {
        parent: Hash([1; 32]),
        height,
        time: 7,
        proposer: Address([2; 32]),
        vm_version: 1,
        params: Hash([3; 32]),
        transactions_root: Hash([4; 32]),
        state_root: Hash([5; 32]),
        receipts_root: Hash([6; 32]),
        gas_used: 9,
    }
}

fn signed(nonce: u64) -> Signed {
    let payload = Payload::Transfer { to: Address::named("bob"), amount: 1 };
    let sender = Address::named("alice");
    let transaction = Transaction { sender, nonce, gas_limit: 1_000, gas_price: 0, payload };
    let chain = vm_chain::ChainId { params: Hash([3; 32]), genesis: Hash([8; 32]) };
    SecretKey::dev("alice").sign(transaction, &chain)
}

fn block(transactions: u64) -> Block {
    let transactions = (0..transactions).map(signed).collect();
    Block::new(SealedBlock { parent: Hash([7; 32]), header: header(5), transactions })
}

#[test]
fn a_block_reads_back_as_it_was_written() {
    for transactions in 0..=3 {
        let block = block(transactions);
        let bytes = block.encode();
        assert_eq!(bytes.len(), block.encode_size());
        let read = Block::decode_cfg(bytes.clone(), &BOUNDS).unwrap();
        assert_eq!(read.sealed(), block.sealed());
        assert_eq!(read.digest(), block.digest());
        assert_eq!(read.encode(), bytes);
        assert_eq!((read.height(), read.parent()), (Height::new(5), digest_of(&Hash([7; 32]))));
        assert_eq!(hash_of(&read.digest()), read.sealed().digest());
    }
}

#[test]
fn a_block_is_no_longer_than_its_bounds_say() {
    assert!(block(3).encode_size() <= Block::max_encode_size(&BOUNDS));
    assert_eq!(Block::max_encode_size(&BOUNDS), 4_100);
}

#[test]
fn r122_every_truncation_is_refused() {
    let bytes = block(2).encode();
    for end in 0..bytes.len() {
        assert!(Block::decode_cfg(bytes.slice(..end), &BOUNDS).is_err(), "{end} bytes");
    }
}

#[test]
fn r122_no_flipped_bit_gives_the_same_block_or_a_panic() {
    let original = block(2);
    let bytes = original.encode().to_vec();
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[position] ^= 1 << bit;
            if let Ok(read) = Block::decode_cfg(other.clone(), &BOUNDS) {
                assert_ne!(read.digest(), original.digest(), "byte {position}, bit {bit}");
                assert_eq!(read.encode().to_vec(), other, "byte {position}, bit {bit}");
            }
        }
    }
}

#[test]
fn r122_a_length_past_the_bounds_is_refused_before_it_is_read() {
    // The length alone: nothing that long follows, and nothing is asked for.
    let mut bytes = 4_097_u32.to_be_bytes().to_vec();
    bytes.push(0);
    assert!(matches!(Block::decode_cfg(bytes, &BOUNDS), Err(Error::InvalidLength(4_097))));
    let bytes = 100_u32.to_be_bytes().to_vec();
    assert!(matches!(Block::decode_cfg(bytes, &BOUNDS), Err(Error::EndOfBuffer)));
}

#[test]
fn r122_a_block_past_any_bound_is_refused() {
    let bytes = block(3).encode();
    let refused = |bounds: Bounds| Block::decode_cfg(bytes.clone(), &bounds).is_err();
    assert!(!refused(BOUNDS));
    assert!(refused(Bounds { bytes: bytes.len() - 5, ..BOUNDS }));
    assert!(refused(Bounds { transactions: 2, ..BOUNDS }));
    assert!(refused(Bounds { transaction_bytes: 20, ..BOUNDS }));
}

#[test]
fn r122_bytes_inside_the_length_that_no_field_takes_are_refused() {
    let mut bytes = block(1).encode().to_vec();
    let length = u32::try_from(bytes.len() - 3).unwrap();
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes.push(0);
    assert!(matches!(Block::decode_cfg(bytes, &BOUNDS), Err(Error::Wrapped(..))));
}
