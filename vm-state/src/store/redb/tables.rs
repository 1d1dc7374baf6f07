//! The file's tables, and how a block is written to them.

use ::redb::{Database, TableDefinition};
use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::{Hash, Header, Key, Receipt};

use crate::Value;

/// A table with a row per block.
pub(super) type ByHeight = TableDefinition<'static, u64, &'static [u8]>;

pub(super) const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
pub(super) const HEADERS: ByHeight = TableDefinition::new("headers");
pub(super) const RECEIPTS: ByHeight = TableDefinition::new("receipts");
pub(super) const UNDO: ByHeight = TableDefinition::new("undo");
pub(super) const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

/// The version of the tables' layout: `u32`, little endian.
pub(super) const META_FORMAT: &str = "format";
/// The hash of the chain's parameters.
pub(super) const META_PARAMS: &str = "params";
/// The head's height: `u64`, little endian.
pub(super) const META_HEAD: &str = "head";

/// The layout that this file describes.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The values that a block replaces: (key, value before it or none), ascending.
type Undo = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Writes a block in one transaction. `created_for` marks the file as a store of the chain with these parameters.
pub(super) fn write_block(
    database: &Database,
    header: &Header,
    changes: &[(Key, Option<Value>)],
    receipts: &[Receipt],
    created_for: Option<&Hash>,
) -> Result<(), ::redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    {
        let mut undo = Undo::with_capacity(changes.len());
        let mut entries = transaction.open_table(ENTRIES)?;
        for (key, value) in changes {
            let before = match value {
                Some(value) => entries.insert(key.as_bytes(), value.as_slice())?,
                None => entries.remove(key.as_bytes())?,
            };
            undo.push((key.as_bytes().to_vec(), before.map(|value| value.value().to_vec())));
        }
        let height = header.height;
        transaction.open_table(HEADERS)?.insert(height, header.encode().as_slice())?;
        transaction.open_table(RECEIPTS)?.insert(height, receipts.encode().as_slice())?;
        let mut undos = transaction.open_table(UNDO)?;
        let mut meta = transaction.open_table(META)?;
        match created_for {
            Some(params) => {
                meta.insert(META_FORMAT, FORMAT_VERSION.to_le_bytes().as_slice())?;
                meta.insert(META_PARAMS, params.as_ref())?;
            }
            // Nothing is before the first block, so there is nothing to go back to.
            None => {
                undos.insert(height, undo.encode().as_slice())?;
            }
        }
        meta.insert(META_HEAD, height.to_le_bytes().as_slice())?;
    }
    transaction.commit()?;
    Ok(())
}
