//! A chain around the VM: who may send, what is kept of blocks, and the interface that nodes and tools share.
//!
//! The VM leaves signatures, order and networking to the chain (R102). This crate is the smallest chain that makes use of
//! it: [`signed`] transactions with the hook that checks them, a [`chain`] of blocks on disk with its state, the [`api`]
//! that a node offers and its clients call, and the readable [`value`]s that both show.
//!
//! Invariants:
//! - nothing enters a block whose sender the chain's [`Authority`] has not confirmed;
//! - a block that was acknowledged is on disk with its transactions, and its state with it;
//! - one trait, [`Api`], serves a store on this machine and a node elsewhere alike.
//!
//! It knows one proposer and no consensus: a replicated chain brings its own order of blocks.

pub mod account;
pub mod api;
pub mod chain;
pub mod decode;
pub mod explorer;
mod log;
pub mod names;
#[cfg(feature = "node")]
pub mod node;
pub mod proof;
pub mod replica;
pub mod rpc;
pub mod sequencer;
pub mod signed;
pub mod snapshot;
pub mod value;

pub use account::{PublicKey, SecretKey};
pub use api::{Api, ApiError, Fault};
pub use chain::{Chain, ChainError, Place, Position};
pub use names::Names;
pub use sequencer::{Direct, Sequencer};
pub use signed::{Authority, ChainId, Ed25519, Refused, Signed};
