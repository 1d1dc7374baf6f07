//! Creating and opening a store.
//!
//! Opening looks at the file's first bytes before redb may write a single one, lets redb verify all its checksums (a
//! plain open trusts a file that was closed cleanly, and may panic on one that was changed since), and checks format,
//! parameters, head and root in this order.

use ::redb::backends::FileBackend;
use ::redb::{Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend, TableError};
use alloc::string::ToString;
use alloc::sync::Arc;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use vm_core::codec::decode_exact;
use vm_core::{Hash, Header, Key, value_hash};

use super::tables::{
    ENTRIES, FORMAT_VERSION, HEADERS, META, META_FORMAT, META_HEAD, META_PARAMS, write_block,
};
use super::{OpenError, RedbStore};
use crate::{Genesis, Trie, TrieBuilder};

/// What redb may keep of the file in memory.
const CACHE_BYTES: usize = 256 << 20;
/// What every redb file begins with (redb's `docs/design.md`).
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";
/// More than a header has.
const HEADER_BYTES_MAX: usize = 1 << 10;
/// Where a store is that has no path.
const NO_PATH: &str = "(no file)";

const OPEN: &str = "open the file";
const CREATE: &str = "create the file";

impl RedbStore {
    /// Creates the chain that begins with `genesis` in a new file at `path`.
    ///
    /// # Errors
    ///
    /// [`OpenError::Exists`] if something is there, which is not touched; [`OpenError::Failure`] if the file can't be
    /// written, which is removed then.
    pub fn create(path: impl AsRef<Path>, genesis: &Genesis) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let at = path.display().to_string();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| OpenError::from_io(&at, CREATE, &error))?;
        let created = FileBackend::new(file)
            .map_err(|error| OpenError::from_redb(&at, CREATE, error))
            .and_then(|backend| Self::create_in(backend, &at, genesis))
            .and_then(|store| sync_directory(path, &at).map(|()| store));
        if created.is_err() {
            // It was made above and holds nothing. Should removing fail too, the first error is the one to tell.
            drop(fs::remove_file(path));
        }
        created
    }

    /// Creates the chain that begins with `genesis` on `backend`, which must be empty: for tests of crashes.
    ///
    /// # Errors
    ///
    /// As [`Self::create`].
    pub fn create_on(backend: impl StorageBackend, genesis: &Genesis) -> Result<Self, OpenError> {
        let len = backend.len().map_err(|error| OpenError::from_io(NO_PATH, CREATE, &error))?;
        if len > 0 {
            return Err(OpenError::Exists { at: NO_PATH.to_string() });
        }
        Self::create_in(backend, NO_PATH, genesis)
    }

    fn create_in(backend: impl StorageBackend, at: &str, genesis: &Genesis) -> Result<Self, OpenError> {
        let header = genesis.header();
        let database = builder()
            .create_with_backend(backend)
            .map_err(|error| OpenError::from_redb(at, CREATE, error))?;
        write_block(&database, header, genesis.changes(), &[], Some(&header.params))
            .map_err(|error| OpenError::from_redb(at, CREATE, error))?;
        Ok(Self::at_head(database, header.clone(), genesis.trie().clone()))
    }

    /// Opens the store at `path` of the chain with the parameters `params`.
    ///
    /// Reads the whole file, and takes memory for every entry's key and hashes.
    ///
    /// # Errors
    ///
    /// [`OpenError`]. The file's content is not changed then; a redb file's own bookkeeping may be.
    pub fn open(path: impl AsRef<Path>, params: &Hash) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let at = path.display().to_string();
        check_first_bytes(path, &at)?;
        let database = builder().open(path).map_err(|error| OpenError::from_redb(&at, OPEN, error))?;
        Self::load(database, &at, params)
    }

    /// Opens the store on `backend`: for tests of crashes.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub fn open_on(backend: impl StorageBackend, params: &Hash) -> Result<Self, OpenError> {
        let len = backend.len().map_err(|error| OpenError::from_io(NO_PATH, OPEN, &error))?;
        if len == 0 {
            return Err(OpenError::Empty { at: NO_PATH.to_string() });
        }
        let database = builder()
            .create_with_backend(backend)
            .map_err(|error| OpenError::from_redb(NO_PATH, OPEN, error))?;
        Self::load(database, NO_PATH, params)
    }

    fn load(database: Database, at: &str, params: &Hash) -> Result<Self, OpenError> {
        let reading = database.begin_read().map_err(|error| OpenError::from_redb(at, OPEN, error))?;
        let height = read_meta(&reading, at, params)?;
        let header = read_header(&reading, at, height)?;
        if header.params != *params {
            return Err(OpenError::damaged(at, "the head's parameters are not the store's"));
        }
        let trie = read_trie(&reading, at)?;
        let (expected, found) = (header.state_root, trie.root());
        if found != expected {
            return Err(OpenError::RootMismatch { at: at.to_string(), height, expected, found });
        }
        drop(reading);
        Ok(Self::at_head(database, header, trie))
    }

    fn at_head(database: Database, header: Header, trie: Trie) -> Self {
        Self { database: Arc::new(database), header, trie, failed: false }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Refuses what is no redb file without opening it for writing.
fn check_first_bytes(path: &Path, at: &str) -> Result<(), OpenError> {
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

/// Checks format and parameters; gives the head's height.
fn read_meta(reading: &ReadTransaction, at: &str, params: &Hash) -> Result<u64, OpenError> {
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
    let head = get(META_HEAD)?.and_then(|found| <[u8; 8]>::try_from(found.value()).ok());
    head.map(u64::from_le_bytes).ok_or_else(|| OpenError::damaged(at, "no head"))
}

fn read_header(reading: &ReadTransaction, at: &str, height: u64) -> Result<Header, OpenError> {
    let headers = reading.open_table(HEADERS).map_err(|error| table_error(at, error))?;
    let bytes = headers.get(height).map_err(|error| OpenError::from_redb(at, OPEN, error))?;
    let bytes = bytes.ok_or_else(|| OpenError::damaged(at, "the head's header is missing"))?;
    let header: Header =
        decode_exact(bytes.value(), HEADER_BYTES_MAX).map_err(|error| OpenError::damaged(at, error))?;
    if header.height != height {
        return Err(OpenError::damaged(at, "the head's header has another height"));
    }
    Ok(header)
}

fn read_trie(reading: &ReadTransaction, at: &str) -> Result<Trie, OpenError> {
    let entries = reading.open_table(ENTRIES).map_err(|error| table_error(at, error))?;
    let mut builder = TrieBuilder::default();
    let rows = entries.range::<&[u8]>(..).map_err(|error| OpenError::from_redb(at, OPEN, error))?;
    for row in rows {
        let (key, value) = row.map_err(|error| OpenError::from_redb(at, OPEN, error))?;
        let key = Key::from_bytes(key.value()).map_err(|error| OpenError::damaged(at, error))?;
        builder
            .push(key.as_bytes(), value_hash(value.value()))
            .map_err(|error| OpenError::damaged(at, error))?;
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
