//! A replicated node: the chain of `vm-chain` under the commonware consensus engine.
//!
//! The engine orders digests of blocks and makes them final; [`Application`](vm_chain::replica::Application) says what is
//! in the blocks and what they come to. This crate stands between:
//!
//! ```text
//! block       what travels and is stored: a sealed block with its digest, every length bounded
//! execution   work of the chain, off the runtime's workers, a few at a time
//! automaton   propose, verify, certify: what a validator votes for
//! finality    final blocks in order: commit durably, then acknowledge
//! engine      the parts put together, over any network and any runtime
//! certificate proof of finality, for who runs no engine
//! failure     why the node stopped, if it did
//! ```
//!
//! Invariants:
//! - a validator votes for a block only after its own execution of it gave what the header says;
//! - a failure of the node is never a vote: it goes to [`Failure`], and the engine stops;
//! - time, randomness and files come from the runtime, so that one seed is one history.
//!
//! Only what the engine's makers call BETA is used: wire and storage formats are kept between their releases.

pub mod config;
pub mod gossip;
pub mod join;
pub mod light;
pub mod network;
pub mod node;
pub mod testnet;
pub mod tryout;

mod automaton;
mod block;
mod certificate;
mod engine;
mod execution;
mod failure;
mod finality;
mod gates;
mod timeouts;

pub use automaton::Pool;
pub use block::{Block, digest_of, hash_of};
pub use certificate::{CertificateError, certificate_bytes, certificate_bytes_max, verify_certificate};
pub use engine::{Channels, Handles, Options, Start, StartError, payload_bytes_max, start};
pub use failure::{Failure, Fatal};
pub use finality::Finalized;
pub use timeouts::{InvalidTimeouts, Timeouts};

use commonware_consensus::marshal;
use commonware_consensus::marshal::standard::Standard;
use commonware_consensus::simplex;

/// What names a block to the engine.
pub type Digest = commonware_cryptography::blake3::Digest;
/// The key of a node, to its peers and in votes.
pub type Key = commonware_cryptography::ed25519::PublicKey;
/// How validators sign votes: one ed25519 signature each.
pub type Scheme = simplex::scheme::ed25519::Scheme;
/// Proof that a block is final: two thirds and more of the validators signed its digest.
pub type Finalization = simplex::types::Finalization<Scheme, Digest>;
/// Blocks and proofs of finality, stored and fetched.
pub type Marshal = marshal::core::Mailbox<Scheme, Standard<Block>>;
