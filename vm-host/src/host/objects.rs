//! Objects: creation, lookup, ownership, deletion (R15 to R18, R30, R33).

use vm_core::{Address, ErrorCode, Key, ObjectId, ObjectMeta, Policy, Stamp};

use super::HostCall;
use crate::error::{Answer, Fault};
use crate::frame::HandleEntry;
use crate::trace::Change;

impl HostCall<'_> {
    /// Gives the frame a handle of an object.
    fn add_handle(&mut self, entry: HandleEntry) -> Answer<u32> {
        let limit = self.session().limits().handles;
        let handle = u32::try_from(self.state().handles.len()).unwrap_or(u32::MAX);
        if handle >= limit {
            return Err(Fault::Halt(ErrorCode::HandleLimit));
        }
        self.state().handles.push(entry);
        Ok(handle)
    }

    pub(super) fn handle(&mut self, handle: u32) -> Answer<HandleEntry> {
        let entry = usize::try_from(handle).ok().and_then(|at| self.state().handles.get(at).copied());
        entry.ok_or(Fault::Halt(ErrorCode::BadHandle))
    }

    /// What the object is now. The index entry that gave the handle serves as long as this transaction has not
    /// written the object's metadata (DESIGN 10, rule 9).
    pub(super) fn resolve(&mut self, entry: &HandleEntry) -> Answer<ObjectMeta> {
        let key = Key::object(&entry.id);
        if let Some(meta) = entry.indexed
            && !self.session().journal.is_written(&key)
        {
            return Ok(meta);
        }
        self.meta(&entry.id, &key)
    }

    /// The metadata of the contract's object `id`.
    fn meta(&mut self, id: &ObjectId, key: &Key) -> Answer<ObjectMeta> {
        self.charge_touch(key)?;
        let meta = self.session().journal.object(id)?;
        let contract = self.state().contract;
        meta.filter(|meta| meta.contract == contract).ok_or(Fault::Code(ErrorCode::ObjectNotFound))
    }

    /// Whether the sender may change the object (R33).
    pub(super) fn permit(&mut self, id: &ObjectId, meta: &ObjectMeta) -> Answer<()> {
        let sender = self.state().sender;
        let permitted = match meta.policy {
            Policy::Contract => true,
            Policy::Owner => meta.owner == sender || meta.owner == meta.contract,
        };
        if permitted {
            return Ok(());
        }
        let object = *id;
        self.observe(|| Change::Refused { object });
        Err(Fault::Code(ErrorCode::Permission))
    }
}

pub(super) fn object_create(call: &mut HostCall<'_>, policy: u32) -> Answer<u32> {
    let policy = Policy::from_number(policy).ok_or(Fault::Halt(ErrorCode::BadPolicy))?;
    let contract = call.state().contract;
    let session = call.session();
    if session.running.objects_created >= session.limits().objects_created {
        return Err(Fault::Halt(ErrorCode::ObjectLimit));
    }
    session.running.objects_created = session.running.objects_created.saturating_add(1);
    let stamp = session.next_stamp();
    let id = ObjectId::derive(&contract, &session.running.hash, stamp.index);
    let meta = ObjectMeta { contract, owner: contract, policy, stamp };
    call.charge_write(&Key::object(&id))?;
    call.charge_write(&Key::owned(&contract, &contract, stamp))?;
    let handle = call.add_handle(HandleEntry { id, indexed: None })?;
    call.session().journal.create_object(&id, meta)?;
    call.observe(|| Change::Created { object: id, owner: contract });
    Ok(handle)
}

pub(super) fn object_get(call: &mut HostCall<'_>, id: u32) -> Answer<u32> {
    let id: ObjectId = call.id(id)?;
    call.meta(&id, &Key::object(&id))?;
    call.add_handle(HandleEntry { id, indexed: None })
}

pub(super) fn object_get_by_owner(call: &mut HostCall<'_>, owner: u32) -> Answer<u32> {
    let owner: Address = call.id(owner)?;
    let contract = call.state().contract;
    let prefix = Key::owned_prefix(&contract, &owner);
    call.charge_search()?;
    let (entry, _) =
        next_owned(call, &prefix, &prefix, owner)?.ok_or(Fault::Code(ErrorCode::ObjectNotFound))?;
    call.add_handle(entry)
}

/// The first object of `owner` not below `from`, with the stamp of its acquisition.
fn next_owned(
    call: &mut HostCall<'_>,
    prefix: &Key,
    from: &Key,
    owner: Address,
) -> Answer<Option<(HandleEntry, Stamp)>> {
    let contract = call.state().contract;
    let found = call.session().journal.object_from(prefix, from)?;
    Ok(found.map(|(stamp, owned)| {
        let meta = ObjectMeta { contract, owner, policy: owned.policy, stamp };
        (HandleEntry { id: owned.object, indexed: Some(meta) }, stamp)
    }))
}

pub(super) fn objects_of(
    call: &mut HostCall<'_>,
    owner: u32,
    cursor: u32,
    out: u32,
    cap: u32,
) -> Answer<u32> {
    let owner: Address = call.id(owner)?;
    let after = call.slice(cursor, 16)?.first_chunk::<16>().copied();
    let after = after.ok_or(Fault::Halt(ErrorCode::PointerOutOfBounds))?;
    call.check_out(out, cap.checked_mul(4).ok_or(Fault::Halt(ErrorCode::PointerOutOfBounds))?)?;
    let contract = call.state().contract;
    let prefix = Key::owned_prefix(&contract, &owner);
    // All zeros, which no acquisition has (heights begin at 1), begin at the front.
    let first = if after == [0; 16] {
        Some(prefix)
    } else {
        Key::owned(&contract, &owner, Stamp::from_bytes(after)).successor()
    };
    let item = call.session().gas().object_get;
    let (mut from, mut count, mut at) = (first, 0u32, out);
    while let (Some(start), true) = (from, count < cap) {
        call.charge_search()?;
        let Some((entry, stamp)) = next_owned(call, &prefix, &start, owner)? else { break };
        // The base price is the first item's.
        call.charge_table(if count == 0 { 0 } else { item })?;
        let handle = call.add_handle(entry)?;
        call.write(at, &handle.to_le_bytes())?;
        call.write(cursor, &stamp.to_bytes())?;
        at = at.saturating_add(4);
        count = count.saturating_add(1);
        from = Key::owned(&contract, &owner, stamp).successor();
    }
    Ok(count)
}

pub(super) fn object_delete(call: &mut HostCall<'_>, id: u32) -> Answer<()> {
    let id: ObjectId = call.id(id)?;
    let key = Key::object(&id);
    let meta = call.meta(&id, &key)?;
    call.permit(&id, &meta)?;
    // Each field is an entry of its own, found, charged and removed one by one.
    let fields = Key::fields_prefix(&id);
    let mut from = fields;
    loop {
        call.charge_search()?;
        let found = call.session().journal.next(&fields, &from)?;
        // What was read is declared before anything that may end the frame.
        let passed_over = call.session().journal.take_passed_over();
        call.session().declare_witness(u64::try_from(passed_over).unwrap_or(u64::MAX))?;
        let Some((field, value)) = found else { break };
        call.charge_old_value(value.len())?;
        call.charge_write(&field)?;
        call.session().journal.set(&field, None)?;
        match field.successor() {
            Some(next) => from = next,
            None => break,
        }
    }
    call.charge_write(&Key::owned(&meta.contract, &meta.owner, meta.stamp))?;
    call.charge_write(&key)?;
    let session = call.session();
    session.journal.delete_object(&id, &meta)?;
    session.running.refund = session.running.refund.saturating_add(session.params.gas().refund_delete);
    call.observe(|| Change::Deleted { object: id });
    Ok(())
}

pub(super) fn object_id(call: &mut HostCall<'_>, object: u32, out: u32) -> Answer<()> {
    let entry = call.handle(object)?;
    call.write(out, entry.id.as_ref())
}

pub(super) fn object_owner(call: &mut HostCall<'_>, object: u32, out: u32) -> Answer<()> {
    let entry = call.handle(object)?;
    let meta = call.resolve(&entry)?;
    call.write(out, meta.owner.as_ref())
}

pub(super) fn object_contract(call: &mut HostCall<'_>, object: u32, out: u32) -> Answer<()> {
    let entry = call.handle(object)?;
    let meta = call.resolve(&entry)?;
    call.write(out, meta.contract.as_ref())
}

pub(super) fn object_set_owner(call: &mut HostCall<'_>, object: u32, owner: u32) -> Answer<()> {
    let owner: Address = call.id(owner)?;
    let entry = call.handle(object)?;
    let meta = call.resolve(&entry)?;
    call.permit(&entry.id, &meta)?;
    if owner == meta.owner {
        return Ok(());
    }
    let stamp = call.session().next_stamp();
    call.charge_write(&Key::object(&entry.id))?;
    call.charge_write(&Key::owned(&meta.contract, &meta.owner, meta.stamp))?;
    call.charge_write(&Key::owned(&meta.contract, &owner, stamp))?;
    call.session().journal.set_owner(&entry.id, meta, owner, stamp)?;
    call.observe(|| Change::OwnerSet { object: entry.id, from: meta.owner, to: owner });
    Ok(())
}
