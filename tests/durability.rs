//! Killed at any moment, restarted, run by many workers, run twice: the same bytes.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Archive, filter, root};

/// Enough records that a run takes long enough to be killed in: the fixture's, in many sessions.
fn archive(copies: usize) -> Archive {
    let archive = Archive::new();
    let records = std::fs::read_to_string(root().join("fixtures/records/cowrie.jsonl")).unwrap();
    let many: String = (0..copies).map(|copy| records.replace("5f1c0a7be210", &format!("5f1c{copy:08x}"))).collect();
    let file = archive.file("many.jsonl", many);
    archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

#[test]
fn a_second_run_does_nothing_and_one_worker_and_four_make_the_same_bytes() {
    let filters = [filter("cowrie"), filter("sighting")];
    let exports: Vec<String> = ["1", "4"]
        .iter()
        .map(|workers| {
            let archive = archive(40);
            archive.run(&filters, &["--workers", workers]).expect(0);
            let export = archive.export();
            let again = archive.run(&filters, &["--workers", workers]).expect(0).json();
            assert!(again["filters"].as_array().unwrap().iter().all(|filter| filter["attempts"] == 0), "{again}");
            assert_eq!(archive.export(), export);
            export
        })
        .collect();
    assert_eq!(exports[0], exports[1]);
}

/// How many pairs are settled, seen by another process than the one at work.
fn settled(archive: &Archive) -> i64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(archive.path("store.db"), flags).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap()
}

#[test]
fn killed_ten_times_in_the_middle_of_the_work_it_ends_with_the_same_bytes() {
    let filters = [filter("cowrie"), filter("sighting")];
    let copies = 400;
    let undisturbed = archive(copies);
    undisturbed.run(&filters, &[]).expect(0);

    let disturbed = archive(copies);
    let mut killed_at_work = 0;
    for round in 0..10 {
        let before = settled(&disturbed);
        let mut command = disturbed.run_command(&filters, &["--workers", "3"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Until it has committed something, and then into the next batch, each time a little further.
        while settled(&disturbed) == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(round));
        killed_at_work += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed_at_work >= 5, "only {killed_at_work} runs were killed at work: this test needs more records");
    let last = disturbed.run(&filters, &[]).expect(0).json();
    for filter in last["filters"].as_array().unwrap() {
        assert_eq!((&filter["store"]["pending"], &filter["store"]["failed"]), (&Value::from(0), &Value::from(0)));
        assert_eq!(filter["store"]["accepted"], Value::from(raw_records(&undisturbed)));
    }
    assert_eq!(disturbed.export(), undisturbed.export());
}

fn raw_records(archive: &Archive) -> usize {
    archive.export().matches(r#""itype":"raw""#).count()
}

#[test]
fn told_to_end_the_daemon_finishes_what_it_has_in_hand_and_says_so() {
    let archive = archive(4);
    let mut command = crate::support::command(["--store", &archive.store(), "--json"]);
    let filters = [filter("cowrie")];
    let child = command.arg("--filters").args(&filters).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Waits for the work, not for a time: the archive shows when it is done.
    let mut looks = 0;
    while archive.run(&filters, &[]).json()["filters"][0]["store"]["pending"] != 0 {
        looks += 1;
        assert!(looks < 100, "the daemon did nothing");
    }
    // Records that come while it runs are found.
    let late =
        archive.file("late.jsonl", r#"{"eventid":"cowrie.session.params","session":"aa","timestamp":"2025-01-01T00:00:00Z"}"#);
    archive.ingest(&late, "cowrie", "org", &[]).expect(0);
    let mut looks = 0;
    while !archive.export().contains(r#"{"sessionid":["aa"]}"#) {
        looks += 1;
        std::thread::sleep(Duration::from_millis(100));
        assert!(looks < 300, "the daemon did not find a new record");
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ended: crate::support::Ended = child.wait_with_output().unwrap().into();
    let ended = ended.expect(0);
    assert!(ended.err.contains("ready"), "{}", ended.err);
    let counters = &ended.json()["filters"][0];
    let sum = ["done", "rejected", "failed", "given_back"].iter().map(|field| counters[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!(counters["attempts"].as_u64().unwrap(), sum);
}
