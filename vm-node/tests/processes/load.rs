//! Senders that go on whatever happens to nodes, and what must have come of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use parity_scale_codec::{Decode as _, Encode as _};
use vm_chain::api::types::{At, Level, QueryRequest, ReceiptInfo};
use vm_chain::rpc::Client;
use vm_chain::{Api as _, ChainId, SecretKey, Signed};
use vm_core::{Address, CodeSource, Hash, Payload, Transaction};

use super::testbed::{PATIENCE, Testbed, until};

/// The example token, as the repository's contracts are built.
const TOKEN: &[u8] = include_bytes!("../../../fixtures/wasm/token.wasm");
const GAS: u64 = 10_000_000;
/// What each holder of tokens begins with.
const TOKENS: u64 = 1_000;
/// Who sends tokens, each to the next.
const HOLDERS: [&str; 3] = ["alice", "bob", "carol"];
/// Who sends balance, all to [`SINK`].
const PAYERS: [&str; 3] = ["dave", "erin", "frank"];
const SINK: &str = "judy";

pub(crate) fn pay(to: &str, amount: u64) -> Payload {
    Payload::Transfer { to: Address::named(to), amount }
}

pub(crate) fn transfer_tokens(contract: Address, to: &str, amount: u64) -> Payload {
    let args = (Address::named(to), amount).encode();
    Payload::Call { contract, function: "transfer".to_owned(), args, value: 0 }
}

pub(crate) fn sign(chain: &ChainId, sender: &str, nonce: u64, payload: Payload) -> Signed {
    let transaction =
        Transaction { sender: Address::named(sender), nonce, gas_limit: GAS, gas_price: 0, payload };
    SecretKey::dev(sender).sign(transaction, chain)
}

/// The sender's next transaction, as the node counts.
pub(crate) fn next(testbed: &Testbed, index: u16, sender: &str, payload: Payload) -> Signed {
    let account = testbed.client(index).account(Address::named(sender), At::Head).unwrap();
    sign(&testbed.network.id, sender, account.next_nonce, payload)
}

/// Sends, and waits for the receipt of what must succeed, and until every running node has its block: the sender's next one
/// may go through another.
pub(crate) fn send(testbed: &Testbed, index: u16, sender: &str, payload: Payload) -> ReceiptInfo {
    let receipt = testbed.client(index).send(next(testbed, index, sender, payload)).unwrap();
    assert_eq!(receipt.outcome.ending.status, "success", "{:?}", receipt.outcome);
    testbed.reach(testbed.running_nodes(), receipt.height);
    receipt
}

/// The receipt, as soon as the node has it.
pub(crate) fn receipt(testbed: &Testbed, index: u16, hash: Hash) -> ReceiptInfo {
    until("a receipt comes", || testbed.client(index).receipt(hash).ok())
}

/// A token of which each holder has [`TOKENS`].
pub(crate) fn deploy_token(testbed: &Testbed) -> Address {
    let args = ("Gold", 1_000_000_u64).encode();
    let code = CodeSource::Bytes(TOKEN.to_vec());
    let deploy = Payload::Deploy { code, salt: Hash([1; 32]), args, value: 0 };
    let token = send(testbed, 0, "alice", deploy).outcome.deployed.unwrap().0;
    for holder in &HOLDERS[1..] {
        send(testbed, 0, "alice", transfer_tokens(token, holder, TOKENS));
    }
    token
}

pub(crate) fn tokens_of(testbed: &Testbed, index: u16, token: Address, holder: &str) -> u64 {
    let request = QueryRequest {
        contract: token.into(),
        function: "balance_of".to_owned(),
        args: Address::named(holder).encode().into(),
        caller: None,
        gas_limit: None,
        at: At::Head,
        trace: Level::default(),
    };
    let outcome = testbed.client(index).query(request).unwrap().outcome;
    u64::decode(&mut outcome.output.0.as_slice()).unwrap()
}

fn balance(testbed: &Testbed, index: u16, name: &str) -> u64 {
    testbed.client(index).account(Address::named(name), At::Head).unwrap().balance.0
}

/// One transfer that a node said is in a block.
#[derive(Clone, Debug)]
struct Delivered {
    sender: &'static str,
    hash: Hash,
    height: u64,
}

/// Transfers without end, by one thread for each sender.
#[derive(Debug)]
pub(crate) struct Load {
    token: Address,
    tokens_before: BTreeMap<&'static str, u64>,
    balance_before: u64,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Vec<Delivered>>>,
}

struct Sender {
    name: &'static str,
    chain: ChainId,
    clients: Vec<Client>,
    at: usize,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
}

impl Sender {
    /// Sends through one node, and if that one does not acknowledge it, through the next, the very same transaction.
    fn deliver(&mut self, signed: &Signed) -> Delivered {
        let hash = signed.transaction.hash(&self.chain.params);
        let begun = Instant::now();
        loop {
            let client = &self.clients[self.at];
            // A node may have had it from another one that was killed before it could answer.
            match client.send(signed.clone()).or_else(|error| client.receipt(hash).map_err(|_| error)) {
                Ok(receipt) => {
                    assert_eq!(receipt.transaction.0, hash);
                    assert_eq!(receipt.outcome.ending.status, "success", "{:?}", receipt.outcome);
                    return Delivered { sender: self.name, hash, height: receipt.height };
                }
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{}: {error}", self.name),
            }
            self.at = (self.at + 1) % self.clients.len();
            sleep(Duration::from_millis(50));
        }
    }

    fn run(mut self, first_nonce: u64, payload: &Payload) -> Vec<Delivered> {
        let mut delivered = Vec::new();
        for nonce in first_nonce.. {
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            let signed = sign(&self.chain, self.name, nonce, payload.clone());
            delivered.push(self.deliver(&signed));
            self.count.fetch_add(1, Ordering::Release);
        }
        delivered
    }
}

impl Load {
    /// Begins to send, by all nodes with these indices.
    pub(crate) fn start(testbed: &Testbed, token: Address, indices: &[u16]) -> Self {
        let (stop, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let tokens = |name| (name, tokens_of(testbed, 0, token, name));
        let mut load = Self {
            token,
            tokens_before: HOLDERS.into_iter().map(tokens).collect(),
            balance_before: balance(testbed, 0, SINK),
            stop,
            count,
            threads: Vec::new(),
        };
        let following = HOLDERS.iter().cycle().skip(1);
        let of_holders =
            HOLDERS.iter().zip(following).map(|(from, to)| (*from, transfer_tokens(token, to, 1)));
        let of_payers = PAYERS.iter().map(|from| (*from, pay(SINK, 1)));
        for (turn, (name, payload)) in of_holders.chain(of_payers).enumerate() {
            let client = |index: &u16| Client::new(testbed.client(*index).url()).unwrap();
            let sender = Sender {
                name,
                chain: testbed.network.id,
                clients: indices.iter().map(client).collect(),
                at: turn % indices.len(),
                stop: load.stop.clone(),
                count: load.count.clone(),
            };
            let nonce = testbed.client(0).account(Address::named(name), At::Head).unwrap().next_nonce;
            load.threads.push(std::thread::spawn(move || sender.run(nonce, &payload)));
        }
        load
    }

    /// How many were delivered.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Waits until so many more are delivered.
    pub(crate) fn go_on(&self, more: usize) {
        let goal = self.count() + more;
        until("transfers are delivered", || {
            let ended = self.threads.iter().any(JoinHandle::is_finished);
            assert!(!ended, "a sender gave up");
            (self.count() >= goal).then_some(())
        });
    }

    /// Ends, and shows that all nodes with `indices` have everything that was delivered, exactly once and nothing else of
    /// these senders, in one chain. Gives its height.
    pub(crate) fn assert_delivered(mut self, testbed: &Testbed, indices: &[u16]) -> u64 {
        self.stop.store(true, Ordering::Release);
        let delivered: Vec<Delivered> =
            std::mem::take(&mut self.threads).into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert!(!delivered.is_empty());
        let height = delivered.iter().map(|one| one.height).max().unwrap();
        testbed.reach(indices.iter().copied(), height);
        let sent = |name| u64::try_from(delivered.iter().filter(|one| one.sender == name).count()).unwrap();
        let paid: u64 = PAYERS.into_iter().map(sent).sum();
        for &index in indices {
            let there: BTreeSet<(Hash, u64)> = testbed.transactions(index, height).into_iter().collect();
            for Delivered { sender, hash, height } in &delivered {
                assert!(
                    there.contains(&(*hash, *height)),
                    "node {index}: {hash} of {sender} is not in {height}"
                );
                assert_eq!(testbed.client(index).receipt(*hash).unwrap().height, *height);
            }
            assert_eq!(balance(testbed, index, SINK), self.balance_before + paid, "node {index}");
            for (turn, holder) in HOLDERS.into_iter().enumerate() {
                let giver = HOLDERS[(turn + HOLDERS.len() - 1) % HOLDERS.len()];
                let expected = self.tokens_before[holder] - sent(holder) + sent(giver);
                assert_eq!(tokens_of(testbed, index, self.token, holder), expected, "node {index}: {holder}");
            }
        }
        height
    }
}

impl Drop for Load {
    /// Also of a test that failed: its senders end.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
