//! The outcomes of blocks that are executed and not final, by digest.
//!
//! Invariants:
//! - an outcome is kept with all its ancestors down to the tip, or not at all;
//! - an outcome that does not descend from the tip is gone as soon as the tip moves;
//! - a state is put together from the tip's own view at each use: how long a chain of outcomes has lived costs nothing.
//!
//! Proposers that never get a block final can fill it: past [`OUTCOMES_MAX`] and [`BYTES_MAX`] the oldest outcomes are
//! dropped that the new one does not stand on. Who needs one of them again executes its block again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parity_scale_codec::Encode;
use vm_core::Hash;
use vm_state::{BlockCommit, Overlay, View};

use super::Tip;

/// How many outcomes are kept, the newest and its ancestors not counted.
const OUTCOMES_MAX: usize = 32;
/// How many bytes they hold together.
const BYTES_MAX: usize = 256 << 20;

/// What is kept of a block's execution: what a commit needs.
#[derive(Debug)]
pub(super) struct Outcome {
    commit: BlockCommit,
    hashes: Vec<Hash>,
    bytes: usize,
}

impl Outcome {
    pub(super) fn new(commit: BlockCommit, hashes: Vec<Hash>) -> Self {
        // Keys and the trie's new nodes are of the order of the changes themselves.
        let changes = commit.changes.iter().map(|(_, value)| value.as_ref().map_or(0, |value| value.len()));
        let changes = changes.fold(0_usize, |sum, bytes| sum.saturating_add(bytes).saturating_add(512));
        let receipts = commit.receipts.iter().map(Encode::encoded_size).fold(0, usize::saturating_add);
        Self { commit, hashes, bytes: changes.saturating_add(receipts) }
    }

    pub(super) fn commit(&self) -> &BlockCommit {
        &self.commit
    }

    pub(super) fn hashes(&self) -> &[Hash] {
        &self.hashes
    }
}

/// What a state is made of: the tip's, and the outcomes above it from the top down.
pub(super) type Path = (Arc<dyn View>, Vec<Arc<Outcome>>);

/// The state with `above`, from the top down, on `view`; none if they don't fit on each other.
pub(super) fn stack(mut view: Arc<dyn View>, above: &[Arc<Outcome>]) -> Option<Arc<dyn View>> {
    for outcome in above.iter().rev() {
        view = Arc::new(Overlay::new(view, &outcome.commit)?);
    }
    Some(view)
}

#[derive(Debug)]
struct Node {
    parent: Hash,
    outcome: Arc<Outcome>,
    /// When it came in, counted in outcomes.
    arrival: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    tip: Tip,
    /// The state after the tip.
    view: Arc<dyn View>,
    nodes: BTreeMap<Hash, Node>,
    arrivals: u64,
}

impl Tree {
    pub(super) fn new(tip: Tip, view: Arc<dyn View>) -> Self {
        Self { tip, view, nodes: BTreeMap::new(), arrivals: 0 }
    }

    pub(super) fn tip(&self) -> &Tip {
        &self.tip
    }

    pub(super) fn tip_view(&self) -> &Arc<dyn View> {
        &self.view
    }

    pub(super) fn knows(&self, digest: &Hash) -> bool {
        *digest == self.tip.digest || self.nodes.contains_key(digest)
    }

    pub(super) fn outcome(&self, digest: &Hash) -> Option<&Arc<Outcome>> {
        self.nodes.get(digest).map(|node| &node.outcome)
    }

    /// How many outcomes are kept.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The block `digest` and its ancestors down to the tip's child; none if the block is not known.
    fn ancestors(&self, digest: &Hash) -> Option<Vec<(Hash, &Node)>> {
        let mut path = Vec::new();
        let mut at = *digest;
        while at != self.tip.digest {
            let node = self.nodes.get(&at)?;
            path.push((at, node));
            at = node.parent;
        }
        Some(path)
    }

    /// What the state after the block `digest` is made of; none if the block is not known.
    pub(super) fn path(&self, digest: &Hash) -> Option<Path> {
        let above = self.ancestors(digest)?.into_iter().map(|(_, node)| node.outcome.clone()).collect();
        Some((self.view.clone(), above))
    }

    /// Keeps the outcome of the block `digest`, unless its parent is no longer known: then nothing can stand on it.
    pub(super) fn insert(&mut self, digest: Hash, parent: Hash, outcome: Arc<Outcome>) {
        if self.knows(&digest) || !self.knows(&parent) {
            return;
        }
        let arrival = self.arrivals;
        self.arrivals = arrival.saturating_add(1);
        self.nodes.insert(digest, Node { parent, outcome, arrival });
        self.make_room(&digest);
    }

    fn make_room(&mut self, newest: &Hash) {
        let stays: BTreeSet<Hash> =
            self.ancestors(newest).into_iter().flatten().map(|(digest, _)| digest).collect();
        loop {
            let others = || self.nodes.iter().filter(|(digest, _)| !stays.contains(digest));
            let bytes = others().fold(0_usize, |sum, (_, node)| sum.saturating_add(node.outcome.bytes));
            if others().count() <= OUTCOMES_MAX && bytes <= BYTES_MAX {
                return;
            }
            let Some(oldest) = others().min_by_key(|(_, node)| node.arrival).map(|(digest, _)| *digest)
            else {
                return;
            };
            self.remove_with_descendants(oldest);
        }
    }

    fn remove_with_descendants(&mut self, digest: Hash) {
        let mut gone = vec![digest];
        while let Some(digest) = gone.pop() {
            self.nodes.remove(&digest);
            gone.extend(self.nodes.iter().filter(|(_, node)| node.parent == digest).map(|(child, _)| *child));
        }
    }

    /// Makes `tip`, a child of the tip before, the tip; `view` is the state after it.
    pub(super) fn advance(&mut self, tip: Tip, view: Arc<dyn View>) {
        self.nodes.remove(&tip.digest);
        let before = std::mem::replace(&mut self.tip, tip);
        self.view = view;
        let others: Vec<Hash> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.parent == before.digest)
            .map(|(digest, _)| *digest)
            .collect();
        for digest in others {
            self.remove_with_descendants(digest);
        }
    }
}
