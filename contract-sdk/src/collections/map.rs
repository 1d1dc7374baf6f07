//! A map: one field per key.

use core::marker::PhantomData;

use crate::codec::{DecodeOwned, Encode};
use crate::error::Result;
use crate::object::Object;

use super::{Collection, EncodesAs, Place};

/// Declares a map from keys to values as a field of a struct under `#[object]`. The getter gives the [`MapRef`] that
/// works on it.
#[derive(Debug)]
pub struct Map<K, V>(PhantomData<fn() -> (K, V)>);

impl<K, V> Map<K, V> {
    /// A map with nothing in it.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The map that has this name in an object.
    #[inline]
    #[must_use]
    pub const fn of<T>(object: &Object<T>, name: &'static str) -> MapRef<K, V> {
        MapRef { place: Place::new(object, name), entries: PhantomData }
    }
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Collection for Map<K, V> {
    type In = MapRef<K, V>;

    #[inline]
    fn of<T>(object: &Object<T>, name: &'static str) -> Self::In {
        Self::of(object, name)
    }
}

/// A map in an object. Keys and values are given as their type or as what [has its encoding](EncodesAs): `&str` for
/// `String`.
///
/// All its functions fail with [`ErrorCode::ObjectNotFound`](crate::ErrorCode::ObjectNotFound) if the object was
/// deleted.
#[derive(Clone, Copy, Debug)]
pub struct MapRef<K, V> {
    place: Place,
    entries: PhantomData<fn() -> (K, V)>,
}

impl<K: Encode, V: Encode + DecodeOwned> MapRef<K, V> {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Decode`](crate::ErrorCode::Decode) if what is there is no `V`.
    #[inline]
    pub fn get<Q: Encode + ?Sized>(&self, key: &Q) -> Result<Option<V>>
    where
        K: EncodesAs<Q>,
    {
        self.place.with_key::<K, Q, _>(key, |name| self.place.fields.find(name))
    }

    /// Whether the key has a value. The value's bytes are not paid for.
    ///
    /// # Errors
    ///
    /// Those of all.
    #[inline]
    pub fn contains<Q: Encode + ?Sized>(&self, key: &Q) -> Result<bool>
    where
        K: EncodesAs<Q>,
    {
        self.place.with_key::<K, Q, _>(key, |name| self.place.fields.has(name))
    }

    /// Gives the key a value, whether or not it has one.
    ///
    /// # Errors
    ///
    /// As [`Object::set`](crate::Object::set).
    #[inline]
    pub fn insert<Q: Encode + ?Sized, W: Encode + ?Sized>(&self, key: &Q, value: &W) -> Result<()>
    where
        K: EncodesAs<Q>,
        V: EncodesAs<W>,
    {
        self.place.with_key::<K, Q, _>(key, |name| self.place.fields.set(name, value))
    }

    /// Takes the key's value out, and says whether there was one.
    ///
    /// # Errors
    ///
    /// As [`Object::set`](crate::Object::set).
    #[inline]
    pub fn remove<Q: Encode + ?Sized>(&self, key: &Q) -> Result<bool>
    where
        K: EncodesAs<Q>,
    {
        self.place.with_key::<K, Q, _>(key, |name| {
            let there = self.place.fields.has(name)?;
            if there {
                self.place.fields.remove(name)?;
            }
            Ok(there)
        })
    }
}
