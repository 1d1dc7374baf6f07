use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub fn buy(ctx: &mut Context, letter: char) {}
}

fn main() {}
