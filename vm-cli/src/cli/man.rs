//! `vm man` on the command line.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use miette::Report;
use serde_json::json;

use super::build::json_text;
use super::{Cli, Exit, fail};
use crate::build::BuildError;
use crate::build::artefact::write;

pub(super) const EXIT_CODES: &str = "Read it at once: vm man | man -l -

Exit codes:
  0  the pages are written
  2  the command line is wrong
  3  a file could not be written";

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write vm.1 and a page for each command into this folder (default: the main page to standard output).
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

impl ManArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.shown() {
            Ok(shown) => {
                drop(out.write_all(&shown).and_then(|()| out.flush()));
                Exit::Ok
            }
            Err(error) => {
                fail(out, err, self.json, error);
                Exit::NodeFailure
            }
        }
    }

    fn shown(&self) -> Result<Vec<u8>, Report> {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let (page, files) = match &self.out {
            Some(folder) => (None, store(&command, folder)?),
            None => (Some(page(&command)?), Vec::new()),
        };
        if self.json {
            let page = page.as_deref().map(String::from_utf8_lossy);
            return Ok(json_text(&json!({ "ok": true, "page": page, "files": files })).into_bytes());
        }
        let paths: String = files.iter().map(|path| format!("{}\n", path.display())).collect();
        Ok(page.unwrap_or_else(|| paths.into_bytes()))
    }
}

fn page(command: &Command) -> Result<Vec<u8>, Report> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| miette::miette!("the page cannot be made: {error}"))?;
    Ok(page)
}

/// The main page, and one for each command.
fn store(command: &Command, folder: &Path) -> Result<Vec<PathBuf>, Report> {
    std::fs::create_dir_all(folder).map_err(BuildError::io(folder))?;
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let mut files = Vec::new();
    for command in std::iter::once(command).chain(commands) {
        let man = Man::new(command.clone());
        let path = folder.join(man.get_filename());
        write(&path, &page(command)?)?;
        files.push(path);
    }
    Ok(files)
}
