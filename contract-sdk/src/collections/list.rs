//! A list: one field per element, and one with how many there are.

use core::marker::PhantomData;

use vm_core::ErrorCode;

use crate::codec::{DecodeOwned, Encode};
use crate::error::Result;
use crate::interface::{Described, TypeDef};
use crate::object::Object;

use super::{Collection, EncodesAs, Place};

/// Declares a list as a field of a struct under `#[object]`. The getter gives the [`ListRef`] that works on it.
///
/// The field of the list's name holds how many elements there are, as `u32`; it is not there while the list has never
/// had any.
#[derive(Debug)]
pub struct List<T>(PhantomData<fn() -> T>);

impl<T> List<T> {
    /// A list with nothing in it.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The list that has this name in an object.
    #[inline]
    #[must_use]
    pub const fn of<U>(object: &Object<U>, name: &'static str) -> ListRef<T> {
        ListRef { place: Place::new(object, name), elements: PhantomData }
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Collection for List<T> {
    type In = ListRef<T>;

    #[inline]
    fn of<U>(object: &Object<U>, name: &'static str) -> Self::In {
        Self::of(object, name)
    }
}

impl<T> Described for List<T> {
    const TYPE: TypeDef = TypeDef::U32;
}

/// A list in an object. Places count from 0. Elements are given as their type or as what
/// [has its encoding](EncodesAs): `&str` for `String`.
///
/// All its functions fail with [`ErrorCode::ObjectNotFound`] if the object was deleted, those that write as
/// [`Object::set`](crate::Object::set), those that read with [`ErrorCode::Decode`] if what is there is no `T`.
#[derive(Debug)]
pub struct ListRef<T> {
    place: Place,
    elements: PhantomData<fn() -> T>,
}

impl<T> Clone for ListRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ListRef<T> {}

impl<T: Encode + DecodeOwned> ListRef<T> {
    /// How many elements there are.
    ///
    /// # Errors
    ///
    /// Those of all.
    #[inline]
    pub fn len(&self) -> Result<u32> {
        Ok(self.place.fields.find(self.place.own())?.unwrap_or(0))
    }

    /// Whether there are none.
    ///
    /// # Errors
    ///
    /// Those of all.
    #[inline]
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// The element at a place, if there is one.
    ///
    /// # Errors
    ///
    /// Those of all.
    #[inline]
    pub fn get(&self, index: u32) -> Result<Option<T>> {
        // A field is there exactly for the places below the length.
        self.place.with_index(index, |name| self.place.fields.find(name))
    }

    /// Puts another element at a place.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FieldNotFound`] past the end.
    #[inline]
    pub fn set<V: Encode + ?Sized>(&self, index: u32, value: &V) -> Result<()>
    where
        T: EncodesAs<V>,
    {
        self.place.with_index(index, |name| {
            if !self.place.fields.has(name)? {
                return Err(ErrorCode::FieldNotFound.into());
            }
            self.place.fields.set(name, value)
        })
    }

    /// Appends an element and returns its place.
    ///
    /// # Errors
    ///
    /// Those of all.
    #[inline]
    pub fn push<V: Encode + ?Sized>(&self, value: &V) -> Result<u32>
    where
        T: EncodesAs<V>,
    {
        let index = self.len()?;
        // Who could pay for four thousand million elements gets an error, not a list that forgets.
        let length = index.checked_add(1).ok_or(ErrorCode::ValueSize)?;
        self.place.with_index(index, |name| self.place.fields.set(name, value))?;
        self.place.fields.set(self.place.own(), &length)?;
        Ok(index)
    }

    /// Takes the last element out, if there is one.
    ///
    /// # Errors
    ///
    /// Those of all.
    pub fn pop(&self) -> Result<Option<T>> {
        match self.len()?.checked_sub(1) {
            Some(last) => self.cut(last).map(Some),
            None => Ok(None),
        }
    }

    /// Takes the element at a place out, if there is one, and puts the last in its place: the cost does not depend on
    /// how many there are.
    ///
    /// # Errors
    ///
    /// Those of all.
    pub fn swap_remove(&self, index: u32) -> Result<Option<T>> {
        let Some(last) = self.len()?.checked_sub(1).filter(|last| index <= *last) else { return Ok(None) };
        let moved = self.cut(last)?;
        if index == last {
            return Ok(Some(moved));
        }
        self.place.with_index(index, |name| {
            let taken = self.place.fields.get(name)?;
            self.place.fields.set(name, &moved)?;
            Ok(Some(taken))
        })
    }

    /// The elements in order. Each is read when it is asked for.
    ///
    /// # Errors
    ///
    /// Those of all; the items have their own.
    #[inline]
    pub fn iter(&self) -> Result<Elements<T>> {
        Ok(Elements { list: *self, next: 0, end: self.len()? })
    }

    /// Takes out the last element, which is at `last`.
    fn cut(&self, last: u32) -> Result<T> {
        let value = self.place.with_index(last, |name| {
            let value = self.place.fields.get(name)?;
            self.place.fields.remove(name)?;
            Ok(value)
        })?;
        self.place.fields.set(self.place.own(), &last)?;
        Ok(value)
    }
}

/// The elements of a list: see [`ListRef::iter`].
#[derive(Debug)]
pub struct Elements<T> {
    list: ListRef<T>,
    next: u32,
    end: u32,
}

impl<T: Encode + DecodeOwned> Iterator for Elements<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.next >= self.end {
            return None;
        }
        let element = self.list.place.with_index(self.next, |name| self.list.place.fields.get(name));
        self.next = self.next.wrapping_add(1);
        Some(element)
    }
}
