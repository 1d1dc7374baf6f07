//! `vm snapshot` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use miette::Report;
use serde_json::json;
use vm_chain::api::types::At;
use vm_chain::chain::{ChainError, ChainOptions};
use vm_chain::snapshot::{SnapshotFault, export, load};
use vm_core::Hash;
use vm_state::{ImportError, Progress, SnapshotError};

use super::Exit;
use super::outcome::{Done, Failed, Output, finish};
use crate::session::Session;
use crate::target::{DEFAULT_URL, Target};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the snapshot is not what the block commits to
  2  the command line is wrong, or there is no snapshot, no such block, or something in the way
  3  the chain or this machine failed";

#[derive(Debug, Args)]
pub(super) struct SnapshotArgs {
    #[command(subcommand)]
    action: Action,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Writes a block's state, with the chain's rules, into a folder.
    Export {
        /// The chain: the folder of one, or the URL of a node.
        #[arg(long, value_name = "PATH|URL", env = "VM_CHAIN", hide_env_values = true, default_value = DEFAULT_URL)]
        chain: Target,
        /// The folder to write into.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// The state after this block, a height or hash.
        #[arg(long, value_name = "BLOCK", default_value_t = At::Head)]
        at: At,
        /// The hash that the block must have: with it, the node need not be trusted.
        #[arg(long, value_name = "HASH")]
        block_hash: Option<Hash>,
    },
    /// Makes a chain of a snapshot, which goes on from its block.
    Load {
        /// The snapshot's folder.
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// The chain's folder, which is made.
        #[arg(long, value_name = "PATH")]
        store: PathBuf,
        /// The hash of the block that the snapshot must be of: without it, whoever gave the snapshot is trusted.
        #[arg(long, value_name = "HASH")]
        block_hash: Option<Hash>,
    },
}

fn failed(fault: SnapshotFault) -> Failed {
    let (exit, help) = match &fault {
        SnapshotFault::Api(_) => {
            let SnapshotFault::Api(error) = fault else { return Failed::machine(miette::miette!("{fault}")) };
            return error.into();
        }
        SnapshotFault::Snapshot(error)
        | SnapshotFault::Chain(ChainError::Import(ImportError::Snapshot(error))) => match error {
            SnapshotError::Exists { .. } | SnapshotError::NoManifest { .. } => (Exit::BadInput, None),
            SnapshotError::Failure { .. } => (Exit::NodeFailure, None),
            _ => (
                Exit::Unmet,
                Some("get the snapshot again, or another; compare the block's hash with `vm block`"),
            ),
        },
        SnapshotFault::OtherBlock { .. } => {
            (Exit::Unmet, Some("the hash or the block is another; `vm block` shows both"))
        }
        SnapshotFault::Spec { .. } | SnapshotFault::OtherRules { .. } => {
            (Exit::Unmet, Some("chain.spec belongs to the snapshot; get both again"))
        }
        SnapshotFault::File { action: "read", .. } => (
            Exit::BadInput,
            Some("a snapshot that `vm snapshot export` made has chain.spec beside its manifest"),
        ),
        SnapshotFault::Chain(ChainError::Exists(_)) => {
            (Exit::BadInput, Some("give a path where nothing is yet"))
        }
        SnapshotFault::File { .. } | SnapshotFault::Chain(_) => (Exit::NodeFailure, None),
    };
    let report: Report = match help {
        Some(help) => miette::miette!(help = help, "{fault}"),
        None => miette::miette!("{fault}"),
    };
    Failed { exit, report }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {pos} chunks  {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl SnapshotArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.json, out, err)
    }

    fn run(&self) -> Done {
        let bar = bar();
        let progress = |progress: Progress| bar.set_position(progress.done.into());
        match &self.action {
            Action::Export { chain, out, at, block_hash } => {
                let session = Session::open(chain)?;
                let snapshot =
                    export(session.api(), *at, block_hash.as_ref(), out, progress).map_err(failed)?;
                bar.finish_and_clear();
                let (header, chunks) = (snapshot.header(), snapshot.chunk_count());
                let (hash, height) = (header.hash(), header.height);
                let text = format!(
                    "{}: the state of block {height} in {chunks} chunks\n  block  {hash}\nvm snapshot load {} --store PATH --block-hash {hash}\n",
                    out.display(),
                    out.display(),
                );
                let value =
                    json!({ "folder": out, "height": height, "block": hash.to_string(), "chunks": chunks });
                Ok(Output::ok(text, &value))
            }
            Action::Load { from, store, block_hash } => {
                let chain = load(from, block_hash.as_ref(), store, ChainOptions::default(), progress)
                    .map_err(failed)?;
                bar.finish_and_clear();
                let (hash, height) = (chain.head().hash(), chain.head().height);
                let trust = match block_hash {
                    Some(_) => "which is the block that was asked for",
                    None => "as the snapshot says; with --block-hash it would be checked",
                };
                let text =
                    format!("{}: a chain at block {height}\n  block  {hash}, {trust}\n", store.display());
                let value = json!({
                    "store": store,
                    "height": height,
                    "block": hash.to_string(),
                    "checked": block_hash.is_some(),
                });
                Ok(Output::ok(text, &value))
            }
        }
    }
}
