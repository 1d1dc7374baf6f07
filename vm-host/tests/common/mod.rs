//! A small chain for tests: modules from wat with an interface, blocks, and what must hold after every block.
#![allow(dead_code, unreachable_pub, missing_debug_implementations, reason = "each test file uses a part")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::wildcard_enum_match_arm,
    clippy::new_without_default,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

pub mod effects;
#[cfg(feature = "profile")]
pub mod ledger;
pub mod puppet;
pub mod script;
pub mod town;
pub mod ways;

use std::collections::BTreeMap;
use std::sync::Arc;

use parity_scale_codec::Encode;
use vm_core::abi::INTERFACE_SECTION;
use vm_core::interface::{Field, Flags, Function, Interface, Type};
use vm_core::{
    Address, Block, BlockContext, CodeSource, ErrorCode, Hash, Key, KeySpace, Limits, Mint, ObjectMeta,
    OwnedObject, Params, Payload, Receipt, Status, Transaction,
};
use vm_host::{BlockError, BlockOutcome, Executed, FrameTrace, Operation, Options, Step, TraceLevel, Vm};
use vm_state::{Genesis, MemoryStore, StateReader, Store, View};

use self::ways::Ways;

/// What a function of a test module is.
pub fn function(name: &str, flags: Flags, params: &[(&str, Type)]) -> Function {
    let params = params.iter().map(|(name, ty)| Field { name: (*name).into(), ty: ty.clone() }).collect();
    Function { name: name.into(), flags, params, returns: Type::unit(), docs: String::new() }
}

/// `wasm` with the interface section appended.
pub fn with_interface(mut wasm: Vec<u8>, interface: &Interface) -> Vec<u8> {
    use wasm_encoder::{Encode as _, Section as _};
    let data = interface.encode();
    let section =
        wasm_encoder::CustomSection { name: INTERFACE_SECTION.into(), data: data.as_slice().into() };
    wasm.push(section.id());
    section.encode(&mut wasm);
    wasm
}

/// A module from wat that offers `functions`.
pub fn module(wat: &str, functions: Vec<Function>) -> Vec<u8> {
    let interface = Interface { name: "test".into(), functions, ..Interface::default() };
    with_interface(wat::parse_str(wat).unwrap(), &interface)
}

/// A module whose functions take no parameters and have no flags unless the name says so: `view_x`, `init_x`,
/// `payable_x`, `reentrant_x`.
pub fn plain_module(body: &str, functions: &[&str]) -> Vec<u8> {
    let flags = |name: &str| match name.split('_').next() {
        Some("view") => Flags::VIEW,
        Some("init") => Flags::INIT,
        Some("payable") => Flags::PAYABLE,
        Some("reentrant") => Flags::REENTRANT,
        _ => Flags::default(),
    };
    let functions = functions.iter().map(|name| function(name, flags(name), &[])).collect();
    module(body, functions)
}

pub const START: u64 = 1_000_000_000_000;

/// A chain on a memory store.
pub struct Chain {
    pub vm: Vm,
    pub store: MemoryStore,
    pub nonces: BTreeMap<Address, u64>,
    pub trace: TraceLevel,
    supply: u64,
    ways: Ways,
}

pub fn alice() -> Address {
    Address::named("alice")
}

pub fn bob() -> Address {
    Address::named("bob")
}

pub fn proposer() -> Address {
    Address::named("proposer")
}

impl Chain {
    pub fn new() -> Self {
        Self::with_params(Params::default())
    }

    pub fn with_limits(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        let base = Params::default();
        Self::with_params(Params::new("test", limits, base.features(), base.gas().clone()).unwrap())
    }

    pub fn with_params(params: Params) -> Self {
        let genesis = Genesis::new(&params, 0, &[(alice(), START), (bob(), START)]).unwrap();
        let vm = Vm::new(params);
        let ways = Ways::new(&genesis, &vm);
        let (store, nonces) = (MemoryStore::new(&genesis), BTreeMap::new());
        Self { vm, store, nonces, trace: TraceLevel::Full, supply: START * 2, ways }
    }

    pub fn view(&self) -> Arc<dyn View> {
        self.store.view().unwrap()
    }

    pub fn tx(&mut self, sender: Address, gas_limit: u64, payload: Payload) -> Transaction {
        let nonce = self.nonces.entry(sender).or_default();
        let tx = Transaction { sender, nonce: *nonce, gas_limit, gas_price: 1, payload };
        *nonce += 1;
        tx
    }

    pub fn block(&self, transactions: Vec<Transaction>) -> Block {
        let height = self.view().header().height + 1;
        let time = i64::try_from(height).unwrap() * 1_000;
        Block { context: BlockContext { height, time, proposer: proposer() }, mints: vec![], transactions }
    }

    /// Executes without committing.
    pub fn execute(&self, block: &Block) -> Result<BlockOutcome, BlockError> {
        self.vm.execute_block(&self.view(), block, Options { trace: self.trace })
    }

    /// Executes, commits, and checks what must hold after every block.
    pub fn commit(&mut self, block: &Block) -> BlockOutcome {
        let outcome = self.execute(block).unwrap();
        for executed in &outcome.transactions {
            let (receipt, resources) = (&executed.receipt, &executed.resources);
            let billed = vm_core::Gas::from_fuel_ceil(resources.billed_fuel()).0;
            assert_eq!(billed, receipt.gas_used + receipt.gas_refunded, "{resources:?}");
        }
        self.ways.check(&self.view(), block, &outcome);
        self.store.commit(&outcome.commit).unwrap();
        self.supply += block.mints.iter().map(|mint: &Mint| mint.amount).sum::<u64>();
        self.check();
        outcome
    }

    /// One transaction in a block of its own.
    pub fn run(&mut self, sender: Address, gas_limit: u64, payload: Payload) -> Executed {
        let tx = self.tx(sender, gas_limit, payload);
        let block = self.block(vec![tx]);
        self.commit(&block).transactions.remove(0)
    }

    pub fn call_value(&mut self, contract: Address, function: &str, args: Vec<u8>, value: u64) -> Receipt {
        let payload = Payload::Call { contract, function: function.into(), args, value };
        self.run(alice(), 100_000_000, payload).receipt
    }

    pub fn call(&mut self, contract: Address, function: &str, args: impl Encode) -> Receipt {
        self.call_value(contract, function, args.encode(), 0)
    }

    pub fn try_deploy(&mut self, code: &[u8]) -> (Executed, Address) {
        let salt =
            Hash([u8::try_from(self.nonces.get(&alice()).copied().unwrap_or_default() % 251).unwrap(); 32]);
        let address = Address::of_contract(&alice(), &salt, &Hash::of_code(code));
        let code = CodeSource::Bytes(code.to_vec());
        (self.run(alice(), 500_000_000, Payload::Deploy { code, salt, args: vec![], value: 0 }), address)
    }

    pub fn deploy(&mut self, code: &[u8]) -> Address {
        let (executed, address) = self.try_deploy(code);
        assert_eq!(executed.receipt.status, Status::Success, "{:?}", executed.trace);
        address
    }

    pub fn balance(&self, address: &Address) -> u64 {
        StateReader::new(&*self.view()).account(address).unwrap().balance
    }

    /// R14, R84: no value is made or lost, and the owner index is the metadata.
    pub fn check(&self) {
        let view = self.view();
        let (mut balances, mut owned, mut metas) = (0u128, BTreeMap::new(), BTreeMap::new());
        for space in [KeySpace::Account, KeySpace::Object, KeySpace::Owned] {
            let start = entries_from(&*view, space);
            for (key, value) in start {
                match space {
                    KeySpace::Account => {
                        let account = vm_core::Account::from_entry(&value).unwrap();
                        assert!(account != vm_core::Account::default(), "an empty account has no entry");
                        balances += u128::from(account.balance);
                    }
                    KeySpace::Object => {
                        let meta = ObjectMeta::from_entry(&value).unwrap();
                        let index = Key::owned(&meta.contract, &meta.owner, meta.stamp);
                        metas.insert(index, (key, meta.policy));
                    }
                    _ => {
                        let entry = OwnedObject::from_entry(&value).unwrap();
                        owned.insert(key, (Key::object(&entry.object), entry.policy));
                    }
                }
            }
        }
        assert_eq!(balances, u128::from(self.supply), "the sum of balances");
        assert_eq!(owned, metas, "the owner index is the metadata");
        let system = StateReader::new(&*view).system().unwrap();
        assert_eq!(system.supply, self.supply);
        assert_eq!(system.height, view.header().height);
    }
}

/// All entries of a space.
pub fn entries_from(view: &dyn View, space: KeySpace) -> Vec<(Key, vm_state::Value)> {
    let zero = {
        let mut bytes = vec![0; space.key_len()];
        bytes[0] = space.tag();
        Key::from_bytes(&bytes).unwrap()
    };
    // Keys of a space share their first byte; a search under the whole system key's space needs a prefix of one byte.
    let mut found = vec![];
    let mut from = Some(zero);
    while let Some(start) = from {
        let Some((key, value)) = view.next(&Key::space_prefix(space), &start).unwrap() else { break };
        from = key.successor();
        found.push((key, value));
    }
    found
}

/// The code that `receipt` failed with.
pub fn failed(receipt: &Receipt) -> Option<ErrorCode> {
    match receipt.status {
        Status::Failed(code) => Some(code),
        Status::Success | Status::Reverted => None,
    }
}

/// How a host function hands `code` to a script.
pub fn guest(code: ErrorCode) -> i64 {
    code.to_guest().into()
}

/// The host operations of a frame, in order, without those of its callees. In a script, operation 0 is the reading of
/// its input, and its own calls follow.
pub fn operations(frame: &FrameTrace) -> Vec<&Operation> {
    let steps = frame.steps.iter();
    steps
        .filter_map(|step| if let Step::Operation(operation) = step { Some(operation) } else { None })
        .collect()
}

/// The frames that a frame called, in order.
pub fn callees(frame: &FrameTrace) -> Vec<&FrameTrace> {
    let mut found: Vec<&FrameTrace> = vec![];
    for step in &frame.steps {
        if let Step::Frame(frame) = step {
            found.push(frame);
        }
    }
    found
}

/// The outermost frame of a traced transaction.
pub fn root(executed: &Executed) -> &FrameTrace {
    &executed.trace.as_ref().unwrap().root
}

/// The gas that call `index` of the script took by itself, in the outermost frame.
pub fn gas_of(executed: &Executed, index: usize) -> u64 {
    operations(root(executed))[index + 1].gas_used()
}

/// A call of `run` without value.
pub fn run_payload(contract: Address, args: Vec<u8>) -> Payload {
    Payload::Call { contract, function: "run".into(), args, value: 0 }
}
