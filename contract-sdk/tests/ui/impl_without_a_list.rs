use contract_sdk::prelude::*;

pub struct Shop;

#[contract(event(Sold))]
impl Shop {
    #[call]
    pub fn buy(_ctx: &mut Context) {}
}

fn main() {}
