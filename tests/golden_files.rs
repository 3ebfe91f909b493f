//! `runtime test`, as an author uses it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Archive, Ended, command, filter, fixture, root, runtime};

fn test(filter: &Path, fixtures: &Path, more: &[&str]) -> Ended {
    let arguments = ["test".as_ref(), filter.as_os_str(), fixtures.as_os_str()];
    runtime(arguments.into_iter().chain(more.iter().map(AsRef::as_ref)))
}

/// Some cases of the sighting filter, changed, in a file.
fn cases(archive: &Archive, change: impl FnOnce(&mut Vec<Value>)) -> std::path::PathBuf {
    let mut cases = fixture("sighting/sighting.json").as_array().unwrap()[..3].to_vec();
    change(&mut cases);
    archive.file("cases.json", serde_json::to_vec_pretty(&cases).unwrap())
}

#[track_caller]
fn shows(out: &str, words: &[&str]) {
    for words in words {
        assert!(out.contains(words), "{words} is not in: {out}");
    }
}

#[test]
fn the_fixtures_of_this_repository_pass_with_the_options_that_they_name() {
    let fixtures = root().join("fixtures");
    let out = test(&filter("cowrie"), &fixtures.join("cowrie/cowrie-cybexp-2021.json"), &[]).expect(0).out;
    shows(&out, &["26 cases, 0 failed", "most of", "fuel", "memory", "expanded"]);
    shows(&test(&filter("sighting"), &fixtures.join("sighting"), &[]).expect(0).out, &["39 cases, 0 failed"]);
}

#[test]
fn what_differs_is_shown_by_document_and_field() {
    let archive = Archive::new();
    let file = cases(&archive, |cases| {
        let event = cases[0]["instances"].as_array_mut().unwrap().iter_mut().find(|found| found["itype"] == "event").unwrap();
        event["category"] = "malicious".into();
        cases[1]["instances"][0]["data"] = "192.0.2.\u{1b}".into();
        cases[1]["instances"][0]["_hash"] = "0".repeat(64).into();
        cases[2]["verdict"] = "rejected".into();
    });
    let out = test(&filter("sighting"), &file, &[]).expect(1).out;
    shows(
        &out,
        &[
            "FAILED  cases.json, case 0, sighting: done, 2 documents",
            r#"differs    event sighting at 1612345678.25 {"url":["http://phish.example.test/login"]}"#,
            r#"- category: "malicious""#,
            r#"+ category: "unknown""#,
            r#"- data: "192.0.2.\u001b""#,
            r#"+ data: "192.0.2.4""#,
            "expected that the filter rejects the record; it made 4 documents of it",
            "3 cases, 3 failed",
        ],
    );
}

#[test]
fn an_update_writes_what_came_and_keeps_the_rest_as_it_was() {
    let archive = Archive::new();
    let file = cases(&archive, |cases| {
        cases[0]["name"] = "kept".into();
        cases[1]["verdict"] = "rejected".into();
        let data = json!({"url": "http://new.example.test/", "timestamp": 1_612_345_678});
        cases.push(json!({"raw": {"sub_type": "sighting", "data": data}}));
    });
    let before: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    shows(&test(&filter("sighting"), &file, &["--update"]).expect(0).out, &["4 cases, 2 written, 0 failed"]);
    let text = fs::read_to_string(&file).unwrap();
    let after: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&after[0], &after[2]), (&before[0], &before[2]));
    assert_eq!((&after[1]["verdict"], &after[3]["verdict"]), (&json!("done"), &json!("done")));
    assert_eq!(after[3]["raw"]["data"], before[3]["raw"]["data"]);
    shows(&test(&filter("sighting"), &file, &[]).expect(0).out, &["4 cases, 0 failed", "(kept)"]);
    // Nothing changes any more, so nothing is written.
    shows(&test(&filter("sighting"), &file, &["--update"]).expect(0).out, &["4 cases, 0 written, 0 failed"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn an_update_never_writes_what_failed_and_nothing_at_all_if_a_file_is_damaged() {
    let archive = Archive::new();
    fs::create_dir(archive.path("fixtures")).unwrap();
    let record = json!({"sub_type": "sighting", "data": {"a": 1}});
    let text = json!([{"raw": record, "verdict": "rejected"}]).to_string();
    let good = archive.file("fixtures/good.json", &text);
    let trapping = crate::support::guest::file(&archive, 1, "trapping", "unreachable");
    shows(&test(&trapping, &good, &["--update"]).expect(1).out, &["trap: ", "1 cases, 0 written, 1 failed"]);
    assert_eq!(fs::read_to_string(&good).unwrap(), text);
    archive.file("fixtures/later.json", r#"[{"raw": {"sub_type": "sighting"}}]"#);
    let err = test(&filter("sighting"), &archive.path("fixtures"), &["--update"]).expect(1).err;
    shows(&err, &["later.json, case 0: `raw.data`: expected the record"]);
    assert_eq!(fs::read_to_string(&good).unwrap(), text);
}

#[test]
fn more_fuel_than_allowed_fails_a_case() {
    let archive = Archive::new();
    let file = cases(&archive, |_| ());
    shows(&test(&filter("sighting"), &file, &["--max-fuel", "100"]).expect(1).out, &["--max-fuel allows 100", "3 failed"]);
    test(&filter("sighting"), &file, &["--max-fuel", "50000000"]).expect(0);
}

#[test]
fn every_case_is_a_line_of_json_and_the_summary_is_the_last() {
    let archive = Archive::new();
    let file = cases(&archive, |cases| cases[1]["instances"] = json!([]));
    let out = test(&filter("sighting"), &file, &["--json"]).expect(1).out;
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines.iter().map(|line| line["result"].as_str()).collect::<Vec<_>>(),
        [Some("passed"), Some("failed"), Some("passed"), None]
    );
    assert_eq!(lines[1]["differences"][0]["kind"], "unexpected");
    let used = |what: &str| lines[0]["used"].as_array().unwrap().iter().find(|used| used["what"] == what).unwrap().clone();
    assert_eq!((&used("nodes")["used"], &used("events")["used"]), (&json!(1), &json!(1)));
    assert!(used("fuel")["used"].as_u64() < used("fuel")["limit"].as_u64());
    assert_eq!((&lines[3]["summary"]["cases"], &lines[3]["summary"]["failed"]), (&json!(3), &json!(1)));
}

#[test]
fn mistakes_of_the_author_are_told_by_what_is_wrong() {
    let archive = Archive::new();
    let file = cases(&archive, |cases| {
        cases[0]["raw"]["sub_type"] = "other".into();
        cases[1]["filter"] = "another".into();
        cases[2]["options"] = json!({"honeypot": "maybe"});
    });
    let out = test(&filter("sighting"), &file, &[]).expect(1).out;
    shows(
        &out,
        &["does not read records of sub-type other; it reads: cowrie", "is for the filter another", "cannot be \"maybe\""],
    );
    shows(&test(&filter("sighting"), &file, &["--option", "honeypot=maybe"]).expect(2).err, &["allowed: on, off"]);
    shows(&test(&filter("sighting"), &file, &["--option", "honeypot"]).expect(2).err, &["expected KEY=VALUE"]);
    shows(&test(&filter("sighting"), &archive.path("none.json"), &[]).expect(1).err, &["none.json"]);
    shows(&test(&archive.path("none.wasm"), &file, &[]).expect(1).err, &["none.wasm"]);
    let text = archive.file("text.json", "hello");
    shows(&test(&filter("sighting"), &text, &[]).expect(1).err, &["text.json: expected a JSON list of cases"]);
}

#[test]
fn a_watch_runs_again_when_a_file_changes_and_ends_as_the_last_run_did() {
    let archive = Archive::new();
    let file = cases(&archive, |cases| cases[0]["verdict"] = "rejected".into());
    let filter = filter("sighting");
    let arguments = ["test".as_ref(), filter.as_os_str(), file.as_os_str(), "--watch".as_ref()];
    let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "3 cases, 1 failed"));
    fs::write(&file, "[").unwrap();
    cases(&archive, |cases| _ = cases.pop());
    assert!(lines.any(|line| line == "2 cases, 0 failed"));
    let (code, _) = crate::support::terminate(&mut child);
    assert_eq!(code, Some(0));
}
