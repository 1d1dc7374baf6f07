//! The floor of a store on redb: its entries as bare rows of one table, written with the same settings.
//!
//! No hash, no way back, no header, no receipts: what any store that keeps these entries in redb pays.

#![allow(dead_code, unreachable_pub, reason = "a module of several benchmarks")]

use std::path::Path;

use redb::{Database, TableDefinition};
use vm_state::{ChangeSet, StoreOptions};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("flat");

/// Bare rows in a redb file.
#[derive(Debug)]
pub struct Flat(Database);

impl Flat {
    /// A file at `path` with the rows of `changes`, with as much of it in memory as a store has of its own.
    pub fn create(path: &Path, changes: &ChangeSet) -> Self {
        let cache = StoreOptions::default().cache_bytes as usize;
        let flat = Self(Database::builder().set_cache_size(cache).create(path).unwrap());
        flat.write(changes);
        flat
    }

    /// Writes `changes` as a store's durable transaction does: in two phases, ready for a quick repair.
    pub fn write(&self, changes: &ChangeSet) {
        let mut transaction = self.0.begin_write().unwrap();
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        {
            let mut table = transaction.open_table(TABLE).unwrap();
            for (key, value) in changes {
                match value {
                    Some(value) => table.insert(key.as_bytes(), value.as_slice()).unwrap(),
                    None => table.remove(key.as_bytes()).unwrap(),
                };
            }
        }
        transaction.commit().unwrap();
    }
}
