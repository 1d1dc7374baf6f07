//! The bytes of a part of a trie: what proofs and witnesses are (`docs/format.md` section 7).
//!
//! Invariants:
//! - one part, one byte string: the encoding leaves nothing to choose, and the decoder refuses everything else;
//! - no input panics, recurses, or makes the decoder hold more than 100 bytes per byte of input, and what one path
//!   takes: three bytes show an entry, one a fork;
//! - what is decoded has the root that its bytes hash to: nothing is believed before that is compared.

use alloc::vec::Vec;
use parity_scale_codec::{Compact, Encode};
use vm_core::codec::decode_exact;
use vm_core::commitment::{bit_at, first_difference};
use vm_core::{Hash, Key, KeySpace};

use super::Trie;
use super::node::{Link, Node};
use crate::{ReadError, Value};

const EMPTY: u8 = 0;
const OPAQUE: u8 = 1;
const LEAF: u8 = 2;
const ENTRY: u8 = 3;
/// From here on: a fork this far below its parent.
const INNER: u8 = 4;
/// A fork further below than a byte can say.
const INNER_FAR: u8 = u8::MAX;
/// The distances that a byte can say are below this.
const FAR: u16 = 251;
const _: () =
    assert!(INNER + 251 == INNER_FAR && FAR == 251, "the near distances end where the far tag stands");

/// How long the keys of a trie are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyShape {
    /// Entry keys: the first byte fixes the length.
    Entry,
    /// This many bytes each.
    Bytes(u8),
}

impl KeyShape {
    fn len(self, first: u8) -> Option<usize> {
        match self {
            Self::Entry => KeySpace::from_tag(first).map(KeySpace::key_len),
            Self::Bytes(len) => Some(usize::from(len)),
        }
    }
}

/// Why bytes are no part of a trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end too early.
    #[error("bytes are missing at the end")]
    Truncated,
    /// They go on after the end.
    #[error("there are bytes after the end, at {at}")]
    Trailing {
        /// Where the first of them is.
        at: u32,
    },
    /// A fork at no bit that a key can have, or with its distance in the long form where the short one serves.
    #[error("a fork at a bit that can't be, at byte {at}")]
    Fork {
        /// Where.
        at: u32,
    },
    /// An empty subtrie below a fork, or a hash of zeros: the empty trie has one form, and no subtrie that hash.
    #[error("a subtrie without entries, at byte {at}")]
    NoSubtrie {
        /// Where.
        at: u32,
    },
    /// A fork of which nothing is shown on either side.
    #[error("a fork with nothing shown below it, before byte {at}")]
    Hollow {
        /// Where.
        at: u32,
    },
    /// A key that names no space, or is too short for the forks above it.
    #[error("a key that can't be, at byte {at}")]
    Key {
        /// Where.
        at: u32,
    },
    /// A key that belongs elsewhere in the trie.
    #[error("a key away from its place, at byte {at}")]
    Misplaced {
        /// Where.
        at: u32,
    },
    /// A value whose length has a shorter encoding, or none.
    #[error("a value with a wrong length, at byte {at}")]
    ValueLength {
        /// Where.
        at: u32,
    },
}

/// The bytes of `trie`, which has no rows.
pub(crate) fn encode(trie: &Trie) -> Result<Vec<u8>, ReadError> {
    let mut out = Vec::new();
    let Some(root) = &trie.root else {
        out.push(EMPTY);
        return Ok(out);
    };
    let mut last: Option<Key> = None;
    // The highest fork between the last key and here.
    let mut fork = u16::MAX;
    let mut rest: Vec<(&Link, u16, u16)> = alloc::vec![(root, 0, u16::MAX)];
    while let Some((link, below, right_of)) = rest.pop() {
        fork = fork.min(right_of);
        match &link.node {
            Node::Opaque => {
                out.push(OPAQUE);
                out.extend_from_slice(link.hash.as_ref());
            }
            Node::Leaf(leaf) => {
                out.push(if leaf.value.is_some() { ENTRY } else { LEAF });
                let (_, own) = leaf.key.as_bytes().split_at(shared_bytes(last.is_some(), fork));
                out.extend_from_slice(own);
                match &leaf.value {
                    None => out.extend_from_slice(leaf.value_hash.as_ref()),
                    Some(value) => value.as_slice().encode_to(&mut out),
                }
                last = Some(leaf.key);
                fork = u16::MAX;
            }
            Node::Inner(inner) => {
                let distance = inner.bit.saturating_sub(below);
                match u8::try_from(distance).ok().and_then(|near| near.checked_add(INNER)) {
                    Some(tag) if tag < INNER_FAR => out.push(tag),
                    _ => {
                        out.push(INNER_FAR);
                        out.extend_from_slice(&distance.to_be_bytes());
                    }
                }
                let below = inner.bit.saturating_add(1);
                rest.push((&inner.right, below, inner.bit));
                rest.push((&inner.left, below, u16::MAX));
            }
            Node::Rows(_) => return Err(super::ROWS.into()),
        }
    }
    Ok(out)
}

/// How many bytes a key has from the one shown before it, if there is one: whole bytes above the fork between them.
fn shared_bytes(any_before: bool, fork: u16) -> usize {
    if any_before { usize::from(fork.wrapping_shr(3)) } else { 0 }
}

/// A fork whose right side is not yet complete.
struct Open {
    bit: u16,
    left: Option<Link>,
}

struct Decoder<'b> {
    bytes: &'b [u8],
    at: usize,
    shape: KeyShape,
    open: Vec<Open>,
    last: Option<Key>,
    fork: u16,
}

/// The part of a trie that `bytes` are.
pub(crate) fn decode(bytes: &[u8], shape: KeyShape) -> Result<Trie, DecodeError> {
    Decoder { bytes, at: 0, shape, open: Vec::new(), last: None, fork: u16::MAX }.trie()
}

impl<'b> Decoder<'b> {
    fn trie(&mut self) -> Result<Trie, DecodeError> {
        let root = match self.bytes.first() {
            Some(&EMPTY) => {
                self.at = 1;
                None
            }
            _ => Some(self.subtrie()?),
        };
        if self.at < self.bytes.len() {
            return Err(DecodeError::Trailing { at: self.position() });
        }
        Ok(Trie { root, bucket: 0, partial: true })
    }

    /// Reads nodes until the root is complete.
    fn subtrie(&mut self) -> Result<Link, DecodeError> {
        loop {
            let at = self.position();
            let mut done = match self.byte()? {
                OPAQUE => match self.hash()? {
                    Hash::ZERO => return Err(DecodeError::NoSubtrie { at }),
                    hash => Link::opaque(hash),
                },
                LEAF => {
                    let key = self.key()?;
                    Link::leaf(&key, self.hash()?, None)
                }
                ENTRY => {
                    let key = self.key()?;
                    let value = self.value()?;
                    Link::entry(&key, &value)
                }
                EMPTY => return Err(DecodeError::NoSubtrie { at }),
                tag => {
                    self.open_fork(tag, at)?;
                    continue;
                }
            };
            loop {
                let Some(mut open) = self.open.pop() else { return Ok(done) };
                match open.left.take() {
                    None => {
                        self.fork = self.fork.min(open.bit);
                        open.left = Some(done);
                        self.open.push(open);
                        break;
                    }
                    Some(left) => {
                        if matches!((&left.node, &done.node), (Node::Opaque, Node::Opaque)) {
                            return Err(DecodeError::Hollow { at: self.position() });
                        }
                        done = Link::join(open.bit, left, done, 0);
                    }
                }
            }
        }
    }

    fn open_fork(&mut self, tag: u8, at: u32) -> Result<(), DecodeError> {
        let distance = if tag == INNER_FAR {
            let distance = u16::from_be_bytes(self.array()?);
            if distance < FAR {
                return Err(DecodeError::Fork { at });
            }
            distance
        } else {
            u16::from(tag.wrapping_sub(INNER))
        };
        let below = self.open.last().map_or(0, |open| open.bit.saturating_add(1));
        let bit =
            below.checked_add(distance).filter(|bit| usize::from(*bit) < Key::LEN_MAX.saturating_mul(8));
        let bit = bit.ok_or(DecodeError::Fork { at })?;
        self.open.push(Open { bit, left: None });
        Ok(())
    }

    /// Reads a key and checks that it belongs here.
    fn key(&mut self) -> Result<Key, DecodeError> {
        let at = self.position();
        let shared = shared_bytes(self.last.is_some(), self.fork);
        let last = self.last;
        let shared = last.as_ref().and_then(|last| last.as_bytes().get(..shared)).unwrap_or_default();
        let first = match shared.first() {
            Some(&first) => first,
            None => self.bytes.get(self.at).copied().ok_or(DecodeError::Truncated)?,
        };
        let len = self.shape.len(first).ok_or(DecodeError::Key { at })?;
        let own = len.checked_sub(shared.len()).ok_or(DecodeError::Key { at })?;
        let mut bytes = smallvec::SmallVec::<[u8; Key::LEN_MAX]>::from_slice(shared);
        bytes.extend_from_slice(self.take(own)?);
        let key = Key::prefix(&bytes).ok_or(DecodeError::Key { at })?;
        let bits = len.saturating_mul(8);
        if self.open.last().is_some_and(|open| usize::from(open.bit) >= bits) {
            return Err(DecodeError::Key { at });
        }
        let misplaced = DecodeError::Misplaced { at };
        if self.open.iter().any(|open| bit_at(&bytes, open.bit) != open.left.is_some()) {
            return Err(misplaced);
        }
        // Of two leaves shown one after the other, the highest fork between them is where they differ first: then
        // all leaves below a fork agree above it.
        if let Some(last) = &last
            && first_difference(last.as_bytes(), &bytes) != Some(self.fork)
        {
            return Err(misplaced);
        }
        self.last = Some(key);
        self.fork = u16::MAX;
        Ok(key)
    }

    fn value(&mut self) -> Result<Value, DecodeError> {
        let at = self.position();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        // The two lowest bits of the first byte say how many bytes the length has.
        let form = match rest.first().ok_or(DecodeError::Truncated)? & 0b11 {
            0 => self.take(1)?,
            1 => self.take(2)?,
            2 => self.take(4)?,
            _ => self.take(5)?,
        };
        let len = decode_exact::<Compact<u32>>(form, form.len());
        let Compact(len) = len.map_err(|_| DecodeError::ValueLength { at })?;
        let len = usize::try_from(len).map_err(|_| DecodeError::ValueLength { at })?;
        Ok(Value::from_slice(self.take(len)?))
    }

    fn hash(&mut self) -> Result<Hash, DecodeError> {
        self.array().map(Hash)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| DecodeError::Truncated)
    }

    fn take(&mut self, len: usize) -> Result<&'b [u8], DecodeError> {
        let end = self.at.checked_add(len).ok_or(DecodeError::Truncated)?;
        let taken = self.bytes.get(self.at..end).ok_or(DecodeError::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// For people: where the next byte is.
    fn position(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }
}

/// What stands in a place of a trie: an entry's key, with its value where that is shown; `None` for what is hidden.
pub(crate) type Place<'t> = Option<(&'t Key, Option<&'t Value>)>;

impl Trie {
    /// What is shown and what is hidden, in key order. Rows count as hidden.
    pub(crate) fn flat(&self) -> Vec<Place<'_>> {
        let mut flat = Vec::new();
        let mut rest: Vec<&Link> = self.root.iter().collect();
        while let Some(link) = rest.pop() {
            match &link.node {
                Node::Leaf(leaf) => flat.push(Some((&leaf.key, leaf.value.as_ref()))),
                Node::Inner(inner) => rest.extend([&inner.right, &inner.left]),
                Node::Rows(_) | Node::Opaque => flat.push(None),
            }
        }
        flat
    }

    /// The leaves that are shown, ascending, each with whether its value is.
    pub(crate) fn shown(&self) -> Vec<(Key, bool)> {
        self.flat().into_iter().flatten().map(|(key, value)| (*key, value.is_some())).collect()
    }
}
