//! Snapshots: a whole state in chunks, each of which shows by itself that it belongs to the state (R85).
//!
//! A chunk is a proof (`docs/format.md` sections 7 and 8) that shows neighbouring entries with their values, and the
//! last entry of the chunk before, without its value. Nothing is hidden between the leaves that it shows, so that it
//! shows also that no entry is left out between two chunks, before the first or after the last.
//!
//! Invariants:
//! - entries are believed only after the chunk has hashed to the trusted root, in the place where it was expected;
//! - who has all chunks in order, the last one included, has all entries of the state and no others;
//! - checking holds no more than 200 bytes for each of the chunk's: bound its length first.
//!
//! Deliberately not here: which root to trust, and receipts: a state knows nothing of them.

#[cfg(feature = "std")]
mod files;

use alloc::vec::Vec;
use vm_core::{Hash, Key};

#[cfg(feature = "std")]
pub use self::files::{Progress, Snapshot, SnapshotError, SnapshotWriter};
use crate::proof::decode_proof;
use crate::trie::{KeyShape, encode, restrict};
use crate::{ProofError, ReadError, Value, View};

/// The most bytes of entries that a chunk is made of, but for its last one: 16 MiB.
pub const CHUNK_BYTES_MAX: u32 = 16 << 20;

/// The entries of a chunk that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Ascending.
    pub entries: Vec<(Key, Value)>,
    /// Whether the state ends here.
    pub is_last: bool,
}

/// Why bytes are not the chunk that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes are no proof, or belong to another state.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The chunk does not begin where the one before ends: it is another one, or entries are left out.
    #[error("it does not go on where the chunk before ends")]
    Elsewhere,
    /// Entries are left out in the middle.
    #[error("it leaves out entries in the middle")]
    Hole,
    /// An entry without its value, or the last one of the chunk before with it.
    #[error("it shows a key without its value, or a value twice")]
    WrongValue,
    /// No entries, where there are some.
    #[error("it shows no entries")]
    Empty,
    /// It is longer than any that is read.
    #[error("it has more than {limit} bytes")]
    TooLong {
        /// The most bytes of a chunk's file.
        limit: u32,
    },
}

/// The chunk of the state that begins after the entry `after`, or with the first entry: entries until they have
/// `bytes` bytes of keys and values together, at least one; `bytes` counts up to [`CHUNK_BYTES_MAX`] only, since a peer
/// may have asked for it. `None` if none is left, or `after` is no entry.
///
/// # Errors
///
/// [`ReadError`] from the view.
pub fn chunk(view: &dyn View, after: Option<&Key>, bytes: u32) -> Result<Option<Vec<u8>>, ReadError> {
    if let Some(after) = after
        && view.get(after)?.is_none()
    {
        return Ok(None);
    }
    let bytes = bytes.clamp(1, CHUNK_BYTES_MAX);
    let mut shown: Vec<(Key, bool)> = after.iter().map(|&&key| (key, false)).collect();
    let mut from = after.map_or(Some(Key::EMPTY), Key::successor);
    let mut size = 0u64;
    while let Some(start) = from.filter(|_| size < u64::from(bytes)) {
        let Some((key, value)) = view.next(&Key::EMPTY, &start)? else { break };
        let len = key.as_bytes().len().saturating_add(value.len());
        size = size.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        shown.push((key, true));
        from = key.successor();
    }
    if size == 0 && !view.trie().is_empty() {
        return Ok(None);
    }
    encode(&restrict(view.trie(), Some(view), &shown)?).map(Some)
}

/// Checks that `bytes` are the chunk of the state with `root` that begins after the entry `after`, or with the first
/// entry; gives its entries.
///
/// # Errors
///
/// [`ChunkError`].
pub fn verify_chunk(root: &Hash, after: Option<&Key>, bytes: &[u8]) -> Result<Chunk, ChunkError> {
    let trie = decode_proof(root, KeyShape::Entry, bytes)?;
    let mut entries: Vec<(Key, Value)> = Vec::new();
    // Whether the leaf that `after` names was met, and whether something hidden was met behind the entries.
    let (mut begun, mut hidden) = (after.is_none(), false);
    for node in trie.flat() {
        match node {
            None if !begun => {}
            None if entries.is_empty() => return Err(ChunkError::Elsewhere),
            None => hidden = true,
            Some(_) if hidden => return Err(ChunkError::Hole),
            Some((key, value)) if !begun => {
                if Some(key) != after {
                    return Err(ChunkError::Elsewhere);
                }
                if value.is_some() {
                    return Err(ChunkError::WrongValue);
                }
                begun = true;
            }
            Some((key, value)) => {
                let value = value.ok_or(ChunkError::WrongValue)?;
                entries.push((*key, Value::from_slice(value)));
            }
        }
    }
    if !begun {
        return Err(ChunkError::Elsewhere);
    }
    if entries.is_empty() && !trie.is_empty() {
        return Err(ChunkError::Empty);
    }
    Ok(Chunk { entries, is_last: !hidden })
}
