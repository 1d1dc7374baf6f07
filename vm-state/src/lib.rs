//! The state of the VM: entries under a Merkle root, what a block changes in them, and the stores that keep them.
//!
//! Data flows one way: a [`View`] (state after a block) is read through a [`Journal`] (what the running block
//! writes, with checkpoints); the journal becomes a sorted [`ChangeSet`]; the [`Trie`] turns that into the next
//! root; a [`BlockCommit`] carries all of it into a [`Store`] in one durable transaction.
//!
//! Invariants:
//! - the root is a pure function of the set of entries, whatever order they came in;
//! - a read that fails is a [`ReadError`], never an absent entry;
//! - the owner index always equals the objects' metadata.
//!
//! Deliberately not here: gas, frames, contracts' rights. They are vm-host's.

#![no_std]

extern crate alloc;
// Some tests here share files with those in `tests/`, which name the crate so.
#[cfg(test)]
extern crate self as vm_state;
#[cfg(feature = "std")]
extern crate std;

mod dead;
mod error;
mod genesis;
mod journal;
mod objects;
mod proof;
mod snapshot;
mod store;
mod trie;
mod view;
mod witness;

pub use error::{NodeFailure, ReadError};
pub use genesis::{Genesis, GenesisError};
pub use journal::{Checkpoint, Footprint, Journal, RangeRead};
pub use objects::StateReader;
pub use proof::{
    DecodeError, EventProof, ProofError, ProofRequest, ReceiptProof, TransactionProof, prove, verify,
    verify_walk,
};
pub use snapshot::{CHUNK_BYTES_MAX, Chunk, ChunkError, chunk, verify_chunk};
#[cfg(feature = "std")]
pub use snapshot::{Progress, Snapshot, SnapshotError, SnapshotWriter};
#[cfg(feature = "redb")]
pub use store::{Check, ImportError, OpenError, RedbStore, StoreOptions};
pub use store::{CommitError, MemoryStore, Retention, RollbackError, Store};
pub use trie::{Bucket, BucketsError, Trie, TrieBuilder, TrieError};
pub use view::{BlockCommit, ChangeSet, LeafRow, Overlay, Region, TrieView, Value, View, next_trie};
pub use witness::Witness;
