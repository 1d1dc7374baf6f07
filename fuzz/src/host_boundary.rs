//! Target `host_boundary`: contracts that issue arbitrary host calls, nested ones included.

use arbitrary::{Arbitrary, Unstructured};
use parity_scale_codec::Encode;
use vm_core::{Address, Hash, Params, Payload, Status};

use crate::campaign::Inputs;
use crate::chain::{Chain, Run, alice, bob};
use crate::plan::{FUNCTIONS, Plan, Sender};

/// Runs the plan that `data` describes; panics where an invariant breaks.
pub fn host_boundary(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(data)) else { return };
    run(&plan);
}

/// Deploys the contracts of `plan`, gives them money, and executes its transactions twice, in a block each.
fn run(plan: &Plan) {
    let codes = [plan.contracts[0].build(0), plan.contracts[1].build(1)];
    let mut chain = Chain::new(&Params::default());
    // The third contract has the first one's code.
    let contracts = [(0u8, &codes[0]), (1, &codes[1]), (2, &codes[0])]
        .map(|(salt, code)| Chain::address(&alice(), salt, code));
    let input = input(&contracts, &Hash::of_code(&codes[0]));
    let mut runs = vec![];
    for (index, code) in [(0u8, 0), (1, 1), (2, 0)] {
        let args = if plan.contracts[code].initialiser { input.clone() } else { vec![] };
        let mut deployment = Chain::deployment(codes[code].clone(), index, args);
        deployment.gas_limit = 10_000_000;
        runs.push(deployment);
    }
    for contract in contracts {
        let payload = Payload::Transfer { to: contract, amount: 1_000 };
        runs.push(Run { sender: bob(), gas_limit: 100_000, payload });
    }
    let deployed = chain.block(&runs);
    for (executed, code) in deployed.iter().zip([0, 1, 0]) {
        if !plan.contracts[code].initialiser {
            assert_eq!(executed.receipt.status, Status::Success, "a plan's module is valid: {executed:?}");
        }
    }
    let calls: Vec<Run> = plan
        .transactions
        .iter()
        .map(|tx| Run {
            sender: if tx.sender == Sender::Alice { alice() } else { bob() },
            gas_limit: tx.gas_limit,
            payload: Payload::Call {
                contract: contracts[usize::from(tx.contract % 3)],
                function: FUNCTIONS[usize::from(tx.function % 4)].0.into(),
                args: input.clone(),
                value: tx.value,
            },
        })
        .collect();
    // An envelope of these sizes costs more than the least limits: such a block is refused, not executed.
    let calls: Vec<Run> = calls.into_iter().filter(|run| run.gas_limit > 6_000).collect();
    chain.block(&calls);
    chain.block(&calls);
}

/// What every function takes: the addresses and the hash that its slots begin with.
fn input(contracts: &[Address; 3], code: &Hash) -> Vec<u8> {
    (contracts, alice(), bob(), code).encode()
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(1);
    (0..24).map(|index| (format!("seed-{index:02}"), inputs.bytes(900))).collect()
}
