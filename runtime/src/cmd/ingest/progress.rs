//! What `ingest` says while it works.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Without a terminal, one line in so much time; so short work has none.
const EVERY: Duration = Duration::from_secs(5);

/// A bar over the bytes of all files where a person looks, and a line now and then elsewhere.
///
/// All that goes to stderr goes through here, so that lines and the bar do not write over one another.
pub(super) struct Progress<'a> {
    err: RefCell<&'a mut dyn Write>,
    bar: Option<ProgressBar>,
    total: u64,
    read: Cell<u64>,
    said: Cell<Instant>,
}

impl<'a> Progress<'a> {
    /// Begins.
    pub(super) fn new(err: &'a mut dyn Write, is_terminal: bool, files: &[PathBuf]) -> Self {
        let sizes = files.iter().filter_map(|path| path.metadata().ok()).filter(|metadata| metadata.is_file());
        let total = sizes.map(|metadata| metadata.len()).fold(0, u64::saturating_add);
        let bar = is_terminal.then(|| {
            let style = ProgressStyle::with_template("{bar:40} {binary_bytes} of {binary_total_bytes}, {eta} left");
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { err: RefCell::new(err), bar, total, read: Cell::new(0), said: Cell::new(Instant::now()) }
    }

    /// So many more bytes were read.
    pub(super) fn advance(&self, bytes: u64) {
        self.read.set(self.read.get().saturating_add(bytes));
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        } else if let Some(line) = self.line(Instant::now()) {
            self.say(&line);
        }
    }

    /// A line about how far it is, if it is time for one.
    fn line(&self, now: Instant) -> Option<String> {
        if now.duration_since(self.said.get()) < EVERY {
            return None;
        }
        self.said.set(now);
        Some(format!("ingest: {} of {} read", HumanBytes(self.read.get()), HumanBytes(self.total)))
    }

    /// Writes a line, which must be safe to print. Whether that works is nothing to stop for.
    pub(super) fn say(&self, line: &str) {
        let write = || _ = writeln!(self.err.borrow_mut(), "{line}");
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_short_work_says_nothing_and_long_work_a_line_now_and_then() {
        let mut err = Vec::new();
        let progress = Progress::new(&mut err, false, &[]);
        let start = progress.said.get();
        progress.read.set(3 << 20);
        assert_eq!(progress.line(start + Duration::from_millis(4999)), None);
        assert_eq!(progress.line(start + EVERY), Some("ingest: 3.00 MiB of 0 B read".to_owned()));
        assert_eq!(progress.line(start + EVERY + Duration::from_secs(1)), None);
        assert!(progress.line(start + 2 * EVERY).is_some());
    }
}
