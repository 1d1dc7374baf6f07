//! A frame: one execution of one function in an instance of its own (R2).
//!
//! The instance's store owns a [`FrameState`]; while the frame runs, that holds the session too. A frame that waits
//! for a call keeps its wasmi stack in a resumable handle and gives the session to its callee.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use smallvec::SmallVec;
use vm_core::{Address, ErrorCode, Hash, ObjectId, ObjectMeta};
use wasmi::errors::{MemoryError, TableError};
use wasmi::{Memory, ResourceLimiter, Store, TypedResumableCallHostTrap};
use wasmi_core::LimiterError;

use crate::module::{Prepared, Running};
use crate::resources::HostFuel;
use crate::session::{FrameCheckpoint, Session};

/// Bytes of a wasm page.
const PAGE_BYTES: usize = 65_536;

/// What a call is to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// A function of a contract.
    Call { contract: Address, function: String },
    /// A new contract from stored code, or from code that a transaction brings and that is stored first.
    Deploy { code_hash: Hash, salt: Hash, new_code: Option<Vec<u8>> },
}

/// A call that a transaction or a frame asks for.
#[derive(Clone, Debug)]
pub(crate) struct CallRequest {
    pub(crate) target: Target,
    pub(crate) args: Vec<u8>,
    pub(crate) value: u64,
    /// What the callee may burn, taken from the caller already.
    pub(crate) fuel: u64,
    /// Where the caller wants a new contract's address.
    pub(crate) address_out: Option<u32>,
}

/// How a frame ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FrameEnd {
    /// With these bytes.
    Returned(Vec<u8>),
    /// At its own wish, with these bytes.
    Reverted(Vec<u8>),
    /// Refused before it ran, or by what it called; what it burned is billed.
    Refused(ErrorCode),
    /// By force; all it had is billed.
    Halted(ErrorCode),
}

/// An object that a frame holds a handle of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandleEntry {
    pub(crate) id: ObjectId,
    /// The metadata as the owner index gave it; good while this transaction has not written the object's metadata
    /// (DESIGN 10, rule 9).
    pub(crate) indexed: Option<ObjectMeta>,
}

/// What host functions see of their frame.
pub(crate) struct FrameState {
    /// There while the frame runs.
    session: Option<Box<Session>>,
    pub(crate) memory: Option<Memory>,
    pub(crate) contract: Address,
    pub(crate) sender: Address,
    pub(crate) value: u64,
    /// No write may happen in this frame or below (R44).
    pub(crate) view: bool,
    pub(crate) depth: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    /// What the last call returned or reverted with.
    pub(crate) returned: Vec<u8>,
    pub(crate) handles: SmallVec<[HandleEntry; 4]>,
    /// The call that the frame waits for.
    pub(crate) pending: Option<CallRequest>,
    pub(crate) pages: PageLimiter,
    /// Fuel that host functions took from this frame, not counting what calls took.
    pub(crate) host_fuel: HostFuel,
    /// What this frame runs instead of its contract's code.
    #[cfg(feature = "testing")]
    pub(crate) native: Option<Box<dyn crate::native::NativeFrame>>,
    /// Fuel that it must give back at its next mark.
    #[cfg(feature = "profile")]
    pub(crate) loan: Option<Loan>,
}

/// Fuel lent to a wrapper for the function that it marks.
#[cfg(feature = "profile")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loan {
    /// What the frame had before.
    pub(crate) left: u64,
    /// What it got on top.
    pub(crate) lent: u64,
}

impl fmt::Debug for FrameState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameState")
            .field("contract", &self.contract)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

/// Who calls what, with what: the identity that the host derives from its own frames (R6).
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) contract: Address,
    pub(crate) sender: Address,
    pub(crate) value: u64,
    pub(crate) view: bool,
    pub(crate) depth: u32,
    pub(crate) input: Vec<u8>,
}

impl FrameState {
    pub(crate) fn new(session: Box<Session>, identity: Identity, pages: PageLimiter) -> Self {
        let Identity { contract, sender, value, view, depth, input } = identity;
        Self {
            session: Some(session),
            memory: None,
            contract,
            sender,
            value,
            view,
            depth,
            input,
            output: Vec::new(),
            returned: Vec::new(),
            handles: SmallVec::new(),
            pending: None,
            pages,
            host_fuel: HostFuel::default(),
            #[cfg(feature = "testing")]
            native: None,
            #[cfg(feature = "profile")]
            loan: None,
        }
    }

    /// The session.
    #[allow(
        clippy::expect_used,
        reason = "a running frame without its session is a bug of ours: stop the node"
    )]
    pub(crate) fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a running frame holds the session")
    }

    #[allow(
        clippy::expect_used,
        reason = "a running frame without its session is a bug of ours: stop the node"
    )]
    pub(crate) fn take_session(&mut self) -> Box<Session> {
        self.session.take().expect("a frame that stops running gives the session back")
    }

    /// Drops what belongs to one frame alone and may be large.
    pub(crate) fn forget(&mut self) {
        self.input = Vec::new();
        self.output = Vec::new();
        self.returned = Vec::new();
        self.handles = SmallVec::new();
        self.pending = None;
    }

    pub(crate) fn give_session(&mut self, session: Box<Session>) {
        self.session = Some(session);
    }
}

/// A frame on the executor's stack.
pub(crate) struct Frame {
    /// Boxed: it is large, and goes from frame to frame.
    pub(crate) store: Box<Store<FrameState>>,
    /// There while the frame waits for a call.
    pub(crate) waiting: Option<TypedResumableCallHostTrap<()>>,
    pub(crate) checkpoint: FrameCheckpoint,
    pub(crate) granted: u64,
    /// What its checks, its module and its start took of the grant.
    pub(crate) prepaid: u64,
    /// What its callees burned of the grant.
    pub(crate) callees: u64,
    /// What it takes to use its instance again; `None` where it is not.
    pub(crate) running: Option<Running>,
    /// What it runs; kept alive while it does.
    pub(crate) module: Arc<Prepared>,
}

/// Decides over memory growth: the module's maximum, the chain's limit, and the transaction's page budget.
#[derive(Debug)]
pub(crate) struct PageLimiter {
    /// Pages that this frame's memory may have at most.
    max: u32,
    /// Pages that it has.
    pub(crate) now: u32,
    pub(crate) peak: u32,
    /// The host had no memory left: a node failure.
    pub(crate) host_memory_exhausted: bool,
}

impl PageLimiter {
    pub(crate) fn new(max: u32) -> Self {
        Self { max, now: 0, peak: 0, host_memory_exhausted: false }
    }

    /// The memory is there already, with so many pages.
    pub(crate) fn started(&mut self, pages: u32) {
        self.now = pages;
        self.peak = self.peak.max(pages);
    }
}

impl ResourceLimiter for PageLimiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _declared: Option<usize>,
    ) -> Result<bool, LimiterError> {
        // The declared maximum is in `max` already; as a byte count it would truncate on 32-bit hosts.
        let desired = u32::try_from(desired.div_ceil(PAGE_BYTES)).unwrap_or(u32::MAX);
        if desired > self.max {
            return Ok(false);
        }
        self.now = desired;
        self.peak = self.peak.max(desired);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool, LimiterError> {
        // Only called for a table's initial size, which validation has limited: table.grow is refused there.
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: &MemoryError) -> Result<(), LimiterError> {
        if matches!(error, MemoryError::OutOfSystemMemory) {
            self.host_memory_exhausted = true;
            return Err(LimiterError::ResourceLimiterDeniedAllocation);
        }
        Ok(())
    }

    fn table_grow_failed(&mut self, _: &TableError) -> Result<(), LimiterError> {
        self.host_memory_exhausted = true;
        Err(LimiterError::ResourceLimiterDeniedAllocation)
    }

    fn instances(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grows(limiter: &mut PageLimiter, bytes: usize) -> bool {
        limiter.memory_growing(0, bytes, None).unwrap()
    }

    #[test]
    fn r42_memory_grows_to_its_last_page_and_not_past_it() {
        let mut limiter = PageLimiter::new(3);
        assert!(grows(&mut limiter, 3 * PAGE_BYTES));
        assert_eq!((limiter.now, limiter.peak), (3, 3));
        for bytes in [3 * PAGE_BYTES + 1, 4 * PAGE_BYTES, usize::MAX] {
            assert!(!grows(&mut limiter, bytes), "{bytes} bytes");
            assert_eq!((limiter.now, limiter.peak), (3, 3), "a refused growth leaves all as it was");
        }
        // A part of a page is a page, and the peak stays where it was.
        assert!(grows(&mut limiter, PAGE_BYTES + 1));
        assert_eq!((limiter.now, limiter.peak), (2, 3));
    }

    #[test]
    fn r122_host_memory_that_runs_out_is_remembered_and_a_refused_growth_is_not() {
        let mut limiter = PageLimiter::new(3);
        assert!(limiter.memory_grow_failed(&MemoryError::OutOfBoundsGrowth).is_ok());
        assert!(!limiter.host_memory_exhausted);
        assert!(limiter.memory_grow_failed(&MemoryError::OutOfSystemMemory).is_err());
        assert!(limiter.host_memory_exhausted);
        let mut limiter = PageLimiter::new(3);
        assert!(limiter.table_grow_failed(&TableError::OutOfSystemMemory).is_err());
        assert!(limiter.host_memory_exhausted);
    }
}
