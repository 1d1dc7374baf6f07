//! The store without a disk: for tests, scenarios, the local chain, and as the model that others are compared with.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use vm_core::{Header, Receipt};

use super::{CommitError, Retention, RollbackError, Store, check, check_rollback};
use crate::{BlockCommit, Genesis, NodeFailure, TrieView, View};
#[cfg(feature = "std")]
use crate::{Progress, Snapshot, SnapshotError, TrieBuilder};

/// A chain in memory. Nothing is durable. Tries share what they have in common, so that a retained state costs what
/// its block changed.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    head: Arc<TrieView>,
    retention: Retention,
    /// The retained states below the head, by height.
    states: BTreeMap<u64, Arc<TrieView>>,
    /// Headers and receipts by height; a snapshot's block comes without receipts.
    blocks: BTreeMap<u64, (Header, Option<Vec<Receipt>>)>,
}

impl MemoryStore {
    /// The chain that begins with `genesis`, keeping as much as [`Retention::default`] says.
    #[must_use]
    pub fn new(genesis: &Genesis) -> Self {
        Self::with(genesis, Retention::default())
    }

    /// The chain that begins with `genesis`.
    #[must_use]
    pub fn with(genesis: &Genesis, retention: Retention) -> Self {
        Self::from_state(genesis.view(), Some(Vec::new()), retention)
    }

    fn from_state(state: TrieView, receipts: Option<Vec<Receipt>>, retention: Retention) -> Self {
        let header = state.header().clone();
        let blocks = BTreeMap::from([(header.height, (header, receipts))]);
        Self { head: Arc::new(state), retention, states: BTreeMap::new(), blocks }
    }

    /// A store that begins with the state of `snapshot`; tells `progress` after each chunk.
    ///
    /// It has one state, no receipts, and one header: that of the snapshot's block.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    #[cfg(feature = "std")]
    pub fn import(
        snapshot: &Snapshot,
        retention: Retention,
        mut progress: impl FnMut(Progress),
    ) -> Result<Self, SnapshotError> {
        let mut builder = TrieBuilder::new();
        let of = snapshot.chunk_count();
        for index in 0..of {
            for (key, value) in snapshot.chunk(index)?.entries {
                // Within a chunk its proof says so, between two the first one's end.
                builder.push(&key, &value).map_err(|_| snapshot.broken("entries ascend"))?;
            }
            progress(Progress { done: index.saturating_add(1), of: Some(of) });
        }
        let state = TrieView::new(snapshot.header().clone(), builder.finish());
        let state = state.ok_or_else(|| snapshot.broken("all chunks of a root have that root together"))?;
        Ok(Self::from_state(state, None, retention))
    }
}

impl Store for MemoryStore {
    fn header(&self) -> &Header {
        self.head.header()
    }

    fn view(&self) -> Result<Arc<dyn View>, NodeFailure> {
        let head: Arc<TrieView> = Arc::clone(&self.head);
        Ok(head)
    }

    fn view_at(&self, height: u64) -> Result<Option<Arc<dyn View>>, NodeFailure> {
        if height == self.head.header().height {
            return self.view().map(Some);
        }
        let Some(state) = self.states.get(&height) else { return Ok(None) };
        let state: Arc<TrieView> = Arc::clone(state);
        Ok(Some(state))
    }

    fn oldest(&self) -> u64 {
        self.states.keys().next().copied().unwrap_or(self.head.header().height)
    }

    fn commit(&mut self, block: &BlockCommit) -> Result<(), CommitError> {
        check(self.head.header(), self.head.trie(), block)?;
        let state = TrieView::new(block.header.clone(), block.trie.clone());
        let state = state.ok_or(NodeFailure::Invariant("a checked block's trie has the header's root"))?;
        let parent = core::mem::replace(&mut self.head, Arc::new(state));
        self.states.insert(parent.header().height, parent);
        let height = block.header.height;
        self.states = self.states.split_off(&self.retention.oldest(height));
        self.blocks.insert(height, (block.header.clone(), Some(block.receipts.clone())));
        Ok(())
    }

    fn rollback(&mut self, height: u64) -> Result<(), RollbackError> {
        check_rollback(height, self.oldest(), self.head.header().height)?;
        if let Some(state) = self.states.remove(&height) {
            self.head = state;
            self.states.split_off(&height);
            self.blocks.split_off(&height.saturating_add(1));
        }
        Ok(())
    }

    fn prune(&mut self, below: u64) -> Result<(), NodeFailure> {
        let below = below.min(self.head.header().height);
        self.states = self.states.split_off(&below);
        self.blocks = self.blocks.split_off(&below);
        Ok(())
    }

    fn receipts(&self, height: u64) -> Result<Option<Vec<Receipt>>, NodeFailure> {
        Ok(self.blocks.get(&height).and_then(|(_, receipts)| receipts.clone()))
    }

    fn header_at(&self, height: u64) -> Result<Option<Header>, NodeFailure> {
        Ok(self.blocks.get(&height).map(|(header, _)| header.clone()))
    }
}
