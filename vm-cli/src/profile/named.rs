//! Modules that were built with names (`NAME.named.wasm`), and which code their names are for.

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use vm_core::Hash;
use vm_core::abi::INTERFACE_SECTION;
use vm_core::interface::{Interface, InterfaceError};
use wasmparser::{Parser, Payload};

use crate::build::BuildError;
use crate::build::{module, sizes};
use crate::cli::Exit;
use crate::files;

/// A module with names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedModule {
    /// What messages call it.
    pub(super) shown: String,
    /// The hash of the code without names, as nodes store it.
    pub(super) code_hash: Hash,
    /// The contract's name in its interface.
    pub(super) contract: String,
    /// Functions by index.
    pub(super) functions: BTreeMap<u32, String>,
}

/// Why a module gives no names.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum NamedError {
    /// The file cannot be read.
    #[error("cannot read {shown}: {cause}")]
    File {
        /// The file.
        shown: String,
        /// What the system says.
        cause: std::io::Error,
    },
    /// No module of a contract.
    #[error("{shown}: {cause}")]
    #[diagnostic(help("give the file NAME.named.wasm that `vm build` writes beside NAME.wasm"))]
    Module {
        /// The file.
        shown: String,
        /// What is wrong.
        cause: BuildError,
    },
    /// Its interface is none.
    #[error("{shown}: {cause}")]
    #[diagnostic(help("give the file NAME.named.wasm that `vm build` writes beside NAME.wasm"))]
    Interface {
        /// The file.
        shown: String,
        /// What is wrong.
        cause: InterfaceError,
    },
    /// A module without names.
    #[error("{shown} has no names of functions")]
    #[diagnostic(help(
        "what nodes store has none: give the file NAME.named.wasm that `vm build` writes beside NAME.wasm"
    ))]
    NoNames {
        /// The file.
        shown: String,
    },
}

impl NamedError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::File { .. } | Self::Module { .. } | Self::Interface { .. } | Self::NoNames { .. } => {
                Exit::BadInput
            }
        }
    }
}

impl NamedModule {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`NamedError`].
    pub fn read(path: &Path) -> Result<Self, NamedError> {
        let shown = path.display().to_string();
        match files::read(path, files::MODULE_BYTES_MAX) {
            Ok(bytes) => Self::new(&shown, &bytes),
            Err(cause) => Err(NamedError::File { shown, cause }),
        }
    }

    /// Takes a module's bytes; `shown` is what messages call it.
    ///
    /// # Errors
    ///
    /// [`NamedError`], but for the file's.
    pub fn new(shown: &str, bytes: &[u8]) -> Result<Self, NamedError> {
        let broken = |cause| NamedError::Module { shown: shown.to_owned(), cause };
        let code = module::finished(bytes).map_err(broken)?;
        let functions = sizes::function_names(bytes).map_err(broken)?;
        let contract =
            interface(&code).map_err(|cause| NamedError::Interface { shown: shown.to_owned(), cause })?.name;
        if functions.is_empty() {
            return Err(NamedError::NoNames { shown: shown.to_owned() });
        }
        Ok(Self { shown: shown.to_owned(), code_hash: Hash::of_code(&code), contract, functions })
    }

    /// The hash of the code that the names are for.
    #[must_use]
    pub fn code_hash(&self) -> Hash {
        self.code_hash
    }
}

/// The interface of a finished module, which has one.
fn interface(code: &[u8]) -> Result<Interface, InterfaceError> {
    let sections =
        Parser::new(0).parse_all(code).filter_map(Result::ok).filter_map(|payload| match payload {
            Payload::CustomSection(section) if section.name() == INTERFACE_SECTION => Some(section.data()),
            _ => None,
        });
    Interface::decode_checked(sections.last().unwrap_or_default(), u32::MAX)
}
