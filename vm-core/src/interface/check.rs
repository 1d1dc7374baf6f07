//! Whether bytes are the canonical encoding of given types: one pass, no recursion, no allocation from lengths.

use alloc::vec::Vec;

use super::{Field, Type, Variant};
use crate::codec::compact_u32;

/// Why bytes are not the encoding of the wanted types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// The bytes end before the value does.
    #[error("the bytes end at {at}, inside a value")]
    Truncated {
        /// How many bytes there are.
        at: usize,
    },
    /// Bytes remain after the last value.
    #[error("{count} bytes follow the last value")]
    Surplus {
        /// How many.
        count: usize,
    },
    /// A byte sequence that the type has not: a bool of 2, an unknown variant, a length in long form, bad UTF-8.
    #[error("no value of the type begins at byte {at}")]
    Invalid {
        /// Where the refused part begins.
        at: usize,
    },
    /// The walk would take more steps than the caller allows: values without bytes cost steps too.
    #[error("checking takes more steps than are paid for")]
    TooManySteps,
    /// Map keys or set members that don't ascend strictly.
    #[error("the key at byte {at} is not larger than the one before")]
    Order {
        /// Where the key begins.
        at: usize,
    },
}

/// What remains to be read.
enum Work<'t, 'b> {
    Type(&'t Type),
    Types(&'t [Type]),
    Fields(&'t [Field]),
    Repeat(&'t Type, u32),
    /// Key type, value type of a map, how many are left, the bytes of the key before.
    Keyed(&'t Type, Option<&'t Type>, u32, Option<&'b [u8]>),
}

struct Reader<'b> {
    all: &'b [u8],
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn at(&self) -> usize {
        self.all.len().saturating_sub(self.rest.len())
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], ArgumentError> {
        let (head, rest) =
            self.rest.split_at_checked(count).ok_or(ArgumentError::Truncated { at: self.all.len() })?;
        self.rest = rest;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, ArgumentError> {
        let (&byte, rest) = self.rest.split_first().ok_or(ArgumentError::Truncated { at: self.all.len() })?;
        self.rest = rest;
        Ok(byte)
    }

    fn length(&mut self) -> Result<u32, ArgumentError> {
        let at = self.at();
        compact_u32(&mut self.rest).map_err(|_| ArgumentError::Invalid { at })
    }

    fn bytes(&mut self) -> Result<&'b [u8], ArgumentError> {
        let count = self.length()?;
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn text(&mut self) -> Result<&'b [u8], ArgumentError> {
        let at = self.at();
        let bytes = self.bytes()?;
        core::str::from_utf8(bytes).map(|_| bytes).map_err(|_| ArgumentError::Invalid { at })
    }

    /// A plain value ([`Type::is_key`]): the bytes by which it is ordered, or `None` for another type.
    fn plain(&mut self, ty: &Type) -> Result<Option<&'b [u8]>, ArgumentError> {
        Ok(Some(match ty {
            Type::Bool => {
                let at = self.at();
                let byte = self.take(1)?;
                if byte > [1].as_slice() {
                    return Err(ArgumentError::Invalid { at });
                }
                byte
            }
            Type::U8 | Type::I8 => self.take(1)?,
            Type::U16 | Type::I16 => self.take(2)?,
            Type::U32 | Type::I32 => self.take(4)?,
            Type::U64 | Type::I64 => self.take(8)?,
            Type::U128 | Type::I128 => self.take(16)?,
            Type::Address | Type::ObjectId | Type::Hash => self.take(32)?,
            Type::String => self.text()?,
            Type::Bytes => self.bytes()?,
            Type::Option(_)
            | Type::Vec(_)
            | Type::Array(..)
            | Type::Tuple(_)
            | Type::Struct { .. }
            | Type::Enum { .. }
            | Type::Map(..)
            | Type::Set(_)
            | Type::Result(..) => return Ok(None),
        }))
    }
}

/// Whether `smaller` comes before `larger`, both encodings of the plain type `ty` as [`Reader::plain`] gives them.
fn ascends(ty: &Type, smaller: &[u8], larger: &[u8]) -> bool {
    match ty {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 => {
            smaller.iter().rev().lt(larger.iter().rev())
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 => {
            // Flipping the sign bit makes two's complement order that of unsigned numbers.
            let order = |bytes: &[u8]| -> Vec<u8> {
                let mut big_endian: Vec<u8> = bytes.iter().rev().copied().collect();
                if let Some(first) = big_endian.first_mut() {
                    *first ^= 0x80;
                }
                big_endian
            };
            order(smaller) < order(larger)
        }
        Type::Bool | Type::Address | Type::ObjectId | Type::Hash | Type::String | Type::Bytes => {
            smaller < larger
        }
        Type::Option(_)
        | Type::Vec(_)
        | Type::Array(..)
        | Type::Tuple(_)
        | Type::Struct { .. }
        | Type::Enum { .. }
        | Type::Map(..)
        | Type::Set(_)
        | Type::Result(..) => false,
    }
}

/// Checks that `bytes` are the canonical encodings of the types of `fields`, one after the other.
///
/// Returns how many steps it took, a few for each value, nested and empty ones included. Unbounded: for tools. Whoever
/// is paid for the work uses [`check_within`].
///
/// # Errors
///
/// [`ArgumentError`], with the position.
pub fn check(fields: &[Field], bytes: &[u8]) -> Result<u64, ArgumentError> {
    let mut left = u64::MAX;
    check_within(fields, bytes, &mut left)?;
    Ok(u64::MAX.abs_diff(left))
}

/// As [`check`], in at most `steps_left` steps, which it counts down, whether the bytes are taken or refused.
///
/// # Errors
///
/// [`ArgumentError`], with the position; [`ArgumentError::TooManySteps`] if the steps don't suffice.
pub fn check_within(fields: &[Field], bytes: &[u8], steps_left: &mut u64) -> Result<(), ArgumentError> {
    let mut reader = Reader { all: bytes, rest: bytes };
    let mut work = alloc::vec![Work::Fields(fields)];
    while let Some(next) = work.pop() {
        *steps_left = steps_left.checked_sub(1).ok_or(ArgumentError::TooManySteps)?;
        match next {
            Work::Type(ty) => open(ty, &mut reader, &mut work)?,
            Work::Types(types) => {
                if let Some((first, rest)) = types.split_first() {
                    work.push(Work::Types(rest));
                    work.push(Work::Type(first));
                }
            }
            Work::Fields(fields) => {
                if let Some((first, rest)) = fields.split_first() {
                    work.push(Work::Fields(rest));
                    work.push(Work::Type(&first.ty));
                }
            }
            Work::Repeat(ty, left) => {
                if let Some(left) = left.checked_sub(1) {
                    work.push(Work::Repeat(ty, left));
                    work.push(Work::Type(ty));
                }
            }
            Work::Keyed(key, value, left, before) => {
                if let Some(left) = left.checked_sub(1) {
                    let at = reader.at();
                    let bytes = reader.plain(key)?.ok_or(ArgumentError::Invalid { at })?;
                    if before.is_some_and(|before| !ascends(key, before, bytes)) {
                        return Err(ArgumentError::Order { at });
                    }
                    work.push(Work::Keyed(key, value, left, Some(bytes)));
                    work.extend(value.map(Work::Type));
                }
            }
        }
    }
    match reader.rest.len() {
        0 => Ok(()),
        count => Err(ArgumentError::Surplus { count }),
    }
}

fn open<'t, 'b>(
    ty: &'t Type,
    reader: &mut Reader<'b>,
    work: &mut Vec<Work<'t, 'b>>,
) -> Result<(), ArgumentError> {
    let at = reader.at();
    if reader.plain(ty)?.is_some() {
        return Ok(());
    }
    match ty {
        Type::Option(value) => match reader.byte()? {
            0 => (),
            1 => work.push(Work::Type(value)),
            _ => return Err(ArgumentError::Invalid { at }),
        },
        Type::Result(value, error) => match reader.byte()? {
            0 => work.push(Work::Type(value)),
            1 => work.push(Work::Type(error)),
            _ => return Err(ArgumentError::Invalid { at }),
        },
        Type::Vec(element) => {
            let count = reader.length()?;
            work.push(Work::Repeat(element, count));
        }
        Type::Array(count, element) => work.push(Work::Repeat(element, *count)),
        Type::Tuple(members) => work.push(Work::Types(members)),
        Type::Struct { fields, .. } => work.push(Work::Fields(fields)),
        Type::Enum { variants, .. } => {
            let index = usize::from(reader.byte()?);
            let Variant { fields, .. } = variants.get(index).ok_or(ArgumentError::Invalid { at })?;
            work.push(Work::Fields(fields));
        }
        Type::Map(key, value) => {
            let count = reader.length()?;
            work.push(Work::Keyed(key, Some(value), count, None));
        }
        Type::Set(member) => {
            let count = reader.length()?;
            work.push(Work::Keyed(member, None, count, None));
        }
        Type::Bool
        | Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::U128
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::I128
        | Type::String
        | Type::Bytes
        | Type::Address
        | Type::ObjectId
        | Type::Hash => (),
    }
    Ok(())
}
