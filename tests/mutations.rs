//! Fixtures with a few characters changed, into the built filters through the binary: whatever they hold, each record is
//! done or rejected. How many of each fixture: TAHOE_TEST_MUTATIONS.

#![expect(clippy::print_stderr, reason = "figures for people")]

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::goldens::{cases, files, filters};
use crate::support::{Archive, filter};

/// What breaks readers, besides any character.
const PIECES: [&str; 20] = [
    "\n",
    "\r\n\r\n",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\0",
    "\u{7f}",
    "\u{feff}",
    "=?utf-8?q?=",
    "--",
    "<",
    "&#1;",
    "1e999",
    "-1",
    "2999-12-31T23:59:60Z",
];

/// A text with up to four places changed, left out or doubled.
fn mutated(text: &str, changes: &[(prop::sample::Index, prop::sample::Index, usize, u8)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for (place, piece, length, what) in changes {
        let at = place.index(text.len() + 1);
        let end = (at + length).min(text.len());
        let new: Vec<char> = match what % 3 {
            0 => piece.get(&PIECES).chars().collect(),
            1 => Vec::new(),
            _ => [&text[at..end], &text[at..end]].concat(),
        };
        text.splice(at..end, new);
    }
    text.into_iter().collect()
}

/// The record with its text mutated, or one of its values; as text again, where it is one.
fn mutate(data: &Value, changes: &[(prop::sample::Index, prop::sample::Index, usize, u8)]) -> Value {
    if let Some(text) = data["data"].as_str() {
        let mut data = data.clone();
        data["data"] = mutated(text, changes).into();
        return data;
    }
    let text = mutated(&data.to_string(), changes);
    serde_json::from_str(&text).ok().filter(Value::is_object).unwrap_or_else(|| {
        let mut data = data.clone();
        for (place, piece, length, what) in changes {
            let Some(fields) = data.as_object_mut().filter(|fields| !fields.is_empty()) else { break };
            let key = place.get(&fields.keys().cloned().collect::<Vec<_>>()).clone();
            let value = match what % 5 {
                0 => Value::Null,
                1 => (*length as f64 - 3.5).into(),
                2 => vec![Value::from(*piece.get(&PIECES)); *length].into(),
                3 => mutated(fields[&key].as_str().unwrap_or_default(), changes).into(),
                _ => serde_json::json!({ "value": *piece.get(&PIECES) }),
            };
            fields.insert(key, value);
        }
        data
    })
}

#[test]
fn fixtures_that_were_damaged_are_done_or_rejected() {
    let times: usize = std::env::var("TAHOE_TEST_MUTATIONS").map_or(20, |times| times.parse().unwrap());
    let mut runner = TestRunner::deterministic();
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..40, any::<u8>());
    let changes = prop::collection::vec(change, 1..4);
    for name in filters() {
        let archive = Archive::new();
        let cases: Vec<Value> = files(&name).iter().flat_map(|file| cases(file)).collect();
        let mut records = String::new();
        for case in &cases {
            for _ in 0..times {
                let changes = changes.new_tree(&mut runner).unwrap().current();
                records += &format!("{}\n", mutate(&case["raw"]["data"], &changes));
            }
        }
        let sub_type = cases[0]["raw"]["sub_type"].as_str().unwrap();
        let file = archive.file("records.jsonl", records);
        // When the last of the cases arrived, so that what they tell lies in the past.
        let received_at = cases.iter().filter_map(|case| case["raw"]["received_at"].as_f64()).fold(0.0, f64::max).to_string();
        archive.ingest(&file, sub_type, "org", &["--format", "jsonl", "--received-at", &received_at]).expect(0);
        let summary = archive.run(&[filter(&name)], &[]).expect(0).json();
        let [done, rejected, failed] = ["done", "rejected", "failed"].map(|count| summary["filters"][0][count].as_u64().unwrap());
        eprintln!("{name}: {} fixtures, {done} damaged ones done, {rejected} rejected, {failed} failed", cases.len());
        assert!(done > 0 && failed == 0, "{summary}");
    }
}
