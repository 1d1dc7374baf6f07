//! What a run came to, for people ([`text`]) and for programs ([`json`]).
//!
//! Both decode bytes by the contracts' interfaces where the scenario knows them, and show bytes in hex where not.

pub mod json;
pub mod text;

use std::sync::Arc;

use vm_chain::decode::Interfaces;
use vm_core::interface::Interface;
use vm_core::{Address, Hash};
use vm_state::ReadError;

use crate::scenario::Scenario;

impl Interfaces for &Scenario {
    fn of_contract(&self, address: &Address) -> Result<Option<Arc<Interface>>, ReadError> {
        Ok(self
            .contracts
            .get(address)
            .and_then(|instance| self.modules.get(&instance.module)?.interface.clone()))
    }

    fn of_code(&self, code_hash: &Hash) -> Result<Option<Arc<Interface>>, ReadError> {
        let module = self.modules.values().find(|module| Hash::of_code(&module.code) == *code_hash);
        Ok(module.and_then(|module| module.interface.clone()))
    }
}
