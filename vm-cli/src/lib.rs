//! What the `vm` command does, as a library: scenarios, typed values, runs and reports; building contracts.
//!
//! Commands on a chain open a [`session`] on a [`target`], a folder or a node alike, make [`arguments`] of words, [`send`]
//! transactions, [`replay`] blocks, and [`show`] what the chain says.
//!
//! [`build`] makes a module of a contract's crate, [`verify`] compares one with what is deployed, [`new`] writes a crate
//! from a template, [`bindgen`] a client from an [`interface`]; [`inspect`] says what a module is.
//!
//! [`profile`] shows which functions of a module a transaction's gas went to.
//!
//! A [`Scenario`](scenario::Scenario) is loaded and checked whole, run on a store by [`run::run`], and what came of it
//! is shown by [`report`]. Tests of contracts and of the VM itself use the same three steps.
//!
//! Invariants:
//! - bad input is found before anything runs or is written, and named with file, line and reason;
//! - an expectation that does not hold is never an error of the run, and a failure of the node never an expectation;
//! - nothing here is part of consensus: the VM sees only bytes.

pub mod aliases;
pub mod arguments;
pub mod bindgen;
pub mod build;
pub mod cli;
pub mod colours;
pub mod expect;
mod files;
pub mod inspect;
pub mod interface;
pub mod keys;
pub mod new;
pub mod profile;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod send;
pub mod session;
pub mod show;
pub mod store;
pub mod target;
pub mod test;
pub mod tree;
pub mod verify;

pub use vm_chain::{Names, names, value};
