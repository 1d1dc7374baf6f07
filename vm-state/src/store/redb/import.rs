//! A store made from a snapshot (R85; DESIGN 10, rule 23).
//!
//! Each chunk is checked against the trusted root before it is written, and is one durable transaction, with the number
//! of the next one: an import that was cut short goes on there. Until the last transaction the file names no head and
//! can't be opened as a store; before that, all rows are read back and must have the root.

use ::redb::ReadTransaction;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::fs;
use std::path::Path;
use vm_core::{Hash, Key};

use super::guard::{Guarded, caught};
use super::open::{CREATE, OPEN, builder, check_first_bytes, create_file, read_chain, read_trie};
use super::tables::{META, META_IMPORT};
use super::{CATCH_UP_MAX, OpenError, RedbStore, StoreOptions, write};
use crate::{Chunk, Progress, Snapshot, SnapshotError, Value};

/// Why a snapshot was not imported. What was written until then stays, and the import can be resumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The snapshot is not good.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store can't be made or written.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The file holds a part of another snapshot.
    #[error("{at}: an import of another snapshot was begun here; finish that one, or delete the file")]
    OtherSnapshot {
        /// Where.
        at: String,
    },
}

impl RedbStore {
    /// Makes a store at `path` from `snapshot`, or goes on with that where it was cut short; tells `progress` after
    /// each chunk.
    ///
    /// The new store has one state, no receipts, and one header: that of the snapshot's block.
    ///
    /// # Errors
    ///
    /// [`ImportError`]; [`OpenError::Exists`] in it if a store is at `path` already.
    pub fn import(
        path: impl AsRef<Path>,
        snapshot: &Snapshot,
        options: StoreOptions,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, ImportError> {
        let path = path.as_ref();
        let at = path.display().to_string();
        let begun = if path.exists() { resume(path, &at, snapshot, &options)? } else { None };
        let (database, next) = match begun {
            Some(begun) => begun,
            None => (create_file(path, &at, |backend| begin(backend, &at, snapshot, &options))?, 0),
        };
        let of = snapshot.chunk_count();
        let mut done = next;
        while done < of {
            let chunk = snapshot.chunk(done)?;
            done = done.saturating_add(1);
            caught(|| write_chunk(&database, &chunk, &snapshot.id(), done))
                .map_err(|error| OpenError::from_redb(&at, IMPORT, error))?;
            progress(Progress { done, of: Some(of) });
        }
        Ok(finish(database, &at, snapshot, options)?)
    }
}

const IMPORT: &str = "import a snapshot";

/// The row [`META_IMPORT`].
fn import_row(id: &Hash, next: u32) -> Vec<u8> {
    [id.0.as_slice(), &next.to_le_bytes()].concat()
}

fn begin(
    backend: impl ::redb::StorageBackend,
    at: &str,
    snapshot: &Snapshot,
    options: &StoreOptions,
) -> Result<Guarded, OpenError> {
    let begun = caught(|| {
        let database = Guarded::new(builder(options).create_with_backend(backend)?);
        let transaction = write::begin(&database)?;
        write::chain(&transaction, &snapshot.header().params)?;
        let row = import_row(&snapshot.id(), 0);
        transaction.open_table(META)?.insert(META_IMPORT, row.as_slice())?;
        transaction.commit()?;
        Ok(database)
    });
    begun.map_err(|error| OpenError::from_redb(at, CREATE, error))
}

/// Opens a file of an import that was cut short; gives the number of the next chunk. A file in which nothing was
/// written yet is removed.
fn resume(
    path: &Path,
    at: &str,
    snapshot: &Snapshot,
    options: &StoreOptions,
) -> Result<Option<(Guarded, u32)>, ImportError> {
    match open_begun(path, at, snapshot, options) {
        Ok(begun) => Ok(Some(begun)),
        Err(ImportError::Store(OpenError::Empty { .. } | OpenError::Unfinished { .. })) => {
            fs::remove_file(path).map_err(|error| OpenError::from_io(at, IMPORT, &error))?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn open_begun(
    path: &Path,
    at: &str,
    snapshot: &Snapshot,
    options: &StoreOptions,
) -> Result<(Guarded, u32), ImportError> {
    check_first_bytes(path, at)?;
    let database = caught(|| Ok(Guarded::new(builder(options).open(path)?)))
        .map_err(|error| OpenError::from_redb(at, OPEN, error))?;
    let row = caught(|| Ok(find_import(&database.begin_read()?, at, snapshot)))
        .unwrap_or_else(|error| Err(OpenError::from_redb(at, OPEN, error)))?;
    let next = row.strip_prefix(snapshot.id().0.as_slice());
    let Some(next) = next else { return Err(ImportError::OtherSnapshot { at: at.to_string() }) };
    let next = next.try_into().map(u32::from_le_bytes);
    let next = next.map_err(|_| OpenError::damaged(at, "the import's row is none"))?;
    Ok((database, next))
}

fn find_import(reading: &ReadTransaction, at: &str, snapshot: &Snapshot) -> Result<Vec<u8>, OpenError> {
    let meta = read_chain(reading, at, &snapshot.header().params)?;
    let row = meta.get(META_IMPORT).map_err(|error| OpenError::from_redb(at, OPEN, error))?;
    row.map(|row| row.value().to_vec()).ok_or_else(|| OpenError::Exists { at: at.to_string() })
}

fn write_chunk(database: &Guarded, chunk: &Chunk, id: &Hash, next: u32) -> Result<(), ::redb::Error> {
    let transaction = write::begin(database)?;
    write::fill(&transaction, chunk.entries.iter().map(|(key, value): &(Key, Value)| (key, value)))?;
    let row = import_row(id, next);
    transaction.open_table(META)?.insert(META_IMPORT, row.as_slice())?;
    Ok(transaction.commit()?)
}

fn finish(
    database: Guarded,
    at: &str,
    snapshot: &Snapshot,
    options: StoreOptions,
) -> Result<RedbStore, OpenError> {
    let header = snapshot.header().clone();
    let trie = caught(|| Ok(read_trie(&database.begin_read()?, at)))
        .unwrap_or_else(|error| Err(OpenError::from_redb(at, IMPORT, error)))?;
    let (height, expected, found) = (header.height, header.state_root, trie.root());
    if found != expected {
        return Err(OpenError::RootMismatch { at: at.to_string(), height, expected, found });
    }
    caught(|| {
        let transaction = write::begin(&database)?;
        write::found(&transaction, &header, None, &trie)?;
        transaction.open_table(META)?.remove(META_IMPORT)?;
        Ok(transaction.commit()?)
    })
    .map_err(|error| OpenError::from_redb(at, IMPORT, error))?;
    let database = Arc::new(database);
    Ok(RedbStore {
        database,
        header,
        trie,
        options,
        oldest: height,
        written: height,
        unwritten: 0,
        catch_up_max: CATCH_UP_MAX,
        failed: false,
    })
}
