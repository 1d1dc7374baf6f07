//! What a consensus engine needs of a chain: the trait [`Application`], and [`Replica`], which is one.
//!
//! An engine orders blocks and makes them final; this side says what is in them and what they come to. Nothing here knows
//! an engine, a network, a key of a validator, or a clock: times, proposers and blocks come in as arguments, digests and
//! verdicts go out. `docs/replication.md` maps it to the engines that people have.
//!
//! ```text
//! propose   build(parent, time, proposer, candidates) -> block           on the outcome of any known parent
//! validate  execute(block) -> outcome, or why not                        compares every field of the header
//! finalize  commit(block)                                                once per height, durable, idempotent
//! ```
//!
//! Invariants:
//! - a block is built and executed on its parent's outcome, whether that is committed or not;
//! - what executes differently from what its header claims is refused, for ever and by every replica;
//! - a failure of this node is never a verdict on a block ([`Rejection`] and [`NodeError`] don't mix);
//! - a committed height has one digest, and no later call changes it.
//!
//! An implementation is called from several threads. It may take as long as a block takes to execute; an engine calls it
//! where that is allowed.

mod block;
mod confirmed;
mod error;
mod finality;
mod local;
mod tree;

use std::fmt::Debug;
use std::sync::Arc;

use parity_scale_codec::{Decode, Encode};
use vm_core::{Address, BlockContext, Hash, Header, Mint};
use vm_state::View;

pub use block::{Bounds, Seal, SealedBlock, different_fields};
pub use error::{BuildError, ExecuteError, FinalityError, NodeError, Rejection, RestoreError, Unfit};
pub use finality::{LinkError, linked};
pub use local::{CHUNK_ATTEMPTS, Replica, ReplicaOptions};

use crate::sequencer::BlockLimits;
use crate::signed::{ChainId, Signed};

/// What a chain issues at the start of a block: the same on every replica, a function of the context alone.
pub type Issuance = fn(&BlockContext) -> Vec<Mint>;

/// The last final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its digest.
    pub digest: Hash,
    /// Its header, with height, time and roots.
    pub header: Header,
}

/// Where a proposer takes transactions from.
pub trait Candidates {
    /// Transactions within `limits`, each sender's in the order of their nonces from `nonce(sender)` on.
    ///
    /// # Errors
    ///
    /// What `nonce` gives.
    fn select(
        &self,
        limits: &BlockLimits,
        nonce: &mut dyn FnMut(&Address) -> Result<u64, NodeError>,
    ) -> Result<Vec<Signed>, NodeError>;

    /// The transaction can stand in no block on the state that it was tried on.
    fn refuse(&self, hash: &Hash, why: Unfit);

    /// Counts what came in, ever: who got an empty block waits for another number before building again.
    fn arrivals(&self) -> u64;
}

/// What a snapshot is checked against. Whoever takes it in knows the chain and trusts the digest that [`Self::digest`]
/// gives, by a certificate: see [`Trusted`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Manifest {
    /// The block's header, with the root that the chunks must have together.
    pub header: Header,
    /// What names the block beside its header.
    pub seal: Seal,
    /// The bytes of the chain's [`Spec`](crate::chain::Spec).
    pub spec: Vec<u8>,
}

impl Manifest {
    /// The digest of the block that it claims to be of.
    #[must_use]
    pub fn digest(&self) -> Hash {
        self.seal.digest(&self.header)
    }
}

/// What whoever takes in a snapshot must know before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The chain. No block commits to how it began, and that decides what signatures are for.
    pub chain: ChainId,
    /// The digest of the block that the snapshot is of: a certificate's.
    pub digest: Hash,
}

/// The engine's side: its certificates of final blocks, as bytes that whoever knows the validators can check.
pub trait Certificates: Debug + Send + Sync {
    /// The engine, and the form of its certificates.
    fn engine(&self) -> &'static str;

    /// The certificate of the block at `height`; none where the engine has none of that very block: one of a later block
    /// makes it final too.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    fn certificate(&self, height: u64) -> Result<Option<Vec<u8>>, NodeError>;
}

/// Whether a call of [`Application::commit`] changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The block is the tip now.
    New,
    /// It was final already.
    Already,
}

/// A replicated chain as its consensus engine sees it.
pub trait Application: Debug + Send + Sync {
    /// The last final block.
    fn tip(&self) -> Tip;

    /// The state after the last final block.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    fn view(&self) -> Result<Arc<dyn View>, NodeError>;

    /// The digest of the final block at `height`; none above the tip, and below what the replica began with.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    fn digest(&self, height: u64) -> Result<Option<Hash>, NodeError>;

    /// Checks a transaction on its own: who signed it, and its envelope. Gives its hash.
    ///
    /// # Errors
    ///
    /// [`Unfit`] if no block can hold it.
    fn check(&self, signed: &Signed) -> Result<Hash, Unfit>;

    /// Whether a block with this digest can be built or executed on: the tip, or an outcome above it.
    fn knows(&self, digest: &Hash) -> bool;

    /// Builds a block on the outcome of `parent` and keeps its outcome. Its time is `time`, in milliseconds since the Unix
    /// epoch, or the parent's if that is later.
    ///
    /// # Errors
    ///
    /// [`BuildError::UnknownParent`] if the parent's outcome is not here: [`Self::execute`] it first.
    fn build(
        &self,
        parent: &Hash,
        time: i64,
        proposer: Address,
        candidates: &dyn Candidates,
    ) -> Result<SealedBlock, BuildError>;

    /// Executes `block` on its parent's outcome, compares what comes of it with its header, and keeps the outcome. A block
    /// that is known, or final, is not executed again.
    ///
    /// Two rules are the engine's to keep before it votes, since nothing here knows a clock or a schedule: that the
    /// header's time is not ahead of the clock by more than validators tolerate (one block of the far future would stop
    /// time for ever), and that its proposer, whom fees and issuance are credited to, is the one whose turn it is.
    ///
    /// # Errors
    ///
    /// [`ExecuteError::Rejected`] if it can never become valid; [`ExecuteError::UnknownParent`] if its parent must be
    /// executed first; [`ExecuteError::Node`], which says nothing about the block.
    fn execute(&self, block: &SealedBlock) -> Result<(), ExecuteError>;

    /// Makes `block`, which is final, the tip, durably; forgets every outcome that does not descend from it. A block that
    /// is final already changes nothing.
    ///
    /// # Errors
    ///
    /// [`FinalityError`]: the engine and this replica don't agree on what is final, or the node failed. Neither is to be
    /// gone on from.
    fn commit(&self, block: &SealedBlock) -> Result<Committed, FinalityError>;

    /// What a snapshot of the state after the final block at `height` is checked against; none if that state is not kept.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    fn manifest(&self, height: u64) -> Result<Option<Manifest>, NodeError>;

    /// The part of the snapshot of the state at `height` after the entry with the key `after`: entries of `bytes` bytes
    /// together, at least one. None if that state is not kept or `after` is no key of it.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    fn chunk(&self, height: u64, after: Option<&[u8]>, bytes: u32) -> Result<Option<Vec<u8>>, NodeError>;
}
