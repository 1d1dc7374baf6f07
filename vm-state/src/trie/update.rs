//! A batch of changes in one walk.
//!
//! Deletions of absent keys are dropped, then all puts apply, then all deletions. The order matters to a light node
//! only: a deletion that comes first replaces its fork by the sibling, which may be opaque, and a put that belongs
//! there would walk into it.
//!
//! First every key descends the trie as it is, which finds what is present and where each new key leaves. Then one
//! in-order walk hands the assembler untouched subtries, kept leaves and new leaves from left to right, with the bits
//! between them; it never looks at the sibling of a deleted leaf. Both steps have explicit stacks or none.

use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::Hash;

use super::build::Assembler;
use super::node::{Node, bit_at, first_difference};
use super::{KEY_BYTES_MAX, Trie};
use crate::{NodeFailure, ReadError};

/// A change that changes something.
#[derive(Clone, Copy, Debug)]
struct Change<'a> {
    key: &'a [u8],
    /// Where the key leaves the trie; `None` if it is in it.
    leaves_at: Option<u16>,
    /// The value hash to be; `None` deletes.
    value_hash: Option<Hash>,
}

impl Change<'_> {
    /// Whether the key leaves above `bit`, on `side` of what is there.
    fn leaves_above(&self, bit: u16, side: bool) -> bool {
        self.leaves_at.is_some_and(|at| at < bit && bit_at(self.key, at) == side)
    }
}

/// What is still to be done, the next step last.
#[derive(Debug)]
enum Step<'a> {
    /// Apply these changes to this subtrie. Each key agrees with it in all bits down to its parent's.
    Visit(&'a Arc<Node>, &'a [Change<'a>]),
    /// Left and right of here differ at this bit first.
    DifferAt(u16),
    /// Add these keys, which leave the subtrie before them on its right.
    After(&'a [Change<'a>]),
}

impl Trie {
    /// The trie after `changes`, of which each names another key, in any order; `None` deletes.
    ///
    /// Deletes of absent keys change nothing. The result does not depend on the order of `changes`.
    ///
    /// # Errors
    ///
    /// [`ReadError::WitnessIncomplete`] if a key's descent meets an opaque node; [`NodeFailure::Invariant`] for a key
    /// named twice, a key that is empty or too long, and a put of a key that is a prefix of another or continues one.
    pub fn update<K: AsRef<[u8]>>(&self, changes: &[(K, Option<Hash>)]) -> Result<Self, ReadError> {
        let mut sorted: Vec<(&[u8], Option<Hash>)> =
            changes.iter().map(|(key, value_hash)| (key.as_ref(), *value_hash)).collect();
        // Change sets come sorted; the sort then is one pass. Keys are different, so that stability is moot.
        sorted.sort_by(|a, b| a.0.cmp(b.0));
        if sorted.iter().zip(sorted.iter().skip(1)).any(|(a, b)| a.0 == b.0) {
            return Err(NodeFailure::Invariant("a batch of trie changes names each key once").into());
        }
        let changes = self.locate(&sorted)?;
        if changes.is_empty() {
            return Ok(self.clone());
        }
        self.apply(&changes)
    }

    /// Finds where each key is or leaves, and drops what changes nothing.
    fn locate<'a>(&self, sorted: &[(&'a [u8], Option<Hash>)]) -> Result<Vec<Change<'a>>, ReadError> {
        const PREFIX: NodeFailure = NodeFailure::Invariant("no trie key is a prefix of another");
        let mut changes: Vec<Change<'a>> = Vec::with_capacity(sorted.len());
        let mut last_put: Option<&[u8]> = None;
        for &(key, value_hash) in sorted {
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return Err(NodeFailure::Invariant("a trie key has 1 to 81 bytes").into());
            }
            let found = self.descend(key)?;
            let present = found.filter(|(found, _)| *found == key).map(|(_, value_hash)| value_hash);
            if present == value_hash {
                continue;
            }
            let leaves_at = match found {
                // The trie is empty; any bit will do, since there is nothing for it to be compared with.
                None => Some(0),
                Some(_) if present.is_some() => None,
                Some((found, _)) => Some(first_difference(found, key).ok_or(PREFIX)?),
            };
            if value_hash.is_some() {
                // A prefix sorts before what continues it with nothing but other continuations between.
                if last_put.is_some_and(|last| key.starts_with(last)) {
                    return Err(PREFIX.into());
                }
                last_put = Some(key);
            }
            changes.push(Change { key, leaves_at, value_hash });
        }
        Ok(changes)
    }

    fn apply(&self, changes: &[Change<'_>]) -> Result<Self, ReadError> {
        let mut out = Assembler::new();
        let Some(root) = &self.root else {
            push_leaves(&mut out, changes);
            return Ok(out.finish());
        };
        let mut steps = alloc::vec![Step::Visit(root, changes)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Visit(node, []) => out.push(Arc::clone(node)),
                Step::Visit(node, changes) => visit(node, changes, &mut steps, &mut out)?,
                Step::DifferAt(bit) => out.differ_at(bit),
                Step::After(changes) => {
                    if let Some(bit) = changes.first().and_then(|change| change.leaves_at) {
                        out.differ_at(bit);
                        push_leaves(&mut out, changes);
                    }
                }
            }
        }
        Ok(out.finish())
    }
}

/// Splits `changes` into those before, in and after the subtrie, hands on the first and leaves the rest as steps.
fn visit<'a>(
    node: &'a Arc<Node>,
    changes: &'a [Change<'a>],
    steps: &mut Vec<Step<'a>>,
    out: &mut Assembler,
) -> Result<(), ReadError> {
    let end = match &**node {
        Node::Inner { bit, .. } => *bit,
        Node::Leaf { .. } => u16::MAX,
        // Unreachable after `locate`, which descended the same way.
        Node::Opaque(_) => return Err(ReadError::WitnessIncomplete),
    };
    // All keys agree with the subtrie down to its parent, so those that leave it at a 0 bit sort before it, at a 1
    // bit after it: three contiguous parts.
    let (before, rest) = changes.split_at(changes.partition_point(|change| change.leaves_above(end, false)));
    let (inside, after) = rest.split_at(rest.partition_point(|change| !change.leaves_above(end, true)));
    push_leaves(out, before);
    if let Some(bit) = before.last().and_then(|change| change.leaves_at) {
        out.differ_at(bit);
    }
    steps.push(Step::After(after));
    match &**node {
        Node::Inner { bit, left, right, .. } => {
            let (zeros, ones) = inside.split_at(inside.partition_point(|change| !bit_at(change.key, *bit)));
            steps.extend([Step::Visit(right, ones), Step::DifferAt(*bit), Step::Visit(left, zeros)]);
        }
        Node::Leaf { .. } => match inside {
            [] => out.push(Arc::clone(node)),
            // The leaf's own key. A deleted leaf gives no item, and the bits on either side of it combine.
            found => push_leaves(out, found),
        },
        Node::Opaque(_) => return Err(ReadError::WitnessIncomplete),
    }
    Ok(())
}

/// Hands on the leaves of neighbouring `changes`, with the bits between them.
fn push_leaves(out: &mut Assembler, changes: &[Change<'_>]) {
    let mut last: Option<&[u8]> = None;
    for change in changes {
        let Some(value_hash) = change.value_hash else { continue };
        if let Some(bit) = last.and_then(|last| first_difference(last, change.key)) {
            out.differ_at(bit);
        }
        out.push(Node::leaf(change.key, value_hash));
        last = Some(change.key);
    }
}
