//! The naive model of the state and of its proofs, from `docs/format.md`: the files that vm-state's own tests use.

#![allow(dead_code, reason = "the tests of vm-state use the rest")]

#[path = "../../vm-state/tests/naive/definition.rs"]
pub(crate) mod definition;
#[path = "../../vm-state/tests/naive/part.rs"]
pub(crate) mod part;
#[path = "../../vm-state/tests/naive/state.rs"]
pub(crate) mod state;
