//! Where a chain is: a folder on this machine, or a node's URL; and the one interface to both.
//!
//! A folder is opened by this process alone: each transaction gets a block of its own, as [`Direct`] makes them. A node
//! has its own pool and blocks. What a command does is the same on either.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, RwLock};

use miette::Diagnostic;
use vm_chain::api::{Api, ApiError, Local};
use vm_chain::chain::{BLOCKS_FILE, ChainError, ChainOptions};
use vm_chain::rpc::{Client, ClientError};
use vm_chain::{Chain, Direct, Ed25519};

use crate::cli::Exit;

/// Where commands look for a chain unless they are told.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8600";

/// Where a chain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// In a folder.
    Folder(PathBuf),
    /// Behind a node.
    Url(String),
}

impl FromStr for Target {
    type Err = std::convert::Infallible;

    /// A text with `://` is a URL, any other a path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text.contains("://") { Self::Url(text.to_owned()) } else { Self::Folder(text.into()) })
    }
}

impl Target {
    /// Whether it can be meant for a chain: any URL, and a folder with one in it.
    #[must_use]
    pub fn is_likely(&self) -> bool {
        match self {
            Self::Url(_) => true,
            Self::Folder(path) => path.join(BLOCKS_FILE).is_file(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// Why there is no chain.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum TargetError {
    /// Nothing answers at the URL.
    #[error("no node answers: {0}")]
    #[diagnostic(help(
        "start one with `vm devnet`, or give a chain's folder or another URL: --chain, or VM_CHAIN"
    ))]
    NoNode(Box<ApiError>),
    /// The URL is none.
    #[error(transparent)]
    #[diagnostic(help("give --chain PATH, or --chain URL as http://127.0.0.1:8600"))]
    Url(#[from] ClientError),
    /// There is no chain in the folder.
    #[error("there is no chain at {}", .0.display())]
    #[diagnostic(help(
        "`vm run SCENARIO --store PATH` makes one, `vm devnet --store PATH` keeps one, `vm snapshot load` loads one"
    ))]
    NoChain(PathBuf),
    /// A node has the folder.
    #[error("the chain at {} is in use by another process", .0.display())]
    #[diagnostic(help("if that is a devnet, give its URL instead: --chain {DEFAULT_URL}"))]
    InUse(PathBuf),
    /// The chain can't be opened.
    #[error("the chain at {} can't be opened: {cause}", path.display())]
    #[diagnostic(help("if its files are damaged, load a snapshot into a new folder: `vm snapshot load`"))]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        cause: Box<ChainError>,
    },
}

impl TargetError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoNode(_) | Self::Url(_) | Self::NoChain(_) | Self::InUse(_) => Exit::BadInput,
            Self::Unusable { .. } => Exit::NodeFailure,
        }
    }
}

impl Target {
    /// The chain's interface.
    ///
    /// # Errors
    ///
    /// [`TargetError`]: no chain there, or one that can't be opened.
    pub fn open(&self) -> Result<Box<dyn Api>, TargetError> {
        match self {
            Self::Url(url) => {
                let client = Client::new(url)?;
                // Whether anything is there is asked once, so that later errors are about what was asked.
                match client.status() {
                    Err(cause @ ApiError::Remote(_)) => Err(TargetError::NoNode(Box::new(cause))),
                    _ => Ok(Box::new(client)),
                }
            }
            Self::Folder(path) => {
                let chain = Chain::open(path, ChainOptions::default()).map_err(|cause| match cause {
                    ChainError::Missing(path) => TargetError::NoChain(path),
                    cause if cause.is_in_use() => TargetError::InUse(path.clone()),
                    cause => TargetError::Unusable { path: path.clone(), cause: Box::new(cause) },
                })?;
                let chain = Arc::new(RwLock::new(chain));
                let authority = Arc::new(Ed25519::with_dev_accounts());
                Ok(Box::new(Local::new(chain.clone(), Arc::new(Direct::new(chain, authority)))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_all_else_is_a_path() {
        let target = |text: &str| text.parse::<Target>().unwrap();
        assert_eq!(target(DEFAULT_URL), Target::Url(DEFAULT_URL.to_owned()));
        assert_eq!(target("https://x"), Target::Url("https://x".to_owned()));
        assert_eq!(target("chain"), Target::Folder("chain".into()));
        assert_eq!(target("localhost:8600"), Target::Folder("localhost:8600".into()));
    }

    #[test]
    fn what_is_no_chain_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let open = |target: Target| target.open().map(drop).unwrap_err();
        let none = open(Target::Folder(folder.path().join("none")));
        assert!(matches!(none, TargetError::NoChain(_)), "{none}");
        assert_eq!(none.exit(), Exit::BadInput);
        // Port 1 is nobody's.
        let nobody = open(Target::Url("http://127.0.0.1:1".to_owned()));
        assert!(matches!(nobody, TargetError::NoNode(_)), "{nobody}");
        assert!(nobody.help().unwrap().to_string().contains("vm devnet"));
        let bad = open(Target::Url("https://127.0.0.1".to_owned()));
        assert!(matches!(bad, TargetError::Url(_)), "{bad}");
        std::fs::write(folder.path().join("blocks.redb"), "no database").unwrap();
        let damaged = open(Target::Folder(folder.path().to_owned()));
        assert!(matches!(damaged, TargetError::Unusable { .. }), "{damaged}");
        assert_eq!(damaged.exit(), Exit::NodeFailure);
    }
}
