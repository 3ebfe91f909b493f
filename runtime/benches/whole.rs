use std::hint::black_box;
use std::time::Duration;

use tahoe_runtime::answer::{build, check};
use tahoe_runtime::pipeline::{conclude, record_of};
use tahoe_runtime::store::{self, Settled, Work};
use tahoe_runtime::verdict::{Called, Outcome, Report as Cost};

use crate::Scale;
use crate::corpus::COWRIE;
use crate::native::{Native, guest_record, outcome};
use crate::parts::Bench;
use crate::report::{Report, medians, micros, per_second, short, table, timed, title};

/// What takes turns.
const WAYS: [&str; 4] = ["native, no store", "native filter", "sandboxed, in this process", "sandboxed, in its own"];

pub(crate) fn measure(scale: Scale, report: &mut Report) {
    title("Whole, one thread: claim, filter, check, build, commit into SQLite");
    let Native::Rust(native) = COWRIE.native else { return };
    let bench = Bench::new(COWRIE, scale.records(16_384));
    let count = bench.records.len();
    let archive = tempfile::tempdir().unwrap();
    let file = archive.path().join("archive.db");
    store::open(&format!("sqlite:{}", file.display())).unwrap().ingest(&bench.records).unwrap();

    let mut worker = bench.worker();
    let mut rounds: Vec<[Duration; WAYS.len()]> = Vec::new();
    for _ in 0..scale.rounds {
        let floor = timed(|| {
            for record in &bench.records {
                if let Outcome::Answered(answer) = outcome(native, &guest_record(record)) {
                    let checked = check(answer, &bench.rules(record)).unwrap();
                    black_box(build(checked, "org").unwrap());
                }
            }
        });
        let through = |settle: &mut dyn FnMut(Vec<Work>) -> Vec<Settled>| {
            let copy = tempfile::tempdir().unwrap();
            let path = copy.path().join("copy.db");
            std::fs::copy(&file, &path).unwrap();
            let store = store::open(&format!("sqlite:{}", path.display())).unwrap();
            store.register(&bench.member.reference).unwrap();
            timed(|| {
                bench.drain(&*store, settle);
            })
        };
        let called = |outcome| Called { outcome, report: Cost::default() };
        let filter = &bench.member.filter;
        let one_by_one = |work: Vec<Work>, call: &dyn Fn(&Work) -> Called| -> Vec<Settled> {
            work.into_iter().map(|work| conclude(filter, &work, call(&work))).collect()
        };
        let natively = through(&mut |work| one_by_one(work, &|work| called(outcome(native, &record_of(work)))));
        let here = through(&mut |work| one_by_one(work, &|work| bench.program.call(&record_of(work), filter.options())));
        let apart = through(&mut |work| bench.call_apart(&mut worker, work));
        rounds.push([floor, natively, here, apart]);
    }
    let medians = medians(&rounds);
    let [_, natively, _, apart] = medians;
    println!("{count} Cowrie records, median of {} rounds that take turns\n", scale.rounds);
    let rows = WAYS.iter().zip(medians).map(|(way, time)| {
        let ratio = natively.as_secs_f64() / time.as_secs_f64();
        [(*way).to_owned(), short(per_second(count, time)), short(micros(time) / count as f64), short(ratio)]
    });
    table(["way", "records/s", "µs/record", "of native"], rows);
    let ratio = natively.as_secs_f64() / apart.as_secs_f64();
    report.at_least("Cowrie: sandboxed pipeline, of the native one's records/s", 0.5, ratio, "");
}
