//! Target `scenario_parser`: bytes as a scenario's text, over the modules of the fixtures.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use miette::Diagnostic;
use vm_chain::value::{Human, Located};
use vm_cli::scenario::{
    Action, Args, ObjectRef, Scenario, ScenarioError, StateExpect, StateFact, TransactionPlan,
};
use vm_core::ObjectId;
use vm_core::interface::check;

use crate::vectors;

/// What is wrong with no place in particular: something is missing, and nothing stands where it should.
const WITHOUT_LINE: [&str; 1] = ["a scenario needs at least one [[block]]"];

/// Reads and checks; panics where an invariant breaks.
pub fn scenario_parser(data: &[u8]) {
    // What is no text is refused before it is parsed.
    let Ok(text) = std::str::from_utf8(data) else { return };
    match parse(text) {
        Ok(scenario) => sound(&scenario),
        Err(error) => placed(text, error),
    }
}

fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(Path::new("fuzzed.toml"), text.to_owned(), Some(&vectors::modules()))
}

/// An error has its line, which is its mark's, and can be printed.
fn placed(text: &str, error: ScenarioError) {
    let shown = error.to_string();
    let marks: Vec<_> = error.labels().into_iter().flatten().collect();
    match error.line() {
        Some(line) => {
            assert!(shown.starts_with(&format!("fuzzed.toml:{line}: ")), "{shown}");
            let [mark] = &marks[..] else { panic!("one mark where the line is: {shown}") };
            let span = mark.offset()..mark.offset() + mark.len();
            within(text, &span);
            let before = text[..span.start].matches('\n').count();
            assert_eq!(line, before + 1, "{shown}");
        }
        None => {
            assert!(marks.is_empty() && error.source_code().is_none());
            let reason = shown.strip_prefix("fuzzed.toml: ").unwrap();
            assert!(WITHOUT_LINE.contains(&reason), "the line is missing: {shown}");
        }
    }
    // As the command prints it, with the part of the file.
    assert!(!format!("{:?}", miette::Report::new(error)).is_empty());
}

/// A span is a part of the text that can be cut out.
fn within(text: &str, span: &Range<usize>) {
    assert!(text.get(span.clone()).is_some(), "{span:?} is no part of {} bytes", text.len());
}

fn sound(scenario: &Scenario) {
    assert!(!scenario.blocks.is_empty(), "a scenario has a block");
    let sum = scenario.accounts.iter().try_fold(0u64, |sum, (_, balance)| sum.checked_add(*balance));
    assert!(sum.is_some(), "all balances together fit");
    let mut spans = vec![];
    for block in &scenario.blocks {
        assert!(scenario.place(&block.span).starts_with("fuzzed.toml:"));
        spans.push(block.span.clone());
        spans.extend(block.invalid.iter().map(|(_, span)| span.clone()));
        block.transactions.iter().for_each(|transaction| of_transaction(transaction, &mut spans));
        block.expects.iter().for_each(|expect| of_state(expect, &mut spans));
        let starts = block.transactions.iter().map(|transaction| transaction.span.start);
        assert!(starts.is_sorted(), "transactions are in the order of the file");
    }
    assert!(
        scenario.blocks.is_sorted_by_key(|block| block.span.start),
        "blocks are in the order of the file"
    );
    scenario.expects.iter().for_each(|expect| of_state(expect, &mut spans));
    spans.iter().for_each(|span| within(&scenario.text, span));
    encodes(scenario);
}

fn of_transaction(transaction: &TransactionPlan, spans: &mut Vec<Range<usize>>) {
    spans.push(transaction.span.clone());
    spans.extend(transaction.save.iter().map(|(_, span)| span.clone()));
    if let Some(Args::Typed(_, table)) = args(transaction) {
        of_value(table, spans);
    }
    let expect = &transaction.expect;
    spans.extend(expect.status.iter().map(|(_, span)| span.clone()));
    spans.extend(expect.gas_max.iter().map(|(_, span)| span.clone()));
    expect.returns.iter().for_each(|(_, value)| of_value(value, spans));
    if let Some(error) = &expect.error {
        spans.push(error.span.clone());
        error.fields.iter().for_each(|(_, value)| of_value(value, spans));
    }
    if let Some((events, span)) = &expect.events {
        spans.push(span.clone());
        for event in events {
            spans.push(event.span.clone());
            event.fields.iter().for_each(|(_, value)| of_value(value, spans));
        }
    }
}

fn of_state(expect: &StateExpect, spans: &mut Vec<Range<usize>>) {
    spans.push(expect.span.clone());
    if let StateFact::Object(object) = &expect.what {
        if let ObjectRef::Id(id) = &object.which {
            of_value(id, spans);
        }
        object.fields.iter().for_each(|field| of_value(&field.value, spans));
    }
}

/// The places of a value and of all in it. What is in the file has one.
fn of_value(value: &Located, spans: &mut Vec<Range<usize>>) {
    spans.push(value.span.clone().unwrap());
    match &value.value {
        Human::Bool(_) | Human::Integer(_) | Human::Text(_) => (),
        Human::List(list) => list.iter().for_each(|value| of_value(value, spans)),
        Human::Table(table) => table.iter().for_each(|(_, value)| of_value(value, spans)),
    }
}

fn args(transaction: &TransactionPlan) -> Option<&Args> {
    match &transaction.action {
        Action::Call { args, .. } | Action::Deploy { args, .. } => Some(args),
        Action::Transfer { .. } | Action::Upload { .. } => None,
    }
}

/// All arguments become bytes, which are arguments to the host too, as soon as the saved objects are known.
fn encodes(scenario: &Scenario) {
    let mut names = scenario.names.clone();
    let mut objects = BTreeSet::new();
    for transaction in scenario.blocks.iter().flat_map(|block| &block.transactions) {
        if let Some(args) = args(transaction) {
            let bytes = args.encode(&names).unwrap_or_else(|error| panic!("what is checked fits: {error}"));
            if let Args::Typed(params, _) = args {
                assert!(check(params, &bytes).is_ok(), "{params:?} as {bytes:02x?}");
            }
        }
        if let Some((name, _)) = &transaction.save {
            let number = u8::try_from(objects.len() % 256).unwrap();
            objects.insert(name);
            names.add_object(name, ObjectId([number; 32]));
        }
    }
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = vec![];
    for (name, text) in vectors::scenarios() {
        // A mutation hits more of a short text: the head, and each third block by itself.
        let mut parts: Vec<&str> = text.split("\n[[block]]").collect();
        let head = parts.remove(0);
        for (index, part) in parts.iter().enumerate().step_by(3) {
            let short = format!("{head}\n[[block]]{part}");
            if short.len() < 3_000 {
                seeds.push((format!("{name}-{index:02}"), short.into_bytes()));
            }
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checks are worth their name only if texts reach both sides of them.
    #[test]
    fn scenarios_parse_and_what_is_missing_has_no_line() {
        for (name, text) in vectors::scenarios() {
            let scenario = parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            let calls = scenario.blocks.iter().flat_map(|block| &block.transactions);
            assert!(calls.filter_map(args).count() > 0, "{name} encodes no arguments");
        }
        let line = |text: &str| parse(text).unwrap_err().line();
        assert_eq!(line("name = \"n\""), None);
        assert_eq!(line("name = \"n\"\nother = 1"), Some(2));
    }
}
