//! Processes that are killed, stopped and started again.

use std::process::Command;
use std::time::{Duration, Instant};

use vm_chain::api::types::At;
use vm_chain::chain::ChainOptions;
use vm_chain::replica::Application as _;
use vm_chain::{Api as _, ApiError, Chain};
use vm_core::{Address, Header};
use vm_node::config::Config;
use vm_node::join::LostVotes;
use vm_node::node::{RunError, Running};
use vm_node::testnet::Process;

use super::load::{Load, deploy_token, next, pay, receipt, send};
use super::testbed::{PATIENCE, Testbed, command, until};

const ALL: [u16; 4] = [0, 1, 2, 3];

#[test]
fn a_killed_validator_catches_up_and_nothing_acknowledged_is_lost() {
    let mut testbed = Testbed::running(4);
    let token = deploy_token(&testbed);
    let load = Load::start(&testbed, token, &ALL);
    load.go_on(20);
    testbed.kill(2);
    let (killed_at, others) = (testbed.head(0).height, [0, 1, 3]);
    // One of four is gone, and the others go on.
    load.go_on(20);
    testbed.reach(others, killed_at + 2);
    testbed.start([2]);
    load.go_on(10);
    let height = load.assert_delivered(&testbed, &ALL);
    testbed.assert_one_chain(&ALL, 1, height);
}

/// How long nothing may happen before it is believed that nothing does: many times what a block takes.
const STANDSTILL: Duration = Duration::from_secs(4);
/// The engine's pipeline: so many blocks may be final and not yet in the chain.
const IN_FLIGHT: u64 = 16;

/// Waits until no node of `indices` has had a new block for a while; gives the height of the highest.
fn standstill(testbed: &Testbed, indices: &[u16]) -> u64 {
    let heads = || indices.iter().map(|index| testbed.head(*index).height).collect::<Vec<_>>();
    let (mut last, mut since) = (heads(), Instant::now());
    until("the chain stops", || {
        let now = heads();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() >= STANDSTILL).then(|| last.iter().copied().max().unwrap())
    })
}

#[test]
fn without_two_of_four_the_chain_stops_and_with_them_it_goes_on() {
    let mut testbed = Testbed::running(4);
    let token = deploy_token(&testbed);
    let load = Load::start(&testbed, token, &ALL);
    load.go_on(10);
    testbed.kill(1);
    testbed.kill(3);
    let (left, killed_at) = ([0, 2], testbed.head(0).height.max(testbed.head(2).height));

    let stopped = standstill(&testbed, &left);
    assert!(stopped <= killed_at + IN_FLIGHT, "killed at {killed_at}, went on to {stopped}");
    // A transaction that only now comes can't be in any block; what was final can be read.
    let late = next(&testbed, 0, "heidi", pay("ivan", 7));
    let late = testbed.client(0).submit(late).unwrap();
    let common = left.map(|index| testbed.head(index).height).into_iter().min().unwrap();
    let before = testbed.assert_one_chain(&left, 1, common);
    assert_eq!(standstill(&testbed, &left), stopped);
    assert!(matches!(testbed.client(0).receipt(late), Err(ApiError::Missing { .. })));
    assert_eq!(testbed.client(0).transaction(late).unwrap().height, None, "it waits");
    assert_eq!(testbed.client(2).account(Address::named("heidi"), At::Head).unwrap().nonce, 0);

    testbed.start([1, 3]);
    testbed.reach(ALL, stopped + 3);
    load.go_on(10);
    let late_heights = ALL.map(|index| receipt(&testbed, index, late).height);
    assert!(late_heights.iter().all(|height| *height > stopped && *height == late_heights[0]));
    let height = load.assert_delivered(&testbed, &ALL);
    let after = testbed.assert_one_chain(&ALL, 1, height);
    assert_eq!(after[..before.len()], before, "what was final stays");
}

/// Ends as `kill` or a service manager would have it.
fn terminate(mut process: Process) {
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let how = until("a node ends", || process.ended());
    assert_eq!(how, "exit status: 0");
}

fn stored_head(testbed: &Testbed, index: u16) -> Header {
    let config = Config::read(&testbed.layout.config(index)).unwrap();
    Chain::open(&config.chain(), ChainOptions { states: config.states }).unwrap().head().clone()
}

#[test]
fn a_network_that_was_stopped_goes_on_where_it_was() {
    let mut testbed = Testbed::running(4);
    let sent = ["alice", "bob", "carol", "dave"];
    let before = ALL.map(|index| send(&testbed, index, sent[usize::from(index)], pay("judy", 5)));
    let shown = ALL.map(|index| testbed.head(index));

    for index in ALL {
        let process = testbed.take(index);
        if index < 2 {
            terminate(process);
        } else {
            // Closes its standard input; it would be killed, and say nothing, if it did not end by itself.
            process.stop(PATIENCE);
        }
        assert!(testbed.log(index).ends_with("stopped\n"), "{}", testbed.log(index));
    }
    let stored = ALL.map(|index| stored_head(&testbed, index));
    for (stored, shown) in stored.iter().zip(&shown) {
        assert!(stored.height >= shown.height, "what was shown is kept");
    }

    testbed.start(ALL);
    for (index, stored) in ALL.into_iter().zip(&stored) {
        let begins = format!("head       block {} {}\n", stored.height, stored.hash());
        assert!(testbed.log(index).contains(&begins), "{begins:?} is not in {}", testbed.log(index));
        assert_eq!(testbed.block(index, stored.height).1, *stored);
    }
    let highest = stored.iter().map(|header| header.height).max().unwrap();
    let again = ALL.map(|index| send(&testbed, index, sent[usize::from(index)], pay("judy", 5)));
    let height = again.iter().map(|receipt| receipt.height).max().unwrap();
    assert!(again.iter().all(|receipt| receipt.height > before.iter().map(|it| it.height).min().unwrap()));
    testbed.assert_one_chain(&ALL, 1, height.max(highest));
    for index in ALL {
        for receipt in before.iter().chain(&again) {
            let found = testbed.client(index).receipt(receipt.transaction.0).unwrap();
            assert_eq!(found, *receipt, "node {index}");
        }
        testbed.transactions(index, height);
    }
}

#[test]
fn a_network_whose_every_node_is_killed_at_once_goes_on() {
    let mut testbed = Testbed::running(4);
    let token = deploy_token(&testbed);
    let load = Load::start(&testbed, token, &ALL);
    load.go_on(10);
    let height = testbed.head(0).height;
    let before = testbed.history(0, 1..=height);
    ALL.into_iter().for_each(|index| testbed.kill(index));
    let stored = ALL.map(|index| stored_head(&testbed, index).height);
    assert!(stored[0] >= height, "what was shown is kept");
    testbed.start(ALL);
    load.go_on(10);
    let height = load.assert_delivered(&testbed, &ALL);
    let after = testbed.assert_one_chain(&ALL, 1, height);
    assert_eq!(after[..before.len()], before, "what was final stays");
}

#[test]
fn a_validator_whose_votes_are_gone_does_not_run_unasked() {
    let mut testbed = Testbed::running(4);
    testbed.reach(ALL, 3);
    testbed.kill(2);
    let at = testbed.layout.config(2);
    let config = Config::read(&at).unwrap();
    std::fs::remove_dir_all(config.engine()).unwrap();
    match Running::start(&config, LostVotes::Refused) {
        Err(RunError::LostVotes { at, tip }) => assert!(at == config.engine() && tip >= 3),
        other => panic!("{other:?}"),
    }
    let (code, _, complaint) = command(["run", "--config", at.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{complaint}");
    assert!(complaint.contains("vote twice") && complaint.contains("--lost-votes"), "{complaint}");
    // Whoever takes the risk goes on: the chain is there, and the engine's files come from the others.
    let running = Running::start(&config, LostVotes::Accepted).unwrap();
    let goal = testbed.head(0).height + 3;
    until("it follows", || (running.replica().tip().header.height >= goal).then_some(()));
    running.stop();
}

#[test]
fn a_port_in_use_is_named_before_anything_runs() {
    let testbed = Testbed::running(4);
    let other = Testbed::new(1, 0, vm_node::testnet::spec("other"));
    let mut config = Config::read(&other.layout.config(0)).unwrap();
    config.listen = Config::read(&testbed.layout.config(1)).unwrap().listen;
    match Running::start(&config, LostVotes::Refused) {
        Err(RunError::Listen { address, .. }) => assert_eq!(address, config.listen),
        other => panic!("{other:?}"),
    }
}
