//! Strict SCALE: one encoding per value, all bytes consumed, no length believed before it is checked.

use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};

/// Why bytes are not the canonical encoding of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// More bytes than the caller allows.
    #[error("{found} bytes, more than the limit of {limit}")]
    TooLong {
        /// The length found.
        found: usize,
        /// The largest length taken.
        limit: usize,
    },
    /// Bytes that decode to no value, or end too early.
    #[error("not an encoding of the expected type")]
    Malformed,
    /// A value was read and bytes remain.
    #[error("{count} bytes follow the value")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// The bytes decode, but encoding the value gives other bytes.
    #[error("not the canonical encoding of the value")]
    NotCanonical,
}

/// Decodes all of `bytes`, of which there may be at most `limit`, as one canonical `T`.
///
/// # Errors
///
/// [`CodecError`], each variant where its documentation says.
pub fn decode_exact<T: Decode + Encode>(bytes: &[u8], limit: usize) -> Result<T, CodecError> {
    if bytes.len() > limit {
        return Err(CodecError::TooLong { found: bytes.len(), limit });
    }
    let mut rest = bytes;
    let value = T::decode(&mut rest).map_err(|_| CodecError::Malformed)?;
    if !rest.is_empty() {
        return Err(CodecError::Trailing { count: rest.len() });
    }
    if value.encoded_size() != bytes.len() || value.encode() != bytes {
        return Err(CodecError::NotCanonical);
    }
    Ok(value)
}

/// Reads a SCALE compact length from the front of `input` and advances it.
///
/// Only the shortest form is accepted, and only lengths that fit `u32`.
///
/// # Errors
///
/// [`CodecError::Malformed`] at the end of the input or for a length past `u32`; [`CodecError::NotCanonical`] for
/// a longer form than the value needs.
pub fn compact_u32(input: &mut &[u8]) -> Result<u32, CodecError> {
    let (&first, rest) = input.split_first().ok_or(CodecError::Malformed)?;
    let (value, rest, least) = match first & 0b11 {
        0b00 => (u32::from(first >> 2u32), rest, 0u32),
        0b01 => {
            let (tail, rest) = rest.split_first_chunk::<1>().ok_or(CodecError::Malformed)?;
            let [b1] = *tail;
            (u32::from(u16::from_le_bytes([first, b1]) >> 2u32), rest, 1u32 << 6u32)
        }
        0b10 => {
            let (tail, rest) = rest.split_first_chunk::<3>().ok_or(CodecError::Malformed)?;
            let [b1, b2, b3] = *tail;
            (u32::from_le_bytes([first, b1, b2, b3]) >> 2u32, rest, 1 << 14u32)
        }
        _ => {
            let (tail, rest) = rest.split_first_chunk::<4>().ok_or(CodecError::Malformed)?;
            if first >> 2u32 != 0 {
                return Err(CodecError::Malformed);
            }
            (u32::from_le_bytes(*tail), rest, 1 << 30u32)
        }
    };
    if value < least {
        return Err(CodecError::NotCanonical);
    }
    *input = rest;
    Ok(value)
}

/// Appends the SCALE compact form of `value`.
pub fn push_compact_u32(out: &mut Vec<u8>, value: u32) {
    parity_scale_codec::Compact(value).encode_to(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use parity_scale_codec::Compact;
    use proptest::prelude::*;

    #[test]
    fn trailing_long_and_malformed_bytes_have_their_own_error() {
        assert_eq!(decode_exact::<u16>(&[1, 2], 8), Ok(0x0201));
        assert_eq!(decode_exact::<u16>(&[1, 2, 3], 8), Err(CodecError::Trailing { count: 1 }));
        assert_eq!(decode_exact::<u16>(&[1], 8), Err(CodecError::Malformed));
        assert_eq!(decode_exact::<u16>(&[1, 2], 1), Err(CodecError::TooLong { found: 2, limit: 1 }));
    }

    #[test]
    fn unsorted_map_keys_are_a_second_encoding() {
        use alloc::collections::BTreeMap;
        let unsorted = [(2u8, 0u8), (1, 0)].encode();
        let mut bytes = alloc::vec![8u8];
        bytes.extend(unsorted);
        assert_eq!(decode_exact::<BTreeMap<u8, u8>>(&bytes, 64), Err(CodecError::NotCanonical));
    }

    proptest! {
        #[test]
        fn compact_agrees_with_parity_both_ways(value: u32) {
            let bytes = Compact(value).encode();
            let mut ours = Vec::new();
            push_compact_u32(&mut ours, value);
            prop_assert_eq!(&ours, &bytes);
            let mut input = bytes.as_slice();
            prop_assert_eq!(compact_u32(&mut input), Ok(value));
            prop_assert!(input.is_empty());
        }

        #[test]
        fn compact_refuses_what_parity_refuses(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut ours = bytes.as_slice();
            let mut theirs = bytes.as_slice();
            let expected = Compact::<u32>::decode(&mut theirs).ok().map(|c| c.0);
            prop_assert_eq!(compact_u32(&mut ours).ok(), expected);
        }
    }
}
