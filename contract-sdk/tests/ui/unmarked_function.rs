use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    pub fn buy(ctx: &mut Context) {}
}

fn main() {}
