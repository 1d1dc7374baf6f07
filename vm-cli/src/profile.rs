//! Gas by wasm function: a transaction, executed once more with marks at each function, as a flame graph.
//!
//! The transaction runs twice on its parent's state, with the transactions before it in its block: as nodes run it, and
//! with marks (`vm-host`'s feature `profile`). The marks need no other module than the stored one. Names come from a
//! module that was built with names, if it is the same code.
//!
//! A profile is a tree. Calls of contracts hold the functions of their modules, these hold the host functions that they
//! call, and a host function that calls a contract holds that call. Everything is counted in fuel, of which 8 units are
//! a gas, so nothing is rounded.
//!
//! Invariants:
//! - each unit of fuel that the transaction is billed, refunds aside, is in one place of the tree;
//! - names never decide what runs, and those of other code are refused;
//! - a profile is bounded, however long the run: past [`tree`]'s bounds the rest goes to the callers, and it says so;
//! - the same run gives the same bytes of every form.
//!
//! Deliberately not here: where the state comes from (a store's view and a witness's view both do).

mod label;
pub mod named;
mod output;
mod record;
pub mod tree;

use std::sync::Arc;

use miette::Diagnostic;
use vm_core::{Block, Hash, Params, Status};
use vm_host::{BlockError, Options, Vm};
use vm_state::View;

use crate::cli::Exit;
pub use label::Labels;
pub use named::{NamedError, NamedModule};
pub use output::Row;
use record::Recording;
use tree::{Timeline, Tree};

/// Why there is no profile.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum ProfileError {
    /// The block has no such transaction.
    #[error("the block has {count} transactions, none has the index {index}")]
    #[diagnostic(help("transactions of a block are counted from 0"))]
    NoTransaction {
        /// The index asked for.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// The block is refused, or the node failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A module with names is another build of a contract that ran.
    #[error("{shown} is another build of `{contract}`: its code hash is {found}, what ran is {ran}")]
    #[diagnostic(help("build the source that was deployed (vm verify tells), and give its .named.wasm"))]
    OtherBuild {
        /// The module, as the user named it.
        shown: String,
        /// The contract's name in its interface.
        contract: String,
        /// Its code hash.
        found: Hash,
        /// The code hash of what ran.
        ran: Hash,
    },
}

impl ProfileError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoTransaction { .. } | Self::OtherBuild { .. } | Self::Block(BlockError::Invalid(_)) => {
                Exit::BadInput
            }
            Self::Block(BlockError::Failure(_)) => Exit::NodeFailure,
        }
    }
}

/// Where the fuel of a transaction went.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Who called what: the outermost call.
    pub title: String,
    /// How the transaction ended.
    pub status: Status,
    /// Gas that the receipt says, after refunds.
    pub gas_used: u64,
    /// Gas that was given back.
    pub gas_refunded: u64,
    /// Fuel that the run without marks was billed, refunds aside.
    pub fuel: u64,
    /// Where it went.
    pub tree: Tree,
    /// When, if the run was short enough to keep that.
    pub timeline: Option<Timeline>,
    /// What the places of the tree are called.
    pub labels: Labels,
    /// Modules with names whose code did not run.
    pub unused: Vec<String>,
}

impl Profile {
    /// Fuel that is in the tree.
    #[must_use]
    pub fn attributed(&self) -> u64 {
        self.tree.total()
    }

    /// How far what is in the tree is from what was billed.
    #[must_use]
    pub fn deviation(&self) -> u64 {
        self.fuel.abs_diff(self.attributed())
    }
}

/// Profiles the transaction with this index in `block`, executed on the state of its parent.
///
/// # Errors
///
/// [`ProfileError`]: no such transaction, a block that is refused, or names of another build.
pub fn profile(
    params: &Params,
    parent: &Arc<dyn View>,
    block: &Block,
    index: u32,
    named: &[NamedModule],
) -> Result<Profile, ProfileError> {
    let count = block.transactions.len();
    let none = || ProfileError::NoTransaction { index, count };
    let at = usize::try_from(index).map_err(|_| none())?;
    // What stands behind it has no effect on it.
    let transactions = block.transactions.get(..=at).ok_or_else(none)?.to_vec();
    let front = Block { transactions, ..block.clone() };
    let run = |vm: &Vm| -> Result<vm_host::Executed, ProfileError> {
        let mut outcome = vm.execute_block(parent, &front, Options::default())?;
        outcome.transactions.pop().ok_or_else(none)
    };
    let plain = run(&Vm::new(params.clone()))?;
    let recording = Recording::of(index, plain.resources.intrinsic_fuel);
    let mut vm = Vm::new(params.clone());
    vm.profile(Arc::new(recording.clone()));
    run(&vm)?;
    let recorded = recording.finish();

    let unused = unused(named, &recorded.labels)?;
    let mut labels = recorded.labels;
    for module in named {
        labels.name_functions(module.code_hash, &module.functions);
    }
    Ok(Profile {
        title: labels.title(&recorded.tree),
        status: plain.receipt.status,
        gas_used: plain.receipt.gas_used,
        gas_refunded: plain.receipt.gas_refunded,
        fuel: plain.resources.billed_fuel(),
        tree: recorded.tree,
        timeline: recorded.timeline,
        labels,
        unused,
    })
}

/// The modules whose code did not run, unless another build of them did.
fn unused(named: &[NamedModule], labels: &Labels) -> Result<Vec<String>, ProfileError> {
    let mut unused = Vec::new();
    for module in named.iter().filter(|module| labels.module(&module.code_hash).is_none()) {
        // A second build of a contract is good where its own names are given too.
        let ran = labels.codes_of(&module.contract);
        let other = ran.into_iter().find(|ran| named.iter().all(|named| named.code_hash != *ran));
        if let Some(ran) = other {
            return Err(ProfileError::OtherBuild {
                shown: module.shown.clone(),
                contract: module.contract.clone(),
                found: module.code_hash,
                ran,
            });
        }
        unused.push(module.shown.clone());
    }
    Ok(unused)
}
