//! The `vm-node` command.
//!
//! Exit codes: 0 done, 1 what was looked at is not as it should be, 2 bad input, 3 this machine failed.

use std::error::Error;
use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use vm_chain::Api as _;
use vm_chain::api::types::{At, Claim};
use vm_chain::proof::Shown;
use vm_chain::replica::Application as _;
use vm_chain::rpc::Client;
use vm_chain::rpc::DEFAULT_PORT;
use vm_core::{Address, Hash};
use vm_node::config::Config;
use vm_node::join::{JoinError, LostVotes, join};
use vm_node::light::{self, LightError};
use vm_node::network::{Network, key_text};
use vm_node::node::{RunError, Running};
use vm_node::testnet::{self, Layout, Process};
use vm_node::tryout::{self, TryError};

/// A replicated chain: validators, followers, and light clients of them.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node until SIGINT or SIGTERM.
    Run(Run),
    /// Make a network on this machine and run all its nodes, until SIGINT or SIGTERM. An existing one goes on.
    Testnet(Testnet),
    /// Deploy a token on a running network, transfer some, and compare what all validators have.
    Try(Try),
    /// Take the state of a final block from another node into this node's new store; then it can be run.
    Join(Join),
    /// Ask a node and believe only the validators' certificates.
    Light(Light),
}

#[derive(Debug, Args)]
struct Run {
    /// The node's file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Stop when standard input is closed, too: whoever started it is gone.
    #[arg(long)]
    until_stdin_closes: bool,
    /// Let a validator run whose votes were lost. It may then vote twice for one view.
    #[arg(long)]
    lost_votes: bool,
}

#[derive(Debug, Args)]
struct Testnet {
    /// How many vote; of 3f+1 of them f may fail.
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=50))]
    validators: u16,
    /// How many are told and don't vote.
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=50))]
    followers: u16,
    /// Where the files are.
    #[arg(long, value_name = "FOLDER", default_value = "testnet")]
    folder: PathBuf,
    /// The port of the first node's JSON-RPC; the others' follow, and 100 above them those between nodes.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT, value_parser = clap::value_parser!(u16).range(1024..=65_000))]
    port: u16,
    /// The chain's name, part of every transaction's hash.
    #[arg(long, value_name = "NAME", default_value = "testnet")]
    chain: String,
    /// Write the files and start nothing.
    #[arg(long)]
    write_only: bool,
}

#[derive(Debug, Args)]
struct Try {
    /// The network's file.
    #[arg(long, value_name = "FILE", default_value = "testnet/network.toml")]
    network: PathBuf,
}

#[derive(Debug, Args)]
struct Join {
    /// The node's file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The node that has the state; it is not believed.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Let a validator join whose votes were lost with its files. It may then vote twice for one view.
    #[arg(long)]
    lost_votes: bool,
}

#[derive(Debug, Args)]
struct Light {
    /// The network's file, which is believed.
    #[arg(long, value_name = "FILE", default_value = "testnet/network.toml")]
    network: PathBuf,
    /// The node that is asked; it is not believed.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The block's height (default: the last one that the node shows).
    #[arg(long, value_name = "HEIGHT")]
    at: Option<u64>,
    #[command(subcommand)]
    what: Wanted,
}

#[derive(Debug, Subcommand)]
enum Wanted {
    /// The header of a final block.
    Header,
    /// An account's balance and nonce.
    Account {
        /// Its address, or the name of a well-known one: @alice.
        address: String,
    },
    /// An event of a transaction.
    Event {
        /// The transaction's hash.
        transaction: Hash,
        /// The event's index in its receipt.
        #[arg(default_value_t = 0)]
        index: u32,
    },
    /// The whole block, executed again from its witness.
    Block,
}

/// What went wrong, with what to do, and the exit code.
struct Problem {
    error: Box<dyn Error>,
    help: &'static str,
    code: u8,
}

impl Problem {
    fn new(error: impl Error + 'static, help: &'static str, code: u8) -> Self {
        Self { error: Box::new(error), help, code }
    }

    fn input(error: impl Error + 'static, help: &'static str) -> Self {
        Self::new(error, help, 2)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

type Done = Result<(), Problem>;

/// Runs the command of this process.
pub(crate) fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(run) => run.execute(),
        Command::Testnet(testnet) => testnet.execute(),
        Command::Try(tries) => tries.execute(),
        Command::Join(join) => join.execute(),
        Command::Light(light) => light.execute(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem { error, help, code }) => {
            let mut err = std::io::stderr();
            drop(writeln!(err, "error: {error}\n help: {help}"));
            ExitCode::from(code)
        }
    }
}

fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout();
    // A reader that is gone is no reason to stop.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

const NETWORK_HELP: &str = "`vm-node testnet` writes such files; vm-node/README.md says what is in them";

fn network(at: &std::path::Path) -> Result<Network, Problem> {
    Network::read(at).map_err(|error| Problem::input(error, NETWORK_HELP))
}

fn client(url: &str) -> Result<Client, Problem> {
    let help = "give the URL of a node's JSON-RPC, as http://127.0.0.1:8600";
    Client::new(url).map_err(|error| Problem::input(error, help))
}

/// Says when a signal comes, or standard input is closed.
fn ends(with_stdin: bool) -> Result<Receiver<()>, Problem> {
    let help = "see what the machine lacks";
    let failed = |error: std::io::Error| Problem::new(error, help, 3);
    let (tell, told) = sync_channel(2);
    let of_signal = tell.clone();
    let signal = move || {
        let _told = of_signal.try_send(());
    };
    ctrlc::set_handler(signal).map_err(|error| Problem::new(error, help, 3))?;
    if with_stdin {
        let watch = move || {
            let mut stdin = std::io::stdin();
            // Nothing is expected: what comes is thrown away.
            while matches!(stdin.read(&mut [0; 64]), Ok(read) if read > 0) {}
            let _told = tell.try_send(());
        };
        drop(std::thread::Builder::new().name("stdin".to_owned()).spawn(watch).map_err(failed)?);
    }
    Ok(told)
}

impl Run {
    fn execute(&self) -> Done {
        tracing_subscriber::fmt()
            .with_env_filter(
                tracing_subscriber::EnvFilter::builder()
                    .with_default_directive(tracing::Level::WARN.into())
                    .from_env_lossy(),
            )
            .with_writer(std::io::stderr)
            .init();
        let config = Config::read(&self.config).map_err(|error| Problem::input(error, NETWORK_HELP))?;
        let ends = ends(self.until_stdin_closes)?;
        let lost = if self.lost_votes { LostVotes::Accepted } else { LostVotes::Refused };
        let running = Running::start(&config, lost).map_err(|error| match error {
            RunError::File(_) | RunError::OtherChain { .. } | RunError::Node(_) => Problem::input(
                error,
                "the store is not this network's: give another `store`, or its own network",
            ),
            RunError::Unfinished(_) => Problem::input(error, "join again: vm-node join"),
            RunError::LostVotes { .. } => Problem::input(
                error,
                "wait until the others are far ahead of what it may have voted for, then give --lost-votes",
            ),
            RunError::NoFloor(_) => Problem::input(error, "remove the store, and join again"),
            RunError::Listen { .. } => {
                Problem::input(error, "stop whoever listens there, or give another `listen`")
            }
            RunError::Server(_) => Problem::input(error, "stop whoever listens there, or give another `rpc`"),
            RunError::Chain(_) => Problem::input(
                error,
                "another process may have the store open; else keep a copy, and join anew",
            ),
            RunError::Engine(_) | RunError::Lost(_) => Problem::new(error, "see what stands above", 3),
        })?;
        let tip = running.replica().tip();
        let role = if config.is_validator() { "validator" } else { "follower" };
        say(format!("{role}  {}", key_text(&config.public())));
        say(format!("head       block {} {}", tip.header.height, tip.header.hash()));
        say(format!("peers      {}", config.listen));
        say(format!("node       http://{}", running.rpc()));
        let failure = loop {
            match ends.recv_timeout(Duration::from_millis(100)) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break running.failure(),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(why) = running.failure() {
                        break Some(why);
                    }
                }
            }
        };
        running.stop();
        match failure {
            None => {
                say("stopped");
                Ok(())
            }
            Some(why) => {
                let help = "nothing more was voted for; what was final is in the store. Look at the disk, and at other nodes";
                Err(Problem::new(Said(format!("the node failed: {why}")), help, 3))
            }
        }
    }
}

/// How long nodes may take to start.
const START_TIME: Duration = Duration::from_secs(60);
/// How long they may take to stop.
const STOP_TIME: Duration = Duration::from_secs(15);

impl Testnet {
    fn layout(&self) -> Layout {
        let Self { folder, validators, followers, port, .. } = self;
        Layout { folder: folder.clone(), validators: *validators, followers: *followers, port: *port }
    }

    fn execute(&self) -> Done {
        let layout = self.layout();
        if layout.exists() {
            let network = network(&layout.network())?;
            let (validators, followers) = (network.validators.len(), network.followers.len());
            if (validators, followers) != (usize::from(self.validators), usize::from(self.followers)) {
                let why = format!(
                    "{} is a network of {validators} validators and {followers} followers",
                    layout.network().display()
                );
                let help = "give the same counts to go on with it, or another --folder";
                return Err(Problem::input(Said(why), help));
            }
        } else {
            let help =
                "give a --folder that can be written; remove it first if it was begun and never finished";
            layout.write(testnet::spec(&self.chain)).map_err(|error| Problem::input(error, help))?;
        }
        if self.write_only {
            say(format!("network  {}", layout.network().display()));
            return Ok(());
        }
        let ends = ends(false)?;
        let program = std::env::current_exe()
            .map_err(|error| Problem::new(error, "the program can't find itself", 3))?;
        let mut nodes = Vec::new();
        for index in 0..layout.count() {
            let process = Process::start(&program, &layout.config(index));
            nodes.push(process.map_err(|error| Problem::input(error, "see what is in the folder"))?);
        }
        let done = Self::follow(&layout, &mut nodes, &ends);
        std::thread::scope(|scope| {
            for node in nodes {
                scope.spawn(|| node.stop(STOP_TIME));
            }
        });
        if done.is_ok() {
            say("stopped");
        }
        done
    }

    fn follow(layout: &Layout, nodes: &mut [Process], ends: &Receiver<()>) -> Done {
        let failed = |index: u16, how: &str| {
            let log = layout.node(index).join("log");
            let why = format!("{} ended: {how}", layout.node(index).display());
            (Said(why), log)
        };
        let begun = Instant::now();
        for index in 0..layout.count() {
            let url = format!("http://{}", layout.rpc(index));
            let client = client(&url)?;
            while client.status().is_err() {
                let node = nodes.get_mut(usize::from(index));
                if let Some(how) = node.and_then(Process::ended) {
                    let (said, log) = failed(index, &how);
                    let said = Said(format!("{said}\n{}", std::fs::read_to_string(log).unwrap_or_default()));
                    return Err(Problem::new(said, "a port may be in use: give another --port", 3));
                }
                if begun.elapsed() > START_TIME {
                    let said = Said(format!("{url} does not answer"));
                    return Err(Problem::new(said, "the machine may be too slow; see the logs", 3));
                }
                if ends.recv_timeout(Duration::from_millis(50)).is_ok() {
                    return Ok(());
                }
            }
            let name = layout.node(index);
            say(format!("{:<28} {url}", name.display()));
        }
        say(format!("network  {}", layout.network().display()));
        let mut gone = vec![false; nodes.len()];
        loop {
            match ends.recv_timeout(Duration::from_millis(200)) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            for ((index, node), gone) in (0..).zip(nodes.iter_mut()).zip(&mut gone) {
                if let Some(how) = node.ended().filter(|_| !*gone) {
                    *gone = true;
                    let (said, log) = failed(index, &how);
                    say(format!("{said}; see {}", log.display()));
                }
            }
        }
    }
}

impl Try {
    fn execute(&self) -> Done {
        let network = network(&self.network)?;
        let tried = tryout::run(&network).map_err(|error| match error {
            TryError::Unreachable(_) | TryError::Client(_) | TryError::Api { .. } => {
                Problem::input(error, "start the network first: vm-node testnet --validators 4")
            }
            TryError::Failed { .. } | TryError::NotFinal { .. } | TryError::Forked { .. } => {
                Problem::new(error, "the network is not as it should be; see its logs", 1)
            }
        })?;
        say(format!("token     {}", tried.token));
        say(format!("transfer  {} final after {} ms", tried.transfer, tried.latency.as_millis()));
        for seen in &tried.seen {
            let (height, root) = (seen.header.height, seen.header.state_root);
            say(format!("{}  block {height}  root {root}", seen.url));
        }
        say(format!("all {} validators have one root, each with a certificate", tried.seen.len()));
        Ok(())
    }
}

impl Join {
    fn execute(&self) -> Done {
        let config = Config::read(&self.config).map_err(|error| Problem::input(error, NETWORK_HELP))?;
        let client = client(&self.from)?;
        let lost = if self.lost_votes { LostVotes::Accepted } else { LostVotes::Refused };
        let begun = Instant::now();
        let joined = join(&config, &client, lost).map_err(|error| match error {
            JoinError::Exists(_) => Problem::input(error, "run it; or remove its store to begin anew"),
            JoinError::Validator(_) => Problem::input(
                error,
                "wait until the others are far ahead of what it may have voted for, then give --lost-votes",
            ),
            JoinError::File(_) => Problem::input(error, "give a store that can be written"),
            JoinError::Light(_) | JoinError::Restore(_) => {
                Problem::new(error, "ask another node; nothing of this one's was taken", 1)
            }
        })?;
        let header = &joined.header;
        say(format!("joined    block {} {}", header.height, header.hash()));
        say(format!(
            "state     {} chunks, {} bytes, root {}, {} ms",
            joined.chunks,
            joined.bytes,
            header.state_root,
            begun.elapsed().as_millis()
        ));
        Ok(())
    }
}

fn address(text: &str) -> Result<Address, Problem> {
    let help = "an address is 0x and 64 hex digits, or @ and the name of a well-known account";
    match text.strip_prefix('@') {
        Some(name) => Ok(Address::named(name)),
        None => text.parse().map_err(|error: vm_core::ParseIdError| Problem::input(error, help)),
    }
}

impl Light {
    fn execute(&self) -> Done {
        let network = network(&self.network)?;
        let client = client(&self.from)?;
        let refused = |error: LightError| match error {
            LightError::Api(_) => Problem::input(error, "see whether the node runs and keeps that block"),
            error => Problem::new(error, "this node shows what is not so; ask another one", 1),
        };
        let at = match (&self.what, self.at) {
            (_, Some(height)) => At::Height(height),
            (Wanted::Event { transaction, .. }, None) => {
                At::Height(client.receipt(*transaction).map_err(|error| refused(error.into()))?.height)
            }
            _ => At::Head,
        };
        let block = light::final_block(&network, &client, at).map_err(refused)?;
        let header = &block.header;
        say(format!("final     block {} {}", header.height, header.hash()));
        say(format!("root      {}", header.state_root));
        let claim = match &self.what {
            Wanted::Header => return Ok(()),
            Wanted::Block => {
                let count = light::replay(&network, &client, &block).map_err(refused)?;
                say(format!("executed  {count} transactions again, to the same root"));
                return Ok(());
            }
            Wanted::Account { address: text } => Claim::Account { address: address(text)?.into() },
            Wanted::Event { transaction, index } => {
                Claim::Event { transaction: (*transaction).into(), index: *index }
            }
        };
        match light::prove(&client, &block, claim).map_err(refused)?.shown {
            Shown::Account { account, .. } => {
                let account = account.unwrap_or_default();
                say(format!("balance   {}", account.balance));
                say(format!("nonce     {}", account.nonce));
            }
            Shown::Event { event, index, .. } => {
                let data = event.data.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                say(format!("event     {index} {} of {}", event.name, event.contract));
                say(format!("data      0x{data}"));
            }
            _ => say("shown"),
        }
        Ok(())
    }
}
