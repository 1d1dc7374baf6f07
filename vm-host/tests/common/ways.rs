//! The seam detector: every block that a test commits is executed in all ways that the code has, and every byte is
//! compared (R5, R84, R90). In memory, on redb, on the state of a block that is not committed, from a witness; with
//! cold and warm module caches, with fresh instances and with such that ran, with and without a trace; with marks at every function, where that feature is on.

use std::sync::Arc;

use redb::backends::InMemoryBackend;
use vm_core::{Block, Header};
use vm_host::{BlockOutcome, CacheLimits, Options, TraceLevel, Vm};
use vm_state::{BlockCommit, Genesis, Overlay, RedbStore, Store, StoreOptions, View};

/// The same chain on redb, and the last block on each of its parents' views.
pub struct Ways {
    /// Its cache stays warm over all blocks.
    vm: Vm,
    redb: RedbStore,
    last: Option<[(Arc<dyn View>, BlockCommit); 2]>,
    blocks: u32,
}

impl Ways {
    pub fn new(genesis: &Genesis, vm: &Vm) -> Self {
        let redb = RedbStore::create_on(InMemoryBackend::new(), genesis, StoreOptions::default()).unwrap();
        Self { vm: Vm::new(vm.params().clone()), redb, last: None, blocks: 0 }
    }

    /// Executes `block`, of which `view` and `outcome` are one way, in all others, and commits it to redb.
    pub fn check(&mut self, view: &Arc<dyn View>, block: &Block, outcome: &BlockOutcome) {
        let witness = outcome.witness(&**view).unwrap();
        // What was read was declared, whether the frame went on or not; the block itself touches the system entry, the
        // proposer and the mints.
        let declared: u64 = outcome.transactions.iter().map(|done| done.resources.witness_bytes).sum();
        let own = 2_432 * (2 + u64::try_from(block.mints.len()).unwrap());
        let len = u64::try_from(witness.len()).unwrap();
        assert!(len <= declared + own, "{declared} bytes are declared, and the witness has {len}");
        let same = |what: &str, other: &BlockOutcome, parent: Option<&Arc<dyn View>>| {
            assert_eq!(other.commit.header, outcome.commit.header, "{what}");
            assert_eq!(other.commit.receipts, outcome.commit.receipts, "{what}");
            assert_eq!(other.commit.changes, outcome.commit.changes, "{what}");
            assert_eq!(other.touched, outcome.touched, "{what}");
            for (other, own) in other.transactions.iter().zip(&outcome.transactions) {
                assert_eq!(
                    (&other.hash, &other.resources, &other.footprint),
                    (&own.hash, &own.resources, &own.footprint)
                );
            }
            if let Some(parent) = parent {
                assert_eq!(other.witness(&**parent).unwrap(), witness, "the witness from {what}");
            }
        };
        let levels = [TraceLevel::Off, TraceLevel::Calls, TraceLevel::Full];
        let options = Options { trace: levels[self.blocks as usize % levels.len()] };

        // Each of its calls starts in a fresh instance, where the other ways make instances that ran as new.
        let fresh = CacheLimits { instance_bytes: 0, ..CacheLimits::default() };
        let cold = Vm::with_cache(self.vm.params().clone(), fresh);
        let parent: &Header = view.header();
        same("a light node", &cold.execute_stateless(parent, block, &witness, options).unwrap(), None);

        #[cfg(feature = "profile")]
        {
            let mut profiled = Vm::new(self.vm.params().clone());
            let ledgers = Arc::new(super::ledger::Ledgers::default());
            profiled.profile(ledgers.clone());
            same("with marks", &profiled.execute_block(view, block, options).unwrap(), None);
            ledgers.check(outcome);
        }

        let stored = self.redb.view().unwrap();
        assert_eq!(stored.header(), parent, "tests commit through the chain");
        let on_redb = self.vm.execute_block(&stored, block, options).unwrap();
        same("redb", &on_redb, Some(&stored));

        for (below, last) in self.last.iter().flatten() {
            let overlay: Arc<dyn View> = Arc::new(Overlay::new(below.clone(), last).unwrap());
            same("an overlay", &self.vm.execute_block(&overlay, block, options).unwrap(), Some(&overlay));
        }

        self.redb.commit(&on_redb.commit).unwrap();
        self.last = Some([(view.clone(), outcome.commit.clone()), (stored, on_redb.commit)]);
        self.blocks += 1;
    }
}
