//! Runs one case on the way that any filter goes.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::measure;
use super::neighbour::{PREFIX, SAMPLE, neighbour, records};
use super::{Case, Expect, Row};
use crate::limits::Limits;
use crate::pipeline::{FilterSummary, Member, Run, Settings, clash};
use crate::sandbox::Refusal;
use crate::store::{self, Access, DeadLetter, ExportQuery, NewRecord};
use crate::verdict::FailureKind;
use crate::worker::{self, Filter, Launcher};

/// Runs a case, in this process and in those that `launcher` starts, and says what came of it.
#[must_use]
pub fn run(case: &Case, launcher: &Launcher) -> Row {
    match case.component() {
        Ok(component) => run_with(case, &component, launcher),
        Err(error) => Row { problems: vec![error.to_string()], ..Row::of(case) },
    }
}

/// Runs a case with its component, which was made before.
#[must_use]
pub fn run_with(case: &Case, component: &[u8], launcher: &Launcher) -> Row {
    let mut row = Row::of(case);
    if let Err(error) = attack(case, component, launcher, &mut row) {
        row.problems.push(format!("the host failed: {error:#}"));
    }
    row
}

fn attack(case: &Case, component: &[u8], launcher: &Launcher, row: &mut Row) -> anyhow::Result<()> {
    if let Some(seconds) = case.processor_seconds {
        measure::limit_processor_seconds(seconds)?;
    }
    measure::forget_peak();
    let start = Instant::now();
    let admitted = worker::load(launcher, None, component, Some(&case.limits));
    let accepts: Vec<&str> = match &admitted {
        Ok(filter) => filter.descriptor().accepts.iter().map(String::as_str).collect(),
        Err(_) => vec![SAMPLE],
    };
    let beside = worker::load(launcher, None, &neighbour(&accepts)?, Some(&Limits::PURE))?;
    let records = records(&accepts)?;
    match admitted {
        Ok(hostile) => match clash(beside.descriptor(), hostile.descriptor()) {
            Some(same) => {
                row.found = format!("refused: two filters have the {same}");
                judge_refusal(case, row);
                unharmed_without(beside, launcher, &records, row)?;
            }
            None => side_by_side(case, [beside, hostile], launcher, &records, row)?,
        },
        Err(refusal) => {
            row.found = format!("refused: {refusal}");
            judge_refusal(case, row);
            if matches!(refusal, Refusal::Host(_)) {
                row.problems.push("the host could not tell why it refuses it; please report it".to_owned());
            }
            unharmed_without(beside, launcher, &records, row)?;
        }
    }
    let elapsed = start.elapsed();
    row.elapsed_ms = elapsed.as_millis() as u64;
    row.host_bytes = measure::peak();
    row.process_bytes = measure::peak_of_processes()?;
    if elapsed > case.hangs_after() {
        row.problems.push(format!("it took {} s, at most {}", elapsed.as_secs(), case.hangs_after().as_secs()));
    }
    for (whose, bytes, most) in
        [("the host", row.host_bytes.unwrap_or(0), case.most_host_memory), ("a process", row.process_bytes, case.most_memory)]
    {
        if bytes > most {
            row.problems.push(format!("{whose} took {} MiB, at most {}", bytes >> 20, most >> 20));
        }
    }
    Ok(())
}

/// Whether it was to be refused, for these words.
fn judge_refusal(case: &Case, row: &mut Row) {
    match case.expect {
        Expect::Refused(words) if !row.found.contains(words) => {
            row.problems.push(format!("the reason does not say {words:?}"));
        }
        Expect::Refused(_) | Expect::Anything => {}
        Expect::Failed(..) | Expect::Rejected | Expect::Done { .. } => row.problems.push("it was to be admitted".to_owned()),
    }
}

/// After a refusal, other filters run.
fn unharmed_without(neighbour: Filter, launcher: &Launcher, records: &[NewRecord], row: &mut Row) -> anyhow::Result<()> {
    let archive = Archived::of(&[Member::new(neighbour)], launcher, records)?;
    archive.check(records.len() as u64, row);
    Ok(())
}

/// The neighbour alone, and then both.
fn side_by_side(
    case: &Case,
    [neighbour, hostile]: [Filter; 2],
    launcher: &Launcher,
    records: &[NewRecord],
    row: &mut Row,
) -> anyhow::Result<()> {
    let members = [Member::new(neighbour), Member::new(hostile)];
    let name = members[1].reference.name.as_str();
    let alone = Archived::of(members.get(..1).unwrap_or_default(), launcher, records)?;
    let both = Archived::of(&members, launcher, records)?;
    let count = records.len() as u64;
    for archive in [&alone, &both] {
        archive.check(count, row);
    }
    let Some(summary) = both.summaries.iter().find(|summary| summary.filter == name) else {
        anyhow::bail!("the run says nothing of the filter");
    };
    // What was done leaves a mark on the record; nothing else leaves anything.
    let same =
        if summary.counters.done == 0 { alone.documents == both.documents } else { alone.of_neighbour().eq(both.of_neighbour()) };
    if !same {
        row.problems.push("the neighbour's documents are not what they are without it".to_owned());
    }
    // What it does follows from the record. (What failed may have been stopped by the clock.)
    if matches!(case.expect, Expect::Done { .. }) && both.documents != Archived::of(&members, launcher, records)?.documents {
        row.problems.push("another run over the same records ended with other documents".to_owned());
    }
    let letters: Vec<&DeadLetter> = both.letters.iter().filter(|letter| letter.filter == name).collect();
    row.found = ending(summary, &letters);
    judge_calls(case.expect, summary, &letters, count, row);
    Ok(())
}

/// How its records ended, in words.
fn ending(summary: &FilterSummary, letters: &[&DeadLetter]) -> String {
    let counters = &summary.counters;
    let mut parts: Vec<String> = Vec::new();
    for (count, what) in [(counters.done, "done"), (counters.rejected, "rejected"), (counters.given_back, "left pending")] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    for kind in FailureKind::ALL {
        let mut of_kind = letters.iter().filter(|letter| letter.failure.kind == kind).peekable();
        if let Some(first) = of_kind.peek() {
            let message = first.failure.message.clone();
            parts.push(format!("{} failed: {}: {message}", of_kind.count(), kind.name()));
        }
    }
    if parts.is_empty() { "there was nothing to do".to_owned() } else { parts.join("; ") }
}

/// Whether its calls ended as they were to.
fn judge_calls(expect: Expect, summary: &FilterSummary, letters: &[&DeadLetter], records: u64, row: &mut Row) {
    let counters = &summary.counters;
    let as_expected = match expect {
        Expect::Refused(_) => false,
        Expect::Failed(kind, words) => {
            let so = |letter: &&DeadLetter| letter.failure.kind == kind && letter.failure.message.contains(words);
            counters.failed == records && letters.iter().all(so)
        }
        Expect::Rejected => counters.rejected == records,
        Expect::Done { documents } => counters.done == records && counters.documents == documents,
        Expect::Anything => true,
    };
    if !as_expected {
        row.problems.push(match expect {
            Expect::Refused(_) => "it was to be refused".to_owned(),
            Expect::Failed(kind, words) => format!("every record was to fail with {} and {words:?}", kind.name()),
            Expect::Done { documents } => {
                format!("every record was to be done, with {documents} new documents in all; there are {}", counters.documents)
            }
            Expect::Rejected | Expect::Anything => format!("every record was to be {expect}"),
        });
    }
    // Whatever a component does, these are ours.
    if letters.iter().any(|letter| matches!(letter.failure.kind, FailureKind::Host | FailureKind::Crash)) {
        row.problems.push("the host is at fault; please report it".to_owned());
    }
}

/// An archive after a run.
struct Archived {
    summaries: Vec<FilterSummary>,
    documents: Vec<String>,
    letters: Vec<DeadLetter>,
}

impl Archived {
    /// Archives the records and runs the filters over them, as `runtime --once` does.
    fn of(members: &[Member], launcher: &Launcher, records: &[NewRecord]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path: &Path = folder.path();
        let store = store::open_with(&format!("sqlite:{}", path.join("archive.db").display()), Access::Create)?;
        store.ingest(records)?;
        let stop = AtomicBool::new(false);
        // Two: so that the filters run at the same time.
        let settings = Settings { workers: 2, launcher, once: true, stop: &stop };
        let summaries = Run::new(store.as_ref(), members, settings)?.work()?;
        let mut documents = Vec::new();
        store.export(&ExportQuery::default(), &mut |line| {
            documents.push(line.to_owned());
            Ok(())
        })?;
        Ok(Self { summaries, documents, letters: store.dead_letters()? })
    }

    /// Whether every record is accounted for, and the neighbour did all of them. (That the numbers add up is checked by the
    /// run itself too.)
    fn check(&self, records: u64, row: &mut Row) {
        for summary in &self.summaries {
            let FilterSummary { filter, counters, store, .. } = summary;
            let ended = counters.done + counters.rejected + counters.failed + counters.given_back;
            let tally = store.unwrap_or_default();
            let in_a_state = tally.pending + tally.done + tally.rejected + tally.failed;
            if counters.attempts != ended || tally.accepted != in_a_state || tally.accepted != records {
                row.problems.push(format!("the counters of {filter} do not add up: {counters:?}, {tally:?}, {records} records"));
            }
        }
        let neighbour = self.summaries.first().map(|summary| summary.counters.done);
        if neighbour != Some(records) || self.of_neighbour().next().is_none() {
            row.problems.push(format!("its neighbour did {} of {records} records", neighbour.unwrap_or(0)));
        }
    }

    /// The documents that the neighbour made. Quotes in data are escaped: no value reads like this.
    fn of_neighbour(&self) -> impl Iterator<Item = &String> {
        let mark = format!("\"sub_type\":\"{PREFIX}");
        self.documents.iter().filter(move |document| document.contains(&mark))
    }
}
