//! `vm new`, `vm build` and `vm verify` with the real compiler, as an author types them.
//!
//! All builds but one share cargo's work folder, so that the SDK is compiled once. Where the machine has no compiler
//! for wasm, the tests say so and end; with `CI` set they fail instead.

#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use vm_cli::profile::{NamedModule, profile};
use vm_cli::run::{run_on, spec};
use vm_cli::scenario::Scenario;
use vm_cli::store::Place;
use vm_host::TraceLevel;
use vm_state::{View, Witness};

const VM: &str = env!("CARGO_BIN_EXE_vm");
const TEMPLATES: [&str; 6] = ["token", "nft", "counter", "escrow", "voting", "factory"];

/// `program` in `folder`: `vm` is this build's, cargo's work is shared.
fn command(folder: &Path, program: &str) -> Command {
    let bin = Path::new(VM).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let paths = std::env::split_paths(&path);
    let paths = std::env::join_paths(std::iter::once(bin.to_owned()).chain(paths)).unwrap();
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("PATH", paths)
        .env("VM_WASM_WORK", shared.join("contracts-wasm"))
        .env("CARGO_TARGET_DIR", shared.join("contracts-native"));
    command
}

fn vm(folder: &Path, args: &[&str]) -> Output {
    command(folder, VM).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed, after asserting its exit code.
fn ends(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

/// Whether there is a compiler; says so where a test ends for want of one.
fn compiler(test: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let output = vm(folder.path(), &["toolchain", "--prepare"]);
    if output.status.success() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "CI has no compiler for wasm: {}", text(&output.stderr));
    println!("skipped: {test}: {}", text(&output.stderr));
    false
}

/// A new crate `name` in a folder of its own.
fn new(template: &str, name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    ends(&vm(folder.path(), &["new", name, "--template", template]), 0);
    let at = folder.path().join(name);
    (folder, at)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The commands of a README's shell blocks.
fn commands(readme: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(readme).unwrap();
    let block = text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let words = |line: &str| line.split('#').next().unwrap().split_whitespace().map(str::to_owned).collect();
    block.lines().map(words).collect()
}

#[test]
fn r70_r110_every_template_is_built_tested_and_run_by_the_commands_of_its_readme() {
    if !compiler("every template") {
        return;
    }
    for template in TEMPLATES {
        let (_folder, at) = new(template, "my_first");
        let commands = commands(&at.join("README.md"));
        assert_eq!(commands.len(), 3);
        for line in commands {
            let output = command(&at, &line[0]).args(&line[1..]).output().unwrap();
            let (out, err) = ends(&output, 0);
            match line[1].as_str() {
                "build" => {
                    let steps = out
                        .lines()
                        .filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()));
                    assert!(steps.take(10).count() == 10, "{out}");
                    for part in ["code hash", "address", "by section", "by function", "vm.interface"] {
                        assert!(out.contains(part), "{part}\n{out}");
                    }
                    for end in ["wasm", "json", "build.json", "named.wasm"] {
                        assert!(at.join(format!("target/vm/my_first.{end}")).is_file(), "{end}");
                    }
                }
                "test" => {
                    let passed = |mode: &str| {
                        let line = out.lines().find(|line| line.starts_with(mode)).unwrap_or_default();
                        let words: Vec<&str> = line.split_whitespace().collect();
                        words.get(1).and_then(|count| count.parse::<u32>().ok()).unwrap_or_default()
                    };
                    assert!(passed("native") >= 2 && passed("native") == passed("wasm"), "{out}{err}");
                    assert!(out.contains("scenario   scenario.toml passed"), "{out}{err}");
                }
                _ => assert!(out.contains("expectations hold"), "{out}"),
            }
        }
        assert!(at.join("Cargo.lock").is_file());
    }
}

#[test]
fn r72_another_folder_cargo_home_and_sdk_folder_give_the_same_bytes() {
    if !compiler("the same bytes") {
        return;
    }
    let (_first, at) = new("counter", "tally");
    let built = json(&ends(&vm(&at, &["build", "--json"]), 0).0);
    let code_hash = built["code_hash"].as_str().unwrap().to_owned();

    // The SDK's sources, the crate and cargo's home in folders of other names and lengths.
    let other = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sources = other.path().join("a/much/longer/path/to/the sources");
    for part in ["contract-sdk", "vm-core", "vm-host", "vm-state"] {
        copy(&repository.join(part), &sources.join(part));
    }
    fs::copy(repository.join("Cargo.toml"), sources.join("Cargo.toml")).unwrap();
    let sdk = sources.join("contract-sdk");
    let second = other.path().join("elsewhere");
    ends(
        &vm(
            other.path(),
            &["new", "tally", "--template", "counter", "--path", "elsewhere", "--sdk", sdk.to_str().unwrap()],
        ),
        0,
    );
    fs::copy(at.join("Cargo.lock"), second.join("Cargo.lock")).unwrap();
    let home = other.path().join("cargo home");
    fs::create_dir(&home).unwrap();
    let real = std::env::var_os("CARGO_HOME")
        .map_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo"), PathBuf::from);
    link(&real.join("registry"), &home.join("registry"));
    for file in ["config.toml", "config"] {
        if real.join(file).is_file() {
            fs::copy(real.join(file), home.join(file)).unwrap();
        }
    }
    let verify = |hash: &str, more: &[&str]| {
        let mut command = command(&second, VM);
        command
            .env("CARGO_HOME", &home)
            .args(["verify", ".", "--code-hash", hash])
            .arg("--sdk")
            .arg(&sdk)
            .args(more);
        command.output().unwrap()
    };
    // From nothing: no work folder.
    let (out, _) = ends(&verify(&code_hash, &[]), 0);
    assert!(out.contains("the same code"), "{out}");

    // One word of the source less, and the code is another.
    let source = fs::read_to_string(second.join("src/lib.rs")).unwrap();
    fs::write(second.join("src/lib.rs"), source.replacen("checked_add(by)", "checked_add(by + 1)", 1))
        .unwrap();
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts-wasm");
    let (out, _) = ends(&verify(&code_hash, &["--work", work.to_str().unwrap()]), 1);
    for part in ["not the same code", "The compiler here", "rustc: "] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    fs::remove_file(second.join("Cargo.lock")).unwrap();
    let (_, err) = ends(&verify(&code_hash, &[]), 2);
    assert!(err.contains("--locked"), "{err}");
}

#[test]
fn r72_a_deployed_contract_and_a_module_are_compared_with_the_source() {
    if !compiler("a deployed contract") {
        return;
    }
    let (_folder, at) = new("counter", "deployed");
    let built = json(&ends(&vm(&at, &["build", "--json"]), 0).0);
    ends(&vm(&at, &["run", "scenario.toml", "--store", "chain"]), 0);
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contracts-wasm");
    let verify =
        |more: &[&str]| vm(&at, &[&["verify", ".", "--work", work.to_str().unwrap()], more].concat());
    let address = built["address"].as_str().unwrap();
    let (out, _) = ends(&verify(&["--store", "chain", "--contract", address]), 0);
    assert!(out.contains("the same code") && out.contains("chain, at height"), "{out}");
    let nobody = format!("0x{}", "0".repeat(64));
    let (_, err) = ends(&verify(&["--store", "chain", "--contract", &nobody]), 2);
    assert!(err.contains("no contract has the address"), "{err}");
    let (_, err) = ends(&verify(&["--store", "none", "--contract", address]), 2);
    assert!(err.contains("none"), "{err}");

    // A module file: its own, one with a byte of its data changed, and none.
    ends(&verify(&["--wasm", "target/vm/deployed.wasm"]), 0);
    let mut module = fs::read(at.join("target/vm/deployed.wasm")).unwrap();
    let last = module.len() - 1;
    module[last] ^= 1;
    fs::write(at.join("other.wasm"), module).unwrap();
    let (out, _) = ends(&verify(&["--wasm", "other.wasm", "--json"]), 1);
    let report = json(&out);
    assert_eq!(report["ok"], false);
    assert!(report["differences"][0].as_str().unwrap().starts_with("vm.interface: "), "{report}");
    let (_, err) = ends(&verify(&["--wasm", "missing.wasm"]), 2);
    assert!(err.contains("cannot read missing.wasm"), "{err}");
    ends(&vm(&at, &["verify", "."]), 2);
}

#[test]
fn r70_r73_the_report_for_programs_names_files_sizes_steps_and_compiler() {
    if !compiler("the report for programs") {
        return;
    }
    let (_folder, at) = new("counter", "reported");
    let out = at.join("out");
    let report = json(&ends(&vm(&at, &["build", "--json", "--out", out.to_str().unwrap()]), 0).0);
    assert_eq!(report["ok"], true);
    assert_eq!(report["steps"].as_array().unwrap().len(), 10);
    let module = fs::read(report["files"]["module"].as_str().unwrap()).unwrap();
    assert_eq!(report["sizes"]["total"], module.len());
    let sections = report["sizes"]["sections"].as_array().unwrap();
    let sum: u64 = sections.iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!(sum + 8, u64::try_from(module.len()).unwrap());
    let functions = report["sizes"]["functions"].as_array().unwrap();
    assert!(functions.iter().any(|part| part["name"] == "increment"), "{functions:?}");
    let hash = vm_core::Hash::of_code(&module).to_string();
    assert_eq!(report["code_hash"], hash.as_str());
    let interface = fs::read_to_string(out.join("reported.json")).unwrap();
    let interface = vm_cli::interface::parse(&interface).unwrap();
    assert_eq!(interface.name, "counter");
    let record = json(&fs::read_to_string(out.join("reported.build.json")).unwrap());
    assert_eq!(record["code_hash"], hash.as_str());
    assert_eq!(record["compiler"], report["compiler"]);
}

#[test]
fn r113_a_profile_of_a_built_contract_names_its_rust_functions() {
    if !compiler("a profile") {
        return;
    }
    let (_folder, at) = new("counter", "profiled");
    // At the template's level most functions are inlined, and have no names to be found.
    let manifest = fs::read_to_string(at.join("Cargo.toml")).unwrap();
    fs::write(at.join("Cargo.toml"), manifest.replace("opt-level = 3", "opt-level = \"z\"")).unwrap();
    ends(&vm(&at, &["build"]), 0);
    let scenario = Scenario::load(&at.join("scenario.toml")).unwrap();
    let mut opened = Place::Memory.open(spec(&scenario)).unwrap();
    let run = run_on(&scenario, opened.ledger(), TraceLevel::Off).unwrap();
    let names = NamedModule::read(&at.join("target/vm/profiled.named.wasm")).unwrap();
    let mut names_found = 0;
    for block in &run.blocks {
        // A block that is refused has none.
        let Some(light) = &block.light else { continue };
        let view: Arc<dyn View> =
            Arc::new(Witness::open(&light.parent, &light.witness).unwrap().view(&light.parent));
        for index in (0u32..).take(block.transactions.len()) {
            let named = std::slice::from_ref(&names);
            let found = profile(&scenario.params, &view, &light.block, index, named).unwrap();
            assert_eq!(found.deviation(), 0, "{}", found.to_text());
            names_found +=
                usize::from(found.to_folded().contains("counter.increment;increment;contract_sdk::"));
            assert!(!found.to_folded().contains("function #"), "{}", found.to_folded());
        }
    }
    assert!(names_found > 0);
}

#[test]
fn r113_what_does_not_compile_and_what_no_node_takes_is_refused_with_the_reason() {
    if !compiler("what does not compile") {
        return;
    }
    let (_folder, at) = new("counter", "broken");
    let source = fs::read_to_string(at.join("src/lib.rs")).unwrap();
    fs::write(at.join("src/lib.rs"), source.replacen("Ok(counter.id())", "Ok(counter.idd())", 1)).unwrap();
    let (out, err) = ends(&vm(&at, &["build"]), 1);
    assert!(out.contains("6  compile                   failed"), "{out}");
    assert!(err.contains("no method named `idd`") && err.contains("src/lib.rs"), "{err}");
    assert!(err.contains("the crate does not compile") && !err.contains('\u{1b}'), "{err}");
    assert!(!at.join("target/vm/broken.wasm").exists());
    let report = json(&ends(&vm(&at, &["build", "--json"]), 1).0);
    assert_eq!((&report["ok"], &report["error"]), (&false.into(), &"the crate does not compile".into()));

    fs::write(at.join("src/lib.rs"), source).unwrap();
    let manifest = fs::read_to_string(at.join("Cargo.toml")).unwrap();
    let large = "\n[package.metadata.vm]\nstack-bytes = 67108864\nmemory-pages = 2000\n";
    fs::write(at.join("Cargo.toml"), manifest + large).unwrap();
    let (_, err) = ends(&vm(&at, &["build"]), 1);
    assert!(err.contains("nodes would refuse the module") && err.contains("pages"), "{err}");
    assert!(!at.join("target/vm/broken.wasm").exists());
}

#[test]
fn r73_a_contract_calls_another_through_the_client_crate_that_bindgen_writes() {
    if !compiler("the client crate") {
        return;
    }
    let (_folder, counter) = new("counter", "called");
    ends(&vm(&counter, &["build"]), 0);
    let (_folder, at) = new("counter", "calling");
    let interface = counter.join("target/vm/called.json");
    let (out, _) =
        ends(&vm(&at, &["bindgen", interface.to_str().unwrap(), "--lang", "rust", "--out", "client"]), 0);
    assert_eq!(out, "client/Cargo.toml\nclient/src/lib.rs\n");
    let manifest = fs::read_to_string(at.join("Cargo.toml")).unwrap();
    let manifest =
        manifest.replacen("[dependencies]\n", "[dependencies]\ncounter_client = { path = \"client\" }\n", 1);
    fs::write(at.join("Cargo.toml"), manifest).unwrap();
    let source = "//! Calls a counter.
#![no_std]
use contract_sdk::prelude::*;

/// Calls a counter.
#[contract]
pub mod calling {
    use super::*;
    use counter_client::counter::CounterClient;

    /// Adds to a counter.
    #[call]
    pub fn add(ctx: &mut Context, counter: Address, by: u64) -> Result<u64> {
        CounterClient::at(counter).add(ctx, by)
    }
}
";
    fs::write(at.join("src/lib.rs"), source).unwrap();
    let (out, _) = ends(&vm(&at, &["build"]), 0);
    // The client's source is held to the rules of a contract's own.
    assert!(out.contains("2 files"), "{out}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) {
    std::os::unix::fs::symlink(from, to).unwrap();
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) {
    copy(from, to);
}
