//! `vm keys` on the command line.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Exit;
use super::outcome::{Done, Failed, Output, finish};
use crate::keys::{Key, KeyError, Keys, Listed, home, read_secret, read_secret_from};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  done
  2  the command line is wrong, the name is taken or unknown, or the file holds no secret; nothing was changed
  3  a file could not be written

Environment:
  VM_HOME  where keys and names are kept (default: ~/.config/vm)";

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    action: Action,
    /// Print JSON for programs.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a key.
    New {
        /// Its name.
        name: String,
    },
    /// Takes a secret that is there already: 64 hex digits, from a file or from standard input.
    Import {
        /// Its name.
        name: String,
        /// The file; - is standard input.
        #[arg(value_name = "FILE", default_value = "-")]
        from: PathBuf,
    },
    /// Lists all keys, the local chain's accounts among them.
    List,
    /// Shows a key's address and public half.
    Show {
        /// Its name.
        name: String,
    },
    /// Removes a key, and with it the only way to use its account.
    Remove {
        /// Its name.
        name: String,
    },
}

fn key_json(keys: &Keys, key: &Key) -> Value {
    json!({
        "name": key.name,
        "address": key.address.to_string(),
        "public_key": key.public.to_string(),
        "known_to_everyone": key.is_dev,
        "file": keys.file(&key.name),
    })
}

fn key_text(keys: &Keys, key: &Key) -> String {
    let secret = match keys.file(&key.name) {
        Some(file) => file.display().to_string(),
        None => "known to everyone: for local chains only".to_owned(),
    };
    format!(
        "{}\n  address     {}\n  public key  {}\n  secret      {secret}\n",
        key.name, key.address, key.public
    )
}

fn import(keys: &Keys, name: &str, from: &Path) -> Result<Key, KeyError> {
    let text = if from == Path::new("-") { read_secret_from(std::io::stdin()) } else { read_secret(from) };
    let text = text.map_err(|cause| KeyError::File { action: "read", path: from.to_owned(), cause })?;
    keys.import(name, &text, from)
}

impl KeysArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.json, out, err)
    }

    fn run(&self) -> Done {
        let keys = Keys::new(&home()?);
        let one = |key: Result<Key, KeyError>| {
            let key = key.map_err(Failed::from)?;
            Ok(Output::ok(key_text(&keys, &key), &key_json(&keys, &key)))
        };
        match &self.action {
            Action::New { name } => one(keys.create(name)),
            Action::Import { name, from } => one(import(&keys, name, from)),
            Action::Show { name } => one(keys.get(name)),
            Action::List => {
                let Listed { keys: all, unusable } = keys.list()?;
                let line = |key: &Key| {
                    let note = if key.is_dev { "  known to everyone" } else { "" };
                    format!("{:<10}  {}{note}\n", key.name, key.address)
                };
                let no_key = |(name, error): &(String, KeyError)| format!("{name:<10}  no key: {error}\n");
                let listed: Vec<Value> = all.iter().map(|key| key_json(&keys, key)).collect();
                let text = all.iter().map(line).chain(unusable.iter().map(no_key)).collect();
                let no_key = |(name, error): &(String, KeyError)| json!({ "name": name, "file": keys.file(name), "error": error.to_string() });
                let unusable: Vec<Value> = unusable.iter().map(no_key).collect();
                Ok(Output::ok(text, &json!({ "keys": listed, "unusable": unusable })))
            }
            Action::Remove { name } => {
                let file = keys.remove(name)?;
                let text = format!("{name} is gone with its file {}\n", file.display());
                Ok(Output::ok(text, &json!({ "name": name, "file": file })))
            }
        }
    }
}
