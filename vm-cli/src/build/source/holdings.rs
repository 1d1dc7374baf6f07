//! Which statics can change: those whose type holds a cell, a lock or an atomic, through structs, enums, aliases and
//! renaming uses of the contract's own.
//!
//! Types are the compiler's to know; here they are names. Two types of one name count as one that holds both's parts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use syn::Ident;
use syn::visit::Visit;

use super::rules::Rule;
use crate::build::finding::{Finding, SourceFile};

/// Types whose value changes behind a shared reference, by the end of their names.
const INTERIOR: [&str; 8] = ["Cell", "OnceLock", "LazyLock", "Lazy", "Once", "Mutex", "RwLock", "AtomicBool"];

/// What types and statics hold, by names.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    types: BTreeMap<String, BTreeSet<String>>,
    statics: Vec<Static>,
}

#[derive(Debug)]
struct Static {
    name: String,
    /// The names in its type, and where they stand.
    holds: Vec<(String, Range<usize>)>,
    file: Arc<SourceFile>,
}

impl Holdings {
    /// A type, and the names in its parts.
    pub(super) fn define(&mut self, name: &Ident, holds: BTreeSet<String>) {
        self.types.entry(name.to_string()).or_default().extend(holds);
    }

    /// A static.
    pub(super) fn hold(&mut self, file: &Arc<SourceFile>, item: &syn::ItemStatic) {
        let mut found = Names::default();
        found.visit_type(&item.ty);
        let holds = found.0.into_iter().map(|ident| (ident.to_string(), ident.span().byte_range())).collect();
        self.statics.push(Static { name: item.ident.to_string(), holds, file: Arc::clone(file) });
    }

    /// Takes in those of another file.
    pub(super) fn append(&mut self, other: Self) {
        for (name, holds) in other.types {
            self.types.entry(name).or_default().extend(holds);
        }
        self.statics.extend(other.statics);
    }

    /// The statics that can change.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let finding = |found: &Static| {
            let (name, span) = found.holds.iter().find(|(name, _)| self.changes(name))?;
            Some(Finding {
                rule: Rule::Static,
                message: format!("the static `{}` holds a {name}, which can change", found.name),
                help: Rule::Static.help().to_owned(),
                file: Arc::clone(&found.file),
                span: span.clone(),
            })
        };
        self.statics.iter().filter_map(finding).collect()
    }

    /// Whether a type of this name holds one that changes, however deep.
    fn changes(&self, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![name];
        while let Some(name) = waiting.pop() {
            if is_interior(name) {
                return true;
            }
            if seen.insert(name) {
                waiting.extend(self.types.get(name).into_iter().flatten().map(String::as_str));
            }
        }
        false
    }
}

fn is_interior(name: &str) -> bool {
    name.starts_with("Atomic") || INTERIOR.iter().any(|end| name.ends_with(end))
}

/// The names in what `visit` goes through.
pub(super) fn names<'ast>(visit: impl FnOnce(&mut Names<'ast>)) -> BTreeSet<String> {
    let mut found = Names::default();
    visit(&mut found);
    found.0.into_iter().map(ToString::to_string).collect()
}

/// The names in types; those of fields are none.
#[derive(Default)]
pub(super) struct Names<'ast>(Vec<&'ast Ident>);

impl<'ast> Visit<'ast> for Names<'ast> {
    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        self.0.push(&segment.ident);
        syn::visit::visit_path_segment(self, segment);
    }
}
