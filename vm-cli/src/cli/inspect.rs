//! `vm inspect` on the command line.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use miette::Diagnostic;
use serde_json::json;
use vm_core::Params;

use super::build::json_text;
use super::{Exit, fail};
use crate::colours::Colours;
use crate::inspect::{InspectError, Report, inspect, text};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  it is valid: nodes take the module
  1  it is not valid: nodes refuse the module; says why and what to do
  2  the command line is wrong, or the file cannot be read or is neither a module nor an interface";

/// The longest file that is read: many times what a chain can be told to take.
const FILE_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A module, or the JSON of an interface.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Diagnostic, thiserror::Error)]
enum FileError {
    #[error("cannot read {}: {cause}", path.display())]
    #[diagnostic(help("give NAME.wasm or NAME.json, as `vm build` writes them"))]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("{} is longer than {} MiB", .0.display(), FILE_BYTES_MAX >> 20)]
    #[diagnostic(help("no chain takes a module of such a length"))]
    TooLong(PathBuf),
    #[error(transparent)]
    #[diagnostic(transparent)]
    Inspect(#[from] InspectError),
}

impl InspectArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let report = read(&self.file).and_then(|bytes| {
            // The rules that `vm build` holds modules to.
            Ok(inspect(&self.file.display().to_string(), &bytes, &Params::default())?)
        });
        match report {
            Ok(report) => {
                drop(out.write_all(self.shown(&report).as_bytes()));
                if report.ok { Exit::Ok } else { Exit::Unmet }
            }
            Err(error) => {
                fail(out, err, self.json, error.into());
                Exit::BadInput
            }
        }
    }

    fn shown(&self, report: &Report) -> String {
        if self.json {
            return json_text(&json!(report));
        }
        let mut shown = String::new();
        let written = text::write(&mut shown, report, Colours::of(&std::io::stdout()));
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        shown
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |cause| FileError::Unreadable { path: path.to_owned(), cause };
    let mut bytes = Vec::new();
    let most = FILE_BYTES_MAX.saturating_add(1);
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(FileError::TooLong(path.to_owned()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_any_module_is_refused_and_not_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(FILE_BYTES_MAX + 1).unwrap();
        let error = read(file.path()).unwrap_err();
        assert!(error.to_string().ends_with("is longer than 64 MiB"), "{error}");
        file.as_file().set_len(FILE_BYTES_MAX).unwrap();
        assert!(read(file.path()).is_ok());
    }
}
