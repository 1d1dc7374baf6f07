//! What is wrong with a source, and how it is shown: as rustc shows its errors, or as JSON.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::source::rules::Rule;
use crate::colours::Colours;
use crate::scenario::line_of;

/// A source file as it was read.
#[derive(Debug)]
pub struct SourceFile {
    /// As shown: relative to where the command runs, if it lies below.
    pub shown: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its text, a byte order mark left out.
    pub text: String,
}

/// One thing that a contract may not have, at its place.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which rule it breaks.
    pub rule: Rule,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do instead.
    pub help: String,
    /// Where.
    pub file: Arc<SourceFile>,
    /// Which bytes of the file; empty where the whole file is meant.
    pub span: Range<usize>,
}

impl Finding {
    /// Line and column, both from 1, the column in characters.
    #[must_use]
    pub fn place(&self) -> (usize, usize) {
        let before = self.file.text.get(..self.span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let column = before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1);
        (line_of(&self.file.text, self.span.start), column)
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let (line, column) = self.place();
        json!({
            "rule": self.rule.name(),
            "file": self.file.shown,
            "line": line,
            "column": column,
            "message": self.message,
            "help": self.help,
        })
    }

    fn render(&self, renderer: &Renderer) -> String {
        let group = Level::ERROR.primary_title(&self.message).id(self.rule.name());
        let group = if self.span.is_empty() {
            group.element(Origin::path(self.file.shown.as_str()))
        } else {
            let snippet = Snippet::source(self.file.text.as_str()).path(self.file.shown.as_str());
            group.element(snippet.annotation(AnnotationKind::Primary.span(self.span.clone())))
        };
        renderer.render(&[group.element(Level::HELP.message(&self.help))])
    }
}

/// All of them for people, in the order of files and lines.
#[must_use]
pub fn render(findings: &[Finding], colours: Colours) -> String {
    let renderer = match colours {
        Colours::On => Renderer::styled(),
        Colours::Off => Renderer::plain(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for finding in findings {
        let written = write!(text, "{}\n\n", finding.render(&renderer));
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    text
}
