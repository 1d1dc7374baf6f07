//! The execution engine: blocks of transactions in, receipts, changes and the next root out.
//!
//! [`Vm::execute_block`] is a pure function of the parent's state, the block and the parameters; its only memory
//! between calls is a cache of translated modules, which no result can see.
//!
//! Three kinds of end, three types (R101): an *outcome* is recorded in a receipt ([`vm_core::Status`]); *invalid
//! input* refuses a block or a module ([`Invalid`], [`ModuleError`]); a *node failure* stops the node
//! ([`NodeFailure`](vm_state::NodeFailure)). Nothing turns the third into the first.
//!
//! Where to look: `block` and `transaction` for the life of a transaction, `executor` and `frame` for calls,
//! `host` for the bodies of the host functions, `meter` for the arithmetic of gas, `module` for validation and the
//! cache, `trace` for what is recorded beside the receipt.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod block;
mod build;
mod error;
mod executor;
mod frame;
mod host;
mod meter;
mod module;
#[cfg(feature = "testing")]
mod native;
#[cfg(feature = "profile")]
mod profile;
mod resources;
mod session;
mod stateless;
mod trace;
mod transaction;
mod vm;

pub use block::{BlockOutcome, Executed};
pub use build::{Built, LeftOut};
pub use error::{BlockError, Invalid, InvalidTransaction, QueryError, RehearsalError};
pub use module::{CacheLimits, ModuleError, ModuleInfo, validate_module};
#[cfg(feature = "testing")]
pub use native::{NATIVE_MEMORY_BYTES, NativeContract, NativeFrame, NativeStep};
#[cfg(feature = "profile")]
pub use profile::Profiler;
pub use resources::{HostFuel, Resources};
pub use stateless::{StatelessError, witness_bytes_max};
pub use trace::{
    Change, FrameEnter, FrameExit, FrameKind, FrameTrace, Observer, Operation, Step, Trace, TraceLevel,
};
pub use vm::{Options, Query, Vm};
