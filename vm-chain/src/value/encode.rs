//! From a value as people write it to the canonical SCALE bytes of a type.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use parity_scale_codec::Encode;
use vm_core::codec::push_compact_u32;
use vm_core::interface::{Field, Type, Variant};

use super::{Human, Located, Number, is_numbered, type_name};
use crate::names::{Names, list};

/// A value that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// Where in the value, as `args.amount` or `args.list[2]`.
    pub path: String,
    /// What is wrong, with what would be right.
    pub reason: String,
    /// Its bytes in the file, where it comes from one.
    pub span: Option<Range<usize>>,
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl std::error::Error for ValueError {}

/// The SCALE bytes of `value` as `ty`. `path` is how errors call the value.
///
/// # Errors
///
/// [`ValueError`] for the first part that does not fit.
pub fn encode(ty: &Type, value: &Located, names: &Names, path: &str) -> Result<Vec<u8>, ValueError> {
    let mut encoder = Encoder { names, out: Vec::new() };
    encoder.value(ty, value, path)?;
    Ok(encoder.out)
}

/// The SCALE bytes of one field's value.
///
/// # Errors
///
/// [`ValueError`] if the value does not fit the field's type.
pub fn encode_field(
    field: &Field,
    value: &Located,
    names: &Names,
    path: &str,
) -> Result<Vec<u8>, ValueError> {
    encode(&field.ty, value, names, &join(path, &field.name))
}

/// The SCALE bytes of the fields' values, one after the other, from a table with exactly these names.
///
/// # Errors
///
/// [`ValueError`] for a missing or surplus name, or the first value that does not fit.
pub fn encode_fields(
    fields: &[Field],
    table: &Located,
    names: &Names,
    path: &str,
) -> Result<Vec<u8>, ValueError> {
    let mut encoder = Encoder { names, out: Vec::new() };
    encoder.fields(fields, table, path)?;
    Ok(encoder.out)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A map's entry or a set's member: its place in the list as written, the key, and for maps type and value.
type Entry<'v> = (usize, &'v Located, Option<(&'v Type, &'v Located)>);

struct Encoder<'n> {
    names: &'n Names,
    out: Vec<u8>,
}

fn fail<T>(value: &Located, path: &str, reason: String) -> Result<T, ValueError> {
    Err(ValueError { path: path.to_owned(), reason, span: value.span.clone() })
}

fn mismatch<T>(expected: &str, value: &Located, path: &str) -> Result<T, ValueError> {
    let found = match &value.value {
        Human::List(_) | Human::Table(_) => value.value.kind().to_owned(),
        Human::Bool(flag) => flag.to_string(),
        plain => format!("{} {plain}", plain.kind()),
    };
    fail(value, path, format!("expected {expected}, found {found}"))
}

impl Encoder<'_> {
    fn value(&mut self, ty: &Type, value: &Located, path: &str) -> Result<(), ValueError> {
        match ty {
            Type::Bool => match value.value {
                Human::Bool(flag) => self.push(&flag),
                _ => mismatch("true or false", value, path),
            },
            Type::U8 => self.integer::<u8>("u8", value, path),
            Type::U16 => self.integer::<u16>("u16", value, path),
            Type::U32 => self.integer::<u32>("u32", value, path),
            Type::U64 => self.integer::<u64>("u64", value, path),
            Type::U128 => self.integer::<u128>("u128", value, path),
            Type::I8 => self.integer::<i8>("i8", value, path),
            Type::I16 => self.integer::<i16>("i16", value, path),
            Type::I32 => self.integer::<i32>("i32", value, path),
            Type::I64 => self.integer::<i64>("i64", value, path),
            Type::I128 => self.integer::<i128>("i128", value, path),
            Type::String => match &value.value {
                Human::Text(text) => self.sized(text.as_bytes(), value, path),
                _ => mismatch("String (text in quotes)", value, path),
            },
            Type::Bytes => {
                let bytes = bytes(value, path)?;
                self.sized(&bytes, value, path)
            }
            Type::Address => {
                let address = address(value, self.names, path)?;
                self.push(&address)
            }
            Type::ObjectId => {
                let object = object(value, self.names, path)?;
                self.push(&object)
            }
            Type::Hash => {
                let hash = hash(value, self.names, path)?;
                self.push(&hash)
            }
            Type::Option(inner) => self.option(ty, inner, value, path),
            Type::Result(good, bad) => match value.value.as_variant() {
                Some(("Ok", inner)) => self.tagged(0, good, inner, &join(path, "Ok")),
                Some(("Err", inner)) => self.tagged(1, bad, inner, &join(path, "Err")),
                _ => {
                    mismatch(&format!("{}, as {{ Ok = ... }} or {{ Err = ... }}", type_name(ty)), value, path)
                }
            },
            Type::Vec(element) if **element == Type::U8 && matches!(value.value, Human::Text(_)) => {
                let bytes = bytes(value, path)?;
                self.sized(&bytes, value, path)
            }
            Type::Vec(element) => {
                let items = items(value, &type_name(ty), path)?;
                self.count(items.len(), value, path)?;
                self.elements(element, items, path)
            }
            Type::Array(count, element) => self.array(*count, element, ty, value, path),
            Type::Tuple(members) => self.tuple(members, ty, value, path),
            Type::Struct { fields, .. } => self.fields_or_list(fields, value, path),
            Type::Enum { variants, .. } => self.variant(variants, ty, value, path),
            Type::Map(key, content) => self.map(key, content, ty, value, path),
            Type::Set(member) => {
                let items = items(value, &type_name(ty), path)?;
                let entries = items.iter().enumerate().map(|(index, item)| (index, item, None)).collect();
                self.keyed(member, entries, value, path)
            }
        }
    }

    fn push(&mut self, value: &impl Encode) -> Result<(), ValueError> {
        value.encode_to(&mut self.out);
        Ok(())
    }

    fn integer<T>(&mut self, name: &str, value: &Located, path: &str) -> Result<(), ValueError>
    where
        T: TryFrom<u128> + TryFrom<i128> + Encode,
    {
        let number = number(value, name, path)?;
        let fitting = match number {
            Number::Natural(size) => T::try_from(size).ok(),
            Number::Negative(size) => {
                0i128.checked_sub_unsigned(size).and_then(|signed| T::try_from(signed).ok())
            }
        };
        match fitting {
            Some(fitting) => self.push(&fitting),
            None => fail(value, path, format!("expected {name}, found {number}, which is out of its range")),
        }
    }

    fn count(&mut self, count: usize, value: &Located, path: &str) -> Result<(), ValueError> {
        match u32::try_from(count) {
            Ok(count) => {
                push_compact_u32(&mut self.out, count);
                Ok(())
            }
            Err(_) => fail(value, path, format!("{count} elements are more than an encoding holds")),
        }
    }

    fn sized(&mut self, bytes: &[u8], value: &Located, path: &str) -> Result<(), ValueError> {
        self.count(bytes.len(), value, path)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn tagged(&mut self, tag: u8, ty: &Type, value: &Located, path: &str) -> Result<(), ValueError> {
        self.out.push(tag);
        self.value(ty, value, path)
    }

    fn option(&mut self, ty: &Type, inner: &Type, value: &Located, path: &str) -> Result<(), ValueError> {
        if value.value == Human::Text("None".to_owned()) {
            self.out.push(0);
            return Ok(());
        }
        match value.value.as_variant() {
            Some(("Some", content)) => self.tagged(1, inner, content, &join(path, "Some")),
            _ => mismatch(&format!("{}, as \"None\" or {{ Some = ... }}", type_name(ty)), value, path),
        }
    }

    fn elements(&mut self, ty: &Type, items: &[Located], path: &str) -> Result<(), ValueError> {
        for (index, item) in items.iter().enumerate() {
            self.value(ty, item, &format!("{path}[{index}]"))?;
        }
        Ok(())
    }

    fn array(
        &mut self,
        count: u32,
        element: &Type,
        ty: &Type,
        value: &Located,
        path: &str,
    ) -> Result<(), ValueError> {
        let wrong = |found: usize| {
            fail(value, path, format!("expected {}: {count} elements, found {found}", type_name(ty)))
        };
        if *element == Type::U8 && matches!(value.value, Human::Text(_)) {
            let bytes = bytes(value, path)?;
            if u32::try_from(bytes.len()) != Ok(count) {
                return wrong(bytes.len());
            }
            self.out.extend_from_slice(&bytes);
            return Ok(());
        }
        let items = items(value, &type_name(ty), path)?;
        if u32::try_from(items.len()) != Ok(count) {
            return wrong(items.len());
        }
        self.elements(element, items, path)
    }

    fn tuple(&mut self, members: &[Type], ty: &Type, value: &Located, path: &str) -> Result<(), ValueError> {
        let items = items(value, &type_name(ty), path)?;
        if items.len() != members.len() {
            let reason =
                format!("expected {}: {} members, found {}", type_name(ty), members.len(), items.len());
            return fail(value, path, reason);
        }
        for (index, (member, item)) in members.iter().zip(items).enumerate() {
            self.value(member, item, &format!("{path}[{index}]"))?;
        }
        Ok(())
    }

    fn fields(&mut self, fields: &[Field], table: &Located, path: &str) -> Result<(), ValueError> {
        let Human::Table(entries) = &table.value else {
            return mismatch("a table of named values", table, path);
        };
        let expected =
            || list(fields.iter().map(|field| format!("{}: {}", field.name, type_name(&field.ty))));
        if let Some((name, surplus)) =
            entries.iter().find(|(name, _)| fields.iter().all(|field| field.name != *name))
        {
            return fail(surplus, &join(path, name), format!("no such name; expected {}", expected()));
        }
        for field in fields {
            match entries.iter().find(|(name, _)| *name == field.name) {
                Some((_, value)) => self.value(&field.ty, value, &join(path, &field.name))?,
                None => {
                    let reason = format!("missing; expected {}", expected());
                    return fail(table, &join(path, &field.name), reason);
                }
            }
        }
        Ok(())
    }

    /// Named fields from a table; numbered ones also from a list, or from the value itself if there is one.
    fn fields_or_list(&mut self, fields: &[Field], value: &Located, path: &str) -> Result<(), ValueError> {
        if !is_numbered(fields) {
            return self.fields(fields, value, path);
        }
        if let [field] = fields {
            return self.value(&field.ty, value, path);
        }
        let items = items(value, "a list", path)?;
        if items.len() != fields.len() {
            return fail(value, path, format!("expected {} values, found {}", fields.len(), items.len()));
        }
        for (index, (field, item)) in fields.iter().zip(items).enumerate() {
            self.value(&field.ty, item, &format!("{path}[{index}]"))?;
        }
        Ok(())
    }

    fn variant(
        &mut self,
        variants: &[Variant],
        ty: &Type,
        value: &Located,
        path: &str,
    ) -> Result<(), ValueError> {
        let empty = Located { value: Human::Table(Vec::new()), span: value.span.clone() };
        let (name, content) = match (&value.value, value.value.as_variant()) {
            (Human::Text(name), _) => (name.as_str(), &empty),
            (_, Some((name, content))) => (name, content),
            _ => {
                return mismatch(
                    &format!("{}, as \"Variant\" or {{ Variant = ... }}", type_name(ty)),
                    value,
                    path,
                );
            }
        };
        let found = variants.iter().zip(0u8..=u8::MAX).find(|(variant, _)| variant.name == name);
        let Some((variant, index)) = found else {
            let known = list(variants.iter().map(|variant| variant.name.clone()));
            return fail(value, path, format!("{} has no variant {name:?}; it has {known}", type_name(ty)));
        };
        self.out.push(index);
        self.fields_or_list(&variant.fields, content, &join(path, name))
    }

    fn map(
        &mut self,
        key: &Type,
        content: &Type,
        ty: &Type,
        value: &Located,
        path: &str,
    ) -> Result<(), ValueError> {
        let texts: Vec<Located>;
        let entries = match &value.value {
            Human::Table(entries) => {
                texts = entries
                    .iter()
                    .map(|(name, item)| {
                        let value = match (key, name.as_str()) {
                            (Type::Bool, "true") => Human::Bool(true),
                            (Type::Bool, "false") => Human::Bool(false),
                            _ => Human::Text(name.clone()),
                        };
                        Located { value, span: item.span.clone() }
                    })
                    .collect();
                texts
                    .iter()
                    .zip(entries)
                    .enumerate()
                    .map(|(index, (name, (_, item)))| (index, name, Some((content, item))))
                    .collect()
            }
            Human::List(pairs) => {
                let mut entries = Vec::new();
                for (index, pair) in pairs.iter().enumerate() {
                    let Human::List(both) = &pair.value else {
                        return mismatch("a pair [key, value]", pair, &format!("{path}[{index}]"));
                    };
                    let [name, item] = both.as_slice() else {
                        return mismatch("a pair [key, value]", pair, &format!("{path}[{index}]"));
                    };
                    entries.push((index, name, Some((content, item))));
                }
                entries
            }
            _ => return mismatch(&type_name(ty), value, path),
        };
        self.keyed(key, entries, value, path)
    }

    /// Map entries or set members, sorted as the encoding wants them.
    fn keyed(
        &mut self,
        key: &Type,
        entries: Vec<Entry<'_>>,
        value: &Located,
        path: &str,
    ) -> Result<(), ValueError> {
        let mut sorted = BTreeMap::new();
        for (index, name, content) in entries {
            let at = format!("{path}[{index}]");
            let encoded = encode(key, name, self.names, &at)?;
            if sorted.insert(order(key, &encoded), (encoded, content, at.clone())).is_some() {
                return fail(name, &at, format!("the key {} stands twice", name.value));
            }
        }
        self.count(sorted.len(), value, path)?;
        for (encoded, content, at) in sorted.into_values() {
            self.out.extend(encoded);
            if let Some((ty, item)) = content {
                self.value(ty, item, &at)?;
            }
        }
        Ok(())
    }
}

/// Bytes by which encodings of the plain type `ty` sort as their values do.
fn order(ty: &Type, encoded: &[u8]) -> Vec<u8> {
    let big_endian = || encoded.iter().rev().copied().collect::<Vec<u8>>();
    match ty {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 => big_endian(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 => {
            let mut bytes = big_endian();
            if let Some(first) = bytes.first_mut() {
                *first ^= 0x80;
            }
            bytes
        }
        Type::String | Type::Bytes => {
            let mut rest = encoded;
            let _length = vm_core::codec::compact_u32(&mut rest);
            rest.to_vec()
        }
        _ => encoded.to_vec(),
    }
}

fn text<'v>(value: &'v Located, expected: &str, path: &str) -> Result<&'v str, ValueError> {
    match &value.value {
        Human::Text(text) => Ok(text),
        _ => mismatch(expected, value, path),
    }
}

fn items<'v>(value: &'v Located, expected: &str, path: &str) -> Result<&'v [Located], ValueError> {
    match &value.value {
        Human::List(items) => Ok(items),
        _ => mismatch(&format!("{expected} (a list)"), value, path),
    }
}

fn number(value: &Located, expected: &str, path: &str) -> Result<Number, ValueError> {
    match &value.value {
        Human::Integer(number) => Ok(*number),
        Human::Text(text) => {
            let (negative, digits) = match text.strip_prefix('-') {
                Some(rest) => (true, rest),
                None => (false, text.as_str()),
            };
            let plain = digits.starts_with(|c: char| c.is_ascii_digit())
                && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
            match digits.replace('_', "").parse::<u128>() {
                Ok(size) if plain => Ok(match (negative, size) {
                    (true, 1..) => Number::Negative(size),
                    _ => Number::Natural(size),
                }),
                _ => mismatch(expected, value, path),
            }
        }
        _ => mismatch(expected, value, path),
    }
}

/// The bytes that `value` writes in hex.
///
/// # Errors
///
/// [`ValueError`] for what is no text of `0x` and hex digits.
pub fn bytes(value: &Located, path: &str) -> Result<Vec<u8>, ValueError> {
    let expected = "bytes (\"0x\" and hex digits)";
    let text = text(value, expected, path)?;
    match text.strip_prefix("0x").map(hex::decode) {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(error)) => fail(value, path, format!("expected {expected}: {error}")),
        None => mismatch(expected, value, path),
    }
}

/// The address that `value` names: `@name` or `0x...`.
///
/// # Errors
///
/// [`ValueError`] for a name that is not known, and for what is neither.
pub fn address(value: &Located, names: &Names, path: &str) -> Result<vm_core::Address, ValueError> {
    let expected = "Address (\"@name\", or \"0x\" and 64 hex digits)";
    let text = text(value, expected, path)?;
    if let Some(name) = text.strip_prefix('@') {
        return match names.address(name) {
            Some(address) => Ok(address),
            None => {
                let known = names.list_addresses();
                fail(value, path, format!("no account or contract is named @{name}; there are {known}"))
            }
        };
    }
    if !text.starts_with("0x") {
        return mismatch(expected, value, path);
    }
    text.parse().or_else(|error| fail(value, path, format!("expected Address: {error}")))
}

/// The hash that `value` names: `#name` of a module or `0x...`.
fn hash(value: &Located, names: &Names, path: &str) -> Result<vm_core::Hash, ValueError> {
    let expected = "Hash (\"#name\" of a module, or \"0x\" and 64 hex digits)";
    let text = text(value, expected, path)?;
    if let Some(name) = text.strip_prefix('#') {
        return match names.code(name) {
            Some(hash) => Ok(hash),
            None => {
                let reason = format!("no module is named #{name}; there are {}", names.list_code());
                fail(value, path, reason)
            }
        };
    }
    text.parse().or_else(|error| fail(value, path, format!("expected Hash: {error}")))
}

/// The object that `value` names: `$name` or `0x...`.
///
/// # Errors
///
/// [`ValueError`] for a name that is not known, and for what is neither.
pub fn object(value: &Located, names: &Names, path: &str) -> Result<vm_core::ObjectId, ValueError> {
    let expected = "ObjectId (\"$name\", or \"0x\" and 64 hex digits)";
    let text = text(value, expected, path)?;
    if let Some(name) = text.strip_prefix('$') {
        return match names.object(name) {
            Some(object) => Ok(object),
            None => {
                let known = names.list_objects();
                let reason = format!(
                    "no earlier transaction saves ${name} (`save = \"{name}\"`); saved so far: {known}"
                );
                fail(value, path, reason)
            }
        };
    }
    if !text.starts_with("0x") {
        return mismatch(expected, value, path);
    }
    text.parse().or_else(|error| fail(value, path, format!("expected ObjectId: {error}")))
}
