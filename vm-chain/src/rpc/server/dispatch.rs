//! From a method's name to its answer.

use std::sync::Arc;

use jsonrpsee_core::server::{Methods, ResponsePayload, RpcModule};
use jsonrpsee_types::{ErrorObjectOwned, Params};
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, broadcast, oneshot};

use super::feed::{self, News};
use super::load::Weight;
use super::{Served, ServerError, ServerOptions};
use crate::api::{Api as _, ApiError, Local};
use crate::node::pool::Reply;
use crate::rpc::methods::{METHODS, Method, SendParams, params, result};
use crate::rpc::{ErrorData, Travels};
use crate::signed::Signed;

/// The method that waits for a block, and so for no thread.
const SEND: &str = "vm_send";
/// The method that only puts a transaction into the pool.
const SUBMIT: &str = "vm_submit";
/// How the names of methods begin that only a local chain offers: they wait for blocks.
const DEV: &str = "dev_";

/// Who waits for whom: a thread that may block is taken from a bounded number of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// What reads and executes, for as long as that takes.
    Reads,
    /// What takes no longer than a signature and a look-up: transactions that come in, receipts of those that were sent,
    /// the news. It never waits behind the others.
    Short,
    /// What waits for blocks.
    Dev,
}

impl Lane {
    fn of(method: &Method) -> Self {
        if method.name == SUBMIT {
            Self::Short
        } else if method.name.starts_with(DEV) {
            Self::Dev
        } else {
            Self::Reads
        }
    }
}

/// The threads of [`Lane::Short`].
pub(super) const SHORT_THREADS: usize = 4;
/// The threads of [`Lane::Dev`].
pub(super) const DEV_THREADS: usize = 8;

/// What answers need.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) served: Served,
    pub(super) news: broadcast::Sender<News>,
    reads: Arc<Semaphore>,
    short: Arc<Semaphore>,
    dev: Arc<Semaphore>,
    in_flight: Semaphore,
    in_flight_max: usize,
}

pub(super) fn error_object(error: &ApiError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(error.code(), error.to_string(), Some(ErrorData::from(error)))
}

/// An answer that keeps its call's weight until the connection has it.
fn handed_over(
    result: Result<Box<RawValue>, ApiError>,
    weight: Option<Arc<Weight>>,
) -> ResponsePayload<'static, Box<RawValue>> {
    let (bytes, payload) = match result {
        Ok(answer) => (answer.get().len(), ResponsePayload::success(answer)),
        Err(error) => (0, ResponsePayload::error(error_object(&error))),
    };
    let Some(weight) = weight else { return payload };
    weight.add(bytes);
    let (payload, handed_over) = payload.notify_on_completion();
    drop(tokio::spawn(async move {
        // Whether it is or the connection has ended: it is in memory no longer.
        let _done = handed_over.await;
        drop(weight);
    }));
    payload
}

pub(super) fn methods(
    served: Served,
    options: &ServerOptions,
) -> Result<(Methods, Arc<Context>), ServerError> {
    let context = Arc::new(Context {
        served,
        news: broadcast::channel(options.backlog.max(1)).0,
        reads: Arc::new(Semaphore::new(options.reads.max(1))),
        short: Arc::new(Semaphore::new(SHORT_THREADS)),
        dev: Arc::new(Semaphore::new(DEV_THREADS)),
        in_flight: Semaphore::new(options.in_flight),
        in_flight_max: options.in_flight,
    });
    let mut module = RpcModule::from_arc(context.clone());
    for method in METHODS {
        module.register_async_method(method.name, move |params, context, extensions| async move {
            let result = context.answer(method, &params).await;
            context.served.metrics.request(method.name, &result);
            let weight = extensions.get::<Arc<Weight>>().cloned();
            drop((params, extensions));
            handed_over(result, weight)
        })?;
    }
    feed::register(&mut module)?;
    Ok((module.into(), context))
}

impl Context {
    async fn answer(
        self: &Arc<Self>,
        method: &'static Method,
        params: &Params<'static>,
    ) -> Result<Box<RawValue>, ApiError> {
        if let Some(why) = self.served.intake.failure() {
            return Err(ApiError::Node(why));
        }
        let _one = self
            .in_flight
            .try_acquire()
            .map_err(|_| ApiError::Busy(format!("it is answering {} requests", self.in_flight_max)))?;
        let text = params.as_str().unwrap_or_default().to_owned();
        if method.name == SEND {
            return self.send(text).await;
        }
        self.run(Lane::of(method), move |api| (method.call)(api, &text)).await
    }

    /// Runs `run` on a thread of `lane`, which may block.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        lane: Lane,
        run: impl FnOnce(&Local) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let closed = |_| ApiError::Busy("it is stopping".to_owned());
        let threads = match lane {
            Lane::Reads => &self.reads,
            Lane::Short => &self.short,
            Lane::Dev => &self.dev,
        };
        let permit = threads.clone().acquire_owned().await.map_err(closed)?;
        let context = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let result = run(&context.served.api);
            drop(permit);
            result
        });
        task.await.unwrap_or_else(|_| Err(ApiError::Node("the request panicked; this is a bug".to_owned())))
    }

    /// As [`Local::send`], but no thread waits for the block.
    async fn send(self: &Arc<Self>, text: String) -> Result<Box<RawValue>, ApiError> {
        let (sender, told) = oneshot::channel();
        let reply: Reply = Box::new(move |result| drop(sender.send(result)));
        let intake = self.served.intake.clone();
        let hash = self
            .run(Lane::Short, move |_| {
                let SendParams { signed } = params(&text)?;
                intake.enqueue(Signed::unpack(signed)?, Some(reply))
            })
            .await?;
        let wait = self.served.intake.wait();
        match tokio::time::timeout(wait, told).await {
            Ok(Ok(told)) => told?,
            Ok(Err(_)) => return Err(ApiError::Node("the producer ended".to_owned())),
            Err(_) => return Err(ApiError::Pending { hash, seconds: wait.as_secs() }),
        };
        self.run(Lane::Short, move |api| result(&api.receipt(hash)?)).await
    }
}
