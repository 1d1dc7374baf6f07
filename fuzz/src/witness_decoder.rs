//! Target `witness_decoder`: bytes as witnesses, by themselves and for a block of the fixture contracts.
//!
//! The first byte says what the rest is: a witness; edits of the block's own one, which make it another state's; or edits
//! of it whose root is trusted all the same: a state that hashes right and holds what no VM wrote.

use std::sync::OnceLock;

use arbitrary::Unstructured;
use vm_core::{Block, Header, Key, Params};
use vm_host::{Options, StatelessError, Vm};
use vm_state::{ProofError, ProofRequest, ReadError, View, Witness};

use crate::campaign::Inputs;
use crate::entries::edited;
use crate::naive::part::{Part, Shown, entry_key_len, read};
use crate::proof_decoder::root_of_part;
use crate::world::World;

/// Decodes and executes; panics where an invariant breaks.
pub fn witness_decoder(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    let case = case();
    match mode % 3 {
        0 => case.run_on(rest),
        1 => {
            let changed = edited(&case.witness, rest);
            let found = case.run(&case.parent, &changed);
            if changed == case.witness {
                assert_eq!(found, Ok(case.header.clone()));
            } else {
                let found = found.unwrap_err();
                assert!(is_of_the_witness(&found), "a changed witness is none of this state: {found}");
            }
        }
        _ => case.run_on(&edited(&case.witness, rest)),
    }
}

/// Whether a refusal is about the witness.
fn is_of_the_witness(error: &StatelessError) -> bool {
    matches!(error, StatelessError::Witness(_) | StatelessError::TooLong { .. })
}

/// A block that many kinds of entries are needed for.
#[derive(Debug)]
struct Case {
    vm: Vm,
    parent: Header,
    block: Block,
    witness: Vec<u8>,
    header: Header,
}

fn case() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| {
        let (mut world, mut inputs) = (World::new(), Inputs::new(12));
        let mut best = None;
        for _ in 0..40 {
            let bytes = inputs.bytes(700);
            let Ok(runs) = world.block(&mut Unstructured::new(&bytes)) else { continue };
            let before = world.chain.view();
            let Ok((block, outcome)) = world.chain.try_block(&runs) else { continue };
            world.look();
            let good = outcome.transactions.iter().filter(|executed| executed.receipt.status.is_success());
            let good = good.count();
            let witness = outcome.witness(&*before).unwrap();
            let (parent, header) = (before.header().clone(), outcome.commit.header);
            // Edits reach 64 KiB, and few of them should hit code.
            if best.as_ref().is_none_or(|(most, _)| good > *most) && witness.len() < 40_000 {
                best = Some((good, Case { vm: Vm::new(Params::default()), parent, block, witness, header }));
            }
        }
        best.unwrap().1
    })
}

impl Case {
    fn run(&self, parent: &Header, witness: &[u8]) -> Result<Header, StatelessError> {
        let outcome = self.vm.execute_stateless(parent, &self.block, witness, Options::default())?;
        Ok(outcome.commit.header)
    }

    /// Opens and executes on `bytes`, whatever they are, as if their root were trusted.
    fn run_on(&self, bytes: &[u8]) {
        let Some(root) = root_of_part(bytes) else {
            let found = Witness::open(&self.parent, bytes).map(|_| ());
            assert!(matches!(found, Err(ProofError::Malformed(_))), "the page refuses it, and so do we");
            assert!(is_of_the_witness(&self.run(&self.parent, bytes).unwrap_err()));
            return;
        };
        let parent = Header { state_root: root, ..self.parent.clone() };
        let witness = Witness::open(&parent, bytes).unwrap();
        let view = witness.view(&parent);
        shows_what_the_page_reads(&read(bytes, entry_key_len).unwrap(), &view);
        let nothing = witness.check_exact(&ProofRequest::new());
        assert!(matches!(nothing, Ok(()) | Err(ProofError::Superfluous)));
        // Any end but a panic: the entries are nobody's, and may well be damaged.
        if let Ok(header) = self.run(&parent, bytes) {
            assert_eq!(header.parent, parent.hash());
        }
    }
}

/// Holds that `view` shows every entry of `part`, and that a search from the beginning and from behind each of them,
/// whatever is hidden in between, finds what the page says, or that it is hidden.
fn shows_what_the_page_reads(part: &Part, view: &dyn View) {
    let mut starts = vec![Some(Key::EMPTY)];
    for (key, shown) in leaves(part) {
        let key = Key::from_bytes(key).unwrap();
        let expected = match shown {
            Shown::Value(value) => Ok(Some(value.as_slice().into())),
            Shown::Hash(_) => Err(ReadError::WitnessIncomplete),
        };
        assert_eq!(view.get(&key), expected, "{key:?}");
        starts.extend([Some(key), key.successor()]);
    }
    for start in starts.into_iter().flatten() {
        let expected = match part.search(&[], start.as_bytes()) {
            Some(Some((key, Shown::Value(value)))) => {
                Ok(Some((Key::from_bytes(key).unwrap(), value.as_slice().into())))
            }
            Some(None) => Ok(None),
            Some(Some((_, Shown::Hash(_)))) | None => Err(ReadError::WitnessIncomplete),
        };
        assert_eq!(view.next(&Key::EMPTY, &start), expected, "from {start:?}");
    }
}

/// The keys that `part` shows, ascending, and what it shows of their values.
fn leaves(part: &Part) -> Vec<(&[u8], &Shown)> {
    match part {
        Part::Empty | Part::Hidden(_) => vec![],
        Part::Leaf(key, shown) => vec![(key.as_slice(), shown)],
        Part::Fork(_, left, right) => [leaves(left), leaves(right)].concat(),
    }
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(9);
    let mut seeds = vec![("unchanged".into(), vec![1])];
    for index in 0..8 {
        seeds.push((format!("other-{index:02}"), [&[1][..], &inputs.bytes(24)].concat()));
        seeds.push((format!("trusted-{index:02}"), [&[2][..], &inputs.bytes(24)].concat()));
    }
    for (name, bytes) in crate::vectors::bytes("proofs") {
        seeds.push((format!("vector-{name}"), [&[0][..], &bytes].concat()));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_s_witness_shows_entries_behind_hidden_ones() {
        let case = case();
        let part = read(&case.witness, entry_key_len).unwrap();
        let shown: Vec<Key> = leaves(&part).iter().map(|(key, _)| Key::from_bytes(key).unwrap()).collect();
        let hidden = shown.iter().filter_map(Key::successor);
        let hidden = hidden.filter(|from| part.search(&[], from.as_bytes()).is_none()).count();
        assert!(shown.is_sorted() && shown.len() > 8 && hidden > 4, "{hidden} of {} are last", shown.len());
        let witness = Witness::open(&case.parent, &case.witness).unwrap();
        shows_what_the_page_reads(&part, &witness.view(&case.parent));
    }
}
