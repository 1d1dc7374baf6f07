//! Objects, fields, owners and permissions through real wasm.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod common;

use common::script::{Arg, INPUT, RESULTS, SCRATCH, Script, results};
use common::*;
use parity_scale_codec::Encode;
use vm_core::abi::HostFunction as F;
use vm_core::interface::Type;
use vm_core::{Address, ErrorCode, ObjectId, Status};
use vm_state::StateReader;

fn guest(code: ErrorCode) -> i64 {
    code.to_guest().into()
}

/// Deploys and runs a script once, as alice.
fn run(chain: &mut Chain, script: &Script) -> vm_core::Receipt {
    let contract = chain.deploy(&script.build());
    chain.call(contract, "run", ())
}

#[test]
fn r15_r30_r31_a_new_object_is_the_contracts_and_keeps_its_fields() {
    let mut chain = Chain::new();
    let mut script = Script::new();
    let object = script.call(F::object_create, &[0]);
    script.set(object, "balance", &7u64.encode());
    let read = script.get(object, "balance");
    let missing = script.get(object, "other");
    let name = script.bytes(b"balance");
    let removed = script.op(F::field_remove, &[Arg::Out(object), name.into(), 7.into()]);
    let after = script.get(object, "balance");
    let again = script.op(F::field_remove, &[Arg::Out(object), name.into(), 7.into()]);
    script.op(F::object_owner, &[Arg::Out(object), (RESULTS + 800).into()]);
    let contract = chain.deploy(&script.build());
    let receipt = chain.call(contract, "run", ());
    assert_eq!(receipt.status, Status::Success);
    let out = results(&receipt.output);
    assert_eq!(out[read], 8);
    assert_eq!(out[missing], guest(ErrorCode::FieldNotFound));
    assert_eq!(out[removed], 0);
    assert_eq!(out[after], guest(ErrorCode::FieldNotFound));
    assert_eq!(out[again], guest(ErrorCode::FieldNotFound));
    let view = chain.view();
    let found = StateReader::new(&*view).objects_of(&contract, &contract, None, 10).unwrap();
    assert_eq!(found.len(), 1);
    let meta = StateReader::new(&*view).object(&found[0].0).unwrap().unwrap();
    assert_eq!((meta.contract, meta.owner), (contract, contract));
}

#[test]
fn r16_r33_another_contracts_object_is_as_absent_as_none() {
    let mut chain = Chain::new();
    let mut maker = Script::new();
    maker.call(F::object_create, &[0]);
    let owner = chain.deploy(&maker.build());
    assert_eq!(chain.call(owner, "run", ()).status, Status::Success);
    let (id, _) = StateReader::new(&*chain.view()).objects_of(&owner, &owner, None, 1).unwrap()[0];
    let mut thief = Script::new().param("id", Type::ObjectId);
    let got = thief.call(F::object_get, &[INPUT]);
    let contract = chain.deploy(&thief.build());
    let receipt = chain.call(contract, "run", id);
    assert_eq!(results(&receipt.output)[got], guest(ErrorCode::ObjectNotFound));
    let receipt = chain.call(contract, "run", ObjectId([9; 32]));
    assert_eq!(results(&receipt.output)[got], guest(ErrorCode::ObjectNotFound));
    // R21: deleting it traps, and changes nothing.
    let mut killer = Script::new().param("id", Type::ObjectId);
    killer.call(F::object_delete, &[INPUT]);
    let contract = chain.deploy(&killer.build());
    assert_eq!(failed(&chain.call(contract, "run", id)), Some(ErrorCode::ObjectNotFound));
    assert!(StateReader::new(&*chain.view()).object(&id).unwrap().is_some());
}

#[test]
fn r17_r30_the_object_owned_longest_comes_first_and_a_new_owner_begins_at_the_end() {
    let mut chain = Chain::new();
    let mut script = Script::new();
    let (to_bob, to_alice) = (script.bytes(&bob().0), script.bytes(&alice().0));
    let objects: Vec<usize> = (0..3).map(|_| script.call(F::object_create, &[0])).collect();
    for &object in &objects {
        script.op(F::object_set_owner, &[Arg::Out(object), to_bob.into()]);
    }
    // The first leaves and comes back: now it is the one owned shortest. To the present owner changes nothing.
    script.op(F::object_set_owner, &[Arg::Out(objects[0]), to_alice.into()]);
    script.op(F::object_set_owner, &[Arg::Out(objects[0]), to_bob.into()]);
    script.op(F::object_set_owner, &[Arg::Out(objects[1]), to_bob.into()]);
    for (slot, &object) in objects.iter().enumerate() {
        script.op(F::object_id, &[Arg::Out(object), (SCRATCH + 32 * u64::try_from(slot).unwrap()).into()]);
    }
    let first = script.call(F::object_get_by_owner, &[to_bob]);
    script.op(F::object_id, &[Arg::Out(first), (SCRATCH + 96).into()]);
    script.call(F::ret, &[SCRATCH, 128]);
    let contract = chain.deploy(&script.clone().build());
    let receipt = chain.call(contract, "run", ());
    assert_eq!(receipt.status, Status::Success);
    let listed = StateReader::new(&*chain.view()).objects_of(&contract, &bob(), None, 10).unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed.windows(2).all(|pair| pair[0].1 < pair[1].1));
    // Creation took stamps 0 to 2, the first gifts 3 to 5, then 6 to alice and 7 back to bob.
    assert_eq!(listed.iter().map(|(_, stamp)| stamp.index).collect::<Vec<_>>(), [4, 5, 7]);
    let none = StateReader::new(&*chain.view()).objects_of(&contract, &alice(), None, 10).unwrap();
    assert!(none.is_empty());
}

#[test]
fn r17_paging_lists_every_object_once() {
    let mut chain = Chain::new();
    let mut script = Script::new();
    let owner = script.bytes(&bob().0);
    for _ in 0..5 {
        let object = script.call(F::object_create, &[0]);
        script.op(F::object_set_owner, &[Arg::Out(object), owner.into()]);
    }
    let pages: Vec<usize> =
        (0..4).map(|_| script.call(F::objects_of, &[owner, SCRATCH, SCRATCH + 64, 2])).collect();
    let receipt = run(&mut chain, &script);
    let out = results(&receipt.output);
    assert_eq!(pages.iter().map(|&page| out[page]).collect::<Vec<_>>(), [2, 2, 1, 0]);
}

#[test]
fn r18_deletion_takes_metadata_index_and_all_fields_and_later_use_fails() {
    let mut chain = Chain::new();
    let mut script = Script::new();
    let object = script.call(F::object_create, &[0]);
    for field in 0..20u8 {
        script.set(object, &format!("field {field}"), &[field]);
    }
    script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
    script.call(F::object_delete, &[SCRATCH]);
    let stale = script.get(object, "field 1");
    let stale_set = script.set(object, "field 1", &[1]);
    let gone = script.call(F::object_get, &[SCRATCH]);
    let receipt = run(&mut chain, &script);
    let out = results(&receipt.output);
    assert_eq!(out[stale], guest(ErrorCode::ObjectNotFound));
    assert_eq!(out[stale_set], guest(ErrorCode::ObjectNotFound));
    assert_eq!(out[gone], guest(ErrorCode::ObjectNotFound));
    assert!(receipt.gas_refunded > 0);
    let view = chain.view();
    for space in [vm_core::KeySpace::Field, vm_core::KeySpace::Object, vm_core::KeySpace::Owned] {
        assert!(entries_from(&*view, space).is_empty(), "{space:?}");
    }
    let mut owner = script.clone();
    owner.op(F::object_owner, &[Arg::Out(object), SCRATCH.into()]);
    assert_eq!(
        failed(&run(&mut chain, &owner)),
        Some(ErrorCode::ObjectNotFound),
        "R21: owner() has no error channel"
    );
}

/// An object with policy Owner that belongs to bob, in a contract with a function for each change.
fn owned_by_bob(chain: &mut Chain, change: impl FnOnce(&mut Script, usize)) -> (Address, Script) {
    let mut script = Script::new().param("make", Type::Bool);
    let owner = script.bytes(&bob().0);
    let object = script.call(F::object_create, &[1]);
    script.set(object, "f", &[1]);
    script.op(F::object_set_owner, &[Arg::Out(object), owner.into()]);
    change(&mut script, object);
    (chain.deploy(&script.build()), script)
}

#[test]
fn r33_policy_owner_lets_only_the_owner_change_an_object() {
    let mut chain = Chain::new();
    // set and remove return the error; alice is not the owner any more.
    let (contract, _) = owned_by_bob(&mut chain, |script, object| {
        script.set(object, "f", &[2]);
        let name = script.bytes(b"f");
        script.op(F::field_remove, &[Arg::Out(object), name.into(), 1.into()]);
        script.get(object, "f");
    });
    let receipt = chain.call(contract, "run", true);
    let out = results(&receipt.output);
    assert_eq!(receipt.status, Status::Success);
    let denied = guest(ErrorCode::Permission);
    assert_eq!(out[out.len() - 3..], [denied, denied, 1], "reading is the contract's own affair");
    // set_owner and delete halt.
    let (contract, _) = owned_by_bob(&mut chain, |script, object| {
        let thief = script.bytes(&alice().0);
        script.op(F::object_set_owner, &[Arg::Out(object), thief.into()]);
    });
    assert_eq!(failed(&chain.call(contract, "run", true)), Some(ErrorCode::Permission));
    let (contract, _) = owned_by_bob(&mut chain, |script, object| {
        script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
        script.call(F::object_delete, &[SCRATCH]);
    });
    assert_eq!(failed(&chain.call(contract, "run", true)), Some(ErrorCode::Permission));
    // Bob himself may.
    let payload = vm_core::Payload::Call { contract, function: "run".into(), args: true.encode(), value: 0 };
    assert_eq!(chain.run(bob(), 100_000_000, payload).receipt.status, Status::Success);
}

#[test]
fn r42_names_values_handles_and_events_have_limits_with_a_name_each() {
    let mut chain = Chain::with_limits(|limits| {
        limits.field_value_bytes = 1_024;
        limits.handles = 64;
        limits.events = 16;
        limits.objects_created = 16;
    });
    let one = |chain: &mut Chain, build: &dyn Fn(&mut Script) -> usize| {
        let mut script = Script::new();
        let index = build(&mut script);
        let receipt = run(chain, &script);
        (failed(&receipt), results(&receipt.output).get(index).copied())
    };
    let value = |len: usize| {
        move |script: &mut Script| {
            let object = script.call(F::object_create, &[0]);
            script.set(object, "f", &vec![1; len])
        }
    };
    assert_eq!(one(&mut chain, &value(1_024)), (None, Some(0)));
    assert_eq!(one(&mut chain, &value(1_025)), (None, Some(guest(ErrorCode::ValueSize))));
    let name = |len: usize| {
        move |script: &mut Script| {
            let object = script.call(F::object_create, &[0]);
            script.set(object, &"n".repeat(len), &[1])
        }
    };
    assert_eq!(one(&mut chain, &name(64)), (None, Some(0)));
    assert_eq!(one(&mut chain, &name(65)), (None, Some(guest(ErrorCode::FieldNameSize))));
    assert_eq!(one(&mut chain, &name(0)), (None, Some(guest(ErrorCode::FieldNameSize))));
    let objects = |count: usize| {
        move |script: &mut Script| (0..count).map(|_| script.call(F::object_create, &[0])).last().unwrap()
    };
    assert_eq!(one(&mut chain, &objects(16)).0, None);
    assert_eq!(one(&mut chain, &objects(17)).0, Some(ErrorCode::ObjectLimit));
    let handles = |count: usize| {
        move |script: &mut Script| {
            let object = script.call(F::object_create, &[0]);
            script.op(F::object_id, &[Arg::Out(object), SCRATCH.into()]);
            (1..count).map(|_| script.call(F::object_get, &[SCRATCH])).last().unwrap()
        }
    };
    assert_eq!(one(&mut chain, &handles(64)).0, None);
    assert_eq!(one(&mut chain, &handles(65)).0, Some(ErrorCode::HandleLimit));
    let events = |count: usize| {
        move |script: &mut Script| {
            let name = script.bytes(b"E");
            (0..count).map(|_| script.call(F::log, &[name, 1, 0, 0])).last().unwrap()
        }
    };
    assert_eq!(one(&mut chain, &events(16)).0, None);
    assert_eq!(one(&mut chain, &events(17)).0, Some(ErrorCode::EventLimit));
    assert_eq!(one(&mut chain, &|script| script.call(F::object_create, &[2])).0, Some(ErrorCode::BadPolicy));
    assert_eq!(
        one(&mut chain, &|script| script.call(F::object_id, &[0, SCRATCH])).0,
        Some(ErrorCode::BadHandle)
    );
    assert_eq!(
        one(&mut chain, &|script| script.call(F::sender, &[65_505])).0,
        Some(ErrorCode::PointerOutOfBounds)
    );
    assert_eq!(
        one(&mut chain, &|script| script.call(F::sender, &[u64::from(u32::MAX)])).0,
        Some(ErrorCode::PointerOutOfBounds)
    );
    let not_utf8 = |script: &mut Script| {
        let name = script.bytes(&[0xff]);
        script.call(F::log, &[name, 1, 0, 0])
    };
    assert_eq!(one(&mut chain, &not_utf8).0, Some(ErrorCode::NotUtf8));
}
