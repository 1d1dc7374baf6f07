use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[object]
    pub struct Item {
        price: f64,
    }
}

fn main() {}
