//! `vm verify` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::json;
use vm_core::{Address, Hash};

use super::build::{Teller, address, failed, json_text, steps_json};
use super::{Exit, complain, fail, progress};
use crate::build::package::Lock;
use crate::build::{Made, Request, Steps, make};
use crate::colours::Colours;
use crate::value::grouped_count;
use crate::verify::{Expected, ExpectedError};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  the same code
  1  other code, or the source no longer builds
  2  the command line or the manifest is wrong, there is nothing to compare with, or no compiler for wasm is here
  3  a file could not be read or written or a program failed; says nothing about the code";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("expected").required(true))]
pub(super) struct VerifyArgs {
    /// The folder of the contract's crate, with its Cargo.lock.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The hash that the code must have, 0x and 64 digits.
    #[arg(long, value_name = "HASH", group = "expected")]
    code_hash: Option<Hash>,
    /// The module that must come out.
    #[arg(long, value_name = "FILE", group = "expected")]
    wasm: Option<PathBuf>,
    /// The contract whose code must come out: 0x and 64 digits.
    #[arg(long, value_name = "ADDRESS", value_parser = address, requires = "store", group = "expected")]
    contract: Option<Address>,
    /// The folder of the chain that holds the contract, or a state's file.
    #[arg(long, value_name = "PATH", requires = "contract")]
    store: Option<PathBuf>,
    /// Let cargo go on from what an earlier build left here, instead of building everything anew.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// The folder of contract-sdk (default: where this `vm` was built).
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    fn expected(&self) -> Result<Expected, ExpectedError> {
        match (&self.code_hash, &self.wasm, &self.contract, &self.store) {
            (Some(code_hash), ..) => Ok(Expected::hash(*code_hash)),
            (_, Some(wasm), ..) => Expected::file(wasm),
            (_, _, Some(contract), Some(store)) => Expected::deployed(store, *contract),
            // clap has refused this.
            _ => Ok(Expected::hash(Hash::ZERO)),
        }
    }

    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let expected = match progress::during("read what is expected", || self.expected()) {
            Ok(expected) => expected,
            Err(error) => {
                let exit = error.exit();
                fail(out, err, self.json, error.into());
                return exit;
            }
        };
        let places = std::env::current_exe().and_then(|vm| Ok((vm, tempfile::tempdir()?)));
        let (vm, fresh) = match places {
            Ok(places) => places,
            Err(error) => {
                fail(out, err, self.json, miette::miette!("no place to build in: {error}"));
                return Exit::NodeFailure;
            }
        };
        let request = Request {
            folder: self.folder.clone(),
            sdk: self.sdk.clone(),
            out: None,
            work: Some(self.work.clone().unwrap_or_else(|| fresh.path().to_owned())),
            vm,
            lock: Lock::Keep,
            coloured: Colours::of(&std::io::stderr()) == Colours::On,
        };
        let mut teller = Teller::new(out, err, self.json);
        let mut steps = Steps::new(&mut teller);
        let made = make(&request, &mut steps);
        let done = steps.done().to_vec();
        let compared = made.and_then(|made| Ok((expected.differences(&made)?, made)));
        match compared {
            Ok((differences, made)) => {
                let same = made.code_hash == expected.code_hash;
                let text = if self.json {
                    json_text(&json!({
                        "ok": same,
                        "built": made.code_hash.to_string(),
                        "expected": expected.code_hash.to_string(),
                        "found": expected.found,
                        "differences": differences,
                        "compiler": made.compiler,
                        "steps": steps_json(&done),
                    }))
                } else {
                    text(&made, &expected, &differences)
                };
                drop(write!(out, "{text}"));
                if same { Exit::Ok } else { Exit::Unmet }
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
}

fn text(made: &Made, expected: &Expected, differences: &[String]) -> String {
    let bytes = |code: &[u8]| format!("  {} bytes", grouped_count(code.len()));
    let theirs = expected.code.as_deref().map(bytes).unwrap_or_default();
    let mut text = format!(
        "\nbuilt     {}{}\nexpected  {}{theirs}  ({})\n",
        made.code_hash,
        bytes(&made.module.code),
        expected.code_hash,
        expected.found
    );
    if made.code_hash == expected.code_hash {
        text.push_str("the same code\n");
        return text;
    }
    text.push_str("not the same code\n");
    for line in differences {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str("\nSource, Cargo.lock or compiler differ. The compiler here:\n");
    for line in made.compiler.to_string().lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str("NAME.build.json, which `vm build` writes beside a module, names the one that made it.\n");
    text
}
