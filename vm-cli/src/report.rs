//! What a run came to, for people ([`text`]) and for programs ([`json`]).
//!
//! Both decode bytes by the contracts' interfaces where the scenario knows them, and show bytes in hex where not.

pub mod json;
pub mod text;

use vm_core::interface::{Interface, Type};
use vm_core::{Address, Payload, Transaction};
use vm_host::FrameTrace;

use crate::names::Names;
use crate::scenario::Scenario;
use crate::value::{Human, decode, decode_fields};

/// What reports look names and types up in.
#[derive(Clone, Copy, Debug)]
struct Lookup<'a> {
    scenario: &'a Scenario,
    names: &'a Names,
}

impl<'a> Lookup<'a> {
    fn interface(&self, address: &Address) -> Option<&'a Interface> {
        self.scenario.interface(address)
    }

    /// The arguments by name, or as bytes.
    fn args(&self, contract: &Address, function: &str, args: &[u8]) -> Human {
        self.interface(contract)
            .and_then(|interface| interface.function(function))
            .and_then(|function| decode_fields(&function.params, args, self.names).ok())
            .map_or_else(
                || bytes(args),
                |fields| Human::table(fields.into_iter().map(|(name, value, _)| (name, value))),
            )
    }

    /// What a function returned; nothing for one that returns nothing.
    fn returned(&self, contract: &Address, function: &str, output: &[u8]) -> Option<Human> {
        let known = self.interface(contract).and_then(|interface| interface.function(function));
        match known.map(|function| &function.returns) {
            Some(ty) if *ty == Type::unit() && output.is_empty() => None,
            Some(ty) => Some(decode(ty, output, self.names).unwrap_or_else(|_| bytes(output))),
            None => (!output.is_empty()).then(|| bytes(output)),
        }
    }

    /// A field's value by the interface's objects, where all kinds that have the field agree on its type.
    fn field(&self, contract: &Address, name: &[u8], value: &[u8]) -> Human {
        let mut types: Vec<&Type> = Vec::new();
        if let Some(interface) = self.interface(contract) {
            let fields = interface.objects.iter().flat_map(|record| &record.fields);
            types.extend(fields.filter(|field| field.name.as_bytes() == name).map(|field| &field.ty));
        }
        types.dedup();
        match types.as_slice() {
            [ty] => decode(ty, value, self.names).unwrap_or_else(|_| bytes(value)),
            _ => bytes(value),
        }
    }

    /// The name of the function that a frame runs: a deployment's is its initialiser's.
    fn function<'f>(&self, frame: &'f FrameTrace) -> &'f str
    where
        'a: 'f,
    {
        if frame.kind == vm_host::FrameKind::Deploy && frame.function.is_empty() {
            return self
                .interface(&frame.contract)
                .and_then(Interface::init)
                .map_or("", |init| init.name.as_str());
        }
        &frame.function
    }
}

fn bytes(bytes: &[u8]) -> Human {
    Human::Text(format!("0x{}", hex::encode(bytes)))
}

/// A field's name as text, or in hex if it is none.
fn field_name(name: &[u8]) -> String {
    match std::str::from_utf8(name) {
        Ok(text) if text.chars().all(|c| c.is_ascii_graphic()) => text.to_owned(),
        _ => format!("0x{}", hex::encode(name)),
    }
}

/// The contract that a transaction runs, and the function.
fn target(scenario: &Scenario, transaction: &Transaction) -> Option<(Address, String)> {
    match &transaction.payload {
        Payload::Call { contract, function, .. } => Some((*contract, function.clone())),
        Payload::Deploy { code, salt, .. } => {
            let address = Address::of_contract(&transaction.sender, salt, &code.hash());
            let init = scenario.interface(&address).and_then(Interface::init);
            Some((address, init.map_or(String::new(), |init| init.name.clone())))
        }
        Payload::Transfer { .. } | Payload::Upload { .. } => None,
    }
}
