//! Translated modules by code hash: the engine's only memory between blocks, invisible to every result.
//!
//! A cache belongs to one [`Params`](vm_core::Params), hence to one engine version and one gas schedule: no entry
//! can outlive its rules. Loading is priced the same whether the cache has the module or not (DESIGN 10, rule 16).

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use smallvec::SmallVec;
use spin::Mutex;
use vm_core::{Hash, Params};
use vm_state::NodeFailure;
use wasmi::{Engine, Linker, Module};

use super::engine::engine;
use super::instance::{Idle, Reuse, idle_weight};
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
    fn new(
        code_hash: Hash,
        code: &[u8],
        params: &Params,
        validated: Option<ModuleInfo>,
    ) -> Result<Self, NodeFailure> {
        let info = match validated {
            Some(info) => info,
            None => validate_module(code, params)
                .map_err(|_| NodeFailure::Invariant("stored code was validated when it was deployed"))?,
        };
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

/// How much memory an engine may take for what it keeps between calls, by its own rough estimate. No limit can change a
/// result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of translated modules; one is kept in any case. 512 MiB by default.
    pub module_bytes: u64,
    /// Bytes of instances that wait for their next call; 0 starts each call in a fresh one. 16 MiB by default.
    pub instance_bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { module_bytes: 512 << 20, instance_bytes: 16 << 20 }
    }
}

/// The cache. The module unused longest goes first, its instances with it; the instance that waited longest goes first.
#[derive(Debug)]
pub(crate) struct ModuleCache {
    inner: Mutex<Inner>,
    limits: CacheLimits,
    #[cfg(feature = "testing")]
    natives: BTreeMap<Hash, Arc<dyn NativeContract>>,
    #[cfg(feature = "profile")]
    profiler: Option<Arc<dyn Profiler>>,
}

#[derive(Debug, Default)]
struct Inner {
    modules: BTreeMap<Hash, Cached>,
    /// By last use; each use has a number of its own.
    by_use: BTreeMap<u64, Hash>,
    bytes: u64,
    uses: u64,
    /// Instances that wait, by when they were given back; each has a number of its own.
    by_wait: BTreeMap<u64, Hash>,
    waiting_bytes: u64,
    given: u64,
}

#[derive(Debug)]
struct Cached {
    prepared: Arc<Prepared>,
    /// When it was last used.
    used: u64,
    /// Its instances that wait, those that have waited longest first, with when they were given back.
    idle: Vec<(u64, Idle)>,
}

impl ModuleCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            inner: Mutex::new(Inner::default()),
            limits,
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

    /// The module with `hash`, from the cache or translated from `code`; `validated` is what is known of it, if it is.
    pub(crate) fn prepare(
        &self,
        hash: &Hash,
        code: &[u8],
        params: &Params,
        validated: Option<ModuleInfo>,
    ) -> Result<Arc<Prepared>, NodeFailure> {
        if let Some(found) = self.inner.lock().find(hash) {
            return Ok(found);
        }
        // Translated outside the lock: two threads may both do it, and get equal modules.
        let prepared = Prepared::new(*hash, code, params, validated)?;
        #[cfg(feature = "profile")]
        let prepared = match self.profiler {
            Some(_) => crate::profile::prepare(*hash, code, prepared.info, params)?,
            None => prepared,
        };
        #[cfg(feature = "testing")]
        let prepared = Prepared { native: self.natives.get(hash).cloned(), ..prepared };
        let prepared = Arc::new(prepared);
        // What has to go is dropped after the lock is given back.
        let _evicted = self.inner.lock().insert(*hash, &prepared, self.limits.module_bytes);
        Ok(prepared)
    }

    /// An instance of the module that waits for its next call, with how to make it as new.
    pub(crate) fn take_instance<'p>(&self, prepared: &'p Prepared) -> Option<(Idle, &'p Reuse)> {
        let reuse = prepared.reuse.as_ref()?;
        Some((self.inner.lock().take_instance(&prepared.code_hash)?, reuse))
    }

    /// Keeps an instance for the next call of its code, if the module is still here.
    pub(crate) fn keep_instance(&self, prepared: &Arc<Prepared>, idle: Idle) {
        let _too_many = self.inner.lock().keep_instance(prepared, idle, self.limits.instance_bytes);
    }
}

impl Inner {
    fn find(&mut self, hash: &Hash) -> Option<Arc<Prepared>> {
        let cached = self.modules.get_mut(hash)?;
        self.by_use.remove(&cached.used);
        self.uses = self.uses.saturating_add(1);
        cached.used = self.uses;
        self.by_use.insert(self.uses, *hash);
        Some(cached.prepared.clone())
    }

    /// Returns the modules that had to go.
    fn insert(&mut self, hash: Hash, prepared: &Arc<Prepared>, bytes_max: u64) -> Vec<Cached> {
        let mut evicted = Vec::new();
        if self.find(&hash).is_some() {
            return evicted;
        }
        self.uses = self.uses.saturating_add(1);
        let cached = Cached { prepared: prepared.clone(), used: self.uses, idle: Vec::new() };
        self.modules.insert(hash, cached);
        self.by_use.insert(self.uses, hash);
        self.bytes = self.bytes.saturating_add(weight(&prepared.info));
        while self.bytes > bytes_max && self.modules.len() > 1 {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            if let Some(gone) = self.modules.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(weight(&gone.prepared.info));
                let weight = idle_weight(&gone.prepared.info);
                gone.idle.iter().for_each(|(given, _)| self.forget(*given, weight));
                evicted.push(gone);
            }
        }
        evicted
    }

    fn take_instance(&mut self, hash: &Hash) -> Option<Idle> {
        let cached = self.modules.get_mut(hash)?;
        let (given, idle) = cached.idle.pop()?;
        let weight = idle_weight(&cached.prepared.info);
        self.forget(given, weight);
        Some(idle)
    }

    /// Returns the instances that had to go. One of a module that was evicted while it ran is not kept: its engine would
    /// stay with it, uncounted.
    fn keep_instance(&mut self, prepared: &Arc<Prepared>, idle: Idle, bytes_max: u64) -> SmallVec<[Idle; 1]> {
        let mut gone = SmallVec::new();
        let cached = self.modules.get_mut(&prepared.code_hash);
        let Some(cached) = cached.filter(|cached| Arc::ptr_eq(&cached.prepared, prepared)) else {
            gone.push(idle);
            return gone;
        };
        self.given = self.given.saturating_add(1);
        cached.idle.push((self.given, idle));
        self.by_wait.insert(self.given, prepared.code_hash);
        self.waiting_bytes = self.waiting_bytes.saturating_add(idle_weight(&prepared.info));
        while self.waiting_bytes > bytes_max {
            let Some((given, hash)) = self.by_wait.pop_first() else { break };
            let Some(cached) = self.modules.get_mut(&hash) else { continue };
            let Some(place) = cached.idle.iter().position(|(at, _)| *at == given) else { continue };
            gone.push(cached.idle.remove(place).1);
            let weight = idle_weight(&cached.prepared.info);
            self.waiting_bytes = self.waiting_bytes.saturating_sub(weight);
        }
        gone
    }

    /// An instance does not wait any more.
    fn forget(&mut self, given: u64, weight: u64) {
        self.by_wait.remove(&given);
        self.waiting_bytes = self.waiting_bytes.saturating_sub(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(wat: &str, index: u32) -> Vec<u8> {
        use wasm_encoder::{Encode as _, Section as _};
        let interface = vm_core::interface::Interface { name: "t".into(), ..Default::default() };
        let mut code = wat::parse_str(wat).unwrap();
        for (name, data) in [
            (vm_core::abi::INTERFACE_SECTION, parity_scale_codec::Encode::encode(&interface)),
            ("index", index.to_le_bytes().to_vec()),
        ] {
            let section = wasm_encoder::CustomSection { name: name.into(), data: data.into() };
            code.push(section.id());
            section.encode(&mut code);
        }
        code
    }

    fn prepare(cache: &ModuleCache, wat: &str, index: u32) -> Arc<Prepared> {
        let code = code(wat, index);
        cache.prepare(&Hash::of_code(&code), &code, &Params::default(), None).unwrap()
    }

    fn limited(module_bytes: u64, instance_bytes: u64) -> ModuleCache {
        ModuleCache::new(CacheLimits { module_bytes, instance_bytes })
    }

    /// What the counters say is what is there.
    fn check(cache: &ModuleCache) {
        let inner = cache.inner.lock();
        let bytes = inner.modules.values().map(|cached| weight(&cached.prepared.info)).sum::<u64>();
        assert!(inner.bytes == bytes && inner.by_use.len() == inner.modules.len());
        assert!(bytes <= cache.limits.module_bytes || inner.modules.len() == 1);
        let idle = |cached: &Cached| {
            idle_weight(&cached.prepared.info).saturating_mul(u64::try_from(cached.idle.len()).unwrap())
        };
        assert_eq!(inner.waiting_bytes, inner.modules.values().map(idle).sum::<u64>());
        assert!(inner.waiting_bytes <= cache.limits.instance_bytes);
        let mut waiting: Vec<u64> =
            inner.modules.values().flat_map(|cached| cached.idle.iter().map(|(given, _)| *given)).collect();
        waiting.sort_unstable();
        assert!(waiting.iter().eq(inner.by_wait.keys()));
    }

    const EMPTY: &str = r#"(module (memory (export "memory") 1 1))"#;

    /// R122: whatever is deployed, the cache stays within its bound, and keeps what is used.
    #[test]
    fn r122_the_cache_evicts_what_was_unused_longest_and_keeps_its_bound() {
        let one = weight(&prepare(&limited(0, 0), EMPTY, 0).info);
        let cache = limited(one.saturating_mul(3), 0);
        let first = prepare(&cache, EMPTY, 0);
        for index in 1..20 {
            prepare(&cache, EMPTY, index);
            assert!(Arc::ptr_eq(&prepare(&cache, EMPTY, 0), &first), "what is used stays");
            check(&cache);
        }
        assert_eq!(cache.inner.lock().modules.len(), 3);
    }

    /// R122: instances that wait keep their bound, those that waited longest go, and none outlives its module.
    #[test]
    fn r122_instances_are_bounded_and_go_with_their_module() {
        let info = &prepare(&limited(0, 0), EMPTY, 0).info;
        let (module, instance) = (weight(info), idle_weight(info));
        let cache = limited(module.saturating_mul(3), instance.saturating_mul(4));
        let modules: Vec<_> = (0..3).map(|index| prepare(&cache, EMPTY, index)).collect();
        let [a, b, c] = modules.as_slice() else { panic!("three") };
        let give = |prepared| {
            cache.keep_instance(prepared, crate::module::instance::tests::idle(prepared));
            check(&cache);
        };
        for prepared in [a, a, b, c] {
            give(prepared);
        }
        let waiting = |prepared: &Arc<Prepared>| {
            cache.inner.lock().modules.get(&prepared.code_hash).map_or(0, |cached| cached.idle.len())
        };
        assert_eq!([a, b, c].map(waiting), [2, 1, 1]);
        give(c);
        assert_eq!([a, b, c].map(waiting), [1, 1, 2], "the one that waited longest made room");
        assert!(cache.take_instance(c).is_some() && cache.take_instance(c).is_some());
        assert!(cache.take_instance(c).is_none());
        check(&cache);

        // `a` was used least lately; its instance goes with it.
        prepare(&cache, EMPTY, 1);
        prepare(&cache, EMPTY, 2);
        prepare(&cache, EMPTY, 3);
        check(&cache);
        assert!(cache.take_instance(a).is_none());
        // One that ran while its module left is not kept, nor is it when the module is back in another engine.
        give(a);
        let again = prepare(&cache, EMPTY, 0);
        assert!(!Arc::ptr_eq(&again, a));
        give(a);
        assert_eq!(waiting(a), 0);
        give(&again);
        assert_eq!(waiting(&again), 1);

        let none = limited(u64::MAX, 0);
        let kept = prepare(&none, EMPTY, 0);
        none.keep_instance(&kept, crate::module::instance::tests::idle(&kept));
        assert!(none.take_instance(&kept).is_none(), "0 bytes keep none");
        check(&none);
    }
}
