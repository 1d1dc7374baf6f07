//! What a node has for itself: its key, its files, its doors.
//!
//! ```toml
//! network = "../network.toml"
//! key = "node.key"                  # the secret seed, 64 hex digits
//! store = "store"                   # everything the node keeps
//! listen = "127.0.0.1:8700"         # for other nodes
//! rpc = "127.0.0.1:8600"            # JSON-RPC, health and metrics
//! states = 1024                     # states below the head that can be read and restored from
//! ```
//!
//! Paths are beside the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use commonware_codec::DecodeExt as _;
use commonware_cryptography::Signer as _;
use commonware_cryptography::ed25519::PrivateKey;
use serde::{Deserialize, Serialize};

use crate::Key;
use crate::network::{FileError, Network, beside, key_text, read_text, write};

/// The folder of the chain, in a node's store.
const CHAIN_FOLDER: &str = "chain";
/// The folder of the engine's files, in a node's store.
const ENGINE_FOLDER: &str = "consensus";
/// The certificate of the block that a node joined at, in its store.
const FLOOR_FILE: &str = "joined.certificate";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigText {
    network: PathBuf,
    key: PathBuf,
    store: PathBuf,
    listen: SocketAddr,
    rpc: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    states: Option<u32>,
}

/// A node's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its network.
    pub network: Network,
    /// Its secret.
    pub key: PrivateKey,
    /// Where it keeps what it keeps.
    pub store: PathBuf,
    /// Where other nodes reach it.
    pub listen: SocketAddr,
    /// Where its JSON-RPC is.
    pub rpc: SocketAddr,
    /// States below the head that are kept; none is as many as before.
    pub states: Option<u32>,
}

impl Config {
    /// Reads a node's file, and those that it names.
    ///
    /// # Errors
    ///
    /// [`FileError`], also for a key that the network does not know.
    pub fn read(at: &Path) -> Result<Self, FileError> {
        let text: ConfigText =
            toml::from_str(&read_text(at)?).map_err(|error| FileError::content(at, error))?;
        let network_at = beside(at, &text.network);
        let network = Network::read(&network_at)?;
        let key_at = beside(at, &text.key);
        let key = read_key(&key_at)?;
        if network.peer(&key.public_key()).is_none() {
            let public = key_text(&key.public_key());
            let why = format!("{} has no node with this key's public half, {public}", network_at.display());
            return Err(FileError::content(&key_at, why));
        }
        let ConfigText { listen, rpc, states, .. } = text;
        Ok(Self { network, key, store: beside(at, &text.store), listen, rpc, states })
    }

    /// The public half of the node's key.
    #[must_use]
    pub fn public(&self) -> Key {
        self.key.public_key()
    }

    /// Whether it votes.
    #[must_use]
    pub fn is_validator(&self) -> bool {
        let key = self.public();
        self.network.validators.iter().any(|peer| peer.key == key)
    }

    /// The folder of its chain.
    #[must_use]
    pub fn chain(&self) -> PathBuf {
        self.store.join(CHAIN_FOLDER)
    }

    /// The folder of its engine's files.
    #[must_use]
    pub fn engine(&self) -> PathBuf {
        self.store.join(ENGINE_FOLDER)
    }

    /// The file with the certificate of the block that it joined at.
    #[must_use]
    pub fn floor(&self) -> PathBuf {
        self.store.join(FLOOR_FILE)
    }
}

/// Reads a secret key.
///
/// # Errors
///
/// [`FileError`].
pub fn read_key(at: &Path) -> Result<PrivateKey, FileError> {
    let text = read_text(at)?;
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let seed = hex::decode(digits).ok().and_then(|seed| PrivateKey::decode(seed).ok());
    // The text itself is not shown: it may be a secret with a slip in it.
    seed.ok_or_else(|| FileError::content(at, "it is no secret key: 64 hex digits"))
}

/// Writes the files of a node: its configuration and a new key with this seed, which only the owner can read.
///
/// # Errors
///
/// [`FileError::File`].
pub fn write_node(
    folder: &Path,
    network: &Path,
    seed: &[u8; 32],
    listen: SocketAddr,
    rpc: SocketAddr,
) -> Result<PathBuf, FileError> {
    let failed = |cause| FileError::File { action: "write", at: folder.to_owned(), cause };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let key = PathBuf::from("node.key");
    write_secret(&folder.join(&key), &format!("{}\n", hex::encode(seed)))?;
    let text = ConfigText {
        network: network.to_owned(),
        key,
        store: PathBuf::from("store"),
        listen,
        rpc,
        states: None,
    };
    let at = folder.join("node.toml");
    let text = toml::to_string(&text).map_err(|error| FileError::content(&at, error))?;
    write(&at, text.as_bytes())?;
    Ok(at)
}

fn write_secret(at: &Path, text: &str) -> Result<(), FileError> {
    use std::io::Write as _;
    let failed = |cause| FileError::File { action: "write", at: at.to_owned(), cause };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(at).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests;
