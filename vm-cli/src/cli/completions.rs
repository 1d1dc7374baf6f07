//! `vm completions` on the command line.

use std::io::Write;

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};
use serde_json::json;

use super::build::json_text;
use super::{Cli, Exit};

pub(super) const EXIT_CODES: &str = "Where the script goes:
  bash        vm completions bash > ~/.local/share/bash-completion/completions/vm
  zsh         vm completions zsh > ~/.zfunc/_vm    (~/.zfunc must be in $fpath)
  fish        vm completions fish > ~/.config/fish/completions/vm.fish
  powershell  vm completions powershell >> $PROFILE
  elvish      vm completions elvish >> ~/.config/elvish/rc.elv

Exit codes:
  0  the script is on standard output
  2  the command line is wrong";

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

impl CompletionsArgs {
    pub(super) fn execute(&self, out: &mut dyn Write) -> Exit {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "vm", &mut script);
        if self.json {
            let script = String::from_utf8_lossy(&script);
            let document = json!({ "ok": true, "shell": self.shell.to_string(), "script": script });
            script_written(out, json_text(&document).as_bytes());
        } else {
            script_written(out, &script);
        }
        Exit::Ok
    }
}

/// A reader that has gone (`| head`) is no failure.
fn script_written(out: &mut dyn Write, bytes: &[u8]) {
    drop(out.write_all(bytes).and_then(|()| out.flush()));
}
