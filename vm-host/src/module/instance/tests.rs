#![allow(clippy::as_conversions, clippy::arithmetic_side_effects, reason = "tests")]

use alloc::collections::BTreeMap;
use alloc::vec;

use parity_scale_codec::Encode as _;
use vm_core::abi::{INTERFACE_SECTION, MEMORY_EXPORT};
use vm_core::interface::{Flags, Function, Interface, Type};
use vm_core::{Address, BlockContext, Hash, Params};
use vm_state::{Genesis, Journal, MemoryStore, Store as _};

use alloc::sync::Arc;

use super::*;
use crate::frame::{Identity, PageLimiter};
use crate::module::{CacheLimits, ModuleCache};
use crate::session::{Running as Transaction, Session};

fn code(wat: &str) -> Vec<u8> {
    use wasm_encoder::{Encode as _, Section as _};
    let run = Function {
        name: "run".into(),
        flags: Flags::default(),
        params: vec![],
        returns: Type::unit(),
        docs: String::new(),
    };
    let interface = Interface { name: "t".into(), functions: vec![run], ..Interface::default() }.encode();
    let section =
        wasm_encoder::CustomSection { name: INTERFACE_SECTION.into(), data: interface.as_slice().into() };
    let mut code = wat::parse_str(wat).unwrap();
    code.push(section.id());
    section.encode(&mut code);
    code
}

fn prepared(wat: &str) -> Arc<Prepared> {
    let code = code(wat);
    ModuleCache::new(CacheLimits::default())
        .prepare(&Hash::of_code(&code), &code, &Params::default(), None)
        .unwrap()
}

fn state() -> FrameState {
    let params = Params::default();
    let store = MemoryStore::new(&Genesis::new(&params, 0, &[]).unwrap());
    let block = BlockContext { height: 1, time: 0, proposer: Address::ZERO };
    let (journal, running) =
        (Journal::new(store.view().unwrap()), Transaction::new(Address::ZERO, Hash::ZERO, 0));
    let session = Session::new(&Arc::new(params), block, journal, running, None);
    let identity = Identity {
        contract: Address::ZERO,
        sender: Address::ZERO,
        value: 0,
        view: false,
        depth: 0,
        input: vec![1, 2, 3],
    };
    FrameState::new(session, identity, PageLimiter::new(100))
}

fn start(prepared: &Prepared) -> (Box<Store<FrameState>>, Instance, Option<Running>) {
    let mut store = Box::new(Store::new(&prepared.engine, state()));
    store.limiter(|state| &mut state.pages);
    store.set_fuel(1_000_000).unwrap();
    let instance = prepared.linker.instantiate_and_start(&mut *store, &prepared.module).unwrap();
    store.data_mut().memory = instance.get_memory(&*store, MEMORY_EXPORT);
    let running = Running::new(prepared, &store, instance);
    (store, instance, running)
}

/// An instance of the module that ran nothing and waits.
pub(in crate::module) fn idle(prepared: &Prepared) -> Idle {
    let (store, _, running) = start(prepared);
    running.unwrap().end(store, &prepared.info).unwrap()
}

/// Memory and exported globals, by name.
fn contents(store: &Store<FrameState>, instance: Instance) -> (Vec<u8>, BTreeMap<String, String>) {
    let memory = instance.get_memory(store, MEMORY_EXPORT).unwrap().data(store).to_vec();
    let globals = instance.exports(store).filter_map(|export| {
        let name = String::from(export.name());
        Some((name, format!("{:?}", export.into_global()?.get(store))))
    });
    (memory, globals.collect())
}

const SPOILS: &str = r#"(module (memory (export "memory") 1 2)
    (data (i32.const 5000) "data") (data (i32.const 65532) "last") (data (i32.const 5002) "over") (data "passive")
    (global (mut i32) (i32.const 4)) (global i32 (i32.const 5)) (global (mut i64) (i64.const -6))
    (func (export "run")
        (memory.fill (i32.const 0) (i32.const 255) (i32.const 65536))
        (global.set 0 (i32.const 1)) (global.set 2 (i64.const 1))))"#;

#[test]
fn r2_an_instance_that_ran_is_made_as_new() {
    let prepared = prepared(SPOILS);
    let (mut store, instance, running) = start(&prepared);
    let fresh = contents(&store, instance);
    assert_eq!(fresh.1.keys().collect::<Vec<_>>(), ["global 0", "global 2"], "mutable ones, and no other");
    instance.get_typed_func::<(), ()>(&*store, "run").unwrap().call(&mut *store, ()).unwrap();
    let spoilt = contents(&store, instance);
    assert!(fresh.0.iter().zip(&spoilt.0).all(|(fresh, spoilt)| fresh != spoilt), "all bytes differ");
    assert!(fresh.1.values().zip(spoilt.1.values()).all(|(fresh, spoilt)| fresh != spoilt));

    let reuse = prepared.reuse.as_ref().unwrap();
    assert_eq!(reuse.data.len(), 3, "the passive segment is not memory");
    let idle = running.unwrap().end(store, &prepared.info).unwrap();
    assert!(idle.store.data().input.is_empty(), "arguments are not kept");
    let (store, instance, running) = idle.renew(reuse, state()).unwrap();
    assert_eq!(contents(&store, instance), fresh);
    assert_eq!(store.data().input, [1, 2, 3], "the new frame's state");
    assert_eq!((store.data().pages.now, store.data().pages.peak), (1, 1));
    assert!(store.data().memory.is_some());
    // And again, as often as one likes.
    let (store, instance, _) = running.end(store, &prepared.info).unwrap().renew(reuse, state()).unwrap();
    assert_eq!(contents(&store, instance), fresh);
}

#[test]
fn what_cannot_be_made_as_new_is_not_kept() {
    let grows = prepared(
        r#"(module (memory (export "memory") 1 2) (func (export "run") (drop (memory.grow (i32.const 1)))))"#,
    );
    let (mut store, instance, running) = start(&grows);
    instance.get_typed_func::<(), ()>(&*store, "run").unwrap().call(&mut *store, ()).unwrap();
    assert!(running.unwrap().end(store, &grows.info).is_none(), "a memory that grew");

    let drops = prepared(
        r#"(module (memory (export "memory") 1 1) (data $d "x") (func (export "run") (data.drop $d)))"#,
    );
    assert!(drops.info.drops_data && drops.reuse.is_none() && start(&drops).2.is_none());

    for (pages, kept) in [(0, true), (1, true), (KEPT_PAGES_MAX, true), (KEPT_PAGES_MAX + 1, false)] {
        let wat = format!(r#"(module (memory (export "memory") {pages} 100) (func (export "run")))"#);
        let prepared = prepared(&wat);
        assert!(!prepared.info.drops_data);
        assert_eq!(prepared.reuse.is_some(), kept, "{pages} pages");
    }
}

#[test]
fn data_that_does_not_fit_makes_no_instance_and_no_panic() {
    let beyond = prepared(
        r#"(module (memory (export "memory") 1 1) (data (i32.const 65535) "xy") (func (export "run")))"#,
    );
    assert!(beyond.reuse.is_some());
    let mut store = Store::new(&beyond.engine, state());
    store.limiter(|state| &mut state.pages);
    assert!(beyond.linker.instantiate_and_start(&mut store, &beyond.module).is_err());
}

#[test]
fn exports_are_added_and_nothing_else_changes() {
    let globals = "(global (mut i64) (i64.const 1))".repeat(300);
    let code = code(&format!(
        r#"(module (memory (export "memory") 1 1) {globals} (func (export "run") (global.set 299 (i64.const 2))))"#
    ));
    let globals: Vec<(String, u32)> = (0..300).map(|index| (format!("global {index}"), index)).collect();
    let changed = export_globals(&code, &globals).unwrap();
    let sections = |code: &[u8]| {
        let mut reader = BinaryReader::new(code.get(8..).unwrap(), 0);
        let mut found = vec![];
        while !reader.eof() {
            let id = reader.read_u8().unwrap();
            let len = reader.read_var_u32().unwrap() as usize;
            found.push((id, reader.read_bytes(len).unwrap().to_vec()));
        }
        found
    };
    let (before, after) = (sections(&code), sections(&changed));
    assert_eq!(before.len(), after.len());
    for ((id, before), (same, after)) in before.iter().zip(&after) {
        assert_eq!(id, same);
        assert_eq!(before == after, *id != EXPORT_SECTION, "section {id}");
    }
    let engine = crate::module::engine::engine(&Params::default());
    let module = wasmi::Module::new(&engine, &changed).unwrap();
    let exports: Vec<String> = module.exports().map(|export| export.name().into()).collect();
    assert!(globals.iter().all(|(name, _)| exports.contains(name)) && exports.len() == 302);
}

#[test]
fn bytes_that_are_no_module_are_no_panic() {
    let code = code(SPOILS);
    let globals = [(String::from("global 0"), 0)];
    for len in 0..code.len() {
        let cut = code.get(..len).unwrap();
        if let Some(changed) = export_globals(cut, &globals) {
            assert!(changed.len() > len, "a module cut between two sections, after its exports");
        }
    }
    assert_eq!(export_globals(b"\0asm\x01\0\0\0", &globals), None, "no export section");
}

#[test]
fn a_number_has_the_bytes_that_wasm_reads() {
    for value in [0, 1, 127, 128, 255, 16_383, 16_384, 2_097_151, 2_097_152, u32::MAX] {
        let mut bytes = vec![];
        leb128(&mut bytes, value);
        let mut reader = BinaryReader::new(&bytes, 0);
        assert_eq!((reader.read_var_u32().unwrap(), reader.eof()), (value, true));
    }
}
