//! What the places of a tree are called.

use std::collections::BTreeMap;

use vm_core::{Address, Hash};

use super::tree::{Place, Tree};

/// A module that ran.
#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    /// The contract's name in its interface.
    contract: String,
    /// Names of functions, where they are known.
    functions: BTreeMap<u32, String>,
}

/// Names of contracts and functions.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    contracts: BTreeMap<Address, Hash>,
    modules: BTreeMap<Hash, Module>,
}

impl Labels {
    pub(super) fn ran(&mut self, address: Address, code: Hash, contract: &str) {
        self.contracts.insert(address, code);
        self.modules.entry(code).or_default().contract = contract.to_owned();
    }

    pub(super) fn name_functions(&mut self, code: Hash, functions: &BTreeMap<u32, String>) {
        if let Some(module) = self.modules.get_mut(&code) {
            module.functions.clone_from(functions);
        }
    }

    /// What is known of the module with this code hash, if it ran.
    pub(super) fn module(&self, code: &Hash) -> Option<&Module> {
        self.modules.get(code)
    }

    /// The code hashes of what ran of the contract with this name.
    pub(super) fn codes_of(&self, contract: &str) -> Vec<Hash> {
        let modules = self.modules.iter().filter(|(_, module)| module.contract == contract);
        modules.map(|(code, _)| *code).collect()
    }

    /// The outermost call.
    pub(super) fn title(&self, tree: &Tree) -> String {
        let outermost = tree.children(None).keys().find(|place| matches!(place, Place::Frame { .. }));
        outermost.map_or_else(String::new, |place| self.label(place))
    }

    /// What `place` is called.
    #[must_use]
    pub fn label(&self, place: &Place) -> String {
        match place {
            Place::Intrinsic => "(transaction)".to_owned(),
            Place::Frame { contract, function } => format!("{}.{function}", self.contract(contract)),
            Place::Setup => "(load and start)".to_owned(),
            Place::Forfeited => "(forfeited)".to_owned(),
            Place::Function { code, index } => {
                let module = self.modules.get(code);
                let name = module.and_then(|module| module.functions.get(index));
                name.cloned().unwrap_or_else(|| format!("function #{index}"))
            }
            Place::Host(name) => (*name).to_owned(),
        }
    }

    /// Whose function it is, for a table that has no tree around it.
    #[must_use]
    pub fn owner(&self, place: &Place) -> Option<&str> {
        match place {
            Place::Function { code, .. } => self.modules.get(code).map(|module| module.contract.as_str()),
            Place::Intrinsic | Place::Frame { .. } | Place::Setup | Place::Forfeited | Place::Host(_) => None,
        }
    }

    /// A contract's name; with its address where another contract has that name, and the address where none is known.
    fn contract(&self, address: &Address) -> String {
        let short: String = address.to_string().chars().take(10).collect();
        let name = |code: &Hash| self.modules.get(code).map(|module| module.contract.as_str());
        let Some(own) = self.contracts.get(address).and_then(name) else { return short };
        let same = self.contracts.values().filter(|code| name(code) == Some(own)).count();
        if same > 1 { format!("{own}@{short}") } else { own.to_owned() }
    }
}
