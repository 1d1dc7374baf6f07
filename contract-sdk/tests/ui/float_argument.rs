use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub fn buy(ctx: &mut Context, price: f64) {}
}

fn main() {}
