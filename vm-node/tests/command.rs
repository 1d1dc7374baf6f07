//! The command refuses bad input by exit code 2, and says what to do; nothing runs for it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::{Chain, Place};
use vm_node::config::Config;
use vm_node::testnet::{Layout, spec};

fn run(args: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_vm-node");
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Refused as bad input, with the words `what`, and with help.
fn assert_bad_input(args: &[&str], what: &str) {
    let (code, complaint) = run(args);
    assert_eq!(code, Some(2), "{args:?}: {complaint}");
    assert!(complaint.contains(what), "{args:?}: {what:?} is not in {complaint}");
    assert!(complaint.starts_with("error: "), "{args:?}: {complaint}");
    let help = complaint.split_once(" help: ").map(|(_, help)| help.trim());
    assert!(help.is_some_and(|help| help.len() > 10), "{args:?}: {complaint}");
}

/// The files of a network of one validator and one follower, that nobody runs.
fn files() -> (TempDir, Layout) {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Nobody listens there any more, and nothing here begins to.
    let port = listener.local_addr().unwrap().port().min(65_000);
    let layout = Layout { folder: folder.path().join("net"), validators: 1, followers: 1, port };
    layout.write(spec("commands")).unwrap();
    (folder, layout)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn files_that_are_missing_or_wrong_are_refused() {
    let (folder, layout) = files();
    let missing = folder.path().join("nowhere.toml");
    let missing = text(&missing);
    let from = ["--from", "http://127.0.0.1:1"];
    assert_bad_input(&["run", "--config", missing], missing);
    assert_bad_input(&["join", "--config", missing, from[0], from[1]], missing);
    assert_bad_input(&["try", "--network", missing], missing);
    assert_bad_input(&["light", "--network", missing, from[0], from[1], "header"], missing);

    let (config, network) = (layout.config(0), layout.network());
    let good = std::fs::read_to_string(&network).unwrap();
    std::fs::write(&network, format!("speed = 1\n{good}")).unwrap();
    assert_bad_input(&["run", "--config", text(&config)], "unknown field `speed`");
    assert_bad_input(&["try", "--network", text(&network)], "unknown field `speed`");
    std::fs::write(&network, good).unwrap();
    std::fs::write(layout.node(0).join("node.key"), "secret-secret").unwrap();
    assert_bad_input(&["run", "--config", text(&config)], "it is no secret key");
    assert!(!run(&["run", "--config", text(&config)]).1.contains("secret-secret"));
}

#[test]
fn urls_of_no_sense_and_nodes_that_are_not_there_are_refused() {
    let (_folder, layout) = files();
    let (network, follower) = (layout.network(), layout.config(1));
    let (network, follower) = (text(&network), text(&follower));
    for url in ["", "127.0.0.1:8600", "https://127.0.0.1:8600"] {
        assert_bad_input(&["light", "--network", network, "--from", url, "header"], "no URL of a node");
        assert_bad_input(&["join", "--config", follower, "--from", url], "no URL of a node");
    }
    let nobody = format!("http://{}", layout.rpc(0));
    assert_bad_input(&["light", "--network", network, "--from", &nobody, "header"], &nobody);
    // One validator is not enough for a transfer from one to the next.
    assert_bad_input(&["try", "--network", network], "two are needed");
}

#[test]
fn arguments_of_no_sense_are_refused() {
    for args in [
        &[][..],
        &["fly"],
        &["run"],
        &["testnet", "--validators", "0"],
        &["testnet", "--validators", "51"],
        &["testnet", "--followers", "51"],
        &["testnet", "--port", "80"],
        &["light", "--from", "http://127.0.0.1:1", "event", "0x12"],
        &["light", "--from", "http://127.0.0.1:1", "--at", "-1", "header"],
    ] {
        let (code, complaint) = run(args);
        assert_eq!(code, Some(2), "{args:?}: {complaint}");
        assert!(complaint.contains("--help") || complaint.contains("Usage"), "{args:?}: {complaint}");
    }
}

#[test]
fn a_network_of_other_counts_is_left_as_it_is() {
    let (_folder, layout) = files();
    let before = std::fs::read(layout.network()).unwrap();
    let folder = layout.folder.clone();
    let args = ["testnet", "--validators", "4", "--folder", text(&folder), "--write-only"];
    assert_bad_input(&args, "is a network of 1 validators and 1 followers");
    assert_eq!(std::fs::read(layout.network()).unwrap(), before);
    let args =
        ["testnet", "--validators", "1", "--followers", "1", "--folder", text(&folder), "--write-only"];
    assert_eq!(run(&args).0, Some(0));
    assert_eq!(std::fs::read(layout.network()).unwrap(), before);

    let file = folder.join("file");
    std::fs::write(&file, "").unwrap();
    assert_bad_input(&["testnet", "--folder", text(&file), "--write-only"], text(&file));
}

#[test]
fn a_store_that_is_not_the_networks_is_refused() {
    let (_folder, layout) = files();
    let at = layout.config(0);
    let config = Config::read(&at).unwrap();
    let other = Spec { time: 1, ..config.network.spec.clone() };
    let place = Place::Folder(config.chain());
    let chain = Chain::create(&place, other, ChainOptions { states: None }).unwrap();
    // Its own process has it open.
    assert_bad_input(&["run", "--config", text(&at)], text(&config.chain()));
    let genesis = chain.id().genesis.to_string();
    drop(chain);
    assert_bad_input(&["run", "--config", text(&at)], &genesis);
}

#[test]
fn a_door_that_is_taken_is_refused() {
    let (_folder, layout) = files();
    let at: PathBuf = layout.config(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let good = std::fs::read_to_string(&at).unwrap();
    std::fs::write(&at, good.replace(&layout.rpc(1).to_string(), &address)).unwrap();
    assert_bad_input(&["run", "--config", text(&at)], &address);
}
