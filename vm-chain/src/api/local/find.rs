//! Where things are in a chain, and what is said of those that are not there or no longer kept.

use std::sync::Arc;

use vm_core::{Address, Hash, Header, Key, KeySpace, Receipt};
use vm_state::{TransactionProof, View};

use super::super::types::At;
use super::ApiError;
use crate::chain::{Chain, Position};
use crate::signed::Signed;

pub(super) fn height_of(chain: &Chain, at: At) -> Result<u64, ApiError> {
    let head = chain.head();
    match at {
        At::Head => Ok(head.height),
        At::Height(height) if height <= head.height => Ok(height),
        At::Height(height) => {
            Err(ApiError::Missing { what: "block", which: height.to_string(), height: head.height })
        }
        At::Hash(hash) if hash.0 == head.hash() => Ok(head.height),
        At::Hash(hash) => match chain.height(&hash.0)? {
            Some(height) => Ok(height),
            None => {
                // The block that the log stands on (genesis, or a snapshot's) is not in it.
                let first = chain.oldest_block()?.and_then(|oldest| oldest.checked_sub(1));
                let header = first.map(|height| chain.header_at(height)).transpose()?.flatten();
                let found = header.filter(|header| header.hash() == hash.0).map(|header| header.height);
                found.ok_or_else(|| ApiError::Missing {
                    what: "block",
                    which: hash.to_string(),
                    height: head.height,
                })
            }
        },
    }
}

pub(super) fn header_at(chain: &Chain, height: u64) -> Result<Header, ApiError> {
    chain.header_at(height)?.ok_or_else(|| not_kept(chain, "the header", height))
}

pub(super) fn not_kept(chain: &Chain, what: &'static str, height: u64) -> ApiError {
    let head = chain.head().height;
    ApiError::NotKept { what, height, oldest: chain.oldest_state(), head }
}

pub(super) fn view_at(chain: &Chain, height: u64) -> Result<Arc<dyn View>, ApiError> {
    chain.view_at(height)?.ok_or_else(|| not_kept(chain, "the state", height))
}

pub(super) fn view_of(chain: &Chain, at: At) -> Result<Arc<dyn View>, ApiError> {
    view_at(chain, height_of(chain, at)?)
}

/// The contract with the next address after `after`.
pub(super) fn next_contract(
    view: &dyn View,
    after: Option<&Address>,
) -> Result<Option<(Address, vm_core::Contract)>, ApiError> {
    let prefix = Key::space_prefix(KeySpace::Contract);
    let Some(from) = after.map_or(Some(prefix), |after| Key::contract(after).successor()) else {
        return Ok(None);
    };
    let Some((key, value)) = view.next(&prefix, &from)? else { return Ok(None) };
    let address = Address(key.as_bytes().last_chunk::<32>().copied().unwrap_or_default());
    let contract =
        vm_core::Contract::from_entry(&value).map_err(|error| ApiError::Node(error.to_string()))?;
    Ok(Some((address, contract)))
}

/// A committed transaction.
pub(super) struct Found {
    pub(super) position: Position,
    pub(super) signed: Signed,
    pub(super) receipt: Receipt,
}

/// The committed transaction with this hash.
pub(super) fn found(chain: &Chain, hash: &Hash) -> Result<Found, ApiError> {
    let position = chain.position(hash)?.ok_or_else(|| ApiError::Missing {
        what: "transaction",
        which: hash.to_string(),
        height: chain.head().height,
    })?;
    let index = usize::try_from(position.index).unwrap_or(usize::MAX);
    let signed = chain.body(position.height)?.and_then(|body| body.transactions.into_iter().nth(index));
    let receipt = chain.receipts(position.height)?.and_then(|receipts| receipts.into_iter().nth(index));
    match (signed, receipt) {
        (Some(signed), Some(receipt)) => Ok(Found { position, signed, receipt }),
        _ => Err(not_kept(chain, "the block", position.height)),
    }
}

/// The block that a transaction is in: its header, the transaction's index, its receipts.
pub(super) fn block_of(chain: &Chain, hash: &Hash) -> Result<(Header, u32, Vec<Receipt>), ApiError> {
    let Position { height, index } = found(chain, hash)?.position;
    let receipts = chain.receipts(height)?.ok_or_else(|| not_kept(chain, "the block", height))?;
    Ok((header_at(chain, height)?, index, receipts))
}

/// The path that shows which transaction stands at `index` of the block at `height`.
pub(super) fn place(chain: &Chain, height: u64, index: u32) -> Result<Vec<u8>, ApiError> {
    let body = chain.body(height)?.ok_or_else(|| not_kept(chain, "the block", height))?;
    let hashes: Vec<Hash> = body.transactions.iter().map(|signed| chain.hash(signed)).collect();
    Ok(TransactionProof::new(&body.mints, &hashes, index).ok_or_else(lost)?.path)
}

pub(super) fn lost() -> ApiError {
    ApiError::Node("a receipt that was just read is gone".to_owned())
}
