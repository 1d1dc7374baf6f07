//! Every target over its corpus, and over a seeded campaign of a fixed number of inputs.
#![allow(clippy::unwrap_used, reason = "tests")]

use vm_fuzz::{Inputs, TARGETS, run_corpus, target};

/// Replays the corpus of a target, then runs it over random bytes and mutations of the corpus.
fn replay(name: &str) {
    let target = target(name).unwrap();
    let corpus = run_corpus(target);
    assert!(!corpus.is_empty(), "run `cargo run -p vm-fuzz --bin seeds` to make a corpus for {name}");
    let seed = 20_261_122;
    let mut inputs = Inputs::new(seed);
    for iteration in 0..target.iterations {
        let input = match iteration % 3 {
            0 => inputs.bytes(target.input_bytes),
            _ => {
                let (one, other) = (inputs.below(corpus.len()), inputs.below(corpus.len()));
                inputs.mutate(&corpus[one], &corpus[other])
            }
        };
        let failed = std::panic::catch_unwind(|| (target.body)(&input)).is_err();
        assert!(!failed, "{name} fails at iteration {iteration} of seed {seed}: {input:02x?}");
    }
}

#[test]
fn r120_host_boundary() {
    replay("host_boundary");
}

#[test]
fn r120_module_validation() {
    replay("module_validation");
}

#[test]
fn r120_interface_decoder() {
    replay("interface_decoder");
}

#[test]
fn r120_commitment() {
    replay("commitment");
}

#[test]
fn r120_store_model() {
    replay("store_model");
}

#[test]
fn r120_proof_decoder() {
    replay("proof_decoder");
}

#[test]
fn r120_witness_decoder() {
    replay("witness_decoder");
}

#[test]
fn r120_transactions() {
    replay("transactions");
}

#[test]
fn r120_stateless() {
    replay("stateless");
}

#[test]
fn r120_scale_types() {
    replay("scale_types");
}

#[test]
fn r120_scenario_parser() {
    replay("scenario_parser");
}

#[test]
fn r120_engine_differential() {
    replay("engine_differential");
}

#[test]
fn r120_rpc_request() {
    replay("rpc_request");
}

#[test]
fn r120_replica() {
    replay("replica");
}

/// A corpus without a target, or a target without a test, would not run.
#[test]
fn every_target_has_a_binary_a_corpus_and_a_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root.join(folder)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    targets.sort_unstable();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
    let own = std::fs::read_to_string(root.join("tests/replay.rs")).unwrap();
    for name in targets {
        assert!(own.contains(&format!("replay(\"{name}\")")), "{name} is not replayed");
    }
}
