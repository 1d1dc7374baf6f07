//! Contracts made of a list of host calls, for tests that need calls which no SDK would make.

use vm_core::abi::{HostFunction, WasmType};
use vm_core::interface::{Flags, Interface, Type};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, MemArg, MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

use super::{function, with_interface};

/// An argument of a host call.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// A number, cut to the parameter's width.
    Num(u64),
    /// The result of an earlier call of the script, by its index.
    Out(usize),
}

impl From<u64> for Arg {
    fn from(number: u64) -> Self {
        Self::Num(number)
    }
}

/// Where results are kept, 8 bytes each.
pub const RESULTS: u64 = 32_768;
/// Where the input is copied before the first call, at most 1,024 bytes.
pub const INPUT: u64 = 16_384;
/// Free room for outputs.
pub const SCRATCH: u64 = 24_576;

/// A list of host calls, made in order by the one function `run`, which returns all results as i64.
#[derive(Clone, Debug, Default)]
pub struct Script {
    ops: Vec<(HostFunction, Vec<Arg>)>,
    data: Vec<u8>,
    flags: Flags,
    params: Vec<(&'static str, Type)>,
    /// Trap at the end instead of returning.
    trap: bool,
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    pub fn param(mut self, name: &'static str, ty: Type) -> Self {
        self.params.push((name, ty));
        self
    }

    pub fn trap(mut self) -> Self {
        self.trap = true;
        self
    }

    /// Puts `bytes` into the module's data; returns where they stand.
    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let at = self.data.len();
        self.data.extend_from_slice(bytes);
        u64::try_from(at).unwrap()
    }

    /// Adds a call; returns its index.
    pub fn op(&mut self, function: HostFunction, args: &[Arg]) -> usize {
        assert_eq!(args.len(), function.info().params.len(), "{}", function.name());
        self.ops.push((function, args.to_vec()));
        self.ops.len() - 1
    }

    /// Adds a call with plain numbers.
    pub fn call(&mut self, function: HostFunction, args: &[u64]) -> usize {
        let args: Vec<Arg> = args.iter().map(|&number| Arg::Num(number)).collect();
        self.op(function, &args)
    }

    /// Sets a field of the object whose handle call `object` gave.
    pub fn set(&mut self, object: usize, name: &str, value: &[u8]) -> usize {
        let (at, value_at) = (self.bytes(name.as_bytes()), self.bytes(value));
        let (len, value_len) = (name.len() as u64, value.len() as u64);
        self.op(
            HostFunction::field_set,
            &[Arg::Out(object), at.into(), len.into(), value_at.into(), value_len.into()],
        )
    }

    /// Reads a field of the object whose handle call `object` gave, into the scratch room.
    pub fn get(&mut self, object: usize, name: &str) -> usize {
        let at = self.bytes(name.as_bytes());
        let len = name.len() as u64;
        self.op(
            HostFunction::field_get,
            &[Arg::Out(object), at.into(), len.into(), SCRATCH.into(), 1_000.into()],
        )
    }

    pub fn build(&self) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        let needed = [HostFunction::input, HostFunction::ret];
        let mut functions = needed.to_vec();
        for (function, _) in &self.ops {
            if !functions.contains(function) {
                functions.push(*function);
            }
        }
        for (index, function) in (1u32..).zip(&functions) {
            let info = function.info();
            let value = |ty: WasmType| if ty == WasmType::I32 { ValType::I32 } else { ValType::I64 };
            types.ty().function(info.params.iter().map(|p| value(p.2)), info.result.map(value));
            imports.import("vm", info.name, EntityType::Function(index));
        }
        let imported = u32::try_from(functions.len()).unwrap();
        let mut defined = FunctionSection::new();
        defined.function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: Some(4),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        exports.export("run", ExportKind::Func, imported);
        let mut code = CodeSection::new();
        code.function(&self.body(&functions));
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(0), self.data.iter().copied());
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&defined).section(&memories).section(&exports);
        module.section(&code).section(&data);
        let interface = Interface {
            name: "script".into(),
            functions: vec![function("run", self.flags, &self.params)],
            ..Interface::default()
        };
        with_interface(module.finish(), &interface)
    }

    fn body(&self, imports: &[HostFunction]) -> Function {
        let at = |offset: u64| MemArg { offset, align: 0, target: MemArgTarget::default(), ordering: None };
        let mut body = Function::new([]);
        let mut sink = body.instructions();
        sink.i32_const(INPUT as i32).i32_const(1_024).call(0).drop();
        for (index, (function, args)) in self.ops.iter().enumerate() {
            let info = function.info();
            let result_at = RESULTS + 8 * index as u64;
            sink.i32_const(0);
            for (arg, param) in args.iter().zip(info.params) {
                match (*arg, param.2) {
                    (Arg::Num(number), WasmType::I32) => sink.i32_const(number as u32 as i32),
                    (Arg::Num(number), WasmType::I64) => sink.i64_const(number as i64),
                    (Arg::Out(op), WasmType::I32) => sink.i32_const(0).i32_load(at(RESULTS + 8 * op as u64)),
                    (Arg::Out(op), WasmType::I64) => sink.i32_const(0).i64_load(at(RESULTS + 8 * op as u64)),
                };
            }
            sink.call(imports.iter().position(|import| import == function).unwrap() as u32);
            match info.result {
                Some(WasmType::I32) => sink.i64_extend_i32_s().i64_store(at(result_at)),
                Some(WasmType::I64) => sink.i64_store(at(result_at)),
                None => sink.drop(),
            };
        }
        sink.i32_const(RESULTS as i32).i32_const(8 * self.ops.len() as i32).call(1);
        if self.trap {
            sink.unreachable();
        }
        sink.end();
        body
    }
}

/// The results of a script, as `run` returned them.
pub fn results(output: &[u8]) -> Vec<i64> {
    output.chunks(8).map(|chunk| i64::from_le_bytes(chunk.try_into().unwrap())).collect()
}
