//! Compares what came with what a scenario expects.

use std::ops::Range;

use vm_core::interface::{Field, Interface};
use vm_core::{Event, Receipt, Status};
use vm_host::Executed;
use vm_state::{ReadError, StateReader, View};

use vm_chain::decode::revert;

use crate::names::Names;
use crate::scenario::{
    BlockPlan, ErrorExpect, EventExpect, Expect, FieldExpect, ObjectExpect, ObjectRef, Scenario, StateExpect,
    StateFact, StatusExpect, TransactionPlan,
};
use crate::value::{Human, Located, ValueError, bytes, decode, decode_fields, encode, grouped, object};

/// An expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// `file:line` of the expectation.
    pub at: String,
    /// What it is about: `block 2, transaction 0: status`.
    pub what: String,
    /// What should have come.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// Collects failures.
#[derive(Debug)]
pub(crate) struct Checker<'s> {
    scenario: &'s Scenario,
    pub(crate) failures: Vec<Failure>,
    pub(crate) checks: u64,
}

/// How a transaction ended, in the words of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `success`, `reverted` or `failed`.
    pub status: &'static str,
    /// The name of the error, where there is one and it is known.
    pub error: Option<String>,
    /// The fields of a contract error.
    pub fields: Vec<(String, Human)>,
    /// The bytes of a revert whose error is not known.
    pub bytes: Vec<u8>,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.status)?;
        match &self.error {
            Some(error) if self.fields.is_empty() => write!(f, ": {error}"),
            Some(error) => write!(f, ": {error} {}", Human::table(self.fields.iter().cloned())),
            None if self.bytes.is_empty() => Ok(()),
            None => write!(f, ": {}", hex_text(&self.bytes)),
        }
    }
}

/// How a frame or transaction with this status and output ended.
#[must_use]
pub fn ending(status: Status, output: &[u8], interface: Option<&Interface>, names: &Names) -> Ending {
    match status {
        Status::Success => Ending { status: "success", error: None, fields: Vec::new(), bytes: Vec::new() },
        Status::Failed(code) => {
            let error = Some(code.name().to_owned());
            Ending { status: "failed", error, fields: Vec::new(), bytes: Vec::new() }
        }
        Status::Reverted => {
            let known = revert(output, interface, names);
            let bytes = if known.is_none() { output.to_vec() } else { Vec::new() };
            let (error, fields) = known.map(|error| (error.name, error.fields)).unzip();
            Ending { status: "reverted", error, fields: fields.unwrap_or_default(), bytes }
        }
    }
}

/// `name { field = value, ... }` of an event, decoded where the interface is known.
#[must_use]
pub fn show_event(event: &Event, interface: Option<&Interface>, names: &Names) -> String {
    let record = interface.and_then(|interface| interface.event(&event.name));
    match record.and_then(|record| decode_fields(&record.fields, &event.data, names).ok()) {
        Some(fields) => {
            let table = Human::table(fields.into_iter().map(|(name, value, _)| (name, value)));
            format!("{} {table}", event.name)
        }
        None => format!("{} 0x{}", event.name, hex::encode(&event.data)),
    }
}

fn hex_text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

impl<'s> Checker<'s> {
    pub(crate) fn new(scenario: &'s Scenario) -> Self {
        Self { scenario, failures: Vec::new(), checks: 0 }
    }

    fn check(
        &mut self,
        holds: bool,
        span: &Range<usize>,
        what: impl FnOnce() -> String,
        expected: impl FnOnce() -> String,
        found: impl FnOnce() -> String,
    ) {
        self.checks = self.checks.saturating_add(1);
        if !holds {
            let at = self.scenario.place(span);
            self.failures.push(Failure { at, what: what(), expected: expected(), found: found() });
        }
    }

    /// A block that was refused; whether the scenario can go on.
    pub(crate) fn refused(&mut self, plan: &BlockPlan, reason: &str) -> bool {
        match &plan.invalid {
            Some((wanted, span)) => {
                let holds = reason.contains(wanted.as_str());
                self.check(
                    holds,
                    span,
                    || "why the block is refused".to_owned(),
                    || format!("a reason with {wanted:?}"),
                    || reason.to_owned(),
                );
                true
            }
            None => {
                self.check(
                    false,
                    &plan.span,
                    || "the block".to_owned(),
                    || "executed".to_owned(),
                    || format!("refused: {reason}"),
                );
                false
            }
        }
    }

    /// A block that should have been refused.
    pub(crate) fn accepted(&mut self, plan: &BlockPlan) {
        if let Some((wanted, span)) = &plan.invalid {
            self.check(
                false,
                span,
                || "the block".to_owned(),
                || format!("refused, with {wanted:?}"),
                || "executed".to_owned(),
            );
        }
    }

    /// A transaction that names an object which no transaction returned.
    pub(crate) fn unsendable(&mut self, plan: &TransactionPlan, error: &ValueError) {
        let error = error.to_string();
        self.check(
            false,
            &plan.span,
            || "arguments".to_owned(),
            || "an object that an earlier transaction returned".to_owned(),
            || error,
        );
    }

    /// A transaction that returned no object to save.
    pub(crate) fn unsaved(&mut self, name: &str, span: &Range<usize>, executed: &Executed) {
        let found = format!("{:?}, {}", executed.receipt.status, hex_text(&executed.receipt.output));
        self.check(
            false,
            span,
            || format!("save ${name}"),
            || "success, and an ObjectId as the returned value".to_owned(),
            || found,
        );
    }

    pub(crate) fn transaction(
        &mut self,
        height: u64,
        index: usize,
        plan: &TransactionPlan,
        executed: &Executed,
        names: &Names,
    ) {
        let receipt = &executed.receipt;
        let target = match &plan.action {
            crate::scenario::Action::Call { contract, .. } => Some(*contract),
            crate::scenario::Action::Deploy { address, .. } => Some(*address),
            _ => None,
        };
        let scenario = self.scenario;
        let interface = target.and_then(|address| scenario.interface(&address));
        let at = |part: &str| format!("block {height}, transaction {index}: {part}");
        let expect = &plan.expect;
        let found = ending(receipt.status, &receipt.output, interface, names);
        self.status(expect, plan, receipt, &found, &at("status"));
        if let Some(error) = &expect.error {
            self.error(error, receipt, &found, names, &at("error"));
        }
        if let Some((ty, value)) = &expect.returns {
            let (expected, shown) = match encode(ty, value, names, "returns") {
                Ok(expected) => (expected, value.value.to_string()),
                Err(error) => (Vec::new(), error.to_string()),
            };
            // Without an interface the expectation is the bytes themselves.
            let raw = scenario.function(&plan.action).is_none();
            let expected = if raw { bytes(value, "returns").unwrap_or_default() } else { expected };
            let holds = receipt.status.is_success() && receipt.output == expected;
            let span = value.span.clone().unwrap_or_else(|| plan.span.clone());
            self.check(
                holds,
                &span,
                || at("returns"),
                || shown,
                || {
                    if !receipt.status.is_success() {
                        return found.to_string();
                    }
                    match decode(ty, &receipt.output, names) {
                        Ok(value) if !raw => value.to_string(),
                        _ => hex_text(&receipt.output),
                    }
                },
            );
        }
        if let Some((events, span)) = &expect.events {
            self.events(events, span, &receipt.events, names, &at("events"));
        }
        if let Some((gas, span)) = &expect.gas_max {
            self.check(
                receipt.gas_used <= *gas,
                span,
                || at("gas"),
                || format!("at most {}", grouped((*gas).into())),
                || grouped(receipt.gas_used.into()),
            );
        }
    }

    fn status(
        &mut self,
        expect: &Expect,
        plan: &TransactionPlan,
        receipt: &Receipt,
        found: &Ending,
        what: &str,
    ) {
        let (wanted, span) = match (&expect.status, &expect.error) {
            (Some((status, span)), _) => (*status, span),
            (None, Some(_)) => return,
            (None, None) => (StatusExpect::Success, &plan.span),
        };
        let holds = match wanted {
            StatusExpect::Success => receipt.status.is_success(),
            StatusExpect::Reverted => receipt.status == Status::Reverted,
            StatusExpect::Failed => matches!(receipt.status, Status::Failed(_)),
            StatusExpect::Code(code) => receipt.status == Status::Failed(code),
        };
        let wanted = match wanted {
            StatusExpect::Success => "success".to_owned(),
            StatusExpect::Reverted => "reverted".to_owned(),
            StatusExpect::Failed => "failed".to_owned(),
            StatusExpect::Code(code) => format!("failed: {}", code.name()),
        };
        self.check(holds, span, || what.to_owned(), || wanted, || found.to_string());
    }

    fn error(&mut self, expect: &ErrorExpect, receipt: &Receipt, found: &Ending, names: &Names, what: &str) {
        let foreign = expect.contract.and_then(|address| self.scenario.interface(&address));
        let foreign =
            foreign.map(|interface| ending(receipt.status, &receipt.output, Some(interface), names));
        let found = foreign.as_ref().unwrap_or(found);
        let named = !receipt.status.is_success() && found.error.as_ref() == Some(&expect.name);
        let fields = expect.fields.iter().all(|(field, value)| {
            found.fields.iter().any(|(name, found)| *name == field.name && same(field, value, found, names))
        });
        self.check(
            named && fields,
            &expect.span,
            || what.to_owned(),
            || show_partial(&expect.name, &expect.fields),
            || found.to_string(),
        );
    }

    fn events(
        &mut self,
        expected: &[EventExpect],
        span: &Range<usize>,
        found: &[Event],
        names: &Names,
        what: &str,
    ) {
        let scenario = self.scenario;
        let show = |event: &Event| {
            let contract = names.show_address(&event.contract);
            format!("{contract} {}", show_event(event, scenario.interface(&event.contract), names))
        };
        for (index, wanted) in expected.iter().enumerate() {
            let event = found.get(index);
            let holds = event.is_some_and(|event| self.event_matches(wanted, event, names));
            self.check(
                holds,
                &wanted.span,
                || format!("{what}[{index}]"),
                || {
                    let contract = names.show_address(&wanted.contract);
                    format!("{contract} {}", show_partial(&wanted.name, &wanted.fields))
                },
                || event.map_or("no event".to_owned(), show),
            );
        }
        let surplus = found.get(expected.len()..).unwrap_or_default();
        self.check(
            surplus.is_empty(),
            span,
            || what.to_owned(),
            || format!("{} and no more", expected.len()),
            || surplus.iter().map(show).collect::<Vec<_>>().join("; "),
        );
    }

    fn event_matches(&self, wanted: &EventExpect, event: &Event, names: &Names) -> bool {
        if event.contract != wanted.contract || event.name != wanted.name {
            return false;
        }
        if wanted.fields.is_empty() {
            return true;
        }
        let record =
            self.scenario.interface(&event.contract).and_then(|interface| interface.event(&event.name));
        let Some(fields) = record.and_then(|record| decode_fields(&record.fields, &event.data, names).ok())
        else {
            return false;
        };
        wanted.fields.iter().all(|(field, value)| {
            let expected = encode(&field.ty, value, names, &field.name);
            fields.iter().any(|(name, _, own)| {
                *name == field.name && expected.as_ref().is_ok_and(|expected| expected == own)
            })
        })
    }

    pub(crate) fn state(
        &mut self,
        expects: &[StateExpect],
        view: &dyn View,
        names: &Names,
    ) -> Result<(), ReadError> {
        let reader = StateReader::new(view);
        for StateExpect { what, span } in expects {
            match what {
                StateFact::Balance(address, expected) => {
                    let found = reader.account(address)?.balance;
                    self.number(
                        span,
                        &format!("balance of {}", names.show_address(address)),
                        *expected,
                        found,
                    );
                }
                StateFact::Nonce(address, expected) => {
                    let found = reader.account(address)?.nonce;
                    self.number(span, &format!("nonce of {}", names.show_address(address)), *expected, found);
                }
                StateFact::Count { contract, owner, is } => {
                    let limit = usize::try_from(*is).unwrap_or(usize::MAX).saturating_add(1);
                    let found = reader.objects_of(contract, owner, None, limit)?.len();
                    let holds = u32::try_from(found) == Ok(*is);
                    self.check(
                        holds,
                        span,
                        || {
                            let (contract, owner) = (names.show_address(contract), names.show_address(owner));
                            format!("objects of {owner} in {contract}")
                        },
                        || is.to_string(),
                        || if found == limit { format!("more than {is}") } else { found.to_string() },
                    );
                }
                StateFact::Object(expect) => self.object(span, &reader, expect, names)?,
            }
        }
        Ok(())
    }

    fn number(&mut self, span: &Range<usize>, what: &str, expected: u64, found: u64) {
        self.check(
            expected == found,
            span,
            || what.to_owned(),
            || grouped(expected.into()),
            || grouped(found.into()),
        );
    }

    fn object(
        &mut self,
        span: &Range<usize>,
        reader: &StateReader<'_>,
        expect: &ObjectExpect,
        names: &Names,
    ) -> Result<(), ReadError> {
        let (id, what) = match &expect.which {
            ObjectRef::Id(value) => {
                (object(value, names, "object.id").ok(), format!("object {}", value.value))
            }
            ObjectRef::Owned { contract, owner, index } => {
                let limit = usize::try_from(*index).unwrap_or(usize::MAX).saturating_add(1);
                let found = reader.objects_of(contract, owner, None, limit)?;
                let (contract, owner) = (names.show_address(contract), names.show_address(owner));
                let id = found.get(limit.saturating_sub(1)).map(|(id, _)| *id);
                (id, format!("object {index} of {owner} in {contract}"))
            }
        };
        let meta = match &id {
            Some(id) => reader.object(id)?,
            None => None,
        };
        let (Some(id), Some(meta)) = (id, meta) else {
            self.check(expect.absent, span, || what, || "an object".to_owned(), || "none".to_owned());
            return Ok(());
        };
        if expect.absent {
            self.check(false, span, || what, || "none".to_owned(), || names.show_object(&id));
            return Ok(());
        }
        self.check(true, span, String::new, String::new, String::new);
        if let Some(owner) = &expect.owner {
            self.check(
                meta.owner == *owner,
                span,
                || format!("{what}: owner"),
                || names.show_address(owner),
                || names.show_address(&meta.owner),
            );
        }
        for field in &expect.fields {
            let found = reader.field(&id, field.name.as_bytes())?;
            self.field(field, found.as_deref(), span, &what, names);
        }
        Ok(())
    }

    fn field(
        &mut self,
        expect: &FieldExpect,
        found: Option<&[u8]>,
        around: &Range<usize>,
        what: &str,
        names: &Names,
    ) {
        let FieldExpect { name, ty, value } = expect;
        let expected = match ty {
            Some(ty) => encode(ty, value, names, name),
            None => bytes(value, name),
        };
        let holds = match (&expected, found) {
            (Ok(expected), Some(found)) => expected.as_slice() == found,
            _ => false,
        };
        self.check(
            holds,
            value.span.as_ref().unwrap_or(around),
            || format!("{what}: field {name}"),
            || value.value.to_string(),
            || match (found, ty) {
                (None, _) => "no such field".to_owned(),
                (Some(found), Some(ty)) => {
                    decode(ty, found, names).map_or_else(|_| hex_text(found), |value| value.to_string())
                }
                (Some(found), None) => hex_text(found),
            },
        );
    }
}

fn same(field: &Field, wanted: &Located, found: &Human, names: &Names) -> bool {
    let bytes = |value: &Located| encode(&field.ty, value, names, &field.name).ok();
    let wanted = bytes(wanted);
    wanted.is_some() && wanted == bytes(&Located::from(found.clone()))
}

fn show_partial(name: &str, fields: &[(Field, Located)]) -> String {
    if fields.is_empty() {
        return name.to_owned();
    }
    let table = Human::table(fields.iter().map(|(field, value)| (field.name.clone(), value.value.clone())));
    format!("{name} {table}")
}
