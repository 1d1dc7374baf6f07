//! `vm test`: a contract's tests natively and as wasm, its scenarios, and what its functions cost (R110 to R112).
//!
//! ```text
//! vm build ─ cargo test (VM_TEST=native) ─ cargo test (VM_TEST=wasm) ─ scenarios ─ summary
//! ```
//!
//! The tests are cargo's; this runs them in both modes of `contract_sdk::testing`, tells them where the module is, and
//! collects what their chains report of gas ([`gas`]).
//!
//! Invariants:
//! - a test that did not run is never counted as passed: a run that printed no result failed;
//! - gas comes from the runs as wasm only, since native code burns other fuel.

pub mod gas;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miette::Diagnostic;
use vm_host::TraceLevel;

use crate::build::BuildError;
use crate::cli::Exit;
use crate::run::{RunError, genesis, run_on, spec};
use crate::scenario::{Scenario, ScenarioError};
use crate::store::{Place, PlaceError};
use gas::GasError;

/// How a contract's tests run: the two values of `VM_TEST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As native code.
    Native,
    /// As the module that was built.
    Wasm,
}

impl Mode {
    /// What `VM_TEST` is set to.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Wasm => "wasm",
        }
    }
}

/// What tests came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were left out.
    pub ignored: u64,
    /// How many test programs said so.
    pub programs: u64,
}

impl Counts {
    /// Adds what a line of a test program says, if it is its closing line: `test result: ok. 3 passed; ...`.
    pub fn add_line(&mut self, line: &str) {
        let Some((_, rest)) =
            line.trim_start().split_once("test result: ").and_then(|(_, rest)| rest.split_once(". "))
        else {
            return;
        };
        self.programs = self.programs.saturating_add(1);
        for part in rest.split("; ") {
            let mut words = part.split(' ');
            let number = words.next().and_then(|number| number.parse::<u64>().ok());
            let (Some(number), Some(word)) = (number, words.next()) else { continue };
            let count = match word {
                "passed" => &mut self.passed,
                "failed" => &mut self.failed,
                "ignored" => &mut self.ignored,
                _ => continue,
            };
            *count = count.saturating_add(number);
        }
    }
}

/// Why tests could not be run.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum TestError {
    /// The module could not be built.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Build(#[from] BuildError),
    /// Cargo could not be started.
    #[error("cargo cannot be started: {0}")]
    #[diagnostic(help("install Rust: https://rustup.rs"))]
    Cargo(std::io::Error),
    /// A scenario is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Scenario(#[from] ScenarioError),
    /// There is no store for a scenario.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Place(#[from] PlaceError),
    /// A scenario could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Gas could not be read, written or compared.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Gas(#[from] GasError),
    /// A file or folder cannot be read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

impl TestError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Build(error) => error.exit(),
            Self::Scenario(_) | Self::Cargo(_) => Exit::BadInput,
            Self::Place(_) | Self::Run(_) | Self::Io { .. } => Exit::NodeFailure,
            Self::Gas(error) => error.exit(),
        }
    }
}

/// One run of cargo's tests.
#[derive(Debug)]
pub struct Cargo<'a> {
    /// The crate's folder.
    pub folder: &'a Path,
    /// How contracts run.
    pub mode: Mode,
    /// Where the built module is.
    pub modules: &'a Path,
    /// The file to which calls report their gas.
    pub gas: Option<&'a Path>,
    /// What the user adds to the command line of `cargo test`.
    pub args: &'a [OsString],
}

impl Cargo<'_> {
    /// Runs the tests; what they print goes to `out` as it comes. Gives the counts, and whether cargo succeeded.
    ///
    /// # Errors
    ///
    /// [`TestError::Cargo`].
    pub fn run(&self, out: &mut dyn Write) -> Result<(Counts, bool), TestError> {
        let mut command = Command::new("cargo");
        command
            .arg("test")
            .args(self.args)
            .current_dir(self.folder)
            .env("VM_TEST", self.mode.name())
            .env("VM_TEST_MODULES", self.modules)
            // Random calls are the same in every run, so that their gas is.
            .env("PROPTEST_RNG_SEED", "1")
            .env_remove("VM_TEST_GAS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(gas) = self.gas {
            command.env("VM_TEST_GAS", gas);
        }
        let mut child = command.spawn().map_err(TestError::Cargo)?;
        let mut counts = Counts::default();
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).map_err(TestError::Cargo)? > 0 {
                counts.add_line(&String::from_utf8_lossy(&line));
                drop(out.write_all(&line));
                line.clear();
            }
        }
        let succeeded = child.wait().map_err(TestError::Cargo)?.success();
        Ok((counts, succeeded))
    }
}

/// The scenarios of a crate: `scenario.toml`, and what lies in `scenarios`.
///
/// # Errors
///
/// [`TestError::Io`].
pub fn scenarios(folder: &Path) -> Result<Vec<PathBuf>, TestError> {
    let mut found: Vec<PathBuf> =
        [folder.join("scenario.toml")].into_iter().filter(|path| path.is_file()).collect();
    let folder = folder.join("scenarios");
    if folder.is_dir() {
        let failed = |cause| TestError::Io { path: folder.clone(), cause };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a scenario in memory. Gives how many expectations it has, and those that do not hold.
///
/// # Errors
///
/// [`TestError::Scenario`], [`TestError::Place`] or [`TestError::Run`].
pub fn play(path: &Path) -> Result<bool, TestError> {
    let scenario = Scenario::load_with(path, None)?;
    genesis(&scenario)?;
    let mut opened = Place::Memory.open(spec(&scenario))?;
    Ok(run_on(&scenario, opened.ledger(), TraceLevel::Off)?.passed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up_and_other_lines_are_none() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s\n",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
            "test result",
            "test a_test_result: ... ok",
            "",
        ] {
            counts.add_line(line);
        }
        assert_eq!(counts, Counts { passed: 4, failed: 2, ignored: 1, programs: 2 });
    }
}
