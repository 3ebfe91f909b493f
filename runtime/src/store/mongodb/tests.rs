//! What only an archive on a MongoDB server can come to.

use std::time::Duration;

use mongodb::bson::{Binary, Bson, DateTime, Document, doc, oid::ObjectId, spec::BinarySubtype};
use serde_json::json;

use super::candidates::{before, id_at};
use super::server::Server;
use super::testing::{Scratch, registered};
use super::{MongoStore, lease, references};
use crate::store::contract::{self, Archive};
use crate::store::testing::{ALL, FILTER, done, exported, failed, filter, key, login, number, record, settle_all};
use crate::store::{Access, Archived, ClaimSize, Committed, NewRecord, Store, StoreError, SubmissionKey, Tally, Work};
use crate::tahoe::{Category, RawDocument};
use crate::verdict::FailureKind;

fn raw_hash(sub_type: &str, data: serde_json::Value) -> String {
    RawDocument::new(sub_type, data.as_object().unwrap().clone()).unwrap().hash.to_string()
}

/// A raw document as the original wrote it.
fn original(n: i32, orgid: &str) -> Document {
    let data = json!({ "n": n, "sensor": "sensor-01" });
    doc! {
        "_id": ObjectId::from_parts(1_600_000_000 + n.unsigned_abs(), [1; 5], [0, 0, 1]),
        "itype": "raw", "data": { "sensor": "sensor-01", "n": n }, "orgid": orgid, "sub_type": "cowrie", "timezone": "US/Pacific",
        "_hash": raw_hash("cowrie", data),
    }
}

fn numbers(work: &[Work]) -> Vec<usize> {
    work.iter().map(number).collect()
}

#[test]
fn the_contract_is_kept() {
    let Some(_) = Scratch::new() else { return };
    contract::run(&|| Box::new(Scratch::new().unwrap()) as Box<dyn Archive>, 6);
}

#[test]
fn an_archive_as_the_original_left_it_is_taken_over_and_nothing_is_done_twice() {
    let Some(scratch) = Scratch::new() else { return };
    let mut marked = original(1, "org-one");
    marked.insert("filters", vec![FILTER.to_string(), "filter--of-others".to_owned()]);
    let mut hidden = original(2, "org-one");
    hidden.insert("_valid", false);
    let mut partly = original(3, "org-one");
    partly.insert("filters", vec!["filter--of-others"]);
    partly.insert("_ref", vec!["0".repeat(64)]);
    // An attribute and an object of the login that will come, with ids and a spelling of the original.
    let graph0 = login(0, "org-one", Category::Unknown);
    let ipv4 = graph0.documents.iter().find(|document| document.sub_type == "ipv4").unwrap();
    let credential = graph0.documents.iter().find(|document| document.sub_type == "credential").unwrap();
    let attribute = doc! { "_id": ObjectId::new(), "itype": "attribute", "sub_type": "ipv4", "data": " 192.0.2.0 ", "_hash": ipv4.hash.to_string(), "extra": 1 };
    let object = doc! {
        "_id": ObjectId::new(), "itype": "object", "data": { "password": ["secret 0", "secret 0"], "username": ["root"] },
        "sub_type": "credential", "_hash": credential.hash.to_string(), "_cref": ["1".repeat(64)], "_ref": ["1".repeat(64)],
    };
    scratch.insert(&[original(0, "org-one"), marked.clone(), hidden.clone(), partly, attribute.clone(), object.clone()]);
    let store = registered(&scratch);
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 3, pending: 2, done: 1, ..Tally::default() });
    let work = store.claim(FILTER, ALL).unwrap();
    assert_eq!(numbers(&work), [0, 3]);
    // The time in the ObjectId, and the record's own time zone.
    assert_eq!((work[0].received_at, work[0].timezone.as_str()), (1_600_000_000.0, "US/Pacific"));
    assert_eq!(work[0].data, r#"{"n":0,"sensor":"sensor-01"}"#);
    let committed = settle_all(&store, &work);
    assert_eq!(committed[0], Committed::Done { new_documents: 7 });
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    // Not a field of theirs was changed but by joins.
    assert_eq!(scratch.one(doc! { "_id": attribute.get("_id").cloned() }), attribute);
    assert_eq!(scratch.one(doc! { "_id": object.get("_id").cloned() }), object);
    assert_eq!(scratch.one(doc! { "_id": marked.get("_id").cloned() }), marked);
    assert_eq!(scratch.one(doc! { "_id": hidden.get("_id").cloned() }), hidden);
    let partly = scratch.one(doc! { "data.n": 3 });
    let marks = partly.get_array("filters").unwrap();
    assert_eq!(marks, &vec![Bson::from("filter--of-others"), Bson::from(FILTER.to_string())]);
    assert!(partly.get_array("_ref").unwrap().contains(&Bson::from("0".repeat(64))));
    assert!(!partly.contains_key("received_at") && !partly.contains_key("_valid"));
    let all = exported(&store);
    assert!(!all.contains(r#""n":2"#));
    assert!(all.contains(r#""received_at":1600000001.0"#));
    // Archiving the same again: there already, hidden or not.
    let data =
        |n: i32| RawDocument::new("cowrie", json!({ "n": n, "sensor": "sensor-01" }).as_object().unwrap().clone()).unwrap();
    let new = |n| NewRecord { document: data(n), orgid: "org-one".to_owned(), timezone: "UTC".to_owned(), received_at: 1.0 };
    assert_eq!(store.ingest(&[new(0), new(2)]).unwrap(), [Archived::AlreadyThere, Archived::AlreadyThere]);
    assert_eq!(exported(&store), all);
    drop(store);
    let again = registered(&scratch);
    assert!(again.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
}

#[test]
fn what_is_there_twice_is_one_record_and_its_export_the_join() {
    let Some(scratch) = Scratch::new() else { return };
    let (mut low, mut high, mut other) = (original(1, "org-one"), original(1, "org-one"), original(1, "org-two"));
    low.insert("_ref", vec!["0".repeat(64)]);
    high.insert("_id", ObjectId::from_parts(1_600_000_100, [1; 5], [0, 0, 2]));
    high.insert("_ref", vec!["f".repeat(64)]);
    high.insert("filters", vec!["filter--of-others"]);
    other.insert("_id", ObjectId::from_parts(1_600_000_200, [1; 5], [0, 0, 2]));
    let hash = low.get_str("_hash").unwrap().to_owned();
    scratch.insert(&[high.clone(), other, low]);
    // An event twice, as well.
    let answer = login(1, "org-one", Category::Malicious);
    let seen = answer.documents.iter().find(|document| document.sub_type == "login").unwrap();
    let ipv4 = answer.documents[0].hash.to_string();
    let twin = |id: &str, category: &str, field: &str| {
        let mut twin = doc! {
            "_id": ObjectId::parse_str(id).unwrap(), "itype": "event", "data": super::reading::bson_of_text(&seen.data), "sub_type": "login",
            "orgid": "org-one", "timestamp": 1_700_000_001.5, "category": category, "_hash": seen.hash.to_string(), "_cref": [], "_ref": [ipv4.as_str()],
            "_mal_ref": [], "_ben_ref": [],
        };
        twin.insert(field, vec![ipv4.as_str()]);
        twin
    };
    let later = twin("5f0000000102030405060709", "benign", "_ben_ref");
    scratch.insert(&[later.clone(), twin("5f0000000102030405060708", "unknown", "_ben_ref")]);
    let store = registered(&scratch);
    assert_eq!(store.tally(FILTER).unwrap().accepted, 2);
    let work = store.claim(FILTER, ALL).unwrap();
    let shown: Vec<_> = work.iter().map(|work| (work.key.orgid.as_str(), work.received_at)).collect();
    assert_eq!(shown, [("org-one", 1_600_000_001.0), ("org-two", 1_600_000_200.0)]);
    store.commit(FILTER, &[done(work[0].key.clone(), answer.clone())]).unwrap();
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 2, pending: 1, done: 1, ..Tally::default() });
    // The lowest is written, the others stay.
    assert_eq!(scratch.one(doc! { "_id": high.get("_id").cloned() }), high);
    assert_eq!(scratch.one(doc! { "_id": later.get("_id").cloned() }), later);
    let line: serde_json::Value = serde_json::from_str(&store.document(hash.parse().unwrap()).unwrap().unwrap()).unwrap();
    let references = line["_ref"].as_array().unwrap();
    assert!(
        references.contains(&json!("0".repeat(64))) && references.contains(&json!("f".repeat(64))) && references.len() == 10,
        "{references:?}"
    );
    assert_eq!(line["filters"], json!([FILTER.to_string(), "filter--of-others"]));
    let event: serde_json::Value = serde_json::from_str(&store.document(seen.hash).unwrap().unwrap()).unwrap();
    assert_eq!((event["category"].as_str().unwrap(), event["_ben_ref"].as_array().unwrap().len()), ("malicious", 0));
    assert!(event["_mal_ref"].as_array().unwrap().contains(&json!(ipv4)));
    // Both organisations' in the end, and no more.
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    settle_all(&store, &work[1..]);
    store.reopen(FILTER).unwrap();
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    assert_eq!(store.tally(FILTER).unwrap().done, 2);
}

#[test]
fn strange_values_have_a_reading_and_stop_nothing() {
    let Some(scratch) = Scratch::new() else { return };
    let hash = |n: u8| format!("{n:02x}").repeat(32);
    let at = |n: u8| ObjectId::from_parts(1_600_000_000 + u32::from(n), [1; 5], [0, 0, n]);
    let mut deep = doc! { "x": 1 };
    for _ in 0..60 {
        deep = doc! { "d": deep };
    }
    let strange = doc! {
        "date": DateTime::from_millis(1_600_000_000_000), "id": at(0),
        "binary": Binary { subtype: BinarySubtype::Generic, bytes: vec![1, 2, 3] }, "deep": deep,
    };
    scratch.insert(&[
        doc! { "_id": at(1), "itype": "raw", "sub_type": "cowrie", "data": strange, "orgid": at(9), "_hash": hash(1), "timezone": Bson::Null },
        doc! { "_id": at(2), "itype": "raw", "sub_type": "cowrie", "data": "no object", "orgid": 7, "_hash": hash(2), "received_at": DateTime::from_millis(1_500_000_000_250) },
        doc! { "_id": at(3), "itype": "raw", "sub_type": "cowrie", "_hash": hash(3), "filters": Bson::Null },
        doc! { "_id": at(4), "itype": "raw", "sub_type": "cowrie", "data": {}, "_hash": "no hash" },
        doc! { "_id": at(5), "itype": "raw", "sub_type": "cowrie", "data": {}, "_hash": 5 },
        doc! { "_id": at(6), "itype": "raw", "sub_type": "cowrie", "data": {}, "_hash": hash(6), "orgid": "org-one", "filters": "text" },
        doc! { "_id": at(7), "itype": "raw", "sub_type": "cowrie", "data": { "n": 1 }, "_hash": hash(7), "orgid": "org-one", "_ref": "text" },
        doc! { "_id": at(8), "itype": "raw", "sub_type": "cowrie", "data": { "n": 2 }, "_hash": hash(8), "orgid": "org-one" },
        doc! { "_id": "of others", "itype": "dashboard", "anything": true },
    ]);
    let store = registered(&scratch);
    let work = store.claim(FILTER, ALL).unwrap();
    let orgids: Vec<&str> = work.iter().map(|work| work.key.orgid.as_str()).collect();
    assert_eq!(orgids, [at(9).to_hex().as_str(), "7", "", "org-one", "org-one", "org-one"]);
    assert!(work[0].data.starts_with(r#"{"binary":"AQID","date":"2020-09-13T12:26:40Z","deep":{"d":{"d""#), "{}", work[0].data);
    assert_eq!((work[0].timezone.as_str(), work[0].received_at), ("UTC", 1_600_000_001.0));
    assert_eq!((work[1].data.as_str(), work[1].received_at), (r#""no object""#, 1_500_000_000.25));
    assert_eq!(work[2].data, "null");
    let settled: Vec<_> = work.iter().map(|work| done(work.key.clone(), login(1, "org", Category::Unknown))).collect();
    let committed = store.commit(FILTER, &settled).unwrap();
    for (at, outcome) in committed.iter().enumerate() {
        match (at, outcome) {
            // `filters` and `_ref` that are no lists, null among them, as the server sees it.
            (2..=4, Committed::Failed(failure)) => assert_eq!(failure.kind, FailureKind::Store, "{failure:?}"),
            (0 | 1 | 5, Committed::Done { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let Tally { accepted, done, failed, pending, .. } = store.tally(FILTER).unwrap();
    assert_eq!((accepted, done, failed, pending), (6, 3, 3, 0));
    assert_eq!(store.dead_letters().unwrap().len(), 3);
    let all = exported(&store);
    assert!(!all.contains("dashboard"));
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
}

#[test]
fn a_document_of_another_shape_fails_its_record_alone() {
    let Some(scratch) = Scratch::new() else { return };
    let store = registered(&scratch);
    let records: Vec<_> = (0..3).map(|n| record("cowrie", n, "org-one")).collect();
    store.ingest(&records).unwrap();
    let first = login(0, "org-one", Category::Unknown);
    store.commit(FILTER, &[done(key(&records[0]), first)]).unwrap();
    // Somebody else's tool made of the session's references what is no list.
    scratch.instances().update_one(doc! { "itype": "session" }, doc! { "$set": { "_ref": "broken" } }).run().unwrap();
    // Session s0 again, and session s1.
    let batch = [
        done(key(&records[1]), login(2, "org-one", Category::Unknown)),
        done(key(&records[2]), login(1, "org-one", Category::Unknown)),
    ];
    let committed = store.commit(FILTER, &batch).unwrap();
    let [Committed::Failed(failure), Committed::Done { new_documents }] = committed.as_slice() else { panic!("{committed:?}") };
    assert_eq!(failure.kind, FailureKind::Store);
    assert!(failure.message.contains("session"), "{}", failure.message);
    assert!(*new_documents > 0);
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 3, pending: 0, done: 2, rejected: 0, failed: 1 });
}

#[test]
fn late_odd_and_future_ids_are_found_by_the_sweep_and_have_a_time_of_arrival() {
    let Some(scratch) = Scratch::new() else { return };
    let now = super::now();
    let with_id = |n: i32, id: Bson| {
        let mut document = original(n, "org-one");
        document.insert("_id", id);
        document
    };
    scratch.insert(&[with_id(0, ObjectId::new().into())]);
    let store = registered(&scratch);
    settle_all(&store, &store.claim(FILTER, ALL).unwrap());
    assert!(store.claim(FILTER, ALL).unwrap().is_empty());
    let future = Bson::from(id_at(now + 1e6));
    scratch.insert(&[
        // Within the minute that everything stays behind: found at once.
        with_id(1, id_at(now - 30.0).into()),
        // Long ago.
        with_id(2, id_at(now - 1e6).into()),
        with_id(3, future.clone()),
        with_id(4, "text".into()),
        with_id(5, Bson::Int32(5)),
    ]);
    let work = store.claim(FILTER, ALL).unwrap();
    assert_eq!(numbers(&work), [1]);
    settle_all(&store, &work);
    let mut found = Vec::new();
    loop {
        let work = store.claim_to_the_end(FILTER, ClaimSize { records: 2, ..ALL }).unwrap();
        if work.is_empty() {
            break;
        }
        for work in &work {
            found.push((number(work), work.received_at));
        }
        settle_all(&store, &work);
    }
    found.sort_by_key(|(n, _)| *n);
    assert_eq!(found.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(found[0].1, (now - 1e6).floor());
    for (n, received_at) in &found[1..] {
        // Set once, before the first call; whoever attempts it again sees the same.
        assert!((*received_at - now).abs() < 60.0);
        assert_eq!(scratch.one(doc! { "data.n": *n as i32 }).get_f64("received_at").unwrap(), *received_at);
    }
    // None of these has moved the watermark beyond a minute ago.
    for watermark in scratch.find("watermark", doc! {}) {
        assert!(watermark.get_object_id("settled").unwrap() < id_at(super::now() - 59.0));
    }
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 6, done: 6, ..Tally::default() });
}

#[test]
fn a_watermark_never_passes_what_is_not_settled() {
    let Some(scratch) = Scratch::new() else { return };
    let documents: Vec<_> = (0..6).map(|n| original(n, "org-one")).collect();
    scratch.insert(&documents);
    let store = registered(&scratch);
    let work = store.claim(FILTER, ALL).unwrap();
    let advance = |store: &MongoStore| {
        let queue = store.queue(FILTER).unwrap();
        super::lock(&queue)
            .advance(
                &store.server,
                Duration::from_secs(1000 * scratch.find("watermark", doc! {}).len() as u64 + 1000),
                super::now(),
            )
            .unwrap();
        let found = scratch.find("watermark", doc! { "_id": format!("{FILTER}/instance/cowrie") });
        found.first().map(|found| found.get_object_id("settled").unwrap())
    };
    assert_eq!(advance(&store), documents[0].get_object_id("_id").ok().map(before));
    settle_all(&store, &work[..2]);
    store.commit(FILTER, &[failed(work[4].key.clone(), "x")]).unwrap();
    drop(store);
    let store = registered(&scratch);
    assert_eq!(advance(&store), documents[2].get_object_id("_id").ok().map(before));
    assert_eq!(numbers(&store.claim(FILTER, ALL).unwrap()), [2, 3, 5]);
    settle_all(&store, &[work[2].clone(), work[3].clone(), work[5].clone()]);
    drop(store);
    let store = registered(&scratch);
    let watermark = advance(&store).unwrap();
    assert!(watermark > id_at(super::now() - 70.0) && watermark < id_at(super::now() - 55.0));
}

#[test]
fn a_mark_that_a_crash_left_out_is_set_by_who_looks_next() {
    let Some(scratch) = Scratch::new() else { return };
    scratch.insert(&[original(0, "org-one")]);
    let store = registered(&scratch);
    settle_all(&store, &store.claim(FILTER, ALL).unwrap());
    let after = exported(&store);
    scratch.instances().update_one(doc! { "itype": "raw" }, doc! { "$unset": { "filters": "" } }).run().unwrap();
    assert_ne!(exported(&store), after);
    assert_eq!(store.tally(FILTER).unwrap().done, 1);
    store.reopen(FILTER).unwrap();
    assert!(store.claim(FILTER, ALL).unwrap().is_empty());
    assert_eq!(exported(&store), after);
}

#[test]
fn references_beyond_what_a_document_holds_lie_beside_it_and_an_export_has_them_all() {
    let Some((scratch, plain)) = Scratch::new().zip(Scratch::new()) else { return };
    let exports = [(&scratch, 4), (&plain, references::INLINE)].map(|(scratch, inline)| {
        scratch.store();
        let store = MongoStore::with(Server::connect(scratch.uri()).unwrap(), lease::monotonic(), inline);
        let records: Vec<_> = (0..12).map(|n| record("cowrie", n, "org-one")).collect();
        store.ingest(&records).unwrap();
        store.register(&filter(FILTER, &["cowrie"])).unwrap();
        for batch in records.chunks(3) {
            let settled: Vec<_> = batch
                .iter()
                .map(|record| {
                    let n = record.document.data.len() + record.received_at as usize;
                    done(key(record), login(n, "org-one", Category::Benign))
                })
                .collect();
            store.commit(FILTER, &settled).unwrap();
            store.commit(FILTER, &settled).unwrap();
        }
        exported(&store)
    });
    assert_eq!(exports[0], exports[1]);
    assert!(!scratch.find("reference", doc! {}).is_empty());
    assert!(plain.find("reference", doc! {}).is_empty());
    for document in scratch.find("instance", doc! { "itype": { "$in": ["raw", "session"] } }) {
        assert!(document.get_array("_ref").unwrap().len() <= 4 + 4, "{document}");
    }
}

#[test]
fn a_database_without_an_archive_is_not_made_by_looking() {
    let Some(scratch) = Scratch::new() else { return };
    assert!(
        matches!(MongoStore::open(scratch.uri(), Access::Existing), Err(StoreError::Permanent(text)) if text.contains("`instance`"))
    );
    scratch.insert(&[original(0, "org-one")]);
    let store = MongoStore::open(scratch.uri(), Access::Existing).unwrap();
    assert_eq!(exported(&store).lines().count(), 1);
    let key = SubmissionKey { raw: original(0, "").get_str("_hash").unwrap().parse().unwrap(), orgid: "org-one".to_owned() };
    assert!(store.commit(FILTER, &[failed(key, "not registered")]).is_err());
}

#[test]
fn a_record_that_the_server_does_not_take_is_refused_alone() {
    let Some(scratch) = Scratch::new() else { return };
    let store = scratch.store();
    // On MongoDB by a schema; FerretDB has none, but refuses lists in lists by itself.
    let schema = doc! { "collMod": "instance", "validator": { "data.list": { "$exists": false } } };
    let _ = scratch.database.run_command(schema).run();
    let good = record("cowrie", 1, "org-one");
    let list = json!({ "list": [[1]] });
    let document = RawDocument::new("cowrie", list.as_object().unwrap().clone()).unwrap();
    let bad = NewRecord { document, ..good.clone() };
    let other = NewRecord { orgid: "org-two".to_owned(), ..bad.clone() };
    let archived = store.ingest(&[bad.clone(), good, other, bad]).unwrap();
    let refused = |archived: &Archived| matches!(archived, Archived::Refused { reason } if !reason.is_empty());
    assert!(refused(&archived[0]) && refused(&archived[2]) && refused(&archived[3]), "{archived:?}");
    assert_eq!(archived[1], Archived::New);
    assert_eq!(exported(&store).lines().count(), 1);
    assert!(scratch.find("submission", doc! {}).is_empty());
}
