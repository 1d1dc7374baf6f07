//! The rows after a block, in a read transaction.

use ::redb::{ReadOnlyTable, StorageError};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use vm_core::commitment::leaf_hash;
use vm_core::{Header, Key, value_hash};

use super::guard::{Guarded, guarded};
use super::tables::{ENTRIES, Row, VALUES, kept, read_row};
use crate::{LeafRow, NodeFailure, ReadError, Region, Trie, Value, View};

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The state after a block.
pub(super) struct RedbView {
    header: Header,
    trie: Trie,
    entries: Rows,
    values: Rows,
    /// Keeps redb from closing the file under the tables. Declared after them, so that it is dropped after them.
    _database: Arc<Guarded>,
}

const FIND: &str = "find an entry";

impl RedbView {
    /// The rows as they are now, which belong to this header and trie.
    pub(super) fn new(database: &Arc<Guarded>, header: Header, trie: Trie) -> Result<Self, NodeFailure> {
        let open = || -> Result<_, ::redb::Error> {
            let reading = database.begin_read()?;
            Ok((reading.open_table(ENTRIES)?, reading.open_table(VALUES)?))
        };
        let (entries, values) = guarded("open a view", open)?;
        Ok(Self { header, trie, entries, values, _database: Arc::clone(database) })
    }

    /// The value that a row says. It must be the one that the row's hash is of: redb checks its pages when it repairs a
    /// file, not when it reads one.
    fn value(&self, key: &[u8], row: &[u8]) -> Result<Value, StorageError> {
        let (leaf, row) = read_row(row).ok_or_else(damaged_row)?;
        let value = match row {
            Row::Inline(value) => kept(value),
            Row::Apart => {
                let value = self.values.get(key)?;
                value.map(|value| kept(value.value())).ok_or_else(damaged_row)?
            }
        };
        if leaf_hash(key, &value_hash(&value)) != leaf {
            return Err(StorageError::Corrupted(
                "an entry's value is not the one that was written".to_string(),
            ));
        }
        Ok(value)
    }
}

fn damaged_row() -> StorageError {
    StorageError::Corrupted("an entry's row is none".to_string())
}

fn entry_key(bytes: &[u8]) -> Result<Key, StorageError> {
    Key::from_bytes(bytes).map_err(|error| StorageError::Corrupted(error.to_string()))
}

impl View for RedbView {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        let name = key.as_bytes();
        Ok(guarded("read an entry", || {
            let Some(row) = self.entries.get(name)? else { return Ok::<_, StorageError>(None) };
            self.value(name, row.value()).map(Some)
        })?)
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        // Keys with the prefix are one contiguous range that begins at the prefix itself.
        let first = prefix.max(from).as_bytes();
        Ok(guarded(FIND, || {
            let Some(row) = self.entries.range(first..)?.next() else { return Ok::<_, StorageError>(None) };
            let (key, row) = row?;
            if !key.value().starts_with(prefix.as_bytes()) {
                return Ok(None);
            }
            let value = self.value(key.value(), row.value())?;
            Ok(Some((entry_key(key.value())?, value)))
        })?)
    }

    fn trie(&self) -> &Trie {
        &self.trie
    }

    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        let start = region.start().as_bytes();
        Ok(guarded("read a bucket", || {
            let rows = match region.end() {
                Some(end) => self.entries.range(start..end.as_bytes())?,
                None => self.entries.range(start..)?,
            };
            let mut leaves = Vec::new();
            for row in rows {
                let (key, row) = row?;
                let (leaf, _) = read_row(row.value()).ok_or_else(damaged_row)?;
                leaves.push(LeafRow { key: entry_key(key.value())?, leaf });
            }
            Ok::<_, StorageError>(leaves)
        })?)
    }

    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
        Ok(guarded(FIND, || {
            let Some(row) = self.entries.range(..key.as_bytes())?.next_back() else {
                return Ok::<_, StorageError>(None);
            };
            entry_key(row?.0.value()).map(Some)
        })?)
    }
}

impl fmt::Debug for RedbView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbView").field("header", &self.header).finish_non_exhaustive()
    }
}
