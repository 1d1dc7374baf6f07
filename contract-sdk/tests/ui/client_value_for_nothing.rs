use contract_sdk::prelude::*;

#[interface]
pub trait Shop {
    #[call]
    fn buy(ctx: &mut Context, amount: u64) -> Result<()>;
}

pub fn shop(ctx: &mut Context, shop: Address) -> Result<()> {
    Shop::at(shop).buy(ctx, 5, 100)
}

fn main() {}
