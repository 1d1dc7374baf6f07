//! Follows a crate's modules from its root, file by file, as rustc does.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Expr, Lit, Meta};

use super::rules::Rule;
use super::visit::Rules;
use super::{Checked, cfg, nesting};
use crate::build::finding::{Finding, SourceFile};
use crate::build::package::{Crate, Package};
use crate::files;

/// The largest file that is read at all; more than [`SOURCE_BYTES_MAX`](super::SOURCE_BYTES_MAX).
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A module in a file of its own: where it is declared, and where it may be.
pub(super) struct OutOfLine {
    /// The places where its file may be; the first that exists counts.
    pub(super) candidates: Vec<PathBuf>,
    /// Where it is declared.
    pub(super) declared: Option<(Arc<SourceFile>, Range<usize>)>,
    /// Whether the file's own modules lie beside it, as those of `lib.rs` and `mod.rs` do.
    pub(super) owns_folder: bool,
}

/// Reads and checks all files of a crate.
pub(super) fn check(package: &Package, krate: &Crate, checked: &mut Checked) {
    let root = OutOfLine { candidates: vec![krate.root.clone()], declared: None, owns_folder: true };
    let mut waiting = vec![root];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(module) = waiting.pop() {
        let Some(file) = read(package, krate, &module, checked) else { continue };
        // A file can be the module of several declarations, and two files can declare each other.
        if !seen.insert(file.path.clone()) {
            continue;
        }
        checked.files.push(Arc::clone(&file));
        if let Some((span, message)) = nesting::check(&file.text) {
            checked.findings.push(Finding {
                rule: Rule::Unreadable,
                message,
                help: "split it: name parts of it by `let`, or compute it in a loop".to_owned(),
                file,
                span,
            });
            continue;
        }
        let syntax = match syn::parse_file(&file.text) {
            Ok(syntax) => syntax,
            Err(error) => {
                checked.findings.push(Finding {
                    rule: Rule::Unreadable,
                    message: format!("not valid Rust: {error}"),
                    help: "`cargo check` says more".to_owned(),
                    span: visible(&file.text, error.span().byte_range()),
                    file,
                });
                continue;
            }
        };
        if module.declared.is_none() && !is_no_std(&syntax) {
            checked.findings.push(Finding {
                rule: Rule::Std,
                message: "the crate does not begin with #![no_std]".to_owned(),
                help: "write `#![no_std]` in front of the first item".to_owned(),
                file: Arc::clone(&file),
                span: 0..0,
            });
        }
        let folder = children_folder(&file.path, &module);
        let mut rules = Rules::new(&file, &krate.folder, folder);
        syn::visit::Visit::visit_file(&mut rules, &syntax);
        checked.findings.append(&mut rules.findings);
        checked.holdings.append(rules.holdings);
        if krate.is_contract {
            checked.contracts.append(&mut rules.contracts);
        }
        waiting.extend(rules.modules.into_iter().rev());
    }
}

/// The span, or the character in front of it where it is empty, as at the end of a file.
fn visible(text: &str, span: Range<usize>) -> Range<usize> {
    if !span.is_empty() {
        return span;
    }
    let before = text.get(..span.start).unwrap_or(text).trim_end();
    match before.char_indices().next_back() {
        Some((start, _)) => start..before.len(),
        None => 0..text.chars().next().map_or(0, char::len_utf8),
    }
}

fn is_no_std(syntax: &syn::File) -> bool {
    cfg::effective(&syntax.attrs).iter().any(|meta| meta.path().is_ident("no_std"))
}

/// The folder in which a file's modules lie.
fn children_folder(path: &Path, module: &OutOfLine) -> PathBuf {
    let parent = path.parent().unwrap_or(Path::new(""));
    let is_mod = path.file_name().is_some_and(|name| name == "mod.rs");
    match path.file_stem() {
        Some(stem) if !module.owns_folder && !is_mod => parent.join(stem),
        _ => parent.to_owned(),
    }
}

fn read(
    package: &Package,
    krate: &Crate,
    module: &OutOfLine,
    checked: &mut Checked,
) -> Option<Arc<SourceFile>> {
    let path = module.candidates.iter().find(|path| path.is_file()).or(module.candidates.first())?;
    let (reason, rule) = match load(path) {
        Ok((path, _)) if !path.starts_with(&krate.folder) => {
            (format!("{} lies outside the crate's folder", path.display()), Rule::Outside)
        }
        Ok((path, text)) => {
            return Some(Arc::new(SourceFile { shown: package.shown(&path), path, text }));
        }
        Err(error) => (format!("cannot read {}: {error}", package.shown(path)), Rule::Unreadable),
    };
    let (file, span) = module.declared.clone().unwrap_or_else(|| {
        let text = String::new();
        (Arc::new(SourceFile { shown: package.shown(path), path: path.clone(), text }), 0..0)
    });
    let help = rule.help().to_owned();
    checked.findings.push(Finding { rule, message: reason, help, file, span });
    None
}

/// The file's canonical path and text.
fn load(path: &Path) -> std::io::Result<(PathBuf, String)> {
    let text = files::read_regular_text(path, FILE_BYTES_MAX)?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok((path.canonicalize()?, text))
}

/// Where the file of `mod name;` may be: under `#[path]`, or as `name.rs` or `name/mod.rs`.
///
/// `folder` holds the modules of the enclosing module, `beside` the file that declares it.
pub(super) fn out_of_line(
    module: &syn::ItemMod,
    file: &Arc<SourceFile>,
    folder: &Path,
    inline: bool,
) -> OutOfLine {
    let name = module.ident.unraw().to_string();
    let declared = Some((Arc::clone(file), module.span().byte_range()));
    let path = cfg::effective(&module.attrs).into_iter().find_map(|meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match pair.value {
            Expr::Lit(literal) => match literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    match path {
        Some(path) => {
            let beside = file.path.parent().unwrap_or(Path::new(""));
            let from = if inline { folder } else { beside };
            OutOfLine { candidates: vec![from.join(path)], declared, owns_folder: true }
        }
        None => {
            let candidates = vec![folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
            OutOfLine { candidates, declared, owns_folder: false }
        }
    }
}
