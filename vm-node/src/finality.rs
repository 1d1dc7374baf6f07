//! Final blocks, in order, into the chain.
//!
//! The engine hands over each final block at least once, and takes an acknowledged one for done. So the chain commits it
//! durably first, and is asked again after a restart in between: its commit is idempotent.
//!
//! Invariants:
//! - commit, then acknowledge, then tell observers;
//! - a block that can't be committed is never acknowledged, and nothing after it is committed.

use std::fmt::Debug;
use std::sync::Arc;

use commonware_actor::Feedback;
use commonware_consensus::Reporter;
use commonware_consensus::marshal::Update;
use commonware_runtime::Spawner;
use commonware_utils::Acknowledgement as _;
use commonware_utils::acknowledgement::Exact;
use commonware_utils::channel::mpsc;
use vm_chain::replica::{Committed, FinalityError, SealedBlock};

use crate::block::Block;
use crate::execution::Execution;
use crate::failure::Fatal;

/// Is told of final blocks after they are committed.
pub trait Finalized: Debug + Send + Sync {
    /// `block` is final and in the chain. Called in the order of heights, from height zero or the floor on, and again
    /// for some blocks after a restart. Must not take long.
    fn finalized(&self, block: &SealedBlock, committed: Committed);
}

/// Takes the engine's news. The engine keeps only a few blocks unacknowledged, so the queue stays short.
#[derive(Clone)]
pub(crate) struct Finality(mpsc::UnboundedSender<(Block, Exact)>);

impl Reporter for Finality {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        match update {
            // Not yet stored: nothing to rely on.
            Update::Tip(..) => Feedback::Ok,
            Update::Block(block, acknowledgement) => {
                match self.0.send((block.inner().clone(), acknowledgement)) {
                    Ok(()) => Feedback::Ok,
                    Err(_) => Feedback::Closed,
                }
            }
        }
    }
}

/// Begins to commit what the returned reporter is told of.
pub(crate) fn start<E: Spawner>(
    context: E,
    execution: Execution<E>,
    observers: Vec<Arc<dyn Finalized>>,
) -> Finality {
    let (sender, mut blocks) = mpsc::unbounded_channel::<(Block, Exact)>();
    context.spawn(move |_| async move {
        while let Some((block, acknowledgement)) = blocks.recv().await {
            let taken = block.clone();
            let committed = execution
                .run(move |application| application.commit(taken.sealed()).map_err(|error| fatal(&error)));
            let committed = match committed.await {
                Ok(committed) => committed,
                Err(fatal) => {
                    // Held until the engine is gone: to drop it would make the engine end in its own way.
                    let _held = acknowledgement;
                    return execution.fail(fatal).await;
                }
            };
            acknowledgement.acknowledge();
            for observer in &observers {
                observer.finalized(block.sealed(), committed);
            }
        }
    });
    Finality(sender)
}

fn fatal(error: &FinalityError) -> Fatal {
    match error {
        FinalityError::Node(error) => Fatal::Node(error.to_string()),
        other => Fatal::Finality(other.to_string()),
    }
}
