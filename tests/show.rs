//! What is known of a value.

use serde_json::json;

use crate::support::{Archive, filter, runtime};

const URL: &str = "http://files.example/x?a=1&b=2";

/// A URL in a feed of each kind, in a mail, and in a honeypot's download, by two organisations.
fn archive() -> Archive {
    let archive = Archive::new();
    let received = ["--received-at", "1767225600"];
    let download = json!({"eventid": "cowrie.session.file_download", "session": "a1", "sensor": "s", "src_ip": "192.0.2.9", "url": URL,
        "shasum": "0".repeat(64), "timestamp": "2025-12-30T10:00:00Z"});
    archive.ingest(&archive.file("cowrie.jsonl", download.to_string()), "cowrie", "org-one", &received).expect(0);
    archive.ingest(&archive.file("openphish.txt", format!("{URL}\n")), "openphish_feed", "org-one", &received).expect(0);
    let entry = json!([{"url": URL.replace('&', "&amp;"), "phish_id": 7, "verified": "yes", "submission_time": "2025-12-31T10:00:00+00:00"}]);
    archive.ingest(&archive.file("phishtank.json", entry.to_string()), "phishtank_feed", "org-two", &received).expect(0);
    let filters = ["cowrie", "sighting", "openphish_feed", "phishtank_feed"].map(filter);
    archive.run(&filters, &[]).expect(0);
    archive
}

#[test]
fn a_url_of_two_feeds_and_a_honeypot_is_one_attribute_with_all_its_sightings() {
    let archive = archive();
    let show = ["show", URL, "--store", &archive.store()];
    let json = runtime(show.into_iter().chain(["--json"])).expect(0).json();
    let all = json.as_array().unwrap();
    assert_eq!(all.len(), 1, "one attribute");
    let seen = all[0]["correlation"]["seen"].as_array().unwrap();
    let by: Vec<_> = seen
        .iter()
        .map(|seen| (seen["sub_type"].as_str().unwrap(), seen["orgid"].as_str().unwrap(), seen["count"].as_u64().unwrap()))
        .collect();
    // The honeypot's download, and the sighting of it beside that of the feed.
    assert_eq!(by, [("sighting", "org-one", 2), ("file_download", "org-one", 1), ("phishtank_url", "org-two", 1)]);
    assert_eq!((&seen[0]["first"], &seen[0]["last"]), (&json!(1_767_088_800.0), &json!(1_767_225_600.0)));
    let sources: Vec<&str> =
        all[0]["correlation"]["part_of"].as_array().unwrap().iter().map(|part| part["sub_type"].as_str().unwrap()).collect();
    assert_eq!(sources, ["cowrie", "openphish_feed", "phishtank_feed"]);
    let shown = runtime(show).expect(0).out;
    for words in [
        "url: http://files.example/x?a=1&b=2",
        "phishtank_url  malicious  malicious  org-two",
        "2025-12-30T10:00:00Z",
        "in 1 raw cowrie:",
    ] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
    // The same by its hash, and what an object is part of below its tree.
    let hash = all[0]["document"]["_hash"].as_str().unwrap();
    assert_eq!(runtime(["show", hash, "--store", &archive.store()]).expect(0).out, shown);
}

#[test]
fn what_is_not_there_is_an_error_with_a_hint_and_what_attackers_wrote_is_escaped() {
    let archive = archive();
    let missing = runtime(["show", "http://nowhere.example/", "--store", &archive.store()]).expect(1);
    assert!(missing.err.contains("exactly this value"), "{}", missing.err);
    let hostile = "\u{1b}[31mred\u{202e}";
    let record = archive.file("hostile.json", json!({"note": hostile, "timestamp": 1_767_225_600}).to_string());
    archive.ingest(&record, "sighting", "org", &["--format", "json"]).expect(0);
    archive.run(&[filter("sighting")], &[]).expect(0);
    let shown = runtime(["show", hostile, "--store", &archive.store()]).expect(0).out;
    assert!(!shown.contains(['\u{1b}', '\u{202e}']) && shown.contains("red"), "{shown:?}");
    // Numbers and truth values are found as they are typed.
    let record = archive.file("number.json", json!({"asn": 64500, "open": true}).to_string());
    archive.ingest(&record, "sighting", "org", &["--format", "json"]).expect(0);
    archive.run(&[filter("sighting")], &[]).expect(0);
    for value in ["64500", "true"] {
        runtime(["show", value, "--store", &archive.store()]).expect(0);
    }
}
