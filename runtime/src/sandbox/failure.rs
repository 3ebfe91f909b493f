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
        (Some(name), _) if name.len() <= MAX_SYMBOL => cut(&format!("{:#}", rustc_demangle::demangle(name)), MAX_FRAME),
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

/// The first `bytes` bytes, at a character's boundary.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default().to_owned()
}
