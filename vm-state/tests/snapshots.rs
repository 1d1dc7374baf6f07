//! R85: snapshots. Whatever the chunks, a state comes out as it went in; whatever is wrong with them is named.
#![cfg(feature = "redb")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

mod naive;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use naive::{BUCKETS, Entries, Rows, blocks, entries, on_top, val, whole_view};
use parity_scale_codec::Encode;
use proptest::prelude::*;
use redb::{Database, ReadableTable, TableDefinition};
use tempfile::TempDir;
use vm_core::{Address, Hash, Header, Key, Params};
use vm_state::{
    BlockCommit, Check, Chunk, ChunkError, Genesis, ImportError, MemoryStore, OpenError, Progress,
    ProofError, RedbStore, Retention, Snapshot, SnapshotError, SnapshotWriter, Store, StoreOptions, Value,
    View, chunk, next_trie, verify_chunk,
};

/// All chunks of a state, each checked, with what they hold.
fn chunks(view: &dyn View, bytes: u32) -> Vec<(Vec<u8>, Chunk)> {
    let mut chunks: Vec<(Vec<u8>, Chunk)> = Vec::new();
    loop {
        let after = chunks.last().and_then(|(_, chunk)| chunk.entries.last()).map(|(key, _)| *key);
        let made = chunk(view, after.as_ref(), bytes).unwrap().unwrap();
        let checked = verify_chunk(&view.trie().root(), after.as_ref(), &made).unwrap();
        let ends = checked.is_last;
        chunks.push((made, checked));
        if ends {
            let last = chunks.last().unwrap().1.entries.last().map(|(key, _)| *key);
            assert_eq!(chunk(view, last.as_ref(), bytes).unwrap().is_some(), last.is_none());
            return chunks;
        }
    }
}

fn together(chunks: &[(Vec<u8>, Chunk)]) -> Entries {
    chunks.iter().flat_map(|(_, chunk)| chunk.entries.iter().cloned()).collect()
}

proptest! {
    #[test]
    fn r85_all_chunks_are_the_state_whoever_makes_them((entries, blocks) in blocks(0..3), bytes in 0u32..600) {
        let mut made = Vec::new();
        let whole: Arc<dyn View> = Arc::new(whole_view(&entries));
        let bases = BUCKETS.map(|bucket| -> Arc<dyn View> { Arc::new(Rows::new(bucket, &entries)) });
        let mut model = entries.clone();
        for changes in &blocks {
            model = naive::applied(&model, changes);
        }
        for base in bases.into_iter().chain([whole]) {
            let view = blocks.iter().fold(base, |view, changes| on_top(&view, changes));
            let chunks = chunks(&*view, bytes);
            prop_assert_eq!(&together(&chunks), &model);
            for (_, chunk) in &chunks {
                // As few as hold the bytes asked for.
                let size = |entries: &[(Key, Value)]| -> usize {
                    entries.iter().map(|(key, value)| key.as_bytes().len() + value.len()).sum()
                };
                if let Some((_, but_last)) = chunk.entries.split_last() {
                    prop_assert!(size(but_last) < bytes.max(1) as usize);
                    prop_assert!(chunk.is_last || size(&chunk.entries) >= bytes as usize);
                }
            }
            made.push(chunks.into_iter().map(|(bytes, _)| bytes).collect::<Vec<_>>());
        }
        prop_assert!(made.iter().all(|chunks| *chunks == made[0]), "all nodes make the same chunks");
    }

    #[test]
    fn r85_a_chunk_fits_one_place_only(entries in entries(1..40), bytes in 1u32..400) {
        let view = whole_view(&entries);
        let root = view.trie().root();
        let chunks = chunks(&view, bytes);
        let lasts: Vec<Option<Key>> = [None].into_iter()
            .chain(chunks.iter().map(|(_, chunk)| chunk.entries.last().map(|(key, _)| *key)))
            .collect();
        for (index, (bytes, _)) in chunks.iter().enumerate() {
            for (place, after) in lasts.iter().enumerate() {
                let checked = verify_chunk(&root, after.as_ref(), bytes);
                if place == index {
                    prop_assert!(checked.is_ok());
                } else {
                    let named = matches!(checked, Err(ChunkError::Elsewhere | ChunkError::WrongValue));
                    prop_assert!(named, "chunk {} in place {}: {:?}", index, place, checked);
                }
            }
        }
    }

    #[test]
    fn r85_a_changed_chunk_is_refused(entries in entries(1..20), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let view = whole_view(&entries);
        let (bytes, _) = chunks(&view, 200).swap_remove(0);
        let root = view.trie().root();
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= 1 << bit;
        let cut = &bytes[..at.index(bytes.len())];
        for spoiled in [flipped.as_slice(), cut, &[bytes.as_slice(), &[0]].concat()] {
            let refused = verify_chunk(&root, None, spoiled);
            prop_assert!(matches!(refused, Err(ChunkError::Proof(_))), "{:?}", refused);
        }
    }
}

#[test]
fn r85_what_is_left_out_or_shown_twice_is_named() {
    let entries: Entries = (0..8u8).map(|n| (Key::account(&Address([n; 32])), val([n; 16]))).collect();
    let keys: Vec<Key> = entries.keys().copied().collect();
    let view = whole_view(&entries);
    let root = view.trie().root();
    // Honest proofs of chosen entries, which are no chunks.
    let shown = |keys: &[Key]| {
        let mut request = vm_state::ProofRequest::new();
        for key in keys {
            request.key(*key);
        }
        vm_state::prove(&view, &request).unwrap()
    };
    let refused = |after: Option<&Key>, bytes: &[u8]| verify_chunk(&root, after, bytes).unwrap_err();
    assert_eq!(refused(None, &shown(&[keys[0], keys[2]])), ChunkError::Hole);
    assert_eq!(refused(None, &shown(&keys[1..])), ChunkError::Elsewhere);
    assert_eq!(refused(Some(&keys[1]), &shown(&keys[2..])), ChunkError::Elsewhere);
    assert_eq!(refused(Some(&keys[1]), &shown(&keys[1..])), ChunkError::WrongValue);
    assert_eq!(refused(None, &shown(&[])), ChunkError::Elsewhere);
    // The absence of a key shows the leaf at which its descent ends, without the value: here the last one.
    let last = keys[7];
    let ends_at_last = |absent: &Key| refused(Some(&last), &shown(&[*absent])) == ChunkError::Empty;
    let absent = (50..250u8).map(|n| Key::account(&Address([n; 32]))).find(ends_at_last).unwrap();
    assert_eq!(refused(Some(&keys[0]), &shown(&[absent])), ChunkError::Elsewhere);
    let all_but_value =
        shown(&keys.iter().copied().filter(|key| *key != last).chain([absent]).collect::<Vec<_>>());
    assert_eq!(refused(None, &all_but_value), ChunkError::WrongValue);
    let other = whole_view(&entries.iter().skip(1).map(|(key, value)| (*key, value.clone())).collect());
    let foreign = chunk(&other, None, 1_000).unwrap().unwrap();
    assert!(matches!(refused(None, &foreign), ChunkError::Proof(ProofError::RootMismatch { .. })));
    assert_eq!(chunk(&view, Some(&absent), 9).unwrap(), None, "no entry, no chunk after it");
}

#[test]
fn r85_the_empty_state_is_one_chunk() {
    let view = whole_view(&Entries::new());
    let bytes = chunk(&view, None, 1_000).unwrap().unwrap();
    let checked = verify_chunk(&Hash::ZERO, None, &bytes).unwrap();
    assert_eq!(checked, Chunk { entries: vec![], is_last: true });
}

/// A chain of two blocks on redb, with values of every length.
struct Source {
    store: RedbStore,
    directory: TempDir,
}

impl Source {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let balances: Vec<_> = (0..100u8).map(|n| (Address([n; 32]), 1 + u64::from(n))).collect();
        let genesis = Genesis::new(&Params::default(), 0, &balances).unwrap();
        let store = RedbStore::create(directory.path().join("state"), &genesis).unwrap();
        let mut source = Self { store, directory };
        for byte in 0..2 {
            let put = |len: usize| (Key::contract(&Address([byte; 32])), Some(Value::from_elem(byte, len)));
            source.commit(vec![put(9_000), (Key::system(), Some(Value::from_elem(byte, 60)))]);
        }
        source
    }

    fn commit(&mut self, mut changes: vm_state::ChangeSet) {
        changes.sort();
        let view = self.store.view().unwrap();
        let trie = next_trie(&*view, &changes).unwrap();
        let parent = view.header();
        let header = Header {
            parent: parent.hash(),
            height: parent.height + 1,
            state_root: trie.root(),
            ..parent.clone()
        };
        let block = BlockCommit { header, changes, trie, receipts: vec![] };
        self.store.commit(&block).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn block(&self) -> Hash {
        self.store.header().hash()
    }

    fn export(&self, name: &str) -> Snapshot {
        Snapshot::export(&*self.store.view().unwrap(), self.path(name), 500, |_| {}).unwrap()
    }
}

fn options() -> StoreOptions {
    StoreOptions { check: Check::Full, ..StoreOptions::default() }
}

/// Asserts that `store` is as `source` is at its head, and goes on like it.
fn assert_same(source: &mut Source, store: &mut dyn Store) {
    let (here, there) = (source.store.view().unwrap(), store.view().unwrap());
    assert_eq!(store.header(), source.store.header());
    assert_eq!(there.trie().root(), here.trie().root());
    let mut from = Key::EMPTY;
    while let Some((key, value)) = here.next(&Key::EMPTY, &from).unwrap() {
        assert_eq!(there.next(&Key::EMPTY, &from).unwrap(), Some((key, value.clone())));
        assert_eq!(there.get(&key).unwrap(), Some(value));
        from = key.successor().unwrap();
    }
    assert_eq!(there.next(&Key::EMPTY, &from).unwrap(), None);
    let height = store.header().height;
    assert_eq!(
        (store.oldest(), store.receipts(height), store.header_at(height - 1)),
        (height, Ok(None), Ok(None))
    );
    let changes = vec![(Key::contract(&Address([9; 32])), Some(val([9; 100])))];
    let trie = next_trie(&*there, &changes).unwrap();
    let header = Header {
        parent: store.header().hash(),
        height: height + 1,
        state_root: trie.root(),
        ..store.header().clone()
    };
    drop(there);
    store.commit(&BlockCommit { header, changes, trie, receipts: vec![] }).unwrap();
    store.rollback(height).unwrap();
    assert_eq!(store.header(), source.store.header());
}

#[test]
fn r85_a_snapshot_makes_the_same_store_in_memory_and_on_redb() {
    let mut source = Source::new();
    let mut told = Vec::new();
    let view = source.store.view().unwrap();
    let made =
        Snapshot::export(&*view, source.path("snapshot"), 500, |progress| told.push(progress)).unwrap();
    drop(view);
    let count = made.chunk_count();
    assert!(count > 10, "{count}");
    assert_eq!(told, (1..=count).map(|done| Progress { done, of: None }).collect::<Vec<_>>());

    let snapshot = Snapshot::open(source.path("snapshot"), &source.block()).unwrap();
    assert_eq!((snapshot.id(), snapshot.header()), (made.id(), source.store.header()));
    let mut told = Vec::new();
    let mut memory =
        MemoryStore::import(&snapshot, Retention::default(), |progress| told.push(progress)).unwrap();
    let all: Vec<_> = (1..=count).map(|done| Progress { done, of: Some(count) }).collect();
    assert_eq!(told, all);
    assert_same(&mut source, &mut memory);

    let mut told = Vec::new();
    let path = source.path("imported");
    let mut redb = RedbStore::import(&path, &snapshot, options(), |progress| told.push(progress)).unwrap();
    assert_eq!(told, all);
    assert_same(&mut source, &mut redb);
    drop(redb);
    let params = Params::default().hash();
    assert_same(&mut source, &mut RedbStore::open_with(&path, &params, options()).unwrap());

    let again = RedbStore::import(&path, &snapshot, options(), |_| {});
    assert_eq!(again.unwrap_err(), OpenError::Exists { at: path.display().to_string() }.into());
    let over = Snapshot::export(&*source.store.view().unwrap(), source.path("snapshot"), 500, |_| {});
    let at = source.path("snapshot").display().to_string();
    assert_eq!(over.unwrap_err(), SnapshotError::Exists { at });
}

#[test]
fn r85_a_retained_block_can_be_exported_too() {
    let source = Source::new();
    let view = source.store.view_at(1).unwrap().unwrap();
    let made = Snapshot::export(&*view, source.path("snapshot"), 1 << 20, |_| {}).unwrap();
    assert_eq!((made.chunk_count(), made.header().height), (1, 1));
    let snapshot = Snapshot::open(source.path("snapshot"), &view.header().hash()).unwrap();
    let store = MemoryStore::import(&snapshot, Retention::default(), |_| {}).unwrap();
    assert_eq!(store.header(), view.header());
}

#[test]
fn r85_an_import_that_was_cut_short_goes_on_where_it_ended() {
    let mut source = Source::new();
    let snapshot = source.export("snapshot");
    let (path, count) = (source.path("imported"), snapshot.chunk_count());
    let params = Params::default().hash();
    // Chunks 3 and then 7 are not there when they are needed.
    let mut told = Vec::new();
    for missing in [3u32, 7] {
        let file = source.path("snapshot").join(format!("{missing:05}.chunk"));
        let bytes = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let cut = RedbStore::import(&path, &snapshot, options(), |progress| told.push(progress.done));
        let expected = SnapshotError::Missing { at: file.display().to_string(), index: missing };
        assert_eq!(cut.unwrap_err(), expected.into());
        fs::write(&file, bytes).unwrap();
        let opened = RedbStore::open(&path, &params);
        assert_eq!(opened.unwrap_err(), OpenError::Importing { at: path.display().to_string() });
    }
    let other = Snapshot::export(&*source.store.view().unwrap(), source.path("other"), 700, |_| {}).unwrap();
    let at = path.display().to_string();
    assert_eq!(
        RedbStore::import(&path, &other, options(), |_| {}).unwrap_err(),
        ImportError::OtherSnapshot { at }
    );
    let mut store =
        RedbStore::import(&path, &snapshot, options(), |progress| told.push(progress.done)).unwrap();
    assert_eq!(told, (1..=count).collect::<Vec<_>>(), "no chunk was written twice");
    assert_same(&mut source, &mut store);
}

#[test]
fn r85_an_import_that_had_not_begun_to_write_begins_anew() {
    let mut source = Source::new();
    let snapshot = source.export("snapshot");
    for name in ["empty", "unfinished"] {
        let path = source.path(name);
        if name == "empty" {
            fs::write(&path, b"").unwrap();
        } else {
            drop(Database::create(&path).unwrap());
        }
        let mut store = RedbStore::import(&path, &snapshot, options(), |_| {}).unwrap();
        assert_same(&mut source, &mut store);
    }
    let mine = source.path("mine");
    fs::write(&mine, b"no store").unwrap();
    let refused = RedbStore::import(&mine, &snapshot, options(), |_| {}).unwrap_err();
    assert!(matches!(refused, ImportError::Store(OpenError::NotAStore { .. })), "{refused}");
    assert_eq!(fs::read(&mine).unwrap(), b"no store");
}

const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");

#[test]
fn r85_rows_changed_between_two_parts_of_an_import_are_found_before_there_is_a_head() {
    let source = Source::new();
    let snapshot = source.export("snapshot");
    let file = source.path("snapshot").join("00005.chunk");
    let bytes = fs::read(&file).unwrap();
    let begun = |name: &str| {
        fs::remove_file(&file).unwrap();
        let path = source.path(name);
        RedbStore::import(&path, &snapshot, options(), |_| {}).unwrap_err();
        fs::write(&file, &bytes).unwrap();
        path
    };
    let tamper = |path: &Path, change: &dyn Fn(&redb::WriteTransaction)| {
        let database = Database::open(path).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
    };
    let path = begun("lost");
    tamper(&path, &|transaction| drop(transaction.open_table(ENTRIES).unwrap().pop_first().unwrap()));
    let refused = RedbStore::import(&path, &snapshot, options(), |_| {}).unwrap_err();
    assert!(matches!(refused, ImportError::Store(OpenError::RootMismatch { height: 2, .. })), "{refused}");

    let path = begun("cut");
    tamper(&path, &|transaction| {
        let mut meta = transaction.open_table(META).unwrap();
        let row = meta.get("import").unwrap().unwrap().value().to_vec();
        meta.insert("import", &row[..35]).unwrap();
    });
    let refused = RedbStore::import(&path, &snapshot, options(), |_| {}).unwrap_err();
    assert!(matches!(refused, ImportError::Store(OpenError::Damaged { .. })), "{refused}");
}

#[test]
fn r85_every_way_to_spoil_a_snapshots_files_is_named() {
    let source = Source::new();
    let made = source.export("snapshot");
    let (directory, block, count) = (source.path("snapshot"), source.block(), made.chunk_count());
    let name = |index: u32| directory.join(format!("{index:05}.chunk"));
    let at = |path: &Path| path.display().to_string();
    let import = || {
        let snapshot = Snapshot::open(&directory, &block)?;
        MemoryStore::import(&snapshot, Retention::default(), |_| {}).map(drop)
    };
    let spoiled = |path: &Path, bytes: Option<Vec<u8>>| {
        let whole = fs::read(path).unwrap();
        match bytes {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let error = import().unwrap_err();
        fs::write(path, whole).unwrap();
        error
    };
    let second = fs::read(name(2)).unwrap();
    let changed = SnapshotError::Changed { at: at(&name(1)), index: 1 };
    assert_eq!(spoiled(&name(1), None), SnapshotError::Missing { at: at(&name(1)), index: 1 });
    let repeated = SnapshotError::Repeated { at: at(&name(1)), index: 1, other: 2 };
    assert_eq!(spoiled(&name(1), Some(second)), repeated);
    let mut bytes = fs::read(name(1)).unwrap();
    assert_eq!(spoiled(&name(1), Some(bytes[1..].to_vec())), changed);
    bytes[40] ^= 1;
    assert_eq!(spoiled(&name(1), Some(bytes)), changed);

    let manifest = directory.join("manifest");
    let whole = fs::read(&manifest).unwrap();
    assert_eq!(spoiled(&manifest, None), SnapshotError::NoManifest { at: at(&directory) });
    let damaged = |error| matches!(error, SnapshotError::Manifest { .. });
    assert!(damaged(spoiled(&manifest, Some(vec![1, 0]))));
    assert!(damaged(spoiled(&manifest, Some(whole[..whole.len() - 1].to_vec()))));
    assert!(damaged(spoiled(&manifest, Some([whole.as_slice(), &[0]].concat()))));
    let version = spoiled(&manifest, Some([&[2, 0, 0, 0], &whole[4..]].concat()));
    assert_eq!(version, SnapshotError::FormatVersion { at: at(&directory), expected: 1, found: 2 });
    let other = Snapshot::open(&directory, &Hash([1; 32])).unwrap_err();
    let expected =
        SnapshotError::OtherBlock { at: at(&directory), expected: Hash([1; 32]), found: block, height: 2 };
    assert_eq!(other, expected);

    // A manifest that lies, made by somebody who can hash: chunks of one byte's length changed, in another order, left
    // out, or of another state.
    type Entry = (u32, Hash, Vec<u8>);
    let (head, mut entries): (usize, Vec<Entry>) = {
        let head = 4 + source.store.header().encode().len();
        (head, parity_scale_codec::Decode::decode(&mut &whole[head..]).unwrap())
    };
    let lying = |entries: &[Entry]| [&whole[..head], &entries.encode()].concat();
    assert_eq!(lying(&entries), whole);
    assert!(damaged(spoiled(&manifest, Some(lying(&[])))));
    let last = entries.pop().unwrap();
    let end = SnapshotError::End { at: at(&directory), found: count - 1 };
    assert_eq!(spoiled(&manifest, Some(lying(&entries))), end);
    entries.push(last.clone());
    entries.push(last);
    assert!(damaged(spoiled(&manifest, Some(lying(&entries)))), "the same chunk twice");
    entries.pop();
    let mut long = entries.clone();
    long[0].0 = u32::MAX;
    assert!(damaged(spoiled(&manifest, Some(lying(&long)))));
    let mut key = entries.clone();
    key[0].2 = vec![b'a'; 82];
    assert!(damaged(spoiled(&manifest, Some(lying(&key)))));
    let mut elsewhere = entries.clone();
    elsewhere[0].2.push(0);
    let wrong = SnapshotError::Wrong { at: at(&name(0)), index: 0, cause: ChunkError::Elsewhere };
    assert_eq!(spoiled(&manifest, Some(lying(&elsewhere))), wrong);
    let mut swapped = entries.clone();
    swapped[1].1 = entries[2].1;
    fs::copy(name(1), source.path("kept")).unwrap();
    fs::copy(name(2), name(1)).unwrap();
    let error = spoiled(&manifest, Some(lying(&swapped)));
    fs::copy(source.path("kept"), name(1)).unwrap();
    assert!(matches!(error, SnapshotError::Wrong { index: 1, cause: ChunkError::Elsewhere, .. }), "{error}");
    import().unwrap();
}

#[test]
fn r85_files_that_cannot_be_written_or_read_are_failures() {
    let source = Source::new();
    let view = source.store.view().unwrap();
    fs::write(source.path("file"), b"").unwrap();
    let below = source.path("file").join("snapshot");
    let refused = Snapshot::export(&*view, &below, 500, |_| {}).unwrap_err();
    assert!(matches!(refused, SnapshotError::Failure { .. }), "{refused}");
    source.export("snapshot");
    let chunk = source.path("snapshot").join("00000.chunk");
    fs::remove_file(&chunk).unwrap();
    fs::create_dir(&chunk).unwrap();
    let snapshot = Snapshot::open(source.path("snapshot"), &source.block()).unwrap();
    assert!(matches!(snapshot.chunk(0), Err(SnapshotError::Failure { .. })));
    assert!(matches!(snapshot.chunk(u32::MAX), Err(SnapshotError::Missing { index: u32::MAX, .. })));
    let manifest = source.path("snapshot").join("manifest");
    fs::remove_file(&manifest).unwrap();
    fs::create_dir(&manifest).unwrap();
    let refused = Snapshot::open(source.path("snapshot"), &source.block()).unwrap_err();
    assert!(matches!(refused, SnapshotError::Failure { .. }), "{refused}");
    #[cfg(unix)]
    {
        fs::remove_dir(&manifest).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&manifest).status().unwrap().success());
        let refused = Snapshot::open(source.path("snapshot"), &source.block()).unwrap_err();
        assert!(refused.to_string().contains("it is no regular file"), "a pipe is not waited for: {refused}");
    }
}

#[test]
fn r85_an_export_that_was_cut_short_is_replaced() {
    let mut source = Source::new();
    let directory = source.path("snapshot");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("00000.chunk"), b"half").unwrap();
    fs::write(directory.join("manifest.part"), b"half").unwrap();
    source.export("snapshot");
    let snapshot = Snapshot::open(&directory, &source.block()).unwrap();
    let mut store = MemoryStore::import(&snapshot, Retention::default(), |_| {}).unwrap();
    assert_same(&mut source, &mut store);
}

#[test]
fn r85_chunks_from_a_peer_are_checked_and_written_as_an_export_writes_them() {
    let mut source = Source::new();
    source.export("exported");
    let view = source.store.view().unwrap();
    let mut writer = SnapshotWriter::create(source.path("received"), view.header().clone()).unwrap();
    let mut count = 0;
    while !writer.is_complete() {
        let bytes = chunk(&*view, writer.after(), 500).unwrap().unwrap();
        // A spoiled chunk, or another one, is refused by name and leaves the place open.
        let mut wrong = vec![bytes.clone()];
        *wrong[0].last_mut().unwrap() ^= 1;
        if count > 0 {
            wrong.push(chunk(&*view, None, 500).unwrap().unwrap());
        }
        for wrong in wrong {
            let refused = writer.push(&wrong);
            assert!(matches!(refused, Err(SnapshotError::Wrong { index, .. }) if index == count));
        }
        writer.push(&bytes).unwrap();
        count += 1;
    }
    assert!(count > 3);
    let more = writer.push(&[]);
    assert!(matches!(more, Err(SnapshotError::End { found, .. }) if found == count + 1));
    let received = writer.finish().unwrap();
    assert_eq!(received.header(), view.header());
    let names = fs::read_dir(source.path("exported")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), count as usize + 1);
    for name in names {
        let read = |folder: &str| fs::read(source.path(folder).join(&name)).unwrap();
        assert_eq!(read("received"), read("exported"), "{}", name.display());
    }
    drop(view);
    let snapshot = Snapshot::open(source.path("received"), &source.block()).unwrap();
    let mut store = MemoryStore::import(&snapshot, Retention::default(), |_| {}).unwrap();
    assert_same(&mut source, &mut store);
}

#[test]
fn r85_an_unfinished_writer_leaves_no_snapshot_and_a_finished_one_is_not_overwritten() {
    let source = Source::new();
    let view = source.store.view().unwrap();
    let create = || SnapshotWriter::create(source.path("received"), view.header().clone());
    let mut writer = create().unwrap();
    writer.push(&chunk(&*view, None, 500).unwrap().unwrap()).unwrap();
    assert!(matches!(writer.finish(), Err(SnapshotError::End { found: 1, .. })));
    let opened = Snapshot::open(source.path("received"), &source.block());
    assert!(matches!(opened, Err(SnapshotError::NoManifest { .. })));
    source.export("received");
    assert!(matches!(create(), Err(SnapshotError::Exists { .. })));
    fs::write(source.path("file"), b"").unwrap();
    let below = SnapshotWriter::create(source.path("file").join("x"), view.header().clone());
    assert!(matches!(below, Err(SnapshotError::Failure { .. })));
}

#[test]
fn r122_a_chunk_longer_than_any_is_refused_unread_and_the_right_one_is_waited_for() {
    let source = Source::new();
    let view = source.store.view().unwrap();
    let mut writer = SnapshotWriter::create(source.path("received"), view.header().clone()).unwrap();
    let refused = writer.push(&vec![0; (64 << 20) + 1]);
    let limit = 64 << 20;
    assert!(
        matches!(refused, Err(SnapshotError::Wrong { index: 0, cause: ChunkError::TooLong { limit: found }, .. }) if found == limit),
        "{refused:?}"
    );
    writer.push(&chunk(&*view, None, 500).unwrap().unwrap()).unwrap();
}
