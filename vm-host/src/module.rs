//! Modules: what a contract's wasm may contain, and the cache of what the engine made of it.

mod cache;
mod engine;
mod instance;
mod validate;

pub use cache::CacheLimits;
pub(crate) use cache::{ModuleCache, Prepared};
#[cfg(feature = "testing")]
pub(crate) use engine::engine;
#[cfg(feature = "profile")]
pub(crate) use engine::engine_of_depth;
pub(crate) use instance::Running;
pub use validate::{ModuleError, ModuleInfo, validate_module};
