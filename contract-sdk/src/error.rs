//! Errors: a code and, where it says more, bytes.
//!
//! A function that returns one reverts: its effects are undone and the caller is handed the code as `u32`, little
//! endian, followed by the bytes. The host's own errors keep their number ([`ErrorCode`]); variant `n` of a
//! contract's error enum has the code [`ErrorCode::CONTRACT_BASE`]` + n` and its fields, encoded, as bytes.

use alloc::vec::Vec;

use vm_core::ErrorCode;

use crate::codec::{DecodeError, copied};

/// What a contract function returns when it may fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: u32,
    data: Vec<u8>,
}

impl Error {
    /// An error with a code and bytes. Contracts rather derive [`ContractError`](macro@crate::ContractError).
    #[must_use]
    pub const fn new(code: u32, data: Vec<u8>) -> Self {
        Self { code, data }
    }

    /// Variant `index` of the contract's error enum, with its fields encoded.
    #[doc(hidden)]
    #[must_use]
    pub const fn contract(index: u32, data: Vec<u8>) -> Self {
        Self { code: ErrorCode::CONTRACT_BASE.saturating_add(index), data }
    }

    /// What a host function's negative result stands for.
    pub(crate) const fn from_host(result: i32) -> Self {
        Self { code: result.unsigned_abs(), data: Vec::new() }
    }

    /// The code: an [`ErrorCode`] or, from [`ErrorCode::CONTRACT_BASE`] on, a contract's own.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.code
    }

    /// The bytes beside the code: the fields of a contract's error, or with [`ErrorCode::CallReverted`] what the
    /// callee reverted with.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Whether it is this error of the host.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == u32::from(code.code())
    }

    /// The error that a called contract reverted with, if this is a call that reverted with one.
    #[must_use]
    pub fn callee(&self) -> Option<Self> {
        let (code, data) = self.reverted_with()?;
        Some(Self { code, data: copied(data) })
    }

    /// The index and the encoded fields of the called contract's own error, if this is a call that reverted with one.
    #[doc(hidden)]
    #[must_use]
    pub fn of_callee(&self) -> Option<(u32, &[u8])> {
        let (code, data) = self.reverted_with()?;
        Some((code.checked_sub(ErrorCode::CONTRACT_BASE)?, data))
    }

    fn reverted_with(&self) -> Option<(u32, &[u8])> {
        if !self.is(ErrorCode::CallReverted) {
            return None;
        }
        let (code, data) = self.data.split_first_chunk::<4>()?;
        Some((u32::from_le_bytes(*code), data))
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self { code: code.code().into(), data: Vec::new() }
    }
}

impl From<DecodeError> for Error {
    fn from(_: DecodeError) -> Self {
        ErrorCode::Decode.into()
    }
}

/// Returns the error unless the condition holds.
///
/// ```
/// use contract_sdk::prelude::*;
///
/// fn withdraw(balance: u64, amount: u64) -> Result<u64> {
///     require!(amount <= balance, ErrorCode::InsufficientBalance);
///     Ok(balance - amount)
/// }
/// assert!(withdraw(1, 2).unwrap_err().is(ErrorCode::InsufficientBalance));
/// ```
#[macro_export]
macro_rules! require {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err(::core::convert::Into::into($error));
        }
    };
}
