//! The life of a transaction: checks, fee, nonce, execution, refunds, receipt (DESIGN sections 2 and 10).

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::{
    Account, Address, CodeSource, ErrorCode, Gas, GasSchedule, Hash, Key, Limits, Payload, Receipt, Status,
    Transaction,
};
use vm_state::{Footprint, NodeFailure, ReadError};

use crate::block::Executed;
use crate::error::{Answer, BlockError, Fault, Invalid, InvalidTransaction, QueryError};
use crate::executor::{Done, close_unrun, execute, pay, status_of};
use crate::frame::{CallRequest, FrameEnd, Target};
use crate::meter::{Bill, Meter};
use crate::module::{ModuleCache, validate_module};
use crate::session::{Running, Session};
use crate::trace::{FrameEnter, FrameKind, TraceLevel};
use crate::vm::Query;

/// What any transaction of `bytes` bytes costs before it does anything.
pub(crate) fn intrinsic_gas(gas: &GasSchedule, bytes: u64) -> u64 {
    gas.tx_base.saturating_add(gas.tx_byte.saturating_mul(bytes))
}

/// Checks what does not depend on the state; returns the intrinsic gas.
pub(crate) fn check_envelope(
    tx: &Transaction,
    limits: &Limits,
    gas: &GasSchedule,
) -> Result<u64, InvalidTransaction> {
    let bytes = u64::try_from(tx.encoded_size()).unwrap_or(u64::MAX);
    if bytes > limits.transaction_bytes.into() {
        return Err(InvalidTransaction::TooLong { found: bytes, limit: limits.transaction_bytes });
    }
    let (name, args) = match &tx.payload {
        Payload::Call { function, args, .. } => (function.len(), args.len()),
        Payload::Deploy { args, .. } => (0, args.len()),
        Payload::Transfer { .. } | Payload::Upload { .. } => (0, 0),
    };
    for (what, found, limit) in [
        ("bytes of arguments", args, limits.argument_bytes),
        ("bytes in the function's name", name, limits.export_name_bytes),
    ] {
        let found = u64::try_from(found).unwrap_or(u64::MAX);
        if found > limit.into() {
            return Err(InvalidTransaction::Part { what, found, limit });
        }
    }
    if tx.nonce == u64::MAX {
        return Err(InvalidTransaction::NonceExhausted);
    }
    let limit = limits.transaction_gas.min(Gas::MAX.0);
    if tx.gas_limit > limit {
        return Err(InvalidTransaction::GasLimit { found: tx.gas_limit, limit });
    }
    let intrinsic = intrinsic_gas(gas, bytes);
    if tx.gas_limit < intrinsic {
        return Err(InvalidTransaction::IntrinsicGas { found: tx.gas_limit, intrinsic });
    }
    Ok(intrinsic)
}

/// Checks what depends on the sender's account; returns the largest fee.
fn check_sender(tx: &Transaction, account: &Account) -> Result<u64, InvalidTransaction> {
    if tx.nonce != account.nonce {
        return Err(InvalidTransaction::Nonce { expected: account.nonce, found: tx.nonce });
    }
    let fee = u128::from(tx.gas_limit).saturating_mul(tx.gas_price.into());
    let short = InvalidTransaction::Fee { fee, balance: account.balance };
    u64::try_from(fee).ok().filter(|fee| *fee <= account.balance).ok_or(short)
}

/// Whether `tx` could be executed next on the session's journal. Nothing is written.
pub(crate) fn check_next(
    session: &mut Session,
    tx: &Transaction,
) -> Result<Result<(), InvalidTransaction>, ReadError> {
    if let Err(reason) = check_envelope(tx, session.limits(), session.gas()) {
        return Ok(Err(reason));
    }
    let account = session.journal.account_at(&Key::account(&tx.sender))?;
    Ok(check_sender(tx, &account).map(drop))
}

/// A transaction that was executed, and what it leaves to its block.
pub(crate) struct Settled {
    pub(crate) session: Box<Session>,
    pub(crate) executed: Executed,
    /// The fee that it paid.
    pub(crate) fee: u64,
}

/// Executes one transaction on the session's journal.
pub(crate) fn execute_transaction(
    cache: &ModuleCache,
    mut session: Box<Session>,
    tx: &Transaction,
    index: u32,
    params_hash: &Hash,
    trace: TraceLevel,
) -> Result<Settled, BlockError> {
    let invalid = |reason| Invalid::Transaction { index, reason };
    let intrinsic = check_envelope(tx, session.limits(), session.gas()).map_err(invalid)?;
    let sender = Key::account(&tx.sender);
    let account = session.journal.account_at(&sender)?;
    let fee_max = check_sender(tx, &account).map_err(invalid)?;
    let broken = |what| BlockError::Failure(NodeFailure::Invariant(what));
    let balance = account.balance.checked_sub(fee_max).ok_or(broken("the fee was checked"))?;
    let nonce = account.nonce.checked_add(1).ok_or(broken("the nonce was checked"))?;
    session.journal.set_account_at(&sender, Account { nonce, balance })?;

    let hash = tx.hash(params_hash);
    session.running = Running::new(tx.sender, hash, index);
    session.listen(cache.observer(index, trace));
    let fuel_limit = Gas(tx.gas_limit).to_fuel();
    let fuel = fuel_limit.saturating_sub(Gas(intrinsic).to_fuel());
    session.running.resources.intrinsic_fuel = Gas(intrinsic).to_fuel();
    let done = run_payload(cache, session, tx, fuel)?;
    settle(done, tx, &sender, hash, fuel_limit).map_err(BlockError::from)
}

/// Does what the transaction asks for, with `fuel`.
fn run_payload(
    cache: &ModuleCache,
    session: Box<Session>,
    tx: &Transaction,
    fuel: u64,
) -> Result<Done, ReadError> {
    match &tx.payload {
        Payload::Call { contract, function, args, value } => {
            let target = Target::Call { contract: *contract, function: function.clone() };
            let request = CallRequest { target, args: args.clone(), value: *value, fuel, address_out: None };
            execute(cache, session, request, false)
        }
        Payload::Deploy { code, salt, args, value } => {
            let new_code = match code {
                CodeSource::Bytes(code) => Some(code.clone()),
                CodeSource::Stored(_) => None,
            };
            let target = Target::Deploy { code_hash: code.hash(), salt: *salt, new_code };
            let request = CallRequest { target, args: args.clone(), value: *value, fuel, address_out: None };
            execute(cache, session, request, false)
        }
        Payload::Transfer { to, amount } => {
            let (to, amount) = (*to, *amount);
            simple(session, FrameKind::Transfer, tx, to, amount, fuel, |session, meter| {
                pay(session, meter, &tx.sender, &to, amount)
            })
        }
        Payload::Upload { code } => {
            simple(session, FrameKind::Upload, tx, Address::ZERO, 0, fuel, |session, meter| {
                store_code(session, meter, code)
            })
        }
    }
}

/// Validates and stores a module, once per hash (R64).
pub(crate) fn store_code(session: &mut Session, meter: &mut Meter, code: &[u8]) -> Answer<()> {
    let len = u64::try_from(code.len()).unwrap_or(u64::MAX);
    meter.charge(session.gas().code_byte.saturating_mul(len))?;
    let hash = Hash::of_code(code);
    let key = Key::code(&hash);
    meter.charge(session.write_gas(&key)?)?;
    if session.journal.get(&key)?.is_some() {
        // It has been read: the witness shows the same code again.
        return session.declare_witness(len);
    }
    let info = validate_module(code, &session.params).map_err(|error| {
        session.running.detail = Some(error.to_string());
        Fault::Code(ErrorCode::InvalidModule)
    })?;
    session.validated = Some((hash, info));
    session.journal.set(&key, Some(vm_state::Value::from_slice(code)))?;
    let resources = &mut session.running.resources;
    resources.bytes_written = resources.bytes_written.saturating_add(len);
    Ok(())
}

/// A payload that runs no code, in the shape of a frame.
fn simple(
    mut session: Box<Session>,
    kind: FrameKind,
    tx: &Transaction,
    contract: Address,
    value: u64,
    fuel: u64,
    body: impl FnOnce(&mut Session, &mut Meter) -> Answer<()>,
) -> Result<Done, ReadError> {
    let checkpoint = session.checkpoint();
    if let Some(observer) = session.observer.as_mut() {
        let caller = tx.sender;
        observer.frame_enter(&FrameEnter {
            kind,
            depth: 0,
            caller,
            contract,
            function: "",
            args: &[],
            value,
            fuel,
        });
    }
    let mut meter = Meter::new(fuel);
    let answer = body(&mut session, &mut meter);
    close_unrun(session, checkpoint, fuel, &meter, answer)
}

/// Calls a function for its answer: nothing may be written, no fee is taken, no nonce raised.
pub(crate) fn query(
    cache: &ModuleCache,
    mut session: Box<Session>,
    query: &Query,
    trace: TraceLevel,
) -> Result<Executed, QueryError> {
    session.listen(cache.observer(0, trace));
    let fuel_limit = Gas(query.gas_limit.min(Gas::MAX.0)).to_fuel();
    let target = Target::Call { contract: query.contract, function: query.function.clone() };
    let request =
        CallRequest { target, args: query.args.clone(), value: 0, fuel: fuel_limit, address_out: None };
    let Done { mut session, end, fuel_left } = execute(cache, session, request, true)?;
    if session.interrupted {
        return Err(QueryError::DeadlinePassed);
    }
    let status = status_of(&end);
    let gas_used = Gas::from_fuel_ceil(fuel_limit.saturating_sub(fuel_left)).0;
    Ok(executed(&mut session, Hash::ZERO, end, status, gas_used, 0))
}

/// Packs up what the session knows of a finished transaction.
fn executed(
    session: &mut Session,
    hash: Hash,
    end: FrameEnd,
    status: Status,
    gas_used: u64,
    gas_refunded: u64,
) -> Executed {
    let footprint: Footprint = session.journal.end_transaction();
    let events = core::mem::take(&mut session.running.events);
    let trace = session.observer.take().and_then(|observer| observer.into_trace());
    let mut resources = session.running.resources;
    resources.entries_read = u64::try_from(footprint.touched.len()).unwrap_or(u64::MAX);
    resources.entries_written = u64::try_from(footprint.written.len()).unwrap_or(u64::MAX);
    let output = match end {
        FrameEnd::Returned(bytes) | FrameEnd::Reverted(bytes) => bytes,
        FrameEnd::Refused(_) | FrameEnd::Halted(_) => Vec::new(),
    };
    let receipt = Receipt { status, output, gas_used, gas_refunded, events };
    Executed { hash, receipt, trace, resources, footprint }
}

/// Settles refunds and the fee, and writes the receipt (R53).
fn settle(
    done: Done,
    tx: &Transaction,
    key: &Key,
    hash: Hash,
    fuel_limit: u64,
) -> Result<Settled, ReadError> {
    let Done { mut session, end, fuel_left } = done;
    let status = status_of(&end);
    let burned = Gas::from_fuel_ceil(fuel_limit.saturating_sub(fuel_left));
    let refund = if status.is_success() { Gas(session.running.refund) } else { Gas(0) };
    let Bill { used: Gas(gas_used), refunded: Gas(gas_refunded) } =
        Bill::new(burned, refund, session.gas().refund_quotient);

    let broken = |what| ReadError::from(NodeFailure::Invariant(what));
    let unused = tx.gas_limit.checked_sub(gas_used).ok_or(broken("no more gas is used than was granted"))?;
    let back = unused.checked_mul(tx.gas_price).ok_or(broken("the largest fee fits the balance"))?;
    let fee = gas_used.checked_mul(tx.gas_price).ok_or(broken("the largest fee fits the balance"))?;
    if back > 0 {
        let sender = session.journal.account_at(key)?;
        let balance =
            sender.balance.checked_add(back).ok_or(broken("balances sum up to at most u64::MAX"))?;
        session.journal.set_account_at(key, Account { balance, ..sender })?;
    }

    let executed = executed(&mut session, hash, end, status, gas_used, gas_refunded);
    Ok(Settled { session, executed, fee })
}
