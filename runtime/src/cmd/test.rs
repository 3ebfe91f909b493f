//! `runtime test`: golden files through the sandbox, the check and an archive, as a run would do it.

mod report;
mod watch;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::Context as _;

use self::report::{Report, Worst};
pub(super) use self::report::{amount, share};
use super::filters::{admit, read_component};
use super::{UsageError, options};
use crate::cli::TestArgs;
use crate::exit::Exit;
use crate::fixture::{Came, Case, Difference, Expected, File, Tester, Trial, compare};
use crate::sandbox::OptionError;
use crate::worker::Launcher;

/// What is said of a case.
enum Result {
    /// As expected.
    Passed,
    /// It was written down; whether it says something else than before.
    Updated(bool),
    /// It is not as expected, and why.
    Failed(Problem),
}

/// Why a case failed.
enum Problem {
    /// In words.
    Said(String),
    /// The filter failed: what is known of that is in the trial.
    Broke,
    /// Other documents.
    Documents(Vec<Difference>),
}

/// Runs all cases, once or whenever something changes.
pub(super) fn run(args: &TestArgs) -> anyhow::Result<Exit> {
    let given = options::parse_of_one(&args.options)?;
    let launcher = Launcher::new()?;
    if args.watch { watch::run(args, || once(args, &given, &launcher)) } else { once(args, &given, &launcher) }
}

fn once(args: &TestArgs, given: &BTreeMap<String, String>, launcher: &Launcher) -> anyhow::Result<Exit> {
    // All of them, before the first is tried or written.
    let mut files = File::read_all(&args.fixtures)?;
    let bytes = read_component(&args.filter)?;
    let filter = admit(launcher, &bytes).with_context(|| format!("the filter {} is refused", args.filter.display()))?;
    let name = filter.descriptor().name.clone();
    let mut tester = Tester::new(launcher.clone(), filter);
    // What is typed is checked before a case is: else each would say the same.
    tester.set_options(given, None).map_err(usage)?;
    let mut report = Report::new(io::stdout().lock(), args.json);
    let mut worst = Worst::default();
    for file in &mut files {
        let path = file.path.clone();
        let mut changed = false;
        for (number, case) in file.cases.iter_mut().enumerate() {
            let trial = tester.set_options(given, Some(case)).and_then(|()| tester.attempt(case));
            let result = match &trial {
                Err(error) => Result::Failed(Problem::Said(format!("{error:#}"))),
                Ok(trial) => judge(args, &name, case, trial),
            };
            changed |= matches!(result, Result::Updated(true));
            let trial = trial.ok();
            worst.note(&path, number, trial.as_ref(), &result);
            report.case(&path, number, case, trial.as_ref(), &result)?;
        }
        if changed {
            file.write()?;
        }
    }
    report.summary(&worst, args.update)?;
    Ok(if worst.failed == 0 { Exit::Complete } else { Exit::CouldNotRun })
}

fn judge(args: &TestArgs, filter: &str, case: &mut Case, trial: &Trial) -> Result {
    let (fuel, most) = (trial.report.fuel, args.max_fuel.unwrap_or(u64::MAX));
    let (verdict, documents) = match &trial.came {
        Came::Failed(_) => return Result::Failed(Problem::Broke),
        _ if fuel > most => {
            return Result::Failed(Problem::Said(format!(
                "it used {fuel} units of fuel, setup included; --max-fuel allows {most}"
            )));
        }
        Came::Done(documents) => ("done", documents),
        Came::Rejected(_, documents) => ("rejected", documents),
    };
    if args.update {
        return Result::Updated(case.take_down(filter, verdict, documents));
    }
    let Some(expected) = case.expected() else {
        let words = "the case does not say what is to come of it; with --update, what came is written there, for you to read";
        return Result::Failed(Problem::Said(words.to_owned()));
    };
    match (&trial.came, &expected) {
        (Came::Rejected(reason, _), Expected::Done { .. }) => {
            Result::Failed(Problem::Said(format!("expected documents; the filter rejected the record: {reason}")))
        }
        (Came::Done(documents), Expected::Rejected) => {
            let count = documents.len().saturating_sub(1);
            Result::Failed(Problem::Said(format!("expected that the filter rejects the record; it made {count} documents of it")))
        }
        _ => match compare(&expected, case.record().received_at, documents) {
            differences if differences.is_empty() => Result::Passed,
            differences => Result::Failed(Problem::Documents(differences)),
        },
    }
}

/// An option that the filter does not take is a mistake on the command line.
pub(super) fn usage(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<OptionError>() {
        Ok(error) => UsageError(error.to_string()).into(),
        Err(error) => error,
    }
}

/// A file's name without its folders, which are the same for all.
fn short(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
