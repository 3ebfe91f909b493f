//! Documents that are as large as documents get.

use super::references::INLINE;
use super::testing::{Scratch, registered};
use crate::answer::{Answer, Event, Session};
use crate::store::contract::embedded;
use crate::store::testing::{FILTER, done, event, exported, filter, graph, key, record, text};
use crate::store::{NewRecord, Store};
use crate::tahoe::Graph;

/// What a record's answer has at most, so that it takes several of one session to fill it.
const EVENTS: usize = 60;

/// Events of one session, each with a time of its own.
fn part(number: usize) -> Graph {
    let events = (0..EVENTS).map(|n| Event { session: Some(0), ..event("e", (number * EVENTS + n) as f64, &[1]) }).collect();
    let session = Session { sub_type: "session".to_owned(), key: vec![0], start_time: None, end_time: None, duration: None };
    let answer = Answer { nodes: vec![text("sessionid", "s"), text("ipv4", "192.0.2.1")], events, sessions: vec![session] };
    graph(answer, "org-one")
}

/// Settles as many records as it takes for so many references, in batches of different sizes, the last ones twice.
fn fill(store: &dyn Store, references: usize) -> String {
    let records: Vec<NewRecord> = (0..references.div_ceil(EVENTS)).map(|n| record("cowrie", n, "org-one")).collect();
    store.ingest(&records).unwrap();
    let answers: Vec<_> = records.iter().enumerate().map(|(n, record)| done(key(record), part(n))).collect();
    let (most, rest) = answers.split_at(answers.len() * 9 / 10);
    for batch in [most, rest].into_iter().flat_map(|answers| answers.chunks(200)).chain(rest.chunks(7)) {
        store.commit(FILTER, batch).unwrap();
    }
    exported(store)
}

#[test]
#[ignore = "takes minutes: a session of more than 50,000 references; a smaller one is in `tests`"]
fn a_session_of_more_references_than_a_document_holds_is_whole_in_the_export() {
    let Some(scratch) = Scratch::new() else { return };
    let references = INLINE + 6_000;
    let plain = embedded();
    let plain = plain.open();
    plain.register(&filter(FILTER, &["cowrie"])).unwrap();
    let store = registered(&scratch);
    assert_eq!(fill(&store, references), fill(&*plain, references));
    let session = scratch.one(mongodb::bson::doc! { "itype": "session" });
    let inline = session.get_array("_ref").unwrap().len();
    let lists = scratch.find("reference", mongodb::bson::doc! {});
    let beside: usize = lists.iter().map(|list| list.get_array("_ref").unwrap().len()).sum();
    super::testing::say(&format!("{inline} references in the session, {beside} beside it in {} lists", lists.len()));
    // Filled up by batches that do not look: by one of them too many at most.
    assert!((INLINE..INLINE + 200 * EVENTS).contains(&inline) && beside > 0);
    assert!(inline + beside >= references, "{inline} and {beside}");
}
