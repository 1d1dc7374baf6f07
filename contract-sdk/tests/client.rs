//! What `client!` and `#[interface]` make: types that encode as the contract's, errors that are read from calls. That
//! calls arrive is shown by the scenarios of `sale` and `factory`.

#![allow(missing_docs, missing_debug_implementations, reason = "the sample is nobody's interface")]

use contract_sdk::prelude::*;

client!("tests/shop.json");
client!("tests/shop.json" as other_name);

#[interface]
pub trait Shop {
    #[init]
    fn open(ctx: &mut Context, name: &str) -> Result<ObjectId>;
    #[call]
    #[payable]
    fn buy(ctx: &mut Context, item: shop::Item) -> Result<u64>;
    #[view]
    fn stock(ctx: &Context) -> u32;
}

/// The signatures, which the compiler checks.
#[test]
fn clients_have_the_contracts_functions() {
    fn all(ctx: &mut Context, hash: Hash) -> Result<(u64, u32)> {
        let one = shop::ShopClient::deploy(ctx, hash, hash, "corner")?.gas(1_000);
        let other = Shop::deploy(ctx, hash, hash, "corner")?.gas(1_000);
        let item = shop::Item { name: "tea".into(), size: shop::Size::Grams(100) };
        one.restock(ctx, core::slice::from_ref(&item), &None)?;
        let paid = one.buy(ctx, &item, 5)?.wrapping_add(other.buy(ctx, item, 5)?);
        Ok((paid, one.stock(ctx)?.wrapping_add(other.stock(ctx)?)))
    }
    let _ = all;
    assert_eq!(shop::ShopClient::at(Address([1; 32])).gas(5).address(), Address([1; 32]));
    assert_eq!(other_name::ShopClient::at(Address([1; 32])).address(), Shop::at(Address([1; 32])).address());
}

#[test]
fn types_encode_as_their_definitions_say() {
    let item = shop::Item { name: "tea".into(), size: shop::Size::Grams(2) };
    assert_eq!(item.encode(), [12, b't', b'e', b'a', 1, 2, 0, 0, 0]);
    assert_eq!(contract_sdk::codec::decode_exact::<shop::Item>(&item.encode()), Ok(item));
}

/// A call that ended with the contract's error `index` and these fields.
fn reverted(index: u32, fields: &[u8]) -> Error {
    let code = ErrorCode::CONTRACT_BASE.wrapping_add(index);
    Error::new(ErrorCode::CallReverted.code().into(), [&code.to_le_bytes(), fields].concat())
}

#[test]
fn errors_of_a_call_are_read_by_position() {
    use shop::ShopError;
    assert_eq!(ShopError::of(&reverted(0, &[])), Some(ShopError::Closed));
    let short = ShopError::of(&reverted(1, &[7, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(short, Some(ShopError::TooLittle { by: 7 }));
    assert_eq!(ShopError::of(&reverted(2, &[9])), Some(ShopError::Odd(9)));
}

#[test]
fn what_is_no_error_of_the_contract_is_none() {
    use shop::ShopError;
    assert_eq!(ShopError::of(&reverted(3, &[])), None, "there is no fourth error");
    assert_eq!(ShopError::of(&reverted(0, &[1])), None, "a byte too many");
    assert_eq!(ShopError::of(&reverted(1, &[7])), None, "bytes too few");
    assert_eq!(ShopError::of(&ErrorCode::OutOfGas.into()), None, "the host's error");
    let hosts = Error::new(ErrorCode::CallReverted.code().into(), vec![3, 0, 0, 0]);
    assert_eq!(ShopError::of(&hosts), None, "the contract reverted with the host's error");
}
