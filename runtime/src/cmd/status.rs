//! `runtime status`: how filters fare.

use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::cli::StatusArgs;
use crate::exit::Exit;
use crate::store::{self, FilterStatus, OpenBreaker};
use crate::terminal::escape;

/// Shows every filter that ever ran on the archive.
pub(super) fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let store = store::open_existing(&super::config::address(&args.store)?)?;
    let filters = store.status()?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "filters": filters }))?;
        return Ok(Exit::Complete);
    }
    if filters.is_empty() {
        writeln!(out, "No filter has run on this archive yet.")?;
        return Ok(Exit::Complete);
    }
    let header = ["filter", "records", "pending", "done", "rejected", "failed", "fuel", "time", "state"];
    let mut table = super::table(header);
    for status in &filters {
        let tally = &status.tally;
        let counts = [tally.accepted, tally.pending, tally.done, tally.rejected, tally.failed].map(|count| count.to_string());
        let fuel = format!("{:.1} M", status.usage.fuel as f64 / 1e6);
        let time = format!("{:.2} s", status.usage.busy_us as f64 / 1e6);
        let state = status.health.breaker.as_ref().map_or("works".to_owned(), state);
        let name = format!("{} {}", status.filter, status.version);
        table.add_row([name].into_iter().chain(counts).chain([fuel, time, state]));
    }
    writeln!(out, "{table}")?;
    filters.iter().try_for_each(|status| explain(&mut out, status))?;
    Ok(Exit::Complete)
}

/// An open breaker, in a word or two.
fn state(breaker: &OpenBreaker) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    match breaker.until {
        None => "stopped".to_owned(),
        Some(until) if until > now => format!("tries in {:.0} s", until - now),
        Some(_) => "tries one record".to_owned(),
    }
}

/// Why a filter was stopped, and when the store was last out of reach.
fn explain(out: &mut impl io::Write, status: &FilterStatus) -> io::Result<()> {
    let FilterStatus { filter, health, .. } = status;
    if let Some(OpenBreaker { opened, reason, .. }) = &health.breaker {
        writeln!(out, "{filter}: stopped {opened} times in a row, the last time by: {}", escape(reason))?;
    }
    if let Some(outage) = &health.outage {
        // Written by this program, so whole seconds of our time.
        let ended = jiff::Timestamp::from_second(outage.ended_at as i64).unwrap_or_default();
        writeln!(out, "{filter}: the store did not answer {} times, until {ended}: {}", outage.failures, escape(&outage.reason))?;
    }
    Ok(())
}
