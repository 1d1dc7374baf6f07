use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub async fn buy(ctx: &mut Context) {}
}

fn main() {}
