//! Makes the chain that a scenario runs on. A scenario begins at genesis, so its chain is always a new one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use tempfile::TempDir;
use vm_chain::Chain;
use vm_chain::chain::{BLOCKS_FILE, ChainOptions, Spec};

use crate::run::Ledger;

/// Where a scenario's chain is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory.
    Memory,
    /// In a folder that is removed afterwards.
    Temporary,
    /// In a chain's folder that stays, for the other commands.
    Path(PathBuf),
}

/// Why there is no chain.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum PlaceError {
    /// A chain is there already.
    #[error("{} is a chain already, and a scenario begins with a new one", .0.display())]
    #[diagnostic(help("give a path where nothing is yet, or move this one away first"))]
    StoreExists(PathBuf),
    /// Something else is there.
    #[error("{} exists and is no chain; it was left as it is", .0.display())]
    #[diagnostic(help("give a path where nothing is yet"))]
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
    /// The chain cannot be made.
    #[error("the node failed: cannot make a chain at {}: {cause}", path.display())]
    Node {
        /// The path.
        path: PathBuf,
        /// What it says.
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

/// A new chain, and the folder that goes with it.
#[derive(Debug)]
pub struct Opened {
    chain: Chain,
    _folder: Option<TempDir>,
}

impl Opened {
    /// The chain.
    pub fn ledger(&mut self) -> &mut dyn Ledger {
        &mut self.chain
    }
}

/// What redb files begin with.
const REDB_MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

impl Place {
    /// Whether a chain can be made here. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`PlaceError`] if something is there already, or its folder is missing.
    pub fn check(&self) -> Result<(), PlaceError> {
        let Self::Path(path) = self else { return Ok(()) };
        let look = |cause| PlaceError::Look { path: path.clone(), cause };
        if path.try_exists().map_err(look)? || path.is_symlink() {
            let is_file = path.is_file() && begins_with(path, REDB_MAGIC).map_err(look)?;
            return Err(if is_file || path.join(BLOCKS_FILE).is_file() {
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

    /// Makes a chain that begins with `spec`.
    ///
    /// # Errors
    ///
    /// [`PlaceError`] if something is there already, or the chain cannot be made.
    pub fn open(&self, spec: Spec) -> Result<Opened, PlaceError> {
        self.check()?;
        let create = |place: &vm_chain::Place, folder: Option<TempDir>| {
            let path = match place {
                vm_chain::Place::Memory => PathBuf::from("memory"),
                vm_chain::Place::Folder(path) => path.clone(),
            };
            match Chain::create(place, spec, ChainOptions::default()) {
                Ok(chain) => Ok(Opened { chain, _folder: folder }),
                Err(error) => Err(PlaceError::Node { path, cause: error.to_string() }),
            }
        };
        match self {
            Self::Memory => create(&vm_chain::Place::Memory, None),
            Self::Path(path) => create(&vm_chain::Place::Folder(path.clone()), None),
            Self::Temporary => {
                let folder = tempfile::tempdir()
                    .map_err(|cause| PlaceError::Look { path: std::env::temp_dir(), cause })?;
                create(&vm_chain::Place::Folder(folder.path().join("chain")), Some(folder))
            }
        }
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
