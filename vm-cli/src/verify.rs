//! `vm verify`: rebuilds a crate and compares with what is deployed (R72).
//!
//! The rebuild starts from nothing unless it is told where an earlier one left off, and never changes the lock file.
//! A hash that differs says that source, lock file or compiler differ; where the other module's bytes are at hand, the
//! sections that differ are named.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use vm_chain::chain::ChainOptions;
use vm_chain::{Chain, ChainError};
use vm_core::{Address, Hash, Params};
use vm_state::{OpenError, ReadError, RedbStore, StateReader, Store as _};

use crate::build::sizes::section_ranges;
use crate::build::{BuildError, Made};
use crate::cli::Exit;
use crate::files;

/// What a build is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The code's hash.
    pub code_hash: Hash,
    /// The code, where it is at hand.
    pub code: Option<Vec<u8>>,
    /// Where it was found, for people.
    pub found: String,
}

/// Why there is nothing to compare with.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum ExpectedError {
    /// The module's file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    #[diagnostic(help("give the module that is deployed, or its hash: --code-hash HASH"))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{0}")]
    #[diagnostic(help("give the file that `vm run --store` made"))]
    Store(#[from] OpenError),
    /// The chain cannot be opened.
    #[error("{0}")]
    #[diagnostic(help("give the folder that `vm run --store` made, while no other process has it open"))]
    Chain(#[from] ChainError),
    /// The store cannot be read.
    #[error("the store cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The store's state cannot be shown.
    #[error("{0}")]
    Failure(#[from] vm_state::NodeFailure),
    /// Nothing is deployed there.
    #[error("no contract has the address {contract} in {}, at height {height}", store.display())]
    #[diagnostic(help("`vm run --json` gives the addresses of a scenario's contracts, under `names`"))]
    NoContract {
        /// The address.
        contract: Address,
        /// The store.
        store: PathBuf,
        /// The height looked at.
        height: u64,
    },
}

impl ExpectedError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::File { .. } | Self::NoContract { .. } => Exit::BadInput,
            Self::Store(OpenError::Failure { .. }) | Self::Read(_) | Self::Failure(_) => Exit::NodeFailure,
            Self::Chain(ChainError::Missing(_)) => Exit::BadInput,
            Self::Chain(error) if error.is_in_use() => Exit::BadInput,
            Self::Chain(_) => Exit::NodeFailure,
            Self::Store(_) => Exit::BadInput,
        }
    }
}

impl Expected {
    /// A hash alone.
    #[must_use]
    pub fn hash(code_hash: Hash) -> Self {
        Self { code_hash, code: None, found: "given".to_owned() }
    }

    /// A module in a file.
    ///
    /// # Errors
    ///
    /// [`ExpectedError::File`].
    pub fn file(path: &Path) -> Result<Self, ExpectedError> {
        let code = files::read(path, files::MODULE_BYTES_MAX)
            .map_err(|cause| ExpectedError::File { path: path.to_owned(), cause })?;
        Ok(Self { code_hash: Hash::of_code(&code), code: Some(code), found: path.display().to_string() })
    }

    /// A contract at the head of a chain in a folder, or of a state's file alone.
    ///
    /// # Errors
    ///
    /// [`ExpectedError`]: no store, or no contract there.
    pub fn deployed(store: &Path, contract: Address) -> Result<Self, ExpectedError> {
        let view = if store.is_dir() {
            Chain::open(store, ChainOptions::default())?.view()?
        } else {
            RedbStore::open(store, &Params::default().hash())?.view()?
        };
        let reader = StateReader::new(view.as_ref());
        let height = view.header().height;
        let found = reader.contract(&contract)?.ok_or_else(|| ExpectedError::NoContract {
            contract,
            store: store.to_owned(),
            height,
        })?;
        let code = reader.code(&found.code_hash)?;
        Ok(Self {
            code_hash: found.code_hash,
            code: code.map(|code| code.to_vec()),
            found: format!("contract {contract} in {}, at height {height}", store.display()),
        })
    }

    /// The sections in which the build differs, as lines for people; none where the bytes are not at hand.
    ///
    /// # Errors
    ///
    /// [`BuildError::Output`]: one of the two is no module.
    pub fn differences(&self, made: &Made) -> Result<Vec<String>, BuildError> {
        let Some(expected) = &self.code else { return Ok(Vec::new()) };
        let built = &made.module.code;
        let (ours, theirs) = (section_ranges(built)?, section_ranges(expected)?);
        let mut lines = Vec::new();
        for index in 0..ours.len().max(theirs.len()) {
            let part = |sections: &[(String, std::ops::Range<usize>)], code: &[u8]| {
                let (name, range) = sections.get(index)?.clone();
                Some((name, code.get(range)?.to_vec()))
            };
            match (part(&ours, built), part(&theirs, expected)) {
                (Some(ours), Some(theirs)) if ours == theirs => {}
                (Some(ours), Some(theirs)) if ours.0 == theirs.0 => {
                    lines.push(format!(
                        "{}: {} bytes built, {} expected",
                        ours.0,
                        ours.1.len(),
                        theirs.1.len()
                    ));
                }
                (ours, theirs) => {
                    let name =
                        |side: Option<(String, Vec<u8>)>| side.map_or("nothing".to_owned(), |side| side.0);
                    lines.push(format!("section {index}: {} built, {} expected", name(ours), name(theirs)));
                }
            }
        }
        Ok(lines)
    }
}
