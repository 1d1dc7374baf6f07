//! Why there is no module.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use vm_host::ModuleError;

use super::toolchain::ToolchainError;
use crate::cli::Exit;
use crate::new::NewError;

/// Why a build did not come to an end.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum BuildError {
    /// The folder holds no crate.
    #[error("there is no Cargo.toml in {}", .0.display())]
    #[diagnostic(help(
        "give the folder of a contract's crate, or make one: vm new my_token --template token"
    ))]
    NoCrate(PathBuf),
    /// The folder holds a workspace.
    #[error("{} is a workspace, not a crate", folder.display())]
    #[diagnostic(help("give one of its members: {}", members.join(", ")))]
    Workspace {
        /// The folder.
        folder: PathBuf,
        /// Its members' folders.
        members: Vec<String>,
    },
    /// Not a library.
    #[error("the crate `{0}` has no library, and a contract is one")]
    #[diagnostic(help("put the contract into src/lib.rs"))]
    NoLibrary(String),
    /// `[package.metadata.vm]` is wrong.
    #[error("{}: [package.metadata.vm]: {reason}", manifest.display())]
    #[diagnostic(help("its keys are allow-dependencies, stack-bytes and memory-pages (docs/building.md)"))]
    Settings {
        /// The manifest.
        manifest: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder that was named holds no SDK.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sdk(NewError),
    /// Cargo refuses the manifest or the lock file.
    #[error("cargo cannot read {}:\n{reason}", manifest.display())]
    Metadata {
        /// The manifest.
        manifest: PathBuf,
        /// What cargo says.
        reason: String,
    },
    /// The profile in the workspace's manifest is wrong.
    #[error("{}: [profile.release] {key}: {reason}", manifest.display())]
    #[diagnostic(help("a contract's profile may set {} (docs/building.md)", super::profile::KEYS.join(", ")))]
    Profile {
        /// The manifest.
        manifest: PathBuf,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no compiler for wasm.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Toolchain(#[from] ToolchainError),
    /// The source breaks rules; they have been shown.
    #[error("{count} in the source; nothing was compiled", count = problems(*.0))]
    Source(usize),
    /// rustc refuses the source; it has said why.
    #[error("the crate does not compile")]
    #[diagnostic(help("what rustc says stands above"))]
    Compile,
    /// The compiler made something else than a module.
    #[error("the compiler's output is no wasm module: {0}")]
    Output(String),
    /// `wasm-opt` failed.
    #[error("wasm-opt failed on the module: {0}")]
    #[diagnostic(help("take it out of PATH to build without it, or install another version"))]
    Optimise(String),
    /// The module is one that no node would take.
    #[error("nodes would refuse the module: {0}")]
    #[diagnostic(help("{}", crate::inspect::help(.0)))]
    Module(#[from] ModuleError),
    /// The module does not offer what the source says.
    #[error("the module's functions are [{found}], the source's are [{expected}]", found = found.join(", "), expected = expected.join(", "))]
    #[diagnostic(help(
        "mark functions with #[init], #[call] or #[view] in the module under #[contract] itself"
    ))]
    Interface {
        /// In the module.
        found: Vec<String>,
        /// In the source.
        expected: Vec<String>,
    },
    /// A file cannot be read or written, or a program cannot be started.
    #[error("{}: {cause}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

fn problems(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}

impl BuildError {
    /// For `map_err`: a failed read or write of `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |cause| Self::Io { path, cause }
    }

    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Source(_) | Self::Compile | Self::Module(_) | Self::Interface { .. } => Exit::Unmet,
            Self::NoCrate(_)
            | Self::Workspace { .. }
            | Self::NoLibrary(_)
            | Self::Settings { .. }
            | Self::Metadata { .. }
            | Self::Profile { .. } => Exit::BadInput,
            Self::Toolchain(error) => error.exit(),
            Self::Sdk(error) => error.exit(),
            Self::Output(_) | Self::Optimise(_) | Self::Io { .. } => Exit::NodeFailure,
        }
    }
}
