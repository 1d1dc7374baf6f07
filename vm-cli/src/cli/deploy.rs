//! `vm deploy` on the command line: a module, and its initialiser's parameters as options.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command};
use serde_json::json;
use vm_chain::ApiError;
use vm_chain::api::types::Level;
use vm_chain::chain::Spec;
use vm_core::interface::{Flags, Function, Interface, Type};
use vm_core::{CodeSource, ErrorCode, Hash, Params, Payload};
use vm_host::validate_module;

use super::Exit;
use super::call::{Parsed, arguments, flag, given, own_options, read, run_or_send, sent};
use super::outcome::{ChainArgs, Done, Failed, Output, finish};
use super::terms::TermArgs;
use crate::aliases::{AliasError, Aliases};
use crate::arguments::{RAW_ARGS, with_parameters};
use crate::files;
use crate::send::Sent;
use crate::session::{Session, SessionError};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  the contract is there (with --dry-run: it would be)
  1  the initialiser reverts or fails, or the transaction is refused
  2  the command line or the module is wrong; nothing was sent
  3  the chain or this machine failed

Options may stand before the module or after it. Where a parameter has an option's name, the parameter is meant after the
module, and the option before it.

  vm deploy token.wasm --help           what the initialiser takes
  vm deploy token.wasm --name Gold --total-supply 1000";

#[derive(Clone, Debug, Args)]
pub(super) struct DeployOptions {
    /// Who deploys: a key's name, or the address of one.
    #[arg(long, value_name = "NAME", env = "VM_FROM", hide_env_values = true, default_value = "alice")]
    from: String,
    /// Balance to send along.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0)]
    value: u64,
    /// Tells apart contracts of one deployer and module: a number, or 0x and 64 digits.
    #[arg(long, value_name = "SALT", value_parser = salt, default_value = "0")]
    salt: Hash,
    #[command(flatten)]
    terms: TermArgs,
    /// Call the contract so from now on, on this chain.
    #[arg(long = "as", value_name = "NAME")]
    as_name: Option<String>,
    /// SCALE of the initialiser's arguments, 0x and hex digits, in the place of options.
    #[arg(long, value_name = "HEX")]
    raw_args: Option<String>,
    /// Send nothing; say what would come of it.
    #[arg(long)]
    dry_run: bool,
    /// Store the module without deploying it, for factories and later deployments.
    #[arg(long)]
    upload_only: bool,
}

#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    options: DeployOptions,
    /// The module, as `vm build` makes it, and the initialiser's arguments.
    #[arg(
        value_name = "MODULE [--PARAMETER VALUE]...",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

/// A number as the last bytes of a salt, or all of it in hex.
fn salt(text: &str) -> Result<Hash, String> {
    if let Ok(hash) = text.parse() {
        return Ok(hash);
    }
    let number: u64 = text.parse().map_err(|_| "a salt is a number, or 0x and 64 hex digits".to_owned())?;
    let mut bytes = [0; 32];
    if let Some(end) = bytes.last_chunk_mut::<8>() {
        *end = number.to_be_bytes();
    }
    Ok(Hash(bytes))
}

impl DeployOptions {
    fn with(mut self, matches: &ArgMatches) -> Self {
        self.from = given(matches, "from").unwrap_or(self.from);
        self.value = given(matches, "value").unwrap_or(self.value);
        self.salt = given(matches, "salt").unwrap_or(self.salt);
        self.terms = self.terms.with(matches);
        self.as_name = given(matches, "as_name").or(self.as_name);
        self.raw_args = given(matches, RAW_ARGS).or(self.raw_args);
        self.dry_run |= flag(matches, "dry_run");
        self.upload_only |= flag(matches, "upload_only");
        self
    }
}

/// What a contract without an initialiser is deployed with.
fn nothing() -> Function {
    Function {
        name: "deploy".to_owned(),
        flags: Flags::INIT,
        params: Vec::new(),
        returns: Type::unit(),
        docs: "Deploys the contract, which has no initialiser".to_owned(),
    }
}

/// The module in the file, and its interface, by a chain's rules.
fn module(params: &Params, path: &Path) -> Result<(Vec<u8>, Interface), Failed> {
    let code = files::read(path, files::MODULE_BYTES_MAX).map_err(|error| {
        let help = "give the module that `vm build` made: target/vm/NAME.wasm";
        Failed::input(miette::miette!(help = help, "cannot read {}: {error}", path.display()))
    })?;
    let module = validate_module(&code, params).map_err(|error| {
        let help = format!("`vm inspect {}` says more", path.display());
        Failed::input(miette::miette!(help = help, "the chain would refuse {}: {error}", path.display()))
    })?;
    Ok((code, module.interface))
}

impl DeployArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let chain = self.chain.with_words(&self.words);
        finish(self.run(&chain), chain.json, out, err)
    }

    /// Reads the words behind the module as the parameters of `init`.
    fn read(&self, path: &Path, init: &Function) -> Result<Parsed, Failed> {
        let name = format!("vm deploy {}", path.display());
        let command = with_parameters(Command::new(name.clone()), init, &own_options::<DeployOptions>());
        let line: Vec<String> = std::iter::once(name).chain(self.words.iter().skip(1).cloned()).collect();
        read(command, &line)
    }

    /// The help that the words behind the module ask for, if they do.
    fn help(&self, path: &Path) -> Result<Option<Output>, Failed> {
        if self.words.iter().skip(1).all(|word| word != "--help" && word != "-h") {
            return Ok(None);
        }
        let (_, interface) = module(&Params::default(), path)?;
        let init = interface.init().cloned().unwrap_or_else(nothing);
        Ok(match self.read(path, &init) {
            Ok(Parsed::Shown(output)) => Some(output),
            // A parameter has the name, and all else is judged with a chain.
            _ => None,
        })
    }

    fn run(&self, chain: &ChainArgs) -> Done {
        let path = PathBuf::from(self.words.first().cloned().unwrap_or_default());
        // What the initialiser takes can be said without a chain.
        if let Some(help) = self.help(&path)? {
            return Ok(help);
        }
        let mut session = chain.open_for(&self.words)?;
        let spec = Spec::from_bytes(&session.params().spec.0)
            .map_err(|error| ApiError::Remote(format!("the chain's rules can't be read: {error}")))?;
        let (code, interface) = module(&spec.params, &path)?;
        let init = interface.init().cloned().unwrap_or_else(nothing);
        let may_follow = init.params.iter().all(|field| field.name != "upload_only");
        let upload =
            self.options.upload_only || (may_follow && self.words.iter().any(|word| word == "--upload-only"));
        // A module that is only stored is given no arguments.
        let shape = if upload { nothing() } else { init.clone() };
        let matches = match self.read(&path, &shape)? {
            Parsed::Matches(matches) => matches,
            Parsed::Shown(output) => return Ok(output),
        };
        chain.agree(&matches)?;
        let options = self.options.clone().with(&matches);
        if let Some(name) = &options.as_name {
            Aliases::check(name).map_err(|error: AliasError| SessionError::from(error))?;
        }
        let code_hash = Hash::of_code(&code);
        let payload = if upload {
            Payload::Upload { code }
        } else {
            let args = arguments(&session, &init, &matches, options.raw_args.as_deref())?;
            let code = stored_or_bytes(&session, code_hash, code)?;
            Payload::Deploy { code, salt: options.salt, args, value: options.value }
        };
        let terms = options.terms.terms(Level::Off);
        let done = run_or_send(&session, &options.from, terms, payload, !options.dry_run)?;
        if let (Sent::Committed(receipt), Some(name)) = (&done, &options.as_name)
            && let Some(address) = &receipt.outcome.deployed
        {
            session.name_contract(name, &address.0)?;
        }
        let mut output = sent(&session, &done, Some(&interface), "nothing was sent; without --dry-run it is");
        if ends_with(&done, ErrorCode::AddressTaken) {
            output.text.push_str("another --salt gives another address\n");
        }
        output.text.push_str(&format!("  code      {code_hash}\n"));
        if let Some(keys) = output.json.as_object_mut() {
            keys.insert("code_hash".to_owned(), json!(code_hash.to_string()));
        }
        Ok(output)
    }
}

/// Whether it failed, or would, with this error.
fn ends_with(sent: &Sent, code: ErrorCode) -> bool {
    let ending = match sent {
        Sent::Dry { answer, .. } => &answer.outcome.ending,
        Sent::Committed(receipt) => &receipt.outcome.ending,
    };
    ending.error.as_ref().is_some_and(|error| error.name == code.name())
}

/// The code's hash alone, where the chain has the code already: its bytes need not be paid for again.
fn stored_or_bytes(session: &Session, code_hash: Hash, code: Vec<u8>) -> Result<CodeSource, Failed> {
    match session.api().code(code_hash) {
        Ok(_) => Ok(CodeSource::Stored(code_hash)),
        Err(ApiError::Missing { .. }) => Ok(CodeSource::Bytes(code)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_a_number_or_a_hash() {
        assert_eq!(salt("0"), Ok(Hash::ZERO));
        assert_eq!(salt("258").unwrap().0[29..], [0, 1, 2]);
        assert_eq!(salt(&Hash([7; 32]).to_string()), Ok(Hash([7; 32])));
        assert!(salt("0x12").is_err());
        assert!(salt("-1").is_err());
    }
}
