//! Where states are kept.
//!
//! A store holds one chain: entries at the head, headers, receipts. Blocks are committed one after another, each
//! wholly or not at all (R82).
//!
//! Invariants:
//! - a committed block's parent is the head, its height the next one, its trie's root the header's state root;
//! - a view never changes, whatever is committed while it is held (R83);
//! - all back ends give the same results, errors and roots (R84).
//!
//! Deliberately not here: whether the block is right. A commit takes changes and trie for what execution made of the
//! block on a view of its parent; that the one is the other's commitment shows in a full check at opening.

mod memory;
#[cfg(feature = "redb")]
mod redb;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;
use vm_core::commitment::index_root;
use vm_core::{Hash, Header, Key, Receipt};

pub use self::memory::MemoryStore;
#[cfg(feature = "redb")]
pub use self::redb::{Check, ImportError, OpenError, RedbStore, StoreOptions};

use crate::{BlockCommit, NodeFailure, Trie, View};

/// Keeps the states of a chain.
pub trait Store: Debug {
    /// The head: the last committed block.
    fn header(&self) -> &Header;

    /// The state after the head.
    ///
    /// # Errors
    ///
    /// [`NodeFailure`] if the store can't be read, or an earlier write failed.
    fn view(&self) -> Result<Arc<dyn View>, NodeFailure>;

    /// The state after the block at `height`, as long as it is retained: from [`Self::oldest`] to the head; `None`
    /// outside.
    ///
    /// # Errors
    ///
    /// [`NodeFailure`] if the store can't be read, or an earlier write failed.
    fn view_at(&self, height: u64) -> Result<Option<Arc<dyn View>>, NodeFailure>;

    /// The lowest height whose state is retained: how far back [`Self::view_at`] and [`Self::rollback`] reach.
    fn oldest(&self) -> u64;

    /// Makes `block` the head. When this returns, the block is durable where the back end is.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; nothing is changed then. After a [`NodeFailure::Storage`] it can't be known whether the block
    /// became durable: every later call is refused until the store is opened again.
    fn commit(&mut self, block: &BlockCommit) -> Result<(), CommitError>;

    /// Makes the block at `height` the head again and forgets the later ones (R83). Durable as a commit is; views of
    /// forgotten blocks stay good.
    ///
    /// # Errors
    ///
    /// [`RollbackError`]; nothing is changed then. A [`NodeFailure::Storage`] is as in [`Self::commit`].
    fn rollback(&mut self, height: u64) -> Result<(), RollbackError>;

    /// Forgets what stands only for blocks below `below`, the head excepted: headers, receipts, and how to go back
    /// to them. The head's state stays whole.
    ///
    /// # Errors
    ///
    /// [`NodeFailure`] if the store can't be written, as in [`Self::commit`].
    fn prune(&mut self, below: u64) -> Result<(), NodeFailure>;

    /// The receipts of the block at `height`, in the order of its transactions; `None` past the head, and where they
    /// were pruned.
    ///
    /// # Errors
    ///
    /// [`NodeFailure`] if the store can't be read, or an earlier write failed.
    fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, NodeFailure>;

    /// The header of the block at `height`; `None` past the head, and where it was pruned.
    ///
    /// # Errors
    ///
    /// [`NodeFailure`] if the store can't be read, or an earlier write failed.
    fn header_at(&self, height: u64) -> Result<Option<Header>, NodeFailure>;
}

/// Why a block was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The block was executed on another state than the head's.
    #[error("the block's parent is {found}, the head is {expected}")]
    NotOnHead {
        /// The hash of the head's header.
        expected: Hash,
        /// The parent that the block names.
        found: Hash,
    },
    /// The block's height is not the head's plus 1.
    #[error("the block has height {found}, the next is {expected}")]
    HeightGap {
        /// The head's height plus 1.
        expected: u64,
        /// The block's height.
        found: u64,
    },
    /// The header commits to another state than the one given.
    #[error("the header's state root is {expected}, the state's is {found}")]
    RootMismatch {
        /// The header's.
        expected: Hash,
        /// The trie's.
        found: Hash,
    },
    /// The block was executed on a view of another kind of store, or on a witness, whose trie this one can't keep.
    #[error("the block was executed on a witness or another store's view; execute it on a view of this one")]
    OtherStore,
    /// The block is of a chain with other rules.
    #[error("the block's parameters are {found}, the chain's are {expected}")]
    OtherParams {
        /// The chain's.
        expected: Hash,
        /// The header's.
        found: Hash,
    },
    /// The header commits to other receipts than the ones given.
    #[error("the header's receipts root is {expected}, the receipts' is {found}")]
    ReceiptsMismatch {
        /// The header's.
        expected: Hash,
        /// The receipts'.
        found: Hash,
    },
    /// The node can't go on.
    #[error(transparent)]
    Failure(#[from] NodeFailure),
}

/// Why a store was not rolled back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollbackError {
    /// The state of that height is no longer, or not yet, there.
    #[error("height {found} is not retained; heights {oldest} to {head} are")]
    NotRetained {
        /// The lowest height that is.
        oldest: u64,
        /// The head's height.
        head: u64,
        /// The height asked for.
        found: u64,
    },
    /// The node can't go on.
    #[error(transparent)]
    Failure(#[from] NodeFailure),
}

/// How much of its past a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How many blocks can be undone: the states of this many heights below the head are retained.
    pub states: u32,
}

impl Default for Retention {
    /// 128 states: more than the depth at which chains with finality still reorganise.
    fn default() -> Self {
        Self { states: 128 }
    }
}

impl Retention {
    /// The lowest height whose state is kept beside the head's at `head`.
    fn oldest(self, head: u64) -> u64 {
        head.saturating_sub(u64::from(self.states))
    }
}

fn check_rollback(found: u64, oldest: u64, head: u64) -> Result<(), RollbackError> {
    if found < oldest || found > head {
        return Err(RollbackError::NotRetained { oldest, head, found });
    }
    Ok(())
}

/// What every back end checks before it writes, in this order.
fn check(head: &Header, trie: &Trie, block: &BlockCommit) -> Result<(), CommitError> {
    let expected = head.hash();
    if block.header.parent != expected {
        return Err(CommitError::NotOnHead { expected, found: block.header.parent });
    }
    if head.height.checked_add(1) != Some(block.header.height) {
        let expected = head.height.saturating_add(1);
        return Err(CommitError::HeightGap { expected, found: block.header.height });
    }
    let found = block.trie.root();
    if found != block.header.state_root {
        return Err(CommitError::RootMismatch { expected: block.header.state_root, found });
    }
    let keys = || block.changes.iter().map(|(key, _)| key);
    if keys().zip(keys().skip(1)).any(|(a, b)| a >= b) {
        return Err(NodeFailure::Invariant("a change set names each key once, ascending").into());
    }
    if keys().any(|key| Key::from_bytes(key.as_bytes()).is_err()) {
        return Err(NodeFailure::Invariant("a change set names whole keys").into());
    }
    if block.trie.bucket() != trie.bucket() || block.trie.is_partial() {
        return Err(CommitError::OtherStore);
    }
    if block.header.params != head.params {
        return Err(CommitError::OtherParams { expected: head.params, found: block.header.params });
    }
    let (expected, found) =
        (block.header.receipts_root, index_root(block.receipts.iter().map(Receipt::hash)));
    if found != expected {
        return Err(CommitError::ReceiptsMismatch { expected, found });
    }
    Ok(())
}
