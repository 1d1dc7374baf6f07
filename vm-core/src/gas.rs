//! Gas: one unit, two dimensions (executed code, host operations), one versioned schedule (R50, R55).
//!
//! The meter counts wasmi fuel throughout, [`FUEL_PER_GAS`] of it to one gas; only a receipt rounds, upward. All
//! prices are in gas and depend on declared sizes alone (R51).

use parity_scale_codec::{Decode, Encode};

use crate::{Domain, Hash, hash};

/// How much wasmi fuel one gas is (DESIGN section 5).
pub const FUEL_PER_GAS: u64 = 8;

/// An amount of gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Gas(pub u64);

impl Gas {
    /// The largest amount that still counts in fuel: `u64::MAX / 8` (DESIGN 10, rule 2).
    pub const MAX: Self = Self(u64::MAX / FUEL_PER_GAS);

    /// The same amount in fuel; saturates, so that a price past every budget stays past it.
    #[must_use]
    pub const fn to_fuel(self) -> u64 {
        self.0.saturating_mul(FUEL_PER_GAS)
    }

    /// The gas that `fuel` fills, the last one rounded up.
    #[must_use]
    pub const fn from_fuel_ceil(fuel: u64) -> Self {
        Self(fuel.div_ceil(FUEL_PER_GAS))
    }
}

macro_rules! schedule {
    ($($(#[doc = $doc:literal])+ $field:ident = $default:literal,)+) => {
        /// Every price of the VM in gas, as one value with a hash.
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
        pub struct GasSchedule {
            /// Counts the published schedules.
            pub version: u32,
            $($(#[doc = $doc])+ pub $field: u64,)+
        }

        impl Default for GasSchedule {
            fn default() -> Self {
                Self { version: 1, $($field: $default,)+ }
            }
        }

        impl GasSchedule {
            /// Each price with its name and its line of documentation, in encoding order.
            #[must_use]
            pub fn prices(&self) -> alloc::vec::Vec<(&'static str, &'static str, u64)> {
                alloc::vec![$((stringify!($field), concat!($($doc),+).trim_ascii(), self.$field)),+]
            }
        }
    };
}

schedule! {
    // The table of the architecture.
    /// sender, origin, contract_address, block_height, block_time, value, object id.
    query = 10,
    /// balance.
    balance = 50,
    /// transfer.
    transfer = 500,
    /// call and deploy, beside what the callee uses.
    call = 10_000,
    /// log, beside its bytes.
    log = 100,
    /// One byte of an event's name or data.
    log_byte = 1,
    /// object create.
    object_create = 50,
    /// object get, get by owner, one item of `objects_of`.
    object_get = 50,
    /// object contract, owner.
    object_meta = 100,
    /// object set_owner.
    object_set_owner = 500,
    /// object delete.
    object_delete = 500,
    /// Refunded for an object delete.
    refund_delete = 800,
    /// field get, beside the value's bytes.
    field_get = 100,
    /// One byte of a value that field get finds.
    field_get_byte = 1,
    /// field set and remove, beside the bytes.
    field_set = 1_000,
    /// One byte of the name and value of a field set.
    field_set_byte = 100,

    // The second schedule: what the table cannot see.
    /// A transaction, whatever it does: its account entry, fee and signature check.
    tx_base = 2_000,
    /// One byte of a transaction's encoding.
    tx_byte = 4,
    /// The first touch of an entry in a transaction: a store read and its path.
    touch = 400,
    /// One byte of a value at its first touch, and of each value that a deletion removes.
    touch_byte = 1,
    /// The first write of an entry in a transaction: a durable row and its path.
    write = 1_200,
    /// input, returned, ret, revert, beside their bytes.
    data = 10,
    /// One byte that input, returned, ret, revert or call arguments copy.
    data_byte = 1,
    /// Loading a module, once per transaction and code hash.
    module_load = 400,
    /// One byte of a module that is loaded: translation, priced cold.
    module_load_byte = 4,
    /// Starting an instance: memory, tables, globals.
    instance = 400,
    /// One page of initial memory.
    instance_page = 300,
    /// One function, global, table element or data segment of an instance.
    instance_item = 8,
    /// One byte of a data segment, copied at each start.
    instance_data_byte = 1,
    /// One byte of code that is stored and validated.
    code_byte = 100,
    /// blake3, beside its bytes.
    blake3 = 40,
    /// One byte that blake3 digests.
    blake3_byte = 1,
    /// The largest part of the gas used that refunds may give back: one in this many.
    refund_quotient = 5,
    /// The part of the gas left that a call without an amount keeps back: one in this many.
    call_reserve_quotient = 64,
}

impl GasSchedule {
    /// The hash that a chain's parameters contain (R55).
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(Domain::GasSchedule, &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuel_rounds_up_to_gas_and_never_wraps() {
        assert_eq!(Gas::from_fuel_ceil(0), Gas(0));
        assert_eq!(Gas::from_fuel_ceil(1), Gas(1));
        assert_eq!(Gas::from_fuel_ceil(8), Gas(1));
        assert_eq!(Gas::from_fuel_ceil(u64::MAX), Gas(1 << 61));
        assert_eq!(Gas(u64::MAX).to_fuel(), u64::MAX);
        assert_eq!(Gas::MAX.to_fuel(), u64::MAX - 7);
    }

    #[test]
    fn r50_gas_and_fuel_agree_with_sums_that_cannot_wrap_at_every_edge() {
        let powers = (0..64u32).map(|power| 1u64 << power);
        let centres = powers.chain([0, Gas::MAX.0, u64::MAX]);
        for centre in centres {
            for step in -9..=9i64 {
                let Some(number) = centre.checked_add_signed(step) else { continue };
                let fuel = u128::from(number) * 8;
                assert_eq!(u128::from(Gas(number).to_fuel()), fuel.min(u64::MAX.into()), "{number} gas");
                assert_eq!(Gas(number) <= Gas::MAX, fuel <= u64::MAX.into(), "{number} gas counts in fuel");
                let gas = Gas::from_fuel_ceil(number);
                let holds = u128::from(gas.0) * 8;
                assert!(holds >= number.into() && holds < u128::from(number) + 8, "{number} fuel");
                // There and back is the same gas, and more fuel is never less gas.
                if Gas(number) <= Gas::MAX {
                    assert_eq!(Gas::from_fuel_ceil(Gas(number).to_fuel()), Gas(number));
                }
                assert!(number == 0 || Gas::from_fuel_ceil(number - 1) <= gas);
            }
        }
    }

    #[test]
    fn r55_the_prices_are_named_in_encoding_order() {
        let schedule = GasSchedule::default();
        let encoded = schedule.encode();
        let prices = schedule.prices();
        for (chunk, (name, docs, price)) in encoded[4..].chunks(8).zip(&prices) {
            assert_eq!(chunk, price.to_le_bytes(), "{name}");
            assert!(!docs.is_empty(), "{name}");
        }
        let price = |wanted: &str| prices.iter().find(|(name, ..)| *name == wanted).map(|price| price.2);
        assert_eq!(price("call"), Some(10_000));
        assert_eq!(price("refund_quotient"), Some(5));
        assert_eq!(price("call_reserve_quotient"), Some(64));
    }

    #[test]
    fn r55_every_price_is_in_the_hash() {
        let base = GasSchedule::default().hash();
        let encoded = GasSchedule::default().encode();
        assert_eq!(encoded.len(), 4 + 8 * GasSchedule::default().prices().len());
        for index in 0..encoded.len() {
            let mut bytes = encoded.clone();
            bytes[index] ^= 1;
            let other = GasSchedule::decode(&mut bytes.as_slice()).unwrap();
            assert_ne!(other.hash(), base, "byte {index}");
        }
    }
}
