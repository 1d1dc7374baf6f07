//! Transactions from the node that took them by RPC to all others.
//!
//! ```text
//! one message   SCALE of a list of signed transactions, below [`MESSAGE_BYTES`] but for the last
//! ```
//!
//! Invariants:
//! - a transaction travels once: who hears of it from a peer does not pass it on, since every node hears the first one;
//! - what is sent stays below the channel's quota, so that no peer is skipped for it;
//! - a message that no honest node sends blocks its sender, and so does a transaction that its sender did not sign; one that
//!   is refused otherwise does not, since two nodes may know different last blocks;
//! - what waits to be sent is named, not held: the pool bounds it.
//!
//! What still waits at the node that took it is sent again now and then ([`Mempool::remind`]): a message may be lost, and a
//! peer may have been away.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Metrics, Spawner};
use commonware_utils::NZU32;
use parity_scale_codec::Encode as _;
use tokio::sync::mpsc;
use tracing::{debug, warn};
use vm_chain::Signed;
use vm_chain::api::ApiError;
use vm_chain::node::Mempool;
use vm_chain::replica::Bounds;
use vm_chain::sequencer::Sequencer as _;
use vm_chain::signed::AUTHORIZATION_BYTES_MAX;
use vm_core::Hash;
use vm_core::codec::{CodecError, decode_exact};

use crate::Key;

/// How many bytes of transactions go into one message.
const MESSAGE_BYTES: usize = 64 << 10;
/// How many transactions wait to be sent; past that, they are not gossiped at once.
pub const QUEUE: usize = 16_384;
/// How many transactions one message holds at most.
const MESSAGE_TRANSACTIONS: usize = 512;
/// The least time between two messages: 20 a second.
const PAUSE: Duration = Duration::from_millis(50);
/// How many messages a second a peer may send: somewhat more than a node does. What waits of them takes memory for each peer.
pub const MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(24);

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
    if signed.len() > MESSAGE_TRANSACTIONS {
        return Err(CodecError::TooLong { found: signed.len(), limit: MESSAGE_TRANSACTIONS });
    }
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

/// Takes what is `next`, as much as fits into one message; at least `first`.
fn batch(first: Signed, mut next: impl FnMut() -> Option<Signed>) -> Vec<Signed> {
    let mut bytes = first.encoded_size();
    let mut batch = vec![first];
    while bytes < MESSAGE_BYTES
        && batch.len() < MESSAGE_TRANSACTIONS
        && let Some(next) = next()
    {
        bytes = bytes.saturating_add(next.encoded_size());
        batch.push(next);
    }
    batch
}

/// Sends what is named by `waiting` and still waits in `mempool` to every peer, until the other end is dropped.
pub async fn send<E: Clock>(
    context: E,
    mut sender: impl Sender<PublicKey = Key>,
    mempool: Arc<Mempool>,
    mut waiting: mpsc::Receiver<Hash>,
) {
    while let Some(hash) = waiting.recv().await {
        // It may be final by now.
        let Some(first) = mempool.waiting(&hash) else { continue };
        let next = || std::iter::from_fn(|| waiting.try_recv().ok()).find_map(|hash| mempool.waiting(&hash));
        let bytes = batch(first, next).encode();
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
        let heard = match decode(bytes.as_ref(), &bounds) {
            Ok(heard) => heard,
            Err(error) => {
                warn!(%error, ?peer, "a peer sent no transactions; it is blocked");
                let _told = blocker.block(peer);
                continue;
            }
        };
        let mempool = mempool.clone();
        // Signatures are work for a processor; one message at a time, so that a peer's flood waits in its queue.
        let task = context.child("heard").shared(true).spawn(move |_| async move {
            heard.into_iter().try_for_each(|signed| match mempool.heard(signed) {
                // Every node confirms a signature before it passes it on: the same rules hold on all.
                Err(ApiError::Unauthorized(refused)) => Err(refused),
                Err(refused) => {
                    debug!(%refused, "a peer's transaction is refused");
                    Ok(())
                }
                Ok(_) => Ok(()),
            })
        });
        if let Ok(Err(refused)) = task.await {
            warn!(%refused, ?peer, "a peer sent what nobody signed; it is blocked");
            let _told = blocker.block(peer);
        }
    }
}

#[cfg(test)]
mod tests;
