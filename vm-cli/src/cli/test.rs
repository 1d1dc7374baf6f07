//! `vm test` on the command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::build::{Teller, json_text, shared_work};
use super::{Exit, fail, progress};
use crate::build::package::Lock;
use crate::build::{Request, Steps, build};
use crate::colours::Colours;
use crate::test::gas::{self, Costs, SNAPSHOT};
use crate::test::{Cargo, Counts, Mode, TestError, play, scenarios};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  all tests passed, and the gas is as recorded where that was asked
  1  a test or scenario failed, the gas differs, or the source does not build
  2  the command line or a scenario is wrong, or something is not installed
  3  a file could not be written or a program failed";

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// The folder of the contract's crate.
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Run the contract as native code only: no module is built, and scenarios are left out.
    #[arg(long, conflicts_with_all = ["wasm", "gas_report", "gas_snapshot", "check"])]
    native: bool,
    /// Run the contract as wasm only.
    #[arg(long)]
    wasm: bool,
    /// Show what the calls of each function cost: least, mean, most.
    #[arg(long)]
    gas_report: bool,
    /// Write that into gas-snapshot.toml, which belongs in version control.
    #[arg(long)]
    gas_snapshot: bool,
    /// Compare it with gas-snapshot.toml; any difference fails.
    #[arg(long, conflicts_with = "gas_snapshot")]
    check: bool,
    /// The folder of contract-sdk (default: where this `vm` was built).
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Print a summary in JSON instead; what cargo prints goes to standard error.
    #[arg(long)]
    json: bool,
    /// What `cargo test` gets as well.
    #[arg(last = true, value_name = "CARGO ARGUMENTS")]
    cargo: Vec<OsString>,
}

/// What the tests came to.
#[derive(Default)]
struct Summary {
    runs: Vec<(Mode, Counts, bool)>,
    scenarios: Vec<(PathBuf, bool)>,
    costs: Costs,
    differences: Vec<String>,
    written: Option<PathBuf>,
}

impl TestArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.run(out, err) {
            Ok(summary) => {
                let text = if self.json { json_text(&summary.json()) } else { self.text(&summary) };
                drop(write!(out, "{text}"));
                if summary.is_good() { Exit::Ok } else { Exit::Unmet }
            }
            Err(error) => {
                let exit = error.exit();
                fail(out, err, self.json, error.into());
                exit
            }
        }
    }

    fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Summary, TestError> {
        let failed = |cause| TestError::Io { path: self.folder.clone(), cause };
        let modules = if self.native { self.folder.join("target/vm") } else { self.build(out, err)? };
        let modules = if modules.exists() { modules.canonicalize().map_err(failed)? } else { modules };
        let modes: &[Mode] = match (self.native, self.wasm) {
            (true, _) => &[Mode::Native],
            (_, true) => &[Mode::Wasm],
            _ => &[Mode::Native, Mode::Wasm],
        };
        let scratch = tempfile::tempdir().map_err(failed)?;
        let reported = scratch.path().join("gas");
        let mut summary = Summary::default();
        for &mode in modes {
            if !self.json {
                drop(writeln!(out, "\ntests of the contract as {}", mode.name()));
                drop(out.flush());
            }
            let gas = (mode == Mode::Wasm).then_some(reported.as_path());
            let cargo = Cargo { folder: &self.folder, mode, modules: &modules, gas, args: &self.cargo };
            let (counts, succeeded) = cargo.run(if self.json { &mut *err } else { &mut *out })?;
            summary.runs.push((mode, counts, succeeded));
        }
        if !self.native {
            for path in scenarios(&self.folder)? {
                let passed = progress::during(format!("run {}", path.display()), || play(&path))?;
                summary.scenarios.push((path, passed));
            }
        }
        summary.costs = gas::read_report(&reported)?;
        // Gas of tests that failed is gas of calls that were not made.
        if summary.is_good() {
            if self.gas_snapshot {
                summary.written = Some(gas::write_snapshot(&self.folder, &summary.costs)?);
            }
            if self.check {
                summary.differences = gas::compare(&self.folder, &summary.costs)?;
            }
        }
        Ok(summary)
    }

    /// Builds the module; gives its folder.
    fn build(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<PathBuf, TestError> {
        let vm =
            std::env::current_exe().map_err(|cause| TestError::Io { path: PathBuf::from("vm"), cause })?;
        let request = Request {
            folder: self.folder.clone(),
            sdk: self.sdk.clone(),
            out: None,
            work: shared_work(),
            vm,
            lock: Lock::Write,
            coloured: Colours::of(&std::io::stderr()) == Colours::On,
        };
        let mut teller = Teller::new(out, err, self.json);
        let (_, files) = build(&request, &mut Steps::new(&mut teller))?;
        Ok(files.module.parent().unwrap_or(Path::new(".")).to_owned())
    }

    fn text(&self, summary: &Summary) -> String {
        let mut text = String::from("\n");
        for (mode, counts, succeeded) in &summary.runs {
            let Counts { passed, failed, ignored, .. } = counts;
            let doubt = match (*succeeded, counts.programs) {
                (false, _) => "  (cargo test failed)",
                (true, 0) => "  (no test program ran)",
                (true, _) => "",
            };
            text.push_str(&format!(
                "{:<10} {passed} passed, {failed} failed, {ignored} ignored{doubt}\n",
                mode.name()
            ));
        }
        for (path, passed) in &summary.scenarios {
            text.push_str(&format!(
                "{:<10} {} {}\n",
                "scenario",
                path.strip_prefix(&self.folder).unwrap_or(path).display(),
                if *passed { "passed" } else { "FAILED: vm run shows where" }
            ));
        }
        if self.gas_report || self.gas_snapshot {
            text.push('\n');
            text.push_str(&gas::table(&summary.costs));
        }
        if let Some(path) = &summary.written {
            text.push_str(&format!("\n{} is written\n", path.display()));
        }
        if self.check && summary.differences.is_empty() && summary.is_good() {
            text.push_str(&format!("gas        as in {SNAPSHOT}\n"));
        }
        if !summary.differences.is_empty() {
            text.push_str(&format!("\ngas differs from {SNAPSHOT} (calls, least / mean / most):\n"));
            for line in &summary.differences {
                text.push_str(&format!("  {line}\n"));
            }
            text.push_str("if that is meant: vm test --gas-snapshot\n");
        }
        text
    }
}

impl Summary {
    fn is_good(&self) -> bool {
        self.runs.iter().all(|(_, counts, succeeded)| *succeeded && counts.failed == 0 && counts.programs > 0)
            && self.scenarios.iter().all(|(_, passed)| *passed)
            && self.differences.is_empty()
    }

    fn json(&self) -> Value {
        let runs: Vec<Value> = self
            .runs
            .iter()
            .map(|(mode, counts, succeeded)| {
                json!({
                    "mode": mode.name(),
                    "ok": succeeded,
                    "passed": counts.passed,
                    "failed": counts.failed,
                    "ignored": counts.ignored,
                })
            })
            .collect();
        let scenarios: Vec<Value> =
            self.scenarios.iter().map(|(path, passed)| json!({ "path": path, "ok": passed })).collect();
        json!({
            "ok": self.is_good(),
            "runs": runs,
            "scenarios": scenarios,
            "gas": self.costs,
            "gas_differences": self.differences,
            "gas_snapshot": self.written,
        })
    }
}
