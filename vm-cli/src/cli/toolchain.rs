//! `vm toolchain` on the command line.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::build::json_text;
use super::{Exit, fail, progress};
use crate::build::package::Settings;
use crate::build::toolchain::{Toolchain, ToolchainError};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  there is a compiler for wasm
  2  there is none, or VM_WASM_SOURCE asks for one that is not here; says what gets one
  3  what is there does not run";

#[derive(Debug, Args)]
pub(super) struct ToolchainArgs {
    /// Make ready what a first build would: the library for Debian's compiler, most of a minute.
    #[arg(long)]
    prepare: bool,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

impl ToolchainArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.report() {
            Ok(text) => {
                drop(write!(out, "{text}"));
                Exit::Ok
            }
            Err(error) => {
                let exit = error.exit();
                fail(out, err, self.json, error.into());
                exit
            }
        }
    }

    fn report(&self) -> Result<String, ToolchainError> {
        let settings = Settings::default();
        let toolchain = Toolchain::find()?;
        if self.prepare {
            progress::during("make the library for Debian's compiler", || toolchain.flags(&settings))?;
        }
        let compiler = toolchain.compiler(&settings);
        if self.json {
            return Ok(json_text(&json!({
                "ok": true,
                "compiler": compiler,
                "rustc": toolchain.rustc,
                "cargo": toolchain.cargo,
                "linker": toolchain.linker,
                "wasm_opt": toolchain.wasm_opt,
                "ready": toolchain.is_ready(),
            })));
        }
        Ok(compiler.to_string())
    }
}
