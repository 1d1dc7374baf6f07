//! core and alloc for Debian's compiler, built once per compiler and flags into a folder of the user's cache.
//!
//! `-Z build-std` is needed for this alone (hence `RUSTC_BOOTSTRAP`, here only); contracts build with plain stable
//! flags.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{FEATURES, TARGET, Toolchain, ToolchainError};
use crate::build::hermetic;

const MANIFEST: &str = "[package]
name = \"make-sysroot\"
version = \"0.0.0\"
edition = \"2024\"
[workspace]
[profile.release]
opt-level = \"z\"
panic = \"abort\"
codegen-units = 1
debug = false
";

const LIBRARIES: [&str; 4] = ["libcore-", "liballoc-", "libcompiler_builtins-", "libpanic_abort-"];

/// Where sysroots live.
fn home() -> PathBuf {
    let given = env::var_os("VM_WASM_HOME").filter(|home| !home.is_empty());
    given.map_or_else(
        || Path::new(&env::var_os("HOME").unwrap_or_default()).join(".cache/vm-wasm"),
        PathBuf::from,
    )
}

fn folder(toolchain: &Toolchain) -> PathBuf {
    let recipe = format!("{}{}\nrecipe-1\n", toolchain.version, FEATURES.join(" "));
    let digest = hex::encode(vm_core::blake3(recipe.as_bytes()));
    home().join(format!("sysroot-{}", digest.get(..16).unwrap_or(&digest)))
}

/// Whether it has been made.
pub(super) fn exists(toolchain: &Toolchain) -> bool {
    folder(toolchain).join("ok").exists()
}

/// Makes it unless it exists, and gives its folder.
pub(super) fn make(toolchain: &Toolchain) -> Result<PathBuf, ToolchainError> {
    let folder = folder(toolchain);
    if exists(toolchain) {
        return Ok(folder);
    }
    let failed = |reason: String| ToolchainError::Sysroot { folder: folder.clone(), reason };
    let made = build(toolchain, &folder).map_err(|error| failed(error.to_string()))?;
    made.map_err(failed)?;
    Ok(folder)
}

/// Builds beside the final place and moves it there whole, so that a half-made sysroot is never used.
fn build(toolchain: &Toolchain, folder: &Path) -> io::Result<Result<(), String>> {
    let home = home();
    fs::create_dir_all(&home)?;
    let work = tempfile::Builder::new().prefix("make.").tempdir_in(&home)?;
    fs::create_dir(work.path().join("src"))?;
    fs::write(work.path().join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(work.path().join("Cargo.toml"), MANIFEST)?;
    let mut flags: Vec<OsString> = FEATURES.map(OsString::from).into();
    flags.push("-Cembed-bitcode=yes".into());
    let mut remap = OsString::from("--remap-path-prefix=");
    remap.push(toolchain.library_source());
    remap.push("=/rust");
    flags.push(remap);
    let mut command = Command::new(&toolchain.cargo);
    hermetic::environment(&mut command);
    let output = command
        .args(["build", "-q", "--release", "--target", TARGET, "-Z", "build-std=core,alloc,panic_abort"])
        .args(["-Z", "build-std-features=optimize_for_size,compiler-builtins-mem"])
        .arg("--manifest-path")
        .arg(work.path().join("Cargo.toml"))
        .arg("--target-dir")
        .arg(work.path().join("target"))
        .env("RUSTC", &toolchain.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(&OsString::from("\u{1f}")))
        .output()?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let made = work.path().join("sysroot");
    let library = made.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&library)?;
    for entry in fs::read_dir(work.path().join("target").join(TARGET).join("release/deps"))? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && LIBRARIES.iter().any(|start| text.starts_with(start)) {
            let from = work.path().join("target").join(TARGET).join("release/deps").join(&name);
            fs::copy(from, library.join(&name))?;
        }
    }
    fs::write(made.join("ok"), "")?;
    // Another process may have been faster: then its sysroot serves.
    match fs::rename(&made, folder) {
        Err(_) if folder.join("ok").exists() => Ok(Ok(())),
        Err(_) if folder.exists() => {
            fs::remove_dir_all(folder)?;
            fs::rename(&made, folder).map(Ok)
        }
        renamed => renamed.map(Ok),
    }
}
