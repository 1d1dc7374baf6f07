//! `vm dev` on the command line: what only a local chain allows.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::Exit;
use super::outcome::{Done, Output, finish};
use crate::colours::Colours;
use crate::session::Session;
use crate::show::Show;
use crate::target::{DEFAULT_URL, Target};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  done
  2  the command line is wrong, the chain is no local one, or the block is not kept; nothing was changed
  3  the chain or this machine failed";

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    #[command(subcommand)]
    action: Action,
    /// The chain: the folder of one, or the URL of a node.
    #[arg(long, value_name = "PATH|URL", env = "VM_CHAIN", hide_env_values = true, default_value = DEFAULT_URL, global = true)]
    chain: Target,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes blocks at once, of what waits.
    Mine {
        /// How many.
        #[arg(default_value_t = 1)]
        count: u32,
    },
    /// Makes an earlier block the last one again; what came after is forgotten.
    Rollback {
        /// The block's height.
        height: u64,
    },
    /// Moves the chain's clock forward.
    Time {
        /// By how much: 500ms, 30s, 15m, 1h, 7d, or several of them (1h30m).
        #[arg(long, value_name = "DURATION", value_parser = milliseconds)]
        advance: u64,
    },
}

/// A duration in milliseconds.
fn milliseconds(text: &str) -> Result<u64, String> {
    let wrong = || "a duration is numbers with ms, s, m, h or d, as 1h30m".to_owned();
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let size: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(size).and_then(|part| total.checked_add(part));
        total = part.ok_or_else(|| "the duration is too long".to_owned())?;
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

impl DevArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.json, out, err)
    }

    fn run(&self) -> Done {
        let session = Session::open(&self.chain)?;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        match &self.action {
            Action::Mine { count } => {
                let head = session.api().mine(*count)?;
                Ok(Output::ok(show.header(&head), &json!({ "head": head })))
            }
            Action::Rollback { height } => {
                let head = session.api().rollback(*height)?;
                Ok(Output::ok(show.header(&head), &json!({ "head": head })))
            }
            Action::Time { advance } => {
                let time = session.api().advance_time(*advance)?;
                let text = format!("the next block has a time of {time} or later\n");
                Ok(Output::ok(text, &json!({ "time": time })))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let cases = [("500ms", 500), ("1s", 1_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("0s", 0)];
        for (text, expected) in cases {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "1", "h", "1x", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d"] {
            assert!(milliseconds(bad).is_err(), "{bad}");
        }
    }
}
