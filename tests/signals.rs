//! SIGTERM in the middle of the work: the records in hand are brought to an end, the others stay pending, nothing is
//! half done.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::server::{Ledger, Server};
use crate::support::traffic::cowrie;
use crate::support::{Archive, command, filter, terminate};

fn filters() -> [PathBuf; 2] {
    [filter("cowrie"), filter("sighting")]
}

fn ingested(archive: Archive, records: usize) -> Archive {
    let file = archive.file("records.jsonl", cowrie(records));
    archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    archive
}

/// Every record that is marked has all that it refers to; returns how many marks there are.
fn marks(archive: &Archive) -> usize {
    let documents = archive.documents();
    let hashes: HashSet<&str> = documents.iter().map(|document| document["_hash"].as_str().unwrap()).collect();
    let list = |document: &'_ Value, field: &str| document[field].as_array().cloned().unwrap_or_default();
    let mut marks = 0;
    for raw in documents.iter().filter(|document| document["itype"] == "raw" && !document["filters"].is_null()) {
        marks += list(raw, "filters").len();
        let references = list(raw, "_ref");
        assert!(!references.is_empty(), "{raw}");
        assert!(references.iter().all(|reference| hashes.contains(reference.as_str().unwrap())), "{raw}");
    }
    marks
}

fn told_to_end_under_load(archive: &Archive, records: usize, is_at_work: impl Fn() -> bool) {
    let mut command = command(["--store", &archive.store(), "--json", "--workers", "2", "--filters"]);
    let mut child = command.args(filters()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !is_at_work() {
        assert!(start.elapsed() < Duration::from_secs(60), "it does not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    let (code, took) = terminate(&mut child);
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "it took {took:?} to end");
    let said: Value = serde_json::from_reader(child.stdout.take().unwrap()).unwrap();
    let settled: u64 = said["filters"].as_array().unwrap().iter().map(|filter| filter["done"].as_u64().unwrap()).sum();
    assert!(settled < 2 * records as u64, "all was done before the signal came: this test needs more records");
    // What it says is what is there, before anybody sets anything right.
    assert_eq!(marks(archive) as u64, settled);
    let rest = archive.run(&filters(), &[]).expect(0).json();
    let attempts: u64 = rest["filters"].as_array().unwrap().iter().map(|filter| filter["attempts"].as_u64().unwrap()).sum();
    assert_eq!(settled + attempts, 2 * records as u64);
    let alone = ingested(Archive::new(), records);
    alone.run(&filters(), &[]).expect(0);
    assert_eq!(archive.export(), alone.export());
}

#[test]
fn told_to_end_under_load_it_leaves_nothing_half_done() {
    let records = 20_000;
    let archive = ingested(Archive::new(), records);
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(archive.path("store.db"), flags).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    let rows = || connection.query_row("SELECT count(*) FROM ledger", [], |row| row.get::<_, i64>(0)).unwrap();
    told_to_end_under_load(&archive, records, || rows() > 0);
}

#[test]
fn told_to_end_under_load_on_a_server_it_leaves_nothing_half_done() {
    let Some(mut server) = Server::start(None, 0) else { return };
    let records = 150;
    let archive = ingested(Archive::at(server.store("signals")), records);
    let ledger = Ledger::of(&archive.store());
    // So that there is something left to do, on any machine.
    server.tell("delay 50ms");
    told_to_end_under_load(&archive, records, || ledger.rows() > 0);
}
