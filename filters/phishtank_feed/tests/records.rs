//! Single feeds, and what the filter makes of them.
#![expect(clippy::unwrap_used, reason = "tests")]

use filter_sdk::testing::{self, Run};
use filter_sdk::{Category, Scalar};
use phishtank_feed::FILTER;
use serde_json::json;

fn run(text: &str) -> Run {
    testing::run(&FILTER, &testing::record("phishtank_feed", &json!({ "data": text }).to_string()), &[])
}

fn summary(text: &str) -> Vec<String> {
    testing::summary(&run(text).outcome.unwrap())
}

fn reason(text: &str) -> String {
    run(text).outcome.unwrap_err().reason
}

const TIME: &str = r#""submission_time": "2024-03-09T10:00:00+00:00""#;

#[test]
fn entities_are_undone_once_and_nothing_else_is_changed() {
    for (given, stored) in [
        ("http://a.example/?x=1&amp;y=2", "http://a.example/?x=1&y=2"),
        ("http://a.example/?x=1&amp;amp;y=2", "http://a.example/?x=1&amp;y=2"),
        ("http://a.example/?x=1&copy=2", "http://a.example/?x=1&copy=2"),
        ("&#104;ttp://a.example/", "http://a.example/"),
        ("http://user:p%40ss@a_b.example:8080/~x#y", "http://user:p%40ss@a_b.example:8080/~x#y"),
        ("http://[2001:db8::1]/", "http://[2001:db8::1]/"),
        (r"http://a.example/\\x", r"http://a.example/\x"),
        (r#"http://a.example/\"q\""#, r#"http://a.example/"q""#),
        ("http://xn--bcher-kva.example/\u{feff}", "http://xn--bcher-kva.example/"),
    ] {
        let answer = run(&format!(r#"[{{"url": "{given}", {TIME}}}]"#)).outcome.unwrap();
        let filter_sdk::bindings::cybexp::tahoe::types::Node::Attribute(url) = &answer.nodes()[0] else { panic!("no attribute") };
        assert_eq!(url.value, Scalar::Text(stored.to_owned()));
    }
}

#[test]
fn who_is_not_verified_is_unknown_and_other_is_no_target() {
    let entry =
        |verified: &str| format!(r#"{{"url": "http://a.example/", {TIME}, "verified": "{verified}", "target": "Other"}}"#);
    for (verified, category) in [("yes", Category::Malicious), ("no", Category::Unknown), ("", Category::Unknown)] {
        let answer = run(&entry(verified)).outcome.unwrap();
        assert_eq!((answer.events()[0].category, answer.nodes().len()), (category, 1));
    }
}

#[test]
fn details_may_be_a_list_one_map_or_nonsense() {
    let with = |details: &str| summary(&format!(r#"{{"url": "http://a.example/", {TIME}, "details": {details}}}"#));
    let bare = [r#"event phishtank_url {"url":["http://a.example/"]}"#];
    for nothing in ["[]", "null", "7", "\"x\"", "[7, null, \"x\", []]", "{}", "[{\"ip_address\": []}]"] {
        assert_eq!(with(nothing), bare, "{nothing}");
    }
    for one in [r#"{"ip_address": "::ffff:192.0.2.5", "country": "NL"}"#, r#"[{"ip_address": "192.0.2.5", "country": "NL"}, {}]"#]
    {
        assert!(with(one)[0].contains(r#""geoip":[{"country_code2":["NL"],"ipv4":["192.0.2.5"]}]"#), "{:?}", with(one));
    }
}

#[test]
fn good_entries_are_kept_beside_bad_ones_which_are_logged_with_their_number() {
    let csv = "phish_id,url,submission_time,extra\n\
        1,http://a.example/,2024-03-09T10:00:00+00:00,x\n\
        2,not a url,2024-03-09T10:00:00+00:00,x\n\
        3,http://b.example/,soon,x\n\
        4,\"http://c.example/a,\"\"b\"\"\",2024-03-09T10:00:00+00:00\n";
    let run = run(csv);
    assert_eq!(run.outcome.unwrap().events().len(), 2);
    let log: Vec<&str> = run.log.iter().map(|(_, line)| line.as_str()).collect();
    assert!(
        log[0].starts_with("line 3 is left out: expected a URL") && log[1].starts_with("line 4 is left out: expected a time"),
        "{log:?}"
    );

    // A dump that breaks off, and one with a broken entry within.
    let entry = format!(r#"{{"url": "http://a.example/{{}}", {TIME}}}"#);
    assert_eq!(summary(&format!("[{entry}, {{\"url\": \"http")).len(), 1);
    assert_eq!(summary(&format!("[{entry}, {{\"url\": 7e}}, 12, {entry}]")).len(), 2);
    // An entry a line, with an error in the middle.
    assert_eq!(summary(&format!("{entry}\nToo many requests\n{entry}\n")).len(), 2);
}

#[test]
fn many_bad_entries_do_not_fill_the_log() {
    let run = run(&format!("http://a.example/\n{}", "nothing\n".repeat(1_000)));
    assert_eq!((run.outcome.unwrap().events().len(), run.log.len()), (1, 9));
    assert!(run.log[8].1.starts_with("992 more"), "{:?}", run.log[8]);
}

#[test]
fn what_is_no_feed_is_rejected_with_what_it_is() {
    for (text, words) in [
        ("", "empty"),
        (" \n\u{feff}\n", "empty"),
        ("<!DOCTYPE html><title>Just a moment…</title>", "an HTML or XML page"),
        ("\u{1f}\u{8b}\u{8}\u{0}", "gzip"),
        ("BZh91AY&SY", "bzip2"),
        ("PK\u{3}\u{4}", "zip"),
        ("Rate limit exceeded\n", "line 1 is left out: expected a URL, found \"Rate limit exceeded\""),
        ("[]", "no entries"),
        (r#"{"error": "not found"}"#, "it has no `url`"),
        ("phish_id,url,submission_time\n", "no entries"),
    ] {
        let reason = reason(text);
        assert!(reason.contains(words), "{text:?}: {reason}");
    }
    let no_text = testing::run(&FILTER, &testing::record("phishtank", r#"{"data": [1]}"#), &[]).outcome;
    assert!(no_text.unwrap_err().reason.contains("`data`"));
}

#[test]
fn lines_are_sightings_as_in_any_other_feed() {
    assert_eq!(
        summary("http://a.example/x\r\n\n http://a.example/x\nhttp://b.example/?a=1&amp;b=2\n"),
        [r#"event sighting {"url":["http://a.example/x"]}"#, r#"event sighting {"url":["http://b.example/?a=1&amp;b=2"]}"#]
    );
}

#[test]
fn a_value_that_is_too_large_written_out_costs_its_entry() {
    let head = "phish_id,url,submission_time,target\n";
    let row = |id: u32, target: &str| format!("{id},http://a{id}.example/,2024-03-09T10:00:00+00:00,{target}\n");
    let text = format!("{head}{}{}", row(1, &"\u{7f}".repeat(3 << 20)), row(2, "Example Bank"));
    let run = testing::run(&FILTER, &testing::record("phishtank_feed", &json!({ "data": text }).to_string()), &[]);
    assert_eq!(run.outcome.unwrap().events().len(), 1);
    assert!(run.log[0].1.contains("line 2 is left out"), "{:?}", run.log);
}
