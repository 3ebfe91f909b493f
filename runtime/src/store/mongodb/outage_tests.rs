//! A server that is away, silent or slow.

use std::time::{Duration, Instant};

use super::MongoStore;
use super::testing::{Process, Scratch, say};
use crate::store::testing::{ALL, FILTER, done, filter, login, record};
use crate::store::{Access, Committed, Settled, Store, StoreError};
use crate::tahoe::Category;

/// Two records of one filter, claimed, and what came out of them.
fn claimed(store: &MongoStore) -> Vec<Settled> {
    store.ingest(&[record("cowrie", 0, "org-one"), record("cowrie", 1, "org-one")]).unwrap();
    store.register(&filter(FILTER, &["cowrie"])).unwrap();
    let work = store.claim(FILTER, ALL).unwrap();
    work.iter().map(|work| done(work.key.clone(), login(0, "org-one", Category::Unknown))).collect()
}

/// The server answers again: the claims are still held, and the same batch goes through.
fn settles(store: &MongoStore, settled: &[Settled]) {
    let mut tries = 0;
    let committed = loop {
        match store.commit(FILTER, settled) {
            Ok(committed) => break committed,
            Err(StoreError::Transient(_)) if tries < 20 => tries += 1,
            Err(error) => panic!("{error}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(matches!(committed[0], Committed::Done { .. }));
    assert!(store.claim(FILTER, ALL).unwrap().is_empty());
    assert_eq!(store.tally(FILTER).unwrap().done, 2);
}

#[test]
fn a_server_that_was_away_is_an_outage_and_nothing_else() {
    if Scratch::new().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(process) = Process::start(folder.path(), 0) else {
        say("MongoDB test of an outage SKIPPED: no server that can be stopped");
        return;
    };
    let port = process.port;
    let uri = format!("mongodb://127.0.0.1:{port}/tahoe_db?serverSelectionTimeoutMS=500");
    let store = MongoStore::open(&uri, Access::Create).unwrap();
    let settled = claimed(&store);
    drop(process);
    for _ in 0..2 {
        let error = store.commit(FILTER, &settled).unwrap_err();
        assert!(matches!(error, StoreError::Transient(_)), "{error}");
        assert!(matches!(store.claim(FILTER, ALL), Err(StoreError::Transient(_))));
    }
    assert!(matches!(MongoStore::open(&uri, Access::Create), Err(StoreError::Transient(_))));
    let _again = Process::start(folder.path(), port).unwrap();
    settles(&store, &settled);
}

#[test]
fn a_connection_that_hangs_is_given_up_after_a_time() {
    if Scratch::new().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(mut process) = Process::ferretdb(folder.path(), 0) else {
        say("MongoDB test of a connection that hangs SKIPPED: no Go that builds tests/ferretdb");
        return;
    };
    let store = MongoStore::open(&format!("{}/tahoe_db?socketTimeoutMS=1500", process.uri()), Access::Create).unwrap();
    let settled = claimed(&store);
    type Ask<'a> = &'a dyn Fn() -> Result<(), StoreError>;
    let asked: [(&str, Ask<'_>); 4] = [
        ("a query", &|| store.document(settled[0].key.raw).map(drop)),
        ("an update", &|| store.register(&filter(FILTER, &["cowrie"]))),
        ("an insert", &|| store.ingest(&[record("cowrie", 2, "org-one")]).map(drop)),
        ("a batch", &|| store.commit(FILTER, &settled).map(drop)),
    ];
    for (what, ask) in asked {
        // The thread that keeps the leases asks too, and may be the one that waits.
        let gave_up = (0..3).any(|_| {
            process.tell("hang 1 1h");
            let start = Instant::now();
            let asked = ask();
            assert!(start.elapsed() < Duration::from_secs(10), "{what} took {:?}", start.elapsed());
            matches!(asked, Err(StoreError::Transient(text)) if text.contains("no answer within 1.5s"))
        });
        assert!(gave_up, "{what} did not hang");
    }
    process.tell("hang 0 0s");
    store.register(&filter(FILTER, &["cowrie"])).unwrap();
    settles_in_spite_of_delay(&mut process, &store, &settled);
}

/// Slow is not silent: what takes long in all, but a little each time, goes through.
fn settles_in_spite_of_delay(process: &mut Process, store: &MongoStore, settled: &[Settled]) {
    process.tell("delay 300ms");
    let start = Instant::now();
    store.commit(FILTER, settled).unwrap();
    assert!(start.elapsed() > Duration::from_millis(1500), "{:?}", start.elapsed());
    process.tell("delay 0s");
}
