//! The ledgers of a profiled engine: the file that vm-host's own tests use.

#![allow(dead_code, unreachable_pub, reason = "the tests of vm-host use the rest")]

#[path = "../../vm-host/tests/common/ledger.rs"]
mod shared;

pub(crate) use shared::Ledgers;
