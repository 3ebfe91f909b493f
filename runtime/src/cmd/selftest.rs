//! `runtime selftest`: the hostile suite, against this build.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde_json::json;

use super::UsageError;
use super::filters::read_component;
use crate::cli::SelftestArgs;
use crate::exit::Exit;
use crate::selftest::{Case, Expect, Row, cases, run_with};
use crate::terminal::{escape, escape_bounded};
use crate::verdict::ENGINE;
use crate::worker::Launcher;

/// How much later than a case should see it itself it is taken to hang.
const GRACE: Duration = Duration::from_secs(10);

/// How often a case is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The most characters of what is said of a case.
const SHOWN: usize = 400;

/// Runs the suite, or one case of it.
pub(super) fn run_suite(args: &SelftestArgs) -> anyhow::Result<Exit> {
    if let Some(component) = &args.here {
        return run_here(args, component);
    }
    let cases = chosen(args)?;
    let start = Instant::now();
    let rows = run_all(&cases, &args.with)?;
    let failed = rows.iter().filter(|row| !row.passed()).count();
    let mut out = io::stdout().lock();
    if args.json {
        let cases: Vec<_> = rows.iter().map(|row| json!({"pass": row.passed(), "case": row})).collect();
        let summary =
            json!({"cases": cases, "failed": failed, "elapsed_ms": start.elapsed().as_millis() as u64, "engine": ENGINE});
        writeln!(out, "{summary}")?;
    } else {
        print(&mut out, &rows, start.elapsed())?;
    }
    Ok(if failed == 0 { Exit::Complete } else { Exit::CouldNotRun })
}

/// The cases of the suite that were asked for, and a reviewer's own components.
fn chosen(args: &SelftestArgs) -> anyhow::Result<Vec<Case>> {
    let mut cases = cases::all();
    if !args.only.is_empty() {
        if let Some(unknown) = args.only.iter().find(|name| !cases.iter().any(|case| case.name == **name)) {
            return Err(UsageError(format!("--only: there is no case {unknown:?}; `runtime selftest` lists them")).into());
        }
        cases.retain(|case| args.only.contains(&case.name));
    }
    for path in &args.with {
        let bytes = read_component(path)?;
        cases.push(Case::new(path.display().to_string(), Expect::Anything, move || Ok(bytes.clone())));
    }
    Ok(cases)
}

/// Runs the one case that was chosen, in this process, and prints its row.
fn run_here(args: &SelftestArgs, component: &Path) -> anyhow::Result<Exit> {
    // The last: with a reviewer's component none of the suite was asked for.
    let case = chosen(args)?.pop().ok_or_else(|| anyhow!("there is no case"))?;
    let row = run_with(&case, &read_component(component)?, &Launcher::new()?);
    writeln!(io::stdout(), "{}", serde_json::to_string(&row)?)?;
    Ok(Exit::Complete)
}

/// Runs all cases, as many at the same time as there are cores, each in a process of its own: one that ends it, or never
/// ends, is a row like the others.
fn run_all(cases: &[Case], with: &[PathBuf]) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir().context("cannot make a folder for the archives")?;
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let first_of_reviewer = cases.len() - with.len();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(number) else { return };
                    let file = number.checked_sub(first_of_reviewer).and_then(|number| with.get(number));
                    let row = run_in_process(case, file.map(PathBuf::as_path), folder.path());
                    rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by_key(|(number, _)| *number);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn run_in_process(case: &Case, file: Option<&Path>, folder: &Path) -> Row {
    let start = Instant::now();
    ask(case, file, folder).unwrap_or_else(|error| Row {
        problems: vec![format!("{error:#}")],
        elapsed_ms: start.elapsed().as_millis() as u64,
        ..Row::of(case)
    })
}

/// Has a process of this binary run the case.
fn ask(case: &Case, file: Option<&Path>, folder: &Path) -> anyhow::Result<Row> {
    let mut command = Command::new("/proc/self/exe");
    if !Path::new("/proc/self/exe").exists() {
        command = Command::new(std::env::current_exe()?);
    }
    command.arg("selftest");
    match file {
        Some(file) => command.arg("--with").arg(file).arg("--here").arg(file),
        None => {
            // Made here: what that takes is not to be mistaken for what the attack took.
            let component = folder.join(format!("{}.wasm", case.name));
            std::fs::write(&component, case.component()?)?;
            command.args(["--only", &case.name, "--here"]).arg(component)
        }
    };
    // What it leaves when it is ended goes with the folder.
    command.env("TMPDIR", folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start a process")?;
    let output = child.stdout.take();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        // What cannot be read is no row.
        let _ = output.map(|mut output| output.read_to_string(&mut text));
        text
    });
    let ended = wait(&mut child, case.hangs_after() + GRACE);
    let text = reading.join().unwrap_or_default();
    let status = ended?.ok_or_else(|| anyhow!("it hangs: no end after {} s", (case.hangs_after() + GRACE).as_secs()))?;
    serde_json::from_str(&text).map_err(|_| anyhow!("the host died of it: {status}"))
}

/// Waits for a process, and ends it when it is too late: then there is no status.
fn wait(child: &mut Child, most: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > most {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

fn print(out: &mut impl io::Write, rows: &[Row], elapsed: Duration) -> io::Result<()> {
    let mut table = super::table(["result", "case", "expected", "time", "memory\nhost", "\nprocess"]);
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    for row in rows {
        table.add_row([
            if row.passed() { "pass" } else { "fail" }.to_owned(),
            escape(&row.name).into_owned(),
            row.expected.clone(),
            format!("{:.2} s", row.elapsed_ms as f64 / 1e3),
            row.host_bytes.map_or_else(|| "?".to_owned(), mib),
            mib(row.process_bytes),
        ]);
    }
    writeln!(out, "{table}")?;
    // Of the suite's own components only what is wrong; of others, what became of them.
    for row in rows.iter().filter(|row| !row.passed() || row.expected == Expect::Anything.to_string()) {
        writeln!(out, "{}: {}", escape(&row.name), escape_bounded(&row.found, SHOWN))?;
        for problem in &row.problems {
            writeln!(out, "    but {}", escape_bounded(problem, SHOWN))?;
        }
    }
    let passed = rows.iter().filter(|row| row.passed()).count();
    writeln!(out, "{passed} of {} pass. {:.1} s", rows.len(), elapsed.as_secs_f64())
}
