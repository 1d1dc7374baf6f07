//! What the code that `#[contract]` generates calls. Not for authors.
//!
//! An export reads its arguments into a buffer on the stack that is as large as they can be, decodes them strictly,
//! runs the author's function and hands on what it returned. Only arguments without a bound touch the heap.

use alloc::vec::Vec;

use vm_core::ErrorCode;

use crate::codec::{Decode, Encode, Input, Raw, bound_of_all, zeros};
use crate::{Context, Error, sys};

pub use alloc::vec::Vec as List;

/// The buffer for arguments without a bound; longer ones go to the heap.
const UNBOUNDED_BYTES: usize = 256;

/// Arguments with a bound above this are read to the heap: a contract's stack has 32 KiB.
const BOUNDED_BYTES: usize = 1_024;

/// How large the buffer for arguments with these bounds is.
#[must_use]
pub const fn buffer_bytes(bounds: &[Option<usize>]) -> usize {
    match bound_of_all(bounds) {
        Some(bound) if bound <= BOUNDED_BYTES => bound,
        _ => UNBOUNDED_BYTES,
    }
}

/// Whether arguments with these bounds always fit the buffer.
#[must_use]
pub const fn is_bounded(bounds: &[Option<usize>]) -> bool {
    matches!(bound_of_all(bounds), Some(bound) if bound <= BOUNDED_BYTES)
}

/// Reads the arguments: into `buffer` or, where they have no bound and don't fit, into `heap`.
#[inline]
pub fn input<'a, const BOUNDED: bool>(buffer: &'a mut [u8], heap: &'a mut Vec<u8>) -> Input<'a> {
    let length = usize::try_from(sys::input(buffer)).unwrap_or(usize::MAX);
    if length <= buffer.len() {
        return Input::new(buffer.get(..length).unwrap_or_default());
    }
    if BOUNDED {
        fail(ErrorCode::Decode);
    }
    *heap = zeros(length);
    sys::input(heap);
    Input::new(heap)
}

/// Decodes the next argument, or reverts.
#[inline]
pub fn argument<'a, T: Decode<'a>>(input: &mut Input<'a>) -> T {
    match T::decode(input) {
        Ok(value) => value,
        Err(_) => fail(ErrorCode::Decode),
    }
}

/// Reverts if anything follows the last argument.
#[inline]
pub fn end(input: Input<'_>) {
    if input.finish().is_err() {
        fail(ErrorCode::Decode);
    }
}

/// The context of this frame.
#[inline]
#[must_use]
pub const fn context() -> Context {
    Context::new()
}

/// Hands a function's result to the caller. Nothing is returned for the types that have nothing to say.
#[inline]
pub fn give<T: Encode>(value: T) {
    if !matches!(T::MAX_LEN, Some(0)) {
        value.using_encoded(sys::ret);
    }
}

/// Hands a function's result to the caller, or reverts.
#[inline]
pub fn settle<T: Encode, E: Into<Error>>(result: Result<T, E>) {
    match result {
        Ok(value) => give(value),
        Err(error) => revert(&error.into()),
    }
}

/// Ends the frame with an error of the SDK.
#[cold]
pub fn fail(code: ErrorCode) -> ! {
    sys::revert(&u32::from(code.code()).to_le_bytes())
}

#[cold]
#[inline(never)]
fn revert(error: &Error) -> ! {
    let code = error.code().to_le_bytes();
    if error.data().is_empty() {
        sys::revert(&code);
    }
    sys::revert(&(error.code(), Raw(error.data())).encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_arguments_go_to_the_heap_though_they_have_a_bound() {
        assert_eq!((buffer_bytes(&[Some(8), Some(32)]), is_bounded(&[Some(8), Some(32)])), (40, true));
        assert_eq!((buffer_bytes(&[Some(1_024)]), is_bounded(&[Some(1_024)])), (1_024, true));
        assert_eq!((buffer_bytes(&[Some(1_025)]), is_bounded(&[Some(1_025)])), (256, false));
        assert_eq!((buffer_bytes(&[None]), is_bounded(&[None])), (256, false));
        assert_eq!((buffer_bytes(&[]), is_bounded(&[])), (0, true));
    }
}
