//! `vm bindgen` on the command line.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use miette::Report;
use serde_json::json;

use super::build::json_text;
use super::{Exit, complain};
use crate::bindgen::{BindgenError, typescript};
use crate::build::artefact::write;
use crate::interface::Interface;

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  the client is written
  2  the command line is wrong, or the file is no interface that a client can be made of; nothing was written
  3  a file could not be written";

#[derive(Debug, Args)]
pub(super) struct BindgenArgs {
    /// The interface, as `vm build` writes it (docs/interface.md).
    #[arg(value_name = "INTERFACE.json")]
    interface: PathBuf,
    /// The language.
    #[arg(long, value_enum, default_value_t = Language::Typescript, value_name = "LANGUAGE")]
    lang: Language,
    /// The folder to write into.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    out: PathBuf,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// NAME.ts, and scale.ts beside it.
    Typescript,
}

impl BindgenArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.files().and_then(|files| self.store(&files)) {
            Ok(text) => {
                drop(write!(out, "{text}"));
                Exit::Ok
            }
            Err((exit, error)) => {
                complain(err, error);
                exit
            }
        }
    }

    /// The client's files: names and texts.
    fn files(&self) -> Result<Vec<(String, String)>, (Exit, Report)> {
        let path = self.interface.display();
        let bad = |report: Report| (Exit::BadInput, report);
        let text = std::fs::read_to_string(&self.interface)
            .map_err(|error| bad(miette::miette!("cannot read {path}: {error}")))?;
        let interface = Interface::parse(&text)
            .map_err(|cause| bad(BindgenError::Interface { path: path.to_string(), cause }.into()))?;
        match self.lang {
            Language::Typescript => {
                let client = typescript::client(&interface).map_err(|error| bad(error.into()))?;
                Ok(vec![
                    (format!("{}.ts", interface.name), client),
                    ("scale.ts".to_owned(), typescript::SCALE.to_owned()),
                ])
            }
        }
    }

    fn store(&self, files: &[(String, String)]) -> Result<String, (Exit, Report)> {
        let failed = |error: Report| (Exit::NodeFailure, error);
        std::fs::create_dir_all(&self.out)
            .map_err(|error| failed(miette::miette!("{}: {error}", self.out.display())))?;
        let mut paths: Vec<PathBuf> = Vec::new();
        for (name, text) in files {
            let path = Path::new(&self.out).join(name);
            write(&path, text.as_bytes()).map_err(|error| failed(error.into()))?;
            paths.push(path);
        }
        if self.json {
            return Ok(json_text(&json!({ "ok": true, "files": paths })));
        }
        Ok(paths.iter().map(|path| format!("{}\n", path.display())).collect())
    }
}
