//! The fixture contracts on one chain, and arbitrary blocks of transactions on them: deployments, calls with arguments of
//! the right types among ids that are there, transfers, uploads, and now and then something that no type allows.

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use vm_core::interface::{Flags, Function, Interface, Type};
use vm_core::{Address, CodeSource, Hash, KeySpace, ObjectId, ObjectMeta, Params, Payload, Status};
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
    /// The objects of the pool.
    objects: Vec<(ObjectId, ObjectMeta)>,
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
            objects: first.objects.clone(),
        }
    }

    fn deploy() -> Self {
        let params = Params::default();
        let (chain, pool) = (Chain::new(&params), Pool::default());
        let mut world = Self { chain, contracts: vec![], codes: vec![], pool, objects: vec![] };
        // Those who can send are met more often.
        world.pool.addresses = vec![alice(), bob(), Address::named("carol"), alice(), bob(), alice(), bob()];
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
        // Objects of every kind, for inputs to begin with.
        for _ in 0..160 {
            let bytes = inputs.bytes(300);
            let runs = world.block(&mut Unstructured::new(&bytes)).unwrap();
            if world.chain.try_block(&runs).is_ok() {
                world.look();
            }
        }
        world
    }

    /// Learns of the objects that there are.
    pub(crate) fn look(&mut self) {
        let objects = entries(&*self.chain.view(), KeySpace::Object);
        let id = |bytes: &[u8]| ObjectId(bytes[1..].try_into().unwrap());
        let meta = |value: &[u8]| ObjectMeta::from_entry(value).unwrap();
        self.objects = objects.iter().map(|(key, value)| (id(key.as_bytes()), meta(value))).collect();
        self.pool.objects = self.objects.iter().map(|(object, _)| *object).collect();
    }

    /// The pool for a call of `contract` by `sender`: mostly with the objects that it may well do something with.
    fn pool_for(&self, u: &mut Unstructured<'_>, contract: &Address, sender: &Address) -> Result<Pool> {
        let mut pool = self.pool.clone();
        let owned = u.int_in_range(0..=3u8)?;
        let fits = |meta: &ObjectMeta| meta.contract == *contract && (owned > 2 || meta.owner == *sender);
        let fitting: Vec<ObjectId> =
            self.objects.iter().filter(|(_, meta)| fits(meta)).map(|(object, _)| *object).collect();
        if owned > 0 && !fitting.is_empty() {
            pool.objects = fitting;
        }
        Ok(pool)
    }

    /// Whether this uploads a long fixture once more, with gas enough.
    pub(crate) fn is_upload_of_stored_code(&self, run: &Run) -> bool {
        matches!(&run.payload, Payload::Upload { code } if self.codes.contains(code))
            && run.gas_limit > 40_000_000
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
            _ => self.call(u, &sender)?,
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

    fn call(&self, u: &mut Unstructured<'_>, sender: &Address) -> Result<Payload> {
        // Half of the calls make, move or delete objects; initialisers are seldom called.
        let (objects, initialisers) = (u.arbitrary::<bool>()?, u.ratio(1, 16)?);
        let of = |ty: &Type| *ty == Type::ObjectId;
        let fits = |function: &&Function| {
            let about = of(&function.returns) || function.params.iter().any(|param| of(&param.ty));
            (about || !objects) && (initialisers || !function.flags.has(Flags::INIT))
        };
        let choices: Vec<(&Address, &Function)> = self
            .contracts
            .iter()
            .flat_map(|at| at.interface.functions.iter().filter(fits).map(|function| (&at.address, function)))
            .collect();
        let (address, called) = *u.choose(&choices)?;
        let function = if u.ratio(1, 32)? { "none".into() } else { called.name.clone() };
        let payable = called.flags.has(Flags::PAYABLE);
        let pool = self.pool_for(u, address, sender)?;
        let mut args = typed::arguments(u, &called.params, &pool)?;
        if u.ratio(1, 16)? {
            args.push(u.arbitrary()?);
        }
        // Value where it is taken, mostly.
        let value = if u.ratio(1, 8)? == payable { 0 } else { amount(u)? };
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
        // And those that other inputs' deployments made.
        assert!(contracts.len() >= world.contracts.len(), "a deployment failed");
        assert!(!world.pool.objects.is_empty());
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
