//! How a command says that it failed: to people by a diagnostic on standard error, to programs by an object on
//! standard output as well.
//!
//! The object always holds `ok`, `error` and `help`; a command may add keys of its own (docs/cli.md). What clap refuses
//! has no object: the command line that would ask for it was not understood.

use std::io::Write;

use miette::{Diagnostic, Report};
use serde_json::{Map, Value, json};

use super::build::json_text;

/// Tells people of a problem. Where even that cannot be written, the exit code still says it.
pub(super) fn complain(err: &mut dyn Write, problem: Report) {
    drop(writeln!(err, "{problem:?}"));
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
