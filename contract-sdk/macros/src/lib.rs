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

mod client;
mod contract;
mod derive;
mod docs;
mod object;
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
/// - `#[object]` on a struct makes it a kind of object: see the derive [`Object`](macro@Object).
///
/// Doc comments become the interface's.
///
/// It also stands on an `impl` block of a type. The types are then outside of it, under the derives that the marks
/// stand for, and named:
///
/// ```
/// use contract_sdk::prelude::*;
/// use contract_sdk::Event;
///
/// #[derive(Encode, Event)]
/// pub struct Greeted {
///     pub by: Address,
/// }
///
/// pub struct Greeter;
///
/// /// Greets.
/// #[contract(events(Greeted))]
/// impl Greeter {
///     #[call]
///     pub fn greet(ctx: &mut Context) {
///         let by = ctx.sender();
///         ctx.log(&Greeted { by });
///     }
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, item: TokenStream) -> TokenStream {
    contract::expand(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a trait with another contract's functions a client of that contract.
///
/// The functions are written as the contract has them, marks and all, without `pub` and body; those that are not
/// used can be left out. The trait becomes a struct: `Name::at(address)` is the contract there. A `#[payable]`
/// function takes the value to send as one more argument, an `#[init]` function becomes `deploy`. Each method returns
/// a `Result`.
///
/// ```no_run
/// use contract_sdk::prelude::*;
///
/// /// A counter that takes donations.
/// #[interface]
/// pub trait Counter {
///     /// Adds one. Returns the count.
///     #[call]
///     fn increment(ctx: &mut Context) -> Result<u64>;
///
///     /// Takes the value sent with the call.
///     #[call]
///     #[payable]
///     fn donate(ctx: &mut Context) -> Result<u64>;
/// }
///
/// fn raise(ctx: &mut Context, counter: Address) -> Result<u64> {
///     let counter = Counter::at(counter);
///     counter.donate(ctx, 100)?;
///     counter.gas(50_000).increment(ctx)
/// }
/// ```
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    client::from_trait(&arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// `client!("token.json")`: a client of the contract whose interface this file has, as `vm build` writes it.
///
/// The path is relative to the crate's `Cargo.toml`. The client is a struct in a module of the contract's name,
/// `token::TokenClient`, which works as those of [`macro@interface`] do; `client!("token.json" as coin)` gives the
/// module another name. The contract's errors are beside it: `token::TokenError::of(&error)` reads the error of a
/// call.
#[proc_macro]
pub fn client(item: TokenStream) -> TokenStream {
    client::from_json(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
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
pub fn event_type(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::event).into()
}

/// Derives `From<Self> for contract_sdk::Error` for an enum; `#[error]` in a contract does it.
///
/// Variant `n` has the code `ErrorCode::CONTRACT_BASE + n`, so the order of the variants is part of what callers see.
#[proc_macro_derive(ContractError)]
pub fn contract_error(item: TokenStream) -> TokenStream {
    derive::run(item.into(), derive::contract_error).into()
}

/// Derives `contract_sdk::Kind` for a struct, and a method per field for objects of that kind; `#[object]` in a contract
/// does it.
///
/// For a struct `Account` with the field `balance: u64`, an `Object<Account>` has
/// - `balance() -> Result<u64>`, which reads the field,
/// - `set_balance(&u64) -> Result<()>`, which writes it (`&str` for `String`, `&[T]` for `Vec<T>`),
/// - `update_balance(|balance| ...) -> Result<u64>`, which writes what the closure makes of it.
///
/// They are functions of the trait `AccountFields`, beside the struct. Of a field whose type is a collection (`Map`,
/// `List`, `Count`) there is the getter alone, which gives the collection in the object.
///
/// ```
/// use contract_sdk::prelude::*;
///
/// #[derive(Object)]
/// pub struct Account {
///     pub balance: u64,
///     pub spenders: Map<Address, u64>,
/// }
///
/// pub fn open(ctx: &mut Context) -> Result<Object<Account>> {
///     ctx.create(Account { balance: 0, spenders: Map::new() })
/// }
///
/// pub fn earn(account: &Object<Account>, amount: u64) -> Result<u64> {
///     account.update_balance(|balance| Ok(balance + amount))
/// }
///
/// pub fn allow(account: &Object<Account>, spender: Address, most: u64) -> Result<()> {
///     require!(most <= account.balance()?, ErrorCode::InsufficientBalance);
///     account.spenders().insert(&spender, &most)
/// }
/// ```
#[proc_macro_derive(Object)]
pub fn object_kind(item: TokenStream) -> TokenStream {
    derive::run(item.into(), object::expand).into()
}

/// The marks mean something to `#[contract]` and `#[interface]`, which take them away. What is left of them stands in
/// a wrong place.
macro_rules! marks {
    ($($name:ident: $place:literal;)+) => {$(
        #[doc = concat!("Stands on ", $place, ": see [`macro@contract`].")]
        #[proc_macro_attribute]
        pub fn $name(_: TokenStream, item: TokenStream) -> TokenStream {
            let text = concat!("#[", stringify!($name), "] stands on ", $place);
            contract::misplaced(text, item.into()).into()
        }
    )+};
}

marks! {
    init: "a function of a module or impl under #[contract]";
    call: "a function of a module or impl under #[contract], or of a trait under #[interface]";
    view: "a function of a module or impl under #[contract], or of a trait under #[interface]";
    payable: "a function of a module or impl under #[contract], or of a trait under #[interface]";
    reentrant: "a function of a module or impl under #[contract]";
    event: "a struct in a module under #[contract]; elsewhere derive `Encode` and `Event`";
    object: "a struct in a module under #[contract]; elsewhere derive `Object`";
}
