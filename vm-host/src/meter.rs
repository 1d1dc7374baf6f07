//! The arithmetic of gas: what a charge takes, what a callee is granted, what a transaction is billed.
//!
//! Numbers in, numbers out, so that a test can go through every value near an edge against sums that cannot wrap, and
//! a model checker through all of them.
//!
//! Invariants, for fuel up to [`Gas::MAX`], which is all that a transaction may bring:
//! - what is left only falls, and what it falls by is spent or granted;
//! - a charge takes exactly its price, or all that there is;
//! - a grant takes exactly what it gives, or nothing;
//! - a bill is never more than what was burned, and never less than that by more than one part in the quotient.
//!
//! It knows no prices and nobody who pays them.

use vm_core::{ErrorCode, Gas};

use crate::error::{Answer, Fault};

/// Fuel that may still be burned, and what was.
#[derive(Debug)]
pub(crate) struct Meter {
    left: u64,
    spent: u64,
}

impl Meter {
    pub(crate) fn new(fuel: u64) -> Self {
        Self { left: fuel, spent: 0 }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// What charges took; grants are spent by those who get them.
    pub(crate) fn spent(&self) -> u64 {
        self.spent
    }

    /// Takes `gas`, before the work that it is for.
    ///
    /// # Errors
    ///
    /// A halt, out of gas, where there is less; all there is is taken.
    pub(crate) fn charge(&mut self, gas: u64) -> Answer<()> {
        let price = Gas(gas).to_fuel();
        match self.left.checked_sub(price) {
            Some(left) => {
                self.left = left;
                self.spent = self.spent.saturating_add(price);
                Ok(())
            }
            None => {
                self.spent = self.spent.saturating_add(self.left);
                self.left = 0;
                Err(Fault::Halt(ErrorCode::OutOfGas))
            }
        }
    }

    /// Takes a callee's fuel: what is `asked` for, or for no gas all but one part in `reserve_quotient` (R52).
    ///
    /// # Errors
    ///
    /// A halt where there is less; nothing is taken.
    pub(crate) fn grant(&mut self, asked: Gas, reserve_quotient: u64) -> Answer<u64> {
        let granted = match asked {
            Gas(0) => self.left.saturating_sub(self.left.checked_div(reserve_quotient).unwrap_or_default()),
            asked => asked.to_fuel(),
        };
        self.left = self.left.checked_sub(granted).ok_or(Fault::Halt(ErrorCode::CallGas))?;
        Ok(granted)
    }
}

/// What a transaction pays for, and what it gets back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bill {
    /// Refunds are off it.
    pub(crate) used: Gas,
    pub(crate) refunded: Gas,
}

impl Bill {
    /// Settles a `refund` against what was `burned`: at most one part in `refund_quotient` of it (R53).
    pub(crate) fn new(burned: Gas, refund: Gas, refund_quotient: u64) -> Self {
        let cap = burned.0.checked_div(refund_quotient).unwrap_or_default();
        let refunded = refund.0.min(cap);
        Self { used: Gas(burned.0.saturating_sub(refunded)), refunded: Gas(refunded) }
    }
}

#[cfg(kani)]
mod proofs;
#[cfg(test)]
mod tests;
