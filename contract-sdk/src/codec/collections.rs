//! Encodings of values made of others: options, results, lists, arrays, tuples, maps, sets.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{Decode, DecodeError, Encode, Input, Output, bound_of_all, bound_of_any, length_len};

/// The bound of a tag and a value.
const fn tagged(bounds: &[Option<usize>]) -> Option<usize> {
    bound_of_all(&[Some(1), bound_of_any(bounds)])
}

impl<T: Encode> Encode for Option<T> {
    const MAX_LEN: Option<usize> = tagged(&[T::MAX_LEN]);

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_ref().map_or(1, |value| value.encoded_len().saturating_add(1))
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        match self {
            None => out.write(&[0]),
            Some(value) => {
                out.write(&[1]);
                value.encode_to(out);
            }
        }
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Option<T> {
    const MAX_LEN: Option<usize> = tagged(&[T::MAX_LEN]);

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(input)? { Some(T::decode(input)?) } else { None })
    }
}

impl<T: Encode, E: Encode> Encode for Result<T, E> {
    const MAX_LEN: Option<usize> = tagged(&[T::MAX_LEN, E::MAX_LEN]);

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_ref().map_or_else(E::encoded_len, T::encoded_len).saturating_add(1)
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        match self {
            Ok(value) => {
                out.write(&[0]);
                value.encode_to(out);
            }
            Err(error) => {
                out.write(&[1]);
                error.encode_to(out);
            }
        }
    }
}

impl<'a, T: Decode<'a>, E: Decode<'a>> Decode<'a> for Result<T, E> {
    const MAX_LEN: Option<usize> = tagged(&[T::MAX_LEN, E::MAX_LEN]);

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        Ok(if bool::decode(input)? { Err(E::decode(input)?) } else { Ok(T::decode(input)?) })
    }
}

impl<T: Encode> Encode for Vec<T> {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.as_slice().encoded_len()
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        self.as_slice().encode_to(out);
    }
}

impl<'a, T: Decode<'a>> Decode<'a> for Vec<T> {
    const MAX_LEN: Option<usize> = None;

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.length()?;
        T::decode_vec(input, count)
    }
}

/// The bound of `count` values.
const fn repeated(bound: Option<usize>, count: usize) -> Option<usize> {
    match bound {
        Some(bound) => Some(bound.saturating_mul(count)),
        None => None,
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    const MAX_LEN: Option<usize> = repeated(T::MAX_LEN, N);

    #[inline]
    fn encoded_len(&self) -> usize {
        T::slice_len(self)
    }

    #[inline]
    fn encode_to(&self, out: &mut Output<'_>) {
        T::encode_slice(self, out);
    }
}

impl<'a, T: Decode<'a>, const N: usize> Decode<'a> for [T; N] {
    const MAX_LEN: Option<usize> = repeated(T::MAX_LEN, N);

    #[inline]
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        T::decode_array(input)
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))+) => {$(
        #[allow(unused_variables, non_snake_case, reason = "the empty tuple has no members; members are named by type")]
        impl<$($name: Encode),*> Encode for ($($name,)*) {
            const MAX_LEN: Option<usize> = bound_of_all(&[$($name::MAX_LEN),*]);

            #[inline]
            fn encoded_len(&self) -> usize {
                let ($($name,)*) = self;
                0usize$(.saturating_add($name.encoded_len()))*
            }

            #[inline]
            fn encode_to(&self, out: &mut Output<'_>) {
                let ($($name,)*) = self;
                $($name.encode_to(out);)*
            }
        }

        #[allow(unused_variables, clippy::unused_unit, reason = "the empty tuple has no members")]
        impl<'a, $($name: Decode<'a>),*> Decode<'a> for ($($name,)*) {
            const MAX_LEN: Option<usize> = bound_of_all(&[$($name::MAX_LEN),*]);

            #[inline]
            fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
                Ok(($($name::decode(input)?,)*))
            }
        }
    )+};
}

tuples! {
    ()
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    const MAX_LEN: Option<usize> = None;

    fn encoded_len(&self) -> usize {
        self.iter().fold(length_len(self.len()), |sum, (key, value)| {
            sum.saturating_add(key.encoded_len()).saturating_add(value.encoded_len())
        })
    }

    fn encode_to(&self, out: &mut Output<'_>) {
        out.write_length(self.len());
        for (key, value) in self {
            key.encode_to(out);
            value.encode_to(out);
        }
    }
}

impl<'a, K: Decode<'a> + Ord, V: Decode<'a>> Decode<'a> for BTreeMap<K, V> {
    const MAX_LEN: Option<usize> = None;

    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.length()?;
        let mut map = Self::new();
        for _ in 0..count {
            let key = K::decode(input)?;
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(DecodeError);
            }
            map.insert(key, V::decode(input)?);
        }
        Ok(map)
    }
}

impl<T: Encode> Encode for BTreeSet<T> {
    const MAX_LEN: Option<usize> = None;

    fn encoded_len(&self) -> usize {
        self.iter().fold(length_len(self.len()), |sum, member| sum.saturating_add(member.encoded_len()))
    }

    fn encode_to(&self, out: &mut Output<'_>) {
        out.write_length(self.len());
        self.iter().for_each(|member| member.encode_to(out));
    }
}

impl<'a, T: Decode<'a> + Ord> Decode<'a> for BTreeSet<T> {
    const MAX_LEN: Option<usize> = None;

    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError> {
        let count = input.length()?;
        let mut set = Self::new();
        for _ in 0..count {
            let member = T::decode(input)?;
            if set.last().is_some_and(|last| *last >= member) {
                return Err(DecodeError);
            }
            set.insert(member);
        }
        Ok(set)
    }
}
