//! The vocabulary that every other crate of the VM shares.
//!
//! Ids, keys, transactions, blocks, receipts, error codes, the host-function table, the gas schedule and the
//! consensus limits: each is defined here once, with its bytes (`docs/format.md`).
//!
//! Invariants:
//! - every encoding is canonical SCALE: one value, one byte string; decoders reject trailing bytes;
//! - nothing here does I/O, knows an engine, or depends on the target;
//! - every integer that is encoded, priced or compared has an explicit width.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod abi;
mod block;
pub mod codec;
pub mod commitment;
mod error;
mod gas;
mod hash;
mod id;
pub mod interface;
mod key;
mod object;
mod params;
mod receipt;
mod transaction;

pub use block::{Block, BlockContext, Header, Mint};
pub use error::{ErrorCode, ErrorKind, UnknownErrorCode};
pub use gas::{FUEL_PER_GAS, Gas, GasSchedule};
pub use hash::{Domain, HashBuilder, blake3, hash, value_hash};
pub use id::{Address, Hash, ObjectId, ParseIdError};
pub use key::{Key, KeyError, KeySpace, Stamp};
pub use object::{Account, Contract, DecodeEntryError, ObjectMeta, OwnedObject, Policy, System};
pub use params::{ENGINE_VERSION, Features, LimitInfo, Limits, Params, ParamsError, VM_VERSION};
pub use receipt::{Event, Receipt, ReceiptBody, Status};
pub use transaction::{CodeSource, Payload, Transaction};
