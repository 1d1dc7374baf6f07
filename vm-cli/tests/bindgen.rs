//! `vm bindgen`: TypeScript that the compiler takes in strict mode, run under Node.js against values from Rust.
//!
//! The compiler comes from npm. Where Node.js or npm are not there, the test that needs them says so and ends.

#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]
#![allow(clippy::as_conversions, reason = "the codec's derive casts the variants' indices")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use parity_scale_codec::Encode;
use vm_cli::interface::Interface;
use vm_core::{Address, Hash, ObjectId};

const VM: &str = env!("CARGO_BIN_EXE_vm");

/// An interface with every type, a function and a field whose names mean something in JavaScript, and hostile docs.
const SAMPLE: &str = r#"{
  "name": "sample",
  "functions": [
    { "name": "new", "kind": "init", "payable": true, "params": [{ "name": "name", "type": "string" }],
      "returns": "object_id", "docs": "Begins.\n*/ throw 1; /*" },
    { "name": "all", "kind": "call", "params": [
        { "name": "flag", "type": "bool" },
        { "name": "a", "type": "u8" }, { "name": "b", "type": "u16" }, { "name": "c", "type": "u32" },
        { "name": "d", "type": "u64" }, { "name": "e", "type": "u128" },
        { "name": "f", "type": "i8" }, { "name": "g", "type": "i16" }, { "name": "h", "type": "i32" },
        { "name": "i", "type": "i64" }, { "name": "j", "type": "i128" },
        { "name": "text", "type": "string" }, { "name": "raw", "type": "bytes" },
        { "name": "to", "type": "address" }, { "name": "object", "type": "object_id" },
        { "name": "hash", "type": "hash" }
      ], "returns": { "tuple": [] } },
    { "name": "compound", "kind": "view", "params": [
        { "name": "none", "type": { "option": "u8" } }, { "name": "some", "type": { "option": "u8" } },
        { "name": "deep", "type": { "option": { "option": "bool" } } },
        { "name": "list", "type": { "vec": "u16" } }, { "name": "four", "type": { "array": [4, "u8"] } },
        { "name": "pair", "type": { "tuple": ["u8", "string"] } },
        { "name": "shapes", "type": { "vec": { "enum": { "name": "Shape", "variants": [
            { "name": "Dot" },
            { "name": "Line", "fields": [
              { "name": "0", "type": { "struct": { "name": "Point", "fields": [
                { "name": "x", "type": "i64" }, { "name": "__proto__", "type": "u8" }] } } },
              { "name": "1", "type": "u8" }] },
            { "name": "Named", "fields": [{ "name": "width", "type": "u32" }] }] } } } },
        { "name": "map", "type": { "map": ["string", "u32"] } },
        { "name": "numbers", "type": { "map": ["i16", "bool"] } },
        { "name": "set", "type": { "set": "address" } },
        { "name": "good", "type": { "result": ["u8", "string"] } },
        { "name": "bad", "type": { "result": ["u8", "string"] } }
      ], "returns": { "option": "u64" } },
    { "name": "__proto__", "kind": "call" }
  ],
  "events": [{ "name": "Moved", "fields": [{ "name": "by", "type": "address" }, { "name": "amount", "type": "u64" }] },
             { "name": "Ping" }],
  "errors": [{ "name": "Plain" }, { "name": "Named", "fields": [{ "name": "least", "type": "u64" }] }],
  "objects": [{ "name": "Thing", "fields": [{ "name": "size", "type": "u32" }, { "name": "0", "type": "bytes" }] }]
}"#;

#[derive(Encode)]
struct Point {
    x: i64,
    proto: u8,
}

#[derive(Encode)]
enum Shape {
    Dot,
    Line(Point, u8),
    Named { width: u32 },
}

/// What the script below must print: names and the bytes that Rust makes of the same values.
fn expected() -> Vec<(&'static str, Vec<u8>)> {
    let id = |byte: u8| [byte; 32];
    let numbers = (true, 255u8, 65_535u16, u32::MAX, u64::MAX, u128::MAX);
    let signed = (-128i8, i16::MIN, i32::MIN, i64::MIN, i128::MIN);
    let rest = ("häß \u{feff}", vec![0u8, 1, 255], Address(id(1)), ObjectId(id(2)), Hash(id(3)));
    let map: BTreeMap<String, u32> =
        [("é", 3), ("a", 1), ("", 0), ("ab", 2)].map(|(key, value)| (key.to_owned(), value)).into();
    let keys: BTreeMap<i16, bool> = [(5, true), (-3, false), (0, true)].into();
    let set: BTreeSet<Address> = [Address(id(9)), Address(id(4))].into();
    let shapes = vec![Shape::Named { width: 7 }, Shape::Dot, Shape::Line(Point { x: -1, proto: 8 }, 2)];
    let list: Vec<u16> = (0..100).collect();
    let head = (None::<u8>, Some(3u8), Some(None::<bool>), list, [1u8, 2, 3, 4], (9u8, "nine"));
    let tail = (shapes, map, keys, set, Ok::<u8, String>(1), Err::<u8, String>("no".to_owned()));
    vec![
        ("all", [numbers.encode(), signed.encode(), rest.encode()].concat()),
        ("compound", [head.encode(), tail.encode()].concat()),
        ("returns", Some(12u64).encode()),
        ("long", "x".repeat(20_000).encode()),
    ]
}

const SCRIPT: &str = r#"
import * as sample from "./sample.js";
import * as scale from "./vm-scale.js";
import { vectors } from "./vectors.js";

const id = (byte: number): string => scale.toHex(new Uint8Array(32).fill(byte));
const all = sample.functions.all.encode({
  flag: true, a: 255, b: 65535, c: 4294967295, d: 18446744073709551615n, e: (1n << 128n) - 1n,
  f: -128, g: -32768, h: -2147483648, i: -(1n << 63n), j: -(1n << 127n),
  text: "häß \ufeff", raw: Uint8Array.of(0, 1, 255), to: id(1), object: id(2), hash: id(3),
});
const shapes: sample.Shape[] = [
  { variant: "Named", value: { width: 7 } },
  { variant: "Dot", value: {} },
  { variant: "Line", value: { 0: { x: -1n, ["__proto__"]: 8 }, 1: 2 } },
];
const compound = sample.functions.compound.encode({
  none: null, some: 3, deep: { some: null }, list: Array.from({ length: 100 }, (_, n) => n), four: [1, 2, 3, 4],
  pair: [9, "nine"], shapes, map: new Map([["é", 3], ["a", 1], ["", 0], ["ab", 2]]),
  numbers: new Map([[5, true], [-3, false], [0, true]]), set: new Set([id(9), id(4)]),
  good: { ok: 1 }, bad: { err: "no" },
});
const made: Record<string, Uint8Array> = {
  all, compound, returns: scale.encode(scale.option(scale.u64), 12n), long: scale.encode(scale.string, "x".repeat(20000)),
};

let checks = 0;
function check(holds: boolean, what: string): void {
  checks += 1;
  if (!holds) throw new Error(what);
}
for (const [name, hex] of Object.entries(vectors)) {
  check(scale.toHex(made[name]!) === hex, `${name}: ${scale.toHex(made[name]!)}`);
}
// What is read back is written as it was.
const again = sample.functions.compound.decodeArguments(compound);
check(scale.toHex(sample.functions.compound.encode(again)) === vectors.compound, "compound comes back");
check(again.map.get("ab") === 2 && again.set.has(id(9)) && again.deep !== null, "values come back");
const back = sample.functions.all.decodeArguments(all);
check(scale.toHex(sample.functions.all.encode(back)) === vectors.all && back.text === "häß \ufeff", "all comes back");
check(sample.functions.compound.decode(scale.fromHex(vectors.returns)) === 12n, "a result");
check(sample.functions.all.decode(new Uint8Array()).length === 0, "nothing");
check(sample.functions.new.payable && sample.functions.new.kind === "init", "flags");
check(sample.functions["__proto__"].name === "__proto__", "names that mean something");

const event = sample.decodeEvent("Moved", scale.encode(sample.events.Moved, { by: id(7), amount: 5n }));
check(event !== null && event.name === "Moved" && event.fields.amount === 5n, "an event");
check(sample.decodeEvent("toString", new Uint8Array()) === null, "an event of another contract");
const named = sample.decodeError(Uint8Array.of(1, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0));
check(named.name === "Named" && named.fields.least === 9n, "an error");
const other = sample.decodeError(Uint8Array.of(7, 0, 0, 0, 1));
check(other.name === null && other.code === 7 && other.data[0] === 1, "an error of the VM");
check(scale.decode(sample.objects.Thing.size, Uint8Array.of(4, 0, 0, 0)) === 4, "a field");

const ids = (...bytes: string[]): Set<string> => new Set(bytes.map((byte) => "0x" + byte.repeat(32)));
const sorted = scale.toHex(scale.encode(scale.set(scale.id), ids("AB", "aa", "b0")));
check(sorted === "0x0c" + ["aa", "ab", "b0"].map((byte) => byte.repeat(32)).join(""), `ids by bytes: ${sorted}`);

function refused(what: string, run: () => unknown): void {
  checks += 1;
  try {
    run();
  } catch (error) {
    if (error instanceof scale.ScaleError) return;
    throw error;
  }
  throw new Error(`not refused: ${what}`);
}
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
refused("too short", () => scale.decode(scale.u32, bytes(1, 2, 3)));
refused("too long", () => scale.decode(scale.u8, bytes(1, 2)));
refused("a bool of 2", () => scale.decode(scale.bool, bytes(2)));
refused("an option of 2", () => scale.decode(scale.option(scale.u8), bytes(2, 0)));
refused("a count in two bytes that fits one", () => scale.decode(scale.bytes, bytes(1, 0)));
refused("a count in four bytes that fits two", () => scale.decode(scale.bytes, bytes(2, 1, 0, 0)));
refused("a count of the large form", () => scale.decode(scale.bytes, bytes(3, 0, 0, 0, 64)));
refused("a count that nothing follows", () => scale.decode(scale.vec(scale.u64), bytes(254, 255, 255, 255)));
refused("bad UTF-8", () => scale.decode(scale.string, bytes(4, 255)));
refused("an unknown variant", () => scale.decode(sample.Shape, bytes(3)));
refused("keys out of order", () => scale.decode(scale.set(scale.u8), bytes(8, 2, 1)));
refused("a key twice", () => scale.decode(scale.map(scale.u8, scale.u8), bytes(8, 1, 0, 1, 0)));
refused("a number too large", () => scale.encode(scale.u8, 256));
refused("a fraction", () => scale.encode(scale.u8, 0.5));
refused("a bigint too small", () => scale.encode(scale.i64, -(1n << 63n) - 1n));
refused("a short id", () => scale.encode(scale.id, "0x12"));
refused("an id twice", () => scale.encode(scale.set(scale.id), ids("AA", "aa")));
refused("no hex", () => scale.fromHex("0x1g"));
refused("an array of another length", () => scale.encode(scale.array(2, scale.u8), [1]));
refused("an error without a code", () => sample.decodeError(bytes(1, 2)));
console.log(`${checks} checks hold`);
"#;

fn vm(folder: &Path, args: &[&str]) -> Output {
    Command::new(VM).current_dir(folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The TypeScript compiler from npm, installed once; none without Node.js or npm.
fn typescript() -> Option<PathBuf> {
    Command::new("node").arg("--version").output().ok()?;
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typescript");
    let compiler = home.join("node_modules/typescript/lib/tsc.js");
    if !compiler.is_file() {
        fs::create_dir_all(&home).unwrap();
        let arguments =
            ["install", "--no-audit", "--no-fund", "--silent", "--prefix", ".", "typescript@5.9.3"];
        let output = Command::new("npm").current_dir(&home).args(arguments).output().ok()?;
        assert!(output.status.success(), "npm install typescript: {}", text(&output.stderr));
    }
    Some(compiler)
}

#[test]
fn r73_typescript_reads_and_writes_what_rust_does() {
    let Some(compiler) = typescript() else {
        println!("skipped: r73_typescript_reads_and_writes_what_rust_does: no Node.js and npm here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("sample.json"), SAMPLE).unwrap();
    let output = vm(at, &["bindgen", "sample.json", "--out", "client"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "client/sample.ts\nclient/vm-scale.ts\n");
    let vectors: BTreeMap<_, _> =
        expected().into_iter().map(|(name, bytes)| (name, format!("0x{}", hex::encode(bytes)))).collect();
    let vectors = serde_json::to_string_pretty(&vectors).unwrap();
    fs::write(at.join("client/vectors.ts"), format!("export const vectors = {vectors};\n")).unwrap();
    fs::write(at.join("client/script.ts"), SCRIPT).unwrap();
    fs::write(at.join("package.json"), "{ \"type\": \"module\" }\n").unwrap();
    let mut files = vec!["client/script.ts".to_owned()];
    // A contract's name never is that of the encoding's file.
    fs::write(at.join("scale.json"), r#"{"name": "scale"}"#).unwrap();
    let output = vm(at, &["bindgen", "scale.json", "--out", "client"]);
    assert_eq!(text(&output.stdout), "client/scale.ts\nclient/vm-scale.ts\n", "{}", text(&output.stderr));
    files.push("client/scale.ts".to_owned());
    // The clients of the contracts here compile too.
    for contract in ["token", "nft", "counter", "caller"] {
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/wasm/{contract}.wasm"));
        let code = fs::read(module).unwrap();
        let info = vm_host::validate_module(&code, &vm_core::Params::default()).unwrap();
        fs::write(at.join("fixture.json"), Interface::from(&info.interface).to_json()).unwrap();
        let output = vm(at, &["bindgen", "fixture.json", "--out", "client", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        files.push(format!("client/{contract}.ts"));
    }
    let flags = ["--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext"];
    let output = Command::new("node")
        .current_dir(at)
        .arg(compiler)
        .args(flags)
        .args(["--lib", "es2023,dom", "--outDir", "out"])
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = Command::new("node").current_dir(at).arg("out/script.js").output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stdout), "37 checks hold\n");
}

#[test]
fn r113_files_that_no_client_can_be_made_of_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |json: &str, part: &str| {
        fs::write(folder.path().join("x.json"), json).unwrap();
        let output = vm(folder.path(), &["bindgen", "x.json", "--out", "client"]);
        let err = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{err}");
        assert!(err.contains(part), "{part}\n{err}");
        assert!(!folder.path().join("client").exists());
    };
    let returning = |types: &str| {
        format!(
            r#"{{"name": "x", "functions": [{{"name": "f", "kind": "view", "returns": {{"tuple": [{types}]}}}}]}}"#
        )
    };
    let point = |name: &str, ty: &str| {
        format!(r#"{{"struct": {{"name": "{name}", "fields": [{{"name": "x", "type": "{ty}"}}]}}}}"#)
    };
    refused("{", "x.json: ");
    refused(r#"{"name": "x", "function": []}"#, "unknown field `function`");
    refused(r#"{"name": "../x"}"#, "is not a name");
    refused(
        &returning(&[point("P", "u8"), point("P", "u16")].join(",")),
        "two different types are named \"P\"",
    );
    refused(&returning(&point("Address", "u8")), "\"Address\" has a name that the client needs");
    refused(&returning(&point("class", "u8")), "\"class\" has a name");
    refused(&returning(&point("1st", "u8")), "\"1st\" has a name");
    let output = vm(folder.path(), &["bindgen", "missing.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot read missing.json"));
    fs::write(folder.path().join("x.json"), SAMPLE).unwrap();
    let output = vm(folder.path(), &["bindgen", "x.json", "--out", "x.json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
}
