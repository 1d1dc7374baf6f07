//! What all nodes of a network have in common: the chain, its validators, how long they wait for each other.
//!
//! A TOML file, `network.toml`, the same on every node and enough for a light client:
//!
//! ```toml
//! spec = "chain.spec"               # rules and genesis, beside this file
//! private = true                    # addresses of a private network are dialed
//! dev_accounts = true               # named accounts whose secrets everyone knows may send: never where money is
//!
//! [[validators]]
//! public = "0x8a88...5c"            # an ed25519 key; its address is credited the fees
//! address = "127.0.0.1:8700"        # for the other nodes
//! rpc = "http://127.0.0.1:8600"     # for everyone else (optional)
//!
//! [[followers]]                     # are told everything and vote on nothing (optional)
//! public = "0x09d1...aa"
//! address = "127.0.0.1:8704"
//! ```
//!
//! Invariants:
//! - no key and no address stands in it twice;
//! - a certificate of one chain is none of another: votes are signed for the genesis.
//!
//! Deliberately not here: secrets, and what differs between nodes. They are in each node's [`config`](crate::config).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use commonware_codec::DecodeExt as _;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_utils::ordered::Set;
use serde::{Deserialize, Serialize};
use vm_chain::chain::Spec;
use vm_chain::{ChainId, PublicKey};
use vm_core::{Address, Header};
use vm_state::GenesisError;

use crate::{InvalidTimeouts, Key, Scheme, Timeouts};

/// The longest file that is read.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// What the names that votes are signed for begin with.
const NAMESPACE: &[u8] = b"vm-node/1/";

/// A node as others know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its key.
    pub key: Key,
    /// Where other nodes reach it.
    pub address: SocketAddr,
    /// Where its JSON-RPC is, if that is known.
    pub rpc: Option<String>,
}

/// A network.
#[derive(Clone, Debug)]
pub struct Network {
    /// The chain's rules and genesis.
    pub spec: Spec,
    /// What signatures on the chain are for.
    pub id: ChainId,
    /// The header of the chain's first block.
    pub genesis: Header,
    /// Those that vote.
    pub validators: Vec<Peer>,
    /// Those that are told.
    pub followers: Vec<Peer>,
    /// Whether addresses of private networks are dialed.
    pub private: bool,
    /// Whether named accounts may send, whose secrets everyone knows. A rule of blocks, so the same on every node.
    pub dev_accounts: bool,
    /// How long nodes wait for each other.
    pub timeouts: Timeouts,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkText {
    spec: PathBuf,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    dev_accounts: bool,
    #[serde(default, skip_serializing_if = "TimeoutsText::is_default")]
    timeouts: TimeoutsText,
    validators: Vec<PeerText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    followers: Vec<PeerText>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerText {
    public: String,
    address: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rpc: Option<String>,
}

/// In milliseconds; what is not given is as [`Timeouts::default`] has it.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeoutsText {
    leader: Option<u64>,
    certification: Option<u64>,
    idle: Option<u64>,
    clock_drift: Option<u64>,
}

impl TimeoutsText {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What a file can say of `timeouts`, where it is not the default.
    fn of(timeouts: &Timeouts) -> Self {
        let default = Timeouts::default();
        let other = |given: Duration, default: Duration| {
            (given != default).then(|| u64::try_from(given.as_millis()).unwrap_or(u64::MAX))
        };
        Self {
            leader: other(timeouts.leader, default.leader),
            certification: other(timeouts.certification, default.certification),
            idle: other(timeouts.idle, default.idle),
            clock_drift: other(timeouts.clock_drift, default.clock_drift),
        }
    }

    fn timeouts(&self) -> Timeouts {
        let default = Timeouts::default();
        let or = |given: Option<u64>, default| given.map_or(default, Duration::from_millis);
        Timeouts {
            leader: or(self.leader, default.leader),
            certification: or(self.certification, default.certification),
            idle: or(self.idle, default.idle),
            clock_drift: or(self.clock_drift, default.clock_drift),
            ..default
        }
    }
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read or written.
    #[error("cannot {action} {}: {cause}", at.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        at: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {cause}", at.display())]
    Content {
        /// The file.
        at: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

impl FileError {
    pub(crate) fn content(at: &Path, cause: impl ToString) -> Self {
        Self::Content { at: at.to_owned(), cause: cause.to_string() }
    }
}

/// Reads a file of bounded length.
pub(crate) fn read(at: &Path) -> Result<Vec<u8>, FileError> {
    use std::io::Read as _;
    let failed = |cause| FileError::File { action: "read", at: at.to_owned(), cause };
    let file = std::fs::File::open(at).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(FileError::content(at, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= FILE_BYTES_MAX => Ok(bytes),
        _ => Err(FileError::content(at, format!("it is longer than {FILE_BYTES_MAX} bytes"))),
    }
}

pub(crate) fn read_text(at: &Path) -> Result<String, FileError> {
    String::from_utf8(read(at)?).map_err(|_| FileError::content(at, "it is no UTF-8 text"))
}

/// A path in a file, which means one beside the file.
pub(crate) fn beside(file: &Path, path: &Path) -> PathBuf {
    file.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

/// A public key in text: `0x` and 64 hex digits.
pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let bytes = hex::decode(digits).map_err(|_| format!("{text} is no public key: 64 hex digits"))?;
    Key::decode(bytes).map_err(|_| format!("{text} is no public key of ed25519"))
}

/// A key as text.
#[must_use]
pub fn key_text(key: &Key) -> String {
    format!("0x{}", hex::encode(key.as_ref()))
}

/// Whom the fees of a validator's blocks go to.
#[must_use]
pub fn fee_address(key: &Key) -> Option<Address> {
    <[u8; 32]>::try_from(key.as_ref()).ok().map(|bytes| PublicKey(bytes).address())
}

impl PeerText {
    fn peer(self, at: &Path) -> Result<Peer, FileError> {
        let key = parse_key(&self.public).map_err(|cause| FileError::content(at, cause))?;
        Ok(Peer { key, address: self.address, rpc: self.rpc })
    }
}

impl Network {
    /// Reads a network's file, and the chain's beside it.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn read(at: &Path) -> Result<Self, FileError> {
        let wrong = |cause: String| FileError::content(at, cause);
        let text: NetworkText = toml::from_str(&read_text(at)?).map_err(|error| wrong(error.to_string()))?;
        let spec_at = beside(at, &text.spec);
        let spec = Spec::from_bytes(&read(&spec_at)?).map_err(|cause| FileError::content(&spec_at, cause))?;
        let timeouts = text.timeouts.timeouts();
        timeouts.check().map_err(|cause: InvalidTimeouts| wrong(cause.to_string()))?;
        let peers =
            |peers: Vec<PeerText>| peers.into_iter().map(|peer| peer.peer(at)).collect::<Result<Vec<_>, _>>();
        let (validators, followers) = (peers(text.validators)?, peers(text.followers)?);
        let network = Self::new(spec, validators, followers, text.private);
        let network = network.map_err(|cause| FileError::content(&spec_at, cause))?;
        network.check().map_err(wrong)?;
        Ok(Self { timeouts, dev_accounts: text.dev_accounts, ..network })
    }

    /// A network of these nodes, with the default waits and without accounts whose secrets everyone knows.
    ///
    /// # Errors
    ///
    /// [`GenesisError`] for accounts that are no genesis.
    pub fn new(
        spec: Spec,
        validators: Vec<Peer>,
        followers: Vec<Peer>,
        private: bool,
    ) -> Result<Self, GenesisError> {
        let genesis = spec.genesis()?.header().clone();
        let id = ChainId { params: spec.params.hash(), genesis: genesis.hash() };
        let (dev_accounts, timeouts) = (false, Timeouts::default());
        Ok(Self { spec, id, genesis, validators, followers, private, dev_accounts, timeouts })
    }

    fn check(&self) -> Result<(), String> {
        if self.validators.is_empty() {
            return Err("there is no validator".to_owned());
        }
        let (mut keys, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for peer in self.peers() {
            if !keys.insert(peer.key.clone()) {
                return Err(format!("the key {} stands in it twice", key_text(&peer.key)));
            }
            if !addresses.insert(peer.address) {
                return Err(format!("the address {} stands in it twice", peer.address));
            }
        }
        Ok(())
    }

    /// Writes the network's file, and the chain's beside it.
    ///
    /// # Errors
    ///
    /// [`FileError::File`].
    pub fn write(&self, at: &Path) -> Result<(), FileError> {
        let text = |peer: &Peer| PeerText {
            public: key_text(&peer.key),
            address: peer.address,
            rpc: peer.rpc.clone(),
        };
        let spec = PathBuf::from(vm_chain::snapshot::SPEC_FILE);
        write(&beside(at, &spec), &self.spec.to_bytes())?;
        let text = NetworkText {
            spec,
            private: self.private,
            dev_accounts: self.dev_accounts,
            timeouts: TimeoutsText::of(&self.timeouts),
            validators: self.validators.iter().map(text).collect(),
            followers: self.followers.iter().map(text).collect(),
        };
        let text = toml::to_string(&text).map_err(|error| FileError::content(at, error))?;
        write(at, text.as_bytes())
    }

    /// All its nodes.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.validators.iter().chain(&self.followers)
    }

    /// The node with this key.
    #[must_use]
    pub fn peer(&self, key: &Key) -> Option<&Peer> {
        self.peers().find(|peer| peer.key == *key)
    }

    /// What its votes are signed for.
    #[must_use]
    pub fn namespace(&self) -> Vec<u8> {
        [NAMESPACE, self.id.genesis.as_bytes()].concat()
    }

    fn participants(&self) -> Set<Key> {
        Set::from_iter_dedup(self.validators.iter().map(|peer| peer.key.clone()))
    }

    /// How votes are checked.
    #[must_use]
    pub fn verifier(&self) -> Scheme {
        Scheme::verifier(&self.namespace(), self.participants())
    }

    /// How votes are checked and, by a validator, signed.
    #[must_use]
    pub fn scheme(&self, key: PrivateKey) -> Scheme {
        Scheme::signer(&self.namespace(), self.participants(), key).unwrap_or_else(|| self.verifier())
    }
}

pub(crate) fn write(at: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |cause| FileError::File { action: "write", at: at.to_owned(), cause };
    std::fs::write(at, bytes).map_err(failed)
}

/// Writes a file that is whole after a power failure, or not there.
pub(crate) fn write_durably(at: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let part = at.with_extension("part");
    let write = || -> std::io::Result<()> {
        std::fs::write(&part, bytes)?;
        std::fs::File::open(&part)?.sync_all()?;
        std::fs::rename(&part, at)?;
        at.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().map_err(|cause| FileError::File { action: "write", at: at.to_owned(), cause })
}

#[cfg(test)]
mod tests;
