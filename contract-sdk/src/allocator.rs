//! The contract's heap and its panic handler.
//!
//! A frame is short and its memory is dropped whole, so the heap only grows: what is freed is not used again, but
//! for the block on top, which shrinks and grows in place (a vector being pushed to). It starts at the linker's
//! `__heap_base` and asks for pages as it needs them; past the module's declared maximum the frame reverts with
//! [`ErrorCode::HeapExhausted`].

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::UnsafeCell;

use vm_core::ErrorCode;

use crate::entry::fail;

const PAGE_BYTES: usize = 65_536;

unsafe extern "C" {
    /// Its address is where data and stack end.
    static __heap_base: u8;
}

/// The address of the first free byte; 0 before the first allocation.
struct Bump(UnsafeCell<usize>);

// SAFETY: a contract has one thread (R61: no shared memory), and no allocation is interrupted by another.
unsafe impl Sync for Bump {}

#[global_allocator]
static HEAP: Bump = Bump(UnsafeCell::new(0));

impl Bump {
    fn top(&self) -> usize {
        // SAFETY: one thread, and no reference into the cell is ever kept.
        match unsafe { *self.0.get() } {
            0 => (&raw const __heap_base).addr(),
            top => top,
        }
    }

    /// Makes `top` the first free byte, with memory below it, or reverts.
    fn rise(&self, top: Option<usize>) {
        let Some(top) = top else { fail(ErrorCode::HeapExhausted) };
        let pages = top.div_ceil(PAGE_BYTES);
        let present = memory_size::<0>();
        if pages > present && memory_grow::<0>(pages.wrapping_sub(present)) == usize::MAX {
            fail(ErrorCode::HeapExhausted);
        }
        // SAFETY: as in `top`.
        unsafe { *self.0.get() = top }
    }
}

// SAFETY: `alloc` hands out each byte between `__heap_base` and the top at most once, aligned as asked, inside the
// memory (`rise`); `realloc` in place is for the topmost block alone, whose surroundings are free.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mask = layout.align().wrapping_sub(1);
        let start = self.top().wrapping_add(mask) & !mask;
        self.rise(start.checked_add(layout.size()));
        core::ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty, handed on.
        let block = unsafe { self.alloc(layout) };
        // Not skipped for fresh pages: a topmost block that shrank leaves its bytes behind.
        // SAFETY: `alloc` returned that many bytes.
        unsafe { block.write_bytes(0, layout.size()) }
        block
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if block.addr().wrapping_add(layout.size()) == self.top() {
            self.rise(block.addr().checked_add(size));
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller vouches that size and alignment make a layout.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        // SAFETY: both blocks have at least the old size, and a fresh one overlaps no other.
        unsafe { moved.copy_from_nonoverlapping(block, layout.size()) }
        moved
    }
}

/// A panic reverts, so that the caller is billed what was used and not the whole grant; its text stays behind.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    fail(ErrorCode::Panic)
}
