//! Arbitrary types of an interface, arbitrary values of a type as SCALE bytes, and a naive decoder to compare with.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use parity_scale_codec::{Compact, Decode, Encode};
use vm_core::interface::{Field, Type, Variant};
use vm_core::{Address, Hash, ObjectId};

/// The types that keys of maps may have.
pub(crate) const PLAIN: [Type; 16] = [
    Type::Bool,
    Type::U8,
    Type::U16,
    Type::U32,
    Type::U64,
    Type::U128,
    Type::I8,
    Type::I16,
    Type::I32,
    Type::I64,
    Type::I128,
    Type::String,
    Type::Bytes,
    Type::Address,
    Type::ObjectId,
    Type::Hash,
];

/// Up to three named fields.
pub(crate) fn fields(u: &mut Unstructured<'_>, depth: u8) -> Result<Vec<Field>> {
    let count = u.int_in_range(0..=3u8)?;
    // Those of tuple-like types are numbered.
    let letter = if u.ratio(1, 4)? { "" } else { "a" };
    (0..count).map(|index| Ok(Field { name: format!("{letter}{index}"), ty: ty(u, depth)? })).collect()
}

/// A type, nested to `depth`. Not all are valid: elements may have no size.
pub(crate) fn ty(u: &mut Unstructured<'_>, depth: u8) -> Result<Type> {
    let Some(inner) = depth.checked_sub(1) else { return Ok(u.choose(&PLAIN)?.clone()) };
    Ok(match u.int_in_range(0..=15u8)? {
        0..=6 => u.choose(&PLAIN)?.clone(),
        7 => Type::Option(Box::new(ty(u, inner)?)),
        8 => Type::Vec(Box::new(ty(u, inner)?)),
        9 => Type::Array(u.int_in_range(0..=9)?, Box::new(ty(u, inner)?)),
        10 => {
            let count = u.int_in_range(0..=3u8)?;
            Type::Tuple((0..count).map(|_| ty(u, inner)).collect::<Result<_>>()?)
        }
        11 => Type::Struct { name: "s".into(), fields: fields(u, inner)? },
        12 => {
            let count = u.int_in_range(0..=3u8)?;
            let variant =
                |index: u8| -> Result<Variant> { Ok(Variant { name: format!("v{index}"), fields: vec![] }) };
            let mut variants = (0..count).map(variant).collect::<Result<Vec<_>>>()?;
            if let Some(last) = variants.last_mut() {
                last.fields = fields(u, inner)?;
            }
            Type::Enum { name: "c".into(), variants }
        }
        13 => Type::Map(Box::new(u.choose(&PLAIN)?.clone()), Box::new(ty(u, inner)?)),
        14 => Type::Set(Box::new(u.choose(&PLAIN)?.clone())),
        _ => Type::Result(Box::new(ty(u, inner)?), Box::new(ty(u, inner)?)),
    })
}

/// What ids of a value are chosen from, so that they mean something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    pub(crate) addresses: Vec<Address>,
    pub(crate) objects: Vec<ObjectId>,
    pub(crate) hashes: Vec<Hash>,
}

/// A value of a plain type, ordered as its keys are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plain {
    Bool(bool),
    Unsigned(u128),
    Signed(i128),
    Text(String),
    Bytes(Vec<u8>),
    Id([u8; 32]),
}

impl Plain {
    /// Reads a value with the codec's own decoders; `None` for bytes that are none, and for other types.
    fn decode(ty: &Type, input: &mut &[u8]) -> Option<Self> {
        fn unsigned<T: Decode + Into<u128>>(input: &mut &[u8]) -> Option<Plain> {
            T::decode(input).ok().map(|number| Plain::Unsigned(number.into()))
        }
        fn signed<T: Decode + Into<i128>>(input: &mut &[u8]) -> Option<Plain> {
            T::decode(input).ok().map(|number| Plain::Signed(number.into()))
        }
        match ty {
            Type::Bool => bool::decode(input).ok().map(Self::Bool),
            Type::U8 => unsigned::<u8>(input),
            Type::U16 => unsigned::<u16>(input),
            Type::U32 => unsigned::<u32>(input),
            Type::U64 => unsigned::<u64>(input),
            Type::U128 => unsigned::<u128>(input),
            Type::I8 => signed::<i8>(input),
            Type::I16 => signed::<i16>(input),
            Type::I32 => signed::<i32>(input),
            Type::I64 => signed::<i64>(input),
            Type::I128 => signed::<i128>(input),
            Type::String => String::decode(input).ok().map(Self::Text),
            Type::Bytes => Vec::<u8>::decode(input).ok().map(Self::Bytes),
            Type::Address | Type::ObjectId | Type::Hash => <[u8; 32]>::decode(input).ok().map(Self::Id),
            _ => None,
        }
    }

    /// An arbitrary value of the plain type `ty`.
    fn generate(u: &mut Unstructured<'_>, ty: &Type, pool: &Pool) -> Result<Self> {
        let bits = match ty {
            Type::U8 | Type::I8 => 8u32,
            Type::U16 | Type::I16 => 16,
            Type::U32 | Type::I32 => 32,
            Type::U64 | Type::I64 => 64,
            _ => 128,
        };
        // Mostly small, else anywhere.
        let number = match u.int_in_range(0..=3u8)? {
            0..=1 => u128::from(u.int_in_range(0..=20u8)?),
            2 => u128::from(u.arbitrary::<u16>()?),
            _ => u.arbitrary()?,
        };
        let number = number << (128 - bits) >> (128 - bits);
        Ok(match ty {
            Type::Bool => Self::Bool(u.arbitrary()?),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 => Self::Unsigned(number),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 => {
                Self::Signed((number << (128 - bits)).cast_signed() >> (128 - bits))
            }
            Type::String => {
                let words = ["", "a", "b", "name", "None", "0x12", "@alice", "grüße", "x\ny", "_1"];
                Self::Text((*u.choose(&words)?).into())
            }
            Type::Bytes => Self::Bytes(vec![u.arbitrary()?; u.int_in_range(0..=70usize)?]),
            Type::Address if !pool.addresses.is_empty() => Self::Id(u.choose(&pool.addresses)?.0),
            Type::ObjectId if !pool.objects.is_empty() => Self::Id(u.choose(&pool.objects)?.0),
            Type::Hash if !pool.hashes.is_empty() => Self::Id(u.choose(&pool.hashes)?.0),
            _ => Self::Id([u.arbitrary()?; 32]),
        })
    }

    fn encode(&self, ty: &Type, out: &mut Vec<u8>) {
        let bytes = match ty {
            Type::U8 | Type::I8 => 1,
            Type::U16 | Type::I16 => 2,
            Type::U32 | Type::I32 => 4,
            Type::U64 | Type::I64 => 8,
            _ => 16,
        };
        match self {
            Self::Bool(value) => value.encode_to(out),
            Self::Unsigned(number) => out.extend_from_slice(&number.to_le_bytes()[..bytes]),
            Self::Signed(number) => out.extend_from_slice(&number.to_le_bytes()[..bytes]),
            Self::Text(text) => text.encode_to(out),
            Self::Bytes(bytes) => bytes.encode_to(out),
            Self::Id(id) => id.encode_to(out),
        }
    }
}

/// Appends an arbitrary value of the valid type `ty`.
pub(crate) fn value(u: &mut Unstructured<'_>, ty: &Type, pool: &Pool, out: &mut Vec<u8>) -> Result<()> {
    let count = |u: &mut Unstructured<'_>| u.int_in_range(0..=4u32);
    match ty {
        Type::Option(inner) => {
            let some = u.arbitrary()?;
            bool::encode_to(&some, out);
            if some {
                value(u, inner, pool, out)?;
            }
        }
        Type::Result(good, bad) => {
            let failed = u.arbitrary()?;
            bool::encode_to(&failed, out);
            value(u, if failed { bad } else { good }, pool, out)?;
        }
        Type::Vec(element) => {
            let count = count(u)?;
            Compact(count).encode_to(out);
            (0..count).try_for_each(|_| value(u, element, pool, out))?;
        }
        Type::Array(count, element) => (0..*count).try_for_each(|_| value(u, element, pool, out))?,
        Type::Tuple(members) => members.iter().try_for_each(|member| value(u, member, pool, out))?,
        Type::Struct { fields, .. } => fields.iter().try_for_each(|field| value(u, &field.ty, pool, out))?,
        Type::Enum { variants, .. } => {
            let index = u.choose_index(variants.len().min(256))?;
            out.push(u8::try_from(index).unwrap());
            variants[index].fields.iter().try_for_each(|field| value(u, &field.ty, pool, out))?;
        }
        Type::Map(key, _) | Type::Set(key) => {
            let count = count(u)?;
            let keys = (0..count).map(|_| Plain::generate(u, key, pool));
            let keys = keys.collect::<Result<BTreeSet<Plain>>>()?;
            Compact(u32::try_from(keys.len()).unwrap()).encode_to(out);
            for plain in keys {
                plain.encode(key, out);
                if let Type::Map(_, content) = ty {
                    value(u, content, pool, out)?;
                }
            }
        }
        plain => Plain::generate(u, plain, pool)?.encode(plain, out),
    }
    Ok(())
}

/// Appends arbitrary arguments for `params`.
pub(crate) fn arguments(u: &mut Unstructured<'_>, params: &[Field], pool: &Pool) -> Result<Vec<u8>> {
    let mut out = vec![];
    params.iter().try_for_each(|param| value(u, &param.ty, pool, &mut out))?;
    Ok(out)
}

/// Reads one value of `ty` straight on, with the codec's own decoders for its parts; `None` for bytes that are none.
pub(crate) fn read(ty: &Type, input: &mut &[u8]) -> Option<()> {
    match ty {
        Type::Option(inner) => match u8::decode(input).ok()? {
            0 => Some(()),
            1 => read(inner, input),
            _ => None,
        },
        Type::Result(good, bad) => match u8::decode(input).ok()? {
            0 => read(good, input),
            1 => read(bad, input),
            _ => None,
        },
        Type::Vec(element) => {
            let Compact(count) = Compact::<u32>::decode(input).ok()?;
            (0..count).try_for_each(|_| read(element, input))
        }
        Type::Array(count, element) => (0..*count).try_for_each(|_| read(element, input)),
        Type::Tuple(members) => members.iter().try_for_each(|member| read(member, input)),
        Type::Struct { fields, .. } => fields.iter().try_for_each(|field| read(&field.ty, input)),
        Type::Enum { variants, .. } => {
            let variant = variants.get(usize::from(u8::decode(input).ok()?))?;
            variant.fields.iter().try_for_each(|field| read(&field.ty, input))
        }
        Type::Map(key, _) | Type::Set(key) => {
            let Compact(count) = Compact::<u32>::decode(input).ok()?;
            let mut before = None;
            (0..count).try_for_each(|_| {
                let plain = Plain::decode(key, input)?;
                let ascends = before.as_ref().is_none_or(|before| *before < plain);
                before = Some(plain);
                if let Type::Map(_, content) = ty {
                    read(content, input)?;
                }
                ascends.then_some(())
            })
        }
        plain => Plain::decode(plain, input).map(|_| ()),
    }
}
