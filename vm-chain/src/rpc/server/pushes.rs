//! Says of a subscription that is asked for over HTTP what it needs.
//!
//! jsonrpsee would say *internal error*, which here means that the node has failed.

use std::future::Future;

use jsonrpsee_core::middleware::{
    Batch, BatchEntry, BatchEntryErr, Notification, ResponseFuture, RpcServiceT,
};
use jsonrpsee_server::MethodResponse;
use jsonrpsee_types::{ErrorObjectOwned, Request};

use super::dispatch::error_object;
use crate::ApiError;
use crate::rpc::subscriptions::SUBSCRIPTIONS;

/// Whether something can be pushed to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushes {
    Possible,
    Impossible,
}

/// Does the calls of a connection by `service`, but for subscriptions where nothing can be pushed.
#[derive(Clone, Debug)]
pub(super) struct Answers<S> {
    service: S,
    pushes: Pushes,
}

impl<S> Answers<S> {
    pub(super) fn new(service: S, pushes: Pushes) -> Self {
        Self { service, pushes }
    }

    /// Why `method` can't be had here; none if it can.
    fn refusal(&self, method: &str) -> Option<ErrorObjectOwned> {
        let named = || SUBSCRIPTIONS.iter().any(|it| [it.name, it.unsubscribe].contains(&method));
        (self.pushes == Pushes::Impossible && named()).then(|| {
            let why = format!("{method} is for a WebSocket: over HTTP the node can push nothing");
            error_object(&ApiError::Unsupported(why))
        })
    }
}

impl<S> RpcServiceT for Answers<S>
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

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        match self.refusal(request.method_name()) {
            Some(error) => ResponseFuture::ready(MethodResponse::error(request.id, error)),
            None => {
                let service = self.service.clone();
                ResponseFuture::future(async move { service.call(request).await })
            }
        }
    }

    fn batch<'a>(&self, mut batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        for entry in batch.iter_mut() {
            let Ok(BatchEntry::Call(request)) = entry else { continue };
            if let Some(error) = self.refusal(request.method_name()) {
                *entry = Err(BatchEntryErr::new(request.id.clone(), error));
            }
        }
        let service = self.service.clone();
        async move { service.batch(batch).await }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        // Nobody waits for an answer.
        let service = self.service.clone();
        async move { service.notification(notification).await }
    }
}
