//! Values as people write them, and their way to and from the SCALE bytes that contracts see.
//!
//! One form serves TOML (scenarios), JSON (`--json`) and the text of reports: what a report prints can be pasted
//! into a scenario. The form follows the contract's interface:
//!
//! | type | written as |
//! |---|---|
//! | integers | `10`, `1_000`, or text `"340_282"` where the number passes TOML's 64 bits |
//! | bool, string | as they are |
//! | address | `"@alice"` (a named account or contract) or `"0x..."` |
//! | object id | `"$name"` (saved by an earlier transaction) or `"0x..."` |
//! | hash, bytes, lists of `u8` | `"0x..."` |
//! | list, set, array, tuple | `[...]` |
//! | struct | `{ field = ... }` |
//! | enum, option, result | `"Variant"`, `{ Variant = ... }`; `"None"`, `{ Some = ... }`; `{ Ok = ... }`, `{ Err = ... }` |
//! | map | `{ key = value }`, or `[[key, value], ...]` |
//!
//! Errors name the path of what is wrong: ``args.amount: expected u64, found "x"``.

mod decode;
mod encode;

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use toml::Spanned;
use vm_core::interface::{Field, Type};

use crate::names::Names;
pub use decode::{DecodeError, DecodedField, decode, decode_fields};
pub use encode::{ValueError, encode, encode_field, encode_fields};
pub use encode::{address, bytes, object};

/// A value as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Human {
    /// `true`, `false`; from JSON also what stands for nothing.
    Bool(bool),
    /// A whole number.
    Integer(Number),
    /// Text: a string, or one of the things that text stands for.
    Text(String),
    /// A list.
    List(Vec<Located>),
    /// Named values, in the order of the file.
    Table(Vec<(String, Located)>),
}

/// A whole number of up to 128 bits, with or without a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Not negative.
    Natural(u128),
    /// Negative: minus this.
    Negative(u128),
}

/// A value with its place in the file it was read from.
#[derive(Clone, Debug)]
pub struct Located {
    /// The value.
    pub value: Human,
    /// Its bytes in the file; `None` for a value that comes from no file.
    pub span: Option<Range<usize>>,
}

/// Values are equal wherever they stand.
impl PartialEq for Located {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Located {}

impl From<Human> for Located {
    fn from(value: Human) -> Self {
        Self { value, span: None }
    }
}

impl Human {
    /// A number that is not negative.
    #[must_use]
    pub fn natural(value: impl Into<u128>) -> Self {
        Self::Integer(Number::Natural(value.into()))
    }

    /// A table of these named values.
    #[must_use]
    pub fn table(entries: impl IntoIterator<Item = (String, Self)>) -> Self {
        Self::Table(entries.into_iter().map(|(name, value)| (name, value.into())).collect())
    }

    /// `{ name = value }`.
    #[must_use]
    pub fn variant(name: &str, value: Self) -> Self {
        Self::Table(vec![(name.to_owned(), value.into())])
    }

    /// The value that `json` is, as [`Serialize`] writes one. A fraction, which no contract has, stands as text.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value;
        match json {
            Value::Null => Self::Text("None".to_owned()),
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => Self::natural(value),
                (None, Some(value)) => Self::Integer(Number::Negative(value.unsigned_abs().into())),
                (None, None) => Self::Text(number.to_string()),
            },
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => {
                Self::List(items.iter().map(|item| Self::from_json(item).into()).collect())
            }
            Value::Object(entries) => {
                Self::table(entries.iter().map(|(name, value)| (name.clone(), Self::from_json(value))))
            }
        }
    }

    /// It with names in the place of ids that have one.
    #[must_use]
    pub fn named(&self, names: &Names) -> Self {
        match self {
            Self::Bool(_) | Self::Integer(_) => self.clone(),
            Self::Text(text) => Self::Text(names.show(text)),
            Self::List(items) => {
                Self::List(items.iter().map(|item| item.value.named(names).into()).collect())
            }
            Self::Table(entries) => {
                Self::table(entries.iter().map(|(name, item)| (names.show(name), item.value.named(names))))
            }
        }
    }

    /// The one entry of a table with one entry.
    #[must_use]
    pub fn as_variant(&self) -> Option<(&str, &Located)> {
        match self {
            Self::Table(entries) => match entries.as_slice() {
                [(name, value)] => Some((name, value)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether any text in it begins with `prefix`.
    #[must_use]
    pub fn mentions(&self, prefix: &str) -> bool {
        match self {
            Self::Bool(_) | Self::Integer(_) => false,
            Self::Text(text) => text.starts_with(prefix),
            Self::List(items) => items.iter().any(|item| item.value.mentions(prefix)),
            Self::Table(entries) => {
                entries.iter().any(|(name, item)| name.starts_with(prefix) || item.value.mentions(prefix))
            }
        }
    }

    /// What kind of value it is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "an integer",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl fmt::Display for Number {
    /// In groups of three digits from five digits on, as TOML takes it too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = match self {
            Self::Natural(size) => ("", size),
            Self::Negative(size) => ("-", size),
        };
        f.write_str(sign)?;
        f.write_str(&grouped(*size))
    }
}

/// `size` in groups of three digits from five digits on.
#[must_use]
pub fn grouped(size: u128) -> String {
    let digits = size.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('_');
        }
        out.push(digit);
    }
    out
}

/// [`grouped`], of a count.
#[must_use]
pub fn grouped_count(count: usize) -> String {
    grouped(u128::try_from(count).unwrap_or(u128::MAX))
}

fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut item: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (index, value) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        item(f, value)?;
    }
    Ok(())
}

impl fmt::Display for Human {
    /// As a scenario has it on one line; ids and names stand without quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(text) if is_reference(text) => f.write_str(text),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::List(items) => {
                f.write_str("[")?;
                separated(f, items, |f, item| write!(f, "{}", item.value))?;
                f.write_str("]")
            }
            Self::Table(entries) if entries.is_empty() => f.write_str("{}"),
            Self::Table(entries) => {
                f.write_str("{ ")?;
                separated(f, entries, |f, (name, item)| write!(f, "{name} = {}", item.value))?;
                f.write_str(" }")
            }
        }
    }
}

/// Whether text stands for an address, an object or bytes and reads better without quotes.
fn is_reference(text: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    text == "0x" || text.strip_prefix(['@', '$']).or_else(|| text.strip_prefix("0x")).is_some_and(plain)
}

impl Serialize for Human {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            // Past 64 bits with sign, JSON readers lose digits: text.
            Self::Integer(Number::Natural(size)) => match i64::try_from(*size) {
                Ok(small) => serializer.serialize_i64(small),
                Err(_) => serializer.serialize_str(&size.to_string()),
            },
            Self::Integer(Number::Negative(size)) => match i64::try_from(*size) {
                Ok(small) => serializer.serialize_i64(-small),
                Err(_) => serializer.serialize_str(&format!("-{size}")),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&item.value))?;
                list.end()
            }
            Self::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(name, item)| map.serialize_entry(name, &item.value))?;
                map.end()
            }
        }
    }
}

struct HumanVisitor;

impl<'de> Visitor<'de> for HumanVisitor {
    type Value = Human;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, an integer, text, a list or a table")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Human, E> {
        Ok(Human::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Human, E> {
        self.visit_i128(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Human, E> {
        Ok(Human::natural(value))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Human, E> {
        let size = value.unsigned_abs();
        Ok(Human::Integer(if value < 0 { Number::Negative(size) } else { Number::Natural(size) }))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Human, E> {
        Ok(Human::natural(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Human, E> {
        Err(E::custom(format!("{value:?} is not a whole number, and contracts know no others")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Human, E> {
        Ok(Human::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Human, E> {
        Ok(Human::Text("None".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Human, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Human::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Human, A::Error> {
        let mut entries: Vec<(String, Located)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Located>()? {
            if name.starts_with("$__toml") {
                return Err(A::Error::custom("dates and times are no contract values; write milliseconds"));
            }
            entries.push((name, value));
        }
        Ok(Human::Table(entries))
    }
}

impl<'de> Deserialize<'de> for Human {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HumanVisitor)
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Human>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(Self { value: spanned.into_inner(), span: Some(span) })
    }
}

/// A type as Rust authors write it.
#[must_use]
pub fn type_name(ty: &Type) -> String {
    let list = |members: &[Type]| members.iter().map(type_name).collect::<Vec<_>>().join(", ");
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::U8 => "u8".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::U32 => "u32".to_owned(),
        Type::U64 => "u64".to_owned(),
        Type::U128 => "u128".to_owned(),
        Type::I8 => "i8".to_owned(),
        Type::I16 => "i16".to_owned(),
        Type::I32 => "i32".to_owned(),
        Type::I64 => "i64".to_owned(),
        Type::I128 => "i128".to_owned(),
        Type::String => "String".to_owned(),
        Type::Bytes => "Bytes".to_owned(),
        Type::Address => "Address".to_owned(),
        Type::ObjectId => "ObjectId".to_owned(),
        Type::Hash => "Hash".to_owned(),
        Type::Option(value) => format!("Option<{}>", type_name(value)),
        Type::Vec(element) => format!("Vec<{}>", type_name(element)),
        Type::Array(count, element) => format!("[{}; {count}]", type_name(element)),
        Type::Tuple(members) => format!("({})", list(members)),
        Type::Struct { name, .. } | Type::Enum { name, .. } => name.clone(),
        Type::Map(key, value) => format!("BTreeMap<{}, {}>", type_name(key), type_name(value)),
        Type::Set(member) => format!("BTreeSet<{}>", type_name(member)),
        Type::Result(value, error) => format!("Result<{}, {}>", type_name(value), type_name(error)),
    }
}

/// Whether fields are numbered, as those of tuple-like structs and variants are.
fn is_numbered(fields: &[Field]) -> bool {
    !fields.is_empty() && fields.iter().enumerate().all(|(index, field)| field.name == index.to_string())
}

#[cfg(test)]
mod tests;
