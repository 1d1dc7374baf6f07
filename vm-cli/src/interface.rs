//! The interface of a contract as JSON, for people's tools: `NAME.json` beside the module, input of `vm bindgen`.
//!
//! `docs/interface.md` describes the schema. The JSON says all that the module's section `vm.interface` says, and the
//! two convert into each other without loss; the section is what nodes read. Unknown keys are refused, so that neither
//! a typing mistake nor a file of a later version is half understood.

mod convert;

use serde::{Deserialize, Serialize};

/// A contract's interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its errors: number `n` reverts with the code 65,536 + `n` as `u32`, little endian, then its fields.
    #[serde(default)]
    pub errors: Vec<Record>,
    /// The kinds of objects it keeps.
    #[serde(default)]
    pub objects: Vec<Record>,
}

/// When and how a function is called.
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
    /// When and how it is called.
    pub kind: Kind,
    /// Whether it takes value.
    #[serde(default)]
    pub payable: bool,
    /// Whether it may be entered while its contract is in the call chain.
    #[serde(default)]
    pub reentrant: bool,
    /// In order; the arguments are their values' encodings, one after the other.
    #[serde(default)]
    pub params: Vec<Field>,
    /// What it returns.
    #[serde(default = "Type::unit")]
    pub returns: Type,
    /// What its author says of it.
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
    /// What its author says of it.
    #[serde(default)]
    pub docs: String,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its name; `0`, `1`, ... in tuple-like structs and variants.
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

/// A type, and with it a SCALE encoding. Plain types are strings (`"u64"`), others objects with one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented at vm_core::interface::Type and in docs/interface.md")]
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
    Struct { name: String, fields: Vec<Field> },
    Enum { name: String, variants: Vec<Variant> },
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

/// Why a text is no interface.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceFileError {
    /// Not JSON, or not of this shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Breaks a rule that modules must keep as well.
    #[error("{0}")]
    Rule(#[from] vm_core::interface::InterfaceError),
}

impl Interface {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    ///
    /// [`InterfaceFileError`]: not JSON of this schema, or an interface that no module may carry.
    pub fn parse(text: &str) -> Result<Self, InterfaceFileError> {
        let interface: Self = serde_json::from_str(text)?;
        vm_core::interface::Interface::from(&interface).validate()?;
        Ok(interface)
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests;
