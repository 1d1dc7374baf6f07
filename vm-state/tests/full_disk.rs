//! R82 where the system has no more room: the store stops cleanly, opens at its last block, and goes on once there is
//! room again.
//!
//! Another process of this test binary fills what it is given: a file that may not grow (a limit of the process, which
//! every Unix has), and a small file system (which needs the right to mount one, in a mount namespace of its own that
//! ends with the process; the test says where it has no such right).
//!
//! Deliberately not here: a disk that is full at every possible write, which `src/store/redb/tests/failing.rs` has.
#![cfg(all(unix, feature = "redb"))]
#![allow(clippy::unwrap_used, reason = "clippy takes helpers of integration tests for no tests")]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]
#![allow(clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it starts processes")]

mod chain;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use chain::{Shown, Step};
use vm_state::{Check, MemoryStore, NodeFailure, RedbStore, Store, StoreOptions};

/// Where the process puts its store.
const DIRECTORY: &str = "VM_STATE_TEST_FULL_DISK";
/// A file beside the store that can be removed to make room.
const BALLAST: &str = "ballast";

const fn step(number: u64) -> Step {
    Step::Block { seed: number, objects: 60 }
}

fn full() -> StoreOptions {
    StoreOptions { check: Check::Full, ..chain::options() }
}

fn open(directory: &Path) -> RedbStore {
    RedbStore::open_with(directory.join("state"), &chain::params(), full()).unwrap()
}

/// The chain after so many steps.
fn model(steps: u64) -> MemoryStore {
    let mut model = MemoryStore::with(&chain::genesis(), chain::options().retention);
    for number in 0..steps {
        step(number).take(&mut model).unwrap();
    }
    model
}

fn assert_goes_on(mut store: RedbStore, steps: u64) {
    assert_eq!(Shown::by(&store), Shown::by(&model(steps)));
    for number in steps..steps + 3 {
        step(number).take(&mut store).unwrap();
    }
    assert_eq!(Shown::by(&store), Shown::by(&model(steps + 3)));
}

/// Runs the process below by way of a shell line in which `"$@"` stands for it and `$DIRECTORY` for its directory.
fn run(wrapper: &[&str], line: &str, directory: &Path) -> Output {
    let words: Vec<_> = wrapper.iter().copied().chain(["sh", "-c", line, "sh"]).collect();
    Command::new(words[0])
        .args(&words[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_without_room", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env("DIRECTORY", directory)
        .output()
        .unwrap()
}

/// What the process said: how many steps there was room for, and why the next one failed.
fn told(output: &Output) -> (u64, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let line = text.lines().find_map(|line| line.strip_prefix("room for ")).unwrap();
    let (steps, cause) = line.split_once(" steps, then: ").unwrap();
    (steps.parse().unwrap(), cause.to_string())
}

#[test]
fn r82_a_file_at_its_size_limit_stops_the_node_cleanly_and_opens_where_there_is_none() {
    let directory = tempfile::tempdir().unwrap();
    // 2 or 4 MiB, by the shell's unit. A signal that is ignored makes the write fail instead.
    let output = run(&[], r#"trap "" XFSZ && ulimit -f 4096 && exec "$@""#, directory.path());
    let (steps, cause) = told(&output);
    println!("size limit: room for {steps} steps, then: {cause}");
    assert!(cause.contains("File too large"), "{cause}");
    assert!(steps > 0);
    assert_goes_on(open(directory.path()), steps);
}

#[test]
fn r82_a_full_file_system_stops_the_node_cleanly_and_the_store_goes_on_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=6m tmpfs "$DIRECTORY""#;
    let rights = [vec!["unshare", "--mount"], vec!["unshare", "--mount", "--map-root-user"]];
    let may_mount = |right: &&Vec<&str>| {
        let (program, arguments) = right.split_first().unwrap();
        let mut shell = Command::new(program);
        shell.args(arguments).args(["sh", "-c", mount]).env("DIRECTORY", directory.path());
        shell.output().is_ok_and(|output| output.status.success())
    };
    let Some(right) = rights.iter().find(may_mount) else {
        assert!(std::env::var_os("CI").is_none(), "CI can't mount a file system to fill");
        println!("NOT TESTED: a full file system, since this user may not mount one");
        return;
    };
    let line = format!(r#"{mount} && head -c 2097152 /dev/zero > "$DIRECTORY/{BALLAST}" && exec "$@""#);
    let output = run(right, &line, directory.path());
    let (steps, cause) = told(&output);
    println!("full file system: room for {steps} steps, then: {cause}");
    assert!(cause.contains("No space left on device"), "{cause}");
    assert!(steps > 0);
    assert!(String::from_utf8_lossy(&output.stdout).lines().any(|line| line == "went on"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "the file system went with the process");
}

#[test]
#[ignore = "the other process of the tests above: takes steps until there is no room"]
fn the_process_without_room() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let created = RedbStore::create_with(directory.join("state"), &chain::genesis(), chain::options());
    let mut store = created.unwrap();
    let mut steps = 0;
    let failure = loop {
        match step(steps).take(&mut store) {
            Ok(()) => steps += 1,
            Err(failure) => break failure,
        }
    };
    let NodeFailure::Storage { action: "commit a block", cause } = failure else { panic!("{failure:?}") };
    let refused = store.view().unwrap_err();
    assert!(matches!(refused, NodeFailure::Storage { action: "go on", .. }), "{refused:?}");
    drop(store);
    // There is no room still: it opens, shows its last block, and takes no further one.
    let mut store = open(directory);
    assert_eq!(Shown::by(&store), Shown::by(&model(steps)));
    step(steps).take(&mut store).unwrap_err();
    drop(store);
    if fs::remove_file(directory.join(BALLAST)).is_ok() {
        assert_goes_on(open(directory), steps);
        println!("\nwent on");
    }
    println!("\nroom for {steps} steps, then: {cause}");
}
