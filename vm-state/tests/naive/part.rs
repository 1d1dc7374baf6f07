//! A part of a trie as docs/format.md section 7 has it: written and read straight on, with no eye on cost or stack.

use std::collections::BTreeMap;

use super::definition::{bit, keyed, root_of};

/// A part of a trie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Empty,
    Hidden([u8; 32]),
    Leaf(Vec<u8>, Shown),
    Fork(usize, Box<Part>, Box<Part>),
}

/// What is shown of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    Hash([u8; 32]),
    Value(Vec<u8>),
}

/// Keys, their values' hashes, and the values where there are some.
pub(crate) type Pairs = BTreeMap<Vec<u8>, ([u8; 32], Vec<u8>)>;

/// A request: keys, and searches by prefix and start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) searches: Vec<(Vec<u8>, Vec<u8>)>,
}

pub(crate) fn pairs<'e>(entries: impl IntoIterator<Item = (&'e [u8], &'e [u8])>) -> Pairs {
    let pair = |(key, value): (&[u8], &[u8])| (key.to_vec(), (keyed("vm/1/value", 0, value), value.to_vec()));
    entries.into_iter().map(pair).collect()
}

/// The first entry that a search finds.
pub(crate) fn found<'p>(pairs: &'p Pairs, prefix: &[u8], start: &[u8]) -> Option<&'p Vec<u8>> {
    pairs.keys().find(|key| key.as_slice() >= start && key.starts_with(prefix))
}

/// The first bit in which not all keys agree.
fn first_bit(keys: &[&Vec<u8>]) -> usize {
    (0..648).find(|at| keys.iter().any(|key| bit(key, *at) != bit(keys[0], *at))).unwrap()
}

/// The key at which the descent of `key` ends.
fn descent(pairs: &Pairs, key: &[u8]) -> Option<Vec<u8>> {
    let mut keys: Vec<&Vec<u8>> = pairs.keys().collect();
    while keys.len() > 1 {
        let at = first_bit(&keys);
        keys.retain(|other| bit(other, at) == bit(key, at));
    }
    keys.first().map(|key| (*key).clone())
}

/// The leaves that the request needs, and whether with their values.
pub(crate) fn needed(pairs: &Pairs, asked: &Asked) -> BTreeMap<Vec<u8>, bool> {
    let mut needed = BTreeMap::new();
    let mut need = |key: Vec<u8>, with_value| *needed.entry(key).or_insert(false) |= with_value;
    for key in &asked.keys {
        if let Some(leaf) = descent(pairs, key) {
            let own = leaf == *key;
            need(leaf, own);
        }
    }
    for (prefix, start) in &asked.searches {
        let s = if start <= prefix { prefix } else { start };
        if !s.starts_with(prefix) {
            continue;
        }
        if let Some(leaf) = descent(pairs, s) {
            need(leaf, false);
        }
        if let Some(key) = found(pairs, prefix, start) {
            need(key.clone(), true);
        }
    }
    needed
}

/// The part that shows these leaves.
pub(crate) fn part(pairs: &Pairs, shown: &BTreeMap<Vec<u8>, bool>) -> Part {
    let keys: Vec<&Vec<u8>> = pairs.keys().collect();
    if keys.is_empty() {
        return Part::Empty;
    }
    if !keys.iter().any(|key| shown.contains_key(*key)) {
        let hashed: Vec<_> = pairs.iter().map(|(key, (hash, _))| (key.as_slice(), *hash)).collect();
        return Part::Hidden(root_of(&hashed));
    }
    if let [key] = keys.as_slice() {
        let (hash, value) = &pairs[*key];
        let shown = if shown[*key] { Shown::Value(value.clone()) } else { Shown::Hash(*hash) };
        return Part::Leaf((*key).clone(), shown);
    }
    let at = first_bit(&keys);
    let (right, left): (Pairs, Pairs) = pairs.clone().into_iter().partition(|(key, _)| bit(key, at));
    Part::Fork(at, Box::new(part(&left, shown)), Box::new(part(&right, shown)))
}

impl Part {
    /// The root that it hashes to.
    pub(crate) fn root(&self) -> [u8; 32] {
        match self {
            Self::Empty => [0; 32],
            Self::Hidden(hash) => *hash,
            Self::Leaf(key, shown) => {
                let hash = match shown {
                    Shown::Hash(hash) => *hash,
                    Shown::Value(value) => keyed("vm/1/value", 0, value),
                };
                keyed("vm/1/leaf", 0, &[key.as_slice(), hash.as_slice()].concat())
            }
            Self::Fork(at, left, right) => {
                keyed("vm/1/inner", *at as u16, &[left.root(), right.root()].concat())
            }
        }
    }

    /// The leaf at which a descent of `key` ends; `None` where nothing is shown.
    pub(crate) fn leaf(&self, key: &[u8]) -> Option<(&[u8], &Shown)> {
        match self {
            Self::Empty | Self::Hidden(_) => None,
            Self::Leaf(found, shown) => Some((found, shown)),
            Self::Fork(at, left, right) => if bit(key, *at) { right } else { left }.leaf(key),
        }
    }

    /// The entry that a search finds, as the page says; `None` where the part does not show it.
    pub(crate) fn search(&self, prefix: &[u8], start: &[u8]) -> Option<Option<(&[u8], &Shown)>> {
        let s = if start <= prefix { prefix } else { start };
        if !s.starts_with(prefix) || *self == Self::Empty {
            return Some(None);
        }
        let of_prefix = |at: usize| at < 8 * prefix.len();
        let mut path = Vec::new();
        let mut end = self;
        while let Self::Fork(at, left, right) = end {
            path.push((*at, end, right, bit(s, *at)));
            end = if bit(s, *at) { right } else { left };
        }
        let Self::Leaf(l, _) = end else { return None };
        if l.starts_with(s) {
            return end.leftmost().map(Some);
        }
        let e = (0..8 * l.len().min(s.len())).find(|at| bit(l, *at) != bit(s, *at)).unwrap_or(usize::MAX);
        let of = if l.as_slice() > s {
            if of_prefix(e) {
                return Some(None);
            }
            path.iter().find(|(at, ..)| *at > e).map_or(end, |(_, fork, ..)| *fork)
        } else {
            match path.iter().rev().find(|(at, _, _, right)| *at < e && !right) {
                Some((at, _, right, _)) if !of_prefix(*at) => right,
                _ => return Some(None),
            }
        };
        of.leftmost().map(Some)
    }

    fn leftmost(&self) -> Option<(&[u8], &Shown)> {
        match self {
            Self::Empty | Self::Hidden(_) => None,
            Self::Leaf(key, shown) => Some((key, shown)),
            Self::Fork(_, left, _) => left.leftmost(),
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out, None, None);
        out
    }

    /// `before`: the leaf before it, and the lowest fork above both. Gives the last leaf written.
    fn write_to(
        &self,
        out: &mut Vec<u8>,
        above: Option<usize>,
        before: Option<(Vec<u8>, usize)>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Empty => out.push(0),
            Self::Hidden(hash) => out.extend([[1].as_slice(), hash].concat()),
            Self::Leaf(key, shown) => {
                let own = &key[before.map_or(0, |(_, d)| d / 8)..];
                match shown {
                    Shown::Hash(hash) => out.extend([[2].as_slice(), own, hash].concat()),
                    Shown::Value(value) => {
                        out.extend([[3].as_slice(), own, &compact(value.len() as u32), value].concat());
                    }
                }
                return Some(key.clone());
            }
            Self::Fork(at, left, right) => {
                let distance = at - above.map_or(0, |above| above + 1);
                if distance <= 250 {
                    out.push(4 + distance as u8);
                } else {
                    out.push(255);
                    out.extend((distance as u16).to_be_bytes());
                }
                let last = left.write_to(out, Some(*at), before.clone());
                let before_right = last.clone().map(|last| (last, *at)).or(before);
                return right.write_to(out, Some(*at), before_right).or(last);
            }
        }
        None
    }
}

/// The shortest form.
fn compact(value: u32) -> Vec<u8> {
    let (value, len, mode) = match value {
        0..0x40 => (value << 2, 1, 0),
        0x40..0x4000 => (value << 2, 2, 1),
        0x4000..0x4000_0000 => (value << 2, 4, 2),
        _ => return [[3].as_slice(), &value.to_le_bytes()].concat(),
    };
    (value | mode).to_le_bytes()[..len].to_vec()
}

/// How long a key of the state with this first byte is.
pub(crate) fn entry_key_len(first: u8) -> Option<usize> {
    match first {
        b'a' | b'c' | b'k' | b'o' => Some(33),
        b'f' => Some(65),
        b's' => Some(1),
        b'w' => Some(81),
        _ => None,
    }
}

/// Reads the one form and nothing else.
pub(crate) fn read(bytes: &[u8], key_len: fn(u8) -> Option<usize>) -> Option<Part> {
    if bytes == [0] {
        return Some(Part::Empty);
    }
    let mut reader = Reader { rest: bytes, key_len };
    let (part, _) = reader.node(&[], None)?;
    reader.rest.is_empty().then_some(part)
}

struct Reader<'b> {
    rest: &'b [u8],
    key_len: fn(u8) -> Option<usize>,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn hash(&mut self) -> Option<[u8; 32]> {
        self.take(32)?.try_into().ok()
    }

    fn compact(&mut self) -> Option<usize> {
        let first = *self.rest.first()?;
        let form = self.take([1, 2, 4, 5][usize::from(first & 3)])?;
        let number = form.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let number = if first & 3 == 3 { number >> 8 } else { number >> 2 };
        (compact(u32::try_from(number).ok()?) == form).then_some(number as usize)
    }

    /// `above`: the forks above with the side taken. `before` as in writing. Gives the last leaf read.
    fn node(
        &mut self,
        above: &[(usize, bool)],
        before: Option<(Vec<u8>, usize)>,
    ) -> Option<(Part, Option<Vec<u8>>)> {
        let tag = self.take(1)?[0];
        match tag {
            0 => None,
            1 => {
                let hash = self.hash()?;
                (hash != [0; 32]).then_some((Part::Hidden(hash), None))
            }
            2 | 3 => {
                let key = self.key(above, before)?;
                let shown = if tag == 2 {
                    Shown::Hash(self.hash()?)
                } else {
                    let len = self.compact()?;
                    Shown::Value(self.take(len)?.to_vec())
                };
                Some((Part::Leaf(key.clone(), shown), Some(key)))
            }
            4.. => {
                let distance = match tag {
                    255 => usize::from(u16::from_be_bytes(self.take(2)?.try_into().ok()?)),
                    near => usize::from(near) - 4,
                };
                let at = above.last().map_or(0, |(above, _)| above + 1) + distance;
                if at > 647 || tag == 255 && distance < 251 {
                    return None;
                }
                let (left, last) = self.node(&[above, &[(at, false)]].concat(), before.clone())?;
                let before_right = last.clone().map(|last| (last, at)).or(before);
                let (right, last_right) = self.node(&[above, &[(at, true)]].concat(), before_right)?;
                if matches!((&left, &right), (Part::Hidden(_), Part::Hidden(_))) {
                    return None;
                }
                Some((Part::Fork(at, Box::new(left), Box::new(right)), last_right.or(last)))
            }
        }
    }

    fn key(&mut self, above: &[(usize, bool)], before: Option<(Vec<u8>, usize)>) -> Option<Vec<u8>> {
        let mut key = match &before {
            None => Vec::new(),
            Some((before, d)) => before.get(..d / 8)?.to_vec(),
        };
        let first = *key.first().or(self.rest.first())?;
        let own = (self.key_len)(first)?.checked_sub(key.len())?;
        key.extend(self.take(own)?);
        if above.iter().any(|(at, side)| *at >= 8 * key.len() || bit(&key, *at) != *side) {
            return None;
        }
        if let Some((before, d)) = before {
            let agree = (0..d).all(|at| bit(&before, at) == bit(&key, at));
            if !agree || bit(&before, d) == bit(&key, d) {
                return None;
            }
        }
        Some(key)
    }
}
