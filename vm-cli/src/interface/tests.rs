use vm_core::interface as core;

use super::*;

/// Every type, every flag, every kind of record.
fn all() -> core::Interface {
    let field = |name: &str, ty| core::Field { name: name.to_owned(), ty };
    let boxed = Box::new;
    let plain = [
        core::Type::Bool,
        core::Type::U8,
        core::Type::U16,
        core::Type::U32,
        core::Type::U64,
        core::Type::U128,
        core::Type::I8,
        core::Type::I16,
        core::Type::I32,
        core::Type::I64,
        core::Type::I128,
        core::Type::String,
        core::Type::Bytes,
        core::Type::Address,
        core::Type::ObjectId,
        core::Type::Hash,
    ];
    let point = core::Type::Struct { name: "Point".into(), fields: vec![field("x", core::Type::I64)] };
    let shape = core::Type::Enum {
        name: "Shape".into(),
        variants: vec![
            core::Variant { name: "Dot".into(), fields: vec![] },
            core::Variant { name: "Line".into(), fields: vec![field("0", point.clone())] },
        ],
    };
    let compound = [
        core::Type::Option(boxed(core::Type::U8)),
        core::Type::Vec(boxed(shape.clone())),
        core::Type::Array(3, boxed(core::Type::U16)),
        core::Type::Map(boxed(core::Type::String), boxed(point)),
        core::Type::Set(boxed(core::Type::Address)),
        core::Type::Result(boxed(core::Type::unit()), boxed(shape)),
    ];
    let params = plain.into_iter().chain(compound).enumerate();
    let params: Vec<_> = params.map(|(index, ty)| field(&format!("p{index}"), ty)).collect();
    let record = |name: &str, fields: &[core::Field]| core::Record {
        name: name.to_owned(),
        fields: fields.to_vec(),
        docs: "says \"what\"\nit is".to_owned(),
    };
    let function = |name: &str, flags, params: &[core::Field]| core::Function {
        name: name.to_owned(),
        flags,
        params: params.to_vec(),
        returns: core::Type::Tuple(vec![core::Type::Bool, core::Type::U8]),
        docs: String::new(),
    };
    core::Interface {
        name: "all".to_owned(),
        functions: vec![
            function("new", core::Flags::INIT.with(core::Flags::PAYABLE), &params),
            function("look", core::Flags::VIEW.with(core::Flags::REENTRANT), &[]),
            function("act", core::Flags::default(), &[]),
        ],
        events: vec![record("Happened", &params)],
        errors: vec![record("First", &[]), record("Second", &params)],
        objects: vec![record("Thing", &params)],
    }
}

#[test]
fn r73_json_and_module_interfaces_convert_without_loss() {
    let interface = all();
    interface.validate().unwrap();
    let json = Interface::from(&interface);
    let read = Interface::parse(&json.to_text()).unwrap();
    assert_eq!(read, json);
    assert_eq!(core::Interface::from(&read), interface);
}

#[test]
fn types_have_the_documented_form() {
    let form = |ty: core::Type| serde_json::to_string(&Type::from(&ty)).unwrap();
    assert_eq!(form(core::Type::U64), r#""u64""#);
    assert_eq!(form(core::Type::ObjectId), r#""object_id""#);
    assert_eq!(form(core::Type::unit()), r#"{"tuple":[]}"#);
    assert_eq!(form(core::Type::Option(Box::new(core::Type::I128))), r#"{"option":"i128"}"#);
    assert_eq!(form(core::Type::Array(2, Box::new(core::Type::U8))), r#"{"array":[2,"u8"]}"#);
    let map = core::Type::Map(Box::new(core::Type::Address), Box::new(core::Type::U64));
    assert_eq!(form(map), r#"{"map":["address","u64"]}"#);
}

#[test]
fn what_is_left_out_is_false_empty_or_nothing() {
    let short = r#"{"name": "c", "functions": [{"name": "f", "kind": "view"}], "events": [{"name": "E"}]}"#;
    let core = core::Interface::from(&Interface::parse(short).unwrap());
    assert_eq!(core.functions[0].flags, core::Flags::VIEW);
    assert_eq!(core.functions[0].returns, core::Type::unit());
    assert!(
        core.functions[0].params.is_empty() && core.events[0].fields.is_empty() && core.errors.is_empty()
    );
}

#[test]
fn r113_files_that_are_no_interface_are_refused_with_the_reason() {
    let good = Interface::from(&all());
    let refused = |text: &str| Interface::parse(text).unwrap_err().to_string();
    assert!(refused("{").contains("line 1"));
    assert!(refused(&good.to_text().replace("\"kind\"", "\"kinds\"")).contains("unknown field `kinds`"));
    assert!(refused(&good.to_text().replace("\"kind\": \"view\"", "\"kind\": \"look\"")).contains("look"));
    assert!(refused(&good.to_text().replace("\"name\": \"look\"", "\"name\": \"new\"")).contains("twice"));
    let deep = format!("{}\"u8\"{}", "{\"option\":".repeat(500), "}".repeat(500));
    assert!(refused(&good.to_text().replacen("\"bool\"", &deep, 1)).contains("recursion limit"));
}
