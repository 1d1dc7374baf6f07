//! Replicas of one chain: what they agree on, what each refuses, and what a restart leaves.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic is their failure")]

mod support;

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, RwLock};

use parity_scale_codec::Encode as _;
use support::{deploy_token, pay, spec};
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::replica::{
    Application, BuildError, Candidates, Committed, ExecuteError, FinalityError, NodeError, Rejection,
    Replica, ReplicaOptions, RestoreError, SealedBlock, Trusted, Unfit,
};
use vm_chain::sequencer::BlockLimits;
use vm_chain::{Api as _, Authority, Chain, ChainError, ChainId, Ed25519, Place, Refused, SecretKey, Signed};
use vm_core::{
    Address, BlockContext, Features, GasSchedule, Hash, Key, Limits, Mint, Params, Payload, Transaction,
};
use vm_host::InvalidTransaction;
use vm_state::{SnapshotError, StateReader};

const PROPOSER: Address = Address([9; 32]);

/// Offers what it was given, as it is, and keeps what was refused.
#[derive(Default)]
struct Offer {
    transactions: Vec<Signed>,
    refused: RefCell<Vec<(Hash, Unfit)>>,
}

impl Candidates for Offer {
    fn select(
        &self,
        _: &BlockLimits,
        _: &mut dyn FnMut(&Address) -> Result<u64, NodeError>,
    ) -> Result<Vec<Signed>, NodeError> {
        Ok(self.transactions.clone())
    }

    fn refuse(&self, hash: &Hash, why: Unfit) {
        self.refused.borrow_mut().push((*hash, why));
    }

    fn arrivals(&self) -> u64 {
        0
    }
}

fn offer(transactions: &[Signed]) -> Offer {
    Offer { transactions: transactions.to_vec(), ..Offer::default() }
}

fn over(chain: Chain, options: ReplicaOptions) -> Replica {
    let authority = Arc::new(Ed25519::with_dev_accounts());
    Replica::new(Arc::new(RwLock::new(chain)), authority, options).unwrap()
}

fn replica() -> Replica {
    over(Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap(), ReplicaOptions::default())
}

fn signed_for(name: &str, nonce: u64, payload: Payload) -> Signed {
    let sender = Address::named(name);
    let transaction = Transaction { sender, nonce, gas_limit: 10_000_000, gas_price: 0, payload };
    SecretKey::dev(name).sign(transaction, &spec().id().unwrap())
}

fn hash(signed: &Signed) -> Hash {
    signed.transaction.hash(&spec().params.hash())
}

/// A block on `parent` with `transactions`, all of which can stand.
fn block_on(replica: &Replica, parent: &Hash, time: i64, transactions: &[Signed]) -> SealedBlock {
    let offer = offer(transactions);
    let block = replica.build(parent, time, PROPOSER, &offer).unwrap();
    assert_eq!(block.transactions, transactions);
    assert_eq!(offer.refused.take(), []);
    block
}

/// Builds on the tip and commits.
fn commit_on(replica: &Replica, transactions: &[Signed]) -> SealedBlock {
    let tip = replica.tip();
    let block = block_on(replica, &tip.digest, tip.header.time + 1, transactions);
    assert_eq!(replica.commit(&block), Ok(Committed::New));
    block
}

#[test]
fn r102_replicas_that_execute_the_same_blocks_have_the_same_root() {
    let (first, second) = (replica(), replica());
    assert_eq!(first.tip(), second.tip());
    let mut tokens = Vec::new();
    for (nonce, time) in (0..3).zip([5, 5, 9]) {
        let sent =
            [signed_for("alice", nonce, deploy_token_at(nonce)), signed_for("bob", nonce, pay("carol", 1))];
        let block = block_on(&first, &first.tip().digest, time, &sent);
        // The proposer executed it already; the other one does now.
        assert_eq!(second.execute(&block), Ok(()));
        assert_eq!(second.commit(&block), Ok(Committed::New));
        assert_eq!(first.commit(&block), Ok(Committed::New));
        tokens.push(block.header.state_root);
    }
    assert_eq!(first.tip(), second.tip());
    assert_eq!(first.tip().header.height, 3);
    assert_eq!(first.tip().header.proposer, PROPOSER);
    for height in 0..=3 {
        assert_eq!(first.digest(height), second.digest(height));
        let block = first.block(height).unwrap().unwrap();
        assert_eq!(Some(block.digest()), second.digest(height).unwrap());
    }
    assert_eq!(first.digest(4), Ok(None));
    let view = second.view().unwrap();
    let carol = StateReader::new(view.as_ref()).account(&Address::named("carol")).unwrap();
    assert_eq!(carol.balance, 1_000_000_003);
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "every block has a root of its own");
}

fn deploy_token_at(nonce: u64) -> Payload {
    match deploy_token() {
        Payload::Deploy { code, args, value, .. } => {
            Payload::Deploy { code, salt: Hash([u8::try_from(nonce).unwrap(); 32]), args, value }
        }
        other => other,
    }
}

#[test]
fn r102_a_header_that_claims_what_execution_does_not_give_is_refused_by_its_field() {
    let (proposer, validator) = (replica(), replica());
    let tip = proposer.tip();
    let honest = block_on(&proposer, &tip.digest, 7, &[signed_for("alice", 0, pay("bob", 1))]);
    type Spoil = fn(&mut SealedBlock);
    let spoils: [(&str, Spoil); 7] = [
        ("parent", |block| block.header.parent.0[0] ^= 1),
        ("vm_version", |block| block.header.vm_version += 1),
        ("params", |block| block.header.params.0[0] ^= 1),
        ("transactions_root", |block| block.header.transactions_root.0[0] ^= 1),
        ("state_root", |block| block.header.state_root.0[31] ^= 1),
        ("receipts_root", |block| block.header.receipts_root.0[0] ^= 1),
        ("gas_used", |block| block.header.gas_used += 1),
    ];
    for (field, spoil) in spoils {
        let mut block = honest.clone();
        spoil(&mut block);
        let refused = validator.execute(&block).unwrap_err();
        match refused {
            ExecuteError::Rejected(Rejection::Claim { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other}"),
        }
        assert!(!validator.knows(&block.digest()));
    }
    // Height and time are looked at before anything is executed.
    let early: [Spoil; 2] = [|block| block.header.height = 2, |block| block.header.time = -1];
    for spoil in early {
        let mut block = honest.clone();
        spoil(&mut block);
        assert!(matches!(validator.execute(&block), Err(ExecuteError::Rejected(Rejection::Invalid(_)))));
    }
    // Whose turn it was to propose is the engine's to say.
    let mut block = honest.clone();
    block.header.proposer = Address([8; 32]);
    assert_eq!(validator.execute(&block), Ok(()));
    // Left out, doubled, or in another order than the header says.
    for transactions in [vec![], vec![honest.transactions[0].clone(), honest.transactions[0].clone()]] {
        let block = SealedBlock { transactions, ..honest.clone() };
        assert!(matches!(validator.execute(&block), Err(ExecuteError::Rejected(_))));
    }
    assert_eq!(validator.execute(&honest), Ok(()));
}

#[test]
fn r102_a_block_with_a_spoiled_signature_has_another_name_and_is_refused() {
    let (proposer, validator) = (replica(), replica());
    let block = block_on(&proposer, &proposer.tip().digest, 7, &[signed_for("alice", 0, pay("bob", 1))]);
    let mut spoiled = block.clone();
    spoiled.transactions[0].authorization[40] ^= 1;
    assert_eq!(spoiled.header.hash(), block.header.hash());
    assert_ne!(spoiled.digest(), block.digest());
    // Also where the good one was confirmed before.
    assert_eq!(validator.execute(&block), Ok(()));
    let refused = validator.execute(&spoiled).unwrap_err();
    assert!(matches!(refused, ExecuteError::Rejected(Rejection::Unauthorized { index: 0, .. })), "{refused}");
}

#[test]
fn blocks_stand_on_outcomes_that_are_not_final_and_branches_go_when_one_is() {
    let (proposer, late) = (replica(), replica());
    let genesis = proposer.tip().digest;
    let one = block_on(&proposer, &genesis, 1, &[signed_for("alice", 0, pay("bob", 1))]);
    let two = block_on(&proposer, &one.digest(), 2, &[signed_for("alice", 1, pay("bob", 2))]);
    let rival = block_on(&proposer, &genesis, 1, &[signed_for("bob", 0, pay("alice", 1))]);
    let on_rival = block_on(&proposer, &rival.digest(), 3, &[]);
    assert_eq!(proposer.outcomes(), 4);

    // Who was away executes the ancestors first.
    assert_eq!(late.execute(&two), Err(ExecuteError::UnknownParent(one.digest())));
    let built = late.build(&one.digest(), 2, PROPOSER, &offer(&[]));
    assert_eq!(built, Err(BuildError::UnknownParent(one.digest())));
    assert_eq!((late.execute(&one), late.execute(&two)), (Ok(()), Ok(())));
    assert_eq!(late.execute(&two), Ok(()), "a known block is not executed again");

    for replica in [&proposer, &late] {
        assert_eq!(replica.commit(&one), Ok(Committed::New));
        assert!(replica.knows(&two.digest()));
        assert!(!replica.knows(&rival.digest()) && !replica.knows(&on_rival.digest()));
        assert_eq!(replica.outcomes(), 1);
        // What lost can't come back.
        let lost = replica.execute(&rival);
        assert_eq!(lost, Err(ExecuteError::Rejected(Rejection::Superseded { height: 1 })));
        assert_eq!(replica.execute(&one), Ok(()), "what is final is valid");
        assert_eq!(replica.commit(&two), Ok(Committed::New));
        assert_eq!(replica.outcomes(), 0);
    }
    assert_eq!(proposer.tip(), late.tip());
}

#[test]
fn a_height_is_committed_once() {
    let replica = replica();
    let genesis = replica.tip().digest;
    let rival = block_on(&replica, &genesis, 4, &[]);
    let one = commit_on(&replica, &[signed_for("alice", 0, pay("bob", 1))]);
    let two = commit_on(&replica, &[]);
    let before = replica.tip();
    for block in [&one, &two] {
        assert_eq!(replica.commit(block), Ok(Committed::Already));
    }
    let conflict = FinalityError::Conflict { height: 1, committed: one.digest(), brought: rival.digest() };
    assert_eq!(replica.commit(&rival), Err(conflict));
    // Neither over a hole nor beside the tip.
    let three = block_on(&replica, &two.digest(), 9, &[]);
    let four = block_on(&replica, &three.digest(), 9, &[]);
    assert!(matches!(replica.commit(&four), Err(FinalityError::Gap { height: 4, tip: 2, .. })));
    let beside = SealedBlock { parent: one.digest(), ..three.clone() };
    assert!(matches!(replica.commit(&beside), Err(FinalityError::Gap { height: 3, tip: 2, .. })));
    assert_eq!(replica.tip(), before);
    assert_eq!(replica.commit(&three), Ok(Committed::New));
}

#[test]
fn a_final_block_that_this_replica_refuses_stops_it_and_changes_nothing() {
    let (proposer, other) = (replica(), replica());
    let mut block = block_on(&proposer, &proposer.tip().digest, 7, &[signed_for("alice", 0, pay("bob", 1))]);
    block.header.state_root.0[0] ^= 1;
    let error = other.commit(&block).unwrap_err();
    assert!(
        matches!(error, FinalityError::Diverged { height: 1, reason: Rejection::Claim { .. } }),
        "{error}"
    );
    assert_eq!(other.tip().header.height, 0);
}

#[test]
fn a_proposal_leaves_out_what_can_not_stand() {
    let replica = replica();
    let foreign = {
        let mut signed = signed_for("carol", 0, pay("bob", 1));
        signed.authorization[50] ^= 1;
        signed
    };
    let good = [signed_for("alice", 0, pay("bob", 1)), signed_for("bob", 0, pay("alice", 1))];
    let early = signed_for("dave", 4, pay("bob", 1));
    let after_early = signed_for("dave", 5, pay("bob", 1));
    let offered = offer(&[foreign.clone(), good[0].clone(), early.clone(), after_early, good[1].clone()]);
    let block = replica.build(&replica.tip().digest, 1, PROPOSER, &offered).unwrap();
    assert_eq!(block.transactions, good);
    // What is early waits for what is before it: only the others are refused.
    let refused = offered.refused.take();
    assert!(matches!(&refused[..], [(gone, Unfit::Unauthorized(_))] if *gone == hash(&foreign)));
    assert_eq!(replica.commit(&block), Ok(Committed::New));
    let late = offer(&good);
    assert_eq!(replica.build(&block.digest(), 1, PROPOSER, &late).unwrap().transactions, []);
    let nonce = Unfit::Invalid(InvalidTransaction::Nonce { expected: 1, found: 0 });
    assert_eq!(late.refused.take(), [(hash(&good[0]), nonce.clone()), (hash(&good[1]), nonce)]);
}

/// Takes whatever it is asked about.
#[derive(Debug)]
struct Anything;

impl Authority for Anything {
    fn confirm(&self, _: &Signed, _: &ChainId) -> Result<(), Refused> {
        Ok(())
    }
}

#[test]
fn an_authorization_that_no_block_can_hold_is_in_no_proposal_whatever_the_authority_says() {
    let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
    let chain = Arc::new(RwLock::new(chain));
    let replica = Replica::new(chain, Arc::new(Anything), ReplicaOptions::default()).unwrap();
    let of_length =
        |length| Signed { authorization: vec![0; length], ..signed_for("alice", 0, pay("bob", 1)) };
    let (longest, longer) = (of_length(1_024), of_length(1_025));
    let too_long = Refused::TooLong { found: 1_025, limit: 1_024 };

    let offered = offer(&[longer.clone(), longest.clone()]);
    let block = replica.build(&replica.tip().digest, 1, PROPOSER, &offered).unwrap();
    assert_eq!(block.transactions, [longest]);
    assert_eq!(offered.refused.take(), [(hash(&longer), Unfit::Unauthorized(too_long.clone()))]);
    assert_eq!(SealedBlock::from_bytes(&block.encode(), &replica.bounds()), Ok(block.clone()));
    assert_eq!(replica.check(&longer), Err(Unfit::Unauthorized(too_long.clone())));

    let other = SealedBlock { transactions: vec![longer], ..block };
    let refused = Rejection::Unauthorized { index: 0, reason: too_long };
    assert_eq!(replica.execute(&other), Err(refused.into()));
}

#[test]
fn a_proposal_stays_within_the_limits_of_a_block() {
    let replica = replica();
    // As many as a block has gas for, and one more, which waits.
    let limits = spec().params.limits().clone();
    let count = limits.block_gas / limits.transaction_gas + 1;
    let signed = |nonce| {
        let gas_limit = limits.transaction_gas;
        let transaction = Transaction { gas_limit, ..signed_for("alice", nonce, pay("bob", 1)).transaction };
        SecretKey::dev("alice").sign(transaction, &spec().id().unwrap())
    };
    let all = offer(&(0..count).map(signed).collect::<Vec<_>>());
    let block = replica.build(&replica.tip().digest, 1, PROPOSER, &all).unwrap();
    assert_eq!(block.transactions, all.transactions[..all.transactions.len() - 1]);
    assert!(all.refused.borrow().is_empty());
    // Whatever goes out can be read by the others.
    assert!(SealedBlock::from_bytes(&block.encode(), &replica.bounds()).is_ok());
}

#[test]
fn what_is_too_much_alone_is_refused_and_too_much_issuance_leaves_no_block() {
    let issuing = |issuance| {
        let limits = Limits { block_transactions: 1, ..Limits::default() };
        let params = Params::new("local", limits, Features::default(), GasSchedule::default()).unwrap();
        let chain =
            Chain::create(&Place::Memory, Spec { params, ..spec() }, ChainOptions::default()).unwrap();
        over(chain, ReplicaOptions { issuance })
    };
    let one = issuing(|context| vec![Mint { to: context.proposer, amount: 1 }]);
    let signed = SecretKey::dev("alice").sign(signed_for("alice", 0, pay("bob", 1)).transaction, &one.id());
    let offered = offer(&[signed]);
    let block = one.build(&one.tip().digest, 1, PROPOSER, &offered).unwrap();
    assert_eq!(block.transactions, []);
    let refused = offered.refused.take();
    assert!(matches!(refused[..], [(_, Unfit::TooMuch { found: 2, limit: 1, .. })]), "{refused:?}");

    let two = issuing(|context| vec![Mint { to: context.proposer, amount: 1 }; 2]);
    let built = two.build(&two.tip().digest, 1, PROPOSER, &offer(&[]));
    assert!(matches!(built, Err(BuildError::Refused(_))), "{built:?}");
}

#[test]
fn r102_a_transaction_is_checked_before_it_waits() {
    let replica = replica();
    let good = signed_for("alice", 0, pay("bob", 1));
    assert_eq!(replica.check(&good), Ok(hash(&good)));
    let mut foreign = good.clone();
    foreign.authorization[3] ^= 1;
    assert!(matches!(replica.check(&foreign), Err(Unfit::Unauthorized(_))));
    let poor = Transaction { gas_limit: 1, ..good.transaction };
    let poor = SecretKey::dev("alice").sign(poor, &spec().id().unwrap());
    assert!(matches!(replica.check(&poor), Err(Unfit::Invalid(_))));
}

#[test]
fn time_goes_on_from_the_parents_and_never_back() {
    let replica = replica();
    let one = block_on(&replica, &replica.tip().digest, 100, &[]);
    let two = replica.build(&one.digest(), 40, PROPOSER, &offer(&[])).unwrap();
    assert_eq!(two.header.time, 100);
}

#[test]
fn what_a_chain_issues_follows_from_the_block_and_not_from_its_proposer() {
    let issuance = |context: &BlockContext| vec![Mint { to: context.proposer, amount: 50 }];
    let issuing = || {
        let chain = Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap();
        over(chain, ReplicaOptions { issuance })
    };
    let (first, second) = (issuing(), issuing());
    let block = commit_on(&first, &[]);
    assert_eq!(second.execute(&block), Ok(()));
    let view = first.view().unwrap();
    assert_eq!(StateReader::new(view.as_ref()).account(&PROPOSER).unwrap().balance, 50);
    // By other rules the same block is another one.
    assert!(matches!(replica().execute(&block), Err(ExecuteError::Rejected(Rejection::Claim { .. }))));
}

#[test]
fn proposals_that_never_become_final_take_bounded_room() {
    let replica = replica();
    let genesis = replica.tip().digest;
    let mut deepest = genesis;
    for time in 0..20 {
        deepest = block_on(&replica, &deepest, time, &[]).digest();
    }
    for time in 0..200 {
        block_on(&replica, &genesis, 100 + time, &[]);
    }
    assert!(replica.outcomes() <= 33, "{} outcomes", replica.outcomes());
    // What was dropped is executed again by whoever needs it; what is kept stands on kept ground.
    let newest = block_on(&replica, &genesis, 1_000, &[]);
    assert_eq!(replica.commit(&newest), Ok(Committed::New));
    assert_eq!(replica.outcomes(), 0);
}

#[test]
fn one_sender_can_not_shorten_a_proposal_by_what_can_not_be_paid() {
    // Each pair's first half takes what its second half would pay with.
    let replica = replica();
    let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"];
    let mut offered = Vec::new();
    for name in names {
        let all = pay("judy", 1_000_000_000);
        let mut second = signed_for(name, 1, pay("judy", 0)).transaction;
        second.gas_price = 1;
        offered.push(signed_for(name, 0, all));
        offered.push(SecretKey::dev(name).sign(second, &spec().id().unwrap()));
    }
    let honest: Vec<Signed> = (0..50).map(|nonce| signed_for("judy", nonce, pay("alice", 1))).collect();
    offered.extend(honest.clone());
    let offered = offer(&offered);
    let block = replica.build(&replica.tip().digest, 1, PROPOSER, &offered).unwrap();
    assert_eq!(block.transactions.len(), names.len() + honest.len());
    assert_eq!(offered.refused.borrow().len(), names.len());
}

#[test]
fn the_ancestors_of_the_newest_block_are_kept_however_many() {
    let replica = replica();
    let mut blocks = Vec::new();
    let mut parent = replica.tip().digest;
    for time in 0..80 {
        let block = block_on(&replica, &parent, time, &[]);
        parent = block.digest();
        blocks.push(block);
    }
    assert_eq!(replica.outcomes(), 80);
    for block in &blocks {
        assert_eq!(replica.commit(block), Ok(Committed::New));
    }
    assert_eq!(replica.tip().header.height, 80);
}

fn in_folder(path: &Path) -> Result<Replica, NodeError> {
    let chain = match Chain::open(path, ChainOptions::default()) {
        Ok(chain) => chain,
        Err(_) => Chain::create(&Place::Folder(path.to_owned()), spec(), ChainOptions::default()).unwrap(),
    };
    let authority = Arc::new(Ed25519::with_dev_accounts());
    Replica::new(Arc::new(RwLock::new(chain)), authority, ReplicaOptions::default())
}

#[test]
fn r82_a_replica_goes_on_after_a_restart_where_finality_was() {
    let folder = tempfile::tempdir().unwrap();
    let replica = in_folder(folder.path()).unwrap();
    let one = commit_on(&replica, &[signed_for("alice", 0, pay("bob", 1))]);
    let two = block_on(&replica, &one.digest(), 8, &[signed_for("alice", 1, pay("bob", 1))]);
    let tip = replica.tip();
    drop(replica);

    let replica = in_folder(folder.path()).unwrap();
    assert_eq!(replica.tip(), tip);
    // What was not final is gone, and comes again; what was final is brought again too.
    assert!(!replica.knows(&two.digest()));
    assert_eq!(replica.commit(&one), Ok(Committed::Already));
    assert_eq!(replica.commit(&two), Ok(Committed::New));
    assert_eq!(replica.block(2).unwrap().unwrap(), two);
}

#[test]
fn a_replicas_chain_is_made_and_undone_by_consensus_alone() {
    let folder = tempfile::tempdir().unwrap();
    let replica = in_folder(folder.path()).unwrap();
    let one = commit_on(&replica, &[]);
    drop(replica);
    // By whatever other tool, in the process that made it and after it was opened again.
    let api = support::local(Chain::open(folder.path(), ChainOptions::default()).unwrap());
    for refused in [api.mine(1).unwrap_err(), api.rollback(0).unwrap_err()] {
        assert!(refused.to_string().contains("replica"), "{refused}");
    }
    drop(api);
    assert_eq!(in_folder(folder.path()).unwrap().tip().digest, one.digest());
}

#[test]
fn r82_a_seal_goes_with_its_block_when_a_process_died_between_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let replica = in_folder(folder.path()).unwrap();
    let one = commit_on(&replica, &[]);
    drop(replica);
    let state = folder.path().join(vm_chain::chain::STATE_FILE);
    let before = std::fs::read(&state).unwrap();
    let replica = in_folder(folder.path()).unwrap();
    let two = commit_on(&replica, &[signed_for("alice", 0, pay("bob", 1))]);
    drop(replica);
    std::fs::write(&state, before).unwrap();

    let replica = in_folder(folder.path()).unwrap();
    assert_eq!((replica.tip().digest, replica.digest(2)), (one.digest(), Ok(None)));
    assert_eq!(replica.commit(&two), Ok(Committed::New));
    assert_eq!(replica.digest(2), Ok(Some(two.digest())));
}

#[test]
fn a_chain_that_another_kind_of_node_made_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Place::Folder(folder.path().to_owned());
    let api = support::local(Chain::create(&chain, spec(), ChainOptions::default()).unwrap());
    api.mine(1).unwrap();
    drop(api);
    let refused = in_folder(folder.path()).unwrap_err();
    assert!(refused.0.contains("block 1 has no digest"), "{refused}");
}

#[test]
fn r85_a_snapshot_is_restored_against_a_trusted_digest_chunk_by_chunk() {
    let source = replica();
    commit_on(&source, &[signed_for("alice", 0, deploy_token()), signed_for("bob", 0, pay("carol", 5))]);
    let trusted = commit_on(&source, &[]);
    let next = commit_on(&source, &[signed_for("bob", 1, pay("carol", 6))]);
    let manifest = source.manifest(2).unwrap().unwrap();
    assert_eq!(manifest.digest(), trusted.digest());
    assert_eq!(source.manifest(9), Ok(None));
    assert_eq!((source.chunk(9, None, 100), source.chunk(2, Some(&[0xff; 200]), 100)), (Ok(None), Ok(None)));

    let chunks = |after: Option<&Key>| {
        let bytes = source.chunk(2, after.map(Key::as_bytes), 100).unwrap();
        bytes.ok_or_else(|| RestoreError::Source("none left".to_owned()))
    };
    let folder = tempfile::tempdir().unwrap();
    let (work, store) = (folder.path().join("work"), folder.path().join("store"));
    let restore = |digest: &Hash, manifest: &_, chunks: &mut dyn FnMut(Option<&Key>) -> _| {
        let trusted = Trusted { chain: spec().id().unwrap(), digest: *digest };
        Replica::restore(&trusted, manifest, chunks, &work, &store, ChainOptions::default())
    };
    // Of another block than the trusted one; with other rules; with a chunk of another state; with none.
    let refused = restore(&next.digest(), &manifest, &mut |after| chunks(after)).unwrap_err();
    assert!(matches!(refused, RestoreError::OtherBlock { .. }), "{refused}");
    let mut other = manifest.clone();
    other.spec = Spec { params: Params::default_for("other"), ..spec() }.to_bytes();
    let refused = restore(&trusted.digest(), &other, &mut |after| chunks(after)).unwrap_err();
    assert!(matches!(refused, RestoreError::Rules(_)), "{refused}");
    // Of a chain that began otherwise: its signatures would be for another chain.
    let accounts = vec![(Address::named("mallory"), 1)];
    other.spec = Spec { accounts, ..spec() }.to_bytes();
    let refused = restore(&trusted.digest(), &other, &mut |after| chunks(after)).unwrap_err();
    assert!(matches!(refused, RestoreError::OtherChain { .. }), "{refused}");
    other.spec = Spec { time: -1, ..spec() }.to_bytes();
    let refused = restore(&trusted.digest(), &other, &mut |after| chunks(after)).unwrap_err();
    assert!(matches!(refused, RestoreError::Chain(ChainError::Genesis(_))), "{refused}");
    let foreign = |after: Option<&Key>| {
        let bytes = source.chunk(1, after.map(Key::as_bytes), 100).unwrap();
        bytes.ok_or_else(|| RestoreError::Source("none left".to_owned()))
    };
    let refused = restore(&trusted.digest(), &manifest, &mut |after| foreign(after)).unwrap_err();
    assert!(matches!(refused, RestoreError::Snapshot(SnapshotError::Wrong { index: 0, .. })), "{refused}");
    let nothing = &mut |_: Option<&Key>| Err(RestoreError::Source("gone".to_owned()));
    let refused = restore(&trusted.digest(), &manifest, nothing).unwrap_err();
    assert!(matches!(refused, RestoreError::Source(_)), "{refused}");
    assert!(!store.exists());
    // Nothing is asked for where there is no room for the chain.
    std::fs::create_dir(&store).unwrap();
    std::fs::write(store.join("mine"), b"kept").unwrap();
    let unasked = &mut |_: Option<&Key>| -> Result<Vec<u8>, RestoreError> { panic!("a chunk is asked for") };
    let refused = restore(&trusted.digest(), &manifest, unasked).unwrap_err();
    assert!(matches!(refused, RestoreError::Chain(ChainError::Exists(_))), "{refused}");
    std::fs::remove_dir_all(&store).unwrap();

    // A wrong chunk is asked for again, of another peer perhaps; and blocks go on being committed meanwhile.
    let (mut asked, mut wrong) = (0, 0);
    let chain = restore(&trusted.digest(), &manifest, &mut |after| {
        asked += 1;
        if asked % 3 == 1 {
            wrong += 1;
            return foreign(after).or_else(|_| Ok(vec![7; 100]));
        }
        commit_on(&source, &[]);
        chunks(after)
    })
    .unwrap();
    assert!(asked > 6 && wrong > 2, "{asked} {wrong}");
    assert!(!work.exists());
    let joined = over(chain, ReplicaOptions::default());
    assert_eq!(joined.tip().digest, trusted.digest());
    // The block it began with may be brought again; what was before it can't be compared.
    assert_eq!(joined.commit(&trusted), Ok(Committed::Already));
    let first = source.block(1).unwrap().unwrap();
    assert!(matches!(joined.commit(&first), Err(FinalityError::Gap { height: 1, .. })));
    for height in 3..=source.tip().header.height {
        assert_eq!(joined.commit(&source.block(height).unwrap().unwrap()), Ok(Committed::New));
    }
    assert_eq!(joined.tip(), source.tip());
    // What is from before it began it can neither confirm nor refuse.
    assert_eq!(joined.execute(&first), Err(ExecuteError::UnknownParent(first.parent)));
    assert_eq!(joined.execute(&next), Ok(()));
    drop(joined);
    // And it is a chain like any other afterwards.
    let again = in_folder(&store).unwrap();
    assert_eq!(again.tip(), source.tip());
}
