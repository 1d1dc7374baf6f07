//! A node and its hash.

use alloc::boxed::Box;
use alloc::sync::Arc;
use vm_core::{Domain, Hash, HashBuilder};

/// One node. Both kinds of hash are computed once, when the node is made.
#[derive(Debug)]
pub(crate) enum Node {
    /// An entry.
    Leaf {
        /// Its key, whole. Boxed, so that inner nodes, which share the enum's size, stay small.
        key: Box<[u8]>,
        /// What it says of the value.
        value_hash: Hash,
        /// Its hash.
        hash: Hash,
    },
    /// A fork. All keys below agree in every bit above `bit` and have 0 in it on the left, 1 on the right.
    Inner {
        /// The bit index, larger than the parent's.
        bit: u16,
        /// Its hash.
        hash: Hash,
        /// The keys with 0.
        left: Arc<Node>,
        /// The keys with 1.
        right: Arc<Node>,
    },
    /// What a witness leaves out: some subtree with this hash.
    #[cfg_attr(not(test), expect(dead_code, reason = "made by the witness decoder, which is yet to come"))]
    Opaque(Hash),
}

impl Node {
    /// The leaf of an entry.
    pub(super) fn leaf(key: &[u8], value_hash: Hash) -> Arc<Self> {
        let hash = leaf_hash(key, &value_hash);
        Arc::new(Self::Leaf { key: key.into(), value_hash, hash })
    }

    /// The fork of two subtries at `bit`.
    pub(super) fn inner(bit: u16, left: Arc<Self>, right: Arc<Self>) -> Arc<Self> {
        let hash = inner_hash(bit, &left.hash(), &right.hash());
        Arc::new(Self::Inner { bit, hash, left, right })
    }

    /// The hash that its parent, or the root, contains.
    pub(crate) fn hash(&self) -> Hash {
        match self {
            Self::Leaf { hash, .. } | Self::Inner { hash, .. } | Self::Opaque(hash) => *hash,
        }
    }
}

/// The hash of a leaf.
pub(crate) fn leaf_hash(key: &[u8], value_hash: &Hash) -> Hash {
    HashBuilder::new(Domain::Leaf).with(key).with(value_hash).finish()
}

/// The hash of an inner node. The bit index is in the blake3 key, so that the preimage stays one block of 64 bytes.
pub(crate) fn inner_hash(bit: u16, left: &Hash, right: &Hash) -> Hash {
    const KEY: [u8; 32] = *b"vm/1/inner\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let mut key = KEY;
    key.split_at_mut(30).1.copy_from_slice(&bit.to_be_bytes());
    let mut data = [0; 64];
    let (first, second) = data.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    Hash(*blake3::keyed_hash(&key, &data).as_bytes())
}

/// Bit `index` of `key`, from the most significant bit of byte 0; 0 past the end.
pub(crate) fn bit_at(key: &[u8], index: u16) -> bool {
    let byte = key.get(usize::from(index.wrapping_shr(3))).copied().unwrap_or(0);
    let mask = 0x80u8.wrapping_shr(u32::from(index & 7));
    byte & mask != 0
}

/// The first bit in which the keys differ; `None` if one is a prefix of the other (or they are equal).
pub(crate) fn first_difference(a: &[u8], b: &[u8]) -> Option<u16> {
    let (index, difference) =
        a.iter().zip(b).map(|(a, b)| a ^ b).enumerate().find(|&(_, difference)| difference != 0)?;
    let bit = u16::try_from(difference.leading_zeros()).ok()?;
    u16::try_from(index).ok()?.checked_mul(8)?.checked_add(bit)
}
