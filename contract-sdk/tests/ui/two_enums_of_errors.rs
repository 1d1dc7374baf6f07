use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[error]
    pub enum BuyError {
        SoldOut,
    }

    #[error]
    pub enum SellError {
        NoMoney,
    }
}

fn main() {}
