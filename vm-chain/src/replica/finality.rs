//! From a certificate's digest back to the block that was asked for.
//!
//! Deliberately not here: whether the certificate is the validators'. Only its engine's library can say that.

use vm_core::{Hash, Header};

use crate::api::types::FinalityInfo;

/// Why blocks don't lead from one to the other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// There is none.
    #[error("it holds no block")]
    Empty,
    /// A block does not name the one before it.
    #[error("block {height} does not name the block before it: parent {named}, but that one is {found}")]
    Broken {
        /// The height of the block that should name it.
        height: u64,
        /// What it names.
        named: Hash,
        /// The digest of the block before.
        found: Hash,
    },
}

/// The header of the block asked for, and the digest that the certificate must be of to make it final.
///
/// # Errors
///
/// [`LinkError`] if the blocks between them are no chain.
pub fn linked(info: &FinalityInfo) -> Result<(Header, Hash), LinkError> {
    let first = info.blocks.first().ok_or(LinkError::Empty)?;
    let mut digest = first.digest();
    for block in info.blocks.iter().skip(1) {
        if block.parent.0 != digest {
            let (height, named) = (block.header.height, block.parent.0);
            return Err(LinkError::Broken { height, named, found: digest });
        }
        digest = block.digest();
    }
    Ok((Header::from(&first.header), digest))
}
