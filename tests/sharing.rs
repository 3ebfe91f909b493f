//! Three runtimes on one server, killed and started again while they work: the same bytes as of one that nobody
//! disturbed, and every pair done once.
//!
//! How many records: TAHOE_TEST_RECORDS, else few, since FerretDB reads whole collections to find a document.

#![expect(clippy::print_stderr, reason = "figures for people")]

use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};

use crate::support::server::{Ledger, client, database};
use crate::support::traffic::cowrie;
use crate::support::{Archive, command, filter, terminate};

/// One of three, each time it lives.
struct Life {
    child: Child,
    log: PathBuf,
    summary: PathBuf,
}

impl Life {
    fn start(archive: &Archive, number: usize, life: usize) -> Self {
        let [log, summary] = ["log", "json"].map(|kind| archive.path(&format!("runtime-{number}-{life}.{kind}")));
        let mut command = command(["--store", &archive.store(), "--json", "--workers", "1", "--filters"]);
        command.args(filters()).stdout(File::create(&summary).unwrap()).stderr(File::create(&log).unwrap());
        Self { child: command.spawn().unwrap(), log, summary }
    }

    fn kill(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "it ended by itself: {}", std::fs::read_to_string(&self.log).unwrap());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Pairs settled as it last said, and parts of the archive taken over.
    fn said(&self) -> (u64, u64) {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<u64>().unwrap();
        let after = |line: &str, word: &str| line.split_once(word).map(|(_, rest)| number(rest));
        let taken = log.lines().filter_map(|line| after(line, "took over ")).sum();
        let summary = std::fs::read_to_string(&self.summary).unwrap();
        let settled = match serde_json::from_str::<serde_json::Value>(&summary) {
            Ok(summary) => {
                let count = |filter: &serde_json::Value| filter["done"].as_u64().unwrap() + filter["rejected"].as_u64().unwrap();
                summary["filters"].as_array().unwrap().iter().map(count).sum()
            }
            // Killed: what its last line of progress said.
            Err(_) => log.lines().filter_map(|line| after(line, "settled=")).next_back().unwrap_or(0),
        };
        (settled, taken)
    }
}

fn filters() -> [PathBuf; 2] {
    [filter("cowrie"), filter("sighting")]
}

/// Until each of the three holds a share of the archive.
fn wait_for_shares(archive: &Archive) {
    let ranges = client(&archive.store()).collection::<Document>("lease");
    let began = Instant::now();
    loop {
        let found = ranges.find(doc! { "holder": { "$exists": true } }).run().unwrap();
        let holders: HashSet<String> = found.map(|range| range.unwrap().get_str("holder").unwrap().to_owned()).collect();
        if holders.len() == 3 && !holders.contains("") {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the archive is not shared: {holders:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn three_runtimes_that_are_killed_and_started_again_end_as_one_that_was_not() {
    let records = std::env::var("TAHOE_TEST_RECORDS").map_or(240, |records| records.parse().unwrap());
    let Some(store) = database("sharing") else { return };
    let [alone, shared] = [Archive::new(), Archive::at(store)];
    let ingest = |archive: &Archive| {
        let file = archive.file("records.jsonl", cowrie(records));
        archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
    };
    ingest(&alone);
    alone.run(&filters(), &[]).expect(0);

    // They share the archive before there is something in it, so that every kill hits one with work.
    let mut lives: Vec<Vec<Life>> = (0..3).map(|number| vec![Life::start(&shared, number, 0)]).collect();
    wait_for_shares(&shared);
    ingest(&shared);
    let began = Instant::now();
    let deadline = Duration::from_secs(300 + records as u64);
    let ledger = Ledger::of(&shared.store());
    ledger.wait_for(1, deadline);
    let pairs = 2 * records as u64;
    // Three in a row, a few seconds apart; and then time to see that the dead are dead, which takes half a minute, and to
    // do something with what they had.
    let (mut kills, mut next, mut enough) = (0, began.elapsed(), 0);
    loop {
        let rows = ledger.rows();
        if rows == pairs {
            break;
        }
        assert!(began.elapsed() < deadline, "{rows} of {pairs} pairs are settled");
        std::thread::sleep(Duration::from_millis(500));
        if began.elapsed() < next || rows < enough {
            continue;
        }
        let number = kills % 3;
        lives[number].last_mut().unwrap().kill();
        let life = Life::start(&shared, number, lives[number].len());
        lives[number].push(life);
        kills += 1;
        if kills % 3 == 0 {
            (next, enough) = (began.elapsed() + Duration::from_secs(75), rows + pairs / 10);
        } else {
            next = began.elapsed() + Duration::from_secs(4);
        }
    }
    let elapsed = began.elapsed();
    for life in lives.iter_mut().filter_map(|lives| lives.last_mut()) {
        let (code, _) = terminate(&mut life.child);
        assert_eq!(code, Some(0), "{}", std::fs::read_to_string(&life.log).unwrap());
    }

    // Marks that a kill left out are set by who looks next; nothing else is left to do.
    let last = shared.run(&filters(), &[]).expect(0).json();
    for filter in last["filters"].as_array().unwrap() {
        assert_eq!(filter["attempts"], 0, "{last}");
        let [accepted, done, rejected, pending, failed] =
            ["accepted", "done", "rejected", "pending", "failed"].map(|field| filter["store"][field].as_u64().unwrap());
        assert_eq!((accepted, done + rejected, pending, failed), (records as u64, records as u64, 0, 0), "{last}");
    }
    assert_eq!(shared.export(), alone.export());

    eprintln!("three runtimes, {records} records, two filters, {kills} kills, {elapsed:.0?}:");
    for (number, lives) in lives.iter().enumerate() {
        let said: Vec<(u64, u64)> = lives.iter().map(Life::said).collect();
        let [settled, taken] = [said.iter().map(|said| said.0).sum::<u64>(), said.iter().map(|said| said.1).sum()];
        eprintln!("  runtime {number}: {} lives, {settled} pairs settled, {taken} parts taken over", lives.len());
    }
    let taken: u64 = lives.iter().flatten().map(|life| life.said().1).sum();
    assert!(kills >= 3 && taken > 0, "{kills} kills and {taken} parts taken over: this test needs more records");
    eprintln!("  {} attempts for {} pairs", ledger.attempts(), ledger.rows());
}
