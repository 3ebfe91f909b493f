//! `runtime --filters …`: runs filters over a store.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::filters;
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::pipeline::{FilterSummary, Run, Settings};
use crate::sandbox::ENGINE;
use crate::store;

/// How often progress is drawn on a terminal, and how often a line is written elsewhere.
const DRAW: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(1);

/// Runs until there is nothing left to do (`--once`) or a signal comes.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let workers = args.workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get().min(64) as u16));
    let members = filters::load(&args.filters, &args.options, workers)?;
    let store = store::open(&args.store.store)?;
    let stop = stop_on_signals()?;
    let run = Run::new(store.as_ref(), &members, Settings { workers, once: args.once, stop: &stop })?;
    let mut pending = 0;
    for member in &members {
        pending += store.tally(member.reference.id)?.pending;
    }
    if !args.once {
        tracing::info!(filters = members.len(), workers, store = args.store.store, pending, "ready; SIGTERM or ctrl-c ends it");
    }
    let over = AtomicBool::new(false);
    let summaries = thread::scope(|scope| {
        let drawing = scope.spawn(|| draw_progress(&run, pending, args.once, &over));
        let summaries = run.work();
        over.store(true, Ordering::Relaxed);
        // Drawing cannot fail in a way that matters to the records.
        let _ = drawing.join();
        summaries
    })?;
    print(args, &summaries, workers, start.elapsed())?;
    Ok(exit(args, &summaries))
}

/// Dead letters added, or records left pending: incomplete. A daemon that was told to end has done what it should.
fn exit(args: &RunArgs, summaries: &[FilterSummary]) -> Exit {
    let incomplete = summaries.iter().any(|summary| summary.counters.failed > 0 || summary.store.pending > 0);
    if args.once && incomplete { Exit::Incomplete } else { Exit::Complete }
}

/// The first SIGTERM or SIGINT asks to finish the records in hand, the second ends the process at once.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .context("cannot listen for signals")?;
    }
    Ok(stop)
}

fn draw_progress(run: &Run<'_>, pending: u64, once: bool, over: &AtomicBool) {
    let terminal = io::stderr().is_terminal();
    let bar = if terminal && once { ProgressBar::new(pending) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} records  {per_sec}  {eta} left") {
        bar.set_style(style);
    }
    let (mut last_line, mut last_settled) = (Instant::now(), 0);
    while !over.load(Ordering::Relaxed) {
        thread::sleep(DRAW);
        let settled = run.settled();
        bar.set_position(settled);
        if !(terminal && once) && last_line.elapsed() >= LINE && settled != last_settled {
            tracing::info!(settled, pending = pending.saturating_sub(settled), "records");
            (last_line, last_settled) = (Instant::now(), settled);
        }
    }
    bar.finish_and_clear();
}

fn print(args: &RunArgs, summaries: &[FilterSummary], workers: u16, elapsed: Duration) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let elapsed_ms = elapsed.as_millis() as u64;
    if args.json {
        let summary = json!({"filters": summaries, "workers": workers, "elapsed_ms": elapsed_ms, "engine": ENGINE});
        writeln!(out, "{summary}")?;
        return Ok(());
    }
    let mut table = super::table([
        "filter",
        "records",
        "done",
        "rejected",
        "failed",
        "pending",
        "documents new",
        "fuel",
        "fuel/record",
        "time",
    ]);
    for summary in summaries {
        let counters = &summary.counters;
        let records = counters.done + counters.rejected + counters.failed;
        table.add_row([
            summary.filter.clone(),
            records.to_string(),
            counters.done.to_string(),
            counters.rejected.to_string(),
            counters.failed.to_string(),
            summary.store.pending.to_string(),
            counters.documents.to_string(),
            counters.fuel.to_string(),
            counters.fuel.checked_div(records).unwrap_or(0).to_string(),
            format!("{:.2} s", counters.busy_us as f64 / 1e6),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{:.2} s with {workers} workers; the time of a filter is summed over them.", elapsed.as_secs_f64())?;
    if summaries.iter().any(|summary| summary.counters.failed > 0) {
        writeln!(out, "See what failed and why: runtime dead-letters list --store {}", args.store.store)?;
    }
    Ok(())
}
