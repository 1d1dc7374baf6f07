//! Arbitrary entries and changes of a state, whose keys often share long prefixes.

use arbitrary::{Result, Unstructured};
use vm_core::{Key, KeySpace};
use vm_state::{ChangeSet, Value};

use crate::naive::state::Entries;

/// An entry key of any space: few different bytes, most of them in few places.
pub(crate) fn key(u: &mut Unstructured<'_>) -> Result<Key> {
    let space = *u.choose(&KeySpace::ALL)?;
    let mut bytes = [*u.choose(&[0u8, 0x80, 0xff])?; Key::LEN_MAX];
    for _ in 0..u.int_in_range(0..=3u8)? {
        let at = u.int_in_range(1..=Key::LEN_MAX - 1)?;
        bytes[at] = *u.choose(&[1, 0, 0x7f, 0x80, 0xff])?;
    }
    bytes[0] = space.tag();
    Ok(Key::from_bytes(&bytes[..space.key_len()]).unwrap())
}

/// No bytes, few, as many as just fit without an allocation, and more.
pub(crate) fn value(u: &mut Unstructured<'_>) -> Result<Value> {
    let len = *u.choose(&[0, 1, 2, 48, 49, 63, 64, 300])?;
    Ok(Value::from_elem(u.arbitrary()?, len))
}

/// Keys of which several operations choose, so that they meet.
pub(crate) fn keys(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<Key>> {
    let count = u.int_in_range(1..=most)?;
    (0..count).map(|_| key(u)).collect()
}

/// Values for some of `keys`.
pub(crate) fn entries(u: &mut Unstructured<'_>, keys: &[Key]) -> Result<Entries> {
    let mut entries = Entries::new();
    for key in keys {
        if u.ratio(2, 3)? {
            entries.insert(*key, value(u)?);
        }
    }
    Ok(entries)
}

/// Changes of some of `keys`; about half delete.
pub(crate) fn changes(u: &mut Unstructured<'_>, keys: &[Key]) -> Result<ChangeSet> {
    let mut changes = std::collections::BTreeMap::new();
    for _ in 0..u.int_in_range(0..=12u8)? {
        let key = *u.choose(keys)?;
        changes.insert(key, if u.arbitrary()? { Some(value(u)?) } else { None });
    }
    Ok(changes.into_iter().collect())
}

/// A whole key of `keys`, the first bytes of one, or nothing: where searches begin, and what they look under.
pub(crate) fn prefix(u: &mut Unstructured<'_>, keys: &[Key]) -> Result<Key> {
    let key = u.choose(keys)?.as_bytes();
    let len = *u.choose(&[key.len(), 1, 33, 65, 32, 0])?;
    Ok(Key::prefix(&key[..len.min(key.len())]).unwrap())
}

/// `bytes` with edits as `data` says: `at: u16, what: u8, byte: u8` each.
pub(crate) fn edited(bytes: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in data.chunks_exact(4).take(16) {
        let (&[low, high, what, byte], len) = (edit.first_chunk::<4>().unwrap(), bytes.len());
        if len == 0 {
            break;
        }
        let at = usize::from(u16::from_le_bytes([low, high])) % len;
        match what % 6 {
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, byte),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            _ => {
                let part = bytes[at..(at + usize::from(byte)).min(len)].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}
