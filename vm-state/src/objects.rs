//! Entries by their meaning: accounts, contracts, objects and their index, over a view or over the journal.
//!
//! Keeps the invariant that the owner index equals the objects' metadata: both are written here, together, and
//! nowhere else. Rights and prices are vm-host's.

use alloc::vec::Vec;
use parity_scale_codec::Encode;
use vm_core::{Account, Address, Contract, Hash, Key, ObjectId, ObjectMeta, OwnedObject, Stamp, System};

use crate::{Journal, NodeFailure, ReadError, Value, View};

fn encoded(entry: &impl Encode) -> Value {
    // Records are short: encoding onto the stack's copy saves an allocation an entry.
    entry.using_encoded(Value::from_slice)
}

/// Reads a view by meaning: for queries, tools and expectations. Execution reads through the [`Journal`].
#[derive(Clone, Copy, Debug)]
pub struct StateReader<'v>(&'v dyn View);

impl<'v> StateReader<'v> {
    /// A reader of `view`.
    #[must_use]
    pub fn new(view: &'v dyn View) -> Self {
        Self(view)
    }

    /// The account of `address`; empty if there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view, or for a damaged entry.
    pub fn account(&self, address: &Address) -> Result<Account, ReadError> {
        let entry = self.0.get(&Key::account(address))?;
        Ok(entry.map(|bytes| Account::from_entry(&bytes)).transpose()?.unwrap_or_default())
    }

    /// The contract at `address`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view, or for a damaged entry.
    pub fn contract(&self, address: &Address) -> Result<Option<Contract>, ReadError> {
        let entry = self.0.get(&Key::contract(address))?;
        Ok(entry.map(|bytes| Contract::from_entry(&bytes)).transpose()?)
    }

    /// The module with `code_hash`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view.
    pub fn code(&self, code_hash: &Hash) -> Result<Option<Value>, ReadError> {
        self.0.get(&Key::code(code_hash))
    }

    /// The metadata of `object`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view, or for a damaged entry.
    pub fn object(&self, object: &ObjectId) -> Result<Option<ObjectMeta>, ReadError> {
        let entry = self.0.get(&Key::object(object))?;
        Ok(entry.map(|bytes| ObjectMeta::from_entry(&bytes)).transpose()?)
    }

    /// The field `name` of `object`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view.
    pub fn field(&self, object: &ObjectId, name: &[u8]) -> Result<Option<Value>, ReadError> {
        self.0.get(&Key::field(object, name))
    }

    /// Up to `limit` objects of `owner` in `contract`, those owned longest first, after the one acquired at `after`.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view, or for a damaged entry.
    pub fn objects_of(
        &self,
        contract: &Address,
        owner: &Address,
        after: Option<Stamp>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, Stamp)>, ReadError> {
        let prefix = Key::owned_prefix(contract, owner);
        let first = match after {
            Some(stamp) => Key::owned(contract, owner, stamp).successor(),
            None => Some(prefix),
        };
        let mut found = Vec::new();
        let mut from = first;
        while let (Some(start), true) = (from, found.len() < limit) {
            let Some((key, value)) = self.0.next(&prefix, &start)? else { break };
            found.push((OwnedObject::from_entry(&value)?.object, key.stamp().unwrap_or_default()));
            from = key.successor();
        }
        Ok(found)
    }

    /// The system entry: height, time and rules.
    ///
    /// # Errors
    ///
    /// [`ReadError`] from the view, or if the entry is missing or damaged.
    pub fn system(&self) -> Result<System, ReadError> {
        let entry = self.0.get(&Key::system())?;
        let bytes = entry.ok_or(NodeFailure::Invariant("every state has a system entry"))?;
        Ok(System::from_entry(&bytes)?)
    }
}

/// Entries by meaning. Every method fails with the view's [`ReadError`], or for a damaged entry.
#[allow(clippy::missing_errors_doc, reason = "the line above says it once for all")]
impl Journal {
    /// The account of `address`; empty if there is none.
    pub fn account(&mut self, address: &Address) -> Result<Account, ReadError> {
        self.account_at(&Key::account(address))
    }

    /// The account under an account key: for who needs it more than once, since the key is a digest.
    pub fn account_at(&mut self, key: &Key) -> Result<Account, ReadError> {
        let entry = self.get(key)?;
        Ok(entry.map(|bytes| Account::from_entry(bytes)).transpose()?.unwrap_or_default())
    }

    /// Writes the account under an account key; an empty one has no entry (DESIGN 10, rule 4).
    pub fn set_account_at(&mut self, key: &Key, account: Account) -> Result<(), ReadError> {
        let entry = (account != Account::default()).then(|| encoded(&account));
        self.set(key, entry)
    }

    /// The contract at `address`.
    pub fn contract(&mut self, address: &Address) -> Result<Option<Contract>, ReadError> {
        let entry = self.get(&Key::contract(address))?;
        Ok(entry.map(|bytes| Contract::from_entry(bytes)).transpose()?)
    }

    /// Puts a contract at `address`, where none is.
    pub fn add_contract(&mut self, address: &Address, contract: Contract) -> Result<(), ReadError> {
        self.set(&Key::contract(address), Some(encoded(&contract)))
    }

    /// Writes the system entry.
    pub fn set_system(&mut self, system: System) -> Result<(), ReadError> {
        self.set(&Key::system(), Some(encoded(&system)))
    }

    /// The metadata of `object`.
    pub fn object(&mut self, object: &ObjectId) -> Result<Option<ObjectMeta>, ReadError> {
        let entry = self.get(&Key::object(object))?;
        Ok(entry.map(|bytes| ObjectMeta::from_entry(bytes)).transpose()?)
    }

    /// The object that `owner` has owned longest in `contract`.
    pub fn first_object_of(
        &mut self,
        contract: &Address,
        owner: &Address,
    ) -> Result<Option<(Stamp, OwnedObject)>, ReadError> {
        let prefix = Key::owned_prefix(contract, owner);
        self.object_from(&prefix, &prefix)
    }

    /// The first object under the owner prefix `prefix` whose index key is not below `from`.
    pub fn object_from(
        &mut self,
        prefix: &Key,
        from: &Key,
    ) -> Result<Option<(Stamp, OwnedObject)>, ReadError> {
        let Some((key, value)) = self.next(prefix, from)? else { return Ok(None) };
        let stamp = key.stamp().ok_or(NodeFailure::Invariant("an owner index key ends with a stamp"))?;
        Ok(Some((stamp, OwnedObject::from_entry(&value)?)))
    }

    /// Adds `object` and its index entry. Neither may exist: ids and stamps never repeat (DESIGN 10, rule 7).
    pub fn create_object(&mut self, object: &ObjectId, meta: ObjectMeta) -> Result<(), ReadError> {
        let key = Key::object(object);
        if self.get(&key)?.is_some() {
            return Err(NodeFailure::Invariant("an object id never repeats").into());
        }
        self.set(&key, Some(encoded(&meta)))?;
        self.add_index(object, &meta)
    }

    /// Gives `object` to `owner` from `stamp` on: metadata and index entries together.
    pub fn set_owner(
        &mut self,
        object: &ObjectId,
        meta: ObjectMeta,
        owner: Address,
        stamp: Stamp,
    ) -> Result<(), ReadError> {
        self.set(&Key::owned(&meta.contract, &meta.owner, meta.stamp), None)?;
        let meta = ObjectMeta { owner, stamp, ..meta };
        self.set(&Key::object(object), Some(encoded(&meta)))?;
        self.add_index(object, &meta)
    }

    /// Removes the metadata and the index entry of `object`. Its fields are the caller's to remove first, one by one,
    /// since each is charged.
    pub fn delete_object(&mut self, object: &ObjectId, meta: &ObjectMeta) -> Result<(), ReadError> {
        self.set(&Key::owned(&meta.contract, &meta.owner, meta.stamp), None)?;
        self.set(&Key::object(object), None)
    }

    fn add_index(&mut self, object: &ObjectId, meta: &ObjectMeta) -> Result<(), ReadError> {
        let key = Key::owned(&meta.contract, &meta.owner, meta.stamp);
        if self.get(&key)?.is_some() {
            return Err(NodeFailure::Invariant("an acquisition stamp never repeats").into());
        }
        self.set(&key, Some(encoded(&OwnedObject { object: *object, policy: meta.policy })))
    }
}
