//! A chain in memory: each transaction is a block, unless a test says otherwise.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::io::Write as _;

use vm_core::interface::Interface;
use vm_core::{
    Address, Block, BlockContext, CodeSource, ErrorCode, Hash, Mint, ObjectId, Params, Payload, Receipt,
    Status, Transaction,
};
use vm_host::{Executed, FrameTrace, Options, Query, Step, Trace, TraceLevel, Vm, validate_module};
use vm_state::{Genesis, MemoryStore, StateReader, Store, View};

use super::code::{Code, Mode, names};
use super::native;
use super::outcome::{Failure, Outcome};
use crate::codec::decode_exact as decode;
use crate::{DecodeOwned, Encode};

/// What [`Chain::account`] gives a new account.
const START_BALANCE: u64 = 1_000_000_000_000;
/// What a transaction may use unless it says otherwise.
const GAS_LIMIT: u64 = 100_000_000;
/// How much later the next block is, in milliseconds.
const BLOCK_TIME: i64 = 1_000;
/// Names a file to which each call's gas is appended as `contract.function gas`: for reports over all tests.
const GAS_FILE: &str = "VM_TEST_GAS";

/// A chain of one process, for one test.
#[derive(Debug)]
pub struct Chain {
    mode: Mode,
    vm: Vm,
    store: MemoryStore,
    nonces: BTreeMap<Address, u64>,
    time: i64,
    /// What was deployed here, by address.
    contracts: BTreeMap<Address, Arc<Interface>>,
    /// The names of deployed contracts that have no module, by address.
    stubs: BTreeMap<Address, Code>,
    deployed: u64,
    objects: BTreeSet<ObjectId>,
}

/// A transaction to be sent: see [`Chain::from`].
#[derive(Debug)]
pub struct Sending<'c> {
    chain: &'c mut Chain,
    sender: Address,
    value: u64,
    gas_limit: u64,
}

/// An object as it stands.
#[derive(Clone, Debug)]
pub struct ObjectView {
    /// Its owner.
    pub owner: Address,
    /// The contract that it belongs to.
    pub contract: Address,
    id: ObjectId,
    view: Arc<dyn View>,
}

impl ObjectView {
    /// A field's value, `None` if there is no such field.
    ///
    /// # Panics
    ///
    /// If the value is of another type.
    #[must_use]
    pub fn get<T: DecodeOwned>(&self, field: &str) -> Option<T> {
        let bytes = StateReader::new(&*self.view).field(&self.id, field.as_bytes());
        let bytes = bytes.expect("a state in memory can be read")?;
        Some(decode(&bytes).unwrap_or_else(|_| panic!("field `{field}` is of another type")))
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Chain {
    /// An empty chain, on which contracts run as [`Mode::chosen`] says.
    #[must_use]
    pub fn new() -> Self {
        Self::with_mode(Mode::chosen())
    }

    /// An empty chain, on which contracts run so.
    #[must_use]
    pub fn with_mode(mode: Mode) -> Self {
        let params = Params::default();
        let genesis = Genesis::new(&params, 0, &[]).expect("no accounts are no mistake");
        Self {
            mode,
            vm: Vm::new(params),
            store: MemoryStore::new(&genesis),
            nonces: BTreeMap::new(),
            time: 0,
            contracts: BTreeMap::new(),
            stubs: BTreeMap::new(),
            deployed: 0,
            objects: BTreeSet::new(),
        }
    }

    /// How contracts run here.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The account with this name; with money at its first mention.
    pub fn account(&mut self, name: &str) -> Address {
        let address = Address::named(name);
        if self.balance(address) == 0 && !self.nonces.contains_key(&address) {
            self.fund(address, START_BALANCE);
        }
        address
    }

    /// Makes money for an address.
    pub fn fund(&mut self, to: Address, amount: u64) {
        self.block(vec![Mint { to, amount }], vec![]);
    }

    /// The height of the last block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.store.header().height
    }

    /// What the next block's contracts see as the time, in milliseconds.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.time + BLOCK_TIME
    }

    /// Lets so many milliseconds pass before the next block.
    ///
    /// # Panics
    ///
    /// For a negative number: time does not run back.
    pub fn advance(&mut self, milliseconds: i64) {
        assert!(milliseconds >= 0, "time does not run back");
        self.time += milliseconds;
    }

    /// Adds so many empty blocks.
    pub fn mine(&mut self, blocks: u32) {
        for _ in 0..blocks {
            self.block(vec![], vec![]);
        }
    }

    /// An account's or a contract's balance.
    #[must_use]
    pub fn balance(&self, address: Address) -> u64 {
        StateReader::new(&*self.view_of_head())
            .account(&address)
            .expect("a state in memory can be read")
            .balance
    }

    /// An object, `None` if there is none with this id.
    #[must_use]
    pub fn object(&self, id: ObjectId) -> Option<ObjectView> {
        let view = self.view_of_head();
        let meta = StateReader::new(&*view).object(&id).expect("a state in memory can be read")?;
        Some(ObjectView { owner: meta.owner, contract: meta.contract, id, view })
    }

    /// The contract's objects that this owner has, those owned longest first.
    #[must_use]
    pub fn objects_of(&self, contract: Address, owner: Address) -> Vec<ObjectId> {
        let view = self.view_of_head();
        let found = StateReader::new(&*view).objects_of(&contract, &owner, None, usize::MAX);
        found.expect("a state in memory can be read").into_iter().map(|(id, _)| id).collect()
    }

    /// A transaction of this sender's, to be told more of.
    pub fn from(&mut self, sender: Address) -> Sending<'_> {
        Sending { chain: self, sender, value: 0, gas_limit: GAS_LIMIT }
    }

    /// Deploys `code` with its initialiser's arguments as a tuple.
    ///
    /// # Panics
    ///
    /// If that fails. Use [`Sending::deploy`] to look at failures.
    pub fn deploy(&mut self, code: &Code, sender: Address, args: &impl Encode) -> Address {
        let (address, outcome) = self.from(sender).deploy(code, args);
        drop(outcome.expect_success());
        address
    }

    /// Calls a function with its arguments as a tuple.
    pub fn call(
        &mut self,
        sender: Address,
        contract: Address,
        function: &str,
        args: &impl Encode,
    ) -> Outcome {
        self.from(sender).call(contract, function, args)
    }

    /// What a view function answers; nothing is changed, whatever it is.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the function fails.
    ///
    /// # Panics
    ///
    /// If the answer is of another type.
    pub fn view<T: DecodeOwned>(
        &self,
        contract: Address,
        function: &str,
        args: &impl Encode,
    ) -> Result<T, Failure> {
        let query = Query {
            caller: Address::ZERO,
            contract,
            function: function.to_string(),
            args: args.using_encoded(<[u8]>::to_vec),
            gas_limit: GAS_LIMIT,
        };
        let options = Options { trace: TraceLevel::Calls };
        let executed =
            self.vm.query(&self.view_of_head(), &query, options).expect("a state in memory can be read");
        self.explain_stubs(executed.trace.as_ref());
        let interface = self.interface(contract).cloned().or_else(|| self.stored_interface(contract));
        match Failure::of(&executed.receipt, interface.as_ref()) {
            Some(failure) => Err(failure),
            None => Ok(decode(&executed.receipt.output)
                .unwrap_or_else(|_| panic!("{function} answered with another type"))),
        }
    }

    /// What the contract offers, if it was deployed here.
    #[must_use]
    pub fn interface(&self, contract: Address) -> Option<&Interface> {
        self.contracts.get(&contract).map(|interface| &**interface)
    }

    /// What a contract offers that another one deployed: from its module.
    fn stored_interface(&self, contract: Address) -> Option<Interface> {
        let view = self.view_of_head();
        let state = StateReader::new(&*view);
        let deployed = state.contract(&contract).expect("a state in memory can be read")?;
        let code = state.code(&deployed.code_hash).expect("a state in memory can be read")?;
        validate_module(&code, self.vm.params()).ok().map(|info| info.interface)
    }

    /// The ids that calls have returned so far: for random calls.
    pub(crate) fn seen_objects(&self) -> &BTreeSet<ObjectId> {
        &self.objects
    }

    /// The contracts deployed here, and the accounts that sent something.
    pub(crate) fn seen_addresses(&self) -> Vec<Address> {
        self.nonces.keys().chain(self.contracts.keys()).copied().collect()
    }

    fn view_of_head(&self) -> Arc<dyn View> {
        self.store.view().expect("a state in memory can be read")
    }

    fn block(&mut self, mints: Vec<Mint>, transactions: Vec<Transaction>) -> Vec<Executed> {
        self.time += BLOCK_TIME;
        let context =
            BlockContext { height: self.height() + 1, time: self.time, proposer: Address::named("proposer") };
        let block = Block { context, mints, transactions };
        let options = Options { trace: TraceLevel::Full };
        let outcome = self.vm.execute_block(&self.view_of_head(), &block, options);
        let outcome = outcome.unwrap_or_else(|error| panic!("the block is refused: {error}"));
        self.store
            .commit(&outcome.commit)
            .expect("a store in memory takes the block that was executed on it");
        outcome.transactions
    }

    fn send(
        &mut self,
        sender: Address,
        gas_limit: u64,
        payload: Payload,
        contract: Address,
        what: String,
    ) -> Outcome {
        let nonce = *self.nonces.entry(sender).or_default();
        let transaction = Transaction { sender, nonce, gas_limit, gas_price: 1, payload };
        let executed = self.block(vec![], vec![transaction]).remove(0);
        let Executed { receipt, trace, resources, .. } = executed;
        self.nonces.insert(sender, nonce + 1);
        self.explain_stubs(trace.as_ref());
        if let Ok(id) = <[u8; 32]>::try_from(receipt.output.as_slice()) {
            self.objects.insert(ObjectId(id));
        }
        let interface = self.interface(contract).cloned().or_else(|| self.stored_interface(contract));
        let failure = Failure::of(&receipt, interface.as_ref());
        report_gas(&what, &receipt);
        Outcome { receipt, trace, resources, failure, what }
    }

    /// A contract that exists natively only was called by another contract: its module would have to run, and there is
    /// none.
    fn explain_stubs(&self, trace: Option<&Trace>) {
        let mut frames: Vec<&FrameTrace> = trace.iter().map(|trace| &trace.root).collect();
        while let Some(frame) = frames.pop() {
            let ran = frame.status == Status::Failed(ErrorCode::Unreachable);
            if let Some(code) = self.stubs.get(&frame.contract).filter(|_| ran && frame.depth > 0) {
                code.require_module("a contract that another one calls runs as wasm");
            }
            frames.extend(frame.steps.iter().filter_map(|step| match step {
                Step::Frame(frame) => Some(&**frame),
                Step::Operation(_) | Step::Event(_) => None,
            }));
        }
    }
}

impl Sending<'_> {
    /// With this value.
    #[must_use]
    pub fn value(self, value: u64) -> Self {
        Self { value, ..self }
    }

    /// With at most this much gas.
    #[must_use]
    pub fn gas(self, gas_limit: u64) -> Self {
        Self { gas_limit, ..self }
    }

    /// Calls a function with its arguments as a tuple.
    ///
    /// # Panics
    ///
    /// If the block would be refused: for an account without money, or too little gas for the envelope.
    pub fn call(self, contract: Address, function: &str, args: &impl Encode) -> Outcome {
        self.call_encoded(contract, function, args.using_encoded(<[u8]>::to_vec))
    }

    /// Calls a function with its arguments' encodings, one after the other.
    ///
    /// # Panics
    ///
    /// As [`Self::call`].
    pub fn call_encoded(self, contract: Address, function: &str, args: Vec<u8>) -> Outcome {
        let Self { chain, sender, value, gas_limit } = self;
        if let Some(interface) = chain.interface(contract)
            && interface.function(function).is_none()
        {
            panic!("`{}` has no function `{function}`: it has {}", interface.name, names(interface));
        }
        let name = chain
            .interface(contract)
            .map_or_else(|| contract.to_string(), |interface| interface.name.clone());
        let payload = Payload::Call { contract, function: function.to_string(), args, value };
        chain.send(sender, gas_limit, payload, contract, format!("{name}.{function}"))
    }

    /// Deploys `code` with its initialiser's arguments as a tuple. Gives the address also where that fails.
    ///
    /// # Panics
    ///
    /// As [`Self::call`]; in [`Mode::Wasm`] if the module was not built.
    pub fn deploy(self, code: &Code, args: &impl Encode) -> (Address, Outcome) {
        let Self { chain, sender, value, gas_limit } = self;
        match (chain.mode, code.entries) {
            (Mode::Native, Some(entries)) => {
                let contract = native::contract(&code.interface.name, entries);
                chain.vm.run_natively(code.hash(), contract);
            }
            (Mode::Wasm, _) => code.require_module("VM_TEST=wasm"),
            (Mode::Native, None) => {}
        }
        chain.deployed += 1;
        let mut salt = Hash::ZERO;
        salt.0.split_at_mut(8).0.copy_from_slice(&chain.deployed.to_be_bytes());
        let address = Address::of_contract(&sender, &salt, &code.hash());
        chain.contracts.insert(address, Arc::new(code.interface.clone()));
        if code.is_stub {
            chain.stubs.insert(address, code.clone());
        }
        let args = args.using_encoded(<[u8]>::to_vec);
        let payload = Payload::Deploy { code: CodeSource::Bytes(code.module.clone()), salt, args, value };
        let outcome = chain.send(sender, gas_limit, payload, address, format!("{}.(deploy)", code.name()));
        (address, outcome)
    }

    /// Sends the value to an address, running no code there.
    ///
    /// # Panics
    ///
    /// As [`Self::call`].
    pub fn transfer(self, to: Address) -> Outcome {
        let Self { chain, sender, value, gas_limit } = self;
        chain.send(sender, gas_limit, Payload::Transfer { to, amount: value }, to, "(transfer)".to_string())
    }
}

/// Appends what a call used to the file that a report is made of.
fn report_gas(what: &str, receipt: &Receipt) {
    let Some(path) = std::env::var_os(GAS_FILE) else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let line = format!("{what} {}\n", receipt.gas_used);
    // One write a line: tests of several processes append to the same file.
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("{GAS_FILE}={}: {error}", path.display()));
}
