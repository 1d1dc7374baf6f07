use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty }
}

fn interface(params: Vec<Field>) -> Interface {
    let function = Function {
        name: "f".into(),
        flags: Flags::default(),
        params,
        returns: Type::unit(),
        docs: String::new(),
    };
    Interface { name: "t".into(), functions: vec![function], ..Interface::default() }
}

fn refused(ty: Type) -> InterfaceError {
    let made = interface(vec![field("x", ty)]);
    Interface::decode_checked(&made.encode(), 10_000).unwrap_err()
}

#[test]
fn an_interface_round_trips_and_nothing_longer_or_shorter_does() {
    let made =
        interface(vec![field("to", Type::Address), field("amount", Type::Option(Box::new(Type::U64)))]);
    let bytes = made.encode();
    assert_eq!(Interface::decode_checked(&bytes, 1_000), Ok(made));
    for end in 0..bytes.len() {
        assert!(Interface::decode_checked(&bytes[..end], 1_000).is_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Interface::decode_checked(&longer, 1_000), Err(InterfaceError::Malformed));
    assert!(matches!(Interface::decode_checked(&bytes, 10), Err(InterfaceError::TooLong { .. })));
}

#[test]
fn hostile_types_are_refused_by_name() {
    let x = || "x".to_string();
    assert_eq!(refused(Type::Vec(Box::new(Type::unit()))), InterfaceError::ZeroSize(x()));
    let empty = Type::Array(0, Box::new(Type::U8));
    assert_eq!(refused(Type::Vec(Box::new(empty))), InterfaceError::ZeroSize(x()));
    let inner = Type::Array(65_000, Box::new(Type::U8));
    assert_eq!(refused(Type::Array(65_000, Box::new(inner))), InterfaceError::ArrayTooLarge(x()));
    let key = Type::Vec(Box::new(Type::U8));
    assert_eq!(refused(Type::Map(Box::new(key), Box::new(Type::U8))), InterfaceError::BadKey(x()));
    assert_eq!(refused(Type::Enum { name: "E".into(), variants: vec![] }), InterfaceError::BadEnum(x()));
    let mut deep = Type::U8;
    for _ in 0..TYPE_DEPTH_MAX {
        deep = Type::Option(Box::new(deep));
    }
    assert_eq!(refused(deep.clone()), InterfaceError::TooDeep(x()));
    let mut bytes = interface(vec![field("x", deep)]).encode();
    let option = 16;
    let start = bytes.windows(4).position(|four| four == [option; 4]).unwrap();
    bytes.splice(start..start, [option; 10_000]);
    assert_eq!(Interface::decode_checked(&bytes, 100_000), Err(InterfaceError::Malformed));
}

#[test]
fn names_flags_and_initialisers_are_checked() {
    let mut made = interface(vec![field("a", Type::U8), field("a", Type::U8)]);
    assert_eq!(made.validate(), Err(InterfaceError::Duplicate("a".into())));
    made = interface(vec![field("a-b", Type::U8)]);
    assert_eq!(made.validate(), Err(InterfaceError::BadName("a-b".into())));
    made = interface(vec![]);
    made.functions[0].flags = Flags::VIEW.with(Flags::PAYABLE);
    assert_eq!(made.validate(), Err(InterfaceError::BadFlags("f".into())));
    made.functions[0].flags = Flags(16);
    assert_eq!(made.validate(), Err(InterfaceError::BadFlags("f".into())));
    made.functions[0].flags = Flags::INIT;
    let mut second = made.functions[0].clone();
    second.name = "g".into();
    made.functions.push(second);
    assert_eq!(made.validate(), Err(InterfaceError::TwoInits));
}

#[test]
fn arguments_are_checked_to_the_byte() {
    let one = |ty| vec![field("x", ty)];
    assert!(check(&one(Type::Bool), &[1]).is_ok());
    assert_eq!(check(&one(Type::Bool), &[2]), Err(ArgumentError::Invalid { at: 0 }));
    assert_eq!(check(&one(Type::U64), &[0; 7]), Err(ArgumentError::Truncated { at: 7 }));
    assert_eq!(check(&one(Type::U64), &[0; 9]), Err(ArgumentError::Surplus { count: 1 }));
    assert_eq!(check(&one(Type::String), &[4, 0xff]), Err(ArgumentError::Invalid { at: 0 }));
    assert_eq!(
        check(&one(Type::Bytes), &[1, 0]),
        Err(ArgumentError::Invalid { at: 0 }),
        "a long form of length 0"
    );
    assert_eq!(check(&[], &[]).map(|_| ()), Ok(()));
    let set = one(Type::Set(Box::new(Type::U16)));
    assert!(check(&set, &[8, 255, 0, 0, 1]).is_ok(), "255 < 256, though not as bytes");
    assert_eq!(check(&set, &[8, 1, 0, 1, 0]), Err(ArgumentError::Order { at: 3 }), "twice the same");
    let signed = one(Type::Set(Box::new(Type::I8)));
    assert!(check(&signed, &[8, 255, 0]).is_ok(), "-1 < 0");
    assert_eq!(check(&signed, &[8, 0, 255]), Err(ArgumentError::Order { at: 2 }));
    let enumeration =
        Type::Enum { name: "E".into(), variants: vec![Variant { name: "A".into(), fields: one(Type::U8) }] };
    assert!(check(&one(enumeration.clone()), &[0, 7]).is_ok());
    assert_eq!(check(&one(enumeration), &[1, 7]), Err(ArgumentError::Invalid { at: 0 }));
}

#[test]
fn a_claimed_length_costs_no_more_than_its_bytes() {
    let list = vec![field("x", Type::Vec(Box::new(Type::U8)))];
    let mut bytes = Vec::new();
    crate::codec::push_compact_u32(&mut bytes, u32::MAX);
    assert!(matches!(check(&list, &bytes), Err(ArgumentError::Truncated { .. })));
}

#[test]
fn steps_are_counted_for_values_without_bytes_and_bounded() {
    let fields = vec![field("x", Type::Tuple(vec![Type::unit(); 1_000]))];
    let steps = check(&fields, &[]).unwrap();
    assert!(steps > 2_000);
    for (given, expected) in [(steps, Ok(())), (steps.saturating_sub(1), Err(ArgumentError::TooManySteps))] {
        let mut left = given;
        assert_eq!(check_within(&fields, &[], &mut left), expected);
        assert_eq!(left, 0);
    }
    let mut left = steps;
    assert_eq!(check_within(&fields, &[1], &mut left), Err(ArgumentError::Surplus { count: 1 }));
    assert_eq!(left, 0, "a refusal costs its steps");
}

type Sample =
    (Option<u32>, Vec<(u8, String)>, BTreeMap<u64, Vec<u8>>, BTreeSet<String>, Result<i128, bool>, [u16; 3]);

fn sample_fields() -> Vec<Field> {
    let types = [
        Type::Option(Box::new(Type::U32)),
        Type::Vec(Box::new(Type::Tuple(vec![Type::U8, Type::String]))),
        Type::Map(Box::new(Type::U64), Box::new(Type::Bytes)),
        Type::Set(Box::new(Type::String)),
        Type::Result(Box::new(Type::I128), Box::new(Type::Bool)),
        Type::Array(3, Box::new(Type::U16)),
    ];
    types.into_iter().enumerate().map(|(index, ty)| field(&index.to_string(), ty)).collect()
}

proptest! {
    /// R32: what parity-scale-codec writes is taken, and what is taken decodes to the same bytes.
    #[test]
    fn r32_check_agrees_with_parity(value: Sample, flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..3)) {
        let mut bytes = value.encode();
        prop_assert!(check(&sample_fields(), &bytes).is_ok());
        for (at, with) in flips {
            let at = at.checked_rem(bytes.len()).unwrap_or_default();
            bytes[at] ^= with;
        }
        let canonical = crate::codec::decode_exact::<Sample>(&bytes, usize::MAX).is_ok();
        prop_assert_eq!(check(&sample_fields(), &bytes).is_ok(), canonical);
    }

    #[test]
    fn interface_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Interface::decode_checked(&bytes, 1_000);
        let _ = check(&sample_fields(), &bytes);
    }
}
