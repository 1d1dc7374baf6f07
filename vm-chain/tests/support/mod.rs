//! What the chain's tests share: modules, a chain of named accounts, and a token on it.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

#[cfg(all(feature = "client", feature = "node"))]
pub(crate) mod node;

use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use parity_scale_codec::Encode as _;
use vm_chain::account::DEV_NAMES;
use vm_chain::api::Local;
use vm_chain::api::types::ReceiptInfo;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::{Api as _, Chain, Direct, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, CodeSource, Hash, Params, Payload, Transaction};

/// A fixture's module, of the folder that `VM_FIXTURES_WASM` names or of the repository's.
pub(crate) fn module(name: &str) -> Vec<u8> {
    let other = std::env::var_os("VM_FIXTURES_WASM").filter(|folder| !folder.is_empty());
    let folder = other.map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm")),
        PathBuf::from,
    );
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap()
}

/// A local chain's beginning: every named account has 1,000,000,000.
pub(crate) fn spec() -> Spec {
    let names: Vec<(String, Address)> =
        DEV_NAMES.iter().map(|name| ((*name).to_owned(), Address::named(name))).collect();
    let accounts = names.iter().map(|(_, address)| (*address, 1_000_000_000)).collect();
    Spec { params: Params::default(), time: 0, accounts, names }
}

/// A chain that this test alone writes.
pub(crate) fn local(chain: Chain) -> Local {
    let chain = Arc::new(RwLock::new(chain));
    let sequencer = Direct::new(chain.clone(), Arc::new(Ed25519::with_dev_accounts()));
    Local::new(chain, Arc::new(sequencer))
}

pub(crate) fn in_memory() -> Local {
    local(Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap())
}

/// What `name` sends next.
pub(crate) fn transaction(api: &Local, name: &str, payload: Payload) -> Transaction {
    let sender = Address::named(name);
    let nonce = api.account(sender, Default::default()).unwrap().next_nonce;
    Transaction { sender, nonce, gas_limit: 10_000_000, gas_price: 0, payload }
}

/// The same, signed.
pub(crate) fn signed(api: &Local, name: &str, payload: Payload) -> Signed {
    SecretKey::dev(name).sign(transaction(api, name, payload), &spec().id().unwrap())
}

pub(crate) fn send(api: &Local, name: &str, payload: Payload) -> ReceiptInfo {
    api.send(signed(api, name, payload)).unwrap()
}

pub(crate) fn deploy_token() -> Payload {
    Payload::Deploy {
        code: CodeSource::Bytes(module("token")),
        salt: Hash::ZERO,
        args: ("Gold", 1_000_u64).encode(),
        value: 0,
    }
}

pub(crate) fn token_transfer(token: Address, to: &str, amount: u64) -> Payload {
    let args = (Address::named(to), amount).encode();
    Payload::Call { contract: token, function: "transfer".to_owned(), args, value: 0 }
}

pub(crate) fn pay(to: &str, amount: u64) -> Payload {
    Payload::Transfer { to: Address::named(to), amount }
}
