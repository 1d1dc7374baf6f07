//! Fields of objects (R31), and digests.

use vm_core::{ErrorCode, Key, ObjectId};
use vm_state::Value;

use super::HostCall;
use crate::error::{Answer, Fault};
use crate::trace::Change;

impl HostCall<'_> {
    /// A copy of a field's name. Too short or long is a returned error.
    fn field_name(&mut self, name: u32, name_len: u32) -> Answer<Value> {
        let limit = self.session().limits().field_name_bytes;
        if name_len == 0 || name_len > limit {
            return Err(Fault::Code(ErrorCode::FieldNameSize));
        }
        Ok(Value::from_slice(self.slice(name, name_len)?))
    }

    /// Takes the gas for a value of `len` bytes that comes from the store, and declares it to the witness.
    pub(super) fn charge_old_value(&mut self, len: usize) -> Answer<()> {
        // Declared first: it has been read, whether the frame can pay for it or not.
        self.session().declare_witness(u64::try_from(len).unwrap_or(u64::MAX))?;
        let byte = self.session().gas().touch_byte;
        self.charge_each(byte, len)
    }

    /// Counts bytes of values that moved, for [`Resources`](crate::Resources).
    fn count_read(&mut self, bytes: usize) {
        let resources = &mut self.session().running.resources;
        resources.bytes_read = resources.bytes_read.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

pub(super) fn field_get(
    call: &mut HostCall<'_>,
    object: u32,
    name: u32,
    name_len: u32,
    out: u32,
    cap: u32,
) -> Answer<u32> {
    let name = call.field_name(name, name_len)?;
    let entry = call.handle(object)?;
    call.resolve(&entry)?;
    let key = call.session().field_names.key(&entry.id, &name);
    let len = look_at(call, &key)?.ok_or(Fault::Code(ErrorCode::FieldNotFound))?;
    let whole = u32::try_from(len).unwrap_or(u32::MAX);
    if whole > cap {
        return Ok(whole);
    }
    let read_byte = call.session().gas().field_get_byte;
    call.charge_each(read_byte, len)?;
    // Copied, since the frame's memory and the journal are reached through the same store; values are short.
    let value = call.session().journal.get(&key)?.map(|value| Value::from_slice(value));
    let value = value.ok_or(Fault::Code(ErrorCode::FieldNotFound))?;
    call.write(out, &value)?;
    call.count_read(value.len());
    call.observe_read(|| Change::FieldRead { object: entry.id, name });
    Ok(whole)
}

/// Touches a field: its length, if it is there. The bytes of a value are paid for at its first touch, whoever touches
/// it: reading, writing and removing all bring it from the store, and into the undo record.
fn look_at(call: &mut HostCall<'_>, key: &Key) -> Answer<Option<usize>> {
    let first = !call.session().journal.is_touched(key);
    call.charge_touch(key)?;
    let len = call.session().journal.get(key)?.map(|value| value.len());
    if first {
        call.charge_old_value(len.unwrap_or_default())?;
    }
    Ok(len)
}

pub(super) fn field_set(
    call: &mut HostCall<'_>,
    object: u32,
    name: u32,
    name_len: u32,
    data: u32,
    data_len: u32,
) -> Answer<u32> {
    let name = call.field_name(name, name_len)?;
    if data_len > call.session().limits().field_value_bytes {
        return Err(Fault::Code(ErrorCode::ValueSize));
    }
    call.check_out(data, data_len)?;
    let id = writable(call, object)?;
    let bytes = name.len().saturating_add(usize::try_from(data_len).unwrap_or(usize::MAX));
    let byte = call.session().gas().field_set_byte;
    call.charge_each(byte, bytes)?;
    let key = call.session().field_names.key(&id, &name);
    look_at(call, &key)?;
    call.charge_write(&key)?;
    let value = Value::from_slice(call.slice(data, data_len)?);
    let written = u64::from(data_len);
    let resources = &mut call.session().running.resources;
    resources.bytes_written = resources.bytes_written.saturating_add(written);
    replace(call, id, name, &key, Some(value))
}

pub(super) fn field_remove(call: &mut HostCall<'_>, object: u32, name: u32, name_len: u32) -> Answer<u32> {
    let name = call.field_name(name, name_len)?;
    let id = writable(call, object)?;
    let byte = call.session().gas().field_set_byte;
    call.charge_each(byte, name.len())?;
    let key = call.session().field_names.key(&id, &name);
    look_at(call, &key)?.ok_or(Fault::Code(ErrorCode::FieldNotFound))?;
    call.charge_write(&key)?;
    replace(call, id, name, &key, None)
}

/// The object of the handle, if the sender may write it.
fn writable(call: &mut HostCall<'_>, object: u32) -> Answer<ObjectId> {
    let entry = call.handle(object)?;
    let meta = call.resolve(&entry)?;
    call.permit(&entry.id, &meta)?;
    Ok(entry.id)
}

fn replace(
    call: &mut HostCall<'_>,
    object: ObjectId,
    name: Value,
    key: &Key,
    value: Option<Value>,
) -> Answer<u32> {
    if call.session().observer.is_some() {
        let before = call.session().journal.get(key)?.map(|value| Value::from_slice(value));
        call.change = Some(Change::FieldSet { object, name, before, after: value.clone() });
    }
    call.session().journal.set(key, value)?;
    Ok(0)
}

pub(super) fn blake3(call: &mut HostCall<'_>, data: u32, data_len: u32, out: u32) -> Answer<()> {
    call.check_out(data, data_len)?;
    let byte = call.session().gas().blake3_byte;
    call.charge_each(byte, usize::try_from(data_len).unwrap_or(usize::MAX))?;
    let digest = vm_core::blake3(call.slice(data, data_len)?);
    call.write(out, &digest)
}
