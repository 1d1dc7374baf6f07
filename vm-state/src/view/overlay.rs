//! A state with changes on top: a block that is not committed yet, or one that later blocks were undone to.

use alloc::sync::Arc;
use alloc::vec::Vec;
use spin::Mutex;
use vm_core::commitment::leaf_hash;
use vm_core::{Header, Key, value_hash};

use super::{BlockCommit, LeafRow, Region, Value, View};
use crate::dead::DeadRanges;
use crate::{ReadError, Trie};

/// The state of a view with changes on top.
///
/// Execute a block on the state of one that is not committed yet: any number of candidates on one parent, each with
/// children of its own (R100). What a read costs grows with the number of overlays down to the store: after a commit,
/// take a new view from the store.
#[derive(Debug)]
pub struct Overlay {
    below: Arc<dyn View>,
    header: Header,
    trie: Trie,
    /// Ascending.
    puts: Vec<(Key, Value)>,
    /// Ascending.
    deleted: Vec<Key>,
    /// Where searches have found nothing but deleted entries below. A matter of speed, which no result can see.
    dead: Mutex<DeadRanges>,
}

impl Overlay {
    /// The state after `block`, which was executed on `parent`; `None` if it was executed on another state.
    #[must_use]
    pub fn new(parent: Arc<dyn View>, block: &BlockCommit) -> Option<Self> {
        let fits =
            block.header.parent == parent.header().hash() && block.trie.root() == block.header.state_root;
        fits.then(|| Self::with(parent, block.header.clone(), &block.changes, block.trie.clone()))
    }

    /// `changes` on top of `below`, which make it the state with `header` and `trie`.
    pub(crate) fn with(
        below: Arc<dyn View>,
        header: Header,
        changes: &[(Key, Option<Value>)],
        trie: Trie,
    ) -> Self {
        let puts = changes.iter().filter_map(|(key, value)| Some((*key, Value::from_slice(value.as_ref()?))));
        let deleted = changes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key);
        let (puts, deleted) = (puts.collect(), deleted.collect());
        Self { below, header, trie, puts, deleted, dead: Mutex::default() }
    }

    /// The puts not below `from`.
    fn puts_from(&self, from: &Key) -> &[(Key, Value)] {
        self.puts.get(self.puts.partition_point(|(key, _)| key < from)..).unwrap_or_default()
    }

    fn put(&self, key: &Key) -> Option<&Value> {
        let (found, value) = self.puts_from(key).first()?;
        (found == key).then_some(value)
    }

    fn is_deleted(&self, key: &Key) -> bool {
        self.deleted.binary_search(key).is_ok()
    }
}

/// The part of `all`, which ascends by `key`, in the region.
fn within<'a, T>(all: &'a [T], region: &Region, key: impl Fn(&T) -> &Key) -> &'a [T] {
    let start = all.partition_point(|item| key(item) < region.start());
    let rest = all.get(start..).unwrap_or_default();
    rest.get(..rest.iter().take_while(|item| region.contains(key(item))).count()).unwrap_or_default()
}

impl View for Overlay {
    fn header(&self) -> &Header {
        &self.header
    }

    fn get(&self, key: &Key) -> Result<Option<Value>, ReadError> {
        match self.put(key) {
            Some(value) => Ok(Some(Value::from_slice(value))),
            None if self.is_deleted(key) => Ok(None),
            None => self.below.get(key),
        }
    }

    fn next(&self, prefix: &Key, from: &Key) -> Result<Option<(Key, Value)>, ReadError> {
        let put = self.puts_from(prefix.max(from)).first();
        let put = put.filter(|(key, _)| key.as_bytes().starts_with(prefix.as_bytes()));
        let mut from = self.dead.lock().skip(*prefix.max(from));
        while let Some((key, value)) = self.below.next(prefix, &from)? {
            if put.is_some_and(|(put, _)| *put <= key) {
                break;
            }
            if !self.is_deleted(&key) {
                return Ok(Some((key, value)));
            }
            let Some(next) = key.successor() else { break };
            let mut dead = self.dead.lock();
            dead.add(from, next);
            from = dead.skip(next);
        }
        Ok(put.map(|(key, value)| (*key, Value::from_slice(value))))
    }

    fn trie(&self) -> &Trie {
        &self.trie
    }

    fn leaves(&self, region: &Region) -> Result<Vec<LeafRow>, ReadError> {
        let mut rows = self.below.leaves(region)?;
        // A region holds few of the changes: they are found once, not for each row.
        let puts = within(&self.puts, region, |(key, _)| key);
        let deleted = within(&self.deleted, region, |key| key);
        if puts.is_empty() && deleted.is_empty() {
            return Ok(rows);
        }
        let is_put = |row: &LeafRow| puts.binary_search_by_key(&row.key, |(key, _)| *key).is_ok();
        rows.retain(|row| deleted.binary_search(&row.key).is_err() && !is_put(row));
        rows.extend(
            puts.iter().map(|(key, value)| LeafRow {
                key: *key,
                leaf: leaf_hash(key.as_bytes(), &value_hash(value)),
            }),
        );
        rows.sort_by_key(|row| row.key);
        Ok(rows)
    }

    fn before(&self, key: &Key) -> Result<Option<Key>, ReadError> {
        let (puts, _) = self.puts.split_at(self.puts.partition_point(|(put, _)| put < key));
        let put = puts.last().map(|(put, _)| *put);
        let mut until = self.dead.lock().skip_back(*key);
        while let Some(found) = self.below.before(&until)?.filter(|found| put.is_none_or(|put| put < *found))
        {
            if !self.is_deleted(&found) {
                return Ok(Some(found));
            }
            let mut dead = self.dead.lock();
            dead.add(found, until);
            until = dead.skip_back(found);
        }
        Ok(put)
    }
}
