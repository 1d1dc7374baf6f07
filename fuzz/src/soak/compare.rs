//! Two outcomes of one block, compared.

use vm_core::Key;
use vm_host::BlockOutcome;
use vm_state::{Value, View};

use super::stop::{Stop, equal, equal_hash};

/// Refuses an outcome, reached in the way `way`, that is not the full node's: root, receipts, gas, header, changes, what
/// was touched and consumed.
pub(super) fn same(way: &str, full: &BlockOutcome, other: &BlockOutcome) -> Result<(), Stop> {
    let (ours, theirs) = (&full.commit.header, &other.commit.header);
    let height = ours.height;
    equal_hash(height, format_args!("the state root {way}"), ours.state_root, theirs.state_root)?;
    equal(height, format_args!("the gas {way}"), &ours.gas_used, &theirs.gas_used)?;
    equal(height, format_args!("the receipts {way}"), &full.commit.receipts, &other.commit.receipts)?;
    equal(height, format_args!("the header {way}"), ours, theirs)?;
    equal(height, format_args!("the changes {way}"), &full.commit.changes, &other.commit.changes)?;
    equal(height, format_args!("the entries touched {way}"), &full.touched, &other.touched)?;
    for (full, other) in full.transactions.iter().zip(&other.transactions) {
        equal(height, format_args!("the resources {way}"), &full.resources, &other.resources)?;
        equal(height, format_args!("the footprint {way}"), &full.footprint, &other.footprint)?;
    }
    Ok(())
}

/// Refuses a state that has other entries than `expected`; gives how many there are.
pub(super) fn same_entries(what: &str, expected: &dyn View, found: &dyn View) -> Result<u64, Stop> {
    let height = expected.header().height;
    let mut from = Some(Key::EMPTY);
    let mut count = 0;
    while let Some(start) = from {
        let (ours, theirs) = (next(expected, &start)?, next(found, &start)?);
        equal(height, format_args!("an entry of {what}"), &ours, &theirs)?;
        from = ours.and_then(|(key, _)| key.successor());
        count += u64::from(from.is_some());
    }
    Ok(count)
}

/// How many entries a state has.
pub(super) fn count(view: &dyn View) -> Result<u64, Stop> {
    same_entries("the state itself", view, view)
}

fn next(view: &dyn View, from: &Key) -> Result<Option<(Key, Value)>, Stop> {
    view.next(&Key::EMPTY, from).map_err(Stop::failed(view.header().height, "search an entry"))
}

#[cfg(test)]
mod tests {
    use vm_core::Params;
    use vm_host::{BlockOutcome, TraceLevel, Vm};

    use super::super::blocks::Blocks;
    use super::*;
    use crate::world::World;

    fn outcome() -> BlockOutcome {
        let view = World::new().chain.view();
        // The first seed whose block has transactions.
        let mut made = (0..).map(|seed| {
            Blocks::new(seed, 100, &*view)
                .execute(&Vm::new(Params::default()), &view, TraceLevel::Off)
                .unwrap()
        });
        made.find(|made| made.block.transactions.len() > 1).unwrap().outcome
    }

    type Spoil = fn(&mut BlockOutcome);

    #[test]
    fn each_way_in_which_outcomes_differ_is_named() {
        let full = outcome();
        same("anywhere", &full, &full).unwrap();
        let spoils: [(&str, Spoil); 8] = [
            ("the state root", |it| it.commit.header.state_root.0[0] ^= 1),
            ("the gas", |it| it.commit.header.gas_used += 1),
            ("the receipts", |it| it.commit.receipts[0].gas_used += 1),
            ("the header", |it| it.commit.header.time += 1),
            ("the changes", |it| drop(it.commit.changes.pop())),
            ("the entries touched", |it| {
                it.touched.key(Key::code(&vm_core::Hash([7; 32])));
            }),
            ("the resources", |it| it.transactions[0].resources.witness_bytes += 1),
            ("the footprint", |it| it.transactions[0].footprint = it.transactions[1].footprint.clone()),
        ];
        for (what, spoil) in spoils {
            let mut other = full.clone();
            spoil(&mut other);
            let text = same("on a light node", &full, &other).unwrap_err().to_string();
            assert!(text.contains(&format!("{what} on a light node")), "{what}: {text}");
        }
    }

    #[test]
    fn entries_that_differ_are_named_and_equal_ones_counted() {
        let mut world = World::new();
        let view = world.chain.view();
        let number = count(&*view).unwrap();
        assert_eq!(same_entries("the same", &*view, &*view).unwrap(), number);
        let block = Blocks::new(1, 100, &*view);
        assert!(block.object_count() > 0 && number > 100, "{number}");
        world.chain.try_block(&[]).unwrap();
        let text = same_entries("a later state", &*view, &*world.chain.view()).unwrap_err().to_string();
        assert!(text.contains("an entry of a later state"), "{text}");
    }
}
