//! Followers, and nodes that join a chain that is long since running.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use vm_chain::api::types::{At, ChunkInfo, FinalityInfo};
use vm_chain::replica::RestoreError;
use vm_chain::{Api, ApiError};
use vm_core::Hash;
use vm_node::config::Config;
use vm_node::join::{JoinError, LostVotes, join};
use vm_node::node::{RunError, Running};
use vm_node::testnet::spec;

use super::load::{Load, deploy_token, pay, receipt, send};
use super::spoiled::{Spoil, Spoiled};
use super::testbed::{CHAIN, Testbed, command};

const VALIDATORS: [u16; 4] = [0, 1, 2, 3];
const FOLLOWER: u16 = 4;
const LATE: u16 = 5;
/// As many accounts as make a state of more than one chunk.
const ACCOUNTS: u16 = 24_000;

/// Six nodes, of which the last does not run, on a chain whose state comes in several chunks.
fn network_without_one() -> Testbed {
    let mut spec = spec(CHAIN);
    spec.accounts.extend((0..ACCOUNTS).map(|number| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&number.to_le_bytes());
        (vm_core::Address(*hasher.finalize().as_bytes()), 1)
    }));
    let mut testbed = Testbed::new(4, 2, spec);
    testbed.start(0..LATE);
    testbed
}

fn config(testbed: &Testbed, index: u16) -> Config {
    Config::read(&testbed.layout.config(index)).unwrap()
}

/// The node cannot be run, since it was to join and did not.
fn assert_unfinished(testbed: &Testbed, index: u16) {
    let config = config(testbed, index);
    match Running::start(&config, LostVotes::Refused) {
        Err(RunError::Unfinished(at)) => assert_eq!(at, config.floor()),
        other => panic!("{other:?}"),
    }
    let (code, _, complaint) = command(["run", "--config", testbed.layout.config(index).to_str().unwrap()]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("join again"), "{complaint}");
}

/// Gives a number of chunks, and then none.
#[derive(Debug)]
struct Breaks(AtomicU32);

impl Spoil for Breaks {
    fn chunk(&self, _: &mut ChunkInfo) -> Result<(), ApiError> {
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)) {
            Ok(_) => Ok(()),
            Err(_) => Err(ApiError::Remote("the line is dead".to_owned())),
        }
    }
}

/// Gives chunks with one bit turned.
#[derive(Debug)]
struct Lies;

impl Spoil for Lies {
    fn chunk(&self, info: &mut ChunkInfo) -> Result<(), ApiError> {
        let middle = info.chunk.0.len() / 2;
        info.chunk.0[middle] ^= 1;
        Ok(())
    }
}

/// Claims that a block is final which is not.
#[derive(Debug)]
struct Claims;

impl Spoil for Claims {
    fn finality(&self, info: &mut FinalityInfo) {
        info.blocks.last_mut().unwrap().header.state_root = Hash([1; 32]).into();
    }
}

#[test]
fn a_new_follower_joins_while_blocks_go_on_and_follows() {
    let mut testbed = network_without_one();
    let token = deploy_token(&testbed);
    let load = Load::start(&testbed, token, &[0, 1, 2, 3, FOLLOWER]);
    load.go_on(5);
    let late = config(&testbed, LATE);
    let source = testbed.client(1);

    // What is there already is left as it is.
    let follower = config(&testbed, FOLLOWER);
    let exists = join(&follower, source, LostVotes::Refused);
    assert!(matches!(exists, Err(JoinError::Exists(at)) if at == follower.chain()));

    // A node that shows what is not final, or gives another state, is not believed, and nothing of it is taken.
    let refused = join(&late, &Spoiled::new(source, Claims), LostVotes::Refused);
    assert!(matches!(refused, Err(JoinError::Light(_))), "{refused:?}");
    assert!(!late.floor().exists() && !late.chain().exists());
    let refused = join(&late, &Spoiled::new(source, Lies), LostVotes::Refused);
    assert!(matches!(refused, Err(JoinError::Restore(RestoreError::Snapshot(_)))), "{refused:?}");
    assert!(!late.chain().exists());
    assert_unfinished(&testbed, LATE);

    // Cut short after the first chunk, and begun anew.
    let cut = join(&late, &Spoiled::new(source, Breaks(AtomicU32::new(1))), LostVotes::Refused);
    match cut {
        Err(JoinError::Restore(RestoreError::Source(why))) => assert!(why.contains("the line is dead")),
        other => panic!("{other:?}"),
    }
    assert_unfinished(&testbed, LATE);

    // Cut short while the state was written: a folder without what makes it a chain.
    std::fs::create_dir_all(late.chain()).unwrap();
    std::fs::write(late.chain().join("state.redb"), b"half a state").unwrap();
    assert_unfinished(&testbed, LATE);

    let before = testbed.head(1).height;
    let joined = join(&late, source, LostVotes::Refused).unwrap();
    assert!(joined.chunks >= 2, "{joined:?}");
    assert!(joined.header.height + 16 >= before && joined.header.height > 0, "{joined:?}");
    assert_eq!(testbed.block(0, joined.header.height).1, joined.header);
    let again = join(&late, source, LostVotes::Refused);
    assert!(matches!(again, Err(JoinError::Exists(at)) if at == late.chain()));

    testbed.start([LATE]);
    load.go_on(5);
    testbed.reach([LATE], joined.header.height + 3);
    // It goes on from its own files.
    testbed.kill(LATE);
    testbed.start([LATE]);
    // What is sent through it reaches the validators.
    let sent = send(&testbed, LATE, "heidi", pay("ivan", 3));
    let height = load.assert_delivered(&testbed, &[0, 1, 2, 3, FOLLOWER]).max(sent.height);
    let all = [0, 1, 2, 3, FOLLOWER, LATE];
    testbed.assert_one_chain(&all, joined.header.height + 1, height);
    testbed.assert_one_chain(&all[..5], 1, height);
    for index in all {
        assert_eq!(receipt(&testbed, index, sent.transaction.0), sent, "node {index}");
    }
    assert!(testbed.client(LATE).block(At::Height(joined.header.height - 1)).is_err(), "it has no older one");
}

#[test]
fn a_validator_without_its_votes_joins_only_if_it_is_told_to() {
    let mut testbed = Testbed::running(4);
    send(&testbed, 3, "alice", pay("bob", 1));
    testbed.kill(3);
    let lost = config(&testbed, 3);
    std::fs::remove_dir_all(&lost.store).unwrap();
    let source = testbed.client(0);
    let refused = join(&lost, source, LostVotes::Refused);
    assert!(matches!(refused, Err(JoinError::Validator(_))), "{refused:?}");
    assert!(!lost.store.exists(), "nothing is written");

    // As the command has it: refused as bad input, and done when asked for by name.
    let at = testbed.layout.config(3);
    let at = at.to_str().unwrap();
    let (code, _, complaint) = command(["join", "--config", at, "--from", source.url()]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("--lost-votes"), "{complaint}");
    // Further than what it may have voted for.
    testbed.reach([0, 1, 2], testbed.head(0).height + 8);
    let (code, said, complaint) = command(["join", "--config", at, "--from", source.url(), "--lost-votes"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.starts_with("joined    block "), "{said}");
    let (code, _, complaint) = command(["join", "--config", at, "--from", source.url(), "--lost-votes"]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("is there already"), "{complaint}");

    testbed.start([3]);
    // It votes again: without it, two of four are no quorum.
    testbed.kill(2);
    let from = testbed.head(0).height;
    testbed.reach([0, 1, 3], from + 8);
    let sent = send(&testbed, 3, "carol", pay("bob", 1));
    assert_eq!(receipt(&testbed, 0, sent.transaction.0), sent);
    testbed.start([2]);
    testbed.assert_one_chain(&VALIDATORS, from + 1, sent.height);
}

#[test]
fn a_node_that_is_not_there_is_not_joined_from() {
    let testbed = Testbed::new(1, 1, spec(CHAIN));
    let at = testbed.layout.config(1);
    let (code, _, complaint) =
        command(["join", "--config", at.to_str().unwrap(), "--from", testbed.client(0).url()]);
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains(testbed.client(0).url()) && complaint.contains(" help: "), "{complaint}");
    assert!(!Path::new(&config(&testbed, 1).store).exists());
}
