//! Files that were cut off or changed: refused, or sound.

use alloc::format;

use super::disk::Disk;
use super::*;

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
