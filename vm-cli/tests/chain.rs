//! R112: the commands on a chain, where a transcript can't show it: standard input, two processes, what is left behind.

#![allow(clippy::unwrap_used, reason = "in helpers of tests too, a panic is the test's failure")]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::text;
use vm_chain::Chain;
use vm_chain::chain::ChainOptions;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vm"));
    command.current_dir(folder).args(args).env("VM_HOME", folder.join("home")).env("VM_CHAIN", "chain");
    command
}

fn vm(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn with_input(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = command(folder, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// What the command printed for programs; it must end with `code`.
fn json(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder with the chain that the token's scenario leaves.
fn chain() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scenario = format!("{FIXTURES}/scenarios/token.toml");
    let run = vm(folder.path(), &["run", &scenario, "--store", "chain", "--trace", "off"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    folder
}

#[test]
fn r112_a_secret_is_read_from_standard_input_and_never_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "0x".to_owned() + &"17".repeat(32);
    let key = json(&with_input(folder.path(), &["keys", "import", "mine", "--json"], secret.as_bytes()), 0);
    assert_eq!(key["known_to_everyone"], false);
    let refused = vm(folder.path(), &["keys", "import", "other", &secret]);
    assert_eq!(refused.status.code(), Some(2), "a secret in place of a file is no file");
    assert!(!folder.path().join("home/keys/other").exists());
    let shown = vm(folder.path(), &["keys", "show", "mine"]);
    assert!(!text(&shown.stdout).contains(&"17".repeat(32)));
}

/// A process that writes beyond its limit is killed at once: here at the first byte of the secret.
#[cfg(unix)]
#[test]
fn r112_a_kill_while_a_key_is_written_leaves_none_and_the_name_free() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_vm");
    let killed = Command::new("sh")
        .args(["-c", "ulimit -f 0; exec \"$0\" keys new good", program])
        .env("VM_HOME", folder.path().join("home"))
        .output()
        .unwrap();
    assert_eq!(killed.status.code(), None, "it was not killed: {}", text(&killed.stderr));
    let left = json(&vm(folder.path(), &["keys", "list", "--json"]), 0);
    assert_eq!(left["unusable"], serde_json::json!([]));
    json(&vm(folder.path(), &["keys", "new", "good", "--json"]), 0);
    std::fs::write(folder.path().join("home/keys/spoiled"), "").unwrap();
    let listed = json(&vm(folder.path(), &["keys", "list", "--json"]), 0);
    assert_eq!(
        (&listed["keys"][0]["name"], &listed["unusable"][0]["name"]),
        (&"good".into(), &"spoiled".into())
    );
    let people = vm(folder.path(), &["keys", "list"]);
    assert!(text(&people.stdout).contains("\nspoiled     no key: "), "{}", text(&people.stdout));
}

#[test]
fn r112_a_chain_that_another_process_has_is_named_with_the_way_out() {
    let folder = chain();
    let held = Chain::open(&folder.path().join("chain"), ChainOptions::default()).unwrap();
    let refused = vm(folder.path(), &["balance", "--json"]);
    let said = json(&refused, 2);
    assert_eq!(said["error"], "the chain at chain is in use by another process");
    assert!(said["help"].as_str().unwrap().contains("--chain http://127.0.0.1:8600"), "{said}");
    drop(held);
    assert_eq!(vm(folder.path(), &["balance"]).status.code(), Some(0));
}

#[test]
fn r112_a_module_is_stored_once_and_deployed_by_its_hash() {
    let folder = chain();
    let module = format!("{FIXTURES}/wasm/counter.wasm");
    let stored = json(&vm(folder.path(), &["deploy", &module, "--upload-only", "--json"]), 0);
    assert_eq!((&stored["sent"], &stored["deployed"]), (&Value::Bool(true), &Value::Null));
    let deployed = json(&vm(folder.path(), &["deploy", &module, "--salt", "7", "--json"]), 0);
    assert!(deployed["gas_used"].as_u64() < stored["gas_used"].as_u64(), "{deployed}");
    let hash = deployed["transaction"].as_str().unwrap();
    let transaction = json(&vm(folder.path(), &["tx", hash, "--json"]), 0);
    assert_eq!(transaction["payload"]["code_bytes"], Value::Null, "the module did not travel again");
    assert!(transaction["payload"]["salt"].as_str().unwrap().ends_with("07"));
    // What a dry run says is what comes.
    let dry = json(&vm(folder.path(), &["call", "counter", "add", "--by", "5", "--json"]), 0);
    let sent = json(&vm(folder.path(), &["call", "counter", "add", "--by", "5", "--send", "--json"]), 0);
    for key in ["status", "returns", "output", "gas_used", "gas_refunded"] {
        assert_eq!(dry[key], sent[key], "{key}");
    }
}

#[test]
fn r112_r92_a_proof_travels_through_pipes_and_a_spoiled_one_is_refused() {
    let folder = chain();
    let proof = vm(folder.path(), &["prove", "account", "bob"]);
    let read: Value = serde_json::from_slice(&proof.stdout).unwrap();
    let hash = read["header"]["hash"].as_str().unwrap();
    let verify = ["verify-proof", "-", "--block-hash", hash, "--json"];
    assert_eq!(json(&with_input(folder.path(), &verify, &proof.stdout), 0)["holds"], true);
    let mut spoiled = read.clone();
    spoiled["value"] = Value::String("0x00000000000000000000000000000000".to_owned());
    let spoiled = json(&with_input(folder.path(), &verify, spoiled.to_string().as_bytes()), 1);
    assert!(spoiled["error"].as_str().unwrap().starts_with("the proof shows 0x"), "{spoiled}");
}

#[test]
fn r112_all_commands_agree_on_what_a_scenario_left() {
    let folder = chain();
    let balance =
        json(&vm(folder.path(), &["query", "token", "balance_of", "--owner", "carol", "--json"]), 0);
    let object =
        json(&vm(folder.path(), &["object", "--owner", "carol", "--contract", "token", "--json"]), 0);
    assert_eq!(object["objects"][0]["fields"][0]["decoded"], balance["returns"]);
    let events = json(&vm(folder.path(), &["events", "--name", "Transfer", "--limit", "1", "--json"]), 0);
    let next = events["next"].as_u64().unwrap().to_string();
    let rest = json(&vm(folder.path(), &["events", "--name", "Transfer", "--from", &next, "--json"]), 0);
    assert!(!rest["events"].as_array().unwrap().is_empty());
    let replay = json(&vm(folder.path(), &["replay", "--all", "--json"]), 0);
    let head = json(&vm(folder.path(), &["block", "--json"]), 0);
    assert_eq!(replay["blocks"].as_array().unwrap().last().unwrap()["hash"], head["header"]["hash"]);
    let dev = json(&vm(folder.path(), &["dev", "rollback", "1", "--json"]), 0);
    assert_eq!(dev["head"]["height"], 1);
    let gone = json(&vm(folder.path(), &["query", "token", "balance_of", "--owner", "bob", "--json"]), 0);
    assert_eq!(gone["returns"], 0, "bob had nothing yet");
}
