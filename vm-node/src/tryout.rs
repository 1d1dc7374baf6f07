//! Shows on a running network that it works: a token is deployed through one validator, transferred through the next, and
//! looked for on all.

use std::time::{Duration, Instant};

use parity_scale_codec::Encode as _;
use vm_chain::api::types::At;
use vm_chain::rpc::{Client, ClientError};
use vm_chain::{Api as _, ApiError, ChainId, SecretKey, Signed};
use vm_core::{Address, CodeSource, Hash, Header, Payload, Transaction};

use crate::light::{LightError, final_block};
use crate::network::Network;

/// The example token, as the repository's contracts are built.
const TOKEN: &[u8] = include_bytes!("../../fixtures/wasm/token.wasm");
/// How long all validators may take to have what one has.
const ALL_TIME: Duration = Duration::from_secs(30);
const GAS: u64 = 10_000_000;

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// The network's file says no URL.
    #[error("{0} of the network's validators have an `rpc`; two are needed")]
    Unreachable(usize),
    /// There is no way to a node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A node says no.
    #[error("{url}: {cause}")]
    Api {
        /// The node.
        url: String,
        /// What it says.
        cause: Box<ApiError>,
    },
    /// A transaction failed.
    #[error("the {what} came to {status}")]
    Failed {
        /// Which one.
        what: &'static str,
        /// How it ended.
        status: String,
    },
    /// A block is not shown to be final.
    #[error("{url}: {cause}")]
    NotFinal {
        /// The node.
        url: String,
        /// Why.
        cause: Box<LightError>,
    },
    /// Two nodes have different blocks at one height.
    #[error("{url} has block {found} at height {height}, another node {expected}")]
    Forked {
        /// The node.
        url: String,
        /// The height.
        height: u64,
        /// Its block.
        found: Hash,
        /// The other's.
        expected: Hash,
    },
}

/// What a validator has.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it is.
    pub url: String,
    /// The header of the block with the transfer.
    pub header: Header,
    /// How long after it was sent the node had it.
    pub after: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The token's contract.
    pub token: Address,
    /// The transfer's hash.
    pub transfer: Hash,
    /// How long the transfer took from being sent to its receipt.
    pub latency: Duration,
    /// What each validator has.
    pub seen: Vec<Seen>,
}

struct Node {
    url: String,
    client: Client,
}

impl Node {
    fn ask<T>(&self, ask: impl FnOnce(&Client) -> Result<T, ApiError>) -> Result<T, TryError> {
        ask(&self.client).map_err(|cause| TryError::Api { url: self.url.clone(), cause: Box::new(cause) })
    }

    /// Signs by the named account's key and sends; gives the hash and the deployed contract.
    fn send(
        &self,
        name: &str,
        chain: &ChainId,
        what: &'static str,
        payload: Payload,
    ) -> Result<(Hash, Option<Address>), TryError> {
        let sender = Address::named(name);
        let nonce = self.ask(|client| client.account(sender, At::Head))?.next_nonce;
        let transaction = Transaction { sender, nonce, gas_limit: GAS, gas_price: 0, payload };
        let signed: Signed = SecretKey::dev(name).sign(transaction, chain);
        let receipt = self.ask(|client| client.send(signed))?;
        if receipt.outcome.ending.status != "success" {
            return Err(TryError::Failed { what, status: receipt.outcome.ending.status });
        }
        Ok((receipt.transaction.0, receipt.outcome.deployed.map(|contract| contract.0)))
    }
}

/// Deploys the example token, transfers some, and waits until every validator shows a certificate for the block.
///
/// # Errors
///
/// [`TryError`].
pub fn run(network: &Network) -> Result<Tried, TryError> {
    let urls: Vec<&String> = network.validators.iter().filter_map(|peer| peer.rpc.as_ref()).collect();
    let node = |url: &&String| {
        let client = Client::new(url)?;
        Ok::<_, TryError>(Node { url: (*url).clone(), client })
    };
    let nodes = urls.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let [first, second, ..] = nodes.as_slice() else { return Err(TryError::Unreachable(nodes.len())) };

    let salt = another_salt();
    let args = ("Gold", 1_000_000_u64).encode();
    let deploy = Payload::Deploy { code: CodeSource::Bytes(TOKEN.to_vec()), salt, args, value: 0 };
    let (deployed, token) = first.send("alice", &network.id, "deployment", deploy)?;
    let token = token.ok_or(TryError::Failed { what: "deployment", status: "no contract".to_owned() })?;
    // The second validator must know it before it is asked about alice's next nonce.
    wait(second, &deployed)?;
    let args = (Address::named("bob"), 25_u64).encode();
    let transfer = Payload::Call { contract: token, function: "transfer".to_owned(), args, value: 0 };
    let begun = Instant::now();
    let (transfer, _) = second.send("alice", &network.id, "transfer", transfer)?;
    let latency = begun.elapsed();

    let mut seen: Vec<Seen> = Vec::new();
    for node in &nodes {
        let height = wait(node, &transfer)?;
        let not_final = |cause| TryError::NotFinal { url: node.url.clone(), cause: Box::new(cause) };
        let header = final_block(network, &node.client, At::Height(height)).map_err(not_final)?.header;
        if let Some(other) = seen.first().filter(|other| other.header != header) {
            let (found, expected) = (header.hash(), other.header.hash());
            return Err(TryError::Forked { url: node.url.clone(), height, found, expected });
        }
        seen.push(Seen { url: node.url.clone(), header, after: begun.elapsed() });
    }
    Ok(Tried { token, transfer, latency, seen })
}

/// The height of the block that the node has the transaction in.
fn wait(node: &Node, transaction: &Hash) -> Result<u64, TryError> {
    let begun = Instant::now();
    loop {
        match node.client.receipt(*transaction) {
            Err(ApiError::Missing { .. }) if begun.elapsed() < ALL_TIME => {
                std::thread::sleep(Duration::from_millis(10));
            }
            answer => return Ok(node.ask(|_| answer)?.height),
        }
    }
}

/// Another salt at each call, so that each deploys a contract of its own.
fn another_salt() -> Hash {
    let mut salt = [0_u8; 32];
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    salt[..16].copy_from_slice(&since.as_nanos().to_le_bytes());
    Hash(salt)
}
