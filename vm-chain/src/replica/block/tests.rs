use super::*;
use vm_core::{Address, Params, Payload, Transaction};

fn signed(nonce: u64, authorization: usize) -> Signed {
    let payload = Payload::Transfer { to: Address::named("bob"), amount: 1 };
    let sender = Address::named("alice");
    let transaction = Transaction { sender, nonce, gas_limit: 10_000, gas_price: 0, payload };
    Signed { transaction, authorization: vec![7; authorization] }
}

fn block() -> SealedBlock {
    let header = Header {
        parent: Hash([1; 32]),
        height: 2,
        time: 3,
        proposer: Address([4; 32]),
        vm_version: 5,
        params: Hash([6; 32]),
        transactions_root: Hash([7; 32]),
        state_root: Hash([8; 32]),
        receipts_root: Hash([9; 32]),
        gas_used: 10,
    };
    SealedBlock { parent: Hash([11; 32]), header, transactions: vec![signed(0, 96), signed(1, 96)] }
}

fn bounds() -> Bounds {
    Bounds::new(Params::default().limits())
}

#[test]
fn r103_every_byte_of_a_block_is_in_its_digest() {
    let bytes = block().encode();
    let digest = block().digest();
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 1;
        // Some bytes are lengths: what decodes at all is another block.
        if let Ok(other) = SealedBlock::from_bytes(&other, &bounds()) {
            assert_ne!(other.digest(), digest, "byte {index}");
        }
    }
}

#[test]
fn a_seal_and_a_header_give_the_digest_of_their_block() {
    let block = block();
    let bytes = block.seal().encode();
    assert_eq!(bytes.len(), 64);
    let seal: Seal = decode_exact(&bytes, 64).unwrap();
    assert_eq!(seal.digest(&block.header), block.digest());
    let other = Header { gas_used: 11, ..block.header.clone() };
    assert_ne!(seal.digest(&other), block.digest());
}

#[test]
fn r122_only_one_encoding_of_bounded_length_is_read() {
    let block = block();
    let bytes = block.encode();
    assert_eq!(SealedBlock::from_bytes(&bytes, &bounds()), Ok(block.clone()));
    for end in 0..bytes.len() {
        assert!(SealedBlock::from_bytes(&bytes[..end], &bounds()).is_err(), "{end} bytes");
    }
    let longer = [bytes.clone(), vec![0]].concat();
    assert_eq!(SealedBlock::from_bytes(&longer, &bounds()), Err(CodecError::Trailing { count: 1 }));

    let too_long = |found, limit| Err(CodecError::TooLong { found, limit });
    let tight = Bounds { bytes: bytes.len() - 1, ..bounds() };
    assert_eq!(SealedBlock::from_bytes(&bytes, &tight), too_long(bytes.len(), bytes.len() - 1));
    let tight = Bounds { transactions: 1, ..bounds() };
    assert_eq!(SealedBlock::from_bytes(&bytes, &tight), too_long(2, 1));
    let tight = Bounds { transaction_bytes: 10, ..bounds() };
    let found = block.transactions[0].transaction.encoded_size();
    assert_eq!(SealedBlock::from_bytes(&bytes, &tight), too_long(found, 10));
    let long = SealedBlock { transactions: vec![signed(0, 1_025)], ..block };
    assert_eq!(SealedBlock::from_bytes(&long.encode(), &bounds()), too_long(1_025, 1_024));
    // A count that no block of these bytes can have is not believed.
    let mut claims = bytes;
    claims.splice(252.., [0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(SealedBlock::from_bytes(&claims, &bounds()), Err(CodecError::Malformed));
}

#[test]
fn a_full_block_of_key_signed_transactions_is_within_the_bounds() {
    let limits = Params::default();
    let limits = limits.limits();
    let one = signed(u64::MAX, 96);
    let bytes = one.transaction.encoded_size();
    let count = usize::try_from(limits.block_transactions).unwrap();
    // As many as a block may have, each as long as fits.
    assert!(count * bytes < usize::try_from(limits.block_bytes).unwrap());
    let block = SealedBlock { transactions: vec![one; count], ..block() };
    let left = usize::try_from(limits.block_bytes).unwrap() - count * bytes;
    assert!(block.encoded_size() + left <= bounds().bytes);
    assert!(SealedBlock::from_bytes(&block.encode(), &bounds()).is_ok());
}

#[test]
fn no_field_of_a_header_differs_unnamed() {
    let header = block().header;
    assert_eq!(different_fields(&header, &header), []);
    for index in 0..header.encoded_size() {
        let mut bytes = header.encode();
        bytes[index] ^= 1;
        let other: Header = decode_exact(&bytes, bytes.len()).unwrap();
        assert_eq!(different_fields(&header, &other).len(), 1, "byte {index}");
    }
}
