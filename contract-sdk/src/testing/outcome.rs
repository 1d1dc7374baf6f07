//! What a transaction came to, in the contract's own terms.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use vm_core::interface::Interface;
use vm_core::{Address, ErrorCode, Receipt, Status};
use vm_host::{Resources, Trace};

use crate::codec::decode_exact as decode;
use crate::{DecodeOwned, Event};

/// Why a transaction or a view failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error's name: a variant of the contract's enum, or an error code's name such as `OutOfGas`.
    pub name: String,
    /// The number behind it.
    pub code: u32,
    /// The encoded fields of the contract's own error.
    pub data: Vec<u8>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if self.data.is_empty() { Ok(()) } else { write!(f, " with {} bytes", self.data.len()) }
    }
}

impl core::error::Error for Failure {}

impl Failure {
    pub(crate) fn of(receipt: &Receipt, interface: Option<&Interface>) -> Option<Self> {
        let of_code = |code: u16, data| {
            let name = ErrorCode::try_from(code).map_or("an unknown error", ErrorCode::name);
            Self { name: name.to_string(), code: code.into(), data }
        };
        match receipt.status {
            Status::Success => None,
            Status::Failed(code) => Some(of_code(code.code(), Vec::new())),
            Status::Reverted => Some(match receipt.output.split_first_chunk::<4>() {
                None => Self { name: "reverted".to_string(), code: 0, data: receipt.output.clone() },
                Some((code, data)) => {
                    let (code, data) = (u32::from_le_bytes(*code), data.to_vec());
                    let own = code.checked_sub(ErrorCode::CONTRACT_BASE);
                    match (own, u16::try_from(code)) {
                        (Some(index), _) => {
                            let errors = interface.map(|interface| interface.errors.as_slice());
                            let known =
                                errors.unwrap_or_default().get(usize::try_from(index).unwrap_or(usize::MAX));
                            let name =
                                known.map_or_else(|| format!("error {index}"), |error| error.name.clone());
                            Self { name, code, data }
                        }
                        (None, Ok(code)) => of_code(code, data),
                        (None, Err(_)) => Self { name: format!("error {code}"), code, data },
                    }
                }
            }),
        }
    }

    /// The fields of the contract's own error.
    ///
    /// # Panics
    ///
    /// If they are not of this type.
    #[must_use]
    pub fn fields<T: DecodeOwned>(&self) -> T {
        decode(&self.data).unwrap_or_else(|_| panic!("the fields of {} are of another type", self.name))
    }
}

/// What a transaction came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the chain records.
    pub receipt: Receipt,
    /// The call tree.
    pub trace: Option<Trace>,
    /// What it consumed: of what kind each unit of fuel was.
    pub resources: Resources,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    pub(crate) what: String,
}

impl Outcome {
    /// Whether it succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failure.is_none()
    }

    /// Itself, if it succeeded.
    ///
    /// # Panics
    ///
    /// If it failed: with the error's name and the call tree.
    pub fn expect_success(self) -> Self {
        if let Some(failure) = &self.failure {
            panic!("{} failed: {failure}\n{:#?}", self.what, self.trace);
        }
        self
    }

    /// Itself, if it failed with the error of this name: a variant of the contract's enum, or an error code.
    ///
    /// # Panics
    ///
    /// If it succeeded or failed otherwise.
    pub fn expect_error(self, name: &str) -> Self {
        match &self.failure {
            None => panic!("{} succeeded, and {name} was expected", self.what),
            Some(failure) if failure.name != name => {
                panic!("{} failed with {failure}, and {name} was expected\n{:#?}", self.what, self.trace)
            }
            Some(_) => self,
        }
    }

    /// The error's name, if it failed.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.name.as_str())
    }

    /// What the function returned.
    ///
    /// # Panics
    ///
    /// If the call failed, or the result is not of this type.
    #[must_use]
    pub fn returned<T: DecodeOwned>(&self) -> T {
        if let Some(failure) = &self.failure {
            panic!("{} returned nothing: it failed with {failure}", self.what);
        }
        decode(&self.receipt.output).unwrap_or_else(|_| panic!("{} returned another type", self.what))
    }

    /// The events of this type, in order.
    ///
    /// # Panics
    ///
    /// If an event has the name of this type and other fields.
    #[must_use]
    pub fn events<E: Event + DecodeOwned>(&self) -> Vec<E> {
        let events = self.receipt.events.iter().filter(|event| event.name == E::NAME);
        let read =
            |data: &[u8]| decode(data).unwrap_or_else(|_| panic!("the event {} has other fields", E::NAME));
        events.map(|event| read(&event.data)).collect()
    }

    /// The fields of the events of this name, in order, each as a tuple.
    ///
    /// # Panics
    ///
    /// If such an event has other fields.
    #[must_use]
    pub fn event_fields<T: DecodeOwned>(&self, name: &str) -> Vec<T> {
        let events = self.receipt.events.iter().filter(|event| event.name == name);
        let read = |data: &[u8]| decode(data).unwrap_or_else(|_| panic!("the event {name} has other fields"));
        events.map(|event| read(&event.data)).collect()
    }

    /// Who logged what, by name.
    #[must_use]
    pub fn event_names(&self) -> Vec<(Address, &str)> {
        self.receipt.events.iter().map(|event| (event.contract, event.name.as_str())).collect()
    }

    /// The gas that was paid for.
    #[must_use]
    pub fn gas_used(&self) -> u64 {
        self.receipt.gas_used
    }
}
