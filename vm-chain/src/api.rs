//! What a chain offers its users: one trait for a store on this machine and a node elsewhere.
//!
//! [`Local`] serves a [`Chain`](crate::Chain) in this process; a node serves the same trait over JSON-RPC, each method
//! under its name with `vm_` in front (`dev_` for what only a local chain has), its parameters by name.
//!
//! Invariants:
//! - a method that reads changes nothing;
//! - [`Api::send`] returns when the transaction is durable in a block: what was acknowledged is not lost;
//! - every list is bounded, and says where to go on.

mod error;
mod local;
mod named;
pub mod text;
pub mod trace;
pub mod types;

use vm_core::{Address, Hash, ObjectId, Transaction};

pub use error::{ApiError, Fault};
pub use local::Local;
use trace::TraceInfo;
use types::{
    AccountInfo, Answer, At, BlockInfo, ChunkInfo, Claim, CodeInfo, ContractInfo, ContractPage, EventFilter,
    EventPage, FinalityInfo, HeaderInfo, Level, NamedAnswer, NamedCall, ObjectFilter, ObjectInfo, ParamsInfo,
    Proof, QueryRequest, ReceiptInfo, Status, TransactionInfo, WitnessInfo,
};

use crate::Signed;

/// The most items that one answer lists.
pub const ITEMS_MAX: u32 = 1_000;

/// What a chain offers.
///
/// # Errors
///
/// Each method: [`ApiError`], whose [`Fault`] says whose fault it is.
#[allow(clippy::missing_errors_doc, reason = "said once, for all methods")]
pub trait Api {
    /// Head, and how far back it can be read.
    fn status(&self) -> Result<Status, ApiError>;
    /// The rules.
    fn params(&self) -> Result<ParamsInfo, ApiError>;
    /// A block with its transactions.
    fn block(&self, at: At) -> Result<BlockInfo, ApiError>;
    /// A transaction, in a block or waiting.
    fn transaction(&self, hash: Hash) -> Result<TransactionInfo, ApiError>;
    /// A committed transaction's receipt.
    fn receipt(&self, hash: Hash) -> Result<ReceiptInfo, ApiError>;
    /// Events, oldest first.
    fn events(&self, filter: EventFilter) -> Result<EventPage, ApiError>;
    /// An account; one that nobody has used is empty, not unknown.
    fn account(&self, address: Address, at: At) -> Result<AccountInfo, ApiError>;
    /// A contract.
    fn contract(&self, address: Address) -> Result<ContractInfo, ApiError>;
    /// All contracts, after an address, at most so many.
    fn contracts(&self, after: Option<Address>, limit: Option<u32>) -> Result<ContractPage, ApiError>;
    /// A stored module.
    fn code(&self, code_hash: Hash) -> Result<CodeInfo, ApiError>;
    /// An object with its fields.
    fn object(&self, id: ObjectId, at: At) -> Result<ObjectInfo, ApiError>;
    /// The objects of an owner.
    fn objects(&self, filter: ObjectFilter) -> Result<Vec<ObjectInfo>, ApiError>;
    /// Calls a function for its answer; nothing can be written.
    fn query(&self, request: QueryRequest) -> Result<Answer, ApiError>;
    /// Executes a transaction in a block of its own on the head, and commits nothing. Its signature is not asked for.
    fn simulate(&self, transaction: Transaction, trace: Level) -> Result<Answer, ApiError>;
    /// Takes a transaction and returns when it is durable in a block.
    fn send(&self, signed: Signed) -> Result<ReceiptInfo, ApiError>;
    /// Takes a transaction into the pool. A promise of nothing: a node that stops may forget it.
    fn submit(&self, signed: Signed) -> Result<Hash, ApiError>;
    /// Executes a committed transaction's block again, and shows the transaction's run.
    fn trace(&self, hash: Hash, level: Level) -> Result<TraceInfo, ApiError>;
    /// A block with what a light node executes it from.
    fn witness(&self, height: u64) -> Result<WitnessInfo, ApiError>;
    /// What shows that a block is final. Replicated chains only.
    fn finality(&self, at: At) -> Result<FinalityInfo, ApiError>;
    /// Proves something against a block's header.
    fn prove(&self, claim: Claim, at: At) -> Result<Proof, ApiError>;
    /// A part of the snapshot of a block's state, after the entry with the key `after`.
    fn chunk(&self, at: At, after: Option<Vec<u8>>) -> Result<ChunkInfo, ApiError>;
    /// Calls a function in the name of an account whose secret everyone knows. Local chains only.
    fn call_named(&self, call: NamedCall) -> Result<NamedAnswer, ApiError>;
    /// Makes blocks without waiting for transactions. Local chains only.
    fn mine(&self, count: u32) -> Result<HeaderInfo, ApiError>;
    /// Makes the block at `height` the head again. Local chains only.
    fn rollback(&self, height: u64) -> Result<HeaderInfo, ApiError>;
    /// Moves the clock of the chain forward by so many milliseconds; the next block shows it. Local chains only.
    fn advance_time(&self, milliseconds: u64) -> Result<i64, ApiError>;
}
