//! Crashes: what a disk may hold after one at any moment is the state before or after what was being done.
//!
//! The sweep takes a chain's steps once on a disk that remembers every call, then crashes just before each call, in
//! each way, and opens what is left: all that the store shows must be one of the two states, and the chain must go on
//! from it. What is left is then crashed again, at every call of that opening and going on: what a store has shown it
//! shows again, also where the process died before that was durable, and the power goes after the opening.
//!
//! Deliberately not here: the operating system's own part, which `tests/kill.rs` has.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "the tests' own numbers are small, and an overflow panics"
)]

use alloc::format;
use std::collections::BTreeMap;
use std::println;

use super::chain::{self, Shown, Step};
use super::disk::{Content, Crash, Disk, Tape};
use super::*;
use crate::MemoryStore;

/// Enough changed entries to write the trie down, in these tests.
const CATCH_UP_MAX: u64 = 100;

/// What the sweep does, after creating the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Take(Step),
    /// Closes the store and opens it again.
    Reopen,
}

const fn block(seed: u64, objects: usize) -> Action {
    Action::Take(Step::Block { seed, objects })
}

/// Blocks small and large, beyond what is retained; a rollback to one whose trie is older and one to one whose trie
/// is not; prunings; and the same again on a store that was opened.
const ACTIONS: [Action; 17] = [
    block(1, 3),
    block(2, 12),
    // Past `CATCH_UP_MAX`.
    block(3, 24),
    block(4, 0),
    block(5, 2),
    Action::Take(Step::Rollback { blocks: 1 }),
    block(6, 1),
    Action::Take(Step::Rollback { blocks: 3 }),
    block(7, 2),
    Action::Reopen,
    block(8, 1),
    Action::Take(Step::Prune { keep: 2 }),
    block(9, 2),
    block(10, 30),
    block(11, 1),
    Action::Take(Step::Prune { keep: 0 }),
    Action::Reopen,
];

/// The block that follows whatever was found.
const NEXT: Step = Step::Block { seed: 99, objects: 2 };

/// What must be found at some point of a chain.
#[derive(Debug)]
struct Expected {
    shown: Shown,
    /// What must be found after [`NEXT`] on it.
    next: Option<Arc<Self>>,
}

impl Expected {
    fn of(model: &MemoryStore) -> Arc<Self> {
        let sound = |model: &MemoryStore| {
            let shown = Shown::by(model);
            shown.assert_sound();
            shown
        };
        let mut then = model.clone();
        NEXT.take(&mut then).unwrap();
        let next = Some(Arc::new(Self { shown: sound(&then), next: None }));
        Arc::new(Self { shown: sound(model), next })
    }
}

/// A chain's course on a disk.
struct Course {
    tape: Tape,
    /// How many calls the disk had got, and what it must show, at first and after each action. Nothing is expected of
    /// what has no beginning yet.
    ends: Vec<(usize, Option<Arc<Expected>>)>,
}

fn catching_up_early(store: RedbStore) -> RedbStore {
    RedbStore { catch_up_max: CATCH_UP_MAX, ..store }
}

fn open(disk: &Disk, options: StoreOptions) -> Result<RedbStore, OpenError> {
    RedbStore::open_on(disk.clone(), &chain::params(), options).map(catching_up_early)
}

impl Course {
    /// The course of [`ACTIONS`], from an empty disk to a closed store.
    fn record(options: StoreOptions) -> Self {
        let disk = Disk::default();
        let created = RedbStore::create_on(disk.clone(), &chain::genesis(), options);
        let mut store = catching_up_early(created.unwrap());
        let mut model = MemoryStore::with(&chain::genesis(), options.retention);
        let mut ends = vec![(0, None), (disk.calls(), Some(Expected::of(&model)))];
        let mut written = 0;
        for action in ACTIONS {
            match action {
                Action::Take(step) => {
                    step.take(&mut store).unwrap();
                    step.take(&mut model).unwrap();
                    let is_block = matches!(step, Step::Block { .. });
                    written += u64::from(is_block && store.written == store.header.height);
                }
                Action::Reopen => {
                    drop(store);
                    store = open(&disk, options).unwrap();
                }
            }
            let expected = Expected::of(&model);
            assert_eq!(Shown::by(&store), expected.shown, "after {action:?}");
            ends.push((disk.calls(), Some(expected)));
        }
        assert_eq!(written, 2, "blocks that write the trie down are among them");
        drop(store);
        Self::ended(&disk, ends)
    }

    /// Closing the store changes nothing that it shows.
    fn ended(disk: &Disk, mut ends: Vec<(usize, Option<Arc<Expected>>)>) -> Self {
        let last = ends.last().unwrap().1.clone();
        ends.push((usize::MAX, last));
        Self { tape: disk.tape(), ends }
    }

    /// The course's first calls, which are whole actions.
    fn cut(&self, calls: usize) -> Self {
        Self { tape: self.tape.cut(calls), ends: self.ends.clone() }
    }

    /// The action that makes the call with this index, by its end.
    fn action(&self, call: usize) -> usize {
        self.ends.partition_point(|(end, _)| *end <= call)
    }

    /// What may be found while that action is under way.
    fn around(&self, action: usize) -> [&Option<Arc<Expected>>; 2] {
        [action - 1, action].map(|end| &self.ends[end].1)
    }
}

/// Where the course after a crash has the end of [`NEXT`]: after its beginning and the opening.
const NEXT_END: usize = 2;

/// What became of what a crash left.
struct Found {
    /// Which of the two states it shows; the later one where they are the same.
    which: usize,
    /// Whether they differ.
    is_choice: bool,
    /// How the chain went on from there, and how many of the calls were the opening's.
    then: Option<(Course, usize)>,
}

/// Opens what a crash left, which must show one of `around`, and goes on.
///
/// A creation that was cut short may be refused, with its reason: nothing was there before it.
fn judge(left: Content, around: [&Option<Arc<Expected>>; 2], options: StoreOptions) -> Found {
    let shown = |which: usize| around[which].as_ref().map(|expected| &expected.shown);
    let is_choice = shown(BEFORE) != shown(AFTER);
    let is_durable = left.is_durable();
    let disk = Disk::with(left);
    let mut store = match open(&disk, options) {
        Ok(store) => store,
        Err(error) => {
            use OpenError::{Damaged, Empty, NotAStore, Unfinished};
            let is_named =
                matches!(error, Damaged { .. } | Empty { .. } | NotAStore { .. } | Unfinished { .. });
            assert!(around[BEFORE].is_none() && is_named, "{error:?}");
            return Found { which: BEFORE, is_choice, then: None };
        }
    };
    let found = Shown::by(&store);
    let which = [AFTER, BEFORE].into_iter().find(|which| shown(*which) == Some(&found));
    let which = which.unwrap_or_else(|| panic!("{found:#?} is neither of {around:#?}"));
    let found = around[which].clone().unwrap();
    let Some(next) = found.next.clone() else { return Found { which, is_choice, then: None } };
    let opened = disk.calls();
    NEXT.take(&mut store).unwrap();
    assert_eq!(store.header, next.shown.header);
    // Until it is opened, what a process wrote that died may be lost.
    let first = if is_durable { Some(Arc::clone(&found)) } else { around[BEFORE].clone() };
    let ends = vec![(0, first), (opened, Some(found)), (disk.calls(), Some(next))];
    drop(store);
    Found { which, is_choice, then: Some((Course::ended(&disk, ends), opened)) }
}

const BEFORE: usize = 0;
const AFTER: usize = 1;

/// What sweeps have seen.
#[derive(Debug, Default)]
struct Tally {
    /// Moments at which they crashed: before each call, and at the end.
    moments: u64,
    /// What was left and opened, by the kind of the crash.
    survivors: BTreeMap<Crash, u64>,
    /// Of each action that changes what is shown, how often the state before and after was found.
    found: BTreeMap<usize, [u64; 2]>,
}

impl Tally {
    /// Crashes the course at each of its moments; the kinds of crash that have a choice `seeds` times. Gives `again`
    /// what was found.
    fn sweep(
        &mut self,
        course: &Course,
        options: StoreOptions,
        (seed, seeds): (u64, u64),
        again: &mut dyn FnMut(Crash, Found),
    ) {
        course.tape.at_each_moment(|call, content, begun| {
            self.moments += 1;
            let action = course.action(call);
            let around = course.around(action);
            for (crash, left) in content.survivors(begun, &[seed, u64::try_from(call).unwrap()], seeds) {
                let told = format!("{crash:?} before call {call} of {}, seed {seed}", course.tape.len());
                let _told = Told(told);
                let found = judge(left, around, options);
                *self.survivors.entry(crash).or_default() += 1;
                if found.is_choice {
                    self.found.entry(action).or_default()[found.which] += 1;
                }
                again(crash, found);
            }
        });
    }

    fn total(&self) -> u64 {
        self.survivors.values().sum()
    }
}

impl core::fmt::Display for Tally {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let sum = |which: usize| self.found.values().map(|found| found[which]).sum::<u64>();
        write!(f, "{} crash points, {} survivors {:?}; ", self.moments, self.total(), self.survivors)?;
        write!(f, "of {} actions under way, found {} undone and ", self.found.len(), sum(BEFORE))?;
        write!(f, "{} done", sum(AFTER))
    }
}

/// Says where the sweep was, should the test fail.
struct Told(alloc::string::String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("{}", self.0);
        }
    }
}

/// Sweeps the course of [`ACTIONS`]; of each `again_every`-th survivor the course that it takes, and of each that a dead
/// process left with its action done the opening.
fn sweep_twice(options: StoreOptions, seeds: u64, again_every: u64) {
    let course = Course::record(options);
    let (mut first, mut second, mut openings) = (Tally::default(), Tally::default(), Tally::default());
    let mut survivor = 0u64;
    first.sweep(&course, options, (0, seeds), &mut |crash, found| {
        survivor += 1;
        let Some((then, opened)) = found.then else { return };
        let _told = Told(format!("crashed again: survivor {survivor}"));
        if survivor.is_multiple_of(again_every) {
            second.sweep(&then, options, (survivor, 1), &mut |_, _| {});
        } else if crash == Crash::Death && found.is_choice && found.which == AFTER {
            openings.sweep(&then.cut(opened), options, (survivor, 1), &mut |_, _| {});
        }
    });
    println!("{:?} check, cache of {} bytes: {first}", options.check, options.cache_bytes);
    println!("crashed again: {second}");
    println!("crashed again while opening: {openings}");
    for tally in [&first, &second] {
        assert_eq!(tally.survivors.len(), Crash::ALL.len(), "every kind of crash was seen: {tally:?}");
    }
    let are_both = |found: &[u64; 2]| found.iter().all(|count| *count > 0);
    assert!(first.found.values().all(are_both), "both ends of each action were seen: {first:?}");
    assert_eq!(first.found.len(), 16, "actions that change something");
    assert!(second.found.get(&NEXT_END).is_some_and(are_both), "both ends were seen again: {second:?}");
    assert!(openings.found.values().any(are_both), "openings undid what was not durable: {openings:?}");
    assert_eq!(first.moments, u64::try_from(course.tape.len()).unwrap() + 1);
    assert!(first.moments > 400, "a chain is many writes and syncs");
}

/// Every page fits in the cache, and opening looks at all of them.
fn roomy() -> StoreOptions {
    StoreOptions { check: Check::Full, ..chain::options() }
}

/// Pages are written before the commit, and opening takes the file's word where a node does.
fn tight() -> StoreOptions {
    StoreOptions { check: Check::Quick, cache_bytes: 64 << 10, ..chain::options() }
}

#[test]
fn r82_a_crash_before_any_call_leaves_the_state_before_or_after_and_so_does_a_second_one() {
    sweep_twice(roomy(), 1, 251);
}

#[test]
fn r82_a_crash_before_any_call_of_a_store_that_outgrows_its_cache_leaves_the_same() {
    sweep_twice(tight(), 1, 251);
}

#[test]
#[ignore = "the two sweeps above with more seeds and more second crashes: some two minutes, in .ci/run"]
fn r82_a_thorough_sweep() {
    sweep_twice(roomy(), 4, 43);
    sweep_twice(tight(), 4, 43);
}
