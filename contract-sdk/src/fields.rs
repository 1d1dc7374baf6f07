//! The fields of an object by the bytes of their names: what objects and collections are made on.

use vm_core::ErrorCode;

use crate::codec::{Decode, DecodeOwned, Encode, decode_exact, zeros};
use crate::error::{Error, Result};
use crate::sys;

/// Values up to this many bytes are read on the stack when their type has a bound.
const BOUNDED_STACK: usize = 64;
/// Values up to this many bytes are read on the stack when their type has none.
const UNBOUNDED_STACK: usize = 256;

/// The fields of the object with this handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields(pub(crate) u32);

impl Fields {
    #[inline]
    pub(crate) fn get<T: DecodeOwned>(self, name: &[u8]) -> Result<T> {
        receive::<T, T>(|out| self.read(name, out), decode)
    }

    /// As [`Self::get`], with `None` for a field that is not there.
    #[inline]
    pub(crate) fn find<T: DecodeOwned>(self, name: &[u8]) -> Result<Option<T>> {
        match self.get(name) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is(ErrorCode::FieldNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the field is there. Its bytes are not paid for.
    #[inline]
    pub(crate) fn has(self, name: &[u8]) -> Result<bool> {
        match self.read(name, &mut []) {
            Ok(_) => Ok(true),
            Err(error) if error.is(ErrorCode::FieldNotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    #[inline]
    pub(crate) fn set<T: Encode + ?Sized>(self, name: &[u8], value: &T) -> Result<()> {
        check(value.using_encoded(|bytes| sys::field_set(self.0, name, bytes))).map(|_| ())
    }

    /// Writes what `change` makes of the field's value, and gives it. It is written even if it is the value that was
    /// there: `change` may have written the field itself, directly or in a call that came back.
    #[inline]
    pub(crate) fn update<T: Encode + DecodeOwned>(
        self,
        name: &[u8],
        change: impl FnOnce(T) -> Result<T>,
    ) -> Result<T> {
        let value = change(self.get(name)?)?;
        self.set(name, &value)?;
        Ok(value)
    }

    #[inline]
    pub(crate) fn remove(self, name: &[u8]) -> Result<()> {
        check(sys::field_remove(self.0, name)).map(|_| ())
    }

    /// The whole length of the field, whose bytes are in `out` if it is no longer than that.
    #[inline]
    fn read(self, name: &[u8], out: &mut [u8]) -> Result<usize> {
        let length = check(sys::field_get(self.0, name, out))?;
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

/// Hands the encoding of a `T` to `then`, or `None` for bytes that are too many to be one. `read` fills the buffer that
/// it is given if all fits, and says how long all is.
#[inline]
pub(crate) fn receive<T: DecodeOwned, R>(
    read: impl Fn(&mut [u8]) -> Result<usize>,
    then: impl FnOnce(Option<&[u8]>) -> Result<R>,
) -> Result<R> {
    match <T as Decode<'static>>::MAX_LEN {
        Some(bound) if bound <= BOUNDED_STACK => {
            let mut stack = [0; BOUNDED_STACK];
            let length = read(stack.get_mut(..bound).unwrap_or_default())?;
            // A longer value was not written, and is no `T`.
            then(stack.get(..bound).and_then(|bytes| bytes.get(..length)))
        }
        _ => {
            let mut stack = [0; UNBOUNDED_STACK];
            let length = read(&mut stack)?;
            if let Some(bytes) = stack.get(..length) {
                return then(Some(bytes));
            }
            let mut heap = zeros(length);
            read(&mut heap)?;
            then(Some(&heap))
        }
    }
}

#[inline]
pub(crate) fn decode<T: DecodeOwned>(bytes: Option<&[u8]>) -> Result<T> {
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
