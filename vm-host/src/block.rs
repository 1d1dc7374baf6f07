//! A block: its checks, its mints, its transactions in order, its fees, and the commitment to the result.

use alloc::sync::Arc;
use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::commitment::{index_root, transactions_root};
use vm_core::{Block, Hash, Header, Key, Params, Receipt, System, VM_VERSION};
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

/// Checks a block against the parent's system entry.
fn check(block: &Block, system: &System, params: &Params, params_hash: Hash) -> Result<(), Invalid> {
    if system.params != params_hash {
        return Err(Invalid::Params { expected: params_hash, found: system.params });
    }
    if system.vm_version != VM_VERSION {
        return Err(Invalid::VmVersion { expected: VM_VERSION, found: system.vm_version });
    }
    let expected = system.height.saturating_add(1);
    if block.context.height != expected {
        return Err(Invalid::Height { expected, found: block.context.height });
    }
    if block.context.time < system.time {
        return Err(Invalid::Time { parent: system.time, found: block.context.time });
    }
    let limits = params.limits();
    let sum = |each: fn(&vm_core::Transaction) -> u64| {
        block.transactions.iter().map(each).fold(0u64, u64::saturating_add)
    };
    let bytes = sum(|tx| u64::try_from(tx.encoded_size()).unwrap_or(u64::MAX));
    let count = u64::try_from(block.transactions.len().saturating_add(block.mints.len())).unwrap_or(u64::MAX);
    for (what, found, limit) in [
        ("transactions and mints", count, limits.block_transactions.into()),
        ("bytes of transactions", bytes, limits.block_bytes.into()),
        ("gas limits", sum(|tx| tx.gas_limit), limits.block_gas),
    ] {
        if found > limit {
            return Err(Invalid::TooMuch { what, found, limit });
        }
    }
    Ok(())
}

/// Credits the block's mints; returns the supply after them.
fn mint(block: &Block, journal: &mut Journal, mut supply: u64) -> Result<u64, BlockError> {
    for (mint, index) in block.mints.iter().zip(0u32..) {
        let invalid = Invalid::Mint { index };
        supply = supply.checked_add(mint.amount).filter(|_| mint.amount > 0).ok_or(invalid.clone())?;
        let key = Key::account(&mint.to);
        let mut account = journal.account_at(&key)?;
        account.balance = account.balance.checked_add(mint.amount).ok_or(invalid)?;
        journal.set_account_at(&key, account)?;
    }
    Ok(supply)
}

/// Executes `block` on its parent's state; nothing comes of it only if `deadline` passes first.
pub(crate) fn execute_block(
    params: &Arc<Params>,
    params_hash: Hash,
    cache: &ModuleCache,
    view: &Arc<dyn View>,
    block: &Block,
    trace: TraceLevel,
    deadline: Option<Deadline>,
) -> Result<Option<BlockOutcome>, BlockError> {
    let mut journal = Journal::new(view.clone());
    let system = journal.get(&Key::system())?.cloned();
    let system = system.ok_or(NodeFailure::Invariant("every state has a system entry"))?;
    let system = System::from_entry(&system).map_err(NodeFailure::from)?;
    check(block, &system, params, params_hash)?;
    let supply = mint(block, &mut journal, system.supply)?;
    journal.end_transaction();

    let running = Running::new(block.context.proposer, Hash::ZERO, 0);
    let mut session = Session::new(params, block.context.clone(), journal, running, deadline);
    let mut transactions = Vec::with_capacity(block.transactions.len());
    let (mut fees, mut gas_used) = (0u64, 0u64);
    let (mut witness_bytes, mut receipt_bytes) = (0u64, 0u64);
    for (tx, index) in block.transactions.iter().zip(0u32..) {
        let settled = execute_transaction(cache, session, tx, index, &params_hash, trace)?;
        session = settled.session;
        if session.is_interrupted() {
            return Ok(None);
        }
        fees = fees.checked_add(settled.fee).ok_or(NodeFailure::Invariant("fees come from balances"))?;
        gas_used = gas_used.saturating_add(settled.executed.receipt.gas_used);
        witness_bytes = witness_bytes.saturating_add(settled.executed.resources.witness_bytes);
        let receipt = u64::try_from(settled.executed.receipt.encoded_size()).unwrap_or(u64::MAX);
        receipt_bytes = receipt_bytes.saturating_add(receipt);
        let limits = params.limits();
        for (what, found, limit) in [
            ("witness bytes", witness_bytes, u64::from(limits.block_witness_bytes)),
            ("bytes of receipts", receipt_bytes, u64::from(limits.block_receipt_bytes)),
        ] {
            if found > limit {
                return Err(Invalid::TooMuch { what, found, limit }.into());
            }
        }
        transactions.push(settled.executed);
    }
    let journal = &mut session.journal;
    if fees > 0 {
        let key = Key::account(&block.context.proposer);
        let mut proposer = journal.account_at(&key)?;
        let balance = proposer.balance.checked_add(fees);
        proposer.balance = balance.ok_or(NodeFailure::Invariant("balances sum up to at most u64::MAX"))?;
        journal.set_account_at(&key, proposer)?;
    }
    let (height, time) = (block.context.height, block.context.time);
    journal.set_system(System { height, time, vm_version: VM_VERSION, params: params_hash, supply })?;

    let changes = journal.changes();
    let trie = next_trie(&**view, &changes)?;
    let receipts: Vec<Receipt> = transactions.iter().map(|executed| executed.receipt.clone()).collect();
    let hashes: Vec<Hash> = transactions.iter().map(|executed| executed.hash).collect();
    let header = Header {
        parent: view.header().hash(),
        height,
        time,
        proposer: block.context.proposer,
        vm_version: VM_VERSION,
        params: params_hash,
        transactions_root: transactions_root(block, &hashes),
        state_root: trie.root(),
        receipts_root: index_root(receipts.iter().map(Receipt::hash)),
        gas_used,
    };
    let touched = journal.request();
    let commit = BlockCommit { header, changes, trie, receipts };
    Ok(Some(BlockOutcome { commit, transactions, touched }))
}
