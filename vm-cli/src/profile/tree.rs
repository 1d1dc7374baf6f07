//! The tree of a profile, and when it was walked.
//!
//! Both are bounded: a transaction's gas allows millions of calls, and no one looks at more of them than a page holds.

use std::collections::BTreeMap;

use vm_core::{Address, Hash};

/// Most nodes of a tree.
pub const NODES_MAX: usize = 1 << 15;
/// Deepest node of a tree.
pub const DEPTH_MAX: usize = 400;
/// Most nodes entered and left that a timeline keeps.
pub const EVENTS_MAX: usize = 1 << 19;

/// What fuel was taken by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The transaction, before it does anything.
    Intrinsic,
    /// A call of a contract, a deployment, or what else a transaction does.
    Frame {
        /// The contract, or who receives a transfer.
        contract: Address,
        /// The function, or what it is instead.
        function: String,
    },
    /// What stands before an instance runs: loading and starting it, checking arguments, moving value, storing code.
    Setup,
    /// What a halted call had left.
    Forfeited,
    /// A function of a module, by its index.
    Function {
        /// The module's code hash.
        code: Hash,
        /// The index.
        index: u32,
    },
    /// A host function.
    Host(&'static str),
}

/// A place at its place in the tree.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub place: Place,
    /// Fuel that it took itself.
    pub fuel: u64,
    /// How often it was entered.
    pub count: u64,
    /// Nodes that were entered from it.
    pub children: BTreeMap<Place, usize>,
}

/// Places by who entered them.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    roots: BTreeMap<Place, usize>,
    total: u64,
    /// Whether places past the bounds are left out; their fuel is with who entered them.
    pub truncated: bool,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { nodes: Vec::new(), roots: BTreeMap::new(), total: 0, truncated: false }
    }

    /// The node of `place` under `parent`, entered once more; none past the bounds.
    pub(super) fn enter(&mut self, parent: Option<usize>, depth: usize, place: Place) -> Option<usize> {
        let known = self.children(parent).get(&place).copied();
        let index = match known {
            Some(index) => index,
            // The outermost are few, and somebody has to take the fuel.
            None if parent.is_some() && (self.nodes.len() >= NODES_MAX || depth >= DEPTH_MAX) => {
                self.truncated = true;
                return None;
            }
            None => {
                let index = self.nodes.len();
                self.nodes.push(Node { place: place.clone(), fuel: 0, count: 0, children: BTreeMap::new() });
                match parent.and_then(|parent| self.nodes.get_mut(parent)) {
                    Some(parent) => parent.children.insert(place, index),
                    None => self.roots.insert(place, index),
                };
                index
            }
        };
        let node = self.nodes.get_mut(index)?;
        node.count = node.count.saturating_add(1);
        Some(index)
    }

    pub(super) fn spend(&mut self, node: Option<usize>, fuel: u64) {
        if let Some(node) = node.and_then(|node| self.nodes.get_mut(node)) {
            node.fuel = node.fuel.saturating_add(fuel);
            self.total = self.total.saturating_add(fuel);
        }
    }

    /// All fuel in it.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// A node.
    #[must_use]
    pub fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The nodes under `parent`, or the outermost ones.
    #[must_use]
    pub fn children(&self, parent: Option<usize>) -> &BTreeMap<Place, usize> {
        parent.and_then(|parent| self.nodes.get(parent)).map_or(&self.roots, |node| &node.children)
    }

    /// Calls `visit` for every node with the path to it, the node last, parents before children.
    pub fn walk<'t>(&'t self, mut visit: impl FnMut(&[&'t Node])) {
        let mut path: Vec<&Node> = Vec::new();
        let mut left: Vec<(usize, usize)> = self.roots.values().rev().map(|index| (*index, 0)).collect();
        while let Some((index, depth)) = left.pop() {
            let Some(node) = self.nodes.get(index) else { continue };
            path.truncate(depth);
            path.push(node);
            visit(&path);
            left.extend(node.children.values().rev().map(|child| (*child, depth.saturating_add(1))));
        }
    }
}

/// A node is entered or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Fuel that was taken before.
    pub at: u64,
    /// The node.
    pub node: usize,
    /// Whether it is entered.
    pub enters: bool,
}

/// When nodes were entered and left, in order.
pub type Timeline = Vec<Moment>;
