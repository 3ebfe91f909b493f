//! The allocator of a guest that lives for one record: it hands out memory in order, and what comes back once more.
//!
//! The memory between the end of the module's data and the end of its last page is used first; std's allocator always asks for
//! new pages, and growing a memory costs the host more than reading a small record costs the filter. What was freed is kept
//! by its size, and not joined with its neighbours: an instance is thrown away long before that would matter.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr::{copy_nonoverlapping, null_mut};

const PAGE_BYTES: usize = 65_536;

/// What every block is a multiple of, and begins at a multiple of.
const GRAIN: usize = 16;

/// Sizes up to here have a class for each grain; beyond, four classes for each power of two.
const SMALL: usize = 128;

/// Classes: those of small blocks, then those up to 2^31.
const CLASSES: usize = SMALL / GRAIN + 4 * (31 - SMALL.ilog2() as usize);

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

/// The largest class whose blocks are no larger than this.
const fn class_within(size: usize) -> (usize, usize) {
    let (class, rounded) = class_of(size);
    if rounded <= size { (class, rounded) } else { class_of(if size <= SMALL { size - GRAIN } else { size - (1 << ((size - 1).ilog2() - 2)) }) }
}

/// See the module; installed by `export!(FILTER, arena)`.
#[derive(Debug)]
pub struct Arena {
    /// Where memory that was never handed out begins; 0 before the first call.
    next: Cell<usize>,
    /// Where the memory ends.
    end: Cell<usize>,
    /// Which classes have free blocks.
    some: Cell<u128>,
    /// The first free block of each class. It begins with the address of the next one.
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
        Self { next: Cell::new(0), end: Cell::new(0), some: Cell::new(0), free: [const { Cell::new(0) }; CLASSES] }
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

    #[inline]
    fn pop(&self, class: usize) -> usize {
        let block = self.free[class].get();
        // SAFETY: a free block holds the address of the next.
        let next = unsafe { (block as *const usize).read() };
        self.free[class].set(next);
        if next == 0 {
            self.some.set(self.some.get() & !(1 << class));
        }
        block
    }

    #[inline]
    fn push(&self, class: usize, block: usize) {
        // SAFETY: no one else uses a free block.
        unsafe { (block as *mut usize).write(self.free[class].get()) };
        self.free[class].set(block);
        self.some.set(self.some.get() | 1 << class);
    }

    /// A block of a larger class, of which the rest is free again.
    #[cold]
    fn split(&self, class: usize, size: usize) -> Option<usize> {
        let larger = self.some.get() >> class;
        if larger == 0 {
            return None;
        }
        let found = class + larger.trailing_zeros() as usize;
        let block = self.pop(found);
        let rest = size_of_class(found) - size;
        if rest >= GRAIN {
            self.push(class_within(rest).0, block + size);
        }
        Some(block)
    }
}

const fn size_of_class(class: usize) -> usize {
    if class < SMALL / GRAIN {
        return (class + 1) * GRAIN;
    }
    let (power, quarter) = ((class - SMALL / GRAIN) / 4 + SMALL.ilog2() as usize, (class - SMALL / GRAIN) % 4);
    (1 << power) + (quarter + 1) * (1 << (power - 2))
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

/// From here on, a free block of another class is looked for before new memory is taken.
const LARGE: usize = 4096;

// SAFETY: blocks do not overlap: `next` only passes over what it hands out, and a block is free once.
unsafe impl GlobalAlloc for Arena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > 1 << 30 {
            return null_mut();
        }
        if layout.align() > GRAIN {
            let start = self.next.get().max((&raw const __heap_base) as usize).next_multiple_of(layout.align());
            return if self.take(start, class_of(layout.size()).1) { start as *mut u8 } else { null_mut() };
        }
        let (class, size) = class_of(layout.size());
        if self.free[class].get() != 0 {
            return self.pop(class) as *mut u8;
        }
        if size >= LARGE && let Some(block) = self.split(class, size) {
            return block as *mut u8;
        }
        if self.next.get() == 0 {
            self.next.set(((&raw const __heap_base) as usize).next_multiple_of(GRAIN));
        }
        let start = self.next.get();
        if self.take(start, size) { start as *mut u8 } else { null_mut() }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let (class, size) = class_of(layout.size());
        if block as usize + size == self.next.get() {
            self.next.set(block as usize);
        } else {
            self.push(class, block as usize);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (class, has) = class_of(layout.size());
        if size > 1 << 30 {
            return null_mut();
        }
        let (wanted, wants) = class_of(size);
        if class == wanted {
            return block;
        }
        if block as usize + has == self.next.get() {
            return if self.take(block as usize, wants) { block } else { null_mut() };
        }
        // SAFETY: the caller vouches that `size` makes a valid layout with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: each has as many bytes as its layout says, and they do not overlap.
            unsafe {
                copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}
