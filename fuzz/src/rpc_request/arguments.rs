//! Arguments for any method, from the kinds that its description names: ids, heights and hashes that exist and near misses,
//! limits and cursors at their edges, calls with arguments that fit, transactions.
//!
//! Nothing here knows a method's name: a new one is asked as soon as it is in the table.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Result, Unstructured};
use parity_scale_codec::Encode;
use serde_json::{Map, Value, json};
use vm_chain::rpc::openrpc;
use vm_chain::value::decode_fields;
use vm_chain::{ChainId, Names, SecretKey, Signed};
use vm_core::interface::Function;
use vm_core::{Address, KeySpace, Transaction};

use super::node::{Devnet, sign};
use crate::chain::{alice, entries};
use crate::typed;
use crate::world::World;

/// How deep arguments are made.
const DEPTH: u8 = 6;

/// What arguments are made of.
#[derive(Debug)]
pub(super) struct Facts {
    /// The description of the interface.
    pub(super) document: Value,
    world: World,
    id: ChainId,
    head: u64,
    blocks: Vec<[u8; 32]>,
    transactions: Vec<[u8; 32]>,
    keys: Vec<Vec<u8>>,
    texts: Vec<String>,
    nonces: BTreeMap<Address, u64>,
}

impl Facts {
    pub(super) fn new(world: World, node: &Devnet) -> Self {
        let chain = node.chain();
        let head = chain.head().height;
        let (mut blocks, mut transactions) = (vec![chain.head().state_root.0], vec![]);
        // The newest blocks are met more often: their states are kept.
        let heights = (head.saturating_sub(40)..=head).chain((0..head).step_by(16));
        for height in heights {
            blocks.extend(chain.header_at(height).unwrap().map(|header| header.hash().0));
            let body = chain.body(height).unwrap();
            transactions.extend(body.iter().flat_map(|body| &body.transactions).map(|it| chain.hash(it).0));
        }
        let view = world.chain.view();
        let keys =
            |space| entries(&*view, space).into_iter().step_by(7).map(|(key, _)| key.as_bytes().to_vec());
        let keys = KeySpace::ALL.into_iter().flat_map(keys).collect();
        let mut texts: BTreeSet<String> =
            ["", "head", "alice", "@bob", "carol", "off", "calls", "full"].map(str::to_owned).into();
        for contract in world.generator.contracts() {
            let interface = &contract.interface;
            texts.extend(interface.functions.iter().map(|function| function.name.clone()));
            texts.extend(interface.events.iter().map(|event| event.name.clone()));
            texts.extend(interface.objects.iter().flat_map(|it| &it.fields).map(|field| field.name.clone()));
        }
        let reader = chain.view().unwrap();
        let reader = vm_state::StateReader::new(&*reader);
        let nonce = |address: &Address| (*address, reader.account(address).unwrap().nonce);
        let nonces = world.generator.pool().addresses.iter().map(nonce).collect();
        let (document, texts) = (openrpc::document(), texts.into_iter().collect());
        Self { document, id: node.id, head, blocks, transactions, keys, texts, nonces, world }
    }
}

/// Makes the requests of one input.
#[derive(Debug)]
pub(super) struct Asker<'f> {
    facts: &'f Facts,
    nonces: BTreeMap<Address, u64>,
    /// What was signed by whom it is of.
    signed: BTreeSet<Vec<u8>>,
}

impl<'f> Asker<'f> {
    pub(super) fn new(facts: &'f Facts) -> Self {
        Self { facts, nonces: facts.nonces.clone(), signed: BTreeSet::new() }
    }

    /// Whether the sender of `signed` signed just this.
    pub(super) fn has_signed(&self, signed: &Signed) -> bool {
        self.signed.contains(&signed.encode())
    }

    /// The name and the parameters of a method of the table.
    pub(super) fn call(&mut self, u: &mut Unstructured<'_>) -> Result<(String, Value)> {
        let facts = self.facts;
        let method = u.choose(facts.document["methods"].as_array().unwrap())?;
        let mut params = Map::new();
        for param in method["params"].as_array().unwrap() {
            let name = param["name"].as_str().unwrap();
            if u.ratio(if param["required"] == true { 31 } else { 16 }, 32)? {
                params.insert(name.to_owned(), self.value(u, name, &param["schema"], DEPTH)?);
            }
        }
        let params = match u.int_in_range(0..=63u8)? {
            0 => Value::Array(params.into_iter().map(|(_, value)| value).collect()),
            1 => junk(u)?,
            2 => {
                params.insert("unknown".to_owned(), json!(1));
                params.into()
            }
            _ => params.into(),
        };
        let name = method["name"].as_str().unwrap();
        Ok((if u.ratio(1, 64)? { format!("{name}s") } else { name.to_owned() }, params))
    }

    /// A value for `schema`, which stands at `name`.
    fn value(&mut self, u: &mut Unstructured<'_>, name: &str, schema: &Value, depth: u8) -> Result<Value> {
        let facts = self.facts;
        let Some(depth) = depth.checked_sub(1) else { return junk(u) };
        if u.ratio(1, 48)? {
            return junk(u);
        }
        if let Some(constant) = schema.get("const") {
            return Ok(constant.clone());
        }
        for choices in ["oneOf", "anyOf", "allOf", "enum"] {
            let Some(choices) = schema[choices].as_array() else { continue };
            let choice = u.choose(choices)?;
            return if choice.is_object() { self.value(u, name, choice, depth) } else { Ok(choice.clone()) };
        }
        if let Some(kind) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return Ok(match kind {
                "Address" | "Hash" | "ObjectId" => self.id(u, name, kind)?,
                "Amount" => {
                    let amount = self.edge(u)?;
                    near(u, amount.to_string())?
                }
                "At" if u.ratio(3, 4)? => json!(self.height(u)?),
                "At" if u.ratio(1, 4)? => json!("head"),
                "At" => self.id(u, name, "Hash")?,
                "Bytes" => {
                    let bytes = self.bytes(u, name)?;
                    near(u, format!("0x{}", hex::encode(bytes)))?
                }
                _ => self.value(u, name, &facts.document["components"]["schemas"][kind], depth)?,
            });
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => u.choose(kinds)?,
            kind => kind,
        };
        Ok(match kind.as_str().unwrap_or_default() {
            "object" => self.object(u, schema, depth)?,
            "array" => {
                let count = u.int_in_range(0..=3u8)?;
                (0..count).map(|_| self.value(u, name, &schema["items"], depth)).collect::<Result<_>>()?
            }
            "integer" | "number" if u.arbitrary()? => json!(self.height(u)?),
            "integer" | "number" => json!(self.edge(u)?),
            "boolean" => json!(u.arbitrary::<bool>()?),
            "string" => {
                let named = ["alice", "bob", "@alice", "carol"].map(str::to_owned);
                let texts = if name == "from" { &named[..] } else { &facts.texts };
                let text = u.choose(texts)?;
                near(u, text.clone())?
            }
            "null" => Value::Null,
            _ => junk(u)?,
        })
    }

    fn object(&mut self, u: &mut Unstructured<'_>, schema: &Value, depth: u8) -> Result<Value> {
        let none = Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&none);
        let required = schema["required"].as_array();
        let mut object = Map::new();
        for (name, property) in properties {
            let needed = required.is_some_and(|required| required.contains(&json!(name)));
            if u.ratio(if needed { 31 } else { 16 }, 32)? {
                object.insert(name.clone(), self.value(u, name, property, depth)?);
            }
        }
        // A contract by itself, and a function of another, would only show that there is none.
        if properties.contains_key("contract") && properties.contains_key("function") && u.ratio(7, 8)? {
            self.fitting_call(u, properties, &mut object)?;
        }
        if u.ratio(1, 64)? {
            object.insert("unknown".to_owned(), junk(u)?);
        }
        Ok(object.into())
    }

    /// Puts a contract, a function of its, and arguments for it where they go.
    fn fitting_call(
        &self,
        u: &mut Unstructured<'_>,
        properties: &Map<String, Value>,
        object: &mut Map<String, Value>,
    ) -> Result<()> {
        let contract = u.choose(self.facts.world.generator.contracts())?;
        let function = u.choose(&contract.interface.functions)?;
        object.insert("contract".to_owned(), json!(contract.address.to_string()));
        object.insert("function".to_owned(), json!(function.name));
        if let Some(schema) = properties.get("args") {
            let bytes = typed::arguments(u, &function.params, self.facts.world.generator.pool())?;
            let readable = schema["type"] == "object";
            let args =
                if readable { by_name(function, &bytes) } else { json!(format!("0x{}", hex::encode(bytes))) };
            object.insert("args".to_owned(), args);
        }
        Ok(())
    }

    /// An id of `kind`; of which of the things that have hashes, the name of its place says.
    fn id(&self, u: &mut Unstructured<'_>, name: &str, kind: &str) -> Result<Value> {
        let pool = self.facts.world.generator.pool();
        let kind = if u.ratio(1, 16)? { *u.choose(&["Address", "Hash", "ObjectId"])? } else { kind };
        let mut id = match (kind, u.int_in_range(0..=7u8)?) {
            ("Address", _) => u.choose(&pool.addresses)?.0,
            ("ObjectId", _) => u.choose(&pool.objects)?.0,
            (_, 0) => *u.choose(&self.facts.blocks)?,
            (_, 1) => *u.choose(&self.facts.transactions)?,
            (_, 2) => u.choose(&pool.hashes)?.0,
            _ if name == "at" => *u.choose(&self.facts.blocks)?,
            _ if name.contains("code") => u.choose(&pool.hashes)?.0,
            _ => *u.choose(&self.facts.transactions)?,
        };
        if u.ratio(1, 16)? {
            id[usize::from(u.int_in_range(0..=31u8)?)] ^= 1 << u.int_in_range(0..=7u8)?;
        }
        near(u, format!("0x{}", hex::encode(id)))
    }

    fn height(&self, u: &mut Unstructured<'_>) -> Result<u64> {
        let below = u64::from(u.int_in_range(0..=63u8)?);
        Ok(match u.int_in_range(0..=7u8)? {
            0 => below,
            1 => self.facts.head + below,
            2 => u.int_in_range(0..=self.facts.head)?,
            _ => self.facts.head.saturating_sub(below),
        })
    }

    /// A number where something may end.
    fn edge(&self, u: &mut Unstructured<'_>) -> Result<u64> {
        let edge =
            *u.choose(&[0, 1, 2, 96, 1_000, 1 << 16, 1 << 32, 500_000_000, 1 << 53, 1 << 63, u64::MAX])?;
        Ok(match u.int_in_range(0..=3u8)? {
            0 => edge.saturating_sub(1),
            1 => edge.saturating_add(1),
            _ => edge,
        })
    }

    /// Bytes that mean something, by the name of the place where they stand.
    fn bytes(&mut self, u: &mut Unstructured<'_>, name: &str) -> Result<Vec<u8>> {
        let mut bytes = match (name, u.int_in_range(0..=15u8)?) {
            ("signed", 1..) | (_, 0) => return self.sent(u),
            ("transaction", 2..) | (_, 1) => self.transaction(u)?.encode(),
            ("after", 3..) | (_, 2) => u.choose(&self.facts.keys)?.clone(),
            ("name", 4..) | (_, 3) => u.choose(&self.facts.texts)?.clone().into_bytes(),
            (_, _) => {
                let contract = u.choose(self.facts.world.generator.contracts())?;
                let function = u.choose(&contract.interface.functions)?;
                typed::arguments(u, &function.params, self.facts.world.generator.pool())?
            }
        };
        if u.ratio(1, 8)? {
            edit(u, &mut bytes)?;
        }
        Ok(bytes)
    }

    fn transaction(&mut self, u: &mut Unstructured<'_>) -> Result<Transaction> {
        let run = self.facts.world.generator.run(u)?;
        let next = self.nonces.entry(run.sender).or_default();
        let nonce = match u.int_in_range(0..=15u8)? {
            0 => u.int_in_range(0..=*next)?,
            1 => next.saturating_add(u.int_in_range(1..=600)?),
            2 => u64::MAX,
            _ => *next,
        };
        let gas_price = match u.int_in_range(0..=15u8)? {
            0 => u.arbitrary()?,
            more => u64::from(more & 3),
        };
        let (sender, gas_limit, payload) = (run.sender, run.gas_limit, run.payload);
        Ok(Transaction { sender, nonce, gas_limit, gas_price, payload })
    }

    /// A signed transaction; in one of three something is not as it was signed.
    fn sent(&mut self, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
        let transaction = self.transaction(u)?;
        let good = sign(transaction.clone(), &self.facts.id);
        let mut id = self.facts.id;
        let other = if transaction.sender == alice() { "bob" } else { "alice" };
        let mut bytes = match u.int_in_range(0..=23u8)? {
            0 => {
                id.genesis.0[0] ^= 1;
                sign(transaction, &id).encode()
            }
            1 => {
                id.params.0[0] ^= 1;
                sign(transaction, &id).encode()
            }
            2 => SecretKey::dev(other).sign(transaction, &id).encode(),
            3 => {
                let mut other = transaction;
                other.nonce = other.nonce.wrapping_add(1);
                Signed { transaction: other, ..good.clone() }.encode()
            }
            4 => {
                let mut authorization = good.authorization.clone();
                authorization.resize(usize::from(u.int_in_range(0..=200u8)?), 0);
                Signed { authorization, ..good.clone() }.encode()
            }
            5..=7 => {
                let mut bytes = good.encode();
                edit(u, &mut bytes)?;
                bytes
            }
            _ => {
                let next = self.nonces.entry(transaction.sender).or_default();
                *next = next.saturating_add(u64::from(*next == transaction.nonce));
                good.encode()
            }
        };
        self.signed.insert(good.encode());
        if u.ratio(1, 32)? {
            bytes.push(0);
        }
        Ok(bytes)
    }
}

/// Arguments by name, as people write them; none of what has no form.
fn by_name(function: &Function, bytes: &[u8]) -> Value {
    let Ok(fields) = decode_fields(&function.params, bytes, &Names::default()) else { return json!({}) };
    fields.into_iter().map(|(name, human, _)| (name, serde_json::to_value(human).unwrap())).collect()
}

/// Sets, repeats or removes some bytes.
fn edit(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..u.int_in_range(1..=3u8)? {
        let at = u.int_in_range(0..=bytes.len())?;
        match u.int_in_range(0..=3u8)? {
            0 if at < bytes.len() => bytes[at] ^= 1 << u.int_in_range(0..=7u8)?,
            1 if at < bytes.len() => bytes[at] = u.arbitrary()?,
            2 => bytes.truncate(at),
            _ => bytes.insert(at, u.arbitrary()?),
        }
    }
    Ok(())
}

/// `text`, mostly as it is.
fn near(u: &mut Unstructured<'_>, mut text: String) -> Result<Value> {
    match u.int_in_range(0..=31u8)? {
        0 => drop(text.pop()),
        1 => text.push('0'),
        2 => text = text.to_uppercase(),
        3 => text.insert(0, ' '),
        4 => text = text.replacen("0x", "", 1),
        5 => text.push('\u{e9}'),
        _ => (),
    }
    Ok(text.into())
}

/// Something of no kind in particular, at times deep.
fn junk(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=11u8)? {
        0 => Value::Null,
        1 => json!(u.arbitrary::<bool>()?),
        2 => json!(u.arbitrary::<i64>()?),
        3 => json!(u.arbitrary::<f64>()?),
        4 => json!(u.arbitrary::<String>()?),
        5 => json!([]),
        6 => json!({}),
        7 => json!({ "kind": u.arbitrary::<u8>()? }),
        8 => json!([junk(u)?, junk(u)?]),
        9 => json!("\u{0}\u{202e}x"),
        10 => json!("9".repeat(u.int_in_range(0..=400usize)?)),
        _ => {
            let levels = u.int_in_range(0..=200u8)?;
            (0..levels).fold(
                json!(1),
                |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) },
            )
        }
    })
}
