//! Listens to a profiled run and keeps it as a tree.
//!
//! The engine tells how much fuel a frame has at each turn. What a frame had less than at the turn before was taken by
//! what was innermost in between.

use std::sync::{Arc, Mutex, PoisonError};

use vm_core::abi::HostFunction;
use vm_core::interface::Interface;
use vm_core::{Address, Event, Hash};
use vm_host::{FrameEnter, FrameExit, FrameKind, Observer, Operation, Profiler};

use super::label::Labels;
use super::tree::{EVENTS_MAX, Moment, Place, Timeline, Tree};

/// What was heard of one transaction; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    transaction: u32,
    recorded: Arc<Mutex<Recorded>>,
}

/// A run so far.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) tree: Tree,
    pub(super) timeline: Option<Timeline>,
    pub(super) labels: Labels,
    /// What is open, outermost first; nothing for what the tree has no room for.
    open: Vec<Option<usize>>,
    frames: Vec<Frame>,
    spent: u64,
}

/// A frame that has not ended.
#[derive(Clone, Debug)]
struct Frame {
    contract: Address,
    code: Option<Hash>,
    granted: u64,
    left: u64,
    /// How much is open outside of it.
    outside: usize,
    /// What a host function took that now calls, and the callee's grant with it.
    calling: Option<u64>,
}

impl Recording {
    /// A recording of the transaction with this index, which takes `intrinsic` fuel before it runs.
    pub(super) fn of(transaction: u32, intrinsic: u64) -> Self {
        let mut recorded = Recorded {
            tree: Tree::new(),
            timeline: Some(Timeline::new()),
            labels: Labels::default(),
            open: Vec::new(),
            frames: Vec::new(),
            spent: 0,
        };
        recorded.leaf(Place::Intrinsic, intrinsic);
        Self { transaction, recorded: Arc::new(Mutex::new(recorded)) }
    }

    fn with<T>(&self, tell: impl FnOnce(&mut Recorded) -> T) -> T {
        tell(&mut self.recorded.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was heard.
    pub(super) fn finish(&self) -> Recorded {
        self.with(|run| run.clone())
    }
}

impl Recorded {
    fn innermost(&self) -> Option<usize> {
        self.open.iter().rev().find_map(|node| *node)
    }

    fn note(&mut self, node: Option<usize>, enters: bool) {
        let (Some(node), Some(timeline)) = (node, self.timeline.as_mut()) else { return };
        if timeline.len() < EVENTS_MAX {
            timeline.push(Moment { at: self.spent, node, enters });
        } else {
            self.timeline = None;
        }
    }

    fn enter(&mut self, place: Place) {
        // Nothing hangs on to what has no room: a tree never skips a level.
        let room = self.open.last().is_none_or(Option::is_some);
        let parent = self.open.last().copied().flatten();
        let node = if room { self.tree.enter(parent, self.open.len(), place) } else { None };
        self.note(node, true);
        self.open.push(node);
    }

    fn leave(&mut self) {
        let node = self.open.pop().flatten();
        self.note(node, false);
    }

    /// Takes fuel in what is innermost.
    fn take(&mut self, fuel: u64) {
        let node = self.innermost();
        self.tree.spend(node, fuel);
        self.spent = self.spent.saturating_add(fuel);
    }

    fn leaf(&mut self, place: Place, fuel: u64) {
        if fuel > 0 {
            self.enter(place);
            self.take(fuel);
            self.leave();
        }
    }

    /// The innermost frame now has `left`; gives what was taken since the turn before.
    fn turn(&mut self, left: u64) -> u64 {
        let Some(frame) = self.frames.last_mut() else { return 0 };
        let taken = frame.left.saturating_sub(left);
        frame.left = left;
        taken
    }

    fn take_to(&mut self, left: u64) {
        let taken = self.turn(left);
        self.take(taken);
    }

    fn frame_enter(&mut self, frame: &FrameEnter<'_>) {
        if let Some(taken) = self.frames.last_mut().and_then(|caller| caller.calling.take()) {
            self.take(taken.saturating_sub(frame.fuel));
        }
        let function = match frame.kind {
            FrameKind::Call => frame.function,
            FrameKind::Deploy => "(deploy)",
            FrameKind::Transfer => "(transfer)",
            FrameKind::Upload => "(upload)",
        };
        let outside = self.open.len();
        self.enter(Place::Frame { contract: frame.contract, function: function.to_owned() });
        self.frames.push(Frame {
            contract: frame.contract,
            code: None,
            granted: frame.fuel,
            left: frame.fuel,
            outside,
            calling: None,
        });
    }

    fn frame_start(&mut self, code: &Hash, interface: &Interface, fuel: u64) {
        let setup = self.turn(fuel);
        self.leaf(Place::Setup, setup);
        if let Some(frame) = self.frames.last_mut() {
            frame.code = Some(*code);
            self.labels.ran(frame.contract, *code, &interface.name);
        }
    }

    fn frame_stop(&mut self, fuel: u64) {
        let taken = self.turn(fuel);
        match self.frames.last().map(|frame| (frame.code, frame.outside)) {
            Some((Some(_), outside)) => {
                self.take(taken);
                // A trap, a halt or a revert ends what is open.
                while self.open.len() > outside.saturating_add(1) {
                    self.leave();
                }
            }
            Some((None, _)) => self.leaf(Place::Setup, taken),
            None => {}
        }
    }

    fn frame_exit(&mut self, exit: &FrameExit<'_>) {
        let Some(frame) = self.frames.last().cloned() else { return };
        let burned = frame.granted.saturating_sub(frame.left);
        self.leaf(Place::Forfeited, exit.fuel_used.saturating_sub(burned));
        self.leave();
        self.frames.pop();
        if let Some(caller) = self.frames.last_mut() {
            caller.left = caller.left.saturating_add(frame.granted.saturating_sub(exit.fuel_used));
            // The host function that called.
            self.leave();
        }
    }

    fn operation(&mut self, operation: &Operation) {
        self.take_to(operation.fuel_before);
        self.enter(Place::Host(operation.function.name()));
        let taken = self.turn(operation.fuel_after);
        let calls = matches!(operation.function, HostFunction::call | HostFunction::deploy);
        if calls && operation.failed.is_none() {
            if let Some(frame) = self.frames.last_mut() {
                frame.calling = Some(taken);
            }
        } else {
            self.take(taken);
            self.leave();
        }
    }

    fn function_enter(&mut self, index: u32, fuel: u64) {
        self.take_to(fuel);
        let code = self.frames.last().and_then(|frame| frame.code).unwrap_or(Hash::ZERO);
        self.enter(Place::Function { code, index });
    }

    fn function_exit(&mut self, fuel: u64) {
        self.take_to(fuel);
        self.leave();
    }
}

impl Profiler for Recording {
    fn observer(&self, transaction: u32) -> Option<Box<dyn Observer>> {
        (transaction == self.transaction).then(|| -> Box<dyn Observer> { Box::new(self.clone()) })
    }
}

impl Observer for Recording {
    fn frame_enter(&mut self, frame: &FrameEnter<'_>) {
        self.with(|run| run.frame_enter(frame));
    }

    fn frame_exit(&mut self, exit: &FrameExit<'_>) {
        self.with(|run| run.frame_exit(exit));
    }

    fn operation(&mut self, operation: Operation) {
        self.with(|run| run.operation(&operation));
    }

    fn event(&mut self, _: &Event) {}

    fn frame_start(&mut self, code: &Hash, interface: &Interface, fuel: u64) {
        self.with(|run| run.frame_start(code, interface, fuel));
    }

    fn frame_stop(&mut self, fuel: u64) {
        self.with(|run| run.frame_stop(fuel));
    }

    fn function_enter(&mut self, function: u32, fuel: u64) {
        self.with(|run| run.function_enter(function, fuel));
    }

    fn function_exit(&mut self, fuel: u64) {
        self.with(|run| run.function_exit(fuel));
    }
}
