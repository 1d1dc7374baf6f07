//! A chain with a token, its holders, and blocks of transfers between them.

#![allow(dead_code, unreachable_pub, reason = "a module of several benchmarks")]

use std::collections::BTreeMap;

use parity_scale_codec::Encode;
use vm_core::{Address, Block, BlockContext, CodeSource, Hash, Params, Payload, Status, Transaction};
use vm_host::{BlockOutcome, Options, Vm};
use vm_state::{BlockCommit, Genesis, Store};

const TOKEN: &[u8] = include_bytes!("../../fixtures/wasm/token.wasm");
/// What every holder is given at first, of the token.
const GIVEN: u64 = 1_000_000;
const DEPLOY_GAS: u64 = 900_000;

/// How many entries the state has, and of what.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Accounts that only fill the state.
    pub fillers: u64,
    /// Holders of the token: an account, an object, a field and an index entry each.
    pub holders: u64,
}

impl Size {
    /// The accounts that the chain begins with.
    pub fn genesis(self, params: &Params) -> Genesis {
        let fillers = (0..self.fillers).map(|index| (Address::named(&format!("filler {index}")), 1));
        let holders = (0..self.holders).map(|index| (holder(index), 1_000_000_000_000));
        Genesis::new(params, 0, &fillers.chain(holders).collect::<Vec<_>>()).unwrap()
    }
}

pub fn holder(index: u64) -> Address {
    Address::named(&format!("holder {index}"))
}

/// A chain whose holders all have some of the token, once [`Self::hand_out`] has run.
#[derive(Debug)]
pub struct Chain<S> {
    pub vm: Vm,
    pub store: S,
    pub nonces: BTreeMap<Address, u64>,
    holders: u64,
    gas_limit: u64,
    token: Address,
}

impl<S: Store> Chain<S> {
    /// Over the `store` of this many `holders`' genesis; each transfer has this gas limit.
    pub fn new(params: Params, store: S, holders: u64, gas_limit: u64) -> Self {
        let token = Address::of_contract(&holder(0), &Hash::ZERO, &Hash::of_code(TOKEN));
        Self { vm: Vm::new(params), store, nonces: BTreeMap::new(), holders, gas_limit, token }
    }

    /// Deploys the token and gives every holder some, in blocks of `count`; `committed` sees each.
    pub fn hand_out(&mut self, count: usize, mut committed: impl FnMut(&BlockCommit)) {
        let (code, args) = (CodeSource::Bytes(TOKEN.to_vec()), ("Gold", u64::MAX).encode());
        let deploy = Payload::Deploy { code, salt: Hash::ZERO, args, value: 0 };
        let deploy = self.tx(holder(0), DEPLOY_GAS, deploy);
        committed(&self.commit(vec![deploy]).commit);
        let others: Vec<u64> = (1..self.holders).collect();
        for some in others.chunks(count) {
            let transfers = some.iter().map(|&index| self.transfer(0, index, GIVEN)).collect();
            committed(&self.commit(transfers).commit);
        }
    }

    fn tx(&mut self, sender: Address, gas_limit: u64, payload: Payload) -> Transaction {
        let nonce = self.nonces.entry(sender).or_default();
        let tx = Transaction { sender, nonce: *nonce, gas_limit, gas_price: 1, payload };
        *nonce += 1;
        tx
    }

    pub fn transfer(&mut self, from: u64, to: u64, amount: u64) -> Transaction {
        let args = (holder(to), amount).encode();
        let payload = Payload::Call { contract: self.token, function: "transfer".into(), args, value: 0 };
        self.tx(holder(from), self.gas_limit, payload)
    }

    /// The block `ahead` of the head: 1 for the next one.
    pub fn block(&self, ahead: u64, transactions: Vec<Transaction>) -> Block {
        let height = self.store.header().height + ahead;
        let context = BlockContext { height, time: 0, proposer: Address::named("proposer") };
        Block { context, mints: vec![], transactions }
    }

    fn commit(&mut self, transactions: Vec<Transaction>) -> BlockOutcome {
        let block = self.block(1, transactions);
        let outcome = self.vm.execute_block(&self.store.view().unwrap(), &block, Options::default()).unwrap();
        succeeded(&outcome);
        self.store.commit(&outcome.commit).unwrap();
        outcome
    }
}

/// Nothing is measured of transactions that fail.
pub fn succeeded(outcome: &BlockOutcome) {
    let refused = outcome.commit.receipts.iter().find(|receipt| receipt.status != Status::Success);
    assert_eq!(refused, None);
}
