//! The one configuration of wasmi that consensus allows (DESIGN section 3).
//!
//! Every limit that could bite inside wasmi is set so wide that ours bites first: wasmi's own limits must never
//! decide a result.

use vm_core::{Limits, Params};
use wasmi::{CompilationMode, Config, Engine};

/// Bytes of wasmi's value stack per slot.
const SLOT_BYTES: usize = 8;

/// The most slots that one wasm frame can take: parameters, locals and operands, with room for wasmi's own.
fn frame_slots(limits: &Limits) -> usize {
    let slots =
        [limits.function_params, limits.function_locals, limits.operand_depth, limits.function_results, 64];
    slots
        .into_iter()
        .fold(0usize, |sum, part| sum.saturating_add(usize::try_from(part).unwrap_or(usize::MAX)))
}

/// A new engine. Each module has its own: an engine never frees code, so a shared one could only grow.
pub(crate) fn engine(params: &Params) -> Engine {
    engine_of_depth(params, params.limits().wasm_depth)
}

/// A new engine whose wasm functions nest to `wasm_depth`.
pub(crate) fn engine_of_depth(params: &Params, wasm_depth: u32) -> Engine {
    let limits = params.limits();
    let depth = usize::try_from(wasm_depth).unwrap_or(usize::MAX);
    let stack_bytes = depth.saturating_mul(frame_slots(limits)).saturating_mul(SLOT_BYTES);
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .compilation_mode(CompilationMode::Eager)
        .allow_start_fn(false)
        .ignore_custom_sections(true)
        .set_max_recursion_depth(depth)
        .set_max_stack_height(stack_bytes)
        // A stack that a deep call has grown would stay with the module for as long as it is cached.
        .set_max_cached_stacks(0)
        .wasm_mutable_global(true)
        .wasm_sign_extension(true)
        .wasm_multi_value(true)
        .wasm_bulk_memory(params.features().bulk_memory)
        .wasm_saturating_float_to_int(false)
        .wasm_reference_types(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .floats(false);
    Engine::new(&config)
}
