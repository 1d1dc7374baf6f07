//! Step 5: what a build may see of the machine, and the wrapper that keeps folders out of the module's bytes (R72).
//!
//! - The environment is cleared but for [`KEPT`], which says where things are and how the network is reached.
//! - Cargo runs in its own home, so that no `.cargo/config.toml` beside the crate takes part, and the profile is given
//!   on the command line, where no configuration can change it.
//! - `vm` itself is cargo's `RUSTC_WRAPPER` ([`serve`]). It remaps paths: cargo's home to `/cargo`, the compiler's
//!   library source to `/rust`, the folder of a local crate to `/vm/NAME-VERSION`. And where cargo puts a local crate's
//!   folder into its identity (`-C metadata`), from which the compiler orders a module's functions, it puts name and
//!   version. Flags in the environment would do for paths, but they are part of what cargo calls the same build: crates
//!   in different folders could then share no work.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

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

/// The variable that tells `vm` to stand in for the compiler: [`Wrapper`] as JSON.
const WRAPPER: &str = "VM_RUSTC_WRAPPER";

/// Of what the wrapper does: cargo does not see what a wrapper changes, so each recipe has a work folder of its own.
pub(super) const RECIPE: &str = "recipe-1";

/// What the wrapper has to know.
#[derive(Debug, Serialize, Deserialize)]
struct Wrapper {
    locals: Vec<Local>,
    /// Paths of this machine, and what stands for them.
    remaps: Vec<(PathBuf, String)>,
}

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

/// Makes cargo call `vm` in place of the compiler, whose library source is at `library_source`.
pub fn wrap(command: &mut Command, vm: &Path, locals: &[Local], library_source: &Path) {
    let remaps = vec![(cargo_home(), "/cargo".to_owned()), (library_source.to_owned(), "/rust".to_owned())];
    let wrapper = Wrapper { locals: locals.to_vec(), remaps };
    command.env("RUSTC_WRAPPER", vm);
    command.env("RUSTC_WORKSPACE_WRAPPER", "");
    command.env(WRAPPER, serde_json::to_string(&wrapper).unwrap_or_default());
}

/// Stands in for the compiler if cargo called `vm` as its wrapper: none if this is an ordinary call.
#[must_use]
pub fn serve() -> Option<ExitCode> {
    let wrapper = env::var(WRAPPER).ok()?;
    let mut arguments = env::args_os().skip(1);
    let compiler = arguments.next()?;
    let Ok(wrapper) = serde_json::from_str::<Wrapper>(&wrapper) else { return Some(ExitCode::FAILURE) };
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let arguments = wrapper.arguments(here.as_deref(), arguments);
    let status = Command::new(compiler).args(arguments).env_remove(WRAPPER).status();
    let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    Some(ExitCode::from(code.unwrap_or(1)))
}

impl Wrapper {
    /// The compiler's arguments for the crate in `here`.
    fn arguments(&self, here: Option<&Path>, given: impl Iterator<Item = OsString>) -> Vec<OsString> {
        let local = self.locals.iter().find(|local| Some(local.folder.as_path()) == here);
        let mut arguments: Vec<OsString> =
            given.map(|argument| anonymous(argument, local.map(|local| local.identity.as_str()))).collect();
        let mut remaps: Vec<(&Path, String)> =
            self.remaps.iter().map(|(from, to)| (from.as_path(), to.clone())).collect();
        remaps.extend(local.map(|local| (local.folder.as_path(), format!("/vm/{}", local.identity))));
        // Of two that fit the last counts: the longer.
        remaps.sort_by_key(|(from, _)| from.as_os_str().len());
        for (from, to) in remaps {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            arguments.push(flag);
        }
        arguments
    }
}

/// The argument, a crate's identity replaced.
fn anonymous(argument: OsString, identity: Option<&str>) -> OsString {
    match (argument.to_str().is_some_and(|text| text.starts_with("metadata=")), identity) {
        (true, Some(identity)) => OsString::from(format!("metadata={identity}")),
        _ => argument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(here: &str) -> Vec<String> {
        let wrapper = Wrapper {
            locals: vec![Local { folder: "/home/me/token".into(), identity: "token-0.1.0".into() }],
            remaps: vec![("/home/me/.cargo/long/enough".into(), "/cargo".into())],
        };
        let given = ["-C", "metadata=0123456789abcdef", "-C", "opt-level=z"].map(OsString::from);
        let arguments = wrapper.arguments(Some(Path::new(here)), given.into_iter());
        arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn a_local_crate_is_known_by_name_and_version_and_its_folder_is_remapped() {
        let arguments = seen("/home/me/token");
        assert_eq!(
            arguments,
            [
                "-C",
                "metadata=token-0.1.0",
                "-C",
                "opt-level=z",
                "--remap-path-prefix=/home/me/token=/vm/token-0.1.0",
                "--remap-path-prefix=/home/me/.cargo/long/enough=/cargo"
            ]
        );
    }

    #[test]
    fn other_crates_are_known_by_what_cargo_says() {
        let arguments = seen("/home/me/.cargo/long/enough/registry/src/x/hex-0.4.3");
        assert_eq!(arguments[1], "metadata=0123456789abcdef");
        assert_eq!(arguments.len(), 5);
    }
}
