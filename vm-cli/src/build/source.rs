//! Step 2, validation of the source (R71): every file of the crate that ends up in the module, and those of the local
//! crates that it uses.
//!
//! What is looked at is what rustc would compile for wasm: modules are followed from the crate's root, items under
//! `#[cfg(test)]` or for other targets are left out ([`cfg`]). All findings are reported together.
//!
//! It explains early and in the author's terms what would go wrong later; it is not the fence. That is the validation
//! of the module on every node (R61), which a source that tricks these rules still meets.

mod cfg;
mod dependencies;
mod holdings;
mod modules;
mod nesting;
mod outline;
pub mod rules;
mod std_use;
mod tokens;
mod visit;

use std::sync::Arc;

pub use dependencies::ALLOWED;
pub use outline::{FunctionOutline, Outline};

use super::finding::{Finding, SourceFile};
use super::package::Package;
use crate::files;
use holdings::Holdings;
use rules::Rule;

/// The most bytes of source that a contract and its local crates have together: 1 MiB.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;

/// What validation saw.
#[derive(Debug, Default)]
pub struct Checked {
    /// The files read.
    pub files: Vec<Arc<SourceFile>>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What is under `#[contract]` in the contract's own crate.
    pub contracts: Vec<Outline>,
    /// What types and statics hold, in all crates.
    holdings: Holdings,
}

impl Checked {
    /// Lines of all files.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.files.iter().map(|file| file.text.lines().count()).sum()
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|file| file.text.len()).sum()
    }
}

/// Looks at the whole source of `package`.
///
/// # Errors
///
/// A manifest that cannot be read, or no thread to work on. Files that cannot be read or parsed are findings.
pub fn check(package: &Package) -> std::io::Result<Checked> {
    // Parser and visitors recurse: they get the stack that the deepest source takes.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(nesting::STACK_BYTES);
        let checked = thread.spawn_scoped(scope, || check_here(package))?;
        checked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn check_here(package: &Package) -> std::io::Result<Checked> {
    let mut checked = Checked::default();
    for krate in &package.crates {
        let manifest = Arc::new(SourceFile {
            shown: package.shown(&krate.manifest),
            path: krate.manifest.clone(),
            text: files::read_regular_text(&krate.manifest, files::TEXT_BYTES_MAX)?,
        });
        dependencies::check(krate, &manifest, &package.settings.allow_dependencies, &mut checked.findings);
        if krate.is_contract {
            dependencies::resolved(package, &manifest, &mut checked.findings);
        }
        // A procedural macro runs inside the compiler: its finding is its manifest's, its source is ordinary Rust.
        if !krate.is_proc_macro {
            modules::check(package, krate, &mut checked);
        }
    }
    let bytes = checked.bytes();
    let largest = checked.files.iter().max_by_key(|file| file.text.len());
    if let (true, Some(largest)) = (bytes > SOURCE_BYTES_MAX, largest) {
        let largest_bytes = largest.text.len();
        checked.findings.push(Finding {
            rule: Rule::Oversize,
            message: format!(
                "the source has {bytes} bytes, more than {SOURCE_BYTES_MAX}; this file has {largest_bytes} of them"
            ),
            help: Rule::Oversize.help().to_owned(),
            file: Arc::clone(largest),
            span: 0..0,
        });
    }
    checked.findings.extend(checked.holdings.findings());
    outline_findings(&mut checked);
    let order = |finding: &Finding| (finding.file.shown.clone(), finding.span.start, finding.rule);
    checked.findings.sort_by_key(order);
    // Two at no place in particular are two.
    checked
        .findings
        .dedup_by_key(|finding| (order(finding), finding.span.is_empty().then(|| finding.message.clone())));
    Ok(checked)
}

/// A crate has exactly one contract.
fn outline_findings(checked: &mut Checked) {
    let finding = |message: String, file: &Arc<SourceFile>, span| Finding {
        rule: Rule::Contract,
        message,
        help: Rule::Contract.help().to_owned(),
        file: Arc::clone(file),
        span,
    };
    // Where a file could not be read, the contract may be in there.
    let all_read = checked.findings.iter().all(|finding| finding.rule != Rule::Unreadable);
    if let (true, true, Some(root)) = (all_read, checked.contracts.is_empty(), checked.files.first()) {
        checked.findings.push(finding("nothing here is marked #[contract]".to_owned(), root, 0..0));
    }
    for second in checked.contracts.iter().skip(1) {
        let message = format!("a second #[contract], `{}`: a crate becomes one module", second.name);
        checked.findings.push(finding(message, &second.file, second.span.clone()));
    }
}

#[cfg(test)]
mod tests;
