//! `vm bindgen` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use miette::Report;
use serde_json::json;

use super::build::json_text;
use super::{Exit, fail};
use crate::bindgen::{BindgenError, rust, typescript};
use crate::build::artefact::write;
use crate::files;
use crate::interface::parse;
use crate::new::sdk;

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
    /// Rust: the folder of contract-sdk (default: where this `vm` was built; it is not on crates.io).
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// NAME.ts, and vm-scale.ts beside it.
    Typescript,
    /// A crate NAME_client for other contracts.
    Rust,
}

impl BindgenArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.files().and_then(|files| self.store(&files)) {
            Ok(text) => {
                drop(write!(out, "{text}"));
                Exit::Ok
            }
            Err((exit, error)) => {
                fail(out, err, self.json, error);
                exit
            }
        }
    }

    /// The client's files: names and texts.
    fn files(&self) -> Result<Vec<(String, String)>, (Exit, Report)> {
        let path = self.interface.display();
        let bad = |report: Report| (Exit::BadInput, report);
        let text = files::read_text(&self.interface, files::TEXT_BYTES_MAX).map_err(|error| {
            bad(miette::miette!(
                help = "give the NAME.json that `vm build` wrote",
                "cannot read {path}: {error}"
            ))
        })?;
        let interface = parse(&text)
            .map_err(|cause| bad(BindgenError::Interface { path: path.to_string(), cause }.into()))?;
        match self.lang {
            Language::Typescript => {
                let client = typescript::client(&interface).map_err(|error| bad(error.into()))?;
                Ok(vec![
                    (format!("{}.ts", interface.name), client),
                    ("vm-scale.ts".to_owned(), typescript::SCALE.to_owned()),
                ])
            }
            Language::Rust => {
                let sdk = sdk(self.sdk.as_deref()).map_err(|error| bad(error.into()))?;
                rust::client(&interface, &sdk).map_err(|error| bad(error.into()))
            }
        }
    }

    fn store(&self, files: &[(String, String)]) -> Result<String, (Exit, Report)> {
        let failed = |error: Report| (Exit::NodeFailure, error);
        let mut paths: Vec<PathBuf> = Vec::new();
        for (name, text) in files {
            let path = self.out.join(name);
            let folder = path.parent().unwrap_or(&self.out);
            std::fs::create_dir_all(folder)
                .map_err(|error| failed(miette::miette!("{}: {error}", folder.display())))?;
            write(&path, text.as_bytes()).map_err(|error| failed(error.into()))?;
            paths.push(path);
        }
        if self.json {
            return Ok(json_text(&json!({ "ok": true, "files": paths })));
        }
        Ok(paths.iter().map(|path| format!("{}\n", path.display())).collect())
    }
}
