//! The interface of a contract as a constant, and its bytes made by the compiler.
//!
//! The types mirror `vm_core::interface` with `&'static` in place of `Box`, `Vec` and `String`, so that
//! `#[contract]` can write an interface as a `const`, and a `const fn` its SCALE encoding, which becomes the custom
//! section `vm.interface` without a line of code in the contract. A test decodes the bytes with vm-core.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use vm_core::{Address, Hash, ObjectId};

/// A type: see `vm_core::interface::Type`, whose variants and indices it shares.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "documented at vm_core::interface::Type")]
pub enum TypeDef {
    Bool,
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    String,
    Bytes,
    Address,
    ObjectId,
    Hash,
    Option(&'static Self),
    Vec(&'static Self),
    Array(u32, &'static Self),
    Tuple(&'static [Self]),
    Struct { name: &'static str, fields: &'static [FieldDef] },
    Enum { name: &'static str, variants: &'static [VariantDef] },
    Map(&'static Self, &'static Self),
    Set(&'static Self),
    Result(&'static Self, &'static Self),
}

/// A named value.
#[derive(Clone, Copy, Debug)]
pub struct FieldDef {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: TypeDef,
}

/// A variant of an enum.
#[derive(Clone, Copy, Debug)]
pub struct VariantDef {
    /// Its name.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [FieldDef],
}

/// A function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionDef {
    /// Its name, also the export's.
    pub name: &'static str,
    /// `vm_core::interface::Flags`.
    pub flags: u8,
    /// Its parameters.
    pub params: &'static [FieldDef],
    /// What it returns.
    pub returns: TypeDef,
    /// For people.
    pub docs: &'static str,
}

/// An event, an error or a kind of object.
#[derive(Clone, Copy, Debug)]
pub struct RecordDef {
    /// Its name.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [FieldDef],
    /// For people.
    pub docs: &'static str,
}

/// A whole interface.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceDef {
    /// The contract's name.
    pub name: &'static str,
    /// Its functions.
    pub functions: &'static [FunctionDef],
    /// Its events.
    pub events: &'static [RecordDef],
    /// Its errors.
    pub errors: &'static [RecordDef],
    /// Its kinds of objects.
    pub objects: &'static [RecordDef],
}

impl InterfaceDef {
    /// How many bytes its encoding has.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.write::<0>().at
    }

    /// Its encoding, where `N` is [`Self::encoded_len`].
    #[must_use]
    pub const fn encode<const N: usize>(&self) -> [u8; N] {
        let writer = self.write::<N>();
        assert!(writer.at == N, "N is the encoded length");
        writer.bytes
    }

    const fn write<const N: usize>(&self) -> Writer<N> {
        let mut writer = Writer { bytes: [0; N], at: 0 };
        writer.text(self.name);
        writer.functions(self.functions);
        writer.records(self.events);
        writer.records(self.errors);
        writer.records(self.objects);
        writer
    }
}

/// Keeps the first `N` bytes and counts all.
struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index out of bounds"
)]
#[expect(clippy::as_conversions, reason = "`From` is not const; lengths of sources are far below 2^30")]
#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
impl<const N: usize> Writer<N> {
    const fn byte(&mut self, byte: u8) {
        if self.at < N {
            self.bytes[self.at] = byte;
        }
        self.at += 1;
    }

    const fn count(&mut self, count: usize) {
        assert!(count < 1 << 30u32, "a count fits four bytes");
        let [b0, b1, b2, b3] = ((count as u32) << 2u32).to_le_bytes();
        if count < 1 << 6u32 {
            self.byte(b0);
        } else if count < 1 << 14u32 {
            self.byte(b0 | 1);
            self.byte(b1);
        } else {
            self.byte(b0 | 2);
            self.byte(b1);
            self.byte(b2);
            self.byte(b3);
        }
    }

    const fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.count(bytes.len());
        let mut index = 0;
        while index < bytes.len() {
            self.byte(bytes[index]);
            index += 1;
        }
    }

    const fn functions(&mut self, functions: &[FunctionDef]) {
        self.count(functions.len());
        let mut index = 0;
        while index < functions.len() {
            let function = &functions[index];
            self.text(function.name);
            self.byte(function.flags);
            self.fields(function.params);
            self.ty(&function.returns);
            self.text(function.docs);
            index += 1;
        }
    }

    const fn records(&mut self, records: &[RecordDef]) {
        self.count(records.len());
        let mut index = 0;
        while index < records.len() {
            let record = &records[index];
            self.text(record.name);
            self.fields(record.fields);
            self.text(record.docs);
            index += 1;
        }
    }

    const fn fields(&mut self, fields: &[FieldDef]) {
        self.count(fields.len());
        let mut index = 0;
        while index < fields.len() {
            self.text(fields[index].name);
            self.ty(&fields[index].ty);
            index += 1;
        }
    }

    const fn ty(&mut self, ty: &TypeDef) {
        self.byte(ty.index());
        match ty {
            TypeDef::Option(inner) | TypeDef::Vec(inner) | TypeDef::Set(inner) => self.ty(inner),
            TypeDef::Array(count, inner) => {
                let [b0, b1, b2, b3] = count.to_le_bytes();
                self.byte(b0);
                self.byte(b1);
                self.byte(b2);
                self.byte(b3);
                self.ty(inner);
            }
            TypeDef::Tuple(members) => {
                self.count(members.len());
                let mut index = 0;
                while index < members.len() {
                    self.ty(&members[index]);
                    index += 1;
                }
            }
            TypeDef::Struct { name, fields } => {
                self.text(name);
                self.fields(fields);
            }
            TypeDef::Enum { name, variants } => {
                self.text(name);
                self.count(variants.len());
                let mut index = 0;
                while index < variants.len() {
                    self.text(variants[index].name);
                    self.fields(variants[index].fields);
                    index += 1;
                }
            }
            TypeDef::Map(first, second) | TypeDef::Result(first, second) => {
                self.ty(first);
                self.ty(second);
            }
            TypeDef::Bool
            | TypeDef::U8
            | TypeDef::U16
            | TypeDef::U32
            | TypeDef::U64
            | TypeDef::U128
            | TypeDef::I8
            | TypeDef::I16
            | TypeDef::I32
            | TypeDef::I64
            | TypeDef::I128
            | TypeDef::String
            | TypeDef::Bytes
            | TypeDef::Address
            | TypeDef::ObjectId
            | TypeDef::Hash => {}
        }
    }
}

impl TypeDef {
    const fn index(&self) -> u8 {
        match self {
            Self::Bool => 0,
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 3,
            Self::U64 => 4,
            Self::U128 => 5,
            Self::I8 => 6,
            Self::I16 => 7,
            Self::I32 => 8,
            Self::I64 => 9,
            Self::I128 => 10,
            Self::String => 11,
            Self::Bytes => 12,
            Self::Address => 13,
            Self::ObjectId => 14,
            Self::Hash => 15,
            Self::Option(_) => 16,
            Self::Vec(_) => 17,
            Self::Array(..) => 18,
            Self::Tuple(_) => 19,
            Self::Struct { .. } => 20,
            Self::Enum { .. } => 21,
            Self::Map(..) => 22,
            Self::Set(_) => 23,
            Self::Result(..) => 24,
        }
    }
}

/// A type that the interface can name. Derive it.
#[diagnostic::on_unimplemented(
    message = "the interface has no name for `{Self}`",
    label = "not a type of the interface",
    note = "integers, bool, String, Vec, Option, arrays, tuples, BTreeMap, Address, ObjectId and Hash are; derive \
            `Described` for your own types"
)]
pub trait Described {
    /// The type.
    const TYPE: TypeDef;
    /// The type of a list of it: bytes have one of their own.
    #[doc(hidden)]
    const LIST: TypeDef = TypeDef::Vec(&Self::TYPE);
}

/// A struct's fields or an enum's variants as records: what `#[event]`, `#[error]` and `#[object]` describe.
#[doc(hidden)]
pub trait Records {
    /// One for a struct, one per variant for an enum.
    const RECORDS: &'static [RecordDef];
}

macro_rules! plain {
    ($($ty:ty: $variant:ident;)+) => {
        $(impl Described for $ty {
            const TYPE: TypeDef = TypeDef::$variant;
        })+
    };
}

plain! {
    bool: Bool;
    u16: U16;
    u32: U32;
    u64: U64;
    u128: U128;
    i8: I8;
    i16: I16;
    i32: I32;
    i64: I64;
    i128: I128;
    str: String;
    String: String;
    Address: Address;
    ObjectId: ObjectId;
    Hash: Hash;
}

impl Described for u8 {
    const TYPE: TypeDef = TypeDef::U8;
    const LIST: TypeDef = TypeDef::Bytes;
}

impl<T: Described + ?Sized> Described for &T {
    const TYPE: TypeDef = T::TYPE;
}

impl<T: Described> Described for [T] {
    const TYPE: TypeDef = T::LIST;
}

impl<T: Described> Described for Vec<T> {
    const TYPE: TypeDef = T::LIST;
}

impl<T: Described> Described for Option<T> {
    const TYPE: TypeDef = TypeDef::Option(&T::TYPE);
}

impl<T: Described, E: Described> Described for Result<T, E> {
    const TYPE: TypeDef = TypeDef::Result(&T::TYPE, &E::TYPE);
}

#[expect(clippy::as_conversions, reason = "`TryFrom` is not const, and vm-core refuses arrays past 65,536")]
impl<T: Described, const N: usize> Described for [T; N] {
    const TYPE: TypeDef = TypeDef::Array(N as u32, &T::TYPE);
}

impl<K: Described, V: Described> Described for BTreeMap<K, V> {
    const TYPE: TypeDef = TypeDef::Map(&K::TYPE, &V::TYPE);
}

impl<T: Described> Described for BTreeSet<T> {
    const TYPE: TypeDef = TypeDef::Set(&T::TYPE);
}

macro_rules! tuples {
    ($(($($name:ident)*))+) => {
        $(impl<$($name: Described),*> Described for ($($name,)*) {
            const TYPE: TypeDef = TypeDef::Tuple(&[$($name::TYPE),*]);
        })+
    };
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
