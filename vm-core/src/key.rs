//! The keys of state entries (R80; every byte in `docs/format.md`).
//!
//! The first byte names the space and fixes the length, so no key is a prefix of another. Whatever a contract or
//! a sender can choose freely (addresses, field names) enters hashed: nobody can deepen another's path in the trie.

use core::fmt;

use crate::{Address, Domain, Hash, ObjectId, hash};

/// The longest key, an owner index entry.
const LEN_MAX: usize = 81;

/// When an owner got an object: an order within (contract, owner), without a counter that transactions share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// The block.
    pub height: u64,
    /// The transaction's index in it.
    pub transaction: u32,
    /// The acquisition's index in the transaction.
    pub index: u32,
}

impl Stamp {
    /// How many bytes one has.
    pub const LEN: usize = 16;

    /// Big endian, so that bytes sort as stamps do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let (height, rest) = bytes.split_at_mut(8);
        let (transaction, index) = rest.split_at_mut(4);
        height.copy_from_slice(&self.height.to_be_bytes());
        transaction.copy_from_slice(&self.transaction.to_be_bytes());
        index.copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    /// The reverse of [`Self::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let [h0, h1, h2, h3, h4, h5, h6, h7, t0, t1, t2, t3, i0, i1, i2, i3] = bytes;
        Self {
            height: u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]),
            transaction: u32::from_be_bytes([t0, t1, t2, t3]),
            index: u32::from_be_bytes([i0, i1, i2, i3]),
        }
    }
}

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeySpace {
    /// `a`, hashed address: nonce and balance.
    Account,
    /// `c`, address: the contract's code hash.
    Contract,
    /// `f`, object id, hashed name: a field's value.
    Field,
    /// `k`, code hash: a module.
    Code,
    /// `o`, object id: an object's metadata.
    Object,
    /// `s`: height, time and rules.
    System,
    /// `w`, contract, hashed owner, stamp: an owned object.
    Owned,
}

impl KeySpace {
    /// Every space, in key order.
    pub const ALL: [Self; 7] =
        [Self::Account, Self::Contract, Self::Field, Self::Code, Self::Object, Self::System, Self::Owned];

    /// The first byte of its keys.
    #[must_use]
    pub const fn tag(self) -> u8 {
        match self {
            Self::Account => b'a',
            Self::Contract => b'c',
            Self::Field => b'f',
            Self::Code => b'k',
            Self::Object => b'o',
            Self::System => b's',
            Self::Owned => b'w',
        }
    }

    /// The length of its keys, first byte included.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::System => 1,
            Self::Account | Self::Contract | Self::Code | Self::Object => 33,
            Self::Field => 65,
            Self::Owned => LEN_MAX,
        }
    }

    /// The space whose keys begin with `tag`.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|space| space.tag() == tag)
    }
}

/// Bytes that are no entry key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or a first byte that names no space.
    #[error("no entry key begins so")]
    Space,
    /// Another length than the space has.
    #[error("{space:?} keys have {expected} bytes, found {found}", expected = space.key_len())]
    Length {
        /// The space of the first byte.
        space: KeySpace,
        /// The length found.
        found: usize,
    },
}

/// An entry key, or the prefix of some. Ordered by its bytes.
#[derive(Clone, Copy)]
pub struct Key {
    len: u8,
    bytes: [u8; LEN_MAX],
}

impl Key {
    /// The length of the longest key.
    pub const LEN_MAX: usize = LEN_MAX;

    /// The prefix of all keys.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; LEN_MAX] };

    fn build(space: KeySpace, parts: &[&[u8]]) -> Self {
        let mut bytes = [0; LEN_MAX];
        let (tag, mut rest) = bytes.split_at_mut(1);
        tag.copy_from_slice(&[space.tag()]);
        for part in parts {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        let unused = rest.len();
        let len = u8::try_from(LEN_MAX.saturating_sub(unused)).unwrap_or(u8::MAX);
        Self { len, bytes }
    }

    /// The account of `address`.
    #[must_use]
    pub fn account(address: &Address) -> Self {
        Self::build(KeySpace::Account, &[&hash(Domain::AddressKey, address.as_ref()).0])
    }

    /// The contract at `address`.
    #[must_use]
    pub fn contract(address: &Address) -> Self {
        Self::build(KeySpace::Contract, &[address.as_ref()])
    }

    /// The module with `code_hash`.
    #[must_use]
    pub fn code(code_hash: &Hash) -> Self {
        Self::build(KeySpace::Code, &[code_hash.as_ref()])
    }

    /// The metadata of `object`.
    #[must_use]
    pub fn object(object: &ObjectId) -> Self {
        Self::build(KeySpace::Object, &[object.as_ref()])
    }

    /// The field `name` of `object`.
    #[must_use]
    pub fn field(object: &ObjectId, name: &[u8]) -> Self {
        Self::field_of_digest(object, &Self::field_digest(name))
    }

    /// What stands for a field's name in its key: for who meets the same names again and again.
    #[must_use]
    pub fn field_digest(name: &[u8]) -> Hash {
        hash(Domain::FieldKey, name)
    }

    /// The field of `object` whose name has this [`Self::field_digest`].
    #[must_use]
    pub fn field_of_digest(object: &ObjectId, name: &Hash) -> Self {
        Self::build(KeySpace::Field, &[object.as_ref(), name.as_ref()])
    }

    /// The prefix of all fields of `object`.
    #[must_use]
    pub fn fields_prefix(object: &ObjectId) -> Self {
        Self::build(KeySpace::Field, &[object.as_ref()])
    }

    /// The index entry of what `owner` got from `contract` at `stamp`.
    #[must_use]
    pub fn owned(contract: &Address, owner: &Address, stamp: Stamp) -> Self {
        let owner = hash(Domain::AddressKey, owner.as_ref());
        Self::build(KeySpace::Owned, &[contract.as_ref(), &owner.0, &stamp.to_bytes()])
    }

    /// The prefix of all index entries of `owner` in `contract`.
    #[must_use]
    pub fn owned_prefix(contract: &Address, owner: &Address) -> Self {
        let owner = hash(Domain::AddressKey, owner.as_ref());
        Self::build(KeySpace::Owned, &[contract.as_ref(), &owner.0])
    }

    /// The system entry.
    #[must_use]
    pub fn system() -> Self {
        Self::build(KeySpace::System, &[])
    }

    /// The prefix of all entries of `space`.
    #[must_use]
    pub fn space_prefix(space: KeySpace) -> Self {
        Self::build(space, &[])
    }

    /// The key with these bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the first byte names no space or the length is another than the space's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (&tag, rest) = bytes.split_first().ok_or(KeyError::Space)?;
        let space = KeySpace::from_tag(tag).ok_or(KeyError::Space)?;
        if bytes.len() != space.key_len() {
            return Err(KeyError::Length { space, found: bytes.len() });
        }
        Ok(Self::build(space, &[rest]))
    }

    /// The prefix with these bytes, or a key of another trie than the state's; `None` if they are more than
    /// [`Self::LEN_MAX`].
    #[must_use]
    pub fn prefix(bytes: &[u8]) -> Option<Self> {
        let mut key = Self { len: u8::try_from(bytes.len()).ok()?, bytes: [0; LEN_MAX] };
        key.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(key)
    }

    /// The space, where the first byte names one.
    #[must_use]
    pub fn space(&self) -> Option<KeySpace> {
        self.as_bytes().first().and_then(|&tag| KeySpace::from_tag(tag))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let (used, _) = self.bytes.split_at(usize::from(self.len).min(LEN_MAX));
        used
    }

    /// The smallest key of this length that is larger, `None` past the largest.
    #[must_use]
    pub fn successor(&self) -> Option<Self> {
        let mut next = *self;
        let (used, _) = next.bytes.split_at_mut(usize::from(self.len).min(LEN_MAX));
        for byte in used.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return Some(next);
            }
        }
        None
    }

    /// The acquisition stamp of an owner index key.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        if self.space()? != KeySpace::Owned {
            return None;
        }
        self.as_bytes().last_chunk::<16>().map(|bytes| Stamp::from_bytes(*bytes))
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl core::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        // Lengths first, and most keys differ in them or early; bytes past the length are zero.
        self.len == other.len && self.bytes == other.bytes
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl core::hash::Hash for Key {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_bytes().split_first() {
            Some((&tag, rest)) => write!(f, "{}:{}", char::from(tag), hex::encode(rest)),
            None => f.write_str("(empty)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r80_every_constructor_gives_its_space_and_length() {
        let (address, object, code) = (Address([1; 32]), ObjectId([2; 32]), Hash([3; 32]));
        let stamp = Stamp { height: 1, transaction: 2, index: 3 };
        for (key, space) in [
            (Key::account(&address), KeySpace::Account),
            (Key::contract(&address), KeySpace::Contract),
            (Key::code(&code), KeySpace::Code),
            (Key::object(&object), KeySpace::Object),
            (Key::field(&object, b"balance"), KeySpace::Field),
            (Key::owned(&address, &address, stamp), KeySpace::Owned),
            (Key::system(), KeySpace::System),
        ] {
            assert_eq!(key.space(), Some(space));
            assert_eq!(key.as_bytes().len(), space.key_len());
            assert_eq!(Key::from_bytes(key.as_bytes()), Ok(key));
        }
        let owned = Key::owned(&address, &address, stamp);
        assert_eq!(owned.stamp(), Some(stamp));
        assert!(owned.as_bytes().starts_with(Key::owned_prefix(&address, &address).as_bytes()));
        assert!(Key::field(&object, b"x").as_bytes().starts_with(Key::fields_prefix(&object).as_bytes()));
    }

    #[test]
    fn successors_carry_and_end() {
        let code = |last: [u8; 2]| {
            let mut bytes = [0xff; 33];
            bytes[0] = b'k';
            bytes[31..].copy_from_slice(&last);
            Key::from_bytes(&bytes).unwrap()
        };
        assert_eq!(code([1, 2]).successor(), Some(code([1, 3])));
        assert_eq!(code([1, 255]).successor(), Some(code([2, 0])));
        assert_eq!(code([255, 255]).successor().map(|key| key.space()), Some(None));
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        assert_eq!(Key::from_bytes(&[]), Err(KeyError::Space));
        assert_eq!(Key::from_bytes(&[0; 33]), Err(KeyError::Space));
        assert_eq!(Key::from_bytes(b"a"), Err(KeyError::Length { space: KeySpace::Account, found: 1 }));
        assert!(Key::from_bytes(&[b'w'; 200]).is_err());
    }

    #[test]
    fn stamps_sort_as_their_bytes() {
        let stamps = [
            Stamp { height: 0, transaction: 9, index: 9 },
            Stamp { height: 1, transaction: 0, index: 9 },
            Stamp { height: 1, transaction: 1, index: 0 },
            Stamp { height: 256, transaction: 0, index: 0 },
        ];
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1] && pair[0].to_bytes() < pair[1].to_bytes()));
        assert!(stamps.iter().all(|&stamp| Stamp::from_bytes(stamp.to_bytes()) == stamp));
    }
}
