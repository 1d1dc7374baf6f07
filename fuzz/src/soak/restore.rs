//! Second stores from snapshots: in memory and on disk, whole and cut short by a kill.

use std::fs;
use std::path::{Path, PathBuf};

use vm_core::{Hash, Params};
use vm_host::{Options, TraceLevel, Vm};
use vm_state::{
    ImportError, MemoryStore, OpenError, RedbStore, Retention, Snapshot, SnapshotError, Store, StoreOptions,
    View,
};

use super::blocks::Blocks;
use super::compare::{same, same_entries};
use super::stop::{Stop, equal, equal_hash};
use crate::chain::check_state;

/// What a second store is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Disk,
}

/// The folder of the snapshots under the soak's.
const SNAPSHOTS: &str = "snapshots";
/// A second store on disk, in its snapshot's folder's place with this ending.
const COPY: &str = "copy";

/// Makes a chain in memory with the state of `view`, by way of a snapshot in `folder`.
pub(super) fn in_memory(view: &dyn View, folder: &Path, retention: Retention) -> Result<MemoryStore, Stop> {
    let height = view.header().height;
    remove(folder)?;
    let snapshot = Snapshot::export(view, folder, 1 << 20, |_| ()).map_err(Stop::failed(height, "export"))?;
    let store = MemoryStore::import(&snapshot, retention, |_| ()).map_err(Stop::failed(height, "import"))?;
    remove(folder)?;
    Ok(store)
}

/// Writes a snapshot of `view` in chunks of `chunk_bytes`, makes a second store of it, compares all entries, and
/// executes the next block on both; gives the number of entries.
pub(super) fn restore(
    folder: &Path,
    view: &std::sync::Arc<dyn View>,
    blocks: &Blocks,
    vm: &Vm,
    kind: Kind,
    chunk_bytes: u32,
) -> Result<u64, Stop> {
    let header = view.header();
    let height = header.height;
    let directory = folder.join(SNAPSHOTS).join(format!("{height}-{}", header.hash()));
    let made = Snapshot::export(&**view, &directory, chunk_bytes, |_| ());
    made.map_err(Stop::failed(height, "export a snapshot"))?;
    let snapshot = Snapshot::open(&directory, &header.hash());
    let snapshot = snapshot.map_err(Stop::failed(height, "open a snapshot"))?;
    let mut store: Box<dyn Store> = match kind {
        Kind::Memory => {
            let store = MemoryStore::import(&snapshot, Retention::default(), |_| ());
            Box::new(store.map_err(Stop::failed(height, "import a snapshot"))?)
        }
        Kind::Disk => {
            let store = RedbStore::import(copy_of(&directory), &snapshot, StoreOptions::default(), |_| ());
            Box::new(store.map_err(Stop::failed(height, "import a snapshot"))?)
        }
    };
    let entries = takes_the_next_block(&mut *store, view, blocks, vm)?;
    drop(store);
    forget(&directory)?;
    remove(&directory)?;
    Ok(entries)
}

/// Compares the second store with `view`, and executes the next block on both.
fn takes_the_next_block(
    store: &mut dyn Store,
    view: &std::sync::Arc<dyn View>,
    blocks: &Blocks,
    vm: &Vm,
) -> Result<u64, Stop> {
    let height = view.header().height;
    let copy = store.view().map_err(Stop::failed(height, "read a second store"))?;
    equal(height, "the header of a second store", view.header(), copy.header())?;
    equal_hash(height, "the root of a second store", view.trie().root(), copy.trie().root())?;
    let entries = same_entries("a second store", &**view, &*copy)?;
    let supply = vm_state::StateReader::new(&*copy).system();
    check_state(&*copy, supply.map_err(Stop::failed(height, "read the system entry"))?.supply);
    let made = blocks.execute(vm, view, TraceLevel::Off)?;
    let other = vm.execute_block(&copy, &made.block, Options::default());
    let other = other.map_err(Stop::failed(height + 1, "execute on a second store"))?;
    same("on a second store", &made.outcome, &other)?;
    store.commit(&other.commit).map_err(Stop::failed(height + 1, "commit to a second store"))?;
    let after = store.view().map_err(Stop::failed(height + 1, "read a second store"))?;
    let root = after.trie().root();
    equal_hash(height + 1, "the root of a second store", made.outcome.commit.header.state_root, root)?;
    Ok(entries)
}

/// Goes on with the second stores that a kill has cut short, as far as their snapshots are whole, and removes them.
/// Gives the blocks of those that were finished.
pub(super) fn resume(folder: &Path, params: &Params) -> Result<Vec<(u64, Hash)>, Stop> {
    let folder = folder.join(SNAPSHOTS);
    fs::create_dir_all(&folder).map_err(Stop::machine("make the folder of snapshots"))?;
    let mut finished = vec![];
    for entry in fs::read_dir(&folder).map_err(Stop::machine("read the folder of snapshots"))? {
        let directory = entry.map_err(Stop::machine("read the folder of snapshots"))?.path();
        if let Some(block) = block_of(&directory) {
            if finish(&directory, block, params)? {
                finished.push(block);
            }
            forget(&directory)?;
            remove(&directory)?;
        }
    }
    Ok(finished)
}

/// The block that a snapshot's folder is named after; none for a second store.
fn block_of(directory: &Path) -> Option<(u64, Hash)> {
    let (height, hash) = directory.file_name()?.to_str()?.split_once('-')?;
    Some((height.parse().ok()?, hash.parse().ok()?))
}

/// Whether the snapshot is whole: its second store is finished then, and compared.
fn finish(directory: &Path, (height, hash): (u64, Hash), params: &Params) -> Result<bool, Stop> {
    let snapshot = match Snapshot::open(directory, &hash) {
        Ok(snapshot) => snapshot,
        // The export was cut short.
        Err(SnapshotError::NoManifest { .. }) => return Ok(false),
        Err(error) => return Err(Stop::failed(height, "open a snapshot that a kill left")(error)),
    };
    let (path, options) = (copy_of(directory), StoreOptions::default());
    let store = match RedbStore::import(&path, &snapshot, options, |_| ()) {
        // It was finished, and has perhaps taken the next block.
        Err(ImportError::Store(OpenError::Exists { .. })) => RedbStore::open(&path, &params.hash())
            .map_err(Stop::failed(height, "open a second store that a kill left"))?,
        made => made.map_err(Stop::failed(height, "finish an import that a kill cut short"))?,
    };
    let found = store.header_at(height).map_err(Stop::failed(height, "read a second store"))?;
    let found = found.map(|header| header.hash());
    equal(height, "the block of a second store that a kill left", &Some(hash), &found)?;
    Ok(true)
}

/// Removes the second store and the manifest: without one a snapshot is none, so that a kill may leave any of the chunks.
fn forget(directory: &Path) -> Result<(), Stop> {
    remove(&copy_of(directory))?;
    remove(&directory.join("manifest"))
}

fn copy_of(directory: &Path) -> PathBuf {
    directory.with_extension(COPY)
}

/// Removes a file or folder that may not be there.
pub(super) fn remove(path: &Path) -> Result<(), Stop> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Stop::machine(format_args!("remove {}", path.display()))(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    /// A soak's folder with the snapshot that a kill has left, and the folder of that.
    fn left() -> (tempfile::TempDir, PathBuf, Snapshot) {
        let folder = tempfile::tempdir().unwrap();
        let view = World::new().chain.view();
        let name = format!("{}-{}", view.header().height, view.header().hash());
        let directory = folder.path().join(SNAPSHOTS).join(name);
        let snapshot = Snapshot::export(&*view, &directory, 4_096, |_| ()).unwrap();
        assert!(snapshot.chunk_count() > 2);
        (folder, directory, snapshot)
    }

    fn resumed(folder: &Path) -> Result<usize, Stop> {
        let finished = resume(folder, &Params::default())?;
        assert_eq!(fs::read_dir(folder.join(SNAPSHOTS)).unwrap().count(), 0, "nothing is left");
        Ok(finished.len())
    }

    #[test]
    fn an_export_that_was_cut_short_is_removed() {
        let (folder, directory, _) = left();
        fs::remove_file(directory.join("manifest")).unwrap();
        assert_eq!(resumed(folder.path()).unwrap(), 0);
    }

    #[test]
    fn an_import_that_was_cut_short_is_finished() {
        let (folder, directory, snapshot) = left();
        // A process that dies after the first chunk.
        let cut = std::panic::catch_unwind(|| {
            RedbStore::import(copy_of(&directory), &snapshot, StoreOptions::default(), |_| panic!("killed"))
        });
        assert!(cut.is_err() && copy_of(&directory).exists());
        assert_eq!(resumed(folder.path()).unwrap(), 1);
    }

    /// Found by the soak: the chunks went first, and a worker that was killed meanwhile left a manifest without them.
    #[test]
    fn a_removal_that_was_cut_short_goes_on() {
        let (folder, directory, snapshot) = left();
        drop(RedbStore::import(copy_of(&directory), &snapshot, StoreOptions::default(), |_| ()).unwrap());
        forget(&directory).unwrap();
        fs::remove_file(directory.join("00001.chunk")).unwrap();
        assert_eq!(resumed(folder.path()).unwrap(), 0);
    }

    #[test]
    fn a_second_store_that_was_finished_is_looked_at() {
        let (folder, directory, snapshot) = left();
        drop(RedbStore::import(copy_of(&directory), &snapshot, StoreOptions::default(), |_| ()).unwrap());
        assert_eq!(resumed(folder.path()).unwrap(), 1);
    }

    #[test]
    fn a_snapshot_that_was_changed_is_reported() {
        let (folder, directory, _) = left();
        let chunk = directory.join("00001.chunk");
        let mut bytes = fs::read(&chunk).unwrap();
        bytes[40] ^= 1;
        fs::write(&chunk, bytes).unwrap();
        let text = resumed(folder.path()).unwrap_err().to_string();
        assert!(
            text.contains("finish an import that a kill cut short") && text.contains("chunk 1"),
            "{text}"
        );
        assert!(directory.exists(), "it is kept");
    }
}
