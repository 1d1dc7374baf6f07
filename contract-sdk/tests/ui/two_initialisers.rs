use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[init]
    pub fn open(ctx: &mut Context) {}

    #[init]
    pub fn open_again(ctx: &mut Context) {}
}

fn main() {}
