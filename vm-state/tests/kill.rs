//! R82 with a real process: killed while it writes blocks, over and over on one file, it never loses a block that it
//! said was durable, and the file always opens at one of two states.
//!
//! The supervisor starts this test binary as another process, which takes a chain's steps and says of each when it
//! begins and when it is done. It kills the process (SIGKILL) after a number of steps and a moment that follow from
//! the seed, and looks at a copy of the file: the next process gets the file as it was left, so that opening after a
//! crash is killed as well.
//!
//! Deliberately not here: what the disk loses when the power goes. `src/store/redb/tests/crash.rs` has it.
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
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chain::{Dice, Shown, Step};
use vm_state::{Check, MemoryStore, RedbStore, StoreOptions};

const KILLS: u64 = 200;
const SEED: u64 = 2_026;
const SIGKILL: i32 = 9;

/// What the process is told: the file, and the step to begin with.
const PATH: &str = "VM_STATE_TEST_KILL_PATH";
const FIRST: &str = "VM_STATE_TEST_KILL_FIRST";

/// What a process had said when it was killed.
#[derive(Debug, Default)]
struct Said {
    opened: bool,
    /// The last step that was begun, and the last that was done.
    begun: Option<u64>,
    done: Option<u64>,
}

/// Starts the process at the step `first` and kills it after it has done some steps and a moment more.
fn run_and_kill(path: &Path, first: u64, dice: &mut Dice) -> Said {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--ignored", "--nocapture"])
        .env(PATH, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut said = Said::default();
    let mut hear = |line: &str| {
        let number = |word| line.strip_prefix(word).map(|rest: &str| rest.trim().parse().unwrap());
        said.opened |= line == "opened";
        said.begun = number("begun ").or(said.begun);
        said.done = number("done ").or(said.done);
        line.starts_with("done ")
    };
    // Of eight processes one is killed while it starts and opens the store.
    let (steps, moment) = match dice.below(8) {
        0 => (0, dice.below(30_000)),
        _ => (1 + dice.below(6), dice.below(8_000)),
    };
    let mut done = 0;
    while done < steps {
        let line = lines.next().expect("the process takes steps until it is killed").unwrap();
        done += usize::from(hear(&line));
    }
    std::thread::sleep(Duration::from_micros(u64::try_from(moment).unwrap()));
    process.kill().unwrap();
    for line in lines {
        hear(&line.unwrap());
    }
    assert_eq!(process.wait().unwrap().signal(), Some(SIGKILL), "it was killed, it did not fail");
    said
}

fn full() -> StoreOptions {
    StoreOptions { check: Check::Full, ..chain::options() }
}

/// What the file shows, opened as a copy.
fn shown_by_a_copy(path: &Path) -> Shown {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    let store = RedbStore::open_with(&copy, &chain::params(), full()).unwrap();
    Shown::by(&store)
}

/// What must be found after a step, so far as is known.
struct Course {
    /// The step that comes next.
    next: u64,
    model: MemoryStore,
    shown: Shown,
}

impl Course {
    fn new() -> Self {
        let model = MemoryStore::with(&chain::genesis(), chain::options().retention);
        Self { next: 0, shown: Shown::by(&model), model }
    }

    /// Takes the steps before `next`.
    fn advance(&mut self, next: u64) {
        while self.next < next {
            Step::of_chain(SEED, self.next).take(&mut self.model).unwrap();
            self.next += 1;
        }
        self.shown = Shown::by(&self.model);
        self.shown.assert_sound();
    }
}

/// What the kills hit.
#[derive(Debug, Default)]
struct Hits {
    /// A step under way, which was found undone or done.
    undone: u64,
    done: u64,
    /// The process before it had opened the store.
    opening: u64,
    /// The process between two steps.
    between: u64,
}

#[test]
fn r82_a_process_killed_200_times_loses_nothing_it_said_was_durable() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    drop(RedbStore::create_with(&path, &chain::genesis(), chain::options()).unwrap());
    let (mut course, mut hits) = (Course::new(), Hits::default());
    for kill in 0..KILLS {
        let first = course.next;
        let said = run_and_kill(&path, first, &mut Dice::of(&[SEED, kill]));
        let found = shown_by_a_copy(&path);
        // What it said was done is durable; what it had begun is there or not.
        course.advance(said.done.map_or(first, |step| step + 1));
        let acknowledged = course.shown.clone();
        let under_way = said.begun.filter(|step| *step >= course.next);
        if under_way.is_some() && found != acknowledged {
            course.advance(course.next + 1);
        }
        assert!(
            found == course.shown,
            "seed {SEED}, kill {kill}, from step {first}: {said:?}: {found:#?} is not {acknowledged:#?} nor {:#?}",
            course.shown,
        );
        let hit = match under_way {
            Some(_) if found == acknowledged => &mut hits.undone,
            Some(_) => &mut hits.done,
            None if !said.opened => &mut hits.opening,
            None => &mut hits.between,
        };
        *hit += 1;
    }
    println!(
        "{KILLS} kills in {} steps, seed {SEED}: {} in the midst of a step ({} found undone, {} done), {} before the \
         store was open, {} between steps; the head is at {}",
        course.next,
        hits.undone + hits.done,
        hits.undone,
        hits.done,
        hits.opening,
        hits.between,
        course.shown.header.height
    );
    assert!(hits.undone > 0, "some kills hit a step before it was durable");
    assert!(course.next > KILLS, "the chain went on");
    // And the file itself, after all of it.
    let mut store = RedbStore::open_with(&path, &chain::params(), full()).unwrap();
    assert_eq!(Shown::by(&store), course.shown);
    Step::of_chain(SEED, course.next).take(&mut store).unwrap();
}

#[test]
#[ignore = "the other process of the test above: takes steps until it is killed"]
fn the_process_that_is_killed() {
    let (Some(path), Some(first)) = (std::env::var_os(PATH), std::env::var_os(FIRST)) else { return };
    let first: u64 = first.to_str().unwrap().parse().unwrap();
    let mut out = std::io::stdout();
    let mut store = RedbStore::open_with(path, &chain::params(), chain::options()).unwrap();
    // The harness ends no line before this one.
    writeln!(out, "\nopened").unwrap();
    for step in first.. {
        writeln!(out, "begun {step}").unwrap();
        Step::of_chain(SEED, step).take(&mut store).unwrap();
        writeln!(out, "done {step}").unwrap();
    }
}
