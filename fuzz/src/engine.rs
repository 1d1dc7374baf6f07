//! The configuration of wasmi that consensus has: vm-host's own file.

#![allow(dead_code, reason = "vm-host uses the rest")]

#[path = "../../vm-host/src/module/engine.rs"]
mod shared;

pub(crate) use shared::engine;
