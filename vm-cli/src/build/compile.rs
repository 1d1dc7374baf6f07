//! Step 6: cargo and rustc, in the environment that [`hermetic`] makes.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::Message;

use super::error::BuildError;
use super::package::Package;
use super::toolchain::{TARGET, Toolchain};
use super::{hermetic, profile};

/// A cargo command that is ready to run: the result of step 5.
#[derive(Debug)]
pub struct Prepared {
    command: Command,
    manifest: PathBuf,
}

/// Fixes everything that the build will see.
///
/// `work` is where cargo keeps what it makes; `vm` is this command's own program, which cargo calls for the compiler.
///
/// # Errors
///
/// [`BuildError`]: no sysroot, a wrong profile.
pub fn prepare(
    package: &Package,
    toolchain: &Toolchain,
    work: &Path,
    vm: &Path,
) -> Result<Prepared, BuildError> {
    let flags = toolchain.flags(&package.settings)?;
    let mut command = Command::new(&toolchain.cargo);
    hermetic::environment(&mut command);
    hermetic::wrap(&mut command, vm, &package.locals, &toolchain.library_source());
    command
        .args(["rustc", "--quiet", "--locked", "--lib", "--crate-type", "cdylib", "--release"])
        .args(["--target", TARGET, "--message-format", "json-diagnostic-rendered-ansi"])
        .arg("--manifest-path")
        .arg(&package.manifest)
        .arg("--target-dir")
        .arg(work.join(hermetic::RECIPE));
    for setting in profile::config(&package.workspace, &package.name)? {
        command.args(["--config", &setting]);
    }
    command
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\u{1f}")))
        .stdin(Stdio::null());
    if let Some(linker) = &toolchain.linker {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    Ok(Prepared { command, manifest: package.manifest.clone() })
}

/// Compiles; what rustc says of the contract goes to `say`. Gives the linked module's bytes.
///
/// # Errors
///
/// [`BuildError::Compile`] after rustc's words; others for what lies around it.
pub fn compile(mut prepared: Prepared, coloured: bool, say: &mut dyn Write) -> Result<Vec<u8>, BuildError> {
    let output =
        prepared.command.output().map_err(BuildError::io(Path::new(prepared.command.get_program())))?;
    let mut module = None;
    for message in Message::parse_stream(output.stdout.as_slice()).flatten() {
        match message {
            Message::CompilerMessage(message) => {
                let rendered = message.message.rendered.unwrap_or_default();
                let rendered = if coloured { rendered } else { plain(&rendered) };
                // Where it cannot be shown, the error below still says that there was one.
                drop(write!(say, "{rendered}"));
            }
            Message::CompilerArtifact(artifact) => {
                let manifest = artifact.manifest_path.as_std_path();
                let wasm = |path: &&cargo_metadata::camino::Utf8PathBuf| path.extension() == Some("wasm");
                if manifest == prepared.manifest {
                    module =
                        artifact.filenames.iter().find(wasm).map(|path| path.clone().into_std_path_buf());
                }
            }
            _ => {}
        }
    }
    if !output.status.success() {
        // rustc's messages came as JSON; what cargo itself has to say is text.
        drop(say.write_all(&output.stderr));
        return Err(BuildError::Compile);
    }
    let module = module.ok_or_else(|| BuildError::Output("cargo names no file".to_owned()))?;
    std::fs::read(&module).map_err(BuildError::io(&module))
}

/// The text without its colours: `ESC [ ... letter` left out.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part
            .find(|character: char| character.is_ascii_alphabetic())
            .map_or(part.len(), |at| at.saturating_add(1));
        plain.push_str(part.get(end..).unwrap_or_default());
    }
    plain
}
