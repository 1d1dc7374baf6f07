//! Everything that outlives a frame: the journal, the transaction's counters, its events, its observer.
//!
//! One session serves a block; its transaction part is made afresh for each transaction. It travels boxed from
//! frame to frame, so that host functions reach it without a lock.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::{Address, BlockContext, Event, GasSchedule, Hash, Key, Limits, Params, Stamp};
use vm_state::{Checkpoint, Journal};

use crate::resources::Resources;
use crate::trace::Observer;

/// The running transaction.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) origin: Address,
    pub(crate) hash: Hash,
    pub(crate) index: u32,
    /// Serves object ids and acquisition stamps; never reset or rolled back (DESIGN 10, rule 7).
    pub(crate) next_acquisition: u32,
    pub(crate) objects_created: u32,
    pub(crate) events: Vec<Event>,
    /// Gas to give back, in gas; dropped with a reverted frame.
    pub(crate) refund: u64,
    /// Modules whose loading has been paid (DESIGN 10, rule 16).
    pub(crate) loaded: BTreeSet<Hash>,
    pub(crate) resources: Resources,
}

impl Running {
    pub(crate) fn new(origin: Address, hash: Hash, index: u32) -> Self {
        Self {
            origin,
            hash,
            index,
            next_acquisition: 0,
            objects_created: 0,
            events: Vec::new(),
            refund: 0,
            loaded: BTreeSet::new(),
            resources: Resources::default(),
        }
    }
}

/// To where a failed frame returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameCheckpoint {
    journal: Checkpoint,
    events: usize,
    refund: u64,
}

/// Whether a local query should stop now; the embedder knows, since nothing here has a clock (R46).
#[derive(Clone)]
pub(crate) struct Deadline(pub(crate) Arc<dyn Fn() -> bool + Send + Sync>);

impl core::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Deadline")
    }
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) params: Arc<Params>,
    pub(crate) block: BlockContext,
    pub(crate) journal: Journal,
    pub(crate) running: Running,
    pub(crate) observer: Option<Box<dyn Observer>>,
    /// Whether the observer is told of operations that change nothing.
    pub(crate) observes_all: bool,
    /// Of a local query; blocks never have one.
    pub(crate) deadline: Option<Deadline>,
    /// The deadline has passed, and the query's answer is worth nothing.
    pub(crate) interrupted: bool,
}

impl Session {
    pub(crate) fn gas(&self) -> &GasSchedule {
        self.params.gas()
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.params.limits()
    }

    /// Lets `observer` listen to the running transaction.
    pub(crate) fn listen(&mut self, observer: Option<Box<dyn Observer>>) {
        self.observes_all = observer.as_ref().is_some_and(|observer| observer.wants_all_operations());
        self.observer = observer;
    }

    /// Whether the query's deadline has passed; once it has, it stays so.
    pub(crate) fn is_interrupted(&mut self) -> bool {
        if let Some(Deadline(passed)) = &self.deadline {
            self.interrupted |= passed();
        }
        self.interrupted
    }

    /// The gas for touching `key`: nothing after the first time in a transaction.
    pub(crate) fn touch_gas(&self, key: &Key) -> u64 {
        if self.journal.is_touched(key) { 0 } else { self.gas().touch }
    }

    /// The gas for touching and writing `key`: each part once in a transaction.
    pub(crate) fn write_gas(&self, key: &Key) -> u64 {
        let write = if self.journal.is_written(key) { 0 } else { self.gas().write };
        self.touch_gas(key).saturating_add(write)
    }

    /// The stamp of the next acquisition.
    pub(crate) fn next_stamp(&mut self) -> Stamp {
        let index = self.running.next_acquisition;
        self.running.next_acquisition = index.saturating_add(1);
        Stamp { height: self.block.height, transaction: self.running.index, index }
    }

    pub(crate) fn checkpoint(&self) -> FrameCheckpoint {
        FrameCheckpoint {
            journal: self.journal.checkpoint(),
            events: self.running.events.len(),
            refund: self.running.refund,
        }
    }

    pub(crate) fn rollback(&mut self, to: FrameCheckpoint) {
        self.journal.rollback(to.journal);
        self.running.events.truncate(to.events);
        self.running.refund = to.refund;
    }
}
