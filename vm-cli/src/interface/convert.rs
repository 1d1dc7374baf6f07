//! Between the JSON's types and vm-core's, both ways and without loss. Types nest at most
//! [`TYPE_DEPTH_MAX`](vm_core::interface::TYPE_DEPTH_MAX) deep in what vm-core has checked, and 128 in what
//! `serde_json` has read, which bounds the recursion.

use vm_core::interface as core;

use super::{Field, Function, Interface, Kind, Record, Type, Variant};

impl From<&core::Interface> for Interface {
    fn from(from: &core::Interface) -> Self {
        Self {
            name: from.name.clone(),
            functions: map(&from.functions),
            events: map(&from.events),
            errors: map(&from.errors),
            objects: map(&from.objects),
        }
    }
}

impl From<&Interface> for core::Interface {
    fn from(from: &Interface) -> Self {
        Self {
            name: from.name.clone(),
            functions: map(&from.functions),
            events: map(&from.events),
            errors: map(&from.errors),
            objects: map(&from.objects),
        }
    }
}

fn map<'a, A, B: From<&'a A>>(list: &'a [A]) -> Vec<B> {
    list.iter().map(B::from).collect()
}

impl From<&core::Function> for Function {
    fn from(from: &core::Function) -> Self {
        // No function has both flags: vm-core refuses such an interface.
        let kind = if from.flags.has(core::Flags::INIT) {
            Kind::Init
        } else if from.flags.has(core::Flags::VIEW) {
            Kind::View
        } else {
            Kind::Call
        };
        Self {
            name: from.name.clone(),
            kind,
            payable: from.flags.has(core::Flags::PAYABLE),
            reentrant: from.flags.has(core::Flags::REENTRANT),
            params: map(&from.params),
            returns: (&from.returns).into(),
            docs: from.docs.clone(),
        }
    }
}

impl From<&Function> for core::Function {
    fn from(from: &Function) -> Self {
        let kind = match from.kind {
            Kind::Init => core::Flags::INIT,
            Kind::View => core::Flags::VIEW,
            Kind::Call => core::Flags::default(),
        };
        let more = [(from.payable, core::Flags::PAYABLE), (from.reentrant, core::Flags::REENTRANT)];
        let set = more.into_iter().filter(|(on, _)| *on);
        Self {
            name: from.name.clone(),
            flags: set.fold(kind, |all, (_, flag)| all.with(flag)),
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
                    core::Type::Array(length, element) => Self::Array(*length, inner(element)),
                    core::Type::Tuple(members) => Self::Tuple(map(members)),
                    core::Type::Struct { name, fields } => {
                        Self::Struct { name: name.clone(), fields: map(fields) }
                    }
                    core::Type::Enum { name, variants } => {
                        Self::Enum { name: name.clone(), variants: map(variants) }
                    }
                    core::Type::Map(key, value) => Self::Map(inner(key), inner(value)),
                    core::Type::Set(member) => Self::Set(inner(member)),
                    core::Type::Result(ok, err) => Self::Result(inner(ok), inner(err)),
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
                    Type::Array(length, element) => Self::Array(*length, inner(element)),
                    Type::Tuple(members) => Self::Tuple(map(members)),
                    Type::Struct { name, fields } => {
                        Self::Struct { name: name.clone(), fields: map(fields) }
                    }
                    Type::Enum { name, variants } => {
                        Self::Enum { name: name.clone(), variants: map(variants) }
                    }
                    Type::Map(key, value) => Self::Map(inner(key), inner(value)),
                    Type::Set(member) => Self::Set(inner(member)),
                    Type::Result(ok, err) => Self::Result(inner(ok), inner(err)),
                }
            }
        }
    };
}

types! {
    Bool U8 U16 U32 U64 U128 I8 I16 I32 I64 I128 String Bytes Address ObjectId Hash
}
