//! `runtime --filters …`: runs filters over a store.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::json;

use super::filters::{self, Refused};
use super::{config, dry_run, lock, store_check};
use crate::cli::RunArgs;
use crate::exit::Exit;
use crate::pipeline::{FilterSummary, Member, Patience, Run, Settings};
use crate::store::{self, Access, Store, StoreError};
use crate::terminal::escape;
use crate::verdict::ENGINE;
use crate::worker::Launcher;

/// How often progress is drawn on a terminal, and how often a line is written elsewhere.
const DRAW: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(1);

/// Runs until there is nothing left to do (`--once`) or a signal comes.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let stop = stop_on_signals()?;
    let config = config::settings(&args.settings)?;
    config::need_filters(&config)?;
    let address = &config.store.value;
    let workers = config.workers.value.unwrap_or_else(|| thread::available_parallelism().map_or(1, |n| n.get().min(64) as u16));
    // Compiling takes longer than a person wants to wait to hear of a mistyped address.
    store::check_address(address)?;
    let lock = lock::of(&config)?;
    let launcher = Launcher::new().context("cannot tell where this program lies")?;
    let (members, refused) = filters::load_others(&launcher, &config)?;
    match &lock {
        Some(lock) => lock::enforce(lock, &config, &members)?,
        None => lock::warn_of_none(&members),
    }
    if args.dry_run {
        let store = store::open_with(address, Access::ReadOnly)?;
        return dry_run::run(store.as_ref(), &members, &launcher, workers, args.json);
    }
    // A daemon may start before its database does.
    let patience = Patience::new(args.once, &stop);
    let Some(store) = unless_told_to_end(args, &stop, patience.ask(|| store::open(address)))? else {
        return Ok(Exit::Complete);
    };
    if let Some(undecided) = store_check::undecided(&members, &config)
        && unless_told_to_end(args, &stop, patience.ask(|| store_check::has_originals_mapping(store.as_ref())))? == Some(true)
    {
        return Err(undecided.into());
    }
    let run = Run::new(store.as_ref(), &members, Settings { workers, launcher: &launcher, once: args.once, stop: &stop });
    let Some(run) = unless_told_to_end(args, &stop, run)? else { return Ok(Exit::Complete) };
    let Some(pending) = unless_told_to_end(args, &stop, run.pending())? else { return Ok(Exit::Complete) };
    let address = store::shown_address(address);
    if !args.once {
        tracing::info!(filters = members.len(), workers, store = address, pending, "ready; SIGTERM or ctrl-c ends it");
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
    print(args, &summaries, &refused, &address, workers, start.elapsed())?;
    if args.once {
        warn_of_unread(store.as_ref(), &members)?;
    }
    Ok(exit(args, &summaries, &refused))
}

/// What came of asking the store; `None` if a daemon was told to end while the store was out of reach, before anything
/// was begun.
fn unless_told_to_end<T>(args: &RunArgs, stop: &AtomicBool, asked: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match asked {
        Err(StoreError::Transient(_)) if !args.once && stop.load(Ordering::Relaxed) => Ok(None),
        asked => asked.map(Some),
    }
}

/// Records that no filter reads are often records with a mistyped sub-type.
fn warn_of_unread(store: &dyn Store, members: &[Member]) -> Result<(), StoreError> {
    let archived = store.archived()?;
    if archived.is_empty() {
        tracing::warn!("the archive is empty: put records into it with `runtime ingest`, or see whether --store is right");
    }
    for (sub_type, count) in archived {
        if !members.iter().any(|member| member.reference.accepts.contains(&sub_type)) {
            tracing::warn!("{count} records of sub-type {sub_type} are read by none of these filters");
        }
    }
    Ok(())
}

/// Dead letters added, records left pending, filters that did not run: incomplete. A daemon that was told to end has
/// done what it should.
fn exit(args: &RunArgs, summaries: &[FilterSummary], refused: &[Refused]) -> Exit {
    let incomplete = !refused.is_empty()
        || summaries.iter().any(|summary| summary.counters.failed > 0 || summary.store.is_none_or(|tally| tally.pending > 0));
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
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} records  {rate}/s  {eta} left") {
        bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // Writing to the bar's own buffer does not fail.
            let _ = write!(out, "{:.0}", state.per_sec());
        }));
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

fn print(
    args: &RunArgs,
    summaries: &[FilterSummary],
    refused: &[Refused],
    address: &str,
    workers: u16,
    elapsed: Duration,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let elapsed_ms = elapsed.as_millis() as u64;
    if args.json {
        let summary =
            json!({"filters": summaries, "refused": refused, "workers": workers, "elapsed_ms": elapsed_ms, "engine": ENGINE});
        writeln!(out, "{summary}")?;
        return Ok(());
    }
    let mut table =
        super::table(["filter", "records", "done", "rejected", "failed", "pending", "documents\nnew", "fuel", "time"]);
    for summary in summaries {
        let counters = &summary.counters;
        let records = counters.done + counters.rejected + counters.failed;
        table.add_row([
            summary.filter.clone(),
            records.to_string(),
            counters.done.to_string(),
            counters.rejected.to_string(),
            counters.failed.to_string(),
            summary.store.map_or("?".to_owned(), |tally| tally.pending.to_string()),
            counters.documents.to_string(),
            format!("{:.1} M", counters.fuel as f64 / 1e6),
            format!("{:.2} s", counters.busy_us as f64 / 1e6),
        ]);
    }
    writeln!(out, "{table}")?;
    for summary in summaries {
        for (reason, count) in &summary.reasons {
            writeln!(out, "{} rejected {count}: {}", summary.filter, escape(reason))?;
        }
        if let Some(breaker) = &summary.breaker {
            let reason = escape(&breaker.reason);
            writeln!(out, "{} was stopped, since it failed again and again: {reason}", summary.filter)?;
        }
    }
    for Refused { file, reason } in refused {
        writeln!(out, "{} was refused and did not run: {}", escape(&file.to_string_lossy()), escape(reason))?;
    }
    writeln!(out, "{:.2} s with {workers} workers; the time of a filter is summed over them.", elapsed.as_secs_f64())?;
    if summaries.iter().any(|summary| summary.counters.failed > 0) {
        let place = match (&args.settings.store.store, &args.settings.store.config) {
            (Some(_), _) => format!(" --store '{address}'"),
            (None, Some(file)) => format!(" --config '{}'", file.display()),
            (None, None) => String::new(),
        };
        writeln!(out, "See what failed and why: runtime dead-letters list{place}")?;
    }
    Ok(())
}
