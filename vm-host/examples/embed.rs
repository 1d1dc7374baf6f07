//! A chain's view of the VM, from an empty folder: open a store, execute two candidates on one parent, commit one,
//! execute on it, roll back, and prove an entry. `docs/embedding.md` walks through it; CI runs it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "an example stops at the first failure, like a script"
)]

use std::error::Error;
use std::sync::Arc;

use parity_scale_codec::Encode;
use vm_core::{Account, Address, Block, BlockContext, CodeSource, Hash, Key, Params, Payload, Transaction};
use vm_host::{Options, Vm};
use vm_state::{Genesis, Overlay, ProofRequest, RedbStore, Store, View, prove, verify};

const TOKEN: &[u8] = include_bytes!("../../fixtures/wasm/token.wasm");

fn main() -> Result<(), Box<dyn Error>> {
    // A chain is its parameters and its first balances. Every node makes the same genesis from them.
    let params = Params::default();
    let (alice, bob) = (Address::named("alice"), Address::named("bob"));
    let genesis = Genesis::new(&params, 1_700_000_000_000, &[(alice, 1_000_000_000), (bob, 1_000_000_000)])?;

    // One store, one engine. Neither is global: a process can hold any number of both.
    let folder = tempfile::tempdir()?;
    let mut store = RedbStore::create(folder.path().join("state"), &genesis)?;
    let vm = Vm::new(params.clone());

    // Two candidates on one parent. Executing commits nothing.
    let parent = store.view()?;
    let deploy = Payload::Deploy {
        code: CodeSource::Bytes(TOKEN.to_vec()),
        salt: Hash::ZERO,
        args: ("Gold", 1_000u64).encode(),
        value: 0,
    };
    let pay = Payload::Transfer { to: bob, amount: 500 };
    let with_token = vm.execute_block(&parent, &block(&*parent, alice, 0, deploy), Options::default())?;
    let with_payment =
        vm.execute_block(&parent, &block(&*parent, alice, 0, pay.clone()), Options::default())?;
    assert_ne!(with_token.commit.header.state_root, with_payment.commit.header.state_root);
    println!("candidate A: {}", with_token.commit.header.hash());
    println!("candidate B: {}", with_payment.commit.header.hash());

    // A child of a candidate, before either is committed.
    let on_token: Arc<dyn View> =
        Arc::new(Overlay::new(parent, &with_token.commit).expect("the candidate's parent"));
    let child = vm.execute_block(&on_token, &block(&*on_token, alice, 1, pay), Options::default())?;
    println!("child of A:  {}", child.commit.header.hash());

    // The chain decides for A and its child. When commit returns, the block is on disk.
    store.commit(&with_token.commit)?;
    store.commit(&child.commit)?;
    assert!(store.commit(&with_payment.commit).is_err(), "B's parent is no longer the head");
    for executed in &with_token.transactions {
        println!("gas used:    {}", executed.receipt.gas_used);
    }

    // The chain changes its mind about the child.
    store.rollback(1)?;
    assert_eq!(store.header(), &with_token.commit.header);

    // Anybody who trusts the header can check an entry of the state, or that it is absent.
    let (account, nobody) = (Key::account(&bob), Key::account(&Address::named("nobody")));
    let mut request = ProofRequest::new();
    request.key(account).key(nobody);
    let proof = prove(&*store.view()?, &request)?;
    let shown = verify(&store.header().state_root, &request, &proof)?;
    let balance = Account::from_entry(shown.get(&account)?.expect("bob has an account"))?.balance;
    assert_eq!((balance, shown.get(&nobody)?), (1_000_000_000, None));
    println!("proved:      bob has {balance}, nobody has nothing, in {} bytes", proof.len());

    // What a restart finds, after a crash as well. A view that is held keeps the file open.
    drop((store, on_token));
    let store = RedbStore::open(folder.path().join("state"), &params.hash())?;
    assert_eq!(store.header(), &with_token.commit.header);
    println!("reopened at: {}", store.header().hash());
    Ok(())
}

/// The next block, with one transaction. Order, time, proposer and signatures are the chain's business.
fn block(parent: &dyn View, sender: Address, nonce: u64, payload: Payload) -> Block {
    let (height, time) = (parent.header().height + 1, parent.header().time + 1_000);
    let transaction = Transaction { sender, nonce, gas_limit: 10_000_000, gas_price: 1, payload };
    let context = BlockContext { height, time, proposer: Address::named("proposer") };
    Block { context, mints: vec![], transactions: vec![transaction] }
}
