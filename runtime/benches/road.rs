//! What each step of a record's way costs, native against sandboxed, in one run: `scripts/bench.sh`.
//!
//! A table of ratios rather than a statistics harness: every figure is the median of rounds that take turns within
//! one process, so that figures of one run can be compared, and figures of two machines need not be.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a program to be run by hand")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tahoe_runtime::answer::{Answer, Rules, build, check};
use tahoe_runtime::json;
use tahoe_runtime::limits::{Limits, Profile};
use tahoe_runtime::pipeline::{Member, attempt};
use tahoe_runtime::sandbox::{Options, Program, Record, Sandbox, compile};
use tahoe_runtime::store::{self, ClaimSize, NewRecord, Settled};
use tahoe_runtime::tahoe::RawDocument;
use tahoe_runtime::verdict::ENGINE;
use tahoe_runtime::verdict::Outcome;
use tahoe_runtime::worker::{self, Filter, Launcher, Worker};

const RECORDS: usize = 8192;
const ROUNDS: usize = 7;

fn main() {
    // cargo passes `--bench`; a test run of all targets passes nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let corpus = corpus();
    let sandbox = Arc::new(Sandbox::new(1).unwrap());
    let wasm = std::fs::read("../filters/cowrie.wasm").expect("scripts/build-filters.sh builds it");
    let program = sandbox.program(compile(&wasm).unwrap().artifact.into(), Profile::Pure, Limits::PURE).unwrap();
    let launcher = Launcher::of(env!("CARGO_BIN_EXE_runtime").into());
    let member = Member::new(worker::load(&launcher, None, &wasm, None).unwrap());
    let filter = &member.filter;
    let mut worker = Worker::new(launcher);

    let mut rows: Vec<(&str, Vec<Duration>)> =
        ["native filter", "sandboxed filter", "its own process", "check", "build and hash", "claim", "commit"]
            .map(|name| (name, Vec::new()))
            .into();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        round.push(timed(|| corpus.iter().for_each(|record| drop(black_box(native(record))))));
        let options = filter.options();
        round.push(timed(|| corpus.iter().for_each(|record| drop(black_box(program.call(&guest_record(record), options))))));
        round.push(timed(|| {
            let mut waiting: VecDeque<&NewRecord> = corpus.iter().collect();
            while !waiting.is_empty() {
                worker.call(
                    filter,
                    &mut waiting,
                    64,
                    |record| guest_record(record),
                    |_, called| {
                        black_box(called);
                        ControlFlow::Continue(())
                    },
                );
            }
        }));
        let answers: Vec<(Answer, Rules<'_>)> =
            corpus.iter().filter_map(|record| Some((answer(&program, record)?, rules(filter, record)))).collect();
        let mut checked = Vec::with_capacity(answers.len());
        round.push(timed(|| checked.extend(answers.into_iter().map(|(answer, rules)| check(answer, &rules).unwrap()))));
        let mut graphs = Vec::with_capacity(checked.len());
        round.push(timed(|| graphs.extend(checked.iter().map(|checked| (build(checked, "org").unwrap(), checked.digest())))));

        let folder = tempfile::tempdir().unwrap();
        let store = store::open(&format!("sqlite:{}", folder.path().join("bench.db").display())).unwrap();
        store.ingest(&corpus).unwrap();
        store.register(&member.reference).unwrap();
        let mut claimed = Vec::new();
        round.push(timed(|| {
            while claimed.len() < RECORDS {
                claimed.extend(store.claim(member.reference.id, ClaimSize { records: 1024, bytes: 4 << 20 }).unwrap());
            }
        }));
        let settled: Vec<Settled> = claimed.iter().map(|work| attempt(&mut worker, filter, work)).collect();
        round.push(timed(|| settled.chunks(1024).for_each(|batch| drop(store.commit(member.reference.id, batch).unwrap()))));
        for (row, time) in rows.iter_mut().zip(round) {
            row.1.push(time);
        }
    }
    print(&mut rows);
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn print(rows: &mut [(&str, Vec<Duration>)]) {
    let per_record: Vec<(&str, f64)> = rows
        .iter_mut()
        .map(|(name, times)| {
            times.sort();
            (*name, times.get(ROUNDS / 2).unwrap().as_secs_f64() * 1e6 / RECORDS as f64)
        })
        .collect();
    let native = per_record.first().unwrap().1;
    // The third row is the second one's work, and what it takes to have another process do it.
    let whole: f64 = per_record.iter().skip(2).map(|(_, micros)| micros).sum();
    println!("{RECORDS} Cowrie records, median of {ROUNDS} rounds, one thread, {ENGINE}\n");
    println!("{:<18} {:>12} {:>16} {:>16}", "step", "µs/record", "of the whole", "of native");
    for (index, (name, micros)) in per_record.iter().enumerate() {
        let share = if index == 0 { String::from("-") } else { format!("{:.1} %", 100.0 * micros / whole) };
        println!("{name:<18} {micros:>12.2} {share:>16} {:>16.1}", micros / native);
    }
    println!("{:<18} {whole:>12.2} {:>16} {:>16.1}", "whole, sandboxed", "100 %", whole / native);
    let (sandboxed, apart) = (per_record.get(1).unwrap().1, per_record.get(2).unwrap().1);
    let without = whole - apart + native;
    println!("\nsandbox, fresh instance: {:.2} µs more than native per record", sandboxed - native);
    println!("a process of its own: {:.2} µs more than in this one", apart - sandboxed);
    println!("end to end, sandboxed against native in the same pipeline: {:.2} of its records per second", without / whole);
}

/// The records of the fixtures in many sessions of many attackers.
fn corpus() -> Vec<NewRecord> {
    let text = std::fs::read_to_string("../fixtures/records/cowrie.jsonl").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    (0..RECORDS)
        .map(|number| {
            let line = lines.get(number % lines.len()).unwrap();
            let round = number / lines.len();
            let line = line
                .replace("5f1c0a7be210", &format!("5f1c{round:08x}"))
                .replace("192.0.2.77", &format!("192.0.2.{}", round % 200))
                .replace("T04:", &format!("T{:02}:", round % 24));
            let mut data = json::read(line.as_bytes()).unwrap().as_object().unwrap().clone();
            // No two alike: the archive would take them for one.
            data.insert("uuid".into(), number.into());
            let document = RawDocument::new("cowrie", data).unwrap();
            NewRecord { document, orgid: "org".into(), timezone: "UTC".into(), received_at: 1_767_225_600.0 }
        })
        .collect()
}

fn guest_record(record: &NewRecord) -> Record<'_> {
    Record {
        sub_type: &record.document.sub_type,
        data: &record.document.data,
        timezone: &record.timezone,
        received_at: record.received_at,
    }
}

fn answer(program: &Program, record: &NewRecord) -> Option<Answer> {
    match program.call(&guest_record(record), &Options::default()).outcome {
        Outcome::Answered(answer) => Some(answer),
        Outcome::Rejected(_) | Outcome::Failed(_) => None,
    }
}

fn rules<'a>(filter: &'a Filter, record: &NewRecord) -> Rules<'a> {
    let input = record.document.data.len() as u64;
    Rules { limits: filter.limits(), emits: &filter.descriptor().emits, input, received_at: record.received_at }
}

/// The same filter code without WebAssembly.
fn native(record: &NewRecord) -> Option<filter_sdk::Answer> {
    let input = filter_sdk::Record {
        sub_type: record.document.sub_type.clone(),
        data: record.document.data.clone(),
        timezone: record.timezone.clone(),
        received_at: record.received_at,
    };
    cowrie::FILTER.run(&input, &filter_sdk::Host::stand_in(Vec::new())).ok()
}
