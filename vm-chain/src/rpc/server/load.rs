//! How much of what clients asked for lies in memory.
//!
//! A WebSocket takes message after message, and each waits in memory for its answer. Here they are weighed, and a connection
//! that has too much of it is not read from ([`super::guarded`]) until less of it waits.
//!
//! Invariants:
//! - a connection has so many calls at most that wait for their answers;
//! - past the node's budget in bytes, a connection is read from only while none of its calls waits: nobody is kept out, and
//!   what is there is bounded by the budget and one message of each connection (see [`super::ServerOptions`]);
//! - a call weighs its parameters, and with the answer also that, until the answer is handed to the connection.
//!
//! Bounds are looked at before reading, so what a connection was sending when one was met comes in still. Answers that were
//! handed over are not here: they wait for the client in a queue of the connection's own, for the stall time at most.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonrpsee_core::middleware::{Batch, Notification, RpcServiceT};
use jsonrpsee_server::MethodResponse;
use jsonrpsee_types::Request;
use serde_json::value::RawValue;

/// What a call weighs besides its parameters.
const CALL_BYTES: usize = 256;

/// The bytes that calls of all connections weigh.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: AtomicUsize,
    bytes_max: usize,
    calls_max: usize,
}

impl Budget {
    /// So many bytes in all, and calls of one connection.
    pub(super) fn new(bytes_max: usize, calls_max: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), bytes_max, calls_max }
    }
}

/// What one connection's calls weigh.
#[derive(Debug)]
pub(super) struct Load {
    calls: AtomicUsize,
    budget: Arc<Budget>,
}

impl Load {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { calls: AtomicUsize::new(0), budget }
    }

    /// Whether nothing more should be read from the connection now.
    pub(super) fn is_full(&self) -> bool {
        let calls = self.calls.load(Ordering::Relaxed);
        let bytes = self.budget.bytes.load(Ordering::Relaxed);
        calls >= self.budget.calls_max || (calls > 0 && bytes >= self.budget.bytes_max)
    }

    fn take(self: &Arc<Self>, bytes: usize) -> Arc<Weight> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let weight = Weight { load: self.clone(), bytes: AtomicUsize::new(0) };
        weight.add(bytes.saturating_add(CALL_BYTES));
        Arc::new(weight)
    }
}

/// A call's weight, as long as the value lives.
#[derive(Debug)]
pub(super) struct Weight {
    load: Arc<Load>,
    bytes: AtomicUsize,
}

impl Weight {
    /// It weighs so much more.
    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.load.budget.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.load.budget.bytes.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
        self.load.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Weighs the calls of a connection before `service` does them. A single call finds its [`Weight`] in its extensions, to keep
/// it until the answer is handed over.
#[derive(Clone, Debug)]
pub(super) struct Weighed<S> {
    service: S,
    load: Arc<Load>,
}

impl<S> Weighed<S> {
    pub(super) fn new(service: S, load: Arc<Load>) -> Self {
        Self { service, load }
    }
}

fn bytes_of(method: &str, params: Option<&RawValue>) -> usize {
    method.len().saturating_add(params.map_or(0, |params| params.get().len()))
}

impl<S> RpcServiceT for Weighed<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            BatchResponse = MethodResponse,
            NotificationResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type BatchResponse = MethodResponse;
    type NotificationResponse = MethodResponse;

    fn call<'a>(&self, mut request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let weight = self.load.take(bytes_of(request.method_name(), request.params.as_deref()));
        request.extensions_mut().insert(weight);
        let service = self.service.clone();
        async move { service.call(request).await }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let entries = batch.iter().flatten();
        let bytes = entries.map(|entry| bytes_of(entry.method_name(), entry.params().map(AsRef::as_ref)));
        let weight = self.load.take(bytes.fold(0, usize::saturating_add));
        let service = self.service.clone();
        async move {
            let answer = service.batch(batch).await;
            drop(weight);
            answer
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        // Nothing waits for it.
        let service = self.service.clone();
        async move { service.notification(notification).await }
    }
}
