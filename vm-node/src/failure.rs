//! Why a node stopped.
//!
//! Disk, memory, a bug, or a final block that this node refuses: whatever it is, the node must neither vote nor go on.
//! Whoever meets it reports it here; the engine waits for it and ends its tasks; the program reads it and exits.
//!
//! Invariant: the first report stays. Later ones are its consequences.

use std::sync::Arc;

use commonware_utils::channel::watch;
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

/// Shared by all parts of a node.
#[derive(Clone, Debug)]
pub struct Failure(Arc<watch::Sender<Option<Fatal>>>);

impl Default for Failure {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Failure {
    /// Says why the node can't go on.
    pub fn report(&self, fatal: Fatal) {
        self.0.send_if_modified(|first| {
            let new = first.is_none();
            if new {
                error!(%fatal, "the node stops");
                *first = Some(fatal);
            }
            new
        });
    }

    /// Why, if it did.
    #[must_use]
    pub fn get(&self) -> Option<Fatal> {
        self.0.borrow().clone()
    }

    /// Waits until something is reported.
    pub async fn wait(&self) -> Fatal {
        let mut reports = self.0.subscribe();
        loop {
            if let Some(fatal) = reports.borrow_and_update().clone() {
                return fatal;
            }
            if reports.changed().await.is_err() {
                // This handle holds the sender: it does not happen. Waiting on is the safe answer.
                std::future::pending::<()>().await;
            }
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
