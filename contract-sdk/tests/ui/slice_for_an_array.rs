use contract_sdk::prelude::*;

#[contract]
pub mod registry {
    use super::*;

    #[object]
    pub struct Registry {
        blobs: Map<Vec<u8>, u64>,
        names: Map<String, u64>,
        hashes: Map<[u8; 4], u64>,
        values: Map<u8, [u8; 4]>,
        list: List<[u8; 4]>,
    }

    #[call]
    pub fn register(ctx: &mut Context, hash: &[u8]) -> Result<()> {
        let registry = ctx.own::<Registry>()?;
        registry.blobs().insert(hash, &1)?;
        registry.names().get(hash)?;
        registry.hashes().get(hash)?;
        registry.hashes().contains(hash)?;
        registry.hashes().insert(hash, &1)?;
        registry.hashes().remove(hash)?;
        registry.values().insert(&1, hash)?;
        registry.list().push(hash)?;
        registry.list().set(0, hash)
    }
}

fn main() {}
