//! What happens to the replicas: steps made of arbitrary bytes.
//!
//! Blocks are picked by their age, the newest first, so that what was just made is what most steps meet.

use arbitrary::{Arbitrary, Result, Unstructured};
use vm_core::{Address, Payload};

/// Who sends, receives and proposes: rich, rich, poor, and with nothing.
pub(super) const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// How old the blocks are that a step picks, at most.
const AGE_MAX: usize = 11;

/// A block by how many came after it.
pub(super) type Age = usize;

#[derive(Debug)]
pub(super) enum Step {
    Build {
        on: usize,
        parent: Parent,
        time: i64,
        proposer: Address,
        offered: Vec<Offered>,
    },
    /// Many blocks without transactions, one on the other or beside each other.
    Flood {
        on: usize,
        count: u8,
        deep: bool,
    },
    Execute {
        on: usize,
        block: Age,
    },
    /// What an engine without faults does next.
    Finalize {
        on: usize,
        block: Age,
    },
    /// What an engine should not do.
    Commit {
        on: usize,
        block: Age,
    },
    /// On the same chain, or on a new one that gets the final blocks again.
    Reopen {
        on: usize,
        replayed: bool,
    },
    Edit {
        block: Age,
        edit: Edit,
        then: Then,
    },
    /// Into bytes, spoil these, and read what there is.
    Bytes {
        block: Age,
        edits: Vec<ByteEdit>,
    },
}

/// What a proposal is built on.
#[derive(Debug)]
pub(super) enum Parent {
    Tip,
    Known(Age),
    Any(Age),
}

/// Who meets an edited block at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    Kept,
    Executed,
    Committed { on: usize },
}

/// What makes another block of a block; `of` is the block that something is taken from.
#[derive(Debug)]
pub(super) enum Edit {
    Field {
        field: u8,
        change: u64,
    },
    FieldOf {
        field: u8,
        of: Age,
    },
    Parent {
        of: Age,
    },
    Header {
        of: Age,
    },
    Swap {
        one: usize,
        other: usize,
    },
    Drop {
        at: usize,
    },
    Double {
        at: usize,
    },
    Take {
        of: Age,
        at: usize,
    },
    /// A bit of an authorization's mark.
    Mark {
        at: usize,
        bit: u8,
    },
    /// As good as the one before, of another length.
    Salt {
        at: usize,
        salt: u16,
    },
    Cut {
        at: usize,
    },
    /// Another gas price, and the right authorization for it.
    Price {
        at: usize,
    },
}

#[derive(Debug, Arbitrary)]
pub(super) enum ByteEdit {
    Xor { at: u16, with: u8 },
    Remove { at: u16 },
    Insert { at: u16, byte: u8 },
    Truncate { len: u16 },
}

/// A candidate before its nonce is known.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) sender: usize,
    /// How often, one nonce after the other.
    pub(super) times: usize,
    /// What is added to the nonce that is next, wrapping.
    pub(super) nonce_shift: u64,
    pub(super) gas_limit: u64,
    pub(super) gas_price: u64,
    pub(super) payload: Payload,
    pub(super) authorization: Authorization,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Authorization {
    Good { salt: u16 },
    Flipped { bit: u8 },
    Short,
}

pub(super) fn address(index: usize) -> Address {
    Address::named(NAMES[index % NAMES.len()])
}

fn anyone(u: &mut Unstructured<'_>) -> Result<Address> {
    Ok(address(u.int_in_range(0..=NAMES.len() - 1)?))
}

fn age(u: &mut Unstructured<'_>) -> Result<Age> {
    // Twice the newest, so that it is met at once.
    Ok(u.int_in_range(0..=AGE_MAX + 1)?.saturating_sub(1))
}

fn salt(u: &mut Unstructured<'_>) -> Result<u16> {
    // 992 makes an authorization of just 1,024 bytes.
    Ok(*u.choose(&[0, 0, 0, 0, 1, 8, 400, 992, 993])?)
}

impl Step {
    /// A step with one of `count` replicas.
    pub(super) fn generate(u: &mut Unstructured<'_>, count: usize) -> Result<Self> {
        let kind = u.int_in_range(0..=15u8)?;
        let on = u.int_in_range(0..=count - 1)?;
        Ok(match kind {
            0..=4 => Self::Build {
                on,
                parent: match u.int_in_range(0..=7u8)? {
                    0..=2 => Parent::Tip,
                    3..=6 => Parent::Known(age(u)?),
                    _ => Parent::Any(age(u)?),
                },
                time: *u.choose(&[0, 1, 1_000, -1, 5_000, i64::MAX])?,
                proposer: anyone(u)?,
                offered: (0..u.int_in_range(0..=4u8)?)
                    .map(|_| Offered::generate(u))
                    .collect::<Result<_>>()?,
            },
            5..=6 => Self::Execute { on, block: age(u)? },
            7..=8 => Self::Finalize { on, block: age(u)? },
            9 => Self::Commit { on, block: age(u)? },
            10 => Self::Reopen { on, replayed: u.arbitrary()? },
            11..=13 => {
                let (block, edit) = (age(u)?, Edit::generate(u)?);
                let then =
                    *u.choose(&[Then::Executed, Then::Executed, Then::Committed { on }, Then::Kept])?;
                Self::Edit { block, edit, then }
            }
            14 => Self::Bytes {
                block: age(u)?,
                edits: (0..u.int_in_range(1..=3u8)?).map(|_| u.arbitrary()).collect::<Result<_>>()?,
            },
            _ => Self::Flood { on, count: *u.choose(&[2, 12, 36, 40])?, deep: u.arbitrary()? },
        })
    }
}

impl Edit {
    /// Whether it needs a block that has transactions.
    pub(super) fn needs_transactions(&self) -> bool {
        match self {
            Self::Field { .. }
            | Self::FieldOf { .. }
            | Self::Parent { .. }
            | Self::Header { .. }
            | Self::Take { .. } => false,
            Self::Swap { .. }
            | Self::Drop { .. }
            | Self::Double { .. }
            | Self::Mark { .. }
            | Self::Salt { .. }
            | Self::Cut { .. }
            | Self::Price { .. } => true,
        }
    }

    fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let kind = u.int_in_range(0..=14u8)?;
        let at = u.int_in_range(0..=7usize)?;
        Ok(match kind {
            0..=2 => {
                Self::Field { field: u.int_in_range(0..=9)?, change: *u.choose(&[1, u64::MAX, 1 << 63])? }
            }
            3 => Self::FieldOf { field: u.int_in_range(0..=9)?, of: age(u)? },
            4 => Self::Parent { of: age(u)? },
            5 => Self::Header { of: age(u)? },
            6 => Self::Swap { one: at, other: u.int_in_range(0..=7)? },
            7 => Self::Drop { at },
            8 => Self::Double { at },
            9 => Self::Take { of: age(u)?, at },
            10..=11 => Self::Mark { at, bit: u.arbitrary()? },
            12 => Self::Salt { at, salt: salt(u)? },
            13 => Self::Cut { at },
            _ => Self::Price { at },
        })
    }
}

impl Offered {
    fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        Ok(Self {
            sender: u.int_in_range(0..=NAMES.len() - 1)?,
            times: *u.choose(&[1, 1, 1, 1, 2, 5, 14])?,
            nonce_shift: *u.choose(&[0, 0, 0, 0, 0, 0, 0, 1, 2, u64::MAX, u64::MAX])?,
            gas_limit: *u
                .choose(&[20_000, 20_000, 20_000, 20_000, 20_000, 2_000, 4_000, 1_000_000, 1_000_001])?,
            gas_price: *u.choose(&[0, 0, 1, 1, 1, 3, 1_000, u64::MAX])?,
            payload: payload(u)?,
            authorization: match u.int_in_range(0..=15u8)? {
                0 => Authorization::Flipped { bit: u.arbitrary()? },
                1 => Authorization::Short,
                _ => Authorization::Good { salt: salt(u)? },
            },
        })
    }
}

/// Cheap ones: nothing runs.
fn payload(u: &mut Unstructured<'_>) -> Result<Payload> {
    Ok(match u.int_in_range(0..=7u8)? {
        0 => Payload::Call {
            contract: anyone(u)?,
            function: "f".to_owned(),
            args: vec![0; *u.choose(&[0, 900, 1_024, 1_025])?],
            value: 1,
        },
        // No module; the last is longer than a transaction may be.
        1 => Payload::Upload { code: vec![0; *u.choose(&[8, 1_000, 3_000, 5_000])?] },
        _ => Payload::Transfer { to: anyone(u)?, amount: *u.choose(&[0, 1, 7, 4_000, u64::MAX])? },
    })
}
