//! TypeScript: types and codecs of one contract.
//!
//! | SCALE | TypeScript |
//! |---|---|
//! | up to 32 bits | `number` |
//! | 64 and 128 bits | `bigint` |
//! | ids | `string`, `0x` and hex digits |
//! | bytes | `Uint8Array` |
//! | option | `T \| null`; `{ some: T } \| null` where `T` is an option |
//! | struct, record | an object; tuple-like ones have the keys `0`, `1`, ... |
//! | enum | `{ variant: "Name", value: fields }` |
//! | result | `{ ok: T } \| { err: E }` |
//! | map, set | `Map`, `Set` |

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::BindgenError;
use crate::interface::{Field, Function, Interface, Kind, Record, Type, Variant};

/// The encoding, which every client imports as `./vm-scale.js`.
pub const SCALE: &str = include_str!("vm-scale.ts");

/// Names that a contract's type cannot have: what a client holds beside them, what it uses, and TypeScript's own words.
#[rustfmt::skip]
const TAKEN: &[&str] = &[
    "Address", "Array", "ContractError", "ContractEvent", "Hash", "Map", "Object", "ObjectId", "Record", "Set",
    "Uint8Array", "any", "as", "await", "bigint", "boolean", "break", "case", "catch", "class", "const", "continue",
    "debugger", "decodeError", "decodeEvent", "default", "delete", "do", "else", "enum", "errors", "eval", "events",
    "export", "extends", "false", "finally", "for", "function", "functions", "if", "implements", "import", "in",
    "instanceof", "interface", "let", "never", "new", "null", "number", "object", "objects", "package", "private",
    "protected", "public", "return", "scale", "static", "string", "super", "switch", "symbol", "this", "throw", "true",
    "try", "type", "typeof", "undefined", "unknown", "var", "void", "while", "with", "yield",
];

/// The client of an interface.
///
/// # Errors
///
/// [`BindgenError`] for names that clash.
pub fn client(interface: &Interface) -> Result<String, BindgenError> {
    let mut types = Types(BTreeMap::new());
    for function in &interface.functions {
        types.fields(&function.params)?;
        types.collect(&function.returns)?;
    }
    for record in [&interface.events, &interface.errors, &interface.objects].into_iter().flatten() {
        types.fields(&record.fields)?;
    }
    let mut out = format!(
        "// The contract {name}: what it takes and gives, in TypeScript. Written by `vm bindgen`.\n\n\
         import * as scale from \"./vm-scale.js\";\n\n\
         /** 32 bytes, as `0x` and 64 hex digits. */\nexport type Address = string;\n\
         /** 32 bytes, as `0x` and 64 hex digits. */\nexport type ObjectId = string;\n\
         /** 32 bytes, as `0x` and 64 hex digits. */\nexport type Hash = string;\n",
        name = interface.name
    );
    // A type never holds itself, so those that others need can come first.
    let mut written = Vec::new();
    for name in types.0.keys() {
        types.write(name, &mut written, &mut out);
    }
    functions(&interface.functions, &mut out);
    records("event", "ContractEvent", "decodeEvent", &interface.events, &mut out);
    records("error", "ContractError", "", &interface.errors, &mut out);
    errors(&interface.errors, &mut out);
    objects(&interface.objects, &mut out);
    Ok(out)
}

/// The contract's own types by name.
struct Types<'a>(BTreeMap<&'a str, &'a Type>);

impl<'a> Types<'a> {
    fn fields(&mut self, fields: &'a [Field]) -> Result<(), BindgenError> {
        fields.iter().try_for_each(|field| self.collect(&field.ty))
    }

    fn collect(&mut self, ty: &'a Type) -> Result<(), BindgenError> {
        match ty {
            Type::Struct { name, fields } => {
                self.define(name, ty)?;
                self.fields(fields)
            }
            Type::Enum { name, variants } => {
                self.define(name, ty)?;
                variants.iter().try_for_each(|variant| self.fields(&variant.fields))
            }
            other => inner(other).into_iter().try_for_each(|ty| self.collect(ty)),
        }
    }

    fn define(&mut self, name: &'a str, ty: &'a Type) -> Result<(), BindgenError> {
        if TAKEN.contains(&name) || !is_identifier(name) {
            return Err(BindgenError::Taken(name.to_owned()));
        }
        match self.0.insert(name, ty) {
            Some(other) if other != ty => Err(BindgenError::TwoTypes(name.to_owned())),
            _ => Ok(()),
        }
    }

    fn write(&self, name: &'a str, written: &mut Vec<&'a str>, out: &mut String) {
        if written.contains(&name) {
            return;
        }
        written.push(name);
        let Some(ty) = self.0.get(name) else { return };
        let parts: Vec<&'a [Field]> = match ty {
            Type::Struct { fields, .. } => vec![fields],
            Type::Enum { variants, .. } => variants.iter().map(|variant| variant.fields.as_slice()).collect(),
            _ => Vec::new(),
        };
        for field in parts.into_iter().flatten() {
            self.write_inner(&field.ty, written, out);
        }
        let (form, codec) = match ty {
            Type::Struct { fields, .. } => (object(fields), format!("scale.struct([{}])", pairs(fields))),
            Type::Enum { variants, .. } => {
                let forms: Vec<_> = variants.iter().map(variant).collect();
                let codecs: Vec<_> = variants
                    .iter()
                    .map(|variant| format!("[{:?}, [{}]]", variant.name, pairs(&variant.fields)))
                    .collect();
                (forms.join(" | "), format!("scale.enumeration([{}])", codecs.join(", ")))
            }
            _ => return,
        };
        put(
            out,
            format_args!(
                "\nexport type {name} = {form};\nexport const {name}: scale.Codec<{name}> = {codec};\n"
            ),
        );
    }

    fn write_inner(&self, ty: &'a Type, written: &mut Vec<&'a str>, out: &mut String) {
        match ty {
            Type::Struct { name, .. } | Type::Enum { name, .. } => self.write(name, written, out),
            other => inner(other).into_iter().for_each(|ty| self.write_inner(ty, written, out)),
        }
    }
}

/// The types directly inside a type without a name of its own.
fn inner(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Option(one) | Type::Vec(one) | Type::Array(_, one) | Type::Set(one) => vec![one],
        Type::Map(first, second) | Type::Result(first, second) => vec![first, second],
        Type::Tuple(members) => members.iter().collect(),
        _ => Vec::new(),
    }
}

/// The type in TypeScript.
fn form(ty: &Type) -> String {
    match ty {
        Type::Bool => "boolean".to_owned(),
        Type::U8 | Type::U16 | Type::U32 | Type::I8 | Type::I16 | Type::I32 => "number".to_owned(),
        Type::U64 | Type::U128 | Type::I64 | Type::I128 => "bigint".to_owned(),
        Type::String => "string".to_owned(),
        Type::Bytes => "Uint8Array".to_owned(),
        Type::Address => "Address".to_owned(),
        Type::ObjectId => "ObjectId".to_owned(),
        Type::Hash => "Hash".to_owned(),
        Type::Option(value) if matches!(**value, Type::Option(_)) => {
            format!("{{ some: {} }} | null", form(value))
        }
        Type::Option(value) => format!("{} | null", form(value)),
        Type::Vec(element) | Type::Array(_, element) => format!("Array<{}>", form(element)),
        Type::Tuple(members) => format!("[{}]", members.iter().map(form).collect::<Vec<_>>().join(", ")),
        Type::Struct { name, .. } | Type::Enum { name, .. } => name.clone(),
        Type::Map(key, value) => format!("Map<{}, {}>", form(key), form(value)),
        Type::Set(member) => format!("Set<{}>", form(member)),
        Type::Result(ok, err) => format!("{{ ok: {} }} | {{ err: {} }}", form(ok), form(err)),
    }
}

/// The type's codec.
fn codec(ty: &Type) -> String {
    let plain = |name: &str| format!("scale.{name}");
    match ty {
        Type::Bool => plain("bool"),
        Type::U8 => plain("u8"),
        Type::U16 => plain("u16"),
        Type::U32 => plain("u32"),
        Type::U64 => plain("u64"),
        Type::U128 => plain("u128"),
        Type::I8 => plain("i8"),
        Type::I16 => plain("i16"),
        Type::I32 => plain("i32"),
        Type::I64 => plain("i64"),
        Type::I128 => plain("i128"),
        Type::String => plain("string"),
        Type::Bytes => plain("bytes"),
        Type::Address | Type::ObjectId | Type::Hash => plain("id"),
        Type::Option(value) if matches!(**value, Type::Option(_)) => {
            format!("scale.nested({})", codec(value))
        }
        Type::Option(value) => format!("scale.option({})", codec(value)),
        Type::Vec(element) => format!("scale.vec({})", codec(element)),
        Type::Array(length, element) => format!("scale.array({length}, {})", codec(element)),
        Type::Tuple(members) => {
            let codecs: Vec<_> = members.iter().map(codec).collect();
            format!("scale.tuple<{}>({})", form(ty), codecs.join(", "))
        }
        Type::Struct { name, .. } | Type::Enum { name, .. } => name.clone(),
        Type::Map(key, value) => format!("scale.map({}, {})", codec(key), codec(value)),
        Type::Set(member) => format!("scale.set({})", codec(member)),
        Type::Result(ok, err) => format!("scale.result({}, {})", codec(ok), codec(err)),
    }
}

fn object(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "Record<string, never>".to_owned();
    }
    let fields: Vec<_> =
        fields.iter().map(|field| format!("{}: {}", key(&field.name), form(&field.ty))).collect();
    format!("{{ {} }}", fields.join("; "))
}

fn pairs(fields: &[Field]) -> String {
    let pairs: Vec<_> =
        fields.iter().map(|field| format!("[{:?}, {}]", field.name, codec(&field.ty))).collect();
    pairs.join(", ")
}

fn variant(variant: &Variant) -> String {
    format!("{{ variant: {:?}; value: {} }}", variant.name, object(&variant.fields))
}

fn functions(functions: &[Function], out: &mut String) {
    out.push_str("\n/** The contract's functions by name. */\nexport const functions = {\n");
    for function in functions {
        docs(&function.docs, "  ", out);
        let kind = match function.kind {
            Kind::Init => "init",
            Kind::Call => "call",
            Kind::View => "view",
        };
        put(
            out,
            format_args!(
                "  {key}: scale.contractFunction<{args}, {returns}>(\n    {name:?},\n    {kind:?},\n    \
                 {{ payable: {payable}, reentrant: {reentrant} }},\n    [{params}],\n    {codec},\n  ),\n",
                key = key(&function.name),
                args = object(&function.params),
                returns = form(&function.returns),
                name = function.name,
                payable = function.payable,
                reentrant = function.reentrant,
                params = pairs(&function.params),
                codec = codec(&function.returns),
            ),
        );
    }
    out.push_str("};\n");
}

/// The fields of records by name, their type as a union, and for events the function that decodes one.
fn records(what: &str, union: &str, decode: &str, records: &[Record], out: &mut String) {
    put(out, format_args!("\n/** The fields of each {what}. */\nexport const {what}s = {{\n"));
    for record in records {
        docs(&record.docs, "  ", out);
        let (key, form, pairs) = (key(&record.name), object(&record.fields), pairs(&record.fields));
        put(out, format_args!("  {key}: scale.struct<{form}>([{pairs}]),\n"));
    }
    put(out, format_args!("}};\n\nexport type {union} =\n"));
    for record in records {
        put(out, format_args!("  | {{ name: {:?}; fields: {} }}\n", record.name, object(&record.fields)));
    }
    if records.is_empty() {
        out.push_str("  never\n");
    }
    out.push_str(";\n");
    if !decode.is_empty() {
        put(
            out,
            format_args!(
                "\n/** The {what} of this name, or null if the contract has none. */\n\
                 export function {decode}(name: string, data: Uint8Array): {union} | null {{\n  \
                 const codec = Object.hasOwn({what}s, name) ? {what}s[name as keyof typeof {what}s] : undefined;\n  \
                 return codec === undefined ? null : ({{ name, fields: scale.decode(codec as scale.Codec<unknown>, data) }} as unknown as {union});\n}}\n"
            ),
        );
    }
}

fn errors(errors: &[Record], out: &mut String) {
    let names: Vec<_> = errors.iter().map(|error| format!("{:?}", error.name)).collect();
    put(
        out,
        format_args!(
            "\n/** What a call reverted with. */\n\
             export function decodeError(data: Uint8Array): ContractError | scale.OtherError {{\n  \
             const [code, fields] = scale.splitError(data);\n  \
             const names: string[] = [{names}];\n  \
             const name = names[code - scale.CONTRACT_ERRORS];\n  \
             if (name === undefined) return {{ name: null, code, data: fields }};\n  \
             const codec = errors[name as keyof typeof errors] as scale.Codec<unknown>;\n  \
             return {{ name, fields: scale.decode(codec, fields) }} as unknown as ContractError;\n}}\n",
            names = names.join(", ")
        ),
    );
}

fn objects(objects: &[Record], out: &mut String) {
    out.push_str(
        "\n/** The fields of each kind of object: a codec each, since each is stored by itself. */\n",
    );
    out.push_str("export const objects = {\n");
    for record in objects {
        docs(&record.docs, "  ", out);
        put(out, format_args!("  {}: {{\n", key(&record.name)));
        for field in &record.fields {
            put(
                out,
                format_args!(
                    "    {}: {} as scale.Codec<{}>,\n",
                    key(&field.name),
                    codec(&field.ty),
                    form(&field.ty)
                ),
            );
        }
        out.push_str("  },\n");
    }
    out.push_str("};\n");
}

/// A property's name: names are letters, digits and `_`, and those that begin with a digit are quoted. As a plain key,
/// `__proto__` would mean the object's prototype.
fn key(name: &str) -> String {
    match name {
        "__proto__" => "[\"__proto__\"]".to_owned(),
        _ if is_identifier(name) => name.to_owned(),
        _ => format!("{name:?}"),
    }
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
}

/// A comment, whatever the author wrote.
fn docs(text: &str, indent: &str, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let text = text.replace("*/", "* /");
    let lines: Vec<&str> = text.lines().collect();
    match lines.as_slice() {
        [line] => put(out, format_args!("{indent}/** {line} */\n")),
        lines => {
            put(out, format_args!("{indent}/**\n"));
            for line in lines {
                put(out, format_args!("{}\n", format!("{indent} * {line}").trim_end()));
            }
            put(out, format_args!("{indent} */\n"));
        }
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok(), "writing to a String does not fail");
}
