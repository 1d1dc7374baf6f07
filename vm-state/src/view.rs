//! The state after a block, as execution reads it, and what a block does to it.

mod held;
mod overlay;
mod region;

use alloc::vec::Vec;
use core::fmt::Debug;
use smallvec::SmallVec;
use vm_core::{Hash, Header, Key, Receipt};

pub use held::TrieView;
pub use overlay::Overlay;
pub use region::Region;

use crate::{ReadError, Trie};

/// An entry's value. Small ones, nearly all, need no allocation.
pub type Value = SmallVec<[u8; 48]>;

/// What a block leaves different: each key once, ascending; `None` deletes.
pub type ChangeSet = Vec<(Key, Option<Value>)>;

/// An entry as the commitment sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafRow {
    /// Its key.
    pub key: Key,
    /// The hash of its leaf, which covers key and value.
    pub leaf: Hash,
}

/// The state after one block: immutable while it is held, whatever the store commits meanwhile (R83).
pub trait View: Debug + Send + Sync {
    /// The block whose state this is.
    fn header(&self) -> &Header;

    /// The value of `key`, `None` if there is no such entry.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the entry could not be read.
    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError>;

    /// The first entry not below `from` whose key begins with `prefix`, `None` if there is none.
    ///
    /// `from` may itself be a prefix.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the entries could not be read.
    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError>;

    /// The commitment to the entries.
    fn trie(&self) -> &Trie;

    /// The leaves of `region`, ascending: asked for where the trie leaves entries to rows ([`Trie::bucket`]).
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the entries could not be read, or the trie is not one over rows.
    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError>;

    /// The largest key below `key`: asked for where the trie leaves entries to rows.
    ///
    /// # Errors
    ///
    /// As [`Self::leaves`].
    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError>;
}

/// The commitment after `changes` to `view`.
///
/// # Errors
///
/// As [`Trie::update`].
pub fn next_trie(view: &dyn View, changes: &ChangeSet) -> Result<Trie, ReadError> {
    view.trie().update(Some(view), changes)
}

/// A block's result, ready to be committed: built by executing on a view of its parent.
#[derive(Clone, Debug)]
pub struct BlockCommit {
    /// The block's header; its parent is the hash of the header it was executed on.
    pub header: Header,
    /// What it changes.
    pub changes: ChangeSet,
    /// The commitment after the changes; its root is the header's state root.
    pub trie: Trie,
    /// One per transaction.
    pub receipts: Vec<Receipt>,
}
