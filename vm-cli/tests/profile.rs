//! Profiles of contracts written by hand: what stands in the tree, names of the right code only, and every form.
//!
//! `fixtures/tests/profile.rs` profiles every transaction of every scenario.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in helpers of tests too, a panic is the test's failure"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use parity_scale_codec::Encode as _;
use serde_json::{Value, json};
use support::module;
use vm_cli::cli::Exit;
use vm_cli::profile::tree::{DEPTH_MAX, EVENTS_MAX, NODES_MAX};
use vm_cli::profile::{NamedError, NamedModule, Profile, ProfileError, Row, profile};
use vm_core::interface::{Flags, Function, Interface, Type};
use vm_core::{
    Address, Block, BlockContext, CodeSource, ErrorCode, GasSchedule, Hash, Params, Payload, Status,
    Transaction,
};
use vm_host::{BlockError, Options, Vm};
use vm_state::{Genesis, MemoryStore, NodeFailure, Store as _, View, Witness};

/// Recursion, a trap below two functions, a revert, a name as the Rust compiler mangles it.
const WORK: &str = r#"(module
  (import "vm" "revert" (func $revert (param i32 i32)))
  (import "vm" "block_height" (func $height (result i64)))
  (memory (export "memory") 1 1)
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0)) (else
      (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
               (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $_ZN4work5outer17h0123456789abcdefE (call $inner))
  (func $inner (drop (call $height)) (unreachable))
  (func $count (param i32)
    (loop $again (drop (call $fib (i32.const 0)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $down (param i32) (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
  (func $fib_export (export "fib") (drop (call $fib (i32.const 8))))
  (func $trap (export "trap") (call $_ZN4work5outer17h0123456789abcdefE))
  (func $many (export "many") (call $count (i32.const 300000)))
  (func $deep (export "deep") (call $down (i32.const 1000)))
  (func $back (export "back") (call $revert (i32.const 0) (i32.const 3))))"#;

/// Calls `fib` and then `trap` of the contract whose address it is given; the trap is caught.
const FRONT: &str = r#"(module
  (import "vm" "input" (func $input (param i32 i32) (result i32)))
  (import "vm" "call" (func $call (param i32 i32 i32 i32 i32 i64 i64) (result i32)))
  (memory (export "memory") 1 1)
  (data (i32.const 0) "fibtrap")
  (func $once (param i32 i32)
    (drop (call $call (i32.const 100) (local.get 0) (local.get 1) (i32.const 0) (i32.const 0)
      (i64.const 0) (i64.const 30000))))
  (func $both (export "both")
    (drop (call $input (i32.const 100) (i32.const 32)))
    (call $once (i32.const 0) (i32.const 3))
    (call $once (i32.const 3) (i32.const 4))))"#;

fn named(wat: &str, name: &str, functions: &[(&str, &[Type])]) -> Vec<u8> {
    let functions = functions.iter().map(|(name, params)| Function {
        name: (*name).to_owned(),
        flags: Flags::default(),
        params: params
            .iter()
            .map(|ty| vm_core::interface::Field { name: "it".to_owned(), ty: ty.clone() })
            .collect(),
        returns: Type::unit(),
        docs: String::new(),
    });
    let interface =
        Interface { name: name.to_owned(), functions: functions.collect(), ..Interface::default() };
    module(wat, &interface)
}

fn work() -> Vec<u8> {
    named(WORK, "work", &[("fib", &[]), ("trap", &[]), ("many", &[]), ("deep", &[]), ("back", &[])])
}

fn front() -> Vec<u8> {
    named(FRONT, "front", &[("both", &[Type::Address])])
}

/// What nodes store of a module with names.
fn stored(named: &[u8]) -> Vec<u8> {
    vm_cli::build::module::finished(named).unwrap()
}

struct Chain {
    params: Params,
    store: MemoryStore,
    work: Address,
    front: Address,
}

fn alice() -> Address {
    Address::named("alice")
}

impl Chain {
    /// Both contracts, deployed.
    fn new() -> Self {
        Self::with(|limits| limits.wasm_depth = 2_000)
    }

    fn with(change: impl FnOnce(&mut vm_core::Limits)) -> Self {
        let base = Params::default();
        let mut limits = base.limits().clone();
        change(&mut limits);
        Self::of(Params::new("test", limits, base.features(), base.gas().clone()).unwrap())
    }

    fn of(params: Params) -> Self {
        let genesis = Genesis::new(&params, 0, &[(alice(), 1_000_000_000_000)]).unwrap();
        let (work, front) = (stored(&work()), stored(&front()));
        let address = |code: &[u8]| Address::of_contract(&alice(), &Hash::ZERO, &Hash::of_code(code));
        let mut chain =
            Self { params, store: MemoryStore::new(&genesis), work: address(&work), front: address(&front) };
        let deploy = |code| Payload::Deploy {
            code: CodeSource::Bytes(code),
            salt: Hash::ZERO,
            args: vec![],
            value: 0,
        };
        let block = chain.block(vec![deploy(work), deploy(front)]);
        let view = chain.view();
        let outcome = Vm::new(chain.params.clone()).execute_block(&view, &block, Options::default()).unwrap();
        assert!(outcome.transactions.iter().all(|done| done.receipt.status.is_success()));
        chain.store.commit(&outcome.commit).unwrap();
        chain
    }

    fn view(&self) -> Arc<dyn View> {
        self.store.view().unwrap()
    }

    fn block(&self, payloads: Vec<Payload>) -> Block {
        let view = self.view();
        let nonce = vm_state::StateReader::new(&*view).account(&alice()).unwrap().nonce;
        let transactions = payloads
            .into_iter()
            .zip(nonce..)
            .map(|(payload, nonce)| Transaction {
                sender: alice(),
                nonce,
                gas_limit: 100_000_000,
                gas_price: 0,
                payload,
            })
            .collect();
        let height = view.header().height + 1;
        let context = BlockContext { height, time: 0, proposer: alice() };
        Block { context, mints: vec![], transactions }
    }

    fn call(&self, contract: Address, function: &str, args: Vec<u8>) -> Block {
        self.block(vec![Payload::Call { contract, function: function.to_owned(), args, value: 0 }])
    }

    /// The profile of a call of `work`, with its names.
    fn work(&self, function: &str) -> Profile {
        let names = [NamedModule::new("work.named.wasm", &work()).unwrap()];
        self.profile(&self.call(self.work, function, vec![]), &names)
    }

    fn profile(&self, block: &Block, named: &[NamedModule]) -> Profile {
        let profile = profile(&self.params, &self.view(), block, 0, named).unwrap();
        assert_eq!((profile.deviation(), profile.attributed()), (0, profile.fuel));
        profile
    }
}

fn row<'r>(rows: &'r [Row], name: &str) -> &'r Row {
    rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no {name:?} in {rows:#?}"))
}

/// The stacks of a profile, with their fuel.
fn stacks(profile: &Profile) -> BTreeMap<String, u64> {
    let folded = profile.to_folded();
    let stack = |line: &str| {
        let (stack, fuel) = line.rsplit_once(' ').unwrap();
        (stack.to_owned(), fuel.parse().unwrap())
    };
    folded.lines().map(stack).collect()
}

#[test]
fn a_function_that_calls_itself_is_counted_once_in_its_total() {
    let profile = Chain::new().work("fib");
    assert_eq!((profile.title.as_str(), profile.status), ("work.fib", Status::Success));
    let rows = profile.rows();
    // fib(8) calls itself 66 times.
    let fib = row(&rows, "fib");
    assert_eq!((fib.calls, fib.contract.as_deref()), (67, Some("work")));
    assert_eq!(fib.own_fuel, fib.total_fuel, "it calls nothing else");
    assert_eq!(row(&rows, "fib_export").total_fuel, fib.own_fuel + row(&rows, "fib_export").own_fuel);
    let stacks = stacks(&profile);
    let deepest = format!("work.fib;fib_export{}", ";fib".repeat(8));
    assert!(stacks.contains_key(&deepest), "{stacks:?}");
    // A leaf of fib: the block, compare, the constant, two times get, and `if`.
    assert_eq!(stacks.values().sum::<u64>(), profile.fuel);
}

#[test]
fn what_a_trap_leaves_open_ends_with_its_frame_and_the_rest_is_forfeited() {
    let profile = Chain::new().work("trap");
    assert_eq!(profile.status, Status::Failed(ErrorCode::Unreachable));
    let stacks = stacks(&profile);
    let names: Vec<&str> = stacks.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "(transaction)",
            "work.trap;(forfeited)",
            "work.trap;(load and start)",
            "work.trap;trap",
            "work.trap;trap;work::outer",
            "work.trap;trap;work::outer;inner",
            "work.trap;trap;work::outer;inner;block_height",
        ]
    );
    assert_eq!(stacks["work.trap;trap;work::outer;inner;block_height"], 10 * 8, "the table's price");
    assert!(stacks["work.trap;(forfeited)"] > 7 * stacks["work.trap;(load and start)"]);
}

#[test]
fn a_revert_is_a_host_function_that_ends_its_frame() {
    let profile = Chain::new().work("back");
    assert_eq!(profile.status, Status::Reverted);
    let stacks = stacks(&profile);
    assert_eq!(stacks["work.back;back;revert"], (10 + 3) * 8);
    assert!(!stacks.contains_key("work.back;(forfeited)"));
}

#[test]
fn calls_of_other_contracts_nest_and_are_named_where_their_names_are_given() {
    let chain = Chain::new();
    let block = chain.call(chain.front, "both", chain.work.encode());
    let names = [NamedModule::new("front.named.wasm", &front()).unwrap()];
    let profile = chain.profile(&block, &names);
    assert_eq!((profile.title.as_str(), profile.status), ("front.both", Status::Success));
    let found = stacks(&profile);
    // fib_export is 7: two imports and five functions stand before it.
    for stack in [
        "front.both;both;input",
        "front.both;both;once;call",
        "front.both;both;once;call;work.fib;(load and start)",
        "front.both;both;once;call;work.fib;function #7;function #2;function #2",
        "front.both;both;once;call;work.trap;(forfeited)",
    ] {
        assert!(found.contains_key(stack), "{stack} is not in {found:#?}");
    }
    // Both calls, beside what the callees take: the price, the address, the name.
    assert_eq!(found["front.both;both;once;call"], (2 * 10_000 + 7) * 8);
    let callee = profile.rows();
    // A caught halt bills what was granted.
    assert_eq!(row(&callee, "work.trap").total_fuel, 30_000 * 8);

    let both = [names[0].clone(), NamedModule::new("work.named.wasm", &work()).unwrap()];
    let found = stacks(&chain.profile(&block, &both));
    assert!(found.contains_key("front.both;both;once;call;work.fib;fib_export;fib;fib"), "{found:#?}");
}

#[test]
fn without_names_functions_are_called_by_their_index() {
    let chain = Chain::new();
    let profile = chain.profile(&chain.call(chain.work, "fib", vec![]), &[]);
    assert!(stacks(&profile).contains_key("work.fib;function #7;function #2"));
    assert!(profile.to_text().contains("work: function #2\n"), "{}", profile.to_text());
}

#[test]
fn names_of_another_build_are_refused_and_those_of_other_contracts_are_said_to_be_unused() {
    let chain = Chain::new();
    let block = chain.call(chain.work, "fib", vec![]);
    let other = named(&WORK.replace("i32.const 8", "i32.const 9"), "work", &[("fib", &[])]);
    let other = NamedModule::new("old.named.wasm", &other).unwrap();
    let try_with = |named: &[NamedModule]| profile(&chain.params, &chain.view(), &block, 0, named);
    let error = try_with(std::slice::from_ref(&other)).unwrap_err();
    let ran = Hash::of_code(&stored(&work()));
    assert_eq!(
        error.to_string(),
        format!(
            "old.named.wasm is another build of `work`: its code hash is {}, what ran is {ran}",
            other.code_hash()
        )
    );
    assert!(matches!(error, ProfileError::OtherBuild { .. }));

    let right = NamedModule::new("work.named.wasm", &work()).unwrap();
    assert_eq!(right.code_hash(), ran);
    let front = NamedModule::new("front.named.wasm", &front()).unwrap();
    let profile = try_with(&[other, front, right]).unwrap();
    assert_eq!(profile.unused, ["old.named.wasm", "front.named.wasm"], "the right names are there too");
    assert!(profile.to_text().contains("front.named.wasm: its code did not run"));
}

#[test]
fn modules_without_names_and_files_that_are_no_modules_give_none() {
    let wrong = |bytes: &[u8]| NamedModule::new("x.wasm", bytes).unwrap_err();
    let error = wrong(&stored(&work()));
    assert!(matches!(error, NamedError::NoNames { .. }));
    assert_eq!(
        (error.to_string().as_str(), error.exit()),
        ("x.wasm has no names of functions", Exit::BadInput)
    );
    assert!(matches!(wrong(b"\0asm\x01\0\0\0\x0a\x05"), NamedError::Module { .. }));
    let error = wrong(&wat::parse_str("(module (func $f))").unwrap());
    assert!(error.to_string().starts_with("x.wasm: "), "{error}");
    let mut broken = wat::parse_str("(module (func $f))").unwrap();
    broken.extend(*b"\0\x0d\x0cvm.interface");
    assert!(matches!(wrong(&broken), NamedError::Interface { .. }));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("work.named.wasm");
    assert!(matches!(NamedModule::read(&path).unwrap_err(), NamedError::File { .. }));
    std::fs::write(&path, work()).unwrap();
    assert_eq!(NamedModule::read(&path).unwrap().code_hash(), Hash::of_code(&stored(&work())));
}

#[test]
fn what_is_not_in_the_block_and_blocks_that_are_refused_have_no_profile() {
    let chain = Chain::new();
    let mut block = chain.call(chain.work, "fib", vec![]);
    let error = profile(&chain.params, &chain.view(), &block, 1, &[]).unwrap_err();
    assert_eq!(error.to_string(), "the block has 1 transactions, none has the index 1");
    block.transactions[0].nonce += 1;
    let error = profile(&chain.params, &chain.view(), &block, 0, &[]).unwrap_err();
    assert!(matches!(error, ProfileError::Block(_)), "{error}");
    assert_eq!(error.exit(), Exit::BadInput);
    // What the node cannot do says nothing of the block.
    let failure = NodeFailure::Invariant("a test's");
    assert_eq!(ProfileError::from(BlockError::Failure(failure)).exit(), Exit::NodeFailure);
}

#[test]
fn transactions_that_run_no_code_and_calls_that_are_refused_have_a_profile() {
    let chain = Chain::new();
    let transfer = chain.block(vec![Payload::Transfer { to: Address::named("bob"), amount: 1 }]);
    let found = chain.profile(&transfer, &[]);
    let short: String = Address::named("bob").to_string().chars().take(10).collect();
    assert_eq!(found.title, format!("{short}.(transfer)"));
    let nothing = chain.call(chain.work, "nothing", vec![]);
    let found = chain.profile(&nothing, &[]);
    assert_eq!(found.status, Status::Failed(ErrorCode::FunctionNotFound));
    assert!(found.rows().iter().any(|row| row.name == "(load and start)" && row.own_fuel > 0));
    let upload = chain.block(vec![Payload::Upload { code: stored(&work()) }]);
    assert!(chain.profile(&upload, &[]).title.ends_with(".(upload)"));
}

#[test]
fn only_the_transaction_asked_for_is_in_the_profile_after_those_before_it() {
    let chain = Chain::new();
    let call = |function: &str| Payload::Call {
        contract: chain.work,
        function: function.to_owned(),
        args: vec![],
        value: 0,
    };
    let block = chain.block(vec![call("trap"), call("fib"), call("back")]);
    let outcome =
        Vm::new(chain.params.clone()).execute_block(&chain.view(), &block, Options::default()).unwrap();
    for (index, title) in [(0, "work.trap"), (1, "work.fib"), (2, "work.back")] {
        let found = profile(&chain.params, &chain.view(), &block, index, &[]).unwrap();
        let executed = &outcome.transactions[usize::try_from(index).unwrap()];
        assert_eq!(found.title, title);
        assert_eq!((found.fuel, found.deviation()), (executed.resources.billed_fuel(), 0));
        assert_eq!(found.gas_used, executed.receipt.gas_used);
    }
}

#[test]
fn a_witness_gives_the_profile_that_the_store_gives() {
    let chain = Chain::new();
    let block = chain.call(chain.front, "both", chain.work.encode());
    let (view, vm) = (chain.view(), Vm::new(chain.params.clone()));
    let witness = vm.execute_block(&view, &block, Options::default()).unwrap().witness(&*view).unwrap();
    let light: Arc<dyn View> = Arc::new(Witness::open(view.header(), &witness).unwrap().view(view.header()));
    let shown = profile(&chain.params, &light, &block, 0, &[]).unwrap();
    assert_eq!(shown.to_folded(), chain.profile(&block, &[]).to_folded());
}

/// Walks an evented profile as speedscope does; gives each frame's own fuel by name.
fn walk_events(file: &Value) -> BTreeMap<String, u64> {
    let (mut open, mut own, mut now) = (Vec::<u64>::new(), BTreeMap::<u64, u64>::new(), 0);
    for event in file["profiles"][0]["events"].as_array().unwrap() {
        let at = event["at"].as_u64().unwrap();
        if let Some(frame) = open.last() {
            *own.entry(*frame).or_default() += at - now;
        } else {
            assert_eq!(at, now, "fuel outside of every frame");
        }
        now = at;
        let frame = event["frame"].as_u64().unwrap();
        match event["type"].as_str().unwrap() {
            "O" => open.push(frame),
            "C" => assert_eq!(open.pop(), Some(frame), "frames close in order"),
            other => panic!("{other}"),
        }
    }
    assert!(open.is_empty());
    assert_eq!(file["profiles"][0]["endValue"], now);
    let name = |frame: u64| {
        file["shared"]["frames"][usize::try_from(frame).unwrap()]["name"].as_str().unwrap().to_owned()
    };
    own.into_iter().map(|(frame, fuel)| (name(frame), fuel)).filter(|(_, fuel)| *fuel > 0).collect()
}

#[test]
fn speedscopes_file_opens_and_closes_frames_in_order_of_time() {
    let chain = Chain::new();
    let block = chain.call(chain.front, "both", chain.work.encode());
    let names = [
        NamedModule::new("front.named.wasm", &front()).unwrap(),
        NamedModule::new("work.named.wasm", &work()).unwrap(),
    ];
    let profile = chain.profile(&block, &names);
    let file = profile.to_speedscope();
    assert_eq!(file["$schema"], "https://www.speedscope.app/file-format-schema.json");
    assert_eq!(
        (&file["profiles"][0]["type"], &file["profiles"][0]["unit"]),
        (&json!("evented"), &json!("none"))
    );
    // `(load and start)` stands under three calls, and is one frame.
    let own: BTreeMap<String, u64> = profile
        .rows()
        .into_iter()
        .filter(|row| row.own_fuel > 0 && row.name != "(forfeited)")
        .map(|row| (row.name, row.own_fuel))
        .collect();
    assert_eq!(walk_events(&file), own);
}

#[test]
fn the_flame_graph_names_functions_and_is_the_same_each_time() {
    let chain = Chain::new();
    let profile = chain.work("trap");
    let svg = String::from_utf8(profile.to_svg().unwrap()).unwrap();
    for part in [
        "<svg",
        "work.trap: ",
        "in fuel; 8 units are a gas; not shown: ",
        "work::outer (",
        "block_height (80 fuel,",
    ] {
        assert!(svg.contains(part), "{part:?} is not in\n{svg}");
    }
    assert_eq!(chain.work("trap").to_svg().unwrap(), svg.as_bytes());
}

#[test]
fn a_run_that_took_nothing_has_no_flame_graph() {
    let base = Params::default();
    let gas = GasSchedule { tx_base: 0, tx_byte: 0, transfer: 0, ..base.gas().clone() };
    let free = Params::new("free", base.limits().clone(), base.features(), gas).unwrap();
    let chain = Chain::of(free);
    let mut transfer = chain.block(vec![Payload::Transfer { to: Address::named("bob"), amount: 1 }]);
    // Without gas it ends at the first entry that it touches.
    transfer.transactions[0].gas_limit = 0;
    let profile = chain.profile(&transfer, &[]);
    assert_eq!((profile.attributed(), profile.status), (0, Status::Failed(ErrorCode::OutOfGas)));
    assert!(profile.to_svg().is_err());
    assert_eq!(profile.to_folded(), "");
}

#[test]
fn the_table_says_what_was_burned_and_by_what() {
    let text = Chain::new().work("fib").to_text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("work.fib  success, "), "{text}");
    assert!(lines[1].ends_with("fuel in this profile, deviation 0"), "{text}");
    assert!(lines.iter().any(|line| line.ends_with("        67  work: fib")), "{text}");
}

#[test]
fn a_profile_is_bounded_and_keeps_every_unit() {
    let chain = Chain::new();
    // More levels than the tree has: what is deeper is with the deepest that is kept.
    let deep = chain.work("deep");
    assert_eq!(deep.status, Status::Success);
    assert!(deep.tree.truncated && deep.to_text().contains("the tree is cut"));
    let depth = |stack: &String| stack.split(';').count();
    assert_eq!(stacks(&deep).keys().map(depth).max(), Some(DEPTH_MAX));
    // More calls than the timeline has room for: stacks with weights instead.
    let many = chain.work("many");
    assert!(!many.tree.truncated && many.timeline.is_none());
    assert!(row(&many.rows(), "fib").calls * 2 > u64::try_from(EVENTS_MAX).unwrap());
    let file = many.to_speedscope();
    assert_eq!(file["profiles"][0]["type"], "sampled");
    let weights = file["profiles"][0]["weights"].as_array().unwrap();
    let sum: u64 = weights.iter().map(|weight| weight.as_u64().unwrap()).sum();
    assert_eq!(sum, many.fuel);
    assert_eq!(file["profiles"][0]["samples"].as_array().unwrap().len(), weights.len());
}

#[test]
fn a_tree_has_no_more_nodes_than_its_bound() {
    // Two functions that call each other in every order: 2^depth stacks.
    let wat = r#"(module (memory (export "memory") 1 1)
      (func $a (param i32) (call $fork (local.get 0)))
      (func $b (param i32) (call $fork (local.get 0)))
      (func $fork (param i32) (if (local.get 0) (then
        (call $a (i32.sub (local.get 0) (i32.const 1))) (call $b (i32.sub (local.get 0) (i32.const 1))))))
      (func (export "run") (call $fork (i32.const 15))))"#;
    let chain = Chain::new();
    let code = stored(&named(wat, "forks", &[("run", &[])]));
    let contract = Address::of_contract(&alice(), &Hash::ZERO, &Hash::of_code(&code));
    let deploy = Payload::Deploy { code: CodeSource::Bytes(code), salt: Hash::ZERO, args: vec![], value: 0 };
    let run = Payload::Call { contract, function: "run".to_owned(), args: vec![], value: 0 };
    let block = chain.block(vec![deploy, run]);
    let found = profile(&chain.params, &chain.view(), &block, 1, &[]).unwrap();
    assert_eq!((found.status, found.deviation()), (Status::Success, 0));
    let mut nodes = 0;
    found.tree.walk(|_| nodes += 1);
    assert!(found.tree.truncated && (NODES_MAX..NODES_MAX + 2).contains(&nodes), "{nodes}");
}
