//! Scenarios: blocks of transactions by named accounts, with what is expected of them.
//!
//! [`Scenario::load`] reads a file and checks all that can be known before anything runs: names, types, arguments,
//! modules. Whoever holds a [`Scenario`] can run it; what may still fail are its expectations. `SCENARIOS.md` is the
//! reference of the format.

mod error;
mod file;
mod load;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use vm_core::interface::{Field, Function, Interface, Type};
use vm_core::{Address, ErrorCode, Hash, Mint, Params};

pub use error::ScenarioError;
pub(crate) use error::line_of;

use crate::names::Names;
use crate::value::{Located, ValueError, encode_fields};

/// The gas limit of a transaction that names none.
pub const GAS_DEFAULT: u64 = 10_000_000;
/// The gas price of a transaction that names none.
pub const GAS_PRICE_DEFAULT: u64 = 1;
/// How long after its parent a block is that names no time, in milliseconds.
pub const BLOCK_INTERVAL: i64 = 1_000;

/// A checked scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file it comes from.
    pub path: PathBuf,
    /// The file's text, which the spans point into.
    pub text: String,
    /// Its name.
    pub name: String,
    /// What it shows, for people.
    pub description: String,
    /// The requirements it shows, as `R5`.
    pub requirements: Vec<String>,
    /// The rules of its chain.
    pub params: Params,
    /// The time of genesis, in milliseconds.
    pub time: i64,
    /// Who has how much at genesis.
    pub accounts: Vec<(Address, u64)>,
    /// The modules by name.
    pub modules: BTreeMap<String, Module>,
    /// What is deployed where, by address.
    pub contracts: BTreeMap<Address, Instance>,
    /// The names of all accounts and contracts.
    pub names: Names,
    /// What is executed.
    pub blocks: Vec<BlockPlan>,
    /// What must hold at the end.
    pub expects: Vec<StateExpect>,
}

/// A module of a scenario.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its wasm bytes.
    pub code: Vec<u8>,
    /// What it offers; `None` for one that is taken unchecked.
    pub interface: Option<Arc<Interface>>,
}

/// A contract that a scenario deploys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name, without `@`.
    pub name: String,
    /// The name of its module.
    pub module: String,
}

/// A block to execute.
#[derive(Clone, Debug)]
pub struct BlockPlan {
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// Its time.
    pub time: i64,
    /// Who gets its fees.
    pub proposer: Address,
    /// What is created first.
    pub mints: Vec<Mint>,
    /// Its transactions.
    pub transactions: Vec<TransactionPlan>,
    /// Part of the reason for which it must be refused.
    pub invalid: Option<(String, Range<usize>)>,
    /// What must hold after it.
    pub expects: Vec<StateExpect>,
}

/// A transaction to send.
#[derive(Clone, Debug)]
pub struct TransactionPlan {
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// What it is there for.
    pub note: String,
    /// Who sends it.
    pub sender: Address,
    /// Its nonce, if not the sender's next.
    pub nonce: Option<u64>,
    /// The most gas it may use.
    pub gas_limit: u64,
    /// Balance per gas.
    pub gas_price: u64,
    /// What it does.
    pub action: Action,
    /// The name for the object id that it returns.
    pub save: Option<(String, Range<usize>)>,
    /// What must come of it.
    pub expect: Expect,
}

impl TransactionPlan {
    /// Whether its arguments name saved objects.
    #[must_use]
    pub fn uses_objects(&self) -> bool {
        match &self.action {
            Action::Call { args: Args::Typed(_, table), .. }
            | Action::Deploy { args: Args::Typed(_, table), .. } => table.value.mentions("$"),
            _ => false,
        }
    }
}

/// What a transaction does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Moves balance.
    Transfer {
        /// To whom.
        to: Address,
        /// How much.
        amount: u64,
    },
    /// Calls a function.
    Call {
        /// The contract.
        contract: Address,
        /// The function's name.
        function: String,
        /// Its arguments.
        args: Args,
        /// Balance sent along.
        value: u64,
    },
    /// Creates a contract.
    Deploy {
        /// The module's name.
        module: String,
        /// Where the contract will be.
        address: Address,
        /// Whether the chain has the module already.
        stored: bool,
        /// Tells contracts of one deployer and module apart.
        salt: Hash,
        /// The initialiser's arguments.
        args: Args,
        /// Balance sent along.
        value: u64,
    },
    /// Stores a module.
    Upload {
        /// The module's name.
        module: String,
    },
}

/// The arguments of a call or deployment.
#[derive(Clone, Debug)]
pub enum Args {
    /// Bytes as they are, right or wrong.
    Raw(Vec<u8>),
    /// Values by parameter name. They become bytes only when names of saved objects are known.
    Typed(Vec<Field>, Located),
}

impl Args {
    /// The bytes.
    ///
    /// # Errors
    ///
    /// [`ValueError`] for a value that does not fit its parameter.
    pub fn encode(&self, names: &Names) -> Result<Vec<u8>, ValueError> {
        match self {
            Self::Raw(bytes) => Ok(bytes.clone()),
            Self::Typed(params, table) => encode_fields(params, table, names, "args"),
        }
    }
}

/// What a transaction must come to. Without any of it: success.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// How it must end.
    pub status: Option<(StatusExpect, Range<usize>)>,
    /// The error it must end with.
    pub error: Option<ErrorExpect>,
    /// What it must return.
    pub returns: Option<(Type, Located)>,
    /// Exactly the events it must log, in order.
    pub events: Option<(Vec<EventExpect>, Range<usize>)>,
    /// The most gas it may use.
    pub gas_max: Option<(u64, Range<usize>)>,
}

/// How a transaction must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusExpect {
    /// Its effects stand.
    Success,
    /// The contract reverted.
    Reverted,
    /// The host stopped or refused it, for whatever reason.
    Failed,
    /// The host stopped or refused it with this code.
    Code(ErrorCode),
}

/// The error that a transaction must end with.
#[derive(Clone, Debug)]
pub struct ErrorExpect {
    /// The contract whose error it is, if another than the one called.
    pub contract: Option<Address>,
    /// A contract error or an [`ErrorCode`].
    pub name: String,
    /// The fields of a contract error that must match.
    pub fields: Vec<(Field, Located)>,
    /// Where it stands in the file.
    pub span: Range<usize>,
}

/// An event that a transaction must log.
#[derive(Clone, Debug)]
pub struct EventExpect {
    /// The contract that logs it.
    pub contract: Address,
    /// The event's name.
    pub name: String,
    /// The fields that must match; others may have any value.
    pub fields: Vec<(Field, Located)>,
    /// Where it stands in the file.
    pub span: Range<usize>,
}

/// Something that must hold of the state.
#[derive(Clone, Debug)]
pub struct StateExpect {
    /// What.
    pub what: StateFact,
    /// Where it stands in the file.
    pub span: Range<usize>,
}

/// A fact of the state.
#[derive(Clone, Debug)]
pub enum StateFact {
    /// An account's balance.
    Balance(Address, u64),
    /// An account's nonce.
    Nonce(Address, u64),
    /// How many objects of a contract somebody owns.
    Count {
        /// The contract.
        contract: Address,
        /// The owner.
        owner: Address,
        /// How many.
        is: u32,
    },
    /// An object.
    Object(ObjectExpect),
}

/// What must hold of an object.
#[derive(Clone, Debug)]
pub struct ObjectExpect {
    /// Which one.
    pub which: ObjectRef,
    /// Whether it must not exist.
    pub absent: bool,
    /// Its owner.
    pub owner: Option<Address>,
    /// Its fields; others may have any value.
    pub fields: Vec<FieldExpect>,
}

/// A field that an object must have.
#[derive(Clone, Debug)]
pub struct FieldExpect {
    /// The field's name.
    pub name: String,
    /// Its type; without one, the value is bytes as they are.
    pub ty: Option<Type>,
    /// Its value.
    pub value: Located,
}

/// How an expectation names an object.
#[derive(Clone, Debug)]
pub enum ObjectRef {
    /// By id: `$name` or hex.
    Id(Located),
    /// By place among what an owner has, oldest first.
    Owned {
        /// The contract.
        contract: Address,
        /// The owner.
        owner: Address,
        /// From 0.
        index: u32,
    },
}

impl Scenario {
    /// The interface of the contract at `address`, where the scenario knows it.
    #[must_use]
    pub fn interface(&self, address: &Address) -> Option<&Interface> {
        self.modules.get(&self.contracts.get(address)?.module)?.interface.as_deref()
    }

    /// The function that a transaction runs, where the scenario knows it.
    #[must_use]
    pub fn function(&self, action: &Action) -> Option<&Function> {
        match action {
            Action::Call { contract, function, .. } => self.interface(contract)?.function(function),
            Action::Deploy { module, .. } => self.modules.get(module)?.interface.as_deref()?.init(),
            Action::Transfer { .. } | Action::Upload { .. } => None,
        }
    }

    /// `file:line` of a span.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.path.display(), line_of(&self.text, span.start))
    }
}
