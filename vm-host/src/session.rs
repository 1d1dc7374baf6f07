//! Everything that outlives a frame: the journal, the transaction's counters, its events, its observer.
//!
//! One session serves a block; its transaction part is made afresh for each transaction. It travels boxed from
//! frame to frame, so that host functions reach it without a lock.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::{
    Address, BlockContext, ErrorCode, Event, GasSchedule, Hash, Key, Limits, ObjectId, Params, Stamp,
};
use vm_state::{Checkpoint, Journal, Value};

use crate::error::{Answer, Fault};
use crate::module::{ModuleInfo, Prepared};
use crate::resources::Resources;
use crate::trace::Observer;

/// Witness bytes that an entry declares, whatever its real path: 64 forks with a hidden side each, and a leaf with its
/// key and a record. Keys are hashed, so that a deeper path is beyond anybody's means.
pub(crate) const WITNESS_ENTRY_BYTES: u64 = 64 * 34 + 256;

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
    /// Modules whose loading has been paid (DESIGN 10, rule 16), kept at hand so that no cache has to make one twice.
    pub(crate) loaded: BTreeMap<Hash, Arc<Prepared>>,
    /// Their bytes.
    pub(crate) loaded_bytes: u64,
    /// Entries touched and searches made.
    pub(crate) entries: u32,
    pub(crate) resources: Resources,
    /// Why the frame that ends next was refused, for people.
    pub(crate) detail: Option<String>,
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
            loaded: BTreeMap::new(),
            loaded_bytes: 0,
            entries: 0,
            resources: Resources::default(),
            detail: None,
        }
    }
}

/// Digests of the field names met last: a contract has few names, and a digest costs as much as all else in a look-up.
#[derive(Debug, Default)]
pub(crate) struct FieldNames {
    known: [Option<(Value, Hash)>; 4],
    /// The one to be replaced next.
    oldest: usize,
}

impl FieldNames {
    /// The key of the field `name` of `object`.
    pub(crate) fn key(&mut self, object: &ObjectId, name: &[u8]) -> Key {
        let known = self.known.iter().flatten().find(|(known, _)| **known == *name);
        if let Some((_, digest)) = known {
            return Key::field_of_digest(object, digest);
        }
        let digest = Key::field_digest(name);
        if let Some(place) = self.known.get_mut(self.oldest) {
            *place = Some((Value::from_slice(name), digest));
        }
        self.oldest = self.oldest.saturating_add(1).checked_rem(self.known.len()).unwrap_or_default();
        Key::field_of_digest(object, &digest)
    }
}

/// To where a failed frame returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameCheckpoint {
    journal: Checkpoint,
    events: usize,
    refund: u64,
}

/// Whether a local query or rehearsal should stop now; the embedder knows, since nothing here has a clock (R46).
#[derive(Clone)]
pub(crate) struct Deadline(pub(crate) Arc<dyn Fn() -> bool + Send + Sync>);

/// What travels from frame to frame.
pub(crate) struct Session {
    pub(crate) params: Arc<Params>,
    pub(crate) block: BlockContext,
    pub(crate) journal: Journal,
    pub(crate) running: Running,
    pub(crate) observer: Option<Box<dyn Observer>>,
    /// Whether the observer is told of operations that change nothing.
    pub(crate) observes_all: bool,
    /// Of a local query or rehearsal; blocks that are executed never have one.
    pub(crate) deadline: Option<Deadline>,
    /// The deadline has passed, and what comes of the run is worth nothing.
    pub(crate) interrupted: bool,
    /// The module that was loaded last: most transactions call what the one before called.
    pub(crate) last_module: Option<Arc<Prepared>>,
    /// Of the block's contracts.
    pub(crate) field_names: FieldNames,
    /// What validation has learnt of the code that was stored last: it is prepared next, if it has an initialiser.
    pub(crate) validated: Option<(Hash, ModuleInfo)>,
}

impl Session {
    /// A session for `journal`, in which nothing has run.
    pub(crate) fn new(
        params: &Arc<Params>,
        block: BlockContext,
        journal: Journal,
        running: Running,
        deadline: Option<Deadline>,
    ) -> Box<Self> {
        Box::new(Self {
            params: params.clone(),
            block,
            journal,
            running,
            observer: None,
            observes_all: false,
            deadline,
            interrupted: false,
            last_module: None,
            field_names: FieldNames::default(),
            validated: None,
        })
    }

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

    /// Whether the deadline has passed; once it has, it stays so.
    pub(crate) fn is_interrupted(&mut self) -> bool {
        if let Some(Deadline(passed)) = &self.deadline {
            self.interrupted |= passed();
        }
        self.interrupted
    }

    /// The gas for touching `key`: nothing after the first time in a transaction.
    ///
    /// # Errors
    ///
    /// A halt past the limit of entries or of witness bytes.
    pub(crate) fn touch_gas(&mut self, key: &Key) -> Answer<u64> {
        if self.journal.is_touched(key) {
            return Ok(0);
        }
        self.count_entry(1)?;
        Ok(self.gas().touch)
    }

    /// The gas for touching and writing `key`: each part once in a transaction.
    ///
    /// # Errors
    ///
    /// A halt past the limit of entries or of witness bytes.
    pub(crate) fn write_gas(&mut self, key: &Key) -> Answer<u64> {
        let write = if self.journal.is_written(key) { 0 } else { self.gas().write };
        Ok(self.touch_gas(key)?.saturating_add(write))
    }

    /// The gas for a search under a prefix, each time: it asks the view, and may find another entry.
    ///
    /// # Errors
    ///
    /// A halt past the limit of entries or of witness bytes.
    pub(crate) fn search_gas(&mut self) -> Answer<u64> {
        self.count_entry(2)?;
        Ok(self.gas().touch)
    }

    fn count_entry(&mut self, count: u32) -> Answer<()> {
        self.running.entries = self.running.entries.saturating_add(count);
        if self.running.entries > self.limits().transaction_entries {
            return Err(Fault::Halt(ErrorCode::EntryLimit));
        }
        self.declare_witness(u64::from(count).saturating_mul(WITNESS_ENTRY_BYTES))
    }

    /// Counts bytes that a witness of this transaction may need.
    ///
    /// # Errors
    ///
    /// A halt past the limit.
    pub(crate) fn declare_witness(&mut self, bytes: u64) -> Answer<()> {
        let declared = &mut self.running.resources.witness_bytes;
        *declared = declared.saturating_add(bytes);
        if *declared > self.limits().transaction_witness_bytes.into() {
            return Err(Fault::Halt(ErrorCode::EntryLimit));
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// R80: a field's key is the same whether its name was met before or not.
    #[test]
    fn r80_a_remembered_name_gives_the_key_that_it_has() {
        let mut names = FieldNames::default();
        // More names than are kept, in an order in which some are still there and some are not.
        for round in 0..6u8 {
            for name in [b"balance".as_slice(), b"b", b"", b"balanc", b"balance!", b"owner", b"b"] {
                let object = ObjectId([round; 32]);
                assert_eq!(names.key(&object, name), Key::field(&object, name));
                assert_eq!(names.key(&object, name), Key::field(&object, name));
            }
        }
    }
}
