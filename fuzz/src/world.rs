//! The fixture contracts on one chain that checks itself, and arbitrary blocks on them.

use std::sync::{Arc, OnceLock};

use arbitrary::{Result, Unstructured};
use vm_core::{Block, Params, Status};
use vm_host::validate_module;

use crate::campaign::Inputs;
use crate::chain::{Chain, Run};
use crate::generator::{Generator, in_order};
use crate::typed;

/// The chain with the contracts, and what makes blocks on it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) generator: Generator,
    /// The blocks that every world begins with.
    pub(crate) blocks: Arc<Vec<Block>>,
}

impl World {
    /// A world of its own: the contracts are deployed once for all.
    pub(crate) fn new() -> Self {
        static FIRST: OnceLock<World> = OnceLock::new();
        let first = FIRST.get_or_init(Self::deploy);
        let (chain, generator) = (first.chain.fork(), first.generator.clone());
        Self { chain, generator, blocks: Arc::clone(&first.blocks) }
    }

    fn deploy() -> Self {
        let params = Params::default();
        let (chain, generator) = (Chain::new(&params), Generator::new());
        let mut world = Self { chain, generator, blocks: Arc::default() };
        let mut blocks = vec![];
        let mut inputs = Inputs::new(10);
        for (name, code) in in_order() {
            let interface = validate_module(&code, &params).unwrap().interface;
            let init = interface.init().map(|init| init.params.as_slice()).unwrap_or_default();
            // Not all arguments do: a vote has at least two options.
            let deployed = (0..64).any(|_| {
                let bytes = inputs.bytes(400);
                let pool = world.generator.pool();
                let args = typed::arguments(&mut Unstructured::new(&bytes), init, pool).unwrap();
                let deployment = Chain::deployment(code.clone(), 0, args);
                let (block, outcome) = world.chain.try_block(&[deployment]).unwrap();
                blocks.push(block);
                outcome.transactions[0].receipt.status == Status::Success
            });
            assert!(deployed, "{name} refuses all arguments");
            world.generator.add(name, code, interface);
        }
        world.look();
        // Objects of every kind, for inputs to begin with.
        for _ in 0..160 {
            let bytes = inputs.bytes(300);
            let runs = world.block(&mut Unstructured::new(&bytes)).unwrap();
            if let Ok((block, _)) = world.chain.try_block(&runs) {
                blocks.push(block);
                world.look();
            }
        }
        world.blocks = Arc::new(blocks);
        world
    }

    /// Learns of the objects that there are.
    pub(crate) fn look(&mut self) {
        self.generator.look(&*self.chain.view());
    }

    /// A block of up to four transactions.
    pub(crate) fn block(&self, u: &mut Unstructured<'_>) -> Result<Vec<Run>> {
        self.generator.block(u)
    }
}

/// Seeds for targets that run blocks.
pub(crate) fn seeds(seed: u64) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(seed);
    (0..16).map(|index| (format!("seed-{index:02}"), inputs.bytes(700))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use vm_core::KeySpace;

    use super::*;
    use crate::chain::entries;

    #[test]
    fn every_fixture_contract_is_there() {
        let world = World::new();
        let contracts = entries(&*world.chain.view(), KeySpace::Contract);
        // And those that other inputs' deployments made.
        assert!(contracts.len() >= world.generator.contract_count(), "a deployment failed");
        assert!(!world.generator.objects().is_empty());
    }

    /// The generator is worth its name only if most of what it makes does something.
    #[test]
    fn many_transactions_succeed_and_some_fail_in_every_way() {
        let mut inputs = Inputs::new(11);
        let mut ends: BTreeMap<String, u32> = BTreeMap::new();
        let mut refunds = 0;
        for _ in 0..40 {
            let (mut world, bytes) = (World::new(), inputs.bytes(700));
            let mut u = Unstructured::new(&bytes);
            for _ in 0..3 {
                let runs = world.block(&mut u).unwrap();
                match world.chain.try_block(&runs) {
                    Ok((_, outcome)) => {
                        for executed in outcome.transactions {
                            refunds += u32::from(executed.receipt.gas_refunded > 0);
                            *ends.entry(format!("{:?}", executed.receipt.status)).or_default() += 1;
                        }
                    }
                    Err(invalid) => {
                        let invalid = format!("{invalid:?}");
                        let name = invalid.split([' ', '(']).next().unwrap();
                        *ends.entry(name.into()).or_default() += 1;
                    }
                }
                world.look();
            }
        }
        assert!(refunds > 0, "something is deleted");
        let all: u32 = ends.values().sum();
        let good = ends.get(&format!("{:?}", Status::Success)).copied().unwrap_or_default();
        assert!(good * 4 > all && good * 10 < all * 9 && ends.len() > 6, "{ends:?}");
    }
}
