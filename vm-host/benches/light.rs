//! What light nodes cost: witness bytes, and execution on a witness beside execution on the whole state.
//!
//! `cargo bench -p vm-host --bench light`: the token over a million entries, blocks of transfers between random holders.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark is above the consensus line"
)]

mod harness;
#[path = "../../vm-state/benches/parts.rs"]
mod parts;
#[path = "../../vm-state/benches/random.rs"]
mod random;
mod transfers;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use harness::{beside, header, line};
use parity_scale_codec::{Decode, Encode};
use parts::Parts;
use random::Random;
use transfers::{Chain, Size};
use vm_core::{Block, Hash, Header, Params};
use vm_host::{Options, Vm};
use vm_state::{MemoryStore, Store, View};

/// A million entries.
const SIZE: Size = Size { fillers: 900_000, holders: 25_000 };
const BLOCK: usize = 1_000;
/// A block of a thousand transactions fits under the default limit.
const GAS_LIMIT: u64 = 900_000;

fn chain() -> Chain<MemoryStore> {
    let params = Params::default();
    let store = MemoryStore::new(&SIZE.genesis(&params));
    let mut chain = Chain::new(params, store, SIZE.holders, GAS_LIMIT);
    chain.hand_out(BLOCK, |_| ());
    chain
}

/// A block of transfers between random holders, after which the chain is as it was.
fn random_block(chain: &mut Chain<MemoryStore>, random: &mut Random, count: usize) -> Block {
    let before = chain.nonces.clone();
    let transfers = (0..count).map(|_| {
        let (from, to) = (1 + random.below(SIZE.holders - 1), 1 + random.below(SIZE.holders - 1));
        chain.transfer(from, to, 1)
    });
    let transfers = transfers.collect();
    chain.nonces = before;
    chain.block(1, transfers)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [verify, path] = arguments.as_slice()
        && verify == "--verify"
    {
        return verify_files(Path::new(path));
    }
    let mut chain = chain();
    let mut random = Random(1);
    header();
    for count in [1, 100, BLOCK] {
        let block = random_block(&mut chain, &mut random, count);
        let view: Arc<dyn View> = chain.store.view().unwrap();
        let outcome = chain.vm.execute_block(&view, &block, Options::default()).unwrap();
        let witness = outcome.witness(&*view).unwrap();
        let parts = Parts::of(&witness);
        println!(
            "witness::bytes/entries=1M,transfers={count}: {} B, {} a transfer; hashes, keys, values: {} B; ratio {:.3} \
             (aim 1.25)",
            witness.len(),
            witness.len() / count,
            parts.least(),
            witness.len() as f64 / parts.least() as f64,
        );
        let (light, full) = beside(
            || {
                let parent = view.header();
                let outcome =
                    chain.vm.execute_stateless(parent, &block, &witness, Options::default()).unwrap();
                drop(outcome);
                count as u64
            },
            || {
                drop(chain.vm.execute_block(&view, &block, Options::default()).unwrap());
                count as u64
            },
        );
        line(&format!("stateless::execute/transfers={count}"), light, Some(full.median), "2");
        let (proving, full) = beside(
            || {
                drop(outcome.witness(&*view).unwrap());
                count as u64
            },
            || {
                drop(chain.vm.execute_block(&view, &block, Options::default()).unwrap());
                count as u64
            },
        );
        line(&format!("stateless::witness/transfers={count}"), proving, Some(full.median), "");
        if count == 100 {
            peak_memory(view.header(), &block, &witness, outcome.commit.header.hash());
        }
    }
}

/// Verifies in a process of its own, and prints the most memory that it had.
fn peak_memory(parent: &Header, block: &Block, witness: &[u8], expected: Hash) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("case");
    std::fs::write(&path, (parent, block, witness, expected).encode()).unwrap();
    let child = Command::new(std::env::current_exe().unwrap()).arg("--verify").arg(&path).status().unwrap();
    assert!(child.success());
}

fn verify_files(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let decoded = <(Header, Block, Vec<u8>, Hash)>::decode(&mut bytes.as_slice()).unwrap();
    let (parent, block, witness, expected) = decoded;
    drop(bytes);
    let before = memory("VmHWM:");
    let vm = Vm::new(Params::default());
    let outcome = vm.execute_stateless(&parent, &block, &witness, Options::default()).unwrap();
    assert_eq!(outcome.commit.header.hash(), expected);
    println!(
        "stateless::memory/transfers={}: {:.0} kB more at the peak than before (aim 4,000), {:.0} kB the whole process",
        block.transactions.len(),
        memory("VmHWM:") - before,
        memory("VmHWM:"),
    );
}

/// A line of the process's status, in kB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0)
}
