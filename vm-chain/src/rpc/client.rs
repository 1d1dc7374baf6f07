//! The interface of a node elsewhere, for programs that wait for their answers.
//!
//! Invariants:
//! - every call ends: connecting and answering have a time limit, and an answer a limit of its size and of its depth;
//! - between two calls a client may rest as long as it likes;
//! - an error that the node knows arrives as the [`ApiError`] that it was; one of the way there names the node's URL.

use std::time::Duration;

use jsonrpsee_core::client::{ClientT as _, Error};
use jsonrpsee_core::traits::ToRpcParams;
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee_types::ErrorObjectOwned;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use super::depth::read;
use super::{ErrorData, RESPONSE_BYTES_MAX};
use crate::ApiError;

/// Turns of the runtime before a call.
const TURNS: u32 = 3;

/// How long a client waits and how much it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// For a connection.
    pub connect: Duration,
    /// For an answer; more than a node waits for a transaction's block.
    pub answer: Duration,
    /// The longest answer.
    pub response_bytes: u32,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(60),
            response_bytes: RESPONSE_BYTES_MAX,
        }
    }
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// It is no URL of a node.
    #[error("{url} is no URL of a node: {cause}; write it like http://127.0.0.1:8600")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The machine gives no means to wait.
    #[error("cannot start the network client: {0}")]
    Runtime(String),
}

/// A node elsewhere. Its methods block, and must not be called from asynchronous code.
#[derive(Debug)]
pub struct Client {
    http: HttpClient,
    runtime: Runtime,
    url: String,
    options: ClientOptions,
}

/// Parameters that are serialised already.
struct Written(Box<RawValue>);

impl ToRpcParams for Written {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(Some(self.0))
    }
}

impl Client {
    /// The node at `url`, as `http://127.0.0.1:8600`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ClientError::Url`] for a text that is none.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with(url, ClientOptions::default())
    }

    /// As [`Self::new`], with limits of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with(url: &str, options: ClientOptions) -> Result<Self, ClientError> {
        if url.starts_with("https://") {
            let cause = "a node speaks plain http; put it behind a tunnel to reach it from afar".to_owned();
            return Err(ClientError::Url { url: url.to_owned(), cause });
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ClientError::Runtime(error.to_string()))?;
        let http = HttpClientBuilder::default()
            .connect_timeout(options.connect)
            .request_timeout(options.answer)
            .max_request_size(u32::MAX)
            .max_response_size(options.response_bytes)
            .build(url)
            .map_err(|error| ClientError::Url { url: url.to_owned(), cause: error.to_string() })?;
        Ok(Self { http, runtime, url: url.to_owned(), options })
    }

    /// Where the node is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls the method `name` with parameters by name.
    ///
    /// # Errors
    ///
    /// The node's [`ApiError`], or [`ApiError::Remote`] for what went wrong on the way.
    pub(super) fn call<P: Serialize, R: DeserializeOwned + Send>(
        &self,
        name: &str,
        params: &P,
    ) -> Result<R, ApiError> {
        let params = serde_json::value::to_raw_value(params)
            .map_err(|error| ApiError::Request(format!("the parameters have no JSON: {error}")))?;
        let answer: Result<Box<RawValue>, Error> = self.runtime.block_on(async {
            // Nothing runs between two calls: a connection that the node closed meanwhile is dropped here, or the call
            // would be sent on it. The first turn hears of it, the second one acts on it.
            for _ in 0..TURNS {
                yield_now().await;
            }
            self.http.request(name, Written(params)).await
        });
        let answer = answer.map_err(|error| self.error(error))?;
        read(answer.get()).map_err(|cause| self.not_understood(&cause))
    }

    fn not_understood(&self, cause: &dyn std::fmt::Display) -> ApiError {
        ApiError::Remote(format!(
            "the node at {} gave an answer that this program does not understand ({cause}); are both of one version?",
            self.url
        ))
    }

    fn error(&self, error: Error) -> ApiError {
        let url = &self.url;
        match error {
            Error::Call(error) => answered(url, &error),
            Error::RequestTimeout => ApiError::Remote(format!(
                "the node at {url} gave no answer within {} s; ask again later, a transaction may have been taken",
                self.options.answer.as_secs()
            )),
            Error::ParseError(error) => self.not_understood(&error),
            error => {
                let mut text = error.to_string();
                let mut cause = match &error {
                    Error::Transport(cause) => cause.source(),
                    _ => None,
                };
                while let Some(inner) = cause {
                    text = format!("{text}: {inner}");
                    cause = inner.source();
                }
                ApiError::Remote(format!(
                    "cannot talk to a node at {url} ({text}); is it running? `vm devnet` starts one"
                ))
            }
        }
    }
}

fn answered(url: &str, error: &ErrorObjectOwned) -> ApiError {
    let data = error.data().and_then(|data| serde_json::from_str::<ErrorData>(data.get()).ok());
    data.and_then(ErrorData::error).unwrap_or_else(|| {
        ApiError::Remote(format!(
            "the node at {url} says: {} (code {}){}",
            error.message(),
            error.code(),
            error.data().map(|data| format!(": {data}")).unwrap_or_default()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Api as _;
    use crate::api::types::At;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    /// The request that comes.
    fn take(stream: &mut TcpStream) -> String {
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            let mut part = [0; 1_024];
            let count = stream.read(&mut part).unwrap();
            assert!(count > 0, "closed after {asked:?}");
            asked.extend_from_slice(&part[..count]);
        }
        String::from_utf8(asked).unwrap()
    }

    fn reply(stream: &mut TcpStream, body: &str) {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).unwrap();
    }

    /// A node that takes one request, and answers `body` with its id put in; gives what it was asked.
    fn node(body: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = take(&mut stream);
            reply(&mut stream, body);
            asked
        });
        (url, thread)
    }

    #[test]
    fn parameters_go_by_name_and_errors_arrive_as_they_were() {
        let (url, thread) = node(
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32001,"message":"m","data":{"kind":"missing","what":"block","which":"7","height":3}}}"#,
        );
        let error = Client::new(&url).unwrap().block(At::Height(7)).unwrap_err();
        assert_eq!(error, ApiError::Missing { what: "block", which: "7".to_owned(), height: 3 });
        let asked = thread.join().unwrap();
        assert!(asked.ends_with(r#""method":"vm_block","params":{"at":7}}"#), "{asked}");
    }

    #[test]
    fn an_error_of_another_server_keeps_its_words() {
        let (url, _) =
            node(r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"Method not found"}}"#);
        let error = Client::new(&url).unwrap().status().unwrap_err();
        assert_eq!(
            error,
            ApiError::Remote(format!("the node at {url} says: Method not found (code -32601)"))
        );
    }

    #[test]
    fn a_node_that_is_not_there_is_named() {
        // Bound and closed at once: nobody listens there.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = Client::new(&url).unwrap().status().unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("vm devnet"), "{error}");
        assert!(error.to_lowercase().contains("refused"), "{error}");
    }

    #[test]
    fn a_connection_that_the_node_closed_between_two_calls_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (close, closes) = std::sync::mpsc::channel::<()>();
        let node = std::thread::spawn(move || {
            for id in 0..10 {
                let (mut stream, _) = listener.accept().unwrap();
                take(&mut stream);
                reply(&mut stream, &format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"0x{id:064x}"}}"#));
                // Only when the client has its answer, and does nothing more.
                closes.recv().unwrap();
            }
        });
        for _ in 0..10 {
            let error = client.status().unwrap_err().to_string();
            assert!(error.contains("does not understand"), "{error}");
            close.send(()).unwrap();
            // Time for the closing to arrive: a call that crosses it may fail, one after it may not.
            std::thread::sleep(Duration::from_millis(10));
        }
        node.join().unwrap();
    }

    #[test]
    fn a_node_that_does_not_answer_or_answers_too_much_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let options = ClientOptions { answer: Duration::from_millis(100), ..ClientOptions::default() };
        let error = Client::with(&url, options).unwrap().status().unwrap_err().to_string();
        assert!(error.contains("gave no answer within"), "{error}");

        let (url, _) =
            node(r#"{"jsonrpc":"2.0","id":0,"result":"0123456789012345678901234567890123456789"}"#);
        let options = ClientOptions { response_bytes: 20, ..ClientOptions::default() };
        let error = Client::with(&url, options).unwrap().status().unwrap_err().to_string();
        assert!(error.contains("too big") || error.contains("large"), "{error}");
    }

    #[test]
    fn an_answer_that_is_too_deep_is_refused_and_the_program_goes_on() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let body = format!(r#"{{"jsonrpc":"2.0","id":0,"result":{deep}}}"#);
        let (url, _) = node(String::leak(body));
        let error = Client::new(&url).unwrap().status().unwrap_err().to_string();
        assert!(error.contains("1024 levels"), "{error}");
    }

    #[test]
    fn a_text_that_is_no_url_is_refused() {
        for bad in ["", "127.0.0.1:8600", "https://127.0.0.1:8600", "ftp://x", "http://"] {
            assert!(matches!(Client::new(bad), Err(ClientError::Url { .. })), "{bad}");
        }
    }
}
