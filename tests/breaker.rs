//! Ten failures in a row: is it the filter, or are it the records?

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Archive, Ended, command, guest, runtime};

/// Fails on every record of more than 100 bytes.
const PICKY: &str = "(if (i32.gt_u (local.get 3) (i32.const 100)) (then unreachable)) (i32.const 512)";

/// Archives so many good records, bad ones, good ones, in this order.
fn archive(counts: &[usize]) -> (Archive, PathBuf) {
    let archive = Archive::new();
    let padding = ["", &"x".repeat(100)];
    let mut lines = String::new();
    for (at, count) in counts.iter().enumerate() {
        for number in 0..*count {
            lines += &format!("{{\"eventid\":\"{at}.{number}\",\"pad\":\"{}\"}}\n", padding[at % 2]);
        }
    }
    let file = archive.file("records.jsonl", lines);
    archive.ingest(&file, "sighting", "org", &[]).expect(0);
    let filter = guest::file(&archive, 1, "picky", PICKY);
    (archive, filter)
}

fn status(archive: &Archive) -> Value {
    let status = runtime(["status", "--json", "--store", &archive.store()]).expect(0).json();
    status["filters"][0].clone()
}

fn counts(of: &Value) -> [u64; 4] {
    ["pending", "done", "rejected", "failed"].map(|state| of[state].as_u64().unwrap())
}

#[test]
fn records_that_fail_a_good_filter_are_dead_letters_and_the_others_are_done() {
    let (archive, filter) = archive(&[3, 40, 60]);
    let ended = archive.run(&[filter], &["--workers", "1"]).expect(3);
    assert!(ended.err.contains("the records are at fault"), "{}", ended.err);
    assert_eq!(counts(&ended.json()["filters"][0]["store"]), [0, 63, 0, 40]);
    let status = status(&archive);
    assert_eq!((counts(&status), &status["breaker"]), ([0, 63, 0, 40], &Value::Null));
}

#[test]
fn a_filter_that_never_did_a_record_well_is_over_for_the_run_and_its_records_stay_pending() {
    let (archive, filter) = archive(&[0, 12, 5]);
    let ended = archive.run(std::slice::from_ref(&filter), &[]).expect(3);
    assert!(ended.err.contains("picky") && ended.err.contains("over for this run"), "{}", ended.err);
    let summary = ended.json()["filters"][0].clone();
    assert_eq!(counts(&summary["store"]), [7, 0, 0, 10]);
    assert_eq!(summary["breaker"]["opened"], 1, "{summary}");
    assert!(summary["breaker"]["reason"].as_str().unwrap().starts_with("trap: "), "{summary}");
    // A person is told too, by the run and afterwards.
    let shown = runtime(["status", "--store", &archive.store()]).expect(0).out;
    assert!(shown.contains("stopped") && shown.contains("trap: "), "{shown}");
    assert!(status(&archive)["fuel"].as_u64().unwrap() > 0);
    // The next run starts afresh.
    assert_eq!(counts(&archive.run(&[filter], &[]).expect(3).json()["filters"][0]["store"]), [0, 5, 0, 12]);
    assert_eq!(status(&archive)["breaker"], Value::Null);
}

#[test]
fn what_a_filter_did_well_in_an_earlier_run_tells_that_the_records_are_at_fault_in_this_one() {
    let (archive, filter) = archive(&[3]);
    archive.run(std::slice::from_ref(&filter), &[]).expect(0);
    let bad = (0..30).map(|number| format!("{{\"eventid\":\"{number}\",\"pad\":\"{}\"}}\n", "x".repeat(100)));
    let file = archive.file("bad.jsonl", bad.collect::<String>());
    archive.ingest(&file, "sighting", "org", &[]).expect(0);
    assert_eq!(counts(&archive.run(&[filter], &[]).expect(3).json()["filters"][0]["store"]), [0, 3, 0, 30]);
}

fn daemon(archive: &Archive, filter: &PathBuf) -> Child {
    let mut command = command(["--store", &archive.store(), "--json", "--filters"]);
    command.arg(filter).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ended {
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    Ended::from(child.wait_with_output().unwrap()).expect(0)
}

/// Waits until the archive's status is as wanted.
#[track_caller]
fn wait_until(archive: &Archive, wanted: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let status = status(archive);
        if wanted(&status) {
            return status;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("still {}", status(archive));
}

#[test]
fn a_daemon_lets_one_record_through_after_a_wait_and_goes_on_when_it_passes() {
    let (archive, filter) = archive(&[0, 11, 30]);
    let child = daemon(&archive, &filter);
    let open = wait_until(&archive, |status| !status["breaker"].is_null());
    let [pending, done, _, failed] = counts(&open);
    assert_eq!((pending + failed, done), (41, 0), "{open}");
    assert!((10..=11).contains(&failed), "only what was let through: {open}");
    let closed = wait_until(&archive, |status| counts(status) == [0, 30, 0, 11]);
    let ended = end(child);
    assert_eq!((&closed["breaker"], ended.err.contains("does records again")), (&Value::Null, true), "{}", ended.err);
    assert!(ended.err.contains("opened=2"), "the second record failed too: {}", ended.err);
}
