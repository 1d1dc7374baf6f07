//! The bodies of the fuzz targets, which ordinary tests call too.
//!
//! A target is a function from bytes to nothing that panics when an invariant breaks; the binaries in `fuzz_targets`
//! only hand it libFuzzer's bytes. `tests/replay.rs` runs every target over the committed corpus and over a seeded
//! campaign of a fixed number of inputs on stable. The soak is no target: a chain on disk that is killed for an hour.
//! `README.md` has the commands and the figures of past campaigns.
//!
//! Invariants that every target checks where they apply: no panic; no node failure, whatever a contract does; the same
//! receipts whether anyone watches or not; no value made or lost; the owner index is the metadata; no more gas used
//! than the limit.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target reports")]

mod campaign;
mod chain;
mod commitment;
mod engine;
mod engine_differential;
mod entries;
mod frames;
mod generator;
mod host_boundary;
mod interface_decoder;
mod journal_model;
mod ledger;
mod module;
mod module_trial;
mod module_validation;
mod naive;
mod plan;
mod proof_decoder;
mod replica;
mod rpc_request;
mod scale_types;
mod scale_values;
mod scenario_parser;
mod soak;
mod stateless;
mod store_model;
mod transactions;
mod typed;
mod vectors;
mod witness_decoder;
mod world;

pub use campaign::{Inputs, corpus, prepare, run_corpus};
pub use chain::{Chain, Draft, Posted, Run, alice, bob};
pub use commitment::commitment;
pub use engine_differential::engine_differential;
pub use host_boundary::host_boundary;
pub use interface_decoder::interface_decoder;
pub use module::{Wasm, with_interface};
pub use module_validation::{module_validation, widest};
pub use plan::{Argument, Call, ContractPlan, FunctionPlan, Plan, Sender, TransactionPlan};
pub use proof_decoder::proof_decoder;
pub use replica::replica;
pub use rpc_request::rpc_request;
pub use scale_types::scale_types;
pub use scenario_parser::scenario_parser;
pub use soak::{Figures, Orders, Sample, SoakPlan, Stop, supervise, work};
pub use stateless::stateless;
pub use store_model::store_model;
pub use transactions::transactions;
pub use witness_decoder::witness_decoder;

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
    Target {
        name: "commitment",
        body: commitment,
        seeds: commitment::seeds,
        iterations: 1_000,
        input_bytes: 600,
    },
    Target {
        name: "store_model",
        body: store_model,
        seeds: store_model::seeds,
        iterations: 300,
        input_bytes: 800,
    },
    Target {
        name: "proof_decoder",
        body: proof_decoder,
        seeds: proof_decoder::seeds,
        iterations: 1_500,
        input_bytes: 512,
    },
    Target {
        name: "witness_decoder",
        body: witness_decoder,
        seeds: witness_decoder::seeds,
        iterations: 300,
        input_bytes: 512,
    },
    Target {
        name: "transactions",
        body: transactions,
        seeds: transactions::seeds,
        iterations: 150,
        input_bytes: 800,
    },
    Target { name: "stateless", body: stateless, seeds: stateless::seeds, iterations: 60, input_bytes: 800 },
    Target {
        name: "scale_types",
        body: scale_types,
        seeds: scale_types::seeds,
        iterations: 5_000,
        input_bytes: 400,
    },
    Target {
        name: "scenario_parser",
        body: scenario_parser,
        seeds: scenario_parser::seeds,
        iterations: 300,
        input_bytes: 2_048,
    },
    Target {
        name: "engine_differential",
        body: engine_differential,
        seeds: engine_differential::seeds,
        iterations: 600,
        input_bytes: 2_048,
    },
    Target {
        name: "rpc_request",
        body: rpc_request,
        seeds: rpc_request::seeds,
        iterations: 300,
        input_bytes: 1_024,
    },
    Target { name: "replica", body: replica, seeds: replica::seeds, iterations: 300, input_bytes: 500 },
];

/// The target with this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
