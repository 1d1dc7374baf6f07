//! A network of nodes on this machine, for trying things out: its files, and a process for each node.
//!
//! ```text
//! FOLDER/network.toml, chain.spec     what all have in common
//! FOLDER/validator-0/node.toml ...    each node's own, its key, its store, its log
//! ```
//!
//! Named accounts have money, and everyone knows their secrets.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use commonware_codec::DecodeExt as _;
use commonware_cryptography::Signer as _;
use commonware_cryptography::ed25519::PrivateKey;
use vm_chain::account::DEV_NAMES;
use vm_chain::chain::Spec;
use vm_core::{Address, Params};

use crate::config::write_node;
use crate::network::{FileError, Network, Peer};

/// What each named account has.
const BALANCE: u64 = 1_000_000_000_000;
/// How far the ports of nodes are above those of their JSON-RPC.
const PEER_PORTS: u16 = 100;
/// The network's file.
const NETWORK_FILE: &str = "network.toml";

/// What a local network is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where its files are.
    pub folder: PathBuf,
    /// How many vote.
    pub validators: u16,
    /// How many are told.
    pub followers: u16,
    /// The port of the first node's JSON-RPC; the others' follow.
    pub port: u16,
}

impl Layout {
    /// The network's file.
    #[must_use]
    pub fn network(&self) -> PathBuf {
        self.folder.join(NETWORK_FILE)
    }

    /// The folder of the node with this index.
    #[must_use]
    pub fn node(&self, index: u16) -> PathBuf {
        let name = match index.checked_sub(self.validators) {
            None => format!("validator-{index}"),
            Some(follower) => format!("follower-{follower}"),
        };
        self.folder.join(name)
    }

    /// The configuration of the node with this index.
    #[must_use]
    pub fn config(&self, index: u16) -> PathBuf {
        self.node(index).join("node.toml")
    }

    /// How many nodes there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.validators.saturating_add(self.followers)
    }

    fn address(&self, index: u16, above: u16) -> SocketAddr {
        let port = self.port.saturating_add(above).saturating_add(index);
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    /// Where the JSON-RPC of the node with this index is.
    #[must_use]
    pub fn rpc(&self, index: u16) -> SocketAddr {
        self.address(index, 0)
    }

    /// Whether the files are there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.network().is_file()
    }

    /// Writes the files of a network whose chain begins as `spec` says, with new keys.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn write(&self, spec: Spec) -> Result<(), FileError> {
        let failed = |cause| FileError::File { action: "write", at: self.folder.clone(), cause };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut peers = Vec::new();
        for index in 0..self.count() {
            let mut seed = [0_u8; 32];
            getrandom::fill(&mut seed).map_err(|error| {
                FileError::content(&self.folder, format!("no randomness for keys: {error}"))
            })?;
            let key = PrivateKey::decode(seed.to_vec())
                .map_err(|error| FileError::content(&self.folder, format!("no key: {error}")))?;
            let (address, rpc) = (self.address(index, PEER_PORTS), self.rpc(index));
            let network = Path::new("..").join(NETWORK_FILE);
            write_node(&self.node(index), &network, &seed, address, rpc)?;
            peers.push(Peer { key: key.public_key(), address, rpc: Some(format!("http://{rpc}")) });
        }
        let followers = peers.split_off(usize::from(self.validators));
        let network = Network::new(spec, peers, followers, true);
        let network = network.map_err(|error| FileError::content(&self.folder, error))?;
        // Last: where it is, all else is there.
        Network { dev_accounts: true, ..network }.write(&self.network())
    }
}

/// A chain of this name that begins now; the named accounts have money.
#[must_use]
pub fn spec(chain: &str) -> Spec {
    let named = |name: &&str| ((*name).to_owned(), Address::named(name));
    let names: Vec<(String, Address)> = DEV_NAMES.iter().map(named).collect();
    let accounts = names.iter().map(|(_, address)| (*address, BALANCE)).collect();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Spec { params: Params::default_for(chain), time, accounts, names }
}

/// A node in a process of its own.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Closed, it stops the node: also when this process is killed.
    stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts the node with the configuration at `config`; what it says goes to `log` beside it.
    ///
    /// # Errors
    ///
    /// [`FileError::File`].
    pub fn start(program: &Path, config: &Path) -> Result<Self, FileError> {
        let log_at = config.with_file_name("log");
        let failed = |at: &Path| {
            let at = at.to_owned();
            move |cause| FileError::File { action: "write", at, cause }
        };
        let log = File::options().append(true).create(true).open(&log_at).map_err(failed(&log_at))?;
        let both = log.try_clone().map_err(failed(&log_at))?;
        let mut child = Command::new(program)
            .args(["run", "--until-stdin-closes", "--config"])
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(both)
            .spawn()
            .map_err(failed(program))?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Its number with the system.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()?;
        status.map(|status| status.to_string())
    }

    /// Ends it as a power failure would.
    pub fn kill(mut self) {
        // One that is gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Lets it end as it should, and waits; it is killed if it takes longer than `time`.
    pub fn stop(mut self, time: Duration) {
        drop(self.stdin.take());
        let step = Duration::from_millis(20);
        let mut waited = Duration::ZERO;
        while waited < time && self.ended().is_none() {
            std::thread::sleep(step);
            waited = waited.saturating_add(step);
        }
        self.kill();
    }
}
