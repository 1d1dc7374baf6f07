use contract_sdk::prelude::*;

#[contract]
pub fn buy(_ctx: &mut Context) {}

fn main() {}
