//! `vm prove` and `vm verify-proof` on the command line.

use std::fmt::Write as _;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use vm_chain::api::text::HexBytes;
use vm_chain::api::types::{At, Claim, Proof};
use vm_chain::names::Names;
use vm_chain::proof::{Shown, Verified, verify};
use vm_chain::value::{Human, decode, decode_fields};
use vm_core::interface::{Interface, Type};
use vm_core::{Hash, ObjectId, Policy};

use super::Exit;
use super::outcome::{Done, Failed, Output, finish};
use crate::session::{Session, read_interface};
use crate::show::{amount, plain};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  the proof is made
  2  the command line is wrong, or what it names is not there
  3  the chain or this machine failed";

pub(super) const VERIFY_EXIT_CODES: &str = "Exit codes:
  0  the proof holds
  1  it does not hold
  2  the command line is wrong, or the file is no proof
  3  a file could not be read

A proof is as good as the hash it is checked against: take that from somebody you trust, not from whoever gave the proof.";

/// The longest file that is read as a proof.
const PROOF_BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct ProveArgs {
    #[command(subcommand)]
    what: What,
    /// The chain: the folder of one, or the URL of a node.
    #[arg(long, value_name = "PATH|URL", env = "VM_CHAIN", hide_env_values = true, default_value = crate::target::DEFAULT_URL, global = true)]
    chain: crate::target::Target,
    /// Of the state after this block, a height or hash; receipts and events are of their own block.
    #[arg(long, value_name = "BLOCK", default_value_t = At::Head, global = true)]
    at: At,
    /// Write it here (default: to standard output).
    #[arg(long, value_name = "FILE", global = true)]
    out: Option<PathBuf>,
    /// Print JSON for programs: where the proof was written, and what it is of.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// An account's balance and nonce, or that it has none.
    Account {
        /// Whose: a name or an address.
        account: String,
    },
    /// A contract's code and deployer, or that there is none.
    Contract {
        /// The contract: an address, a name, or the path of an interface.
        contract: String,
    },
    /// An object's contract, owner and policy, or that there is none.
    Object {
        /// The object.
        id: ObjectId,
    },
    /// A field's value, or that there is none.
    Field {
        /// The object.
        id: ObjectId,
        /// The field's name; 0x and hex digits if it is no text.
        name: String,
    },
    /// What a transaction came to.
    Receipt {
        /// The transaction.
        transaction: Hash,
    },
    /// One event of a transaction.
    Event {
        /// The transaction.
        transaction: Hash,
        /// The event's index in the receipt.
        index: u32,
    },
}

impl What {
    fn claim(&self, session: &Session) -> Result<Claim, Failed> {
        Ok(match self {
            Self::Account { account } => Claim::Account { address: session.address(account)?.into() },
            // An address needs no contract: that there is none can be proved too.
            Self::Contract { contract } => match session.address(contract) {
                Ok(address) => Claim::Contract { address: address.into() },
                Err(_) => Claim::Contract { address: session.contract(contract)?.info.address },
            },
            Self::Object { id } => Claim::Object { id: (*id).into() },
            Self::Field { id, name } => {
                let hex = name.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
                let name = hex.unwrap_or_else(|| name.as_bytes().to_vec());
                Claim::Field { object: (*id).into(), name: name.into() }
            }
            Self::Receipt { transaction } => Claim::Receipt { transaction: (*transaction).into() },
            Self::Event { transaction, index } => {
                Claim::Event { transaction: (*transaction).into(), index: *index }
            }
        })
    }
}

impl ProveArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.json, out, err)
    }

    fn run(&self) -> Done {
        let session = Session::open(&self.chain)?;
        let proof = session.api().prove(self.what.claim(&session)?, self.at)?;
        // A proof that does not hold is no proof: better known here than by whom it is given to.
        verify(&proof, &proof.header.hash.0).map_err(|error| {
            Failed::machine(miette::miette!("the chain gives a proof that does not hold: {error}"))
        })?;
        let mut document = serde_json::to_string_pretty(&proof).unwrap_or_default();
        document.push('\n');
        let mut text = document.clone();
        if let Some(path) = &self.out {
            std::fs::write(path, &document).map_err(|error| {
                Failed::machine(miette::miette!(
                    help = "check the path",
                    "cannot write {}: {error}",
                    path.display()
                ))
            })?;
            let hash = proof.header.hash;
            text = format!(
                "{}: a proof against block {}\nvm verify-proof {} --block-hash {hash}\n",
                path.display(),
                proof.header.height,
                path.display()
            );
        }
        Ok(Output::ok(text, &json!({ "file": self.out, "proof": proof })))
    }
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("trusted").required(true))]
pub(super) struct VerifyProofArgs {
    /// The proof, as `vm prove` writes it; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The hash of the block that is trusted. Nothing else is needed: no chain is asked.
    #[arg(long, value_name = "HASH", group = "trusted")]
    block_hash: Option<Hash>,
    /// Trust this chain instead: its block at the proof's height.
    #[arg(long, value_name = "PATH|URL", group = "trusted")]
    trust_header_of_chain: Option<crate::target::Target>,
    /// The contract's interface, to show what a field's or an event's bytes mean.
    #[arg(long, value_name = "INTERFACE.json")]
    interface: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

fn read(path: &Path) -> Result<Proof, Failed> {
    let mut text = String::new();
    let read = |text: &mut String| {
        let limit = PROOF_BYTES_MAX.saturating_add(1);
        if path == Path::new("-") {
            std::io::stdin().take(limit).read_to_string(text)
        } else {
            std::fs::File::open(path)?.take(limit).read_to_string(text)
        }
    };
    let length = read(&mut text).map_err(|error| {
        Failed::input(miette::miette!(
            help = "give what `vm prove --out FILE` wrote",
            "cannot read {}: {error}",
            path.display()
        ))
    })?;
    let problem = match serde_json::from_str(&text) {
        _ if u64::try_from(length).unwrap_or(u64::MAX) > PROOF_BYTES_MAX => "it is too long".to_owned(),
        Ok(proof) => return Ok(proof),
        Err(error) => error.to_string(),
    };
    let help = "give what `vm prove --out FILE` wrote";
    Err(Failed::input(miette::miette!(help = help, "{} is no proof: {problem}", path.display())))
}

impl VerifyProofArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.json, out, err)
    }

    fn run(&self) -> Done {
        let proof = read(&self.file)?;
        let interface = self.interface.as_deref().map(read_interface).transpose()?;
        let trusted = match (&self.block_hash, &self.trust_header_of_chain) {
            (Some(hash), _) => *hash,
            (None, Some(chain)) => {
                Session::open(chain)?.api().block(At::Height(proof.header.height))?.header.hash.0
            }
            // clap has refused this.
            (None, None) => Hash::ZERO,
        };
        Ok(match verify(&proof, &trusted) {
            Ok(verified) => {
                let rows = rows(&verified.shown, interface.as_ref());
                let holds: serde_json::Map<String, Value> =
                    rows.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
                let value = json!({
                    "holds": true,
                    "claim": proof.claim,
                    "block": proof.header.hash,
                    "height": verified.header.height,
                    "shown": holds,
                    "error": null,
                });
                Output::ok(text(&verified, &rows), &value)
            }
            Err(error) => {
                let value = json!({
                    "holds": false,
                    "claim": proof.claim,
                    "block": trusted.to_string(),
                    "height": proof.header.height,
                    "shown": null,
                    "error": error.to_string(),
                });
                let text = format!("the proof does not hold: {}\n", plain(&error.to_string()));
                Output::new(Exit::Unmet, text, &value)
            }
        })
    }
}

fn text(verified: &Verified, rows: &[(String, String)]) -> String {
    let mut text =
        format!("the proof holds, by block {} (height {})\n", verified.header.hash(), verified.header.height);
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<12}  {value}");
    }
    text
}

/// A field's name, as `vm prove field` takes it. Contracts choose the bytes: what could pass for more than a name, or for
/// the digits of another one, stands as digits.
fn field_name(name: &[u8]) -> String {
    let text = std::str::from_utf8(name).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    match text {
        Some(text) if !text.starts_with("0x") => text.to_owned(),
        _ => HexBytes(name.to_vec()).to_string(),
    }
}

/// What is shown, as names and values of one line each. Ids stand as digits: whoever checks a proof believes no names.
fn rows(shown: &Shown, interface: Option<&Interface>) -> Vec<(String, String)> {
    let row = |name: &str, value: &dyn std::fmt::Display| (name.to_owned(), plain(&value.to_string()));
    match shown {
        Shown::Account { address, account } => {
            let account = account.unwrap_or_default();
            vec![
                row("account", address),
                row("balance", &amount(account.balance)),
                row("nonce", &account.nonce),
            ]
        }
        Shown::Contract { address, contract: Some(contract) } => vec![
            row("contract", address),
            row("code", &contract.code_hash),
            row("deployer", &contract.deployer),
        ],
        Shown::Contract { address, contract: None } => {
            vec![row("contract", address), row("is", &"not there")]
        }
        Shown::Object { id, meta: Some(meta) } => vec![
            row("object", id),
            row("contract", &meta.contract),
            row("owner", &meta.owner),
            row(
                "changed by",
                &match meta.policy {
                    Policy::Contract => "its contract",
                    Policy::Owner => "its owner",
                },
            ),
            row("since block", &meta.stamp.height),
        ],
        Shown::Object { id, meta: None } => vec![row("object", id), row("is", &"not there")],
        Shown::Field { object, name, value } => {
            let value = match value {
                Some(value) => field(interface, name, value),
                None => "not there".to_owned(),
            };
            vec![row("object", object), row("field", &field_name(name)), row("is", &value)]
        }
        Shown::Receipt { transaction, index, body } => {
            let status = match body.status {
                vm_core::Status::Success => "success".to_owned(),
                vm_core::Status::Reverted => "reverted".to_owned(),
                vm_core::Status::Failed(code) => format!("failed: {}", code.name()),
            };
            vec![
                row("transaction", transaction),
                row("index", index),
                row("status", &status),
                row("output", &HexBytes(body.output.clone())),
                row("gas", &amount(body.gas_used)),
                row("refunded", &amount(body.gas_refunded)),
                row("events root", &body.events_root),
            ]
        }
        Shown::Event { transaction, transaction_index, index, event } => {
            let record = interface.and_then(|interface| interface.event(&event.name));
            let fields =
                record.and_then(|record| decode_fields(&record.fields, &event.data, &Names::default()).ok());
            let data = match fields {
                Some(fields) => {
                    Human::table(fields.into_iter().map(|(name, value, _)| (name, value))).to_string()
                }
                None => HexBytes(event.data.clone()).to_string(),
            };
            vec![
                row("transaction", transaction),
                row("index", transaction_index),
                row("event", &format!("{index}: {}", event.name)),
                row("contract", &event.contract),
                row("fields", &data),
            ]
        }
    }
}

/// A field's value by the interface, where its kinds of objects agree on the type; otherwise its bytes.
fn field(interface: Option<&Interface>, name: &[u8], value: &[u8]) -> String {
    let records = interface.into_iter().flat_map(|interface| &interface.objects);
    let fields = records.flat_map(|record| &record.fields).filter(|field| field.name.as_bytes() == name);
    let mut types: Vec<&Type> = fields.map(|field| &field.ty).collect();
    types.dedup();
    let decoded = match types.as_slice() {
        [ty] => decode(ty, value, &Names::default()).ok(),
        _ => None,
    };
    decoded.map_or_else(|| HexBytes(value.to_vec()).to_string(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parity_scale_codec::Encode as _;
    use vm_core::interface::Record;
    use vm_core::{Address, Event};

    fn lines(shown: &Shown, interface: Option<&Interface>) -> Vec<String> {
        rows(shown, interface).into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    fn noted() -> Interface {
        let note = || vec![vm_core::interface::Field { name: "note".to_owned(), ty: Type::String }];
        let record = |name: &str| Record { name: name.to_owned(), fields: note(), docs: String::new() };
        Interface { objects: vec![record("Sheet")], events: vec![record("Noted")], ..Interface::default() }
    }

    #[test]
    fn r92_no_name_or_value_in_a_proof_passes_for_another_row() {
        let field = |name: &[u8], value: Option<Vec<u8>>| {
            let shown = Shown::Field { object: ObjectId([1; 32]), name: name.to_vec(), value };
            lines(&shown, Some(&noted())).split_off(1)
        };
        let forged = b"x\n  is            1000000 \x1b[31mred";
        assert_eq!(
            field(forged, None),
            [format!("field: 0x{}", hex::encode(forged)), "is: not there".to_owned()]
        );
        // A blank could stand for the gap between two columns, and digits for the name that they are of.
        assert_eq!(field(b"a b", None)[0], "field: 0x612062");
        assert_eq!(field(b"0x1b", None)[0], "field: 0x30783162");
        assert_eq!(field("größe".as_bytes(), None)[0], "field: 0x6772c3b6c39f65");
        let text = "red\x1b[31m\n  is  1".encode();
        assert_eq!(field(b"note", Some(text.clone())), ["field: note", r#"is: "red\u{1b}[31m\n  is  1""#]);
        let event = |name: &str, data: Vec<u8>| Shown::Event {
            transaction: Hash([2; 32]),
            transaction_index: 0,
            index: 0,
            event: Event { contract: Address([3; 32]), name: name.to_owned(), data },
        };
        assert_eq!(lines(&event("E\n  fields  1", vec![]), None)[2], "event: 0: E\u{fffd}  fields  1");
        let noted = &lines(&event("Noted", text), Some(&noted()))[4];
        assert!(!noted.contains(char::is_control) && noted.contains("note = "), "{noted}");
    }
}
