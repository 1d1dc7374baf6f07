//! Errors: a code and, where it says more, bytes.
//!
//! A function that returns one reverts: its effects are undone and the caller is handed the code as `u32`, little
//! endian, followed by the bytes. The host's own errors keep their number ([`ErrorCode`]); variant `n` of a
//! contract's error enum has the code [`ErrorCode::CONTRACT_BASE`]` + n` and its fields, encoded, as bytes.

use core::num::NonZeroU32;

use alloc::boxed::Box;
use alloc::vec::Vec;

use vm_core::ErrorCode;

use crate::codec::{DecodeError, copied};

/// What a contract function returns when it may fail.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why something failed.
///
/// It is two words, so that what may fail returns little: with a `Vec` in it a token's module has 215 bytes more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Not 0, so that a `Result` needs no word of its own to tell.
    code: NonZeroU32,
    /// None for no bytes: few errors have any.
    #[expect(clippy::box_collection, reason = "a pointer to the vector is one word, the vector three")]
    data: Option<Box<Vec<u8>>>,
}

impl Error {
    /// An error with a code and bytes. Contracts rather derive [`ContractError`](macro@crate::ContractError).
    ///
    /// 0 is no code, and `u32::MAX` stands for it: that a called contract reverted with, say.
    #[must_use]
    pub fn new(code: u32, data: Vec<u8>) -> Self {
        Self { data: if data.is_empty() { None } else { Some(Box::new(data)) }, ..Self::plain(code) }
    }

    /// An error with a code alone.
    #[inline]
    const fn plain(code: u32) -> Self {
        let code = match NonZeroU32::new(code) {
            Some(code) => code,
            None => NonZeroU32::MAX,
        };
        Self { code, data: None }
    }

    /// Variant `index` of the contract's error enum, with its fields encoded.
    #[doc(hidden)]
    #[must_use]
    pub fn contract(index: u32, data: Option<Vec<u8>>) -> Self {
        let code = ErrorCode::CONTRACT_BASE.saturating_add(index);
        match data {
            Some(data) => Self::new(code, data),
            None => Self::plain(code),
        }
    }

    /// What a host function's negative result stands for.
    #[inline]
    pub(crate) const fn from_host(result: i32) -> Self {
        Self::plain(result.unsigned_abs())
    }

    /// The code: an [`ErrorCode`] or, from [`ErrorCode::CONTRACT_BASE`] on, a contract's own.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.code.get()
    }

    /// The bytes beside the code: the fields of a contract's error, or with [`ErrorCode::CallReverted`] what the
    /// callee reverted with.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.data.as_ref().map_or(&[], |data| data.as_slice())
    }

    /// Whether it is this error of the host.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code.get() == u32::from(code.code())
    }

    /// The error that a called contract reverted with, if this is a call that reverted with one.
    #[must_use]
    pub fn callee(&self) -> Option<Self> {
        let (code, data) = self.reverted_with()?;
        Some(Self::new(code, copied(data)))
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
        let (code, data) = self.data().split_first_chunk::<4>()?;
        Some((u32::from_le_bytes(*code), data))
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self::plain(code.code().into())
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
