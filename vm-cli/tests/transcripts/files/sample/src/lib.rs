#![no_std]
use std::collections::HashMap;

#[contract]
pub mod sample {
    #[call]
    pub fn pay(ctx: &mut Context, price: f64) -> Result<()> {
        Ok(())
    }
}
