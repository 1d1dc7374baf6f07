//! Every way in which opening fails. What both back ends share is tested in `tests/stores.rs`.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a store is held open by another process, which is told so by its environment"
)]

#[path = "../../../tests/chain/mod.rs"]
mod chain;
mod crash;
mod disk;
mod failing;
mod hostile;

use ::redb::{Database, ReadableTable, TableDefinition};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use vm_core::{Address, Hash, Header, Key, Params};

use super::tables::{
    ENTRIES, FORMAT_VERSION, META, META_FORMAT, META_HEAD, META_OLDEST, META_TRIE, TRIE, UNDO, VALUES,
    header_row,
};
use super::*;
use crate::{Genesis, Value, next_trie};

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
    let changes = vec![(key, Some(value))];
    let trie = next_trie(&*store.view().unwrap(), &changes).unwrap();
    let header = Header {
        parent: store.header.hash(),
        height: store.header.height.saturating_add(1),
        state_root: trie.root(),
        ..store.header.clone()
    };
    BlockCommit { header, changes, trie, receipts: Vec::new() }
}

/// A closed store of three blocks.
fn closed(path: &Path) {
    let mut store = RedbStore::create(path, &genesis()).unwrap();
    for byte in 0..3 {
        let block = block(&store, byte);
        store.commit(&block).unwrap();
    }
}

/// A closed store of three blocks whose trie is written down, so that opening reads no rows.
fn tidied(path: &Path) {
    closed(path);
    RedbStore::open(path, &params()).unwrap().prune(3).unwrap();
}

/// Changes a closed store's tables behind its back.
fn tamper(path: &Path, change: impl FnOnce(&::redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

fn full() -> StoreOptions {
    StoreOptions { check: Check::Full, ..StoreOptions::default() }
}

fn refused(path: &Path) -> OpenError {
    refused_with(path, StoreOptions::default())
}

/// Asserts that the text says where and what to do, and gives the error.
fn refused_with(path: &Path, options: StoreOptions) -> OpenError {
    let error = RedbStore::open_with(path, &params(), options).unwrap_err();
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
    let other = |found| OpenError::FormatVersion { at: at(&path), expected: FORMAT_VERSION, found };
    assert_eq!(set(&[1, 0, 0, 0]), other(1));
    assert_eq!(set(&[3, 0, 0, 0]), other(3));
    assert_eq!(set(&[2]), OpenError::OtherProgram { at: at(&path) });
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

type Tamper<'a> = &'a dyn Fn(&::redb::WriteTransaction);

/// What opening says of a closed store that was changed so.
fn damaged(change: Tamper<'_>, options: StoreOptions) -> OpenError {
    let (_directory, path) = scratch();
    if options.check == Check::Full {
        tidied(&path)
    } else {
        closed(&path)
    }
    tamper(&path, change);
    refused_with(&path, options)
}

fn assert_damaged(error: &OpenError, text: &str) {
    assert!(matches!(error, OpenError::Damaged { cause, .. } if cause.contains(text)), "{text}: {error}");
}

/// The key of the contract that [`block`] number `byte` writes, whose value stands apart.
fn contract(byte: u8) -> Key {
    Key::contract(&Address([byte; 32]))
}

#[test]
fn tables_that_contradict_each_other_are_named() {
    let cases: [(&str, Tamper<'_>); 16] = [
        ("no head", &|t| drop(t.open_table(META).unwrap().remove(META_HEAD).unwrap())),
        ("no trie", &|t| drop(t.open_table(META).unwrap().remove(META_TRIE).unwrap())),
        ("no oldest", &|t| drop(t.open_table(META).unwrap().remove(META_OLDEST).unwrap())),
        ("a block after the head", &|t| {
            t.open_table(META).unwrap().insert(META_OLDEST, 4u64.to_le_bytes().as_slice()).unwrap();
        }),
        ("no parameters hash", &|t| {
            t.open_table(META).unwrap().insert("params", [1, 2].as_slice()).unwrap();
        }),
        ("header is missing", &|t| {
            t.open_table(META).unwrap().insert(META_HEAD, 9u64.to_le_bytes().as_slice()).unwrap();
        }),
        ("a block after the head", &|t| {
            t.open_table(META).unwrap().insert(META_TRIE, 4u64.to_le_bytes().as_slice()).unwrap();
        }),
        ("another height", &|t| {
            let mut headers = t.open_table(HEADERS).unwrap();
            let other = headers.get(2).unwrap().unwrap().value().to_vec();
            headers.insert(3, other.as_slice()).unwrap();
        }),
        ("header is none", &|t| {
            t.open_table(HEADERS).unwrap().insert(3, [1].as_slice()).unwrap();
        }),
        ("header is none", &|t| {
            let mut headers = t.open_table(HEADERS).unwrap();
            let mut changed = headers.get(3).unwrap().unwrap().value().to_vec();
            *changed.last_mut().unwrap() ^= 1;
            headers.insert(3, changed.as_slice()).unwrap();
        }),
        ("parameters are not the store's", &|t| {
            let header = Header {
                height: 3,
                ..Genesis::new(&Params::default_for("x"), 0, &[]).unwrap().header().clone()
            };
            t.open_table(HEADERS).unwrap().insert(3, header_row(&header).as_slice()).unwrap();
        }),
        ("a row of the trie is none", &|t| {
            t.open_table(TRIE).unwrap().insert(0, [1].as_slice()).unwrap();
        }),
        ("a bucket of 0 entries", &|t| {
            t.open_table(TRIE).unwrap().insert(0, [0; 35].as_slice()).unwrap();
        }),
        ("an undo row is missing", &|t| drop(t.open_table(UNDO).unwrap().remove(2).unwrap())),
        ("does not exist", &|t| {
            t.delete_table(ENTRIES).unwrap();
        }),
        ("does not exist", &|t| {
            t.delete_table(HEADERS).unwrap();
        }),
    ];
    for (text, change) in cases {
        assert_damaged(&damaged(change, StoreOptions::default()), text);
    }
}

#[test]
fn a_full_check_names_rows_that_are_damaged() {
    let cases: [(&str, Tamper<'_>); 4] = [
        ("no entry key", &|t| {
            t.open_table(ENTRIES).unwrap().insert(b"zzz".as_slice(), b"".as_slice()).unwrap();
        }),
        ("an entry's row is none", &|t| {
            t.open_table(ENTRIES).unwrap().insert(contract(1).as_bytes(), [1; 33].as_slice()).unwrap();
        }),
        ("an entry's value is missing", &|t| {
            t.open_table(VALUES).unwrap().remove(contract(1).as_bytes()).unwrap();
        }),
        ("not the one that was written", &|t| {
            t.open_table(VALUES).unwrap().insert(contract(1).as_bytes(), [1].as_slice()).unwrap();
        }),
    ];
    for (text, change) in cases {
        assert_damaged(&damaged(change, full()), text);
    }
}

#[test]
fn a_quick_check_leaves_a_damaged_row_to_the_read_that_meets_it() {
    let (_directory, path) = scratch();
    tidied(&path);
    tamper(&path, |transaction| {
        let mut entries = transaction.open_table(ENTRIES).unwrap();
        entries.insert(contract(0).as_bytes(), [1; 33].as_slice()).unwrap();
        transaction.open_table(VALUES).unwrap().remove(contract(1).as_bytes()).unwrap();
    });
    let store = RedbStore::open(&path, &params()).unwrap();
    let view = store.view().unwrap();
    for byte in [0, 1] {
        let read = view.get(&contract(byte));
        assert!(
            matches!(read, Err(ReadError::Failure(NodeFailure::Storage { action: "read an entry", .. }))),
            "{byte}: {read:?}"
        );
        assert!(view.next(&contract(byte), &contract(byte)).is_err());
    }
    assert!(view.get(&contract(2)).unwrap().is_some());
}

/// redb does not look at its pages' checksums when it reads them.
#[test]
fn a_changed_value_or_neighbour_is_a_failure_where_it_is_used() {
    let change = |key: Key, bytes: &dyn Fn(&mut Vec<u8>)| {
        let (directory, path) = scratch();
        tidied(&path);
        tamper(&path, |transaction| {
            let mut entries = transaction.open_table(ENTRIES).unwrap();
            let mut row = entries.get(key.as_bytes()).unwrap().unwrap().value().to_vec();
            bytes(&mut row);
            entries.insert(key.as_bytes(), row.as_slice()).unwrap();
        });
        (directory, RedbStore::open(&path, &params()).unwrap())
    };
    let account = Key::account(&Address([1; 32]));
    let (_directory, store) = change(account, &|row| *row.last_mut().unwrap() ^= 1);
    let read = store.view().unwrap().get(&account);
    let Err(ReadError::Failure(NodeFailure::Storage { cause, .. })) = read else { panic!("{read:?}") };
    assert!(cause.contains("not the one that was written"), "{cause}");
    // The leaf hash beside it: nobody reads that entry, but its neighbours' bucket is hashed.
    let (_directory, store) = change(account, &|row| row[0] ^= 1);
    let changes = vec![(contract(9), Some(Value::from_elem(9, 9)))];
    let next = next_trie(&*store.view().unwrap(), &changes);
    assert!(matches!(next, Err(ReadError::Failure(NodeFailure::Invariant(_)))), "{next:?}");
}

#[test]
fn r82_entries_that_are_not_the_heads_are_refused_with_both_roots() {
    let remove: Tamper<'_> = &|transaction| {
        transaction.open_table(ENTRIES).unwrap().remove(contract(1).as_bytes()).unwrap();
    };
    let header: Tamper<'_> = &|transaction| {
        let mut headers = transaction.open_table(HEADERS).unwrap();
        let head = headers.get(3).unwrap().unwrap().value().to_vec();
        let other = Header { state_root: Hash([1; 32]), ..read_header_row(&head).unwrap() };
        headers.insert(3, header_row(&other).as_slice()).unwrap();
    };
    for (change, options) in [(remove, full()), (header, StoreOptions::default())] {
        let error = damaged(change, options);
        let OpenError::RootMismatch { height: 3, expected, found, .. } = error else { panic!("{error}") };
        assert_ne!(expected, found);
        let text = error.to_string();
        assert!(text.contains(&found.to_string()) && text.contains(&expected.to_string()), "{text}");
    }
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
