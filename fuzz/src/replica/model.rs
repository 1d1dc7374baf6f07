//! What must come of each call: blocks by their digest, each valid one with a store of its own that holds the whole way to
//! it, and of each replica the order in which its outcomes came.
//!
//! It shares with a replica the VM's `execute_block` and the memory store, which other targets hold against models of
//! their own. It has none of the rest: no overlays, no tree, no proposals in one pass, no comparison by fields.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parity_scale_codec::Encode as _;
use vm_chain::replica::{Bounds, Rejection, SealedBlock};
use vm_chain::signed::{AUTHORIZATION_BYTES_MAX, Authority, ChainId, Refused};
use vm_chain::{PublicKey, Signed};
use vm_core::{Block, BlockContext, Hash, Mint, Transaction};
use vm_host::{BlockError, BlockOutcome, Invalid, Options, Vm};
use vm_state::{MemoryStore, Store as _, View};

use super::spec;

/// What a block may have beside its transactions and their authorizations.
const FRAME_BYTES: usize = 512;
/// How many outcomes are kept that the newest does not stand on.
const OUTCOMES_MAX: usize = 32;
/// What the proposer of every third block is given.
pub(super) const ISSUED: u64 = 5;

pub(super) fn issuance(context: &BlockContext) -> Vec<Mint> {
    let third = context.height.is_multiple_of(3);
    third.then_some(Mint { to: context.proposer, amount: ISSUED }).into_iter().collect()
}

/// An authorization is 32 bytes that anyone can make for any sender, and any bytes after them.
///
/// So a transaction has many good authorizations, as with most signature schemes and unlike with ed25519, and a block
/// many names for one header; and it costs a hash, where a signature would cost most of an unoptimised run.
#[derive(Debug)]
pub(super) struct Marks;

fn mark(transaction: &Transaction, chain: &ChainId) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key("vm-fuzz 2026 mark of a sender");
    hasher.update(chain.genesis.as_bytes()).update(transaction.hash(&chain.params).as_bytes());
    Hash(*hasher.finalize().as_bytes())
}

/// `transaction` with a good authorization and `salt` bytes.
pub(super) fn sign(transaction: Transaction, salt: u16, chain: &ChainId) -> Signed {
    let mut authorization = mark(&transaction, chain).0.to_vec();
    authorization.resize(32 + usize::from(salt), 7);
    Signed { transaction, authorization }
}

impl Authority for Marks {
    fn confirm(&self, signed: &Signed, chain: &ChainId) -> Result<(), Refused> {
        let Some((found, _)) = signed.authorization.split_first_chunk::<32>() else {
            return Err(Refused::Form { found: signed.authorization.len(), expected: 32 });
        };
        if *found == mark(&signed.transaction, chain).0 {
            return Ok(());
        }
        let transaction = signed.transaction.hash(&chain.params);
        Err(Refused::Signature { key: PublicKey(signed.transaction.sender.0), transaction })
    }
}

/// Whether an authority would let it pass.
pub(super) fn is_authorized(signed: &Signed, chain: &ChainId) -> bool {
    signed.authorization.len() <= AUTHORIZATION_BYTES_MAX && Marks.confirm(signed, chain).is_ok()
}

/// Why a block is refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    Claim,
    Unauthorized { index: u32 },
    Invalid(Invalid),
}

impl Refusal {
    /// Whether a replica says the same, by what is the same on all of them.
    pub(super) fn is(&self, rejection: &Rejection) -> bool {
        match (self, rejection) {
            (Self::Claim, Rejection::Claim { claimed, found, .. }) => claimed != found,
            (Self::Unauthorized { index }, Rejection::Unauthorized { index: found, .. }) => index == found,
            (Self::Invalid(invalid), Rejection::Invalid(found)) => invalid == found,
            _ => false,
        }
    }
}

/// All blocks that there are, valid and not.
pub(super) struct Blocks {
    pub(super) id: ChainId,
    pub(super) bounds: Bounds,
    /// In the order in which they were made; genesis is the first.
    pub(super) pool: Vec<SealedBlock>,
    bytes: BTreeMap<Hash, Vec<u8>>,
    /// The state after each valid block.
    valid: BTreeMap<Hash, MemoryStore>,
    verdicts: BTreeMap<Hash, Result<(), Refusal>>,
    /// By height.
    pub(super) committed: Vec<SealedBlock>,
}

pub(super) fn vm() -> &'static Vm {
    static VM: OnceLock<Vm> = OnceLock::new();
    VM.get_or_init(|| Vm::new(spec().params))
}

impl Blocks {
    pub(super) fn new() -> Self {
        let genesis = spec().genesis().unwrap();
        let first = SealedBlock::genesis(genesis.header().clone());
        Self {
            id: spec().id().unwrap(),
            bounds: Bounds::new(spec().params.limits()),
            bytes: BTreeMap::from([(first.digest(), first.encode())]),
            valid: BTreeMap::from([(first.digest(), MemoryStore::new(&genesis))]),
            verdicts: BTreeMap::new(),
            pool: vec![first.clone()],
            committed: vec![first],
        }
    }

    /// The block that `age` others came after.
    pub(super) fn pick(&self, age: usize) -> &SealedBlock {
        &self.pool[self.pool.len() - 1 - age % self.pool.len()]
    }

    /// The block with transactions that `age` others of them came after; any block where there is none.
    pub(super) fn pick_filled(&self, age: usize) -> &SealedBlock {
        let filled: Vec<_> = self.pool.iter().rev().filter(|block| !block.transactions.is_empty()).collect();
        if filled.is_empty() { self.pick(age) } else { filled[age % filled.len()] }
    }

    /// Takes a block in. Two blocks with one digest are one block.
    pub(super) fn add(&mut self, block: &SealedBlock) {
        let (digest, bytes) = (block.digest(), block.encode());
        if let Some(known) = self.bytes.get(&digest) {
            assert_eq!(*known, bytes, "a digest names one block, byte for byte");
            return;
        }
        self.bytes.insert(digest, bytes);
        self.pool.push(block.clone());
    }

    /// Whether `block` may come from elsewhere.
    pub(super) fn within_bounds(&self, block: &SealedBlock) -> bool {
        let Bounds { bytes, transactions, transaction_bytes } = self.bounds;
        block.encode().len() <= bytes
            && block.transactions.len() <= transactions
            && block.transactions.iter().all(|signed| {
                signed.transaction.encode().len() <= transaction_bytes
                    && signed.authorization.len() <= AUTHORIZATION_BYTES_MAX
            })
    }

    /// The state after a valid block.
    pub(super) fn view(&self, digest: &Hash) -> Option<Arc<dyn View>> {
        Some(self.valid.get(digest)?.view().unwrap())
    }

    /// Whether `block` is valid; none if its parent is no valid block. Whatever is valid is kept with its state.
    pub(super) fn verdict(&mut self, block: &SealedBlock) -> Option<Result<(), Refusal>> {
        let digest = block.digest();
        let parent = self.valid.get(&block.parent)?;
        if let Some(verdict) = self.verdicts.get(&digest) {
            return Some(verdict.clone());
        }
        let verdict = match self.run(parent, block) {
            Ok(outcome) => {
                let mut store = parent.clone();
                store.commit(&outcome.commit).unwrap();
                self.valid.insert(digest, store);
                Ok(())
            }
            Err(refusal) => Err(refusal),
        };
        self.verdicts.insert(digest, verdict.clone());
        Some(verdict)
    }

    fn run(&self, parent: &MemoryStore, block: &SealedBlock) -> Result<BlockOutcome, Refusal> {
        let refused = block.transactions.iter().position(|signed| !is_authorized(signed, &self.id));
        if let Some(index) = refused {
            return Err(Refusal::Unauthorized { index: u32::try_from(index).unwrap() });
        }
        let outcome = execute(parent, block.context(), &block.transactions).map_err(Refusal::Invalid)?;
        if outcome.commit.header == block.header { Ok(outcome) } else { Err(Refusal::Claim) }
    }

    /// What a proposer puts into a block on the valid block `parent`: each candidate in its turn, if the block is still
    /// valid with it. Also gives how far that went.
    ///
    /// No candidate here fills a block past a limit that only execution shows: that takes contracts.
    pub(super) fn chosen(
        &self,
        parent: &Hash,
        context: &BlockContext,
        offered: &[Signed],
    ) -> (Vec<Signed>, &'static str) {
        let (parent, mut chosen) = (&self.valid[parent], vec![]);
        let mut bytes = FRAME_BYTES;
        for signed in offered {
            bytes += signed.encode().len();
            if bytes > self.bounds.bytes {
                return (chosen, "built up to the bounds");
            }
            if !is_authorized(signed, &self.id) {
                continue;
            }
            chosen.push(signed.clone());
            match execute(parent, context.clone(), &chosen) {
                Ok(_) => {}
                Err(_) => drop(chosen.pop()),
            }
        }
        let how = match chosen.len() {
            0 => "built empty",
            found if found < offered.len() => "built of a part",
            _ => "built of all",
        };
        (chosen, how)
    }
}

fn execute(parent: &MemoryStore, context: BlockContext, signed: &[Signed]) -> Result<BlockOutcome, Invalid> {
    let transactions = signed.iter().map(|signed| signed.transaction.clone()).collect();
    let block = Block { mints: issuance(&context), context, transactions };
    match vm().execute_block(&parent.view().unwrap(), &block, Options::default()) {
        Ok(outcome) => Ok(outcome),
        Err(BlockError::Invalid(invalid)) => Err(invalid),
        Err(BlockError::Failure(failure)) => panic!("no block makes a node fail: {failure}"),
    }
}

/// What one replica knows.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) height: usize,
    pub(super) tip: Hash,
    /// Block and parent, in the order in which they came.
    pub(super) outcomes: Vec<(Hash, Hash)>,
}

impl Memory {
    pub(super) fn knows(&self, digest: &Hash) -> bool {
        self.tip == *digest || self.outcomes.iter().any(|(known, _)| known == digest)
    }

    /// The block that came `age` before the newest; the tip is the oldest.
    pub(super) fn known(&self, age: usize) -> Hash {
        let age = age % (self.outcomes.len() + 1);
        self.outcomes.iter().rev().nth(age).map_or(self.tip, |(digest, _)| *digest)
    }

    /// The block and what it stands on above the tip.
    fn path(&self, digest: Hash) -> Vec<Hash> {
        let mut path = vec![];
        let mut at = digest;
        while at != self.tip {
            path.push(at);
            at = self.outcomes.iter().find(|(known, _)| *known == at).unwrap().1;
        }
        path
    }

    /// The most outcomes that stand on each other.
    pub(super) fn depth(&self) -> usize {
        self.outcomes.iter().map(|(digest, _)| self.path(*digest).len()).max().unwrap_or_default()
    }

    /// Keeps an outcome; whether others went for it.
    pub(super) fn insert(&mut self, digest: Hash, parent: Hash) -> bool {
        if self.knows(&digest) {
            return false;
        }
        self.outcomes.push((digest, parent));
        let (stays, before) = (self.path(digest), self.outcomes.len());
        loop {
            let others = || self.outcomes.iter().filter(|(digest, _)| !stays.contains(digest));
            if others().count() <= OUTCOMES_MAX {
                return self.outcomes.len() < before;
            }
            let oldest = others().next().unwrap().0;
            let mut gone = vec![oldest];
            // A child comes after its parent.
            self.outcomes.retain(|(digest, parent)| {
                let goes = *digest == oldest || gone.contains(parent);
                if goes {
                    gone.push(*digest);
                }
                !goes
            });
        }
    }

    /// Makes a block the tip: what does not descend from it goes.
    pub(super) fn advance(&mut self, digest: Hash) {
        let mut kept = vec![digest];
        self.outcomes.retain(|(child, parent)| {
            let stays = kept.contains(parent);
            if stays {
                kept.push(*child);
            }
            stays
        });
        (self.height, self.tip) = (self.height + 1, digest);
    }
}
