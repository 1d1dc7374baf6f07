//! The soak: a chain on disk that lives for an hour and is treated badly meanwhile.
//!
//! A worker process executes random blocks on a redb store and does each several times over: with a trace and without, on
//! a light node from a witness, on a reference chain in memory, by an engine with nothing cached. In between it rolls back
//! and executes again, looks at past states, prunes, and makes second stores from snapshots. The supervisor kills it
//! (SIGKILL) every few seconds, starts it again, and compares what the store then shows with what the worker had said was
//! durable. For a quarter of the time it lets the worker live, so that growth of memory shows.
//!
//! Invariants:
//! - a block is a function of the seed, the height and the parent's state, which is one of the seed and the height: after
//!   a kill or a rollback the same block comes again, and must have the same hash;
//! - the number of live objects goes to a target and stays there, so that memory that grows is a leak;
//! - who looks at the store after a kill is another process than the one that wrote it.
//!
//! Deliberately not here: what a disk loses when the power goes (`vm-state/src/store/redb/tests/crash.rs`), and contracts
//! other than the fixtures (`host_boundary`).

mod blocks;
mod churn;
mod compare;
mod course;
mod figures;
mod message;
mod restore;
mod stop;
mod supervisor;
mod worker;

pub use figures::{Figures, Sample};
pub use stop::Stop;
pub use supervisor::{Plan as SoakPlan, supervise};
pub use worker::{Orders, work};
