//! Opens the store that a scenario runs on. A scenario begins at genesis, so its store is always a new one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use tempfile::TempDir;
use vm_state::{Genesis, MemoryStore, RedbStore, Store};

/// Where a scenario's state is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory.
    Memory,
    /// In a redb file that is removed afterwards.
    Temporary,
    /// In a redb file that stays.
    Path(PathBuf),
}

/// Why there is no store.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum PlaceError {
    /// A store is there already.
    #[error("{} is a store already, and a scenario begins with an empty one", .0.display())]
    #[diagnostic(help("give a path where there is no file yet, or move this one away first"))]
    StoreExists(PathBuf),
    /// Something else is there.
    #[error("{} exists and is not a store; it was left as it is", .0.display())]
    #[diagnostic(help("give a path where there is no file yet"))]
    OtherFile(PathBuf),
    /// The folder is missing.
    #[error("there is no folder {}", .0.display())]
    #[diagnostic(help("make it first, or give another path"))]
    NoFolder(PathBuf),
    /// The path cannot be looked at.
    #[error("cannot look at {}: {cause}", path.display())]
    Look {
        /// The path.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The store cannot be made.
    #[error("the node failed: cannot make a store at {}: {cause}", path.display())]
    Node {
        /// The path.
        path: PathBuf,
        /// What the store says.
        cause: String,
    },
}

impl PlaceError {
    /// Whether the node failed, rather than its user.
    #[must_use]
    pub fn is_node_failure(&self) -> bool {
        matches!(self, Self::Node { .. })
    }
}

/// An open store, and the folder that goes with it.
#[derive(Debug)]
pub struct Opened {
    store: Box<dyn Store>,
    _folder: Option<TempDir>,
}

impl Opened {
    /// The store.
    pub fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut()
    }
}

/// What redb files begin with.
const REDB_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

impl Place {
    /// Whether a store can be made here. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`PlaceError`] if something is there already, or its folder is missing.
    pub fn check(&self) -> Result<(), PlaceError> {
        let Self::Path(path) = self else { return Ok(()) };
        let look = |cause| PlaceError::Look { path: path.clone(), cause };
        if path.try_exists().map_err(look)? || path.is_symlink() {
            let is_store = path.is_file() && begins_with(path, REDB_MAGIC).map_err(look)?;
            return Err(if is_store {
                PlaceError::StoreExists(path.clone())
            } else {
                PlaceError::OtherFile(path.clone())
            });
        }
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                Err(PlaceError::NoFolder(folder.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Makes a store that holds `genesis`.
    ///
    /// # Errors
    ///
    /// [`PlaceError`] if something is there already, or the store cannot be made.
    pub fn open(&self, genesis: &Genesis) -> Result<Opened, PlaceError> {
        self.check()?;
        let redb = |path: &Path| -> Result<Box<dyn Store>, PlaceError> {
            match RedbStore::create(path, genesis) {
                Ok(store) => Ok(Box::new(store)),
                Err(error) => Err(PlaceError::Node { path: path.to_owned(), cause: error.to_string() }),
            }
        };
        Ok(match self {
            Self::Memory => Opened { store: Box::new(MemoryStore::new(genesis)), _folder: None },
            Self::Path(path) => Opened { store: redb(path)?, _folder: None },
            Self::Temporary => {
                let folder = tempfile::tempdir()
                    .map_err(|cause| PlaceError::Look { path: std::env::temp_dir(), cause })?;
                let store = redb(&folder.path().join("state.redb"))?;
                Opened { store, _folder: Some(folder) }
            }
        })
    }
}

fn begins_with(path: &Path, magic: &[u8]) -> std::io::Result<bool> {
    let mut found = vec![0; magic.len()];
    let mut file = File::open(path)?;
    let mut filled = 0;
    while let Some(rest) = found.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => return Ok(false),
            count => filled = filled.saturating_add(count),
        }
    }
    Ok(found == magic)
}
