//! What a contract's functions cost in its tests: a report, and a file to compare with.
//!
//! Each call appends a line `contract.function gas` to a file of the run; tests of several processes share it. The
//! snapshot belongs in version control: a change of it shows what a change of the source costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::cli::Exit;
use crate::files;
use crate::value::grouped_count;

/// The file of a crate that `--gas-snapshot` writes and `--check` compares with.
pub const SNAPSHOT: &str = "gas-snapshot.toml";

/// What calls of one function cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// How many calls there were.
    pub calls: u64,
    /// The least gas.
    pub min: u64,
    /// The mean, rounded down.
    pub mean: u64,
    /// The most gas.
    pub max: u64,
}

/// Costs by `contract.function`.
pub type Costs = BTreeMap<String, Cost>;

/// Why gas could not be read, written or compared.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum GasError {
    /// A file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// There is no snapshot to compare with.
    #[error("there is no {}", .0.display())]
    #[diagnostic(help("write it: vm test --gas-snapshot"))]
    NoSnapshot(PathBuf),
    /// The snapshot is no snapshot.
    #[error("{}: {reason}", path.display())]
    #[diagnostic(help("write it again: vm test --gas-snapshot"))]
    BadSnapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A line of the run's file is none.
    #[error("a test reported gas in a way that this program does not know: {0:?}")]
    #[diagnostic(help("contract-sdk and vm are of different versions"))]
    BadReport(String),
}

impl GasError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoSnapshot(_) | Self::BadSnapshot { .. } | Self::BadReport(_) => Exit::BadInput,
            Self::Io { .. } => Exit::NodeFailure,
        }
    }
}

/// Adds up what a run has reported; nothing if no call was made.
///
/// # Errors
///
/// [`GasError::Io`] or [`GasError::BadReport`].
pub fn read_report(path: &Path) -> Result<Costs, GasError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Costs::new()),
        Err(cause) => return Err(GasError::Io { path: path.to_owned(), cause }),
    };
    add_up(&text)
}

fn add_up(text: &str) -> Result<Costs, GasError> {
    let mut sums: BTreeMap<&str, (Cost, u128)> = BTreeMap::new();
    for line in text.lines() {
        let parsed = line.rsplit_once(' ').and_then(|(name, gas)| Some((name, gas.parse::<u64>().ok()?)));
        let (name, gas) = parsed.ok_or_else(|| GasError::BadReport(line.to_owned()))?;
        let first = (Cost { calls: 0, min: u64::MAX, mean: 0, max: 0 }, 0);
        let (cost, sum) = sums.entry(name).or_insert(first);
        cost.calls = cost.calls.saturating_add(1);
        cost.min = cost.min.min(gas);
        cost.max = cost.max.max(gas);
        *sum = sum.saturating_add(gas.into());
    }
    let mean = |cost: Cost, sum: u128| {
        let mean = sum.checked_div(cost.calls.into()).unwrap_or(0);
        Cost { mean: u64::try_from(mean).unwrap_or(u64::MAX), ..cost }
    };
    Ok(sums.into_iter().map(|(name, (cost, sum))| (name.to_owned(), mean(cost, sum))).collect())
}

/// A table for people.
#[must_use]
pub fn table(costs: &Costs) -> String {
    let width = costs.keys().map(String::len).max().unwrap_or(0).max(8);
    let mut text = format!("{:<width$} {:>7} {:>12} {:>12} {:>12}\n", "gas", "calls", "min", "mean", "max");
    for (name, cost) in costs {
        let [min, mean, max] = [cost.min, cost.mean, cost.max]
            .map(|gas| grouped_count(usize::try_from(gas).unwrap_or(usize::MAX)));
        let written = writeln!(text, "{name:<width$} {:>7} {min:>12} {mean:>12} {max:>12}", cost.calls);
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    text
}

/// Writes the snapshot.
///
/// # Errors
///
/// [`GasError::Io`].
pub fn write_snapshot(folder: &Path, costs: &Costs) -> Result<PathBuf, GasError> {
    let path = folder.join(SNAPSHOT);
    let tables = toml::to_string(costs).unwrap_or_default();
    let text = format!(
        "# What the tests' calls cost as wasm. Written by `vm test --gas-snapshot`; do not edit.\n\n{tables}"
    );
    match std::fs::write(&path, text) {
        Ok(()) => Ok(path),
        Err(cause) => Err(GasError::Io { path, cause }),
    }
}

/// What differs from the snapshot, a line each.
///
/// # Errors
///
/// [`GasError`].
pub fn compare(folder: &Path, costs: &Costs) -> Result<Vec<String>, GasError> {
    let path = folder.join(SNAPSHOT);
    let text = match files::read_text(&path, files::TEXT_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(GasError::NoSnapshot(path)),
        Err(cause) => return Err(GasError::Io { path, cause }),
    };
    let recorded: Costs = toml::from_str(&text)
        .map_err(|error| GasError::BadSnapshot { path, reason: error.message().to_owned() })?;
    Ok(differences(&recorded, costs))
}

fn differences(recorded: &Costs, costs: &Costs) -> Vec<String> {
    let shown = |cost: &Cost| format!("{} calls, {} / {} / {}", cost.calls, cost.min, cost.mean, cost.max);
    let mut lines = Vec::new();
    for (name, old) in recorded {
        match costs.get(name) {
            None => lines.push(format!("{name}: no longer called, was {}", shown(old))),
            Some(new) if new != old => lines.push(format!("{name}: {}, was {}", shown(new), shown(old))),
            Some(_) => {}
        }
    }
    for (name, new) in costs.iter().filter(|(name, _)| !recorded.contains_key(*name)) {
        lines.push(format!("{name}: new, {}", shown(new)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "token.transfer 10\ntoken.transfer 21\ncounter.(deploy) 5\n";

    #[test]
    fn calls_are_added_up_by_function() {
        let costs = add_up(REPORT).unwrap();
        assert_eq!(costs["token.transfer"], Cost { calls: 2, min: 10, mean: 15, max: 21 });
        assert_eq!(costs["counter.(deploy)"], Cost { calls: 1, min: 5, mean: 5, max: 5 });
        assert!(
            matches!(add_up("token.transfer ten"), Err(GasError::BadReport(line)) if line == "token.transfer ten")
        );
        assert!(table(&costs).contains("token.transfer"));
    }

    #[test]
    fn a_snapshot_is_compared_function_by_function() {
        let folder = tempfile::tempdir().unwrap();
        let costs = add_up(REPORT).unwrap();
        assert!(matches!(compare(folder.path(), &costs), Err(GasError::NoSnapshot(_))));
        let path = write_snapshot(folder.path(), &costs).unwrap();
        assert_eq!(compare(folder.path(), &costs).unwrap(), Vec::<String>::new());
        let other = add_up("token.transfer 10\nnft.mint 7\n").unwrap();
        assert_eq!(
            compare(folder.path(), &other).unwrap(),
            [
                "counter.(deploy): no longer called, was 1 calls, 5 / 5 / 5",
                "token.transfer: 1 calls, 10 / 10 / 10, was 2 calls, 10 / 15 / 21",
                "nft.mint: new, 1 calls, 7 / 7 / 7",
            ]
        );
        std::fs::write(&path, "x = 1").unwrap();
        assert!(matches!(compare(folder.path(), &costs), Err(GasError::BadSnapshot { .. })));
    }

    #[test]
    fn a_run_without_calls_has_no_report() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_report(&folder.path().join("gas")).unwrap(), Costs::new());
        assert!(matches!(read_report(folder.path()), Err(GasError::Io { .. })));
    }
}
