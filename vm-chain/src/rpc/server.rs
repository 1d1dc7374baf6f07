//! A node's door: JSON-RPC over HTTP and WebSocket, health, metrics, and a page.
//!
//! Invariants:
//! - no page of another site reaches it through a browser: where a request has an `Origin`, it is that of `Host`, on every
//!   address. It listens on loopback unless told otherwise, and there `Host` is loopback's too (DNS rebinding);
//! - everything that a client can make larger is bounded: see [`ServerOptions`]. Past a bound the client gets an error that
//!   names it, or is cut off; nobody else waits for it;
//! - a request is answered by a thread of its own kind: what reads, what only looks something up, and what waits for blocks
//!   each by a bounded number of blocking threads that the others don't take, transactions by the producer, subscriptions by
//!   tasks that a slow client stops alone.
//!
//! Deliberately not here: TLS, accounts, rates per client. A node that faces the world stands behind a proxy.

mod dispatch;
mod embedded;
mod feed;
mod guarded;
mod http;
mod load;
mod pushes;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee_server::{
    BatchRequestConfig, PingConfig, ServerConfig, ServerHandle, StopHandle, stop_channel,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::api::Local;
use crate::node::{Intake, Metrics};
use dispatch::{DEV_THREADS, SHORT_THREADS};
use guarded::Guarded;
use http::Site;
use load::{Budget, Load};

pub use embedded::Embedded;
pub use feed::Relay;

/// A file of the page at `/`.
pub type PageFile = crate::explorer::File;

/// What a server allows.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The longest request body, and the longest message of a WebSocket.
    pub request_bytes: u32,
    /// The longest response.
    pub response_bytes: u32,
    /// The most requests in a batch.
    pub batch: u32,
    /// The most connections.
    pub connections: usize,
    /// The most subscriptions of one connection.
    pub subscriptions: u32,
    /// The most requests that are being answered at a time.
    pub in_flight: usize,
    /// The most calls of one connection that wait for their answers; past that it is not read from.
    pub calls: usize,
    /// The most bytes of requests and answers of all connections that wait; past that only connections are read from that
    /// wait for nothing.
    pub waiting_bytes: usize,
    /// The most reads that run at a time; others wait.
    pub reads: usize,
    /// How long the head of a request may take, and how long a connection may idle.
    pub head_time: Duration,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// How long a client may leave what is sent to it unread.
    pub stall_time: Duration,
    /// How many blocks a subscription may be behind.
    pub backlog: usize,
    /// Serve the page.
    pub page: Option<&'static [PageFile]>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            request_bytes: REQUEST_BYTES_MAX,
            response_bytes: RESPONSE_BYTES_MAX,
            batch: 100,
            connections: 256,
            subscriptions: 32,
            in_flight: 2_048,
            calls: 128,
            waiting_bytes: 64 << 20,
            reads: 8,
            head_time: Duration::from_secs(30),
            body_time: Duration::from_secs(20),
            stall_time: Duration::from_secs(10),
            backlog: 256,
            page: None,
        }
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Nothing can listen at the address.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The machine gives no threads.
    #[error("cannot start the server: {0}")]
    Runtime(std::io::Error),
    /// Two methods have one name.
    #[error("cannot offer the methods: {0}")]
    Methods(#[from] jsonrpsee_core::RegisterMethodError),
}

/// What the server serves.
#[derive(Debug)]
pub struct Served {
    /// The interface.
    pub api: Local,
    /// Where transactions come in.
    pub intake: Arc<dyn Intake>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where the producer's news come from.
    pub relay: Arc<Relay>,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    runtime: Option<Runtime>,
    handle: ServerHandle,
}

/// How long a stopping server waits for answers that are being given.
const STOP_TIME: Duration = Duration::from_secs(5);
/// How long a connection that is refused may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// How many refused connections are told why at a time.
const REFUSALS: usize = 64;
/// The blocking threads besides those that requests run on: for health.
const OTHER_THREADS: usize = 4;
/// The most bytes of a request's head.
const HEAD_BYTES: usize = 16 << 10;

impl Server {
    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start(address: SocketAddr, served: Served, options: ServerOptions) -> Result<Self, ServerError> {
        let failed = |cause| ServerError::Listen { address, cause };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(
                options.reads.max(1).saturating_add(SHORT_THREADS + DEV_THREADS + OTHER_THREADS),
            )
            .thread_name("rpc")
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let (stop, handle) = stop_channel();
        let site = site(&runtime, served, address, options, &stop)?;
        runtime.spawn(accept(listener, site, stop));
        Ok(Self { address, runtime: Some(runtime), handle })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections and requests; answers that are being given go on.
    pub fn close(&self) {
        // Stopped already is as good.
        let _stopped = self.handle.stop();
    }

    /// [`Self::close`], waits a little for answers that are being given, and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.close();
        if let Some(runtime) = self.runtime.take() {
            let stopped = self.handle.clone().stopped();
            drop(runtime.block_on(async { tokio::time::timeout(STOP_TIME, stopped).await }));
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// What answers requests to `address`, with the news on their way.
fn site(
    runtime: &Runtime,
    served: Served,
    address: SocketAddr,
    options: ServerOptions,
    stop: &StopHandle,
) -> Result<Arc<Site>, ServerError> {
    let (methods, context) = dispatch::methods(served, &options)?;
    runtime.spawn(feed::publish(context.clone()));
    Ok(Arc::new(Site::new(context, methods, config(&options), stop.clone(), address, options)))
}

/// What the calls of all connections may weigh together.
fn budget(options: &ServerOptions) -> Arc<Budget> {
    Arc::new(Budget::new(options.waiting_bytes, options.calls.max(1)))
}

fn config(options: &ServerOptions) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(options.request_bytes)
        .max_response_body_size(options.response_bytes)
        // The accept loop counts connections; this counts requests of all of them.
        .max_connections(u32::MAX >> 4)
        .max_subscriptions_per_connection(options.subscriptions)
        .set_batch_request_config(BatchRequestConfig::Limit(options.batch))
        // Answers that the client has not read yet, each as long as an answer may be.
        .set_message_buffer_capacity(8)
        .enable_ws_ping(
            PingConfig::new().ping_interval(Duration::from_secs(20)).inactive_limit(Duration::from_secs(60)),
        )
        .build()
}

async fn accept(listener: tokio::net::TcpListener, site: Arc<Site>, stop: StopHandle) {
    let places = Arc::new(Semaphore::new(site.options().connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let budget = budget(site.options());
    let stopped = stop.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => return,
        };
        let Ok((stream, _)) = accepted else {
            // The system is out of something (files, memory): asking again at once would only spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let load = Arc::new(Load::new(budget.clone()));
                drop(tokio::spawn(serve(stream, place, load, site.clone(), stop.clone())));
            }
            Err(_) => {
                site.metrics().refused("connections");
                if let Ok(permit) = refusals.clone().try_acquire_owned() {
                    let limit = site.options().connections;
                    drop(tokio::spawn(async move {
                        drop(tokio::time::timeout(REFUSAL_TIME, refuse(stream, limit)).await);
                        drop(permit);
                    }));
                }
            }
        }
    }
}

/// Says why, and reads on until the client has heard it: closing at once could take the words back.
async fn refuse(mut stream: TcpStream, limit: usize) {
    let text = format!("the node has {limit} connections, the most allowed; try again later\n");
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    if stream.write_all(response.as_bytes()).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = [0; 1_024];
        while matches!(stream.read(&mut rest).await, Ok(count) if count > 0) {}
    }
}

async fn serve(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    load: Arc<Load>,
    site: Arc<Site>,
    stop: StopHandle,
) {
    // Answers are small and waited for.
    drop(stream.set_nodelay(true));
    let options = site.options();
    let held = (place, site.metrics().connection());
    let io = Guarded::new(stream, options.stall_time, load.clone(), held);
    let head_time = options.head_time;
    let service = service_fn(move |request| {
        let (site, load) = (site.clone(), load.clone());
        async move { Ok::<_, Infallible>(site.answer(request, load).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(HEAD_BYTES.max(8_192))
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    tokio::pin!(connection);
    let stopped = stop.shutdown();
    tokio::pin!(stopped);
    // How a connection ended is the client's affair.
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = &mut stopped => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }
}
