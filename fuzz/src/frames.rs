//! What the frames of a traced transaction add up to: gas, value, objects, events.

use vm_core::{Address, GasSchedule, Status, Transaction};
use vm_host::{Executed, FrameTrace, Step};

/// What the frames of a trace did: the file that vm-host's own tests use.
#[allow(unreachable_pub, reason = "the tests of vm-host see it from outside")]
#[path = "../../vm-host/tests/common/effects.rs"]
mod effects;

pub(crate) use effects::Effects;

/// Checks that a frame's callees and host operations took no more than it did.
fn check_frame(frame: &FrameTrace) {
    assert!(frame.gas_used <= frame.gas_granted, "a frame burns what it was granted at most");
    let mut parts = 0;
    for step in &frame.steps {
        match step {
            Step::Frame(callee) => {
                check_frame(callee);
                assert_eq!((callee.depth, callee.caller), (frame.depth + 1, frame.contract));
                // Rounded up, each and the whole.
                parts += callee.gas_used.saturating_sub(1);
            }
            Step::Operation(operation) => {
                assert!(operation.fuel_after <= operation.fuel_before, "fuel only goes down");
            }
            Step::Event(_) => (),
        }
    }
    assert!(parts <= frame.gas_used, "{parts} gas in callees, {} in all", frame.gas_used);
}

/// Checks one transaction by its trace; gives what it did, its fee included. `None` for a trace that was cut.
pub(crate) fn check(
    tx: &Transaction,
    executed: &Executed,
    proposer: Address,
    gas: &GasSchedule,
) -> Option<Effects> {
    let (receipt, resources) = (&executed.receipt, &executed.resources);
    let burned = receipt.gas_used + receipt.gas_refunded;
    assert_eq!(resources.billed_fuel().div_ceil(8), burned, "all that was billed was taken by something");
    assert!(burned <= tx.gas_limit);
    let trace = executed.trace.as_ref().unwrap();
    if trace.truncated {
        return None;
    }
    let root = &trace.root;
    let intrinsic = resources.intrinsic_fuel / 8;
    assert_eq!(root.gas_granted, tx.gas_limit - intrinsic);
    assert_eq!(burned, intrinsic + root.gas_used, "the outermost frame and the envelope are the receipt");
    assert_eq!((root.status, &root.output), (receipt.status, &receipt.output));
    check_frame(root);
    let mut effects = Effects::default();
    effects.add(root);
    assert_eq!(receipt.events, effects.events, "the events are those of the frames that stand");
    let refund = if receipt.status.is_success() { effects.deleted * gas.refund_delete } else { 0 };
    assert_eq!(receipt.gas_refunded, refund.min(burned / gas.refund_quotient), "refunds are for deletions");
    if matches!(receipt.status, Status::Failed(_)) {
        assert!(receipt.output.is_empty());
    }
    effects.pay(tx.sender, proposer, receipt.gas_used * tx.gas_price);
    Some(effects)
}
