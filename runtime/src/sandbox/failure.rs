//! From the engine's errors to verdicts.

use wasmtime::{Error, Trap, WasmBacktrace};

use super::limiter::{Exceeded, HostShort};
use super::wasi::Ended;
use crate::verdict::{Failure, FailureKind, LogLevel, LogLine};

/// What the engine says when a guest hands over more than its allowance. The error's type is private to the engine,
/// so its text is all there is to know it by; a test pins it.
const HOSTCALL_ALLOWANCE: &str = "fuel allocated for hostcalls has been exhausted";

/// The same for handles of resources, and for instances, which are counted when they are made.
const HANDLES: &str = "store handle limit exceeded";
const COUNTS: &str = "resource limit exceeded";

/// The most bytes of a message that are kept.
const MAX_TEXT: usize = 512;
/// The most bytes of a frame's name, and of a whole backtrace: names are the guest's text, and every record may leave
/// one.
const MAX_FRAME: usize = 120;
const MAX_BACKTRACE: usize = 2400;
/// The longest symbol that is demangled: what comes of a short one can be long enough.
const MAX_SYMBOL: usize = 1024;

/// Where a call was when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Making the instance, its start function included.
    Instantiation,
    /// In the function that was called, its arguments and its result included.
    Call,
}

/// Says what ended a call.
pub(super) fn classify(error: &Error, phase: Phase) -> Failure {
    let (kind, message) = if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        (exceeded.kind, exceeded.to_string())
    } else if let Some(ended) = error.downcast_ref::<Ended>() {
        (ended.kind(), ended.to_string())
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        let kind = match trap {
            Trap::OutOfFuel => FailureKind::Fuel,
            Trap::Interrupt => FailureKind::Timeout,
            Trap::StackOverflow => FailureKind::Stack,
            _ => FailureKind::Trap,
        };
        (kind, trap.to_string())
    } else {
        let text = error.root_cause().to_string();
        // A start function runs while the instance is made, and what it calls can fail as in any other call.
        let running = error.is::<WasmBacktrace>();
        if text.contains(HOSTCALL_ALLOWANCE) {
            (FailureKind::Output, "more bytes handed to the host at once than the record allows".to_owned())
        } else if text.contains(HANDLES) {
            (FailureKind::Resources, "more handles of resources at once than it may have".to_owned())
        } else if text.contains(COUNTS) {
            (FailureKind::Resources, text)
        } else if error.is::<HostShort>() || error.is::<std::io::Error>() || (phase == Phase::Instantiation && !running) {
            // No slot, no memory, no address space: the filter has done nothing yet, or is not to blame.
            (FailureKind::Host, text)
        } else {
            // Strings that are no UTF-8, indices out of range, enum cases that do not exist: the guest broke the
            // calling convention.
            (FailureKind::Trap, text)
        }
    };
    Failure { kind, message: cut(&message, MAX_TEXT), backtrace: backtrace(error) }
}

/// Adds what the engine does not know: how much there was of what ran out, and a guest's last words.
pub(super) fn explain(mut failure: Failure, (fuel, milliseconds): (u64, u64), phase: Phase, log: &[LogLine]) -> Failure {
    let when = match phase {
        Phase::Instantiation => "while it was set up",
        Phase::Call => "in the call",
    };
    match failure.kind {
        FailureKind::Fuel => failure.message = format!("it used up its fuel {when}: {fuel} units, of which it has no more"),
        FailureKind::Timeout => failure.message = format!("it took longer than {milliseconds} ms, {when}"),
        FailureKind::Trap => {
            // Why a guest stopped itself it says before it does, if at all: a panic is only `unreachable` to the engine.
            if let Some(LogLine { message, .. }) = log.last().filter(|line| line.level >= LogLevel::Warn) {
                failure.message = format!("{}; it logged last: {message}", failure.message);
            }
        }
        _ => {}
    }
    failure
}

fn backtrace(error: &Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let frames = backtrace.frames().iter().map(|frame| match (frame.func_name(), frame.module_offset()) {
        (Some(name), _) if name.len() <= MAX_SYMBOL => cut(&readable(name), MAX_FRAME),
        (Some(name), _) => cut(name, MAX_FRAME),
        (None, Some(offset)) => format!("function {} at {offset:#x}", frame.func_index()),
        (None, None) => format!("function {}", frame.func_index()),
    });
    let mut left = MAX_BACKTRACE;
    frames
        .take_while(|frame| {
            left = left.saturating_sub(frame.len());
            left > 0
        })
        .collect()
}

/// The name of a function as its author wrote it.
fn readable(symbol: &str) -> String {
    let demangled = format!("{:#}", rustc_demangle::demangle(symbol));
    if demangled == symbol { demangled } else { without_generics(&demangled) }
}

/// A Rust path without generic arguments, which are most of its length and say least.
fn without_generics(path: &str) -> String {
    let mut short = String::with_capacity(path.len());
    let (mut inside, mut before) = (0_usize, ' ');
    for character in path.chars() {
        match character {
            '<' if inside > 0 => inside += 1,
            // Of the function itself: `parse::<T>`.
            '<' if before == ':' => {
                short.truncate(short.trim_end_matches(':').len());
                inside = 1;
            }
            // Of a type: `Vec<T>`. Any other begins `<T as Trait>`.
            '<' if before.is_alphanumeric() || before == '_' => {
                short.push_str("<…>");
                inside = 1;
            }
            // The end of `->` is none.
            '>' if inside > 0 && before != '-' => inside -= 1,
            _ if inside > 0 => {}
            _ => short.push(character),
        }
        before = character;
    }
    short
}

/// The first `bytes` bytes, at a character's boundary.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_rust_are_read_without_hashes_and_generic_arguments_and_other_names_as_they_are() {
        for (symbol, read) in [
            (
                "_RNvMs3_NtCs9xcqvrJXYYX_10serde_json4readNtB5_9SliceRead14skip_to_escape",
                "<serde_json::read::SliceRead>::skip_to_escape",
            ),
            ("_ZN5guest5parse17h0123456789abcdefE", "guest::parse"),
            ("cybexp:tahoe/filter@0.1.0#parse", "cybexp:tahoe/filter@0.1.0#parse"),
            ("operator<<>", "operator<<>"),
        ] {
            assert_eq!(readable(symbol), read);
        }
        for (path, short) in [
            ("<a::V as b::W>::visit::<c::M<d::E>, fn() -> u8>", "<a::V as b::W>::visit"),
            ("<core::iter::Shunt<core::iter::Map<a, b>, c> as Iterator>::next", "<core::iter::Shunt<…> as Iterator>::next"),
            ("alloc::vec::from_iter::<u8>::{closure#0}", "alloc::vec::from_iter::{closure#0}"),
            ("cut<off", "cut<…>"),
        ] {
            assert_eq!(without_generics(path), short);
        }
    }

    #[test]
    fn what_ran_out_is_told_with_how_much_there_was_and_a_trap_with_the_last_words() {
        let line = |level, message: &str| LogLine { level, message: message.to_owned() };
        let said = |kind, log: &[LogLine]| explain(Failure::new(kind, "trap"), (7, 9), Phase::Call, log).message;
        assert!(said(FailureKind::Fuel, &[]).contains("7 units"));
        assert!(said(FailureKind::Timeout, &[]).contains("9 ms"));
        let words = [line(LogLevel::Warn, "first"), line(LogLevel::Error, "panicked")];
        assert_eq!(said(FailureKind::Trap, &words), "trap; it logged last: panicked");
        assert_eq!(said(FailureKind::Trap, &[line(LogLevel::Info, "working")]), "trap");
        assert_eq!(said(FailureKind::Stack, &words), "trap");
    }
}
