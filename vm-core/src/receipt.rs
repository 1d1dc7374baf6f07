//! What the chain records of a transaction: codes and bytes, never texts (DESIGN 10, rule 24).

use alloc::string::String;
use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode, Error, Input, Output};

use crate::commitment::index_root;
use crate::{Address, Domain, ErrorCode, Hash, hash};

/// How a transaction ended.
///
/// Encoded as `u16`, little endian: 0 success, 1 to 0x7fff the code of a halt or refusal, 0xffff a revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its effects stand; the output is what the function returned.
    Success,
    /// The contract reverted; the output is its error.
    Reverted,
    /// It failed with this code; no output.
    Failed(ErrorCode),
}

const REVERTED: u16 = u16::MAX;

impl Status {
    /// Whether the effects stand.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success)
    }
}

impl Encode for Status {
    fn size_hint(&self) -> usize {
        2
    }

    fn encode_to<O: Output + ?Sized>(&self, out: &mut O) {
        let code = match self {
            Self::Success => 0,
            Self::Reverted => REVERTED,
            Self::Failed(code) => code.code(),
        };
        code.encode_to(out);
    }
}

impl Decode for Status {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        match u16::decode(input)? {
            0 => Ok(Self::Success),
            REVERTED => Ok(Self::Reverted),
            code => ErrorCode::try_from(code)
                .map(Self::Failed)
                .map_err(|_| Error::from("not a status of this version")),
        }
    }
}

/// What a contract told the world.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Event {
    /// The contract that logged it, from the host's frames.
    pub contract: Address,
    /// Its name in the contract's interface.
    pub name: String,
    /// SCALE of its fields.
    pub data: Vec<u8>,
}

/// What a transaction came to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Receipt {
    /// How it ended.
    pub status: Status,
    /// What it returned or reverted with.
    pub output: Vec<u8>,
    /// Gas paid for, refunds already taken off.
    pub gas_used: u64,
    /// Gas given back for deleted objects.
    pub gas_refunded: u64,
    /// In the order they were logged; none unless the transaction succeeded.
    pub events: Vec<Event>,
}

impl Event {
    /// The hash that stands for it in its receipt's events root.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(Domain::Event, &self.encode())
    }
}

/// What a receipt's hash is over: the receipt with the root of its events in their place, so that one event is shown
/// without the others (R92).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReceiptBody {
    /// See [`Receipt::status`].
    pub status: Status,
    /// See [`Receipt::output`].
    pub output: Vec<u8>,
    /// See [`Receipt::gas_used`].
    pub gas_used: u64,
    /// See [`Receipt::gas_refunded`].
    pub gas_refunded: u64,
    /// The root over the events' hashes under their indices; zero for none.
    pub events_root: Hash,
}

impl ReceiptBody {
    /// The hash that the receipts root is over.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(Domain::Receipt, &self.encode())
    }
}

impl Receipt {
    /// The part that the hash is over.
    #[must_use]
    pub fn body(&self) -> ReceiptBody {
        ReceiptBody {
            status: self.status,
            output: self.output.clone(),
            gas_used: self.gas_used,
            gas_refunded: self.gas_refunded,
            events_root: index_root(self.events.iter().map(Event::hash)),
        }
    }

    /// The hash that the receipts root is over.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.body().hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::decode_exact;

    #[test]
    fn every_status_round_trips_and_unknown_ones_are_refused() {
        let failed = ErrorCode::ALL.iter().map(|&code| Status::Failed(code));
        for status in [Status::Success, Status::Reverted].into_iter().chain(failed) {
            assert_eq!(decode_exact::<Status>(&status.encode(), 2), Ok(status));
        }
        assert!(decode_exact::<Status>(&50u16.to_le_bytes(), 2).is_err());
    }
}
