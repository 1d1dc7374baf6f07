//! A chain on this machine: its rules, its blocks and its state, in memory or in a folder.
//!
//! ```text
//! FOLDER/state.redb     entries, trie, headers, receipts (vm-state)
//! FOLDER/blocks.redb    rules, genesis, and the blocks as they were put together
//! ```
//!
//! Invariants:
//! - [`Chain::commit`] returns when block and state are durable; a block that was cut short by a crash is gone whole;
//! - the state's head and the log's last block are the same, but for a chain that began with a snapshot and has no block;
//! - a block executes as it did: rules, context and transactions are all kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use parity_scale_codec::Encode;
use vm_core::codec::decode_exact;
use vm_core::interface::Interface;
use vm_core::{Address, Block, Hash, Header, Params, ParamsError, Receipt};
use vm_host::{BlockError, BlockOutcome, Options, Vm, validate_module};
use vm_state::{
    BlockCommit, CommitError, Genesis, GenesisError, ImportError, MemoryStore, NodeFailure, OpenError,
    Progress, ReadError, RedbStore, Retention, RollbackError, Snapshot, StateReader, Store, StoreOptions,
    View,
};

pub use crate::log::{Body, Position};
use crate::log::{Log, LogError};
use crate::replica::Seal;
use crate::signed::{ChainId, Signed};

/// The file with the state, in a chain's folder.
pub const STATE_FILE: &str = "state.redb";
/// The file with the blocks, in a chain's folder.
pub const BLOCKS_FILE: &str = "blocks.redb";
/// The name that the log has until it is whole.
const UNFINISHED_FILE: &str = "blocks.redb.part";
/// The longest spec that is read.
pub(crate) const SPEC_BYTES_MAX: usize = 16 << 20;
/// How many contracts' interfaces are remembered.
const INTERFACES_MAX: usize = 1_024;

/// Where a chain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory: gone with the process.
    Memory,
    /// In a folder.
    Folder(PathBuf),
}

/// What a chain begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its rules.
    pub params: Params,
    /// The time of its genesis, in milliseconds since the Unix epoch.
    pub time: i64,
    /// Who has what at genesis.
    pub accounts: Vec<(Address, u64)>,
    /// Names of accounts and contracts, for people; no rule knows them.
    pub names: Vec<(String, Address)>,
}

type SpecParts = (Vec<u8>, i64, Vec<(Address, u64)>, Vec<(String, Address)>);

impl Spec {
    /// The state that it begins with.
    ///
    /// # Errors
    ///
    /// [`GenesisError`] for accounts that are no genesis.
    pub fn genesis(&self) -> Result<Genesis, GenesisError> {
        Genesis::new(&self.params, self.time, &self.accounts)
    }

    /// What signatures on the chain are for.
    ///
    /// # Errors
    ///
    /// [`GenesisError`] for accounts that are no genesis.
    pub fn id(&self) -> Result<ChainId, GenesisError> {
        Ok(ChainId { params: self.params.hash(), genesis: self.genesis()?.header().hash() })
    }

    /// Its bytes: SCALE of the parameters' bytes, the time, the accounts and the names.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        (self.params.encode(), self.time, &self.accounts, &self.names).encode()
    }

    /// The reverse of [`Self::to_bytes`].
    ///
    /// # Errors
    ///
    /// [`SpecError`] for bytes that are no spec of this VM's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SpecError> {
        let parts: SpecParts = decode_exact(bytes, SPEC_BYTES_MAX).map_err(SpecError::Bytes)?;
        let (params, time, accounts, names) = parts;
        let params = Params::from_bytes(&params, SPEC_BYTES_MAX)?;
        Ok(Self { params, time, accounts, names })
    }
}

/// Names the chain whose spec has these bytes, for what people keep of it on their side. No rule knows it.
#[must_use]
pub fn identity(spec: &[u8]) -> Hash {
    let context = "vm-chain 2026 identity of a chain by its spec";
    Hash(*blake3::Hasher::new_derive_key(context).update(spec).finalize().as_bytes())
}

/// Why bytes are no [`Spec`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// They are no canonical encoding.
    #[error("{0}")]
    Bytes(vm_core::codec::CodecError),
    /// Their parameters are refused.
    #[error(transparent)]
    Params(#[from] ParamsError),
}

/// How a chain is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainOptions {
    /// States below the head that can be read, traced, replayed and gone back to. If not given: as many as the chain was
    /// kept with before, [`STATES`] of a new one.
    pub states: Option<u32>,
}

/// States below the head that a new chain keeps unless it is told otherwise.
pub const STATES: u32 = 1_024;

/// Why a chain can't be had or can't go on.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Replicas made its last block: only they go on with it.
    #[error("this chain is a replica's: its blocks are made by consensus, and none is made or undone here")]
    Sealed,
    /// There is no chain at the path.
    #[error("{} holds no chain (no {BLOCKS_FILE} in it)", .0.display())]
    Missing(PathBuf),
    /// Something is at the path already.
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    /// A chain was begun at the path and not finished: the process died, or the disk was full.
    #[error("{} holds the beginning of a chain that was never finished; nothing is in it: remove it, and try again", .0.display())]
    Unfinished(PathBuf),
    /// The folder can't be made or looked at.
    #[error("cannot make or read {}: {cause}", at.display())]
    Folder {
        /// The path.
        at: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The accounts make no genesis.
    #[error("the accounts make no genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// The rules in the log are not of this VM.
    #[error("{}: {cause}", at.display())]
    Spec {
        /// The log.
        at: PathBuf,
        /// What is wrong.
        cause: SpecError,
    },
    /// The state's store can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A snapshot can't be taken in.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The block log can't serve.
    #[error("{}: {cause}", at.display())]
    Log {
        /// The log.
        at: PathBuf,
        /// What is wrong.
        cause: LogError,
    },
    /// The log and the state are not of one chain.
    #[error("{}: the state is at block {state}, the block log ends at {log}; they are not of one chain", at.display())]
    Apart {
        /// The folder.
        at: PathBuf,
        /// The height of the state's head.
        state: u64,
        /// The height of the log's last block.
        log: u64,
    },
    /// The block can't be committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is no way back to that block.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The state can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The node can't go on.
    #[error(transparent)]
    Failure(#[from] NodeFailure),
}

impl ChainError {
    /// Whether another process has the chain open.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Log { cause: LogError::InUse, .. } | Self::Open(OpenError::InUse { .. }))
    }
}

/// A view below the head that is kept although the head moves on.
#[derive(Debug)]
struct Past {
    view: Arc<dyn View>,
    /// The head when it was asked for last.
    head: u64,
}

/// For how many blocks a view below the head is kept after it was asked for.
const PAST_KEPT: u64 = 1_024;

/// A chain on this machine.
#[derive(Debug)]
pub struct Chain {
    state: Box<dyn Store + Send + Sync>,
    log: Log,
    spec: Spec,
    id: ChainId,
    vm: Arc<Vm>,
    folder: Option<PathBuf>,
    /// Whether replicas made the head.
    sealed: bool,
    /// The view below the head that was asked for last, for whoever reads a whole state of it piece by piece.
    past: Mutex<Option<Past>>,
    interfaces: Mutex<BTreeMap<Hash, Arc<Interface>>>,
}

fn store_options(states: u32) -> StoreOptions {
    StoreOptions { retention: Retention { states }, ..StoreOptions::default() }
}

/// Makes a folder for a new chain, where nothing is yet.
fn new_folder(path: &Path) -> Result<(), ChainError> {
    Chain::check_free(path)?;
    std::fs::create_dir_all(path).map_err(|cause| ChainError::Folder { at: path.to_owned(), cause })
}

impl Chain {
    fn new(
        state: Box<dyn Store + Send + Sync>,
        log: Log,
        spec: Spec,
        folder: Option<PathBuf>,
    ) -> Result<Self, ChainError> {
        let vm = Arc::new(Vm::new(spec.params.clone()));
        let id = spec.id()?;
        let at = || folder.as_ref().map(|folder: &PathBuf| folder.join(BLOCKS_FILE)).unwrap_or_default();
        let seal = log.seal(state.header().height).map_err(|cause| ChainError::Log { at: at(), cause })?;
        let sealed = seal.is_some();
        Ok(Self {
            state,
            log,
            spec,
            id,
            vm,
            folder,
            sealed,
            interfaces: Mutex::default(),
            past: Mutex::default(),
        })
    }

    /// A new chain.
    ///
    /// # Errors
    ///
    /// [`ChainError`]: something is there already, the accounts are no genesis, or the files can't be made.
    pub fn create(place: &Place, spec: Spec, options: ChainOptions) -> Result<Self, ChainError> {
        let genesis = spec.genesis()?;
        match place {
            Place::Memory => {
                let states = options.states.unwrap_or(STATES);
                let state = MemoryStore::with(&genesis, Retention { states });
                let log = Log::create(None, &spec.to_bytes(), states)
                    .map_err(|cause| ChainError::Log { at: PathBuf::new(), cause })?;
                Self::new(Box::new(state), log, spec, None)
            }
            Place::Folder(path) => {
                new_folder(path)?;
                let states = options.states.unwrap_or(STATES);
                let state = RedbStore::create_with(path.join(STATE_FILE), &genesis, store_options(states))?;
                Self::with_new_log(path, Box::new(state), spec, states, None)
            }
        }
    }

    /// A new chain that goes on from a snapshot's block; `spec` is the chain's that the snapshot is of.
    ///
    /// # Errors
    ///
    /// As [`Self::create`], and [`ChainError::Import`] for a snapshot that is not what its block commits to.
    pub fn import(
        path: &Path,
        spec: Spec,
        snapshot: &Snapshot,
        options: ChainOptions,
        progress: impl FnMut(Progress),
    ) -> Result<Self, ChainError> {
        Self::import_sealed(path, spec, snapshot, None, options, progress)
    }

    /// As [`Self::import`], of a block that replicas know by this seal and digest.
    pub(crate) fn import_sealed(
        path: &Path,
        spec: Spec,
        snapshot: &Snapshot,
        sealed: Option<(&Seal, &Hash)>,
        options: ChainOptions,
        progress: impl FnMut(Progress),
    ) -> Result<Self, ChainError> {
        new_folder(path)?;
        let states = options.states.unwrap_or(STATES);
        let state = RedbStore::import(path.join(STATE_FILE), snapshot, store_options(states), progress)?;
        Self::with_new_log(path, Box::new(state), spec, states, sealed)
    }

    /// Whether a chain could be made at `path`; nothing is changed.
    ///
    /// # Errors
    ///
    /// [`ChainError`] if something is there.
    pub fn check_free(path: &Path) -> Result<(), ChainError> {
        let failed = |cause| ChainError::Folder { at: path.to_owned(), cause };
        if path.is_dir() {
            // An empty folder is as good as none.
            if std::fs::read_dir(path).map_err(failed)?.next().is_some() {
                return Err(if path.join(STATE_FILE).is_file() && !path.join(BLOCKS_FILE).exists() {
                    ChainError::Unfinished(path.to_owned())
                } else {
                    ChainError::Exists(path.to_owned())
                });
            }
        } else if path.try_exists().map_err(failed)? || path.is_symlink() {
            return Err(ChainError::Exists(path.to_owned()));
        }
        Ok(())
    }

    fn with_new_log(
        path: &Path,
        state: Box<dyn Store + Send + Sync>,
        spec: Spec,
        states: u32,
        sealed: Option<(&Seal, &Hash)>,
    ) -> Result<Self, ChainError> {
        // The log is what makes the folder a chain: it gets its name last, when it is whole.
        let (at, part) = (path.join(BLOCKS_FILE), path.join(UNFINISHED_FILE));
        let failed = |cause| ChainError::Log { at: at.clone(), cause };
        let log = Log::create(Some(&part), &spec.to_bytes(), states).map_err(failed)?;
        if let Some((seal, digest)) = sealed {
            log.set_seal(state.header().height, seal, digest).map_err(failed)?;
        }
        drop(log);
        let named = std::fs::rename(&part, &at).and_then(|()| std::fs::File::open(path)?.sync_all());
        named.map_err(|cause| ChainError::Folder { at: path.to_owned(), cause })?;
        let (log, _) = Log::open(&at).map_err(failed)?;
        Self::new(state, log, spec, Some(path.to_owned()))
    }

    /// Opens the chain in a folder, and finishes what a process that died left half done: a block that was written to the
    /// log and not to the state is dropped, since nobody was told of it; a rollback that was begun is done.
    ///
    /// # Errors
    ///
    /// [`ChainError`]: no chain, in use, damaged, or of another VM.
    pub fn open(path: &Path, options: ChainOptions) -> Result<Self, ChainError> {
        let at = path.join(BLOCKS_FILE);
        if !at.is_file() {
            return Err(ChainError::Missing(path.to_owned()));
        }
        let failed = |cause| ChainError::Log { at: at.clone(), cause };
        let (log, kept) = Log::open(&at).map_err(failed)?;
        let spec =
            Spec::from_bytes(&kept.spec).map_err(|cause| ChainError::Spec { at: at.clone(), cause })?;
        let states = options.states.unwrap_or(kept.states);
        let params = spec.params.hash();
        let mut state = RedbStore::open_with(path.join(STATE_FILE), &params, store_options(states))?;
        if states != kept.states {
            log.set_states(states).map_err(failed)?;
        }
        if let Some(height) = kept.rollback {
            if state.header().height > height {
                state.rollback(height)?;
            }
            log.truncate(height, |signed| signed.transaction.hash(&params)).map_err(failed)?;
        }
        let head = state.header().height;
        if let Some((_, last)) = log.span().map_err(failed)? {
            if last == head.saturating_add(1) {
                log.truncate(head, |signed| signed.transaction.hash(&params)).map_err(failed)?;
            } else if last != head {
                return Err(ChainError::Apart { at: path.to_owned(), state: head, log: last });
            }
        }
        Self::new(Box::new(state), log, spec, Some(path.to_owned()))
    }

    fn log_error(&self, cause: LogError) -> ChainError {
        let at = self.folder.as_ref().map(|folder| folder.join(BLOCKS_FILE)).unwrap_or_default();
        ChainError::Log { at, cause }
    }

    /// What it began with.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What signatures on it are for.
    #[must_use]
    pub fn id(&self) -> ChainId {
        self.id
    }

    /// Its engine.
    #[must_use]
    pub fn vm(&self) -> &Arc<Vm> {
        &self.vm
    }

    /// The folder it is in; none if it is in memory.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The last block's header.
    #[must_use]
    pub fn head(&self) -> &Header {
        self.state.header()
    }

    /// The lowest height whose state can be read.
    #[must_use]
    pub fn oldest_state(&self) -> u64 {
        self.state.oldest()
    }

    /// The height of the first block in the log; none before the first block.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`].
    pub fn oldest_block(&self) -> Result<Option<u64>, ChainError> {
        Ok(self.log.span().map_err(|cause| self.log_error(cause))?.map(|(first, _)| first))
    }

    /// The state after the last block.
    ///
    /// # Errors
    ///
    /// [`ChainError::Failure`].
    pub fn view(&self) -> Result<Arc<dyn View>, ChainError> {
        Ok(self.state.view()?)
    }

    /// The state after the block at `height`, where it is retained.
    ///
    /// # Errors
    ///
    /// [`ChainError::Failure`].
    pub fn view_at(&self, height: u64) -> Result<Option<Arc<dyn View>>, ChainError> {
        Ok(self.state.view_at(height)?)
    }

    /// As [`Self::view_at`], for whoever reads all of the state piece by piece: a snapshot.
    ///
    /// Going back to it may take a while, and blocks go on being committed meanwhile. So it is kept, and stays readable as
    /// long as it is asked for every [`PAST_KEPT`] blocks, although its height falls out of what is retained. One at a time:
    /// another height takes its place.
    ///
    /// # Errors
    ///
    /// [`ChainError::Failure`].
    pub fn past_view(&self, height: u64) -> Result<Option<Arc<dyn View>>, ChainError> {
        let head = self.head().height;
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = past.as_mut().filter(|kept| kept.view.header().height == height) {
            kept.head = head;
            return Ok(Some(kept.view.clone()));
        }
        let view = self.view_at(height)?;
        if let Some(view) = &view {
            *past = Some(Past { view: view.clone(), head });
        }
        Ok(view)
    }

    /// Whether replicas made the head: then blocks are made and undone by consensus alone.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// The header of the block at `height`.
    ///
    /// # Errors
    ///
    /// [`ChainError::Failure`].
    pub fn header_at(&self, height: u64) -> Result<Option<Header>, ChainError> {
        Ok(self.state.header_at(height)?)
    }

    /// The receipts of the block at `height`.
    ///
    /// # Errors
    ///
    /// [`ChainError::Failure`].
    pub fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, ChainError> {
        Ok(self.state.receipts(height)?)
    }

    /// The block at `height` as it was put together; none of genesis, nor of what came before a snapshot.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`].
    pub fn body(&self, height: u64) -> Result<Option<Body>, ChainError> {
        self.log.body(height).map_err(|cause| self.log_error(cause))
    }

    /// The height of the block `hash`; none of genesis, nor of what came before a snapshot.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`].
    pub fn height(&self, hash: &Hash) -> Result<Option<u64>, ChainError> {
        self.log.height(hash).map_err(|cause| self.log_error(cause))
    }

    /// Where the transaction `hash` stands.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`].
    pub fn position(&self, hash: &Hash) -> Result<Option<Position>, ChainError> {
        self.log.position(hash).map_err(|cause| self.log_error(cause))
    }

    /// The hash of a transaction on this chain.
    #[must_use]
    pub fn hash(&self, signed: &Signed) -> Hash {
        signed.transaction.hash(&self.vm.params_hash())
    }

    /// Executes `block` on the head's state; commits nothing.
    ///
    /// # Errors
    ///
    /// [`BlockError`], as [`Vm::execute_block`].
    pub fn execute(&self, block: &Block, options: Options) -> Result<BlockOutcome, BlockError> {
        self.vm.execute_block(&self.state.view().map_err(ReadError::from)?, block, options)
    }

    /// The seal and the digest of the final block at `height`; none of a block that no replica committed.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`].
    pub fn seal(&self, height: u64) -> Result<Option<(Seal, Hash)>, ChainError> {
        self.log.seal(height).map_err(|cause| self.log_error(cause))
    }

    /// Makes the block `body`, executed to `outcome` on the head's state, the head. Durable when it returns.
    ///
    /// # Errors
    ///
    /// [`ChainError`]; the head is the one before, also after a crash. After a [`CommitError::Failure`] it can't be known
    /// whether the block became durable, until the chain is opened again.
    pub fn commit(&mut self, body: &Body, outcome: &BlockOutcome) -> Result<(), ChainError> {
        if self.sealed {
            return Err(ChainError::Sealed);
        }
        let hashes: Vec<Hash> = outcome.transactions.iter().map(|executed| executed.hash).collect();
        self.commit_with(body, &outcome.commit, &hashes, None)
    }

    /// As [`Self::commit`], of a block that replicas know by this seal and digest.
    pub(crate) fn commit_sealed(
        &mut self,
        body: &Body,
        commit: &BlockCommit,
        hashes: &[Hash],
        sealed: (&Seal, &Hash),
    ) -> Result<(), ChainError> {
        self.commit_with(body, commit, hashes, Some(sealed))
    }

    fn commit_with(
        &mut self,
        body: &Body,
        commit: &BlockCommit,
        hashes: &[Hash],
        sealed: Option<(&Seal, &Hash)>,
    ) -> Result<(), ChainError> {
        self.log
            .append(body, &commit.header.hash(), hashes, sealed)
            .map_err(|cause| self.log_error(cause))?;
        match self.state.commit(commit) {
            Ok(()) => {
                self.sealed = sealed.is_some();
                let head = commit.header.height;
                let past = self.past.get_mut().unwrap_or_else(PoisonError::into_inner);
                // It holds on to pages of the file.
                drop(past.take_if(|past| head.saturating_sub(past.head) > PAST_KEPT));
                Ok(())
            }
            // The block may have become durable all the same: opening the chain again finds out, and shortens the log if not.
            Err(error @ CommitError::Failure(_)) => Err(error.into()),
            Err(error) => {
                let params = self.vm.params_hash();
                let head = self.state.header().height;
                // Best effort: opening the chain again does the same.
                drop(self.log.truncate(head, |signed| signed.transaction.hash(&params)));
                Err(error.into())
            }
        }
    }

    /// Makes the block at `height` the head again and forgets the later ones.
    ///
    /// # Errors
    ///
    /// [`ChainError::Rollback`] where its state is not retained; nothing is changed then.
    pub fn rollback(&mut self, height: u64) -> Result<(), ChainError> {
        if self.sealed {
            return Err(ChainError::Sealed);
        }
        self.past = Mutex::default();
        if height < self.state.oldest() || height >= self.state.header().height {
            // Nothing to do, or refused.
            return Ok(self.state.rollback(height)?);
        }
        // A crash between the two files leaves the log ahead of the state, as files that do not belong together are: so
        // it says what was begun, and opening finishes it.
        self.log.begin_rollback(height).map_err(|cause| self.log_error(cause))?;
        self.state.rollback(height)?;
        let params = self.vm.params_hash();
        let shortened = self.log.truncate(height, |signed| signed.transaction.hash(&params));
        shortened.map_err(|cause| self.log_error(cause))
    }

    /// The interface of the code with `hash`, read in `view`; none if no such code is there.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the state can't be read.
    pub fn interface(&self, view: &dyn View, hash: &Hash) -> Result<Option<Arc<Interface>>, ReadError> {
        let known = || self.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(hash) {
            return Ok(Some(found.clone()));
        }
        let Some(code) = StateReader::new(view).code(hash)? else { return Ok(None) };
        let Ok(module) = validate_module(&code, &self.spec.params) else { return Ok(None) };
        let interface = Arc::new(module.interface);
        let mut known = known();
        if known.len() >= INTERFACES_MAX {
            known.clear();
        }
        known.insert(*hash, interface.clone());
        Ok(Some(interface))
    }
}
