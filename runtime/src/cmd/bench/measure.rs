//! Measuring records one by one.

use std::time::{Duration, Instant};

use crate::fixture::Tester;
use crate::pipeline::{Reasons, conclude, record_of};
use crate::store::{Verdict, Work};
use crate::usage::{self, Used};

/// How often a call that does nothing is timed.
const SETUPS: usize = 21;

/// What one record took.
pub(super) struct Measured {
    /// The median of its rounds.
    pub(super) time: Duration,
    pub(super) used: Vec<Used>,
    /// Bytes of its data.
    pub(super) input: usize,
}

impl Measured {
    /// What it took of one limit.
    pub(super) fn of(&self, what: &str) -> Option<&Used> {
        self.used.iter().find(|used| used.what == what)
    }
}

/// What all records took, in their order; and what became of them.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) records: Vec<Measured>,
    pub(super) done: u64,
    pub(super) rejected: u64,
    pub(super) failed: u64,
    /// Why some were rejected or failed, the most frequent first.
    pub(super) reasons: Vec<(String, u64)>,
}

impl Bench {
    /// Gives the filter each record so many times.
    pub(super) fn of(tester: &mut Tester, records: &[Work], rounds: u16) -> Self {
        let mut bench = Self::default();
        let mut reasons = Reasons::default();
        for work in records {
            let mut times = Vec::with_capacity(usize::from(rounds));
            let mut last = None;
            for _ in 0..rounds {
                let began = Instant::now();
                let called = tester.call(record_of(work));
                times.push(began.elapsed());
                last = Some(called);
            }
            let Some(called) = last else { continue };
            let used = usage::of(&called, tester.filter().limits(), work.data.len() as u64);
            bench.records.push(Measured { time: median(times), used, input: work.data.len() });
            match conclude(tester.filter(), work, called).verdict {
                Verdict::Done(..) => bench.done += 1,
                Verdict::Rejected(reason) => {
                    bench.rejected += 1;
                    reasons.note(&reason);
                }
                Verdict::Failed(failure) => {
                    bench.failed += 1;
                    reasons.note(&format!("{}: {}", failure.kind.name(), failure.message));
                }
            }
        }
        bench.reasons = reasons.most_frequent();
        bench
    }

    /// The record that used most fuel; the first of several.
    pub(super) fn most_fuel(&self) -> usize {
        let fuel = |measured: &Measured| measured.of("fuel").map_or(0, |used| used.used);
        let most = self.records.iter().enumerate().max_by_key(|(number, measured)| (fuel(measured), std::cmp::Reverse(*number)));
        most.map_or(0, |(number, _)| number)
    }
}

/// How long a call takes that may do nothing once its instance is made: what every record costs, whatever is in it. The
/// first calls, in which a process starts, do not count.
pub(super) fn setup(tester: &mut Tester, work: &Work) -> Duration {
    let time = |tester: &mut Tester| {
        let began = Instant::now();
        let _ = tester.call_within(record_of(work), 0);
        began.elapsed()
    };
    let _ = time(tester);
    median((0..SETUPS).map(|_| time(tester)).collect())
}

/// The middle of these; zero, if there are none.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
