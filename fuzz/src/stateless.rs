//! Target `stateless`: the blocks of `transactions`, on a full node and from a witness on a light one, which must come to
//! the same; and what witnesses show is what blocks touch, no less and no more.

use std::sync::OnceLock;

use arbitrary::Unstructured;
use vm_core::{Address, Block, Key, Params};
use vm_host::{BlockOutcome, Options, StatelessError, Vm, witness_bytes_max};
use vm_state::{ProofError, View, prove};

use crate::campaign::Inputs;
use crate::entries::edited;
use crate::world::{self, World};

/// Executes the blocks that `data` describes; panics where an invariant breaks.
pub fn stateless(data: &[u8]) {
    let (mut world, mut u) = (World::new(), Unstructured::new(data));
    for _ in 0..3 {
        let Ok(draft) = world.draft(&mut u) else { return };
        let Ok(edits) = u.bytes(8.min(u.len())) else { return };
        let before = world.chain.view();
        let Ok((block, outcome)) = world.chain.try_draft(&draft) else { continue };
        world.look();
        light(&*before, &block, &outcome, edits);
    }
}

/// A light node with an engine that has seen other inputs' modules.
fn node() -> &'static Vm {
    static NODE: OnceLock<Vm> = OnceLock::new();
    NODE.get_or_init(|| Vm::new(Params::default()))
}

fn light(before: &dyn View, block: &Block, outcome: &BlockOutcome, edits: &[u8]) {
    let witness = outcome.witness(before).unwrap();
    let run = |witness: &[u8]| node().execute_stateless(before.header(), block, witness, Options::default());
    let own = run(&witness).unwrap();
    assert_eq!(own.commit.header, outcome.commit.header, "a light node's header is the full node's");
    assert_eq!(own.commit.receipts, outcome.commit.receipts);
    assert_eq!(own.commit.changes, outcome.commit.changes);
    assert_eq!(own.touched, outcome.touched);
    for (own, full) in own.transactions.iter().zip(&outcome.transactions) {
        assert_eq!((&own.resources, &own.footprint), (&full.resources, &full.footprint));
    }
    let declared: u64 = outcome.transactions.iter().map(|executed| executed.resources.witness_bytes).sum();
    let len = u64::try_from(witness.len()).unwrap();
    // The block itself touches the system entry, the proposer, and who gets new money.
    let touched = 2 + u64::try_from(block.mints.len()).unwrap();
    let own = touched * (64 * 34 + 256);
    assert!(len <= declared + own, "{declared} bytes are declared, and the witness has {len}");
    assert!(len <= witness_bytes_max(node().params().limits()));

    let changed = edited(&witness, edits);
    if changed != witness {
        let refused =
            matches!(run(&changed), Err(StatelessError::Witness(_) | StatelessError::TooLong { .. }));
        assert!(refused, "a changed witness is none of this state");
    }
    let mut more = outcome.touched.clone();
    more.key(Key::account(&Address([edits.first().copied().unwrap_or_default(); 32])));
    let more = prove(before, &more).unwrap();
    if more != witness {
        let found = run(&more).map(|outcome| outcome.commit.header);
        assert_eq!(found, Err(StatelessError::Witness(ProofError::Superfluous)));
    }
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = world::seeds(8);
    // A finding (README.md): a block does nothing but upload code that is there already.
    let (world, mut inputs) = (World::new(), Inputs::new(16));
    let uploads = |bytes: &[u8]| {
        let runs = world.block(&mut Unstructured::new(bytes)).unwrap_or_default();
        matches!(&runs[..], [run] if world.generator.is_upload_of_stored_code(run))
    };
    let found = (0..20_000).map(|_| inputs.bytes(60)).find(|bytes| uploads(bytes));
    seeds.extend(found.map(|bytes| ("finding-upload-of-stored-code".into(), bytes)));
    seeds
}
