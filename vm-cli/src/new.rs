//! `vm new`: a crate that compiles, passes its tests and can be deployed, from a template.
//!
//! Templates are the contracts in `fixtures/contracts`, compiled into this program; nothing of them is kept twice.
//! Their manifests are rewritten to stand alone (`manifest.rs`), their scenarios to use the module that `vm build`
//! makes (`scenario.rs`), and a README with the crate's own commands is added.
//!
//! A new template is one line in [`TEMPLATES`].

mod manifest;
mod scenario;

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use miette::Diagnostic;

use crate::cli::Exit;

/// A contract to begin from.
#[derive(Debug)]
pub struct Template {
    /// Its name, also of the contract's module.
    pub name: &'static str,
    /// What it shows, in a line.
    pub about: &'static str,
    files: &'static Dir<'static>,
    scenario: &'static str,
    /// Modules of other contracts that its scenario deploys, by file name.
    modules: &'static [(&'static str, &'static [u8])],
}

/// A template: its name, its folder, what it shows, and the modules that its scenario deploys beside its own.
macro_rules! template {
    ($name:literal, $files:expr, $about:literal $(, $module:literal)*) => {{
        static FILES: Dir<'_> = $files;
        Template {
            name: $name,
            about: $about,
            files: &FILES,
            scenario: include_str!(concat!("../../fixtures/scenarios/", $name, ".toml")),
            modules: &[$(($module, include_bytes!(concat!("../../fixtures/wasm/", $module)))),*],
        }
    }};
}

/// All templates.
#[rustfmt::skip]
pub static TEMPLATES: [Template; 6] = [
    template!("token", include_dir!("$CARGO_MANIFEST_DIR/../fixtures/contracts/token"), "a fungible token, an object per holder"),
    template!("nft", include_dir!("$CARGO_MANIFEST_DIR/../fixtures/contracts/nft"), "unique tokens, each an object that its holder owns"),
    template!("counter", include_dir!("$CARGO_MANIFEST_DIR/../fixtures/contracts/counter"), "the smallest contract with state: views, value, rollback"),
    template!("escrow", include_dir!("$CARGO_MANIFEST_DIR/../fixtures/contracts/escrow"), "payments that are kept until they are released or taken back"),
    template!("voting", include_dir!("$CARGO_MANIFEST_DIR/../fixtures/contracts/voting"), "a poll: one vote for each address, until a time"),
    template!("factory", include_dir!("$CARGO_MANIFEST_DIR/../fixtures/contracts/factory"), "a contract that deploys contracts and calls them", "counter.wasm"),
];

/// The manifest that the templates inherit from.
const WORKSPACE_MANIFEST: &str = include_str!("../../fixtures/contracts/Cargo.toml");

/// The SDK of this program's own sources: it is not on crates.io.
const SDK_OF_THIS_BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../contract-sdk");

/// Crates that rustc brings.
const RUSTS_OWN: [&str; 5] = ["alloc", "core", "proc_macro", "std", "test"];

/// Why there is no new crate.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum NewError {
    /// No template of this name.
    #[error("there is no template {0:?}")]
    #[diagnostic(help("there are: {}", names().join(", ")))]
    NoTemplate(String),
    /// A name that cargo or the interface would refuse.
    #[error("{0:?} is no name for a contract")]
    #[diagnostic(help("use lower-case letters, digits and _, a letter first, 64 characters at most"))]
    BadName(String),
    /// A name that another crate of the build has: rustc could not tell the two apart.
    #[error("{0:?} is the name of a crate that the contract uses")]
    #[diagnostic(help("choose another name"))]
    TakenName(String),
    /// Something is there.
    #[error("{} is there already; it was left as it is", .0.display())]
    #[diagnostic(help("choose another name, or --path"))]
    Exists(PathBuf),
    /// No SDK.
    #[error("there is no contract-sdk in {}", .0.display())]
    #[diagnostic(help("give its folder: --sdk PATH/TO/contract-sdk"))]
    NoSdk(PathBuf),
    /// A template that does not fit what this program expects of one: a bug.
    #[error("the template {template} is broken: {reason}")]
    Template {
        /// Which.
        template: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

impl NewError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoTemplate(_)
            | Self::BadName(_)
            | Self::TakenName(_)
            | Self::Exists(_)
            | Self::NoSdk(_) => Exit::BadInput,
            Self::Template { .. } | Self::Io { .. } => Exit::NodeFailure,
        }
    }
}

/// The names of all templates.
#[must_use]
pub fn names() -> Vec<&'static str> {
    TEMPLATES.iter().map(|template| template.name).collect()
}

/// The template of this name.
///
/// # Errors
///
/// [`NewError::NoTemplate`].
pub fn template(name: &str) -> Result<&'static Template, NewError> {
    let found = TEMPLATES.iter().find(|template| template.name == name);
    found.ok_or_else(|| NewError::NoTemplate(name.to_owned()))
}

/// The SDK's folder: the given one, or that of this program's sources.
///
/// # Errors
///
/// [`NewError::NoSdk`].
pub fn sdk(given: Option<&Path>) -> Result<PathBuf, NewError> {
    let folder = given.unwrap_or(Path::new(SDK_OF_THIS_BUILD));
    let found = folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file());
    found.ok_or_else(|| NewError::NoSdk(folder.to_owned()))
}

/// Writes the crate `name` into `folder`, which must not exist. Gives the files, relative to it, in order.
///
/// # Errors
///
/// [`NewError`]; what was written so far stays.
pub fn create(template: &Template, name: &str, folder: &Path, sdk: &Path) -> Result<Vec<PathBuf>, NewError> {
    if !is_name(name) {
        return Err(NewError::BadName(name.to_owned()));
    }
    if folder.exists() {
        return Err(NewError::Exists(folder.to_owned()));
    }
    let broken = |reason: String| NewError::Template { template: template.name, reason };
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut own_manifest = None;
    for (path, bytes) in all(template.files) {
        if path == Path::new("Cargo.toml") {
            own_manifest = Some(String::from_utf8_lossy(bytes).into_owned());
            continue;
        }
        // Integration tests name the crate; what is inside the crate does not.
        let outside = !path.starts_with("src") && path.extension().is_some_and(|end| end == "rs");
        let bytes = if outside { renamed(bytes, template.name, name) } else { bytes.to_vec() };
        files.push((path.to_owned(), bytes));
    }
    let own_manifest = own_manifest.ok_or_else(|| broken("it has no Cargo.toml".to_owned()))?;
    let sdk_manifest = sdk.join("Cargo.toml");
    let sdk_manifest =
        fs::read_to_string(&sdk_manifest).map_err(|cause| NewError::Io { path: sdk_manifest, cause })?;
    let used = [manifest::crates(&own_manifest), manifest::crates(&sdk_manifest)];
    let [own, sdks] = used.map(|used| used.map_err(broken));
    if RUSTS_OWN.contains(&name) || own?.iter().chain(&sdks?).any(|used| used == name) {
        return Err(NewError::TakenName(name.to_owned()));
    }
    let manifest = manifest::standalone(&own_manifest, WORKSPACE_MANIFEST, name, sdk).map_err(broken)?;
    let scenario = scenario::local(template.scenario, template.name, name).map_err(broken)?;
    files.push(("Cargo.toml".into(), manifest.into_bytes()));
    files.push(("scenario.toml".into(), scenario.into_bytes()));
    files.push(("README.md".into(), readme(template, name).into_bytes()));
    files.push((".gitignore".into(), b"/target\n".to_vec()));
    files.extend(
        template.modules.iter().map(|(module, bytes)| (Path::new("modules").join(module), bytes.to_vec())),
    );
    files.sort();
    for (path, bytes) in &files {
        let path = folder.join(path);
        let io = |cause| NewError::Io { path: path.clone(), cause };
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(io)?;
        fs::write(&path, bytes).map_err(io)?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
        && name.len() <= 64
        && syn::parse_str::<syn::Ident>(name).is_ok()
}

/// All files of a folder that was compiled in, with paths relative to it.
fn all(folder: &'static Dir<'static>) -> Vec<(&'static Path, &'static [u8])> {
    let mut files = Vec::new();
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => files.extend(all(folder)),
            DirEntry::File(file) => files.push((file.path(), file.contents())),
        }
    }
    files
}

/// `use token::...` with the new crate's name: how the template's tests name their crate.
fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    text.replace(&format!("use {from}::"), &format!("use {to}::")).into_bytes()
}

fn readme(template: &Template, name: &str) -> String {
    let template_name = template.name;
    let about = template.about;
    format!(
        "# {name}

A contract made by `vm new {name} --template {template_name}`: {about}.

```sh
vm build                # target/vm/{name}.wasm, the module that nodes take, and its interface
vm test                 # its tests, as native code and as wasm, and scenario.toml
vm run scenario.toml    # deploys the module on a new chain, calls it, and shows what every transaction did
```

`cargo test` runs the tests on the native code alone: breakpoints and coverage work. `vm test --gas-report` shows what
each function costs; `vm test --gas-snapshot` writes that down, and `vm test --check` compares.

| file | holds |
|---|---|
| `src/lib.rs` | the contract: begin here |
| `tests/` | its tests, on a chain in memory with the real engine |
| `scenario.toml` | accounts, transactions, and what is expected of them |
| `Cargo.lock` | the versions of all crates; keep it under version control, the module's hash rests on it |

`vm verify . --code-hash HASH` says whether a deployed contract was built from this source.
"
    )
}

#[cfg(test)]
mod tests;
