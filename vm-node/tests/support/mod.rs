//! Validators in one process: the deterministic runtime, its simulated network, real chains.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

pub(crate) mod byzantine;
pub(crate) mod cluster;
pub(crate) mod record;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use commonware_runtime::{Runner as _, deterministic};

use cluster::Kept;
use record::Final;

/// What a run came to. Two runs with one seed must be equal in all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Every final block of the longest chain, from genesis.
    pub(crate) blocks: Vec<Final>,
    /// The runtime's digest of everything that tasks did, in order.
    pub(crate) audit: String,
    /// The warnings.
    pub(crate) log: String,
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

fn config(seed: u64) -> deterministic::Config {
    deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(600)))
}

/// Runs `scenario` in a runtime of its own.
pub(crate) fn run<F, Fut>(seed: u64, scenario: F) -> Outcome
where
    F: FnOnce(deterministic::Context) -> Fut,
    Fut: Future<Output = Outcome>,
{
    logged(|| deterministic::Runner::new(config(seed)).start(scenario))
}

/// Runs `before` until all machines lose their power, with what was not yet on disk; then `after` with what was.
pub(crate) fn run_twice<F, Fut, G, Gut>(seed: u64, before: F, after: G) -> Outcome
where
    F: FnOnce(deterministic::Context) -> Fut,
    Fut: Future<Output = Kept>,
    G: FnOnce(deterministic::Context, Kept) -> Gut,
    Gut: Future<Output = Outcome>,
{
    logged(|| {
        let (kept, checkpoint) = deterministic::Runner::new(config(seed)).start_and_recover(before);
        deterministic::Runner::from(checkpoint).start(|context| after(context, kept))
    })
}

/// Keeps what `work` logs, of this thread.
fn logged(work: impl FnOnce() -> Outcome) -> Outcome {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let outcome = tracing::subscriber::with_default(subscriber, work);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    Outcome { log, ..outcome }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
