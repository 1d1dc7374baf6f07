//! What a contract author sees: [`Context`], [`Object`](struct@Object) and [`#[contract]`](macro@contract).
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
//!     /// The counter. Belongs to the contract.
//!     #[object]
//!     pub struct Counter {
//!         count: u64,
//!     }
//!
//!     /// Makes the counter.
//!     #[init]
//!     pub fn initialize(ctx: &mut Context) -> Result<ObjectId> {
//!         Ok(ctx.create(Counter { count: 0 })?.id())
//!     }
//!
//!     /// Adds one and says how many there are now.
//!     #[call]
//!     pub fn increment(ctx: &mut Context) -> Result<u64> {
//!         ctx.own::<Counter>()?.update_count(|count| Ok(count + 1))
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! # What there is
//!
//! - [`Context`] is what a contract can ask and do: who called, when, with how much; make, find and delete objects;
//!   move balance, call and deploy contracts, log events. [`Context::require_owner`] and [`Context::require_sender`]
//!   guard a function.
//! - [`Object`](struct@Object) is what its state is made of: an id, an owner, and fields by name with
//!   [`get`](Object::get) and [`set`](Object::set). `#[object]` on a struct gives objects of that kind a method per
//!   field ([`Object`](macro@Object)): nothing is read before it is asked for, and nothing written but what is set.
//! - [`collections`] keep many values in one object: [`Map`](collections::Map), [`List`](collections::List),
//!   [`Count`](collections::Count).
//! - `#[event]` structs are logged, `#[error]` enums reach the caller by name, [`require!`] returns one
//!   ([`contract`](macro@contract) lists the marks).
//! - Other contracts have typed clients: [`client!`](macro@client) makes one of an interface as JSON,
//!   [`#[interface]`](macro@interface) of a trait. [`Call`] is what they are made of.
//!
//! `fixtures/contracts` has a contract for each of these: a token, objects with owners (nft), payments (escrow), a poll
//! (voting), a factory, and one that sells another's tokens (sale).
//!
//! # What it costs
//!
//! Every byte of a module is paid for by each transaction that loads it, so generated code is lean: no formatting, no
//! texts of panics, arguments borrowed from the input, no heap for values of bounded size. A contract that does
//! nothing has 221 bytes; `cargo run -p fixtures --bin costs` prints the rest. To keep it so: `&str` and `&[u8]` for
//! arguments that are only looked at, short names of fields and collections (a field's name is paid for with its
//! value), no `format!`.
//!
//! # Mistakes
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
//! # Invariants
//!
//! - every value crosses the boundary as canonical SCALE, and bytes with a second reading are refused ([`codec`]);
//! - what the interface says is what the code does: both come from one expansion ([`mod@interface`]);
//! - all `unsafe` stands in `sys.rs`, `allocator.rs`, `codec/text.rs` and, for tests only, `testing/native.rs`.
//!
//! It does not check permissions, count gas or keep the call chain: the host does, whatever a contract says.

#![no_std]

extern crate alloc;
#[cfg(feature = "testing")]
extern crate std;

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
#[cfg(feature = "testing")]
pub mod testing;

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

/// Compiles and runs what authors are taught.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../docs/contracts.md")]
#[derive(Debug)]
pub struct Contracts;
