//! What the tests of this store share: records, filters, answers, and a whole archive as text.

use serde_json::json;
use uuid::Uuid;

use super::SqliteStore;
use crate::answer::{Answer, Event, Node, Rules, Session, build, check};
use crate::descriptor::{Declared, Descriptor};
use crate::limits::Limits;
use crate::store::{ClaimSize, Committed, ExportQuery, FilterRef, NewRecord, Settled, Store as _, SubmissionKey, Verdict, Work};
use crate::tahoe::{Category, Graph, Hash, Itype, RawDocument, Scalar};
use crate::verdict::{Failure, FailureKind, Report};

pub(super) const FILTER: Uuid = Uuid::from_u128(0xd207_6b75_715e_4e4d_ae0a_a291_cc6d_90b7);
pub(super) const ALL: ClaimSize = ClaimSize { records: 1000, bytes: usize::MAX };

/// A store in a folder that is removed with it.
pub(super) struct Scratch {
    pub(super) store: SqliteStore,
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("tahoe.db").to_str().unwrap(), true).unwrap();
        Self { store, folder }
    }

    pub(super) fn path(&self) -> String {
        self.folder.path().join("tahoe.db").to_str().unwrap().to_owned()
    }

    /// As another process, or this one started again.
    pub(super) fn another(&self) -> SqliteStore {
        SqliteStore::open(&self.path(), false).unwrap()
    }

    /// With this many records of one sub-type, and a filter that reads it.
    pub(super) fn with(records: usize) -> Self {
        let scratch = Self::new();
        let records: Vec<NewRecord> = (0..records).map(|n| record("cowrie", n, "org-one")).collect();
        scratch.store.ingest(&records).unwrap();
        scratch.store.register(&filter(FILTER, &["cowrie"])).unwrap();
        scratch
    }

    /// Rows that refer to rows that are not there; foreign keys are not enforced while writing.
    pub(super) fn broken_references(&self) -> usize {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        let mut check = connection.prepare("PRAGMA foreign_key_check").unwrap();
        check.query_map([], |_| Ok(())).unwrap().count()
    }

    pub(super) fn query<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        rusqlite::Connection::open(self.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

pub(super) fn exported(store: &SqliteStore) -> String {
    let mut all = String::new();
    let mut sink = |line: &str| {
        all.push_str(line);
        all.push('\n');
        Ok(())
    };
    store.export(&ExportQuery::default(), &mut sink).unwrap();
    all
}

pub(super) fn record(sub_type: &str, n: usize, orgid: &str) -> NewRecord {
    let data = json!({ "n": n, "sensor": "sensor-01" });
    let document = RawDocument::new(sub_type, data.as_object().unwrap().clone()).unwrap();
    NewRecord { document, orgid: orgid.to_owned(), timezone: "UTC".to_owned(), received_at: 1_800_000_000.0 + n as f64 }
}

pub(super) fn key(record: &NewRecord) -> SubmissionKey {
    SubmissionKey { raw: record.document.hash, orgid: record.orgid.clone() }
}

pub(super) fn filter(id: Uuid, accepts: &[&str]) -> FilterRef {
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

pub(super) fn text(sub_type: &str, value: &str) -> Node {
    Node::Attribute { sub_type: sub_type.to_owned(), value: Scalar::Text(value.to_owned()) }
}

pub(super) fn object(sub_type: &str, children: &[u32]) -> Node {
    Node::Object { sub_type: sub_type.to_owned(), children: children.to_vec() }
}

pub(super) fn event(sub_type: &str, timestamp: f64, children: &[u32]) -> Event {
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
pub(super) fn graph(answer: Answer, orgid: &str) -> Graph {
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
    build(&check(answer, &rules).unwrap(), orgid).unwrap()
}

/// A login from an address, in a session: a graph with every kind of document.
pub(super) fn login(n: usize, orgid: &str, category: Category) -> Graph {
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

pub(super) fn settled(key: SubmissionKey, verdict: Verdict) -> Settled {
    Settled { key, verdict, report: Report { fuel: 17, ..Report::default() } }
}

pub(super) fn done(key: SubmissionKey, graph: Graph) -> Settled {
    settled(key, Verdict::Done(graph, Hash::of(&[b"answer"])))
}

pub(super) fn failed(key: SubmissionKey, message: &str) -> Settled {
    let failure = Failure { kind: FailureKind::Fuel, message: message.to_owned(), backtrace: vec!["frame".to_owned()] };
    settled(key, Verdict::Failed(failure))
}

/// Settles all that is claimed as done, with the login of its place in the archive.
pub(super) fn settle_all(store: &SqliteStore, work: &[Work]) -> Vec<Committed> {
    let settled: Vec<Settled> =
        work.iter().map(|work| done(work.key.clone(), login(number(work), &work.key.orgid, Category::Unknown))).collect();
    store.commit(FILTER, &settled).unwrap()
}

/// The number that [`record`] put into the data.
pub(super) fn number(work: &Work) -> usize {
    let data: serde_json::Value = serde_json::from_str(&work.data).unwrap();
    data.get("n").unwrap().as_u64().unwrap() as usize
}
