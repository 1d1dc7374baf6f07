//! What a contract's manifest may ask for: crates of the allow-list, no code that runs while compiling.

use std::ops::Range;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike};

use super::rules::Rule;
use crate::build::finding::{Finding, SourceFile};
use crate::build::package::{Crate, DependencySource, Fetched, Package, SDK};

/// Crates from a registry that contracts may use: small, `no_std`, the same result everywhere, no state of their own.
pub const ALLOWED: [&str; 12] = [
    "arrayvec",
    "bitflags",
    "cfg-if",
    "ethnum",
    "heapless",
    "hex",
    "hex-literal",
    "itoa",
    "num-integer",
    "num-traits",
    "static_assertions",
    "uint",
];

/// Crates that allowed ones bring and that have build scripts: `crunchy` is `uint`'s.
const BROUGHT: [&str; 1] = ["crunchy"];

/// Checks what cargo resolved, whoever brings it and whatever manifests call it; `manifest` is the contract's.
pub(super) fn resolved(package: &Package, manifest: &Arc<SourceFile>, into: &mut Vec<Finding>) {
    let document = Document::parse(manifest.text.as_str()).ok();
    let root = document.as_ref().map(|document| document.as_table());
    let allowed = &package.settings.allow_dependencies;
    let mut add = |rule: Rule, name: &str, message: String, help: &str| {
        let span = root.and_then(|root| patch_span(root, name).or_else(|| dependency_span(root, name)));
        let (file, help) = (Arc::clone(manifest), help.to_owned());
        into.push(Finding { rule, message, help, file, span: span.unwrap_or(0..0) });
    };
    for Fetched { name, source, origin, runs, by_sdk } in &package.fetched {
        if allowed.contains(name) {
            continue;
        }
        let known = [&ALLOWED[..], &BROUGHT[..]].concat().contains(&name.as_str());
        let help = Rule::Dependency.help();
        match (source, runs) {
            (DependencySource::Elsewhere, _) => {
                add(Rule::Dependency, name, format!("the crate `{name}` comes from {origin}"), help);
            }
            (_, Some(runs)) if !known && !by_sdk => {
                add(Rule::BuildCode, name, format!("the crate `{name}` {runs}"), help);
            }
            _ => {}
        }
    }
    for folder in &package.misplaced {
        let message =
            format!("the crate `{SDK}` in {} is not the SDK that this `vm` knows", folder.display());
        add(Rule::Dependency, SDK, message, "if you trust that folder, name it: --sdk FOLDER");
    }
}

/// Checks one crate's manifest.
pub(super) fn check(krate: &Crate, manifest: &Arc<SourceFile>, allowed: &[String], into: &mut Vec<Finding>) {
    let document = Document::parse(manifest.text.as_str()).ok();
    let root = document.as_ref().map(|document| document.as_table());
    let mut add = |rule: Rule, message: String, span: Option<Range<usize>>| {
        into.push(Finding {
            rule,
            message,
            help: rule.help().to_owned(),
            file: Arc::clone(manifest),
            span: span.unwrap_or(0..0),
        });
    };
    if let Some(script) = &krate.build_script {
        let span = root.and_then(|root| key_span(root.get("package")?.as_table_like()?, "build"));
        add(Rule::BuildCode, format!("the crate `{}` has a build script, {script}", krate.name), span);
    }
    if krate.is_proc_macro {
        let span = root.and_then(|root| key_span(root.get("lib")?.as_table_like()?, "proc-macro"));
        add(Rule::BuildCode, format!("`{}` is a procedural macro of the contract's own", krate.name), span);
    }
    for dependency in &krate.dependencies {
        let known = ALLOWED.contains(&dependency.name.as_str()) || allowed.contains(&dependency.name);
        let reason = match dependency.source {
            // A local crate is read as the contract's own source is.
            DependencySource::Local => continue,
            DependencySource::CratesIo if known => continue,
            DependencySource::CratesIo => "is not on the list of crates that contracts may use",
            DependencySource::Elsewhere if allowed.contains(&dependency.name) => continue,
            DependencySource::Elsewhere => "comes from neither crates.io nor a local folder",
        };
        let span = root.and_then(|root| dependency_span(root, &dependency.key));
        add(Rule::Dependency, format!("the crate `{}` {reason}", dependency.name), span);
    }
}

fn key_span(table: &dyn TableLike, key: &str) -> Option<Range<usize>> {
    table.get_key_value(key).and_then(|(key, item)| key.span().or_else(|| item.span()))
}

/// Where a dependency stands: `[dependencies]`, `[dependencies.x]`, or under a `[target]`.
fn dependency_span(root: &toml_edit::Table, key: &str) -> Option<Range<usize>> {
    let in_table = |table: &dyn TableLike| key_span(table.get("dependencies")?.as_table_like()?, key);
    let targets = root.get("target").and_then(Item::as_table_like);
    in_table(root).or_else(|| targets?.iter().find_map(|(_, target)| in_table(target.as_table_like()?)))
}

/// Where a crate is put in another's place: `[patch.REGISTRY]`.
fn patch_span(root: &toml_edit::Table, name: &str) -> Option<Range<usize>> {
    let patches = root.get("patch")?.as_table_like()?;
    patches.iter().find_map(|(_, patch)| key_span(patch.as_table_like()?, name))
}
