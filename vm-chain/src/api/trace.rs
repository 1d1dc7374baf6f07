//! A transaction's call tree, decoded: what `vm trace`, `--json`, the RPC and the page show.
//!
//! Addresses and objects stand as digits; whoever shows them to people puts names in their place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vm_core::{Address, Hash, ObjectId};

use super::text::{HexBytes, Text};
use super::types::{Ending, ReceiptInfo, TransactionInfo};

/// A transaction's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionTrace {
    /// The outermost frame.
    pub root: FrameInfo,
    /// Whether the tree was cut at its byte cap.
    pub truncated: bool,
    /// What it took.
    pub resources: ResourcesInfo,
}

/// What a run took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResourcesInfo {
    /// Fuel that wasm burned; eight units are one gas.
    pub fuel: u64,
    /// Fuel charged before the first frame: envelope, bytes, own entries.
    pub intrinsic_fuel: u64,
    /// Fuel charged for loading modules and starting frames.
    pub setup_fuel: u64,
    /// Fuel charged by host functions.
    pub host_fuel: u64,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Frames.
    pub frames: u64,
    /// Depth of the deepest frame.
    pub depth_max: u32,
    /// Entries read.
    pub entries_read: u64,
    /// Entries written.
    pub entries_written: u64,
    /// Bytes that the entries add to a witness, at most.
    pub witness_bytes: u64,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrameInfo {
    /// `call`, `deploy`, `transfer` or `upload`.
    pub kind: String,
    /// 0 for the outermost.
    pub depth: u32,
    /// Who called.
    pub caller: Text<Address>,
    /// The contract that ran; for a transfer, the receiver.
    pub contract: Text<Address>,
    /// The contract's name by its interface; none where there is no contract.
    pub name: Option<String>,
    /// The function that ran; empty where none did.
    pub function: String,
    /// The arguments by name.
    pub args: Option<Map<String, Value>>,
    /// SCALE of the arguments.
    pub raw_args: HexBytes,
    /// Balance sent along.
    pub value: Text<u64>,
    /// Gas that it might use.
    pub gas_granted: u64,
    /// Gas billed, callees included.
    pub gas_used: u64,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// What it returned, by the interface.
    pub returns: Option<Value>,
    /// What it returned or reverted with.
    pub output: HexBytes,
    /// Why it ended so, in words, where the VM says more than the error's name.
    pub detail: Option<String>,
    /// What it did, in order.
    pub steps: Vec<StepInfo>,
}

/// What a frame did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepInfo {
    /// It called, deployed or sent.
    Frame(Box<FrameInfo>),
    /// It logged.
    Event(LoggedInfo),
    /// It called a host function.
    Operation(OperationInfo),
}

/// An event as a frame logged it: kept only if all frames around it succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoggedInfo {
    /// The contract.
    pub contract: Text<Address>,
    /// Its name.
    pub name: String,
    /// Its fields by name.
    pub fields: Option<Map<String, Value>>,
    /// SCALE of its fields.
    pub data: HexBytes,
}

/// A host operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationInfo {
    /// The host function (`docs/abi.md`).
    pub function: String,
    /// Gas that it took; of a call, without what the callee was granted.
    pub gas_used: u64,
    /// The name of the error with which it failed.
    pub failed: Option<String>,
    /// What it read, changed, or was refused.
    pub change: Option<ChangeInfo>,
}

/// What a host operation read, changed, or was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangeInfo {
    /// A new object.
    Created {
        /// The object.
        object: Text<ObjectId>,
        /// Its owner.
        owner: Text<Address>,
    },
    /// An object is gone, with its fields.
    Deleted {
        /// The object.
        object: Text<ObjectId>,
    },
    /// An object has another owner.
    OwnerSet {
        /// The object.
        object: Text<ObjectId>,
        /// The owner before.
        from: Text<Address>,
        /// The owner now.
        to: Text<Address>,
    },
    /// A field was read.
    FieldRead {
        /// The object.
        object: Text<ObjectId>,
        /// The field's name; in hex if it is no text.
        field: String,
    },
    /// A field was written or removed.
    FieldSet {
        /// The object.
        object: Text<ObjectId>,
        /// The field's name; in hex if it is no text.
        field: String,
        /// Its value before, by the interface or in hex.
        before: Option<Value>,
        /// Its value now, by the interface or in hex.
        after: Option<Value>,
    },
    /// Balance left the contract.
    Transferred {
        /// Who received it.
        to: Text<Address>,
        /// How much.
        amount: Text<u64>,
    },
    /// The object's policy forbade what was tried.
    Refused {
        /// The object.
        object: Text<ObjectId>,
    },
}

/// A committed transaction with its run, executed again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TraceInfo {
    /// The block's hash.
    pub block: Text<Hash>,
    /// The transaction.
    pub transaction: TransactionInfo,
    /// Its receipt, as the chain keeps it.
    pub receipt: ReceiptInfo,
    /// Its run.
    pub trace: TransactionTrace,
}
