//! `vm bindgen`: a typed client of a contract, from the JSON of its interface and nothing else.
//!
//! Rust: a crate for other contracts, whose code is contract-sdk-bindgen's, the same as `client!` makes ([`rust`]).
//!
//! TypeScript: `NAME.ts` holds the contract's types and codecs, `vm-scale.ts` beside it the encoding ([`typescript`]). The
//! client encodes arguments and decodes results, events, errors and the fields of objects; how bytes travel to a node
//! is the application's business.
//!
//! Names come from a file: everything that is written into source is checked to be a plain name or quoted.

pub mod rust;
pub mod typescript;

use miette::Diagnostic;

use crate::interface::InterfaceFileError;

/// Why there is no client.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum BindgenError {
    /// The file is no interface.
    #[error("{path}: {cause}")]
    #[diagnostic(help("`vm build` writes NAME.json beside a module (docs/interface.md)"))]
    Interface {
        /// The file.
        path: String,
        /// Why.
        cause: InterfaceFileError,
    },
    /// Rust has no client for it.
    #[error("no client in Rust: {0}")]
    Rust(#[from] contract_sdk_bindgen::ClientError),
    /// Two types of one name.
    #[error("two different types are named {0:?}")]
    #[diagnostic(help("rename one of them in the contract"))]
    TwoTypes(String),
    /// A type whose name the generated code needs.
    #[error("the type {0:?} has a name that the client needs for itself")]
    #[diagnostic(help("rename it in the contract"))]
    Taken(String),
}
