use proptest::prelude::*;
use vm_core::interface::{Variant, check};
use vm_core::{Address, Hash, ObjectId};

use super::*;
use crate::names::Names;

fn names() -> Names {
    let mut names = Names::default();
    names.add_address("alice", Address([0xaa; 32]));
    names.add_object("coin", ObjectId([0xcc; 32]));
    names.add_code("counter", Hash([0xdd; 32]));
    names
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.to_owned(), ty }
}

fn parse(toml: &str) -> Located {
    #[derive(serde::Deserialize)]
    struct Wrapper {
        x: Located,
    }
    toml::from_str::<Wrapper>(toml).unwrap().x
}

fn shape() -> Type {
    Type::Enum {
        name: "Shape".to_owned(),
        variants: vec![
            Variant { name: "Empty".to_owned(), fields: vec![] },
            Variant { name: "Circle".to_owned(), fields: vec![field("0", Type::U32)] },
            Variant { name: "Box".to_owned(), fields: vec![field("w", Type::U8), field("h", Type::U8)] },
        ],
    }
}

/// What is written in TOML comes back from its bytes in the same words.
#[test]
fn values_of_every_type_come_back_as_written() {
    let boxed = Box::new;
    for (ty, toml) in [
        (Type::Bool, "true"),
        (Type::U8, "255"),
        (Type::U64, "18_446_744_073_709_551_615"),
        (Type::U128, "\"340282366920938463463374607431768211455\""),
        (Type::I8, "-128"),
        (Type::I64, "-9_223_372_036_854_775_808"),
        (Type::I128, "\"-170_141_183_460_469_231_731_687_303_715_884_105_728\""),
        (Type::String, "\"grüße\""),
        (Type::Bytes, "\"0x00ff\""),
        (Type::Address, "\"@alice\""),
        (Type::ObjectId, "\"$coin\""),
        (Type::Hash, "\"#counter\""),
        (Type::Hash, "\"0x0101010101010101010101010101010101010101010101010101010101010101\""),
        (Type::Option(boxed(Type::U8)), "\"None\""),
        (Type::Option(boxed(Type::U8)), "{ Some = 3 }"),
        (Type::Vec(boxed(Type::U8)), "\"0x010203\""),
        (Type::Vec(boxed(Type::U16)), "[1, 2]"),
        (Type::Array(2, boxed(Type::Bool)), "[true, false]"),
        (Type::Array(2, boxed(Type::U8)), "\"0x0102\""),
        (Type::unit(), "[]"),
        (Type::Tuple(vec![Type::U8, Type::String]), "[1, \"x\"]"),
        (
            Type::Struct { name: "P".to_owned(), fields: vec![field("a", Type::U8), field("b", shape())] },
            "{ a = 1, b = \"Empty\" }",
        ),
        (shape(), "{ Circle = 7 }"),
        (shape(), "{ Box = { w = 1, h = 2 } }"),
        (Type::Map(boxed(Type::String), boxed(Type::U8)), "{ a = 1, b = 2 }"),
        (Type::Map(boxed(Type::U8), boxed(Type::U8)), "[[1, 2], [3, 4]]"),
        (Type::Set(boxed(Type::I16)), "[-1, 0, 1]"),
        (Type::Result(boxed(Type::U8), boxed(Type::String)), "{ Err = \"no\" }"),
    ] {
        let value = parse(&format!("x = {toml}"));
        let bytes = encode(&ty, &value, &names(), "x").unwrap_or_else(|error| panic!("{toml}: {error}"));
        assert!(check(&[field("x", ty.clone())], &bytes).is_ok(), "{toml}");
        let back = decode(&ty, &bytes, &names()).unwrap();
        let again = encode(&ty, &Located::from(back.clone()), &names(), "x").unwrap();
        assert_eq!(again, bytes, "{toml} became {back}");
    }
}

#[test]
fn keys_are_sorted_and_twins_refused() {
    let ty = Type::Map(Box::new(Type::I8), Box::new(Type::U8));
    let bytes = encode(&ty, &parse("x = { 5 = 1, -3 = 2 }"), &names(), "x").unwrap();
    assert_eq!(bytes, [8, 0xfd, 2, 5, 1]);
    let set = Type::Set(Box::new(Type::U8));
    let error = encode(&set, &parse("x = [1, 1]"), &names(), "x").unwrap_err();
    assert_eq!(error.to_string(), "x[1]: the key 1 stands twice");
}

/// Each way to be wrong, with the whole message.
#[test]
fn r113_errors_name_the_path_what_was_expected_and_what_was_found() {
    let params = [field("to", Type::Address), field("amount", Type::U64)];
    for (toml, message) in [
        ("{ to = \"@alice\", amount = \"x\" }", "args.amount: expected u64, found text \"x\""),
        ("{ to = \"@alice\", amount = true }", "args.amount: expected u64, found true"),
        (
            "{ to = \"@alice\", amount = -1 }",
            "args.amount: expected u64, found -1, which is out of its range",
        ),
        ("{ to = \"@alice\" }", "args.amount: missing; expected to: Address, amount: u64"),
        (
            "{ to = \"@alice\", amount = 1, memo = \"\" }",
            "args.memo: no such name; expected to: Address, amount: u64",
        ),
        ("{ to = \"@bob\", amount = 1 }", "args.to: no account or contract is named @bob; there are @alice"),
        (
            "{ to = \"0x12\", amount = 1 }",
            "args.to: expected Address: expected 64 hex digits (32 bytes), found 2 characters",
        ),
        ("[]", "args: expected a table of named values, found a list"),
    ] {
        let error = encode_fields(&params, &parse(&format!("x = {toml}")), &names(), "args").unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.span.is_some(), "{message} has no place");
    }
    let list = Type::Vec(Box::new(shape()));
    let error = encode(&list, &parse("x = [\"Empty\", \"Line\"]"), &names(), "args.list").unwrap_err();
    assert_eq!(error.to_string(), "args.list[1]: Shape has no variant \"Line\"; it has Empty, Circle, Box");
}

#[test]
fn a_hash_has_the_name_of_a_module_or_digits() {
    for (toml, message) in [
        ("x = \"#token\"", "args.code: no module is named #token; there are #counter"),
        ("x = \"0x12\"", "args.code: expected Hash: expected 64 hex digits (32 bytes), found 2 characters"),
        (
            "x = 5",
            "args.code: expected Hash (\"#name\" of a module, or \"0x\" and 64 hex digits), found an integer 5",
        ),
    ] {
        let error = encode(&Type::Hash, &parse(toml), &names(), "args.code").unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn fractions_and_dates_are_refused() {
    for toml in ["x = 1.5", "x = 2020-01-01"] {
        #[derive(Debug, serde::Deserialize)]
        struct Wrapper {
            #[allow(dead_code, reason = "only the error is looked at")]
            x: Located,
        }
        assert!(toml::from_str::<Wrapper>(toml).is_err(), "{toml}");
    }
}

#[test]
fn json_keeps_every_digit() {
    let value = |number: Number| serde_json::to_string(&Human::Integer(number)).unwrap();
    assert_eq!(value(Number::Natural(5)), "5");
    assert_eq!(value(Number::Natural(u128::from(u64::MAX))), "\"18446744073709551615\"");
    assert_eq!(value(Number::Negative(7)), "-7");
}

proptest! {
    #[test]
    fn r122_bytes_of_a_hostile_contract_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        for ty in [
            shape(),
            Type::Vec(Box::new(Type::U64)),
            Type::Map(Box::new(Type::String), Box::new(Type::U8)),
            Type::Result(Box::new(Type::Bytes), Box::new(Type::String)),
        ] {
            let _ = decode(&ty, &bytes, &names());
        }
    }

    #[test]
    fn numbers_of_every_width_come_back(value: u128, signed: i128) {
        let names = Names::default();
        let text = Located::from(Human::Text(value.to_string()));
        let bytes = encode(&Type::U128, &text, &names, "x").unwrap();
        prop_assert_eq!(decode(&Type::U128, &bytes, &names).unwrap(), Human::natural(value));
        let text = Located::from(Human::Text(signed.to_string()));
        let bytes = encode(&Type::I128, &text, &names, "x").unwrap();
        prop_assert_eq!(bytes, signed.to_le_bytes());
    }
}

#[test]
fn what_json_holds_is_shown_with_names_as_it_was_before() {
    let names = names();
    let shape = Human::table([
        ("who".to_owned(), Human::Text(Address([0xaa; 32]).to_string())),
        ("what".to_owned(), Human::List(vec![Human::Text(ObjectId([0xcc; 32]).to_string()).into()])),
        ("code".to_owned(), Human::Text(Hash([0xdd; 32]).to_string())),
        ("other".to_owned(), Human::Text(Hash([0xee; 32]).to_string())),
        ("note".to_owned(), Human::Text("0x12".to_owned())),
        ("many".to_owned(), Human::natural(12_345_u64)),
        ("less".to_owned(), Human::Integer(Number::Negative(7))),
        ("on".to_owned(), Human::Bool(true)),
    ]);
    let json = serde_json::to_value(&shape).unwrap();
    assert_eq!(Human::from_json(&json), shape);
    let other = Hash([0xee; 32]);
    let expected = format!(
        "{{ who = @alice, what = [$coin], code = \"#counter\", other = {other}, note = 0x12, many = 12_345, less = -7, on = true }}"
    );
    assert_eq!(shape.named(&names).to_string(), expected);
    assert_eq!(Human::from_json(&serde_json::Value::Null), Human::Text("None".to_owned()));
}
