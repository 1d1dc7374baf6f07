//! A node in this process, and a client that knows no manners.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::panic, reason = "a helper of tests: a panic is its failure")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vm_chain::chain::ChainOptions;
use vm_chain::node::{Node, NodeOptions, ProducerOptions};
use vm_chain::rpc::Client;
use vm_chain::rpc::server::ServerOptions;
use vm_chain::{Api as _, Chain, Ed25519, Place, SecretKey, Signed};
use vm_core::{Address, Payload, Transaction};

pub(crate) struct Running {
    pub(crate) node: Node,
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
}

pub(crate) fn options() -> NodeOptions {
    NodeOptions {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        producer: ProducerOptions::default(),
        server: ServerOptions::default(),
        query_time: Duration::from_secs(2),
    }
}

pub(crate) fn start(options: NodeOptions) -> Running {
    let chain = Chain::create(&Place::Memory, super::spec(), ChainOptions::default()).unwrap();
    let node = Node::start(chain, Arc::new(Ed25519::with_dev_accounts()), options, Vec::new()).unwrap();
    let address = node.address();
    let client = Client::new(&format!("http://{address}")).unwrap();
    Running { node, client, address }
}

impl Running {
    /// What `name` sends as its transaction number `nonce`.
    pub(crate) fn signed(&self, name: &str, nonce: u64, payload: Payload) -> Signed {
        let transaction =
            Transaction { sender: Address::named(name), nonce, gas_limit: 10_000_000, gas_price: 0, payload };
        SecretKey::dev(name).sign(transaction, &super::spec().id().unwrap())
    }

    pub(crate) fn next(&self, name: &str, payload: Payload) -> Signed {
        let account = self.client.account(Address::named(name), Default::default()).unwrap();
        self.signed(name, account.next_nonce, payload)
    }

    /// The node still does its work: a transaction goes through.
    pub(crate) fn assert_alive(&self) {
        let signed = self.next("judy", super::pay("ivan", 1));
        let receipt = self.client.send(signed).unwrap();
        assert_eq!(receipt.outcome.ending.status, "success");
        let (status, body) = self.get("/health");
        assert_eq!(status, 200, "{body}");
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends `request` and reads until the node closes.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // The node may answer and close before it has read all.
        drop(stream.write_all(request));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn request(&self, head: &str, body: &str) -> (u16, String) {
        let host = self.address;
        let answer = self.raw(
            format!(
                "{head} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
        parse(&answer)
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.request(&format!("GET {path}"), "")
    }

    pub(crate) fn post(&self, body: &str) -> (u16, String) {
        self.request("POST /", body)
    }

    /// What JSON-RPC answers: the whole answer.
    pub(crate) fn call(&self, method: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let (status, answer) = self.post(&body.to_string());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }
}

/// Status and body of an HTTP answer.
pub(crate) fn parse(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
