//! Going back: from the undo rows of the blocks since to the state after an earlier one.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use vm_core::Key;
use vm_core::codec::decode_exact;

use super::ROW_BYTES_MAX;
use super::guard::{Guarded, guarded};
use super::tables::{UNDO, Undo};
use crate::{ChangeSet, NodeFailure, Value};

const ACTION: &str = "go back to an earlier block";

/// What leads from the state after the block at `to` back to the one after the block at `from`, in key order: of
/// every entry changed in between its value then.
pub(super) fn changes_back(database: &Guarded, from: u64, to: u64) -> Result<ChangeSet, NodeFailure> {
    let mut back: BTreeMap<Key, Option<Value>> = BTreeMap::new();
    for height in from.saturating_add(1)..=to {
        let bytes = guarded(ACTION, || -> Result<_, ::redb::Error> {
            let undo = database.begin_read()?.open_table(UNDO)?;
            Ok(undo.get(height)?.map(|row| row.value().to_vec()))
        })?;
        let bytes = bytes.ok_or_else(|| damaged("an undo row is missing"))?;
        let undo: Undo = decode_exact(&bytes, ROW_BYTES_MAX).map_err(damaged)?;
        for (key, value) in undo {
            let key = Key::from_bytes(&key).map_err(damaged)?;
            // The oldest value counts.
            back.entry(key).or_insert_with(|| value.map(Value::from_vec));
        }
    }
    Ok(back.into_iter().collect())
}

fn damaged(cause: impl ToString) -> NodeFailure {
    NodeFailure::Storage { action: ACTION, cause: cause.to_string() }
}
