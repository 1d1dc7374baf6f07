//! The outcomes of blocks that are executed and not final, by digest.
//!
//! Invariants:
//! - an outcome is kept with all its ancestors down to the tip, or not at all;
//! - an outcome that does not descend from the tip is gone as soon as the tip moves;
//! - a state is put together from the tip's own view at each use: how long a chain of outcomes has lived costs nothing.
//!
//! Proposers that never get a block final can fill it: past [`OUTCOMES_MAX`] the oldest outcomes are dropped that the new
//! one does not stand on. Who needs one of them again executes its block again.

use std::collections::BTreeMap;
use std::sync::Arc;

use vm_core::Hash;
use vm_host::BlockOutcome;
use vm_state::{Overlay, View};

use super::Tip;

/// How many outcomes are kept, ancestors of the newest not counted.
const OUTCOMES_MAX: usize = 32;

#[derive(Debug)]
struct Node {
    parent: Hash,
    outcome: Arc<BlockOutcome>,
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

    pub(super) fn outcome(&self, digest: &Hash) -> Option<&Arc<BlockOutcome>> {
        self.nodes.get(digest).map(|node| &node.outcome)
    }

    /// How many outcomes are kept.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The outcomes from the block `digest` down to the tip's child; none if the block is not known.
    fn path(&self, digest: &Hash) -> Option<Vec<(Hash, &Node)>> {
        let mut path = Vec::new();
        let mut at = *digest;
        while at != self.tip.digest {
            let node = self.nodes.get(&at)?;
            path.push((at, node));
            at = node.parent;
        }
        Some(path)
    }

    /// The state after the block `digest`; none if it is not known.
    pub(super) fn view(&self, digest: &Hash) -> Option<Arc<dyn View>> {
        let mut view = self.view.clone();
        for (_, node) in self.path(digest)?.into_iter().rev() {
            view = Arc::new(Overlay::new(view, &node.outcome.commit)?);
        }
        Some(view)
    }

    /// Keeps the outcome of the block `digest`, unless its parent is no longer known: then nothing can stand on it.
    pub(super) fn insert(&mut self, digest: Hash, parent: Hash, outcome: Arc<BlockOutcome>) {
        if self.knows(&digest) || !self.knows(&parent) {
            return;
        }
        let arrival = self.arrivals;
        self.arrivals = arrival.saturating_add(1);
        self.nodes.insert(digest, Node { parent, outcome, arrival });
        self.make_room(&digest);
    }

    fn make_room(&mut self, newest: &Hash) {
        let stays: Vec<Hash> = self.path(newest).into_iter().flatten().map(|(digest, _)| digest).collect();
        while self.nodes.len().saturating_sub(stays.len()) > OUTCOMES_MAX {
            let others = self.nodes.iter().filter(|(digest, _)| !stays.contains(digest));
            let Some(oldest) = others.min_by_key(|(_, node)| node.arrival).map(|(digest, _)| *digest) else {
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
