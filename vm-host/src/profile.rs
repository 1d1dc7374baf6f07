//! Marks at each function of a module, which tell what burns fuel: for profiles, never in a node.
//!
//! A profiled engine runs every module with a wrapper around each of its functions ([`mod@instrument`]). A wrapper
//! tells the [`Observer`] of the transaction that its function begins and ends, and how much fuel the frame then has.
//!
//! Invariants:
//! - a profiled run is the plain run to the unit of fuel: the same outcome, resources included. A wrapper takes its
//!   fuel before it runs, and its first mark gives it back; so all code, each grant to a callee and every host function
//!   see the fuel that they would see without wrappers;
//! - where the fuel left is less than a wrapper takes, the frame is lent that much. Whatever else runs on a loan, since
//!   it happens to need as much as a wrapper would, stops at the next mark, host function or end. That is before it can
//!   do anything that outlives the frame, and the frame has run out of gas where the plain run does;
//! - a module may nest as deep as without wrappers: its engine counts twice the depth, of which wrappers take half.
//!
//! Deliberately not here: names of functions, and what becomes of the marks; vm-cli has both.

mod instrument;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;
use vm_core::{ErrorCode, Hash, Params};
use vm_state::NodeFailure;
use wasmi::{Caller, Linker, Module, Store, TrapCode, TypedResumableCall};

use crate::error::Fault;
use crate::frame::{FrameState, Loan};
use crate::host;
use crate::module::{ModuleInfo, Prepared, engine_of_depth};
use crate::trace::Observer;
use instrument::{ENTER, EXIT, MODULE, instrument};

const BROKEN: NodeFailure = NodeFailure::Invariant("a validated module runs with wrappers");
const METERED: NodeFailure = NodeFailure::Invariant("the engine counts fuel");

/// Who wants to know.
pub trait Profiler: Debug + Send + Sync {
    /// The observer of the transaction with this index in its block, in place of the one that makes a trace; queries
    /// have index 0. None if nobody listens to that one.
    fn observer(&self, transaction: u32) -> Option<Box<dyn Observer>>;
}

/// What a profiled engine knows of a module that runs with wrappers.
#[derive(Debug)]
pub(crate) struct Wrappers {
    /// The code that it was made of.
    pub(crate) code_hash: Hash,
    /// What wrappers take, each amount once.
    fuel: BTreeSet<u64>,
}

/// The module of `code` with wrappers.
pub(crate) fn prepare(
    code_hash: Hash,
    code: &[u8],
    info: ModuleInfo,
    params: &Params,
) -> Result<Prepared, NodeFailure> {
    let instrumented = instrument(code).ok_or(BROKEN)?;
    let engine = engine_of_depth(params, params.limits().wasm_depth.saturating_mul(2));
    let module = Module::new(&engine, &instrumented.code).map_err(|_| BROKEN)?;
    let mut linker = host::linker(&engine)?;
    let wrappers = Wrappers { code_hash, fuel: instrumented.fuel.iter().copied().collect() };
    link(&mut linker, instrumented.imports, instrumented.fuel)?;
    Ok(Prepared {
        code_hash,
        engine,
        module,
        linker,
        info,
        reuse: None,
        #[cfg(feature = "testing")]
        native: None,
        wrappers: Some(wrappers),
    })
}

/// Offers the two marks. `fuel` is what the wrapper of each function takes, from index `imports` on.
fn link(linker: &mut Linker<FrameState>, imports: u32, fuel: Vec<u64>) -> Result<(), NodeFailure> {
    let fuel: Arc<[u64]> = fuel.into();
    let enter = move |caller: Caller<'_, FrameState>, function: u32| {
        let index = function.checked_sub(imports).and_then(|index| usize::try_from(index).ok());
        let taken = index.and_then(|index| fuel.get(index)).copied().unwrap_or_default();
        function_enter(caller, function, taken)
    };
    linker.func_wrap(MODULE, ENTER, enter).map_err(|_| BROKEN)?;
    linker.func_wrap(MODULE, EXIT, function_exit).map_err(|_| BROKEN)?;
    Ok(())
}

/// Gives back what the wrapper took, settles the loan that it may have needed, and tells the observer.
fn function_enter(mut caller: Caller<'_, FrameState>, function: u32, taken: u64) -> Result<(), wasmi::Error> {
    let lent = caller.data_mut().loan.take().map(|loan| loan.lent).unwrap_or_default();
    let fuel = caller.get_fuel()?.saturating_add(taken).saturating_sub(lent);
    caller.set_fuel(fuel)?;
    if let Some(observer) = caller.data_mut().session().observer.as_mut() {
        observer.function_enter(function, fuel);
    }
    Ok(())
}

fn function_exit(mut caller: Caller<'_, FrameState>) -> Result<(), wasmi::Error> {
    if caller.data().loan.is_some() {
        return Err(wasmi::Error::host(Fault::Halt(ErrorCode::OutOfGas)));
    }
    let fuel = caller.get_fuel()?;
    if let Some(observer) = caller.data_mut().session().observer.as_mut() {
        observer.function_exit(fuel);
    }
    Ok(())
}

/// Lets a frame go on that may have run out of fuel in a wrapper only, until it stops for another reason.
///
/// A frame that stopped on a loan ran out of fuel when it got it.
pub(crate) fn lend(
    store: &mut Store<FrameState>,
    wrappers: Option<&Wrappers>,
    mut result: Result<TypedResumableCall<()>, wasmi::Error>,
) -> Result<Result<TypedResumableCall<()>, wasmi::Error>, NodeFailure> {
    let Some(wrappers) = wrappers else { return Ok(result) };
    loop {
        if let Some(loan) = store.data_mut().loan.take() {
            store.set_fuel(loan.left).map_err(|_| METERED)?;
            return Ok(Err(TrapCode::OutOfFuel.into()));
        }
        result = match result {
            Ok(TypedResumableCall::OutOfFuel(stopped))
                if wrappers.fuel.contains(&stopped.required_fuel()) =>
            {
                let (left, required) = (store.get_fuel().map_err(|_| METERED)?, stopped.required_fuel());
                store.data_mut().loan = Some(Loan { left, lent: required.saturating_sub(left) });
                store.set_fuel(required).map_err(|_| METERED)?;
                stopped.resume(&mut *store)
            }
            other => return Ok(other),
        };
    }
}
