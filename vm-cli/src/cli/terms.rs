//! What a sender pays, on the command line: the same of every command that sends.

use clap::{ArgMatches, Args};
use vm_chain::api::types::Level;

use super::call::given;
use crate::send::Terms;

/// What a sender pays.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct TermArgs {
    /// The most gas (default: what a dry run takes and a quarter more). If given, what fails is sent all the same.
    #[arg(long, value_name = "GAS")]
    pub(super) gas_limit: Option<u64>,
    /// Balance per gas.
    #[arg(long, value_name = "PRICE", default_value_t = 1)]
    pub(super) gas_price: u64,
    /// The transaction's nonce (default: the account's next).
    #[arg(long, value_name = "NONCE")]
    pub(super) nonce: Option<u64>,
}

impl TermArgs {
    /// With what stands behind the function.
    pub(super) fn with(self, matches: &ArgMatches) -> Self {
        Self {
            gas_limit: given(matches, "gas_limit").or(self.gas_limit),
            gas_price: given(matches, "gas_price").unwrap_or(self.gas_price),
            nonce: given(matches, "nonce").or(self.nonce),
        }
    }

    /// The terms, with so much of the run to show.
    pub(super) fn terms(self, trace: Level) -> Terms {
        Terms { gas_limit: self.gas_limit, gas_price: self.gas_price, nonce: self.nonce, trace }
    }
}
