//! Instances between two calls: what ran is made as new instead of being started anew.
//!
//! Starting an instance links its imports, allocates its functions and its memory: several times what a short call
//! costs. What a call can leave behind in an instance is little (WebAssembly core specification 2.0, 4.2.2 to 4.2.11):
//!
//! | part | why the next call can't see it |
//! |---|---|
//! | memory | set back to its first bytes; one that grew is dropped with its instance |
//! | globals | the mutable ones are set back; they are exported to us alone, by [`export_globals`] |
//! | tables, element segments | validation refuses every operator that changes them |
//! | data segments | a module with an operator that drops one is never kept ([`ModuleInfo::drops_data`]) |
//! | functions, exports | immutable |
//!
//! Invariants:
//! - only a frame that returned gives its instance back: what a trap leaves inside the engine is dropped with it;
//! - an instance is set back before a call, never after, and whatever it was given back as;
//! - which instance a frame gets changes no result, no fuel and no resource that is counted.
//!
//! `vm-host/tests/common/ways.rs` runs every block of every test with instances that are new and with such that ran.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use smallvec::SmallVec;
use spin::{Mutex, Once};
use vm_core::Hash;
use vm_state::NodeFailure;
use wasmi::{Global, Instance, Memory, Store, Val};
use wasmparser::BinaryReader;

use super::cache::Prepared;
use super::validate::ModuleInfo;
use crate::frame::FrameState;

/// Pages of an instance's memory from which on setting it back costs more than it saves, and keeping it too much.
const KEPT_PAGES_MAX: u32 = 16;

/// Pages of all instances that a cache keeps.
const IDLE_PAGES_MAX: u32 = 256;

/// The id of the export section.
const EXPORT_SECTION: u8 = 7;
/// The byte that says of an export that it is a global.
const GLOBAL_EXPORT: u8 = 3;

/// How instances of a module are made as new.
#[derive(Debug)]
pub(crate) struct Reuse {
    /// The mutable globals: under which names we see them, and their indices.
    globals: Vec<(String, u32)>,
    /// What the first instance was like before anything ran in it.
    first: Once<Arc<First>>,
}

/// A fresh instance's state.
#[derive(Debug)]
struct First {
    /// Where the bytes below begin: before and after them the memory is zero.
    start: usize,
    bytes: Vec<u8>,
    globals: Vec<Val>,
}

impl Reuse {
    /// How instances of the module can be reused, with its code as the engine must get it; `None` if they can't be.
    pub(crate) fn of(code: &[u8], info: &ModuleInfo) -> Option<(Self, Vec<u8>)> {
        if info.drops_data || info.pages > KEPT_PAGES_MAX {
            return None;
        }
        let named = |index: &u32| (format!("global {index}"), *index);
        let globals: Vec<(String, u32)> = info.mutable_globals.iter().map(named).collect();
        let code = export_globals(code, &globals)?;
        Some((Self { globals, first: Once::new() }, code))
    }
}

/// `code` with exports added: under names that no contract can use, since those have no spaces. Nothing else changes, so
/// that functions, their translation and their fuel are the same.
fn export_globals(code: &[u8], globals: &[(String, u32)]) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 8;
    let (header, sections) = code.split_at_checked(HEADER_BYTES)?;
    let mut reader = BinaryReader::new(sections, 0);
    let mut out = header.to_vec();
    let mut added = false;
    while !reader.eof() {
        let id = reader.read_u8().ok()?;
        let len = usize::try_from(reader.read_var_u32().ok()?).ok()?;
        let body = reader.read_bytes(len).ok()?;
        out.push(id);
        if id != EXPORT_SECTION {
            leb128(&mut out, u32::try_from(len).ok()?);
            out.extend_from_slice(body);
            continue;
        }
        added = true;
        let mut entries = BinaryReader::new(body, 0);
        let count = entries.read_var_u32().ok()?;
        let mut section = Vec::with_capacity(body.len());
        leb128(&mut section, count.checked_add(u32::try_from(globals.len()).ok()?)?);
        section.extend_from_slice(entries.read_bytes(entries.bytes_remaining()).ok()?);
        for (name, index) in globals {
            leb128(&mut section, u32::try_from(name.len()).ok()?);
            section.extend_from_slice(name.as_bytes());
            section.push(GLOBAL_EXPORT);
            leb128(&mut section, *index);
        }
        leb128(&mut out, u32::try_from(section.len()).ok()?);
        out.append(&mut section);
    }
    added.then_some(out)
}

fn leb128(out: &mut Vec<u8>, mut value: u32) {
    const LOW: u32 = 0x7f;
    while value > LOW {
        out.push(u8::try_from(value & LOW).unwrap_or_default() | 0x80);
        value >>= 7u32;
    }
    out.push(u8::try_from(value).unwrap_or_default());
}

/// What a frame has to keep of its instance to give it back.
#[derive(Debug)]
pub(crate) struct Running {
    instance: Instance,
    /// Its own, since a module that left the cache may come back while this instance lives.
    first: Arc<First>,
    globals: SmallVec<[Global; 2]>,
}

impl Running {
    /// Of an instance in which nothing has run; `None` if instances of the module are not reused.
    pub(crate) fn new(
        prepared: &Prepared,
        store: &Store<FrameState>,
        instance: Instance,
        memory: Memory,
    ) -> Option<Self> {
        let reuse = prepared.reuse.as_ref()?;
        let globals: Option<SmallVec<[Global; 2]>> =
            reuse.globals.iter().map(|(name, _)| instance.get_global(store, name)).collect();
        let globals = globals?;
        let first = reuse.first.call_once(|| {
            let all = memory.data(store);
            let start = all.iter().position(|byte| *byte != 0).unwrap_or(all.len());
            let end = all.iter().rposition(|byte| *byte != 0).map_or(start, |last| last.saturating_add(1));
            Arc::new(First {
                start,
                bytes: all.get(start..end).unwrap_or_default().to_vec(),
                globals: globals.iter().map(|global| global.get(store)).collect(),
            })
        });
        Some(Self { instance, first: first.clone(), globals })
    }

    /// The instance of a frame that returned, between two calls; `None` if its memory has grown.
    pub(crate) fn end(self, mut store: Store<FrameState>, info: &ModuleInfo) -> Option<Box<Idle>> {
        let state = store.data_mut();
        if state.pages.now != info.pages {
            return None;
        }
        // Arguments and answers may be large.
        state.input = Vec::new();
        state.returned = Vec::new();
        Some(Box::new(Idle { store, running: self, pages: info.pages }))
    }
}

/// An instance that no frame has.
pub(crate) struct Idle {
    store: Store<FrameState>,
    running: Running,
    pages: u32,
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").field("pages", &self.pages).finish_non_exhaustive()
    }
}

impl Idle {
    /// The instance as a fresh one would be, for a frame that begins with `state`.
    pub(crate) fn renew(
        self: Box<Self>,
        mut state: FrameState,
    ) -> Result<(Store<FrameState>, Instance, Running), NodeFailure> {
        const BROKEN: NodeFailure = NodeFailure::Invariant("an instance that ran can be made as new");
        let Self { mut store, running, pages } = *self;
        let first = &running.first;
        let memory = store.data().memory.ok_or(BROKEN)?;
        let all = memory.data_mut(&mut store);
        let (before, rest) = all.split_at_mut_checked(first.start).ok_or(BROKEN)?;
        let (bytes, after) = rest.split_at_mut_checked(first.bytes.len()).ok_or(BROKEN)?;
        before.fill(0);
        bytes.copy_from_slice(&first.bytes);
        after.fill(0);
        for (global, value) in running.globals.iter().zip(&first.globals) {
            global.set(&mut store, value.clone()).map_err(|_| BROKEN)?;
        }
        state.memory = Some(memory);
        state.pages.started(pages);
        *store.data_mut() = state;
        let instance = running.instance;
        Ok((store, instance, running))
    }
}

/// Instances that wait for their next call, by code hash; those that have waited longest go first.
#[derive(Debug, Default)]
pub(crate) struct IdleInstances(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// By code hash, then by when they were given back.
    by_code: BTreeMap<(Hash, u64), Box<Idle>>,
    by_time: BTreeMap<u64, Hash>,
    pages: u32,
    given: u64,
}

/// What an instance counts: one without memory takes some all the same.
fn pages(idle: &Idle) -> u32 {
    idle.pages.max(1)
}

impl IdleInstances {
    /// An instance of the code, if one waits.
    pub(crate) fn take(&self, code_hash: &Hash) -> Option<Box<Idle>> {
        let mut waiting = self.0.lock();
        let (&key, _) = waiting.by_code.range((*code_hash, 0)..=(*code_hash, u64::MAX)).next_back()?;
        waiting.remove(key)
    }

    pub(crate) fn give(&self, code_hash: Hash, idle: Box<Idle>) {
        // Dropped after the lock is given back.
        let mut gone: SmallVec<[Box<Idle>; 1]> = SmallVec::new();
        let mut waiting = self.0.lock();
        let given = waiting.given.saturating_add(1);
        waiting.given = given;
        waiting.pages = waiting.pages.saturating_add(pages(&idle));
        waiting.by_code.insert((code_hash, given), idle);
        waiting.by_time.insert(given, code_hash);
        while waiting.pages > IDLE_PAGES_MAX {
            let Some((&oldest, &hash)) = waiting.by_time.first_key_value() else { break };
            gone.extend(waiting.remove((hash, oldest)));
        }
        drop(waiting);
    }

    /// Forgets all instances of the code.
    pub(crate) fn forget(&self, code_hash: &Hash) {
        while self.take(code_hash).is_some() {}
    }
}

impl Waiting {
    fn remove(&mut self, key: (Hash, u64)) -> Option<Box<Idle>> {
        let idle = self.by_code.remove(&key)?;
        self.by_time.remove(&key.1);
        self.pages = self.pages.saturating_sub(pages(&idle));
        Some(idle)
    }
}

#[cfg(test)]
mod tests;
