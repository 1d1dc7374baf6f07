//! The host-function table: the one place where a host function's name, shape, price and permissions stand.
//!
//! [`for_each_host_function!`](crate::for_each_host_function) hands every row to a macro of the caller's. From
//! it come the SDK's imports, the host's linker, the validator's allow-list, the price of each function and the
//! reference page (`docs/abi.md`). A row without a price doesn't compile.
//!
//! Conventions:
//! - Import module: [`IMPORT_MODULE`]. Parameter kinds: `Ptr` (the host reads there), `PtrMut` (the host writes
//!   there), `Len`, `Handle` are `i32` in wasm, read as unsigned; `U64` and `I64` are `i64`.
//! - `Code` results: not negative on success, else [`ErrorCode::to_guest`](crate::ErrorCode::to_guest).
//! - An id or address is 32 bytes at its pointer.
//! - Functions with `out` and `cap` return the whole length. Where it is larger than `cap`, nothing is written, and
//!   the bytes are not paid for beyond a field's first touch.
//! - Order inside a function (DESIGN 10, rule 14): base charge, view flag, input pointers, lookup, permission,
//!   size charge, bounds of what is written, effect.

/// The module that contracts import host functions from.
pub const IMPORT_MODULE: &str = "vm";
/// The name under which a contract exports its memory.
pub const MEMORY_EXPORT: &str = "memory";
/// The name of the custom section that holds the interface.
pub const INTERFACE_SECTION: &str = "vm.interface";

/// A wasm value type that crosses the boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasmType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFunctionInfo {
    /// The import's name.
    pub name: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Parameter names, kinds and wasm types.
    pub params: &'static [(&'static str, &'static str, WasmType)],
    /// The result, if any.
    pub result: Option<WasmType>,
    /// Whether a view function may call it.
    pub view_safe: bool,
}

/// Calls `$callback!` once with every host function as
/// `$(#[doc = ...] view|write fn name(param: Kind, ...) -> Result, gas price;)*`.
///
/// `Kind` and `Result` are identifiers that the caller gives a meaning: `Ptr`, `PtrMut`, `Len`, `Handle`, `U64`,
/// `I64` for parameters; `Nothing`, `U64`, `I64`, `Code` for results. `price` names a field of
/// [`GasSchedule`](crate::GasSchedule).
#[macro_export]
macro_rules! for_each_host_function {
    ($callback:ident) => {
        $callback! {
            /// The height of the block.
            view fn block_height() -> U64, gas query;
            /// The block's time in milliseconds since the Unix epoch.
            view fn block_time() -> I64, gas query;
            /// Writes the executing contract's address.
            view fn contract_address(out: PtrMut) -> Nothing, gas query;
            /// Writes the address that called this frame: the transaction's sender or the calling contract.
            view fn sender(out: PtrMut) -> Nothing, gas query;
            /// Writes the transaction's sender.
            view fn origin(out: PtrMut) -> Nothing, gas query;
            /// The value sent with this call.
            view fn value() -> U64, gas query;
            /// The balance of the address; 0 for an unknown account.
            view fn balance(address: Ptr) -> U64, gas balance;
            /// Moves balance from the contract to an address, running no code there.
            write fn transfer(to: Ptr, amount: U64) -> Code, gas transfer;

            /// Makes an object owned by the contract, with policy 0 (contract) or 1 (owner), and returns its handle.
            write fn object_create(policy: Len) -> Handle, gas object_create;
            /// The handle of the contract's object with this id.
            view fn object_get(id: Ptr) -> Code, gas object_get;
            /// The handle of the contract's object that the owner has owned longest.
            view fn object_get_by_owner(owner: Ptr) -> Code, gas object_get;
            /// Up to `cap` handles (u32, little endian) of the owner's objects after the 16-byte cursor, oldest first.
            view fn objects_of(owner: Ptr, cursor: PtrMut, out: PtrMut, cap: Len) -> Code, gas object_get;
            /// Deletes the contract's object with this id and all its fields; halts if absent or forbidden.
            write fn object_delete(id: Ptr) -> Nothing, gas object_delete;
            /// Writes the object's id.
            view fn object_id(object: Handle, out: PtrMut) -> Nothing, gas query;
            /// Writes the object's owner.
            view fn object_owner(object: Handle, out: PtrMut) -> Nothing, gas object_meta;
            /// Writes the contract that the object belongs to.
            view fn object_contract(object: Handle, out: PtrMut) -> Nothing, gas object_meta;
            /// Gives the object to another owner; halts if deleted or forbidden.
            write fn object_set_owner(object: Handle, owner: Ptr) -> Nothing, gas object_set_owner;
            /// Reads a field: its whole length, and its bytes if they fit `cap`.
            view fn field_get(object: Handle, name: Ptr, name_len: Len, out: PtrMut, cap: Len) -> Code, gas field_get;
            /// Writes a field.
            write fn field_set(object: Handle, name: Ptr, name_len: Len, data: Ptr, data_len: Len) -> Code, gas field_set;
            /// Removes a field.
            write fn field_remove(object: Handle, name: Ptr, name_len: Len) -> Code, gas field_set;

            /// Calls a contract's function with SCALE arguments, value, and gas (0: all but 1/64): the length of what it
            /// returned, to be read with `returned`.
            view fn call(contract: Ptr, name: Ptr, name_len: Len, args: Ptr, args_len: Len, amount: U64, gas: U64) -> Code, gas call;
            /// Creates a contract from stored code, runs its initialiser, and writes the new address.
            write fn deploy(code_hash: Ptr, salt: Ptr, args: Ptr, args_len: Len, amount: U64, gas: U64, out: PtrMut) -> Code, gas call;
            /// Reads what the last call or deployment returned or reverted with.
            view fn returned(out: PtrMut, cap: Len) -> Code, gas data;
            /// Records an event.
            write fn log(name: Ptr, name_len: Len, data: Ptr, data_len: Len) -> Nothing, gas log;

            /// Reads the arguments of this call.
            view fn input(out: PtrMut, cap: Len) -> Code, gas data;
            /// Sets what this call returns; the last one counts.
            view fn ret(data: Ptr, data_len: Len) -> Nothing, gas data;
            /// Ends the frame, undoes its effects and hands the bytes to the caller.
            view fn revert(data: Ptr, data_len: Len) -> Nothing, gas data;

            /// Writes the blake3 digest (32 bytes) of the bytes.
            view fn blake3(data: Ptr, data_len: Len, out: PtrMut) -> Nothing, gas blake3;
        }
    };
}

macro_rules! kind {
    (Ptr) => {
        WasmType::I32
    };
    (PtrMut) => {
        WasmType::I32
    };
    (Len) => {
        WasmType::I32
    };
    (Handle) => {
        WasmType::I32
    };
    (U64) => {
        WasmType::I64
    };
}

macro_rules! result {
    (Nothing) => {
        None
    };
    (Code) => {
        Some(WasmType::I32)
    };
    (Handle) => {
        Some(WasmType::I32)
    };
    (U64) => {
        Some(WasmType::I64)
    };
    (I64) => {
        Some(WasmType::I64)
    };
}

macro_rules! view_safe {
    (view) => {
        true
    };
    (write) => {
        false
    };
}

macro_rules! table {
    ($($(#[doc = $doc:literal])+ $mode:ident fn $name:ident($($param:ident: $kind:ident),*) -> $result:ident, gas $price:ident;)+) => {
        /// A host function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(non_camel_case_types, reason = "the variants are the import names")]
        pub enum HostFunction {
            $($(#[doc = $doc])+ $name,)+
        }

        impl HostFunction {
            /// Every host function, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its row.
            #[must_use]
            pub const fn info(self) -> HostFunctionInfo {
                match self {
                    $(Self::$name => HostFunctionInfo {
                        name: stringify!($name),
                        doc: concat!($($doc),+),
                        params: &[$((stringify!($param), stringify!($kind), kind!($kind))),*],
                        result: result!($result),
                        view_safe: view_safe!($mode),
                    },)+
                }
            }

            /// Its base price in gas, charged before anything else.
            #[must_use]
            pub const fn base_gas(self, schedule: &$crate::GasSchedule) -> u64 {
                match self { $(Self::$name => schedule.$price),+ }
            }

            /// The host function with this import name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

for_each_host_function!(table);

impl HostFunction {
    /// Its import name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.info().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GasSchedule;

    #[test]
    fn every_function_has_a_name_a_line_and_a_price() {
        let schedule = GasSchedule::default();
        for &function in HostFunction::ALL {
            let info = function.info();
            assert_eq!(HostFunction::from_name(info.name), Some(function));
            assert!(!info.doc.trim().is_empty());
            assert!(function.base_gas(&schedule) > 0, "{} is free", info.name);
        }
        assert_eq!(HostFunction::from_name("fd_write"), None);
    }

    /// R50: the architecture's own table (DESIGN section 5).
    #[test]
    fn r50_table_prices_are_the_published_ones() {
        let schedule = GasSchedule::default();
        let price = |name| HostFunction::from_name(name).unwrap().base_gas(&schedule);
        for (name, gas) in [
            ("sender", 10),
            ("origin", 10),
            ("contract_address", 10),
            ("block_height", 10),
            ("block_time", 10),
            ("value", 10),
            ("object_id", 10),
            ("balance", 50),
            ("transfer", 500),
            ("call", 10_000),
            ("log", 100),
            ("object_create", 50),
            ("object_get", 50),
            ("object_get_by_owner", 50),
            ("object_contract", 100),
            ("object_owner", 100),
            ("object_set_owner", 500),
            ("object_delete", 500),
            ("field_get", 100),
            ("field_set", 1_000),
        ] {
            assert_eq!(price(name), gas, "{name}");
        }
        assert_eq!(schedule.refund_delete, 800);
        assert_eq!(schedule.field_set_byte, 100);
        assert_eq!(schedule.field_get_byte, 1);
        assert_eq!(schedule.log_byte, 1);
    }
}
