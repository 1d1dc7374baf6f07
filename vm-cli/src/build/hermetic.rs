//! Step 5: what a build may see of the machine, and the wrapper that keeps folders out of the module's bytes (R72).
//!
//! - The environment is cleared but for [`KEPT`], which says where things are and how the network is reached.
//! - Cargo runs in its own home, so that no `.cargo/config.toml` beside the crate takes part, and the profile is given
//!   on the command line, where no configuration can change it.
//! - Paths are remapped: cargo's home to `/cargo`, the compiler's library source to `/rust`, a local crate to
//!   `/vm/NAME-VERSION`.
//! - Cargo puts the folder of a local crate into its identity (`-C metadata`), from which the compiler orders a
//!   module's functions. `vm` itself is cargo's `RUSTC_WRAPPER` and puts name and version there instead ([`serve`]).

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::package::Local;

/// Variables that a build sees.
pub const KEPT: [&str; 17] = [
    "CARGO_HOME",
    "CARGO_NET_OFFLINE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "PATH",
    "RUSTUP_HOME",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "USERPROFILE",
    "http_proxy",
    "https_proxy",
];

/// The variable that tells `vm` to stand in for the compiler: the folders of local crates, as a list of paths.
const WRAPPER: &str = "VM_RUSTC_WRAPPER_FOLDERS";

/// Clears a command's environment but for what a build may see, and runs it in cargo's home.
pub fn environment(command: &mut Command) {
    command.env_clear();
    command.envs(KEPT.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    let home = cargo_home();
    if home.is_dir() {
        command.current_dir(home);
    }
}

/// Cargo's home.
#[must_use]
pub fn cargo_home() -> PathBuf {
    let default = || {
        let home = env::var_os("HOME").or_else(|| env::var_os("USERPROFILE")).unwrap_or_default();
        Path::new(&home).join(".cargo")
    };
    env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map_or_else(default, PathBuf::from)
}

/// Makes cargo call `vm` in place of the compiler.
///
/// # Errors
///
/// The folder of a local crate that holds the character which separates paths in a list.
pub fn wrap(command: &mut Command, vm: &Path, locals: &[Local]) -> Result<(), env::JoinPathsError> {
    command.env("RUSTC_WRAPPER", vm);
    command.env("RUSTC_WORKSPACE_WRAPPER", "");
    command.env(WRAPPER, env::join_paths(locals.iter().map(|local| &local.folder))?);
    Ok(())
}

/// Stands in for the compiler if cargo called `vm` as its wrapper: none if this is an ordinary call.
#[must_use]
pub fn serve() -> Option<ExitCode> {
    let folders = env::var_os(WRAPPER)?;
    let mut arguments = env::args_os().skip(1);
    let compiler = arguments.next()?;
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let is_local = here.is_some_and(|here| env::split_paths(&folders).any(|folder| folder == here));
    let identity = match (env::var("CARGO_PKG_NAME"), env::var("CARGO_PKG_VERSION")) {
        (Ok(name), Ok(version)) if is_local => Some(format!("{name}-{version}")),
        _ => None,
    };
    let arguments = arguments.map(|argument| anonymous(argument, identity.as_deref()));
    let status = Command::new(compiler).args(arguments).env_remove(WRAPPER).status();
    let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    Some(ExitCode::from(code.unwrap_or(1)))
}

/// The argument, a crate's identity replaced.
fn anonymous(argument: OsString, identity: Option<&str>) -> OsString {
    match (argument.to_str().is_some_and(|text| text.starts_with("metadata=")), identity) {
        (true, Some(identity)) => OsString::from(format!("metadata={identity}")),
        _ => argument,
    }
}

/// `--remap-path-prefix` for every path that could reach a module, the longest last: the last that fits counts.
#[must_use]
pub fn remaps(locals: &[Local], library_source: Option<&Path>) -> Vec<OsString> {
    let mut pairs = vec![(cargo_home(), "/cargo".to_owned())];
    pairs.extend(library_source.map(|source| (source.to_owned(), "/rust".to_owned())));
    pairs.extend(locals.iter().map(|local| (local.folder.clone(), format!("/vm/{}", local.identity))));
    pairs.sort_by_key(|(path, _)| path.as_os_str().len());
    let flag = |(from, to): (PathBuf, String)| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(OsStr::new(&to));
        flag
    };
    pairs.into_iter().map(flag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_crate_is_known_by_name_and_version_others_by_what_cargo_says() {
        let metadata = || OsString::from("metadata=0123456789abcdef");
        assert_eq!(anonymous(metadata(), Some("token-0.1.0")), "metadata=token-0.1.0");
        assert_eq!(anonymous(metadata(), None), metadata());
        assert_eq!(anonymous("opt-level=z".into(), Some("token-0.1.0")), "opt-level=z");
    }

    #[test]
    fn a_crate_inside_another_keeps_its_own_name() {
        let local = |folder: &str, identity: &str| Local { folder: folder.into(), identity: identity.into() };
        let flags = remaps(&[local("/a/sdk", "sdk-1.0.0"), local("/a/sdk/macros", "macros-1.0.0")], None);
        let at =
            |needle: &str| flags.iter().position(|flag| flag.to_string_lossy().contains(needle)).unwrap();
        assert!(at("/a/sdk=") < at("/a/sdk/macros="));
    }
}
