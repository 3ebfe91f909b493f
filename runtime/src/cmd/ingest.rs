//! `runtime ingest`: files into the archive.
//!
//! Records go to the store in batches while they are read. A record that is refused is told on stderr with its place
//! and costs nothing but itself; so does a file. Only the store can end the command early, and then what was archived
//! stays: running the same command again adds nothing twice.

mod progress;
mod summary;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use self::progress::Progress;
use self::summary::Summary;
use super::UsageError;
use crate::cli::IngestArgs;
use crate::exit::Exit;
use crate::ingest::{self, At, Format, Inputs, Item, Origin, OriginError, Source};
use crate::store::{self, Archived, NewRecord, Store, StoreError};

/// A batch is full at so many records, or at so many bytes of their data.
const BATCH_RECORDS: usize = 2048;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// How long to wait before a store that is busy is asked again, each time; about six seconds in all.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_millis(3200),
];

/// Archives all records of all files.
pub(super) fn run(args: &IngestArgs) -> anyhow::Result<Exit> {
    // Before the store is opened: a mistyped command must not leave an empty archive behind.
    let origin = origin(args, SystemTime::now()).map_err(|error| UsageError(error.to_string()))?;
    let store = store::open(&super::config::address(&args.store)?)?;
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let err_is_terminal = err.is_terminal() && !args.json;
    archive(args, &origin, &*store, Output { out: &mut out, err: &mut err, err_is_terminal }, &thread::sleep)
}

fn origin(args: &IngestArgs, now: SystemTime) -> Result<Origin, OriginError> {
    Origin::new(&args.sub_type, &args.orgid, &args.timezone, args.received_at, now)
}

/// Where the command speaks.
struct Output<'a> {
    /// The summary.
    out: &'a mut dyn Write,
    /// Refusals and progress.
    err: &'a mut dyn Write,
    /// Whether a person looks at `err`: a progress bar is shown then.
    err_is_terminal: bool,
}

/// All that the command does, on whatever store and with whatever waiting.
fn archive(
    args: &IngestArgs,
    origin: &Origin,
    store: &dyn Store,
    output: Output<'_>,
    pause: &dyn Fn(Duration),
) -> anyhow::Result<Exit> {
    let inputs = Inputs::of(&args.files);
    let progress = Progress::new(output.err, output.err_is_terminal, &inputs.files);
    let mut archiver =
        Archiver { origin, store, pause, progress: &progress, batch: Batch::default(), summary: Summary::new(&inputs.files) };
    let ended = archiver.all(&inputs, args.format);
    let summary = archiver.summary;
    progress.end();
    for line in summary.not_shown() {
        progress.say(&line);
    }
    // If the store failed, this is what was archived before.
    let said = if args.json {
        writeln!(output.out, "{}", summary.json(ended.as_ref().err()))
    } else {
        writeln!(output.out, "{summary}")
    };
    ended?;
    said?;
    Ok(summary.exit())
}

/// Records on their way into the store, and where they came from: the index of the file, and the place in it.
#[derive(Default)]
struct Batch {
    records: Vec<NewRecord>,
    places: Vec<(usize, At)>,
    bytes: usize,
}

struct Archiver<'a> {
    origin: &'a Origin,
    store: &'a dyn Store,
    pause: &'a dyn Fn(Duration),
    progress: &'a Progress<'a>,
    batch: Batch,
    summary: Summary,
}

impl Archiver<'_> {
    fn all(&mut self, inputs: &Inputs, format: Format) -> anyhow::Result<()> {
        let progress = self.progress;
        let on_bytes = |bytes| progress.advance(bytes);
        for (folder, entries) in &inputs.left_out {
            progress.say(&self.summary.left_out(folder, *entries));
        }
        for (index, path) in inputs.files.iter().enumerate() {
            if let Some(problem) = inputs.problems.get(&index) {
                self.refuse(index, At::File, problem.clone());
                continue;
            }
            let source = Source { path, sub_type: self.origin.sub_type(), format };
            ingest::read(source, &on_bytes, &mut |item| self.item(index, item))?;
        }
        // A batch may hold records of several files: a folder of small ones is not a transaction each.
        self.flush()
    }

    fn item(&mut self, file: usize, item: Item) -> anyhow::Result<()> {
        match item {
            Item::Refused { place, reason } => self.refuse(file, place.at, reason),
            Item::Record { place, document } => {
                // A batch stays within its bytes, except that it holds at least one record.
                if self.batch.bytes.saturating_add(document.data.len()) > BATCH_BYTES {
                    self.flush()?;
                }
                self.batch.bytes += document.data.len();
                self.batch.places.push((file, place.at));
                self.batch.records.push(self.origin.record(document));
                if self.batch.records.len() >= BATCH_RECORDS {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, file: usize, at: At, reason: String) {
        if let Some(line) = self.summary.refused(file, at, reason) {
            self.progress.say(&line);
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.records.is_empty() {
            return Ok(());
        }
        let archived = self.with_patience(&batch.records).context(
            "the archive did not take the records; what it took before stays, and the same command again adds nothing twice",
        )?;
        anyhow::ensure!(
            archived.len() == batch.places.len(),
            "the store was given {} records and answered for {}",
            batch.places.len(),
            archived.len()
        );
        for ((file, at), archived) in batch.places.into_iter().zip(archived) {
            match archived {
                Archived::New => self.summary.new_record(file),
                Archived::AlreadyThere => self.summary.already_there(file),
                Archived::Refused { reason } => {
                    self.refuse(file, at, format!("the archive does not take this record: {reason}"));
                }
                Archived::Collision { stored } => {
                    self.refuse(file, at, format!("the archive holds another document with this record's hash ({stored})"));
                }
            }
        }
        Ok(())
    }

    /// Archives, and tries again while the store says that it may work later: a batch may be written twice.
    fn with_patience(&self, records: &[NewRecord]) -> Result<Vec<Archived>, StoreError> {
        for pause in PAUSES {
            match self.store.ingest(records) {
                Err(StoreError::Transient(_)) => (self.pause)(pause),
                other => return other,
            }
        }
        self.store.ingest(records)
    }
}
