use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::sync::{Client, Collection, Database};
use serde_json::json;
use tahoe_runtime::store;

use crate::Scale;
use crate::corpus::{COWRIE, COWRIE_OF_2021, component};
use crate::process::RUNTIME;
use crate::report::{Report, per_second, short, table, title};

/// How often the archive is asked how far it is, and how long it may stand still.
const LOOK: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a program may take to end when it is told to.
const ENDING: Duration = Duration::from_secs(30);

/// Times the program before this one and this one on the same server, with the same records: a database for each.
pub(crate) fn measure(scale: Scale, report: &mut Report) {
    title("Against the original, on one MongoDB server");
    let [command, uri, records] =
        ["ORIGINAL", "BENCH_MONGODB_URI", "BENCH_ORIGINAL_RECORDS"].map(|name| std::env::var(name).ok());
    let (Some(command), Some(uri)) = (command, uri) else {
        println!("not measured: ORIGINAL (the command that runs it) and BENCH_MONGODB_URI (a server) are not set");
        return;
    };
    let count = records.map_or(scale.records(1000), |records| records.parse().unwrap());
    let ours = format!("'{RUNTIME}' --config config.json --filters '{}'", component(COWRIE.filter).display());
    let rate = |name: &str, command: &str| {
        let elapsed = run(&uri, &format!("bench_{name}_{}", std::process::id()), command, count);
        per_second(count, elapsed)
    };
    let (original, ours) = (rate("original", &command), rate("runtime", &ours));
    let rows = [("the original", original), ("this runtime", ours)];
    println!("{count} Cowrie records, from the start of the program until all are marked\n");
    table(["program", "records/s"], rows.map(|(name, rate)| [name.to_owned(), short(rate)]));
    report.at_least("Cowrie on a MongoDB server, of the original's records/s", 50.0, ours / original, "times");
}

/// How long a program takes until it has marked all records of a database, which is made for it and dropped afterwards.
fn run(uri: &str, name: &str, command: &str, count: usize) -> Duration {
    let (server, options) = uri.split_once('?').map_or((uri, String::new()), |(server, options)| (server, format!("?{options}")));
    let server = server.trim_end_matches('/');
    let database = Client::with_uri_str(uri).unwrap().database(name);
    assert!(database.list_collection_names().run().unwrap().is_empty(), "the database {name} is there already");
    let scratch = Scratch(database);
    let archive = store::open(&format!("{server}/{name}{options}")).unwrap();
    COWRIE_OF_2021.records(count).chunks(500).for_each(|records| drop(archive.ingest(records).unwrap()));
    drop(archive);

    let folder = tempfile::tempdir().unwrap();
    let place = json!({"mongo_url": format!("{server}/{options}"), "db": name, "coll": "instance"});
    let config = json!({"tahoe": place, "archive": place, "analytics": place});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    // Whoever interrupts this must not have to look for the program and the database.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).unwrap();
    }
    let log = folder.path().join("program.log");
    let start = Instant::now();
    let mut program = Program::start(command, folder.path(), &log);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let (mut marked, mut moved) = (0, Instant::now());
    while marked < count as u64 {
        assert!(!interrupted.load(Ordering::Relaxed), "interrupted");
        assert!(
            program.0.try_wait().unwrap().is_none(),
            "{command} has ended, {marked} of {count} records are marked:\n{}",
            said()
        );
        assert!(
            moved.elapsed() < PATIENCE,
            "{command} has marked {marked} of {count} records, and no more for a long time:\n{}",
            said()
        );
        std::thread::sleep(LOOK);
        let now = marked_records(&scratch.0);
        if now > marked {
            (marked, moved) = (now, Instant::now());
        }
    }
    start.elapsed()
}

fn marked_records(database: &Database) -> u64 {
    let instances: Collection<Document> = database.collection("instance");
    instances.count_documents(doc! { "itype": "raw", "filters.0": { "$exists": true } }).run().unwrap()
}

/// A database that is dropped with this.
struct Scratch(Database);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = self.0.drop().run() {
            println!("the database {} could not be dropped: {error}", self.0.name());
        }
    }
}

/// A shell's command with all that it starts.
struct Program(Child);

impl Program {
    fn start(command: &str, folder: &Path, log: &Path) -> Self {
        let log = File::create(log).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        // A group of its own, which can be ended as a whole and holds nothing else.
        Self(shell.process_group(0).spawn().unwrap())
    }

    /// Whether there was anything left that could be sent this signal.
    fn signal(&self, signal: &str) -> bool {
        let group = format!("-{}", self.0.id());
        let kill = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
        kill.is_ok_and(|status| status.success())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal("-TERM");
        let _ = self.0.wait();
        // The shell may end before what it started, which may still be writing.
        let told = Instant::now();
        while self.signal("-0") {
            if told.elapsed() > ENDING {
                self.signal("-KILL");
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
