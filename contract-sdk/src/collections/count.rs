//! A count: one number that starts at 0.

use vm_core::ErrorCode;

use crate::error::Result;
use crate::interface::{Described, TypeDef};
use crate::object::Object;

use super::{Collection, Place};

/// Declares a count as a field of a struct under `#[object]`. The getter gives the [`CountRef`] that works on it.
///
/// It is a `u64` that is 0 while its field is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count(());

impl Count {
    /// A count of 0.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// The count that has this name in an object.
    #[inline]
    #[must_use]
    pub const fn of<T>(object: &Object<T>, name: &'static str) -> CountRef {
        CountRef { place: Place::new(object, name) }
    }
}

impl Collection for Count {
    type In = CountRef;

    #[inline]
    fn of<T>(object: &Object<T>, name: &'static str) -> Self::In {
        Self::of(object, name)
    }
}

impl Described for Count {
    const TYPE: TypeDef = TypeDef::U64;
}

/// A count in an object. Its functions fail as [`Object::get`](crate::Object::get) and
/// [`Object::set`](crate::Object::set) do.
#[derive(Clone, Copy, Debug)]
pub struct CountRef {
    place: Place,
}

impl CountRef {
    /// What it is now.
    ///
    /// # Errors
    ///
    /// Those of all.
    #[inline]
    pub fn get(&self) -> Result<u64> {
        Ok(self.place.fields.find(self.place.own())?.unwrap_or(0))
    }

    /// Adds a number. Returns the count.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Panic`], as for any sum past `u64::MAX`; nothing is written.
    #[inline]
    pub fn add(&self, by: u64) -> Result<u64> {
        self.write(self.get()?.checked_add(by))
    }

    /// Takes a number off. Returns the count.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Panic`], as for any difference below 0; nothing is written.
    #[inline]
    pub fn subtract(&self, by: u64) -> Result<u64> {
        self.write(self.get()?.checked_sub(by))
    }

    /// Adds one. Returns what the count was before: the numbers 0, 1, 2, ... for things that want one each.
    ///
    /// # Errors
    ///
    /// As [`Self::add`].
    #[inline]
    pub fn advance(&self) -> Result<u64> {
        Ok(self.add(1)?.wrapping_sub(1))
    }

    #[inline]
    fn write(&self, count: Option<u64>) -> Result<u64> {
        let count = count.ok_or(ErrorCode::Panic)?;
        self.place.fields.set(self.place.own(), &count)?;
        Ok(count)
    }
}
