//! The `vm` command.

use std::process::ExitCode;

use clap::Parser as _;
use vm_cli::cli::{Cli, install_diagnostics};

fn main() -> ExitCode {
    // Cargo calls `vm` in rustc's place during `vm build`.
    if let Some(code) = vm_cli::build::hermetic::serve() {
        return code;
    }
    install_diagnostics();
    // Not locked for the whole run: a spinner draws from a thread of its own, and would wait for ever.
    let exit = Cli::parse().execute(&mut std::io::stdout(), &mut std::io::stderr());
    ExitCode::from(exit.code())
}
