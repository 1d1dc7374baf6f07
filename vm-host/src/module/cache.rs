//! Translated modules by code hash: the engine's only memory between blocks, invisible to every result.
//!
//! A cache belongs to one [`Params`](vm_core::Params), hence to one engine version and one gas schedule: no entry
//! can outlive its rules. Loading is priced the same whether the cache has the module or not (DESIGN 10, rule 16).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use spin::Mutex;
use vm_core::{Hash, Params};
use vm_state::NodeFailure;
use wasmi::{Engine, Linker, Module};

use super::engine::engine;
use super::instance::{IdleInstances, Reuse};
use super::validate::{ModuleInfo, validate_module};
use crate::frame::FrameState;
use crate::host;
#[cfg(feature = "testing")]
use crate::native::NativeContract;
#[cfg(feature = "profile")]
use crate::profile::{Profiler, Wrappers};
use crate::trace::{Observer, TraceLevel, Tracer};

/// A module ready to be instantiated.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) code_hash: Hash,
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    pub(crate) linker: Linker<FrameState>,
    pub(crate) info: ModuleInfo,
    /// How its instances serve more than one frame, if they do.
    pub(crate) reuse: Option<Reuse>,
    /// Stands in for this code: its test's native function.
    #[cfg(feature = "testing")]
    pub(crate) native: Option<Arc<dyn NativeContract>>,
    /// There where each function has a wrapper that marks it.
    #[cfg(feature = "profile")]
    pub(crate) wrappers: Option<Wrappers>,
}

impl Prepared {
    /// Translates stored code, which deployment has validated.
    fn new(code_hash: Hash, code: &[u8], params: &Params) -> Result<Self, NodeFailure> {
        let info = validate_module(code, params)
            .map_err(|_| NodeFailure::Invariant("stored code was validated when it was deployed"))?;
        let engine = engine(params);
        let (reuse, code) = match Reuse::of(code, &info) {
            Some((reuse, code)) => (Some(reuse), Cow::Owned(code)),
            None => (None, Cow::Borrowed(code)),
        };
        let module = Module::new(&engine, &code)
            .map_err(|_| NodeFailure::Invariant("the engine takes what our validator takes"))?;
        let linker = host::linker(&engine)?;
        Ok(Self {
            code_hash,
            engine,
            module,
            linker,
            info,
            reuse,
            #[cfg(feature = "testing")]
            native: None,
            #[cfg(feature = "profile")]
            wrappers: None,
        })
    }
}

/// What a module takes in memory, roughly: an engine of its own, and translation, interface and types, which measure
/// up to 60 times the bytes that they come from.
fn weight(info: &ModuleInfo) -> u64 {
    const ENGINE_BYTES: u64 = 16 << 10;
    const BYTES_PER_CODE_BYTE: u64 = 64;
    ENGINE_BYTES.saturating_add(BYTES_PER_CODE_BYTE.saturating_mul(info.code_bytes.into()))
}

/// The cache. Bounded in bytes by [`weight`]; the module unused longest goes first.
#[derive(Debug)]
pub(crate) struct ModuleCache {
    inner: Mutex<Inner>,
    /// Instances between two frames; nobody reuses one of a module that is not in the cache any more.
    pub(crate) idle: IdleInstances,
    bytes_max: u64,
    #[cfg(feature = "testing")]
    natives: BTreeMap<Hash, Arc<dyn NativeContract>>,
    #[cfg(feature = "profile")]
    profiler: Option<Arc<dyn Profiler>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The module and when it was last used.
    modules: BTreeMap<Hash, (Arc<Prepared>, u64)>,
    /// By last use; each use has a number of its own.
    by_use: BTreeMap<u64, Hash>,
    bytes: u64,
    uses: u64,
}

impl ModuleCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self {
            inner: Mutex::new(Inner::default()),
            idle: IdleInstances::default(),
            bytes_max,
            #[cfg(feature = "testing")]
            natives: BTreeMap::new(),
            #[cfg(feature = "profile")]
            profiler: None,
        }
    }

    /// Has every module run with wrappers around its functions, for `profiler`.
    #[cfg(feature = "profile")]
    pub(crate) fn profile(&mut self, profiler: Arc<dyn Profiler>) {
        // What is prepared already has no wrappers.
        *self.inner.get_mut() = Inner::default();
        self.profiler = Some(profiler);
    }

    /// Who listens to the transaction with this index: a profiler's observer, or one that keeps what `level` says.
    pub(crate) fn observer(&self, transaction: u32, level: TraceLevel) -> Option<Box<dyn Observer>> {
        #[cfg(feature = "profile")]
        if let Some(profiler) = &self.profiler {
            return profiler.observer(transaction);
        }
        #[cfg(not(feature = "profile"))]
        let _ = transaction;
        Tracer::for_level(level)
    }

    /// Has `contract` run where the code with `hash` would as the outermost frame.
    #[cfg(feature = "testing")]
    pub(crate) fn run_natively(&mut self, hash: Hash, contract: Arc<dyn NativeContract>) {
        // What is prepared already does not know of it.
        *self.inner.get_mut() = Inner::default();
        self.natives.insert(hash, contract);
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
        let prepared = Prepared::new(*hash, code, params)?;
        #[cfg(feature = "profile")]
        let prepared = match self.profiler {
            Some(_) => crate::profile::prepare(*hash, code, prepared.info, params)?,
            None => prepared,
        };
        #[cfg(feature = "testing")]
        let prepared = Prepared { native: self.natives.get(hash).cloned(), ..prepared };
        let prepared = Arc::new(prepared);
        let evicted = self.inner.lock().insert(*hash, &prepared, self.bytes_max);
        evicted.iter().for_each(|gone| self.idle.forget(&gone.code_hash));
        Ok(prepared)
    }
}

impl Inner {
    fn find(&mut self, hash: &Hash) -> Option<Arc<Prepared>> {
        let (prepared, used) = self.modules.get_mut(hash)?;
        self.by_use.remove(used);
        self.uses = self.uses.saturating_add(1);
        *used = self.uses;
        self.by_use.insert(self.uses, *hash);
        Some(prepared.clone())
    }

    /// Returns the modules that had to go.
    fn insert(&mut self, hash: Hash, prepared: &Arc<Prepared>, bytes_max: u64) -> Vec<Arc<Prepared>> {
        let mut evicted = Vec::new();
        if self.find(&hash).is_some() {
            return evicted;
        }
        self.uses = self.uses.saturating_add(1);
        self.modules.insert(hash, (prepared.clone(), self.uses));
        self.by_use.insert(self.uses, hash);
        self.bytes = self.bytes.saturating_add(weight(&prepared.info));
        while self.bytes > bytes_max && self.modules.len() > 1 {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some((gone, _)) = self.modules.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(weight(&gone.info));
                evicted.push(gone);
            }
        }
        evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R122: whatever is deployed, the cache stays within its bound, and keeps what is used.
    #[test]
    fn r122_the_cache_evicts_what_was_unused_longest_and_keeps_its_bound() {
        use wasm_encoder::{Encode as _, Section as _};
        let params = Params::default();
        let code = |index: u8| {
            let interface = vm_core::interface::Interface { name: "t".into(), ..Default::default() };
            let mut code = wat::parse_str("(module (memory (export \"memory\") 1 1))").unwrap();
            for (name, data) in [
                (vm_core::abi::INTERFACE_SECTION, parity_scale_codec::Encode::encode(&interface)),
                ("index", alloc::vec![index]),
            ] {
                let section = wasm_encoder::CustomSection { name: name.into(), data: data.into() };
                code.push(section.id());
                section.encode(&mut code);
            }
            code
        };
        let prepare = |cache: &ModuleCache, index: u8| {
            let code = code(index);
            cache.prepare(&Hash::of_code(&code), &code, &params).unwrap()
        };
        let one = weight(&prepare(&ModuleCache::new(0), 0).info);
        let cache = ModuleCache::new(one.saturating_mul(3));
        let first = prepare(&cache, 0);
        for index in 1..20 {
            prepare(&cache, index);
            assert!(Arc::ptr_eq(&prepare(&cache, 0), &first), "what is used stays");
            let inner = cache.inner.lock();
            assert!(inner.bytes <= one.saturating_mul(3) && inner.modules.len() == inner.by_use.len());
        }
        assert_eq!(cache.inner.lock().modules.len(), 3);
    }
}
