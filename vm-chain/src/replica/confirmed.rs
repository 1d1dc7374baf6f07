//! Remembers whose signatures were confirmed: a transaction is met when it comes in, when a block is built or executed, and
//! often again in another proposer's block.
//!
//! A refusal is never remembered, so this decides nothing: it only saves the work of confirming the same bytes again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use parity_scale_codec::Encode as _;

use crate::signed::{Refused, Signed};

/// How many are remembered: some blocks' worth, 2 MiB.
const CONFIRMED_MAX: usize = 32_768;

const CONTEXT: &str = "vm-chain 2026 a signed transaction that was confirmed";

#[derive(Debug, Default)]
struct Known {
    hashes: BTreeSet<[u8; 32]>,
    oldest_first: VecDeque<[u8; 32]>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Confirmed(Mutex<Known>);

impl Confirmed {
    /// Confirms `signed` by `confirm`, unless exactly these bytes were confirmed before.
    pub(super) fn once(
        &self,
        signed: &Signed,
        confirm: impl FnOnce() -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        signed.encode_to(&mut hasher);
        let hash = *hasher.finalize().as_bytes();
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).hashes.contains(&hash) {
            return Ok(());
        }
        confirm()?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.hashes.insert(hash) {
            known.oldest_first.push_back(hash);
        }
        if known.oldest_first.len() > CONFIRMED_MAX
            && let Some(oldest) = known.oldest_first.pop_front()
        {
            known.hashes.remove(&oldest);
        }
        Ok(())
    }
}
