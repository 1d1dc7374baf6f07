//! What a network of four processes on this machine does: blocks and transactions a second, from submission to finality,
//! with one validator killed, catching up, restoring a snapshot.
//!
//! ```sh
//! cargo bench --bench network              # all phases, some two minutes
//! cargo bench --bench network -- --quick   # each phase for a moment
//! ```
//!
//! Floors stand beside the figures where this machine has one: what redb's durable commit takes, of which a final block has
//! two (log and state) beside the engine's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a measurement that can't go on ends")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use vm_chain::api::types::At;
use vm_chain::rpc::Client;
use vm_chain::{Api as _, ApiError, ChainId, SecretKey, Signed};
use vm_core::{Address, Payload, Transaction};
use vm_node::config::Config;
use vm_node::join::{LostVotes, join};
use vm_node::testnet::{self, Layout, Process};

const VALIDATORS: u16 = 4;
/// Accounts that send, each with a key of its own.
const SENDERS: u64 = 2_048;
/// Entries of the state that is restored, beside those of the senders.
const OTHERS: u64 = 100_000;
const BALANCE: u64 = 1_000_000_000;

fn sender(index: u64) -> SecretKey {
    let mut seed = [1_u8; 32];
    seed[..8].copy_from_slice(&index.to_le_bytes());
    SecretKey::from_seed(seed)
}

struct Network {
    layout: Layout,
    nodes: Vec<Option<Process>>,
    chain: ChainId,
}

impl Drop for Network {
    fn drop(&mut self) {
        self.nodes.drain(..).flatten().for_each(Process::kill);
    }
}

/// A port such that it and those that a network takes after it are free now.
fn free_port() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut bases = (20_000..60_000_u16).step_by(200);
    bases.find(|base| (0..10).all(|above| free(base + above) && free(base + 100 + above))).unwrap()
}

impl Network {
    fn start(folder: &Path) -> Self {
        let layout =
            Layout { folder: folder.to_owned(), validators: VALIDATORS, followers: 1, port: free_port() };
        let mut spec = testnet::spec("bench");
        spec.accounts.extend((0..SENDERS).map(|index| (sender(index).public().address(), BALANCE)));
        spec.accounts.extend((0..OTHERS).map(|index| {
            let mut bytes = [7_u8; 32];
            bytes[..8].copy_from_slice(&index.to_le_bytes());
            (Address(bytes), 1)
        }));
        let chain = spec.id().unwrap();
        layout.write(spec).unwrap();
        let mut network = Self { layout, nodes: Vec::new(), chain };
        network.nodes.resize_with(usize::from(VALIDATORS), || None);
        (0..VALIDATORS).for_each(|index| network.run(index));
        (0..VALIDATORS).for_each(|index| network.wait(index, 3));
        network
    }

    fn run(&mut self, index: u16) {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_vm-node"));
        let process = Process::start(&program, &self.layout.config(index)).unwrap();
        match self.nodes.get_mut(usize::from(index)) {
            Some(node) => *node = Some(process),
            None => self.nodes.push(Some(process)),
        }
    }

    fn kill(&mut self, index: u16) {
        self.nodes[usize::from(index)].take().unwrap().kill();
    }

    fn client(&self, index: u16) -> Client {
        Client::new(&format!("http://{}", self.layout.rpc(index))).unwrap()
    }

    fn height(&self, index: u16) -> Option<u64> {
        self.client(index).status().ok().map(|status| status.head.height)
    }

    fn wait(&self, index: u16, height: u64) {
        let begun = Instant::now();
        while self.height(index).is_none_or(|found| found < height) {
            assert!(begun.elapsed() < Duration::from_secs(120), "node {index} is not at {height}");
            sleep(Duration::from_millis(5));
        }
    }
}

struct Sender<'a> {
    key: SecretKey,
    nonce: u64,
    network: &'a Network,
}

impl<'a> Sender<'a> {
    fn new(network: &'a Network, index: u64, client: &Client) -> Self {
        let key = sender(index);
        let nonce = client.account(key.public().address(), At::Head).unwrap().next_nonce;
        Self { key, nonce, network }
    }

    fn next(&mut self) -> Signed {
        let payload = Payload::Transfer { to: Address::named("bob"), amount: 1 };
        let sender = self.key.public().address();
        let transaction =
            Transaction { sender, nonce: self.nonce, gas_limit: 100_000, gas_price: 0, payload };
        self.nonce += 1;
        self.key.sign(transaction, &self.network.chain)
    }
}

fn percentile(times: &[Duration], of_hundred: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times[(times.len() * of_hundred / 100).min(times.len() - 1)]
}

fn say_latency(what: &str, times: &[Duration]) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let (p50, p90) = (percentile(times, 50), percentile(times, 90));
    println!("{what:<42} p50 {:.0} ms, p90 {:.0} ms ({} transfers)", ms(p50), ms(p90), times.len());
}

/// One after the other at each of `nodes`: from submission to the answer that it is final.
fn latency(network: &Network, nodes: &[u16], time: Duration) -> Vec<Duration> {
    let all = Mutex::new(Vec::new());
    scope(|scope| {
        for node in nodes {
            let all = &all;
            scope.spawn(move || {
                let client = network.client(*node);
                let mut sender = Sender::new(network, u64::from(*node), &client);
                let begun = Instant::now();
                let mut times = Vec::new();
                while begun.elapsed() < time {
                    let signed = sender.next();
                    let sent = Instant::now();
                    client.send(signed).unwrap();
                    times.push(sent.elapsed());
                }
                all.lock().unwrap().extend(times);
            });
        }
    });
    all.into_inner().unwrap()
}

/// As many as go: each thread submits for many senders and waits for the last one's block.
fn throughput(network: &Network, nodes: &[u16], time: Duration) -> (u64, f64) {
    let threads = 4_u64;
    let each = 64_u64;
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let done: u64 = scope(|scope| {
        let tasks: Vec<_> = (0..threads)
            .map(|thread| {
                let stop = stop.clone();
                let node = nodes[usize::try_from(thread).unwrap() % nodes.len()];
                scope.spawn(move || {
                    let client = network.client(node);
                    let first = 100 + thread * each;
                    let mut senders: Vec<Sender<'_>> =
                        (first..first + each).map(|index| Sender::new(network, index, &client)).collect();
                    let mut done = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let mut last = None;
                        for _ in 0..4 {
                            for sender in &mut senders {
                                last = Some(client.submit(sender.next()).unwrap());
                            }
                        }
                        let last = last.unwrap();
                        while matches!(client.receipt(last), Err(ApiError::Missing { .. })) {
                            sleep(Duration::from_millis(5));
                        }
                        done += each * 4;
                    }
                    done
                })
            })
            .collect();
        sleep(time);
        stop.store(true, Ordering::Relaxed);
        tasks.into_iter().map(|task| task.join().unwrap()).sum()
    });
    (done, begun.elapsed().as_secs_f64())
}

fn blocks_a_second(network: &Network, node: u16, work: impl FnOnce()) -> f64 {
    let (before, begun) = (network.height(node).unwrap(), Instant::now());
    work();
    let made = network.height(node).unwrap() - before;
    f64::from(u32::try_from(made).unwrap()) / begun.elapsed().as_secs_f64()
}

/// One durable commit of redb with some entries, in this folder: the least that any block costs.
fn floor(folder: &Path) -> Duration {
    let table = redb::TableDefinition::<u64, &[u8]>::new("floor");
    let database = redb::Database::create(folder.join("floor.redb")).unwrap();
    let mut times = Vec::new();
    for round in 0..40_u64 {
        let begun = Instant::now();
        let mut transaction = database.begin_write().unwrap();
        transaction.set_two_phase_commit(true);
        {
            let mut rows = transaction.open_table(table).unwrap();
            (0..10).for_each(|row| drop(rows.insert(round * 10 + row, [7_u8; 100].as_slice()).unwrap()));
        }
        transaction.commit().unwrap();
        times.push(begun.elapsed());
    }
    percentile(&times, 50)
}

fn main() {
    let quick = std::env::args().any(|arg| arg == "--quick");
    // `cargo test` runs benches too, to see that they work.
    let time = if quick || cfg!(debug_assertions) { Duration::from_secs(2) } else { Duration::from_secs(15) };
    let folder = tempfile::tempdir().unwrap();
    println!(
        "durable commit of redb with 10 rows (floor)   p50 {:.1} ms",
        floor(folder.path()).as_secs_f64() * 1_000.0
    );
    let mut network = Network::start(&folder.path().join("network"));
    let all = [0, 1, 2, 3];

    let mut times = Vec::new();
    let blocks = blocks_a_second(&network, 0, || times = latency(&network, &all, time));
    println!("four validators, one transfer at a time each  {blocks:.1} blocks/s");
    say_latency("  from submission to finality", &times);

    let mut done = (0, 1.0);
    let blocks = blocks_a_second(&network, 0, || done = throughput(&network, &all, time));
    let rate = f64::from(u32::try_from(done.0).unwrap()) / done.1;
    println!("four validators, many at a time               {blocks:.1} blocks/s, {rate:.0} transfers/s");

    network.kill(3);
    let mut times = Vec::new();
    let blocks = blocks_a_second(&network, 0, || times = latency(&network, &all[..3], time));
    println!("one of four killed                            {blocks:.1} blocks/s");
    say_latency("  from submission to finality", &times);

    let behind = network.height(0).unwrap();
    let begun = Instant::now();
    network.run(3);
    network.wait(3, 0);
    let (at, up) = (network.height(3).unwrap(), begun.elapsed());
    network.wait(3, behind);
    let caught = begun.elapsed().saturating_sub(up).as_secs_f64();
    let missed = behind.saturating_sub(at);
    println!(
        "catching up: {missed} blocks                        {:.0} blocks/s ({:.1} s after the start of the process, which took {:.1})",
        f64::from(u32::try_from(missed).unwrap()) / caught,
        caught,
        up.as_secs_f64()
    );

    let config = Config::read(&network.layout.config(VALIDATORS)).unwrap();
    let begun = Instant::now();
    let joined = join(&config, &network.client(0), LostVotes::Refused).unwrap();
    println!(
        "joining: {} entries, {} chunks, {:.1} MB       {:.1} s",
        SENDERS + OTHERS + 10,
        joined.chunks,
        f64::from(u32::try_from(joined.bytes).unwrap()) / 1e6,
        begun.elapsed().as_secs_f64()
    );
    network.run(VALIDATORS);
    let goal = network.height(0).unwrap();
    network.wait(VALIDATORS, goal);
    println!("  and following                               {:.1} s", begun.elapsed().as_secs_f64());
}
