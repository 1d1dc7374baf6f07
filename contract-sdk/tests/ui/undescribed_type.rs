use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    pub struct Order {
        pub amount: u64,
    }

    #[view]
    pub fn last(ctx: &Context) -> Order {
        Order { amount: 1 }
    }
}

fn main() {}
