//! Validators in one process: the deterministic runtime, its simulated network, real chains.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

pub(crate) mod byzantine;
pub(crate) mod cluster;
pub(crate) mod record;

use std::fmt::Write as _;

use commonware_runtime::{Runner as _, deterministic};
use std::time::Duration;

use record::Final;

/// What a run came to. Two runs with one seed must be equal in all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Every final block of the longest chain, from genesis.
    pub(crate) blocks: Vec<Final>,
    /// The runtime's digest of everything that tasks did, in order.
    pub(crate) audit: String,
    /// How long it was, by the runtime's clock.
    pub(crate) simulated: Duration,
}

impl Outcome {
    /// One text of all blocks.
    pub(crate) fn fingerprint(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            let Final { height, digest, state_root, receipts_root, gas, .. } = block;
            writeln!(text, "{height} {digest} {state_root} {receipts_root} {gas}").unwrap();
        }
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

/// Runs `scenario` in a runtime of its own.
pub(crate) fn run<F, Fut>(seed: u64, scenario: F) -> Outcome
where
    F: FnOnce(deterministic::Context) -> Fut,
    Fut: Future<Output = Outcome>,
{
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(600)));
    deterministic::Runner::new(config).start(scenario)
}
