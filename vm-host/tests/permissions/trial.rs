//! The plans of the frames that try an operation, and of those around them.

use vm_core::abi::HostFunction as F;
use vm_core::{Address, ObjectId, Policy};

use super::carol;
use super::common::puppet::{Arg, Plan, SCRATCH};
use super::table::{Case, Given, Handle, Op, Sender};

pub(crate) fn set(plan: &mut Plan, object: Arg, value: u8) -> usize {
    let (name, value) = (plan.bytes(b"f"), plan.bytes(&[value]));
    plan.op(F::field_set, &[object, name, 1.into(), value, 1.into()])
}

pub(crate) fn give(plan: &mut Plan, object: Arg, to: Address) -> usize {
    let to = plan.bytes(&to.0);
    plan.op(F::object_set_owner, &[object, to])
}

pub(crate) fn by_id(plan: &mut Plan, object: ObjectId) -> Arg {
    let id = plan.bytes(&object.0);
    Arg::Out(plan.op(F::object_get, &[id]))
}

/// Makes an object with one field.
pub(crate) fn create(plan: &mut Plan, policy: Policy) -> Arg {
    let number = if policy == Policy::Owner { 1 } else { 0 };
    let object = Arg::Out(plan.op(F::object_create, &[number.into()]));
    set(plan, object, 1);
    object
}

/// Gets a handle of the object, which `owner` owns: the frame's handle with this number.
pub(crate) fn take(plan: &mut Plan, handle: Handle, object: ObjectId, owner: Address, number: u64) -> Arg {
    match handle {
        Handle::Id => by_id(plan, object),
        Handle::Owner => {
            let owner = plan.bytes(&owner.0);
            Arg::Out(plan.op(F::object_get_by_owner, &[owner]))
        }
        Handle::List => {
            let (owner, cursor) = (plan.bytes(&owner.0), plan.bytes(&[0; 16]));
            plan.op(F::objects_of, &[owner, cursor, SCRATCH.into(), 1.into()]);
            Arg::Num(number)
        }
        Handle::Created => panic!("no frame gets it of an object that is there"),
    }
}

/// The plan of the frame that tries the operation, and the operation's slot.
pub(crate) fn trial(case: &Case, object: ObjectId, began: Address, owner: Address) -> (Plan, usize) {
    if case.handle == Handle::Created {
        return trial_of_own(case, owner);
    }
    let mut plan = Plan::default();
    let held = case.stale.then(|| take(&mut plan, case.handle, object, began, 0));
    if case.given == Given::Here {
        // By a handle of its own, so that the one that was held learns nothing of it.
        let other = by_id(&mut plan, object);
        give(&mut plan, other, owner);
    }
    let number = if case.given == Given::Here { 1 } else { 0 };
    let handle = held.unwrap_or_else(|| take(&mut plan, case.handle, object, owner, number));
    let id = plan.bytes(&object.0);
    let slot = attempt(&mut plan, case.op, handle, id, owner);
    (plan, slot)
}

/// The same on an object that the frame makes.
fn trial_of_own(case: &Case, owner: Address) -> (Plan, usize) {
    let mut plan = Plan::default();
    let handle = create(&mut plan, case.policy);
    let id: Arg = (SCRATCH + 128).into();
    plan.op(F::object_id, &[handle, id]);
    let by = if case.stale { Arg::Out(plan.op(F::object_get, &[id])) } else { handle };
    give(&mut plan, by, owner);
    let slot = attempt(&mut plan, case.op, handle, id, owner);
    (plan, slot)
}

/// Adds the operation and the frame's end; the operation's slot. `id`: where the object's id stands.
pub(crate) fn attempt(plan: &mut Plan, op: Op, handle: Arg, id: Arg, owner: Address) -> usize {
    let out: Arg = (SCRATCH + 64).into();
    let name = plan.bytes(b"f");
    let slot = match op {
        Op::Get => plan.op(F::field_get, &[handle, name, 1.into(), out, 8.into()]),
        Op::ReadOwner => plan.op(F::object_owner, &[handle, out]),
        Op::ReadContract => plan.op(F::object_contract, &[handle, out]),
        Op::ReadId => plan.op(F::object_id, &[handle, out]),
        Op::Set => set(plan, handle, 2),
        Op::Remove => plan.op(F::field_remove, &[handle, name, 1.into()]),
        Op::Give => give(plan, handle, carol()),
        Op::GiveToOwner => give(plan, handle, owner),
        Op::Delete => plan.op(F::object_delete, &[id]),
    };
    if matches!(op, Op::ReadOwner | Op::ReadContract | Op::ReadId) {
        plan.op(F::ret, &[out, 32.into()]);
    } else {
        plan.end_with_slots(F::ret);
    }
    slot
}

/// The plan of the frame around: it gives the object away first, where the case says so.
pub(crate) fn around(
    case: &Case,
    contract: Address,
    object: ObjectId,
    owner: Address,
    function: &str,
    trial: Vec<u8>,
) -> Plan {
    let mut around = Plan::default();
    let inside = case.sender == Sender::Itself;
    match case.given {
        Given::Before | Given::Here => (),
        Given::Earlier if inside => {
            let handle = by_id(&mut around, object);
            give(&mut around, handle, owner);
        }
        Given::Earlier | Given::Undone => {
            let mut change = Plan::default();
            let handle = by_id(&mut change, object);
            give(&mut change, handle, if case.given == Given::Undone { carol() } else { owner });
            if case.given == Given::Undone {
                change.end_with_slots(F::revert);
            }
            call(&mut around, contract, "run", &change.encode());
        }
    }
    call(&mut around, contract, function, &trial);
    around
}

pub(crate) fn call(plan: &mut Plan, contract: Address, function: &str, args: &[u8]) {
    let (to, name, at) = (plan.bytes(&contract.0), plan.bytes(function.as_bytes()), plan.bytes(args));
    let (name_len, args_len) = (function.len().try_into().unwrap(), args.len().try_into().unwrap());
    let lens = [Arg::Num(name_len), Arg::Num(args_len)];
    plan.op(F::call, &[to, name, lens[0], at, lens[1], 0.into(), 200_000.into()]);
}
