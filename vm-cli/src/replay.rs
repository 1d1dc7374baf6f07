//! Executes a block again as a light node does, and says where the chain's record of it differs.
//!
//! Nothing of the record is believed: the witness must hash to the parent's state root, the block is executed on what it
//! shows, and header and receipts are compared byte by byte with what comes out. That the record is of the block that was
//! asked for is not believed either: another block's may be good and tell nothing about it. Which parent to trust is not decided
//! here: a range of blocks begins with the parent of its first, and each next one must follow from the one before.

use parity_scale_codec::Encode;
use serde::Serialize;
use vm_chain::api::types::{HeaderInfo, WitnessInfo};
use vm_chain::replica::different_fields;
use vm_core::codec::decode_exact;
use vm_core::commitment::index_root;
use vm_core::{Block, Hash, Header, Receipt};
use vm_host::{BlockError, Options, StatelessError, Vm};

/// What the replay of a block came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The block's height.
    pub height: u64,
    /// Its hash, as the chain says.
    pub hash: String,
    /// How many transactions were executed.
    pub transactions: usize,
    /// How many bytes of receipts were compared.
    pub receipt_bytes: usize,
    /// Where the record differs; nowhere if it is good.
    pub differences: Vec<Difference>,
}

/// Where a chain's record of a block differs from its execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Difference {
    /// It does not follow from the block before it.
    #[error("the block's parent is {kept}, the block before it hashes to {found}")]
    Parent {
        /// The parent's hash, as the record has it.
        kept: String,
        /// The hash of the block before.
        found: String,
    },
    /// The hash is not the header's.
    #[error("the {which} is said to hash to {kept}, it hashes to {found}")]
    Hash {
        /// `header` or `parent`.
        which: &'static str,
        /// What the record says.
        kept: String,
        /// What the header hashes to.
        found: String,
    },
    /// The record is of another block.
    #[error("block {asked} was asked for, the record is of block {kept}")]
    OtherBlock {
        /// The height that was asked for.
        asked: u64,
        /// The height in the record's header.
        kept: u64,
    },
    /// The transaction that was asked for is not in the block.
    #[error("the transaction {asked} is not in the block")]
    NoTransaction {
        /// Its hash.
        asked: String,
    },
    /// A part of the record can't be read.
    #[error("the {what} can't be read: {cause}")]
    Malformed {
        /// Which part.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The block can't be executed from the record.
    #[error("the block can't be executed: {cause}")]
    Refused {
        /// Why.
        cause: String,
    },
    /// A field of the header is another.
    #[error("header, {field}: the record has {kept}, execution gives {found}")]
    Header {
        /// The field.
        field: &'static str,
        /// What the record has.
        kept: String,
        /// What execution gives.
        found: String,
    },
    /// There are more or fewer receipts.
    #[error("the record has {kept} receipts, execution gives {found}")]
    ReceiptCount {
        /// How many the record has.
        kept: usize,
        /// How many execution gives.
        found: usize,
    },
    /// The receipts are not those that the header commits to.
    #[error("the record's receipts hash to {found}, its header says {kept}")]
    ReceiptsRoot {
        /// The root in the header.
        kept: String,
        /// The root over the receipts.
        found: String,
    },
    /// A receipt has another byte.
    #[error("receipt {index}, {field}: byte {offset} is {kept} in the record, {found} by execution")]
    Receipt {
        /// The transaction's index.
        index: usize,
        /// The field that the byte is in.
        field: String,
        /// The first byte that differs.
        offset: usize,
        /// That byte in the record; `missing` past its end.
        kept: String,
        /// That byte by execution; `missing` past its end.
        found: String,
    },
}

/// This machine could not go on; says nothing about the record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replay failed on this machine: {0}")]
pub struct ReplayFailed(pub String);

/// Which block a record must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its height.
    pub height: u64,
    /// The hash of the block before it, where that was replayed too.
    pub before: Option<Hash>,
    /// The hash of a transaction that must be in it.
    pub transaction: Option<Hash>,
}

impl Asked {
    /// The block at `height`, whatever is in it and before it.
    #[must_use]
    pub fn block(height: u64) -> Self {
        Self { height, before: None, transaction: None }
    }
}

/// Executes the block of `record` again, and compares.
///
/// # Errors
///
/// [`ReplayFailed`]: memory or a bug, here.
pub fn replay(vm: &Vm, record: &WitnessInfo, asked: &Asked) -> Result<Replayed, ReplayFailed> {
    let header = Header::from(&record.header);
    let parent = Header::from(&record.parent);
    let mut replayed = Replayed {
        height: header.height,
        hash: record.header.hash.to_string(),
        transactions: 0,
        receipt_bytes: record.receipts.iter().map(|receipt| receipt.0.len()).sum(),
        differences: Vec::new(),
    };
    let differences = &mut replayed.differences;
    if header.height != asked.height {
        differences.push(Difference::OtherBlock { asked: asked.height, kept: header.height });
    }
    for (which, info, header) in [("header", &record.header, &header), ("parent", &record.parent, &parent)] {
        differences.extend(claimed_hash(which, info, header));
    }
    if let Some(before) = asked.before.filter(|before| *before != parent.hash()) {
        let (kept, found) = (parent.hash().to_string(), before.to_string());
        differences.push(Difference::Parent { kept, found });
    }
    let block: Block = match decode_exact(&record.block.0, record.block.0.len()) {
        Ok(block) => block,
        Err(cause) => {
            differences.push(Difference::Malformed { what: "block".to_owned(), cause: cause.to_string() });
            return Ok(replayed);
        }
    };
    differences.extend(asked.transaction.and_then(|hash| missing(vm, &block, &hash)));
    let outcome = match vm.execute_stateless(&parent, &block, &record.witness.0, Options::default()) {
        Ok(outcome) => outcome,
        Err(StatelessError::Block(BlockError::Failure(failure))) => {
            return Err(ReplayFailed(failure.to_string()));
        }
        Err(error) => {
            differences.push(Difference::Refused { cause: error.to_string() });
            return Ok(replayed);
        }
    };
    replayed.transactions = outcome.transactions.len();
    differences.extend(headers(&header, &outcome.commit.header));
    let executed: Vec<&Receipt> = outcome.transactions.iter().map(|executed| &executed.receipt).collect();
    differences.extend(receipts(record, &header, &executed));
    Ok(replayed)
}

fn missing(vm: &Vm, block: &Block, asked: &Hash) -> Option<Difference> {
    let params = vm.params_hash();
    let there = block.transactions.iter().any(|transaction| transaction.hash(&params) == *asked);
    (!there).then(|| Difference::NoTransaction { asked: asked.to_string() })
}

fn claimed_hash(which: &'static str, info: &HeaderInfo, header: &Header) -> Option<Difference> {
    let (kept, found) = (info.hash.0, header.hash());
    (kept != found).then(|| Difference::Hash { which, kept: kept.to_string(), found: found.to_string() })
}

fn headers(kept: &Header, found: &Header) -> Vec<Difference> {
    let fields = different_fields(kept, found).into_iter();
    fields.map(|(field, kept, found)| Difference::Header { field, kept, found }).collect()
}

fn receipts(record: &WitnessInfo, header: &Header, executed: &[&Receipt]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (kept, found) = (record.receipts.len(), executed.len());
    if kept != found {
        differences.push(Difference::ReceiptCount { kept, found });
    }
    for (index, (kept, executed)) in record.receipts.iter().zip(executed).enumerate() {
        differences.extend(receipt(index, &kept.0, executed));
    }
    let decoded = record.receipts.iter().map(|bytes| decode_exact::<Receipt>(&bytes.0, bytes.0.len()));
    match decoded.collect::<Result<Vec<_>, _>>() {
        Ok(receipts) => {
            let (kept, found) = (header.receipts_root, index_root(receipts.iter().map(Receipt::hash)));
            if kept != found {
                let (kept, found) = (kept.to_string(), found.to_string());
                differences.push(Difference::ReceiptsRoot { kept, found });
            }
        }
        Err(cause) => {
            differences.push(Difference::Malformed { what: "receipts".to_owned(), cause: cause.to_string() });
        }
    }
    differences
}

fn receipt(index: usize, kept: &[u8], executed: &Receipt) -> Option<Difference> {
    let found = executed.encode();
    if kept == found {
        return None;
    }
    let same = kept.iter().zip(&found).take_while(|(kept, found)| kept == found).count();
    let byte =
        |bytes: &[u8]| bytes.get(same).map_or_else(|| "missing".to_owned(), |byte| format!("0x{byte:02x}"));
    Some(Difference::Receipt {
        index,
        field: field_at(executed, same),
        offset: same,
        kept: byte(kept),
        found: byte(&found),
    })
}

/// The field of the receipt that the byte at `offset` of its encoding belongs to.
fn field_at(receipt: &Receipt, offset: usize) -> String {
    let mut parts = vec![
        ("status".to_owned(), receipt.status.encoded_size()),
        ("output".to_owned(), receipt.output.encoded_size()),
        ("gas_used".to_owned(), receipt.gas_used.encoded_size()),
        ("gas_refunded".to_owned(), receipt.gas_refunded.encoded_size()),
    ];
    let events: usize = receipt.events.iter().map(Encode::encoded_size).sum();
    parts.push(("the count of events".to_owned(), receipt.events.encoded_size().saturating_sub(events)));
    for (index, event) in receipt.events.iter().enumerate() {
        parts.push((format!("event {index}, contract"), event.contract.encoded_size()));
        parts.push((format!("event {index}, name"), event.name.encoded_size()));
        parts.push((format!("event {index}, data"), event.data.encoded_size()));
    }
    let mut end = 0usize;
    for (name, size) in parts {
        end = end.saturating_add(size);
        if offset < end {
            return name;
        }
    }
    "past its end".to_owned()
}

#[cfg(test)]
mod tests;
