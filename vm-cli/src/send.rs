//! From what is to be done to a transaction: nonce, gas limit, a dry run, a signature.
//!
//! Invariant: nothing is sent whose dry run fails, unless its sender sets the gas limit and so pays knowingly.

use vm_chain::SecretKey;
use vm_chain::api::types::{Answer, At, Level, ReceiptInfo};
use vm_core::{Address, Payload, Transaction};

use crate::session::{Session, SessionError};

/// What a sender pays, and wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The most gas; found by a dry run if not given.
    pub gas_limit: Option<u64>,
    /// Balance per gas.
    pub gas_price: u64,
    /// The account's next if not given.
    pub nonce: Option<u64>,
    /// How much of its run to show.
    pub trace: Level,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// A dry run: nothing was sent.
    Dry {
        /// What it would come to.
        answer: Box<Answer>,
        /// Whether it would have been sent, had it not failed.
        refused: bool,
    },
    /// It is in a block.
    Committed(Box<ReceiptInfo>),
}

impl Sent {
    /// Whether its effects stand, or would.
    #[must_use]
    pub fn is_success(&self) -> bool {
        let ending = match self {
            Self::Dry { answer, .. } => &answer.outcome.ending,
            Self::Committed(receipt) => &receipt.outcome.ending,
        };
        ending.status == "success"
    }
}

/// The most gas that the chain allows a transaction, and that `sender` can pay for with `value` on top.
fn gas_limit_max(session: &Session, sender: &Address, price: u64, value: u64) -> Result<u64, SessionError> {
    let limit = session.params().limits.get("transaction_gas").and_then(serde_json::Value::as_u64);
    let limit = limit.unwrap_or(u64::MAX);
    if price == 0 {
        return Ok(limit);
    }
    let balance = session.api().account(*sender, At::Head)?.balance.0;
    Ok(limit.min(balance.saturating_sub(value).checked_div(price).unwrap_or(limit)))
}

fn value(payload: &Payload) -> u64 {
    match payload {
        Payload::Transfer { amount, .. } => *amount,
        Payload::Call { value, .. } | Payload::Deploy { value, .. } => *value,
        Payload::Upload { .. } => 0,
    }
}

fn simulate(
    session: &Session,
    sender: &Address,
    terms: Terms,
    gas_limit: u64,
    payload: &Payload,
) -> Result<Answer, SessionError> {
    // Blocks come in order: what waits is not on the head's state, so its nonces do not count here.
    let nonce = match terms.nonce {
        Some(nonce) => nonce,
        None => session.api().account(*sender, At::Head)?.nonce,
    };
    let gas_price = terms.gas_price;
    let transaction = Transaction { sender: *sender, nonce, gas_limit, gas_price, payload: payload.clone() };
    Ok(session.api().simulate(transaction, terms.trace)?)
}

/// What `payload` of `sender` would come to now.
///
/// # Errors
///
/// [`SessionError`]: it can't be sent at all, or the chain does not answer.
pub fn dry(
    session: &Session,
    sender: &Address,
    terms: Terms,
    payload: &Payload,
) -> Result<Answer, SessionError> {
    let limit = match terms.gas_limit {
        Some(limit) => limit,
        None => gas_limit_max(session, sender, terms.gas_price, value(payload))?,
    };
    simulate(session, sender, terms, limit, payload)
}

/// Sends `payload` of `sender`, signed with `secret`, and waits until it is in a block.
///
/// # Errors
///
/// As [`dry`], and what the chain refuses.
pub fn send(
    session: &Session,
    sender: &Address,
    secret: &SecretKey,
    terms: Terms,
    payload: Payload,
) -> Result<Sent, SessionError> {
    let gas_limit = match terms.gas_limit {
        Some(limit) => limit,
        None => {
            let most = gas_limit_max(session, sender, terms.gas_price, value(&payload))?;
            let answer = simulate(session, sender, terms, most, &payload)?;
            if answer.outcome.ending.status != "success" {
                return Ok(Sent::Dry { answer: Box::new(answer), refused: true });
            }
            let limit = with_margin(&answer).min(most);
            // A callee is granted a part of what is left: what sufficed of plenty may not suffice of little.
            let again = simulate(session, sender, terms, limit, &payload)?;
            if again.outcome.ending == answer.outcome.ending { limit } else { most }
        }
    };
    let nonce = match terms.nonce {
        Some(nonce) => nonce,
        None => session.api().account(*sender, At::Head)?.next_nonce,
    };
    let transaction = Transaction { sender: *sender, nonce, gas_limit, gas_price: terms.gas_price, payload };
    let signed = secret.sign(transaction, &session.params().chain_id()?);
    Ok(Sent::Committed(Box::new(session.api().send(signed)?)))
}

/// What a run needed before refunds, and a quarter more: the state may change until its block.
fn with_margin(answer: &Answer) -> u64 {
    let needed = answer.outcome.gas_used.saturating_add(answer.outcome.gas_refunded);
    needed.saturating_add(needed.checked_div(4).unwrap_or(0)).saturating_add(1_000)
}
