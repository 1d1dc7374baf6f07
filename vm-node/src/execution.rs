//! Work of the chain, where the runtime allows it to take long.
//!
//! Building and executing blocks is work for a processor, not waiting. In production it runs on threads for blocking work,
//! so that votes and messages go on; in the deterministic runtime it runs in its turn, like every task.
//!
//! Invariants:
//! - at most [`EXECUTIONS_MAX`] calls of the chain run at a time, however many proposals arrive; the others wait in line;
//! - work that has begun ends, even if nobody waits for it any more.

use std::sync::Arc;

use commonware_runtime::{Error, Spawner};
use tokio::sync::Semaphore;
use vm_chain::replica::Application;

use crate::failure::{Failure, Fatal};

/// How many blocks are built, executed or committed at the same time.
const EXECUTIONS_MAX: usize = 2;

pub(crate) struct Execution<E> {
    context: Arc<E>,
    application: Arc<dyn Application>,
    permits: Arc<Semaphore>,
    failure: Failure,
}

impl<E> Clone for Execution<E> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            application: self.application.clone(),
            permits: self.permits.clone(),
            failure: self.failure.clone(),
        }
    }
}

impl<E: Spawner> Execution<E> {
    pub(crate) fn new(context: E, application: Arc<dyn Application>, failure: Failure) -> Self {
        let permits = Arc::new(Semaphore::new(EXECUTIONS_MAX));
        Self { context: Arc::new(context), application, permits, failure }
    }

    /// The chain, for questions that are answered at once.
    pub(crate) fn application(&self) -> &dyn Application {
        &*self.application
    }

    /// Does `work` in its turn. Never comes back if the node stops meanwhile.
    pub(crate) async fn run<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&dyn Application) -> T + Send + 'static,
    {
        if let Ok(permit) = self.permits.clone().acquire_owned().await {
            let application = self.application.clone();
            let task = self.context.child("work").shared(true).spawn(move |_| async move {
                let result = work(&*application);
                drop(permit);
                result
            });
            match task.await {
                Ok(result) => return result,
                Err(Error::Exited) => self.failure.report(Fatal::Node("an execution panicked".to_owned())),
                // The runtime is being shut down.
                Err(_) => {}
            }
        }
        std::future::pending().await
    }

    /// Says why the node can't go on, and waits for its end.
    pub(crate) async fn fail<T>(&self, fatal: Fatal) -> T {
        self.failure.report(fatal);
        std::future::pending().await
    }
}
