//! HTTP: who may ask, what is asked for, and how much of it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use jsonrpsee_core::BoxError;
use jsonrpsee_core::server::Methods;
use jsonrpsee_server::middleware::rpc::RpcServiceBuilder;
use jsonrpsee_server::{HttpBody, ServerConfig, StopHandle, TowerServiceBuilder, ws};
use serde_json::{Value, json};
use tower::Service as _;
use tower::layer::util::Identity;

use super::dispatch::Context;
use super::load::{Load, Weighed};
use super::pushes::{Answers, Pushes};
use super::{PageFile, ServerOptions};
use crate::api::{Api as _, ApiError};
use crate::node::Metrics;
use crate::sequencer::now;

pub(super) type Answer = Response<HttpBody>;

#[derive(Debug)]
pub(super) struct Site {
    context: Arc<Context>,
    methods: Methods,
    rpc: TowerServiceBuilder<Identity, Identity>,
    stop: StopHandle,
    address: SocketAddr,
    openrpc: String,
    options: ServerOptions,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn respond(status: StatusCode, media_type: &'static str, body: impl Into<HttpBody>) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

pub(super) fn refuse(status: StatusCode, why: &str) -> Answer {
    respond(status, TEXT, format!("{why}\n"))
}

/// What a notification is answered by: JSON-RPC has no answer to one.
fn nothing() -> Answer {
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Whether `answer` is what jsonrpsee says to a notification: the word `null`. Nothing else of JSON-RPC is so short.
fn is_null(answer: &Answer) -> bool {
    answer.status() == StatusCode::OK && answer.body().size_hint().exact() == Some(4)
}

/// Whether a `Host` or the rest of an `Origin` names this machine.
fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a request is for: the authority of its target, or else of its `Host`.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(HOST).and_then(|host| host.to_str().ok()),
    }
}

/// Whether a page of `origin` is one that `host` serves: the same name and port.
fn is_same_site(origin: &HeaderValue, host: &str) -> bool {
    let Some((scheme, authority)) = origin.to_str().ok().and_then(|origin| origin.split_once("://")) else {
        return false;
    };
    // A browser leaves out the port that its scheme implies, a proxy in front of the node may not.
    let implied = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let place = |authority: &str| {
        let authority: Authority = authority.parse().ok()?;
        Some((authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(implied)))
    };
    place(authority).is_some_and(|origin| place(host) == Some(origin))
}

/// Why a request is not for this node, or is another site's; none if it may be answered.
fn refusal(uri: &Uri, headers: &HeaderMap, listens_on_loopback: bool) -> Option<&'static str> {
    let host = host_of(uri, headers);
    if listens_on_loopback && !host.is_some_and(is_loopback) {
        return Some(
            "this node listens on loopback and answers only there: Host must be localhost or a loopback address",
        );
    }
    let foreign = |origin: &HeaderValue| !host.is_some_and(|host| is_same_site(origin, host));
    headers.get_all(ORIGIN).iter().any(foreign).then_some(
        "this node answers no pages of other sites: where Origin is given, its host and port must be those of Host",
    )
}

impl Site {
    pub(super) fn new(
        context: Arc<Context>,
        methods: Methods,
        config: ServerConfig,
        stop: StopHandle,
        address: SocketAddr,
        options: ServerOptions,
    ) -> Self {
        let rpc = jsonrpsee_server::Server::builder().set_config(config).to_service_builder();
        let openrpc = crate::rpc::openrpc::document().to_string();
        Self { context, methods, rpc, stop, address, openrpc, options }
    }

    pub(super) fn options(&self) -> &ServerOptions {
        &self.options
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.context.served.metrics
    }

    pub(super) async fn answer<B>(&self, request: Request<B>, load: Arc<Load>) -> Answer
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let on_loopback = self.address.ip().is_loopback();
        if let Some(why) = refusal(request.uri(), request.headers(), on_loopback) {
            self.metrics().refused("host");
            return refuse(StatusCode::FORBIDDEN, why);
        }
        if ws::is_upgrade_request(&request) {
            return self.rpc(request.map(HttpBody::new), load, Pushes::Possible).await;
        }
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/") => self.call(request, load).await,
            (&Method::GET, "/health") => self.health().await,
            (&Method::GET, "/metrics") => self.counted(),
            (&Method::GET, "/openrpc.json") => respond(StatusCode::OK, JSON, self.openrpc.clone()),
            (&Method::GET, path) => self.file(path),
            (_, "/" | "/health" | "/metrics" | "/openrpc.json") => refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "JSON-RPC is POST /; GET /health, /metrics and /openrpc.json are for reading",
            ),
            _ => refuse(StatusCode::NOT_FOUND, "there is nothing here; JSON-RPC is POST /"),
        }
    }

    /// JSON-RPC in a body that is read here, so that it has a limit of time as well as of bytes.
    async fn call<B>(&self, request: Request<B>, load: Arc<Load>) -> Answer
    where
        B: Body<Data = Bytes, Error: Into<BoxError>>,
    {
        let limit = usize::try_from(self.options.request_bytes).unwrap_or(usize::MAX);
        let (parts, body) = request.into_parts();
        let collected = Limited::new(body, limit).collect();
        let body = match tokio::time::timeout(self.options.body_time, collected).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                self.metrics().refused("request_bytes");
                return refuse(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    &format!("the request has more than {limit} bytes, the most allowed"),
                );
            }
            Ok(Err(error)) => {
                return refuse(StatusCode::BAD_REQUEST, &format!("the body can't be read: {error}"));
            }
            Err(_) => {
                self.metrics().refused("body_time");
                let seconds = self.options.body_time.as_secs_f32();
                return refuse(
                    StatusCode::REQUEST_TIMEOUT,
                    &format!("the request's body took more than {seconds} s"),
                );
            }
        };
        let request = Request::from_parts(parts, HttpBody::new(Full::new(body)));
        let answer = self.rpc(request, load, Pushes::Impossible).await;
        if is_null(&answer) { nothing() } else { answer }
    }

    async fn rpc(&self, request: Request<HttpBody>, load: Arc<Load>, pushes: Pushes) -> Answer {
        let layers = RpcServiceBuilder::new()
            .layer_fn(move |service| Weighed::new(service, load.clone()))
            .layer_fn(move |service| Answers::new(service, pushes));
        let rpc = self.rpc.clone().set_rpc_middleware(layers);
        let mut service = rpc.build(self.methods.clone(), self.stop.clone());
        let answered = service.call(request).await;
        answered.unwrap_or_else(|error| refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))
    }

    async fn health(&self) -> Answer {
        let intake = &self.context.served.intake;
        // Not among the reads: a node that is busy with them is not ill.
        let context = self.context.clone();
        let status = tokio::task::spawn_blocking(move || context.served.api.status()).await;
        let status = status.unwrap_or_else(|_| Err(ApiError::Node("the status panicked".to_owned())));
        let failure = intake.failure();
        let alive = intake.is_alive() && status.is_ok();
        let head = status.as_ref().ok().map(|status| &status.head);
        let body: Value = json!({
            "ok": alive,
            "height": head.map(|head| head.height),
            "head_age_ms": head.map(|head| now().saturating_sub(head.time)),
            "pending": intake.pending(),
            "producer": if intake.is_alive() { "alive" } else { "stopped" },
            "failure": failure.or_else(|| status.as_ref().err().map(ToString::to_string)),
        });
        let code = if alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        respond(code, JSON, format!("{body}\n"))
    }

    fn counted(&self) -> Answer {
        let intake = &self.context.served.intake;
        respond(StatusCode::OK, METRICS, self.metrics().text(intake.pending(), intake.pending_bytes()))
    }

    fn file(&self, path: &str) -> Answer {
        let Some(files) = self.options.page else {
            let why = "there is no page here; `vm devnet --explorer` serves one, and JSON-RPC is POST /";
            return refuse(StatusCode::NOT_FOUND, why);
        };
        let Some(PageFile { media_type, text, .. }) = files.iter().find(|file| file.path == path) else {
            return refuse(StatusCode::NOT_FOUND, "there is nothing here");
        };
        let mut response = respond(StatusCode::OK, media_type, *text);
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(crate::explorer::POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_local() {
        for host in ["localhost", "LOCALHOST:8600", "127.0.0.1:8600", "127.1.2.3", "[::1]:8600"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "[::2]"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_foreign_host_and_a_foreign_origin_are_refused() {
        let uri = Uri::from_static("/");
        let mut headers = HeaderMap::new();
        assert!(refusal(&uri, &headers, true).is_some(), "no host");
        assert!(refusal(&uri, &headers, false).is_none(), "a program need not say");
        for (host, own, foreign) in [
            (
                "127.0.0.1:8600",
                &["http://127.0.0.1:8600"][..],
                &["https://evil.example", "null", "http://localhost:8600", "http://127.0.0.1:3000"][..],
            ),
            ("localhost:8600", &["http://LOCALHOST:8600"], &["http://localhost.evil.example:8600", "\u{e9}"]),
            ("[::1]:8600", &["http://[::1]:8600"], &["http://[::1]", "http://", "[::1]:8600"]),
        ] {
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            for on_loopback in [true, false] {
                headers.remove(ORIGIN);
                assert!(refusal(&uri, &headers, on_loopback).is_none(), "{host}");
                for origin in own {
                    headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
                    assert!(refusal(&uri, &headers, on_loopback).is_none(), "{host} {origin}");
                }
                for origin in foreign {
                    headers.insert(ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
                    assert!(refusal(&uri, &headers, on_loopback).is_some(), "{host} {origin}");
                }
            }
        }
        let absolute = Uri::from_static("http://evil.example/");
        headers.remove(ORIGIN);
        assert!(refusal(&absolute, &headers, true).is_some(), "the target counts before Host");
    }

    #[test]
    fn the_port_that_a_scheme_implies_need_not_be_named() {
        let same = |origin, host| is_same_site(&HeaderValue::from_static(origin), host);
        assert!(same("https://node.example", "node.example"));
        assert!(same("https://node.example", "node.example:443"));
        assert!(same("http://node.example", "node.example:80"));
        assert!(!same("http://node.example", "node.example:443"));
        assert!(!same("ftp://node.example", "node.example"));
    }
}
