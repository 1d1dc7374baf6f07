//! A contract's function as a command: an option for each parameter, and the bytes of what was given.
//!
//! A value is written as its type wants it: words for numbers, text, addresses, names and enums; TOML or JSON for lists,
//! maps and structs. An address needs no `@` here, and an option no `Some`.
//!
//! Invariant: no interface can make the command's parser panic. Options are named by parameters, whose names the
//! interface's own rules bound, and have ids of their own.

use clap::{Arg, ArgMatches, Command};
use serde::Deserialize;
use vm_chain::names::{Names, list};
use vm_chain::value::{Human, Located, ValueError, encode, type_name};
use vm_core::interface::{Field, Flags, Function, Type, Variant};

use crate::show::plain;

/// Why what was given is no argument.
#[derive(Debug, miette::Diagnostic, thiserror::Error)]
#[error("{option}: {reason}")]
#[diagnostic(help("{option} takes {shape}"))]
pub struct ArgumentError {
    /// The option.
    option: String,
    /// What is wrong.
    reason: String,
    /// What would be right.
    shape: String,
}

/// The option of a parameter, without its dashes.
#[must_use]
pub fn option(parameter: &str) -> String {
    // Names begin with _ so rarely that they stay as they are: `---x` is no option.
    if parameter.starts_with('_') { parameter.to_owned() } else { parameter.replace('_', "-") }
}

/// The id of the option that gives all arguments as bytes.
pub const RAW_ARGS: &str = "raw_args";

fn id(parameter: &str) -> String {
    format!("arg:{parameter}")
}

/// The first paragraph of a text, on one line.
#[must_use]
pub fn summary(docs: &str) -> String {
    let lines = docs.trim().lines().map(str::trim);
    plain(&lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

/// What a function is, in a word or two, where that is more than a call.
#[must_use]
pub fn traits(function: &Function) -> Vec<&'static str> {
    let flags = [
        (Flags::VIEW, "view"),
        (Flags::INIT, "initialiser"),
        (Flags::PAYABLE, "takes value"),
        (Flags::REENTRANT, "reentrant"),
    ];
    flags.into_iter().filter(|(flag, _)| function.flags.has(*flag)).map(|(_, word)| word).collect()
}

/// Adds what `function` takes to `command`. Options of the command that a parameter's name takes away are left out.
#[must_use]
pub fn with_parameters(mut command: Command, function: &Function, own: &[Arg]) -> Command {
    let docs = summary(&function.docs);
    let mut about = if docs.is_empty() { function.name.clone() } else { docs };
    let traits = traits(function);
    if !traits.is_empty() {
        about.push_str(&format!(" ({})", traits.join(", ")));
    }
    command = command.about(about);
    let taken: Vec<String> = function.params.iter().map(|field| option(&field.name)).collect();
    if taken.iter().any(|name| name == "help") {
        command = command.disable_help_flag(true);
    }
    let free = |arg: &&Arg| arg.get_long().is_none_or(|long| taken.iter().all(|name| name != long));
    let own: Vec<&Arg> = own.iter().filter(free).collect();
    let raw = own.iter().any(|arg| arg.get_id() == RAW_ARGS);
    for field in &function.params {
        command = command.arg(parameter(field, raw));
    }
    for arg in own {
        command = command.arg(arg.clone().help_heading("Options of vm"));
    }
    let returns = type_name(&function.returns);
    if function.returns == Type::unit() { command } else { command.after_help(format!("Returns: {returns}")) }
}

fn parameter(field: &Field, raw: bool) -> Arg {
    let name = option(&field.name);
    let optional = matches!(field.ty, Type::Option(_));
    let mut help = shape(&field.ty);
    if optional {
        help.push_str(" [default: None]");
    }
    let arg = Arg::new(id(&field.name))
        .long(name.clone())
        .value_name(type_name(&field.ty))
        .help(help)
        .allow_hyphen_values(signed(&field.ty));
    let arg = match (optional, raw) {
        (true, _) => arg,
        (false, true) => arg.required_unless_present(RAW_ARGS),
        (false, false) => arg.required(true),
    };
    if name == field.name { arg } else { arg.alias(field.name.clone()) }
}

/// Whether a value may begin with a minus.
fn signed(ty: &Type) -> bool {
    match ty {
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 => true,
        Type::Option(inner) => signed(inner),
        _ => false,
    }
}

/// How a value of `ty` is written.
#[must_use]
pub fn shape(ty: &Type) -> String {
    match ty {
        Type::Bool => "true or false".to_owned(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 => "a number".to_owned(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 => "a number, perhaps negative".to_owned(),
        Type::String => "text".to_owned(),
        Type::Bytes => "0x and hex digits".to_owned(),
        Type::Address => "a name, or 0x and 64 digits".to_owned(),
        Type::ObjectId | Type::Hash => "0x and 64 digits".to_owned(),
        Type::Option(inner) => format!("{}; or None", shape(inner)),
        Type::Vec(element) | Type::Array(_, element) if **element == Type::U8 => shape(&Type::Bytes),
        Type::Vec(element) | Type::Set(element) | Type::Array(_, element) => {
            format!("a list of {}: '[...]'", type_name(element))
        }
        Type::Tuple(members) => format!("'[{}]'", list(members.iter().map(type_name))),
        Type::Struct { fields, .. } => match newtype(fields) {
            Some(field) => shape(&field.ty),
            None => format!("'{{ {} }}'", members(fields)),
        },
        Type::Enum { variants, .. } => format!("one of {}", list(variants.iter().map(variant))),
        Type::Map(key, value) => format!("'{{ {} = {}, ... }}'", type_name(key), type_name(value)),
        Type::Result(good, bad) => {
            format!("'{{ Ok = {} }}' or '{{ Err = {} }}'", type_name(good), type_name(bad))
        }
    }
}

fn members(fields: &[Field]) -> String {
    list(fields.iter().map(|field| format!("{} = {}", field.name, type_name(&field.ty))))
}

fn variant(variant: &Variant) -> String {
    match variant.fields.as_slice() {
        [] => variant.name.clone(),
        fields => format!("'{{ {} = {{ {} }} }}'", variant.name, members(fields)),
    }
}

/// The one field of a type that is written as its content.
fn newtype(fields: &[Field]) -> Option<&Field> {
    match fields {
        [field] if field.name == "0" => Some(field),
        _ => None,
    }
}

/// The SCALE bytes of the arguments that `matches` has for `function`.
///
/// # Errors
///
/// [`ArgumentError`] for the first that does not fit its parameter.
pub fn encode_arguments(
    function: &Function,
    matches: &ArgMatches,
    names: &Names,
) -> Result<Vec<u8>, ArgumentError> {
    let mut bytes = Vec::new();
    for field in &function.params {
        let given = matches.try_get_one::<String>(&id(&field.name)).ok().flatten();
        let text = given.map_or("None", String::as_str);
        bytes.extend(encode_text(&field.ty, text, names).map_err(|reason| ArgumentError {
            option: format!("--{}", option(&field.name)),
            reason,
            shape: shape(&field.ty),
        })?);
    }
    Ok(bytes)
}

/// The SCALE bytes of what `text` writes as `ty`.
fn encode_text(ty: &Type, text: &str, names: &Names) -> Result<Vec<u8>, String> {
    let value = parse(ty, text)?;
    encode(ty, &value, names, "").map_err(|ValueError { path, reason, .. }| {
        let path = path.trim_start_matches('.');
        if path.is_empty() { reason } else { format!("{path}: {reason}") }
    })
}

/// What `text`, a word of the command line, writes as `ty`.
fn parse(ty: &Type, text: &str) -> Result<Located, String> {
    let word = || Ok(Human::Text(text.to_owned()).into());
    match ty {
        Type::Bool => Ok(text.parse().map_or_else(|_| Human::Text(text.to_owned()), Human::Bool).into()),
        Type::Address => Ok(address(text).into()),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::U128 => word(),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::I128 => word(),
        Type::String | Type::Bytes | Type::ObjectId | Type::Hash => word(),
        Type::Option(_) if text == "None" => word(),
        Type::Option(inner) => match structured(text) {
            Ok(value) if matches!(value.as_variant(), Some(("Some", _))) => Ok(completed(ty, value).into()),
            _ => Ok(Human::variant("Some", parse(inner, text)?.value).into()),
        },
        Type::Vec(element) | Type::Array(_, element) if **element == Type::U8 && text.starts_with("0x") => {
            word()
        }
        Type::Enum { .. } if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => word(),
        Type::Struct { fields, .. } if newtype(fields).is_some() => {
            newtype(fields).map_or_else(word, |field| parse(&field.ty, text))
        }
        _ => Ok(completed(ty, structured(text)?).into()),
    }
}

fn address(text: &str) -> Human {
    let named = !text.starts_with("0x") && !text.starts_with('@');
    Human::Text(if named { format!("@{text}") } else { text.to_owned() })
}

/// A value in JSON or TOML.
fn structured(text: &str) -> Result<Human, String> {
    #[derive(Deserialize)]
    struct Written {
        value: Located,
    }
    if let Ok(json) = serde_json::from_str(text) {
        return Ok(Human::from_json(&json));
    }
    let written: Result<Written, _> = toml::from_str(&format!("value = {text}"));
    written.map(|written| written.value.value).map_err(|error| {
        let first = error.message().lines().next().unwrap_or_default().to_owned();
        format!("neither TOML nor JSON: {first}")
    })
}

/// `value` with the `@` that addresses in it may lack. What does not fit the type is left for encoding to refuse.
fn completed(ty: &Type, value: Human) -> Human {
    let inner = |ty: &Type, item: Located| Located::from(completed(ty, item.value));
    match (ty, value) {
        (Type::Address, Human::Text(text)) => address(&text),
        (Type::Option(content), Human::Table(entries)) => {
            Human::Table(entries.into_iter().map(|(name, item)| (name, inner(content, item))).collect())
        }
        (Type::Vec(element) | Type::Array(_, element) | Type::Set(element), Human::List(items)) => {
            Human::List(items.into_iter().map(|item| inner(element, item)).collect())
        }
        (Type::Tuple(members), Human::List(items)) if members.len() == items.len() => {
            Human::List(members.iter().zip(items).map(|(member, item)| inner(member, item)).collect())
        }
        (Type::Struct { fields, .. }, value) => completed_fields(fields, value),
        (Type::Enum { variants, .. }, Human::Table(entries)) => {
            let variant = |name: &str| variants.iter().find(|variant| variant.name == name);
            let content = |(name, item): (String, Located)| match variant(&name) {
                Some(variant) => (name, completed_fields(&variant.fields, item.value).into()),
                None => (name, item),
            };
            Human::Table(entries.into_iter().map(content).collect())
        }
        (Type::Result(good, bad), Human::Table(entries)) => {
            let side = |name: &str| if name == "Ok" { good } else { bad };
            let entries = entries.into_iter().map(|(name, item)| {
                let item = inner(side(&name), item);
                (name, item)
            });
            Human::Table(entries.collect())
        }
        (Type::Map(key, content), Human::Table(entries)) => {
            let entry = |(name, item): (String, Located)| {
                let name = match (&**key, address(&name)) {
                    (Type::Address, Human::Text(name)) => name,
                    _ => name,
                };
                (name, inner(content, item))
            };
            Human::Table(entries.into_iter().map(entry).collect())
        }
        (Type::Map(key, content), Human::List(pairs)) => {
            let pair = Type::Tuple(vec![(**key).clone(), (**content).clone()]);
            Human::List(pairs.into_iter().map(|item| inner(&pair, item)).collect())
        }
        (_, value) => value,
    }
}

fn completed_fields(fields: &[Field], value: Human) -> Human {
    if let Some(field) = newtype(fields) {
        return completed(&field.ty, value);
    }
    match value {
        Human::Table(entries) => {
            let field = |name: &str| fields.iter().find(|field| field.name == name);
            let entry = |(name, item): (String, Located)| match field(&name) {
                Some(field) => (name, completed(&field.ty, item.value).into()),
                None => (name, item),
            };
            Human::Table(entries.into_iter().map(entry).collect())
        }
        Human::List(items) if items.len() == fields.len() => Human::List(
            fields.iter().zip(items).map(|(field, item)| completed(&field.ty, item.value).into()).collect(),
        ),
        value => value,
    }
}

#[cfg(test)]
mod tests;
