//! What `host_boundary` runs: contracts made of lists of host calls, and transactions on them.
//!
//! The grammar is the ABI table: a call is an index into [`HostFunction::ALL`], its arguments are made by the kinds of
//! its parameters (`Ptr`, `Len`, `Handle`, ...), so a new row of the table is fuzzed from the day it stands there.

use arbitrary::{Arbitrary, Result, Unstructured};
use vm_core::abi::HostFunction;
use vm_core::interface::{Flags, Function, Interface, Type};
use wasm_encoder::{BlockType, ValType};

use crate::module::{Wasm, with_interface};

/// Where the 32-byte slots stand: known addresses and hashes first, then room for outputs.
pub(crate) const SLOTS: u32 = 0;
/// How many slots there are.
pub(crate) const SLOT_COUNT: u32 = 64;
/// How many of them the input fills: three contracts, alice, bob and a code hash.
pub(crate) const INPUT_SLOTS: u32 = 6;
/// Where names stand.
const NAMES: u32 = 2_048;
/// Where results are kept, 8 bytes each.
const RESULTS: u32 = 4_096;
/// Free room.
const SCRATCH: u32 = 8_192;

/// Names that calls use: functions, fields, events.
const WORDS: [&str; 8] = ["plain", "view", "pay", "again", "colour", "size", "", "\u{fffd}\u{1f980}"];

/// An argument of a host call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number, cut to the parameter's width.
    Number(u64),
    /// The result of an earlier call of the same function, by its index, modulo how many there are.
    Result(u8),
}

/// A host call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What is called.
    pub function: HostFunction,
    /// One for each parameter.
    pub arguments: Vec<Argument>,
    /// Call it that often, at most 255 times.
    pub times: u8,
}

/// The calls of one function, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionPlan {
    /// The calls.
    pub calls: Vec<Call>,
    /// Trap at the end.
    pub traps: bool,
}

/// A contract with one function for each of the flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractPlan {
    /// `plain`, `view`, `pay` and `again` (reentrant and payable).
    pub functions: [FunctionPlan; 4],
    /// Whether a fifth, `start`, initialises it: the calls of `plain` once more.
    pub initialiser: bool,
}

/// Who sends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
pub enum Sender {
    /// Alice.
    Alice,
    /// Bob.
    Bob,
}

/// A call from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionPlan {
    /// Who sends it.
    pub sender: Sender,
    /// Which of the three contracts, modulo 3.
    pub contract: u8,
    /// Which function, modulo 4.
    pub function: u8,
    /// The value sent.
    pub value: u64,
    /// The gas limit.
    pub gas_limit: u64,
}

/// Two contracts, a third with the first one's code, and transactions on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The contracts' code.
    pub contracts: [ContractPlan; 2],
    /// In one block.
    pub transactions: Vec<TransactionPlan>,
}

fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=5u8)? {
        0 => u64::from(u.arbitrary::<u8>()?),
        1 => u64::from(u.arbitrary::<u16>()?),
        2 => u64::from(u.arbitrary::<u32>()?),
        3 => u.arbitrary()?,
        4 => u64::MAX - u64::from(u.arbitrary::<u8>()?),
        _ => u64::from(u32::MAX) - u64::from(u.arbitrary::<u8>()?),
    })
}

fn pointer(u: &mut Unstructured<'_>) -> Result<Argument> {
    Ok(match u.int_in_range(0..=15u8)? {
        0..=5 => Argument::Number(u64::from(SLOTS + 32 * u.int_in_range(0..=INPUT_SLOTS - 1)?)),
        6..=9 => Argument::Number(u64::from(SLOTS + 32 * u.int_in_range(0..=SLOT_COUNT - 1)?)),
        10 => Argument::Number(u64::from(SCRATCH + u32::from(u.arbitrary::<u8>()?))),
        // The last bytes of a page.
        11 => Argument::Number(65_536 - u64::from(u.arbitrary::<u8>()?)),
        12..=13 => Argument::Number(u64::from(name(u.int_in_range(0..=WORDS.len() - 1)?).0)),
        14 => Argument::Result(u.arbitrary()?),
        _ => Argument::Number(number(u)?),
    })
}

/// An argument for a parameter of this kind.
fn argument(u: &mut Unstructured<'_>, kind: &str) -> Result<Argument> {
    match kind {
        "Ptr" | "PtrMut" => pointer(u),
        "Len" => Ok(match u.int_in_range(0..=7u8)? {
            0..=2 => Argument::Number(u64::from(u.int_in_range(0..=8u8)?)),
            3 => Argument::Number(32),
            4 => Argument::Number(u64::from(32 * INPUT_SLOTS)),
            5 => Argument::Number(u64::from(u.arbitrary::<u16>()?)),
            6 => Argument::Result(u.arbitrary()?),
            _ => Argument::Number(number(u)?),
        }),
        "Handle" => Ok(match u.int_in_range(0..=7u8)? {
            0..=3 => Argument::Number(u64::from(u.int_in_range(0..=3u8)?)),
            4..=6 => Argument::Result(u.arbitrary()?),
            _ => Argument::Number(number(u)?),
        }),
        // Amounts, gas, and whatever kinds there will be.
        _ => Ok(match u.int_in_range(0..=7u8)? {
            0..=3 => Argument::Number(0),
            4 => Argument::Number(u64::from(u.arbitrary::<u8>()?)),
            5 => Argument::Number(u64::from(u.arbitrary::<u16>()?) * 16),
            6 => Argument::Result(u.arbitrary()?),
            _ => Argument::Number(number(u)?),
        }),
    }
}

/// Where word `index` stands, and its length.
fn name(index: usize) -> (u32, u32) {
    let before: usize = WORDS[..index].iter().map(|word| word.len()).sum();
    (NAMES + u32::try_from(before).unwrap(), u32::try_from(WORDS[index].len()).unwrap())
}

impl Call {
    /// A call whose arguments make sense together, so that nesting, deploying and fields are reached often.
    fn sensible(u: &mut Unstructured<'_>) -> Result<Self> {
        let slot = |index: u32| Argument::Number(u64::from(SLOTS + 32 * index));
        let plain = |number: u32| Argument::Number(u64::from(number));
        let amount = Argument::Number(u64::from(u.int_in_range(0..=3u8)? / 3));
        let gas = Argument::Number(if u.ratio(3, 4)? { 0 } else { u64::from(u.arbitrary::<u16>()?) });
        let handle = Argument::Number(u64::from(u.int_in_range(0..=2u8)?));
        let (field, field_len) = name(u.int_in_range(4..=5)?);
        let input = [plain(SLOTS), plain(32 * INPUT_SLOTS)];
        let (function, arguments) = match u.int_in_range(0..=9u8)? {
            0..=2 => {
                let (function, function_len) = name(u.int_in_range(0..=3)?);
                let contract = slot(u.int_in_range(0..=2)?);
                let mut arguments = vec![contract, plain(function), plain(function_len)];
                arguments.extend(input);
                arguments.extend([amount, gas]);
                (HostFunction::call, arguments)
            }
            3 => {
                let out = slot(u.int_in_range(0..=SLOT_COUNT - 1)?);
                let salt = slot(u.int_in_range(0..=7)?);
                let mut arguments = vec![slot(5), salt];
                arguments.extend(if u.arbitrary()? { input } else { [plain(0), plain(0)] });
                arguments.extend([amount, gas, out]);
                (HostFunction::deploy, arguments)
            }
            4 => (HostFunction::object_create, vec![plain(u.int_in_range(0..=1)?)]),
            5 => {
                let value_len = plain(u.int_in_range(0..=64)?);
                let arguments = vec![handle, plain(field), plain(field_len), plain(SLOTS), value_len];
                (HostFunction::field_set, arguments)
            }
            6 => (HostFunction::object_id, vec![handle, slot(u.int_in_range(6..=9)?)]),
            7 => (HostFunction::object_delete, vec![slot(u.int_in_range(6..=9)?)]),
            8 => (HostFunction::object_set_owner, vec![handle, slot(u.int_in_range(0..=4)?)]),
            _ => (HostFunction::object_get_by_owner, vec![slot(u.int_in_range(0..=4)?)]),
        };
        Ok(Self { function, arguments, times: 1 })
    }
}

impl<'a> Arbitrary<'a> for Call {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        if u.ratio(1, 3)? {
            return Self::sensible(u);
        }
        let function = *u.choose(HostFunction::ALL)?;
        let params = function.info().params;
        let arguments = params.iter().map(|param| argument(u, param.1)).collect::<Result<_>>()?;
        let times = if u.ratio(1, 8)? { u.arbitrary()? } else { 1 };
        Ok(Self { function, arguments, times })
    }
}

impl<'a> Arbitrary<'a> for FunctionPlan {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = u.int_in_range(0..=12u8)?;
        let calls = (0..count).map(|_| u.arbitrary()).collect::<Result<_>>()?;
        Ok(Self { calls, traps: u.ratio(1, 16)? })
    }
}

impl<'a> Arbitrary<'a> for ContractPlan {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let functions = [u.arbitrary()?, u.arbitrary()?, u.arbitrary()?, u.arbitrary()?];
        Ok(Self { functions, initialiser: u.ratio(1, 4)? })
    }
}

impl<'a> Arbitrary<'a> for TransactionPlan {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (sender, contract, function) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
        let value = if u.ratio(3, 4)? { 0 } else { u64::from(u.arbitrary::<u16>()?) };
        let gas_limit = match u.int_in_range(0..=3u8)? {
            0 => u64::from(u.int_in_range(3_000..=u32::from(u16::MAX))?),
            1 => u64::from(u.int_in_range(3_000..=2_000_000u32)?),
            _ => 5_000_000,
        };
        Ok(Self { sender, contract, function, value, gas_limit })
    }
}

impl<'a> Arbitrary<'a> for Plan {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = u.int_in_range(1..=4u8)?;
        // Transactions first: they take few bytes, and inputs are short.
        let transactions = (0..count).map(|_| u.arbitrary()).collect::<Result<_>>()?;
        Ok(Self { contracts: [u.arbitrary()?, u.arbitrary()?], transactions })
    }
}

/// The functions of a contract and their flags.
pub(crate) const FUNCTIONS: [(&str, Flags); 4] = [
    ("plain", Flags(0)),
    ("view", Flags::VIEW),
    ("pay", Flags::PAYABLE),
    ("again", Flags(Flags::REENTRANT.0 | Flags::PAYABLE.0)),
];

impl ContractPlan {
    /// The contract's module. `tag` tells modules of equal plans apart.
    #[must_use]
    pub fn build(&self, tag: u8) -> Vec<u8> {
        let mut wasm = Wasm::default();
        for function in HostFunction::ALL {
            wasm.import(*function);
        }
        let mut words: Vec<u8> = WORDS.concat().into_bytes();
        words.push(tag);
        wasm.data(NAMES, words);
        let mut functions: Vec<(&str, Flags, &FunctionPlan)> = FUNCTIONS
            .iter()
            .zip(&self.functions)
            .map(|((name, flags), plan)| (*name, *flags, plan))
            .collect();
        if self.initialiser {
            functions.push(("start", Flags::INIT.with(Flags::PAYABLE), &self.functions[0]));
        }
        let mut offered = vec![];
        for (name, flags, plan) in functions {
            let body = plan.body(&wasm);
            wasm.export(name, body);
            let params = (0..INPUT_SLOTS)
                .map(|index| vm_core::interface::Field { name: format!("a{index}"), ty: Type::Hash })
                .collect();
            let (name, returns, docs) = (name.to_string(), Type::unit(), String::new());
            offered.push(Function { name, flags, params, returns, docs });
        }
        let interface = Interface { name: "fuzzed".into(), functions: offered, ..Interface::default() };
        with_interface(wasm.build((1, 3)), &interface)
    }
}

impl FunctionPlan {
    fn body(&self, wasm: &Wasm) -> wasm_encoder::Function {
        use vm_core::abi::WasmType;
        let mut body = wasm_encoder::Function::new([(1, ValType::I32)]);
        let mut sink = body.instructions();
        let input = i32::try_from(32 * INPUT_SLOTS).unwrap();
        sink.i32_const(0).i32_const(input).call(wasm.index(HostFunction::input)).drop();
        for (index, call) in self.calls.iter().enumerate() {
            let info = call.function.info();
            let result_at = |index: usize| u64::from(RESULTS) + 8 * u64::try_from(index).unwrap();
            let loops = call.times != 1;
            if loops {
                sink.i32_const(i32::from(call.times)).local_set(0);
                sink.block(BlockType::Empty).loop_(BlockType::Empty);
                sink.local_get(0).i32_eqz().br_if(1);
                sink.local_get(0).i32_const(1).i32_sub().local_set(0);
            }
            sink.i32_const(0);
            for (argument, param) in call.arguments.iter().zip(info.params) {
                let earlier = |at: u8| usize::from(at).checked_rem(index);
                match (*argument, param.2) {
                    (Argument::Number(number), WasmType::I32) => sink.i32_const(number as u32 as i32),
                    (Argument::Number(number), WasmType::I64) => sink.i64_const(number as i64),
                    (Argument::Result(at), ty) => match (earlier(at), ty) {
                        (Some(at), WasmType::I32) => sink.i32_const(0).i32_load(memory(result_at(at))),
                        (Some(at), WasmType::I64) => sink.i32_const(0).i64_load(memory(result_at(at))),
                        (None, WasmType::I32) => sink.i32_const(0),
                        (None, WasmType::I64) => sink.i64_const(0),
                    },
                };
            }
            sink.call(wasm.index(call.function));
            match info.result {
                Some(WasmType::I32) => sink.i64_extend_i32_s().i64_store(memory(result_at(index))),
                Some(WasmType::I64) => sink.i64_store(memory(result_at(index))),
                None => sink.drop(),
            };
            if loops {
                sink.br(0).end().end();
            }
        }
        if self.traps {
            sink.unreachable();
        }
        sink.end();
        body
    }
}

fn memory(offset: u64) -> wasm_encoder::MemArg {
    let target = wasm_encoder::MemArgTarget::default();
    wasm_encoder::MemArg { offset, align: 0, target, ordering: None }
}
