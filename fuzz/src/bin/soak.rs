//! The soak (`vm_fuzz`'s module of that name says what it does); `fuzz/soak.sh` runs it and writes its row down.
//!
//! Exit codes: 0 all was as it should be, 1 something was not, 2 bad input, 3 the machine failed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use vm_fuzz::{Figures, Orders, SoakPlan, Stop, supervise, work};

/// The longest that a worker commits nothing: opening and restoring take a part of it on a busy machine.
const SILENCE: Duration = Duration::from_secs(300);

/// Runs a chain on disk for a time, kills it over and over, and compares all ways to the same blocks.
#[derive(Debug, Parser)]
#[command(name = "soak", disable_help_subcommand = true)]
enum Command {
    /// Begins a soak, or goes on with the one in the folder.
    Run {
        /// Where the store and the figures are kept.
        folder: PathBuf,
        /// How long it takes, earlier runs of it included.
        #[arg(long)]
        seconds: u64,
        /// What its blocks are made from, where none was begun.
        #[arg(long)]
        seed: u64,
        /// How long a worker lives at most.
        #[arg(long, default_value_t = 30_000)]
        life_millis: u64,
    },
    /// Prints the row of what the soak in the folder has come to.
    Row {
        /// Where the figures are kept.
        folder: PathBuf,
        /// What it found.
        #[arg(long)]
        findings: String,
    },
    /// The process that is killed: works on the store in the folder.
    Worker {
        /// Where the store is kept.
        folder: PathBuf,
        /// What blocks are made from.
        #[arg(long)]
        seed: u64,
        /// Which worker it is, from 1: rollbacks and the like are thrown by it.
        #[arg(long, default_value_t = 1)]
        life: u64,
        /// How many blocks it executes; without it, until it is killed.
        #[arg(long)]
        blocks: Option<u64>,
    },
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            let code = stop.exit_code();
            eprintln!("{:?}", miette::Report::new(stop));
            ExitCode::from(code)
        }
    }
}

fn run(command: Command) -> Result<(), Stop> {
    match command {
        Command::Run { folder, seconds, seed, life_millis } => {
            let program = std::env::current_exe().map_err(|cause| Stop::Machine {
                action: "find this program".into(),
                cause: cause.to_string(),
            })?;
            let (time, life) = (Duration::from_secs(seconds), Duration::from_millis(life_millis));
            let figures = supervise(&SoakPlan { program, folder, time, seed, life, silence: SILENCE })?;
            println!("{}", figures.summary());
            Ok(())
        }
        Command::Row { folder, findings } => {
            println!("{}", Figures::of(&folder)?.row(&findings));
            Ok(())
        }
        Command::Worker { folder, seed, life, blocks } => {
            work(&Orders { folder, seed, life, blocks }, &mut std::io::stdout().lock())
        }
    }
}
