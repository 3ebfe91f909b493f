//! Components that are admitted, and attack while they are called: what a call computes, takes and hands over.

use wit_component::StringEncoding;

use super::{CONTRACT, Case, Duration, Expect, Guest, Scalar, attribute, hostile, nodes, parse, reject, session, text};
use crate::answer::Answer;
use crate::limits::Limits;
use crate::selftest::image::{EVENT, HEAD, NODE, SESSION};
use crate::tahoe::Itype;
use crate::verdict::FailureKind::{Fuel, Memory, Output, Resources, Stack, Timeout, Trap};

pub(super) fn cases() -> Vec<Case> {
    [computing(), allocating(), handing_over(), breaking_the_convention(), logging()]
        .into_iter()
        .flatten()
        .chain([wall_clock(), keeps_state()])
        .collect()
}

fn ends(name: &str, body: &str, kind: super::FailureKind) -> Case {
    parse(name, body, Expect::Failed(kind, ""))
}

fn with_fields(name: &str, body: &'static str, fields: &'static str, kind: super::FailureKind) -> Case {
    Case::new(name, Expect::Failed(kind, ""), move || Guest { parse: body, fields, ..hostile() }.bytes())
}

fn with_realloc(name: &str, realloc: &'static str, kind: super::FailureKind) -> Case {
    Case::new(name, Expect::Failed(kind, ""), move || Guest { realloc, ..hostile() }.bytes())
}

const LOOP: &str = "(loop (br 0)) unreachable";

fn computing() -> Vec<Case> {
    let again = "(call $parse (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6))";
    let post_return = format!("(func (export \"cabi_post_{CONTRACT}#parse\") (param i32) (loop (br 0)))");
    vec![
        ends("loop-in-parse", LOOP, Fuel),
        with_realloc("loop-in-allocator", LOOP, Fuel),
        Case::new("loop-after-the-answer", Expect::Failed(Fuel, ""), move || Guest { fields: &post_return, ..hostile() }.bytes()),
        // One instruction, a megabyte.
        ends(
            "loop-of-large-copies",
            "(drop (memory.grow (i32.const 32)))
             (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 1048576)) (br 0)) unreachable",
            Fuel,
        ),
        ends("loop-of-growth-by-nothing", "(loop (drop (memory.grow (i32.const 0))) (br 0)) unreachable", Fuel),
        ends("recursion", again, Stack),
        with_fields(
            "recursion-of-large-frames",
            "(call $deep (i64.const 1))",
            "(func $deep (param i64) (result i32) (local i64 i64 i64 i64 i64 i64 i64 i64)
                 (call $deep (i64.add (local.get 0) (local.get 4))) (drop) (call $deep (local.get 1)))",
            Stack,
        ),
        ends("unreachable", "unreachable", Trap),
        ends("division-by-zero", "(i32.div_u (i32.const 1) (i32.const 0))", Trap),
        ends("division-that-overflows", "(i32.div_s (i32.const -2147483648) (i32.const -1))", Trap),
        ends("read-outside-of-memory", "(i32.load (i32.const -4))", Trap),
        ends("write-outside-of-memory", "(i64.store (i32.const -4) (i64.const -1)) unreachable", Trap),
        with_fields(
            "call-outside-of-table",
            "(call_indirect (type $f) (i32.const 1000))",
            "(type $f (func (result i32))) (table 1 funcref)",
            Trap,
        ),
        ends(
            "trap-midway",
            "(local $n i32) (loop (i32.store (i32.const 65536) (local.get $n))
             (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100000)))) unreachable",
            Trap,
        ),
        Case::new("function-name-to-demangle", Expect::Failed(Trap, ""), || {
            let name = format!("_ZN{}E", "1a".repeat(20_000));
            let fields = format!("(func $attack (@name \"{name}\") (result i32) unreachable)");
            Guest { parse: "(call $attack)", fields: &fields, ..hostile() }.bytes()
        }),
        with_fields(
            "escapes-in-a-function-name",
            "(call $attack)",
            "(func $attack (@name \"\\1b[2J\\1b]0;owned\\07\\e2\\80\\ae\") (result i32) unreachable)",
            Trap,
        ),
    ]
}

fn allocating() -> Vec<Case> {
    vec![
        ends("memory-bomb", "(loop (drop (memory.grow (i32.const 64))) (br 0)) unreachable", Memory),
        ends("memory-bomb-a-page-at-a-time", "(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable", Memory),
        ends("memory-bomb-at-once", "(drop (memory.grow (i32.const 65000))) unreachable", Memory),
        // Touched, so that it is taken from the machine.
        ends(
            "memory-bomb-that-is-written-to",
            "(local $at i32) (loop (local.set $at (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)))
             (memory.fill (local.get $at) (i32.const 255) (i32.const 1048576)) (br 0)) unreachable",
            super::FailureKind::Fuel,
        ),
        with_fields(
            "two-memories-one-budget",
            "(drop (memory.grow $more (i32.const 600))) (drop (memory.grow 0 (i32.const 600))) unreachable",
            "(memory $more 1)",
            Memory,
        ),
        with_fields(
            "table-bomb",
            "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0)) unreachable",
            "(table $t 1 funcref)",
            Resources,
        ),
        with_fields(
            "table-bomb-in-two-tables",
            "(drop (table.grow $t (ref.null func) (i32.const 12000))) (drop (table.grow $u (ref.null func) (i32.const 12000)))
             unreachable",
            "(table $t 1 funcref) (table $u 1 funcref)",
            Resources,
        ),
    ]
}

/// Fills memory with copies of what the answer lists once, and answers with all of them.
fn copies(name: &str, answer: Answer, field: u32, (at, size): (u32, u32), count: u32) -> Case {
    const FROM: u32 = 1_000_000;
    let pages = (FROM + count * size).div_ceil(65_536);
    let pointer = Guest::ANSWER + 4 + 8 * field;
    let body = format!(
        "(local $n i32) (drop (memory.grow (i32.const {pages})))
         (loop (memory.copy (i32.add (i32.const {FROM}) (i32.mul (local.get $n) (i32.const {size}))) (i32.const {at}) (i32.const {size}))
             (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {count}))))
         (i32.store (i32.const {pointer}) (i32.const {FROM})) (i32.store (i32.const {length}) (i32.const {count}))
         (i32.const {answer_at})",
        length = pointer + 4,
        answer_at = Guest::ANSWER,
    );
    Case::new(name, Expect::Failed(Output, ""), move || Guest { parse: &body, answer: answer.clone(), ..hostile() }.bytes())
}

fn handing_over() -> Vec<Case> {
    let at = Guest::ANSWER + HEAD;
    let seen = Answer { events: vec![super::event()], sessions: vec![session()], ..nodes([text("x")]) };
    let grown = |bytes: u32| {
        format!("(drop (memory.grow (i32.const 900))) {}", reject("(i32.const 200000)", &format!("(i32.const {bytes})")))
    };
    // A million children, the same bytes for every object.
    let wide = nodes([super::object([0])]);
    let children = format!(
        "(drop (memory.grow (i32.const 100))) (i32.store (i32.const {}) (i32.const 0)) (i32.store (i32.const {}) (i32.const 1000000))",
        at + 16,
        at + 20
    );
    let list_of_lists = format!(
        "(local $n i32) {children}
         (loop (memory.copy (i32.add (i32.const 400000) (i32.mul (local.get $n) (i32.const {NODE}))) (i32.const {at}) (i32.const {NODE}))
             (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
         (i32.store (i32.const {}) (i32.const 400000)) (i32.store (i32.const {}) (i32.const 1000)) (i32.const {})",
        Guest::ANSWER + 4,
        Guest::ANSWER + 8,
        Guest::ANSWER
    );
    vec![
        // Above the engine's allowance, and between our count and that.
        parse("text-of-50-megabytes", &grown(50 << 20), Expect::Failed(Output, "at once")),
        parse("text-of-6-megabytes", &grown(6 << 20), Expect::Failed(Output, "at most")),
        copies("million-nodes", nodes([text("x")]), 0, (at, NODE), 1_000_000),
        copies("hundred-thousand-events", seen.clone(), 1, (at + NODE, EVENT), 100_000),
        copies("hundred-thousand-sessions", seen, 2, (at + NODE + EVENT, SESSION), 100_000),
        Case::new("lists-of-one-list", Expect::Failed(Output, ""), move || {
            Guest { parse: &list_of_lists, answer: wide.clone(), ..hostile() }.bytes()
        }),
        parse(
            "reason-of-a-megabyte",
            &format!("(drop (memory.grow (i32.const 20))) {}", reject("(i32.const 200000)", "(i32.const 1000000)")),
            Expect::Rejected,
        ),
        parse(
            "reason-with-escapes",
            &format!("(i64.store (i32.const 600) (i64.const 0x4a325b1b4a325b1b)) {}", reject("(i32.const 600)", "(i32.const 8)")),
            Expect::Rejected,
        ),
    ]
}

fn breaking_the_convention() -> Vec<Case> {
    let byte = |at: u32, value: u32| format!("(i32.store8 (i32.const {at}) (i32.const {value})) (i32.const {})", Guest::ANSWER);
    let patched = |name: &str, at: u32, value: u32, answer: Answer| {
        let body = byte(at, value);
        Case::new(name, Expect::Failed(Trap, ""), move || Guest { parse: &body, answer: answer.clone(), ..hostile() }.bytes())
    };
    let one = || nodes([attribute("flag", Scalar::Boolean(true))]);
    let with_event = || Answer { events: vec![super::event()], ..nodes([text("x")]) };
    let node = Guest::ANSWER + HEAD;
    let utf8 =
        |bytes: u32| format!("(i32.store (i32.const 600) (i32.const {bytes})) {}", reject("(i32.const 600)", "(i32.const 3)"));
    vec![
        ends("result-outside-of-memory", "(i32.const -16)", Trap),
        ends("result-that-is-not-aligned", "(i32.const 513)", Trap),
        ends("text-outside-of-memory", &reject("(i32.const -1)", "(i32.const 100)"), Trap),
        ends(
            "list-longer-than-memory",
            "(i32.store (i32.const 516) (i32.const 0)) (i32.store (i32.const 508) (i32.const -1)) (i32.const 500)",
            Trap,
        ),
        ends(
            "list-at-no-multiple-of-eight",
            "(i32.store (i32.const 516) (i32.const 3)) (i32.store (i32.const 520) (i32.const 1)) (i32.const 512)",
            Trap,
        ),
        ends("text-that-is-no-utf-8", &utf8(0x00ff_ffff), Trap),
        Case::new("lone-surrogate-in-utf-16", Expect::Failed(Trap, ""), || {
            let body = format!("(i32.store (i32.const 600) (i32.const 0xd800)) {}", reject("(i32.const 600)", "(i32.const 1)"));
            Guest { parse: &body, encoding: StringEncoding::UTF16, ..hostile() }.bytes()
        }),
        // U+D800 as three bytes, and a slash in two.
        ends("lone-surrogate", &utf8(0x0080_a0ed), Trap),
        ends("overlong-slash", &utf8(0x0000_afc0), Trap),
        patched("result-that-is-neither", Guest::ANSWER, 7, one()),
        patched("node-that-is-neither", node, 9, one()),
        patched("scalar-of-no-kind", node + 16, 77, one()),
        patched("category-that-does-not-exist", node + NODE + 16, 200, with_event()),
        patched("option-that-is-neither", node + NODE + 44, 2, with_event()),
        with_realloc("allocator-that-lies", "(i32.const -8)", Trap),
        with_realloc("allocator-that-traps", "unreachable", Trap),
        // Within the allocator nothing may be called that the host made.
        Case::new("allocator-that-logs", Expect::Failed(Trap, ""), || {
            Guest {
                imports: LOG,
                realloc: "(call $log (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 65536)",
                ..hostile()
            }
            .bytes()
        }),
        // All of the record in one place, over the descriptor.
        Case::new("allocator-that-gives-one-place", Expect::Done { documents: 0 }, || {
            Guest { realloc: "(i32.const 1024)", ..hostile() }.bytes()
        }),
    ]
}

const LOG: &str = r#"(import "cybexp:tahoe/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;
const OPTIONS: &str = r#"(import "cybexp:tahoe/options@0.1.0" "get" (func $get (param i32 i32 i32)))"#;

fn logging() -> Vec<Case> {
    let logs = |name: &str, imports: &'static str, body: &'static str, expect| {
        Case::new(name, expect, move || Guest { imports, parse: body, ..hostile() }.bytes())
    };
    let failed = |kind| Expect::Failed(kind, "");
    vec![
        logs("log-flood", LOG, "(loop (call $log (i32.const 2) (i32.const 0) (i32.const 0)) (br 0)) unreachable", failed(Fuel)),
        logs(
            "log-flood-of-long-lines",
            LOG,
            "(loop (call $log (i32.const 2) (i32.const 70000) (i32.const 60000)) (br 0)) unreachable",
            failed(Output),
        ),
        logs("log-of-no-level", LOG, "(call $log (i32.const 9) (i32.const 0) (i32.const 0)) unreachable", failed(Trap)),
        logs(
            "log-of-what-is-not-there",
            LOG,
            "(call $log (i32.const 1) (i32.const -1) (i32.const -1)) unreachable",
            failed(Trap),
        ),
        logs(
            "log-of-a-thousand-lines-with-escapes",
            LOG,
            "(local $n i32) (i64.store (i32.const 600) (i64.const 0x0a0d4a325b1b9b00))
             (i32.store8 (i32.const 601) (i32.const 0x07))
             (loop (call $log (i32.const 3) (i32.const 602) (i32.const 6))
             (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000)))) (i32.const 512)",
            Expect::Done { documents: 0 },
        ),
        logs(
            "option-flood",
            OPTIONS,
            "(loop (call $get (i32.const 70000) (i32.const 50000) (i32.const 600)) (br 0)) unreachable",
            failed(Fuel),
        ),
    ]
}

/// With fuel for minutes: ended by the clock.
fn wall_clock() -> Case {
    const MS: u64 = 500;
    let mut case = ends("loop-with-fuel-to-waste", LOOP, Timeout);
    let limits = case.limits.clone().with("fuel", 100_000_000_000).and_then(|limits| limits.with("wall_clock_ms", MS));
    case.limits = limits.unwrap_or(Limits::PURE);
    // Three records.
    case.limit = Duration::from_millis(3 * MS);
    case
}

/// An instance that finds something of the record before says so with another number, hence another document.
fn keeps_state() -> Case {
    let value = Guest::ANSWER + HEAD + 24;
    let body = format!(
        "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (i32.store (i32.const 700) (i32.add (i32.load (i32.const 700)) (i32.const 1)))
         (if (i32.eqz (ref.is_null (table.get $seen (i32.const 0)))) (then (global.set $calls (i32.const 1000))))
         (table.set $seen (i32.const 0) (ref.func $parse))
         (i64.store (i32.const {value}) (i64.extend_i32_u (i32.add (global.get $calls) (i32.load (i32.const 700)))))
         (i32.const {})",
        Guest::ANSWER
    );
    Case::new("keeps-state", Expect::Done { documents: 1 }, move || {
        let answer = nodes([attribute("calls", Scalar::Integer(0))]);
        let fields = "(global $calls (mut i32) (i32.const 0)) (table $seen 1 funcref) (elem declare func $parse)";
        Guest { parse: &body, fields, answer, emits: &[(Itype::Attribute, "calls")], ..hostile() }.bytes()
    })
}
