//! A chain with what its user knows of it: keys, names, and how contracts are called by what people write.
//!
//! Invariant: a node can't rename what is its user's. Where a name is used twice, the local chain's accounts come first,
//! then one's own keys, then the contracts that one has named, and what the node says last. The name of a key whose file
//! can't be read is nobody else's either.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use vm_chain::api::types::{ContractInfo, ContractPage, ParamsInfo, Status};
use vm_chain::api::{Api, ApiError, Fault};
use vm_chain::names::{Names, list};
use vm_chain::{SecretKey, chain};
use vm_core::interface::Interface;
use vm_core::{Address, Hash};

use crate::aliases::{AliasError, Aliases};
use crate::cli::Exit;
use crate::files;
use crate::keys::{KeyError, Keys, home};
use crate::show::plain;
use crate::target::{Target, TargetError};

/// The most contracts of a chain that are looked through.
const CONTRACTS_MAX: usize = 100_000;

/// Why a command can't be done on a chain.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum SessionError {
    /// There is no chain.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Target(#[from] TargetError),
    /// A key is missing or wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyError),
    /// The file of names is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Alias(#[from] AliasError),
    /// The chain says no.
    #[error("{0}")]
    Api(Box<ApiError>, #[help] Option<&'static str>),
    /// It is no address, and nobody's name.
    #[error("{text:?} is no address and no known name; there are {known}")]
    #[diagnostic(help(
        "write 0x and 64 digits, or a name: of a key (`vm keys list`), or of a contract (`vm contracts`)"
    ))]
    Address {
        /// What was written.
        text: String,
        /// The names that are known.
        known: String,
    },
    /// Nobody here can sign for the account.
    #[error("there is no key for {0}")]
    #[diagnostic(help(
        "`vm keys list` shows whom you can sign for; `vm keys new` and `vm keys import` add a key"
    ))]
    NoKey(String),
    /// No contract is meant.
    #[error("no contract on the chain is {text:?}; there are {known}")]
    #[diagnostic(help(
        "write its address, its name, or the path of its interface; `vm contracts` lists all"
    ))]
    NoContract {
        /// What was written.
        text: String,
        /// The contracts that there are.
        known: String,
    },
    /// Several contracts are meant.
    #[error("{text} may be any of {} contracts:\n{}", found.len(), lines(found))]
    #[diagnostic(help("write the address, or name one: `vm deploy --as NAME`"))]
    Several {
        /// What was written.
        text: String,
        /// The contracts with their deployers.
        found: Vec<String>,
    },
    /// The file of an interface can't be used.
    #[error("{}: {cause}", path.display())]
    #[diagnostic(help("give an interface as `vm build` writes it (docs/interface.md)"))]
    Interface {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

fn lines(items: &[String]) -> String {
    items.iter().map(|item| format!("  {item}")).collect::<Vec<_>>().join("\n")
}

impl From<ApiError> for SessionError {
    fn from(error: ApiError) -> Self {
        let help = match &error {
            ApiError::Unauthorized(_) => {
                Some("--from names the sender; its key must be the account's own: `vm keys list`")
            }
            ApiError::Invalid(vm_host::InvalidTransaction::Nonce { .. }) => {
                Some("without --nonce the account's next one is taken")
            }
            ApiError::Invalid(vm_host::InvalidTransaction::Fee { .. }) => Some(
                "give a smaller --gas-limit or --gas-price, or another --from; `vm balance` says who has what",
            ),
            ApiError::Invalid(vm_host::InvalidTransaction::IntrinsicGas { .. }) => {
                Some("without --gas-limit it is what the sender can pay for; `vm balance` says who has what")
            }
            ApiError::NotKept { .. } => {
                Some("give a later block; a chain keeps the states of its last blocks only")
            }
            ApiError::Missing { .. } => Some("check it against `vm block`, `vm contracts` or `vm events`"),
            _ => None,
        };
        Self::Api(Box::new(error), help)
    }
}

impl SessionError {
    /// What the command comes to.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Target(error) => error.exit(),
            Self::Key(error) => error.exit(),
            Self::Api(error, _) => match error.fault() {
                Fault::Caller | Fault::Missing => Exit::BadInput,
                Fault::Transaction => Exit::Unmet,
                Fault::Busy | Fault::Node => Exit::NodeFailure,
            },
            Self::Alias(AliasError::File { .. }) => Exit::NodeFailure,
            Self::Alias(_)
            | Self::Address { .. }
            | Self::NoKey(_)
            | Self::NoContract { .. }
            | Self::Several { .. }
            | Self::Interface { .. } => Exit::BadInput,
        }
    }
}

/// A contract with what it offers.
#[derive(Clone, Debug)]
pub struct Found {
    /// What the chain says of it.
    pub info: ContractInfo,
    /// Its interface.
    pub interface: Interface,
}

/// A chain, and what its user knows of it.
pub struct Session {
    api: Box<dyn Api>,
    status: Status,
    params: ParamsInfo,
    names: Names,
    home: Option<PathBuf>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens the chain at `target`, with the keys and names of this user.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn open(target: &Target) -> Result<Self, SessionError> {
        Self::with(target.open()?, home().ok())
    }

    /// The same over an interface that is open, with what `home` holds.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn with(api: Box<dyn Api>, home: Option<PathBuf>) -> Result<Self, SessionError> {
        let (status, params) = (api.status()?, api.params()?);
        let mut session = Self { api, status, params, names: Names::default(), home };
        session.learn_names()?;
        Ok(session)
    }

    fn learn_names(&mut self) -> Result<(), SessionError> {
        for name in vm_chain::account::DEV_NAMES {
            self.names.add_address(name, Address::named(name));
        }
        let mut reserved: BTreeSet<String> = BTreeSet::new();
        // Which names are its user's is not known if the folder can't be read: then a node gives none.
        let mut nodes_too = true;
        if let Some(home) = &self.home {
            // A spoiled key is named when it is used; it keeps nobody from reading the chain.
            match Keys::new(home).list() {
                Ok(listed) => {
                    for key in listed.keys {
                        self.names.add_address(&key.name, key.address);
                    }
                    reserved.extend(listed.unusable.into_iter().map(|(name, _)| name));
                }
                Err(_) => nodes_too = false,
            }
            for (name, address) in Aliases::new(home).of(&self.chain_id())? {
                if !reserved.contains(&name) {
                    self.names.add_address(&name, address);
                }
            }
        }
        // What is no name could not be typed, and might steer a terminal.
        let may_be = |name: &str| nodes_too && Aliases::check(name).is_ok() && !reserved.contains(name);
        for named in self.status.names.iter().filter(|named| may_be(&named.name)) {
            self.names.add_address(&named.name, named.address.0);
        }
        Ok(())
    }

    /// The interface.
    #[must_use]
    pub fn api(&self) -> &dyn Api {
        self.api.as_ref()
    }

    /// What the chain said of itself at the beginning.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The rules.
    #[must_use]
    pub fn params(&self) -> &ParamsInfo {
        &self.params
    }

    /// The names of accounts and contracts.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What tells this chain from others in the file of names.
    #[must_use]
    pub fn chain_id(&self) -> Hash {
        chain::identity(&self.params.spec.0)
    }

    /// The address that `text` is or names, with or without `@`.
    ///
    /// # Errors
    ///
    /// [`SessionError::Address`]; [`SessionError::Key`] if it names a key that can't be read.
    pub fn address(&self, text: &str) -> Result<Address, SessionError> {
        let name = text.strip_prefix('@').unwrap_or(text);
        if let Some(address) = self.names.address(name).or_else(|| text.parse().ok()) {
            return Ok(address);
        }
        match self.home.as_deref().map(|home| Keys::new(home).get(name)) {
            Some(Ok(key)) => Ok(key.address),
            Some(Err(error @ (KeyError::Secret { .. } | KeyError::File { .. }))) => Err(error.into()),
            _ => {
                let known = self.names.list_addresses();
                Err(SessionError::Address { text: text.to_owned(), known })
            }
        }
    }

    /// The secret of the account that `text` is or names.
    ///
    /// # Errors
    ///
    /// [`SessionError`]: no such account, or no key for it.
    pub fn secret(&self, text: &str) -> Result<SecretKey, SessionError> {
        let name = text.strip_prefix('@').unwrap_or(text);
        if crate::keys::is_dev(name) {
            return Ok(SecretKey::dev(name));
        }
        let address = self.address(text)?;
        let shown = || self.names.show_address(&address);
        if let Some(name) = shown().strip_prefix('@').filter(|name| crate::keys::is_dev(name)) {
            return Ok(SecretKey::dev(name));
        }
        let keys = Keys::new(self.home.as_deref().ok_or(KeyError::NoHome)?);
        let key = keys.list()?.keys.into_iter().find(|key| key.address == address);
        let key = key.ok_or_else(|| SessionError::NoKey(shown()))?;
        Ok(keys.secret(&key.name)?)
    }

    /// Names a contract on this chain for later commands.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn name_contract(&mut self, name: &str, address: &Address) -> Result<(), SessionError> {
        let home = self.home.as_deref().ok_or(KeyError::NoHome)?;
        Aliases::new(home).save(&self.chain_id(), name, address)?;
        self.names.add_address(name, *address);
        Ok(())
    }

    /// Every contract of the chain.
    ///
    /// # Errors
    ///
    /// [`SessionError::Api`].
    pub fn contracts(&self) -> Result<Vec<ContractInfo>, SessionError> {
        Ok(all_contracts(|after| self.api.contracts(after, None))?)
    }

    /// The contract that `text` means: an address, a name, the path of an interface, or the name of one.
    ///
    /// # Errors
    ///
    /// [`SessionError`]: none, several, or no interface at the path.
    pub fn contract(&self, text: &str) -> Result<Found, SessionError> {
        if let Some(address) = self.named_contract(text)? {
            return found(self.api.contract(address)?);
        }
        let path = Path::new(text);
        let wanted: Box<dyn Fn(&ContractInfo) -> bool> = if text.ends_with(".json") || path.is_file() {
            let wanted = read_interface(path)?;
            Box::new(move |info| interface_of(info).is_ok_and(|interface| interface == wanted))
        } else {
            Box::new(|info| info.name == text)
        };
        let all = self.contracts()?;
        let mut matching: Vec<&ContractInfo> = all.iter().filter(|info| wanted(info)).collect();
        match (matching.pop(), matching.is_empty()) {
            (Some(only), true) => found(only.clone()),
            (Some(last), false) => {
                matching.push(last);
                let found = matching.iter().map(|info| self.introduce(info)).collect();
                Err(SessionError::Several { text: text.to_owned(), found })
            }
            (None, _) => {
                let known = list(all.iter().map(|info| self.name_of(info)));
                Err(SessionError::NoContract { text: text.to_owned(), known })
            }
        }
    }

    /// The address that `text` is or names, if a contract is there or nothing else could be meant.
    fn named_contract(&self, text: &str) -> Result<Option<Address>, SessionError> {
        if text.starts_with("0x") || text.starts_with('@') {
            return self.address(text).map(Some);
        }
        let Some(address) = self.names.address(text) else { return Ok(None) };
        // An account may have the name of an interface.
        Ok(self.api.account(address, Default::default())?.is_contract.then_some(address))
    }

    fn name_of(&self, info: &ContractInfo) -> String {
        let shown = self.names.show_address(&info.address.0);
        shown.strip_prefix('@').map_or_else(|| plain(&info.name), str::to_owned)
    }

    fn introduce(&self, info: &ContractInfo) -> String {
        let deployer = self.names.show_address(&info.deployer.0);
        format!("{}  {}, deployed by {deployer}", info.address, self.name_of(info))
    }
}

/// Every contract of a chain that gives them page by page: `page` gives those behind an address.
fn all_contracts(
    mut page: impl FnMut(Option<Address>) -> Result<ContractPage, ApiError>,
) -> Result<Vec<ContractInfo>, ApiError> {
    let mut contracts = Vec::new();
    let mut after = None;
    loop {
        let found = page(after)?;
        let empty = found.contracts.is_empty();
        contracts.extend(found.contracts);
        let Some(next) = found.next.map(|next| next.0) else { return Ok(contracts) };
        // A node that goes round in circles, or on for ever, would keep this command for ever.
        if empty || after.is_some_and(|after| next <= after) {
            return Err(ApiError::Remote(format!("the node's list of contracts does not go on at {next}")));
        }
        if contracts.len() > CONTRACTS_MAX {
            let cause = format!("the node has more than {CONTRACTS_MAX} contracts; write one's address");
            return Err(ApiError::Remote(cause));
        }
        after = Some(next);
    }
}

fn found(info: ContractInfo) -> Result<Found, SessionError> {
    let interface = interface_of(&info)?;
    Ok(Found { info, interface })
}

fn interface_of(info: &ContractInfo) -> Result<Interface, SessionError> {
    let wrong = |error: &dyn std::fmt::Display| {
        ApiError::Remote(format!("the interface of contract {} can't be read: {error}", info.address))
    };
    let shown: crate::interface::Interface =
        serde_json::from_value(info.interface.clone()).map_err(|error| wrong(&error))?;
    let interface = Interface::from(&shown);
    // It comes from whoever runs the node, and its names and types are shown and walked here.
    interface.validate().map_err(|error| wrong(&error))?;
    Ok(interface)
}

/// The interface in the file at `path`.
///
/// # Errors
///
/// [`SessionError::Interface`].
pub fn read_interface(path: &Path) -> Result<Interface, SessionError> {
    let failed = |cause: String| SessionError::Interface { path: path.to_owned(), cause };
    let text = files::read_text(path, files::TEXT_BYTES_MAX).map_err(|error| failed(error.to_string()))?;
    let interface = crate::interface::parse(&text).map_err(|error| failed(error.to_string()))?;
    Ok(Interface::from(&interface))
}

#[cfg(test)]
mod tests;
