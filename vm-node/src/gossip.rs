//! Transactions from the node that took them by RPC to all others.
//!
//! ```text
//! one message   SCALE of a list of signed transactions, below [`MESSAGE_BYTES`] but for the last
//! ```
//!
//! Invariants:
//! - a transaction travels once: who hears of it from a peer does not pass it on, since every node hears the first one;
//! - what is sent stays below the channel's quota, so that no peer is skipped for it;
//! - a message that no honest node sends blocks its sender; a transaction that is refused does not, since two nodes may know
//!   different last blocks.
//!
//! What still waits at the node that took it is sent again now and then ([`Mempool::remind`]): a message may be lost, and a
//! peer may have been away.

use std::sync::Arc;
use std::time::Duration;

use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Metrics, Spawner};
use parity_scale_codec::Encode as _;
use tokio::sync::mpsc;
use tracing::{debug, warn};
use vm_chain::Signed;
use vm_chain::node::Mempool;
use vm_chain::replica::Bounds;
use vm_chain::signed::AUTHORIZATION_BYTES_MAX;
use vm_core::codec::{CodecError, decode_exact};

use crate::Key;

/// How many bytes of transactions go into one message.
const MESSAGE_BYTES: usize = 64 << 10;
/// How many transactions wait to be sent; past that, they are not gossiped.
pub const QUEUE: usize = 8_192;
/// The least time between two messages: 100 a second.
const PAUSE: Duration = Duration::from_millis(10);
/// How many messages a second a peer may send.
pub const MESSAGES_PER_SECOND: u32 = 128;

/// The longest message between nodes of a chain with blocks in these bounds.
#[must_use]
pub fn message_bytes_max(bounds: &Bounds) -> usize {
    // One transaction alone may be longer than a batch; eight bytes tell lengths.
    let one = bounds.transaction_bytes.saturating_add(AUTHORIZATION_BYTES_MAX).saturating_add(8);
    MESSAGE_BYTES.saturating_add(one)
}

/// Reads one message.
fn decode(bytes: &[u8], bounds: &Bounds) -> Result<Vec<Signed>, CodecError> {
    let signed: Vec<Signed> = decode_exact(bytes, message_bytes_max(bounds))?;
    for signed in &signed {
        for (found, limit) in [
            (signed.transaction.encoded_size(), bounds.transaction_bytes),
            (signed.authorization.len(), AUTHORIZATION_BYTES_MAX),
        ] {
            if found > limit {
                return Err(CodecError::TooLong { found, limit });
            }
        }
    }
    Ok(signed)
}

/// Takes what waits, as much as fits into one message; at least `first`.
fn batch(first: Signed, waiting: &mut mpsc::Receiver<Signed>) -> Vec<Signed> {
    let mut bytes = first.encoded_size();
    let mut batch = vec![first];
    while bytes < MESSAGE_BYTES
        && let Ok(next) = waiting.try_recv()
    {
        bytes = bytes.saturating_add(next.encoded_size());
        batch.push(next);
    }
    batch
}

/// Sends what comes through `waiting` to every peer, until its other end is dropped.
pub async fn send<E: Clock>(
    context: E,
    mut sender: impl Sender<PublicKey = Key>,
    mut waiting: mpsc::Receiver<Signed>,
) {
    while let Some(first) = waiting.recv().await {
        let bytes = batch(first, &mut waiting).encode();
        let reached = sender.send(Recipients::All, bytes, false);
        debug!(peers = reached.len(), "sent transactions");
        context.sleep(PAUSE).await;
    }
}

/// Takes what peers send into `mempool`, until the network ends.
pub async fn receive<E: Spawner + Metrics>(
    context: E,
    mut receiver: impl Receiver<PublicKey = Key>,
    mut blocker: impl Blocker<PublicKey = Key>,
    mempool: Arc<Mempool>,
    bounds: Bounds,
) {
    while let Ok((peer, bytes)) = receiver.recv().await {
        let bytes: Vec<u8> = bytes.as_ref().to_vec();
        match decode(&bytes, &bounds) {
            Ok(heard) => {
                let mempool = mempool.clone();
                // Signatures are work for a processor; one message at a time, so that a peer's flood waits in its queue.
                let task = context.child("heard").shared(true).spawn(move |_| async move {
                    for signed in heard {
                        if let Err(refused) = mempool.heard(signed) {
                            debug!(%refused, "a peer's transaction is refused");
                        }
                    }
                });
                drop(task.await);
            }
            Err(error) => {
                warn!(%error, ?peer, "a peer sent no transactions; it is blocked");
                let _told = blocker.block(peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
