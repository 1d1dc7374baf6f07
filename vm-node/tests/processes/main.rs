//! Networks of real processes, with real TCP on loopback: what the simulated network can't show.
//!
//! Each test makes a network of its own in a temporary folder, on ports that are free when it begins. Nothing is decided by
//! how long something takes: what is to happen is waited for, generously, and what is not to happen is looked at for a
//! while.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests: a panic is its failure")]

mod crashes;
mod interface;
mod joining;
mod light;
mod load;
mod spoiled;
mod testbed;
