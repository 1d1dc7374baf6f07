//! Calls: an explicit stack of frames, so that contracts nest without native recursion (R42).
//!
//! The executor alternates between two signals. *Enter*: check, pay, move value, start an instance. *Done*: settle a
//! frame and resume the one below with its result. A frame that calls is suspended inside wasmi and resumed later.
//!
//! Invariants:
//! - the session is in exactly one place: the running frame, or a signal;
//! - a frame that does not return leaves nothing behind: journal, events and refunds go back to its checkpoint;
//! - depth is counted once, where a host function takes a grant for a callee.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::interface::{ArgumentError, Flags, check_within};
use vm_core::{Address, Contract, ErrorCode, Gas, Hash, Key, Status};
use vm_state::{NodeFailure, ReadError};
use wasmi::{Instance, Store, TrapCode, TypedResumableCall, Val};

use crate::error::{Answer, Fault};
use crate::frame::{CallRequest, Frame, FrameEnd, FrameState, Identity, PageLimiter, Target};
use crate::host::move_balance;
use crate::meter::Meter;
use crate::module::{ModuleCache, Prepared, Running};
use crate::session::{FrameCheckpoint, Session};
use crate::trace::{FrameEnter, FrameExit, FrameKind};
use crate::transaction::store_code;

/// What a call came to.
pub(crate) struct Done {
    pub(crate) session: Box<Session>,
    pub(crate) end: FrameEnd,
    /// Fuel of the grant that is left.
    pub(crate) fuel_left: u64,
}

enum Signal {
    Enter(Box<Session>, CallRequest),
    Done(Done),
}

/// A call that passed every check.
struct Start {
    prepared: Arc<Prepared>,
    function: String,
    identity: Identity,
    pages_max: u32,
}

/// Runs `request` and every call that it leads to.
pub(crate) fn execute(
    cache: &ModuleCache,
    session: Box<Session>,
    request: CallRequest,
    view: bool,
) -> Result<Done, ReadError> {
    let mut executor = Executor { cache, frames: Vec::new(), view };
    let mut signal = Signal::Enter(session, request);
    loop {
        signal = match signal {
            Signal::Enter(session, request) => executor.enter(session, request)?,
            Signal::Done(done) if executor.frames.is_empty() => return Ok(done),
            Signal::Done(done) => executor.resume(done)?,
        };
    }
}

struct Executor<'c> {
    cache: &'c ModuleCache,
    frames: Vec<Frame>,
    /// Whether nothing may be written from the outermost frame on: a query.
    view: bool,
}

impl Executor<'_> {
    fn enter(&mut self, mut session: Box<Session>, request: CallRequest) -> Result<Signal, ReadError> {
        let caller = self.frames.last().map(|frame| frame.store.data());
        let (sender, view, depth) = match caller {
            Some(state) => (state.contract, state.view, state.depth.saturating_add(1)),
            None => (session.running.origin, self.view, 0),
        };
        let (kind, contract) = match &request.target {
            Target::Call { contract, .. } => (FrameKind::Call, *contract),
            Target::Deploy { code_hash, salt, .. } => {
                (FrameKind::Deploy, Address::of_contract(&sender, salt, code_hash))
            }
        };
        let resources = &mut session.running.resources;
        resources.frames = resources.frames.saturating_add(1);
        resources.depth_max = resources.depth_max.max(depth);
        let checkpoint = session.checkpoint();
        if let Some(observer) = session.observer.as_mut() {
            observer.frame_enter(&FrameEnter {
                kind,
                depth,
                caller: sender,
                contract,
                function: match &request.target {
                    Target::Call { function, .. } => function,
                    Target::Deploy { .. } => "",
                },
                args: &request.args,
                value: request.value,
                fuel: request.fuel,
            });
        }
        let granted = request.fuel;
        let mut meter = Meter::new(granted);
        let identity = Identity { contract, sender, value: request.value, view, depth, input: request.args };
        let prepared = self.prepare(&mut session, &mut meter, request.target, identity);
        let answer = match prepared {
            Ok(Some(start)) => {
                let prepaid = meter.spent();
                let setup = &mut session.running.resources.setup_fuel;
                *setup = setup.saturating_add(prepaid);
                return self.start(session, start, meter.left(), Opening { checkpoint, granted, prepaid });
            }
            Ok(None) => Ok(()),
            Err(fault) => Err(fault),
        };
        close_unrun(session, checkpoint, granted, &meter, answer).map(Signal::Done)
    }

    /// Everything before the instance: the checks, their price, the value. `None` where no code has to run.
    fn prepare(
        &self,
        session: &mut Session,
        meter: &mut Meter,
        target: Target,
        mut identity: Identity,
    ) -> Answer<Option<Start>> {
        let (prepared, name, deploys) = match target {
            Target::Call { function, .. } => {
                (self.load_contract(session, meter, &identity.contract)?, Some(function), false)
            }
            Target::Deploy { code_hash, new_code, .. } => {
                if let Some(code) = new_code {
                    store_code(session, meter, &code)?;
                }
                let prepared = self.create_contract(session, meter, &identity, code_hash)?;
                let init = prepared.info.interface.init().map(|init| init.name.clone());
                (prepared, init, true)
            }
        };
        let Some(name) = name else {
            // A contract without an initialiser takes neither arguments nor value.
            if !identity.input.is_empty() {
                return Err(Fault::Code(ErrorCode::BadArguments));
            }
            if identity.value > 0 {
                return Err(Fault::Code(ErrorCode::NotPayable));
            }
            return Ok(None);
        };
        let function =
            prepared.info.interface.function(&name).ok_or(Fault::Code(ErrorCode::FunctionNotFound))?;
        let flags = function.flags;
        if flags.has(Flags::INIT) && !deploys {
            return Err(Fault::Code(ErrorCode::InitCalled));
        }
        if identity.value > 0 && !flags.has(Flags::PAYABLE) {
            return Err(Fault::Code(ErrorCode::NotPayable));
        }
        let entered = self.frames.iter().any(|frame| frame.store.data().contract == identity.contract);
        if entered && !flags.has(Flags::REENTRANT) {
            return Err(Fault::Code(ErrorCode::Reentrancy));
        }
        let byte = session.gas().data_byte;
        meter.charge(byte.saturating_mul(u64::try_from(identity.input.len()).unwrap_or(u64::MAX)))?;
        // The walk is paid for step by step, also where it refuses (DESIGN 10, rule 18).
        let affordable = meter.left().checked_div(Gas(byte).to_fuel()).unwrap_or_default();
        let mut steps_left = affordable;
        let checked = check_within(&function.params, &identity.input, &mut steps_left);
        meter.charge(byte.saturating_mul(affordable.saturating_sub(steps_left)))?;
        checked.map_err(|error| match error {
            ArgumentError::TooManySteps => Fault::Halt(ErrorCode::OutOfGas),
            ArgumentError::Truncated { .. }
            | ArgumentError::Surplus { .. }
            | ArgumentError::Invalid { .. }
            | ArgumentError::Order { .. } => Fault::Code(ErrorCode::BadArguments),
        })?;
        identity.view |= flags.has(Flags::VIEW);
        let pages_max = self.charge_instance(session, meter, &prepared)?;
        if identity.value > 0 {
            pay(session, meter, &identity.sender, &identity.contract, identity.value)?;
        }
        Ok(Some(Start { prepared, function: name, identity, pages_max }))
    }

    fn load_contract(
        &self,
        session: &mut Session,
        meter: &mut Meter,
        address: &Address,
    ) -> Answer<Arc<Prepared>> {
        meter.charge(session.touch_gas(&Key::contract(address))?)?;
        let contract = session.journal.contract(address)?.ok_or(Fault::Code(ErrorCode::ContractNotFound))?;
        self.load_code(session, meter, &contract.code_hash)?
            .ok_or_else(|| NodeFailure::Invariant("a contract's code is stored").into())
    }

    /// The module with `code_hash`, paid for once per transaction (DESIGN 10, rule 16) and kept for the rest of it.
    fn load_code(
        &self,
        session: &mut Session,
        meter: &mut Meter,
        code_hash: &Hash,
    ) -> Answer<Option<Arc<Prepared>>> {
        if let Some(prepared) = session.running.loaded.get(code_hash) {
            return Ok(Some(prepared.clone()));
        }
        let key = Key::code(code_hash);
        meter.charge(session.touch_gas(&key)?)?;
        let Some(len) = session.journal.get(&key)?.map(|code| code.len()) else { return Ok(None) };
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        // Declared first: it has been read, whether the frame can pay for it or not.
        session.declare_witness(len)?;
        let gas = session.gas();
        meter.charge(gas.module_load.saturating_add(gas.module_load_byte.saturating_mul(len)))?;
        let loaded = session.running.loaded_bytes.saturating_add(len);
        if loaded > session.limits().transaction_code_bytes.into() {
            return Err(Fault::Code(ErrorCode::CodeLimit));
        }
        session.running.loaded_bytes = loaded;
        let resources = &mut session.running.resources;
        resources.bytes_read = resources.bytes_read.saturating_add(len);
        let prepared = match session.last_module.take().filter(|last| last.code_hash == *code_hash) {
            Some(last) => last,
            None => {
                let params = session.params.clone();
                let validated = session.validated.take().filter(|(hash, _)| hash == code_hash);
                let code = session.journal.get(&key)?;
                let code = code.ok_or(NodeFailure::Invariant("the code was there a line ago"))?;
                self.cache.prepare(code_hash, code, &params, validated.map(|(_, info)| info))?
            }
        };
        session.last_module = Some(prepared.clone());
        session.running.loaded.insert(*code_hash, prepared.clone());
        Ok(Some(prepared))
    }

    /// Puts a contract at the address that the identity carries (R64).
    fn create_contract(
        &self,
        session: &mut Session,
        meter: &mut Meter,
        identity: &Identity,
        code_hash: Hash,
    ) -> Answer<Arc<Prepared>> {
        let key = Key::contract(&identity.contract);
        meter.charge(session.write_gas(&key)?)?;
        if session.journal.contract(&identity.contract)?.is_some() {
            return Err(Fault::Code(ErrorCode::AddressTaken));
        }
        let prepared =
            self.load_code(session, meter, &code_hash)?.ok_or(Fault::Code(ErrorCode::CodeNotFound))?;
        session
            .journal
            .add_contract(&identity.contract, Contract { code_hash, deployer: identity.sender })?;
        Ok(prepared)
    }

    /// Takes the price of an instance, which wasmi starts for nothing, and finds how far its memory may grow.
    fn charge_instance(&self, session: &mut Session, meter: &mut Meter, prepared: &Prepared) -> Answer<u32> {
        let (gas, info) = (session.gas(), &prepared.info);
        let price = [
            gas.instance,
            gas.instance_page.saturating_mul(info.pages.into()),
            gas.instance_item.saturating_mul(info.items.into()),
            gas.instance_data_byte.saturating_mul(info.data_bytes.into()),
        ];
        meter.charge(price.into_iter().fold(0, u64::saturating_add))?;
        let left = session.limits().transaction_pages.saturating_sub(self.pages());
        let memory = left.checked_sub(info.stack_pages).filter(|memory| info.pages <= *memory);
        let memory = memory.ok_or(Fault::Code(ErrorCode::MemoryBudget))?;
        Ok(info.pages_max.min(memory))
    }

    /// Pages of all live frames: their memories, and what their wasm stacks may take (DESIGN 10, rule 17).
    fn pages(&self) -> u32 {
        let of = |frame: &Frame| frame.store.data().pages.now.saturating_add(frame.module.info.stack_pages);
        self.frames.iter().fold(0, |sum, frame| sum.saturating_add(of(frame)))
    }

    fn start(
        &mut self,
        session: Box<Session>,
        start: Start,
        fuel: u64,
        frame: Opening,
    ) -> Result<Signal, ReadError> {
        let Start { prepared, function, identity, pages_max } = start;
        #[cfg(feature = "testing")]
        let native = prepared
            .native
            .as_ref()
            .filter(|_| identity.depth == 0)
            .map(|contract| contract.start(&function));
        #[cfg(feature = "testing")]
        let (prepared, function, pages_max) = match &native {
            Some(_) => {
                (crate::native::shim(&prepared, &session.params)?, crate::native::SHIM_ENTRY.into(), u32::MAX)
            }
            None => (prepared, function, pages_max),
        };
        #[cfg_attr(not(feature = "testing"), expect(unused_mut, reason = "only a native frame changes it"))]
        let mut state = FrameState::new(session, identity, PageLimiter::new(pages_max));
        #[cfg(feature = "testing")]
        {
            state.native = native;
        }
        let (mut store, started) = match self.cache.take_instance(&prepared) {
            Some((idle, reuse)) => {
                let (store, instance, running) = idle.renew(reuse, state)?;
                (store, Ok((instance, Some(running))))
            }
            None => start_anew(&prepared, state),
        };
        #[cfg(feature = "profile")]
        if let Some(wrappers) = &prepared.wrappers
            && let Some(observer) = store.data_mut().session().observer.as_mut()
        {
            observer.frame_start(&wrappers.code_hash, &prepared.info.interface, fuel);
        }
        store.set_fuel(fuel).map_err(|_| NodeFailure::Invariant("the engine counts fuel"))?;
        let (entry, running) = match started {
            Ok((instance, running)) => (instance.get_typed_func::<(), ()>(&*store, &function), running),
            Err(error) => (Err(error), None),
        };
        self.frames.push(frame.frame(store, running, prepared));
        let frame = self.top()?;
        let result = match entry {
            Ok(entry) => entry.call_resumable(&mut *frame.store, ()),
            Err(error) => Err(error),
        };
        self.settle(result)
    }

    fn top(&mut self) -> Result<&mut Frame, NodeFailure> {
        self.frames.last_mut().ok_or(NodeFailure::Invariant("a frame is on the stack while it runs"))
    }

    /// Gives a callee's result to the frame that waits for it.
    fn resume(&mut self, done: Done) -> Result<Signal, ReadError> {
        let Done { session, end, fuel_left } = done;
        let frame = self.top()?;
        let invariant = NodeFailure::Invariant("a frame below the running one waits for it");
        let waiting = frame.waiting.take().ok_or(invariant)?;
        let request = frame.store.data_mut().pending.take();
        let request = request.ok_or(NodeFailure::Invariant("a waiting frame knows what it waits for"))?;
        let fuel = frame.store.get_fuel().map_err(|_| NodeFailure::Invariant("the engine counts fuel"))?;
        let back = fuel.saturating_add(fuel_left);
        frame.store.set_fuel(back).map_err(|_| NodeFailure::Invariant("the engine counts fuel"))?;
        frame.callees = frame.callees.saturating_add(request.fuel.saturating_sub(fuel_left));
        let deployed = match request.target {
            Target::Deploy { code_hash, salt, .. } => {
                Some(Address::of_contract(&frame.store.data().contract, &salt, &code_hash))
            }
            Target::Call { .. } => None,
        };
        let success = matches!(end, FrameEnd::Returned(_));
        let (result, returned) = match end {
            FrameEnd::Returned(bytes) => (i32::try_from(bytes.len()).unwrap_or(i32::MAX), bytes),
            FrameEnd::Reverted(bytes) => (ErrorCode::CallReverted.to_guest(), bytes),
            FrameEnd::Refused(code) | FrameEnd::Halted(code) => (code.to_guest(), Vec::new()),
        };
        let state = frame.store.data_mut();
        state.returned = returned;
        state.give_session(session);
        if let (Some(address), Some(out), Some(memory), true) =
            (deployed, request.address_out, state.memory, success)
        {
            let at = usize::try_from(out).unwrap_or(usize::MAX);
            // Checked when the call was made, and memory never shrinks.
            memory
                .write(&mut *frame.store, at, address.as_ref())
                .map_err(|_| NodeFailure::Invariant("a checked pointer stays good"))?;
        }
        let result = waiting.resume(&mut *frame.store, &[Val::I32(result)]);
        self.settle(result)
    }

    /// What to do after the top frame stopped running.
    fn settle(&mut self, result: Result<TypedResumableCall<()>, wasmi::Error>) -> Result<Signal, ReadError> {
        #[cfg(feature = "profile")]
        let result = {
            let frame = self.top()?;
            crate::profile::lend(&mut frame.store, frame.module.wrappers.as_ref(), result)?
        };
        let pages = self.pages();
        let frame = self.top()?;
        let end = match result {
            Ok(TypedResumableCall::Finished(())) => {
                FrameEnd::Returned(core::mem::take(&mut frame.store.data_mut().output))
            }
            Ok(TypedResumableCall::HostTrap(trap)) => {
                if matches!(trap.host_error().downcast_ref::<Fault>(), Some(Fault::Suspend)) {
                    frame.waiting = Some(trap);
                    let state = frame.store.data_mut();
                    let pending = state.pending.clone();
                    let request =
                        pending.ok_or(NodeFailure::Invariant("a suspended frame asked for a call"))?;
                    let mut session = state.take_session();
                    let peak = &mut session.running.resources.pages_peak;
                    *peak = (*peak).max(pages);
                    return Ok(Signal::Enter(session, request));
                }
                frame.end_of(trap.host_error())?
            }
            Ok(TypedResumableCall::OutOfFuel(_)) => FrameEnd::Halted(ErrorCode::OutOfGas),
            Err(error) => frame.end_of(&error)?,
        };
        let frame = self.frames.pop().ok_or(NodeFailure::Invariant("the running frame is on the stack"))?;
        frame.close(end, pages, self.cache).map(Signal::Done)
    }
}

/// Moves value to a callee, for the price of a transfer.
pub(crate) fn pay(
    session: &mut Session,
    meter: &mut Meter,
    from: &Address,
    to: &Address,
    amount: u64,
) -> Answer<()> {
    let (from, to) = (Key::account(from), Key::account(to));
    meter.charge(session.gas().transfer)?;
    meter.charge(session.write_gas(&from)?)?;
    if to != from {
        meter.charge(session.write_gas(&to)?)?;
    }
    move_balance(session, &from, &to, amount)
}

/// How the chain records an end.
pub(crate) fn status_of(end: &FrameEnd) -> Status {
    match end {
        FrameEnd::Returned(_) => Status::Success,
        FrameEnd::Reverted(_) => Status::Reverted,
        FrameEnd::Refused(code) | FrameEnd::Halted(code) => Status::Failed(*code),
    }
}

/// Ends a frame that ran no code: refused, or with nothing to run.
pub(crate) fn close_unrun(
    mut session: Box<Session>,
    checkpoint: FrameCheckpoint,
    granted: u64,
    meter: &Meter,
    answer: Answer<()>,
) -> Result<Done, ReadError> {
    #[cfg(feature = "profile")]
    if let Some(observer) = session.observer.as_mut() {
        observer.frame_stop(meter.left());
    }
    let resources = &mut session.running.resources;
    resources.setup_fuel = resources.setup_fuel.saturating_add(meter.spent());
    let (end, fuel_left) = match answer {
        Ok(()) => (FrameEnd::Returned(Vec::new()), meter.left()),
        Err(Fault::Code(code)) => (FrameEnd::Refused(code), meter.left()),
        Err(Fault::Halt(code)) => {
            resources.forfeited_fuel = resources.forfeited_fuel.saturating_add(meter.left());
            (FrameEnd::Halted(code), 0)
        }
        Err(Fault::Read(error)) => return Err(error),
        Err(Fault::Revert | Fault::Suspend) => {
            return Err(NodeFailure::Invariant("only a running frame reverts or calls").into());
        }
    };
    if !matches!(end, FrameEnd::Returned(_)) {
        session.rollback(checkpoint);
    }
    Ok(exit(session, end, granted, fuel_left))
}

/// Tells the observer that a frame ended, and packs up what it came to.
fn exit(mut session: Box<Session>, end: FrameEnd, granted: u64, fuel_left: u64) -> Done {
    let detail = session.running.detail.take();
    if let Some(observer) = session.observer.as_mut() {
        let output: &[u8] = match &end {
            FrameEnd::Returned(bytes) | FrameEnd::Reverted(bytes) => bytes,
            FrameEnd::Refused(_) | FrameEnd::Halted(_) => &[],
        };
        let (status, fuel_used) = (status_of(&end), granted.saturating_sub(fuel_left));
        observer.frame_exit(&FrameExit { status, output, fuel_used, detail: detail.as_deref() });
    }
    Done { session, end, fuel_left }
}

/// What is known of a frame before it has a store.
struct Opening {
    checkpoint: FrameCheckpoint,
    granted: u64,
    prepaid: u64,
}

impl Opening {
    fn frame(self, store: Box<Store<FrameState>>, running: Option<Running>, module: Arc<Prepared>) -> Frame {
        let Self { checkpoint, granted, prepaid } = self;
        Frame { store, waiting: None, checkpoint, granted, prepaid, callees: 0, running, module }
    }
}

impl Frame {
    /// How the frame ended that stopped with `error`.
    fn end_of(&mut self, error: &wasmi::Error) -> Result<FrameEnd, ReadError> {
        if self.store.data().pages.host_memory_exhausted {
            return Err(NodeFailure::Memory("growing a contract's memory").into());
        }
        if let Some(trap) = error.as_trap_code() {
            return trap_code(trap).map(FrameEnd::Halted).map_err(ReadError::from);
        }
        match error.downcast_ref::<Fault>() {
            Some(Fault::Revert) => Ok(FrameEnd::Reverted(core::mem::take(&mut self.store.data_mut().output))),
            Some(Fault::Halt(code) | Fault::Code(code)) => Ok(FrameEnd::Halted(*code)),
            Some(Fault::Read(error)) => Err(error.clone()),
            // An element segment past its table; a data segment past the memory is a trap above. Both show only when an
            // instance starts, so a contract of such a module can be deployed, and every call of it fails.
            Some(Fault::Suspend) | None => Ok(FrameEnd::Halted(ErrorCode::InvalidModule)),
        }
    }

    /// Commits or rolls back, and accounts for the frame's fuel.
    fn close(mut self, end: FrameEnd, pages: u32, cache: &ModuleCache) -> Result<Done, ReadError> {
        let fuel = self.store.get_fuel().map_err(|_| NodeFailure::Invariant("the engine counts fuel"))?;
        let mut session = self.store.data_mut().take_session();
        if !matches!(end, FrameEnd::Returned(_)) {
            session.rollback(self.checkpoint);
        }
        #[cfg(feature = "profile")]
        if let Some(observer) = session.observer.as_mut() {
            observer.frame_stop(fuel);
        }
        let host = self.store.data().host_fuel;
        let resources = &mut session.running.resources;
        let code = self.granted.saturating_sub(fuel).saturating_sub(host.total());
        let code = code.saturating_sub(self.prepaid).saturating_sub(self.callees);
        resources.fuel = resources.fuel.saturating_add(code);
        resources.host.add(host);
        resources.pages_peak = resources.pages_peak.max(pages);
        let fuel_left = if matches!(end, FrameEnd::Halted(_)) {
            resources.forfeited_fuel = resources.forfeited_fuel.saturating_add(fuel);
            0
        } else {
            fuel
        };
        let granted = self.granted;
        if matches!(end, FrameEnd::Returned(_)) {
            self.give_back(cache);
        }
        Ok(exit(session, end, granted, fuel_left))
    }

    /// Leaves the instance to the next frame that runs the same code.
    fn give_back(self, cache: &ModuleCache) {
        let Self { store, running, module, .. } = self;
        if let Some(idle) = running.and_then(|running| running.end(store, &module.info)) {
            cache.keep_instance(&module, idle);
        }
    }
}

/// A store with a fresh instance of the module.
fn start_anew(
    prepared: &Prepared,
    state: FrameState,
) -> (Box<Store<FrameState>>, Result<Started, wasmi::Error>) {
    let mut store = Box::new(Store::new(&prepared.engine, state));
    store.limiter(|state| &mut state.pages);
    let instance = prepared.linker.instantiate_and_start(&mut *store, &prepared.module);
    let started = instance.map(|instance| {
        store.data_mut().memory = instance.get_memory(&*store, vm_core::abi::MEMORY_EXPORT);
        (instance, Running::new(prepared, &store, instance))
    });
    (store, started)
}

/// An instance, and what it takes to use it again.
type Started = (Instance, Option<Running>);

/// The code of a wasm trap; running out of host memory is a node failure.
fn trap_code(trap: TrapCode) -> Result<ErrorCode, NodeFailure> {
    Ok(match trap {
        TrapCode::UnreachableCodeReached => ErrorCode::Unreachable,
        TrapCode::MemoryOutOfBounds => ErrorCode::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => ErrorCode::TableOutOfBounds,
        TrapCode::IndirectCallToNull => ErrorCode::IndirectCallToNull,
        TrapCode::IntegerDivisionByZero => ErrorCode::DivisionByZero,
        TrapCode::IntegerOverflow => ErrorCode::IntegerOverflow,
        TrapCode::BadSignature => ErrorCode::BadSignature,
        TrapCode::StackOverflow => ErrorCode::StackOverflow,
        TrapCode::OutOfFuel => ErrorCode::OutOfGas,
        TrapCode::OutOfSystemMemory => return Err(NodeFailure::Memory("running a contract")),
        TrapCode::BadConversionToInteger | TrapCode::GrowthOperationLimited => {
            return Err(NodeFailure::Invariant("contracts have no floats, and our limiter never traps"));
        }
    })
}
