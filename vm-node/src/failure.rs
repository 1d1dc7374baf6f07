//! Why a node stopped.
//!
//! Disk, memory, a bug, or a final block that this node refuses: whatever it is, the node must neither vote nor go on.
//! Whoever meets it reports it here; the engine waits for it and ends its tasks; the program reads it and exits.
//!
//! Invariant: the first report stays. Later ones are its consequences.

use std::sync::Arc;

use commonware_utils::sync::{Mutex, Notify};
use tracing::error;

/// What stopped the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// The chain can't go on: disk, memory, a bug.
    #[error("{0}")]
    Node(String),
    /// What the engine made final and what the chain holds don't agree.
    #[error("{0}")]
    Finality(String),
    /// A task of the engine ended.
    #[error("the engine's {0} ended")]
    Ended(&'static str),
}

#[derive(Debug, Default)]
struct Inner {
    first: Mutex<Option<Fatal>>,
    /// Wakes in the order in which they wait: a channel of tokio's would wake in an order of its own, and one seed would
    /// have two histories.
    reported: Notify,
}

/// Shared by all parts of a node.
#[derive(Clone, Debug, Default)]
pub struct Failure(Arc<Inner>);

impl Failure {
    /// Says why the node can't go on.
    pub fn report(&self, fatal: Fatal) {
        let mut first = self.0.first.lock();
        if first.is_none() {
            error!(%fatal, "the node stops");
            *first = Some(fatal);
            drop(first);
            self.0.reported.notify_waiters();
        }
    }

    /// Why, if it did.
    #[must_use]
    pub fn get(&self) -> Option<Fatal> {
        self.0.first.lock().clone()
    }

    /// Waits until something is reported.
    pub async fn wait(&self) -> Fatal {
        loop {
            // From here on a report is noticed, also one before the next line.
            let reported = self.0.reported.notified();
            if let Some(fatal) = self.get() {
                return fatal;
            }
            reported.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_report_stays() {
        let failure = Failure::default();
        assert_eq!(failure.get(), None);
        failure.report(Fatal::Node("disk".to_owned()));
        failure.report(Fatal::Ended("marshal"));
        assert_eq!(failure.get(), Some(Fatal::Node("disk".to_owned())));
        let waited = futures::executor::block_on(failure.wait());
        assert_eq!(waited, Fatal::Node("disk".to_owned()));
    }
}
