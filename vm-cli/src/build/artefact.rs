//! Step 9: the files of a build.
//!
//! | file | holds |
//! |---|---|
//! | `NAME.wasm` | the module, as nodes store it |
//! | `NAME.json` | its interface (`docs/interface.md`) |
//! | `NAME.build.json` | code hash, crate and compiler: what to say when the module is published |
//! | `NAME.named.wasm` | the same code with the names of functions, for profilers; nodes refuse it |

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::Made;
use super::error::BuildError;

/// Where a build's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The module.
    pub module: PathBuf,
    /// The interface.
    pub interface: PathBuf,
    /// What made the module.
    pub record: PathBuf,
    /// The module with names, if there is one.
    pub named: Option<PathBuf>,
}

/// Writes all files into `folder`, which is made if it is not there.
///
/// # Errors
///
/// [`BuildError::Io`].
pub fn store(made: &Made, folder: &Path) -> Result<Files, BuildError> {
    std::fs::create_dir_all(folder).map_err(BuildError::io(folder))?;
    let name = &made.package.library;
    let module = folder.join(format!("{name}.wasm"));
    let interface = folder.join(format!("{name}.json"));
    let record = folder.join(format!("{name}.build.json"));
    let named = folder.join(format!("{name}.named.wasm"));
    write(&module, &made.module.code)?;
    write(&interface, made.interface.to_json().as_bytes())?;
    let mut text = serde_json::to_string_pretty(&json!({
        "code_hash": made.code_hash.to_string(),
        "package": made.package.name,
        "version": made.package.version,
        "compiler": made.compiler,
    }))
    .unwrap_or_default();
    text.push('\n');
    write(&record, text.as_bytes())?;
    let named = match &made.module.named {
        Some(code) => {
            write(&named, code)?;
            Some(named)
        }
        None => {
            // An older one would be of other code.
            match std::fs::remove_file(&named) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(BuildError::io(&named)(error));
                }
                _ => None,
            }
        }
    };
    Ok(Files { module, interface, record, named })
}

/// Writes a file whole: beside its place first, then moved there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        readable(file.as_file())?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(BuildError::io(path))
}

/// Temporary files are their owner's alone; these are for everyone to read.
#[cfg(unix)]
fn readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
