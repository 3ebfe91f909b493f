//! From the engine's errors to verdicts.

use wasmtime::{Error, Trap, WasmBacktrace};

use super::limiter::Exceeded;
use crate::verdict::{Failure, FailureKind};

/// What the engine says when a guest hands over more than its allowance. The error's type is private to the engine, so its
/// text is all there is to know it by; a test pins it.
const HOSTCALL_ALLOWANCE: &str = "fuel allocated for hostcalls has been exhausted";

/// The most bytes of a message or of a frame's name that are kept: names are the guest's text.
const MAX_TEXT: usize = 512;

/// Says what ended a call.
pub(super) fn classify(error: &Error) -> Failure {
    let (kind, message) = if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        (exceeded.kind, exceeded.to_string())
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
        if text.contains(HOSTCALL_ALLOWANCE) {
            (FailureKind::Output, "more bytes handed to the host at once than the record allows".to_owned())
        } else if text.contains("concurrent") && text.contains("limit") {
            // The pool is sized for the workers: running out of slots is the host's fault.
            (FailureKind::Host, text)
        } else {
            // Strings that are no UTF-8, indices out of range, enum cases that do not exist: the guest broke the calling convention.
            (FailureKind::Trap, text)
        }
    };
    Failure { kind, message: cut(&message), backtrace: backtrace(error) }
}

fn backtrace(error: &Error) -> Vec<String> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace
        .frames()
        .iter()
        .map(|frame| match (frame.func_name(), frame.module_offset()) {
            // Demangled by the engine where the name is a Rust symbol.
            (Some(name), _) => cut(name),
            (None, Some(offset)) => format!("function {} at {offset:#x}", frame.func_index()),
            (None, None) => format!("function {}", frame.func_index()),
        })
        .collect()
}

/// The first [`MAX_TEXT`] bytes, at a character's boundary.
pub(super) fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default().to_owned()
}
