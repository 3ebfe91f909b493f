//! The command as a person sees it, over a store in memory.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use clap::Parser as _;
use uuid::Uuid;

use super::*;
use crate::cli::{Cli, Command};
use crate::ingest::Place;
use crate::store::{
    ClaimSize, Committed, Correlation, DeadLetter, ExportQuery, FilterRef, FilterStatus, Health, Settled, SubmissionKey, Survey,
    Tally, Usage, Work,
};
use crate::tahoe::{Hash, Itype, RawDocument};

/// A store that takes records, and fails as often as it is told to.
#[derive(Default)]
struct Memory {
    kept: Mutex<BTreeSet<SubmissionKey>>,
    batches: Mutex<Vec<Vec<NewRecord>>>,
    failures: Mutex<Vec<StoreError>>,
    /// A record with this data collides.
    collides: &'static str,
}

impl Memory {
    fn records(&self) -> Vec<NewRecord> {
        self.batches.lock().unwrap().concat()
    }
}

impl Store for Memory {
    fn ingest(&self, records: &[NewRecord]) -> Result<Vec<Archived>, StoreError> {
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure);
        }
        self.batches.lock().unwrap().push(records.to_vec());
        let mut kept = self.kept.lock().unwrap();
        let archive = |record: &NewRecord| {
            if record.document.data == self.collides {
                Archived::Collision { stored: "raw other".to_owned() }
            } else if kept.insert(SubmissionKey { raw: record.document.hash, orgid: record.orgid.clone() }) {
                Archived::New
            } else {
                Archived::AlreadyThere
            }
        };
        Ok(records.iter().map(archive).collect())
    }

    fn register(&self, _: &FilterRef) -> Result<(), StoreError> {
        unimplemented()
    }

    fn claim(&self, _: Uuid, _: ClaimSize) -> Result<Vec<Work>, StoreError> {
        unimplemented()
    }

    fn commit(&self, _: Uuid, _: &[Settled]) -> Result<Vec<Committed>, StoreError> {
        unimplemented()
    }

    fn give_back(&self, _: Uuid, _: &[SubmissionKey]) {}

    fn reopen(&self, _: Uuid) -> Result<(), StoreError> {
        unimplemented()
    }

    fn tally(&self, _: Uuid) -> Result<Tally, StoreError> {
        unimplemented()
    }

    fn record(&self, _: &SubmissionKey) -> Result<Option<Work>, StoreError> {
        unimplemented()
    }

    fn health(&self, _: Uuid) -> Result<Health, StoreError> {
        unimplemented()
    }

    fn note(&self, _: Uuid, _: Usage, _: &Health) -> Result<(), StoreError> {
        unimplemented()
    }

    fn status(&self) -> Result<Vec<FilterStatus>, StoreError> {
        unimplemented()
    }

    fn survey(&self) -> Result<Survey, StoreError> {
        unimplemented()
    }

    fn hide_rejected(&self) -> Result<u64, StoreError> {
        unimplemented()
    }

    fn peek(&self, _: &FilterRef, _: ClaimSize) -> Result<(u64, Vec<Work>), StoreError> {
        unimplemented()
    }

    fn has(&self, _: Itype, _: &str) -> Result<bool, StoreError> {
        unimplemented()
    }

    fn archived(&self) -> Result<std::collections::BTreeMap<String, u64>, StoreError> {
        unreachable!()
    }

    fn discard(&self, _: i64) -> Result<bool, StoreError> {
        unimplemented()
    }

    fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        unimplemented()
    }

    fn export(&self, _: &ExportQuery, _: &mut dyn FnMut(&str) -> std::io::Result<()>) -> Result<u64, StoreError> {
        unimplemented()
    }

    fn document(&self, _: Hash) -> Result<Option<String>, StoreError> {
        unimplemented()
    }

    fn find_attributes(&self, _: &str) -> Result<Vec<Hash>, StoreError> {
        unimplemented()
    }

    fn correlate(&self, _: Hash) -> Result<Correlation, StoreError> {
        unimplemented()
    }
}

fn unimplemented<T>() -> Result<T, StoreError> {
    Err(StoreError::Permanent("ingest has no use for this".to_owned()))
}

/// How a run ended, and what it said.
struct Ran {
    exit: Result<Exit, String>,
    out: String,
    err: String,
    pauses: Vec<Duration>,
}

fn run_over(store: &Memory, folder: &Path, command: &str) -> Ran {
    let words = command.split(' ').map(|word| if word.contains('.') { folder.join(word).into_os_string() } else { word.into() });
    let all = ["runtime", "ingest", "--orgid", "org"].map(Into::into).into_iter().chain(words);
    let Some(Command::Ingest(args)) = Cli::try_parse_from(all).unwrap().command else { panic!("not ingest") };
    let origin = origin(&args, UNIX_EPOCH + Duration::from_millis(1_700_000_000_500)).unwrap();
    let (mut out, mut err, pauses) = (Vec::new(), Vec::new(), RefCell::new(Vec::new()));
    let output = Output { out: &mut out, err: &mut err, err_is_terminal: false };
    let ended = archive(&args, &origin, store, output, &|pause| pauses.borrow_mut().push(pause));
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&format!("{}/", folder.display()), "");
    Ran { exit: ended.map_err(|error| format!("{error:#}")), out: text(out), err: text(err), pauses: pauses.into_inner() }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn all_accepted_is_0_and_the_same_again_adds_nothing_and_is_0() {
    let folder = folder(&[("a.json", "{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n"), ("b.json", "[{\"b\":1}]")]);
    let store = Memory::default();
    let ran = run_over(&store, folder.path(), "--sub-type cowrie --timezone US/Pacific a.json b.json");
    assert_eq!(ran.exit, Ok(Exit::Complete));
    assert_eq!(ran.out, "2 files, 4 records: 3 new, 1 already there, 0 refused\n");
    assert_eq!(ran.err, "");
    for record in store.records() {
        assert_eq!((record.orgid.as_str(), record.timezone.as_str(), record.received_at), ("org", "US/Pacific", 1_700_000_000.5));
    }
    let again = run_over(&store, folder.path(), "--sub-type cowrie a.json");
    assert_eq!(again.exit, Ok(Exit::Complete));
    assert_eq!(again.out, "1 file, 3 records: 0 new, 3 already there, 0 refused\n");
}

#[test]
fn some_refused_is_3_and_each_is_named_by_file_and_line() {
    let folder = folder(&[("a.json", "oops\n{\"a\":2}\n"), ("b.json", "[{\"b\":1},2]"), ("c.json", "")]);
    let ran = run_over(&Memory::default(), folder.path(), "--sub-type cowrie a.json b.json c.json d.json");
    assert_eq!(ran.exit, Ok(Exit::Incomplete));
    assert_eq!(ran.out, "4 files, 6 records: 2 new, 0 already there, 4 refused\n");
    let expected = "a.json:1: not JSON: expected value at column 1\n\
                    b.json: element 2: expected a JSON object, found a number\n\
                    c.json: the file is empty\n\
                    d.json: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!(ran.err, expected);
}

#[test]
fn none_accepted_is_1() {
    let folder = folder(&[("a.json", "oops\n")]);
    assert_eq!(run_over(&Memory::default(), folder.path(), "--sub-type cowrie a.json none.json").exit, Ok(Exit::CouldNotRun));
}

#[test]
fn the_summary_for_machines_adds_up() {
    let folder = folder(&[("a.json", "oops\n{\"a\":2}\n"), ("b.json", "[{\"b\":1},2]")]);
    let ran = run_over(&Memory::default(), folder.path(), "--json --sub-type cowrie a.json b.json");
    let summary: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let summary_of = |name: &str| serde_json::json!({"file": name, "records": 2, "new": 1, "already_there": 0, "refused": 1});
    let expected = serde_json::json!({
        "records": 4, "new": 2, "already_there": 0, "refused": 2,
        "files": [summary_of("a.json"), summary_of("b.json")],
        "refusals": [
            {"file": "a.json", "line": 1, "reason": "not JSON: expected value at column 1"},
            {"file": "b.json", "element": 2, "reason": "expected a JSON object, found a number"},
        ],
        "refusals_left_out": 0,
        "left_out": 0,
        "error": null,
    });
    assert_eq!(summary, expected);
    assert_eq!(ran.out.lines().count(), 1);
}

#[test]
fn a_flood_of_refusals_is_counted_and_cut() {
    let folder = folder(&[("a.json", &"oops\n".repeat(2500)), ("b.json", "oops\n")]);
    let ran = run_over(&Memory::default(), folder.path(), "--json --sub-type cowrie a.json b.json");
    assert_eq!(ran.err.lines().filter(|line| line.starts_with("a.json:")).count(), 101);
    assert!(ran.err.ends_with("a.json: 2400 more refused\n"));
    assert!(ran.err.contains("b.json:1: "));
    let summary: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(summary.get("refusals").unwrap().as_array().unwrap().len(), 1000);
    assert_eq!(summary.get("refusals_left_out").unwrap(), 1501);
    assert_eq!(summary.get("refused").unwrap(), 2501);
}

#[test]
fn a_file_name_cannot_forge_a_line_or_command_the_terminal() {
    let folder = folder(&[("a\n0 refused\u{1b}[2J.json", "oops\n")]);
    let names: Vec<PathBuf> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut summary = Summary::new(&names);
    let line = summary.refused(0, At::Line(1), "\u{202e}reason".to_owned()).unwrap();
    assert!(line.ends_with("a\\n0 refused\\u{1b}[2J.json:1: \\u{202e}reason"), "{line}");
    assert!(summary.json(None).is_ascii());
}

#[test]
fn a_record_whose_hash_is_taken_is_refused_where_it_was_found() {
    let folder = folder(&[("a.json", "{\"a\":1}\n{\"a\":2}\n")]);
    let store = Memory { collides: r#"{"a":2}"#, ..Memory::default() };
    let ran = run_over(&store, folder.path(), "--sub-type cowrie a.json");
    assert_eq!(ran.exit, Ok(Exit::Incomplete));
    assert_eq!(ran.out, "1 file, 2 records: 1 new, 0 already there, 1 refused\n");
    assert_eq!(ran.err, "a.json:2: the archive holds another document with this record's hash (raw other)\n");
}

#[test]
fn batches_are_bounded_in_records_and_span_files() {
    let lines: String = (0..BATCH_RECORDS + 88).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    let folder = folder(&[("a.json", &lines), ("b.json", "{\"b\":1}")]);
    let store = Memory::default();
    let ran = run_over(&store, folder.path(), "--sub-type cowrie a.json b.json");
    assert_eq!(ran.exit, Ok(Exit::Complete));
    assert_eq!(store.batches.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [BATCH_RECORDS, 89]);
}

#[test]
fn batches_are_bounded_in_bytes_but_hold_a_record_at_least() {
    let store = Memory::default();
    let origin = Origin::new("t", "org", "UTC", Some(0.0), UNIX_EPOCH).unwrap();
    let (files, mut err) = ([PathBuf::from("a")], Vec::new());
    let progress = Progress::new(&mut err, false, &files);
    let (batch, summary) = (Batch::default(), Summary::new(&files));
    let mut archiver = Archiver { origin: &origin, store: &store, pause: &|_| {}, progress: &progress, batch, summary };
    for (line, size) in (1..).zip([BATCH_BYTES / 2, BATCH_BYTES / 2, 1, BATCH_BYTES + 1, 1]) {
        let document = RawDocument { hash: Hash::of(&[&[line]]), sub_type: "t".to_owned(), data: "x".repeat(size) };
        let place = Place { file: Path::new("a").into(), at: At::Line(line.into()) };
        archiver.item(0, Item::Record { place, document }).unwrap();
    }
    archiver.flush().unwrap();
    assert_eq!(store.batches.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 1]);
}

#[test]
fn a_busy_store_is_asked_again_and_nothing_is_counted_twice() {
    let folder = folder(&[("a.json", "{\"a\":1}\n")]);
    let store = Memory::default();
    store.failures.lock().unwrap().extend((0..6).map(|_| StoreError::Transient("locked".to_owned())));
    let ran = run_over(&store, folder.path(), "--sub-type cowrie a.json");
    assert_eq!(ran.exit, Ok(Exit::Complete));
    assert_eq!(ran.pauses, PAUSES);
    assert_eq!(ran.out, "1 file, 1 record: 1 new, 0 already there, 0 refused\n");
}

#[test]
fn a_store_that_fails_ends_the_command_with_what_was_archived_before() {
    let lines: String = (0..BATCH_RECORDS + 88).map(|i| format!("{{\"a\":{i}}}\n")).collect();
    for (failures, expected) in [
        (vec![StoreError::Permanent("disk full".to_owned())], "disk full"),
        ((0..7).map(|_| StoreError::Transient("locked".to_owned())).collect(), "the store is busy or out of reach: locked"),
    ] {
        let folder = folder(&[("a.json", &lines)]);
        let store = Memory::default();
        *store.failures.lock().unwrap() = failures;
        let ran = run_over(&store, folder.path(), "--json --sub-type cowrie a.json");
        let error = ran.exit.unwrap_err();
        assert!(error.starts_with("the archive did not take the records") && error.ends_with(expected), "{error}");
        assert!(ran.out.contains("\"new\":0") && ran.out.contains(expected), "{}", ran.out);
    }
}

#[test]
fn a_wrong_command_line_is_found_before_anything_is_read() {
    let words = ["runtime", "ingest", "--orgid", "org", "--sub-type", "cowrie", "--timezone", "Mars/Olympus", "none.json"];
    let Some(Command::Ingest(args)) = Cli::try_parse_from(words).unwrap().command else { panic!("not ingest") };
    assert!(origin(&args, UNIX_EPOCH).unwrap_err().to_string().contains("Mars/Olympus"));
}
