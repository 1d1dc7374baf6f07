//! A chain in a folder: what is kept, what a crash leaves, and what is refused.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is their failure")]

mod support;

use std::path::Path;

use support::{deploy_token, local, pay, send, spec};
use vm_chain::api::types::At;
use vm_chain::chain::{BLOCKS_FILE, ChainOptions, STATE_FILE, Spec};
use vm_chain::{Api as _, Chain, ChainError, Place};
use vm_core::{Address, Params};
use vm_state::Snapshot;

fn create(path: &Path) -> Chain {
    Chain::create(&Place::Folder(path.to_owned()), spec(), ChainOptions::default()).unwrap()
}

fn open(path: &Path) -> Result<Chain, ChainError> {
    Chain::open(path, ChainOptions::default())
}

#[test]
fn a_chain_is_the_same_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let api = local(create(folder.path()));
    let token = send(&api, "alice", deploy_token());
    let paid = send(&api, "bob", pay("carol", 7));
    let before = (api.status().unwrap(), api.block(At::Height(1)).unwrap());
    drop(api);

    let api = local(open(folder.path()).unwrap());
    assert_eq!((api.status().unwrap(), api.block(At::Height(1)).unwrap()), before);
    assert_eq!(api.receipt(token.transaction.0).unwrap(), token);
    assert_eq!(api.receipt(paid.transaction.0).unwrap(), paid);
    // Rules, genesis and names came back with it.
    assert_eq!(before.0.names.len(), 10);
    assert_eq!(api.params().unwrap().hash.0, Params::default().hash());
}

#[test]
fn a_block_that_reached_the_log_alone_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let api = local(create(folder.path()));
    send(&api, "alice", pay("bob", 1));
    drop(api);
    // What a process leaves that dies between the two files: the log of two blocks, the state of one.
    let state = std::fs::read(folder.path().join(STATE_FILE)).unwrap();
    let api = local(open(folder.path()).unwrap());
    let lost = send(&api, "alice", pay("bob", 2));
    drop(api);
    std::fs::write(folder.path().join(STATE_FILE), state).unwrap();

    let api = local(open(folder.path()).unwrap());
    assert_eq!(api.status().unwrap().head.height, 1);
    assert!(api.receipt(lost.transaction.0).is_err());
    assert!(api.block(At::Height(2)).is_err());
    // The same transaction stands in the block that takes its place.
    assert_eq!(send(&api, "alice", pay("bob", 2)).transaction, lost.transaction);
}

#[test]
fn a_log_and_a_state_of_different_lengths_are_told_apart_from_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let api = local(create(folder.path()));
    send(&api, "alice", pay("bob", 1));
    drop(api);
    let state = std::fs::read(folder.path().join(STATE_FILE)).unwrap();
    let api = local(open(folder.path()).unwrap());
    send(&api, "alice", pay("bob", 2));
    send(&api, "alice", pay("bob", 3));
    drop(api);
    std::fs::write(folder.path().join(STATE_FILE), state).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, ChainError::Apart { state: 1, log: 3, .. }), "{error}");
}

#[test]
fn blocks_after_a_rollback_are_gone_from_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let api = local(create(folder.path()));
    let kept = send(&api, "alice", pay("bob", 1));
    let gone = send(&api, "alice", pay("bob", 2));
    send(&api, "alice", pay("bob", 3));
    let gone_block = api.block(At::Height(2)).unwrap().header.hash;
    assert_eq!(api.rollback(1).unwrap(), api.block(At::Height(1)).unwrap().header);
    assert!(api.rollback(2).is_err(), "there is no block 2 any more");
    drop(api);
    let api = local(open(folder.path()).unwrap());
    assert_eq!(api.receipt(kept.transaction.0).unwrap(), kept);
    assert!(api.receipt(gone.transaction.0).is_err());
    assert!(api.block(At::Hash(gone_block)).is_err());
    assert_eq!(api.account(Address::named("alice"), At::Head).unwrap().nonce, 1);
}

#[test]
fn a_rollback_that_was_begun_is_finished_when_the_chain_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let api = local(create(folder.path()));
    let kept = send(&api, "alice", pay("bob", 1));
    let gone = send(&api, "alice", pay("bob", 2));
    send(&api, "alice", pay("bob", 3));
    drop(api);
    let file = |name| folder.path().join(name);
    let (state, log) = (std::fs::read(file(STATE_FILE)).unwrap(), std::fs::read(file(BLOCKS_FILE)).unwrap());
    local(open(folder.path()).unwrap()).rollback(1).unwrap();
    let rolled_back = std::fs::read(file(STATE_FILE)).unwrap();

    // The note in the log and nothing else; the note and the state.
    for left in [&state, &rolled_back] {
        std::fs::write(file(BLOCKS_FILE), &log).unwrap();
        let database = redb::Database::open(file(BLOCKS_FILE)).unwrap();
        let transaction = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        transaction.open_table(meta).unwrap().insert("rollback", 1_u64.to_le_bytes().as_slice()).unwrap();
        transaction.commit().unwrap();
        drop(database);
        std::fs::write(file(STATE_FILE), left).unwrap();
        for _ in 0..2 {
            let api = local(open(folder.path()).unwrap());
            assert_eq!(api.status().unwrap().head.height, 1);
            assert_eq!(api.receipt(kept.transaction.0).unwrap(), kept);
            assert!(api.receipt(gone.transaction.0).is_err());
        }
    }
}

#[test]
fn a_chain_keeps_as_many_states_as_it_was_told_last() {
    let folder = tempfile::tempdir().unwrap();
    let kept = |states| ChainOptions { states };
    let place = Place::Folder(folder.path().to_owned());
    let api = local(Chain::create(&place, spec(), kept(Some(3))).unwrap());
    api.mine(6).unwrap();
    assert_eq!(api.status().unwrap().oldest_state, 3);
    drop(api);
    // Whoever opens it without saying otherwise shortens nothing and lengthens nothing.
    let api = local(open(folder.path()).unwrap());
    api.mine(1).unwrap();
    assert_eq!(api.status().unwrap().oldest_state, 4);
    drop(api);
    drop(Chain::open(folder.path(), kept(Some(5))).unwrap());
    let api = local(open(folder.path()).unwrap());
    api.mine(4).unwrap();
    assert_eq!(api.status().unwrap().oldest_state, 6);
}

#[test]
fn a_chain_goes_on_from_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let api = local(create(&folder.path().join("first")));
    send(&api, "alice", deploy_token());
    let head = api.status().unwrap().head;
    drop(api);
    let chain = open(&folder.path().join("first")).unwrap();
    let view = chain.view().unwrap();
    let snapshot = Snapshot::export(view.as_ref(), folder.path().join("snapshot"), 1 << 20, |_| ()).unwrap();

    let second = folder.path().join("second");
    let imported = Chain::import(&second, spec(), &snapshot, ChainOptions::default(), |_| ()).unwrap();
    let api = local(imported);
    assert_eq!(api.status().unwrap().head, head);
    assert_eq!(api.status().unwrap().oldest_block, None);
    assert!(!api.block(At::Head).unwrap().kept, "the snapshot's block came without its transactions");
    let receipt = send(&api, "bob", pay("alice", 1));
    assert_eq!(receipt.height, head.height + 1);
    drop(api);
    let api = local(open(&second).unwrap());
    assert_eq!(api.status().unwrap().oldest_block, Some(head.height + 1));
}

#[test]
fn r113_what_is_no_chain_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain");
    let error = open(&path).unwrap_err();
    assert!(matches!(error, ChainError::Missing(_)), "{error}");

    let chain = create(&path);
    let error = open(&path).unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    let place = Place::Folder(path.clone());
    let again = Chain::create(&place, spec(), ChainOptions::default()).unwrap_err();
    assert!(matches!(again, ChainError::Exists(_)), "{again}");
    drop(chain);

    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    let error = Chain::create(&Place::Folder(file.clone()), spec(), ChainOptions::default()).unwrap_err();
    assert!(matches!(error, ChainError::Exists(_)), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");

    // What a process leaves that dies while it makes a chain: the log is written last.
    let begun = folder.path().join("begun");
    drop(create(&begun));
    std::fs::remove_file(begun.join(BLOCKS_FILE)).unwrap();
    assert!(matches!(open(&begun).unwrap_err(), ChainError::Missing(_)));
    let error = Chain::create(&Place::Folder(begun.clone()), spec(), ChainOptions::default()).unwrap_err();
    assert!(matches!(error, ChainError::Unfinished(_)), "{error}");

    // A log that is none, and one that was damaged.
    let log = path.join(BLOCKS_FILE);
    let good = std::fs::read(&log).unwrap();
    for bad in [b"not redb".to_vec(), good[..good.len() / 2].to_vec(), Vec::new()] {
        std::fs::write(&log, bad).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, ChainError::Log { .. }), "{error}");
    }
    std::fs::write(&log, good).unwrap();
    std::fs::remove_file(path.join(STATE_FILE)).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, ChainError::Open(_)), "{error}");
}

#[test]
fn r122_only_the_bytes_of_a_spec_are_read_as_one() {
    let spec = spec();
    let bytes = spec.to_bytes();
    assert_eq!(Spec::from_bytes(&bytes), Ok(spec));
    for end in 0..bytes.len() {
        assert!(Spec::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Spec::from_bytes(&longer).is_err());
}
