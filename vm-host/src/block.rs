//! A block: its checks, its mints, its transactions in order, its fees, and the commitment to the result.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::commitment::{index_root, transactions_root};
use vm_core::{
    Block, BlockContext, Hash, Header, Key, Limits, Mint, Params, Receipt, System, Transaction, VM_VERSION,
};
use vm_state::{
    BlockCommit, Footprint, Journal, NodeFailure, ProofRequest, ReadError, View, next_trie, prove,
};

use crate::error::{BlockError, Invalid};
use crate::module::ModuleCache;
use crate::resources::Resources;
use crate::session::{Deadline, Running, Session};
use crate::trace::{Trace, TraceLevel};
use crate::transaction::execute_transaction;

/// What one transaction came to: the receipt is the chain's, all else stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The transaction's hash.
    pub hash: Hash,
    /// What the chain records.
    pub receipt: Receipt,
    /// The call tree, if asked for.
    pub trace: Option<Trace>,
    /// What it consumed.
    pub resources: Resources,
    /// Which entries it depended on and wrote.
    pub footprint: Footprint,
}

/// What a block came to: pure data, uncommitted.
#[derive(Clone, Debug)]
pub struct BlockOutcome {
    /// What a store commits: header, changes, commitment, receipts.
    pub commit: BlockCommit,
    /// One per transaction, in order.
    pub transactions: Vec<Executed>,
    /// What the block read and wrote of its parent's state, to be shown by a witness ([`BlockOutcome::witness`]).
    pub touched: ProofRequest,
}

impl BlockOutcome {
    /// The witness with which a light node re-executes the block (R90), from a view of the parent's state. The bytes
    /// are a function of that state and the block alone.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view.
    pub fn witness(&self, parent: &dyn View) -> Result<Vec<u8>, ReadError> {
        prove(parent, &self.touched)
    }
}

/// Checks a block's context against the parent's system entry.
fn check_context(context: &BlockContext, system: &System, params_hash: Hash) -> Result<(), Invalid> {
    if system.params != params_hash {
        return Err(Invalid::Params { expected: params_hash, found: system.params });
    }
    if system.vm_version != VM_VERSION {
        return Err(Invalid::VmVersion { expected: VM_VERSION, found: system.vm_version });
    }
    let expected = system.height.saturating_add(1);
    if context.height != expected {
        return Err(Invalid::Height { expected, found: context.height });
    }
    if context.time < system.time {
        return Err(Invalid::Time { parent: system.time, found: context.time });
    }
    Ok(())
}

/// What a block's transactions come to before any is executed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    count: u64,
    bytes: u64,
    gas: u64,
}

impl Sums {
    /// Of so many mints, which count as transactions do.
    pub(crate) fn of_mints(mints: &[Mint]) -> Self {
        Self { count: u64::try_from(mints.len()).unwrap_or(u64::MAX), ..Self::default() }
    }

    /// With one transaction more.
    #[must_use]
    pub(crate) fn with(self, tx: &Transaction) -> Self {
        let bytes = u64::try_from(tx.encoded_size()).unwrap_or(u64::MAX);
        Self {
            count: self.count.saturating_add(1),
            bytes: self.bytes.saturating_add(bytes),
            gas: self.gas.saturating_add(tx.gas_limit),
        }
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Invalid> {
        within([
            ("transactions and mints", self.count, limits.block_transactions.into()),
            ("bytes of transactions", self.bytes, limits.block_bytes.into()),
            ("gas limits", self.gas, limits.block_gas),
        ])
    }
}

fn within<const N: usize>(sums: [(&'static str, u64, u64); N]) -> Result<(), Invalid> {
    match sums.into_iter().find(|(_, found, limit)| found > limit) {
        Some((what, found, limit)) => Err(Invalid::TooMuch { what, found, limit }),
        None => Ok(()),
    }
}

/// Credits the block's mints; returns the supply after them.
fn mint(mints: &[Mint], journal: &mut Journal, mut supply: u64) -> Result<u64, BlockError> {
    for (mint, index) in mints.iter().zip(0u32..) {
        let invalid = Invalid::Mint { index };
        supply = supply.checked_add(mint.amount).filter(|_| mint.amount > 0).ok_or(invalid.clone())?;
        let key = Key::account(&mint.to);
        let mut account = journal.account_at(&key)?;
        account.balance = account.balance.checked_add(mint.amount).ok_or(invalid)?;
        journal.set_account_at(&key, account)?;
    }
    Ok(supply)
}

/// What executes blocks: the rules, and the modules that are loaded.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub(crate) params: &'a Arc<Params>,
    pub(crate) params_hash: Hash,
    pub(crate) cache: &'a ModuleCache,
}

/// A block on its way: what its first transactions came to.
pub(crate) struct Underway<'a> {
    engine: Engine<'a>,
    pub(crate) session: Box<Session>,
    supply: u64,
    executed: Vec<Executed>,
    fees: u64,
    gas_used: u64,
    witness_bytes: u64,
    receipt_bytes: u64,
}

impl<'a> Underway<'a> {
    /// Begins a block whose transactions come to `sums`: checks its context and credits its mints.
    pub(crate) fn begin(
        engine: Engine<'a>,
        view: &Arc<dyn View>,
        context: &BlockContext,
        mints: &[Mint],
        sums: Sums,
        deadline: Option<Deadline>,
    ) -> Result<Self, BlockError> {
        let mut journal = Journal::new(view.clone());
        let system = journal.get(&Key::system())?.cloned();
        let system = system.ok_or(NodeFailure::Invariant("every state has a system entry"))?;
        let system = System::from_entry(&system).map_err(NodeFailure::from)?;
        check_context(context, &system, engine.params_hash)?;
        sums.check(engine.params.limits())?;
        let supply = mint(mints, &mut journal, system.supply)?;
        journal.end_transaction();
        let running = Running::new(context.proposer, Hash::ZERO, 0);
        let session = Session::new(engine.params, context.clone(), journal, running, deadline);
        let (executed, fees, gas_used) = (Vec::new(), 0, 0);
        Ok(Self { engine, session, supply, executed, fees, gas_used, witness_bytes: 0, receipt_bytes: 0 })
    }

    /// How many transactions it has.
    pub(crate) fn count(&self) -> usize {
        self.executed.len()
    }

    /// Executes `tx` as its next transaction; nothing comes of it only if the deadline has passed.
    pub(crate) fn execute(mut self, tx: &Transaction, trace: TraceLevel) -> Result<Option<Self>, BlockError> {
        let Engine { cache, params_hash, params } = self.engine;
        let index = u32::try_from(self.executed.len()).unwrap_or(u32::MAX);
        let settled = execute_transaction(cache, self.session, tx, index, &params_hash, trace)?;
        self.session = settled.session;
        if self.session.is_interrupted() {
            return Ok(None);
        }
        self.fees =
            self.fees.checked_add(settled.fee).ok_or(NodeFailure::Invariant("fees come from balances"))?;
        let executed = settled.executed;
        self.gas_used = self.gas_used.saturating_add(executed.receipt.gas_used);
        self.witness_bytes = self.witness_bytes.saturating_add(executed.resources.witness_bytes);
        let receipt = u64::try_from(executed.receipt.encoded_size()).unwrap_or(u64::MAX);
        self.receipt_bytes = self.receipt_bytes.saturating_add(receipt);
        self.executed.push(executed);
        let limits = params.limits();
        within([
            ("witness bytes", self.witness_bytes, limits.block_witness_bytes.into()),
            ("bytes of receipts", self.receipt_bytes, limits.block_receipt_bytes.into()),
        ])?;
        Ok(Some(self))
    }

    /// Credits the fees, and commits to what it came to; `block` is what was executed.
    pub(crate) fn finish(mut self, view: &Arc<dyn View>, block: &Block) -> Result<BlockOutcome, BlockError> {
        let context = &block.context;
        let journal = &mut self.session.journal;
        if self.fees > 0 {
            let key = Key::account(&context.proposer);
            let mut proposer = journal.account_at(&key)?;
            let balance = proposer.balance.checked_add(self.fees);
            proposer.balance =
                balance.ok_or(NodeFailure::Invariant("balances sum up to at most u64::MAX"))?;
            journal.set_account_at(&key, proposer)?;
        }
        let (height, time, params, supply) =
            (context.height, context.time, self.engine.params_hash, self.supply);
        journal.set_system(System { height, time, vm_version: VM_VERSION, params, supply })?;

        let changes = journal.changes();
        let trie = next_trie(&**view, &changes)?;
        let transactions = self.executed;
        let receipts: Vec<Receipt> = transactions.iter().map(|executed| executed.receipt.clone()).collect();
        let hashes: Vec<Hash> = transactions.iter().map(|executed| executed.hash).collect();
        let header = Header {
            parent: view.header().hash(),
            height,
            time,
            proposer: context.proposer,
            vm_version: VM_VERSION,
            params,
            transactions_root: transactions_root(block, &hashes),
            state_root: trie.root(),
            receipts_root: index_root(receipts.iter().map(Receipt::hash)),
            gas_used: self.gas_used,
        };
        let touched = journal.request();
        let commit = BlockCommit { header, changes, trie, receipts };
        Ok(BlockOutcome { commit, transactions, touched })
    }
}

/// Executes `block` on its parent's state; nothing comes of it only if `deadline` passes first.
pub(crate) fn execute_block(
    engine: Engine<'_>,
    view: &Arc<dyn View>,
    block: &Block,
    trace: TraceLevel,
    deadline: Option<Deadline>,
) -> Result<Option<BlockOutcome>, BlockError> {
    let sums = block.transactions.iter().fold(Sums::of_mints(&block.mints), Sums::with);
    let mut underway = Underway::begin(engine, view, &block.context, &block.mints, sums, deadline)?;
    underway.executed.reserve_exact(block.transactions.len());
    for tx in &block.transactions {
        let Some(next) = underway.execute(tx, trace)? else { return Ok(None) };
        underway = next;
    }
    underway.finish(view, block).map(Some)
}
