//! From the file to a checked scenario: every name resolved, every value converted once to see that it fits.
//!
//! Order matters in one place: transactions are walked as they will run, so that `$name` is known only after the
//! transaction that saves it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use vm_core::interface::{Field, Interface, Record, Type};
use vm_core::{Address, ErrorCode, Hash, Mint, ObjectId, Params};

use super::file;
use super::{
    Action, Args, BLOCK_INTERVAL, BlockPlan, ErrorExpect, EventExpect, Expect, FieldExpect, GAS_DEFAULT,
    GAS_PRICE_DEFAULT, Instance, Module, ObjectExpect, ObjectRef, Scenario, ScenarioError, StateExpect,
    StateFact, StatusExpect, TransactionPlan,
};
use crate::files;
use crate::names::{Names, list};
use crate::value::{Human, Located, Number, ValueError, encode, encode_field, type_name};

/// Files larger than this are no scenarios or modules, whatever they are.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

impl Scenario {
    /// Reads and checks the scenario at `path`.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] with file, line and reason: unreadable or malformed files, unknown names, values that do not
    /// fit their types, modules that the chain would refuse.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        Self::load_with(path, None)
    }

    /// As [`Self::load`], but takes modules of the same file names from the folder `modules` where one is given.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn load_with(path: &Path, modules: Option<&Path>) -> Result<Self, ScenarioError> {
        // The user names it: a pipe will do.
        let bytes = files::read(path, FILE_BYTES_MAX)
            .map_err(|error| ScenarioError::new(path, "", None, cannot_read(path, &error)))?;
        let text = String::from_utf8(bytes).map_err(|_| {
            ScenarioError::new(path, "", None, "not a text file: a scenario is TOML in UTF-8")
        })?;
        Self::parse(path, text, modules)
    }

    /// Checks the scenario with this text; paths in it are relative to the folder of `path`, or see
    /// [`Self::load_with`].
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn parse(path: &Path, text: String, modules: Option<&Path>) -> Result<Self, ScenarioError> {
        let file: file::File = toml::from_str(&text).map_err(|error| {
            ScenarioError::new(path, &text, error.span(), error.message().trim().to_owned())
                .with_help("vm-cli/SCENARIOS.md lists every key")
        })?;
        let loader = Loader {
            path,
            text: &text,
            module_folder: modules,
            params: Params::default(),
            modules: BTreeMap::new(),
            contracts: BTreeMap::new(),
            names: Names::default(),
            module_refs: BTreeSet::new(),
        };
        let parts = loader.load(file)?;
        Ok(Self { path: path.to_owned(), text, ..parts })
    }
}

fn cannot_read(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

struct Loader<'a> {
    path: &'a Path,
    text: &'a str,
    module_folder: Option<&'a Path>,
    params: Params,
    modules: BTreeMap<String, Module>,
    contracts: BTreeMap<Address, Instance>,
    names: Names,
    module_refs: BTreeSet<String>,
}

type Loaded<T> = Result<T, ScenarioError>;

impl Loader<'_> {
    fn fail<T>(&self, span: Option<Range<usize>>, reason: impl Into<String>) -> Loaded<T> {
        Err(ScenarioError::new(self.path, self.text, span, reason))
    }

    /// Gives a value's error its place in the file.
    fn placed<T>(&self, result: Result<T, ValueError>, around: &Range<usize>) -> Loaded<T> {
        result.or_else(|error| {
            let span = error.span.clone().unwrap_or_else(|| around.clone());
            self.fail(Some(span), error.to_string())
        })
    }

    fn address(&self, value: &Located, path: &str) -> Loaded<Address> {
        self.placed(crate::value::address(value, &self.names, path), &(0..0))
    }

    fn load(mut self, file: file::File) -> Loaded<Scenario> {
        let mut accounts = Vec::new();
        let mut total = 0u64;
        for (name, balance) in &file.accounts {
            self.check_name(name.get_ref(), "account", name.span())?;
            let address = Address::named(name.get_ref());
            self.names.add_address(name.get_ref(), address);
            total = match total.checked_add(*balance) {
                Some(total) => total,
                None => {
                    return self
                        .fail(Some(name.span()), "all balances together pass the largest u64; give less");
                }
            };
            accounts.push((address, *balance));
        }
        for (name, module) in &file.contracts {
            self.check_name(name.get_ref(), "contract", name.span())?;
            let module = self.module(name.get_ref(), module)?;
            self.names.add_code(name.get_ref(), Hash::of_code(&module.code));
            self.modules.insert(name.get_ref().clone(), module);
        }
        // Addresses of contracts do not depend on how anything ends: all are known before the first transaction.
        for block in &file.block {
            for tx in &block.get_ref().tx {
                self.declare_contract(tx)?;
            }
        }
        if let Some(unused) = file.contracts.keys().find(|name| !self.module_refs.contains(name.get_ref())) {
            let reason = format!("no transaction deploys or uploads {:?}", unused.get_ref());
            return self.fail(Some(unused.span()), reason);
        }
        let mut blocks = Vec::new();
        let mut time = file.time;
        for block in file.block {
            let block = self.block(block, time)?;
            if block.invalid.is_none() {
                time = block.time;
            }
            blocks.push(block);
        }
        let mut expects = Vec::new();
        for expect in file.expect {
            self.state(expect, &mut expects)?;
        }
        if blocks.is_empty() {
            return self.fail(None, "a scenario needs at least one [[block]]");
        }
        Ok(Scenario {
            path: self.path.to_owned(),
            text: String::new(),
            name: file.name,
            description: file.description,
            requirements: file.requirements,
            params: self.params,
            time: file.time,
            accounts,
            modules: self.modules,
            contracts: self.contracts,
            names: self.names.without_objects(),
            blocks,
            expects,
        })
    }

    fn check_name(&self, name: &str, what: &str, span: Range<usize>) -> Loaded<()> {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain {
            return Ok(());
        }
        self.fail(
            Some(span),
            format!("{name:?} is no name for a {what}: use letters, digits and _, a letter first"),
        )
    }

    /// `"path"`, or `{ path = "...", unchecked = true }`, or `{ bytes = "0x...", unchecked = true }`.
    fn module(&self, name: &str, source: &Located) -> Loaded<Module> {
        let at = source.span.clone();
        let mut path = None;
        let mut bytes = None;
        let mut unchecked = false;
        match &source.value {
            Human::Text(text) => path = Some(text.clone()),
            Human::Table(entries) => {
                for (key, value) in entries {
                    match (key.as_str(), &value.value) {
                        ("path", Human::Text(text)) => path = Some(text.clone()),
                        ("bytes", Human::Text(_)) => {
                            bytes = Some(self.placed(crate::value::bytes(value, "bytes"), &(0..0))?);
                        }
                        ("unchecked", Human::Bool(flag)) => unchecked = *flag,
                        _ => {
                            let reason =
                                format!("contracts.{name}.{key}: expected path, bytes or unchecked = true");
                            return self.fail(value.span.clone(), reason);
                        }
                    }
                }
            }
            _ => {}
        }
        let (code, from) = match (path, bytes) {
            (Some(path), None) => {
                let full = match (self.module_folder, Path::new(&path).file_name()) {
                    (Some(folder), Some(file)) => folder.join(file),
                    _ => self.path.parent().unwrap_or(Path::new("")).join(path),
                };
                let code = files::read_regular(&full, FILE_BYTES_MAX)
                    .or_else(|error| self.fail(at.clone(), cannot_read(&full, &error)))?;
                (code, full.display().to_string())
            }
            (None, Some(bytes)) => (bytes, format!("contracts.{name}.bytes")),
            _ => {
                let reason = format!(
                    "contracts.{name}: expected the path of a wasm file, or a table with path or bytes"
                );
                return self.fail(at, reason);
            }
        };
        if unchecked {
            return Ok(Module { code, interface: None });
        }
        match vm_host::validate_module(&code, &self.params) {
            Ok(info) => Ok(Module { code, interface: Some(Arc::new(info.interface)) }),
            Err(error) => {
                Err(ScenarioError::new(self.path, self.text, at, format!("{from} is refused: {error}"))
                    .with_help("a node would refuse its deployment too; to send it anyway: { path = \"...\", unchecked = true }"))
            }
        }
    }

    fn find_module(&self, name: &Spanned<String>) -> Loaded<&Module> {
        match self.modules.get(name.get_ref()) {
            Some(module) => Ok(module),
            None => {
                let known = list(self.modules.keys().cloned());
                let reason = format!("no contract {:?} under [contracts]; there are {known}", name.get_ref());
                self.fail(Some(name.span()), reason)
            }
        }
    }

    fn deployment(&self, tx: &file::Tx, module: &Spanned<String>) -> Loaded<(Hash, Address)> {
        let salt = match &tx.salt {
            None => Hash::ZERO,
            Some(Located { value: Human::Integer(Number::Natural(number)), .. }) => {
                let mut bytes = [0; 32];
                let (_, low) = bytes.split_at_mut(16);
                low.copy_from_slice(&number.to_be_bytes());
                Hash(bytes)
            }
            Some(text) => {
                let bytes = self.placed(encode(&Type::Hash, text, &self.names, "salt"), &module.span())?;
                bytes.try_into().map_or(Hash::ZERO, Hash)
            }
        };
        let sender = self.address(&tx.from, "from")?;
        let code_hash = Hash::of_code(&self.find_module(module)?.code);
        Ok((salt, Address::of_contract(&sender, &salt, &code_hash)))
    }

    fn declare_contract(&mut self, tx: &Spanned<file::Tx>) -> Loaded<()> {
        let tx = tx.get_ref();
        if let Some(module) = &tx.upload {
            self.module_refs.insert(module.get_ref().clone());
        }
        let Some(module) = &tx.deploy else { return Ok(()) };
        self.module_refs.insert(module.get_ref().clone());
        let (_, address) = self.deployment(tx, module)?;
        let name = tx.name.as_ref().unwrap_or(module);
        self.check_name(name.get_ref(), "contract", name.span())?;
        let fresh = self.names.add_address(name.get_ref(), address);
        if !fresh && self.names.address(name.get_ref()) != Some(address) {
            let reason = format!("the name @{} is taken; name this contract with `as`", name.get_ref());
            return self.fail(Some(name.span()), reason);
        }
        let instance = Instance { name: name.get_ref().clone(), module: module.get_ref().clone() };
        self.contracts.entry(address).or_insert(instance);
        Ok(())
    }

    fn block(&mut self, block: Spanned<file::Block>, parent_time: i64) -> Loaded<BlockPlan> {
        let span = block.span();
        let block = block.into_inner();
        let proposer = match &block.proposer {
            Some(value) => self.address(value, "proposer")?,
            None => Address::named("proposer"),
        };
        let mut mints = Vec::new();
        for mint in &block.mint {
            mints.push(Mint { to: self.address(&mint.to, "mint.to")?, amount: mint.amount });
        }
        let mut transactions = Vec::new();
        for tx in block.tx {
            transactions.push(self.transaction(tx)?);
        }
        let mut expects = Vec::new();
        for expect in block.expect {
            self.state(expect, &mut expects)?;
        }
        Ok(BlockPlan {
            span,
            time: block.time.unwrap_or_else(|| parent_time.saturating_add(BLOCK_INTERVAL)),
            proposer,
            mints,
            transactions,
            invalid: block.expect_invalid.map(|text| (text.get_ref().clone(), text.span())),
            expects,
        })
    }

    fn transaction(&mut self, tx: Spanned<file::Tx>) -> Loaded<TransactionPlan> {
        let span = tx.span();
        let tx = tx.into_inner();
        let sender = self.address(&tx.from, "from")?;
        let action = self.action(&tx, &span)?;
        let expect = self.expect(&tx, &action)?;
        let save = match &tx.save {
            Some(name) => {
                self.check_name(name.get_ref(), "saved object", name.span())?;
                let returns = self.function(&action).map(|function| &function.returns);
                if returns != Some(&Type::ObjectId) {
                    let found = returns.map_or("nothing known".to_owned(), type_name);
                    let reason = format!("only a returned ObjectId can be saved; this returns {found}");
                    return self.fail(Some(name.span()), reason);
                }
                self.names.add_object(name.get_ref(), ObjectId::ZERO);
                Some((name.get_ref().clone(), name.span()))
            }
            None => None,
        };
        Ok(TransactionPlan {
            span,
            note: tx.note,
            sender,
            nonce: tx.nonce,
            gas_limit: tx.gas.unwrap_or(GAS_DEFAULT),
            gas_price: tx.gas_price.unwrap_or(GAS_PRICE_DEFAULT),
            action,
            save,
            expect,
        })
    }

    /// Keys that only some kinds of transaction have.
    fn refuse_keys(&self, kind: &str, keys: &[(&str, Option<Range<usize>>)]) -> Loaded<()> {
        match keys.iter().find(|(_, span)| span.is_some()) {
            Some((key, span)) => self.fail(span.clone(), format!("`{key}` has no meaning in {kind}")),
            None => Ok(()),
        }
    }

    fn action(&self, tx: &file::Tx, span: &Range<usize>) -> Loaded<Action> {
        let value = tx.value.as_ref().map_or(0, |value| *value.get_ref());
        let value_key = ("value", tx.value.as_ref().map(Spanned::span));
        let deploy_keys = [
            ("as", tx.name.as_ref().map(Spanned::span)),
            ("salt", tx.salt.as_ref().and_then(|salt| salt.span.clone())),
            ("stored", tx.stored.as_ref().map(Spanned::span)),
        ];
        let args_keys = [
            ("args", tx.args.as_ref().and_then(|args| args.span.clone())),
            ("raw_args", tx.raw_args.as_ref().and_then(|args| args.span.clone())),
            value_key,
        ];
        match (&tx.transfer, &tx.call, &tx.deploy, &tx.upload) {
            (Some(payment), None, None, None) => {
                self.refuse_keys("a transfer", &deploy_keys)?;
                self.refuse_keys("a transfer", &args_keys)?;
                Ok(Action::Transfer { to: self.address(&payment.to, "transfer.to")?, amount: payment.amount })
            }
            (None, Some(target), None, None) => {
                self.refuse_keys("a call", &deploy_keys)?;
                self.call(tx, target, value)
            }
            (None, None, Some(module), None) => {
                let (salt, address) = self.deployment(tx, module)?;
                let found = self.find_module(module)?;
                let params = found
                    .interface
                    .as_ref()
                    .map(|interface| interface.init().map_or(&[][..], |init| &init.params));
                Ok(Action::Deploy {
                    module: module.get_ref().clone(),
                    address,
                    stored: tx.stored.as_ref().is_some_and(|stored| *stored.get_ref()),
                    salt,
                    args: self.args(tx, params, &module.span())?,
                    value,
                })
            }
            (None, None, None, Some(module)) => {
                self.refuse_keys("an upload", &deploy_keys)?;
                self.refuse_keys("an upload", &args_keys)?;
                self.find_module(module)?;
                Ok(Action::Upload { module: module.get_ref().clone() })
            }
            _ => self.fail(
                Some(span.clone()),
                "a transaction has exactly one of `transfer`, `call`, `deploy`, `upload`",
            ),
        }
    }

    fn call(&self, tx: &file::Tx, target: &Spanned<String>, value: u64) -> Loaded<Action> {
        let at = target.span();
        let Some((name, function)) = target.get_ref().rsplit_once('.') else {
            return self.fail(Some(at), "expected \"contract.function\", as in \"token.transfer\"");
        };
        let contract = self.contract(name, &at)?;
        let params = match self.interface(&contract) {
            None => None,
            Some(interface) => match interface.function(function) {
                Some(found) => Some(found.params.as_slice()),
                None if tx.raw_args.is_some() => None,
                None => {
                    let known = list(interface.functions.iter().map(|known| known.name.clone()));
                    let reason = format!("{name} has no function {function:?}; it has {known}");
                    return Err(ScenarioError::new(self.path, self.text, Some(at), reason)
                        .with_help("to call it anyway, give `raw_args` instead of `args`"));
                }
            },
        };
        let args = self.args(tx, params, &at)?;
        Ok(Action::Call { contract, function: function.to_owned(), args, value })
    }

    /// A contract by its name, or any address.
    fn contract(&self, name: &str, at: &Range<usize>) -> Loaded<Address> {
        let known = self.names.address(name).filter(|address| self.contracts.contains_key(address));
        if let Some(address) = known {
            return Ok(address);
        }
        if name.starts_with(['@', '0']) {
            return self.address(
                &Located { value: Human::Text(name.to_owned()), span: Some(at.clone()) },
                "contract",
            );
        }
        let known = list(self.contracts.values().map(|instance| instance.name.clone()));
        self.fail(
            Some(at.clone()),
            format!("no transaction deploys a contract {name:?}; the scenario deploys {known}"),
        )
    }

    fn args(&self, tx: &file::Tx, params: Option<&[Field]>, at: &Range<usize>) -> Loaded<Args> {
        match (&tx.args, &tx.raw_args) {
            (Some(_), Some(raw)) => self.fail(raw.span.clone(), "give `args` or `raw_args`, not both"),
            (None, Some(raw)) => Ok(Args::Raw(self.placed(crate::value::bytes(raw, "raw_args"), at)?)),
            (given, None) => {
                let Some(params) = params else {
                    return self.fail(
                        Some(at.clone()),
                        "the scenario knows no interface for this; give its arguments as `raw_args = \"0x...\"`",
                    );
                };
                let table = given
                    .clone()
                    .unwrap_or(Located { value: Human::Table(Vec::new()), span: Some(at.clone()) });
                let args = Args::Typed(params.to_vec(), table);
                self.placed(args.encode(&self.names), at)?;
                Ok(args)
            }
        }
    }

    fn interface(&self, address: &Address) -> Option<&Interface> {
        self.modules.get(&self.contracts.get(address)?.module)?.interface.as_deref()
    }

    fn function(&self, action: &Action) -> Option<&vm_core::interface::Function> {
        match action {
            Action::Call { contract, function, .. } => self.interface(contract)?.function(function),
            Action::Deploy { module, .. } => self.modules.get(module)?.interface.as_deref()?.init(),
            Action::Transfer { .. } | Action::Upload { .. } => None,
        }
    }

    fn expect(&self, tx: &file::Tx, action: &Action) -> Loaded<Expect> {
        let Some(file) = &tx.expect else { return Ok(Expect::default()) };
        let span = file.span();
        let file = file.get_ref();
        let target = match action {
            Action::Call { contract, .. } | Action::Deploy { address: contract, .. } => Some(*contract),
            Action::Transfer { .. } | Action::Upload { .. } => None,
        };
        let interface = target.and_then(|address| self.interface(&address));
        let mut expect = Expect::default();
        if let Some(status) = &file.status {
            expect.status = Some((self.status(status)?, status.span()));
        }
        if let Some(error) = &file.error {
            expect.error = Some(self.error(error, interface)?);
        }
        if let Some(returns) = &file.returns {
            let ty = match self.function(action) {
                Some(function) => function.returns.clone(),
                // Without an interface, bytes as they are.
                None => Type::Bytes,
            };
            self.placed(encode(&ty, returns, &self.names, "returns"), &span)?;
            expect.returns = Some((ty, returns.clone()));
        }
        if let Some(events) = &file.events {
            let mut plans = Vec::new();
            for event in events.get_ref() {
                plans.push(self.event(event, target)?);
            }
            expect.events = Some((plans, events.span()));
        }
        if let Some(gas) = &file.gas_max {
            expect.gas_max = Some((*gas.get_ref(), gas.span()));
        }
        Ok(expect)
    }

    fn status(&self, status: &Spanned<String>) -> Loaded<StatusExpect> {
        Ok(match status.get_ref().as_str() {
            "success" => StatusExpect::Success,
            "reverted" => StatusExpect::Reverted,
            "failed" => StatusExpect::Failed,
            name => match ErrorCode::from_name(name) {
                Some(code) => StatusExpect::Code(code),
                None => {
                    let reason = format!(
                        "{name:?} is no status: success, reverted, failed, or the name of a host error as in vm-core/src/error.rs"
                    );
                    return self.fail(Some(status.span()), reason);
                }
            },
        })
    }

    /// `"Name"`, `{ Name = { field = ... } }`, or either with `contract.` before the name.
    fn error(&self, error: &Located, interface: Option<&Interface>) -> Loaded<ErrorExpect> {
        let span = error.span.clone().unwrap_or(0..0);
        let nothing = Located::from(Human::Table(Vec::new()));
        let (full, fields) = match (&error.value, error.value.as_variant()) {
            (Human::Text(name), _) => (name.as_str(), &nothing),
            (_, Some((name, fields))) => (name, fields),
            _ => {
                return self.fail(Some(span), "expected \"ErrorName\" or { ErrorName = { field = ... } }");
            }
        };
        let (contract, name) = match full.rsplit_once('.') {
            Some((contract, name)) => (Some(self.contract(contract, &span)?), name),
            None => (None, full),
        };
        let interface = contract.map_or(interface, |contract| self.interface(&contract));
        let errors = interface.map_or(&[][..], |interface| &interface.errors);
        let record = errors.iter().find(|record| record.name == name);
        if record.is_none() && ErrorCode::from_name(name).is_none() && interface.is_some() {
            let known = list(errors.iter().map(|record| record.name.clone()));
            let reason = format!("{name:?} is no error of the contract ({known}) or of the host");
            return self.fail(Some(span), reason);
        }
        let fields = self.partial_fields(record, fields, name)?;
        Ok(ErrorExpect { contract, name: name.to_owned(), fields, span })
    }

    /// The named ones of a record's fields.
    fn partial_fields(
        &self,
        record: Option<&Record>,
        fields: &Located,
        of: &str,
    ) -> Loaded<Vec<(Field, Located)>> {
        let Human::Table(entries) = &fields.value else {
            return self.fail(fields.span.clone(), format!("{of}: expected a table of field values"));
        };
        let known = record.map_or(&[][..], |record| &record.fields);
        let mut found = Vec::new();
        for (name, value) in entries {
            let Some(field) = known.iter().find(|field| field.name == *name) else {
                let names = list(known.iter().map(|field| field.name.clone()));
                let reason = format!("{of}.{name}: no such field; it has {names}");
                return self.fail(value.span.clone(), reason);
            };
            self.placed(encode_field(field, value, &self.names, of), &(0..0))?;
            found.push((field.clone(), value.clone()));
        }
        Ok(found)
    }

    /// `{ Event = { field = ... } }`, `{ "contract.Event" = { ... } }` or `"Event"`.
    fn event(&self, event: &Located, target: Option<Address>) -> Loaded<EventExpect> {
        let span = event.span.clone().unwrap_or(0..0);
        let nothing = Located::from(Human::Table(Vec::new()));
        let (full, fields) = match (&event.value, event.value.as_variant()) {
            (Human::Text(name), _) => (name.as_str(), &nothing),
            (_, Some((name, fields))) => (name, fields),
            _ => return self.fail(Some(span), "expected { Event = { field = ... } }"),
        };
        let (contract, name) = match full.rsplit_once('.') {
            Some((contract, name)) => (Some(self.contract(contract, &span)?), name),
            None => (target, full),
        };
        let Some(contract) = contract else {
            return self.fail(Some(span), "this transaction runs no contract, so no event is logged");
        };
        let record = self.interface(&contract).and_then(|interface| interface.event(name));
        if let (None, Some(interface)) = (record, self.interface(&contract)) {
            let known = list(interface.events.iter().map(|record| record.name.clone()));
            let reason =
                format!("{} has no event {name:?}; it has {known}", self.names.show_address(&contract));
            return self.fail(Some(span), reason);
        }
        let fields = self.partial_fields(record, fields, name)?;
        Ok(EventExpect { contract, name: name.to_owned(), fields, span })
    }

    fn state(&self, state: Spanned<file::State>, out: &mut Vec<StateExpect>) -> Loaded<()> {
        let span = state.span();
        let before = out.len();
        let state = state.into_inner();
        if let Some(balance) = state.balance {
            let what =
                StateFact::Balance(self.address(&balance.get_ref().of, "balance.of")?, balance.get_ref().is);
            out.push(StateExpect { what, span: balance.span() });
        }
        if let Some(nonce) = state.nonce {
            let what = StateFact::Nonce(self.address(&nonce.get_ref().of, "nonce.of")?, nonce.get_ref().is);
            out.push(StateExpect { what, span: nonce.span() });
        }
        if let Some(count) = state.objects {
            let (at, count) = (count.span(), count.into_inner());
            let what = StateFact::Count {
                contract: self.address(&count.contract, "objects.contract")?,
                owner: self.address(&count.owner, "objects.owner")?,
                is: count.is,
            };
            out.push(StateExpect { what, span: at });
        }
        if let Some(object) = state.object {
            let at = object.span();
            let what = self.object(object.into_inner(), &at)?;
            out.push(StateExpect { what, span: at });
        }
        if out.len() == before {
            return self
                .fail(Some(span), "an expectation has one of `balance`, `nonce`, `object`, `objects`");
        }
        Ok(())
    }

    fn object(&self, object: file::Object, at: &Range<usize>) -> Loaded<StateFact> {
        let contract =
            object.contract.as_ref().map(|value| self.address(value, "object.contract")).transpose()?;
        let owner = object.owner.as_ref().map(|value| self.address(value, "object.owner")).transpose()?;
        let which = match (&object.id, contract, owner) {
            (Some(id), _, _) => {
                self.placed(crate::value::object(id, &self.names, "object.id"), at)?;
                ObjectRef::Id(id.clone())
            }
            (None, Some(contract), Some(owner)) => {
                ObjectRef::Owned { contract, owner, index: object.index.unwrap_or(0) }
            }
            _ => {
                return self.fail(
                    Some(at.clone()),
                    "name the object by `id`, or by `contract` and `owner` (and `index`)",
                );
            }
        };
        let absent = object.absent.unwrap_or(false);
        let fields = self.object_fields(&object, contract)?;
        if absent && !fields.is_empty() {
            return self.fail(Some(at.clone()), "an absent object has no fields");
        }
        // With `id`, an owner is something to be checked; without, it is how the object is found.
        Ok(StateFact::Object(ObjectExpect { which, absent, owner: owner.filter(|_| !absent), fields }))
    }

    fn object_fields(&self, object: &file::Object, contract: Option<Address>) -> Loaded<Vec<FieldExpect>> {
        let mut found = Vec::new();
        if let Some(raw) = &object.raw_fields {
            let Human::Table(entries) = &raw.value else {
                return self.fail(raw.span.clone(), "raw_fields: expected a table of bytes by field name");
            };
            for (name, value) in entries {
                self.placed(crate::value::bytes(value, name), &(0..0))?;
                found.push(FieldExpect { name: name.clone(), ty: None, value: value.clone() });
            }
        }
        let Some(fields) = &object.fields else { return Ok(found) };
        let Human::Table(entries) = &fields.value else {
            return self.fail(fields.span.clone(), "fields: expected a table of values by field name");
        };
        let Some(interface) = contract.and_then(|address| self.interface(&address)) else {
            return self.fail(
                fields.span.clone(),
                "fields get their types from the contract's interface: name a `contract` of the scenario, or use `raw_fields`",
            );
        };
        let kinds: Vec<&Record> = match &object.kind {
            None => interface.objects.iter().collect(),
            Some(kind) => match interface.objects.iter().find(|record| record.name == *kind.get_ref()) {
                Some(record) => vec![record],
                None => {
                    let known = list(interface.objects.iter().map(|record| record.name.clone()));
                    let reason = format!("no kind of object {:?}; the contract has {known}", kind.get_ref());
                    return self.fail(Some(kind.span()), reason);
                }
            },
        };
        for (name, value) in entries {
            let mut types: Vec<&Type> = Vec::new();
            for field in kinds.iter().flat_map(|record| &record.fields).filter(|field| field.name == *name) {
                if !types.contains(&&field.ty) {
                    types.push(&field.ty);
                }
            }
            let [ty] = types.as_slice() else {
                let reason = if types.is_empty() {
                    let known =
                        kinds.iter().flat_map(|record| &record.fields).map(|field| field.name.clone());
                    format!("fields.{name}: the interface has no such field; it has {}", list(known))
                } else {
                    format!(
                        "fields.{name}: kinds of objects differ in this field's type; name one with `kind`"
                    )
                };
                return self.fail(value.span.clone(), reason);
            };
            self.placed(encode(ty, value, &self.names, &format!("fields.{name}")), &(0..0))?;
            found.push(FieldExpect { name: name.clone(), ty: Some((*ty).clone()), value: value.clone() });
        }
        Ok(found)
    }
}
