//! `vm devnet` as its users meet it: what it says, how it stops, and what it refuses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests: a panic is its failure")]
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vm_chain::api::types::At;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::node::{Mempool, PoolLimits};
use vm_chain::replica::{Application as _, Replica, ReplicaOptions};
use vm_chain::rpc::Client;
use vm_chain::{Api as _, ApiError, Chain, ChainId, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, Params, Payload, Transaction};

struct Devnet {
    child: Child,
    lines: BufReader<ChildStdout>,
    greeting: Value,
    client: Client,
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vm"));
    command.current_dir(folder).arg("devnet").args(args);
    command
}

fn spawn(mut command: Command) -> Devnet {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let greeting: Value = serde_json::from_str(&first).unwrap_or_else(|_| {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("{first}{said}")
    });
    let client = Client::new(greeting["url"].as_str().unwrap()).unwrap();
    Devnet { child, lines, greeting, client }
}

fn devnet(folder: &Path, args: &[&str]) -> Devnet {
    let mut all = vec!["--json", "--listen", "127.0.0.1:0"];
    all.extend(args);
    spawn(command(folder, &all))
}

fn refused(folder: &Path, args: &[&str]) -> (i32, String) {
    let mut child = command(folder, args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            drop(child.kill());
            panic!("{args:?} was not refused");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

fn pay(client: &Client, nonce: u64) -> Signed {
    pay_on(&client.params().unwrap().chain_id().unwrap(), nonce)
}

fn pay_on(chain: &ChainId, nonce: u64) -> Signed {
    let payload = Payload::Transfer { to: Address::named("bob"), amount: 5 };
    let sender = Address::named("alice");
    let transaction = Transaction { sender, nonce, gas_limit: 100_000, gas_price: 0, payload };
    SecretKey::dev("alice").sign(transaction, chain)
}

impl Devnet {
    /// Sends a signal; gives the exit code and what was still said.
    fn signal(mut self, name: &str) -> (i32, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code().unwrap_or(-1), format!("{rest}{said}"))
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn r82_a_signal_stops_it_cleanly_and_the_chain_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = None;
    for (round, signal) in (0..).zip(["-TERM", "-INT"]) {
        let mut running = devnet(folder.path(), &["--store", "chain"]);
        assert_eq!(running.greeting["head"]["height"], round);
        assert_eq!(running.greeting["chain"], "local");
        if let Some(hash) = last {
            assert!(running.client.receipt(hash).is_ok(), "what was acknowledged is still there");
        }
        let receipt = running.client.send(pay(&running.client, round)).unwrap();
        last = Some(receipt.transaction.0);
        let mut line = String::new();
        running.lines.read_line(&mut line).unwrap();
        let block: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&block["block"], &block["transactions"]), (&json!(round + 1), &json!(1)));
        assert_eq!(block["gas_used"], receipt.outcome.gas_used);
        let (code, said) = running.signal(signal);
        assert_eq!((code, said.as_str()), (0, ""));
    }
}

#[test]
fn a_signal_stops_it_also_where_nobody_reads_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["--store", "chain"][..], &["--store", "timed", "--block-time", "10ms"]] {
        let mut running = devnet(folder.path(), args);
        // Some 200 bytes for each block, more than a pipe holds.
        running.client.mine(600).unwrap();
        let receipt = running.client.send(pay(&running.client, 0)).unwrap();
        let pid = running.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let until = Instant::now() + Duration::from_secs(20);
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "{args:?}: it waits for a reader");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(0));
        let again = devnet(folder.path(), &args[..2]);
        assert_eq!(
            again.client.receipt(receipt.transaction.0),
            Ok(receipt),
            "it was stopped as it should be"
        );
    }
}

#[test]
fn it_prints_funded_accounts_with_the_secrets_that_everyone_knows() {
    let folder = tempfile::tempdir().unwrap();
    let running = devnet(folder.path(), &["--accounts", "3", "--balance", "77"]);
    let accounts = running.greeting["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 3);
    for account in accounts {
        let name = account["name"].as_str().unwrap();
        let key: SecretKey = account["secret"].as_str().unwrap().parse().unwrap();
        assert_eq!(key.public(), SecretKey::dev(name).public());
        let address: Address = account["address"].as_str().unwrap().parse().unwrap();
        assert_eq!(running.client.account(address, At::Head).unwrap().balance.0, 77);
    }
    let (code, _) = running.signal("-TERM");
    assert_eq!(code, 0);

    let mut child =
        command(folder.path(), &["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !text.contains("node    http://127.0.0.1:") {
        assert_ne!(lines.read_line(&mut text).unwrap(), 0, "{text}");
    }
    for part in ["everyone knows", "@alice", "@judy", "store   in memory", "head    block 0 0x"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    lines.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("stopped\n"), "{text}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn with_a_block_time_and_another_name_it_is_another_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = devnet(folder.path(), &["--block-time", "20ms", "--chain", "mine", "--explorer"]);
    assert_eq!(running.greeting["chain"], "mine");
    let mut line = String::new();
    running.lines.read_line(&mut line).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["transactions"], 0);
    let chain = running.client.params().unwrap().chain_id().unwrap();
    let local = ChainId { params: Params::default().hash(), ..chain };
    let refused = running.client.send(pay_on(&local, 0));
    assert!(matches!(refused, Err(ApiError::Unauthorized(_))), "signed for `local`");
    assert_eq!(running.signal("-TERM").0, 0);
}

#[test]
fn a_snapshot_is_loaded_and_the_chain_goes_on_from_its_block() {
    let folder = tempfile::tempdir().unwrap();
    let first = devnet(folder.path(), &[]);
    let receipt = first.client.send(pay(&first.client, 0)).unwrap();
    let snapshot = folder.path().join("snapshot");
    vm_chain::snapshot::export(&first.client, At::Head, None, &snapshot, |_| ()).unwrap();
    let head = first.client.status().unwrap().head;
    assert_eq!(first.signal("-TERM").0, 0);

    let second = devnet(folder.path(), &["--load", "snapshot", "--store", "loaded"]);
    assert_eq!(second.greeting["head"]["hash"], json!(head.hash));
    assert_eq!(second.client.account(Address::named("bob"), At::Head).unwrap().nonce, 0);
    assert_eq!(second.client.send(pay(&second.client, 1)).unwrap().height, receipt.height + 1);
    assert_eq!(second.signal("-TERM").0, 0);

    for (args, part) in [
        (&["--load", "snapshot", "--store", "loaded"][..], "exists already"),
        (&["--load", "nothing", "--store", "new"], "vm snapshot export"),
        (&["--load", "snapshot"], "--store"),
    ] {
        let (code, said) = refused(folder.path(), args);
        assert!(code == 2 && said.contains(part), "{args:?}: {code} {said}");
    }
}

#[test]
fn r113_what_it_cannot_do_is_refused_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let running = devnet(folder.path(), &["--store", "chain"]);
    let address = running.greeting["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/file"), "x").unwrap();
    for (args, parts) in [
        (&["--store", "chain", "--listen", "127.0.0.1:0"][..], ["in use", "give another --store"]),
        (&["--listen", &address], ["cannot listen", "port 0 takes a free one"]),
        (&["--listen", "0.0.0.0:0"], ["reached from other machines", "--expose"]),
        (&["--store", "other"], ["exists already", "give a folder of a chain"]),
        (&["--store", "chain", "--accounts", "2"], ["holds a chain already", "leave out --accounts"]),
        (&["--block-time", "1"], ["--block-time", "500ms"]),
        (&["--block-time", "1ms"], ["--block-time", "between 10ms"]),
        (&["--instant", "--block-time", "1s"], ["--instant", "--block-time"]),
        (&["--accounts", "11"], ["--accounts", "11"]),
        (&["--chain", &"x".repeat(65)], ["--chain", "1 to 64"]),
        (&["--balance", "18446744073709551615"], ["accounts make no genesis", "smaller --balance"]),
    ] {
        let (code, said) = refused(folder.path(), args);
        assert_eq!(code, 2, "{args:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{args:?}: {part:?} is not in\n{said}");
        }
    }
    assert!(running.client.send(pay(&running.client, 0)).is_ok(), "the first goes on");
    assert_eq!(running.signal("-TERM").0, 0);
}

#[test]
fn a_full_disk_stops_the_producer_and_every_later_request_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = "chain";
    drop(devnet(folder.path(), &["--store", store]).signal("-TERM"));
    // No file may grow past this; the shell takes the signal away that would end the process instead.
    let size = std::fs::metadata(folder.path().join("chain/blocks.redb")).unwrap().len();
    let blocks =
        size.max(std::fs::metadata(folder.path().join("chain/state.redb")).unwrap().len()) / 1_024 + 64;
    let mut limited = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    limited.current_dir(folder.path()).args(["-c", &script, env!("CARGO_BIN_EXE_vm"), "devnet"]);
    limited.args(["--json", "--listen", "127.0.0.1:0", "--store", store]);
    let running = spawn(limited);
    let mut acknowledged = Vec::new();
    let chain = running.client.params().unwrap().chain_id().unwrap();
    let error = loop {
        let payload = Payload::Upload { code: vec![0; 50_000] };
        let nonce = u64::try_from(acknowledged.len()).unwrap();
        let sender = Address::named("alice");
        let transaction = Transaction { sender, nonce, gas_limit: 100_000_000, gas_price: 0, payload };
        let signed = SecretKey::dev("alice").sign(transaction, &chain);
        match running.client.send(signed) {
            Ok(receipt) => acknowledged.push(receipt),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 1_000, "the limit was never met");
    };
    assert!(matches!(&error, ApiError::Node(why) if why.contains("too large")), "{error}");
    assert_eq!(running.client.status().unwrap_err(), error, "reads too");
    assert_eq!(running.client.send(pay_on(&chain, 0)).unwrap_err(), error);
    let (code, said) = running.signal("-TERM");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("{\"failed\":") && said.contains("{\"ok\":false,"), "{said}");

    // With room again, all that was acknowledged is there.
    let running = devnet(folder.path(), &["--store", store]);
    for receipt in &acknowledged {
        assert_eq!(running.client.receipt(receipt.transaction.0).as_ref(), Ok(receipt));
    }
    assert!(running.client.mine(1).is_ok());
    assert_eq!(running.signal("-TERM").0, 0);
}

#[test]
fn r113_a_replicas_chain_is_refused_at_the_start_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("chain");
    let spec = Spec { params: Params::default(), time: 0, accounts: Vec::new(), names: Vec::new() };
    let chain = Chain::create(&Place::Folder(at.clone()), spec, ChainOptions::default()).unwrap();
    let chain = Arc::new(RwLock::new(chain));
    let authority = Arc::new(Ed25519::new());
    let replica = Arc::new(Replica::new(chain, authority, ReplicaOptions::default()).unwrap());
    let wait = Duration::from_secs(1);
    let pool = Mempool::new(replica.clone(), PoolLimits::default(), wait, Box::new(|_| ()));
    let block = replica.build(&replica.tip().digest, 1, Address::ZERO, &pool).unwrap();
    replica.commit(&block).unwrap();
    drop((pool, replica));

    let (code, said) = refused(folder.path(), &["--store", "chain", "--listen", "127.0.0.1:0"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("this chain is a replica's"), "{said}");
    let kept = Chain::open(&at, ChainOptions::default()).unwrap();
    assert_eq!(kept.head().hash(), block.header.hash());
}
