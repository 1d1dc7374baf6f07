//! The command line: what it takes, and the exit codes that it gives.

mod bindgen;
mod blocks;
mod build;
mod call;
mod completions;
mod deploy;
mod dev;
mod devnet;
mod failure;
mod inspect;
mod keys;
mod man;
mod new;
mod outcome;
mod progress;
mod prove;
mod replay;
mod snapshot;
mod state;
mod terms;
mod test;
mod toolchain;
mod trace;
mod transfer;
mod verify;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use miette::{GraphicalTheme, MietteHandlerOpts, Report};
use serde_json::Value;
use vm_host::TraceLevel;

use crate::colours::Colours;
use crate::report::{json, text};
use crate::run::{genesis, run_on, spec};
use crate::scenario::Scenario;
use crate::store::Place;
use failure::{complain, fail};

const EXIT_CODES: &str = "Exit codes:
  0  done, and all is as it should be
  1  what was looked at is not as it should be: an expectation, a source, a module, a hash
  2  the command line or the input is wrong, or something is not installed; nothing was done
  3  the machine failed (disk, memory, a bug); says nothing about what was looked at

`vm COMMAND --help` says what these mean for a command.";

const RUN_EXIT_CODES: &str = "Exit codes:
  0  every expectation holds
  1  an expectation does not hold
  2  the command line, a scenario or a module is wrong; nothing was run
  3  the node failed (disk, memory, a bug); says nothing about the scenario";

/// What a command came to; see `vm --help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All is as it should be.
    Ok,
    /// What was looked at is not as it should be.
    Unmet,
    /// Bad input.
    BadInput,
    /// The machine failed.
    NodeFailure,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Unmet => 1,
            Self::BadInput => 2,
            Self::NodeFailure => 3,
        }
    }
}

/// A deterministic virtual machine for smart contracts.
#[derive(Debug, Parser)]
#[command(name = "vm", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios, each on a new chain, and shows what every transaction did.
    #[command(after_help = RUN_EXIT_CODES)]
    Run(RunArgs),
    /// Makes a contract's crate from a template.
    #[command(after_help = new::EXIT_CODES)]
    New(new::NewArgs),
    /// Compiles a contract's crate to a module that nodes take, the same bytes on every machine.
    #[command(after_help = build::EXIT_CODES)]
    Build(build::BuildArgs),
    /// Rebuilds a contract's crate and compares with what is deployed.
    #[command(after_help = verify::EXIT_CODES)]
    Verify(verify::VerifyArgs),
    /// Writes a typed client of a contract from the JSON of its interface.
    #[command(after_help = bindgen::EXIT_CODES)]
    Bindgen(bindgen::BindgenArgs),
    /// Runs a contract's tests as native code and as wasm, and its scenarios; shows what its functions cost.
    #[command(after_help = test::EXIT_CODES)]
    Test(test::TestArgs),
    /// Runs a local chain: named accounts with money, JSON-RPC, subscriptions, metrics.
    #[command(after_help = devnet::EXIT_CODES)]
    Devnet(devnet::DevnetArgs),
    /// Says what a module or an interface is, and whether nodes take it.
    #[command(after_help = inspect::EXIT_CODES)]
    Inspect(inspect::InspectArgs),
    /// Says which compiler for wasm is here, or what gets one.
    #[command(after_help = toolchain::EXIT_CODES)]
    Toolchain(toolchain::ToolchainArgs),
    /// Makes, takes and lists the keys that transactions are signed with.
    #[command(after_help = keys::EXIT_CODES)]
    Keys(keys::KeysArgs),
    /// Deploys a module to a chain.
    #[command(after_help = deploy::EXIT_CODES)]
    Deploy(deploy::DeployArgs),
    /// Calls a contract's function: a dry run, or with --send a transaction.
    #[command(after_help = call::EXIT_CODES)]
    Call(call::CallArgs),
    /// Asks a view of a contract, also on an earlier state.
    #[command(after_help = call::QUERY_EXIT_CODES)]
    Query(call::QueryArgs),
    /// Moves balance: a dry run, or with --send a transaction.
    #[command(after_help = outcome::EXIT_CODES)]
    Transfer(transfer::TransferArgs),
    /// Shows what accounts have.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Balance(state::BalanceArgs),
    /// Shows an object with its fields, or all objects of an owner.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Object(state::ObjectArgs),
    /// Lists the contracts of a chain.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Contracts(state::ContractsArgs),
    /// Shows the rules of a chain.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Params(state::ParamsArgs),
    /// Shows a block with its transactions.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Block(blocks::BlockArgs),
    /// Shows a transaction.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Tx(blocks::TxArgs),
    /// Shows what a transaction came to.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Receipt(blocks::ReceiptArgs),
    /// Lists events, oldest first.
    #[command(after_help = outcome::READ_EXIT_CODES)]
    Events(blocks::EventsArgs),
    /// Executes blocks again and compares every byte of their headers and receipts.
    #[command(after_help = replay::EXIT_CODES)]
    Replay(replay::ReplayArgs),
    /// Shows what a transaction did, call by call, and where its gas went.
    #[command(after_help = trace::EXIT_CODES)]
    Trace(trace::TraceArgs),
    /// Proves something of a chain to somebody who knows a block's hash.
    #[command(after_help = prove::EXIT_CODES)]
    Prove(prove::ProveArgs),
    /// Checks a proof, without a chain.
    #[command(after_help = prove::VERIFY_EXIT_CODES)]
    VerifyProof(prove::VerifyProofArgs),
    /// Writes a chain's state into files, and makes a chain of them.
    #[command(after_help = snapshot::EXIT_CODES)]
    Snapshot(snapshot::SnapshotArgs),
    /// Makes blocks, goes back, moves the clock: on local chains.
    #[command(after_help = dev::EXIT_CODES)]
    Dev(dev::DevArgs),
    /// Prints a script that lets a shell complete this command's words.
    #[command(after_help = completions::EXIT_CODES)]
    Completions(completions::CompletionsArgs),
    /// Makes manual pages.
    #[command(after_help = man::EXIT_CODES)]
    Man(man::ManArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Scenario files (vm-cli/SCENARIOS.md).
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Keep the chain in a new folder here, for the commands that take --chain (default: a temporary one).
    #[arg(long, value_name = "PATH", conflicts_with = "memory")]
    store: Option<PathBuf>,
    /// Keep the chain in memory.
    #[arg(long)]
    memory: bool,
    /// Take modules of the same file names from this folder instead of where the scenarios say.
    #[arg(long, value_name = "FOLDER")]
    modules: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
    /// How much of each transaction to show.
    #[arg(long, value_enum, default_value_t = Trace::Calls, value_name = "LEVEL")]
    trace: Trace,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Trace {
    /// One line per transaction.
    Off,
    /// Calls, events and changes of state.
    Calls,
    /// Every host operation as well.
    Full,
}

impl From<Trace> for TraceLevel {
    fn from(trace: Trace) -> Self {
        match trace {
            Trace::Off => Self::Off,
            Trace::Calls => Self::Calls,
            Trace::Full => Self::Full,
        }
    }
}

/// Sets how diagnostics look. Has an effect the first time only.
pub fn install_diagnostics() {
    let on = Colours::of(&std::io::stderr()) == Colours::On;
    let hook = miette::set_hook(Box::new(move |_| {
        let theme = if on { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let options = MietteHandlerOpts::new().graphical_theme(theme).wrap_lines(false).width(200).color(on);
        Box::new(options.build())
    }));
    // A second hook is refused: the first serves.
    drop(hook);
}

impl Cli {
    /// Does what the command line says; reports go to `out`, diagnostics to `err`.
    pub fn execute(self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.command {
            Command::Run(args) => args.execute(out, err),
            Command::New(args) => args.execute(out, err),
            Command::Build(args) => args.execute(out, err),
            Command::Devnet(args) => args.execute(err),
            Command::Bindgen(args) => args.execute(out, err),
            Command::Test(args) => args.execute(out, err),
            Command::Verify(args) => args.execute(out, err),
            Command::Inspect(args) => args.execute(out, err),
            Command::Toolchain(args) => args.execute(out, err),
            Command::Keys(args) => args.execute(out, err),
            Command::Deploy(args) => args.execute(out, err),
            Command::Call(args) => args.execute(out, err),
            Command::Query(args) => args.execute(out, err),
            Command::Transfer(args) => args.execute(out, err),
            Command::Balance(args) => args.execute(out, err),
            Command::Object(args) => args.execute(out, err),
            Command::Contracts(args) => args.execute(out, err),
            Command::Params(args) => args.execute(out, err),
            Command::Block(args) => args.execute(out, err),
            Command::Tx(args) => args.execute(out, err),
            Command::Receipt(args) => args.execute(out, err),
            Command::Events(args) => args.execute(out, err),
            Command::Replay(args) => args.execute(out, err),
            Command::Trace(args) => args.execute(out, err),
            Command::Prove(args) => args.execute(out, err),
            Command::VerifyProof(args) => args.execute(out, err),
            Command::Snapshot(args) => args.execute(out, err),
            Command::Dev(args) => args.execute(out, err),
            Command::Completions(args) => args.execute(out),
            Command::Man(args) => args.execute(out, err),
        }
    }
}

impl RunArgs {
    fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let place = match (&self.store, self.memory) {
            (Some(path), _) => Place::Path(path.clone()),
            (None, true) => Place::Memory,
            (None, false) => Place::Temporary,
        };
        if self.store.is_some() && self.scenarios.len() > 1 {
            let problem = miette::miette!(
                help = "run them one by one, each with its own --store",
                "--store takes one scenario: each begins with a chain of its own"
            );
            return self.refuse(out, err, vec![problem]);
        }
        // All input is looked at before anything runs or is written.
        let mut scenarios = Vec::new();
        let mut problems: Vec<Report> = Vec::new();
        for path in &self.scenarios {
            match Scenario::load_with(path, self.modules.as_deref()) {
                Ok(scenario) => scenarios.push(scenario),
                Err(error) => problems.push(error.into()),
            }
        }
        if let Err(error) = place.check() {
            problems.push(error.into());
        }
        if !problems.is_empty() {
            return self.refuse(out, err, problems);
        }
        let (mut reports, mut errors) = (Vec::new(), Vec::new());
        let mut exit = Exit::Ok;
        for (index, scenario) in scenarios.iter().enumerate() {
            match progress::during(format!("run {}", scenario.name), || self.one(scenario, &place)) {
                Ok((passed, report)) => {
                    exit = exit.max(if passed { Exit::Ok } else { Exit::Unmet });
                    match report {
                        Output::Json(report) => reports.push(report),
                        Output::Text(report) => {
                            let gap = if index > 0 { "\n" } else { "" };
                            if write!(out, "{gap}{report}").is_err() {
                                return exit;
                            }
                        }
                    }
                }
                Err((kind, error)) => {
                    errors.push(Value::Object(failure::problem(&*error)));
                    complain(err, error);
                    exit = exit.max(kind);
                }
            }
        }
        if self.json {
            let document = json::document(exit == Exit::Ok, reports, errors);
            drop(out.write_all(build::json_text(&document).as_bytes()));
        }
        // A reader that has gone (`| head`) is no failure of the run.
        drop(out.flush());
        exit
    }

    /// Nothing was run.
    fn refuse(&self, out: &mut dyn Write, err: &mut dyn Write, problems: Vec<Report>) -> Exit {
        if self.json {
            let errors = problems.iter().map(|error| Value::Object(failure::problem(&**error))).collect();
            let document = json::document(false, Vec::new(), errors);
            drop(out.write_all(build::json_text(&document).as_bytes()));
        }
        problems.into_iter().for_each(|problem| complain(err, problem));
        Exit::BadInput
    }

    fn one(&self, scenario: &Scenario, place: &Place) -> Result<(bool, Output), (Exit, Report)> {
        genesis(scenario).map_err(|error| (Exit::BadInput, Report::msg(error)))?;
        let mut opened = place.open(spec(scenario)).map_err(|error| {
            let exit = if error.is_node_failure() { Exit::NodeFailure } else { Exit::BadInput };
            (exit, error.into())
        })?;
        let run = run_on(scenario, opened.ledger(), self.trace.into())
            .map_err(|error| (Exit::NodeFailure, Report::msg(error)))?;
        let failed = |error: vm_state::ReadError| (Exit::NodeFailure, Report::msg(error));
        let output = if self.json {
            Output::Json(json::report(scenario, &run).map_err(failed)?)
        } else {
            let colours = Colours::of(&std::io::stdout());
            Output::Text(text::report(scenario, &run, colours).map_err(failed)?)
        };
        Ok((run.passed(), output))
    }
}

enum Output {
    Text(String),
    Json(serde_json::Value),
}
