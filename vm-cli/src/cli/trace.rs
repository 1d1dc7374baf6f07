//! `vm trace` on the command line.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde_json::json;
use vm_chain::api::trace::TraceInfo;
use vm_chain::api::types::{Level, WitnessInfo};
use vm_chain::chain::Spec;
use vm_chain::value::grouped;
use vm_core::codec::decode_exact;
use vm_core::{Block, Hash, Header};
use vm_state::{View, Witness};

use super::Exit;
use super::outcome::{ChainArgs, Done, Failed, Output, finish};
use super::progress::during;
use crate::colours::Colours;
use crate::profile::{NamedModule, Profile, profile};
use crate::session::Session;
use crate::tree::{Tree, shorten};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  shown, however the transaction ended
  2  the command line is wrong, there is no such transaction, or its state is no longer kept
  3  the chain or this machine failed";

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The transaction's hash.
    #[arg(value_name = "HASH")]
    hash: Hash,
    /// How much to show.
    #[arg(long, value_enum, default_value_t = Shown::Calls, value_name = "LEVEL")]
    level: Shown,
    /// Write a flame graph of gas by wasm function.
    #[arg(long, value_name = "FILE.svg")]
    profile: Option<PathBuf>,
    /// Write the same for <https://www.speedscope.app>.
    #[arg(long, value_name = "FILE.json")]
    speedscope: Option<PathBuf>,
    /// Write the same as folded stacks, one line each with its fuel.
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,
    /// A module with the names of functions (NAME.named.wasm of `vm build`); may be given for each contract.
    #[arg(long, value_name = "FILE")]
    named: Vec<PathBuf>,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shown {
    /// Calls, events and changes of state.
    Calls,
    /// Every host operation as well.
    Full,
}

impl From<Shown> for Level {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Calls => Self::Calls,
            Shown::Full => Self::Full,
        }
    }
}

impl TraceArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn wants_profile(&self) -> bool {
        self.profile.is_some() || self.speedscope.is_some() || self.folded.is_some() || !self.named.is_empty()
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let info = session.api().trace(self.hash, self.level.into())?;
        let profile = self.wants_profile().then(|| self.profiled(&session, &info)).transpose()?;
        let mut text = shown(&session, &info, Colours::of(&std::io::stdout()));
        let mut value = serde_json::to_value(&info).unwrap_or_default();
        if let Some(profile) = &profile {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n{}", profile.to_text());
            value["profile"] = json!({
                "fuel": profile.fuel,
                "attributed": profile.attributed(),
                "functions": profile.rows(),
                "unused": profile.unused,
            });
        }
        Ok(Output::ok(text, &value))
    }

    fn profiled(&self, session: &Session, info: &TraceInfo) -> Result<Profile, Failed> {
        let named = self.named.iter().map(|path| NamedModule::read(path));
        let named: Vec<NamedModule> = named
            .collect::<Result<_, _>>()
            .map_err(|error| Failed { exit: error.exit(), report: error.into() })?;
        let spec = Spec::from_bytes(&session.params().spec.0)
            .into_diagnostic()
            .wrap_err("the chain's rules can't be read")
            .map_err(Failed::machine)?;
        let height = info.receipt.height;
        let given = session.api().witness(height)?;
        let (parent, block) = opened(&given).map_err(Failed::machine)?;
        let made = during("executing it once more, with marks", || {
            profile(&spec.params, &parent, &block, info.receipt.index, &named)
        });
        let made = made.map_err(|error| Failed { exit: error.exit(), report: error.into() })?;
        let svg = |path: &PathBuf| made.to_svg().and_then(|bytes| std::fs::write(path, bytes));
        let speedscope = |path: &PathBuf| std::fs::write(path, made.to_speedscope().to_string());
        let folded = |path: &PathBuf| std::fs::write(path, made.to_folded());
        let write = |path: &Option<PathBuf>, form: &dyn Fn(&PathBuf) -> std::io::Result<()>| {
            path.as_ref().map_or(Ok(()), |path| {
                form(path).map_err(|cause| {
                    Failed::machine(miette::miette!("cannot write {}: {cause}", path.display()))
                })
            })
        };
        write(&self.profile, &svg)?;
        write(&self.speedscope, &speedscope)?;
        write(&self.folded, &folded)?;
        Ok(made)
    }
}

/// The state and the block that a node gave, checked against each other.
fn opened(given: &WitnessInfo) -> miette::Result<(Arc<dyn View>, Block)> {
    let parent = Header::from(&given.parent);
    let witness = Witness::open(&parent, &given.witness.0)
        .into_diagnostic()
        .wrap_err("the node's witness does not fit its block")?;
    let block = decode_exact(&given.block.0, given.block.0.len())
        .into_diagnostic()
        .wrap_err("the node's block can't be read")?;
    Ok((Arc::new(witness.view(&parent)), block))
}

/// The transaction in a few lines, and its tree.
fn shown(session: &Session, info: &TraceInfo, colours: Colours) -> String {
    let tree = Tree::new(session.names(), colours);
    let receipt = &info.receipt;
    let ending = tree.ending(&receipt.outcome.ending, &receipt.outcome.output);
    let ending =
        if receipt.outcome.ending.status == "success" { colours.good(&ending) } else { colours.bad(&ending) };
    let resources = &info.trace.resources;
    let refund = match receipt.outcome.gas_refunded {
        0 => String::new(),
        refund => format!(" (after {} refunded)", grouped(refund.into())),
    };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "transaction  {}", receipt.transaction);
    let _ = writeln!(text, "block        {}, index {}", receipt.height, receipt.index);
    let what = tree.what(&info.transaction.sender.0, &info.transaction.payload);
    let _ = writeln!(text, "what         {}", shorten(&what));
    let _ = writeln!(text, "result       {ending}");
    let _ = writeln!(text, "gas          {}{refund}", grouped(receipt.outcome.gas_used.into()));
    let parts = [
        ("code", resources.fuel),
        ("host functions", resources.host_fuel),
        ("modules and frames", resources.setup_fuel),
        ("envelope and accounts", resources.intrinsic_fuel),
    ];
    let parts = parts.iter().map(|(name, fuel)| format!("{name} {}", grouped((fuel / 8).into())));
    let _ = writeln!(text, "             {}", colours.quiet(&parts.collect::<Vec<_>>().join(", ")));
    let _ = writeln!(text);
    let _ = tree.write(&mut text, &info.trace, "");
    text
}
