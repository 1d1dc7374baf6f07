//! The interface as JSON has it.
//!
//! ```json
//! {
//!   "name": "token",
//!   "functions": [
//!     {
//!       "name": "transfer",
//!       "kind": "call",
//!       "payable": false,
//!       "reentrant": false,
//!       "params": [{ "name": "to", "type": "address" }, { "name": "amount", "type": "u64" }],
//!       "returns": { "tuple": [] },
//!       "docs": "Moves tokens from the sender to another holder."
//!     }
//!   ],
//!   "events": [{ "name": "Transfer", "fields": [{ "name": "amount", "type": "u64" }], "docs": "" }],
//!   "errors": [{ "name": "InsufficientBalance", "fields": [], "docs": "" }],
//!   "objects": []
//! }
//! ```
//!
//! `kind` is `init`, `call` or `view`. Left out, `payable` and `reentrant` are false, lists and docs empty, and
//! `returns` is nothing. A type is its name (`"u64"`, `"bool"`, `"string"`, `"bytes"`, `"address"`, `"object_id"`,
//! `"hash"`) or a table with one key: `option`, `vec`, `set` with a type, `map` and `result` with two, `array` with a
//! length and a type, `tuple` with a list, `struct` with `name` and `fields`, `enum` with `name` and `variants`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a contract offers: `vm_core::interface::Interface`, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// The contract's name.
    pub name: String,
    /// In the order of the source.
    #[serde(default)]
    pub functions: Vec<Function>,
    /// The events that it logs.
    #[serde(default)]
    pub events: Vec<Record>,
    /// Its errors; the position of each gives its code.
    #[serde(default)]
    pub errors: Vec<Record>,
    /// The kinds of objects it keeps, with the fields that it knows.
    #[serde(default)]
    pub objects: Vec<Record>,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Once, at deployment.
    Init,
    /// It may change things.
    Call,
    /// It changes nothing.
    View,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its name, also the export's.
    pub name: String,
    /// How it is called.
    pub kind: Kind,
    /// Whether it takes value.
    #[serde(default)]
    pub payable: bool,
    /// Whether it may be entered while its contract is in the call chain.
    #[serde(default)]
    pub reentrant: bool,
    /// In order.
    #[serde(default)]
    pub params: Vec<Field>,
    /// What it returns.
    #[serde(default = "Type::unit")]
    pub returns: Type,
    /// For people.
    #[serde(default)]
    pub docs: String,
}

/// An event, an error or a kind of object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// In order.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// For people.
    #[serde(default)]
    pub docs: String,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name; `0`, `1`, ... in tuple-like types.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
}

/// A variant of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// Its fields.
    #[serde(default)]
    pub fields: Vec<Field>,
}

/// A type, and with it its SCALE encoding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented at vm_core::interface::Type, whose variants these are")]
pub enum Type {
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
    Option(Box<Self>),
    Vec(Box<Self>),
    Array(u32, Box<Self>),
    Tuple(Vec<Self>),
    Struct {
        name: String,
        #[serde(default)]
        fields: Vec<Field>,
    },
    Enum {
        name: String,
        variants: Vec<Variant>,
    },
    Map(Box<Self>, Box<Self>),
    Set(Box<Self>),
    Result(Box<Self>, Box<Self>),
}

impl Type {
    /// The type of nothing.
    #[must_use]
    pub const fn unit() -> Self {
        Self::Tuple(Vec::new())
    }
}

impl FromStr for Interface {
    type Err = serde_json::Error;

    /// Reads JSON. The error names line and column.
    fn from_str(json: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(json)
    }
}

impl Interface {
    /// The JSON, indented, with a newline at its end: a file that belongs in version control.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        json.parse::<Interface>().unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_is_empty() {
        let interface: Interface =
            r#"{ "name": "a", "functions": [{ "name": "f", "kind": "call" }] }"#.parse().unwrap();
        let function = &interface.functions[0];
        assert_eq!((function.payable, &function.returns), (false, &Type::unit()));
        assert_eq!(interface.to_json().parse::<Interface>().unwrap(), interface);
    }

    #[test]
    fn a_misspelt_key_is_an_error_with_its_line() {
        let message = refused("{ \"name\": \"a\",\n \"funktions\": [] }");
        assert!(message.contains("funktions") && message.contains("line 2"), "{message}");
    }

    #[test]
    fn an_unknown_type_or_kind_is_an_error() {
        assert!(
            refused(
                r#"{ "name": "a", "events": [{ "name": "E", "fields": [{ "name": "x", "type": "f64" }] }] }"#
            )
            .contains("f64")
        );
        assert!(
            refused(r#"{ "name": "a", "functions": [{ "name": "f", "kind": "query" }] }"#).contains("query")
        );
    }

    #[test]
    fn types_read_as_they_are_documented() {
        let text = r#"{ "map": [ "string", { "array": [4, { "option": "object_id" }] } ] }"#;
        let expected = Type::Map(
            Box::new(Type::String),
            Box::new(Type::Array(4, Box::new(Type::Option(Box::new(Type::ObjectId))))),
        );
        assert_eq!(serde_json::from_str::<Type>(text).unwrap(), expected);
    }
}
