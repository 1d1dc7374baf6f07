//! What the worker says to the supervisor: a line each, written before or after the fact as its name says.
//!
//! A block is named by its height and its header's hash, which covers root, receipts and gas.

use std::fmt::{self, Display};
use std::str::FromStr;

use vm_core::Hash;

/// A block's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) height: u64,
    pub(super) hash: Hash,
}

impl Name {
    pub(super) fn of(header: &vm_core::Header) -> Self {
        Self { height: header.height, hash: header.hash() }
    }
}

/// What changes the store, begun and not yet durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The block was executed in all ways, and is handed to the store.
    Commit(Name),
    /// The block at this height is to be the head again.
    Rollback(u64),
    /// Blocks below this height are to be forgotten.
    Prune(u64),
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The store is open, and this is its head.
    Opened(Name),
    /// The store has this block's header.
    Has(Name),
    /// A step begins.
    Begun(Step),
    /// The block is durable.
    Committed { name: Name, transactions: u64, succeeded: u64, gas: u64, entries: u64 },
    /// The rollback is durable; this is the head.
    Rolled(Name),
    /// The pruning is durable.
    Pruned(u64),
    /// A second store was made from a snapshot of this block and took the next one.
    Restored { name: Name, entries: u64 },
    /// The block was executed once more on the retained state of its parent.
    Revisited(u64),
    /// All that was asked for is done.
    Done,
    /// Something is not as it should be.
    Found(String),
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.height, self.hash)
    }
}

impl Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened(name) => write!(f, "opened {name}"),
            Self::Has(name) => write!(f, "has {name}"),
            Self::Begun(Step::Commit(name)) => write!(f, "begun commit {name}"),
            Self::Begun(Step::Rollback(height)) => write!(f, "begun rollback {height}"),
            Self::Begun(Step::Prune(below)) => write!(f, "begun prune {below}"),
            Self::Committed { name, transactions, succeeded, gas, entries } => {
                write!(f, "committed {name} {transactions} {succeeded} {gas} {entries}")
            }
            Self::Rolled(name) => write!(f, "rolled {name}"),
            Self::Pruned(below) => write!(f, "pruned {below}"),
            Self::Restored { name, entries } => write!(f, "restored {name} {entries}"),
            Self::Revisited(height) => write!(f, "revisited {height}"),
            Self::Done => f.write_str("done"),
            Self::Found(what) => write!(f, "found {}", what.replace('\n', " ")),
        }
    }
}

/// The line is none of the worker's: it was cut, or something else prints to its output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotSaid;

impl FromStr for Said {
    type Err = NotSaid;

    fn from_str(line: &str) -> Result<Self, NotSaid> {
        if let Some(what) = line.strip_prefix("found ") {
            return Ok(Self::Found(what.to_string()));
        }
        let number = |word: &str| word.parse::<u64>().map_err(|_| NotSaid);
        let name = |height: &str, hash: &str| {
            Ok(Name { height: number(height)?, hash: hash.parse().map_err(|_| NotSaid)? })
        };
        let words: Vec<&str> = line.split(' ').collect();
        Ok(match words[..] {
            ["opened", height, hash] => Self::Opened(name(height, hash)?),
            ["has", height, hash] => Self::Has(name(height, hash)?),
            ["begun", "commit", height, hash] => Self::Begun(Step::Commit(name(height, hash)?)),
            ["begun", "rollback", height] => Self::Begun(Step::Rollback(number(height)?)),
            ["begun", "prune", below] => Self::Begun(Step::Prune(number(below)?)),
            ["committed", height, hash, transactions, succeeded, gas, entries] => Self::Committed {
                name: name(height, hash)?,
                transactions: number(transactions)?,
                succeeded: number(succeeded)?,
                gas: number(gas)?,
                entries: number(entries)?,
            },
            ["rolled", height, hash] => Self::Rolled(name(height, hash)?),
            ["pruned", below] => Self::Pruned(number(below)?),
            ["restored", height, hash, entries] => {
                Self::Restored { name: name(height, hash)?, entries: number(entries)? }
            }
            ["revisited", height] => Self::Revisited(number(height)?),
            ["done"] => Self::Done,
            _ => return Err(NotSaid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let name = Name { height: 7, hash: Hash([9; 32]) };
        for said in [
            Said::Opened(name),
            Said::Has(name),
            Said::Begun(Step::Commit(name)),
            Said::Begun(Step::Rollback(3)),
            Said::Begun(Step::Prune(2)),
            Said::Committed { name, transactions: 3, succeeded: 2, gas: 70_000, entries: 12 },
            Said::Rolled(name),
            Said::Pruned(2),
            Said::Restored { name, entries: 12 },
            Said::Revisited(6),
            Said::Done,
            Said::Found("a difference: 1, expected 2".into()),
        ] {
            assert_eq!(said.to_string().parse(), Ok(said));
        }
    }

    #[test]
    fn what_was_cut_is_not() {
        let line = Said::Committed {
            name: Name { height: 7, hash: Hash([9; 32]) },
            transactions: 3,
            succeeded: 2,
            gas: 70_000,
            entries: 12,
        };
        let line = line.to_string();
        for len in 0..line.rfind(' ').unwrap() {
            assert_eq!(line[..len].parse::<Said>(), Err(NotSaid), "{}", &line[..len]);
        }
    }
}
