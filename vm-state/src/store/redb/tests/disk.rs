//! A disk that the test controls: it remembers every call, may fail, may be full, and tells what can be found on it
//! after a crash at any moment.
//!
//! What a crash leaves: what was synced stays, in full. Of what was written since, a process that dies leaves all,
//! and the write it died in up to some byte; a power cut leaves any of it, in any order, and of each write any of its
//! sectors or all up to some byte.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]

use ::redb::StorageBackend;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::io;
use std::sync::Mutex;

use super::chain::Dice;

/// What a disk writes wholly or not at all, by the most careful reading.
const SECTOR_BYTES: usize = 512;
/// What a file system gives out at a time.
const BLOCK_BYTES: usize = 4_096;

/// A call that changes something.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Resize(usize),
    Write(usize, Vec<u8>),
    Sync,
}

impl Call {
    /// Makes the change.
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(len) => bytes.resize(*len, 0),
            Self::Write(offset, data) => write(bytes, *offset, data),
            Self::Sync => {}
        }
    }

    /// Makes what a torn write leaves: all up to some byte, or some of the sectors.
    fn apply_torn(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        let Self::Write(offset, data) = self else { return self.apply(bytes) };
        if dice.below(2) == 0 {
            return write(bytes, *offset, &data[..dice.below(data.len() + 1)]);
        }
        for (index, sector) in data.chunks(SECTOR_BYTES).enumerate() {
            if dice.below(2) == 0 {
                write(bytes, offset + index * SECTOR_BYTES, sector);
            }
        }
    }
}

/// Where the resizing that made room was lost, the write makes it.
fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(data);
}

/// How a crash came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Crash {
    /// The process died: all that was written is there.
    Death,
    /// The process died in the midst of a write.
    DeathInAWrite,
    /// The power went: nothing is there that was not synced.
    PowerCut,
    /// The power went: some of the later writes are there, each whole.
    SomeWrites,
    /// The power went: some of the later writes are there, some of them in part.
    TornWrites,
}

impl Crash {
    pub(super) const ALL: [Self; 5] =
        [Self::Death, Self::DeathInAWrite, Self::PowerCut, Self::SomeWrites, Self::TornWrites];
}

/// What stands on a disk. Copies share their bytes until they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// What reading gives.
    live: Arc<Vec<u8>>,
    /// What stood at the last sync.
    durable: Arc<Vec<u8>>,
    /// The calls since.
    unsynced: Vec<Call>,
}

impl Content {
    /// Bytes that are all durable.
    fn of(bytes: Vec<u8>) -> Self {
        let bytes = Arc::new(bytes);
        Self { durable: Arc::clone(&bytes), live: bytes, unsynced: Vec::new() }
    }

    /// Whether no power cut can change what reading gives.
    pub(super) fn is_durable(&self) -> bool {
        self.unsynced.is_empty()
    }

    fn apply(&mut self, call: Call) {
        if let Call::Sync = call {
            self.durable = Arc::clone(&self.live);
            self.unsynced.clear();
        } else {
            call.apply(Arc::make_mut(&mut self.live));
            self.unsynced.push(call);
        }
    }

    /// What a crash may leave while the call `begun` is being made; `None` where that is what another kind of crash
    /// leaves for certain. What was written before the process died may still be lost when the power goes.
    fn after(&self, begun: Option<&Call>, crash: Crash, dice: &mut Dice) -> Option<Self> {
        match crash {
            Crash::Death => Some(self.clone()),
            Crash::DeathInAWrite => {
                let Some(Call::Write(offset, data)) = begun else { return None };
                let mut left = self.clone();
                left.apply(Call::Write(*offset, data[..dice.below(data.len())].to_vec()));
                Some(left)
            }
            Crash::PowerCut => (!self.unsynced.is_empty()).then(|| Self {
                live: Arc::clone(&self.durable),
                durable: Arc::clone(&self.durable),
                unsynced: Vec::new(),
            }),
            Crash::SomeWrites | Crash::TornWrites => {
                let lost = self.unsynced.iter().chain(begun).filter(|call| !matches!(call, Call::Sync));
                let mut bytes = self.durable.to_vec();
                let mut is_any_lost = false;
                for call in lost {
                    is_any_lost = true;
                    match dice.below(4) {
                        0 | 1 => {}
                        2 if crash == Crash::TornWrites => call.apply_torn(&mut bytes, dice),
                        _ => call.apply(&mut bytes),
                    }
                }
                is_any_lost.then(|| Self::of(bytes))
            }
        }
    }

    /// Each kind of crash while the call `begun` is being made, with what it leaves, the seeded kinds `seeds` times;
    /// what was left already is left out.
    pub(super) fn survivors(&self, begun: Option<&Call>, seed: &[u64], seeds: u64) -> Vec<(Crash, Self)> {
        let mut survivors: Vec<(Crash, Self)> = Vec::new();
        for (crash, number) in Crash::ALL.into_iter().zip(0..) {
            for time in 0..seeds {
                let left = self.after(begun, crash, &mut Dice::of(&[seed, &[number, time]].concat()));
                let is_new = |left: &Self| survivors.iter().all(|(_, known)| known.live != left.live);
                if let Some(left) = left.filter(is_new) {
                    survivors.push((crash, left));
                }
            }
        }
        survivors
    }
}

/// The calls that a disk has got, from what stood on it at first.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    first: Content,
    calls: Vec<Call>,
}

impl Tape {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// The first calls only.
    pub(super) fn cut(&self, len: usize) -> Self {
        Self { first: self.first.clone(), calls: self.calls[..len].to_vec() }
    }

    /// Visits every moment, in order: each call's index, what stands on the disk before it, and the call; the last
    /// moment is the end and has no call.
    pub(super) fn at_each_moment(&self, mut visit: impl FnMut(usize, &Content, Option<&Call>)) {
        let mut content = self.first.clone();
        for (index, call) in self.calls.iter().enumerate() {
            visit(index, &content, Some(call));
            content.apply(call.clone());
        }
        visit(self.len(), &content, None);
    }

    /// What stands on the disk after the last call.
    pub(super) fn end(&self) -> Content {
        let mut content = self.first.clone();
        self.calls.iter().for_each(|call| content.apply(call.clone()));
        content
    }
}

/// Bytes in memory that outlive the database on them.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What reading gives.
    live: Arc<Vec<u8>>,
    tape: Tape,
    /// How many more calls succeed.
    allowed: u64,
    /// The blocks that hold something, as a file system counts a file with holes.
    blocks: BTreeSet<usize>,
    blocks_max: usize,
    len_max: usize,
}

impl Default for Disk {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Disk {
    /// A disk with these bytes on it, all durable.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self::with(Content::of(bytes))
    }

    pub(super) fn with(content: Content) -> Self {
        let live = Arc::clone(&content.live);
        let written =
            live.chunks(BLOCK_BYTES).enumerate().filter(|(_, block)| block.iter().any(|byte| *byte != 0));
        let blocks = written.map(|(index, _)| index).collect();
        let tape = Tape { first: content, calls: Vec::new() };
        let (allowed, blocks_max, len_max) = (u64::MAX, usize::MAX, usize::MAX);
        Self(Arc::new(Mutex::new(State { live, tape, allowed, blocks, blocks_max, len_max })))
    }

    pub(super) fn live(&self) -> Vec<u8> {
        self.0.lock().unwrap().live.to_vec()
    }

    /// How many calls there have been.
    pub(super) fn calls(&self) -> usize {
        self.0.lock().unwrap().tape.len()
    }

    pub(super) fn tape(&self) -> Tape {
        self.0.lock().unwrap().tape.clone()
    }

    /// Lets this many more calls succeed.
    pub(super) fn allow(&self, calls: u64) {
        self.0.lock().unwrap().allowed = calls;
    }

    /// How many blocks hold something.
    pub(super) fn blocks(&self) -> usize {
        self.0.lock().unwrap().blocks.len()
    }

    /// Holds no more than these blocks: a write to a further one finds the disk full, as in a file with holes.
    pub(super) fn limit_blocks(&self, blocks: usize) {
        self.0.lock().unwrap().blocks_max = blocks;
    }

    /// Grows the file to no more than this length, as where a file has a quota or can't have holes.
    pub(super) fn limit_len(&self, len: usize) {
        self.0.lock().unwrap().len_max = len;
    }

    fn change(&self, call: Call) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.allowed = state.allowed.checked_sub(1).ok_or_else(|| io::Error::other("the disk is gone"))?;
        let (call, done) = state.make_room(call);
        call.apply(Arc::make_mut(&mut state.live));
        state.tape.calls.push(call);
        done
    }
}

impl State {
    /// Takes the room that the call needs; gives what there is room for.
    fn make_room(&mut self, call: Call) -> (Call, io::Result<()>) {
        match call {
            Call::Write(offset, mut data) => {
                for block in offset / BLOCK_BYTES..(offset + data.len()).div_ceil(BLOCK_BYTES) {
                    if self.blocks.len() >= self.blocks_max && !self.blocks.contains(&block) {
                        data.truncate((block * BLOCK_BYTES).saturating_sub(offset));
                        return (Call::Write(offset, data), Err(io::ErrorKind::StorageFull.into()));
                    }
                    self.blocks.insert(block);
                }
                (Call::Write(offset, data), Ok(()))
            }
            Call::Resize(len) if len > self.live.len().max(self.len_max) => {
                (Call::Resize(self.live.len()), Err(io::ErrorKind::StorageFull.into()))
            }
            Call::Resize(len) => {
                drop(self.blocks.split_off(&len.div_ceil(BLOCK_BYTES)));
                (call, Ok(()))
            }
            Call::Sync => (call, Ok(())),
        }
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
        self.change(Call::Resize(usize::try_from(len).unwrap()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(Call::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Call::Write(usize::try_from(offset).unwrap(), data.to_vec()))
    }
}
