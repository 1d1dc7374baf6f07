//! The interface over a real socket, against the file that describes it.

#![allow(clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use jsonrpsee_core::client::{ClientT as _, Subscription, SubscriptionClientT as _};
use jsonrpsee_core::params::ObjectParams;
use jsonrpsee_ws_client::WsClientBuilder;
use parity_scale_codec::Encode as _;
use serde_json::{Value, json};
use support::node::{Running, options, start};
use support::{deploy_token, pay, spec, token_transfer};
use vm_chain::api::Local;
use vm_chain::api::trace::StepInfo;
use vm_chain::api::types::{At, FinalityInfo, Level};
use vm_chain::node::{Mempool, Metrics, PoolLimits, Producer};
use vm_chain::replica::{
    Application as _, Certificates, LinkError, NodeError, Replica, ReplicaOptions, linked,
};
use vm_chain::rpc::server::{Embedded, Relay, Served, ServerOptions};
use vm_chain::rpc::{self, methods, openrpc, subscriptions};
use vm_chain::{Api as _, ApiError, Chain, Ed25519, Place, SecretKey};
use vm_core::{Address, Hash, Params, Payload, Transaction};
use vm_host::InvalidTransaction;

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openrpc.json"))
}

#[test]
fn the_openrpc_file_is_what_the_tables_say() {
    let text = format!("{}\n", serde_json::to_string_pretty(&openrpc::document()).unwrap());
    if std::env::var_os("VM_OPENRPC_WRITE").is_some() {
        std::fs::write(file(), &text).unwrap();
    }
    let written = std::fs::read_to_string(file()).unwrap();
    assert_eq!(
        written, text,
        "docs/openrpc.json is old: VM_OPENRPC_WRITE=1 cargo test -p vm-chain --all-features --test rpc"
    );
}

#[test]
fn the_page_names_every_method_and_every_code() {
    let page = std::fs::read_to_string(file().with_file_name("rpc.md")).unwrap();
    let subscriptions =
        subscriptions::SUBSCRIPTIONS.iter().flat_map(|it| [it.name, it.unsubscribe, it.notification]);
    for name in methods::METHODS.iter().map(|method| method.name).chain(subscriptions) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    let text = String::new;
    for error in [
        ApiError::Request(text()),
        ApiError::Missing { what: "block", which: text(), height: 0 },
        ApiError::NotKept { what: "block", height: 0, oldest: 0, head: 0 },
        ApiError::Unauthorized(vm_chain::Refused::Form { found: 0, expected: 0 }),
        ApiError::Invalid(InvalidTransaction::NonceExhausted),
        ApiError::Pool(text()),
        ApiError::Pending { hash: Hash::ZERO, seconds: 0 },
        ApiError::Busy(text()),
        ApiError::Unsupported(text()),
        ApiError::Node(text()),
    ] {
        let data = serde_json::to_value(rpc::ErrorData::from(&error)).unwrap();
        let row = page.lines().find(|line| line.starts_with(&format!("| {} |", error.code()))).unwrap();
        assert!(row.contains(&format!("`{}`", data["kind"].as_str().unwrap())), "{row}");
    }
}

/// The file's schema at `schema`, with what it refers to.
fn assert_fits(document: &Value, schema: &Value, value: &Value, what: &str) {
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    let validator = jsonschema::validator_for(&whole).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{value:#}");
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// An example of each method, on a chain with a token that alice deployed and bob has some of.
fn examples(running: &Running) -> Vec<(&'static str, Value)> {
    let client = &running.client;
    let deployed = client.send(running.next("alice", deploy_token())).unwrap();
    let token = deployed.outcome.deployed.unwrap().0;
    let sent = client.send(running.next("alice", token_transfer(token, "bob", 300))).unwrap();
    let contract = client.contract(token).unwrap();
    let owned = json!({ "owner": Address::named("bob").to_string() });
    let objects = running.call("vm_objects", &json!({ "filter": owned }));
    let object = objects["result"][0]["id"].clone();
    let hash = sent.transaction.to_string();
    let simulated = Transaction {
        sender: Address::named("bob"),
        nonce: 0,
        gas_limit: 1_000_000,
        gas_price: 0,
        payload: pay("carol", 5),
    };
    let bob = Address::named("bob").to_string();
    vec![
        ("vm_status", json!({})),
        ("vm_params", json!({})),
        ("vm_block", json!({ "at": sent.height })),
        ("vm_block", json!({ "at": "head" })),
        ("vm_transaction", json!({ "hash": hash })),
        ("vm_receipt", json!({ "hash": hash })),
        ("vm_receipt", json!({ "hash": deployed.transaction })),
        ("vm_events", json!({ "filter": { "contract": token.to_string(), "name": "Transfer" } })),
        ("vm_account", json!({ "address": bob })),
        ("vm_contract", json!({ "address": token.to_string() })),
        ("vm_contracts", json!({})),
        ("vm_code", json!({ "code_hash": contract.code_hash })),
        ("vm_object", json!({ "id": object })),
        ("vm_objects", json!({ "filter": owned })),
        (
            "vm_query",
            json!({ "request": {
                "contract": token.to_string(),
                "function": "balance_of",
                "args": hex(&Address::named("bob").encode()),
                "trace": "full",
            } }),
        ),
        ("vm_simulate", json!({ "transaction": hex(&simulated.encode()), "trace": "calls" })),
        ("vm_send", json!({ "signed": hex(&running.signed("carol", 0, pay("bob", 1)).encode()) })),
        ("vm_submit", json!({ "signed": hex(&running.signed("carol", 1, pay("bob", 1)).encode()) })),
        ("vm_trace", json!({ "hash": hash, "level": "full" })),
        ("vm_witness", json!({ "height": sent.height })),
        ("vm_prove", json!({ "claim": { "kind": "account", "address": bob } })),
        ("vm_prove", json!({ "claim": { "kind": "event", "transaction": hash, "index": 0 } })),
        ("vm_chunk", json!({})),
        (
            "dev_call",
            json!({ "call": {
                "from": "bob",
                "contract": token.to_string(),
                "function": "transfer",
                "args": { "to": "@carol", "amount": 2 },
                "send": true,
            } }),
        ),
        ("dev_mine", json!({ "count": 2 })),
        ("dev_advance_time", json!({ "milliseconds": 60_000 })),
        ("dev_rollback", json!({ "height": sent.height })),
    ]
}

#[test]
fn every_method_of_the_openrpc_file_answers_as_the_file_says() {
    let running = start(options());
    let document: Value = serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap();
    let described: BTreeMap<&str, &Value> =
        document["methods"].as_array().unwrap().iter().map(|it| (it["name"].as_str().unwrap(), it)).collect();

    let mut answered = Vec::new();
    for (name, params) in examples(&running) {
        let method = described[name];
        for param in method["params"].as_array().unwrap() {
            let given = &params[param["name"].as_str().unwrap()];
            assert!(!given.is_null() || param["required"] == false, "{name}: {param}");
            if !given.is_null() {
                assert_fits(&document, &param["schema"], given, &format!("a parameter of {name}"));
            }
        }
        let answer = running.call(name, &params);
        assert!(answer["error"].is_null(), "{name}: {answer:#}");
        assert_fits(&document, &method["result"]["schema"], &answer["result"], name);
        answered.push(name);
    }
    answered.dedup();
    let by_http: Vec<&str> = methods::METHODS.iter().map(|method| method.name).collect();
    let sorted = |mut names: Vec<&'static str>| {
        names.sort_unstable();
        names
    };
    // Whose certificates there are shows `a_replicated_chain_shows_its_certificates`.
    answered.push("vm_finality");
    assert_eq!(sorted(answered), sorted(by_http.clone()), "an example of each method");

    let by_socket = subscriptions::SUBSCRIPTIONS.iter().flat_map(|it| [it.name, it.unsubscribe]);
    let offered = sorted(by_http.into_iter().chain(by_socket).collect());
    assert_eq!(described.keys().copied().collect::<Vec<_>>(), offered);

    // What is in no table is not offered.
    let answer = running.call("vm_nothing", &json!({}));
    assert_eq!(answer["error"]["code"], -32_601);

    // The data of an error is described too.
    let answer = running.call("vm_block", &json!({ "at": 99 }));
    assert_eq!(answer["error"]["code"], -32_020);
    assert_fits(&document, &document["x-error-data"], &answer["error"]["data"], "an error's data");
}

#[test]
fn the_document_is_served_with_health_and_metrics() {
    let running = start(options());
    running.client.send(running.next("alice", pay("bob", 1))).unwrap();
    let (status, body) = running.get("/openrpc.json");
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (200, openrpc::document()));

    let (status, body) = running.get("/health");
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!((&health["ok"], &health["height"]), (&json!(true), &json!(1)));
    assert_eq!((&health["producer"], &health["pending"]), (&json!("alive"), &json!(0)));
    assert!(health["head_age_ms"].as_i64().unwrap() >= 0);

    let (status, body) = running.get("/metrics");
    assert_eq!(status, 200);
    for line in [
        "vm_head_height 1\n",
        "vm_blocks_total 1\n",
        "vm_transactions_total{status=\"Success\"} 1\n",
        "vm_pool_transactions 0\n",
        "vm_block_execution_seconds_count 1\n",
        "vm_block_commit_seconds_count 1\n",
        "vm_requests_total{method=\"vm_send\",outcome=\"Ok\"} 1\n",
        "vm_connections ",
        "vm_subscribers 0\n",
        "# EOF\n",
    ] {
        assert!(body.contains(line), "{line:?} is not in\n{body}");
    }
    assert_eq!(running.get("/").0, 404, "no page unless asked for");
    assert_eq!(running.get("/nothing").0, 404);
}

#[test]
fn the_page_is_served_where_asked_for() {
    let mut options = options();
    options.server.page = Some(vm_chain::explorer::FILES);
    let running = start(options);
    for file in vm_chain::explorer::FILES {
        let answer = running.raw(
            format!("GET {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", file.path).as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{answer}");
        assert!(answer.ends_with(file.text), "{}", file.path);
    }
    running.assert_alive();
}

#[test]
fn errors_of_a_node_arrive_as_they_are_in_a_store() {
    let running = start(options());
    let client = &running.client;
    assert_eq!(
        client.receipt(Hash([9; 32])),
        Err(ApiError::Missing { what: "transaction", which: Hash([9; 32]).to_string(), height: 0 })
    );
    let other = SecretKey::dev("bob");
    let mut signed = running.signed("alice", 0, pay("bob", 1));
    signed.authorization = other.sign(signed.transaction.clone(), &spec().id().unwrap()).authorization;
    assert!(matches!(client.send(signed), Err(ApiError::Unauthorized(_))));
    let signed = running.signed("alice", 0, pay("bob", 1));
    client.send(signed.clone()).unwrap();
    let replayed = ApiError::Invalid(InvalidTransaction::Nonce { expected: 1, found: 0 });
    assert_eq!(client.send(signed), Err(replayed));
    assert!(matches!(client.rollback(7), Err(ApiError::Missing { what: "block", .. })));
    assert!(matches!(client.mine(100_000), Err(ApiError::Request(_))));
    assert!(matches!(client.trace(Hash([9; 32]), Level::Calls), Err(ApiError::Missing { .. })));
}

/// A call that goes `depth` frames deep: a contract calls itself, and at last another.
fn deep(contract: Address, last: (Address, &str), depth: usize) -> Payload {
    let call = |to: Address, function: &str, args: Vec<u8>| (to, function, args, 0_u64).encode();
    let mut args = call(last.0, last.1, Vec::new());
    for _ in 2..depth {
        args = call(contract, "pass_through", args);
    }
    Payload::Call { contract, function: "pass_through".to_owned(), args, value: 0 }
}

#[test]
fn the_trace_of_the_deepest_call_arrives_as_it_is_in_a_store() {
    let running = start(options());
    let deploy = |name: &str| {
        let code = vm_core::CodeSource::Bytes(support::module(name));
        let payload = Payload::Deploy { code, salt: Hash::ZERO, args: Vec::new(), value: 0 };
        let receipt = running.client.send(running.next("alice", payload)).unwrap();
        receipt.outcome.deployed.unwrap().0
    };
    let (caller, counter) = (deploy("caller"), deploy("counter"));
    let depth = usize::try_from(Params::default().limits().call_depth).unwrap();
    let sent = running.client.send(running.next("bob", deep(caller, (counter, "get"), depth))).unwrap();
    assert_eq!(sent.outcome.ending.status, "success", "{:?}", sent.outcome.ending);
    let traced = running.client.trace(sent.transaction.0, Level::Full).unwrap().trace;
    assert_eq!(traced.resources.frames, u64::try_from(depth).unwrap());
    let mut frame = &traced.root;
    let mut frames = 1;
    while let Some(inner) = frame.steps.iter().find_map(|step| match step {
        StepInfo::Frame(inner) => Some(inner),
        _ => None,
    }) {
        frame = inner;
        frames += 1;
    }
    assert_eq!((frames, frame.function.as_str()), (depth, "get"));
}

#[test]
fn a_batch_is_answered_whole() {
    let running = start(options());
    let one = |id: u32, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
    let (_, answer) = running.post(&json!([one(1, "vm_status"), one(2, "vm_nothing")]).to_string());
    let answers: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answers[0]["result"]["chain"], "local");
    assert_eq!(answers[1]["error"]["code"], -32_601);
}

#[test]
fn a_subscription_over_http_is_told_what_it_needs() {
    let running = start(options());
    let names = subscriptions::SUBSCRIPTIONS.iter().flat_map(|it| [it.name, it.unsubscribe]);
    for name in names.clone() {
        let error = running.call(name, &json!({}))["error"].clone();
        assert_eq!(
            (error["code"].as_i64(), error["data"]["kind"].as_str()),
            (Some(-32_041), Some("unsupported"))
        );
        assert!(error["message"].as_str().unwrap().contains("is for a WebSocket"), "{error}");
    }
    let batch: Vec<Value> =
        names.map(|name| json!({ "jsonrpc": "2.0", "id": name, "method": name, "params": [] })).collect();
    let (_, answer) = running.post(&json!(batch).to_string());
    let answers: Value = serde_json::from_str(&answer).unwrap();
    for (answer, asked) in answers.as_array().unwrap().iter().zip(&batch) {
        assert_eq!(
            (&answer["id"], answer["error"]["code"].as_i64()),
            (&asked["id"], Some(-32_041)),
            "{answer}"
        );
    }
    assert_eq!(answers.as_array().unwrap().len(), batch.len());
}

#[test]
fn a_notification_is_answered_by_nothing() {
    let running = start(options());
    let told = json!({ "jsonrpc": "2.0", "method": "vm_status" });
    for body in [told.clone(), json!([told, told])] {
        assert_eq!(running.post(&body.to_string()), (204, String::new()));
    }
    let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": "dev_mine", "params": { "count": 1 } });
    let (status, answer) = running.post(&json!([told, asked]).to_string());
    let answers: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, answers.as_array().unwrap().len(), &answers[0]["id"]), (200, 1, &json!(1)));
}

#[test]
fn a_server_without_a_socket_has_the_same_checks_and_limits() {
    let options = options();
    let chain = Chain::create(&Place::Memory, spec(), Default::default()).unwrap();
    let chain = Arc::new(RwLock::new(chain));
    let authority = Arc::new(Ed25519::with_dev_accounts());
    let producer = Producer::start(chain.clone(), authority, options.producer, Vec::new()).unwrap();
    let metrics = Arc::new(Metrics::default());
    let relay = Arc::new(Relay::new(metrics.clone()));
    let api = Local::new(chain, producer.clone());
    let limits = ServerOptions { request_bytes: 1_000, ..options.server };
    let server = Embedded::start(Served { api, intake: producer, metrics, relay }, limits).unwrap();
    let post = |host: &str, body: String| {
        let request =
            http::Request::post("/").header("host", host).header("content-type", "application/json");
        let answer = server.answer(request.body(body.into_bytes()).unwrap());
        (answer.status().as_u16(), String::from_utf8(answer.into_body()).unwrap())
    };
    let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": "dev_mine", "params": { "count": 2 } });
    let (status, answer) = post("localhost", asked.to_string());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &answer["result"]["height"]), (200, &json!(2)));
    assert_eq!(post("evil.example", asked.to_string()).0, 403);
    assert_eq!(post("localhost", " ".repeat(1_001)).0, 413);
}

/// Has a certificate of every third block, whose bytes are the block's digest.
#[derive(Debug)]
struct Thirds(Arc<Replica>);

impl Certificates for Thirds {
    fn engine(&self) -> &'static str {
        "thirds/1"
    }

    fn certificate(&self, height: u64) -> Result<Option<Vec<u8>>, NodeError> {
        let digest = self.0.digest(height)?;
        Ok(digest.filter(|_| height.is_multiple_of(3)).map(|digest| digest.0.to_vec()))
    }
}

#[test]
fn a_replicated_chain_shows_its_certificates() {
    let chain = Chain::create(&Place::Memory, spec(), Default::default()).unwrap();
    let authority = Arc::new(Ed25519::with_dev_accounts());
    let chain = Arc::new(RwLock::new(chain));
    let replica = Arc::new(Replica::new(chain.clone(), authority, ReplicaOptions::default()).unwrap());
    let wait = std::time::Duration::from_secs(1);
    let mempool = Arc::new(Mempool::new(replica.clone(), PoolLimits::default(), wait, Box::new(|_| ())));
    for _ in 0..4 {
        let block = replica.build(&replica.tip().digest, 1, Address::ZERO, mempool.as_ref()).unwrap();
        replica.commit(&block).unwrap();
    }
    let metrics = Arc::new(Metrics::default());
    let relay = Arc::new(Relay::new(metrics.clone()));
    let api = Local::new(chain, mempool.clone()).with_certificates(Arc::new(Thirds(replica.clone())));
    let served = Served { api: api.clone(), intake: mempool, metrics, relay };
    let server = Embedded::start(served, options().server).unwrap();
    let ask = |params: Value| {
        let asked = json!({ "jsonrpc": "2.0", "id": 1, "method": "vm_finality", "params": params });
        let request =
            http::Request::post("/").header("host", "localhost").header("content-type", "application/json");
        let answer = server.answer(request.body(asked.to_string().into_bytes()).unwrap());
        serde_json::from_slice::<Value>(&answer.into_body()).unwrap()
    };
    let document = openrpc::document();
    let method =
        document["methods"].as_array().unwrap().iter().find(|it| it["name"] == "vm_finality").unwrap();
    for (at, heights) in [(0, vec![0]), (1, vec![1, 2, 3]), (3, vec![3])] {
        let answer = ask(json!({ "at": at }));
        assert_fits(&document, &method["result"]["schema"], &answer["result"], "vm_finality");
        let info: FinalityInfo = serde_json::from_value(answer["result"].clone()).unwrap();
        assert_eq!(info.engine, "thirds/1");
        assert_eq!(info.blocks.iter().map(|block| block.header.height).collect::<Vec<_>>(), heights);
        let (header, certified) = linked(&info).unwrap();
        assert_eq!((header.height, certified.0.to_vec()), (at, info.certificate.0.clone()));
        assert_eq!(replica.digest(*heights.last().unwrap()), Ok(Some(certified)));

        // What does not hang together leads nowhere.
        if heights.len() > 1 {
            let mut other = info.clone();
            other.blocks.remove(1);
            assert!(matches!(linked(&other), Err(LinkError::Broken { height: 3, .. })));
            let mut other = info.clone();
            other.blocks[0].header.gas_used += 1;
            assert!(matches!(linked(&other), Err(LinkError::Broken { height: 2, .. })));
        }
        assert_eq!(linked(&FinalityInfo { blocks: Vec::new(), ..info }), Err(LinkError::Empty));
    }
    // The head is final and its certificate has not come yet.
    assert_eq!(ask(json!({}))["error"]["code"], -32_020);
    assert_eq!(ask(json!({ "at": 9 }))["error"]["code"], -32_020);
    // With one producer there is nobody to certify.
    let running = start(options());
    assert!(matches!(running.client.finality(At::Head), Err(ApiError::Unsupported(_))));
}

async fn next(subscription: &mut Subscription<Value>) -> Value {
    let waited = tokio::time::timeout(std::time::Duration::from_secs(10), subscription.next()).await;
    waited.expect("something is told").expect("the subscription lives").expect("it is JSON")
}

#[test]
fn a_subscription_sees_blocks_and_the_events_it_wants() {
    let running = start(options());
    let document = openrpc::document();
    let item = |name: &str| {
        let methods = document["methods"].as_array().unwrap();
        methods.iter().find(|it| it["name"] == name).unwrap()["x-notification"]["schema"].clone()
    };
    let token =
        running.client.send(running.next("alice", deploy_token())).unwrap().outcome.deployed.unwrap().0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = WsClientBuilder::default().build(format!("ws://{}", running.address)).await.unwrap();
        let subscribe = async |of: subscriptions::Subscription, filter: Option<Value>| {
            let mut params = ObjectParams::new();
            if let Some(filter) = filter {
                params.insert("filter", filter).unwrap();
            }
            socket.subscribe::<Value, _>(of.name, params, of.unsubscribe).await
        };
        let mut blocks = subscribe(subscriptions::BLOCKS, None).await.unwrap();
        let wanted = json!({ "contract": token.to_string(), "name": "Transfer" });
        let mut events = subscribe(subscriptions::EVENTS, Some(wanted)).await.unwrap();
        let other = json!({ "name": "Nothing" });
        let mut others = subscribe(subscriptions::EVENTS, Some(other)).await.unwrap();
        assert!(subscribe(subscriptions::EVENTS, Some(json!({ "nome": 1 }))).await.is_err());

        // An ordinary call on the same connection; a transaction without events, then one with.
        let paid = running.signed("bob", 0, pay("carol", 1));
        let mut params = ObjectParams::new();
        params.insert("signed", hex(&paid.encode())).unwrap();
        let receipt: Value = socket.request("vm_send", params).await.unwrap();
        let mut first = next(&mut blocks).await;
        if first["header"]["height"] == 1 {
            // Made just before, and published after.
            first = next(&mut blocks).await;
        }
        assert_fits(&document, &item(subscriptions::BLOCKS.name), &first, "a block");
        assert_eq!(first["header"]["height"], receipt["height"]);
        assert_eq!(first["transactions"], json!([receipt["transaction"]]));

        let sent = running.signed("alice", 1, token_transfer(token, "bob", 3));
        let mut params = ObjectParams::new();
        params.insert("signed", hex(&sent.encode())).unwrap();
        let receipt: Value = socket.request("vm_send", params).await.unwrap();
        assert_eq!(next(&mut blocks).await["header"]["height"], receipt["height"]);
        let event = next(&mut events).await;
        assert_fits(&document, &item(subscriptions::EVENTS.name), &event, "an event");
        assert_eq!(event, receipt["events"][0]);
        let silent = tokio::time::timeout(std::time::Duration::from_millis(100), others.next()).await;
        assert!(silent.is_err(), "no such event was logged");

        assert!(running.get("/metrics").1.contains("vm_subscribers 3\n"));
        blocks.unsubscribe().await.unwrap();
        drop((events, others, socket));
    });
    drop(runtime);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while !running.get("/metrics").1.contains("vm_subscribers 0\n") {
        assert!(std::time::Instant::now() < until, "subscriptions end with their connection");
    }
    assert_eq!(running.client.block(At::Head).unwrap().header.height, 3);
}
