//! `vm devnet`: a local chain and its node.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use clap::Args;
use miette::Diagnostic;
use serde_json::{Value, json};
use vm_chain::account::DEV_NAMES;
use vm_chain::api::text::HexBytes;
use vm_chain::api::types::HeaderInfo;
use vm_chain::chain::{BLOCKS_FILE, ChainOptions, Spec};
use vm_chain::node::{BlockMade, Mode, Node, NodeError, NodeOptions, Observer, PoolLimits, ProducerOptions};
use vm_chain::rpc::DEFAULT_PORT;
use vm_chain::rpc::server::{ServerError, ServerOptions};
use vm_chain::snapshot::{self, SnapshotFault};
use vm_chain::{Chain, ChainError, Ed25519, Place, SecretKey, explorer, sequencer};
use vm_core::{Address, Header, Params};
use vm_state::OpenError;

use super::failure::object;
use super::{Exit, complain};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  stopped by SIGINT or SIGTERM; everything acknowledged is in the store
  2  the command line or the store is wrong, or the address is in use
  3  the node failed (disk, memory, a bug)";

#[derive(Debug, Args)]
pub(super) struct DevnetArgs {
    /// Keep the chain in this folder: an existing one goes on (default: in memory).
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// Make a block as soon as a transaction is there (the default).
    #[arg(long, conflicts_with = "block_time")]
    instant: bool,
    /// Make a block at this distance, also when nothing waits: 500ms, 1s, 1m.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    block_time: Option<Duration>,
    /// How long a query may run, and a simulation, a trace or a witness: 500ms, 5s, 1m.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    query_time: Duration,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    listen: SocketAddr,
    /// Allow an address that other machines reach. Everyone there can spend from the named accounts.
    #[arg(long)]
    expose: bool,
    /// How many named accounts have money at the beginning (default: all ten).
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(0..=10))]
    accounts: Option<u8>,
    /// What each of them has (default: 1000000000000).
    #[arg(long, value_name = "AMOUNT")]
    balance: Option<u64>,
    /// The chain's name, part of every transaction's hash (default: local, as in scenarios).
    #[arg(long, value_name = "NAME", value_parser = chain_name)]
    chain: Option<String>,
    /// Go on from this snapshot, in a new --store: a folder that `vm snapshot export` wrote. Whoever gave it is trusted.
    #[arg(long, value_name = "SNAPSHOT", requires = "store", conflicts_with_all = ["accounts", "balance", "chain"])]
    load: Option<PathBuf>,
    /// How many states below the head can be read, traced and gone back to (default: as before; 1024 of a new chain).
    #[arg(long, value_name = "COUNT")]
    states: Option<u32>,
    /// Serve a page at the same address: blocks, transactions, contracts.
    #[arg(long)]
    explorer: bool,
    /// Print JSON for programs: a line at the start, then one for each block.
    #[arg(long)]
    json: bool,
}

const BALANCE: u64 = 1_000_000_000_000;

fn chain_name(text: &str) -> Result<String, String> {
    if (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 64 letters, digits and signs, and no spaces".to_owned())
    }
}

/// A time as people write it.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err("a time is a number and ms, s or m, as in 500ms".to_owned()),
    };
    let count: u64 = digits.parse().map_err(|_| "a time is a whole number and ms, s or m".to_owned())?;
    match count.checked_mul(milliseconds) {
        Some(total) if (10..=3_600_000).contains(&total) => Ok(Duration::from_millis(total)),
        _ => Err("between 10ms and 60m".to_owned()),
    }
}

/// Why there is no local chain, or no longer.
#[derive(Debug, Diagnostic, thiserror::Error)]
enum DevnetError {
    #[error("{address} can be reached from other machines")]
    #[diagnostic(help(
        "everyone knows the named accounts' secrets, and can send, roll back and read; if that is meant, add --expose"
    ))]
    Exposed { address: SocketAddr },
    #[error("{} holds a chain already, which began with accounts and a name of its own", .0.display())]
    #[diagnostic(help("leave out --accounts, --balance and --chain, or give another --store"))]
    Genesis(PathBuf),
    #[error("{0}")]
    #[diagnostic(help("give a smaller --balance, or fewer --accounts"))]
    Balance(ChainError),
    #[error("{0}")]
    #[diagnostic(help(
        "--load takes a folder that `vm snapshot export` wrote, and makes the folder --store"
    ))]
    Snapshot(#[from] SnapshotFault),
    #[error("{0}")]
    #[diagnostic(help("another `vm devnet` or command has it open; stop that one, or give another --store"))]
    InUse(ChainError),
    #[error("{0}")]
    #[diagnostic(help("give a folder of a chain, or one that is not there yet"))]
    NoChain(ChainError),
    #[error("{0}")]
    #[diagnostic(help(
        "the store can't be used as it is; keep a copy, and begin with another folder or a snapshot"
    ))]
    Store(ChainError),
    #[error("{0}")]
    #[diagnostic(help("stop whoever listens there, or give another --listen (port 0 takes a free one)"))]
    Listen(ServerError),
    #[error("{0}")]
    #[diagnostic(help("see what the machine lacks; the store is as the last block left it"))]
    Node(String),
}

impl DevnetError {
    fn exit(&self) -> Exit {
        match self {
            Self::Node(_) => Exit::NodeFailure,
            Self::Exposed { .. }
            | Self::Genesis(_)
            | Self::Balance(_)
            | Self::Snapshot(_)
            | Self::InUse(_)
            | Self::NoChain(_)
            | Self::Store(_)
            | Self::Listen(_) => Exit::BadInput,
        }
    }
}

impl From<ChainError> for DevnetError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Genesis(_) => Self::Balance(error),
            ChainError::Exists(_) | ChainError::Missing(_) => Self::NoChain(error),
            ChainError::Open(OpenError::InUse { .. }) => Self::InUse(error),
            ChainError::Log { .. } if error.to_string().contains("in use") => Self::InUse(error),
            ChainError::Failure(_) | ChainError::Commit(_) | ChainError::Folder { .. } => {
                Self::Node(error.to_string())
            }
            error => Self::Store(error),
        }
    }
}

impl From<NodeError> for DevnetError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Server(error @ ServerError::Listen { .. }) => Self::Listen(error),
            error => Self::Node(error.to_string()),
        }
    }
}

/// What the producer tells the terminal.
#[derive(Debug)]
enum Said {
    Block(Box<BlockMade>),
    RolledBack(u64),
    Failed(String),
}

/// Never waits for a terminal: past [`LINES`] unwritten lines, lines are left out.
#[derive(Debug)]
struct Teller(SyncSender<Said>);

const LINES: usize = 4_096;

impl Observer for Teller {
    fn block_made(&self, block: &BlockMade) {
        drop(self.0.try_send(Said::Block(Box::new(block.clone()))));
    }

    fn rolled_back(&self, height: u64) {
        drop(self.0.try_send(Said::RolledBack(height)));
    }

    fn failed(&self, why: &str) {
        drop(self.0.try_send(Said::Failed(why.to_owned())));
    }
}

/// What is said on standard output, written by a thread of its own: whoever reads it slowly, or not at all, holds up neither
/// the node nor its end.
///
/// The thread may be left inside a write, so nobody else writes to standard output as long as there is a `Lines`.
struct Lines {
    sender: SyncSender<String>,
    /// Closed once all is written.
    written: Receiver<()>,
}

/// How long the end waits for what was said to be written.
const WRITE_TIME: Duration = Duration::from_secs(2);

impl Lines {
    fn start() -> Result<Self, DevnetError> {
        let (sender, lines) = sync_channel::<String>(LINES);
        let (writing, written) = channel();
        std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || {
                let mut out = std::io::stdout();
                for line in lines {
                    // A reader that is gone is no reason to stop.
                    drop(writeln!(out, "{line}"));
                    drop(out.flush());
                }
                drop(writing);
            })
            .map_err(|error| DevnetError::Node(format!("no thread for what is said: {error}")))?;
        Ok(Self { sender, written })
    }

    /// Says `line`, or leaves it out if [`LINES`] wait already.
    fn say(&self, line: String) {
        drop(self.sender.try_send(line));
    }

    /// Waits a moment until all is written.
    fn finish(self) {
        drop(self.sender);
        // Past that, what is unwritten stays so.
        let _written = self.written.recv_timeout(WRITE_TIME);
    }
}

impl DevnetArgs {
    pub(super) fn execute(&self, err: &mut dyn Write) -> Exit {
        let lines = match Lines::start() {
            Ok(lines) => lines,
            Err(error) => {
                let exit = error.exit();
                complain(err, error.into());
                return exit;
            }
        };
        let problem = self.run(&lines, err).err();
        if let Some(problem) = problem.as_ref().filter(|_| self.json) {
            // On one line, as all that it prints.
            lines.say(Value::Object(object(problem)).to_string());
        }
        // Programs are told first, and wholly: the two streams may be one file.
        lines.finish();
        problem.map_or(Exit::Ok, |problem| {
            let exit = problem.exit();
            complain(err, problem.into());
            exit
        })
    }

    fn run(&self, lines: &Lines, err: &mut dyn Write) -> Result<(), DevnetError> {
        if !self.listen.ip().is_loopback() {
            if !self.expose {
                return Err(DevnetError::Exposed { address: self.listen });
            }
            let warning =
                "warning: other machines reach this node, and everyone knows the named accounts' secrets";
            drop(writeln!(err, "{warning}"));
        }
        let chain = self.chain()?;
        let (head, spec) = (chain.head().clone(), chain.spec().clone());
        let (teller, said) = sync_channel(LINES);
        // From here on a signal stops the node as it should be stopped.
        let signals = Signals::listen()?;
        let authority = Arc::new(Ed25519::with_dev_accounts());
        let node = Node::start(chain, authority, self.options(), vec![Arc::new(Teller(teller))])?;
        lines.say(self.greeting(&node, &head, &spec));
        let failure = self.follow(lines, &said, &signals);
        node.stop();
        // What the last block says comes after the signal.
        for said in said.try_iter() {
            lines.say(self.line(&said));
        }
        match failure {
            Some(why) => Err(DevnetError::Node(why)),
            None => {
                if !self.json {
                    lines.say("stopped".to_owned());
                }
                Ok(())
            }
        }
    }

    fn options(&self) -> NodeOptions {
        NodeOptions {
            listen: self.listen,
            producer: ProducerOptions {
                mode: self.block_time.map_or(Mode::Instant, Mode::Every),
                proposer: Address::ZERO,
                pool: PoolLimits::default(),
                ..ProducerOptions::default()
            },
            server: ServerOptions {
                page: self.explorer.then_some(explorer::FILES),
                ..ServerOptions::default()
            },
            query_time: self.query_time,
        }
    }

    fn chain(&self) -> Result<Chain, DevnetError> {
        let options = ChainOptions { states: self.states };
        if let (Some(snapshot), Some(store)) = (&self.load, &self.store) {
            return Ok(snapshot::load(snapshot, None, store, options, |_| ())?);
        }
        if let Some(path) = self.store.as_deref().filter(|path| path.join(BLOCKS_FILE).is_file()) {
            if self.accounts.is_some() || self.balance.is_some() || self.chain.is_some() {
                return Err(DevnetError::Genesis(path.to_owned()));
            }
            let chain = Chain::open(path, options)?;
            // Told now, not at the first block.
            return if chain.is_sealed() { Err(ChainError::Sealed.into()) } else { Ok(chain) };
        }
        let place = self.store.as_deref().map_or(Place::Memory, |path: &Path| Place::Folder(path.to_owned()));
        Ok(Chain::create(&place, self.spec()?, options)?)
    }

    fn spec(&self) -> Result<Spec, DevnetError> {
        let params = self.chain.as_deref().map_or_else(Params::default, Params::default_for);
        let count = self.accounts.map_or(DEV_NAMES.len(), usize::from);
        let names: Vec<(String, Address)> =
            DEV_NAMES.iter().take(count).map(|name| ((*name).to_owned(), Address::named(name))).collect();
        let balance = self.balance.unwrap_or(BALANCE);
        let accounts = names.iter().map(|(_, address)| (*address, balance)).collect();
        Ok(Spec { params, time: sequencer::now(), accounts, names })
    }

    fn greeting(&self, node: &Node, head: &Header, spec: &Spec) -> String {
        let url = format!("http://{}", node.address());
        let known = |name: &str| DEV_NAMES.contains(&name);
        let accounts: Vec<(&str, Address, String)> = spec
            .names
            .iter()
            .filter(|(name, address)| known(name) && Address::named(name) == *address)
            .map(|(name, address)| {
                let secret = HexBytes(SecretKey::dev(name).seed().to_vec()).to_string();
                (name.as_str(), *address, secret)
            })
            .collect();
        if self.json {
            let accounts: Vec<Value> = accounts
                .iter()
                .map(|(name, address, secret)| {
                    json!({ "name": name, "address": address.to_string(), "secret": secret })
                })
                .collect();
            json!({
                "url": url,
                "chain": spec.params.chain(),
                "store": self.store,
                "head": HeaderInfo::from(head),
                "accounts": accounts,
            })
            .to_string()
        } else {
            let mut text =
                String::from("Accounts, whose secrets everyone knows: never use them where money is\n\n");
            for (name, address, secret) in &accounts {
                text.push_str(&format!("  @{name:<6}  {address}\n           secret {secret}\n"));
            }
            let place = self.store.as_ref().map_or_else(
                || "in memory: gone when this ends".to_owned(),
                |path| path.display().to_string(),
            );
            text.push_str(&format!(
                "\nchain   {}\nstore   {place}\nhead    block {} {}\nnode    {url}\n",
                spec.params.chain(),
                head.height,
                head.hash()
            ));
            if self.explorer {
                text.push_str(&format!("page    {url}/\n"));
            }
            text
        }
    }

    /// Tells of blocks until a signal comes; gives why the node failed, if it did. A node that failed goes on to say so to
    /// whoever asks, until it is stopped.
    fn follow(&self, lines: &Lines, said: &Receiver<Said>, signals: &Signals) -> Option<String> {
        let mut failure = None;
        while !signals.came() {
            let Ok(news) = said.recv_timeout(Duration::from_millis(50)) else { continue };
            lines.say(self.line(&news));
            if let Said::Failed(why) = news {
                failure = Some(why);
            }
        }
        failure
    }

    fn line(&self, said: &Said) -> String {
        match said {
            Said::Block(block) if self.json => json!({
                "block": block.header.height,
                "hash": block.header.hash().to_string(),
                "time": block.header.time,
                "transactions": block.transactions.len(),
                "succeeded": block.succeeded,
                "reverted": block.reverted,
                "failed": block.failed,
                "dropped": block.dropped,
                "gas_used": block.header.gas_used,
                "execution_us": microseconds(block.execution),
                "commit_us": microseconds(block.commit),
            })
            .to_string(),
            Said::Block(block) => {
                let plural = if block.transactions.len() == 1 { "" } else { "s" };
                let took = block.execution.into_iter().chain(block.commit).sum::<Duration>();
                let took = took.as_secs_f64() * 1_000.0;
                let mut line = format!(
                    "block {:<6}  {:>5} transaction{plural:<1}  {:>11} gas  {took:>6.1} ms",
                    block.header.height,
                    block.transactions.len(),
                    block.header.gas_used,
                );
                for (count, what) in
                    [(block.reverted, "reverted"), (block.failed, "failed"), (block.dropped, "dropped")]
                {
                    if count > 0 {
                        line.push_str(&format!("  {count} {what}"));
                    }
                }
                line
            }
            Said::RolledBack(height) if self.json => json!({ "rolled_back": height }).to_string(),
            Said::RolledBack(height) => format!("rolled back to block {height}"),
            Said::Failed(why) if self.json => json!({ "failed": why }).to_string(),
            Said::Failed(why) => format!("the node failed: {why}"),
        }
    }
}

fn microseconds(took: Option<Duration>) -> Option<u64> {
    took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
}

/// Waits for SIGINT and SIGTERM in a thread of its own.
struct Signals(Receiver<()>);

impl Signals {
    fn listen() -> Result<Self, DevnetError> {
        let failed = |error: std::io::Error| DevnetError::Node(format!("no signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let signal = {
            let _entered = runtime.enter();
            signal().map_err(failed)?
        };
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(signal);
                // Whoever waits hears that the sender is gone.
                drop(sender);
            })
            .map_err(failed)?;
        Ok(Self(receiver))
    }

    fn came(&self) -> bool {
        !matches!(self.0.try_recv(), Err(TryRecvError::Empty))
    }
}

/// Ends with the first signal; signals are caught from the call on.
#[cfg(unix)]
fn signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
