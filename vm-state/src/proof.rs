//! Proofs: what shows, to somebody who knows a root only, some entries or that they are absent (R81, R92).
//!
//! A proof is the part of a trie that holds the leaves at which the descents of the keys in question end, and for each
//! search the leaf that it finds. Everything else in it is a hash. Its bytes are fixed by state and request
//! (`docs/format.md` section 7).
//!
//! Invariants:
//! - a verified proof shows exactly what was asked: incomplete ones and ones with more are refused by name;
//! - a part of a trie can be read and updated as the whole one can: what it does not show is
//!   [`ReadError::WitnessIncomplete`];
//! - no input panics or makes the verifier hold more than 200 bytes for each of its own (115 measured, by `fuzz/tests/allocation.rs`): bound the
//!   length first.
//!
//! Deliberately not here: which root to trust.

mod index;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use vm_core::{Hash, Key};

pub use self::index::{EventProof, ReceiptProof, TransactionProof};
pub use crate::trie::DecodeError;
use crate::trie::{KeyShape, decode, descent_leaf, encode, restrict, search_start};
use crate::{Footprint, ReadError, Trie, Value, View};

/// What is to be shown of a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProofRequest {
    keys: BTreeSet<Key>,
    /// Prefix and start.
    searches: BTreeSet<(Key, Key)>,
}

/// Why a proof proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are no proof.
    #[error("not a proof: {0}")]
    Malformed(#[from] DecodeError),
    /// It belongs to another state, or was changed.
    #[error("the proof's root is {found}, expected {expected}")]
    RootMismatch {
        /// The trusted root.
        expected: Hash,
        /// What the proof hashes to.
        found: Hash,
    },
    /// It does not show all that was asked.
    #[error("the proof does not show all that was asked")]
    Incomplete,
    /// It shows what was not asked.
    #[error("the proof shows more than was asked")]
    Superfluous,
    /// The receipt or event that comes with it is another than the one it shows.
    #[error("the proof is of something else than what comes with it")]
    OtherContent,
}

impl ProofRequest {
    /// Asks for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the value of `key`, or its absence.
    pub fn key(&mut self, key: Key) -> &mut Self {
        self.keys.insert(key);
        self
    }

    /// Asks for the first entry not below `from` whose key begins with `prefix`, or that there is none.
    pub fn search(&mut self, prefix: Key, from: Key) -> &mut Self {
        self.searches.insert((prefix, from));
        self
    }

    /// Asks for all that a transaction read or wrote.
    pub fn footprint(&mut self, footprint: &Footprint) -> &mut Self {
        self.keys.extend(&footprint.touched);
        self.searches.extend(footprint.ranges.iter().map(|range| (range.prefix, range.from)));
        self
    }

    /// Asks for the entries under `prefix` from `from` on, up to `limit` of them, and if they are fewer, for that there
    /// are no more. Gives them as well.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view.
    pub fn walk(
        &mut self,
        view: &dyn View,
        prefix: Key,
        from: Key,
        limit: u32,
    ) -> Result<Vec<(Key, Value)>, ReadError> {
        self.walk_with(prefix, from, limit, |prefix, from| view.next(prefix, from))
    }

    fn walk_with(
        &mut self,
        prefix: Key,
        mut from: Key,
        limit: u32,
        mut next: impl FnMut(&Key, &Key) -> Result<Option<(Key, Value)>, ReadError>,
    ) -> Result<Vec<(Key, Value)>, ReadError> {
        let mut entries = Vec::new();
        for _ in 0..limit {
            self.search(prefix, from);
            let Some((key, value)) = next(&prefix, &from)? else { break };
            entries.push((key, value));
            let Some(after) = key.successor() else { break };
            from = after;
        }
        Ok(entries)
    }

    /// The leaves that show it, ascending: all at which the descents end, with values where those were asked for.
    fn shown(&self, trie: &Trie, view: Option<&dyn View>) -> Result<Vec<(Key, bool)>, ReadError> {
        let mut shown = BTreeMap::new();
        let mut show = |key: Key, with_value: bool| *shown.entry(key).or_insert(false) |= with_value;
        for key in &self.keys {
            if let Some(leaf) = descent_leaf(trie, view, key)? {
                show(leaf, leaf == *key);
            }
        }
        for (prefix, from) in &self.searches {
            let Some(start) = search_start(prefix, from) else { continue };
            if let Some(leaf) = descent_leaf(trie, view, &start)? {
                show(leaf, false);
            }
            let found = match view {
                Some(view) => view.next(prefix, from)?.map(|(key, _)| key),
                None => trie.next(prefix, from)?.map(|(key, _)| *key),
            };
            if let Some(found) = found {
                show(found, true);
            }
        }
        Ok(shown.into_iter().collect())
    }
}

/// The part of the state's trie that shows what `request` asks.
///
/// # Errors
///
/// [`ReadError`] from the view.
pub fn prove(view: &dyn View, request: &ProofRequest) -> Result<Vec<u8>, ReadError> {
    let shown = request.shown(view.trie(), Some(view))?;
    encode(&restrict(view.trie(), Some(view), &shown)?)
}

/// Checks that `proof` shows, of the state with `root`, exactly what `request` asks.
///
/// What it shows is read from the trie that this gives: [`Trie::get`] for keys, [`Trie::next`] for searches.
///
/// # Errors
///
/// [`ProofError`].
pub fn verify(root: &Hash, request: &ProofRequest, proof: &[u8]) -> Result<Trie, ProofError> {
    let trie = decode_proof(root, KeyShape::Entry, proof)?;
    check_exact(&trie, request)?;
    Ok(trie)
}

/// Checks that `proof` shows, of the state with `root`, the entries under `prefix` from `from` on, up to `limit` of them,
/// and nothing else: gives them. Fewer than `limit` are all there are.
///
/// The other side makes it of what [`ProofRequest::walk`] asks.
///
/// # Errors
///
/// [`ProofError`].
pub fn verify_walk(
    root: &Hash,
    prefix: Key,
    from: Key,
    limit: u32,
    proof: &[u8],
) -> Result<Vec<(Key, Value)>, ProofError> {
    let trie = decode_proof(root, KeyShape::Entry, proof)?;
    let mut request = ProofRequest::new();
    let walked = request.walk_with(prefix, from, limit, |prefix, from| {
        Ok(trie.next(prefix, from)?.map(|(key, value)| (*key, Value::from_slice(value))))
    });
    let entries = walked.map_err(|_| ProofError::Incomplete)?;
    check_exact(&trie, &request)?;
    Ok(entries)
}

/// The part of the trie with `root` that `bytes` are, whatever it shows.
pub(crate) fn decode_proof(root: &Hash, shape: KeyShape, bytes: &[u8]) -> Result<Trie, ProofError> {
    let trie = decode(bytes, shape)?;
    let (expected, found) = (*root, trie.root());
    if found != expected {
        return Err(ProofError::RootMismatch { expected, found });
    }
    Ok(trie)
}

/// Checks that `trie` shows what `request` asks and nothing else: what it shows, and what is opaque in it, follows from
/// the leaves it shows, since its encoding has no hollow forks.
pub(crate) fn check_exact(trie: &Trie, request: &ProofRequest) -> Result<(), ProofError> {
    // What was decoded has no rows, so that nothing else can fail.
    let needed = request.shown(trie, None).map_err(|_| ProofError::Incomplete)?;
    let found = trie.shown();
    let lacks = |(key, with_value): &(Key, bool)| {
        found
            .binary_search_by(|(shown, _)| shown.cmp(key))
            .map_or(true, |index| *with_value && found.get(index).is_none_or(|(_, shown)| !shown))
    };
    if needed.iter().any(lacks) {
        return Err(ProofError::Incomplete);
    }
    if needed == found { Ok(()) } else { Err(ProofError::Superfluous) }
}
