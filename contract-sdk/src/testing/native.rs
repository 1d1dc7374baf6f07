//! A contract's code on a thread of its own, and the host at the other end of a channel.
//!
//! The thread runs one call of the contract. At each host function it hands over what the function reads, and waits;
//! the executor puts that into the frame's memory, has the host's own body work on it there, and hands back what it
//! wrote. When a host function ends the frame, the thread finds nobody at the other end, and unwinds.
//!
//! Invariants:
//! - one of the two runs at a time, so that a test is as deterministic as the host;
//! - a panic of the contract ends its frame as the SDK's panic handler does in wasm; its text goes where a test's own
//!   panics go, with the line.
//!
//! The `unsafe` here is the other side of that in `sys.rs`: how many bytes a pointer names follows from the ABI table.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use vm_core::ErrorCode;
use vm_core::abi::HostFunction;
use vm_host::{NATIVE_MEMORY_BYTES, NativeContract, NativeFrame, NativeStep};

use crate::entry::fail;

/// An argument of a host function as the contract has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    In(*const u8),
    Out(*mut u8),
    Number(u64),
}

impl From<*const u8> for Word {
    fn from(pointer: *const u8) -> Self {
        Self::In(pointer)
    }
}

impl From<*mut u8> for Word {
    fn from(pointer: *mut u8) -> Self {
        Self::Out(pointer)
    }
}

impl From<u32> for Word {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Word {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// What a host function's result is on the contract's side.
pub(crate) trait FromResult {
    fn from_result(result: i64) -> Self;
}

impl FromResult for () {
    fn from_result(_: i64) {}
}

impl FromResult for i64 {
    fn from_result(result: i64) -> Self {
        result
    }
}

impl FromResult for u64 {
    fn from_result(result: i64) -> Self {
        result.cast_unsigned()
    }
}

impl FromResult for i32 {
    fn from_result(result: i64) -> Self {
        // The host sign-extends its 32 bits.
        Self::try_from(result).unwrap_or(Self::MIN)
    }
}

impl FromResult for u32 {
    fn from_result(result: i64) -> Self {
        i32::from_result(result).cast_unsigned()
    }
}

/// What goes to the executor.
enum Asked {
    /// Call this with these arguments, after these bytes were put at these places.
    Call {
        function: HostFunction,
        arguments: Vec<u64>,
        bytes: Vec<(usize, Vec<u8>)>,
        outs: Vec<(usize, usize)>,
    },
    /// The contract's function has returned.
    Returned,
}

/// What comes back: the result, and the bytes at the places asked for.
struct Answered {
    result: i64,
    outs: Vec<Vec<u8>>,
}

struct Port {
    ask: Sender<Asked>,
    answer: Receiver<Answered>,
}

std::thread_local! {
    /// The host of the contract that runs on this thread.
    static PORT: RefCell<Option<Port>> = const { RefCell::new(None) };
}

/// Unwinds a contract whose frame is over.
struct FrameOver;

/// Where bytes may stand in the frame's memory, behind the arguments.
const BYTES_AT: usize = 1_024;

/// The parameter that the host both reads and writes.
const CURSOR: &str = "cursor";

fn param_name(function: HostFunction, index: usize) -> &'static str {
    function.info().params.get(index).map_or("", |param| param.0)
}

/// How many bytes the pointer at `index` of a function's parameters names: what the parameter after it says, or the 32
/// of an address, id or hash.
fn named_len(function: HostFunction, index: usize, words: &[Word]) -> usize {
    const ID: usize = 32;
    const CURSOR_BYTES: usize = 16;
    const HANDLE: usize = 4;
    let params = function.info().params;
    let name = param_name(function, index);
    let after = index.checked_add(1);
    let next = after.and_then(|next| Some((params.get(next)?.0, *words.get(next)?)));
    match next {
        Some((next, Word::Number(len))) if next == "cap" || next.strip_suffix("_len") == Some(name) => {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            if function == HostFunction::objects_of { len.saturating_mul(HANDLE) } else { len }
        }
        _ if name == CURSOR => CURSOR_BYTES,
        _ => ID,
    }
}

/// Calls a host function from the contract's thread.
///
/// # Safety
///
/// Of the pointers among `words`, those to read from name as many readable bytes as the ABI says, those to write to as
/// many writable, unshared ones; a cursor is both.
#[expect(clippy::panic, reason = "there is no host to ask, and no value that would be an answer")]
pub(crate) unsafe fn invoke<R: FromResult>(function: HostFunction, words: &[Word]) -> R {
    let (mut arguments, mut bytes, mut outs, mut targets) = (vec![], vec![], vec![], vec![]);
    let mut at = BYTES_AT;
    for (index, word) in words.iter().enumerate() {
        let (pointer, target) = match *word {
            Word::Number(number) => {
                arguments.push(number);
                continue;
            }
            Word::In(pointer) => (pointer, None),
            Word::Out(pointer) => (pointer.cast_const(), Some(pointer)),
        };
        let len = named_len(function, index, words);
        // A pointer to no bytes may dangle, and what is only written may not have been written before. A cursor is
        // both read and written.
        let is_read = target.is_none() || param_name(function, index) == CURSOR;
        let read = match len {
            _ if !is_read => vec![0; len],
            0 => vec![],
            // SAFETY: the caller vouches for `len` readable bytes.
            _ => unsafe { core::slice::from_raw_parts(pointer, len) }.to_vec(),
        };
        arguments.push(u64::try_from(at).unwrap_or(u64::MAX));
        bytes.push((at, read));
        if let Some(target) = target {
            outs.push((at, len));
            targets.push(target);
        }
        at = at.saturating_add(len);
    }
    let answered = PORT.with_borrow(|port| {
        let Some(port) = port else {
            panic!(
                "host function `{}`: contract code runs on a chain: call it with `contract_sdk::testing::Chain`",
                function.info().name
            );
        };
        port.ask.send(Asked::Call { function, arguments, bytes, outs }).ok().and_then(|()| port.answer.recv().ok())
    });
    let Some(Answered { result, outs }) = answered else { resume_unwind(Box::new(FrameOver)) };
    for (target, written) in targets.into_iter().zip(outs) {
        // SAFETY: the caller vouches for as many writable bytes, and nobody else has them.
        unsafe { target.copy_from_nonoverlapping(written.as_ptr(), written.len()) }
    }
    R::from_result(result)
}

/// A contract's exports by name.
pub type Entries = &'static [(&'static str, fn())];

/// A contract as native code.
pub(crate) struct Native {
    pub(crate) name: String,
    pub(crate) entries: Entries,
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Native").field(&self.name).finish()
    }
}

impl NativeContract for Native {
    #[expect(clippy::panic, reason = "interface and entries come from one expansion")]
    fn start(&self, function: &str) -> Box<dyn NativeFrame> {
        let Some((_, entry)) = self.entries.iter().find(|(name, _)| *name == function) else {
            panic!("{}: the interface has `{function}`, the code has not", self.name);
        };
        Box::new(Running::start(&self.name, function, *entry))
    }
}

struct Running {
    thread: Option<JoinHandle<()>>,
    asked: Receiver<Asked>,
    /// Gone when the frame is over.
    answer: Option<Sender<Answered>>,
    /// What the host was asked to write, and where.
    outs: Option<Vec<(usize, usize)>>,
}

impl Running {
    #[expect(clippy::expect_used, reason = "a test without a thread can't go on")]
    fn start(contract: &str, function: &str, entry: fn()) -> Self {
        let ((ask, asked), (answer, answered)) = (channel(), channel());
        let run = move || {
            let port = Port { ask: ask.clone(), answer: answered };
            PORT.set(Some(port));
            let run = catch_unwind(AssertUnwindSafe(|| {
                if let Err(panic) = catch_unwind(entry)
                    && !panic.is::<FrameOver>()
                {
                    fail(ErrorCode::Panic);
                }
            }));
            if run.is_ok() {
                // Nobody listens to a contract whose frame is over.
                drop(ask.send(Asked::Returned));
            }
        };
        let name = alloc::format!("{contract}.{function}");
        let thread = thread::Builder::new().name(name).spawn(run).expect("a thread for the contract");
        Self { thread: Some(thread), asked, answer: Some(answer), outs: None }
    }
}

impl NativeFrame for Running {
    #[expect(clippy::panic, reason = "the test can't go on, and says why")]
    fn next(&mut self, memory: &mut [u8], result: i64) -> NativeStep {
        if let Some(outs) = self.outs.take() {
            let read = |(at, len): (usize, usize)| {
                let end = at.saturating_add(len);
                memory.get(at..end).unwrap_or_default().to_vec()
            };
            let answered = Answered { result, outs: outs.into_iter().map(read).collect() };
            // The contract waits for it.
            drop(self.answer.as_ref().map(|answer| answer.send(answered)));
        }
        let Ok(Asked::Call { function, arguments, bytes, outs }) = self.asked.recv() else {
            return NativeStep::Return;
        };
        let numbers = arguments.iter().flat_map(|number| number.to_le_bytes());
        for (to, byte) in memory.iter_mut().zip(numbers) {
            *to = byte;
        }
        for (at, bytes) in bytes {
            let Some(to) = memory.get_mut(at..at.saturating_add(bytes.len())) else {
                panic!(
                    "`{}` takes more than the {NATIVE_MEMORY_BYTES} bytes that a native contract has for it",
                    function.info().name
                );
            };
            to.copy_from_slice(&bytes);
        }
        self.outs = Some(outs);
        NativeStep::Call(function)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.answer.take());
        if let Some(thread) = self.thread.take() {
            // It ends by itself: what it does next is to ask or to return.
            drop(thread.join());
        }
    }
}

/// Native code that can be registered with an engine.
pub(crate) fn contract(name: &str, entries: Entries) -> Arc<dyn NativeContract> {
    Arc::new(Native { name: name.to_string(), entries })
}
