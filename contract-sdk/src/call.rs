//! Calls to other contracts.

use alloc::vec::Vec;

use vm_core::{Address, ErrorCode};

use crate::Context;
use crate::codec::{DecodeOwned, Encode, zeros};
use crate::error::{Error, Result};
use crate::fields::{check, decode, receive};
use crate::sys;

/// A call to another contract, with what it sends along.
///
/// ```no_run
/// # use contract_sdk::prelude::*;
/// # fn donate(ctx: &mut Context, counter: Address) -> Result<()> {
/// Call::new(counter, "donate").value(5).gas(50_000).send(ctx, &())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a call happens when it is sent"]
pub struct Call<'a> {
    contract: Address,
    function: &'a str,
    value: u64,
    gas: u64,
}

impl<'a> Call<'a> {
    /// A call to the contract's function, without value, with all the gas that may be handed on.
    #[inline]
    pub const fn new(contract: Address, function: &'a str) -> Self {
        Self { contract, function, value: 0, gas: 0 }
    }

    /// Sends value along, from this contract's balance; the function must be payable.
    #[inline]
    pub const fn value(self, value: u64) -> Self {
        Self { value, ..self }
    }

    /// Lets the callee use at most this much gas. The caller halts if it has less left; 0 stands for all but 1/64.
    #[inline]
    pub const fn gas(self, gas: u64) -> Self {
        Self { gas, ..self }
    }

    /// Sends it, with the arguments as a tuple, and returns the result's encoding.
    ///
    /// # Errors
    ///
    /// As [`Context::call`].
    #[inline]
    pub fn send(self, _: &Context, args: &impl Encode) -> Result<Vec<u8>> {
        let result = self.run(args)?;
        Ok(if result == 0 { Vec::new() } else { returned() })
    }

    /// Sends it, with the arguments as a tuple, and returns the result.
    ///
    /// # Errors
    ///
    /// As [`Context::call`], and [`ErrorCode::Decode`] if what came back is no `T`.
    #[inline]
    pub fn receive<T: DecodeOwned>(self, _: &Context, args: &impl Encode) -> Result<T> {
        let length = self.run(args)?;
        if length.is_positive() {
            return receive::<T, T>(
                |out| Ok(usize::try_from(sys::returned(out)).unwrap_or(usize::MAX)),
                decode,
            );
        }
        decode(Some(&[]))
    }

    /// The length of what came back.
    #[inline]
    fn run(self, args: &impl Encode) -> Result<i32> {
        let result = args.using_encoded(|args| {
            sys::call(&self.contract, self.function.as_bytes(), args, self.value, self.gas)
        });
        settle(result)?;
        Ok(result)
    }
}

/// Whether a call or a deployment succeeded; the error of a callee that reverted carries its bytes.
pub(crate) fn settle(result: i32) -> Result<()> {
    if result == ErrorCode::CallReverted.to_guest() {
        return Err(Error::new(ErrorCode::CallReverted.code().into(), returned()));
    }
    check(result).map(|_| ())
}

/// What the last callee returned or reverted with.
fn returned() -> Vec<u8> {
    let length = usize::try_from(sys::returned(&mut [])).unwrap_or(0);
    let mut bytes = zeros(length);
    sys::returned(&mut bytes);
    bytes
}
