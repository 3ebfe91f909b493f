//! Components with a language's runtime inside, or that say so: what they ask of WASI, and what they do with it.

use super::{Case, Expect, Guest, hostile};
use crate::limits::Limits;
use crate::selftest::wasi::{IMPORTS, SAY, WIT};
use crate::verdict::FailureKind::{Fuel, Link, Output, Resources, Trap};

/// The records have all arrived at this time, in seconds.
const ARRIVED: u64 = crate::selftest::neighbour::RECEIVED_AT as u64;

pub(super) fn cases() -> Vec<Case> {
    asking().into_iter().chain(waiting()).chain(flooding()).collect()
}

/// A case of a component that does this and answers with what it said.
fn does(name: &str, body: &str, expect: Expect) -> Case {
    with_allocator(name, body, Guest::default().realloc, expect)
}

fn with_allocator(name: &str, body: &str, realloc: &'static str, expect: Expect) -> Case {
    let body = format!("{body} (i32.const 512)");
    let mut case = Case::new(name, expect, move || {
        Guest { imports: IMPORTS, parse: &body, realloc, fields: SAY, wit: WIT, ..hostile() }.bytes()
    });
    case.limits = Limits::WASI;
    case
}

/// A case of a component that traps unless a number is as it should be: whoever finds something leaves a dead letter.
fn finds(name: &str, call: &str, number: &str, expected: u64) -> Case {
    let body = format!("{call} (if (i64.ne {number} (i64.const {expected})) (then (unreachable))) (call $say {number})");
    does(name, &body, Expect::Done { documents: 1 })
}

const CASE: &str = "(i64.load8_u (i32.const 600))";
const LENGTH: &str = "(i64.load32_u (i32.const 604))";

/// Lists that are empty, errors, and a clock that stands.
fn asking() -> Vec<Case> {
    vec![
        finds("asks-for-files", "(call $folders (i32.const 600))", LENGTH, 0),
        finds("asks-for-the-environment", "(call $environment (i32.const 600))", LENGTH, 0),
        finds("asks-for-arguments", "(call $arguments (i32.const 600))", LENGTH, 0),
        finds("asks-for-sockets", "(call $tcp (i32.const 0) (i32.const 600))", CASE, 1),
        finds("asks-for-an-address", "(call $resolve (call $network) (i32.const 900) (i32.const 4) (i32.const 600))", CASE, 1),
        finds("asks-for-input", "(call $read (call $stdin) (i64.const 10) (i32.const 600))", CASE, 1),
        finds("reads-the-clock", "(call $wall (i32.const 600))", "(i64.load (i32.const 600))", ARRIVED),
        // Another number for each record, the same in every run.
        does("reads-random-bytes", "(call $say (call $random))", Expect::Done { documents: 3 }),
        does("asks-for-a-function-that-comes-later", "(call $fly)", Expect::Failed(Link, "wasi:clocks/wall-clock fly")),
        // What is passed in would cost the host more than it has a price for.
        does(
            "asks-for-a-function-that-takes-lists",
            "(call $lists (i32.const 90000) (i32.const 1000) (i32.const 600))",
            Expect::Failed(Link, "create-udp-socket"),
        ),
        does("asks-for-a-function-that-returns-a-number", "(drop (call $number))", Expect::Failed(Trap, "")),
        does("exits", "(call $exit (i32.const 0))", Expect::Failed(Trap, "exited")),
        finds(
            "keeps-state-beside-wasi",
            "(i64.store (i32.const 700) (i64.add (i64.load (i32.const 700)) (i64.const 1)))",
            "(i64.load (i32.const 700))",
            1,
        ),
    ]
}

/// Nobody waits: every time has come as soon as it is asked for.
fn waiting() -> Vec<Case> {
    vec![
        does("sleeps-an-hour", "(call $block (call $in (i64.const 3600000000000)))", Expect::Done { documents: 0 }),
        does(
            "waits-for-ever",
            "(local $p i32) (local.set $p (call $in (i64.const -1))) (loop (call $block (local.get $p)) (br 0))",
            Expect::Failed(Fuel, ""),
        ),
        does("waits-for-nothing", "(call $poll (i32.const 700) (i32.const 0) (i32.const 600))", Expect::Failed(Trap, "")),
        does("waits-for-what-is-not-there", "(call $block (i32.const 77))", Expect::Failed(Trap, "")),
    ]
}

/// What the host keeps for them is bounded.
fn flooding() -> Vec<Case> {
    let write = |bytes: u32| {
        format!(
            "(local $out i32) (local.set $out (call $stdout))
             (loop (call $write (local.get $out) (i32.const 3000) (i32.const {bytes}) (i32.const 600)) (br 0))"
        )
    };
    vec![
        does("output-flood", &write(60_000), Expect::Failed(Output, "")),
        does("output-flood-of-nothing", &write(0), Expect::Failed(Fuel, "")),
        does("handles-without-end", "(loop (drop (call $stdout)) (br 0))", Expect::Failed(Resources, "handles")),
        // Into one place, so that memory is not what it lacks.
        with_allocator(
            "random-bytes-without-end",
            "(loop (call $bytes (i64.const 1000) (i32.const 600)) (br 0))",
            "(i32.const 65536)",
            Expect::Failed(Resources, "random bytes"),
        ),
        does("random-bytes-at-once", "(call $bytes (i64.const -1) (i32.const 600))", Expect::Failed(Resources, "random bytes")),
    ]
}
