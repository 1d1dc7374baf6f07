//! Rust: a `no_std` crate with the client that `contract_sdk::client!` makes, for contracts that would rather depend on
//! a crate than on a file.

use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use super::BindgenError;
use crate::interface::Interface;

/// The crate's files: names and texts.
///
/// # Errors
///
/// [`BindgenError::Rust`]: names that clash or that Rust does not take.
pub fn client(interface: &Interface, sdk: &Path) -> Result<Vec<(String, String)>, BindgenError> {
    let client = contract_sdk_bindgen::rust_client(interface)?;
    let name = &interface.name;
    let mut package = Table::new();
    package.insert("name", value(format!("{name}_client")));
    package.insert("version", value("0.1.0"));
    package.insert("edition", value("2024"));
    package.insert("publish", value(false));
    let mut dependency = InlineTable::new();
    dependency.insert("path", sdk.display().to_string().into());
    let mut dependencies = Table::new();
    dependencies.insert(crate::build::package::SDK, value(dependency));
    let mut manifest = DocumentMut::new();
    manifest.insert("package", Item::Table(package));
    manifest.insert("dependencies", Item::Table(dependencies));
    let source =
        format!("//! Calls to the contract `{name}`. Written by `vm bindgen`.\n\n#![no_std]\n\n{client}");
    Ok(vec![("Cargo.toml".to_owned(), manifest.to_string()), ("src/lib.rs".to_owned(), source)])
}
