use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[object]
    pub struct Shelf {
        items: List<u64>,
    }

    #[call]
    pub fn fill(ctx: &mut Context) -> Result<()> {
        ctx.own::<Shelf>()?.set_items(&[1, 2])
    }
}

fn main() {}
