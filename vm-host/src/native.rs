//! Contracts as native code, in tests of their own only (R111).
//!
//! A native frame is a frame like any other: of a small module that asks, in a loop, which host function to call next,
//! and calls it. So host functions, calls, suspension, rollback, reentrancy, traps and gas are the executor's own, and
//! nothing of them is written a second time. The answers come from a [`NativeFrame`], which has the contract's code run
//! on a thread that waits while the executor works.
//!
//! Invariants:
//! - only the outermost frame is native, so that a thread waits for one executor and nobody waits for it meanwhile;
//! - all prices are those of the contract's module, the code's own fuel excepted.
//!
//! Deliberately not here: threads, and how a contract's pointers become the module's: those are the SDK's.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;
use vm_core::Params;
use vm_core::abi::{HostFunction, IMPORT_MODULE, MEMORY_EXPORT, WasmType};
use vm_state::NodeFailure;
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    MemArg, MemArgTarget, MemorySection, MemoryType, TypeSection, ValType,
};
use wasmi::{Caller, Module};

use crate::frame::FrameState;
use crate::host;
use crate::module::{Prepared, engine};

/// How many bytes of memory a native frame has for arguments and results of host functions.
pub const NATIVE_MEMORY_BYTES: u32 = PAGES * 65_536;
const PAGES: u32 = 64;

/// The export that runs.
pub(crate) const SHIM_ENTRY: &str = "run";
/// Where the question for the next call is imported from: no contract's import can have that name.
const NATIVE_MODULE: &str = "native";

/// A contract's code, compiled for this machine.
pub trait NativeContract: Debug + Send + Sync {
    /// Begins a call of `function`, which the contract's interface has.
    fn start(&self, function: &str) -> Box<dyn NativeFrame>;
}

/// A running call. It is dropped when the frame ends, also in the middle: a host function may halt it.
pub trait NativeFrame: Send {
    /// Runs the contract to its next host call. `result` is the last one's, 0 at first and for functions without any.
    ///
    /// The arguments are put at the front of `memory`, 8 bytes each, little endian; pointers among them name places in
    /// `memory`, which has [`NATIVE_MEMORY_BYTES`].
    fn next(&mut self, memory: &mut [u8], result: i64) -> NativeStep;
}

/// What a native contract does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeStep {
    /// Calls a host function.
    Call(HostFunction),
    /// Returns.
    Return,
}

/// What runs in place of the module of `prepared`, with its prices.
pub(crate) fn shim(prepared: &Prepared, params: &Params) -> Result<Arc<Prepared>, NodeFailure> {
    const BROKEN: NodeFailure = NodeFailure::Invariant("the native shim is a module of this engine");
    // An engine of its own, which goes with the frame: engines never free code.
    let engine = engine(params);
    let module = Module::new(&engine, module()).map_err(|_| BROKEN)?;
    let mut linker = host::linker(&engine)?;
    linker.func_wrap(NATIVE_MODULE, "next", next).map_err(|_| BROKEN)?;
    let (info, native) = (prepared.info.clone(), prepared.native.clone());
    Ok(Arc::new(Prepared {
        code_hash: prepared.code_hash,
        engine,
        module,
        linker,
        info,
        reuse: None,
        native,
        #[cfg(feature = "profile")]
        wrappers: None,
    }))
}

/// Asks the frame's native code: the number of the host function, counted from 1, or 0 at the end.
fn next(mut caller: Caller<'_, FrameState>, result: i64) -> Result<i32, wasmi::Error> {
    let broken = || wasmi::Error::new("a native frame has its code and its memory");
    let mut native = caller.data_mut().native.take().ok_or_else(broken)?;
    let memory = caller.data().memory.ok_or_else(broken)?;
    let step = native.next(memory.data_mut(&mut caller), result);
    caller.data_mut().native = Some(native);
    let number = match step {
        NativeStep::Return => 0i32,
        NativeStep::Call(function) => {
            let index = HostFunction::ALL.iter().position(|each| *each == function).ok_or_else(broken)?;
            i32::try_from(index.saturating_add(1)).map_err(|_| broken())?
        }
    };
    Ok(number)
}

/// The module: asks for the next call, calls it with what stands in memory, and again.
fn module() -> Vec<u8> {
    let value = |ty: WasmType| match ty {
        WasmType::I32 => ValType::I32,
        WasmType::I64 => ValType::I64,
    };
    let (mut types, mut imports) = (TypeSection::new(), ImportSection::new());
    types.ty().function([], []);
    types.ty().function([ValType::I64], [ValType::I32]);
    imports.import(NATIVE_MODULE, "next", EntityType::Function(1));
    for (ty, function) in (2u32..).zip(HostFunction::ALL) {
        let info = function.info();
        types.ty().function(info.params.iter().map(|param| value(param.2)), info.result.map(value));
        imports.import(IMPORT_MODULE, info.name, EntityType::Function(ty));
    }
    let functions = u32::try_from(HostFunction::ALL.len()).unwrap_or(u32::MAX);
    let mut defined = FunctionSection::new();
    defined.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: PAGES.into(),
        maximum: Some(PAGES.into()),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export(MEMORY_EXPORT, ExportKind::Memory, 0);
    exports.export(SHIM_ENTRY, ExportKind::Func, functions.saturating_add(1));
    let mut code = CodeSection::new();
    code.function(&body());
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&defined)
        .section(&memories)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// `loop { match next(result) { 0 => return, n => result = call n with its arguments } }`
fn body() -> Function {
    const RESULT: u32 = 0;
    let at = |index: u64| MemArg {
        offset: index.saturating_mul(8),
        align: 0,
        target: MemArgTarget::default(),
        ordering: None,
    };
    let mut body = Function::new([(1, ValType::I64)]);
    let mut sink = body.instructions();
    let count = u32::try_from(HostFunction::ALL.len()).unwrap_or(u32::MAX);
    sink.loop_(BlockType::Empty);
    // One block per function, the first function's innermost, and the outermost for the end.
    for _ in 0..=count {
        sink.block(BlockType::Empty);
    }
    sink.local_get(RESULT).call(0);
    // 0 leaves all blocks; n leaves n of them.
    let targets: Vec<u32> = core::iter::once(count).chain(0..count).collect();
    sink.br_table(targets, count).end();
    for (import, function) in (1u32..).zip(HostFunction::ALL) {
        let info = function.info();
        for (param, index) in info.params.iter().zip(0u64..) {
            sink.i32_const(0);
            match param.2 {
                WasmType::I32 => sink.i32_load(at(index)),
                WasmType::I64 => sink.i64_load(at(index)),
            };
        }
        sink.call(import);
        match info.result {
            Some(WasmType::I32) => sink.i64_extend_i32_s(),
            Some(WasmType::I64) => &mut sink,
            None => sink.i64_const(0),
        };
        sink.local_set(RESULT);
        // Back to the loop: past the blocks still open.
        sink.br(count.saturating_add(1).saturating_sub(import)).end();
    }
    sink.end().end();
    body
}
