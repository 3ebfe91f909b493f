//! `runtime --filters … --dry-run`: what a run would do, of a sample, without doing it.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::exit::Exit;
use crate::pipeline::{Member, Reasons, conclude, record_of};
use crate::store::{ClaimSize, Store, Verdict};
use crate::terminal::escape;
use crate::worker::{Launcher, Worker};

/// How much of what is pending is tried for each filter.
const SAMPLE: ClaimSize = ClaimSize { records: 1000, bytes: 32 * 1024 * 1024 };

/// How long a filter is tried.
const LONGEST: Duration = Duration::from_secs(5);

/// What would come of a filter's pending records.
#[derive(Debug, Default, Serialize)]
struct Forecast {
    filter: String,
    pending: u64,
    /// Records that were tried; the next three say what came of them.
    sample: u64,
    done: u64,
    rejected: u64,
    failed: u64,
    /// Documents that the sample's answers hold, whether the archive has them or not.
    documents: u64,
    /// Why some were rejected or failed, and how often, the most frequent first.
    reasons: Vec<(String, u64)>,
    /// For all that is pending, with all workers, without the time to write it.
    seconds: f64,
}

/// Tries a sample for each filter, throws the answers away, and prints what it says of the rest.
pub(super) fn run(store: &dyn Store, members: &[Member], launcher: &Launcher, workers: u16, json: bool) -> anyhow::Result<Exit> {
    let mut worker = Worker::new(launcher.clone());
    let forecasts = members.iter().map(|member| forecast(store, member, &mut worker, workers));
    let forecasts = forecasts.collect::<anyhow::Result<Vec<Forecast>>>()?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::json!({ "dry_run": forecasts }))?;
        return Ok(Exit::Complete);
    }
    let header = ["filter", "pending", "tried", "done", "rejected", "failed", "documents\neach", "time for all"];
    let mut table = super::table(header);
    for forecast in &forecasts {
        let Forecast { pending, sample, done, rejected, failed, documents, .. } = forecast;
        let each = if *done == 0 { 0.0 } else { *documents as f64 / *done as f64 };
        let counts = [pending, sample, done, rejected, failed].map(ToString::to_string);
        let rest = [format!("{each:.1}"), format!("{:.1} s", forecast.seconds)];
        table.add_row([forecast.filter.clone()].into_iter().chain(counts).chain(rest));
    }
    writeln!(out, "{table}")?;
    for forecast in &forecasts {
        for (reason, count) in &forecast.reasons {
            writeln!(out, "{} {count}: {}", forecast.filter, escape(reason))?;
        }
    }
    writeln!(out, "Nothing was written. The time is that of the filters with {workers} workers; writing comes on top.")?;
    Ok(Exit::Complete)
}

fn forecast(store: &dyn Store, member: &Member, worker: &mut Worker, workers: u16) -> anyhow::Result<Forecast> {
    let (pending, work) = store.peek(&member.reference, SAMPLE)?;
    let mut forecast = Forecast { filter: member.reference.name.clone(), pending, ..Forecast::default() };
    let mut reasons = Reasons::default();
    let start = Instant::now();
    let mut waiting = VecDeque::from(work);
    // Once before the clock counts: a process has to start.
    if let Some(first) = waiting.front() {
        let _ = worker.call_one(&member.filter, record_of(first));
    }
    let began = Instant::now();
    while !waiting.is_empty() && start.elapsed() < LONGEST {
        worker.call(&member.filter, &mut waiting, 16, record_of, |work, called| {
            forecast.sample += 1;
            match conclude(&member.filter, &work, called).verdict {
                Verdict::Done(graph, _) => {
                    forecast.done += 1;
                    forecast.documents += graph.documents.len() as u64;
                }
                Verdict::Rejected(reason) => {
                    forecast.rejected += 1;
                    reasons.note(&reason);
                }
                Verdict::Failed(failure) => {
                    forecast.failed += 1;
                    reasons.note(&format!("{}: {}", failure.kind.name(), failure.message));
                }
            }
            if start.elapsed() < LONGEST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    }
    forecast.reasons = reasons.most_frequent();
    if forecast.sample > 0 {
        let each = began.elapsed().as_secs_f64() / forecast.sample as f64;
        forecast.seconds = each * pending as f64 / f64::from(workers.max(1));
    }
    Ok(forecast)
}
