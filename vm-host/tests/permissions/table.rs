//! The table, and every combination that it has a row for.

use vm_core::{ErrorCode, Policy};

/// The contract that runs: the object's own, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Running {
    Own,
    Other,
}

/// Who calls the frame that tries the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Alice, who sends the transaction.
    Account,
    /// Another contract, which alice calls.
    Contract,
    /// The object's contract.
    Itself,
}

/// Who owns the object when the operation is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Sender,
    /// The object's contract.
    Contract,
    /// Alice, who is not the sender but began the transaction.
    Origin,
    /// The running contract, which is not the object's.
    Running,
    Stranger,
}

/// Whether that owner got it in this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Before,
    /// In this frame.
    Here,
    /// In a frame that ended.
    Earlier,
    /// It had been given away in a frame that failed.
    Undone,
}

/// How the frame got its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handle {
    Id,
    /// By the owner index, as `object_get_by_owner` gives it.
    Owner,
    /// The same, as `objects_of` gives it.
    List,
    /// From `object_create`: the frame made the object itself.
    Created,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Get,
    ReadOwner,
    ReadContract,
    ReadId,
    Set,
    Remove,
    Give,
    /// To its present owner, which changes nothing but wants the same permission.
    GiveToOwner,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// The contract gets the code.
    Error(ErrorCode),
    /// The frame ends with it.
    Halt(ErrorCode),
}

pub(crate) use ErrorCode::{BadHandle, ObjectNotFound, Permission, ViewViolation};
pub(crate) use Verdict::{Done, Error, Halt};

/// A row: which combinations it is about (`None`: any), and what they come to.
pub(crate) struct Row {
    pub(crate) running: Running,
    pub(crate) policy: Option<Policy>,
    pub(crate) owner: Option<Owner>,
    pub(crate) view: bool,
    pub(crate) read: Verdict,
    pub(crate) field: Verdict,
    pub(crate) give: Verdict,
    pub(crate) delete: Verdict,
}

pub(crate) const ANY: Row = Row {
    running: Running::Own,
    policy: None,
    owner: None,
    view: false,
    read: Done,
    field: Done,
    give: Done,
    delete: Done,
};

/// R33: only the object's own contract touches it; with policy `Owner` only for its owner, or if the contract owns it.
/// R21: fields answer with the error, `set_owner` and `delete` halt. R44: a view changes nothing, whoever asks. R16: to
/// other contracts an object is not there, so that they have no handle of it.
pub(crate) const TABLE: [Row; 8] = [
    Row { policy: Some(Policy::Contract), ..ANY },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Sender), ..ANY },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Contract), ..ANY },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Origin), ..FORBIDDEN },
    Row { policy: Some(Policy::Owner), owner: Some(Owner::Stranger), ..FORBIDDEN },
    Row {
        view: true,
        field: Halt(ViewViolation),
        give: Halt(ViewViolation),
        delete: Halt(ViewViolation),
        ..ANY
    },
    Row {
        running: Running::Other,
        read: Halt(BadHandle),
        field: Halt(BadHandle),
        give: Halt(BadHandle),
        delete: Halt(ObjectNotFound),
        ..ANY
    },
    Row {
        running: Running::Other,
        view: true,
        read: Halt(BadHandle),
        field: Halt(ViewViolation),
        give: Halt(ViewViolation),
        delete: Halt(ViewViolation),
        ..ANY
    },
];

pub(crate) const FORBIDDEN: Row =
    Row { field: Error(Permission), give: Halt(Permission), delete: Halt(Permission), ..ANY };

#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) running: Running,
    pub(crate) policy: Policy,
    pub(crate) sender: Sender,
    pub(crate) owner: Owner,
    pub(crate) given: Given,
    pub(crate) handle: Handle,
    /// The frame had the handle before it gave the object to its owner, by another. A handle from `object_create` is always
    /// older than the gift; if this does not hold, the gift was made by that handle.
    pub(crate) stale: bool,
    pub(crate) view: bool,
    pub(crate) op: Op,
}

impl Case {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![];
        let ops = [
            Op::Get,
            Op::ReadOwner,
            Op::ReadContract,
            Op::ReadId,
            Op::Set,
            Op::Remove,
            Op::Give,
            Op::GiveToOwner,
            Op::Delete,
        ];
        for running in [Running::Own, Running::Other] {
            for policy in [Policy::Contract, Policy::Owner] {
                for sender in [Sender::Account, Sender::Contract, Sender::Itself] {
                    for owner in
                        [Owner::Sender, Owner::Contract, Owner::Origin, Owner::Running, Owner::Stranger]
                    {
                        for given in [Given::Before, Given::Here, Given::Earlier, Given::Undone] {
                            for handle in [Handle::Id, Handle::Owner, Handle::List, Handle::Created] {
                                for (stale, view) in [(false, false), (false, true), (true, false)] {
                                    let case = |op| Self {
                                        running,
                                        policy,
                                        sender,
                                        owner,
                                        given,
                                        handle,
                                        stale,
                                        view,
                                        op,
                                    };
                                    all.extend(ops.map(case).into_iter().filter(Self::exists));
                                }
                            }
                        }
                    }
                }
            }
        }
        all
    }

    /// Whether the parts can come together, and are not another case by other names.
    pub(crate) fn exists(&self) -> bool {
        let changed = matches!(self.given, Given::Here | Given::Earlier);
        let owner = match (self.owner, self.sender) {
            (Owner::Origin, Sender::Account) | (Owner::Sender, Sender::Itself) => false,
            // Only the sender could give the contract what is not the contract's.
            (Owner::Contract, Sender::Itself) => !changed,
            _ => true,
        };
        let frames = match self.given {
            Given::Before => true,
            Given::Here => !self.view,
            Given::Earlier | Given::Undone => self.sender != Sender::Account,
        };
        let running = match self.running {
            Running::Own => self.owner != Owner::Running,
            // It gets no handle, and nothing has been changed.
            Running::Other => {
                self.sender == Sender::Account && self.given == Given::Before && self.handle == Handle::Id
            }
        };
        let made = self.handle != Handle::Created || self.given == Given::Here;
        owner && frames && running && made && (!self.stale || self.given == Given::Here)
    }

    pub(crate) fn row(&self) -> usize {
        let fits = |row: &Row| {
            row.running == self.running
                && row.view == self.view
                && row.policy.is_none_or(|policy| policy == self.policy)
                && row.owner.is_none_or(|owner| owner == self.owner)
        };
        // The view's rows stand for every policy and owner, so no other row does.
        let rows: Vec<usize> = (0..TABLE.len()).filter(|row| fits(&TABLE[*row])).collect();
        assert_eq!(rows.len(), 1, "{self:?} stands in {} rows", rows.len());
        rows[0]
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let row = &TABLE[self.row()];
        match self.op {
            Op::Get | Op::ReadOwner | Op::ReadContract | Op::ReadId => row.read,
            Op::Set | Op::Remove => row.field,
            Op::Give | Op::GiveToOwner => row.give,
            Op::Delete => row.delete,
        }
    }
}
