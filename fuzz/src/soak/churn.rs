//! Transactions that make and delete objects and fields on purpose, so that the state goes to a size and stays there.
//!
//! What arbitrary transactions make they seldom delete. Here tokens are minted and burned, deals opened and released,
//! elements inserted and removed, with values from none to some thousand bytes; the more objects there are, the more is
//! deleted.

use arbitrary::{Result, Unstructured};
use parity_scale_codec::Encode;
use vm_core::{Address, ObjectId, Payload};

use crate::chain::{Run, alice, bob};
use crate::generator::Generator;

/// Keys of the map whose elements come and go.
const MAP_KEYS: u16 = 2_048;
/// Objects that neither alice nor bob owns can't be deleted: past so many there come no more.
const LOST_MAX: usize = 600;
/// Contracts can't be deleted either.
const CONTRACTS_MAX: usize = 300;

/// A contract's operations, as far as they are used: `fixtures/contracts/collections`.
#[derive(Debug, Encode)]
enum Operation {
    #[codec(index = 0)]
    Insert(u16, String),
    #[codec(index = 3)]
    Remove(u16),
    #[codec(index = 7)]
    Push(String),
    #[codec(index = 8)]
    Pop,
    #[codec(index = 13)]
    Add(u64),
}

/// What the state offers for this.
#[derive(Debug)]
pub(super) struct Churn {
    nft: Address,
    escrow: Address,
    collections: Address,
    factory: Address,
    /// Tokens that alice or bob can burn, and who.
    tokens: Vec<(ObjectId, Address)>,
    deals: Vec<(ObjectId, Address)>,
    objects: usize,
    /// So many objects are aimed at, not 0.
    aim: usize,
    /// Objects that nobody can delete.
    lost: usize,
    /// Contracts that have objects.
    contracts: usize,
}

impl Churn {
    /// Looks at the objects that `generator` knows of; `None` if a contract is missing.
    pub(super) fn of(generator: &Generator, aim: usize) -> Option<Self> {
        let [nft, escrow, collections, factory] =
            ["nft", "escrow", "collections", "factory"].map(|name| generator.address(name));
        let (nft, escrow) = (nft?, escrow?);
        let (mut tokens, mut deals, mut lost) = (vec![], vec![], 0);
        let mut contracts = std::collections::BTreeSet::new();
        for (object, meta) in generator.objects() {
            contracts.insert(meta.contract);
            let deletable = [alice(), bob()].contains(&meta.owner);
            match (meta.contract, deletable) {
                (contract, true) if contract == nft => tokens.push((*object, meta.owner)),
                (contract, true) if contract == escrow => deals.push((*object, meta.owner)),
                _ => lost += 1,
            }
        }
        let (objects, contracts) = (generator.objects().len(), contracts.len());
        let (collections, factory) = (collections?, factory?);
        Some(Self { nft, escrow, collections, factory, tokens, deals, objects, aim, lost, contracts })
    }

    /// Whether the state is far from its size yet: blocks are crowded until it is not.
    pub(super) fn is_sparse(&self) -> bool {
        self.objects < self.aim * 3 / 4
    }

    /// Whether an arbitrary transaction may make what can't be deleted, and there is enough of that.
    pub(super) fn is_too_much(&self, run: &Run) -> bool {
        match &run.payload {
            Payload::Call { contract, function, .. } if *contract == self.nft => {
                self.lost >= LOST_MAX && ["mint", "transfer"].contains(&function.as_str())
            }
            Payload::Call { contract, function, .. } if *contract == self.factory => {
                self.contracts >= CONTRACTS_MAX && function == "create"
            }
            _ => false,
        }
    }

    /// A transaction.
    pub(super) fn run(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        // Of eight, from seven that create, in an empty state, to one, from twice the aim on.
        let creating = (8 - (self.objects * 4 / self.aim).min(7)).min(7);
        let creates = u.int_in_range(1..=8usize)? <= creating;
        match (u.int_in_range(0..=7u8)?, creates) {
            (0..=3, true) => self.mint(u),
            (0..=3, false) => self.burn(u),
            (4..=5, true) => self.open(u),
            (4..=5, false) => self.release(u),
            (6, _) => self.hand_on(u),
            _ => self.elements(u),
        }
    }

    fn mint(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let to = if u.arbitrary()? { alice() } else { bob() };
        Ok(call(alice(), self.nft, "mint", (to, text(u)?).encode(), 0))
    }

    fn burn(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let Some((token, owner)) = chosen(u, &self.tokens)? else { return self.mint(u) };
        Ok(call(owner, self.nft, "burn", token.encode(), 0))
    }

    fn hand_on(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let Some((token, owner)) = chosen(u, &self.tokens)? else { return self.mint(u) };
        let to = if owner == alice() { bob() } else { alice() };
        Ok(call(owner, self.nft, "transfer", (token, to).encode(), 0))
    }

    fn open(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let (buyer, seller) = if u.arbitrary()? { (alice(), bob()) } else { (bob(), alice()) };
        let (deadline, amount) = (u.int_in_range(0..=1_000_000i64)?, u.int_in_range(1..=2_000u64)?);
        Ok(call(buyer, self.escrow, "open", (seller, deadline).encode(), amount))
    }

    fn release(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let Some((deal, buyer)) = chosen(u, &self.deals)? else { return self.open(u) };
        Ok(call(buyer, self.escrow, "release", deal.encode(), 0))
    }

    fn elements(&self, u: &mut Unstructured<'_>) -> Result<Run> {
        let operations = (0..u.int_in_range(1..=12u8)?)
            .map(|_| {
                Ok(match u.int_in_range(0..=9u8)? {
                    0..=3 => Operation::Insert(u.int_in_range(0..=MAP_KEYS - 1)?, text(u)?),
                    4..=7 => Operation::Remove(u.int_in_range(0..=MAP_KEYS - 1)?),
                    8 if u.arbitrary()? => Operation::Push(text(u)?),
                    8 => Operation::Pop,
                    _ => Operation::Add(u.int_in_range(0..=9)?),
                })
            })
            .collect::<Result<Vec<Operation>>>()?;
        Ok(call(alice(), self.collections, "run", operations.encode(), 0))
    }
}

fn call(sender: Address, contract: Address, function: &str, args: Vec<u8>, value: u64) -> Run {
    let payload = Payload::Call { contract, function: function.into(), args, value };
    Run { sender, gas_limit: 20_000_000, payload }
}

fn chosen(u: &mut Unstructured<'_>, of: &[(ObjectId, Address)]) -> Result<Option<(ObjectId, Address)>> {
    if of.is_empty() { Ok(None) } else { u.choose(of).copied().map(Some) }
}

/// Mostly short; some do not fit the row of their entry, a few are long.
fn text(u: &mut Unstructured<'_>) -> Result<String> {
    let len = match u.int_in_range(0..=15u8)? {
        0 => u.int_in_range(1_000..=4_000usize)?,
        1..=4 => u.int_in_range(40..=400)?,
        _ => u.int_in_range(0..=30)?,
    };
    let letter = char::from(u.int_in_range(b'a'..=b'z')?);
    Ok(std::iter::repeat_n(letter, len).collect())
}
