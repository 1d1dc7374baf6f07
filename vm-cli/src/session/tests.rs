use std::sync::{Arc, RwLock};

use parity_scale_codec::Encode as _;
use vm_chain::api::Local;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::{Chain, Direct, Ed25519, Place};
use vm_core::{CodeSource, Params, Payload};

use super::*;
use crate::send::{Sent, Terms, dry, send};

/// A chain whose node gives names as it likes.
fn api(names: &[(&str, Address)]) -> Box<dyn Api> {
    let spec = Spec {
        params: Params::default(),
        time: 0,
        accounts: vec![(Address::named("alice"), 1_000_000_000), (Address::named("bob"), 1_000_000_000)],
        names: names.iter().map(|(name, address)| ((*name).to_owned(), *address)).collect(),
    };
    let chain = Chain::create(&Place::Memory, spec, ChainOptions::default()).unwrap();
    let chain = Arc::new(RwLock::new(chain));
    Box::new(Local::new(chain.clone(), Arc::new(Direct::new(chain, Arc::new(Ed25519::with_dev_accounts())))))
}

fn session(names: &[(&str, Address)]) -> (tempfile::TempDir, Session) {
    let folder = tempfile::tempdir().unwrap();
    let session = Session::with(api(names), Some(folder.path().to_owned())).unwrap();
    (folder, session)
}

fn deploy(session: &Session, from: &str) -> Address {
    let code = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm/token.wasm")).unwrap();
    let args = ("Gold", 1_000u64).encode();
    let payload = Payload::Deploy { code: CodeSource::Bytes(code), salt: Hash::ZERO, args, value: 0 };
    let sent = commit(session, from, Terms { gas_price: 1, ..Terms::default() }, payload);
    let Sent::Committed(receipt) = sent else { panic!("{sent:?}") };
    receipt.outcome.deployed.unwrap().0
}

fn commit(session: &Session, from: &str, terms: Terms, payload: Payload) -> Sent {
    let sender = session.address(from).unwrap();
    send(session, &sender, &session.secret(from).unwrap(), terms, payload).unwrap()
}

#[test]
fn a_node_cannot_rename_what_is_its_users() {
    let evil = Address([6; 32]);
    let folder = tempfile::tempdir().unwrap();
    let mine = Keys::new(folder.path()).create("mine").unwrap();
    let names = [("alice", evil), ("mine", evil), ("shop", evil), ("\u{1b}[2J", evil), ("theirs", evil)];
    let open = || Session::with(api(&names), Some(folder.path().to_owned())).unwrap();
    open().name_contract("shop", &Address([7; 32])).unwrap();
    let session = open();
    assert_eq!(session.address("alice").unwrap(), Address::named("alice"));
    assert_eq!(session.address("@mine").unwrap(), mine.address);
    assert_eq!(session.address("shop").unwrap(), Address([7; 32]));
    assert_eq!(session.address("theirs").unwrap(), evil);
    assert_eq!(session.names().show_address(&evil), "@theirs");
}

#[test]
fn a_key_that_cannot_be_read_hides_no_other_and_gives_its_name_to_nobody() {
    let evil = Address([6; 32]);
    let folder = tempfile::tempdir().unwrap();
    let good = Keys::new(folder.path()).create("good").unwrap();
    std::fs::write(folder.path().join("keys/spoiled"), "").unwrap();
    let names = [("good", evil), ("spoiled", evil), ("theirs", evil)];
    let open = || Session::with(api(&names), Some(folder.path().to_owned())).unwrap();
    open().name_contract("spoiled", &evil).unwrap();
    let session = open();
    assert_eq!(session.address("good").unwrap(), good.address);
    assert_eq!(session.secret("good").unwrap().public(), good.public);
    assert_eq!(session.address("theirs").unwrap(), evil);
    for refused in [session.address("spoiled").map(drop), session.secret("@spoiled").map(drop)] {
        let Err(SessionError::Key(KeyError::Secret { path, .. })) = refused else { panic!("{refused:?}") };
        assert!(path.ends_with("keys/spoiled"), "{}", path.display());
    }
    // Where not even the names can be read, the node gives none.
    std::fs::remove_dir_all(folder.path().join("keys")).unwrap();
    std::fs::write(folder.path().join("keys"), "no folder").unwrap();
    let session = open();
    assert!(matches!(session.address("theirs"), Err(SessionError::Key(KeyError::File { .. }))));
    assert_eq!(session.address("alice").unwrap(), Address::named("alice"));
}

#[test]
fn who_may_be_signed_for_is_known_by_name_and_by_address() {
    let (folder, _) = session(&[]);
    let mine = Keys::new(folder.path()).create("mine").unwrap();
    let session = Session::with(api(&[("shop", Address([7; 32]))]), Some(folder.path().to_owned())).unwrap();
    let public = |text: &str| session.secret(text).map(|secret| secret.public());
    assert_eq!(public("mine").unwrap(), mine.public);
    assert_eq!(public(&mine.address.to_string()).unwrap(), mine.public);
    assert_eq!(public("@alice").unwrap(), SecretKey::dev("alice").public());
    assert_eq!(public(&Address::named("alice").to_string()).unwrap(), SecretKey::dev("alice").public());
    assert!(matches!(public("shop"), Err(SessionError::NoKey(name)) if name == "@shop"));
    assert!(matches!(public("nobody"), Err(SessionError::Address { .. })));
    let homeless = Session::with(api(&[]), None).unwrap();
    let refused = homeless.secret(&Address([7; 32]).to_string()).map(drop);
    assert!(matches!(refused, Err(SessionError::Key(KeyError::NoHome))));
}

#[test]
fn a_contract_is_found_by_address_name_interface_and_the_interfaces_name() {
    let (folder, mut session) = session(&[]);
    assert!(
        matches!(session.contract("token"), Err(SessionError::NoContract { known, .. }) if known == "none")
    );
    let first = deploy(&session, "alice");
    let found = |session: &Session, text: &str| session.contract(text).map(|found| found.info.address.0);
    let json = folder.path().join("token.json");
    let interface = session.contract(&first.to_string()).unwrap().interface;
    std::fs::write(&json, crate::interface::Interface::from(&interface).to_json()).unwrap();
    let path = json.to_str().unwrap();
    for text in [first.to_string().as_str(), "token", path] {
        assert_eq!(found(&session, text).unwrap(), first, "{text}");
    }
    let second = deploy(&session, "bob");
    for text in ["token", path] {
        let several = found(&session, text).unwrap_err();
        let words = several.to_string();
        for part in [first.to_string(), second.to_string(), "deployed by @bob".to_owned()] {
            assert!(words.contains(&part), "{words}");
        }
        assert_eq!(several.exit(), Exit::BadInput);
    }
    session.name_contract("mine", &second).unwrap();
    assert_eq!(found(&session, "mine").unwrap(), second);
    assert_eq!(found(&session, "@mine").unwrap(), second);
    // An account of the name is in nobody's way.
    assert!(matches!(session.contract("alice"), Err(SessionError::NoContract { .. })));
    std::fs::write(&json, "{}").unwrap();
    assert!(matches!(session.contract(path), Err(SessionError::Interface { .. })));
    assert!(matches!(session.contract("none.json"), Err(SessionError::Interface { .. })));
}

#[test]
fn what_a_node_calls_its_contracts_steers_no_terminal() {
    let (_folder, session) = session(&[]);
    let token = deploy(&session, "alice");
    let mut info = session.contract(&token.to_string()).unwrap().info;
    info.name = "a\u{1b}[2Jb".to_owned();
    assert_eq!(session.name_of(&info), "a\u{fffd}[2Jb");
    assert!(session.introduce(&info).contains("a\u{fffd}[2Jb,"));
}

#[test]
fn what_would_fail_is_sent_only_with_a_gas_limit() {
    let (_folder, session) = session(&[]);
    let token = deploy(&session, "alice");
    let transfer = |amount: u64| {
        let args = (Address::named("bob"), amount).encode();
        Payload::Call { contract: token, function: "transfer".to_owned(), args, value: 0 }
    };
    let terms = Terms { gas_price: 1, ..Terms::default() };
    let height = || session.api().status().unwrap().head.height;
    let before = height();
    let refused = commit(&session, "alice", terms, transfer(9_999));
    assert!(matches!(&refused, Sent::Dry { refused: true, .. }) && !refused.is_success());
    let answer = dry(&session, &Address::named("alice"), terms, &transfer(1)).unwrap();
    assert_eq!((answer.outcome.ending.status.as_str(), height()), ("success", before));
    let failed = commit(&session, "alice", Terms { gas_limit: Some(100_000), ..terms }, transfer(9_999));
    assert!(matches!(&failed, Sent::Committed(receipt) if receipt.outcome.ending.status == "reverted"));
    let done = commit(&session, "alice", terms, transfer(1));
    let Sent::Committed(receipt) = done else { panic!("{done:?}") };
    let sent = session.api().transaction(receipt.transaction.0).unwrap();
    assert_eq!(sent.gas_limit, answer.outcome.gas_used + answer.outcome.gas_used / 4 + 1_000);
    // A sender that can pay for little is offered no more than that.
    let poor = dry(&session, &Address::named("carol"), terms, &transfer(1));
    let poor = poor.map(drop).unwrap_err();
    assert_eq!(poor.exit(), Exit::Unmet, "{poor}");
    let nonce = Terms { nonce: Some(99), gas_limit: Some(100_000), ..terms };
    let wrong =
        send(&session, &Address::named("bob"), &SecretKey::dev("bob"), nonce, transfer(1)).unwrap_err();
    assert!(wrong.to_string().contains("nonce 99"), "{wrong}");
    let forged = send(
        &session,
        &Address::named("bob"),
        &SecretKey::dev("alice"),
        Terms { gas_limit: Some(100_000), ..terms },
        transfer(1),
    );
    assert_eq!(forged.unwrap_err().exit(), Exit::Unmet);
}

#[test]
fn a_node_whose_list_of_contracts_never_ends_is_given_up() {
    let (_folder, session) = session(&[]);
    let token = deploy(&session, "alice");
    let mut info = session.contract(&token.to_string()).unwrap().info;
    info.interface = serde_json::Value::Null;
    let page = |count: usize, next: Option<u32>| {
        let address = |next: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&next.to_be_bytes());
            Address(bytes).into()
        };
        Ok(ContractPage { contracts: vec![info.clone(); count], next: next.map(address) })
    };
    let refused = |found: Result<Vec<ContractInfo>, ApiError>| found.map(drop).unwrap_err().to_string();
    let circle = refused(all_contracts(|_| page(1, Some(7))));
    assert!(circle.contains("does not go on at 0x00000007"), "{circle}");
    let mut number = 0;
    let empty = refused(all_contracts(|_| {
        number += 1;
        page(0, Some(number))
    }));
    assert!(empty.contains("does not go on"), "{empty}");
    let endless = refused(all_contracts(|_| {
        number += 1;
        page(10_000, Some(number))
    }));
    assert!(endless.contains("more than 100000 contracts"), "{endless}");
    let pages = all_contracts(|after| page(2, after.is_none().then_some(1)));
    assert_eq!(pages.unwrap().len(), 4);
}
