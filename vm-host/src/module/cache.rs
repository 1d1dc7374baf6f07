//! Translated modules by code hash: the engine's only memory between blocks, invisible to every result.
//!
//! A cache belongs to one [`Params`](vm_core::Params), hence to one engine version and one gas schedule: no entry
//! can outlive its rules. Loading is priced the same whether the cache has the module or not (DESIGN 10, rule 16).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;
use spin::Mutex;
use vm_core::{Hash, Params};
use vm_state::NodeFailure;
use wasmi::{Engine, Linker, Module};

use super::engine::engine;
use super::validate::{ModuleInfo, validate_module};
use crate::frame::FrameState;
use crate::host;

/// A module ready to be instantiated.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    pub(crate) linker: Linker<FrameState>,
    pub(crate) info: ModuleInfo,
}

impl Prepared {
    /// Translates stored code, which deployment has validated.
    fn new(code: &[u8], params: &Params) -> Result<Self, NodeFailure> {
        let info = validate_module(code, params)
            .map_err(|_| NodeFailure::Invariant("stored code was validated when it was deployed"))?;
        let engine = engine(params);
        let module = Module::new(&engine, code)
            .map_err(|_| NodeFailure::Invariant("the engine takes what our validator takes"))?;
        let linker = host::linker(&engine)?;
        Ok(Self { engine, module, linker, info })
    }
}

/// Code hashes are already uniform: eight of their bytes are the hash.
#[derive(Debug, Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }
}

type Modules = HashMap<Hash, (Arc<Prepared>, u64), BuildHasherDefault<FirstBytes>>;

/// The cache. Bounded in bytes of code; the module unused longest goes first.
#[derive(Debug)]
pub(crate) struct ModuleCache {
    inner: Mutex<Inner>,
    bytes_max: u64,
}

#[derive(Debug, Default)]
struct Inner {
    modules: Modules,
    bytes: u64,
    clock: u64,
}

impl ModuleCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { inner: Mutex::new(Inner::default()), bytes_max }
    }

    /// The module with `hash`, from the cache or translated from `code`.
    pub(crate) fn prepare(
        &self,
        hash: &Hash,
        code: &[u8],
        params: &Params,
    ) -> Result<Arc<Prepared>, NodeFailure> {
        if let Some(found) = self.inner.lock().find(hash) {
            return Ok(found);
        }
        // Translated outside the lock: two threads may both do it, and get equal modules.
        let prepared = Arc::new(Prepared::new(code, params)?);
        self.inner.lock().insert(*hash, &prepared, self.bytes_max);
        Ok(prepared)
    }
}

impl Inner {
    fn find(&mut self, hash: &Hash) -> Option<Arc<Prepared>> {
        self.clock = self.clock.wrapping_add(1);
        let (prepared, used) = self.modules.get_mut(hash)?;
        *used = self.clock;
        Some(prepared.clone())
    }

    fn insert(&mut self, hash: Hash, prepared: &Arc<Prepared>, bytes_max: u64) {
        self.clock = self.clock.wrapping_add(1);
        let added = u64::from(prepared.info.code_bytes);
        if self.modules.insert(hash, (prepared.clone(), self.clock)).is_none() {
            self.bytes = self.bytes.saturating_add(added);
        }
        while self.bytes > bytes_max && self.modules.len() > 1 {
            self.evict(&hash);
        }
    }

    /// Drops the module unused longest, but not `keep`.
    fn evict(&mut self, keep: &Hash) {
        let mut ages: Vec<(u64, Hash)> = Vec::with_capacity(self.modules.len());
        #[allow(clippy::iter_over_hash_type, reason = "which module stays cached changes no result")]
        for (hash, (_, used)) in &self.modules {
            if hash != keep {
                ages.push((*used, *hash));
            }
        }
        let Some((_, oldest)) = ages.into_iter().min() else { return };
        if let Some((gone, _)) = self.modules.remove(&oldest) {
            self.bytes = self.bytes.saturating_sub(gone.info.code_bytes.into());
        }
    }
}
