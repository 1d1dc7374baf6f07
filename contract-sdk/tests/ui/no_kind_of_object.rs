use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    pub struct Item {
        price: u64,
    }

    #[call]
    pub fn add(ctx: &mut Context) -> Result<()> {
        ctx.create(Item { price: 1 })?;
        Ok(())
    }
}

fn main() {}
