//! What `runtime test` says.

use std::io::{self, Write};
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use super::{Problem, Result, short};
use crate::fixture::{Came, Case, Difference, Kind, Trial};
use crate::terminal::{escape, escape_bounded};
use crate::usage::Used;

/// The most differences of a case, and lines of one, that are shown to people; JSON has all of them.
const DIFFERENCES: usize = 20;
const LINES: usize = 40;
/// The most characters of a line.
const LINE: usize = 400;

/// The most that was taken of each limit, and by which case; and how many passed.
#[derive(Default)]
pub(super) struct Worst {
    pub(super) cases: usize,
    pub(super) failed: usize,
    pub(super) changed: usize,
    used: Vec<(Used, String)>,
}

impl Worst {
    pub(super) fn note(&mut self, path: &Path, number: usize, trial: Option<&Trial>, result: &Result) {
        self.cases += 1;
        self.failed += usize::from(matches!(result, Result::Failed(_)));
        self.changed += usize::from(matches!(result, Result::Updated(true)));
        for used in trial.into_iter().flat_map(|trial| &trial.used) {
            let name = || format!("{}, case {number}", short(path));
            match self.used.iter_mut().find(|(worst, _)| worst.what == used.what) {
                Some((worst, _)) if worst.percent() >= used.percent() => {}
                Some(worst) => *worst = (*used, name()),
                None => self.used.push((*used, name())),
            }
        }
    }
}

/// Where it is said, and how.
pub(super) struct Report<W> {
    out: W,
    json: bool,
}

impl<W: Write> Report<W> {
    pub(super) const fn new(out: W, json: bool) -> Self {
        Self { out, json }
    }

    /// One case, when it has come to its end.
    pub(super) fn case(
        &mut self,
        path: &Path,
        number: usize,
        case: &Case,
        trial: Option<&Trial>,
        result: &Result,
    ) -> io::Result<()> {
        if self.json {
            return writeln!(self.out, "{}", as_json(path, number, case, trial, result));
        }
        let word = match result {
            Result::Passed => "ok",
            Result::Updated(true) => "written",
            Result::Updated(false) => "same",
            Result::Failed(_) => "FAILED",
        };
        let name = case.name().map(|name| format!(" ({name})")).unwrap_or_default();
        let came = trial.map(came).unwrap_or_default();
        let line = format!("{}, case {number}{name}, {}{came}", short(path), case.record().document.sub_type);
        writeln!(self.out, "{word:<8}{}", escape_bounded(&line, LINE))?;
        if let Result::Failed(problem) = result {
            self.problem(problem, trial)?;
        }
        let Some(trial) = trial else { return Ok(()) };
        let costs: Vec<String> = trial.used.iter().filter(|used| used.used > 0).map(cost).collect();
        writeln!(self.out, "        {}", costs.join(", "))
    }

    fn problem(&mut self, problem: &Problem, trial: Option<&Trial>) -> io::Result<()> {
        let out = &mut self.out;
        match (problem, trial.map(|trial| &trial.came)) {
            (Problem::Broke, Some(Came::Failed(failure))) => {
                writeln!(out, "    {}: {}", failure.kind.name(), escape_bounded(&failure.message, 2 * LINE))?;
                for (number, frame) in failure.backtrace.iter().enumerate() {
                    writeln!(out, "    {} {}", if number == 0 { "in" } else { "  " }, escape(frame))?;
                }
            }
            (Problem::Said(words), _) => writeln!(out, "    {}", escape_bounded(words, 2 * LINE))?,
            (Problem::Broke, _) => {}
            (Problem::Documents(differences), _) => {
                for difference in differences.iter().take(DIFFERENCES) {
                    show(out, difference)?;
                }
                if let Some(more) = differences.len().checked_sub(DIFFERENCES).filter(|more| *more > 0) {
                    writeln!(out, "    and {more} documents more; --json has all")?;
                }
            }
        }
        for line in trial.into_iter().flat_map(|trial| &trial.report.log) {
            writeln!(out, "    logged: {}", escape(&line.message))?;
        }
        Ok(())
    }

    /// All cases together.
    pub(super) fn summary(&mut self, worst: &Worst, update: bool) -> io::Result<()> {
        let Worst { cases, failed, changed, used } = worst;
        if self.json {
            let used: Vec<Value> = used.iter().map(|(used, case)| json!({"used": used, "case": case})).collect();
            let summary = json!({"cases": cases, "failed": failed, "changed": changed, "worst": used});
            return writeln!(self.out, "{}", json!({ "summary": summary }));
        }
        let mut table = crate::cmd::table(["most of", "used", "limit", "share", "in"]);
        for (used, case) in used {
            table.add_row([
                used.what.to_owned(),
                amount(used, used.used),
                amount(used, used.limit),
                share(used),
                escape(case).into_owned(),
            ]);
        }
        writeln!(self.out, "\n{table}\n")?;
        let of_them = if update { format!("{changed} written, {failed} failed") } else { format!("{failed} failed") };
        writeln!(self.out, "{cases} cases, {of_them}")
    }
}

fn as_json(path: &Path, number: usize, case: &Case, trial: Option<&Trial>, result: &Result) -> Value {
    let (word, reason, differences) = match result {
        Result::Passed => ("passed", None, None),
        Result::Updated(true) => ("written", None, None),
        Result::Updated(false) => ("same", None, None),
        Result::Failed(Problem::Said(words)) => ("failed", Some(words), None),
        Result::Failed(Problem::Broke) => ("failed", None, None),
        Result::Failed(Problem::Documents(differences)) => ("failed", None, Some(differences)),
    };
    let (verdict, failure, rejection) = match trial.map(|trial| &trial.came) {
        None => (None, None, None),
        Some(Came::Done(_)) => (Some("done"), None, None),
        Some(Came::Rejected(reason, _)) => (Some("rejected"), None, Some(reason)),
        Some(Came::Failed(failure)) => (Some("failed"), Some(failure), None),
    };
    json!({
        "file": path.to_string_lossy(),
        "case": number,
        "name": case.name(),
        "sub_type": case.record().document.sub_type,
        "record": case.record().document.hash,
        "result": word,
        "reason": reason,
        "differences": differences,
        "verdict": verdict,
        "rejection": rejection,
        "failure": failure,
        "used": trial.map(|trial| &trial.used),
        "log": trial.map(|trial| &trial.report.log),
    })
}

fn came(trial: &Trial) -> String {
    match &trial.came {
        // The raw record is not the filter's.
        Came::Done(documents) => format!(": done, {} documents", documents.len().saturating_sub(1)),
        Came::Rejected(reason, _) => format!(": rejected, {reason}"),
        Came::Failed(_) => ": failed".to_owned(),
    }
}

fn show(out: &mut impl Write, difference: &Difference) -> io::Result<()> {
    let kind = match difference.kind {
        Kind::Missing => "missing   ",
        Kind::Unexpected => "unexpected",
        Kind::Differs => "differs   ",
    };
    writeln!(out, "    {kind} {}", escape_bounded(&difference.document, LINE))?;
    for line in difference.lines.iter().take(LINES) {
        writeln!(out, "        {}", escape_bounded(line, LINE))?;
    }
    match difference.lines.len().checked_sub(LINES) {
        Some(more) if more > 0 => writeln!(out, "        and {more} lines more; --json has all"),
        _ => Ok(()),
    }
}

fn cost(used: &Used) -> String {
    format!("{} {} ({})", used.what, amount(used, used.used), share(used))
}

/// A number as people read it.
pub(in crate::cmd) fn amount(used: &Used, number: u64) -> String {
    if used.is_bytes() { HumanBytes(number).to_string() } else { HumanCount(number).to_string() }
}

/// Of its limit.
pub(in crate::cmd) fn share(used: &Used) -> String {
    match used.percent() {
        percent if percent > 0.0 && percent < 0.1 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}
