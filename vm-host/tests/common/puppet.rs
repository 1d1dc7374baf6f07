//! A contract that does what its argument says: one module for every call tree, since the tree travels in the calls.
//!
//! Its functions differ in their flags alone: `run` is payable and reentrant, `once` is payable, `look` is a reentrant
//! view. Each takes a [`Plan`]: data, and a list of host calls whose results land in slots.

use std::fmt::Write as _;

use parity_scale_codec::Encode;
use vm_core::abi::{HostFunction, WasmType};
use vm_core::interface::{Flags, Type};

use super::{function, module};

/// Where results are kept, 8 bytes each; the argument stands before.
pub const RESULTS: u64 = 32_768;
/// Free room for outputs.
pub const SCRATCH: u64 = 49_152;

/// What a plan does beside host calls, which are numbered as in [`HostFunction::ALL`].
const STOP: u8 = 255;
const TRAP: u8 = 254;
const SPIN: u8 = 253;
const SKIP_IF_NEGATIVE: u8 = 252;
const SKIP_UNLESS_NEGATIVE: u8 = 251;

/// An argument of a host call.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// A number, cut to the parameter's width.
    Num(u64),
    /// What a slot holds.
    Out(usize),
    /// Where bytes of the plan's data stand, by their place in the plan.
    Data(u64),
}

impl From<u64> for Arg {
    fn from(number: u64) -> Self {
        Self::Num(number)
    }
}

/// A jump whose end is not known yet.
#[derive(Debug)]
#[must_use]
pub struct Skip(usize);

/// Host calls in order, with their data.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    data: Vec<u8>,
    ops: Vec<u8>,
    slots: usize,
}

impl Plan {
    /// Adds data.
    pub fn bytes(&mut self, bytes: &[u8]) -> Arg {
        // The ops' place comes first, in two bytes.
        let at = 2 + self.data.len();
        self.data.extend_from_slice(bytes);
        Arg::Data(at.try_into().unwrap())
    }

    /// Adds a host call; returns its slot.
    pub fn op(&mut self, function: HostFunction, args: &[Arg]) -> usize {
        assert_eq!(args.len(), function.info().params.len(), "{}", function.name());
        let slot = self.slots;
        self.slots += 1;
        let index = HostFunction::ALL.iter().position(|other| *other == function).unwrap();
        self.ops.push(index.try_into().unwrap());
        self.word(slot);
        for arg in args {
            let (kind, number) = match *arg {
                Arg::Num(number) => (0, number),
                Arg::Out(slot) => (1, slot.try_into().unwrap()),
                Arg::Data(at) => (2, at),
            };
            self.ops.push(kind);
            self.ops.extend(number.to_le_bytes());
        }
        slot
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Skips what follows, up to where the skip lands, if the slot is negative.
    pub fn skip_if_negative(&mut self, slot: usize) -> Skip {
        self.skip(SKIP_IF_NEGATIVE, slot)
    }

    /// Skips what follows, up to where the skip lands, unless the slot is negative.
    pub fn skip_unless_negative(&mut self, slot: usize) -> Skip {
        self.skip(SKIP_UNLESS_NEGATIVE, slot)
    }

    fn skip(&mut self, op: u8, slot: usize) -> Skip {
        self.ops.push(op);
        self.word(slot);
        self.word(0);
        Skip(self.ops.len())
    }

    pub fn land(&mut self, Skip(from): Skip) {
        let len = u16::try_from(self.ops.len() - from).unwrap();
        self.ops[from - 2..from].copy_from_slice(&len.to_le_bytes());
    }

    /// Ends with all slots, by `ret` or by `revert`.
    pub fn end_with_slots(&mut self, function: HostFunction) {
        let len = 8 * u64::try_from(self.slots).unwrap();
        self.op(function, &[RESULTS.into(), len.into()]);
    }

    pub fn trap(&mut self) {
        self.ops.push(TRAP);
    }

    /// Loops until the fuel is gone.
    pub fn spin(&mut self) {
        self.ops.push(SPIN);
    }

    /// The encoded argument.
    pub fn encode(mut self) -> Vec<u8> {
        self.ops.push(STOP);
        let ops_at = u16::try_from(2 + self.data.len()).unwrap();
        let plan = [ops_at.to_le_bytes().as_slice(), &self.data, &self.ops].concat().encode();
        assert!(plan.len() <= usize::try_from(RESULTS).unwrap(), "a plan of {} bytes", plan.len());
        plan
    }

    fn word(&mut self, number: usize) {
        self.ops.extend(u16::try_from(number).unwrap().to_le_bytes());
    }
}

/// The contract.
pub fn puppet() -> Vec<u8> {
    let (mut imports, mut arms) = (String::new(), String::new());
    for (index, host) in HostFunction::ALL.iter().enumerate() {
        let info = host.info();
        let ty = |ty: WasmType| if ty == WasmType::I32 { "i32" } else { "i64" };
        let params: Vec<&str> = info.params.iter().map(|param| ty(param.2)).collect();
        let result = info.result.map(|result| format!("(result {})", ty(result))).unwrap_or_default();
        writeln!(
            imports,
            r#"(import "vm" "{0}" (func ${0} (param {1}) {result}))"#,
            info.name,
            params.join(" ")
        )
        .unwrap();
        let args: Vec<&str> = info
            .params
            .iter()
            .map(|param| if param.2 == WasmType::I32 { "(i32.wrap_i64 (call $arg))" } else { "(call $arg)" })
            .collect();
        let call = format!("(call ${} {})", info.name, args.join(" "));
        let answer = match info.result {
            Some(WasmType::I32) => format!("(i64.extend_i32_s {call})"),
            Some(WasmType::I64) => call,
            None => format!("{call} (i64.const 0)"),
        };
        writeln!(arms, "(if (i32.eq (local.get $op) (i32.const {index})) (then {answer} (return)))").unwrap();
    }
    let wat = format!(
        r#"(module {imports}
        (memory (export "memory") 1 1)
        (global $plan (mut i32) (i32.const 0))
        (global $at (mut i32) (i32.const 0))
        (func $byte (result i32)
            (i32.load8_u (global.get $at)) (global.set $at (i32.add (global.get $at) (i32.const 1))))
        (func $word (result i32)
            (i32.load16_u (global.get $at)) (global.set $at (i32.add (global.get $at) (i32.const 2))))
        (func $slot (result i32) (i32.add (i32.mul (call $word) (i32.const 8)) (i32.const {RESULTS})))
        (func $arg (result i64) (local $kind i32) (local $number i64)
            (local.set $kind (call $byte))
            (local.set $number (i64.load (global.get $at)))
            (global.set $at (i32.add (global.get $at) (i32.const 8)))
            (if (i32.eq (local.get $kind) (i32.const 1))
                (then (return (i64.load (i32.add
                    (i32.mul (i32.wrap_i64 (local.get $number)) (i32.const 8)) (i32.const {RESULTS}))))))
            (if (i32.eq (local.get $kind) (i32.const 2))
                (then (return (i64.add (local.get $number) (i64.extend_i32_u (global.get $plan))))))
            (local.get $number))
        (func $host (param $op i32) (result i64) {arms} unreachable)
        (func $skip (param $when i32) (local $is i32)
            (local.set $is (i64.lt_s (i64.load (call $slot)) (i64.const 0)))
            (global.set $at (i32.add (i32.mul (call $word) (i32.eq (local.get $is) (local.get $when)))
                (global.get $at))))
        (func $body (local $op i32) (local $to i32)
            (drop (call $input (i32.const 0) (i32.const {RESULTS})))
            ;; The two low bits say how long the argument's compact length is.
            (global.set $plan (i32.shl (i32.const 1)
                (i32.and (i32.load8_u (i32.const 0)) (i32.const 3))))
            (global.set $at (i32.add (global.get $plan) (i32.load16_u (global.get $plan))))
            (loop $next
                (local.set $op (call $byte))
                (if (i32.eq (local.get $op) (i32.const {STOP})) (then (return)))
                (if (i32.eq (local.get $op) (i32.const {TRAP})) (then (unreachable)))
                (if (i32.eq (local.get $op) (i32.const {SPIN})) (then (loop $spin (br $spin))))
                (if (i32.eq (local.get $op) (i32.const {SKIP_IF_NEGATIVE}))
                    (then (call $skip (i32.const 1)) (br $next)))
                (if (i32.eq (local.get $op) (i32.const {SKIP_UNLESS_NEGATIVE}))
                    (then (call $skip (i32.const 0)) (br $next)))
                (local.set $to (call $slot))
                (i64.store (local.get $to) (call $host (local.get $op)))
                (br $next)))
        (func (export "run") (call $body))
        (func (export "once") (call $body))
        (func (export "look") (call $body)))"#
    );
    let plan = [("plan", Type::Bytes)];
    let functions = vec![
        function("run", Flags::PAYABLE.with(Flags::REENTRANT), &plan),
        function("once", Flags::PAYABLE, &plan),
        function("look", Flags::VIEW.with(Flags::REENTRANT), &plan),
    ];
    module(&wat, functions)
}
