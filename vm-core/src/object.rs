//! The values of state entries: fixed-size records, encoded as SCALE encodes their fields in order.
//!
//! Field values and code are bytes as they are and have no type here.

#![allow(clippy::as_conversions, reason = "the codec's derive casts the variants' indices, which are given")]

use parity_scale_codec::{Decode, Encode};

use crate::codec::CodecError;
use crate::{Address, Hash, KeySpace, ObjectId, Stamp};

/// Who may change an object, chosen once, at its creation (R33).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Policy {
    /// The contract's code decides.
    #[default]
    #[codec(index = 0)]
    Contract,
    /// The host also requires that the sender owns it, or that the contract does.
    #[codec(index = 1)]
    Owner,
}

impl Policy {
    /// The policy that a contract names by number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Contract),
            1 => Some(Self::Owner),
            _ => None,
        }
    }
}

/// An account entry. It exists exactly when nonce or balance is not 0 (DESIGN 10, rule 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Account {
    /// How many transactions it has sent.
    pub nonce: u64,
    /// What it has.
    pub balance: u64,
}

/// A contract entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Contract {
    /// Its code.
    pub code_hash: Hash,
    /// Who deployed it.
    pub deployer: Address,
}

/// An object entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ObjectMeta {
    /// The contract it belongs to, for ever.
    pub contract: Address,
    /// Its owner.
    pub owner: Address,
    /// Who may change it, for ever.
    pub policy: Policy,
    /// When the owner got it; names its index entry.
    pub stamp: Stamp,
}

/// An owner index entry: enough to find the object without touching its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OwnedObject {
    /// The object.
    pub object: ObjectId,
    /// Its policy.
    pub policy: Policy,
}

/// The system entry: by it the root commits to height, time and rules (DESIGN 10, rule 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct System {
    /// The height of the block that wrote it.
    pub height: u64,
    /// That block's time.
    pub time: i64,
    /// The version of the VM's rules.
    pub vm_version: u32,
    /// The chain's rules.
    pub params: Hash,
    /// The sum of all balances, at most `u64::MAX` (DESIGN 10, rule 4).
    pub supply: u64,
}

impl Encode for Stamp {
    fn size_hint(&self) -> usize {
        Self::LEN
    }

    fn encode_to<O: parity_scale_codec::Output + ?Sized>(&self, out: &mut O) {
        out.write(&self.to_bytes());
    }
}

impl Decode for Stamp {
    fn decode<I: parity_scale_codec::Input>(input: &mut I) -> Result<Self, parity_scale_codec::Error> {
        <[u8; 16]>::decode(input).map(Self::from_bytes)
    }
}

/// A stored entry whose value is not of its space's type: a damaged store, never a contract's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored {space:?} entry is damaged: {source}")]
pub struct DecodeEntryError {
    /// The entry's space.
    pub space: KeySpace,
    /// What is wrong with it.
    #[source]
    pub source: CodecError,
}

macro_rules! entries {
    ($($name:ident: $space:ident, $len:literal;)+) => {
        $(impl $name {
            /// The length of its encoding.
            pub const ENCODED_LEN: usize = $len;

            /// Decodes an entry's value.
            ///
            /// # Errors
            ///
            /// [`DecodeEntryError`] if the bytes are not one canonical value.
            pub fn from_entry(bytes: &[u8]) -> Result<Self, DecodeEntryError> {
                let damaged = |source| DecodeEntryError { space: KeySpace::$space, source };
                let mut rest = bytes;
                // All fields have fixed width and one encoding each, so the length says all that re-encoding would.
                let entry = Self::decode(&mut rest).map_err(|_| damaged(CodecError::Malformed))?;
                match rest.len() {
                    0 => Ok(entry),
                    count => Err(damaged(CodecError::Trailing { count })),
                }
            }
        })+
    };
}

entries! {
    Account: Account, 16;
    Contract: Contract, 64;
    ObjectMeta: Object, 81;
    OwnedObject: Owned, 33;
    System: System, 60;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_published_length_and_refuse_any_other() {
        let meta = ObjectMeta {
            contract: Address([1; 32]),
            owner: Address([2; 32]),
            policy: Policy::Owner,
            stamp: Stamp { height: 3, transaction: 4, index: 5 },
        };
        let bytes = meta.encode();
        assert_eq!(bytes.len(), ObjectMeta::ENCODED_LEN);
        assert_eq!(ObjectMeta::from_entry(&bytes), Ok(meta));
        assert!(ObjectMeta::from_entry(&bytes[1..]).is_err());
        let longer = [bytes.as_slice(), &[0]].concat();
        let trailing = ObjectMeta::from_entry(&longer).unwrap_err();
        assert_eq!(trailing.source, CodecError::Trailing { count: 1 });
        let account = Account { nonce: 1, balance: u64::MAX };
        assert_eq!(account.encode().len(), Account::ENCODED_LEN);
        let contract = Contract { code_hash: Hash([1; 32]), deployer: Address([2; 32]) };
        assert_eq!(contract.encode().len(), Contract::ENCODED_LEN);
        let owned = OwnedObject { object: ObjectId([1; 32]), policy: Policy::Contract };
        assert_eq!(owned.encode().len(), OwnedObject::ENCODED_LEN);
        let mut bad = owned.encode();
        bad[32] = 2;
        assert!(OwnedObject::from_entry(&bad).is_err());
        let system = System { height: 1, time: 2, vm_version: 3, params: Hash([4; 32]), supply: 5 };
        assert_eq!(system.encode().len(), System::ENCODED_LEN);
    }
}
