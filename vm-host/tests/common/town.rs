//! A chain with contracts of many kinds, and blocks that do a bit of everything.

use parity_scale_codec::Encode;
use vm_core::abi::HostFunction as F;
use vm_core::interface::{Flags, Type};
use vm_core::{Address, Block, CodeSource, Hash, Mint, Payload, Transaction};

use super::script::{Arg, INPUT, SCRATCH, Script};
use super::{Chain, alice, bob, plain_module};

/// A chain with contracts of many kinds.
pub struct Town {
    pub chain: Chain,
    pub keeper: Address,
    pub caller: Address,
    pub thief: Address,
    pub module: Vec<u8>,
}

pub fn call(contract: Address, function: &str, args: Vec<u8>, value: u64) -> Payload {
    Payload::Call { contract, function: function.into(), args, value }
}

/// Makes objects, gives one away, finds them again, deletes one with its fields, pays; then halts unless it `ends_well`.
pub fn keeping(ends_well: bool) -> Script {
    let mut script = Script::new().flags(Flags::PAYABLE).param("owner", Type::Address);
    script.call(F::object_get_by_owner, &[INPUT]);
    let cursor = script.bytes(&[0; 16]);
    script.call(F::objects_of, &[INPUT, cursor, SCRATCH, 5]);
    let first = script.call(F::object_create, &[0]);
    script.set(first, "colour", b"red");
    script.set(first, "size", &[7; 100]);
    script.get(first, "colour");
    script.op(F::object_set_owner, &[Arg::Out(first), INPUT.into()]);
    let second = script.call(F::object_create, &[1]);
    script.set(second, "colour", b"blue");
    script.op(F::object_id, &[Arg::Out(second), SCRATCH.into()]);
    script.call(F::object_delete, &[SCRATCH]);
    script.call(F::balance, &[INPUT]);
    script.call(F::transfer, &[INPUT, 1]);
    let name = script.bytes(b"done");
    script.call(F::log, &[name, if ends_well { 4 } else { 0 }, name, 4]);
    script
}

impl Town {
    pub fn new() -> Self {
        let mut chain = Chain::new();
        let module = keeping(true).build();
        let keeper = chain.deploy(&module);
        let thief = chain.deploy(&keeping(false).build());
        // Calls a contract and deploys another, whatever becomes of them.
        let mut caller = Script::new()
            .param("contract", Type::Address)
            .param("owner", Type::Address)
            .param("code", Type::Hash);
        let run = caller.bytes(b"run");
        for gas in [0, 30_000, 0] {
            caller.call(F::call, &[INPUT, run, 3, INPUT + 32, 32, 0, gas]);
            caller.call(F::returned, &[SCRATCH, 1_000]);
        }
        caller.call(F::deploy, &[INPUT + 64, INPUT + 32, 0, 0, 0, 0, SCRATCH]);
        let caller = chain.deploy(&caller.build());
        Self { chain, keeper, caller, thief, module }
    }

    /// A block of transactions of every kind, some of which fail.
    pub fn block(&mut self) -> Block {
        let Self { keeper, caller, thief, .. } = *self;
        let code_hash = Hash::of_code(&self.module);
        let owner = bob();
        let fresh = plain_module(
            r#"(module (memory (export "memory") 1 2) (func (export "init_it")) (func (export "run") unreachable))"#,
            &["init_it", "run"],
        );
        let fresh_hash = Hash::of_code(&fresh);
        let salt = Hash([7; 32]);
        let fresh_address = Address::of_contract(&alice(), &salt, &fresh_hash);
        let nested = |target: Address| (target, owner, code_hash).encode();
        let payloads = [
            (Payload::Transfer { to: bob(), amount: 5 }, 100_000),
            (Payload::Transfer { to: Address::named("new"), amount: u64::MAX }, 100_000),
            (call(keeper, "run", owner.encode(), 10), 1_000_000),
            (call(keeper, "run", owner.encode(), 0), 1_000_000),
            (call(keeper, "run", owner.encode(), 0), 40_000),
            (call(keeper, "nothing", vec![], 0), 100_000),
            (call(Address::named("nowhere"), "run", vec![], 1), 100_000),
            (call(thief, "run", owner.encode(), 0), 1_000_000),
            (call(caller, "run", nested(keeper), 0), 10_000_000),
            (call(caller, "run", nested(thief), 0), 10_000_000),
            (call(caller, "run", nested(caller), 0), 10_000_000),
            (Payload::Upload { code: fresh.clone() }, 10_000_000),
            (Payload::Upload { code: fresh }, 10_000_000),
            (Payload::Upload { code: vec![1, 2, 3] }, 10_000_000),
            (
                Payload::Deploy { code: CodeSource::Stored(fresh_hash), salt, args: vec![], value: 0 },
                10_000_000,
            ),
            (
                Payload::Deploy { code: CodeSource::Stored(fresh_hash), salt, args: vec![], value: 0 },
                10_000_000,
            ),
            (Payload::Deploy { code: CodeSource::Stored(salt), salt, args: vec![], value: 0 }, 10_000_000),
            (
                Payload::Deploy { code: CodeSource::Bytes(vec![0; 9]), salt, args: vec![], value: 0 },
                10_000_000,
            ),
            (call(fresh_address, "run", vec![], 0), 1_000_000),
            (call(fresh_address, "init_it", vec![], 0), 1_000_000),
        ];
        let transactions: Vec<Transaction> = payloads
            .into_iter()
            .map(|(payload, gas)| {
                let sender = if gas == 40_000 { bob() } else { alice() };
                self.chain.tx(sender, gas, payload)
            })
            .collect();
        let mut block = self.chain.block(transactions);
        block.mints = vec![Mint { to: Address::named("minted"), amount: 1_000 }];
        block
    }
}
