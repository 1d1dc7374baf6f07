//! A block: what every frame in it sees, what it carries, and the header that commits to it (R103).

use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};

use crate::{Address, Domain, Hash, Transaction, hash};

/// What is the same in every frame of a block (R10). All of it comes from the embedder.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BlockContext {
    /// One more than the parent's.
    pub height: u64,
    /// Milliseconds since the Unix epoch; not negative, not before the parent's.
    pub time: i64,
    /// Who is credited the block's fees, once, at its end.
    pub proposer: Address,
}

/// Balance that the embedder creates at the start of a block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Mint {
    /// Who receives it.
    pub to: Address,
    /// How much.
    pub amount: u64,
}

/// What is executed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Block {
    /// What its frames see.
    pub context: BlockContext,
    /// Credited before the first transaction.
    pub mints: Vec<Mint>,
    /// In order.
    pub transactions: Vec<Transaction>,
}

/// What commits to a block and to all that follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// The hash of the parent's header; zero for the first block.
    pub parent: Hash,
    /// See [`BlockContext::height`].
    pub height: u64,
    /// See [`BlockContext::time`].
    pub time: i64,
    /// See [`BlockContext::proposer`].
    pub proposer: Address,
    /// The version of the VM's rules.
    pub vm_version: u32,
    /// The chain's rules.
    pub params: Hash,
    /// The root over the mints and the transactions' hashes.
    pub transactions_root: Hash,
    /// The state's root after the block.
    pub state_root: Hash,
    /// The root over the receipts' hashes.
    pub receipts_root: Hash,
    /// The sum of the receipts' gas.
    pub gas_used: u64,
}

impl Header {
    /// The hash that names the block.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(Domain::Header, &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r103_every_byte_of_a_header_is_in_its_hash() {
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
        let bytes = header.encode();
        assert_eq!(bytes.len(), 6 * 32 + 3 * 8 + 4);
        for index in 0..bytes.len() {
            let mut other = bytes.clone();
            other[index] ^= 1;
            let other = Header::decode(&mut other.as_slice()).unwrap();
            assert_ne!(other.hash(), header.hash(), "byte {index}");
        }
    }
}
