//! The fixture contracts on one chain that checks itself, and arbitrary blocks on them.

use std::sync::{Arc, OnceLock};

use arbitrary::{Result, Unstructured};
use vm_core::{Block, Params, Status};
use vm_host::validate_module;

use crate::campaign::Inputs;
use crate::chain::{Chain, Draft, Run};
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

    /// A block of up to four transactions, and what decides whether it may be executed.
    pub(crate) fn draft(&self, u: &mut Unstructured<'_>) -> Result<Draft> {
        self.generator.draft(u, self.chain.supply())
    }

    /// A block of up to four transactions by those who can pay for them.
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

    use vm_core::{Address, KeySpace, Mint};
    use vm_host::Invalid;

    use super::*;
    use crate::chain::{Posted, START, alice, entries};
    use crate::generator::{poor, stranger};

    #[test]
    fn every_fixture_contract_is_there() {
        let world = World::new();
        let contracts = entries(&*world.chain.view(), KeySpace::Contract);
        // And those that other inputs' deployments made.
        assert!(contracts.len() >= world.generator.contract_count(), "a deployment failed");
        assert!(!world.generator.objects().is_empty());
    }

    /// What the drafts of some inputs came to.
    #[derive(Debug, Default)]
    struct Reached {
        executed: u32,
        refused: u32,
        /// By the statuses of transactions and the reasons of refusals.
        ends: BTreeMap<String, u32>,
        /// By what a block had that plain ones have not, and whether it was executed.
        special: BTreeMap<(&'static str, bool), u32>,
        refunds: u32,
    }

    impl Reached {
        fn end(&mut self, end: String) {
            *self.ends.entry(end).or_default() += 1;
        }

        fn draft(&mut self, world: &mut World, draft: &Draft) {
            let executed = match world.chain.try_draft(draft) {
                Ok((_, outcome)) => {
                    for executed in outcome.transactions {
                        self.refunds += u32::from(executed.receipt.gas_refunded > 0);
                        self.end(format!("{:?}", executed.receipt.status));
                    }
                    true
                }
                Err(invalid) => {
                    self.end(match invalid {
                        Invalid::Transaction { reason, .. } => {
                            let reason = format!("{reason:?}");
                            reason.split([' ', '(']).next().unwrap().to_owned()
                        }
                        other => format!("{other:?}").split([' ', '(']).next().unwrap().to_owned(),
                    });
                    false
                }
            };
            *if executed { &mut self.executed } else { &mut self.refused } += 1;
            let any = |it: fn(&Posted) -> bool| draft.posted.iter().any(it);
            for (special, met) in [
                ("free", any(|it| it.gas_price == 0)),
                ("dear", any(|it| it.gas_price.saturating_mul(it.run.gas_limit) > START / 64)),
                ("fee past u64", any(|it| it.gas_price.checked_mul(it.run.gas_limit).is_none())),
                ("nonce", any(|it| it.nonce_shift != 0)),
                ("poor", any(|it| [poor(), stranger()].contains(&it.run.sender))),
                ("mint", !draft.mints.is_empty()),
                ("large mint", draft.mints.iter().any(|mint| mint.amount > START)),
            ] {
                if met {
                    *self.special.entry((special, executed)).or_default() += 1;
                }
            }
        }
    }

    /// The generator is worth its name only if most of what it makes does something, and every refusal is reached.
    #[test]
    fn many_transactions_succeed_and_some_fail_in_every_way() {
        let (mut inputs, mut reached) = (Inputs::new(11), Reached::default());
        for _ in 0..120 {
            let (mut world, bytes) = (World::new(), inputs.bytes(800));
            let mut u = Unstructured::new(&bytes);
            for _ in 0..3 {
                let draft = world.draft(&mut u).unwrap();
                reached.draft(&mut world, &draft);
                world.look();
            }
        }
        println!("{reached:?}");
        assert!(reached.refunds > 0, "something is deleted");
        let all: u32 = reached.ends.values().sum();
        let count = |end: &str| reached.ends.get(end).copied().unwrap_or_default();
        let good = count(&format!("{:?}", Status::Success));
        assert!(good * 4 > all && good * 10 < all * 9 && reached.ends.len() > 9, "{reached:?}");
        assert!(["Mint", "Nonce", "Fee", "IntrinsicGas"].iter().all(|end| count(end) > 0), "{reached:?}");
        assert!(reached.executed > 3 * reached.refused, "{reached:?}");
        // Prices, mints and senders are met in blocks that are executed and in some that are not.
        for special in ["free", "dear", "poor", "mint", "large mint"] {
            for executed in [true, false] {
                assert!(reached.special.contains_key(&(special, executed)), "{special}: {reached:?}");
            }
        }
        for special in ["fee past u64", "nonce"] {
            assert!(reached.special.contains_key(&(special, false)), "{special}: {reached:?}");
            assert!(!reached.special.contains_key(&(special, true)), "{special}: {reached:?}");
        }
    }

    #[test]
    fn a_draft_without_bytes_left_is_a_plain_block() {
        let world = World::new();
        let draft = world.draft(&mut Unstructured::new(&[])).unwrap();
        assert!(draft.mints.is_empty());
        assert!(draft.posted.iter().all(|it| (it.gas_price, it.nonce_shift) == (1, 0)), "{draft:?}");
        assert!(draft.posted.iter().all(|it| it.run.sender == alice()), "{draft:?}");
    }

    #[test]
    fn money_is_made_up_to_the_last_unit_and_not_past_it() {
        let mut world = World::new();
        let to = Address::named("dave");
        let mint = |amount| Draft { mints: vec![Mint { to, amount }], posted: vec![] };
        let room = u64::MAX - world.chain.supply();
        assert_eq!(world.chain.try_draft(&mint(room + 1)).unwrap_err(), Invalid::Mint { index: 0 });
        world.chain.try_draft(&mint(room)).unwrap();
        assert_eq!(world.chain.supply(), u64::MAX);
        assert_eq!(world.chain.try_draft(&mint(1)).unwrap_err(), Invalid::Mint { index: 0 });
        assert_eq!(world.chain.supply(), u64::MAX);
    }
}
