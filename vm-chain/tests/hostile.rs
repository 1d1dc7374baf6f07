//! Requests that mean harm, or come from programs with mistakes: each gets a clear error, and the node goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests: a panic is its failure")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use parity_scale_codec::Encode as _;
use serde_json::{Value, json};
use support::node::{Running, options, parse, start};
use support::{pay, spec};
use vm_chain::chain::Spec;
use vm_chain::node::PoolLimits;
use vm_chain::{Api as _, ApiError, SecretKey, Signed};
use vm_core::{Address, Params, Payload, Transaction};
use vm_host::InvalidTransaction;

/// The error of a JSON-RPC answer: its code, its message, the kind in its data.
fn error(answer: &Value) -> (i64, String, String) {
    let error = &answer["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (error["code"].as_i64().unwrap(), text(&error["message"]), text(&error["data"]["kind"]))
}

fn send(running: &Running, signed: &Signed) -> (i64, String, String) {
    let hex: String = signed.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    error(&running.call("vm_send", &json!({ "signed": format!("0x{hex}") })))
}

#[test]
fn r113_malformed_requests_are_refused_by_name() {
    let running = start(options());
    for body in ["", "{", "nonsense", "[1", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"vm_status\""] {
        let (status, answer) = running.post(body);
        let answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{body:?}: {status} {answer}"));
        assert!(
            [-32_700, -32_600].contains(&answer["error"]["code"].as_i64().unwrap()),
            "{body:?}: {answer}"
        );
    }
    let (code, message, _) = error(&running.call("vm_unknown", &json!({})));
    assert_eq!((code, message.as_str()), (-32_601, "Method not found"));

    for (method, params, part) in [
        ("vm_block", json!({ "at": -1 }), "wrong parameters"),
        ("vm_block", json!({ "at": "yesterday" }), "expected a height"),
        ("vm_block", json!({ "when": 1 }), "unknown field `when`"),
        ("vm_block", json!([1]), "go by name"),
        ("vm_account", json!({}), "missing field `address`"),
        ("vm_account", json!({ "address": "0x12" }), "wrong parameters"),
        ("vm_account", json!({ "address": 7 }), "wrong parameters"),
        ("vm_send", json!({ "signed": "0x00" }), "no signed transaction"),
        ("vm_send", json!({ "signed": "00" }), "begin with 0x"),
        ("vm_simulate", json!({ "transaction": "0xffffffff" }), "no transaction"),
        ("vm_chunk", json!({ "after": "0x00" }), "no key of the state"),
    ] {
        let (code, message, kind) = error(&running.call(method, &params));
        assert_eq!((code, kind.as_str()), (-32_602, "request"), "{method} {params}: {message}");
        assert!(message.contains(part), "{method} {params}: {message}");
    }
    running.assert_alive();
}

#[test]
fn nesting_without_end_is_refused() {
    let running = start(options());
    let deep = "[".repeat(100_000);
    let (_, answer) =
        running.post(&format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"vm_status\",\"params\":{deep}"));
    assert!(answer.contains("-32700"), "{answer}");
    running.assert_alive();
}

#[test]
fn an_oversized_request_is_refused_with_the_limit() {
    let mut options = options();
    options.server.request_bytes = 10_000;
    let running = start(options);
    let (status, answer) = running.post(&"x".repeat(10_001));
    assert_eq!(status, 413);
    assert!(answer.contains("more than 10000 bytes"), "{answer}");

    // Without a length, in chunks: counted as it comes.
    let host = running.address;
    let mut request = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    for _ in 0..11 {
        request.push_str(&format!("3e8\r\n{}\r\n", "x".repeat(1_000)));
    }
    request.push_str("0\r\n\r\n");
    assert_eq!(parse(&running.raw(request.as_bytes())).0, 413);

    let (status, _) =
        parse(&running.raw(format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000)).as_bytes()));
    assert!((400..500).contains(&status), "{status}");
    running.assert_alive();
}

#[test]
fn an_answer_past_its_limit_is_an_error_and_no_answer_cut_short() {
    let mut options = options();
    options.server.response_bytes = 2_000;
    let running = start(options);
    let (code, message, _) = error(&running.call("vm_params", &json!({})));
    assert_eq!((code, message.as_str()), (-32_008, "Response is too big"));
    assert_eq!(running.call("dev_mine", &json!({ "count": 1 }))["result"]["height"], 1);
}

#[test]
fn a_batch_past_its_limit_is_refused_with_the_limit() {
    let mut options = options();
    options.server.batch = 3;
    let running = start(options);
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "vm_status" });
    let (_, answer) = running.post(&json!([one, one, one, one]).to_string());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["error"]["code"], -32_010, "{answer}");
    assert!(answer["error"]["data"].to_string().contains('3'), "{answer}");
    running.assert_alive();
}

#[test]
fn r102_a_wrong_signature_a_replayed_nonce_and_a_gap_are_refused_by_name() {
    let mut options = options();
    options.producer.pool = PoolLimits { nonce_gap: 10, ..PoolLimits::default() };
    let running = start(options);
    let good = running.signed("alice", 0, pay("bob", 1));

    let mut forged = good.clone();
    forged.authorization[40] ^= 1;
    let (code, message, kind) = send(&running, &forged);
    assert_eq!((code, kind.as_str()), (-32_030, "unauthorized"), "{message}");
    assert!(message.contains("is not the key"), "{message}");
    let others = SecretKey::dev("bob").sign(good.transaction.clone(), &spec().id().unwrap());
    assert_eq!(send(&running, &others).0, -32_030);
    // Signed for a chain with other rules, and for one with the same rules that began at another time.
    for elsewhere in [Spec { params: Params::default_for("x"), ..spec() }, Spec { time: 1, ..spec() }] {
        let alice = SecretKey::dev("alice");
        let elsewhere = alice.sign(good.transaction.clone(), &elsewhere.id().unwrap());
        assert_eq!(send(&running, &elsewhere).0, -32_030);
    }
    let unsigned = Signed { authorization: Vec::new(), ..good.clone() };
    assert_eq!(send(&running, &unsigned).0, -32_030);
    assert_eq!(running.client.status().unwrap().head.height, 0, "none of them is in a block");

    running.client.send(good.clone()).unwrap();
    let (code, message, kind) = send(&running, &good);
    assert_eq!((code, kind.as_str()), (-32_031, "invalid"));
    assert!(message.contains("nonce 0, the sender's is 1"), "{message}");

    let (code, message, kind) = send(&running, &running.signed("alice", 12, pay("bob", 1)));
    assert_eq!((code, kind.as_str()), (-32_032, "pool"));
    assert!(message.contains("11 above"), "{message}");
    running.assert_alive();
}

#[test]
fn transactions_that_no_block_can_hold_are_refused_by_name() {
    let running = start(options());
    let with = |change: &dyn Fn(&mut Transaction)| {
        let mut transaction = running.signed("alice", 0, pay("bob", 1)).transaction;
        change(&mut transaction);
        running.client.send(SecretKey::dev("alice").sign(transaction, &spec().id().unwrap())).unwrap_err()
    };
    let error = with(&|transaction| transaction.gas_limit = u64::MAX);
    assert!(matches!(error, ApiError::Invalid(InvalidTransaction::GasLimit { .. })), "{error}");
    let error = with(&|transaction| transaction.gas_limit = 1);
    assert!(matches!(error, ApiError::Invalid(InvalidTransaction::IntrinsicGas { .. })), "{error}");
    let error = with(&|transaction| transaction.gas_price = u64::MAX);
    assert!(matches!(error, ApiError::Invalid(InvalidTransaction::Fee { .. })), "{error}");
    let error = with(&|transaction| {
        transaction.payload = Payload::Call {
            contract: Address::ZERO,
            function: "f".to_owned(),
            args: vec![0; 600_000],
            value: 0,
        };
    });
    assert!(matches!(error, ApiError::Invalid(InvalidTransaction::TooLong { .. })), "{error}");
    running.assert_alive();
}

/// What a node answers to a call and to an upgrade with these headers: two statuses, and why.
fn asked_with(running: &Running, headers: &str) -> (u16, u16, String) {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"vm_status"}"#;
    let request = format!(
        "POST / HTTP/1.1\r\n{headers}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = parse(&running.raw(request.as_bytes()));
    let upgrade = format!(
        "GET / HTTP/1.1\r\n{headers}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut stream = running.connect();
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    let upgraded = std::str::from_utf8(&line[9..]).unwrap().parse().unwrap();
    (status, upgraded, answer)
}

#[test]
fn pages_of_other_sites_are_refused_on_every_address() {
    let mut options = options();
    options.listen.set_ip(std::net::Ipv4Addr::UNSPECIFIED.into());
    let running = start(options);
    let port = running.address.port();
    for origin in ["https://evil.example", "null", "http://node.example", "https://node.example"] {
        let headers = format!("host: node.example:{port}\r\norigin: {origin}");
        let (called, upgraded, answer) = asked_with(&running, &headers);
        assert_eq!((called, upgraded), (403, 403), "{origin}: {answer}");
        assert!(answer.contains("Origin"), "{answer}");
    }
    for headers in [
        format!("host: node.example:{port}\r\norigin: http://node.example:{port}"),
        format!("host: node.example:{port}"),
        "host: node.example\r\norigin: https://node.example".to_owned(),
    ] {
        let (called, upgraded, answer) = asked_with(&running, &headers);
        assert_eq!((called, upgraded), (200, 101), "{headers}: {answer}");
    }
    running.assert_alive();
}

#[test]
fn a_foreign_host_or_origin_is_refused() {
    let running = start(options());
    for (headers, part) in [
        ("host: evil.example", "loopback"),
        ("host: evil.example:8600", "loopback"),
        ("host: evil.example\r\norigin: http://evil.example", "loopback"),
        ("x: y", "loopback"),
        ("host: localhost\r\norigin: https://evil.example", "Origin"),
        ("host: localhost\r\norigin: http://localhost\r\norigin: https://evil.example", "Origin"),
    ] {
        let (called, upgraded, answer) = asked_with(&running, headers);
        assert_eq!((called, upgraded), (403, 403), "{headers}: {answer}");
        assert!(answer.contains(part), "{answer}");
    }
    // What a page of another site can send without being asked: not JSON.
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{{}}",
        running.address
    );
    assert_eq!(parse(&running.raw(request.as_bytes())).0, 415);
    running.assert_alive();
}

/// Sends a byte now and then, until the node cuts the connection; gives what it said and after how long.
fn trickle(mut stream: TcpStream, begin: &str) -> (String, Duration) {
    let begun = Instant::now();
    stream.write_all(begin.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut said = Vec::new();
    loop {
        let mut part = [0; 1_024];
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if stream.write_all(b"x").is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "never cut off");
    }
    (String::from_utf8_lossy(&said).into_owned(), begun.elapsed())
}

#[test]
fn a_client_that_sends_a_byte_now_and_then_is_cut_off() {
    let mut options = options();
    options.server.head_time = Duration::from_millis(400);
    options.server.body_time = Duration::from_millis(400);
    let running = start(options);
    let (said, after) = trickle(running.connect(), "POST / HTTP/1.1\r\nhost: loc");
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(after >= Duration::from_millis(350), "{after:?}");

    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    let (said, _) = trickle(running.connect(), head);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("took more than 0.4 s"), "{said}");

    // One that says nothing at all, and one that idles after its request.
    let (said, _) = trickle(running.connect(), "");
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    let mut idle = running.connect();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    idle.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    running.assert_alive();
}

#[test]
fn connections_past_the_limit_are_told_so_and_later_ones_served() {
    let mut options = options();
    options.server.connections = 4;
    let running = start(options);
    let held: Vec<TcpStream> = (0..4).map(|_| running.connect()).collect();
    // The node takes connections in order, but in its own time.
    std::thread::sleep(Duration::from_millis(100));
    let (status, answer) = running.get("/health");
    assert_eq!(status, 503);
    assert!(answer.contains("4 connections, the most allowed"), "{answer}");
    drop(held);
    std::thread::sleep(Duration::from_millis(100));
    running.assert_alive();
    assert!(running.get("/metrics").1.contains("vm_refused_total{reason=\"connections\"} 1\n"));
}

/// A WebSocket by hand: its handshake is done.
fn socket(running: &Running) -> TcpStream {
    let mut stream = running.connect();
    stream
        .write_all(
            b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

/// A text frame with an empty mask.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

fn metric(running: &Running, name: &str) -> u64 {
    let text = running.get("/metrics").1;
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_subscriber_that_does_not_read_is_cut_off_and_nobody_waits_for_it() {
    let mut options = options();
    options.server.stall_time = Duration::from_millis(500);
    let running = start(options);
    let mut deaf = socket(&running);
    for id in 0..32 {
        let subscribe = json!({ "jsonrpc": "2.0", "id": id, "method": "vm_subscribe_blocks" });
        deaf.write_all(&frame(&subscribe.to_string())).unwrap();
    }
    let until = Instant::now() + Duration::from_secs(10);
    while metric(&running, "vm_subscribers") < 32 {
        assert!(Instant::now() < until);
    }
    // Some 30 megabytes for it, more than buffers between here and there take.
    let begun = Instant::now();
    let mut mined = 0;
    while metric(&running, "vm_subscribers") > 0 {
        running.client.mine(200).unwrap();
        mined += 200;
        assert!(begun.elapsed() < Duration::from_secs(60), "still held after {mined} blocks");
    }
    running.assert_alive();
    drop(deaf);
}

#[test]
fn subscriptions_past_the_limit_and_broken_frames_are_refused() {
    let mut options = options();
    options.server.subscriptions = 2;
    let running = start(options);
    let mut stream = socket(&running);
    for id in 0..3 {
        let subscribe = json!({ "jsonrpc": "2.0", "id": id, "method": "vm_subscribe_blocks" });
        stream.write_all(&frame(&subscribe.to_string())).unwrap();
    }
    let mut said = String::new();
    while !said.contains("-32006") {
        let mut part = [0; 1_024];
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    // Subscriptions are for WebSockets.
    assert!(!running.call("vm_subscribe_blocks", &json!({}))["error"].is_null());

    // Without a mask, and of no known kind.
    for bytes in [&[0x81, 0x02, b'{', b'}'][..], &[0xff; 64]] {
        let mut stream = socket(&running);
        stream.write_all(bytes).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut rest = Vec::new();
        // Answered or closed, whichever the node likes better.
        drop(stream.read_to_end(&mut rest));
    }
    running.assert_alive();
}

#[test]
fn what_is_in_flight_is_bounded() {
    let mut options = options();
    options.server.in_flight = 1;
    // Nothing is mined, so a transaction that is sent waits.
    options.producer.mode = vm_chain::node::Mode::Every(Duration::from_secs(3_600));
    let running = start(options);
    let waits = running.signed("alice", 0, pay("bob", 1));
    let hex: String = waits.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    let body =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "vm_send", "params": { "signed": format!("0x{hex}") } });
    let body = body.to_string();
    let mut stream = running.connect();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while metric(&running, "vm_pool_transactions") == 0 {
        assert!(Instant::now() < until);
    }
    let (code, message, kind) = error(&running.call("vm_status", &json!({})));
    assert_eq!((code, kind.as_str()), (-32_040, "busy"));
    assert!(message.contains("answering 1 requests"), "{message}");
    assert_eq!(running.get("/health").0, 200);
    drop(stream);
}

/// As [`frame`], for more.
fn long_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend(u64::try_from(text.len()).unwrap().to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

/// Sends twelve transactions of 50 kB on one connection, none of which is in a block before it is asked for; each of their
/// calls weighs some 100 kB. Gives the most that waited at a time.
fn most_that_waits(change: impl FnOnce(&mut vm_chain::rpc::server::ServerOptions)) -> u64 {
    let mut options = options();
    options.producer.mode = vm_chain::node::Mode::Every(Duration::from_secs(3_600));
    change(&mut options.server);
    let running = start(options);
    let mut stream = socket(&running);
    let mut sender = stream.try_clone().unwrap();
    let messages: Vec<Vec<u8>> = (0..12)
        .map(|nonce| {
            let upload = Payload::Upload { code: vec![0; 50_000] };
            let mut signed = running.signed("alice", nonce, upload);
            signed.transaction.gas_limit = 100_000_000;
            let signed = SecretKey::dev("alice").sign(signed.transaction, &spec().id().unwrap());
            let hex: String = signed.encode().iter().map(|byte| format!("{byte:02x}")).collect();
            let params = json!({ "signed": format!("0x{hex}") });
            long_frame(
                &json!({ "jsonrpc": "2.0", "id": nonce, "method": "vm_send", "params": params }).to_string(),
            )
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for message in messages {
                sender.write_all(&message).unwrap();
                // It is weighed before the next comes.
                std::thread::sleep(Duration::from_millis(30));
            }
        });
        scope.spawn(|| {
            let mut said = String::new();
            while said.matches("\"id\":").count() < 12 {
                let mut part = [0; 4_096];
                let count = stream.read(&mut part).unwrap();
                assert!(count > 0, "{said}");
                said.push_str(&String::from_utf8_lossy(&part[..count]));
            }
        });
        let alice = Address::named("alice");
        let (mut most, mut done) = (0, 0);
        let until = Instant::now() + Duration::from_secs(30);
        while done < 12 {
            assert!(Instant::now() < until, "{done} are in blocks");
            std::thread::sleep(Duration::from_millis(500));
            most = most.max(metric(&running, "vm_pool_transactions"));
            // Others are served meanwhile.
            running.client.mine(3).unwrap();
            done = running.client.account(alice, Default::default()).unwrap().nonce;
        }
        most
    })
}

#[test]
fn what_one_connection_asks_for_is_bounded_by_bytes_and_by_calls() {
    let by_bytes = most_that_waits(|server| server.waiting_bytes = 250_000);
    assert!((3..=6).contains(&by_bytes), "{by_bytes}");
    let by_calls = most_that_waits(|server| server.calls = 2);
    assert!((2..=6).contains(&by_calls), "{by_calls}");
    assert_eq!(most_that_waits(|_| ()), 12);
}

#[test]
fn neither_reads_nor_sends_wait_for_those_that_wait_for_blocks() {
    let mut options = options();
    options.server.reads = 1;
    let running = start(options);
    std::thread::scope(|scope| {
        let mines: Vec<_> = (0..4).map(|_| scope.spawn(|| running.client.mine(300).unwrap())).collect();
        let until = Instant::now() + Duration::from_secs(20);
        while metric(&running, "vm_head_height") == 0 {
            assert!(Instant::now() < until);
        }
        assert!(running.client.status().unwrap().head.height < 1_200, "it waited for all blocks");
        let receipt = running.client.send(running.signed("alice", 0, pay("bob", 1))).unwrap();
        assert!(receipt.height < 1_200, "it waited for all blocks");
        for mine in mines {
            mine.join().unwrap();
        }
    });
    running.assert_alive();
}
