//! What is known of a value, from honeypots and sightings of several organisations.

use serde_json::{Value, json};

use crate::support::{Archive, Ended, filter, runtime};

const URL: &str = "http://malware.example/bins/x86";

fn cowrie(time: &str, session: &str) -> String {
    json!({
        "eventid": "cowrie.session.file_download", "timestamp": time, "session": session, "src_ip": "192.0.2.77", "url": URL,
        "outfile": "dl/x86", "shasum": "0f3c".repeat(16),
    })
    .to_string()
}

fn sighting(url: &str, category: &str, time: u32) -> String {
    json!({ "url": url, "category": category, "timestamp": time }).to_string()
}

/// Two organisations' records, the filters run over them.
fn filled() -> Archive {
    let archive = Archive::new();
    let downloads = [cowrie("2025-11-03T04:12:13.005Z", "aa01"), cowrie("2025-11-05T00:00:00Z", "aa02")].join("\n");
    let one = [sighting(URL, "malicious", 1_762_243_200), sighting(URL, "benign", 1_762_000_000)].join("\n");
    let two =
        [sighting(URL, "malicious", 1_762_300_000), sighting("http://other.example/", "malicious", 1_762_300_001)].join("\n");
    for (file, records, sub_type, orgid) in [
        ("downloads.jsonl", &downloads, "cowrie", "org-one"),
        ("one.jsonl", &one, "sighting", "org-one"),
        ("two.jsonl", &two, "sighting", "org-two"),
    ] {
        archive.ingest(&archive.file(file, records), sub_type, orgid, &["--received-at", "1767225600"]).expect(0);
    }
    archive.run(&[filter("cowrie"), filter("sighting")], &[]).expect(0);
    archive
}

fn show(archive: &Archive, value: &str, more: &[&str]) -> Ended {
    let store = archive.store();
    runtime(["show", "--store", &store].into_iter().chain(more.iter().copied()).chain(["--", value]))
}

/// Sub-type, context, organisation, count, first and last time.
type Row = (String, String, String, u64, f64, f64);

fn rows(found: &Value) -> Vec<Row> {
    let groups = found["correlation"]["events"]["groups"].as_array().unwrap().iter();
    let text = |group: &Value, field: &str| group[field].as_str().unwrap().to_owned();
    let row = |group: &Value| {
        assert_eq!(group["category"], group["context"]);
        let [first, last] = ["first_seen", "last_seen"].map(|field| group[field].as_f64().unwrap());
        let count = group["count"].as_u64().unwrap();
        (text(group, "sub_type"), text(group, "context"), text(group, "orgid"), count, first, last)
    };
    groups.map(row).collect()
}

#[test]
fn a_url_that_a_honeypot_and_two_organisations_saw_is_one_attribute_with_their_events_compared() {
    let archive = filled();
    let json = show(&archive, URL, &["--json"]).expect(0).json();
    let [found] = json["found"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!((&found["document"]["sub_type"], &found["document"]["data"]), (&json!("url"), &json!(URL)));
    let row = |sub_type: &str, context: &str, orgid: &str, count, first, last| {
        (sub_type.to_owned(), context.to_owned(), orgid.to_owned(), count, first, last)
    };
    let expected = [
        // Its own, and those that the filter `sighting` makes of the downloads.
        row("sighting", "malicious", "org-one", 3, 1_762_143_133.005, 1_762_300_800.0),
        row("file_download", "malicious", "org-one", 2, 1_762_143_133.005, 1_762_300_800.0),
        row("sighting", "benign", "org-one", 1, 1_762_000_000.0, 1_762_000_000.0),
        row("sighting", "malicious", "org-two", 1, 1_762_300_000.0, 1_762_300_000.0),
    ];
    assert_eq!(rows(found), expected);
    let correlation = &found["correlation"];
    let seen = &correlation["events"];
    assert_eq!(
        (&seen["count"], &seen["first_seen"], &seen["last_seen"]),
        (&7.into(), &1_762_000_000.0.into(), &1_762_300_800.0.into())
    );
    let counts = |kind: &str| -> Vec<(Value, Value)> {
        let list = correlation[kind]["sub_types"].as_array().unwrap().iter();
        list.map(|kind| (kind["sub_type"].clone(), kind["count"].clone())).collect()
    };
    assert_eq!(counts("records"), [(json!("sighting"), json!(3)), (json!("cowrie"), json!(2))]);
    assert_eq!(correlation["sessions"]["count"], 2);

    let text = show(&archive, URL, &[]).expect(0).out;
    for words in [
        "in 7 events, first seen 2025-11-01T12:26:40Z, last seen 2025-11-05T00:00:00Z",
        "2025-11-03T04:12:13Z",
        "org-two",
        "part of 2 sessions",
        "from 5 records",
        "sighting: 3",
    ] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    // By its hash the same.
    assert_eq!(show(&archive, found["document"]["_hash"].as_str().unwrap(), &[]).expect(0).out, text);
}

#[test]
fn the_digest_of_a_file_is_a_value_although_it_looks_like_a_hash_and_an_object_is_correlated_too() {
    let archive = filled();
    let json = show(&archive, &"0f3c".repeat(16), &["--json"]).expect(0).json();
    let sub_types: Vec<&Value> = json["found"].as_array().unwrap().iter().map(|found| &found["document"]["sub_type"]).collect();
    assert_eq!(sub_types, [&json!("sha256")]);
    let object = archive.documents().into_iter().find(|document| document["itype"] == "object").unwrap();
    let text = show(&archive, object["_hash"].as_str().unwrap(), &[]).expect(0).out;
    assert!(text.starts_with("object ") && text.contains("  in 2 events, first seen "), "{text}");
    let event = archive.documents().into_iter().find(|document| document["itype"] == "event").unwrap();
    let text = show(&archive, event["_hash"].as_str().unwrap(), &[]).expect(0).out;
    assert!(text.starts_with("event ") && !text.contains("first seen"), "{text}");
}

#[test]
fn what_is_not_there_is_said_with_a_hint_and_exit_code_1() {
    let archive = filled();
    for value in ["http://malware.example/bins/x8", "0", &"0".repeat(64), ""] {
        let ended = show(&archive, value, &[]).expect(1);
        assert!(ended.err.contains("no attribute with the value") && ended.err.contains("as it was received"), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
    let ended = show(&archive, "a\u{1b}[2J", &["--json"]).expect(1);
    assert!(ended.err.contains("a\\u{1b}[2J") && !ended.err.contains('\u{1b}'), "{}", ended.err);
    assert_eq!(ended.json(), json!({ "value": "a\u{1b}[2J", "found": [], "omitted": 0 }));
}

#[test]
fn what_attackers_wrote_is_escaped_for_people_and_exact_for_machines() {
    let archive = Archive::new();
    let url = "http://a.example/\u{1b}[2J\u{202e}gpj.exe";
    let file = archive.file("record.json", sighting(url, "malicious", 5));
    archive.ingest(&file, "sighting", "org", &["--received-at", "100"]).expect(0);
    archive.run(&[filter("sighting")], &[]).expect(0);
    let text = show(&archive, url, &[]).expect(0).out;
    assert!(text.contains("\\u{1b}[2J\\u{202e}gpj.exe"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    let json = show(&archive, url, &["--json"]).expect(0).json();
    assert_eq!(json["found"][0]["document"]["data"], url);
}

#[test]
fn a_url_of_two_feeds_and_a_honeypot_is_one_attribute_whatever_each_of_them_calls_the_event() {
    let url = "http://files.example/x?a=1&b=2";
    let archive = Archive::new();
    let received = ["--received-at", "1767225600"];
    let download = cowrie("2025-12-30T10:00:00Z", "a1").replace(URL, url);
    archive.ingest(&archive.file("cowrie.jsonl", download), "cowrie", "org-one", &received).expect(0);
    archive.ingest(&archive.file("openphish.txt", format!("{url}\n")), "openphish_feed", "org-one", &received).expect(0);
    let entry = json!([{"url": url.replace('&', "&amp;"), "verified": "yes", "submission_time": "2025-12-31T10:00:00Z"}]);
    archive.ingest(&archive.file("phishtank.json", entry.to_string()), "phishtank_feed", "org-two", &received).expect(0);
    archive.run(&["cowrie", "sighting", "openphish_feed", "phishtank_feed"].map(filter), &[]).expect(0);
    let json = show(&archive, url, &["--json"]).expect(0).json();
    let [found] = json["found"].as_array().unwrap().as_slice() else { panic!("{json}") };
    let rows = rows(found);
    let seen: Vec<_> = rows.iter().map(|(kind, _, orgid, count, ..)| (kind.as_str(), orgid.as_str(), *count)).collect();
    assert_eq!(seen, [("sighting", "org-one", 2), ("file_download", "org-one", 1), ("phishtank_url", "org-two", 1)]);
    let records = found["correlation"]["records"]["sub_types"].as_array().unwrap().iter();
    let sources: Vec<&str> = records.map(|record| record["sub_type"].as_str().unwrap()).collect();
    assert_eq!(sources, ["cowrie", "openphish_feed", "phishtank_feed"]);
}
