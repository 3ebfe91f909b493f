//! `runtime bench`: what a filter takes of its limits, how long it takes, and in which functions.

mod measure;
mod profile;
mod records;
mod report;

use std::io;
use std::time::Instant;

use anyhow::{Context as _, bail};

use self::measure::Bench;
use self::report::Setup;
use super::filters::read_component;
use super::{UsageError, options};
use crate::cli::BenchArgs;
use crate::exit::Exit;
use crate::fixture::Tester;
use crate::worker::{self, Launcher};

/// Gives a filter records, and prints what they took.
pub(super) fn run(args: &BenchArgs) -> anyhow::Result<Exit> {
    let given = options::parse_of_one(&args.options)?;
    let bytes = read_component(&args.filter)?;
    let launcher = Launcher::new()?;
    let began = Instant::now();
    // Without the cache: how long it takes who has it for the first time.
    let filter = worker::load(&launcher, None, &bytes, None)
        .with_context(|| format!("the filter {} is refused", args.filter.display()))?;
    let compiled = began.elapsed();
    let found = records::read(&args.records, args.sub_type.as_deref(), filter.descriptor())?;
    let Some(first) = found.records.first() else {
        bail!("{}: no record to give the filter", args.records.display());
    };
    if let Some(number) = args.record.filter(|number| *number >= found.records.len()) {
        return Err(UsageError(format!("--record {number}: the last of these records is {}", found.records.len() - 1)).into());
    }
    let mut tester = Tester::new(launcher, filter);
    tester.set_options(&given, None).map_err(super::test::usage)?;
    let setup = Setup { compiled, call: measure::setup(&mut tester, first) };
    let bench = Bench::of(&mut tester, &found.records, args.rounds);
    let profile = args.profile.then(|| profile::of(&mut tester, &found.records, args.record.unwrap_or(bench.most_fuel())));
    let profile = profile.flatten();
    let out = io::stdout().lock();
    let report = report::Report { filter: tester.filter(), found: &found, setup, bench: &bench, profile: profile.as_ref() };
    if args.json {
        report.json(out)?
    } else {
        report.text(out, args)?
    }
    Ok(Exit::Complete)
}
