//! The process that is killed: executes blocks in all ways, and treats its store badly.
//!
//! What it does between blocks is thrown for each life anew; what the blocks are is not (`blocks`).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vm_core::{Hash, Params};
use vm_host::{Options, TraceLevel, Vm};
use vm_state::{ChangeSet, Check, MemoryStore, OpenError, RedbStore, Retention, Store, StoreOptions, View};

use super::blocks::{Blocks, Executed};
use super::compare::{count, same};
use super::message::{Name, Said, Step};
use super::restore::{self, Kind};
use super::stop::{Stop, equal, equal_hash};
use crate::campaign::Inputs;

/// So many blocks can be rolled back.
const RETENTION: Retention = Retention { states: 64 };
/// How deep a rollback goes at most.
const ROLLBACK_MAX: u64 = 24;
/// Blocks to one: traced, executed by an engine with nothing cached, read back.
const TRACED: u64 = 4;
const COLD: u64 = 64;
const READ_BACK: u64 = 16;
/// Blocks to one, as the dice fall: rolled back after, revisited, pruned, restored from a snapshot.
const ROLLED: usize = 50;
const REVISITED: usize = 40;
const PRUNED: usize = 100;
const RESTORED: usize = 200;
/// So many live objects are aimed at: some four entries each.
const OBJECTS_AIM: usize = 6_000;
/// How long a store that another process still holds is waited for.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// What a worker is told.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The soak's folder, which holds the store.
    pub folder: PathBuf,
    /// What the blocks are made from.
    pub seed: u64,
    /// Which worker, from 1: what it does between blocks is thrown by it.
    pub life: u64,
    /// How many blocks; until it is killed if there is no number.
    pub blocks: Option<u64>,
}

/// The file of a soak's store.
pub(super) fn store_path(folder: &Path) -> PathBuf {
    folder.join("store")
}

fn options() -> StoreOptions {
    StoreOptions { retention: RETENTION, check: Check::Full, ..StoreOptions::default() }
}

/// Makes the store: the state of the fixture contracts, deployed and used a little.
pub(super) fn create(folder: &Path) -> Result<(), Stop> {
    let world = crate::world::World::new();
    let (view, snapshot) = (world.chain.view(), folder.join("genesis"));
    let height = view.header().height;
    // What a creation that was cut short has left.
    restore::remove(&snapshot)?;
    restore::remove(&store_path(folder))?;
    let made = vm_state::Snapshot::export(&*view, &snapshot, 1 << 20, |_| ());
    let made = made.map_err(Stop::failed(height, "export the first state"))?;
    let store = RedbStore::import(store_path(folder), &made, options(), |_| ());
    drop(store.map_err(Stop::failed(height, "import the first state"))?);
    restore::remove(&snapshot)
}

/// Works as `orders` say and tells `out`.
///
/// # Errors
///
/// [`Stop`] for what is not as it should be, which was said, too; and if `out` is closed.
pub fn work(orders: &Orders, out: &mut dyn Write) -> Result<(), Stop> {
    let done = Worker::open(orders, out).and_then(|mut worker| worker.work(orders.blocks, out));
    if let Err(stop) = &done
        && stop.exit_code() == 1
    {
        say(out, &Said::Found(stop.to_string()))?;
    }
    done
}

fn say(out: &mut dyn Write, said: &Said) -> Result<(), Stop> {
    writeln!(out, "{said}").and_then(|()| out.flush()).map_err(Stop::machine("tell the supervisor"))
}

struct Worker {
    folder: PathBuf,
    dice: Inputs,
    blocks: Blocks,
    /// Executes every block, for the store and from a witness; for the reference.
    full: Vm,
    light: Vm,
    store: RedbStore,
    /// The same chain in memory.
    reference: MemoryStore,
    /// The hashes of blocks near the head, those that were rolled back included.
    known: BTreeMap<u64, Hash>,
    entries: u64,
}

impl Worker {
    fn open(orders: &Orders, out: &mut dyn Write) -> Result<Self, Stop> {
        let params = Params::default();
        let store = open_store(&store_path(&orders.folder), &params)?;
        let (head, oldest) = (Name::of(store.header()), store.oldest());
        say(out, &Said::Opened(head))?;
        let mut known = BTreeMap::new();
        for height in oldest..=head.height {
            let header = store.header_at(height).map_err(Stop::failed(height, "read a header"))?;
            let found = header.as_ref().map(|header| header.height);
            equal(height, "the header of a retained block", &Some(height), &found)?;
            if let Some(name) = header.as_ref().map(Name::of) {
                say(out, &Said::Has(name))?;
                known.insert(height, name.hash);
            }
        }
        for (height, hash) in restore::resume(&orders.folder, &params)? {
            say(out, &Said::Restored { name: Name { height, hash }, entries: 0 })?;
        }
        let view = store.view().map_err(Stop::failed(head.height, "read the head"))?;
        let reference = restore::in_memory(&*view, &orders.folder.join("reference"), RETENTION)?;
        Ok(Self {
            folder: orders.folder.clone(),
            dice: Inputs::new(orders.seed ^ orders.life.rotate_left(32)),
            blocks: Blocks::new(orders.seed, OBJECTS_AIM, &*view),
            full: Vm::new(params.clone()),
            light: Vm::new(params),
            entries: count(&*view)?,
            store,
            reference,
            known,
        })
    }

    fn work(&mut self, blocks: Option<u64>, out: &mut dyn Write) -> Result<(), Stop> {
        let mut done = 0;
        while blocks.is_none_or(|blocks| done < blocks) {
            self.block(out)?;
            self.between(out)?;
            done += 1;
        }
        self.restore(out)?;
        say(out, &Said::Done)
    }

    fn height(&self) -> u64 {
        self.store.header().height
    }

    fn view(&self) -> Result<Arc<dyn View>, Stop> {
        self.store.view().map_err(Stop::failed(self.height(), "read the head"))
    }

    /// Executes the next block in all ways and commits it.
    fn block(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        let view = self.view()?;
        let Executed { block, outcome } = self.execute(&view)?;
        let header = &outcome.commit.header;
        let name = Name::of(header);
        let witness = outcome.witness(&*view).map_err(Stop::failed(name.height, "make a witness"))?;
        let light = self.light.execute_stateless(view.header(), &block, &witness, Options::default());
        let light = light.map_err(Stop::failed(name.height, "execute from a witness"))?;
        same("on a light node", &outcome, &light)?;
        let below = self.reference.view().map_err(Stop::failed(name.height, "read the reference"))?;
        let reference = self.light.execute_block(&below, &block, Options::default());
        let reference = reference.map_err(Stop::failed(name.height, "execute on the reference"))?;
        same("on the reference in memory", &outcome, &reference)?;
        let known = *self.known.entry(name.height).or_insert(name.hash);
        equal_hash(name.height, "the hash of a block that was executed before", known, name.hash)?;
        let entries = self.entries_after(&*view, &outcome.commit.changes)?;

        say(out, &Said::Begun(Step::Commit(name)))?;
        self.store.commit(&outcome.commit).map_err(Stop::failed(name.height, "commit a block"))?;
        let transactions = u64::try_from(block.transactions.len()).unwrap();
        let succeeded = outcome.commit.receipts.iter().filter(|receipt| receipt.status.is_success());
        let succeeded = u64::try_from(succeeded.count()).unwrap();
        let gas = header.gas_used;
        say(out, &Said::Committed { name, transactions, succeeded, gas, entries })?;

        let kept = self.reference.commit(&reference.commit);
        kept.map_err(Stop::failed(name.height, "commit to the reference"))?;
        self.blocks.learn(&outcome.commit.changes);
        self.entries = entries;
        if name.height.is_multiple_of(READ_BACK) {
            let receipts =
                self.store.receipts(name.height).map_err(Stop::failed(name.height, "read receipts"))?;
            equal(name.height, "the receipts in the store", &Some(outcome.commit.receipts), &receipts)?;
        }
        Ok(())
    }

    /// Executes the block after `view`; some with a trace as well, some by a new engine.
    fn execute(&self, view: &Arc<dyn View>) -> Result<Executed, Stop> {
        let made = self.blocks.execute(&self.full, view, TraceLevel::Off)?;
        let height = made.outcome.commit.header.height;
        let again = |vm: &Vm, trace| vm.execute_block(view, &made.block, Options { trace });
        if height.is_multiple_of(TRACED) {
            let traced =
                again(&self.full, TraceLevel::Full).map_err(Stop::failed(height, "trace a block"))?;
            same("with a trace", &made.outcome, &traced)?;
        }
        if height.is_multiple_of(COLD) {
            let vm = Vm::new(self.full.params().clone());
            let cold = again(&vm, TraceLevel::Off).map_err(Stop::failed(height, "execute a block"))?;
            same("by an engine with nothing cached", &made.outcome, &cold)?;
        }
        Ok(made)
    }

    /// How many entries there are after `changes` to `view`.
    fn entries_after(&self, view: &dyn View, changes: &ChangeSet) -> Result<u64, Stop> {
        let mut entries = self.entries;
        for (key, value) in changes {
            let was = view.get(key).map_err(Stop::failed(self.height(), "read an entry"))?.is_some();
            entries = entries + u64::from(value.is_some()) - u64::from(was);
        }
        Ok(entries)
    }

    fn between(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        if self.dice.below(ROLLED) == 0 {
            self.rollback(out)?;
        }
        if self.dice.below(REVISITED) == 0 {
            self.revisit(out)?;
        }
        if self.dice.below(PRUNED) == 0 {
            self.prune(out)?;
        }
        if self.dice.below(RESTORED) == 0 {
            self.restore(out)?;
        }
        Ok(())
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.dice.number() % bound.max(1)
    }

    /// Rolls back some blocks; the next blocks are executed again then, and must be what they were.
    fn rollback(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        let head = self.height();
        let depth = (head - self.store.oldest()).min(ROLLBACK_MAX);
        let height = head - 1.min(depth) - self.below(depth);
        say(out, &Said::Begun(Step::Rollback(height)))?;
        self.store.rollback(height).map_err(Stop::failed(height, "roll back"))?;
        let name = Name::of(self.store.header());
        say(out, &Said::Rolled(name))?;
        equal(height, "the block that was rolled back to", &self.known.get(&height), &Some(&name.hash))?;
        let view = self.view()?;
        equal_hash(height, "the root after a rollback", self.store.header().state_root, view.trie().root())?;
        let above = self.store.header_at(height + 1).map_err(Stop::failed(height, "read a header"))?;
        equal(height + 1, "the header of a block that was rolled back", &None, &above)?;
        if self.reference.oldest() <= height {
            self.reference.rollback(height).map_err(Stop::failed(height, "roll back the reference"))?;
        } else {
            self.reference = restore::in_memory(&*view, &self.folder.join("reference"), RETENTION)?;
        }
        equal(height, "the reference after a rollback", self.store.header(), self.reference.header())?;
        self.blocks = self.blocks.at(&*view);
        self.entries = count(&*view)?;
        Ok(())
    }

    /// Executes a block near the head once more, on the retained state of its parent.
    fn revisit(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        let (head, oldest) = (self.height(), self.store.oldest());
        if head == oldest {
            return Ok(());
        }
        let height = oldest + self.below(head - oldest);
        let view = self.store.view_at(height).map_err(Stop::failed(height, "read a past state"))?;
        equal(height, "whether a retained state is there", &true, &view.is_some())?;
        let Some(view) = view else { return Ok(()) };
        equal_hash(height, "the root of a past state", view.header().state_root, view.trie().root())?;
        let made = self.blocks.at(&*view).execute(&self.light, &view, TraceLevel::Off)?;
        let found = self.store.header_at(height + 1).map_err(Stop::failed(height, "read a header"))?;
        equal(height + 1, "the header on a past state", &found, &Some(made.outcome.commit.header))?;
        say(out, &Said::Revisited(height + 1))
    }

    /// Forgets old blocks, and what the worker knows of them.
    fn prune(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        let head = self.height();
        let below = head.saturating_sub(8 + self.below(112));
        say(out, &Said::Begun(Step::Prune(below)))?;
        self.store.prune(below).map_err(Stop::failed(head, "prune"))?;
        say(out, &Said::Pruned(below))?;
        if let Some(height) = below.checked_sub(1) {
            let pruned = self.store.header_at(height).map_err(Stop::failed(height, "read a header"))?;
            equal(height, "the header of a block that was pruned", &None, &pruned)?;
        }
        self.reference.prune(below).map_err(Stop::failed(head, "prune the reference"))?;
        self.known = self.known.split_off(&below);
        Ok(())
    }

    /// Makes a second store from a snapshot of the head.
    fn restore(&mut self, out: &mut dyn Write) -> Result<(), Stop> {
        let view = self.view()?;
        let (height, name) = (view.header().height, Name::of(view.header()));
        let looked = self.blocks.at(&*view).object_count();
        equal(height, "how many objects the soak knows of", &looked, &self.blocks.object_count())?;
        let kind = if self.dice.below(2) == 0 { Kind::Memory } else { Kind::Disk };
        let chunk_bytes = 4_096 << self.dice.below(9);
        let entries = restore::restore(&self.folder, &view, &self.blocks, &self.light, kind, chunk_bytes)?;
        equal(height, "how many entries the soak counts", &entries, &self.entries)?;
        say(out, &Said::Restored { name, entries })
    }
}

/// Opens the store, and checks all of it; waits for a worker whose supervisor was killed to notice.
fn open_store(path: &Path, params: &Params) -> Result<RedbStore, Stop> {
    let began = Instant::now();
    loop {
        match RedbStore::open_with(path, &params.hash(), options()) {
            Err(OpenError::InUse { .. }) if began.elapsed() < WAIT_MAX => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(OpenError::InUse { at }) => {
                return Err(Stop::Left { at, cause: "another process holds the store".into() });
            }
            Err(OpenError::Missing { at }) => {
                return Err(Stop::Left { at, cause: "there is no store".into() });
            }
            opened => return opened.map_err(|cause| Stop::Unopened { cause }),
        }
    }
}
