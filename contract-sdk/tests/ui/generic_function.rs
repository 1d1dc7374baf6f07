use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[call]
    pub fn buy<T>(ctx: &mut Context, what: T) {}
}

fn main() {}
