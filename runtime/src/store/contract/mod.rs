//! What every store must do, run on each of them: the tests of a store call [`run`] with a way to make an empty
//! archive.

mod claims;
mod correlation;
mod health;
mod looking;
mod writers;

use std::collections::HashSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::sqlite::SqliteStore;
use super::testing::{
    ALL, FILTER, done, event, exported, failed, filter, graph, key, login, number, object, record, settle_all, settled, text,
};
use super::{
    Access, Archived, ClaimSize, Committed, ExportQuery, NewRecord, Settled, Store, StoreError, SubmissionKey, Tally, Verdict,
    Work,
};
use crate::answer::{Answer, Session};
use crate::tahoe::{Body, Category, Document, Graph, Hash, Itype};
use crate::verdict::FailureKind;

/// An archive of its own for one test.
pub(in crate::store) trait Archive {
    /// Opens it: as another process, or this one started again, if there is one open already.
    fn open(&self) -> Box<dyn Store>;
}

/// Makes an empty archive.
pub(in crate::store) type Make<'m> = &'m dyn Fn() -> Box<dyn Archive>;

type Named = (&'static str, fn(Make<'_>));

/// All that follows, in one go, so that a server is started once.
#[expect(clippy::print_stdout, reason = "says in the test's output which law is looked at")]
pub(in crate::store) fn run(make: Make<'_>, cases: u32) {
    let named: [Named; 18] = [
        ("archiving", archiving_again_adds_nothing),
        ("collision at ingestion", a_record_of_another_kind_is_refused_alone),
        ("organisations", organisations_share_documents_and_have_their_events),
        ("joins", the_greater_category_and_context_win_in_either_order),
        ("sessions", sessions_widen),
        ("collisions", an_answer_that_collides_fails_whole_and_alone),
        ("verdicts", failed_may_yet_be_done_and_done_stays),
        ("statistics", health::what_filters_cost_adds_up_and_how_they_fare_is_as_last_noted),
        ("records", health::a_record_is_found_whatever_became_of_it),
        ("looking", looking::looking_tells_what_is_there_and_changes_nothing),
        ("tally", claims::the_tally_adds_up),
        ("claims", claims::claims_come_oldest_first_and_never_overlap),
        ("bytes", claims::a_claim_ends_at_its_bytes),
        ("given back", claims::given_back_is_found_after_reopen_only),
        ("export", an_export_picks_and_one_document_is_as_in_the_whole),
        ("correlation", correlation::what_events_sessions_and_records_say_of_a_value_is_exact),
        ("values", correlation::a_value_is_found_whatever_it_reads_as_and_nothing_else_is),
        ("not known", what_is_not_known_is_an_error),
    ];
    for (name, test) in named {
        // Printed where a test fails.
        println!("contract: {name}");
        test(make);
    }
    println!("contract: any order and repetition");
    any_order_and_repetition_gives_the_export_of_the_embedded_store(make, cases);
    println!("contract: several writers");
    writers::any_interleaving_gives_the_export_of_one_writer(make, cases);
}

fn with(archive: &dyn Archive, records: usize) -> Box<dyn Store> {
    let store = archive.open();
    let records: Vec<NewRecord> = (0..records).map(|n| record("cowrie", n, "org-one")).collect();
    store.ingest(&records).unwrap();
    store.register(&filter(FILTER, &["cowrie"])).unwrap();
    store
}

fn some(records: usize) -> ClaimSize {
    ClaimSize { records, bytes: usize::MAX }
}

fn parsed(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap()
}

fn archiving_again_adds_nothing(make: Make<'_>) {
    let archive = make();
    let store = archive.open();
    let first = record("cowrie", 1, "org-one");
    let mut later = first.clone();
    later.timezone = "US/Pacific".to_owned();
    later.received_at += 60.0;
    let mut other = later.clone();
    other.orgid = "org-two; {$ne: 1} \u{202e}".to_owned();
    let archived = store.ingest(&[first.clone(), later.clone(), other.clone(), other.clone()]).unwrap();
    assert_eq!(archived, [Archived::New, Archived::AlreadyThere, Archived::New, Archived::AlreadyThere]);
    let before = exported(&*store);
    assert_eq!(store.ingest(&[other.clone(), later, first]).unwrap(), vec![Archived::AlreadyThere; 3]);
    assert_eq!(exported(&*store), before);
    assert_eq!(before.lines().count(), 1);
    let end = r#""data":{"n":1,"sensor":"sensor-01"},"itype":"raw","orgid":"org-one","received_at":1800000001.0,"sub_type":"cowrie","timezone":"UTC"}"#;
    assert!(before.trim_end().ends_with(end), "{before}");
    // The second organisation's submission has its own time of arrival and time zone.
    store.register(&filter(FILTER, &["cowrie"])).unwrap();
    let work = store.claim(FILTER, ALL).unwrap();
    let shown: Vec<_> = work.iter().map(|work| (work.key.orgid.as_str(), work.received_at, work.timezone.as_str())).collect();
    assert_eq!(shown, [("org-one", 1_800_000_001.0, "UTC"), (other.orgid.as_str(), 1_800_000_061.0, "US/Pacific")]);
    assert_eq!(work[0].data, r#"{"n":1,"sensor":"sensor-01"}"#);
    assert_eq!(work[0].data, work[1].data);
}

fn a_record_of_another_kind_is_refused_alone(make: Make<'_>) {
    let archive = make();
    let store = archive.open();
    let first = record("cowrie", 1, "org-one");
    // No two sub-types give one hash with data that is an object; a damaged archive may.
    let mut other = record("cowrie2", 2, "org-one");
    other.document.hash = first.document.hash;
    let collision = Archived::Collision { stored: "raw `cowrie`".to_owned() };
    let archived = store.ingest(&[first, other.clone(), record("cowrie", 3, "org-one")]).unwrap();
    assert_eq!(archived, [Archived::New, collision.clone(), Archived::New]);
    assert_eq!(store.ingest(&[other]).unwrap(), [collision]);
    assert_eq!(exported(&*store).lines().count(), 2);
}

fn organisations_share_documents_and_have_their_events(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 1);
    store.ingest(&[record("cowrie", 0, "org-two")]).unwrap();
    let work = store.claim(FILTER, ALL).unwrap();
    let (first, second) = work.split_at(1);
    assert_eq!(second.first().unwrap().key.orgid, "org-two");
    // The mark is that of the first submission.
    assert_eq!(settle_all(&*store, second), [Committed::Done { new_documents: 9 }]);
    assert!(!exported(&*store).contains(r#""filters""#));
    assert_eq!(settle_all(&*store, first), [Committed::Done { new_documents: 1 }]);
    let all = exported(&*store);
    let count = |part: &str| all.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count(r#""itype":"raw""#), 1);
    assert_eq!(count(r#""itype":"event""#), 2);
    assert_eq!(count(r#""itype":"session""#), 1);
    assert_eq!(count(r#""itype":"attribute""#), 5);
    assert_eq!(count(r#""filters":["d2076b75-715e-4e4d-ae0a-a291cc6d90b7"],"itype":"raw","orgid":"org-one""#), 1);
    assert!(store.claim_to_the_end(FILTER, ALL).unwrap().is_empty());
    // A filter that is new finds both again.
    let other = Uuid::from_u128(7);
    store.register(&filter(other, &["cowrie"])).unwrap();
    assert_eq!(store.claim(other, ALL).unwrap().len(), 2);
}

fn the_greater_category_and_context_win_in_either_order(make: Make<'_>) {
    use Category::{Benign, Malicious, Unknown};
    let orders =
        [[Benign, Malicious, Unknown], [Malicious, Benign, Unknown], [Unknown, Malicious, Benign], [Benign, Unknown, Malicious]];
    let exports: Vec<String> = orders
        .into_iter()
        .map(|categories| {
            let archive = make();
            let store = with(&*archive, 3);
            // Each in a commit of its own: joined in the store, not in memory.
            for (n, category) in categories.into_iter().enumerate() {
                let settled = done(key(&record("cowrie", n, "org-one")), login(0, "org-one", category));
                store.commit(FILTER, &[settled]).unwrap();
            }
            exported(&*store)
        })
        .collect();
    let event = parsed(exports[0].lines().find(|line| line.contains(r#""itype":"event""#)).unwrap());
    let count = |field: &str| event[field].as_array().unwrap().len();
    assert_eq!((count("_ref"), count("_mal_ref"), count("_ben_ref")), (4, 2, 1));
    assert_eq!(event["category"], "malicious");
    for export in &exports {
        assert_eq!(export, &exports[0]);
    }
}

fn sessions_widen(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 4);
    let answer = |n: u32, start_time: Option<f64>, end_time: Option<f64>, duration: Option<f64>| {
        let session = Session { sub_type: "session".to_owned(), key: vec![0], start_time, end_time, duration };
        let event = crate::answer::Event { session: Some(0), ..event("e", f64::from(n), &[1]) };
        graph(
            Answer {
                nodes: vec![text("sessionid", "s"), text("n", &n.to_string())],
                events: vec![event],
                sessions: vec![session],
            },
            "org-one",
        )
    };
    let answers = [
        answer(0, None, None, None),
        answer(1, Some(5.5), Some(6.0), None),
        answer(2, Some(9.0), Some(9.5), Some(3.0)),
        answer(3, Some(2.0), None, Some(1.0)),
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        store.commit(FILTER, &[done(key(&record("cowrie", n, "org-one")), answer)]).unwrap();
    }
    let all = exported(&*store);
    let session = parsed(all.lines().find(|line| line.contains(r#""itype":"session""#)).unwrap());
    assert_eq!((&session["start_time"], &session["end_time"], &session["duration"]), (&2.0.into(), &9.5.into(), &3.0.into()));
    // The key, and the events of all four.
    assert_eq!(session["_ref"].as_array().unwrap().len(), 5);
    assert_eq!(session["_cref"].as_array().unwrap().len(), 1);
}

fn attribute(sub_type: &str, data: &str) -> Graph {
    let hash = Hash::of(&[b"attribute", sub_type.as_bytes(), data.as_bytes()]);
    let document = Document { hash, sub_type: sub_type.to_owned(), data: data.to_owned(), body: Body::Attribute };
    Graph { documents: vec![document], record_references: vec![0] }
}

fn an_answer_that_collides_fails_whole_and_alone(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 6);
    let keys = [0, 1, 2, 3, 4, 5].map(|n| key(&record("cowrie", n, "org-one")));
    let [first, second, third, fourth, fifth, sixth] = keys;
    // `port` 22 and `port2` 2 have one hash. The colliding answer also has documents that are fine.
    let mut colliding = login(1, "org-one", Category::Malicious);
    colliding.documents.extend(attribute("port2", "2").documents);
    let batch = [
        done(first, attribute("port", "22")),
        done(second, colliding.clone()),
        done(third, login(0, "org-one", Category::Unknown)),
    ];
    let committed = store.commit(FILTER, &batch).unwrap();
    assert_eq!(committed[0], Committed::Done { new_documents: 1 });
    assert_eq!(committed[2], Committed::Done { new_documents: 9 });
    let hash = attribute("port", "22").documents[0].hash;
    let message = format!(
        "two different documents would have the hash {hash}: the attribute `port2` of this answer, and the stored attribute `port`"
    );
    let failure = |committed: &Committed| match committed {
        Committed::Failed(failure) => failure.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((failure(&committed[1]).kind, failure(&committed[1]).message), (FailureKind::Answer, message.clone()));
    // The same when it is the store that has the other, for a process that starts.
    let other = archive.open();
    other.register(&filter(FILTER, &["cowrie"])).unwrap();
    let committed = other.commit(FILTER, &[done(fourth, colliding)]).unwrap();
    assert_eq!(failure(&committed[0]).message, message);
    // A timestamp that reads like the end of an organisation.
    let answer = |orgid: &str, timestamp: f64| {
        graph(Answer { nodes: vec![text("a", "b")], events: vec![event("e", timestamp, &[0])], sessions: vec![] }, orgid)
    };
    store.commit(FILTER, &[done(fifth, answer("org-1", 2.5))]).unwrap();
    let committed = store.commit(FILTER, &[done(sixth, answer("org-", 12.5))]).unwrap();
    assert!(failure(&committed[0]).message.contains("the stored event `e`"));
    assert!(!exported(&*store).contains("malicious"));
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 6, pending: 0, done: 3, rejected: 0, failed: 3 });
}

fn failed_may_yet_be_done_and_done_stays(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 3);
    let [first, second, third] = [0, 1, 2].map(|n| key(&record("cowrie", n, "org-one")));
    store.commit(FILTER, &[failed(first.clone(), "out of fuel"), failed(second.clone(), "out of fuel")]).unwrap();
    store.commit(FILTER, &[failed(second.clone(), "out of fuel again")]).unwrap();
    let letters = store.dead_letters().unwrap();
    let shown: Vec<_> = letters.iter().map(|letter| (letter.id, letter.failure.message.as_str(), letter.attempts)).collect();
    assert_eq!(shown, [(1, "out of fuel", 1), (2, "out of fuel again", 2)]);
    let letter = &letters[1];
    assert_eq!((letter.record, letter.orgid.as_str(), letter.sub_type.as_str()), (second.raw, "org-one", "cowrie"));
    assert_eq!((letter.filter.as_str(), letter.version.as_str(), letter.fuel), ("cowrie", "1.0.0", 17));
    assert_eq!((letter.failure.kind, letter.component), (FailureKind::Fuel, Hash::of(&[b"component"])));
    assert_eq!(letter.failure.backtrace, ["frame"]);
    let good = done(first.clone(), login(0, "org-one", Category::Unknown));
    assert_eq!(store.commit(FILTER, std::slice::from_ref(&good)).unwrap(), [Committed::Done { new_documents: 9 }]);
    let after = exported(&*store);
    let late = [failed(first.clone(), "too late"), settled(first.clone(), Verdict::Rejected("too late".to_owned())), good];
    let stands = Committed::Done { new_documents: 0 };
    assert_eq!(store.commit(FILTER, &late).unwrap(), [stands.clone(), stands.clone(), stands]);
    assert_eq!(exported(&*store), after);
    assert_eq!(store.dead_letters().unwrap().len(), 1);
    // Rejected stays, too; and within one batch the first that counts, counts.
    let batch = [
        failed(third.clone(), "first"),
        settled(third.clone(), Verdict::Rejected("no".to_owned())),
        done(third.clone(), login(5, "org-one", Category::Unknown)),
    ];
    let outcomes = store.commit(FILTER, &batch).unwrap();
    assert!(matches!(outcomes.as_slice(), [Committed::Failed(_), Committed::Rejected, Committed::Rejected]), "{outcomes:?}");
    assert_eq!(exported(&*store), after);
    assert_eq!(store.tally(FILTER).unwrap(), Tally { accepted: 3, pending: 0, done: 1, rejected: 1, failed: 1 });
}

fn an_export_picks_and_one_document_is_as_in_the_whole(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 3);
    let settled: Vec<_> =
        (0..3).map(|n| done(key(&record("cowrie", n, "org-one")), login(n, "org-one", Category::Malicious))).collect();
    store.commit(FILTER, &settled).unwrap();
    let all = exported(&*store);
    let mut hashes = HashSet::new();
    for line in all.lines() {
        assert_eq!(crate::json::write(&parsed(line)), line);
        let hash = parsed(line)["_hash"].as_str().unwrap().parse().unwrap();
        assert_eq!(store.document(hash).unwrap().as_deref(), Some(line));
        hashes.insert(hash);
    }
    assert_eq!(hashes.len(), all.lines().count());
    assert_eq!(store.document(Hash::of(&[b"absent"])).unwrap(), None);
    let count = |itype: Option<Itype>, sub_type: Option<&str>| {
        let query = ExportQuery { itype, sub_type: sub_type.map(str::to_owned) };
        store.export(&query, &mut |_| Ok(())).unwrap()
    };
    assert_eq!((count(Some(Itype::Raw), None), count(None, Some("ipv4")), count(Some(Itype::Object), Some("ipv4"))), (3, 3, 0));
    let error = store.export(&ExportQuery::default(), &mut |_| Err(std::io::Error::other("pipe closed"))).unwrap_err();
    assert!(matches!(error, StoreError::Permanent(text) if text.contains("pipe closed")));
    // Loose nodes and what is below them.
    let nodes = vec![text("a", "1"), text("b", "2"), object("inner", &[0]), object("outer", &[1, 2])];
    let loose = graph(Answer { nodes, events: vec![], sessions: vec![] }, "org-one");
    store.ingest(&[record("cowrie", 9, "org-one")]).unwrap();
    let key = key(&record("cowrie", 9, "org-one"));
    store.commit(FILTER, &[done(key.clone(), loose)]).unwrap();
    assert_eq!(parsed(&store.document(key.raw).unwrap().unwrap())["_ref"].as_array().unwrap().len(), 4);
}

fn what_is_not_known_is_an_error(make: Make<'_>) {
    let archive = make();
    let store = with(&*archive, 1);
    let absent = key(&record("cowrie", 7, "org-one"));
    let error = store.commit(FILTER, &[failed(absent.clone(), "lost")]).unwrap_err();
    assert!(error.to_string().contains(&absent.raw.to_string()));
    let other = SubmissionKey { orgid: "org-three".to_owned(), ..key(&record("cowrie", 0, "org-one")) };
    assert!(store.commit(FILTER, &[failed(other, "lost")]).is_err());
    let unknown = Uuid::from_u128(1);
    assert!(store.claim(unknown, ALL).is_err() && store.tally(unknown).is_err() && store.reopen(unknown).is_err());
}

/// What one pair comes to: the same in every order and repetition, as a filter's answer is a function of the record.
fn verdict(n: usize) -> Settled {
    let orgid = if n.is_multiple_of(2) { "org-one" } else { "org-two" };
    let key = key(&record("cowrie", n / 2, orgid));
    match n % 7 {
        3 => settled(key, Verdict::Rejected("nothing in it".to_owned())),
        5 => failed(key, "out of fuel"),
        rest => {
            let category = [Category::Unknown, Category::Benign, Category::Malicious][rest % 3];
            done(key, login(n / 3, orgid, category))
        }
    }
}

/// An embedded store for a test.
pub(in crate::store) struct Embedded(tempfile::TempDir);

impl Archive for Embedded {
    fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.0.path().join("tahoe.db").to_str().unwrap(), Access::Create).unwrap())
    }
}

pub(in crate::store) fn embedded() -> Box<dyn Archive> {
    Box::new(Embedded(tempfile::tempdir().unwrap()))
}

fn any_order_and_repetition_gives_the_export_of_the_embedded_store(make: Make<'_>, cases: u32) {
    let settle = |archive: &dyn Archive, order: &[usize], size: usize, restart: bool| {
        let mut store = with(archive, 12);
        let second: Vec<_> = (0..12).map(|n| record("cowrie", n, "org-two")).collect();
        store.ingest(&second).unwrap();
        for batch in order.chunks(size) {
            let settled: Vec<_> = batch.iter().map(|&n| verdict(n)).collect();
            if restart {
                store = archive.open();
                store.register(&filter(FILTER, &["cowrie"])).unwrap();
            }
            store.commit(FILTER, &settled).unwrap();
        }
        (exported(&*store), store.tally(FILTER).unwrap())
    };
    let straight: Vec<usize> = (0..24).collect();
    let expected = settle(&*embedded(), &straight, 24, false);
    let orders = (Just(straight).prop_shuffle(), proptest::collection::vec(0..24_usize, 0..24), 1..9_usize);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let result = runner.run(&orders, |(order, repeated, size)| {
        let wild: Vec<usize> = repeated.iter().chain(&order).chain(&repeated).copied().collect();
        prop_assert_eq!(&settle(&*make(), &wild, size, size.is_multiple_of(4)), &expected);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn the_embedded_store_keeps_the_contract() {
    run(&embedded, 24);
}
