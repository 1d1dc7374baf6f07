//! Creating and opening a store.
//!
//! Opening looks at the file's first bytes before redb may write a single one, and checks format, parameters, head and
//! root in this order. The head's trie is the one written down, brought up to date from the undo rows; it must have
//! the root that the head's header names.

use ::redb::backends::FileBackend;
use ::redb::{Builder, Database, ReadOnlyTable, ReadTransaction, StorageBackend, TableError};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use vm_core::commitment::leaf_hash;
use vm_core::{Hash, Header, Key, value_hash};

use super::guard::{Guarded, caught};
use super::tables::{
    ENTRIES, FORMAT_VERSION, HEADERS, META, META_FORMAT, META_HEAD, META_IMPORT, META_OLDEST, META_PARAMS,
    META_TRIE, RECEIPTS, Row, TRIE, UNDO, VALUES, read_header_row, read_row, read_trie_row,
};
use super::{BUCKET, CATCH_UP_MAX, Check, OpenError, RedbStore, RedbView, StoreOptions, past, whole, write};
use crate::{Genesis, NodeFailure, Overlay, Trie, TrieBuilder, View};

/// What every redb file begins with (redb's `docs/design.md`).
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";
/// Where a store is that has no path.
const NO_PATH: &str = "(no file)";

pub(super) const OPEN: &str = "open the file";
pub(super) const CREATE: &str = "create the file";

impl RedbStore {
    /// Creates the chain that begins with `genesis` in a new file at `path`, with the default options.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if something is there, which is not touched; [`OpenError::Failure`] if the file can't be
    /// written, which is removed then.
    pub fn create(path: impl AsRef<Path>, genesis: &Genesis) -> Result<Self, OpenError> {
        Self::create_with(path, genesis, StoreOptions::default())
    }

    /// Creates the chain that begins with `genesis` in a new file at `path`.
    ///
    /// # Errors
    ///
    /// As [`Self::create`].
    pub fn create_with(
        path: impl AsRef<Path>,
        genesis: &Genesis,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let at = path.display().to_string();
        create_file(path, &at, |backend| Self::create_in(backend, &at, genesis, options))
    }

    /// Creates the chain that begins with `genesis` on `backend`, which must be empty: for tests of crashes.
    ///
    /// # Errors
    ///
    /// As [`Self::create`].
    pub fn create_on(
        backend: impl StorageBackend,
        genesis: &Genesis,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let len = backend.len().map_err(|error| OpenError::from_io(NO_PATH, CREATE, &error))?;
        if len > 0 {
            return Err(OpenError::Exists { at: NO_PATH.to_string() });
        }
        Self::create_in(backend, NO_PATH, genesis, options)
    }

    fn create_in(
        backend: impl StorageBackend,
        at: &str,
        genesis: &Genesis,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let header = genesis.header();
        let trie = genesis_trie(genesis).map_err(|error| OpenError::damaged(at, error))?;
        let entries = genesis.changes().iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        let database = caught(|| -> Result<_, ::redb::Error> {
            let database = Guarded::new(builder(&options).create_with_backend(backend)?);
            let transaction = write::begin(&database)?;
            write::chain(&transaction, &header.params)?;
            write::fill(&transaction, entries)?;
            write::found(&transaction, header, Some(&[]), &trie)?;
            transaction.commit()?;
            Ok(database)
        });
        let database = Arc::new(database.map_err(|error| OpenError::from_redb(at, CREATE, error))?);
        let (oldest, written) = (header.height, header.height);
        let header = header.clone();
        let (unwritten, catch_up_max) = (0, CATCH_UP_MAX);
        Ok(Self { database, header, trie, options, oldest, written, unwritten, catch_up_max, failed: false })
    }

    /// Opens the store at `path` of the chain with the parameters `params`, with the default options.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. The file's content is not changed then; a redb file's own bookkeeping may be.
    pub fn open(path: impl AsRef<Path>, params: &Hash) -> Result<Self, OpenError> {
        Self::open_with(path, params, StoreOptions::default())
    }

    /// Opens the store at `path` of the chain with the parameters `params`.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_with(
        path: impl AsRef<Path>,
        params: &Hash,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let at = path.display().to_string();
        check_first_bytes(path, &at)?;
        let database = caught(|| Ok(builder(&options).open(path)?));
        let database = database.map_err(|error| OpenError::from_redb(&at, OPEN, error))?;
        Self::load(database, &at, params, options)
    }

    /// Opens the store on `backend`: for tests of crashes.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_on(
        backend: impl StorageBackend,
        params: &Hash,
        options: StoreOptions,
    ) -> Result<Self, OpenError> {
        let len = backend.len().map_err(|error| OpenError::from_io(NO_PATH, OPEN, &error))?;
        if len == 0 {
            return Err(OpenError::Empty { at: NO_PATH.to_string() });
        }
        let database = caught(|| Ok(builder(&options).create_with_backend(backend)?));
        let database = database.map_err(|error| OpenError::from_redb(NO_PATH, OPEN, error))?;
        Self::load(database, NO_PATH, params, options)
    }

    fn load(database: Database, at: &str, params: &Hash, options: StoreOptions) -> Result<Self, OpenError> {
        let database = Arc::new(Guarded::new(database));
        let read = |run: &dyn Fn(&ReadTransaction) -> Result<Found, OpenError>| {
            // The error is ours already; redb's panics become one.
            caught(|| Ok(run(&database.begin_read()?)))
                .unwrap_or_else(|error| Err(OpenError::from_redb(at, OPEN, error)))
        };
        let found = read(&|reading| find(reading, at, params))?;
        let (trie, unwritten) =
            catch_up(&database, &found).map_err(|failure| OpenError::damaged(at, failure))?;
        let Found { header, written, oldest, .. } = found;
        let root = |found: Hash| {
            let (height, expected) = (header.height, header.state_root);
            if found == expected {
                return Ok(());
            }
            Err(OpenError::RootMismatch { at: at.to_string(), height, expected, found })
        };
        root(trie.root())?;
        if options.check == Check::Full {
            let entries = caught(|| Ok(read_trie(&database.begin_read()?, at)));
            let entries = entries.unwrap_or_else(|error| Err(OpenError::from_redb(at, OPEN, error)))?;
            root(entries.root())?;
        }
        let oldest = oldest.max(options.retention.oldest(header.height));
        let catch_up_max = CATCH_UP_MAX;
        Ok(Self { database, header, trie, options, oldest, written, unwritten, catch_up_max, failed: false })
    }
}

/// Makes a new file and a store in it; removes the file if that fails.
pub(super) fn create_file<T>(
    path: &Path,
    at: &str,
    create: impl FnOnce(FileBackend) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| OpenError::from_io(at, CREATE, &error))?;
    let created = FileBackend::new(file)
        .map_err(|error| OpenError::from_redb(at, CREATE, error))
        .and_then(create)
        .and_then(|store| sync_directory(path, at).map(|()| store));
    if created.is_err() {
        // It was made above and holds nothing. Should removing fail too, the first error is the one to tell.
        drop(fs::remove_file(path));
    }
    created
}

fn genesis_trie(genesis: &Genesis) -> Result<Trie, crate::TrieError> {
    let mut builder = TrieBuilder::over_rows(BUCKET);
    for (key, value) in genesis.changes().iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        builder.push_row(key, leaf_hash(key.as_bytes(), &value_hash(value)))?;
    }
    Ok(builder.finish())
}

pub(super) fn builder(options: &StoreOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(usize::try_from(options.cache_bytes).unwrap_or(usize::MAX));
    builder.set_check_integrity_on_open(options.check == Check::Full);
    builder
}

/// What a file says of itself.
struct Found {
    header: Header,
    /// The block whose trie is written down, and that trie.
    written: u64,
    written_header: Header,
    trie: Trie,
    /// The lowest height whose state is retained.
    oldest: u64,
}

fn find(reading: &ReadTransaction, at: &str, params: &Hash) -> Result<Found, OpenError> {
    let (height, written, oldest) = read_meta(reading, at, params)?;
    let header = read_header(reading, at, height)?;
    if header.params != *params {
        return Err(OpenError::damaged(at, "the head's parameters are not the store's"));
    }
    if written > height || oldest > height {
        return Err(OpenError::damaged(at, "a block after the head is named"));
    }
    let written_header = read_header(reading, at, written)?;
    let trie = read_written_trie(reading, at)?;
    for table in [ENTRIES, VALUES] {
        reading.open_table(table).map_err(|error| table_error(at, error))?;
    }
    for table in [RECEIPTS, UNDO] {
        reading.open_table(table).map_err(|error| table_error(at, error))?;
    }
    Ok(Found { header, written, written_header, trie, oldest })
}

/// The trie that is written down. Its buckets are never in memory all at once: there are many.
fn read_written_trie(reading: &ReadTransaction, at: &str) -> Result<Trie, OpenError> {
    let from_redb = |error| OpenError::from_redb(at, OPEN, error);
    let table = reading.open_table(TRIE).map_err(|error| table_error(at, error))?;
    let mut failed = None;
    let rows = table.range::<u64>(..).map_err(from_redb)?.map(|row| {
        let (_, row) = row.map_err(from_redb)?;
        read_trie_row(row.value()).ok_or_else(|| OpenError::damaged(at, "a row of the trie is none"))
    });
    let rows = rows.map_while(|row| row.map_err(|error| failed = Some(error)).ok());
    let trie = Trie::from_buckets(BUCKET, rows.flatten());
    match failed {
        Some(error) => Err(error),
        None => trie.map_err(|error| OpenError::damaged(at, error)),
    }
}

/// The head's trie from the one written down, and how many entries changed in between.
fn catch_up(database: &Arc<Guarded>, found: &Found) -> Result<(Trie, u64), NodeFailure> {
    let back = past::changes_back(database, found.written, found.header.height)?;
    if back.is_empty() {
        return Ok((found.trie.clone(), 0));
    }
    let head = RedbView::new(database, found.header.clone(), found.trie.clone())?;
    let mut forth = Vec::with_capacity(back.len());
    for (key, _) in &back {
        forth.push((*key, head.get(key).map_err(whole)?));
    }
    let then = Overlay::with(Arc::new(head), found.written_header.clone(), &back, found.trie.clone());
    let trie = found.trie.update(Some(&then), &forth).map_err(whole)?;
    Ok((trie, u64::try_from(forth.len()).unwrap_or(u64::MAX)))
}

/// Refuses what is no redb file without opening it for writing.
pub(super) fn check_first_bytes(path: &Path, at: &str) -> Result<(), OpenError> {
    let mut first = alloc::vec::Vec::new();
    let file = File::open(path).map_err(|error| OpenError::from_io(at, OPEN, &error))?;
    let is_file = file.metadata().map_err(|error| OpenError::from_io(at, OPEN, &error))?.is_file();
    if !is_file {
        return Err(OpenError::NotAStore { at: at.to_string() });
    }
    file.take(9).read_to_end(&mut first).map_err(|error| OpenError::from_io(at, OPEN, &error))?;
    if first.is_empty() {
        Err(OpenError::Empty { at: at.to_string() })
    } else if first == MAGIC {
        Ok(())
    } else if MAGIC.starts_with(&first) {
        Err(OpenError::damaged(at, "bytes are missing at its end"))
    } else {
        Err(OpenError::NotAStore { at: at.to_string() })
    }
}

/// Checks format and parameters; gives the table that names the rest.
pub(super) fn read_chain(
    reading: &ReadTransaction,
    at: &str,
    params: &Hash,
) -> Result<ReadOnlyTable<&'static str, &'static [u8]>, OpenError> {
    let meta = match reading.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(OpenError::from_redb(at, OPEN, error)),
        Err(_) => {
            let mut tables = reading.list_tables().map_err(|error| OpenError::from_redb(at, OPEN, error))?;
            let at = at.to_string();
            return Err(match tables.next() {
                None => OpenError::Unfinished { at },
                Some(_) => OpenError::OtherProgram { at },
            });
        }
    };
    let get = |name: &str| meta.get(name).map_err(|error| OpenError::from_redb(at, OPEN, error));
    let format = get(META_FORMAT)?.and_then(|found| <[u8; 4]>::try_from(found.value()).ok());
    let Some(format) = format else { return Err(OpenError::OtherProgram { at: at.to_string() }) };
    let found = u32::from_le_bytes(format);
    if found != FORMAT_VERSION {
        return Err(OpenError::FormatVersion { at: at.to_string(), expected: FORMAT_VERSION, found });
    }
    let found = get(META_PARAMS)?.and_then(|found| <[u8; 32]>::try_from(found.value()).ok()).map(Hash);
    let found = found.ok_or_else(|| OpenError::damaged(at, "no parameters hash"))?;
    if found != *params {
        return Err(OpenError::OtherParams { at: at.to_string(), expected: *params, found });
    }
    Ok(meta)
}

/// Checks format and parameters; gives the heights of the head, of the block whose trie is written down, and of the
/// oldest state retained.
fn read_meta(reading: &ReadTransaction, at: &str, params: &Hash) -> Result<(u64, u64, u64), OpenError> {
    let meta = read_chain(reading, at, params)?;
    let get = |name: &str| meta.get(name).map_err(|error| OpenError::from_redb(at, OPEN, error));
    if get(META_IMPORT)?.is_some() {
        return Err(OpenError::Importing { at: at.to_string() });
    }
    let height = |name: &str, missing: &str| {
        let found = get(name)?.and_then(|found| <[u8; 8]>::try_from(found.value()).ok());
        found.map(u64::from_le_bytes).ok_or_else(|| OpenError::damaged(at, missing))
    };
    Ok((
        height(META_HEAD, "no head")?,
        height(META_TRIE, "no trie")?,
        height(META_OLDEST, "no oldest state")?,
    ))
}

fn read_header(reading: &ReadTransaction, at: &str, height: u64) -> Result<Header, OpenError> {
    let headers = reading.open_table(HEADERS).map_err(|error| table_error(at, error))?;
    let bytes = headers.get(height).map_err(|error| OpenError::from_redb(at, OPEN, error))?;
    let bytes = bytes.ok_or_else(|| OpenError::damaged(at, "the head's header is missing"))?;
    let header = read_header_row(bytes.value());
    let header = header.ok_or_else(|| OpenError::damaged(at, "the head's header is none"))?;
    if header.height != height {
        return Err(OpenError::damaged(at, "the head's header has another height"));
    }
    Ok(header)
}

/// The trie of all entries, from their values: each row's hash is checked.
pub(super) fn read_trie(reading: &ReadTransaction, at: &str) -> Result<Trie, OpenError> {
    let entries = reading.open_table(ENTRIES).map_err(|error| table_error(at, error))?;
    let values = reading.open_table(VALUES).map_err(|error| table_error(at, error))?;
    let from_redb = |error| OpenError::from_redb(at, OPEN, error);
    let mut builder = TrieBuilder::over_rows(BUCKET);
    for row in entries.range::<&[u8]>(..).map_err(from_redb)? {
        let (name, row) = row.map_err(from_redb)?;
        let key = Key::from_bytes(name.value()).map_err(|error| OpenError::damaged(at, error))?;
        let (leaf, hash) = match read_row(row.value()) {
            Some((leaf, Row::Inline(value))) => (leaf, value_hash(value)),
            Some((leaf, Row::Apart)) => {
                let value = values.get(name.value()).map_err(from_redb)?;
                let value = value.ok_or_else(|| OpenError::damaged(at, "an entry's value is missing"))?;
                (leaf, value_hash(value.value()))
            }
            None => return Err(OpenError::damaged(at, "an entry's row is none")),
        };
        if leaf != leaf_hash(key.as_bytes(), &hash) {
            return Err(OpenError::damaged(at, "an entry's value is not the one that was written"));
        }
        builder.push_row(&key, leaf).map_err(|error| OpenError::damaged(at, error))?;
    }
    Ok(builder.finish())
}

/// A missing or differently typed table is damage: `meta` says that the file is ours.
fn table_error(at: &str, error: TableError) -> OpenError {
    if let TableError::Storage(error) = error {
        OpenError::from_redb(at, OPEN, error)
    } else {
        OpenError::damaged(at, error)
    }
}

/// Makes the new file's name durable, which syncing the file does not. Only Unix lets one sync a directory.
fn sync_directory(path: &Path, at: &str) -> Result<(), OpenError> {
    if !cfg!(unix) {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))
        .and_then(|directory| directory.sync_all())
        .map_err(|error| OpenError::from_io(at, CREATE, &error))
}
