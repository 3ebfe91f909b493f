//! The filter that runs beside a hostile one, and the records that both read.

use serde_json::{Map, Value, json};

use super::component::{Guest, NoComponent};
use super::image::{HEAD, NODE};
use crate::answer::{Answer, Event, Node, Session};
use crate::store::NewRecord;
use crate::tahoe::raw::RawError;
use crate::tahoe::{Category, RawDocument, Scalar};

/// What the sub-types of all its documents begin with.
pub(super) const PREFIX: &str = "neighbour_";

/// The last byte of its id, and its name: those of no case but those that mean to have them.
pub(super) const NUMBER: u8 = 0xa1;
/// See [`NUMBER`].
pub(super) const NAME: &str = "selftest_neighbour";

/// The sub-type of the records that the suite's components read.
pub(super) const SAMPLE: &str = "sample";

/// When all records arrived, in seconds.
pub(super) const RECEIVED_AT: f64 = 1_800_000_000.0;

/// A filter that makes an attribute of a record's data, an event at the time of its arrival, and a session.
pub(super) fn neighbour(accepts: &[&str]) -> Result<Vec<u8>, NoComponent> {
    let named = |what: &str| format!("{PREFIX}{what}");
    let event = Event {
        sub_type: named("event"),
        timestamp: 0.0,
        category: Category::Unknown,
        children: vec![0],
        malicious: vec![0],
        benign: vec![],
        session: Some(0),
    };
    let answer = Answer {
        nodes: vec![Node::Attribute { sub_type: named("data"), value: Scalar::Text(String::new()) }],
        events: vec![event],
        sessions: vec![Session { sub_type: named("session"), key: vec![0], start_time: None, end_time: None, duration: None }],
    };
    // The text of the attribute, and the event's time.
    let (text, time) = (Guest::ANSWER + HEAD + 24, Guest::ANSWER + HEAD + NODE + 8);
    let parse = format!(
        "(i32.store (i32.const {text}) (local.get 2)) (i32.store (i32.const {length}) (local.get 3))
         (f64.store (i32.const {time}) (local.get 6)) (i32.const {answer})",
        length = text + 4,
        answer = Guest::ANSWER
    );
    Guest { number: NUMBER, name: NAME, accepts, parse: &parse, answer, ..Guest::default() }.bytes()
}

/// Records of these sub-types, of two organisations in turn.
pub(super) fn records(sub_types: &[&str]) -> Result<Vec<NewRecord>, RawError> {
    let mut records = Vec::new();
    for sub_type in sub_types {
        // A filter of the suite ends in the same way whatever it is given; of a reviewer's nothing is known.
        let samples = if *sub_type == SAMPLE { few() } else { many() };
        for (data, orgid) in samples.into_iter().zip(["org-one", "org-two"].into_iter().cycle()) {
            records.push(NewRecord {
                document: RawDocument::new(sub_type, data)?,
                orgid: orgid.to_owned(),
                timezone: "UTC".to_owned(),
                received_at: RECEIVED_AT,
            });
        }
    }
    Ok(records)
}

/// Three.
fn few() -> Vec<Map<String, Value>> {
    objects([json!({"n": 1, "text": "first"}), json!({"n": 2, "text": "second \u{202e}"}), json!({"n": 3})])
}

/// Of every kind that filters here read, and some that nobody would write: empty, deep, with text that is escaped.
fn many() -> Vec<Map<String, Value>> {
    let lines =
        [include_str!("../../../fixtures/records/cowrie.jsonl"), include_str!("../../../fixtures/records/sighting.jsonl")];
    let feeds = [
        include_str!("../../../fixtures/records/openphish_feed.txt"),
        include_str!("../../../fixtures/records/phishtank_feed.json"),
        "From: a@a.example\r\nTo: b@b.example\r\nSubject: invented\r\n\r\nhttp://a.example/\r\n",
        "",
    ];
    let of_lines = lines.into_iter().flat_map(str::lines).filter_map(|line| serde_json::from_str(line).ok());
    let of_feeds = feeds.into_iter().map(|feed| json!({"data": feed}));
    let odd = [
        json!({}),
        json!({"data": "\0\u{1b}[31m\u{202e}\u{feff}\"\\\n"}),
        json!({"data": "\\\"".repeat(2_000)}),
        json!({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": [[[[[[null, -1, 1e300]]]]]]}}}}}}}}),
    ];
    objects(of_lines.chain(of_feeds).chain(odd))
}

fn objects(values: impl IntoIterator<Item = Value>) -> Vec<Map<String, Value>> {
    let objects = values.into_iter().map(|value| match value {
        Value::Object(object) => object,
        other => Map::from_iter([("data".to_owned(), other)]),
    });
    objects.collect()
}
