//! What a validator saw become final.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use vm_chain::node::Mempool;
use vm_chain::replica::{Committed, SealedBlock};
use vm_core::Hash;
use vm_node::Finalized;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Final {
    pub(crate) height: u64,
    pub(crate) digest: Hash,
    pub(crate) state_root: Hash,
    pub(crate) receipts_root: Hash,
    pub(crate) gas: u64,
    /// The hashes of its transactions.
    pub(crate) transactions: Vec<Hash>,
}

/// Outlives the validator's restarts.
#[derive(Debug, Default)]
pub(crate) struct Record(Mutex<BTreeMap<u64, Final>>);

impl Record {
    /// The highest final block; none if there is none.
    pub(crate) fn height(&self) -> Option<u64> {
        self.0.lock().unwrap().keys().next_back().copied()
    }

    /// The lowest one.
    pub(crate) fn first(&self) -> Option<u64> {
        self.0.lock().unwrap().keys().next().copied()
    }

    /// All of them, in order.
    pub(crate) fn blocks(&self) -> Vec<Final> {
        self.0.lock().unwrap().values().cloned().collect()
    }

    /// How often each of `hashes` is in a final block.
    pub(crate) fn count(&self, hash: &Hash) -> usize {
        let blocks = self.0.lock().unwrap();
        blocks.values().flat_map(|block| &block.transactions).filter(|found| *found == hash).count()
    }
}

/// Writes the record, and tells the pool.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) record: Arc<Record>,
    pub(crate) mempool: Arc<Mempool>,
    pub(crate) params: Hash,
}

impl Finalized for Observer {
    fn finalized(&self, block: &SealedBlock, _: Committed) {
        let transactions: Vec<Hash> =
            block.transactions.iter().map(|signed| signed.transaction.hash(&self.params)).collect();
        self.mempool.finalized(block, &transactions);
        let header = &block.header;
        let new = Final {
            height: header.height,
            digest: block.digest(),
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            gas: header.gas_used,
            transactions,
        };
        let mut blocks = self.record.0.lock().unwrap();
        if let Some(before) = blocks.get(&header.height) {
            assert_eq!(*before, new, "a height has one final block");
        }
        // The first is genesis, or the block that a joining validator began with.
        let next = blocks.keys().next_back().map_or(header.height, |last| last + 1);
        assert!(header.height <= next, "block {} is final before {next}", header.height);
        blocks.insert(header.height, new);
    }
}
