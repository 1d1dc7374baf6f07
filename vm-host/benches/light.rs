//! What light nodes cost: witness bytes, and execution on a witness beside execution on the whole state.
//!
//! `cargo bench -p vm-host --bench light`: the token over a million entries, blocks of transfers between random holders.
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

mod harness;
#[path = "../../vm-state/benches/parts.rs"]
mod parts;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use harness::{beside, header, line};
use parity_scale_codec::{Decode, Encode};
use parts::Parts;
use vm_core::{Address, Block, BlockContext, CodeSource, Hash, Header, Params, Payload, Status, Transaction};
use vm_host::{Options, Vm};
use vm_state::{Genesis, MemoryStore, Store, View};

const TOKEN: &[u8] = include_bytes!("../../fixtures/wasm/token.wasm");
/// Accounts that only fill the state.
const FILLERS: u32 = 900_000;
/// Holders of the token: an account, an object, a field and an index entry each.
const HOLDERS: u64 = 25_000;
const BLOCK: usize = 1_000;

fn holder(index: u64) -> Address {
    Address::named(&format!("holder {index}"))
}

/// A generator of its own, so that runs are alike (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

struct Chain {
    vm: Vm,
    store: MemoryStore,
    nonces: BTreeMap<Address, u64>,
    token: Address,
}

impl Chain {
    fn new() -> Self {
        let params = Params::default();
        let fillers = (0..FILLERS).map(|index| (Address::named(&format!("filler {index}")), 1));
        let accounts: Vec<_> =
            fillers.chain((0..HOLDERS).map(|index| (holder(index), 1_000_000_000_000))).collect();
        let store = MemoryStore::new(&Genesis::new(&params, 0, &accounts).unwrap());
        let token = Address::of_contract(&holder(0), &Hash::ZERO, &Hash::of_code(TOKEN));
        let mut chain = Self { vm: Vm::new(params), store, nonces: BTreeMap::new(), token };
        let (code, args) = (CodeSource::Bytes(TOKEN.to_vec()), ("Gold", u64::MAX).encode());
        let deploy = Payload::Deploy { code, salt: Hash::ZERO, args, value: 0 };
        let deploy = vec![chain.tx(holder(0), deploy)];
        chain.commit(deploy);
        let others: Vec<u64> = (1..HOLDERS).collect();
        for some in others.chunks(BLOCK) {
            let transfers = some.iter().map(|&index| chain.transfer(0, index, 1_000_000)).collect();
            chain.commit(transfers);
        }
        chain
    }

    fn tx(&mut self, sender: Address, payload: Payload) -> Transaction {
        let nonce = self.nonces.entry(sender).or_default();
        let tx = Transaction { sender, nonce: *nonce, gas_limit: 900_000, gas_price: 1, payload };
        *nonce += 1;
        tx
    }

    fn transfer(&mut self, from: u64, to: u64, amount: u64) -> Transaction {
        let args = (holder(to), amount).encode();
        let payload = Payload::Call { contract: self.token, function: "transfer".into(), args, value: 0 };
        self.tx(holder(from), payload)
    }

    fn block(&self, transactions: Vec<Transaction>) -> Block {
        let height = self.store.header().height + 1;
        let context = BlockContext { height, time: 0, proposer: Address::named("proposer") };
        Block { context, mints: vec![], transactions }
    }

    fn commit(&mut self, transactions: Vec<Transaction>) {
        let block = self.block(transactions);
        let outcome = self.vm.execute_block(&self.store.view().unwrap(), &block, Options::default()).unwrap();
        let refused = outcome.commit.receipts.iter().find(|receipt| receipt.status != Status::Success);
        assert_eq!(refused, None);
        self.store.commit(&outcome.commit).unwrap();
    }

    /// A block of transfers between random holders, of which `state` is restored afterwards.
    fn random_block(&mut self, random: &mut Random, count: usize) -> Block {
        let before = self.nonces.clone();
        let transfers = (0..count).map(|_| {
            let (from, to) = (1 + random.below(HOLDERS - 1), 1 + random.below(HOLDERS - 1));
            self.transfer(from, to, 1)
        });
        let transfers = transfers.collect();
        self.nonces = before;
        self.block(transfers)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [verify, path] = arguments.as_slice()
        && verify == "--verify"
    {
        return verify_files(Path::new(path));
    }
    let mut chain = Chain::new();
    let mut random = Random(1);
    header();
    for count in [1, 100, BLOCK] {
        let block = chain.random_block(&mut random, count);
        let view: Arc<dyn View> = chain.store.view().unwrap();
        let outcome = chain.vm.execute_block(&view, &block, Options::default()).unwrap();
        let witness = outcome.witness(&*view).unwrap();
        let parts = Parts::of(&witness);
        println!(
            "witness::bytes/entries=1M,transfers={count}: {} B, {} a transfer; hashes, keys, values: {} B; ratio {:.3} \
             (aim 1.25)",
            witness.len(),
            witness.len() / count,
            parts.least(),
            witness.len() as f64 / parts.least() as f64,
        );
        let (light, full) = beside(
            || {
                let parent = view.header();
                let outcome =
                    chain.vm.execute_stateless(parent, &block, &witness, Options::default()).unwrap();
                drop(outcome);
                count as u64
            },
            || {
                drop(chain.vm.execute_block(&view, &block, Options::default()).unwrap());
                count as u64
            },
        );
        line(&format!("stateless::execute/transfers={count}"), light, Some(full.median), "2");
        let (proving, full) = beside(
            || {
                drop(outcome.witness(&*view).unwrap());
                count as u64
            },
            || {
                drop(chain.vm.execute_block(&view, &block, Options::default()).unwrap());
                count as u64
            },
        );
        line(&format!("stateless::witness/transfers={count}"), proving, Some(full.median), "");
        if count == 100 {
            peak_memory(view.header(), &block, &witness, outcome.commit.header.hash());
        }
    }
}

/// Verifies in a process of its own, and prints the most memory that it had.
fn peak_memory(parent: &Header, block: &Block, witness: &[u8], expected: Hash) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("case");
    std::fs::write(&path, (parent, block, witness, expected).encode()).unwrap();
    let child = Command::new(std::env::current_exe().unwrap()).arg("--verify").arg(&path).status().unwrap();
    assert!(child.success());
}

fn verify_files(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let decoded = <(Header, Block, Vec<u8>, Hash)>::decode(&mut bytes.as_slice()).unwrap();
    let (parent, block, witness, expected) = decoded;
    drop(bytes);
    let before = memory("VmHWM:");
    let vm = Vm::new(Params::default());
    let outcome = vm.execute_stateless(&parent, &block, &witness, Options::default()).unwrap();
    assert_eq!(outcome.commit.header.hash(), expected);
    println!(
        "stateless::memory/transfers={}: {:.0} kB more at the peak than before (aim 4,000), {:.0} kB the whole process",
        block.transactions.len(),
        memory("VmHWM:") - before,
        memory("VmHWM:"),
    );
}

/// A line of the process's status, in kB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0)
}
