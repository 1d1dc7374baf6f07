//! A batch of changes in one walk.
//!
//! Deletions of absent keys are dropped, then all puts apply, then all deletions. The order matters to a light node
//! only: a deletion that comes first replaces its fork by the sibling, which may be opaque, and a put that belongs
//! there would walk into it.
//!
//! First every key descends the trie as it is, which finds what is present and where each new key leaves; a bucket of
//! rows is read here, and becomes what it will be. Then one in-order walk hands the assembler untouched subtries and
//! changed ones from left to right, with the bits between them; it never looks at the sibling of a deleted leaf. Both
//! steps have explicit stacks or none.

use alloc::vec::Vec;
use core::iter::Peekable;
use vm_core::commitment::{bit_at, first_difference, leaf_hash};
use vm_core::{Hash, Key, value_hash};

use super::build::{Assembler, LeafAssembler};
use super::node::{Inner, Link, Node};
use super::{Found, ROWS, Trie};
use crate::{LeafRow, NodeFailure, ReadError, Region, Value, View};

/// What was read back from rows is not what the trie above them says.
const DAMAGED_BUCKET: NodeFailure = NodeFailure::Invariant(
    "the rows of a bucket hash to what the trie above them says: is the store damaged?",
);
const PREFIX: NodeFailure = NodeFailure::Invariant("no trie key is a prefix of another");

/// A change that changes something: of one leaf, or of a bucket of rows.
struct Change<'a> {
    /// The leaf's key, or one of the bucket's.
    key: &'a Key,
    /// Where the key leaves the trie; `None` if it is in it.
    leaves_at: Option<u16>,
    /// What stands there afterwards, if anything.
    becomes: Option<Link>,
}

impl Change<'_> {
    /// Whether the key leaves above `bit`, on `side` of what is there.
    fn leaves_above(&self, bit: u16, side: bool) -> bool {
        self.leaves_at.is_some_and(|at| at < bit && bit_at(self.key.as_bytes(), at) == side)
    }
}

/// What is still to be done, the next step last.
enum Step<'a> {
    /// Apply these changes to this subtrie. Each key agrees with it in all bits down to its parent's.
    Visit(&'a Link, &'a mut [Change<'a>]),
    /// The subtrie that was brought near is done.
    Leave,
    /// Left and right of here differ at this bit first.
    DifferAt(u16),
    /// Add these keys, which leave the subtrie before them on its right.
    After(&'a mut [Change<'a>]),
}

impl Trie {
    /// The trie after `changes`, of which each names another key, ascending; `None` deletes. Deletes of absent keys
    /// change nothing.
    ///
    /// `rows` is the view whose rows this trie is over; none for a trie that holds its entries itself.
    ///
    /// # Errors
    ///
    /// [`ReadError::WitnessIncomplete`] if a key's descent meets an opaque node; [`ReadError::Failure`] if rows can't
    /// be read, for changes that do not ascend, for an empty key, and for a put of a key that is a prefix of another
    /// or continues one.
    pub fn update(
        &self,
        rows: Option<&dyn View>,
        changes: &[(Key, Option<Value>)],
    ) -> Result<Self, ReadError> {
        if !changes.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(
                NodeFailure::Invariant("a batch of trie changes names each key once, ascending").into()
            );
        }
        let mut changes = self.locate(rows, changes)?;
        if changes.is_empty() {
            return Ok(self.clone());
        }
        self.apply(&mut changes)
    }

    /// Where the descent of each key ends.
    fn descend_all(&self, changes: &[(Key, Option<Value>)]) -> Result<Vec<Found<'_>>, ReadError> {
        let Some(root) = self.root.as_ref() else {
            return Ok(changes.iter().map(|_| Found::Empty).collect());
        };
        let ends = descend_together(root, changes.iter().map(|(key, _)| key), |_, _| {});
        let found = ends.into_iter().map(|(link, bits)| match &link.node {
            Node::Leaf(leaf) => Ok(Found::Leaf(leaf)),
            Node::Rows(_) => Ok(Found::Rows(bits, link.hash)),
            Node::Inner(_) | Node::Opaque => Err(ReadError::WitnessIncomplete),
        });
        found.collect()
    }

    /// Finds where each key is or leaves, reads and changes the buckets of rows, and drops what changes nothing.
    fn locate<'a>(
        &'a self,
        rows: Option<&dyn View>,
        changes: &'a [(Key, Option<Value>)],
    ) -> Result<Vec<Change<'a>>, ReadError> {
        let mut located: Vec<Change<'a>> = Vec::with_capacity(changes.len());
        let mut last_put: Option<&Key> = None;
        // A region without rows, and the rows on either side of it.
        let mut empty: Option<(Region, Vec<Key>)> = None;
        let ends = self.descend_all(changes)?;
        let mut rest = changes.iter().zip(ends).peekable();
        while let Some((change, end)) = rest.next() {
            let (key, value) = change;
            if key.as_bytes().is_empty() {
                return Err(NodeFailure::Invariant("a trie key has 1 to 81 bytes").into());
            }
            if value.is_some() {
                // A prefix sorts before what continues it with nothing but other continuations between.
                if last_put.is_some_and(|last| key.as_bytes().starts_with(last.as_bytes())) {
                    return Err(PREFIX.into());
                }
                last_put = Some(key);
            }
            let leaves_at = match end {
                // Any bit will do, since there is nothing for it to be compared with.
                Found::Empty => Some(0),
                Found::Leaf(leaf) if leaf.key == *key => None,
                Found::Leaf(_) if value.is_none() => continue,
                Found::Leaf(leaf) => {
                    Some(first_difference(leaf.key.as_bytes(), key.as_bytes()).ok_or(PREFIX)?)
                }
                Found::Rows(bits, hash) => {
                    let view = rows.ok_or(ROWS)?;
                    let region = Region::new(key, bits);
                    let is_empty = empty.as_ref().is_some_and(|(known, _)| known.contains(key));
                    let bucket = if is_empty { Vec::new() } else { view.leaves(&region)? };
                    if bucket.is_empty() {
                        if value.is_none() {
                            continue;
                        }
                        // The bucket that the descent led to begins otherwise: the key leaves above it. All keys of
                        // this region have the same two neighbours: asked for once, since either may be far away.
                        if !is_empty {
                            empty = Some((region, neighbours(view, key)?));
                        }
                        let neighbours = empty.as_ref().map(|(_, neighbours)| neighbours.as_slice());
                        Some(leaves_rows_at(neighbours.unwrap_or_default(), key)?)
                    } else {
                        check_bucket(&bucket, &hash)?;
                        let becomes = merge(self.bucket, bucket, change, &mut rest, &region)?;
                        located.push(Change { key, leaves_at: None, becomes });
                        continue;
                    }
                }
            };
            let becomes = value.as_ref().map(|value| self.leaf(key, value));
            if becomes.is_some() || leaves_at.is_none() {
                located.push(Change { key, leaves_at, becomes });
            }
        }
        Ok(located)
    }

    /// An entry as this trie keeps it.
    fn leaf(&self, key: &Key, value: &Value) -> Link {
        if self.bucket == 0 { Link::entry(key, value) } else { row(key, value) }
    }

    fn apply<'a>(&'a self, changes: &'a mut [Change<'a>]) -> Result<Self, ReadError> {
        let mut out = Assembler::new(self.bucket);
        let mut steps = Vec::new();
        let mut is_near = false;
        match &self.root {
            Some(root) => steps.push(Step::Visit(root, changes)),
            None => push_leaves(&mut out, changes),
        }
        while let Some(step) = steps.pop() {
            match step {
                Step::Visit(link, []) => out.push(link.clone()),
                Step::Visit(link, changes) => {
                    if !is_near && changes.len() <= NEAR {
                        bring_near(link, changes);
                        is_near = true;
                        steps.push(Step::Leave);
                    }
                    visit(link, changes, &mut steps, &mut out)?;
                }
                Step::Leave => is_near = false,
                Step::DifferAt(bit) => out.differ_at(bit),
                Step::After(changes) => {
                    if let Some(bit) = changes.first().and_then(|change| change.leaves_at) {
                        out.differ_at(bit);
                        push_leaves(&mut out, changes);
                    }
                }
            }
        }
        Ok(Self { root: out.finish(), bucket: self.bucket, partial: self.partial })
    }
}

/// How many changes are applied to a subtrie that was brought near: what they touch fits a core's own cache.
const NEAR: usize = 128;

/// Walks from `root` down to where the descent of each key ends; tells `passed` each fork and the side taken.
///
/// The descents go down side by side, a fork each in turn: what they wait for is memory, and so they wait together.
/// One after the other takes an update of a large trie half as long again.
fn descend_together<'t, 'k>(
    root: &'t Link,
    keys: impl Iterator<Item = &'k Key> + Clone,
    mut passed: impl FnMut(&Inner, bool),
) -> Vec<(&'t Link, u16)> {
    let mut ends: Vec<(&Link, u16)> = keys.clone().map(|_| (root, 0)).collect();
    let mut under_way = true;
    while under_way {
        under_way = false;
        for ((link, bits), key) in ends.iter_mut().zip(keys.clone()) {
            if let Node::Inner(inner) = &link.node {
                let one = bit_at(key.as_bytes(), inner.bit);
                passed(inner, one);
                *bits = inner.bit.saturating_add(1);
                *link = inner.side(one);
                under_way = true;
            }
        }
    }
    ends
}

/// Looks at the nodes that the changes will replace, and at the siblings that the new ones will share. Changes nothing
/// but how long that takes.
fn bring_near(root: &Link, changes: &[Change<'_>]) {
    let mut sharers = 0usize;
    descend_together(root, changes.iter().map(|change| change.key), |inner, one| {
        sharers = sharers.wrapping_add(inner.side(!one).node.sharers());
    });
    // Else the compiler would leave out what nobody uses.
    core::hint::black_box(sharers);
}

/// Splits `changes` into those before, in and after the subtrie, hands on the first and leaves the rest as steps.
fn visit<'a>(
    link: &'a Link,
    changes: &'a mut [Change<'a>],
    steps: &mut Vec<Step<'a>>,
    out: &mut Assembler,
) -> Result<(), ReadError> {
    let end = match &link.node {
        Node::Inner(inner) => inner.bit,
        Node::Leaf(_) | Node::Rows(_) => u16::MAX,
        // Unreachable after `locate`, which descended the same way.
        Node::Opaque => return Err(ReadError::WitnessIncomplete),
    };
    // All keys agree with the subtrie down to its parent, so those that leave it at a 0 bit sort before it, at a 1
    // bit after it: three contiguous parts.
    let before = changes.partition_point(|change| change.leaves_above(end, false));
    let (before, rest) = changes.split_at_mut(before);
    let inside = rest.partition_point(|change| !change.leaves_above(end, true));
    let (inside, after) = rest.split_at_mut(inside);
    let last_before = before.last().and_then(|change| change.leaves_at);
    push_leaves(out, before);
    if let Some(bit) = last_before {
        out.differ_at(bit);
    }
    if !after.is_empty() {
        steps.push(Step::After(after));
    }
    match &link.node {
        Node::Inner(inner) => {
            let ones = inside.partition_point(|change| !bit_at(change.key.as_bytes(), inner.bit));
            let (zeros, ones) = inside.split_at_mut(ones);
            steps.push(Step::Visit(&inner.right, ones));
            steps.push(Step::DifferAt(inner.bit));
            steps.push(Step::Visit(&inner.left, zeros));
        }
        Node::Leaf(_) | Node::Rows(_) if inside.is_empty() => out.push(link.clone()),
        // The leaf's own key, or the bucket's. A deleted one gives no item, and the bits on either side combine.
        Node::Leaf(_) | Node::Rows(_) => push_leaves(out, inside),
        Node::Opaque => return Err(ReadError::WitnessIncomplete),
    }
    Ok(())
}

/// Hands on what neighbouring `changes` leave, with the bits between them.
fn push_leaves(out: &mut Assembler, changes: &mut [Change<'_>]) {
    let mut last: Option<&Key> = None;
    for change in changes {
        let Some(link) = change.becomes.take() else { continue };
        if let Some(bit) = last.and_then(|last| first_difference(last.as_bytes(), change.key.as_bytes())) {
            out.differ_at(bit);
        }
        out.push(link);
        last = Some(change.key);
    }
}

fn row(key: &Key, value: &Value) -> Link {
    Link::row(leaf_hash(key.as_bytes(), &value_hash(value)))
}

/// The bit at which `key` leaves a state in whose rows it is not: the nearest rows share most with it.
fn leaves_rows_at(neighbours: &[Key], key: &Key) -> Result<u16, ReadError> {
    let nearest = nearest(neighbours, key).ok_or(NodeFailure::Invariant("a trie's bucket has rows"))?;
    Ok(first_difference(nearest.as_bytes(), key.as_bytes()).ok_or(PREFIX)?)
}

/// The rows on either side of `key`, which is none.
fn neighbours(view: &dyn View, key: &Key) -> Result<Vec<Key>, ReadError> {
    let before = view.before(key)?;
    let after = view.next(&Key::EMPTY, key)?.map(|(key, _)| key);
    Ok(before.into_iter().chain(after).collect())
}

/// Of a key's neighbours the one that shares more first bits with it.
fn nearest<'k>(neighbours: &'k [Key], key: &Key) -> Option<&'k Key> {
    let shared = |other: &&Key| first_difference(other.as_bytes(), key.as_bytes()).unwrap_or(u16::MAX);
    neighbours.iter().max_by_key(shared)
}

/// Of the rows on either side of `key`, which is none, the one that shares more first bits with it.
pub(super) fn nearest_row(view: &dyn View, key: &Key) -> Result<Option<Key>, ReadError> {
    Ok(nearest(&neighbours(view, key)?, key).copied())
}

/// Checks that rows are those of the bucket with this hash: neighbours' hashes come from a disk, and a changed one would
/// give this node a root of its own.
fn check_bucket(rows: &[LeafRow], hash: &Hash) -> Result<(), ReadError> {
    let mut whole = LeafAssembler::new(u32::MAX);
    for row in rows {
        whole.push(&row.key, Link::row(row.leaf)).map_err(|_| DAMAGED_BUCKET)?;
    }
    if whole.finish().is_some_and(|link| link.hash == *hash) { Ok(()) } else { Err(DAMAGED_BUCKET.into()) }
}

/// What the rows of `region` become by `first` and those of `rest` that belong to it, which are taken.
fn merge<'a>(
    bucket: u32,
    rows: Vec<LeafRow>,
    first: &'a (Key, Option<Value>),
    rest: &mut Peekable<impl Iterator<Item = (&'a (Key, Option<Value>), Found<'a>)>>,
    region: &Region,
) -> Result<Option<Link>, ReadError> {
    let mut out = LeafAssembler::new(bucket);
    let mut push = |key: &Key, link: Link| {
        out.push(key, link)
            .map_err(|_| NodeFailure::Invariant("rows and changes ascend, and no key is a prefix"))
    };
    let mut rows = rows.into_iter().peekable();
    let mut change = Some(first);
    while let Some((key, value)) = change {
        while let Some(before) = rows.next_if(|row| row.key < *key) {
            push(&before.key, Link::row(before.leaf))?;
        }
        rows.next_if(|row| row.key == *key);
        if let Some(value) = value {
            push(key, row(key, value))?;
        }
        change = rest.next_if(|((key, _), _)| region.contains(key)).map(|(change, _)| change);
    }
    for row in rows {
        push(&row.key, Link::row(row.leaf))?;
    }
    Ok(out.finish())
}
