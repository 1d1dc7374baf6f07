//! `vm build`: from a contract's crate to a module that every node takes, in ten steps (R70).
//!
//! ```text
//! package ─ source ─ (outline) ─ hermetic, toolchain, profile ─ compile ─ optimise, module ─ vm-host ─ artefact
//! ```
//!
//! Invariants:
//! - the same source, lock file and compiler give the same bytes in any folder (R72); what could differ between two
//!   machines is cleared or remapped ([`hermetic`]);
//! - a module that is stored has passed [`vm_host::validate_module`], the same code that nodes run;
//! - what is stored is whole: files are written beside their place and moved there;
//! - nothing is installed, and nothing outside the target folder and the cached sysroot is written.

pub mod artefact;
pub mod compile;
pub mod error;
pub mod finding;
pub mod hermetic;
pub mod module;
pub mod optimise;
pub mod package;
pub mod profile;
pub mod sizes;
pub mod source;
pub mod step;
pub mod toolchain;

use std::path::{Path, PathBuf};

use vm_core::{Hash, Params};
use vm_host::{ModuleInfo, validate_module};

use crate::interface::Interface;
use crate::value::grouped_count;
use artefact::Files;
pub use error::BuildError;
use optimise::Optimised;
use package::{Lock, Package};
use sizes::Sizes;
use source::{Checked, Outline};
pub use step::{Done, Observer, Step, Steps};
use toolchain::{Compiler, Toolchain};

/// What to build.
#[derive(Clone, Debug)]
pub struct Request {
    /// The crate's folder.
    pub folder: PathBuf,
    /// The folder of the SDK (default: the one that this program was built with).
    pub sdk: Option<PathBuf>,
    /// Where the artefact goes (default: `vm` in cargo's target folder).
    pub out: Option<PathBuf>,
    /// Where cargo keeps what it makes (default: `vm/work` in cargo's target folder).
    pub work: Option<PathBuf>,
    /// The `vm` program, which cargo calls in the compiler's place.
    pub vm: PathBuf,
    /// Whether the lock file may be made or brought up to date.
    pub lock: Lock,
    /// Whether rustc's words keep their colours.
    pub coloured: bool,
}

/// A module that nodes take, not yet stored.
#[derive(Debug)]
pub struct Made {
    /// The crate.
    pub package: Package,
    /// What compiled it.
    pub compiler: Compiler,
    /// The bytes.
    pub module: Optimised,
    /// Their hash, by which the chain knows them.
    pub code_hash: Hash,
    /// What validation learnt.
    pub info: ModuleInfo,
    /// The interface for people's tools.
    pub interface: Interface,
    /// Where the bytes are.
    pub sizes: Sizes,
}

/// Steps 1 to 8: everything but storing.
///
/// # Errors
///
/// [`BuildError`]; findings and rustc's messages have gone to the observer.
pub fn make(request: &Request, steps: &mut Steps<'_>) -> Result<Made, BuildError> {
    let package = steps.run(Step::Read, || {
        let sdk = sdk(request.sdk.as_deref())?;
        let package = Package::read(&request.folder, sdk.as_deref(), &toolchain::any_cargo()?, request.lock)?;
        let said = format!("{} {}", package.name, package.version);
        Ok((package, said))
    })?;

    let checked = steps.run(Step::Validate, || {
        let checked = source::check(&package).map_err(BuildError::io(&package.manifest))?;
        let said = validated(&checked);
        Ok((checked, said))
    })?;
    if !checked.findings.is_empty() {
        steps.observer().findings(&checked.findings);
        return Err(BuildError::Source(checked.findings.len()));
    }
    // Without findings there is exactly one contract.
    let outline = steps.run(Step::Interface, || match checked.contracts.first() {
        Some(outline) => Ok((outline, outlined(outline))),
        None => Err(BuildError::Source(1)),
    })?;
    let expected: Vec<&str> = outline.functions.iter().map(|function| function.name.as_str()).collect();
    steps.run(Step::Entries, || Ok(((), format!("{} (by #[contract])", listed(&expected)))))?;

    let (compiler, prepared, wasm_opt) = steps.run(Step::Prepare, || {
        let toolchain = Toolchain::find()?;
        let compiler = toolchain.compiler(&package.settings);
        let work = request.work.clone().unwrap_or_else(|| package.target_folder.join("vm/work"));
        let prepared = compile::prepare(&package, &toolchain, &work, &request.vm)?;
        let version = compiler.rustc.split(' ').next().unwrap_or_default();
        let said = format!("rustc {version} ({})", toolchain.source.name());
        Ok(((compiler, prepared, toolchain.wasm_opt), said))
    })?;

    let mut words = Vec::new();
    let linked = steps.run(Step::Compile, || {
        let linked = compile::compile(prepared, request.coloured, &mut words)?;
        let said = format!("{} bytes linked", grouped_count(linked.len()));
        Ok((linked, said))
    });
    if !words.is_empty() {
        steps.observer().compiler(&String::from_utf8_lossy(&words));
    }
    let linked = linked?;

    let module = steps.run(Step::Optimise, || {
        let module = optimise::optimise(&linked, wasm_opt.as_deref())?;
        let how = match &wasm_opt {
            Some(_) => format!("wasm-opt {}", compiler.wasm_opt),
            None => "stripped only: no wasm-opt here (Debian: apt-get install binaryen)".to_owned(),
        };
        let said = format!("{} bytes, {how}", grouped_count(module.code.len()));
        Ok((module, said))
    })?;

    let info = steps.run(Step::Check, || {
        let info = validate_module(&module.code, &Params::default())?;
        let found: Vec<&str> =
            info.interface.functions.iter().map(|function| function.name.as_str()).collect();
        agree(&found, &expected)?;
        let said =
            format!("as nodes do: {} functions, {} to {} pages", found.len(), info.pages, info.pages_max);
        Ok((info, said))
    })?;

    let code_hash = Hash::of_code(&module.code);
    let interface = Interface::from(&info.interface);
    let sizes = sizes::measure(&module.code, module.named.as_deref())?;
    Ok(Made { package, compiler, module, code_hash, info, interface, sizes })
}

/// All ten steps. Gives the files that were written.
///
/// # Errors
///
/// [`BuildError`], as [`make`], and files that cannot be written.
pub fn build(request: &Request, steps: &mut Steps<'_>) -> Result<(Made, Files), BuildError> {
    let made = make(request, steps)?;
    let files = steps.run(Step::Store, || {
        let folder = request.out.clone().unwrap_or_else(|| made.package.target_folder.join("vm"));
        let files = artefact::store(&made, &folder)?;
        let said = format!("{}, {}", made.package.shown(&files.module), made.package.shown(&files.interface));
        Ok((files, said))
    })?;
    steps.run(Step::Name, || Ok(((), made.code_hash.to_string())))?;
    Ok((made, files))
}

/// The folder of the SDK, canonical; none where this program's sources are gone: whatever a contract calls its SDK is
/// then refused with what to do.
fn sdk(given: Option<&Path>) -> Result<Option<PathBuf>, BuildError> {
    match crate::new::sdk(given) {
        Ok(folder) => Ok(Some(folder)),
        Err(_) if given.is_none() => Ok(None),
        Err(error) => Err(BuildError::Sdk(error)),
    }
}

/// The module offers what its source says, in this order.
fn agree(found: &[&str], expected: &[&str]) -> Result<(), BuildError> {
    if found == expected {
        return Ok(());
    }
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Err(BuildError::Interface { found: owned(found), expected: owned(expected) })
}

fn validated(checked: &Checked) -> String {
    let files = counted(checked.files.len(), "file", "files");
    match checked.findings.len() {
        0 => format!("{files}, {} lines, nothing found", grouped_count(checked.lines())),
        count => format!(
            "{files}, {} lines, {}",
            grouped_count(checked.lines()),
            counted(count, "problem", "problems")
        ),
    }
}

fn outlined(outline: &Outline) -> String {
    format!(
        "{}: {}, {}, {}, {}",
        outline.name,
        counted(outline.functions.len(), "function", "functions"),
        counted(outline.events, "event", "events"),
        counted(outline.errors, "error", "errors"),
        counted(outline.objects, "object", "objects"),
    )
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The first few names, and how many more there are.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let shown = names.get(..SHOWN).unwrap_or(names).join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;

    #[test]
    fn a_module_that_offers_something_else_than_its_source_is_refused() {
        assert!(agree(&["a", "b"], &["a", "b"]).is_ok());
        let error = agree(&["a"], &["a", "b"]).unwrap_err();
        assert_eq!(error.to_string(), "the module's functions are [a], the source's are [a, b]");
        assert_eq!(error.exit(), Exit::Unmet);
    }

    #[test]
    fn long_lists_are_cut_short() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
    }
}
