//! R5, R84, R90: random sequences of transactions, over the fixture contracts and generated ones. Committing them to
//! [`Chain`] executes each block in all ways that the code has and compares every byte (`common/ways.rs`); here the
//! same transactions are put into one block and into many as well.
//!
//! Dispatch is chosen when wasmi is built: `fixtures/cross.sh` compares a build with tail calls.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::script::{Arg, INPUT, SCRATCH, Script};
use common::{Chain, alice, bob, entries_from};
use parity_scale_codec::Encode;
use vm_core::abi::HostFunction as F;
use vm_core::interface::{Flags, Type};
use vm_core::{Address, CodeSource, Hash, Key, KeySpace, Mint, ObjectId, Payload, Receipt, Transaction};
use vm_state::Value;

const TOKEN: &[u8] = include_bytes!("../../fixtures/wasm/token.wasm");
const COUNTER: &[u8] = include_bytes!("../../fixtures/wasm/counter.wasm");
const NFT: &[u8] = include_bytes!("../../fixtures/wasm/nft.wasm");
const CALLER: &[u8] = include_bytes!("../../fixtures/wasm/caller.wasm");

/// A generator of its own, so that a seed means the same everywhere (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A contract that takes `(other contract, owner)` and does up to a dozen things, some of which fail.
fn generated(random: &mut Random) -> Vec<u8> {
    let flags = random.one(&[Flags::PAYABLE, Flags(Flags::PAYABLE.0 | Flags::REENTRANT.0), Flags::default()]);
    let mut script = Script::new().flags(flags).param("other", Type::Address).param("owner", Type::Address);
    let (run, cursor) = (script.bytes(b"run"), script.bytes(&[0; 16]));
    let (other, owner) = (INPUT, INPUT + 32);
    let mut objects: Vec<usize> = vec![script.call(F::object_create, &[0])];
    for _ in 0..random.below(12) {
        let object = random.one(&objects);
        let name = random.one(&["colour", "size", "a longer name of a field"]);
        match random.below(11) {
            0 => objects.push(script.call(F::object_create, &[random.below(2)])),
            1 => objects.push(script.call(F::object_get_by_owner, &[owner])),
            2 | 3 => {
                let value = vec![random.below(256) as u8; random.one(&[0, 1, 8, 64, 65, 400])];
                script.set(object, name, &value);
            }
            4 => {
                script.get(object, name);
            }
            5 => {
                script.op(F::object_set_owner, &[Arg::Out(object), owner.into()]);
            }
            6 => {
                script.call(F::objects_of, &[owner, cursor, SCRATCH, random.below(4)]);
            }
            7 => {
                script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
                script.call(F::object_delete, &[SCRATCH]);
            }
            8 => {
                script.call(F::transfer, &[random.one(&[other, owner]), random.below(30)]);
            }
            9 => {
                script.call(F::log, &[run, random.below(4), run, 3]);
            }
            _ => {
                let gas = random.one(&[0, 40_000, 300_000]);
                script.call(F::call, &[other, run, 3, INPUT, 64, random.below(3), gas]);
                script.call(F::returned, &[SCRATCH, 200]);
            }
        }
    }
    if random.below(5) == 0 { script.trap().build() } else { script.build() }
}

/// Contracts and people, and what happens among them.
struct World {
    chain: Chain,
    random: Random,
    people: [Address; 4],
    token: Address,
    counter: Address,
    nft: Address,
    caller: Address,
    scripts: Vec<Address>,
    ids: Vec<ObjectId>,
}

impl World {
    fn new(seed: u64) -> Self {
        let (mut chain, mut random) = (Chain::new(), Random(seed));
        let put = |chain: &mut Chain, code: &[u8], args: Vec<u8>| {
            let salt = Hash([chain.nonces.get(&alice()).copied().unwrap_or_default() as u8; 32]);
            let address = Address::of_contract(&alice(), &salt, &Hash::of_code(code));
            let code = CodeSource::Bytes(code.to_vec());
            chain.run(alice(), 500_000_000, Payload::Deploy { code, salt, args, value: 0 });
            address
        };
        let token = put(&mut chain, TOKEN, ("Gold", 1_000_000u64).encode());
        let counter = put(&mut chain, COUNTER, vec![]);
        let nft = put(&mut chain, NFT, vec![]);
        let caller = put(&mut chain, CALLER, vec![]);
        let scripts = (0..4).map(|_| put(&mut chain, &generated(&mut random), vec![])).collect();
        let people = [alice(), bob(), Address::named("carol"), Address::named("dave")];
        for &to in &people[2..] {
            chain.run(alice(), 100_000, Payload::Transfer { to, amount: 1_000_000_000 });
        }
        Self { chain, random, people, token, counter, nft, caller, scripts, ids: vec![ObjectId::ZERO] }
    }

    /// Something that somebody may want.
    fn payload(&mut self) -> Payload {
        let random = &mut self.random;
        let call = |contract, function: &str, args, value| Payload::Call {
            contract,
            function: function.into(),
            args,
            value,
        };
        let (someone, id, small) = (random.one(&self.people), random.one(&self.ids), random.below(5));
        let contracts: Vec<Address> =
            self.scripts.iter().copied().chain([self.token, self.counter, self.nft, self.caller]).collect();
        let (some, other) = (random.one(&self.scripts), random.one(&contracts));
        match random.below(16) {
            0 => Payload::Transfer { to: random.one(&[someone, some]), amount: random.below(1_000) },
            1..=3 => call(self.token, "transfer", (someone, random.below(400)).encode(), 0),
            4 => call(self.token, "transfer", (someone, u64::MAX).encode(), small / 4),
            5 => call(self.counter, random.one(&["increment", "fail", "get", "nothing"]), vec![], 0),
            6 => call(self.counter, "donate", vec![], small),
            7 => call(self.nft, "mint", (someone, "ipfs://x").encode(), 0),
            8 => call(self.nft, "transfer", (id, someone).encode(), 0),
            9 => call(self.nft, random.one(&["burn", "owner_of", "uri_of"]), id.encode(), 0),
            10 => call(self.caller, random.one(&["call_increment", "try_fail"]), self.counter.encode(), 0),
            11 => call(self.caller, "call_twice", (self.counter, small).encode(), 0),
            12 => call(self.caller, "forward", self.counter.encode(), small),
            _ => call(some, "run", (other, someone).encode(), random.one(&[0, 0, small])),
        }
    }

    fn transactions(&mut self, count: u64) -> Vec<Transaction> {
        (0..count)
            .map(|_| {
                let payload = self.payload();
                let sender = self.random.one(&self.people);
                let gas = self.random.one(&[3_000_000, 3_000_000, 60_000, 30_000]);
                self.chain.tx(sender, gas, payload)
            })
            .collect()
    }

    /// Balances, and the fields of all objects: what does not tell how transactions fell into blocks.
    fn shown(&self) -> BTreeMap<Key, Value> {
        let view = self.chain.view();
        [KeySpace::Account, KeySpace::Field].iter().flat_map(|space| entries_from(&*view, *space)).collect()
    }
}

/// What happened to a transaction, for the statistics.
fn kind(receipt: &Receipt) -> String {
    format!("{:?}", receipt.status)
}

#[test]
fn r5_r84_r90_random_sequences_come_out_alike_in_all_ways() {
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    let (mut blocks, mut transactions) = (0, 0);
    for seed in 0..6 {
        println!("seed {seed}");
        let mut world = World::new(seed);
        for _ in 0..5 {
            let count = world.random.below(7);
            let mut block = {
                let transactions = world.transactions(count);
                world.chain.block(transactions)
            };
            if world.random.below(3) == 0 {
                block.mints =
                    vec![Mint { to: world.random.one(&world.people), amount: 1 + world.random.below(9) }];
            }
            // Compares all ways of executing it.
            let outcome = world.chain.commit(&block);
            for executed in &outcome.transactions {
                kinds.insert(kind(&executed.receipt));
                if let Ok(id) = <[u8; 32]>::try_from(executed.receipt.output.as_slice()) {
                    world.ids.push(ObjectId(id));
                }
            }
            blocks += 1;
            transactions += count;
        }
    }
    println!("{blocks} blocks, {transactions} transactions; {} kinds of results: {kinds:?}", kinds.len());
    assert!(transactions > 60 && kinds.len() >= 6, "{transactions} transactions, {kinds:?}");
}

#[test]
fn r5_one_block_or_many_give_the_same_balances_fields_and_receipts() {
    for seed in 10..14 {
        println!("seed {seed}");
        let (mut one, mut many) = (World::new(seed), World::new(seed));
        let transactions = one.transactions(12);
        assert_eq!(many.transactions(12), transactions, "a seed means the same everywhere");
        let block = one.chain.block(transactions.clone());
        let together: Vec<Receipt> =
            one.chain.commit(&block).transactions.into_iter().map(|executed| executed.receipt).collect();
        let mut apart = Vec::new();
        for some in transactions.chunks(1 + (seed as usize % 3)) {
            let block = many.chain.block(some.to_vec());
            apart.extend(many.chain.commit(&block).transactions.into_iter().map(|executed| executed.receipt));
        }
        assert_eq!(apart, together, "no contract here asks for height or time");
        assert_eq!(one.shown(), many.shown());
        assert_ne!(one.chain.view().header().height, many.chain.view().header().height);
    }
}
