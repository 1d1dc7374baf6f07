//! What differs on a terminal: colours and spinners. Elsewhere there are none, as `transcripts.rs` shows.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, open};

const VM: &str = env!("CARGO_BIN_EXE_vm");
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/files");

/// Far more than any of the commands here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `vm` with a terminal of its own. Gives what it drew, and its exit code: none if it did not end by itself.
fn on_a_terminal(folder: &Path, args: &[&str], no_color: &str) -> (String, Option<i32>) {
    let (mut pty, pts) = open().unwrap();
    let command =
        Command::new(VM).args(args).current_dir(folder).env("NO_COLOR", no_color).env("TERM", "xterm");
    let mut child = command.spawn(pts).unwrap();
    let (sender, drawn) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // Linux ends a terminal without a program with an error, not with an empty read.
        drop(pty.read_to_end(&mut bytes));
        drop(sender.send(bytes));
    });
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begin.elapsed() > PATIENCE {
            // It then has no exit code, which no test expects.
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(10));
    };
    let bytes = drawn.recv_timeout(PATIENCE).unwrap();
    (String::from_utf8_lossy(&bytes).into_owned(), status.code())
}

/// Whether there is a colour or a weight: `ESC [ numbers m`.
fn coloured(text: &str) -> bool {
    text.split("\u{1b}[")
        .skip(1)
        .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
}

/// A folder with a scenario and a crate.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("sample/src")).unwrap();
    for file in ["small.toml", "wasi.wat", "sample/Cargo.toml", "sample/Cargo.lock", "sample/src/lib.rs"] {
        fs::copy(Path::new(FILES).join(file), folder.path().join(file)).unwrap();
    }
    let module = wat::parse_file(folder.path().join("wasi.wat")).unwrap();
    fs::write(folder.path().join("wasi.wasm"), module).unwrap();
    folder
}

#[test]
fn r112_commands_end_on_a_terminal_with_colours_unless_no_color_is_set() {
    let folder = folder();
    for (args, code, part) in [
        (&["run", "small.toml"][..], 0, "all 1 expectations hold"),
        (&["build", "sample"][..], 1, "2 problems in the source"),
        (&["inspect", "wasi.wasm"][..], 1, "ForeignImport"),
        (&["inspect", "wasi.wat"][..], 2, "holds wasm as text"),
        (&["run", "--help"][..], 0, "Exit codes"),
    ] {
        for (no_color, expected) in [("", true), ("1", false)] {
            let (drawn, exit) = on_a_terminal(folder.path(), args, no_color);
            assert_eq!(exit, Some(code), "{args:?}: {drawn}");
            assert!(drawn.contains(part), "{args:?}: {drawn}");
            assert_eq!(coloured(&drawn), expected, "{args:?}, NO_COLOR={no_color:?}: {drawn:?}");
        }
    }
}

#[test]
fn r112_a_build_shows_a_spinner_and_takes_it_away() {
    let folder = folder();
    let (drawn, _) = on_a_terminal(folder.path(), &["build", "sample"], "1");
    let begun = drawn.find("read the crate  ").unwrap();
    let taken_away = drawn[begun..].find("\u{1b}[2K").unwrap();
    assert!(drawn[begun + taken_away..].contains("read the crate            sample 0.1.0"), "{drawn:?}");
}
