//! What of a trie shows certain leaves: their paths, and everything else as hashes.

use alloc::vec::Vec;
use vm_core::Key;
use vm_core::commitment::{bit_at, first_difference};

use super::build::{Assembler, LeafAssembler};
use super::node::{Leaf, Link, Node};
use super::update::nearest_row;
use super::{Found, ROWS, Trie};
use crate::{LeafRow, NodeFailure, ReadError, Region, View};

/// A leaf to be shown: its key, and whether with its value.
pub(crate) type Shown = (Key, bool);

/// The key of the leaf at which the descent of `key` ends; `None` in the empty trie.
///
/// Rows are read through `view`.
pub(crate) fn descent_leaf(
    trie: &Trie,
    view: Option<&dyn View>,
    key: &Key,
) -> Result<Option<Key>, ReadError> {
    match trie.descend(key)? {
        Found::Empty => Ok(None),
        Found::Leaf(leaf) => Ok(Some(leaf.key)),
        Found::Rows(bits, _) => {
            let view = view.ok_or(ROWS)?;
            let mut rows = view.leaves(&Region::new(key, bits))?;
            if rows.is_empty() {
                rows = foreign_bucket(trie, view, key, bits)?;
            }
            Ok(Some(descend_rows(&rows, key)))
        }
    }
}

/// The bucket at which the descent of `key` ends, where its rows begin otherwise than `key` does.
///
/// Above the point where `key` leaves, its nearest row shares the path. Below, some row stands for all of the subtrie
/// reached; where `key` turns to the other side than that row, the first row of that side takes its place.
fn foreign_bucket(trie: &Trie, view: &dyn View, key: &Key, bits: u16) -> Result<Vec<LeafRow>, ReadError> {
    const ROWS_EXIST: NodeFailure = NodeFailure::Invariant("every subtrie of a trie has rows");
    let mut row = nearest_row(view, key)?.ok_or(ROWS_EXIST)?;
    let mut link = trie.root.as_ref().ok_or(ROWS_EXIST)?;
    while let Node::Inner(inner) = &link.node {
        let one = bit_at(key.as_bytes(), inner.bit);
        if bit_at(row.as_bytes(), inner.bit) != one {
            let side = Region::new(&row, inner.bit).side(one);
            let (first, _) = view.next(&Key::EMPTY, side.start())?.ok_or(ROWS_EXIST)?;
            row = first;
        }
        link = inner.side(one);
    }
    view.leaves(&Region::new(&row, bits))
}

/// The row at which the descent of `key` ends in the subtrie of `rows`, of which there is at least one.
fn descend_rows(rows: &[LeafRow], key: &Key) -> Key {
    let mut rows = rows;
    while let [first, .., last] = rows {
        // Neighbours in a trie are never prefixes, so that first and last differ in the bit at its root.
        let Some(bit) = first_difference(first.key.as_bytes(), last.key.as_bytes()) else { break };
        let (zeros, ones) = rows.split_at(rows.partition_point(|row| !bit_at(row.key.as_bytes(), bit)));
        rows = if bit_at(key.as_bytes(), bit) { ones } else { zeros };
    }
    rows.first().map_or(Key::EMPTY, |row| row.key)
}

/// The part of `trie` that shows the leaves `shown`, ascending and all of them in it; the rest is opaque.
///
/// Rows, and values in them, are read through `view`.
pub(crate) fn restrict(trie: &Trie, view: Option<&dyn View>, shown: &[Shown]) -> Result<Trie, ReadError> {
    enum Step<'a> {
        /// Show of this subtrie, whose keys share that many bits, these leaves.
        Visit(&'a Link, u16, &'a [Shown]),
        DifferAt(u16),
    }
    let mut out = Assembler::new(0);
    let mut steps: Vec<Step<'_>> = trie.root.iter().map(|root| Step::Visit(root, 0, shown)).collect();
    while let Some(step) = steps.pop() {
        match step {
            Step::DifferAt(bit) => out.differ_at(bit),
            Step::Visit(link, _, []) => out.push(Link::opaque(link.hash)),
            Step::Visit(link, bits, shown @ [(first, with_value), ..]) => match &link.node {
                Node::Inner(inner) => {
                    let ones = shown.partition_point(|(key, _)| !bit_at(key.as_bytes(), inner.bit));
                    let (zeros, ones) = shown.split_at(ones);
                    let bits = inner.bit.saturating_add(1);
                    steps.push(Step::Visit(&inner.right, bits, ones));
                    steps.push(Step::DifferAt(inner.bit));
                    steps.push(Step::Visit(&inner.left, bits, zeros));
                }
                Node::Leaf(leaf) => out.push(show(leaf, *with_value)?),
                Node::Rows(_) => {
                    let view = view.ok_or(ROWS)?;
                    let rows = view.leaves(&Region::new(first, bits))?;
                    if let Some(link) = restrict_rows(view, &rows, shown)? {
                        out.push(link);
                    }
                }
                Node::Opaque => return Err(ReadError::WitnessIncomplete),
            },
        }
    }
    Ok(Trie { root: out.finish(), bucket: 0, partial: true })
}

fn show(leaf: &Leaf, with_value: bool) -> Result<Link, ReadError> {
    let value = match (&leaf.value, with_value) {
        (Some(value), true) => Some(value.clone()),
        (None, true) => return Err(ReadError::WitnessIncomplete),
        (_, false) => None,
    };
    Ok(Link::leaf(&leaf.key, leaf.value_hash, value))
}

/// The subtrie of `rows` that shows these of them.
fn restrict_rows(view: &dyn View, rows: &[LeafRow], shown: &[Shown]) -> Result<Option<Link>, ReadError> {
    let mut out = LeafAssembler::new(0);
    let mut shown = shown.iter().peekable();
    for row in rows {
        let link = match shown.next_if(|(key, _)| *key == row.key) {
            None => Link::opaque(row.leaf),
            Some((key, with_value)) => {
                let value = view.get(key)?.ok_or(NodeFailure::Invariant("a leaf's row has a value"))?;
                let hash = vm_core::value_hash(&value);
                Link::leaf(key, hash, with_value.then_some(value))
            }
        };
        out.push(&row.key, link).map_err(|_| NodeFailure::Invariant("rows ascend, and none is a prefix"))?;
    }
    Ok(out.finish())
}
