//! A node, and what its parent knows of it.

use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::commitment::{inner_hash, leaf_hash};
use vm_core::{Hash, Key, value_hash};

use crate::Value;

/// A subtrie: its hash, which stands in the parent so that a sibling's memory is never touched, and what is held of it.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) hash: Hash,
    pub(crate) node: Node,
}

/// What is held of a subtrie.
#[derive(Clone)]
pub(crate) enum Node {
    /// An entry.
    Leaf(Arc<Leaf>),
    /// A fork.
    Inner(Arc<Inner>),
    /// This many entries, which stand in the rows of a store: one contiguous range of keys.
    Rows(u32),
    /// What a witness leaves out.
    Opaque,
}

impl Node {
    /// How many links share what is held. A matter of speed: reading it brings it near.
    pub(crate) fn sharers(&self) -> usize {
        match self {
            Self::Leaf(leaf) => Arc::strong_count(leaf),
            Self::Inner(inner) => Arc::strong_count(inner),
            Self::Rows(_) | Self::Opaque => 0,
        }
    }
}

/// An entry.
pub(crate) struct Leaf {
    pub(crate) key: Key,
    pub(crate) value_hash: Hash,
    /// The value, where it is held: a proof of an absence shows leaves without.
    pub(crate) value: Option<Value>,
}

/// A fork. All keys below agree in every bit above `bit` and have 0 in it on the left, 1 on the right.
pub(crate) struct Inner {
    /// The bit index, larger than the parent's.
    pub(crate) bit: u16,
    pub(crate) left: Link,
    pub(crate) right: Link,
}

impl Link {
    /// The leaf of an entry whose value is held.
    pub(crate) fn entry(key: &Key, value: &Value) -> Self {
        Self::leaf(key, value_hash(value), Some(Value::from_slice(value)))
    }

    /// A leaf, with or without its value.
    pub(crate) fn leaf(key: &Key, value_hash: Hash, value: Option<Value>) -> Self {
        let hash = leaf_hash(key.as_bytes(), &value_hash);
        Self { hash, node: Node::Leaf(Arc::new(Leaf { key: *key, value_hash, value })) }
    }

    /// The leaf with this hash, in the rows of a store.
    pub(crate) fn row(leaf: Hash) -> Self {
        Self { hash: leaf, node: Node::Rows(1) }
    }

    /// The subtrie with this hash, of which nothing is held.
    pub(crate) fn opaque(hash: Hash) -> Self {
        Self { hash, node: Node::Opaque }
    }

    /// The fork of two subtries at `bit`. Up to `bucket` entries that stand in rows are one node together, and what is
    /// hidden on both sides is hidden as a whole.
    pub(crate) fn join(bit: u16, left: Self, right: Self, bucket: u32) -> Self {
        let hash = inner_hash(bit, &left.hash, &right.hash);
        let node = match (&left.node, &right.node) {
            (Node::Rows(a), Node::Rows(b)) if a.saturating_add(*b) <= bucket => {
                Node::Rows(a.saturating_add(*b))
            }
            (Node::Opaque, Node::Opaque) => Node::Opaque,
            _ => Node::Inner(Arc::new(Inner { bit, left, right })),
        };
        Self { hash, node }
    }
}

/// Frees what no other trie shares with an explicit stack: the derived drop recurses once per level.
impl Drop for Inner {
    fn drop(&mut self) {
        let mut rest = Vec::new();
        self.give_forks(&mut rest);
        while let Some(fork) = rest.pop() {
            // Without its forks below, an inner node drops without going deeper.
            if let Some(mut fork) = Arc::into_inner(fork) {
                fork.give_forks(&mut rest);
            }
        }
    }
}

impl Inner {
    /// Moves the forks right below to `out`.
    fn give_forks(&mut self, out: &mut Vec<Arc<Self>>) {
        for side in [&mut self.left, &mut self.right] {
            match core::mem::replace(&mut side.node, Node::Opaque) {
                Node::Inner(fork) => out.push(fork),
                Node::Leaf(_) | Node::Rows(_) | Node::Opaque => {}
            }
        }
    }
}
