//! What `runtime bench` says.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::measure::{Bench, Measured};
use super::profile::Profile;
use super::records::Found;
use crate::cli::BenchArgs;
use crate::cmd::table;
use crate::cmd::test::{amount, share};
use crate::terminal::{escape, escape_bounded};
use crate::usage::Used;
use crate::worker::Filter;

/// The most functions of a profile that are shown to people; JSON has all of them.
const FUNCTIONS: usize = 25;

/// What it takes before a record's own work begins.
pub(super) struct Setup {
    pub(super) compiled: Duration,
    pub(super) call: Duration,
}

/// All that was found out.
pub(super) struct Report<'a> {
    pub(super) filter: &'a Filter,
    pub(super) found: &'a Found,
    pub(super) setup: Setup,
    pub(super) bench: &'a Bench,
    pub(super) profile: Option<&'a Profile>,
}

/// The numbers of one kind, of all records that have it.
struct Row {
    what: &'static str,
    median: f64,
    p99: f64,
    most: f64,
    /// The record with the most.
    worst: usize,
}

impl Row {
    fn of(what: &'static str, bench: &Bench, value: impl Fn(&Measured) -> Option<f64>) -> Option<Self> {
        let mut values: Vec<(f64, usize)> = Vec::new();
        values.extend(bench.records.iter().enumerate().filter_map(|(number, measured)| Some((value(measured)?, number))));
        // Of equal ones the first counts as the worst.
        values.sort_by(|one, other| one.0.total_cmp(&other.0).then(other.1.cmp(&one.1)));
        let at = |percent: usize| values.get((values.len() * percent / 100).min(values.len() - 1)).map(|(value, _)| *value);
        let (most, worst) = *values.last()?;
        Some(Self { what, median: at(50)?, p99: at(99)?, most, worst })
    }
}

impl Report<'_> {
    fn rows(&self) -> Vec<Row> {
        let micros = |measured: &Measured| Some(measured.time.as_secs_f64() * 1e6);
        let per_byte = |measured: &Measured| Some(measured.of("fuel")?.used as f64 / measured.input.max(1) as f64);
        let mut rows = vec![Row::of("time", self.bench, micros), Row::of("fuel", self.bench, used("fuel"))];
        rows.push(Row::of("fuel/byte", self.bench, per_byte));
        for what in ["memory", "output", "nodes", "events", "sessions", "expanded", "references"] {
            rows.push(Row::of(what, self.bench, used(what)));
        }
        rows.into_iter().flatten().collect()
    }

    /// The record that came closest to a limit.
    fn closest(&self, what: &str) -> Option<&Used> {
        let all = self.bench.records.iter().filter_map(|measured| measured.of(what));
        all.max_by(|one, other| one.percent().total_cmp(&other.percent()))
    }

    fn hash(&self, number: usize) -> String {
        self.found.records.get(number).map(|work| work.key.raw.to_string()).unwrap_or_default()
    }

    /// For people.
    pub(super) fn text(&self, mut out: impl Write, args: &BenchArgs) -> io::Result<()> {
        let (descriptor, bench) = (self.filter.descriptor(), self.bench);
        let (name, version, size) = (&descriptor.name, &descriptor.version, HumanCount(self.filter.size() as u64));
        writeln!(out, "filter      {name} {version}, {size} bytes")?;
        let (done, rejected, failed) = (bench.done, bench.rejected, bench.failed);
        let (count, bytes) = (HumanCount(self.found.records.len() as u64), HumanCount(self.found.bytes as u64));
        writeln!(out, "records     {count}, {bytes} bytes: {done} done, {rejected} rejected, {failed} failed")?;
        if self.found.cut {
            writeln!(out, "            the file has more; these are measured")?;
        }
        let (compiled, call) = (self.setup.compiled.as_secs_f64(), micros(self.setup.call));
        writeln!(out, "compiled    in {compiled:.2} s, once for a version of the filter")?;
        let fuel = self.closest("setup_fuel").map(|used| amount(used, used.used)).unwrap_or_default();
        writeln!(out, "setup       {call:.0} µs and {fuel} of fuel, before a record's own work")?;
        writeln!(out, "time        that of one call after the other, of {} rounds the median\n", args.rounds)?;
        let mut table = table(["", "median", "p99", "most", "of the limit", "record", ""]);
        for row in self.rows() {
            let shown = |value: f64| shown(row.what, value, self.closest(row.what));
            let hash = self.hash(row.worst);
            let share = self.closest(row.what).map(share).unwrap_or_default();
            let cells = [shown(row.median), shown(row.p99), shown(row.most), share, row.worst.to_string()];
            table.add_row([row.what.to_owned()].into_iter().chain(cells).chain([hash.get(..16).unwrap_or_default().to_owned()]));
        }
        writeln!(out, "{table}")?;
        for (number, (reason, count)) in bench.reasons.iter().enumerate() {
            let head = if number == 0 { "not done" } else { "" };
            writeln!(out, "{head:<10}  {count}: {}", escape_bounded(reason, 400))?;
        }
        self.profile.map_or(Ok(()), |profile| print(&mut out, profile, &self.hash(profile.record)))
    }

    /// For programs.
    pub(super) fn json(&self, mut out: impl Write) -> io::Result<()> {
        let row = |row: Row| {
            let Row { what, median, p99, most, worst } = row;
            let closest = self.closest(what);
            let record = json!({"number": worst, "hash": self.hash(worst)});
            (what.to_owned(), json!({"median": median, "p99": p99, "most": most, "closest": closest, "worst": record}))
        };
        let rows: serde_json::Map<String, Value> = self.rows().into_iter().map(row).collect();
        let descriptor = self.filter.descriptor();
        let report = json!({
            "filter": descriptor.name,
            "version": descriptor.version,
            "sha256": self.filter.digest(),
            "size": self.filter.size(),
            "records": self.found.records.len(),
            "bytes": self.found.bytes,
            "cut": self.found.cut,
            "done": self.bench.done,
            "rejected": self.bench.rejected,
            "failed": self.bench.failed,
            "reasons": self.bench.reasons,
            "compile_seconds": self.setup.compiled.as_secs_f64(),
            "setup_micros": micros(self.setup.call),
            "setup_fuel": self.closest("setup_fuel"),
            "measures": rows,
            "profile": self.profile,
        });
        writeln!(out, "{report}")
    }
}

fn used(what: &'static str) -> impl Fn(&Measured) -> Option<f64> {
    move |measured| measured.of(what).map(|used| used.used as f64)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn shown(what: &str, value: f64, used: Option<&Used>) -> String {
    match (what, used) {
        ("time", _) => format!("{value:.0} µs"),
        (_, Some(used)) => amount(used, value as u64),
        (_, None) => format!("{value:.1}"),
    }
}

fn print(out: &mut impl Write, profile: &Profile, hash: &str) -> io::Result<()> {
    let Profile { record, fuel, samples, functions } = profile;
    let fuel = HumanCount(*fuel);
    writeln!(out, "\nfuel by function, of record {record} ({hash}): {fuel} units in {samples} samples\n")?;
    let percent = |count: u64| format!("{:.1} %", 100.0 * count as f64 / (*samples).max(1) as f64);
    let mut table = table(["in it", "with calls", "function"]);
    for function in functions.iter().take(FUNCTIONS) {
        table.add_row([percent(function.own), percent(function.total), escape(&function.name).into_owned()]);
    }
    writeln!(out, "{table}")?;
    match functions.len().checked_sub(FUNCTIONS) {
        Some(more) if more > 0 => writeln!(out, "and {more} functions more; --json has all"),
        _ => Ok(()),
    }
}
