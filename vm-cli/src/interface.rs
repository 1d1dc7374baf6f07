//! The interface of a contract as JSON, for people's tools: `NAME.json` beside the module, input of `vm bindgen`.
//!
//! `docs/interface.md` describes the schema, [`SCHEMA`] names its version. The JSON says all that the module's section
//! `vm.interface` says, and the two convert into each other without loss; the section is what nodes read. Unknown keys
//! are refused, so that a file of a later version is not half understood.

mod convert;

use serde::{Deserialize, Serialize};

/// The version of the schema, which every file names.
pub const SCHEMA: &str = "vm-interface/1";

/// A contract's interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// [`SCHEMA`].
    pub schema: String,
    /// The contract's name.
    pub name: String,
    /// The hash of the module that carries it, as `0x` and 64 hex digits; none where it was taken from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_hash: Option<String>,
    /// In the order of the source.
    pub functions: Vec<Function>,
    /// The events that it logs.
    pub events: Vec<Record>,
    /// Its errors, in the order of their codes.
    pub errors: Vec<Failure>,
    /// The kinds of objects it keeps.
    pub objects: Vec<Record>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Its name, also the export's.
    pub name: String,
    /// What its author says of it.
    pub docs: String,
    /// Runs once, at deployment.
    pub init: bool,
    /// Changes nothing.
    pub view: bool,
    /// Takes value.
    pub payable: bool,
    /// May be entered while its contract is in the call chain.
    pub reentrant: bool,
    /// In order; the arguments are their values' encodings, one after the other.
    pub params: Vec<Field>,
    /// What it returns; `{"tuple": []}` for nothing.
    pub returns: Type,
}

/// An event or a kind of object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name.
    pub name: String,
    /// What its author says of it.
    pub docs: String,
    /// In order.
    pub fields: Vec<Field>,
}

/// An error of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Its name.
    pub name: String,
    /// What the revert's bytes begin with, as `u32`, little endian: 65,536 and its index.
    pub code: u32,
    /// What its author says of it.
    pub docs: String,
    /// In order.
    pub fields: Vec<Field>,
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
    #[serde(rename_all = "snake_case")]
    Array {
        length: u32,
        element: Box<Self>,
    },
    Tuple(Vec<Self>),
    Struct {
        name: String,
        fields: Vec<Field>,
    },
    Enum {
        name: String,
        variants: Vec<Variant>,
    },
    Set(Box<Self>),
    Map {
        key: Box<Self>,
        value: Box<Self>,
    },
    Result {
        ok: Box<Self>,
        err: Box<Self>,
    },
}

/// Why a text is no interface.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceFileError {
    /// Not JSON, or not of this shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Another version.
    #[error("its schema is {0:?}, this command reads {SCHEMA:?}")]
    Schema(String),
    /// Breaks a rule that modules must keep as well.
    #[error("{0}")]
    Rule(#[from] vm_core::interface::InterfaceError),
    /// An error whose code is not 65,536 and its index.
    #[error("the error {name:?} has the code {found}, by its position it is {expected}")]
    Code {
        /// The error.
        name: String,
        /// What the file says.
        found: u32,
        /// What its position says.
        expected: u32,
    },
}

impl Interface {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    ///
    /// [`InterfaceFileError`]: not JSON of this schema, or an interface that no module may carry.
    pub fn parse(text: &str) -> Result<Self, InterfaceFileError> {
        let interface: Self = serde_json::from_str(text)?;
        if interface.schema != SCHEMA {
            return Err(InterfaceFileError::Schema(interface.schema));
        }
        for (failure, expected) in interface.errors.iter().zip(vm_core::ErrorCode::CONTRACT_BASE..) {
            if failure.code != expected {
                return Err(InterfaceFileError::Code {
                    name: failure.name.clone(),
                    found: failure.code,
                    expected,
                });
            }
        }
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
