//! Canonical SCALE, written for small and cheap wasm: no formatting, no allocation for values of bounded size,
//! borrowed decoding of text and bytes.
//!
//! The bytes are those of `parity-scale-codec`; a test compares both ways. Decoding is stricter: keys of maps and
//! members of sets must ascend strictly, and a count is never larger than the bytes that follow, so that no length
//! is believed before it is paid for (which also refuses lists of elements without size).
//!
//! `usize`, `isize`, floats and hash maps have no encoding here: they differ between targets or runs.

mod collections;
mod plain;
mod text;

use alloc::vec::Vec;

pub use plain::Raw;

/// Bytes that are not the one encoding of a value of the wanted type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError;

/// Values up to this many bytes are encoded on the stack when their type has a bound.
const BOUNDED_STACK: usize = 128;
/// Values up to this many bytes are encoded on the stack when their type has none.
const UNBOUNDED_STACK: usize = 256;

/// What an encoder writes to: exactly as many bytes as [`Encode::encoded_len`] announced.
#[derive(Debug)]
pub struct Output<'a> {
    rest: &'a mut [u8],
}

impl Output<'_> {
    /// Appends the bytes.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) {
        match core::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            Some((head, tail)) => {
                head.copy_from_slice(bytes);
                self.rest = tail;
            }
            None => overrun(),
        }
    }

    /// Appends a count in compact form.
    pub fn write_length(&mut self, length: usize) {
        // A wasm address has 32 bits, so no length is larger.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let shifted = length.wrapping_shl(2).to_le_bytes();
        match compact_len(length) {
            1 => self.write(&shifted[..1]),
            2 => {
                let [b0, b1, _, _] = shifted;
                self.write(&[b0 | 1, b1]);
            }
            4 => {
                let [b0, b1, b2, b3] = shifted;
                self.write(&[b0 | 2, b1, b2, b3]);
            }
            _ => {
                self.write(&[3]);
                self.write(&length.to_le_bytes());
            }
        }
    }
}

/// `len` zero bytes on the heap. All byte buffers come from here: one place where code for growing lists, which a
/// contract rarely needs, would otherwise be drawn in.
#[inline(never)]
pub(crate) fn zeros(len: usize) -> Vec<u8> {
    alloc::vec![0; len]
}

/// A copy of the bytes on the heap.
#[inline(never)]
pub(crate) fn copied(bytes: &[u8]) -> Vec<u8> {
    let mut copy = zeros(bytes.len());
    copy.copy_from_slice(bytes);
    copy
}

#[cold]
#[expect(
    clippy::panic,
    reason = "an `encoded_len` that is too small is a bug of that impl; the frame reverts"
)]
fn overrun() -> ! {
    panic!("encoded_len is smaller than what encode_to writes")
}

/// How many bytes the compact form of a count has.
const fn compact_len(length: u32) -> usize {
    match length {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..0x4000_0000 => 4,
        _ => 5,
    }
}

/// How many bytes a count takes.
#[inline]
fn length_len(length: usize) -> usize {
    compact_len(u32::try_from(length).unwrap_or(u32::MAX))
}

/// A value with an encoding. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no encoding",
    label = "cannot cross the contract's boundary",
    note = "integers, bool, String, Vec, Option, arrays, tuples, BTreeMap, Address, ObjectId and Hash can; derive \
            `Encode` for your own types"
)]
pub trait Encode {
    /// The most bytes that a value takes, if there is a bound.
    const MAX_LEN: Option<usize>;

    /// How many bytes this value takes.
    fn encoded_len(&self) -> usize;

    /// Writes it.
    fn encode_to(&self, out: &mut Output<'_>);

    /// How many bytes the values take, one after the other.
    #[doc(hidden)]
    #[inline]
    fn slice_len(values: &[Self]) -> usize
    where
        Self: Sized,
    {
        values.iter().fold(0, |sum, value| sum.saturating_add(value.encoded_len()))
    }

    /// Writes the values, one after the other.
    #[doc(hidden)]
    #[inline]
    fn encode_slice(values: &[Self], out: &mut Output<'_>)
    where
        Self: Sized,
    {
        values.iter().for_each(|value| value.encode_to(out));
    }

    /// The encoding.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = zeros(self.encoded_len());
        self.encode_to(&mut Output { rest: &mut bytes });
        bytes
    }

    /// Hands the encoding to `f`, from the stack where it is small.
    #[inline]
    fn using_encoded<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        if matches!(Self::MAX_LEN, Some(max) if max <= BOUNDED_STACK) {
            with_buffer::<Self, BOUNDED_STACK, R>(self, f)
        } else {
            with_buffer::<Self, UNBOUNDED_STACK, R>(self, f)
        }
    }
}

#[inline]
fn with_buffer<T: Encode + ?Sized, const STACK: usize, R>(value: &T, f: impl FnOnce(&[u8]) -> R) -> R {
    let len = value.encoded_len();
    let mut stack = [0; STACK];
    let mut heap;
    let bytes = match stack.get_mut(..len) {
        Some(bytes) => bytes,
        None => {
            heap = zeros(len);
            heap.as_mut_slice()
        }
    };
    value.encode_to(&mut Output { rest: bytes });
    f(bytes)
}

/// What a decoder reads from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads from the front of `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(DecodeError)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next byte: the index of a variant, say.
    ///
    /// # Errors
    ///
    /// At the end.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&head, rest) = self.rest.split_first().ok_or(DecodeError)?;
        self.rest = rest;
        Ok(head)
    }

    /// A count in compact form.
    ///
    /// # Errors
    ///
    /// For a form that is longer than need be, and for a count larger than the number of bytes that follow.
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let first = self.byte()?;
        let length = match first & 3 {
            0 => u32::from(first >> 2u32),
            1 => u32::from(u16::from_le_bytes([first, self.byte()?]) >> 2u32),
            2 => {
                let &[b1, b2, b3] = self.array()?;
                u32::from_le_bytes([first, b1, b2, b3]) >> 2u32
            }
            _ if first == 3 => u32::from_le_bytes(*self.array()?),
            _ => return Err(DecodeError),
        };
        let shortest = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => 5,
        };
        let count = usize::try_from(length).map_err(|_| DecodeError)?;
        if compact_len(length) != shortest || count > self.rest.len() {
            return Err(DecodeError);
        }
        Ok(count)
    }

    /// Nothing more must follow.
    ///
    /// # Errors
    ///
    /// If bytes remain.
    #[inline]
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError) }
    }
}

/// A value that can be read from its encoding; `&str` and `&[u8]` borrow from it. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be decoded",
    label = "cannot cross the contract's boundary",
    note = "integers, bool, String, Vec, Option, arrays, tuples, BTreeMap, Address, ObjectId and Hash can; derive \
            `Decode` for your own types"
)]
pub trait Decode<'a>: Sized {
    /// The most bytes that a value takes, if there is a bound.
    const MAX_LEN: Option<usize>;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// If the input does not begin with the one encoding of a value.
    fn decode(input: &mut Input<'a>) -> Result<Self, DecodeError>;

    /// Reads `count` values, at most as many as there are bytes.
    #[doc(hidden)]
    fn decode_vec(input: &mut Input<'a>, count: usize) -> Result<Vec<Self>, DecodeError> {
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Self::decode(input)?);
        }
        Ok(values)
    }

    /// Reads `N` values.
    #[doc(hidden)]
    fn decode_array<const N: usize>(input: &mut Input<'a>) -> Result<[Self; N], DecodeError> {
        let mut values = Vec::with_capacity(N);
        for _ in 0..N {
            values.push(Self::decode(input)?);
        }
        values.try_into().map_err(|_| DecodeError)
    }
}

/// A type that decodes without borrowing from the bytes.
pub trait DecodeOwned: for<'a> Decode<'a> {}

impl<T: for<'a> Decode<'a>> DecodeOwned for T {}

/// Reads one value from all of `bytes`.
///
/// # Errors
///
/// If the bytes are not the one encoding of a value, or more follow it.
#[inline]
pub fn decode_exact<'a, T: Decode<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut input = Input::new(bytes);
    let value = T::decode(&mut input)?;
    input.finish()?;
    Ok(value)
}

/// The bound of values one after the other.
#[doc(hidden)]
#[must_use]
pub const fn bound_of_all(bounds: &[Option<usize>]) -> Option<usize> {
    let mut sum = 0usize;
    let mut rest = bounds;
    while let [first, tail @ ..] = rest {
        match first {
            Some(bound) => sum = sum.saturating_add(*bound),
            None => return None,
        }
        rest = tail;
    }
    Some(sum)
}

/// The bound of one value out of several.
#[doc(hidden)]
#[must_use]
pub const fn bound_of_any(bounds: &[Option<usize>]) -> Option<usize> {
    let mut most = 0usize;
    let mut rest = bounds;
    while let [first, tail @ ..] = rest {
        match first {
            Some(bound) if *bound > most => most = *bound,
            Some(_) => {}
            None => return None,
        }
        rest = tail;
    }
    Some(most)
}
