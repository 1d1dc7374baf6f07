//! What the commands on a chain have in common: where the chain is, what they print, and how they end.

use std::io::Write;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use miette::Report;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::build::json_text;
use super::{Exit, fail};
use crate::arguments::ArgumentError;
use crate::keys::KeyError;
use crate::session::{Session, SessionError};
use crate::target::{DEFAULT_URL, Target};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the transaction is refused, reverts or fails
  2  the command line is wrong, or what it names is not there; nothing was sent
  3  the chain or this machine failed";

pub(super) const READ_EXIT_CODES: &str = "Exit codes:
  0  done
  2  the command line is wrong, or what it names is not there
  3  the chain or this machine failed";

/// Where the chain is, and for whom to print.
#[derive(Clone, Debug)]
pub(super) struct ChainArgs {
    pub(super) chain: Target,
    pub(super) json: bool,
    /// Whether the chain stands on the command line, where these options are declared.
    pub(super) is_chosen: bool,
}

/// The options as clap reads them.
#[derive(Clone, Debug, Args)]
struct Options {
    /// The chain: the folder of one, or the URL of a node.
    #[arg(long, value_name = "PATH|URL", env = "VM_CHAIN", hide_env_values = true, default_value = DEFAULT_URL)]
    chain: Target,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

// By hand, since no derived field can know whether its value stands on the command line.
impl FromArgMatches for ChainArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Options { chain, json } = Options::from_arg_matches(matches)?;
        let is_chosen = matches.value_source("chain") == Some(ValueSource::CommandLine);
        Ok(Self { chain, json, is_chosen })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ChainArgs {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

impl ChainArgs {
    pub(super) fn open(&self) -> Result<Session, Failed> {
        Ok(Session::open(&self.chain)?)
    }
}

/// What a command says and comes to.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) exit: Exit,
    pub(super) text: String,
    pub(super) json: Value,
}

impl Output {
    /// All is well: `text` for people, for programs `value` with `ok` before it.
    pub(super) fn ok(text: String, value: &impl Serialize) -> Self {
        Self::new(Exit::Ok, text, value)
    }

    pub(super) fn new(exit: Exit, text: String, value: &impl Serialize) -> Self {
        Self { exit, text, json: document(exit == Exit::Ok, value) }
    }
}

/// `value`'s keys behind `ok`. A value without keys stands under `value`.
fn document(ok: bool, value: &impl Serialize) -> Value {
    let mut document = Map::new();
    document.insert("ok".to_owned(), json!(ok));
    match serde_json::to_value(value).unwrap_or_default() {
        Value::Object(mut keys) => document.append(&mut keys),
        other => drop(document.insert("value".to_owned(), other)),
    }
    Value::Object(document)
}

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) exit: Exit,
    pub(super) report: Report,
}

impl Failed {
    pub(super) fn input(report: impl Into<Report>) -> Self {
        Self { exit: Exit::BadInput, report: report.into() }
    }

    pub(super) fn machine(report: impl Into<Report>) -> Self {
        Self { exit: Exit::NodeFailure, report: report.into() }
    }
}

impl From<SessionError> for Failed {
    fn from(error: SessionError) -> Self {
        Self { exit: error.exit(), report: error.into() }
    }
}

impl From<vm_chain::ApiError> for Failed {
    fn from(error: vm_chain::ApiError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<KeyError> for Failed {
    fn from(error: KeyError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<ArgumentError> for Failed {
    fn from(error: ArgumentError) -> Self {
        Self::input(error)
    }
}

/// What one of a command's steps gives: the rest of the way, or the end of it.
pub(super) type Done = Result<Output, Failed>;

/// Prints what a command came to.
pub(super) fn finish(done: Done, as_json: bool, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
    let exit = match done {
        Ok(output) if as_json => {
            drop(out.write_all(json_text(&output.json).as_bytes()));
            output.exit
        }
        Ok(output) => {
            drop(out.write_all(output.text.as_bytes()));
            output.exit
        }
        Err(failed) => {
            fail(out, err, as_json, failed.report);
            failed.exit
        }
    };
    // A reader that has gone (`| head`) is no failure of the command.
    drop(out.flush());
    exit
}
