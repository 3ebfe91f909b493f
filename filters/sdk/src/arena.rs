//! The allocator of a guest that lives for one record.
//!
//! At first it hands out memory in order and takes none back: an instance is thrown away after its call, so freeing is wasted
//! work where little is used. Behind [`ONCE`] bytes, where megabytes may follow, what comes back is kept by its size for the
//! next of that size; it is not joined with its neighbours, but a large block is split for smaller ones.
//!
//! The memory between the end of the module's data and the end of its last page is used before any is asked for; std's allocator
//! always asks for new pages, and growing a memory costs the host more than reading a small record costs the filter. The last
//! block can grow in place and be given back, which is what a vector that is being filled needs.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr::{copy_nonoverlapping, null_mut};

const PAGE_BYTES: usize = 65_536;

/// Bytes that are handed out once.
const ONCE: usize = 64 * 1024;

/// The largest block.
const MOST: usize = 1 << 30;

/// What every block behind these is a multiple of, and begins at a multiple of.
const GRAIN: usize = 16;

/// Sizes up to here have a class for each grain; beyond, four classes for each power of two.
const SMALL: usize = 128;

/// Classes: those of small blocks, then those up to 2^31.
const CLASSES: usize = SMALL / GRAIN + 4 * (31 - SMALL.ilog2() as usize);

/// From this class on, blocks are split for smaller ones: 64 classes, from 40 KiB on.
const FIRST_SPLIT: usize = CLASSES - 64;

/// The class of blocks that hold so many bytes, and their size.
const fn class_of(size: usize) -> (usize, usize) {
    if size <= SMALL {
        let grains = if size == 0 { 1 } else { size.div_ceil(GRAIN) };
        return (grains - 1, grains * GRAIN);
    }
    let power = (size - 1).ilog2() as usize;
    let step = 1 << (power - 2);
    let size = size.next_multiple_of(step);
    let quarter = (size - 1 - (1 << power)) / step;
    (SMALL / GRAIN + 4 * (power - SMALL.ilog2() as usize) + quarter, size)
}

/// The size of a class's blocks.
const fn size_of_class(class: usize) -> usize {
    let Some(beyond) = class.checked_sub(SMALL / GRAIN) else { return (class + 1) * GRAIN };
    let (power, quarter) = (beyond / 4 + SMALL.ilog2() as usize, beyond % 4);
    (1 << power) + (quarter + 1) * (1 << (power - 2))
}

/// See the module; installed by `export!(FILTER, arena)`.
#[derive(Debug)]
pub struct Arena {
    /// Where memory that was never handed out begins; 0 before the first call.
    next: Cell<usize>,
    /// Where the memory ends.
    end: Cell<usize>,
    /// Which of the classes from [`FIRST_SPLIT`] on have free blocks.
    large: Cell<u64>,
    /// The first free block of each class; 0 if there is none. It begins with the address of the next one.
    free: [Cell<usize>; CLASSES],
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
        Self { next: Cell::new(0), end: Cell::new(0), large: Cell::new(0), free: [const { Cell::new(0) }; CLASSES] }
    }

    /// Makes the memory reach `end`, with a little to spare: each growth has a price of its own, and what is spared counts.
    #[cold]
    fn grow(&self, end: usize) -> bool {
        if self.end.get() == 0 {
            self.end.set(memory_size(0) * PAGE_BYTES);
            if end <= self.end.get() {
                return true;
            }
        }
        let missing = (end - self.end.get()).div_ceil(PAGE_BYTES);
        let spare = self.end.get() / PAGE_BYTES / 16 + 3;
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

    /// Where blocks begin that are handed out again.
    fn is_reused(block: usize) -> bool {
        block >= (&raw const __heap_base) as usize + ONCE
    }

    /// A free block of a class that has one.
    #[expect(clippy::indexing_slicing, reason = "no class is beyond the last")]
    fn pop(&self, class: usize) -> Option<usize> {
        let block = self.free[class].get();
        if block == 0 {
            return None;
        }
        // SAFETY: a free block holds the address of the next.
        let next = unsafe { (block as *const usize).read() };
        self.free[class].set(next);
        if next == 0 && class >= FIRST_SPLIT {
            self.large.set(self.large.get() & !(1 << (class - FIRST_SPLIT)));
        }
        Some(block)
    }

    /// Keeps a block for the next of its class.
    #[expect(clippy::indexing_slicing, reason = "no class is beyond the last")]
    fn push(&self, class: usize, block: usize) {
        // SAFETY: no one else uses a free block, and none is too small for an address.
        unsafe { (block as *mut usize).write(self.free[class].get()) };
        self.free[class].set(block);
        if class >= FIRST_SPLIT {
            self.large.set(self.large.get() | 1 << (class - FIRST_SPLIT));
        }
    }

    /// A block of a larger class, of which the rest is free again.
    fn split(&self, class: usize, size: usize) -> Option<usize> {
        let larger = self.large.get() & (u64::MAX << class.checked_sub(FIRST_SPLIT)?);
        if larger == 0 {
            return None;
        }
        let found = FIRST_SPLIT + larger.trailing_zeros() as usize;
        let block = self.pop(found)?;
        let rest = size_of_class(found) - size;
        if rest >= GRAIN {
            // The class whose blocks are no larger than the rest.
            let (class, whole) = class_of(rest);
            self.push(if whole == rest { class } else { class - 1 }, block + size);
        }
        Some(block)
    }

    /// A block behind those that are handed out once.
    #[inline(never)]
    fn reuse(&self, layout: Layout) -> *mut u8 {
        let (class, size) = class_of(layout.size());
        if layout.align() <= GRAIN
            && let Some(block) = self.pop(class).or_else(|| self.split(class, size))
        {
            return block as *mut u8;
        }
        let start = self.next.get().next_multiple_of(layout.align().max(GRAIN));
        if self.take(start, size) { start as *mut u8 } else { null_mut() }
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks do not overlap: `next` only passes over what it hands out, and is set back only by the block that ends at it; a
// block is in one list once.
unsafe impl GlobalAlloc for Arena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > MOST {
            return null_mut();
        }
        if self.next.get() == 0 {
            self.next.set((&raw const __heap_base) as usize);
        }
        let start = self.next.get().next_multiple_of(layout.align());
        if Self::is_reused(start) {
            return self.reuse(layout);
        }
        if self.take(start, layout.size()) { start as *mut u8 } else { null_mut() }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let block = block as usize;
        if !Self::is_reused(block) {
            if block + layout.size() == self.next.get() {
                self.next.set(block);
            }
            return;
        }
        let (class, size) = class_of(layout.size());
        if block + size == self.next.get() {
            self.next.set(block);
        } else {
            self.push(class, block);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > MOST {
            return null_mut();
        }
        let taken = |size| if Self::is_reused(block as usize) { class_of(size).1 } else { size };
        if block as usize + taken(layout.size()) == self.next.get() {
            return if self.take(block as usize, taken(size)) { block } else { null_mut() };
        }
        // Its size is told again when it is freed: one that is kept by its size must stay what it was taken as.
        let stays = if Self::is_reused(block as usize) { taken(size) == taken(layout.size()) } else { size <= layout.size() };
        if stays {
            return block;
        }
        // SAFETY: the caller vouches that `size` makes a valid layout with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: each has as many bytes as its layout says, they do not overlap, and the old one is not used again.
            unsafe {
                copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}
