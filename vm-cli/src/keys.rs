//! Keys of people: secrets in files of their own under `$VM_HOME/keys`, and the local chain's accounts, built in.
//!
//! Invariants:
//! - a secret's file is readable by its owner only, from its first byte on, and is never replaced;
//! - a secret's file has its name only when all of it is on disk: a kill leaves no key or a whole one;
//! - a file that holds no secret hides no other key, and its name stays its user's;
//! - no secret is taken from a command line, where every process may read it, or shown;
//! - a key's name is no name of the local chain's accounts.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use vm_chain::account::DEV_NAMES;
use vm_chain::{PublicKey, SecretKey};
use vm_core::Address;
use zeroize::Zeroizing;

use crate::cli::Exit;

/// The variable that names the folder of keys and names.
pub const HOME_VARIABLE: &str = "VM_HOME";

/// The longest file that is read as a secret.
const SECRET_BYTES_MAX: u64 = 1_024;

/// Why there is no key.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum KeyError {
    /// Neither variable says where keys are.
    #[error("no place for keys: neither {HOME_VARIABLE} nor HOME is set")]
    #[diagnostic(help("set {HOME_VARIABLE} to a folder that only you can read"))]
    NoHome,
    /// It is no name.
    #[error("{0:?} is no name for a key")]
    #[diagnostic(help("use letters, digits, _ and -, a letter first, at most 64 of them"))]
    Name(String),
    /// It is a name of the local chain's.
    #[error("{0} is an account of every local chain, whose secret is known to everyone")]
    #[diagnostic(help("choose another name; `vm keys list` shows the names that are taken"))]
    Dev(String),
    /// There is such a key.
    #[error("there is a key {name} already, and it was left as it is: {}", path.display())]
    #[diagnostic(help(
        "choose another name, or `vm keys remove {name}` first: without its secret, what it owns is lost"
    ))]
    Exists {
        /// The name.
        name: String,
        /// Its file.
        path: PathBuf,
    },
    /// There is no such key.
    #[error("there is no key {name}; there are {known}")]
    #[diagnostic(help("`vm keys new {name}` makes one"))]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The text is no secret.
    #[error("{}: {cause}", path.display())]
    #[diagnostic(help("the file holds the 64 hex digits of one secret and nothing else"))]
    Secret {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: vm_chain::account::ParseSecretError,
    },
    /// A file can't be read or written.
    #[error("cannot {action} {}: {cause}", path.display())]
    #[diagnostic(help("check the path and its permissions"))]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

impl KeyError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Random(_) => Exit::NodeFailure,
            Self::File { action, .. } if *action != "read" => Exit::NodeFailure,
            _ => Exit::BadInput,
        }
    }
}

/// A key by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// The account that it speaks for.
    pub address: Address,
    /// Its public half.
    pub public: PublicKey,
    /// Whether everyone knows its secret.
    pub is_dev: bool,
}

/// What the folder of keys holds.
#[derive(Debug, Default)]
pub struct Listed {
    /// All keys: one's own by name, then the local chain's.
    pub keys: Vec<Key>,
    /// The names whose files hold no secret or can't be read, and why. Nothing else may have these names.
    pub unusable: Vec<(String, KeyError)>,
}

/// The folder of keys.
#[derive(Clone, Debug)]
pub struct Keys {
    folder: PathBuf,
}

/// The folder of what the command keeps for its user.
///
/// # Errors
///
/// [`KeyError::NoHome`].
pub fn home() -> Result<PathBuf, KeyError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable(HOME_VARIABLE)
        .or_else(|| variable("HOME").map(|home| home.join(".config/vm")))
        .ok_or(KeyError::NoHome)
}

/// Whether `name` is an account of every local chain.
#[must_use]
pub fn is_dev(name: &str) -> bool {
    DEV_NAMES.contains(&name)
}

fn dev(name: &str) -> Key {
    Key {
        name: name.to_owned(),
        address: Address::named(name),
        public: SecretKey::dev(name).public(),
        is_dev: true,
    }
}

fn own(name: &str, secret: &SecretKey) -> Key {
    let public = secret.public();
    Key { name: name.to_owned(), address: public.address(), public, is_dev: false }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |cause| KeyError::File { action, path, cause }
}

impl Keys {
    /// The keys under `home`. Nothing is read or made yet.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self { folder: home.join("keys") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn check(name: &str) -> Result<(), KeyError> {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        match plain {
            true if is_dev(name) => Err(KeyError::Dev(name.to_owned())),
            true => Ok(()),
            false => Err(KeyError::Name(name.to_owned())),
        }
    }

    /// A new key.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: the name is taken or none, or the file can't be written.
    pub fn create(&self, name: &str) -> Result<Key, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| KeyError::Random(error.to_string()))?;
        self.add(name, &SecretKey::from_seed(*seed))
    }

    /// Takes the secret that `text`, read from `from`, is in hex.
    ///
    /// # Errors
    ///
    /// As [`Self::create`], and [`KeyError::Secret`].
    pub fn import(&self, name: &str, text: &str, from: &Path) -> Result<Key, KeyError> {
        let secret = text.trim().parse();
        let secret = secret.map_err(|cause| KeyError::Secret { path: from.to_owned(), cause })?;
        self.add(name, &secret)
    }

    fn add(&self, name: &str, secret: &SecretKey) -> Result<Key, KeyError> {
        Self::check(name)?;
        let path = self.path(name);
        make_private(&self.folder).map_err(failed("make", &self.folder))?;
        let text = Zeroizing::new(format!("{}\n", hex::encode(Zeroizing::new(secret.seed()).as_ref())));
        self.write(&path, text.as_bytes()).map_err(|cause| match cause.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists { name: name.to_owned(), path: path.clone() },
            _ => KeyError::File { action: "write", path: path.clone(), cause },
        })?;
        Ok(own(name, secret))
    }

    /// Writes a new file at `path`, whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Its owner's alone, as tempfile makes files; what a kill leaves of it has no name of a key.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        // Without these the name may be lost with the power, and the key with it.
        sync_folder(&self.folder)?;
        self.folder.parent().map_or(Ok(()), sync_folder)
    }

    fn read(&self, name: &str) -> Result<SecretKey, KeyError> {
        let path = self.path(name);
        let text = read_secret(&path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => self.unknown(name),
            _ => KeyError::File { action: "read", path: path.clone(), cause },
        })?;
        text.trim().parse().map_err(|cause| KeyError::Secret { path, cause })
    }

    fn unknown(&self, name: &str) -> KeyError {
        let own = self.names().unwrap_or_default();
        let dev = DEV_NAMES.iter().map(|name| (*name).to_owned());
        let known = crate::names::list(own.into_iter().chain(dev));
        KeyError::Unknown { name: name.to_owned(), known }
    }

    /// The secret of the key `name`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: no such key, or its file can't be read.
    pub fn secret(&self, name: &str) -> Result<SecretKey, KeyError> {
        if is_dev(name) {
            return Ok(SecretKey::dev(name));
        }
        Self::check(name).map_err(|_| self.unknown(name))?;
        self.read(name)
    }

    /// The key `name`.
    ///
    /// # Errors
    ///
    /// As [`Self::secret`].
    pub fn get(&self, name: &str) -> Result<Key, KeyError> {
        if is_dev(name) { Ok(dev(name)) } else { Ok(own(name, &self.secret(name)?)) }
    }

    /// The names in the folder, in order, whatever their files hold.
    fn names(&self) -> Result<Vec<String>, KeyError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("read", &self.folder))?.file_name();
            // What has no name of a key was not put there by this command.
            names.extend(name.to_str().filter(|name| Self::check(name).is_ok()).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// What the folder holds, and the local chain's keys.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: the folder can't be read. A file that can't be is among the unusable.
    pub fn list(&self) -> Result<Listed, KeyError> {
        let mut listed = Listed::default();
        for name in self.names()? {
            match self.read(&name) {
                Ok(secret) => listed.keys.push(own(&name, &secret)),
                Err(error) => listed.unusable.push((name, error)),
            }
        }
        listed.keys.extend(DEV_NAMES.iter().map(|name| dev(name)));
        Ok(listed)
    }

    /// Removes the key `name`, and with it the only way to use its account.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: no such key, or its file can't be removed.
    pub fn remove(&self, name: &str) -> Result<PathBuf, KeyError> {
        Self::check(name)?;
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.unknown(name)),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    /// The file of the key `name`.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        (!is_dev(name)).then(|| self.path(name))
    }
}

/// Makes a folder that only its owner can read.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes what was named in a folder last.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder can't be opened as a file.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The text of a secret's file.
///
/// # Errors
///
/// Those of the file system; a file that is too long to be a secret's is invalid data.
pub fn read_secret(path: &Path) -> io::Result<Zeroizing<String>> {
    read_secret_from(fs::File::open(path)?)
}

/// The same, of what `reader` gives.
///
/// # Errors
///
/// As [`read_secret`].
pub fn read_secret_from(reader: impl io::Read) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let count = reader.take(SECRET_BYTES_MAX.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(count).unwrap_or(u64::MAX) > SECRET_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long to be a secret"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (tempfile::TempDir, Keys) {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(&folder.path().join("home"));
        (folder, keys)
    }

    #[test]
    fn a_new_key_is_its_owners_alone_and_never_replaced() {
        let (_folder, keys) = keys();
        let key = keys.create("mine").unwrap();
        assert_eq!(keys.get("mine").unwrap(), key);
        assert_eq!(key.address, key.public.address());
        assert_ne!(keys.create("other").unwrap().address, key.address);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&keys.path("mine")), 0o600);
            assert_eq!(mode(&keys.folder), 0o700);
        }
        assert!(matches!(keys.create("mine"), Err(KeyError::Exists { .. })));
        assert_eq!(keys.get("mine").unwrap(), key);
    }

    #[test]
    fn names_that_are_none_or_everyones_are_refused() {
        let (_folder, keys) = keys();
        for name in ["", "1a", "../x", "a/b", "a b", &"a".repeat(65)] {
            assert!(matches!(keys.create(name), Err(KeyError::Name(_))), "{name}");
        }
        assert!(matches!(keys.create("alice"), Err(KeyError::Dev(_))));
        assert!(matches!(keys.remove("alice"), Err(KeyError::Dev(_))));
        assert!(matches!(keys.get("../keys/x"), Err(KeyError::Unknown { .. })));
        let unknown = keys.get("mine").unwrap_err();
        assert!(unknown.to_string().starts_with("there is no key mine; there are alice, bob"), "{unknown}");
    }

    #[test]
    fn an_imported_secret_is_the_same_key_and_garbage_is_refused() {
        let (folder, keys) = keys();
        let secret = SecretKey::from_seed([7; 32]);
        let text = format!(" 0x{}\n", hex::encode(secret.seed()));
        let key = keys.import("seven", &text, Path::new("-")).unwrap();
        assert_eq!(key.public, secret.public());
        assert!(matches!(keys.import("x", "0x12", Path::new("-")), Err(KeyError::Secret { .. })));
        let long = folder.path().join("long");
        fs::write(&long, "0".repeat(2_000)).unwrap();
        assert!(read_secret(&long).is_err());
        fs::write(keys.path("spoiled"), "garbage").unwrap();
        assert!(matches!(keys.get("spoiled"), Err(KeyError::Secret { .. })));
    }

    #[test]
    fn a_spoiled_file_hides_no_other_key_and_keeps_its_name() {
        let (_folder, keys) = keys();
        keys.create("good").unwrap();
        fs::write(keys.path("empty"), "").unwrap();
        fs::create_dir(keys.path("folder")).unwrap();
        fs::write(keys.path(".new-left"), "what a kill left").unwrap();
        let listed = keys.list().unwrap();
        assert_eq!(listed.keys[0].name, "good");
        assert_eq!(listed.keys.len(), DEV_NAMES.len() + 1);
        let unusable: Vec<String> = listed.unusable.into_iter().map(|(name, _)| name).collect();
        assert_eq!(unusable, ["empty", "folder"]);
        assert!(matches!(keys.create("empty"), Err(KeyError::Exists { .. })));
        let unknown = keys.get("x").unwrap_err().to_string();
        assert!(unknown.contains("empty, folder, good, alice"), "{unknown}");
        fs::remove_dir_all(&keys.folder).unwrap();
        fs::write(&keys.folder, "no folder").unwrap();
        assert!(matches!(keys.list(), Err(KeyError::File { action: "read", .. })));
    }

    #[test]
    fn the_list_has_ones_own_first_and_a_removed_key_is_gone() {
        let (_folder, keys) = keys();
        assert_eq!(keys.list().unwrap().keys.len(), DEV_NAMES.len());
        keys.create("zoe").unwrap();
        keys.create("anna").unwrap();
        let names: Vec<String> = keys.list().unwrap().keys.into_iter().map(|key| key.name).collect();
        assert_eq!(names[..3], ["anna", "zoe", "alice"]);
        keys.remove("zoe").unwrap();
        assert!(matches!(keys.remove("zoe"), Err(KeyError::Unknown { .. })));
        assert_eq!(keys.list().unwrap().keys.len(), DEV_NAMES.len() + 1);
    }
}
