//! Single records, and what the filter makes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use filter_sdk::testing::{self, Run};
use filter_sdk::{Category, Scalar};
use proptest::prelude::*;
use sighting::FILTER;

fn run(sub_type: &str, data: &str) -> Run {
    testing::run(&FILTER, &testing::record(sub_type, data), &[])
}

fn summary(sub_type: &str, data: &str) -> Vec<String> {
    testing::summary(&run(sub_type, data).outcome.unwrap())
}

fn reason(data: &str) -> String {
    run("sighting", data).outcome.unwrap_err().reason
}

#[test]
fn each_key_is_one_sighting_with_its_value_as_given() {
    assert_eq!(
        summary("sighting", r#"{"asn": 64500, "score": 1.0, "seen_twice": true, "ipv4": "::ffff:192.0.2.1", "note": null}"#),
        [
            r#"event sighting {"asn":[64500]}"#,
            r#"event sighting {"score":[1.0]}"#,
            r#"event sighting {"seen_twice":[true]}"#,
            r#"event sighting {"ipv4":["::ffff:192.0.2.1"]}"#,
        ]
    );
    assert!(summary("sighting", "{}").is_empty());
}

#[test]
fn null_is_absent_everywhere() {
    let answer = run("sighting", r#"{"url": "x", "timestamp": null, "category": null, "context": null}"#).outcome.unwrap();
    let seen: Vec<_> = answer.events().iter().map(|event| (event.timestamp, event.category)).collect();
    assert_eq!(seen, [(1_800_000_000.0, Category::Unknown)]);
}

#[test]
fn the_context_may_differ_from_the_category() {
    let answer = run("sighting", r#"{"url": "x", "category": "unknown", "context": "benign"}"#).outcome.unwrap();
    assert!(
        answer
            .events()
            .iter()
            .all(|event| event.category == Category::Unknown && event.benign == [0] && event.malicious.is_empty())
    );
}

#[test]
fn what_cannot_be_a_sighting_is_rejected_with_the_reason() {
    for (data, expected) in [
        (r#"{"port2": 2}"#, "expected text under `port2`, which ends in a digit, found a number"),
        (r#"{"a b": "x"}"#, "expected a key of letters, digits and underscores, found \"a b\""),
        (r#"{"": "x"}"#, "expected a key of letters, digits and underscores, found \"\""),
        (r#"{"ipv4": []}"#, "expected a scalar under `ipv4`, found a list"),
        (r#"{"ipv4": {"a": 1}}"#, "expected a scalar under `ipv4`, found an object"),
        (r#"{"n": 9223372036854775808}"#, "expected a number of at most 63 bits under `n`"),
        (r#"{"category": "evil"}"#, "expected `category` to be unknown, benign or malicious, found \"evil\""),
        (r#"{"context": 1}"#, "expected `context` to be unknown, benign or malicious, found \"1\""),
        (r#"{"timestamp": -1}"#, "the time lies before 1970"),
        (r#"{"timestamp": true}"#, "expected a time such as 2024-03-09T12:34:56.789Z, found \"true\""),
        (r#"{"timestamp": [1]}"#, "expected `timestamp` to be text, found a list"),
    ] {
        assert_eq!(reason(data), expected);
    }
    assert!(reason("[]").starts_with("expected a JSON object"));
    assert!(reason(&format!(r#"{{"{}": 1}}"#, "a".repeat(129))).starts_with("expected a key"));
}

#[test]
fn more_keys_than_the_archive_takes_are_cut_and_logged() {
    for count in [200, 10_000] {
        let keys: Vec<String> = (0..count).map(|number| format!("\"k{number}x\":1")).collect();
        let run = run("sighting", &format!("{{{}}}", keys.join(",")));
        assert!(run.outcome.unwrap().events().len() >= 100);
        assert_eq!(run.log.len(), 1, "{count}");
    }
}

#[test]
fn the_option_switches_honeypot_records_off_and_sightings_not() {
    let event = r#"{"eventid": "cowrie.x", "src_ip": "192.0.2.1", "timestamp": "2024-03-09T12:34:56Z"}"#;
    for (sub_type, data, expected) in [("cowrie", event, 0), ("unr_honeypot", "not json", 0), ("sighting", r#"{"url": "x"}"#, 1)]
    {
        let answer = testing::run(&FILTER, &testing::record(sub_type, data), &[("honeypot", "off")]).outcome.unwrap();
        assert_eq!(answer.events().len(), expected);
    }
    assert_eq!(summary("cowrie", event), [r#"event sighting {"ipv4":["192.0.2.1"]}"#]);
}

#[test]
fn victims_are_benign_but_an_attacker_is_none() {
    let record = |target: &str| {
        format!(
            r#"{{"eventid": "cowrie.direct-tcpip.tunnel", "src_ip": "192.0.2.1", "dst_ip": "{target}", "timestamp": "2024-03-09T12:34:56Z"}}"#
        )
    };
    assert_eq!(
        summary("cowrie", &record("mail.example.com")),
        [r#"event sighting {"ipv4":["192.0.2.1"]}"#, r#"event sighting {"hostname":["mail.example.com"]}"#]
    );
    for nobody in ["::ffff:192.0.2.1", "", " "] {
        assert_eq!(summary("cowrie", &record(nobody)), [r#"event sighting {"ipv4":["192.0.2.1"]}"#]);
    }
}

#[test]
fn a_failed_download_sights_its_url_alone() {
    let record = r#"{"eventid": "cowrie.session.file_download.failed", "url": "tftp://example.com/a", "shasum": "aa", "timestamp": "2024-03-09T12:34:56Z"}"#;
    assert_eq!(summary("cowrie", record), [r#"event sighting {"url":["tftp://example.com/a"]}"#]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_members_are_survived_and_kept_as_given(members in prop::collection::btree_map("[a-z]{1,3}[0-9]?", ".*", 0..100)) {
        let data = serde_json::to_string(&members).unwrap();
        let reserved = ["timestamp", "category", "context"];
        if let Ok(answer) = run("sighting", &data).outcome && members.keys().all(|key| !reserved.contains(&key.as_str())) {
            let kept = answer.nodes().iter().filter(|node| matches!(node, filter_sdk::bindings::cybexp::tahoe::types::Node::Attribute(attribute)
                if matches!(&attribute.value, Scalar::Text(text) if members.get(&attribute.sub_type) == Some(text)))).count();
            prop_assert_eq!(kept, answer.nodes().len());
        }
    }

    #[test]
    fn arbitrary_text_is_survived(data in "\\PC*|[{}\\[\\]\":,a0\\\\]*") {
        let _ = run("sighting", &data);
    }
}
