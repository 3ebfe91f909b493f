//! Records that failed: looked at, tried again with a mended filter, or given up; on both stores.

use serde_json::Value;

use crate::support::server::database;
use crate::support::traffic::cowrie;
use crate::support::{Archive, Ended, guest, runtime};

const BAD: &str = "unreachable";

/// Six records that one filter fails on; the filter that does, and the one that was mended: the same but for its code.
fn failed(archive: &Archive) -> [std::path::PathBuf; 2] {
    let file = archive.file("records.jsonl", cowrie(6));
    archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    let bad = guest::file(archive, 1, "fragile", BAD);
    archive.run(std::slice::from_ref(&bad), &[]).expect(3);
    let kept = archive.path("bad.wasm");
    std::fs::rename(&bad, &kept).unwrap();
    [kept, guest::file(archive, 1, "fragile", guest::EMPTY_ANSWER)]
}

fn letters(archive: &Archive) -> Vec<Value> {
    let listed = runtime(["dead-letters", "list", "--json", "--store", &archive.store()]).expect(0).out;
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn dead_letters(archive: &Archive, words: &[&str]) -> Ended {
    let store = archive.store();
    runtime(["dead-letters"].iter().chain(words).copied().chain(["--store", &store]))
}

fn both(name: &str, test: impl Fn(&Archive)) {
    test(&Archive::new());
    if let Some(store) = database(name) {
        test(&Archive::at(store));
    }
}

fn tally(archive: &Archive) -> [u64; 5] {
    let status = runtime(["status", "--json", "--store", &archive.store()]).expect(0).json();
    let tally = &status["filters"][0];
    ["accepted", "pending", "done", "rejected", "failed"].map(|count| tally[count].as_u64().unwrap_or_else(|| panic!("{status}")))
}

#[test]
fn a_dead_letter_is_shown_with_all_that_its_verdict_depends_on() {
    both("letter_shown", |archive| {
        failed(archive);
        let all = letters(archive);
        assert_eq!(all.len(), 6);
        let id = all[2]["id"].to_string();
        let shown = dead_letters(archive, &["show", &id, "--json"]).expect(0).json();
        for (field, value) in all[2].as_object().unwrap() {
            assert_eq!(shown[field], *value);
        }
        assert!(shown["engine"].as_str().unwrap().starts_with("wasmtime "), "{shown}");
        assert_eq!((&shown["kind"], &shown["timezone"]), (&"trap".into(), &"UTC".into()));
        assert!(shown["data"].as_str().unwrap().contains("cowrie."), "{shown}");
        assert!(shown["backtrace"].as_array().is_some_and(|frames| !frames.is_empty()), "{shown}");
        let text = dead_letters(archive, &["show", &id]).expect(0).out;
        for word in ["fragile 1.0.0", "trap: ", "backtrace", "engine      wasmtime", "limits", "by hand", "cowrie."] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
        let missing = dead_letters(archive, &["show", "999"]).expect(1);
        assert!(missing.err.contains("there is no dead letter 999"), "{}", missing.err);
    });
}

#[test]
fn the_same_bytes_fail_in_the_same_way_and_a_mended_filter_clears_them() {
    both("letter_retried", |archive| {
        let [bad, good] = failed(archive).map(|path| path.display().to_string());
        let before = letters(archive);
        let first = before[0]["id"].to_string();
        let again = dead_letters(archive, &["retry", &first, "--filters", &bad]).expect(3);
        assert!(again.out.contains("failed: trap"), "{}", again.out);
        let after = letters(archive);
        assert_eq!(after.len(), 6);
        for field in ["id", "kind", "message", "backtrace", "fuel", "component", "limits", "record"] {
            assert_eq!(after[0][field], before[0][field], "{field}");
        }
        assert_eq!(after[0]["attempts"], 2);

        dead_letters(archive, &["retry", &first, "--filters", &good]).expect(0);
        assert_eq!((letters(archive).len(), tally(archive)), (5, [6, 0, 1, 0, 5]));
        let rest = dead_letters(archive, &["retry", "--all", "--json", "--filters", &good]).expect(0).out;
        assert_eq!(rest.lines().filter(|line| line.contains(r#""verdict":"done""#)).count(), 5, "{rest}");
        assert_eq!((letters(archive).len(), tally(archive)), (0, [6, 0, 6, 0, 0]));
        // And it is as if the filter had never failed.
        let undisturbed = Archive::new();
        let file = undisturbed.file("records.jsonl", cowrie(6));
        undisturbed.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
        undisturbed.run(&[good.into()], &[]).expect(0);
        assert_eq!(archive.export(), undisturbed.export());
    });
}

#[test]
fn a_discarded_record_counts_as_rejected_and_a_mistyped_number_changes_nothing() {
    both("letter_discarded", |archive| {
        let [bad, _] = failed(archive);
        let ids: Vec<String> = letters(archive).iter().map(|letter| letter["id"].to_string()).collect();
        dead_letters(archive, &["discard", &ids[0], "999"]).expect(1);
        assert_eq!(letters(archive).len(), 6);
        dead_letters(archive, &["discard", &ids[0], &ids[3]]).expect(0);
        assert_eq!((letters(archive).len(), tally(archive)), (4, [6, 0, 0, 2, 4]));
        // Nobody attempts it any more, and what is left can be settled.
        let summary = archive.run(&[bad], &[]).expect(0).json();
        assert_eq!(summary["filters"][0]["attempts"], 0, "{summary}");
        dead_letters(archive, &["discard", &ids[0]]).expect(1);
    });
}

#[test]
fn a_letter_of_another_filter_is_not_given_to_the_one_that_is_named() {
    let archive = Archive::new();
    failed(&archive);
    let other = guest::file(&archive, 2, "other", guest::EMPTY_ANSWER).display().to_string();
    let refused = dead_letters(&archive, &["retry", "1", "--filters", &other]).expect(1);
    assert!(refused.err.contains("dead letter 1 is of the filter fragile"), "{}", refused.err);
    assert!(dead_letters(&archive, &["retry", "--all", "--filters", &other]).expect(0).out.starts_with("0 tried"));
    assert_eq!(letters(&archive).len(), 6);
    dead_letters(&archive, &["retry", "--filters", &other]).expect(2);
}
