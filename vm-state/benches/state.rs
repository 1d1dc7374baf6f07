//! What state costs beside its floor, both measured in the same run.
//!
//! `cargo bench -p vm-state` prints every figure as CPU time of this thread: the median of rounds that alternate
//! between the figure and its floor, so that a noisy neighbour hits both; where a disk is waited for, elapsed time
//! stands in a line of its own. An argument selects by substring; `large` adds the store of ten million entries, which
//! takes minutes and 8 GB of memory to make. Nothing here asserts a time.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark is above the consensus line"
)]

mod flat;
mod parts;
mod random;
mod spent;

use std::path::Path;
use std::process::Command;

use flat::Flat;
use parity_scale_codec::Encode;
use parts::Parts;
use random::Random;
use spent::{Spent, median, time};
use vm_core::commitment::inner_hash;
use vm_core::{Account, Address, Hash, Header, Key, Params};
use vm_state::{
    BlockCommit, ChangeSet, Genesis, MemoryStore, ProofRequest, RedbStore, Store, Value, View, next_trie,
    prove, verify,
};

/// Rounds per figure; the median is reported.
const ROUNDS: usize = 9;
const MILLION: u64 = 1_000_000;

fn header() {
    println!("{:<58} {:>12} {:>7} {:>12} {:>7}  aim", "name", "us", "+-", "floor us", "ratio");
}

fn line(name: &str, ours: Vec<f64>, floor: Option<Vec<f64>>, aim: &str) {
    let (ours, spread) = median(ours);
    let (floor, ratio) = match floor.map(|floor| median(floor).0) {
        Some(floor) => (format!("{:.1}", floor / 1e3), format!("{:.2}", ours / floor)),
        None => (String::new(), String::new()),
    };
    println!("{name:<58} {:>12.1} {:>6.1}% {floor:>12} {ratio:>7}  {aim}", ours / 1e3, spread * 100.0);
}

fn bytes_line(name: &str, ours: usize, floor: usize, aim: &str) {
    let ratio = ours as f64 / floor as f64;
    println!("{name:<58} {ours:>10} B {:>7} {floor:>10} B {ratio:>7.2}  {aim}", "");
}

fn address(index: u64) -> Address {
    Address::named(&format!("holder {index}"))
}

fn genesis(entries: u64) -> Genesis {
    let accounts: Vec<_> = (0..entries).map(|index| (address(index), 1 + index)).collect();
    Genesis::new(&Params::default(), 0, &accounts).unwrap()
}

/// New balances of these accounts.
fn updates(picked: &[u64], round: u64) -> ChangeSet {
    let value = |index: u64| Account { nonce: round, balance: index }.encode();
    let mut changes: ChangeSet =
        picked.iter().map(|&i| (Key::account(&address(i)), Some(Value::from_vec(value(i))))).collect();
    changes.sort_by_key(|(key, _)| *key);
    changes
}

fn block(view: &dyn View, changes: ChangeSet) -> BlockCommit {
    let trie = next_trie(view, &changes).unwrap();
    let parent = view.header();
    let (parent, height) = (parent.hash(), parent.height + 1);
    let header = Header { parent, height, state_root: trie.root(), ..view.header().clone() };
    BlockCommit { header, changes, trie, receipts: vec![] }
}

/// What so many hashes of inner nodes take, one after the other.
fn hashing(count: u64) -> Spent {
    time(|| {
        let mut hash = Hash::ZERO;
        for bit in 0..count {
            hash = inner_hash(bit as u16, &hash, &Hash::ZERO);
        }
        hash
    })
}

/// How many hashes `updates` of `entries` need at least (DESIGN section 6).
fn hashes_needed(updates: u64, entries: u64) -> u64 {
    (updates as f64 * ((entries as f64 / updates as f64).log2() + 2.1)) as u64
}

fn in_memory(store: &MemoryStore, random: &mut Random) {
    let view = store.view().unwrap();
    for count in [1_000, 10_000] {
        let (mut ours, mut floor) = (vec![], vec![]);
        for round in 0..=ROUNDS as u64 {
            let changes = updates(&random.pick(count, MILLION), round + 1);
            let spent = time(|| next_trie(&*view, &changes).unwrap());
            let bound = hashing(hashes_needed(count, MILLION));
            if round > 0 {
                ours.push(spent.cpu);
                floor.push(bound.cpu);
            }
        }
        line(&format!("trie::update/entries=1M,updates={count}"), ours, Some(floor), "2.5");
    }
}

fn proofs(store: &MemoryStore, random: &mut Random) {
    let view = store.view().unwrap();
    let root = view.trie().root();
    for count in [1, 1_000] {
        let (mut proving, mut verifying, mut updating, mut floor) = (vec![], vec![], vec![], vec![]);
        let mut sizes = (0, 0);
        for round in 0..=ROUNDS as u64 {
            let picked = random.pick(count, MILLION);
            let mut request = ProofRequest::new();
            for &index in &picked {
                request.key(Key::account(&address(index)));
            }
            let proof = prove(&*view, &request).unwrap();
            let part = verify(&root, &request, &proof).unwrap();
            let changes = updates(&picked, round + 1);
            let parts = Parts::of(&proof);
            sizes = (proof.len(), parts.least());
            let spent = (
                time(|| prove(&*view, &request).unwrap()).cpu,
                time(|| verify(&root, &request, &proof).unwrap()).cpu,
                time(|| part.update(None, &changes).unwrap()).cpu,
                // A leaf is two hashes, of one block and of two: its value's and its own.
                hashing((parts.forks() + 3 * parts.leaves) as u64).cpu,
            );
            if round > 0 {
                proving.push(spent.0);
                verifying.push(spent.1);
                updating.push(spent.2);
                floor.push(spent.3);
            }
        }
        bytes_line(&format!("proof::bytes/entries=1M,keys={count}"), sizes.0, sizes.1, "1.25");
        line(&format!("proof::prove/entries=1M,keys={count}"), proving, Some(floor.clone()), "");
        line(&format!("proof::verify/entries=1M,keys={count}"), verifying, Some(floor.clone()), "");
        line(&format!("proof::post_root/entries=1M,keys={count}"), updating, Some(floor), "3");
    }
}

fn through_redb(genesis: &Genesis, random: &mut Random) {
    let directory = tempfile::tempdir_in(".").unwrap();
    let mut store = RedbStore::create(directory.path().join("state"), genesis).unwrap();
    let flat = Flat::create(&directory.path().join("flat"), genesis.changes());
    for count in [1_000, 10_000] {
        let mut ours: Vec<Spent> = vec![];
        let (mut root, mut floor): (Vec<Spent>, Vec<Spent>) = (vec![], vec![]);
        for round in 0..=ROUNDS as u64 {
            let changes = updates(&random.pick(count, MILLION), round + 1);
            let bare = time(|| flat.write(&changes));
            let view = store.view().unwrap();
            let mut made = None;
            let rooted = time(|| made = Some(block(&*view, changes)));
            drop(view);
            let spent = time(|| store.commit(&made.unwrap()).unwrap());
            if round > 0 {
                ours.push(Spent { cpu: rooted.cpu + spent.cpu, elapsed: rooted.elapsed + spent.elapsed });
                root.push(rooted);
                floor.push(bare);
            }
        }
        let cpu = |all: &[Spent]| all.iter().map(|spent| spent.cpu).collect::<Vec<_>>();
        let elapsed = |all: &[Spent]| all.iter().map(|spent| spent.elapsed).collect::<Vec<_>>();
        let name = |what: &str| format!("redb::{what}/entries=1M,updates={count}");
        line(&name("root"), cpu(&root), None, "");
        line(&name("root+commit"), cpu(&ours), Some(cpu(&floor)), "1.4");
        line(&name("root+commit,elapsed"), elapsed(&ours), Some(elapsed(&floor)), "1.4");
    }
    let key = |index| Key::account(&address(index));
    let view = store.view().unwrap();
    let mut request = ProofRequest::new();
    for index in random.pick(1_000, MILLION) {
        request.key(key(index));
    }
    let proving = (0..ROUNDS).map(|_| time(|| prove(&*view, &request).unwrap()).cpu).collect();
    line("redb::prove/entries=1M,keys=1000", proving, None, "");
}

/// Opening and holding ten million entries, each in a process of its own.
fn large() {
    let directory = tempfile::tempdir_in(".").unwrap();
    let path = directory.path().join("state");
    drop(RedbStore::create(&path, &genesis(10 * MILLION)).unwrap());
    println!("{:<58} {:>12} B", "redb::file/entries=10M", std::fs::metadata(&path).unwrap().len());
    for _ in 0..3 {
        let child = Command::new(std::env::current_exe().unwrap()).arg("--open").arg(&path).status().unwrap();
        assert!(child.success());
    }
}

/// The child of [`large`]: opens, then commits blocks.
fn open_large(path: &Path) {
    let mut store = None;
    let spent = time(|| store = Some(RedbStore::open(path, &Params::default().hash()).unwrap()));
    let mut store = store.unwrap();
    let opened = memory();
    let mut random = Random(store.header().height + 7);
    for round in 0..5 {
        let view = store.view().unwrap();
        let made = block(&*view, updates(&random.pick(10_000, 10 * MILLION), round));
        drop(view);
        store.commit(&made).unwrap();
    }
    println!(
        "redb::open/entries=10M: {:.0} ms, {:.0} of CPU (aim 1,000), {:.0} MB then, {:.0} MB after five blocks of 10,000 \
         (aim 200)",
        spent.elapsed / 1e6,
        spent.cpu / 1e6,
        opened,
        memory(),
    );
}

/// The most memory that this process has had, in MB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1e3
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [open, path] = arguments.as_slice()
        && open == "--open"
    {
        return open_large(Path::new(path));
    }
    let wants = |name: &str| {
        arguments.is_empty() || arguments.iter().any(|argument| name.contains(argument.as_str()))
    };
    header();
    let mut random = Random(1);
    if ["trie", "proof", "redb"].into_iter().any(wants) {
        let genesis = genesis(MILLION);
        let store = MemoryStore::new(&genesis);
        if wants("trie") {
            in_memory(&store, &mut random);
        }
        if wants("proof") {
            proofs(&store, &mut random);
        }
        drop(store);
        if wants("redb") {
            through_redb(&genesis, &mut random);
        }
    }
    if arguments.iter().any(|argument| argument == "large") {
        large();
    }
}
