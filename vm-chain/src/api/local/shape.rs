//! From what a chain keeps to the shapes of the interface.

use parity_scale_codec::Encode as _;
use vm_core::{Address, Hash, ObjectId, Receipt, Transaction};
use vm_host::Executed;
use vm_state::{StateReader, View};

use super::super::types::{Answer, ContractInfo, ObjectInfo, Outcome, ReceiptInfo, TransactionInfo};
use super::{ApiError, Local};
use crate::chain::Position;
use crate::decode::{Decoder, InState};
use crate::signed::Signed;

/// The contract that a transaction deployed, or would.
fn deployed(sender: &Address, payload: &vm_core::Payload, receipt: &Receipt) -> Option<Address> {
    match payload {
        vm_core::Payload::Deploy { code, salt, .. } if receipt.status.is_success() => {
            Some(Address::of_contract(sender, salt, &code.hash()))
        }
        _ => None,
    }
}

impl Decoder<InState<'_>> {
    pub(super) fn transaction(
        &self,
        signed: &Signed,
        hash: Hash,
        at: Option<Position>,
    ) -> Result<TransactionInfo, ApiError> {
        let transaction = &signed.transaction;
        Ok(TransactionInfo {
            hash: hash.into(),
            height: at.map(|at| at.height),
            index: at.map(|at| at.index),
            sender: transaction.sender.into(),
            nonce: transaction.nonce,
            gas_limit: transaction.gas_limit,
            gas_price: transaction.gas_price.into(),
            payload: self.payload(&transaction.sender, &transaction.payload)?,
            raw: signed.encode().into(),
        })
    }

    /// What a transaction of `sender` came to, with this receipt.
    pub(super) fn outcome(
        &self,
        sender: &Address,
        payload: &vm_core::Payload,
        hash: Hash,
        receipt: &Receipt,
        at: Position,
    ) -> Result<Outcome, ApiError> {
        let target = self.target(payload)?;
        let interface = target.as_ref().and_then(|target| target.interface.as_deref());
        Ok(Outcome {
            ending: self.ending(receipt.status, &receipt.output, interface),
            output: receipt.output.clone().into(),
            returns: self.returned(target.as_ref(), receipt),
            deployed: deployed(sender, payload, receipt).map(Into::into),
            gas_used: receipt.gas_used,
            gas_refunded: receipt.gas_refunded,
            events: self.events(receipt, &hash, at)?,
        })
    }

    pub(super) fn receipt(
        &self,
        transaction: &Transaction,
        hash: Hash,
        receipt: &Receipt,
        at: Position,
    ) -> Result<ReceiptInfo, ApiError> {
        Ok(ReceiptInfo {
            transaction: hash.into(),
            height: at.height,
            index: at.index,
            outcome: self.outcome(&transaction.sender, &transaction.payload, hash, receipt, at)?,
            raw: receipt.encode().into(),
        })
    }

    pub(super) fn answer(
        &self,
        sender: &Address,
        payload: &vm_core::Payload,
        executed: &Executed,
        at: Position,
    ) -> Result<Answer, ApiError> {
        let trace = executed.trace.as_ref();
        Ok(Answer {
            outcome: self.outcome(sender, payload, executed.hash, &executed.receipt, at)?,
            trace: trace.map(|trace| self.trace(trace, &executed.resources)).transpose()?,
        })
    }

    pub(super) fn contract(
        &self,
        address: &Address,
        contract: &vm_core::Contract,
    ) -> Result<ContractInfo, ApiError> {
        let interface = self
            .interface(address)?
            .ok_or_else(|| ApiError::Node(format!("the code of contract {address} can't be read")))?;
        let shown = contract_sdk_bindgen::Interface::from(interface.as_ref());
        Ok(ContractInfo {
            address: (*address).into(),
            name: interface.name.clone(),
            code_hash: contract.code_hash.into(),
            deployer: contract.deployer.into(),
            interface: serde_json::to_value(&shown).unwrap_or_default(),
        })
    }

    pub(super) fn object(&self, view: &dyn View, id: ObjectId) -> Result<Option<ObjectInfo>, ApiError> {
        let Some(meta) = StateReader::new(view).object(&id)? else { return Ok(None) };
        let policy = match meta.policy {
            vm_core::Policy::Contract => "contract",
            vm_core::Policy::Owner => "owner",
        };
        Ok(Some(ObjectInfo {
            id: id.into(),
            contract: meta.contract.into(),
            owner: meta.owner.into(),
            policy: policy.to_owned(),
            acquired_height: meta.stamp.height,
            fields: self.object_fields(view, &id, &meta.contract, Local::limit(None))?,
        }))
    }
}
