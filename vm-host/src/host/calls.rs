//! Arguments, results, events, and calls to other contracts (R19, R20, R22, R52).

use alloc::string::String;
use alloc::vec::Vec;
use vm_core::{Address, ErrorCode, Event, Gas, Hash};

use super::HostCall;
use crate::error::{Answer, Fault};
use crate::frame::{CallRequest, Target};
use crate::meter::Meter;

impl HostCall<'_> {
    /// Copies `bytes` to the guest: the whole length, and the bytes if they fit.
    fn give(&mut self, bytes: &[u8], out: u32, cap: u32) -> Answer<u32> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if len > cap {
            return Ok(len);
        }
        let byte = self.session().gas().data_byte;
        self.charge_each(byte, bytes.len())?;
        self.write(out, bytes)?;
        Ok(len)
    }

    /// Copies at most `limit` bytes from the guest; more halt with `code`.
    fn take(&mut self, ptr: u32, len: u32, limit: u32, code: ErrorCode, byte: u64) -> Answer<Vec<u8>> {
        self.check_out(ptr, len)?;
        if len > limit {
            return Err(Fault::Halt(code));
        }
        self.charge_each(byte, usize::try_from(len).unwrap_or(usize::MAX))?;
        Ok(self.slice(ptr, len)?.to_vec())
    }

    /// Copies a name from the guest.
    fn take_name(&mut self, ptr: u32, len: u32, limit: u32, code: ErrorCode, byte: u64) -> Answer<String> {
        let bytes = self.take(ptr, len, limit, code, byte)?;
        String::from_utf8(bytes).map_err(|_| Fault::Halt(ErrorCode::NotUtf8))
    }

    /// Takes the gas for a callee from the frame: what is asked for, or all but 1/64 (R52).
    fn grant(&mut self, gas: u64) -> Answer<u64> {
        let depth_limit = self.session().limits().call_depth;
        if self.state().depth >= depth_limit {
            return Err(Fault::Halt(ErrorCode::CallDepth));
        }
        let reserve = self.session().gas().call_reserve_quotient;
        let mut meter = Meter::new(self.fuel()?);
        let granted = meter.grant(Gas(gas), reserve)?;
        self.set_fuel(meter.left())?;
        Ok(granted)
    }
}

pub(super) fn input(call: &mut HostCall<'_>, out: u32, cap: u32) -> Answer<u32> {
    let bytes = core::mem::take(&mut call.state().input);
    let answer = call.give(&bytes, out, cap);
    call.state().input = bytes;
    answer
}

pub(super) fn returned(call: &mut HostCall<'_>, out: u32, cap: u32) -> Answer<u32> {
    let bytes = core::mem::take(&mut call.state().returned);
    let answer = call.give(&bytes, out, cap);
    call.state().returned = bytes;
    answer
}

pub(super) fn ret(call: &mut HostCall<'_>, data: u32, data_len: u32) -> Answer<()> {
    let (limit, byte) = (call.session().limits().return_bytes, call.session().gas().data_byte);
    let bytes = call.take(data, data_len, limit, ErrorCode::ReturnSize, byte)?;
    call.state().output = bytes;
    Ok(())
}

pub(super) fn revert(call: &mut HostCall<'_>, data: u32, data_len: u32) -> Answer<()> {
    ret(call, data, data_len)?;
    Err(Fault::Revert)
}

pub(super) fn log(call: &mut HostCall<'_>, name: u32, name_len: u32, data: u32, data_len: u32) -> Answer<()> {
    let limits = call.session().limits();
    let (name_max, data_max, events_max) = (limits.event_name_bytes, limits.event_data_bytes, limits.events);
    let byte = call.session().gas().log_byte;
    let count = u32::try_from(call.session().running.events.len()).unwrap_or(u32::MAX);
    if count >= events_max || name_len == 0 {
        return Err(Fault::Halt(ErrorCode::EventLimit));
    }
    let name = call.take_name(name, name_len, name_max, ErrorCode::EventLimit, byte)?;
    let data = call.take(data, data_len, data_max, ErrorCode::EventLimit, byte)?;
    let event = Event { contract: call.state().contract, name, data };
    if let Some(observer) = call.observer() {
        observer.event(&event);
    }
    call.session().running.events.push(event);
    Ok(())
}

#[allow(clippy::too_many_arguments, reason = "the parameters of the host function")]
pub(super) fn call(
    call: &mut HostCall<'_>,
    contract: u32,
    name: u32,
    name_len: u32,
    args: u32,
    args_len: u32,
    amount: u64,
    gas: u64,
) -> Answer<u32> {
    if amount > 0 && call.state().view {
        return Err(Fault::Halt(ErrorCode::ViewViolation));
    }
    let contract: Address = call.id(contract)?;
    let (name_max, byte) = (call.session().limits().export_name_bytes, call.session().gas().data_byte);
    let function = call.take_name(name, name_len, name_max, ErrorCode::ArgumentSize, byte)?;
    let args = arguments(call, args, args_len)?;
    let fuel = call.grant(gas)?;
    let target = Target::Call { contract, function };
    call.state().pending = Some(CallRequest { target, args, value: amount, fuel, address_out: None });
    Err(Fault::Suspend)
}

#[allow(clippy::too_many_arguments, reason = "the parameters of the host function")]
pub(super) fn deploy(
    call: &mut HostCall<'_>,
    code_hash: u32,
    salt: u32,
    args: u32,
    args_len: u32,
    amount: u64,
    gas: u64,
    out: u32,
) -> Answer<u32> {
    let (code_hash, salt): (Hash, Hash) = (call.id(code_hash)?, call.id(salt)?);
    call.check_out(out, 32)?;
    let args = arguments(call, args, args_len)?;
    let fuel = call.grant(gas)?;
    let target = Target::Deploy { code_hash, salt, new_code: None };
    call.state().pending = Some(CallRequest { target, args, value: amount, fuel, address_out: Some(out) });
    Err(Fault::Suspend)
}

fn arguments(call: &mut HostCall<'_>, args: u32, args_len: u32) -> Answer<Vec<u8>> {
    let (limit, byte) = (call.session().limits().argument_bytes, call.session().gas().data_byte);
    call.take(args, args_len, limit, ErrorCode::ArgumentSize, byte)
}
