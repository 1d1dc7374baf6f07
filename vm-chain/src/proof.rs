//! Checking a [`Proof`] with nothing but a block's hash that one trusts (R81, R92).
//!
//! Invariants:
//! - what is returned was shown by the proof: of what the sender of the proof merely says, nothing is believed;
//! - a receipt or event is shown to be its transaction's: the block's transactions root says which stands at its index;
//! - no input panics; what is held is bounded by the proof's length, which the caller bounds.
//!
//! Deliberately not here: which hash to trust, and what bytes mean by a contract's interface.

use parity_scale_codec::Encode;
use vm_core::codec::{CodecError, decode_exact};
use vm_core::{
    Account, Address, Contract, DecodeEntryError, Event, Hash, Header, ObjectId, ObjectMeta, ReceiptBody,
};
use vm_state::{
    EventProof, ProofError, ProofRequest, ReceiptProof, TransactionProof, verify as verify_state,
};

use crate::api::text::HexBytes;
use crate::api::types::{Claim, Proof};

/// What a proof showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The header with the trusted hash.
    pub header: Header,
    /// What holds after that block, or of it.
    pub shown: Shown,
}

/// What holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// An account; nothing at its place means no balance and no transactions.
    Account {
        /// The account.
        address: Address,
        /// Its balance and nonce; none if it was never used.
        account: Option<Account>,
    },
    /// A contract, or that there is none.
    Contract {
        /// The address.
        address: Address,
        /// Its code and deployer.
        contract: Option<Contract>,
    },
    /// An object, or that there is none.
    Object {
        /// The object.
        id: ObjectId,
        /// Its contract, owner and policy.
        meta: Option<ObjectMeta>,
    },
    /// A field, or that there is none.
    Field {
        /// The object.
        object: ObjectId,
        /// The field's name.
        name: Vec<u8>,
        /// Its bytes.
        value: Option<Vec<u8>>,
    },
    /// What a transaction came to.
    Receipt {
        /// The transaction.
        transaction: Hash,
        /// Its index in the block.
        index: u32,
        /// Its receipt, with the root of its events in their place.
        body: ReceiptBody,
    },
    /// An event of a transaction.
    Event {
        /// The transaction.
        transaction: Hash,
        /// Its index in the block.
        transaction_index: u32,
        /// The event's index in the receipt.
        index: u32,
        /// The event.
        event: Event,
    },
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofRefused {
    /// The header is of another block.
    #[error("the proof is against block {found} (height {height}), not against {trusted}")]
    OtherBlock {
        /// The hash of the header that came with it.
        found: Hash,
        /// Its height.
        height: u64,
        /// The hash that is trusted.
        trusted: Hash,
    },
    /// A part of it is missing.
    #[error("the proof has no {0}, which its claim needs")]
    Lacks(&'static str),
    /// It does not hold.
    #[error("the proof of the {what} does not hold: {cause}")]
    Proof {
        /// Of what.
        what: &'static str,
        /// Why.
        cause: ProofError,
    },
    /// The value that came with it is another than the one it shows.
    #[error("the proof shows {shown}, not {claimed} as it says")]
    OtherValue {
        /// What it shows.
        shown: String,
        /// What it says.
        claimed: String,
    },
    /// The value has bytes that no such value has.
    #[error("the value is no {what}: {cause}")]
    Value {
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        cause: CodecError,
    },
}

type Refused<T> = Result<T, ProofRefused>;

/// Checks that `proof` shows what it claims of the block whose hash is `trusted`, or of the state after it.
///
/// # Errors
///
/// [`ProofRefused`]: it shows something else, or nothing.
pub fn verify(proof: &Proof, trusted: &Hash) -> Refused<Verified> {
    let header = Header::from(&proof.header);
    for found in [header.hash(), proof.header.hash.0] {
        if found != *trusted {
            return Err(ProofRefused::OtherBlock { found, height: header.height, trusted: *trusted });
        }
    }
    let shown = match &proof.claim {
        Claim::Account { address } => {
            let account = entry(proof, &header, "account", Account::from_entry)?;
            Shown::Account { address: address.0, account }
        }
        Claim::Contract { address } => {
            let contract = entry(proof, &header, "contract", Contract::from_entry)?;
            Shown::Contract { address: address.0, contract }
        }
        Claim::Object { id } => {
            let meta = entry(proof, &header, "object", ObjectMeta::from_entry)?;
            Shown::Object { id: id.0, meta }
        }
        Claim::Field { object, name } => {
            let value = entry(proof, &header, "field", |bytes| Ok(bytes.to_vec()))?;
            Shown::Field { object: object.0, name: name.0.clone(), value }
        }
        Claim::Receipt { transaction } => {
            let index = placed(proof, &header, &transaction.0)?;
            let body: ReceiptBody = decoded(&proof.value, "value", "receipt")?;
            let receipt = ReceiptProof { index, body, path: proof.proof.0.clone() };
            let body = receipt.verify(&header.receipts_root).map_err(|cause| refused("receipt", cause))?;
            Shown::Receipt { transaction: transaction.0, index, body: body.clone() }
        }
        Claim::Event { transaction, index: event_index } => {
            let index = placed(proof, &header, &transaction.0)?;
            let event: Event = decoded(&proof.value, "value", "event")?;
            let body: ReceiptBody = decoded(&proof.receipt, "receipt", "receipt")?;
            let path = given(&proof.receipt_path, "path of the receipt")?.0.clone();
            let receipt = ReceiptProof { index, body, path };
            let shown = EventProof { receipt, index: *event_index, event, path: proof.proof.0.clone() };
            let event = shown.verify(&header.receipts_root).map_err(|cause| refused("event", cause))?;
            Shown::Event {
                transaction: transaction.0,
                transaction_index: index,
                index: *event_index,
                event: event.clone(),
            }
        }
    };
    Ok(Verified { header, shown })
}

fn refused(what: &'static str, cause: ProofError) -> ProofRefused {
    ProofRefused::Proof { what, cause }
}

fn given<'p, T>(part: &'p Option<T>, what: &'static str) -> Refused<&'p T> {
    part.as_ref().ok_or(ProofRefused::Lacks(what))
}

fn decoded<T: parity_scale_codec::Decode + Encode>(
    bytes: &Option<HexBytes>,
    part: &'static str,
    what: &'static str,
) -> Refused<T> {
    let bytes = &given(bytes, part)?.0;
    decode_exact(bytes, bytes.len()).map_err(|cause| ProofRefused::Value { what, cause })
}

/// The entry of the state that the claim is about, as `read` reads it; none if the proof shows that there is none.
fn entry<T>(
    proof: &Proof,
    header: &Header,
    what: &'static str,
    read: impl Fn(&[u8]) -> Result<T, DecodeEntryError>,
) -> Refused<Option<T>> {
    let key = proof.claim.key().ok_or(ProofRefused::Lacks("key"))?;
    let mut request = ProofRequest::new();
    request.key(key);
    let trie =
        verify_state(&header.state_root, &request, &proof.proof.0).map_err(|cause| refused(what, cause))?;
    // The proof was just found to show the key.
    let shown = trie.get(&key).map_err(|_| refused(what, ProofError::Incomplete))?;
    let shown = shown.map(|value| value.to_vec());
    if shown != proof.value.as_ref().map(|value| value.0.clone()) {
        let words = |bytes: Option<&[u8]>| {
            bytes.map_or_else(|| "nothing".to_owned(), |bytes| HexBytes(bytes.to_vec()).to_string())
        };
        let claimed = words(proof.value.as_ref().map(|value| value.0.as_slice()));
        return Err(ProofRefused::OtherValue { shown: words(shown.as_deref()), claimed });
    }
    let read =
        |bytes: Vec<u8>| read(&bytes).map_err(|error| ProofRefused::Value { what, cause: error.source });
    shown.map(read).transpose()
}

/// The index in the block at which the transaction `hash` is shown to stand.
fn placed(proof: &Proof, header: &Header, hash: &Hash) -> Refused<u32> {
    let index = *given(&proof.index, "index of the transaction")?;
    let path = given(&proof.transaction_path, "path of the transaction")?.0.clone();
    let place = TransactionProof { index, path };
    place.verify(&header.transactions_root, hash).map_err(|cause| refused("transaction", cause))?;
    Ok(index)
}
