//! The macros of `contract-sdk`: `#[contract]` over a module, and the derives for an author's types.
//!
//! Invariants:
//! - a mistake is reported at the author's own line, all mistakes of a module at once;
//! - what is generated is thin: the work is done by functions of `contract_sdk::entry`, shared by all exports;
//! - exports and interface come from one reading of the module, so they cannot disagree.
//!
//! The expansion is tested as tokens here and as code in `contract-sdk/tests`.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of a syntax tree are open: most of it is not ours to judge"
)]

mod contract;
mod derive;
mod docs;
mod signature;

use proc_macro::TokenStream;

/// Makes a module a contract: its marked functions become exports, its events, errors and types the interface.
///
/// In the module:
/// - `#[init]`, `#[call]`, `#[view]` mark the functions that can be called. Each is `pub` and begins with
///   `ctx: &mut Context`, a view with `ctx: &Context`. What it returns, or the `T` of a `Result<T>`, goes back to the
///   caller; an error reverts. At most one function is `#[init]`; it runs once, at deployment.
/// - `#[payable]` beside a mark lets a function take value; `#[reentrant]` lets it be entered while its contract is
///   in the call chain.
/// - `#[event]` on a struct makes it something to `ctx.log(&...)`.
/// - `#[error]` on an enum makes it the contract's errors: they turn into `Error` by `?`, `.into()` and `require!`.
/// - `#[object]` on a struct tells the interface which fields a kind of object has.
///
/// Doc comments become the interface's.
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    contract::expand(&arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Derives `contract_sdk::Encode`: a struct's fields in order, an enum's index and then the variant's fields.
#[proc_macro_derive(Encode)]
pub fn encode(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::encode).into()
}

/// Derives `contract_sdk::Decode`, strictly: an unknown variant is refused.
#[proc_macro_derive(Decode)]
pub fn decode(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::decode).into()
}

/// Derives `contract_sdk::Described`: the type's name and fields for the interface.
#[proc_macro_derive(Described)]
pub fn described(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::described).into()
}

/// Derives `contract_sdk::Event` for a struct; `#[event]` in a contract does it.
#[proc_macro_derive(Event)]
pub fn event(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::event).into()
}

/// Derives `From<Self> for contract_sdk::Error` for an enum; `#[error]` in a contract does it.
///
/// Variant `n` has the code `ErrorCode::CONTRACT_BASE + n`, so the order of the variants is part of what callers see.
#[proc_macro_derive(ContractError)]
pub fn contract_error(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::contract_error).into()
}

/// Implements `Records`, which `#[object]` needs and no author names.
#[doc(hidden)]
#[proc_macro_derive(ObjectRecord)]
pub fn object_record(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::records).into()
}
