//! What an entry may be given as.
//!
//! A key is found by the bytes of its encoding, and a value is read back as what the collection was declared with. So
//! what stands in for either must have its encoding, byte for byte. `core::borrow::Borrow` does not promise that:
//! `[T; N]` borrows as `[T]`, which has a count before it. Hence a trait of its own, which no other crate implements.

use alloc::string::String;
use alloc::vec::Vec;

/// A type with the encoding of `Q`: every value's bytes are those of the `Q` that it can be lent as.
///
/// Each type has its own, `String` that of `str`, `Vec<T>` that of `[T]`. An array has not: its length is no part of
/// its encoding, and a slice's is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not encoded as `{Q}` is",
    label = "another encoding than `{Self}`",
    note = "keys, values and elements are given as the type that the collection was declared with, `String` also as \
            `str` and `Vec<T>` as `[T]`"
)]
pub trait EncodesAs<Q: ?Sized>: sealed::Sealed<Q> {}

impl<T: ?Sized> EncodesAs<T> for T {}
impl EncodesAs<str> for String {}
impl<T> EncodesAs<[T]> for Vec<T> {}

mod sealed {
    use super::{String, Vec};

    pub trait Sealed<Q: ?Sized> {}

    impl<T: ?Sized> Sealed<T> for T {}
    impl Sealed<str> for String {}
    impl<T> Sealed<[T]> for Vec<T> {}
}

#[cfg(test)]
mod tests {
    use super::EncodesAs;
    use crate::Encode;
    use alloc::string::String;
    use alloc::vec;

    fn same<T: Encode + EncodesAs<Q>, Q: Encode + ?Sized>(value: &T, lent: &Q) {
        assert_eq!(value.encode(), lent.encode());
    }

    #[test]
    fn what_an_entry_may_be_given_as_has_its_encoding() {
        same(&[1u8, 2, 3], &[1u8, 2, 3]);
        for length in [0usize, 1, 63, 64, 300] {
            same(&"a".repeat(length), "a".repeat(length).as_str());
            same(&vec![7u8; length], vec![7u8; length].as_slice());
            same(&vec![7u32; length], vec![7u32; length].as_slice());
            same(&vec![String::from("ab"); length], vec![String::from("ab"); length].as_slice());
        }
    }
}
