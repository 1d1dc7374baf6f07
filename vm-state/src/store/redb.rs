//! The store on disk: one redb file.
//!
//! | table | key | value |
//! |---|---|---|
//! | `entries` | the entry's key | its value |
//! | `headers` | height, `u64` | SCALE of the header |
//! | `receipts` | height, `u64` | SCALE of the receipts |
//! | `undo` | height, `u64` | SCALE of (key, value before the block or none), ascending |
//! | `meta` | `format`, `params`, `head` | `u32` LE; hash; `u64` LE |
//!
//! Invariants:
//! - one block is one durable write transaction, committed in two phases: redb's advice where others choose what is
//!   written, since its one-phase commit rests on a checksum that is no defence against them (R82);
//! - rows are written in key order, which redb does a fifth faster;
//! - after a failed write the store refuses every later call until it is opened again;
//! - no file content panics: opening verifies redb's checksums of the whole file, then rebuilds the trie from the
//!   entries and compares its root with the head's.
//!
//! A view holds a read transaction and the database: it stays good while later blocks are committed and after the
//! store itself is dropped, and keeps the file locked as long.
//!
//! Deliberately not here: a cache above redb's, rollback and the pruning of undo records, paging the trie out of
//! memory.

mod error;
mod open;
mod tables;
#[cfg(test)]
mod tests;

use ::redb::{Database, ReadOnlyTable, ReadableDatabase};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use parity_scale_codec::{Decode, Encode};
use vm_core::codec::decode_exact;
use vm_core::{Header, Key, Receipt};

pub use self::error::OpenError;
use self::tables::{ENTRIES, HEADERS, RECEIPTS};
use super::{CommitError, Store, check};
use crate::{BlockCommit, NodeFailure, ReadError, Trie, Value, View};

/// More than any block's receipts have: the limits on events and return data of all of its transactions.
const ROW_BYTES_MAX: usize = 1 << 30;

/// A chain in a redb file.
pub struct RedbStore {
    database: Arc<Database>,
    header: Header,
    trie: Trie,
    /// Whether a write has failed.
    failed: bool,
}

/// The state after a block, in a read transaction.
struct RedbView {
    header: Header,
    trie: Trie,
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    /// Keeps redb from closing the file under the table. Declared after it, so that it is dropped after it.
    _database: Arc<Database>,
}

impl RedbStore {
    fn require_sound(&self) -> Result<(), NodeFailure> {
        if self.failed {
            let cause = "an earlier write failed; open the store again".to_string();
            return Err(NodeFailure::Storage { action: "go on", cause });
        }
        Ok(())
    }

    /// The row of `height` in one of the tables by height.
    fn row<T: Decode + Encode>(
        &self,
        table: tables::ByHeight,
        height: u64,
        action: &'static str,
    ) -> Result<Option<T>, NodeFailure> {
        self.require_sound()?;
        let read = || -> Result<_, ::redb::Error> {
            Ok(self.database.begin_read()?.open_table(table)?.get(height)?)
        };
        let Some(bytes) = read().map_err(failure(action))? else { return Ok(None) };
        let decoded = decode_exact(bytes.value(), ROW_BYTES_MAX);
        decoded.map(Some).map_err(|error| NodeFailure::Storage { action, cause: error.to_string() })
    }
}

impl Store for RedbStore {
    fn header(&self) -> &Header {
        &self.header
    }

    fn view(&self) -> Result<Arc<dyn View>, NodeFailure> {
        self.require_sound()?;
        let open = || -> Result<_, ::redb::Error> { Ok(self.database.begin_read()?.open_table(ENTRIES)?) };
        let entries = open().map_err(failure("open a view"))?;
        let (header, trie) = (self.header.clone(), self.trie.clone());
        Ok(Arc::new(RedbView { header, trie, entries, _database: Arc::clone(&self.database) }))
    }

    fn commit(&mut self, block: &BlockCommit) -> Result<(), CommitError> {
        self.require_sound()?;
        check(&self.header, block)?;
        // Until the write has succeeded it has failed: nothing in between can forget to say so.
        self.failed = true;
        tables::write_block(&self.database, &block.header, &block.changes, &block.receipts, None)
            .map_err(failure("commit a block"))?;
        self.failed = false;
        self.header = block.header.clone();
        self.trie = block.trie.clone();
        Ok(())
    }

    fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, NodeFailure> {
        self.row(RECEIPTS, height, "read receipts")
    }

    fn header_at(&self, height: u64) -> Result<Option<Header>, NodeFailure> {
        self.row(HEADERS, height, "read a header")
    }
}

impl View for RedbView {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        let found = self.entries.get(key.as_bytes()).map_err(failure("read an entry"))?;
        Ok(found.map(|value| Value::from_slice(value.value())))
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        const ACTION: &str = "find an entry";
        // Keys with the prefix are one contiguous range that begins at the prefix itself.
        let first = prefix.max(from).as_bytes();
        let mut rows = self.entries.range(first..).map_err(failure(ACTION))?;
        let Some(row) = rows.next() else { return Ok(None) };
        let (key, value) = row.map_err(failure(ACTION))?;
        if !key.value().starts_with(prefix.as_bytes()) {
            return Ok(None);
        }
        let key = Key::from_bytes(key.value())
            .map_err(|error| NodeFailure::Storage { action: ACTION, cause: error.to_string() })?;
        Ok(Some((key, Value::from_slice(value.value()))))
    }

    fn trie(&self) -> &Trie {
        &self.trie
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("header", &self.header)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RedbView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbView").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Makes a failure out of redb's error while doing `action`.
fn failure<E: Into<::redb::Error>>(action: &'static str) -> impl FnOnce(E) -> NodeFailure {
    move |error| NodeFailure::Storage { action, cause: error.into().to_string() }
}
