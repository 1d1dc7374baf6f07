//! What `#[contract]` makes of a module: the interface that vm-core reads from the bytes, and the exports by name.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::missing_errors_doc,
    reason = "the sample is nobody's interface"
)]

use contract_sdk::prelude::*;
use vm_core::interface::{Field, Flags, Function, Interface, Record, Type, Variant};

/// A sample that uses all of it.
#[contract]
pub mod sample {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Two lines,
    /// one text.
    #[event]
    pub struct Moved<'a> {
        pub by: Address,
        pub r#type: &'a str,
    }

    #[event]
    pub struct Ping;

    #[error]
    #[derive(Debug, PartialEq)]
    pub enum Fault {
        /// Nothing more.
        Plain,
        Tuple(u8, String),
        Named {
            least: u64,
        },
    }

    #[object]
    pub struct Thing {
        size: u32,
    }

    #[derive(Encode, Decode, Described)]
    pub struct Point {
        pub x: i64,
        pub y: i64,
    }

    #[derive(Encode, Decode, Described)]
    pub enum Shape {
        Dot,
        Line(Point, Point),
    }

    /// Starts.
    #[init]
    #[payable]
    pub fn initialize(_ctx: &mut Context, mut supply: u128) -> ObjectId {
        supply = supply.wrapping_add(1);
        ObjectId([u8::try_from(supply).unwrap_or(0); 32])
    }

    #[call]
    #[reentrant]
    pub fn draw(ctx: &mut Context, shape: Shape, label: &str, data: &[u8]) -> Result<Option<Point>> {
        let _ = (ctx, label, data);
        require!(matches!(shape, Shape::Line(..)), Fault::Plain);
        Ok(None)
    }

    #[view]
    pub fn look(
        _ctx: &Context,
        map: BTreeMap<String, [u8; 4]>,
        set: BTreeSet<u8>,
        pair: (bool, Hash),
    ) -> core::result::Result<Vec<u16>, Fault> {
        private(map.len(), set.len(), pair.0);
        Err(Fault::Named { least: 7 })
    }

    #[call]
    pub fn nothing(_ctx: &mut Context) {}

    fn private(_: usize, _: usize, _: bool) {}
}

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty }
}

fn point() -> Type {
    Type::Struct { name: "Point".into(), fields: vec![field("x", Type::I64), field("y", Type::I64)] }
}

#[test]
fn the_interface_decodes_to_what_the_source_says() {
    use sample::contract_sdk_generated::INTERFACE_BYTES;
    let interface = Interface::decode_checked(&INTERFACE_BYTES, 32_768).unwrap();
    let expected = Interface {
        name: "sample".into(),
        functions: vec![
            Function {
                name: "initialize".into(),
                flags: Flags::INIT.with(Flags::PAYABLE),
                params: vec![field("supply", Type::U128)],
                returns: Type::ObjectId,
                docs: "Starts.".into(),
            },
            Function {
                name: "draw".into(),
                flags: Flags::REENTRANT,
                params: vec![
                    field(
                        "shape",
                        Type::Enum {
                            name: "Shape".into(),
                            variants: vec![
                                Variant { name: "Dot".into(), fields: vec![] },
                                Variant {
                                    name: "Line".into(),
                                    fields: vec![field("0", point()), field("1", point())],
                                },
                            ],
                        },
                    ),
                    field("label", Type::String),
                    field("data", Type::Bytes),
                ],
                returns: Type::Option(Box::new(point())),
                docs: String::new(),
            },
            Function {
                name: "look".into(),
                flags: Flags::VIEW,
                params: vec![
                    field(
                        "map",
                        Type::Map(Box::new(Type::String), Box::new(Type::Array(4, Box::new(Type::U8)))),
                    ),
                    field("set", Type::Set(Box::new(Type::U8))),
                    field("pair", Type::Tuple(vec![Type::Bool, Type::Hash])),
                ],
                returns: Type::Vec(Box::new(Type::U16)),
                docs: String::new(),
            },
            Function {
                name: "nothing".into(),
                flags: Flags::default(),
                params: vec![],
                returns: Type::unit(),
                docs: String::new(),
            },
        ],
        events: vec![
            Record {
                name: "Moved".into(),
                fields: vec![field("by", Type::Address), field("type", Type::String)],
                docs: "Two lines,\none text.".into(),
            },
            Record { name: "Ping".into(), fields: vec![], docs: String::new() },
        ],
        errors: vec![
            Record { name: "Plain".into(), fields: vec![], docs: "Nothing more.".into() },
            Record {
                name: "Tuple".into(),
                fields: vec![field("0", Type::U8), field("1", Type::String)],
                docs: String::new(),
            },
            Record { name: "Named".into(), fields: vec![field("least", Type::U64)], docs: String::new() },
        ],
        objects: vec![Record {
            name: "Thing".into(),
            fields: vec![field("size", Type::U32)],
            docs: String::new(),
        }],
    };
    assert_eq!(interface, expected);
}

/// Kinds of objects with collections, and functions in an impl.
pub mod over_an_impl {
    use contract_sdk::Event;
    use contract_sdk::prelude::*;

    #[derive(Encode, Event)]
    pub struct Opened {
        pub at: u64,
    }

    #[derive(ContractError)]
    pub enum ShopError {
        Closed,
    }

    /// What is sold.
    #[derive(Object)]
    pub struct Shelf {
        /// The name.
        pub r#type: String,
        pub prices: Map<String, u64>,
        pub items: List<u64>,
        pub sold: Count,
    }

    /// The contract.
    #[derive(Debug)]
    pub struct Shop;

    #[contract(events(Opened), errors(ShopError), objects(Shelf))]
    impl Shop {
        /// Opens.
        #[init]
        pub fn open(ctx: &mut Context, r#type: &str) -> Result<ObjectId> {
            ctx.log(&Opened { at: ctx.block_height() });
            let (prices, items, sold) = (Map::new(), List::new(), Count::new());
            Ok(ctx.create(Shelf { r#type: r#type.into(), prices, items, sold })?.id())
        }

        #[call]
        #[payable]
        pub fn buy(ctx: &mut Context, item: &str) -> Result<()> {
            let shelf = ctx.own::<Shelf>()?;
            require!(shelf.prices().contains(item)?, ShopError::Closed);
            shelf.sold().advance()?;
            shelf.update_type(|name| Ok(name + "!")).map(drop)
        }

        fn not_called() {}
    }

    #[test]
    fn its_helpers_stay_its_own() {
        Shop::not_called();
    }
}

#[test]
fn an_impl_gives_the_interface_that_a_module_gives() {
    use over_an_impl::contract_sdk_generated::{ENTRIES, INTERFACE_BYTES};
    let interface = Interface::decode_checked(&INTERFACE_BYTES, 32_768).unwrap();
    assert_eq!(interface.name, "Shop");
    let functions: Vec<(&str, Flags, usize)> = interface
        .functions
        .iter()
        .map(|function| (function.name.as_str(), function.flags, function.params.len()))
        .collect();
    assert_eq!(functions, [("open", Flags::INIT, 1), ("buy", Flags::PAYABLE, 1)]);
    assert_eq!(interface.functions[0].docs, "Opens.");
    assert_eq!(ENTRIES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["open", "buy"]);
    assert_eq!((interface.events[0].name.as_str(), interface.errors[0].name.as_str()), ("Opened", "Closed"));
}

/// A list's own field holds its length, a count's its number; a map has no field of its own name.
#[test]
fn collections_are_described_by_what_their_own_field_holds() {
    use over_an_impl::contract_sdk_generated::INTERFACE_BYTES;
    let interface = Interface::decode_checked(&INTERFACE_BYTES, 32_768).unwrap();
    let expected = Record {
        name: "Shelf".into(),
        fields: vec![field("type", Type::String), field("items", Type::U32), field("sold", Type::U64)],
        docs: "What is sold.".into(),
    };
    assert_eq!(interface.objects, [expected]);
}

#[test]
fn every_function_has_an_entry() {
    let entries = sample::contract_sdk_generated::ENTRIES;
    let names: Vec<&str> = entries.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["initialize", "draw", "look", "nothing"]);
}

#[test]
fn contract_errors_carry_their_position_and_fields() {
    use sample::Fault;
    let base = ErrorCode::CONTRACT_BASE;
    assert_eq!(Error::from(Fault::Plain), Error::new(base, vec![]));
    assert_eq!(Error::from(Fault::Tuple(9, "x".into())), Error::new(base + 1, vec![9, 4, b'x']));
    assert_eq!(Error::from(Fault::Named { least: 1 }), Error::new(base + 2, vec![1, 0, 0, 0, 0, 0, 0, 0]));
}

#[test]
fn zero_is_no_code() {
    assert_eq!(Error::new(0, vec![7]), Error::new(u32::MAX, vec![7]));
    let reverted = Error::new(ErrorCode::CallReverted.code().into(), vec![0, 0, 0, 0]);
    assert_eq!(reverted.callee().map(|error| error.code()), Some(u32::MAX));
}

#[test]
fn a_callees_error_is_read_from_what_it_reverted_with() {
    let reverted = ErrorCode::CallReverted.code().into();
    let error = Error::new(reverted, vec![2, 0, 1, 0, 42]);
    assert!(error.is(ErrorCode::CallReverted));
    assert_eq!(error.callee(), Some(Error::new(ErrorCode::CONTRACT_BASE + 2, vec![42])));
    assert_eq!(Error::new(reverted, vec![1]).callee(), None);
    assert_eq!(Error::from(ErrorCode::OutOfGas).callee(), None);
}

#[test]
fn events_are_their_fields_encodings() {
    use contract_sdk::Event;
    let moved = sample::Moved { by: Address([1; 32]), r#type: "ab" };
    assert_eq!(moved.encode(), [vec![1; 32], vec![8, b'a', b'b']].concat());
    assert_eq!(<sample::Moved<'_> as Event>::NAME, "Moved");
    assert!(sample::Ping.encode().is_empty());
}

#[test]
#[should_panic(expected = "contract code runs ")]
fn outside_the_vm_there_is_no_host() {
    sample::contract_sdk_generated::entries::nothing();
}
