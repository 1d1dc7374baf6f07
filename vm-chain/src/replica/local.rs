//! A replica over a [`Chain`] on this machine.
//!
//! What is final is the chain's: its log has each block with its digest, its state's store decides whether the block is
//! there. What is not final is in memory, and is made again from the blocks after a restart.
//!
//! Invariants:
//! - one commit at a time, and only commits write the chain;
//! - the lock on the outcomes is held for no execution and no write to disk;
//! - a signature is confirmed before its block is executed, also in a block of this replica's own (R102).

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parity_scale_codec::Encode as _;
use vm_core::{Address, BlockContext, Hash, Header, Key, Transaction};
use vm_host::{BlockError, InvalidTransaction, LeftOut, Options, Vm};
use vm_state::{SnapshotError, SnapshotWriter, StateReader, View, chunk};

use super::confirmed::Confirmed;
use super::tree::{Outcome, Tree, stack};
use super::{
    Application, Bounds, BuildError, Candidates, Committed, ExecuteError, FinalityError, Issuance, Manifest,
    NodeError, Rejection, RestoreError, Seal, SealedBlock, Tip, Trusted, Unfit, different_fields,
};
use crate::chain::{Body, Chain, ChainError, ChainOptions};
use crate::sequencer::{BlockLimits, SharedChain};
use crate::signed::{AUTHORIZATION_BYTES_MAX, Authority, ChainId, Refused, Signed};
use crate::snapshot;

/// How often one chunk of a snapshot is asked for.
pub const CHUNK_ATTEMPTS: u32 = 3;

/// What a replica's embedder decides.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaOptions {
    /// What a block issues. Part of the rules: the same on every replica.
    pub issuance: Issuance,
}

impl Default for ReplicaOptions {
    /// Nothing is issued.
    fn default() -> Self {
        Self { issuance: |_| Vec::new() }
    }
}

/// A replica over a chain on this machine.
#[derive(Debug)]
pub struct Replica {
    chain: SharedChain,
    id: ChainId,
    vm: Arc<Vm>,
    authority: Arc<dyn Authority>,
    options: ReplicaOptions,
    bounds: Bounds,
    tree: Mutex<Tree>,
    committing: Mutex<()>,
    confirmed: Confirmed,
}

impl Replica {
    /// A replica over `chain`, which nobody else may write.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the chain can't be read, or its last block has no digest: another kind of node made it.
    pub fn new(
        chain: SharedChain,
        authority: Arc<dyn Authority>,
        options: ReplicaOptions,
    ) -> Result<Self, NodeError> {
        let (id, vm, tip, view) = {
            let chain = chain.read().unwrap_or_else(PoisonError::into_inner);
            let header = chain.head().clone();
            let digest = digest_at(&chain, header.height)?.ok_or_else(|| {
                NodeError(format!(
                    "block {} has no digest: this chain was not made by a replica, and can't be gone on with as one",
                    header.height
                ))
            })?;
            (chain.id(), chain.vm().clone(), Tip { digest, header }, chain.view()?)
        };
        let bounds = Bounds::new(vm.params().limits());
        let tree = Mutex::new(Tree::new(tip, view));
        Ok(Self {
            chain,
            id,
            vm,
            authority,
            options,
            bounds,
            tree,
            committing: Mutex::default(),
            confirmed: Confirmed::default(),
        })
    }

    /// Makes a chain in the new folder `store` of a snapshot of the `trusted` block: takes `manifest`, then what `chunks`
    /// gives for each key after which to go on, until the state is whole. `work` is a new folder for what has come, removed
    /// at the end.
    ///
    /// A chunk that is not the right one is asked for again, [`CHUNK_ATTEMPTS`] times in all: `chunks` may ask another peer.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]. Before the first chunk is asked for if `store` is not free.
    pub fn restore(
        trusted: &Trusted,
        manifest: &Manifest,
        mut chunks: impl FnMut(Option<&Key>) -> Result<Vec<u8>, RestoreError>,
        work: &Path,
        store: &Path,
        options: ChainOptions,
    ) -> Result<Chain, RestoreError> {
        let found = manifest.digest();
        if found != trusted.digest {
            return Err(RestoreError::OtherBlock { expected: trusted.digest, found });
        }
        let spec = snapshot::check_spec(&work.join(snapshot::SPEC_FILE), &manifest.spec, &manifest.header)?;
        let found = spec.id().map_err(ChainError::from)?;
        if found != trusted.chain {
            let (expected, found) = (trusted.chain.genesis, found.genesis);
            return Err(RestoreError::OtherChain { expected, found });
        }
        Chain::check_free(store)?;
        let mut writer = SnapshotWriter::create(work, manifest.header.clone())?;
        let mut attempts = 0_u32;
        while !writer.is_complete() {
            let bytes = chunks(writer.after())?;
            attempts = attempts.saturating_add(1);
            match writer.push(&bytes) {
                Ok(()) => attempts = 0,
                Err(SnapshotError::Wrong { .. }) if attempts < CHUNK_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
        let snapshot = writer.finish()?;
        let sealed = Some((&manifest.seal, &trusted.digest));
        let chain = Chain::import_sealed(store, spec, &snapshot, sealed, options, |_| ())?;
        // Only room is lost if it stays.
        drop(std::fs::remove_dir_all(work));
        Ok(chain)
    }

    /// The chain underneath, for whoever shows it.
    #[must_use]
    pub fn chain(&self) -> &SharedChain {
        &self.chain
    }

    /// What signatures on the chain are for.
    #[must_use]
    pub fn id(&self) -> ChainId {
        self.id
    }

    /// How large a block may be.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// How many outcomes wait for finality.
    #[must_use]
    pub fn outcomes(&self) -> usize {
        self.tree().len()
    }

    /// The final block at `height` with its header and seal; none where it is not kept.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    pub fn block(&self, height: u64) -> Result<Option<SealedBlock>, NodeError> {
        let chain = self.chain.read().unwrap_or_else(PoisonError::into_inner);
        let Some((header, seal)) = sealed_header(&chain, height)? else { return Ok(None) };
        let Some(body) = chain.body(height)? else {
            return Ok((height == 0).then(|| SealedBlock::genesis(header)));
        };
        Ok(Some(SealedBlock { parent: seal.parent, header, transactions: body.transactions }))
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state after the block `digest`; none if its outcome is not here.
    fn view_of(&self, digest: &Hash) -> Option<Arc<dyn View>> {
        // Taken under the lock, put together outside of it.
        let (view, above) = self.tree().path(digest)?;
        stack(view, &above)
    }

    fn body(&self, context: BlockContext, transactions: Vec<Signed>) -> Body {
        Body { mints: (self.options.issuance)(&context), context, transactions }
    }

    fn confirm(&self, signed: &Signed) -> Result<(), Refused> {
        let (found, limit) = (signed.authorization.len(), AUTHORIZATION_BYTES_MAX);
        if found > limit {
            return Err(Refused::TooLong { found, limit });
        }
        self.confirmed.once(signed, || self.authority.confirm(signed, &self.id))
    }

    /// What `block` comes to on `view`, the state after its parent, if that is what its header claims.
    fn outcome(&self, view: &Arc<dyn View>, block: &SealedBlock) -> Result<Outcome, ExecuteError> {
        for (index, signed) in (0..).zip(&block.transactions) {
            self.confirm(signed).map_err(|reason| Rejection::Unauthorized { index, reason })?;
        }
        let body = self.body(block.context(), block.transactions.clone());
        let outcome = self.vm.execute_block(view, &body.block(), Options::default())?;
        compare(&block.header, &outcome.commit.header)?;
        let hashes = outcome.transactions.iter().map(|executed| executed.hash).collect();
        Ok(Outcome::new(outcome.commit, hashes))
    }

    /// What `candidates` offer on `view`, as much as a block with so many mints has room for.
    fn candidates(
        &self,
        view: &dyn View,
        mints: usize,
        candidates: &dyn Candidates,
    ) -> Result<Vec<Signed>, NodeError> {
        let reader = StateReader::new(view);
        let mut nonce = |sender: &Address| Ok(reader.account(sender)?.nonce);
        let mut limits = BlockLimits::new(self.vm.params().limits());
        limits.transactions = limits.transactions.saturating_sub(mints);
        let mut selected = candidates.select(&limits, &mut nonce)?;
        let mut room = self.bounds.bytes.saturating_sub(super::block::FRAME_BYTES);
        let fits = |signed: &&Signed| {
            let left = room.checked_sub(signed.encoded_size());
            room = left.unwrap_or_default();
            left.is_some()
        };
        let count = selected.iter().take_while(fits).count();
        selected.truncate(count);
        selected.retain(|signed| match self.confirm(signed) {
            Ok(()) => true,
            Err(reason) => {
                candidates.refuse(&signed.transaction.hash(&self.id.params), reason.into());
                false
            }
        });
        Ok(selected)
    }

    /// Puts a block together of what can stand of `selected`.
    fn assemble(
        &self,
        view: &Arc<dyn View>,
        context: BlockContext,
        selected: Vec<Signed>,
        candidates: &dyn Candidates,
    ) -> Result<(Vec<Signed>, Outcome), BuildError> {
        let Body { context, mints, transactions: selected } = self.body(context, selected);
        let offered: Vec<Transaction> = selected.iter().map(|signed| signed.transaction.clone()).collect();
        let built = self.vm.build_block(view, &context, &mints, &offered).map_err(|error| match error {
            BlockError::Invalid(invalid) => BuildError::Refused(invalid),
            BlockError::Failure(failure) => NodeError::from(failure).into(),
        })?;
        let mut transactions = Vec::with_capacity(built.hashes.len());
        for (signed, left_out) in selected.into_iter().zip(built.left_out) {
            let unfit = match left_out {
                None => {
                    transactions.push(signed);
                    continue;
                }
                // It waits for one that was left out, or for room.
                Some(LeftOut::Invalid(InvalidTransaction::Nonce { expected, found })) if found > expected => {
                    continue;
                }
                Some(LeftOut::Full) => continue,
                Some(LeftOut::Invalid(reason)) => Unfit::Invalid(reason),
                Some(LeftOut::TooMuch { what, found, limit }) => Unfit::TooMuch { what, found, limit },
            };
            candidates.refuse(&signed.transaction.hash(&self.id.params), unfit);
        }
        Ok((transactions, Outcome::new(built.commit, built.hashes)))
    }

    /// The outcome of a final block that follows the tip.
    fn final_outcome(&self, digest: &Hash, block: &SealedBlock) -> Result<Arc<Outcome>, FinalityError> {
        let (known, view) = {
            let tree = self.tree();
            (tree.outcome(digest).cloned(), tree.tip_view().clone())
        };
        match known {
            Some(outcome) => Ok(outcome),
            None => match self.outcome(&view, block) {
                Ok(outcome) => Ok(Arc::new(outcome)),
                Err(ExecuteError::Node(error)) => Err(error.into()),
                Err(ExecuteError::Rejected(reason)) => {
                    Err(FinalityError::Diverged { height: block.header.height, reason })
                }
                Err(ExecuteError::UnknownParent(_)) => {
                    Err(NodeError("the tip's state was not found; this is a bug".to_owned()).into())
                }
            },
        }
    }

    /// Whether the block is final already; an error if it can't become final next.
    fn is_final(&self, digest: &Hash, block: &SealedBlock) -> Result<bool, FinalityError> {
        let (height, tip) = (block.header.height, self.tip());
        let gap = |why| FinalityError::Gap { height, tip: tip.header.height, why };
        if height <= tip.header.height {
            return match self.digest(height)? {
                Some(committed) if committed == *digest => Ok(true),
                Some(committed) => Err(FinalityError::Conflict { height, committed, brought: *digest }),
                None => Err(gap("it is from before this replica began")),
            };
        }
        if height != tip.header.height.saturating_add(1) {
            return Err(gap("blocks between them are missing"));
        }
        if block.parent != tip.digest {
            return Err(gap("its parent is another block than the tip"));
        }
        Ok(false)
    }
}

/// Compares every field of a header with what execution gave.
fn compare(claimed: &Header, found: &Header) -> Result<(), Rejection> {
    match different_fields(claimed, found).into_iter().next() {
        Some((field, claimed, found)) => Err(Rejection::Claim { field, claimed, found }),
        None => Ok(()),
    }
}

/// The header of the final block at `height`, with its seal.
fn sealed_header(chain: &Chain, height: u64) -> Result<Option<(Header, Seal)>, NodeError> {
    let Some(header) = chain.header_at(height)? else { return Ok(None) };
    if height == 0 {
        let seal = SealedBlock::genesis(header.clone()).seal();
        return Ok(Some((header, seal)));
    }
    Ok(chain.seal(height)?.map(|(seal, _)| (header, seal)))
}

fn digest_at(chain: &Chain, height: u64) -> Result<Option<Hash>, NodeError> {
    if height == 0 {
        return Ok(chain.header_at(0)?.map(|header| SealedBlock::genesis(header).digest()));
    }
    Ok(chain.seal(height)?.map(|(_, digest)| digest))
}

impl Application for Replica {
    fn tip(&self) -> Tip {
        self.tree().tip().clone()
    }

    fn view(&self) -> Result<Arc<dyn View>, NodeError> {
        Ok(self.tree().tip_view().clone())
    }

    fn digest(&self, height: u64) -> Result<Option<Hash>, NodeError> {
        digest_at(&self.chain.read().unwrap_or_else(PoisonError::into_inner), height)
    }

    fn check(&self, signed: &Signed) -> Result<Hash, Unfit> {
        self.confirm(signed)?;
        self.vm.check_envelope(&signed.transaction)?;
        Ok(signed.transaction.hash(&self.id.params))
    }

    fn knows(&self, digest: &Hash) -> bool {
        self.tree().knows(digest)
    }

    fn build(
        &self,
        parent: &Hash,
        time: i64,
        proposer: Address,
        candidates: &dyn Candidates,
    ) -> Result<SealedBlock, BuildError> {
        let view = self.view_of(parent).ok_or(BuildError::UnknownParent(*parent))?;
        let Header { height, time: earliest, .. } = *view.header();
        let context = BlockContext { height: height.saturating_add(1), time: time.max(earliest), proposer };
        let mints = (self.options.issuance)(&context).len();
        let selected = self.candidates(view.as_ref(), mints, candidates)?;
        let (transactions, outcome) = self.assemble(&view, context, selected, candidates)?;
        let block = SealedBlock { parent: *parent, header: outcome.commit().header.clone(), transactions };
        self.tree().insert(block.digest(), *parent, Arc::new(outcome));
        Ok(block)
    }

    fn execute(&self, block: &SealedBlock) -> Result<(), ExecuteError> {
        let digest = block.digest();
        if self.knows(&digest) {
            return Ok(());
        }
        let height = block.header.height;
        if height <= self.tip().header.height {
            return match self.digest(height)? {
                Some(committed) if committed == digest => Ok(()),
                Some(_) => Err(Rejection::Superseded { height }.into()),
                // From before this replica began: it can't know.
                None => Err(ExecuteError::UnknownParent(block.parent)),
            };
        }
        let view = self.view_of(&block.parent).ok_or(ExecuteError::UnknownParent(block.parent))?;
        let outcome = self.outcome(&view, block)?;
        self.tree().insert(digest, block.parent, Arc::new(outcome));
        Ok(())
    }

    fn commit(&self, block: &SealedBlock) -> Result<Committed, FinalityError> {
        let _one = self.committing.lock().unwrap_or_else(PoisonError::into_inner);
        let seal = block.seal();
        let digest = seal.digest(&block.header);
        if self.is_final(&digest, block)? {
            return Ok(Committed::Already);
        }
        let outcome = self.final_outcome(&digest, block)?;
        let body = self.body(block.context(), block.transactions.clone());
        let view = {
            let mut chain = self.chain.write().unwrap_or_else(PoisonError::into_inner);
            chain
                .commit_sealed(&body, outcome.commit(), outcome.hashes(), (&seal, &digest))
                .map_err(NodeError::from)?;
            chain.view().map_err(NodeError::from)?
        };
        self.tree().advance(Tip { digest, header: block.header.clone() }, view);
        Ok(Committed::New)
    }

    fn manifest(&self, height: u64) -> Result<Option<Manifest>, NodeError> {
        let chain = self.chain.read().unwrap_or_else(PoisonError::into_inner);
        if height < chain.oldest_state() {
            return Ok(None);
        }
        let sealed = sealed_header(&chain, height)?;
        Ok(sealed.map(|(header, seal)| Manifest { header, seal, spec: chain.spec().to_bytes() }))
    }

    fn chunk(&self, height: u64, after: Option<&[u8]>, bytes: u32) -> Result<Option<Vec<u8>>, NodeError> {
        let view = self.chain.read().unwrap_or_else(PoisonError::into_inner).past_view(height)?;
        let Some(view) = view else { return Ok(None) };
        match after.map(Key::from_bytes).transpose() {
            Ok(after) => Ok(chunk(view.as_ref(), after.as_ref(), bytes)?),
            Err(_) => Ok(None),
        }
    }
}
