//! Runs a scenario on a store: block by block, each executed on the state of the one before and committed.
//!
//! A transaction may use an object id that an earlier one returned (`$name`), even one of the same block. Executing
//! is a pure function of state and block, so the block's front part is executed once more to learn the id: what it
//! gives does not depend on what follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use parity_scale_codec::Decode;
use vm_chain::chain::{Body, Spec};
use vm_chain::{Chain, ChainError, Signed};
use vm_core::{Address, Block, BlockContext, CodeSource, Hash, Header, ObjectId, Payload, Transaction};
use vm_host::{BlockError, BlockOutcome, Executed, Options, TraceLevel, Vm};
use vm_state::{CommitError, Genesis, GenesisError, NodeFailure, ReadError, Store, View};

use crate::expect::{Checker, Failure};
use crate::names::Names;
use crate::scenario::{Action, BlockPlan, Scenario, TransactionPlan};

/// Why a run did not come to its end. Unmet expectations are not among it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The scenario's accounts make no genesis.
    #[error("the scenario's accounts make no genesis: {0}")]
    Genesis(#[from] GenesisError),
    /// The node failed.
    #[error("the node failed: {0}")]
    Node(#[from] NodeFailure),
    /// The state could not be read.
    #[error("the node failed: {0}")]
    Read(#[from] ReadError),
    /// A block could not be committed.
    #[error("the node failed to commit a block: {0}")]
    Commit(#[from] CommitError),
    /// The chain in a folder could not go on.
    #[error("the node failed: {0}")]
    Chain(#[from] ChainError),
}

/// What a scenario's blocks are committed to.
pub trait Ledger {
    /// The last block's header.
    fn header(&self) -> &Header;
    /// The state after the last block.
    ///
    /// # Errors
    ///
    /// [`RunError`].
    fn view(&self) -> Result<Arc<dyn View>, RunError>;
    /// Makes `block`, executed to `outcome` on the last block's state, the last one.
    ///
    /// # Errors
    ///
    /// [`RunError`].
    fn commit(&mut self, block: &Block, outcome: &BlockOutcome) -> Result<(), RunError>;
}

/// A state alone: blocks are forgotten once they are executed.
struct StateOnly<'s>(&'s mut dyn Store);

impl Ledger for StateOnly<'_> {
    fn header(&self) -> &Header {
        self.0.header()
    }

    fn view(&self) -> Result<Arc<dyn View>, RunError> {
        Ok(self.0.view()?)
    }

    fn commit(&mut self, _: &Block, outcome: &BlockOutcome) -> Result<(), RunError> {
        Ok(self.0.commit(&outcome.commit)?)
    }
}

/// A chain keeps the blocks as well. Nobody signed a scenario's transactions.
impl Ledger for Chain {
    fn header(&self) -> &Header {
        self.head()
    }

    fn view(&self) -> Result<Arc<dyn View>, RunError> {
        Ok(Chain::view(self)?)
    }

    fn commit(&mut self, block: &Block, outcome: &BlockOutcome) -> Result<(), RunError> {
        let unsigned = |transaction: &Transaction| Signed {
            transaction: transaction.clone(),
            authorization: Vec::new(),
        };
        let body = Body {
            context: block.context.clone(),
            mints: block.mints.clone(),
            transactions: block.transactions.iter().map(unsigned).collect(),
        };
        Ok(Chain::commit(self, &body, outcome)?)
    }
}

/// What a scenario came to.
#[derive(Debug)]
pub struct Run {
    /// The blocks, as far as it got.
    pub blocks: Vec<BlockRun>,
    /// The expectations that do not hold.
    pub failures: Vec<Failure>,
    /// How many expectations were looked at.
    pub checks: u64,
    /// The header of the last committed block.
    pub head: Header,
    /// Names of accounts and contracts, and of the objects saved on the way.
    pub names: Names,
}

/// What a block came to.
#[derive(Debug)]
pub struct BlockRun {
    /// Its height.
    pub height: u64,
    /// Its time.
    pub time: i64,
    /// The block, as it was executed or refused.
    pub block: Block,
    /// Its header; none for a block that was refused.
    pub header: Option<Header>,
    /// Why it was refused.
    pub refused: Option<String>,
    /// Its transactions; none of a block that was refused.
    pub transactions: Vec<TransactionRun>,
    /// What a light node executes it from; none for a block that was refused.
    pub light: Option<LightCase>,
}

/// A block as a light node gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightCase {
    /// The header that it trusts.
    pub parent: Header,
    /// The block.
    pub block: Block,
    /// What the block touches of the parent's state.
    pub witness: Vec<u8>,
}

/// What a transaction came to.
#[derive(Debug)]
pub struct TransactionRun {
    /// What it is there for.
    pub note: String,
    /// The transaction.
    pub transaction: Transaction,
    /// What came of it.
    pub executed: Executed,
}

impl Run {
    /// Whether every expectation holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// All transactions, in order.
    pub fn transactions(&self) -> impl Iterator<Item = &TransactionRun> {
        self.blocks.iter().flat_map(|block| &block.transactions)
    }

    /// The gas of all transactions.
    #[must_use]
    pub fn gas_used(&self) -> u64 {
        self.transactions().map(|run| run.executed.receipt.gas_used).fold(0, u64::saturating_add)
    }

    /// The wasm fuel of all transactions.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.transactions().map(|run| run.executed.resources.fuel).fold(0, u64::saturating_add)
    }
}

/// The state that the scenario begins with.
///
/// # Errors
///
/// [`RunError::Genesis`] if there is none.
pub fn genesis(scenario: &Scenario) -> Result<Genesis, RunError> {
    Ok(Genesis::new(&scenario.params, scenario.time, &scenario.accounts)?)
}

/// What a chain of the scenario begins with: its genesis, and the names that it uses.
#[must_use]
pub fn spec(scenario: &Scenario) -> Spec {
    let account = |(address, _): &(Address, u64)| {
        let name = scenario.names.show_address(address).strip_prefix('@').map(str::to_owned)?;
        Some((name, *address))
    };
    let accounts = scenario.accounts.iter().filter_map(account);
    let contracts = scenario.contracts.iter().map(|(address, instance)| (instance.name.clone(), *address));
    Spec {
        params: scenario.params.clone(),
        time: scenario.time,
        accounts: scenario.accounts.clone(),
        names: accounts.chain(contracts).collect(),
    }
}

/// Runs `scenario` on `store`, which holds its genesis.
///
/// # Errors
///
/// [`RunError`] if the node fails. What a scenario expects and does not get is in [`Run::failures`].
pub fn run(scenario: &Scenario, store: &mut dyn Store, trace: TraceLevel) -> Result<Run, RunError> {
    run_on(scenario, &mut StateOnly(store), trace)
}

/// As [`run`], on whatever keeps blocks.
///
/// # Errors
///
/// As [`run`].
pub fn run_on(scenario: &Scenario, store: &mut dyn Ledger, trace: TraceLevel) -> Result<Run, RunError> {
    let mut runner = Runner {
        scenario,
        vm: Vm::new(scenario.params.clone()),
        trace,
        nonces: BTreeMap::new(),
        names: scenario.names.clone(),
        checker: Checker::new(scenario),
    };
    let mut blocks = Vec::new();
    for plan in &scenario.blocks {
        let (block, go_on) = runner.block(plan, store)?;
        blocks.push(block);
        if !go_on {
            break;
        }
        let view = store.view()?;
        runner.checker.state(&plan.expects, view.as_ref(), &runner.names)?;
    }
    let view = store.view()?;
    runner.checker.state(&scenario.expects, view.as_ref(), &runner.names)?;
    Ok(Run {
        blocks,
        failures: runner.checker.failures,
        checks: runner.checker.checks,
        head: store.header().clone(),
        names: runner.names,
    })
}

struct Runner<'s> {
    scenario: &'s Scenario,
    vm: Vm,
    trace: TraceLevel,
    nonces: BTreeMap<Address, u64>,
    names: Names,
    checker: Checker<'s>,
}

impl Runner<'_> {
    fn execute(
        &self,
        store: &dyn Ledger,
        context: &BlockContext,
        plan: &BlockPlan,
        transactions: &[Transaction],
        trace: TraceLevel,
    ) -> Result<Result<BlockOutcome, String>, RunError> {
        let block = Block {
            context: context.clone(),
            mints: plan.mints.clone(),
            transactions: transactions.to_vec(),
        };
        let options = Options { trace };
        match self.vm.execute_block(&store.view()?, &block, options) {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(BlockError::Invalid(invalid)) => Ok(Err(invalid.to_string())),
            Err(BlockError::Failure(failure)) => Err(failure.into()),
        }
    }

    /// Runs one block; the second value is false where nothing after it makes sense.
    fn block(&mut self, plan: &BlockPlan, store: &mut dyn Ledger) -> Result<(BlockRun, bool), RunError> {
        let context = BlockContext {
            height: store.header().height.saturating_add(1),
            time: plan.time,
            proposer: plan.proposer,
        };
        let mut block = BlockRun {
            height: context.height,
            time: context.time,
            block: Block { context: context.clone(), mints: plan.mints.clone(), transactions: Vec::new() },
            header: None,
            refused: None,
            transactions: Vec::new(),
            light: None,
        };
        let (transactions, nonces) = self.build(plan, store, &context)?;
        block.block.transactions.clone_from(&transactions);
        let outcome = match self.execute(store, &context, plan, &transactions, self.trace)? {
            Ok(outcome) => outcome,
            Err(reason) => {
                let go_on = self.checker.refused(plan, &reason);
                block.refused = Some(reason);
                return Ok((block, go_on));
            }
        };
        if plan.invalid.is_some() {
            self.checker.accepted(plan);
            return Ok((block, false));
        }
        let parent = store.view()?;
        block.light = Some(LightCase {
            parent: parent.header().clone(),
            block: block.block.clone(),
            witness: outcome.witness(parent.as_ref())?,
        });
        drop(parent);
        store.commit(&block.block, &outcome)?;
        self.nonces = nonces;
        block.header = Some(outcome.commit.header.clone());
        self.save(plan, &outcome, true);
        for (index, ((planned, transaction), executed)) in
            plan.transactions.iter().zip(transactions).zip(outcome.transactions).enumerate()
        {
            self.checker.transaction(block.height, index, planned, &executed, &self.names);
            block.transactions.push(TransactionRun { note: planned.note.clone(), transaction, executed });
        }
        Ok((block, true))
    }

    /// The block's transactions as they are sent, and the nonces after them.
    fn build(
        &mut self,
        plan: &BlockPlan,
        store: &dyn Ledger,
        context: &BlockContext,
    ) -> Result<(Vec<Transaction>, BTreeMap<Address, u64>), RunError> {
        let mut nonces = self.nonces.clone();
        let mut transactions: Vec<Transaction> = Vec::new();
        let mut unsaved = false;
        for planned in &plan.transactions {
            let known = nonces.entry(planned.sender).or_insert(0);
            let nonce = planned.nonce.unwrap_or(*known);
            *known = nonce.saturating_add(1);
            if unsaved && planned.uses_objects() {
                // A refused front part is refused again with the rest, and reported then.
                if let Ok(outcome) = self.execute(store, context, plan, &transactions, TraceLevel::Off)? {
                    self.save(plan, &outcome, false);
                }
                unsaved = false;
            }
            unsaved |= planned.save.is_some();
            transactions.push(Transaction {
                sender: planned.sender,
                nonce,
                gas_limit: planned.gas_limit,
                gas_price: planned.gas_price,
                payload: self.payload(planned),
            });
        }
        Ok((transactions, nonces))
    }

    fn args(&mut self, planned: &TransactionPlan, args: &crate::scenario::Args) -> Vec<u8> {
        match args.encode(&self.names) {
            Ok(bytes) => bytes,
            Err(error) => {
                // Types were checked at loading: only an id that was never returned can be missing.
                self.checker.unsendable(planned, &error);
                Vec::new()
            }
        }
    }

    fn code(&self, module: &str) -> Vec<u8> {
        self.scenario.modules.get(module).map(|module| module.code.clone()).unwrap_or_default()
    }

    fn payload(&mut self, planned: &TransactionPlan) -> Payload {
        match &planned.action {
            Action::Transfer { to, amount } => Payload::Transfer { to: *to, amount: *amount },
            Action::Call { contract, function, args, value } => Payload::Call {
                contract: *contract,
                function: function.clone(),
                args: self.args(planned, args),
                value: *value,
            },
            Action::Deploy { module, stored, salt, args, value, .. } => {
                let code = self.code(module);
                let code =
                    if *stored { CodeSource::Stored(Hash::of_code(&code)) } else { CodeSource::Bytes(code) };
                Payload::Deploy { code, salt: *salt, args: self.args(planned, args), value: *value }
            }
            Action::Upload { module } => Payload::Upload { code: self.code(module) },
        }
    }

    /// Names the objects that the block's transactions returned.
    fn save(&mut self, plan: &BlockPlan, outcome: &BlockOutcome, last: bool) {
        for (planned, executed) in plan.transactions.iter().zip(&outcome.transactions) {
            let Some((name, span)) = &planned.save else { continue };
            let mut output = executed.receipt.output.as_slice();
            let object = ObjectId::decode(&mut output).ok().filter(|_| output.is_empty());
            match object.filter(|_| executed.receipt.status.is_success()) {
                Some(object) => self.names.add_object(name, object),
                None if last => self.checker.unsaved(name, span, executed),
                None => {}
            }
        }
    }
}
