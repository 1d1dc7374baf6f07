//! What is wrong with a scenario: file, place, reason, and what to do.

use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// A scenario that cannot be run. Nothing has been executed or stored.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", place(.0), .0.reason)]
pub struct ScenarioError(Box<Problem>);

#[derive(Debug)]
struct Problem {
    /// What is wrong.
    reason: String,
    /// What to do about it, where that is more than the reason's reverse.
    help: Option<String>,
    source_text: NamedSource<String>,
    span: Option<Range<usize>>,
    line: Option<usize>,
}

fn place(error: &Problem) -> String {
    match error.line {
        Some(line) => format!("{}:{line}: ", error.source_text.name()),
        None => format!("{}: ", error.source_text.name()),
    }
}

impl ScenarioError {
    pub(crate) fn new(
        path: &Path,
        text: &str,
        span: Option<Range<usize>>,
        reason: impl Into<String>,
    ) -> Self {
        // A span of a whole table would mark pages of text: its first line says enough.
        let span = span.map(|span| {
            let first_line = text.get(span.clone()).and_then(|part| part.find('\n'));
            span.start..first_line.map_or(span.end, |end| span.start.saturating_add(end))
        });
        Self(Box::new(Problem {
            reason: reason.into(),
            help: None,
            source_text: NamedSource::new(path.display().to_string(), text.to_owned()).with_language("toml"),
            line: span.as_ref().map(|span| line_of(text, span.start)),
            span,
        }))
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The line of the file, from 1, where the error has a place in it.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.0.line
    }
}

impl Diagnostic for ScenarioError {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| -> Box<dyn std::fmt::Display> { Box::new(help) })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.span.is_some().then_some(&self.0.source_text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.0.span.clone()?;
        let label = LabeledSpan::new(Some("here".to_owned()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

/// The line, from 1, of the byte at `offset`.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|&&byte| byte == b'\n').count().saturating_add(1)
}
