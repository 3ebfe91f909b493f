//! A server that is away, slow or silent while the runtime works: the run waits, says so, and loses nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::server::{Ledger, Server};
use crate::support::traffic::cowrie;
use crate::support::{Archive, command, filter, terminate};

const RECORDS: usize = 120;
/// Pairs of record and filter.
const PAIRS: u64 = 2 * RECORDS as u64;
/// So that there is something left to do when the server is stopped, on any machine.
const SLOW: &str = "delay 100ms";
/// For all that follows on a server that is slow by nature.
const PATIENCE: Duration = Duration::from_secs(120);

fn filters() -> [PathBuf; 2] {
    [filter("cowrie"), filter("sighting")]
}

fn ingest(archive: &Archive) {
    let file = archive.file("records.jsonl", cowrie(RECORDS));
    archive.ingest(&file, "cowrie", "org", &["--received-at", "1767225600"]).expect(0);
}

/// What an archive holds after a run that nobody disturbed.
fn undisturbed() -> String {
    let archive = Archive::new();
    ingest(&archive);
    archive.run(&filters(), &[]).expect(0);
    archive.export()
}

/// A server of its own, with what was archived there. Options of the address follow `?`.
fn server(folder: &Path, options: &str) -> Option<(Server, Archive)> {
    let server = Server::start(Some(folder), 0)?;
    let archive = Archive::at(format!("{}?serverSelectionTimeoutMS=1000{options}", server.store("outage")));
    ingest(&archive);
    Some((server, archive))
}

/// A runtime that works until it is told to end.
struct Daemon<'a> {
    archive: &'a Archive,
    child: Child,
}

impl<'a> Daemon<'a> {
    fn start(archive: &'a Archive) -> Self {
        let mut command = command(["--store", &archive.store(), "--workers", "2", "--filters"]);
        command.args(filters()).stdout(Stdio::null()).stderr(File::create(archive.path("log")).unwrap());
        Self { archive, child: command.spawn().unwrap() }
    }

    /// Ends it; returns what it logged.
    fn end(mut self) -> String {
        let (code, _) = terminate(&mut self.child);
        let log = std::fs::read_to_string(self.archive.path("log")).unwrap();
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

#[test]
fn a_server_that_stops_in_the_middle_is_waited_for_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut server, archive)) = server(folder.path(), "") else { return };
    let ledger = Ledger::of(&archive.store());
    server.tell(SLOW);
    let daemon = Daemon::start(&archive);
    ledger.wait_for(1, PATIENCE);
    let port = server.port;
    server.kill();
    std::thread::sleep(Duration::from_secs(6));
    let _again = Server::start(Some(folder.path()), port).unwrap();
    let before = ledger.rows();
    assert!(before < PAIRS, "all was done before the server stopped: this test needs more records");
    ledger.wait_for(PAIRS, PATIENCE);
    let log = daemon.end();
    // The second wait is about four seconds, and says what it waits for.
    let line =
        log.lines().find(|line| line.contains("trying again") && line.contains("failures=2")).unwrap_or_else(|| panic!("{log}"));
    let seconds: f64 = line.split_once("seconds=").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!((4.0..=5.0).contains(&seconds), "{line}");
    assert!(line.contains("reason=") && line.contains(&format!("127.0.0.1:{port}")), "{line}");
    archive.run(&filters(), &[]).expect(0);
    assert_eq!(archive.export(), undisturbed());
}

#[test]
fn a_server_that_is_slow_is_only_slow() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut server, archive)) = server(folder.path(), "") else { return };
    server.tell("delay 50ms");
    let ended = archive.run(&filters(), &[]).expect(0);
    assert!(!ended.err.contains("trying again"), "{}", ended.err);
    server.tell("delay 0s");
    assert_eq!(archive.export(), undisturbed());
}

#[test]
fn a_connection_that_hangs_in_the_middle_is_given_up_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than the slowest command of the stand-in.
    let Some((mut server, archive)) = server(folder.path(), "&socketTimeoutMS=5000") else { return };
    let ledger = Ledger::of(&archive.store());
    server.tell(SLOW);
    let daemon = Daemon::start(&archive);
    ledger.wait_for(1, PATIENCE);
    // One for each worker. The server hangs up long after the runtime does. The test itself asks nothing until both
    // are taken.
    server.tell("hang 2 30s");
    std::thread::sleep(Duration::from_secs(3));
    ledger.wait_for(PAIRS, PATIENCE);
    let log = daemon.end();
    assert!(log.contains("trying again") && log.contains("no answer within 5s"), "{log}");
    archive.run(&filters(), &[]).expect(0);
    assert_eq!(archive.export(), undisturbed());
}

#[test]
fn a_server_that_comes_after_the_runtime_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some((server, archive)) = server(folder.path(), "") else { return };
    let port = server.port;
    server.kill();
    let daemon = Daemon::start(&archive);
    std::thread::sleep(Duration::from_secs(5));
    let _again = Server::start(Some(folder.path()), port).unwrap();
    Ledger::of(&archive.store()).wait_for(PAIRS, PATIENCE);
    let log = daemon.end();
    assert!(log.contains("trying again"), "{log}");
    assert_eq!(archive.export(), undisturbed());
}
