//! What the `vm` command prints, fixed by documents that people read: `tests/transcripts/*.md`.
//!
//! Each document is run from top to bottom in a folder of its own, which is gone afterwards. The folder holds, for every
//! document alike:
//! - what lies in `tests/transcripts/files`, and each `NAME.wat` there also as the module `NAME.wasm`;
//! - `scenarios/counter.toml`, `wasm/counter.wasm` and `wasm/token.wasm` from `fixtures`;
//! - `token.json`, the interface that `wasm/token.wasm` carries, as `vm build` writes it.
//!
//! `TRYCMD=overwrite cargo test -p vm-cli --test transcripts` writes what the command prints now into the documents; the
//! diff then is what changed for users. An example in `docs/cli.md` that is no longer among them is for its author to
//! change; a test names it. What differs between machines is replaced: `[SDK]` is the folder of
//! contract-sdk, `[CWD]` the document's folder, `[VERSION]` the command's name and version. Times, and what cargo says,
//! stand as `[..]` (rest of a line) and `...` (lines), put there by hand. trycmd shows every `\` as `/`.
//!
//! No document needs a compiler for wasm. What does is `fixtures/walk.sh`'s and `tests/contracts.rs`'s to show.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use trycmd::schema::Bin;
use vm_cli::cli::Cli;
use vm_cli::interface::Interface;
use vm_core::Params;
use vm_host::validate_module;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The folder in which a document's commands run.
fn fill(folder: &Path) {
    copy(&Path::new(HERE).join("tests/transcripts/files"), folder);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "wat") {
            fs::write(path.with_extension("wasm"), wat::parse_file(&path).unwrap()).unwrap();
        }
    }
    for file in ["scenarios/counter.toml", "wasm/counter.wasm", "wasm/token.wasm"] {
        let target = folder.join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(Path::new(HERE).join("../fixtures").join(file), target).unwrap();
    }
    let token = fs::read(folder.join("wasm/token.wasm")).unwrap();
    let interface = validate_module(&token, &Params::default()).unwrap().interface;
    fs::write(folder.join("token.json"), Interface::from(&interface).to_json()).unwrap();
}

/// All transcripts.
fn documents() -> Vec<PathBuf> {
    let folder = fs::read_dir(Path::new(HERE).join("tests/transcripts")).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// The console blocks of a document, without fences and the empty line at their end.
fn blocks(text: &str) -> Vec<&str> {
    let parts = text.split("```console\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap().trim_end()).collect()
}

#[test]
fn r112_every_command_has_json_exit_codes_a_transcript_and_a_section_in_docs() {
    let page = fs::read_to_string(Path::new(HERE).join("../docs/cli.md")).unwrap();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(command.get_arguments().any(|arg| arg.get_long() == Some("json")), "{name}: --json");
        let after = command.get_after_help().unwrap().to_string();
        assert!(after.contains("Exit codes:\n  0  "), "{name}: {after}");
        assert!(page.contains(&format!("\n## vm {name}\n")), "{name}: docs/cli.md has no section");
        let transcript = Path::new(HERE).join(format!("tests/transcripts/{name}.md"));
        let transcript = fs::read_to_string(transcript).unwrap();
        for shown in [format!("$ vm {name} --help\n"), format!("vm {name} "), "--json".to_owned()] {
            assert!(transcript.contains(&shown), "{name}: {shown:?} is not in its transcript");
        }
        assert!(transcript.contains("\n? "), "{name}: its transcript has no failure");
    }
}

#[test]
fn the_examples_of_docs_are_cut_from_transcripts() {
    let page = fs::read_to_string(Path::new(HERE).join("../docs/cli.md")).unwrap();
    let transcripts: String = documents().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let examples = blocks(&page);
    assert!(examples.len() >= Cli::command().get_subcommands().count());
    let contracts = fs::read_to_string(Path::new(HERE).join("../docs/contracts.md")).unwrap();
    let on_a_chain = blocks(&contracts);
    assert!(!on_a_chain.is_empty());
    for example in examples.into_iter().chain(on_a_chain) {
        assert!(transcripts.contains(&format!("{example}\n")), "no transcript shows\n{example}");
    }
}

#[test]
fn r112_r113_commands_print_what_the_transcripts_show() {
    let stage = tempfile::tempdir().unwrap();
    let documents = documents();
    assert!(!documents.is_empty());
    for path in documents {
        // Overwriting goes through the link. `NAME.in` is where it runs; `NAME.out` has trycmd run it in a copy of that.
        let link = stage.path().join(path.file_name().unwrap());
        std::os::unix::fs::symlink(&path, &link).unwrap();
        fill(&link.with_extension("in"));
        fs::create_dir(link.with_extension("out")).unwrap();
    }

    let cases = trycmd::TestCases::new();
    let sdk = Path::new(HERE).join("../contract-sdk").canonicalize().unwrap();
    cases.register_bin("vm", Bin::Path(env!("CARGO_BIN_EXE_vm").into()));
    cases.insert_var("[SDK]", sdk.display().to_string()).unwrap();
    cases.insert_var("[VERSION]", concat!("vm ", env!("CARGO_PKG_VERSION"))).unwrap();
    cases.case(stage.path().join("*.md")).run();
}
