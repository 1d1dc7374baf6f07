//! The bodies of the fuzz targets, which ordinary tests call too.
//!
//! A target is a function from bytes to nothing that panics when an invariant breaks; the binaries in `fuzz_targets`
//! only hand it libFuzzer's bytes. `tests/replay.rs` runs every target over the committed corpus and over a seeded
//! campaign of a fixed number of inputs on stable. `README.md` has the commands and the figures of past campaigns.
//!
//! Invariants that every target checks where they apply: no panic; no node failure, whatever a contract does; the same
//! receipts whether anyone watches or not; no value made or lost; the owner index is the metadata; no more gas used
//! than the limit.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports")]

mod campaign;
mod chain;
mod host_boundary;
mod interface_decoder;
mod module;
mod module_validation;
mod plan;

pub use campaign::{Inputs, corpus, run_corpus};
pub use chain::{Chain, Run, alice, bob};
pub use host_boundary::host_boundary;
pub use interface_decoder::interface_decoder;
pub use module::{Wasm, with_interface};
pub use module_validation::{module_validation, widest};
pub use plan::{Argument, Call, ContractPlan, FunctionPlan, Plan, Sender, TransactionPlan};

/// A fuzz target: its name, its body, and how the seeds of its corpus are made.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The binary's and the corpus folder's name.
    pub name: &'static str,
    /// The body.
    pub body: fn(&[u8]),
    /// Seeds by file name.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
    /// Inputs that an ordinary test run generates.
    pub iterations: u32,
    /// Bytes of an input at most.
    pub input_bytes: usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "host_boundary",
        body: host_boundary,
        seeds: host_boundary::seeds,
        iterations: 300,
        input_bytes: 1_024,
    },
    Target {
        name: "module_validation",
        body: module_validation,
        seeds: module_validation::seeds,
        iterations: 300,
        input_bytes: 2_048,
    },
    Target {
        name: "interface_decoder",
        body: interface_decoder,
        seeds: interface_decoder::seeds,
        iterations: 5_000,
        input_bytes: 512,
    },
];

/// The target with this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
