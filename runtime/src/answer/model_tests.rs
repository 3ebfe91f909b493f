//! The model against the documents of the Tahoe reference library, and the laws of joins within one answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::json;
use crate::tahoe::canonical::canonical;
use crate::tahoe::{Body, Document, Graph, RawDocument};

/// Builds without the checks: the reference library takes times that no filter may give.
fn documents(answer: Answer, orgid: &str) -> Graph {
    build(check::unchecked(answer), orgid).unwrap()
}

/// Adds the node that a golden describes, its children first; returns its index.
fn node(nodes: &mut Vec<Node>, spec: &Value) -> u32 {
    let sub_type = spec["sub_type"].as_str().unwrap().to_owned();
    let node = match spec["k"].as_str().unwrap() {
        "attribute" => Node::Attribute { sub_type, value: scalar(&spec["data"]) },
        "object" => Node::Object { sub_type, children: all(nodes, &spec["children"]) },
        other => panic!("{other} is no node"),
    };
    nodes.push(node);
    nodes.len() as u32 - 1
}

fn all(nodes: &mut Vec<Node>, specs: &Value) -> Vec<u32> {
    specs.as_array().unwrap().iter().map(|spec| node(nodes, spec)).collect()
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(boolean) => Scalar::Boolean(*boolean),
        Value::Number(number) => number.as_i64().map_or_else(|| Scalar::Float(number.as_f64().unwrap()), Scalar::Integer),
        Value::String(text) => Scalar::Text(text.clone()),
        _ => panic!("{value} is no scalar"),
    }
}

/// The instance that a golden describes, as the last document of a graph.
fn construct(spec: &Value) -> Graph {
    let mut nodes = Vec::new();
    let sub_type = || spec["sub_type"].as_str().unwrap().to_owned();
    match spec["k"].as_str().unwrap() {
        "event" => {
            let children = all(&mut nodes, &spec["children"]);
            let malicious = all(&mut nodes, &spec["malicious"]);
            let benign = all(&mut nodes, &spec["benign"]);
            let (timestamp, category) = (spec["timestamp"].as_f64().unwrap(), Category::Unknown);
            let event = Event { sub_type: sub_type(), timestamp, category, children, malicious, benign, session: None };
            documents(Answer { nodes, events: vec![event], sessions: vec![] }, spec["orgid"].as_str().unwrap())
        }
        "session" => {
            let key = all(&mut nodes, &spec["children"]);
            let session = Session { sub_type: sub_type(), key, start_time: None, end_time: None, duration: None };
            documents(Answer { nodes, events: vec![], sessions: vec![session] }, "")
        }
        _ => {
            node(&mut nodes, spec);
            documents(Answer { nodes, events: vec![], sessions: vec![] }, "")
        }
    }
}

fn hashes<'a>(graph: &Graph, indices: impl IntoIterator<Item = &'a u32>) -> BTreeSet<String> {
    indices.into_iter().map(|&index| graph.documents[index as usize].hash.to_string()).collect()
}

fn set(value: &Value) -> BTreeSet<String> {
    value.as_array().map(|items| items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
}

/// Documents are equal if hash, scalars, reference sets and canonical data are.
fn compare(graph: &Graph, document: &Document, expected: &Value) {
    assert_eq!(json!(document.hash), expected["_hash"], "{expected}");
    assert_eq!(document.itype().name(), expected["itype"]);
    assert_eq!(document.sub_type, expected["sub_type"].as_str().unwrap());
    assert_eq!(canonical(&json::read(document.data.as_bytes()).unwrap()), canonical(&expected["data"]));
    let (children, references) = match &document.body {
        Body::Attribute => return,
        Body::Object { children, references } | Body::Session { children, references, .. } => (children, references.clone()),
        Body::Event { orgid, timestamp, category, children, references } => {
            assert_eq!(json!(orgid), expected["orgid"]);
            assert_eq!(json!(timestamp), expected["timestamp"]);
            assert_eq!(category.name(), expected["category"]);
            for (field, category) in [("_mal_ref", Category::Malicious), ("_ben_ref", Category::Benign)] {
                let marked = references.iter().filter(|context| context.category == category).map(|context| &context.document);
                assert_eq!(hashes(graph, marked), set(&expected[field]), "{field} of {expected}");
            }
            (children, references.iter().map(|context| context.document).collect())
        }
    };
    assert_eq!(hashes(graph, children), set(&expected["_cref"]), "_cref of {expected}");
    assert_eq!(hashes(graph, &references), set(&expected["_ref"]), "_ref of {expected}");
}

#[test]
fn every_instance_of_the_reference_library_has_the_same_hash_and_document_here() {
    let text = std::fs::read_to_string("../fixtures/tahoe/model.json").unwrap();
    // With serde's own parser: the fixture holds what ingestion would refuse.
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 93);
    for case in &cases {
        let (spec, expected) = (&case["build"], &case["doc"]);
        if spec["k"] == "raw" {
            let data = spec["data"].as_object().unwrap().clone();
            let raw = RawDocument::new(spec["sub_type"].as_str().unwrap(), data).unwrap();
            assert_eq!(json!(raw.hash), expected["_hash"], "{expected}");
            assert_eq!(json::read(raw.data.as_bytes()).unwrap(), expected["data"]);
            continue;
        }
        let graph = construct(spec);
        let document = graph.documents.iter().find(|document| json!(document.hash) == expected["_hash"]);
        compare(&graph, document.unwrap_or_else(|| panic!("no document has the hash of {expected}")), expected);
    }
}

fn attribute(sub_type: &str, value: &str) -> Node {
    Node::Attribute { sub_type: sub_type.into(), value: Scalar::Text(value.into()) }
}

fn event(children: &[u32], malicious: &[u32], benign: &[u32]) -> Event {
    Event {
        sub_type: "seen".into(),
        timestamp: 5.0,
        category: Category::Unknown,
        children: children.into(),
        malicious: malicious.into(),
        benign: benign.into(),
        session: None,
    }
}

#[test]
fn spellings_of_one_value_are_one_document_whoever_comes_first() {
    let stored = |nodes: Vec<Node>| documents(Answer { nodes, ..Answer::default() }, "").documents;
    let one = stored(vec![attribute("url", " x\u{2003}"), attribute("url", "x")]);
    let other = stored(vec![attribute("url", "x"), attribute("url", "\t x")]);
    assert_eq!(one, other);
    assert_eq!(one[0].data, r#""x""#);
    assert_eq!(one.len(), 1);
}

#[test]
fn of_two_equal_events_in_one_answer_the_greater_category_and_context_hold() {
    let mut worse = event(&[0], &[0], &[]);
    worse.category = Category::Malicious;
    for events in [[worse.clone(), event(&[0], &[], &[0])], [event(&[0], &[], &[0]), worse]] {
        let graph = documents(Answer { nodes: vec![attribute("url", "x")], events: events.into(), sessions: vec![] }, "org");
        let Body::Event { category, references, .. } = &graph.documents[1].body else { panic!("no event") };
        assert_eq!((*category, references[0].category), (Category::Malicious, Category::Malicious));
    }
}

#[test]
fn a_node_that_is_both_malicious_and_benign_or_in_another_event_fails_the_answer() {
    let nodes = vec![attribute("url", "x"), attribute("url", " x"), attribute("url", "y")];
    for event in [event(&[0], &[0], &[0]), event(&[0], &[0], &[1]), event(&[0], &[2], &[])] {
        let answer = Answer { nodes: nodes.clone(), events: vec![event], sessions: vec![] };
        assert!(build(check::unchecked(answer), "org").is_err());
    }
}

#[test]
fn two_different_documents_with_one_hash_fail_the_answer() {
    let number = |sub_type: &str, value| Node::Attribute { sub_type: sub_type.into(), value: Scalar::Integer(value) };
    let answer = Answer { nodes: vec![number("port", 22), number("port2", 2)], ..Answer::default() };
    assert!(build(check::unchecked(answer), "").is_err());
    // With an organisation that is a digit, sub-type and timestamp can meet in the middle.
    let seen = |sub_type: &str, timestamp| Event { sub_type: sub_type.into(), timestamp, ..event(&[0], &[], &[]) };
    let events = vec![seen("seen", 11.0), seen("seen1", 1.0)];
    assert!(build(check::unchecked(Answer { nodes: vec![attribute("url", "x")], events, sessions: vec![] }), "1").is_err());
}

#[test]
fn the_raw_record_refers_to_nodes_outside_events_and_to_sessions_without_their_keys() {
    let nodes = vec![attribute("key", "k"), attribute("in_event", "e"), attribute("alone", "a")];
    let mut seen = event(&[1], &[], &[]);
    seen.session = Some(0);
    let session = Session { sub_type: "s".into(), key: vec![0], start_time: None, end_time: None, duration: None };
    let graph = documents(Answer { nodes, events: vec![seen], sessions: vec![session] }, "org");
    let names: Vec<&str> =
        graph.record_references.iter().map(|&index| graph.documents[index as usize].sub_type.as_str()).collect();
    assert_eq!(names, ["in_event", "alone", "seen", "s"]);
}

#[test]
fn many_equal_sessions_with_many_events_take_time_in_proportion() {
    // Quadratic work would be hours here; this takes about a second.
    let count = 200_000;
    let session = Session { sub_type: "s".into(), key: vec![0], start_time: None, end_time: None, duration: None };
    let events = (0..count).map(|number| Event {
        timestamp: f64::from(number),
        session: Some(number as u32 % 4),
        ..event(&[0], &[], &[])
    });
    let answer = Answer { nodes: vec![attribute("key", "k")], events: events.collect(), sessions: vec![session; count as usize] };
    let graph = documents(answer, "org");
    let Body::Session { references, .. } = &graph.documents.last().unwrap().body else { panic!("no session") };
    assert_eq!(references.len(), count as usize + 1);
}
