//! From SCALE bytes to the value that people read.
//!
//! The bytes may come from a hostile contract: nothing is believed, nothing is allocated from a claimed length, and
//! the recursion is bounded by the type's depth, which the interface bounds.

use parity_scale_codec::{Decode, Encode};
use vm_core::codec::compact_u32;
use vm_core::interface::{Field, Type};
use vm_core::{Address, Hash, ObjectId};

use super::{Human, Located, Number, is_numbered};
use crate::names::Names;

/// Bytes that are not of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not of the type in the contract's interface")]
pub struct DecodeError;

/// The value that all of `bytes` are the encoding of.
///
/// # Errors
///
/// [`DecodeError`] if the bytes are not one value of the type.
pub fn decode(ty: &Type, bytes: &[u8], names: &Names) -> Result<Human, DecodeError> {
    let mut decoder = Decoder { names, rest: bytes };
    let value = decoder.value(ty)?;
    if decoder.rest.is_empty() { Ok(value) } else { Err(DecodeError) }
}

/// A field's name, value and bytes.
pub type DecodedField<'b> = (String, Human, &'b [u8]);

/// The value and the bytes of each of `fields`, which `bytes` hold one after the other.
///
/// # Errors
///
/// [`DecodeError`] if the bytes are not the fields' values.
pub fn decode_fields<'b>(
    fields: &[Field],
    bytes: &'b [u8],
    names: &Names,
) -> Result<Vec<DecodedField<'b>>, DecodeError> {
    let mut decoder = Decoder { names, rest: bytes };
    let mut values = Vec::new();
    for field in fields {
        let before = decoder.rest;
        let value = decoder.value(&field.ty)?;
        let used = before.len().saturating_sub(decoder.rest.len());
        let (own, _) = before.split_at_checked(used).ok_or(DecodeError)?;
        values.push((field.name.clone(), value, own));
    }
    if decoder.rest.is_empty() { Ok(values) } else { Err(DecodeError) }
}

struct Decoder<'n, 'b> {
    names: &'n Names,
    rest: &'b [u8],
}

impl Decoder<'_, '_> {
    fn plain<T: Decode + Encode>(&mut self) -> Result<T, DecodeError> {
        T::decode(&mut self.rest).map_err(|_| DecodeError)
    }

    fn natural<T: Decode + Encode + Into<u128>>(&mut self) -> Result<Human, DecodeError> {
        Ok(Human::natural(self.plain::<T>()?))
    }

    fn signed<T: Decode + Encode + Into<i128>>(&mut self) -> Result<Human, DecodeError> {
        let value: i128 = self.plain::<T>()?.into();
        let size = value.unsigned_abs();
        Ok(Human::Integer(if value < 0 { Number::Negative(size) } else { Number::Natural(size) }))
    }

    fn length(&mut self) -> Result<u32, DecodeError> {
        compact_u32(&mut self.rest).map_err(|_| DecodeError)
    }

    fn take(&mut self, count: u32) -> Result<&[u8], DecodeError> {
        let count = usize::try_from(count).map_err(|_| DecodeError)?;
        let (head, rest) = self.rest.split_at_checked(count).ok_or(DecodeError)?;
        self.rest = rest;
        Ok(head)
    }

    fn hex(&mut self, count: u32) -> Result<Human, DecodeError> {
        Ok(Human::Text(format!("0x{}", hex::encode(self.take(count)?))))
    }

    /// Each element takes a byte at least (interfaces are checked for it), so a claimed count ends with the bytes.
    fn list(&mut self, count: u32, ty: &Type) -> Result<Human, DecodeError> {
        let mut items: Vec<Located> = Vec::new();
        for _ in 0..count {
            if self.rest.is_empty() {
                return Err(DecodeError);
            }
            items.push(self.value(ty)?.into());
        }
        Ok(Human::List(items))
    }

    fn fields(&mut self, fields: &[Field]) -> Result<Human, DecodeError> {
        if let [field] = fields
            && is_numbered(fields)
        {
            return self.value(&field.ty);
        }
        let mut values = Vec::new();
        for field in fields {
            values.push((field.name.clone(), Located::from(self.value(&field.ty)?)));
        }
        Ok(if is_numbered(fields) {
            Human::List(values.into_iter().map(|(_, value)| value).collect())
        } else {
            Human::Table(values)
        })
    }

    fn map(&mut self, key: &Type, content: &Type) -> Result<Human, DecodeError> {
        let mut pairs = Vec::new();
        for _ in 0..self.length()? {
            if self.rest.is_empty() {
                return Err(DecodeError);
            }
            pairs.push((self.value(key)?, self.value(content)?));
        }
        let names: Option<Vec<String>> = pairs
            .iter()
            .map(|(key, _)| match key {
                Human::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        Ok(match names {
            Some(names) => Human::table(names.into_iter().zip(pairs.into_iter().map(|(_, value)| value))),
            None => {
                let pair = |(key, value): (Human, Human)| Human::List(vec![key.into(), value.into()]).into();
                Human::List(pairs.into_iter().map(pair).collect())
            }
        })
    }

    fn value(&mut self, ty: &Type) -> Result<Human, DecodeError> {
        Ok(match ty {
            Type::Bool => Human::Bool(self.plain()?),
            Type::U8 => self.natural::<u8>()?,
            Type::U16 => self.natural::<u16>()?,
            Type::U32 => self.natural::<u32>()?,
            Type::U64 => self.natural::<u64>()?,
            Type::U128 => self.natural::<u128>()?,
            Type::I8 => self.signed::<i8>()?,
            Type::I16 => self.signed::<i16>()?,
            Type::I32 => self.signed::<i32>()?,
            Type::I64 => self.signed::<i64>()?,
            Type::I128 => self.signed::<i128>()?,
            Type::String => {
                let count = self.length()?;
                let text = std::str::from_utf8(self.take(count)?).map_err(|_| DecodeError)?;
                Human::Text(text.to_owned())
            }
            Type::Bytes => {
                let count = self.length()?;
                self.hex(count)?
            }
            Type::Address => {
                let address = self.plain::<Address>()?;
                Human::Text(self.names.show_address(&address))
            }
            Type::ObjectId => {
                let object = self.plain::<ObjectId>()?;
                Human::Text(self.names.show_object(&object))
            }
            Type::Hash => {
                let hash = self.plain::<Hash>()?;
                Human::Text(self.names.show_hash(&hash))
            }
            Type::Option(inner) => match self.plain::<u8>()? {
                0 => Human::Text("None".to_owned()),
                1 => Human::variant("Some", self.value(inner)?),
                _ => return Err(DecodeError),
            },
            Type::Result(good, bad) => match self.plain::<u8>()? {
                0 => Human::variant("Ok", self.value(good)?),
                1 => Human::variant("Err", self.value(bad)?),
                _ => return Err(DecodeError),
            },
            Type::Vec(element) => {
                let count = self.length()?;
                if **element == Type::U8 { self.hex(count)? } else { self.list(count, element)? }
            }
            Type::Set(member) => {
                let count = self.length()?;
                self.list(count, member)?
            }
            Type::Array(count, element) if **element == Type::U8 => self.hex(*count)?,
            Type::Array(count, element) => self.list(*count, element)?,
            Type::Tuple(members) => {
                let mut items: Vec<Located> = Vec::new();
                for member in members {
                    items.push(self.value(member)?.into());
                }
                Human::List(items)
            }
            Type::Struct { fields, .. } => self.fields(fields)?,
            Type::Enum { variants, .. } => {
                let index = self.plain::<u8>()?;
                let variant = variants.get(usize::from(index)).ok_or(DecodeError)?;
                if variant.fields.is_empty() {
                    Human::Text(variant.name.clone())
                } else {
                    Human::variant(&variant.name, self.fields(&variant.fields)?)
                }
            }
            Type::Map(key, content) => self.map(key, content)?,
        })
    }
}
