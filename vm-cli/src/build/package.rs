//! Step 1: the crate, its local neighbours and its settings, as `cargo metadata` tells them.

mod reached;

use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId, TargetKind};
use serde::{Deserialize, Serialize};

use super::error::BuildError;
use super::hermetic;
use reached::{Reached, reach};

/// The name of the crate that brings `#[contract]`; the one in the SDK's folder and what it uses are not a contract's to
/// answer for.
pub const SDK: &str = "contract-sdk";

/// A contract's crate.
#[derive(Debug)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The library's name: the module is `LIBRARY.wasm`.
    pub library: String,
    /// Its manifest.
    pub manifest: PathBuf,
    /// The workspace's root: where `Cargo.lock` and profiles are.
    pub workspace: PathBuf,
    /// Cargo's target folder.
    pub target_folder: PathBuf,
    /// The folder that the command runs in; paths are shown relative to it.
    pub here: PathBuf,
    /// The contract's crate first, then the local crates that it uses, the SDK's left out.
    pub crates: Vec<Crate>,
    /// The crates of registries and git, whoever brings them.
    pub fetched: Vec<Fetched>,
    /// Folders of crates that have the SDK's name and are not the SDK.
    pub misplaced: Vec<PathBuf>,
    /// Every crate of the build that lies in a folder of its own, the SDK's among them.
    pub locals: Vec<Local>,
    /// `[package.metadata.vm]`.
    pub settings: Settings,
}

/// A crate whose source is checked.
#[derive(Debug)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its manifest.
    pub manifest: PathBuf,
    /// Its folder, canonical.
    pub folder: PathBuf,
    /// The file with its root module.
    pub root: PathBuf,
    /// Whether it is the contract itself.
    pub is_contract: bool,
    /// Whether it runs inside the compiler.
    pub is_proc_macro: bool,
    /// The build script's file name, if it has one.
    pub build_script: Option<String>,
    /// What it uses, tests and benches left out.
    pub dependencies: Vec<Dependency>,
}

/// A dependency as the manifest names it.
#[derive(Debug)]
pub struct Dependency {
    /// The crate's name.
    pub name: String,
    /// The name that the manifest gives it.
    pub key: String,
    /// Where it comes from.
    pub source: DependencySource,
}

/// Where a dependency comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencySource {
    /// A folder of this machine.
    Local,
    /// crates.io.
    CratesIo,
    /// Git, or another registry.
    Elsewhere,
}

/// A crate that cargo fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its name.
    pub name: String,
    /// Where it comes from; never [`DependencySource::Local`].
    pub source: DependencySource,
    /// The same as cargo writes it.
    pub origin: String,
    /// What of it runs while the contract is compiled, in words.
    pub runs: Option<&'static str>,
    /// Whether the SDK uses it too.
    pub by_sdk: bool,
}

/// A crate that lies in a folder of its own; its path must not reach the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Local {
    /// Its folder.
    pub folder: PathBuf,
    /// `NAME-VERSION`.
    pub identity: String,
}

/// What a contract's manifest may set, under `[package.metadata.vm]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Crates beside the allow-list that the author answers for.
    pub allow_dependencies: Vec<String>,
    /// The shadow stack, in bytes.
    pub stack_bytes: u32,
    /// The declared maximum of the memory, in pages of 64 KiB.
    pub memory_pages: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { allow_dependencies: Vec::new(), stack_bytes: 32_768, memory_pages: 16 }
    }
}

/// Whether the lock file may change while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It is made or brought up to date.
    Write,
    /// It must be there and fit: what is verified must not change.
    Keep,
}

impl Package {
    /// Reads the crate in `folder`, whose SDK must be the one in `sdk`, a canonical path.
    ///
    /// # Errors
    ///
    /// [`BuildError`]: no crate is there, cargo cannot read it, it is a workspace without a package, it has no library,
    /// or its settings are wrong.
    pub fn read(folder: &Path, sdk: Option<&Path>, cargo: &Path, lock: Lock) -> Result<Self, BuildError> {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(BuildError::NoCrate(folder.to_owned()));
        }
        let manifest = manifest.canonicalize().map_err(BuildError::io(&manifest))?;
        let metadata = metadata(&manifest, cargo, lock)?;
        let package = metadata
            .packages
            .iter()
            .find(|package| package.manifest_path.as_std_path() == manifest)
            .ok_or_else(|| BuildError::Workspace {
                folder: folder.to_owned(),
                members: members(&metadata),
            })?;
        let library = package
            .targets
            .iter()
            .find(|target| target.is_kind(TargetKind::Lib) || target.is_kind(TargetKind::CDyLib))
            .ok_or_else(|| BuildError::NoLibrary(package.name.to_string()))?;
        let settings = match package.metadata.get("vm") {
            Some(table) => Settings::deserialize(table).map_err(|error| BuildError::Settings {
                manifest: manifest.clone(),
                reason: error.to_string(),
            })?,
            None => Settings::default(),
        };
        let reached = Reached::walk(&metadata, &package.id, sdk);
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
        Ok(Self {
            name: package.name.to_string(),
            version: package.version.to_string(),
            library: library.name.clone(),
            manifest: manifest.clone(),
            workspace: metadata.workspace_root.clone().into(),
            target_folder: metadata.target_directory.clone().into(),
            crates: crates(&reached.own, &package.id)?,
            fetched: reached.fetched,
            misplaced: reached.misplaced,
            locals: locals(&metadata, &package.id),
            here,
            settings,
        })
    }

    /// A path as people are shown it: relative to where they are, if it lies below.
    #[must_use]
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.here).unwrap_or(path).display().to_string()
    }
}

fn metadata(manifest: &Path, cargo: &Path, lock: Lock) -> Result<Metadata, BuildError> {
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo).manifest_path(manifest);
    if lock == Lock::Keep {
        command.other_options(["--locked".to_owned()]);
    }
    // The crate's own command, in the same environment as the compiler's.
    let mut command = command.cargo_command();
    hermetic::environment(&mut command);
    let output = command.output().map_err(BuildError::io(cargo))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(BuildError::Metadata { manifest: manifest.to_owned(), reason });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    MetadataCommand::parse(text)
        .map_err(|error| BuildError::Metadata { manifest: manifest.to_owned(), reason: error.to_string() })
}

fn members(metadata: &Metadata) -> Vec<String> {
    let root = metadata.workspace_root.as_std_path();
    let folder = |path: &Path| Some(path.parent()?.strip_prefix(root).ok()?.display().to_string());
    metadata
        .workspace_packages()
        .iter()
        .filter_map(|package| folder(package.manifest_path.as_std_path()))
        .collect()
}

fn crates(own: &[&cargo_metadata::Package], root: &PackageId) -> Result<Vec<Crate>, BuildError> {
    own.iter().filter_map(|package| describe(package, root).transpose()).collect()
}

/// The crate to check, or none where it has no library.
fn describe(package: &cargo_metadata::Package, root: &PackageId) -> Result<Option<Crate>, BuildError> {
    let target = |kinds: &[TargetKind]| {
        package.targets.iter().find(|target| kinds.iter().any(|kind| target.is_kind(kind.clone())))
    };
    let library = target(&[TargetKind::Lib, TargetKind::RLib, TargetKind::CDyLib, TargetKind::ProcMacro]);
    let Some(library) = library else { return Ok(None) };
    let manifest: PathBuf = package.manifest_path.clone().into();
    let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
    let dependencies = package.dependencies.iter().filter(|found| found.kind != DependencyKind::Development);
    Ok(Some(Crate {
        name: package.name.to_string(),
        folder: folder.canonicalize().map_err(BuildError::io(&folder))?,
        root: library.src_path.clone().into(),
        is_contract: package.id == *root,
        is_proc_macro: library.is_kind(TargetKind::ProcMacro),
        build_script: target(&[TargetKind::CustomBuild])
            .and_then(|script| script.src_path.file_name().map(str::to_owned)),
        dependencies: dependencies.map(dependency).collect(),
        manifest,
    }))
}

fn dependency(from: &cargo_metadata::Dependency) -> Dependency {
    let source = match &from.source {
        None => DependencySource::Local,
        Some(source) if source.is_crates_io() => DependencySource::CratesIo,
        Some(_) => DependencySource::Elsewhere,
    };
    let key = from.rename.clone().unwrap_or_else(|| from.name.clone());
    Dependency { name: from.name.clone(), key, source }
}

fn locals(metadata: &Metadata, root: &PackageId) -> Vec<Local> {
    let found = reach(metadata, root, |_| true).into_iter().filter(|package| package.source.is_none());
    let mut locals: Vec<_> = found
        .filter_map(|package| {
            let folder = package.manifest_path.as_std_path().parent()?.to_owned();
            Some(Local { folder, identity: format!("{}-{}", package.name, package.version) })
        })
        .collect();
    locals.sort();
    locals
}
