//! Objects: what a contract's state is made of.

use core::fmt;
use core::marker::PhantomData;

use vm_core::{Address, ObjectId};

use crate::codec::{DecodeOwned, Encode};
use crate::error::Result;
use crate::fields::Fields;
use crate::sys;

/// One of the contract's objects: an owner and named fields.
///
/// It is a handle to what the host keeps, valid in the frame that got it; two handles may mean the same object, and
/// each sees what the other wrote. Nothing is read before it is asked for, and nothing written but what is set.
///
/// An `Object` is read and written by the names of its fields; an `Object<T>`, where `T` is a struct under
/// `#[object]`, also has a method per field: see the [derive](macro@crate::Object). The kind is a matter of the
/// contract's code: the host knows no kinds, and an id that a caller sent may mean any object of the contract. Reading
/// a field that its kind has not fails with [`ErrorCode::FieldNotFound`](crate::ErrorCode::FieldNotFound).
pub struct Object<T = Untyped> {
    handle: u32,
    kind: PhantomData<fn() -> T>,
}

/// The kind of an [`Object`] of which only the names of its fields are known.
#[derive(Debug)]
pub enum Untyped {}

/// A struct under `#[object]`: the fields of a kind of object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of object",
    label = "not under #[object]",
    note = "put `#[object]` on the struct, inside the contract's module, or `#[derive(Object)]` elsewhere"
)]
pub trait Kind: Sized {
    /// Writes every field.
    ///
    /// # Errors
    ///
    /// As [`Object::set`].
    fn store(&self, object: &Object<Self>) -> Result<()>;

    /// Reads every field.
    ///
    /// # Errors
    ///
    /// As [`Object::get`].
    fn load(object: &Object<Self>) -> Result<Self>;
}

impl<T> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("handle", &self.handle).finish()
    }
}

impl<T> Object<T> {
    #[inline]
    pub(crate) const fn new(handle: u32) -> Self {
        Self { handle, kind: PhantomData }
    }

    #[inline]
    pub(crate) const fn fields(&self) -> Fields {
        Fields(self.handle)
    }

    /// The same object, taken for one of another kind.
    #[inline]
    #[must_use]
    pub const fn typed<U>(self) -> Object<U> {
        Object::new(self.handle)
    }

    /// Its id.
    #[inline]
    #[must_use]
    pub fn id(&self) -> ObjectId {
        sys::object_id(self.handle)
    }

    /// Its owner.
    #[inline]
    #[must_use]
    pub fn owner(&self) -> Address {
        sys::object_owner(self.handle)
    }

    /// The contract that it belongs to.
    #[inline]
    #[must_use]
    pub fn contract(&self) -> Address {
        sys::object_contract(self.handle)
    }

    /// Gives it to another owner. The frame halts if its policy forbids that to the sender.
    #[inline]
    pub fn set_owner(&self, owner: Address) {
        sys::object_set_owner(self.handle, &owner);
    }

    /// Reads a field.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FieldNotFound`](crate::ErrorCode::FieldNotFound) if there is none,
    /// [`ErrorCode::Decode`](crate::ErrorCode::Decode) if it holds no `V`,
    /// [`ErrorCode::ObjectNotFound`](crate::ErrorCode::ObjectNotFound) if the object was deleted.
    #[inline]
    pub fn get<V: DecodeOwned>(&self, field: &str) -> Result<V> {
        self.fields().get(field.as_bytes())
    }

    /// Writes a field, whether or not it is there.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Permission`](crate::ErrorCode::Permission) if the object's policy forbids it to the sender,
    /// [`ErrorCode::FieldNameSize`](crate::ErrorCode::FieldNameSize) or
    /// [`ErrorCode::ValueSize`](crate::ErrorCode::ValueSize) past the limits,
    /// [`ErrorCode::ObjectNotFound`](crate::ErrorCode::ObjectNotFound) if the object was deleted.
    #[inline]
    pub fn set<V: Encode + ?Sized>(&self, field: &str, value: &V) -> Result<()> {
        self.fields().set(field.as_bytes(), value)
    }

    /// Writes what `change` makes of a field's value, and returns it. It is written, and paid for, even if the value
    /// stays the same; what `change` itself wrote to the field is lost.
    ///
    /// # Errors
    ///
    /// As [`Self::get`] and [`Self::set`], and what `change` returns: `update` writes nothing then.
    #[inline]
    pub fn update<V: Encode + DecodeOwned>(
        &self,
        field: &str,
        change: impl FnOnce(V) -> Result<V>,
    ) -> Result<V> {
        self.fields().update(field.as_bytes(), change)
    }

    /// Removes a field.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::FieldNotFound`](crate::ErrorCode::FieldNotFound) if there is none, and as [`Self::set`].
    #[inline]
    pub fn remove(&self, field: &str) -> Result<()> {
        self.fields().remove(field.as_bytes())
    }
}

impl<T: Kind> Object<T> {
    /// Reads all its fields at once. A collection is there, but not what it holds.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    #[inline]
    pub fn load(&self) -> Result<T> {
        T::load(self)
    }
}
