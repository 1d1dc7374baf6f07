//! Four validators in one process: links of 25 ms with jitter that lose one message in fifty, seeds, and everything that may
//! go wrong.
//!
//! Each seed runs twice and must give the same history, to the last task. `cargo test --test simulated` runs
//! three seeds of each scenario; `VM_NODE_SEEDS=50 cargo test --test simulated` runs fifty.

#![allow(clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

mod support;

use commonware_runtime::deterministic::Context;
use support::byzantine::{FAULTS, Fault};
use support::cluster::{Cluster, VALIDATORS};
use support::{Outcome, run};

/// How many seeds each scenario runs with.
fn seeds() -> u64 {
    std::env::var("VM_NODE_SEEDS").map_or(3, |seeds| seeds.parse().unwrap())
}

/// Runs each seed twice.
fn repeatable<F, Fut>(name: &str, scenario: F)
where
    F: Fn(Context) -> Fut,
    Fut: Future<Output = Outcome>,
{
    for seed in 0..seeds() {
        let began = std::time::Instant::now();
        let first = run(seed, &scenario);
        let wall = began.elapsed();
        let second = run(seed, &scenario);
        assert_eq!(first.fingerprint(), second.fingerprint(), "{name}, seed {seed}: two histories");
        assert_eq!(first, second, "{name}, seed {seed}: one history, two ways");
        let blocks = u32::try_from(first.blocks.len()).unwrap();
        println!(
            "{name}, seed {seed}: {blocks} blocks, {:.1}/s simulated, {:.1}/s here, fingerprint {}",
            f64::from(blocks) / first.simulated.as_secs_f64(),
            f64::from(blocks) / wall.as_secs_f64(),
            &first.fingerprint()[..16],
        );
    }
}

#[test]
fn all_validators_finalize_the_same_blocks() {
    repeatable("all up", async |context| {
        let mut cluster = Cluster::new(context, 0).await;
        cluster.start_all(0..VALIDATORS).await;
        cluster.traffic(10).await;
        cluster.reach(20, 60).await;
        cluster.finish().await
    });
}

#[test]
fn three_of_four_go_on_without_the_fourth() {
    repeatable("one down", async |context| {
        let mut cluster = Cluster::new(context, 0).await;
        cluster.start_all(0..VALIDATORS - 1).await;
        cluster.traffic(10).await;
        cluster.reach(20, 60).await;
        cluster.finish().await
    });
}

#[test]
fn a_validator_that_crashed_goes_on_from_its_files_and_catches_up() {
    repeatable("restart", async |context| {
        let mut cluster = Cluster::new(context, 0).await;
        cluster.on_disk(3);
        cluster.start_all(0..VALIDATORS).await;
        cluster.traffic(5).await;
        cluster.reach(5, 60).await;
        let before = cluster.height(3);
        cluster.crash(3).await;
        cluster.traffic(10).await;
        cluster.reach(before + 10, 60).await;
        assert!(cluster.height(3) < cluster.lowest());
        cluster.start(3).await;
        cluster.traffic(5).await;
        let goal = cluster.lowest() + 20;
        cluster.reach(goal, 60).await;
        cluster.finish().await
    });
}

#[test]
fn two_halves_make_nothing_final_and_go_on_when_they_meet() {
    repeatable("partition", async |context| {
        let mut cluster = Cluster::new(context, 0).await;
        cluster.start_all(0..VALIDATORS).await;
        cluster.traffic(5).await;
        cluster.reach(5, 60).await;
        cluster.unlink(&[0, 1], &[2, 3]).await;
        cluster.unlink(&[2, 3], &[0, 1]).await;
        // What was on its way arrives.
        cluster.sleep(2_000).await;
        let before: Vec<u64> = (0..VALIDATORS).map(|index| cluster.height(index)).collect();
        cluster.traffic(5).await;
        cluster.sleep(20_000).await;
        let after: Vec<u64> = (0..VALIDATORS).map(|index| cluster.height(index)).collect();
        assert_eq!(before, after, "two of four are no quorum");
        cluster.link(&[0, 1], &[2, 3]).await;
        cluster.link(&[2, 3], &[0, 1]).await;
        let goal = after.iter().max().unwrap() + 10;
        cluster.reach(goal, 60).await;
        cluster.finish().await
    });
}

fn byzantine(fault: Fault) {
    repeatable(&format!("byzantine {fault:?}"), async |context| {
        let mut cluster = Cluster::new(context, 0).await;
        let proposed = cluster.start_byzantine(0, fault).await;
        cluster.start_all(1..VALIDATORS).await;
        cluster.traffic(5).await;
        cluster.reach(10, 120).await;
        let outcome = cluster.finish().await;
        let proposed = proposed.lock().unwrap();
        assert!(!proposed.is_empty(), "it had its turn");
        for block in &outcome.blocks {
            assert!(!proposed.contains(&block.digest), "block {} of the byzantine is final", block.height);
        }
        outcome
    });
}

#[test]
fn nothing_wrong_is_ever_final() {
    for fault in FAULTS {
        byzantine(fault);
    }
}
