use proptest::prelude::*;

use super::*;
use parity_scale_codec::Encode as _;
use vm_core::Address;

fn names() -> Names {
    let mut names = Names::default();
    names.add_address("alice", Address::named("alice"));
    names.add_address("my-key", Address([7; 32]));
    names
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.to_owned(), ty }
}

fn function(params: Vec<Field>) -> Function {
    Function {
        name: "f".to_owned(),
        flags: Flags::default(),
        params,
        returns: Type::unit(),
        docs: "Does\nthings.\n\nMore of it.".to_owned(),
    }
}

fn own() -> Vec<Arg> {
    vec![
        Arg::new("from").long("from"),
        Arg::new("raw_args").long("raw-args"),
        Arg::new("send").long("send").action(clap::ArgAction::SetTrue),
    ]
}

fn run(function: &Function, words: &[&str]) -> Result<Vec<u8>, String> {
    let command = with_parameters(Command::new("f").no_binary_name(true), function, &own());
    command.clone().debug_assert();
    let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
    encode_arguments(function, &matches, &names()).map_err(|error| error.to_string())
}

#[test]
fn r112_options_are_the_parameters_and_need_no_quotes() {
    let function = function(vec![
        field("to", Type::Address),
        field("total_supply", Type::U64),
        field("note", Type::String),
        field("by", Type::I8),
    ]);
    let expected = (Address::named("alice"), 1_000u64, "10", -3i8).encode();
    for words in [
        ["--to", "alice", "--total-supply", "1000", "--note", "10", "--by", "-3"],
        ["--to", "@alice", "--total_supply", "1_000", "--note", "10", "--by", "-3"],
    ] {
        assert_eq!(run(&function, &words), Ok(expected.clone()));
    }
    let missing = run(&function, &["--to", "alice"]).unwrap_err();
    assert!(missing.contains("--total-supply <u64>"), "{missing}");
    let command = with_parameters(Command::new("f").no_binary_name(true), &function, &own());
    assert!(command.try_get_matches_from(["--raw-args", "0x"]).is_ok(), "bytes stand for all arguments");
}

#[test]
fn r113_a_value_that_does_not_fit_is_named_by_its_option() {
    let one = |ty: Type, text: &str| run(&function(vec![field("it", ty)]), &["--it", text]).unwrap_err();
    assert_eq!(one(Type::U8, "256"), "--it: expected u8, found 256, which is out of its range");
    assert!(one(Type::U8, "x").starts_with("--it: expected u8, found text"));
    assert!(one(Type::Bool, "yes").starts_with("--it: expected true or false"));
    assert!(one(Type::Address, "nobody").starts_with("--it: no account or contract is named @nobody"));
    assert!(one(Type::Vec(Box::new(Type::U8)), "[1").starts_with("--it: neither TOML nor JSON"));
    let list = Type::Vec(Box::new(Type::Address));
    assert_eq!(
        one(list, "[\"alice\", 7]"),
        "--it: [1]: expected Address (\"@name\", or \"0x\" and 64 hex digits), found an integer 7"
    );
}

#[test]
fn r112_structured_values_are_toml_or_json() {
    let list = Type::Vec(Box::new(Type::Address));
    let pair = Type::Struct {
        name: "Pair".to_owned(),
        fields: vec![field("who", Type::Address), field("much", Type::Option(Box::new(Type::U16)))],
    };
    let choice = Type::Enum {
        name: "Choice".to_owned(),
        variants: vec![
            Variant { name: "Yes".to_owned(), fields: vec![] },
            Variant { name: "No".to_owned(), fields: vec![field("0", Type::Address)] },
        ],
    };
    let newtype = Type::Struct { name: "Id".to_owned(), fields: vec![field("0", Type::U32)] };
    let map = Type::Map(Box::new(Type::Address), Box::new(Type::U8));
    let alice = Address::named("alice");
    let cases: Vec<(Type, &str, Vec<u8>)> = vec![
        (list.clone(), "[\"alice\", \"@my-key\"]", vec![alice, Address([7; 32])].encode()),
        (list, "[]", vec![0]),
        (pair.clone(), "{ who = 'alice', much = { Some = 3 } }", (alice, Some(3u16)).encode()),
        (pair.clone(), r#"{"who": "alice", "much": null}"#, (alice, None::<u16>).encode()),
        (choice.clone(), "Yes", vec![0]),
        (choice, "{ No = 'alice' }", [vec![1], alice.encode()].concat()),
        (newtype, "7", 7u32.encode()),
        (map.clone(), "{ alice = 3 }", vec![(alice, 3u8)].encode()),
        (map, "[['alice', 3]]", vec![(alice, 3u8)].encode()),
        (Type::Option(Box::new(Type::String)), "word", Some("word").encode()),
        (Type::Option(Box::new(Type::String)), "None", vec![0]),
        (Type::Option(Box::new(Type::String)), "{ Some = 'None' }", Some("None").encode()),
        (Type::Option(Box::new(Type::I8)), "-1", Some(-1i8).encode()),
        (
            Type::Option(Box::new(pair)),
            "{ who = 'alice', much = 'None' }",
            Some((alice, None::<u16>)).encode(),
        ),
        (Type::Vec(Box::new(Type::U8)), "0x0102", vec![1u8, 2].encode()),
        (Type::Vec(Box::new(Type::U8)), "[1, 2]", vec![1u8, 2].encode()),
        (Type::Tuple(vec![Type::Address, Type::U8]), "['alice', 1]", (alice, 1u8).encode()),
        (
            Type::Result(Box::new(Type::Address), Box::new(Type::U8)),
            "{ Ok = 'alice' }",
            Ok::<_, u8>(alice).encode(),
        ),
    ];
    for (ty, text, expected) in cases {
        let found = run(&function(vec![field("it", ty)]), &["--it", text]);
        assert_eq!(found, Ok(expected), "{text}");
    }
    let optional = function(vec![field("it", Type::Option(Box::new(Type::U8)))]);
    assert_eq!(run(&optional, &[]), Ok(vec![0]), "an option that is not given is none");
}

#[test]
fn r113_no_name_of_a_parameter_collides_with_an_option() {
    let text = |name: &str| field(name, Type::String);
    let function = function(
        ["from", "send", "help", "version", "h", "raw_args", "_x", "a_b", "__", "arg"].map(text).to_vec(),
    );
    let words = [
        "--from",
        "1",
        "--send",
        "2",
        "--help",
        "3",
        "--version",
        "4",
        "--h",
        "5",
        "--raw-args",
        "6",
        "--_x",
        "7",
        "--a-b",
        "8",
        "--__",
        "9",
        "--arg",
        "10",
    ];
    let expected = (("1", "2", "3", "4", "5"), ("6", "7", "8", "9", "10")).encode();
    assert_eq!(run(&function, &words), Ok(expected));
}

#[test]
fn r112_help_shows_docs_types_and_the_commands_own_options() {
    let function = function(vec![field("to", Type::Address), field("send", Type::Bool)]);
    let mut command = with_parameters(Command::new("f"), &function, &own());
    let help = command.render_help().to_string();
    for part in ["Does things.", "--to <Address>", "--send <bool>", "Options of vm", "--from"] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    assert!(!help.contains("More of it"));
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_]{1,8}",
        prop::sample::select(vec!["help", "from", "send", "raw_args", "json", "chain", "version"])
            .prop_map(str::to_owned),
    ]
}

fn ty() -> impl Strategy<Value = Type> {
    let plain = prop::sample::select(vec![
        Type::Bool,
        Type::U8,
        Type::I128,
        Type::String,
        Type::Bytes,
        Type::Address,
        Type::ObjectId,
        Type::Hash,
    ]);
    plain.prop_recursive(3, 12, 3, |inner| {
        let fields = prop::collection::vec((name(), inner.clone()), 1..3);
        let fields = fields
            .prop_map(|fields| fields.iter().map(|(name, ty)| field(name, ty.clone())).collect::<Vec<_>>());
        let fields = fields.boxed();
        prop_oneof![
            inner.clone().prop_map(|ty| Type::Option(Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Vec(Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Array(2, Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Map(Box::new(Type::Address), Box::new(ty))),
            (inner.clone(), inner).prop_map(|(good, bad)| Type::Result(Box::new(good), Box::new(bad))),
            fields.clone().prop_map(|fields| Type::Struct { name: "S".to_owned(), fields }),
            fields.prop_map(|fields| Type::Enum {
                name: "E".to_owned(),
                variants: vec![Variant { name: "V".to_owned(), fields }],
            }),
        ]
    })
}

proptest! {
    #[test]
    fn r113_no_interface_and_no_words_make_the_parser_panic(
        params in prop::collection::btree_map(name(), ty(), 0..5),
        docs in any::<String>(),
        words in prop::collection::vec(any::<String>(), 0..6),
        options in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let params: Vec<Field> = params.into_iter().map(|(name, ty)| field(&name, ty)).collect();
        let function = Function { docs, ..function(params) };
        let mut command = with_parameters(Command::new("f").no_binary_name(true), &function, &own());
        let help = command.render_help().to_string();
        prop_assert!(!help.contains('\u{1b}'), "the docs steer no terminal");
        let mut line = Vec::new();
        for (word, index) in words.iter().zip(&options) {
            if !function.params.is_empty() {
                line.push(format!("--{}", option(&function.params[index.index(function.params.len())].name)));
            }
            line.push(word.clone());
        }
        if let Ok(matches) = command.try_get_matches_from(line) {
            let _ = encode_arguments(&function, &matches, &names());
        }
    }

    /// What is encoded as a type is a value of the type: it can be decoded, and comes to the same bytes.
    #[test]
    fn r112_what_is_encoded_decodes_as_its_type(ty in ty(), text in "[a-z0-9 {}=,'.\\[\\]]{0,20}") {
        if let Ok(bytes) = encode_text(&ty, &text, &names()) {
            prop_assert!(vm_chain::value::decode(&ty, &bytes, &names()).is_ok());
        }
    }
}
