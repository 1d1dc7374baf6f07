//! What a tree of calls comes to, told without an engine, a journal or checkpoints: the state is copied at each frame's
//! entry and put back when the frame fails.
//!
//! What outlives a failed frame stands beside the state: which entries the transaction touched and wrote (DESIGN 10,
//! rule 12), the counter of acquisitions (rule 7), what has been loaded (rule 16), and all gas.

use std::collections::{BTreeMap, BTreeSet};

use parity_scale_codec::Encode;
use vm_core::{
    Account, Address, ErrorCode, Event, GasSchedule, Hash, Key, ObjectId, ObjectMeta, OwnedObject, Params,
    Policy, Receipt, Stamp, Status, Transaction,
};
use vm_host::validate_module;
use vm_state::Value;

use super::common::{alice, bob, guest, proposer};
use super::tree::{Act, Call, End, Entry, Grant, Tree, encode};

/// All that a failed frame gives back.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<Address, Account>,
    /// With the value of their one field, if it is set.
    pub(crate) objects: BTreeMap<ObjectId, (ObjectMeta, Option<u8>)>,
    pub(crate) events: Vec<Event>,
    /// In gas.
    pub(crate) refund: u64,
}

impl State {
    /// The entries that a store holds for it.
    pub(crate) fn entries(&self) -> BTreeMap<Key, Value> {
        let mut entries = BTreeMap::new();
        let mut put = |key: Key, bytes: &[u8]| entries.insert(key, Value::from_slice(bytes));
        for (who, account) in &self.accounts {
            if *account != Account::default() {
                put(Key::account(who), &account.encode());
            }
        }
        for (id, (meta, field)) in &self.objects {
            put(Key::object(id), &meta.encode());
            let owned = OwnedObject { object: *id, policy: meta.policy };
            put(Key::owned(&meta.contract, &meta.owner, meta.stamp), &owned.encode());
            if let Some(value) = field {
                put(Key::field(id, b"f"), &[*value]);
            }
        }
        entries
    }

    fn account(&mut self, who: Address) -> &mut Account {
        self.accounts.entry(who).or_default()
    }
}

/// How a frame ended, and those that it called.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) caller: Address,
    pub(crate) contract: Address,
    pub(crate) value: u64,
    pub(crate) status: Status,
    pub(crate) output: Vec<u8>,
    /// By force, so that all of its grant is billed.
    pub(crate) halted: bool,
    pub(crate) callees: Vec<Came>,
}

/// How a frame's acts ended.
enum Ended {
    Returned(Vec<u8>),
    Reverted(Vec<u8>),
    Refused(ErrorCode),
    Halted(ErrorCode),
}

/// A frame while it runs.
struct Frame {
    who: usize,
    view: bool,
    depth: u32,
    grant: Grant,
    /// What its host calls gave, as it will return it.
    slots: Vec<i64>,
    handles: i64,
    callees: Vec<Came>,
}

/// What the contracts' code costs by.
#[derive(Clone, Copy)]
pub(crate) struct Code {
    hash: Hash,
    len: u64,
    pages: u64,
    items: u64,
    data_bytes: u64,
}

impl Code {
    pub(crate) fn new(code: &[u8]) -> Self {
        let info = validate_module(code, &Params::default()).unwrap();
        let (pages, items, data_bytes) = (info.pages.into(), info.items.into(), info.data_bytes.into());
        Self { hash: Hash::of_code(code), len: code.len().try_into().unwrap(), pages, items, data_bytes }
    }
}

pub(crate) struct Model {
    pub(crate) state: State,
    pub(crate) table: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) setup: u64,
    contracts: [Address; 2],
    code: Code,
    gas: GasSchedule,
    hash: Hash,
    height: u64,
    acquisitions: u32,
    touched: BTreeSet<Key>,
    written: BTreeSet<Key>,
    loaded: bool,
    /// The contracts in the call chain.
    chain: Vec<usize>,
    fee_max: u64,
}

impl Model {
    pub(crate) fn new(state: State, contracts: [Address; 2], code: Code, hash: Hash, height: u64) -> Self {
        Self {
            state,
            table: 0,
            entries: 0,
            bytes: 0,
            setup: 0,
            contracts,
            code,
            gas: GasSchedule::default(),
            hash,
            height,
            acquisitions: 0,
            touched: BTreeSet::new(),
            written: BTreeSet::new(),
            loaded: false,
            chain: vec![],
            fee_max: 0,
        }
    }

    /// Takes the largest fee, at a price of 1, and raises the nonce.
    pub(crate) fn begin(&mut self, tx: &Transaction) {
        self.fee_max = tx.gas_limit;
        let account = self.state.account(tx.sender);
        account.nonce += 1;
        account.balance -= tx.gas_limit;
        self.mark(Key::account(&tx.sender), true);
    }

    /// Gives back what the receipt did not use.
    pub(crate) fn settle(&mut self, receipt: &Receipt) {
        self.state.account(alice()).balance += self.fee_max - receipt.gas_used;
        self.state.account(proposer()).balance += receipt.gas_used;
    }

    pub(crate) fn transaction(&mut self, tree: &Tree, entry: Entry, value: u64, grant: Grant) -> Came {
        let frame = Frame::new(0, false, 0, grant);
        self.enter(alice(), frame, entry, value, tree)
    }

    fn enter(&mut self, caller: Address, mut frame: Frame, entry: Entry, value: u64, tree: &Tree) -> Came {
        let (contract, copy) = (self.contracts[frame.who], self.state.clone());
        let ended = self.prepare(caller, &mut frame, entry, value, tree).unwrap_or_else(Ended::Refused);
        let (status, output, halted) = match ended {
            Ended::Returned(output) => (Status::Success, output, false),
            Ended::Reverted(output) => (Status::Reverted, output, false),
            Ended::Refused(code) => (Status::Failed(code), vec![], false),
            Ended::Halted(code) => (Status::Failed(code), vec![], true),
        };
        if status != Status::Success {
            self.state = copy;
        }
        Came { caller, contract, value, status, output, halted, callees: frame.callees }
    }

    /// What stands before a frame's code, and that code; an error refuses the frame.
    fn prepare(
        &mut self,
        caller: Address,
        frame: &mut Frame,
        entry: Entry,
        value: u64,
        tree: &Tree,
    ) -> Result<Ended, ErrorCode> {
        let contract = self.contracts[frame.who];
        self.setup += self.touch(Key::contract(&contract));
        if !self.loaded {
            self.setup += self.touch(Key::code(&self.code.hash));
            self.setup += self.gas.module_load + self.gas.module_load_byte * self.code.len;
            self.loaded = true;
        }
        if value > 0 && entry == Entry::Look {
            return Err(ErrorCode::NotPayable);
        }
        if self.chain.contains(&frame.who) && entry == Entry::Once {
            return Err(ErrorCode::Reentrancy);
        }
        let args = encode(tree, self.contracts, frame.depth, frame.grant);
        let args_len = u64::try_from(args.len()).unwrap();
        // The walk takes three steps: the list of types, the type, the end of the list.
        self.setup += self.gas.data_byte * (args_len + 3);
        frame.view |= entry == Entry::Look;
        let Code { pages, items, data_bytes, .. } = self.code;
        self.setup += self.gas.instance + self.gas.instance_page * pages;
        self.setup += self.gas.instance_item * items + self.gas.instance_data_byte * data_bytes;
        if value > 0 {
            let price = self.gas.transfer + self.payment_gas(caller, contract);
            self.setup += price;
            self.pay(caller, contract, value)?;
        }
        self.table += self.gas.data + self.gas.query;
        self.bytes += self.gas.data_byte * args_len;
        frame.slots.push(0);
        self.chain.push(frame.who);
        let ended = self.acts(frame, tree).unwrap_or_else(|ended| ended);
        self.chain.pop();
        Ok(ended)
    }

    fn acts(&mut self, frame: &mut Frame, tree: &Tree) -> Result<Ended, Ended> {
        for (tag, act) in (1u8..).zip(&tree.acts) {
            self.act(frame, tag, act)?;
        }
        let output: Vec<u8> = frame.slots.iter().flat_map(|slot| slot.to_le_bytes()).collect();
        if matches!(tree.end, End::Return | End::Revert) {
            self.table += self.gas.data;
            self.bytes += self.gas.data_byte * u64::try_from(output.len()).unwrap();
        }
        Ok(match tree.end {
            End::Return => Ended::Returned(output),
            End::Revert => Ended::Reverted(output),
            End::Trap => Ended::Halted(ErrorCode::Unreachable),
            End::Spin => Ended::Halted(ErrorCode::OutOfGas),
        })
    }

    fn act(&mut self, frame: &mut Frame, tag: u8, act: &Act) -> Result<(), Ended> {
        let contract = self.contracts[frame.who];
        match act {
            Act::Write => {
                let oldest = self.oldest(frame);
                if let Some(id) = oldest {
                    self.base(frame, self.gas.field_set)?;
                    self.bytes += self.gas.field_set_byte * 2;
                    let key = Key::field(&id, b"f");
                    let new = !self.touched.contains(&key);
                    let (_, field) = self.state.objects.get_mut(&id).unwrap();
                    let old = field.replace(16 * u8::try_from(frame.depth).unwrap() + tag);
                    // The value that comes from the store is paid for once.
                    self.bytes += if new && old.is_some() { self.gas.touch_byte } else { 0 };
                    self.entries += self.write(key);
                }
                frame.slots.push(0);
            }
            Act::Event => {
                self.base(frame, self.gas.log)?;
                self.bytes += self.gas.log_byte * 2;
                self.state.events.push(Event { contract, name: "E".into(), data: vec![tag] });
                frame.slots.push(0);
            }
            Act::Create => {
                self.base(frame, self.gas.object_create)?;
                let stamp = self.acquire();
                let id = ObjectId::derive(&contract, &self.hash, stamp.index);
                self.entries +=
                    self.write(Key::object(&id)) + self.write(Key::owned(&contract, &contract, stamp));
                let meta = ObjectMeta { contract, owner: contract, policy: Policy::Contract, stamp };
                assert!(self.state.objects.insert(id, (meta, None)).is_none());
                frame.slots.push(frame.handles);
                frame.handles += 1;
            }
            Act::Transfer => {
                self.base(frame, self.gas.transfer)?;
                self.entries += self.payment_gas(contract, bob());
                frame.slots.push(self.pay(contract, bob(), 1).map_or_else(guest, |()| 0));
            }
            Act::Delete => {
                let oldest = self.oldest(frame);
                if let Some(id) = oldest {
                    self.table += self.gas.query;
                    frame.slots.push(0);
                    self.base(frame, self.gas.object_delete)?;
                    self.delete(id);
                    frame.slots.push(0);
                } else {
                    frame.slots.extend([0, 0]);
                }
            }
            Act::Give => {
                let oldest = self.oldest(frame);
                if let Some(id) = oldest {
                    self.base(frame, self.gas.object_set_owner)?;
                    let stamp = self.acquire();
                    let (meta, _) = self.state.objects.get_mut(&id).unwrap();
                    let before = Key::owned(&contract, &contract, meta.stamp);
                    (meta.owner, meta.stamp) = (bob(), stamp);
                    self.entries += self.write(Key::object(&id));
                    self.entries += self.write(before) + self.write(Key::owned(&contract, &bob(), stamp));
                }
                frame.slots.push(0);
            }
            Act::Call(call, tree) => self.call(frame, call, tree)?,
        }
        Ok(())
    }

    fn call(&mut self, frame: &mut Frame, call: &Call, tree: &Tree) -> Result<(), Ended> {
        self.table += self.gas.call;
        if frame.view && call.value > 0 {
            return Err(Ended::Halted(ErrorCode::ViewViolation));
        }
        let args = encode(tree, self.contracts, frame.depth + 1, frame.grant);
        let copied = call.entry.name().len() + args.len();
        self.bytes += self.gas.data_byte * u64::try_from(copied).unwrap();
        let callee = Frame::new(call.to.from(frame.who), frame.view, frame.depth + 1, frame.grant);
        let came = self.enter(self.contracts[frame.who], callee, call.entry, call.value, tree);
        let result = match came.status {
            Status::Success => i64::try_from(came.output.len()).unwrap(),
            Status::Reverted => guest(ErrorCode::CallReverted),
            Status::Failed(code) => guest(code),
        };
        frame.callees.push(came);
        frame.slots.push(result);
        if call.propagates {
            if result < 0 {
                self.table += self.gas.data;
                return Err(Ended::Reverted(vec![]));
            }
            frame.slots.push(0);
        }
        Ok(())
    }

    /// The base price of a host function that writes, and the end of a view that calls one.
    fn base(&mut self, frame: &Frame, gas: u64) -> Result<(), Ended> {
        self.table += gas;
        if frame.view { Err(Ended::Halted(ErrorCode::ViewViolation)) } else { Ok(()) }
    }

    /// Looks for the oldest object that the contract itself owns.
    fn oldest(&mut self, frame: &mut Frame) -> Option<ObjectId> {
        let contract = self.contracts[frame.who];
        self.table += self.gas.object_get;
        self.entries += self.gas.touch;
        let own = self
            .state
            .objects
            .iter()
            .filter(|(_, (meta, _))| (meta.contract, meta.owner) == (contract, contract));
        let oldest = own.min_by_key(|(_, (meta, _))| meta.stamp).map(|(id, (meta, _))| (*id, meta.stamp));
        let Some((id, stamp)) = oldest else {
            frame.slots.push(guest(ErrorCode::ObjectNotFound));
            return None;
        };
        self.mark(Key::owned(&contract, &contract, stamp), false);
        frame.slots.push(frame.handles);
        frame.handles += 1;
        Some(id)
    }

    fn delete(&mut self, id: ObjectId) {
        let (meta, field) = self.state.objects.remove(&id).unwrap();
        self.entries += self.touch(Key::object(&id));
        // One search for each field, and one that finds no more.
        self.entries += self.gas.touch;
        if field.is_some() {
            self.bytes += self.gas.touch_byte;
            let key = Key::field(&id, b"f");
            self.mark(key, false);
            self.entries += self.write(key) + self.gas.touch;
        }
        self.entries += self.write(Key::owned(&meta.contract, &meta.owner, meta.stamp));
        self.entries += self.write(Key::object(&id));
        self.state.refund += self.gas.refund_delete;
    }

    fn acquire(&mut self) -> Stamp {
        let index = self.acquisitions;
        self.acquisitions += 1;
        Stamp { height: self.height, transaction: 0, index }
    }

    /// What moving balance costs beside its base price, whether it moves or not.
    fn payment_gas(&self, from: Address, to: Address) -> u64 {
        let keys = BTreeSet::from([from, to]);
        keys.iter().map(|who| self.touch_gas(&Key::account(who)) + self.write_gas(&Key::account(who))).sum()
    }

    fn pay(&mut self, from: Address, to: Address, amount: u64) -> Result<(), ErrorCode> {
        self.mark(Key::account(&from), false);
        let payer = self.state.account(from);
        if payer.balance < amount {
            return Err(ErrorCode::InsufficientBalance);
        }
        if from != to {
            payer.balance -= amount;
            self.state.account(to).balance += amount;
            self.mark(Key::account(&from), true);
            self.mark(Key::account(&to), true);
        }
        Ok(())
    }

    fn touch_gas(&self, key: &Key) -> u64 {
        if self.touched.contains(key) { 0 } else { self.gas.touch }
    }

    fn write_gas(&self, key: &Key) -> u64 {
        if self.written.contains(key) { 0 } else { self.gas.write }
    }

    fn mark(&mut self, key: Key, written: bool) {
        self.touched.insert(key);
        if written {
            self.written.insert(key);
        }
    }

    /// Touches an entry; the gas for it.
    fn touch(&mut self, key: Key) -> u64 {
        let gas = self.touch_gas(&key);
        self.mark(key, false);
        gas
    }

    /// Touches and writes an entry; the gas for both.
    fn write(&mut self, key: Key) -> u64 {
        let gas = self.touch_gas(&key) + self.write_gas(&key);
        self.mark(key, true);
        gas
    }
}

impl Frame {
    fn new(who: usize, view: bool, depth: u32, grant: Grant) -> Self {
        Self { who, view, depth, grant, slots: vec![], handles: 0, callees: vec![] }
    }
}
