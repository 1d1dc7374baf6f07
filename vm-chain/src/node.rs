//! A node: the [`Pool`] of transactions that wait, and the [`Producer`] that makes blocks of them.
//!
//! `vm devnet` is this and the JSON-RPC server of [`rpc`](crate::rpc). One proposer, no consensus, no peers.

pub mod metrics;
pub mod pool;
pub mod producer;
mod run;

pub use metrics::Metrics;
pub use pool::{Pool, PoolLimits};
pub use producer::{BlockMade, Mode, Observer, Producer, ProducerOptions};
pub use run::{Node, NodeError, NodeOptions};
