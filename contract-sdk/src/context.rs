//! The context of a call: what a contract can ask and do.

use core::marker::PhantomData;

use alloc::vec::Vec;
use vm_core::{Address, ErrorCode, Hash, ObjectId, Policy};

use crate::call::Call;
use crate::codec::Encode;
use crate::error::Result;
use crate::fields::check;
use crate::object::{Kind, Object};
use crate::sys;

/// What the contract can ask and do, handed to each of its functions.
///
/// Views get `&Context` and can only ask; the others get `&mut Context`. The host enforces the same, whatever the
/// contract does.
#[derive(Debug)]
pub struct Context {
    /// A frame is one thread's.
    frame: PhantomData<*const ()>,
}

impl Context {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { frame: PhantomData }
    }

    /// The height of the block.
    #[inline]
    #[must_use]
    pub fn block_height(&self) -> u64 {
        sys::block_height()
    }

    /// The block's time in milliseconds since the Unix epoch.
    #[inline]
    #[must_use]
    pub fn block_time(&self) -> i64 {
        sys::block_time()
    }

    /// The address of this contract.
    #[inline]
    #[must_use]
    pub fn contract_address(&self) -> Address {
        sys::contract_address()
    }

    /// Who called: the transaction's sender, or the contract that made this call.
    #[inline]
    #[must_use]
    pub fn sender(&self) -> Address {
        sys::sender()
    }

    /// The transaction's sender.
    #[inline]
    #[must_use]
    pub fn origin(&self) -> Address {
        sys::origin()
    }

    /// The value sent with this call. The contract has it already.
    #[inline]
    #[must_use]
    pub fn value(&self) -> u64 {
        sys::value()
    }

    /// The balance of an address; 0 for an unknown one.
    #[inline]
    #[must_use]
    pub fn balance(&self, address: Address) -> u64 {
        sys::balance(&address)
    }

    /// The blake3 digest of the bytes.
    #[inline]
    #[must_use]
    pub fn blake3(&self, bytes: &[u8]) -> Hash {
        sys::blake3(bytes)
    }

    /// Moves value from the contract to an address. No code runs there.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InsufficientBalance`](crate::ErrorCode::InsufficientBalance) or
    /// [`ErrorCode::BalanceOverflow`](crate::ErrorCode::BalanceOverflow); nothing is moved.
    #[inline]
    pub fn transfer(&mut self, to: Address, amount: u64) -> Result<()> {
        check(sys::transfer(&to, amount)).map(|_| ())
    }

    /// Makes an object that belongs to the contract, by whose code alone it is changed.
    #[inline]
    pub fn create_object(&mut self) -> Object {
        self.create_object_with(Policy::Contract)
    }

    /// Makes an object that, once it is given away, the host lets only its owner change
    /// ([`Policy::Owner`]).
    #[inline]
    pub fn create_owned_object(&mut self) -> Object {
        self.create_object_with(Policy::Owner)
    }

    /// Makes an object with a policy. It belongs to the contract until [`Object::set_owner`].
    #[inline]
    pub fn create_object_with(&mut self, policy: Policy) -> Object {
        Object::new(sys::object_create(match policy {
            Policy::Contract => 0,
            Policy::Owner => 1,
        }))
    }

    /// Makes an object with the fields of a struct under `#[object]`. It belongs to the contract, by whose code alone it
    /// is changed.
    ///
    /// # Errors
    ///
    /// As [`Object::set`].
    #[inline]
    pub fn create<T: Kind>(&mut self, fields: T) -> Result<Object<T>> {
        self.create_with(Policy::Contract, fields)
    }

    /// As [`Self::create`], for an object that, once it is given away, the host lets only its owner change
    /// ([`Policy::Owner`]).
    ///
    /// # Errors
    ///
    /// As [`Object::set`].
    #[inline]
    pub fn create_owned<T: Kind>(&mut self, fields: T) -> Result<Object<T>> {
        self.create_with(Policy::Owner, fields)
    }

    #[inline]
    fn create_with<T: Kind>(&mut self, policy: Policy, fields: T) -> Result<Object<T>> {
        let object = self.create_object_with(policy).typed();
        fields.store(&object)?;
        Ok(object)
    }

    /// As [`Self::get_object`], for an object of a kind.
    ///
    /// # Errors
    ///
    /// As [`Self::get_object`].
    #[inline]
    pub fn get<T: Kind>(&self, id: ObjectId) -> Result<Object<T>> {
        self.get_object(id).map(Object::typed)
    }

    /// As [`Self::get_object_with_owner`], for an object of a kind.
    ///
    /// # Errors
    ///
    /// As [`Self::get_object_with_owner`].
    #[inline]
    pub fn get_with_owner<T: Kind>(&self, owner: Address) -> Result<Object<T>> {
        self.get_object_with_owner(owner).map(Object::typed)
    }

    /// The object that the contract itself has owned longest: the one that its initialiser made first and kept.
    ///
    /// # Errors
    ///
    /// As [`Self::get_object_with_owner`].
    #[inline]
    pub fn own<T: Kind>(&self) -> Result<Object<T>> {
        self.get_with_owner(self.contract_address())
    }

    /// Fails unless the sender owns the object. To fail with an error of the contract's own, compare
    /// [`Self::sender`] and [`Object::owner`] in `require!`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Permission`].
    #[inline]
    pub fn require_owner<T>(&self, object: &Object<T>) -> Result<()> {
        self.require_sender(object.owner())
    }

    /// Fails unless this is the sender.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::Permission`].
    #[inline]
    pub fn require_sender(&self, allowed: Address) -> Result<()> {
        if self.sender() == allowed { Ok(()) } else { Err(ErrorCode::Permission.into()) }
    }

    /// The contract's object with this id.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::ObjectNotFound`](crate::ErrorCode::ObjectNotFound), also for another contract's.
    #[inline]
    pub fn get_object(&self, id: ObjectId) -> Result<Object> {
        check(sys::object_get(&id)).map(Object::new)
    }

    /// The contract's object that the owner has had longest.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::ObjectNotFound`](crate::ErrorCode::ObjectNotFound) if the owner has none.
    #[inline]
    pub fn get_object_with_owner(&self, owner: Address) -> Result<Object> {
        check(sys::object_get_by_owner(&owner)).map(Object::new)
    }

    /// The contract's objects of an owner, the one it has had longest first. Each is paid for when it is fetched,
    /// a few at a time.
    #[inline]
    #[must_use]
    pub const fn objects_of(&self, owner: Address) -> Objects {
        Objects { owner, cursor: [0; 16], page: [[0; 4]; PAGE], next: PAGE, end: PAGE }
    }

    /// Deletes the contract's object with this id and all its fields. The frame halts if there is none, or if its
    /// policy forbids that to the sender.
    #[inline]
    pub fn delete_object(&mut self, id: ObjectId) {
        sys::object_delete(&id);
    }

    /// Calls another contract's function with its arguments as a tuple, and returns its result's encoding
    /// ([`decode_exact`](crate::codec::decode_exact)). [`Call`] also sends value and limits gas.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::CallReverted`](crate::ErrorCode::CallReverted) with what the callee reverted with, or the code
    /// that ended the callee. Its effects are undone; the contract may go on.
    #[inline]
    pub fn call(&self, contract: Address, function: &str, args: &impl Encode) -> Result<Vec<u8>> {
        Call::new(contract, function).send(self, args)
    }

    /// Makes a contract from code that the chain has, runs its initialiser with the arguments, and returns its
    /// address, which follows from this contract, `salt` and the code.
    ///
    /// # Errors
    ///
    /// As [`Self::call`], [`ErrorCode::CodeNotFound`](crate::ErrorCode::CodeNotFound) and
    /// [`ErrorCode::AddressTaken`](crate::ErrorCode::AddressTaken).
    #[inline]
    pub fn deploy(&mut self, code_hash: Hash, salt: Hash, args: &impl Encode) -> Result<Address> {
        self.deploy_with_value(code_hash, salt, args, 0)
    }

    /// As [`Self::deploy`], with value for a payable initialiser.
    ///
    /// # Errors
    ///
    /// As [`Self::deploy`].
    #[inline]
    pub fn deploy_with_value(
        &mut self,
        code_hash: Hash,
        salt: Hash,
        args: &impl Encode,
        value: u64,
    ) -> Result<Address> {
        let (result, address) = args.using_encoded(|args| sys::deploy(&code_hash, &salt, args, value, 0));
        crate::call::settle(result)?;
        Ok(address)
    }

    /// Records an event. It is kept if the frame succeeds.
    #[inline]
    pub fn log<E: Event>(&mut self, event: &E) {
        event.using_encoded(|data| sys::log(E::NAME.as_bytes(), data));
    }

    /// Records an event that has no type, with bytes as they are.
    #[inline]
    pub fn log_raw(&mut self, name: &str, data: &[u8]) {
        sys::log(name.as_bytes(), data);
    }
}

/// A struct that can be logged. `#[event]` in a contract derives it.
pub trait Event: Encode {
    /// The event's name.
    const NAME: &'static str;
}

/// How many handles are fetched at a time: an iteration that stops early has paid for at most this many.
const PAGE: usize = 8;

/// The objects of an owner: see [`Context::objects_of`].
#[derive(Debug)]
pub struct Objects {
    owner: Address,
    cursor: [u8; 16],
    page: [[u8; 4]; PAGE],
    next: usize,
    /// Where the page ends; a page that is not full is the last.
    end: usize,
}

impl Iterator for Objects {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        if self.next == PAGE {
            let found = sys::objects_of(&self.owner, &mut self.cursor, &mut self.page);
            self.end = usize::try_from(found).unwrap_or(0);
            self.next = 0;
        }
        let handle = self.page.get(..self.end)?.get(self.next)?;
        self.next = self.next.wrapping_add(1);
        Some(Object::new(u32::from_le_bytes(*handle)))
    }
}
