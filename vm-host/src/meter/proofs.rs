//! What the tests show near the edges, for all values: harnesses for Kani (`docs/assurance.md`).

use vm_core::Gas;

use super::{Bill, Meter};

/// Any fuel that a transaction may bring.
fn fuel() -> u64 {
    let fuel = kani::any();
    kani::assume(fuel <= Gas::MAX.to_fuel());
    fuel
}

#[kani::proof]
fn two_charges_take_their_prices_or_all_there_is() {
    let (fuel, first, second): (u64, u64, u64) = (fuel(), kani::any(), kani::any());
    let mut meter = Meter::new(fuel);
    let mut owed = 0u128;
    for gas in [first, second] {
        owed += u128::from(gas) * 8;
        let paid = meter.charge(gas).is_ok();
        assert_eq!(meter.left().checked_add(meter.spent()), Some(fuel));
        if !paid {
            assert!(owed > u128::from(fuel) && meter.left() == 0);
            return;
        }
        assert_eq!(u128::from(meter.spent()), owed);
    }
}

#[kani::proof]
fn a_grant_takes_what_it_gives_or_nothing() {
    let (fuel, asked): (u64, u64) = (fuel(), kani::any());
    let mut meter = Meter::new(fuel);
    match meter.grant(Gas(asked), 64) {
        Ok(granted) => {
            assert_eq!(meter.left().checked_add(granted), Some(fuel));
            assert!(asked == 0 || u128::from(granted) == u128::from(asked) * 8);
            assert!(asked != 0 || meter.left() == fuel / 64);
        }
        Err(_) => assert!(u128::from(asked) * 8 > u128::from(fuel) && meter.left() == fuel),
    }
}

#[kani::proof]
fn a_refund_never_passes_its_cap_nor_what_is_owed() {
    let (burned, refund): (u64, u64) = (kani::any(), kani::any());
    let bill = Bill::new(Gas(burned), Gas(refund), 5);
    assert_eq!(bill.used.0.checked_add(bill.refunded.0), Some(burned));
    assert!(bill.refunded.0 <= refund && bill.refunded.0 <= burned / 5);
    assert!(bill.refunded.0 == refund || bill.refunded.0 == burned / 5);
}
