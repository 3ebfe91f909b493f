//! The allocator of a guest that lives for one record: it hands out memory in order and takes none back.
//!
//! An instance is thrown away after its call, so freeing is wasted work. The memory between the end of the module's
//! data and the end of its last page is used first; std's allocator always asks for new pages, and growing a memory
//! costs the host more than reading a small record costs the filter. The last block can grow in place and be given
//! back, which is what a vector that is being filled needs.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr::{copy_nonoverlapping, null_mut};

const PAGE_BYTES: usize = 65_536;

/// See the module; installed by `export!(FILTER, arena)`.
#[derive(Debug)]
pub struct Arena {
    /// Where free memory begins; 0 before the first call.
    next: Cell<usize>,
    /// Where the memory ends.
    end: Cell<usize>,
}

unsafe extern "C" {
    /// Placed by the linker behind the module's data and stack.
    static __heap_base: u8;
}

// SAFETY: the contract has no threads, and the runtime refuses modules with shared memory.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena over all memory that nothing else uses.
    pub const fn new() -> Self {
        Self { next: Cell::new(0), end: Cell::new(0) }
    }

    /// Makes the memory reach `end`, with a quarter to spare: each growth has a price of its own.
    #[cold]
    fn grow(&self, end: usize) -> bool {
        if self.end.get() == 0 {
            self.end.set(memory_size(0) * PAGE_BYTES);
            if end <= self.end.get() {
                return true;
            }
        }
        let missing = (end - self.end.get()).div_ceil(PAGE_BYTES);
        let spare = self.end.get() / PAGE_BYTES / 4;
        for pages in [missing + spare, missing] {
            if memory_grow(0, pages) != usize::MAX {
                self.end.set(self.end.get() + pages * PAGE_BYTES);
                return true;
            }
        }
        false
    }

    /// Takes the memory from `start` up to `start + size`.
    fn take(&self, start: usize, size: usize) -> bool {
        let Some(end) = start.checked_add(size).filter(|end| *end <= usize::MAX - PAGE_BYTES) else { return false };
        if end > self.end.get() && !self.grow(end) {
            return false;
        }
        self.next.set(end);
        true
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks do not overlap, as `next` only passes over what it hands out, and is set back only by the block that
// ends at it.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            self.next.set((&raw const __heap_base) as usize);
        }
        let start = self.next.get().next_multiple_of(layout.align());
        if self.take(start, layout.size()) { start as *mut u8 } else { null_mut() }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block as usize + layout.size() == self.next.get() {
            self.next.set(block as usize);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if block as usize + layout.size() == self.next.get() {
            return if self.take(block as usize, size) { block } else { null_mut() };
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller vouches that `size` makes a valid layout with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: the old block has `layout.size()` bytes, the new one more, and they do not overlap.
            unsafe { copy_nonoverlapping(block, moved, layout.size()) };
        }
        moved
    }
}
