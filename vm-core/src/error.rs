//! The stable codes that receipts, host functions and contracts share.
//!
//! A code is all that consensus records of a failure; texts are diagnostics and live in traces. Codes are never
//! reused: a retired one keeps its number.

use core::fmt;

/// Who learns of an error, and what it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A host function returns it to the contract, which goes on.
    Returned,
    /// It ends the frame at once; the frame's whole gas is billed.
    Halt,
    /// The SDK reverts with it; the host itself never produces it.
    Sdk,
}

/// A `u16` that no [`ErrorCode`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not an error code of this version")]
pub struct UnknownErrorCode(pub u16);

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $kind:ident, $text:literal;)+) => {
        /// A stable error code: 1 to 63 are returned to contracts, 64 to 127 halt a frame, 128 to 191 belong to the SDK.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl ErrorCode {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its stable number.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code),+ }
            }

            /// Its name in scenarios, traces and JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// Who learns of it, and what it ends.
            #[must_use]
            pub const fn kind(self) -> ErrorKind {
                match self { $(Self::$name => ErrorKind::$kind),+ }
            }

            /// The code with this [`name`](Self::name).
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)+ _ => None }
            }
        }

        impl TryFrom<u16> for ErrorCode {
            type Error = UnknownErrorCode;

            fn try_from(code: u16) -> Result<Self, UnknownErrorCode> {
                match code { $($code => Ok(Self::$name),)+ other => Err(UnknownErrorCode(other)) }
            }
        }

        impl fmt::Display for ErrorCode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text),+ })
            }
        }
    };
}

error_codes! {
    /// No such object in the current contract: absent, deleted, or another contract's.
    ObjectNotFound = 1, Returned, "no such object in this contract";
    /// The object has no such field.
    FieldNotFound = 2, Returned, "the object has no such field";
    /// The object's policy forbids the sender this change. A halt in `object_set_owner` and `object_delete`.
    Permission = 3, Returned, "the sender may not change this object";
    /// The paying account has less than the amount.
    InsufficientBalance = 4, Returned, "the balance is too small";
    /// The receiving balance would pass `u64::MAX`.
    BalanceOverflow = 5, Returned, "the receiving balance would overflow";
    /// A field name that is empty or longer than the limit.
    FieldNameSize = 6, Returned, "the field name is empty or too long";
    /// A field value longer than the limit.
    ValueSize = 7, Returned, "the field value is too long";
    /// No contract lives at the address.
    ContractNotFound = 8, Returned, "no contract at this address";
    /// The contract exports no such function.
    FunctionNotFound = 9, Returned, "the contract has no such function";
    /// Value was sent to a function that is not payable.
    NotPayable = 10, Returned, "the function does not take value";
    /// The arguments are not the canonical encoding of the function's parameters.
    BadArguments = 11, Returned, "the arguments do not fit the function's parameters";
    /// The contract is already in the call chain and the function is not reentrant.
    Reentrancy = 12, Returned, "the contract is already in the call chain";
    /// The callee reverted; its bytes can be read.
    CallReverted = 13, Returned, "the called contract reverted";
    /// No code is stored under the hash.
    CodeNotFound = 14, Returned, "no code with this hash";
    /// A contract lives at the address already.
    AddressTaken = 15, Returned, "a contract lives at this address already";
    /// An initialiser was called other than by a deployment.
    InitCalled = 16, Returned, "an initialiser runs at deployment only";

    /// The frame's gas is used up.
    OutOfGas = 64, Halt, "out of gas";
    /// Wasm `unreachable`.
    Unreachable = 65, Halt, "unreachable code was executed";
    /// A load or store past the linear memory.
    MemoryOutOfBounds = 66, Halt, "memory access out of bounds";
    /// A table access past its end.
    TableOutOfBounds = 67, Halt, "table access out of bounds";
    /// An indirect call through an empty table entry.
    IndirectCallToNull = 68, Halt, "indirect call to an empty table entry";
    /// An integer division by zero.
    DivisionByZero = 69, Halt, "integer division by zero";
    /// An integer division that overflows.
    IntegerOverflow = 70, Halt, "integer overflow";
    /// An indirect call with another signature.
    BadSignature = 71, Halt, "indirect call with another signature";
    /// Wasm calls nested past the limit.
    StackOverflow = 72, Halt, "wasm call stack exhausted";
    /// A host function was given a pointer past the linear memory.
    PointerOutOfBounds = 73, Halt, "a pointer given to a host function is out of bounds";
    /// A handle that this frame never got.
    BadHandle = 74, Halt, "not an object handle of this frame";
    /// Contract calls nested past the limit.
    CallDepth = 75, Halt, "calls are nested too deeply";
    /// A call asked for more gas than the caller has left.
    CallGas = 76, Halt, "a call asks for more gas than is left";
    /// A view function tried to write, log, transfer or send value.
    ViewViolation = 77, Halt, "a view function tried to change state";
    /// More object handles in one frame than the limit.
    HandleLimit = 78, Halt, "too many object handles in one frame";
    /// More objects made in one transaction than the limit.
    ObjectLimit = 79, Halt, "too many objects made in one transaction";
    /// An event's name or data past the limit, or too many events.
    EventLimit = 80, Halt, "an event is too large, or there are too many";
    /// Return or revert bytes past the limit.
    ReturnSize = 81, Halt, "return data is too long";
    /// Call arguments past the limit.
    ArgumentSize = 82, Halt, "call arguments are too long";
    /// A policy number that stands for none.
    BadPolicy = 83, Halt, "not an object policy";
    /// Linear memories of all live frames together pass the transaction's budget.
    MemoryBudget = 84, Halt, "the transaction's memory budget is used up";
    /// A module that validation refuses; why is in the trace.
    InvalidModule = 85, Halt, "the module is refused by validation";
    /// Text given to a host function as a name is not UTF-8.
    NotUtf8 = 86, Halt, "a name is not UTF-8";
    /// More entries touched, or more witness bytes declared by them, than a transaction may.
    EntryLimit = 87, Halt, "the transaction touches too many entries";
    /// More code loaded than a transaction may.
    CodeLimit = 88, Halt, "the transaction loads too much code";

    /// The SDK: bytes do not decode as the wanted type.
    Decode = 128, Sdk, "bytes do not decode as the wanted type";
    /// The SDK: the contract panicked.
    Panic = 129, Sdk, "the contract panicked";
    /// The SDK: the contract's heap is used up.
    HeapExhausted = 130, Sdk, "the contract's heap is used up";
}

impl ErrorCode {
    /// The first code of a contract's own errors: variant `n` of its error enum reverts with this plus `n`.
    pub const CONTRACT_BASE: u32 = 0x1_0000;

    /// How a host function hands it to the guest: the negated code, so that results stay non-negative.
    #[must_use]
    pub fn to_guest(self) -> i32 {
        i32::from(self.code()).saturating_neg()
    }

    /// The code that a host function's result `value` stands for; `None` for a result that is not negative.
    ///
    /// # Errors
    ///
    /// [`UnknownErrorCode`] for a negative number that no code has.
    pub fn from_guest(value: i32) -> Result<Option<Self>, UnknownErrorCode> {
        if value >= 0i32 {
            return Ok(None);
        }
        let code = u16::try_from(value.unsigned_abs()).map_err(|_| UnknownErrorCode(u16::MAX))?;
        Self::try_from(code).map(Some)
    }
}

impl core::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_convert_both_ways_and_ascend() {
        let mut last = 0;
        for &code in ErrorCode::ALL {
            assert!(code.code() > last);
            last = code.code();
            assert_eq!(ErrorCode::try_from(code.code()), Ok(code));
            assert_eq!(ErrorCode::from_name(code.name()), Some(code));
            assert_eq!(ErrorCode::from_guest(code.to_guest()), Ok(Some(code)));
            let range = match code.kind() {
                ErrorKind::Returned => 1..64,
                ErrorKind::Halt => 64..128,
                ErrorKind::Sdk => 128..192,
            };
            assert!(range.contains(&code.code()), "{code:?} is outside its range");
        }
        assert_eq!(ErrorCode::try_from(0), Err(UnknownErrorCode(0)));
        assert_eq!(ErrorCode::from_guest(7), Ok(None));
        assert_eq!(ErrorCode::from_guest(i32::MIN), Err(UnknownErrorCode(u16::MAX)));
        assert_eq!(ErrorCode::from_guest(-50), Err(UnknownErrorCode(50)));
        assert_eq!(ErrorCode::from_name("Nope"), None);
    }
}
