//! `vm replay` on the command line.

use std::fmt::Write as _;
use std::io::Write;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use vm_chain::ApiError;
use vm_chain::chain::Spec;
use vm_core::Hash;
use vm_host::Vm;

use super::Exit;
use super::outcome::{ChainArgs, Done, Failed, Output, finish};
use crate::replay::{Asked, Replayed, replay};
use crate::session::Session;

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  execution gives what the chain keeps, to the byte
  1  it does not; says which receipt, which field, which byte
  2  the command line is wrong, or the blocks are not kept
  3  the chain or this machine failed; says nothing about the blocks";

/// Which blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Height(u64),
    Range(u64, u64),
    Transaction(Hash),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a height, FROM..TO, or a transaction's hash".to_owned();
        let height = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        if let Some((from, to)) = text.split_once("..") {
            return match (height(from)?, height(to)?) {
                (from, to) if from <= to => Ok(Self::Range(from, to)),
                _ => Err(format!("{from} is after {to}")),
            };
        }
        match text.parse() {
            Ok(hash) => Ok(Self::Transaction(hash)),
            Err(_) => height(text).map(Self::Height),
        }
    }
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("blocks"))]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// A height, FROM..TO (both included), or a transaction's hash (default: the last block).
    #[arg(value_name = "HEIGHT|FROM..TO|HASH", group = "blocks")]
    which: Option<Which>,
    /// Every block that can be executed again.
    #[arg(long, group = "blocks")]
    all: bool,
}

impl ReplayArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn heights(&self, session: &Session) -> Result<RangeInclusive<u64>, Failed> {
        let status = session.status();
        let head = status.head.height;
        let first = status.oldest_state.saturating_add(1).max(status.oldest_block.unwrap_or(u64::MAX));
        Ok(match self.which {
            _ if self.all => first..=head,
            Some(Which::Height(height)) => height..=height,
            Some(Which::Range(from, to)) => from..=to,
            Some(Which::Transaction(hash)) => {
                let height = session.api().receipt(hash)?.height;
                height..=height
            }
            None => head..=head,
        })
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let heights = self.heights(&session)?;
        let spec = Spec::from_bytes(&session.params().spec.0)
            .map_err(|error| ApiError::Remote(format!("the chain's rules can't be read: {error}")))?;
        let vm = Vm::new(spec.params);
        let bar = progress(heights.clone());
        let mut blocks: Vec<Replayed> = Vec::new();
        let transaction = match self.which {
            Some(Which::Transaction(hash)) => Some(hash),
            _ => None,
        };
        let mut before: Option<Hash> = None;
        for height in heights {
            let record = session.api().witness(height)?;
            let replayed = replay(&vm, &record, &Asked { height, before, transaction })
                .map_err(|error| Failed::machine(miette::miette!("{error}")))?;
            before = Some(record.header.hash.0);
            // What a reader is told of is the block that was asked for, whatever came in its place.
            blocks.push(Replayed { height, ..replayed });
            bar.inc(1);
        }
        bar.finish_and_clear();
        let good = blocks.iter().all(|block| block.differences.is_empty());
        let exit = if good { Exit::Ok } else { Exit::Unmet };
        Ok(Output::new(exit, text(&blocks), &json!({ "blocks": blocks })))
    }
}

fn progress(heights: RangeInclusive<u64>) -> ProgressBar {
    let count = heights.end().saturating_sub(*heights.start()).saturating_add(1);
    let bar = ProgressBar::new(if heights.is_empty() { 0 } else { count });
    match ProgressStyle::with_template("{bar:30} {pos} of {len} blocks  {elapsed}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn text(blocks: &[Replayed]) -> String {
    let mut text = String::new();
    for block in blocks {
        for difference in &block.differences {
            let _ = writeln!(text, "block {}: {difference}", block.height);
        }
    }
    let transactions = blocks.iter().map(|block| block.transactions).fold(0, usize::saturating_add);
    let bytes = blocks.iter().map(|block| block.receipt_bytes).fold(0, usize::saturating_add);
    let differing = blocks.iter().filter(|block| !block.differences.is_empty()).count();
    let range = match (blocks.first(), blocks.last()) {
        (Some(first), Some(last)) if first.height < last.height => {
            format!("blocks {} to {}", first.height, last.height)
        }
        (Some(only), _) => format!("block {}", only.height),
        _ => "no blocks".to_owned(),
    };
    let plural = if transactions == 1 { "" } else { "s" };
    let _ = match differing {
        0 => writeln!(
            text,
            "{range}: executed again, {transactions} transaction{plural}, the same to the byte ({bytes} bytes of receipts)"
        ),
        _ => {
            writeln!(text, "{range}: {differing} of {} blocks differ from what execution gives", blocks.len())
        }
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Difference;

    #[test]
    fn every_difference_is_a_line_and_the_last_one_counts_blocks() {
        let block = |height, differences| Replayed {
            height,
            hash: String::new(),
            transactions: 2,
            receipt_bytes: 100,
            differences,
        };
        let good = text(&[block(7, vec![]), block(8, vec![])]);
        assert_eq!(
            good,
            "blocks 7 to 8: executed again, 4 transactions, the same to the byte (200 bytes of receipts)\n"
        );
        let receipt = Difference::Receipt {
            index: 1,
            field: "gas_used".to_owned(),
            offset: 6,
            kept: "0x2f".to_owned(),
            found: "0x2e".to_owned(),
        };
        let bad = text(&[block(7, vec![]), block(8, vec![receipt])]);
        assert_eq!(
            bad,
            "block 8: receipt 1, gas_used: byte 6 is 0x2f in the record, 0x2e by execution\n\
             blocks 7 to 8: 1 of 2 blocks differ from what execution gives\n"
        );
    }

    #[test]
    fn blocks_are_named_by_height_range_or_transaction() {
        assert_eq!("7".parse(), Ok(Which::Height(7)));
        assert_eq!("7..9".parse(), Ok(Which::Range(7, 9)));
        assert_eq!(Hash([1; 32]).to_string().parse(), Ok(Which::Transaction(Hash([1; 32]))));
        for bad in ["", "x", "9..7", "..", "1..", "0x12"] {
            assert!(bad.parse::<Which>().is_err(), "{bad}");
        }
    }
}
