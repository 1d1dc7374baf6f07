//! `vm transfer` on the command line.

use std::io::Write;

use clap::Args;
use vm_chain::api::types::Level;
use vm_core::Payload;

use super::Exit;
use super::call::{SEND, run_or_send, sent};
use super::outcome::{ChainArgs, Done, finish};
use super::terms::TermArgs;

#[derive(Debug, Args)]
pub(super) struct TransferArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Who receives: a name or an address.
    to: String,
    /// How much.
    amount: u64,
    /// Who pays: a key's name, or the address of one.
    #[arg(long, value_name = "NAME", env = "VM_FROM", hide_env_values = true, default_value = "alice")]
    from: String,
    #[command(flatten)]
    terms: TermArgs,
    /// Send it: otherwise it is a dry run, and nothing is changed.
    #[arg(long)]
    send: bool,
}

impl TransferArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let payload = Payload::Transfer { to: session.address(&self.to)?, amount: self.amount };
        let done = run_or_send(&session, &self.from, self.terms.terms(Level::Off), payload, self.send)?;
        Ok(sent(&session, &done, None, SEND))
    }
}
