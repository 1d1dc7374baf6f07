//! A block put together from candidates, for whoever proposes one.
//!
//! Invariants:
//! - what is built is valid: [`Vm::execute_block`](crate::Vm::execute_block) gives the same header, changes and receipts;
//! - a candidate that can't stand costs its checks, not another execution of the others;
//! - however the candidates are chosen, they are executed twice at most: a second time if one fills the block past a limit
//!   that only execution shows.
//!
//! Deliberately not here: which candidates to offer, in which order, and whether their senders signed.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::{Block, BlockContext, Hash, Mint, Transaction};
use vm_state::{BlockCommit, NodeFailure, View};

use crate::block::{Engine, Sums, Underway};
use crate::error::{BlockError, Invalid, InvalidTransaction};
use crate::trace::TraceLevel;
use crate::transaction::check_next;

/// Why a candidate is not in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It can't stand where it would.
    Invalid(InvalidTransaction),
    /// Alone in a block it exceeds this limit.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The block has no room for it, or for what was before it; another one may.
    Full,
}

/// A block that was put together, and what it comes to.
#[derive(Clone, Debug)]
pub struct Built {
    /// What a store commits.
    pub commit: BlockCommit,
    /// The hashes of its transactions.
    pub hashes: Vec<Hash>,
    /// For each candidate: nothing if it is in the block, or why it is not.
    pub left_out: Vec<Option<LeftOut>>,
}

/// What became of the candidates in one pass over them.
enum Pass {
    Done(Box<Built>),
    /// The candidate at this index was executed and exceeds a limit of the block.
    Over {
        index: usize,
        what: &'static str,
        found: u64,
        limit: u64,
        alone: bool,
    },
}

pub(crate) fn build_block(
    engine: Engine<'_>,
    view: &Arc<dyn View>,
    context: &BlockContext,
    mints: &[Mint],
    candidates: &[Transaction],
) -> Result<Built, BlockError> {
    let mut end = candidates.len();
    let mut too_much = None;
    loop {
        let offered = candidates.get(..end).unwrap_or(candidates);
        match pass(engine, view, context, mints, offered)? {
            Pass::Done(mut built) => {
                built.left_out.resize(candidates.len(), Some(LeftOut::Full));
                if let Some((index, why)) = too_much
                    && let Some(left_out) = built.left_out.get_mut(index)
                {
                    *left_out = Some(why);
                }
                return Ok(*built);
            }
            Pass::Over { index, what, found, limit, alone } => {
                // What stood before it had room: the next pass ends.
                end = index;
                too_much = alone.then_some((index, LeftOut::TooMuch { what, found, limit }));
            }
        }
    }
}

fn pass(
    engine: Engine<'_>,
    view: &Arc<dyn View>,
    context: &BlockContext,
    mints: &[Mint],
    candidates: &[Transaction],
) -> Result<Pass, BlockError> {
    let limits = engine.params.limits();
    let mut sums = Sums::of_mints(mints);
    let mut underway = Underway::begin(engine, view, context, mints, sums, None)?;
    let mut included = Vec::new();
    let mut left_out = Vec::with_capacity(candidates.len());
    for (index, tx) in candidates.iter().enumerate() {
        let next = sums.with(tx);
        if next.check(limits).is_err() {
            left_out.push(Some(match Sums::of_mints(mints).with(tx).check(limits) {
                Err(Invalid::TooMuch { what, found, limit }) => LeftOut::TooMuch { what, found, limit },
                _ => LeftOut::Full,
            }));
            continue;
        }
        let checked = check_next(&mut underway.session, tx)?;
        if let Err(reason) = checked {
            // The account that was looked at is not one that the next transaction has touched.
            underway.session.journal.end_transaction();
            left_out.push(Some(LeftOut::Invalid(reason)));
            continue;
        }
        let alone = underway.count() == 0;
        underway = match underway.execute(tx, TraceLevel::Off) {
            Ok(Some(underway)) => underway,
            Ok(None) => return Err(NodeFailure::Invariant("a block that is built knows no deadline").into()),
            Err(BlockError::Invalid(Invalid::TooMuch { what, found, limit })) => {
                return Ok(Pass::Over { index, what, found, limit, alone });
            }
            Err(error) => return Err(error),
        };
        sums = next;
        included.push(tx.clone());
        left_out.push(None);
    }
    let block = Block { context: context.clone(), mints: mints.to_vec(), transactions: included };
    let outcome = underway.finish(view, &block)?;
    let hashes = outcome.transactions.iter().map(|executed| executed.hash).collect();
    Ok(Pass::Done(Box::new(Built { commit: outcome.commit, hashes, left_out })))
}
