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
    let exit = Cli::parse().execute(&mut std::io::stdout().lock(), &mut std::io::stderr().lock());
    ExitCode::from(exit.code())
}
