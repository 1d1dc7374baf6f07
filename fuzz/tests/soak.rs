//! The soak, for seconds, with a real worker that is killed; and what it says of a store that is not as it should be.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use redb::{Database, ReadableTable, TableDefinition};
use tempfile::TempDir;
use vm_fuzz::{Figures, SoakPlan, Stop, supervise};

/// Entries of the state, by key (`docs/format.md` section 6).
const ENTRIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
/// Under load a worker needs long to begin.
const SECONDS_MAX: u64 = 300;

fn soak(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_soak")).args(words).output().unwrap()
}

/// Runs until `seconds` are full, those of earlier runs included, with kills after half a second to `seconds`.
fn run(folder: &Path, seconds: u64) -> Output {
    let (life, seconds) = ((seconds * 1_000).to_string(), seconds.to_string());
    let folder = folder.to_str().unwrap();
    soak(&["run", folder, "--seconds", &seconds, "--seed", "2026", "--life-millis", &life])
}

fn errors(output: &Output) -> String {
    // Lines are broken by width.
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs longer and longer until there is enough.
fn run_until(folder: &Path, enough: impl Fn(&Figures) -> bool) -> Figures {
    let mut seconds = 2;
    loop {
        let output = run(folder, seconds);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let figures = Figures::of(folder).unwrap();
        if enough(&figures) {
            return figures;
        }
        assert!(seconds < SECONDS_MAX, "{figures:?}");
        seconds *= 2;
    }
}

/// A soak that was begun and ended well: a copy of its own for each test.
fn begun() -> (TempDir, PathBuf) {
    static FIRST: OnceLock<TempDir> = OnceLock::new();
    let first = FIRST.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        run_until(&directory.path().join("soak"), |figures| figures.kills > 0 && figures.commits > 10);
        directory
    });
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("soak");
    std::fs::create_dir(&folder).unwrap();
    for name in ["store", "figures.json"] {
        std::fs::copy(first.path().join("soak").join(name), folder.join(name)).unwrap();
    }
    (directory, folder)
}

#[test]
fn r82_r120_a_soak_that_is_killed_and_stopped_goes_on() {
    let (_directory, folder) = begun();
    let first = Figures::of(&folder).unwrap();
    assert!(first.transactions > 0 && first.restored > 0 && first.peak_kib > 0, "{first:?}");
    let second = run_until(&folder, |now| now.kills > first.kills && now.commits > first.commits);
    assert_eq!(second.seed, first.seed);
    assert!(second.millis > first.millis, "{second:?}");
    let row = soak(&["row", folder.to_str().unwrap(), "--findings", "none"]);
    assert!(String::from_utf8_lossy(&row.stdout).starts_with("| 2026 | "), "{row:?}");
}

#[test]
fn a_spoiled_store_is_reported_and_kept() {
    let (_directory, folder) = begun();
    let database = Database::open(folder.join("store")).unwrap();
    let writing = database.begin_write().unwrap();
    {
        let mut entries = writing.open_table(ENTRIES).unwrap();
        let (key, mut row) = {
            let (key, row) = entries.first().unwrap().unwrap();
            (key.value().to_vec(), row.value().to_vec())
        };
        *row.last_mut().unwrap() ^= 1;
        entries.insert(key.as_slice(), row.as_slice()).unwrap();
    }
    writing.commit().unwrap();
    drop(database);
    let output = run(&folder, SECONDS_MAX);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("seed 2026, life") && text.contains("open the store"), "{text}");
    assert!(folder.join("store").exists(), "it is kept");
}

#[test]
fn another_hash_than_the_one_that_was_durable_is_reported() {
    let (_directory, folder) = begun();
    let figures = Figures::of(&folder).unwrap();
    let (height, path) = (figures.height, folder.join("figures.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    let hash = figures.blocks.get(&height).unwrap();
    let other = "0x".to_string() + &"5".repeat(64);
    std::fs::write(&path, text.replace(hash, &other)).unwrap();
    let output = run(&folder, SECONDS_MAX);
    let text = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(&format!("height {height}: the hash of")) && text.contains(&other), "{text}");
}

/// Blocks of another seed are others, which shows where the worker executes one again.
#[test]
fn a_block_that_comes_again_as_another_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("soak");
    // No time for more than the store, and a block of seed 2026.
    let output = run(&folder, 0);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let worker = |seed, life| {
        let folder = folder.to_str().unwrap();
        let output = soak(&["worker", folder, "--seed", seed, "--life", life, "--blocks", "40"]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = worker("2026", "2");
    assert!(code == Some(0) && said.ends_with("done\n"), "{said}");
    let (code, said) = worker("2027", "3");
    let last = said.lines().last().unwrap();
    assert!(code == Some(1) && last.starts_with("found height") && last.contains("expected"), "{last}");
}

/// Runs with another program in the worker's place.
fn with_program(program: &str) -> Stop {
    let directory = tempfile::tempdir().unwrap();
    let (time, life) = (Duration::from_secs(SECONDS_MAX), Duration::from_secs(SECONDS_MAX));
    let (program, folder) = (program.into(), directory.path().join("soak"));
    let silence = Duration::from_secs(2);
    supervise(&SoakPlan { program, folder, time, seed: 1, life, silence }).unwrap_err()
}

#[test]
fn a_worker_that_ends_by_itself_is_reported() {
    let stop = with_program("false");
    let text = stop.to_string();
    assert!(text.contains("life 1 of the worker") && text.contains("ended by itself"), "{text}");
    assert_eq!(stop.exit_code(), 1);
}

#[test]
fn a_worker_that_hangs_is_reported() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("worker");
    std::fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let stop = with_program(program.to_str().unwrap());
    assert!(stop.to_string().contains("nothing was committed for "), "{stop}");
    assert_eq!(stop.exit_code(), 1);
}

#[test]
fn a_worker_that_can_not_be_started_is_the_machines_failure() {
    let stop = with_program("/no/such/program");
    assert!(stop.to_string().contains("start /no/such/program"), "{stop}");
    assert_eq!(stop.exit_code(), 3);
}

#[test]
fn what_can_not_be_gone_on_with_is_bad_input() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path();
    let none = soak(&["row", folder.to_str().unwrap(), "--findings", "none"]);
    assert_eq!(none.status.code(), Some(2), "{}", errors(&none));
    let worker = soak(&["worker", folder.to_str().unwrap(), "--seed", "1"]);
    assert_eq!(worker.status.code(), Some(2), "{}", errors(&worker));
    assert!(errors(&worker).contains("there is no store"), "{}", errors(&worker));
    for (name, said) in [("letter", "the folder holds something"), ("figures.json", "no figures of a soak")] {
        std::fs::write(folder.join(name), "{}").unwrap();
        let output = run(folder, 2);
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains(said), "{}", errors(&output));
    }
    assert!(folder.join("letter").exists(), "it is not touched");
}
