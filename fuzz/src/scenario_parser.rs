//! Target `scenario_parser`: bytes as a scenario's text, over the modules of the fixtures.

use std::path::Path;

use vm_cli::scenario::Scenario;

use crate::vectors;

/// Reads and checks; panics where an invariant breaks.
pub fn scenario_parser(data: &[u8]) {
    // What is no text is refused before it is parsed.
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = Path::new("fuzzed.toml");
    match Scenario::parse(path, text.to_owned(), Some(&vectors::modules())) {
        Ok(scenario) => {
            assert!(!scenario.blocks.is_empty(), "a scenario has a block");
            let sum = scenario.accounts.iter().try_fold(0u64, |sum, (_, balance)| sum.checked_add(*balance));
            assert!(sum.is_some(), "all balances together fit");
            for block in &scenario.blocks {
                assert!(scenario.place(&block.span).starts_with("fuzzed.toml:"));
                assert!(block.span.end <= text.len());
            }
        }
        Err(error) => {
            let line = error.line().unwrap_or(1);
            assert!((1..=text.lines().count() + 2).contains(&line), "line {line} of the file: {error}");
            assert!(error.to_string().starts_with("fuzzed.toml"), "{error}");
            // As the command prints it, with the part of the file.
            assert!(!format!("{:?}", miette::Report::new(error)).is_empty());
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
