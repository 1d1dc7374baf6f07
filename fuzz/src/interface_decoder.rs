//! Target `interface_decoder`: bytes as an interface, and other bytes as the arguments of its functions.

use arbitrary::{Result, Unstructured};
use parity_scale_codec::Encode;
use vm_core::interface::{Flags, Function, Interface, Record, check};

use crate::campaign::Inputs;
use crate::typed::{fields, ty};

const LIMIT: u32 = 32_768;

/// Decodes and checks; panics where an invariant breaks.
pub fn interface_decoder(data: &[u8]) {
    // The first byte splits the rest.
    let Some((&split, rest)) = data.split_first() else { return };
    if split & 1 == 1 {
        let Ok((interface, arguments)) = generate(rest) else { return };
        let bytes = interface.encode();
        if interface.validate().is_ok() {
            let decoded = Interface::decode_checked(&bytes, LIMIT);
            assert_eq!(decoded.as_ref(), Ok(&interface), "what is sound survives its own encoding");
            arguments_of(&interface, &arguments);
        } else {
            assert!(Interface::decode_checked(&bytes, LIMIT).is_err(), "decoding checks too");
        }
        return;
    }
    let at = rest.len() * usize::from(split) / 255;
    let (bytes, arguments) = rest.split_at(at);
    let Ok(interface) = Interface::decode_checked(bytes, LIMIT) else { return };
    assert_eq!(interface.encode(), bytes, "one interface has one encoding");
    assert_eq!(interface.validate(), Ok(()), "decoding checks");
    let tight = u32::try_from(bytes.len()).unwrap();
    assert!(Interface::decode_checked(bytes, tight).is_ok(), "the limit is inclusive");
    if let Some(tighter) = tight.checked_sub(1) {
        assert!(Interface::decode_checked(bytes, tighter).is_err(), "one byte past the limit");
        let shorter = &bytes[..bytes.len() - 1];
        assert!(Interface::decode_checked(shorter, LIMIT).is_err(), "an encoding's prefix is none");
    }
    arguments_of(&interface, arguments);
}

/// Checks `bytes` as the arguments of every function.
fn arguments_of(interface: &Interface, bytes: &[u8]) {
    assert!(interface.functions.iter().filter(|function| function.flags.has(Flags::INIT)).count() <= 1);
    for function in &interface.functions {
        let found = interface.function(&function.name);
        assert_eq!(found, Some(function), "names are unique");
        // What fills no bytes has one encoding; anything else is either whole or not.
        let Ok(steps) = check(&function.params, bytes) else { continue };
        assert!(steps > 0);
        let longer = [bytes, &[0]].concat();
        assert!(check(&function.params, &longer).is_err(), "all bytes are consumed");
        if let Some(shorter) = bytes.len().checked_sub(1) {
            assert!(check(&function.params, &bytes[..shorter]).is_err(), "encodings are prefix-free");
        }
    }
}

/// An interface and arguments for it, mostly right.
fn generate(data: &[u8]) -> Result<(Interface, Vec<u8>)> {
    let mut u = Unstructured::new(data);
    let mut functions = vec![];
    for index in 0..u.int_in_range(1..=3u8)? {
        let flags = Flags(u.int_in_range(0..=16)?);
        let params = fields(&mut u, 6)?;
        let returns = ty(&mut u, 6)?;
        functions.push(Function { name: format!("f{index}"), flags, params, returns, docs: String::new() });
    }
    let events = vec![Record { name: "e".into(), fields: fields(&mut u, 3)?, docs: "d".into() }];
    let interface = Interface { name: "n".into(), functions, events, ..Interface::default() };
    let arguments = u.take_rest().to_vec();
    Ok((interface, arguments))
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(2);
    let mut seeds: Vec<(String, Vec<u8>)> = vec![];
    for index in 0..12 {
        let mut bytes = inputs.bytes(200);
        bytes.insert(0, 1);
        // The same interface as bytes, in front of its arguments.
        if let Ok((interface, arguments)) = generate(&bytes[1..]) {
            let encoded = interface.encode();
            let whole = encoded.len() + arguments.len();
            let split = (1..=127u8)
                .map(|half| half * 2)
                .find(|split| whole * usize::from(*split) / 255 == encoded.len())
                .unwrap_or(254);
            let bytes = [&[split][..], &encoded, &arguments].concat();
            seeds.push((format!("bytes-{index:02}"), bytes));
        }
        seeds.push((format!("made-{index:02}"), bytes));
    }
    for (name, code) in crate::module_validation::fixtures() {
        for payload in wasmparser::Parser::new(0).parse_all(&code).flatten() {
            if let wasmparser::Payload::CustomSection(section) = payload
                && section.name() == vm_core::abi::INTERFACE_SECTION
            {
                seeds.push((format!("fixture-{name}"), [&[254], section.data()].concat()));
            }
        }
    }
    seeds
}
