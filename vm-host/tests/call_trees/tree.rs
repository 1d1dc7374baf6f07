//! Trees of calls, all of them up to a size, and the plans that make a contract act one out.

use vm_core::Address;
use vm_core::abi::HostFunction as F;

use super::common::bob;
use super::common::puppet::{Arg, Plan, RESULTS, SCRATCH};

/// Something that a frame does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Sets a field of the oldest object that the contract itself owns.
    Write,
    Event,
    Create,
    /// Pays bob 1.
    Transfer,
    /// Deletes the oldest object that the contract itself owns.
    Delete,
    /// Gives that object to bob.
    Give,
    Call(Call, Box<Tree>),
}

impl Act {
    pub(crate) const SIMPLE: [Self; 6] =
        [Self::Write, Self::Event, Self::Create, Self::Transfer, Self::Delete, Self::Give];
}

/// Whom a frame calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Itself,
    Other,
}

impl To {
    /// The number of the contract that the contract numbered `from` calls.
    pub(crate) fn from(self, from: usize) -> usize {
        match self {
            Self::Itself => from,
            Self::Other => 1 - from,
        }
    }
}

/// Which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Payable and reentrant.
    Run,
    /// Payable.
    Once,
    /// A reentrant view.
    Look,
}

impl Entry {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Once => "once",
            Self::Look => "look",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) to: To,
    pub(crate) entry: Entry,
    pub(crate) value: u64,
    /// Revert if the callee fails, instead of going on.
    pub(crate) propagates: bool,
}

impl Call {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![];
        for to in [To::Itself, To::Other] {
            for entry in [Entry::Run, Entry::Once, Entry::Look] {
                for value in [0, 1] {
                    for propagates in [false, true] {
                        all.push(Self { to, entry, value, propagates });
                    }
                }
            }
        }
        all
    }

    /// Whether it is of the few that larger trees are made of: value to others only, one call that is
    /// refused, and a view.
    pub(crate) fn is_plain(&self) -> bool {
        match (self.to, self.entry) {
            (To::Itself, Entry::Run) => self.value == 0,
            (To::Other, Entry::Run) => self.value == 1,
            (To::Itself, Entry::Once) | (To::Other, Entry::Look) => self.value == 0 && !self.propagates,
            (To::Other, Entry::Once) | (To::Itself, Entry::Look) => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Return,
    Revert,
    Trap,
    /// Burns all of its fuel.
    Spin,
}

impl End {
    pub(crate) const ALL: [Self; 4] = [Self::Return, Self::Revert, Self::Trap, Self::Spin];
}

#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) acts: Vec<Act>,
    pub(crate) end: End,
}

/// What callees get: a fixed amount at each depth, or all but a 64th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    Asked,
    Rest,
}

impl Grant {
    /// The gas that a frame at `depth` asks for its callees.
    fn below(self, depth: u32) -> u64 {
        match self {
            Self::Asked => 100_000 >> (2 * depth),
            Self::Rest => 0,
        }
    }
}

/// What trees are made of.
pub(crate) struct Alphabet {
    pub(crate) acts: Vec<Act>,
    pub(crate) calls: Vec<Call>,
    pub(crate) ends: Vec<End>,
}

impl Alphabet {
    /// All lists of acts that have `size` acts in them, those of the frames that they call included.
    pub(crate) fn lists(&self, size: usize) -> Vec<Vec<Act>> {
        let Some(less) = size.checked_sub(1) else { return vec![vec![]] };
        let mut lists = vec![];
        let rests = self.lists(less);
        for act in &self.acts {
            lists.extend(rests.iter().map(|rest| [std::slice::from_ref(act), rest].concat()));
        }
        for within in 0..=less {
            let (frames, rests) = (self.frames(within), self.lists(less - within));
            for call in &self.calls {
                for frame in &frames {
                    let act = Act::Call(*call, Box::new(frame.clone()));
                    lists.extend(rests.iter().map(|rest| [std::slice::from_ref(&act), rest].concat()));
                }
            }
        }
        lists
    }

    /// All frames with so many acts, with every end.
    pub(crate) fn frames(&self, size: usize) -> Vec<Tree> {
        let lists = self.lists(size);
        let ended = |end: &End| {
            let end = *end;
            lists.iter().map(move |acts| Tree { acts: acts.clone(), end })
        };
        self.ends.iter().flat_map(ended).collect()
    }
}

/// The argument that makes a contract act out `tree`. `contracts` begins with the one that runs it.
pub(crate) fn encode(tree: &Tree, contracts: [Address; 2], depth: u32, grant: Grant) -> Vec<u8> {
    let mut plan = Plan::default();
    plan.op(F::contract_address, &[SCRATCH.into()]);
    for (tag, act) in (1u8..).zip(&tree.acts) {
        match act {
            Act::Write => {
                on_oldest(&mut plan, |plan, object| {
                    let (name, value) =
                        (plan.bytes(b"f"), plan.bytes(&[16 * u8::try_from(depth).unwrap() + tag]));
                    plan.op(F::field_set, &[object, name, 1.into(), value, 1.into()]);
                });
            }
            Act::Event => {
                let (name, data) = (plan.bytes(b"E"), plan.bytes(&[tag]));
                plan.op(F::log, &[name, 1.into(), data, 1.into()]);
            }
            Act::Create => {
                plan.op(F::object_create, &[0.into()]);
            }
            Act::Transfer => {
                let to = plan.bytes(&bob().0);
                plan.op(F::transfer, &[to, 1.into()]);
            }
            Act::Delete => on_oldest(&mut plan, |plan, object| {
                plan.op(F::object_id, &[object, (SCRATCH + 32).into()]);
                plan.op(F::object_delete, &[(SCRATCH + 32).into()]);
            }),
            Act::Give => on_oldest(&mut plan, |plan, object| {
                let to = plan.bytes(&bob().0);
                plan.op(F::object_set_owner, &[object, to]);
            }),
            Act::Call(call, frame) => call_frame(&mut plan, call, frame, contracts, depth, grant),
        }
    }
    match tree.end {
        End::Return => plan.end_with_slots(F::ret),
        End::Revert => plan.end_with_slots(F::revert),
        End::Trap => plan.trap(),
        End::Spin => plan.spin(),
    }
    plan.encode()
}

/// Does `act` with the oldest object that the contract itself owns, if there is one.
fn on_oldest(plan: &mut Plan, act: impl FnOnce(&mut Plan, Arg)) {
    let object = plan.op(F::object_get_by_owner, &[SCRATCH.into()]);
    let skip = plan.skip_if_negative(object);
    act(plan, Arg::Out(object));
    plan.land(skip);
}

fn call_frame(plan: &mut Plan, call: &Call, frame: &Tree, contracts: [Address; 2], depth: u32, grant: Grant) {
    let to = call.to.from(0);
    let args = encode(frame, [contracts[to], contracts[1 - to]], depth + 1, grant);
    let name = call.entry.name();
    let (target, function, at) =
        (plan.bytes(&contracts[to].0), plan.bytes(name.as_bytes()), plan.bytes(&args));
    let (name_len, args_len) = (name.len().try_into().unwrap(), args.len().try_into().unwrap());
    let (name_len, args_len) = (Arg::Num(name_len), Arg::Num(args_len));
    let gas = grant.below(depth).into();
    let result = plan.op(F::call, &[target, function, name_len, at, args_len, call.value.into(), gas]);
    if call.propagates {
        let skip = plan.skip_unless_negative(result);
        // Reverts with what there is so far: no slots, so that the model has nothing to count.
        plan.op(F::revert, &[RESULTS.into(), 0.into()]);
        plan.land(skip);
    }
}
