//! The codec against `parity-scale-codec` and against the host's own check of arguments: the same bytes for every
//! value, and the same verdict on every byte string.

#![allow(clippy::as_conversions, reason = "parity's derive casts the variants' indices")]

use std::collections::{BTreeMap, BTreeSet};

use contract_sdk::codec::{DecodeError, Input, Raw, decode_exact};
use contract_sdk::interface::{FieldDef, TypeDef, VariantDef};
use contract_sdk::{Address, Decode, DecodeOwned, Described, Encode, Hash, ObjectId};
use parity_scale_codec as parity;
use parity_scale_codec::DecodeAll as _;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use vm_core::interface::{Field, Type, Variant};

#[derive(Clone, Debug, PartialEq, Encode, Decode, Described, parity::Encode, parity::Decode)]
struct Order {
    id: u64,
    note: String,
    tags: Vec<u16>,
    limit: Option<u128>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, Described, parity::Encode, parity::Decode)]
enum Kind {
    Plain,
    Sized(i32, bool),
    Named { key: [u8; 3], rows: Vec<Vec<u8>> },
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, Described)]
struct Borrowed<'a> {
    name: &'a str,
    data: &'a [u8],
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, Described)]
struct Pair<T>(T, T);

/// The type as vm-core has it.
fn owned(ty: &TypeDef) -> Type {
    let boxed = |ty| Box::new(owned(ty));
    let fields = |fields: &[FieldDef]| -> Vec<Field> {
        fields.iter().map(|field| Field { name: field.name.into(), ty: owned(&field.ty) }).collect()
    };
    match ty {
        TypeDef::Bool => Type::Bool,
        TypeDef::U8 => Type::U8,
        TypeDef::U16 => Type::U16,
        TypeDef::U32 => Type::U32,
        TypeDef::U64 => Type::U64,
        TypeDef::U128 => Type::U128,
        TypeDef::I8 => Type::I8,
        TypeDef::I16 => Type::I16,
        TypeDef::I32 => Type::I32,
        TypeDef::I64 => Type::I64,
        TypeDef::I128 => Type::I128,
        TypeDef::String => Type::String,
        TypeDef::Bytes => Type::Bytes,
        TypeDef::Address => Type::Address,
        TypeDef::ObjectId => Type::ObjectId,
        TypeDef::Hash => Type::Hash,
        TypeDef::Option(inner) => Type::Option(boxed(inner)),
        TypeDef::Vec(inner) => Type::Vec(boxed(inner)),
        TypeDef::Array(count, inner) => Type::Array(*count, boxed(inner)),
        TypeDef::Tuple(members) => Type::Tuple(members.iter().map(owned).collect()),
        TypeDef::Struct { name, fields: inner } => {
            Type::Struct { name: (*name).into(), fields: fields(inner) }
        }
        TypeDef::Enum { name, variants } => {
            let variant =
                |variant: &VariantDef| Variant { name: variant.name.into(), fields: fields(variant.fields) };
            Type::Enum { name: (*name).into(), variants: variants.iter().map(variant).collect() }
        }
        TypeDef::Map(key, value) => Type::Map(boxed(key), boxed(value)),
        TypeDef::Set(inner) => Type::Set(boxed(inner)),
        TypeDef::Result(value, error) => Type::Result(boxed(value), boxed(error)),
    }
}

fn same_bytes<T>(value: &T)
where
    T: Encode + DecodeOwned + parity::Encode + parity::Decode + PartialEq + std::fmt::Debug,
{
    let bytes = Encode::encode(value);
    assert_eq!(bytes, parity::Encode::encode(value));
    assert_eq!(bytes.len(), Encode::encoded_len(value));
    assert_eq!(value.using_encoded_by_sdk(), bytes);
    assert_eq!(decode_exact::<T>(&bytes).as_ref(), Ok(value));
    assert!(<T as Encode>::MAX_LEN.is_none_or(|max| bytes.len() <= max));
    assert_eq!(<T as Encode>::MAX_LEN, <T as Decode<'static>>::MAX_LEN);
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(decode_exact::<T>(&longer), Err(DecodeError));
    if let Some((_, shorter)) = bytes.split_last() {
        assert_eq!(decode_exact::<T>(shorter), Err(DecodeError));
    }
}

trait UsingEncodedBySdk {
    fn using_encoded_by_sdk(&self) -> Vec<u8>;
}

impl<T: Encode> UsingEncodedBySdk for T {
    fn using_encoded_by_sdk(&self) -> Vec<u8> {
        Encode::using_encoded(self, <[u8]>::to_vec)
    }
}

/// The SDK, parity (re-encoded, for it takes unsorted keys) and the host agree on whether the bytes are a value.
fn same_verdict<T>(bytes: &[u8])
where
    T: Encode + DecodeOwned + Described + parity::Encode + parity::Decode + PartialEq + std::fmt::Debug,
{
    let ours = decode_exact::<T>(bytes).ok();
    let theirs = T::decode_all(&mut { bytes }).ok().filter(|value| parity::Encode::encode(value) == bytes);
    assert_eq!(ours, theirs);
    let field = Field { name: "value".into(), ty: owned(&T::TYPE) };
    assert_eq!(ours.is_some(), vm_core::interface::check(&[field], bytes).is_ok());
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Plain),
        (any::<i32>(), any::<bool>()).prop_map(|(size, flag)| Kind::Sized(size, flag)),
        (any::<[u8; 3]>(), vec(vec(any::<u8>(), 0..5), 0..5))
            .prop_map(|(key, rows)| Kind::Named { key, rows }),
    ]
}

fn orders() -> impl Strategy<Value = Order> {
    (any::<u64>(), ".{0,80}", vec(any::<u16>(), 0..80), any::<Option<u128>>(), kinds())
        .prop_map(|(id, note, tags, limit, kind)| Order { id, note, tags, limit, kind })
}

proptest! {
    #[test]
    fn numbers_have_the_bytes_of_parity(a: (u8, u16, u32, u64, u128), b: (i8, i16, i32, i64, i128), c: bool) {
        same_bytes(&a);
        same_bytes(&b);
        same_bytes(&c);
        same_bytes(&Some(c));
        same_bytes(&Result::<u8, u64>::Err(a.3));
        same_bytes(&[a.1, a.1]);
        same_bytes(&());
    }

    #[test]
    fn ids_have_the_bytes_of_parity(bytes: [u8; 32]) {
        same_bytes(&Address(bytes));
        same_bytes(&ObjectId(bytes));
        same_bytes(&Hash(bytes));
        same_bytes(&vec![Address(bytes); 3]);
    }

    #[test]
    fn composites_have_the_bytes_of_parity(order in orders(), rows in vec(orders(), 0..4)) {
        same_bytes(&order);
        same_bytes(&rows);
        same_bytes(&(rows, order));
    }

    #[test]
    fn collections_have_the_bytes_of_parity(
        map in btree_map(".{0,4}", any::<u32>(), 0..70),
        set in btree_set(any::<i16>(), 0..70),
    ) {
        same_bytes(&map);
        same_bytes(&set);
    }

    #[test]
    fn any_bytes_get_the_same_verdict(bytes in vec(prop_oneof![0u8..9, any::<u8>()], 0..24)) {
        same_verdict::<bool>(&bytes);
        same_verdict::<u32>(&bytes);
        same_verdict::<Option<bool>>(&bytes);
        same_verdict::<Result<u8, bool>>(&bytes);
        same_verdict::<String>(&bytes);
        same_verdict::<Vec<u8>>(&bytes);
        same_verdict::<Vec<u16>>(&bytes);
        same_verdict::<Vec<String>>(&bytes);
        same_verdict::<[bool; 3]>(&bytes);
        same_verdict::<(u8, String)>(&bytes);
        same_verdict::<Kind>(&bytes);
        same_verdict::<Order>(&bytes);
        same_verdict::<BTreeSet<u8>>(&bytes);
        same_verdict::<BTreeSet<i8>>(&bytes);
        same_verdict::<BTreeMap<u8, bool>>(&bytes);
        same_verdict::<BTreeMap<String, u8>>(&bytes);
    }

    #[test]
    fn damaged_values_get_the_same_verdict(order in orders(), at: prop::sample::Index, flip in 1u8..) {
        let mut bytes = Encode::encode(&order);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        same_verdict::<Order>(&bytes);
    }

    #[test]
    fn borrowed_values_read_what_owned_ones_write(name in ".{0,40}", data in vec(any::<u8>(), 0..40)) {
        let bytes = Encode::encode(&(name.clone(), data.clone()));
        let borrowed = Borrowed { name: &name, data: &data };
        prop_assert_eq!(Encode::encode(&borrowed), bytes.clone());
        prop_assert_eq!(decode_exact::<Borrowed<'_>>(&bytes), Ok(borrowed));
    }

    #[test]
    fn lengths_have_one_form(length in 0u32..0x10_0000) {
        let form = parity::Encode::encode(&parity::Compact(length));
        let mut bytes = form.clone();
        bytes.resize(0x10_0010, 0);
        prop_assert_eq!(Input::new(&bytes).length().map(|count| u32::try_from(count).unwrap()), Ok(length));
        // The same number in every longer form.
        let shifted = (u64::from(length) << 2u32).to_le_bytes();
        for (mode, len) in [(1u8, 2usize), (2, 4)] {
            let mut bytes = shifted;
            bytes[0] |= mode;
            let (longer, beyond) = bytes.split_at(len);
            if beyond.iter().all(|byte| *byte == 0) && longer != form {
                let mut bytes = longer.to_vec();
                bytes.resize(0x20_0000, 0);
                prop_assert_eq!(Input::new(&bytes).length(), Err(DecodeError));
            }
        }
    }
}

#[test]
fn long_lists_have_the_bytes_of_parity() {
    for count in [0usize, 63, 64, 16_383, 16_384, 70_000] {
        same_bytes(&vec![7u8; count]);
        same_bytes(&"x".repeat(count));
    }
}

#[test]
fn five_byte_lengths_are_taken_only_where_needed() {
    // 2^30 elements are not there; 2^30 - 1 in five bytes is the wrong form; a length past 2^32 is none.
    for bytes in [[3u8, 0, 0, 0, 0x40], [3, 0xff, 0xff, 0xff, 0x3f], [7, 0, 0, 0, 0]] {
        assert_eq!(Input::new(&bytes).length(), Err(DecodeError));
    }
}

#[test]
fn lists_of_nothing_are_refused() {
    // A count of two, and no byte for either element.
    assert_eq!(decode_exact::<Vec<()>>(&[8]), Err(DecodeError));
    assert_eq!(decode_exact::<Vec<()>>(&[0]), Ok(vec![]));
}

#[test]
fn raw_bytes_are_written_as_they_are() {
    assert_eq!(Encode::encode(&(1u8, Raw(&[2, 3]))), [1, 2, 3]);
    assert_eq!(decode_exact::<Pair<u8>>(&[1, 2]), Ok(Pair(1, 2)));
}

#[test]
fn bounds_cover_enums_and_arrays() {
    assert_eq!(<Kind as Encode>::MAX_LEN, None);
    assert_eq!(<Pair<Option<u64>> as Encode>::MAX_LEN, Some(18));
    assert_eq!(<Result<u8, [u16; 4]> as Decode<'static>>::MAX_LEN, Some(9));
}
