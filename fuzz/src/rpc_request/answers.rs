//! What every answer must be, whatever was asked.

use std::collections::BTreeMap;

use http::Response;
use jsonschema::Validator;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use vm_chain::api::types::{At, Claim, Proof};
use vm_chain::rpc::ErrorData;
use vm_chain::{Chain, proof};

use super::node::{BATCH, REQUEST_BYTES, RESPONSE_BYTES};

/// The codes that `docs/rpc.md` lists, but for those of the node's own failure.
const CODES: [i64; 15] = [
    -32_700, -32_600, -32_601, -32_602, -32_008, -32_010, -32_011, -32_020, -32_021, -32_030, -32_031,
    -32_032, -32_033, -32_040, -32_041,
];
/// The codes that JSON-RPC itself gives, without data of ours.
const BARE: [i64; 6] = [-32_700, -32_600, -32_601, -32_008, -32_010, -32_011];
/// The longest result that is held against its schema: it costs more than the answer.
const CHECKED_BYTES_MAX: usize = 64 << 10;
/// The levels that a client of ours reads.
const DEPTH_MAX: usize = 1_024;

/// A call as JSON-RPC will read it, unless it is none.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// None for a notification.
    pub(super) id: Option<Value>,
    pub(super) method: String,
    /// As they stand: they may be deep.
    pub(super) params: String,
}

impl Call {
    fn new(entry: &RawValue) -> Option<Self> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(entry.get()).ok()?;
        let method = serde_json::from_str(fields.get("method")?.get()).ok()?;
        let id = fields.get("id").map(|id| serde_json::from_str(id.get()).unwrap_or_default());
        let params = fields.get("params").map_or("{}", |params| params.get()).to_owned();
        Some(Self { id, method, params })
    }

    /// The parameter with this name, if it is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.param(name)
    }

    /// The parameter with this name, if it is given and a `T`.
    fn param<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let params: BTreeMap<String, &RawValue> = serde_json::from_str(&self.params).ok()?;
        serde_json::from_str(params.get(name)?.get()).ok()
    }
}

/// The calls of a body; none of what is no JSON.
pub(super) fn calls(body: &[u8]) -> Vec<Call> {
    let entries: Vec<&RawValue> = match serde_json::from_slice(body) {
        Ok(entries) => entries,
        Err(_) => serde_json::from_slice(body).into_iter().collect(),
    };
    entries.into_iter().filter_map(Call::new).collect()
}

/// Holds that each call that wants an answer gets one, and that nothing else does: for bodies whose entries have at most
/// one id each.
pub(super) fn each_is_answered_once(calls: &[Call], is_batch: bool, response: &Response<Vec<u8>>) {
    // With an id that is no id, a call is taken for a notification.
    let is_id = |id: &&Value| matches!(id, Value::Null | Value::String(_) | Value::Number(_));
    let mut wanted: Vec<String> =
        calls.iter().filter_map(|call| call.id.as_ref().filter(is_id)).map(Value::to_string).collect();
    let answers = match response.status().as_u16() {
        204 => vec![],
        200 => match read(response.body()) {
            Value::Array(answers) => answers,
            whole if is_batch => {
                // None of the batch was answered, or all of it was too long.
                let code = whole["error"]["code"].as_i64();
                let refused = match code {
                    Some(-32_600) => calls.is_empty(),
                    Some(-32_010) => calls.len() > BATCH,
                    _ => code == Some(-32_011),
                };
                assert!(refused && whole["id"].is_null(), "no answer to a batch: {whole}");
                return;
            }
            one => vec![one],
        },
        _ => return,
    };
    let mut answered: Vec<String> = answers.iter().map(|answer| answer["id"].to_string()).collect();
    wanted.sort();
    answered.sort();
    assert_eq!(answered, wanted, "each call is answered once: {calls:?}");
}

/// Holds that what HTTP refuses comes with a line that says why.
pub(super) fn assert_says_why(response: &Response<Vec<u8>>) {
    if !response.status().is_success() {
        let text = std::str::from_utf8(response.body()).unwrap();
        let is_line = text.len() > 1 && text.find('\n') == Some(text.len() - 1);
        assert!(is_line, "{}: {text:?}", response.status());
    }
}

/// Holds that `proof` is of what `call` asked for, in the block that it asked for, as the chain has it. With `changes` the
/// chain may have gone on since, and with a rollback in the same body the block may be gone.
fn check_proof(call: &Call, proof: &Proof, chain: &Chain, changes: bool, rolled_back: bool) {
    assert_eq!(Some(&proof.claim), call.param::<Claim>("claim").as_ref(), "a proof of something else");
    let asked = match (&proof.claim, call.param::<At>("at").unwrap_or_default()) {
        _ if rolled_back => return drop(proof::verify(proof, &proof.header.hash.0).unwrap()),
        (Claim::Receipt { transaction } | Claim::Event { transaction, .. }, _) => {
            chain.position(&transaction.0).unwrap().unwrap().height
        }
        (_, At::Height(height)) => height,
        // Genesis is not among the blocks that are found by their hash.
        (_, At::Hash(hash)) => chain.height(&hash.0).unwrap().unwrap_or_default(),
        (_, At::Head) if changes => proof.header.height,
        (_, At::Head) => chain.head().height,
    };
    let trusted = chain.header_at(asked).unwrap().unwrap().hash();
    proof::verify(proof, &trusted).unwrap();
}

/// Holds answers against the description of the interface.
#[derive(Debug)]
pub(super) struct Judge {
    results: BTreeMap<String, Validator>,
    error: Validator,
}

impl Judge {
    pub(super) fn new(document: &Value) -> Self {
        let validator = |schema: &Value| {
            let whole = json!({ "allOf": [schema], "components": document["components"] });
            jsonschema::validator_for(&whole).unwrap()
        };
        let methods = document["methods"].as_array().unwrap().iter();
        let result = |method: &Value| {
            (method["name"].as_str().unwrap().to_owned(), validator(&method["result"]["schema"]))
        };
        Self { results: methods.map(result).collect(), error: validator(&document["x-error-data"]) }
    }

    /// Holds that `response` is one to a body of `bytes` with these calls, of `chain`, which may be another than at the
    /// beginning if it `changes`.
    pub(super) fn check(
        &self,
        calls: &[Call],
        bytes: usize,
        response: &Response<Vec<u8>>,
        chain: &Chain,
        changes: bool,
    ) {
        let text = response.body();
        assert!(text.len() <= RESPONSE_BYTES, "{} bytes, more than the limit", text.len());
        let status = response.status().as_u16();
        assert_eq!(status == 413, bytes > REQUEST_BYTES, "{status} for {bytes} bytes");
        if status == 413 {
            return;
        }
        assert!([200, 204, 400].contains(&status), "{status}: {}", String::from_utf8_lossy(text));
        assert_eq!(status == 204, text.is_empty(), "{status}: {}", String::from_utf8_lossy(text));
        if status == 204 {
            return;
        }
        let answer = read(text);
        let answers = match &answer {
            Value::Array(answers) => answers.as_slice(),
            one => std::slice::from_ref(one),
        };
        assert!(!answers.is_empty() && answers.len() <= BATCH, "{} answers", answers.len());
        for answer in answers {
            if let Some((call, result)) = self.check_one(calls, answer, text.len())
                && call.method == "vm_prove"
            {
                let rolled_back = calls.iter().any(|call| call.method == "dev_rollback");
                let proof: Proof = serde_json::from_value(result.clone()).unwrap();
                check_proof(call, &proof, chain, changes, rolled_back);
            }
        }
    }

    /// Gives the call and its result, where that can be told.
    fn check_one<'a>(
        &self,
        calls: &'a [Call],
        answer: &'a Value,
        bytes: usize,
    ) -> Option<(&'a Call, &'a Value)> {
        let Some(fields) = answer.as_object() else { panic!("{answer} is no answer to {calls:?}") };
        assert_eq!(fields["jsonrpc"], "2.0", "{answer}");
        assert_eq!(fields.len(), 3, "{answer}");
        let id = &fields["id"];
        if let Some(error) = fields.get("error") {
            self.check_error(error);
            return None;
        }
        let result = &fields["result"];
        let mut asked = calls.iter().filter(|call| call.id.as_ref() == Some(id));
        // What has no id of its own can't be told apart.
        let (Some(call), None) = (asked.next(), asked.next()) else {
            assert!(calls.len() > 1, "an answer to nothing: {answer}");
            return None;
        };
        let Some(validator) = self.results.get(&call.method) else { panic!("no such method: {call:?}") };
        if bytes > CHECKED_BYTES_MAX {
            return None;
        }
        if let Err(error) = validator.validate(result) {
            panic!(
                "{} answers otherwise than described: {}: {error}\n{result}",
                call.method,
                error.instance_path()
            );
        }
        Some((call, result))
    }

    fn check_error(&self, error: &Value) {
        let code = error["code"].as_i64().unwrap();
        assert!(CODES.contains(&code), "no request gets this: {error}");
        if BARE.contains(&code) {
            return;
        }
        let data = &error["data"];
        if let Err(wrong) = self.error.validate(data) {
            panic!("an error is otherwise than described: {wrong}\n{error}");
        }
        let read: ErrorData = serde_json::from_value(data.clone()).unwrap();
        let Some(read) = read.error() else { panic!("a client does not know {error}") };
        assert_eq!(i64::from(read.code()), code, "{error}");
        assert_eq!(error["message"], read.to_string(), "{error}");
    }
}

/// Reads JSON that may be as deep as a client of ours takes it.
fn read(text: &[u8]) -> Value {
    assert!(depth(text) <= DEPTH_MAX, "no client reads so deep an answer");
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let value = Value::deserialize(&mut deserializer).unwrap();
    deserializer.end().unwrap();
    value
}

/// The most lists and objects of `text` that stand in each other.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut most, mut quoted) = (0usize, 0, false);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quoted => drop(bytes.next()),
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= 1,
            _ => (),
        }
        most = most.max(depth);
    }
    most
}
