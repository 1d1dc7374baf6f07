//! What the command's tests share: a folder, a small contract written by hand, and the command itself.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parity_scale_codec::Encode as _;
use vm_core::abi::INTERFACE_SECTION;
use vm_core::interface::{Field, Flags, Function, Interface, Record, Type};

/// `vm run` with these arguments, in `folder`.
pub(crate) fn vm(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vm")).current_dir(folder).arg("run").args(args).output().unwrap()
}

/// What it printed as text, the margins of diagnostics left out.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Writes `text` to `name` in `folder`.
pub(crate) fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.to_owned(), ty }
}

fn function(name: &str, flags: Flags, params: Vec<Field>, returns: Type) -> Function {
    Function { name: name.to_owned(), flags, params, returns, docs: String::new() }
}

/// The interface of [`cell`].
pub(crate) fn cell_interface() -> Interface {
    let amount = || vec![field("amount", Type::U64)];
    Interface {
        name: "cell".to_owned(),
        functions: vec![
            function("new", Flags::INIT, amount(), Type::ObjectId),
            function("read", Flags::VIEW, vec![], Type::U64),
            function("refuse", Flags::default(), amount(), Type::unit()),
            function("spin", Flags::default(), vec![], Type::unit()),
        ],
        events: vec![Record { name: "Made".to_owned(), fields: amount(), docs: String::new() }],
        errors: vec![Record { name: "Refused".to_owned(), fields: amount(), docs: String::new() }],
        objects: vec![Record { name: "Cell".to_owned(), fields: amount(), docs: String::new() }],
    }
}

const CELL: &str = r#"(module
  (import "vm" "input" (func $input (param i32 i32) (result i32)))
  (import "vm" "ret" (func $ret (param i32 i32)))
  (import "vm" "revert" (func $revert (param i32 i32)))
  (import "vm" "log" (func $log (param i32 i32 i32 i32)))
  (import "vm" "sender" (func $sender (param i32)))
  (import "vm" "object_create" (func $create (param i32) (result i32)))
  (import "vm" "object_id" (func $id (param i32 i32)))
  (import "vm" "object_set_owner" (func $set_owner (param i32 i32)))
  (import "vm" "object_get_by_owner" (func $by_owner (param i32) (result i32)))
  (import "vm" "field_get" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "vm" "field_set" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "amountMade")
  (data (i32.const 96) "\00\00\01\00")
  (func (export "new") (local $object i32)
    (drop (call $input (i32.const 100) (i32.const 8)))
    (local.set $object (call $create (i32.const 0)))
    (drop (call $set (local.get $object) (i32.const 0) (i32.const 6) (i32.const 100) (i32.const 8)))
    (call $sender (i32.const 200))
    (call $set_owner (local.get $object) (i32.const 200))
    (call $log (i32.const 6) (i32.const 4) (i32.const 100) (i32.const 8))
    (call $id (local.get $object) (i32.const 300))
    (call $ret (i32.const 300) (i32.const 32)))
  (func (export "read")
    (call $sender (i32.const 200))
    (drop (call $get (call $by_owner (i32.const 200)) (i32.const 0) (i32.const 6) (i32.const 400) (i32.const 8)))
    (call $ret (i32.const 400) (i32.const 8)))
  (func (export "refuse")
    (drop (call $input (i32.const 100) (i32.const 8)))
    (call $revert (i32.const 96) (i32.const 12)))
  (func (export "spin") (loop $again (br $again))))"#;

/// The module of `wat` with this interface section.
pub(crate) fn module(wat: &str, interface: &Interface) -> Vec<u8> {
    let mut code = wat::parse_str(wat).unwrap();
    let mut section = vec![];
    leb(&mut section, INTERFACE_SECTION.len());
    section.extend(INTERFACE_SECTION.as_bytes());
    section.extend(interface.encode());
    code.push(0);
    leb(&mut code, section.len());
    code.extend(section);
    code
}

fn leb(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

/// A contract that keeps a number: `new(amount)`, `read()`, `refuse(amount)`, `spin()`.
pub(crate) fn cell() -> Vec<u8> {
    module(CELL, &cell_interface())
}

/// A folder with `cell.wasm` in it.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "cell.wasm", cell());
    folder
}

/// The scenario that all others of these tests are made from.
pub(crate) const GOOD: &str = r#"name = "cell"

[accounts]
alice = 1_000_000_000
bob = 1_000_000_000

[contracts]
cell = "cell.wasm"

[[block]]
[[block.tx]]
from = "@alice"
deploy = "cell"
args = { amount = 41 }
save = "mine"
expect = { events = [{ Made = { amount = 41 } }], gas_max = 1_000_000 }

[[block.tx]]
from = "@alice"
call = "cell.read"
expect = { returns = 41 }

[[block.tx]]
from = "@bob"
call = "cell.refuse"
args = { amount = 7 }
expect = { status = "reverted", error = { Refused = { amount = 7 } }, events = [] }

[[block.tx]]
from = "@bob"
call = "cell.spin"
gas = 50_000
expect = { status = "OutOfGas" }

[[block.expect]]
object = { id = "$mine", contract = "@cell", owner = "@alice", fields = { amount = 41 } }

[[expect]]
objects = { contract = "@cell", owner = "@alice", is = 1 }
nonce = { of = "@bob", is = 2 }

[[expect]]
object = { contract = "@cell", owner = "@bob", absent = true }
"#;
