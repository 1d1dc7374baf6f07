//! The compiler for wasm, from whatever the machine has (DESIGN section 9).
//!
//! In this order: rustup's stable toolchain, if it has the target; the `rustc` in `PATH`, if it has; Debian's
//! packages `rustc-web`, `cargo-web` and `rust-web-src`, whose library source becomes a private sysroot once
//! (`sysroot.rs`). Nothing is installed here: where all are missing, the error holds the command that gets one.
//!
//! Two compilers give two different modules, so the compiler's full name goes beside every module ([`Compiler`]).

mod sysroot;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::Diagnostic;
use serde::Serialize;

use super::package::Settings;
use crate::cli::Exit;

/// The target that contracts are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Which operators appear: MVP, and the two extensions that halve the cost of a call.
pub const FEATURES: [&str; 4] = ["-C", "target-cpu=mvp", "-C", "target-feature=+bulk-memory,+sign-ext"];

/// What `wasm-opt` does: smallest code from the same operators, until nothing gets smaller.
pub const OPTIMISE: [&str; 5] =
    ["--mvp-features", "--enable-bulk-memory", "--enable-sign-ext", "-Oz", "--converge"];

/// The variable that chooses a source: `rustup`, `path` or `debian`.
const SOURCE_VARIABLE: &str = "VM_WASM_SOURCE";

/// Where a compiler comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// rustup's stable toolchain.
    Rustup,
    /// The `rustc` in `PATH`.
    Path,
    /// Debian's packages.
    Debian,
}

impl Source {
    const ALL: [Self; 3] = [Self::Rustup, Self::Path, Self::Debian];

    /// The name by which `VM_WASM_SOURCE` chooses it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Path => "path",
            Self::Debian => "debian",
        }
    }
}

/// Why there is no compiler.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum ToolchainError {
    /// None was found.
    #[error("no compiler for {TARGET} is here")]
    #[diagnostic(help("get one:\n  {}", .0.join("\n  ")))]
    Missing(Vec<String>),
    /// One that was asked for is not there.
    #[error("{SOURCE_VARIABLE} asks for {wanted}, which has no compiler for {TARGET} here")]
    #[diagnostic(help("get it:\n  {command}\nor unset {SOURCE_VARIABLE}"))]
    NotThere {
        /// Which.
        wanted: &'static str,
        /// What gets it.
        command: String,
    },
    /// The variable holds something else.
    #[error("{SOURCE_VARIABLE} is {0:?}; it may be rustup, path or debian")]
    BadSource(String),
    /// No cargo to read the crate with.
    #[error("there is no cargo in PATH")]
    #[diagnostic(help("install Rust: https://rustup.rs"))]
    NoCargo,
    /// A compiler without a linker.
    #[error("there is no linker for wasm beside Debian's compiler")]
    #[diagnostic(help("apt-get install lld-19"))]
    NoLinker,
    /// The compiler does not say what it is.
    #[error("{} does not run: {reason}", program.display())]
    Broken {
        /// Which program.
        program: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The sysroot cannot be made.
    #[error("core and alloc could not be built into {}:\n{reason}", folder.display())]
    Sysroot {
        /// Where it should be.
        folder: PathBuf,
        /// What cargo or the system says.
        reason: String,
    },
}

impl ToolchainError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Missing(_)
            | Self::NotThere { .. }
            | Self::BadSource(_)
            | Self::NoCargo
            | Self::NoLinker => Exit::BadInput,
            Self::Broken { .. } | Self::Sysroot { .. } => Exit::NodeFailure,
        }
    }
}

/// A compiler that was found.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Where it comes from.
    pub source: Source,
    /// The compiler.
    pub rustc: PathBuf,
    /// Its cargo.
    pub cargo: PathBuf,
    /// The linker; none where the compiler knows its own.
    pub linker: Option<PathBuf>,
    /// What `rustc -vV` says.
    pub version: String,
    /// The compiler's own sysroot.
    pub own_sysroot: PathBuf,
    /// `wasm-opt`, if it is here.
    pub wasm_opt: Option<PathBuf>,
}

/// What made a module: the same compiler makes the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compiler {
    /// Where the compiler comes from.
    pub source: Source,
    /// Its version.
    pub rustc: String,
    /// The commit it was built from.
    pub commit: String,
    /// Its LLVM.
    pub llvm: String,
    /// The version of `wasm-opt`, or `none`.
    #[serde(rename = "wasm-opt")]
    pub wasm_opt: String,
    /// The flags that decide about operators and memory.
    pub flags: String,
}

impl std::fmt::Display for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "source: {}", self.source.name())?;
        writeln!(f, "rustc: {}", self.rustc)?;
        writeln!(f, "commit: {}", self.commit)?;
        writeln!(f, "llvm: {}", self.llvm)?;
        writeln!(f, "wasm-opt: {}", self.wasm_opt)?;
        writeln!(f, "flags: {}", self.flags)
    }
}

/// The cargo that reads manifests: any will do.
///
/// # Errors
///
/// [`ToolchainError::NoCargo`].
pub fn any_cargo() -> Result<PathBuf, ToolchainError> {
    which::which("cargo")
        .ok()
        .or_else(|| debian_file("cargo-web", "bin/cargo"))
        .ok_or(ToolchainError::NoCargo)
}

impl Toolchain {
    /// Looks for a compiler.
    ///
    /// # Errors
    ///
    /// [`ToolchainError`], with what to do.
    pub fn find() -> Result<Self, ToolchainError> {
        let chosen = env::var(SOURCE_VARIABLE).ok().filter(|chosen| !chosen.is_empty());
        if let Some(chosen) = chosen {
            let source = Source::ALL
                .into_iter()
                .find(|source| source.name() == chosen)
                .ok_or(ToolchainError::BadSource(chosen))?;
            let command = command_for(source);
            return Self::from(source)?.ok_or(ToolchainError::NotThere { wanted: source.name(), command });
        }
        for source in Source::ALL {
            if let Some(found) = Self::from(source)? {
                return Ok(found);
            }
        }
        let here = |program: &str| which::which(program).is_ok();
        let mut commands = Vec::new();
        if here("rustup") || !here("apt-get") {
            commands.push(command_for(Source::Rustup));
        }
        if here("apt-get") {
            commands.push(command_for(Source::Debian));
        }
        Err(ToolchainError::Missing(commands))
    }

    fn from(source: Source) -> Result<Option<Self>, ToolchainError> {
        let (rustc, cargo, own_sysroot, linker) = match source {
            Source::Rustup => {
                let sysroot = answer("rustup", &["run", "stable", "rustc", "--print", "sysroot"]);
                let Some(sysroot) = sysroot.map(PathBuf::from).filter(|sysroot| has_target(sysroot)) else {
                    return Ok(None);
                };
                // Named, so that a `linker` of cargo's own configuration does not count.
                let linker = Some(PathBuf::from("rust-lld"));
                (program(&sysroot, "rustc"), program(&sysroot, "cargo"), sysroot, linker)
            }
            Source::Path => {
                let (Ok(rustc), Ok(cargo)) = (which::which("rustc"), which::which("cargo")) else {
                    return Ok(None);
                };
                let sysroot = answer(&rustc, &["--print", "sysroot"]);
                let Some(sysroot) = sysroot.map(PathBuf::from).filter(|sysroot| has_target(sysroot)) else {
                    return Ok(None);
                };
                (rustc, cargo, sysroot, None)
            }
            Source::Debian => {
                let (Some(rustc), Some(cargo)) =
                    (debian_file("rustc-web", "bin/rustc"), debian_file("cargo-web", "bin/cargo"))
                else {
                    return Ok(None);
                };
                let Some(sysroot) = answer(&rustc, &["--print", "sysroot"]).map(PathBuf::from) else {
                    return Ok(None);
                };
                if !library_source(&sysroot).join("library/Cargo.lock").exists() {
                    return Ok(None);
                }
                let linker = find_linker().ok_or(ToolchainError::NoLinker)?;
                (rustc, cargo, sysroot, Some(linker))
            }
        };
        let version = run(&rustc, &["-vV"])?;
        let wasm_opt = which::which("wasm-opt").ok();
        Ok(Some(Self { source, rustc, cargo, linker, version, own_sysroot, wasm_opt }))
    }

    /// Where the compiler's library source is, or would be.
    #[must_use]
    pub fn library_source(&self) -> PathBuf {
        library_source(&self.own_sysroot)
    }

    /// Makes ready what has to be made once, and gives the flags for rustc, the same on every machine but for paths.
    ///
    /// # Errors
    ///
    /// [`ToolchainError::Sysroot`].
    pub fn flags(&self, settings: &Settings) -> Result<Vec<OsString>, ToolchainError> {
        let mut flags = Vec::new();
        if self.source == Source::Debian {
            flags.push("--sysroot".into());
            flags.push(sysroot::make(self)?.into());
        }
        flags.extend(FEATURES.map(OsString::from));
        flags.extend(linker_flags(settings).into_iter().map(OsString::from));
        Ok(flags)
    }

    /// Whether the first build has to make the sysroot, which takes most of a minute.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.source != Source::Debian || sysroot::exists(self)
    }

    /// The compiler's full name.
    #[must_use]
    pub fn compiler(&self, settings: &Settings) -> Compiler {
        let line = |key: &str| {
            let found = self.version.lines().find_map(|line| line.strip_prefix(key));
            found.unwrap_or_default().to_owned()
        };
        let wasm_opt = self.wasm_opt.as_ref().and_then(|program| answer(program, &["--version"]));
        let wasm_opt = wasm_opt.map(|text| text.trim_start_matches("wasm-opt version ").to_owned());
        let flags: Vec<String> =
            FEATURES.iter().map(|&flag| flag.to_owned()).chain(linker_flags(settings)).collect();
        Compiler {
            source: self.source,
            rustc: line("rustc "),
            commit: line("commit-hash: "),
            llvm: line("LLVM version: "),
            wasm_opt: wasm_opt.unwrap_or_else(|| "none".to_owned()),
            flags: flags.join(" "),
        }
    }
}

fn linker_flags(settings: &Settings) -> Vec<String> {
    let memory = u64::from(settings.memory_pages).saturating_mul(65_536);
    [format!("-zstack-size={}", settings.stack_bytes), format!("--max-memory={memory}")]
        .into_iter()
        .flat_map(|argument| ["-C".to_owned(), format!("link-arg={argument}")])
        .collect()
}

/// The command that gets a compiler from there.
fn command_for(source: Source) -> String {
    match source {
        Source::Rustup if which::which("rustup").is_ok() => format!("rustup target add {TARGET}"),
        Source::Rustup => format!("https://rustup.rs, then: rustup target add {TARGET}"),
        Source::Path => format!("your distribution's package of Rust's {TARGET}"),
        Source::Debian => "apt-get install rustc-web cargo-web rust-web-src lld-19 binaryen".to_owned(),
    }
}

fn has_target(sysroot: &Path) -> bool {
    sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
}

fn program(sysroot: &Path, name: &str) -> PathBuf {
    sysroot.join("bin").join(name).with_extension(env::consts::EXE_EXTENSION)
}

fn library_source(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/src/rust")
}

/// The package's file whose path ends so. dpkg is asked, since rustup's compiler may stand first in `PATH`.
fn debian_file(package: &str, end: &str) -> Option<PathBuf> {
    let files = answer("dpkg", &["-L", package])?;
    files.lines().map(Path::new).find(|path| path.ends_with(end)).map(Path::to_owned)
}

/// A linker for Debian's compiler: rustup's, else lld's; they give the same bytes.
fn find_linker() -> Option<PathBuf> {
    if let Some(linker) = env::var_os("VM_WASM_LINKER").filter(|linker| !linker.is_empty()) {
        return Some(linker.into());
    }
    let rustup = answer("rustup", &["run", "stable", "rustc", "--print", "sysroot"]).and_then(|sysroot| {
        let targets = std::fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok()?;
        let linkers = targets.flatten().map(|target| target.path().join("bin/rust-lld"));
        linkers.into_iter().find(|linker| linker.is_file())
    });
    rustup.or_else(|| ["wasm-ld-19", "wasm-ld", "rust-lld"].iter().find_map(|name| which::which(name).ok()))
}

/// What a program prints, trimmed; none if it is not there or fails.
fn answer(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    run(program.as_ref(), arguments).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn run(program: &Path, arguments: &[&str]) -> Result<String, ToolchainError> {
    let broken = |reason: String| ToolchainError::Broken { program: program.to_owned(), reason };
    let output = Command::new(program).args(arguments).output().map_err(|error| broken(error.to_string()))?;
    if !output.status.success() {
        return Err(broken(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
