//! What whole blocks cost through a store on disk: token transfers, beside redb's bare write of the same entries.
//!
//! `cargo bench -p vm-host --bench blocks` makes chains of 10 thousand to a million entries; an argument selects by
//! substring: `phases` (execution, roots, commit, witness over a million entries), `growth` (over 10 thousand to a
//! million), `pipeline` (a block is executed on the uncommitted one before, which another thread commits meanwhile).
//! `large` adds ten million entries to whatever is selected, or is all three over these alone: twelve minutes on a busy
//! machine, 2.3 GB of memory and 7 GB of disk.
//!
//! Four entries of five are a holder's: account, object, field, owner's index. A block of `n` transfers is between
//! `2n` different holders drawn at random, so that it changes as many entries whatever the size: senders' accounts and
//! both balances. Phases and floor alternate, on a file each, of the same history. Nothing here asserts a time.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_macros,
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

#[path = "../../vm-state/benches/flat.rs"]
mod flat;
#[path = "../../vm-state/benches/random.rs"]
mod random;
#[path = "../../vm-state/benches/spent.rs"]
mod spent;
mod transfers;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::thread;

use flat::Flat;
use parity_scale_codec::Encode;
use random::Random;
use spent::{Spent, median, time};
use tempfile::TempDir;
use transfers::{Chain, Size, succeeded};
use vm_core::{Block, Features, GasSchedule, Header, Key, LimitInfo, Limits, Params};
use vm_host::{BlockOutcome, Options};
use vm_state::{LeafRow, Overlay, ReadError, RedbStore, Region, Store, Trie, Value, View, next_trie};

/// Rounds per figure; the median is reported.
const ROUNDS: usize = 9;
/// Blocks of a pipeline, beside the one that fills it.
const PIPELINED: u64 = 10;
/// Under a transfer's gas limit a block of 10,000 fits into the default limit.
const GAS_LIMIT: u64 = 100_000;
const THOUSAND: u64 = 1_000;
const MILLION: u64 = 1_000_000;

/// The default limits but for the witness bytes that a block may declare: a transfer declares more than a ten-thousandth
/// of the default.
fn params() -> Params {
    let limits = Limits { block_witness_bytes: 1 << 30, ..Limits::default() };
    Params::new("blocks", limits, Features::default(), GasSchedule::default()).unwrap()
}

/// A chain on disk, and its entries as bare rows in a file of their own.
struct Bench {
    chain: Chain<RedbStore>,
    flat: Flat,
    random: Random,
    entries: u64,
    holders: u64,
    _directory: TempDir,
}

impl Bench {
    fn new(entries: u64) -> Self {
        // The first one deploys the token and is in no block.
        let size = Size { holders: 1 + entries / 5, fillers: entries / 5 };
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let genesis = size.genesis(&params());
        let store = RedbStore::create(directory.path().join("state"), &genesis).unwrap();
        let flat = Flat::create(&directory.path().join("flat"), genesis.changes());
        drop(genesis);
        let mut chain = Chain::new(params(), store, size.holders, GAS_LIMIT);
        chain.hand_out(10_000, |commit| flat.write(&commit.changes));
        Self { chain, flat, random: Random(1), entries, holders: size.holders, _directory: directory }
    }

    /// Transfers between random holders, none of whom is in two of them.
    fn block(&mut self, ahead: u64, count: u64) -> Block {
        let mut picked = self.random.pick(2 * count, self.holders - 1);
        for end in (1..picked.len()).rev() {
            picked.swap(end, self.random.below(end as u64 + 1) as usize);
        }
        let transfers =
            picked.chunks(2).map(|pair| self.chain.transfer(1 + pair[0], 1 + pair[1], 1)).collect();
        self.chain.block(ahead, transfers)
    }

    fn name(&self, what: &str, count: u64) -> String {
        format!("{what}/entries={},transfers={count}", short(self.entries))
    }
}

fn short(entries: u64) -> String {
    if entries >= MILLION { format!("{}M", entries / MILLION) } else { format!("{}k", entries / THOUSAND) }
}

/// A view that notes when it is asked for its trie: there execution ends and the roots begin.
#[derive(Debug)]
struct Marked {
    below: Arc<dyn View>,
    mark: OnceLock<Spent>,
}

impl View for Marked {
    fn header(&self) -> &Header {
        self.below.header()
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        self.below.get(key)
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        self.below.next(prefix, from)
    }

    fn trie(&self) -> &Trie {
        self.mark.get_or_init(Spent::so_far);
        self.below.trie()
    }

    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        self.below.leaves(region)
    }

    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
        self.below.before(key)
    }
}

/// What each part of a block took.
#[derive(Clone, Copy, Default)]
struct Phases {
    execution: Spent,
    /// The state's root, the transactions' and the receipts', and the header.
    roots: Spent,
    /// The state's root again, from rows that are in memory by then.
    root_again: Spent,
    witness: Spent,
    commit: Spent,
    /// The bare write.
    floor: Spent,
}

impl Phases {
    fn whole(&self) -> Spent {
        self.execution + self.roots + self.commit
    }
}

fn phases(bench: &mut Bench, count: u64) -> (Phases, BlockOutcome, usize) {
    let block = bench.block(1, count);
    let mut spent = Phases::default();
    let view = bench.chain.store.view().unwrap();
    let marked = Arc::new(Marked { below: Arc::clone(&view), mark: OnceLock::new() });
    let watched: Arc<dyn View> = Arc::<Marked>::clone(&marked);
    let start = Spent::so_far();
    let outcome = bench.chain.vm.execute_block(&watched, &block, Options::default()).unwrap();
    let end = Spent::so_far();
    let mark = *marked.mark.get().unwrap();
    (spent.execution, spent.roots) = (mark - start, end - mark);
    succeeded(&outcome);
    spent.root_again = time(|| next_trie(&*view, &outcome.commit.changes).unwrap());
    let mut witness = vec![];
    spent.witness = time(|| witness = outcome.witness(&*view).unwrap());
    drop((watched, marked, view));
    spent.floor = time(|| bench.flat.write(&outcome.commit.changes));
    spent.commit = time(|| bench.chain.store.commit(&outcome.commit).unwrap());
    (spent, outcome, witness.len())
}

fn header() {
    println!(
        "{:<52} {:>8} {:>8} {:>7} {:>6} {:>9} {:>9} {:>6} {:>8}  aim",
        "name", "CPU ms", "ms", "+-", "share", "floor CPU", "floor ms", "CPU", "elapsed"
    );
}

/// Medians of `ours`, their share of `whole`, their ratio to `floor`.
fn line(name: &str, ours: &[Spent], whole: Option<&[Spent]>, floor: Option<&[Spent]>, aim: &str) {
    let ours = middle(ours);
    let share = whole.map(|whole| format!("{:.0} %", 100.0 * ours.0.elapsed / middle(whole).0.elapsed));
    let floor = floor.map(|floor| middle(floor).0).map_or_else(String::new, |floor| {
        let ratios = (ours.0.cpu / floor.cpu, ours.0.elapsed / floor.elapsed);
        let (cpu, elapsed) = (floor.cpu / 1e6, floor.elapsed / 1e6);
        format!("{cpu:>9.1} {elapsed:>9.1} {:>6.2} {:>8.2}  {aim}", ratios.0, ratios.1)
    });
    let (cpu, elapsed) = (ours.0.cpu / 1e6, ours.0.elapsed / 1e6);
    let (spread, share) = (100.0 * ours.1, share.unwrap_or_default());
    println!("{name:<52} {cpu:>8.1} {elapsed:>8.1} {spread:>6.1}% {share:>6} {floor}");
}

/// The medians, and the elapsed time's spread.
fn middle(samples: &[Spent]) -> (Spent, f64) {
    let (cpu, _) = median(samples.iter().map(|spent| spent.cpu).collect());
    let (elapsed, spread) = median(samples.iter().map(|spent| spent.elapsed).collect());
    (Spent { cpu, elapsed }, spread)
}

/// What blocks of one length took over one state.
struct Grown {
    entries: u64,
    whole: Spent,
    floor: Spent,
}

fn each_phase(bench: &mut Bench, count: u64) -> Grown {
    let mut all = vec![];
    let mut last = None;
    for round in 0..=ROUNDS {
        let (spent, outcome, witness) = phases(bench, count);
        // The first round warms caches up.
        if round > 0 {
            all.push(spent);
        }
        last = Some((outcome, witness));
    }
    let of = |phase: fn(&Phases) -> Spent| all.iter().map(phase).collect::<Vec<_>>();
    let (whole, floor) = (of(Phases::whole), of(|spent| spent.floor));
    for (what, spent) in [
        ("block::execution", of(|spent| spent.execution)),
        ("block::roots", of(|spent| spent.roots)),
        ("block::commit", of(|spent| spent.commit)),
    ] {
        line(&bench.name(what, count), &spent, Some(&whole), None, "");
    }
    line(&bench.name("block::execution+roots+commit", count), &whole, Some(&whole), Some(&floor), "");
    line(&bench.name("block::witness", count), &of(|spent| spent.witness), Some(&whole), None, "");
    line(
        &bench.name("block::state_root_again", count),
        &of(|spent| spent.root_again),
        Some(&whole),
        None,
        "",
    );
    let (whole, floor) = (middle(&whole).0, middle(&floor).0);
    let (outcome, witness) = last.unwrap();
    let changes = &outcome.commit.changes;
    let bytes = |(key, value): &(Key, Option<Value>)| {
        key.as_bytes().len() + value.as_ref().map_or(0, |value| value.len())
    };
    println!(
        "    {:.0} transfers a second, {:.1} us each; {} entries of {} B changed, witness {witness} B",
        count as f64 / whole.elapsed * 1e9,
        whole.elapsed / count as f64 / 1e3,
        changes.len(),
        changes.iter().map(bytes).sum::<usize>(),
    );
    Grown { entries: bench.entries, whole, floor }
}

/// How much of each limit a block takes, and how many transfers the default has room for.
fn limits(bench: &mut Bench, count: u64) {
    let before = bench.chain.nonces.clone();
    let block = bench.block(1, count);
    bench.chain.nonces = before;
    let view = bench.chain.store.view().unwrap();
    let outcome = bench.chain.vm.execute_block(&view, &block, Options::default()).unwrap();
    let info = |name: &str| Limits::TABLE.iter().find(|info| info.name == name).unwrap();
    let print = |info: &LimitInfo, taken: u64| {
        let room = info.default * count / taken;
        println!("    {}: {taken}, default {}, room for {room} transfers", info.name, info.default);
    };
    let receipts = outcome.commit.receipts.iter();
    println!("a block of {count} transfers takes of the limits:");
    print(info("block_transactions"), count);
    print(info("block_bytes"), block.transactions.iter().map(|tx| tx.encoded_size() as u64).sum());
    print(info("block_gas"), block.transactions.iter().map(|tx| tx.gas_limit).sum());
    print(
        info("block_witness_bytes"),
        outcome.transactions.iter().map(|tx| tx.resources.witness_bytes).sum(),
    );
    print(info("block_receipt_bytes"), receipts.map(|receipt| receipt.encoded_size() as u64).sum());
    println!(
        "    gas used: {}; the chain's parameters allow {} witness bytes",
        outcome.commit.header.gas_used,
        bench.chain.vm.params().limits().block_witness_bytes
    );
}

/// Growth beside the smallest state's; logarithmic growth stays below the ratio of the logarithms.
fn growth(count: u64, all: &[Grown]) {
    let [first, rest @ ..] = all else { return };
    if rest.is_empty() {
        return;
    }
    println!(
        "{:<52} {:>8} {:>9} {:>8} {:>9} {:>11} {:>9}",
        "growth", "CPU", "doubling", "elapsed", "doubling", "logarithmic", "floor"
    );
    for grown in rest {
        let doublings = (grown.entries as f64 / first.entries as f64).log2();
        let times = |of: fn(&Grown) -> f64| of(grown) / of(first);
        let each = |times: f64| 100.0 * (times - 1.0) / doublings;
        let (cpu, elapsed) = (times(|grown| grown.whole.cpu), times(|grown| grown.whole.elapsed));
        println!(
            "{:<52} {cpu:>7.2}x {:>+7.1} % {elapsed:>7.2}x {:>+7.1} % {:>10.2}x {:>8.2}x",
            format!(
                "block::growth/entries={}/{},transfers={count}",
                short(grown.entries),
                short(first.entries)
            ),
            each(cpu),
            each(elapsed),
            (grown.entries as f64).ln() / (first.entries as f64).ln(),
            times(|grown| grown.floor.elapsed),
        );
    }
}

/// One step of a pipeline, or of one block after the other.
#[derive(Default)]
struct Steps {
    /// A block, from one to the next.
    all: Vec<Spent>,
    /// Of which execution and roots, on their thread.
    execution: Vec<Spent>,
    /// Of which the commit.
    commit: Vec<Spent>,
    floor: Vec<Spent>,
    headers: Vec<Header>,
}

/// Blocks executed and committed one after the other.
fn in_sequence(bench: &mut Bench, blocks: &[Block]) -> Steps {
    let mut steps = Steps::default();
    let Bench { chain: Chain { vm, store, .. }, flat, .. } = bench;
    for block in blocks {
        let start = Spent::so_far();
        let view = store.view().unwrap();
        let mut outcome = vm.execute_block(&view, block, Options::default()).unwrap();
        drop(view);
        let executed = Spent::so_far();
        store.commit(&outcome.commit).unwrap();
        steps.commit.push(Spent::so_far() - executed);
        let changes = std::mem::take(&mut outcome.commit.changes);
        steps.headers.push(outcome.commit.header.clone());
        drop(outcome);
        steps.all.push(Spent::so_far() - start);
        steps.execution.push(executed - start);
        steps.floor.push(time(|| flat.write(&changes)));
    }
    steps
}

/// Each block executed on the state after the one before while that is committed.
fn overlapping(bench: &mut Bench, blocks: &[Block]) -> Steps {
    let mut steps = Steps::default();
    let Bench { chain: Chain { vm, store, .. }, flat, .. } = bench;
    let [first, rest @ ..] = blocks else { return steps };
    let mut before = vm.execute_block(&store.view().unwrap(), first, Options::default()).unwrap();
    for block in rest {
        let start = Spent::so_far();
        let head = store.view().unwrap();
        let (executed, next) = thread::scope(|scope| {
            let executing = scope.spawn(|| {
                let start = Spent::so_far();
                let parent: Arc<dyn View> = Arc::new(Overlay::new(head, &before.commit).unwrap());
                let next = vm.execute_block(&parent, block, Options::default()).unwrap();
                drop(parent);
                (Spent::so_far() - start, next)
            });
            steps.commit.push(time(|| store.commit(&before.commit).unwrap()));
            executing.join().unwrap()
        });
        let changes = std::mem::take(&mut before.commit.changes);
        steps.headers.push(before.commit.header.clone());
        before = next;
        let own = Spent::so_far() - start;
        steps.all.push(Spent { cpu: own.cpu + executed.cpu, elapsed: own.elapsed });
        steps.execution.push(executed);
        steps.floor.push(time(|| flat.write(&changes)));
    }
    store.commit(&before.commit).unwrap();
    flat.write(&before.commit.changes);
    steps.headers.push(before.commit.header);
    steps
}

fn pipeline(bench: &mut Bench, count: u64) {
    let blocks: Vec<Block> = (1..=1 + PIPELINED).map(|ahead| bench.block(ahead, count)).collect();
    let height = bench.chain.store.header().height;
    let sequential = in_sequence(bench, &blocks);
    bench.chain.store.rollback(height).unwrap();
    let pipelined = overlapping(bench, &blocks);
    assert_eq!(sequential.headers, pipelined.headers, "what overlaps changes no result");
    for (what, steps, aim) in [("sequential", &sequential, ""), ("pipelined", &pipelined, "1.3")] {
        // The first one warms caches up.
        let of = |steps: &[Spent]| steps[steps.len() - PIPELINED as usize..].to_vec();
        let (all, floor) = (of(&steps.all), of(&steps.floor));
        let name = |part: &str| bench.name(&format!("{what}::{part}"), count);
        line(&name("block"), &all, Some(&all), Some(&floor), aim);
        line(&name("execution+roots"), &of(&steps.execution), Some(&all), None, "");
        line(&name("commit"), &of(&steps.commit), Some(&all), None, "");
        println!("    {:.0} transfers a second", count as f64 / middle(&all).0.elapsed * 1e9);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (large, chosen): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| *argument == "large");
    let wants =
        |name: &str| chosen.is_empty() || chosen.iter().any(|argument| name.contains(argument.as_str()));
    let only_large = chosen.is_empty() && !large.is_empty();
    let mut sizes = vec![];
    if !only_large && wants("growth") {
        sizes.extend([10 * THOUSAND, 100 * THOUSAND]);
    }
    if !only_large {
        sizes.push(MILLION);
    }
    if !large.is_empty() {
        sizes.push(10 * MILLION);
    }
    let mut grown = BTreeMap::<u64, Vec<Grown>>::new();
    for entries in sizes {
        let mut bench = Bench::new(entries);
        if entries == MILLION && wants("phases") {
            limits(&mut bench, 10_000);
        }
        header();
        for count in [1_000, 10_000] {
            // Not enough holders otherwise.
            if 2 * count >= bench.holders {
                continue;
            }
            if wants("phases") || wants("growth") {
                grown.entry(count).or_default().push(each_phase(&mut bench, count));
            }
            if entries >= MILLION && wants("pipeline") {
                pipeline(&mut bench, count);
            }
        }
    }
    for (count, grown) in grown {
        growth(count, &grown);
    }
}
