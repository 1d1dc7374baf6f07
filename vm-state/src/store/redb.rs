//! The store on disk: one redb file (`docs/format.md` section 6).
//!
//! Invariants:
//! - one block is one durable write transaction (R82; `write` has how);
//! - in memory is the part of the trie above buckets of [`BUCKET`] entries, the rows below are read when they are
//!   needed: some 12 bytes for each entry. It is written down when enough has changed, and brought up to the head from
//!   the undo rows when the store is opened;
//! - after a failed write the store refuses every later call until it is opened again;
//! - no file content panics: redb's own panics end at `guard`.
//!
//! A view holds a read transaction and the database: it stays good while later blocks are committed and after the
//! store itself is dropped, and keeps the file locked as long.
//!
//! Deliberately not here: a cache above redb's.

mod error;
mod guard;
mod import;
mod open;
mod past;
mod tables;
#[cfg(test)]
mod tests;
mod view;
mod write;

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use vm_core::codec::decode_exact;
use vm_core::{Header, Receipt};

pub use self::error::OpenError;
use self::guard::{Guarded, guarded};
pub use self::import::ImportError;
use self::tables::{HEADERS, RECEIPTS, read_header_row};
use self::view::RedbView;
use super::{CommitError, Retention, RollbackError, Store, check, check_rollback};
use crate::{BlockCommit, ChangeSet, NodeFailure, Overlay, ReadError, Trie, View};

/// More than any block's receipts or undo entries have: the limits on what its transactions touch and return.
const ROW_BYTES_MAX: usize = 1 << 30;
/// How many neighbouring entries are left to the rows together. Memory falls with it, hashing grows.
const BUCKET: u32 = 16;
/// After this many changed entries the trie is written down: opening has that many to catch up with, a fifth of a
/// second's work.
const CATCH_UP_MAX: u64 = 20_000;

/// How a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// How much of the past it keeps. More than the file has kept so far can't be had back.
    pub retention: Retention,
    /// How much of the file redb may keep in memory.
    pub cache_bytes: u64,
    /// How much opening looks at.
    pub check: Check,
}

impl Default for StoreOptions {
    /// 128 states, 24 MiB, a quick check: a store of 10 million entries runs in less than 200 MB then. More pays where
    /// it holds nearly all of the file: with 64 MiB, blocks over a million entries take an eighth less time.
    fn default() -> Self {
        Self { retention: Retention::default(), cache_bytes: 24 << 20, check: Check::Quick }
    }
}

/// How much of the file opening looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Format, chain, head, and that the trie written down leads to the head's root. Entries that were changed behind
    /// the store's back show when they are read or proved.
    Quick,
    /// Every page's checksum, and every entry against the head's root: reads the whole file.
    Full,
}

/// A chain in a redb file.
pub struct RedbStore {
    database: Arc<Guarded>,
    header: Header,
    trie: Trie,
    options: StoreOptions,
    /// The lowest height whose state is retained.
    oldest: u64,
    /// The block whose trie is written down.
    written: u64,
    /// How many entries changed since.
    unwritten: u64,
    /// [`CATCH_UP_MAX`]; tests write the trie down sooner.
    catch_up_max: u64,
    /// Whether a write has failed.
    failed: bool,
}

impl RedbStore {
    fn require_sound(&self) -> Result<(), NodeFailure> {
        if self.failed {
            let cause = "an earlier write failed; open the store again".to_string();
            return Err(NodeFailure::Storage { action: "go on", cause });
        }
        Ok(())
    }

    /// The row of `height` in one of the tables by height, as `read` understands it.
    fn row<T>(
        &self,
        table: tables::ByHeight,
        height: u64,
        action: &'static str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, NodeFailure> {
        self.require_sound()?;
        let damaged = || ::redb::Error::Corrupted(alloc::format!("the row of height {height} is none"));
        guarded(action, || {
            let row = self.database.begin_read()?.open_table(table)?.get(height)?;
            row.map(|row| read(row.value()).ok_or_else(damaged)).transpose()
        })
    }

    /// Writes: until it has succeeded it has failed, so that nothing in between can forget to say so.
    fn write(
        &mut self,
        action: &'static str,
        write: impl FnOnce(&Guarded) -> Result<(), ::redb::Error>,
    ) -> Result<(), NodeFailure> {
        self.failed = true;
        let database = Arc::clone(&self.database);
        guarded(action, || write(&database))?;
        self.failed = false;
        Ok(())
    }

    /// The header of a height that is retained.
    fn retained_header(&self, height: u64) -> Result<Header, NodeFailure> {
        let missing = || NodeFailure::Storage {
            action: "read a header",
            cause: alloc::format!("the header of height {height} is missing"),
        };
        self.header_at(height)?.ok_or_else(missing)
    }

    /// What leads back to the retained state of `height`, its header, and its trie.
    fn state_at(&self, height: u64) -> Result<(Header, ChangeSet, Trie), NodeFailure> {
        let header = self.retained_header(height)?;
        let changes = past::changes_back(&self.database, height, self.header.height)?;
        let trie = self.trie.update(Some(&self.head_view()?), &changes).map_err(whole)?;
        if trie.root() != header.state_root {
            let cause = alloc::format!("the undo rows do not lead back to the root of height {height}");
            return Err(NodeFailure::Storage { action: "go back to an earlier block", cause });
        }
        Ok((header, changes, trie))
    }

    fn head_view(&self) -> Result<RedbView, NodeFailure> {
        RedbView::new(&self.database, self.header.clone(), self.trie.clone())
    }
}

/// A store's trie lacks nothing.
fn whole(error: ReadError) -> NodeFailure {
    match error {
        ReadError::Failure(failure) => failure,
        ReadError::WitnessIncomplete => NodeFailure::Invariant("a store's trie has no opaque node"),
    }
}

impl Store for RedbStore {
    fn header(&self) -> &Header {
        &self.header
    }

    fn view(&self) -> Result<Arc<dyn View>, NodeFailure> {
        self.require_sound()?;
        Ok(Arc::new(self.head_view()?))
    }

    fn view_at(&self, height: u64) -> Result<Option<Arc<dyn View>>, NodeFailure> {
        let head = self.view()?;
        if height == self.header.height {
            return Ok(Some(head));
        }
        if height < self.oldest || height > self.header.height {
            return Ok(None);
        }
        let (header, changes, trie) = self.state_at(height)?;
        Ok(Some(Arc::new(Overlay::with(head, header, &changes, trie))))
    }

    fn oldest(&self) -> u64 {
        self.oldest
    }

    fn commit(&mut self, block: &BlockCommit) -> Result<(), CommitError> {
        self.require_sound()?;
        check(&self.header, &self.trie, block)?;
        let height = block.header.height;
        let changed = u64::try_from(block.changes.len()).unwrap_or(u64::MAX);
        let unwritten = self.unwritten.saturating_add(changed);
        let trie = (unwritten > self.catch_up_max).then_some(&block.trie);
        let written = if trie.is_some() { height } else { self.written };
        let oldest = self.oldest.max(self.options.retention.oldest(height));
        let forget_undo_to = oldest.min(written);
        let upkeep = write::Upkeep { trie, oldest, forget_undo_to };
        self.write("commit a block", |database| {
            write::block(database, &block.header, &block.changes, &block.receipts, upkeep)
        })?;
        self.header = block.header.clone();
        self.trie = block.trie.clone();
        (self.oldest, self.written) = (oldest, written);
        self.unwritten = if written == height { 0 } else { unwritten };
        Ok(())
    }

    fn rollback(&mut self, height: u64) -> Result<(), RollbackError> {
        self.require_sound()?;
        check_rollback(height, self.oldest, self.header.height)?;
        if height == self.header.height {
            return Ok(());
        }
        let (header, changes, trie) = self.state_at(height)?;
        let to_write = (self.written > height).then_some(&trie);
        self.write("roll back", |database| write::rollback(database, height, &changes, to_write))?;
        if to_write.is_some() {
            (self.written, self.unwritten) = (height, 0);
        }
        (self.header, self.trie) = (header, trie);
        Ok(())
    }

    fn prune(&mut self, below: u64) -> Result<(), NodeFailure> {
        self.require_sound()?;
        let height = self.header.height;
        let below = below.min(height);
        let oldest = self.oldest.max(below);
        // The undo rows that go would be missing on the way from the written trie to the head.
        let to_write = (self.written < oldest).then(|| self.trie.clone());
        let trie = to_write.as_ref().map(|trie| (height, trie));
        self.write("prune", |database| write::prune(database, below, oldest, trie))?;
        self.oldest = oldest;
        if to_write.is_some() {
            (self.written, self.unwritten) = (height, 0);
        }
        Ok(())
    }

    fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, NodeFailure> {
        self.row(RECEIPTS, height, "read receipts", |row| decode_exact(row, ROW_BYTES_MAX).ok())
    }

    fn header_at(&self, height: u64) -> Result<Option<Header>, NodeFailure> {
        self.row(HEADERS, height, "read a header", read_header_row)
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("header", &self.header)
            .field("options", &self.options)
            .field("oldest", &self.oldest)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
