//! What a chain's state holds: `vm balance`, `vm object`, `vm contracts`, `vm params`.

use std::fmt::Write as _;
use std::io::Write;

use clap::{ArgGroup, Args};
use serde_json::{Map, Value, json};
use vm_chain::api::types::{At, ContractInfo, ObjectFilter, ObjectInfo};
use vm_chain::value::grouped;
use vm_core::ObjectId;

use super::Exit;
use super::outcome::{ChainArgs, Done, Output, finish};
use crate::colours::Colours;
use crate::show::{Show, amount, plain};

#[derive(Debug, Args)]
pub(super) struct BalanceArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Whose: names or addresses (default: all accounts with a name).
    #[arg(value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// After this block, a height or hash.
    #[arg(long, value_name = "BLOCK", default_value_t = At::Head)]
    at: At,
}

impl BalanceArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let mut accounts = Vec::new();
        if self.accounts.is_empty() {
            for (name, _) in session.names().all() {
                let info = session.api().account(session.address(&name)?, self.at)?;
                // Of the names that every chain knows, most are not used on this one.
                if info.balance.0 > 0 || info.nonce > 0 {
                    accounts.push(info);
                }
            }
        }
        for account in &self.accounts {
            accounts.push(session.api().account(session.address(account)?, self.at)?);
        }
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let mut text = String::new();
        for info in &accounts {
            let what = if info.is_contract { "contract" } else { "account" };
            let (name, balance) = (show.id(&info.address), amount(info.balance.0));
            let _ = writeln!(text, "{name:<10}  {balance:>15}  {what}, nonce {}", info.nonce);
        }
        Ok(Output::ok(text, &json!({ "accounts": accounts })))
    }
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
pub(super) struct ObjectArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The object: 0x and 64 digits.
    #[arg(value_name = "ID", group = "which")]
    id: Option<ObjectId>,
    /// All objects of this owner instead: a name or an address.
    #[arg(long, value_name = "ACCOUNT", group = "which")]
    owner: Option<String>,
    /// Only of this contract.
    #[arg(long, value_name = "CONTRACT", requires = "owner")]
    contract: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", requires = "owner")]
    limit: Option<u32>,
    /// After this block, a height or hash; only of one object.
    #[arg(long, value_name = "BLOCK", default_value_t = At::Head, conflicts_with = "owner")]
    at: At,
}

impl ObjectArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let mut objects: Vec<ObjectInfo> = Vec::new();
        if let Some(id) = self.id {
            objects.push(session.api().object(id, self.at)?);
        }
        if let Some(owner) = &self.owner {
            let contract = self.contract.as_ref().map(|text| session.contract(text)).transpose()?;
            objects = session.api().objects(ObjectFilter {
                owner: session.address(owner)?.into(),
                contract: contract.map(|found| found.info.address),
                limit: self.limit,
            })?;
        }
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let mut text: String = objects.iter().map(|object| show.object(object)).collect();
        if objects.is_empty() {
            text.push_str("no objects\n");
        }
        Ok(Output::ok(text, &json!({ "objects": objects })))
    }
}

#[derive(Debug, Args)]
pub(super) struct ContractsArgs {
    #[command(flatten)]
    chain: ChainArgs,
}

impl ContractsArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let contracts = session.contracts()?;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let line = |info: &ContractInfo| {
            let named = show.id(&info.address);
            let alias = named.strip_prefix('@').map(|name| format!("  @{name}")).unwrap_or_default();
            format!(
                "{}  {}  deployed by {}{alias}\n",
                info.address,
                plain(&info.name),
                show.id(&info.deployer)
            )
        };
        let mut text: String = contracts.iter().map(line).collect();
        if contracts.is_empty() {
            text.push_str("no contracts; `vm deploy MODULE.wasm` makes one\n");
        }
        Ok(Output::ok(text, &json!({ "contracts": contracts })))
    }
}

#[derive(Debug, Args)]
pub(super) struct ParamsArgs {
    #[command(flatten)]
    chain: ChainArgs,
}

impl ParamsArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let params = session.params();
        let mut text = format!(
            "chain       {}\nhash        {}\nvm version  {}\n",
            plain(&params.chain),
            params.hash,
            params.vm_version
        );
        for (title, table) in [("limits", &params.limits), ("gas", &params.gas)] {
            let _ = write!(text, "\n{title}\n{}", rows(table));
        }
        Ok(Output::ok(text, params))
    }
}

fn rows(table: &Map<String, Value>) -> String {
    let row = |(name, value): (&String, &Value)| {
        let value = value.as_u64().map_or_else(|| value.to_string(), |value| grouped(value.into()));
        format!("  {name:<32}  {value:>15}\n")
    };
    table.iter().map(row).collect()
}
