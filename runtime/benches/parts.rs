use std::collections::VecDeque;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tahoe_runtime::answer::{Answer, Rules, build, check};
use tahoe_runtime::limits::Profile;
use tahoe_runtime::pipeline::{Member, conclude, record_of};
use tahoe_runtime::sandbox::{Program, Sandbox, compile};
use tahoe_runtime::store::{self, ClaimSize, NewRecord, Settled, Store, Work};
use tahoe_runtime::verdict::{ENGINE, Outcome};
use tahoe_runtime::worker::{self, Launcher, Worker};

use crate::Scale;
use crate::corpus::Kind;
use crate::native::guest_record;
use crate::process::RUNTIME;
use crate::report::{Report, medians, micros, short, table, timed, title};

/// As the pipeline claims, and as many as it gives a fast filter at once.
const CLAIM: ClaimSize = ClaimSize { records: 1024, bytes: 4 << 20 };
const TOGETHER: usize = 64;

/// How many instances are timed: the first few, of a filter with few records, would find nothing in the processor's caches.
const INSTANCES: u32 = 1000;

/// In the order in which a record passes them.
const STEPS: [&str; 8] = [
    "native filter",
    "an instance (least record)",
    "the call, in this process",
    "the call, in its own",
    "check",
    "build and hash",
    "claim",
    "commit",
];
/// From here on they add up to the whole: before are other ways to make the call.
const APART: usize = 3;

/// A kind of record with all that its steps need.
pub(crate) struct Bench {
    pub(crate) kind: Kind,
    pub(crate) records: Vec<NewRecord>,
    pub(crate) member: Member,
    pub(crate) program: Program,
    least: NewRecord,
}

impl Bench {
    pub(crate) fn new(kind: Kind, count: usize) -> Self {
        let wasm = std::fs::read(kind.component()).unwrap();
        let compiled = compile(&wasm).unwrap();
        let profile: Profile = compiled.profile();
        let sandbox = Arc::new(Sandbox::new(1).unwrap());
        let program = sandbox.program(compiled.artifact.into(), profile, profile.limits()).unwrap();
        let member = Member::new(worker::load(&launcher(), None, &wasm, None).unwrap());
        let (records, least) = (kind.records(count), kind.least_record());
        Self { kind, records, member, program, least }
    }

    /// Gives the filter records in another process, as the pipeline does.
    pub(crate) fn call_apart(&self, worker: &mut Worker, work: Vec<Work>) -> Vec<Settled> {
        let filter = &self.member.filter;
        let mut settled = Vec::with_capacity(work.len());
        let mut waiting: VecDeque<Work> = work.into();
        while !waiting.is_empty() {
            worker.call(filter, &mut waiting, TOGETHER, record_of, |work, called| {
                settled.push(conclude(filter, &work, called));
                ControlFlow::Continue(())
            });
        }
        settled
    }

    /// Claims, settles and commits until nothing is pending; returns how long claims and commits took.
    pub(crate) fn drain(&self, store: &dyn Store, settle: &mut dyn FnMut(Vec<Work>) -> Vec<Settled>) -> [Duration; 2] {
        let id = self.member.reference.id;
        let (mut claim_time, mut commit_time, mut count) = (Duration::ZERO, Duration::ZERO, 0);
        loop {
            let mut work = Vec::new();
            claim_time += timed(|| work = store.claim(id, CLAIM).unwrap());
            if work.is_empty() {
                assert_eq!(count, self.records.len());
                return [claim_time, commit_time];
            }
            count += work.len();
            let settled = settle(work);
            commit_time += timed(|| drop(store.commit(id, &settled).unwrap()));
        }
    }

    fn call(&self, record: &NewRecord) -> Outcome {
        self.program.call(&guest_record(record), self.member.filter.options()).outcome
    }

    fn answer(&self, record: &NewRecord) -> Answer {
        match self.call(record) {
            Outcome::Answered(answer) => answer,
            Outcome::Rejected(reason) => panic!("{}: rejected: {reason}", self.kind.name),
            Outcome::Failed(failure) => panic!("{}: failed: {}", self.kind.name, failure.message),
        }
    }

    /// A process for calls that has loaded the filter.
    pub(crate) fn worker(&self) -> Worker {
        let mut worker = Worker::new(launcher());
        let called = worker.call_one(&self.member.filter, guest_record(&self.least));
        assert!(matches!(called.outcome, Outcome::Rejected(_)), "{}: the least record is rejected", self.kind.name);
        worker
    }

    pub(crate) fn rules(&self, record: &NewRecord) -> Rules<'_> {
        let filter = &self.member.filter;
        let input = record.document.data.len() as u64;
        Rules { limits: filter.limits(), emits: &filter.descriptor().emits, input, received_at: record.received_at }
    }

    /// How long each step takes for all records; nothing for a filter that does not run natively here.
    fn round(&self, worker: &mut Worker) -> [Duration; STEPS.len()] {
        let native = self.kind.native.time(&self.records).unwrap_or_default();
        let instances = timed(|| (0..INSTANCES).for_each(|_| drop(black_box(self.call(&self.least)))));
        let instance = instances.mul_f64(self.records.len() as f64 / f64::from(INSTANCES));
        let call = timed(|| self.records.iter().for_each(|record| drop(black_box(self.call(record)))));
        let apart = timed(|| {
            let mut waiting: VecDeque<&NewRecord> = self.records.iter().collect();
            while !waiting.is_empty() {
                worker.call(
                    &self.member.filter,
                    &mut waiting,
                    TOGETHER,
                    |record| guest_record(record),
                    |_, called| {
                        black_box(called);
                        ControlFlow::Continue(())
                    },
                );
            }
        });
        let (mut check_time, mut build_time) = (Duration::ZERO, Duration::ZERO);
        for record in &self.records {
            let answer = self.answer(record);
            let mut checked = None;
            check_time += timed(|| checked = Some(check(answer, &self.rules(record)).unwrap()));
            let checked = checked.unwrap();
            build_time += timed(|| drop(black_box(build(checked, "org").unwrap())));
        }
        let [claim, commit] = self.through_the_store(worker);
        [native, instance, call, apart, check_time, build_time, claim, commit]
    }

    fn through_the_store(&self, worker: &mut Worker) -> [Duration; 2] {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open(&format!("sqlite:{}", folder.path().join("bench.db").display())).unwrap();
        store.ingest(&self.records).unwrap();
        store.register(&self.member.reference).unwrap();
        self.drain(&*store, &mut |work| self.call_apart(worker, work))
    }
}

/// Starts the binary under test.
fn launcher() -> Launcher {
    Launcher::of(RUNTIME.into())
}

pub(crate) fn measure(scale: Scale, report: &mut Report) {
    title("Parts: what each step of a record's way costs");
    let counted = |kind: Kind| {
        let count = match kind.sub_type {
            "cowrie" => 8192,
            "email" => 1024,
            "phishtank_feed" => 1,
            _ => 8,
        };
        Bench::new(kind, scale.records(count))
    };
    let mut benches: Vec<(Worker, Bench)> =
        Kind::built(scale).into_iter().map(counted).map(|bench| (bench.worker(), bench)).collect();
    let mut rounds: Vec<Vec<[Duration; STEPS.len()]>> = vec![Vec::new(); benches.len()];
    for _ in 0..scale.rounds {
        for ((worker, bench), rounds) in benches.iter_mut().zip(&mut rounds) {
            rounds.push(bench.round(worker));
        }
    }
    println!("\none thread, median of {} rounds that take turns, {ENGINE}", scale.rounds);
    for ((_, bench), rounds) in benches.iter().zip(&rounds) {
        print(bench, &medians(rounds), report);
    }
}

fn print(bench: &Bench, steps: &[Duration; STEPS.len()], report: &mut Report) {
    let count = bench.records.len() as f64;
    let bytes: usize = bench.records.iter().map(|record| record.document.data.len()).sum();
    let kilobytes = bytes as f64 / 1000.0;
    let [native, instance, call, apart, rest @ ..] = steps;
    let whole = *apart + rest.iter().sum::<Duration>();
    let per_record = |time: Duration| micros(time) / count;
    println!("\n{}: {} records of {} KB", bench.kind.name, bench.records.len(), short(kilobytes / count));
    let row = |name: &str, time: Duration, share: bool| {
        let figures = |figure: f64| if time.is_zero() { "-".to_owned() } else { short(figure) };
        let of_whole = if share { format!("{:.1} %", 100.0 * time.as_secs_f64() / whole.as_secs_f64()) } else { "-".to_owned() };
        let of_native = if native.is_zero() { "-".to_owned() } else { short(time.as_secs_f64() / native.as_secs_f64()) };
        [name.to_owned(), figures(per_record(time)), figures(micros(time) / kilobytes), of_whole, of_native]
    };
    let mut rows: Vec<_> =
        STEPS.iter().zip(steps).enumerate().map(|(step, (name, time))| row(name, *time, step >= APART)).collect();
    rows.push(row("whole", whole, true));
    table(["step", "µs/record", "µs/KB", "of the whole", "of native"], rows);
    println!(
        "above native: {} µs a record for the sandbox, of which {} for a fresh instance; {} more for a process of its own",
        short(per_record(*call) - per_record(*native)),
        short(per_record(*instance)),
        short(per_record(*apart) - per_record(*call)),
    );
    if bench.kind.sub_type == "cowrie" {
        let above = per_record(*call) - per_record(*native);
        report.at_most("Cowrie: sandboxed call above the native filter", 15.0, above, "µs/record");
    }
}
