//! The consensus parameters of a chain: limits, switches, gas schedule, engine version (R56).
//!
//! [`Params::new`] refuses absurd values, so whoever holds a [`Params`] holds a sound one. The table below is also
//! the source of `docs/limits.md`, which a test compares.

use alloc::vec::Vec;
use parity_scale_codec::{Decode, Encode};

use crate::codec::{CodecError, decode_exact};
use crate::{Domain, GasSchedule, Hash, hash};

/// The version of the VM's rules.
pub const VM_VERSION: u32 = 1;
/// The engine whose fuel counts: wasmi 2.0.0. Fuel is a function of it, so it is part of the parameters.
pub const ENGINE_VERSION: u32 = 0x0002_0000;

/// Why parameters are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// A limit outside its range.
    #[error("{name} is {value}, outside {least} to {most}")]
    OutOfRange {
        /// The limit's name.
        name: &'static str,
        /// The refused value.
        value: u64,
        /// The least value taken.
        least: u64,
        /// The largest value taken.
        most: u64,
    },
    /// Two limits that contradict each other.
    #[error("{smaller} ({smaller_value}) must not exceed {larger} ({larger_value})")]
    Contradiction {
        /// The limit that is too large.
        smaller: &'static str,
        /// Its value.
        smaller_value: u64,
        /// The limit that it must not exceed.
        larger: &'static str,
        /// Its value.
        larger_value: u64,
    },
    /// A feature that this VM never allows.
    #[error("{0} can't be switched on: its results differ between machines")]
    Forbidden(&'static str),
    /// A price or quotient of the gas schedule that must not be 0, since it bounds a loop or divides.
    #[error("the gas schedule's {0} is 0")]
    Zero(&'static str),
    /// Bytes that are no parameters.
    #[error("not the bytes of parameters: {0}")]
    Bytes(CodecError),
    /// Parameters of other rules or another engine than this VM's.
    #[error("the parameters are for {what} {found:#x}, this VM has {expected:#x}")]
    OtherVersion {
        /// Which version.
        what: &'static str,
        /// The version in the parameters.
        found: u32,
        /// This VM's.
        expected: u32,
    },
}

/// What is known of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitInfo {
    /// The field's name.
    pub name: &'static str,
    /// What it limits, in which unit.
    pub doc: &'static str,
    /// The default.
    pub default: u64,
    /// The least value taken.
    pub least: u64,
    /// The largest value taken.
    pub most: u64,
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $field:ident: $ty:ty = $default:literal in $least:literal ..= $most:literal,)+) => {
        /// Every consensus limit. `docs/limits.md` lists default and range of each.
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Limits {
            /// Name, meaning, default and range of each limit, in encoding order.
            pub const TABLE: &'static [LimitInfo] = &[$(LimitInfo {
                name: stringify!($field),
                doc: concat!($($doc),+),
                default: $default,
                least: $least,
                most: $most,
            },)+];

            /// The values in the order of [`Self::TABLE`].
            #[must_use]
            pub fn values(&self) -> Vec<u64> {
                alloc::vec![$(u64::from(self.$field)),+]
            }
        }
    };
}

limits! {
    /// Bytes of a module.
    code_bytes: u32 = 262_144 in 1_024 ..= 4_194_304,
    /// Functions that a module defines.
    functions: u32 = 2_048 in 16 ..= 65_536,
    /// Types that a module declares.
    types: u32 = 512 in 16 ..= 4_096,
    /// Parameters of one function.
    function_params: u32 = 16 in 8 ..= 64,
    /// Results of one function or block.
    function_results: u32 = 4 in 1 ..= 16,
    /// Locals that one function declares.
    function_locals: u32 = 100 in 16 ..= 1_000,
    /// Locals that all functions of a module declare together.
    module_locals: u32 = 10_000 in 64 ..= 100_000,
    /// Bytes of one function's body.
    function_bytes: u32 = 65_536 in 1_024 ..= 1_048_576,
    /// Nested blocks in one function.
    block_depth: u32 = 128 in 16 ..= 1_024,
    /// Operands on one function's stack at a time.
    operand_depth: u32 = 1_024 in 64 ..= 4_096,
    /// Targets of one br_table.
    br_table_targets: u32 = 1_024 in 16 ..= 65_536,
    /// Globals that a module defines.
    globals: u32 = 64 in 1 ..= 1_024,
    /// Elements of a module's table.
    table_elements: u32 = 1_024 in 16 ..= 65_536,
    /// Element segments of a module.
    element_segments: u32 = 64 in 1 ..= 1_024,
    /// Data segments of a module.
    data_segments: u32 = 128 in 1 ..= 1_024,
    /// Exports of a module.
    exports: u32 = 256 in 16 ..= 4_096,
    /// Bytes of an import's or export's name.
    export_name_bytes: u32 = 64 in 16 ..= 256,
    /// Bytes of the interface section.
    interface_bytes: u32 = 32_768 in 1_024 ..= 262_144,
    /// Pages (64 KiB) of a frame's memory.
    memory_pages: u32 = 32 in 1 ..= 1_024,
    /// Pages of all live frames of a transaction together: their memories, and what their wasm stacks may take.
    transaction_pages: u32 = 1_024 in 64 ..= 16_384,
    /// Wasm calls nested in one frame.
    wasm_depth: u32 = 256 in 32 ..= 4_096,
    /// Contract calls nested in one transaction; the outermost frame has depth 0.
    call_depth: u32 = 64 in 8 ..= 1_024,
    /// Object handles of one frame.
    handles: u32 = 4_096 in 64 ..= 65_536,
    /// Objects made in one transaction.
    objects_created: u32 = 4_096 in 16 ..= 65_536,
    /// Bytes of a field's name.
    field_name_bytes: u32 = 64 in 8 ..= 256,
    /// Bytes of a field's value.
    field_value_bytes: u32 = 16_384 in 1_024 ..= 1_048_576,
    /// Bytes of an event's name.
    event_name_bytes: u32 = 64 in 8 ..= 256,
    /// Bytes of an event's data.
    event_data_bytes: u32 = 16_384 in 256 ..= 1_048_576,
    /// Events of one transaction.
    events: u32 = 1_024 in 16 ..= 65_536,
    /// Bytes of the arguments of one call.
    argument_bytes: u32 = 65_536 in 1_024 ..= 1_048_576,
    /// Bytes that one call returns or reverts with.
    return_bytes: u32 = 65_536 in 1_024 ..= 1_048_576,
    /// Bytes of one transaction.
    transaction_bytes: u32 = 524_288 in 4_096 ..= 8_388_608,
    /// Gas limit of one transaction.
    transaction_gas: u64 = 500_000_000 in 1_000_000 ..= 1_000_000_000_000,
    /// Entries that one transaction may touch, each search under a prefix counted as two.
    transaction_entries: u32 = 16_384 in 64 ..= 1_048_576,
    /// Witness bytes that one transaction may declare: 2,432 for each entry touched, and the bytes of its value.
    transaction_witness_bytes: u32 = 67_108_864 in 1_048_576 ..= 268_435_456,
    /// Bytes of different modules that one transaction may load.
    transaction_code_bytes: u32 = 4_194_304 in 262_144 ..= 67_108_864,
    /// Transactions of one block.
    block_transactions: u32 = 16_384 in 1 ..= 1_048_576,
    /// Bytes of all transactions of one block.
    block_bytes: u32 = 8_388_608 in 4_096 ..= 268_435_456,
    /// Sum of the gas limits of a block's transactions.
    block_gas: u64 = 1_000_000_000 in 1_000_000 ..= 10_000_000_000_000,
    /// Witness bytes that one block may declare.
    block_witness_bytes: u32 = 134_217_728 in 65_536 ..= 1_073_741_824,
    /// Bytes of all receipts of one block.
    block_receipt_bytes: u32 = 67_108_864 in 65_536 ..= 536_870_912,
}

/// The feature switches of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Features {
    /// `memory.copy`, `memory.fill`, `memory.init`, `data.drop`.
    pub bulk_memory: bool,
    /// Must stay off.
    pub simd: bool,
    /// Must stay off.
    pub threads: bool,
    /// Must stay off.
    pub floats: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { bulk_memory: true, simd: false, threads: false, floats: false }
    }
}

/// The rules of a chain: what a light node must know beside a root. Only sound ones can be made.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct Params {
    vm_version: u32,
    engine_version: u32,
    chain: alloc::string::String,
    limits: Limits,
    features: Features,
    gas: GasSchedule,
}

impl Params {
    /// The rules of the chain named `chain` (part of every transaction's hash, so that none can be replayed on
    /// another chain).
    ///
    /// # Errors
    ///
    /// [`ParamsError`] for a limit outside its range, limits that contradict each other, a forbidden feature, or a
    /// price of 0 that bounds a loop.
    pub fn new(
        chain: impl Into<alloc::string::String>,
        limits: Limits,
        features: Features,
        gas: GasSchedule,
    ) -> Result<Self, ParamsError> {
        for (info, value) in Limits::TABLE.iter().zip(limits.values()) {
            if value < info.least || value > info.most {
                let (least, most) = (info.least, info.most);
                return Err(ParamsError::OutOfRange { name: info.name, value, least, most });
            }
        }
        let ordered = [
            (
                "memory_pages",
                u64::from(limits.memory_pages),
                "transaction_pages",
                limits.transaction_pages.into(),
            ),
            ("function_locals", limits.function_locals.into(), "module_locals", limits.module_locals.into()),
            ("function_bytes", limits.function_bytes.into(), "code_bytes", limits.code_bytes.into()),
            ("interface_bytes", limits.interface_bytes.into(), "code_bytes", limits.code_bytes.into()),
            (
                "code_bytes",
                limits.code_bytes.into(),
                "transaction_code_bytes",
                limits.transaction_code_bytes.into(),
            ),
            ("code_bytes", limits.code_bytes.into(), "transaction_bytes", limits.transaction_bytes.into()),
            ("transaction_bytes", limits.transaction_bytes.into(), "block_bytes", limits.block_bytes.into()),
            ("transaction_gas", limits.transaction_gas, "block_gas", limits.block_gas),
        ];
        for (smaller, smaller_value, larger, larger_value) in ordered {
            if smaller_value > larger_value {
                return Err(ParamsError::Contradiction { smaller, smaller_value, larger, larger_value });
            }
        }
        for (name, on) in
            [("simd", features.simd), ("threads", features.threads), ("floats", features.floats)]
        {
            if on {
                return Err(ParamsError::Forbidden(name));
            }
        }
        for (name, quotient) in [
            ("refund_quotient", gas.refund_quotient),
            ("call_reserve_quotient", gas.call_reserve_quotient),
            ("data_byte", gas.data_byte),
            ("touch", gas.touch),
        ] {
            if quotient == 0 {
                return Err(ParamsError::Zero(name));
            }
        }
        let chain = chain.into();
        Ok(Self { vm_version: VM_VERSION, engine_version: ENGINE_VERSION, chain, limits, features, gas })
    }

    /// The rules in `bytes`, at most `limit` of them, as [`Encode`] gives them: what a node keeps beside its store, or a
    /// device is handed with a root. They are checked as [`Self::new`] checks them.
    ///
    /// # Errors
    ///
    /// [`ParamsError::Bytes`] for what is no canonical encoding, [`ParamsError::OtherVersion`] for rules that this VM
    /// does not have, and what [`Self::new`] gives.
    pub fn from_bytes(bytes: &[u8], limit: usize) -> Result<Self, ParamsError> {
        type Parts = (u32, u32, alloc::string::String, Limits, Features, GasSchedule);
        let parts: Parts = decode_exact(bytes, limit).map_err(ParamsError::Bytes)?;
        let (vm_version, engine_version, chain, limits, features, gas) = parts;
        for (what, found, expected) in
            [("VM version", vm_version, VM_VERSION), ("engine version", engine_version, ENGINE_VERSION)]
        {
            if found != expected {
                return Err(ParamsError::OtherVersion { what, found, expected });
            }
        }
        Self::new(chain, limits, features, gas)
    }

    /// The default rules under the name `chain`.
    #[must_use]
    pub fn default_for(chain: &str) -> Self {
        let made = Self::new(chain, Limits::default(), Features::default(), GasSchedule::default());
        assert!(made.is_ok(), "the defaults are within their own ranges");
        made.unwrap_or_else(|_| unreachable!())
    }

    /// The chain's name.
    #[must_use]
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The feature switches.
    #[must_use]
    pub fn features(&self) -> Features {
        self.features
    }

    /// The gas schedule.
    #[must_use]
    pub fn gas(&self) -> &GasSchedule {
        &self.gas
    }

    /// The hash that a store, a header and every transaction hash contain.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(Domain::Params, &self.encode())
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::default_for("local")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Limits)) -> Result<Params, ParamsError> {
        let mut limits = Limits::default();
        change(&mut limits);
        Params::new("t", limits, Features::default(), GasSchedule::default())
    }

    #[test]
    fn r56_defaults_are_sound_and_absurd_values_are_named() {
        assert!(with(|_| ()).is_ok());
        assert_eq!(
            with(|l| l.call_depth = 0),
            Err(ParamsError::OutOfRange { name: "call_depth", value: 0, least: 8, most: 1_024 })
        );
        assert!(matches!(
            with(|l| (l.memory_pages, l.transaction_pages) = (512, 256)),
            Err(ParamsError::Contradiction { smaller: "memory_pages", larger: "transaction_pages", .. })
        ));
        for name in ["simd", "threads", "floats"] {
            let features = Features {
                simd: name == "simd",
                threads: name == "threads",
                floats: name == "floats",
                ..Features::default()
            };
            let made = Params::new("t", Limits::default(), features, GasSchedule::default());
            assert_eq!(made, Err(ParamsError::Forbidden(name)));
        }
        let gas = GasSchedule { refund_quotient: 0, ..GasSchedule::default() };
        let made = Params::new("t", Limits::default(), Features::default(), gas);
        assert_eq!(made, Err(ParamsError::Zero("refund_quotient")));
    }

    #[test]
    fn r56_hash_covers_limits_gas_engine_and_chain() {
        let base = Params::default().hash();
        assert_ne!(base, Params::default_for("other").hash());
        assert_ne!(
            base,
            Params::new(
                "local",
                Limits { handles: 100, ..Limits::default() },
                Features::default(),
                GasSchedule::default()
            )
            .unwrap()
            .hash()
        );
        let gas = GasSchedule { touch: 401, ..GasSchedule::default() };
        assert_ne!(base, Params::new("local", Limits::default(), Features::default(), gas).unwrap().hash());
        let other_engine = Params { engine_version: 1, ..Params::default() };
        assert_ne!(base, other_engine.hash());
    }

    #[test]
    fn r56_bytes_are_checked_as_the_parts_are() {
        let read = |params: &Params| Params::from_bytes(&params.encode(), 4_096);
        let params = Params::default_for("bytes");
        assert_eq!(read(&params), Ok(params.clone()));

        let bytes = params.encode();
        for end in 0..bytes.len() {
            assert!(Params::from_bytes(&bytes[..end], 4_096).is_err(), "{end} bytes");
        }
        assert!(matches!(
            Params::from_bytes(&bytes, 10),
            Err(ParamsError::Bytes(CodecError::TooLong { .. }))
        ));
        let other_rules = Params { vm_version: 7, ..params.clone() };
        assert!(matches!(
            read(&other_rules),
            Err(ParamsError::OtherVersion { what: "VM version", found: 7, expected: VM_VERSION })
        ));
        let other_engine = Params { engine_version: 1, ..params.clone() };
        assert!(matches!(read(&other_engine), Err(ParamsError::OtherVersion { what: "engine version", .. })));
        let absurd = Params { limits: Limits { call_depth: 0, ..Limits::default() }, ..params };
        assert!(matches!(read(&absurd), Err(ParamsError::OutOfRange { name: "call_depth", .. })));
    }
}
