//! The allocator of a guest that lives for one record.
//!
//! The memory that the module begins with, from the end of its data to the end of its last page, is handed out in order and not
//! taken back: an instance is thrown away after its call, so freeing is wasted work where little is used. For most records that
//! is all, and nothing need grow, which costs the host more than reading a small record costs the filter. The last block can
//! grow in place and be given back, which is what a vector that is being filled needs.
//!
//! What does not fit there is left to an ordinary allocator: behind a few tens of kilobytes megabytes may follow, and what was
//! freed would be missed.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ptr::copy_nonoverlapping;

/// A range of memory that nothing else uses.
///
/// # Safety
/// `start` and `end` never change, and what lies between them belongs to one arena as long as that lives.
unsafe trait Room {
    /// Its first byte; not 0.
    fn start(&self) -> usize;
    /// Where it ends, no earlier than it starts.
    fn end(&self) -> usize;
}

/// Hands out the memory of `room` in order, then what `rest` gives.
struct InOrder<M, R> {
    /// Where memory that was not handed out begins; 0 before the first call.
    next: Cell<usize>,
    room: M,
    rest: R,
}

impl<M: Room, R> InOrder<M, R> {
    const fn new(room: M, rest: R) -> Self {
        Self { next: Cell::new(0), room, rest }
    }

    /// Takes the memory from `start` up to `start + size`, if there is so much.
    fn take(&self, start: usize, size: usize) -> bool {
        let fits = self.room.end().checked_sub(start).is_some_and(|left| size <= left);
        if fits {
            self.next.set(start + size);
        }
        fits
    }

    /// Whether a block was handed out from `room`, and not by `rest`.
    fn holds(&self, block: *mut u8) -> bool {
        (self.room.start()..self.room.end()).contains(&(block as usize))
    }

    fn is_last(&self, block: *mut u8, layout: Layout) -> bool {
        block as usize + layout.size() == self.next.get()
    }
}

// SAFETY: blocks from the room do not overlap: `next` only passes over what is handed out, within the room, and is set back only
// by the block that ends at it, and to where that begins. (One that was shrunk where it is ends before the next one begins, so
// that `next` is never where it seems to end.) They begin at a multiple of their alignment. No block is empty, so one that begins
// in the room is of the room; all others are of `rest` and go back to it with the layout that they came with.
unsafe impl<M: Room, R: GlobalAlloc> GlobalAlloc for InOrder<M, R> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.next.get() == 0 {
            self.next.set(self.room.start());
        }
        if let Some(start) = self.next.get().checked_next_multiple_of(layout.align())
            && self.take(start, layout.size())
        {
            return start as *mut u8;
        }
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { self.rest.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !self.holds(block) {
            // SAFETY: a block that is not of the room came from there, with this layout.
            unsafe { self.rest.dealloc(block, layout) }
        } else if self.is_last(block, layout) {
            self.next.set(block as usize);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !self.holds(block) {
            // SAFETY: a block that is not of the room came from there, with this layout.
            return unsafe { self.rest.realloc(block, layout, size) };
        }
        let stays = if self.is_last(block, layout) { self.take(block as usize, size) } else { size <= layout.size() };
        if stays {
            return block;
        }
        // SAFETY: the caller vouches that `size` is not 0 and makes a valid layout with this alignment.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !moved.is_null() {
            // SAFETY: the old block has `layout.size()` bytes and the new one more, since what shrinks does not move; they do not
            // overlap, and the old one is not used again.
            unsafe {
                copy_nonoverlapping(block, moved, layout.size());
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

#[cfg(target_arch = "wasm32")]
pub use guest::Arena;

#[cfg(target_arch = "wasm32")]
mod guest {
    use core::alloc::{GlobalAlloc, Layout};

    use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

    use super::{InOrder, Room};

    unsafe extern "C" {
        /// Placed by the linker behind the module's data and stack.
        static __heap_base: u8;
        /// Placed by the linker at the end of the memory that the module begins with.
        static __heap_end: u8;
    }

    struct AtStart;

    // SAFETY: the linker leaves this memory to the module's allocator. There is one static here that takes it, and Talc asks only
    // for what the memory grows by.
    unsafe impl Room for AtStart {
        fn start(&self) -> usize {
            (&raw const __heap_base) as usize
        }

        fn end(&self) -> usize {
            (&raw const __heap_end) as usize
        }
    }

    struct Heap(InOrder<AtStart, WasmDynamicTalc>);

    // SAFETY: the contract has no threads, and the runtime refuses modules with shared memory.
    unsafe impl Sync for Heap {}

    static HEAP: Heap = Heap(InOrder::new(AtStart, new_wasm_dynamic_allocator()));

    /// See the module; installed by `export!(FILTER, arena)`.
    #[derive(Debug)]
    pub struct Arena;

    // SAFETY: it is `HEAP`, and `InOrder` keeps the promises.
    unsafe impl GlobalAlloc for Arena {
        #[inline]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller's promises are those that are asked for; so below.
            unsafe { HEAP.0.alloc(layout) }
        }

        #[inline]
        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: as above.
            unsafe { HEAP.0.dealloc(block, layout) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: as above.
            unsafe { HEAP.0.realloc(block, layout, size) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::System;
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Memory of the test's own. Larger alignments than that of its elements begin anywhere in it.
    struct Buffer(Box<[Cell<u64>]>);

    impl Buffer {
        fn new(bytes: usize) -> Self {
            Self((0..bytes / 8).map(|_| Cell::new(0)).collect())
        }
    }

    // SAFETY: a box stays where it is, and the test does not look into this one.
    unsafe impl Room for Buffer {
        fn start(&self) -> usize {
            self.0.as_ptr() as usize
        }

        fn end(&self) -> usize {
            self.start() + size_of_val(&*self.0)
        }
    }

    /// The system's allocator, and which blocks of it are in use.
    #[derive(Default)]
    struct Counted(std::cell::RefCell<HashMap<usize, Layout>>);

    // SAFETY: the system's.
    unsafe impl GlobalAlloc for Counted {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: as promised by the caller; so below.
            let block = unsafe { System.alloc(layout) };
            self.0.borrow_mut().insert(block as usize, layout);
            block
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            assert_eq!(self.0.borrow_mut().remove(&(block as usize)), Some(layout), "given back as it was taken");
            // SAFETY: as above.
            unsafe { System.dealloc(block, layout) }
        }
    }

    type Arena = InOrder<Buffer, Counted>;

    fn arena(bytes: usize) -> Arena {
        InOrder::new(Buffer::new(bytes), Counted::default())
    }

    /// A block in use, every byte of it filled with `mark`.
    struct Block {
        at: *mut u8,
        layout: Layout,
        mark: u8,
    }

    impl Block {
        fn new(arena: &Arena, size: usize, align: usize, mark: u8) -> Self {
            let layout = Layout::from_size_align(size, align).unwrap();
            // SAFETY: no size here is 0.
            let at = unsafe { arena.alloc(layout) };
            let block = Self { at, layout, mark };
            block.fill();
            block
        }

        fn fill(&self) {
            assert!(!self.at.is_null() && (self.at as usize).is_multiple_of(self.layout.align()));
            // SAFETY: the block has so many bytes.
            unsafe { self.at.write_bytes(self.mark, self.layout.size()) }
        }

        fn bytes(&self) -> &[u8] {
            // SAFETY: as above, and they were written.
            unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
        }

        fn is_whole(&self) -> bool {
            self.bytes().iter().all(|byte| *byte == self.mark)
        }

        fn resize(&mut self, arena: &Arena, size: usize) {
            // SAFETY: it is of this arena, with this layout.
            self.at = unsafe { arena.realloc(self.at, self.layout, size) };
            let kept = self.layout.size().min(size);
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            assert!(self.bytes()[..kept].iter().all(|byte| *byte == self.mark), "what was there moves along");
            self.fill();
        }

        fn free(self, arena: &Arena) {
            // SAFETY: as above, and it is gone.
            unsafe { arena.dealloc(self.at, self.layout) }
        }
    }

    proptest! {
        #[test]
        fn blocks_keep_what_is_in_them_whatever_is_taken_resized_and_freed(
            room in 0_usize..4096,
            steps in prop::collection::vec((0..4, any::<prop::sample::Index>(), 1_usize..300, 0_u32..8), 1..200),
        ) {
            let arena = arena(room);
            let mut blocks: Vec<Block> = Vec::new();
            for (number, (what, which, size, align)) in steps.into_iter().enumerate() {
                let place = (!blocks.is_empty()).then(|| which.index(blocks.len()));
                match (what, place) {
                    (2, Some(place)) => blocks[place].resize(&arena, size),
                    (3, Some(place)) => blocks.swap_remove(place).free(&arena),
                    _ => blocks.push(Block::new(&arena, size, 1 << align, number as u8)),
                }
                // Two that overlapped would not both hold their marks.
                prop_assert!(blocks.iter().all(Block::is_whole));
            }
            blocks.into_iter().for_each(|block| block.free(&arena));
            prop_assert!(arena.rest.0.borrow().is_empty(), "what came from the rest goes back to it");
        }
    }

    #[test]
    fn the_last_block_grows_where_it_is_and_is_given_back() {
        let arena = arena(1024);
        let first = Block::new(&arena, 8, 8, 1);
        let mut last = Block::new(&arena, 8, 8, 2);
        let place = last.at;
        for size in [16, 900, 24] {
            last.resize(&arena, size);
            assert_eq!(last.at, place);
        }
        last.free(&arena);
        let next = Block::new(&arena, 1000, 8, 3);
        assert_eq!(next.at, place);
        assert!(first.is_whole() && arena.rest.0.borrow().is_empty());
    }

    #[test]
    fn all_of_the_room_is_handed_out_and_no_byte_more() {
        let arena = arena(64);
        let blocks: Vec<_> = (0..9).map(|mark| Block::new(&arena, 8, 8, mark)).collect();
        assert!(blocks.iter().all(Block::is_whole));
        assert_eq!(
            blocks.iter().map(|block| arena.holds(block.at)).collect::<Vec<_>>(),
            [[true; 8].as_slice(), &[false]].concat()
        );
        blocks.into_iter().for_each(|block| block.free(&arena));
    }

    #[test]
    fn a_block_that_outgrows_the_room_goes_on_outside_of_it() {
        let arena = arena(64);
        let mut block = Block::new(&arena, 40, 1, 7);
        block.resize(&arena, 4000);
        assert!(!arena.holds(block.at));
        block.resize(&arena, 5000);
        // What it left is free again, since it was the last.
        let next = Block::new(&arena, 64, 1, 8);
        assert!(arena.holds(next.at) && block.is_whole());
        block.free(&arena);
    }
}
