use contract_sdk::prelude::*;

pub mod shop {
    use super::*;

    #[event]
    pub struct Sold {
        pub amount: u64,
    }

    #[call]
    pub fn buy(_ctx: &mut Context) {}
}

fn main() {}
