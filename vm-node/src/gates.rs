//! What is on its way between a proposal and its certification.
//!
//! A block is stored while it is voted on. Before the vote that could make it final, it must be on disk here: a quorum
//! that promised to have it could otherwise lose it in a power failure. So each proposal has a gate, which opens when its
//! block is stored. A block of our own waits here as well, until the engine asks for it to be sent.
//!
//! Invariants:
//! - a gate and its staged block are made before the engine hears of the digest, and each is taken once;
//! - what belongs to rounds up to the last final one is dropped. A dropped gate never opens: certification then asks
//!   peers for the block.

use std::collections::BTreeMap;
use std::sync::Arc;

use commonware_consensus::types::Round;
use commonware_runtime::{Error, Handle};
use commonware_utils::channel::oneshot;
use commonware_utils::sync::Mutex;

use crate::Digest;
use crate::block::Block;
use crate::failure::{Failure, Fatal};

/// Opens when the block is stored.
pub(crate) type Gate = oneshot::Receiver<()>;

/// A block of our own that was not sent yet, and who is told of its being stored.
pub(crate) struct Staged {
    pub(crate) block: Block,
    pub(crate) stored: oneshot::Sender<Handle<()>>,
}

#[derive(Default)]
struct Inner {
    gates: BTreeMap<(Round, Digest), Gate>,
    staged: BTreeMap<(Round, Digest), Staged>,
}

#[derive(Clone, Default)]
pub(crate) struct Gates(Arc<Mutex<Inner>>);

impl Gates {
    /// A gate for a block that comes from elsewhere.
    pub(crate) fn insert(&self, round: Round, digest: Digest) -> oneshot::Sender<()> {
        let (open, gate) = oneshot::channel();
        self.0.lock().gates.insert((round, digest), gate);
        open
    }

    /// Keeps a block of our own for [`Self::take`]. Gives what opens its gate, and what tells of its being stored.
    pub(crate) fn stage(
        &self,
        round: Round,
        digest: Digest,
        block: Block,
    ) -> (oneshot::Sender<()>, oneshot::Receiver<Handle<()>>) {
        let (open, gate) = oneshot::channel();
        let (stored, storing) = oneshot::channel();
        let mut inner = self.0.lock();
        inner.gates.insert((round, digest), gate);
        inner.staged.insert((round, digest), Staged { block, stored });
        (open, storing)
    }

    /// A block of our own, to be sent and stored.
    pub(crate) fn take(&self, round: Round, digest: Digest) -> Option<Staged> {
        self.0.lock().staged.remove(&(round, digest))
    }

    /// What certification waits for, and the block if it was never sent.
    pub(crate) fn claim(&self, round: Round, digest: Digest) -> (Option<Gate>, Option<Staged>) {
        let mut inner = self.0.lock();
        (inner.gates.remove(&(round, digest)), inner.staged.remove(&(round, digest)))
    }

    /// Forgets everything up to `finalized`.
    pub(crate) fn prune(&self, finalized: Round) {
        let mut inner = self.0.lock();
        inner.gates.retain(|(round, _), _| *round > finalized);
        inner.staged.retain(|(round, _), _| *round > finalized);
    }
}

/// Waits until what `storing` announces is on disk. False if the node is being shut down.
pub(crate) async fn durable(storing: oneshot::Receiver<Handle<()>>, failure: &Failure) -> bool {
    let Ok(sync) = storing.await else { return false };
    match sync.await {
        Ok(()) => true,
        Err(Error::Closed | Error::Aborted) => false,
        Err(error) => {
            failure.report(Fatal::Node(format!("a block could not be stored: {error}")));
            false
        }
    }
}

#[cfg(test)]
mod tests;
