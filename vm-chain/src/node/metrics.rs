//! What a node counts, in the text form that Prometheus reads.
//!
//! Names follow Prometheus's habits: units last, `_total` for what only grows (the encoder adds it).

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::producer::BlockMade;
use crate::api::{ApiError, Fault};

/// How a transaction in a block ended, or that it was in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Ended {
    Success,
    Reverted,
    Failed,
    Dropped,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: Ended,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Outcome {
    Ok,
    Caller,
    Missing,
    Transaction,
    Busy,
    Node,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMethod {
    method: &'static str,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// What a node counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    height: Gauge,
    time: Seconds,
    blocks: Counter,
    transactions: Family<ByStatus, Counter>,
    gas: Counter,
    execution: Histogram,
    commit: Histogram,
    pool_transactions: Gauge,
    pool_bytes: Gauge,
    requests: Family<ByMethod, Counter>,
    refused: Family<ByReason, Counter>,
    connections: Gauge,
    subscribers: Gauge,
    others: OnceLock<Others>,
}

/// What another part of the node counts, in the same text form.
struct Others(Box<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Others")
    }
}

/// What a text of metrics ends with.
const END: &str = "# EOF\n";

/// Counts one in a gauge as long as it lives.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // From a tenth of a millisecond to about 13 seconds.
        let durations = || Histogram::new(exponential_buckets(0.0001, 2.0, 18));
        let mut new = Self {
            registry: Registry::with_prefix("vm"),
            height: Gauge::default(),
            time: Seconds::default(),
            blocks: Counter::default(),
            transactions: Family::default(),
            gas: Counter::default(),
            execution: durations(),
            commit: durations(),
            pool_transactions: Gauge::default(),
            pool_bytes: Gauge::default(),
            requests: Family::default(),
            refused: Family::default(),
            connections: Gauge::default(),
            subscribers: Gauge::default(),
            others: OnceLock::new(),
        };
        let registry = &mut new.registry;
        registry.register("head_height", "Height of the last block", new.height.clone());
        registry.register_with_unit("head_time", "Time of the last block", Unit::Seconds, new.time.clone());
        registry.register("blocks", "Blocks made since the start", new.blocks.clone());
        registry.register("transactions", "Transactions by how they ended", new.transactions.clone());
        registry.register("gas_used", "Gas of all transactions in blocks", new.gas.clone());
        let seconds = Unit::Seconds;
        registry.register_with_unit(
            "block_execution",
            "Execution of a block",
            seconds.clone(),
            new.execution.clone(),
        );
        registry.register_with_unit("block_commit", "Making a block durable", seconds, new.commit.clone());
        registry.register("pool_transactions", "Transactions that wait", new.pool_transactions.clone());
        registry.register_with_unit(
            "pool",
            "Bytes of transactions that wait",
            Unit::Bytes,
            new.pool_bytes.clone(),
        );
        registry.register("requests", "Requests by method and outcome", new.requests.clone());
        registry.register("refused", "Connections and HTTP requests refused, by reason", new.refused.clone());
        registry.register("connections", "Open connections", new.connections.clone());
        registry.register("subscribers", "Open subscriptions", new.subscribers.clone());
        new
    }
}

fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

impl Metrics {
    /// The head is at `height`, made at `time`, in milliseconds.
    pub fn head(&self, height: u64, time: i64) {
        self.height.set(gauge(height));
        let time = u64::try_from(time).unwrap_or(0);
        self.time.set(Duration::from_millis(time).as_secs_f64());
    }

    /// A block was made.
    pub fn block(&self, block: &BlockMade) {
        self.head(block.header.height, block.header.time);
        self.blocks.inc();
        for (status, count) in [
            (Ended::Success, block.succeeded),
            (Ended::Reverted, block.reverted),
            (Ended::Failed, block.failed),
            (Ended::Dropped, block.dropped),
        ] {
            self.transactions.get_or_create(&ByStatus { status }).inc_by(count.into());
        }
        self.gas.inc_by(block.header.gas_used);
        for (histogram, took) in [(&self.execution, block.execution), (&self.commit, block.commit)] {
            took.iter().for_each(|took| histogram.observe(took.as_secs_f64()));
        }
    }

    /// A request of `method` was answered.
    pub fn request<T>(&self, method: &'static str, result: &Result<T, ApiError>) {
        let outcome = match result.as_ref().map_err(ApiError::fault) {
            Ok(_) => Outcome::Ok,
            Err(Fault::Caller) => Outcome::Caller,
            Err(Fault::Missing) => Outcome::Missing,
            Err(Fault::Transaction) => Outcome::Transaction,
            Err(Fault::Busy) => Outcome::Busy,
            Err(Fault::Node) => Outcome::Node,
        };
        self.requests.get_or_create(&ByMethod { method, outcome }).inc();
    }

    /// A connection or an HTTP request was refused.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&ByReason { reason }).inc();
    }

    /// A connection, as long as the value lives.
    #[must_use]
    pub fn connection(&self) -> Counted {
        Counted::new(&self.connections)
    }

    /// A subscription, as long as the value lives.
    #[must_use]
    pub fn subscriber(&self) -> Counted {
        Counted::new(&self.subscribers)
    }

    /// Shows what `others` counts after its own: a consensus engine's metrics, say. Once; later calls change nothing.
    pub fn show_others(&self, others: impl Fn() -> String + Send + Sync + 'static) {
        drop(self.others.set(Others(Box::new(others))));
    }

    /// All of it as text; so much waits in the pool.
    #[must_use]
    pub fn text(&self, pool_transactions: u32, pool_bytes: usize) -> String {
        self.pool_transactions.set(pool_transactions.into());
        self.pool_bytes.set(gauge(pool_bytes));
        let mut text = String::new();
        // Writing to a text does not fail.
        let _encoded = encode(&mut text, &self.registry);
        if let Some(Others(others)) = self.others.get() {
            text.truncate(text.trim_end_matches(END).len());
            let others = others();
            text.push_str(others.trim_end_matches(END));
            text.push_str(END);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_count_stands_before_the_end() {
        let metrics = Metrics::default();
        let alone = metrics.text(0, 0);
        assert_eq!(alone.matches(END).count(), 1);
        metrics.show_others(|| format!("votes 3\n{END}"));
        metrics.show_others(String::new);
        let both = metrics.text(0, 0);
        assert!(both.ends_with(&format!("votes 3\n{END}")), "{both}");
        assert_eq!((both.matches(END).count(), both.len()), (1, alone.len() + "votes 3\n".len()));
    }
}
