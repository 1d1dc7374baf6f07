//! Every way in which opening fails. What both back ends share is tested in `tests/stores.rs`.

mod crash;

use ::redb::{Database, ReadableTable, TableDefinition};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use vm_core::{Address, Hash, Header, Key, Params, value_hash};

use super::tables::{ENTRIES, HEADERS, META, META_FORMAT, META_HEAD};
use super::*;
use crate::Genesis;

fn genesis() -> Genesis {
    Genesis::new(&Params::default(), 0, &[(Address([1; 32]), 5)]).unwrap()
}

fn params() -> Hash {
    Params::default().hash()
}

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    (directory, path)
}

/// A block on the store's head that writes one contract entry, of a value that needs pages of its own.
fn block(store: &RedbStore, byte: u8) -> BlockCommit {
    let (key, value) = (Key::contract(&Address([byte; 32])), Value::from_elem(byte, 9_000));
    let trie = store.trie.update(&[(key, Some(value_hash(&value)))]).unwrap();
    let header = Header {
        parent: store.header.hash(),
        height: store.header.height.saturating_add(1),
        state_root: trie.root(),
        ..store.header.clone()
    };
    BlockCommit { header, changes: vec![(key, Some(value))], trie, receipts: Vec::new() }
}

/// A closed store of three blocks.
fn closed(path: &Path) {
    let mut store = RedbStore::create(path, &genesis()).unwrap();
    for byte in 0..3 {
        let block = block(&store, byte);
        store.commit(&block).unwrap();
    }
}

/// Changes a closed store's tables behind its back.
fn tamper(path: &Path, change: impl FnOnce(&::redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

/// Asserts that the text says where and what to do, and gives the error.
fn refused(path: &Path) -> OpenError {
    let error = RedbStore::open(path, &params()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&path.display().to_string()), "{text}");
    assert!(text.contains(';') || matches!(error, OpenError::Failure { .. }), "{text}");
    error
}

fn at(path: &Path) -> alloc::string::String {
    path.display().to_string()
}

#[test]
fn opening_a_missing_file_is_refused_and_makes_none() {
    let (_directory, path) = scratch();
    assert_eq!(refused(&path), OpenError::Missing { at: at(&path) });
    assert!(!path.exists());
}

#[test]
fn opening_an_empty_file_is_refused_and_leaves_it_empty() {
    let (_directory, path) = scratch();
    fs::write(&path, b"").unwrap();
    assert_eq!(refused(&path), OpenError::Empty { at: at(&path) });
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn opening_another_kind_of_file_is_refused_and_does_not_modify_it() {
    let (_directory, path) = scratch();
    for content in [b"x".to_vec(), b"\x7fELF and more".to_vec(), vec![0; 100_000]] {
        fs::write(&path, &content).unwrap();
        assert_eq!(refused(&path), OpenError::NotAStore { at: at(&path) });
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(refused(directory.path()), OpenError::NotAStore { at: at(directory.path()) });
}

#[test]
fn opening_a_redb_file_of_another_program_is_refused() {
    let (_directory, path) = scratch();
    const OTHER: TableDefinition<u64, u64> = TableDefinition::new("other");
    Database::create(&path).unwrap();
    assert_eq!(refused(&path), OpenError::Unfinished { at: at(&path) });
    tamper(&path, |transaction| drop(transaction.open_table(OTHER).unwrap()));
    assert_eq!(refused(&path), OpenError::OtherProgram { at: at(&path) });
    const META_OF_OTHER: TableDefinition<u64, u64> = TableDefinition::new("meta");
    tamper(&path, |transaction| drop(transaction.open_table(META_OF_OTHER).unwrap()));
    assert_eq!(refused(&path), OpenError::OtherProgram { at: at(&path) });
}

#[test]
fn opening_a_store_of_another_format_version_is_refused() {
    let (_directory, path) = scratch();
    closed(&path);
    let set = |bytes: &[u8]| {
        tamper(&path, |transaction| {
            transaction.open_table(META).unwrap().insert(META_FORMAT, bytes).unwrap();
        });
        refused(&path)
    };
    assert_eq!(set(&[2, 0, 0, 0]), OpenError::FormatVersion { at: at(&path), expected: 1, found: 2 });
    assert_eq!(set(&[1]), OpenError::OtherProgram { at: at(&path) });
}

#[test]
fn opening_a_store_of_another_chain_is_refused() {
    let (_directory, path) = scratch();
    closed(&path);
    let expected = Params::default_for("other").hash();
    let error = RedbStore::open(&path, &expected).unwrap_err();
    assert_eq!(error, OpenError::OtherParams { at: at(&path), expected, found: params() });
    assert!(error.to_string().contains(&params().to_string()), "{error}");
    RedbStore::open(&path, &params()).unwrap();
}

#[test]
fn creating_over_anything_is_refused_and_does_not_modify_it() {
    let (_directory, path) = scratch();
    for content in [b"".as_slice(), b"mine"] {
        fs::write(&path, content).unwrap();
        let error = RedbStore::create(&path, &genesis()).unwrap_err();
        assert_eq!(error, OpenError::Exists { at: at(&path) });
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let nowhere = path.join("below a file");
    assert!(RedbStore::create(nowhere, &genesis()).is_err());
}

#[test]
fn a_store_opens_once_at_a_time_and_a_held_view_counts() {
    let (_directory, path) = scratch();
    let store = RedbStore::create(&path, &genesis()).unwrap();
    assert_eq!(refused(&path), OpenError::InUse { at: at(&path) });
    let view = store.view().unwrap();
    drop(store);
    assert_eq!(refused(&path), OpenError::InUse { at: at(&path) });
    drop(view);
    RedbStore::open(&path, &params()).unwrap();
}

const HOLDER_PATH: &str = "VM_STATE_TEST_HOLDS";

#[test]
fn opening_a_store_that_another_process_has_open_is_refused() {
    let (_directory, path) = scratch();
    closed(&path);
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::redb::tests::holder", "--ignored", "--nocapture"])
        .env(HOLDER_PATH, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = io::BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")), "the other process has opened it");
    assert_eq!(refused(&path), OpenError::InUse { at: at(&path) });
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
    RedbStore::open(&path, &params()).unwrap();
}

#[test]
#[ignore = "the other process of the test above: holds a store until its input ends"]
fn holder() {
    let Some(path) = std::env::var_os(HOLDER_PATH) else { return };
    let _store = RedbStore::open(path, &params()).unwrap();
    std::println!("holding");
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn tables_that_contradict_each_other_are_named() {
    type Tamper<'a> = &'a dyn Fn(&::redb::WriteTransaction);
    let damaged = |change: Tamper<'_>| {
        let (_directory, path) = scratch();
        closed(&path);
        tamper(&path, change);
        refused(&path)
    };
    let cases: [(&str, Tamper<'_>); 9] = [
        ("no head", &|t| drop(t.open_table(META).unwrap().remove(META_HEAD).unwrap())),
        ("no parameters hash", &|t| {
            t.open_table(META).unwrap().insert("params", [1, 2].as_slice()).unwrap();
        }),
        ("header is missing", &|t| {
            t.open_table(META).unwrap().insert(META_HEAD, 9u64.to_le_bytes().as_slice()).unwrap();
        }),
        ("another height", &|t| {
            let mut headers = t.open_table(HEADERS).unwrap();
            let other = headers.get(2).unwrap().unwrap().value().to_vec();
            headers.insert(3, other.as_slice()).unwrap();
        }),
        ("not an encoding", &|t| {
            t.open_table(HEADERS).unwrap().insert(3, [1].as_slice()).unwrap();
        }),
        ("parameters are not the store's", &|t| {
            let header = Header {
                height: 3,
                ..Genesis::new(&Params::default_for("x"), 0, &[]).unwrap().header().clone()
            };
            t.open_table(HEADERS).unwrap().insert(3, header.encode().as_slice()).unwrap();
        }),
        ("no entry key", &|t| {
            t.open_table(ENTRIES).unwrap().insert(b"zzz".as_slice(), b"".as_slice()).unwrap();
        }),
        ("does not exist", &|t| {
            t.delete_table(ENTRIES).unwrap();
        }),
        ("does not exist", &|t| {
            t.delete_table(HEADERS).unwrap();
        }),
    ];
    for (text, change) in cases {
        let error = damaged(change);
        assert!(
            matches!(&error, OpenError::Damaged { cause, .. } if cause.contains(text)),
            "{text}: {error}"
        );
    }
}

#[test]
fn r82_entries_that_are_not_the_heads_are_refused_with_both_roots() {
    let (_directory, path) = scratch();
    closed(&path);
    let expected = RedbStore::open(&path, &params()).unwrap().header.state_root;
    tamper(&path, |transaction| {
        let key = Key::contract(&Address([1; 32]));
        transaction.open_table(ENTRIES).unwrap().remove(key.as_bytes()).unwrap();
    });
    let error = refused(&path);
    let OpenError::RootMismatch { height: 3, expected: named, found, .. } = error else { panic!("{error}") };
    assert_eq!(named, expected);
    assert!(
        error.to_string().contains(&found.to_string()) && error.to_string().contains(&expected.to_string())
    );
}

#[test]
fn damaged_rows_of_later_reads_are_failures() {
    let (_directory, path) = scratch();
    closed(&path);
    tamper(&path, |transaction| {
        transaction.open_table(HEADERS).unwrap().insert(1, [1].as_slice()).unwrap();
        transaction.open_table(super::tables::RECEIPTS).unwrap().insert(1, [0, 0].as_slice()).unwrap();
    });
    let store = RedbStore::open(&path, &params()).unwrap();
    assert!(matches!(store.header_at(1), Err(NodeFailure::Storage { action: "read a header", .. })));
    assert!(matches!(store.receipts(1), Err(NodeFailure::Storage { action: "read receipts", .. })));
}
