use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[view]
    #[payable]
    pub fn stock(ctx: &Context) -> u64 {
        0
    }
}

fn main() {}
