use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tahoe_runtime::answer::{Answer, Event, Node, Rules, build, check};
use tahoe_runtime::descriptor::{Declared, Descriptor};
use tahoe_runtime::limits::Limits;
use tahoe_runtime::store::{self, ClaimSize, ExportQuery, FilterRef, NewRecord, Settled, Store, Verdict, Work};
use tahoe_runtime::tahoe::{Category, Hash, Itype, RawDocument, Scalar};
use tahoe_runtime::verdict::Report as Cost;
use uuid::Uuid;

use crate::Scale;
use crate::corpus::{COWRIE, root};
use crate::plot;
use crate::process::Runtime;
use crate::report::{Report, median, micros, short, table, timed, title};

/// The id of the filter of Cowrie's records: a run of that finds nothing to do.
const FILTER: Uuid = Uuid::from_u128(0xd207_6b75_715e_4e4d_ae0a_a291_cc6d_90b7);

/// How often the archives take turns.
const TURNS: usize = 10;
const POLLS: u32 = 200;

/// What is measured.
pub(crate) const COLUMNS: [&str; 7] =
    ["archived", "claimed", "settled", "checkpoint", "idle poll", "export per document", "run with nothing to do"];

/// An archive's records and what each measure took there, in µs.
pub(crate) type Row = (usize, [f64; COLUMNS.len()]);

pub(crate) fn measure(scale: Scale, report: &mut Report) {
    title("Growth: what one record more costs in archives of different sizes");
    let runtime = Runtime::new();
    runtime.warm(&[COWRIE.filter]);
    let mut archives: Vec<Archive> = scale.sizes().iter().map(|&size| Archive::grow(scale, &runtime, size)).collect();
    for _ in 0..TURNS {
        archives.iter_mut().for_each(Archive::take_turn);
    }
    let grown: Vec<Row> =
        archives.into_iter().zip(scale.sizes()).map(|(archive, &size)| (size, archive.finish(scale, &runtime))).collect();
    let (_, first) = grown.first().copied().unwrap();
    println!("µs for a record, a poll, a document, a run; in brackets: of the first line. the average of {TURNS} turns\n");
    let rows = grown.iter().map(|(size, row)| {
        let cell = |column: usize| format!("{} ({:.2})", short(row[column]), row[column] / first[column]);
        std::array::from_fn(|column| column.checked_sub(1).map_or_else(|| size.to_string(), cell))
    });
    let header: [&str; COLUMNS.len() + 1] =
        std::array::from_fn(|column| column.checked_sub(1).map_or("records", |column| COLUMNS[column]));
    table(header, rows);
    let (_, last) = grown.last().copied().unwrap();
    // Which of them pays for a checkpoint is chance.
    let record = |row: [f64; COLUMNS.len()]| row[..4].iter().sum::<f64>();
    report.at_most("one record more, in the largest archive, of the smallest", 1.5, record(last) / record(first), "times");
    report.at_most("an idle poll, in the largest archive, of the smallest", 1.5, last[4] / first[4], "times");
    report.at_most("a run with nothing to do, in the largest archive, of the smallest", 1.5, last[6] / first[6], "times");
    write(scale, &grown);
}

/// A file of the figures and one of their picture. Those of a quick run say nothing and are not kept.
fn write(scale: Scale, grown: &[Row]) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = if scale.quick { scratch.path().to_owned() } else { root().join("docs") };
    let mut csv = format!("records,{}\n", COLUMNS.join(","));
    for (size, row) in grown {
        let figures: Vec<String> = row.iter().map(|figure| format!("{figure:.3}")).collect();
        csv.push_str(&format!("{size},{}\n", figures.join(",")));
    }
    std::fs::write(folder.join("performance.csv"), csv).unwrap();
    plot::draw(grown, &folder.join("performance.svg"));
    if !scale.quick {
        println!("\nthe figures are in docs/performance.csv, and drawn in docs/performance.svg");
    }
}

/// An archive, and what was measured in it so far.
struct Archive {
    file: PathBuf,
    store: Box<dyn Store>,
    emits: Descriptor,
    /// Records in it, and in a batch.
    number: usize,
    records: usize,
    /// How many batches make a turn. What is put off until it is worth its while is done the less often the larger the archive is,
    /// with the square root; and each archive must do it several times to pay its share.
    batches: usize,
    /// What archiving, claiming and settling took, in all.
    steps: [Duration; 3],
    polls: Vec<Duration>,
}

impl Archive {
    fn grow(scale: Scale, runtime: &Runtime, size: usize) -> Self {
        let file = runtime.archive(&size.to_string());
        let store = store::open(&format!("sqlite:{}", file.display())).unwrap();
        store.register(&filter()).unwrap();
        let (records, steps) = (scale.records(1000), [Duration::ZERO; 3]);
        let batches = (size / 10_000).isqrt().max(1);
        let mut archive = Self { file, store, emits: descriptor(), number: 0, records, batches, steps, polls: Vec::new() };
        while archive.number < size {
            batch(&*archive.store, &mut archive.number, records, &archive.emits);
        }
        // What the write-ahead log holds goes into the database before and after, so that the records that are measured pay for
        // their own pages and no others, however many the log may hold.
        checkpoint(&archive.file);
        archive
    }

    fn take_turn(&mut self) {
        for _ in 0..self.batches {
            let steps = batch(&*self.store, &mut self.number, self.records, &self.emits);
            for (sum, time) in self.steps.iter_mut().zip(steps) {
                *sum += time;
            }
        }
        self.polls.push(timed(|| {
            for _ in 0..POLLS {
                // As a daemon polls.
                self.store.reopen(FILTER).unwrap();
                assert!(self.store.claim(FILTER, ClaimSize { records: 1, bytes: usize::MAX }).unwrap().is_empty());
            }
        }));
    }

    fn finish(self, scale: Scale, runtime: &Runtime) -> [f64; COLUMNS.len()] {
        let checkpoint = checkpoint(&self.file);
        let mut documents = 0;
        let export = timed(|| documents = self.store.export(&ExportQuery::default(), &mut |_| Ok(())).unwrap());
        drop(self.store);
        let start_up = median((0..scale.rounds).map(|_| runtime.once(&self.file, &[COWRIE.filter], 1).elapsed).collect());
        std::fs::remove_file(self.file).unwrap();
        let per_record = |time: Duration| micros(time) / (TURNS * self.batches * self.records) as f64;
        let [archived, claimed, settled] = self.steps.map(per_record);
        let poll = micros(median(self.polls)) / f64::from(POLLS);
        [archived, claimed, settled, per_record(checkpoint), poll, micros(export) / documents as f64, micros(start_up)]
    }
}

fn checkpoint(file: &Path) -> Duration {
    let connection = Connection::open(file).unwrap();
    timed(|| {
        // Which leaves the log's file as long as it is: growing it again would be charged to these records.
        let was_busy: bool = connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0)).unwrap();
        assert!(!was_busy, "nothing else uses the archive");
    })
}

/// Archives, claims and settles a batch of records; returns the time that each step took.
fn batch(store: &dyn Store, number: &mut usize, records: usize, emits: &Descriptor) -> [Duration; 3] {
    let from = *number;
    *number += records;
    let new: Vec<NewRecord> = (from..*number).map(record).collect();
    let archived = timed(|| drop(store.ingest(&new).unwrap()));
    let mut work = Vec::new();
    let claimed = timed(|| work = store.claim(FILTER, ClaimSize { records, bytes: usize::MAX }).unwrap());
    assert_eq!(work.len(), records);
    let results: Vec<Settled> = work.iter().zip(from..).map(|(work, number)| result(work, number, emits)).collect();
    let settled = timed(|| drop(store.commit(FILTER, &results).unwrap()));
    [archived, claimed, settled]
}

fn record(number: usize) -> NewRecord {
    let data = json!({ "n": number, "sensor": "sensor-01" });
    let document = RawDocument::new("cowrie", data.as_object().unwrap().clone()).unwrap();
    NewRecord { document, orgid: "org".into(), timezone: "UTC".into(), received_at: 1_767_225_600.0 }
}

/// An event with an address that comes back and a value of its own.
fn result(work: &Work, number: usize, emits: &Descriptor) -> Settled {
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
    let digest = checked.digest();
    let verdict = Verdict::Done(build(checked, &work.key.orgid).unwrap(), digest);
    Settled { key: work.key.clone(), verdict, report: Cost::default(), attempts: 1 }
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
