//! A node: the [`Pool`] of transactions that wait, and the [`Producer`] that makes blocks of them.
//!
//! `vm devnet` is this and the JSON-RPC server of [`rpc`](crate::rpc): one proposer, no consensus, no peers. A replica has a
//! [`Mempool`] in the producer's place; its consensus is elsewhere.

mod intake;
mod mempool;
pub mod metrics;
pub mod pool;
pub mod producer;
mod run;

pub use intake::Intake;
pub use mempool::{Announce, Mempool};
pub use metrics::Metrics;
pub use pool::{Pool, PoolLimits};
pub use producer::{BlockMade, Mode, Observer, Producer, ProducerOptions};
pub use run::{Node, NodeError, NodeOptions};
