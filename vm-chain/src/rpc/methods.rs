//! The methods: one row each, from which the client, the server's dispatch and the OpenRPC file are made.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use vm_core::{Address, Hash, ObjectId, Transaction};

use super::Travels;
use crate::api::trace::TraceInfo;
use crate::api::types::{
    AccountInfo, Answer, At, BlockInfo, ChunkInfo, Claim, CodeInfo, ContractInfo, ContractPage, EventFilter,
    EventPage, FinalityInfo, HeaderInfo, Level, NamedAnswer, NamedCall, ObjectFilter, ObjectInfo, ParamsInfo,
    Proof, QueryRequest, ReceiptInfo, Status, TransactionInfo, WitnessInfo,
};
use crate::{Api, ApiError, Signed};

/// A method of the interface.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name on the wire.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// The schema of its parameters, by name.
    pub params: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of its result.
    pub result: fn(&mut SchemaGenerator) -> Schema,
    /// Calls it: parameters and result are JSON.
    pub call: fn(&dyn Api, &str) -> Result<Box<RawValue>, ApiError>,
}

/// The method with this name on the wire.
#[must_use]
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// Reads parameters; none are as good as an empty object.
///
/// # Errors
///
/// [`ApiError::Request`] that says what is wrong with them.
pub fn params<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, ApiError> {
    let text = if matches!(text.trim(), "" | "null" | "[]") { "{}" } else { text };
    if text.trim_start().starts_with('[') {
        return Err(ApiError::Request("parameters go by name: give an object, not a list".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| ApiError::Request(format!("wrong parameters: {error}")))
}

/// Writes a result.
///
/// # Errors
///
/// [`ApiError::Node`]: our types have no values that JSON lacks.
pub fn result<T: Serialize>(value: &T) -> Result<Box<RawValue>, ApiError> {
    serde_json::value::to_raw_value(value)
        .map_err(|error| ApiError::Node(format!("a result has no JSON: {error}")))
}

macro_rules! methods {
    ($(
        #[doc = $about:literal]
        $name:literal $method:ident $params:ident {
            $( $(#[$attribute:meta])* $field:ident: $ty:ty, )*
        } -> $result:ty;
    )+) => {
        $(
            #[doc = concat!("Parameters of `", $name, "`.")]
            #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $params {
                $( $(#[$attribute])* pub $field: <$ty as Travels>::Form, )*
            }
        )+

        /// Every method, in the order of [`Api`].
        pub const METHODS: &[Method] = &[$(Method {
            name: $name,
            about: $about,
            params: <$params as JsonSchema>::json_schema,
            result: SchemaGenerator::subschema_for::<<$result as Travels>::Form>,
            call: |api, text| {
                let $params { $($field),* } = params(text)?;
                $( let $field = <$ty as Travels>::unpack($field)?; )*
                result(&api.$method($($field),*)?.pack())
            },
        }),+];

        #[cfg(feature = "client")]
        impl Api for super::Client {
            $(fn $method(&self, $($field: $ty),*) -> Result<$result, ApiError> {
                let params = $params { $($field: $field.pack()),* };
                Travels::unpack(self.call($name, &params)?)
            })+
        }
    };
}

methods! {
    /// Head, how far back the chain can be read, what waits, and names.
    "vm_status" status StatusParams {} -> Status;
    /// The chain's rules.
    "vm_params" params ParamsParams {} -> ParamsInfo;
    /// A block with its transactions.
    "vm_block" block BlockParams {
        /// Which block (default: the head).
        #[serde(default)]
        at: At,
    } -> BlockInfo;
    /// A transaction, in a block or waiting.
    "vm_transaction" transaction TransactionParams {
        /// Its hash.
        hash: Hash,
    } -> TransactionInfo;
    /// The receipt of a transaction in a block.
    "vm_receipt" receipt ReceiptParams {
        /// The transaction's hash.
        hash: Hash,
    } -> ReceiptInfo;
    /// Events, oldest first.
    "vm_events" events EventsParams {
        /// Which events (default: all).
        #[serde(default)]
        filter: EventFilter,
    } -> EventPage;
    /// An account; one that nobody has used is empty, not unknown.
    "vm_account" account AccountParams {
        /// Its address.
        address: Address,
        /// In the state after this block (default: the head).
        #[serde(default)]
        at: At,
    } -> AccountInfo;
    /// A contract with its interface.
    "vm_contract" contract ContractParams {
        /// Its address.
        address: Address,
    } -> ContractInfo;
    /// All contracts, in the order of their addresses.
    "vm_contracts" contracts ContractsParams {
        /// Only those after this address.
        #[serde(default)]
        after: Option<Address>,
        /// At most so many; a node gives at most 1,000.
        #[serde(default)]
        limit: Option<u32>,
    } -> ContractPage;
    /// A stored module.
    "vm_code" code CodeParams {
        /// Its hash.
        code_hash: Hash,
    } -> CodeInfo;
    /// An object with its fields.
    "vm_object" object ObjectParams {
        /// Its id.
        id: ObjectId,
        /// In the state after this block (default: the head).
        #[serde(default)]
        at: At,
    } -> ObjectInfo;
    /// The objects of an owner.
    "vm_objects" objects ObjectsParams {
        /// Whose, and of which contract.
        filter: ObjectFilter,
    } -> Vec<ObjectInfo>;
    /// Calls a function for its answer; nothing can be written.
    "vm_query" query QueryParams {
        /// What to call.
        request: QueryRequest,
    } -> Answer;
    /// Executes a transaction in a block of its own on the head, and commits nothing. No signature is asked for.
    "vm_simulate" simulate SimulateParams {
        /// SCALE of the transaction.
        transaction: Transaction,
        /// How much of the run to show (default: nothing).
        #[serde(default)]
        trace: Level,
    } -> Answer;
    /// Takes a transaction and answers when it is durable in a block.
    "vm_send" send SendParams {
        /// SCALE of the signed transaction.
        signed: Signed,
    } -> ReceiptInfo;
    /// Takes a transaction into the pool and answers its hash. A promise of nothing: a node that stops may forget it.
    "vm_submit" submit SubmitParams {
        /// SCALE of the signed transaction.
        signed: Signed,
    } -> Hash;
    /// Executes a transaction's block again, and shows the transaction's run.
    "vm_trace" trace TraceParams {
        /// The transaction's hash.
        hash: Hash,
        /// How much of the run to show: `calls` or `full`.
        level: Level,
    } -> TraceInfo;
    /// A block with what a light node executes it from.
    "vm_witness" witness WitnessParams {
        /// The block's height.
        height: u64,
    } -> WitnessInfo;
    /// What shows that a block is final, to whoever knows the validators. Replicated chains only.
    "vm_finality" finality FinalityParams {
        /// Which block (default: the head).
        #[serde(default)]
        at: At,
    } -> FinalityInfo;
    /// Proves something against a block's header.
    "vm_prove" prove ProveParams {
        /// What to prove.
        claim: Claim,
        /// In the state after this block (default: the head); receipts and events have a block of their own.
        #[serde(default)]
        at: At,
    } -> Proof;
    /// A part of the snapshot of a block's state.
    "vm_chunk" chunk ChunkParams {
        /// Which block's (default: the head's).
        #[serde(default)]
        at: At,
        /// What the part before gave as `next`.
        #[serde(default)]
        after: Option<Vec<u8>>,
    } -> ChunkInfo;
    /// Calls a function in the name of one of the local chain's accounts, whose secrets everyone knows.
    "dev_call" call_named CallParams {
        /// What to call, with which arguments.
        call: NamedCall,
    } -> NamedAnswer;
    /// Makes blocks without waiting for transactions.
    "dev_mine" mine MineParams {
        /// How many; at most 1,000.
        count: u32,
    } -> HeaderInfo;
    /// Makes an earlier block the head again; what waits is forgotten.
    "dev_rollback" rollback RollbackParams {
        /// The block's height.
        height: u64,
    } -> HeaderInfo;
    /// Moves the chain's clock forward; answers the time that the next block has at least.
    "dev_advance_time" advance_time AdvanceTimeParams {
        /// By how much.
        milliseconds: u64,
    } -> i64;
}
