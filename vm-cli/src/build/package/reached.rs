//! What a build brings in, by what cargo has resolved.
//!
//! A manifest's words are no ground to judge on: `[patch]` puts another crate of the same name in a dependency's place,
//! and a crate brings others of its own. So every package in reach is looked at, with the source that it really has.
//!
//! The SDK is known by its folder, never by its name; with it go the crates that its manifests declare by path, and what
//! it brings from crates.io may have build scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId, TargetKind};

use super::{DependencySource, Fetched, SDK};

/// The packages of a build.
pub(super) struct Reached<'a> {
    /// The contract first, then the crates in folders of their own, but for the SDK's.
    pub(super) own: Vec<&'a Package>,
    /// Those of registries and git.
    pub(super) fetched: Vec<Fetched>,
    /// Folders of crates that have the SDK's name and are not the SDK; what they use is not looked at.
    pub(super) misplaced: Vec<PathBuf>,
}

impl<'a> Reached<'a> {
    /// Walks what `root` brings in; `sdk` is the SDK's folder, canonical, if there is one.
    pub(super) fn walk(metadata: &'a Metadata, root: &PackageId, sdk: Option<&Path>) -> Self {
        let trusted = trusted(metadata, root, sdk);
        let is_misplaced = |package: &Package| {
            package.id != *root
                && package.source.is_none()
                && package.name.as_str() == SDK
                && !trusted.contains(&package.id)
        };
        let by_sdk: BTreeSet<&PackageId> = trusted
            .iter()
            .flat_map(|id| {
                reach(metadata, id, |package| package.source.is_some() || trusted.contains(&package.id))
            })
            .map(|package| &package.id)
            .collect();
        let mut reached = Self { own: Vec::new(), fetched: Vec::new(), misplaced: Vec::new() };
        for package in reach(metadata, root, |package| !is_misplaced(package)) {
            let source = source(package);
            if trusted.contains(&package.id) {
                continue;
            }
            if is_misplaced(package) {
                reached.misplaced.push(folder(package));
            } else if source == DependencySource::Local {
                reached.own.push(package);
            } else {
                reached.fetched.push(Fetched {
                    name: package.name.to_string(),
                    source,
                    origin: package.source.as_ref().map(|source| source.repr.clone()).unwrap_or_default(),
                    runs: runs(package),
                    by_sdk: by_sdk.contains(&package.id),
                });
            }
        }
        reached
    }
}

/// The SDK, and the crates that it and they declare by path: those cannot be patched.
fn trusted(metadata: &Metadata, root: &PackageId, sdk: Option<&Path>) -> BTreeSet<PackageId> {
    let is_sdk = |package: &&Package| {
        package.source.is_none()
            && package.id != *root
            && package.name.as_str() == SDK
            && sdk.is_some_and(|sdk| folder(package) == sdk)
    };
    let edges = edges(metadata);
    let mut found = BTreeSet::new();
    let mut waiting: Vec<&Package> = metadata.packages.iter().filter(is_sdk).collect();
    while let Some(package) = waiting.pop() {
        if !found.insert(package.id.clone()) {
            continue;
        }
        let declared: BTreeSet<PathBuf> = package
            .dependencies
            .iter()
            .filter_map(|dependency| dependency.path.as_ref()?.canonicalize().ok())
            .collect();
        let used = edges.get(&package.id).into_iter().flatten();
        waiting.extend(
            used.filter_map(|id| by_id(metadata, id))
                .filter(|used| used.source.is_none() && declared.contains(&folder(used))),
        );
    }
    found
}

/// All packages in reach of `root`, itself first; `enter` says which of the others are gone through.
pub(super) fn reach<'a>(
    metadata: &'a Metadata,
    root: &PackageId,
    enter: impl Fn(&Package) -> bool,
) -> Vec<&'a Package> {
    let edges = edges(metadata);
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        let Some(package) = by_id(metadata, id) else { continue };
        found.push(package);
        if package.id == *root || enter(package) {
            waiting.extend(edges.get(id).into_iter().flatten().rev());
        }
    }
    found
}

/// The dependencies that end up in the module or run while it is compiled, by package.
fn edges(metadata: &Metadata) -> BTreeMap<&PackageId, Vec<&PackageId>> {
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    nodes
        .map(|node| {
            let kept = node.deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
            });
            (&node.id, kept.map(|dependency| &dependency.pkg).collect())
        })
        .collect()
}

fn by_id<'a>(metadata: &'a Metadata, id: &PackageId) -> Option<&'a Package> {
    metadata.packages.iter().find(|package| package.id == *id)
}

fn source(package: &Package) -> DependencySource {
    match &package.source {
        None => DependencySource::Local,
        Some(source) if source.is_crates_io() => DependencySource::CratesIo,
        Some(_) => DependencySource::Elsewhere,
    }
}

/// What of a crate runs on the machine that compiles.
fn runs(package: &Package) -> Option<&'static str> {
    let has = |kind: TargetKind| package.targets.iter().any(|target| target.is_kind(kind.clone()));
    if has(TargetKind::CustomBuild) {
        Some("has a build script")
    } else if has(TargetKind::ProcMacro) {
        Some("is a procedural macro")
    } else {
        None
    }
}

/// A package's folder, canonical if it is there.
fn folder(package: &Package) -> PathBuf {
    let folder = package.manifest_path.as_std_path().parent().unwrap_or(Path::new(""));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
