use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub fn buy(ctx: &mut Context) {}

    #[view]
    pub fn buy(ctx: &Context) {}
}

fn main() {}
