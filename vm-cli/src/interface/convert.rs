//! Between the JSON's types and vm-core's, both ways and without loss. Types nest at most
//! [`TYPE_DEPTH_MAX`](vm_core::interface::TYPE_DEPTH_MAX) deep in what vm-core has checked, and 128 in what
//! `serde_json` has read, which bounds the recursion.

use vm_core::ErrorCode;
use vm_core::interface as core;

use super::{Failure, Field, Function, Interface, Record, SCHEMA, Type, Variant};

impl From<&core::Interface> for Interface {
    fn from(from: &core::Interface) -> Self {
        let errors = from.errors.iter().zip(ErrorCode::CONTRACT_BASE..);
        Self {
            schema: SCHEMA.to_owned(),
            name: from.name.clone(),
            code_hash: None,
            functions: from.functions.iter().map(Function::from).collect(),
            events: from.events.iter().map(Record::from).collect(),
            errors: errors
                .map(|(record, code)| {
                    let Record { name, docs, fields } = record.into();
                    Failure { name, code, docs, fields }
                })
                .collect(),
            objects: from.objects.iter().map(Record::from).collect(),
        }
    }
}

impl From<&Interface> for core::Interface {
    fn from(from: &Interface) -> Self {
        let failure = |failure: &Failure| core::Record {
            name: failure.name.clone(),
            fields: map(&failure.fields),
            docs: failure.docs.clone(),
        };
        Self {
            name: from.name.clone(),
            functions: map(&from.functions),
            events: map(&from.events),
            errors: from.errors.iter().map(failure).collect(),
            objects: map(&from.objects),
        }
    }
}

fn map<'a, A, B: From<&'a A>>(list: &'a [A]) -> Vec<B> {
    list.iter().map(B::from).collect()
}

impl From<&core::Function> for Function {
    fn from(from: &core::Function) -> Self {
        Self {
            name: from.name.clone(),
            docs: from.docs.clone(),
            init: from.flags.has(core::Flags::INIT),
            view: from.flags.has(core::Flags::VIEW),
            payable: from.flags.has(core::Flags::PAYABLE),
            reentrant: from.flags.has(core::Flags::REENTRANT),
            params: map(&from.params),
            returns: (&from.returns).into(),
        }
    }
}

impl From<&Function> for core::Function {
    fn from(from: &Function) -> Self {
        let flags = [
            (from.init, core::Flags::INIT),
            (from.view, core::Flags::VIEW),
            (from.payable, core::Flags::PAYABLE),
            (from.reentrant, core::Flags::REENTRANT),
        ];
        let set = flags.into_iter().filter(|(on, _)| *on);
        Self {
            name: from.name.clone(),
            flags: set.fold(core::Flags::default(), |all, (_, flag)| all.with(flag)),
            params: map(&from.params),
            returns: (&from.returns).into(),
            docs: from.docs.clone(),
        }
    }
}

impl From<&core::Record> for Record {
    fn from(from: &core::Record) -> Self {
        Self { name: from.name.clone(), docs: from.docs.clone(), fields: map(&from.fields) }
    }
}

impl From<&Record> for core::Record {
    fn from(from: &Record) -> Self {
        Self { name: from.name.clone(), fields: map(&from.fields), docs: from.docs.clone() }
    }
}

impl From<&core::Field> for Field {
    fn from(from: &core::Field) -> Self {
        Self { name: from.name.clone(), ty: (&from.ty).into() }
    }
}

impl From<&Field> for core::Field {
    fn from(from: &Field) -> Self {
        Self { name: from.name.clone(), ty: (&from.ty).into() }
    }
}

impl From<&core::Variant> for Variant {
    fn from(from: &core::Variant) -> Self {
        Self { name: from.name.clone(), fields: map(&from.fields) }
    }
}

impl From<&Variant> for core::Variant {
    fn from(from: &Variant) -> Self {
        Self { name: from.name.clone(), fields: map(&from.fields) }
    }
}

macro_rules! types {
    ($($plain:ident)+) => {
        impl From<&core::Type> for Type {
            fn from(from: &core::Type) -> Self {
                let inner = |ty: &core::Type| Box::new(Self::from(ty));
                match from {
                    $(core::Type::$plain => Self::$plain,)+
                    core::Type::Option(value) => Self::Option(inner(value)),
                    core::Type::Vec(element) => Self::Vec(inner(element)),
                    core::Type::Array(length, element) => {
                        Self::Array { length: *length, element: inner(element) }
                    }
                    core::Type::Tuple(members) => Self::Tuple(map(members)),
                    core::Type::Struct { name, fields } => {
                        Self::Struct { name: name.clone(), fields: map(fields) }
                    }
                    core::Type::Enum { name, variants } => {
                        Self::Enum { name: name.clone(), variants: map(variants) }
                    }
                    core::Type::Map(key, value) => Self::Map { key: inner(key), value: inner(value) },
                    core::Type::Set(member) => Self::Set(inner(member)),
                    core::Type::Result(ok, err) => Self::Result { ok: inner(ok), err: inner(err) },
                }
            }
        }

        impl From<&Type> for core::Type {
            fn from(from: &Type) -> Self {
                let inner = |ty: &Type| Box::new(Self::from(ty));
                match from {
                    $(Type::$plain => Self::$plain,)+
                    Type::Option(value) => Self::Option(inner(value)),
                    Type::Vec(element) => Self::Vec(inner(element)),
                    Type::Array { length, element } => Self::Array(*length, inner(element)),
                    Type::Tuple(members) => Self::Tuple(map(members)),
                    Type::Struct { name, fields } => {
                        Self::Struct { name: name.clone(), fields: map(fields) }
                    }
                    Type::Enum { name, variants } => {
                        Self::Enum { name: name.clone(), variants: map(variants) }
                    }
                    Type::Map { key, value } => Self::Map(inner(key), inner(value)),
                    Type::Set(member) => Self::Set(inner(member)),
                    Type::Result { ok, err } => Self::Result(inner(ok), inner(err)),
                }
            }
        }
    };
}

types! {
    Bool U8 U16 U32 U64 U128 I8 I16 I32 I64 I128 String Bytes Address ObjectId Hash
}
