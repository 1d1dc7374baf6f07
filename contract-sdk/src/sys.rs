//! The host functions: imports on wasm32, behind one seam elsewhere.
//!
//! The imports are generated from the table in `vm-core`, so that guest and host cannot differ. All else in the
//! crate calls the safe functions below, which uphold the one duty that the host cannot check for its guest:
//! pointer and length name memory that is readable, or writable and unshared, for the time of the call.

use core::mem::MaybeUninit;

use vm_core::{Address, Hash, ObjectId};

/// What the kinds of the table are here.
mod kind {
    pub(super) type Ptr = *const u8;
    pub(super) type PtrMut = *mut u8;
    pub(super) type Len = u32;
    pub(super) type Handle = u32;
    pub(super) type U64 = u64;
    pub(super) type I64 = i64;
    pub(super) type Code = i32;
    pub(super) type Nothing = ();
}

#[cfg(target_arch = "wasm32")]
mod raw {
    use super::kind::*;

    macro_rules! imports {
        ($($(#[doc = $doc:literal])+ $mode:ident fn $name:ident($($param:ident: $kind:ident),*) -> $result:ident, gas $price:ident;)+) => {
            #[link(wasm_import_module = "vm")]
            unsafe extern "C" {
                $($(#[doc = $doc])+ pub(super) fn $name($($param: $kind),*) -> $result;)+
            }
        };
    }
    vm_core::for_each_host_function!(imports);
}

/// In a contract's own tests the host is the real one, at the other end of a channel.
#[cfg(all(not(target_arch = "wasm32"), feature = "testing"))]
mod raw {
    use super::kind::*;
    use crate::testing::native::{Word, invoke};
    use vm_core::abi::HostFunction;

    macro_rules! natives {
        ($($(#[doc = $doc:literal])+ $mode:ident fn $name:ident($($param:ident: $kind:ident),*) -> $result:ident, gas $price:ident;)+) => {
            $($(#[doc = $doc])+ pub(super) unsafe fn $name($($param: $kind),*) -> $result {
                // SAFETY: the caller's duty, handed on: pointers name memory for as long as the call takes.
                unsafe { invoke(HostFunction::$name, &[$(Word::from($param)),*]) }
            })+
        };
    }
    vm_core::for_each_host_function!(natives);
}

/// Elsewhere there is no host behind the functions.
#[cfg(all(not(target_arch = "wasm32"), not(feature = "testing")))]
mod raw {
    use super::kind::*;

    #[cold]
    #[expect(clippy::panic, reason = "there is no host to ask, and no value that would be an answer")]
    fn unavailable(name: &str) -> ! {
        panic!("host function `{name}`: contract code runs in the VM: use `vm run`")
    }

    macro_rules! stubs {
        ($($(#[doc = $doc:literal])+ $mode:ident fn $name:ident($($param:ident: $kind:ident),*) -> $result:ident, gas $price:ident;)+) => {
            $($(#[doc = $doc])+ pub(super) unsafe fn $name($(_: $kind),*) -> $result {
                unavailable(stringify!($name))
            })+
        };
    }
    vm_core::for_each_host_function!(stubs);
}

/// A length as the ABI has it. A wasm address has 32 bits, so none is larger.
#[inline]
fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// 32 bytes that the host writes in `write`, or does not return from it.
#[inline]
fn fill(write: impl FnOnce(*mut u8)) -> [u8; 32] {
    let mut bytes = MaybeUninit::<[u8; 32]>::uninit();
    write(bytes.as_mut_ptr().cast());
    // SAFETY: functions without a result have written all of it: where they can't, they end the frame.
    unsafe { bytes.assume_init() }
}

#[inline]
pub(crate) fn block_height() -> u64 {
    // SAFETY: takes no pointers.
    unsafe { raw::block_height() }
}

#[inline]
pub(crate) fn block_time() -> i64 {
    // SAFETY: takes no pointers.
    unsafe { raw::block_time() }
}

#[inline]
pub(crate) fn contract_address() -> Address {
    // SAFETY: `out` names 32 writable bytes.
    Address(fill(|out| unsafe { raw::contract_address(out) }))
}

#[inline]
pub(crate) fn sender() -> Address {
    // SAFETY: `out` names 32 writable bytes.
    Address(fill(|out| unsafe { raw::sender(out) }))
}

#[inline]
pub(crate) fn origin() -> Address {
    // SAFETY: `out` names 32 writable bytes.
    Address(fill(|out| unsafe { raw::origin(out) }))
}

#[inline]
pub(crate) fn value() -> u64 {
    // SAFETY: takes no pointers.
    unsafe { raw::value() }
}

#[inline]
pub(crate) fn balance(address: &Address) -> u64 {
    // SAFETY: the pointer names 32 readable bytes.
    unsafe { raw::balance(address.0.as_ptr()) }
}

#[inline]
pub(crate) fn transfer(to: &Address, amount: u64) -> i32 {
    // SAFETY: the pointer names 32 readable bytes.
    unsafe { raw::transfer(to.0.as_ptr(), amount) }
}

#[inline]
pub(crate) fn object_create(policy: u32) -> u32 {
    // SAFETY: takes no pointers.
    unsafe { raw::object_create(policy) }
}

#[inline]
pub(crate) fn object_get(id: &ObjectId) -> i32 {
    // SAFETY: the pointer names 32 readable bytes.
    unsafe { raw::object_get(id.0.as_ptr()) }
}

#[inline]
pub(crate) fn object_get_by_owner(owner: &Address) -> i32 {
    // SAFETY: the pointer names 32 readable bytes.
    unsafe { raw::object_get_by_owner(owner.0.as_ptr()) }
}

/// Fills `out` with up to that many handles, each in 4 bytes, and moves the cursor: how many there are.
#[inline]
pub(crate) fn objects_of(owner: &Address, cursor: &mut [u8; 16], out: &mut [[u8; 4]]) -> i32 {
    let cap = u32::try_from(out.len()).unwrap_or(u32::MAX);
    // SAFETY: `owner` names 32 readable bytes, `cursor` 16 writable ones, `out` `cap` times 4 writable ones.
    unsafe { raw::objects_of(owner.0.as_ptr(), cursor.as_mut_ptr(), out.as_mut_ptr().cast(), cap) }
}

#[inline]
pub(crate) fn object_delete(id: &ObjectId) {
    // SAFETY: the pointer names 32 readable bytes.
    unsafe { raw::object_delete(id.0.as_ptr()) }
}

#[inline]
pub(crate) fn object_id(object: u32) -> ObjectId {
    // SAFETY: `out` names 32 writable bytes.
    ObjectId(fill(|out| unsafe { raw::object_id(object, out) }))
}

#[inline]
pub(crate) fn object_owner(object: u32) -> Address {
    // SAFETY: `out` names 32 writable bytes.
    Address(fill(|out| unsafe { raw::object_owner(object, out) }))
}

#[inline]
pub(crate) fn object_contract(object: u32) -> Address {
    // SAFETY: `out` names 32 writable bytes.
    Address(fill(|out| unsafe { raw::object_contract(object, out) }))
}

#[inline]
pub(crate) fn object_set_owner(object: u32, owner: &Address) {
    // SAFETY: the pointer names 32 readable bytes.
    unsafe { raw::object_set_owner(object, owner.0.as_ptr()) }
}

#[inline]
pub(crate) fn field_get(object: u32, name: &[u8], out: &mut [u8]) -> i32 {
    // SAFETY: pointers and lengths are those of slices, `out` of an exclusive one.
    unsafe { raw::field_get(object, name.as_ptr(), len(name), out.as_mut_ptr(), len(out)) }
}

#[inline]
pub(crate) fn field_set(object: u32, name: &[u8], data: &[u8]) -> i32 {
    // SAFETY: pointers and lengths are those of slices.
    unsafe { raw::field_set(object, name.as_ptr(), len(name), data.as_ptr(), len(data)) }
}

#[inline]
pub(crate) fn field_remove(object: u32, name: &[u8]) -> i32 {
    // SAFETY: pointer and length are those of a slice.
    unsafe { raw::field_remove(object, name.as_ptr(), len(name)) }
}

#[inline]
pub(crate) fn call(contract: &Address, name: &[u8], args: &[u8], amount: u64, gas: u64) -> i32 {
    // SAFETY: `contract` names 32 readable bytes; pointers and lengths are those of slices.
    unsafe { raw::call(contract.0.as_ptr(), name.as_ptr(), len(name), args.as_ptr(), len(args), amount, gas) }
}

/// The host's result, and the new contract's address where that is not negative.
#[inline]
pub(crate) fn deploy(code_hash: &Hash, salt: &Hash, args: &[u8], amount: u64, gas: u64) -> (i32, Address) {
    let mut address = Address::ZERO;
    let out = address.0.as_mut_ptr();
    // SAFETY: hash and salt name 32 readable bytes, `out` 32 writable ones; `args` is a slice.
    let result = unsafe {
        raw::deploy(code_hash.0.as_ptr(), salt.0.as_ptr(), args.as_ptr(), len(args), amount, gas, out)
    };
    (result, address)
}

#[inline]
pub(crate) fn returned(out: &mut [u8]) -> i32 {
    // SAFETY: pointer and length are those of an exclusive slice.
    unsafe { raw::returned(out.as_mut_ptr(), len(out)) }
}

#[inline]
pub(crate) fn log(name: &[u8], data: &[u8]) {
    // SAFETY: pointers and lengths are those of slices.
    unsafe { raw::log(name.as_ptr(), len(name), data.as_ptr(), len(data)) }
}

#[inline]
pub(crate) fn input(out: &mut [u8]) -> i32 {
    // SAFETY: pointer and length are those of an exclusive slice.
    unsafe { raw::input(out.as_mut_ptr(), len(out)) }
}

#[inline]
pub(crate) fn ret(data: &[u8]) {
    // SAFETY: pointer and length are those of a slice.
    unsafe { raw::ret(data.as_ptr(), len(data)) }
}

#[inline]
pub(crate) fn revert(data: &[u8]) -> ! {
    // SAFETY: pointer and length are those of a slice.
    unsafe { raw::revert(data.as_ptr(), len(data)) }
    // The host ends the frame inside the call above.
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    unreachable!("the host ends a frame that reverts")
}

#[inline]
pub(crate) fn blake3(data: &[u8]) -> Hash {
    // SAFETY: pointer and length are those of a slice, `out` names 32 writable bytes.
    Hash(fill(|out| unsafe { raw::blake3(data.as_ptr(), len(data), out) }))
}
