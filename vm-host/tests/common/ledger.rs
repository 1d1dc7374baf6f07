//! What the marks of a profiled engine tell, added up: the fuel of every frame by who took it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use vm_core::abi::HostFunction;
use vm_core::interface::Interface;
use vm_core::{Event, Hash};
use vm_host::{BlockOutcome, FrameEnter, FrameExit, Observer, Operation, Profiler};

/// The ledgers of a block's transactions.
#[derive(Debug, Default)]
pub struct Ledgers(Arc<Mutex<BTreeMap<u32, Ledger>>>);

/// What was told of one transaction.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub setup: u64,
    /// By the function's index; functions of all modules together.
    pub functions: BTreeMap<u32, u64>,
    pub host: u64,
    pub forfeited: u64,
    /// Functions entered, and how deep they nested in one frame.
    pub entered: u64,
    pub nested_max: usize,
    frames: Vec<Open>,
}

#[derive(Clone, Debug, Default)]
struct Open {
    granted: u64,
    left: u64,
    running: bool,
    functions: Vec<u32>,
    /// What the host function that calls had before and after.
    calling: Option<(u64, u64)>,
}

impl Ledger {
    fn spend(&mut self, left: u64) {
        let frame = self.frames.last_mut().unwrap();
        let spent = frame.left.checked_sub(left).expect("fuel only goes down");
        frame.left = left;
        match frame.functions.last() {
            Some(function) => *self.functions.entry(*function).or_default() += spent,
            None if frame.running => assert_eq!(spent, 0, "code runs in functions"),
            None => self.setup += spent,
        }
    }
}

impl Ledgers {
    pub fn of(&self, transaction: u32) -> Ledger {
        self.0.lock().unwrap().get(&transaction).cloned().unwrap_or_default()
    }

    /// Every unit of fuel was taken by somebody, and by the same as without marks.
    pub fn check(&self, outcome: &BlockOutcome) {
        for (executed, index) in outcome.transactions.iter().zip(0u32..) {
            let (ledger, resources) = (self.of(index), &executed.resources);
            assert!(ledger.frames.is_empty());
            let told = [ledger.setup, ledger.functions.values().sum(), ledger.host, ledger.forfeited];
            let billed =
                [resources.setup_fuel, resources.fuel, resources.host.total(), resources.forfeited_fuel];
            assert_eq!(told, billed, "transaction {index}: setup, functions, host functions, forfeited");
        }
    }
}

/// The listener of one transaction.
#[derive(Debug)]
struct Ear(u32, Arc<Mutex<BTreeMap<u32, Ledger>>>);

impl Profiler for Ledgers {
    fn observer(&self, transaction: u32) -> Option<Box<dyn Observer>> {
        Some(Box::new(Ear(transaction, self.0.clone())))
    }
}

impl Ear {
    fn tell(&self, event: impl FnOnce(&mut Ledger)) {
        event(self.1.lock().unwrap().entry(self.0).or_default());
    }
}

impl Observer for Ear {
    fn frame_enter(&mut self, frame: &FrameEnter<'_>) {
        self.tell(|ledger| {
            if let Some((before, after)) = ledger.frames.last_mut().and_then(|frame| frame.calling.take()) {
                ledger.host += before - after - frame.fuel;
            }
            ledger.frames.push(Open { granted: frame.fuel, left: frame.fuel, ..Open::default() });
        });
    }

    fn frame_start(&mut self, _: &Hash, _: &Interface, fuel: u64) {
        self.tell(|ledger| {
            ledger.spend(fuel);
            ledger.frames.last_mut().unwrap().running = true;
        });
    }

    fn frame_stop(&mut self, fuel: u64) {
        self.tell(|ledger| ledger.spend(fuel));
    }

    fn frame_exit(&mut self, exit: &FrameExit<'_>) {
        self.tell(|ledger| {
            let frame = ledger.frames.pop().unwrap();
            ledger.forfeited += exit.fuel_used - (frame.granted - frame.left);
            if let Some(caller) = ledger.frames.last_mut() {
                caller.left += frame.granted - exit.fuel_used;
            }
        });
    }

    fn operation(&mut self, operation: Operation) {
        self.tell(|ledger| {
            ledger.spend(operation.fuel_before);
            let frame = ledger.frames.last_mut().unwrap();
            frame.left = operation.fuel_after;
            let calls = matches!(operation.function, HostFunction::call | HostFunction::deploy);
            if calls && operation.failed.is_none() {
                frame.calling = Some((operation.fuel_before, operation.fuel_after));
            } else {
                ledger.host += operation.fuel_before - operation.fuel_after;
            }
        });
    }

    fn event(&mut self, _: &Event) {}

    fn function_enter(&mut self, function: u32, fuel: u64) {
        self.tell(|ledger| {
            ledger.spend(fuel);
            ledger.entered += 1;
            let functions = &mut ledger.frames.last_mut().unwrap().functions;
            functions.push(function);
            ledger.nested_max = functions.len().max(ledger.nested_max);
        });
    }

    fn function_exit(&mut self, fuel: u64) {
        self.tell(|ledger| {
            ledger.spend(fuel);
            ledger.frames.last_mut().unwrap().functions.pop().expect("what ends has begun");
        });
    }
}
