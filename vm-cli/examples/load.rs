//! Load on a real node, with `kill -9` in the middle, and a comparison of what it promised with what it kept.
//!
//! ```text
//! load --vm PATH [--transactions 10000] [--accounts 100] [--kills 1] [--token FILE]
//! ```
//!
//! Accounts of their own keys send in turn a transfer of balance and a call of a token's `transfer` to their neighbour, each
//! account one after the other, all accounts at once, over JSON-RPC on loopback to `vm devnet --store` in a process of its
//! own. The process is killed at even distances and started again; whoever waited for an answer then asks whether the
//! transaction is there, and sends the same bytes again if not. At the end the process is killed once more, and on the
//! store that is left
//!
//! - every acknowledged transaction must be there, at the same place, with the same bytes of its receipt;
//! - every account's nonce, balance and tokens must be what its acknowledged transactions make them.
//!
//! Exit codes: 0 nothing lost, 1 something lost, 2 bad arguments or no node.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use parity_scale_codec::Encode as _;
use serde_json::Value;
use vm_chain::api::types::{At, QueryRequest, ReceiptInfo};
use vm_chain::rpc::Client;
use vm_chain::{Api as _, ApiError, ChainId, Fault, SecretKey, Signed};
use vm_core::{Address, CodeSource, Hash, Payload, Transaction};

const START: u64 = 1_000_000_000;
const TOKENS: u64 = 1_000_000;
const GAS_LIMIT: u64 = 200_000;
const GAS_PRICE: u64 = 1;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// The `vm` program.
    pub(crate) vm: PathBuf,
    /// The token's module.
    pub(crate) token: PathBuf,
    /// Transactions in all.
    pub(crate) transactions: usize,
    /// Accounts that send.
    pub(crate) accounts: usize,
    /// How often the node is killed before the end.
    pub(crate) kills: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    acknowledged: usize,
    /// Answered by no node, and found in the store afterwards.
    found: usize,
    /// From the first transaction to the last answer, without the time that no node was there.
    busy: Duration,
    blocks: u64,
    latencies: Vec<Duration>,
    /// What is not as it was promised.
    pub(crate) lost: Vec<String>,
}

impl Outcome {
    fn percentile(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).map_or(0.0, Duration::as_secs_f64) * 1_000.0
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let acknowledged = u32::try_from(self.acknowledged).unwrap_or(u32::MAX);
        format!(
            "acknowledged  {}\nfound         {} (in the store, though the node was killed before it answered)\nthroughput    {:.0} transactions/s acknowledged, over {:.1} s with a node\nblocks        {}, {:.1} transactions each\nlatency       p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms\nlost          {}\n",
            self.acknowledged,
            self.found,
            f64::from(acknowledged) / self.busy.as_secs_f64(),
            self.busy.as_secs_f64(),
            self.blocks,
            f64::from(acknowledged) / f64::from(u32::try_from(self.blocks.max(1)).unwrap_or(u32::MAX)),
            self.percentile(50),
            self.percentile(90),
            self.percentile(99),
            self.lost.len(),
        )
    }
}

/// A node in a process of its own, killed when dropped.
struct Node {
    child: Child,
    url: String,
}

impl Node {
    fn start(vm: &Path, store: &Path, listen: &str) -> Result<Self, String> {
        let mut child = Command::new(vm)
            .args(["devnet", "--json", "--listen", listen, "--states", "64", "--store"])
            .arg(store)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", vm.display()))?;
        let stdout = child.stdout.take().ok_or("the node has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let greeting: Value = serde_json::from_str(&first).unwrap_or_default();
        let url = greeting.get("url").and_then(Value::as_str).map(str::to_owned);
        // The node's lines are read on, or it would wait for room to write them.
        std::thread::spawn(move || lines.for_each(drop));
        match url {
            Some(url) => Ok(Self { child, url }),
            None => {
                drop(child.wait());
                Err(format!("the node did not start: {first}"))
            }
        }
    }

    /// As `kill -9` does.
    fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An account that sends.
struct Account {
    key: SecretKey,
    address: Address,
    neighbour: Address,
}

fn accounts(count: usize) -> Vec<Account> {
    let key = |index: usize| {
        let mut seed = [0x5a; 32];
        seed.iter_mut().zip(index.to_string().bytes()).for_each(|(byte, digit)| *byte = digit);
        SecretKey::from_seed(seed)
    };
    (0..count)
        .map(|index| {
            let address = |index| key(index).public().address();
            Account { key: key(index), address: address(index), neighbour: address((index + 1) % count) }
        })
        .collect()
}

/// A sender's transaction.
fn transaction(sender: Address, nonce: u64, gas_limit: u64, payload: Payload) -> Transaction {
    Transaction { sender, nonce, gas_limit, gas_price: GAS_PRICE, payload }
}

fn token_transfer(token: Address, to: Address, amount: u64) -> Payload {
    Payload::Call { contract: token, function: "transfer".to_owned(), args: (to, amount).encode(), value: 0 }
}

/// What an account sends as its transaction number `nonce`.
fn payload(account: &Account, token: Address, nonce: u64) -> Payload {
    if nonce.is_multiple_of(2) {
        Payload::Transfer { to: account.neighbour, amount: 1 + nonce % 7 }
    } else {
        token_transfer(token, account.neighbour, 1)
    }
}

/// Gives each account balance and tokens; the token's address.
fn prepare(client: &Client, accounts: &[Account], token: Vec<u8>) -> Result<Address, String> {
    let alice = Address::named("alice");
    let key = SecretKey::dev("alice");
    let chain = client.params().and_then(|params| params.chain_id()).map_err(|error| error.to_string())?;
    let mut nonce = 0;
    let mut send = |gas_limit, payload| {
        let signed = key.sign(transaction(alice, nonce, gas_limit, payload), &chain);
        let sent = client.send(signed).map_err(|error| error.to_string())?;
        nonce += 1;
        if sent.outcome.ending.status == "success" { Ok(sent) } else { Err(format!("preparing: {sent:?}")) }
    };
    let supply = u64::try_from(accounts.len()).unwrap_or(u64::MAX).saturating_mul(TOKENS);
    let code = CodeSource::Bytes(token);
    let deploy = Payload::Deploy { code, salt: Hash::ZERO, args: ("Load", supply).encode(), value: 0 };
    let token = send(50_000_000, deploy)?.outcome.deployed.ok_or("no token")?.0;
    for account in accounts {
        send(GAS_LIMIT, Payload::Transfer { to: account.address, amount: START })?;
        send(GAS_LIMIT, token_transfer(token, account.address, TOKENS))?;
    }
    Ok(token)
}

/// What the senders share.
struct Shared<'a> {
    url: RwLock<String>,
    /// Whether no node is there.
    down: AtomicBool,
    answered: AtomicUsize,
    failed: Mutex<Option<String>>,
    load: &'a Load,
    chain: ChainId,
    token: Address,
}

impl Shared<'_> {
    fn client(&self) -> Result<Client, String> {
        let url = self.url.read().unwrap_or_else(PoisonError::into_inner).clone();
        Client::new(&url).map_err(|error| error.to_string())
    }

    fn has_failed(&self) -> bool {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// What a sender has to show.
#[derive(Default)]
struct Sent {
    receipts: Vec<ReceiptInfo>,
    found: usize,
    latencies: Vec<Duration>,
}

/// Sends an account's transactions one after the other.
fn work(shared: &Shared<'_>, account: &Account, count: u64) -> Result<Sent, String> {
    let mut sent = Sent::default();
    let mut client = shared.client()?;
    for nonce in 0..count {
        let payload = payload(account, shared.token, nonce);
        let signed = account.key.sign(transaction(account.address, nonce, GAS_LIMIT, payload), &shared.chain);
        let hash = signed.transaction.hash(&shared.chain.params);
        let begun = Instant::now();
        let receipt = match client.send(signed.clone()) {
            Ok(receipt) => {
                sent.latencies.push(begun.elapsed());
                receipt
            }
            Err(error) => {
                let (receipt, was_there) = in_doubt(shared, &mut client, &signed, hash, error)?;
                sent.found += usize::from(was_there);
                receipt
            }
        };
        sent.receipts.push(receipt);
        shared.answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(sent)
}

/// The node is gone, or says that it goes: asks the next one whether the transaction is there, and sends it again if not.
fn in_doubt(
    shared: &Shared<'_>,
    client: &mut Client,
    signed: &Signed,
    hash: Hash,
    mut error: ApiError,
) -> Result<(ReceiptInfo, bool), String> {
    let until = Instant::now() + Duration::from_secs(60);
    let mut resent = false;
    while Instant::now() < until && !shared.has_failed() {
        // A replayed nonce is one that was taken though nobody heard of it.
        let may_be_there = resent || matches!(error, ApiError::Remote(_));
        if !matches!(error.fault(), Fault::Node | Fault::Busy) && !may_be_there {
            return Err(format!("refused: {error}"));
        }
        std::thread::sleep(Duration::from_millis(20));
        if shared.down.load(Ordering::SeqCst) {
            continue;
        }
        *client = shared.client()?;
        error = match client.receipt(hash) {
            Ok(receipt) => return Ok((receipt, true)),
            Err(ApiError::Missing { .. }) => match client.send(signed.clone()) {
                Ok(receipt) => return Ok((receipt, false)),
                Err(error) => {
                    resent = true;
                    error
                }
            },
            Err(error) => error,
        };
    }
    Err(format!("no answer for a minute: {error}"))
}

/// Runs the load.
///
/// # Errors
///
/// Words, where there is nothing to compare: no node, a refused transaction.
pub(crate) fn run(load: &Load) -> Result<Outcome, String> {
    let token = std::fs::read(&load.token).map_err(|error| format!("{}: {error}", load.token.display()))?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let store = folder.path().join("chain");
    let mut node = Node::start(&load.vm, &store, "127.0.0.1:0")?;
    let accounts = accounts(load.accounts);
    let client = Client::new(&node.url).map_err(|error| error.to_string())?;
    let token = prepare(&client, &accounts, token)?;
    let before = client.status().map_err(|error| error.to_string())?.head.height;
    let shared = Shared {
        url: RwLock::new(node.url.clone()),
        down: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        failed: Mutex::new(None),
        load,
        chain: client.params().and_then(|params| params.chain_id()).map_err(|error| error.to_string())?,
        token,
    };
    let each = u64::try_from(load.transactions / load.accounts).unwrap_or(u64::MAX);
    let begun = Instant::now();
    let (sent, down) = std::thread::scope(|scope| {
        let senders: Vec<_> = accounts
            .iter()
            .map(|account| {
                let shared = &shared;
                scope.spawn(move || {
                    work(shared, account, each).inspect_err(|error| {
                        *shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                    })
                })
            })
            .collect();
        let down = kill_now_and_then(&shared, &mut node, &store);
        let joined = senders.into_iter().map(|sender| match sender.join() {
            Ok(sent) => sent,
            Err(_) => Err("a sender panicked".to_owned()),
        });
        (joined.collect::<Result<Vec<Sent>, String>>(), down)
    });
    let busy = begun.elapsed().saturating_sub(down?);
    let sent = sent?;
    // What is only in the process's memory, or in pages that were not written, is no promise kept.
    node.kill();
    let node = Node::start(&load.vm, &store, "127.0.0.1:0")?;
    let client = Client::new(&node.url).map_err(|error| error.to_string())?;
    let mut latencies: Vec<Duration> = sent.iter().flat_map(|sent| sent.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let after = client.status().map_err(|error| error.to_string())?.head.height;
    Ok(Outcome {
        acknowledged: sent.iter().map(|sent| sent.receipts.len()).sum(),
        found: sent.iter().map(|sent| sent.found).sum(),
        busy,
        blocks: after.saturating_sub(before),
        latencies,
        lost: compare(&client, &accounts, &sent, token),
    })
}

/// Kills the node at even distances and starts it again; gives how long none was there.
fn kill_now_and_then(shared: &Shared<'_>, node: &mut Node, store: &Path) -> Result<Duration, String> {
    let total = shared.load.transactions / shared.load.accounts * shared.load.accounts;
    let mut down = Duration::ZERO;
    for kill in 1..=shared.load.kills {
        while shared.answered.load(Ordering::Relaxed) < total * kill / (shared.load.kills + 1) {
            if shared.has_failed() {
                return Ok(down);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let begun = Instant::now();
        shared.down.store(true, Ordering::SeqCst);
        node.kill();
        let started = Node::start(&shared.load.vm, store, "127.0.0.1:0");
        match started {
            Ok(started) => *node = started,
            Err(error) => {
                *shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
                return Err(error);
            }
        }
        *shared.url.write().unwrap_or_else(PoisonError::into_inner) = node.url.clone();
        shared.down.store(false, Ordering::SeqCst);
        down += begun.elapsed();
    }
    Ok(down)
}

/// What the node keeps that it did not promise, or promised and does not keep.
fn compare(client: &Client, accounts: &[Account], sent: &[Sent], token: Address) -> Vec<String> {
    let mut lost = Vec::new();
    let mut balances: BTreeMap<Address, i128> =
        accounts.iter().map(|account| (account.address, i128::from(START))).collect();
    let mut tokens: BTreeMap<Address, i128> =
        accounts.iter().map(|account| (account.address, i128::from(TOKENS))).collect();
    for (account, sent) in accounts.iter().zip(sent) {
        for (nonce, receipt) in (0..).zip(&sent.receipts) {
            match client.receipt(receipt.transaction.0) {
                Ok(kept) if kept == *receipt => {}
                Ok(kept) => lost.push(format!("{receipt:?} is now {kept:?}")),
                Err(error) => lost.push(format!("{}: {error}", receipt.transaction)),
            }
            let change = |books: &mut BTreeMap<Address, i128>, of, by: i128| {
                *books.entry(of).or_default() += by;
            };
            let fee = i128::from(receipt.outcome.gas_used) * i128::from(GAS_PRICE);
            change(&mut balances, account.address, -fee);
            if receipt.outcome.ending.status != "success" {
                lost.push(format!("{} did not succeed: {:?}", receipt.transaction, receipt.outcome.ending));
                continue;
            }
            match payload(account, token, nonce) {
                Payload::Transfer { to, amount } => {
                    change(&mut balances, account.address, -i128::from(amount));
                    change(&mut balances, to, i128::from(amount));
                }
                _ => {
                    change(&mut tokens, account.address, -1);
                    change(&mut tokens, account.neighbour, 1);
                }
            }
        }
    }
    for (account, sent) in accounts.iter().zip(sent) {
        let address = account.address;
        let found = client.account(address, At::Head).map(|found| (found.nonce, i128::from(found.balance.0)));
        let expected = (u64::try_from(sent.receipts.len()).unwrap_or(u64::MAX), balances[&address]);
        if found != Ok(expected) {
            lost.push(format!("nonce and balance of {address} are {found:?}, promised {expected:?}"));
        }
        let request = QueryRequest {
            contract: token.into(),
            function: "balance_of".to_owned(),
            args: address.encode().into(),
            caller: None,
            gas_limit: None,
            at: At::Head,
            trace: Default::default(),
        };
        let found = client.query(request).map(|answer| answer.outcome.returns.and_then(|it| it.as_i64()));
        if found.as_ref().ok().copied().flatten().map(i128::from) != Some(tokens[&address]) {
            lost.push(format!("tokens of {address} are {found:?}, promised {}", tokens[&address]));
        }
    }
    lost
}

fn arguments() -> Result<Load, String> {
    let mut load = Load {
        vm: PathBuf::new(),
        token: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm/token.wasm")),
        transactions: 10_000,
        accounts: 100,
        kills: 1,
    };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} {value}: a number is expected"));
        match name.as_str() {
            "--vm" => load.vm = PathBuf::from(value),
            "--token" => load.token = PathBuf::from(value),
            "--transactions" => load.transactions = number()?,
            "--accounts" => load.accounts = number()?,
            "--kills" => load.kills = number()?,
            _ => return Err(format!("{name} is no option; see the head of vm-cli/examples/load.rs")),
        }
    }
    match load {
        Load { accounts: 0, .. } => Err("--accounts 0 sends nothing".to_owned()),
        load if load.vm.as_os_str().is_empty() => Err("--vm PATH says which program is the node".to_owned()),
        load => Ok(load),
    }
}

fn main() -> ExitCode {
    let outcome = arguments().and_then(|load| {
        println!(
            "{} transactions (half transfers of balance, half calls of a token's transfer) from {} accounts, {} kill(s) in the middle",
            load.transactions, load.accounts, load.kills
        );
        run(&load)
    });
    match outcome {
        Ok(outcome) => {
            print!("{}", outcome.text());
            for lost in outcome.lost.iter().take(20) {
                println!("  {lost}");
            }
            ExitCode::from(u8::from(!outcome.lost.is_empty()))
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::from(2)
        }
    }
}
