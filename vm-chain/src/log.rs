//! The blocks of a chain as they were put together: `blocks.redb` beside `state.redb`.
//!
//! The state's store keeps headers and receipts; what was executed (context, mints, signed transactions) is kept here, so
//! that a block can be shown, traced and executed again.
//!
//! Invariants:
//! - a block is durable here before its state is committed: the log may be one block ahead of the state, never behind;
//! - a block ahead of the state was never acknowledged, and is dropped at opening.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parity_scale_codec::{Decode, Encode};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableError};
use vm_core::codec::{CodecError, decode_exact};
use vm_core::{Block, BlockContext, Hash, Mint};

use crate::replica::Seal;
use crate::signed::Signed;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// By height: the block's hash, its body.
const BLOCKS: TableDefinition<'_, u64, (&[u8], &[u8])> = TableDefinition::new("blocks");
/// By block hash: its height.
const HASHES: TableDefinition<'_, &[u8], u64> = TableDefinition::new("hashes");
/// By transaction hash: the block's height, the index in it.
const TRANSACTIONS: TableDefinition<'_, &[u8], (u64, u32)> = TableDefinition::new("transactions");

/// By height: the seal and the digest of a block that replicas agreed on. Other chains have none.
const SEALS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("seals");

/// The version of the tables and of what is in them.
const FORMAT: u32 = 1;
const FORMAT_KEY: &str = "format";
const SPEC_KEY: &str = "spec";
const STATES_KEY: &str = "states";
const ROLLBACK_KEY: &str = "rollback";

/// What a log keeps beside blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The bytes of the chain's spec.
    pub(crate) spec: Vec<u8>,
    /// How many states below the head the chain is kept with.
    pub(crate) states: u32,
    /// The block that was to be made the head again when the process died.
    pub(crate) rollback: Option<u64>,
}

/// A block as it was put together.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Body {
    /// Height, time and proposer.
    pub context: BlockContext,
    /// Balance created at its start.
    pub mints: Vec<Mint>,
    /// Its transactions in order.
    pub transactions: Vec<Signed>,
}

impl Body {
    /// What the VM executes of it.
    #[must_use]
    pub fn block(&self) -> Block {
        Block {
            context: self.context.clone(),
            mints: self.mints.clone(),
            transactions: self.transactions.iter().map(|signed| signed.transaction.clone()).collect(),
        }
    }
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The block's height.
    pub height: u64,
    /// The transaction's index in it.
    pub index: u32,
}

/// Why the log can't serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The file system or redb says no.
    #[error("cannot {action} the block log: {cause}")]
    Storage {
        /// What was being done.
        action: &'static str,
        /// What redb says.
        cause: String,
    },
    /// Another process has it open.
    #[error("the block log is in use by another process")]
    InUse,
    /// It was written by another version.
    #[error("the block log has format {found}, this program reads {FORMAT}")]
    Format {
        /// The version found, 0 if there is none.
        found: u32,
    },
    /// A row is not what this program writes.
    #[error("the block log is damaged: {what}: {cause}")]
    Damaged {
        /// Which row.
        what: String,
        /// What is wrong with it.
        cause: CodecError,
    },
}

/// The log.
#[derive(Debug)]
pub(crate) struct Log(Option<Database>);

/// redb trusts the pages of a file and may panic on one that was changed behind its back: that is damage, with a name.
fn guarded<T, E: Into<redb::Error>>(
    action: &'static str,
    run: impl FnOnce() -> Result<T, E>,
) -> Result<T, LogError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => match error.into() {
            redb::Error::DatabaseAlreadyOpen => Err(LogError::InUse),
            error => Err(LogError::Storage { action, cause: error.to_string() }),
        },
        Err(_) => Err(LogError::Storage { action, cause: "redb stopped over a damaged file".to_owned() }),
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let database = self.0.take();
        // Nothing is lost: all blocks are durable already, and the next opening looks at the file again.
        drop(catch_unwind(AssertUnwindSafe(|| drop(database))));
    }
}

impl Log {
    /// A new log at `path`, or in memory, that keeps `spec`.
    pub(crate) fn create(path: Option<&Path>, spec: &[u8], states: u32) -> Result<Self, LogError> {
        let log = guarded("create", || -> Result<Self, redb::Error> {
            Ok(Self(Some(match path {
                Some(path) => Database::create(path)?,
                None => Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?,
            })))
        })?;
        log.write("create", |transaction| {
            let mut meta = transaction.open_table(META)?;
            meta.insert(FORMAT_KEY, FORMAT.to_le_bytes().as_slice())?;
            meta.insert(SPEC_KEY, spec)?;
            meta.insert(STATES_KEY, states.to_le_bytes().as_slice())?;
            transaction.open_table(BLOCKS)?;
            transaction.open_table(HASHES)?;
            transaction.open_table(TRANSACTIONS)?;
            Ok(())
        })?;
        Ok(log)
    }

    /// Opens a log and gives what it keeps beside blocks.
    pub(crate) fn open(path: &Path) -> Result<(Self, Kept), LogError> {
        let log = Self(Some(guarded("open", || Database::open(path))?));
        let (format, spec, states, rollback) = log.read("open", |transaction| {
            let meta = transaction.open_table(META)?;
            let row = |key| Ok::<_, redb::Error>(meta.get(key)?.map(|row| row.value().to_vec()));
            Ok((row(FORMAT_KEY)?, row(SPEC_KEY)?, row(STATES_KEY)?, row(ROLLBACK_KEY)?))
        })?;
        let states = states.and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        let rollback = rollback.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let found = format.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
        match (spec, states) {
            (Some(spec), Some(states)) if found == FORMAT => Ok((log, Kept { spec, states, rollback })),
            _ => Err(LogError::Format { found }),
        }
    }

    fn database(&self) -> Result<&Database, redb::Error> {
        // `None` only while it is dropped.
        self.0.as_ref().ok_or(redb::Error::DatabaseClosed)
    }

    fn read<T>(
        &self,
        action: &'static str,
        run: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, LogError> {
        guarded(action, || run(&self.database()?.begin_read()?))
    }

    fn write(
        &self,
        action: &'static str,
        run: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), LogError> {
        guarded(action, || -> Result<(), redb::Error> {
            let mut transaction = self.database()?.begin_write()?;
            // Two-phase, as the state's store: what people send is in these pages.
            transaction.set_two_phase_commit(true);
            run(&transaction)?;
            Ok(transaction.commit()?)
        })
    }

    /// Keeps how many states below the head the chain is kept with.
    pub(crate) fn set_states(&self, states: u32) -> Result<(), LogError> {
        self.write("write", |transaction| {
            transaction.open_table(META)?.insert(STATES_KEY, states.to_le_bytes().as_slice())?;
            Ok(())
        })
    }

    /// Notes that the block at `height` is about to be made the head again; [`Self::truncate`] takes the note away.
    pub(crate) fn begin_rollback(&self, height: u64) -> Result<(), LogError> {
        self.write("write", |transaction| {
            transaction.open_table(META)?.insert(ROLLBACK_KEY, height.to_le_bytes().as_slice())?;
            Ok(())
        })
    }

    /// Makes `body` the block at its height, with its hash and those of its transactions. Durable when it returns.
    pub(crate) fn append(
        &self,
        body: &Body,
        block: &Hash,
        transactions: &[Hash],
        sealed: Option<(&Seal, &Hash)>,
    ) -> Result<(), LogError> {
        let height = body.context.height;
        self.write("write", |transaction| {
            if let Some(sealed) = sealed {
                transaction.open_table(SEALS)?.insert(height, &*sealed.encode())?;
            }
            let row = (block.as_bytes().as_slice(), &*body.encode());
            transaction.open_table(BLOCKS)?.insert(height, row)?;
            transaction.open_table(HASHES)?.insert(block.as_bytes().as_slice(), height)?;
            let mut index = transaction.open_table(TRANSACTIONS)?;
            for (position, hash) in (0..).zip(transactions) {
                index.insert(hash.as_bytes().as_slice(), (height, position))?;
            }
            Ok(())
        })
    }

    /// Forgets the blocks above `height`; `hash` names a transaction.
    pub(crate) fn truncate(&self, height: u64, hash: impl Fn(&Signed) -> Hash) -> Result<(), LogError> {
        let mut gone = Vec::new();
        let mut above = height;
        while let Some(next) = above.checked_add(1) {
            let Some((block, body)) = self.row(next)? else { break };
            gone.push((next, block, body.transactions.iter().map(&hash).collect::<Vec<_>>()));
            above = next;
        }
        self.write("shorten", |transaction| {
            transaction.open_table(META)?.remove(ROLLBACK_KEY)?;
            let mut blocks = transaction.open_table(BLOCKS)?;
            let mut hashes = transaction.open_table(HASHES)?;
            let mut index = transaction.open_table(TRANSACTIONS)?;
            let mut seals = transaction.open_table(SEALS)?;
            for (height, block, transactions) in &gone {
                blocks.remove(height)?;
                seals.remove(height)?;
                hashes.remove(block.as_slice())?;
                for hash in transactions {
                    index.remove(hash.as_bytes().as_slice())?;
                }
            }
            Ok(())
        })
    }

    /// The hash and the body of the block at `height`.
    fn row(&self, height: u64) -> Result<Option<(Vec<u8>, Body)>, LogError> {
        let row = self.read("read", |transaction| {
            let row = transaction.open_table(BLOCKS)?.get(height)?;
            Ok(row.map(|row| (row.value().0.to_vec(), row.value().1.to_vec())))
        })?;
        let damaged = |cause| LogError::Damaged { what: format!("block {height}"), cause };
        row.map(|(hash, bytes)| Ok((hash, decode_exact(&bytes, bytes.len()).map_err(damaged)?))).transpose()
    }

    /// The block at `height`.
    pub(crate) fn body(&self, height: u64) -> Result<Option<Body>, LogError> {
        Ok(self.row(height)?.map(|(_, body)| body))
    }

    /// Keeps the seal and the digest of the block at `height`, which is not in the log itself.
    pub(crate) fn set_seal(&self, height: u64, seal: &Seal, digest: &Hash) -> Result<(), LogError> {
        self.write("write", |transaction| {
            transaction.open_table(SEALS)?.insert(height, &*(seal, digest).encode())?;
            Ok(())
        })
    }

    /// The seal and the digest of the block at `height`.
    pub(crate) fn seal(&self, height: u64) -> Result<Option<(Seal, Hash)>, LogError> {
        let row = self.read("read", |transaction| match transaction.open_table(SEALS) {
            Ok(seals) => Ok(seals.get(height)?.map(|row| row.value().to_vec())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })?;
        let damaged = |cause| LogError::Damaged { what: format!("the seal of block {height}"), cause };
        row.map(|bytes| decode_exact(&bytes, bytes.len()).map_err(damaged)).transpose()
    }

    /// The height of the block `hash`.
    pub(crate) fn height(&self, hash: &Hash) -> Result<Option<u64>, LogError> {
        self.read("read", |transaction| {
            let hashes = transaction.open_table(HASHES)?;
            Ok(hashes.get(hash.as_bytes().as_slice())?.map(|row| row.value()))
        })
    }

    /// Where the transaction `hash` stands.
    pub(crate) fn position(&self, hash: &Hash) -> Result<Option<Position>, LogError> {
        self.read("read", |transaction| {
            let index = transaction.open_table(TRANSACTIONS)?;
            let row = index.get(hash.as_bytes().as_slice())?;
            Ok(row.map(|row| row.value()).map(|(height, index)| Position { height, index }))
        })
    }

    /// The heights of the first and the last block; none of an empty log.
    pub(crate) fn span(&self) -> Result<Option<(u64, u64)>, LogError> {
        self.read("read", |transaction| {
            let blocks = transaction.open_table(BLOCKS)?;
            let first = blocks.first()?.map(|(height, _)| height.value());
            let last = blocks.last()?.map(|(height, _)| height.value());
            Ok(first.zip(last))
        })
    }
}
