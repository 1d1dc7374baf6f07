//! Target `replica`: two or three replicas of one chain under arbitrary proposals, blocks that were tampered with, commits
//! in every order and restarts, against a naive model.
//!
//! A block has one verdict, the model's, on every replica that knows its parent; a commit is answered as the model says,
//! and what is refused changes nothing; a proposal holds every candidate that can stand; a replica keeps what descends
//! from its tip and no more than it should. Each block that a replica meets has gone through its bytes.
//!
//! The engine that it plays makes one block final at each height. Of its faults it has those that a replica notices: a
//! block again, out of order, beside the tip, a rival at a final height, one that is not valid. Two final blocks at one
//! height, on two replicas, are a fork that neither can see.

mod edit;
mod model;
mod plan;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, RwLock};

use arbitrary::Unstructured;
use parity_scale_codec::Encode as _;
use vm_chain::chain::{ChainOptions, Spec};
use vm_chain::replica::{
    Application as _, BuildError, Candidates, Committed, ExecuteError, FinalityError, NodeError, Rejection,
    Replica, ReplicaOptions, SealedBlock, Unfit,
};
use vm_chain::sequencer::{BlockLimits, SharedChain};
use vm_chain::{Chain, Place, Signed};
use vm_core::{
    Account, Address, BlockContext, Features, GasSchedule, Hash, KeySpace, Limits, Params, Transaction,
};
use vm_host::InvalidTransaction;
use vm_state::{StateReader, View};

use crate::campaign::Inputs;
use crate::chain::entries;
use edit::{edited, spoiled};
use model::{Blocks, ISSUED, Marks, Memory, Refusal, is_authorized, issuance, sign, vm};
use plan::{Authorization, ByteEdit, Edit, NAMES, Offered, Parent, Step, Then, address};

const STEPS_MAX: usize = 40;
/// What alice, bob and carol begin with; dave has nothing.
const BALANCES: [u64; 3] = [1 << 60, 5_000_000, 30_000];

/// A chain whose limits are met by few transactions.
fn spec() -> Spec {
    static SPEC: OnceLock<Spec> = OnceLock::new();
    let make = || {
        let limits = Limits {
            code_bytes: 1_024,
            function_bytes: 1_024,
            interface_bytes: 1_024,
            argument_bytes: 1_024,
            transaction_bytes: 4_096,
            transaction_gas: 1_000_000,
            block_transactions: 16,
            block_bytes: 4_096,
            block_gas: 2_000_000,
            block_witness_bytes: 65_536,
            block_receipt_bytes: 65_536,
            ..Limits::default()
        };
        let params = Params::new("replicas", limits, Features::default(), GasSchedule::default()).unwrap();
        let accounts = NAMES.iter().map(|name| Address::named(name)).zip(BALANCES).collect();
        Spec { params, time: 0, accounts, names: vec![] }
    };
    SPEC.get_or_init(make).clone()
}

/// Does to replicas what `data` describes; panics where an invariant breaks.
pub fn replica(data: &[u8]) {
    drop(run(data));
}

/// As [`replica`]; tells what was reached.
fn run(data: &[u8]) -> BTreeSet<&'static str> {
    let mut u = Unstructured::new(data);
    let Ok(count) = u.int_in_range(2..=3usize) else { return BTreeSet::new() };
    let mut world = World::new(count);
    for _ in 0..STEPS_MAX {
        if u.is_empty() {
            break;
        }
        let Ok(step) = Step::generate(&mut u, count) else { break };
        world.step(step);
    }
    world.end();
    world.reached
}

/// A replica, and what it must know.
struct Peer {
    replica: Replica,
    memory: Memory,
}

fn open(chain: SharedChain) -> Replica {
    Replica::new(chain, Arc::new(Marks), ReplicaOptions { issuance }).unwrap()
}

fn new_chain() -> SharedChain {
    Arc::new(RwLock::new(Chain::create(&Place::Memory, spec(), ChainOptions::default()).unwrap()))
}

/// What a proposer is offered; sees what it asks and what it refuses.
struct Offer<'a> {
    offered: &'a [Signed],
    parent: Arc<dyn View>,
    context: BlockContext,
    refused: RefCell<Vec<(Hash, Unfit)>>,
    asked: Cell<bool>,
}

impl Candidates for Offer<'_> {
    fn select(
        &self,
        limits: &BlockLimits,
        nonce: &mut dyn FnMut(&Address) -> Result<u64, NodeError>,
    ) -> Result<Vec<Signed>, NodeError> {
        self.asked.set(true);
        let mut expected = BlockLimits::new(spec().params.limits());
        expected.transactions -= issuance(&self.context).len();
        assert_eq!(*limits, expected);
        for index in 0..NAMES.len() {
            assert_eq!(nonce(&address(index))?, nonce_in(&*self.parent, &address(index)));
        }
        Ok(self.offered.to_vec())
    }

    fn refuse(&self, hash: &Hash, why: Unfit) {
        self.refused.borrow_mut().push((*hash, why));
    }

    fn arrivals(&self) -> u64 {
        0
    }
}

fn nonce_in(view: &dyn View, who: &Address) -> u64 {
    StateReader::new(view).account(who).unwrap().nonce
}

struct World {
    blocks: Blocks,
    peers: Vec<Peer>,
    flooded: bool,
    reached: BTreeSet<&'static str>,
}

impl World {
    fn new(count: usize) -> Self {
        let blocks = Blocks::new();
        let tip = blocks.pool[0].digest();
        let peer =
            || Peer { replica: open(new_chain()), memory: Memory { height: 0, tip, outcomes: vec![] } };
        Self { peers: (0..count).map(|_| peer()).collect(), blocks, flooded: false, reached: BTreeSet::new() }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Build { on, parent, time, proposer, offered } => {
                let memory = &self.peers[on].memory;
                let parent = match parent {
                    Parent::Tip => memory.tip,
                    Parent::Known(age) => memory.known(age),
                    Parent::Any(age) => self.blocks.pick(age).digest(),
                };
                let offered = self.offered(&parent, &offered);
                self.build(on, parent, time, proposer, &offered);
                self.check(on);
            }
            Step::Flood { on, count, deep } => self.flood(on, count, deep),
            Step::Execute { on, block } => {
                let block = self.blocks.pick(block).clone();
                self.execute(on, &block);
                self.check(on);
            }
            Step::Finalize { on, block } => {
                if let Some(block) = self.next_final(on, block) {
                    self.commit(on, &block);
                    self.check(on);
                }
            }
            Step::Commit { on, block } => {
                let block = self.blocks.pick(block).clone();
                self.commit(on, &block);
                self.check(on);
            }
            Step::Reopen { on, replayed } => {
                self.reopen(on, replayed);
                self.check(on);
            }
            Step::Edit { block, edit, then } => self.edit(block, &edit, then),
            Step::Bytes { block, edits } => self.bytes(block, &edits),
        }
    }

    /// Every replica meets every block, and commits what is final.
    fn end(&mut self) {
        for on in 0..self.peers.len() {
            for round in 0..2 {
                for block in self.blocks.pool.clone() {
                    self.execute(on, &block);
                }
                for height in self.peers[on].memory.height + 1..self.blocks.committed.len() {
                    let block = self.blocks.committed[height].clone();
                    self.commit(on, &block);
                }
                assert!(round == 0 || self.peers[on].memory.height + 1 == self.blocks.committed.len());
            }
            self.check(on);
        }
        let tips: Vec<_> = self.peers.iter().map(|peer| peer.replica.tip()).collect();
        assert!(tips.iter().all(|tip| *tip == tips[0]), "replicas that got the same blocks are at one tip");
    }

    /// Candidates with nonces as they follow on `parent`.
    fn offered(&self, parent: &Hash, offered: &[Offered]) -> Vec<Signed> {
        let view = self.blocks.view(parent);
        let mut next =
            NAMES.map(|name| view.as_ref().map_or(0, |view| nonce_in(&**view, &Address::named(name))));
        let mut signed = vec![];
        for Offered { sender, times, nonce_shift, gas_limit, gas_price, payload, authorization } in offered {
            for _ in 0..*times {
                let (nonce, payload) = (next[*sender].wrapping_add(*nonce_shift), payload.clone());
                let (gas_limit, gas_price) = (*gas_limit, *gas_price);
                let tx = Transaction { sender: address(*sender), nonce, gas_limit, gas_price, payload };
                next[*sender] += u64::from(*nonce_shift == 0);
                signed.push(match authorization {
                    Authorization::Good { salt } => sign(tx, *salt, &self.blocks.id),
                    Authorization::Flipped { bit } => {
                        let mut signed = sign(tx, 0, &self.blocks.id);
                        signed.authorization[usize::from(bit / 8)] ^= 1 << (bit % 8);
                        signed
                    }
                    Authorization::Short => Signed { transaction: tx, authorization: vec![1; 31] },
                });
            }
        }
        signed
    }

    fn build(
        &mut self,
        on: usize,
        parent: Hash,
        time: i64,
        proposer: Address,
        offered: &[Signed],
    ) -> Option<SealedBlock> {
        let Peer { replica, memory } = &self.peers[on];
        if !memory.knows(&parent) {
            let built = replica.build(&parent, time, proposer, &Nothing);
            assert_eq!(built, Err(BuildError::UnknownParent(parent)));
            self.reached.insert("built on an unknown block");
            return None;
        }
        let view = self.blocks.view(&parent).unwrap();
        let (height, time) = (view.header().height + 1, time.max(view.header().time));
        let context = BlockContext { height, time, proposer };
        let offer = Offer {
            offered,
            parent: view,
            context: context.clone(),
            refused: RefCell::default(),
            asked: Cell::new(false),
        };
        let block = replica.build(&parent, context.time, proposer, &offer);
        let block = block.unwrap_or_else(|error| panic!("a block can be built on every valid one: {error}"));
        assert!(offer.asked.get());
        assert_eq!((block.parent, block.context()), (parent, context.clone()));
        let read = SealedBlock::from_bytes(&block.encode(), &self.blocks.bounds);
        assert_eq!(read.as_ref(), Ok(&block), "what is proposed can be read");
        let (chosen, how) = self.blocks.chosen(&parent, &context, offered);
        assert_eq!(
            block.transactions, chosen,
            "a proposal holds what can stand, in the order that was offered"
        );
        self.reached.insert(how);
        let refused = offer.refused.into_inner();
        self.refusals(offered, &refused);
        self.blocks.add(&block);
        assert_eq!(self.blocks.verdict(&block), Some(Ok(())), "what is proposed is valid");
        if self.peers[on].memory.insert(block.digest(), parent) {
            self.reached.insert("outcomes dropped");
        }
        Some(block)
    }

    /// Whoever offered is told of what can't stand, and of nothing else; each candidate alone is checked alike.
    fn refusals(&mut self, offered: &[Signed], refused: &[(Hash, Unfit)]) {
        let rules = spec().params.hash();
        for (hash, why) in refused {
            let mut same = offered.iter().filter(|signed| signed.transaction.hash(&rules) == *hash);
            let found = match why {
                Unfit::Unauthorized(_) => same.any(|signed| !is_authorized(signed, &self.blocks.id)),
                Unfit::Invalid(InvalidTransaction::Nonce { expected, found }) => {
                    found < expected && same.next().is_some()
                }
                Unfit::Invalid(_) => same.next().is_some(),
                Unfit::TooMuch { what: "bytes of transactions", found, limit } => {
                    found > limit
                        && same.any(|signed| u64::try_from(signed.transaction.encode().len()) == Ok(*found))
                }
                // No candidate reaches another limit alone.
                Unfit::TooMuch { .. } => false,
            };
            assert!(found, "refused: {why}");
            self.reached.insert(match why {
                Unfit::Unauthorized(_) => "refused: unauthorized",
                Unfit::Invalid(InvalidTransaction::Nonce { .. }) => "refused: nonce",
                Unfit::TooMuch { .. } => "refused: too much",
                Unfit::Invalid(_) => "refused: invalid",
            });
        }
        for signed in offered {
            let good =
                is_authorized(signed, &self.blocks.id) && vm().check_envelope(&signed.transaction).is_ok();
            let checked = self.peers[0].replica.check(signed);
            assert_eq!(checked.is_ok(), good, "{checked:?}");
            assert!(checked.is_err() || checked == Ok(signed.transaction.hash(&rules)));
        }
    }

    /// Once in a run: each block is executed by all.
    fn flood(&mut self, on: usize, count: u8, deep: bool) {
        if std::mem::replace(&mut self.flooded, true) {
            return;
        }
        let mut parent = self.peers[on].memory.tip;
        let earliest = self.blocks.view(&parent).unwrap().header().time;
        for number in 0..i64::from(count) {
            let time = earliest.saturating_add(number);
            let Some(block) = self.build(on, parent, time, address(0), &[]) else { return };
            if deep {
                parent = block.digest();
            }
        }
        self.check(on);
    }

    fn execute(&mut self, on: usize, block: &SealedBlock) {
        let Peer { replica, memory } = &mut self.peers[on];
        let found = replica.execute(block);
        assert!(!matches!(found, Err(ExecuteError::Node(_))), "no block makes a node fail: {found:?}");
        let digest = block.digest();
        let final_at = |height| self.blocks.committed.get(usize::try_from(height).unwrap_or(usize::MAX));
        if memory.knows(&digest) {
            assert_eq!(found, Ok(()));
            self.reached.insert("executed: known");
        } else if block.header.height <= u64::try_from(memory.height).unwrap() {
            let height = block.header.height;
            if final_at(height).unwrap().digest() == digest {
                assert_eq!(found, Ok(()));
                self.reached.insert("executed: final");
            } else {
                assert_eq!(found, Err(Rejection::Superseded { height }.into()));
                self.reached.insert("executed: superseded");
            }
        } else if !memory.knows(&block.parent) {
            assert_eq!(found, Err(ExecuteError::UnknownParent(block.parent)));
            self.reached.insert("executed: unknown parent");
        } else {
            let verdict = self.blocks.verdict(block).expect("a replica knows valid blocks only");
            self.reached.insert(match (&verdict, found) {
                (Ok(()), Ok(())) => {
                    memory.insert(digest, block.parent);
                    "executed: valid"
                }
                (Err(refusal), Err(ExecuteError::Rejected(rejection))) if refusal.is(&rejection) => {
                    match refusal {
                        Refusal::Claim => "executed: claim",
                        Refusal::Unauthorized { .. } => "executed: unauthorized",
                        Refusal::Invalid(_) => "executed: invalid",
                    }
                }
                (verdict, found) => panic!("the verdict is {verdict:?}, a replica's {found:?}, on {block:?}"),
            });
        }
    }

    /// The final block after the tip; if there is none yet, a valid one of this age among those that can be.
    fn next_final(&mut self, on: usize, age: usize) -> Option<SealedBlock> {
        let Memory { height, tip, .. } = self.peers[on].memory;
        if let Some(block) = self.blocks.committed.get(height + 1) {
            return Some(block.clone());
        }
        let children = self.blocks.pool.iter().rev().filter(|block| block.parent == tip);
        let mut children: Vec<_> = children.cloned().collect();
        children.retain(|block| self.blocks.verdict(block) == Some(Ok(())));
        (!children.is_empty()).then(|| children.swap_remove(age % children.len()))
    }

    fn commit(&mut self, on: usize, block: &SealedBlock) {
        let (digest, height) = (block.digest(), block.header.height);
        let Memory { height: at, tip, .. } = self.peers[on].memory;
        let tip_height = u64::try_from(at).unwrap();
        let expected = if height <= tip_height {
            let committed = self.blocks.committed[usize::try_from(height).unwrap()].digest();
            if committed == digest {
                Ok(Committed::Already)
            } else {
                Err(Some(FinalityError::Conflict { height, committed, brought: digest }))
            }
        } else if height != tip_height + 1 || block.parent != tip {
            Err(None)
        } else {
            match self.blocks.verdict(block).expect("the tip is valid") {
                Ok(()) => match self.blocks.committed.get(at + 1) {
                    // A fork, which this replica could not see.
                    Some(committed) if committed.digest() != digest => return,
                    _ => Ok(Committed::New),
                },
                Err(refusal) => {
                    let found = self.peers[on].replica.commit(block);
                    let right = matches!(&found, Err(FinalityError::Diverged { height: found, reason })
                        if *found == height && refusal.is(reason));
                    assert!(right, "{refusal:?}: {found:?}");
                    self.reached.insert("commit: diverged");
                    return;
                }
            }
        };
        let found = self.peers[on].replica.commit(block);
        self.reached.insert(match (expected, found) {
            (Ok(Committed::New), Ok(Committed::New)) => {
                self.peers[on].memory.advance(digest);
                if self.blocks.committed.len() == at + 1 {
                    self.blocks.committed.push(block.clone());
                }
                self.state(on);
                "commit: new"
            }
            (Ok(Committed::Already), Ok(Committed::Already)) => "commit: already",
            (Err(Some(expected)), Err(found)) if expected == found => "commit: conflict",
            (Err(None), Err(FinalityError::Gap { height: brought, tip, .. }))
                if (brought, tip) == (height, tip_height) =>
            {
                if height == tip_height + 1 {
                    "commit: beside the tip"
                } else {
                    "commit: gap"
                }
            }
            (expected, found) => panic!("a commit must be {expected:?}, and is {found:?}, of {block:?}"),
        });
    }

    fn reopen(&mut self, on: usize, replayed: bool) {
        let Peer { replica, memory } = &mut self.peers[on];
        memory.outcomes.clear();
        if replayed {
            let other = open(new_chain());
            for height in 1..=u64::try_from(memory.height).unwrap() {
                let block = replica.block(height).unwrap().unwrap();
                assert_eq!(other.commit(&block), Ok(Committed::New));
            }
            *replica = other;
        } else {
            *replica = open(replica.chain().clone());
        }
        self.reached.insert(if replayed { "replayed" } else { "reopened" });
    }

    /// Makes another block of one, sends it through its bytes, and to whom `then` says.
    fn edit(&mut self, age: usize, edit: &Edit, then: Then) {
        let block =
            if edit.needs_transactions() { self.blocks.pick_filled(age) } else { self.blocks.pick(age) };
        let block = edited(&self.blocks, block.clone(), edit);
        let found = SealedBlock::from_bytes(&block.encode(), &self.blocks.bounds);
        assert_eq!(found.is_ok(), self.blocks.within_bounds(&block), "{found:?}");
        let Ok(found) = found else {
            self.reached.insert("edited: out of bounds");
            return;
        };
        assert_eq!(found, block);
        self.blocks.add(&block);
        self.reached.insert(match self.blocks.verdict(&block) {
            Some(Ok(())) => "edited: valid",
            Some(Err(_)) => "edited: refused",
            None => "edited: on an unknown block",
        });
        match then {
            Then::Kept => (),
            Then::Executed => (0..self.peers.len()).for_each(|on| {
                self.execute(on, &block);
                self.check(on);
            }),
            Then::Committed { on } => {
                self.commit(on, &block);
                self.check(on);
            }
        }
    }

    fn bytes(&mut self, block: usize, edits: &[ByteEdit]) {
        let bytes = spoiled(self.blocks.pick(block).encode(), edits);
        let Ok(found) = SealedBlock::from_bytes(&bytes, &self.blocks.bounds) else {
            self.reached.insert("bytes of no block");
            return;
        };
        assert_eq!(found.encode(), bytes, "a block has one encoding");
        assert!(self.blocks.within_bounds(&found));
        self.blocks.add(&found);
        self.reached.insert("bytes of a block");
    }

    /// What a replica shows is what it must know.
    fn check(&self, on: usize) {
        let Peer { replica, memory } = &self.peers[on];
        let committed = &self.blocks.committed[..=memory.height];
        let tip = replica.tip();
        assert_eq!((tip.digest, &tip.header), (memory.tip, &committed[memory.height].header));
        assert_eq!(memory.tip, committed[memory.height].digest(), "one block is final at a height");
        for (height, block) in (0..).zip(committed) {
            assert_eq!(replica.digest(height).unwrap(), Some(block.digest()));
        }
        assert_eq!(replica.digest(tip.header.height + 1).unwrap(), None);
        for block in &self.blocks.pool {
            let digest = block.digest();
            assert_eq!(replica.knows(&digest), memory.knows(&digest), "whether {digest} is known");
        }
        assert_eq!(replica.outcomes(), memory.outcomes.len());
        assert!(replica.outcomes() <= 33 + memory.depth(), "{} outcomes", replica.outcomes());
    }

    /// What a replica shows of the block that it has just committed.
    fn state(&self, on: usize) {
        let Peer { replica, memory } = &self.peers[on];
        let (block, height) = (&self.blocks.committed[memory.height], u64::try_from(memory.height).unwrap());
        assert_eq!(replica.block(height).unwrap().as_ref(), Some(block));
        assert_eq!(replica.manifest(height).unwrap().unwrap().digest(), memory.tip);
        let view = replica.view().unwrap();
        assert_eq!(*view.header(), block.header);
        assert_eq!(view.trie().root(), block.header.state_root);
        let accounts = entries(&*view, KeySpace::Account);
        let balance = |value: &[u8]| Account::from_entry(value).unwrap().balance;
        let sum: u64 = accounts.iter().map(|(_, value)| balance(value)).sum();
        let issued = ISSUED * (height / 3);
        assert_eq!(sum, BALANCES.iter().sum::<u64>() + issued, "value is neither made nor lost");
    }
}

/// Offers nothing, and is not to be asked.
struct Nothing;

impl Candidates for Nothing {
    fn select(
        &self,
        _: &BlockLimits,
        _: &mut dyn FnMut(&Address) -> Result<u64, NodeError>,
    ) -> Result<Vec<Signed>, NodeError> {
        panic!("no candidates are needed where the parent is unknown");
    }

    fn refuse(&self, _: &Hash, why: Unfit) {
        panic!("nothing was offered that could be refused: {why}");
    }

    fn arrivals(&self) -> u64 {
        0
    }
}

/// Together these inputs get every answer that there is, most of them twice.
const SEEDS: [u64; 12] = [1, 2, 3, 7, 9, 10, 28, 59, 151, 160, 286, 366];

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    SEEDS.map(|seed| (format!("seed-{seed:03}"), Inputs::new(seed).bytes(400))).into()
}

#[cfg(test)]
mod tests;
