//! R85: a chain's snapshot, taken through the interface, makes a chain that goes on from there.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use support::{deploy_token, in_memory, local, send, spec, token_transfer};
use vm_chain::api::Api;
use vm_chain::api::types::At;
use vm_chain::chain::{Chain, ChainError, ChainOptions, Place};
use vm_chain::snapshot::{SPEC_FILE, SnapshotFault, claimed_block, export, load};
use vm_core::{Address, Hash};

#[test]
fn r85_a_chain_goes_on_from_a_snapshot_of_any_kept_block() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Folder(folder.path().join("first"));
    let api = local(Chain::create(&place, spec(), ChainOptions::default()).unwrap());
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    send(&api, "alice", token_transfer(token, "bob", 300));
    send(&api, "alice", token_transfer(token, "bob", 5));
    let out = folder.path().join("snapshot");
    let block = api.block(At::Height(2)).unwrap().header.hash.0;
    let mut told = 0;
    export(&api, At::Height(2), Some(&block), &out, |progress| told = progress.done).unwrap();
    assert_eq!(told, 1);
    assert_eq!(claimed_block(&out).unwrap(), block);

    let at = folder.path().join("second");
    drop(load(&out, Some(&block), &at, ChainOptions::default(), |_| {}).unwrap());
    let second = local(Chain::open(&at, ChainOptions::default()).unwrap());
    assert_eq!(second.status().unwrap().head.hash.0, block);
    assert_eq!(second.params().unwrap(), api.params().unwrap());
    // The same transaction leads to the same state, but for the block's time.
    let receipt = send(&second, "alice", token_transfer(token, "bob", 5));
    assert_eq!((receipt.height, receipt.outcome.ending.status.as_str()), (3, "success"));
    let balance = |api: &dyn Api| api.account(Address::named("alice"), At::Head).unwrap();
    assert_eq!(balance(&second), balance(&api));
}

#[test]
fn r85_snapshots_that_do_not_fit_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let api = in_memory();
    let out = folder.path().join("snapshot");
    let other = export(&api, At::Head, Some(&Hash([1; 32])), &out, |_| {}).unwrap_err();
    assert!(matches!(other, SnapshotFault::OtherBlock { .. }), "{other}");
    let missing = export(&api, At::Height(9), None, &out, |_| {}).unwrap_err();
    assert!(matches!(missing, SnapshotFault::Api(_)), "{missing}");
    export(&api, At::Head, None, &out, |_| {}).unwrap();
    let again = export(&api, At::Head, None, &out, |_| {}).unwrap_err();
    assert!(matches!(again, SnapshotFault::Snapshot(_)), "{again}");

    let store = folder.path().join("chain");
    let load = |trusted: Option<&Hash>| {
        load(&out, trusted, &store, ChainOptions::default(), |_| {}).map(drop).unwrap_err()
    };
    assert!(matches!(load(Some(&Hash([1; 32]))), SnapshotFault::Snapshot(_)));
    let spec = out.join(SPEC_FILE);
    let good = fs::read(&spec).unwrap();
    fs::write(&spec, &good[1..]).unwrap();
    assert!(matches!(load(None), SnapshotFault::Spec { .. }));
    let mut rules = support::spec();
    rules.params = vm_core::Params::default_for("another");
    fs::write(&spec, rules.to_bytes()).unwrap();
    assert!(matches!(load(None), SnapshotFault::OtherRules { .. }));
    fs::remove_file(&spec).unwrap();
    assert!(matches!(load(None), SnapshotFault::File { action: "read", .. }));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", &spec).unwrap();
        let refused = load(None);
        assert!(
            matches!(&refused, SnapshotFault::File { cause, .. } if cause.to_string() == "it is no regular file"),
            "a file without end is not read: {refused:?}"
        );
        fs::remove_file(&spec).unwrap();
    }
    // A byte more than the 16 MiB that a spec may have.
    fs::write(&spec, vec![0; (16 << 20) + 1]).unwrap();
    assert!(matches!(load(None), SnapshotFault::Spec { .. }), "longer than any spec");
    fs::write(&spec, &good).unwrap();
    fs::create_dir(&store).unwrap();
    fs::write(store.join("mine"), "").unwrap();
    assert!(matches!(load(None), SnapshotFault::Chain(ChainError::Exists(_))));
    assert!(claimed_block(folder.path()).is_err());
}
