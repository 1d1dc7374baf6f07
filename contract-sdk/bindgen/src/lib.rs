//! Interfaces as JSON, and typed clients made from them.
//!
//! [`Interface`] is what a contract offers, in the form that `vm build` writes beside a module and people read:
//!
//! ```
//! use contract_sdk_bindgen::{Interface, rust_client};
//!
//! let interface: Interface = r#"{
//!   "name": "counter",
//!   "functions": [
//!     { "name": "get", "kind": "view", "returns": "u64", "docs": "The count." },
//!     { "name": "add", "kind": "call", "params": [{ "name": "by", "type": "u64" }], "returns": "u64" }
//!   ]
//! }"#
//! .parse()?;
//! assert!(rust_client(&interface)?.contains("pub fn add("));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One generator serves `contract_sdk::client!`, `#[contract_sdk::interface]` and `vm bindgen`: [`client::tokens`].
//!
//! Invariants:
//! - JSON and the module's section say the same: conversion both ways loses nothing (feature `tools`);
//! - a key that the format has not is an error, so that a typing mistake is not a default;
//! - what is generated uses `::contract_sdk` alone, and no formatting.
//!
//! It does not check an interface as a chain does (names, depth, sizes): `vm_core::interface::Interface::decode_checked`
//! does, on the way into a module.

pub mod client;
#[cfg(feature = "tools")]
mod convert;
pub mod model;
mod naming;
mod types;

pub use client::ClientError;
#[cfg(feature = "tools")]
pub use client::rust_client;
pub use model::{Field, Function, Interface, Kind, Record, Type, Variant};
