//! `vm build` on the command line.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use vm_core::{Address, Hash};

use super::{Exit, complain, fail, failure};
use crate::build::artefact::Files;
use crate::build::finding::{self, Finding};
use crate::build::package::Lock;
use crate::build::sizes::{Part, Sizes};
use crate::build::{BuildError, Done, Made, Observer, Request, Step, Steps, build};
use crate::colours::Colours;
use crate::value::grouped_count;

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  built
  1  the source, the compiler or the validation of the module says no
  2  the command line or the manifest is wrong, or no compiler for wasm is here; nothing was built
  3  a file could not be written or a program failed; says nothing about the contract

Environment:
  VM_WASM_SOURCE  rustup, path or debian: which compiler (default: the first of them that has the target)
  VM_WASM_HOME    where the library for Debian's compiler is kept (default: ~/.cache/vm-wasm)
  VM_WASM_LINKER  a linker for Debian's compiler (default: rustup's rust-lld, else wasm-ld)
  VM_WASM_WORK    as --work";

/// The folder that `VM_WASM_WORK` names.
pub(super) fn shared_work() -> Option<PathBuf> {
    std::env::var_os("VM_WASM_WORK").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// How many functions the report of sizes shows unless all are asked for.
const FUNCTIONS_SHOWN: usize = 8;

#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// The folder of the contract's crate.
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
    /// Write the module and its interface here instead of into target/vm.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Let cargo keep what it makes here instead of in target/vm/work; several crates may share it.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// The folder of contract-sdk (default: where this `vm` was built).
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
    /// List the sizes of all functions, not of the largest only.
    #[arg(long)]
    all_sizes: bool,
    /// Whose deployment the printed address is of: 0x and 64 digits, or @name as in scenarios.
    #[arg(long, default_value = "@alice", value_parser = address, value_name = "ADDRESS")]
    deployer: Address,
    /// The salt of that deployment, 0x and 64 digits.
    #[arg(long, default_value_t = Hash::ZERO, value_name = "HASH", hide_default_value = true)]
    salt: Hash,
}

/// `0x` and 64 digits, or `@name` as in scenarios.
pub(super) fn address(text: &str) -> Result<Address, String> {
    match text.strip_prefix('@') {
        Some(name) => Ok(Address::named(name)),
        None => text.parse().map_err(|error: vm_core::ParseIdError| error.to_string()),
    }
}

impl BuildArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let vm = match std::env::current_exe() {
            Ok(vm) => vm,
            Err(error) => {
                fail(out, err, self.json, miette::miette!("cannot tell where this program lies: {error}"));
                return Exit::NodeFailure;
            }
        };
        let request = Request {
            folder: self.folder.clone(),
            sdk: self.sdk.clone(),
            out: self.out.clone(),
            work: self.work.clone().or_else(shared_work),
            vm,
            lock: Lock::Write,
            coloured: Colours::of(&std::io::stderr()) == Colours::On,
        };
        let mut teller = Teller::new(out, err, self.json);
        let mut steps = Steps::new(&mut teller);
        let built = build(&request, &mut steps);
        let done = steps.done().to_vec();
        match built {
            Ok((made, files)) => {
                let address = Address::of_contract(&self.deployer, &self.salt, &made.code_hash);
                let text = if self.json {
                    json_text(&self.report(&made, &files, &address, &done))
                } else {
                    self.text(&made, &address)
                };
                // A reader that has gone (`| head`) is no failure of the build.
                drop(write!(out, "{text}"));
                Exit::Ok
            }
            Err(error) => {
                let exit = error.exit();
                if self.json {
                    let text = json_text(&failed(&error, &teller.findings, &done));
                    drop(write!(teller.out, "{text}"));
                }
                complain(err, error.into());
                exit
            }
        }
    }

    fn text(&self, made: &Made, address: &Address) -> String {
        let whose = if self.deployer == Address::named("alice") && self.salt == Hash::ZERO {
            "  (if @alice deploys it with salt 0; others: --deployer, --salt)"
        } else {
            ""
        };
        let shown = if self.all_sizes { usize::MAX } else { FUNCTIONS_SHOWN };
        format!("    address                   {address}{whose}\n\n{}", sizes_text(&made.sizes, shown))
    }

    fn report(&self, made: &Made, files: &Files, address: &Address, done: &[Done]) -> Value {
        json!({
            "ok": true,
            "name": made.package.library,
            "package": made.package.name,
            "version": made.package.version,
            "code_hash": made.code_hash.to_string(),
            "address": address.to_string(),
            "deployer": self.deployer.to_string(),
            "salt": self.salt.to_string(),
            "files": {
                "module": files.module,
                "interface": files.interface,
                "record": files.record,
                "named": files.named,
            },
            "compiler": made.compiler,
            "sizes": made.sizes,
            "findings": [],
            "steps": steps_json(done),
        })
    }
}

pub(super) fn json_text(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn steps_json(done: &[Done]) -> Vec<Value> {
    let one = |done: &Done| {
        json!({
            "number": done.step.number(),
            "title": done.step.title(),
            "said": done.said,
            "milliseconds": u64::try_from(done.took.as_millis()).unwrap_or(u64::MAX),
        })
    };
    done.iter().map(one).collect()
}

/// A failed build for programs.
pub(super) fn failed(error: &BuildError, findings: &[Value], done: &[Done]) -> Value {
    let mut object = failure::object(error);
    object.insert("findings".to_owned(), json!(findings));
    object.insert("steps".to_owned(), json!(steps_json(done)));
    Value::Object(object)
}

/// The table of sizes, largest functions first.
fn sizes_text(sizes: &Sizes, shown: usize) -> String {
    let line = |part: &Part| {
        let share = part.bytes.saturating_mul(1_000).checked_div(sizes.total).unwrap_or(0);
        format!("  {:>7}  {:>2}.{} %  {}\n", grouped_count(part.bytes), share / 10, share % 10, part.name)
    };
    let mut text = format!("    size                      {} bytes\n\n", grouped_count(sizes.total));
    let mut sections = sizes.sections.clone();
    sections.sort_by_key(|part| std::cmp::Reverse(part.bytes));
    text.push_str("by section\n");
    sections.iter().for_each(|part| text.push_str(&line(part)));
    text.push_str("\nby function, largest first\n");
    sizes.functions.iter().take(shown).for_each(|part| text.push_str(&line(part)));
    let rest = sizes.functions.get(shown..).unwrap_or_default();
    if !rest.is_empty() {
        let bytes = rest.iter().map(|part| part.bytes).sum();
        text.push_str(&line(&Part { name: format!("{} more (--all-sizes)", rest.len()), bytes }));
    }
    text
}

/// Tells people of a build: steps on standard output, problems on standard error, a spinner while a step runs.
pub(super) struct Teller<'a> {
    pub(super) out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    json: bool,
    spinner: ProgressBar,
    /// All findings, for a report in JSON.
    pub(super) findings: Vec<Value>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(out: &'a mut dyn Write, err: &'a mut dyn Write, json: bool) -> Self {
        // It draws on a terminal only.
        let style = ProgressStyle::with_template("{prefix:>2}  {msg}  {spinner} {elapsed}");
        let spinner = ProgressBar::new_spinner();
        let spinner = match style {
            Ok(style) => spinner.with_style(style),
            Err(_) => spinner,
        };
        Self { out, err, json, spinner, findings: Vec::new() }
    }
}

impl Observer for Teller<'_> {
    fn begin(&mut self, step: Step) {
        self.spinner.set_prefix(step.number().to_string());
        self.spinner.set_message(step.title());
        self.spinner.enable_steady_tick(Duration::from_millis(100));
    }

    fn done(&mut self, done: &Done) {
        self.spinner.disable_steady_tick();
        self.spinner.finish_and_clear();
        if self.json {
            return;
        }
        let (number, title) = (done.step.number(), done.step.title());
        let time = if done.step == Step::Name { String::new() } else { format!("  ({})", time(done.took)) };
        drop(writeln!(self.out, "{number:>2}  {title:<25} {}{time}", done.said));
        drop(self.out.flush());
    }

    fn failed(&mut self, step: Step) {
        self.spinner.disable_steady_tick();
        self.spinner.finish_and_clear();
        if !self.json {
            drop(writeln!(self.out, "{:>2}  {:<25} failed", step.number(), step.title()));
        }
    }

    fn findings(&mut self, findings: &[Finding]) {
        self.findings = findings.iter().map(Finding::to_json).collect();
        if !self.json {
            drop(write!(self.err, "\n{}", finding::render(findings, Colours::of(&std::io::stderr()))));
        }
    }

    fn compiler(&mut self, words: &str) {
        drop(write!(self.err, "{words}"));
    }
}

/// For people: milliseconds, or seconds with a digit.
fn time(took: Duration) -> String {
    let milliseconds = took.as_millis();
    if milliseconds < 1_000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{} s", milliseconds / 1_000, milliseconds / 100 % 10)
    }
}
