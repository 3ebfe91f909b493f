//! Every budget of a call trips, with the verdict of its kind; and whatever a guest does, the next call finds nothing
//! of it.

use std::sync::Arc;

use tahoe_runtime::limits::{Budget, Limits, Profile};
use tahoe_runtime::sandbox::{Options, Program, Record, Refusal, Sandbox, compile};
use tahoe_runtime::verdict::{Called, Failure, FailureKind, Outcome};

use crate::support::guest::{EMPTY_ANSWER, Guest};

fn load_with(guest: &Guest<'_>, limits: Limits) -> Result<Program, Refusal> {
    let compiled = compile(&guest.bytes().unwrap())?;
    let program = Arc::new(Sandbox::new(1).unwrap()).program(compiled.artifact.into(), Profile::Pure, limits)?;
    program.describe().0.map_err(Refusal::Describe)?;
    Ok(program)
}

fn load(guest: &Guest<'_>) -> Program {
    load_with(guest, Limits::PURE).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn call(filter: &Program) -> Called {
    filter.call(&Record { sub_type: "cowrie", data: r#"{"a":1}"#, timezone: "UTC", received_at: 1e9 }, &Options::default())
}

#[track_caller]
fn failure(called: Called) -> Failure {
    match called.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("no failure, but {other:?}"),
    }
}

/// Fails unless a guest with this body of `parse` ends so.
#[track_caller]
fn ends(parse: &str, kind: FailureKind) -> Failure {
    let failure = failure(call(&load(&Guest { parse, ..Guest::default() })));
    assert_eq!(failure.kind, kind, "{failure:?}");
    failure
}

/// A body of `parse` that rejects with a reason at this place in memory: case 1, then pointer and length.
fn reject(at: &str, length: &str) -> String {
    format!(
        "(i32.store8 (i32.const 512) (i32.const 1)) (i32.store (i32.const 516) {at}) (i32.store (i32.const 520) {length}) (i32.const 512)"
    )
}

const MIB: u64 = 1024 * 1024;

#[test]
fn a_guest_that_does_nothing_wrong_is_done() {
    let called = call(&load(&Guest::default()));
    assert!(matches!(&called.outcome, Outcome::Answered(answer) if answer.nodes.is_empty()), "{called:?}");
    assert!(called.report.fuel > 0 && called.report.memory == 128 * 1024, "{:?}", called.report);
}

#[test]
fn loops_end_for_want_of_fuel_in_parse_and_in_the_allocator() {
    ends("(loop (br 0)) unreachable", FailureKind::Fuel);
    let allocator = load(&Guest { realloc: "(loop (br 0)) unreachable", ..Guest::default() });
    assert_eq!(failure(call(&allocator)).kind, FailureKind::Fuel);
    // A copy of a megabyte is one instruction, and costs as many units as bytes.
    let copies = "(drop (memory.grow (i32.const 32))) (loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 1048576)) (br 0)) unreachable";
    ends(copies, FailureKind::Fuel);
}

#[test]
fn a_guest_with_fuel_to_waste_ends_by_the_clock() {
    let limits = Limits {
        fuel: Budget { constant: u64::MAX / 2, factor: 0, divisor: 1 },
        wall_clock_ms: Budget { constant: 50, factor: 0, divisor: 1 },
        ..Limits::PURE
    };
    let filter =
        load_with(&Guest { parse: "(loop (br 0)) unreachable", ..Guest::default() }, limits).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(failure(call(&filter)).kind, FailureKind::Timeout);
}

#[test]
fn memory_is_bounded_however_slowly_it_grows() {
    ends("(loop (drop (memory.grow (i32.const 64))) (br 0)) unreachable", FailureKind::Memory);
    ends("(loop (drop (memory.grow (i32.const 1))) (br 0)) unreachable", FailureKind::Memory);
    ends("(drop (memory.grow (i32.const 65000))) unreachable", FailureKind::Memory);
    // Two memories have one budget: neither is above it.
    let two = Guest {
        parse: "(drop (memory.grow $more (i32.const 600))) (drop (memory.grow 0 (i32.const 600))) unreachable",
        fields: "(memory $more 1)",
        ..Guest::default()
    };
    assert_eq!(failure(call(&load(&two))).kind, FailureKind::Memory);
}

#[test]
fn tables_recursion_and_traps_end_the_call_by_kind() {
    let table = Guest {
        parse: "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0)) unreachable",
        fields: "(table $t 1 funcref)",
        ..Guest::default()
    };
    assert_eq!(failure(call(&load(&table))).kind, FailureKind::Resources);
    let again: String = (0..6).map(|i| format!("(local.get {i})")).collect();
    ends(&format!("(call $parse {again} (local.get 6))"), FailureKind::Stack);
    let trap = ends("unreachable", FailureKind::Trap);
    assert!(!trap.backtrace.is_empty(), "{trap:?}");
    ends("(i32.div_u (i32.const 1) (i32.const 0))", FailureKind::Trap);
    ends("(i32.load (i32.const -4))", FailureKind::Trap);
}

#[test]
fn what_a_guest_hands_over_is_bounded_before_the_host_holds_it() {
    let grow = "(drop (memory.grow (i32.const 900)))";
    let bomb = |bytes: u64| format!("{grow} {}", reject("(i32.const 200000)", &format!("(i32.const {bytes})")));
    // Far above the budget: the engine's allowance, which is known by its text.
    let failure = ends(&bomb(50 * MIB), FailureKind::Output);
    assert!(failure.message.contains("at once"), "{failure:?}");
    // Between the budget and the allowance: our own count.
    let failure = ends(&bomb(6 * MIB), FailureKind::Output);
    assert!(failure.message.contains("at most 4194416"), "{failure:?}");
    // A list of lists whose lengths are lies.
    ends(
        "(i32.store (i32.const 516) (i32.const 0)) (i32.store (i32.const 508) (i32.const -1)) (i32.const 500)",
        FailureKind::Trap,
    );
    // Pointers outside of memory, text that is no UTF-8.
    ends(&reject("(i32.const -1)", "(i32.const 100)"), FailureKind::Trap);
    ends(
        &format!("(i32.store8 (i32.const 600) (i32.const 255)) {}", reject("(i32.const 600)", "(i32.const 1)")),
        FailureKind::Trap,
    );
}

const LOG: &str = r#"(import "cybexp:tahoe/log@0.1.0" "log" (func $log (param i32 i32 i32)))"#;

#[test]
fn a_log_is_cut_and_counted_and_a_flood_costs_fuel() {
    let lines = Guest {
        imports: LOG,
        parse: &format!(
            "(local $n i32) (loop (call $log (i32.const 2) (i32.const 0) (i32.const 600))
             (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 40)))) {EMPTY_ANSWER}"
        ),
        ..Guest::default()
    };
    let called = call(&load(&lines));
    assert_eq!((called.report.log.len(), called.report.log_dropped, called.report.log[0].message.len()), (32, 8, 512));
    assert!(called.report.fuel > 40 * 1_600 && called.report.output == 40 * 600, "{:?}", called.report);
    let flood = |length: u32| {
        let parse = format!("(loop (call $log (i32.const 2) (i32.const 70000) (i32.const {length})) (br 0)) unreachable");
        failure(call(&load(&Guest { imports: LOG, parse: &parse, ..Guest::default() }))).kind
    };
    assert_eq!(flood(0), FailureKind::Fuel);
    assert_eq!(flood(60_000), FailureKind::Output);
}

#[test]
fn a_guest_finds_nothing_of_the_record_before() {
    // The reason is as long as the number of calls that this global has seen, and what stands in memory is marked.
    let counts = Guest {
        parse: &format!(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (i32.store (i32.const 700) (i32.add (i32.load (i32.const 700)) (i32.const 1)))
             (i32.store8 (i32.const 800) (i32.add (i32.const 64) (i32.load (i32.const 700))))
             {}",
            reject("(i32.const 800)", "(global.get $calls)")
        ),
        fields: "(global $calls (mut i32) (i32.const 0))",
        ..Guest::default()
    };
    let filter = load(&counts);
    let first = call(&filter);
    assert_eq!(first.outcome, Outcome::Rejected("A".to_owned()));
    for _ in 0..20 {
        assert_eq!(call(&filter), first, "the same outcome at the same cost");
    }
}

#[test]
fn a_component_that_declares_more_than_its_budget_is_refused_before_it_runs() {
    let refusal = |fields: &str| match load_with(&Guest { fields, ..Guest::default() }, Limits::PURE) {
        Ok(_) => panic!("admitted with {fields}"),
        Err(refusal) => refusal.to_string(),
    };
    assert!(refusal("(memory 1) (memory 1)").contains("memories"));
    // These two do not fit a slot of the pool, which the engine sees first.
    assert!(refusal("(memory 2000)").contains("memory"), "{}", refusal("(memory 2000)"));
    assert!(refusal("(table 30000 funcref)").contains("table"), "{}", refusal("(table 30000 funcref)"));
    assert!(refusal("(memory 1200)").contains("initial bytes of one memory"));
    assert!(refusal(&"(table 1 funcref)".repeat(9)).contains("tables"));
    assert!(refusal("(memory i64 1)").contains("not a valid component"));
}
