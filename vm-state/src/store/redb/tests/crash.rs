//! Failed writes, crashes and hostile files, on a disk that the test controls.

use ::redb::StorageBackend;
use alloc::format;
use alloc::vec;
use std::sync::Mutex;
use vm_core::value_hash;

use super::*;

/// Bytes in memory that outlive the database on them, with what was synced and the changes since; from the
/// `allowed`-th call that changes something on, every such call fails.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug)]
struct DiskState {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    allowed: u64,
}

#[derive(Clone, Debug)]
enum Change {
    Resize(usize),
    Write(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(len) => bytes.resize(*len, 0),
            Self::Write(offset, data) => {
                let end = offset.checked_add(data.len()).unwrap();
                // Where the resizing that made room was lost, the write makes it.
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

impl Default for DiskState {
    fn default() -> Self {
        Self { live: Vec::new(), durable: Vec::new(), unsynced: Vec::new(), allowed: u64::MAX }
    }
}

impl Disk {
    fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(DiskState { durable: bytes.clone(), live: bytes, ..DiskState::default() })))
    }

    fn live(&self) -> Vec<u8> {
        self.0.lock().unwrap().live.clone()
    }

    fn allow(&self, calls: u64) {
        self.0.lock().unwrap().allowed = calls;
    }

    /// What may be found after a crash: all that was written (the process died), what was synced only, and what was
    /// synced with some of the later changes, as a power cut leaves it.
    fn survivors(&self) -> Vec<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let mut survivors = vec![state.live.clone(), state.durable.clone()];
        for seed in 0..6u8 {
            let mut bytes = state.durable.clone();
            for (index, change) in (0u64..).zip(&state.unsynced) {
                let coin = value_hash(&[&[seed], index.to_be_bytes().as_slice()].concat());
                if coin.0[0] & 1 == 0 {
                    change.apply(&mut bytes);
                }
            }
            survivors.push(bytes);
        }
        survivors
    }

    /// Makes a change, or syncs.
    fn spend(&self, change: Option<Change>) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.allowed = state.allowed.checked_sub(1).ok_or_else(|| io::Error::other("the disk is gone"))?;
        match change {
            Some(change) => {
                change.apply(&mut state.live);
                state.unsynced.push(change);
            }
            None => {
                state.durable = state.live.clone();
                state.unsynced.clear();
            }
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.lock().unwrap().live.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let rest = state.live.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        out.copy_from_slice(rest.get(..out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend(Some(Change::Resize(usize::try_from(len).unwrap())))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend(None)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend(Some(Change::Write(usize::try_from(offset).unwrap(), data.to_vec())))
    }
}

#[test]
fn r82_a_write_that_fails_anywhere_leaves_the_parent_or_the_block_and_a_store_that_refuses() {
    let mut headers = Vec::new();
    for allowed in 0.. {
        let disk = Disk::default();
        let mut store = RedbStore::create_on(disk.clone(), &genesis(), StoreOptions::default()).unwrap();
        let first = block(&store, 1);
        store.commit(&first).unwrap();
        let second = block(&store, 2);
        disk.allow(allowed);
        let committed = store.commit(&second);
        let done = committed.is_ok();
        if !done {
            // The disk is back, the store still refuses.
            disk.allow(u64::MAX);
            let refuses = |failure| matches!(failure, NodeFailure::Storage { action: "go on", .. });
            assert!(matches!(committed, Err(CommitError::Failure(NodeFailure::Storage { .. }))));
            let Err(CommitError::Failure(failure)) = store.commit(&second) else { panic!("it refuses") };
            assert!(refuses(failure));
            assert!(store.view().is_err_and(refuses));
            assert!(store.receipts(0).is_err_and(refuses));
            assert!(store.header_at(0).is_err_and(refuses));
        }
        let survivors = disk.survivors();
        drop(store);
        for bytes in survivors {
            let store = RedbStore::open_on(Disk::of(bytes), &params(), StoreOptions::default()).unwrap();
            let is_parent = store.header == first.header && !done;
            assert!(is_parent || store.header == second.header, "after {allowed} calls");
            headers.push(store.header.height);
        }
        if done {
            break;
        }
    }
    assert!(headers.len() > 8 * 8, "a commit is many writes and syncs");
    assert!(headers.contains(&1) && headers.contains(&2), "both ends were seen");
}

#[test]
fn r82_a_creation_that_fails_anywhere_leaves_what_is_refused_or_whole() {
    for allowed in 0.. {
        let disk = Disk::default();
        disk.allow(allowed);
        let created = RedbStore::create_on(disk.clone(), &genesis(), StoreOptions::default());
        let done = created.is_ok();
        let survivors = disk.survivors();
        drop(created);
        for bytes in survivors {
            match RedbStore::open_on(Disk::of(bytes), &params(), StoreOptions::default()) {
                Ok(store) => assert_eq!(store.header, *genesis().header()),
                Err(error) => {
                    use OpenError::{Damaged, Empty, NotAStore, Unfinished};
                    assert!(!done, "{error}");
                    let named =
                        matches!(error, Damaged { .. } | Empty { .. } | NotAStore { .. } | Unfinished { .. });
                    assert!(named, "after {allowed} calls: {error:?}");
                }
            }
        }
        if done {
            break;
        }
    }
}

/// The bytes of a closed store, and its head.
fn closed_bytes() -> (Vec<u8>, Header) {
    let disk = Disk::default();
    let mut store = RedbStore::create_on(disk.clone(), &genesis(), StoreOptions::default()).unwrap();
    for byte in 0..3 {
        let block = block(&store, byte);
        store.commit(&block).unwrap();
    }
    let header = store.header.clone();
    drop(store);
    (disk.live(), header)
}

/// Opens a hostile file: an error, or a store that is sound and can be read.
fn survives(bytes: Vec<u8>, heads: &[Header], what: &str) {
    match RedbStore::open_on(Disk::of(bytes), &params(), StoreOptions::default()) {
        Ok(store) => {
            assert!(heads.contains(&store.header), "{what}");
            let view = store.view().unwrap();
            let _ = (view.get(&Key::system()), view.next(&Key::system(), &Key::system()));
            let _ = (store.receipts(1), store.header_at(1));
        }
        Err(error) => assert!(!format!("{error}").is_empty()),
    }
}

#[test]
fn r122_a_file_cut_off_anywhere_is_refused_or_sound() {
    let (bytes, header) = closed_bytes();
    let lengths = (1..400).chain((400..bytes.len()).step_by(4_096)).chain([bytes.len() - 1]);
    for len in lengths {
        survives(bytes[..len].to_vec(), core::slice::from_ref(&header), &format!("{len} bytes"));
    }
    let (_directory, path) = scratch();
    closed(&path);
    let whole = fs::read(&path).unwrap();
    for len in [5, 9, 100, 4_096, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..len]).unwrap();
        let error = refused(&path);
        assert!(matches!(error, OpenError::Damaged { .. }), "{len} bytes: {error:?}");
    }
}

#[test]
fn r122_a_file_with_any_flipped_bit_is_refused_or_sound() {
    let (bytes, header) = closed_bytes();
    let (first, used) =
        (0..400, bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(index, _)| index));
    for index in first.chain(used.step_by(31)) {
        for bit in [0x01, 0x80] {
            let mut flipped = bytes.clone();
            flipped[index] ^= bit;
            survives(flipped, core::slice::from_ref(&header), &format!("byte {index} bit {bit:#x}"));
        }
    }
}
