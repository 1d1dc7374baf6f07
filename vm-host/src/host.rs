//! The host functions: what contracts can reach, and the order in which each of them works.
//!
//! The table in vm-core gives every function its name, shape and base price; `link` gives each the same frame:
//! base charge, view flag, body, answer. Bodies stand in the modules below and keep the order of DESIGN 10, rule 14:
//! input pointers, lookup, permission, size charge, bounds of what is written, effect. Inputs are copied before
//! outputs are written. No host function calls the guest.

mod calls;
mod context;
mod data;
mod objects;

pub(crate) use context::move_balance;

use alloc::boxed::Box;
use vm_core::abi::{HostFunction, IMPORT_MODULE};
use vm_core::{ErrorCode, ErrorKind, Key};
use vm_state::NodeFailure;
use wasmi::{Caller, Engine, Linker};

use crate::error::{Answer, Fault};
use crate::frame::FrameState;
use crate::meter::Meter;
use crate::resources::HostFuel;
use crate::session::Session;
use crate::trace::{Change, Observer, Operation};

/// A running host function: the caller's memory, fuel and state.
pub(crate) struct HostCall<'c> {
    caller: Caller<'c, FrameState>,
    function: HostFunction,
    /// What it changed or was refused, for the observer.
    change: Option<Change>,
}

impl HostCall<'_> {
    fn state(&mut self) -> &mut FrameState {
        self.caller.data_mut()
    }

    fn session(&mut self) -> &mut Session {
        self.caller.data_mut().session()
    }

    fn fuel(&self) -> Answer<u64> {
        self.caller.get_fuel().map_err(|_| NodeFailure::Invariant("the engine counts fuel").into())
    }

    fn set_fuel(&mut self, fuel: u64) -> Answer<()> {
        self.caller.set_fuel(fuel).map_err(|_| NodeFailure::Invariant("the engine counts fuel").into())
    }

    /// Takes `gas` before the work that it is for: the one place where a host function's gas goes (R50).
    ///
    /// `count` names the part of [`HostFuel`] that it belongs to.
    fn charge(&mut self, gas: u64, count: fn(&mut HostFuel) -> &mut u64) -> Answer<()> {
        if gas == 0 {
            return Ok(());
        }
        let mut meter = Meter::new(self.fuel()?);
        let answer = meter.charge(gas);
        let counted = count(&mut self.state().host_fuel);
        *counted = counted.saturating_add(meter.spent());
        self.set_fuel(meter.left())?;
        answer
    }

    /// Takes gas of the table.
    fn charge_table(&mut self, gas: u64) -> Answer<()> {
        self.charge(gas, |fuel| &mut fuel.table)
    }

    /// Takes `each` gas for `count` bytes.
    fn charge_each(&mut self, each: u64, count: usize) -> Answer<()> {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.charge(each.saturating_mul(count), |fuel| &mut fuel.bytes)
    }

    /// Takes the gas for looking at `key`.
    fn charge_touch(&mut self, key: &Key) -> Answer<()> {
        let gas = self.session().touch_gas(key)?;
        self.charge(gas, |fuel| &mut fuel.entries)
    }

    /// Takes the gas for a search under a prefix.
    fn charge_search(&mut self) -> Answer<()> {
        let gas = self.session().search_gas()?;
        self.charge(gas, |fuel| &mut fuel.entries)
    }

    /// Takes the gas for writing `key`.
    fn charge_write(&mut self, key: &Key) -> Answer<()> {
        let gas = self.session().write_gas(key)?;
        self.charge(gas, |fuel| &mut fuel.entries)
    }

    fn memory(&self) -> Answer<&[u8]> {
        let memory = self.caller.data().memory;
        let memory = memory.ok_or(NodeFailure::Invariant("an instance's memory is known before it runs"))?;
        Ok(memory.data(&self.caller))
    }

    fn memory_mut(&mut self) -> Answer<&mut [u8]> {
        let memory = self.caller.data().memory;
        let memory = memory.ok_or(NodeFailure::Invariant("an instance's memory is known before it runs"))?;
        Ok(memory.data_mut(&mut self.caller))
    }

    /// The `len` bytes at `ptr`.
    fn slice(&self, ptr: u32, len: u32) -> Answer<&[u8]> {
        range(ptr, len)
            .and_then(|(start, end)| self.memory().ok()?.get(start..end))
            .ok_or(Fault::Halt(ErrorCode::PointerOutOfBounds))
    }

    /// The 32 bytes at `ptr`.
    fn id<T: From<[u8; 32]>>(&self, ptr: u32) -> Answer<T> {
        let bytes = self.slice(ptr, 32)?;
        let bytes = bytes.first_chunk::<32>().ok_or(Fault::Halt(ErrorCode::PointerOutOfBounds))?;
        Ok(T::from(*bytes))
    }

    /// Whether `len` bytes at `ptr` can be written.
    fn check_out(&self, ptr: u32, len: u32) -> Answer<()> {
        self.slice(ptr, len).map(|_| ())
    }

    /// Writes `bytes` at `ptr`.
    fn write(&mut self, ptr: u32, bytes: &[u8]) -> Answer<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| Fault::Halt(ErrorCode::PointerOutOfBounds))?;
        let target = range(ptr, len).and_then(|(start, end)| self.memory_mut().ok()?.get_mut(start..end));
        target.ok_or(Fault::Halt(ErrorCode::PointerOutOfBounds))?.copy_from_slice(bytes);
        Ok(())
    }

    /// Notes what was read, for an observer that wants all.
    fn observe_read(&mut self, read: impl FnOnce() -> Change) {
        if self.session().observes_all {
            self.change = Some(read());
        }
    }

    /// Notes a change for the observer; `change` is only made where one listens.
    fn observe(&mut self, change: impl FnOnce() -> Change) {
        if self.session().observer.is_some() {
            self.change = Some(change());
        }
    }

    fn observer(&mut self) -> Option<&mut Box<dyn Observer>> {
        self.session().observer.as_mut()
    }
}

fn range(ptr: u32, len: u32) -> Option<(usize, usize)> {
    let end = ptr.checked_add(len)?;
    Some((usize::try_from(ptr).ok()?, usize::try_from(end).ok()?))
}

/// Runs `body` as `function`: base charge, view flag, body, and what the observer learns.
fn enter<'c, T>(
    caller: Caller<'c, FrameState>,
    function: HostFunction,
    body: impl FnOnce(&mut HostCall<'c>) -> Answer<T>,
) -> Answer<T> {
    #[cfg(feature = "profile")]
    if caller.data().loan.is_some() {
        return Err(Fault::Halt(ErrorCode::OutOfGas));
    }
    let mut call = HostCall { caller, function, change: None };
    let fuel_before = call.fuel()?;
    let resources = &mut call.session().running.resources;
    resources.host_calls = resources.host_calls.saturating_add(1);
    let answer = guard(&mut call).and_then(|()| body(&mut call));
    if call.change.is_some() || call.session().observes_all {
        let fuel_after = call.fuel()?;
        report(&mut call, &answer, fuel_before, fuel_after);
    }
    answer
}

fn guard(call: &mut HostCall<'_>) -> Answer<()> {
    if call.session().is_interrupted() {
        return Err(Fault::Halt(ErrorCode::OutOfGas));
    }
    let base = call.function.base_gas(call.session().gas());
    call.charge_table(base)?;
    if call.caller.data().view && !call.function.info().view_safe {
        return Err(Fault::Halt(ErrorCode::ViewViolation));
    }
    Ok(())
}

fn report<T>(call: &mut HostCall<'_>, answer: &Answer<T>, fuel_before: u64, fuel_after: u64) {
    let failed = match answer {
        Err(Fault::Code(code) | Fault::Halt(code)) => Some(*code),
        Ok(_) | Err(Fault::Revert | Fault::Suspend | Fault::Read(_)) => None,
    };
    let operation =
        Operation { function: call.function, fuel_before, fuel_after, change: call.change.take(), failed };
    if let Some(observer) = call.observer() {
        observer.operation(operation);
    }
}

/// How an answer of a function with a `Code` result reaches the guest: codes negated, all else as it is.
fn code(answer: Answer<u32>) -> Answer<i32> {
    match answer {
        Ok(value) => i32::try_from(value).map_err(|_| NodeFailure::Invariant("lengths fit i32").into()),
        Err(Fault::Code(code)) if code.kind() == ErrorKind::Returned => Ok(code.to_guest()),
        Err(fault) => Err(fault),
    }
}

/// How an answer of any other function ends: a code becomes a halt (R21).
fn plain<T>(answer: Answer<T>) -> Answer<T> {
    answer.map_err(|fault| match fault {
        Fault::Code(code) => Fault::Halt(code),
        Fault::Halt(_) | Fault::Revert | Fault::Suspend | Fault::Read(_) => fault,
    })
}

macro_rules! wasm_type {
    (U64) => {
        u64
    };
    (I64) => {
        i64
    };
    (Code) => {
        i32
    };
    (Nothing) => {
        ()
    };
    ($other:ident) => {
        u32
    };
}

macro_rules! finish {
    (Code, $answer:expr) => {
        code($answer)
    };
    ($other:ident, $answer:expr) => {
        plain($answer)
    };
}

macro_rules! link {
    ($($(#[$doc:meta])+ $mode:ident fn $name:ident($($param:ident: $kind:ident),*) -> $result:ident, gas $price:ident;)+) => {
        /// A linker that offers every host function.
        pub(crate) fn linker(engine: &Engine) -> Result<Linker<FrameState>, NodeFailure> {
            let mut linker = Linker::new(engine);
            $(
                linker.func_wrap(
                    IMPORT_MODULE,
                    stringify!($name),
                    |caller: Caller<'_, FrameState>, $($param: wasm_type!($kind)),*| -> Result<wasm_type!($result), wasmi::Error> {
                        let answer = enter(caller, HostFunction::$name, |call| bodies::$name(call, $($param),*));
                        finish!($result, answer).map_err(wasmi::Error::host)
                    },
                ).map_err(|_| NodeFailure::Invariant("host function names are unique"))?;
            )+
            Ok(linker)
        }
    };
}

/// The bodies by their import names.
mod bodies {
    pub(super) use super::calls::{call, deploy, input, log, ret, returned, revert};
    pub(super) use super::context::{
        balance, block_height, block_time, contract_address, origin, sender, transfer, value,
    };
    pub(super) use super::data::{blake3, field_get, field_remove, field_set};
    pub(super) use super::objects::{
        object_contract, object_create, object_delete, object_get, object_get_by_owner, object_id,
        object_owner, object_set_owner, objects_of,
    };
}

vm_core::for_each_host_function!(link);
