//! The hostile suite: `runtime selftest`, and that it can fail.

use std::path::PathBuf;

use serde_json::Value;
use tahoe_runtime::selftest::{Case, Expect, Guest, Row, run};
use tahoe_runtime::verdict::FailureKind;
use tahoe_runtime::worker::Launcher;

use crate::support::{Archive, filter, guest, runtime};

#[test]
fn every_hostile_component_is_stopped_where_it_should_be() {
    let suite = runtime(["selftest", "--json"]);
    let summary = suite.json();
    let wrong: Vec<&Value> = summary["cases"].as_array().unwrap().iter().filter(|case| case["pass"] != true).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(summary["cases"].as_array().unwrap().len() > 100);
    assert_eq!((suite.code, &summary["failed"]), (Some(0), &Value::from(0)));
}

#[test]
fn a_person_sees_a_row_for_each_case_and_an_unknown_one_is_refused() {
    let shown = runtime(["selftest", "--only", "loop-in-parse", "unreachable"]).expect(0).out;
    assert_eq!(shown.lines().filter(|line| line.starts_with("pass")).count(), 2, "{shown}");
    assert!(shown.contains("2 of 2 pass"), "{shown}");
    assert!(runtime(["selftest", "--only", "nonsense"]).expect(2).err.contains("nonsense"));
}

#[test]
fn a_reviewers_component_passes_whatever_it_does_and_is_told_what_became_of_it() {
    let archive = Archive::new();
    let trapping = guest::file(&archive, 7, "trapping", "unreachable");
    let text = archive.file("text.wasm", "hello \u{1b}[31m");
    let arguments = ["selftest", "--only", "unreachable", "--with"].map(PathBuf::from);
    let files = [filter("cowrie"), trapping, text];
    let shown = runtime(arguments.into_iter().chain(files)).expect(0).out;
    assert!(shown.contains("4 of 4 pass"), "{shown}");
    for words in ["done", "failed: trap", "refused: it is not WebAssembly"] {
        assert!(shown.lines().any(|line| line.contains(".wasm: ") && line.contains(words)), "{words}: {shown}");
    }
}

/// Runs a case of a component with this body of `parse`.
fn case(parse: &'static str, expect: Expect) -> Row {
    let mut case = Case::new("case", expect, move || Guest { parse, accepts: &["sample"], ..Guest::default() }.bytes());
    // Other tests run in this process at the same time.
    (case.most_memory, case.most_host_memory) = (u64::MAX, u64::MAX);
    run(&case, &Launcher::of(PathBuf::from(env!("CARGO_BIN_EXE_runtime"))))
}

#[test]
fn a_case_that_ends_otherwise_than_expected_fails() {
    let right = case("unreachable", Expect::Failed(FailureKind::Trap, "unreachable"));
    assert!(right.passed(), "{right:?}");
    for expect in [
        Expect::Failed(FailureKind::Fuel, ""),
        Expect::Failed(FailureKind::Trap, "another message"),
        Expect::Refused(""),
        Expect::Rejected,
        Expect::Done { documents: 0 },
    ] {
        let row = case("unreachable", expect);
        assert!(!row.passed(), "{expect:?}: {row:?}");
    }
    assert!(case(guest::EMPTY_ANSWER, Expect::Done { documents: 0 }).passed());
    assert!(!case(guest::EMPTY_ANSWER, Expect::Done { documents: 1 }).passed());
    assert!(!case(guest::EMPTY_ANSWER, Expect::Failed(FailureKind::Answer, "")).passed());
}

#[test]
fn a_case_fails_that_takes_too_long_or_too_much() {
    let launcher = Launcher::of(PathBuf::from(env!("CARGO_BIN_EXE_runtime")));
    let build = || Guest { accepts: &["sample"], ..Guest::default() }.bytes();
    let new = || Case::new("case", Expect::Done { documents: 0 }, build);
    let mut slow = new();
    slow.limit = std::time::Duration::from_nanos(1);
    assert!(run(&slow, &launcher).problems.iter().any(|problem| problem.contains("it took")));
    let mut greedy = new();
    (greedy.most_memory, greedy.most_host_memory) = (1, 1);
    let problems = run(&greedy, &launcher).problems;
    for who in ["a process took", "the host took"] {
        assert!(problems.iter().any(|problem| problem.contains(who)), "{who}: {problems:?}");
    }
    let none = Case::new("case", Expect::Anything, || Guest { fields: "nonsense", ..Guest::default() }.bytes());
    assert!(run(&none, &launcher).problems.iter().any(|problem| problem.contains("no component")));
}
