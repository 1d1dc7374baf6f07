//! Who, where, when, and balances (R10 to R13).

use vm_core::{Account, Address, ErrorCode, Key};

use super::HostCall;
use crate::error::{Answer, Fault};
use crate::session::Session;
use crate::trace::Change;

pub(super) fn block_height(call: &mut HostCall<'_>) -> Answer<u64> {
    Ok(call.session().block.height)
}

pub(super) fn block_time(call: &mut HostCall<'_>) -> Answer<i64> {
    Ok(call.session().block.time)
}

pub(super) fn contract_address(call: &mut HostCall<'_>, out: u32) -> Answer<()> {
    let address = call.state().contract;
    call.write(out, address.as_ref())
}

pub(super) fn sender(call: &mut HostCall<'_>, out: u32) -> Answer<()> {
    let address = call.state().sender;
    call.write(out, address.as_ref())
}

pub(super) fn origin(call: &mut HostCall<'_>, out: u32) -> Answer<()> {
    let address = call.session().running.origin;
    call.write(out, address.as_ref())
}

pub(super) fn value(call: &mut HostCall<'_>) -> Answer<u64> {
    Ok(call.state().value)
}

pub(super) fn balance(call: &mut HostCall<'_>, address: u32) -> Answer<u64> {
    let address: Address = call.id(address)?;
    let key = Key::account(&address);
    call.charge_touch(&key)?;
    Ok(call.session().journal.account_at(&key)?.balance)
}

pub(super) fn transfer(call: &mut HostCall<'_>, to: u32, amount: u64) -> Answer<u32> {
    let to: Address = call.id(to)?;
    let (payer, receiver) = (Key::account(&call.state().contract), Key::account(&to));
    // To oneself is one entry, and is paid for once.
    for key in [Some(&payer), Some(&receiver).filter(|receiver| **receiver != payer)].into_iter().flatten() {
        if amount == 0 { call.charge_touch(key)? } else { call.charge_write(key)? }
    }
    move_balance(call.session(), &payer, &receiver, amount)?;
    call.observe(|| Change::Transferred { to, amount });
    Ok(0)
}

/// Moves balance between two account keys; both sides are checked before either is written. Nothing and to oneself
/// write nothing (DESIGN 10, rule 4).
pub(crate) fn move_balance(session: &mut Session, from: &Key, to: &Key, amount: u64) -> Answer<()> {
    let journal = &mut session.journal;
    let payer = journal.account_at(from)?;
    let payer_left = payer.balance.checked_sub(amount).ok_or(Fault::Code(ErrorCode::InsufficientBalance))?;
    if amount == 0 || from == to {
        return Ok(());
    }
    let receiver = journal.account_at(to)?;
    let received = receiver.balance.checked_add(amount).ok_or(Fault::Code(ErrorCode::BalanceOverflow))?;
    journal.set_account_at(from, Account { balance: payer_left, ..payer })?;
    journal.set_account_at(to, Account { balance: received, ..receiver })?;
    Ok(())
}
