//! Tests of contracts: a chain in memory with the real engine, on which a contract runs as native code or as wasm.
//!
//! ```
//! # mod shop {
//! use contract_sdk::prelude::*;
//!
//! #[contract]
//! pub mod counter {
//!     use super::*;
//!
//!     #[init]
//!     pub fn initialize(ctx: &mut Context) -> Result<()> {
//!         ctx.create_object().set("count", &0u64)
//!     }
//!
//!     #[call]
//!     pub fn add(ctx: &mut Context, by: u64) -> Result<u64> {
//!         let counter = ctx.get_object_with_owner(ctx.contract_address())?;
//!         let count = counter.get::<u64>("count")? + by;
//!         counter.set("count", &count)?;
//!         Ok(count)
//!     }
//! }
//! # pub fn test() {
//! use contract_sdk::testing::{Chain, code};
//!
//! let mut chain = Chain::new();
//! let alice = chain.account("alice");
//! let counter = chain.deploy(&code!(counter), alice, &());
//! let added = chain.call(alice, counter, "add", &(2u64,)).expect_success();
//! assert_eq!(added.returned::<u64>(), 2);
//! # }
//! # }
//! # fn main() { shop::test() }
//! ```
//!
//! Natively, a debugger stops at a contract's lines and coverage counts them; all else is the engine's: objects, gas
//! for host functions, rollback, reentrancy, events. The receipt differs in the gas for executed code. One switch, the
//! environment variable `VM_TEST=wasm`, runs the same tests on the module that `vm build` made ([`Mode`]); `vm test` does
//! both.
//!
//! What machine code has no bounds for shows as wasm only: a loop without end runs out of gas there and hangs here; a
//! heap, a stack or a recursion too large reverts or halts there and takes this process's memory here; `usize` has 32
//! bits there.
//!
//! Natively, only the contract that a transaction calls is native; contracts that it calls are modules.
//!
//! Everything here panics with a text for people where a test can't go on: it is for tests only.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::expect_used,
    reason = "tests are above the consensus line, and a test that can't go on panics"
)]

mod chain;
mod code;
pub(crate) mod native;
mod outcome;
mod random;

pub use self::chain::{Chain, ObjectView, Sending};
pub use self::code::{Code, Mode};
pub use self::native::Entries;
pub use self::outcome::{Failure, Outcome};
pub use self::random::{RandomCall, random_calls};
pub use crate::code;
pub use proptest;
