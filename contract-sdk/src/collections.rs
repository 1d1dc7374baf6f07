//! Collections over the fields of one object: [`Map`], [`List`], [`Count`].
//!
//! They are declared as fields of a struct under `#[object]` and used through the getter of that name:
//!
//! ```
//! use contract_sdk::prelude::*;
//!
//! #[contract]
//! pub mod guestbook {
//!     use super::*;
//!
//!     #[object]
//!     pub struct Book {
//!         entries: List<String>,
//!         signed: Map<Address, u32>,
//!     }
//!
//!     #[init]
//!     pub fn open(ctx: &mut Context) -> Result<ObjectId> {
//!         Ok(ctx.create(Book { entries: List::new(), signed: Map::new() })?.id())
//!     }
//!
//!     #[call]
//!     pub fn sign(ctx: &mut Context, text: &str) -> Result<u32> {
//!         let book = ctx.own::<Book>()?;
//!         let place = book.entries().push(text)?;
//!         book.signed().insert(&ctx.sender(), &place)?;
//!         Ok(place)
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! Each entry is a field of its own, so an operation touches what it names and nothing else, whatever the collection
//! holds. The field of an entry is named `NAME:KEY`: the collection's name, a colon, the key's encoding (of a key
//! that may take more than 32 bytes, its blake3 digest) or the place in a list. A colon is in no name of Rust's, so
//! collections and plain fields of one object never meet. Names are paid for by the byte: short ones are cheaper.
//!
//! A contract can't ask the host for an object's fields. So a list can be walked through and a map can't: keep the
//! keys in a list beside it, or objects of their own, which [`Context::objects_of`](crate::Context::objects_of)
//! finds. Deleting the object deletes all that its collections hold.

mod count;
mod encodes_as;
mod key;
mod list;
mod map;

use crate::fields::Fields;
use crate::object::Object;

pub use count::{Count, CountRef};
pub use encodes_as::EncodesAs;
pub use list::{Elements, List, ListRef};
pub use map::{Map, MapRef};

/// What `#[object]` takes for a collection: a field whose type is named `Map`, `List` or `Count`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named like a collection of the SDK and is none",
    note = "use contract_sdk's `Map`, `List` or `Count`, or give your type another name"
)]
pub trait Collection: Default {
    /// It, in an object.
    type In;

    /// The collection that has this name in the object.
    fn of<T>(object: &Object<T>, name: &'static str) -> Self::In;
}

/// Where a collection stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    fields: Fields,
    name: &'static str,
}

impl Place {
    #[inline]
    const fn new<T>(object: &Object<T>, name: &'static str) -> Self {
        Self { fields: object.fields(), name }
    }

    /// The field with the collection's own name.
    #[inline]
    const fn own(&self) -> &'static [u8] {
        self.name.as_bytes()
    }
}
