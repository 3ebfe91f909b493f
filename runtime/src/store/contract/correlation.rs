//! What is known of a value.

use serde_json::json;

use super::*;
use crate::answer::Event;
use crate::tahoe::Scalar;

const URL: &str = "http://malware.example/bins/x86";

/// A honeypot's download: the URL within an object, in a session.
fn download(timestamp: f64, sessionid: &str, orgid: &str) -> Graph {
    let nodes = vec![
        text("url", URL),
        text("filename", "x86"),
        object("file", &[0, 1]),
        object("seen", &[2]),
        text("sessionid", sessionid),
    ];
    let download = Event {
        category: Category::Malicious,
        malicious: vec![0, 2],
        session: Some(0),
        ..event("file_download", timestamp, &[3])
    };
    let session = Session { sub_type: "session".to_owned(), key: vec![4], start_time: None, end_time: None, duration: None };
    graph(Answer { nodes, events: vec![download], sessions: vec![session] }, orgid)
}

/// What somebody says of the URL.
fn sighting(timestamp: f64, category: Category, benign: bool, orgid: &str) -> Graph {
    let benign = if benign { vec![0] } else { vec![] };
    let sighting = Event { category, benign, ..event("sighting", timestamp, &[0]) };
    graph(Answer { nodes: vec![text("url", URL)], events: vec![sighting], sessions: vec![] }, orgid)
}

/// An archive that two organisations fill, from a honeypot and a feed.
fn filled(make: Make<'_>) -> (Box<dyn Archive>, Box<dyn Store>, Vec<SubmissionKey>) {
    let archive = make();
    let store = archive.open();
    let records: Vec<NewRecord> = [
        record("cowrie", 0, "org-one"),
        record("cowrie", 1, "org-one"),
        record("cowrie", 1, "org-two"),
        record("feed", 2, "org-two"),
        record("feed", 3, "org-two"),
        record("feed", 4, "org-two"),
        record("feed", 5, "org-two"),
    ]
    .to_vec();
    store.ingest(&records).unwrap();
    store.register(&filter(FILTER, &["cowrie", "feed"])).unwrap();
    let keys: Vec<SubmissionKey> = records.iter().map(key).collect();
    (archive, store, keys)
}

fn found(store: &dyn Store, value: &str) -> Vec<String> {
    let hashes = store.find_attributes(value).unwrap();
    let shown = |hash: Hash| {
        let document = parsed(&store.document(hash).unwrap().unwrap());
        format!("{} {}", document["sub_type"].as_str().unwrap(), document["data"])
    };
    hashes.into_iter().map(shown).collect()
}

pub(super) fn what_events_sessions_and_records_say_of_a_value_is_exact(make: Make<'_>) {
    let (archive, store, keys) = filled(make);
    // Outside of events: within an object, and as the key of a session.
    let loose = Answer { nodes: vec![text("url", URL), object("loose", &[0])], events: vec![], sessions: vec![] };
    let session = Session { sub_type: "visit".to_owned(), key: vec![0], start_time: None, end_time: None, duration: None };
    let other = event("sighting", 1.0, &[1]);
    let keyed = Answer {
        nodes: vec![text("url", URL), text("url", "http://other.example/")],
        events: vec![Event { session: Some(0), ..other }],
        sessions: vec![session],
    };
    let graphs = [
        download(300.5, "s0", "org-one"),
        download(200.25, "s1", "org-one"),
        download(250.0, "s1", "org-two"),
        sighting(100.0, Category::Benign, true, "org-two"),
        // The same event from two records is one event.
        sighting(100.0, Category::Unknown, false, "org-two"),
        graph(loose, "org-two"),
        graph(keyed, "org-two"),
    ];
    let hash_of = |graph: &Graph, sub_type: &str| {
        graph.documents.iter().find(|document| document.sub_type == sub_type).unwrap().hash.to_string()
    };
    let example =
        |graph: &Graph, sub_type: &str, data: serde_json::Value| json!({ "hash": hash_of(graph, sub_type), "data": data });
    let kind = |sub_type: &str, count: u64, mut examples: Vec<serde_json::Value>| {
        examples.sort_by_key(|example| example["hash"].to_string());
        json!({ "sub_type": sub_type, "count": count, "examples": examples })
    };
    let record = |at: usize| json!({ "hash": keys[at].raw.to_string(), "data": null });
    let group = |sub_type: &str, category: &str, context: &str, orgid: &str, count: u64, [first, last]: [f64; 2]| {
        json!({
            "sub_type": sub_type, "category": category, "context": context, "orgid": orgid, "count": count,
            "first_seen": first, "last_seen": last,
        })
    };
    let file = json!({ "filename": ["x86"], "url": [URL] });
    let expected = json!({
        "events": {
            "count": 4, "first_seen": 100.0, "last_seen": 300.5, "omitted": 0,
            "groups": [
                group("file_download", "malicious", "malicious", "org-one", 2, [200.25, 300.5]),
                group("file_download", "malicious", "malicious", "org-two", 1, [250.0, 250.0]),
                group("sighting", "benign", "benign", "org-two", 1, [100.0, 100.0]),
            ],
        },
        "objects": {
            "count": 3, "omitted": 0,
            "sub_types": [
                kind("file", 1, vec![example(&graphs[0], "file", file.clone())]),
                kind("loose", 1, vec![example(&graphs[5], "loose", json!({ "url": [URL] }))]),
                kind("seen", 1, vec![example(&graphs[0], "seen", json!({ "file": [file] }))]),
            ],
        },
        "sessions": {
            "count": 3, "omitted": 0,
            "sub_types": [
                kind("session", 2, vec![
                    example(&graphs[0], "session", json!({ "sessionid": ["s0"] })),
                    example(&graphs[1], "session", json!({ "sessionid": ["s1"] })),
                ]),
                kind("visit", 1, vec![example(&graphs[6], "visit", json!({ "url": [URL] }))]),
            ],
        },
        "records": {
            "count": 5, "omitted": 0,
            // The key of a session is not what its record refers to; one record of two organisations is one.
            "sub_types": [kind("feed", 3, vec![record(3), record(4), record(5)]), kind("cowrie", 2, vec![record(0), record(1)])],
        },
        "sessions_by_events": null,
    });
    let settled: Vec<Settled> = keys.iter().cloned().zip(graphs.clone()).map(|(key, graph)| done(key, graph)).collect();
    store.commit(FILTER, &settled).unwrap();
    let url = hash_of(&graphs[0], "url").parse().unwrap();
    for store in [&*store, &*archive.open()] {
        assert_eq!(store.find_attributes(&format!(" {URL}\t")).unwrap(), [url]);
        assert_eq!(serde_json::to_value(store.correlate(url).unwrap()).unwrap(), expected);
    }
    // An object: the same, of the events that hold it.
    let file = store.correlate(hash_of(&graphs[0], "file").parse().unwrap()).unwrap();
    let count = |holders: &crate::store::correlation::Holders| holders.count;
    assert_eq!(file.events.span.count, 3);
    assert_eq!([count(&file.objects), count(&file.sessions), count(&file.records)], [1, 2, 2]);
    assert_eq!(store.correlate(Hash::of(&[b"absent"])).unwrap(), crate::store::Correlation::default());
}

pub(super) fn a_value_is_found_whatever_it_reads_as_and_nothing_else_is(make: Make<'_>) {
    let (_archive, store, keys) = filled(make);
    let scalar = |sub_type: &str, value| crate::answer::Node::Attribute { sub_type: sub_type.to_owned(), value };
    let nodes = vec![
        text("port", "22"),
        scalar("port", Scalar::Integer(22)),
        scalar("version", Scalar::Float(22.0)),
        scalar("flag", Scalar::Boolean(true)),
        text("a_text", "true"),
        text("port2", "no number"),
        text("name", "Grüße \u{202e} {$ne: 1}"),
    ];
    let answer = graph(Answer { nodes, events: vec![], sessions: vec![] }, "org-one");
    store.commit(FILTER, &[done(keys[0].clone(), answer)]).unwrap();
    assert_eq!(found(&*store, "22"), [r#"port "22""#, "port 22", "version 22.0"]);
    assert_eq!(found(&*store, "22.0"), ["version 22.0"]);
    assert_eq!(found(&*store, "true"), [r#"a_text "true""#, "flag true"]);
    assert_eq!(found(&*store, "Grüße \u{202e} {$ne: 1}").len(), 1);
    // The hash of `port2` with 2 is that of `port` with 22.
    for nothing in ["2", "port", "TRUE", "", "\"22\"", "sensor-01"] {
        assert_eq!(found(&*store, nothing), [""; 0], "{nothing}");
    }
}
