//! What arbitrary blocks are made of: transactions on the fixture contracts, with arguments of the right types among ids
//! that are there, deployments, transfers, uploads, and now and then something that no type allows; prices, mints,
//! nonces and senders with which some blocks must be refused.
//!
//! A block is a function of the bytes that it is made from and of what the generator has learned of the state.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use vm_core::interface::{Flags, Function, Interface, Type};
use vm_core::{Address, CodeSource, Hash, Key, KeySpace, Mint, ObjectId, ObjectMeta, Params, Payload};
use vm_host::validate_module;
use vm_state::{ChangeSet, View};

use crate::chain::{Chain, Draft, Posted, Run, START, alice, bob, entries};
use crate::module_validation::fixtures;
use crate::typed::{self, Pool};

/// A fixture contract that alice has deployed.
#[derive(Clone, Debug)]
pub(crate) struct Deployed {
    name: String,
    pub(crate) address: Address,
    pub(crate) interface: Interface,
}

/// The contracts that are called, and what arguments are chosen from.
#[derive(Clone, Debug)]
pub(crate) struct Generator {
    contracts: Vec<Deployed>,
    codes: Vec<Vec<u8>>,
    pool: Pool,
    /// The objects of the pool.
    objects: BTreeMap<ObjectId, ObjectMeta>,
}

/// The fixture contracts in the order in which they are deployed: those that others are told of come first.
pub(crate) fn in_order() -> Vec<(String, Vec<u8>)> {
    let mut fixtures = fixtures();
    fixtures.sort_by_key(|(name, _)| !["counter", "token"].contains(&name.as_str()));
    fixtures
}

impl Generator {
    /// One that knows of no contract and no object.
    pub(crate) fn new() -> Self {
        // Those who can send are met more often.
        let addresses = vec![alice(), bob(), Address::named("carol"), alice(), bob(), alice(), bob()];
        let pool = Pool { addresses, ..Pool::default() };
        Self { contracts: vec![], codes: vec![], pool, objects: BTreeMap::new() }
    }

    /// One that knows of every fixture contract, for states in which they are deployed.
    pub(crate) fn of_fixtures() -> Self {
        let mut generator = Self::new();
        for (name, code) in in_order() {
            let interface = validate_module(&code, &Params::default()).unwrap().interface;
            generator.add(name, code, interface);
        }
        generator
    }

    /// Learns of a contract that alice has deployed without salt.
    pub(crate) fn add(&mut self, name: String, code: Vec<u8>, interface: Interface) {
        let address = Chain::address(&alice(), 0, &code);
        self.pool.addresses.push(address);
        self.pool.hashes.push(Hash::of_code(&code));
        self.contracts.push(Deployed { name, address, interface });
        self.codes.push(code);
    }

    /// How many contracts it knows of.
    #[cfg(test)]
    pub(crate) fn contract_count(&self) -> usize {
        self.contracts.len()
    }

    /// The address of the fixture contract `name`.
    pub(crate) fn address(&self, name: &str) -> Option<Address> {
        self.contracts.iter().find(|contract| contract.name == name).map(|contract| contract.address)
    }

    /// The contracts.
    pub(crate) fn contracts(&self) -> &[Deployed] {
        &self.contracts
    }

    /// What arguments are chosen from.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The objects that it knows of.
    pub(crate) fn objects(&self) -> &BTreeMap<ObjectId, ObjectMeta> {
        &self.objects
    }

    /// Learns of the objects that there are, and of no others.
    pub(crate) fn look(&mut self, view: &dyn View) {
        let objects = entries(view, KeySpace::Object);
        let meta = |value: &[u8]| ObjectMeta::from_entry(value).unwrap();
        self.objects = objects.iter().map(|(key, value)| (object_of(key), meta(value))).collect();
        self.pool.objects = self.objects.keys().copied().collect();
    }

    /// Learns of what a block changed.
    pub(crate) fn learn(&mut self, changes: &ChangeSet) {
        let of_objects = changes.iter().filter(|(key, _)| key.space() == Some(KeySpace::Object));
        for (key, value) in of_objects {
            match value {
                Some(value) => self.objects.insert(object_of(key), ObjectMeta::from_entry(value).unwrap()),
                None => self.objects.remove(&object_of(key)),
            };
        }
        self.pool.objects = self.objects.keys().copied().collect();
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

    /// A block of up to four transactions, with mints, prices and nonces that most often allow it.
    ///
    /// They are chosen after the runs, so that bytes mean the runs that they mean to [`Self::block`]; where no bytes are
    /// left the block is a plain one.
    pub(crate) fn draft(&self, u: &mut Unstructured<'_>, supply: u64) -> Result<Draft> {
        let runs = self.block(u)?;
        let posted = runs.into_iter().map(|run| posted(u, run)).collect::<Result<_>>()?;
        let count = match u.int_in_range(0..=15u8)? {
            14 => 1,
            15 => 2,
            _ => 0,
        };
        let mints = (0..count).map(|_| self.mint(u, supply)).collect::<Result<_>>()?;
        Ok(Draft { mints, posted })
    }

    fn mint(&self, u: &mut Unstructured<'_>, supply: u64) -> Result<Mint> {
        let room = u64::MAX - supply;
        let amount = match u.int_in_range(0..=15u8)? {
            0..=8 => u.int_in_range(1..=2_000)?,
            9..=11 => u.int_in_range(1..=room.max(1))?,
            // All that there is room for, and one more.
            12..=13 => room,
            14 => room.saturating_add(1),
            _ => u.arbitrary()?,
        };
        let to = *u.choose(&[alice(), bob(), poor(), Address::named("proposer"), stranger()])?;
        Ok(Mint { to, amount })
    }

    /// A transaction.
    pub(crate) fn run(&self, u: &mut Unstructured<'_>) -> Result<Run> {
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

/// Gets money now and then, and has little.
pub(crate) fn poor() -> Address {
    Address::named("carol")
}

/// Has no account at first.
pub(crate) fn stranger() -> Address {
    Address::named("dave")
}

/// `run` at a price, mostly by its sender with the right nonce.
fn posted(u: &mut Unstructured<'_>, mut run: Run) -> Result<Posted> {
    // A limit below the envelope's cost refuses the whole block: most are raised.
    if run.gas_limit < 60_000 && u.int_in_range(0..=3u8)? > 0 {
        run.gas_limit = 1_000_000;
    }
    let limit = run.gas_limit.max(1);
    // The largest price whose fee is a u64, and the one with which alice would have paid all that she began with.
    let (whole, all) = (u64::MAX / limit, START / limit);
    let mut gas_price = match u.int_in_range(0..=127u8)? {
        0..=63 => 1,
        64..=95 => 0,
        96..=109 => u.int_in_range(2..=100_000)?,
        110..=123 => u.int_in_range(1..=(all / 16).max(1))?,
        124 => all.saturating_add(u.int_in_range(0..=1)?),
        125 => whole.saturating_add(u.int_in_range(0..=2)?),
        126 => all / 2,
        _ => u.arbitrary()?,
    };
    let nonce_shift = match u.int_in_range(0..=255u8)? {
        253 => 1,
        254 => u64::MAX,
        255 => u.arbitrary()?,
        _ => 0,
    };
    let poor_one = match u.int_in_range(0..=31u8)? {
        30 => Some(poor()),
        31 => Some(stranger()),
        _ => None,
    };
    if let Some(sender) = poor_one {
        run.sender = sender;
        // Most often for nothing: that is all it can pay.
        gas_price = if u.int_in_range(0..=3u8)? > 0 { 0 } else { gas_price };
    }
    Ok(Posted { run, gas_price, nonce_shift })
}

/// Mostly small, at times more than anybody has.
fn amount(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u.int_in_range(0..=7u8)? {
        0 => 0,
        1 => u.arbitrary()?,
        _ => u.int_in_range(1..=2_000)?,
    })
}

/// The object whose metadata stands under `key`.
fn object_of(key: &Key) -> ObjectId {
    ObjectId(key.as_bytes()[1..].try_into().unwrap())
}
