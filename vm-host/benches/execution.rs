//! What execution costs beside its floor, both measured in the same run.
//!
//! `cargo bench -p vm-host` prints every figure as CPU time of this thread: the median of rounds that alternate
//! between the figure and its floor, so that a noisy neighbour hits both. Names are `module::operation/key=value`.
//! An argument selects by substring. Nothing here asserts a time.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark is above the consensus line"
)]

#[path = "../tests/common/mod.rs"]
mod common;
mod harness;

use std::hint::black_box;

use common::script::{Arg, INPUT, SCRATCH, Script};
use common::{Chain, alice, bob, plain_module};
use harness::{Figure, beside, header, line};
use parity_scale_codec::Encode;
use vm_core::abi::HostFunction as F;
use vm_core::interface::Type;
use vm_core::{Address, Block, FUEL_PER_GAS, Payload, Transaction};
use vm_host::{Options, TraceLevel};
use wasmi::{CompilationMode, Config, Engine, Linker, Module, Store};

/// wasmi as it comes, with fuel: the floor of everything that runs code.
fn bare_engine() -> Engine {
    let mut config = Config::default();
    config.consume_fuel(true).compilation_mode(CompilationMode::Eager);
    Engine::new(&config)
}

/// A linker whose host functions do nothing, for running a contract's module bare.
fn bare_linker(engine: &Engine, module: &Module) -> Linker<()> {
    let mut linker = Linker::new(engine);
    for import in module.imports() {
        let ty = import.ty().func().unwrap().clone();
        let results = ty.results().to_vec();
        let call = move |_: wasmi::Caller<'_, ()>, _: &[wasmi::Val], out: &mut [wasmi::Val]| {
            for (slot, ty) in out.iter_mut().zip(&results) {
                *slot = wasmi::Val::default_for_ty(*ty);
            }
            Ok(())
        };
        linker.func_new(import.module(), import.name(), ty, call).unwrap();
    }
    linker
}

/// Store, instance and one call of `name`.
fn bare_call(engine: &Engine, linker: &Linker<()>, module: &Module, name: &str) {
    let mut store = Store::new(engine, ());
    store.set_fuel(u64::MAX / 2).unwrap();
    let instance = linker.instantiate_and_start(&mut store, module).unwrap();
    instance.get_typed_func::<(), ()>(&store, name).unwrap().call(&mut store, ()).unwrap();
    black_box(store.get_fuel().unwrap());
}

/// A block of `count` calls by alice.
fn calls(chain: &mut Chain, count: u64, contract: Address, function: &str, args: &[u8], gas: u64) -> Block {
    let start = chain.nonces.get(&alice()).copied().unwrap_or_default();
    let call = |index: u64| Transaction {
        sender: alice(),
        nonce: start + index,
        gas_limit: gas,
        gas_price: 1,
        payload: Payload::Call { contract, function: function.into(), args: args.to_vec(), value: 0 },
    };
    chain.block((0..count).map(call).collect())
}

/// Executes a block and returns its number of transactions; all must succeed.
fn execute(chain: &Chain, block: &Block, level: TraceLevel) -> u64 {
    let outcome = chain.vm.execute_block(&chain.view(), block, Options { trace: level }).unwrap();
    let failed = outcome.transactions.iter().find(|executed| !executed.receipt.status.is_success());
    assert!(failed.is_none(), "{failed:?}");
    black_box(outcome).transactions.len() as u64
}

/// What an empty transaction costs beside wasmi's own start of the same instance.
fn empty_call() -> f64 {
    let code = plain_module(r#"(module (memory (export "memory") 1 1) (func (export "run")))"#, &["run"]);
    let mut chain = Chain::new();
    let contract = chain.deploy(&code);
    let block = calls(&mut chain, 500, contract, "run", &[], 100_000);
    let engine = bare_engine();
    let module = Module::new(&engine, &code).unwrap();
    let linker = bare_linker(&engine, &module);
    let (ours, floor) = beside(
        || execute(&chain, &block, TraceLevel::Off),
        || {
            (0..500).for_each(|_| bare_call(&engine, &linker, &module, "run"));
            500
        },
    );
    line("block::empty_transaction", ours, Some(floor.median), "");
    let view = chain.view();
    let query = vm_host::Query {
        caller: alice(),
        contract,
        function: "run".into(),
        args: vec![],
        gas_limit: 1_000_000,
    };
    let (ours, floor) = beside(
        || {
            for _ in 0..500 {
                assert!(
                    chain.vm.query(&view, &query, Options::default()).unwrap().receipt.status.is_success()
                );
            }
            500
        },
        || {
            (0..500).for_each(|_| bare_call(&engine, &linker, &module, "run"));
            500
        },
    );
    line("executor::empty_call", ours, Some(floor.median), "<= 1.6");
    floor.median
}

/// Arithmetic in a loop, under the VM and bare: `operators` wasm operators a round.
fn compute() -> f64 {
    let body = r#"(module (memory (export "memory") 1 1) (func (export "run") (local $i i32) (local $x i64)
        (local.set $i (i32.const 200000)) (local.set $x (i64.const 88172645463325252))
        (loop $l
            (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
            (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
            (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (br_if $l (local.get $i)))
        (i64.store (i32.const 0) (local.get $x))))"#;
    let code = plain_module(body, &["run"]);
    let mut chain = Chain::new();
    let contract = chain.deploy(&code);
    let block = calls(&mut chain, 1, contract, "run", &[], 100_000_000);
    let outcome = chain.execute(&block).unwrap();
    let fuel = outcome.transactions[0].resources.fuel;
    let engine = bare_engine();
    let module = Module::new(&engine, &code).unwrap();
    let linker = bare_linker(&engine, &module);
    let (ours, floor) = beside(
        || {
            execute(&chain, &block, TraceLevel::Off);
            fuel
        },
        || {
            bare_call(&engine, &linker, &module, "run");
            fuel
        },
    );
    line("executor::compute/per=fuel", ours, Some(floor.median), "<= 1.03 (instructions)");
    floor.median
}

/// The body of a loop, and what it needs around it.
struct Loop {
    name: &'static str,
    body: String,
    around: String,
}

/// Loops over one kind of operator each: nanoseconds per gas beside those of the arithmetic loop (R54).
fn loops(ns_per_fuel: f64) {
    let locals = |count: usize| format!("(func $f (local {}))", "i64 ".repeat(count));
    let deep: String = (0..100).map(|_| "(local.get $x)").collect::<String>() + &"(i64.add)".repeat(99);
    let table = "(table 4 funcref) (elem (i32.const 0) $g $g $g $g) (type $t (func)) (func $g)";
    let targets = "0 ".repeat(1_000);
    let one = |name, body: &str, around: &str| Loop { name, body: body.into(), around: around.into() };
    let all = [
        one("call/locals=0", "(call $f)", &locals(0)),
        one("call/locals=30", "(call $f)", &locals(30)),
        one("call/locals=100", "(call $f)", &locals(100)),
        one(
            "call/params=16,results=4",
            &format!("(call $f {}) drop drop drop drop", "(local.get $x)".repeat(16)),
            &format!(
                "(func $f (param {}) (result i64 i64 i64 i64) {})",
                "i64 ".repeat(16),
                "(local.get 0)".repeat(4)
            ),
        ),
        one("call_indirect", "(call_indirect (type $t) (i32.and (local.get $i) (i32.const 3)))", table),
        one("br_table/targets=1000", &format!("(block (br_table {targets} (local.get $i)))"), ""),
        one("operands=100", &format!("(local.set $x {deep})"), ""),
        one("i64.div_u", "(local.set $x (i64.div_u (local.get $x) (i64.const 7)))", ""),
        one(
            "i64.rem_s",
            "(local.set $x (i64.rem_s (i64.const -9223372036854775807) (i64.or (local.get $x) (i64.const 3))))",
            "",
        ),
        one("i64.mul", "(local.set $x (i64.mul (local.get $x) (i64.const 7)))", ""),
        one("i64.popcnt", "(local.set $x (i64.popcnt (local.get $x)))", ""),
        one(
            "i64.load/stride=4096",
            "(local.set $x (i64.load (i32.and (i32.mul (local.get $i) (i32.const 4096)) (i32.const 0x1ffff0))))",
            "",
        ),
        one(
            "i64.store/stride=4096",
            "(i64.store (i32.and (i32.mul (local.get $i) (i32.const 4096)) (i32.const 0x1ffff0)) (local.get $x))",
            "",
        ),
        one("global.set", "(global.set $g (local.get $x))", "(global $g (mut i64) (i64.const 0))"),
        one("select", "(local.set $x (select (local.get $x) (i64.const 1) (local.get $i)))", ""),
        one("memory.size", "(drop (memory.size))", ""),
        one("memory.grow/by=0", "(drop (memory.grow (i32.const 0)))", ""),
        one("memory.grow/refused", "(drop (memory.grow (i32.const 1000)))", ""),
        one("memory.fill/bytes=0", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 0))", ""),
        one("memory.fill/bytes=64", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 64))", ""),
        one("memory.fill/bytes=65536", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))", ""),
        one("memory.copy/bytes=0", "(memory.copy (i32.const 0) (i32.const 128) (i32.const 0))", ""),
        one("memory.copy/bytes=63", "(memory.copy (i32.const 0) (i32.const 128) (i32.const 63))", ""),
        one(
            "memory.copy/bytes=65536",
            "(memory.copy (i32.const 0) (i32.const 1000000) (i32.const 65536))",
            "",
        ),
        one(
            "memory.copy/bytes=1000000",
            "(memory.copy (i32.const 0) (i32.const 1000000) (i32.const 1000000))",
            "",
        ),
        one(
            "memory.init/bytes=63",
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 63))",
            &format!("(data $d \"{}\")", "x".repeat(64)),
        ),
    ];
    for Loop { name, body, around } in all {
        let wat = format!(
            r#"(module {around} (memory (export "memory") 32 32) (func (export "run") (local $i i32) (local $x i64)
                (local.set $i (i32.const COUNT)) (local.set $x (i64.const 88172645463325252))
                (loop $l {body} (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $l (local.get $i)))))"#
        );
        let big = name.contains("65536") || name.contains("1000000");
        let rounds = if big { 200 } else { 50_000 };
        let run = |count: u32| {
            let code = plain_module(&wat.replace("COUNT", &count.to_string()), &["run"]);
            let mut chain = Chain::new();
            let contract = chain.deploy(&code);
            let query = vm_host::Query {
                caller: alice(),
                contract,
                function: "run".into(),
                args: vec![],
                gas_limit: 500_000_000,
            };
            let view = chain.view();
            let answer = chain.vm.query(&view, &query, Options::default()).unwrap();
            assert!(answer.receipt.status.is_success(), "{name}: {:?}", answer.receipt.status);
            (chain, view, query, answer.resources.fuel)
        };
        let (chain, view, query, fuel) = run(rounds);
        let (base_chain, base_view, base_query, base_fuel) = run(1);
        let call = |chain: &Chain, view: &std::sync::Arc<dyn vm_state::View>, query: &vm_host::Query| {
            black_box(chain.vm.query(view, query, Options::default()).unwrap());
            1
        };
        let (ours, base) =
            beside(|| call(&chain, &view, &query), || call(&base_chain, &base_view, &base_query));
        let fuel = (fuel - base_fuel) as f64;
        let ratio = (ours.median - base.median) / fuel / ns_per_fuel;
        let each = (ours.median - base.median) / f64::from(rounds);
        println!(
            "{:<58} {each:>12.2} {:>6.1}% {:>12} {ratio:>7.2}  <= 4.00 ({:.2} fuel)",
            format!("loop::{name}"),
            ours.spread * 100.0,
            "",
            fuel / f64::from(rounds)
        );
    }
}

/// What starting an instance anew costs for each thing that a module may declare, beside what it is charged.
fn declarations(ns_per_gas: f64) {
    let page = "x".repeat(60_000);
    let functions = "(func)".repeat(1_000);
    let globals = "(global (mut i64) (i64.const 1))".repeat(64);
    let segments: String = (0..128).map(|at| format!("(data (i32.const {at}) \"x\")")).collect();
    let elements = format!("(table 1024 funcref) (func $f) (elem (i32.const 0) {})", "$f ".repeat(1_024));
    let all: [(&str, u32, String); 8] = [
        ("nothing", 1, String::new()),
        ("pages=32", 32, String::new()),
        ("functions=1000", 1, functions),
        ("globals=64", 1, globals),
        ("data_segments=128", 1, segments),
        ("data_bytes=60000", 1, format!("(data (i32.const 0) \"{page}\")")),
        ("table_elements=1024", 1, elements),
        ("table=1024", 1, "(table 1024 funcref)".into()),
    ];
    for (name, pages, extra) in all {
        let wat = format!(r#"(module (memory (export "memory") {pages} 32) {extra} (func (export "run")))"#);
        let code = plain_module(&wat, &["run"]);
        let mut chain = Chain::new();
        // The dearest case: nothing is used again, as after calls that revert.
        let fresh = vm_host::CacheLimits { instance_bytes: 0, ..vm_host::CacheLimits::default() };
        chain.vm = vm_host::Vm::with_cache(chain.vm.params().clone(), fresh);
        let callee = chain.deploy(&code);
        let build = |count: u64| {
            let mut script = Script::new().param("to", Type::Address);
            let at = script.bytes(b"run");
            (0..count).for_each(|_| {
                script.call(F::call, &[INPUT, at, 3, 0, 0, 0, 0]);
            });
            script.build()
        };
        let (base, many) = (chain.deploy(&build(1)), chain.deploy(&build(41)));
        let query = |contract| vm_host::Query {
            caller: alice(),
            contract,
            function: "run".into(),
            args: callee.encode(),
            gas_limit: 100_000_000,
        };
        let view = chain.view();
        let run = |query: &vm_host::Query| chain.vm.query(&view, query, Options::default()).unwrap();
        let (base, many) = (query(base), query(many));
        let gas = (run(&many).receipt.gas_used - run(&base).receipt.gas_used) as f64 / 40.0;
        let (ours, floor) = beside(
            || {
                black_box(run(&many));
                1
            },
            || {
                black_box(run(&base));
                1
            },
        );
        let each = (ours.median - floor.median) / 40.0;
        // Without the table's 10,000 for a call, which covers far more than an instance.
        let own = gas - 10_000.0;
        println!(
            "{:<58} {each:>12.1} {:>6.1}% {:>12} {:>7.2}  <= 4.00 ({own:.0} gas beside the call's 10,000; {:.2} with them)",
            format!("instance::start/{name}"),
            ours.spread * 100.0,
            "",
            each / own / ns_per_gas,
            each / gas / ns_per_gas
        );
    }
}

/// One host operation, repeated in one call; less the same script without it.
fn operation(name: &str, build: &dyn Fn(&mut Script, u64), with: u64, ns_per_gas: f64) {
    let run = |count: u64| {
        let mut script = Script::new().param("to", Type::Address);
        build(&mut script, count);
        let mut chain = Chain::new();
        let contract = chain.deploy(&script.build());
        let block = calls(&mut chain, 20, contract, "run", &bob().encode(), 25_000_000);
        let outcome = chain.execute(&block).unwrap();
        let receipt = &outcome.transactions[0].receipt;
        assert!(receipt.status.is_success(), "{name}: {:?}", receipt.status);
        (chain, block, receipt.gas_used + receipt.gas_refunded)
    };
    let (base_chain, base_block, base_gas) = run(0);
    let (chain, block, gas) = run(with);
    let (ours, base) = beside(
        || execute(&chain, &block, TraceLevel::Off),
        || execute(&base_chain, &base_block, TraceLevel::Off),
    );
    let each = (ours.median - base.median) / with as f64;
    let gas = (gas - base_gas) as f64 / with as f64;
    println!(
        "{:<58} {each:>12.1} {:>6.1}% {:>12} {:>7.2}  <= 4.00 ({gas:.0} gas, {:.2} ns a gas)",
        format!("host::{name}"),
        ours.spread * 100.0,
        "",
        each / gas / ns_per_gas,
        each / gas
    );
}

fn object_operations(ns_per_gas: f64) {
    let each = |function: F, args: &'static [u64]| {
        move |script: &mut Script, count: u64| {
            (0..count).for_each(|_| {
                script.call(function, args);
            });
        }
    };
    let simple: [(&str, F, &'static [u64]); 15] = [
        ("block_height", F::block_height, &[]),
        ("block_time", F::block_time, &[]),
        ("contract_address", F::contract_address, &[SCRATCH]),
        ("origin", F::origin, &[SCRATCH]),
        ("value", F::value, &[]),
        ("returned/bytes=0", F::returned, &[SCRATCH, 64]),
        ("sender", F::sender, &[SCRATCH]),
        ("balance", F::balance, &[INPUT]),
        ("transfer/amount=0", F::transfer, &[INPUT, 0]),
        ("object_create", F::object_create, &[0]),
        ("object_get_by_owner/found=no", F::object_get_by_owner, &[INPUT]),
        ("log/bytes=64", F::log, &[INPUT, 4, INPUT, 60]),
        ("input/bytes=32", F::input, &[SCRATCH, 64]),
        ("ret/bytes=64", F::ret, &[SCRATCH, 64]),
        ("blake3/bytes=1024", F::blake3, &[0, 1024, SCRATCH]),
    ];
    for (name, function, args) in simple {
        // The event's name must be UTF-8: the data section begins with zeros, which are.
        let args: &'static [u64] = if function == F::log { &[8_192, 4, 8_192, 60] } else { args };
        operation(name, &each(function, args), 100, ns_per_gas);
    }
    let fields = |script: &mut Script, kind: u32, count: u64, bytes: usize| {
        let object = script.call(F::object_create, &[0]);
        let names: Vec<String> = (0..100).map(|index| format!("field{index}")).collect();
        for name in names.iter().take(if kind == 0 { 0 } else { 100 }) {
            script.set(object, name, &vec![7; bytes]);
        }
        for name in names.iter().cycle().take(count as usize) {
            match kind {
                0 => script.set(object, name, &vec![7; bytes]),
                1 => script.get(object, name),
                _ => {
                    let at = script.bytes(name.as_bytes());
                    script.op(F::field_remove, &[Arg::Out(object), at.into(), (name.len() as u64).into()])
                }
            };
        }
    };
    // On one object, made at the start: each by its handle or id.
    let on_object: [(&str, F, bool); 4] = [
        ("object_get", F::object_get, false),
        ("object_id", F::object_id, true),
        ("object_owner", F::object_owner, true),
        ("object_contract", F::object_contract, true),
    ];
    for (name, function, by_handle) in on_object {
        let build = move |script: &mut Script, count: u64| {
            let object = script.call(F::object_create, &[0]);
            script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
            for _ in 0..count {
                match by_handle {
                    true => script.op(function, &[Arg::Out(object), SCRATCH.into()]),
                    false => script.call(function, &[SCRATCH]),
                };
            }
        };
        operation(name, &build, 100, ns_per_gas);
    }
    let listed = |script: &mut Script, count: u64| {
        let owner = script.bytes(&alice().0);
        for _ in 0..20 {
            let object = script.call(F::object_create, &[0]);
            script.op(F::object_set_owner, &[Arg::Out(object), owner.into()]);
        }
        for _ in 0..count {
            script.call(F::objects_of, &[owner, 12_000, SCRATCH, 20]);
        }
    };
    operation("objects_of/items=20,then=0", &listed, 100, ns_per_gas);
    for bytes in [8usize, 200] {
        operation(
            &format!("field_set/bytes={bytes},new=yes"),
            &move |s, n| fields(s, 0, n, bytes),
            100,
            ns_per_gas,
        );
    }
    operation("field_get/bytes=8", &move |s, n| fields(s, 1, n, 8), 100, ns_per_gas);
    operation("field_remove", &move |s, n| fields(s, 2, n, 8), 100, ns_per_gas);
    let owners = |script: &mut Script, count: u64| {
        let (a, b) = (script.bytes(&alice().0), script.bytes(&bob().0));
        let object = script.call(F::object_create, &[0]);
        for index in 0..count {
            script.op(F::object_set_owner, &[Arg::Out(object), if index % 2 == 0 { a } else { b }.into()]);
        }
    };
    operation("object_set_owner", &owners, 100, ns_per_gas);
    let deleted = |script: &mut Script, count: u64| {
        let objects: Vec<usize> = (0..100).map(|_| script.call(F::object_create, &[0])).collect();
        for object in objects.into_iter().take(count as usize) {
            script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
            script.call(F::object_delete, &[SCRATCH]);
        }
    };
    operation("object_delete/fields=0", &deleted, 100, ns_per_gas);
}

/// A further call between contracts, beside wasmi's start of the callee.
fn call_between(floor: f64) {
    let code = plain_module(r#"(module (memory (export "memory") 1 1) (func (export "run")))"#, &["run"]);
    let run = |count: u64| {
        let mut chain = Chain::new();
        let callee = chain.deploy(&code);
        let mut script = Script::new().param("to", Type::Address);
        let name = script.bytes(b"run");
        (0..count).for_each(|_| {
            script.call(F::call, &[INPUT, name, 3, 0, 0, 0, 0]);
        });
        let contract = chain.deploy(&script.build());
        let block = calls(&mut chain, 20, contract, "run", &callee.encode(), 25_000_000);
        (chain, block)
    };
    let (base_chain, base_block) = run(0);
    let (chain, block) = run(100);
    let (ours, base) = beside(
        || execute(&chain, &block, TraceLevel::Off),
        || execute(&base_chain, &base_block, TraceLevel::Off),
    );
    let each = Figure { median: (ours.median - base.median) / 100.0, spread: ours.spread };
    line("executor::call_between_contracts", each, Some(floor), "<= 2.0");
}

/// The fixture token: a transfer between two holders.
fn token_transfer(ns_per_fuel: f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm/token.wasm");
    let code = std::fs::read(path).expect("fixtures/wasm/token.wasm is committed");
    let mut chain = Chain::new();
    let salt = vm_core::Hash([1; 32]);
    let contract = Address::of_contract(&alice(), &salt, &vm_core::Hash::of_code(&code));
    let payload = Payload::Deploy {
        code: vm_core::CodeSource::Bytes(code.clone()),
        salt,
        args: ("Gold", u64::MAX).encode(),
        value: 0,
    };
    assert!(chain.run(alice(), 50_000_000, payload).receipt.status.is_success());
    let args = (bob(), 1u64).encode();
    assert!(chain.call(contract, "transfer", (bob(), 1u64)).status.is_success());
    let block = calls(&mut chain, 500, contract, "transfer", &args, 1_000_000);
    let outcome = chain.execute(&block).unwrap();
    let executed = &outcome.transactions[1];
    let (fuel, gas) = (executed.resources.fuel, executed.receipt.gas_used);
    let engine = bare_engine();
    let module = Module::new(&engine, &code).unwrap();
    let linker = bare_linker(&engine, &module);
    let start = || {
        (0..500).for_each(|_| {
            let mut store = Store::new(&engine, ());
            store.set_fuel(1).unwrap();
            black_box(linker.instantiate_and_start(&mut store, &module).unwrap());
        });
        500
    };
    let (ours, floor) = beside(|| execute(&chain, &block, TraceLevel::Off), start);
    let own_code = fuel as f64 * ns_per_fuel;
    let without = Figure { median: ours.median - own_code, ..ours };
    line("executor::token_transfer", ours, Some(floor.median), "");
    line("executor::token_transfer/own_code=excluded", without, Some(floor.median), "<= 3.0");
    println!("    {fuel} fuel of its own code ({own_code:.0} ns), {gas} gas, module of {} bytes", code.len());
    for (name, level) in [("calls", TraceLevel::Calls), ("full", TraceLevel::Full)] {
        let (traced, plain) =
            beside(|| execute(&chain, &block, level), || execute(&chain, &block, TraceLevel::Off));
        line(&format!("executor::token_transfer/trace={name}"), traced, Some(plain.median), "<= 1.10");
    }
}

/// Validation and translation per byte of module.
fn translation(ns_per_gas: f64) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm/token.wasm");
    let code = std::fs::read(path).expect("fixtures/wasm/token.wasm is committed");
    let params = vm_core::Params::default();
    let bytes = code.len() as u64;
    let (ours, floor) = beside(
        || {
            vm_host::validate_module(&code, &params).unwrap();
            bytes
        },
        || {
            black_box(Module::new(&bare_engine(), &code).unwrap());
            bytes
        },
    );
    line("module::validate/per=byte", ours, Some(floor.median), "");
    let load = Figure { median: ours.median + floor.median, ..ours };
    let gas = params.gas().module_load_byte as f64;
    line("module::load/per=byte,cache=cold", load, Some(floor.median), "");
    println!("    load: {:.2} of plain code's ns per gas (<= 4.00)", load.median / gas / ns_per_gas);
}

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let on = |name: &str| wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()));
    header();
    let ns_per_fuel = compute();
    let ns_per_gas = ns_per_fuel * FUEL_PER_GAS as f64;
    println!("    plain code: {ns_per_fuel:.3} ns a fuel, {ns_per_gas:.2} ns a gas");
    let floor = empty_call();
    if on("call_between") {
        call_between(floor);
    }
    if on("token_transfer") {
        token_transfer(ns_per_fuel);
    }
    if on("module") {
        translation(ns_per_gas);
    }
    if on("loop") {
        loops(ns_per_fuel);
    }
    if on("instance") {
        declarations(ns_per_gas);
    }
    if on("host") {
        object_operations(ns_per_gas);
    }
}
