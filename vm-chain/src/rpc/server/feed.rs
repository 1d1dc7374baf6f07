//! Subscriptions: from the producer's thread to whoever listens.
//!
//! ```text
//! producer -> Relay -> publish (reads a block's events once) -> one task per subscription -> its connection
//! ```
//!
//! Each arrow is a bounded queue, and none makes the one before it wait: a subscription that is behind by more than the
//! backlog is closed, and told so.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsonrpsee_core::server::{
    PendingSubscriptionSink, RpcModule, SubscriptionCloseResponse, SubscriptionMessage,
};
use jsonrpsee_core::{RegisterMethodError, SubscriptionError};
use jsonrpsee_types::Params;
use serde_json::value::RawValue;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use vm_core::Address;

use super::dispatch::{Context, Lane, error_object};
use crate::api::types::{At, EventFilter};
use crate::api::{Api as _, ApiError};
use crate::node::{BlockMade, Metrics, Observer};
use crate::rpc::methods::{params, result};
use crate::rpc::subscriptions::{BLOCKS, BlockNotice, EVENTS, EventsParams, LiveFilter, NoParams};

/// Blocks that wait to be published.
const QUEUE: usize = 1_024;
/// How long one message may wait for its connection.
const SEND_TIME: Duration = Duration::from_secs(5);

/// Takes the producer's news, counts them, and passes them on.
#[derive(Debug)]
pub struct Relay {
    metrics: Arc<Metrics>,
    sender: mpsc::Sender<Arc<BlockMade>>,
    receiver: Mutex<Option<mpsc::Receiver<Arc<BlockMade>>>>,
    /// Whether a block was left out.
    gap: AtomicBool,
}

impl Relay {
    /// Counts in `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { metrics, sender, receiver: Mutex::new(Some(receiver)), gap: AtomicBool::new(false) }
    }
}

impl Observer for Relay {
    fn block_made(&self, block: &BlockMade) {
        self.metrics.block(block);
        if self.sender.try_send(Arc::new(block.clone())).is_err() {
            self.gap.store(true, Ordering::Relaxed);
        }
    }

    fn rolled_back(&self, _: u64) {}

    fn failed(&self, _: &str) {}
}

/// What subscriptions hear.
#[derive(Clone, Debug)]
pub(super) enum News {
    Block(Arc<BlockNews>),
    /// Blocks were left out.
    Gap,
}

#[derive(Debug)]
pub(super) struct BlockNews {
    notice: Box<RawValue>,
    events: Vec<(Address, String, Box<RawValue>)>,
}

fn news(api: &crate::api::Local, block: &BlockMade) -> Result<BlockNews, ApiError> {
    let notice = BlockNotice {
        header: (&block.header).into(),
        transactions: block.transactions.iter().map(|hash| (*hash).into()).collect(),
    };
    let height = Some(block.header.height);
    // A block's events come whole.
    let page = if block.transactions.is_empty() {
        Vec::new()
    } else {
        let events = api.events(EventFilter { from: height, to: height, ..EventFilter::default() })?.events;
        // They were read by height: after a rollback another block's stand there.
        api.block(At::Hash(block.header.hash().into()))?;
        events
    };
    let event = |event: crate::api::types::EventInfo| {
        let json = result(&event)?;
        Ok((event.contract.0, event.name, json))
    };
    Ok(BlockNews {
        notice: result(&notice)?,
        events: page.into_iter().map(event).collect::<Result<_, ApiError>>()?,
    })
}

/// Reads what the news are about, once for all subscriptions.
pub(super) async fn publish(context: Arc<Context>) {
    let relay = context.served.relay.clone();
    let receiver = relay.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut receiver) = receiver else { return };
    while let Some(block) = receiver.recv().await {
        let gap = relay.gap.swap(false, Ordering::Relaxed);
        if context.news.receiver_count() == 0 {
            continue;
        }
        let read = context.run(Lane::Short, move |api| news(api, &block)).await;
        let said = match read {
            Ok(news) if !gap => News::Block(Arc::new(news)),
            // Also a block that was rolled back meanwhile.
            Ok(_) | Err(_) => News::Gap,
        };
        // Nobody may listen any more.
        drop(context.news.send(said));
    }
}

/// What a subscription wants of the news.
#[derive(Clone, Debug)]
enum Wanted {
    Blocks,
    Events(LiveFilter),
}

impl Wanted {
    fn of<'a>(&'a self, news: &'a BlockNews) -> Vec<&'a RawValue> {
        match self {
            Self::Blocks => vec![&news.notice],
            Self::Events(filter) => news
                .events
                .iter()
                .filter(|(contract, name, _)| filter.wants(contract, name))
                .map(|(_, _, json)| json.as_ref())
                .collect(),
        }
    }
}

pub(super) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    module.register_subscription(
        BLOCKS.name,
        BLOCKS.notification,
        BLOCKS.unsubscribe,
        |given, sink, context, _| async move {
            let wanted = read(&given, |_: NoParams| Wanted::Blocks);
            subscribe(BLOCKS.name, wanted, sink, &context).await
        },
    )?;
    module.register_subscription(
        EVENTS.name,
        EVENTS.notification,
        EVENTS.unsubscribe,
        |given, sink, context, _| async move {
            let wanted = read(&given, |params: EventsParams| Wanted::Events(params.filter));
            subscribe(EVENTS.name, wanted, sink, &context).await
        },
    )?;
    Ok(())
}

fn read<P: for<'de> serde::Deserialize<'de>>(
    given: &Params<'_>,
    wanted: impl FnOnce(P) -> Wanted,
) -> Result<Wanted, ApiError> {
    params(given.as_str().unwrap_or_default()).map(wanted)
}

async fn subscribe(
    name: &'static str,
    wanted: Result<Wanted, ApiError>,
    sink: PendingSubscriptionSink,
    context: &Context,
) -> SubscriptionCloseResponse {
    context.served.metrics.request(name, &wanted);
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(error) => {
            sink.reject(error_object(&error)).await;
            return SubscriptionCloseResponse::None;
        }
    };
    let _counted = context.served.metrics.subscriber();
    // Before the client hears that it is subscribed: it misses nothing after that.
    let news = context.news.subscribe();
    let Ok(sink) = sink.accept().await else { return SubscriptionCloseResponse::None };
    match listen(&wanted, &sink, news).await {
        Ok(()) => SubscriptionCloseResponse::None,
        Err(why) => SubscriptionCloseResponse::NotifErr(SubscriptionError::from(why)),
    }
}

/// Passes news on until the client or the node ends it; an error is the reason to close it that the client is told.
async fn listen(
    wanted: &Wanted,
    sink: &jsonrpsee_core::server::SubscriptionSink,
    mut news: broadcast::Receiver<News>,
) -> Result<(), String> {
    loop {
        let heard = tokio::select! {
            () = sink.closed() => return Ok(()),
            heard = news.recv() => heard,
        };
        let block = match heard {
            Ok(News::Block(block)) => block,
            Ok(News::Gap) => return Err("the node left blocks out; ask for what is missing".to_owned()),
            Err(RecvError::Lagged(blocks)) => {
                return Err(format!("closed: {blocks} blocks behind; ask for what is missing"));
            }
            Err(RecvError::Closed) => return Ok(()),
        };
        for message in wanted.of(&block) {
            let message = SubscriptionMessage::from(message.to_owned());
            if sink.send_timeout(message, SEND_TIME).await.is_err() {
                return Err(format!("closed: a message waited {} s", SEND_TIME.as_secs()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::RwLock;

    use vm_core::{Params, Payload, Transaction};

    use super::*;
    use crate::api::Local;
    use crate::chain::{ChainOptions, Spec};
    use crate::{Chain, Direct, Ed25519, Place, SecretKey};

    #[test]
    fn a_block_that_was_rolled_back_is_not_told_with_the_events_of_another() {
        let alice = Address::named("alice");
        let spec = Spec {
            params: Params::default(),
            time: 0,
            accounts: vec![(alice, 1_000)].into_iter().collect(),
            names: vec![("alice".to_owned(), alice)],
        };
        let chain_id = spec.id().unwrap();
        let chain = Chain::create(&Place::Memory, spec, ChainOptions::default()).unwrap();
        let chain = Arc::new(RwLock::new(chain));
        let sequencer = Direct::new(chain.clone(), Arc::new(Ed25519::with_dev_accounts()));
        let api = Local::new(chain.clone(), Arc::new(sequencer));
        let pay = |amount| {
            let payload = Payload::Transfer { to: Address::named("bob"), amount };
            let transaction =
                Transaction { sender: alice, nonce: 0, gas_limit: 100_000, gas_price: 0, payload };
            let signed = SecretKey::dev("alice").sign(transaction, &chain_id);
            let receipt = api.send(signed).unwrap();
            BlockMade {
                header: chain.read().unwrap().head().clone(),
                transactions: vec![receipt.transaction.0],
                succeeded: 1,
                reverted: 0,
                failed: 0,
                dropped: 0,
                execution: None,
                commit: None,
            }
        };
        let first = pay(1);
        assert!(news(&api, &first).is_ok());
        api.rollback(0).unwrap();
        let gone = news(&api, &first).unwrap_err();
        assert!(matches!(gone, ApiError::Missing { .. }), "{gone}");
        let second = pay(2);
        assert_eq!(first.header.height, second.header.height);
        let gone = news(&api, &first).unwrap_err();
        assert!(matches!(gone, ApiError::Missing { .. }), "{gone}");
        assert!(news(&api, &second).is_ok());
    }
}
