use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[view]
    pub fn stock(ctx: &mut Context) -> u64 {
        0
    }
}

fn main() {}
