//! What became of the records of `ingest`, counted per file, for people and for machines.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::exit::Exit;
use crate::ingest::{At, Place};
use crate::json;
use crate::terminal::{escape, escape_bounded};

/// So many refusals of one file are shown to a person: more scroll away what matters.
const SHOWN_PER_FILE: u64 = 100;

/// So many refusals of all files are told to a machine.
const TOLD: usize = 1000;

/// The longest line for one refusal, in characters.
const LINE: usize = 2000;

/// What became of the records.
pub(super) struct Summary {
    files: Vec<File>,
    refusals: Vec<Value>,
    left_out: u64,
}

#[derive(Default)]
struct Counts {
    new: u64,
    already_there: u64,
    refused: u64,
}

struct File {
    place: Place,
    counts: Counts,
}

impl Counts {
    /// A file that is refused as a whole counts as a record, so that it adds up.
    fn records(&self) -> u64 {
        self.new + self.already_there + self.refused
    }

    fn fields(&self) -> Value {
        json!({
            "records": self.records(),
            "new": self.new,
            "already_there": self.already_there,
            "refused": self.refused,
        })
    }
}

impl Summary {
    /// Nothing happened yet. Files are called by their index from here on.
    pub(super) fn new(files: &[PathBuf]) -> Self {
        let place = |path: &PathBuf| Place { file: Arc::from(path.as_path()), at: At::File };
        Self {
            files: files.iter().map(|path| File { place: place(path), counts: Counts::default() }).collect(),
            refusals: Vec::new(),
            left_out: 0,
        }
    }

    /// Counts what is not read of a folder; returns a line about it, safe to print.
    pub(super) fn left_out(&mut self, folder: &Path, entries: u64) -> String {
        self.left_out = self.left_out.saturating_add(entries);
        let (folder, entries_are) = (folder.to_string_lossy(), if entries == 1 { "entry is" } else { "entries are" });
        escape(&format!("{folder}: {entries} {entries_are} left out (hidden files, links, folders): name them to read them"))
            .into_owned()
    }

    pub(super) fn new_record(&mut self, file: usize) {
        self.count(file, |counts| counts.new += 1);
    }

    pub(super) fn already_there(&mut self, file: usize) {
        self.count(file, |counts| counts.already_there += 1);
    }

    /// Counts a refusal; returns the line for a person, safe to print, unless there were too many.
    pub(super) fn refused(&mut self, file: usize, at: At, reason: String) -> Option<String> {
        self.count(file, |counts| counts.refused += 1);
        let File { place, counts } = self.files.get(file)?;
        let place = Place { file: Arc::clone(&place.file), at };
        let line = (counts.refused <= SHOWN_PER_FILE).then(|| escape_bounded(&format!("{place}: {reason}"), LINE));
        if self.refusals.len() < TOLD {
            self.refusals.push(match at {
                At::File => json!({ "file": place.file.to_string_lossy(), "reason": reason }),
                At::Line(line) => json!({ "file": place.file.to_string_lossy(), "line": line, "reason": reason }),
                At::Mail(mail) => json!({ "file": place.file.to_string_lossy(), "mail": mail, "reason": reason }),
                At::Element(element) => json!({ "file": place.file.to_string_lossy(), "element": element, "reason": reason }),
            });
        }
        line
    }

    /// A line for every file with more refusals than were shown, safe to print.
    pub(super) fn not_shown(&self) -> impl Iterator<Item = String> {
        self.files.iter().filter(|file| file.counts.refused > SHOWN_PER_FILE).map(|file| {
            let more = file.counts.refused - SHOWN_PER_FILE;
            format!("{}: {more} more refused", escape(&file.place.to_string()))
        })
    }

    /// What the process says with its exit code.
    pub(super) fn exit(&self) -> Exit {
        let total = self.total();
        if total.refused == total.records() {
            Exit::CouldNotRun
        } else if total.refused > 0 {
            Exit::Incomplete
        } else {
            Exit::Complete
        }
    }

    /// One line of JSON; with what ended the command early, if something did.
    pub(super) fn json(&self, error: Option<&anyhow::Error>) -> String {
        let total = self.total();
        let mut all = total.fields();
        let files = self.files.iter().map(|file| {
            let mut fields = file.counts.fields();
            set(&mut fields, "file", file.place.file.to_string_lossy().into());
            fields
        });
        set(&mut all, "files", files.collect());
        set(&mut all, "refusals", self.refusals.clone().into());
        set(&mut all, "refusals_left_out", (total.refused - self.refusals.len() as u64).into());
        set(&mut all, "left_out", self.left_out.into());
        set(&mut all, "error", error.map_or(Value::Null, |error| format!("{error:#}").into()));
        json::write(&all)
    }

    fn count(&mut self, file: usize, add: impl FnOnce(&mut Counts)) {
        if let Some(file) = self.files.get_mut(file) {
            add(&mut file.counts);
        }
    }

    fn total(&self) -> Counts {
        self.files.iter().fold(Counts::default(), |sum, File { counts, .. }| Counts {
            new: sum.new + counts.new,
            already_there: sum.already_there + counts.already_there,
            refused: sum.refused + counts.refused,
        })
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Value::Object(map) = object {
        map.insert(key.to_owned(), value);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let files = self.files.len() as u64;
        write!(f, "{files} file{}, {} record{}: ", plural(files), total.records(), plural(total.records()))?;
        write!(f, "{} new, {} already there, {} refused", total.new, total.already_there, total.refused)
    }
}
