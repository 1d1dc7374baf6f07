//! A disk whose calls fail, and one that is full: the store says so, refuses every later call, and the file opens at
//! the last block that was committed, or at the one that was being written.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]

use ::redb::StorageBackend as _;
use alloc::string::ToString;

use super::chain::{self, Shown, Step};
use super::disk::Disk;
use super::*;
use crate::MemoryStore;

const FULL: StoreOptions =
    StoreOptions { retention: Retention { states: 3 }, cache_bytes: 64 << 10, check: Check::Full };

const fn grow(seed: u64) -> Step {
    Step::Block { seed, objects: 8 }
}

fn open(disk: &Disk) -> Result<RedbStore, OpenError> {
    RedbStore::open_on(disk.clone(), &chain::params(), FULL)
}

/// The bytes of a closed store of some blocks, and its model.
fn some_blocks() -> (Vec<u8>, MemoryStore) {
    let disk = Disk::default();
    let mut store = RedbStore::create_on(disk.clone(), &chain::genesis(), FULL).unwrap();
    let mut model = MemoryStore::with(&chain::genesis(), FULL.retention);
    for seed in 1..6 {
        grow(seed).take(&mut store).unwrap();
        grow(seed).take(&mut model).unwrap();
    }
    drop(store);
    (disk.live(), model)
}

fn taken(model: &MemoryStore, step: Step) -> MemoryStore {
    let mut model = model.clone();
    step.take(&mut model).unwrap();
    model
}

/// Asserts that the store refuses whatever is asked of it.
fn assert_refuses(store: &mut RedbStore) {
    let is_refusal = |failure: &NodeFailure| matches!(failure, NodeFailure::Storage { action: "go on", .. });
    let genesis = chain::genesis();
    let (header, trie) = (genesis.header().clone(), genesis.trie().clone());
    let block = BlockCommit { header, changes: Vec::new(), trie, receipts: Vec::new() };
    assert!(matches!(store.commit(&block), Err(CommitError::Failure(failure)) if is_refusal(&failure)));
    let undone = store.rollback(store.header.height);
    assert!(matches!(undone, Err(RollbackError::Failure(failure)) if is_refusal(&failure)));
    assert!(store.prune(0).is_err_and(|failure| is_refusal(&failure)));
    assert!(store.view().is_err_and(|failure| is_refusal(&failure)));
    assert!(store.view_at(0).is_err_and(|failure| is_refusal(&failure)));
    assert!(store.receipts(0).is_err_and(|failure| is_refusal(&failure)));
    assert!(store.header_at(0).is_err_and(|failure| is_refusal(&failure)));
}

#[test]
fn r82_a_call_that_fails_in_any_step_leaves_the_state_before_or_after_and_a_store_that_refuses() {
    let (bytes, model) = some_blocks();
    for step in [grow(6), Step::Rollback { blocks: 2 }, Step::Prune { keep: 1 }] {
        let states = [&model, &taken(&model, step)].map(|model| Shown::by(model));
        let mut found = [0u64; 2];
        for allowed in 0.. {
            let disk = Disk::of(bytes.clone());
            let mut store = open(&disk).unwrap();
            disk.allow(allowed);
            let done = step.take(&mut store);
            disk.allow(u64::MAX);
            if let Err(failure) = &done {
                assert!(
                    matches!(failure, NodeFailure::Storage { cause, .. } if cause.contains("the disk is gone"))
                );
                // The disk is back, the store still refuses.
                assert_refuses(&mut store);
            }
            drop(store);
            for (crash, left) in disk.tape().end().survivors(None, &[allowed], 3) {
                let shown = Shown::by(&open(&Disk::with(left)).unwrap());
                let which = states.iter().position(|state| *state == shown);
                let which =
                    which.unwrap_or_else(|| panic!("{step:?}, {crash:?} after {allowed} calls: {shown:#?}"));
                assert!(done.is_err() || which == 1, "{step:?} is done, and undone by {crash:?}");
                found[which] += 1;
            }
            if done.is_ok() {
                assert!(allowed > 10, "{step:?} is many writes and syncs");
                break;
            }
        }
        assert!(found.iter().all(|count| *count > 0), "both ends of {step:?} were seen");
    }
}

#[test]
fn r82_a_creation_that_fails_anywhere_leaves_what_is_refused_or_whole() {
    for allowed in 0.. {
        let disk = Disk::default();
        disk.allow(allowed);
        let created = RedbStore::create_on(disk.clone(), &chain::genesis(), FULL);
        let done = created.is_ok();
        drop(created);
        for (crash, left) in disk.tape().end().survivors(None, &[allowed], 3) {
            match open(&Disk::with(left)) {
                Ok(store) => assert_eq!(store.header, *chain::genesis().header()),
                Err(error) => {
                    use OpenError::{Damaged, Empty, NotAStore, Unfinished};
                    let is_named =
                        matches!(error, Damaged { .. } | Empty { .. } | NotAStore { .. } | Unfinished { .. });
                    assert!(!done && is_named, "{crash:?} after {allowed} calls: {error:?}");
                }
            }
        }
        if done {
            break;
        }
    }
}

#[test]
fn r82_an_opening_after_a_crash_that_fails_anywhere_says_so_and_the_next_one_succeeds() {
    let (bytes, model) = some_blocks();
    let disk = Disk::of(bytes);
    let store = open(&disk).unwrap();
    // As after the death of its process: not closed.
    let crashed = disk.live();
    drop(store);
    let mut failures = 0u64;
    for allowed in 0.. {
        let disk = Disk::of(crashed.clone());
        disk.allow(allowed);
        let opened = open(&disk);
        disk.allow(u64::MAX);
        let done = opened.is_ok();
        if let Err(error) = opened {
            assert!(matches!(error, OpenError::Failure { .. }), "after {allowed} calls: {error:?}");
            failures += 1;
        }
        assert_eq!(Shown::by(&open(&Disk::of(disk.live())).unwrap()), Shown::by(&model));
        if done {
            break;
        }
    }
    assert!(failures > 2, "opening after a crash writes: {failures}");
}

/// Takes blocks until the disk is full; then the store refuses, opens at the last block, and goes on once there is
/// room. Gives how many blocks there was room for.
fn fill(disk: &Disk, mut model: MemoryStore, make_room: impl Fn(&Disk)) -> u64 {
    let mut store = open(disk).unwrap();
    let mut blocks = 0;
    let failure = loop {
        match grow(100 + blocks).take(&mut store) {
            Ok(()) => model = taken(&model, grow(100 + blocks)),
            Err(failure) => break failure,
        }
        assert_eq!(store.header, *model.header());
        blocks += 1;
    };
    let NodeFailure::Storage { action: "commit a block", cause } = &failure else { panic!("{failure:?}") };
    assert!(cause.contains(&std::io::Error::from(std::io::ErrorKind::StorageFull).to_string()), "{cause}");
    assert_refuses(&mut store);
    drop(store);
    // Still full: it opens, is read, and no block fits.
    let mut store = open(disk).unwrap();
    assert_eq!(Shown::by(&store), Shown::by(&model));
    grow(100 + blocks).take(&mut store).unwrap_err();
    drop(store);
    make_room(disk);
    let mut store = open(disk).unwrap();
    assert_eq!(Shown::by(&store), Shown::by(&model));
    for seed in 200..203 {
        grow(seed).take(&mut store).unwrap();
        grow(seed).take(&mut model).unwrap();
    }
    assert_eq!(Shown::by(&store), Shown::by(&model));
    blocks
}

#[test]
fn r82_a_full_disk_stops_the_store_which_opens_and_goes_on_once_there_is_room() {
    let (bytes, model) = some_blocks();
    let mut room = Vec::new();
    for blocks in 0..40 {
        let disk = Disk::of(bytes.clone());
        disk.limit_blocks(disk.blocks() + 4 * blocks);
        room.push(fill(&disk, model.clone(), |disk| disk.limit_blocks(usize::MAX)));
    }
    std::println!(
        "blocks of the chain that 0 to {} more blocks of a full disk had room for: {room:?}",
        4 * (room.len() - 1)
    );
    assert!(
        room[0] == 0 && room.iter().any(|blocks| *blocks > 1),
        "the disk was full early and late: {room:?}"
    );
}

#[test]
fn r82_a_file_that_may_not_grow_stops_the_store_which_opens_and_goes_on_once_it_may() {
    let (bytes, model) = some_blocks();
    let len = bytes.len();
    for room in [0, 4_096, 65_536, 1_048_576] {
        let disk = Disk::of(bytes.clone());
        disk.limit_len(len + room);
        fill(&disk, model.clone(), |disk| disk.limit_len(usize::MAX));
        assert!(disk.len().unwrap() > u64::try_from(len).unwrap());
    }
}
