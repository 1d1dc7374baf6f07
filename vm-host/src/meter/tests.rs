//! Every value near an edge, and every short sequence of them, against sums in u128.
#![allow(clippy::arithmetic_side_effects, reason = "sums in u128 do not wrap")]

use alloc::vec::Vec;

use super::*;

/// All numbers near 0, a power of two, the end, and an eighth, a fifth and a 64th of it: two on either side.
fn edges() -> Vec<u64> {
    let powers = (0..64u32).map(|power| 1u64 << power);
    let parts = [8, 5, 64].map(|part| u64::MAX / part);
    let centres = powers.chain(parts).chain([0, u64::MAX]);
    let mut edges: Vec<u64> = centres
        .flat_map(|centre| (-2..=2i64).filter_map(move |step| centre.checked_add_signed(step)))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Those that a transaction may bring.
fn fuels() -> Vec<u64> {
    edges().into_iter().filter(|fuel| *fuel <= Gas::MAX.to_fuel()).collect()
}

fn code<T>(answer: &Answer<T>) -> Option<ErrorCode> {
    match answer {
        Err(Fault::Halt(code)) => Some(*code),
        Ok(_) | Err(Fault::Code(_) | Fault::Revert | Fault::Suspend | Fault::Read(_)) => None,
    }
}

#[test]
fn r50_a_charge_takes_its_price_or_all_there_is_at_every_edge() {
    for fuel in fuels() {
        for gas in edges() {
            let (mut meter, price) = (Meter::new(fuel), u128::from(gas) * 8);
            let answer = meter.charge(gas);
            let paid = price.min(u128::from(fuel));
            assert_eq!(u128::from(meter.spent()), paid, "{gas} gas of {fuel} fuel");
            assert_eq!(u128::from(meter.left()), u128::from(fuel) - paid, "{gas} gas of {fuel} fuel");
            let short = price > u128::from(fuel);
            assert_eq!(code(&answer), short.then_some(ErrorCode::OutOfGas), "{gas} gas of {fuel} fuel");
            assert_eq!(answer.is_err(), short);
        }
    }
}

#[test]
fn r50_no_sequence_of_charges_and_grants_wraps_or_loses_fuel() {
    // Each step charges or, where the flag says so, grants; 0 grants all but a 64th.
    let amounts = [0, 1, 7, 63, 64, 1_048_576, Gas::MAX.0 / 2, Gas::MAX.0, Gas::MAX.0 + 1, u64::MAX];
    let steps: Vec<(u64, bool)> = amounts.into_iter().flat_map(|gas| [(gas, false), (gas, true)]).collect();
    let starts = [0, 7, 8, 9, 512, 8_388_608, Gas::MAX.to_fuel() - 1, Gas::MAX.to_fuel()];
    let mut sequences = 0u32;
    for fuel in starts {
        for first in &steps {
            for second in &steps {
                for third in &steps {
                    let mut meter = Meter::new(fuel);
                    let (mut left, mut spent, mut given) = (u128::from(fuel), 0u128, 0u128);
                    for &(gas, grants) in [first, second, third] {
                        let price = u128::from(gas) * 8;
                        if grants {
                            let wanted = if gas == 0 { left - left / 64 } else { price };
                            let answer = meter.grant(Gas(gas), 64);
                            if wanted <= left {
                                assert_eq!(answer.ok().map(u128::from), Some(wanted));
                                (left, given) = (left - wanted, given + wanted);
                            } else {
                                assert_eq!(code(&answer), Some(ErrorCode::CallGas));
                            }
                        } else {
                            assert_eq!(meter.charge(gas).is_ok(), price <= left);
                            let paid = price.min(left);
                            (left, spent) = (left - paid, spent + paid);
                        }
                        assert_eq!((u128::from(meter.left()), u128::from(meter.spent())), (left, spent));
                        assert_eq!(left + spent + given, u128::from(fuel), "fuel is left, spent or granted");
                    }
                    sequences += 1;
                }
            }
        }
    }
    assert_eq!(sequences, 8 * 20 * 20 * 20);
}

#[test]
fn r52_a_grant_is_what_is_asked_for_or_all_but_its_part_to_the_unit() {
    for fuel in fuels() {
        for quotient in [1, 2, 5, 63, 64, 65, u64::MAX] {
            let mut meter = Meter::new(fuel);
            let granted = meter.grant(Gas(0), quotient).ok();
            assert_eq!(granted, Some(fuel - fuel / quotient));
            assert_eq!((meter.left(), meter.spent()), (fuel / quotient, 0));
        }
        for asked in edges().into_iter().filter(|asked| *asked > 0) {
            let (mut meter, wanted) = (Meter::new(fuel), u128::from(asked) * 8);
            let answer = meter.grant(Gas(asked), 64);
            if wanted <= u128::from(fuel) {
                assert_eq!(answer.ok().map(u128::from), Some(wanted));
                assert_eq!(u128::from(meter.left()), u128::from(fuel) - wanted);
            } else {
                assert_eq!(code(&answer), Some(ErrorCode::CallGas));
                assert_eq!(meter.left(), fuel, "a refused grant takes nothing");
            }
        }
        // One unit less than what is asked for is not enough, and exactly that is.
        let gas = Gas(fuel / 8);
        if gas.0 > 0 {
            assert_eq!(Meter::new(gas.to_fuel()).grant(gas, 64).ok(), Some(gas.to_fuel()));
            assert!(Meter::new(gas.to_fuel() - 1).grant(gas, 64).is_err());
        }
    }
}

#[test]
fn r53_a_bill_refunds_what_is_owed_up_to_its_part_of_what_was_burned() {
    for burned in edges() {
        for refund in edges() {
            for quotient in [1, 2, 4, 5, 6, 64, u64::MAX] {
                let bill = Bill::new(Gas(burned), Gas(refund), quotient);
                let refunded = u128::from(refund).min(u128::from(burned) / u128::from(quotient));
                assert_eq!(u128::from(bill.refunded.0), refunded, "{refund} of {burned}, one in {quotient}");
                assert_eq!(u128::from(bill.used.0), u128::from(burned) - refunded);
            }
        }
    }
}

#[test]
fn r53_burning_more_never_costs_less_whatever_is_refunded() {
    for refund in edges() {
        let mut last = Bill::new(Gas(0), Gas(refund), 5);
        assert_eq!(last, Bill { used: Gas(0), refunded: Gas(0) });
        for burned in (1..200).chain(edges().into_iter().filter(|burned| *burned >= 200)) {
            let bill = Bill::new(Gas(burned), Gas(refund), 5);
            assert!(bill.used >= last.used && bill.refunded >= last.refunded, "{burned} with {refund}");
            assert!(bill.used.0 > 0, "nothing that burned gas is free");
            last = bill;
        }
    }
}
