//! What a poll that finds nothing and one record more cost in archives of different sizes: `scripts/bench.sh`.
//!
//! Both should be the same in all of them. What is printed is read as ratios within one run.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be run by hand")]

use std::time::{Duration, Instant};

use serde_json::json;
use tahoe_runtime::answer::{Answer, Event, Node, Rules, build, check};
use tahoe_runtime::descriptor::{Declared, Descriptor};
use tahoe_runtime::limits::Limits;
use tahoe_runtime::store::{self, ClaimSize, FilterRef, NewRecord, Settled, Store, Verdict, Work};
use tahoe_runtime::tahoe::{Category, Hash, Itype, RawDocument, Scalar};
use tahoe_runtime::verdict::Report;
use uuid::Uuid;

const FILTER: Uuid = Uuid::from_u128(0xd207_6b75_715e_4e4d_ae0a_a291_cc6d_90b7);
const BATCH: usize = 1000;
const CLAIM: ClaimSize = ClaimSize { records: BATCH, bytes: usize::MAX };
/// Rounds of so many polls, and of one batch of records more. The fastest one counts: others only had to wait for the
/// machine.
const POLLS: u32 = 200;
const ROUNDS: usize = 15;

fn main() {
    // cargo passes `--bench`; a test run of all targets passes nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let emits = descriptor();
    println!("µs          per idle poll  per record: archived        claimed        settled");
    let mut first: Option<Vec<f64>> = None;
    for size in [10_000, 100_000, 500_000] {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open(&format!("sqlite:{}", folder.path().join("growth.db").display())).unwrap();
        store.register(&filter()).unwrap();
        let mut number = 0;
        while number < size {
            batch(&*store, &mut number, &emits);
        }
        let poll = || {
            let start = Instant::now();
            for _ in 0..POLLS {
                // As a daemon polls.
                store.reopen(FILTER).unwrap();
                assert!(store.claim(FILTER, CLAIM).unwrap().is_empty());
            }
            start.elapsed() / POLLS
        };
        let mut columns = vec![(0..ROUNDS).map(|_| poll()).min().unwrap()];
        let rounds: Vec<[Duration; 3]> = (0..ROUNDS).map(|_| batch(&*store, &mut number, &emits)).collect();
        columns.extend((0..3).map(|step| rounds.iter().filter_map(|round| round.get(step)).min().copied().unwrap()));
        let micros: Vec<f64> = columns.iter().map(|time| time.as_secs_f64() * 1e6).collect();
        let before = first.get_or_insert_with(|| micros.clone());
        let shown = micros.iter().zip(before).map(|(now, before)| format!("{now:>7.2} ({:>4.2})", now / *before));
        println!("{size:>10} {}", shown.collect::<Vec<_>>().join(" "));
    }
}

/// Archives, claims and settles a batch of records; returns the time that each step took for a record.
fn batch(store: &dyn Store, number: &mut usize, emits: &Descriptor) -> [Duration; 3] {
    let per_record = |start: Instant| start.elapsed() / BATCH as u32;
    let from = *number;
    *number += BATCH;
    let records: Vec<NewRecord> = (from..*number).map(record).collect();
    let start = Instant::now();
    store.ingest(&records).unwrap();
    let archived = per_record(start);
    let start = Instant::now();
    let work = store.claim(FILTER, CLAIM).unwrap();
    let claimed = per_record(start);
    assert_eq!(work.len(), BATCH);
    let settled: Vec<Settled> = work.iter().zip(from..).map(|(work, number)| settled(work, number, emits)).collect();
    let start = Instant::now();
    store.commit(FILTER, &settled).unwrap();
    [archived, claimed, per_record(start)]
}

fn record(number: usize) -> NewRecord {
    let data = json!({ "n": number, "sensor": "sensor-01" });
    let document = RawDocument::new("cowrie", data.as_object().unwrap().clone()).unwrap();
    NewRecord { document, orgid: "org".into(), timezone: "UTC".into(), received_at: 1_767_225_600.0 }
}

/// An event with an address that comes back and a value of its own.
fn settled(work: &Work, number: usize, emits: &Descriptor) -> Settled {
    let attribute = |sub_type: &str, value: String| Node::Attribute { sub_type: sub_type.into(), value: Scalar::Text(value) };
    let nodes = vec![attribute("ipv4", format!("192.0.2.{}", number % 200)), attribute("number", number.to_string())];
    let event = Event {
        sub_type: "seen".into(),
        timestamp: 1_767_000_000.5 + number as f64 / 1000.0,
        category: Category::Unknown,
        children: vec![0, 1],
        malicious: Vec::new(),
        benign: Vec::new(),
        session: None,
    };
    let answer = Answer { nodes, events: vec![event], sessions: Vec::new() };
    let rules = Rules { limits: &Limits::PURE, emits: &emits.emits, input: 1000, received_at: work.received_at };
    let checked = check(answer, &rules).unwrap();
    let verdict = Verdict::Done(build(&checked, &work.key.orgid).unwrap(), checked.digest());
    Settled { key: work.key.clone(), verdict, report: Report::default(), attempts: 1 }
}

fn descriptor() -> Descriptor {
    let declared = Declared {
        id: FILTER.to_string(),
        name: "growth".to_owned(),
        version: "1.0.0".to_owned(),
        accepts: vec!["cowrie".to_owned()],
        emits: [Itype::Attribute, Itype::Event].map(|kind| (kind, "*".to_owned())).to_vec(),
        asserts: vec![Category::Unknown],
        ..Declared::default()
    };
    Descriptor::check(declared).unwrap()
}

fn filter() -> FilterRef {
    FilterRef {
        id: FILTER,
        name: "growth".into(),
        version: "1.0.0".into(),
        component: Hash::of(&[b"component"]),
        options: Hash::of(&[b"options"]),
        limits: Hash::of(&[b"limits"]),
        accepts: vec!["cowrie".into()],
    }
}
