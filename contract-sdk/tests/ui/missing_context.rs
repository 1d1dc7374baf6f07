use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub fn buy(amount: u64) {}

    #[view]
    pub fn stock() -> u64 {
        0
    }
}

fn main() {}
