//! What a contract author sees: [`Context`], [`Object`] and [`#[contract]`](macro@contract).
//!
//! A contract is a `no_std` crate with one module under `#[contract]`. Its functions become the exports of a wasm
//! module, its types the interface that the module carries. Contracts hold no state: a fresh instance runs each
//! call, and all that lasts is in objects.
//!
//! ```
//! #![no_std]
//! use contract_sdk::prelude::*;
//!
//! /// Counts.
//! #[contract]
//! pub mod counter {
//!     use super::*;
//!
//!     /// Makes the counter.
//!     #[init]
//!     pub fn initialize(ctx: &mut Context) -> Result<ObjectId> {
//!         let counter = ctx.create_object();
//!         counter.set("count", &0u64)?;
//!         Ok(counter.id())
//!     }
//!
//!     /// Adds one and says how many there are now.
//!     #[call]
//!     pub fn increment(ctx: &mut Context) -> Result<u64> {
//!         let counter = ctx.get_object_with_owner(ctx.contract_address())?;
//!         let count = counter.get::<u64>("count")? + 1;
//!         counter.set("count", &count)?;
//!         Ok(count)
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! A mistake is an error at its line, and `#[contract]` reports all of a module at once:
//!
//! ```compile_fail
//! # use contract_sdk::prelude::*;
//! #[contract]
//! pub mod shop {
//!     use super::*;
//!
//!     // error: `f64`: floats differ between machines; use integers
//!     #[call]
//!     pub fn buy(ctx: &mut Context, price: f64) {}
//! }
//! # fn main() {}
//! ```
//!
//! Invariants:
//! - every value crosses the boundary as canonical SCALE, and bytes with a second reading are refused ([`codec`]);
//! - what the interface says is what the code does: both come from one expansion ([`interface`]);
//! - all `unsafe` stands in `sys.rs`, `allocator.rs` and `codec/text.rs`.
//!
//! It does not check permissions, count gas or keep the call chain: the host does, whatever a contract says.

#![no_std]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod allocator;
mod call;
pub mod codec;
pub mod collections;
mod context;
#[doc(hidden)]
pub mod entry;
mod error;
mod fields;
pub mod interface;
mod object;
mod sys;

pub use call::Call;
pub use codec::{Decode, DecodeOwned, Encode};
pub use context::{Context, Event, Objects};
pub use contract_sdk_macros::{
    ContractError, Decode, Described, Encode, Event, Object, call, client, contract, event, init, interface,
    object, payable, reentrant, view,
};
pub use error::{Error, Result};
pub use interface::Described;
pub use object::{Kind, Object, Untyped};
pub use vm_core::{Address, ErrorCode, Hash, ObjectId, Policy};

/// What generated clients name, so that they need no `use`.
#[doc(hidden)]
pub mod client {
    pub use alloc::collections::{BTreeMap, BTreeSet};
    pub use alloc::string::String;
    pub use alloc::vec::Vec;
}

/// All that a contract usually names, `String` and `Vec` among it.
pub mod prelude {
    pub use crate::collections::{Count, List, Map};
    pub use crate::{
        Address, Call, Context, ContractError, Decode, Described, Encode, Error, ErrorCode, Hash, Object,
        ObjectId, Policy, Result, require,
    };
    pub use alloc::string::String;
    pub use alloc::vec::Vec;
    pub use alloc::{format, vec};
    pub use contract_sdk_macros::{
        call, client, contract, event, init, interface, object, payable, reentrant, view,
    };
}
