//! How a command says that it failed: to people by a diagnostic on standard error, to programs by an object on
//! standard output as well.
//!
//! The object always holds `ok`, `error` and `help`; a command may add keys of its own (docs/cli.md). What clap refuses
//! has no object: the command line that would ask for it was not understood.
//!
//! Invariant: nothing in a problem's words steers a terminal, whoever gave them: a node, a contract, a file. They are
//! cleaned here and nowhere else, before colours are put around them.

use std::error::Error;
use std::fmt::{self, Display};
use std::io::Write;

use miette::{Diagnostic, LabeledSpan, Report, Severity, SourceCode};
use serde_json::{Map, Value, json};

use super::build::json_text;
use crate::show::plain;

/// A problem in words that steer no terminal.
#[derive(Debug)]
struct Clean {
    problem: Report,
    message: String,
    cause: Option<Box<Cause>>,
}

/// What a problem comes from, in such words.
#[derive(Debug)]
struct Cause {
    message: String,
    cause: Option<Box<Cause>>,
}

/// The text without what would steer a terminal; its lines and tabs stay.
fn clean(text: &dyn Display) -> String {
    let line = |line: &str| line.split('\t').map(plain).collect::<Vec<_>>().join("\t");
    text.to_string().split('\n').map(line).collect::<Vec<_>>().join("\n")
}

impl Clean {
    fn new(problem: Report) -> Self {
        let messages: Vec<String> = problem.chain().map(|error| clean(&error)).collect();
        let (message, causes) = match messages.split_first() {
            Some((message, causes)) => (message.clone(), causes.to_vec()),
            None => (clean(&problem), Vec::new()),
        };
        let wrap = |cause, message| Some(Box::new(Cause { message, cause }));
        let cause = causes.into_iter().rev().fold(None, wrap);
        Self { problem, message, cause }
    }
}

impl Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Clean {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Some(cause) => Some(cause.as_ref()),
            None => None,
        }
    }
}

impl Diagnostic for Clean {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.problem.code()
    }

    fn severity(&self) -> Option<Severity> {
        self.problem.severity()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let help: Box<dyn Display> = Box::new(clean(&self.problem.help()?));
        Some(help)
    }

    fn url<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.problem.url()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.problem.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.problem.labels()
    }
}

/// Tells people of a problem. Where even that cannot be written, the exit code still says it.
pub(super) fn complain(err: &mut dyn Write, problem: Report) {
    drop(writeln!(err, "{:?}", Report::new(Clean::new(problem))));
}

/// Tells people of a problem, and programs where they asked.
pub(super) fn fail(out: &mut dyn Write, err: &mut dyn Write, json: bool, problem: Report) {
    if json {
        drop(out.write_all(json_text(&Value::Object(object(&*problem))).as_bytes()));
        drop(out.flush());
    }
    complain(err, problem);
}

/// What a command that came to nothing prints for programs.
pub(super) fn object(problem: &dyn Diagnostic) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("ok".to_owned(), json!(false));
    object.append(&mut self::problem(problem));
    object
}

/// A problem in a document that holds several.
pub(super) fn problem(problem: &dyn Diagnostic) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("error".to_owned(), json!(problem.to_string()));
    object.insert("help".to_owned(), json!(problem.help().map(|help| help.to_string())));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("a\u{1b}[2J\u{202e}b\nc\td")]
    #[diagnostic(help("e\u{7}f\n  g"))]
    struct Loud(#[source] std::io::Error);

    #[test]
    fn nothing_in_a_problems_words_steers_the_terminal() {
        let problem = Report::new(Loud(std::io::Error::other("h\u{9b}31mi\rj")));
        let mut said = Vec::new();
        complain(&mut said, problem);
        let said = String::from_utf8(said).unwrap();
        // miette's own colours, which a terminal gets, are no part of the words.
        for part in ["a\u{fffd}[2J\u{fffd}b", "c\td", "e\u{fffd}f", "h\u{fffd}31mi\u{fffd}j"] {
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
        for steering in ["\u{1b}[2J", "\u{7}", "\u{9b}", "\r", "\u{202e}"] {
            assert!(!said.contains(steering), "{steering:?} is in {said:?}");
        }
    }
}
