//! A network of processes, which end with it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread::{panicking, sleep};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vm_chain::api::types::{At, HeaderInfo};
use vm_chain::chain::Spec;
use vm_chain::rpc::Client;
use vm_chain::{Api as _, ApiError};
use vm_core::{Hash, Header};
use vm_node::light::check;
use vm_node::network::Network;
use vm_node::testnet::{Layout, Process, spec};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_vm-node");
/// The chain's name.
pub(crate) const CHAIN: &str = "processes";
/// How long anything may take that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const STEP: Duration = Duration::from_millis(20);

/// Ports that one network may use: its JSON-RPC, 100 above them those between nodes, and a last one that says they are taken.
const BLOCK: u16 = 200;
/// Below those that systems give to outgoing connections.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        sleep(STEP);
    }
}

/// Ports for one network; other tests, also of other processes, find them taken until it is dropped.
#[derive(Debug)]
struct Ports {
    first: u16,
    _taken: TcpListener,
}

impl Ports {
    fn find(count: u16) -> Self {
        let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
        // Tests of several processes don't all begin with the same ones.
        let turn = usize::try_from(std::process::id()).unwrap() * 7 % (PORTS.len() / usize::from(BLOCK));
        let firsts = || PORTS.step_by(usize::from(BLOCK));
        let found = firsts().skip(turn).chain(firsts().take(turn)).find_map(|first| {
            let taken = free(first + BLOCK - 1)?;
            let all = (0..count).flat_map(|index| [first + index, first + 100 + index]);
            all.map(free).collect::<Option<Vec<_>>>()?;
            Some(Self { first, _taken: taken })
        });
        found.expect("free ports")
    }
}

/// A network of processes.
#[derive(Debug)]
pub(crate) struct Testbed {
    pub(crate) layout: Layout,
    pub(crate) network: Network,
    nodes: Vec<Option<Process>>,
    clients: Vec<Client>,
    _ports: Ports,
    _folder: TempDir,
}

impl Testbed {
    /// The files of a network; nothing runs.
    pub(crate) fn new(validators: u16, followers: u16, spec: Spec) -> Self {
        let folder = TempDir::new().unwrap();
        let ports = Ports::find(validators + followers);
        let path = folder.path().join("net");
        let layout = Layout { folder: path, validators, followers, port: ports.first };
        layout.write(spec).unwrap();
        let network = Network::read(&layout.network()).unwrap();
        let url = |index| format!("http://{}", layout.rpc(index));
        let clients = (0..layout.count()).map(|index| Client::new(&url(index)).unwrap()).collect();
        let nodes = (0..layout.count()).map(|_| None).collect();
        Self { layout, network, nodes, clients, _ports: ports, _folder: folder }
    }

    /// A running network of so many validators.
    pub(crate) fn running(validators: u16) -> Self {
        let mut testbed = Self::new(validators, 0, spec(CHAIN));
        testbed.start(0..validators);
        testbed
    }

    /// Starts nodes, and waits until they answer.
    pub(crate) fn start(&mut self, indices: impl IntoIterator<Item = u16>) {
        let indices: Vec<u16> = indices.into_iter().collect();
        for &index in &indices {
            let process = Process::start(Path::new(PROGRAM), &self.layout.config(index)).unwrap();
            assert!(self.nodes[usize::from(index)].replace(process).is_none(), "node {index} runs already");
        }
        for index in indices {
            until("a node answers", || {
                let ended = self.nodes[usize::from(index)].as_mut().unwrap().ended();
                assert_eq!(ended, None, "node {index}: {}", self.log(index));
                self.client(index).status().ok()
            });
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, index: u16) {
        self.take(index).kill();
    }

    /// The node's process, to be ended otherwise.
    pub(crate) fn take(&mut self, index: u16) -> Process {
        self.nodes[usize::from(index)].take().expect("the node runs")
    }

    /// What the node said.
    pub(crate) fn log(&self, index: u16) -> String {
        std::fs::read_to_string(self.layout.node(index).join("log")).unwrap_or_default()
    }

    pub(crate) fn client(&self, index: u16) -> &Client {
        &self.clients[usize::from(index)]
    }

    pub(crate) fn running_nodes(&self) -> Vec<u16> {
        (0..self.layout.count()).filter(|index| self.nodes[usize::from(*index)].is_some()).collect()
    }

    pub(crate) fn head(&self, index: u16) -> HeaderInfo {
        self.client(index).status().unwrap().head
    }

    /// Waits until each of these nodes has the block at `height`.
    pub(crate) fn reach(&self, indices: impl IntoIterator<Item = u16>, height: u64) {
        for index in indices {
            until("a node comes to a height", || (self.head(index).height >= height).then_some(()));
        }
    }

    /// Digest and header of the final block at `height`, by the validators' certificate.
    pub(crate) fn block(&self, index: u16, height: u64) -> (Hash, Header) {
        let info = until("a certificate comes", || match self.client(index).finality(At::Height(height)) {
            Err(ApiError::Missing { .. }) => None,
            answer => Some(answer.unwrap()),
        });
        let header = check(&self.network, &info).unwrap().header;
        assert_eq!(header.height, height);
        (info.blocks[0].digest(), header)
    }

    /// The final blocks with these heights, as one node has them.
    pub(crate) fn history(&self, index: u16, heights: std::ops::RangeInclusive<u64>) -> Vec<(Hash, Header)> {
        let blocks: Vec<_> = heights.map(|height| self.block(index, height)).collect();
        for pair in blocks.windows(2) {
            assert_eq!(pair[1].1.parent, pair[0].1.hash(), "node {index}: {:?}", pair[1].1);
        }
        blocks
    }

    /// Waits until all `indices` are at `height`, and compares all that they have from `from` on, by digest and header. Gives
    /// it.
    pub(crate) fn assert_one_chain(&self, indices: &[u16], from: u64, height: u64) -> Vec<(Hash, Header)> {
        self.reach(indices.iter().copied(), height);
        let common = indices.iter().map(|index| self.head(*index).height).min().unwrap();
        let first = self.history(indices[0], from..=common);
        for index in &indices[1..] {
            assert_eq!(self.history(*index, from..=common), first, "node {index} has another chain");
        }
        first
    }

    /// The transactions of the blocks up to `height`, each with its block's height; none is there twice.
    pub(crate) fn transactions(&self, index: u16, height: u64) -> Vec<(Hash, u64)> {
        let of_block = |height| {
            let block = self.client(index).block(At::Height(height)).unwrap();
            assert!(block.kept);
            block.transactions.into_iter().map(move |transaction| (transaction.hash.0, height))
        };
        let all: Vec<(Hash, u64)> = (1..=height).flat_map(of_block).collect();
        let distinct: BTreeSet<Hash> = all.iter().map(|(hash, _)| *hash).collect();
        assert_eq!(distinct.len(), all.len(), "a transaction is in the chain twice");
        all
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        for node in self.nodes.iter_mut().filter_map(Option::take) {
            node.kill();
        }
        if panicking() {
            for index in 0..self.layout.count() {
                eprintln!("--- log of node {index}\n{}", self.log(index));
            }
        }
    }
}

/// Runs the command, and gives its exit code and what it said and complained of.
pub(crate) fn command<const N: usize>(args: [&str; N]) -> (Option<i32>, String, String) {
    let output =
        std::process::Command::new(PROGRAM).args(args).stdin(std::process::Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
