//! `vm inspect`: what a module or an interface is, and whether nodes take it.
//!
//! Bytes come in, a [`Report`] goes out: it does not matter whether they lay in a file or under a contract on a chain.
//! The JSON is the report's serialisation and the text ([`text::write`]) is made of the same report, so the two say the
//! same.
//!
//! Invariants:
//! - the judgement is [`vm_host::validate_module`]'s, the code that nodes run, and nobody else's;
//! - a module that is refused is still shown, as far as it can be read;
//! - a report's keys are always there, `null` where there is nothing to say.
//!
//! It runs nothing and it does not look for what a contract does, only for what it is made of.

mod advice;
mod outline;
pub mod text;

use miette::Diagnostic;
use serde::Serialize;
use vm_core::{Hash, Params};
use vm_host::{ModuleError, ModuleInfo, validate_module};

use crate::build::sizes::{self, Sizes};
use crate::interface::{self, Interface, InterfaceFileError};
pub use advice::{Refusal, help};
use outline::Outline;
pub use outline::{Export, Import, Memory};

/// What every wasm file begins with.
const MAGIC: &[u8] = b"\0asm";

/// What something is, and whether nodes take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nodes take it.
    pub ok: bool,
    /// Where it was found, for people: a path, or a contract on a chain.
    pub source: String,
    /// What it is.
    pub kind: Kind,
    /// What the module is made of; nothing for an interface.
    pub module: Option<Module>,
    /// What it offers; nothing where that cannot be read.
    pub interface: Option<Interface>,
    /// What validation says.
    pub validation: Validation,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A wasm module.
    Module,
    /// An interface as JSON.
    Interface,
}

/// What a module is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Module {
    /// The hash by which a chain knows it.
    pub code_hash: String,
    /// Its length.
    pub bytes: usize,
    /// What its memory declares; nothing where it has none.
    pub memory: Option<Memory>,
    /// In the module's order.
    pub imports: Vec<Import>,
    /// In the module's order.
    pub exports: Vec<Export>,
    /// Where its bytes are, as `vm build` reports them; nothing where its sections cannot be read.
    pub sizes: Option<Sizes>,
}

/// What validation says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Validation {
    /// The rules of which chain; nothing for an interface, whose rules no chain can change.
    pub params: Option<Rules>,
    /// What starting an instance takes; nothing for what is refused and for interfaces.
    pub start: Option<Start>,
    /// Why it is refused.
    pub error: Option<Refusal>,
}

/// The parameters that a module was held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// The chain's name.
    pub chain: String,
    /// The parameters' hash.
    pub hash: String,
}

/// What starting an instance takes ([`ModuleInfo`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// Pages of memory at the start.
    pub pages: u32,
    /// Pages that the memory may grow to on this chain.
    pub pages_max: u32,
    /// Imports, exports, functions, globals, elements and segments.
    pub items: u32,
    /// Bytes that data segments copy into the memory.
    pub data_bytes: u32,
    /// Pages that a frame's stack takes at the deepest.
    pub stack_pages: u32,
}

impl From<&ModuleInfo> for Start {
    fn from(info: &ModuleInfo) -> Self {
        Self {
            pages: info.pages,
            pages_max: info.pages_max,
            items: info.items,
            data_bytes: info.data_bytes,
            stack_pages: info.stack_pages,
        }
    }
}

/// Why there is no report.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum InspectError {
    /// Wasm as text.
    #[error("{0} holds wasm as text")]
    #[diagnostic(help("make a module of it first: wat2wasm FILE"))]
    Text(String),
    /// Neither a module nor an interface.
    #[error("{0} is neither a wasm module nor an interface")]
    #[diagnostic(help("give NAME.wasm or NAME.json, as `vm build` writes them"))]
    Unknown(String),
    /// JSON of another shape.
    #[error("{file} is no interface: {cause}")]
    #[diagnostic(help("give the NAME.json that `vm build` wrote (docs/interface.md)"))]
    Json {
        /// The file.
        file: String,
        /// What is wrong, with line and column.
        cause: serde_json::Error,
    },
}

/// Looks at bytes, whichever of the two they are: modules begin with wasm's magic number, interfaces with `{`.
///
/// # Errors
///
/// [`InspectError`]: neither, or JSON that does not have the shape of an interface.
pub fn inspect(source: &str, bytes: &[u8], params: &Params) -> Result<Report, InspectError> {
    if bytes.starts_with(MAGIC) {
        return Ok(module(source, bytes, params));
    }
    match bytes.trim_ascii_start() {
        [b'{', ..] => document(source, &String::from_utf8_lossy(bytes)),
        // What wasm as text begins with: a module, or a comment.
        [b'(', ..] | [b';', b';', ..] => Err(InspectError::Text(source.to_owned())),
        _ => Err(InspectError::Unknown(source.to_owned())),
    }
}

/// Looks at the bytes of a module.
#[must_use]
pub fn module(source: &str, code: &[u8], params: &Params) -> Report {
    let outline = Outline::read(code);
    let judged = validate_module(code, params);
    let interface = match &judged {
        Ok(info) => Some(Interface::from(&info.interface)),
        Err(_) => outline.interface(params.limits().interface_bytes),
    };
    Report {
        ok: judged.is_ok(),
        source: source.to_owned(),
        kind: Kind::Module,
        module: Some(Module {
            code_hash: Hash::of_code(code).to_string(),
            bytes: code.len(),
            memory: outline.memory,
            imports: outline.imports,
            exports: outline.exports,
            // Names of functions are there in NAME.named.wasm only.
            sizes: sizes::measure(code, Some(code)).ok(),
        }),
        interface,
        validation: Validation {
            params: Some(Rules { chain: params.chain().to_owned(), hash: params.hash().to_string() }),
            start: judged.as_ref().ok().map(Start::from),
            error: judged.err().as_ref().map(Refusal::from),
        },
    }
}

/// Looks at the JSON of an interface.
fn document(source: &str, text: &str) -> Result<Report, InspectError> {
    let (interface, error) = match interface::parse(text) {
        Ok(interface) => (Some(interface), None),
        Err(InterfaceFileError::Json(cause)) => {
            return Err(InspectError::Json { file: source.to_owned(), cause });
        }
        Err(InterfaceFileError::Rule(rule)) => (text.parse().ok(), Some(ModuleError::Interface(rule))),
    };
    Ok(Report {
        ok: error.is_none(),
        source: source.to_owned(),
        kind: Kind::Interface,
        module: None,
        interface,
        validation: Validation { params: None, start: None, error: error.as_ref().map(Refusal::from) },
    })
}

#[cfg(test)]
mod tests;
