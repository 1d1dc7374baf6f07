use contract_sdk::prelude::*;

client!("no-such-file.json");

fn main() {}
