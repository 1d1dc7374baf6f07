//! Names that people give to contracts, chain by chain: `$VM_HOME/names.toml`.
//!
//! ```toml
//! ["0x5f...e1"]     # which chain: the digest of its spec
//! token = "0x9c...04"
//! ```
//!
//! A name is known on its own chain only. The file is people's to edit; what it says is checked when it is read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use toml_edit::{DocumentMut, Item, Table, value};
use vm_core::{Address, Hash};

use crate::files;

/// Why names can't be read or kept.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum AliasError {
    /// The file can't be read or written.
    #[error("cannot {action} {}: {cause}", path.display())]
    #[diagnostic(help("check the path and its permissions"))]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The file is not of its form.
    #[error("{}: {cause}", path.display())]
    #[diagnostic(help("correct the file, or move it away: it holds names only"))]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// It is no name.
    #[error("{0:?} is no name for a contract")]
    #[diagnostic(help("use letters, digits, _ and -, a letter first"))]
    Name(String),
}

/// The file of names.
#[derive(Clone, Debug)]
pub struct Aliases {
    path: PathBuf,
}

impl Aliases {
    /// The names under `home`. Nothing is read yet.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self { path: home.join("names.toml") }
    }

    fn read(&self) -> Result<DocumentMut, AliasError> {
        let text = match files::read_text(&self.path, files::TEXT_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(cause) => return Err(AliasError::File { action: "read", path: self.path.clone(), cause }),
        };
        text.parse().map_err(|error: toml_edit::TomlError| self.form(error.message().to_owned()))
    }

    fn form(&self, cause: String) -> AliasError {
        AliasError::Form { path: self.path.clone(), cause }
    }

    /// The names of contracts on `chain`, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`AliasError`].
    pub fn of(&self, chain: &Hash) -> Result<Vec<(String, Address)>, AliasError> {
        let document = self.read()?;
        let Some(section) = document.get(&chain.to_string()) else { return Ok(Vec::new()) };
        let section = section.as_table_like().ok_or_else(|| self.form(format!("{chain} is no table")))?;
        section
            .iter()
            .map(|(name, item)| {
                let address = item.as_str().and_then(|text| text.parse().ok());
                let address = address.ok_or_else(|| self.form(format!("{name} is given no address")))?;
                Ok((name.to_owned(), address))
            })
            .collect()
    }

    /// Whether `name` may name a contract.
    ///
    /// # Errors
    ///
    /// [`AliasError::Name`].
    pub fn check(name: &str) -> Result<(), AliasError> {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if plain { Ok(()) } else { Err(AliasError::Name(name.to_owned())) }
    }

    /// Names `address` on `chain`; an earlier contract of the name is no longer named so.
    ///
    /// # Errors
    ///
    /// [`AliasError`].
    pub fn save(&self, chain: &Hash, name: &str, address: &Address) -> Result<(), AliasError> {
        Self::check(name)?;
        let mut document = self.read()?;
        let section = document.entry(&chain.to_string()).or_insert(Item::Table(Table::new()));
        let section = section.as_table_like_mut().ok_or_else(|| self.form(format!("{chain} is no table")))?;
        section.insert(name, value(address.to_string()));
        let write = || -> io::Result<()> {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            // In one step, so that a reader never meets half a file.
            let part = self.path.with_extension("toml.part");
            fs::write(&part, document.to_string())?;
            fs::rename(&part, &self.path)
        };
        write().map_err(|cause| AliasError::File { action: "write", path: self.path.clone(), cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_one_chain_and_the_last_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let aliases = Aliases::new(&folder.path().join("home"));
        let (one, two) = (Hash([1; 32]), Hash([2; 32]));
        assert_eq!(aliases.of(&one).unwrap(), []);
        aliases.save(&one, "token", &Address([3; 32])).unwrap();
        aliases.save(&one, "other-token", &Address([4; 32])).unwrap();
        aliases.save(&one, "token", &Address([5; 32])).unwrap();
        let named = |name: &str, byte| (name.to_owned(), Address([byte; 32]));
        assert_eq!(aliases.of(&one).unwrap(), [named("token", 5), named("other-token", 4)]);
        assert_eq!(aliases.of(&two).unwrap(), []);
    }

    #[test]
    fn what_people_write_wrong_is_named_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let aliases = Aliases::new(folder.path());
        let chain = Hash([1; 32]);
        assert!(matches!(aliases.save(&chain, "a b", &Address::ZERO), Err(AliasError::Name(_))));
        for text in ["token = ", &format!("\"{chain}\" = 1"), &format!("[\"{chain}\"]\ntoken = \"0x1\"")] {
            fs::write(folder.path().join("names.toml"), text).unwrap();
            let refused = aliases.of(&chain).unwrap_err();
            assert!(matches!(refused, AliasError::Form { .. }), "{text}");
            assert!(refused.to_string().contains("names.toml: "), "{refused}");
        }
        fs::remove_file(folder.path().join("names.toml")).unwrap();
        fs::create_dir(folder.path().join("names.toml")).unwrap();
        assert!(matches!(aliases.of(&chain), Err(AliasError::File { action: "read", .. })));
    }
}
