//! redb at arm's length.
//!
//! redb trusts the pages of a file that was closed cleanly and may panic on one that was changed since; checking every
//! page at opening ([`super::Check::Full`]) takes as long as reading the file. A panic of redb's is therefore caught
//! here and is damage, named as such: a node that stops with a text beats one that aborts.

use ::redb::{Database, Error, ReadTransaction, ReadableDatabase, WriteTransaction};
use alloc::string::{String, ToString};
use core::any::Any;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::NodeFailure;

/// What `action` gives; redb's errors, and its panics, as failures.
pub(super) fn guarded<T, E: Into<Error>>(
    action: &'static str,
    run: impl FnOnce() -> Result<T, E>,
) -> Result<T, NodeFailure> {
    // What a panic can leave half done is redb's own state, which it guards: a transaction that panicked is poisoned.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(NodeFailure::Storage { action, cause: error.into().to_string() }),
        Err(panic) => Err(NodeFailure::Storage { action, cause: panic_text(&*panic) }),
    }
}

/// As [`guarded`], with redb's own error type.
pub(super) fn caught<T>(run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(Error::Corrupted(panic_text(&*panic))))
}

/// An open database whose closing can't panic either: redb tidies up when it is dropped.
pub(super) struct Guarded(Option<Database>);

impl Guarded {
    pub(super) fn new(database: Database) -> Self {
        Self(Some(database))
    }

    fn open(&self) -> Result<&Database, Error> {
        // `None` only while it is dropped.
        self.0.as_ref().ok_or(Error::DatabaseClosed)
    }

    pub(super) fn begin_read(&self) -> Result<ReadTransaction, Error> {
        Ok(self.open()?.begin_read()?)
    }

    pub(super) fn begin_write(&self) -> Result<WriteTransaction, Error> {
        Ok(self.open()?.begin_write()?)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let database = self.0.take();
        // Nothing is lost: all blocks are durable already, and the next opening looks at the file again.
        drop(catch_unwind(AssertUnwindSafe(|| drop(database))));
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded")
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    alloc::format!("redb found what it never writes: {}", said.unwrap_or("no text"))
}
