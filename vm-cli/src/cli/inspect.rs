//! `vm inspect` on the command line.

use std::io::Write;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};

use clap::Args;
use miette::Diagnostic;
use vm_chain::chain::Spec;
use vm_core::Params;

use super::Exit;
use super::outcome::{ChainArgs, Done, Failed, Output, finish};
use crate::colours::Colours;
use crate::files::{self, MODULE_BYTES_MAX};
use crate::inspect::{InspectError, Report, inspect, text};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  it is valid: nodes take the module
  1  it is not valid: nodes refuse the module; says why and what to do
  2  the command line is wrong, or the file cannot be read or is neither a module nor an interface
  3  the chain or this machine failed";

#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// The file of a module or of an interface's JSON; or a contract on the chain, by address or name.
    #[arg(value_name = "FILE|CONTRACT")]
    what: String,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Debug, Diagnostic, thiserror::Error)]
enum FileError {
    #[error("cannot read {}: {cause}", path.display())]
    #[diagnostic(help("give NAME.wasm or NAME.json, as `vm build` writes them"))]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error(transparent)]
    #[diagnostic(transparent)]
    Inspect(#[from] InspectError),
}

impl From<FileError> for Failed {
    fn from(error: FileError) -> Self {
        Self::input(error)
    }
}

impl InspectArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let path = Path::new(&self.what);
        // What looks like a file is one, so that a wrong path is not looked for on a chain.
        let is_file = path.exists() || path.extension().is_some() || self.what.contains(MAIN_SEPARATOR);
        let report = if is_file { self.file(path)? } else { self.deployed()? };
        let mut shown = String::new();
        let written = text::write(&mut shown, &report, Colours::of(&std::io::stdout()));
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        Ok(Output::new(if report.ok { Exit::Ok } else { Exit::Unmet }, shown, &report))
    }

    fn file(&self, path: &Path) -> Result<Report, Failed> {
        // The rules that `vm build` holds modules to.
        let bytes = read(path)?;
        Ok(inspect(&self.what, &bytes, &Params::default()).map_err(FileError::Inspect)?)
    }

    fn deployed(&self) -> Result<Report, Failed> {
        let session = self.chain.open()?;
        let found = session.contract(&self.what)?.info;
        let code = session.api().code(found.code_hash.0)?.code.0;
        let spec = Spec::from_bytes(&session.params().spec.0)
            .map_err(|error| Failed::machine(miette::miette!("the chain's rules can't be read: {error}")))?;
        let shown = format!("{} at {}", found.name, found.address);
        Ok(inspect(&shown, &code, &spec.params).map_err(FileError::Inspect)?)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    files::read(path, MODULE_BYTES_MAX)
        .map_err(|cause| FileError::Unreadable { path: path.to_owned(), cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_any_module_is_refused_and_not_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MODULE_BYTES_MAX + 1).unwrap();
        let error = read(file.path()).unwrap_err();
        assert!(error.to_string().ends_with("it has more than 67108864 bytes"), "{error}");
        file.as_file().set_len(MODULE_BYTES_MAX).unwrap();
        assert!(read(file.path()).is_ok());
    }
}
