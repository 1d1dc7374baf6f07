//! Text from bytes.
//!
//! `core::str::from_utf8` is made for long texts. With its table it makes a module half a kilobyte larger than this does
//! (token: 5,521 bytes with it, 5,042 with this), and each transaction pays for every byte of the modules that it loads.

use alloc::string::String;
use alloc::vec::Vec;

use super::DecodeError;

/// The bytes as text, if they are UTF-8.
#[inline]
pub(super) fn borrowed(bytes: &[u8]) -> Result<&str, DecodeError> {
    if !is_utf8(bytes) {
        return Err(DecodeError);
    }
    // SAFETY: `is_utf8` takes exactly what core takes: the tests below.
    Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
}

/// The bytes as text, if they are UTF-8.
#[inline]
pub(super) fn owned(bytes: Vec<u8>) -> Result<String, DecodeError> {
    if !is_utf8(&bytes) {
        return Err(DecodeError);
    }
    // SAFETY: `is_utf8` takes exactly what core takes: the tests below.
    Ok(unsafe { String::from_utf8_unchecked(bytes) })
}

/// Whether the bytes are UTF-8: each character in the one form that its number has.
#[inline(never)]
fn is_utf8(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(&first) = rest.next() {
        let length = match first {
            0..0x80 => continue,
            0xc0..0xe0 => 2u32,
            0xe0..0xf0 => 3,
            0xf0..0xf8 => 4,
            _ => return false,
        };
        let mut number = u32::from(first & 0x7f_u8.wrapping_shr(length));
        for _ in 1..length {
            match rest.next() {
                Some(&next @ 0x80..0xc0) => number = number << 6u32 | u32::from(next & 0x3f),
                _ => return false,
            }
        }
        // Not a surrogate, not past the last character, and not longer than need be.
        if !char::from_u32(number).is_some_and(|letter| u32::try_from(letter.len_utf8()) == Ok(length)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(bytes: &[u8]) {
        assert_eq!(is_utf8(bytes), core::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
    }

    #[test]
    fn every_sequence_of_up_to_three_bytes_is_judged_as_core_judges_it() {
        agrees(&[]);
        for first in 0..=255u8 {
            agrees(&[first]);
            for second in 0..=255 {
                agrees(&[first, second]);
                for third in 0..=255 {
                    agrees(&[first, second, third]);
                }
            }
        }
    }

    #[test]
    fn sequences_of_four_bytes_are_judged_as_core_judges_them() {
        let edges = [0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
        for first in 0xe0..=255u8 {
            for second in 0..=255 {
                for third in edges {
                    edges.iter().for_each(|&fourth| agrees(&[first, second, third, fourth]));
                }
            }
        }
    }

    #[test]
    fn every_character_is_text_among_others() {
        for letter in '\0'..=char::MAX {
            let text = alloc::format!("a{letter}ß");
            assert_eq!(borrowed(text.as_bytes()), Ok(text.as_str()));
            assert_eq!(owned(text.clone().into_bytes()), Ok(text));
        }
    }
}
