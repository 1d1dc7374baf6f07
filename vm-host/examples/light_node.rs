//! A light node: from a trusted header to a verified value, event and block, with nothing but bytes from strangers.
//! `docs/light-node.md` walks through it; CI runs it. The functions under "the light node" need no standard library.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "an example stops at the first failure, like a script"
)]

use std::error::Error;

use parity_scale_codec::{Decode, Encode};
use vm_core::{
    Account, Address, Block, BlockContext, CodeSource, Hash, Header, Key, Params, Payload, Transaction,
};
use vm_host::{Options, Vm};
use vm_state::{EventProof, Genesis, MemoryStore, ProofRequest, Store, prove, verify};

const TOKEN: &[u8] = include_bytes!("../../fixtures/wasm/token.wasm");

/// What travels to the light node: bytes.
struct Sent {
    block: Vec<u8>,
    witness: Vec<u8>,
    header: Header,
    event: Vec<u8>,
    balance: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let params = Params::default();
    let alice = Address::named("alice");
    let genesis = Genesis::new(&params, 1_700_000_000_000, &[(alice, 1_000_000_000)])?;
    let sent = full_node(&params, &genesis, alice)?;
    light_node(&params, genesis.header(), alice, &sent)
}

/// Executes a block and gives what a light node asks for.
fn full_node(params: &Params, genesis: &Genesis, alice: Address) -> Result<Sent, Box<dyn Error>> {
    let mut store = MemoryStore::new(genesis);
    let (code, args) = (CodeSource::Bytes(TOKEN.to_vec()), ("Gold", 1_000u64).encode());
    let payload = Payload::Deploy { code, salt: Hash::ZERO, args, value: 0 };
    let transaction = Transaction { sender: alice, nonce: 0, gas_limit: 10_000_000, gas_price: 1, payload };
    let (height, time) = (1, genesis.header().time + 1_000);
    let context = BlockContext { height, time, proposer: Address::named("proposer") };
    let block = Block { context, mints: vec![], transactions: vec![transaction] };

    let parent = store.view()?;
    let outcome = Vm::new(params.clone()).execute_block(&parent, &block, Options::default())?;
    let witness = outcome.witness(&*parent)?;
    store.commit(&outcome.commit)?;

    let event = EventProof::new(&outcome.commit.receipts, 0, 0).expect("the token logs its making").encode();
    let mut request = ProofRequest::new();
    request.key(Key::account(&alice));
    let balance = prove(&*store.view()?, &request)?;
    Ok(Sent { block: block.encode(), witness, header: outcome.commit.header, event, balance })
}

/// Believes the parent's header, and checks all else.
fn light_node(params: &Params, parent: &Header, alice: Address, sent: &Sent) -> Result<(), Box<dyn Error>> {
    // A block: executed again, on the few entries that it touches.
    let block = Block::decode(&mut sent.block.as_slice())?;
    let vm = Vm::new(params.clone());
    let outcome = vm.execute_stateless(parent, &block, &sent.witness, Options::default())?;
    assert_eq!(outcome.commit.header.hash(), sent.header.hash(), "the claimed header is wrong");
    let header = outcome.commit.header;
    println!("block {} verified with a witness of {} bytes", header.hash(), sent.witness.len());

    // A value: with its path to the state root of the header, which is now trusted.
    let key = Key::account(&alice);
    let mut request = ProofRequest::new();
    request.key(key);
    let shown = verify(&header.state_root, &request, &sent.balance)?;
    let account = Account::from_entry(shown.get(&key)?.expect("alice has an account"))?;
    println!("alice's balance is {}, in a proof of {} bytes", account.balance, sent.balance.len());

    // An event: with its receipt, and both paths to the receipts root.
    let proof = EventProof::decode(&mut sent.event.as_slice())?;
    let event = proof.verify(&header.receipts_root)?;
    println!("{} logged {}, in a proof of {} bytes", event.contract, event.name, sent.event.len());

    // Whatever is changed on the way is refused by name.
    let mut spoiled = sent.witness.clone();
    let middle = spoiled.len() / 2;
    spoiled[middle] ^= 1;
    let refused = vm.execute_stateless(parent, &block, &spoiled, Options::default()).unwrap_err();
    println!("a spoiled witness: {refused}");
    Ok(())
}
