//! Running again when something changes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use crate::cli::TestArgs;
use crate::exit::Exit;
use crate::fixture::File;

/// How often the files are looked at. Asking for their times works on every file system, and costs nothing.
const LOOK: Duration = Duration::from_millis(500);

/// What is known of a file without reading it; nothing, if it is not there.
type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// Runs, and runs again whenever a file is another than before, until ctrl-c. Ends as the last run did.
pub(super) fn run(args: &TestArgs, once: impl Fn() -> anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot listen for signals")?;
    }
    loop {
        // Before the run: what changes during it is seen after it.
        let before = stamps(args);
        let exit = once().unwrap_or_else(|error| {
            // A file that is half written, or not there yet, is no reason to end.
            crate::cmd::print_error(&error);
            Exit::CouldNotRun
        });
        tracing::info!("waiting for a change; ctrl-c ends it");
        while stamps(args) == before {
            if stop.load(Ordering::Relaxed) {
                return Ok(exit);
            }
            thread::sleep(LOOK);
        }
    }
}

fn stamps(args: &TestArgs) -> Vec<Stamp> {
    let mut paths = File::paths(&args.fixtures).unwrap_or_default();
    paths.push(args.filter.clone());
    let stamp = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok();
        let stamp = metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        (path, stamp)
    };
    paths.into_iter().map(stamp).collect()
}
