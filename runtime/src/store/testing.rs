//! What the tests of all stores share: records, filters, answers, and a whole archive as text.

use serde_json::json;
use uuid::Uuid;

use crate::answer::{Answer, Event, Node, Rules, Session, build, check};
use crate::descriptor::{Declared, Descriptor};
use crate::limits::Limits;
use crate::store::{ClaimSize, Committed, ExportQuery, FilterRef, NewRecord, Settled, Store, SubmissionKey, Verdict, Work};
use crate::tahoe::{Category, Graph, Hash, Itype, RawDocument, Scalar};
use crate::verdict::{Failure, FailureKind, Report};

pub(in crate::store) const FILTER: Uuid = Uuid::from_u128(0xd207_6b75_715e_4e4d_ae0a_a291_cc6d_90b7);
pub(in crate::store) const ALL: ClaimSize = ClaimSize { records: 1000, bytes: usize::MAX };

pub(in crate::store) fn exported(store: &dyn Store) -> String {
    let mut all = String::new();
    let mut sink = |line: &str| {
        all.push_str(line);
        all.push('\n');
        Ok(())
    };
    store.export(&ExportQuery::default(), &mut sink).unwrap();
    all
}

pub(in crate::store) fn record(sub_type: &str, n: usize, orgid: &str) -> NewRecord {
    let data = json!({ "n": n, "sensor": "sensor-01" });
    let document = RawDocument::new(sub_type, data.as_object().unwrap().clone()).unwrap();
    NewRecord { document, orgid: orgid.to_owned(), timezone: "UTC".to_owned(), received_at: 1_800_000_000.0 + n as f64 }
}

pub(in crate::store) fn key(record: &NewRecord) -> SubmissionKey {
    SubmissionKey { raw: record.document.hash, orgid: record.orgid.clone() }
}

pub(in crate::store) fn filter(id: Uuid, accepts: &[&str]) -> FilterRef {
    FilterRef {
        id,
        name: "cowrie".to_owned(),
        version: "1.0.0".to_owned(),
        component: Hash::of(&[b"component"]),
        options: Hash::of(&[b"options"]),
        limits: Hash::of(&[b"limits"]),
        accepts: accepts.iter().map(|&sub_type| sub_type.to_owned()).collect(),
    }
}

pub(in crate::store) fn text(sub_type: &str, value: &str) -> Node {
    Node::Attribute { sub_type: sub_type.to_owned(), value: Scalar::Text(value.to_owned()) }
}

pub(in crate::store) fn object(sub_type: &str, children: &[u32]) -> Node {
    Node::Object { sub_type: sub_type.to_owned(), children: children.to_vec() }
}

pub(in crate::store) fn event(sub_type: &str, timestamp: f64, children: &[u32]) -> Event {
    Event {
        sub_type: sub_type.to_owned(),
        timestamp,
        category: Category::Unknown,
        children: children.to_vec(),
        malicious: Vec::new(),
        benign: Vec::new(),
        session: None,
    }
}

/// The documents of an answer that keeps the contract.
pub(in crate::store) fn graph(answer: Answer, orgid: &str) -> Graph {
    let kinds = [Itype::Attribute, Itype::Object, Itype::Event, Itype::Session];
    let declared = Declared {
        id: FILTER.to_string(),
        name: "test".to_owned(),
        version: "1.0.0".to_owned(),
        accepts: vec!["cowrie".to_owned()],
        emits: kinds.map(|kind| (kind, "*".to_owned())).to_vec(),
        asserts: Category::ALL.to_vec(),
        ..Declared::default()
    };
    let emits = Descriptor::check(declared).unwrap().emits;
    let rules = Rules { limits: &Limits::PURE, emits: &emits, input: 1000, received_at: 1_800_000_000.0 };
    build(check(answer, &rules).unwrap(), orgid).unwrap()
}

/// A login from an address, in a session: a graph with every kind of document.
pub(in crate::store) fn login(n: usize, orgid: &str, category: Category) -> Graph {
    let nodes = vec![
        text("ipv4", &format!("192.0.2.{}", n % 7)),
        text("username", "root"),
        text("password", &format!("secret {}", n % 3)),
        object("credential", &[1, 2]),
        text("sessionid", &format!("s{}", n % 2)),
        text("loose", &format!("{n}")),
        object("wrapped", &[5]),
    ];
    let marked = match category {
        Category::Malicious => vec![0, 3],
        _ => vec![],
    };
    let benign = if category == Category::Benign { vec![0, 1] } else { vec![] };
    let timestamp = 1_700_000_000.5 + (n % 4) as f64;
    let login = Event { category, malicious: marked, benign, session: Some(0), ..event("login", timestamp, &[0, 3]) };
    let start_time = n.is_multiple_of(2).then_some(timestamp);
    let duration = n.is_multiple_of(3).then_some(n as f64);
    let session = Session { sub_type: "session".to_owned(), key: vec![4], start_time, end_time: Some(timestamp), duration };
    graph(Answer { nodes, events: vec![login], sessions: vec![session] }, orgid)
}

pub(in crate::store) fn settled(key: SubmissionKey, verdict: Verdict) -> Settled {
    Settled { key, verdict, report: Report { fuel: 17, ..Report::default() }, attempts: 1 }
}

pub(in crate::store) fn done(key: SubmissionKey, graph: Graph) -> Settled {
    settled(key, Verdict::Done(graph, Hash::of(&[b"answer"])))
}

pub(in crate::store) fn failed(key: SubmissionKey, message: &str) -> Settled {
    let failure = Failure { kind: FailureKind::Fuel, message: message.to_owned(), backtrace: vec!["frame".to_owned()] };
    settled(key, Verdict::Failed(failure))
}

/// Settles all that is claimed as done, with the login of its place in the archive.
pub(in crate::store) fn settle_all(store: &dyn Store, work: &[Work]) -> Vec<Committed> {
    let settled: Vec<Settled> =
        work.iter().map(|work| done(work.key.clone(), login(number(work), &work.key.orgid, Category::Unknown))).collect();
    store.commit(FILTER, &settled).unwrap()
}

/// The number that [`record`] put into the data.
pub(in crate::store) fn number(work: &Work) -> usize {
    let data: serde_json::Value = serde_json::from_str(&work.data).unwrap();
    data.get("n").unwrap().as_u64().unwrap() as usize
}
