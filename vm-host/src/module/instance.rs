//! Instances between two calls: what ran is made as new instead of being started anew.
//!
//! Starting an instance links its imports, allocates its functions and its memory: several times what a short call
//! costs. What a call can leave behind in an instance is little (WebAssembly core specification 2.0, 4.2.2 to 4.2.11):
//!
//! | part | why the next call can't see it |
//! |---|---|
//! | memory | set back to zeros and the module's data; one that grew is dropped with its instance |
//! | globals | the mutable ones are set back; they are exported to us alone, by [`export_globals`] |
//! | tables, element segments | validation refuses every operator that changes them |
//! | data segments | a module with an operator that drops one is never kept ([`ModuleInfo::drops_data`]) |
//! | functions, exports | immutable |
//!
//! Invariants:
//! - only a frame that returned gives its instance back: what a trap leaves inside the engine is dropped with it;
//! - an instance is set back before a call, never after, and whatever it was given back as;
//! - which instance a frame gets changes no result, no fuel and no resource that is counted;
//! - what waits is bounded in bytes by the cache, and belongs to a module that is in it.
//!
//! `vm-host/tests/common/ways.rs` runs every block of every test with instances that ran and with fresh ones alone.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use smallvec::SmallVec;
use vm_state::NodeFailure;
use wasmi::{Global, Instance, Store, Val};
use wasmparser::{BinaryReader, DataKind, Operator, Parser, Payload};

use super::cache::Prepared;
use super::validate::ModuleInfo;
use crate::frame::FrameState;

/// Pages of an instance's memory from which on a fresh one is no dearer: zeroing them is then most of either.
const KEPT_PAGES_MAX: u32 = 4;

/// The id of the export section.
const EXPORT_SECTION: u8 = 7;
/// The byte that says of an export that it is a global.
const GLOBAL_EXPORT: u8 = 3;

/// How instances of a module are made as new.
#[derive(Debug)]
pub(crate) struct Reuse {
    /// The mutable globals: under which names we see them, and their indices.
    globals: Vec<(String, u32)>,
    /// What a fresh memory holds beside zeros: places and bytes, later ones over earlier ones.
    data: Vec<(usize, Vec<u8>)>,
}

impl Reuse {
    /// How instances of the module can be reused, with its code as the engine must get it; `None` if they can't be.
    pub(crate) fn of(code: &[u8], info: &ModuleInfo) -> Option<(Self, Vec<u8>)> {
        if info.drops_data || info.pages > KEPT_PAGES_MAX {
            return None;
        }
        let named = |index: &u32| (format!("global {index}"), *index);
        let globals: Vec<(String, u32)> = info.mutable_globals.iter().map(named).collect();
        let data = active_data(code)?;
        let code = export_globals(code, &globals)?;
        Some((Self { globals, data }, code))
    }
}

/// The data that starting an instance copies into its memory; `None` where a place is not a plain number, which
/// validation does not let through.
fn active_data(code: &[u8]) -> Option<Vec<(usize, Vec<u8>)>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(code) {
        let Payload::DataSection(section) = payload.ok()? else { continue };
        for segment in section {
            let segment = segment.ok()?;
            let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read().ok()? else {
                return None;
            };
            found.push((usize::try_from(value.cast_unsigned()).ok()?, segment.data.to_vec()));
        }
    }
    Some(found)
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
    /// The mutable globals, and what they were at the start.
    globals: SmallVec<[(Global, Val); 2]>,
}

impl Running {
    /// Of an instance in which nothing has run; `None` if instances of the module are not reused.
    pub(crate) fn new(prepared: &Prepared, store: &Store<FrameState>, instance: Instance) -> Option<Self> {
        let reuse = prepared.reuse.as_ref()?;
        let globals = reuse.globals.iter().map(|(name, _)| {
            let global = instance.get_global(store, name)?;
            Some((global, global.get(store)))
        });
        Some(Self { instance, globals: globals.collect::<Option<_>>()? })
    }

    /// The instance of a frame that returned, between two calls; `None` if its memory has grown.
    pub(crate) fn end(self, mut store: Box<Store<FrameState>>, info: &ModuleInfo) -> Option<Idle> {
        let state = store.data_mut();
        if state.pages.now != info.pages {
            return None;
        }
        state.forget();
        Some(Idle { store, running: self, pages: info.pages })
    }
}

/// An instance that no frame has.
pub(crate) struct Idle {
    store: Box<Store<FrameState>>,
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
        self,
        reuse: &Reuse,
        mut state: FrameState,
    ) -> Result<(Box<Store<FrameState>>, Instance, Running), NodeFailure> {
        const BROKEN: NodeFailure = NodeFailure::Invariant("an instance that ran can be made as new");
        let Self { mut store, running, pages } = self;
        let memory = store.data().memory.ok_or(BROKEN)?;
        let all = memory.data_mut(&mut *store);
        all.fill(0);
        for (start, bytes) in &reuse.data {
            let place = all.get_mut(*start..).and_then(|rest| rest.get_mut(..bytes.len()));
            place.ok_or(BROKEN)?.copy_from_slice(bytes);
        }
        for (global, first) in &running.globals {
            global.set(&mut *store, first.clone()).map_err(|_| BROKEN)?;
        }
        state.memory = Some(memory);
        state.pages.started(pages);
        *store.data_mut() = state;
        let instance = running.instance;
        Ok((store, instance, running))
    }
}

/// What an idle instance takes in memory, roughly.
pub(crate) fn idle_weight(info: &ModuleInfo) -> u64 {
    const STORE_BYTES: u64 = 8 << 10;
    const PAGE_BYTES: u64 = 64 << 10;
    const ITEM_BYTES: u64 = 128;
    let pages = PAGE_BYTES.saturating_mul(info.pages.into());
    let items = ITEM_BYTES.saturating_mul(info.items.into());
    STORE_BYTES.saturating_add(pages).saturating_add(items)
}

#[cfg(test)]
pub(super) mod tests;
