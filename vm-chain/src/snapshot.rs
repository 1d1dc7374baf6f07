//! Snapshots of a chain: a state's chunks as vm-state writes them, and beside them the rules, `chain.spec`.
//!
//! Invariants:
//! - what comes from a node is checked chunk by chunk before it is written, against one header;
//! - `chain.spec` is written before the manifest: a folder with a manifest is whole;
//! - a chain made of a snapshot has the rules that the snapshot's header commits to.
//!
//! Names in `chain.spec` are dropped at loading, those of the local chain's accounts excepted: no block commits to them. Nor
//! does a later block commit to the genesis that the spec describes; it only decides which chain signatures are for.
//!
//! Without a block's hash to compare with, a snapshot shows only that it is consistent: whose state it is, nobody said.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use vm_core::{Address, Hash, Header, Key};
use vm_state::{Progress, Snapshot, SnapshotError, SnapshotWriter};

use crate::account::DEV_NAMES;
use crate::api::types::At;
use crate::api::{Api, ApiError};
use crate::chain::{Chain, ChainError, ChainOptions, SPEC_BYTES_MAX, Spec, SpecError};

/// The file with the rules.
pub const SPEC_FILE: &str = "chain.spec";

/// Why a snapshot can't be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFault {
    /// The node says no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The files are wrong.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What the node gave is of another block than the one asked for.
    #[error("the node gave the state of block {found}, not of {expected}")]
    OtherBlock {
        /// The block asked for.
        expected: Hash,
        /// The block that was given.
        found: Hash,
    },
    /// The rules' file can't be read or written.
    #[error("cannot {action} {}: {cause}", at.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        at: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The rules are no rules of this VM's.
    #[error("{}: {cause}", at.display())]
    Spec {
        /// The file.
        at: PathBuf,
        /// What is wrong.
        cause: SpecError,
    },
    /// The rules are another chain's than the state.
    #[error("{}: the rules hash to {found}, the block commits to {expected}", at.display())]
    OtherRules {
        /// The file.
        at: PathBuf,
        /// The hash in the block's header.
        expected: Hash,
        /// The file's.
        found: Hash,
    },
    /// The chain can't be made.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// Writes the state of the block `at`, with the rules, into `directory`; the block must be `trusted` if that is given.
///
/// # Errors
///
/// [`SnapshotFault`]. What was cut short is no snapshot, and is replaced by the next.
pub fn export(
    api: &dyn Api,
    at: At,
    trusted: Option<&Hash>,
    directory: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<Snapshot, SnapshotFault> {
    let info = api.block(at)?.header;
    let header = Header::from(&info);
    let (expected, found) = (trusted.copied().unwrap_or(info.hash.0), header.hash());
    if found != expected {
        return Err(SnapshotFault::OtherBlock { expected, found });
    }
    let spec = api.params()?.spec.0;
    let mut writer = SnapshotWriter::create(directory, header.clone())?;
    let path = directory.join(SPEC_FILE);
    check_spec(&path, &spec, &header)?;
    std::fs::write(&path, &spec).map_err(|cause| SnapshotFault::File { action: "write", at: path, cause })?;
    let mut done = 0u32;
    while !writer.is_complete() {
        let after = writer.after().map(|key: &Key| key.as_bytes().to_vec());
        let chunk = api.chunk(At::Height(header.height), after)?;
        writer.push(&chunk.chunk.0)?;
        done = done.saturating_add(1);
        progress(Progress { done, of: None });
    }
    Ok(writer.finish()?)
}

pub(crate) fn check_spec(path: &Path, bytes: &[u8], header: &Header) -> Result<Spec, SnapshotFault> {
    let mut spec =
        Spec::from_bytes(bytes).map_err(|cause| SnapshotFault::Spec { at: path.to_owned(), cause })?;
    let (expected, found) = (header.params, spec.params.hash());
    if found != expected {
        return Err(SnapshotFault::OtherRules { at: path.to_owned(), expected, found });
    }
    // No block commits to names: whoever gave the snapshot must not name an account of theirs for others to pay to.
    spec.names
        .retain(|(name, address)| DEV_NAMES.contains(&name.as_str()) && *address == Address::named(name));
    Ok(spec)
}

/// The hash of the block that the snapshot in `directory` says it is of.
///
/// # Errors
///
/// [`SnapshotError`] if there is no snapshot.
pub fn claimed_block(directory: &Path) -> Result<Hash, SnapshotError> {
    // No block hashes to zero, so that the refusal names the block.
    match Snapshot::open(directory, &Hash::ZERO) {
        Ok(snapshot) => Ok(snapshot.header().hash()),
        Err(SnapshotError::OtherBlock { found, .. }) => Ok(found),
        Err(error) => Err(error),
    }
}

/// Makes a chain in the new folder `store` of the snapshot in `directory`, which must be of the block `trusted` if that
/// is given.
///
/// # Errors
///
/// [`SnapshotFault`].
pub fn load(
    directory: &Path,
    trusted: Option<&Hash>,
    store: &Path,
    options: ChainOptions,
    progress: impl FnMut(Progress),
) -> Result<Chain, SnapshotFault> {
    let block = match trusted {
        Some(block) => *block,
        None => claimed_block(directory)?,
    };
    let snapshot = Snapshot::open(directory, &block)?;
    let path = directory.join(SPEC_FILE);
    let failed = |cause| SnapshotFault::File { action: "read", at: path.clone(), cause };
    // Whoever made the snapshot made this file too: a pipe would be waited for, and one byte more than any spec has shows
    // that it is none.
    if !std::fs::metadata(&path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file")));
    }
    let most = u64::try_from(SPEC_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(&path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    let spec = check_spec(&path, &bytes, snapshot.header())?;
    Ok(Chain::import(store, spec, &snapshot, options, progress)?)
}
