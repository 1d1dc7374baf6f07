//! The interface over JSON-RPC 2.0: one table of [`methods`] for the client, the server and `docs/openrpc.json`.
//!
//! A method has the name of [`Api`](crate::Api)'s with `vm_` in front, or `dev_` for what only a local chain has.
//! Parameters go by name. Transactions travel as hex digits of their SCALE bytes, so that what is signed and what is sent
//! are the same bytes. An [`ApiError`](crate::ApiError) crosses whole: its number as the error's code, its fields as data.
//!
//! Deliberately not here: what the methods do ([`Local`](crate::api::Local)), and who makes blocks.

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod depth;
pub mod error;
pub mod methods;
pub mod openrpc;
#[cfg(feature = "node")]
pub mod server;
pub mod subscriptions;
mod travel;

#[cfg(feature = "client")]
pub use client::{Client, ClientError, ClientOptions};
pub use error::ErrorData;
pub use travel::Travels;

/// Where a node listens unless told otherwise.
pub const DEFAULT_PORT: u16 = 8_600;

/// The longest request body that a node reads.
pub const REQUEST_BYTES_MAX: u32 = 4 << 20;
/// The longest response that a node gives and a client takes.
pub const RESPONSE_BYTES_MAX: u32 = 64 << 20;
