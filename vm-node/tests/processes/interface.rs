//! The JSON-RPC of a replicated node is that of `vm devnet`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use parity_scale_codec::Encode as _;
use vm_chain::api::types::{At, EventFilter, Level, NamedCall, ObjectFilter, QueryRequest};
use vm_chain::{Api as _, ApiError};
use vm_core::Address;

use super::load::{deploy_token, next, pay, receipt, send, sign, tokens_of, transfer_tokens};
use super::testbed::{CHAIN, PATIENCE, Testbed, until};

fn connect(testbed: &Testbed, index: u16) -> TcpStream {
    let stream = TcpStream::connect(testbed.layout.rpc(index)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn get(testbed: &Testbed, index: u16, path: &str) -> String {
    let mut stream = connect(testbed, index);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A WebSocket that has asked for a subscription.
struct Subscribed {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Subscribed {
    fn to(testbed: &Testbed, index: u16, method: &str) -> Self {
        let mut stream = connect(testbed, index);
        let upgrade = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).unwrap();
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#);
        // A last frame of text; masked, by zeros.
        let length = 0x80 | u8::try_from(text.len()).unwrap();
        assert!(text.len() < 126);
        stream.write_all(&[&[0x81, length, 0, 0, 0, 0], text.as_bytes()].concat()).unwrap();
        let mut subscribed = Self { stream, heard: Vec::new() };
        subscribed.hear(r#""id":1,"result":"#);
        subscribed
    }

    /// Waits until the text was heard; a server's frames are not masked.
    fn hear(&mut self, text: &str) {
        until(text, || {
            if String::from_utf8_lossy(&self.heard).contains(text) {
                return Some(());
            }
            let mut part = [0; 4_096];
            let count = self.stream.read(&mut part).unwrap();
            assert!(count > 0, "closed after {}", String::from_utf8_lossy(&self.heard));
            self.heard.extend_from_slice(&part[..count]);
            None
        });
    }
}

#[test]
fn a_replicated_node_answers_as_a_local_one() {
    let testbed = Testbed::running(4);
    let token = deploy_token(&testbed);
    let mut blocks = Subscribed::to(&testbed, 3, "vm_subscribe_blocks");
    let mut events = Subscribed::to(&testbed, 3, "vm_subscribe_events");
    let sent = send(&testbed, 1, "alice", transfer_tokens(token, "bob", 25));
    let (hash, height) = (sent.transaction.0, sent.height);

    // Another node than the one that took it has it, and tells of it.
    let client = testbed.client(3);
    assert_eq!(receipt(&testbed, 3, hash), sent);
    blocks.hear(&hash.to_string());
    events.hear(&hash.to_string());

    let status = client.status().unwrap();
    assert_eq!((&*status.chain, status.oldest_block), (CHAIN, Some(1)));
    assert!(status.head.height >= height);
    assert_eq!(client.params().unwrap().chain_id().unwrap(), testbed.network.id);
    let block = client.block(At::Height(height)).unwrap();
    assert_eq!(block.transactions.len(), 1);
    assert_eq!(client.block(At::Hash(block.header.hash)).unwrap(), block);
    assert_eq!(client.transaction(hash).unwrap(), block.transactions[0]);
    let fees_of: Vec<Address> = testbed
        .network
        .validators
        .iter()
        .filter_map(|peer| vm_node::network::fee_address(&peer.key))
        .collect();
    assert!(fees_of.contains(&block.header.proposer.0), "a validator's address");

    let page = client.events(EventFilter { contract: Some(token.into()), ..EventFilter::default() }).unwrap();
    let names: Vec<&str> = page.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["TokenInitialized", "Transfer", "Transfer", "Transfer"]);
    let contract = client.contract(token).unwrap();
    assert_eq!((&*contract.name, contract.deployer.0), ("token", Address::named("alice")));
    assert_eq!(client.contracts(None, None).unwrap().contracts, std::slice::from_ref(&contract));
    assert!(!client.code(contract.code_hash.0).unwrap().code.0.is_empty());
    let filter = ObjectFilter { owner: Address::named("bob").into(), contract: None, limit: None };
    let object = client.objects(filter).unwrap().remove(0);
    assert_eq!(client.object(object.id.0, At::Head).unwrap(), object);

    assert_eq!(tokens_of(&testbed, 3, token, "bob"), 1_025);
    let request = QueryRequest {
        contract: token.into(),
        function: "balance_of".to_owned(),
        args: Address::named("bob").encode().into(),
        caller: None,
        gas_limit: None,
        at: At::Height(height - 1),
        trace: Level::Calls,
    };
    let answer = client.query(request).unwrap();
    assert_eq!((answer.outcome.output.0, answer.trace.is_some()), (1_000_u64.encode(), true));
    let simulated = next(&testbed, 3, "bob", transfer_tokens(token, "carol", 1)).transaction;
    assert_eq!(client.simulate(simulated, Level::default()).unwrap().outcome.ending.status, "success");
    let too_much = next(&testbed, 3, "bob", transfer_tokens(token, "carol", 5_000)).transaction;
    let ending = client.simulate(too_much, Level::default()).unwrap().outcome.ending;
    assert_eq!(ending.error.unwrap().name, "InsufficientBalance");
    assert_eq!(tokens_of(&testbed, 3, token, "bob"), 1_025, "nothing is committed");
    let trace = format!("{:?}", client.trace(hash, Level::Calls).unwrap());
    assert!(trace.contains("\"transfer\""), "{trace}");
    assert_eq!(client.witness(height).unwrap().header, block.header);

    what_is_refused(&testbed, token);
    doors(&testbed, height);
}

fn what_is_refused(testbed: &Testbed, token: Address) {
    let client = testbed.client(2);
    let unsupported = |error: ApiError| assert!(matches!(error, ApiError::Unsupported(_)), "{error:?}");
    unsupported(client.mine(1).unwrap_err());
    unsupported(client.rollback(0).unwrap_err());
    unsupported(client.advance_time(1_000).unwrap_err());

    let missing = client.block(At::Height(1_000_000));
    assert!(matches!(missing, Err(ApiError::Missing { what: "block", .. })), "{missing:?}");
    let mut forged = next(testbed, 2, "alice", pay("bob", 1));
    forged.authorization[95] ^= 1;
    assert!(matches!(client.send(forged), Err(ApiError::Unauthorized(_))));
    let of_another = vm_chain::ChainId { genesis: vm_core::Hash::ZERO, ..testbed.network.id };
    let elsewhere = sign(&of_another, "alice", 4, pay("bob", 1));
    assert!(matches!(client.send(elsewhere), Err(ApiError::Unauthorized(_))));
    let past = client.send(sign(&testbed.network.id, "alice", 0, pay("bob", 1)));
    assert!(matches!(past, Err(ApiError::Invalid(_))), "{past:?}");

    // Named accounts can be used as on a local chain.
    let args = [("to".to_owned(), "@bob".into()), ("amount".to_owned(), 1.into())].into_iter().collect();
    let call = NamedCall {
        from: "alice".to_owned(),
        contract: token.into(),
        function: "transfer".to_owned(),
        args,
        value: 0.into(),
        send: true,
    };
    let named = client.call_named(call).unwrap();
    let hash = named.transaction.unwrap().0;
    let receipts = [0, 1, 2, 3].map(|index| receipt(testbed, index, hash));
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
}

fn doors(testbed: &Testbed, height: u64) {
    let health = get(testbed, 0, "/health");
    assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"ok\":true"), "{health}");
    // Those of the chain and those of the engine, at one place.
    let metrics = get(testbed, 0, "/metrics");
    for name in ["vm_requests_total", "vm_head_height", "engine"] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    assert_eq!(metrics.matches("# EOF").count(), 1);
    assert!(metrics.ends_with("# EOF\n"));
    assert!(get(testbed, 0, "/openrpc.json").contains("vm_finality"));
    assert!(testbed.head(0).height >= height);
}
