//! The interface of a contract as JSON: `NAME.json` beside a module, input of `vm bindgen` and of `client!`.
//!
//! Its shape and its conversion from and to what modules carry are contract-sdk-bindgen's; `docs/interface.md` describes
//! it. Here a file is also held to the rules that nodes hold a module's interface to, since names and types from it end
//! up in source.

pub use contract_sdk_bindgen::{Field, Function, Interface, Kind, Record, Type, Variant};

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

/// Reads and checks a file's text.
///
/// # Errors
///
/// [`InterfaceFileError`]: not JSON of this schema, or an interface that no module may carry.
pub fn parse(text: &str) -> Result<Interface, InterfaceFileError> {
    let interface: Interface = text.parse()?;
    vm_core::interface::Interface::from(&interface).validate()?;
    Ok(interface)
}

#[cfg(test)]
mod tests;
