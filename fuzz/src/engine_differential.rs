//! Target `engine_differential`: integer modules of wasm-smith on wasmi, configured as consensus has it, and on tinywasm:
//! the same results, traps, memories and globals.
//!
//! tinywasm shares no code with wasmi but the idea of wasmparser (another version of it): it keeps wasm's structure on
//! its own stacks, where wasmi translates to registers. Fuel is wasmi's alone; here, it must be the same each time, and
//! exactly enough.

use arbitrary::{Result, Unstructured};
use tinywasm::engine::StackConfig;
use tinywasm::types::WasmValue;
use tinywasm::{ExecProgress, ExternItem, Trap};
use vm_core::Params;
use wasm_smith::Config;
use wasmi::errors::{ErrorKind, InstantiationError};
use wasmi::{Export, Linker, Module, TrapCode, Val, ValType};

use crate::campaign::Inputs;
use crate::engine::engine;
use crate::module_validation;

/// What a call may burn: modules of a few hundred instructions do most of what they do in that.
const FUEL: u64 = 200_000;
/// What the other engine may take for it: instructions, which wasmi prices at one or more, and fuses.
const STEPS: u32 = 4_000_000;

/// How a call or an instantiation ends, as both engines can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// 32 bits as they are, without sign, and 64 bits.
    Results(Vec<Number>),
    Trap(&'static str),
}

/// A value: integers are all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    I32(i32),
    I64(i64),
}

/// Runs the module that `data` describes on both; panics where they differ.
pub fn engine_differential(data: &[u8]) {
    // Too few bytes for a module are no input.
    let _ = try_module(data);
}

fn try_module(data: &[u8]) -> Result<()> {
    let mut u = Unstructured::new(data);
    let module = generate(&mut u)?;
    let ours = Ours::start(&module, FUEL);
    // tinywasm 0.10 refuses some valid modules ("logical operand width mismatch"): those tell nothing.
    let Ok(parsed) = tinywasm::parse_bytes(&module) else { return Ok(()) };
    let (mut ours, mut theirs) = match (ours, Theirs::start(&parsed)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(ours), Err(theirs)) => {
            assert_eq!(theirs, ours, "beginning");
            return Ok(());
        }
        (ours, theirs) => panic!("one begins: {:?}, the other {:?}", theirs.err(), ours.err()),
    };
    for (index, (name, params)) in ours.functions().into_iter().take(8).enumerate() {
        let args = params.iter().map(|ty| argument(&mut u, *ty)).collect::<Result<Vec<_>>>()?;
        let Some(end) = ours.call(&name, &args) else { return Ok(()) };
        if index == 0 {
            exactly(&module, ours.burned(), |ours| ours.call(&name, &args), &end);
        }
        assert_eq!(theirs.call(&name, &args), end, "{name}{args:?}");
        assert_eq!(theirs.globals(&ours), ours.globals(), "globals after {name}{args:?}");
        assert!(theirs.memory() == ours.memory(), "the memories differ after {name}{args:?}");
    }
    Ok(())
}

/// A module that exports all that it has.
fn generate(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let config = module_validation::config(u)?;
    let config = Config { export_everything: true, max_exports: 100, min_funcs: 1, min_types: 1, ..config };
    Ok(wasm_smith::Module::new(config, u)?.to_bytes())
}

/// With the fuel that it burned the call ends the same, and with one unit less it does not.
fn exactly(module: &[u8], burned: u64, call: impl Fn(&mut Ours) -> Option<End>, end: &End) {
    let Ok(mut again) = Ours::start(module, burned) else { panic!("what began begins again") };
    assert_eq!(call(&mut again).as_ref(), Some(end), "with {burned} units of fuel");
    assert_eq!(again.burned(), burned, "the same call burns the same");
    let Some(less) = burned.checked_sub(1) else { return };
    // Beginning may take some of it.
    if let Ok(mut again) = Ours::start(module, less) {
        assert_eq!(call(&mut again), None, "with {less} units of fuel instead of {burned}");
    }
}

fn argument(u: &mut Unstructured<'_>, ty: ValType) -> Result<Number> {
    let edges = [0, 1, -1, i64::MAX, i64::MIN, 32, 64, 65_536, i64::from(i32::MIN)];
    let number = if u.arbitrary()? { u.arbitrary()? } else { *u.choose(&edges)? };
    Ok(if ty == ValType::I32 { Number::I32(number as i32) } else { Number::I64(number) })
}

/// The module on wasmi.
struct Ours {
    store: wasmi::Store<()>,
    instance: wasmi::Instance,
    fuel: u64,
}

impl Ours {
    /// Instantiates, which counts against `fuel`.
    fn start(module: &[u8], fuel: u64) -> std::result::Result<Self, End> {
        let engine = engine(&Params::default());
        let module =
            Module::new(&engine, module).unwrap_or_else(|error| panic!("wasm-smith's is valid: {error}"));
        let mut store = wasmi::Store::new(&engine, ());
        store.set_fuel(fuel).unwrap();
        let instance =
            Linker::new(&engine).instantiate_and_start(&mut store, &module).map_err(|error| trap(&error))?;
        Ok(Self { store, instance, fuel })
    }

    fn functions(&self) -> Vec<(String, Vec<ValType>)> {
        let functions = self.instance.exports(&self.store).filter_map(|export| {
            let name = export.name().to_owned();
            let function = export.into_func()?;
            Some((name, function.ty(&self.store).params().to_vec()))
        });
        functions.collect()
    }

    /// `None` where the fuel or the stack did not suffice, which is ours alone.
    fn call(&mut self, name: &str, args: &[Number]) -> Option<End> {
        let function = self.instance.get_func(&self.store, name).unwrap();
        let args: Vec<Val> = args
            .iter()
            .map(|number| match *number {
                Number::I32(number) => Val::I32(number),
                Number::I64(number) => Val::I64(number),
            })
            .collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        match function.call(&mut self.store, &args, &mut results) {
            Ok(()) => Some(End::Results(results.iter().map(number).collect())),
            Err(error) => match error.as_trap_code() {
                Some(TrapCode::OutOfFuel | TrapCode::StackOverflow) => None,
                _ => Some(trap(&error)),
            },
        }
    }

    fn burned(&self) -> u64 {
        self.fuel - self.store.get_fuel().unwrap()
    }

    fn globals(&self) -> Vec<(String, Number)> {
        let globals = self.instance.exports(&self.store).filter_map(|export| {
            let name = export.name().to_owned();
            let global = export.into_global()?;
            Some((name, number(&global.get(&self.store))))
        });
        globals.collect()
    }

    fn memory(&self) -> &[u8] {
        let memory = self.instance.exports(&self.store).find_map(Export::into_memory);
        memory.map(|memory| memory.data(&self.store)).unwrap_or_default()
    }
}

fn number(value: &Val) -> Number {
    match value {
        Val::I32(number) => Number::I32(*number),
        Val::I64(number) => Number::I64(*number),
        other => panic!("integers only: {other:?}"),
    }
}

fn trap(error: &wasmi::Error) -> End {
    End::Trap(match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => "unreachable",
        Some(TrapCode::MemoryOutOfBounds) => "memory",
        // An index past a table's end, in a call or in a segment.
        Some(TrapCode::TableOutOfBounds) => "table",
        Some(TrapCode::IndirectCallToNull) => "null",
        Some(TrapCode::IntegerDivisionByZero) => "division",
        Some(TrapCode::IntegerOverflow) => "overflow",
        Some(TrapCode::BadSignature) => "signature",
        // An element segment that does not fit is no trap to wasmi.
        None if matches!(
            error.kind(),
            ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. })
        ) =>
        {
            "table"
        }
        _ => panic!("no integer module ends so: {error}"),
    })
}

/// The module on tinywasm.
struct Theirs {
    store: tinywasm::Store,
    instance: tinywasm::ModuleInstance,
}

impl Theirs {
    fn start(module: &tinywasm::types::Module) -> std::result::Result<Self, End> {
        // Deeper than ours goes, so that it never decides.
        let stack = StackConfig::dynamic(1_024, 1 << 22);
        let config = tinywasm::engine::Config::new()
            .with_value_stack(stack)
            .with_call_stack(StackConfig::dynamic(64, 1 << 16));
        let mut store = tinywasm::Store::new(tinywasm::Engine::new(config));
        let instance = tinywasm::ModuleInstance::instantiate(&mut store, module, None)
            .map_err(|error| their_trap(&error))?;
        Ok(Self { store, instance })
    }

    fn call(&mut self, name: &str, args: &[Number]) -> End {
        let function = self.instance.func_untyped(&self.store, name).unwrap();
        let args: Vec<WasmValue> = args
            .iter()
            .map(|number| match *number {
                Number::I32(number) => WasmValue::I32(number),
                Number::I64(number) => WasmValue::I64(number),
            })
            .collect();
        let mut call = match function.call_resumable(&mut self.store, &args) {
            Ok(call) => call,
            Err(error) => return their_trap(&error),
        };
        match call.resume_with_fuel(STEPS) {
            Ok(ExecProgress::Completed(results)) => End::Results(results.iter().map(their_number).collect()),
            Ok(ExecProgress::Suspended) => {
                panic!("{name} ended in {FUEL} units of fuel, and not in {STEPS} steps")
            }
            Err(error) => their_trap(&error),
        }
    }

    fn globals(&self, ours: &Ours) -> Vec<(String, Number)> {
        let names = ours.globals().into_iter().map(|(name, _)| name);
        names
            .map(|name| {
                let value = self.instance.global_get(&self.store, &name).unwrap();
                (name, their_number(&value))
            })
            .collect()
    }

    fn memory(&self) -> Vec<u8> {
        let memory = self.instance.exports().find_map(|(_, item)| match item {
            ExternItem::Memory(memory) => Some(memory),
            _ => None,
        });
        let Some(memory) = memory else { return vec![] };
        let len = memory.len(&self.store).unwrap();
        memory.read_vec(&self.store, 0, len).unwrap()
    }
}

fn their_number(value: &WasmValue) -> Number {
    match value {
        WasmValue::I32(number) => Number::I32(*number),
        WasmValue::I64(number) => Number::I64(*number),
        other => panic!("integers only: {other:?}"),
    }
}

fn their_trap(error: &tinywasm::Error) -> End {
    let tinywasm::Error::Trap(trap) = error else { panic!("no module ends so: {error}") };
    End::Trap(match trap {
        Trap::Unreachable => "unreachable",
        Trap::MemoryOutOfBounds { .. } => "memory",
        Trap::TableOutOfBounds { .. } | Trap::UndefinedElement { .. } => "table",
        Trap::UninitializedElement { .. } => "null",
        Trap::DivisionByZero => "division",
        Trap::IntegerOverflow => "overflow",
        Trap::IndirectCallTypeMismatch { .. } => "signature",
        _ => panic!("no integer module ends so: {trap}"),
    })
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(14);
    (0..24).map(|index| (format!("smith-{index:02}"), inputs.bytes(1_500))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A comparison of calls that all run out of fuel, or of modules that one refuses, would say nothing.
    #[test]
    fn most_modules_are_taken_by_both_and_have_calls_that_end() {
        let mut inputs = Inputs::new(15);
        let (mut made, mut ended, mut taken) = (0, 0, 0);
        for _ in 0..60 {
            let bytes = inputs.bytes(2_000);
            let mut u = Unstructured::new(&bytes);
            let Ok(module) = generate(&mut u) else { continue };
            let Ok(mut ours) = Ours::start(&module, FUEL) else { continue };
            for (name, params) in ours.functions().into_iter().take(1) {
                made += 1;
                taken += u32::from(tinywasm::parse_bytes(&module).is_ok());
                let args: Vec<Number> = params.iter().map(|ty| argument(&mut u, *ty).unwrap()).collect();
                ended += u32::from(ours.call(&name, &args).is_some());
            }
        }
        assert!(made > 20 && ended * 2 > made, "{ended} of {made} end");
        assert!(taken * 4 > made * 3, "{taken} of {made} are taken");
    }
}
