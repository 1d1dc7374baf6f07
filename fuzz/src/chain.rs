//! A chain that checks itself: every block is executed with a trace, without, and at times by an engine with an empty
//! cache; after each commit value is conserved and the owner index equals the metadata.

use std::collections::BTreeMap;
use std::sync::Arc;

use vm_core::{
    Account, Address, Block, BlockContext, CodeSource, Hash, Key, KeySpace, Mint, ObjectMeta, OwnedObject,
    Params, Payload, Transaction,
};
use vm_host::{BlockError, BlockOutcome, Executed, Invalid, InvalidTransaction, Options, TraceLevel, Vm};
use vm_state::{Genesis, MemoryStore, StateReader, Store, Value, View};

/// What alice and bob begin with.
pub(crate) const START: u64 = 1 << 60;

/// An account with money.
#[must_use]
pub fn alice() -> Address {
    Address::named("alice")
}

/// Another one.
#[must_use]
pub fn bob() -> Address {
    Address::named("bob")
}

/// What a sender wants, and for how much gas.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who sends it.
    pub sender: Address,
    /// Its gas limit.
    pub gas_limit: u64,
    /// What it does.
    pub payload: Payload,
}

/// A run as it stands in a block.
#[derive(Clone, Debug)]
pub struct Posted {
    /// What is wanted.
    pub run: Run,
    /// What a unit of gas costs the sender.
    pub gas_price: u64,
    /// What is added to the sender's nonce, wrapping: with anything but 0 no block may hold it.
    pub nonce_shift: u64,
}

/// A block before its transactions have nonces.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// New money.
    pub mints: Vec<Mint>,
    /// The transactions in their order.
    pub posted: Vec<Posted>,
}

impl From<&[Run]> for Draft {
    /// At a price of 1, with the right nonces and no mints.
    fn from(runs: &[Run]) -> Self {
        let posted = runs.iter().map(|run| Posted { run: run.clone(), gas_price: 1, nonce_shift: 0 });
        Self { mints: vec![], posted: posted.collect() }
    }
}

/// A chain on a memory store, with two engines that must agree whatever they have cached.
#[derive(Debug)]
pub struct Chain {
    /// Executes everything, with a trace and without.
    vm: Arc<Vm>,
    /// Has translated nothing beforehand: executes the blocks of an even height once more.
    cold: Vm,
    store: MemoryStore,
    nonces: BTreeMap<Address, u64>,
    supply: u64,
}

impl Chain {
    /// A chain on which alice and bob have money.
    #[must_use]
    pub fn new(params: &Params) -> Self {
        let genesis = Genesis::new(params, 0, &[(alice(), START), (bob(), START)]).unwrap();
        Self {
            vm: Arc::new(Vm::new(params.clone())),
            cold: Vm::new(params.clone()),
            store: MemoryStore::new(&genesis),
            nonces: BTreeMap::new(),
            supply: 2 * START,
        }
    }

    /// The same chain once more: it shares what the first engine has translated, and nothing else.
    #[must_use]
    pub fn fork(&self) -> Self {
        let (vm, cold) = (Arc::clone(&self.vm), Vm::new(self.vm.params().clone()));
        Self { vm, cold, store: self.store.clone(), nonces: self.nonces.clone(), supply: self.supply }
    }

    /// The state after the last block.
    #[must_use]
    pub fn view(&self) -> Arc<dyn View> {
        self.store.view().unwrap()
    }

    /// The chain's rules.
    #[must_use]
    pub fn params(&self) -> &Params {
        self.vm.params()
    }

    /// The sum of all balances.
    #[must_use]
    pub fn supply(&self) -> u64 {
        self.supply
    }

    /// Executes and commits a block of `runs`.
    ///
    /// # Panics
    ///
    /// If an invariant breaks: a node failure, receipts that depend on the trace, value made or lost; and if the block is
    /// invalid.
    pub fn block(&mut self, runs: &[Run]) -> Vec<Executed> {
        self.try_block(runs).unwrap().1.transactions
    }

    /// As [`Self::block`], with the block and all that came of it.
    ///
    /// # Errors
    ///
    /// [`Invalid`] if the block is refused: nothing is changed then.
    ///
    /// # Panics
    ///
    /// If an invariant breaks.
    pub fn try_block(&mut self, runs: &[Run]) -> Result<(Block, BlockOutcome), Invalid> {
        self.try_draft(&Draft::from(runs))
    }

    /// As [`Self::try_block`], of a block with mints, prices and nonces of its own.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there; and if a block is executed that must be refused, or refused for what it does not do.
    pub fn try_draft(&mut self, draft: &Draft) -> Result<(Block, BlockOutcome), Invalid> {
        let view = self.view();
        let (block, nonces) = self.block_of(draft, &view);
        let height = block.context.height;
        let execute = |vm: &Vm, trace| match vm.execute_block(&view, &block, Options { trace }) {
            Ok(outcome) => Ok(outcome),
            Err(BlockError::Invalid(invalid)) => Err(invalid),
            Err(BlockError::Failure(failure)) => panic!("no block makes a node fail: {failure}"),
        };
        let watched = execute(&self.vm, TraceLevel::Full);
        let mut quiet = vec![execute(&self.vm, TraceLevel::Off)];
        if height.is_multiple_of(2) {
            quiet.push(execute(&self.cold, TraceLevel::Off));
        }
        self.admitted(draft, &block, &*view, watched.as_ref().err());
        let watched = match watched {
            Ok(watched) => watched,
            Err(refused) => {
                assert!(quiet.iter().all(|quiet| quiet.as_ref().err() == Some(&refused)), "{quiet:?}");
                return Err(refused);
            }
        };
        for quiet in quiet {
            agree(&watched, &quiet.unwrap());
        }
        for (tx, executed) in block.transactions.iter().zip(&watched.transactions) {
            let receipt = &executed.receipt;
            assert!(receipt.gas_used <= tx.gas_limit, "more gas used than granted: {receipt:?}");
            assert!(receipt.gas_used > 0, "nothing is free: {receipt:?}");
            let burned = receipt.gas_used + receipt.gas_refunded;
            assert!(receipt.gas_refunded <= burned / 5, "refunds are capped: {receipt:?}");
        }
        self.nonces = nonces;
        self.supply += block.mints.iter().map(|mint| mint.amount).sum::<u64>();
        self.store.commit(&watched.commit).unwrap();
        self.check();
        Ok((block, watched))
    }

    /// The block of `draft` after `view`, and the nonces after it.
    fn block_of(&self, draft: &Draft, view: &Arc<dyn View>) -> (Block, BTreeMap<Address, u64>) {
        let (mut transactions, mut nonces) = (vec![], self.nonces.clone());
        for Posted { run, gas_price, nonce_shift } in &draft.posted {
            let Run { sender, gas_limit, payload } = run.clone();
            let nonce = nonces.entry(sender).or_default();
            let shifted = nonce.wrapping_add(*nonce_shift);
            transactions.push(Transaction {
                sender,
                nonce: shifted,
                gas_limit,
                gas_price: *gas_price,
                payload,
            });
            *nonce += 1;
        }
        let height = view.header().height + 1;
        let time = i64::try_from(height).unwrap() * 1_000;
        let context = BlockContext { height, time, proposer: Address::named("proposer") };
        (Block { context, mints: draft.mints.clone(), transactions }, nonces)
    }

    /// Holds that a block is executed only if its mints, nonces and fees allow it, and refused for one of them only if
    /// that one does not.
    fn admitted(&self, draft: &Draft, block: &Block, view: &dyn View, refused: Option<&Invalid>) {
        let mut supply = Some(self.supply);
        let bad_mint = block.mints.iter().position(|mint| {
            supply = supply.and_then(|supply| supply.checked_add(mint.amount));
            mint.amount == 0 || supply.is_none()
        });
        let bad_nonce = draft.posted.iter().position(|posted| posted.nonce_shift != 0);
        let fee = |tx: &Transaction| u128::from(tx.gas_limit) * u128::from(tx.gas_price);
        let at = |index: &u32| usize::try_from(*index).unwrap();
        match refused {
            None => {
                assert_eq!((bad_mint, bad_nonce), (None, None), "a bad mint or nonce was taken");
                let whole = block.transactions.iter().all(|tx| fee(tx) <= u128::from(u64::MAX));
                assert!(whole, "a fee that no balance reaches was taken");
            }
            Some(Invalid::Mint { index }) => assert_eq!(Some(at(index)), bad_mint),
            Some(Invalid::Transaction { index, reason: InvalidTransaction::Nonce { expected, found } }) => {
                assert_eq!(Some(at(index)), bad_nonce);
                let shift = draft.posted[at(index)].nonce_shift;
                assert_eq!(*found, expected.wrapping_add(shift), "the nonce of those before is the count");
            }
            Some(Invalid::Transaction { index, reason: InvalidTransaction::Fee { fee: found, balance } }) => {
                assert_eq!(*found, fee(&block.transactions[at(index)]), "the fee is limit times price");
                assert!(*found > u128::from(*balance), "a fee that can be paid was refused");
                assert!(bad_nonce.is_none_or(|bad| bad > at(index)), "a wrong nonce was passed over");
            }
            Some(_) => (),
        }
        // What the first one's sender has is known: nothing ran before it.
        if let (Some(first), None) = (block.transactions.first(), bad_mint) {
            let minted = block.mints.iter().filter(|mint| mint.to == first.sender);
            let account = StateReader::new(view).account(&first.sender).unwrap();
            let balance = account.balance + minted.map(|mint| mint.amount).sum::<u64>();
            let short = |reason: &InvalidTransaction| matches!(reason, InvalidTransaction::Fee { .. });
            match refused {
                Some(Invalid::Transaction { index: 0, reason }) if short(reason) => {
                    let reason = reason.clone();
                    assert_eq!(reason, InvalidTransaction::Fee { fee: fee(first), balance });
                }
                None => assert!(fee(first) <= u128::from(balance), "a fee was taken that can't be paid"),
                Some(_) => (),
            }
        }
    }

    /// Where `deployer` gets a contract with `code` and `salt`.
    #[must_use]
    pub fn address(deployer: &Address, salt: u8, code: &[u8]) -> Address {
        Address::of_contract(deployer, &Hash([salt; 32]), &Hash::of_code(code))
    }

    /// A deployment by alice.
    #[must_use]
    pub fn deployment(code: Vec<u8>, salt: u8, args: Vec<u8>) -> Run {
        let payload =
            Payload::Deploy { code: CodeSource::Bytes(code), salt: Hash([salt; 32]), args, value: 0 };
        Run { sender: alice(), gas_limit: 450_000_000, payload }
    }

    fn check(&self) {
        check_state(&*self.view(), self.supply);
    }
}

/// Checks what every state must be: balances sum up to `supply`, the owner index is the metadata, the system entry says
/// so.
///
/// # Panics
///
/// If it is not.
pub(crate) fn check_state(view: &dyn View, supply: u64) {
    let mut balances = 0u128;
    for (_, value) in entries(view, KeySpace::Account) {
        let account = Account::from_entry(&value).unwrap();
        assert_ne!(account, Account::default(), "an empty account has no entry");
        balances += u128::from(account.balance);
    }
    assert_eq!(balances, u128::from(supply), "value is neither made nor lost");
    let metas: BTreeMap<Key, _> = entries(view, KeySpace::Object)
        .into_iter()
        .map(|(key, value)| {
            let meta = ObjectMeta::from_entry(&value).unwrap();
            (Key::owned(&meta.contract, &meta.owner, meta.stamp), (key, meta.policy))
        })
        .collect();
    let owned: BTreeMap<Key, _> = entries(view, KeySpace::Owned)
        .into_iter()
        .map(|(key, value)| {
            let owned = OwnedObject::from_entry(&value).unwrap();
            (key, (Key::object(&owned.object), owned.policy))
        })
        .collect();
    assert_eq!(owned, metas, "the owner index is the metadata");
    let system = StateReader::new(view).system().unwrap();
    assert_eq!((system.supply, system.height), (supply, view.header().height));
}

fn agree(watched: &BlockOutcome, quiet: &BlockOutcome) {
    assert_eq!(watched.commit.header, quiet.commit.header, "a trace changes no byte");
    assert_eq!(watched.commit.receipts, quiet.commit.receipts, "a trace changes no receipt");
    assert_eq!(watched.commit.changes, quiet.commit.changes, "a trace changes no entry");
    for (watched, quiet) in watched.transactions.iter().zip(&quiet.transactions) {
        assert_eq!(watched.resources, quiet.resources, "a trace consumes nothing");
        assert_eq!(watched.footprint, quiet.footprint, "a trace touches nothing");
    }
}

/// All entries of a space.
pub(crate) fn entries(view: &dyn View, space: KeySpace) -> Vec<(Key, Value)> {
    let prefix = Key::space_prefix(space);
    let mut first = vec![0; space.key_len()];
    first[0] = space.tag();
    let mut from = Some(Key::from_bytes(&first).unwrap());
    let mut found = vec![];
    while let Some(start) = from {
        let Some((key, value)) = view.next(&prefix, &start).unwrap() else { break };
        from = key.successor();
        found.push((key, value));
    }
    found
}
