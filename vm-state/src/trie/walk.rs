//! Entries in order, on what a trie holds itself.

use alloc::vec::Vec;
use vm_core::Key;
use vm_core::commitment::{bit_at, first_difference};

use super::node::{Leaf, Link, Node};
use super::{ROWS, Trie};
use crate::{ReadError, Value};

/// Where a search for the first key of a prefix begins; `None` if it can't find any.
pub(crate) fn search_start(prefix: &Key, from: &Key) -> Option<Key> {
    if from <= prefix {
        return Some(*prefix);
    }
    from.as_bytes().starts_with(prefix.as_bytes()).then_some(*from)
}

impl Trie {
    /// The first entry not below `from` whose key begins with `prefix`, `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError::WitnessIncomplete`] if an opaque node hides the answer, or the leaf is shown without its value.
    pub fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(&Key, &Value)>, ReadError> {
        let Some(start) = search_start(prefix, from) else { return Ok(None) };
        let Some(leaf) = self.first_from(&start, prefix.as_bytes().len())? else { return Ok(None) };
        let value = leaf.value.as_ref().ok_or(ReadError::WitnessIncomplete)?;
        Ok(Some((&leaf.key, value)))
    }

    /// The first leaf not below `start` that shares its first `shared` bytes.
    fn first_from(&self, start: &Key, shared: usize) -> Result<Option<&Leaf>, ReadError> {
        let Some(root) = self.root.as_ref() else { return Ok(None) };
        let shared_bits = u16::try_from(shared).unwrap_or(u16::MAX).saturating_mul(8);
        // The forks on the descent, with the subtries that hang below them on the path.
        let mut path: Vec<(u16, &Link, Option<&Link>)> = Vec::new();
        let mut link = root;
        let leaf = loop {
            match &link.node {
                Node::Leaf(leaf) => break leaf,
                Node::Opaque => return Err(ReadError::WitnessIncomplete),
                Node::Rows(_) => return Err(ROWS.into()),
                Node::Inner(inner) => {
                    let one = bit_at(start.as_bytes(), inner.bit);
                    path.push((inner.bit, link, (!one).then_some(&inner.right)));
                    link = inner.side(one);
                }
            }
        };
        if leaf.key.as_bytes().starts_with(start.as_bytes()) {
            return Ok(Some(leaf));
        }
        // Where `start` leaves the trie. Equal bytes up to the leaf's end would make it a prefix, hence smaller.
        let leaves_at = first_difference(leaf.key.as_bytes(), start.as_bytes()).unwrap_or(u16::MAX);
        if leaf.key > *start {
            // Everything below the point where `start` leaves comes after it.
            let subtrie = path.iter().find(|(bit, ..)| *bit > leaves_at).map_or(link, |(_, link, _)| link);
            return if leaves_at < shared_bits { Ok(None) } else { first_leaf(subtrie).map(Some) };
        }
        // Everything there comes before it: what follows is right of the last fork at which the path went left.
        let above = path.iter().rev().filter(|(bit, ..)| *bit < leaves_at);
        let next = above.filter_map(|(bit, _, right)| Some((*bit, (*right)?))).next();
        match next {
            Some((bit, right)) if bit >= shared_bits => first_leaf(right).map(Some),
            _ => Ok(None),
        }
    }
}

/// The leftmost leaf.
fn first_leaf(mut link: &Link) -> Result<&Leaf, ReadError> {
    loop {
        match &link.node {
            Node::Inner(inner) => link = &inner.left,
            Node::Leaf(leaf) => return Ok(leaf),
            Node::Opaque => return Err(ReadError::WitnessIncomplete),
            Node::Rows(_) => return Err(ROWS.into()),
        }
    }
}
