//! Why a soak ends before its time.

use std::fmt::{Debug, Display};

use miette::Diagnostic;
use vm_core::Hash;
use vm_host::{BlockError, StatelessError};
use vm_state::{CommitError, ImportError, NodeFailure, OpenError, ReadError, RollbackError, SnapshotError};

/// So much of a value is shown.
const SHOWN_CHARS_MAX: usize = 1_500;

/// Why a soak ends before its time.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Stop {
    /// Two ways to the same thing came to different things. This is what the soak looks for.
    #[error("height {height}: {what}: {found}, expected {expected}")]
    #[diagnostic(help(
        "the store and the figures stay where they are; make a named test of it (fuzz/README.md)"
    ))]
    Differs {
        /// The block that was executed or looked at.
        height: u64,
        /// What was compared.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The node failed, which no block may cause.
    #[error("height {height}: {what}: {cause}")]
    #[diagnostic(help(
        "is the disk full? If not, the store and the figures stay where they are for a test of it"
    ))]
    Failed {
        /// The block that was executed or looked at.
        height: u64,
        /// What was being done.
        what: String,
        /// Why it failed.
        cause: String,
    },
    /// The store can't be opened, though nothing but the worker has written it.
    #[error("open the store: {cause}")]
    #[diagnostic(help(
        "the store and the figures stay where they are; make a named test of it (fuzz/README.md)"
    ))]
    Unopened {
        /// Why not.
        cause: OpenError,
    },
    /// The worker said that something is not as it should be.
    #[error("seed {seed}, life {life} of the worker: {said}")]
    #[diagnostic(help(
        "the store and the figures stay where they are; make a named test of it (fuzz/README.md)"
    ))]
    Found {
        /// The soak's seed.
        seed: u64,
        /// Which worker, from 1.
        life: u64,
        /// What it said.
        said: String,
    },
    /// The worker ended though nobody killed it.
    #[error("seed {seed}, life {life} of the worker, after height {height}: it ended by itself ({status})")]
    #[diagnostic(help("what it printed above says why; the store and the figures stay where they are"))]
    Died {
        /// The soak's seed.
        seed: u64,
        /// Which worker, from 1.
        life: u64,
        /// The last block that it said was durable.
        height: u64,
        /// How it ended.
        status: String,
    },
    /// Memory grew while the number of live entries did not.
    #[error(
        "in {minutes} minutes without a kill the worker grew from {first_kib} to {last_kib} KiB, with {entries_first} \
         live entries first and {entries_last} last"
    )]
    #[diagnostic(help("a leak: run the worker alone under heaptrack or massif (fuzz/README.md)"))]
    Grows {
        /// How long it was watched.
        minutes: u64,
        /// The mean of the first quarter of samples.
        first_kib: u64,
        /// The mean of the last quarter.
        last_kib: u64,
        /// Live entries in the first quarter, mean.
        entries_first: u64,
        /// Live entries in the last quarter, mean.
        entries_last: u64,
    },
    /// What an earlier run left can't be gone on with.
    #[error("{at}: {cause}")]
    #[diagnostic(help("move the folder away, or give another one"))]
    Left {
        /// The file or folder.
        at: String,
        /// Why not.
        cause: String,
    },
    /// This machine can't do it.
    #[error("{action}: {cause}")]
    #[diagnostic(help("a soak needs a writable folder, room for its store, and Linux's /proc"))]
    Machine {
        /// What was being done.
        action: String,
        /// What the system says.
        cause: String,
    },
}

impl Stop {
    /// The exit code: 1 something is not as it should be, 2 bad input, 3 the machine failed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Differs { .. }
            | Self::Failed { .. }
            | Self::Unopened { .. }
            | Self::Found { .. }
            | Self::Died { .. }
            | Self::Grows { .. } => 1,
            Self::Left { .. } => 2,
            Self::Machine { .. } => 3,
        }
    }

    /// For what the system refuses to do.
    pub(super) fn machine(action: impl Display) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Machine { action: action.to_string(), cause: cause.to_string() }
    }

    /// For what a node or a store refuses to do, at a height.
    pub(super) fn failed<E: Failure>(height: u64, what: impl Display) -> impl FnOnce(E) -> Self {
        move |cause| Self::Failed { height, what: what.to_string(), cause: cause.to_string() }
    }
}

/// Errors of the crates below, none of which a sound chain on a sound machine sees.
pub(super) trait Failure: Display {}
impl Failure for BlockError {}
impl Failure for StatelessError {}
impl Failure for CommitError {}
impl Failure for RollbackError {}
impl Failure for NodeFailure {}
impl Failure for ReadError {}
impl Failure for SnapshotError {}
impl Failure for ImportError {}
impl Failure for OpenError {}

/// Refuses a value that is not the expected one.
pub(super) fn equal<T: PartialEq + Debug>(
    height: u64,
    what: impl Display,
    expected: &T,
    found: &T,
) -> Result<(), Stop> {
    if expected == found {
        return Ok(());
    }
    let shown = |value: &T| -> String { format!("{value:?}").chars().take(SHOWN_CHARS_MAX).collect() };
    Err(Stop::Differs { height, what: what.to_string(), expected: shown(expected), found: shown(found) })
}

/// As [`equal`] for hashes, which are all that can be said of what was forgotten.
pub(super) fn equal_hash(height: u64, what: impl Display, expected: Hash, found: Hash) -> Result<(), Stop> {
    equal(height, what, &expected, &found)
}
