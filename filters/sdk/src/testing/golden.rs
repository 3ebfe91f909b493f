//! Goldens: records with the documents that they must become.
//!
//! A file is a JSON list of cases: `raw` (the record, `data` as a JSON value), `verdict` (`done` or `rejected`),
//! `instances` (all documents that must be there afterwards). Hashes are the host's: here they only say who refers to
//! whom, and documents are compared by content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::document::{Content, dump, key};
use crate::bindings::cybexp::tahoe::types::Node;
use crate::{Answer, Category, Filter, Record};

/// Runs a filter over all cases of a golden file and counts them.
///
/// # Errors
/// If the file cannot be read or has no case, or with what differs in the cases that failed.
pub fn check_goldens(filter: &Filter, file: impl AsRef<Path>) -> Result<usize, String> {
    check_goldens_with(filter, file, &[])
}

/// As [`check_goldens`], with options of the test's choice.
///
/// # Errors
/// See there.
pub fn check_goldens_with(filter: &Filter, file: impl AsRef<Path>, options: &[(&str, &str)]) -> Result<usize, String> {
    let file = file.as_ref();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let cases: Vec<Value> = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if cases.is_empty() {
        return Err(format!("{}: expected cases, found none", file.display()));
    }
    let failures: Vec<String> = cases
        .iter()
        .enumerate()
        .filter_map(|(number, case)| {
            check_case(filter, case, options).err().map(|why| format!("{}, case {number}: {why}", file.display()))
        })
        .collect();
    if failures.is_empty() { Ok(cases.len()) } else { Err(failures.join("\n")) }
}

fn check_case(filter: &Filter, case: &Value, options: &[(&str, &str)]) -> Result<(), String> {
    let raw = case.get("raw").ok_or("no `raw`")?;
    let text = |key: &str| raw.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let record = Record {
        sub_type: text("sub_type"),
        data: ascii_json(raw.get("data").ok_or("no `raw.data`")?),
        timezone: text("timezone"),
        received_at: raw.get("received_at").and_then(Value::as_f64).ok_or("no `raw.received_at`")?,
    };
    let outcome = super::run(filter, &record, options).outcome;
    let expected = case.get("verdict").and_then(Value::as_str);
    match (&outcome, expected) {
        (Ok(answer), Some("done")) => {
            let found = documents_of_answer(answer).ok_or("the answer refers to nodes that are not there")?;
            compare(&documents_of_case(case)?, &found)
        }
        (Err(_), Some("rejected")) => Ok(()),
        (outcome, expected) => Err(format!("expected {expected:?}, found {outcome:?}")),
    }
}

fn compare(expected: &Documents, found: &Documents) -> Result<(), String> {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differences = keys.into_iter().filter(|key| expected.get(*key) != found.get(*key)).map(|key| {
        let shown = |facts: Option<&Facts>| facts.map_or("not there".to_owned(), |facts| format!("{facts:?}"));
        format!("\n  {key}\n    expected: {}\n    found:    {}", shown(expected.get(key)), shown(found.get(key)))
    });
    let differences = differences.collect::<String>();
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// JSON as a record has it: compact, ASCII, keys sorted (a `Map` of `serde_json` is).
fn ascii_json(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| format!("{}:{}", dump(key), ascii_json(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(ascii_json).collect::<Vec<_>>().join(",")),
        Value::String(text) => dump(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// What is known of one document beside its identity. Documents of one identity are joined, so everything here is a
/// set.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    categories: BTreeSet<String>,
    children: BTreeSet<String>,
    malicious: BTreeSet<String>,
    benign: BTreeSet<String>,
    events: BTreeSet<String>,
    times: BTreeSet<String>,
}

type Documents = BTreeMap<String, Facts>;

fn documents_of_answer(answer: &Answer) -> Option<Documents> {
    let content = Content::of(answer)?;
    let named =
        |indices: &[u32]| indices.iter().map(|index| content.keys.get(*index as usize).cloned()).collect::<Option<BTreeSet<_>>>();
    let mut documents = Documents::new();
    for (node, key) in answer.nodes().iter().zip(&content.keys) {
        let facts = documents.entry(key.clone()).or_default();
        if let Node::Object(object) = node {
            facts.children.extend(named(&object.children)?);
        }
    }
    let mut events_of_sessions = vec![BTreeSet::new(); answer.sessions().len()];
    for event in answer.events() {
        let key = event_key(&key("event", &event.sub_type, &content.of_children(answer, &event.children)?), event.timestamp);
        if let Some(session) = event.session {
            events_of_sessions.get_mut(session as usize)?.insert(key.clone());
        }
        let facts = documents.entry(key).or_default();
        let category = match event.category {
            Category::Unknown => "unknown",
            Category::Benign => "benign",
            Category::Malicious => "malicious",
        };
        facts.categories.insert(category.to_owned());
        facts.children.extend(named(&event.children)?);
        facts.malicious.extend(named(&event.malicious)?);
        facts.benign.extend(named(&event.benign)?);
    }
    for (session, events) in answer.sessions().iter().zip(events_of_sessions) {
        let facts = documents.entry(key("session", &session.sub_type, &content.of_children(answer, &session.key)?)).or_default();
        facts.children.extend(named(&session.key)?);
        facts.events.extend(events);
        let times = [("start_time", session.start_time), ("end_time", session.end_time), ("duration", session.duration)];
        facts.times.extend(times.into_iter().filter_map(|(name, time)| time.map(|time| format!("{name} {time:?}"))));
    }
    Some(documents)
}

fn documents_of_case(case: &Value) -> Result<Documents, String> {
    let instances = case.get("instances").and_then(Value::as_array).ok_or("no `instances`")?;
    let text = |instance: &Value, key: &str| instance.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut keys = BTreeMap::new();
    for instance in instances {
        let key = key(&text(instance, "itype"), &text(instance, "sub_type"), instance.get("data").unwrap_or(&Value::Null));
        let time = instance.get("timestamp").and_then(Value::as_f64);
        keys.insert(text(instance, "_hash"), time.map_or(key.clone(), |time| event_key(&key, time)));
    }
    let named = |instance: &Value, field: &str| -> BTreeSet<String> {
        let hashes = instance.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        hashes.map(|hash| keys.get(hash).cloned().unwrap_or_else(|| format!("no instance {hash}"))).collect()
    };
    let mut documents = Documents::new();
    for instance in instances {
        let Some(key) = keys.get(&text(instance, "_hash")) else { continue };
        let facts = documents.entry(key.clone()).or_default();
        facts.categories.extend(instance.get("category").and_then(Value::as_str).map(str::to_owned));
        facts.children = named(instance, "_cref");
        facts.malicious = named(instance, "_mal_ref");
        facts.benign = named(instance, "_ben_ref");
        facts.events = named(instance, "_ref").into_iter().filter(|key| key.starts_with("event ")).collect();
        for name in ["start_time", "end_time", "duration"] {
            facts.times.extend(instance.get(name).and_then(Value::as_f64).map(|time| format!("{name} {time:?}")));
        }
    }
    Ok(documents)
}

fn event_key(key: &str, time: f64) -> String {
    format!("{key} at {time:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_without_cases_is_an_error() {
        let filter = Filter {
            id: "0f1c2d3e-4a5b-4c6d-8e7f-9a0b1c2d3e4f",
            name: "none",
            version: "0.1.0",
            description: "",
            accepts: &["x"],
            options: &[],
            emits: &[],
            asserts: &[],
            parse: |record, _| Ok(Answer::new(record.limits())),
        };
        let file = std::env::temp_dir().join(format!("filter-sdk-goldens-{}.json", std::process::id()));
        assert!(check_goldens(&filter, &file).is_err());
        for (text, passes) in
            [("[]", false), (r#"[{"raw": {"data": {}, "received_at": 1}, "verdict": "done", "instances": []}]"#, true)]
        {
            assert!(std::fs::write(&file, text).is_ok());
            assert_eq!(check_goldens(&filter, &file).is_ok(), passes, "{text}");
        }
        assert!(std::fs::remove_file(&file).is_ok());
    }
}
