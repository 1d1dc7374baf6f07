use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[object]
    pub struct Item {
        id: u64,
        owner: Address,
        price: u64,
    }
}

fn main() {}
