use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub fn buy(&mut self, amount: u64) {}
}

fn main() {}
