//! A snapshot as files: `00000.chunk`, `00001.chunk` and so on, and `manifest`, which is written last.
//!
//! The manifest is believed as far as it agrees with the trusted block: a header that hashes to that block's hash. All
//! else in it only serves to name at once what is wrong with a file; the chunks show by themselves that they belong to
//! the header's state.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use vm_core::codec::decode_exact;
use vm_core::{Domain, Hash, Header, Key};

use super::{CHUNK_BYTES_MAX, Chunk, ChunkError, chunk, verify_chunk};
use crate::{NodeFailure, ReadError, View};

/// The layout that this module writes.
const FORMAT_VERSION: u32 = 1;
const MANIFEST: &str = "manifest";
/// The longest manifest that is read: some 600,000 chunks.
const MANIFEST_BYTES_MAX: usize = 64 << 20;
/// The longest chunk that is read: the entries of one, a last one of any length, and the hashes beside them.
const FILE_BYTES_MAX: u32 = 64 << 20;
const _: () = assert!(CHUNK_BYTES_MAX <= FILE_BYTES_MAX / 4, "what is made is read");

/// What the manifest says of a chunk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct ChunkEntry {
    /// The file's length.
    bytes: u32,
    /// The file's hash.
    hash: Hash,
    /// Its last entry's key.
    last: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Manifest {
    format: u32,
    header: Header,
    chunks: Vec<ChunkEntry>,
}

/// How far an export or import has come, in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Chunks done.
    pub done: u32,
    /// Chunks in all; `None` while an export does not know.
    pub of: Option<u32>,
}

/// What is wrong with a snapshot's files. `at` is the path, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The directory to export to holds a snapshot already. It was not touched.
    #[error("{at}: a snapshot is there already; choose another directory")]
    Exists {
        /// Where.
        at: String,
    },
    /// The directory has no manifest.
    #[error("{at}: there is no snapshot; if an export was cut short, export again")]
    NoManifest {
        /// Where.
        at: String,
    },
    /// The manifest is of another version.
    #[error("{at}: the snapshot has format version {found}, this program reads version {expected}")]
    FormatVersion {
        /// Where.
        at: String,
        /// The version of this program.
        expected: u32,
        /// The version of the manifest.
        found: u32,
    },
    /// The manifest can't be read.
    #[error("{at}: the manifest is damaged ({cause}); get it again")]
    Manifest {
        /// Where.
        at: String,
        /// What was found; for people only.
        cause: String,
    },
    /// The snapshot is of another block than the trusted one.
    #[error(
        "{at}: the snapshot is of block {found} (height {height}), not {expected}; check the path and the hash"
    )]
    OtherBlock {
        /// Where.
        at: String,
        /// The hash of the trusted block.
        expected: Hash,
        /// The hash of the snapshot's.
        found: Hash,
        /// Its height.
        height: u64,
    },
    /// A chunk's file is missing.
    #[error("{at}: chunk {index} is missing; get it again")]
    Missing {
        /// Where.
        at: String,
        /// Which.
        index: u32,
    },
    /// A chunk's file is another chunk of the same snapshot.
    #[error("{at}: chunk {index} is a copy of chunk {other}; get it again")]
    Repeated {
        /// Where.
        at: String,
        /// Which.
        index: u32,
        /// The chunk that it is.
        other: u32,
    },
    /// A chunk's file is not what the manifest says.
    #[error("{at}: chunk {index} has been changed or cut short; get it again")]
    Changed {
        /// Where.
        at: String,
        /// Which.
        index: u32,
    },
    /// A chunk is as the manifest says, but not of the trusted state.
    #[error("{at}: chunk {index} is not of this state: {cause}; the snapshot can't be trusted, get another")]
    Wrong {
        /// Where.
        at: String,
        /// Which.
        index: u32,
        /// Why.
        cause: ChunkError,
    },
    /// The chunks end before the state does, or go on after it.
    #[error("{at}: the snapshot has {found} chunks, and the state ends elsewhere; get another")]
    End {
        /// Where.
        at: String,
        /// How many there are.
        found: u32,
    },
    /// The file system failed, or the state could not be read.
    #[error("{at}: {failure}")]
    Failure {
        /// Where.
        at: String,
        /// Why.
        failure: NodeFailure,
    },
}

/// A snapshot in a directory, whose manifest fits a trusted block.
#[derive(Clone, Debug)]
pub struct Snapshot {
    directory: PathBuf,
    header: Header,
    chunks: Vec<(ChunkEntry, Key)>,
    id: Hash,
}

impl Snapshot {
    /// Writes the state that `view` shows to `directory`, in chunks of about `chunk_bytes` bytes of entries, and tells
    /// `progress` after each. What an export that was cut short left there is replaced.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Exists`] or [`SnapshotError::Failure`].
    pub fn export(
        view: &dyn View,
        directory: impl AsRef<Path>,
        chunk_bytes: u32,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, SnapshotError> {
        let mut writer = SnapshotWriter::create(directory, view.header().clone())?;
        let at = writer.at.clone();
        let failed = |failure| SnapshotError::Failure { at: at.clone(), failure };
        while !writer.is_complete() {
            let made =
                chunk(view, writer.after(), chunk_bytes).map_err(|error| failed(read_failure(error)))?;
            let Some(bytes) = made else { break };
            writer.push(&bytes).map_err(|error| {
                let broken = NodeFailure::Invariant("a chunk that was made is good");
                if matches!(error, SnapshotError::Wrong { .. }) { failed(broken) } else { error }
            })?;
            progress(Progress { done: count(&writer.chunks), of: None });
        }
        writer.finish()
    }

    /// Opens the snapshot in `directory` of the trusted block with the hash `block`.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    pub fn open(directory: impl AsRef<Path>, block: &Hash) -> Result<Self, SnapshotError> {
        let directory = directory.as_ref();
        let at = directory.display().to_string();
        let damaged =
            |cause: &dyn ToString| SnapshotError::Manifest { at: at.clone(), cause: cause.to_string() };
        let bytes = match read_file(&directory.join(MANIFEST), MANIFEST_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(damaged(&"it is too long")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SnapshotError::NoManifest { at });
            }
            Err(error) => {
                return Err(SnapshotError::Failure { at, failure: io_failure("read a snapshot", &error) });
            }
        };
        // The version first: another one's manifest may look otherwise.
        let format = bytes.first_chunk::<4>().ok_or_else(|| damaged(&"bytes are missing"))?;
        let (expected, found) = (FORMAT_VERSION, u32::from_le_bytes(*format));
        if found != expected {
            return Err(SnapshotError::FormatVersion { at, expected, found });
        }
        let manifest: Manifest = decode_exact(&bytes, MANIFEST_BYTES_MAX).map_err(|error| damaged(&error))?;
        let (expected, found) = (*block, manifest.header.hash());
        if found != expected {
            let height = manifest.header.height;
            return Err(SnapshotError::OtherBlock { at, expected, found, height });
        }
        let mut chunks: Vec<(ChunkEntry, Key)> = Vec::new();
        for entry in manifest.chunks {
            let last = Key::prefix(&entry.last).ok_or_else(|| damaged(&"a key is too long"))?;
            if chunks.last().is_some_and(|(_, before)| *before >= last) {
                return Err(damaged(&"chunks do not ascend"));
            }
            if entry.bytes > FILE_BYTES_MAX {
                return Err(damaged(&"a chunk is too long"));
            }
            chunks.push((entry, last));
        }
        if u32::try_from(chunks.len()).is_err() || chunks.is_empty() {
            return Err(damaged(&"the number of chunks can't be"));
        }
        let id = file_hash(&bytes);
        Ok(Self { directory: directory.to_path_buf(), header: manifest.header, chunks, id })
    }

    /// The block whose state this is.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many chunks it has, at least 1.
    #[must_use]
    pub fn chunk_count(&self) -> u32 {
        count(&self.chunks)
    }

    /// Names these very chunks: an import is resumed with the same ones only.
    #[must_use]
    pub fn id(&self) -> Hash {
        self.id
    }

    /// Reads and checks the chunk at `index`, below [`Self::chunk_count`].
    ///
    /// # Errors
    ///
    /// [`SnapshotError`]; [`SnapshotError::Missing`] past the end too.
    pub fn chunk(&self, index: u32) -> Result<Chunk, SnapshotError> {
        let at = || self.directory.join(chunk_name(index)).display().to_string();
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let missing = || SnapshotError::Missing { at: at(), index };
        let (entry, last) = self.chunks.get(place).ok_or_else(missing)?;
        let after = place.checked_sub(1).and_then(|before| self.chunks.get(before)).map(|(_, last)| last);
        let path = self.directory.join(chunk_name(index));
        // No longer than the longest one, so that another chunk's copy is still known as that.
        let longest = self.chunks.iter().map(|(entry, _)| entry.bytes).max().unwrap_or(FILE_BYTES_MAX);
        let bytes = match read_file(&path, usize::try_from(longest).unwrap_or(usize::MAX)) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => {
                let failure = io_failure("read a snapshot", &error);
                return Err(SnapshotError::Failure { at: at(), failure });
            }
        };
        let hash = file_hash(&bytes);
        if hash != entry.hash {
            let of = self.chunks.iter().zip(0u32..).find(|((entry, _), _)| entry.hash == hash);
            return Err(match of {
                Some((_, other)) => SnapshotError::Repeated { at: at(), index, other },
                None => SnapshotError::Changed { at: at(), index },
            });
        }
        let wrong = |cause| SnapshotError::Wrong { at: at(), index, cause };
        let chunk = verify_chunk(&self.header.state_root, after, &bytes).map_err(wrong)?;
        if chunk.entries.last().is_some_and(|(key, _)| key != last) {
            return Err(wrong(ChunkError::Elsewhere));
        }
        let ends = index.checked_add(1) == Some(self.chunk_count());
        if chunk.is_last != ends {
            let at = self.directory.display().to_string();
            return Err(SnapshotError::End { at, found: self.chunk_count() });
        }
        Ok(chunk)
    }

    /// An invariant of ours does not hold.
    pub(crate) fn broken(&self, invariant: &'static str) -> SnapshotError {
        let at = self.directory.display().to_string();
        SnapshotError::Failure { at, failure: NodeFailure::Invariant(invariant) }
    }
}

/// Writes a snapshot chunk by chunk, whoever made them: what a peer sends is checked before it is written.
///
/// The directory is a snapshot once [`Self::finish`] has returned; what is left before that is replaced by the next
/// writer.
#[derive(Debug)]
pub struct SnapshotWriter {
    directory: PathBuf,
    at: String,
    header: Header,
    chunks: Vec<(ChunkEntry, Key)>,
    complete: bool,
}

impl SnapshotWriter {
    /// Begins the snapshot of the state after the block with the trusted `header` in `directory`.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Exists`] or [`SnapshotError::Failure`].
    pub fn create(directory: impl AsRef<Path>, header: Header) -> Result<Self, SnapshotError> {
        let directory = directory.as_ref().to_path_buf();
        let at = directory.display().to_string();
        if directory.join(MANIFEST).exists() {
            return Err(SnapshotError::Exists { at });
        }
        fs::create_dir_all(&directory).map_err(|error| write_failed(&at, &error))?;
        Ok(Self { directory, at, header, chunks: Vec::new(), complete: false })
    }

    /// The entry after which the next chunk begins; none for the first chunk.
    #[must_use]
    pub fn after(&self) -> Option<&Key> {
        self.chunks.last().map(|(_, last)| last)
    }

    /// Whether the state's last chunk was written.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Checks that `bytes` are the next chunk, and writes them.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Wrong`] for another chunk, after which the same place waits for the right one,
    /// [`SnapshotError::End`] behind the last, or [`SnapshotError::Failure`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let index = count(&self.chunks);
        if self.complete {
            return Err(SnapshotError::End { at: self.at.clone(), found: index.saturating_add(1) });
        }
        let path = self.directory.join(chunk_name(index));
        let wrong = |cause| SnapshotError::Wrong { at: path.display().to_string(), index, cause };
        // Before it is looked at: to check it takes many times its length.
        let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= FILE_BYTES_MAX);
        let len = len.ok_or_else(|| wrong(ChunkError::TooLong { limit: FILE_BYTES_MAX }))?;
        let shown = verify_chunk(&self.header.state_root, self.after(), bytes).map_err(wrong)?;
        write_file(&path, bytes).map_err(|error| write_failed(&self.at, &error))?;
        let last = shown.entries.last().map_or(Key::EMPTY, |(key, _)| *key);
        let entry = ChunkEntry { bytes: len, hash: file_hash(bytes), last: last.as_bytes().to_vec() };
        self.chunks.push((entry, last));
        self.complete = shown.is_last;
        Ok(())
    }

    /// Writes the manifest, durably.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::End`] before the last chunk, or [`SnapshotError::Failure`].
    pub fn finish(self) -> Result<Snapshot, SnapshotError> {
        if !self.complete {
            return Err(SnapshotError::End { at: self.at, found: count(&self.chunks) });
        }
        let manifest = Manifest {
            format: FORMAT_VERSION,
            header: self.header,
            chunks: self.chunks.iter().map(|(entry, _)| entry.clone()).collect(),
        };
        let bytes = manifest.encode();
        let write = || -> io::Result<()> {
            let part = self.directory.join("manifest.part");
            write_file(&part, &bytes)?;
            fs::rename(&part, self.directory.join(MANIFEST))?;
            sync_directory(&self.directory)
        };
        write().map_err(|error| write_failed(&self.at, &error))?;
        let id = file_hash(&bytes);
        Ok(Snapshot { directory: self.directory, header: manifest.header, chunks: self.chunks, id })
    }
}

fn write_failed(at: &str, error: &io::Error) -> SnapshotError {
    SnapshotError::Failure { at: at.to_string(), failure: io_failure("write a snapshot", error) }
}

fn count(chunks: &[(ChunkEntry, Key)]) -> u32 {
    u32::try_from(chunks.len()).unwrap_or(u32::MAX)
}

fn chunk_name(index: u32) -> String {
    format!("{index:05}.chunk")
}

fn file_hash(bytes: &[u8]) -> Hash {
    vm_core::hash(Domain::SnapshotFile, bytes)
}

/// The file's bytes; `None` if there are more than `limit`.
fn read_file(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    // Whoever made the snapshot may have put a pipe here, which would be waited for.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(more).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the files' names durable. Only Unix lets one sync a directory.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn io_failure(action: &'static str, error: &io::Error) -> NodeFailure {
    NodeFailure::Storage { action, cause: error.to_string() }
}

fn read_failure(error: ReadError) -> NodeFailure {
    match error {
        ReadError::Failure(failure) => failure,
        ReadError::WitnessIncomplete => NodeFailure::Invariant("a snapshot is made of a whole state"),
    }
}
