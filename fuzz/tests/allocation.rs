//! How much decoders hold, measured: what bytes from elsewhere can make a node allocate is a small multiple of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use parity_scale_codec::{Decode, Encode};
use peak_alloc::PeakAlloc;
use vm_chain::Signed;
use vm_core::codec::decode_exact;
use vm_core::interface::{Field, Flags, Function, Interface, Record, Type, Variant};
use vm_core::{
    Address, Block, BlockContext, Event, Hash, Header, Key, Mint, ObjectId, Params, Payload, Receipt, Status,
    Transaction,
};
use vm_fuzz::{Chain, Inputs, Run, Wasm, alice, bob, with_interface};
use vm_host::{Options, Vm, validate_module};
use vm_state::{
    EventProof, ProofError, ProofRequest, ReceiptProof, TrieBuilder, TrieView, Value, Witness, prove, verify,
    verify_chunk, verify_walk,
};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one path takes, and what the test itself does beside.
const FIXED: usize = 64 << 10;

/// One test at a time, so that no other allocates meanwhile.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most bytes that were in use at a time while `run` ran, beyond those before.
fn peak_of<T>(run: impl FnOnce() -> T) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    drop(run());
    MEMORY.peak_usage().saturating_sub(before)
}

/// What is measured, over all inputs: at most so many bytes for each of the input's, and a fixed number.
struct Bound {
    what: &'static str,
    each: usize,
    fixed: usize,
    /// The most that was measured for a byte, the fixed number not taken off.
    most: usize,
}

impl Bound {
    const fn new(what: &'static str, each: usize, fixed: usize) -> Self {
        Self { what, each, fixed, most: 0 }
    }

    /// Measures `run` on an input of `len` bytes.
    fn holds<T>(&mut self, name: &str, len: usize, run: impl FnOnce() -> T) {
        let peak = peak_of(run);
        let limit = self.each * len + self.fixed;
        assert!(peak <= limit, "{}, {name}: {peak} bytes for {len}", self.what);
        self.most = self.most.max(peak / (len + 1_000));
    }

    /// The measurement sees what is held: a bound far from all that was measured would not be one.
    fn is_near(&self, least: usize) {
        println!("{}: {} bytes for each at most", self.what, self.most);
        assert!(self.most >= least, "{}: {} bytes for each at most", self.what, self.most);
    }
}

/// The root that `bytes` have as a part of a state's trie, if they are one.
fn own_root(bytes: &[u8]) -> Option<Hash> {
    match verify(&Hash::ZERO, &ProofRequest::new(), bytes) {
        Err(ProofError::RootMismatch { found, .. }) => Some(found),
        _ => None,
    }
}

fn header(state_root: Hash) -> Header {
    Header {
        parent: Hash::ZERO,
        height: 0,
        time: 0,
        proposer: Address::ZERO,
        vm_version: 0,
        params: Hash::ZERO,
        transactions_root: Hash::ZERO,
        state_root,
        receipts_root: Hash::ZERO,
        gas_used: 0,
    }
}

/// Neighbouring entries without values: the most entries for their bytes.
fn many_entries() -> Vec<u8> {
    let mut keys: Vec<Key> = (0..=u16::MAX)
        .map(|number| {
            let mut id = [0xff; 32];
            id[30..].copy_from_slice(&number.to_be_bytes());
            Key::object(&ObjectId(id))
        })
        .collect();
    keys.sort_unstable();
    let (mut builder, mut request) = (TrieBuilder::new(), ProofRequest::new());
    for key in keys {
        builder.push(&key, &Value::new()).unwrap();
        request.key(key);
    }
    let trie = builder.finish();
    prove(&TrieView::new(header(trie.root()), trie).unwrap(), &request).unwrap()
}

/// Bytes that claim much, that are much, and the corpora of the decoders.
fn parts() -> Vec<(String, Vec<u8>)> {
    let mut inputs: Vec<(String, Vec<u8>)> = vec![
        ("forks all the way down".into(), vec![4; 100_000]),
        ("a value of 4 GiB".into(), [&[3, b's', 3][..], &[0xff; 4]].concat()),
        (
            "a value of 1 GiB less than its bytes".into(),
            [&[3, b's', 0xfe, 0xff, 0xff, 0xff][..], &[0; 1_000]].concat(),
        ),
        ("many entries".into(), many_entries()),
    ];
    let entries = &inputs[3].1;
    assert!(entries.len() > 3 << 16, "each entry takes three bytes or more");
    assert!(own_root(entries).is_some());
    for name in ["proof_decoder", "witness_decoder"] {
        for bytes in vm_fuzz::run_corpus(vm_fuzz::target(name).unwrap()) {
            inputs.push((name.into(), bytes.get(1..).unwrap_or_default().to_vec()));
            inputs.push((name.into(), bytes));
        }
    }
    inputs
}

#[test]
fn r91_r122_what_decoders_hold_is_bounded_by_their_bytes() {
    let _alone = alone();
    let nothing = ProofRequest::new();
    let mut decoded = Bound::new("a part of a state", 100, FIXED);
    // Whether nothing else is shown is found with a second structure beside the trie.
    let mut checked = Bound::new("a part of a state that is compared with a request", 200, FIXED);
    let mut trusted = 0;
    for (name, bytes) in &parts() {
        decoded.holds(name, bytes.len(), || drop(verify(&Hash::ZERO, &nothing, bytes)));
        decoded.holds(name, bytes.len(), || drop(verify_chunk(&Hash::ZERO, None, bytes)));
        decoded.holds(name, bytes.len(), || {
            drop(verify_walk(&Hash::ZERO, Key::EMPTY, Key::EMPTY, u32::MAX, bytes));
        });
        // Under its own root, a decoder goes on behind the comparison.
        let Some(own) = own_root(bytes) else { continue };
        trusted += 1;
        decoded.holds(name, bytes.len(), || drop(Witness::open(&header(own), bytes)));
        checked.holds(name, bytes.len(), || drop(verify(&own, &nothing, bytes)));
    }
    assert!(trusted >= 5, "{trusted} inputs are parts of some state");
    decoded.is_near(20);
    checked.is_near(50);
}

#[test]
fn r92_r122_proofs_of_receipts_and_events_hold_at_most_8_bytes_for_each_of_theirs() {
    let _alone = alone();
    let event = Event { contract: Address::ZERO, name: "e".into(), data: vec![7; 2_000] };
    let events = vec![event; 40];
    let receipt =
        Receipt { status: Status::Success, output: vec![1; 9_000], gas_used: 1, gas_refunded: 0, events };
    let receipts = vec![receipt; 40];
    let root = vm_core::commitment::index_root(receipts.iter().map(Receipt::hash));
    let mut bound = Bound::new("a proof of a receipt or an event", 8, FIXED);
    let proofs = [
        ReceiptProof::new(&receipts, 7).unwrap().encode(),
        EventProof::new(&receipts, 7, 7).unwrap().encode(),
    ];
    assert!(decode_exact::<ReceiptProof>(&proofs[0], usize::MAX).unwrap().verify(&root).is_ok());
    assert!(decode_exact::<EventProof>(&proofs[1], usize::MAX).unwrap().verify(&root).is_ok());
    let mut inputs: Vec<Vec<u8>> = proofs.iter().flat_map(|proof| claims(proof)).collect();
    inputs.extend(vm_fuzz::run_corpus(vm_fuzz::target("proof_decoder").unwrap()));
    for bytes in proofs.iter().chain(&inputs) {
        for root in [root, Hash::ZERO] {
            bound.holds("receipt", bytes.len(), || {
                decode_exact::<ReceiptProof>(bytes, usize::MAX).is_ok_and(|proof| proof.verify(&root).is_ok())
            });
            bound.holds("event", bytes.len(), || {
                decode_exact::<EventProof>(bytes, usize::MAX).is_ok_and(|proof| proof.verify(&root).is_ok())
            });
        }
    }
    bound.is_near(1);
}

/// `bytes` with lengths that claim up to 4 GiB written over each of its first places.
fn claims(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lengths: [&[u8]; 4] =
        [&[3, 0xff, 0xff, 0xff, 0xff], &[3, 0, 0, 0, 0x40], &[0xfe, 0xff, 0xff, 0xff], &[0xfd, 0xff]];
    let mut found = vec![];
    for at in 0..bytes.len().min(400) {
        for length in lengths {
            let rest = bytes.get(at + 1..).unwrap_or_default();
            found.push([&bytes[..at], length, rest].concat());
            found.push([&bytes[..at], length].concat());
        }
    }
    found
}

fn holds<T: Decode + Encode>(bound: &mut Bound, name: &str, value: &T) {
    let bytes = value.encode();
    assert!(decode_exact::<T>(&bytes, bytes.len()).is_ok(), "{name}");
    let inputs = claims(&bytes);
    for bytes in inputs.iter().chain([&bytes]) {
        bound.holds(name, bytes.len(), || decode_exact::<T>(bytes, bytes.len()).is_ok());
    }
}

fn transaction(payload: Payload) -> Transaction {
    Transaction { sender: alice(), nonce: 1, gas_limit: 2, gas_price: 3, payload }
}

#[test]
fn r122_blocks_and_transactions_hold_at_most_16_bytes_for_each_of_theirs() {
    let _alone = alone();
    let mut bound = Bound::new("a block or transaction", 16, FIXED);
    let transfer = transaction(Payload::Transfer { to: bob(), amount: 4 });
    let call = |args| Payload::Call { contract: bob(), function: "f".into(), args, value: 0 };
    let context = BlockContext { height: 1, time: 1, proposer: bob() };
    for payload in [call(vec![1; 500]), call(vec![1; 200_000]), Payload::Upload { code: vec![2; 70_000] }] {
        let transaction = transaction(payload);
        holds(&mut bound, "transaction", &transaction);
        holds(&mut bound, "signed", &Signed { transaction, authorization: vec![1; 96] });
    }
    let mints = vec![Mint { to: bob(), amount: 1 }; 3];
    let few =
        Block { context: context.clone(), mints: mints.clone(), transactions: vec![transfer.clone(); 3] };
    holds(&mut bound, "block", &few);
    holds(&mut bound, "block", &Block { context, mints, transactions: vec![transfer; 4_000] });
    for bytes in claims(&Params::default().encode()) {
        bound.holds("params", bytes.len(), || Params::from_bytes(&bytes, bytes.len()).is_ok());
    }
    bound.is_near(2);
}

/// Interfaces that have the most parts for their bytes.
fn interfaces() -> Vec<Interface> {
    let field = Field { name: "a".into(), ty: Type::U8 };
    let function = |name: usize, params| Function {
        name: format!("f{name}"),
        flags: Flags::default(),
        params,
        returns: Type::unit(),
        docs: String::new(),
    };
    let record = |name: usize| Record { name: format!("r{name}"), fields: vec![], docs: String::new() };
    let variant = |name: usize| Variant { name: format!("v{name}"), fields: vec![] };
    let fields = |count: usize| -> Vec<Field> {
        (0..count).map(|at| Field { name: format!("p{at}"), ty: Type::U8 }).collect()
    };
    let of = |functions| Interface { name: "n".into(), functions, ..Interface::default() };
    let enumeration = Type::Enum { name: "e".into(), variants: (0..200).map(variant).collect() };
    let tuple = Type::Tuple(vec![Type::Option(Box::new(Type::U8)); 2_000]);
    let typed = |ty| of(vec![function(0, vec![Field { name: "x".into(), ty }])]);
    let events = (0..2_000).map(record).collect();
    vec![
        of((0..2_000).map(|at| function(at, vec![])).collect()),
        of(vec![function(0, fields(4_000))]),
        of(vec![function(0, vec![field])]),
        Interface { name: "n".into(), events, ..Interface::default() },
        typed(enumeration),
        typed(tuple),
    ]
}

#[test]
fn r122_interfaces_hold_at_most_200_bytes_for_each_of_theirs() {
    let _alone = alone();
    let mut bound = Bound::new("an interface", 200, FIXED);
    for interface in interfaces() {
        let bytes = interface.encode();
        for bytes in claims(&bytes).iter().chain([&bytes]) {
            let limit = u32::try_from(bytes.len()).unwrap();
            bound.holds("interface", bytes.len(), || Interface::decode_checked(bytes, limit).is_ok());
            bound.holds("strict", bytes.len(), || decode_exact::<Interface>(bytes, bytes.len()).is_ok());
        }
    }
    bound.is_near(10);
}

#[test]
fn r61_r122_validation_holds_at_most_64_bytes_for_each_of_the_module() {
    let _alone = alone();
    let mut bound = Bound::new("validation", 64, 256 << 10);
    let mut modules = vm_fuzz::run_corpus(vm_fuzz::target("module_validation").unwrap());
    modules.iter_mut().for_each(|bytes| drop(bytes.drain(..1)));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wasm");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            modules.push(std::fs::read(path).unwrap());
        }
    }
    for interface in interfaces() {
        modules.push(with_interface(Wasm::default().build((1, 1)), &interface));
    }
    let (defaults, widest) = (Params::default(), vm_fuzz::widest());
    let (mut inputs, mut valid) = (Inputs::new(21), 0);
    for module in &modules {
        let mutated = inputs.mutate(module, &modules[0]);
        for bytes in [module, &mutated].into_iter().chain(&claims(&module[..module.len().min(120)])) {
            for params in [&defaults, &widest] {
                bound.holds("module", bytes.len(), || validate_module(bytes, params).is_ok());
            }
        }
        valid += u32::from(validate_module(module, &defaults).is_ok());
    }
    assert!(valid > 5, "{valid} modules are valid");
    bound.is_near(1);
}

#[test]
fn r91_r122_a_light_node_holds_a_multiple_of_its_witness() {
    let _alone = alone();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wasm/counter.wasm");
    let code = std::fs::read(path).unwrap();
    let params = Params::default();
    let mut chain = Chain::new(&params);
    let contract = Chain::address(&alice(), 0, &code);
    let deployed = chain.block(&[Chain::deployment(code.clone(), 0, vec![])]);
    println!("{:?}", deployed[0].receipt.status);
    let payload = Payload::Call { contract, function: "increment".into(), args: vec![], value: 0 };
    let transfer = Payload::Transfer { to: bob(), amount: 1 };
    let run = |payload| Run { sender: alice(), gas_limit: 2_000_000, payload };
    let before = chain.view();
    let (block, outcome) = chain.try_block(&[run(payload), run(transfer)]).unwrap();
    let witness = outcome.witness(&*before).unwrap();
    let parent = before.header().clone();
    let vm = Vm::new(params.clone());
    assert!(vm.execute_stateless(&parent, &block, &witness, Options::default()).is_ok());
    // What is refused runs little: the decoder's own bound, and what finding it out takes.
    let mut refused = Bound::new("a refused witness", 150, 1 << 20);
    for (name, bytes) in &parts() {
        let own = Header { state_root: own_root(bytes).unwrap_or(Hash::ZERO), ..parent.clone() };
        for parent in [&parent, &own] {
            refused.holds(name, bytes.len(), || {
                assert!(vm.execute_stateless(parent, &block, bytes, Options::default()).is_err());
            });
        }
    }
    refused.is_near(20);
    // A node that has not translated the contract: the engine's translation, the frame's memory and stack come to it.
    let mut taken = Bound::new("a witness that is taken", 100, 8 << 20);
    let cold = Vm::new(params);
    taken.holds("own", witness.len(), || {
        assert!(cold.execute_stateless(&parent, &block, &witness, Options::default()).is_ok());
    });
    taken.is_near(1);
}
