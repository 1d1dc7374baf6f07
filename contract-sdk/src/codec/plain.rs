//! Encodings of values without parts: numbers, bool, ids, text, bytes.

use alloc::string::String;
use alloc::vec::Vec;

use vm_core::{Address, Hash, ObjectId};

use super::{Decode, DecodeError, Encode, Input, Output, copied, length_len, text};

macro_rules! integers {
    ($($int:ident: $len:literal $(, $extra:tt)?;)+) => {$(
        impl Encode for $int {
            const MAX_LEN: Option<usize> = Some($len);

            #[inline]
            fn encoded_len(&self) -> usize {
                $len
            }

            #[inline]
            fn encode_to(&self, out: &mut Output<'_>) {
                out.write(&self.to_le_bytes());
            }

            $(integers!(encode $extra);)?
        }

        impl<'a> Decode<'a> for $int {
            const MAX_LEN: Option<usize> = Some($len);

            #[inline]
            fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
                input.array().map(|bytes| Self::from_le_bytes(*bytes))
            }

            $(integers!(decode $extra);)?
        }
    )+};
    (encode bytes) => {
        #[inline]
        fn slice_len(values: &[Self]) -> usize {
            values.len()
        }

        #[inline]
        fn encode_slice(values: &[Self], out: &mut Output<'_>) {
            out.write(values);
        }
    };
    (decode bytes) => {
        #[inline]
        fn decode_vec(input: &mut Input<'a>, count: usize) -> Result<Vec<Self>, DecodeError> {
            input.take(count).map(copied)
        }

        #[inline]
        fn decode_array<const N: usize>(input: &mut Input<'a>) -> Result<[Self; N], DecodeError> {
            input.array().copied()
        }
    };
}

integers! {
    u8: 1, bytes;
    u16: 2;
    u32: 4;
    u64: 8;
    u128: 16;
    i8: 1;
    i16: 2;
    i32: 4;
    i64: 8;
    i128: 16;
}

impl Encode for bool {
    const MAX_LEN: Option<usize> = Some(1);

    #[inline]
    fn encoded_len(&self) -> usize {
        1
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        out.write(&[u8::from(*self)]);
    }
}

impl<'a> Decode<'a> for bool {
    const MAX_LEN: Option<usize> = Some(1);

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError),
        }
    }
}

macro_rules! ids {
    ($($id:ident)+) => {$(
        impl Encode for $id {
            const MAX_LEN: Option<usize> = Some(32);

            #[inline]
            fn encoded_len(&self) -> usize {
                32
            }

            #[inline]
            fn encode_to(&self, out: &mut Output<'_>) {
                out.write(&self.0);
            }

            #[inline]
            fn using_encoded<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(&self.0)
            }
        }

        impl<'a> Decode<'a> for $id {
            const MAX_LEN: Option<usize> = Some(32);

            #[inline]
            fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
                input.array().map(|bytes| Self(*bytes))
            }
        }
    )+};
}

ids!(Address ObjectId Hash);

impl<T: Encode + ?Sized> Encode for &T {
    const MAX_LEN: Option<usize> = T::MAX_LEN;

    #[inline]
    fn encoded_len(&self) -> usize {
        T::encoded_len(self)
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        T::encode_to(self, out);
    }

    #[inline]
    fn using_encoded<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        T::using_encoded(self, f)
    }
}

impl Encode for str {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_bytes().encoded_len()
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        self.as_bytes().encode_to(out);
    }
}

impl Encode for String {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_bytes().encoded_len()
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        self.as_bytes().encode_to(out);
    }
}

impl<'a> Decode<'a> for &'a str {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        text::borrowed(<&[u8]>::decode(input)?)
    }
}

impl<'a> Decode<'a> for String {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        text::owned(Vec::decode(input)?)
    }
}

impl<T: Encode> Encode for [T] {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        T::slice_len(self).saturating_add(length_len(self.len()))
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        out.write_length(self.len());
        T::encode_slice(self, out);
    }
}

impl<'a> Decode<'a> for &'a [u8] {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.length()?;
        input.take(count)
    }
}

/// Bytes that are an encoding already: they are written as they are, without a count before them.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a>(pub &'a [u8]);

impl Encode for Raw<'_> {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        out.write(self.0);
    }

    #[inline]
    fn using_encoded<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self.0)
    }
}
