//! blake3 with one key per purpose, so that no digest of one kind can pass for another.
//!
//! A digest is `keyed_hash(key = the domain's name padded with zeros to 32 bytes, data)`. The trie's inner nodes
//! put a bit index into the key as well ([`crate::commitment`]).

use smallvec::SmallVec;

use crate::{Address, Hash, ObjectId};

/// What a digest is of. The name is the blake3 key; changing one changes every root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Wasm code.
    Code,
    /// A transaction, with the parameters hash in front.
    Transaction,
    /// A block header.
    Header,
    /// A receipt.
    Receipt,
    /// An event.
    Event,
    /// The chain's parameters.
    Params,
    /// The gas schedule.
    GasSchedule,
    /// A contract's address: deployer, salt, code hash.
    ContractAddress,
    /// An object's id: contract, transaction hash, index.
    ObjectId,
    /// An address inside an entry key.
    AddressKey,
    /// A field name inside an entry key.
    FieldKey,
    /// An entry's value, as the trie's leaves hold it.
    Value,
    /// A leaf of the trie.
    Leaf,
    /// A file of a snapshot.
    SnapshotFile,
    /// An account named by a text, in tests, scenarios and the local chain.
    NamedAccount,
}

impl Domain {
    /// The blake3 key of this domain.
    #[must_use]
    pub const fn key(self) -> [u8; 32] {
        let name: &[u8] = match self {
            Self::Code => b"vm/1/code",
            Self::Transaction => b"vm/1/transaction",
            Self::Header => b"vm/1/header",
            Self::Receipt => b"vm/1/receipt",
            Self::Event => b"vm/1/event",
            Self::Params => b"vm/1/params",
            Self::GasSchedule => b"vm/1/gas-schedule",
            Self::ContractAddress => b"vm/1/contract-address",
            Self::ObjectId => b"vm/1/object-id",
            Self::AddressKey => b"vm/1/address-key",
            Self::FieldKey => b"vm/1/field-key",
            Self::Value => b"vm/1/value",
            Self::Leaf => b"vm/1/leaf",
            Self::SnapshotFile => b"vm/1/snapshot-file",
            Self::NamedAccount => b"vm/1/named-account",
        };
        assert!(name.len() <= 32, "a domain's name fits a blake3 key");
        let mut key = [0; 32];
        key.split_at_mut(name.len()).0.copy_from_slice(name);
        key
    }
}

/// A digest over several parts. The parts are concatenated: at most one of them may vary in length.
///
/// Collects before it digests: nearly all inputs are a few blocks, for which starting blake3's incremental hasher
/// costs more than the digest.
#[derive(Clone, Debug)]
pub struct HashBuilder {
    domain: Domain,
    data: SmallVec<[u8; 192]>,
}

impl HashBuilder {
    /// An empty digest of `domain`.
    #[must_use]
    pub fn new(domain: Domain) -> Self {
        Self { domain, data: SmallVec::new() }
    }

    /// Appends `part`.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        self.data.extend_from_slice(part.as_ref());
        self
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Hash {
        hash(self.domain, &self.data)
    }
}

/// The digest of `data` in `domain`.
#[must_use]
pub fn hash(domain: Domain, data: &[u8]) -> Hash {
    Hash(*blake3::keyed_hash(&domain.key(), data).as_bytes())
}

/// The plain blake3 digest of `data`, without a domain: what contracts ask the host for.
#[must_use]
pub fn blake3(data: &[u8]) -> [u8; 32] {
    *blake3::hash(data).as_bytes()
}

/// The digest that stands for an entry's value in the trie.
#[must_use]
pub fn value_hash(value: &[u8]) -> Hash {
    hash(Domain::Value, value)
}

impl Hash {
    /// The hash that names `code`.
    #[must_use]
    pub fn of_code(code: &[u8]) -> Self {
        hash(Domain::Code, code)
    }
}

impl Address {
    /// The address of the contract that `deployer` makes from the code `code_hash` with `salt` (R64).
    ///
    /// Nobody else can occupy it: the deployer is part of it and comes from the host's own frames.
    #[must_use]
    pub fn of_contract(deployer: &Address, salt: &Hash, code_hash: &Hash) -> Self {
        Self(HashBuilder::new(Domain::ContractAddress).with(deployer).with(salt).with(code_hash).finish().0)
    }

    /// The address that stands for `name` in scenarios, tests and the local chain.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(hash(Domain::NamedAccount, name.as_bytes()).0)
    }
}

impl ObjectId {
    /// The id of the object that a transaction makes as its `index`-th acquisition (DESIGN 10, rule 7).
    #[must_use]
    pub fn derive(contract: &Address, transaction: &Hash, index: u32) -> Self {
        let digest =
            HashBuilder::new(Domain::ObjectId).with(contract).with(transaction).with(index.to_be_bytes());
        Self(digest.finish().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_separate() {
        assert_ne!(hash(Domain::Code, b"x"), hash(Domain::Value, b"x"));
        assert_eq!(
            HashBuilder::new(Domain::Code).with(b"ab").with(b"c").finish(),
            hash(Domain::Code, b"abc")
        );
    }
}
