//! A call by names and readable arguments: what a page's form or a script without SCALE has.
//!
//! It is made of the other methods. Only the local chain's named accounts can send so: everyone knows their secrets. Whoever
//! has a key of their own signs themselves and calls [`Api::send`].

use vm_core::interface::{Flags, Interface};
use vm_core::{Address, Payload, Transaction};
use vm_host::InvalidTransaction;

use super::types::{Answer, At, Level, NamedAnswer, NamedCall, QueryRequest};
use super::{Api, ApiError};
use crate::account::{DEV_NAMES, SecretKey};
use crate::names::Names;
use crate::value::{Human, encode_fields};

/// How often a call is sent whose nonce others of the same account took meanwhile.
const ATTEMPTS: u32 = 8;

/// Whether `error` can come of a nonce that another transaction has. A call that was refused so is in no block.
fn may_be_taken(error: &ApiError) -> bool {
    matches!(error, ApiError::Pool(_) | ApiError::Invalid(InvalidTransaction::Nonce { .. }))
}

/// Does what `call` says on the chain behind `api`.
///
/// # Errors
///
/// [`ApiError::Request`] for a name that is not known or arguments that are not the function's, and those of the methods
/// that it is made of.
pub(super) fn call(api: &dyn Api, call: NamedCall) -> Result<NamedAnswer, ApiError> {
    let names = names(api)?;
    let from = call.from.strip_prefix('@').unwrap_or(&call.from).to_owned();
    if !DEV_NAMES.contains(&from.as_str()) {
        let known = DEV_NAMES.join(", ");
        return Err(ApiError::Request(format!(
            "{from} is none of the local chain's accounts ({known}); sign with your own key and use vm_send"
        )));
    }
    let interface = interface(api, call.contract.0)?;
    let function = interface.function(&call.function).ok_or_else(|| {
        let known: Vec<&str> = interface.functions.iter().map(|function| function.name.as_str()).collect();
        let (name, known) = (&interface.name, known.join(", "));
        ApiError::Request(format!("{name} has no function {}; it has {known}", call.function))
    })?;
    let table = Human::from_json(&serde_json::Value::Object(call.args));
    let args = encode_fields(&function.params, &table.into(), &names, "args")
        .map_err(|error| ApiError::Request(error.to_string()))?;
    let sender = Address::named(&from);
    if function.flags.has(Flags::VIEW) {
        let request = QueryRequest {
            contract: call.contract,
            function: call.function,
            args: args.into(),
            caller: Some(sender.into()),
            gas_limit: None,
            at: At::Head,
            trace: Level::Calls,
        };
        return Ok(NamedAnswer { answer: api.query(request)?, transaction: None });
    }
    let rules = api.params()?;
    let most = rules.limits.get("transaction_gas").and_then(serde_json::Value::as_u64);
    let account = api.account(sender, At::Head)?;
    let mut transaction = Transaction {
        sender,
        // A dry run is on the head's state, where nothing that waits counts.
        nonce: if call.send { account.next_nonce } else { account.nonce },
        gas_limit: most.unwrap_or(u64::from(u32::MAX)),
        gas_price: 0,
        payload: Payload::Call {
            contract: call.contract.0,
            function: call.function,
            args,
            value: call.value.0,
        },
    };
    if !call.send {
        return Ok(NamedAnswer { answer: api.simulate(transaction, Level::Calls)?, transaction: None });
    }
    let chain = rules.chain_id()?;
    let key = SecretKey::dev(&from);
    let mut attempts = 1_u32;
    let receipt = loop {
        let refused = match api.send(key.sign(transaction.clone(), &chain)) {
            Err(error) if attempts < ATTEMPTS && may_be_taken(&error) => error,
            done => break done?,
        };
        let nonce = api.account(sender, At::Head)?.next_nonce;
        if nonce <= transaction.nonce {
            return Err(refused);
        }
        transaction.nonce = nonce;
        attempts = attempts.saturating_add(1);
    };
    let trace = api.trace(receipt.transaction.0, Level::Calls)?.trace;
    Ok(NamedAnswer {
        transaction: Some(receipt.transaction),
        answer: Answer { outcome: receipt.outcome, trace: Some(trace) },
    })
}

fn names(api: &dyn Api) -> Result<Names, ApiError> {
    let mut names = Names::default();
    for named in api.status()?.names {
        names.add_address(&named.name, named.address.0);
    }
    Ok(names)
}

fn interface(api: &dyn Api, contract: Address) -> Result<Interface, ApiError> {
    let shown = api.contract(contract)?.interface;
    let shown: contract_sdk_bindgen::Interface = serde_json::from_value(shown)
        .map_err(|error| ApiError::Node(format!("an interface has no form: {error}")))?;
    Ok(Interface::from(&shown))
}
