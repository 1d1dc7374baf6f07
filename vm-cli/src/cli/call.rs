//! `vm call` and `vm query` on the command line: a contract's functions as sub-commands.
//!
//! The words behind the contract are read only when its interface is there. The chain is found before: `--chain` behind
//! the function is looked for by hand. It may be a parameter of that name all the same: so it counts only if none stands
//! before the contract and it looks like a chain, and what then proves to be the option and was not heeded is an error.

use std::io::Write;

use clap::{Arg, ArgMatches, Args, Command};
use serde_json::json;
use vm_chain::api::types::{At, Level, QueryRequest};
use vm_chain::names::list;
use vm_core::Payload;
use vm_core::interface::{Flags, Function, Interface};

use super::Exit;
use super::outcome::{ChainArgs, Done, Failed, Output, finish};
use super::terms::TermArgs;
use crate::arguments::{RAW_ARGS, encode_arguments, summary, traits, with_parameters};
use crate::colours::Colours;
use crate::send::{Sent, Terms, dry, send};
use crate::session::{Found, Session, SessionError};
use crate::show::Show;
use crate::target::{Target, TargetError};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  the call succeeds, or would
  1  it reverts or fails, or would, or the transaction is refused
  2  the command line is wrong, or what it names is not there; nothing was sent
  3  the chain or this machine failed

Options may stand before the contract or after the function. Where a parameter has an option's name, the parameter is
meant after the function, and the option before the contract. Of a function with a parameter `chain`, give the chain
before the contract: behind the function a URL or a chain's folder would count as both.

  vm call token                         the functions of a contract
  vm call token transfer --help         what one takes
  vm call token transfer --to bob --amount 10 --send";

pub(super) const QUERY_EXIT_CODES: &str = "Exit codes:
  0  the function answers
  1  it reverts or fails
  2  the command line is wrong, or what it names is not there
  3  the chain or this machine failed";

/// What a call may be told beside its function's arguments. All of it may stand behind the function as well.
#[derive(Clone, Debug, Args)]
pub(super) struct CallOptions {
    /// Who calls: a key's name, or the address of one.
    #[arg(long, value_name = "NAME", env = "VM_FROM", hide_env_values = true, default_value = "alice")]
    from: String,
    /// Balance to send along.
    #[arg(long, value_name = "AMOUNT", default_value_t = 0)]
    value: u64,
    #[command(flatten)]
    terms: TermArgs,
    /// Send it: otherwise it is a dry run, and nothing is changed.
    #[arg(long)]
    send: bool,
    /// Show what it does, call by call.
    #[arg(long)]
    trace: bool,
    /// SCALE of all arguments, 0x and hex digits, in the place of options.
    #[arg(long, value_name = "HEX")]
    raw_args: Option<String>,
    /// A view: on the state after this block, a height or hash.
    #[arg(long, value_name = "BLOCK", default_value_t = At::Head)]
    at: At,
}

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    options: CallOptions,
    /// The contract (an address, a name, or the path of an interface), the function, and its arguments.
    #[arg(
        value_name = "CONTRACT [FUNCTION [--PARAMETER VALUE]...]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Whom the contract sees as its caller: a name or an address.
    #[arg(long, value_name = "NAME", env = "VM_FROM", hide_env_values = true, default_value = "alice")]
    from: String,
    /// The most gas (default: a transaction's limit).
    #[arg(long, value_name = "GAS")]
    gas_limit: Option<u64>,
    /// On the state after this block, a height or hash.
    #[arg(long, value_name = "BLOCK", default_value_t = At::Head)]
    at: At,
    /// SCALE of all arguments, 0x and hex digits, in the place of options.
    #[arg(long, value_name = "HEX")]
    raw_args: Option<String>,
    /// The contract (an address, a name, or the path of an interface), the view, and its arguments.
    #[arg(
        value_name = "CONTRACT [FUNCTION [--PARAMETER VALUE]...]",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

/// A value that stands behind the function, if one does.
pub(super) fn given<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Option<T> {
    let found = matches.try_get_one::<T>(id).ok().flatten()?;
    let typed = matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
    typed.then(|| found.clone())
}

/// A flag that stands behind the function.
pub(super) fn flag(matches: &ArgMatches, id: &str) -> bool {
    given::<bool>(matches, id).unwrap_or(false)
}

impl CallOptions {
    fn level(&self) -> Level {
        if self.trace { Level::Calls } else { Level::Off }
    }

    /// With what stands behind the function.
    fn with(mut self, matches: &ArgMatches) -> Self {
        self.from = given(matches, "from").unwrap_or(self.from);
        self.value = given(matches, "value").unwrap_or(self.value);
        self.terms = self.terms.with(matches);
        self.send |= flag(matches, "send");
        self.trace |= flag(matches, "trace");
        self.raw_args = given(matches, RAW_ARGS).or(self.raw_args);
        self.at = given(matches, "at").unwrap_or(self.at);
        self
    }
}

/// The options of `T` as they may stand behind a function too.
pub(super) fn own_options<T: Args>() -> Vec<Arg> {
    let command = T::augment_args(ChainArgs::augment_args(Command::new("own")));
    let own = command.get_arguments().filter(|arg| arg.get_long().is_some());
    // A default is said where the option is documented.
    let quiet = |arg: &Arg| {
        let values = arg.get_action().takes_values();
        arg.clone().hide_default_value(values).hide_env(values)
    };
    own.map(quiet).collect()
}

/// What is behind the contract asks for help, or is no command.
pub(super) enum Parsed {
    Matches(ArgMatches),
    Shown(Output),
}

/// Reads `words` by `command`; help becomes output, and what is wrong a failure with clap's words.
pub(super) fn read(command: Command, words: &[String]) -> Result<Parsed, Failed> {
    // Otherwise the last part of a path would stand for the whole command.
    let name = words.first().cloned().unwrap_or_default();
    match command.bin_name(name).try_get_matches_from(words) {
        Ok(matches) => Ok(Parsed::Matches(matches)),
        Err(error) if !error.use_stderr() => {
            let text = error.to_string();
            Ok(Parsed::Shown(Output::ok(text.clone(), &json!({ "help": text }))))
        }
        Err(error) => Err(Failed::input(refusal(&error))),
    }
}

/// clap's words: the first paragraph says what is wrong, the rest what would be right.
fn refusal(error: &clap::Error) -> miette::Report {
    let text = error.to_string();
    let (first, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let first = first.trim_start_matches("error: ").lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let rest = rest.trim().to_owned();
    if rest.is_empty() { miette::miette!("{first}") } else { miette::miette!(help = rest, "{first}") }
}

/// What stands behind the contract as `--chain`, if anything does: the option, or a parameter of the name.
fn late_chain(words: &[String]) -> Option<Target> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix("--chain") {
            Some("") => return words.next()?.parse().ok(),
            Some(rest) if rest.starts_with('=') => return rest.get(1..)?.parse().ok(),
            _ => {}
        }
    }
    None
}

impl ChainArgs {
    /// With what stands behind the contract.
    pub(super) fn with_words(&self, words: &[String]) -> Self {
        // A parameter named json has a value behind it, the option has none.
        let next = |index: usize| words.get(index.saturating_add(1));
        let option = |(index, word): (usize, &String)| {
            word == "--json" && next(index).is_none_or(|next| next.starts_with("--"))
        };
        let json = self.json || words.iter().enumerate().any(option);
        let late = late_chain(words).filter(|late| !self.is_chosen && late.is_likely());
        Self { chain: late.unwrap_or_else(|| self.chain.clone()), json, is_chosen: self.is_chosen }
    }

    /// The chain. `words` may name another one that did not count: that is said if this one is not there.
    pub(super) fn open_for(&self, words: &[String]) -> Result<Session, Failed> {
        let doubtful = late_chain(words).filter(|late| !self.is_chosen && !late.is_likely());
        self.open().map_err(|failed| doubtful.as_ref().map_or(failed, no_chain))
    }

    /// Refuses an option behind the function that names another chain than the one that is asked: what is meant for one
    /// chain must not be sent to another.
    pub(super) fn agree(&self, matches: &ArgMatches) -> Result<(), Failed> {
        match given::<Target>(matches, "chain").filter(|late| *late != self.chain) {
            None => Ok(()),
            Some(late) if self.is_chosen => Err(Failed::input(miette::miette!(
                help = "give --chain once",
                "two chains are given: {} and {late}",
                self.chain
            ))),
            Some(late) => Err(no_chain(&late)),
        }
    }
}

fn no_chain(target: &Target) -> Failed {
    Failed::from(SessionError::from(TargetError::NoChain(target.to_string().into())))
}

/// The functions of a contract as sub-commands: those that `wanted` takes.
fn functions(name: &str, found: &Found, own: &[Arg], wanted: impl Fn(&Function) -> bool) -> Command {
    let mut command = Command::new(name.to_owned())
        .about(format!("The contract {} at {}", found.interface.name, found.info.address))
        .disable_help_subcommand(true)
        .allow_external_subcommands(true)
        .subcommand_value_name("FUNCTION")
        .subcommand_help_heading("Functions");
    for function in found.interface.functions.iter().filter(|function| wanted(function)) {
        command = command.subcommand(with_parameters(Command::new(function.name.clone()), function, own));
    }
    command.args(own.iter().map(|arg| arg.clone().hide(true)))
}

/// The bytes of the arguments: `raw` if that is given.
pub(super) fn arguments(
    session: &Session,
    function: &Function,
    matches: &ArgMatches,
    raw: Option<&str>,
) -> Result<Vec<u8>, Failed> {
    match raw {
        Some(text) => hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|error| {
            Failed::input(miette::miette!(
                help = "write 0x and an even number of hex digits",
                "--raw-args: {error}"
            ))
        }),
        None => Ok(encode_arguments(function, matches, session.names())?),
    }
}

/// What is to be called.
struct Chosen {
    found: Found,
    function: Function,
    /// What stands between the contract and the function.
    between: ArgMatches,
    /// What stands behind the function.
    matches: ArgMatches,
}

/// The contract and the function that `words` name, or the help that they ask for.
fn choose(
    command: &str,
    session: &Session,
    words: &[String],
    own: &[Arg],
    wanted: impl Fn(&Function) -> bool,
) -> Result<Result<Chosen, Output>, Failed> {
    let (contract, rest) =
        words.split_first().ok_or_else(|| Failed::input(miette::miette!("no contract is given")))?;
    let found = session.contract(contract)?;
    let name = format!("{command} {contract}");
    let command = functions(&name, &found, own, &wanted);
    let help = command.clone().bin_name(name.clone()).render_help().to_string();
    let line: Vec<String> = std::iter::once(name).chain(rest.iter().cloned()).collect();
    let between = match read(command, &line)? {
        Parsed::Matches(matches) => matches,
        Parsed::Shown(output) => return Ok(Err(output)),
    };
    let Some((name, matches)) = between.subcommand() else {
        return Ok(Err(Output::ok(help, &functions_json(&found))));
    };
    let function = found.interface.function(name).filter(|function| wanted(function)).cloned();
    let Some(function) = function else {
        let known = list(
            found.interface.functions.iter().filter(|function| wanted(function)).map(|f| f.name.clone()),
        );
        return Err(Failed::input(miette::miette!(
            help = format!("`vm call {contract}` and `vm query {contract}` list what it has"),
            "{contract} has no such function here: {name}; there are {known}"
        )));
    };
    let matches = matches.clone();
    Ok(Ok(Chosen { found, function, between, matches }))
}

fn functions_json(found: &Found) -> serde_json::Value {
    let one = |function: &Function| json!({ "name": function.name, "traits": traits(function), "docs": summary(&function.docs) });
    json!({
        "contract": found.info.address,
        "name": found.info.name,
        "functions": found.interface.functions.iter().map(one).collect::<Vec<_>>(),
    })
}

/// Asks a view.
fn view(
    session: &Session,
    chosen: &Chosen,
    from: &str,
    gas_limit: Option<u64>,
    at: At,
    trace: Level,
    args: Vec<u8>,
) -> Done {
    let caller = session.address(from)?;
    let answer = session.api().query(QueryRequest {
        contract: chosen.found.info.address,
        function: chosen.function.name.clone(),
        args: args.into(),
        caller: Some(caller.into()),
        gas_limit,
        at,
        trace,
    })?;
    let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
    let success = answer.outcome.ending.status == "success";
    let text = match &answer.outcome.returns {
        Some(value) if success => format!("{}\n", show.value(value)),
        _ => show.outcome(&answer.outcome, Some(&chosen.found.interface)),
    };
    let text = text + &show.trace(answer.trace.as_ref());
    Ok(Output::new(if success { Exit::Ok } else { Exit::Unmet }, text, &answer))
}

/// What a dry run says of sending it.
pub(super) const SEND: &str = "nothing was sent; --send does";

/// Prints what a dry run or a transaction came to; `how` says how a dry run is sent.
pub(super) fn sent(session: &Session, sent: &Sent, interface: Option<&Interface>, how: &str) -> Output {
    let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
    let exit = if sent.is_success() { Exit::Ok } else { Exit::Unmet };
    let (text, mut value, committed) = match sent {
        Sent::Dry { answer, refused } => {
            let why = if *refused {
                "nothing was sent, since it would fail; with --gas-limit it is sent all the same"
            } else {
                how
            };
            let tree = show.trace(answer.trace.as_ref());
            let text = format!("dry run: {}{tree}{why}\n", show.outcome(&answer.outcome, interface));
            (text, serde_json::to_value(answer).unwrap_or_default(), false)
        }
        Sent::Committed(receipt) => {
            (show.receipt(receipt, interface), serde_json::to_value(receipt).unwrap_or_default(), true)
        }
    };
    if let Some(keys) = value.as_object_mut() {
        keys.insert("sent".to_owned(), json!(committed));
    }
    Output::new(exit, text, &value)
}

impl CallArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let chain = self.chain.with_words(&self.words);
        finish(self.run(&chain), chain.json, out, err)
    }

    fn run(&self, chain: &ChainArgs) -> Done {
        let session = chain.open_for(&self.words)?;
        let own = own_options::<CallOptions>();
        let initialiser = |function: &Function| !function.flags.has(Flags::INIT);
        let chosen = match choose("vm call", &session, &self.words, &own, initialiser)? {
            Ok(chosen) => chosen,
            Err(shown) => return Ok(shown),
        };
        chain.agree(&chosen.between)?;
        chain.agree(&chosen.matches)?;
        let options = self.options.clone().with(&chosen.between).with(&chosen.matches);
        let args = arguments(&session, &chosen.function, &chosen.matches, options.raw_args.as_deref())?;
        if chosen.function.flags.has(Flags::VIEW) {
            return view(
                &session,
                &chosen,
                &options.from,
                options.terms.gas_limit,
                options.at,
                options.level(),
                args,
            );
        }
        let payload = Payload::Call {
            contract: chosen.found.info.address.0,
            function: chosen.function.name.clone(),
            args,
            value: options.value,
        };
        let terms = options.terms.terms(options.level());
        let done = run_or_send(&session, &options.from, terms, payload, options.send)?;
        let mut output = sent(&session, &done, Some(&chosen.found.interface), SEND);
        if let Sent::Committed(receipt) = &done
            && options.trace
        {
            let trace = session.api().trace(receipt.transaction.0, options.level())?.trace;
            let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
            output.text.push_str(&show.trace(Some(&trace)));
            output.json["trace"] = json!(trace);
        }
        Ok(output)
    }
}

/// A dry run of `payload`, or its transaction.
pub(super) fn run_or_send(
    session: &Session,
    from: &str,
    terms: Terms,
    payload: Payload,
    commit: bool,
) -> Result<Sent, Failed> {
    let sender = session.address(from)?;
    if commit {
        let secret = session.secret(from)?;
        return Ok(send(session, &sender, &secret, terms, payload)?);
    }
    Ok(Sent::Dry { answer: Box::new(dry(session, &sender, terms, &payload)?), refused: false })
}

impl QueryArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        let chain = self.chain.with_words(&self.words);
        finish(self.run(&chain), chain.json, out, err)
    }

    fn run(&self, chain: &ChainArgs) -> Done {
        let session = chain.open_for(&self.words)?;
        let names = ["from", "gas_limit", "at", RAW_ARGS, "chain", "json"];
        let own: Vec<Arg> = own_options::<CallOptions>()
            .into_iter()
            .filter(|arg| names.iter().any(|name| arg.get_id() == name))
            .collect();
        let is_view = |function: &Function| function.flags.has(Flags::VIEW);
        let chosen = match choose("vm query", &session, &self.words, &own, is_view)? {
            Ok(chosen) => chosen,
            Err(shown) => return Ok(shown),
        };
        let (between, matches) = (&chosen.between, &chosen.matches);
        chain.agree(between)?;
        chain.agree(matches)?;
        let raw =
            given(matches, RAW_ARGS).or_else(|| given(between, RAW_ARGS)).or_else(|| self.raw_args.clone());
        let from =
            given(matches, "from").or_else(|| given(between, "from")).unwrap_or_else(|| self.from.clone());
        let gas_limit =
            given(matches, "gas_limit").or_else(|| given(between, "gas_limit")).or(self.gas_limit);
        let at = given(matches, "at").or_else(|| given(between, "at")).unwrap_or(self.at);
        let args = arguments(&session, &chosen.function, matches, raw.as_deref())?;
        view(&session, &chosen, &from, gas_limit, at, Level::Off, args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r112_the_chain_is_found_behind_the_function() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let folder = Some(Target::Folder("dir".into()));
        assert_eq!(late_chain(&words("token f --to bob --chain dir")), folder);
        assert_eq!(late_chain(&words("token f --chain=dir --to bob")), folder);
        assert_eq!(late_chain(&words("token f --chains dir")), None);
        assert_eq!(late_chain(&words("token f --chain")), None);
    }

    #[test]
    fn r112_a_parameter_named_chain_is_told_from_the_option() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(vm_chain::chain::BLOCKS_FILE), "").unwrap();
        let there = folder.path().to_str().unwrap();
        let first = Target::Url("http://x".to_owned());
        let counts = |is_chosen: bool, late: &str| {
            let args = ChainArgs { chain: first.clone(), json: false, is_chosen };
            args.with_words(&["c", "f", "--chain", late].map(str::to_owned)).chain
        };
        for (late, likely) in [(there, true), ("http://y", true), ("solana", false), ("7", false)] {
            assert_eq!(counts(true, late), first, "{late}");
            let expected = if likely { late.parse().unwrap() } else { first.clone() };
            assert_eq!(counts(false, late), expected, "{late}");
        }
    }

    #[test]
    fn r112_an_option_chain_that_did_not_count_is_an_error() {
        let refused = |is_chosen: bool, late: &str| {
            let command = ChainArgs::augment_args(Command::new("f").no_binary_name(true));
            let matches = command.try_get_matches_from(["--chain", late]).unwrap();
            let args = ChainArgs { chain: Target::Folder("dir".into()), json: false, is_chosen };
            args.agree(&matches).map_err(|failed| failed.report.to_string())
        };
        assert_eq!(refused(true, "dir"), Ok(()));
        assert_eq!(refused(true, "other"), Err("two chains are given: dir and other".to_owned()));
        assert_eq!(refused(false, "other"), Err("there is no chain at other".to_owned()));
    }

    #[test]
    fn the_option_json_is_told_from_a_parameter_of_the_name() {
        let args = ChainArgs { chain: Target::Url("http://x".to_owned()), json: false, is_chosen: false };
        let json = |text: &str| args.with_words(&text.split(' ').map(str::to_owned).collect::<Vec<_>>()).json;
        assert!(json("token f --to bob --json"));
        assert!(json("token f --json --to bob"));
        assert!(!json("token f --json true --to bob"));
        assert!(!json("token f --to bob"));
    }

    #[test]
    fn options_behind_the_function_replace_those_before_the_contract() {
        let own = own_options::<CallOptions>();
        let command = Command::new("f").no_binary_name(true).args(own);
        command.clone().debug_assert();
        let before = CallOptions {
            from: "bob".to_owned(),
            value: 7,
            terms: TermArgs { gas_limit: Some(1), gas_price: 2, nonce: None },
            send: true,
            trace: false,
            raw_args: None,
            at: At::Height(3),
        };
        let none = command.clone().try_get_matches_from::<_, &str>([]).unwrap();
        let kept = before.clone().with(&none);
        assert_eq!((kept.from.as_str(), kept.value, kept.send, kept.at), ("bob", 7, true, At::Height(3)));
        let some =
            command.try_get_matches_from(["--from", "carol", "--gas-limit", "9", "--nonce", "4"]).unwrap();
        let changed = before.with(&some);
        let terms = changed.terms;
        assert_eq!((changed.from.as_str(), terms.gas_limit, terms.nonce), ("carol", Some(9), Some(4)));
        assert_eq!((changed.value, terms.gas_price), (7, 2));
    }
}
