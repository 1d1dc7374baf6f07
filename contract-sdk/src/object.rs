//! Objects: what a contract's state is made of.

use vm_core::{Address, ErrorCode, ObjectId};

use crate::codec::{Decode, DecodeOwned, Encode, decode_exact, zeros};
use crate::error::{Error, Result};
use crate::sys;

/// Values up to this many bytes are read on the stack when their type has a bound.
const BOUNDED_STACK: usize = 64;
/// Values up to this many bytes are read on the stack when their type has none.
const UNBOUNDED_STACK: usize = 256;

/// One of the contract's objects: an owner and named fields.
///
/// It is a handle to what the host keeps, valid in the frame that got it; two handles may mean the same object, and
/// each sees what the other wrote.
#[derive(Debug)]
pub struct Object {
    handle: u32,
}

impl Object {
    #[inline]
    pub(crate) const fn new(handle: u32) -> Self {
        Self { handle }
    }

    /// Its id.
    #[inline]
    #[must_use]
    pub fn id(&self) -> ObjectId {
        sys::object_id(self.handle)
    }

    /// Its owner.
    #[inline]
    #[must_use]
    pub fn owner(&self) -> Address {
        sys::object_owner(self.handle)
    }

    /// The contract that it belongs to.
    #[inline]
    #[must_use]
    pub fn contract(&self) -> Address {
        sys::object_contract(self.handle)
    }

    /// Gives it to another owner. The frame halts if its policy forbids that to the sender.
    #[inline]
    pub fn set_owner(&self, owner: Address) {
        sys::object_set_owner(self.handle, &owner);
    }

    /// Reads a field.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FieldNotFound`] if there is none, [`ErrorCode::Decode`] if it holds no `T`,
    /// [`ErrorCode::ObjectNotFound`] if the object was deleted.
    #[inline]
    pub fn get<T: DecodeOwned>(&self, field: &str) -> Result<T> {
        match <T as Decode<'static>>::MAX_LEN {
            Some(bound) if bound <= BOUNDED_STACK => {
                let mut stack = [0; BOUNDED_STACK];
                let length = self.read(field, stack.get_mut(..bound).unwrap_or_default())?;
                // A longer value was not written, and is no `T`.
                decode(stack.get(..bound).and_then(|bytes| bytes.get(..length)))
            }
            _ => {
                let mut stack = [0; UNBOUNDED_STACK];
                let length = self.read(field, &mut stack)?;
                if let Some(bytes) = stack.get(..length) {
                    return decode(Some(bytes));
                }
                let mut heap = zeros(length);
                self.read(field, &mut heap)?;
                decode(Some(&heap))
            }
        }
    }

    /// Writes a field, whether or not it is there.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Permission`] if the object's policy forbids it to the sender, [`ErrorCode::FieldNameSize`] or
    /// [`ErrorCode::ValueSize`] past the limits, [`ErrorCode::ObjectNotFound`] if the object was deleted.
    #[inline]
    pub fn set<T: Encode + ?Sized>(&self, field: &str, value: &T) -> Result<()> {
        check(value.using_encoded(|bytes| sys::field_set(self.handle, field.as_bytes(), bytes))).map(|_| ())
    }

    /// Removes a field.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FieldNotFound`] if there is none, and as [`Self::set`].
    #[inline]
    pub fn remove(&self, field: &str) -> Result<()> {
        check(sys::field_remove(self.handle, field.as_bytes())).map(|_| ())
    }

    /// The whole length of the field, whose bytes are in `out` if it is no longer than that.
    #[inline]
    fn read(&self, field: &str, out: &mut [u8]) -> Result<usize> {
        let length = check(sys::field_get(self.handle, field.as_bytes(), out))?;
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

#[inline]
fn decode<T: DecodeOwned>(bytes: Option<&[u8]>) -> Result<T> {
    match bytes.map(decode_exact) {
        Some(Ok(value)) => Ok(value),
        Some(Err(_)) | None => Err(ErrorCode::Decode.into()),
    }
}

/// A host function's result: negative ones are errors.
#[inline]
pub(crate) fn check(result: i32) -> Result<u32> {
    u32::try_from(result).map_err(|_| Error::from_host(result))
}
