//! What goes over the interface: one shape for RPC, for `--json`, and for the page.
//!
//! Keys are only ever added. Decoded values stand beside the bytes that they were decoded from; where a contract's
//! interface does not fit its bytes, only the bytes stand.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use vm_core::{Address, Hash, Header, Key, ObjectId};

use super::ApiError;
use super::text::{HexBytes, Text};
use super::trace::TransactionTrace;
use crate::chain::Spec;
use crate::replica::Seal;
use crate::signed::ChainId;

/// Which block: its height, its hash, or `"head"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// By height.
    Height(u64),
    /// By hash.
    Hash(Text<Hash>),
    /// The last block.
    #[default]
    Head,
}

const HEAD: &str = "head";

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == HEAD {
            return Ok(Self::Head);
        }
        if let Ok(height) = text.parse() {
            return Ok(Self::Height(height));
        }
        let hash = text.parse().map_err(|_| "expected a height, a block's hash, or \"head\"".to_owned())?;
        Ok(Self::Hash(Text(hash)))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Height(height) => height.fmt(f),
            Self::Hash(hash) => hash.fmt(f),
            Self::Head => f.write_str(HEAD),
        }
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Height(height) => serializer.serialize_u64(*height),
            Self::Hash(_) | Self::Head => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Height(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Height(height) => Ok(Self::Height(height)),
            Written::Text(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

impl JsonSchema for At {
    fn schema_name() -> Cow<'static, str> {
        "At".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A block: its height, its hash, or \"head\".",
            "oneOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^(head|[0-9]+|0x[0-9a-f]{64})$" },
            ],
        })
    }
}

/// A block's header, and the hash that names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeaderInfo {
    /// The block's hash.
    pub hash: Text<Hash>,
    /// The hash of the block before.
    pub parent: Text<Hash>,
    /// The block's height; genesis has 0.
    pub height: u64,
    /// Milliseconds since the Unix epoch.
    pub time: i64,
    /// Who is credited its fees.
    pub proposer: Text<Address>,
    /// The version of the VM's rules.
    pub vm_version: u32,
    /// The hash of the chain's parameters.
    pub params: Text<Hash>,
    /// The root over mints and transactions.
    pub transactions_root: Text<Hash>,
    /// The state's root after the block.
    pub state_root: Text<Hash>,
    /// The root over the receipts.
    pub receipts_root: Text<Hash>,
    /// The gas of all its transactions.
    pub gas_used: u64,
}

impl From<&Header> for HeaderInfo {
    fn from(header: &Header) -> Self {
        Self {
            hash: header.hash().into(),
            parent: header.parent.into(),
            height: header.height,
            time: header.time,
            proposer: header.proposer.into(),
            vm_version: header.vm_version,
            params: header.params.into(),
            transactions_root: header.transactions_root.into(),
            state_root: header.state_root.into(),
            receipts_root: header.receipts_root.into(),
            gas_used: header.gas_used,
        }
    }
}

impl From<&HeaderInfo> for Header {
    /// The header that the hash should name; whoever trusts the hash compares.
    fn from(info: &HeaderInfo) -> Self {
        Self {
            parent: info.parent.0,
            height: info.height,
            time: info.time,
            proposer: info.proposer.0,
            vm_version: info.vm_version,
            params: info.params.0,
            transactions_root: info.transactions_root.0,
            state_root: info.state_root.0,
            receipts_root: info.receipts_root.0,
            gas_used: info.gas_used,
        }
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The chain's name.
    pub chain: String,
    /// The version of the program.
    pub version: String,
    /// The last block.
    pub head: HeaderInfo,
    /// The lowest height whose state can be read, traced, replayed and gone back to.
    pub oldest_state: u64,
    /// The lowest height whose transactions are kept; none before the first block.
    pub oldest_block: Option<u64>,
    /// Transactions that wait for a block.
    pub pending: u32,
    /// Accounts and contracts with names.
    pub names: Vec<NamedAddress>,
}

/// A name for people; no rule knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamedAddress {
    /// The name, without `@`.
    pub name: String,
    /// What it names.
    pub address: Text<Address>,
}

/// The rules of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParamsInfo {
    /// Their hash.
    pub hash: Text<Hash>,
    /// The chain's name.
    pub chain: String,
    /// The version of the VM's rules.
    pub vm_version: u32,
    /// SCALE of the parameters, of the genesis time, of its accounts and of names (`vm_chain::chain::Spec`).
    pub spec: HexBytes,
    /// Every limit by name.
    pub limits: Map<String, Value>,
    /// Every price by name.
    pub gas: Map<String, Value>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlockInfo {
    /// Its header.
    pub header: HeaderInfo,
    /// Whether its transactions are kept; genesis and what came before a snapshot have none to show.
    pub kept: bool,
    /// Balance created at its start.
    pub mints: Vec<MintInfo>,
    /// Its transactions, in order.
    pub transactions: Vec<TransactionInfo>,
}

/// Balance created at the start of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MintInfo {
    /// Who received it.
    pub to: Text<Address>,
    /// How much.
    pub amount: Text<u64>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionInfo {
    /// Its hash.
    pub hash: Text<Hash>,
    /// The height of its block; none while it waits.
    pub height: Option<u64>,
    /// Its index in the block; none while it waits.
    pub index: Option<u32>,
    /// Who sends it and pays.
    pub sender: Text<Address>,
    /// The sender's count of transactions before it.
    pub nonce: u64,
    /// The most gas it may use.
    pub gas_limit: u64,
    /// Balance per gas.
    pub gas_price: Text<u64>,
    /// What it does.
    pub payload: PayloadInfo,
    /// SCALE of the signed transaction.
    pub raw: HexBytes,
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PayloadInfo {
    /// Moves balance.
    Transfer {
        /// Who receives.
        to: Text<Address>,
        /// How much.
        amount: Text<u64>,
    },
    /// Calls a function.
    Call {
        /// The contract.
        contract: Text<Address>,
        /// The function.
        function: String,
        /// SCALE of the arguments.
        args: HexBytes,
        /// The arguments by name.
        decoded: Option<Map<String, Value>>,
        /// Balance sent along.
        value: Text<u64>,
    },
    /// Creates a contract.
    Deploy {
        /// Its address.
        contract: Text<Address>,
        /// Its code.
        code_hash: Text<Hash>,
        /// The length of the module, where the transaction carries it.
        code_bytes: Option<u32>,
        /// The salt of its address.
        salt: Text<Hash>,
        /// SCALE of the initialiser's arguments.
        args: HexBytes,
        /// The arguments by name.
        decoded: Option<Map<String, Value>>,
        /// Balance sent along.
        value: Text<u64>,
    },
    /// Stores a module.
    Upload {
        /// Its hash.
        code_hash: Text<Hash>,
        /// Its length.
        code_bytes: u32,
    },
}

/// How a transaction or a frame ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ending {
    /// `success`, `reverted` or `failed`.
    pub status: String,
    /// What went wrong; none for success, and for reverts with bytes that nobody knows.
    pub error: Option<ErrorInfo>,
}

/// An error by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorInfo {
    /// Its name: of the VM's errors (`docs/errors.md`), or of the contract's interface.
    pub name: String,
    /// Its code: below 65,536 of the VM's, from there on of the contract's.
    pub code: u32,
    /// Its fields by name; the VM's have none.
    pub fields: Map<String, Value>,
}

/// What a run came to, whether a block keeps it or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// What it returned or reverted with.
    pub output: HexBytes,
    /// What it returned, by the interface.
    pub returns: Option<Value>,
    /// The contract that it deployed.
    pub deployed: Option<Text<Address>>,
    /// Gas paid for.
    pub gas_used: u64,
    /// Gas given back for deleted objects.
    pub gas_refunded: u64,
    /// What contracts logged.
    pub events: Vec<EventInfo>,
}

/// A receipt and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptInfo {
    /// The transaction's hash.
    pub transaction: Text<Hash>,
    /// The block's height.
    pub height: u64,
    /// The transaction's index in the block.
    pub index: u32,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// SCALE of the receipt.
    pub raw: HexBytes,
}

/// An event and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventInfo {
    /// The block's height.
    pub height: u64,
    /// The transaction's hash.
    pub transaction: Text<Hash>,
    /// The transaction's index in the block.
    pub transaction_index: u32,
    /// The event's index in the receipt.
    pub index: u32,
    /// The contract that logged it.
    pub contract: Text<Address>,
    /// Its name.
    pub name: String,
    /// Its fields by name.
    pub fields: Option<Map<String, Value>>,
    /// SCALE of its fields.
    pub data: HexBytes,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// From this height on (default: 0).
    pub from: Option<u64>,
    /// Up to this height (default: the head's).
    pub to: Option<u64>,
    /// Only of this contract.
    pub contract: Option<Text<Address>>,
    /// Only with this name.
    pub name: Option<String>,
    /// At most so many; a node gives at most 1,000.
    pub limit: Option<u32>,
}

/// Events in the order of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    /// The events. A block's are given wholly or not at all, unless one block has more than the limit.
    pub events: Vec<EventInfo>,
    /// The height to go on from; none where all were given.
    pub next: Option<u64>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountInfo {
    /// Its address.
    pub address: Text<Address>,
    /// What it has.
    pub balance: Text<u64>,
    /// How many transactions it has sent.
    pub nonce: u64,
    /// The nonce of its next transaction, those that wait counted.
    pub next_nonce: u64,
    /// Whether a contract has the address.
    pub is_contract: bool,
}

/// A contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContractInfo {
    /// Its address.
    pub address: Text<Address>,
    /// Its name, by its interface.
    pub name: String,
    /// Its code.
    pub code_hash: Text<Hash>,
    /// Who deployed it.
    pub deployer: Text<Address>,
    /// What it offers (`docs/interface.md`).
    pub interface: Value,
}

/// Contracts in the order of their addresses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContractPage {
    /// The contracts.
    pub contracts: Vec<ContractInfo>,
    /// Give this as `after` to go on; none where all were given.
    pub next: Option<Text<Address>>,
}

/// A stored module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CodeInfo {
    /// Its hash.
    pub code_hash: Text<Hash>,
    /// The module.
    pub code: HexBytes,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectInfo {
    /// Its id.
    pub id: Text<ObjectId>,
    /// The contract that it belongs to.
    pub contract: Text<Address>,
    /// Its owner.
    pub owner: Text<Address>,
    /// `contract` or `owner`: who may change it.
    pub policy: String,
    /// The height at which its owner got it.
    pub acquired_height: u64,
    /// Its fields, named ones first.
    pub fields: Vec<FieldInfo>,
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldInfo {
    /// Its name, where the interface has it: keys hold only a digest of names.
    pub name: Option<String>,
    /// The digest of its name.
    pub name_hash: Text<Hash>,
    /// Its value by the interface.
    pub decoded: Option<Value>,
    /// Its bytes.
    pub value: HexBytes,
}

/// Which objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectFilter {
    /// The owner.
    pub owner: Text<Address>,
    /// Only of this contract; otherwise of every contract.
    #[serde(default)]
    pub contract: Option<Text<Address>>,
    /// At most so many; a node gives at most 1,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What to call for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    /// The contract.
    pub contract: Text<Address>,
    /// The function.
    pub function: String,
    /// SCALE of the arguments.
    #[serde(default)]
    pub args: HexBytes,
    /// Whom the contract sees as its caller (default: the zero address).
    #[serde(default)]
    pub caller: Option<Text<Address>>,
    /// The most gas it may use (default: a transaction's limit).
    #[serde(default)]
    pub gas_limit: Option<u64>,
    /// On the state of this block.
    #[serde(default)]
    pub at: At,
    /// How much of the run to show.
    #[serde(default)]
    pub trace: Level,
}

/// How much of a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    #[default]
    Off,
    /// Calls, events, changes of state, refused permissions.
    Calls,
    /// Every host operation as well.
    Full,
}

/// What a query or a simulated transaction came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// What it came to; what it deploys, it would deploy.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Its run, if asked for.
    pub trace: Option<TransactionTrace>,
}

/// A call by names, with readable arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedCall {
    /// One of the local chain's named accounts.
    pub from: String,
    /// The contract.
    pub contract: Text<Address>,
    /// The function.
    pub function: String,
    /// Its arguments by name, as scenarios write them: `"@alice"`, `10`, `{ "Some": 1 }`.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// Balance sent along.
    #[serde(default)]
    pub value: Text<u64>,
    /// Whether it is to be sent; otherwise it is only tried. Views are never sent.
    #[serde(default)]
    pub send: bool,
}

/// What a call by names came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedAnswer {
    /// What came of it.
    #[serde(flatten)]
    pub answer: Answer,
    /// The transaction's hash, if it was sent.
    pub transaction: Option<Text<Hash>>,
}

/// A block with all that a light node needs to execute it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WitnessInfo {
    /// The header of the block before.
    pub parent: HeaderInfo,
    /// The block's header.
    pub header: HeaderInfo,
    /// SCALE of the block.
    pub block: HexBytes,
    /// What the block touches of the state before it.
    pub witness: HexBytes,
    /// SCALE of each receipt that the node keeps.
    pub receipts: Vec<HexBytes>,
}

/// What shows that a block is final, to whoever knows the validators.
///
/// The certificate is of the last of `blocks`; each of them names the one before as its parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FinalityInfo {
    /// Whose certificate it is, and of which form: `simplex-ed25519/1` of `vm-node`.
    pub engine: String,
    /// From the block asked for to the one that the certificate is of, ascending.
    pub blocks: Vec<SealedInfo>,
    /// The certificate, in the engine's own form.
    pub certificate: HexBytes,
}

/// A header with what its block's digest is made of beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SealedInfo {
    /// The header.
    pub header: HeaderInfo,
    /// The digest of the block before.
    pub parent: Text<Hash>,
    /// The hash of the transactions with their authorizations.
    pub contents: Text<Hash>,
}

impl SealedInfo {
    /// The block's digest, which validators vote on.
    #[must_use]
    pub fn digest(&self) -> Hash {
        Seal { parent: self.parent.0, contents: self.contents.0 }.digest(&Header::from(&self.header))
    }
}

/// What to prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Claim {
    /// An account's balance and nonce.
    Account {
        /// The account.
        address: Text<Address>,
    },
    /// A contract's code hash and deployer.
    Contract {
        /// The contract.
        address: Text<Address>,
    },
    /// An object's contract, owner and policy.
    Object {
        /// The object.
        id: Text<ObjectId>,
    },
    /// A field's value.
    Field {
        /// The object.
        object: Text<ObjectId>,
        /// The field's name, as bytes.
        name: HexBytes,
    },
    /// A transaction's receipt.
    Receipt {
        /// The transaction.
        transaction: Text<Hash>,
    },
    /// One event of a transaction.
    Event {
        /// The transaction.
        transaction: Text<Hash>,
        /// The event's index in the receipt.
        index: u32,
    },
}

/// A claim, what is claimed, and its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// What is proved.
    pub claim: Claim,
    /// The header whose roots the proof is against. Its hash is what a verifier must trust.
    pub header: HeaderInfo,
    /// The entry's value, the receipt's body or the event, in SCALE; none where the claim is that there is nothing.
    pub value: Option<HexBytes>,
    /// The index of the transaction in the block; for receipts and events.
    pub index: Option<u32>,
    /// The path to the transactions root, which shows that the transaction is the one at the index; for receipts and
    /// events.
    #[serde(default)]
    pub transaction_path: Option<HexBytes>,
    /// The body of the event's receipt, in SCALE; for events.
    pub receipt: Option<HexBytes>,
    /// The path to the receipts root; for events.
    pub receipt_path: Option<HexBytes>,
    /// The proof: of a state entry, or the path to the root above.
    pub proof: HexBytes,
}

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChunkInfo {
    /// The header of the block whose state it is of.
    pub header: HeaderInfo,
    /// The part, with its proof (`docs/format.md`).
    pub chunk: HexBytes,
    /// Give this as `after` to go on; none of the last part.
    pub next: Option<HexBytes>,
}

impl ParamsInfo {
    /// What signatures on the chain are for, computed from its spec: a node that names other rules than it has gets no
    /// signature for them.
    ///
    /// # Errors
    ///
    /// [`ApiError::Remote`] if the spec can't be read, or its rules do not hash to [`Self::hash`].
    pub fn chain_id(&self) -> Result<ChainId, ApiError> {
        let wrong =
            |what: &dyn fmt::Display| ApiError::Remote(format!("the chain's spec can't be used: {what}"));
        let spec = Spec::from_bytes(&self.spec.0).map_err(|error| wrong(&error))?;
        let id = spec.id().map_err(|error| wrong(&error))?;
        if id.params != self.hash.0 {
            return Err(wrong(&format!("its rules hash to {}, the node says {}", id.params, self.hash)));
        }
        Ok(id)
    }
}

impl Claim {
    /// The entry of the state that it is about; none of receipts and events.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Account { address } => Some(Key::account(&address.0)),
            Self::Contract { address } => Some(Key::contract(&address.0)),
            Self::Object { id } => Some(Key::object(&id.0)),
            Self::Field { object, name } => Some(Key::field(&object.0, &name.0)),
            Self::Receipt { .. } | Self::Event { .. } => None,
        }
    }
}
