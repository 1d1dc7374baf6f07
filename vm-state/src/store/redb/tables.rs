//! The file's tables and the bytes of their rows (`docs/format.md` section 6).

use ::redb::TableDefinition;
use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::codec::decode_exact;
use vm_core::commitment::leaf_hash;
use vm_core::{Hash, Header, Key, value_hash};

use crate::{Bucket, Value};

/// A table with a row per block.
pub(super) type ByHeight = TableDefinition<'static, u64, &'static [u8]>;
/// A table with a row per entry.
pub(super) type ByKey = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The leaf's hash, then the value; for a value of more than [`INLINE_BYTES_MAX`] bytes the hash only.
pub(super) const ENTRIES: ByKey = TableDefinition::new("entries");
/// The longer values, apart, so that a bucket's hashes lie close together.
pub(super) const VALUES: ByKey = TableDefinition::new("values");
/// See [`header_row`].
pub(super) const HEADERS: ByHeight = TableDefinition::new("headers");
pub(super) const RECEIPTS: ByHeight = TableDefinition::new("receipts");
pub(super) const UNDO: ByHeight = TableDefinition::new("undo");
/// The part of the trie that is held in memory, as it was after the block that [`META_TRIE`] names.
pub(super) const TRIE: ByHeight = TableDefinition::new("trie");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

/// The version of the tables' layout: `u32`, little endian.
pub(super) const META_FORMAT: &str = "format";
/// The hash of the chain's parameters.
pub(super) const META_PARAMS: &str = "params";
/// The head's height: `u64`, little endian.
pub(super) const META_HEAD: &str = "head";
/// The height of the block that the written trie is of: `u64`, little endian.
pub(super) const META_TRIE: &str = "trie";

/// The lowest height whose state is retained: `u64`, little endian. Undo rows may lead further back.
pub(super) const META_OLDEST: &str = "oldest";

/// While a snapshot is imported: what names its chunks (32 bytes), and the number of the next one, `u32`, little endian.
pub(super) const META_IMPORT: &str = "import";

/// The layout that this file describes.
pub(super) const FORMAT_VERSION: u32 = 2;

/// The longest value that stands beside its leaf's hash.
pub(super) const INLINE_BYTES_MAX: usize = 64;
const HASH_BYTES: usize = 32;

/// What a row of [`ENTRIES`] says.
pub(super) enum Row<'r> {
    /// The value.
    Inline(&'r [u8]),
    /// The value stands in [`VALUES`].
    Apart,
}

/// The row of an entry.
pub(super) fn entry_row(key: &Key, value: &[u8]) -> smallvec::SmallVec<[u8; HASH_BYTES + INLINE_BYTES_MAX]> {
    let mut row = smallvec::SmallVec::new();
    row.extend_from_slice(leaf_hash(key.as_bytes(), &value_hash(value)).as_ref());
    // One byte tells an empty value from one that stands apart.
    if is_inline(value) {
        row.push(0);
        row.extend_from_slice(value);
    }
    row
}

/// Whether the value stands beside its leaf's hash.
pub(super) fn is_inline(value: &[u8]) -> bool {
    value.len() <= INLINE_BYTES_MAX
}

/// The leaf's hash and the value in a row of [`ENTRIES`]; `None` for what is no row.
pub(super) fn read_row(row: &[u8]) -> Option<(Hash, Row<'_>)> {
    let (leaf, rest) = row.split_first_chunk::<HASH_BYTES>()?;
    let value = match rest.split_first() {
        None => Row::Apart,
        Some((0, value)) => Row::Inline(value),
        Some(_) => return None,
    };
    Some((Hash(*leaf), value))
}

/// The row of a header: its hash, so that a byte that was changed since shows, then its encoding.
pub(super) fn header_row(header: &Header) -> Vec<u8> {
    let mut row = header.hash().0.to_vec();
    header.encode_to(&mut row);
    row
}

/// The header in a row of [`HEADERS`]; `None` for what is no such row.
pub(super) fn read_header_row(row: &[u8]) -> Option<Header> {
    let (hash, encoding) = row.split_first_chunk::<HASH_BYTES>()?;
    let header: Header = decode_exact(encoding, encoding.len()).ok()?;
    (header.hash() == Hash(*hash)).then_some(header)
}

/// How many bytes a bucket has in [`TRIE`].
const BUCKET_BYTES: usize = 2 + 1 + HASH_BYTES;
/// How many buckets a row of [`TRIE`] has, the last one excepted.
pub(super) const BUCKETS_A_ROW: usize = 4_096;

/// A row of [`TRIE`]: each bucket as bit (`u16`, little endian), count (one byte), hash.
pub(super) fn trie_row(buckets: &[Bucket]) -> Vec<u8> {
    let mut row = Vec::with_capacity(buckets.len().saturating_mul(BUCKET_BYTES));
    for bucket in buckets {
        row.extend_from_slice(&bucket.bit.to_le_bytes());
        row.push(u8::try_from(bucket.count).unwrap_or(u8::MAX));
        row.extend_from_slice(bucket.hash.as_ref());
    }
    row
}

/// The buckets in a row of [`TRIE`]; `None` for what is no such row.
pub(super) fn read_trie_row(row: &[u8]) -> Option<Vec<Bucket>> {
    let (buckets, []) = row.as_chunks::<BUCKET_BYTES>() else { return None };
    let read = buckets.iter().map(|bytes| {
        let (bit, rest) = bytes.split_first_chunk::<2>()?;
        let (count, hash) = rest.split_first()?;
        let hash = Hash(*hash.first_chunk::<HASH_BYTES>()?);
        Some(Bucket { bit: u16::from_le_bytes(*bit), count: u32::from(*count), hash })
    });
    read.collect()
}

/// The changed entries of a row of [`UNDO`], with their values before the block, ascending.
pub(super) type Undo = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// The value in a row, for a caller that keeps it.
pub(super) fn kept(value: &[u8]) -> Value {
    Value::from_slice(value)
}
