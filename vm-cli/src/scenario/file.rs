//! The scenario file as it is written: every key, none with a meaning yet. `SCENARIOS.md` is its reference.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::value::Located;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) requirements: Vec<String>,
    #[serde(default)]
    pub(super) time: i64,
    #[serde(default)]
    pub(super) accounts: BTreeMap<Spanned<String>, u64>,
    #[serde(default)]
    pub(super) contracts: BTreeMap<Spanned<String>, Located>,
    #[serde(default)]
    pub(super) block: Vec<Spanned<Block>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<State>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    pub(super) time: Option<i64>,
    pub(super) proposer: Option<Located>,
    #[serde(default)]
    pub(super) mint: Vec<Payment>,
    #[serde(default)]
    pub(super) tx: Vec<Spanned<Tx>>,
    pub(super) expect_invalid: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<State>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payment {
    pub(super) to: Located,
    pub(super) amount: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tx {
    #[serde(default)]
    pub(super) note: String,
    pub(super) from: Located,
    pub(super) nonce: Option<u64>,
    pub(super) gas: Option<u64>,
    pub(super) gas_price: Option<u64>,

    pub(super) transfer: Option<Payment>,
    pub(super) call: Option<Spanned<String>>,
    pub(super) deploy: Option<Spanned<String>>,
    pub(super) upload: Option<Spanned<String>>,

    #[serde(rename = "as")]
    pub(super) name: Option<Spanned<String>>,
    pub(super) stored: Option<Spanned<bool>>,
    pub(super) salt: Option<Located>,
    pub(super) args: Option<Located>,
    pub(super) raw_args: Option<Located>,
    pub(super) value: Option<Spanned<u64>>,

    pub(super) save: Option<Spanned<String>>,
    pub(super) expect: Option<Spanned<Expect>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) status: Option<Spanned<String>>,
    pub(super) error: Option<Located>,
    pub(super) returns: Option<Located>,
    pub(super) events: Option<Spanned<Vec<Located>>>,
    pub(super) gas_max: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) balance: Option<Spanned<Amount>>,
    pub(super) nonce: Option<Spanned<Amount>>,
    pub(super) object: Option<Spanned<Object>>,
    pub(super) objects: Option<Spanned<Count>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Amount {
    pub(super) of: Located,
    pub(super) is: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Object {
    pub(super) id: Option<Located>,
    pub(super) contract: Option<Located>,
    pub(super) owner: Option<Located>,
    pub(super) index: Option<u32>,
    pub(super) absent: Option<bool>,
    pub(super) kind: Option<Spanned<String>>,
    pub(super) fields: Option<Located>,
    pub(super) raw_fields: Option<Located>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Count {
    pub(super) contract: Located,
    pub(super) owner: Located,
    pub(super) is: u32,
}
