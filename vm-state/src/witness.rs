//! The part of a parent's state that a block needs: what a light node executes on (R90, R91).
//!
//! A witness is a proof (`docs/format.md` section 7) whose request nobody states beforehand: executing the block finds
//! out what it touches. So it is opened first, executed on, and compared with what was touched at the end.

use vm_core::Header;

use crate::proof::{check_exact, decode_proof};
use crate::trie::KeyShape;
use crate::{ProofError, ProofRequest, Trie, TrieView};

/// A witness whose root is the trusted one.
#[derive(Clone, Debug)]
pub struct Witness {
    trie: Trie,
}

impl Witness {
    /// Reads a witness of the state after the block with the trusted header `parent`.
    ///
    /// Holds at most 200 bytes for each of `bytes`: bound their length first.
    ///
    /// # Errors
    ///
    /// [`ProofError::Malformed`] or [`ProofError::RootMismatch`].
    pub fn open(parent: &Header, bytes: &[u8]) -> Result<Self, ProofError> {
        Ok(Self { trie: decode_proof(&parent.state_root, KeyShape::Entry, bytes)? })
    }

    /// The state, as far as the witness shows it.
    #[must_use]
    pub fn view(&self, parent: &Header) -> TrieView {
        TrieView::of(parent.clone(), self.trie.clone())
    }

    /// Checks that it shows what was touched and nothing else.
    ///
    /// # Errors
    ///
    /// [`ProofError::Incomplete`] or [`ProofError::Superfluous`].
    pub fn check_exact(&self, touched: &ProofRequest) -> Result<(), ProofError> {
        check_exact(&self.trie, touched)
    }
}
