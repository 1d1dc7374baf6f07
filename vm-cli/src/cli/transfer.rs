//! `vm transfer` on the command line.

use std::io::Write;

use clap::Args;
use vm_core::Payload;

use super::Exit;
use super::call::{SEND, run_or_send, sent};
use super::outcome::{ChainArgs, Done, finish};
use crate::send::Terms;

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
    /// The most gas (default: what a dry run takes and a quarter more). If given, what fails is sent all the same.
    #[arg(long, value_name = "GAS")]
    gas_limit: Option<u64>,
    /// Balance per gas.
    #[arg(long, value_name = "PRICE", default_value_t = 1)]
    gas_price: u64,
    /// The transaction's nonce (default: the account's next).
    #[arg(long, value_name = "NONCE")]
    nonce: Option<u64>,
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
        let terms = Terms {
            gas_limit: self.gas_limit,
            gas_price: self.gas_price,
            nonce: self.nonce,
            ..Terms::default()
        };
        let done = run_or_send(&session, &self.from, terms, payload, self.send)?;
        Ok(sent(&session, &done, None, SEND))
    }
}
