//! From the VM's bytes to what people read, by the interfaces of contracts.
//!
//! Everything decoded comes from contracts and is not believed: what does not fit the interface stands as bytes alone.
//! Ids stand as digits; whoever shows them to people puts names in their place.

use serde_json::{Map, Value};
use std::sync::Arc;
use vm_core::interface::{Field, Interface, Type};
use vm_core::{Address, ErrorCode, Event, Hash, Key, Payload, Receipt, Status};
use vm_host::{Change, FrameKind, FrameTrace, Resources, Step, Trace};
use vm_state::{ReadError, StateReader, View};

use crate::api::text::HexBytes;
use crate::api::trace::{
    ChangeInfo, FrameInfo, LoggedInfo, OperationInfo, ResourcesInfo, StepInfo, TransactionTrace,
};
use crate::api::types::{Ending, ErrorInfo, EventInfo, FieldInfo, PayloadInfo};
use crate::chain::Chain;
use crate::value::{Human, decode, decode_fields};
use crate::{Names, Position};

/// Where interfaces are found.
pub trait Interfaces {
    /// The interface of the contract at `address`; none where there is none, or none is known.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the state can't be read.
    fn of_contract(&self, address: &Address) -> Result<Option<Arc<Interface>>, ReadError>;

    /// The interface of the module with this hash, also where no contract runs it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the state can't be read.
    fn of_code(&self, code_hash: &Hash) -> Result<Option<Arc<Interface>>, ReadError>;
}

/// The interfaces in one state of a chain.
#[derive(Debug)]
pub(crate) struct InState<'c> {
    chain: &'c Chain,
    view: Arc<dyn View>,
}

impl<'c> InState<'c> {
    pub(crate) fn new(chain: &'c Chain, view: Arc<dyn View>) -> Self {
        Self { chain, view }
    }
}

impl Interfaces for InState<'_> {
    fn of_contract(&self, address: &Address) -> Result<Option<Arc<Interface>>, ReadError> {
        match StateReader::new(self.view.as_ref()).contract(address)? {
            Some(contract) => self.of_code(&contract.code_hash),
            None => Ok(None),
        }
    }

    fn of_code(&self, code_hash: &Hash) -> Result<Option<Arc<Interface>>, ReadError> {
        self.chain.interface(self.view.as_ref(), code_hash)
    }
}

/// Decodes by interfaces.
#[derive(Debug)]
pub struct Decoder<I> {
    interfaces: I,
    /// None, so that ids stand as digits.
    names: Names,
}

fn json(value: &Human) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn bytes(bytes: &[u8]) -> HexBytes {
    HexBytes(bytes.to_vec())
}

/// A field's name as text, or in hex if it is none.
fn field_name(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) => text.to_owned(),
        _ => bytes(name).to_string(),
    }
}

/// An error that a contract reverted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// Its code: below 65,536 of the VM or the SDK, from there on of the contract.
    pub code: u32,
    /// Its name.
    pub name: String,
    /// Its fields by name.
    pub fields: Vec<(String, Human)>,
}

impl From<Revert> for ErrorInfo {
    fn from(revert: Revert) -> Self {
        let fields = revert.fields.iter().map(|(name, value)| (name.clone(), json(value))).collect();
        Self { name: revert.name, code: revert.code, fields }
    }
}

/// The error in a revert's bytes, which begin with its code; none where nobody knows the code.
#[must_use]
pub fn revert(output: &[u8], interface: Option<&Interface>, names: &Names) -> Option<Revert> {
    let (code, rest) = output.split_first_chunk::<4>()?;
    let code = u32::from_le_bytes(*code);
    if let Some(record) = interface.and_then(|interface| interface.error(code)) {
        let fields = decode_fields(&record.fields, rest, names)
            .map(|fields| fields.into_iter().map(|(name, value, _)| (name, value)).collect())
            .unwrap_or_default();
        return Some(Revert { code, name: record.name.clone(), fields });
    }
    let known = u16::try_from(code).ok().and_then(|code| ErrorCode::try_from(code).ok())?;
    Some(Revert { code, name: known.name().to_owned(), fields: Vec::new() })
}

/// What a transaction runs.
#[derive(Debug)]
pub struct Target {
    /// The function.
    pub function: String,
    /// Its contract's interface, where it is known.
    pub interface: Option<Arc<Interface>>,
}

impl<I: Interfaces> Decoder<I> {
    /// Decodes by these interfaces.
    pub fn new(interfaces: I) -> Self {
        Self { interfaces, names: Names::default() }
    }

    pub(crate) fn interface(&self, address: &Address) -> Result<Option<Arc<Interface>>, ReadError> {
        self.interfaces.of_contract(address)
    }

    /// What `payload` runs. A deployment that failed has left no contract: its interface is the stored code's.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if an interface can't be read.
    pub fn target(&self, payload: &Payload) -> Result<Option<Target>, ReadError> {
        Ok(match payload {
            Payload::Call { contract, function, .. } => {
                Some(Target { function: function.clone(), interface: self.interface(contract)? })
            }
            Payload::Deploy { code, .. } => {
                let interface = self.interfaces.of_code(&code.hash())?;
                let init = interface.as_deref().and_then(Interface::init);
                Some(Target { function: init.map_or_else(String::new, |init| init.name.clone()), interface })
            }
            Payload::Transfer { .. } | Payload::Upload { .. } => None,
        })
    }

    fn fields(&self, fields: &[Field], data: &[u8]) -> Option<Map<String, Value>> {
        let values = decode_fields(fields, data, &self.names).ok()?;
        Some(values.into_iter().map(|(name, value, _)| (name, json(&value))).collect())
    }

    fn args(&self, interface: Option<&Interface>, function: &str, args: &[u8]) -> Option<Map<String, Value>> {
        self.fields(&interface?.function(function)?.params, args)
    }

    /// What a function returned; none of one that returns nothing.
    #[must_use]
    pub fn returned(&self, target: Option<&Target>, receipt: &Receipt) -> Option<Value> {
        let target = target.filter(|_| receipt.status.is_success())?;
        self.output(target.interface.as_deref(), &target.function, &receipt.output)
    }

    fn output(&self, interface: Option<&Interface>, function: &str, output: &[u8]) -> Option<Value> {
        let returns = &interface?.function(function)?.returns;
        let nothing = *returns == Type::unit();
        decode(returns, output, &self.names).ok().filter(|_| !nothing).map(|value| json(&value))
    }

    /// How a transaction or a frame with this status and output ended.
    #[must_use]
    pub fn ending(&self, status: Status, output: &[u8], interface: Option<&Interface>) -> Ending {
        let (status, error) = match status {
            Status::Success => ("success", None),
            Status::Failed(code) => {
                let (name, code) = (code.name().to_owned(), code.code().into());
                ("failed", Some(ErrorInfo { name, code, fields: Map::new() }))
            }
            Status::Reverted => ("reverted", revert(output, interface, &self.names).map(Into::into)),
        };
        Ending { status: status.to_owned(), error }
    }

    /// What a transaction does.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if an interface can't be read.
    pub fn payload(&self, sender: &Address, payload: &Payload) -> Result<PayloadInfo, ReadError> {
        let target = self.target(payload)?;
        let interface = target.as_ref().and_then(|target| target.interface.as_deref());
        let length = |code: &[u8]| u32::try_from(code.len()).unwrap_or(u32::MAX);
        Ok(match payload {
            Payload::Transfer { to, amount } => {
                PayloadInfo::Transfer { to: (*to).into(), amount: (*amount).into() }
            }
            Payload::Call { contract, function, args, value } => PayloadInfo::Call {
                contract: (*contract).into(),
                function: function.clone(),
                args: bytes(args),
                decoded: self.args(interface, function, args),
                value: (*value).into(),
            },
            Payload::Deploy { code, salt, args, value } => PayloadInfo::Deploy {
                contract: Address::of_contract(sender, salt, &code.hash()).into(),
                code_hash: code.hash().into(),
                code_bytes: match code {
                    vm_core::CodeSource::Bytes(code) => Some(length(code)),
                    vm_core::CodeSource::Stored(_) => None,
                },
                salt: (*salt).into(),
                args: bytes(args),
                decoded: target.as_ref().and_then(|target| self.args(interface, &target.function, args)),
                value: (*value).into(),
            },
            Payload::Upload { code } => {
                PayloadInfo::Upload { code_hash: Hash::of_code(code).into(), code_bytes: length(code) }
            }
        })
    }

    /// The events of a receipt.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if an interface can't be read.
    pub fn events(
        &self,
        receipt: &Receipt,
        transaction: &Hash,
        at: Position,
    ) -> Result<Vec<EventInfo>, ReadError> {
        (0..)
            .zip(&receipt.events)
            .map(|(index, event)| {
                let LoggedInfo { contract, name, fields, data } = self.logged(event)?;
                Ok(EventInfo {
                    height: at.height,
                    transaction: (*transaction).into(),
                    transaction_index: at.index,
                    index,
                    contract,
                    name,
                    fields,
                    data,
                })
            })
            .collect()
    }

    /// An event as a contract logged it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if an interface can't be read.
    pub fn logged(&self, event: &Event) -> Result<LoggedInfo, ReadError> {
        let interface = self.interface(&event.contract)?;
        let record = interface.as_deref().and_then(|interface| interface.event(&event.name));
        Ok(LoggedInfo {
            contract: event.contract.into(),
            name: event.name.clone(),
            fields: record.and_then(|record| self.fields(&record.fields, &event.data)),
            data: bytes(&event.data),
        })
    }

    /// A field's value by the interface's objects, where all kinds that have the field agree on its type.
    fn field(&self, interface: Option<&Interface>, name: &[u8], value: &[u8]) -> Option<Value> {
        let records = interface.into_iter().flat_map(|interface| &interface.objects);
        let fields = records.flat_map(|record| &record.fields);
        let mut types: Vec<&Type> =
            fields.filter(|field| field.name.as_bytes() == name).map(|field| &field.ty).collect();
        types.dedup();
        match types.as_slice() {
            [ty] => decode(ty, value, &self.names).ok().map(|value| json(&value)),
            _ => None,
        }
    }

    /// The fields of `object`: those that the interface names in its order, then the others by the digest of their name.
    pub(crate) fn object_fields(
        &self,
        view: &dyn View,
        object: &vm_core::ObjectId,
        contract: &Address,
        limit: usize,
    ) -> Result<Vec<FieldInfo>, ReadError> {
        let interface = self.interface(contract)?;
        let records = interface.iter().flat_map(|interface| &interface.objects);
        let mut names: Vec<&str> = Vec::new();
        for field in records.flat_map(|record| &record.fields) {
            if !names.contains(&field.name.as_str()) {
                names.push(&field.name);
            }
        }
        let keys: Vec<Key> = names.iter().map(|name| Key::field(object, name.as_bytes())).collect();
        let prefix = Key::fields_prefix(object);
        let mut found = Vec::new();
        let mut from = prefix;
        while let Some((key, value)) = view.next(&prefix, &from)? {
            let name = keys.iter().position(|named| *named == key);
            found.push((name.unwrap_or(usize::MAX), key, value));
            match key.successor().filter(|_| found.len() < limit) {
                Some(next) => from = next,
                None => break,
            }
        }
        found.sort_by(|(left, a, _), (right, b, _)| (left, a).cmp(&(right, b)));
        Ok(found
            .into_iter()
            .map(|(index, key, value)| {
                let name = names.get(index).copied();
                let digest = key.as_bytes().last_chunk::<32>().copied().unwrap_or_default();
                FieldInfo {
                    name: name.map(str::to_owned),
                    name_hash: Hash(digest).into(),
                    decoded: name.and_then(|name| self.field(interface.as_deref(), name.as_bytes(), &value)),
                    value: bytes(&value),
                }
            })
            .collect())
    }

    /// A transaction's run.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if an interface can't be read.
    pub fn trace(&self, trace: &Trace, resources: &Resources) -> Result<TransactionTrace, ReadError> {
        Ok(TransactionTrace {
            root: self.frame(&trace.root)?,
            truncated: trace.truncated,
            resources: ResourcesInfo {
                fuel: resources.fuel,
                intrinsic_fuel: resources.intrinsic_fuel,
                setup_fuel: resources.setup_fuel,
                host_fuel: resources.host.total(),
                host_calls: resources.host_calls,
                frames: resources.frames,
                depth_max: resources.depth_max,
                entries_read: resources.entries_read,
                entries_written: resources.entries_written,
                witness_bytes: resources.witness_bytes,
            },
        })
    }

    /// Recurses as deep as calls nest, which the chain bounds.
    fn frame(&self, frame: &FrameTrace) -> Result<FrameInfo, ReadError> {
        let interface = self.interface(&frame.contract)?;
        let interface = interface.as_deref();
        let init = || interface.and_then(Interface::init).map_or("", |init| init.name.as_str());
        // A deployment's frame runs the initialiser, which it does not name.
        let function = match frame.kind {
            FrameKind::Deploy if frame.function.is_empty() => init(),
            _ => frame.function.as_str(),
        };
        let kind = match frame.kind {
            FrameKind::Call => "call",
            FrameKind::Deploy => "deploy",
            FrameKind::Transfer => "transfer",
            FrameKind::Upload => "upload",
        };
        let returns = || self.output(interface, function, &frame.output);
        Ok(FrameInfo {
            kind: kind.to_owned(),
            depth: frame.depth,
            caller: frame.caller.into(),
            contract: frame.contract.into(),
            name: interface.map(|interface| interface.name.clone()),
            function: function.to_owned(),
            args: self.args(interface, function, &frame.args),
            raw_args: bytes(&frame.args),
            value: frame.value.into(),
            gas_granted: frame.gas_granted,
            gas_used: frame.gas_used,
            ending: self.ending(frame.status, &frame.output, interface),
            returns: frame.status.is_success().then(returns).flatten(),
            output: bytes(&frame.output),
            detail: frame.detail.clone(),
            steps: self.steps(&frame.steps, interface)?,
        })
    }

    fn steps(&self, steps: &[Step], interface: Option<&Interface>) -> Result<Vec<StepInfo>, ReadError> {
        let mut shown: Vec<StepInfo> = Vec::with_capacity(steps.len());
        for step in steps {
            // What a call granted its callee stands with the callee: the call itself took the rest.
            if let (Step::Frame(frame), Some(StepInfo::Operation(call))) = (step, shown.last_mut()) {
                call.gas_used = call.gas_used.saturating_sub(frame.gas_granted);
            }
            shown.push(self.step(step, interface)?);
        }
        Ok(shown)
    }

    fn step(&self, step: &Step, interface: Option<&Interface>) -> Result<StepInfo, ReadError> {
        Ok(match step {
            Step::Frame(frame) => StepInfo::Frame(Box::new(self.frame(frame)?)),
            Step::Event(event) => StepInfo::Event(self.logged(event)?),
            Step::Operation(operation) => StepInfo::Operation(OperationInfo {
                function: operation.function.name().to_owned(),
                gas_used: operation.gas_used(),
                failed: operation.failed.map(|code| code.name().to_owned()),
                change: operation.change.as_ref().map(|change| self.change(change, interface)),
            }),
        })
    }

    fn change(&self, change: &Change, interface: Option<&Interface>) -> ChangeInfo {
        match change {
            Change::Created { object, owner } => {
                ChangeInfo::Created { object: (*object).into(), owner: (*owner).into() }
            }
            Change::Deleted { object } => ChangeInfo::Deleted { object: (*object).into() },
            Change::OwnerSet { object, from, to } => {
                ChangeInfo::OwnerSet { object: (*object).into(), from: (*from).into(), to: (*to).into() }
            }
            Change::FieldRead { object, name } => {
                ChangeInfo::FieldRead { object: (*object).into(), field: field_name(name) }
            }
            Change::FieldSet { object, name, before, after } => {
                let show = |value: &Option<vm_state::Value>| {
                    value.as_ref().map(|value| {
                        self.field(interface, name, value)
                            .unwrap_or_else(|| Value::String(bytes(value).to_string()))
                    })
                };
                ChangeInfo::FieldSet {
                    object: (*object).into(),
                    field: field_name(name),
                    before: show(before),
                    after: show(after),
                }
            }
            Change::Transferred { to, amount } => {
                ChangeInfo::Transferred { to: (*to).into(), amount: (*amount).into() }
            }
            Change::Refused { object } => ChangeInfo::Refused { object: (*object).into() },
        }
    }
}
