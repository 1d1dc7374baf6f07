//! Target `scale_types`: the strict decoder of the VM's own types on bytes and on values of them (`scale_values.rs`), and
//! values of types that interfaces describe: their check against a naive decoder and against the codec's own, and the way to what people read and back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use arbitrary::{Result, Unstructured};
use parity_scale_codec::{Decode, Encode};
use vm_chain::value::{Human, Located, decode, encode};
use vm_chain::{Names, Signed};
use vm_core::codec::{CodecError, decode_exact};
use vm_core::interface::{
    ArgumentError, Field, Flags, Function, Interface, Type, Variant, check, check_within,
};
use vm_core::{
    Account, Address, Block, Contract, Event, GasSchedule, Hash, Header, Limits, ObjectId, ObjectMeta,
    OwnedObject, Params, Payload, Receipt, ReceiptBody, System, Transaction,
};
use vm_state::{EventProof, ReceiptProof};

use crate::campaign::Inputs;
use crate::entries::edited;
use crate::scale_values::{KINDS, made};
use crate::typed::{self, Pool};

/// Decodes and encodes; panics where an invariant breaks.
pub fn scale_types(data: &[u8]) {
    let Some((&[mode, which], rest)) = data.split_first_chunk::<2>() else { return };
    match mode % 4 {
        0 => drop(OWN[usize::from(which) % OWN.len()].1(rest)),
        3 => drop(made(which, &mut Unstructured::new(rest))),
        1 => drop(of_rust(which, &mut Unstructured::new(rest))),
        _ => drop(of_a_type(&mut Unstructured::new(rest))),
    }
}

/// What is checked of bytes; whether they are of the type.
type Body = fn(&[u8]) -> bool;

/// The VM's own types by the vector files that have samples of them; without one, [`made`] has them.
const OWN: &[(&str, Body)] = &[
    ("transactions", strict::<Transaction>),
    ("blocks", strict::<Block>),
    ("blocks", strict::<Header>),
    ("receipts", strict::<Receipt>),
    ("receipts", strict::<ReceiptBody>),
    ("receipts", strict::<Event>),
    ("proofs", strict::<ReceiptProof>),
    ("proofs", strict::<EventProof>),
    ("params", strict::<GasSchedule>),
    ("", strict::<Limits>),
    ("", strict::<Payload>),
    ("interface", strict::<Interface>),
    ("", strict::<Signed>),
    ("params", params),
    ("records", account),
    ("records", contract),
    ("records", object),
    ("records", owned),
    ("records", system),
];

/// What decodes has these bytes, all of them, and no prefix. Whether they decode.
pub(crate) fn strict<T: Decode + Encode + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let len = bytes.len();
    let Ok(value) = decode_exact::<T>(bytes, len) else { return false };
    assert_eq!(value.encode(), bytes, "one value has one encoding");
    assert_eq!(decode_exact::<T>(&[bytes, &[0]].concat(), len + 1), Err(CodecError::Trailing { count: 1 }));
    let shorter = len.checked_sub(1).map(|limit| (limit, decode_exact::<T>(&bytes[..limit], limit)));
    if let Some((limit, shorter)) = shorter {
        assert!(shorter.is_err(), "an encoding's prefix is none");
        assert_eq!(decode_exact::<T>(bytes, limit), Err(CodecError::TooLong { found: len, limit }));
    }
    true
}

pub(crate) fn params(bytes: &[u8]) -> bool {
    let Ok(params) = Params::from_bytes(bytes, bytes.len()) else { return false };
    assert_eq!(params.encode(), bytes, "one value has one encoding");
    let again = Params::new(params.chain(), params.limits().clone(), params.features(), params.gas().clone());
    assert_eq!(again.map(|again| again.hash()), Ok(params.hash()), "what is decoded is sound");
    true
}

/// The value of an entry: of the right length, and nothing else.
fn entry<T: Encode, E>(bytes: &[u8], entry: std::result::Result<T, E>, len: usize) -> bool {
    assert!(bytes.len() == len || entry.is_err());
    entry.map(|entry| assert_eq!(entry.encode(), bytes)).is_ok()
}

fn account(bytes: &[u8]) -> bool {
    entry(bytes, Account::from_entry(bytes), Account::ENCODED_LEN)
}

fn contract(bytes: &[u8]) -> bool {
    entry(bytes, Contract::from_entry(bytes), Contract::ENCODED_LEN)
}

fn object(bytes: &[u8]) -> bool {
    entry(bytes, ObjectMeta::from_entry(bytes), ObjectMeta::ENCODED_LEN)
}

fn owned(bytes: &[u8]) -> bool {
    entry(bytes, OwnedObject::from_entry(bytes), OwnedObject::ENCODED_LEN)
}

fn system(bytes: &[u8]) -> bool {
    entry(bytes, System::from_entry(bytes), System::ENCODED_LEN)
}

/// Whether bytes are a Rust type's, by the codec itself.
type Strict = fn(&[u8]) -> bool;

#[derive(Debug, PartialEq, Encode, Decode)]
enum Shape {
    Empty,
    Circle(u32),
    Named { text: String, corners: Vec<(i16, i16)> },
}

fn shape() -> Type {
    let field = |name: &str, ty| Field { name: name.into(), ty };
    let corners = Type::Vec(Box::new(Type::Tuple(vec![Type::I16, Type::I16])));
    let named = vec![field("text", Type::String), field("corners", corners)];
    let variant = |name: &str, fields| Variant { name: name.into(), fields };
    let circle = vec![field("0", Type::U32)];
    let variants = vec![variant("Empty", vec![]), variant("Circle", circle), variant("Named", named)];
    Type::Enum { name: "Shape".into(), variants }
}

/// Types of contracts with what they are in Rust.
fn rust_types() -> Vec<(Type, Strict)> {
    fn is<T: Decode + Encode>(bytes: &[u8]) -> bool {
        decode_exact::<T>(bytes, bytes.len()).is_ok()
    }
    let boxed = |ty| Box::new(ty);
    let map = |key, value| Type::Map(Box::new(key), Box::new(value));
    vec![
        (Type::Bool, is::<bool>),
        (Type::U128, is::<u128>),
        (Type::String, is::<String>),
        (Type::Bytes, is::<Vec<u8>>),
        (Type::Option(boxed(Type::Bool)), is::<Option<Option<()>>>),
        (Type::Option(boxed(Type::I64)), is::<Option<i64>>),
        (Type::Vec(boxed(Type::String)), is::<Vec<String>>),
        (Type::Vec(boxed(Type::U64)), is::<Vec<u64>>),
        (Type::Array(3, boxed(Type::Bytes)), is::<[Vec<u8>; 3]>),
        (Type::Tuple(vec![Type::U8, Type::Bool, Type::Address]), is::<(u8, bool, Address)>),
        (Type::unit(), is::<()>),
        (map(Type::U16, Type::Bool), is::<BTreeMap<u16, bool>>),
        (map(Type::I32, shape()), is::<BTreeMap<i32, Shape>>),
        (map(Type::String, Type::unit()), is::<BTreeMap<String, ()>>),
        (map(Type::Bytes, Type::U8), is::<BTreeMap<Vec<u8>, u8>>),
        (Type::Set(boxed(Type::I8)), is::<BTreeSet<i8>>),
        (Type::Set(boxed(Type::ObjectId)), is::<BTreeSet<ObjectId>>),
        (Type::Set(boxed(Type::Hash)), is::<BTreeSet<Hash>>),
        (Type::Set(boxed(Type::U128)), is::<BTreeSet<u128>>),
        (Type::Result(boxed(Type::U32), boxed(Type::String)), is::<std::result::Result<u32, String>>),
        (shape(), is::<Shape>),
        (Type::Vec(boxed(shape())), is::<Vec<Shape>>),
    ]
}

fn parameter(ty: &Type) -> Field {
    Field { name: "x".into(), ty: ty.clone() }
}

/// Checks `bytes`, in exactly the steps that it says and no fewer.
fn checked(ty: &Type, bytes: &[u8]) -> std::result::Result<u64, ArgumentError> {
    let params = [parameter(ty)];
    let steps = check(&params, bytes)?;
    let (mut enough, mut few) = (steps, steps - 1);
    assert_eq!(check_within(&params, bytes, &mut enough), Ok(()));
    assert_eq!(enough, 0);
    assert_eq!(check_within(&params, bytes, &mut few), Err(ArgumentError::TooManySteps));
    Ok(steps)
}

fn is_valid(ty: &Type) -> bool {
    let (name, flags, docs) = (String::from("f"), Flags::default(), String::new());
    let function = Function { name, flags, params: vec![parameter(ty)], returns: Type::unit(), docs };
    Interface { name: "n".into(), functions: vec![function], ..Interface::default() }.validate().is_ok()
}

fn of_a_type(u: &mut Unstructured<'_>) -> Result<()> {
    let ty = typed::ty(u, 5)?;
    if !is_valid(&ty) {
        return Ok(());
    }
    let mut names = Names::default();
    let mut pool = Pool::default();
    for byte in 0..=3u8 {
        let (address, object, hash) = (Address([byte; 32]), ObjectId([byte; 32]), Hash([byte; 32]));
        pool.addresses.push(address);
        pool.objects.push(object);
        pool.hashes.push(hash);
        if byte > 1 {
            names.add_address(&format!("a{byte}"), address);
            names.add_object(&format!("o{byte}"), object);
            names.add_code(&format!("h{byte}"), hash);
        }
    }
    let mut bytes = vec![];
    typed::value(u, &ty, &pool, &mut bytes)?;
    assert!(checked(&ty, &bytes).is_ok(), "a value of the type {ty:?}: {bytes:02x?}");
    read_alike(&ty, &bytes, &names);
    let rest = u.bytes(u.len())?;
    read_alike(&ty, &edited(&bytes, rest), &names);
    read_alike(&ty, rest, &names);
    for other in beside(&bytes) {
        read_alike(&ty, &other, &names);
    }
    Ok(())
}

/// Next to a value: tags that no type has, orders that no map has. A few places are enough.
fn beside(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).step_by(bytes.len() / 6 + 1).map(|at| {
        let mut other = bytes.to_vec();
        other[at] = other[at].wrapping_add(if other[at] == 0 { 2 } else { 1 });
        other
    })
}

/// A value of a Rust type, what is next to it, and other bytes: the check takes what the codec's strict decoder takes.
fn of_rust(which: u8, u: &mut Unstructured<'_>) -> Result<()> {
    let types = rust_types();
    let (ty, strict) = &types[usize::from(which) % types.len()];
    let mut bytes = vec![];
    typed::value(u, ty, &Pool::default(), &mut bytes)?;
    assert!(strict(&bytes), "a value of {ty:?}: {bytes:02x?}");
    let rest = u.bytes(u.len())?;
    let others = [bytes.clone(), edited(&bytes, rest), rest.to_vec()];
    for other in others.into_iter().chain(beside(&bytes)) {
        assert_eq!(checked(ty, &other).is_ok(), strict(&other), "{ty:?} in {other:02x?}");
    }
    Ok(())
}

/// The check and a naive decoder take the same; what they take is what people read and write back.
fn read_alike(ty: &Type, bytes: &[u8], names: &Names) {
    let mut rest = bytes;
    let naive = typed::read(ty, &mut rest).is_some() && rest.is_empty();
    assert_eq!(checked(ty, bytes).is_ok(), naive, "{ty:?} in {bytes:02x?}");
    let human = match decode(ty, bytes, names) {
        Ok(human) => human,
        Err(error) => return assert!(!naive, "{error}: {ty:?} in {bytes:02x?}"),
    };
    assert!(!human.to_string().is_empty());
    if !naive {
        // Decoding is for people and need not be strict; it must end.
        return;
    }
    let written = encode(ty, &Located::from(human.clone()), names, "x");
    assert_eq!(written.as_deref(), Ok(bytes), "{ty:?} read as {human}");
    let json = Human::from_json(&serde_json::to_value(&human).unwrap());
    let written = encode(ty, &Located::from(json), names, "x");
    assert_eq!(written.as_deref(), Ok(bytes), "{ty:?} read as {human}, by way of JSON");
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(13);
    let mut seeds = vec![];
    for index in 0..12 {
        seeds.push((format!("typed-{index:02}"), [&[2, 0][..], &inputs.bytes(250)].concat()));
    }
    for which in (0..rust_types().len()).step_by(2) {
        let which = u8::try_from(which).unwrap();
        seeds.push((format!("rust-{which:02}"), [&[1, which][..], &inputs.bytes(80)].concat()));
    }
    for (which, (name, bytes)) in own_samples() {
        seeds.push((format!("own-{which:02}-{name}"), [&[0, which][..], &bytes].concat()));
    }
    for which in 0..KINDS {
        for index in 0..2 {
            let bytes = (0..160).map(|_| inputs.number().to_le_bytes()[3]).collect::<Vec<u8>>();
            seeds.push((format!("made-{which:02}-{index}"), [&[3, which][..], &bytes].concat()));
        }
    }
    seeds
}

/// Bytes for each own type, by its index in [`OWN`]: up to three that are of it, one that is not, from the vectors; and
/// where they have none, from what is made.
fn own_samples() -> Vec<(u8, (String, Vec<u8>))> {
    let mut inputs = Inputs::new(19);
    let mut found = vec![];
    for (which, (topic, is)) in (0u8..).zip(OWN) {
        let vectors = if topic.is_empty() { vec![] } else { crate::vectors::bytes(topic) };
        let (of, others): (Vec<_>, Vec<_>) = vectors.into_iter().partition(|(_, bytes)| is(bytes));
        let mut of: Vec<_> = of.into_iter().take(3).collect();
        if of.is_empty() {
            let mut made = (0..2_000u32).filter_map(|index| {
                let kind = u8::try_from(index % u32::from(KINDS)).unwrap();
                let bytes = made(kind, &mut Unstructured::new(&inputs.bytes(300))).ok()?;
                (bytes.len() < 2_000 && is(&bytes)).then_some(bytes)
            });
            of.extend(made.next().map(|bytes| ("made".into(), bytes)));
        }
        found.extend(of.into_iter().chain(others.into_iter().take(1)).map(|sample| (which, sample)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_own_type_has_a_seed_that_decodes() {
        let target = crate::target("scale_types").unwrap();
        let mut decoded = vec![0; OWN.len()];
        for entry in std::fs::read_dir(crate::corpus(target)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            if let Some((&[mode, which], rest)) = bytes.split_first_chunk::<2>()
                && mode % 4 == 0
            {
                let which = usize::from(which) % OWN.len();
                decoded[which] += u32::from(OWN[which].1(rest));
            }
        }
        assert!(decoded.iter().all(|count| *count > 0), "{decoded:?}");
    }

    #[test]
    fn every_kind_is_made_of_most_inputs() {
        let mut inputs = Inputs::new(20);
        for which in 0..KINDS {
            let made = (0..30).filter(|_| {
                let bytes: Vec<u8> = (0..300).map(|_| inputs.number().to_le_bytes()[3]).collect();
                made(which, &mut Unstructured::new(&bytes)).is_ok_and(|bytes| !bytes.is_empty())
            });
            assert!(made.count() > 8, "kind {which}");
        }
    }
}
