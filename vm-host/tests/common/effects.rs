//! What the frames of a traced transaction did, by the trace alone: events, value, objects.

use std::collections::BTreeMap;

use vm_core::{Address, Event};
use vm_host::{Change, FrameTrace, Step};

/// What the frames that stand did.
#[derive(Debug, Default)]
pub struct Effects {
    pub events: Vec<Event>,
    pub moved: BTreeMap<Address, i128>,
    pub created: u64,
    pub deleted: u64,
}

impl Effects {
    pub fn pay(&mut self, from: Address, to: Address, amount: u64) {
        *self.moved.entry(from).or_default() -= i128::from(amount);
        *self.moved.entry(to).or_default() += i128::from(amount);
    }

    pub fn add(&mut self, frame: &FrameTrace) {
        if !frame.status.is_success() {
            return;
        }
        self.pay(frame.caller, frame.contract, frame.value);
        for step in &frame.steps {
            match step {
                Step::Frame(callee) => self.add(callee),
                Step::Event(event) => self.events.push(event.clone()),
                Step::Operation(operation) => match &operation.change {
                    Some(Change::Created { .. }) => self.created += 1,
                    Some(Change::Deleted { .. }) => self.deleted += 1,
                    Some(Change::Transferred { to, amount }) => self.pay(frame.contract, *to, *amount),
                    _ => (),
                },
            }
        }
    }
}
