//! Whatever is changed in a record, the replay says where.

use std::sync::{Arc, RwLock};

use vm_chain::api::text::HexBytes;
use vm_chain::api::types::At;
use vm_chain::api::{Api, Local};
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::{Chain, Direct, Ed25519, Place, SecretKey};
use vm_core::{Address, CodeSource, Params, Payload, Transaction};

use super::*;

fn chain() -> Local {
    let accounts = vec![(Address::named("alice"), 1_000_000_000)];
    let spec = Spec { params: Params::default(), time: 0, accounts, names: vec![] };
    let chain = Chain::create(&Place::Memory, spec, ChainOptions::default()).unwrap();
    let chain = Arc::new(RwLock::new(chain));
    let api = Local::new(chain.clone(), Arc::new(Direct::new(chain, Arc::new(Ed25519::with_dev_accounts()))));
    let code = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm/token.wasm")).unwrap();
    let args = ("Gold", 1_000u64).encode();
    let deployed =
        send(&api, Payload::Deploy { code: CodeSource::Bytes(code), salt: Hash::ZERO, args, value: 0 });
    let args = (Address::named("bob"), 10u64).encode();
    send(
        &api,
        Payload::Call { contract: deployed.unwrap(), function: "transfer".to_owned(), args, value: 0 },
    );
    api
}

fn send(api: &Local, payload: Payload) -> Option<Address> {
    let sender = Address::named("alice");
    let nonce = api.account(sender, At::Head).unwrap().nonce;
    let transaction = Transaction { sender, nonce, gas_limit: 10_000_000, gas_price: 1, payload };
    let receipt = api
        .send(SecretKey::dev("alice").sign(transaction, &api.params().unwrap().chain_id().unwrap()))
        .unwrap();
    assert_eq!(receipt.outcome.ending.status, "success");
    receipt.outcome.deployed.map(|address| address.0)
}

/// What the replay says of the second block.
fn differences(record: &WitnessInfo, before: Option<Hash>) -> Vec<Difference> {
    replayed(record, &Asked { before, ..Asked::block(2) }).differences
}

fn replayed(record: &WitnessInfo, asked: &Asked) -> Replayed {
    replay(&Vm::new(Params::default()), record, asked).unwrap()
}

/// What the replay says of the second block, changed by `spoil`.
fn spoiled(spoil: impl FnOnce(&mut WitnessInfo)) -> Vec<Difference> {
    let mut record = chain().witness(2).unwrap();
    spoil(&mut record);
    differences(&record, None)
}

/// The header's fields with a true hash.
fn rehashed(info: &mut HeaderInfo) {
    info.hash = Header::from(&*info).hash().into();
}

#[test]
fn r112_a_good_record_has_no_difference() {
    let api = chain();
    let first = api.block(At::Height(1)).unwrap().header.hash.0;
    let record = api.witness(2).unwrap();
    let replayed = replayed(&record, &Asked { before: Some(first), ..Asked::block(2) });
    assert_eq!(replayed.differences, []);
    assert_eq!((replayed.height, replayed.transactions), (2, 1));
    assert_eq!(replayed.receipt_bytes, record.receipts[0].0.len());
}

#[test]
fn r112_every_changed_byte_of_a_receipt_is_named_with_its_field() {
    let record = chain().witness(2).unwrap();
    let good = record.receipts[0].0.clone();
    let mut fields = Vec::new();
    for (at, byte) in good.iter().enumerate() {
        let mut changed = record.clone();
        changed.receipts[0].0[at] ^= 1;
        let found = differences(&changed, None);
        let Difference::Receipt { index: 0, field, offset, kept, found: executed } = &found[0] else {
            panic!("byte {at}: {found:?}");
        };
        assert_eq!(*offset, at);
        assert_eq!((kept, executed), (&format!("0x{:02x}", byte ^ 1), &format!("0x{byte:02x}")));
        assert!(found.len() > 1, "the header does not commit to it either: {found:?}");
        if fields.last() != Some(field) {
            fields.push(field.clone());
        }
    }
    let all = ["status", "output", "gas_used", "gas_refunded", "the count of events", "event 0, contract"];
    assert_eq!(fields[..6], all);
    assert_eq!(fields[6..], ["event 0, name", "event 0, data"]);
    let mut shorter = record.clone();
    shorter.receipts[0].0.pop();
    assert!(matches!(&differences(&shorter, None)[0], Difference::Receipt { kept, .. } if kept == "missing"));
    let mut longer = record;
    longer.receipts[0].0.push(7);
    let found = differences(&longer, None);
    assert!(matches!(&found[0], Difference::Receipt { field, .. } if field == "past its end"), "{found:?}");
}

#[test]
fn r112_receipts_that_are_missing_or_too_many_are_counted() {
    let missing = spoiled(|record| record.receipts.clear());
    assert_eq!(missing[0], Difference::ReceiptCount { kept: 0, found: 1 });
    assert!(matches!(missing[1], Difference::ReceiptsRoot { .. }));
    let twice = spoiled(|record| record.receipts.push(record.receipts[0].clone()));
    assert_eq!(twice[0], Difference::ReceiptCount { kept: 2, found: 1 });
}

#[test]
fn r112_every_changed_field_of_the_header_is_named() {
    type Spoil = fn(&mut HeaderInfo);
    let spoils: [(&str, Spoil); 10] = [
        ("parent", |header| header.parent = Hash([9; 32]).into()),
        ("height", |header| header.height += 1),
        ("time", |header| header.time += 1),
        ("proposer", |header| header.proposer = Address([9; 32]).into()),
        ("vm_version", |header| header.vm_version += 1),
        ("params", |header| header.params = Hash([9; 32]).into()),
        ("transactions_root", |header| header.transactions_root = Hash([9; 32]).into()),
        ("state_root", |header| header.state_root = Hash([9; 32]).into()),
        ("receipts_root", |header| header.receipts_root = Hash([9; 32]).into()),
        ("gas_used", |header| header.gas_used += 1),
    ];
    for (name, spoil) in spoils {
        let found = spoiled(|record| {
            spoil(&mut record.header);
            rehashed(&mut record.header);
        });
        let named = |found: &Difference| matches!(found, Difference::Header { field, .. } if *field == name);
        assert!(found.iter().any(named), "{name}: {found:?}");
    }
    let hash = spoiled(|record| record.header.hash = Hash([9; 32]).into());
    assert!(matches!(&hash[0], Difference::Hash { which: "header", .. }));
    let parent = spoiled(|record| record.parent.hash = Hash([9; 32]).into());
    assert!(matches!(&parent[0], Difference::Hash { which: "parent", .. }));
}

#[test]
fn r112_a_changed_witness_block_or_parent_is_no_basis() {
    let witness = spoiled(|record| *record.witness.0.last_mut().unwrap() ^= 1);
    assert!(
        matches!(&witness[..], [Difference::Refused { cause }] if cause.starts_with("the witness is refused"))
    );
    let garbage = spoiled(|record| record.block = HexBytes(vec![1, 2, 3]));
    assert!(matches!(&garbage[..], [Difference::Malformed { what, .. }] if what == "block"));
    let root = spoiled(|record| {
        record.parent.state_root = Hash([9; 32]).into();
        rehashed(&mut record.parent);
    });
    assert!(matches!(&root[..], [Difference::Refused { .. }]));
    let other = spoiled(|record| {
        record.parent.proposer = Address([9; 32]).into();
        rehashed(&mut record.parent);
    });
    assert!(matches!(&other[..], [Difference::Header { field: "parent", .. }]), "{other:?}");
}

#[test]
fn r112_a_block_that_does_not_follow_from_the_one_before_is_named() {
    let record = chain().witness(2).unwrap();
    let found = differences(&record, Some(Hash([9; 32])));
    assert!(matches!(&found[..], [Difference::Parent { .. }]));
}

#[test]
fn r112_a_good_record_of_another_block_is_not_what_was_asked_for() {
    let api = chain();
    let first = api.witness(1).unwrap();
    assert_eq!(replayed(&first, &Asked::block(1)).differences, []);
    assert_eq!(
        replayed(&first, &Asked::block(77)).differences,
        [Difference::OtherBlock { asked: 77, kept: 1 }]
    );
    let hash = |height| api.block(At::Height(height)).unwrap().transactions[0].hash.0;
    let with = |transaction| Asked { transaction: Some(transaction), ..Asked::block(1) };
    assert_eq!(replayed(&first, &with(hash(1))).differences, []);
    let asked = hash(2);
    assert_eq!(
        replayed(&first, &with(asked)).differences,
        [Difference::NoTransaction { asked: asked.to_string() }]
    );
}
