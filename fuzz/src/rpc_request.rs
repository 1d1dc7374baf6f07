//! Target `rpc_request`: bodies as JSON-RPC reads them, and requests made of the table of methods, to a node in this process.
//!
//! The node is whole but for its socket: server, limits, pool, producer, a chain with the fixture contracts on it.
//!
//! Invariants:
//! - no request panics or makes the node fail;
//! - every answer is JSON-RPC within the limits, with a code that the page lists, its result or error as the OpenRPC file
//!   describes it; each call of a batch is answered once; a proof is of what was asked, under the chain's own header;
//! - what is not `POST /` with JSON, or from another site, gets the status of HTTP that the page lists;
//! - what reads changes nothing, and is answered alike when it is asked again;
//! - what gets into a block was signed by its sender, as it stands there; value is conserved.
//!
//! Deliberately not here: subscriptions and what they push, which need a WebSocket; `vm-chain/tests` has them.

mod answers;
mod arguments;
mod node;
mod shape;

use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use arbitrary::{Result, Unstructured};
use http::Response;
use serde_json::{Value, json};

use self::answers::{Call, Judge, calls, each_is_answered_once};
use self::arguments::{Asker, Facts};
use self::node::{BATCH, Blocks, Devnet, MINED_MAX, REQUEST_BYTES};
use self::shape::Shape;
use crate::campaign::Inputs;
use crate::world::World;

/// The most requests that an input makes.
const REQUESTS_MAX: u8 = 6;
/// Every selector that this divides is followed by a body as it is.
const RAW: u8 = 4;

/// What all inputs share.
#[derive(Debug)]
struct Shared {
    facts: Facts,
    judge: Judge,
    node: Mutex<Devnet>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let world = World::new();
        let node = Devnet::new(&world);
        let facts = Facts::new(world, &node);
        let judge = Judge::new(&facts.document);
        Shared { facts, judge, node: Mutex::new(node) }
    })
}

/// Asks and checks; panics where an invariant breaks.
pub fn rpc_request(data: &[u8]) {
    let Some((selector, rest)) = data.split_first() else { return };
    let shared = shared();
    let mut node = shared.node.lock().unwrap_or_else(PoisonError::into_inner);
    node.begin(if selector & 0x80 == 0 { Blocks::AtOnce } else { Blocks::OnRequest });
    let mut session =
        Session { judge: &shared.judge, node: &mut node, mined: 0, named: false, changes: false };
    if selector.is_multiple_of(RAW) {
        session.ask(rest.to_vec(), &Shape::default());
        node.end(None);
    } else {
        let mut asker = Asker::new(&shared.facts);
        let _end_of_bytes = session.requests(&mut asker, &mut Unstructured::new(rest));
        let named = session.named;
        // What the node signs itself, for the accounts that everyone knows, is confirmed like the rest.
        node.end(Some(&|signed| named || asker.has_signed(signed)));
    }
}

/// Whether a method may change the chain. A new one is held to read, until it is named here.
fn changes(method: &str) -> bool {
    ["vm_send", "vm_submit"].contains(&method) || method.starts_with("dev_")
}

/// The requests of one input.
struct Session<'s> {
    judge: &'s Judge,
    node: &'s mut Devnet,
    /// Blocks that were asked for.
    mined: u64,
    /// Whether a call was made in the name of an account.
    named: bool,
    /// Whether the chain may have changed.
    changes: bool,
}

impl Session<'_> {
    fn requests(&mut self, asker: &mut Asker<'_>, u: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..REQUESTS_MAX {
            if u.is_empty() {
                break;
            }
            let mut body = body(asker, u)?;
            if u.ratio(1, 64)? {
                // White space is no reason to take more than the limit.
                body.resize(REQUEST_BYTES + u.int_in_range(0..=2usize)? - 1, b' ');
            }
            let shape = Shape::choose(u)?;
            // Of a body that was not made here, and may have two ids, this can't be said.
            let (calls, is_batch) = (calls(&body), body.starts_with(b"["));
            if let Some(answer) = self.ask(body, &shape) {
                each_is_answered_once(&calls, is_batch, &answer);
            }
        }
        Ok(())
    }

    /// Sends `body` and holds its answer to what must hold; none if HTTP refuses it, or it asks for too much.
    fn ask(&mut self, body: Vec<u8>, shape: &Shape) -> Option<Response<Vec<u8>>> {
        if let Some(status) = shape.status(body.len()) {
            let answer = self.node.ask(shape.request(body));
            assert_eq!(answer.status(), status, "{shape:?}");
            answers::assert_says_why(&answer);
            if !self.changes {
                self.node.assert_unchanged();
            }
            return None;
        }
        let calls = calls(&body);
        if !self.affords(&calls) {
            return None;
        }
        self.named |= calls.iter().any(|call| call.method == "dev_call");
        if calls.iter().any(|call| changes(&call.method)) {
            self.changes = true;
            self.node.will_change();
        }
        let bytes = body.len();
        let request = shape.request(body);
        let answer = self.node.ask(request.clone());
        self.judge.check(&calls, bytes, &answer, &self.node.chain(), self.changes);
        if !self.changes {
            self.node.assert_unchanged();
            let again = self.node.ask(request);
            let text = |answer: &Response<Vec<u8>>| String::from_utf8_lossy(answer.body()).into_owned();
            assert_eq!(text(&answer), text(&again), "one question, two answers: {calls:?}");
        }
        Some(answer)
    }

    /// Whether the blocks that `calls` ask for are not too many: an input would take long, and its way back longer.
    fn affords(&mut self, calls: &[Call]) -> bool {
        let counts = calls.iter().filter_map(|call| call.number("count"));
        // More than that at once are refused.
        let counts = counts.filter(|count| *count <= u64::from(vm_chain::api::ITEMS_MAX));
        self.mined = counts.fold(self.mined, u64::saturating_add);
        self.mined <= MINED_MAX
    }
}

/// One request, a batch, or something else that is JSON.
fn body(asker: &mut Asker<'_>, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let body = match u.int_in_range(0..=15u8)? {
        0..=2 => {
            let count = u.int_in_range(0..=BATCH + 1)?;
            (0..count).map(|index| request(asker, u, index)).collect::<Result<Value>>()?
        }
        _ => request(asker, u, 0)?,
    };
    Ok(body.to_string().into_bytes())
}

fn request(asker: &mut Asker<'_>, u: &mut Unstructured<'_>, index: usize) -> Result<Value> {
    let (method, mut params) = asker.call(u)?;
    if let Some(count) = params.get_mut("count")
        && let Some(wanted) = count.as_u64().filter(|wanted| *wanted <= u64::from(vm_chain::api::ITEMS_MAX))
    {
        *count = (wanted % 6).into();
    }
    let mut request = json!({ "jsonrpc": "2.0", "id": index, "method": method, "params": params });
    let fields = request.as_object_mut().unwrap();
    match u.int_in_range(0..=63u8)? {
        0 => drop(fields.remove("id")),
        1 => drop(fields.remove("jsonrpc")),
        2 => drop(fields.remove("params")),
        3 => drop(fields.insert("id".to_owned(), json!("an id"))),
        4 => drop(fields.insert("id".to_owned(), json!({ "no": "id" }))),
        5 => drop(fields.insert("id".to_owned(), Value::Null)),
        6 => drop(fields.insert("jsonrpc".to_owned(), json!("1.0"))),
        7 => drop(fields.insert("more".to_owned(), json!([1]))),
        _ => (),
    }
    Ok(request)
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(14);
    let mut seeds: Vec<(String, Vec<u8>)> = (0..24)
        .map(|index| {
            let mut bytes = inputs.bytes(900);
            bytes.insert(0, if index % 2 == 0 { 1 } else { 0x81 });
            (format!("seed-{index:02}"), bytes)
        })
        .collect();
    // A body for each method, as it goes over the wire.
    let facts = &shared().facts;
    let mut asker = Asker::new(facts);
    let mut missing: BTreeSet<&str> =
        facts.document["methods"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    while !missing.is_empty() {
        let bytes = inputs.bytes(900);
        let Ok((method, params)) = asker.call(&mut Unstructured::new(&bytes)) else { continue };
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        if body.len() < 2_000 && missing.remove(method.as_str()) {
            seeds.push((format!("body-{method}"), [&[0], body.as_bytes()].concat()));
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The generator is worth its name only if most of what it makes is answered, by every method.
    #[test]
    fn every_method_is_answered_and_refuses_too() {
        let shared = shared();
        let mut node = shared.node.lock().unwrap_or_else(PoisonError::into_inner);
        let mut inputs = Inputs::new(15);
        let mut ends: BTreeMap<String, BTreeMap<i64, u32>> = BTreeMap::new();
        for index in 0..1_200 {
            node.begin(if index % 8 == 0 { Blocks::AtOnce } else { Blocks::OnRequest });
            let bytes = inputs.bytes(900);
            let (mut asker, mut u) = (Asker::new(&shared.facts), Unstructured::new(&bytes));
            for id in 0..4 {
                let Ok(request) = request(&mut asker, &mut u, id) else { break };
                let method = request["method"].as_str().unwrap().to_owned();
                if changes(&method) {
                    node.will_change();
                }
                let request = Shape::default().request(request.to_string().into());
                let Ok(answer) = serde_json::from_slice::<Value>(node.ask(request).body()) else { continue };
                let end = answer["error"]["code"].as_i64().unwrap_or_default();
                *ends.entry(method).or_default().entry(end).or_default() += 1;
            }
            node.end(None);
        }
        let mut poor = vec![];
        for method in shared.facts.document["methods"].as_array().unwrap() {
            let name = method["name"].as_str().unwrap();
            let ends = &ends[name];
            let count = |code: i64| ends.get(&code).copied().unwrap_or_default();
            // Where no block is made, what waits for one says so; over HTTP nothing is subscribed to, and of one producer's
            // blocks there is no certificate.
            let is_unsupported = name.contains("subscribe") || name == "vm_finality";
            let good = count(0) + count(-32_033) + if is_unsupported { count(-32_041) } else { 0 };
            let all: u32 = ends.values().sum();
            if good * 4 < all || good == all {
                poor.push((name, ends));
            }
        }
        assert!(poor.is_empty(), "{poor:?}");
    }

    #[test]
    fn every_other_request_gets_the_status_that_the_page_lists() {
        let shared = shared();
        let mut node = shared.node.lock().unwrap_or_else(PoisonError::into_inner);
        node.begin(Blocks::OnRequest);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "vm_status", "params": {} }).to_string();
        let mut met: BTreeMap<u16, u32> = BTreeMap::new();
        for shape in Shape::all() {
            let answer = node.ask(shape.request(body.clone().into()));
            match shape.status(body.len()) {
                Some(status) => {
                    assert_eq!(answer.status(), status, "{shape:?}");
                    answers::assert_says_why(&answer);
                    *met.entry(status).or_default() += 1;
                }
                None => {
                    shared.judge.check(&calls(body.as_bytes()), body.len(), &answer, &node.chain(), false)
                }
            }
        }
        assert!([200, 403, 404, 405, 415].iter().all(|status| met[status] > 5), "{met:?}");
        let long = Shape::default().request(vec![b' '; REQUEST_BYTES + 1]);
        assert_eq!(node.ask(long).status(), 413);
        node.assert_unchanged();
        node.end(None);
    }

    #[test]
    fn the_dictionary_has_every_method_and_parameter() {
        let words = include_str!("../dictionaries/rpc_request.dict");
        for method in shared().facts.document["methods"].as_array().unwrap() {
            let params = method["params"].as_array().unwrap().iter().map(|param| &param["name"]);
            for name in params.chain([&method["name"]]) {
                assert!(words.contains(name.as_str().unwrap()), "{name}");
            }
        }
    }
}
