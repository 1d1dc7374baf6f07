//! Between the JSON's interface and the one that modules carry.

use vm_core::interface as core;

use crate::model::{Field, Function, Interface, Kind, Record, Type, Variant};

/// Both directions of a conversion field by field, so that neither can forget one.
macro_rules! both {
    ($($name:ident { $($field:ident: $convert:tt),+ })+) => {$(
        impl From<&core::$name> for $name {
            fn from(from: &core::$name) -> Self {
                Self { $($field: both!($convert from.$field)),+ }
            }
        }

        impl From<&$name> for core::$name {
            fn from(from: &$name) -> Self {
                Self { $($field: both!($convert from.$field)),+ }
            }
        }
    )+};
    (same $value:expr) => { $value.clone() };
    (into $value:expr) => { (&$value).into() };
    (each $value:expr) => { $value.iter().map(Into::into).collect() };
}

both! {
    Interface { name: same, functions: each, events: each, errors: each, objects: each }
    Record { name: same, fields: each, docs: same }
    Variant { name: same, fields: each }
    Field { name: same, ty: into }
}

impl From<&core::Function> for Function {
    fn from(from: &core::Function) -> Self {
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
            params: from.params.iter().map(Into::into).collect(),
            returns: (&from.returns).into(),
            docs: from.docs.clone(),
        }
    }
}

impl From<&Function> for core::Function {
    fn from(from: &Function) -> Self {
        let mut flags = match from.kind {
            Kind::Init => core::Flags::INIT,
            Kind::Call => core::Flags::default(),
            Kind::View => core::Flags::VIEW,
        };
        if from.payable {
            flags = flags.with(core::Flags::PAYABLE);
        }
        if from.reentrant {
            flags = flags.with(core::Flags::REENTRANT);
        }
        Self {
            name: from.name.clone(),
            flags,
            params: from.params.iter().map(Into::into).collect(),
            returns: (&from.returns).into(),
            docs: from.docs.clone(),
        }
    }
}

macro_rules! types {
    ($($plain:ident)+) => {
        types!(one core::Type => Type; $($plain)+);
        types!(one Type => core::Type; $($plain)+);
    };
    (one $from:ty => $to:ty; $($plain:ident)+) => {
        impl From<&$from> for $to {
            fn from(from: &$from) -> Self {
                type From = $from;
                let boxed = |inner: &From| Box::new(Self::from(inner));
                match from {
                    $(From::$plain => Self::$plain,)+
                    From::Option(inner) => Self::Option(boxed(inner)),
                    From::Vec(inner) => Self::Vec(boxed(inner)),
                    From::Array(count, inner) => Self::Array(*count, boxed(inner)),
                    From::Tuple(members) => Self::Tuple(members.iter().map(Into::into).collect()),
                    From::Struct { name, fields } => {
                        Self::Struct { name: name.clone(), fields: fields.iter().map(Into::into).collect() }
                    }
                    From::Enum { name, variants } => {
                        Self::Enum { name: name.clone(), variants: variants.iter().map(Into::into).collect() }
                    }
                    From::Map(key, value) => Self::Map(boxed(key), boxed(value)),
                    From::Set(inner) => Self::Set(boxed(inner)),
                    From::Result(value, error) => Self::Result(boxed(value), boxed(error)),
                }
            }
        }
    };
}

types! { Bool U8 U16 U32 U64 U128 I8 I16 I32 I64 I128 String Bytes Address ObjectId Hash }

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ty() -> impl Strategy<Value = Type> {
        let plain = prop_oneof![
            Just(Type::Bool),
            Just(Type::U8),
            Just(Type::I128),
            Just(Type::String),
            Just(Type::Bytes),
            Just(Type::Address),
            Just(Type::ObjectId),
            Just(Type::Hash),
        ];
        plain.prop_recursive(3, 16, 3, |inner| {
            let boxed = inner.clone().prop_map(Box::new).boxed();
            let field = inner.clone().prop_map(|ty| Field { name: "a".into(), ty });
            let fields = prop::collection::vec(field, 0..3).boxed();
            prop_oneof![
                boxed.clone().prop_map(Type::Option),
                boxed.clone().prop_map(Type::Vec),
                boxed.clone().prop_map(Type::Set),
                (1..9u32, boxed.clone()).prop_map(|(count, inner)| Type::Array(count, inner)),
                (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Type::Map(a, b)),
                (boxed.clone(), boxed).prop_map(|(a, b)| Type::Result(a, b)),
                prop::collection::vec(inner, 0..3).prop_map(Type::Tuple),
                fields.clone().prop_map(|fields| Type::Struct { name: "S".into(), fields }),
                fields.prop_map(|fields| Type::Enum {
                    name: "E".into(),
                    variants: vec![Variant { name: "V".into(), fields }],
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn r73_json_and_section_say_the_same(ty in ty(), kind in 0..3u8, payable: bool, reentrant: bool) {
            let kind = [Kind::Init, Kind::Call, Kind::View][usize::from(kind)];
            let field = Field { name: "x".into(), ty: ty.clone() };
            let record = Record { name: "R".into(), fields: vec![field.clone()], docs: "d".into() };
            let interface = Interface {
                name: "sample".into(),
                functions: vec![Function {
                    name: "f".into(),
                    kind,
                    payable,
                    reentrant,
                    params: vec![field],
                    returns: ty,
                    docs: "Two\nlines.".into(),
                }],
                events: vec![record.clone()],
                errors: vec![record.clone()],
                objects: vec![record],
            };
            prop_assert_eq!(&Interface::from(&core::Interface::from(&interface)), &interface);
            prop_assert_eq!(&interface.to_json().parse::<Interface>().unwrap(), &interface);
        }
    }
}
