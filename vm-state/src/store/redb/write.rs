//! What is written: each function one durable transaction.
//!
//! Invariants:
//! - rows are written in key order, which redb does a fifth faster;
//! - transactions commit in two phases, redb's advice where others choose what is written, since its one-phase commit
//!   rests on a checksum that is no defence against them; and they record redb's allocator, so that opening after a
//!   crash need not read the file;
//! - the rows needed to bring the written trie up to the head, and to go back to every retained state, are there.

use ::redb::{Error, Table, WriteTransaction};
use alloc::string::ToString;
use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::{Hash, Header, Key, Receipt};

use super::guard::Guarded;
use super::tables::{
    BUCKETS_A_ROW, ENTRIES, FORMAT_VERSION, HEADERS, META, META_FORMAT, META_HEAD, META_OLDEST, META_PARAMS,
    META_TRIE, RECEIPTS, Row, TRIE, UNDO, Undo, VALUES, entry_row, header_row, is_inline, read_row, trie_row,
};
use crate::{Bucket, Trie, Value};

/// A transaction as every write here makes it.
pub(super) fn begin(database: &Guarded) -> Result<WriteTransaction, Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    Ok(transaction)
}

type Rows<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// Sets or removes an entry; gives its value before.
fn set(
    entries: &mut Rows<'_>,
    values: &mut Rows<'_>,
    key: &Key,
    value: Option<&Value>,
) -> Result<Option<Vec<u8>>, Error> {
    let name = key.as_bytes();
    let before = {
        let before = match value {
            Some(value) => entries.insert(name, entry_row(key, value).as_slice())?,
            None => entries.remove(name)?,
        };
        match &before {
            None => None,
            Some(row) => match read_row(row.value()) {
                Some((_, Row::Inline(before))) => Some(Some(before.to_vec())),
                Some((_, Row::Apart)) => Some(None),
                None => return Err(damaged_row()),
            },
        }
    };
    let is_apart = value.is_some_and(|value| !is_inline(value));
    let before_apart = match value {
        Some(value) if is_apart => {
            values.insert(name, value.as_slice())?.map(|before| before.value().to_vec())
        }
        _ if before == Some(None) => values.remove(name)?.map(|before| before.value().to_vec()),
        _ => None,
    };
    Ok(match before {
        Some(None) => Some(before_apart.ok_or_else(damaged_row)?),
        Some(inline) => inline,
        None => None,
    })
}

fn damaged_row() -> Error {
    Error::Corrupted("an entry's row is none".into())
}

/// Sets entries without a way back: a new store's, or those of a snapshot.
pub(super) fn fill<'c>(
    transaction: &WriteTransaction,
    entries: impl Iterator<Item = (&'c Key, &'c Value)>,
) -> Result<(), Error> {
    let mut rows = transaction.open_table(ENTRIES)?;
    let mut values = transaction.open_table(VALUES)?;
    for (key, value) in entries {
        set(&mut rows, &mut values, key, Some(value))?;
    }
    Ok(())
}

/// Marks the file as one of this layout, of the chain with these parameters.
pub(super) fn chain(transaction: &WriteTransaction, params: &Hash) -> Result<(), Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_FORMAT, FORMAT_VERSION.to_le_bytes().as_slice())?;
    meta.insert(META_PARAMS, params.as_ref())?;
    Ok(())
}

/// Writes the first head of a store whose entries are filled in.
pub(super) fn found(
    transaction: &WriteTransaction,
    header: &Header,
    receipts: Option<&[Receipt]>,
    trie: &Trie,
) -> Result<(), Error> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(META_HEAD, header.height.to_le_bytes().as_slice())?;
    meta.insert(META_OLDEST, header.height.to_le_bytes().as_slice())?;
    drop(meta);
    transaction.open_table(HEADERS)?.insert(header.height, header_row(header).as_slice())?;
    let mut table = transaction.open_table(RECEIPTS)?;
    if let Some(receipts) = receipts {
        table.insert(header.height, receipts.encode().as_slice())?;
    }
    transaction.open_table(UNDO)?;
    write_trie(transaction, header.height, trie)
}

/// Writes the part of the trie that is held in memory, of the block at `height`, a row at a time.
pub(super) fn write_trie(transaction: &WriteTransaction, height: u64, trie: &Trie) -> Result<(), Error> {
    let mut table = transaction.open_table(TRIE)?;
    let mut end = 0u64;
    let mut buckets = trie.each_bucket();
    loop {
        let row: Result<Vec<Bucket>, _> = buckets.by_ref().take(BUCKETS_A_ROW).collect();
        let row = row.map_err(|error| Error::Corrupted(error.to_string()))?;
        if row.is_empty() {
            break;
        }
        table.insert(end, trie_row(&row).as_slice())?;
        end = end.saturating_add(1);
    }
    table.retain_in(end.., |_, _| false)?;
    transaction.open_table(META)?.insert(META_TRIE, height.to_le_bytes().as_slice())?;
    Ok(())
}

/// What a block leaves besides its own rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upkeep<'a> {
    /// The trie after the block, if it is time to write it.
    pub(super) trie: Option<&'a Trie>,
    /// The lowest height whose state is retained from now on.
    pub(super) oldest: u64,
    /// Undo rows up to this height are no longer needed.
    pub(super) forget_undo_to: u64,
}

/// Writes a block.
pub(super) fn block(
    database: &Guarded,
    header: &Header,
    changes: &[(Key, Option<Value>)],
    receipts: &[Receipt],
    upkeep: Upkeep<'_>,
) -> Result<(), Error> {
    let transaction = begin(database)?;
    let height = header.height;
    {
        let mut undo = Undo::with_capacity(changes.len());
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut values = transaction.open_table(VALUES)?;
        for (key, value) in changes {
            let before = set(&mut entries, &mut values, key, value.as_ref())?;
            undo.push((key.as_bytes().to_vec(), before));
        }
        transaction.open_table(HEADERS)?.insert(height, header_row(header).as_slice())?;
        transaction.open_table(RECEIPTS)?.insert(height, receipts.encode().as_slice())?;
        let mut undos = transaction.open_table(UNDO)?;
        undos.insert(height, undo.encode().as_slice())?;
        undos.retain_in(..=upkeep.forget_undo_to, |_, _| false)?;
        let mut meta = transaction.open_table(META)?;
        meta.insert(META_HEAD, height.to_le_bytes().as_slice())?;
        meta.insert(META_OLDEST, upkeep.oldest.to_le_bytes().as_slice())?;
    }
    if let Some(trie) = upkeep.trie {
        write_trie(&transaction, height, trie)?;
    }
    Ok(transaction.commit()?)
}

/// Makes the block at `height` the head again: `changes` lead back to its state.
pub(super) fn rollback(
    database: &Guarded,
    height: u64,
    changes: &[(Key, Option<Value>)],
    trie: Option<&Trie>,
) -> Result<(), Error> {
    let transaction = begin(database)?;
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        let mut values = transaction.open_table(VALUES)?;
        for (key, value) in changes {
            set(&mut entries, &mut values, key, value.as_ref())?;
        }
        let above = height.saturating_add(1);
        for table in [HEADERS, RECEIPTS, UNDO] {
            transaction.open_table(table)?.retain_in(above.., |_, _| false)?;
        }
        transaction.open_table(META)?.insert(META_HEAD, height.to_le_bytes().as_slice())?;
    }
    if let Some(trie) = trie {
        write_trie(&transaction, height, trie)?;
    }
    Ok(transaction.commit()?)
}

/// Forgets the blocks below `below`, which is at most the head's height, and the states below `oldest`; writes the
/// head's trie where the undo rows that are left would not lead to it.
pub(super) fn prune(
    database: &Guarded,
    below: u64,
    oldest: u64,
    trie: Option<(u64, &Trie)>,
) -> Result<(), Error> {
    let transaction = begin(database)?;
    for table in [HEADERS, RECEIPTS] {
        transaction.open_table(table)?.retain_in(..below, |_, _| false)?;
    }
    transaction.open_table(UNDO)?.retain_in(..=oldest, |_, _| false)?;
    transaction.open_table(META)?.insert(META_OLDEST, oldest.to_le_bytes().as_slice())?;
    if let Some((height, trie)) = trie {
        write_trie(&transaction, height, trie)?;
    }
    Ok(transaction.commit()?)
}
