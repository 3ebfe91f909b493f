//! Copies and comparisons of a guest. LLVM turns most of them into an instruction of WebAssembly, which the engine makes a call
//! out of the guest; and `memcmp` of Rust's own runtime library goes byte by byte.

type Word = u64;

/// The bulk instruction, for what is long enough to be worth the call.
#[target_feature(enable = "bulk-memory")]
#[inline(never)]
unsafe fn bulk_copy(to: *mut u8, from: *const u8, count: usize) {
    unsafe { core::ptr::copy(from, to, count) }
}

#[target_feature(enable = "bulk-memory")]
#[inline(never)]
unsafe fn bulk_fill(to: *mut u8, byte: u8, count: usize) {
    unsafe { core::ptr::write_bytes(to, byte, count) }
}

macro_rules! ends {
    ($kind:ty, $to:ident, $from:ident, $count:ident) => {{
        let last = $count - size_of::<$kind>();
        let (a, b) = ($from.cast::<$kind>().read_unaligned(), $from.add(last).cast::<$kind>().read_unaligned());
        $to.cast::<$kind>().write_unaligned(a);
        $to.add(last).cast::<$kind>().write_unaligned(b);
    }};
}

#[inline(always)]
unsafe fn copy(to: *mut u8, from: *const u8, count: usize) {
    unsafe {
        if count > 64 {
            return bulk_copy(to, from, count);
        }
        if count > 16 {
            let word = |at: usize| from.add(at).cast::<Word>().read_unaligned();
            let put = |at: usize, w: Word| to.add(at).cast::<Word>().write_unaligned(w);
            let last = count - 16;
            let (y, z) = (word(last), word(last + 8));
            if count > 32 {
                let m = last - 16;
                let (a, b, c, d, e, f) = (word(0), word(8), word(16), word(24), word(m), word(m + 8));
                put(0, a);
                put(8, b);
                put(16, c);
                put(24, d);
                put(m, e);
                put(m + 8, f);
            } else {
                let (a, b) = (word(0), word(8));
                put(0, a);
                put(8, b);
            }
            put(last, y);
            put(last + 8, z);
            return;
        }
        if count >= 8 {
            ends!(u64, to, from, count)
        } else if count >= 4 {
            ends!(u32, to, from, count)
        } else if count >= 2 {
            ends!(u16, to, from, count)
        } else if count == 1 {
            to.write(from.read())
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    unsafe { copy(to, from, count) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    unsafe { copy(to, from, count) };
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    unsafe {
        let word = u64::from(byte as u8).wrapping_mul(0x0101_0101_0101_0101);
        let put = |at: usize| to.add(at).cast::<u64>().write_unaligned(word);
        if count > 32 {
            bulk_fill(to, byte as u8, count);
        } else if count >= 8 {
            put(0);
            put(count - 8);
            if count > 16 {
                put(8);
                put(count - 16);
            }
        } else if count >= 4 {
            to.cast::<u32>().write_unaligned(word as u32);
            to.add(count - 4).cast::<u32>().write_unaligned(word as u32);
        } else if count > 0 {
            to.write(byte as u8);
            to.add(count / 2).write(byte as u8);
            to.add(count - 1).write(byte as u8);
        }
    }
    to
}

#[inline(always)]
unsafe fn compare(left: *const u8, right: *const u8, count: usize) -> i32 {
    unsafe {
        let order = |a: u64, b: u64| if a.swap_bytes() < b.swap_bytes() { -1 } else { 1 };
        let words = |at: usize| (left.add(at).cast::<u64>().read_unaligned(), right.add(at).cast::<u64>().read_unaligned());
        if count >= 8 {
            let mut at = 0;
            while at + 8 <= count {
                let (a, b) = words(at);
                if a != b {
                    return order(a, b);
                }
                at += 8;
            }
            if at == count {
                return 0;
            }
            let (a, b) = words(count - 8);
            return if a == b { 0 } else { order(a, b) };
        }
        if count >= 4 {
            let half = |p: *const u8, at: usize| p.add(at).cast::<u32>().read_unaligned();
            let whole = |p: *const u8| u64::from(half(p, 0)) | u64::from(half(p, count - 4)) << 32;
            let (a, b) = (whole(left), whole(right));
            return if a == b { 0 } else { order(a, b) };
        }
        let mut at = 0;
        while at < count {
            let (a, b) = (left.add(at).read(), right.add(at).read());
            if a != b {
                return i32::from(a) - i32::from(b);
            }
            at += 1;
        }
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    unsafe { compare(left, right, count) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    unsafe { compare(left, right, count) }
}
