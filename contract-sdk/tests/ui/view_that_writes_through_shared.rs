use contract_sdk::prelude::*;

#[contract]
pub mod shop {
    use super::*;

    #[view]
    pub fn clear(ctx: &Context, id: ObjectId) {
        ctx.delete_object(id);
    }
}

fn main() {}
