//! A whole node: a chain, who makes its blocks, and the door.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::{Intake as _, Metrics, Observer, Producer, ProducerOptions};
use crate::api::{ApiError, Local};
use crate::chain::Chain;
use crate::rpc::server::{Relay, Served, Server, ServerError, ServerOptions};
use crate::signed::Authority;

/// How a node works.
#[derive(Debug)]
pub struct NodeOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How blocks are made.
    pub producer: ProducerOptions,
    /// What the server allows.
    pub server: ServerOptions,
    /// How long a run may take that is for its answer only: a query, a simulation, a trace, a witness.
    pub query_time: Duration,
}

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The producer can't work on the chain.
    #[error(transparent)]
    Producer(#[from] ApiError),
    /// There is no door.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    producer: Arc<Producer>,
    server: Server,
}

impl Node {
    /// Starts a node on `chain`, which nobody else may write; `observers` hear of each block.
    ///
    /// # Errors
    ///
    /// [`NodeError`].
    pub fn start(
        chain: Chain,
        authority: Arc<dyn Authority>,
        options: NodeOptions,
        mut observers: Vec<Arc<dyn Observer>>,
    ) -> Result<Self, NodeError> {
        let metrics = Arc::new(Metrics::default());
        metrics.head(chain.head().height, chain.head().time);
        let relay = Arc::new(Relay::new(metrics.clone()));
        observers.push(relay.clone());
        let chain = Arc::new(RwLock::new(chain));
        let producer = Producer::start(chain.clone(), authority, options.producer, observers)?;
        let api = Local::new(chain, producer.clone()).with_query_time_max(options.query_time);
        let served = Served { api, intake: producer.clone(), metrics, relay };
        let server = Server::start(options.listen, served, options.server)?;
        Ok(Self { producer, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Why it can't go on; none while it can.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.producer.failure()
    }

    /// Takes no more requests, finishes the block that is being made, answers whoever waits, and closes the stores.
    pub fn stop(self) {
        self.server.close();
        self.producer.stop();
        self.server.stop();
    }
}
