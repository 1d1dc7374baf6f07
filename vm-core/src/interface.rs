//! What a contract offers: functions, events, errors, objects and their types (R73).
//!
//! A module carries it, SCALE-encoded, in exactly one custom section named
//! [`INTERFACE_SECTION`](crate::abi::INTERFACE_SECTION). Nodes take from it which functions are payable, reentrant,
//! views or the initialiser, and which bytes are arguments ([`check`]): so it is consensus data, decoded within
//! bounds and checked whole at deployment.
//!
//! Types are trees without names to refer back to, hence never recursive. [`Interface::decode`] also refuses
//! elements of zero size, arrays of arrays without bound, and map keys whose order is not plain.

#![allow(clippy::as_conversions, reason = "the codec's derive casts the variants' indices, which are given")]

mod check;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use parity_scale_codec::{Decode, DecodeLimit, Encode};

pub use check::{ArgumentError, check, check_within};

/// How deeply types nest at most.
pub const TYPE_DEPTH_MAX: u32 = 16;
/// The most elements that one value's fixed arrays hold together.
pub const ARRAY_ELEMENTS_MAX: u64 = 65_536;
/// The longest name of a function, type, field, event or error, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// The type of an argument, a result or a field, and with it its SCALE encoding.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Type {
    /// One byte, 0 or 1.
    #[codec(index = 0)]
    Bool,
    /// 1 byte.
    #[codec(index = 1)]
    U8,
    /// 2 bytes, little endian.
    #[codec(index = 2)]
    U16,
    /// 4 bytes, little endian.
    #[codec(index = 3)]
    U32,
    /// 8 bytes, little endian.
    #[codec(index = 4)]
    U64,
    /// 16 bytes, little endian.
    #[codec(index = 5)]
    U128,
    /// 1 byte.
    #[codec(index = 6)]
    I8,
    /// 2 bytes, little endian.
    #[codec(index = 7)]
    I16,
    /// 4 bytes, little endian.
    #[codec(index = 8)]
    I32,
    /// 8 bytes, little endian.
    #[codec(index = 9)]
    I64,
    /// 16 bytes, little endian.
    #[codec(index = 10)]
    I128,
    /// Compact length, then UTF-8.
    #[codec(index = 11)]
    String,
    /// Compact length, then bytes.
    #[codec(index = 12)]
    Bytes,
    /// 32 bytes.
    #[codec(index = 13)]
    Address,
    /// 32 bytes.
    #[codec(index = 14)]
    ObjectId,
    /// 32 bytes.
    #[codec(index = 15)]
    Hash,
    /// 0, or 1 and the value.
    #[codec(index = 16)]
    Option(Box<Type>),
    /// Compact count, then the elements.
    #[codec(index = 17)]
    Vec(Box<Type>),
    /// The elements.
    #[codec(index = 18)]
    Array(u32, Box<Type>),
    /// The members; the empty tuple is the type of nothing.
    #[codec(index = 19)]
    Tuple(Vec<Type>),
    /// The fields.
    #[codec(index = 20)]
    Struct {
        /// The type's name, for people.
        name: String,
        /// In order.
        fields: Vec<Field>,
    },
    /// The variant's index, then its fields.
    #[codec(index = 21)]
    Enum {
        /// The type's name, for people.
        name: String,
        /// In order; the first has index 0.
        variants: Vec<Variant>,
    },
    /// Compact count, then key and value of each entry, keys strictly ascending.
    #[codec(index = 22)]
    Map(Box<Type>, Box<Type>),
    /// Compact count, then the members, strictly ascending.
    #[codec(index = 23)]
    Set(Box<Type>),
    /// 0 and the value, or 1 and the error.
    #[codec(index = 24)]
    Result(Box<Type>, Box<Type>),
}

impl Type {
    /// The type of nothing.
    #[must_use]
    pub const fn unit() -> Self {
        Self::Tuple(Vec::new())
    }

    /// Whether map keys and set members may have this type: those whose order is one comparison.
    #[must_use]
    pub const fn is_key(&self) -> bool {
        !matches!(
            self,
            Self::Option(_)
                | Self::Vec(_)
                | Self::Array(..)
                | Self::Tuple(_)
                | Self::Struct { .. }
                | Self::Enum { .. }
                | Self::Map(..)
                | Self::Set(_)
                | Self::Result(..)
        )
    }
}

/// A named value: a parameter, a field of a struct, an event or an object.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Field {
    /// Its name; `0`, `1`, ... in tuple-like types.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// What the host enforces of a function. A set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Flags(pub u8);

impl Flags {
    /// Runs once, at deployment (R45).
    pub const INIT: Self = Self(1);
    /// Cannot change anything (R44).
    pub const VIEW: Self = Self(2);
    /// Takes value (R14).
    pub const PAYABLE: Self = Self(4);
    /// May be entered while its contract is in the call chain (R43).
    pub const REENTRANT: Self = Self(8);
    const ALL: u8 = 15;

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A function of a contract. Its export has its name and takes and returns nothing in wasm terms.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Function {
    /// Its name, also the export's.
    pub name: String,
    /// What the host enforces.
    pub flags: Flags,
    /// In order; the arguments are their values' encodings, one after the other.
    pub params: Vec<Field>,
    /// What it returns.
    pub returns: Type,
    /// For people.
    pub docs: String,
}

/// An event or an error.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// In order; the data are their values' encodings, one after the other.
    pub fields: Vec<Field>,
    /// For people.
    pub docs: String,
}

/// The interface of a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Interface {
    /// The contract's name, for people.
    pub name: String,
    /// In the order of the source.
    pub functions: Vec<Function>,
    /// The events that it logs.
    pub events: Vec<Record>,
    /// Its errors: number `n` reverts with the code [`CONTRACT_BASE`](crate::ErrorCode::CONTRACT_BASE)` + n` as `u32`,
    /// little endian, then its fields.
    pub errors: Vec<Record>,
    /// The kinds of objects it keeps, with the fields that it knows.
    pub objects: Vec<Record>,
}

/// Why bytes are no interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// More bytes than the limit.
    #[error("{found} bytes, more than the limit of {limit}")]
    TooLong {
        /// The length found.
        found: usize,
        /// The limit.
        limit: u32,
    },
    /// Not the canonical encoding of an interface, or types nested too deeply to read.
    #[error("not an encoded interface")]
    Malformed,
    /// A name that is empty, too long, or has other characters than letters, digits and `_`.
    #[error("{0:?} is not a name")]
    BadName(String),
    /// A name that stands twice in one place.
    #[error("{0:?} is defined twice")]
    Duplicate(String),
    /// Types nested past [`TYPE_DEPTH_MAX`].
    #[error("the type of {0:?} is nested too deeply")]
    TooDeep(String),
    /// A list, map or array whose elements encode to nothing, so that five bytes could claim billions.
    #[error("the type of {0:?} has elements of zero size")]
    ZeroSize(String),
    /// Arrays that hold more than [`ARRAY_ELEMENTS_MAX`] elements together.
    #[error("the type of {0:?} holds too many array elements")]
    ArrayTooLarge(String),
    /// A map key or set member that is not a plain type.
    #[error("the type of {0:?} has a key that is not a plain type")]
    BadKey(String),
    /// An enum without variants or with more than 256.
    #[error("the type of {0:?} has an enum with no variants or more than 256")]
    BadEnum(String),
    /// Flags that contradict each other or don't exist.
    #[error("function {0:?} has contradicting or unknown flags")]
    BadFlags(String),
    /// More than one initialiser.
    #[error("more than one function is an initialiser")]
    TwoInits,
}

impl Interface {
    /// Decodes and checks an interface of at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`InterfaceError`], naming what it is about.
    pub fn decode_checked(bytes: &[u8], limit: u32) -> Result<Self, InterfaceError> {
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > u64::from(limit) {
            return Err(InterfaceError::TooLong { found: bytes.len(), limit });
        }
        // A level of a type costs up to three levels of the codec's own count (Vec, Field, Box).
        let codec_depth = TYPE_DEPTH_MAX.saturating_mul(3).saturating_add(8);
        let decoded = Self::decode_all_with_depth_limit(codec_depth, &mut { bytes })
            .map_err(|_| InterfaceError::Malformed)?;
        if decoded.encode() != bytes {
            return Err(InterfaceError::Malformed);
        }
        decoded.validate()?;
        Ok(decoded)
    }

    /// Checks everything that [`Self::decode_checked`] promises beside the encoding.
    ///
    /// # Errors
    ///
    /// [`InterfaceError`], naming what it is about.
    pub fn validate(&self) -> Result<(), InterfaceError> {
        check_name(&self.name)?;
        unique(self.functions.iter().map(|function| &function.name))?;
        for function in &self.functions {
            let flags = function.flags;
            let view_writes = flags.has(Flags::VIEW) && (flags.has(Flags::INIT) || flags.has(Flags::PAYABLE));
            if flags.0 & !Flags::ALL != 0 || view_writes {
                return Err(InterfaceError::BadFlags(function.name.clone()));
            }
            fields(&function.params)?;
            measure(&function.returns, &function.name)?;
        }
        if self.functions.iter().filter(|function| function.flags.has(Flags::INIT)).count() > 1 {
            return Err(InterfaceError::TwoInits);
        }
        for records in [&self.events, &self.errors, &self.objects] {
            unique(records.iter().map(|record| &record.name))?;
            records.iter().try_for_each(|record| fields(&record.fields))?;
        }
        Ok(())
    }

    /// The function with this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The initialiser, if there is one.
    #[must_use]
    pub fn init(&self) -> Option<&Function> {
        self.functions.iter().find(|function| function.flags.has(Flags::INIT))
    }

    /// The event with this name.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<&Record> {
        self.events.iter().find(|record| record.name == name)
    }

    /// The contract error that a revert with `code` stands for.
    #[must_use]
    pub fn error(&self, code: u32) -> Option<&Record> {
        let index = code.checked_sub(crate::ErrorCode::CONTRACT_BASE)?;
        self.errors.get(usize::try_from(index).ok()?)
    }
}

fn check_name(name: &str) -> Result<(), InterfaceError> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !plain {
        return Err(InterfaceError::BadName(name.chars().take(NAME_BYTES_MAX).collect()));
    }
    Ok(())
}

fn unique<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), InterfaceError> {
    let mut seen = BTreeSet::new();
    for name in names {
        check_name(name)?;
        if !seen.insert(name) {
            return Err(InterfaceError::Duplicate(name.clone()));
        }
    }
    Ok(())
}

fn fields(fields: &[Field]) -> Result<(), InterfaceError> {
    unique(fields.iter().map(|field| &field.name))?;
    fields.iter().try_for_each(|field| measure(&field.ty, &field.name))
}

/// Checks the type of `of`.
fn measure(ty: &Type, of: &str) -> Result<(), InterfaceError> {
    Measure { of, elements: 0 }.size(ty, TYPE_DEPTH_MAX, 1).map(|_| ())
}

/// A walk over one type. The recursion is bounded by the depth that it counts down.
struct Measure<'a> {
    of: &'a str,
    elements: u64,
}

impl Measure<'_> {
    fn name(&self) -> String {
        self.of.into()
    }

    /// The least bytes a value takes; `repeat` is how often arrays around it repeat it.
    fn size(&mut self, ty: &Type, depth: u32, repeat: u64) -> Result<u64, InterfaceError> {
        let inner = depth.checked_sub(1).ok_or_else(|| InterfaceError::TooDeep(self.name()))?;
        Ok(match ty {
            Type::Bool | Type::U8 | Type::I8 | Type::String | Type::Bytes => 1,
            Type::U16 | Type::I16 => 2,
            Type::U32 | Type::I32 => 4,
            Type::U64 | Type::I64 => 8,
            Type::U128 | Type::I128 => 16,
            Type::Address | Type::ObjectId | Type::Hash => 32,
            Type::Option(value) => {
                self.size(value, inner, repeat)?;
                1
            }
            Type::Vec(element) => {
                self.element(element, inner, repeat)?;
                1
            }
            Type::Set(member) => {
                self.key(member)?;
                self.element(member, inner, repeat)?;
                1
            }
            Type::Map(key, value) => {
                self.key(key)?;
                self.element(key, inner, repeat)?;
                self.size(value, inner, repeat)?;
                1
            }
            Type::Array(count, element) => {
                let repeat = repeat.saturating_mul((*count).into());
                self.elements = self.elements.saturating_add(repeat);
                if self.elements > ARRAY_ELEMENTS_MAX {
                    return Err(InterfaceError::ArrayTooLarge(self.name()));
                }
                self.element(element, inner, repeat)?.saturating_mul((*count).into())
            }
            Type::Tuple(members) => {
                let mut sum = 0u64;
                for member in members {
                    sum = sum.saturating_add(self.size(member, inner, repeat)?);
                }
                sum
            }
            Type::Struct { name, fields } => {
                check_name(name)?;
                self.fields(fields, inner, repeat)?
            }
            Type::Enum { name, variants } => {
                check_name(name)?;
                if variants.is_empty() || variants.len() > 256 {
                    return Err(InterfaceError::BadEnum(self.name()));
                }
                unique(variants.iter().map(|variant| &variant.name))?;
                for variant in variants {
                    self.fields(&variant.fields, inner, repeat)?;
                }
                1
            }
            Type::Result(value, error) => {
                self.size(value, inner, repeat)?;
                self.size(error, inner, repeat)?;
                1
            }
        })
    }

    fn fields(&mut self, fields: &[Field], depth: u32, repeat: u64) -> Result<u64, InterfaceError> {
        unique(fields.iter().map(|field| &field.name))?;
        let mut sum = 0u64;
        for field in fields {
            sum = sum.saturating_add(self.size(&field.ty, depth, repeat)?);
        }
        Ok(sum)
    }

    fn element(&mut self, ty: &Type, depth: u32, repeat: u64) -> Result<u64, InterfaceError> {
        match self.size(ty, depth, repeat)? {
            0 => Err(InterfaceError::ZeroSize(self.name())),
            size => Ok(size),
        }
    }

    fn key(&self, ty: &Type) -> Result<(), InterfaceError> {
        if ty.is_key() { Ok(()) } else { Err(InterfaceError::BadKey(self.name())) }
    }
}

#[cfg(test)]
mod tests;
