//! What a run is seen to do: the observer that executors and host functions tell, and the call tree made of it (R47).
//!
//! Observers only listen. They get copies or borrows, return nothing, and are told after gas is charged: switching
//! them on or off changes no byte of a receipt. Texts here are diagnostics, never hashed.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;
use vm_core::abi::HostFunction;
use vm_core::{Address, ErrorCode, Event, Gas, ObjectId, Status};
#[cfg(feature = "profile")]
use vm_core::{Hash, interface::Interface};
use vm_state::Value;

/// How much of a run is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceLevel {
    /// Nothing.
    #[default]
    Off,
    /// Frames, events, changes of state and refused permissions.
    Calls,
    /// Every host operation as well.
    Full,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A call of a function.
    Call,
    /// A deployment, with its initialiser.
    Deploy,
    /// A transfer between accounts; runs no code.
    Transfer,
    /// An upload of code; runs none.
    Upload,
}

/// A frame begins.
#[derive(Clone, Debug)]
pub struct FrameEnter<'a> {
    /// What it is.
    pub kind: FrameKind,
    /// 0 for the outermost.
    pub depth: u32,
    /// Who calls.
    pub caller: Address,
    /// The contract that runs; for a transfer, the receiver.
    pub contract: Address,
    /// The function called; empty where none is.
    pub function: &'a str,
    /// SCALE of the arguments.
    pub args: &'a [u8],
    /// Balance sent along.
    pub value: u64,
    /// Fuel that it may burn.
    pub fuel: u64,
}

/// A frame ends.
#[derive(Clone, Debug)]
pub struct FrameExit<'a> {
    /// How.
    pub status: Status,
    /// What it returned or reverted with.
    pub output: &'a [u8],
    /// Fuel billed, callees included.
    pub fuel_used: u64,
    /// Why, for people.
    pub detail: Option<&'a str>,
}

/// What a host operation changed, read or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new object.
    Created {
        /// The object.
        object: ObjectId,
        /// Its owner.
        owner: Address,
    },
    /// An object and its fields are gone.
    Deleted {
        /// The object.
        object: ObjectId,
    },
    /// An object has another owner.
    OwnerSet {
        /// The object.
        object: ObjectId,
        /// The owner before.
        from: Address,
        /// The owner now.
        to: Address,
    },
    /// A field was read.
    FieldRead {
        /// The object.
        object: ObjectId,
        /// The field's name.
        name: Value,
    },
    /// A field was written or removed.
    FieldSet {
        /// The object.
        object: ObjectId,
        /// The field's name.
        name: Value,
        /// Its value before.
        before: Option<Value>,
        /// Its value now.
        after: Option<Value>,
    },
    /// Balance left the contract.
    Transferred {
        /// Who received it.
        to: Address,
        /// How much.
        amount: u64,
    },
    /// The object's policy forbade the sender what it tried.
    Refused {
        /// The object.
        object: ObjectId,
    },
}

/// A host operation, told after it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which.
    pub function: HostFunction,
    /// The frame's fuel before it.
    pub fuel_before: u64,
    /// The frame's fuel after it, before what a call it began burns.
    pub fuel_after: u64,
    /// What it did.
    pub change: Option<Change>,
    /// Why it failed, if it did.
    pub failed: Option<ErrorCode>,
}

impl Operation {
    /// The gas it took, rounded up.
    #[must_use]
    pub fn gas_used(&self) -> u64 {
        Gas::from_fuel_ceil(self.fuel_before.saturating_sub(self.fuel_after)).0
    }
}

/// Listens to a transaction.
pub trait Observer: Debug + Send {
    /// A frame begins.
    fn frame_enter(&mut self, frame: &FrameEnter<'_>);
    /// The frame begun last and not yet ended ends.
    fn frame_exit(&mut self, exit: &FrameExit<'_>);
    /// Whether it is told of every host operation, or only of those that changed state or were refused permission.
    /// Asked once a transaction.
    fn wants_all_operations(&self) -> bool {
        true
    }
    /// A host operation ran in the frame begun last.
    fn operation(&mut self, operation: Operation);
    /// The frame begun last logs an event, kept only if all frames around it succeed.
    fn event(&mut self, event: &Event);
    /// The frame begun last has paid for its start: its module, with this code hash and interface, runs with `fuel`.
    #[cfg(feature = "profile")]
    fn frame_start(&mut self, _code: &Hash, _interface: &Interface, _fuel: u64) {}
    /// The frame begun last stops, whether it ran or not; `fuel` is what it has left, forfeit if it halts.
    #[cfg(feature = "profile")]
    fn frame_stop(&mut self, _fuel: u64) {}
    /// In the frame begun last, the module's function with this index begins, and the frame has `fuel`.
    #[cfg(feature = "profile")]
    fn function_enter(&mut self, _function: u32, _fuel: u64) {}
    /// The function begun last in this frame, and not yet ended, returns. One that does not return ends with its frame.
    #[cfg(feature = "profile")]
    fn function_exit(&mut self, _fuel: u64) {}
    /// The call tree, if the observer made one.
    fn into_trace(self: Box<Self>) -> Option<Trace> {
        None
    }
}

/// A transaction's call tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The outermost frame.
    pub root: FrameTrace,
    /// Whether it was cut at its byte cap.
    pub truncated: bool,
}

/// One frame of a call tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameTrace {
    /// What it is.
    pub kind: FrameKind,
    /// 0 for the outermost.
    pub depth: u32,
    /// Who called.
    pub caller: Address,
    /// The contract that ran; for a transfer, the receiver.
    pub contract: Address,
    /// The function called; empty where none is.
    pub function: String,
    /// SCALE of the arguments.
    pub args: Vec<u8>,
    /// Balance sent along.
    pub value: u64,
    /// Gas that it might use.
    pub gas_granted: u64,
    /// Gas billed, callees included.
    pub gas_used: u64,
    /// How it ended.
    pub status: Status,
    /// What it returned or reverted with.
    pub output: Vec<u8>,
    /// Why, for people.
    pub detail: Option<String>,
    /// What happened in it, in order.
    pub steps: Vec<Step>,
}

/// What happens in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A call. Boxed, so that the many small steps stay small.
    Frame(Box<FrameTrace>),
    /// A host operation.
    Operation(Operation),
    /// An event.
    Event(Event),
}

/// Bytes that a call tree may keep: a transaction's limits allow far more than anyone reads.
const TRACE_BYTES_MAX: usize = 4 << 20;

/// Builds a [`Trace`].
#[derive(Debug)]
pub(crate) struct Tracer {
    level: TraceLevel,
    open: Vec<FrameTrace>,
    root: Option<FrameTrace>,
    bytes: usize,
    truncated: bool,
}

impl Tracer {
    /// An observer that keeps what `level` says, or none.
    pub(crate) fn for_level(level: TraceLevel) -> Option<Box<dyn Observer>> {
        let tracer = Self { level, open: Vec::new(), root: None, bytes: 0, truncated: false };
        (level > TraceLevel::Off).then(|| -> Box<dyn Observer> { Box::new(tracer) })
    }

    /// Whether `bytes` more fit under the cap.
    fn fits(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(64);
        self.truncated |= self.bytes > TRACE_BYTES_MAX;
        self.bytes <= TRACE_BYTES_MAX
    }

    /// A copy of `bytes` as far as the cap allows.
    fn keep(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.fits(bytes.len()) { bytes.to_vec() } else { Vec::new() }
    }

    fn push(&mut self, step: Step) {
        if let Some(frame) = self.open.last_mut() {
            frame.steps.push(step);
        }
    }
}

impl Observer for Tracer {
    fn wants_all_operations(&self) -> bool {
        self.level == TraceLevel::Full
    }

    fn frame_enter(&mut self, frame: &FrameEnter<'_>) {
        let args = self.keep(frame.args);
        self.open.push(FrameTrace {
            kind: frame.kind,
            depth: frame.depth,
            caller: frame.caller,
            contract: frame.contract,
            function: frame.function.into(),
            args,
            value: frame.value,
            gas_granted: Gas::from_fuel_ceil(frame.fuel).0,
            gas_used: 0,
            status: Status::Success,
            output: Vec::new(),
            detail: None,
            // A token transfer's fit; two allocations would take as long as all else.
            steps: Vec::with_capacity(if self.level == TraceLevel::Full { 12 } else { 4 }),
        });
    }

    fn frame_exit(&mut self, exit: &FrameExit<'_>) {
        let output = self.keep(exit.output);
        let Some(mut frame) = self.open.pop() else { return };
        frame.status = exit.status;
        frame.output = output;
        frame.gas_used = Gas::from_fuel_ceil(exit.fuel_used).0;
        frame.detail = exit.detail.map(String::from);
        if self.open.is_empty() {
            self.root = Some(frame);
        } else if self.fits(0) {
            self.push(Step::Frame(Box::new(frame)));
        }
    }

    fn operation(&mut self, operation: Operation) {
        let changes =
            matches!(operation.change, Some(ref change) if !matches!(change, Change::FieldRead { .. }));
        if self.level < TraceLevel::Full && !changes {
            return;
        }
        let bytes = match &operation.change {
            Some(Change::FieldSet { name, before, after, .. }) => {
                [Some(name), before.as_ref(), after.as_ref()]
                    .into_iter()
                    .flatten()
                    .fold(0usize, |sum, part| sum.saturating_add(part.len()))
            }
            _ => 0,
        };
        if self.fits(bytes) {
            self.push(Step::Operation(operation));
        }
    }

    fn event(&mut self, event: &Event) {
        if self.fits(event.data.len()) {
            self.push(Step::Event(event.clone()));
        }
    }

    fn into_trace(self: Box<Self>) -> Option<Trace> {
        let truncated = self.truncated;
        self.root.map(|root| Trace { root, truncated })
    }
}
