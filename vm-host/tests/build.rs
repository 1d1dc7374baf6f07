//! A block that is put together is what executing it gives, whatever was offered.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod common;

use common::script::Script;
use common::*;
use proptest::prelude::*;
use vm_core::abi::HostFunction as F;
use vm_core::{Address, Block, BlockContext, Mint, Payload, Transaction};
use vm_host::{BlockError, Built, Invalid, InvalidTransaction, LeftOut};

impl Chain {
    fn context(&self) -> BlockContext {
        self.block(Vec::new()).context
    }

    /// Builds, and compares with the execution of what was built.
    fn build(&self, mints: &[Mint], candidates: &[Transaction]) -> Built {
        let context = self.context();
        let built = self.vm.build_block(&self.view(), &context, mints, candidates).unwrap();
        assert_eq!(built.left_out.len(), candidates.len());
        let kept = candidates.iter().zip(&built.left_out).filter(|(_, out)| out.is_none());
        let transactions: Vec<Transaction> = kept.map(|(tx, _)| tx.clone()).collect();
        let outcome = self.execute(&Block { context, mints: mints.to_vec(), transactions }).unwrap();
        assert_eq!(built.commit.header, outcome.commit.header);
        assert_eq!(built.commit.changes, outcome.commit.changes);
        assert_eq!(built.commit.receipts, outcome.commit.receipts);
        let hashes: Vec<_> = outcome.transactions.iter().map(|executed| executed.hash).collect();
        assert_eq!(built.hashes, hashes);
        built
    }
}

fn pay(sender: &str, nonce: u64, gas_price: u64, amount: u64) -> Transaction {
    let payload = Payload::Transfer { to: Address::named("sink"), amount };
    Transaction { sender: Address::named(sender), nonce, gas_limit: 100_000, gas_price, payload }
}

proptest! {
    #[test]
    fn r102_what_is_built_is_what_executing_it_gives(
        offered in prop::collection::vec((0_usize..3, 0_u64..4, 0_u64..2, 0_u64..3, 0_u64..4), 0..24)
    ) {
        let chain = Chain::new();
        let names = ["alice", "bob", "nobody"];
        let candidates: Vec<Transaction> = offered
            .iter()
            .map(|&(name, nonce, price, amount, gas)| Transaction {
                // Some have too little gas for anything, some too much for a transaction.
                gas_limit: [100_000, 100_000, 1, u64::MAX][usize::try_from(gas).unwrap()],
                ..pay(names[name], nonce, price, amount * 400_000_000)
            })
            .collect();
        chain.build(&[], &candidates);
        chain.build(&[Mint { to: Address::named("nobody"), amount: 1_000_000 }], &candidates);
    }
}

#[test]
fn one_that_can_not_stand_is_left_out_and_named_and_the_others_go_on() {
    let chain = Chain::new();
    let candidates = [
        pay("alice", 0, 0, 1),
        pay("alice", 5, 0, 1),
        pay("nobody", 0, 1, 1),
        pay("alice", 1, 0, 1),
        Transaction { gas_limit: 1, ..pay("bob", 0, 0, 1) },
        pay("bob", 0, 0, 1),
    ];
    let built = chain.build(&[], &candidates);
    assert_eq!(built.hashes.len(), 3);
    let reasons: Vec<Option<&LeftOut>> = built.left_out.iter().map(Option::as_ref).collect();
    assert!(
        matches!(
            reasons[..],
            [
                None,
                Some(LeftOut::Invalid(InvalidTransaction::Nonce { expected: 1, found: 5 })),
                Some(LeftOut::Invalid(InvalidTransaction::Fee { .. })),
                None,
                Some(LeftOut::Invalid(InvalidTransaction::IntrinsicGas { .. })),
                None
            ]
        ),
        "{reasons:?}"
    );
}

#[test]
fn a_block_takes_what_its_sums_leave_room_for() {
    let chain = Chain::with_limits(|limits| limits.block_transactions = 3);
    let candidates: Vec<Transaction> = (0..4).map(|nonce| pay("alice", nonce, 0, 1)).collect();
    let built = chain.build(&[], &candidates);
    assert_eq!((built.hashes.len(), &built.left_out[3]), (3, &Some(LeftOut::Full)));
    // Mints count too; where they leave no room at all, no block will.
    let mint = Mint { to: Address::named("bob"), amount: 1 };
    let built = chain.build(&[mint.clone(), mint.clone()], &candidates);
    assert_eq!((built.hashes.len(), &built.left_out[1]), (1, &Some(LeftOut::Full)));
    let built = chain.build(&[mint.clone(), mint.clone(), mint.clone()], &candidates[..1]);
    let too_much = LeftOut::TooMuch { what: "transactions and mints", found: 4, limit: 3 };
    assert_eq!(built.left_out, [Some(too_much)]);
    let refused = chain.vm.build_block(&chain.view(), &chain.context(), &vec![mint; 4], &[]);
    assert!(matches!(refused, Err(BlockError::Invalid(Invalid::TooMuch { .. }))));
}

#[test]
fn what_only_execution_shows_to_be_too_much_ends_the_block_before_it() {
    let mut chain = Chain::with_limits(|limits| limits.block_receipt_bytes = 65_536);
    let logs = |count: usize| {
        let mut script = Script::new();
        let name = script.bytes(b"Event");
        for _ in 0..count {
            script.call(F::log, &[name, 5, 0, 10_000]);
        }
        script.build()
    };
    let half = chain.deploy(&logs(4));
    let whole = chain.deploy(&logs(8));
    let call = |contract| Payload::Call { contract, function: "run".into(), args: vec![], value: 0 };
    let mut tx = |contract| chain.tx(alice(), 1_000_000, call(contract));
    let candidates = [tx(half), tx(half), tx(half)];
    let built = chain.build(&[], &candidates);
    assert_eq!(built.left_out, [None, Some(LeftOut::Full), Some(LeftOut::Full)]);

    // Alone it fits into no block: it is named, and what comes after waits.
    let payment = |nonce| pay("bob", nonce, 0, 1);
    let nonce = candidates[0].nonce;
    let alone = Transaction { payload: call(whole), ..candidates[0].clone() };
    let built = chain.build(&[], &[alone.clone(), payment(0)]);
    assert!(matches!(
        built.left_out[..],
        [Some(LeftOut::TooMuch { what: "bytes of receipts", limit: 65_536, .. }), Some(LeftOut::Full)]
    ));
    // After others it is not known to be: it comes first the next time.
    let built = chain.build(&[], &[payment(0), Transaction { nonce, ..alone }, payment(1)]);
    assert_eq!(built.left_out, [None, Some(LeftOut::Full), Some(LeftOut::Full)]);
}
