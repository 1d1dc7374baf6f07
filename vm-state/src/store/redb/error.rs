//! Why a store can't be opened or created: what is wrong, where, and what to do.

use alloc::string::{String, ToString};
use vm_core::Hash;

use crate::NodeFailure;

/// Why a store can't be opened or created. `at` is the path, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No file to open.
    #[error("{at}: there is no such file; create a store there, or check the path")]
    Missing {
        /// Where.
        at: String,
    },
    /// A file where one is to be created. It was not touched.
    #[error("{at}: something is there already; open it, or choose another path")]
    Exists {
        /// Where.
        at: String,
    },
    /// A file of no bytes. It was not touched.
    #[error(
        "{at}: the file is empty, not a store; if a creation was cut short, delete it and create the store again"
    )]
    Empty {
        /// Where.
        at: String,
    },
    /// Another kind of file. It was not touched.
    #[error(
        "{at}: not a store, nor any redb file; check the path (if a creation was cut short, delete it and create the \
         store again)"
    )]
    NotAStore {
        /// Where.
        at: String,
    },
    /// A redb file with other tables. They were not touched.
    #[error("{at}: a redb file of another program; check the path")]
    OtherProgram {
        /// Where.
        at: String,
    },
    /// A redb file without a table: the creation ended before its one commit.
    #[error("{at}: the store's creation was cut short; delete the file and create the store again")]
    Unfinished {
        /// Where.
        at: String,
    },
    /// A store that is being made from a snapshot.
    #[error("{at}: the import of a snapshot was cut short; import the same snapshot again to go on")]
    Importing {
        /// Where.
        at: String,
    },
    /// Another version of the tables' layout.
    #[error(
        "{at}: the store has format version {found}, this program reads version {expected}; use the program that \
         wrote it"
    )]
    FormatVersion {
        /// Where.
        at: String,
        /// The version of this program.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// Another chain.
    #[error(
        "{at}: the store is of the chain with the parameters {found}, not {expected}; check the path and the \
         parameters"
    )]
    OtherParams {
        /// Where.
        at: String,
        /// The hash of the parameters asked for.
        expected: Hash,
        /// The hash of the parameters in the file.
        found: Hash,
    },
    /// This process or another has it open; a view that is held counts.
    #[error("{at}: the store is open already, here or in another process; close it there first")]
    InUse {
        /// Where.
        at: String,
    },
    /// Bytes changed or cut off since they were written.
    #[error("{at}: the file is damaged ({cause}); restore it from a copy, or build the store anew")]
    Damaged {
        /// Where.
        at: String,
        /// What was found; for people only.
        cause: String,
    },
    /// The entries are not those that the head commits to.
    #[error(
        "{at}: the entries' root is {found}, the head's (height {height}) is {expected}; restore the file from a copy, \
         or build the store anew"
    )]
    RootMismatch {
        /// Where.
        at: String,
        /// The head's height.
        height: u64,
        /// The head's state root.
        expected: Hash,
        /// The root of the entries.
        found: Hash,
    },
    /// The node can't go on.
    #[error("{at}: {failure}")]
    Failure {
        /// Where.
        at: String,
        /// Why.
        failure: NodeFailure,
    },
}

impl OpenError {
    /// What the operating system's error means for `action`.
    pub(super) fn from_io(at: &str, action: &'static str, error: &std::io::Error) -> Self {
        let at = at.to_string();
        let cause = error.to_string();
        if error.kind() == std::io::ErrorKind::NotFound {
            Self::Missing { at }
        } else if error.kind() == std::io::ErrorKind::AlreadyExists {
            Self::Exists { at }
        } else if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Self::Damaged { at, cause: "bytes are missing at its end".to_string() }
        } else {
            Self::Failure { at, failure: NodeFailure::Storage { action, cause } }
        }
    }

    /// What redb's error means for `action`.
    pub(super) fn from_redb(at: &str, action: &'static str, error: impl Into<::redb::Error>) -> Self {
        let error = error.into();
        if let ::redb::Error::DatabaseAlreadyOpen | ::redb::Error::LockProtocolMismatch = error {
            Self::InUse { at: at.to_string() }
        } else if let ::redb::Error::Corrupted(cause) = error {
            Self::Damaged { at: at.to_string(), cause }
        } else if let ::redb::Error::Io(error) = error {
            // redb's way to say that the first bytes are not its own.
            if error.kind() == std::io::ErrorKind::InvalidData {
                return Self::NotAStore { at: at.to_string() };
            }
            Self::from_io(at, action, &error)
        } else {
            let cause = error.to_string();
            Self::Failure { at: at.to_string(), failure: NodeFailure::Storage { action, cause } }
        }
    }

    /// A file whose bytes redb accepts and we never wrote.
    pub(super) fn damaged(at: &str, cause: impl ToString) -> Self {
        Self::Damaged { at: at.to_string(), cause: cause.to_string() }
    }
}
