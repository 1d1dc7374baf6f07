//! The report for programs. Ids that have a name stand as `@name` or `$name`; `names` gives their digits.
//!
//! Keys are only ever added; `version` changes when one changes its meaning.

use serde_json::{Map, Value, json};
use vm_core::{Event, Payload, Status};
use vm_host::{Change, FrameKind, FrameTrace, Step};

use super::{Lookup, field_name, target};
use crate::expect::{Ending, ending};
use crate::run::{BlockRun, Run, TransactionRun};
use crate::scenario::Scenario;
use crate::value::{Human, decode_fields};

/// The version of the report's shape.
pub const VERSION: u32 = 1;

/// All reports of one command.
#[must_use]
pub fn document(reports: Vec<Value>) -> Value {
    json!({ "version": VERSION, "scenarios": reports })
}

/// The report of one run.
#[must_use]
pub fn report(scenario: &Scenario, run: &Run) -> Value {
    let writer = Writer { lookup: Lookup { scenario, names: &run.names } };
    json!({
        "path": scenario.path.display().to_string(),
        "name": scenario.name,
        "passed": run.passed(),
        "expectations": { "checked": run.checks, "failed": run.failures },
        "blocks": run.blocks.iter().map(|block| writer.block(block)).collect::<Vec<_>>(),
        "names": run.names.all().into_iter().collect::<Map<_, _>>(),
        "state_root": run.head.state_root.to_string(),
        "block_hash": run.head.hash().to_string(),
        "totals": {
            "transactions": run.transactions().count(),
            "gas_used": run.gas_used(),
            "fuel": run.fuel(),
        },
    })
}

struct Writer<'a> {
    lookup: Lookup<'a>,
}

fn human(value: &Human) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn with_ending(object: &mut Map<String, Value>, ending: &Ending) {
    object.insert("status".to_owned(), json!(ending.status));
    if let Some(error) = &ending.error {
        let fields: Map<_, _> =
            ending.fields.iter().map(|(name, value)| (name.clone(), human(value))).collect();
        object.insert("error".to_owned(), json!({ "name": error, "fields": fields }));
    }
}

impl Writer<'_> {
    fn block(&self, block: &BlockRun) -> Value {
        let transactions: Vec<_> = block.transactions.iter().map(|run| self.transaction(run)).collect();
        json!({
            "height": block.height,
            "time": block.time,
            "refused": block.refused,
            "state_root": block.header.as_ref().map(|header| header.state_root.to_string()),
            "block_hash": block.header.as_ref().map(|header| header.hash().to_string()),
            "receipts_root": block.header.as_ref().map(|header| header.receipts_root.to_string()),
            "transactions": transactions,
        })
    }

    fn transaction(&self, run: &TransactionRun) -> Value {
        let receipt = &run.executed.receipt;
        let resources = &run.executed.resources;
        let target = target(self.lookup.scenario, &run.transaction);
        let interface = target.as_ref().and_then(|(address, _)| self.lookup.interface(address));
        let mut object = Map::new();
        object.insert("hash".to_owned(), json!(run.executed.hash.to_string()));
        object.insert("note".to_owned(), json!(run.note));
        object.insert("sender".to_owned(), json!(self.lookup.names.show_address(&run.transaction.sender)));
        object.insert("nonce".to_owned(), json!(run.transaction.nonce));
        object.insert("payload".to_owned(), self.payload(run));
        with_ending(&mut object, &ending(receipt.status, &receipt.output, interface, self.lookup.names));
        if let (Status::Success, Some((address, function))) = (receipt.status, &target) {
            let returned = self.lookup.returned(address, function, &receipt.output);
            object.insert("returns".to_owned(), returned.as_ref().map_or(Value::Null, human));
        }
        object.insert("output".to_owned(), json!(hex(&receipt.output)));
        object.insert("gas_limit".to_owned(), json!(run.transaction.gas_limit));
        object.insert("gas_price".to_owned(), json!(run.transaction.gas_price));
        object.insert("gas_used".to_owned(), json!(receipt.gas_used));
        object.insert("gas_refunded".to_owned(), json!(receipt.gas_refunded));
        object.insert("fuel".to_owned(), json!(resources.fuel));
        object.insert(
            "resources".to_owned(),
            json!({
                "fuel": resources.fuel,
                "host_fuel": {
                    "table": resources.host.table,
                    "entries": resources.host.entries,
                    "bytes": resources.host.bytes,
                },
                "setup_fuel": resources.setup_fuel,
                "intrinsic_fuel": resources.intrinsic_fuel,
                "forfeited_fuel": resources.forfeited_fuel,
                "host_calls": resources.host_calls,
                "frames": resources.frames,
                "depth_max": resources.depth_max,
                "pages_peak": resources.pages_peak,
                "entries_read": resources.entries_read,
                "entries_written": resources.entries_written,
                "bytes_read": resources.bytes_read,
                "bytes_written": resources.bytes_written,
            }),
        );
        object.insert("receipt_hash".to_owned(), json!(receipt.hash().to_string()));
        let events: Vec<_> = receipt.events.iter().map(|event| self.event(event)).collect();
        object.insert("events".to_owned(), json!(events));
        let trace = run.executed.trace.as_ref();
        object.insert("trace".to_owned(), trace.map_or(Value::Null, |trace| self.frame(&trace.root)));
        object.insert("trace_cut".to_owned(), json!(trace.is_some_and(|trace| trace.truncated)));
        Value::Object(object)
    }

    fn payload(&self, run: &TransactionRun) -> Value {
        let names = self.lookup.names;
        match &run.transaction.payload {
            Payload::Transfer { to, amount } => {
                json!({ "kind": "transfer", "to": names.show_address(to), "amount": amount })
            }
            Payload::Call { contract, function, args, value } => json!({
                "kind": "call",
                "contract": names.show_address(contract),
                "function": function,
                "args": human(&self.lookup.args(contract, function, args)),
                "raw_args": hex(args),
                "value": value,
            }),
            Payload::Deploy { code, salt, args, value } => {
                let (address, init) = target(self.lookup.scenario, &run.transaction).unwrap_or_default();
                json!({
                    "kind": "deploy",
                    "contract": names.show_address(&address),
                    "code_hash": code.hash().to_string(),
                    "salt": salt.to_string(),
                    "args": human(&self.lookup.args(&address, &init, args)),
                    "raw_args": hex(args),
                    "value": value,
                })
            }
            Payload::Upload { code } => {
                json!({ "kind": "upload", "code_hash": vm_core::Hash::of_code(code).to_string() })
            }
        }
    }

    fn event(&self, event: &Event) -> Value {
        let record =
            self.lookup.interface(&event.contract).and_then(|interface| interface.event(&event.name));
        let fields =
            record.and_then(|record| decode_fields(&record.fields, &event.data, self.lookup.names).ok());
        let fields = fields.map(|fields| {
            fields.into_iter().map(|(name, value, _)| (name, human(&value))).collect::<Map<_, _>>()
        });
        json!({
            "contract": self.lookup.names.show_address(&event.contract),
            "event": event.name,
            "fields": fields,
            "data": hex(&event.data),
        })
    }

    fn frame(&self, frame: &FrameTrace) -> Value {
        let names = self.lookup.names;
        let function = self.lookup.function(frame);
        let mut object = Map::new();
        let kind = match frame.kind {
            FrameKind::Call => "call",
            FrameKind::Deploy => "deploy",
            FrameKind::Transfer => "transfer",
            FrameKind::Upload => "upload",
        };
        object.insert("kind".to_owned(), json!(kind));
        object.insert("depth".to_owned(), json!(frame.depth));
        object.insert("caller".to_owned(), json!(names.show_address(&frame.caller)));
        object.insert("contract".to_owned(), json!(names.show_address(&frame.contract)));
        object.insert("function".to_owned(), json!(function));
        object.insert("args".to_owned(), human(&self.lookup.args(&frame.contract, function, &frame.args)));
        object.insert("value".to_owned(), json!(frame.value));
        object.insert("gas_granted".to_owned(), json!(frame.gas_granted));
        object.insert("gas_used".to_owned(), json!(frame.gas_used));
        let interface = self.lookup.interface(&frame.contract);
        with_ending(&mut object, &ending(frame.status, &frame.output, interface, names));
        if frame.status.is_success() {
            let returned = self.lookup.returned(&frame.contract, function, &frame.output);
            object.insert("returns".to_owned(), returned.as_ref().map_or(Value::Null, human));
        }
        object.insert("detail".to_owned(), json!(frame.detail));
        let steps: Vec<_> = frame.steps.iter().map(|step| self.step(frame, step)).collect();
        object.insert("steps".to_owned(), json!(steps));
        Value::Object(object)
    }

    fn step(&self, frame: &FrameTrace, step: &Step) -> Value {
        match step {
            Step::Frame(inner) => json!({ "frame": self.frame(inner) }),
            Step::Event(event) => json!({ "event": self.event(event) }),
            Step::Operation(operation) => json!({ "operation": {
                "function": operation.function.name(),
                "gas_used": operation.gas_used(),
                "failed": operation.failed.map(|code| code.name()),
                "change": operation.change.as_ref().map(|change| self.change(frame, change)),
            } }),
        }
    }

    fn change(&self, frame: &FrameTrace, change: &Change) -> Value {
        let names = self.lookup.names;
        match change {
            Change::Created { object, owner } => {
                json!({ "created": names.show_object(object), "owner": names.show_address(owner) })
            }
            Change::Deleted { object } => json!({ "deleted": names.show_object(object) }),
            Change::OwnerSet { object, from, to } => json!({
                "owner_of": names.show_object(object),
                "from": names.show_address(from),
                "to": names.show_address(to),
            }),
            Change::FieldRead { object, name } => {
                json!({ "read": names.show_object(object), "field": field_name(name) })
            }
            Change::FieldSet { object, name, before, after } => {
                let show = |value: &Option<Vec<u8>>| {
                    value.as_ref().map(|value| human(&self.lookup.field(&frame.contract, name, value)))
                };
                json!({
                    "set": names.show_object(object),
                    "field": field_name(name),
                    "before": show(before),
                    "after": show(after),
                })
            }
            Change::Transferred { to, amount } => {
                json!({ "sent_to": names.show_address(to), "amount": amount })
            }
            Change::Refused { object } => json!({ "refused": names.show_object(object) }),
        }
    }
}
