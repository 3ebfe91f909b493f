//! Guests that import WASI: what they find is the record's, the same everywhere, and bounded. All run through the
//! binary, in the processes that it calls filters in.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tahoe_runtime::answer::{Answer, Node};
use tahoe_runtime::limits::{Limits, Profile};
use tahoe_runtime::sandbox::{Record, Refusal};
use tahoe_runtime::selftest::wasi::{IMPORTS, SAY, WIT};
use tahoe_runtime::tahoe::Scalar;
use tahoe_runtime::verdict::{Called, Failure, FailureKind, LogLevel, Outcome};
use tahoe_runtime::worker::{self, Filter, Launcher, Worker};

use crate::support::guest::Guest;
use crate::support::{Archive, root, runtime};

/// A component that does this and then answers with what it said.
fn component(body: &str) -> Vec<u8> {
    let parse = format!("{body} (i32.const 512)");
    Guest { imports: IMPORTS, parse: &parse, fields: SAY, wit: WIT, ..Guest::default() }.bytes().unwrap()
}

fn ours() -> Launcher {
    Launcher::of(PathBuf::from(env!("CARGO_BIN_EXE_runtime")))
}

#[track_caller]
fn load(component: &[u8]) -> Filter {
    worker::load(&ours(), None, component, None).unwrap_or_else(|refusal| panic!("{refusal}"))
}

const RECORD: Record<'static> = Record { sub_type: "cowrie", data: r#"{"a":1}"#, timezone: "UTC", received_at: 1_767_225_600.25 };

fn call(body: &str) -> Called {
    Worker::new(ours()).call_one(&load(&component(body)), RECORD)
}

/// Fails unless a guest that does this ends so.
#[track_caller]
fn ends(body: &str, kind: FailureKind, words: &str) -> Failure {
    match call(body).outcome {
        Outcome::Failed(failure) if failure.kind == kind && failure.message.contains(words) => failure,
        other => panic!("{other:?}"),
    }
}

/// The numbers that a guest said.
#[track_caller]
fn said(called: &Called) -> Vec<i64> {
    let number = |node: &Node| match node {
        Node::Attribute { value: Scalar::Integer(number), .. } => *number,
        other => panic!("{other:?}"),
    };
    match &called.outcome {
        Outcome::Answered(Answer { nodes, .. }) => nodes.iter().map(number).collect(),
        other => panic!("{other:?}"),
    }
}

const CLOCK_AND_RANDOM: &str = "(call $wall (i32.const 600)) (call $say (i64.load (i32.const 600)))
    (call $say (i64.load32_u (i32.const 608))) (call $say (call $now)) (call $say (call $random)) (call $say (call $random))
    (call $bytes (i64.const 40) (i32.const 600)) (call $say (i64.load32_u (i32.const 604)))
    (call $say (i64.load (i32.load (i32.const 600))))
    (call $say (i64.load (i32.const 8000))) (i64.store (i32.const 8000) (i64.const 7))";

#[test]
fn the_clock_is_the_time_of_arrival_and_random_bytes_follow_from_the_record() {
    let filter = load(&component(CLOCK_AND_RANDOM));
    assert_eq!((filter.profile(), filter.limits()), (Profile::Wasi, &Limits::WASI));
    let mut worker = Worker::new(ours());
    let first = worker.call_one(&filter, RECORD);
    let numbers = said(&first);
    assert_eq!(numbers[..3], [1_767_225_600, 250_000_000, 1_767_225_600_250_000_000]);
    assert_eq!((numbers[5], numbers[7]), (40, 0));
    assert!(numbers[3] != numbers[4] && numbers[4] != numbers[6], "{numbers:?}");
    // The same at the same cost, after another record too: a call finds nothing of the one before.
    for _ in 0..5 {
        let other = said(&worker.call_one(&filter, Record { data: "{}", ..RECORD }));
        assert!(other[..3] == numbers[..3] && other[3..5] != numbers[3..5], "{other:?}");
        assert_eq!(worker.call_one(&filter, RECORD), first);
    }
    assert_eq!(Worker::new(ours()).call_one(&filter, RECORD), first, "in another process");
}

#[test]
fn whoever_sleeps_wakes_at_once_and_whoever_waits_for_ever_runs_out_of_fuel() {
    let hour = "(i64.const 3600000000000)";
    let began = Instant::now();
    let slept = call(&format!(
        "(local $before i64) (local.set $before (call $now)) (call $block (call $in {hour}))
         (i32.store (i32.const 700) (call $in {hour})) (call $poll (i32.const 700) (i32.const 1) (i32.const 600))
         (call $say (i64.load32_u (i32.const 604))) (call $say (i64.sub (call $now) (local.get $before)))"
    ));
    assert_eq!(said(&slept), [1, 7_200_000_000_000], "one is ready, and the time has come");
    // Until the last instant that there is, again and again.
    ends(
        "(local $p i32) (local.set $p (call $in (i64.const -1))) (loop (call $block (local.get $p)) (br 0))",
        FailureKind::Fuel,
        "",
    );
    ends("(call $poll (i32.const 700) (i32.const 0) (i32.const 600))", FailureKind::Trap, "polled nothing");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn there_are_no_files_no_sockets_no_arguments_no_environment_and_no_input() {
    let length = "(call $say (i64.load32_u (i32.const 604)))";
    let case_and_code = "(call $say (i64.load8_u (i32.const 600))) (call $say (i64.load8_u (i32.const 604)))";
    let called = call(&format!(
        "(call $folders (i32.const 600)) {length} (call $environment (i32.const 600)) {length}
         (call $arguments (i32.const 600)) {length}
         (call $tcp (i32.const 0) (i32.const 600)) {case_and_code}
         (call $resolve (call $network) (i32.const 900) (i32.const 4) (i32.const 600)) {case_and_code}
         (call $read (call $stdin) (i64.const 10) (i32.const 600)) {case_and_code}"
    ));
    // Three empty lists; then three errors: access denied twice, and a stream that is closed.
    assert_eq!(said(&called), [0, 0, 0, 1, 1, 1, 1, 1, 1]);
    ends("(call $fly)", FailureKind::Link, "wasi:clocks/wall-clock fly");
}

#[test]
fn output_goes_to_the_log_cut_and_counted() {
    // A line of 600 bytes, the last of them its end.
    let write = "(call $write (global.get $out) (i32.const 3000) (i32.const 600) (i32.const 600))";
    let lines = format!(
        "(local $n i32) (global.set $out (call $stdout)) (i32.store8 (i32.const 3599) (i32.const 10))
         (loop {write} (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
         (call $say (i64.load8_u (i32.const 600)))"
    );
    let fields = format!("{SAY} (global $out (mut i32) (i32.const 0))");
    let component = |parse: &str| {
        let parse = format!("{parse} (i32.const 512)");
        load(&Guest { imports: IMPORTS, parse: &parse, fields: &fields, wit: WIT, ..Guest::default() }.bytes().unwrap())
    };
    let called = Worker::new(ours()).call_one(&component(&lines), RECORD);
    assert_eq!(said(&called), [0], "every write is accepted");
    assert_eq!((called.report.log.len(), called.report.log_dropped), (32, 68));
    assert!(called.report.log.iter().all(|line| line.level == LogLevel::Info && line.message.len() == 512));
    assert_eq!(called.report.output, 60_000 + 44, "what was written, and an answer of one number");
    let flood = |bytes: u32| {
        let body = format!(
            "(global.set $out (call $stdout)) (loop (call $write (global.get $out) (i32.const 3000) (i32.const {bytes}) (i32.const 600)) (br 0))"
        );
        match Worker::new(ours()).call_one(&component(&body), RECORD).outcome {
            Outcome::Failed(failure) => failure.kind,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(flood(60_000), FailureKind::Output);
    assert_eq!(flood(0), FailureKind::Fuel);
    // What stands in a line that was not ended is not lost.
    let called = Worker::new(ours())
        .call_one(&component("(call $write (call $stdout) (i32.const 900) (i32.const 4) (i32.const 600))"), RECORD);
    assert_eq!(called.report.log[0].message, "said");
}

#[test]
fn handles_and_random_bytes_are_bounded() {
    ends("(loop (drop (call $in (i64.const 0))) (br 0))", FailureKind::Resources, "handles");
    ends("(loop (drop (call $stdout)) (br 0))", FailureKind::Resources, "handles");
    let thirst = "(loop (call $bytes (i64.const 1000) (i32.const 600)) (br 0)) unreachable";
    // Into the same place again and again, so that memory is not what it lacks.
    let thirst =
        Guest { imports: IMPORTS, parse: thirst, fields: SAY, realloc: "(i32.const 65536)", wit: WIT, ..Guest::default() };
    match Worker::new(ours()).call_one(&load(&thirst.bytes().unwrap()), RECORD).outcome {
        Outcome::Failed(failure) => assert_eq!(failure.message, "random bytes: 66000 asked for, at most 65536"),
        other => panic!("{other:?}"),
    }
    ends("(call $bytes (i64.const -1) (i32.const 600))", FailureKind::Resources, "random bytes");
}

/// How many core modules there are at the top of a component: its sections are a number, a length in groups of seven
/// bits, and so many bytes; modules have number 1.
fn core_modules(component: &[u8]) -> u8 {
    let (mut rest, mut modules) = (&component[8..], 0);
    while let [number, section @ ..] = rest {
        let digits = section.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let length = section[..=digits].iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
        modules += u8::from(*number == 1);
        rest = &section[digits + 1 + length..];
    }
    modules
}

#[test]
fn as_many_instances_as_a_language_needs_are_granted_and_no_more() {
    let component = |instances: u8| {
        let mut component = component("");
        let index = core_modules(&component);
        // An empty module, and instances of it without imports; lengths above 127 take two bytes.
        component.extend([1, 8]);
        component.extend(b"\0asm\x01\0\0\0");
        let length = 1 + 3 * u16::from(instances);
        component.extend([2, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, instances]);
        component.extend([0, index, 0].repeat(usize::from(instances)));
        component
    };
    load(&component(120));
    match worker::load(&ours(), None, &component(127), None).map(|_| ()) {
        Err(Refusal::Describe(failure)) => assert_eq!(failure.kind, FailureKind::Resources, "{failure:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_guest_does_wrong_while_its_instance_is_made_is_its_own_fault() {
    let fields = "(start $begin) (func $begin (call $block (i32.const 77)))";
    let guest = Guest { imports: IMPORTS, fields, wit: WIT, ..Guest::default() };
    match worker::load(&ours(), None, &guest.bytes().unwrap(), None).map(|_| ()) {
        Err(Refusal::Describe(failure)) => assert_eq!(failure.kind, FailureKind::Trap, "{failure:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_guest_that_exits_leaves_a_dead_letter_with_the_reason() {
    let archive = Archive::new();
    let filter = archive.file("exits.wasm", component("(call $exit (i32.const 1))"));
    archive.ingest(&archive.file("one.jsonl", r#"{"n": 1}"#), "cowrie", "org", &[]).expect(0);
    archive.run(&[filter], &[]).expect(3);
    let letters = runtime(["dead-letters", "list", "--json", "--store", &archive.store()]).expect(0).out;
    assert!(letters.contains("exited with code 1") && letters.contains(r#""trap""#), "{letters}");
}

/// A component with so many bytes more, which mean nothing.
fn padded(mut component: Vec<u8>, bytes: usize) -> Vec<u8> {
    // A section without a meaning: number, length in groups of seven bits, a name of one byte.
    let length = bytes + 2;
    component.push(0);
    component.extend((0..4).map(|group| (length >> (7 * group)) as u8 | if group < 3 { 0x80 } else { 0 }));
    component.extend([1, b'-']);
    component.resize(component.len() + bytes, 0);
    component
}

#[test]
fn inspect_shows_the_profile_which_what_is_imported_decides() {
    let archive = Archive::new();
    let inspect = |name: &str, component: &[u8], code| {
        let path = archive.file(name, component);
        let shown = runtime([Path::new("inspect"), &path]).expect(code).out;
        let json: Value = runtime([Path::new("inspect"), &path, Path::new("--json")]).expect(code).json();
        (shown, json)
    };
    let mib = 1024 * 1024;
    let (shown, json) = inspect("wasi.wasm", &padded(component(CLOCK_AND_RANDOM), 20 * mib), 0);
    assert!(shown.contains("profile      wasi: "), "{shown}");
    assert_eq!((&json["profile"], &json["limits"]["instances"]), (&"wasi".into(), &128.into()));
    let (shown, json) = inspect("pure.wasm", &Guest::default().bytes().unwrap(), 0);
    assert!(shown.contains("profile      pure: "), "{shown}");
    assert_eq!(json["profile"], "pure");
    // What needs no runtime inside has no reason to be that large.
    let (shown, _) = inspect("large.wasm", &padded(Guest::default().bytes().unwrap(), 9 * mib), 1);
    assert!(shown.contains("a component of profile pure is at most 8388608"), "{shown}");
    let (shown, _) = inspect("huge.wasm", &padded(component(CLOCK_AND_RANDOM), 64 * mib), 1);
    assert!(shown.contains("a component of profile wasi is at most 67108864"), "{shown}");
}

#[test]
fn what_has_no_stub_is_refused_by_name_with_the_way_out() {
    for (import, version) in [("wasi:http/types", "0.2.6"), ("wasi:nn/graph", "0.2.6"), ("wasi:clocks/wall-clock", "0.3.0")] {
        let (package, interface) = import.split_once('/').unwrap();
        let wit = format!(
            "package test:guest; world guest {{ import {import}@{version}; include cybexp:tahoe/tahoe-filter@0.1.0; }}
             package {package}@{version} {{ interface {interface} {{ use-it: func(); }} }}"
        );
        let imports = format!(r#"(import "{import}@{version}" "use-it" (func))"#);
        let component = Guest { imports: &imports, wit: &wit, ..Guest::default() }.bytes().unwrap();
        match worker::load(&ours(), None, &component, None) {
            Err(refusal @ Refusal::Import(_)) => {
                let text = refusal.to_string();
                assert!(text.contains(&format!("it imports {import}@{version}")), "{text}");
                assert!(text.contains("of WASI 0.2 the packages cli, clocks"), "{text}");
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{import} was admitted"),
        }
    }
}

/// What the real guest answered to `ask`, by sub-type.
fn answered(archive: &Archive) -> Vec<(String, String)> {
    let text = |document: &Value, field: &str| document[field].as_str().unwrap_or_default().to_owned();
    let attributes = archive.documents().into_iter().filter(|document| document["itype"] == "attribute");
    attributes.map(|document| (text(&document, "sub_type"), text(&document, "data"))).collect()
}

#[test]
fn the_standard_library_of_rust_finds_nothing_and_says_the_same_every_time() {
    let filter = root().join("tests/guests/language_runtime.wasm");
    if !filter.exists() {
        #[expect(clippy::print_stderr, reason = "says that it looked at nothing")]
        {
            eprintln!("real WASI guest SKIPPED: scripts/test.sh builds it where Rust has the target wasm32-wasip2");
        }
        return;
    }
    let archives = [Archive::new(), Archive::new()];
    for archive in &archives {
        let records: String =
            ["ask", "wait", "flood", "exit", "panic"].iter().map(|what| format!("{{\"do\": \"{what}\"}}\n")).collect();
        archive.ingest(&archive.file("r.jsonl", records), "sighting", "org", &["--received-at", "1767225600.25"]).expect(0);
        let run = archive.run(std::slice::from_ref(&filter), &[]).expect(3);
        assert!(run.err.contains("dropped"), "of the flood: {}", run.err);
        let letters = runtime(["dead-letters", "list", "--json", "--store", &archive.store()]).expect(0).out;
        for (kind, words) in [("fuel", "fuel"), ("trap", "exited with code"), ("trap", "unreachable")] {
            let found = letters.lines().any(|letter| letter.contains(&format!("\"{kind}\"")) && letter.contains(words));
            assert!(found, "{kind} {words}: {letters}");
        }
        assert_eq!(run.json()["filters"][0]["done"], 2, "{}", run.out);
    }
    assert_eq!(archives[0].export(), archives[1].export());
    let answers = answered(&archives[0]);
    for (name, value) in [
        ("clock", "1767225600.250"),
        ("slept", "3600s"),
        ("environment", "0"),
        ("arguments", "0"),
        ("file_read", "false"),
        ("file_written", "false"),
        ("connected", "false"),
        ("named", "false"),
        ("bound", "false"),
        ("input", "0 bytes"),
        ("thread", "false"),
    ] {
        assert!(answers.contains(&(name.to_owned(), value.to_owned())), "{name}: {answers:?}");
    }
}

#[test]
fn the_numbers_in_the_readme_are_those_of_the_host() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let readme = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let (limits, mib) = (Limits::WASI, 1024 * 1024);
    for words in [
        format!("{} MiB instead of {}", Profile::Wasi.component_bytes() / mib, Profile::Pure.component_bytes() / mib),
        format!("{} MiB of memory + {} × input", limits.memory.constant / mib, limits.memory.factor),
        format!("{} million units of fuel + {},000 × input", limits.fuel.constant / 1_000_000, limits.fuel.factor / 1_000),
        format!("{} core instances", limits.instances),
        format!("at most {} KiB", limits.random / 1024),
    ] {
        assert!(readme.contains(&words), "{words}");
    }
}
