//! A new node takes in the state of a final block, and goes on from there.
//!
//! Invariants:
//! - the block is one that the validators certified; every chunk is checked against its root before it is written;
//! - a node whose store is there already is left as it is;
//! - what was cut short is begun anew by the next call.
//!
//! A validator that lost its files must not simply join: it no longer knows what it has voted for, and to vote twice for one
//! view is what the engine tolerates of a third of the validators only. [`JoinError::Validator`] says so.

use std::path::PathBuf;

use vm_chain::Api;
use vm_chain::api::types::At;
use vm_chain::chain::{BLOCKS_FILE, ChainOptions};
use vm_chain::replica::{LinkError, Manifest, Replica, RestoreError, Seal, Trusted};
use vm_core::Header;

use crate::certificate_bytes;
use crate::config::Config;
use crate::light::{LightError, check};
use crate::network::{FileError, key_text, write_durably};

/// Whether a validator's key may be used without its votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostVotes {
    /// It may not.
    Refused,
    /// Whoever asks knows that it has not voted since the block that it joins at, or takes the risk.
    Accepted,
}

/// Why the node did not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is a store already.
    #[error("{} is there already: the node has a state, and goes on from it", .0.display())]
    Exists(PathBuf),
    /// It is a validator.
    #[error("{0} is a validator, and its votes are lost with its files: to vote again may be to vote twice")]
    Validator(String),
    /// Nothing was shown to be final.
    #[error(transparent)]
    Light(#[from] LightError),
    /// The state can't be taken in.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A file can't be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What a node joined at.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The block's header.
    pub header: Header,
    /// How many chunks its state came in.
    pub chunks: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes the state of the last certified block from `api` into the store of `config`.
///
/// # Errors
///
/// [`JoinError`].
pub fn join(config: &Config, api: &dyn Api, lost_votes: LostVotes) -> Result<Joined, JoinError> {
    // A state without the log that makes it a chain is what a joining leaves that was cut short while it was written.
    let is_unfinished = config.floor().exists() && !config.chain().join(BLOCKS_FILE).exists();
    if config.chain().exists() && !is_unfinished {
        return Err(JoinError::Exists(config.chain()));
    }
    if config.is_validator() && lost_votes == LostVotes::Refused {
        return Err(JoinError::Validator(key_text(&config.public())));
    }
    let mut info = crate::light::finality(api, At::Head)?;
    // The certificate's own block: the one asked for may be a few below it.
    info.blocks.drain(..info.blocks.len().saturating_sub(1));
    let last = check(&config.network, &info)?;
    let sealed = info.blocks.last().map(|block| Seal { parent: block.parent.0, contents: block.contents.0 });
    let seal = sealed.ok_or(LightError::Links(LinkError::Empty))?;
    let manifest = Manifest { header: last.header.clone(), seal, spec: config.network.spec.to_bytes() };

    let work = config.store.join("joining");
    let failed = |cause| FileError::File { action: "write", at: config.store.clone(), cause };
    for unfinished in [&work, &config.chain()] {
        if unfinished.exists() {
            std::fs::remove_dir_all(unfinished).map_err(failed)?;
        }
    }
    std::fs::create_dir_all(&config.store).map_err(failed)?;
    let height = At::Height(last.header.height);
    let (mut chunks, mut bytes) = (0_u32, 0_u64);
    let next = |after: Option<&vm_core::Key>| {
        let after = after.map(|key| key.as_bytes().to_vec());
        let chunk =
            api.chunk(height, after).map_err(|error| RestoreError::Source(error.to_string()))?.chunk.0;
        chunks = chunks.saturating_add(1);
        bytes = bytes.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        Ok(chunk)
    };
    // Before the chain: where there is a chain, the engine knows where to begin.
    write_durably(&config.floor(), &certificate_bytes(&last.certificate))?;
    let options = ChainOptions { states: config.states };
    let trusted = Trusted { chain: config.network.id, digest: last.certified };
    drop(Replica::restore(&trusted, &manifest, next, &work, &config.chain(), options)?);
    Ok(Joined { header: last.header, chunks, bytes })
}
