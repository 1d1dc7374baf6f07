//! Target `module_validation`: what our validator takes, the engine takes too, and runs; what our validator calls no
//! module, the engine does not take (`module_trial.rs`).
//!
//! The first byte chooses where the module comes from: the bytes themselves, a fixture module with a few bytes changed,
//! or wasm-smith under our features; and the rules: the default ones, the widest, and those without bulk memory.

use arbitrary::{Result, Unstructured};
use vm_core::interface::{Flags, Function, Interface, Type};
use vm_core::{GasSchedule, Limits, Params};
use wasm_smith::Config;
use wasmparser::{Parser, Payload as Part, ValType};

use crate::campaign::Inputs;
use crate::module::{Wasm, with_interface};
use crate::module_trial::try_module;

/// Validates, deploys and calls the module that `data` describes; panics where an invariant breaks.
pub fn module_validation(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    let params = match mode >> 6 {
        0 | 1 => Params::default(),
        2 => widest(),
        _ => without_bulk_memory(),
    };
    let code = match mode % 3 {
        0 => rest.to_vec(),
        1 => mutated(rest),
        _ => match generated(rest) {
            Ok(code) => code,
            Err(_) => return,
        },
    };
    // The input's end steers the arguments, so that they change without the module where it needs less.
    let choices: Vec<u8> = data.iter().rev().take(64).copied().collect();
    try_module(&params, code, &choices);
}

fn with_limits(change: impl FnOnce(&mut Limits)) -> Params {
    let mut limits = Limits::default();
    change(&mut limits);
    Params::new("local", limits, Params::default().features(), GasSchedule::default()).unwrap()
}

/// The widest module limits that a chain may have: the engine's own must not decide even then.
#[must_use]
pub fn widest() -> Params {
    with_limits(|limits| {
        limits.functions = 65_536;
        limits.types = 4_096;
        limits.function_params = 64;
        limits.function_results = 16;
        limits.function_locals = 1_000;
        limits.module_locals = 100_000;
        limits.function_bytes = 262_144;
        limits.block_depth = 1_024;
        limits.operand_depth = 4_096;
        limits.br_table_targets = 65_536;
        limits.globals = 1_024;
        limits.table_elements = 65_536;
        limits.element_segments = 1_024;
        limits.data_segments = 1_024;
        limits.exports = 4_096;
        limits.memory_pages = 256;
    })
}

fn without_bulk_memory() -> Params {
    let mut features = Params::default().features();
    features.bulk_memory = false;
    Params::new("local", Limits::default(), features, GasSchedule::default()).unwrap()
}

/// The fixture contracts by name, as far as they are built.
pub(crate) fn fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wasm");
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, std::fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

/// A base module with edits: `at: u16, what: u8, byte: u8` each.
fn mutated(edits: &[u8]) -> Vec<u8> {
    use std::sync::OnceLock;
    static BASES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let bases = BASES.get_or_init(|| {
        let mut bases: Vec<Vec<u8>> = fixtures().into_iter().map(|(_, code)| code).collect();
        bases.push(every_construct());
        bases
    });
    let Some((&which, edits)) = edits.split_first() else { return vec![] };
    let mut code = bases[usize::from(which) % bases.len()].clone();
    for edit in edits.chunks_exact(4).take(16) {
        let (&[low, high, what, byte], len) = (edit.first_chunk::<4>().unwrap(), code.len());
        if len == 0 {
            break;
        }
        let at = usize::from(u16::from_le_bytes([low, high])) % len;
        match what % 5 {
            0 => code[at] = byte,
            1 => code[at] = code[at].wrapping_add(byte),
            2 => code.insert(at, byte),
            3 => drop(code.remove(at)),
            _ => {
                let end = (at + usize::from(byte)).min(len);
                let part = code[at..end].to_vec();
                code.splice(at..at, part);
            }
        }
    }
    code
}

/// A small module with every kind of section, where a changed byte matters most.
fn every_construct() -> Vec<u8> {
    use wasm_encoder::*;
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([], [ValType::I64]);
    let mut imports = ImportSection::new();
    imports.import("vm", "value", EntityType::Function(2));
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut tables = TableSection::new();
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 2, maximum: Some(2), shared: false });
    let mut memories = MemorySection::new();
    let (minimum, maximum) = (1, Some(2));
    memories.memory(MemoryType { minimum, maximum, memory64: false, shared: false, page_size_log2: None });
    let mut globals = GlobalSection::new();
    let val_type = wasm_encoder::ValType::I64;
    globals.global(GlobalType { val_type, mutable: true, shared: false }, &ConstExpr::i64_const(7));
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("run", ExportKind::Func, 1);
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&[2, 2][..]).into()));
    let mut code = CodeSection::new();
    let at = |offset| MemArg { offset, align: 2, target: MemArgTarget::default(), ordering: None };
    let mut run = wasm_encoder::Function::new([(2, wasm_encoder::ValType::I32)]);
    let mut sink = run.instructions();
    sink.i32_const(5).local_set(0).block(BlockType::Empty).loop_(BlockType::Empty);
    sink.local_get(0).i32_eqz().br_if(1).local_get(0).i32_const(-1).i32_add().local_set(0).br(0).end().end();
    sink.i32_const(4).i32_const(9).i32_store(at(4)).i32_const(4).i32_load(at(4)).local_set(1);
    sink.local_get(1).i32_const(1).call_indirect(0, 1).drop();
    sink.block(BlockType::Empty).block(BlockType::Empty).local_get(1).br_table([0, 1], 0).end().end();
    sink.i32_const(8).i32_const(0).i32_const(3).memory_init(0, 0).data_drop(0);
    sink.i32_const(16).i32_const(8).i32_const(3).memory_copy(0, 0);
    sink.i32_const(16).i32_const(8).i32_const(3).memory_fill(0);
    sink.i32_const(1).memory_grow(0).drop().memory_size(0).drop();
    sink.call(0).global_get(0).i64_add().global_set(0).i64_const(200).i64_extend8_s().drop().end();
    code.function(&run);
    let mut twice = wasm_encoder::Function::new([]);
    let mut sink = twice.instructions();
    sink.local_get(0).if_(BlockType::Result(wasm_encoder::ValType::I32)).i32_const(2).local_get(0).i32_mul();
    sink.else_().i32_const(1).end().local_get(0).i32_const(3).local_get(0).select().i32_add().end();
    code.function(&twice);
    let mut data = DataSection::new();
    data.passive(*b"bytes").active(0, &ConstExpr::i32_const(32), *b"more");
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements).section(&DataCountSection { count: 2 });
    module.section(&code).section(&data);
    with_interface(module.finish(), &interface())
}

fn interface() -> Interface {
    let (name, flags, returns) = ("run".into(), Flags::default(), Type::unit());
    let run = Function { name, flags, params: vec![], returns, docs: String::new() };
    Interface { name: "generated".into(), functions: vec![run], ..Interface::default() }
}

/// wasm-smith under our features.
pub(crate) fn config(u: &mut Unstructured<'_>) -> Result<Config> {
    Ok(Config {
        allow_floats: false,
        allow_start_export: false,
        available_imports: None,
        bulk_memory_enabled: u.ratio(3, 4)?,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        export_everything: false,
        extended_const_enabled: false,
        gc_enabled: false,
        generate_custom_sections: false,
        max_exports: 0,
        max_imports: 0,
        max_memories: 1,
        min_memories: 1,
        max_memory32_bytes: 4 << 16,
        max_table_elements: 64,
        max_tables: 1,
        max_tags: 0,
        memory64_enabled: false,
        memory_max_size_required: true,
        multi_value_enabled: true,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: false,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        table_max_size_required: false,
        max_instructions: 400,
        max_funcs: 20,
        max_types: 20,
        max_globals: 20,
        max_data_segments: 20,
        max_element_segments: 20,
        ..Config::default()
    })
}

/// A module of wasm-smith's with what ours need: the memory exported, a function `run` that calls the last of its own,
/// and an interface.
fn generated(data: &[u8]) -> Result<Vec<u8>> {
    let mut u = Unstructured::new(data);
    let config = config(&mut u)?;
    let module = wasm_smith::Module::new(config, &mut u)?.to_bytes();
    Ok(with_interface(with_run(&module), &interface()))
}

/// Appends `run` and the exports. Sections are copied; the counts of types, functions and bodies go up by one.
fn with_run(module: &[u8]) -> Vec<u8> {
    let (mut types, mut indices) = (vec![], vec![]);
    for part in Parser::new(0).parse_all(module) {
        match part.unwrap() {
            Part::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().map(|ty| ty.unwrap()).collect();
            }
            Part::FunctionSection(section) => indices = section.into_iter().map(|at| at.unwrap()).collect(),
            _ => (),
        }
    }
    let number = |number: usize| u32::try_from(number).unwrap();
    let mut body = wasm_encoder::Function::new([]);
    let mut sink = body.instructions();
    if let Some(ty) = indices.last().map(|at| &types[usize::try_from(*at).unwrap()]) {
        for param in ty.params() {
            match param {
                ValType::I32 => sink.i32_const(3),
                _ => sink.i64_const(-5),
            };
        }
        sink.call(number(indices.len() - 1));
        for _ in ty.results() {
            sink.drop();
        }
    }
    sink.end();
    let mut out = module[..8].to_vec();
    let (mut code, mut exported, mut typed, mut declared) = (vec![], false, false, false);
    wasm_encoder::Encode::encode(&body, &mut code);
    let mut exports = vec![];
    for (name, kind, index) in [("memory", 2u8, 0), ("run", 0, number(indices.len()))] {
        wasm_encoder::Encode::encode(name, &mut exports);
        exports.push(kind);
        wasm_encoder::Encode::encode(&index, &mut exports);
    }
    let mut type_index = vec![];
    wasm_encoder::Encode::encode(&number(types.len()), &mut type_index);
    // The order of sections: type 1, import 2, function 3, table 4, memory 5, global 6, export 7, start 8, element 9,
    // data count 12, code 10, data 11.
    let rank =
        |id: u8| [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10].get(usize::from(id)).copied().unwrap_or(13);
    let mut coded = false;
    let mut sections = sections(module);
    sections.push((13, vec![]));
    for (id, body) in sections {
        for (new, done, item) in [
            (1u8, &mut typed, &[0x60, 0, 0][..]),
            (3, &mut declared, &type_index),
            (7, &mut exported, &[]),
            (10, &mut coded, &code),
        ] {
            if !*done && rank(id) > rank(new) {
                *done = true;
                match new {
                    7 => section(&mut out, 7, 2, &exports),
                    _ => section(&mut out, new, 1, item),
                }
            }
        }
        let item = match id {
            1 => &[0x60, 0, 0][..],
            3 => &type_index,
            7 => &exports,
            10 => &code,
            13 => continue,
            _ => {
                out.push(id);
                wasm_encoder::Encode::encode(&body[..], &mut out);
                continue;
            }
        };
        match id {
            1 => typed = true,
            3 => declared = true,
            7 => exported = true,
            _ => coded = true,
        }
        let mut reader = wasmparser::BinaryReader::new(&body, 0);
        let count = reader.read_var_u32().unwrap();
        let rest = [&body[reader.original_position()..], item].concat();
        section(&mut out, id, count + if id == 7 { 2 } else { 1 }, &rest);
    }
    out
}

fn section(out: &mut Vec<u8>, id: u8, count: u32, items: &[u8]) {
    let mut body = vec![];
    wasm_encoder::Encode::encode(&count, &mut body);
    body.extend_from_slice(items);
    out.push(id);
    wasm_encoder::Encode::encode(&body[..], out);
}

fn sections(module: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader = wasmparser::BinaryReader::new(&module[8..], 0);
    let mut sections = vec![];
    while !reader.eof() {
        let id = reader.read_u8().unwrap();
        let len = usize::try_from(reader.read_var_u32().unwrap()).unwrap();
        sections.push((id, reader.read_bytes(len).unwrap().to_vec()));
    }
    sections
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(3);
    let mut seeds = vec![("construct".into(), [&[0][..], &every_construct()].concat())];
    // Findings: immediates in a longer form than the engine reads (README.md).
    for (name, body) in [
        ("long-memory-index-of-grow", &[0x41, 1, 0x40, 0x80, 0, 0x1a, 0x0b][..]),
        ("long-memory-index-of-size", &[0x3f, 0x80, 0, 0x1a, 0x0b]),
        ("long-offset", &[0x41, 0, 0x28, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x1a, 0x0b]),
        ("memory-index-in-alignment", &[0x41, 0, 0x28, 0x42, 0, 0, 0x1a, 0x0b]),
    ] {
        let mut function = wasm_encoder::Function::new([]);
        function.raw(body.iter().copied());
        let mut wasm = Wasm::default();
        wasm.export("run", function);
        let code = with_interface(wasm.build((1, 2)), &interface());
        seeds.push((format!("finding-{name}"), [&[0][..], &code].concat()));
    }
    for rules in [0u8, 2, 3] {
        for index in 0..4 {
            let mode = |kind: u8| (0..64).map(|low| rules << 6 | low).find(|mode| mode % 3 == kind).unwrap();
            seeds.push((format!("smith-{rules}-{index}"), [&[mode(2)][..], &inputs.bytes(1_500)].concat()));
            seeds.push((format!("mutated-{rules}-{index}"), [&[mode(1)][..], &inputs.bytes(20)].concat()));
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use vm_host::validate_module;

    use super::*;
    use crate::module_trial::Trial;

    /// The generator is worth its name only if most of what it makes gets past our validator.
    #[test]
    fn most_generated_modules_are_valid() {
        let mut inputs = Inputs::new(9);
        let (mut made, mut valid) = (0, 0);
        let mut reasons = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..200 {
            let Ok(code) = generated(&inputs.bytes(2_000)) else { continue };
            made += 1;
            match validate_module(&code, &widest()) {
                Ok(_) => valid += 1,
                Err(error) => *reasons.entry(error.to_string()).or_default() += 1,
            }
        }
        assert!(valid * 2 > made, "{valid} of {made} are valid: {reasons:?}");
    }

    #[test]
    fn bases_are_valid() {
        validate_module(&every_construct(), &Params::default()).unwrap();
        for (name, code) in fixtures() {
            assert!(validate_module(&code, &Params::default()).is_ok(), "{name}");
        }
    }

    /// A valid module that nothing of runs tells little.
    #[test]
    fn many_generated_modules_run_a_call_to_success_and_some_do_not() {
        let mut inputs = Inputs::new(17);
        let (mut valid, mut ran) = (0, 0);
        for _ in 0..120 {
            let Ok(code) = generated(&inputs.bytes(2_000)) else { continue };
            let trial = try_module(&widest(), code, &[]);
            valid += u32::from(trial.valid);
            ran += u32::from(trial.successes > 0);
        }
        assert!(valid > 60 && ran * 4 > valid && ran < valid, "{ran} of {valid} valid modules");
    }

    #[test]
    fn every_base_is_deployed_most_run_and_so_do_many_that_are_edited() {
        let of = |edits: &[u8]| try_module(&Params::default(), mutated(edits), &[]);
        let bases = u8::try_from(fixtures().len() + 1).unwrap();
        let whole: Vec<Trial> = (0..bases).map(|which| of(&[which])).collect();
        assert!(whole.iter().all(|trial| trial.deployed), "{whole:?}");
        // Some have functions for objects, callees or senders alone that a chain of one contract has not.
        let ran = whole.iter().filter(|trial| trial.successes > 0).count();
        assert!(ran * 4 >= whole.len() * 3, "{whole:?}");
        let (mut inputs, mut trials) = (Inputs::new(18), vec![]);
        for index in 0..150u8 {
            let [low, high, what, byte, ..] = inputs.number().to_le_bytes();
            trials.push(of(&[index % bases, low, high, what, byte]));
        }
        let count = |fits: fn(&Trial) -> bool| trials.iter().filter(|trial| fits(trial)).count();
        let (valid, ran) = (count(|trial| trial.valid), count(|trial| trial.successes > 0));
        assert!(valid > 10 && ran * 2 > valid && valid < trials.len(), "{ran} of {valid} valid ones");
    }
}
