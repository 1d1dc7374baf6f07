//! The fixture contracts on one chain, and arbitrary blocks of transactions on them: deployments, calls with arguments of
//! the right types among ids that are there, transfers, uploads, and now and then something that no type allows.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use vm_core::interface::Interface;
use vm_core::{Address, CodeSource, Hash, KeySpace, ObjectId, Params, Payload, Status};
use vm_host::validate_module;

use crate::campaign::Inputs;
use crate::chain::{Chain, Run, alice, bob, entries};
use crate::module_validation::fixtures;
use crate::typed::{self, Pool};

/// A fixture contract that is deployed.
#[derive(Clone, Debug)]
struct Deployed {
    address: Address,
    interface: Interface,
}

/// The chain with the contracts.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    contracts: Vec<Deployed>,
    codes: Vec<Vec<u8>>,
    pool: Pool,
}

impl World {
    /// A world of its own: the contracts are deployed once for all.
    pub(crate) fn new() -> Self {
        static FIRST: OnceLock<World> = OnceLock::new();
        let first = FIRST.get_or_init(Self::deploy);
        Self {
            chain: first.chain.fork(),
            contracts: first.contracts.clone(),
            codes: first.codes.clone(),
            pool: first.pool.clone(),
        }
    }

    fn deploy() -> Self {
        let params = Params::default();
        let mut world =
            Self { chain: Chain::new(&params), contracts: vec![], codes: vec![], pool: Pool::default() };
        world.pool.addresses = vec![alice(), bob(), Address::named("carol")];
        let mut fixtures = fixtures();
        // The contracts that others are told of come first.
        fixtures.sort_by_key(|(name, _)| !["counter", "token"].contains(&name.as_str()));
        let mut inputs = Inputs::new(10);
        for (name, code) in fixtures {
            let interface = validate_module(&code, &params).unwrap().interface;
            let init = interface.init().map(|init| init.params.as_slice()).unwrap_or_default();
            let address = Chain::address(&alice(), 0, &code);
            // Not all arguments do: a vote has at least two options.
            let deployed = (0..64).any(|_| {
                let bytes = inputs.bytes(400);
                let args = typed::arguments(&mut Unstructured::new(&bytes), init, &world.pool).unwrap();
                let executed = world.chain.block(&[Chain::deployment(code.clone(), 0, args)]);
                executed[0].receipt.status == Status::Success
            });
            assert!(deployed, "{name} refuses all arguments");
            world.pool.addresses.push(address);
            world.pool.hashes.push(Hash::of_code(&code));
            world.contracts.push(Deployed { address, interface });
            world.codes.push(code);
        }
        world.look();
        world
    }

    /// Learns of the objects that there are.
    pub(crate) fn look(&mut self) {
        let objects = entries(&*self.chain.view(), KeySpace::Object);
        let id = |bytes: &[u8]| ObjectId(bytes[1..].try_into().unwrap());
        self.pool.objects = objects.iter().map(|(key, _)| id(key.as_bytes())).collect();
    }

    /// A block of up to four transactions.
    pub(crate) fn block(&self, u: &mut Unstructured<'_>) -> Result<Vec<Run>> {
        let count = u.int_in_range(1..=4u8)?;
        (0..count).map(|_| self.run(u)).collect()
    }

    fn run(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let sender = if u.ratio(2, 3)? { alice() } else { bob() };
        let payload = match u.int_in_range(0..=15u8)? {
            0 => Payload::Transfer { to: *u.choose(&self.pool.addresses)?, amount: amount(u)? },
            1 => {
                let code = u.choose_index(self.codes.len())?;
                let init = self.contracts[code].interface.init();
                let params = init.map(|init| init.params.as_slice()).unwrap_or_default();
                let args = typed::arguments(u, params, &self.pool)?;
                let stored = u.ratio(2, 3)?;
                let code = &self.codes[code];
                let code = if stored {
                    CodeSource::Stored(Hash::of_code(code))
                } else {
                    CodeSource::Bytes(code.clone())
                };
                Payload::Deploy { code, salt: Hash([u.int_in_range(0..=3)?; 32]), args, value: amount(u)? }
            }
            2 => {
                let mut code = u.choose(&self.codes)?.clone();
                if u.arbitrary()? {
                    code.push(0);
                }
                Payload::Upload { code }
            }
            _ => self.call(u)?,
        };
        let gas_limit = match u.int_in_range(0..=7u8)? {
            0 => u.int_in_range(0..=60_000)?,
            1 => u.int_in_range(0..=3_000_000)?,
            _ => match payload {
                Payload::Deploy { .. } | Payload::Upload { .. } => 50_000_000,
                Payload::Call { .. } | Payload::Transfer { .. } => 5_000_000,
            },
        };
        Ok(Run { sender, gas_limit, payload })
    }

    fn call(&self, u: &mut Unstructured<'_>) -> Result<Payload> {
        let Deployed { address, interface } = u.choose(&self.contracts)?;
        let (mut function, mut args) = (String::from("none"), vec![]);
        if let Ok(found) = u.choose(&interface.functions) {
            function.clone_from(&found.name);
            args = typed::arguments(u, &found.params, &self.pool)?;
        }
        if u.ratio(1, 16)? {
            args.push(u.arbitrary()?);
        }
        let value = if u.ratio(2, 3)? { 0 } else { amount(u)? };
        // An address that may be no contract, now and then.
        let contract = if u.ratio(1, 16)? { *u.choose(&self.pool.addresses)? } else { *address };
        Ok(Payload::Call { contract, function, args, value })
    }
}

/// Mostly small, at times more than anybody has.
fn amount(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=7u8)? {
        0 => 0,
        1 => u.arbitrary()?,
        _ => u.int_in_range(1..=2_000)?,
    })
}

/// Seeds for targets that run blocks.
pub(crate) fn seeds(seed: u64) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(seed);
    (0..16).map(|index| (format!("seed-{index:02}"), inputs.bytes(700))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_fixture_contract_is_there() {
        let world = World::new();
        let contracts = entries(&*world.chain.view(), KeySpace::Contract);
        assert_eq!(contracts.len(), world.contracts.len(), "a deployment failed");
        assert!(!world.pool.objects.is_empty());
    }

    /// The generator is worth its name only if most of what it makes does something.
    #[test]
    fn many_transactions_succeed_and_some_fail_in_every_way() {
        let mut inputs = Inputs::new(11);
        let mut ends: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..40 {
            let (mut world, bytes) = (World::new(), inputs.bytes(700));
            let mut u = Unstructured::new(&bytes);
            for _ in 0..3 {
                let runs = world.block(&mut u).unwrap();
                match world.chain.try_block(&runs) {
                    Ok((_, outcome)) => {
                        for executed in outcome.transactions {
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
        let all: u32 = ends.values().sum();
        let good = ends.get(&format!("{:?}", Status::Success)).copied().unwrap_or_default();
        assert!(good * 4 > all && good * 10 < all * 9 && ends.len() > 6, "{ends:?}");
    }
}
