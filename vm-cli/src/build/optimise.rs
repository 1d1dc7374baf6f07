//! Step 7: `wasm-opt` where it is here, then stripping.
//!
//! Two modules come out: the one for nodes, and a twin of the same code with the functions' names, for the report of
//! sizes and for profilers. The twin is made by a run of its own, and is kept only if its code is the same to the
//! byte: names never decide what nodes get.

use std::path::Path;
use std::process::Command;

use super::error::BuildError;
use super::module;
use super::toolchain::OPTIMISE;

/// A finished module.
#[derive(Clone, Debug)]
pub struct Optimised {
    /// What nodes get.
    pub code: Vec<u8>,
    /// The same code with names, if there is one.
    pub named: Option<Vec<u8>>,
}

/// Makes a linked module small.
///
/// # Errors
///
/// [`BuildError`]: not a module, or `wasm-opt` fails.
pub fn optimise(linked: &[u8], wasm_opt: Option<&Path>) -> Result<Optimised, BuildError> {
    let Some(wasm_opt) = wasm_opt else {
        return Ok(Optimised { code: module::finished(linked)?, named: Some(linked.to_owned()) });
    };
    let small = run(wasm_opt, &module::without_names(linked)?, &[])?;
    let code = module::finished(&small)?;
    let named = run(wasm_opt, linked, &["-g"])?;
    let same = module::finished(&named)? == code;
    Ok(Optimised { code, named: same.then_some(named) })
}

fn run(wasm_opt: &Path, input: &[u8], more: &[&str]) -> Result<Vec<u8>, BuildError> {
    let folder = tempfile::tempdir().map_err(BuildError::io(&std::env::temp_dir()))?;
    let (from, to) = (folder.path().join("in.wasm"), folder.path().join("out.wasm"));
    std::fs::write(&from, input).map_err(BuildError::io(&from))?;
    let output = Command::new(wasm_opt)
        .args(OPTIMISE)
        .args(more)
        .arg(&from)
        .arg("-o")
        .arg(&to)
        .output()
        .map_err(BuildError::io(wasm_opt))?;
    if !output.status.success() {
        return Err(BuildError::Optimise(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    std::fs::read(&to).map_err(BuildError::io(&to))
}
