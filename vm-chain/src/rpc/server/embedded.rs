//! The server without its socket: whoever holds the node in their own process asks it here.
//!
//! Invariants:
//! - a request meets what one that came over a socket meets: the same checks of `Host` and `Origin`, the same limits, the same
//!   threads and methods, the same errors;
//! - requests are answered in the caller's thread: whoever shares the server among threads has that many answered at once.
//!
//! Deliberately not here: WebSockets and subscriptions, which need a connection to push on. An upgrade is taken (101) and
//! comes to nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use jsonrpsee_server::{ServerHandle, stop_channel};
use tokio::runtime::{Builder, Runtime};

use super::http::Site;
use super::load::{Budget, Load};
use super::{Served, ServerError, ServerOptions, budget, site};
use crate::rpc::DEFAULT_PORT;

/// A server that is asked in this process.
#[derive(Debug)]
pub struct Embedded {
    runtime: Runtime,
    site: Arc<Site>,
    budget: Arc<Budget>,
    /// Dropped, it would tell the site to stop.
    _handle: ServerHandle,
}

impl Embedded {
    /// Serves as if it listened on loopback at [`DEFAULT_PORT`].
    ///
    /// # Errors
    ///
    /// [`ServerError`].
    pub fn start(served: Served, options: ServerOptions) -> Result<Self, ServerError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(ServerError::Runtime)?;
        let (stop, handle) = stop_channel();
        let budget = budget(&options);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT));
        let site = site(&runtime, served, address, options, &stop)?;
        Ok(Self { runtime, site, budget, _handle: handle })
    }

    /// Answers `request`; what it says is what a client would read.
    ///
    /// # Panics
    ///
    /// Within another tokio runtime, which must not wait for this one.
    #[must_use]
    pub fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let load = Arc::new(Load::new(self.budget.clone()));
        self.runtime.block_on(async {
            let (parts, body) = self.site.answer(request, load).await.into_parts();
            match body.collect().await {
                Ok(body) => Response::from_parts(parts, body.to_bytes().to_vec()),
                Err(error) => {
                    let mut failed =
                        Response::new(format!("the answer can't be read: {error}\n").into_bytes());
                    *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    failed
                }
            }
        })
    }
}
